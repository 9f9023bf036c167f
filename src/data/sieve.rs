//! Rows of a few keys, told from all others before anything is converted.
//!
//! What passes may be wanted; what does not cannot be. Letters and digits alone are compared,
//! whatever their case and without zeros before them, so that no way of writing a key is missed.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::hash::Hasher;
use std::sync::Arc;

use ahash::RandomState;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;

use crate::data::DataFile;
use crate::data::Outer;
use crate::data::Table;
use crate::data::columnar;
use crate::data::line::Cells;
use crate::data::records;
use crate::data::scan::Raw;
use crate::data::scan::RawRows;
use crate::schema::FieldId;
use crate::schema::Type;

/// Prints of cells, or of the cells of a key together.
pub type Prints = HashSet<u64, RandomState>;

/// What may stand in columns of the rows that are wanted: one of the tests holds.
#[derive(Debug)]
pub struct Sieve {
    tests: Vec<Test>,
}

/// That the cells of some columns, together, have one of these prints.
#[derive(Debug)]
struct Test {
    columns: Vec<(usize, Kind)>,
    /// Whether a cell may go on after the text; of one column.
    begins: bool,
    prints: Prints,
    lengths: BTreeSet<usize>,
    /// With which bytes the only cell may begin, and end.
    starts: Box<[bool; 256]>,
    ends: Box<[bool; 256]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// Digits alone are told apart.
    Whole,
}

/// What a row must have: the fields that are looked at together, and texts of them.
pub struct Wanted {
    pub fields: Vec<FieldId>,
    /// Whether the only field may go on after the text.
    pub begins: bool,
    pub prints: Prints,
    lengths: BTreeSet<usize>,
    /// The first and the last bytes; nothing for any.
    starts: BTreeSet<Option<u8>>,
    ends: BTreeSet<Option<u8>>,
}

/// The same in every table; no answer depends on it.
fn state() -> RandomState {
    RandomState::with_seeds(5, 6, 7, 8)
}

/// The print of the texts of a key, each as a table has it; nothing where other letters than those
/// of ASCII stand in one, which is always looked at.
pub fn print<'a>(texts: impl Iterator<Item = &'a str>) -> Option<u64> {
    let mut hasher = state().build_hasher();
    let mut room = Vec::new();
    for it in texts {
        if !plain(it.as_bytes(), &mut room) {
            return None;
        }
        hasher.write(&room);
        hasher.write_u8(0);
    }
    Some(hasher.finish())
}

impl Wanted {
    /// That a field is, or begins with, one of these texts.
    pub fn of<'a>(field: FieldId, begins: bool, texts: impl Iterator<Item = &'a str>) -> Wanted {
        let mut res = Wanted::keys(vec![field], Prints::with_hasher(state()));
        res.begins = begins;
        let mut room = Vec::new();
        res.starts.clear();
        res.ends.clear();
        for it in texts {
            if !plain(it.as_bytes(), &mut room) {
                // Cells like it are always looked at, whatever stands at their ends.
                res.starts.insert(None);
                res.ends.insert(None);
                continue;
            }
            res.lengths.insert(room.len());
            res.starts.insert(room.first().copied());
            res.ends.insert(room.last().copied());
            res.prints.extend(print(std::iter::once(it)));
        }
        res
    }

    /// That these fields together have one of these prints.
    pub fn keys(fields: Vec<FieldId>, prints: Prints) -> Wanted {
        let (starts, ends) = (BTreeSet::from([None]), BTreeSet::from([None]));
        Wanted { fields, begins: false, prints, lengths: BTreeSet::new(), starts, ends }
    }

    /// No prints yet.
    pub fn none() -> Prints {
        Prints::with_hasher(state())
    }
}

impl Sieve {
    /// For rows that have one of these; nothing where that cannot be told.
    pub fn of<'a>(table: &Table, wanted: impl Iterator<Item = &'a Wanted>) -> Option<Sieve> {
        let mut tests: Vec<Test> = Vec::new();
        for it in wanted {
            let test = Test::of(table, it)?;
            let alike = |it: &&mut Test| it.columns == test.columns && it.begins == test.begins;
            match tests.iter_mut().find(alike) {
                Some(known) => {
                    known.prints.extend(test.prints);
                    known.lengths.extend(test.lengths);
                    known.starts.iter_mut().zip(*test.starts).for_each(|it| *it.0 |= it.1);
                    known.ends.iter_mut().zip(*test.ends).for_each(|it| *it.0 |= it.1);
                }
                None => tests.push(test),
            }
        }
        Some(Sieve { tests })
    }

    /// Whether fields of this type can be told apart.
    pub fn tells(table: &Table, field: FieldId) -> bool {
        let at = table.columns.iter().position(|it| *it == field);
        at.is_some_and(|at| kind(&table.fields[at].reading.ty).is_some())
    }
}

