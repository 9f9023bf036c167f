//! Decisions as rows: one a declaration, in the order of keys.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringArray;
use arrow::array::StringBuilder;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde::Serialize;
use serde_json::Value as Json;

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
/// Bytes after which a batch gets no more rows.
const BYTES: usize = 32 << 20;

pub fn schema(set: &RuleSet, policy: &Policy) -> SchemaRef {
    let keys = set.schema.key_fields(policy.level);
    let keys = keys.iter().map(|it| set.schema.field(*it).name.clone());
    let all = keys.chain(COLUMNS.iter().map(|it| (*it).to_owned()));
    Arc::new(Schema::new(all.map(|it| Field::new(it, DataType::Utf8, true)).collect::<Vec<_>>()))
}

/// Decisions on their way into batches of [`ROWS`], or fewer where they are long.
pub struct Rows {
    schema: SchemaRef,
    columns: Vec<StringBuilder>,
    count: usize,
    bytes: usize,
}

/// What decisions that are all alike hold after the keys, for as many rows as a batch has.
pub struct Alike {
    columns: Vec<Option<StringArray>>,
    /// Of one row.
    bytes: usize,
}

impl Alike {
    pub fn new(values: &[Option<String>]) -> Alike {
        let length = |it: &Option<String>| it.as_ref().map_or(0, String::len);
        let bytes: usize = values.iter().map(length).sum();
        let rows = ROWS.min(BYTES / bytes.max(1) + 1);
        let column = |it: &Option<String>| {
            let it = it.as_ref()?;
            Some(StringArray::from_iter_values(std::iter::repeat_n(it, rows)))
        };
        Alike { columns: values.iter().map(column).collect(), bytes }
    }
}

impl Rows {
    pub fn new(schema: &SchemaRef) -> Rows {
        let columns = schema.fields().iter().map(|_| StringBuilder::new()).collect();
        Rows { schema: schema.clone(), columns, count: 0, bytes: 0 }
    }

    pub fn push(&mut self, keys: &[String], values: &[Option<String>]) {
        let (own, others) = self.columns.split_at_mut(keys.len());
        own.iter_mut().zip(keys).for_each(|(column, key)| column.append_value(key));
        for (column, value) in others.iter_mut().zip(values) {
            column.append_option(value.as_deref());
            self.bytes += value.as_ref().map_or(0, String::len);
        }
        self.count += 1;
    }

    /// Adds a decision for each of these keys that is another than that before it, until it is
    /// full: says how many. What is left of `rows` was not looked at. Keys that begin with nothing
    /// are of no declaration.
    ///
    /// Errors: none but a fault of ours.
    pub fn push_alike(
        &mut self,
        keys: &[StringArray],
        rows: &mut Range<usize>,
        last: &mut Vec<String>,
        alike: &Alike,
    ) -> Result<usize, Trouble> {
        let room = (ROWS - self.count).min((BYTES - self.bytes) / alike.bytes.max(1) + 1);
        let (own, others) = self.columns.split_at_mut(keys.len());
        let (mut before, mut added): (Option<usize>, usize) = (None, 0);
        for row in rows.clone() {
            let is_known = match before {
                Some(before) => keys.iter().all(|it| key(it, row) == key(it, before)),
                None => keys.iter().map(|it| key(it, row)).eq(last.iter().map(String::as_str)),
            };
            if !is_known && keys.first().is_some_and(|it| !key(it, row).is_empty()) {
                if added == room {
                    break;
                }
                own.iter_mut().zip(keys).for_each(|(to, it)| to.append_value(key(it, row)));
                added += 1;
            }
            (before, rows.start) = (Some(row), row + 1);
        }
        if let Some(before) = before {
            *last = keys.iter().map(|it| key(it, before).to_owned()).collect();
        }
        for (to, column) in others.iter_mut().zip(&alike.columns) {
            match column {
                Some(it) => to.append_array(&it.slice(0, added)).map_err(broken)?,
                None => to.append_nulls(added),
            }
        }
        self.count += added;
        self.bytes += added * alike.bytes;
        Ok(added)
    }

    pub fn is_full(&self) -> bool {
        ROWS <= self.count || BYTES <= self.bytes
    }

    /// What was pushed; afterwards nothing is.
    ///
    /// Errors: none but a fault of ours.
    pub fn take(&mut self) -> Result<RecordBatch, Trouble> {
        (self.count, self.bytes) = (0, 0);
        let columns = self.columns.iter_mut().map(|it| Arc::new(it.finish()) as ArrayRef);
        RecordBatch::try_new(self.schema.clone(), columns.collect()).map_err(broken)
    }
}

