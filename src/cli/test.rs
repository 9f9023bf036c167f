//! `tamis test`

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;

use crate::cli::Context;
use crate::cli::check;
use crate::cli::ci;
use crate::cli::failure;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::scope;
use crate::cli::watch;
use crate::ir::RuleSet;
use crate::ir::cases::Subject;
use crate::ir::cases::Test as Block;
use crate::report;
use crate::report::Look;
use crate::report::diagnostics;
use crate::report::tested;
use crate::report::tested::Tested;
use crate::report::tests;
use crate::run::cases;
use crate::run::cases::Judged;
use crate::testing::coverage;
use crate::testing::mutate;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis test                             every test of the project
  tamis test R0101                       those of one rule
  tamis test \"new importer\"              those with these words in their title
  tamis test --rules rules/valuation -v
  tamis test --output human --output junit=tests.xml
  tamis test --coverage=90               code 1 where tests show less of the rules
  tamis test R0101 --mutate              which mistakes in R0101 no test would notice
  tamis test --watch

Formats:
  human    what failed and why, with the value of every part
  json     for programs: tamis.test/1
  junit    for CI systems: JUnit XML
  github   annotations of GitHub Actions; added there of itself, unless --no-ci
  sarif    for code scanning
  md       a summary in Markdown";

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
    /// What tests show of each line: true, false, unknown where it can be, and decisive; below MIN
    /// per cent the command ends with code 1
    #[arg(long, value_name = "MIN", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "0", env = "TAMIS_COVERAGE", hide_env = true)]
    coverage: Option<u8>,
    /// Put small mistakes into the rules, one at a time, and list those that no test notices
    #[arg(long, env = "TAMIS_MUTATE", hide_env = true)]
    mutate: bool,
    /// Test again whenever a file changes
    #[arg(long, env = "TAMIS_WATCH", hide_env = true)]
    watch: bool,
    /// human, json, junit, github, sarif or md; FORMAT=FILE writes a file. May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = format)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    output: Vec<Output<Form>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    Both,
    Interpreter,
    Datafusion,
}

/// Of ours, or of CI systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Human,
    Json,
    Ci(ci::Format),
}

fn format(text: &str) -> Result<Output<Form>, String> {
    let ours = [("human", Form::Human), ("json", Form::Json)];
    let all: Vec<_> =
        ours.into_iter().chain(ci::FORMATS.iter().map(|it| (it.0, Form::Ci(it.1)))).collect();
    output::parse(text, &all)
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

impl Test {
    pub fn is_json(&self) -> bool {
        output::is_json(&self.output, &Form::Json)
    }
}

pub fn test(it: &Test, context: &Context) -> Result<Exit, Trouble> {
    let outputs = output::destinations(&it.output, Form::Human)?;
    if !it.watch {
        return once(it, context, &outputs);
    }
    let mut seen = None;
    loop {
        let now = watch::stamp(&context.global.dir, &it.rules);
        if seen.as_ref() != Some(&now) {
            // What stands on the screen goes only when there is something new to say.
            if let Err(trouble) = once(it, context, &outputs) {
                failure::trouble(&trouble, context.json);
            }
            context.terminal.note("note: waiting for changes; Ctrl-C ends");
            seen = Some(now);
        }
        std::thread::sleep(watch::PAUSE);
    }
}

fn once(it: &Test, context: &Context, outputs: &[Output<Form>]) -> Result<Exit, Trouble> {
    let started = Instant::now();
    let scope = scope::load(context, &it.rules)?;
    let project = &scope.project;
    output::apart(&output::files(outputs), &project.paths())?;
    if it.watch {
        watch::clear(context);
    }
    if 0 < diagnostics::count(&project.diagnostics).0 || 0 < scope.elsewhere {
        let checked = check::checked(project, &scope.files);
        let exit = check::exit(&project.diagnostics, false).max(Exit::Findings);
        failure::errors(&checked, exit, context);
        context.terminal.note("note: nothing was tested: the rules have errors");
        return Ok(exit);
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
    if !set.tests.iter().any(wanted) {
        return Err(Trouble::usage("there is no test")
            .help("write a block `test` beside a rule: `tamis help tests` shows some"));
    }
    let judged = cases::judge(set, &project.sources, &wanted, it.backend.engine())?;
    let lines = it.coverage.map(|_| coverage::coverage(set, &project.files, &wanted));
    let mutated = match it.mutate {
        true => Some(mutate::mutate(set, &project.files, &project.sources, &wanted)?),
        false => None,
    };
    let all = Tested { set, sources: &project.sources, judged, lines, mutated };
    deliver(&all, context, outputs)?;
    let time = started.elapsed().as_millis();
    let cases = check::counted(all.judged.len(), "case");
    context.terminal.note(&format!("Tested {cases} in {time} ms"));
    let covered = it.coverage.is_none_or(|least| usize::from(least) <= all.covered().percent());
    let passed = covered && all.judged.iter().all(Judged::passed);
    Ok(if passed { Exit::Ok } else { Exit::Findings })
}

fn deliver(all: &Tested, context: &Context, outputs: &[Output<Form>]) -> Result<(), Trouble> {
    let annotations = tests::annotations(&all.judged, all.sources);
    let headline = tests::headline(&all.judged);
    let report = ci::Report::new("tamis test", headline, annotations, tests::suites(&all.judged));
    for Output { format, file } in outputs {
        let look = if file.is_none() { context.terminal.stdout } else { Look::FILE };
        let text = match format {
            Form::Human => {
                tests::human(&all.judged, context.global.verbose, look) + &tested::human(all)
            }
            Form::Json => report::json(&tested::json(all)),
            Form::Ci(format) => report.render(*format)?,
        };
        output::deliver(&text, file.as_deref())?;
    }
    let annotated = |it: &Output<Form>| it.format == Form::Ci(ci::Format::Github);
    report.announce(context, outputs.iter().any(|it| it.file.is_none() && annotated(it)));
    Ok(())
}

/// Of this rule or profile, or with these words in its title.
fn matches(set: &RuleSet, test: &Block, filter: &str) -> bool {
    let subject = match &test.subject {
        Subject::Rule(it) => &*set.rules[it.0].id,
        Subject::Profile(name) => name,
    };
    subject == filter || test.title.to_lowercase().contains(&filter.to_lowercase())
}
