//! What a reader sees of keys: a print for each row, and whether rows of a key differ.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::StringArray;
use arrow::compute::kernels::cmp::distinct;
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;

use crate::data::groups::Apart;
use crate::data::repeats::Level;
use crate::data::repeats::Repeats;
use crate::data::repeats::printer::NONE;
use crate::data::repeats::printer::Printer;
use crate::data::repeats::prints::Prints;
use crate::trouble::Trouble;
use crate::value::text::Form;

/// So many numbers move on together.
const PORTION: usize = 1 << 16;

/// How a key is written whose texts are capitals and digits: no other spelling sorts before it.
pub const LEAST: u64 = 0;

/// Whether a text of a column, or each, is one that sorts before all other spellings of it.
fn is_least(column: &ArrayRef, row: Option<usize>) -> bool {
    let least = |it: &[u8]| it.iter().all(|it| it.is_ascii() && !it.is_ascii_lowercase());
    let (texts, row) = match column.as_dictionary_opt::<Int32Type>() {
        Some(it) => {
            let key = |row: usize| usize::try_from(it.keys().value(row)).ok();
            (it.values().as_string_opt::<i32>(), row.map(key))
        }
        None => (column.as_string_opt::<i32>(), row.map(Some)),
    };
    match (texts, row) {
        (Some(texts), None) => least(texts.value_data()),
        (Some(texts), Some(Some(row))) => least(texts.value(row).as_bytes()),
        (Some(_), Some(None)) | (None, _) => false,
    }
}

/// Of one reader.
pub struct Watcher {
    repeats: Arc<Repeats>,
    into: Arc<Mutex<Prints>>,
    spill: PathBuf,
    /// Every run of rows with its values, not only the outer ones of a batch.
    paired: bool,
    printer: Printer,
    own: Vec<Own>,
    rows: u64,
    /// Why keys are thought to stand in no part that is left out, and whether one of them may.
    apart: Option<Apart>,
    doubtful: bool,
}

#[derive(Default)]
struct Own {
    keys: Vec<u64>,
    edges: Vec<(u64, u64)>,
    apart: Vec<u64>,
    noted: Vec<u64>,
    has_other: bool,
}

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("keys cannot be read")
}

impl Watcher {
    pub fn new(repeats: &Arc<Repeats>, into: &Arc<Mutex<Prints>>, paired: bool) -> Watcher {
        let spill = repeats.limits().spill;
        let own = repeats.levels.iter().map(|_| Own::default()).collect();
        let (repeats, into) = (repeats.clone(), into.clone());
        let printer = Printer::default();
        let (apart, doubtful) = (None, false);
        Watcher { repeats, into, spill, paired, printer, own, rows: 0, apart, doubtful }
    }

    /// The same, for parts of files.
    pub fn apart(self, apart: Option<Apart>) -> Watcher {
        Watcher { apart, ..self }
    }

    /// Takes note of the rows of a batch.
    ///
    /// Errors: a disk that is full.
    pub fn see(&mut self, batch: &RecordBatch) -> Result<(), Trouble> {
        let repeats = self.repeats.clone();
        let rows = batch.num_rows();
        self.rows += rows as u64;
        if let Some(Apart { column, least }) = self.apart {
            self.doubtful |= shortest(batch.column(column)) < least;
        }
        let mut prints = vec![1; rows];
        for (at, level) in repeats.levels.iter().enumerate() {
            self.printer.keys(batch.columns(), &level.keys, &mut prints)?;
            if level.noted && 0 < rows {
                self.note(at, level, &prints, batch)?;
            }
            if level.unique {
                let keys = &mut self.own[at].keys;
                match prints.contains(&NONE) {
                    true => keys.extend(prints.iter().filter(|it| **it != NONE)),
                    false => keys.extend_from_slice(&prints),
                }
            } else if 0 < rows {
                self.runs(at, level, &prints, batch)?;
            }
        }
        if self.own.iter().any(|it| PORTION <= it.keys.len().max(it.noted.len())) {
            self.move_on()?;
        }
        Ok(())
    }

    /// Rows of one key that follow one another, as one.
    fn runs(
        &mut self,
        at: usize,
        level: &Level,
        prints: &[u64],
        batch: &RecordBatch,
    ) -> Result<(), Trouble> {
        if compared(level).next().is_none() {
            return Ok(());
        }
        let is_same = |row: usize| prints[row] == prints[row - 1];
        if let ([_, inner @ .., _], false) = (prints, self.paired)
            && !(1..prints.len()).any(is_same)
        {
            self.own[at].keys.extend_from_slice(inner);
            return self.edges(at, level, &[0, prints.len() - 1], prints, batch);
        }
        let starts: Vec<usize> =
            (0..prints.len()).filter(|row| *row == 0 || !is_same(*row)).collect();
        if starts.len() < prints.len() {
            for it in differing(compared(level), batch)? {
                let rows = (1..prints.len()).filter(|row| is_same(*row) && it.value(row - 1));
                self.own[at].apart.extend(rows.map(|row| prints[row]));
            }
        }
        if self.paired {
            let values = self.values(compared(level), &starts, batch)?;
            let pairs = starts.iter().zip(values).flat_map(|it| [prints[*it.0], it.1]);
            self.own[at].keys.extend(pairs);
            return Ok(());
        }
        let (outer, inner) = match starts.as_slice() {
            [first, inner @ .., last] => (vec![*first, *last], inner),
            all => (all.to_vec(), &[][..]),
        };
        self.own[at].keys.extend(inner.iter().map(|row| prints[*row]));
        self.edges(at, level, &outer, prints, batch)
    }

