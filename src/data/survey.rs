//! What a file holds, column by column: for a schema that nobody has written yet.

pub mod guess;
pub mod head;
pub mod levels;
pub mod nested;
pub mod personal;
pub mod seen;

use std::path::Path;

use arrow::array::Array;
use arrow::array::AsArray;
use encoding_rs::Encoding;

use crate::data::DataFile;
use crate::data::Format;
use crate::data::Rows;
use crate::data::columnar;
use crate::data::file;
use crate::data::records;
use crate::data::scan::RawRows;
use crate::data::survey::guess::Marks;
use crate::data::survey::head::Head;
use crate::data::survey::levels::Levels;
use crate::data::survey::nested::Child;
use crate::data::survey::nested::Unread;
use crate::data::survey::seen::Seen;
use crate::data::text;
use crate::disk;
use crate::trouble::Trouble;

const BATCH: usize = 8_192;

/// A file, as far as it can be told from what it holds.
pub struct Survey {
    pub columns: Vec<Seen>,
    /// Rows in lists of the rows.
    pub children: Vec<Child>,
    /// Columns that no field can be made of, and why.
    pub unread: Vec<Unread>,
    /// The columns that a declaration repeats in each of its lines.
    pub levels: Option<Levels>,
    /// Of a CSV.
    pub separator: u8,
    /// Of text that is not UTF-8.
    pub encoding: Option<&'static Encoding>,
    /// The sign before decimals.
    pub decimal: char,
    /// Words that stand for *missing*.
    pub nulls: Vec<String>,
    /// What a reader of the project has to know, in sentences.
    pub remarks: Vec<String>,
}

impl Survey {
    /// All there is to know before the project is used.
    pub fn said(&self) -> Vec<String> {
        let of_columns = |it: &Seen| Some(format!("Column `{}`: {}", it.name, it.remark.clone()?));
        let mut res = self.remarks.clone();
        res.extend(self.columns.iter().filter_map(of_columns));
        res
    }
}

/// The columns of a CSV, Parquet or Arrow file, every row read.
///
/// Errors: a file that is none of these, cannot be read, or does not begin with the names of its
/// columns.
pub fn survey(path: &Path) -> Result<Survey, Trouble> {
    let shown = path.display().to_string();
    let refused = |what: &str| Trouble::data(format!("{shown}: {what}"));
    let extension = path.extension().map(|it| it.to_string_lossy().to_lowercase());
    let known = file::FORMATS.iter().find(|it| Some(it.0) == extension.as_deref());
    let Some((_, format)) = known else {
        return Err(refused("is neither .csv, .parquet nor .arrow"));
    };
    let metadata = disk::open(path).and_then(|it| it.metadata());
    let metadata =
        metadata.map_err(|it| Trouble::usage(format!("{shown}: {}", disk::reason(&it))))?;
    if metadata.len() == 0 {
        return Err(refused("is empty"));
    }
    match format {
        Format::Csv => of_text(path, shown),
        Format::Parquet | Format::Arrow => of_columns(path, shown, *format),
    }
}

fn data_file(path: &Path, shown: String, format: Format, header: Vec<String>) -> DataFile {
    DataFile {
        path: path.to_path_buf(),
        shown,
        format,
        separator: b',',
        encoding: encoding_rs::UTF_8,
        places: (0..header.len()).map(Some).collect(),
        header,
        rows: Rows::About(0),
        by_dictionary: Vec::new(),
        nest: None,
    }
}

fn of_text(path: &Path, shown: String) -> Result<Survey, Trouble> {
    let head = head::read(path, &shown)?;
    let Head { separator, encoding, names } = head;
    let file = data_file(path, shown.clone(), Format::Csv, names);
    let file = DataFile { separator, encoding, ..file };
    let mut columns: Vec<Seen> = file.header.iter().map(|it| Seen::new(it.clone(), None)).collect();
    let mut rows = Records::default();
    each_record(&file, |record| rows.see(record, &mut columns))?;
    rows.end(&mut columns);
    if 0 < rows.all && rows.ragged == rows.all {
        let message = format!(
            "{shown}: the head names {} columns, and no row has as many cells",
            columns.len()
        );
        return Err(Trouble::data(message)
            .help("correct the head: as many names as each row has cells, then try again"));
    }
    let mut remarks = rows.remarks();
    let marks = guess::marks(&columns);
    let mut unread = twice(&mut columns);
    for it in &mut columns {
        it.conclude(&marks);
    }
    // A separator at the end of each line makes a column of nothing.
    columns.retain(|it| !(it.name.is_empty() && it.missing == it.rows));
    unread.extend(columns.iter().filter(|it| it.name.is_empty()).map(|_| Unread {
        name: String::new(),
        why: "has no name: give it one in the head".to_owned(),
    }));
    columns.retain(|it| !it.name.is_empty());
    remarks.extend(unread.iter().map(Unread::sentence));
    remarks.extend(marks.remarks());
    let levels = levels::find(&file, &columns)?;
    let encoding = Some(encoding).filter(|it| *it != encoding_rs::UTF_8);
    let Marks { decimal, nulls, .. } = marks;
    Ok(Survey {
        columns,
        children: Vec::new(),
        unread,
        levels,
        separator,
        encoding,
        decimal,
        nulls,
        remarks,
    })
}

