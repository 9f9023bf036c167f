//! What a rule says of a case: of all its rows together.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::decide;
use crate::decide::secret::Secrets;
use crate::hit::Finding;
use crate::hit::Outcome;
use crate::interpret::Row;
use crate::interpret::explain;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::testing;
use crate::testing::CaseId;
use crate::testing::rows;
use crate::testing::rows::Stored;
use crate::testing::shape::Shape;
use crate::trouble::Trouble;
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

/// Whether a case passes, by the interpreter.
///
/// Errors: none but a fault of ours.
pub fn passes(
    set: &RuleSet,
    shape: &Shape,
    id: CaseId,
    stored: &[Stored],
) -> Result<bool, Trouble> {
    let rule = testing::rule_of(set, id);
    let values = shape.values_of(id);
    let asked: Vec<RuleId> = rule.into_iter().chain(values.iter().map(|it| it.1)).collect();
    let rows = rows::judged(&shape.set, shape.level, &asked, stored);
    let got = |it: RuleId| got(&shape.set, it, &rows);
    let channel = match rule {
        Some(rule) => channel(shape, rule, &rows)?,
        None => None,
    };
    let values: BTreeMap<usize, Got> = values.iter().map(|it| (it.0, got(it.1))).collect();
    let answers = testing::answers(set, id, rule.map(got).as_ref(), channel.as_ref(), &values);
    Ok(answers.iter().all(|it| it.passed))
}

/// The channel of a declaration of which only this rule is known: by the policy, without draws and
/// capacity; without a policy that of the rule.
///
/// Errors: none but those of keys, of which there are none here.
pub fn channel(shape: &Shape, rule: RuleId, rows: &[Row]) -> Result<Option<String>, Trouble> {
    let Some(set) = &shape.decided else {
        let own = shape.set.rules[rule.0].channel.clone();
        let hit = got(&shape.set, rule, rows).outcome == Some(true);
        return Ok(own.filter(|_| hit));
    };
    let (Some(policy), Some(row)) = (&set.policy, rows.first()) else { return Ok(None) };
    let secrets = Secrets::of(policy)?;
    let found = rows.iter().filter_map(|row| decide::finding(set, rule, Vec::new(), row));
    let decision = decide::alone(set, &secrets, Vec::new(), row, found.collect());
    Ok(decision.and_then(|it| policy.channels.values.get(it.channel.0).cloned()))
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