fn kind(ty: &Type) -> Option<Kind> {
    match ty {
        Type::Text(_) | Type::Code(_) | Type::Country | Type::Currency => Some(Kind::Text),
        Type::Whole => Some(Kind::Whole),
        Type::Choice(_)
        | Type::Number(_)
        | Type::Truth
        | Type::Date
        | Type::DateTime
        | Type::Duration
        | Type::Error => None,
    }
}

/// The bytes with which a cell may begin, or end, or any.
fn bytes(known: &BTreeSet<Option<u8>>, any: bool) -> Box<[bool; 256]> {
    let mut res = Box::new([any || known.contains(&None); 256]);
    for it in known.iter().flatten() {
        res[usize::from(*it)] = true;
        res[usize::from(it.to_ascii_uppercase())] = true;
    }
    // Cells with other signs there, and with zeros, are looked at closely.
    for byte in (0..=u8::MAX).filter(|it| !it.is_ascii_alphanumeric() || *it == b'0') {
        res[usize::from(byte)] = true;
    }
    res
}

impl Test {
    fn of(table: &Table, wanted: &Wanted) -> Option<Test> {
        let column = |field: &FieldId| {
            let column = table.columns.iter().position(|it| it == field)?;
            Some((column, kind(&table.fields[column].reading.ty)?))
        };
        let columns = wanted.fields.iter().map(column).collect::<Option<Vec<_>>>()?;
        let whole = columns.iter().any(|it: &(usize, Kind)| it.1 == Kind::Whole);
        let starts = bytes(&wanted.starts, whole);
        let ends = bytes(&wanted.ends, whole || wanted.begins);
        let (begins, lengths) = (wanted.begins, wanted.lengths.clone());
        let prints = wanted.prints.clone();
        Some(Test { columns, begins, prints, lengths, starts, ends })
    }

    fn may_begin_and_end(&self, cell: &[u8]) -> bool {
        cell.first().is_none_or(|it| self.starts[usize::from(*it)])
            && cell.last().is_none_or(|it| self.ends[usize::from(*it)])
    }

    /// Whether the cells of a row may be wanted; a missing one is not.
    fn may_be<'a>(&self, mut cell: impl FnMut(usize) -> Option<&'a [u8]>, room: &mut Room) -> bool {
        let mut hasher = room.state.build_hasher();
        for (at, (_, kind)) in self.columns.iter().enumerate() {
            let Some(cell) = cell(at) else { return false };
            if self.columns.len() == 1 && !self.may_begin_and_end(cell) {
                return false;
            }
            let digits = || cell.trim_ascii().iter().all(u8::is_ascii_digit);
            if !plain(cell, &mut room.plain) || (*kind == Kind::Whole && !digits()) {
                return true;
            }
            if self.begins {
                let begin = |length: &usize| room.plain.get(..*length);
                let holds = |it: &[u8]| {
                    let mut hasher = room.state.build_hasher();
                    hasher.write(it);
                    hasher.write_u8(0);
                    self.prints.contains(&hasher.finish())
                };
                return self.lengths.iter().filter_map(begin).any(holds);
            }
            hasher.write(&room.plain);
            hasher.write_u8(0);
        }
        self.prints.contains(&hasher.finish())
    }
}

/// What is made anew for each cell.
struct Room {
    plain: Vec<u8>,
    state: RandomState,
}

impl Room {
    fn new() -> Room {
        Room { plain: Vec::new(), state: state() }
    }
}

/// A sieve, and where a file has the cells that it looks at.
pub struct Fitted {
    sieve: Arc<Sieve>,
    /// By test and column.
    places: Vec<Vec<usize>>,
    header: Vec<String>,
    room: Room,
    cells: Cells,
}

impl Sieve {
    /// Nothing where the file lacks a column, or rows are elements of lists.
    pub fn fitted(self: &Arc<Sieve>, file: &DataFile) -> Option<Fitted> {
        let places = |it: &Test| -> Option<Vec<usize>> {
            it.columns.iter().map(|it| file.places[it.0]).collect()
        };
        let places: Vec<Vec<usize>> =
            self.tests.iter().map(places).collect::<Option<_>>().filter(|_| file.nest.is_none())?;
        let all: BTreeSet<usize> = places.iter().flatten().copied().collect();
        let cells = Cells::new(file.separator, all.into_iter().collect());
        let (sieve, header) = (self.clone(), file.header.clone());
        Some(Fitted { sieve, places, header, room: Room::new(), cells })
    }

