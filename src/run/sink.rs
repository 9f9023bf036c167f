//! Where findings go: to the lines of the run, and to what the policy needs of declarations.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::RecordBatch;
use arrow::compute::filter_record_batch;
use arrow::datatypes::UInt32Type;

use crate::interpret::Row;
use crate::interpret::row;
use crate::interpret::row::Columns;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::run;
use crate::run::Options;
use crate::run::carried::Carried;
use crate::run::lines::Line;
use crate::run::lines::Lines;
use crate::schema::FieldId;
use crate::sort::Sorter;
use crate::sort::merge::Merge;
use crate::trouble::Trouble;

/// Where what a line of the rule says stands in batches.
fn needed_by(set: &RuleSet, rule: RuleId, keys: &[FieldId], columns: &Columns) -> Columns {
    let fields = run::with(run::used(set, &[rule], true), keys.iter().copied());
    columns.only(&fields, &set.facts_of(&[rule], true))
}

/// What one worker has found; those of all workers are put together in the end.
pub struct Sink {
    set: Arc<RuleSet>,
    keys: Vec<FieldId>,
    /// Where what a rule needs to be explained stands in batches of its level, by rule.
    needed: BTreeMap<RuleId, Columns>,
    lines: Arc<Lines>,
    found: Sorter,
    /// With a policy.
    carried: Option<(Arc<Carried>, Sorter)>,
}

impl Sink {
    /// Of lines that begin with these keys, one of so many that find at once.
    pub fn new(set: &RuleSet, keys: &[FieldId], options: &Options, parts: usize) -> Sink {
        let (lines, carried) = (Lines::new(set, keys), Carried::of(set));
        let kinds = 1 + usize::from(carried.is_some());
        let room = options.room().map(|it| it / parts.max(1) / kinds);
        let place = options.place();
        Sink {
            set: Arc::new(set.clone()),
            keys: keys.to_vec(),
            needed: BTreeMap::new(),
            found: Sorter::new(&lines.order(), room, &place),
            lines: Arc::new(lines),
            carried: carried.map(|it| {
                let sorter = Sorter::new(&it.order(), room, &place);
                (Arc::new(it), sorter)
            }),
        }
    }

    /// Takes findings of the engine: rows, and the place of the rule of each.
    ///
    /// Errors: a disk that refuses.
    pub fn add(
        &mut self,
        columns: &Columns,
        batch: &RecordBatch,
        rules: &dyn Array,
    ) -> Result<(), Trouble> {
        let broken = |_| Trouble::bug("findings cannot be taken apart");
        let rules = rules.as_primitive::<UInt32Type>();
        let mut rest = None;
        if let Some((carried, sorter)) = &mut self.carried {
            let is_carried = |it: &u32| *it as usize == carried.rule().0;
            if rules.values().iter().all(is_carried) {
                return sorter.push(carried.of_batch(columns, batch)?);
            }
            if rules.values().iter().any(is_carried) {
                let some = rules.values().iter().map(|it| Some(is_carried(it)));
                let some: BooleanArray = some.collect();
                let own = filter_record_batch(batch, &some).map_err(broken)?;
                sorter.push(carried.of_batch(columns, &own)?)?;
                rest = Some(some);
            }
        }
        let wanted =
            (0..batch.num_rows()).filter(|at| rest.as_ref().is_none_or(|it| !it.value(*at)));
        let wanted: Vec<usize> = wanted.collect();
        let row = |at: &usize| {
            let rule = RuleId(rules.value(*at) as usize);
            let needed = self.needed.entry(rule);
            let needed = needed.or_insert_with(|| needed_by(&self.set, rule, &self.keys, columns));
            row::row(&self.set, needed, batch, *at)
        };
        let rows: Vec<Row> = wanted.iter().map(row).collect();
        let line = |(at, row)| Line { row, rule: RuleId(rules.value(at) as usize) };
        let lines = self.lines.batch(wanted.iter().copied().zip(&rows).map(line))?;
        self.found.push(lines)
    }

    /// Takes a row, and the rules that hit or are undecided.
    ///
    /// Errors: a disk that refuses.
    pub fn add_row(&mut self, row: &Row, mut rules: Vec<RuleId>) -> Result<(), Trouble> {
        if let Some((carried, sorter)) = &mut self.carried
            && let Some(at) = rules.iter().position(|it| *it == carried.rule())
        {
            rules.remove(at);
            sorter.push(carried.of_rows(std::iter::once(row))?)?;
        }
        let lines = rules.into_iter().map(|rule| Line { row, rule });
        self.found.push(self.lines.batch(lines)?)
    }

    /// What another worker has found too.
    ///
    /// Errors: a disk that refuses.
    pub fn absorb(&mut self, other: Sink) -> Result<(), Trouble> {
        self.found.absorb(other.found)?;
        if let (Some((_, ours)), Some((_, theirs))) = (&mut self.carried, other.carried) {
            ours.absorb(theirs)?;
        }
        Ok(())
    }

    /// Lines in their order, and what declarations carry in the order of their keys.
    ///
    /// Errors: a disk that refuses.
    pub fn sorted(self) -> Result<(Merge, Option<Merge>), Trouble> {
        let carried = self.carried.map(|it| it.1.sorted()).transpose()?;
        Ok((self.found.sorted()?, carried))
    }
}
