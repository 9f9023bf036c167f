//! Lists, groups and parameters, at the acceptance date.

use crate::ir::List;
use crate::ir::ListRow;
use crate::ir::Matching;
use crate::ir::Parameter;
use crate::schema::Group;
use crate::schema::Type;
use crate::value::Reason;
use crate::value::Value;
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
        Ok(day) => Value::Truth(!entries(list, key, form, matching, day).is_empty()),
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
) -> Vec<&'a ListRow> {
    let index = list.index_of_first(form);
    let found = index.of_values(std::slice::from_ref(key), matching == Matching::Prefix);
    let rows = found.into_iter().flatten().filter_map(|it| list.rows.get(*it as usize));
    rows.filter(|it| it.is_in_force(day)).collect()
}

/// The column of the entry in force for the keys; the longest beginning of a prefix key.
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
    let forms: Vec<Form> = types.iter().map(Type::form).collect();
    let index = list.index_of_key(&forms);
    let found = index.of_values(keys, !list.prefix.is_empty());
    let in_force = |entries: &[u32]| {
        let rows = entries.iter().rev().filter_map(|it| list.rows.get(*it as usize));
        rows.into_iter().find(|it| it.is_in_force(day))
    };
    found.into_iter().find_map(in_force)
}
