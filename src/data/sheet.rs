//! Cells of a workbook (.xlsx, .xlsm), read as a stream with bounds: what a file of a few kilobytes
//! unfolds into is not held.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use quick_xml::events::BytesStart;
use quick_xml::events::Event;
use zip::ZipArchive;

use crate::data::xml;
use crate::data::xml::Xml;
use crate::disk;

/// A row that has cells.
#[derive(Debug)]
pub struct Row {
    /// As the sheet numbers it.
    pub number: u32,
    /// By column, from 0.
    pub cells: Vec<(u32, Cell)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub text: Arc<str>,
    pub kind: Kind,
}

/// What a sheet says of a cell besides its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Zeros in front are lost.
    Number,
    /// A number that is shown otherwise than it is held: with zeros in front, say.
    Dressed,
    /// An error such as `#N/A`.
    Failed,
}

/// How numbers of a style are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Plain,
    Date,
    Percent,
    Dressed,
}

const ROWS: u32 = 1_048_576;
const COLUMNS: u32 = 16_384;
const CELLS: usize = 4_000_000;
/// Of a workbook as it is stored.
const FILE_BYTES: u64 = 1 << 28;

type Archive = ZipArchive<BufReader<File>>;

/// The rows of a sheet that have cells, the first sheet when none is named.
///
/// Errors, in words that follow the name of the file.
pub fn rows(path: &Path, sheet: Option<&str>) -> Result<Vec<Row>, String> {
    let unreadable = || "cannot be read as a workbook (.xlsx)".to_owned();
    let file = disk::open(path).map_err(|it| format!("cannot be read: {}", disk::reason(&it)))?;
    let length = file.metadata().map_err(|_| unreadable())?.len();
    if FILE_BYTES < length {
        return Err("is larger than 256 MiB: save the sheet as CSV".to_owned());
    }
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|_| unreadable())?;
    let (sheets, from_1904) = workbook(&mut archive)?;
    let (_, id) = match sheet {
        Some(name) => {
            sheets.iter().find(|it| it.0 == name).ok_or_else(|| format!("has no sheet `{name}`"))?
        }
        None => sheets.first().ok_or_else(|| "has no sheet".to_owned())?,
    };
    let target = relation(&mut archive, id)?.ok_or_else(unreadable)?;
    let strings = strings(&mut archive)?;
    let styles = styles(&mut archive)?;
    let mut reader = Sheet { strings, styles, from_1904, rows: Vec::new(), cells: 0, next_row: 1 };
    let mut part = xml::open(&mut archive, &target)?.ok_or_else(unreadable)?;
    reader.read(&mut part)?;
    Ok(reader.rows)
}

/// The sheets by name with their relations, and whether days are counted from 1904.
fn workbook(archive: &mut Archive) -> Result<(Vec<(String, String)>, bool), String> {
    let mut sheets = Vec::new();
    let mut from_1904 = false;
    let Some(mut part) = xml::open(archive, "xl/workbook.xml")? else {
        return Err("cannot be read as a workbook (.xlsx)".to_owned());
    };
    while let Some(event) = part.next()? {
        let (Event::Start(it) | Event::Empty(it)) = event else { continue };
        match it.local_name().as_ref() {
            "workbookPr" => {
                let value = xml::attribute(&it, "date1904").unwrap_or_default();
                from_1904 = value == "1" || value == "true";
            }
            "sheet" => {
                let name = xml::attribute(&it, "name").unwrap_or_default();
                sheets.extend(xml::attribute(&it, "id").map(|id| (name, id)));
            }
            _ => {}
        }
    }
    Ok((sheets, from_1904))
}

/// The part that a relation of the workbook leads to.
fn relation(archive: &mut Archive, id: &str) -> Result<Option<String>, String> {
    let Some(mut part) = xml::open(archive, "xl/_rels/workbook.xml.rels")? else {
        return Ok(None);
    };
    while let Some(event) = part.next()? {
        let (Event::Start(it) | Event::Empty(it)) = event else { continue };
        if xml::attribute(&it, "Id").as_deref() == Some(id) {
            let target = xml::attribute(&it, "Target").unwrap_or_default();
            return Ok(Some(match target.strip_prefix('/') {
                Some(from_root) => from_root.to_owned(),
                None => format!("xl/{target}"),
            }));
        }
    }
    Ok(None)
}

