//! Tables that are read besides the judged rows: what does not fit in them is told too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use crate::data::Table;
use crate::data::tally::Beside;
use crate::data::tally::Report;
use crate::data::tally::enough;
use crate::ir::RuleSet;
use crate::run::Again;
use crate::run::Opened;
use crate::run::Options;
use crate::run::source;
use crate::run::source::Source;
use crate::schema::RecordId;
use crate::trouble::Trouble;

/// What was read, by record and whether it is of `--history`: a table each time it was opened.
pub type Besides = Mutex<BTreeMap<(RecordId, bool), Vec<Arc<Table>>>>;

impl Opened {
    /// What was read so far besides the judged rows.
    pub fn besides(&self) -> BTreeMap<(RecordId, bool), Vec<Arc<Table>>> {
        self.besides.lock().map(|it| it.clone()).unwrap_or_default()
    }

    /// Remembers what facts read, with the records around, but holds no rows of these. `first` is
    /// the number of the first file: those of history are not the data of this run.
    pub fn beside(&self, set: &RuleSet, record: RecordId, first: u64, source: &Source) {
        let Ok(mut all) = self.besides.lock() else { return };
        let mut add = |record: RecordId, table: &Arc<Table>| {
            all.entry((record, first != 0)).or_default().push(table.clone());
        };
        let table = Arc::new(source.table.unprepared());
        add(record, &table);
        let mut outer = set.schema.record(record).parent;
        let mut around = table.around();
        while let (Some(record), Some(table)) = (outer, around) {
            add(record, table);
            outer = set.schema.record(record).parent;
            around = table.around();
        }
    }

    /// Where rows are elements of lists, nobody else reads the rows around them that have none.
    ///
    /// Errors: what reading says.
    pub fn count_around(&self, set: &RuleSet, options: &Options) -> Result<(), Again> {
        if !self.tables.values().any(|it| it.is_nested()) {
            return Ok(());
        }
        let counted = self.counted(set);
        for (_, table) in self.tables.iter().filter(|it| !counted.contains(it.0)) {
            table.prepare(&options.limits())?;
            table.read(options.batch_size).try_for_each(|it| it.map(|_| ()))?;
            if table.is_to_be_read_again()? {
                return Err(Again::Settled);
            }
        }
        Ok(())
    }

    /// What was read, all of it. Each table is held to the limit alone.
    ///
    /// Errors: tables with too many faulty rows.
    pub fn told(&self, set: &RuleSet, options: &Options) -> Result<Report, Trouble> {
        let (report, each) = self.read(set);
        enough(&each, &report, options.max_rejected)?;
        Ok(report)
    }

    /// What was read so far, and the same for each table; one that was read several times is told
    /// once.
    pub fn read(&self, set: &RuleSet) -> (Report, Vec<Report>) {
        let mut each: Vec<Report> = self.tables.values().map(|it| it.tally.report()).collect();
        let mut report = each.iter().cloned().fold(Report::default(), Report::with);
        let all = self.besides();
        let counted = self.counted(set);
        let judged = |it: RecordId| counted.contains(&source::rows_of(set, &self.input, it));
        for ((record, history), tables) in &all {
            let own: Vec<Report> = tables.iter().map(|it| it.tally.report()).collect();
            // Of the judged rows themselves only columns that nobody else reads are new.
            if (*history || !judged(*record))
                && let Some(it) = own.iter().max_by_key(|it| (it.read, it.faulty))
            {
                report.besides.push(Beside {
                    record: set.schema.record(*record).name.clone(),
                    history: *history,
                    read: it.read,
                    rejected: it.rejected,
                    faulty: it.faulty,
                });
            }
            own.iter().for_each(|it| report.take(it.faults.clone()));
            // Where parts that no window reaches are left out, all rows are known elsewhere.
            let rows = self.tables.get(record).map_or(0, |it| it.tally.read());
            each.extend(own.into_iter().map(|it| Report { read: it.read.max(rows), ..it }));
        }
        (report, each)
    }
}
