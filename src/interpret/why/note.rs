//! What there is to say of a test besides its values: limits, windows, levels, entries, reasons.

use std::cmp::Ordering;

use crate::interpret;
use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::explain;
use crate::interpret::list;
use crate::interpret::truth;
use crate::interpret::why::Bench;
use crate::interpret::why::past::Said;
use crate::interpret::why::quantifier::Seen;
use crate::interpret::why::quantifier::quantifier;
use crate::interpret::why::term::conversion;
use crate::interpret::why::term::leaves;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::InList;
use crate::ir::Kind;
use crate::ir::ListRow;
use crate::ir::Lookup;
use crate::ir::Reach;
use crate::ir::Statistic;
use crate::value::Decimal;
use crate::value::Reason;
use crate::value::Value;
use crate::value::calendar;
use crate::value::decimal;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// Both sides are equal where an order is asked for.
    AtLimit,
    /// The other side is so many percent of a statistic.
    Share { percent: String, of: String },
    /// Past rows that were looked at; days or instants, both included, `None` is open.
    Window { of: String, first: Option<String>, last: Option<String>, rows: usize, values: usize },
    /// The group of a profile that had enough values, from 1; its keys.
    Level { profile: String, level: usize, levels: usize, by: String },
    /// A group of a profile that had too few: how many of how many, and of what.
    TooFew { profile: String, level: usize, by: String, lacks: Vec<(String, String, String)> },
    /// The day of the entry of a register that is in force.
    AsOf { record: String, day: String },
    /// The entry of a list that was found, and until when it holds.
    Entry { list: String, key: String, from: Option<String>, to: Option<String> },
    /// No entry is in force; the last one that matches ended on this day.
    NoEntry { list: String, ended: Option<String> },
    /// Since when a parameter has its value.
    Parameter { name: String, value: String, since: Option<String> },
    /// The membership of a group.
    Member { group: String, from: Option<String>, to: Option<String> },
    /// A value that is not there.
    Missing { what: String, reason: Reason },
    /// Rows of a quantifier, by key, each with the values that it was asked for.
    Rows { record: String, passed: Vec<Seen>, failed: Vec<Seen>, unknown: Vec<Seen> },
}

