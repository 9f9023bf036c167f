//! A statistic of rows that are taken in one after the other, in any order: of a row nothing is
//! kept but what the statistic needs.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::interpret::NOT_GIVEN;
use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::history::formed;
use crate::ir::Fact;
use crate::ir::RuleSet;
use crate::ir::Statistic;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Reason;
use crate::value::Value;
use crate::value::decimal::Sum;
use crate::value::text;

const TOO_FEW: Value = Value::Missing(Reason::TooFewValues);

/// The rows that count for a fact, as far as they were taken in.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How many rows.
    pub rows: usize,
    /// How many of them give a value.
    pub values: usize,
    sum: Sum,
    weights: Sum,
    /// Rows with a value and a weight.
    weighted: usize,
    /// Whether a product has more digits than there may be.
    is_too_large: bool,
    different: BTreeSet<Value>,
    all: Numbers,
    /// The smallest, the largest, or what the rows at the last date share.
    one: Option<Value>,
    /// The last date.
    pub last: Option<Value>,
    /// Whether rows at the last date say different things.
    is_disputed: bool,
}

impl Tally {
    /// Takes in a row that stands there so often.
    pub fn add(&mut self, set: &RuleSet, it: &Fact, row: &Row, times: usize) {
        self.rows += times;
        let value = it.value.as_ref().map(|it| eval(set, it, row));
        let given = value.filter(|it| !it.is_missing());
        if it.value.is_none() || given.is_some() {
            self.values += times;
        }
        match it.statistic {
            Statistic::Count => {}
            Statistic::FirstDate | Statistic::LastDate => {
                let date = it.dates.as_ref().map(|it| eval(set, &it.0, row));
                if let Some(date) = date.filter(|it| !it.is_missing()) {
                    self.keep(it.statistic, date);
                }
            }
            Statistic::Latest => self.add_latest(set, it, row, given),
            _ => {
                if let Some(value) = given {
                    self.add_value(set, it, row, value, times);
                }
            }
        }
    }

    fn add_value(&mut self, set: &RuleSet, it: &Fact, row: &Row, value: Value, times: usize) {
        match (it.statistic, &it.weight) {
            (Statistic::DistinctCount, _) => {
                let form = it.value.as_ref().map_or(text::Form::Exact, |it| it.ty.form());
                self.different.insert(formed(value, form));
            }
            (Statistic::Average, Some(weight)) => {
                let weight = eval(set, weight, row).as_decimal();
                let (Some(value), Some(weight)) = (value.as_decimal(), weight) else { return };
                self.weighted += times;
                self.weights.add_times(weight, times);
                self.is_too_large |= !self.sum.add_products(value, weight, times);
            }
            (Statistic::Sum | Statistic::Average, _) => {
                if let Some(value) = value.as_decimal() {
                    self.sum.add_times(value, times);
                }
            }
            (Statistic::Percentile(_), _) => self.all.add(value, times),
            (Statistic::Smallest | Statistic::Largest, _) => self.keep(it.statistic, value),
            (
                Statistic::Count | Statistic::FirstDate | Statistic::LastDate | Statistic::Latest,
                _,
            ) => {}
        }
    }

    /// Of the rows at the latest date the value that all given ones share.
    fn add_latest(&mut self, set: &RuleSet, it: &Fact, row: &Row, given: Option<Value>) {
        let date = it.dates.as_ref().map_or(NOT_GIVEN, |it| eval(set, &it.0, row));
        self.latest(date, given, false);
    }

    fn latest(&mut self, date: Value, given: Option<Value>, is_disputed: bool) {
        match self.last.as_ref().map(|last| last.cmp(&date)) {
            Some(Ordering::Greater) => return,
            Some(Ordering::Equal) => {}
            Some(Ordering::Less) | None => {
                (self.last, self.one, self.is_disputed) = (Some(date), None, false);
            }
        }
        self.is_disputed |= is_disputed;
        if let Some(value) = given {
            self.is_disputed |= self.one.as_ref().is_some_and(|known| *known != value);
            self.one = Some(value);
        }
    }

    /// Keeps the value where it is further than the one known.
    fn keep(&mut self, statistic: Statistic, value: Value) {
        let smallest = matches!(statistic, Statistic::Smallest | Statistic::FirstDate);
        let further = if smallest { Ordering::Less } else { Ordering::Greater };
        if self.one.as_ref().is_none_or(|known| order(&value, known) == further) {
            self.one = Some(value);
        }
    }

    /// Takes in what another one has of other rows.
    pub fn merge(&mut self, it: &Fact, other: Tally) {
        self.rows += other.rows;
        self.values += other.values;
        self.weighted += other.weighted;
        self.is_too_large |= other.is_too_large;
        self.sum.plus(other.sum);
        self.weights.plus(other.weights);
        self.different.extend(other.different);
        self.all.merge(other.all);
        match (other.last, other.one) {
            (Some(last), one) => self.latest(last, one, other.is_disputed),
            (None, Some(one)) => self.keep(it.statistic, one),
            (None, None) => {}
        }
    }

