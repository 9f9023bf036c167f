//! `tamis dump`

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::Context;
use crate::cli::check;
use crate::cli::output;
use crate::cli::scope;
use crate::cli::scope::Scope;
use crate::ir;
use crate::project::typed;
use crate::report::diagnostics;
use crate::report::diagnostics::Format;
use crate::shown;
use crate::syntax::print;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis dump rules/origin.tamis              the tree of a file
  tamis dump rules/origin.tamis --stage ir   typed rules
  tamis dump --stage ir --format json        the whole project for programs";

#[derive(clap::Args)]
pub struct Dump {
    /// A file of the project; without one the whole project
    file: Option<PathBuf>,
    /// What to show
    #[arg(long, default_value = "ast")]
    stage: Stage,
    /// In which form; JSON of typed rules only
    #[arg(long, default_value = "text")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Indented, for people
    Text,
    /// `tamis.ir/1`, for programs
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// The tree of the text
    Ast,
    /// Rules with names resolved and types
    Ir,
    /// The plan of DataFusion
    #[cfg(feature = "engine")]
    Plan,
}

pub fn dump(it: &Dump, context: &Context) -> Result<Exit, Trouble> {
    if it.format == Form::Json && it.stage != Stage::Ir {
        let message = "only typed rules are told as JSON";
        return Err(Trouble::usage(message).help("write `--stage ir --format json`"));
    }
    let files: Vec<PathBuf> = it.file.iter().cloned().collect();
    let scope = scope::load(context, &files)?;
    let project = &scope.project;
    if !project.diagnostics.is_empty() {
        let all = check::checked(project, &scope.files);
        let text = diagnostics::render(&all, Format::Full, context.terminal.stderr);
        output::error(text.trim_end());
    }
    match it.stage {
        Stage::Ast => output::product(&tree(&scope))?,
        Stage::Ir if it.format == Form::Json => output::product(&json(&scope))?,
        Stage::Ir => output::product(&rules(&scope))?,
        #[cfg(feature = "engine")]
        Stage::Plan => output::product(&plans(&scope)?)?,
    }
    Ok(check::exit(&project.diagnostics, false))
}

/// Without a project the schema is read as well: the first file is the one that was named.
fn tree(scope: &Scope) -> String {
    let all = scope.project.files.iter();
    all.filter(|it| scope.files.contains(&it.id)).map(print::print).next().unwrap_or_default()
}

fn own(scope: &Scope) -> impl Iterator<Item = &ir::Rule> {
    let rules = scope.project.rule_set.rules.iter();
    rules.filter(|it| scope.files.contains(&it.span.file))
}

fn rules(scope: &Scope) -> String {
    let set = &scope.project.rule_set;
    own(scope).map(|it| ir::print::rule(set, it)).collect::<Vec<_>>().join("\n")
}

/// The rules of the files that were named, and the whole of what they stand on.
fn json(scope: &Scope) -> String {
    let mut all = typed::typed(&scope.project);
    let own: Vec<&str> = own(scope).map(|it| &*it.id).collect();
    let named = |it: &serde_json::Value| it["id"].as_str().is_some_and(|it| own.contains(&it));
    if let serde_json::Value::Array(rules) = &mut all["rules"] {
        rules.retain(named);
    }
    shown::json(&format!("{all:#}\n")).into_owned()
}

#[cfg(feature = "engine")]
fn plans(scope: &Scope) -> Result<String, Trouble> {
    let plan = |it: &ir::Rule| crate::cli::run::planned::plan_of(scope, Some(&it.id), &[]);
    own(scope).map(plan).collect()
}
