//! What the tests see: the pipeline over texts.

use std::path::Path;
use std::path::PathBuf;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use crate::data::manifest::DataSet;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::project;
use crate::report::diagnostics;
use crate::run;
use crate::run::Engine;
use crate::run::Options;
use crate::run::lines::COLUMNS;

/// Everything `check` says of a schema and rules, in short form, without what it says of the schema.
pub fn check(schema: &str, rules: &str, root: &Path) -> String {
    let project = project::from_texts(&[("rules.tamis", rules), ("schema.tamis", schema)], root);
    project.diagnostics.iter().map(|it| diagnostics::short(&project.sources, it)).collect()
}

/// How the outcomes are computed.
#[derive(Debug, Clone, Copy)]
pub enum By {
    Interpreter,
    /// Partitions, batch size, and whether the engine's optimiser runs.
    DataFusion(usize, usize, bool),
}

/// A line for each hit and undecided row: keys, rule, outcome, score, because or open fields.
pub fn outcomes(
    schema: &str,
    rules: &str,
    root: &Path,
    csv: &[PathBuf],
    by: By,
) -> Result<String, String> {
    let project = project::from_texts(&[("rules.tamis", rules), ("schema.tamis", schema)], root);
    let set = &project.rule_set;
    let lines = lines(set, csv, by)?;
    let line = |it: &Said| {
        let keys: Vec<&str> = it.keys.iter().map(|it| it.as_deref().unwrap_or("-")).collect();
        let (rule, outcome, words) = (&it.rule, &it.outcome, it.words());
        let text = format!("{}  {rule}  {outcome}  {}  {words}", keys.join("/"), it.score());
        format!("{}\n", text.trim_end())
    };
    Ok(lines.iter().map(line).collect())
}

/// The lines of one rule of the project in `dir`: declaration, outcome, score, because or fields.
pub fn rule_outcomes(dir: &Path, rule: &str, csv: &Path, by: By) -> Result<String, String> {
    let request = project::Request { dir: dir.to_path_buf(), ..Default::default() };
    let project = project::load(&request).map_err(|it| it.to_string())?;
    let set = &project.rule_set;
    let lines = lines(set, &[csv.to_path_buf()], by)?;
    let text = lines.iter().filter(|it| it.rule == rule).map(|it| {
        let words = it.words();
        let words = if words.is_empty() { "-" } else { &words };
        let key = it.keys.first().and_then(|it| it.as_deref()).unwrap_or("-");
        format!("{key}  {}  {}  {words}\n", it.outcome, it.score())
    });
    Ok(text.collect())
}

/// A line of a run.
struct Said {
    keys: Vec<Option<String>>,
    rule: String,
    outcome: String,
    score: Option<String>,
    because: Option<String>,
    open: Option<String>,
}

impl Said {
    fn score(&self) -> &str {
        self.score.as_deref().unwrap_or("-")
    }

    fn words(&self) -> String {
        self.open.clone().or(self.because.clone()).unwrap_or_default()
    }
}

fn lines(set: &RuleSet, csv: &[PathBuf], by: By) -> Result<Vec<Said>, String> {
    let rules: Vec<RuleId> = (0..set.rules.len()).map(RuleId).collect();
    let opened = run::open(set, &rules, &DataSet::default(), csv).map_err(|it| it.to_string())?;
    let mut all = Vec::new();
    let mut receive = |batch: &RecordBatch| {
        let keys = batch.num_columns() - COLUMNS.len();
        for row in 0..batch.num_rows() {
            let text = |at: usize| {
                let column = batch.column(at).as_string::<i32>();
                column.is_valid(row).then(|| column.value(row).to_owned())
            };
            let named = |name: &str| {
                COLUMNS.iter().position(|it| *it == name).and_then(|it| text(keys + it))
            };
            all.push(Said {
                keys: (0..keys).map(text).collect(),
                rule: named("rule").unwrap_or_default(),
                outcome: named("outcome").unwrap_or_default(),
                score: named("score"),
                because: named("because"),
                open: named("undecided_because"),
            });
        }
        Ok(())
    };
    opened.run(set, Some(&mut receive), &options(by)).map_err(|it| it.to_string())?;
    Ok(all)
}

fn options(by: By) -> Options {
    let (engine, threads, batch_size, optimise) = match by {
        By::Interpreter => (Engine::Interpreter, 1, 8192, true),
        By::DataFusion(threads, batch_size, optimise) => {
            (Engine::DataFusion, threads, batch_size, optimise)
        }
    };
    Options {
        threads,
        batch_size,
        memory_limit: None,
        spill: None,
        max_rejected: 1_000_000,
        engine,
        optimise,
    }
}
