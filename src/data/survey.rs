//! What a file holds, column by column: for a schema that nobody has written yet.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;

use arrow::array::Array;
use arrow::array::AsArray;
use encoding_rs::Encoding;
use encoding_rs::UTF_8;
use encoding_rs::WINDOWS_1252;

use crate::data::DataFile;
use crate::data::Format;
use crate::data::Rows;
use crate::data::cell::Moment;
use crate::data::columnar;
use crate::data::instant;
use crate::data::scan::RawRows;
use crate::data::text;
use crate::disk;
use crate::trouble::Trouble;
use crate::value::Decimal;
use crate::value::country;

/// Distinct values that are kept by name; beyond this they are only *many*.
const NAMED: usize = 1_000;
const BATCH: usize = 8_192;

/// What was seen of a column.
#[derive(Debug, Clone)]
pub struct Seen {
    pub name: String,
    pub rows: u64,
    pub missing: u64,
    /// Those there are, unless there are too many.
    pub values: Option<BTreeSet<String>>,
    /// No value stands twice, and none is missing.
    pub is_key: bool,
    pub guess: Guess,
    /// The smallest and largest number.
    pub range: Option<(Decimal, Decimal)>,
    /// The first and last as text: dates in order.
    pub text_range: Option<(String, String)>,
    hashes: HashSet<u64>,
    fits: Vec<Guess>,
}

/// A file, as far as it can be told from what it holds.
pub struct Survey {
    pub columns: Vec<Seen>,
    /// Of a CSV.
    pub separator: u8,
    /// Of text that is not UTF-8.
    pub encoding: Option<&'static Encoding>,
}

/// What all the values of a column can be read as, the narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    Truth,
    Whole,
    Decimal,
    Date,
    DateTime,
    /// Digits in pairs, 4 to 10 of them.
    Code,
    Country,
    Text,
}

const GUESSES: [Guess; 8] = [
    Guess::Truth,
    Guess::Code,
    Guess::Whole,
    Guess::Decimal,
    Guess::Date,
    Guess::DateTime,
    Guess::Country,
    Guess::Text,
];

/// The columns of a CSV, Parquet or Arrow file, every row read.
///
/// Errors: a file that is none of these, or cannot be read.
pub fn survey(path: &Path) -> Result<Survey, Trouble> {
    let shown = path.display().to_string();
    let refused = |what: &str| Trouble::data(format!("{shown}: {what}"));
    let extension = path.extension().map(|it| it.to_string_lossy().to_lowercase());
    let format = match extension.as_deref() {
        Some("csv" | "tsv" | "txt") => Format::Csv,
        Some("parquet") => Format::Parquet,
        Some("arrow" | "feather" | "ipc") => Format::Arrow,
        _ => return Err(refused("is neither .csv, .parquet nor .arrow")),
    };
    let length = disk::open(path)
        .and_then(|it| it.metadata())
        .map_err(|it| Trouble::usage(format!("{shown}: {}", disk::reason(&it))))?
        .len();
    if length == 0 {
        return Err(refused("is empty"));
    }
    let mut separator = b',';
    let unreadable = |_| refused("cannot be read");
    // Every byte is a letter there: nothing else can be told from the file.
    let foreign = format == Format::Csv && !is_utf8(path).map_err(unreadable)?;
    let encoding = if foreign { WINDOWS_1252 } else { UTF_8 };
    let header = match format {
        Format::Csv => {
            let read = |it: u8| text::header(path, it, encoding).map_err(|it| refused(&it));
            let mut best = read(separator)?;
            for other in [b';', b'\t', b'|'] {
                let found = read(other)?;
                if best.len() < found.len() {
                    (separator, best) = (other, found);
                }
            }
            best
        }
        Format::Parquet | Format::Arrow => {
            let (schema, _) = columnar::open(path, format).map_err(|it| refused(&it))?;
            schema.fields().iter().map(|it| it.name().clone()).collect()
        }
    };
    let twice = header.iter().enumerate().find(|(at, it)| header[..*at].contains(it));
    if let Some((_, name)) = twice {
        return Err(refused(&format!("column `{name}` stands twice")));
    }
    let file = DataFile {
        path: path.to_path_buf(),
        shown,
        format,
        separator,
        encoding,
        places: (0..header.len()).map(Some).collect(),
        header: header.clone(),
        rows: Rows::About(0),
        nest: None,
    };
    let mut all: Vec<Seen> = header.into_iter().map(Seen::new).collect();
    let batches = match format {
        Format::Csv => text::read(&file, BATCH)?,
        Format::Parquet | Format::Arrow => columnar::read(&file, None, None, BATCH)?,
    };
    for raw in batches {
        match raw?.rows {
            RawRows::Text(records) => {
                for (at, seen) in all.iter_mut().enumerate() {
                    for row in 0..records.len() {
                        let cell = records.cell(row, at).map(String::from_utf8_lossy);
                        seen.add(cell.as_deref().unwrap_or_default());
                    }
                }
            }
            RawRows::Columns(batch) => {
                for (seen, column) in all.iter_mut().zip(batch.columns()) {
                    let texts = columnar::as_text(column).ok_or_else(|| {
                        let name = &seen.name;
                        Trouble::data(format!("{}: column `{name}` has no text", file.shown))
                            .help("leave nested columns out of the file")
                    })?;
                    let texts = texts.as_string::<i32>();
                    for at in 0..texts.len() {
                        seen.add(if texts.is_null(at) { "" } else { texts.value(at) });
                    }
                }
            }
        }
    }
    for it in &mut all {
        it.conclude();
    }
    Ok(Survey { columns: all, separator, encoding: foreign.then_some(encoding) })
}

