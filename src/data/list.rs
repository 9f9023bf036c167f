//! Lists from tables: every cell read as data are, every fault told with its row.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use crate::data::cell;
use crate::data::cell::Fault;
use crate::data::cell::Held;
use crate::data::cell::Reading;
use crate::data::sheet::Kind;
use crate::data::table;
use crate::data::table::Place;
use crate::data::table::Row;
use crate::data::table::Table;
use crate::data::table::Written;
use crate::data::table::shown;
use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::Column;
use crate::ir::List;
use crate::ir::ListRow;
use crate::ir::RATES;
use crate::schema::Type;
use crate::source::Span;
use crate::value::Decimal;
use crate::value::Reason;
use crate::value::Value;
use crate::value::calendar;
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
    /// Where it is declared.
    pub span: Span,
    /// No message tells what it holds.
    pub personal: bool,
    pub reading: Reading,
    pub is_key: bool,
    pub is_prefix: bool,
}

pub type Period = (Option<i32>, Option<i32>);

/// Faults of one table that are told one by one.
const TOLD: usize = 100;

/// Faults of one table: as many as anyone reads, and how many more there are.
pub struct Faults {
    span: Span,
    path: String,
    all: Vec<Diagnostic>,
    more: usize,
}

impl Faults {
    pub fn new(span: Span, path: &str) -> Faults {
        Faults { span, path: path.to_owned(), all: Vec::new(), more: 0 }
    }

    pub fn push(&mut self, code: Code, message: String, help: &str) {
        self.push_at(self.span, code, message, help);
    }

    fn push_at(&mut self, span: Span, code: Code, message: String, help: &str) {
        if self.all.len() < TOLD {
            self.all.push(Diagnostic::new(code, span, message).help(help));
        } else {
            self.more += 1;
        }
    }

    fn row(&mut self, place: Place, (code, what): (Code, String)) {
        let message = format!("{}: {what}", place.of(&self.path));
        let comma = what.split('`').nth(1).is_some_and(is_decimal_comma);
        let help = match comma && what.contains("number") {
            true => "lists have a decimal point: write `7.5`, not `7,5`",
            false => "correct the file",
        };
        self.push(code, message, help);
    }

    pub fn finish(mut self) -> Vec<Diagnostic> {
        if 0 < self.more {
            let message = format!("`{}` has {} more faults", self.path, self.more);
            let it = Diagnostic::new(Code::T9005, self.span, message);
            self.all.push(it.help("correct those above first"));
        }
        self.all
    }
}

/// The list, unless it cannot be used, and what is wrong with it.
pub fn load(spec: &ListSpec) -> (Option<List>, Vec<Diagnostic>) {
    let table = match table::read(&spec.path, &spec.shown_path, spec.sheet.as_deref()) {
        Ok(table) => table,
        Err(message) => {
            let it = Diagnostic::new(Code::T9001, spec.span, message);
            return (None, vec![it.help("correct the path or the file")]);
        }
    };
    if spec.columns.is_empty() {
        let message = format!("list `{}` declares no column", spec.name);
        let name = table.header.first().map_or("code", String::as_str);
        let help = format!("say by what it is found: `column {} : text, key`", shown(name));
        return (None, vec![Diagnostic::new(Code::T9002, spec.span, message).help(help)]);
    }
    let mut faults = Faults::new(spec.span, &spec.shown_path);
    let Some(places) = places(spec, &table, &mut faults) else {
        return (None, faults.finish());
    };
    if table.rows().next().is_none() {
        let message =
            format!("`{}` has no entry: list `{}` holds nothing", spec.shown_path, spec.name);
        faults.push(Code::T9007, message, "fill the file, or take the list out");
    }
    let mut rows: Vec<(ListRow, Place)> = Vec::new();
    for row in table.rows() {
        match list_row(spec, &places, &row, table.header.len()) {
            Ok(it) => rows.push((it, row.place)),
            Err(fault) => faults.row(row.place, fault),
        }
    }
    let column = |it: &ColumnSpec| Column { name: it.name.clone(), ty: it.reading.ty.clone() };
    let key: Vec<usize> = (0..spec.columns.len()).filter(|it| spec.columns[*it].is_key).collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let repeated = repeated(&key, &rows, &spec.shown_path);
    let list = List {
        name: Arc::from(spec.name.as_str()),
        columns: spec.columns.iter().map(column).collect(),
        key,
        prefix: (0..spec.columns.len()).filter(|it| spec.columns[*it].is_prefix).collect(),
        dated: spec.dated.is_some(),
        rows: rows.into_iter().map(|it| it.0).collect(),
        repeated: repeated.into_iter().map(|it| (spec.span, it)).collect(),
        ..List::default()
    };
    (Some(list), faults.finish())
}

