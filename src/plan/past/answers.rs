//! The answers of one fact for the rows of a file: in memory, or on disk.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::ops::Range;
use std::sync::Mutex;

use crate::plan::past::cells::Cells;
use crate::plan::past::cells::NONE;
use crate::plan::past::cells::long;
use crate::plan::past::cells::short;
use crate::trouble::Trouble;
use crate::value::Reason;

/// By row: the cell, and the number of the reason why there is none.
#[derive(Debug)]
pub enum Answers {
    Held(Cells, Vec<u8>),
    Away(Away),
}

/// Cells one after the other, then reasons.
#[derive(Debug)]
pub struct Away {
    pub file: Mutex<File>,
    pub rows: usize,
    /// Bytes of a cell.
    pub width: usize,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers::Held(Cells::Narrow(Vec::new()), Vec::new())
    }
}

impl Answers {
    /// Room for so many rows, of cells like these.
    pub fn reach(&mut self, rows: usize, like: &Cells) {
        let Answers::Held(cells, reasons) = self else { return };
        if reasons.is_empty() {
            *cells = match like {
                Cells::Narrow(_) => Cells::Narrow(Vec::new()),
                Cells::Long(_) => Cells::Long(Vec::new()),
                Cells::Wide(_) => Cells::Wide(Vec::new()),
            };
        }
        if reasons.len() < rows {
            cells.reserve(rows - reasons.len());
            reasons.reserve_exact(rows - reasons.len());
            cells.resize(rows);
            reasons.resize(rows, Reason::NotGiven.number());
        }
    }

    pub fn set(&mut self, row: usize, cell: i128, reason: u8) {
        if let Answers::Held(cells, reasons) = self {
            cells.set(row, cell);
            reasons[row] = reason;
        }
    }

    /// Many at once, for rows that are within reach.
    pub fn put(&mut self, rows: impl Iterator<Item = usize>, cells: Cells, reasons: Vec<u8>) {
        let Answers::Held(into, own) = self else { return };
        let answers = (0..cells.len()).zip(reasons);
        match (into, &cells) {
            (Cells::Narrow(into), Cells::Narrow(from)) => {
                for (row, (at, reason)) in rows.zip(answers) {
                    into[row] = from[at];
                    own[row] = reason;
                }
            }
            (Cells::Long(into), Cells::Long(from)) => {
                for (row, (at, reason)) in rows.zip(answers) {
                    into[row] = from[at];
                    own[row] = reason;
                }
            }
            (into, from) => {
                for (row, (at, reason)) in rows.zip(answers) {
                    into.set(row, from.get(at));
                    own[row] = reason;
                }
            }
        }
    }

    /// The cells of these rows, behind `into`; no value beyond the last row.
    ///
    /// Errors: a file that cannot be read.
    pub fn cells(&self, rows: Range<usize>, into: &mut Vec<i128>) -> Result<(), Trouble> {
        let wanted = into.len() + rows.len();
        match self {
            Answers::Held(cells, _) => {
                let held = rows.start.min(cells.len())..rows.end.min(cells.len());
                cells.copy(held, into);
            }
            Answers::Away(it) => {
                let held = rows.start.min(it.rows)..rows.end.min(it.rows);
                let bytes = it.read(held.start * it.width, held.len() * it.width)?;
                let (narrow, wide) = (bytes.as_chunks::<4>().0, bytes.as_chunks::<16>().0);
                match it.width {
                    4 => into.extend(narrow.iter().map(|it| short(i32::from_le_bytes(*it)))),
                    8 => {
                        let all = bytes.as_chunks::<8>().0;
                        into.extend(all.iter().map(|it| long(i64::from_le_bytes(*it))));
                    }
                    _ => into.extend(wide.iter().map(|it| i128::from_le_bytes(*it))),
                }
            }
        }
        into.resize(wanted, NONE);
        Ok(())
    }

    /// The reasons of these rows, behind `into`.
    ///
    /// Errors: a file that cannot be read.
    pub fn reasons(&self, rows: Range<usize>, into: &mut Vec<u8>) -> Result<(), Trouble> {
        let wanted = into.len() + rows.len();
        match self {
            Answers::Held(_, reasons) => {
                into.extend(&reasons[rows.start.min(reasons.len())..rows.end.min(reasons.len())]);
            }
            Answers::Away(it) => {
                let held = rows.start.min(it.rows)..rows.end.min(it.rows);
                into.extend(it.read(it.rows * it.width + held.start, held.len())?);
            }
        }
        into.resize(wanted, Reason::NotGiven.number());
        Ok(())
    }
}

impl Away {
    fn read(&self, from: usize, length: usize) -> Result<Vec<u8>, Trouble> {
        let refused = || Trouble::resource("facts that were put away on disk cannot be read");
        let mut bytes = vec![0; length];
        let mut file = self.file.lock().map_err(|_| refused())?;
        file.seek(SeekFrom::Start(from as u64)).map_err(|_| refused())?;
        file.read_exact(&mut bytes).map_err(|_| refused())?;
        Ok(bytes)
    }
}
