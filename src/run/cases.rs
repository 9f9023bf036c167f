//! Cases of tests, judged by one engine or by both.

use std::collections::BTreeMap;

use crate::interpret::Row;
use crate::interpret::explain;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::cases::ExpectKind;
use crate::ir::cases::Subject;
use crate::ir::cases::Test;
use crate::run::tested;
use crate::source::Sources;
use crate::testing;
use crate::testing::Answer;
use crate::testing::CaseId;
use crate::testing::Group;
use crate::testing::judge;
use crate::testing::judge::Got;
use crate::testing::parts;
use crate::testing::parts::Part;
use crate::testing::rows;
use crate::testing::rows::Stored;
use crate::trouble::Trouble;

/// Who judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Both,
    Interpreter,
    DataFusion,
}

/// A case, judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// `R0101`, `profile peers`
    pub subject: String,
    pub title: String,
    /// The row of its table, from 1.
    pub row: Option<usize>,
    pub file: String,
    pub line: usize,
    pub answers: Vec<Answer>,
    /// Of a case that failed.
    pub parts: Vec<Part>,
    /// What DataFusion says, where it is something else: a fault of tamis.
    pub fault: Option<String>,
}

impl Judged {
    pub fn passed(&self) -> bool {
        self.fault.is_none() && self.answers.iter().all(|it| it.passed)
    }

    /// In one line: `expected hit, got no hit`
    pub fn message(&self) -> String {
        let failed = self.answers.iter().filter(|it| !it.passed);
        let mut all: Vec<String> =
            failed.map(|it| format!("expected {}, got {}", it.expected, it.got)).collect();
        all.extend(self.fault.as_ref().map(|it| format!("the engines disagree: {it}")));
        all.join("; ")
    }

    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// Every case of the tests that are wanted, in the order of files and lines.
///
/// Errors: what a run stops at.
pub fn judge(
    set: &RuleSet,
    sources: &Sources,
    wanted: &dyn Fn(&Test) -> bool,
    backend: Backend,
) -> Result<Vec<Judged>, Trouble> {
    let mut res: Vec<(CaseId, Judged)> = Vec::new();
    for group in testing::groups(set, wanted) {
        res.extend(judge_group(set, sources, &group, backend)?);
    }
    let place = |id: CaseId| {
        let span = testing::test(set, id).0.span;
        (sources.get(span.file).path.clone(), span.start, id)
    };
    res.sort_by_cached_key(|it| place(it.0));
    Ok(res.into_iter().map(|it| it.1).collect())
}

fn judge_group(
    set: &RuleSet,
    sources: &Sources,
    group: &Group,
    backend: Backend,
) -> Result<Vec<(CaseId, Judged)>, Trouble> {
    let shape = &group.shape;
    let stored: Vec<Vec<Stored>> = group
        .cases
        .iter()
        .enumerate()
        .map(|(at, id)| rows::stored(shape, testing::test(set, *id).1, at))
        .collect();
    let by_plan = match backend {
        Backend::Interpreter => BTreeMap::new(),
        Backend::Both | Backend::DataFusion => tested::got(shape, &stored)?,
    };
    let mut res = Vec::new();
    for (at, id) in group.cases.iter().enumerate() {
        let rule = testing::rule_of(set, *id);
        let values = shape.values_of(*id);
        let asked: Vec<RuleId> = rule.into_iter().chain(values.iter().map(|it| it.1)).collect();
        let judged = rows::judged(&shape.set, shape.level, &asked, &stored[at]);
        let interpreted = |it: RuleId| judge::got(&shape.set, it, &judged);
        let got = |it: RuleId| match backend {
            Backend::DataFusion => by_plan.get(&(at, it)).cloned().unwrap_or_default(),
            Backend::Both | Backend::Interpreter => interpreted(it),
        };
        let of_values: BTreeMap<usize, Got> = values.iter().map(|it| (it.0, got(it.1))).collect();
        let channel = match rule {
            Some(rule) => judge::channel(shape, rule, &judged)?,
            None => None,
        };
        let of_rule = rule.map(got);
        let mut answers =
            testing::answers(set, *id, of_rule.as_ref(), channel.as_ref(), &of_values);
        fill(set, &shape.set, *id, &values, &judged, &mut answers);
        let mut fault = None;
        if backend == Backend::Both {
            for it in &asked {
                let other = by_plan.get(&(at, *it)).cloned().unwrap_or_default();
                if !other.agrees(&interpreted(*it)) {
                    fault = Some(format!("{} of {}", other.words(), shape.set.rules[it.0].id));
                }
            }
        }
        let failed = fault.is_some() || answers.iter().any(|it| !it.passed);
        let parts = match (rule, judged.first()) {
            (Some(rule), Some(row)) if failed => parts::parts(&shape.set, sources, rule, row),
            _ => Vec::new(),
        };
        let (test, case) = testing::test(set, *id);
        let place = sources.place(case.span);
        let judged = Judged {
            subject: match &test.subject {
                Subject::Rule(it) => set.rules[it.0].id.to_string(),
                Subject::Profile(name) => format!("profile {name}"),
            },
            title: test.title.clone(),
            row: case.row,
            file: sources.get(case.span.file).path.clone(),
            line: place.line,
            answers,
            parts,
            fault,
        };
        res.push((*id, judged));
    }
    Ok(res)
}

/// What expected values are instead: said of the first row.
fn fill(
    set: &RuleSet,
    shaped: &RuleSet,
    id: CaseId,
    values: &[(usize, RuleId)],
    rows: &[Row],
    answers: &mut [Answer],
) {
    let (test, case) = testing::test(set, id);
    // A profile has no outcome to answer: its answers are the values alone.
    let counted = |it: &ExpectKind| {
        matches!(it, ExpectKind::Value { .. }) || matches!(test.subject, Subject::Rule(_))
    };
    let places = case.expects.iter().enumerate().filter(|it| counted(&it.1.kind));
    for ((place, _), answer) in places.zip(answers.iter_mut()) {
        let Some((_, rule)) = values.iter().find(|it| it.0 == place) else { continue };
        let got = match (rows.first(), shaped.rules[rule.0].show.first()) {
            (Some(row), Some((_, value))) => explain::words_of(shaped, value, row),
            _ => "(no value)".to_owned(),
        };
        answer.got = format!("{} is {got}", answer.expected);
        if let ExpectKind::Value { wanted, .. } = &case.expects[place].kind {
            answer.expected = format!("{} is {wanted}", answer.expected);
        }
    }
}
