//! What is known of many rows, for one row: nested loops over all of them, the definition.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::interpret;
use crate::interpret::NOT_GIVEN;
use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::truth;
use crate::ir::E;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::Reach;
use crate::ir::RuleSet;
use crate::ir::Statistic;
use crate::ir::judged::judged_in;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Reason;
use crate::value::Value;
use crate::value::calendar;
use crate::value::decimal::Sum;
use crate::value::text;

/// Every row of every record that facts look at.
#[derive(Debug, Default)]
pub struct World {
    pub rows: BTreeMap<RecordId, Vec<Row>>,
}

/// The value of a fact for a row.
pub fn fact(set: &RuleSet, world: &World, id: FactId, judged: &Row) -> Value {
    let none = Vec::new();
    let all = world.rows.get(&set.facts[id.0].rows).unwrap_or(&none);
    over(set, &set.facts[id.0], judged, all.iter().map(|it| (it, 1)))
}

/// The same over these rows, each with how often it stands there.
pub fn over<'a>(
    set: &RuleSet,
    it: &Fact,
    judged: &Row,
    rows: impl Iterator<Item = (&'a Row, usize)>,
) -> Value {
    if it.needed().iter().any(|part| eval(set, part, judged).is_missing()) {
        return NOT_GIVEN;
    }
    let lacks_first = |since: i32| first_day(set, it, judged).is_none_or(|first| first < since);
    let lacks_last = |until: i32| last_day(set, it, judged).is_none_or(|last| until < last);
    if it.complete_since.is_some_and(lacks_first) || it.complete_until.is_some_and(lacks_last) {
        return Value::Missing(Reason::HistoryIncomplete);
    }
    let eye = Eye::of(set, it, judged);
    let rows: Vec<&Row> = rows
        .filter(|row| eye.counts(set, it, row.0))
        .flat_map(|(row, times)| std::iter::repeat_n(row, times))
        .collect();
    statistic(set, it, &rows)
}

/// The first day that a window of days or hours touches.
fn first_day(set: &RuleSet, it: &Fact, judged: &Row) -> Option<i32> {
    let (dates, instants) = (it.dates.as_ref(), it.instants.as_ref());
    match it.reach {
        Reach::Days(length) => match eval(set, &dates?.1, judged) {
            Value::Date(day) => calendar::add_to_date(day, calendar::negated(length)?),
            _ => None,
        },
        Reach::Time(length) => match eval(set, &instants?.1, judged) {
            Value::DateTime(time) => {
                let first = calendar::add_to_time(time, calendar::negated(length)?)?;
                Some(calendar::day_of_time(first))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The last day on which a row may have happened that counts.
fn last_day(set: &RuleSet, it: &Fact, judged: &Row) -> Option<i32> {
    if let Reach::Time(_) = it.reach {
        return match eval(set, &it.instants.as_ref()?.1, judged) {
            Value::DateTime(time) => Some(calendar::day_of_time(time.checked_sub(1)?)),
            _ => None,
        };
    }
    let Value::Date(day) = eval(set, &it.dates.as_ref()?.1, judged) else { return None };
    match it.reach {
        Reach::Days(_) | Reach::Before => day.checked_sub(1),
        Reach::SameDay | Reach::AsOf | Reach::All | Reach::Time(_) => Some(day),
    }
}

/// Whether the judged row's statistic looks at this row.
pub fn counts(set: &RuleSet, it: &Fact, row: &Row, judged: &Row) -> bool {
    Eye::of(set, it, judged).counts(set, it, row)
}

/// The judged row, and what it has of what rows are held against.
struct Eye<'a> {
    judged: &'a Row,
    keys: Vec<Value>,
    others: Option<Value>,
    /// The row itself, where the filter looks at it.
    shared: Option<Arc<Row>>,
}

impl Eye<'_> {
    fn of<'a>(set: &RuleSet, it: &Fact, judged: &'a Row) -> Eye<'a> {
        let keys = it.keys.iter().map(|it| eval(set, &it.1, judged)).collect();
        let others = it.others.as_ref().map(|it| eval(set, &it.1, judged));
        let seen = it.filter.as_ref().is_some_and(|it| !judged_in(it).is_empty());
        Eye { judged, keys, others, shared: seen.then(|| Arc::new(judged.clone())) }
    }

    fn counts(&self, set: &RuleSet, it: &Fact, row: &Row) -> bool {
        let mut keys = it.keys.iter().zip(&self.keys);
        let same = |(pair, ours): (&(E, E), &Value)| {
            is_same(&eval(set, &pair.0, row), ours, form_of(pair))
        };
        if !keys.all(same) || !in_reach(set, it, row, self.judged) {
            return false;
        }
        if let (Some(pair), Some(ours)) = (&it.others, &self.others) {
            let theirs = eval(set, &pair.0, row);
            if theirs.is_missing() || is_same(&theirs, ours, form_of(pair)) {
                return false;
            }
        }
        let wanted = |filter: &E| match &self.shared {
            Some(judged) => truth(&eval(set, filter, &row.seen_from(judged))) == Some(true),
            None => truth(&eval(set, filter, row)) == Some(true),
        };
        it.filter.as_ref().is_none_or(wanted) && known(set, it, row, self.judged)
    }
}