/// Takes out columns that share their name: nobody can say which of them is meant.
fn twice(columns: &mut Vec<Seen>) -> Vec<Unread> {
    let names: Vec<String> = columns.iter().map(|it| it.name.clone()).collect();
    let is_twice = |name: &String| 1 < names.iter().filter(|it| *it == name).count();
    let mut res: Vec<Unread> = Vec::new();
    for name in names.iter().filter(|it| !it.is_empty() && is_twice(it)) {
        if !res.iter().any(|it| it.name == *name) {
            let why = "stands twice in the head: give one of them another name".to_owned();
            res.push(Unread { name: name.clone(), why });
        }
    }
    columns.retain(|it| it.name.is_empty() || !is_twice(&it.name));
    res
}

/// The cells of a row.
type Record = Vec<String>;

fn record(rows: &records::Rows, row: usize) -> Record {
    let cell = |at: usize| String::from_utf8_lossy(rows.cell(row, at).unwrap_or_default());
    (0..rows.width(row)).map(|at| cell(at).trim().to_owned()).collect()
}

/// Every row of a text, in order.
fn each_record(file: &DataFile, mut see: impl FnMut(Record)) -> Result<(), Trouble> {
    for raw in text::read(file, BATCH)? {
        if let RawRows::Text(rows) = raw?.rows {
            (0..rows.len()).for_each(|row| see(record(&rows, row)));
        }
    }
    Ok(())
}

/// The rows of a text, the last one held back: it may be a line of totals.
#[derive(Default)]
struct Records {
    all: u64,
    ragged: u64,
    held: Option<Record>,
    totals: bool,
}

impl Records {
    fn see(&mut self, record: Record, columns: &mut [Seen]) {
        self.all += 1;
        if let Some(before) = self.held.replace(record) {
            self.add(&before, columns);
        }
    }

    fn add(&mut self, record: &[String], columns: &mut [Seen]) {
        if record.len() != columns.len() {
            self.ragged += 1;
            return;
        }
        for (cell, seen) in record.iter().zip(columns) {
            seen.add(cell);
        }
    }

    fn end(&mut self, columns: &mut [Seen]) {
        let Some(last) = self.held.take() else { return };
        let first = last.iter().find(|it| !it.is_empty());
        self.totals = 1 < self.all && first.is_some_and(|it| head::is_total(it));
        if self.totals {
            self.ragged += u64::from(last.len() != columns.len());
        } else {
            self.add(&last, columns);
        }
    }

    fn remarks(&self) -> Vec<String> {
        let mut res = Vec::new();
        if 0 < self.ragged {
            let share = self.ragged.saturating_mul(100).div_ceil(self.all);
            res.push(format!(
                "{} of {} rows have not as many cells as the head: a run rejects them, and fails \
                 unless they are corrected or `--max-rejected {share}%` allows them.",
                self.ragged, self.all
            ));
        }
        if self.totals {
            res.push(
                "The last row looks like a line of totals: take it out, a run would judge it."
                    .to_owned(),
            );
        }
        res
    }
}

fn of_columns(path: &Path, shown: String, format: Format) -> Result<Survey, Trouble> {
    let refused = |what: String| Trouble::data(format!("{shown}: {what}"));
    let (schema, ..) = columnar::open(path, format).map_err(refused)?;
    let names = schema.fields().iter().map(|it| it.name().clone()).collect();
    let file = data_file(path, shown, format, names);
    let mut root = nested::Node::of(schema.fields());
    for raw in columnar::read(&file, None, None, BATCH)? {
        if let RawRows::Columns(batch) = raw?.rows {
            root.see(batch.columns(), None);
        }
    }
    let marks = Marks::plain();
    let (columns, children, unread) = root.end(&marks);
    let levels = match children.is_empty() {
        true => levels::find(&file, &columns)?,
        false => None,
    };
    let mut remarks: Vec<String> = unread.iter().map(Unread::sentence).collect();
    remarks.extend(children.iter().flat_map(Child::remarks));
    Ok(Survey {
        columns,
        children,
        unread,
        levels,
        separator: b',',
        encoding: None,
        decimal: '.',
        nulls: Vec::new(),
        remarks,
    })
}

/// The rows of a file as texts of some of its columns, by their names.
fn each_row(
    file: &DataFile,
    wanted: &[String],
    mut see: impl FnMut(&[String]),
) -> Result<(), Trouble> {
    let places: Vec<usize> =
        wanted.iter().filter_map(|name| file.header.iter().position(|it| it == name)).collect();
    let mut cells = vec![String::new(); places.len()];
    let batches = match file.format {
        Format::Csv => text::read(file, BATCH)?,
        Format::Parquet | Format::Arrow => columnar::read(file, None, None, BATCH)?,
    };
    for raw in batches {
        match raw?.rows {
            RawRows::Text(rows) => {
                let is_whole = |it: &usize| rows.width(*it) == file.header.len();
                for row in (0..rows.len()).filter(is_whole) {
                    for (cell, at) in cells.iter_mut().zip(&places) {
                        let text = rows.cell(row, *at).unwrap_or_default();
                        String::from_utf8_lossy(text).trim().clone_into(cell);
                    }
                    see(&cells);
                }
            }
            RawRows::Columns(batch) => {
                let texts: Vec<_> =
                    places.iter().filter_map(|at| columnar::as_text(batch.column(*at))).collect();
                for row in 0..batch.num_rows() {
                    for (cell, column) in cells.iter_mut().zip(&texts) {
                        let column = column.as_string::<i32>();
                        let text = if column.is_null(row) { "" } else { column.value(row) };
                        text.trim().clone_into(cell);
                    }
                    see(&cells);
                }
            }
        }
    }
    Ok(())
}
