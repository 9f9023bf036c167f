//! `tamis.why/1`: everything, for programs.

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use crate::decide::words;
use crate::hit::Outcome;
use crate::interpret::why::Answer;
use crate::interpret::why::Line;
use crate::interpret::why::Shape;
use crate::interpret::why::Term;
use crate::interpret::why::change::Change;
use crate::interpret::why::change::Flip;
use crate::interpret::why::note::Note;
use crate::interpret::why::quantifier::Seen;
use crate::ir::RuleSet;
use crate::report;
use crate::report::why::Told;
use crate::report::why::note;
use crate::run::one::Judged;
use crate::schema::FieldId;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Value;
use crate::value::decimal;
use crate::value::unit;

pub fn json(told: &Told) -> String {
    let counts = told.counts();
    let what_if: Vec<Json> =
        told.declaration.changes.iter().map(|it| change(told.set, it)).collect();
    let recorded = told
        .recorded
        .map(|it| json!({"channel": it.channel, "steps": it.steps, "differences": it.differences}));
    let rows: Vec<Json> = told.rows().map(|it| row(told, it)).collect();
    let report = json!({
        "schema": "tamis.why/1", "id": told.declaration.id, "answers": counts.rules,
        "hits": counts.hits, "undecided": counts.undecided, "what_if": what_if,
        "decision": decision(told), "run": recorded, "rows": rows,
    });
    report::json(&report)
}

/// Of this declaration alone: nobody else stands in line.
fn decision(told: &Told) -> Json {
    let (Some(policy), Some(it)) = (&told.set.policy, &told.declaration.decision) else {
        return Json::Null;
    };
    let draws: Vec<Json> = it
        .draws
        .iter()
        .map(|it| json!({"number": it.number, "rate": it.rate, "drawn": it.is_drawn()}))
        .collect();
    json!({
        "policy": &*policy.name, "channel": policy.word(it.channel),
        "score": it.score.to_string(), "potential_score": it.potential_score.to_string(),
        "reason": words::reason(told.set, policy, it), "draws": draws, "steps": told.steps(),
        "capacity": false,
    })
}

fn row(told: &Told, it: &Judged) -> Json {
    let keys = told.set.schema.key_fields(it.level);
    let values: Vec<Value> = keys.iter().map(|id| it.row.get(*id)).collect();
    let before = |at: usize| it.before.get(at).map(|it| it.words());
    let rules: Vec<Json> = it
        .answers
        .iter()
        .enumerate()
        .filter(|it| told.all || it.1.outcome != Outcome::NoHit)
        .map(|(at, it)| answer(told, it, before(at)))
        .collect();
    json!({
        "record": told.set.schema.record(it.level).name,
        "key": key(told.set, &keys, &values), "rules": rules,
    })
}

fn key(set: &RuleSet, fields: &[FieldId], values: &[Value]) -> Json {
    let pairs = fields.iter().zip(values);
    let pair = |(id, value): (&FieldId, &Value)| (set.schema.field(*id).name.clone(), text(value));
    Json::Object(pairs.map(pair).collect::<Map<String, Json>>())
}

fn text(value: &Value) -> Json {
    if value.is_missing() { Json::Null } else { json!(value.to_string()) }
}

fn answer(told: &Told, it: &Answer, before: Option<&str>) -> Json {
    let rule = &told.set.rules[it.rule.0];
    let file = told.sources.get(rule.span.file);
    let exceptions: Vec<Json> = it
        .exceptions
        .iter()
        .map(|(name, it)| json!({"name": name, "condition": line(it)}))
        .collect();
    let evidence: Map<String, Json> =
        it.finding.evidence.iter().map(|(name, it)| (name.clone(), json!(it))).collect();
    json!({
        "rule": &*rule.id, "title": rule.title, "outcome": it.outcome.words(), "before": before,
        "file": file.path, "line": told.sources.place(rule.span).line,
        "valid": it.valid.as_ref().map(line), "condition": line(&it.condition),
        "exceptions": exceptions, "channel": rule.channel,
        "score": it.finding.score.map(|it| it.to_string()), "because": it.finding.because,
        "evidence": evidence, "undecided_because": it.finding.open,
        "flips": it.flips.iter().map(|it| flip(told.set, it)).collect::<Vec<_>>(),
    })
}

