//! Why a row is a hit or undecided: evidence, message, and the fields that leave it open.

use std::collections::BTreeSet;

use crate::hit::Finding;
use crate::hit::Outcome;
use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::open;
use crate::interpret::outcome;
use crate::interpret::truth;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::Piece;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::schema::Type;
use crate::value::Reason;
use crate::value::Value;

/// What an officer needs to know of a rule and a row.
pub fn finding(set: &RuleSet, rule: RuleId, row: &Row) -> Finding {
    let rule_id = rule;
    let rule = &set.rules[rule.0];
    let answer = outcome(set, rule_id, row);
    let mut it = Finding {
        outcome: answer,
        score: None,
        evidence: Vec::new(),
        because: String::new(),
        open: Vec::new(),
    };
    if answer == Outcome::NoHit {
        return it;
    }
    for (words, value) in &rule.show {
        it.evidence.push((words.clone(), words_of(set, value, row)));
    }
    if answer == Outcome::Hit {
        it.score = rule.score.as_ref().and_then(|it| eval(set, it, row).as_decimal());
        it.because = rule.because.iter().map(|piece| piece_text(set, piece, row)).collect();
        return it;
    }
    it.open = open::fields(set, &rule.outcome, row);
    it
}

fn piece_text(set: &RuleSet, piece: &Piece, row: &Row) -> String {
    match piece {
        Piece::Text(text) => text.clone(),
        Piece::Value(value) => words_of(set, value, row),
    }
}

/// The value with its unit: `12.5 EUR/kg`, `8 %`, `(no value)`.
pub fn words_of(set: &RuleSet, expr: &E, row: &Row) -> String {
    let value = eval(set, expr, row);
    words(set, &value, expr, row)
}

/// A value of the type of an expression.
pub fn words(set: &RuleSet, value: &Value, expr: &E, row: &Row) -> String {
    match (value, &expr.ty) {
        (Value::Missing(_), _) => "(no value)".to_owned(),
        (_, Type::Number(number)) => {
            let Some(it) = value.as_decimal() else { return String::new() };
            if number.percent {
                let hundred = crate::value::Decimal::new(it.unscaled.saturating_mul(100), it.scale);
                return format!("{hundred} %");
            }
            let unit = unit_text(set, &number.dimension, row);
            if unit.is_empty() { it.to_string() } else { format!("{it} {unit}") }
        }
        (value, _) => value.to_string(),
    }
}

/// A unit that stands in a field of the row is read there.
fn unit_text(set: &RuleSet, dimension: &crate::value::unit::Dimension, row: &Row) -> String {
    let mut text = dimension.unit_text();
    for (base, _) in &dimension.0 {
        let crate::value::unit::Base::UnitOf(field) = base else { continue };
        let unit = (0..set.schema.records.len())
            .filter_map(|it| set.schema.find_field(crate::schema::RecordId(it), field))
            .find_map(|it| match row.get(it) {
                Value::Text(unit) => Some(unit),
                _ => None,
            });
        text = text.replace(field.as_str(), unit.as_deref().unwrap_or("?"));
    }
    text
}

/// A key as text; `None` when missing.
pub fn plain_text(value: &Value) -> Option<String> {
    if value.is_missing() { None } else { Some(value.to_string()) }
}

/// What the unknown parts of a test lack.
pub fn lacking(set: &RuleSet, expr: &E, row: &Row, open: &mut BTreeSet<String>) {
    match &expr.kind {
        Kind::Guard(test, value, reason) => {
            let is_refused = truth(&eval(set, test, row)) == Some(false);
            if is_refused {
                open.extend(refused(set, test, value, *reason, row));
            }
            for it in [test, value] {
                // Fields that are missing are told before what the data do not reach back to.
                let untold = is_refused && is_incomplete(set, it, row);
                if truth(&eval(set, it, row)).is_none() && !untold {
                    open.extend(open::fields(set, it, row));
                }
            }
        }
        _ if matches!(expr.kind, Kind::Field(_) | Kind::OrElse(..)) => causes(set, expr, row, open),
        _ => {
            for part in expr.parts() {
                causes(set, part, row, open);
            }
        }
    }
}

