//! Rows out of Arrow batches, for the interpreter.

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::datatypes::UInt8Type;

use crate::interpret::NOT_GIVEN;
use crate::interpret::Row;
use crate::ir::FactId;
use crate::ir::RuleSet;
use crate::schema::FieldId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Reason;
use crate::value::Value;

/// The name of a stored field in every batch and plan: `item.hs`.
pub fn column_name(schema: &Schema, id: FieldId) -> String {
    format!("{}.{}", schema.record(id.record).name, schema.field(id).name)
}

/// Where things stand in batches of one shape.
#[derive(Debug, Clone)]
pub struct Columns {
    fields: Vec<(FieldId, usize)>,
    /// The fact, its value and its reason.
    facts: Vec<(FactId, usize, usize)>,
}

/// Where each stored field and each fact stands in batches of this shape.
pub fn columns(set: &RuleSet, batch: &arrow::datatypes::Schema) -> Columns {
    let schema = &set.schema;
    let mut fields = Vec::new();
    for (record, it) in schema.records.iter().enumerate() {
        for field in 0..it.fields.len() {
            let id = FieldId { record: crate::schema::RecordId(record), field };
            if let Ok(at) = batch.index_of(&column_name(schema, id)) {
                fields.push((id, at));
            }
        }
    }
    let place = |id: FactId| {
        let value = batch.index_of(&id.value_column()).ok()?;
        Some((id, value, batch.index_of(&id.reason_column()).ok()?))
    };
    Columns { fields, facts: (0..set.facts.len()).map(FactId).filter_map(place).collect() }
}

impl Columns {
    /// The only column, where there is one.
    pub fn single(&self) -> Option<usize> {
        match (self.fields.as_slice(), self.facts.as_slice()) {
            ([only], []) => Some(only.1),
            _ => None,
        }
    }

    /// Those of these fields and facts.
    pub fn only(&self, fields: &[FieldId], facts: &[FactId]) -> Columns {
        Columns {
            fields: self.fields.iter().filter(|it| fields.contains(&it.0)).copied().collect(),
            facts: self.facts.iter().filter(|it| facts.contains(&it.0)).copied().collect(),
        }
    }
}

pub fn row(set: &RuleSet, columns: &Columns, batch: &RecordBatch, at: usize) -> Row {
    let mut row = Row::default();
    for (id, column) in &columns.fields {
        row.set(*id, value(&set.schema.field(*id).ty, batch.column(*column).as_ref(), at));
    }
    for (id, held, reason) in &columns.facts {
        let reason = batch.column(*reason).as_primitive::<UInt8Type>().value(at);
        row.know(
            *id,
            match Reason::of_number(reason) {
                Some(reason) => Value::Missing(reason),
                None => value(&set.facts[id.0].ty, batch.column(*held).as_ref(), at),
            },
        );
    }
    row
}

/// The value of a field in a batch of one row.
pub fn single(schema: &Schema, id: FieldId, batch: &RecordBatch) -> Option<Value> {
    let column = batch.column_by_name(&column_name(schema, id))?;
    Some(value(&schema.field(id).ty, column.as_ref(), 0))
}

fn value(ty: &Type, array: &dyn Array, at: usize) -> Value {
    if array.is_null(at) {
        return NOT_GIVEN;
    }
    match ty {
        Type::Truth => Value::Truth(array.as_boolean().value(at)),
        Type::Whole => Value::Whole(array.as_primitive::<Int64Type>().value(at)),
        Type::Number(number) => {
            let unscaled = array.as_primitive::<Decimal128Type>().value(at);
            Value::Decimal(Decimal::new(unscaled, number.scale))
        }
        Type::Date => Value::Date(array.as_primitive::<Date32Type>().value(at)),
        Type::DateTime => {
            Value::DateTime(array.as_primitive::<TimestampMicrosecondType>().value(at))
        }
        Type::Text(_) | Type::Code(_) | Type::Choice(_) | Type::Country | Type::Currency => {
            text(array, at).map_or(NOT_GIVEN, Value::text)
        }
        Type::Duration | Type::Error => NOT_GIVEN,
    }
}

/// A text, whether it stands there itself or by dictionary.
fn text(array: &dyn Array, at: usize) -> Option<&str> {
    if let Some(texts) = array.as_string_opt::<i32>() {
        return Some(texts.value(at));
    }
    let encoded = array.as_dictionary_opt::<Int32Type>()?;
    let values = encoded.values().as_string_opt::<i32>()?;
    Some(values.value(usize::try_from(encoded.keys().value(at)).ok()?))
}
