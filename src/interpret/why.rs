//! Why one declaration is selected or not: every rule, line by line, and what would turn it.
//!
//! Everything is evaluated, nothing stops early; what is said are data, for `report` to word.

pub mod change;
pub mod flip;
pub mod line;
pub mod note;
pub mod past;
pub mod pool;
pub mod quantifier;
pub mod search;
pub mod sentence;
pub mod term;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::hit::Finding;
use crate::hit::Outcome;
use crate::interpret;
use crate::interpret::Row;
use crate::interpret::explain;
use crate::interpret::history;
use crate::interpret::why::change::Change;
use crate::interpret::why::change::Flip;
use crate::interpret::why::note::Note;
use crate::interpret::why::past::Past;
use crate::ir::E;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::many::fields_of;
use crate::source::Sources;
use crate::value::Reason;
use crate::value::Value;

/// What a rule says of a row, and why.
#[derive(Debug, Clone)]
pub struct Answer {
    pub rule: RuleId,
    pub outcome: Outcome,
    /// The validity of the rule at the acceptance date, where it has one.
    pub valid: Option<Line>,
    pub condition: Line,
    /// Each with its name.
    pub exceptions: Vec<(String, Line)>,
    /// What a run says: score, message, evidence, open fields.
    pub finding: Finding,
    /// The smallest changes that turn the answer, the smallest first.
    pub flips: Vec<Flip>,
}

/// A condition as it was written, and what became of it.
#[derive(Debug, Clone)]
pub struct Line {
    pub words: String,
    pub shape: Shape,
    /// `None` is unknown.
    pub truth: Option<bool>,
    /// What was tested, with values: `CN ≠ TW`.
    pub said: String,
    /// The same for people who do not read rules; empty where parts say it.
    pub sentence: String,
    pub terms: Vec<Term>,
    pub notes: Vec<Note>,
    pub parts: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    Test,
    All,
    Any,
    None,
    AtLeast(usize),
    Not,
    /// A definition; its part is what it says.
    Named,
    /// Another rule; its part is that rule's outcome.
    Hit,
}

/// A named value of a test.
#[derive(Debug, Clone)]
pub struct Term {
    pub name: String,
    /// What the schema calls it; empty when it does not.
    pub label: String,
    /// With its unit, `(no value)` when missing.
    pub text: String,
    pub missing: Option<Reason>,
    /// What it was computed from.
    pub parts: Vec<Term>,
}

/// Values of facts, by what they look at in the judged row.
pub type Known = BTreeMap<(FactId, Vec<Value>), Value>;

/// Rules, their words, and the past rows of the rows at hand.
pub struct Bench<'a> {
    pub set: &'a RuleSet,
    pub sources: &'a Sources,
    pub past: &'a Past,
}

impl Bench<'_> {
    /// The row with what the facts say of it. Rows that are the same in the eyes of a fact share
    /// its value.
    pub fn informed(&self, row: &Row, facts: &BTreeSet<FactId>, known: &mut Known) -> Row {
        let mut res = row.clone();
        for id in facts {
            let seen = past::seen(&self.set.facts[id.0], row);
            let value = known.entry((*id, seen)).or_insert_with(|| self.fact(*id, row, &[]));
            res.know(*id, value.clone());
        }
        res
    }

    /// The value of a fact for a row of which these changes are made already.
    fn fact(&self, id: FactId, row: &Row, changes: &[Change]) -> Value {
        let fact = &self.set.facts[id.0];
        if changes.is_empty() || !past::of_own(fact) {
            return match history::lacking(self.set, fact, row) {
                Some(reason) => Value::Missing(reason),
                None => self.past.said(self.set, id, row).value,
            };
        }
        // Rows of the declaration itself change with it, their keys too.
        let rows: Vec<(Row, usize)> = self
            .past
            .all(id)
            .map(|(it, times)| (change::applied(&self.set.schema, it, fact.rows, changes), times))
            .collect();
        history::over(self.set, fact, row, rows.iter().map(|it| (&it.0, it.1)))
    }

    /// The row after the changes, with the facts of the rule.
    pub fn changed(&self, rule: RuleId, row: &Row, changes: &[Change]) -> Row {
        let level = self.set.rules[rule.0].level;
        let mut res = change::applied(&self.set.schema, row, level, changes);
        for id in self.set.facts_of(&[rule], false) {
            if self.depends(id, changes) {
                res.know(id, self.fact(id, &res, changes));
            }
        }
        res
    }

    /// The facts of the rule that look at rows of other keys once the changes are made.
    pub fn moved(&self, rule: RuleId, changes: &[Change]) -> BTreeSet<FactId> {
        let mut res = BTreeSet::new();
        for id in self.set.facts_of(&[rule], false) {
            let judged = self.set.facts[id.0].judged();
            let has = |it: &E| {
                let fields = fields_of(it);
                changes.iter().any(|change| fields.contains(&change.field))
            };
            if judged.into_iter().any(has) {
                res.insert(id);
            }
        }
        res
    }

    fn depends(&self, id: FactId, changes: &[Change]) -> bool {
        let fact = &self.set.facts[id.0];
        let has = |it: &E| {
            let fields = fields_of(it);
            changes.iter().any(|change| fields.contains(&change.field))
        };
        fact.judged().into_iter().any(has)
            || past::of_own(fact) && fact.of_rows().into_iter().any(has)
    }

    /// What the rule says of the row once the changes are made.
    pub fn outcome(&self, rule: RuleId, row: &Row, changes: &[Change]) -> Outcome {
        interpret::outcome(self.set, rule, &self.changed(rule, row, changes))
    }

    /// When the rule is in force, where it says so.
    fn valid(&self, rule: RuleId) -> Option<&E> {
        let it = &self.set.rules[rule.0];
        match &it.outcome.kind {
            Kind::And(parts) if !std::sync::Arc::ptr_eq(&it.outcome, &it.condition) => {
                parts.first().filter(|part| !std::sync::Arc::ptr_eq(part, &it.condition))
            }
            _ => None,
        }
    }

    /// The rule line by line, for a row that knows its facts.
    pub fn answer(&self, rule: RuleId, row: &Row) -> Answer {
        let it = &self.set.rules[rule.0];
        let exception =
            |it: &crate::ir::Exception| (it.name.clone(), self.line(&it.condition, row));
        Answer {
            rule,
            outcome: interpret::outcome(self.set, rule, row),
            valid: self.valid(rule).map(|it| self.line(it, row)),
            condition: self.line(&it.condition, row),
            exceptions: it.exceptions.iter().map(exception).collect(),
            finding: explain::finding(self.set, rule, row),
            flips: Vec::new(),
        }
    }
}
