//! What a rule says of a case: of all its rows together.

use std::collections::BTreeSet;

use crate::hit::Finding;
use crate::hit::Outcome;
use crate::interpret::Row;
use crate::interpret::explain;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::value::Decimal;

/// Of several rows: a hit if one hits, else undecided if one is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Got {
    /// Nothing is undecided.
    pub outcome: Option<bool>,
    /// The highest.
    pub score: Option<Decimal>,
    pub open: BTreeSet<String>,
    /// What is said of each undecided row.
    pub said: BTreeSet<String>,
}

impl Got {
    /// Before any row: no hit.
    pub fn none() -> Got {
        Got { outcome: Some(false), ..Got::default() }
    }

    pub fn add(&mut self, outcome: Outcome, score: Option<Decimal>, open: &[String]) {
        match outcome {
            Outcome::NoHit => {}
            Outcome::Hit => self.outcome = Some(true),
            Outcome::Undecided if self.outcome == Some(false) => self.outcome = None,
            Outcome::Undecided => {}
        }
        let score = score.map(Decimal::normalised);
        self.score = self.score.max(score);
        self.open.extend(open.iter().cloned());
        if outcome == Outcome::Undecided {
            self.said.insert(open.join(", "));
        }
    }

    /// Whether both engines say the same.
    pub fn agrees(&self, other: &Got) -> bool {
        (self.outcome, self.score, &self.said) == (other.outcome, other.score, &other.said)
    }

    pub fn words(&self) -> String {
        let open: Vec<String> = match self.outcome {
            None => self.open.iter().cloned().collect(),
            Some(_) => Vec::new(),
        };
        words(self.outcome, &open)
    }
}

/// `hit`, `undecided "origin"`
pub fn words(outcome: Option<bool>, fields: &[String]) -> String {
    let word = match outcome {
        Some(true) => "hit",
        Some(false) => "no hit",
        None => "undecided",
    };
    let quoted: Vec<String> = fields.iter().map(|it| format!("\"{it}\"")).collect();
    format!("{word} {}", quoted.join(", ")).trim_end().to_owned()
}

/// By the interpreter.
pub fn got(set: &RuleSet, rule: RuleId, rows: &[Row]) -> Got {
    let mut got = Got::none();
    for row in rows {
        let Finding { outcome, score, open, .. } = explain::finding(set, rule, row);
        got.add(outcome, score, &open);
    }
    got
}
