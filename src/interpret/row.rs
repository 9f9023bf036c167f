//! Rows out of Arrow batches, for the interpreter.

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimestampMicrosecondType;

use crate::interpret::NOT_GIVEN;
use crate::interpret::Row;
use crate::schema::FieldId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Value;

/// The name of a stored field in every batch and plan: `item.hs`.
pub fn column_name(schema: &Schema, id: FieldId) -> String {
    format!("{}.{}", schema.record(id.record).name, schema.field(id).name)
}

/// Where each stored field of the schema stands in batches of this shape.
pub fn columns(schema: &Schema, batch: &arrow::datatypes::Schema) -> Vec<(FieldId, usize)> {
    let mut res = Vec::new();
    for (record, it) in schema.records.iter().enumerate() {
        for field in 0..it.fields.len() {
            let id = FieldId { record: crate::schema::RecordId(record), field };
            if let Ok(at) = batch.index_of(&column_name(schema, id)) {
                res.push((id, at));
            }
        }
    }
    res
}

pub fn row(schema: &Schema, columns: &[(FieldId, usize)], batch: &RecordBatch, at: usize) -> Row {
    let mut row = Row::default();
    for (id, column) in columns {
        row.set(*id, value(&schema.field(*id).ty, batch.column(*column).as_ref(), at));
    }
    row
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
            Value::text(array.as_string::<i32>().value(at))
        }
        Type::Duration | Type::Error => NOT_GIVEN,
    }
}
