//! The builtin functions: name, arguments, summary. One row each.

use crate::ir::Function;

pub struct Row {
    pub function: Function,
    pub name: &'static str,
    /// The least and the greatest number of arguments.
    pub arguments: (usize, usize),
    pub takes: Takes,
    pub summary: &'static str,
}

/// The type of every argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    Number,
    /// A number, and a whole number of decimals.
    NumberAndDigits,
    Date,
    DateTime,
    Text,
}

const fn row(
    function: Function,
    name: &'static str,
    arguments: (usize, usize),
    takes: Takes,
    summary: &'static str,
) -> Row {
    Row { function, name, arguments, takes, summary }
}

pub static FUNCTIONS: &[Row] = &[
    row(Function::Abs, "abs", (1, 1), Takes::Number, "the size of a number"),
    row(
        Function::Round,
        "round",
        (2, 2),
        Takes::NumberAndDigits,
        "a number rounded half away from zero to some decimals",
    ),
    row(Function::Min, "min", (2, 9), Takes::Number, "the smallest of some numbers"),
    row(Function::Max, "max", (2, 9), Takes::Number, "the largest of some numbers"),
    row(Function::Year, "year", (1, 1), Takes::Date, "the year of a date"),
    row(Function::Month, "month", (1, 1), Takes::Date, "the month of a date, 1 to 12"),
    row(Function::Day, "day", (1, 1), Takes::Date, "the day of the month of a date"),
    row(Function::Weekday, "weekday", (1, 1), Takes::Date, "`monday` to `sunday`"),
    row(Function::Hour, "hour", (1, 1), Takes::DateTime, "the hour of an instant, 0 to 23"),
    row(Function::Minute, "minute", (1, 1), Takes::DateTime, "the minute of an instant, 0 to 59"),
    row(Function::DateOf, "date", (1, 1), Takes::DateTime, "the civil date of an instant"),
    row(Function::Length, "length", (1, 1), Takes::Text, "the number of characters of a text"),
];

pub fn find(name: &str) -> Option<&'static Row> {
    FUNCTIONS.iter().find(|it| it.name == name)
}