    /// Takes note of the first and the last run of a batch, by the first row of each.
    fn edges(
        &mut self,
        at: usize,
        level: &Level,
        rows: &[usize],
        prints: &[u64],
        batch: &RecordBatch,
    ) -> Result<(), Trouble> {
        let values = self.values(compared(level), rows, batch)?;
        self.own[at].edges.extend(rows.iter().map(|row| prints[*row]).zip(values));
        Ok(())
    }

    /// Rows of one key written alike that follow one another, as one: for other tables with it.
    fn note(
        &mut self,
        at: usize,
        level: &Level,
        prints: &[u64],
        batch: &RecordBatch,
    ) -> Result<(), Trouble> {
        let differs = differing(written(level), batch)?;
        let starts = (0..prints.len()).filter(|row| {
            let differs = || differs.iter().any(|it| it.value(row - 1));
            prints[*row] != NONE && (*row == 0 || prints[*row] != prints[row - 1] || differs())
        });
        let starts: Vec<usize> = starts.collect();
        let mut spelt = vec![LEAST; starts.len()];
        // A name has other spellings in capitals alone.
        let names = level.keys.iter().any(|it| it.1 == Form::Name);
        if names || !written(level).all(|at| is_least(batch.column(at), None)) {
            spelt = self.values(written(level), &starts, batch)?;
            for (spelt, row) in spelt.iter_mut().zip(&starts) {
                if !names && written(level).all(|at| is_least(batch.column(at), Some(*row))) {
                    *spelt = LEAST;
                }
            }
        }
        self.own[at].has_other |= spelt.iter().any(|it| *it != LEAST);
        let pairs = starts.iter().zip(spelt).flat_map(|(row, spelt)| [prints[*row], spelt]);
        self.own[at].noted.extend(pairs);
        Ok(())
    }

    /// The prints of these columns.
    fn values(
        &mut self,
        columns: impl Iterator<Item = usize>,
        rows: &[usize],
        batch: &RecordBatch,
    ) -> Result<Vec<u64>, Trouble> {
        let mut prints = vec![1; rows.len()];
        for at in columns {
            let column = batch.column(at);
            let places = rows.iter().map(|it| u32::try_from(*it).unwrap_or(u32::MAX));
            let places = arrow::array::UInt32Array::from_iter_values(places);
            let column = arrow::compute::take(column, &places, None).map_err(broken)?;
            self.printer.cells(&column, at, Form::Exact, &mut prints)?;
        }
        Ok(prints)
    }

    /// What it has goes to the others'.
    ///
    /// Errors: a disk that is full.
    pub fn move_on(&mut self) -> Result<(), Trouble> {
        let mut into = self.into.lock().map_err(|_| Trouble::bug("a reader stopped"))?;
        into.rows += std::mem::take(&mut self.rows);
        into.doubtful |= self.doubtful;
        for (own, into) in self.own.iter_mut().zip(&mut into.levels) {
            into.keys.add(&own.keys);
            own.keys.clear();
            into.edges.append(&mut own.edges);
            into.apart.append(&mut own.apart);
            if !own.noted.is_empty() {
                let noted = into.noted.get_or_insert_default();
                noted.keys.add(&own.noted);
                noted.has_other |= own.has_other;
                own.noted.clear();
            }
        }
        into.put_away(&self.spill)
    }
}

/// Bytes of the shortest text of a column; of what is no text nobody asks.
fn shortest(column: &ArrayRef) -> usize {
    let texts = match column.as_dictionary_opt::<Int32Type>() {
        Some(it) => it.values().as_string_opt::<i32>(),
        None => column.as_string_opt::<i32>(),
    };
    let lengths = |it: &StringArray| it.value_offsets().windows(2).map(|it| it[1] - it[0]).min();
    let least = texts.and_then(lengths).and_then(|it| usize::try_from(it).ok());
    least.unwrap_or(usize::MAX)
}

/// The columns in which rows of a key must not differ: values, and how the key is written.
fn compared(level: &Level) -> impl Iterator<Item = usize> {
    level.values.iter().map(|it| it.0).chain(written(level))
}

/// The columns of the key that may be written in several ways.
fn written(level: &Level) -> impl Iterator<Item = usize> {
    level.keys.iter().filter(|it| it.1 != Form::Exact).map(|it| it.0)
}

/// For each of these columns: whether a row differs from the one before it.
fn differing(
    columns: impl Iterator<Item = usize>,
    batch: &RecordBatch,
) -> Result<Vec<BooleanArray>, Trouble> {
    let before = |at: usize| {
        let column = batch.column(at);
        let length = column.len() - 1;
        distinct(&column.slice(1, length), &column.slice(0, length)).map_err(broken)
    };
    let all: Result<Vec<BooleanArray>, Trouble> = columns.map(before).collect();
    Ok(all?.into_iter().filter(|it| it.has_true()).collect())
}
