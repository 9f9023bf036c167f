//! Rows of a few keys, told from all others before anything is converted.
//!
//! What passes may be wanted; what does not cannot be. Letters and digits alone are compared,
//! whatever their case and without zeros before them, so that no way of writing a key is missed.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;

use crate::data::DataFile;
use crate::data::Outer;
use crate::data::Table;
use crate::data::columnar;
use crate::data::scan::Raw;
use crate::data::scan::RawRows;
use crate::schema::FieldId;
use crate::schema::Type;

/// What may stand in columns of the rows that are wanted: in one of them at least.
#[derive(Debug)]
pub struct Sieve {
    tests: Vec<Test>,
}

#[derive(Debug)]
struct Test {
    column: usize,
    /// Whether cells may go on after the text.
    begins: bool,
    texts: HashSet<Vec<u8>>,
    lengths: BTreeSet<usize>,
}

impl Sieve {
    /// For rows of which one of these fields is, or begins with, one of its texts; nothing where
    /// that cannot be told.
    pub fn of<'a, T: Iterator<Item = &'a str>>(
        table: &Table,
        clues: impl Iterator<Item = (FieldId, bool, T)>,
    ) -> Option<Sieve> {
        let mut tests: Vec<Test> = Vec::new();
        for (field, begins, texts) in clues {
            let test = Test::of(table, field, begins, texts)?;
            let alike = |it: &&mut Test| it.column == test.column && it.begins == test.begins;
            match tests.iter_mut().find(alike) {
                Some(known) => {
                    known.texts.extend(test.texts);
                    known.lengths.extend(test.lengths);
                }
                None => tests.push(test),
            }
        }
        Some(Sieve { tests })
    }
}

impl Test {
    fn of<'a>(
        table: &Table,
        field: FieldId,
        begins: bool,
        texts: impl Iterator<Item = &'a str>,
    ) -> Option<Test> {
        let column = table.columns.iter().position(|it| *it == field)?;
        match &table.fields[column].reading.ty {
            Type::Text(_) | Type::Code(_) | Type::Country | Type::Currency => {}
            Type::Whole
            | Type::Choice(_)
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
        let texts: HashSet<Vec<u8>> = texts.map(told).collect::<Option<_>>()?;
        let lengths = texts.iter().map(Vec::len).collect();
        Some(Test { column, begins, texts, lengths })
    }

    fn may_be(&self, cell: Option<&[u8]>, room: &mut Vec<u8>) -> bool {
        let Some(cell) = cell else { return false };
        if !plain(cell, room) {
            return true;
        }
        match self.begins {
            false => self.texts.contains(room.as_slice()),
            true => self
                .lengths
                .iter()
                .any(|length| room.get(..*length).is_some_and(|begin| self.texts.contains(begin))),
        }
    }
}

impl Sieve {
    /// The rows that may be wanted, with their numbers.
    pub fn pass(&self, file: &DataFile, raw: Raw) -> Raw {
        let tests = self.tests.iter().map(|it| Some((it, file.places[it.column]?)));
        let Some(tests) = tests.collect::<Option<Vec<_>>>().filter(|_| file.nest.is_none()) else {
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
                        || tests.iter().any(|it| it.0.may_be(rows.cell(row, it.1), &mut room))
                };
                let keep: Vec<bool> = (0..rows.len()).map(&mut may).collect();
                rows.retain(&keep);
                Raw { first, around: numbers(&keep), rows: RawRows::Text(rows) }
            }
            RawRows::Columns(batch) => {
                let texts = tests.iter().map(|(test, place)| {
                    let column = batch.column_by_name(&file.header[*place]);
                    Some((*test, columnar::as_text(column?)?))
                });
                let Some(texts) = texts.collect::<Option<Vec<_>>>() else {
                    return Raw { first, around: None, rows: RawRows::Columns(batch) };
                };
                let texts: Vec<_> =
                    texts.iter().map(|(test, it)| (*test, it.as_string::<i32>())).collect();
                let mut may = |row: usize| {
                    texts.iter().any(|(test, it)| {
                        let cell = it.is_valid(row).then(|| it.value(row).as_bytes());
                        test.may_be(cell, &mut room)
                    })
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

impl Table {
    /// The same table, of which only rows that pass are read; those alone are counted, and what is
    /// known of their keys is another thing than what is known of all.
    pub fn sieved(&self, sieve: Option<Sieve>) -> Table {
        let Some(sieve) = sieve else {
            return Table { tally: self.tally.clone(), ..self.again() };
        };
        let (tally, repeats) = (self.tally.clone(), Arc::new(self.repeats.unknown()));
        Table { tally, repeats, sieve: Some(Arc::new(sieve)), ..self.again() }
    }

    /// The same, of which records around in files of their own are told apart likewise.
    pub fn sieved_around(&self, sieve: &dyn Fn(&Table) -> Option<Sieve>) -> Table {
        let apart = |it: &Outer| {
            let (tally, headers) = (Arc::default(), Arc::default());
            let table = Table { tally, headers, ..it.table.sieved_around(sieve) };
            Outer { table: Arc::new(table), keys: it.keys.clone() }
        };
        Table { outer: self.outer.as_ref().map(apart), ..self.sieved(sieve(self)) }
    }

    /// Whether the files themselves have a column of the field.
    pub fn has(&self, field: FieldId) -> bool {
        let at = self.columns.iter().position(|it| *it == field);
        at.is_some_and(|at| self.files.iter().all(|it| it.places[at].is_some()))
    }

    /// The record around, in files of its own.
    pub fn apart(&self) -> Option<&Arc<Table>> {
        self.outer.as_ref().map(|it| &it.table)
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