    /// The rows that may be wanted, with their numbers.
    pub fn pass(self: &Arc<Sieve>, file: &DataFile, raw: Raw) -> Raw {
        let Some(mut fitted) = self.fitted(file) else { return raw };
        let first = raw.first;
        let numbers = |keep: &[bool]| {
            let kept = (first..).zip(keep).filter(|it| *it.1);
            Some(kept.map(|it| it.0).collect())
        };
        match raw.rows {
            RawRows::Text(mut rows) => {
                let keep: Vec<bool> = (0..rows.len()).map(|it| fitted.of_row(&rows, it)).collect();
                rows.retain(&keep);
                Raw { first, around: numbers(&keep), rows: RawRows::Text(rows) }
            }
            RawRows::Columns(batch) => {
                let some = fitted.of_columns(&batch).and_then(|keep| {
                    let some = filter_record_batch(&batch, &BooleanArray::from(keep.clone()));
                    Some((keep, some.ok()?))
                });
                match some {
                    Some((keep, some)) => {
                        Raw { first, around: numbers(&keep), rows: RawRows::Columns(some) }
                    }
                    None => Raw { first, around: None, rows: RawRows::Columns(batch) },
                }
            }
        }
    }
}

impl Fitted {
    /// The columns of the file that are looked at.
    pub fn places(&self) -> BTreeSet<usize> {
        self.places.iter().flatten().copied().collect()
    }

    /// Whether a record may be wanted. One with more or fewer cells than the header always may: its
    /// cells may stand under other columns.
    pub fn of_row(&mut self, rows: &records::Rows, row: usize) -> bool {
        rows.width(row) != self.header.len() || rows.stray(row).is_some() || {
            let mut tests = self.sieve.tests.iter().zip(&self.places);
            tests.any(|it| it.0.may_be(|at| rows.cell(row, it.1[at]), &mut self.room))
        }
    }

    /// The same of a line without quotes.
    pub fn of_line(&mut self, line: &[u8]) -> bool {
        self.cells.find(line) != self.header.len() || {
            let (cells, room) = (&self.cells, &mut self.room);
            let mut tests = self.sieve.tests.iter().zip(&self.places);
            tests.any(|it| it.0.may_be(|at| cells.cell(line, it.1[at]), room))
        }
    }

    /// Which rows of a batch with these columns may be wanted.
    pub fn of_columns(&mut self, batch: &RecordBatch) -> Option<Vec<bool>> {
        let room = &mut self.room;
        let mut keep = vec![false; batch.num_rows()];
        for (test, places) in self.sieve.tests.iter().zip(&self.places) {
            let column = |place: &usize| batch.column_by_name(&self.header[*place]);
            let columns = places.iter().map(column).collect::<Option<Vec<_>>>()?;
            if let [only] = columns.as_slice()
                && let Some(held) = only.as_dictionary_opt::<Int32Type>()
            {
                let values = columnar::as_text(held.values())?;
                let values = test.of_texts(&[values], room);
                for (keep, key) in keep.iter_mut().zip(held.keys()) {
                    let at = key.and_then(|it| usize::try_from(it).ok());
                    *keep |= at.is_some_and(|it| values[it]);
                }
                continue;
            }
            let texts = columns.into_iter().map(columnar::as_text).collect::<Option<Vec<_>>>()?;
            let may = test.of_texts(&texts, room);
            keep.iter_mut().zip(may).for_each(|(keep, may)| *keep |= may);
        }
        Some(keep)
    }
}

impl Test {
    fn of_texts(&self, columns: &[ArrayRef], room: &mut Room) -> Vec<bool> {
        let texts: Vec<_> = columns.iter().map(|it| it.as_string::<i32>()).collect();
        let count = columns.first().map_or(0, |it| it.len());
        let mut may = |row: usize| {
            let cell = |at: usize| texts[at].is_valid(row).then(|| texts[at].value(row).as_bytes());
            self.may_be(cell, room)
        };
        (0..count).map(&mut may).collect()
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

    /// Where rows are numbered all of them come.
    pub fn sieve(&self) -> Option<&Arc<Sieve>> {
        self.sieve.as_ref().filter(|_| self.numbered.is_none())
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
