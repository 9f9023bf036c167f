//! CSV, by header name, as text.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use encoding_rs::Decoder;
use encoding_rs::DecoderResult;
use encoding_rs::Encoding;
use encoding_rs::UTF_8;

use crate::data::Converted;
use crate::data::DataFile;
use crate::data::Wanted;
use crate::data::cell::Fault;
use crate::data::cell::Reading;
use crate::data::convert::Column;
use crate::data::records;
use crate::data::records::Broken;
use crate::data::records::Rows;
use crate::data::scan::Raw;
use crate::data::scan::RawBatches;
use crate::data::scan::RawRows;
use crate::data::sieve::Fitted;
use crate::data::sound::MOST_CELL;
use crate::disk;
use crate::trouble::Trouble;

/// The column names; errors in words.
pub fn header(
    path: &Path,
    separator: u8,
    encoding: &'static Encoding,
) -> Result<Vec<String>, String> {
    if let Some(what) = foreign(path, encoding) {
        return Err(what.to_owned());
    }
    let mut reader = reader(path, separator, encoding).map_err(|_| "cannot be read".to_owned())?;
    let header = reader.header().map_err(|_| "has no readable header".to_owned())?;
    let Some(header) = header else { return Ok(Vec::new()) };
    if let Some(at) = header.stray(0) {
        let cell = header.written(0, at).unwrap_or_default();
        return Err(format!(
            "its header has a stray quote in column {}, `{cell}`: a quote stands at both ends, two \
             for one between",
            at + 1
        ));
    }
    let mut names = Vec::new();
    for at in 0..header.width(0) {
        let name = std::str::from_utf8(header.cell(0, at).unwrap_or_default()).map_err(|_| {
            "its header is not UTF-8: say `encoding = \"windows-1252\"` in tamis.toml".to_owned()
        })?;
        names.push(name.trim().to_owned());
    }
    Ok(names)
}

