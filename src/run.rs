//! A rule set over a data set: outcomes by the engine, evidence by the interpreter, lines in order.

pub mod besides;
pub mod carried;
pub mod cases;
pub mod decide;
pub mod decisions;
pub mod digest;
pub mod directory;
pub mod engine;
pub mod lines;
pub mod manifest;
pub mod one;
pub mod pace;
pub mod past;
pub mod replay;
pub mod sink;
pub mod source;
pub mod tested;
pub mod verify;
pub mod who;
pub mod world;
pub mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use crate::data::Table;
use crate::data::manifest::DataSet;
use crate::data::manifest::Manifest;
use crate::data::tally::Report;
use crate::data::walk;
use crate::data::walk::Refusal;
use crate::diagnostic::did_you_mean;
use crate::disk;
use crate::hit::Outcome;
use crate::interpret;
use crate::interpret::row;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::project::consulted::Consulted;
use crate::project::consulted::Kind;
use crate::run::besides::Besides;
use crate::run::pace::Pace;
use crate::run::sink::Sink;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;

/// How a run is done; none of it changes what comes out.
#[derive(Debug, Clone)]
pub struct Options {
    pub threads: usize,
    pub batch_size: usize,
    /// In bytes: what sorting and grouping may hold before they spill.
    pub memory_limit: Option<usize>,
    /// Where they spill; the system's place when absent.
    pub spill: Option<PathBuf>,
    /// The share of rows with faults above which a run fails, in millionths.
    pub max_rejected: u64,
    pub engine: Engine,
    /// The engine's own optimiser: off only in tests.
    pub optimise: bool,
    /// Facts are found in so many shares of their keys, whatever the memory: only in tests.
    pub shares: Option<u64>,
    /// How far it is.
    pub pace: Arc<Pace>,
}

/// Lines and what decisions need take this part of the memory at most, until they are on disk.
const FOUND: usize = 4;

impl Options {
    /// What may be held while something is put in order, in bytes.
    pub fn room(&self) -> Option<usize> {
        self.memory_limit.map(|it| it / FOUND)
    }

    /// The folder for what does not fit.
    pub fn place(&self) -> PathBuf {
        self.spill.clone().unwrap_or_else(std::env::temp_dir)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    DataFusion,
    Interpreter,
}

/// Gets lines, in order.
pub type Receiver<'a> = &'a mut dyn FnMut(&RecordBatch) -> Result<(), Trouble>;

/// What was found, lines aside.
pub struct Done {
    pub rows: u64,
    pub report: Report,
    /// Hits and undecided, by rule of the rule set.
    pub counts: Vec<(u64, u64)>,
}

/// Files that fit the schema, and the rules that will judge their rows.
pub struct Opened {
    pub table: Arc<Table>,
    /// Of the record around, when it stands in files of its own.
    pub outer: Option<Arc<Table>>,
    pub rules: Vec<RuleId>,
    /// The record that the files have one row of.
    pub inner: RecordId,
    pub input: Input,
    pub history: Option<Input>,
    /// Every file of data, as it was before any was read.
    pub read: Vec<Consulted>,
    /// Whether what was found is explained; without it rows are only counted.
    pub evidence: bool,
    besides: Besides,
}

/// Files, and how they are read; or those of each record.
#[derive(Debug, Clone, Default)]
pub struct Input {
    pub set: DataSet,
    pub files: Vec<PathBuf>,
    pub records: BTreeMap<String, Input>,
}

impl Input {
    /// Files as their names and columns are.
    pub fn of(files: &[PathBuf]) -> Input {
        Input { files: files.to_vec(), ..Input::default() }
    }

    /// The files of a data set, those of its records included.
    pub fn all_files(&self) -> Vec<PathBuf> {
        let mut res = self.files.clone();
        res.extend(self.records.values().flat_map(Input::all_files));
        res
    }

