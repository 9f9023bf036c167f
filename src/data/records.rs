//! A CSV as records, quotes followed to their ends: none that is stray may swallow lines.

pub mod rows;

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use memchr::memchr;
use memchr::memchr2;

use crate::data::line::Cells;
use crate::data::line::ends;
use crate::data::line::is_alike;
use crate::data::line::is_end;
use crate::data::line::lines;
use crate::data::records::rows::Row;
pub use crate::data::records::rows::Rows;
use crate::data::records::rows::UNREADABLE;
use crate::data::sieve::Fitted;

/// Longer records are no records: a quote that is never closed, or no lines at all.
const LONGEST: usize = 1 << 22;
const PORTION: usize = 1 << 18;
/// Records that are handed over together hold no more than about so many bytes.
const BATCH_BYTES: usize = 1 << 25;
/// Why records end before the file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Reading failed.
    Unreadable,
    /// A record of more than `LONGEST` bytes begins in this line.
    TooLong(u64),
}

/// Reads records one after the other.
pub struct Reader<R> {
    input: R,
    separator: u8,
    /// Cells of a record, once the header is known.
    width: Option<usize>,
    /// Of lines without quotes only these are held.
    only: Option<Cells>,
    buffer: Vec<u8>,
    /// The part of the buffer that is still to be read.
    begin: usize,
    end: usize,
    is_whole: bool,
    line: u64,
    /// Records that were passed by or read so far, the header aside.
    count: u64,
    /// Where in the buffer the next quote stands, or its end; before the begin it is not known.
    quote: usize,
}

/// What was found at the beginning of some bytes.
enum Found {
    /// A record of so many bytes with its line end, on one line.
    Line(usize),
    /// The same, with cells in quotes.
    Record(usize),
    /// More bytes are needed to say.
    More,
    /// A quoted cell does not end as one.
    Stray,
}

impl<R: Read> Reader<R> {
    pub fn new(input: R, separator: u8) -> Reader<R> {
        let buffer = Vec::new();
        let (width, is_whole, line) = (None, false, 1);
        let (begin, end, count, quote) = (0, 0, 0, 0);
        Reader {
            input,
            separator,
            width,
            only: None,
            buffer,
            begin,
            end,
            is_whole,
            line,
            count,
            quote,
        }
    }

    /// The cells of the first record; records after it that have not as many are ragged. A mark of
    /// UTF-8 before it is skipped.
    pub fn header(&mut self) -> Result<Option<Rows>, Broken> {
        while self.end - self.begin < 3 && !self.is_whole {
            self.fill()?;
        }
        if self.buffer[self.begin..self.end].starts_with("\u{FEFF}".as_bytes()) {
            self.begin += 3;
        }
        let mut rows = Rows::default();
        if !self.next(&mut rows)? {
            return Ok(None);
        }
        self.width = Some(rows.width(0));
        Ok(Some(rows))
    }

    /// At most `most` records, fewer where they are long; none at the end.
    pub fn rows(&mut self, most: usize) -> Result<Rows, Broken> {
        let mut rows = Rows::default();
        while rows.len() < most && rows.bytes.len() < BATCH_BYTES && self.next(&mut rows)? {}
        Ok(rows)
    }

    /// The same of records that may be wanted, whose numbers are added.
    pub fn some(
        &mut self,
        most: usize,
        sieve: &mut Fitted,
        numbers: &mut Vec<u64>,
    ) -> Result<Rows, Broken> {
        let mut rows = Rows::default();
        while rows.len() < most && rows.bytes.len() < BATCH_BYTES {
            self.pass_by(sieve);
            if !self.next(&mut rows)? {
                break;
            }
            self.count += 1;
            match sieve.of_row(&rows, rows.len() - 1) {
                true => numbers.push(self.count),
                false => rows.pop(),
            }
        }
        Ok(rows)
    }

    /// Holds the cells of these columns alone, where lines have no quotes.
    pub fn only(&mut self, places: BTreeSet<usize>) {
        self.only = Some(Cells::new(self.separator, places.into_iter().collect()));
    }

    /// The length of the next line, without and with its end, where it has no quotes and stands in
    /// the buffer whole.
    fn plain_line(&mut self) -> Option<(usize, usize)> {
        if self.quote < self.begin {
            let rest = &self.buffer[self.begin..self.end];
            self.quote = memchr(b'"', rest).map_or(self.end, |it| self.begin + it);
        }
        let bytes = &self.buffer[self.begin..self.end];
        let end = memchr2(b'\n', b'\r', bytes)?;
        let length = end_length(&bytes[end..], false)?;
        (end != 0 && self.begin + end <= self.quote).then_some((end, end + length))
    }

    /// Passes lines by, as long as they are plain, and not wanted.
    fn pass_by(&mut self, sieve: &mut Fitted) {
        while let Some((end, length)) = self.plain_line() {
            if sieve.of_line(&self.buffer[self.begin..self.begin + end]) {
                return;
            }
            self.begin += length;
            self.line += 1;
            self.count += 1;
        }
    }