/// What a condition on rows says of one, in the eyes of the judged row.
pub fn asked(set: &RuleSet, condition: &E, row: &Row, judged: &Row) -> Option<bool> {
    if judged_in(condition).is_empty() {
        return truth(&eval(set, condition, row));
    }
    truth(&eval(set, condition, &row.seen_from(&Arc::new(judged.clone()))))
}

fn form_of(pair: &(E, E)) -> text::Form {
    pair.0.ty.form().max(pair.1.ty.form())
}

/// Whether both are given, and equal.
fn is_same(theirs: &Value, ours: &Value, form: text::Form) -> bool {
    match (theirs, ours) {
        (Value::Missing(_), _) | (_, Value::Missing(_)) => false,
        (Value::Text(a), Value::Text(b)) => text::formed(a, form) == text::formed(b, form),
        (a, b) => match (a.as_decimal(), b.as_decimal()) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
    }
}

/// Whether a row lies in the window of the judged one.
pub fn in_reach(set: &RuleSet, it: &Fact, row: &Row, judged: &Row) -> bool {
    let day = |pair: &(E, E)| match (eval(set, &pair.0, row), eval(set, &pair.1, judged)) {
        (Value::Date(theirs), Value::Date(ours)) => Some((theirs, ours)),
        _ => None,
    };
    let time = |pair: &(E, E)| match (eval(set, &pair.0, row), eval(set, &pair.1, judged)) {
        (Value::DateTime(theirs), Value::DateTime(ours)) => Some((theirs, ours)),
        _ => None,
    };
    let days = it.dates.as_ref().and_then(day);
    match it.reach {
        Reach::All => true,
        Reach::Time(length) => {
            let Some((theirs, ours)) = it.instants.as_ref().and_then(time) else { return false };
            let first = calendar::negated(length).and_then(|it| calendar::add_to_time(ours, it));
            first.is_none_or(|first| first <= theirs) && theirs < ours
        }
        Reach::Days(length) => {
            let Some((theirs, ours)) = days else { return false };
            let first = calendar::negated(length).and_then(|it| calendar::add_to_date(ours, it));
            first.is_none_or(|first| first <= theirs) && theirs < ours
        }
        Reach::SameDay => days.is_some_and(|(theirs, ours)| theirs == ours),
        Reach::Before => days.is_some_and(|(theirs, ours)| theirs < ours),
        Reach::AsOf => days.is_some_and(|(theirs, ours)| theirs <= ours),
    }
}

/// The first and the last day on which a row may have happened that a judged row of this day looks
/// at; nothing where it is not told by days.
pub fn days(reach: Reach, day: i32) -> Option<(i32, i32)> {
    match reach {
        Reach::Days(length) => {
            let first = calendar::negated(length).and_then(|it| calendar::add_to_date(day, it));
            Some((first.unwrap_or(i32::MIN), day.saturating_sub(1)))
        }
        Reach::SameDay => Some((day, day)),
        Reach::Before => Some((i32::MIN, day.saturating_sub(1))),
        Reach::AsOf => Some((i32::MIN, day)),
        Reach::All | Reach::Time(_) => None,
    }
}

/// Known when the judged row was accepted, with all results that are asked of it. Of its own
/// declaration the judged row knows all but results.
fn known(set: &RuleSet, it: &Fact, row: &Row, judged: &Row) -> bool {
    let same = |pair: &(E, E)| {
        is_same(&eval(set, &pair.0, row), &eval(set, &pair.1, judged), form_of(pair))
    };
    let own = !it.own.is_empty() && it.own.iter().all(same);
    let stored =
        own || it.known_from.as_ref().is_none_or(|from| by_then(set, it, from, row, judged));
    stored && it.results_from.iter().all(|from| by_then(set, it, from, row, judged))
}

/// Not later than the judged row: that day, or that instant where both have one.
fn by_then(set: &RuleSet, it: &Fact, from: &E, row: &Row, judged: &Row) -> bool {
    let day = it.dates.as_ref().map(|it| eval(set, &it.1, judged));
    let instant = it.instants.as_ref().map(|it| eval(set, &it.1, judged));
    match (eval(set, from, row), instant, day) {
        (Value::DateTime(from), Some(Value::DateTime(now)), _) => from <= now,
        (Value::DateTime(from), _, Some(Value::Date(today))) => {
            calendar::day_of_time(from) <= today
        }
        (Value::Date(from), _, Some(Value::Date(today))) => from <= today,
        _ => false,
    }
}

