//! Tests of rules and profiles, typed: what is given, and what is expected of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ir::E;
use crate::ir::ListRow;
use crate::ir::RuleId;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::value::Decimal;
use crate::value::Value;

#[derive(Debug, Clone)]
pub struct Test {
    pub subject: Subject,
    /// As written, else empty.
    pub title: String,
    /// The record whose rows are judged.
    pub level: RecordId,
    /// Of the head.
    pub span: Span,
    /// One for each row of its table, or one.
    pub cases: Vec<Case>,
}

#[derive(Debug, Clone)]
pub enum Subject {
    Rule(RuleId),
    Profile(Arc<str>),
}

#[derive(Debug, Clone)]
pub struct Case {
    /// Of the row of the table, or of the head.
    pub span: Span,
    /// Of the table, from 1.
    pub row: Option<usize>,
    /// Rows that are there to be judged, outer ones before what they hold.
    pub rows: Vec<GivenRow>,
    /// The row of each record that `given` named last.
    pub opened: BTreeMap<RecordId, usize>,
    pub past: Vec<PastRow>,
    /// What stands in the place of what would be computed.
    pub instead: BTreeMap<Place, (Type, Value)>,
    pub lists: BTreeMap<usize, Vec<ListRow>>,
    pub parameters: BTreeMap<usize, Value>,
    /// Outcomes of other rules; nothing is undecided.
    pub hits: BTreeMap<RuleId, Option<bool>>,
    pub expects: Vec<Expect>,
}

/// Something of many rows, given directly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `peers.median`
    Profile(Arc<str>),
    /// `importer.risk_class`
    Relation(Arc<str>),
    /// How long it is known: its words, and what makes two of them one.
    KnownFor(Arc<str>, Arc<str>),
}

#[derive(Debug, Clone)]
pub struct GivenRow {
    pub record: RecordId,
    /// `item 2`
    pub number: u32,
    /// The row around it, by its place in the case.
    pub parent: Option<usize>,
    pub values: BTreeMap<FieldId, Value>,
    /// Derived fields given directly.
    pub derived: BTreeMap<Arc<str>, (Type, Value)>,
}

/// A past row, with what the records around it say.
#[derive(Debug, Clone)]
pub struct PastRow {
    pub record: RecordId,
    pub values: BTreeMap<FieldId, Value>,
    pub derived: BTreeMap<Arc<str>, (Type, Value)>,
}

#[derive(Debug, Clone)]
pub struct Expect {
    pub kind: ExpectKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum ExpectKind {
    /// Nothing is undecided, because of these among others.
    Outcome(Option<bool>, Vec<String>),
    /// Nothing: no score at all.
    Score(Option<Decimal>),
    Channel(String),
    /// `median is 25 EUR/kg`: a condition, and the value that it is about.
    Value {
        words: String,
        /// As written.
        wanted: String,
        condition: E,
        value: E,
    },
}

impl Case {
    pub fn new(span: Span) -> Case {
        Case {
            span,
            row: None,
            rows: Vec::new(),
            opened: BTreeMap::new(),
            past: Vec::new(),
            instead: BTreeMap::new(),
            lists: BTreeMap::new(),
            parameters: BTreeMap::new(),
            hits: BTreeMap::new(),
            expects: Vec::new(),
        }
    }

    /// The row of that number in the last one given around it, or else the last of that number.
    pub fn find(&self, record: RecordId, number: u32, parent: Option<usize>) -> Option<usize> {
        let is_it = |it: &GivenRow| it.record == record && it.number == number;
        let own = self.rows.iter().position(|it| is_it(it) && it.parent == parent);
        own.or_else(|| self.rows.iter().rposition(is_it))
    }

    /// The last row given of a record.
    pub fn last(&self, record: RecordId) -> Option<usize> {
        let made = || self.rows.iter().rposition(|it| it.record == record);
        self.opened.get(&record).copied().or_else(made)
    }

    /// The row around another, and so on, itself first.
    pub fn around(&self, at: usize) -> Vec<usize> {
        let mut res = vec![at];
        while let Some(parent) = self.rows[res[res.len() - 1]].parent {
            res.push(parent);
        }
        res
    }
}

impl Place {
    pub fn words(&self) -> &Arc<str> {
        match self {
            Place::Profile(it) | Place::Relation(it) | Place::KnownFor(it, _) => it,
        }
    }
}