fn strings(archive: &mut Archive) -> Result<Vec<Arc<str>>, String> {
    let mut all = Vec::new();
    let Some(mut part) = xml::open(archive, "xl/sharedStrings.xml")? else { return Ok(all) };
    while let Some(event) = part.next()? {
        match event {
            Event::Start(it) if it.local_name().as_ref() == "si" => {
                all.push(Arc::from(part.text("si")?));
            }
            Event::Empty(it) if it.local_name().as_ref() == "si" => all.push(Arc::from("")),
            _ => {}
        }
    }
    Ok(all)
}

/// How numbers of each style are shown.
fn styles(archive: &mut Archive) -> Result<Vec<Shown>, String> {
    let mut all = Vec::new();
    let mut formats: BTreeMap<u32, Shown> = BTreeMap::new();
    let Some(mut part) = xml::open(archive, "xl/styles.xml")? else { return Ok(all) };
    let mut of_cells = false;
    while let Some(event) = part.next()? {
        let number =
            |it: &BytesStart, name| xml::attribute(it, name).and_then(|it| it.parse::<u32>().ok());
        match event {
            Event::Start(it) | Event::Empty(it) => match it.local_name().as_ref() {
                "numFmt" => {
                    let code = xml::attribute(&it, "formatCode").unwrap_or_default();
                    formats.extend(number(&it, "numFmtId").map(|id| (id, shown(&code))));
                }
                "cellXfs" => of_cells = true,
                "xf" if of_cells => {
                    let id = number(&it, "numFmtId").unwrap_or(0);
                    all.push(formats.get(&id).copied().unwrap_or_else(|| built_in(id)));
                }
                _ => {}
            },
            Event::End(it) if it.local_name().as_ref() == "cellXfs" => of_cells = false,
            _ => {}
        }
    }
    Ok(all)
}

fn built_in(format: u32) -> Shown {
    match format {
        9 | 10 => Shown::Percent,
        14..=22 | 27..=36 | 50..=58 => Shown::Date,
        45..=47 => Shown::Dressed,
        _ => Shown::Plain,
    }
}

/// What a format of its own makes of a number.
fn shown(code: &str) -> Shown {
    let mut bare = String::new();
    let mut letters = code.chars();
    let mut elapsed = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' => letters.by_ref().take_while(|it| *it != '"').for_each(drop),
            '\\' | '_' | '*' => drop(letters.next()),
            '[' => {
                let inside: String = letters.by_ref().take_while(|it| *it != ']').collect();
                elapsed |= inside.starts_with(['h', 'H', 'm', 'M', 's', 'S']);
            }
            ';' => break,
            _ => bare.push(letter.to_ascii_lowercase()),
        }
    }
    if bare == "general" || bare == "@" {
        return Shown::Plain;
    }
    if bare.contains('%') {
        return Shown::Percent;
    }
    if elapsed {
        return Shown::Dressed;
    }
    if bare.contains(['y', 'd', 'm', 'h']) {
        return Shown::Date;
    }
    let whole = bare.split(['.', 'e']).next().unwrap_or_default();
    if whole.contains("00") || whole.contains('-') { Shown::Dressed } else { Shown::Plain }
}

struct Sheet {
    strings: Vec<Arc<str>>,
    styles: Vec<Shown>,
    from_1904: bool,
    rows: Vec<Row>,
    cells: usize,
    next_row: u32,
}

impl Sheet {
    fn read(&mut self, part: &mut Xml) -> Result<(), String> {
        let mut next_column = 0;
        while let Some(event) = part.next()? {
            match event {
                Event::Start(it) | Event::Empty(it) if it.local_name().as_ref() == "row" => {
                    let number = xml::attribute(&it, "r").map(|it| it.parse::<u32>());
                    let number = match number {
                        None => self.next_row,
                        Some(Ok(it)) if (self.next_row..=ROWS).contains(&it) => it,
                        Some(_) => return Err(damaged()),
                    };
                    self.next_row = number + 1;
                    next_column = 0;
                    if self.rows.last().is_some_and(|it| it.cells.is_empty()) {
                        self.rows.pop();
                    }
                    self.rows.push(Row { number, cells: Vec::new() });
                }
                Event::Start(it) if it.local_name().as_ref() == "c" => {
                    let it = it.into_owned();
                    self.cell(&it, part, &mut next_column)?;
                }
                Event::Empty(it) if it.local_name().as_ref() == "c" => {
                    next_column = column(&it, next_column)? + 1;
                }
                _ => {}
            }
        }
        self.rows.retain(|it| !it.cells.is_empty());
        Ok(())
    }

