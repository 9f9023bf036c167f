//! The smallest changes that turn an answer: sought in the tree of the condition, then tried.
//!
//! A test is turned by the nearest value of one of its stored fields; *all of* by all its parts
//! that are not so yet, *any of* by one. Nothing is proposed that evaluating the rule does not
//! confirm.

use crate::hit::Outcome;
use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::explain;
use crate::interpret::history;
use crate::interpret::truth;
use crate::interpret::why::Bench;
use crate::interpret::why::change;
use crate::interpret::why::change::Change;
use crate::interpret::why::change::Flip;
use crate::interpret::why::change::Proposed;
use crate::interpret::why::past::key_of;
use crate::interpret::why::pool;
use crate::interpret::why::quantifier;
use crate::interpret::why::search;
use crate::interpret::why::search::Range;
use crate::ir::E;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::RuleId;
use crate::ir::literal::literal;
use crate::ir::many::fields_of;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Value;
use crate::value::calendar;

/// Changes that together make a condition what is wanted.
pub type Together = Vec<Proposed>;

/// Ways that are followed at each place.
const WAYS: usize = 6;
/// Changes in one way.
const CHANGES: usize = 4;
/// Flips that are told.
const TOLD: usize = 5;
/// Amounts have at most 18 digits before the point.
const DIGITS: u32 = 18;

/// The row that a test sees, and its record.
#[derive(Clone, Copy)]
struct At<'a> {
    row: &'a Row,
    record: RecordId,
}