    /// What the statistic comes to.
    pub fn value(&mut self, it: &Fact) -> Value {
        match it.statistic {
            Statistic::Count if it.value.is_none() => count(self.rows),
            Statistic::Count => count(self.values),
            Statistic::DistinctCount => count(self.different.len()),
            Statistic::Sum => self.sum(&it.ty),
            Statistic::Average => match &it.weight {
                None => self.average(),
                Some(_) => self.weighted(),
            },
            Statistic::Percentile(n) => self.all.nearest_rank(n).unwrap_or(TOO_FEW),
            Statistic::Smallest
            | Statistic::Largest
            | Statistic::FirstDate
            | Statistic::LastDate => self.one.clone().unwrap_or(TOO_FEW),
            Statistic::Latest if it.value.is_none() || self.is_disputed => NOT_GIVEN,
            Statistic::Latest if self.last.is_none() => Value::Missing(Reason::NoSuchRecord),
            Statistic::Latest => self.one.clone().unwrap_or(NOT_GIVEN),
        }
    }

    fn sum(&self, ty: &Type) -> Value {
        if self.values == 0 {
            return TOO_FEW;
        }
        match self.sum.value() {
            Some(it) if *ty == Type::Whole => {
                i64::try_from(it.unscaled).map_or(Value::Missing(Reason::OutOfRange), Value::Whole)
            }
            it => Value::decimal(it),
        }
    }

    fn average(&self) -> Value {
        if self.values == 0 {
            return TOO_FEW;
        }
        let mut count = Sum::default();
        count.add(Decimal::new(self.values as i128, 0));
        Value::decimal(self.sum.over(count))
    }

    /// Rows that lack the value or the weight do not count.
    fn weighted(&self) -> Value {
        if self.weighted == 0 {
            return TOO_FEW;
        }
        if self.weights.is_zero() {
            return Value::Missing(Reason::DivisionByZero);
        }
        Value::decimal(if self.is_too_large { None } else { self.sum.over(self.weights) })
    }
}

fn count(n: usize) -> Value {
    i64::try_from(n).map_or(Value::Missing(Reason::OutOfRange), Value::Whole)
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a.as_decimal(), b.as_decimal()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

/// What values have in common that are kept as whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Whole,
    /// Of so many decimals.
    Decimal(u8),
    Date,
    DateTime,
}

/// Values of which the rank is asked: eight bytes each, where they have one shape.
#[derive(Debug, Clone, Default)]
struct Numbers {
    shape: Option<Shape>,
    narrow: Vec<i64>,
    rest: Vec<Value>,
}

impl Numbers {
    fn add(&mut self, value: Value, times: usize) {
        let narrow = match &value {
            Value::Whole(it) => Some((Shape::Whole, *it)),
            Value::Decimal(it) => {
                i64::try_from(it.unscaled).ok().map(|number| (Shape::Decimal(it.scale), number))
            }
            Value::Date(it) => Some((Shape::Date, i64::from(*it))),
            Value::DateTime(it) => Some((Shape::DateTime, *it)),
            Value::Missing(_) | Value::Truth(_) | Value::Duration(_) | Value::Text(_) => None,
        };
        match narrow {
            Some((shape, it)) if self.shape.is_none_or(|known| known == shape) => {
                self.shape = Some(shape);
                self.narrow.extend(std::iter::repeat_n(it, times));
            }
            _ => self.rest.extend(std::iter::repeat_n(value, times)),
        }
    }

    fn merge(&mut self, other: Numbers) {
        if self.shape.is_none() || self.shape == other.shape {
            self.shape = self.shape.or(other.shape);
            self.narrow.extend(other.narrow);
        } else {
            let theirs = other.narrow.into_iter().map(|it| wide(other.shape, it));
            self.rest.extend(theirs);
        }
        self.rest.extend(other.rest);
    }

    /// The smallest value with at least `n` % of the values at or below it.
    fn nearest_rank(&mut self, n: u32) -> Option<Value> {
        let rank = ((self.narrow.len() + self.rest.len()) * n as usize).div_ceil(100).max(1) - 1;
        if self.rest.is_empty() {
            if self.narrow.len() <= rank {
                return None;
            }
            let (_, it, _) = self.narrow.select_nth_unstable(rank);
            return Some(wide(self.shape, *it));
        }
        self.rest.extend(self.narrow.drain(..).map(|it| wide(self.shape, it)));
        self.rest.sort_by(order);
        self.rest.get(rank).cloned()
    }
}

/// A value that was kept as a whole number.
fn wide(shape: Option<Shape>, it: i64) -> Value {
    match shape {
        Some(Shape::Whole) | None => Value::Whole(it),
        Some(Shape::Decimal(scale)) => Value::Decimal(Decimal::new(i128::from(it), scale)),
        Some(Shape::Date) => i32::try_from(it).map_or(NOT_GIVEN, Value::Date),
        Some(Shape::DateTime) => Value::DateTime(it),
    }
}
