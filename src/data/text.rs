//! CSV, by header name, as text.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use csv::ByteRecord;
use encoding_rs::Decoder;
use encoding_rs::Encoding;
use encoding_rs::UTF_8;

use crate::data::Converted;
use crate::data::DataFile;
use crate::data::Wanted;
use crate::data::convert::Cell;
use crate::data::convert::Column;
use crate::data::convert::Reading;
use crate::data::scan::Raw;
use crate::data::scan::RawBatches;
use crate::data::scan::RawRows;
use crate::disk;
use crate::trouble::Trouble;

/// The column names; errors in words.
pub fn header(
    path: &Path,
    separator: u8,
    encoding: &'static Encoding,
) -> Result<Vec<String>, String> {
    let reader = reader(path, separator, encoding);
    let mut reader = reader.map_err(|_| "cannot be read".to_owned())?;
    let header = reader.byte_headers().map_err(|_| "has no readable header".to_owned())?;
    let mut names = Vec::new();
    for name in header {
        let name = std::str::from_utf8(name).map_err(|_| {
            "its header is not UTF-8: say `encoding = \"windows-1252\"` in tamis.toml".to_owned()
        })?;
        names.push(name.trim_start_matches('\u{FEFF}').trim().to_owned());
    }
    Ok(names)
}

type Bytes = Box<dyn Read + Send>;

fn reader(
    path: &Path,
    separator: u8,
    encoding: &'static Encoding,
) -> std::io::Result<csv::Reader<Bytes>> {
    let file = BufReader::with_capacity(1 << 18, disk::open(path)?);
    let bytes: Bytes = if encoding == UTF_8 {
        Box::new(file)
    } else {
        Box::new(Decoded { file, decoder: encoding.new_decoder(), ready: Vec::new(), at: 0 })
    };
    let mut builder = csv::ReaderBuilder::new();
    let builder = builder.flexible(true).delimiter(separator).buffer_capacity(1 << 18);
    Ok(builder.from_reader(bytes))
}

/// A file as UTF-8.
struct Decoded {
    file: BufReader<File>,
    decoder: Decoder,
    ready: Vec<u8>,
    at: usize,
}

impl Read for Decoded {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.ready.len() {
            let input = self.file.fill_buf()?;
            let (length, last) = (input.len(), input.is_empty());
            self.ready.resize(length * 3 + 16, 0);
            let (_, read, written, _) = self.decoder.decode_to_utf8(input, &mut self.ready, last);
            self.file.consume(read);
            self.ready.truncate(written);
            self.at = 0;
            if last && written == 0 {
                return Ok(0);
            }
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

pub fn read(file: &DataFile, batch_size: usize) -> Result<RawBatches, Trouble> {
    let reader = reader(&file.path, file.separator, file.encoding).map_err(|_| broken(file))?;
    let file = file.clone();
    Ok(Box::new(Records { reader, file, batch_size, next_row: 1 }))
}

fn broken(file: &DataFile) -> Trouble {
    Trouble::data(format!("{}: cannot be read further", file.shown)).help("check the file")
}

struct Records {
    reader: csv::Reader<Bytes>,
    file: DataFile,
    batch_size: usize,
    next_row: u64,
}

impl Iterator for Records {
    type Item = Result<Raw, Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut records: Vec<ByteRecord> = Vec::new();
        while records.len() < self.batch_size {
            let mut record = ByteRecord::new();
            match self.reader.read_byte_record(&mut record) {
                Ok(true) => records.push(record),
                Ok(false) => break,
                Err(_) => return Some(Err(broken(&self.file))),
            }
        }
        if records.is_empty() {
            return None;
        }
        let first = self.next_row;
        self.next_row += records.len() as u64;
        Some(Ok(Raw { first, around: None, rows: RawRows::Text(records) }))
    }
}

/// The wanted columns of some records, and which records have not as many cells as the header.
pub fn columns(
    file: &DataFile,
    fields: &[Wanted],
    records: &[ByteRecord],
) -> (Vec<Converted>, Vec<bool>) {
    let width = file.header.len();
    let ragged: Vec<bool> = records.iter().map(|it| it.len() != width).collect();
    let convert = |(field, place): (&Wanted, &Option<usize>)| {
        let cell = |row: usize| match place.and_then(|it| records[row].get(it)) {
            Some(bytes) if !ragged[row] => std::str::from_utf8(bytes).map(Some).map_err(|_| ()),
            Some(_) | None => Ok(None),
        };
        column(records.len(), &field.reading, cell)
    };
    let columns = fields.iter().zip(&file.places).map(convert).collect();
    (columns, ragged)
}

/// A column of cells of text; an error is one that is not UTF-8.
pub fn column<'a>(
    rows: usize,
    reading: &Reading,
    cell: impl Fn(usize) -> Result<Option<&'a str>, ()>,
) -> Converted {
    let mut column = Column::new(&reading.ty);
    let mut faults = Vec::new();
    for row in 0..rows {
        let found = match cell(row) {
            Ok(Some(text)) => column.read(text, reading),
            Ok(None) => {
                column.missing();
                Cell::Missing
            }
            Err(()) => {
                column.missing();
                Cell::NotReadable
            }
        };
        if matches!(found, Cell::NotReadable | Cell::OutOfRange) {
            faults.push((row, found));
        }
    }
    Converted { array: column.finish(), faults }
}
