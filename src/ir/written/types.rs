//! Types and values as JSON.

use serde_json::Value as Json;
use serde_json::json;

use crate::schema::Number;
use crate::schema::Type;
use crate::value::Duration;
use crate::value::Value;
use crate::value::calendar;
use crate::value::text::Form;
use crate::value::unit::Base;

/// A name, and what the name needs: the decimals and units of a number, the words of a choice.
pub fn ty(it: &Type) -> Json {
    match it {
        Type::Error => json!({"name": "error"}),
        Type::Truth => json!({"name": "truth"}),
        Type::Whole => json!({"name": "whole"}),
        Type::Number(it) => number(it),
        Type::Date => json!({"name": "date"}),
        Type::DateTime => json!({"name": "date-time"}),
        Type::Duration => json!({"name": "duration"}),
        Type::Text(Form::Name) => json!({"name": "name"}),
        Type::Text(_) => json!({"name": "text"}),
        Type::Code(nomenclature) => json!({"name": "code", "of": &**nomenclature}),
        Type::Choice(it) => json!({
            "name": "choice", "of": it.name, "words": it.values, "ordered": it.ordered,
        }),
        Type::Country => json!({"name": "country"}),
        Type::Currency => json!({"name": "currency"}),
    }
}

fn number(it: &Number) -> Json {
    let unit = |(base, power): &(Base, i8)| match base {
        Base::UnitOf(field) => json!({"field": field, "power": power}),
        Base::Currency(code) => json!({"currency": code, "power": power}),
        Base::Mass | Base::Volume | Base::Length | Base::Count | Base::Energy => {
            json!({"unit": base.unit(), "power": power})
        }
    };
    let units: Vec<Json> = it.dimension.0.iter().map(unit).collect();
    json!({"name": "number", "scale": it.scale, "percent": it.percent, "units": units})
}

/// Numbers as exact text in base units, dates and instants in ISO form; `null` is no value.
pub fn value(it: &Value) -> Json {
    match it {
        Value::Missing(_) => Json::Null,
        Value::Truth(it) => json!(it),
        Value::Whole(it) => json!(it.to_string()),
        Value::Decimal(it) => json!(it.to_string()),
        Value::Date(it) => json!(calendar::date_text(*it)),
        Value::DateTime(it) => json!(calendar::time_text(*it)),
        Value::Duration(it) => duration(*it),
        Value::Text(it) => json!(&**it),
    }
}

fn duration(it: Duration) -> Json {
    match it {
        Duration::Days(it) => json!({"days": it}),
        Duration::Months(it) => json!({"months": it}),
        Duration::Time(it) => json!({"microseconds": it}),
    }
}

/// Days since 1970-01-01 as a date.
pub fn day(it: Option<i32>) -> Json {
    it.map(|it| json!(calendar::date_text(it))).unwrap_or_default()
}
