//! The files of a table, read by several readers at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use crate::data::Batches;
use crate::data::DataFile;
use crate::data::Format;
use crate::data::Rows;
use crate::data::Table;
use crate::data::columnar;
use crate::data::encoded::Memory;
use crate::data::records;
use crate::data::repeats::prints::Prints;
use crate::data::repeats::watch::Watcher;
use crate::data::tally::First;
use crate::data::text;
use crate::trouble::Trouble;

/// Rows as a file holds them, not converted yet.
pub struct Raw {
    /// The number of the first row in its file, from 1.
    pub first: u64,
    /// Of elements of lists, the numbers of the rows that they stand in.
    pub around: Option<Vec<u64>>,
    pub rows: RawRows,
}

impl Raw {
    pub fn is_empty(&self) -> bool {
        match &self.rows {
            RawRows::Text(rows) => rows.is_empty(),
            RawRows::Columns(batch) => batch.num_rows() == 0,
        }
    }

    /// Where a reader of the file finds a row.
    pub fn row_of_file(&self, row: usize) -> u64 {
        let around = self.around.as_ref().and_then(|it| it.get(row).copied());
        around.unwrap_or(self.first + row as u64)
    }

    /// The line of the file in which a row of a CSV begins, from 1.
    pub fn line(&self, row: usize) -> Option<u64> {
        match &self.rows {
            RawRows::Text(rows) => Some(rows.line(row)),
            RawRows::Columns(_) => None,
        }
    }

    /// The cells of a CSV with a quote that does not end, each with its row.
    pub fn stray_quotes(&self) -> Vec<(usize, usize)> {
        let RawRows::Text(rows) = &self.rows else { return Vec::new() };
        let of = |row: usize| {
            let first = rows.stray(row).unwrap_or(rows.width(row));
            (first..rows.width(row)).filter(move |at| rows.is_stray(row, *at))
        };
        (0..rows.len()).flat_map(|row| of(row).map(move |at| (row, at))).collect()
    }

    /// How many fields a row of a CSV has.
    pub fn width(&self, row: usize) -> Option<usize> {
        match &self.rows {
            RawRows::Text(rows) => Some(rows.width(row)),
            RawRows::Columns(_) => None,
        }
    }

    /// Where a cell stands, and what it holds, cut, unless that is personal.
    pub fn first(
        &self,
        file: &DataFile,
        place: Option<usize>,
        row: usize,
        personal: bool,
    ) -> First {
        let found = self.written(file, place, row).filter(|it| !it.is_empty());
        let masked = personal && found.is_some();
        let value = found.filter(|_| !masked).map(|it| match it.char_indices().nth(TOLD) {
            Some((at, _)) => format!("{}…", &it[..at]),
            None => it,
        });
        First { line: self.line(row), value, masked, expected: None }
    }

    /// What stands in a cell, as far as that can be written.
    fn written(&self, file: &DataFile, place: Option<usize>, row: usize) -> Option<String> {
        match &self.rows {
            RawRows::Text(rows) => rows.written(row, place?),
            RawRows::Columns(batch) => {
                let column = batch.column_by_name(&file.header[place?])?;
                let text = columnar::as_text(&column.slice(row, 1))?;
                let text = text.as_string_opt::<i32>()?;
                text.iter().next().flatten().map(str::to_owned)
            }
        }
    }
}

/// Characters of a value that are told.
const TOLD: usize = 40;

pub enum RawRows {
    Text(records::Rows),
    Columns(RecordBatch),
}

pub type RawBatches = Box<dyn Iterator<Item = Result<Raw, Trouble>> + Send>;

/// Every portion goes to one reader, whichever asks first: no reader waits while another has more
/// than its share. In which batches rows come depends on it; which rows come does not.
pub struct Scan {
    table: Arc<Table>,
    batch_size: usize,
    units: Vec<Mutex<Unit>>,
    /// What the end of each Parquet file says.
    footers: Vec<OnceLock<ArrowReaderMetadata>>,
    /// Where the keys of the rows are noted.
    watch: Option<Arc<Mutex<Prints>>>,
}

/// What is read in one go: a file, or a row group.
struct Unit {
    file: usize,
    /// A row group, and the number of its first row.
    group: Option<(usize, u64)>,
    open: Option<RawBatches>,
    /// Whether only rows come that pass the sieve.
    sifted: bool,
    ended: bool,
}

