//! Lists, nomenclatures and groups from CSV and Excel files.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use calamine::Data;
use calamine::Reader;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::disk;
use crate::ir::Column;
use crate::ir::List;
use crate::ir::ListRow;
use crate::schema::Member;
use crate::schema::Type;
use crate::source::Span;
use crate::value::Decimal;
use crate::value::Value;
use crate::value::calendar;
use crate::value::decimal;
use crate::value::text;

/// What a rule file or `tamis.toml` says of a list.
#[derive(Debug, Clone)]
pub struct ListSpec {
    pub name: String,
    pub path: PathBuf,
    pub shown_path: String,
    pub sheet: Option<String>,
    pub columns: Vec<ColumnSpec>,
    pub dated: Option<(String, String)>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct ColumnSpec {
    pub name: String,
    pub ty: Type,
    pub is_key: bool,
    pub is_prefix: bool,
    /// Base units in one unit of the column, as a fraction.
    pub factor: Option<(Decimal, Decimal)>,
    /// Of a code: the lengths that its nomenclature has; empty when any will do.
    pub levels: Vec<u32>,
}

type Period = (Option<i32>, Option<i32>);

/// The header and the rows of a file, as text. In Excel a number in a cell keeps a mark, so that a
/// code that lost its zeros is found.
pub fn read_table(
    path: &Path,
    sheet: Option<&str>,
) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
    let shown = path.display();
    if path.extension().is_some_and(|it| it == "xlsx" || it == "xls" || it == "ods") {
        return read_sheet(path, sheet);
    }
    let bytes = disk::read(path, disk::MOST_TABLE)
        .map_err(|it| format!("`{shown}` cannot be read: {}", disk::reason(&it)))?;
    let content =
        std::str::from_utf8(&bytes).map_err(|_| format!("`{shown}` is not UTF-8 text"))?;
    let content = content.strip_prefix('\u{FEFF}').unwrap_or(content);
    let mut reader = csv::ReaderBuilder::new().from_reader(content.as_bytes());
    let header = reader.headers().map_err(|_| format!("`{shown}` has no header"))?;
    let header: Vec<String> = header.iter().map(|it| it.trim().to_owned()).collect();
    let mut rows = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|_| format!("row {} of `{shown}` cannot be read", at + 1))?;
        rows.push(record.iter().map(|it| it.trim().to_owned()).collect());
    }
    Ok((header, rows))
}

/// Marks a number in a cell: codes refuse it.
const NUMBER_MARK: char = '\u{1}';

fn read_sheet(path: &Path, sheet: Option<&str>) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
    let shown = path.display();
    disk::open(path).map_err(|it| format!("`{shown}` cannot be read: {}", disk::reason(&it)))?;
    let mut book = calamine::open_workbook_auto(path)
        .map_err(|_| format!("`{shown}` cannot be read as a workbook"))?;
    let names = book.sheet_names();
    let name = match sheet {
        Some(it) if names.iter().any(|name| name == it) => it.to_owned(),
        Some(it) => return Err(format!("`{shown}` has no sheet `{it}`")),
        None => names.first().cloned().ok_or_else(|| format!("`{shown}` has no sheet"))?,
    };
    let range = book
        .worksheet_range(&name)
        .map_err(|_| format!("sheet `{name}` of `{shown}` cannot be read"))?;
    let mut rows = range.rows().map(|row| row.iter().map(cell).collect::<Vec<String>>());
    let header = rows.next().ok_or_else(|| format!("`{shown}` is empty"))?;
    let header = header.iter().map(|it| it.trim_start_matches(NUMBER_MARK).trim().to_owned());
    Ok((header.collect(), rows.collect()))
}

fn cell(data: &Data) -> String {
    match data {
        Data::Int(it) => format!("{NUMBER_MARK}{it}"),
        Data::Float(it) => format!("{NUMBER_MARK}{it}"),
        Data::DateTime(it) => sheet_date(it.as_f64()),
        other => other.to_string().trim().to_owned(),
    }
}

/// A workbook counts days from 1899-12-30.
fn sheet_date(serial: f64) -> String {
    let days = format!("{serial:.0}").parse::<i32>().unwrap_or(0);
    calendar::date_text(days - 25_569)
}

