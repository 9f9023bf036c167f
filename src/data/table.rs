//! Tables that people keep: a header and rows, from a CSV or a sheet.

use std::fs::File;
use std::path::Path;

use encoding_rs::UTF_8;

use crate::data::records;
use crate::data::records::Rows;
use crate::data::sheet;
use crate::data::sheet::Kind;
use crate::data::text;
use crate::disk;

/// A cell as messages show it.
const SHOWN: usize = 60;

pub struct Table {
    pub header: Vec<String>,
    rows: Source,
}

enum Source {
    Csv(Vec<Rows>),
    Sheet(Vec<sheet::Row>),
}

/// A row, and where it stands.
pub struct Row<'a> {
    pub place: Place,
    cells: Cells<'a>,
}

enum Cells<'a> {
    Csv(&'a Rows, usize),
    Sheet(&'a [(u32, sheet::Cell)]),
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The row, the header not counted, and the line of a file of text, both from 1.
    Line(u64, u64),
    /// A row as the sheet numbers it.
    Sheet(u32),
}

impl Place {
    /// `row 3 of `lists/floors.csv`, line 4`
    pub fn of(self, path: &str) -> String {
        match self {
            Place::Line(row, line) => format!("row {row} of `{path}`, line {line}"),
            Place::Sheet(row) => format!("row {row} of the sheet in `{path}`"),
        }
    }
}

/// What stands in a cell, trimmed.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    pub text: &'a str,
    pub kind: Kind,
}

impl Row<'_> {
    /// The cell of a column; what is not there is blank.
    ///
    /// Errors: a cell with a quote that does not end, or that is no UTF-8.
    pub fn cell(&self, at: usize) -> Result<Written<'_>, &'static str> {
        match &self.cells {
            Cells::Csv(rows, row) => {
                let bytes = rows.cell(*row, at).unwrap_or_default();
                let text = std::str::from_utf8(bytes)
                    .map_err(|_| "has a quote that does not end, or is not UTF-8")?;
                Ok(Written { text: text.trim(), kind: Kind::Text })
            }
            Cells::Sheet(cells) => {
                let found = cells.iter().find(|it| it.0 as usize == at);
                let (text, kind) = found.map_or(("", Kind::Text), |it| (&*it.1.text, it.1.kind));
                Ok(Written { text: text.trim(), kind })
            }
        }
    }

    /// How many cells a row of a CSV has.
    pub fn width(&self) -> Option<usize> {
        match &self.cells {
            Cells::Csv(rows, row) => Some(rows.width(*row)),
            Cells::Sheet(_) => None,
        }
    }

    fn is_blank(&self) -> bool {
        match &self.cells {
            Cells::Csv(rows, row) => (0..rows.width(*row))
                .all(|at| rows.cell(*row, at).is_none_or(|it| it.trim_ascii().is_empty())),
            Cells::Sheet(cells) => cells.iter().all(|it| it.1.text.trim().is_empty()),
        }
    }
}

impl Table {
    /// The rows that are not blank.
    pub fn rows(&self) -> Box<dyn Iterator<Item = Row<'_>> + '_> {
        match &self.rows {
            Source::Csv(all) => {
                let rows = all.iter().flat_map(|rows| (0..rows.len()).map(move |it| (rows, it)));
                let row = |(number, (rows, row)): (usize, (_, usize))| {
                    let rows: &Rows = rows;
                    let place = Place::Line(number as u64 + 1, rows.line(row));
                    Row { place, cells: Cells::Csv(rows, row) }
                };
                Box::new(rows.enumerate().map(row).filter(|it| !it.is_blank()))
            }
            Source::Sheet(all) => {
                let rows = all.iter().map(|it| Row {
                    place: Place::Sheet(it.number),
                    cells: Cells::Sheet(&it.cells),
                });
                Box::new(rows.filter(|it| !it.is_blank()))
            }
        }
    }
}