impl Bench<'_> {
    /// What may turn the answer of a rule; to be tried.
    pub fn ways(&self, rule: RuleId, row: &Row) -> Vec<Together> {
        let it = &self.set.rules[rule.0];
        let at = At { row, record: it.level };
        let now = truth(&eval(self.set, &it.outcome, row));
        let mut ways = self.need(&it.outcome, at, now != Some(true));
        if now.is_none() {
            ways.extend(self.need(&it.outcome, at, false));
        }
        ways
    }

    /// The ways that do turn the answer, without changes that are not needed, the smallest first.
    /// Undecided ones lead to a hit, or else to no hit.
    pub fn flips(&self, rule: RuleId, row: &Row, ways: &[Together]) -> Vec<Flip> {
        let now = self.outcome(rule, row, &[]);
        let after = |changes: &[Proposed]| {
            let plain: Vec<Change> = changes.iter().map(|it| it.change.clone()).collect();
            self.outcome(rule, row, &plain)
        };
        let mut found: Vec<Flip> = Vec::new();
        for way in ways {
            let reached = after(way);
            if reached == now || reached == Outcome::Undecided {
                continue;
            }
            let mut changes = way.clone();
            for at in (0..changes.len()).rev() {
                let mut fewer = changes.clone();
                fewer.remove(at);
                if after(&fewer) == reached {
                    changes = fewer;
                }
            }
            let flip = Flip { after: reached, changes };
            if !found.contains(&flip) {
                found.push(flip);
            }
        }
        let hits = found.iter().any(|it| it.after == Outcome::Hit);
        if now == Outcome::Undecided && hits {
            found.retain(|it| it.after == Outcome::Hit);
        }
        found.sort_by_key(|it| it.changes.len());
        // One value for each field is enough.
        let mut told: Vec<Flip> = Vec::new();
        for flip in found {
            let fields = |it: &Flip| -> Vec<_> {
                it.changes.iter().map(|it| (it.change.field, it.change.keys.clone())).collect()
            };
            let covers = |it: &Flip| fields(it).iter().all(|it| fields(&flip).contains(it));
            if !told.iter().any(covers) {
                told.push(flip);
            }
        }
        told.truncate(TOLD);
        told
    }

    /// Ways to make a condition true, or false.
    fn need(&self, it: &E, at: At, wanted: bool) -> Vec<Together> {
        if truth(&eval(self.set, it, at.row)) == Some(wanted) {
            return vec![Vec::new()];
        }
        if let Some((sure, possible)) = quantifier::quantifier(it)
            && matches!(it.kind, Kind::Or(_))
        {
            return self.need_of_rows(it, (sure, possible), at, wanted);
        }
        let open = |parts: &[E]| -> Vec<Vec<Together>> {
            let other = |it: &&E| truth(&eval(self.set, it, at.row)) != Some(wanted);
            parts.iter().filter(other).map(|it| self.need(it, at, wanted)).collect()
        };
        let ways = match &it.kind {
            Kind::And(parts) if wanted => every(open(parts)),
            Kind::And(parts) => open(parts).concat(),
            Kind::Or(parts) if wanted => open(parts).concat(),
            Kind::Or(parts) => every(open(parts)),
            Kind::AtLeast(n, parts) => {
                let is = |it: &&E| truth(&eval(self.set, it, at.row)) == Some(wanted);
                let so = parts.iter().filter(is).count();
                let enough = if wanted { *n } else { parts.len() + 1 - (*n).min(parts.len()) };
                some(open(parts), enough.saturating_sub(so))
            }
            Kind::Not(inner) => self.need(inner, at, !wanted),
            Kind::Named(_, inner) | Kind::Established(inner) => self.need(inner, at, wanted),
            Kind::Hit(rule) => self.need(&self.set.rules[rule.0].outcome, at, wanted),
            Kind::Guard(test, value, _) if it.ty == Type::Truth => {
                every(vec![self.need(test, at, true), self.need(value, at, wanted)])
            }
            _ => self.turned(it, at, wanted),
        };
        shortest(ways)
    }

    /// `any item has (…)`: one row more, or one row less.
    fn need_of_rows(
        &self,
        it: &E,
        (sure, possible): (FactId, FactId),
        at: At,
        wanted: bool,
    ) -> Vec<Together> {
        let Some((base, condition)) = quantifier::asked(&self.set.facts[possible.0]) else {
            return Vec::new();
        };
        let Some(key) = key_of(self.set, &base, at.row, true) else { return Vec::new() };
        let (Some(n), Some(known), Some(most)) =
            (limit(it), count(at.row.fact(sure)), count(at.row.fact(possible)))
        else {
            return Vec::new();
        };
        let lacking = if wanted { n.saturating_sub(known) } else { (most + 1).saturating_sub(n) };
        let mut ways = Vec::new();
        for (row, _) in self.past.rows(possible, &key) {
            let is = history::asked(self.set, &condition, row, at.row);
            if is != Some(wanted) && history::counts(self.set, &base, row, at.row) {
                ways.push(self.need(&condition, At { row, record: base.rows }, wanted));
            }
        }
        some(ways, lacking)
    }

    /// Ways to turn a test by one of the stored fields that it looks at.
    fn turned(&self, test: &E, at: At, wanted: bool) -> Vec<Together> {
        let lineage = self.set.schema.lineage(at.record);
        let mut ways = Vec::new();
        for id in fields_of(test) {
            if !lineage.contains(&id.record) || !change::may_change(&self.set.schema, id) {
                continue;
            }
            let Some(keys) = change::keys(&self.set.schema, at.row, id.record) else { continue };
            for value in self.values(test, id, at, wanted) {
                let words = self.change_words(test, id, at, wanted, &value);
                let before = self.text(id, &at.row.get(id), at.row);
                let after = self.text(id, &value, at.row);
                let change = Change { field: id, keys: keys.clone(), value };
                ways.push(vec![Proposed { change, words, before, after }]);
            }
        }
        ways
    }

    /// Values of a field for which the test is what is wanted, the best first.
    fn values(&self, test: &E, id: FieldId, at: At, wanted: bool) -> Vec<Value> {
        let field = self.set.schema.field(id);
        let mut row = at.row.clone();
        let mut holds = |value: &Value| {
            row.set(id, value.clone());
            truth(&eval(self.set, test, &row)) == Some(wanted)
        };
        let given = !at.row.get(id).is_missing();
        if given && !field.required && holds(&crate::interpret::NOT_GIVEN) {
            return vec![crate::interpret::NOT_GIVEN];
        }
        let now = at.row.get(id);
        match &field.ty {
            Type::Truth => {
                let both = [true, false].map(Value::Truth);
                both.into_iter().filter(|it| *it != now && holds(it)).collect()
            }
            Type::Text(_) | Type::Code(_) | Type::Choice(_) | Type::Country | Type::Currency => {
                let all = pool::texts(self.set, test, id, at.row).into_iter().map(|it| match it {
                    Value::Text(text) => Value::text(&self.as_written(test, &text)),
                    other => other,
                });
                all.filter(|it| holds(it)).take(2).collect()
            }
            ty => {
                let Some((from, range, value)) = line_of(ty, &now) else { return Vec::new() };
                let mut found = search::nearest(from, range, &mut |it| holds(&value(it)));
                found.retain(|it| value(*it) != now);
                found.into_iter().map(value).collect()
            }
        }
    }

    fn text(&self, id: FieldId, value: &Value, row: &Row) -> String {
        let span = crate::source::Span::file(crate::source::FileId(0));
        let it = literal(value.clone(), self.set.schema.field(id).ty.clone(), span);
        explain::words(self.set, value, &it, row)
    }

    fn change_words(&self, test: &E, id: FieldId, at: At, wanted: bool, value: &Value) -> String {
        let name = &self.set.schema.field(id).name;
        let text = self.text(id, value, at.row);
        if value.is_missing() {
            return format!("{name} is missing");
        }
        if let Some(set) = self.set_words(test, id, wanted) {
            return format!("{name} {set}");
        }
        let now = at.row.get(id);
        // Where there is no value the search begins at one.
        let begin = line_of(&self.set.schema.field(id).ty, &now).map(|it| it.0);
        if now.is_missing() && number(value) == begin && !matches!(value, Value::Truth(_)) {
            return format!("{name} is given, such as {text}");
        }
        match (begin, number(value)) {
            (Some(from), Some(to)) => {
                let sign = if from < to { ">=" } else { "<=" };
                let sign = if self.goes_on(test, id, at, wanted, (from, to)) { sign } else { "=" };
                format!("{name} {sign} {text}")
            }
            _ => format!("{name} is {text}"),
        }
    }

    /// Whether a step further in the same direction is as good.
    fn goes_on(&self, test: &E, id: FieldId, at: At, wanted: bool, way: (i128, i128)) -> bool {
        let (from, to) = way;
        let Some((_, _, value)) = line_of(&self.set.schema.field(id).ty, &at.row.get(id)) else {
            return false;
        };
        let mut row = at.row.clone();
        row.set(id, value(to + (to - from).signum()));
        truth(&eval(self.set, test, &row)) == Some(wanted)
    }

    /// What membership asks for: `is one of CN, HK`, `not under 8517`.
    fn set_words(&self, test: &E, id: FieldId, wanted: bool) -> Option<String> {
        let is = |it: &E| matches!(it.kind, Kind::Field(at) if at == id);
        let not = if wanted { "" } else { "not " };
        match &test.kind {
            Kind::Member(it, words) if is(it) => {
                let all = self.all_as_written(test, words);
                let one = if words.len() == 1 { "" } else { "one of " };
                Some(format!("is {not}{one}{all}"))
            }
            Kind::Under(it, words) if is(it) => Some(format!("is {not}under {}", words.join(", "))),
            Kind::InGroup(it, name, _) if is(it) => Some(format!("is {not}in {name}")),
            Kind::InList(it) if is(&it.key) => {
                let how = match it.matching {
                    crate::ir::Matching::Exact => "in",
                    crate::ir::Matching::Prefix => "under",
                };
                Some(format!("is {not}{how} list {}", self.set.lists[it.list].name))
            }
            _ => None,
        }
    }
}

