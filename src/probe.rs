//! What the tests see: the pipeline over texts.

use std::path::Path;
use std::path::PathBuf;

use crate::data::manifest::DataSet;
use crate::project;
use crate::report::diagnostics;
use crate::run;
use crate::run::Engine;
use crate::run::Options;

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
    let options = options(by);
    let done =
        run::run(set, &DataSet::default(), csv, true, &options).map_err(|it| it.to_string())?;
    let line = |it: &run::Line| {
        let keys: Vec<&str> = it.keys.iter().map(|it| it.as_deref().unwrap_or("-")).collect();
        let score = it.finding.score.map_or("-".to_owned(), |it| it.to_string());
        let words = match it.finding.open.is_empty() {
            true => it.finding.because.clone(),
            false => it.finding.open.join(", "),
        };
        let outcome = it.finding.outcome.words();
        let text =
            format!("{}  {}  {outcome}  {score}  {words}", keys.join("/"), set.rules[it.rule.0].id);
        format!("{}\n", text.trim_end())
    };
    Ok(done.lines.iter().map(line).collect())
}

/// The lines of one rule of the project in `dir`: declaration, outcome, score, because or fields.
pub fn rule_outcomes(dir: &Path, rule: &str, csv: &Path, by: By) -> Result<String, String> {
    let request = project::Request { dir: dir.to_path_buf(), ..Default::default() };
    let project = project::load(&request).map_err(|it| it.to_string())?;
    let set = &project.rule_set;
    let done = run::run(set, &DataSet::default(), &[csv.to_path_buf()], true, &options(by))
        .map_err(|it| it.to_string())?;
    let lines = done.lines.iter().filter(|it| *set.rules[it.rule.0].id == *rule);
    let text = lines.map(|it| {
        let score = it.finding.score.map_or("-".to_owned(), |it| it.to_string());
        let words = match it.finding.open.is_empty() {
            true => it.finding.because.clone(),
            false => it.finding.open.join(", "),
        };
        let words = if words.is_empty() { "-" } else { &words };
        let key = it.keys.first().and_then(|it| it.as_deref()).unwrap_or("-");
        format!("{key}  {}  {score}  {words}\n", it.finding.outcome.words())
    });
    Ok(text.collect())
}

fn options(by: By) -> Options {
    let (engine, threads, batch_size, optimise) = match by {
        By::Interpreter => (Engine::Interpreter, 1, 8192, true),
        By::DataFusion(threads, batch_size, optimise) => {
            (Engine::DataFusion, threads, batch_size, optimise)
        }
    };
    Options { threads, batch_size, max_rejected: 1_000_000, engine, optimise }
}
