//! Keys that stand in several tables of a run: written alike, and told where no record has them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::data::Table;
use crate::ir::RuleSet;
use crate::run::Again;
use crate::run::Opened;
use crate::run::Options;
use crate::run::one::each;
use crate::run::past::side::inputs;
use crate::run::source;
use crate::schema::RecordId;

/// The tables with the keys of a record, of the data or of history.
type Known = BTreeMap<(RecordId, bool), Option<Arc<Table>>>;

impl Opened {
    /// To be asked when all rows were read: whether keys that several tables have were written
    /// alike; without lines nobody sees them. Rows without a record around are counted.
    ///
    /// Errors: they were not, and are to be read again; what reading says.
    pub fn hold_together(
        &self,
        set: &RuleSet,
        with_lines: bool,
        options: &Options,
    ) -> Result<(), Again> {
        self.count_orphans(set, options)?;
        let tables: Vec<_> = self.tables.iter().map(|it| (*it.0, it.1.clone())).collect();
        if with_lines { self.written_alike(set, &tables) } else { Ok(()) }
    }

    /// Counts rows whose record around is in other files that nothing else was read of.
    fn count_orphans(&self, set: &RuleSet, options: &Options) -> Result<(), Again> {
        let mut all: Vec<(bool, Arc<Table>)> =
            self.tables.values().map(|it| (false, it.clone())).collect();
        for ((_, history), tables) in self.besides() {
            all.extend(tables.into_iter().map(|it| (history, it)));
        }
        let mut known = Known::new();
        let mut found = Vec::new();
        for (history, table) in all {
            let Some(record) = table.repeats().around else { continue };
            if !table.repeats().has_noted(record) {
                continue;
            }
            let entry = (record, history);
            if let Entry::Vacant(vacant) = known.entry(entry) {
                vacant.insert(self.keys_of(set, record, history, options)?);
            }
            let Some(Some(around)) = known.get(&entry) else { continue };
            if table.repeats().orphans.get().is_none() {
                found.push((table.repeats().lacking(around.repeats(), record)?, table));
            }
        }
        for (keys, table) in found {
            if keys.is_empty() {
                continue;
            }
            table.repeats().orphans.set(keys).ok();
            table.recount();
            each(&table, options, || (), |(), _| Ok(()))?;
        }
        Ok(())
    }

    /// A table that was read whole, with all keys of a record.
    fn keys_of(
        &self,
        set: &RuleSet,
        record: RecordId,
        history: bool,
        options: &Options,
    ) -> Result<Option<Arc<Table>>, Again> {
        let mut inputs = inputs(set, self, record)?.into_iter();
        let Some((input, first)) = inputs.find(|it| (it.1 != 0) == history) else {
            return Ok(None);
        };
        let rows = source::rows_of(set, input, record);
        let opened = self.tables.get(&rows).filter(|_| !history).cloned();
        let read = || {
            let of_rows = self.besides().into_iter().filter(|((other, of_history), _)| {
                *of_history == history && source::rows_of(set, input, *other) == rows
            });
            of_rows.flat_map(|it| it.1).find(|it| it.repeats().has_noted_all(record))
        };
        let table = match opened.or_else(read) {
            Some(it) => it,
            None => {
                let source = self.source(set, (input, first), record, &[])?;
                self.beside(set, record, first, &source);
                source.table
            }
        };
        // What is counted of it is counted in every pass.
        if !table.repeats().has_noted_all(record) || table.tally.report().read == 0 {
            each(&table, options, || (), |(), _| Ok(()))?;
        }
        Ok(Some(table))
    }

    /// Whether keys are written alike in what rules judge, of these tables of records, and in what
    /// is around that: not in what is read by chance only.
    ///
    /// Errors: they are not, and are to be read again; what reading says.
    pub fn written_alike(
        &self,
        set: &RuleSet,
        tables: &[(RecordId, Arc<Table>)],
    ) -> Result<(), Again> {
        let judged = self.levels.iter().filter(|it| !it.rules.is_empty());
        let mut meant: BTreeSet<RecordId> = judged.map(|it| it.source.rows).collect();
        let around = tables.iter().filter(|it| meant.contains(&it.0));
        let around: Vec<RecordId> = around.filter_map(|it| it.1.repeats().around).collect();
        meant.extend(around.into_iter().map(|it| source::rows_of(set, &self.input, it)));
        let mut all: Vec<Arc<Table>> = Vec::new();
        for (_, table) in tables.iter().filter(|it| meant.contains(&it.0)) {
            let mut next = Some(table);
            while let Some(it) = next {
                if !all.iter().any(|known| Arc::ptr_eq(known.repeats(), it.repeats())) {
                    all.push(it.clone());
                }
                next = it.around();
            }
        }
        let Some(first) = all.first() else { return Ok(()) };
        let common = first.repeats().common.clone();
        if common.is_alike(&all)? { Ok(()) } else { Err(Again::Settled) }
    }
}
