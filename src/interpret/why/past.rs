//! The past rows that the facts of a few judged rows look at: by fact and key, equal rows once.
//!
//! Only what a fact needs of a row is kept, and only rows of the keys that are asked about.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::history;
use crate::interpret::truth;
use crate::interpret::why::change;
use crate::interpret::why::change::Change;
use crate::ir::E;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::Reach;
use crate::ir::RuleSet;
use crate::ir::judged::judged_in;
use crate::ir::many::fields_of;
use crate::ir::print::identity;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Value;
use crate::value::text::Form;

type Key = Vec<Value>;

/// What was gathered, by fact.
#[derive(Debug, Clone, Default)]
pub struct Past {
    facts: BTreeMap<FactId, Arc<ByKey>>,
}

type ByKey = BTreeMap<Key, Vec<(Row, usize)>>;

impl Past {
    /// The rows of a key, each with how often it stands there.
    pub fn rows(&self, id: FactId, key: &[Value]) -> impl Iterator<Item = (&Row, usize)> {
        let rows = self.facts.get(&id).and_then(|it| it.get(key));
        rows.into_iter().flatten().map(|it| (&it.0, it.1))
    }

    /// The rows of every key.
    pub fn all(&self, id: FactId) -> impl Iterator<Item = (&Row, usize)> {
        let keys = self.facts.get(&id).into_iter().flat_map(|it| it.values());
        keys.flatten().map(|it| (&it.0, it.1))
    }

    /// The rows within declarations, and their records.
    pub fn within(&self, set: &RuleSet, of: impl Fn(&Row) -> bool) -> Vec<(RecordId, &Row)> {
        let facts = self.facts.keys().filter(|it| of_own(&set.facts[it.0]));
        let rows = facts.flat_map(|id| self.all(*id).map(|it| (set.facts[id.0].rows, it.0)));
        rows.filter(|it| of(it.1)).collect()
    }

    /// With the facts of another reading in place of the same ones here.
    pub fn with(&self, other: Past) -> Past {
        let mut res = self.clone();
        res.facts.extend(other.facts);
        res
    }

    /// Rows of the declaration itself after the changes, under the keys that they have then.
    pub fn changed(&self, set: &RuleSet, changes: &[Change]) -> Past {
        let mut res = self.clone();
        for (id, keys) in &mut res.facts {
            let fact = &set.facts[id.0];
            if !of_own(fact) {
                continue;
            }
            let mut moved = ByKey::new();
            for (row, times) in keys.values().flatten() {
                let row = change::applied(&set.schema, row, fact.rows, changes);
                if let Some(key) = key_of(set, fact, &row, false) {
                    moved.entry(key).or_default().push((row, *times));
                }
            }
            *keys = Arc::new(moved);
        }
        res
    }
}

/// Gathers rows for the facts of judged rows.
#[derive(Debug, Clone)]
pub struct Gathering<'a> {
    set: &'a RuleSet,
    /// By the first of facts that look at the same rows.
    wanted: BTreeMap<FactId, Wanted>,
}

#[derive(Debug, Clone)]
struct Wanted {
    /// The facts that look at these rows.
    facts: Vec<FactId>,
    fields: Vec<FieldId>,
    keys: BTreeSet<Key>,
    /// The judged rows, one for each moment that they look back from; none where any row may count
    /// whenever it was.
    eyes: Vec<Row>,
    found: BTreeMap<Key, BTreeMap<Key, usize>>,
}

/// By which rows can be told from those that a fact does not look at: a row has to fit all of it.
#[derive(Debug, Clone)]
pub struct Told {
    /// The first of the facts that look at the same rows: it speaks for all of them.
    pub fact: FactId,
    pub facts: Vec<FactId>,
    pub record: RecordId,
    /// Every row may count where there are none.
    pub clues: Vec<Clue>,
    /// The stored field of the day, where it tells, and the first and the last day that may count.
    pub days: Option<(FieldId, i32, i32)>,
}

/// A row can only be looked at when this field is one of these texts, or begins with one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Clue {
    pub field: FieldId,
    /// The length of what is compared; all of it when there is none.
    pub digits: Option<u32>,
    /// In this form.
    pub form: Form,
    pub texts: BTreeSet<String>,
}

