//! Why a declaration is selected or not: as text, as sentences, as JSON.

pub mod json;
pub mod sentences;
pub mod text;

use crate::decide::Weight;
use crate::decide::words;
use crate::hit::Outcome;
use crate::interpret::Row;
use crate::interpret::explain;
use crate::interpret::why::Answer;
use crate::interpret::why::change::Change;
use crate::interpret::why::note::Note;
use crate::interpret::why::quantifier::Seen;
use crate::ir::RuleSet;
use crate::ir::literal::literal;
use crate::run::one::Declaration;
use crate::run::one::Judged;
use crate::schema::RecordId;
use crate::source::FileId;
use crate::source::Sources;
use crate::source::Span;

/// Answers, and which of them are told.
pub struct Told<'a> {
    pub set: &'a RuleSet,
    pub sources: &'a Sources,
    pub declaration: &'a Declaration,
    /// What a run has on record of it.
    pub recorded: Option<&'a Recorded>,
    /// Rules that do not hit as well.
    pub all: bool,
    /// What definitions say, and the values behind values.
    pub verbose: bool,
    /// The item by its key.
    pub item: Option<&'a str>,
}

/// What a run wrote of a declaration.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    pub channel: Option<String>,
    /// The steps to it, capacity included.
    pub steps: Option<String>,
    /// Where the run says otherwise.
    pub differences: Vec<String>,
}

impl Told<'_> {
    /// The rows that are told of.
    pub fn rows(&self) -> impl Iterator<Item = &Judged> {
        self.declaration.rows.iter().filter(|it| {
            let inner = self.set.schema.record(it.level).parent.is_some();
            !inner || self.item.is_none_or(|wanted| self.key(it) == wanted)
        })
    }

    pub fn answers<'b>(&self, it: &'b Judged) -> impl Iterator<Item = &'b Answer> {
        let all = self.all;
        it.answers.iter().filter(move |it| all || it.outcome != Outcome::NoHit)
    }

    /// Rules asked and rules that hit or are undecided, by row and rule.
    pub fn counts(&self) -> Counts {
        let mut res = Counts::default();
        for it in self.rows().flat_map(|it| &it.answers) {
            res.rules += 1;
            match it.outcome {
                Outcome::Hit => res.hits += 1,
                Outcome::Undecided => res.undecided += 1,
                Outcome::NoHit => {}
            }
        }
        res
    }

    /// The key of a row within its parent; empty where it has none.
    pub fn key(&self, it: &Judged) -> String {
        key(self.set, it.level, &it.row)
    }

    /// `item 2`
    pub fn name(&self, it: &Judged) -> String {
        format!("{} {}", self.set.schema.record(it.level).name, self.key(it)).trim().to_owned()
    }

    /// The row of a change, as `--what-if` names it in words: `item 2, document 1: `.
    pub fn at(&self, it: &Change) -> String {
        let schema = &self.set.schema;
        let mut at = it.keys.iter();
        let mut rows = Vec::new();
        for record in schema.lineage(it.field.record).into_iter().rev() {
            let record = schema.record(record);
            let key: Vec<String> =
                at.by_ref().take(record.key.len()).map(ToString::to_string).collect();
            // Rows without a key of their own are told apart by nothing: all of them are meant.
            match (record.parent, key.is_empty()) {
                (None, _) => {}
                (Some(_), false) => rows.push(format!("{} {}", record.name, key.join("/"))),
                (Some(_), true) if rows.is_empty() => {}
                (Some(_), true) => rows.push(format!("every {}", record.name)),
            }
        }
        if rows.is_empty() { String::new() } else { format!("{}: ", rows.join(", ")) }
    }

    /// What a change puts there, with its unit.
    pub fn value(&self, it: &Change) -> String {
        let span = Span::file(FileId(0));
        let typed = literal(it.value.clone(), self.set.schema.field(it.field).ty.clone(), span);
        explain::words(self.set, &it.value, &typed, &Row::default())
    }

    /// What the policy makes of it, step by step; empty without a policy.
    pub fn steps(&self) -> Vec<String> {
        let (Some(policy), Some(it)) = (&self.set.policy, &self.declaration.decision) else {
            return Vec::new();
        };
        let channel = policy.word(it.channel);
        let (name, score, potential) = (&policy.name, it.score, it.potential_score);
        let mut res = vec![
            format!("policy {name}: {channel}, without the capacity that others claim"),
            format!("score {score}, potential score {potential}"),
        ];
        for (found, weight) in &it.found {
            let id = &self.set.rules[found.rule.0].id;
            match weight {
                Weight::Counts => {}
                Weight::Silent => res.push(format!("{id} does not count: the rule is silent")),
                Weight::Suppressed(at) => {
                    let when = &policy.exemptions[*at].when.words;
                    res.push(format!("{id} does not count: exempt when {when}"));
                }
            }
        }
        if let Some(Recorded { channel: Some(channel), steps, .. }) = self.recorded {
            let steps = steps.as_deref().unwrap_or_default();
            res.push(format!("{channel} in the run: {steps}"));
        }
        res.extend(it.steps.iter().map(|step| words::words(self.set, policy, it, step)));
        for drawn in it.draws.iter().filter(|it| !it.is_drawn()) {
            let to = policy.word(policy.draws[drawn.draw].to);
            let (number, rate) = (drawn.number, drawn.rate);
            res.push(format!("not drawn to {to}: number {number} of a million, rate {rate}"));
        }
        res
    }

    /// The rules that a what-if turns, as `(row, rule, before, after)`.
    pub fn turned(&self) -> Vec<(&Judged, &Answer, Outcome)> {
        let rows = self.rows();
        let pairs = rows.flat_map(|row| {
            row.answers.iter().zip(&row.before).map(move |(answer, before)| (row, answer, *before))
        });
        pairs.filter(|it| it.1.outcome != it.2).collect()
    }
}

