//! Decisions as rows: one a declaration, in the order of keys.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringBuilder;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde_json::Value as Json;
use serde_json::json;

use crate::decide::Decision;
use crate::decide::Found;
use crate::decide::Weight;
use crate::decide::among;
use crate::decide::among::Settled;
use crate::decide::count::Counted;
use crate::decide::words;
use crate::hit::Outcome;
use crate::ir::Policy;
use crate::ir::RuleSet;
use crate::ir::policy::ChannelId;
use crate::sort::merge::Merge;
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

/// Decisions on their way into batches of [`ROWS`].
pub struct Rows {
    schema: SchemaRef,
    columns: Vec<StringBuilder>,
    count: usize,
}

impl Rows {
    pub fn new(schema: &SchemaRef) -> Rows {
        let columns = schema.fields().iter().map(|_| StringBuilder::new()).collect();
        Rows { schema: schema.clone(), columns, count: 0 }
    }

    pub fn push(&mut self, keys: &[String], values: &[Option<String>]) {
        let (own, others) = self.columns.split_at_mut(keys.len());
        own.iter_mut().zip(keys).for_each(|(column, key)| column.append_value(key));
        for (column, value) in others.iter_mut().zip(values) {
            column.append_option(value.as_deref());
        }
        self.count += 1;
    }

    pub fn is_full(&self) -> bool {
        ROWS <= self.count
    }

    /// What was pushed; afterwards nothing is.
    ///
    /// Errors: none but a fault of ours.
    pub fn take(&mut self) -> Result<RecordBatch, Trouble> {
        self.count = 0;
        let columns = self.columns.iter_mut().map(|it| Arc::new(it.finish()) as ArrayRef);
        RecordBatch::try_new(self.schema.clone(), columns.collect()).map_err(broken)
    }
}

/// Decisions on declarations alone.
///
/// Errors: none but a fault of ours.
pub fn batch(set: &RuleSet, policy: &Policy, all: &[Decision]) -> Result<RecordBatch, Trouble> {
    let mut rows = Rows::new(&schema(set, policy));
    all.iter().for_each(|it| rows.push(&it.keys, &values(set, policy, it)));
    rows.take()
}

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("decisions do not fit their own schema")
}

/// Decisions in the order of their numbers, each alone until now, with what became of them in line
/// and together.
pub struct Settling<'a> {
    pub policy: &'a Policy,
    pub schema: SchemaRef,
    /// What became of them, by number.
    pub settled: Cursor,
    pub counted: &'a mut Counted,
    /// The number of the next decision.
    pub next: u64,
}

/// Where reading of what became of decisions is.
pub struct Cursor {
    rows: Merge,
    batch: Option<RecordBatch>,
    row: usize,
}

impl Cursor {
    /// Errors: a disk that refuses.
    pub fn new(rows: Merge) -> Result<Cursor, Trouble> {
        let mut res = Cursor { rows, batch: None, row: 0 };
        res.load()?;
        Ok(res)
    }

    fn load(&mut self) -> Result<(), Trouble> {
        (self.batch, self.row) = (self.rows.next().transpose()?, 0);
        Ok(())
    }

    fn now(&self) -> Option<Settled<'_>> {
        self.batch.as_ref().map(|it| among::settled(it, self.row))
    }

    fn advance(&mut self) -> Result<(), Trouble> {
        self.row += 1;
        match &self.batch {
            Some(it) if it.num_rows() <= self.row => self.load(),
            Some(_) | None => Ok(()),
        }
    }
}

impl Settling<'_> {
    /// Errors: a disk that refuses.
    pub fn settle(&mut self, batch: RecordBatch) -> Result<RecordBatch, Trouble> {
        let first = self.next;
        self.next += batch.num_rows() as u64;
        if self.settled.now().is_none_or(|it| self.next <= it.number) {
            return Ok(batch);
        }
        let keys = batch.num_columns() - COLUMNS.len();
        let mut rows = Rows::new(&self.schema);
        for row in 0..batch.num_rows() {
            let text = |at: usize| {
                let it = batch.column(at).as_string::<i32>();
                it.is_valid(row).then(|| it.value(row).to_owned())
            };
            let own: Vec<String> = (0..keys).map(|at| text(at).unwrap_or_default()).collect();
            let mut values: Vec<Option<String>> = (keys..batch.num_columns()).map(text).collect();
            while let Some(it) = self.settled.now()
                && it.number == first + row as u64
            {
                turned(self.policy, self.counted, &it, &mut values);
                self.settled.advance()?;
            }
            rows.push(&own, &values);
        }
        rows.take()
    }
}

/// A decision after one step more.
fn turned(policy: &Policy, counted: &mut Counted, it: &Settled, values: &mut [Option<String>]) {
    let [channel, reason, .., rank, steps, why] = values else { return };
    let to = ChannelId(it.channel as usize);
    let from = channel.as_deref().and_then(|it| policy.channel(it)).unwrap_or(to);
    let given = [words::CAPACITY, words::TOGETHER].into_iter().find(|word| it.reason == Some(word));
    counted.turn((from, reason.as_deref().unwrap_or_default()), to, given);
    *channel = Some(policy.word(to).to_owned());
    if let Some(it) = given {
        *reason = Some(it.to_owned());
    }
    if let Some(it) = it.rank {
        *rank = Some(it.to_owned());
    }
    let step = json!({"channel": policy.word(to), "words": it.words}).to_string();
    *steps = Some(match steps.as_deref().and_then(|it| it.strip_suffix(']')) {
        Some(before) => format!("{before},{step}]"),
        None => format!("[{step}]"),
    });
    let before = why.take().unwrap_or_default();
    let between = if before.ends_with(": ") { "" } else { "; " };
    *why = Some(format!("{before}{between}{}", it.words));
}

/// The columns after the keys, of a declaration alone.
pub fn values(set: &RuleSet, policy: &Policy, it: &Decision) -> [Option<String>; 12] {
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
        None,
        list(it.steps.iter().map(|step| {
            json!({"channel": policy.word(step.to), "words": words::words(set, policy, it, step)})
        })),
        Some(words::sentence(set, policy, it)),
    ]
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