    fn of_set(manifest: &Manifest, name: &str, set: &DataSet) -> Result<Input, Trouble> {
        let mut files = Vec::new();
        for pattern in &set.path {
            let found = walk::matching(&manifest.root, &pattern.text).map_err(Refusal::trouble)?;
            if found.is_empty() {
                let message = format!("data set `{name}`: no file matches `{}`", pattern.text);
                return Err(Trouble::usage(message).help("correct `path` in tamis.toml"));
            }
            files.extend(found);
        }
        let files = walk::once(files);
        let mut records = BTreeMap::new();
        for (record, set) in &set.records {
            let input = Input::of_set(manifest, &format!("{name}.{record}"), set)?;
            records.insert(record.clone(), input);
        }
        let set = DataSet { whole: true, ..set.clone() };
        Ok(Input { set, files, records })
    }
}

/// A data set of the manifest, or files named directly.
///
/// Errors: a name that is neither.
pub fn input(manifest: Option<&Manifest>, named: &[String]) -> Result<Input, Trouble> {
    if let [name] = named
        && let Some(manifest) = manifest
        && let Some(set) = manifest.data.get(name)
    {
        return Input::of_set(manifest, name, set);
    }
    let files: Vec<PathBuf> = named.iter().map(PathBuf::from).collect();
    if let Some(missing) = files.iter().find(|it| !it.exists()) {
        let known: Vec<&str> =
            manifest.iter().flat_map(|it| it.data.keys()).map(String::as_str).collect();
        if known.iter().any(|it| missing.as_os_str() == *it) {
            let message = format!("`{}` is a data set, and more is named", missing.display());
            return Err(Trouble::usage(message).help("name one data set, or files alone"));
        }
        let message = format!("`{}` is neither a data set nor a file", missing.display());
        let help = format!("data sets of this project: {}", known.join(", "));
        return Err(Trouble::usage(message).help(help));
    }
    let is_none = |it: &&PathBuf| !it.is_file() && !it.is_dir();
    if let Some(other) = files.iter().find(is_none) {
        let message = format!("`{}` is not a regular file", other.display());
        return Err(Trouble::usage(message).help("files are read more than once: make it one"));
    }
    let files = walk::once(files);
    let only = manifest.filter(|it| it.data.len() == 1).and_then(|it| it.data.values().next());
    let set = only.filter(|it| it.records.is_empty()).cloned().unwrap_or_default();
    Ok(Input { set, files, records: BTreeMap::new() })
}

/// Opens and checks every file. Nothing but what the rules use is read later. `history` are the
/// data that past rows come from besides these. Without `evidence` hits are only counted.
///
/// Errors: files that do not fit the schema.
pub fn open(
    set: &RuleSet,
    rules: &[RuleId],
    input: &Input,
    history: Option<&Input>,
    evidence: bool,
) -> Result<Opened, Trouble> {
    known_records(set, input)?;
    let inner = source::innermost(set, rules, input)?;
    open_at(set, rules, inner, input, history, evidence)
}

/// The same, with a row of this record or of one around it whatever the rules judge.
pub fn open_at(
    set: &RuleSet,
    rules: &[RuleId],
    inner: RecordId,
    input: &Input,
    history: Option<&Input>,
    evidence: bool,
) -> Result<Opened, Trouble> {
    for given in [Some(input), history].into_iter().flatten() {
        known_records(set, given)?;
    }
    let read = seen(input, history);
    let lineage = set.schema.lineage(inner);
    if let Some(other) = rules.iter().find(|it| !lineage.contains(&set.rules[it.0].level)) {
        let rule = &set.rules[other.0];
        let level = &set.schema.record(rule.level).name;
        let who = if rule.id.is_empty() { "the policy" } else { &format!("rule {}", rule.id) };
        let message = format!("{who} judges each {level}, and the data hold none");
        return Err(Trouble::usage(message).help("leave it out with `--rule`, or name its files"));
    }
    let used = used(set, rules, evidence);
    let source = source::open(set, input, inner, inner, &used)?;
    let outer = source.outer.clone();
    Ok(Opened {
        table: source.table,
        outer,
        rules: rules.to_vec(),
        inner,
        input: input.clone(),
        history: history.cloned(),
        read,
        evidence,
        besides: Besides::default(),
    })
}

/// The files of data and of history as they are now: a change from now on is noticed.
fn seen(input: &Input, history: Option<&Input>) -> Vec<Consulted> {
    let all = [(Kind::Data, Some(input)), (Kind::History, history)];
    let of = |(kind, input): (Kind, Option<&Input>)| {
        let files = input.map(Input::all_files).unwrap_or_default();
        files.into_iter().map(move |it| Consulted::now(kind, &it))
    };
    let read: Vec<Consulted> = all.into_iter().flat_map(of).collect();
    disk::settle(read.iter().filter_map(Consulted::stamp));
    read
}

fn known_records(set: &RuleSet, input: &Input) -> Result<(), Trouble> {
    let all = || set.schema.records.iter().map(|it| it.name.as_str());
    for given in input.records.keys() {
        if !all().any(|it| it == given) {
            let near = did_you_mean(given, all());
            let message = format!("the schema has no record `{given}` to be read from files");
            return Err(Trouble::usage(message).help(near.unwrap_or_default()));
        }
    }
    Ok(())
}

impl Opened {
    /// The levels with rules, innermost first. Rows are read once at least, whatever the rules.
    fn levels(&self, set: &RuleSet) -> Vec<(RecordId, Vec<RuleId>)> {
        let at = |level: RecordId| -> Vec<RuleId> {
            let here = self.rules.iter().filter(|it| set.rules[it.0].level == level);
            here.copied().collect()
        };
        let all = set.schema.lineage(self.inner).into_iter().map(|it| (it, at(it)));
        let mut res: Vec<_> = all.filter(|it| !it.1.is_empty()).collect();
        if res.is_empty() {
            res.push((self.inner, Vec::new()));
        }
        res
    }

