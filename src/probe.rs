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
    let (engine, threads, batch_size, optimise) = match by {
        By::Interpreter => (Engine::Interpreter, 1, 8192, true),
        By::DataFusion(threads, batch_size, optimise) => {
            (Engine::DataFusion, threads, batch_size, optimise)
        }
    };
    let options = Options { threads, batch_size, max_rejected: 1_000_000, engine, optimise };
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