/// Where the declared columns stand in the file, then the two of the validity.
struct Places {
    columns: Vec<usize>,
    dated: Option<(usize, usize)>,
}

fn places(spec: &ListSpec, table: &Table, faults: &mut Faults) -> Option<Places> {
    let header = &table.header;
    let path = &spec.shown_path;
    let mut find = |name: &str, span: Span| {
        let mut found = (0..header.len()).filter(|it| header[*it] == name);
        match (found.next(), found.next()) {
            (Some(at), None) => Some(at),
            (Some(_), Some(_)) => {
                let message = format!("column `{name}` of `{path}` stands twice");
                faults.push_at(span, Code::T9002, message, "give one of them another name");
                None
            }
            (None, _) => {
                let message = format!("`{path}` has no column `{name}`");
                let help = format!("its first row has to name the columns; it is {}", some(header));
                faults.push_at(span, Code::T9002, message, &help);
                None
            }
        }
    };
    let columns: Vec<Option<usize>> =
        spec.columns.iter().map(|it| find(&it.name, it.span)).collect();
    let dated = spec.dated.as_ref();
    let dated = dated.map(|(from, to)| (find(from, spec.span), find(to, spec.span)));
    let columns = columns.into_iter().collect::<Option<Vec<usize>>>()?;
    let dated = match dated {
        None => None,
        Some((Some(from), Some(to))) => Some((from, to)),
        Some((None, _) | (_, None)) => return None,
    };
    let used =
        |at: usize| columns.contains(&at) || dated.is_some_and(|it| it.0 == at || it.1 == at);
    let unused: Vec<String> =
        (0..header.len()).filter(|it| !used(*it)).map(|it| header[it].clone()).collect();
    let (unused, unnamed): (Vec<String>, Vec<String>) =
        unused.into_iter().partition(|it| !it.is_empty());
    // Separators at the end of all lines say nothing; cells below them would.
    if !unnamed.is_empty() && table.rows().any(|row| is_lost(&row, header)) {
        let message = format!("`{path}` has cells in a column without a name");
        faults.push(Code::T9002, message, "name the column in the first row");
    }
    match unused.as_slice() {
        [] => {}
        [name] => {
            let name = shown(name);
            let message = format!("column `{name}` of `{path}` is not declared");
            faults.push(Code::T9006, message, &format!("declare it: `column {name} : text`"));
        }
        [name, ..] => {
            let message =
                format!("{} columns of `{path}` are not declared: {}", unused.len(), some(&unused));
            let help = format!("declare those that matter: `column {} : text`", shown(name));
            faults.push(Code::T9006, message, &help);
        }
    }
    Some(Places { columns, dated })
}

/// Whether a row has something in a column without a name.
fn is_lost(row: &Row, header: &[String]) -> bool {
    let unnamed = (0..header.len()).filter(|it| header[*it].is_empty());
    let given = |at: usize| row.cell(at).is_ok_and(|it| !it.text.is_empty());
    unnamed.into_iter().any(given)
}

/// Names of columns, the first of many.
fn some(names: &[String]) -> String {
    let mut all: Vec<String> = names.iter().take(12).map(|it| shown(it)).collect();
    if all.len() < names.len() {
        all.push(format!("and {} more", names.len() - all.len()));
    }
    all.join(", ")
}