impl Bench<'_> {
    pub fn notes(&self, it: &E, row: &Row) -> Vec<Note> {
        let mut notes = Vec::new();
        if let Some((_, possible)) = quantifier(it) {
            match self.quantified(possible, row) {
                Some(rows) => notes.extend(rows),
                None => self.missing(it, row, &mut notes),
            }
            return unlike(notes);
        }
        self.limit(it, row, &mut notes);
        let mut todo = vec![it];
        while let Some(at) = todo.pop() {
            if let Some(it) = conversion(at).filter(|it| !it.needs_rate(self, row)) {
                todo.push(it.amount);
                continue;
            }
            match &at.kind {
                Kind::Named(name, inner) if name.contains('.') => {
                    self.level(name, inner, row, &mut notes);
                    continue;
                }
                Kind::Fact(id) => notes.extend(self.window(*id, self.fact_words(*id, at), row)),
                Kind::Parameter(at, date) => {
                    notes.extend(self.parameter(*at, date.as_ref(), row));
                }
                Kind::InList(it) => notes.extend(self.entry(it, row)),
                Kind::Lookup(it) => notes.extend(self.looked_up(it, row)),
                Kind::InGroup(it, name, date) => {
                    notes.extend(self.member(it, name, date.as_ref(), row));
                }
                _ => {}
            }
            todo.extend(at.parts().into_iter().rev());
        }
        self.missing(it, row, &mut notes);
        unlike(notes)
    }

    fn limit(&self, it: &E, row: &Row, notes: &mut Vec<Note>) {
        let Kind::Compare(op, left, right) = &it.kind else { return };
        let (a, b) = (eval(self.set, left, row), eval(self.set, right, row));
        let form = left.ty.form().max(right.ty.form());
        let equal = interpret::order(&a, &b, &left.ty, form) == Some(Ordering::Equal);
        if equal && *op != Comparison::Equal {
            notes.push(Note::AtLimit);
        }
        for (side, value, other) in [(left, &a, right), (right, &b, left)] {
            notes.extend(self.share(side, value, other, row));
        }
    }

    /// How much a value of the declaration is of the one statistic that it is compared with.
    fn share(&self, it: &E, side: &Value, other: &E, row: &Row) -> Option<Note> {
        let statistic = |it: &E| match &it.kind {
            Kind::Fact(_) => true,
            Kind::Named(name, _) => name.contains('.'),
            _ => false,
        };
        let own = leaves(it);
        let is_own = |it: &E| matches!(it.kind, Kind::Field(_) | Kind::Named(..)) && !statistic(it);
        if own.is_empty() || !own.into_iter().all(is_own) {
            return None;
        }
        let mut against = leaves(other);
        against.retain(|it| !matches!(it.kind, Kind::Parameter(..)));
        let [told] = against[..] else { return None };
        if !statistic(told) {
            return None;
        }
        let dimension = |it: &E| crate::ir::typing::number(&it.ty).dimension;
        if !told.ty.is_numeric() || dimension(told) != dimension(other) {
            return None;
        }
        let (part, whole) = (side.as_decimal()?, eval(self.set, told, row).as_decimal()?);
        if whole.is_zero() || whole.unscaled < 0 || part.unscaled < 0 {
            return None;
        }
        let hundred = decimal::multiply(part, Decimal::new(100, 0))?;
        let percent = decimal::divide(hundred, whole)?.with_scale(0)?;
        Some(Note::Share { percent: percent.to_string(), of: self.name(told).0 })
    }

    fn window(&self, id: FactId, of: String, row: &Row) -> Option<Note> {
        let fact = &self.set.facts[id.0];
        if fact.statistic == Statistic::Latest {
            return self.as_of(fact, id, row);
        }
        let (first, last) = self.reach(fact, row)?;
        let Said { rows, values, .. } = self.past.said(self.set, id, row);
        Some(Note::Window { of, first, last, rows, values })
    }

    /// The entry of a register: the last one that is known.
    fn as_of(&self, fact: &Fact, id: FactId, row: &Row) -> Option<Note> {
        let Some(Value::Date(last)) = self.past.said(self.set, id, row).last else { return None };
        let record = self.set.schema.record(fact.rows).name.clone();
        Some(Note::AsOf { record, day: calendar::date_text(last) })
    }

    /// The first and the last day or instant of a fact; nothing where time does not matter.
    pub fn reach(&self, fact: &Fact, row: &Row) -> Option<(Option<String>, Option<String>)> {
        let day = || match eval(self.set, &fact.dates.as_ref()?.1, row) {
            Value::Date(day) => Some(day),
            _ => None,
        };
        let text = |day: Option<i32>| day.map(calendar::date_text);
        match fact.reach {
            Reach::All => None,
            Reach::Days(length) => {
                let back = calendar::negated(length);
                let first = back.and_then(|it| calendar::add_to_date(day()?, it));
                Some((text(first), text(day().map(|it| it - 1))))
            }
            Reach::Time(length) => {
                let now = match eval(self.set, &fact.instants.as_ref()?.1, row) {
                    Value::DateTime(now) => now,
                    _ => return Some((None, None)),
                };
                let first = calendar::negated(length).and_then(|it| calendar::add_to_time(now, it));
                Some((first.map(calendar::time_text), Some(calendar::time_text(now - 1))))
            }
            Reach::SameDay => Some((text(day()), text(day()))),
            Reach::Before => Some((None, text(day().map(|it| it - 1)))),
            Reach::AsOf => Some((None, text(day()))),
        }
    }

    /// Which group of a profile answered.
    fn level(&self, name: &str, chain: &E, row: &Row, notes: &mut Vec<Note>) {
        let mut groups = vec![chain];
        while let Some(last) = groups.pop() {
            match &last.kind {
                Kind::OrElse(first, rest) => groups.extend([first, rest]),
                _ => {
                    groups.push(last);
                    break;
                }
            }
        }
        let answered = groups.iter().position(|it| !eval(self.set, it, row).is_missing());
        let profile = name.split('.').next().unwrap_or_default();
        let tried = answered.unwrap_or(groups.len());
        for (at, group) in groups[..tried].iter().enumerate() {
            notes.extend(self.too_few(profile, at + 1, group, row));
        }
        let Some(at) = answered else {
            notes.extend(groups.iter().filter_map(|it| self.group_window(it, row)));
            return;
        };
        if let Some(fact) = fact_of(groups[at]) {
            let (level, levels, by) = (at + 1, groups.len(), self.by(fact));
            notes.push(Note::Level { profile: profile.to_owned(), level, levels, by });
        }
        notes.extend(self.group_window(groups[at], row));
    }

    /// The keys of a fact, as written.
    fn by(&self, fact: FactId) -> String {
        let keys = self.set.facts[fact.0].keys.iter().map(|it| self.words(&it.0));
        keys.collect::<Vec<_>>().join(", ")
    }

    /// What a group lacked of what the profile requires.
    fn too_few(&self, profile: &str, level: usize, group: &E, row: &Row) -> Option<Note> {
        let Kind::Guard(test, ..) = &group.kind else { return None };
        let tests = if let Kind::And(tests) = &test.kind { tests.as_slice() } else { return None };
        let lack = |it: &E| {
            let Kind::Compare(_, left, right) = &it.kind else { return None };
            let (found, least) = (eval(self.set, left, row), eval(self.set, right, row));
            let enough = truth(&eval(self.set, it, row)) != Some(false);
            let of = match &left.kind {
                Kind::Fact(id) => match &self.set.facts[id.0] {
                    Fact { statistic: Statistic::DistinctCount, value: Some(of), .. } => {
                        self.words(of)
                    }
                    _ => "values".to_owned(),
                },
                _ => return None,
            };
            (!enough).then(|| (found.to_string(), least.to_string(), of))
        };
        let lacks: Vec<_> = tests.iter().filter_map(lack).collect();
        if lacks.is_empty() {
            return None;
        }
        let by = self.by(fact_of(group)?);
        Some(Note::TooFew { profile: profile.to_owned(), level, by, lacks })
    }

    fn group_window(&self, group: &E, row: &Row) -> Option<Note> {
        let id = fact_of(group)?;
        self.window(id, self.set.facts[id.0].words.to_string(), row)
    }

    fn parameter(&self, at: usize, date: Option<&E>, row: &Row) -> Option<Note> {
        let it = &self.set.parameters[at];
        let day = match date.map(|it| eval(self.set, it, row)) {
            None => i32::MAX,
            Some(Value::Date(day)) => day,
            Some(_) => return None,
        };
        let all = it.values.iter().rev();
        let (since, value) = all.into_iter().find(|it| it.0.is_none_or(|it| it <= day))?;
        let span = crate::source::Span::file(crate::source::FileId(0));
        let typed = crate::ir::literal::literal(value.clone(), it.ty.clone(), span);
        Some(Note::Parameter {
            name: it.name.to_string(),
            value: explain::words(self.set, value, &typed, row),
            since: since.map(calendar::date_text),
        })
    }

    fn entry(&self, it: &InList, row: &Row) -> Option<Note> {
        let key = eval(self.set, &it.key, row);
        let day = self.day(it.date.as_ref(), row)?;
        if key.is_missing() {
            return None;
        }
        let list = &self.set.lists[it.list];
        let found = |day| {
            let all = list::entries(list, &key, it.key.ty.form(), it.matching, day);
            all.into_iter().max_by_key(|it| it.to.unwrap_or(i32::MAX))
        };
        let name = list.name.to_string();
        Some(match found(day) {
            Some(entry) => entry_note(name, &list.key, entry),
            None => {
                let ended =
                    found(None).and_then(|it| it.to).filter(|to| day.is_some_and(|it| *to < it));
                Note::NoEntry { list: name, ended: ended.map(calendar::date_text) }
            }
        })
    }

    fn looked_up(&self, it: &Lookup, row: &Row) -> Option<Note> {
        let keys: Vec<Value> = it.keys.iter().map(|it| eval(self.set, it, row)).collect();
        let types: Vec<_> = it.keys.iter().map(|it| it.ty.clone()).collect();
        let day = self.day(it.date.as_ref(), row)?;
        if keys.iter().any(Value::is_missing) {
            return None;
        }
        let list = &self.set.lists[it.list];
        let name = list.name.to_string();
        Some(match list::entry(list, &keys, &types, day) {
            Some(entry) => entry_note(name, &list.key, entry),
            None => {
                let last = list::entry(list, &keys, &types, None).and_then(|it| it.to);
                let ended = last.filter(|to| day.is_some_and(|it| *to < it));
                Note::NoEntry { list: name, ended: ended.map(calendar::date_text) }
            }
        })
    }

    fn member(&self, it: &E, name: &str, date: Option<&E>, row: &Row) -> Option<Note> {
        let Value::Text(country) = eval(self.set, it, row) else { return None };
        let day = self.day(date, row)?;
        let group = self.set.schema.groups.get(name)?;
        let holds = |from, to| match day {
            Some(day) => list::covers(from, to, day),
            None => to.is_none(),
        };
        let all = group.members.iter().filter(|it| *it.country == *country);
        let found = all.into_iter().find(|it| holds(it.from, it.to))?;
        let text = |it: Option<i32>| it.map(calendar::date_text);
        let group = name.to_owned();
        Some(Note::Member { group, from: text(found.from), to: text(found.to) })
    }

    /// The day at which a list is read: `Some(None)` where none matters.
    #[allow(clippy::option_option)]
    fn day(&self, date: Option<&E>, row: &Row) -> Option<Option<i32>> {
        match date.map(|it| eval(self.set, it, row)) {
            None => Some(None),
            Some(Value::Date(day)) => Some(Some(day)),
            Some(_) => None,
        }
    }

    /// Why there is no value, down to the field or statistic that lacks it.
    fn missing(&self, it: &E, row: &Row, notes: &mut Vec<Note>) {
        let Value::Missing(reason) = eval(self.set, it, row) else { return };
        let what = |it: &E| Note::Missing { what: self.name(it).0, reason };
        if let Some(at) = conversion(it) {
            let before = notes.len();
            at.asked().into_iter().for_each(|it| self.missing(it, row, notes));
            // The list is told of beside it.
            if before == notes.len() {
                notes.push(what(it));
            }
            return;
        }
        match &it.kind {
            Kind::Field(_) | Kind::Lookup(_) | Kind::Parameter(..) => notes.push(what(it)),
            Kind::Fact(id) if reason == Reason::NotGiven => {
                for part in self.set.facts[id.0].needed() {
                    self.missing(part, row, notes);
                }
            }
            Kind::Fact(_) => notes.push(what(it)),
            Kind::Named(name, _) if name.contains('.') && reason != Reason::NotGiven => {
                notes.push(what(it));
            }
            Kind::Named(_, inner)
                if !matches!(inner.kind, Kind::Fact(_)) && !any_missing(self, inner, row) =>
            {
                notes.push(what(it));
            }
            _ => {
                let before = notes.len();
                for part in it.parts() {
                    self.missing(part, row, notes);
                }
                if let Kind::Guard(test, _, Reason::NotGiven) = &it.kind {
                    self.lacks(test, row, notes);
                }
                if before == notes.len() && reason != Reason::NotGiven {
                    notes.push(Note::Missing { what: self.words(it), reason });
                }
            }
        }
    }
}

