//! Lists, groups and parameters, at the acceptance date.

use crate::ir::List;
use crate::ir::ListRow;
use crate::ir::Matching;
use crate::ir::Parameter;
use crate::schema::Group;
use crate::schema::Type;
use crate::value::Reason;
use crate::value::Value;
use crate::value::text;
use crate::value::text::Form;

/// The value in force at the date; without a date the only one.
pub fn parameter(parameter: &Parameter, date: Option<Value>) -> Value {
    let day = match date {
        None => i32::MAX,
        Some(Value::Date(day)) => day,
        Some(other) => return other,
    };
    let in_force = parameter.values.iter().rev().find(|it| it.0.is_none_or(|since| since <= day));
    in_force.map_or(Value::Missing(Reason::NotInForce), |it| it.1.clone())
}

pub fn covers(from: Option<i32>, to: Option<i32>, day: i32) -> bool {
    from.is_none_or(|it| it <= day) && to.is_none_or(|it| day <= it)
}

/// `Ok(None)`: no date matters. `Err`: it matters and is missing.
fn day(date: Option<Value>) -> Result<Option<i32>, Value> {
    match date {
        None => Ok(None),
        Some(Value::Date(it)) => Ok(Some(it)),
        Some(other) => Err(other),
    }
}

pub fn in_group(group: &Group, country: &Value, date: Option<Value>) -> Value {
    let Value::Text(country) = country else { return country.clone() };
    let day = match day(date) {
        Ok(day) => day,
        Err(missing) => return missing,
    };
    let member = group.members.iter().filter(|it| *it.country == **country).any(|it| match day {
        Some(day) => covers(it.from, it.to, day),
        None => it.to.is_none(),
    });
    Value::Truth(member)
}

fn in_force(list: &List, day: Option<i32>) -> impl Iterator<Item = &ListRow> {
    list.rows.iter().filter(move |it| day.is_none_or(|day| covers(it.from, it.to, day)))
}

/// Whether an entry in force has this key, or a key that begins it.
pub fn in_list(
    list: &List,
    key: &Value,
    form: Form,
    matching: Matching,
    date: Option<Value>,
) -> Value {
    if key.is_missing() {
        return key.clone();
    }
    match day(date) {
        Ok(day) => Value::Truth(entries(list, key, form, matching, day).next().is_some()),
        Err(missing) => missing,
    }
}

/// The entries in force at the day, or ever, that have this key, or a key that begins it.
pub fn entries<'a>(
    list: &'a List,
    key: &Value,
    form: Form,
    matching: Matching,
    day: Option<i32>,
) -> impl Iterator<Item = &'a ListRow> {
    let column = list.key[0];
    let form = form.max(list.columns[column].ty.form());
    in_force(list, day).filter(move |row| match matching {
        Matching::Exact => same(key, &row.values[column], form),
        Matching::Prefix => begins(key, &row.values[column], form),
    })
}

fn same(key: &Value, entry: &Value, form: Form) -> bool {
    match (key, entry) {
        (Value::Text(a), Value::Text(b)) => text::form(a, form) == text::form(b, form),
        _ => match (key.as_decimal(), entry.as_decimal()) {
            (Some(a), Some(b)) => a == b,
            _ => key == entry,
        },
    }
}

fn begins(key: &Value, entry: &Value, form: Form) -> bool {
    match (key, entry) {
        (Value::Text(a), Value::Text(b)) => text::form(a, form).starts_with(&text::form(b, form)),
        _ => same(key, entry, form),
    }
}

/// The column of the entry in force for the keys; the longest prefix of the last key.
pub fn lookup(
    list: &List,
    keys: &[Value],
    types: &[Type],
    column: usize,
    date: Option<Value>,
) -> Value {
    if let Some(missing) = keys.iter().find(|it| it.is_missing()) {
        return missing.clone();
    }
    match day(date) {
        Ok(day) => entry(list, keys, types, day)
            .map_or(Value::Missing(Reason::NotInList), |row| row.values[column].clone()),
        Err(missing) => missing,
    }
}

/// The entry in force at the day, or ever, for given keys.
pub fn entry<'a>(
    list: &'a List,
    keys: &[Value],
    types: &[Type],
    day: Option<i32>,
) -> Option<&'a ListRow> {
    let last = keys.len() - 1;
    let matches = |row: &&ListRow| {
        keys.iter().zip(&list.key).zip(types).enumerate().all(|(at, ((key, entry), ty))| {
            let form = ty.form().max(list.columns[*entry].ty.form());
            let entry = &row.values[*entry];
            if list.prefix && at == last {
                begins(key, entry, form)
            } else {
                same(key, entry, form)
            }
        })
    };
    let length = |row: &&ListRow| match &row.values[list.key[last]] {
        Value::Text(it) if list.prefix => it.len(),
        _ => 0,
    };
    in_force(list, day).filter(matches).max_by_key(length)
}
