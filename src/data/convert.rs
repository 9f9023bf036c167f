//! Columns of canonical values: cells are read once, at the border.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BooleanBuilder;
use arrow::array::Date32Builder;
use arrow::array::Decimal128Builder;
use arrow::array::Int64Builder;
use arrow::array::StringBuilder;
use arrow::array::TimestampMicrosecondBuilder;
use arrow::datatypes::DataType;
use arrow::datatypes::TimeUnit;

use crate::data::cell::Fault;
use crate::data::cell::Held;
use crate::data::cell::Reading;
use crate::schema::Type;

/// The Arrow type in which a type is held.
pub fn data_type(ty: &Type) -> DataType {
    match ty {
        Type::Truth => DataType::Boolean,
        Type::Whole | Type::Duration => DataType::Int64,
        Type::Number(it) => DataType::Decimal128(38, i8::try_from(it.scale).unwrap_or(9)),
        Type::Date => DataType::Date32,
        Type::DateTime => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Text(_) | Type::Code(_) | Type::Choice(_) => DataType::Utf8,
        Type::Country | Type::Currency | Type::Error => DataType::Utf8,
    }
}

/// Collects the values of one column.
pub enum Column {
    Truth(BooleanBuilder),
    Whole(Int64Builder),
    Number(Decimal128Builder),
    Date(Date32Builder),
    DateTime(TimestampMicrosecondBuilder),
    Text(StringBuilder),
}

impl Column {
    pub fn new(ty: &Type) -> Column {
        match ty {
            Type::Truth => Column::Truth(BooleanBuilder::new()),
            Type::Whole | Type::Duration => Column::Whole(Int64Builder::new()),
            Type::Number(_) => {
                Column::Number(Decimal128Builder::new().with_data_type(data_type(ty)))
            }
            Type::Date => Column::Date(Date32Builder::new()),
            Type::DateTime => Column::DateTime(TimestampMicrosecondBuilder::new()),
            Type::Text(_) | Type::Code(_) | Type::Choice(_) => Column::Text(StringBuilder::new()),
            Type::Country | Type::Currency | Type::Error => Column::Text(StringBuilder::new()),
        }
    }

    pub fn missing(&mut self) {
        match self {
            Column::Truth(it) => it.append_null(),
            Column::Whole(it) => it.append_null(),
            Column::Number(it) => it.append_null(),
            Column::Date(it) => it.append_null(),
            Column::DateTime(it) => it.append_null(),
            Column::Text(it) => it.append_null(),
        }
    }

    pub fn finish(self) -> ArrayRef {
        match self {
            Column::Truth(mut it) => Arc::new(it.finish()),
            Column::Whole(mut it) => Arc::new(it.finish()),
            Column::Number(mut it) => Arc::new(it.finish()),
            Column::Date(mut it) => Arc::new(it.finish()),
            Column::DateTime(mut it) => Arc::new(it.finish()),
            Column::Text(mut it) => Arc::new(it.finish()),
        }
    }

    /// Appends a value of the type of the column; one of another type is missing.
    pub fn append(&mut self, held: Held) {
        match (self, held) {
            (Column::Truth(it), Held::Truth(value)) => it.append_value(value),
            (Column::Whole(it), Held::Whole(value)) => it.append_value(value),
            (Column::Number(it), Held::Number(value)) => it.append_value(value),
            (Column::Date(it), Held::Date(value)) => it.append_value(value),
            (Column::DateTime(it), Held::DateTime(value)) => it.append_value(value),
            (Column::Text(it), Held::Text(value)) => it.append_value(value),
            (
                it,
                Held::Truth(_)
                | Held::Whole(_)
                | Held::Number(_)
                | Held::Date(_)
                | Held::DateTime(_)
                | Held::Text(_),
            ) => it.missing(),
        }
    }

    /// Appends one cell, missing when it cannot be read.
    pub fn read(&mut self, text: &str, reading: &Reading) -> Option<Fault> {
        match reading.read(text) {
            Ok(Some(held)) => self.append(held),
            Ok(None) => self.missing(),
            Err(fault) => {
                self.missing();
                return Some(fault);
            }
        }
        None
    }
}
