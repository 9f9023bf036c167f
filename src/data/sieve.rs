//! Rows of a few keys, told from all others before anything is converted.
//!
//! What passes may be wanted; what does not cannot be. Letters and digits alone are compared,
//! whatever their case and without zeros before them, so that no way of writing a key is missed.

use std::collections::HashSet;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;

use crate::data::DataFile;
use crate::data::Table;
use crate::data::columnar;
use crate::data::scan::Raw;
use crate::data::scan::RawRows;
use crate::schema::FieldId;
use crate::schema::Type;

/// What may stand in a column of the rows that are wanted.
#[derive(Debug)]
pub struct Sieve {
    column: usize,
    texts: HashSet<Vec<u8>>,
}

impl Sieve {
    /// For rows whose field is one of these texts; nothing where that cannot be told.
    pub fn of<'a>(
        table: &Table,
        field: FieldId,
        texts: impl Iterator<Item = &'a str>,
    ) -> Option<Sieve> {
        let column = table.columns.iter().position(|it| *it == field)?;
        match &table.fields[column].reading.ty {
            Type::Text(_) => {}
            Type::Whole
            | Type::Code(_)
            | Type::Choice(_)
            | Type::Country
            | Type::Currency
            | Type::Number(_)
            | Type::Truth
            | Type::Date
            | Type::DateTime
            | Type::Duration
            | Type::Error => return None,
        }
        let told = |it: &str| {
            let mut res = Vec::new();
            plain(it.as_bytes(), &mut res).then_some(res).filter(|it| !it.is_empty())
        };
        Some(Sieve { column, texts: texts.map(told).collect::<Option<_>>()? })
    }

    fn may_be(&self, cell: Option<&[u8]>, room: &mut Vec<u8>) -> bool {
        cell.is_some_and(|it| !plain(it, room) || self.texts.contains(room.as_slice()))
    }

    /// The rows that may be wanted, with their numbers.
    pub fn pass(&self, file: &DataFile, raw: Raw) -> Raw {
        let Some(place) = file.places[self.column].filter(|_| file.nest.is_none()) else {
            return raw;
        };
        let mut room = Vec::new();
        let first = raw.first;
        let numbers = |keep: &[bool]| {
            let kept = (first..).zip(keep).filter(|it| *it.1);
            Some(kept.map(|it| it.0).collect())
        };
        match raw.rows {
            RawRows::Text(mut rows) => {
                let mut may = |row| {
                    // Who knows what stands where in a row that is ragged?
                    rows.width(row) != file.header.len()
                        || rows.stray(row).is_some()
                        || self.may_be(rows.cell(row, place), &mut room)
                };
                let keep: Vec<bool> = (0..rows.len()).map(&mut may).collect();
                rows.retain(&keep);
                Raw { first, around: numbers(&keep), rows: RawRows::Text(rows) }
            }
            RawRows::Columns(batch) => {
                let column = batch.column_by_name(&file.header[place]);
                let Some(texts) = column.and_then(columnar::as_text) else {
                    return Raw { first, around: None, rows: RawRows::Columns(batch) };
                };
                let texts = texts.as_string::<i32>();
                let mut may = |row| {
                    let cell = texts.is_valid(row).then(|| texts.value(row).as_bytes());
                    self.may_be(cell, &mut room)
                };
                let keep: Vec<bool> = (0..batch.num_rows()).map(&mut may).collect();
                match filter_record_batch(&batch, &BooleanArray::from(keep.clone())) {
                    Ok(some) => Raw { first, around: numbers(&keep), rows: RawRows::Columns(some) },
                    Err(_) => Raw { first, around: None, rows: RawRows::Columns(batch) },
                }
            }
        }
    }
}

/// The letters and digits, small and without zeros before them; false where other letters than
/// those of ASCII stand there too.
fn plain(cell: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    for byte in cell {
        if !byte.is_ascii() {
            return false;
        }
        if byte.is_ascii_alphanumeric() && !(out.is_empty() && *byte == b'0') {
            out.push(byte.to_ascii_lowercase());
        }
    }
    true
}
