//! `field=value`: what is supposed of a declaration, read as a data file would be.

use std::sync::Arc;

use arrow::datatypes::Field as Column;
use arrow::datatypes::Schema as Columns;
use arrow::record_batch::RecordBatch;

use crate::data::convert::Reading;
use crate::data::convert::data_type;
use crate::data::text;
use crate::diagnostic::did_you_mean;
use crate::interpret::row;
use crate::interpret::why::change;
use crate::interpret::why::change::Change;
use crate::ir::RuleSet;
use crate::run::one::Declaration;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::trouble::Trouble;
use crate::value::Value;

/// A field, the key of its row where only one is meant, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIf {
    pub field: FieldId,
    pub key: Option<String>,
    pub value: Value,
}

/// `net_mass=3`, `net_mass=3 kg`, `item.2.net_mass=3`, `origin=` for no value.
///
/// Errors: an unknown field, and a value that it cannot hold.
pub fn parse(set: &RuleSet, inner: RecordId, text: &str) -> Result<WhatIf, Trouble> {
    let refused = |why: &str, help: String| {
        Err(Trouble::usage(format!("--what-if {text}: {why}")).help(help))
    };
    let Some((place, value)) = text.split_once('=') else {
        return refused("no value", "write `--what-if field=value`".to_owned());
    };
    let parts: Vec<&str> = place.trim().split('.').collect();
    let (record, key, name) = match parts.as_slice() {
        [name] => (None, None, *name),
        [record, name] => (Some(*record), None, *name),
        [record, key, name] => (Some(*record), Some((*key).to_owned()), *name),
        _ => {
            let help = "write `field`, `record.field` or `item.2.field`".to_owned();
            return refused("not a field", help);
        }
    };
    let schema = &set.schema;
    let lineage = schema.lineage(inner);
    let records =
        lineage.iter().filter(|it| record.is_none_or(|name| schema.record(**it).name == name));
    let Some(field) = records.into_iter().find_map(|it| schema.find_field(*it, name)) else {
        let names = lineage.iter().flat_map(|it| &schema.record(*it).fields);
        let near = did_you_mean(name, names.map(|it| it.name.as_str()));
        return refused(
            &format!("no stored field is called `{name}`"),
            near.unwrap_or_else(|| "name a field of the schema; derived ones follow".to_owned()),
        );
    };
    if schema.record(field.record).key.contains(&field.field) {
        return refused("a key is not changed", "name another field".to_owned());
    }
    let Some(value) = read(schema, field, value.trim()) else {
        let ty = schema.field(field).ty.words();
        return refused("the value cannot be read", format!("the field holds {ty}"));
    };
    if value.is_missing() && schema.field(field).required {
        return refused("this field is required", "give it a value".to_owned());
    }
    Ok(WhatIf { field, key, value })
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
    let reading = Reading::new(field);
    let column = text::column(1, &reading, |_| Ok(Some(bare)));
    if !column.faults.is_empty() {
        return None;
    }
    let name = row::column_name(schema, id);
    let columns = Columns::new(vec![Column::new(name, data_type(&field.ty), true)]);
    let batch = RecordBatch::try_new(Arc::new(columns), vec![column.array]).ok()?;
    row::single(schema, id, &batch)
}

/// What the suppositions change in a declaration.
///
/// Errors: a row that it does not have.
pub fn changes(
    set: &RuleSet,
    all: &[WhatIf],
    declaration: &Declaration,
) -> Result<Vec<Change>, Trouble> {
    let schema = &set.schema;
    let mut res: Vec<Change> = Vec::new();
    for it in all {
        let record = it.field.record;
        let before = res.len();
        for judged in declaration.rows.iter().filter(|row| row.level == record) {
            let Some(keys) = change::keys(schema, &judged.row, record) else { continue };
            let own = keys.len() - schema.record(record).key.len();
            let key = keys[own..].iter().map(ToString::to_string).collect::<Vec<_>>().join("/");
            if it.key.as_ref().is_some_and(|wanted| *wanted != key) {
                continue;
            }
            res.push(Change { field: it.field, keys, value: it.value.clone() });
        }
        if res.len() == before {
            let name = &schema.record(record).name;
            let key = it.key.as_deref().unwrap_or_default();
            let message = format!("--what-if: the declaration has no {name} `{key}`");
            return Err(Trouble::usage(message).help("name it by its key: `item.2.net_mass=3`"));
        }
    }
    Ok(res)
}