/// Why a value is missing: fields, with a reason where it is another than their absence.
fn causes(set: &RuleSet, expr: &E, row: &Row, open: &mut BTreeSet<String>) {
    let Value::Missing(reason) = eval(set, expr, row) else { return };
    if let Kind::Field(id) = &expr.kind {
        open.insert(set.schema.field(*id).name.clone());
        return;
    }
    if let Kind::OrElse(left, right) = &expr.kind {
        causes(set, left, row, open);
        causes(set, right, row, open);
        return;
    }
    if let Kind::Fact(id) = &expr.kind {
        let fact = &set.facts[id.0];
        if reason != Reason::NotGiven {
            open.insert(format!("{} ({})", fact.words, reason.words()));
            return;
        }
        for it in fact.needed() {
            causes(set, it, row, open);
        }
        return;
    }
    // A profile is one thing to its readers.
    if let Kind::Named(name, _) = &expr.kind
        && name.contains('.')
        && reason != Reason::NotGiven
    {
        open.insert(format!("{name} ({})", reason.words()));
        return;
    }
    if let Kind::Guard(test, value, reason) = &expr.kind {
        if truth(&eval(set, test, row)) == Some(false) {
            open.extend(refused(set, test, value, *reason, row));
            return;
        }
        causes(set, value, row, open);
        for part in test.parts() {
            causes(set, part, row, open);
        }
        return;
    }
    let before = open.len();
    let mut any = false;
    for part in expr.parts() {
        any |= eval(set, part, row).is_missing();
        causes(set, part, row, open);
    }
    if any || before != open.len() || reason == Reason::NotGiven {
        return;
    }
    for name in names(set, blamed(expr)) {
        open.insert(format!("{name} ({})", reason.words()));
    }
}

fn is_incomplete(set: &RuleSet, it: &E, row: &Row) -> bool {
    match &it.kind {
        Kind::Guard(told, _, Reason::HistoryIncomplete) => {
            truth(&eval(set, told, row)) == Some(false)
        }
        _ => false,
    }
}

/// Why a guard lets nothing through: fields, statistics, with the reason.
fn refused(set: &RuleSet, test: &E, value: &E, reason: Reason, row: &Row) -> BTreeSet<String> {
    let told = |all: BTreeSet<String>| {
        let with_reason = |it: String| match reason {
            Reason::NotGiven => it,
            _ => format!("{it} ({})", reason.words()),
        };
        all.into_iter().map(with_reason).collect::<BTreeSet<String>>()
    };
    if reason == Reason::HistoryIncomplete {
        let mut found = BTreeSet::new();
        let mut todo = vec![value];
        while let Some(it) = todo.pop() {
            if let Kind::Fact(id) = &it.kind {
                found.insert(set.facts[id.0].words.to_string());
            }
            todo.extend(it.parts());
        }
        return told(found);
    }
    let blamed = match (&value.kind, &test.kind, reason) {
        (Kind::Arithmetic(_, amount, _), _, Reason::NoRate) => vec![amount],
        (_, Kind::And(parts), _) => {
            parts.iter().filter(|it| truth(&eval(set, it, row)) == Some(false)).collect()
        }
        _ => test.parts(),
    };
    told(names(set, blamed))
}

/// Of a division the divisor, else every part.
fn blamed(expr: &E) -> Vec<&E> {
    match &expr.kind {
        Kind::Arithmetic(crate::ir::Arithmetic::Divide, _, divisor) => vec![divisor],
        Kind::Parameter(..) => vec![expr],
        Kind::Lookup(it) => it.keys.iter().collect(),
        _ => expr.parts(),
    }
}

fn names(set: &RuleSet, parts: Vec<&E>) -> BTreeSet<String> {
    let mut res = BTreeSet::new();
    let mut todo = parts;
    while let Some(it) = todo.pop() {
        match &it.kind {
            Kind::Field(id) => {
                res.insert(set.schema.field(*id).name.clone());
            }
            Kind::Parameter(at, _) => {
                res.insert(set.parameters[*at].name.to_string());
            }
            Kind::Fact(id) => {
                res.insert(set.facts[id.0].words.to_string());
            }
            _ => todo.extend(it.parts()),
        }
    }
    res
}