    fn cell(
        &mut self,
        start: &BytesStart,
        part: &mut Xml,
        next_column: &mut u32,
    ) -> Result<(), String> {
        let column = column(start, *next_column)?;
        *next_column = column + 1;
        let ty = xml::attribute(start, "t").unwrap_or_default();
        let style = xml::attribute(start, "s").and_then(|it| it.parse::<usize>().ok());
        let mut value = String::new();
        while let Some(event) = part.next()? {
            match event {
                Event::Start(it) => match it.local_name().as_ref() {
                    "v" => value = part.text("v")?,
                    "is" => value = part.text("is")?,
                    "f" => drop(part.text("f")?),
                    _ => {}
                },
                Event::End(it) if it.local_name().as_ref() == "c" => break,
                _ => {}
            }
        }
        let shown = style.and_then(|it| self.styles.get(it).copied()).unwrap_or(Shown::Plain);
        let Some(cell) = self.value(&ty, value, shown)? else { return Ok(()) };
        self.cells += 1;
        if CELLS < self.cells {
            return Err("has more than 4 million cells: save the sheet as CSV".to_owned());
        }
        let row = self.rows.last_mut().ok_or_else(damaged)?;
        row.cells.push((column, cell));
        Ok(())
    }

    fn value(&self, ty: &str, value: String, shown: Shown) -> Result<Option<Cell>, String> {
        let text = |it: &str| Cell { text: Arc::from(it.trim()), kind: Kind::Text };
        let cell = match ty {
            "s" => {
                let at = value.trim().parse::<usize>().ok();
                let held = at.and_then(|it| self.strings.get(it)).ok_or_else(damaged)?;
                let is_trim = held.trim().len() == held.len();
                if is_trim { Cell { text: held.clone(), kind: Kind::Text } } else { text(held) }
            }
            "b" => text(if value.trim() == "1" { "true" } else { "false" }),
            "e" => Cell { text: Arc::from(value.trim()), kind: Kind::Failed },
            "str" | "inlineStr" | "d" => text(&value),
            _ => number(value.trim(), shown, self.from_1904).ok_or_else(|| {
                let row = self.next_row - 1;
                format!("has a date out of range in row {row} of the sheet")
            })?,
        };
        Ok(Some(cell).filter(|it| !it.text.is_empty()))
    }
}

fn damaged() -> String {
    "is damaged: a cell is not where it can be".to_owned()
}

/// The column of a cell, from 0: `C7` is 2.
fn column(start: &BytesStart, next: u32) -> Result<u32, String> {
    let column = match xml::attribute(start, "r") {
        None => next,
        Some(place) => {
            let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
            let number = letters
                .take(4)
                .fold(0, |sum: u32, it| sum * 26 + u32::from(it.to_ascii_uppercase() - b'A') + 1);
            number.checked_sub(1).ok_or_else(damaged)?
        }
    };
    if column < COLUMNS { Ok(column) } else { Err(damaged()) }
}

/// A number as it is shown: the shortest decimal that is the same float. `None` for a date that no
/// sheet has.
fn number(text: &str, shown: Shown, from_1904: bool) -> Option<Cell> {
    let cell = |text: String, kind| Cell { text: Arc::from(text), kind };
    let Some(value) = text.parse::<f64>().ok().filter(|it| it.is_finite()) else {
        return Some(cell(text.to_owned(), Kind::Text));
    };
    let plain = || format!("{value}");
    Some(match shown {
        Shown::Plain => cell(plain(), Kind::Number),
        Shown::Dressed => cell(plain(), Kind::Dressed),
        Shown::Percent => cell(format!("{}%", hundredfold(&plain())), Kind::Number),
        Shown::Date => cell(moment(value, from_1904)?, Kind::Text),
    })
}

/// A decimal with its point two places further right.
fn hundredfold(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |it| ("-", it));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let padded = format!("{decimals:0<2}");
    let (moved, rest) = padded.split_at(2);
    let whole = format!("{whole}{moved}");
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// Days are counted from 1904-01-01, or as if 1900 had had a 29 February; the rest is the time,
/// to the second.
fn moment(serial: f64, from_1904: bool) -> Option<String> {
    let mut day = serial.floor();
    let mut seconds = ((serial - day) * 86_400.0).round();
    if 86_400.0 <= seconds {
        (day, seconds) = (day + 1.0, 0.0);
    }
    if !(0.0..=2_958_465.0).contains(&day) {
        return None;
    }
    let day = day as i32;
    let days = match from_1904 {
        true => day + 1_462 - 25_569,
        false if day < 60 => day - 25_568,
        false if day == 60 => return None,
        false => day - 25_569,
    };
    let date = crate::value::calendar::to_date(days);
    let seconds = seconds as i32;
    if seconds == 0 {
        return Some(date.to_string());
    }
    Some(format!("{date}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
}
