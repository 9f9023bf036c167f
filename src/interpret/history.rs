//! What is known of many rows, for one row: nested loops over all of them, the definition.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::tally::Tally;
use crate::interpret::truth;
use crate::ir::E;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::Reach;
use crate::ir::RuleSet;
use crate::ir::judged::judged_in;
use crate::schema::RecordId;
use crate::value::Reason;
use crate::value::Value;
use crate::value::calendar;
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
    if let Some(reason) = lacking(set, it, judged) {
        return Value::Missing(reason);
    }
    counted(set, it, judged, rows).value(it)
}

/// Those of these rows that count.
pub fn counted<'a>(
    set: &RuleSet,
    it: &Fact,
    judged: &Row,
    rows: impl Iterator<Item = (&'a Row, usize)>,
) -> Tally {
    let eye = Eye::of(set, it, &Arc::new(judged.clone()));
    let mut tally = Tally::default();
    for (row, times) in rows.filter(|row| eye.counts(set, it, row.0)) {
        tally.add(set, it, row, times);
    }
    tally
}

/// Whether the judged row's statistic looks at this row.
pub fn counts(set: &RuleSet, it: &Fact, row: &Row, judged: &Row) -> bool {
    Eye::of(set, it, &Arc::new(judged.clone())).counts(set, it, row)
}

/// Why there is no value, whatever the rows are.
pub fn lacking(set: &RuleSet, it: &Fact, judged: &Row) -> Option<Reason> {
    if it.needed().iter().any(|part| eval(set, part, judged).is_missing()) {
        return Some(Reason::NotGiven);
    }
    let lacks_first = |since: i32| first_day(set, it, judged).is_none_or(|first| first < since);
    let lacks_last = |until: i32| last_day(set, it, judged).is_none_or(|last| until < last);
    let lacks =
        it.complete_since.is_some_and(lacks_first) || it.complete_until.is_some_and(lacks_last);
    lacks.then_some(Reason::HistoryIncomplete)
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

/// The judged row, and what it has of what rows are held against.
#[derive(Debug, Clone)]
pub struct Eye {
    judged: Arc<Row>,
    keys: Vec<Value>,
    others: Option<Value>,
    own: Vec<Value>,
    pub window: Window,
    day: Option<Value>,
    instant: Option<Value>,
    /// Whether the condition on the rows looks at the judged one.
    pub looks_back: bool,
}

impl Eye {
    pub fn of(set: &RuleSet, it: &Fact, judged: &Arc<Row>) -> Eye {
        let ours = |pair: &(E, E)| eval(set, &pair.1, judged);
        Eye {
            judged: judged.clone(),
            keys: it.keys.iter().map(ours).collect(),
            others: it.others.as_ref().map(ours),
            own: it.own.iter().map(ours).collect(),
            window: Window::of(set, it, judged),
            day: it.dates.as_ref().map(ours),
            instant: it.instants.as_ref().map(ours),
            looks_back: it.filter.as_ref().is_some_and(|it| !judged_in(it).is_empty()),
        }
    }

    /// Whether the judged row's statistic looks at this row.
    pub fn counts(&self, set: &RuleSet, it: &Fact, row: &Row) -> bool {
        let mut keys = it.keys.iter().zip(&self.keys);
        let same = |(pair, ours): (&(E, E), &Value)| {
            is_same(&eval(set, &pair.0, row), ours, form_of(pair))
        };
        keys.all(same)
            && self.window.holds(set, it, row)
            && self.passes(set, it, row)
            && self.takes(set, it, row)
    }

    /// Whether the condition on rows holds.
    pub fn passes(&self, set: &RuleSet, it: &Fact, row: &Row) -> bool {
        let wanted = |filter: &E| match self.looks_back {
            true => truth(&eval(set, filter, &row.seen_from(&self.judged))) == Some(true),
            false => truth(&eval(set, filter, row)) == Some(true),
        };
        it.filter.as_ref().is_none_or(wanted)
    }

    /// Of a row with the key, in the window, for which the condition holds: whether it counts.
    pub fn takes(&self, set: &RuleSet, it: &Fact, row: &Row) -> bool {
        if let (Some(pair), Some(ours)) = (&it.others, &self.others) {
            let theirs = eval(set, &pair.0, row);
            if theirs.is_missing() || is_same(&theirs, ours, form_of(pair)) {
                return false;
            }
        }
        self.knows(set, it, row)
    }

    /// Known when the judged row was accepted, with all results that are asked of it. Of its own
    /// declaration the judged row knows all but results.
    fn knows(&self, set: &RuleSet, it: &Fact, row: &Row) -> bool {
        let same = |(pair, ours): (&(E, E), &Value)| {
            is_same(&eval(set, &pair.0, row), ours, form_of(pair))
        };
        let own = || !it.own.is_empty() && it.own.iter().zip(&self.own).all(same);
        let by_then = |from: &E| self.by_then(&eval(set, from, row));
        (it.known_from.as_ref().is_none_or(by_then) || own()) && it.results_from.iter().all(by_then)
    }

    /// Not later than the judged row: that day, or that instant where both have one.
    fn by_then(&self, from: &Value) -> bool {
        match (from, &self.instant, &self.day) {
            (Value::DateTime(from), Some(Value::DateTime(now)), _) => from <= now,
            (Value::DateTime(from), _, Some(Value::Date(today))) => {
                calendar::day_of_time(*from) <= *today
            }
            (Value::Date(from), _, Some(Value::Date(today))) => from <= today,
            _ => false,
        }
    }
}

/// The rows that a judged row looks at, in time: first and last included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    All,
    Days(i32, i32),
    Instants(i64, i64),
    /// None.
    Nothing,
}

impl Window {
    pub fn of(set: &RuleSet, it: &Fact, judged: &Row) -> Window {
        let day = || match eval(set, &it.dates.as_ref()?.1, judged) {
            Value::Date(it) => Some(it),
            _ => None,
        };
        let time = || match eval(set, &it.instants.as_ref()?.1, judged) {
            Value::DateTime(it) => Some(it),
            _ => None,
        };
        match it.reach {
            Reach::All => Window::All,
            Reach::Time(length) => time().map_or(Window::Nothing, |now| {
                let first = calendar::negated(length).and_then(|it| calendar::add_to_time(now, it));
                Window::Instants(first.unwrap_or(i64::MIN), now.saturating_sub(1))
            }),
            Reach::Days(_) | Reach::SameDay | Reach::Before | Reach::AsOf => {
                let days = day().and_then(|day| days(it.reach, day));
                days.map_or(Window::Nothing, |(first, last)| Window::Days(first, last))
            }
        }
    }

    /// Whether a row lies in it.
    pub fn holds(&self, set: &RuleSet, it: &Fact, row: &Row) -> bool {
        match self {
            Window::All => true,
            Window::Days(first, last) => {
                let theirs = it.dates.as_ref().map(|it| eval(set, &it.0, row));
                matches!(theirs, Some(Value::Date(day)) if (*first..=*last).contains(&day))
            }
            Window::Instants(first, last) => {
                let theirs = it.instants.as_ref().map(|it| eval(set, &it.0, row));
                matches!(theirs, Some(Value::DateTime(now)) if (*first..=*last).contains(&now))
            }
            Window::Nothing => false,
        }
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

pub fn formed(value: Value, form: text::Form) -> Value {
    match &value {
        Value::Text(it) => Value::text(&text::form(it, form)),
        _ => value,
    }
}