/// The list, unless it cannot be used, and what is wrong with it.
pub fn load(spec: &ListSpec) -> (Option<List>, Vec<Diagnostic>) {
    let (header, rows) = match read_table(&spec.path, spec.sheet.as_deref()) {
        Ok(table) => table,
        Err(message) => {
            let it = Diagnostic::new(Code::T9001, spec.span, message);
            return (None, vec![it.help("correct the path or the file")]);
        }
    };
    let mut diagnostics = Vec::new();
    if spec.columns.is_empty() {
        let message = format!("list `{}` declares no column", spec.name);
        let name = header.first().map_or("code", String::as_str);
        let help = format!("say by what it is found: `column {name} : text, key`");
        return (None, vec![Diagnostic::new(Code::T9002, spec.span, message).help(help)]);
    }
    let Some(places) = places(spec, &header, &mut diagnostics) else {
        return (None, diagnostics);
    };
    let mut list = List {
        name: Arc::from(spec.name.as_str()),
        columns: spec
            .columns
            .iter()
            .map(|it| Column { name: it.name.clone(), ty: it.ty.clone() })
            .collect(),
        key: (0..spec.columns.len()).filter(|it| spec.columns[*it].is_key).collect(),
        prefix: spec.columns.iter().any(|it| it.is_prefix),
        dated: spec.dated.is_some(),
        rows: Vec::new(),
    };
    for (at, row) in rows.iter().enumerate() {
        if row.iter().all(String::is_empty) {
            continue;
        }
        match list_row(spec, &places, row) {
            Ok(row) => list.rows.push(row),
            Err((code, message)) => {
                let message = format!("row {} of `{}`: {message}", at + 1, spec.shown_path);
                diagnostics
                    .push(Diagnostic::new(code, spec.span, message).help("correct the file"));
            }
        }
    }
    duplicates(spec, &list, &mut diagnostics);
    list.rows.sort();
    (Some(list), diagnostics)
}

/// Where the declared columns stand in the file, then the two of the validity.
struct Places {
    columns: Vec<usize>,
    dated: Option<(usize, usize)>,
}

fn places(spec: &ListSpec, header: &[String], diagnostics: &mut Vec<Diagnostic>) -> Option<Places> {
    let mut find = |name: &str| {
        let found = header.iter().position(|it| it == name);
        if found.is_none() {
            let message = format!("`{}` has no column `{name}`", spec.shown_path);
            let help = format!("its columns are {}", header.join(", "));
            diagnostics.push(Diagnostic::new(Code::T9002, spec.span, message).help(help));
        }
        found
    };
    let columns: Vec<Option<usize>> = spec.columns.iter().map(|it| find(&it.name)).collect();
    let dated = spec.dated.as_ref().map(|(from, to)| (find(from), find(to)));
    let columns = columns.into_iter().collect::<Option<Vec<usize>>>()?;
    let dated = match dated {
        None => None,
        Some((Some(from), Some(to))) => Some((from, to)),
        Some(_) => return None,
    };
    let used =
        |at: usize| columns.contains(&at) || dated.is_some_and(|it| it.0 == at || it.1 == at);
    for (at, name) in header.iter().enumerate().filter(|it| !used(it.0)) {
        let message = format!("column `{name}` of `{}` is not declared", spec.shown_path);
        let help = format!("declare it: `column {name} : text`");
        let _ = at;
        diagnostics.push(Diagnostic::new(Code::T9006, spec.span, message).help(help));
    }
    Some(Places { columns, dated })
}

fn list_row(spec: &ListSpec, places: &Places, row: &[String]) -> Result<ListRow, (Code, String)> {
    let at = |column: usize| row.get(column).map(String::as_str).unwrap_or_default();
    let mut values = Vec::new();
    for (column, place) in spec.columns.iter().zip(&places.columns) {
        let text = at(*place);
        if text.is_empty() && column.is_key {
            return Err((Code::T9003, format!("the key `{}` is blank", column.name)));
        }
        let value = value(column, text).map_err(|why| {
            (
                Code::T9005,
                format!(
                    "`{}` in column `{}` {why}",
                    text.trim_start_matches(NUMBER_MARK),
                    column.name
                ),
            )
        })?;
        values.push(value);
    }
    let day = |place: usize| match at(place) {
        "" => Ok(None),
        text => match text.parse().ok().and_then(calendar::days) {
            Some(day) => Ok(Some(day)),
            None => Err((Code::T9005, format!("`{text}` is not a date such as 2026-01-31"))),
        },
    };
    let (from, to) = match places.dated {
        Some((from, to)) => (day(from)?, day(to)?),
        None => (None, None),
    };
    Ok(ListRow { values, from, to })
}

fn value(column: &ColumnSpec, cell: &str) -> Result<Value, &'static str> {
    let number = cell.strip_prefix(NUMBER_MARK);
    let text = number.unwrap_or(cell);
    if text.is_empty() {
        return Ok(Value::Missing(crate::value::Reason::NotGiven));
    }
    match &column.ty {
        Type::Code(_) if number.is_some() => {
            Err("is a number in the sheet: leading zeros are lost; store the column as text")
        }
        Type::Code(_) => {
            let code = code(text)?;
            let length = u32::try_from(code.chars().count()).unwrap_or(u32::MAX);
            if !column.levels.is_empty() && !column.levels.contains(&length) {
                return Err(
                    "is of a length that its nomenclature does not have: has a zero been lost?",
                );
            }
            Ok(Value::text(&code))
        }
        Type::Whole => text.parse().map(Value::Whole).map_err(|_| "is not a whole number"),
        Type::Number(ty) => {
            let written = text.strip_suffix('%').map_or(text, str::trim_end);
            let it = Decimal::parse(written).ok_or("is not a number")?;
            let (factor, divisor) = match column.factor {
                Some(it) => it,
                None if ty.percent => (Decimal::new(1, 0), Decimal::new(100, 0)),
                None => (Decimal::new(1, 0), Decimal::new(1, 0)),
            };
            let scaled = decimal::multiply(it, factor).and_then(|it| decimal::divide(it, divisor));
            let held = scaled.and_then(|it| it.with_scale(ty.scale)).ok_or("is out of range")?;
            Ok(Value::Decimal(held))
        }
        Type::Date => text
            .parse()
            .ok()
            .and_then(calendar::days)
            .map(Value::Date)
            .ok_or("is not a date such as 2026-01-31"),
        Type::Truth => match text {
            "true" | "1" | "yes" => Ok(Value::Truth(true)),
            "false" | "0" | "no" => Ok(Value::Truth(false)),
            _ => Err("is neither true nor false"),
        },
        Type::Choice(choice) if choice.rank(text).is_none() => Err("is not one of the choices"),
        ty if column.is_key => Ok(Value::text(&text::form(text, ty.form()))),
        _ => Ok(Value::text(text)),
    }
}

