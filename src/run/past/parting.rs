//! Rows on their way to disk, parted by key: those of a key are read again together.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::NullArray;
use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::compute::cast;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::DataType;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use datafusion::error::DataFusionError;
use datafusion::error::Result;

use crate::plan::past::keep;
use crate::plan::past::keep::Hashes;
use crate::plan::past::keep::Keep;
use crate::plan::past::keep::KeyColumns;
use crate::run::past::side::Taking;
use crate::sort::parted::Parted;
use crate::trouble::Trouble;

/// How rows are parted.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Columns of a batch; none where all rows are one part.
    pub keys: KeyColumns,
    pub parts: usize,
    /// For each column after the number of the row, whether it is wanted at all.
    pub held: Vec<bool>,
    /// Columns of days of which the first and the last are wanted.
    pub days: Vec<usize>,
}

/// Rows on disk.
pub struct Rows {
    pub parted: Parted,
    /// How many were read, those without a key too.
    read: usize,
    /// By column, the first and the last day.
    pub days: BTreeMap<usize, (i32, i32)>,
}

impl Rows {
    /// Without rows.
    ///
    /// Errors: a folder that cannot be written to.
    pub fn create(folder: &Path, parts: usize) -> std::result::Result<Rows, Trouble> {
        Ok(Rows { parted: Parted::create(folder, parts)?, read: 0, days: BTreeMap::new() })
    }

    pub fn is_empty(&self) -> bool {
        self.read == 0
    }
}

/// The rows of one reader.
pub struct Parting {
    plan: Plan,
    keep: Keep,
    hashes: Hashes,
    batches: Vec<RecordBatch>,
    /// By part: the batch, and the row in it.
    places: Vec<Vec<(usize, usize)>>,
    rows: usize,
    days: BTreeMap<usize, (i32, i32)>,
}

impl Parting {
    pub fn new(plan: &Plan, keep: Keep) -> Parting {
        Parting {
            plan: plan.clone(),
            keep,
            hashes: Hashes::new(),
            batches: Vec::new(),
            places: vec![Vec::new(); plan.parts],
            rows: 0,
            days: BTreeMap::new(),
        }
    }

    /// Only what is wanted; texts as they are, since dictionaries would be written every time.
    fn compact(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (at, array) in batch.columns().iter().enumerate() {
            let is_held = at == 0 || self.plan.held[at - 1];
            let array = match array.data_type() {
                _ if !is_held => Arc::new(NullArray::new(array.len())),
                DataType::Dictionary(..) => cast(array, &DataType::Utf8)?,
                _ => array.clone(),
            };
            fields.push(Field::new(format!("c{at}"), array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let schema = Arc::new(Schema::new(fields));
        Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
    }

    fn see_days(&mut self, batch: &RecordBatch) {
        for at in &self.plan.days {
            let Some(days) = batch.column(*at).as_primitive_opt::<Date32Type>() else { continue };
            for day in days.iter().flatten() {
                let (first, last) = self.days.entry(*at).or_insert((day, day));
                (*first, *last) = ((*first).min(day), (*last).max(day));
            }
        }
    }
}

impl Taking for Parting {
    type Whole = Rows;
    const AT_ONCE: usize = 131_072;

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = &*self.keep.filtered(batch)?;
        let Plan { keys, parts, .. } = &self.plan;
        for (row, part) in
            keep::parts(batch, keys, *parts, &mut self.hashes)?.into_iter().enumerate()
        {
            if let Some(part) = part {
                self.places[part as usize].push((self.batches.len(), row));
            }
        }
        self.see_days(batch);
        self.rows += batch.num_rows();
        self.batches.push(self.compact(batch)?);
        Ok(())
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn move_to(&mut self, whole: &mut Rows) -> Result<()> {
        let batches = std::mem::take(&mut self.batches);
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        for (part, places) in self.places.iter_mut().enumerate() {
            if !places.is_empty() {
                let rows = interleave_record_batch(&batches, places)?;
                let written = whole.parted.write(part, &rows);
                written.map_err(|it| DataFusionError::External(Box::new(it)))?;
                places.clear();
            }
        }
        for (at, (first, last)) in std::mem::take(&mut self.days) {
            let known = whole.days.entry(at).or_insert((first, last));
            *known = (known.0.min(first), known.1.max(last));
        }
        whole.read += std::mem::take(&mut self.rows);
        Ok(())
    }
}
