//! What a stable rule must have: an owner, a review, and tests that show what it does.

use std::collections::BTreeSet;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::interpret;
use crate::interpret::Row;
use crate::interpret::truth;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Kind;
use crate::ir::Rule;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::Status;
use crate::ir::cases::ExpectKind;
use crate::ir::cases::Subject;
use crate::ir::cases::Test;
use crate::source::Sources;
use crate::source::Span;
use crate::testing;
use crate::testing::Group;
use crate::testing::rows;
use crate::testing::rows::Stored;
use crate::testing::unknown;
use crate::value::Value;
use crate::value::calendar;

const YEAR: i32 = 365;

/// What stable rules lack; reviews are held against `today`, days since 1970-01-01.
pub fn demands(set: &RuleSet, sources: &Sources, today: Option<i32>) -> Vec<Diagnostic> {
    let mut res = Vec::new();
    for (at, rule) in set.rules.iter().enumerate() {
        if rule.status != Some(Status::Stable) {
            continue;
        }
        let lacking = lacking(set, sources, RuleId(at), rule);
        if !lacking.is_empty() {
            let message = format!("rule {} is stable, and lacks {}", rule.id, lacking.join(", "));
            let help = "write the tests below the rule, or make it `status experimental`";
            res.push(Diagnostic::new(Code::T7101, rule.span, message).help(help));
        }
        if let (Some(day), Some(today)) = (rule.reviewed, today)
            && YEAR < today.saturating_sub(day)
        {
            let message =
                format!("rule {} was last reviewed on {}", rule.id, calendar::date_text(day));
            let help = "read it again, and say so: `reviewed` and the date";
            res.push(Diagnostic::new(Code::T7102, rule.span, message).help(help));
        }
    }
    res
}

fn lacking(set: &RuleSet, sources: &Sources, id: RuleId, rule: &Rule) -> Vec<String> {
    let mut res = Vec::new();
    res.extend(rule.owner.is_empty().then(|| "an owner".to_owned()));
    res.extend(rule.reviewed.is_none().then(|| "a date of review: `reviewed 2026-05-01`".into()));
    let own = |test: &Test| match test.subject {
        Subject::Rule(it) => it == id,
        Subject::Profile(_) => false,
    };
    let cases = set.tests.iter().filter(|it| own(it)).flat_map(|it| &it.cases);
    let expected: BTreeSet<Option<bool>> = cases
        .flat_map(|it| &it.expects)
        .filter_map(|it| match &it.kind {
            ExpectKind::Outcome(it, _) => Some(*it),
            ExpectKind::Score(_) | ExpectKind::Channel(_) | ExpectKind::Value { .. } => None,
        })
        .collect();
    let open = unknown::can_be_unknown(set, &rule.outcome);
    let wanted =
        [(Some(true), "hit", true), (Some(false), "no hit", true), (None, "undecided", open)];
    for (outcome, words, needed) in wanted {
        if needed && !expected.contains(&outcome) {
            res.push(format!("a test that expects `{words}`"));
        }
    }
    let mut limits = limits(set, rule);
    for group in testing::groups(set, &own) {
        reach(set, &group, id, &mut limits);
    }
    for span in limits {
        let words: Vec<&str> = sources.slice(span).split_whitespace().collect();
        res.push(format!("a test at the limit of `{}`", words.join(" ")));
    }
    res
}

/// The places of comparisons with a number, date or duration that is written out.
fn limits(set: &RuleSet, rule: &Rule) -> BTreeSet<Span> {
    let exceptions = rule.exceptions.iter().map(|it| &it.condition);
    let mut all = Vec::new();
    for it in std::iter::once(&rule.condition).chain(exceptions) {
        comparisons(set, it, false, &mut all);
    }
    all.into_iter().map(|it| it.0.span).collect()
}

/// Comparisons of order, each with whether it is about rows that a statistic looks at.
fn comparisons(set: &RuleSet, it: &E, many: bool, res: &mut Vec<(E, bool)>) {
    match &it.kind {
        // What a profile needs is its own affair.
        Kind::Named(name, _) if name.contains('.') => return,
        Kind::Compare(op, left, right) if *op != Comparison::Equal => {
            let written = |part: &E| is_written(part, it.span);
            if written(left) || written(right) {
                res.push((it.clone(), many));
            }
        }
        Kind::Fact(id) => {
            let fact = &set.facts[id.0];
            for part in fact.filter.iter().chain(&fact.value) {
                comparisons(set, part, true, res);
            }
        }
        _ => {}
    }
    for part in it.parts() {
        comparisons(set, part, many, res);
    }
}

/// Whether a literal stands in it that has a place of its own.
fn is_written(it: &E, around: Span) -> bool {
    let literal = match &it.kind {
        Kind::Literal(value) => !matches!(value, Value::Missing(_) | Value::Text(_)),
        _ => false,
    };
    (literal && it.span != around) || it.parts().into_iter().any(|it| is_written(it, around))
}

/// Takes out the limits that some case of the group stands at.
fn reach(set: &RuleSet, group: &Group, id: RuleId, limits: &mut BTreeSet<Span>) {
    let shape = &group.shape;
    let rule = &shape.set.rules[id.0];
    let mut all = Vec::new();
    let exceptions = rule.exceptions.iter().map(|it| &it.condition);
    for it in std::iter::once(&rule.condition).chain(exceptions) {
        comparisons(&shape.set, it, false, &mut all);
    }
    for (at, case) in group.cases.iter().enumerate() {
        let stored: Vec<Stored> = rows::stored(shape, testing::test(set, *case).1, at);
        let judged = rows::judged(&shape.set, shape.level, &[id], &stored);
        let every: Vec<Row> = (0..stored.len()).map(|at| rows::whole(&stored, at)).collect();
        for (it, many) in &all {
            let rows = if *many { &every } else { &judged };
            if rows.iter().any(|row| at_limit(&shape.set, it, row)) {
                limits.remove(&it.span);
            }
        }
    }
}

fn at_limit(set: &RuleSet, it: &E, row: &Row) -> bool {
    let Kind::Compare(_, left, right) = &it.kind else { return false };
    let kind = Kind::Compare(Comparison::Equal, left.clone(), right.clone());
    let equal = Expr { kind, ty: it.ty.clone(), span: it.span };
    truth(&interpret::eval(set, &equal, row)) == Some(true)
}