    /// Appends some cells of the next line, where that is enough.
    fn some_of_line(&mut self, rows: &mut Rows) -> bool {
        let Some((end, length)) = self.only.is_some().then(|| self.plain_line()).flatten() else {
            return false;
        };
        let Some(only) = &mut self.only else { return false };
        let line = &self.buffer[self.begin..self.begin + end];
        let width = only.find(line);
        for (begin, end) in only.found() {
            let first = rows.bytes.len();
            rows.bytes.extend_from_slice(&line[*begin..*end]);
            rows.cells.push((first, rows.bytes.len()));
        }
        if rows.places.is_empty() {
            rows.places = Arc::from(only.places());
        }
        let end = rows.cells.len();
        rows.rows.push(Row { end, width, some: true, line: self.line, stray: None });
        self.begin += length;
        self.line += 1;
        true
    }

    /// Appends the next record, unless there is none.
    fn next(&mut self, rows: &mut Rows) -> Result<bool, Broken> {
        self.skip_blank()?;
        if self.some_of_line(rows) {
            return Ok(true);
        }
        loop {
            let bytes = &self.buffer[self.begin..self.end];
            if bytes.is_empty() && self.is_whole {
                return Ok(false);
            }
            let (cells, held) = (rows.cells.len(), rows.bytes.len());
            let found = record(bytes, self.separator, self.is_whole, rows);
            let found = match found {
                Found::Record(length) if self.is_doubtful(&bytes[..length], rows, cells) => {
                    Found::Stray
                }
                other => other,
            };
            let mut stray = None;
            let length = match found {
                Found::Line(length) => {
                    rows.push(cells, self.line, None);
                    self.line += 1;
                    self.begin += length;
                    return Ok(true);
                }
                Found::Record(length) => length,
                Found::More if bytes.len() < LONGEST => {
                    rows.cells.truncate(cells);
                    rows.bytes.truncate(held);
                    self.fill()?;
                    continue;
                }
                Found::More | Found::Stray => {
                    rows.cells.truncate(cells);
                    rows.bytes.truncate(held);
                    let Some(length) = line_length(bytes, self.is_whole) else {
                        if LONGEST <= bytes.len() {
                            return Err(Broken::TooLong(self.line));
                        }
                        self.fill()?;
                        continue;
                    };
                    stray = line(&bytes[..length], self.separator, rows).map(|it| it - cells);
                    length
                }
            };
            rows.push(cells, self.line, stray);
            self.line += lines(&bytes[..length]);
            self.begin += length;
            return Ok(true);
        }
    }

    /// Whether a record of several lines is rather one that a stray quote made of them: it has not
    /// as many cells as the header, or a cell has all the separators of the lines in it.
    fn is_doubtful(&self, bytes: &[u8], rows: &Rows, first: usize) -> bool {
        let Some(width) = self.width else { return false };
        if lines(bytes) <= 1 {
            return false;
        }
        if rows.cells.len() - first != width {
            return true;
        }
        let cells = &rows.cells[first..];
        let begin_of = |line: &'_ [u8]| line.iter().position(|it| *it == self.separator);
        let key = |line: &[u8]| line[..begin_of(line).unwrap_or(line.len())].to_vec();
        cells.iter().any(|(begin, end)| {
            let cell = &rows.bytes[*begin..*end];
            let separators = cell.iter().filter(|it| **it == self.separator).count();
            let all = (width - 1) * ends(cell) as usize;
            // Few separators may stand there by chance, unless the lines begin as this one does.
            let first = key(&rows.bytes[cells[0].0..cells[0].1]);
            let mut lines = cell.split(|it| is_end(*it)).skip(1).filter(|it| !it.is_empty());
            0 < all && separators == all && (6 <= all || lines.all(|it| is_alike(&key(it), &first)))
        })
    }

