//! Nomenclatures and groups from tables.

use std::collections::BTreeMap;
use std::path::Path;

use crate::data::cell::Held;
use crate::data::cell::Reading;
use crate::data::list::Faults;
use crate::data::list::Period;
use crate::data::list::period;
use crate::data::list::refusal;
use crate::data::sheet::Kind;
use crate::data::table;
use crate::data::table::Row;
use crate::data::table::Table;
use crate::data::table::shown;
use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::schema::Codes;
use crate::schema::Member;
use crate::source::Span;

/// A table of codes, or of countries.
pub struct Spec<'a> {
    pub path: &'a Path,
    pub shown_path: &'a str,
    /// The columns of the first and the last day.
    pub dated: Option<&'a (String, String)>,
    /// How the codes, or the countries, are read.
    pub reading: Reading,
    pub span: Span,
}

/// The codes of a nomenclature file: the column `code`, `hscode` or `hs`, else the first. Rows
/// without a digit there are headings.
pub fn codes(spec: &Spec) -> (Codes, Vec<Diagnostic>) {
    let mut codes: Codes = BTreeMap::new();
    let named = |it: &String| ["code", "hscode", "hs"].contains(&it.to_lowercase().as_str());
    let faults = each(spec, named, |text, period| {
        codes.entry(text).or_default().push(period);
    });
    (codes, faults)
}

/// The members of a group file: the first column is the country.
pub fn group(spec: &Spec) -> (Vec<Member>, Vec<Diagnostic>) {
    let mut members = Vec::new();
    let faults = each(
        spec,
        |_| false,
        |country, (from, to)| {
            members.push(Member { country, from, to });
        },
    );
    (members, faults)
}

/// Takes the value and the period of every row; what is wrong with others.
fn each(
    spec: &Spec,
    named: impl Fn(&String) -> bool,
    mut take: impl FnMut(String, Period),
) -> Vec<Diagnostic> {
    let mut faults = Faults::new(spec.span, spec.shown_path);
    let table = match table::read(spec.path, spec.shown_path, None) {
        Ok(it) => it,
        Err(message) => {
            faults.push(Code::T9001, message, "correct the path or the file");
            return faults.finish();
        }
    };
    let column = table.header.iter().position(named).unwrap_or(0);
    let Some(dated) = dates(spec, &table, &mut faults) else { return faults.finish() };
    let mut is_empty = true;
    for row in table.rows() {
        let width = table.header.len();
        let read = match row.width().filter(|it| *it != width) {
            Some(cells) => Err(format!("{cells} cells instead of {width}")),
            None => value(spec, &row, column, dated),
        };
        match read {
            Ok(Some((text, period))) => {
                is_empty = false;
                take(text, period);
            }
            Ok(None) => {}
            Err(why) => {
                let message = format!("{}: {why}", row.place.of(spec.shown_path));
                faults.push(Code::T9005, message, "correct the file");
            }
        }
    }
    let mut all = faults.finish();
    if is_empty && all.is_empty() {
        let path = spec.shown_path;
        let message = match spec.reading.ty {
            crate::schema::Type::Code(_) => format!("`{path}` has no code: every code is taken"),
            _ => format!("`{path}` has no country: it adds nobody"),
        };
        all.push(Diagnostic::new(Code::T9007, spec.span, message).help("fill the file"));
    }
    all
}

/// `None` when a column is missing; `Some(None)` when nothing is dated.
fn dates(spec: &Spec, table: &Table, faults: &mut Faults) -> Option<Option<(usize, usize)>> {
    let Some((from, to)) = spec.dated else { return Some(None) };
    let mut find = |name: &String| {
        let found = table.header.iter().position(|it| it == name);
        if found.is_none() {
            let message = format!("`{}` has no column `{name}`", spec.shown_path);
            faults.push(Code::T9001, message, "correct the name of the column, or the file");
        }
        found
    };
    let (from, to) = (find(from), find(to));
    Some(Some((from?, to?)))
}

fn value(
    spec: &Spec,
    row: &Row,
    column: usize,
    dated: Option<(usize, usize)>,
) -> Result<Option<(String, Period)>, String> {
    let of_codes = matches!(spec.reading.ty, crate::schema::Type::Code(_));
    let written = row.cell(column).map_err(|why| format!("a cell {why}"))?;
    let text = written.text;
    let is_text = written.kind.refusal().is_none();
    if of_codes && is_text && !text.contains(|it: char| it.is_ascii_digit()) {
        return Ok(None);
    }
    let refused = |why: &str| format!("`{}` {why}", shown(text));
    match written.kind {
        Kind::Number | Kind::Dressed if of_codes => {
            return Err(refused("is a number in the sheet: leading zeros are lost"));
        }
        _ => {}
    }
    if let Some(why) = written.kind.refusal() {
        return Err(refused(why));
    }
    let held = spec.reading.read(text).map_err(|it| refused(&refusal(&spec.reading, text, it)))?;
    let Some(Held::Text(value)) = held else { return Err(refused("is blank")) };
    let period = match dated {
        Some(places) => period(row, places)?,
        None => (None, None),
    };
    Ok(Some((value.into_owned(), period)))
}
