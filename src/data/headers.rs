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
use arrow::compute::is_not_null;
use arrow::compute::kernels::zip::zip;
use arrow::compute::take;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use arrow::row::RowConverter;
use arrow::row::SortField;

use crate::data::Table;
use crate::data::repeats::settled;
use crate::trouble::Trouble;
use crate::value::text::Form;

const BATCH: usize = 8_192;

/// Outer records by key. Where a flat extract repeats them, the rows of a key agree.
pub struct Headers {
    batch: RecordBatch,
    /// How the columns of the key compare.
    forms: Vec<Form>,
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
        let mut batches = table.read(BATCH).collect::<Result<Vec<_>, _>>()?;
        if table.is_to_be_read_again()? {
            table.tally.reset();
            batches = table.read(BATCH).collect::<Result<Vec<_>, _>>()?;
        }
        let batch = concat_batches(&table.arrow, &batches).map_err(broken)?;
        let form = |it: &String| Ok(table.form(batch.schema().index_of(it).map_err(broken)?));
        let forms = keys.iter().map(form).collect::<Result<Vec<_>, Trouble>>()?;
        let columns = key_columns(&batch.schema(), batch.columns(), keys, &forms)?;
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
        Ok(Headers { batch, forms, converter, places, rows })
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
        let columns = key_columns(schema, arrays, keys, &self.forms)?;
        let encoded = self.converter.convert_columns(&columns).map_err(broken)?;
        let found: Vec<Option<usize>> =
            encoded.iter().map(|it| self.places.get(it.as_ref()).copied()).collect();
        let header = self.batch.schema();
        for (at, field) in schema.fields().iter().enumerate() {
            let Ok(column) = header.index_of(field.name()) else { continue };
            let rows = &self.rows[column];
            let row = |it: &Option<usize>| it.and_then(|it| rows[it]);
            let rows: UInt32Array = found.iter().map(row).collect();
            let form = keys.iter().position(|it| it == field.name()).map(|it| self.forms[it]);
            // The key as the outer record writes it; without one as it stands.
            let kept = match form {
                Some(Form::Exact) => continue,
                Some(Form::Folded | Form::Name) => Some(arrays[at].clone()),
                None => None,
            };
            let filled = take(self.batch.column(column), &rows, None).map_err(broken)?;
            arrays[at] = match kept {
                Some(own) => {
                    zip(&is_not_null(&filled).map_err(broken)?, &filled, &own).map_err(broken)?
                }
                None => filled,
            };
        }
        let given = |row: &usize| columns.iter().all(|it| it.is_valid(*row));
        Ok((0..found.len()).filter(|row| found[*row].is_none() && given(row)).collect())
    }
}

/// The columns of the key, in the forms in which they compare.
fn key_columns(
    schema: &Schema,
    arrays: &[ArrayRef],
    keys: &[String],
    forms: &[Form],
) -> Result<Vec<ArrayRef>, Trouble> {
    let column = |(key, form): (&String, &Form)| {
        settled::formed(&arrays[schema.index_of(key).map_err(broken)?], *form)
    };
    keys.iter().zip(forms).map(column).collect()
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
