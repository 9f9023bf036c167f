//! Cells of a workbook (.xlsx, .xlsm), read as a stream with bounds: what a file of a few kilobytes
//! unfolds into is not held.

mod format;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use quick_xml::events::BytesStart;
use quick_xml::events::Event;
use zip::ZipArchive;

use crate::data::sheet::format::Shown;
use crate::data::sheet::format::built_in;
use crate::data::sheet::format::number;
use crate::data::sheet::format::shown;
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
    /// A formula whose value the sheet does not hold.
    Unknown,
    /// Shown as one with the cell before or above, which holds the value of both.
    Merged,
}

impl Kind {
    /// Why a cell has no value that could be read, if so.
    pub fn refusal(self) -> Option<&'static str> {
        match self {
            Kind::Text | Kind::Number | Kind::Dressed => None,
            Kind::Failed => Some("is an error of the sheet"),
            Kind::Unknown => Some("is a formula without a value: open the workbook, and save it"),
            Kind::Merged => Some("is merged with others: part them, and write the value of each"),
        }
    }
}

const ROWS: u32 = 1_048_576;
const COLUMNS: u32 = 16_384;
const CELLS: usize = 4_000_000;
/// Of a workbook as it is stored.
const FILE_BYTES: u64 = 1 << 28;

type Archive = ZipArchive<BufReader<File>>;

/// The rows of a sheet that have cells, the first sheet that is shown when none is named.
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
    let target = match sheet {
        Some(name) => {
            let found = sheets.iter().find(|it| it.name == name);
            let found = found.ok_or_else(|| format!("has no sheet `{name}`"))?;
            relation(&mut archive, &found.id)?.ok_or_else(unreadable)?.part
        }
        None => first(&mut archive, &sheets)?.ok_or_else(|| "has no sheet of cells".to_owned())?,
    };
    let strings = strings(&mut archive)?;
    let styles = styles(&mut archive)?;
    let mut reader = Sheet {
        strings,
        styles,
        from_1904,
        rows: Vec::new(),
        merged: Vec::new(),
        cells: 0,
        next_row: 1,
    };
    let mut part = xml::open(&mut archive, &target)?.ok_or_else(unreadable)?;
    reader.read(&mut part)?;
    Ok(reader.rows)
}

/// A sheet as the workbook names it.
struct Named {
    name: String,
    /// Of its relation.
    id: String,
    is_hidden: bool,
}

/// The sheets, and whether days are counted from 1904.
fn workbook(archive: &mut Archive) -> Result<(Vec<Named>, bool), String> {
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
                let is_hidden = xml::attribute(&it, "state").is_some_and(|it| it != "visible");
                sheets.extend(xml::attribute(&it, "id").map(|id| Named { name, id, is_hidden }));
            }
            _ => {}
        }
    }
    Ok((sheets, from_1904))
}

/// The part of the first sheet that is shown and has cells: a chart may stand before it.
fn first(archive: &mut Archive, sheets: &[Named]) -> Result<Option<String>, String> {
    for it in sheets.iter().filter(|it| !it.is_hidden) {
        if let Some(it) = relation(archive, &it.id)?.filter(|it| it.is_sheet) {
            return Ok(Some(it.part));
        }
    }
    Ok(None)
}

/// What a relation of the workbook leads to.
struct Related {
    part: String,
    /// A sheet of cells, no chart.
    is_sheet: bool,
}

