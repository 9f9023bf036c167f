//! The past rows that the facts of a few judged rows look at: by fact and key, equal rows once.
//!
//! Only what a fact needs of a row is kept, and only rows of the keys that are asked about.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::history;
use crate::interpret::history::Eye;
use crate::interpret::history::Window;
use crate::interpret::tally::Tally;
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
    /// The rows of facts whose single rows matter.
    rows: BTreeMap<FactId, Arc<ByKey>>,
    /// Of other facts what rows come to, by what they look at in the judged row.
    said: BTreeMap<FactId, Arc<BTreeMap<Key, Said>>>,
}

type ByKey = BTreeMap<Key, Vec<(Row, usize)>>;

/// What the rows come to that count for a judged row.
#[derive(Debug, Clone)]
pub struct Said {
    pub value: Value,
    /// How many rows count, and how many of them give a value.
    pub rows: usize,
    pub values: usize,
    /// The last date, where the latest row is asked for.
    pub last: Option<Value>,
}

impl Said {
    pub fn of(fact: &Fact, mut tally: Tally) -> Said {
        let value = tally.value(fact);
        Said { value, rows: tally.rows, values: tally.values, last: tally.last }
    }
}

impl Past {
    /// The rows of a key, each with how often it stands there; of a fact whose single rows matter.
    pub fn rows(&self, id: FactId, key: &[Value]) -> impl Iterator<Item = (&Row, usize)> {
        let rows = self.rows.get(&id).and_then(|it| it.get(key));
        rows.into_iter().flatten().map(|it| (&it.0, it.1))
    }

    /// The rows of every key.
    pub fn all(&self, id: FactId) -> impl Iterator<Item = (&Row, usize)> {
        let keys = self.rows.get(&id).into_iter().flat_map(|it| it.values());
        keys.flatten().map(|it| (&it.0, it.1))
    }

    /// What the rows come to that count for this row.
    pub fn said(&self, set: &RuleSet, id: FactId, judged: &Row) -> Said {
        let fact = &set.facts[id.0];
        if !keeps_rows(fact) {
            let said = self.said.get(&id).and_then(|it| it.get(&seen(fact, judged)));
            return said.cloned().unwrap_or_else(|| Said::of(fact, Tally::default()));
        }
        let rows = key_of(set, fact, judged, true).map(|key| self.rows(id, &key).collect());
        let rows: Vec<(&Row, usize)> = rows.unwrap_or_default();
        Said::of(fact, history::counted(set, fact, judged, rows.into_iter()))
    }

    /// The rows within declarations, and their records.
    pub fn within(&self, set: &RuleSet, of: impl Fn(&Row) -> bool) -> Vec<(RecordId, &Row)> {
        let facts = self.rows.keys().filter(|it| of_own(&set.facts[it.0]));
        let rows = facts.flat_map(|id| self.all(*id).map(|it| (set.facts[id.0].rows, it.0)));
        rows.filter(|it| of(it.1)).collect()
    }

    /// With the facts of another reading in place of the same ones here.
    pub fn with(&self, other: Past) -> Past {
        let mut res = self.clone();
        res.rows.extend(other.rows);
        res.said.extend(other.said);
        res
    }