fn list_row(
    spec: &ListSpec,
    places: &Places,
    row: &Row,
    width: usize,
) -> Result<ListRow, (Code, String)> {
    if let Some(cells) = row.width().filter(|it| *it != width) {
        return Err((Code::T9005, format!("{cells} cells instead of {width}")));
    }
    let mut values = Vec::with_capacity(spec.columns.len());
    for (column, place) in spec.columns.iter().zip(&places.columns) {
        let refused = |text: &str, why: &str| {
            let told = match column.personal {
                true => "a value that is personal".to_owned(),
                false => format!("`{}`", shown(text)),
            };
            (Code::T9005, format!("{told} in column `{}` {why}", column.name))
        };
        let written = row.cell(*place).map_err(|why| refused("…", why))?;
        if written.text.is_empty() && column.is_key {
            return Err((Code::T9003, format!("the key `{}` is blank", column.name)));
        }
        if written.text.contains('\0') {
            return Err(refused(written.text, "holds a NUL: is the file of another encoding?"));
        }
        let value = value(column, written).map_err(|why| refused(written.text, &why))?;
        let is_rate = spec.name == RATES && !column.is_key;
        if is_rate && matches!(value, Value::Decimal(it) if it.unscaled <= 0) {
            return Err(refused(written.text, "is no rate: one unit is worth more than nothing"));
        }
        values.push(value);
    }
    let (from, to) = match places.dated {
        Some(places) => period(row, places).map_err(|why| (Code::T9005, why))?,
        None => (None, None),
    };
    Ok(ListRow { values, from, to })
}

/// The period of validity of a row: an end beyond the calendar is open, as is a beginning before
/// it.
///
/// Errors, in words: what is no date, an end before the beginning.
pub fn period(row: &Row, (from, to): (usize, usize)) -> Result<Period, String> {
    let day = |at: usize| -> Result<Option<i32>, String> {
        let written = row.cell(at).map_err(|why| format!("a date {why}"))?;
        if let Some(why) = written.kind.refusal() {
            return Err(format!("the date `{}` {why}", shown(written.text)));
        }
        cell::day(written.text)
            .map_err(|_| format!("`{}` is not a date such as 2026-01-31", shown(written.text)))
    };
    let (from, to) = (day(from)?, day(to)?);
    if let (Some(first), Some(last)) = (from, to)
        && last < first
    {
        let (first, last) = (calendar::date_text(first), calendar::date_text(last));
        return Err(format!("it ends on {last}, before it begins on {first}"));
    }
    let first = from.filter(|it| calendar::FIRST_DAY <= *it);
    let last = to.filter(|it| *it <= calendar::LAST_DAY);
    Ok((first, last))
}

fn value(column: &ColumnSpec, written: Written) -> Result<Value, String> {
    let reading = &column.reading;
    held_in_sheet(&reading.ty, written)?;
    let held = reading.read(written.text).map_err(|it| refusal(reading, written.text, it))?;
    let Some(held) = held else { return Ok(Value::Missing(Reason::NotGiven)) };
    Ok(match held {
        Held::Truth(it) => Value::Truth(it),
        Held::Whole(it) => Value::Whole(it),
        Held::Number(it) => match &reading.ty {
            Type::Number(ty) => Value::Decimal(Decimal::new(it, ty.scale)),
            _ => Value::Missing(Reason::OutOfRange),
        },
        Held::Date(it) => Value::Date(it),
        Held::DateTime(it) => Value::DateTime(it),
        Held::Text(it) if column.is_key => {
            Value::Text(Arc::from(text::form(&it, reading.ty.form())))
        }
        Held::Text(Cow::Borrowed(it)) => Value::text(it),
        Held::Text(Cow::Owned(it)) => Value::Text(Arc::from(it)),
    })
}

/// Errors: what a sheet has made of a cell is not what was written into it.
fn held_in_sheet(ty: &Type, written: Written) -> Result<(), String> {
    let digits = || written.text.bytes().filter(u8::is_ascii_digit).count();
    if let Some(why) = written.kind.refusal() {
        return Err(why.to_owned());
    }
    let refused = match (written.kind, ty) {
        (Kind::Number | Kind::Dressed, Type::Code(_)) => {
            "is a number in the sheet: leading zeros are lost; store the column as text"
        }
        (Kind::Dressed, Type::Text(_) | Type::Choice(_)) => {
            "is a number that the sheet shows otherwise; store the column as text"
        }
        (Kind::Number, Type::Text(_) | Type::Choice(_)) if 15 < digits() => {
            "has more digits than a number of the sheet holds; store the column as text"
        }
        _ => return Ok(()),
    };
    Err(refused.to_owned())
}

