//! Some records of a CSV: their cells, all in one place.

use std::sync::Arc;

/// No UTF-8: a cell with it cannot be read.
pub const UNREADABLE: u8 = 0xFF;

/// Some records, their cells in one place.
#[derive(Debug, Default)]
pub struct Rows {
    pub(super) bytes: Vec<u8>,
    /// Where each cell begins and ends.
    pub(super) cells: Vec<(usize, usize)>,
    pub(super) rows: Vec<Row>,
    /// The columns of the cells that are held of lines without quotes, where not all are.
    pub(super) places: Arc<[usize]>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Where its cells end.
    pub(super) end: usize,
    /// How many it has.
    pub(super) width: usize,
    /// Whether only some of them are held.
    pub(super) some: bool,
    /// The line that it begins in, from 1.
    pub(super) line: u64,
    /// The first cell with a quote that does not end.
    pub(super) stray: Option<usize>,
}

impl Rows {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn first_cell(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |it| self.rows[it].end)
    }

    /// How many cells a record has.
    pub fn width(&self, row: usize) -> usize {
        self.rows[row].width
    }

    /// The line of the file that a record begins in, from 1.
    pub fn line(&self, row: usize) -> u64 {
        self.rows[row].line
    }

    /// The first cell of a record with a quote that does not end.
    pub fn stray(&self, row: usize) -> Option<usize> {
        self.rows[row].stray
    }

    /// Whether a cell begins with a quote that does not end.
    pub fn is_stray(&self, row: usize, at: usize) -> bool {
        let is_stray = |it: &[u8]| it.starts_with(b"\"") && it.ends_with(&[UNREADABLE]);
        self.stray(row).is_some() && self.cell(row, at).is_some_and(is_stray)
    }

    /// A cell as the file writes it, as far as it can be read.
    pub fn written(&self, row: usize, at: usize) -> Option<String> {
        let bytes = self.cell(row, at)?;
        let mark = usize::from(self.is_stray(row, at));
        Some(String::from_utf8_lossy(&bytes[..bytes.len() - mark]).trim().to_owned())
    }

    /// Appends a record that has cells from this one on.
    pub(super) fn push(&mut self, first: usize, line: u64, stray: Option<usize>) {
        let end = self.cells.len();
        self.rows.push(Row { end, width: end - first, some: false, line, stray });
    }

    /// Without the last record.
    pub(super) fn pop(&mut self) {
        self.rows.pop();
        self.cells.truncate(self.rows.last().map_or(0, |it| it.end));
        self.bytes.truncate(self.cells.last().map_or(0, |it| it.1));
    }

    /// Without the records that are not to be kept.
    pub fn retain(&mut self, keep: &[bool]) {
        let (mut cells, mut rows) = (Vec::new(), Vec::new());
        for (at, row) in self.rows.iter().enumerate().filter(|it| keep.get(it.0) == Some(&true)) {
            cells.extend_from_slice(&self.cells[self.first_cell(at)..row.end]);
            rows.push(Row { end: cells.len(), ..*row });
        }
        (self.cells, self.rows) = (cells, rows);
    }

    pub fn cell(&self, row: usize, at: usize) -> Option<&[u8]> {
        if self.width(row) <= at {
            return None;
        }
        let at = match self.rows[row].some {
            true => self.places.binary_search(&at).ok()?,
            false => at,
        };
        let (begin, end) = self.cells[self.first_cell(row) + at];
        self.bytes.get(begin..end)
    }
}
