//! CSV, by header name, as text.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use csv::ByteRecord;

use crate::data::Assembler;
use crate::data::Batches;
use crate::data::DataFile;
use crate::trouble::Trouble;

/// The column names; errors in words.
pub fn header(path: &Path, separator: u8) -> Result<Vec<String>, String> {
    let mut reader = reader(path, separator).map_err(|_| "cannot be read".to_owned())?;
    let header = reader.byte_headers().map_err(|_| "has no readable header".to_owned())?;
    let mut names = Vec::new();
    for name in header {
        let name = std::str::from_utf8(name).map_err(|_| "its header is not UTF-8".to_owned())?;
        names.push(name.trim_start_matches('\u{FEFF}').trim().to_owned());
    }
    Ok(names)
}

fn reader(path: &Path, separator: u8) -> std::io::Result<csv::Reader<BufReader<File>>> {
    let file = BufReader::with_capacity(1 << 18, File::open(path)?);
    Ok(csv::ReaderBuilder::new().flexible(true).delimiter(separator).from_reader(file))
}

pub fn read(file: DataFile, assembler: Assembler, batch_size: usize) -> Batches {
    match reader(&file.path, file.separator) {
        Err(_) => Box::new(std::iter::once(Err(broken(&file)))),
        Ok(reader) => {
            Box::new(Rows { reader, file, assembler, batch_size, next_row: 1, ended: false })
        }
    }
}

fn broken(file: &DataFile) -> Trouble {
    Trouble::data(format!("{}: cannot be read further", file.shown)).help("check the file")
}

struct Rows {
    reader: csv::Reader<BufReader<File>>,
    file: DataFile,
    assembler: Assembler,
    batch_size: usize,
    next_row: u64,
    ended: bool,
}

impl Iterator for Rows {
    type Item = Result<arrow::record_batch::RecordBatch, Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut records: Vec<ByteRecord> = Vec::new();
        while records.len() < self.batch_size {
            let mut record = ByteRecord::new();
            match self.reader.read_byte_record(&mut record) {
                Ok(true) => records.push(record),
                Ok(false) => {
                    self.ended = true;
                    break;
                }
                Err(_) => {
                    self.ended = true;
                    return Some(Err(broken(&self.file)));
                }
            }
        }
        if records.is_empty() {
            return None;
        }
        let first = self.next_row;
        self.next_row += records.len() as u64;
        let places = &self.file.places;
        let cell =
            |row: usize, column: usize| match places[column].and_then(|it| records[row].get(it)) {
                None => Ok(None),
                Some(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|_| ()),
            };
        let width = self.file.header.len();
        let ragged = |row: usize| records[row].len() != width;
        Some(self.assembler.batch(records.len(), first, cell, ragged))
    }
}