fn relation(archive: &mut Archive, id: &str) -> Result<Option<Related>, String> {
    let Some(mut part) = xml::open(archive, "xl/_rels/workbook.xml.rels")? else {
        return Ok(None);
    };
    while let Some(event) = part.next()? {
        let (Event::Start(it) | Event::Empty(it)) = event else { continue };
        if xml::attribute(&it, "Id").as_deref() == Some(id) {
            let target = xml::attribute(&it, "Target").unwrap_or_default();
            let part = match target.strip_prefix('/') {
                Some(from_root) => from_root.to_owned(),
                None => format!("xl/{target}"),
            };
            let is_sheet = xml::attribute(&it, "Type").is_none_or(|it| it.ends_with("/worksheet"));
            return Ok(Some(Related { part, is_sheet }));
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

struct Sheet {
    strings: Vec<Arc<str>>,
    styles: Vec<Shown>,
    from_1904: bool,
    rows: Vec<Row>,
    /// Rows and columns of cells that are shown as one.
    merged: Vec<(RangeInclusive<u32>, RangeInclusive<u32>)>,
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
                Event::Start(it) | Event::Empty(it) if it.local_name().as_ref() == "mergeCell" => {
                    let place = xml::attribute(&it, "ref").unwrap_or_default();
                    self.merged.push(area(&place).ok_or_else(damaged)?);
                }
                _ => {}
            }
        }
        self.rows.retain(|it| !it.cells.is_empty());
        self.mark_merged()
    }

    /// Of cells that are shown as one only the first holds what all of them show: the others would
    /// be blank.
    fn mark_merged(&mut self) -> Result<(), String> {
        for (rows, columns) in std::mem::take(&mut self.merged) {
            let below = self.rows.partition_point(|it| it.number < *rows.start());
            let inside = self.rows[below..].iter_mut().take_while(|it| it.number <= *rows.end());
            for row in inside {
                for at in columns.clone() {
                    let is_first = row.number == *rows.start() && at == *columns.start();
                    let Err(place) = row.cells.binary_search_by_key(&at, |it| it.0) else {
                        continue;
                    };
                    if is_first {
                        break;
                    }
                    self.cells += 1;
                    if CELLS < self.cells {
                        return Err(too_many());
                    }
                    let cell = Cell { text: Arc::from("merged"), kind: Kind::Merged };
                    row.cells.insert(place, (at, cell));
                }
            }
        }
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
        let (mut formula, mut is_held) = (false, false);
        while let Some(event) = part.next()? {
            match event {
                Event::Start(it) => match it.local_name().as_ref() {
                    "v" => {
                        value = part.text("v")?;
                        is_held = true;
                    }
                    "is" => value = part.text("is")?,
                    "f" => {
                        part.text("f")?;
                        formula = true;
                    }
                    _ => {}
                },
                Event::Empty(it) if it.local_name().as_ref() == "f" => formula = true,
                Event::End(it) if it.local_name().as_ref() == "c" => break,
                _ => {}
            }
        }
        let shown = style.and_then(|it| self.styles.get(it).copied()).unwrap_or(Shown::Plain);
        let cell = if formula && !is_held {
            Some(Cell { text: Arc::from("="), kind: Kind::Unknown })
        } else {
            self.value(&ty, value, shown)?
        };
        let Some(cell) = cell else { return Ok(()) };
        self.cells += 1;
        if CELLS < self.cells {
            return Err(too_many());
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

fn too_many() -> String {
    "has more than 4 million cells: save the sheet as CSV".to_owned()
}

/// `B2:C7`, its rows as the sheet numbers them and its columns from 0.
fn area(place: &str) -> Option<(RangeInclusive<u32>, RangeInclusive<u32>)> {
    let (first, last) = place.split_once(':').unwrap_or((place, place));
    let corner = |it: &str| {
        let letters = it.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (letters, digits) = it.split_at(letters);
        let row = digits.parse::<u32>().ok().filter(|it| (1..=ROWS).contains(it))?;
        Some((row, column_of(letters)?))
    };
    let (first, last) = (corner(first)?, corner(last)?);
    Some((first.0..=last.0, first.1..=last.1))
}

/// The number of a column by its letters, from 0.
fn column_of(letters: &str) -> Option<u32> {
    let letters = letters.bytes().take_while(u8::is_ascii_alphabetic).take(4);
    let number =
        letters.fold(0, |sum: u32, it| sum * 26 + u32::from(it.to_ascii_uppercase() - b'A') + 1);
    number.checked_sub(1).filter(|it| *it < COLUMNS)
}

fn damaged() -> String {
    "is damaged: a cell is not where it can be".to_owned()
}

/// The column of a cell, from 0: `C7` is 2.
fn column(start: &BytesStart, next: u32) -> Result<u32, String> {
    let column = match xml::attribute(start, "r") {
        None => next,
        Some(place) => column_of(&place).ok_or_else(damaged)?,
    };
    if column < COLUMNS { Ok(column) } else { Err(damaged()) }
}
