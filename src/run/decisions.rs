//! Decisions as rows: one a declaration, in the order of keys.

use std::path::Path;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde_json::Value as Json;
use serde_json::json;

use crate::decide::By;
use crate::decide::Decision;
use crate::decide::Found;
use crate::decide::Weight;
use crate::decide::words;
use crate::hit::Outcome;
use crate::ir::Policy;
use crate::ir::RuleSet;
use crate::run::write::Writer;
use crate::trouble::Trouble;

/// The columns after the keys. `hits`, `undecided`, `suppressed`, `draws` and `steps` are JSON.
pub const COLUMNS: [&str; 12] = [
    "channel",
    "reason",
    "score",
    "potential_score",
    "mandatory",
    "hits",
    "undecided",
    "suppressed",
    "draws",
    "rank",
    "steps",
    "why",
];

/// Rows in a batch.
const ROWS: usize = 8_192;

pub fn schema(set: &RuleSet, policy: &Policy) -> SchemaRef {
    let keys = set.schema.key_fields(policy.level);
    let keys = keys.iter().map(|it| set.schema.field(*it).name.clone());
    let all = keys.chain(COLUMNS.iter().map(|it| (*it).to_owned()));
    Arc::new(Schema::new(all.map(|it| Field::new(it, DataType::Utf8, true)).collect::<Vec<_>>()))
}

/// All of them, or nothing, in a file of the format that its name says. Says how many.
///
/// Errors: as those of [`Writer`].
pub fn write(
    path: &Path,
    set: &RuleSet,
    policy: &Policy,
    all: &[Decision],
) -> Result<u64, Trouble> {
    let schema = schema(set, policy);
    let mut writer = Writer::create(path, &schema, usize::MAX)?;
    for part in all.chunks(ROWS) {
        writer.write(&batch(set, policy, &schema, part)?)?;
    }
    writer.finish()
}

/// Errors: none but a fault of ours.
pub fn batch(
    set: &RuleSet,
    policy: &Policy,
    schema: &SchemaRef,
    all: &[Decision],
) -> Result<RecordBatch, Trouble> {
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); schema.fields().len()];
    for it in all {
        let keys = it.keys.iter().cloned().map(Some);
        for (column, value) in columns.iter_mut().zip(keys.chain(values(set, policy, it))) {
            column.push(value);
        }
    }
    let arrays = columns.into_iter().map(|it| Arc::new(StringArray::from(it)) as ArrayRef);
    RecordBatch::try_new(schema.clone(), arrays.collect())
        .map_err(|_| Trouble::bug("decisions do not fit their own schema"))
}

fn values(set: &RuleSet, policy: &Policy, it: &Decision) -> [Option<String>; 12] {
    let heeded = |weight: Weight| !matches!(weight, Weight::Suppressed(_));
    let of = |wanted: Outcome| {
        list(it.found.iter().filter(|(it, weight)| it.outcome == wanted && heeded(*weight)).map(
            |(it, weight)| match wanted {
                Outcome::Hit => hit(set, it, *weight),
                Outcome::Undecided | Outcome::NoHit => undecided(set, it, *weight),
            },
        ))
    };
    let suppressed = it.found.iter().filter_map(|(it, weight)| match weight {
        Weight::Suppressed(by) => Some(suppressed(set, policy, it, *by)),
        Weight::Counts | Weight::Silent => None,
    });
    [
        Some(policy.word(it.channel).to_owned()),
        Some(words::reason(set, policy, it).to_owned()),
        Some(it.score.to_string()),
        Some(it.potential_score.to_string()),
        it.mandatory.map(|it| policy.word(it).to_owned()),
        of(Outcome::Hit),
        of(Outcome::Undecided),
        list(suppressed),
        list(it.draws.iter().map(|it| {
            let draw = &policy.draws[it.draw];
            json!({"of": policy.word(draw.of), "to": policy.word(draw.to),
                   "number": it.number, "rate": it.rate, "drawn": it.is_drawn()})
        })),
        rank(policy, it),
        list(it.steps.iter().map(|step| {
            json!({"channel": policy.word(step.to), "words": words::words(set, policy, it, step)})
        })),
        Some(words::sentence(set, policy, it)),
    ]
}

/// `3 of 20`: of the last line it stood in.
fn rank(policy: &Policy, it: &Decision) -> Option<String> {
    it.steps.iter().rev().find_map(|it| match it.by {
        By::Place { capacity, rank }
        | By::Kept { capacity, rank }
        | By::Full { capacity, rank }
        | By::Most { capacity, rank } => {
            Some(format!("{rank} of {}", policy.capacities[capacity].places))
        }
        By::Route(_) | By::Rule(_) | By::Undecided(_) | By::Draw(_) | By::Together(_) => None,
    })
}

/// `None` for nothing.
fn list(all: impl Iterator<Item = Json>) -> Option<String> {
    let all: Vec<Json> = all.collect();
    if all.is_empty() { None } else { Some(Json::Array(all).to_string()) }
}

fn common(set: &RuleSet, it: &Found, weight: Weight) -> Json {
    let rule = &set.rules[it.rule.0];
    let status = rule.status.map(crate::ir::Status::words);
    json!({"rule": &*rule.id, "item": it.item.join("/"), "status": status,
           "counts": weight == Weight::Counts, "score": it.score.map(|it| it.to_string())})
}

fn hit(set: &RuleSet, it: &Found, weight: Weight) -> Json {
    let mut res = common(set, it, weight);
    let evidence = serde_json::from_str(&it.evidence).unwrap_or(Json::Null);
    res["channel"] = json!(set.rules[it.rule.0].channel);
    res["because"] = json!(it.because);
    res["evidence"] = evidence;
    res
}

fn undecided(set: &RuleSet, it: &Found, weight: Weight) -> Json {
    let mut res = common(set, it, weight);
    res["fields"] = json!(it.open);
    res
}

fn suppressed(set: &RuleSet, policy: &Policy, it: &Found, by: usize) -> Json {
    let mut res = common(set, it, Weight::Suppressed(by));
    let exemption = &policy.exemptions[by];
    res["outcome"] = json!(it.outcome.words());
    res["because"] =
        json!(format!("exempt {} when {}", exemption.tags.join(", "), exemption.when.words));
    res
}