fn line(it: &Line) -> Json {
    let shape = match it.shape {
        Shape::Test => "test",
        Shape::All => "all of",
        Shape::Any => "any of",
        Shape::None => "none of",
        Shape::AtLeast(_) => "at least",
        Shape::Not => "not",
        Shape::Named => "definition",
        Shape::Hit => "rule",
    };
    json!({
        "words": it.words, "kind": shape, "truth": it.truth, "said": it.said,
        "sentence": it.sentence,
        "values": it.terms.iter().map(term).collect::<Vec<_>>(),
        "notes": it.notes.iter().map(note_json).collect::<Vec<_>>(),
        "parts": it.parts.iter().map(line).collect::<Vec<_>>(),
    })
}

fn term(it: &Term) -> Json {
    json!({
        "name": it.name, "label": it.label, "text": it.text,
        "missing": it.missing.map(|it| it.words()),
        "parts": it.parts.iter().map(term).collect::<Vec<_>>(),
    })
}

fn note_json(it: &Note) -> Json {
    let mut res = match it {
        Note::AtLimit => json!({"note": "at the limit"}),
        Note::Share { percent, of } => json!({"note": "share", "percent": percent, "of": of}),
        Note::Window { of, first, last, rows, values } => json!({
            "note": "window", "of": of, "first": first, "last": last, "rows": rows,
            "values": values,
        }),
        Note::Level { profile, level, levels, by } => json!({
            "note": "level", "profile": profile, "level": level, "levels": levels, "by": by,
        }),
        Note::Entry { list, key, from, to } => {
            json!({"note": "entry", "list": list, "key": key, "from": from, "to": to})
        }
        Note::NoEntry { list, ended } => json!({"note": "no entry", "list": list, "ended": ended}),
        Note::Parameter { name, value, since } => {
            json!({"note": "parameter", "name": name, "value": value, "since": since})
        }
        Note::Member { group, from, to } => {
            json!({"note": "member", "group": group, "from": from, "to": to})
        }
        Note::Missing { what, reason } => {
            json!({"note": "missing", "what": what, "reason": reason.words()})
        }
        Note::TooFew { profile, level, by, lacks } => {
            let lacks: Vec<Json> = lacks
                .iter()
                .map(|(found, least, of)| json!({"found": found, "least": least, "of": of}))
                .collect();
            json!({
                "note": "too few", "profile": profile, "level": level, "by": by,
                "lacks": lacks,
            })
        }
        Note::AsOf { record, day } => json!({"note": "as of", "record": record, "day": day}),
        Note::Rows { record, passed, failed, unknown } => {
            let seen = |it: &Seen| json!({"key": it.key, "values": it.values});
            let all = |it: &[Seen]| it.iter().map(seen).collect::<Vec<Json>>();
            json!({
                "note": "rows", "record": record, "passed": all(passed), "failed": all(failed),
                "unknown": all(unknown),
            })
        }
    };
    res["text"] = json!(note(it));
    res
}

fn flip(set: &RuleSet, it: &Flip) -> Json {
    let changes: Vec<Json> = it
        .changes
        .iter()
        .map(|it| {
            let mut res = change(set, &it.change);
            res["words"] = json!(it.words);
            res["before"] = json!(it.before);
            res["after"] = json!(it.after);
            res
        })
        .collect();
    json!({"outcome": it.after.words(), "changes": changes})
}

/// The value as a data file would have it: `--what-if` reads it too.
fn change(set: &RuleSet, it: &Change) -> Json {
    let keys = set.schema.key_fields(it.field.record);
    json!({
        "record": set.schema.record(it.field.record).name,
        "key": key(set, &keys, &it.keys),
        "field": set.schema.field(it.field).name,
        "value": written(set, it.field, &it.value),
    })
}

fn written(set: &RuleSet, id: FieldId, value: &Value) -> Json {
    let field = set.schema.field(id);
    let Value::Decimal(it) = value else { return text(value) };
    let factor = match &field.ty {
        Type::Number(it) if it.percent => Some((Decimal::new(1, 0), Decimal::new(100, 0))),
        _ => field.unit.as_deref().and_then(unit::parse).map(|it| (it.1, it.2)),
    };
    let in_unit = factor
        .and_then(|(factor, divisor)| decimal::divide(decimal::multiply(*it, divisor)?, factor));
    json!(in_unit.unwrap_or(*it).to_string())
}
