//! `any item has (…)`: the rows that are asked, and what each says.

use std::sync::Arc;

use crate::interpret::Row;
use crate::interpret::history;
use crate::interpret::why::Bench;
use crate::interpret::why::note::Note;
use crate::interpret::why::past::key_of;
use crate::ir::E;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::schema::RecordId;

/// A row of a quantifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub key: String,
    /// `net_mass = 3 kg`
    pub values: Vec<String>,
}

/// The sure and the possible rows of `any item has (…)`, whatever is around them.
pub fn quantifier(it: &E) -> Option<(FactId, FactId)> {
    let fact = |it: &E| match &it.kind {
        Kind::Compare(_, left, _) => match left.kind {
            Kind::Fact(id) => Some(id),
            _ => None,
        },
        _ => None,
    };
    if let Kind::Or(parts) = &it.kind
        && let [sure, rest] = parts.as_slice()
        && let Kind::And(rest) = &rest.kind
        && let [possible, open] = rest.as_slice()
        && matches!(open.kind, Kind::Open(..))
    {
        return Some((fact(sure)?, fact(possible)?));
    }
    match &it.kind {
        Kind::Not(inner) => quantifier(inner),
        Kind::And(parts) => parts.iter().find_map(quantifier),
        _ => None,
    }
}

/// The rows that a quantifier speaks of, as a fact, and what it asks of each.
pub fn asked(possible: &Fact) -> Option<(Fact, E)> {
    let condition = |it: &E| match &it.kind {
        Kind::Not(it) => match &it.kind {
            Kind::Established(it) => match &it.kind {
                Kind::Not(it) => Some(it.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    let filter = possible.filter.as_ref()?;
    let (before, condition) = match (condition(filter), &filter.kind) {
        (Some(it), _) => (None, it),
        (None, Kind::And(parts)) => match parts.as_slice() {
            [before, last] => (Some(before.clone()), condition(last)?),
            _ => return None,
        },
        _ => return None,
    };
    Some((Fact { filter: before, ..possible.clone() }, condition))
}

impl Bench<'_> {
    /// The rows that a quantifier looks at, and their window; nothing without their key.
    pub fn quantified(&self, possible: FactId, row: &Row) -> Option<Vec<Note>> {
        let (base, condition) = asked(&self.set.facts[possible.0])?;
        let (mut passed, mut failed, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        let key = key_of(self.set, &base, row, true)?;
        for (it, _) in self.past.rows(possible, &key) {
            if !history::counts(self.set, &base, it, row) {
                continue;
            }
            let place = match history::asked(self.set, &condition, it, row) {
                Some(true) => &mut passed,
                Some(false) => &mut failed,
                None => &mut unknown,
            };
            let seen = it.seen_from(&Arc::new(row.clone()));
            let values = self.terms(&condition, &seen).into_iter();
            let values = values.map(|it| format!("{} = {}", it.name, it.text)).collect();
            place.push(Seen { key: self.key_text(it, base.rows), values });
        }
        let record = self.set.schema.record(base.rows).name.clone();
        let rows = passed.len() + failed.len() + unknown.len();
        let window = self.reach(&base, row).map(|(first, last)| {
            let of = format!("past {record}");
            Note::Window { of, first, last, rows, values: rows }
        });
        let rows = Note::Rows { record, passed, failed, unknown };
        Some(std::iter::once(rows).chain(window).collect())
    }

    /// The key of a row within its parent: `2`.
    pub fn key_text(&self, row: &Row, record: RecordId) -> String {
        let it = self.set.schema.record(record);
        let id = |field: &usize| crate::schema::FieldId { record, field: *field };
        let keys: Vec<String> = it.key.iter().map(|it| row.get(id(it)).to_string()).collect();
        keys.join("/")
    }
}
