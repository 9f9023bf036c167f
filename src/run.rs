//! A rule set over a data set: outcomes by the engine, evidence by the interpreter, one sorted file.

pub mod engine;
pub mod write;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use crate::data;
use crate::data::Table;
use crate::data::manifest::DataSet;
use crate::data::manifest::Manifest;
use crate::data::tally::Report;
use crate::hit::Finding;
use crate::hit::Outcome;
use crate::interpret;
use crate::interpret::explain;
use crate::interpret::row;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;

/// How a run is done; none of it changes what comes out.
#[derive(Debug, Clone)]
pub struct Options {
    pub threads: usize,
    pub batch_size: usize,
    /// The share of rows with faults above which a run fails, in millionths.
    pub max_rejected: u64,
    pub engine: Engine,
    /// The engine's own optimiser: off only in tests.
    pub optimise: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    DataFusion,
    Interpreter,
}

/// One line of the output: where, which rule, what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The keys of the declaration and, at item level, of the item, as text.
    pub keys: Vec<Option<String>>,
    pub rule: RuleId,
    pub finding: Finding,
}

pub struct Done {
    pub rows: u64,
    pub report: Report,
    /// Hits and undecided, by rule.
    pub counts: Vec<(u64, u64)>,
    /// Sorted; empty when none were asked for.
    pub lines: Vec<Line>,
    pub key_names: Vec<String>,
}

/// The files of a data set of the manifest, or files named directly.
///
/// Errors: a name that is neither.
pub fn files(
    manifest: Option<&Manifest>,
    named: &[String],
) -> Result<(DataSet, Vec<PathBuf>), Trouble> {
    if let [name] = named
        && let Some(manifest) = manifest
        && let Some(set) = manifest.data.get(name)
    {
        let mut files = Vec::new();
        for pattern in set.path.all() {
            let full = manifest.root.join(&pattern);
            let found = glob::glob(&full.to_string_lossy())
                .map_err(|it| Trouble::usage(format!("`{pattern}`: {}", it.msg)))?;
            let before = files.len();
            files.extend(found.flatten());
            if files.len() == before {
                let message = format!("data set `{name}`: no file matches `{pattern}`");
                return Err(Trouble::usage(message).help("correct `path` in tamis.toml"));
            }
        }
        files.sort();
        files.dedup();
        return Ok((set.clone(), files));
    }
    let mut files: Vec<PathBuf> = named.iter().map(PathBuf::from).collect();
    if let Some(missing) = files.iter().find(|it| !it.exists()) {
        let known: Vec<&str> =
            manifest.iter().flat_map(|it| it.data.keys()).map(String::as_str).collect();
        let message = format!("`{}` is neither a data set nor a file", missing.display());
        let help = format!("data sets of this project: {}", known.join(", "));
        return Err(Trouble::usage(message).help(help));
    }
    files.sort();
    files.dedup();
    let only = manifest.filter(|it| it.data.len() == 1).and_then(|it| it.data.values().next());
    Ok((only.cloned().unwrap_or_default(), files))
}

/// The innermost record: what a flat extract has one row of.
pub fn innermost(set: &RuleSet) -> RecordId {
    (0..set.schema.records.len())
        .map(RecordId)
        .max_by_key(|it| (set.schema.lineage(*it).len(), std::cmp::Reverse(it.0)))
        .unwrap_or(RecordId(0))
}

/// Runs every rule over the files.
///
/// Errors: data that does not fit, too many rejected rows, and what the engine cannot do.
pub fn run(
    set: &RuleSet,
    data_set: &DataSet,
    files: &[PathBuf],
    with_lines: bool,
    options: &Options,
) -> Result<Done, Trouble> {
    let rules: Vec<RuleId> = (0..set.rules.len()).map(RuleId).collect();
    let inner = innermost(set);
    let table = data::open(&set.schema, data_set, files, inner, &used(set, &rules))?;
    let table = Arc::new(table);
    let mut done = Done {
        rows: 0,
        report: Report::default(),
        counts: vec![(0, 0); set.rules.len()],
        lines: Vec::new(),
        key_names: key_names(set, inner),
    };
    match options.engine {
        Engine::DataFusion => {
            engine::run(set, &rules, &table, inner, with_lines, options, &mut done)?
        }
        Engine::Interpreter => {
            interpreted(set, &rules, &table, inner, with_lines, options, &mut done)?
        }
    }
    done.lines.sort_by(|a, b| (&a.keys, a.rule).cmp(&(&b.keys, b.rule)).then_with(|| tie(a, b)));
    done.report = table.tally.report();
    done.rows = done.report.read;
    enough(&done.report, options.max_rejected)?;
    Ok(done)
}

/// Rows that share a key are put in the order of what is said of them.
fn tie(a: &Line, b: &Line) -> std::cmp::Ordering {
    let parts = |it: &Line| {
        (
            it.finding.outcome,
            it.finding.because.clone(),
            it.finding.evidence.clone(),
            it.finding.open.clone(),
        )
    };
    parts(a).cmp(&parts(b))
}

