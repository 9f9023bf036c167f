//! The builtin functions, one arm each.

use crate::ir::Function;
use crate::value::Decimal;
use crate::value::Reason;
use crate::value::Value;
use crate::value::calendar;

/// A missing argument gives no value, with its reason.
pub fn call(function: Function, arguments: &[Value]) -> Value {
    if let Some(missing) = arguments.iter().find(|it| it.is_missing()) {
        return missing.clone();
    }
    let first = &arguments[0];
    match function {
        Function::Abs => abs(first),
        Function::Round => round(first, &arguments[1]),
        Function::Min => arguments.iter().min_by_key(|it| it.as_decimal()).unwrap_or(first).clone(),
        Function::Max => arguments.iter().max_by_key(|it| it.as_decimal()).unwrap_or(first).clone(),
        Function::Year => of_date(first, |it| i64::from(it.year())),
        Function::Month => of_date(first, |it| i64::from(it.month())),
        Function::Day => of_date(first, |it| i64::from(it.day())),
        Function::Weekday => match first {
            Value::Date(it) => Value::text(calendar::WEEKDAYS[calendar::weekday(*it)]),
            other => other.clone(),
        },
        Function::Hour => of_time(first, calendar::hour),
        Function::Minute => of_time(first, calendar::minute),
        Function::DateOf => match first {
            Value::DateTime(it) => Value::Date(calendar::day_of_time(*it)),
            other => other.clone(),
        },
        Function::Length => match first {
            Value::Text(it) => Value::Whole(i64::try_from(it.chars().count()).unwrap_or(i64::MAX)),
            other => other.clone(),
        },
    }
}

fn abs(value: &Value) -> Value {
    match value {
        Value::Whole(it) => {
            it.checked_abs().map_or(Value::Missing(Reason::OutOfRange), Value::Whole)
        }
        Value::Decimal(it) => Value::Decimal(it.abs()),
        other => other.clone(),
    }
}

/// Never more decimals than the value has.
fn round(value: &Value, digits: &Value) -> Value {
    match (value, digits) {
        (Value::Decimal(it), Value::Whole(n)) => {
            let scale = u8::try_from(*n).unwrap_or(it.scale).min(it.scale);
            Value::decimal(Decimal::with_scale(*it, scale))
        }
        (other, _) => other.clone(),
    }
}

fn of_date(value: &Value, part: impl Fn(jiff::civil::Date) -> i64) -> Value {
    match value {
        Value::Date(it) => Value::Whole(part(calendar::to_date(*it))),
        other => other.clone(),
    }
}

fn of_time(value: &Value, part: impl Fn(i64) -> i64) -> Value {
    match value {
        Value::DateTime(it) => Value::Whole(part(*it)),
        other => other.clone(),
    }
}