/// What a file is that should be a CSV in this encoding, where its first bytes tell; what to do
/// follows a colon.
pub fn foreign(path: &Path, encoding: &'static Encoding) -> Option<&'static str> {
    let mut begin = Vec::new();
    disk::open(path).ok()?.take(16).read_to_end(&mut begin).ok()?;
    let known: [(&[u8], &str); 9] = [
        (&[0x1F, 0x8B], "is packed by gzip: unpack it"),
        (&[0x28, 0xB5, 0x2F, 0xFD], "is packed by zstd: unpack it"),
        (b"BZh", "is packed by bzip2: unpack it"),
        (&[0xFD, b'7', b'z', b'X', b'Z'], "is packed by xz: unpack it"),
        (b"PK\x03\x04", "is a workbook or another ZIP: save it as CSV, or unpack it"),
        (&[0xD0, 0xCF, 0x11, 0xE0], "is an old workbook: save it as CSV"),
        (b"PAR1", "is a Parquet file: let its name end in `.parquet`"),
        (b"ARROW1", "is an Arrow file: let its name end in `.arrow`"),
        (&[0xFF, 0xFE, 0, 0], "is UTF-32: save it as UTF-8"),
    ];
    if let Some((_, what)) = known.iter().find(|it| begin.starts_with(it.0)) {
        return Some(what);
    }
    if encoding != UTF_8 {
        return None;
    }
    match begin.as_slice() {
        [0xFF, 0xFE, ..] | [1..=255, 0, 1..=255, 0, ..] => {
            Some("is UTF-16: save it as UTF-8, or say `encoding = \"utf-16le\"` of its data set")
        }
        [0xFE, 0xFF, ..] | [0, 1..=255, 0, 1..=255, ..] => {
            Some("is UTF-16: save it as UTF-8, or say `encoding = \"utf-16be\"` of its data set")
        }
        _ => None,
    }
}

type Bytes = Box<dyn Read + Send>;

fn reader(
    path: &Path,
    separator: u8,
    encoding: &'static Encoding,
) -> std::io::Result<records::Reader<Bytes>> {
    let file = disk::open(path)?;
    let bytes: Bytes = if encoding == UTF_8 {
        Box::new(file)
    } else {
        let file = BufReader::with_capacity(1 << 18, file);
        let decoder = Some(encoding.new_decoder());
        Box::new(Decoded { file, decoder, ready: Vec::new(), at: 0 })
    };
    Ok(records::Reader::new(bytes, separator))
}

/// A file as UTF-8. Bytes that mean nothing in its encoding become one that means nothing in
/// UTF-8: the cell cannot be read, as one in a file of UTF-8 cannot.
struct Decoded {
    file: BufReader<File>,
    /// `None` when everything is decoded.
    decoder: Option<Decoder>,
    ready: Vec<u8>,
    at: usize,
}

const UNREADABLE: u8 = 0xFF;

impl Decoded {
    /// Decodes the next portion.
    fn decode(&mut self) -> std::io::Result<()> {
        self.ready.clear();
        self.at = 0;
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let input = self.file.fill_buf()?;
        let last = input.is_empty();
        self.ready.resize(input.len() * 3 + 16, 0);
        let (found, read, written) =
            decoder.decode_to_utf8_without_replacement(input, &mut self.ready, last);
        self.ready.truncate(written);
        if decoder.encoding().is_single_byte() {
            unassigned(&mut self.ready);
        }
        self.file.consume(read);
        match found {
            DecoderResult::Malformed(..) => self.ready.push(UNREADABLE),
            DecoderResult::InputEmpty if last => self.decoder = None,
            DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

/// Bytes that an encoding of one byte a letter gives no letter (0x81 of windows-1252) are decoded
/// as controls from U+0080 to U+009F, which no text holds.
fn unassigned(text: &mut [u8]) {
    for at in 1..text.len() {
        if text[at - 1] == 0xC2 && (0x80..=0x9F).contains(&text[at]) {
            text[at - 1..=at].fill(UNREADABLE);
        }
    }
}

impl Read for Decoded {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.ready.len() {
            if self.decoder.is_none() {
                return Ok(0);
            }
            self.decode()?;
        }
        let length = out.len().min(self.ready.len() - self.at);
        out[..length].copy_from_slice(&self.ready[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

/// About how many rows a file of so many bytes holds, by its first ones.
pub fn rows(path: &Path, bytes: u64) -> u64 {
    let mut begin = Vec::new();
    let read = disk::open(path).and_then(|it| it.take(1 << 16).read_to_end(&mut begin));
    let lines = begin.iter().filter(|it| **it == b'\n').count() as u64;
    match read {
        Ok(read) if 1 < lines => bytes.saturating_mul(lines) / (read as u64).max(1) - 1,
        _ => 1,
    }
}

/// The records of a file, with all their cells.
///
/// Errors: a file that cannot be read.
pub fn read(file: &DataFile, batch_size: usize) -> Result<RawBatches, Trouble> {
    opened(file, batch_size, None, None)
}

/// The same, with the cells that the file has for fields, and only of records that pass the sieve.
///
/// Errors: a file that cannot be read.
pub fn wanted(
    file: &DataFile,
    batch_size: usize,
    sieve: Option<Fitted>,
) -> Result<RawBatches, Trouble> {
    opened(file, batch_size, sieve, Some(file.places.iter().flatten().copied().collect()))
}

fn opened(
    file: &DataFile,
    batch_size: usize,
    sieve: Option<Fitted>,
    only: Option<BTreeSet<usize>>,
) -> Result<RawBatches, Trouble> {
    let broken = |_| broken(file);
    let mut reader = reader(&file.path, file.separator, file.encoding).map_err(broken)?;
    reader.header().map_err(|_| self::broken(file))?;
    if let Some(only) = only {
        reader.only(only);
    }
    let file = file.clone();
    Ok(Box::new(Records { reader, file, batch_size, sieve, next_row: 1 }))
}

fn broken(file: &DataFile) -> Trouble {
    Trouble::data(format!("{}: cannot be read further", file.shown)).help("check the file")
}

fn too_long(file: &DataFile, line: u64) -> Trouble {
    let message = format!("{}:{line}: more than 4 MiB without an end of the row", file.shown);
    Trouble::data(message).help("check that the file is a CSV, and its ends of lines and quotes")
}

struct Records {
    reader: records::Reader<Bytes>,
    file: DataFile,
    batch_size: usize,
    sieve: Option<Fitted>,
    next_row: u64,
}

impl Iterator for Records {
    type Item = Result<Raw, Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut numbers = None;
        let rows = match &mut self.sieve {
            None => self.reader.rows(self.batch_size),
            Some(sieve) => {
                let numbers = numbers.insert(Vec::new());
                self.reader.some(self.batch_size, sieve, numbers)
            }
        };
        let rows = match rows {
            Ok(rows) if rows.is_empty() => return None,
            Ok(rows) => rows,
            Err(Broken::Unreadable) => return Some(Err(broken(&self.file))),
            Err(Broken::TooLong(line)) => return Some(Err(too_long(&self.file, line))),
        };
        let first = self.next_row;
        self.next_row += rows.len() as u64;
        let first = numbers.as_ref().and_then(|it| it.first().copied()).unwrap_or(first);
        Some(Ok(Raw { first, around: numbers, rows: RawRows::Text(rows) }))
    }
}

/// The wanted columns of some records, and which records have not as many cells as the header.
pub fn columns(file: &DataFile, fields: &[Wanted], rows: &Rows) -> (Vec<Converted>, Vec<bool>) {
    let width = file.header.len();
    let ragged: Vec<bool> = (0..rows.len()).map(|it| rows.width(it) != width).collect();
    let convert = |(field, place): (&Wanted, &Option<usize>)| {
        let cell = |row: usize| match place.and_then(|it| rows.cell(row, it)) {
            Some(bytes) if !ragged[row] && MOST_CELL < bytes.len() => Err(Fault::TooLong),
            Some(bytes) if !ragged[row] => {
                let unreadable = |_| match place.is_some_and(|it| rows.is_stray(row, it)) {
                    true => Fault::StrayQuote,
                    false => Fault::NoText,
                };
                std::str::from_utf8(bytes).map(Some).map_err(unreadable)
            }
            Some(_) | None => Ok(None),
        };
        column(rows.len(), &field.reading, cell)
    };
    let columns = fields.iter().zip(&file.places).map(convert).collect();
    (columns, ragged)
}

/// A column of cells of text; an error is one that is no text.
pub fn column<'a>(
    rows: usize,
    reading: &Reading,
    cell: impl Fn(usize) -> Result<Option<&'a str>, Fault>,
) -> Converted {
    let mut column = Column::new(&reading.ty);
    let mut faults = Vec::new();
    for row in 0..rows {
        let fault = match cell(row) {
            Ok(Some(text)) => column.read(text, reading),
            Ok(None) => {
                column.missing();
                None
            }
            Err(fault) => {
                column.missing();
                Some(fault)
            }
        };
        faults.extend(fault.map(|it| (row, it)));
    }
    Converted { array: column.finish(), faults }
}
