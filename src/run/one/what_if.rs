//! `field=value`: what is supposed of a declaration, read as a data file would be.

use std::sync::Arc;

use arrow::datatypes::Field as Column;
use arrow::datatypes::Schema as Columns;
use arrow::record_batch::RecordBatch;

use crate::data::cell::Reading;
use crate::data::convert::data_type;
use crate::data::text;
use crate::diagnostic::did_you_mean;
use crate::interpret::Row;
use crate::interpret::row;
use crate::interpret::why::change;
use crate::interpret::why::change::Change;
use crate::ir::RuleSet;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::trouble::Trouble;
use crate::value::Value;

/// A field, the keys of the rows that are meant, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIf {
    pub field: FieldId,
    /// Of its record or of one around it.
    pub keys: Vec<(RecordId, String)>,
    pub value: Value,
}

/// `net_mass=3`, `net_mass=3 kg`, `item.2.net_mass=3`, `item.2.document.1.kind=N380`, `origin=` for
/// no value.
///
/// Errors: an unknown field, and a value that it cannot hold.
pub fn parse(set: &RuleSet, inner: RecordId, text: &str) -> Result<WhatIf, Trouble> {
    let refused = |why: &str, help: String| {
        Err(Trouble::usage(format!("--what-if {text}: {why}")).help(help))
    };
    let Some((place, value)) = text.split_once('=') else {
        return refused("no value", "write `--what-if field=value`".to_owned());
    };
    let schema = &set.schema;
    let lineage = schema.lineage(inner);
    let record_of = |name: &str| schema.records.iter().position(|it| it.name == name).map(RecordId);
    let mut parts: Vec<&str> = place.trim().split('.').map(str::trim).collect();
    let name = parts.pop().unwrap_or_default();
    let (mut within, mut keys) = (None, Vec::new());
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        let Some(record) = record_of(part) else {
            let near = did_you_mean(part, schema.records.iter().map(|it| it.name.as_str()));
            let help = "write `field`, `record.field` or `item.2.field`".to_owned();
            return refused(&format!("no record is called `{part}`"), near.unwrap_or(help));
        };
        within = Some(record);
        if let Some(key) = parts.next_if(|it| record_of(it).is_none()) {
            keys.push((record, key.to_owned()));
        }
    }
    let records = match within {
        Some(record) => vec![record],
        None => lineage,
    };
    let Some(field) = records.iter().find_map(|it| schema.find_field(*it, name)) else {
        let names = records.iter().flat_map(|it| &schema.record(*it).fields);
        let near = did_you_mean(name, names.map(|it| it.name.as_str()));
        return refused(
            &format!("no stored field is called `{name}`"),
            near.unwrap_or_else(|| "name a field of the schema; derived ones follow".to_owned()),
        );
    };
    let around = schema.lineage(field.record);
    if let Some((other, _)) = keys.iter().find(|it| !around.contains(&it.0)) {
        let (other, record) = (&schema.record(*other).name, &schema.record(field.record).name);
        let help = "name only records around the field".to_owned();
        return refused(&format!("{record} is not within {other}"), help);
    }
    if schema.record(field.record).key.contains(&field.field) {
        return refused("a key is not changed", "name another field".to_owned());
    }
    let Some(value) = read(schema, field, value.trim()) else {
        let it = schema.field(field);
        let expected = Reading::new(schema, &it.ty, it.unit.as_deref()).expected();
        let help = format!("the field holds {}: write {expected}", it.ty.words());
        return refused("the value cannot be read", help);
    };
    if value.is_missing() && schema.field(field).required {
        return refused("this field is required", "give it a value".to_owned());
    }
    Ok(WhatIf { field, keys, value })
}

/// As a data file would be read, with or without the unit; codes with their points.
fn read(schema: &Schema, id: FieldId, text: &str) -> Option<Value> {
    let field = schema.field(id);
    if text.is_empty() {
        return Some(crate::interpret::NOT_GIVEN);
    }
    let unit = match &field.ty {
        Type::Number(it) if it.percent => "%".to_owned(),
        Type::Number(it) => field.unit.clone().unwrap_or_else(|| it.dimension.unit_text()),
        _ => String::new(),
    };
    let bare = text.strip_suffix(unit.as_str()).filter(|_| !unit.is_empty()).unwrap_or(text);
    let bare = bare.trim();
    let reading = Reading::new(schema, &field.ty, field.unit.as_deref());
    let column = text::column(1, &reading, |_| Ok(Some(bare)));
    if !column.faults.is_empty() {
        return None;
    }
    let name = row::column_name(schema, id);
    let columns = Columns::new(vec![Column::new(name, data_type(&field.ty), true)]);
    let batch = RecordBatch::try_new(Arc::new(columns), vec![column.array]).ok()?;
    row::single(schema, id, &batch)
}

/// What the suppositions change, `rows` being the declaration's own and those within it.
///
/// Errors: a row that is not there, and one field that is supposed to hold two things.
pub fn changes(
    schema: &Schema,
    all: &[&WhatIf],
    rows: &[(RecordId, &Row)],
) -> Result<Vec<Change>, Trouble> {
    let mut res: Vec<Change> = Vec::new();
    for it in all {
        let record = it.field.record;
        let of_record = rows.iter().filter(|row| row.0 == record);
        let mut rows: Vec<Vec<Value>> =
            of_record.filter_map(|row| change::keys(schema, row.1, record)).collect();
        rows.sort();
        rows.dedup();
        let meant = |keys: &&Vec<Value>| {
            it.keys.iter().all(|(record, wanted)| *wanted == own_key(schema, *record, keys))
        };
        let found: Vec<&Vec<Value>> = rows.iter().filter(meant).collect();
        let name = &schema.record(record).name;
        if found.is_empty() && rows.is_empty() {
            let message = format!("--what-if: no {name} of the declaration is looked at");
            let help = "leave out `--rule`, or name a rule that asks for it";
            return Err(Trouble::usage(message).help(help));
        }
        if found.is_empty() {
            let wanted: Vec<&str> = it.keys.iter().map(|it| it.1.as_str()).collect();
            let mut known: Vec<String> =
                rows.iter().map(|it| own_key(schema, record, it)).collect();
            known.dedup();
            let message =
                format!("--what-if: the declaration has no {name} `{}`", wanted.join("."));
            return Err(Trouble::usage(message).help(format!("it has {name} {}", known.join(", "))));
        }
        for keys in found {
            if res.iter().any(|known| known.field == it.field && known.keys == *keys) {
                let field = &schema.field(it.field).name;
                let message = format!("--what-if: two values for `{field}` of one row");
                return Err(Trouble::usage(message).help("suppose one of them at a time"));
            }
            res.push(Change { field: it.field, keys: keys.clone(), value: it.value.clone() });
        }
    }
    Ok(res)
}

/// Of the keys of a row, those of this record around it: `2`.
fn own_key(schema: &Schema, record: RecordId, keys: &[Value]) -> String {
    let last = schema.key_fields(record).len();
    let first = last - schema.record(record).key.len();
    keys[first..last].iter().map(ToString::to_string).collect::<Vec<_>>().join("/")
}