fn is_utf8(path: &Path) -> std::io::Result<bool> {
    let mut lines = BufReader::new(disk::open(path)?).split(b'\n');
    lines.try_fold(true, |all, line| Ok(all && std::str::from_utf8(&line?).is_ok()))
}

impl Seen {
    fn new(name: String) -> Seen {
        Seen {
            name,
            rows: 0,
            missing: 0,
            values: Some(BTreeSet::new()),
            is_key: true,
            guess: Guess::Text,
            range: None,
            text_range: None,
            hashes: HashSet::new(),
            fits: GUESSES.to_vec(),
        }
    }

    fn add(&mut self, cell: &str) {
        let cell = cell.trim();
        self.rows += 1;
        if cell.is_empty() {
            self.missing += 1;
            self.is_key = false;
            return;
        }
        if self.is_key {
            let mut hasher = DefaultHasher::new();
            cell.hash(&mut hasher);
            if !self.hashes.insert(hasher.finish()) {
                self.is_key = false;
                self.hashes = HashSet::new();
            }
        }
        let known = self.values.as_ref().is_some_and(|it| it.contains(cell));
        if known {
            return;
        }
        if let Some(values) = &mut self.values {
            values.insert(cell.to_owned());
            if NAMED < values.len() {
                self.values = None;
            }
        }
        self.fits.retain(|it| it.reads(cell));
        if let Some(number) = decimal(cell) {
            let (least, most) = self.range.unwrap_or((number, number));
            self.range = Some((least.min(number), most.max(number)));
        }
        match &mut self.text_range {
            None => self.text_range = Some((cell.to_owned(), cell.to_owned())),
            Some((least, _)) if cell < least.as_str() => cell.clone_into(least),
            Some((_, most)) if most.as_str() < cell => cell.clone_into(most),
            Some(_) => {}
        }
    }

    fn conclude(&mut self) {
        self.hashes = HashSet::new();
        self.is_key &= 0 < self.rows;
        if self.missing == self.rows {
            return;
        }
        let both = self.values.as_ref().is_some_and(|it| 1 < it.len());
        let name = self.name.to_lowercase();
        let names = |words: &[&str]| words.iter().any(|it| name.contains(it));
        // Two digits or letters may be anything: the name has to say it too.
        let meant = |it: &Guess| match it {
            Guess::Truth => both,
            Guess::Code => names(&["hs", "tariff", "commodity", "taric"]),
            Guess::Country => names(&["country", "origin", "departure", "dispatch", "nation"]),
            Guess::Whole | Guess::Decimal => {
                !names(&["code", " id", "_id", "type", "mode", "office", " use"]) && name != "id"
            }
            Guess::Date | Guess::DateTime | Guess::Text => true,
        };
        self.guess = self.fits.iter().copied().find(meant).unwrap_or(Guess::Text);
    }
}

impl Guess {
    fn reads(self, cell: &str) -> bool {
        match self {
            Guess::Truth => matches!(cell, "0" | "1" | "true" | "false"),
            Guess::Whole => is_plain(cell) && cell.parse::<i64>().is_ok(),
            Guess::Decimal => is_plain(cell) && decimal(cell).is_some(),
            // Eight digits alone may be anything.
            Guess::Date | Guess::DateTime if !cell.contains('-') => false,
            Guess::Date => instant::parse(cell).is_ok_and(Moment::is_day),
            Guess::DateTime => 10 < cell.len() && instant::parse(cell).is_ok(),
            Guess::Code => {
                let digits = cell.bytes().filter(u8::is_ascii_digit).count();
                let only = cell.bytes().all(|it| it.is_ascii_digit() || it == b'.');
                only && matches!(digits, 4 | 6 | 8 | 10)
            }
            Guess::Country => country::is_country(cell),
            Guess::Text => true,
        }
    }
}

/// Zeros in front belong to an identifier.
fn is_plain(cell: &str) -> bool {
    let digits = cell.trim_start_matches(['-', '+']);
    !(1 < digits.len() && digits.starts_with('0') && !digits.starts_with("0."))
}

fn decimal(cell: &str) -> Option<Decimal> {
    match cell.split_once(['e', 'E']) {
        // Floats of very small or large numbers: their digits say enough of their kind.
        Some((digits, exponent)) => {
            exponent.parse::<i32>().ok()?;
            Decimal::parse(digits)
        }
        None => Decimal::parse(cell),
    }
}