    /// Empty lines are no records.
    fn skip_blank(&mut self) -> Result<(), Broken> {
        loop {
            while let Some(byte) = self.buffer[self.begin..self.end].first() {
                if !is_end(*byte) {
                    return Ok(());
                }
                let Some(length) = end_length(&self.buffer[self.begin..self.end], self.is_whole)
                else {
                    break;
                };
                self.line += 1;
                self.begin += length;
            }
            if self.is_whole {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Reads on, what is still to be read moved to the front.
    fn fill(&mut self) -> Result<(), Broken> {
        let open = self.begin..self.end;
        let room = open.len().max(PORTION) + PORTION;
        if self.buffer.len() < room {
            // Memory that is zero already, in a development build too.
            let mut wider = vec![0; room];
            wider[..open.len()].copy_from_slice(&self.buffer[open.clone()]);
            self.buffer = wider;
        } else {
            self.buffer.copy_within(open.clone(), 0);
        }
        self.end = open.len();
        self.begin = 0;
        let read = loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Err(it) if it.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.map_err(|_| Broken::Unreadable)?,
            }
        };
        self.end += read;
        self.is_whole = read == 0;
        self.quote = 0;
        Ok(())
    }
}

/// The length of the first line with its end; `None` when that is not there yet.
fn line_length(bytes: &[u8], is_whole: bool) -> Option<usize> {
    let Some(end) = bytes.iter().position(|it| is_end(*it)) else {
        return is_whole.then_some(bytes.len());
    };
    end_length(&bytes[end..], is_whole).map(|it| end + it)
}

/// The length of a line end, of which a line feed may be still to come.
fn end_length(bytes: &[u8], is_whole: bool) -> Option<usize> {
    match bytes {
        [b'\r', b'\n', ..] => Some(2),
        [b'\r'] if !is_whole => None,
        [] => is_whole.then_some(0),
        _ => Some(1),
    }
}

/// The first record of some bytes, its cells appended, if it is a line without quotes around cells.
fn plain(bytes: &[u8], separator: u8, rows: &mut Rows) -> Option<usize> {
    let (held, base) = (rows.cells.len(), rows.bytes.len());
    let mut begin = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == separator {
            rows.cells.push((base + begin, base + at));
            begin = at + 1;
        } else if *byte <= b'"' {
            if *byte == b'"' && at == begin {
                break;
            }
            if is_end(*byte) {
                let Some(length) = end_length(&bytes[at..], false) else { break };
                rows.cells.push((base + begin, base + at));
                rows.bytes.extend_from_slice(&bytes[..at]);
                return Some(at + length);
            }
        }
    }
    rows.cells.truncate(held);
    None
}

/// The first record of some bytes; its cells are appended.
fn record(bytes: &[u8], separator: u8, is_whole: bool, rows: &mut Rows) -> Found {
    if let Some(length) = plain(bytes, separator, rows) {
        return Found::Line(length);
    }
    let mut at = 0;
    loop {
        let end = if bytes.get(at) == Some(&b'"') {
            let begin = rows.bytes.len();
            match quoted(&bytes[at..], rows) {
                Quoted::Ends(length) => at += length,
                Quoted::Open if is_whole => return Found::Stray,
                Quoted::Open => return Found::More,
            }
            rows.cells.push((begin, rows.bytes.len()));
            match bytes.get(at) {
                None if !is_whole => return Found::More,
                None => at,
                Some(it) if *it == separator || is_end(*it) => at,
                Some(_) => return Found::Stray,
            }
        } else {
            let rest = &bytes[at..];
            let length = rest.iter().position(|it| *it == separator || is_end(*it));
            let Some(length) = length.or(is_whole.then_some(rest.len())) else {
                return Found::More;
            };
            let begin = rows.bytes.len();
            rows.bytes.extend_from_slice(&rest[..length]);
            rows.cells.push((begin, rows.bytes.len()));
            at + length
        };
        at = end;
        if bytes.get(at) == Some(&separator) {
            at += 1;
            if at == bytes.len() && !is_whole {
                return Found::More;
            }
            continue;
        }
        return match end_length(&bytes[at..], is_whole) {
            Some(length) => Found::Record(at + length),
            None => Found::More,
        };
    }
}

enum Quoted {
    /// After so many bytes, both quotes included.
    Ends(usize),
    Open,
}

/// The text of a quoted cell, two quotes for one.
fn quoted(bytes: &[u8], rows: &mut Rows) -> Quoted {
    let mut at = 1;
    loop {
        let rest = &bytes[at..];
        let Some(length) = rest.iter().position(|it| *it == b'"') else { return Quoted::Open };
        rows.bytes.extend_from_slice(&rest[..length]);
        at += length + 1;
        if bytes.get(at) != Some(&b'"') {
            return Quoted::Ends(at);
        }
        rows.bytes.push(b'"');
        at += 1;
    }
}

/// A line with a stray quote: the cell that it begins ends at the next separator, and cannot be
/// read. The first such cell, if any.
fn line(bytes: &[u8], separator: u8, rows: &mut Rows) -> Option<usize> {
    let mut stray = None;
    let end = bytes.iter().position(|it| is_end(*it)).unwrap_or(bytes.len());
    let bytes = &bytes[..end];
    let mut at = 0;
    loop {
        let begin = rows.bytes.len();
        let rest = &bytes[at..];
        let closed = match rest.first() {
            Some(b'"') => match quoted(rest, rows) {
                Quoted::Ends(length) => {
                    Some(length).filter(|it| rest.get(*it).is_none_or(|after| *after == separator))
                }
                Quoted::Open => None,
            },
            Some(_) | None => None,
        };
        let length = closed.unwrap_or_else(|| {
            rows.bytes.truncate(begin);
            let length = rest.iter().position(|it| *it == separator).unwrap_or(rest.len());
            rows.bytes.extend_from_slice(&rest[..length]);
            if rest.first() == Some(&b'"') {
                rows.bytes.push(UNREADABLE);
                stray = stray.or(Some(rows.cells.len()));
            }
            length
        });
        rows.cells.push((begin, rows.bytes.len()));
        at += length;
        if at == bytes.len() {
            return stray;
        }
        at += 1;
    }
}