/// From a place on a line of whole numbers back to a value.
type Back = Box<dyn Fn(i128) -> Value>;

/// A type with an order as a line of whole numbers: where to begin, and how far to go.
fn line_of(ty: &Type, now: &Value) -> Option<(i128, Range, Back)> {
    let present = number(now);
    // What is not negative does not become so.
    let upwards = |from: i128, most: i128| {
        let first = if from < 0 { -most } else { 0 };
        (from, Range { first, last: most })
    };
    let narrow = |it: i128| i64::try_from(it).unwrap_or(i64::MAX);
    let day = |it: i128| i32::try_from(it).unwrap_or(calendar::LAST_DAY);
    let first_day = i128::from(calendar::FIRST_DAY);
    let last_day = i128::from(calendar::LAST_DAY);
    match ty {
        Type::Whole => {
            let (from, range) = upwards(present.unwrap_or(1), i128::from(i64::MAX));
            Some((from, range, Box::new(move |it| Value::Whole(narrow(it)))))
        }
        Type::Number(it) => {
            let scale = it.scale;
            let one = 10_i128.pow(u32::from(scale));
            let from = present.unwrap_or(if it.percent { one / 100 } else { one });
            let (from, range) = upwards(from, 10_i128.pow(DIGITS) * one - 1);
            Some((from, range, Box::new(move |it| Value::Decimal(Decimal::new(it, scale)))))
        }
        Type::Date => {
            let range = Range { first: first_day, last: last_day };
            Some((present.unwrap_or(0), range, Box::new(move |it| Value::Date(day(it)))))
        }
        Type::DateTime => {
            let length = i128::from(calendar::MICROSECONDS_PER_DAY);
            let range = Range { first: first_day * length, last: (last_day + 1) * length - 1 };
            let value = move |it| Value::DateTime(narrow(it));
            Some((present.unwrap_or(0), range, Box::new(value)))
        }
        Type::Error
        | Type::Truth
        | Type::Duration
        | Type::Text(_)
        | Type::Code(_)
        | Type::Choice(_)
        | Type::Country
        | Type::Currency => None,
    }
}