/// Digits and letters without dots; spreadsheet damage is refused.
fn code(text: &str) -> Result<String, &'static str> {
    let damaged = text.contains(['+', ',']) || text.to_uppercase().contains("E+");
    if damaged {
        return Err("was damaged by a spreadsheet; store the column as text");
    }
    let code: String = text.chars().filter(|it| !matches!(it, '.' | ' ')).collect();
    match code.bytes().all(|it| it.is_ascii_alphanumeric()) {
        true => Ok(code.to_uppercase()),
        false => Err("is not a code"),
    }
}

fn duplicates(spec: &ListSpec, list: &List, diagnostics: &mut Vec<Diagnostic>) {
    let key = |row: &ListRow| -> Vec<Value> {
        list.key.iter().map(|it| row.values[*it].clone()).collect()
    };
    let mut seen: BTreeMap<Vec<Value>, Vec<Period>> = BTreeMap::new();
    for (at, row) in list.rows.iter().enumerate() {
        let periods = seen.entry(key(row)).or_default();
        let overlaps = |(from, to): &Period| {
            let before =
                |a: Option<i32>, b: Option<i32>| matches!((a, b), (Some(a), Some(b)) if a < b);
            !before(*to, row.from) && !before(row.to, *from)
        };
        if periods.iter().any(overlaps) {
            let message =
                format!("row {} of `{}` repeats a key at the same date", at + 1, spec.shown_path);
            let it = Diagnostic::new(Code::T9004, spec.span, message);
            diagnostics.push(it.help("keep one of the entries, or part their dates"));
        }
        periods.push((row.from, row.to));
    }
}

fn dates(
    header: &[String],
    dated: Option<&(String, String)>,
    path: &Path,
) -> Result<Option<(usize, usize)>, String> {
    let Some((from, to)) = dated else { return Ok(None) };
    let find = |name: &str| {
        let found = header.iter().position(|it| it == name);
        found.ok_or_else(|| format!("`{}` has no column `{name}`", path.display()))
    };
    Ok(Some((find(from)?, find(to)?)))
}

fn period(row: &[String], dated: Option<(usize, usize)>) -> Period {
    let day = |at: usize| row.get(at).and_then(|it| it.parse().ok()).and_then(calendar::days);
    dated.map_or((None, None), |(from, to)| (day(from), day(to)))
}

/// The codes of a nomenclature file: the column `code`, `hscode` or `hs`, else the first.
pub fn nomenclature(
    path: &Path,
    dated: Option<(String, String)>,
) -> Result<BTreeMap<String, Vec<Period>>, String> {
    let (header, rows) = read_table(path, None)?;
    let named = |it: &String| ["code", "hscode", "hs"].contains(&it.to_lowercase().as_str());
    let column = header.iter().position(named).unwrap_or(0);
    let dated = dates(&header, dated.as_ref(), path)?;
    let mut codes: BTreeMap<String, Vec<Period>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let text = row.get(column).map(String::as_str).unwrap_or_default();
        if !text.contains(|it: char| it.is_ascii_digit()) {
            continue;
        }
        let code = match text.starts_with(NUMBER_MARK) {
            true => Err("is a number in the sheet: leading zeros are lost"),
            false => code(text),
        };
        let code =
            code.map_err(|why| format!("row {} of `{}`: the code {why}", at + 1, path.display()))?;
        codes.entry(code).or_default().push(period(row, dated));
    }
    Ok(codes)
}

/// The members of a group file: the first column is the country.
pub fn group(path: &Path, dated: Option<(String, String)>) -> Result<Vec<Member>, String> {
    let (header, rows) = read_table(path, None)?;
    let dated = dates(&header, dated.as_ref(), path)?;
    let member = |row: &Vec<String>| {
        let (from, to) = period(row, dated);
        Member { country: row.first().cloned().unwrap_or_default(), from, to }
    };
    Ok(rows.iter().map(member).collect())
}