    /// How many keys tell declarations apart.
    pub fn keys(&self, set: &RuleSet) -> usize {
        let outermost = set.schema.lineage(self.inner).last().copied().unwrap_or(self.inner);
        set.schema.key_fields(outermost).len()
    }

    /// Judges every row by every rule. What `out` was given holds only if this ends well.
    ///
    /// Errors: data that cannot be read, too many faulty rows, and what the engine cannot do.
    pub fn run(
        &self,
        set: &RuleSet,
        out: Option<Receiver>,
        options: &Options,
    ) -> Result<Done, Trouble> {
        let (done, found) = self.judged(set, out.is_some(), options)?;
        if let (Some(out), Some(found)) = (out, found) {
            for batch in found.sorted()?.0 {
                out(&lines::seen(&batch?)?)?;
            }
        }
        Ok(done)
    }

    /// Errors: a file of data that is no longer as it was before it was read.
    pub fn unchanged(&self) -> Result<(), Trouble> {
        self.read.iter().try_for_each(Consulted::unchanged)
    }

    /// The same, with what was found where it was put.
    fn judged(
        &self,
        set: &RuleSet,
        with_lines: bool,
        options: &Options,
    ) -> Result<(Done, Option<Sink>), Trouble> {
        let found = self.judged_rows(set, with_lines, options);
        // Whatever was found in files that change means nothing, faults included.
        self.unchanged()?;
        found
    }

    fn judged_rows(
        &self,
        set: &RuleSet,
        with_lines: bool,
        options: &Options,
    ) -> Result<(Done, Option<Sink>), Trouble> {
        self.table.prepare()?;
        self.count_around(options)?;
        let (counts, found) = match options.engine {
            Engine::DataFusion => engine::run(set, self, with_lines, options)?,
            Engine::Interpreter => interpreted(set, self, with_lines, options)?,
        };
        let report = self.told(set, options)?;
        Ok((Done { rows: report.read, report, counts }, found))
    }
}

/// The stored fields that the rules need; with evidence also those that explain.
pub fn used(set: &RuleSet, rules: &[RuleId], evidence: bool) -> Vec<FieldId> {
    let mut all: Vec<&crate::ir::E> = Vec::new();
    let mut open: Vec<RuleId> = rules.to_vec();
    let mut seen = std::collections::BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            let own = set.rules[id.0].expressions(evidence);
            open.extend(own.iter().flat_map(|it| crate::ir::hits_of(it)));
            all.extend(own);
        }
    }
    // Without them it could not be said why a fact is missing.
    let facts = if evidence { set.facts_of(rules, true) } else { Vec::new() };
    let judged = facts.iter().flat_map(|it| set.facts[it.0].judged());
    fields_in(all.into_iter().chain(judged))
}