fn key(set: &RuleSet, level: RecordId, row: &crate::interpret::Row) -> String {
    let record = set.schema.record(level);
    let id = |field: &usize| crate::schema::FieldId { record: level, field: *field };
    record.key.iter().map(|it| row.get(id(it)).to_string()).collect::<Vec<_>>().join("/")
}

/// How many answers there are, over all rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub rules: usize,
    pub hits: usize,
    pub undecided: usize,
}

/// `2020-01-02 to 2020-12-31`, with what is open left out.
fn period(from: Option<&String>, to: Option<&String>) -> String {
    match (from, to) {
        (Some(from), Some(to)) if from == to => format!("on {from}"),
        (Some(from), Some(to)) => format!("{from} to {to}"),
        (Some(from), None) => format!("from {from}"),
        (None, Some(to)) => format!("until {to}"),
        (None, None) => "at any time".to_owned(),
    }
}

/// What a note says.
pub fn note(it: &Note) -> String {
    let rows = |n: usize| if n == 1 { "1 row".to_owned() } else { format!("{n} rows") };
    match it {
        Note::AtLimit => "at the limit".to_owned(),
        Note::Share { percent, of } => format!("{percent} % of {of}"),
        Note::Window { of, first, last, rows: n, values } => {
            let given =
                if n == values { String::new() } else { format!(", {values} with a value") };
            format!("{of}: {}, {}{given}", period(first.as_ref(), last.as_ref()), rows(*n))
        }
        Note::Level { profile, level, levels, by } => match levels {
            1 => format!("{profile}: by {by}"),
            _ => format!("{profile}: by {by}, level {level} of {levels}"),
        },
        Note::TooFew { profile, by, lacks, .. } => {
            let lack =
                |(found, least, of): &(String, String, String)| format!("{found} of {least} {of}");
            let lacks: Vec<String> = lacks.iter().map(lack).collect();
            format!("{profile}: by {by}: only {}", lacks.join(", "))
        }
        Note::AsOf { record, day } => format!("{record}: as of {day}"),
        Note::Entry { list, key, from, to } => {
            let valid = match (from, to) {
                (None, None) => String::new(),
                _ => format!(", valid {}", period(from.as_ref(), to.as_ref())),
            };
            format!("list {list}: {key}{valid}")
        }
        Note::NoEntry { list, ended: Some(day) } => {
            format!("list {list}: no entry in force, the last one ended on {day}")
        }
        Note::NoEntry { list, ended: None } => format!("list {list}: no entry"),
        Note::Parameter { name, value, since: Some(day) } => {
            format!("{name} = {value} since {day}")
        }
        Note::Parameter { name, value, since: None } => format!("{name} = {value}"),
        Note::Member { group, from, to } => {
            format!("{group}: member {}", period(from.as_ref(), to.as_ref()))
        }
        Note::Missing { what, reason } => format!("{what}: {}", reason.words()),
        Note::Rows { record, passed, failed, unknown } => {
            let kinds = [("passed", passed), ("failed", failed), ("unknown", unknown)];
            let some = kinds.into_iter().filter(|it| !it.1.is_empty());
            let said: Vec<String> = some
                .map(|(word, keys)| format!("{word} {}", some_of(keys, &with_values)))
                .collect();
            match said.is_empty() {
                true => format!("{record}: no row"),
                false => format!("{record}: {}", said.join("; ")),
            }
        }
    }
}

/// Nobody reads more keys at once.
const KEYS: usize = 12;

fn some_of(rows: &[Seen], words: &dyn Fn(&Seen) -> String) -> String {
    let shown = rows.iter().take(KEYS).map(words).collect::<Vec<_>>().join(", ");
    match rows.len().checked_sub(KEYS) {
        Some(more) if 0 < more => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// `2 (net_mass = 3 kg)`
fn with_values(it: &Seen) -> String {
    let values = it.values.join(", ");
    match (it.key.is_empty(), values.is_empty()) {
        (true, true) => "without a value".to_owned(),
        (false, true) => it.key.clone(),
        (true, false) => format!("({values})"),
        (false, false) => format!("{} ({values})", it.key),
    }
}
