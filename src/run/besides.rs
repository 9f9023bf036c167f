//! Tables that are read besides the judged rows: what does not fit in them is told too.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;

use crate::data::Table;
use crate::data::disputed;
use crate::data::tally::Report;
use crate::interpret::row;
use crate::ir::Kind;
use crate::ir::RuleSet;
use crate::ir::Statistic;
use crate::run;
use crate::run::Opened;
use crate::run::Options;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;

/// By record, each once however often it is read.
pub type Besides = Mutex<BTreeMap<RecordId, Arc<Table>>>;

impl Opened {
    /// Remembers a table that facts read. `first` is the number of its first file: those of history
    /// are not the data of this run.
    pub fn beside(&self, set: &RuleSet, record: RecordId, first: u64, table: &Arc<Table>) {
        if first != 0 || set.schema.lineage(self.inner).contains(&record) {
            return;
        }
        if let Ok(mut all) = self.besides.lock() {
            all.entry(record).or_insert_with(|| table.clone());
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

    /// The report with the faults of the tables besides; each table is held to the limit alone.
    ///
    /// Errors: a table with too many faulty rows.
    pub fn with_besides(
        &self,
        set: &RuleSet,
        mut report: Report,
        options: &Options,
    ) -> Result<Report, Trouble> {
        let all = self.besides.lock().map(|it| it.clone()).unwrap_or_default();
        for (record, table) in &all {
            self.registered_twice(set, *record, table)?;
            let own = table.tally.report();
            run::enough(&own, options.max_rejected)?;
            report.faults.extend(own.faults);
        }
        report.sort();
        Ok(report)
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