impl Bench<'_> {
    /// What a test asks to be given, and is not.
    fn lacks(&self, test: &E, row: &Row, notes: &mut Vec<Note>) {
        let mut todo = vec![test];
        while let Some(it) = todo.pop() {
            if let Kind::IsMissing(inner) = &it.kind {
                self.missing(inner, row, notes);
            }
            todo.extend(it.parts());
        }
    }
}

/// Each once.
fn unlike(notes: Vec<Note>) -> Vec<Note> {
    let mut seen: Vec<Note> = Vec::new();
    for it in notes {
        if !seen.iter().any(|known| covers(known, &it)) {
            seen.retain(|known| !covers(&it, known));
            seen.push(it);
        }
    }
    seen
}

/// A share asks for its rows twice: all that are known, and those where it is so.
fn covers(known: &Note, it: &Note) -> bool {
    match (known, it) {
        (
            Note::Window { of: a, first: b, last: c, rows: d, .. },
            Note::Window { of, first, last, rows, .. },
        ) => a == of && b == first && c == last && rows <= d,
        _ => known == it,
    }
}

fn any_missing(bench: &Bench, it: &E, row: &Row) -> bool {
    it.parts().into_iter().any(|it| eval(bench.set, it, row).is_missing())
}

fn fact_of(group: &E) -> Option<FactId> {
    match &group.kind {
        Kind::Fact(id) => Some(*id),
        Kind::Guard(test, value, _) => fact_of(value).or_else(|| fact_of(test)),
        _ => group.parts().into_iter().find_map(fact_of),
    }
}

fn entry_note(list: String, key: &[usize], entry: &ListRow) -> Note {
    let text = |it: Option<i32>| it.map(calendar::date_text);
    let key: Vec<String> = key.iter().map(|it| entry.values[*it].to_string()).collect();
    Note::Entry { list, key: key.join(", "), from: text(entry.from), to: text(entry.to) }
}
