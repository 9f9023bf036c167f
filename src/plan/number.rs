//! Numbers, dates and durations as integers of one measure, and their comparisons.

use std::cmp::Ordering;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimestampMicrosecondType;

use crate::ir::Comparison;
use crate::ir::typing::DurationKind;
use crate::plan::bits;
use crate::plan::cell::Shape;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Duration;
use crate::value::Value;

/// What an integer of a column counts. Only equal measures compare, decimals whatever their scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    Decimal(u8),
    Date,
    DateTime,
    Days,
    Time,
    Months,
}

impl Measure {
    /// `None` for text and truth, and for a duration of a kind that nothing tells.
    pub fn of(shape: &Shape) -> Option<Measure> {
        Some(match &shape.ty {
            Type::Whole => Measure::Decimal(0),
            Type::Number(it) => Measure::Decimal(it.scale),
            Type::Date => Measure::Date,
            Type::DateTime => Measure::DateTime,
            Type::Duration => match shape.duration()? {
                DurationKind::Days => Measure::Days,
                DurationKind::Time => Measure::Time,
                DurationKind::Months => Measure::Months,
            },
            Type::Truth
            | Type::Text(_)
            | Type::Code(_)
            | Type::Choice(_)
            | Type::Country
            | Type::Currency
            | Type::Error => return None,
        })
    }

    pub fn compares_with(self, other: Measure) -> bool {
        match (self, other) {
            (Measure::Decimal(_), Measure::Decimal(_)) => true,
            _ => self == other,
        }
    }

    /// The greatest integer that is not above the value, and whether it is the value. `None` when
    /// the value is of another measure.
    pub fn floor(self, value: &Value) -> Option<(i128, bool)> {
        let exact = match (self, value) {
            (Measure::Decimal(scale), _) => return Some(floor(value.as_decimal()?, scale)),
            (Measure::Date, Value::Date(it)) => i128::from(*it),
            (Measure::DateTime, Value::DateTime(it)) => i128::from(*it),
            (Measure::Days, Value::Duration(Duration::Days(it))) => i128::from(*it),
            (Measure::Time, Value::Duration(Duration::Time(it))) => i128::from(*it),
            (Measure::Months, Value::Duration(Duration::Months(it))) => i128::from(*it),
            _ => return None,
        };
        Some((exact, true))
    }

    /// The integer that is the value, if one is.
    pub fn exact(self, value: &Value) -> Option<i128> {
        self.floor(value).filter(|it| it.1).map(|it| it.0)
    }
}

/// Beyond 128 bits is beyond every column: the extremes of `i128` are.
fn floor(value: Decimal, scale: u8) -> (i128, bool) {
    if value.scale <= scale {
        let power = 10_i128.pow(u32::from(scale - value.scale));
        let beyond = if value.unscaled < 0 { i128::MIN } else { i128::MAX };
        return (value.unscaled.checked_mul(power).unwrap_or(beyond), true);
    }
    let power = 10_i128.pow(u32::from(value.scale - scale));
    (value.unscaled.div_euclid(power), value.unscaled.rem_euclid(power) == 0)
}

pub fn holds(op: Comparison, order: Ordering) -> bool {
    match op {
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
        Comparison::Equal => order.is_eq(),
    }
}

/// The comparison with the sides exchanged.
pub fn flipped(op: Comparison) -> Comparison {
    match op {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        Comparison::Equal => Comparison::Equal,
    }
}

/// A column as integers; those of missing rows say nothing.
pub enum Numbers {
    Narrow(ScalarBuffer<i64>),
    /// Some value does not fit 64 bits.
    Wide(ScalarBuffer<i128>),
}

impl Numbers {
    pub fn of(array: &dyn Array, measure: Measure) -> Option<Numbers> {
        Some(match measure {
            Measure::Date => {
                let days = array.as_primitive_opt::<Date32Type>()?.values();
                Numbers::Narrow(days.iter().map(|it| i64::from(*it)).collect())
            }
            Measure::DateTime => {
                let times = array.as_primitive_opt::<TimestampMicrosecondType>()?;
                Numbers::Narrow(times.values().clone())
            }
            Measure::Decimal(_) | Measure::Days | Measure::Time | Measure::Months => {
                match array.as_primitive_opt::<Int64Type>() {
                    Some(it) => Numbers::Narrow(it.values().clone()),
                    None => decimals(array)?,
                }
            }
        })
    }

    pub fn at(&self, row: usize) -> i128 {
        match self {
            Numbers::Narrow(it) => i128::from(it[row]),
            Numbers::Wide(it) => it[row],
        }
    }

    /// Bits of the rows where the comparison holds, missing ones to be taken out.
    pub fn compare(&self, op: Comparison, bound: i128, out: &mut [u64]) {
        match self {
            Numbers::Wide(values) => compare(op, values, bound, out),
            Numbers::Narrow(values) => match i64::try_from(bound) {
                Ok(bound) => compare(op, values, bound, out),
                // Every value is on one side of it.
                Err(_) => {
                    let all = if holds(op, 0.cmp(&bound)) { u64::MAX } else { 0 };
                    out.fill(all);
                }
            },
        }
    }
}

fn decimals(array: &dyn Array) -> Option<Numbers> {
    let array = array.as_primitive_opt::<Decimal128Type>()?;
    let mut narrow = Vec::with_capacity(array.len());
    for (at, value) in array.values().iter().enumerate() {
        match i64::try_from(*value) {
            Ok(it) => narrow.push(it),
            Err(_) if array.is_null(at) => narrow.push(0),
            Err(_) => return Some(Numbers::Wide(array.values().clone())),
        }
    }
    Some(Numbers::Narrow(narrow.into()))
}

fn compare<T: Copy + Ord>(op: Comparison, values: &[T], bound: T, out: &mut [u64]) {
    match op {
        Comparison::Less => bits::fill(out, values, |it| it < bound),
        Comparison::LessOrEqual => bits::fill(out, values, |it| it <= bound),
        Comparison::Greater => bits::fill(out, values, |it| it > bound),
        Comparison::GreaterOrEqual => bits::fill(out, values, |it| it >= bound),
        Comparison::Equal => bits::fill(out, values, |it| it == bound),
    }
}

/// Bits of the rows where the comparison of two columns of one measure holds.
pub fn compare_pairs(op: Comparison, left: &[i64], right: &[i64], out: &mut [u64]) {
    match op {
        Comparison::Less => pairs(left, right, out, |a, b| a < b),
        Comparison::LessOrEqual => pairs(left, right, out, |a, b| a <= b),
        Comparison::Greater => pairs(left, right, out, |a, b| a > b),
        Comparison::GreaterOrEqual => pairs(left, right, out, |a, b| a >= b),
        Comparison::Equal => pairs(left, right, out, |a, b| a == b),
    }
}

/// Bits of the rows where it holds of both columns.
pub fn pairs(left: &[i64], right: &[i64], out: &mut [u64], holds: impl Fn(i64, i64) -> bool) {
    let words = left.chunks(64).zip(right.chunks(64));
    for (word, (left, right)) in out.iter_mut().zip(words) {
        let mut bits = 0;
        for (at, (a, b)) in left.iter().zip(right).enumerate() {
            bits |= u64::from(holds(*a, *b)) << at;
        }
        *word = bits;
    }
}

/// Two integers of two measures that compare.
pub fn order(left: i128, a: Measure, right: i128, b: Measure) -> Ordering {
    match (a, b) {
        (Measure::Decimal(a), Measure::Decimal(b)) => {
            Decimal::new(left, a).cmp(&Decimal::new(right, b))
        }
        _ => left.cmp(&right),
    }
}
