//! Tests in the language: cases judged, by the interpreter here, and held against what they expect.
//!
//! What a case gives instead of having it computed becomes a stored field of a rule set made for
//! all cases that give the same ([`shape`]); everything else is as in a run.

pub mod coverage;
pub mod demands;
pub mod judge;
pub mod mutate;
pub mod parts;
pub mod rows;
pub mod shape;
pub mod unknown;

use std::collections::BTreeMap;

use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::cases::Case;
use crate::ir::cases::ExpectKind;
use crate::ir::cases::Subject;
use crate::ir::cases::Test;
use crate::testing::judge::Got;
use crate::testing::shape::Shape;

/// A case, by its places: of the test, and in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseId {
    pub test: usize,
    pub case: usize,
}

/// Cases that share a shape, and the rule set made for them.
pub struct Group {
    pub shape: Shape,
    pub cases: Vec<CaseId>,
}

/// What became of one expectation of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub passed: bool,
    /// `hit`, `score 60`, `median is 25 EUR/kg`
    pub expected: String,
    pub got: String,
}

pub fn test(set: &RuleSet, id: CaseId) -> (&Test, &Case) {
    let test = &set.tests[id.test];
    (test, &test.cases[id.case])
}

/// The cases of the tests that are wanted, by shape.
pub fn groups(set: &RuleSet, wanted: &dyn Fn(&Test) -> bool) -> Vec<Group> {
    let mut by_key: BTreeMap<String, Vec<CaseId>> = BTreeMap::new();
    for (at, test) in set.tests.iter().enumerate().filter(|it| wanted(it.1)) {
        for (case, it) in test.cases.iter().enumerate() {
            let id = CaseId { test: at, case };
            by_key.entry(shape::key(test, it)).or_default().push(id);
        }
    }
    let group = |cases: Vec<CaseId>| Group { shape: shape::shape(set, &cases), cases };
    by_key.into_values().map(group).collect()
}

/// The rule that a case is about, and the rules that stand for what it expects of values.
pub fn rule_of(set: &RuleSet, id: CaseId) -> Option<RuleId> {
    match &test(set, id).0.subject {
        Subject::Rule(it) => Some(*it),
        Subject::Profile(_) => None,
    }
}

/// What a case expects, held against what was got: of the rule, and of each expected value.
pub fn answers(
    set: &RuleSet,
    id: CaseId,
    rule: Option<&Got>,
    channel: Option<&String>,
    values: &BTreeMap<usize, Got>,
) -> Vec<Answer> {
    let (_, case) = test(set, id);
    let mut res = Vec::new();
    for (at, it) in case.expects.iter().enumerate() {
        res.push(match (&it.kind, rule) {
            (ExpectKind::Value { words, .. }, _) => {
                let held = values.get(&at).is_some_and(|it| it.outcome == Some(true));
                Answer { passed: held, expected: words.clone(), got: String::new() }
            }
            (_, None) => continue,
            (ExpectKind::Outcome(wanted, fields), Some(got)) => {
                let named = |field: &String| {
                    got.open.iter().any(|it| crate::ir::expected::same_reason(field, it))
                };
                let passed = *wanted == got.outcome && fields.iter().all(named);
                Answer { passed, expected: judge::words(*wanted, fields), got: got.words() }
            }
            (ExpectKind::Score(wanted), Some(got)) => {
                let words = |it: &Option<crate::value::Decimal>| match it {
                    Some(it) => format!("score {}", it.normalised()),
                    None => "no score".to_owned(),
                };
                Answer {
                    passed: *wanted == got.score,
                    expected: words(wanted),
                    got: words(&got.score),
                }
            }
            (ExpectKind::Channel(wanted), Some(_)) => {
                let words = channel.map_or("no channel".to_owned(), |it| format!("channel {it}"));
                Answer {
                    passed: channel == Some(wanted),
                    expected: format!("channel {wanted}"),
                    got: words,
                }
            }
        });
    }
    res
}