fn number(value: &Value) -> Option<i128> {
    match value {
        Value::Whole(it) | Value::DateTime(it) => Some(i128::from(*it)),
        Value::Decimal(it) => Some(it.unscaled),
        Value::Date(it) => Some(i128::from(*it)),
        Value::Missing(_) | Value::Truth(_) | Value::Duration(_) | Value::Text(_) => None,
    }
}

fn count(value: Value) -> Option<usize> {
    match value {
        Value::Whole(it) => usize::try_from(it).ok(),
        _ => None,
    }
}

/// The number in `count >= n`, the first part of a quantifier.
fn limit(it: &E) -> Option<usize> {
    let Kind::Or(parts) = &it.kind else { return None };
    let Kind::Compare(_, _, right) = &parts.first()?.kind else { return None };
    match &right.kind {
        Kind::Literal(value) => count(value.clone()),
        _ => None,
    }
}

/// The shortest ways, none twice.
fn shortest(mut ways: Vec<Together>) -> Vec<Together> {
    ways.retain(|it| it.len() <= CHANGES);
    ways.sort_by_key(Vec::len);
    let mut res: Vec<Together> = Vec::new();
    for way in ways {
        if !res.contains(&way) {
            res.push(way);
        }
    }
    res.truncate(WAYS);
    res
}

/// One way of each part, together.
fn every(parts: Vec<Vec<Together>>) -> Vec<Together> {
    let mut res: Vec<Together> = vec![Vec::new()];
    for ways in parts {
        let pairs = res.iter().flat_map(|before| ways.iter().flat_map(|way| joined(before, way)));
        res = shortest(pairs.collect());
    }
    res
}

/// Both; where they want different values of one field, the one or the other.
fn joined(before: &Together, way: &Together) -> Vec<Together> {
    let same = |a: &Proposed, b: &Proposed| {
        a.change.field == b.change.field && a.change.keys == b.change.keys
    };
    let with = |base: &Together, more: &Together| {
        let new = more.iter().filter(|it| !base.iter().any(|known| same(known, it)));
        base.iter().chain(new).cloned().collect::<Together>()
    };
    let (a, b) = (with(before, way), with(way, before));
    let clash = way.iter().any(|it| before.iter().any(|known| same(known, it) && known != it));
    if clash { vec![a, b] } else { vec![a] }
}

/// So many of the parts, the cheapest ones; each in turn where one is enough.
fn some(mut parts: Vec<Vec<Together>>, lacking: usize) -> Vec<Together> {
    parts.retain(|it| !it.is_empty());
    if parts.len() < lacking {
        return Vec::new();
    }
    if lacking == 1 {
        return shortest(parts.concat());
    }
    parts.sort_by_key(|it| it.iter().map(Vec::len).min());
    let mut res = Vec::new();
    for left_out in 0..=(parts.len() - lacking).min(WAYS) {
        let chosen = parts.iter().skip(left_out).take(lacking).cloned().collect();
        res.extend(every(chosen));
    }
    shortest(res)
}