const TOO_FEW: Value = Value::Missing(Reason::TooFewValues);

fn statistic(set: &RuleSet, it: &Fact, rows: &[&Row]) -> Value {
    let date = |row: &&Row| it.dates.as_ref().map(|it| eval(set, &it.0, row));
    let dates = || rows.iter().filter_map(date).filter(|it| !it.is_missing());
    let given: Vec<Value> = match &it.value {
        Some(value) => {
            rows.iter().map(|row| eval(set, value, row)).filter(|it| !it.is_missing()).collect()
        }
        None => Vec::new(),
    };
    match it.statistic {
        Statistic::Count if it.value.is_none() => count(rows.len()),
        Statistic::Count => count(given.len()),
        Statistic::DistinctCount => {
            let form = it.value.as_ref().map_or(text::Form::Exact, |it| it.ty.form());
            let mut all: Vec<Value> = given.into_iter().map(|it| formed(it, form)).collect();
            all.sort();
            all.dedup();
            count(all.len())
        }
        Statistic::Sum => sum(&given, &it.ty),
        Statistic::Average => match &it.weight {
            None => average(&given),
            Some(weight) => weighted(set, it.value.as_ref(), weight, rows),
        },
        Statistic::Percentile(n) => nearest_rank(given, n),
        Statistic::Smallest => given.into_iter().min_by(order).unwrap_or(TOO_FEW),
        Statistic::Largest => given.into_iter().max_by(order).unwrap_or(TOO_FEW),
        Statistic::FirstDate => dates().min().unwrap_or(TOO_FEW),
        Statistic::LastDate => dates().max().unwrap_or(TOO_FEW),
        Statistic::Latest => latest(set, it, rows),
    }
}

fn count(n: usize) -> Value {
    i64::try_from(n).map_or(Value::Missing(Reason::OutOfRange), Value::Whole)
}

pub fn formed(value: Value, form: text::Form) -> Value {
    match &value {
        Value::Text(it) => Value::text(&text::form(it, form)),
        _ => value,
    }
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a.as_decimal(), b.as_decimal()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

fn total(values: impl Iterator<Item = Decimal>) -> Sum {
    let mut all = Sum::default();
    values.for_each(|it| all.add(it));
    all
}

fn sum(given: &[Value], ty: &Type) -> Value {
    if given.is_empty() {
        return TOO_FEW;
    }
    match total(given.iter().filter_map(Value::as_decimal)).value() {
        Some(it) if *ty == Type::Whole => {
            i64::try_from(it.unscaled).map_or(Value::Missing(Reason::OutOfRange), Value::Whole)
        }
        it => Value::decimal(it),
    }
}

fn average(given: &[Value]) -> Value {
    if given.is_empty() {
        return TOO_FEW;
    }
    let count = total(std::iter::once(Decimal::new(given.len() as i128, 0)));
    Value::decimal(total(given.iter().filter_map(Value::as_decimal)).over(count))
}

/// Rows that lack the value or the weight do not count.
fn weighted(set: &RuleSet, value: Option<&E>, weight: &E, rows: &[&Row]) -> Value {
    let Some(value) = value else { return TOO_FEW };
    let pairs: Vec<(Decimal, Decimal)> = rows
        .iter()
        .filter_map(|row| {
            Some((eval(set, value, row).as_decimal()?, eval(set, weight, row).as_decimal()?))
        })
        .collect();
    if pairs.is_empty() {
        return TOO_FEW;
    }
    let weights = total(pairs.iter().map(|it| it.1));
    if weights.is_zero() {
        return Value::Missing(Reason::DivisionByZero);
    }
    let mut products = Sum::default();
    let in_range = pairs.iter().all(|it| products.add_product(it.0, it.1));
    Value::decimal(if in_range { products.over(weights) } else { None })
}

/// The smallest value with at least `n` % of the values at or below it.
fn nearest_rank(mut given: Vec<Value>, n: u32) -> Value {
    given.sort_by(order);
    let rank = (given.len() * n as usize).div_ceil(100).max(1);
    given.into_iter().nth(rank - 1).unwrap_or(TOO_FEW)
}

/// Of the rows at the latest date the value that all given ones share.
fn latest(set: &RuleSet, it: &Fact, rows: &[&Row]) -> Value {
    let Some(value) = &it.value else { return NOT_GIVEN };
    let date = |row: &Row| it.dates.as_ref().map(|pair| eval(set, &pair.0, row));
    let Some(last) = rows.iter().map(|row| date(row)).max() else {
        return Value::Missing(Reason::NoSuchRecord);
    };
    let mut merged = interpret::NOT_GIVEN;
    for row in rows.iter().filter(|row| date(row) == last) {
        let own = eval(set, value, row);
        if own.is_missing() {
            continue;
        }
        if !merged.is_missing() && merged != own {
            return NOT_GIVEN;
        }
        merged = own;
    }
    merged
}