/// Reads a file: a workbook by its ending, else a CSV, whose separator is the one of comma,
/// semicolon, tab and bar by which the header has the most columns.
///
/// Errors, in words.
pub fn read(path: &Path, shown: &str, sheet: Option<&str>) -> Result<Table, String> {
    let extension = path.extension().map(|it| it.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("xlsx" | "xlsm") => {
            let rows = sheet::rows(path, sheet).map_err(|it| format!("`{shown}` {it}"))?;
            from_sheet(rows, shown)
        }
        Some("xls" | "xlsb" | "ods") => {
            Err(format!("`{shown}` is a workbook of another kind: save it as .xlsx or as CSV"))
        }
        Some(_) | None if sheet.is_some() => Err(format!("`{shown}` is a CSV: it has no sheets")),
        Some(_) | None => from_csv(path, shown),
    }
}

fn from_sheet(mut rows: Vec<sheet::Row>, shown: &str) -> Result<Table, String> {
    if rows.is_empty() {
        return Err(format!("`{shown}` is empty"));
    }
    let first = rows.remove(0);
    let width = first.cells.iter().map(|it| it.0 as usize + 1).max().unwrap_or(0);
    let mut header = vec![String::new(); width];
    for (at, cell) in first.cells {
        header[at as usize] = cell.text.trim().to_owned();
    }
    let outside = |it: &&sheet::Row| it.cells.iter().any(|cell| width <= cell.0 as usize);
    if let Some(it) = rows.iter().find(outside) {
        let row = it.number;
        return Err(format!("`{shown}` has a cell in row {row} in a column without a name"));
    }
    Ok(Table { header, rows: Source::Sheet(rows) })
}

fn from_csv(path: &Path, shown: &str) -> Result<Table, String> {
    let unreadable = || format!("`{shown}` cannot be read");
    if let Some(what) = text::foreign(path, UTF_8) {
        return Err(format!("`{shown}` {what}"));
    }
    let open = |separator| -> Result<records::Reader<File>, String> {
        let refused = |it| format!("`{shown}` cannot be read: {}", disk::reason(&it));
        let file = disk::open(path).map_err(refused)?;
        let length = file.metadata().map_err(refused)?.len();
        if disk::MOST_TABLE < length {
            let most = disk::MOST_TABLE >> 20;
            return Err(format!("`{shown}` cannot be read: it is larger than {most} MiB"));
        }
        Ok(records::Reader::new(file, separator))
    };
    let mut best: Option<(u8, Rows)> = None;
    for separator in [b',', b';', b'\t', b'|'] {
        let header = open(separator)?.header().map_err(|_| unreadable())?;
        let Some(header) = header else { return Err(format!("`{shown}` is empty")) };
        if best.as_ref().is_none_or(|it| it.1.width(0) < header.width(0)) {
            best = Some((separator, header));
        }
    }
    let Some((separator, header)) = best else { return Err(unreadable()) };
    if let Some(at) = header.stray(0) {
        let cell = header.written(0, at).unwrap_or_default();
        let cell = self::shown(&cell);
        return Err(format!("`{shown}` has a stray quote in its first row: `{cell}`"));
    }
    let name = |at| {
        let name = std::str::from_utf8(header.cell(0, at).unwrap_or_default());
        name.map(|it| it.trim().to_owned())
            .map_err(|_| format!("`{shown}` is not UTF-8 text: save it as CSV UTF-8"))
    };
    let header = (0..header.width(0)).map(name).collect::<Result<Vec<String>, String>>()?;
    let mut reader = open(separator)?;
    reader.header().map_err(|_| unreadable())?;
    let mut all = Vec::new();
    loop {
        let rows = reader.rows(usize::MAX).map_err(|_| unreadable())?;
        if rows.is_empty() {
            return Ok(Table { header, rows: Source::Csv(all) });
        }
        all.push(rows);
    }
}

/// A cell as a message shows it: on one line, not too long, without signs that nobody sees or that
/// move others.
pub fn shown(text: &str) -> String {
    let mut res = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == SHOWN {
            res.push('…');
            break;
        }
        let hidden = matches!(letter,
            '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
        match letter {
            '`' => res.push('\''),
            _ if letter.is_control() || hidden => res.extend(letter.escape_unicode()),
            _ => res.push(letter),
        }
    }
    res
}