/// Nothing where it is missing.
fn key(column: &StringArray, row: usize) -> &str {
    if column.is_valid(row) { column.value(row) } else { "" }
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
    let step = said(SaidOfStep { channel: policy.word(to), words: it.words });
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
                Outcome::Hit => said(hit(set, it, *weight)),
                Outcome::Undecided | Outcome::NoHit => said(undecided(set, it, *weight)),
            },
        ))
    };
    let suppressed = it.found.iter().filter_map(|(it, weight)| match weight {
        Weight::Suppressed(by) => Some(said(suppressed(set, policy, it, *by))),
        Weight::Counts | Weight::Silent => None,
    });
    let steps: Vec<String> =
        it.steps.iter().map(|step| words::words(set, policy, it, step)).collect();
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
            said(SaidOfDraw {
                drawn: it.is_drawn(),
                number: it.number,
                of: policy.word(draw.of),
                rate: it.rate,
                to: policy.word(draw.to),
            })
        })),
        None,
        list(
            it.steps
                .iter()
                .zip(&steps)
                .map(|(step, words)| said(SaidOfStep { channel: policy.word(step.to), words })),
        ),
        Some(words::sentence(it, &steps)),
    ]
}

/// `None` for nothing.
fn list(all: impl Iterator<Item = String>) -> Option<String> {
    let mut res = String::new();
    for it in all {
        res.push(if res.is_empty() { '[' } else { ',' });
        res.push_str(&it);
    }
    if res.is_empty() {
        return None;
    }
    res.push(']');
    Some(res)
}

/// As JSON; nothing that is said can fail to be.
fn said(it: impl Serialize) -> String {
    serde_json::to_string(&it).unwrap_or_default()
}

/// What decisions say of a finding; names of all that is said stand in the order of the alphabet.
#[derive(Serialize)]
struct SaidOfFinding<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Option<&'a str>>,
    counts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a str>,
    item: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    rule: &'a str,
    score: Option<String>,
    status: Option<&'static str>,
}

#[derive(Serialize)]
struct SaidOfDraw<'a> {
    drawn: bool,
    number: u32,
    of: &'a str,
    rate: u32,
    to: &'a str,
}

#[derive(Serialize)]
struct SaidOfStep<'a> {
    channel: &'a str,
    words: &'a str,
}

fn common<'a>(set: &'a RuleSet, it: &'a Found, weight: Weight) -> SaidOfFinding<'a> {
    let rule = &set.rules[it.rule.0];
    SaidOfFinding {
        because: None,
        channel: None,
        counts: weight == Weight::Counts,
        evidence: None,
        fields: None,
        item: match it.item.as_slice() {
            [] => Cow::Borrowed(""),
            [only] => Cow::Borrowed(only.as_str()),
            several => Cow::Owned(several.join("/")),
        },
        outcome: None,
        rule: &rule.id,
        score: it.score.map(|it| it.to_string()),
        status: rule.status.map(crate::ir::Status::words),
    }
}

fn hit<'a>(set: &'a RuleSet, it: &'a Found, weight: Weight) -> SaidOfFinding<'a> {
    let evidence = match it.evidence.is_empty() {
        true => Json::Null,
        false => serde_json::from_str(&it.evidence).unwrap_or(Json::Null),
    };
    SaidOfFinding {
        because: Some(Cow::Borrowed(&it.because)),
        channel: Some(set.rules[it.rule.0].channel.as_deref()),
        evidence: Some(evidence),
        ..common(set, it, weight)
    }
}

fn undecided<'a>(set: &'a RuleSet, it: &'a Found, weight: Weight) -> SaidOfFinding<'a> {
    SaidOfFinding { fields: Some(&it.open), ..common(set, it, weight) }
}

fn suppressed<'a>(
    set: &'a RuleSet,
    policy: &'a Policy,
    it: &'a Found,
    by: usize,
) -> SaidOfFinding<'a> {
    let exemption = &policy.exemptions[by];
    let because = format!("exempt {} when {}", exemption.tags.join(", "), exemption.when.words);
    SaidOfFinding {
        because: Some(Cow::Owned(because)),
        outcome: Some(it.outcome.words()),
        ..common(set, it, Weight::Suppressed(by))
    }
}