    /// Rows of the declaration itself after the changes, under the keys that they have then.
    pub fn changed(&self, set: &RuleSet, changes: &[Change]) -> Past {
        let mut res = self.clone();
        for (id, keys) in &mut res.rows {
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

#[derive(Debug, Clone, Default)]
struct Wanted {
    /// The facts that look at these rows.
    facts: Vec<FactId>,
    fields: Vec<FieldId>,
    /// The keys that are asked about, with the places of the views that ask.
    keys: BTreeMap<Key, Vec<usize>>,
    /// The windows of the judged rows; none where any row may count whenever it was.
    windows: Vec<Window>,
    /// What a row must have, whichever row looks at it.
    plain: Option<E>,
    /// Of a fact whose single rows matter.
    found: BTreeMap<Key, BTreeMap<Key, usize>>,
    /// Of other facts.
    views: Vec<View>,
}

/// A judged row in the eyes of facts that look at the same rows.
#[derive(Debug, Clone)]
struct View {
    /// By fact: what it sees in the judged row, and how it looks at others.
    eyes: Vec<(Key, Eye)>,
    tallies: Vec<Tally>,
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
        let wanted = |facts: Vec<FactId>| Some((*facts.first()?, Wanted::of(set, facts, judged)));
        Gathering { set, wanted: alike.into_values().filter_map(wanted).collect() }
    }

    /// What tells the rows of every fact.
    pub fn told(&self) -> Vec<Told> {
        let told = |(id, wanted): (&FactId, &Wanted)| {
            let fact = &self.set.facts[id.0];
            let days = wanted.days(fact);
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
            key.is_some_and(|it| wanted.keys.contains_key(&it))
                && wanted.may_count(self.set, fact, row)
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
            for (own, other) in ours.views.iter_mut().zip(theirs.views) {
                let tallies = own.tallies.iter_mut().zip(other.tallies);
                for (id, (own, other)) in ours.facts.iter().zip(tallies) {
                    own.merge(&self.set.facts[id.0], other);
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
        let mut past = Past::default();
        for it in self.wanted.into_values() {
            if it.facts.iter().any(|id| keeps_rows(&self.set.facts[id.0])) {
                let rows = |(key, found): (Key, BTreeMap<Key, usize>)| {
                    let rows = found.into_iter().map(|(values, n)| (row(&it.fields, values), n));
                    (key, rows.collect())
                };
                let all: Arc<ByKey> = Arc::new(it.found.into_iter().map(rows).collect());
                past.rows.extend(it.facts.iter().map(|id| (*id, all.clone())));
                continue;
            }
            let mut said: BTreeMap<FactId, BTreeMap<Key, Said>> = BTreeMap::new();
            for view in it.views {
                let each = it.facts.iter().zip(view.eyes).zip(view.tallies);
                for ((id, (seen, _)), tally) in each {
                    let of_fact = said.entry(*id).or_default();
                    of_fact.insert(seen, Said::of(&self.set.facts[id.0], tally));
                }
            }
            past.said.extend(said.into_iter().map(|(id, it)| (id, Arc::new(it))));
        }
        past
    }
}

/// What facts that look at the same rows have in common; a fact whose single rows matter has
/// nothing in common with others.
fn rows_of(fact: &Fact, id: FactId) -> String {
    if keeps_rows(fact) {
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
    fn of(set: &RuleSet, facts: Vec<FactId>, judged: &[Row]) -> Wanted {
        let all = || facts.iter().map(|it| &set.facts[it.0]);
        let mut fields: Vec<FieldId> = all().flat_map(|it| fields(set, it)).collect();
        fields.sort();
        fields.dedup();
        let mut res = Wanted { facts: facts.clone(), fields, ..Wanted::default() };
        let Some(fact) = all().next() else { return res };
        let plain = |it: &&E| judged_in(it).is_empty() && !has_established(it);
        res.plain = fact.filter.as_ref().filter(plain).cloned();
        let mut known: BTreeSet<Vec<Key>> = BTreeSet::new();
        let mut windows = Vec::new();
        for row in judged {
            let Some(key) = key_of(set, fact, row, true) else { continue };
            let views = res.keys.entry(key).or_default();
            let looks: Vec<Key> = all().map(|it| seen(it, row)).collect();
            if !known.insert(looks.clone()) {
                continue;
            }
            windows.push(Window::of(set, fact, row));
            if keeps_rows(fact) {
                continue;
            }
            views.push(res.views.len());
            let row = &Arc::new(row.clone());
            let eyes = looks.into_iter().zip(all().map(|it| Eye::of(set, it, row)));
            let tallies = vec![Tally::default(); facts.len()];
            res.views.push(View { eyes: eyes.collect(), tallies });
        }
        let mut moments = fact.dates.iter().chain(&fact.instants).map(|it| &it.1);
        let is_stored = |it: &E| matches!(it.kind, Kind::Field(_));
        if !keeps_rows(fact) || !of_own(fact) && moments.all(is_stored) {
            windows.sort();
            windows.dedup();
            res.windows = windows;
        }
        res
    }

    fn add(&mut self, set: &RuleSet, fact: &Fact, row: &Row, times: usize) {
        let Some(key) = key_of(set, fact, row, false) else { return };
        let Some(views) = self.keys.get(&key) else { return };
        if !self.may_count(set, fact, row) {
            return;
        }
        if keeps_rows(fact) {
            let values = self.fields.iter().map(|it| row.get(*it)).collect();
            *self.found.entry(key).or_default().entry(values).or_default() += times;
            return;
        }
        for at in views {
            let view = &mut self.views[*at];
            let Some((_, eye)) = view.eyes.first() else { continue };
            if !eye.window.holds(set, fact, row) || eye.looks_back && !eye.passes(set, fact, row) {
                continue;
            }
            let each = self.facts.iter().zip(&view.eyes).zip(&mut view.tallies);
            for ((id, (_, eye)), tally) in each {
                let fact = &set.facts[id.0];
                if eye.takes(set, fact, row) {
                    tally.add(set, fact, row, times);
                }
            }
        }
    }

    /// The days on which a row may have happened that counts; nothing where any day may do.
    fn days(&self, fact: &Fact) -> Option<(FieldId, i32, i32)> {
        let Kind::Field(field) = fact.dates.as_ref()?.0.kind else { return None };
        let mut res: Option<(FieldId, i32, i32)> = None;
        for it in &self.windows {
            let (first, last) = match it {
                Window::Days(first, last) => (*first, *last),
                Window::Nothing => continue,
                Window::All | Window::Instants(..) => return None,
            };
            let (_, before, after) = res.unwrap_or((field, first, last));
            res = Some((field, before.min(first), after.max(last)));
        }
        res
    }

    /// Whether any of the judged rows may look at the row: changes of them are among them, and a
    /// condition on the row alone says the same to all.
    fn may_count(&self, set: &RuleSet, fact: &Fact, row: &Row) -> bool {
        if self.windows.is_empty() {
            return true;
        }
        let fails = |it: &E| truth(&eval(set, it, row)) != Some(true);
        !self.plain.as_ref().is_some_and(fails)
            && self.windows.iter().any(|it| it.holds(set, fact, row))
    }
}

/// Whether single rows of a fact matter: those of the declaration itself may change, and those of a
/// quantifier are told.
fn keeps_rows(fact: &Fact) -> bool {
    of_own(fact) || fact.filter.as_ref().is_some_and(has_established)
}

/// What a fact looks at in a judged row.
pub fn seen(fact: &Fact, judged: &Row) -> Vec<Value> {
    let fields = fact.judged().into_iter().flat_map(fields_of);
    fields.map(|it| judged.get(it)).collect()
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
    if keeps_rows(fact) {
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
        wanted.keys.keys().filter_map(text).collect()
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