impl<'a> Gathering<'a> {
    pub fn new(set: &'a RuleSet, facts: &BTreeSet<FactId>, judged: &[Row]) -> Gathering<'a> {
        let mut alike: BTreeMap<String, Vec<FactId>> = BTreeMap::new();
        for id in facts {
            alike.entry(rows_of(&set.facts[id.0], *id)).or_default().push(*id);
        }
        let wanted = |facts: Vec<FactId>| {
            let first = *facts.first()?;
            let fact = &set.facts[first.0];
            let keys = judged.iter().filter_map(|it| key_of(set, fact, it, true)).collect();
            let eyes = eyes(set, fact, judged);
            let mut fields: Vec<FieldId> =
                facts.iter().flat_map(|it| fields(set, &set.facts[it.0])).collect();
            fields.sort();
            fields.dedup();
            Some((first, Wanted { facts, fields, keys, eyes, found: BTreeMap::new() }))
        };
        Gathering { set, wanted: alike.into_values().filter_map(wanted).collect() }
    }

    /// What tells the rows of every fact.
    pub fn told(&self) -> Vec<Told> {
        let told = |(id, wanted): (&FactId, &Wanted)| {
            let fact = &self.set.facts[id.0];
            let days = wanted.days(self.set, fact);
            let (clues, facts) = (clues(fact, wanted), wanted.facts.clone());
            Told { fact: *id, facts, record: fact.rows, clues, days }
        };
        self.wanted.iter().map(told).collect()
    }

    /// The fields that these facts look at: rows that have the same in them are the same.
    pub fn fields_of(&self, facts: &[FactId]) -> Vec<FieldId> {
        let own = facts.iter().filter_map(|it| self.wanted.get(it));
        let mut all: Vec<FieldId> = own.flat_map(|it| it.fields.iter().copied()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Those of these facts that look at a row.
    pub fn wanting(&self, facts: &[FactId], row: &Row) -> Vec<FactId> {
        let wants = |id: &&FactId| {
            let (fact, Some(wanted)) = (&self.set.facts[id.0], self.wanted.get(id)) else {
                return false;
            };
            let key = key_of(self.set, fact, row, false);
            key.is_some_and(|it| wanted.keys.contains(&it)) && wanted.may_count(self.set, fact, row)
        };
        facts.iter().filter(wants).copied().collect()
    }

    /// Adds a row that stands there so often, for this fact alone.
    pub fn add_for(&mut self, id: FactId, row: &Row, times: usize) {
        if let Some(wanted) = self.wanted.get_mut(&id) {
            wanted.add(self.set, &self.set.facts[id.0], row, times);
        }
    }

    /// What another reader gathered for the same question.
    pub fn merge(&mut self, other: Gathering<'a>) {
        for (id, theirs) in other.wanted {
            let Some(ours) = self.wanted.get_mut(&id) else { continue };
            for (key, rows) in theirs.found {
                let found = ours.found.entry(key).or_default();
                for (row, times) in rows {
                    *found.entry(row).or_default() += times;
                }
            }
        }
    }

    pub fn finish(self) -> Past {
        let row = |fields: &[FieldId], values: Key| {
            let mut row = Row::default();
            for (field, value) in fields.iter().zip(values) {
                row.set(*field, value);
            }
            row
        };
        let mut facts = BTreeMap::new();
        for it in self.wanted.into_values() {
            let rows = |(key, found): (Key, BTreeMap<Key, usize>)| {
                let rows = found.into_iter().map(|(values, n)| (row(&it.fields, values), n));
                (key, rows.collect())
            };
            let all: Arc<ByKey> = Arc::new(it.found.into_iter().map(rows).collect());
            facts.extend(it.facts.iter().map(|id| (*id, all.clone())));
        }
        Past { facts }
    }
}

/// What facts that look at the same rows have in common; a fact whose single rows matter has
/// nothing in common with others.
fn rows_of(fact: &Fact, id: FactId) -> String {
    if of_own(fact) || fact.filter.as_ref().is_some_and(has_established) {
        return format!("fact {}", id.0);
    }
    let pair = |it: &(E, E)| [identity(&it.0), identity(&it.1)];
    let pairs = fact.keys.iter().chain(&fact.dates).chain(&fact.instants).map(pair);
    let pairs: Vec<[String; 2]> = pairs.collect();
    let filter = fact.filter.as_ref().map(identity);
    let (keys, dates) = (fact.keys.len(), fact.dates.is_some());
    format!("{:?} {:?} {keys} {dates} {pairs:?} {filter:?}", fact.rows, fact.reach)
}

impl Wanted {
    fn add(&mut self, set: &RuleSet, fact: &Fact, row: &Row, times: usize) {
        let Some(key) = key_of(set, fact, row, false) else { return };
        if self.keys.contains(&key) && self.may_count(set, fact, row) {
            let values = self.fields.iter().map(|it| row.get(*it)).collect();
            *self.found.entry(key).or_default().entry(values).or_default() += times;
        }
    }

    /// The days on which a row may have happened that counts; nothing where any day may do.
    fn days(&self, set: &RuleSet, fact: &Fact) -> Option<(FieldId, i32, i32)> {
        let (theirs, ours) = fact.dates.as_ref()?;
        let Kind::Field(field) = theirs.kind else { return None };
        let mut res: Option<(FieldId, i32, i32)> = None;
        for eye in &self.eyes {
            let Value::Date(day) = eval(set, ours, eye) else { continue };
            let (first, last) = history::days(fact.reach, day)?;
            let (_, before, after) = res.unwrap_or((field, first, last));
            res = Some((field, before.min(first), after.max(last)));
        }
        res
    }

    /// Whether any of the judged rows may look at the row: changes of them are among them, and a
    /// condition on the row alone says the same to all.
    fn may_count(&self, set: &RuleSet, fact: &Fact, row: &Row) -> bool {
        if self.eyes.is_empty() {
            return true;
        }
        let plain = |it: &&E| judged_in(it).is_empty() && !has_established(it);
        let fails = |it: &E| truth(&eval(set, it, row)) != Some(true);
        !fact.filter.as_ref().filter(plain).is_some_and(fails)
            && self.eyes.iter().any(|it| history::in_reach(set, fact, row, it))
    }
}

fn eyes(set: &RuleSet, fact: &Fact, judged: &[Row]) -> Vec<Row> {
    let moments = || fact.dates.iter().chain(&fact.instants).map(|it| &it.1);
    let stored = |it: &E| matches!(it.kind, Kind::Field(_));
    if of_own(fact) || !moments().all(stored) {
        return Vec::new();
    }
    let moment = |it: &Row| moments().map(|part| eval(set, part, it)).collect::<Vec<Value>>();
    let by_moment: BTreeMap<Vec<Value>, &Row> = judged.iter().map(|it| (moment(it), it)).collect();
    by_moment.into_values().cloned().collect()
}

/// Whether rows of the judged row's own declaration may count.
pub fn of_own(fact: &Fact) -> bool {
    match fact.reach {
        Reach::All | Reach::SameDay => true,
        Reach::Days(_) | Reach::Time(_) | Reach::Before | Reach::AsOf => false,
    }
}

/// What is kept of a row: where single rows matter, their keys too.
fn fields(set: &RuleSet, fact: &Fact) -> Vec<FieldId> {
    let mut all: Vec<FieldId> = fact.of_rows().into_iter().flat_map(fields_of).collect();
    if of_own(fact) || fact.filter.as_ref().is_some_and(has_established) {
        all.extend(set.schema.key_fields(fact.rows));
    }
    all.sort();
    all.dedup();
    all
}

/// Quantifiers ask what is possible; nothing else does inside rows.
fn has_established(it: &E) -> bool {
    matches!(it.kind, Kind::Established(_)) || it.parts().into_iter().any(has_established)
}

/// The key in the eyes of the judged row, or of another one; nothing when a part is missing.
pub fn key_of(set: &RuleSet, fact: &Fact, row: &Row, judged: bool) -> Option<Key> {
    let part = |(theirs, ours): &(E, E)| {
        let form = theirs.ty.form().max(ours.ty.form());
        let value = eval(set, if judged { ours } else { theirs }, row);
        if value.is_missing() {
            return None;
        }
        let value = value.as_decimal().map_or(value, Value::Decimal);
        Some(history::formed(value, form))
    };
    fact.keys.iter().map(part).collect()
}

/// The number of a key, where it is a whole one.
fn whole(it: Decimal) -> Option<i128> {
    let one = 10_i128.checked_pow(u32::from(it.scale))?;
    (it.unscaled % one == 0).then(|| it.unscaled / one)
}

fn clues(fact: &Fact, wanted: &Wanted) -> Vec<Clue> {
    let plain = |it: &E| match &it.kind {
        Kind::Field(id) => Some((*id, None)),
        Kind::AtDigits(inner, digits) => match &inner.kind {
            Kind::Field(id) => Some((*id, Some(*digits))),
            _ => None,
        },
        _ => None,
    };
    let texts = |at: usize| {
        let text = |key: &Key| match &key[at] {
            Value::Text(it) => Some(it.to_string()),
            Value::Decimal(it) => whole(*it).map(|it| it.to_string()),
            _ => None,
        };
        wanted.keys.iter().filter_map(text).collect()
    };
    let is_told = |it: &Type| it.is_textual() || *it == Type::Whole;
    let told = fact.keys.iter().enumerate().filter(|it| is_told(&it.1.0.ty));
    let clue = |(at, it): (usize, &(E, E))| {
        let (field, digits) = plain(&it.0)?;
        let form = it.0.ty.form().max(it.1.ty.form());
        Some(Clue { field, digits, form, texts: texts(at) })
    };
    let all: Vec<Clue> = told.filter_map(clue).collect();
    match wanted.fields.first().filter(|_| all.is_empty() && wanted.keys.is_empty()) {
        // Nothing is asked for: no row is.
        Some(field) => {
            let (field, texts) = (*field, BTreeSet::new());
            vec![Clue { field, digits: None, form: Form::Exact, texts }]
        }
        None => all,
    }
}