impl Scan {
    /// With `by_group`, row groups are read side by side.
    pub fn new(table: &Arc<Table>, batch_size: usize, by_group: bool) -> Scan {
        let mut units = Vec::new();
        for (file, it) in table.files.iter().enumerate() {
            let unit =
                |group| Mutex::new(Unit { file, group, open: None, sifted: false, ended: false });
            match &it.rows {
                Rows::Groups(rows) if by_group && it.format == Format::Parquet => {
                    let wanted =
                        table.reached.as_ref().and_then(|it| it.groups.get(file)?.as_ref());
                    let mut first = 1;
                    for (group, rows) in rows.iter().enumerate() {
                        if wanted.is_none_or(|it| it.get(group) != Some(&false)) {
                            units.push(unit(Some((group, first))));
                        }
                        first += rows;
                    }
                }
                Rows::Groups(_) | Rows::About(_) => units.push(unit(None)),
            }
        }
        let footers = table.files.iter().map(|_| OnceLock::new()).collect();
        let watch = table.repeats().watch(table.is_whole());
        Scan { table: table.clone(), batch_size, units, footers, watch }
    }

    /// The canonical batches that reader `part` of `parts` gets.
    pub fn batches(self: Arc<Scan>, part: usize, parts: usize) -> Batches {
        let scan = self;
        let begin = scan.units.len() * part / parts.max(1);
        let mut todo: VecDeque<usize> = (0..scan.units.len()).collect();
        todo.rotate_left(begin);
        let mut memory = Memory::default();
        let apart = scan.table.reached.as_ref().and_then(|it| it.apart);
        let watcher = |it| Watcher::new(scan.table.repeats(), it, false).apart(apart);
        let mut watcher = scan.watch.as_ref().map(watcher);
        Box::new(std::iter::from_fn(move || {
            while let Some(at) = todo.front() {
                match scan.next(*at) {
                    Some((file, raw)) => {
                        let batch = raw.and_then(|it| scan.table.canonical(file, &it, &mut memory));
                        return Some(batch.and_then(|it| match &mut watcher {
                            Some(watcher) => watcher.see(&it).map(|()| it),
                            None => Ok(it),
                        }));
                    }
                    None => todo.pop_front(),
                };
            }
            watcher.take().and_then(|mut it| it.move_on().err()).map(Err)
        }))
    }

    /// The next portion of a unit; only this happens one reader at a time.
    fn next(&self, unit: usize) -> Option<(usize, Result<Raw, Trouble>)> {
        let mut unit = self.units[unit].lock().ok()?;
        if unit.ended {
            return None;
        }
        let file = unit.file;
        if unit.open.is_none() {
            match self.open(file, unit.group) {
                Ok((batches, sifted)) => {
                    unit.open = Some(batches);
                    unit.sifted = sifted;
                }
                Err(trouble) => {
                    unit.ended = true;
                    return Some((file, Err(trouble)));
                }
            }
        }
        let mut next = unit.open.as_mut().and_then(Iterator::next);
        if let Some(sieve) = self.table.sieve().filter(|_| !unit.sifted) {
            while let Some(Ok(raw)) = next {
                let some = sieve.pass(&self.table.files[file], raw);
                if !some.is_empty() {
                    next = Some(Ok(some));
                    break;
                }
                next = unit.open.as_mut().and_then(Iterator::next);
            }
        }
        if !matches!(next, Some(Ok(_))) {
            unit.ended = true;
            unit.open = None;
        }
        next.map(|it| (file, it))
    }

    /// The portions of a unit, and whether only rows come that pass the sieve.
    fn open(
        &self,
        number: usize,
        group: Option<(usize, u64)>,
    ) -> Result<(RawBatches, bool), Trouble> {
        let (file, size) = (&self.table.files[number], self.batch_size);
        let sieve = self.table.sieve().and_then(|it| it.fitted(file));
        let sifted = sieve.is_some();
        Ok(match file.format {
            Format::Csv => (text::wanted(file, size, sieve)?, sifted),
            Format::Arrow => (columnar::read(file, None, group, size)?, false),
            Format::Parquet => {
                let known = &self.footers[number];
                if known.get().is_none() {
                    known.set(self.table.footer(number)?).ok();
                }
                match (sieve, known.get()) {
                    (Some(sieve), Some(footer)) => {
                        (columnar::sifted(file, footer, group, size, sieve)?, true)
                    }
                    (_, footer) => (columnar::read(file, footer.cloned(), group, size)?, false),
                }
            }
        })
    }
}
