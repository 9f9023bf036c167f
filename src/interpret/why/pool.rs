//! Values that a test might be turned with: what it names, and a few that it does not.

use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::list;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::RuleSet;
use crate::schema::FieldId;
use crate::schema::Nomenclature;
use crate::schema::Type;
use crate::value::Value;
use crate::value::country;

/// Of a list so many entries are tried.
const ENTRIES: usize = 50;
/// Of a nomenclature so many codes.
const CODES: usize = 200;

/// Texts for a textual field, those that the test names first.
pub fn texts(set: &RuleSet, test: &E, id: FieldId, row: &Row) -> Vec<Value> {
    let ty = &set.schema.field(id).ty;
    let mut named: Vec<String> = Vec::new();
    let mut todo = vec![test];
    while let Some(it) = todo.pop() {
        named.extend(named_by(set, it, id, row));
        todo.extend(it.parts().into_iter().rev());
    }
    let mut all: Vec<String> = named.iter().flat_map(|it| fitting(set, ty, it, id, row)).collect();
    all.extend(others(set, ty, id, row));
    let now = row.get(id);
    let mut res: Vec<Value> = Vec::new();
    for value in all.iter().map(|it| Value::text(it)) {
        if value != now && !res.contains(&value) {
            res.push(value);
        }
    }
    res
}

fn named_by(set: &RuleSet, it: &E, id: FieldId, row: &Row) -> Vec<String> {
    let day = |date: &Option<E>| match date.as_ref().map(|it| eval(set, it, row)) {
        Some(Value::Date(day)) => Some(day),
        _ => None,
    };
    match &it.kind {
        Kind::Member(_, words) | Kind::Under(_, words) => {
            words.iter().map(|it| it.to_string()).collect()
        }
        Kind::InGroup(_, name, date) => {
            let day = day(date);
            let members = set.schema.groups.get(&**name).into_iter().flat_map(|it| &it.members);
            let holds = |from, to| day.is_none_or(|day| list::covers(from, to, day));
            members.filter(|it| holds(it.from, it.to)).map(|it| it.country.clone()).collect()
        }
        Kind::InList(it) => {
            let (list, day) = (&set.lists[it.list], day(&it.date));
            in_force(list, list.key[0], day)
        }
        Kind::Lookup(it) => {
            let (list, day) = (&set.lists[it.list], day(&it.date));
            let place =
                it.keys.iter().position(|it| matches!(it.kind, Kind::Field(at) if at == id));
            place.map(|at| in_force(list, list.key[at], day)).unwrap_or_default()
        }
        Kind::Literal(Value::Text(text)) => vec![text.to_string()],
        Kind::Field(other) if *other != id => match row.get(*other) {
            Value::Text(text) => vec![text.to_string()],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn in_force(list: &crate::ir::List, column: usize, day: Option<i32>) -> Vec<String> {
    let holds = |it: &&crate::ir::ListRow| day.is_none_or(|day| list::covers(it.from, it.to, day));
    let text = |it: &crate::ir::ListRow| match &it.values[column] {
        Value::Text(text) => Some(text.to_string()),
        _ => None,
    };
    list.rows.iter().filter(holds).filter_map(text).take(ENTRIES).collect()
}

/// The text as the field may hold it: codes in full, words of a choice, countries.
fn fitting(set: &RuleSet, ty: &Type, text: &str, id: FieldId, row: &Row) -> Vec<String> {
    match ty {
        Type::Code(name) => match set.schema.nomenclatures.get(&**name) {
            Some(it) => codes(it, text, length(&row.get(id))),
            None => vec![text.to_owned()],
        },
        Type::Choice(choice) if choice.rank(text).is_none() => Vec::new(),
        Type::Country if !country::is_country(text) => Vec::new(),
        Type::Currency if !country::is_currency(text) => Vec::new(),
        _ => vec![text.to_owned()],
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::Text(text) => Some(text.len()),
        _ => None,
    }
}

/// Codes that begin with the prefix: a real one as long as the present one, and the prefix itself.
fn codes(it: &Nomenclature, prefix: &str, length: Option<usize>) -> Vec<String> {
    let mut res = Vec::new();
    if let Some(codes) = &it.codes {
        let mut under =
            codes.range(prefix.to_owned()..).map(|it| it.0).take_while(|it| it.starts_with(prefix));
        let same = under.find(|it| length.is_none_or(|length| it.len() == length));
        res.extend(same.cloned());
    }
    let level = |at: usize| it.levels.is_empty() || it.levels.iter().any(|it| *it as usize == at);
    let fits = |at: &usize| prefix.len() <= *at && level(*at);
    let lengths = length.into_iter().chain(prefix.len()..=prefix.len() + 2);
    res.extend(lengths.filter(fits).map(|at| format!("{prefix:0<at$}")));
    res
}

/// Values that no test names: for a test that must not hold.
fn others(set: &RuleSet, ty: &Type, id: FieldId, row: &Row) -> Vec<String> {
    let own = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<String>>();
    match ty {
        Type::Country => own(country::COUNTRIES),
        Type::Currency => own(country::CURRENCIES),
        Type::Choice(choice) => choice.values.clone(),
        Type::Code(name) => {
            let Some(it) = set.schema.nomenclatures.get(&**name) else { return own(&["0"]) };
            let length = length(&row.get(id));
            let chapters = (1..=99).flat_map(|at| codes(it, &format!("{at:02}"), length));
            chapters.take(CODES).collect()
        }
        Type::Text(_) => own(&["other", "another", "x", "0"]),
        Type::Error
        | Type::Truth
        | Type::Whole
        | Type::Number(_)
        | Type::Date
        | Type::DateTime
        | Type::Duration => Vec::new(),
    }
}
