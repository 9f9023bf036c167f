//! What a rule computes with: exact values, or *no value* with a reason.

pub mod amount;
pub mod calendar;
pub mod country;
pub mod decimal;
pub mod text;
pub mod unit;

use std::fmt;
use std::sync::Arc;

pub use decimal::Decimal;

/// A value of a row, a list or a rule. Codes, choices, countries and text are all `Text`: their
/// type says how they compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Missing(Reason),
    Truth(bool),
    Whole(i64),
    Decimal(Decimal),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01, UTC.
    DateTime(i64),
    Duration(Duration),
    Text(Arc<str>),
}

/// Days, time and months do not mix: a month is not a number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duration {
    Days(i32),
    /// Microseconds.
    Time(i64),
    Months(i32),
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The field has no value in the data, or an unreadable one.
    NotGiven,
    DivisionByZero,
    OutOfRange,
    /// The list has no entry for the key at that date.
    NotInList,
    /// The parameter has no value at that date.
    NotInForce,
    /// The window reaches further back than the data are complete.
    HistoryIncomplete,
    /// A statistic of fewer values than it needs.
    TooFewValues,
    /// Nothing to refer to.
    NoSuchRecord,
    /// No rate of exchange for the currency at that date.
    NoRate,
    /// A code that ends before the digits asked for.
    CodeTooShort,
}

impl Reason {
    const ALL: [Reason; 10] = [
        Reason::NotGiven,
        Reason::DivisionByZero,
        Reason::OutOfRange,
        Reason::NotInList,
        Reason::NotInForce,
        Reason::HistoryIncomplete,
        Reason::TooFewValues,
        Reason::NoSuchRecord,
        Reason::NoRate,
        Reason::CodeTooShort,
    ];

    /// From 1.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    pub fn of_number(number: u8) -> Option<Reason> {
        Reason::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    pub fn words(self) -> &'static str {
        match self {
            Reason::NotGiven => "missing",
            Reason::DivisionByZero => "division by zero",
            Reason::OutOfRange => "out of range",
            Reason::NotInList => "not in the list",
            Reason::NotInForce => "no value at that date",
            Reason::HistoryIncomplete => "history incomplete",
            Reason::TooFewValues => "too few values",
            Reason::NoSuchRecord => "no such record",
            Reason::NoRate => "no rate",
            Reason::CodeTooShort => "code too short",
        }
    }
}

impl fmt::Display for Value {
    /// Without a unit; `(no value)` when missing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Missing(_) => f.write_str("(no value)"),
            Value::Truth(it) => it.fmt(f),
            Value::Whole(it) => it.fmt(f),
            Value::Decimal(it) => it.fmt(f),
            Value::Date(it) => f.write_str(&calendar::date_text(*it)),
            Value::DateTime(it) => f.write_str(&calendar::time_text(*it)),
            Value::Duration(Duration::Days(it)) => write!(f, "{it} days"),
            Value::Duration(Duration::Months(it)) => write!(f, "{it} months"),
            Value::Duration(Duration::Time(it)) => write!(f, "{} minutes", it / 60_000_000),
            Value::Text(it) => f.write_str(it),
        }
    }
}

impl Value {
    pub fn is_missing(&self) -> bool {
        matches!(self, Value::Missing(_))
    }

    pub fn text(text: &str) -> Value {
        Value::Text(Arc::from(text))
    }

    /// A decimal, or *out of range*.
    pub fn decimal(decimal: Option<Decimal>) -> Value {
        decimal.map_or(Value::Missing(Reason::OutOfRange), Value::Decimal)
    }

    /// A whole number as a decimal of scale 0.
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Value::Whole(it) => Some(Decimal::new(i128::from(*it), 0)),
            Value::Decimal(it) => Some(*it),
            Value::Missing(_)
            | Value::Truth(_)
            | Value::Date(_)
            | Value::DateTime(_)
            | Value::Duration(_)
            | Value::Text(_) => None,
        }
    }
}