/// Why a cell is no value of its column, after what stands in it.
pub fn refusal(reading: &Reading, text: &str, fault: Fault) -> String {
    let spreadsheet = text.contains(['+', ',']) || text.to_uppercase().contains("E+");
    match fault {
        Fault::NoCountry => "is not a country of ISO 3166 such as CN".to_owned(),
        Fault::NoCurrency => "is not a currency of ISO 4217 such as EUR".to_owned(),
        Fault::NoLevel if spreadsheet => {
            "was damaged by a spreadsheet; store the column as text".to_owned()
        }
        Fault::NoLevel => {
            "is of a length that its nomenclature does not have: has a zero been lost?".to_owned()
        }
        Fault::OutOfRange => "is out of range".to_owned(),
        Fault::StrayQuote => "has a quote that does not end".to_owned(),
        Fault::TooLong => "is longer than 64 KiB".to_owned(),
        Fault::NoText => "is no text in UTF-8, or holds NUL".to_owned(),
        Fault::NotReadable => match &reading.ty {
            Type::Code(_) if spreadsheet => {
                "was damaged by a spreadsheet; store the column as text".to_owned()
            }
            Type::Code(_) => "is not a code".to_owned(),
            Type::Truth => "is neither true nor false".to_owned(),
            Type::Choice(_) => "is not one of the choices".to_owned(),
            Type::Whole | Type::Duration => "is not a whole number".to_owned(),
            Type::Number(_) => "is not a number".to_owned(),
            Type::Date => "is not a date such as 2026-01-31".to_owned(),
            Type::DateTime => "is not a date-time such as 2026-01-31T14:30".to_owned(),
            Type::Text(_) | Type::Country | Type::Currency | Type::Error => {
                "cannot be read".to_owned()
            }
        },
    }
}

/// What is said of entries that have the key of another at the same date: only who looks an entry
/// up has to choose between them. The rows are sorted.
fn repeated(key: &[usize], rows: &[(ListRow, Place)], path: &str) -> Vec<String> {
    let same = |a: &ListRow, b: &ListRow| key.iter().all(|it| a.values[*it] == b.values[*it]);
    let mut found: Vec<(Place, Place)> = Vec::new();
    for entries in rows.chunk_by(|a, b| same(&a.0, &b.0)).filter(|it| 1 < it.len()) {
        let mut entries: Vec<&(ListRow, Place)> = entries.iter().collect();
        entries.sort_by_key(|it| (it.0.from, number(it.1)));
        // The entry that lasts longest of those that began before.
        let mut longest = entries[0];
        for it in &entries[1..] {
            let before = |a: Option<i32>, b: Option<i32>| a.zip(b).is_some_and(|(a, b)| a < b);
            if !before(longest.0.to, it.0.from) {
                let (a, b) = (longest.1, it.1);
                found.push(if number(a) <= number(b) { (a, b) } else { (b, a) });
            }
            let ends_later = it.0.to.is_none() || before(longest.0.to, it.0.to);
            if longest.0.to.is_some() && ends_later {
                longest = it;
            }
        }
    }
    found.sort_by_key(|it| number(it.1));
    let said = |(before, after): &(Place, Place)| {
        let row = number(*before);
        format!("{} repeats the key of row {row} at the same date", after.of(path))
    };
    found.iter().take(TOLD).map(said).collect()
}

fn number(place: Place) -> u64 {
    match place {
        Place::Line(row, _) => row,
        Place::Sheet(row) => u64::from(row),
    }
}

/// `7,5`
fn is_decimal_comma(text: &str) -> bool {
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    text.split_once(',').is_some_and(|it| digits(it.0) && digits(it.1))
}