/// The stored fields in expressions.
pub fn fields_in<'a>(all: impl Iterator<Item = &'a crate::ir::E>) -> Vec<FieldId> {
    let mut res: Vec<FieldId> = all.flat_map(crate::ir::many::fields_of).collect();
    res.sort();
    res.dedup();
    res
}

/// The definition of a run, row by row. Rules of an outer level judge each of its keys once.
fn interpreted(
    set: &RuleSet,
    opened: &Opened,
    with_lines: bool,
    options: &Options,
) -> Result<(Vec<(u64, u64)>, Option<Sink>), Trouble> {
    let mut outer = BTreeMap::new();
    let sink = with_lines.then(|| Sink::new(set, opened.inner, options, 1));
    let mut judge = Judge { set, sink, counts: vec![(0, 0); set.rules.len()] };
    let levels = opened.levels(set);
    let own: Option<Arc<Table>> = opened.outer.as_ref().map(|it| Arc::new(it.again()));
    options.pace.enter("evaluating", opened.table.rows(), &opened.table.tally);
    let world = world::world(set, opened, options)?;
    let know = |rules: &[RuleId], row: &mut interpret::Row| {
        for id in set.facts_of(rules, opened.evidence) {
            let value = interpret::history::fact(set, &world, id, row);
            row.know(id, value);
        }
    };
    for (table, is_outer) in [(Some(&opened.table), false), (own.as_ref(), true)] {
        let Some(table) = table else { continue };
        let columns = row::columns(set, &table.arrow);
        for batch in table.read(options.batch_size) {
            let batch = batch?;
            for at in 0..batch.num_rows() {
                let row = row::row(set, &columns, &batch, at);
                for (level, rules) in &levels {
                    if *level == opened.inner {
                        if !is_outer {
                            let mut row = row.clone();
                            know(rules, &mut row);
                            judge.row(rules, &row)?;
                        }
                        continue;
                    }
                    // Outer records in files of their own are those, not what items say of them.
                    if own.is_some() && !is_outer {
                        continue;
                    }
                    let keys: Vec<_> =
                        set.schema.key_fields(*level).into_iter().map(|it| row.get(it)).collect();
                    outer
                        .entry((*level, keys))
                        .and_modify(|known| agree(set, *level, known, &row))
                        .or_insert_with(|| row.clone());
                }
            }
        }
    }
    for ((at, _), row) in &outer {
        for (_, rules) in levels.iter().filter(|it| it.0 == *at) {
            let mut row = row.clone();
            know(rules, &mut row);
            judge.row(rules, &row)?;
        }
    }
    Ok((judge.counts, judge.sink))
}

struct Judge<'a> {
    set: &'a RuleSet,
    sink: Option<Sink>,
    counts: Vec<(u64, u64)>,
}

impl Judge<'_> {
    fn row(&mut self, rules: &[RuleId], row: &interpret::Row) -> Result<(), Trouble> {
        let mut answered = Vec::new();
        for rule in rules {
            let total = &mut self.counts[rule.0];
            match interpret::outcome(self.set, *rule, row) {
                Outcome::NoHit => continue,
                Outcome::Hit => total.0 += 1,
                Outcome::Undecided => total.1 += 1,
            }
            answered.push(*rule);
        }
        match &mut self.sink {
            Some(sink) if !answered.is_empty() => sink.add_row(row, answered),
            Some(_) | None => Ok(()),
        }
    }
}

/// Header values that the rows of a declaration do not share are missing; a given one wins over
/// none.
pub fn agree(set: &RuleSet, level: RecordId, known: &mut interpret::Row, row: &interpret::Row) {
    for record in set.schema.lineage(level) {
        for field in 0..set.schema.record(record).fields.len() {
            let id = FieldId { record, field };
            known.agree(id, row.get(id));
        }
    }
}
