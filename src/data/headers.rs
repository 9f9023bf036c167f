//! Records in files of their own: the outer one by key, for the rows of the inner one.
//!
//! The outer records are held in memory, the columns in use only.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::UInt32Array;
use arrow::array::make_comparator;
use arrow::compute::SortOptions;
use arrow::compute::concat_batches;
use arrow::compute::take;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use arrow::row::RowConverter;
use arrow::row::SortField;

use crate::data::ROW;
use crate::data::Table;
use crate::data::disputed;
use crate::trouble::Trouble;

const BATCH: usize = 8_192;

/// Outer records by key. Rows that share a key agree on a value, or it is missing; a given value
/// wins over none.
pub struct Headers {
    batch: RecordBatch,
    converter: RowConverter,
    /// The place of a key among the distinct ones.
    places: HashMap<Box<[u8]>, usize>,
    /// For each column, the row that has the value of each distinct key.
    rows: Vec<Vec<Option<u32>>>,
}

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("outer records cannot be found by key")
}

impl Headers {
    /// Reads a table whole; `keys` are names of its columns.
    ///
    /// Errors: what reading it says.
    pub fn read(table: &Arc<Table>, keys: &[String]) -> Result<Headers, Trouble> {
        let numbered = Arc::new(table.numbered(0));
        let batches = numbered.read(BATCH).collect::<Result<Vec<_>, _>>()?;
        let mut batch = concat_batches(&numbered.arrow, &batches).map_err(broken)?;
        disputed::count_in(table, &batch, keys)?;
        let number = batch.schema().index_of(ROW).map_err(broken)?;
        batch.remove_column(number);
        let columns = key_columns(&batch.schema(), batch.columns(), keys)?;
        let fields = columns.iter().map(|it| SortField::new(it.data_type().clone()));
        let converter = RowConverter::new(fields.collect()).map_err(broken)?;
        let encoded = converter.convert_columns(&columns).map_err(broken)?;
        let mut places: HashMap<Box<[u8]>, usize> = HashMap::new();
        let mut members: Vec<Vec<u32>> = Vec::new();
        for (at, key) in encoded.iter().enumerate() {
            let place = *places.entry(Box::from(key.as_ref())).or_insert(members.len());
            if place == members.len() {
                members.push(Vec::with_capacity(1));
            }
            members[place].push(u32::try_from(at).map_err(broken)?);
        }
        let rows = batch
            .columns()
            .iter()
            .map(|it| members.iter().map(|rows| agreed(it, rows)).collect::<Result<Vec<_>, _>>())
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Headers { batch, converter, places, rows })
    }

    /// Fills the columns of the outer record, found by the key columns among `arrays`. Says which
    /// rows have a key that no outer record has.
    ///
    /// Errors: none but a fault of ours.
    pub fn fill(
        &self,
        schema: &Schema,
        keys: &[String],
        arrays: &mut [ArrayRef],
    ) -> Result<Vec<usize>, Trouble> {
        let columns = key_columns(schema, arrays, keys)?;
        let encoded = self.converter.convert_columns(&columns).map_err(broken)?;
        let found: Vec<Option<usize>> =
            encoded.iter().map(|it| self.places.get(it.as_ref()).copied()).collect();
        let header = self.batch.schema();
        for (at, field) in schema.fields().iter().enumerate() {
            let Ok(column) = header.index_of(field.name()) else { continue };
            if keys.contains(field.name()) {
                continue;
            }
            let rows = &self.rows[column];
            let row = |it: &Option<usize>| it.and_then(|it| rows[it]);
            let rows: UInt32Array = found.iter().map(row).collect();
            arrays[at] = take(self.batch.column(column), &rows, None).map_err(broken)?;
        }
        let given = |row: &usize| columns.iter().all(|it| it.is_valid(*row));
        Ok((0..found.len()).filter(|row| found[*row].is_none() && given(row)).collect())
    }
}

fn key_columns(
    schema: &Schema,
    arrays: &[ArrayRef],
    keys: &[String],
) -> Result<Vec<ArrayRef>, Trouble> {
    keys.iter().map(|it| Ok(arrays[schema.index_of(it).map_err(broken)?].clone())).collect()
}

/// The row whose value all given ones of a column equal.
fn agreed(column: &ArrayRef, rows: &[u32]) -> Result<Option<u32>, Trouble> {
    let mut given = rows.iter().copied().filter(|it| column.is_valid(*it as usize));
    let Some(first) = given.next() else { return Ok(None) };
    if rows.len() == 1 {
        return Ok(Some(first));
    }
    let compare = make_comparator(column, column, SortOptions::default()).map_err(broken)?;
    let same = given.all(|it| compare(first as usize, it as usize) == Ordering::Equal);
    Ok(same.then_some(first))
}
