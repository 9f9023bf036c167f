//! Why a row is a hit or undecided: evidence, message, and the fields that leave it open.

use crate::hit::Finding;
use crate::hit::Outcome;
use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::open;
use crate::interpret::outcome;
use crate::ir::E;
use crate::ir::Piece;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::schema::Type;
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
