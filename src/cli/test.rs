//! `tamis test`

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;

use crate::cli::Context;
use crate::cli::check;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::scope;
use crate::ir::RuleSet;
use crate::ir::cases::Subject;
use crate::ir::cases::Test as Block;
use crate::report::Look;
use crate::report::diagnostics;
use crate::report::tests;
use crate::run::cases;
use crate::run::cases::Judged;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis test                             every test of the project
  tamis test R0101                       those of one rule
  tamis test \"new importer\"              those with these words in their title
  tamis test --rules rules/valuation -v
  tamis test --output human --output json=tests.json

Formats:
  human    what failed and why, with the value of every part
  json     for programs: tamis.test/1";

#[derive(clap::Args)]
pub struct Test {
    /// An identifier of a rule, the name of a profile, or words of a title; all tests without it
    filter: Option<String>,
    /// Files or folders of rules and tests; those of tamis.toml when none is named
    #[arg(long, value_name = "PATH", env = "TAMIS_RULES", hide_env = true)]
    rules: Vec<PathBuf>,
    /// Who judges: with both a difference is a fault of tamis
    #[arg(long, value_name = "ENGINE", default_value = "both")]
    #[arg(env = "TAMIS_BACKEND", hide_env = true)]
    backend: Backend,
    /// human or json; FORMAT=FILE writes a file. May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = format)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    output: Vec<Output<Format>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    Both,
    Interpreter,
    Datafusion,
}

#[derive(Debug, Clone, Copy)]
pub enum Format {
    Human,
    Json,
}

const FORMATS: [(&str, Format); 2] = [("human", Format::Human), ("json", Format::Json)];

fn format(text: &str) -> Result<Output<Format>, String> {
    output::parse(text, &FORMATS)
}

impl Backend {
    fn engine(self) -> cases::Backend {
        match self {
            Backend::Both => cases::Backend::Both,
            Backend::Interpreter => cases::Backend::Interpreter,
            Backend::Datafusion => cases::Backend::DataFusion,
        }
    }
}

pub fn test(it: &Test, context: &Context) -> Result<Exit, Trouble> {
    let outputs = output::destinations(&it.output, Format::Human)?;
    let started = Instant::now();
    let scope = scope::load(context, &it.rules)?;
    let project = &scope.project;
    if 0 < diagnostics::count(&project.diagnostics).0 || 0 < scope.elsewhere {
        let checked = check::checked(project, &scope.files);
        let text =
            diagnostics::render(&checked, diagnostics::Format::Full, context.terminal.stderr);
        output::error(text.trim_end());
        context.terminal.note("note: nothing was tested: the rules have errors");
        return Ok(check::exit(&project.diagnostics, false).max(Exit::Findings));
    }
    let set = &project.rule_set;
    let wanted = |test: &Block| {
        scope.files.contains(&test.span.file)
            && it.filter.as_ref().is_none_or(|it| matches(set, test, it))
    };
    if let Some(filter) = it.filter.as_ref().filter(|_| !set.tests.iter().any(wanted)) {
        return Err(Trouble::usage(format!("no test is about `{filter}`"))
            .help("name a rule, a profile or words of a title; `tamis test -v` lists all"));
    }
    let judged = cases::judge(set, &project.sources, &wanted, it.backend.engine())?;
    for Output { format, file } in &outputs {
        let look = if file.is_none() { context.terminal.stdout } else { Look::FILE };
        let text = match format {
            Format::Human => tests::human(&judged, context.global.verbose, look),
            Format::Json => format!("{:#}\n", tests::json(&judged)),
        };
        output::deliver(&text, file.as_deref())?;
    }
    let time = started.elapsed().as_millis();
    let cases = check::counted(judged.len(), "case");
    context.terminal.note(&format!("Tested {cases} in {time} ms"));
    Ok(if judged.iter().all(Judged::passed) { Exit::Ok } else { Exit::Findings })
}

/// Of this rule or profile, or with these words in its title.
fn matches(set: &RuleSet, test: &Block, filter: &str) -> bool {
    let subject = match &test.subject {
        Subject::Rule(it) => &*set.rules[it.0].id,
        Subject::Profile(name) => name,
    };
    subject == filter || test.title.to_lowercase().contains(&filter.to_lowercase())
}
