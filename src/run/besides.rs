//! Tables that are read besides the judged rows: what does not fit in them is told too.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;

use crate::data::Table;
use crate::data::disputed;
use crate::data::tally::Beside;
use crate::data::tally::Fault;
use crate::data::tally::Report;
use crate::interpret::row;
use crate::ir::Kind;
use crate::ir::RuleSet;
use crate::ir::Statistic;
use crate::run::Opened;
use crate::run::Options;
use crate::run::source::Source;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;

/// What was read, by record and whether it is of `--history`: a table each time it was opened.
pub type Besides = Mutex<BTreeMap<(RecordId, bool), Vec<Arc<Table>>>>;

impl Opened {
    /// Remembers what facts read, with the records around. `first` is the number of the first
    /// file: those of history are not the data of this run.
    pub fn beside(&self, set: &RuleSet, record: RecordId, first: u64, source: &Source) {
        let Ok(mut all) = self.besides.lock() else { return };
        let mut add = |record: RecordId, table: &Arc<Table>| {
            all.entry((record, first != 0)).or_default().push(table.clone());
        };
        add(record, &source.table);
        let mut outer = set.schema.record(record).parent;
        let mut around = source.outer.as_ref().or(source.table.around());
        while let (Some(record), Some(table)) = (outer, around) {
            add(record, table);
            outer = set.schema.record(record).parent;
            around = table.around();
        }
    }

    /// Where rows are elements of lists, nobody else reads the rows around them that have none.
    ///
    /// Errors: what reading says.
    pub fn count_around(&self, options: &Options) -> Result<(), Trouble> {
        let Some(outer) = self.outer.as_ref().filter(|_| self.table.is_nested()) else {
            return Ok(());
        };
        outer.read(options.batch_size).try_for_each(|it| it.map(|_| ()))
    }

    /// What was read, all of it. Each table is held to the limit alone.
    ///
    /// Errors: tables with too many faulty rows.
    pub fn told(&self, set: &RuleSet, options: &Options) -> Result<Report, Trouble> {
        let (report, each) = self.read(set)?;
        enough(&each, &report, options.max_rejected)?;
        Ok(report)
    }

    /// What was read so far, and the same for each table; one that was read several times is told
    /// once.
    ///
    /// Errors: registers that cannot be read again.
    pub fn read(&self, set: &RuleSet) -> Result<(Report, Vec<Report>), Trouble> {
        let mut report = self.table.tally.report();
        let mut each = vec![report.clone()];
        let mut around = self.outer.as_ref().or(self.table.around());
        while let Some(table) = around {
            let own = table.tally.report();
            each.push(own.clone());
            report = report.with(own);
            around = table.around();
        }
        let all = self.besides.lock().map(|it| it.clone()).unwrap_or_default();
        let judged = set.schema.lineage(self.inner);
        for ((record, history), tables) in &all {
            if let Some(table) = tables.first().filter(|_| *history || !judged.contains(record)) {
                self.registered_twice(set, *record, table)?;
            }
            let own: Vec<Report> = tables.iter().map(|it| it.tally.report()).collect();
            // Of the judged rows themselves only columns that nobody else reads are new.
            if (*history || !judged.contains(record))
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
            // Of the data only what was read whole: parts that no window reaches are left out.
            let whole = tables.iter().map(|it| *history || it.is_whole());
            each.extend(own.into_iter().zip(whole).filter(|it| it.1).map(|it| it.0));
        }
        Ok((report, each))
    }

    /// Two entries of a register at one date that disagree.
    fn registered_twice(
        &self,
        set: &RuleSet,
        record: RecordId,
        table: &Arc<Table>,
    ) -> Result<(), Trouble> {
        let mut keys: BTreeSet<FieldId> = BTreeSet::new();
        for id in set.facts_of(&self.rules, self.evidence) {
            let fact = &set.facts[id.0];
            if fact.rows != record || fact.statistic != Statistic::Latest {
                continue;
            }
            let pairs = fact.keys.iter().chain(&fact.dates);
            keys.extend(pairs.filter_map(|it| match &it.0.kind {
                Kind::Field(id) => Some(*id),
                _ => None,
            }));
        }
        if keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = keys.iter().map(|it| row::column_name(&set.schema, *it)).collect();
        disputed::count(table, &keys)
    }
}

/// Whether tables have few enough rows that do not fit, each alone.
///
/// Errors: those that have more, every fault of `whole`, and the limit that would do.
fn enough(each: &[Report], whole: &Report, max_rejected: u64) -> Result<(), Trouble> {
    let over =
        |it: &&Report| it.faulty.saturating_mul(1_000_000) > it.read.saturating_mul(max_rejected);
    let share = |it: &Report| it.faulty as u128 * 1_000_000 / u128::from(it.read.max(1));
    let Some(worst) = each.iter().filter(over).max_by_key(|it| share(it)) else { return Ok(()) };
    let message = format!("{} of {} rows do not fit the schema", worst.faulty, worst.read);
    let limit = would_do(worst.faulty, worst.read);
    Err(Trouble::data(message).details(whole.faults.iter().map(Fault::words)).help(format!(
        "correct the data or its description, or allow more with `--max-rejected {limit}`"
    )))
}

/// The least round share that allows so many rows: `34%`, `0.2%`.
fn would_do(faulty: u64, read: u64) -> String {
    let (faulty, read) = (u128::from(faulty), u128::from(read.max(1)));
    for digits in 0..=4 {
        let steps = (faulty * 100 * 10_u128.pow(digits)).div_ceil(read);
        // Two digits tell enough; where rows are few among many, they stand further behind.
        if 10 <= steps || digits == 4 {
            let (whole, rest) = (steps / 10_u128.pow(digits), steps % 10_u128.pow(digits));
            let text = format!("{whole}.{rest:0width$}", width = digits as usize);
            return format!("{}%", text.trim_end_matches('0').trim_end_matches('.'));
        }
    }
    "100%".to_owned()
}