fn enough(report: &Report, max_rejected: u64) -> Result<(), Trouble> {
    let share = report.faulty.saturating_mul(1_000_000) > report.read.saturating_mul(max_rejected);
    if !share {
        return Ok(());
    }
    let mut message = format!("{} of {} rows do not fit the schema", report.faulty, report.read);
    for it in &report.faults {
        let column = if it.column.is_empty() { String::new() } else { format!(" `{}`", it.column) };
        message += &format!(
            "\n  {}:{column} {}, {} times, first in row {}",
            it.file, it.reason, it.count, it.first_row
        );
    }
    Err(Trouble::data(message)
        .help("correct the data or its description, or allow more with `--max-rejected 5%`"))
}

/// The stored fields that the rules need, acceptance date and keys included.
pub fn used(set: &RuleSet, rules: &[RuleId]) -> Vec<FieldId> {
    let mut todo: Vec<&crate::ir::E> = Vec::new();
    for rule in rules.iter().map(|it| &set.rules[it.0]) {
        todo.push(&rule.outcome);
        todo.extend(&rule.score);
        todo.extend(rule.show.iter().map(|it| &it.1));
        todo.extend(rule.because.iter().filter_map(|it| match it {
            crate::ir::Piece::Value(it) => Some(it),
            crate::ir::Piece::Text(_) => None,
        }));
    }
    let mut res = std::collections::BTreeSet::new();
    while let Some(it) = todo.pop() {
        if let crate::ir::Kind::Field(id) = &it.kind {
            res.insert(*id);
        }
        todo.extend(it.parts());
    }
    res.into_iter().collect()
}

fn key_fields(set: &RuleSet, record: RecordId) -> Vec<FieldId> {
    let mut lineage = set.schema.lineage(record);
    lineage.reverse();
    let keys = |record: RecordId| {
        set.schema.record(record).key.iter().map(move |field| FieldId { record, field: *field })
    };
    lineage.into_iter().flat_map(keys).collect()
}

fn key_names(set: &RuleSet, inner: RecordId) -> Vec<String> {
    key_fields(set, inner).into_iter().map(|it| set.schema.field(it).name.clone()).collect()
}

/// The lines of one row of a batch for the rules that answer *hit* or *undecided*.
pub fn lines_of(
    set: &RuleSet,
    columns: &[(FieldId, usize)],
    batch: &RecordBatch,
    at: usize,
    rules: &[RuleId],
    inner: RecordId,
) -> Vec<Line> {
    let row = row::row(&set.schema, columns, batch, at);
    let line = |rule: RuleId| {
        let level = set.schema.lineage(set.rules[rule.0].level);
        let keys =
            key_fields(set, inner)
                .into_iter()
                .map(|id| {
                    if level.contains(&id.record) {
                        explain::plain_text(&row.get(id))
                    } else {
                        None
                    }
                })
                .collect();
        Line { keys, rule, finding: explain::finding(set, rule, &row) }
    };
    rules.iter().copied().map(line).collect()
}

/// The definition of a run, row by row. Rules of an outer level judge each of its keys once.
fn interpreted(
    set: &RuleSet,
    rules: &[RuleId],
    table: &Arc<Table>,
    inner: RecordId,
    with_lines: bool,
    options: &Options,
    done: &mut Done,
) -> Result<(), Trouble> {
    let columns = row::columns(&set.schema, &table.arrow);
    let mut outer = std::collections::BTreeMap::new();
    for file in 0..table.files.len() {
        for batch in table.read(file, options.batch_size) {
            let batch = batch?;
            for at in 0..batch.num_rows() {
                let row = row::row(&set.schema, &columns, &batch, at);
                for rule in rules {
                    let level = set.rules[rule.0].level;
                    if level == inner {
                        judge(set, *rule, &row, inner, with_lines, done);
                    } else {
                        let keys: Vec<_> =
                            key_fields(set, level).into_iter().map(|it| row.get(it)).collect();
                        outer
                            .entry((level, keys))
                            .and_modify(|known| agree(set, level, known, &row))
                            .or_insert_with(|| row.clone());
                    }
                }
            }
        }
    }
    for ((level, _), row) in &outer {
        for rule in rules.iter().filter(|it| set.rules[it.0].level == *level) {
            judge(set, *rule, row, inner, with_lines, done);
        }
    }
    Ok(())
}

/// Header values that the rows of a declaration do not share are missing; a given one wins over
/// none.
fn agree(set: &RuleSet, level: RecordId, known: &mut interpret::Row, row: &interpret::Row) {
    for record in set.schema.lineage(level) {
        for field in 0..set.schema.record(record).fields.len() {
            let id = FieldId { record, field };
            known.agree(id, row.get(id));
        }
    }
}

fn judge(
    set: &RuleSet,
    rule: RuleId,
    row: &interpret::Row,
    inner: RecordId,
    with_lines: bool,
    done: &mut Done,
) {
    let outcome = interpret::outcome(set, rule, row);
    match outcome {
        Outcome::NoHit => return,
        Outcome::Hit => done.counts[rule.0].0 += 1,
        Outcome::Undecided => done.counts[rule.0].1 += 1,
    }
    if !with_lines {
        return;
    }
    let level = set.schema.lineage(set.rules[rule.0].level);
    let keys = key_fields(set, inner)
        .into_iter()
        .map(|id| if level.contains(&id.record) { explain::plain_text(&row.get(id)) } else { None })
        .collect();
    done.lines.push(Line { keys, rule, finding: explain::finding(set, rule, row) });
}
