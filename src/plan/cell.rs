//! Cells of Arrow arrays as values, and values as arrays, for the kernels.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::Int64Array;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimestampMicrosecondType;

use crate::data::convert::data_type;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::RuleSet;
use crate::ir::typing;
use crate::ir::typing::DurationKind;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Duration;
use crate::value::Reason;
use crate::value::Value;

pub const MISSING: Value = Value::Missing(Reason::NotGiven);

/// The type of an argument or result; a duration is held as a number whose kind stands here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub ty: Type,
    duration: Option<DurationKind>,
}

impl Shape {
    pub fn of(set: &RuleSet, expr: &E) -> Shape {
        let duration = if expr.ty == Type::Duration { duration_kind(set, expr) } else { None };
        Shape { ty: expr.ty.clone(), duration }
    }

    /// Of a type that is no duration.
    pub fn typed(ty: Type) -> Shape {
        Shape { ty, duration: None }
    }

    pub fn data_type(&self) -> DataType {
        data_type(&self.ty)
    }

    pub fn value(&self, array: &dyn Array, at: usize) -> Value {
        if array.is_null(at) {
            return MISSING;
        }
        match &self.ty {
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
            Type::Duration => self.duration_value(array.as_primitive::<Int64Type>().value(at)),
            Type::Text(_) | Type::Code(_) | Type::Choice(_) => text(array, at),
            Type::Country | Type::Currency | Type::Error => text(array, at),
        }
    }

    /// The kind of a duration, where the expression tells.
    pub fn duration(&self) -> Option<DurationKind> {
        self.duration
    }

    fn duration_value(&self, number: i64) -> Value {
        let narrow = i32::try_from(number);
        match (self.duration, narrow) {
            (Some(DurationKind::Time), _) => Value::Duration(Duration::Time(number)),
            (Some(DurationKind::Months), Ok(it)) => Value::Duration(Duration::Months(it)),
            (_, Ok(it)) => Value::Duration(Duration::Days(it)),
            (_, Err(_)) => MISSING,
        }
    }

    /// Values of the type as a column; anything else is missing.
    pub fn array(&self, values: Vec<Value>) -> ArrayRef {
        match &self.ty {
            Type::Truth => Arc::new(BooleanArray::from_iter(values.iter().map(|it| match it {
                Value::Truth(it) => Some(*it),
                _ => None,
            }))),
            Type::Whole | Type::Duration => {
                Arc::new(Int64Array::from_iter(values.iter().map(|it| match it {
                    Value::Whole(it) => Some(*it),
                    Value::Duration(it) => Some(duration_number(*it)),
                    _ => None,
                })))
            }
            Type::Number(number) => {
                let held = values.iter().map(|it| match it {
                    Value::Decimal(it) => it.with_scale(number.scale).map(|it| it.unscaled),
                    _ => None,
                });
                let array = Decimal128Array::from_iter(held);
                Arc::new(array.with_data_type(self.data_type()))
            }
            Type::Date => Arc::new(Date32Array::from_iter(values.iter().map(|it| match it {
                Value::Date(it) => Some(*it),
                _ => None,
            }))),
            Type::DateTime => {
                Arc::new(TimestampMicrosecondArray::from_iter(values.iter().map(|it| match it {
                    Value::DateTime(it) => Some(*it),
                    _ => None,
                })))
            }
            Type::Text(_)
            | Type::Code(_)
            | Type::Choice(_)
            | Type::Country
            | Type::Currency
            | Type::Error => Arc::new(StringArray::from_iter(values.iter().map(|it| match it {
                Value::Text(it) => Some(it.to_string()),
                _ => None,
            }))),
        }
    }
}

fn text(array: &dyn Array, at: usize) -> Value {
    Value::text(array.as_string::<i32>().value(at))
}

pub fn duration_number(duration: Duration) -> i64 {
    match duration {
        Duration::Days(it) | Duration::Months(it) => i64::from(it),
        Duration::Time(it) => it,
    }
}

fn duration_kind(set: &RuleSet, expr: &E) -> Option<DurationKind> {
    match &expr.kind {
        Kind::Parameter(at, _) => match set.parameters[*at].values.first() {
            Some((_, Value::Duration(Duration::Time(_)))) => Some(DurationKind::Time),
            Some((_, Value::Duration(Duration::Months(_)))) => Some(DurationKind::Months),
            _ => Some(DurationKind::Days),
        },
        Kind::OrElse(left, _) => duration_kind(set, left),
        _ => typing::duration_kind(expr),
    }
}
