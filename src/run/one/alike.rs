//! Rows that are the same in the eyes of some facts, counted.

use std::collections::HashMap;

use ahash::RandomState;
use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use arrow::row::RowConverter;
use arrow::row::SortField;

use crate::data::Table;
use crate::interpret::Row;
use crate::interpret::row;
use crate::interpret::why::past::Gathering;
use crate::ir::FactId;
use crate::ir::RuleSet;
use crate::schema::FieldId;
use crate::trouble::Trouble;

/// So many different rows are held before facts look at them.
const HELD: usize = 1 << 15;

#[derive(Default)]
pub struct Alike {
    converter: Option<RowConverter>,
    /// By what stands in the columns: a row, and how often.
    rows: HashMap<Box<[u8]>, (Row, usize), RandomState>,
}

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("rows cannot be compared")
}

impl Alike {
    /// The columns of these fields.
    pub fn places(set: &RuleSet, table: &Table, fields: &[FieldId]) -> Vec<usize> {
        let place = |it: &FieldId| table.arrow.index_of(&row::column_name(&set.schema, *it)).ok();
        fields.iter().filter_map(place).collect()
    }

    /// Counts the rows of a batch that may be looked at, by what they have in these columns.
    ///
    /// Errors: none but a fault of ours.
    pub fn add(
        &mut self,
        batch: &RecordBatch,
        columns: &[usize],
        mut may: impl FnMut(usize) -> bool,
        row: impl Fn(usize) -> Row,
    ) -> Result<(), Trouble> {
        if columns.is_empty() {
            let rows: Vec<usize> = (0..batch.num_rows()).filter(|at| may(*at)).collect();
            rows.first().iter().for_each(|it| self.count(&[], rows.len(), || row(**it)));
            return Ok(());
        }
        let columns: Vec<ArrayRef> = columns.iter().map(|it| batch.column(*it).clone()).collect();
        if self.converter.is_none() {
            let fields = columns.iter().map(|it| SortField::new(it.data_type().clone()));
            self.converter = Some(RowConverter::new(fields.collect()).map_err(broken)?);
        }
        let Some(converter) = &self.converter else { return Ok(()) };
        let all = converter.convert_columns(&columns).map_err(broken)?;
        // Rows that follow one another are often alike.
        let mut last: Option<(usize, usize)> = None;
        for at in (0..batch.num_rows()).filter(|at| may(*at)) {
            match &mut last {
                Some((first, times)) if all.row(*first) == all.row(at) => *times += 1,
                _ => {
                    if let Some((first, times)) = last.replace((at, 1)) {
                        self.count(all.row(first).as_ref(), times, || row(first));
                    }
                }
            }
        }
        if let Some((first, times)) = last {
            self.count(all.row(first).as_ref(), times, || row(first));
        }
        Ok(())
    }

    fn count(&mut self, key: &[u8], times: usize, row: impl Fn() -> Row) {
        match self.rows.get_mut(key) {
            Some(known) => known.1 += times,
            None => {
                self.rows.insert(Box::from(key), (row(), times));
            }
        }
    }

    pub fn is_full(&self) -> bool {
        HELD <= self.rows.len()
    }

    /// Gives what is held to the facts.
    pub fn drain(&mut self, facts: &[FactId], into: &mut Gathering) {
        for (_, (row, times)) in self.rows.drain() {
            facts.iter().for_each(|it| into.add_for(*it, &row, times));
        }
    }
}
