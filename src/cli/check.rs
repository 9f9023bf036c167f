//! `tamis check`

use std::path::PathBuf;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use crate::cli::Context;
use crate::cli::ci;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::scope;
use crate::cli::scope::Scope;
use crate::diagnostic;
use crate::diagnostic::Diagnostic;
use crate::project::Project;
use crate::project::Remark;
use crate::report::Look;
use crate::report::annotation;
use crate::report::diagnostics;
use crate::report::diagnostics::Checked;
use crate::report::diagnostics::Format;
use crate::report::junit;
use crate::source::FileId;
use crate::syntax::ast;
use crate::testing::demands;
use crate::trouble::Exit;
use crate::trouble::Trouble;
use crate::value::calendar;

pub const EXAMPLES: &str = "\
Examples:
  tamis check                                    the project around you
  tamis check rules/origin
  tamis check --output concise --output json=report.json
  tamis check --strict --quiet                   for a pipeline: warnings count
  tamis check --output full --output sarif=tamis.sarif

Formats:
  full     drawn, with the lines of the source
  plain    in words only, for screen readers
  concise  one line each
  short    places without paths, as case files hold them
  json     for programs: tamis.check/1
  sarif    for code scanning: SARIF 2.1.0
  junit    for CI systems: JUnit XML
  github   annotations of GitHub Actions; added there of itself, unless --no-ci
  md       a summary in Markdown";

#[derive(clap::Args)]
pub struct Check {
    /// Files or folders of rules; those of tamis.toml when none is named
    pub paths: Vec<PathBuf>,
    /// full, plain, concise, short, json, sarif, junit, github or md; FORMAT=FILE writes a file.
    /// May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = format)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    output: Vec<Output<Form>>,
    /// Warnings end with code 1 too
    #[arg(long, env = "TAMIS_STRICT", hide_env = true)]
    strict: bool,
    /// The day by which reviews of stable rules are due; today without it
    #[arg(long, value_name = "DATE", value_parser = day, env = "TAMIS_AS_OF", hide_env = true)]
    as_of: Option<i32>,
}

/// Days since 1970-01-01.
fn day(text: &str) -> Result<i32, String> {
    let date: Option<jiff::civil::Date> = text.parse().ok();
    date.and_then(calendar::days).ok_or_else(|| "write year-month-day: 2026-05-01".to_owned())
}

/// By the clock of this machine. Nothing that a rule says depends on it.
fn today() -> i32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i32::try_from(since.as_secs() / 86_400).unwrap_or(i32::MAX)
}

/// What stable rules lack, once everything else is right.
fn demanded(scope: &mut Scope, today: i32) {
    let Scope { project, files, .. } = scope;
    if 0 < diagnostics::count(&project.diagnostics).0 {
        return;
    }
    let mut found = demands::demands(&project.rule_set, &project.sources, Some(today));
    found.retain(|it| files.contains(&it.span().file) && !project.ignores(it));
    project.diagnostics.extend(found);
    diagnostic::sort(&mut project.diagnostics);
}

/// Of ours, or of CI systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text(Format),
    Ci(ci::Format),
}

const FORMATS: [(&str, Format); 5] = [
    ("full", Format::Full),
    ("plain", Format::Plain),
    ("concise", Format::Concise),
    ("short", Format::Short),
    ("json", Format::Json),
];

fn format(text: &str) -> Result<Output<Form>, String> {
    let ours = FORMATS.iter().map(|(name, it)| (*name, Form::Text(*it)));
    let all: Vec<_> = ours.chain(ci::FORMATS.iter().map(|it| (it.0, Form::Ci(it.1)))).collect();
    output::parse(text, &all)
}

impl Check {
    pub fn is_json(&self) -> bool {
        output::is_json(&self.output, &Form::Text(Format::Json))
    }
}

pub fn check(it: &Check, context: &Context) -> Result<Exit, Trouble> {
    let outputs = output::destinations(&it.output, Form::Text(Format::Full))?;
    let started = Instant::now();
    let mut scope = scope::load(context, &it.paths)?;
    demanded(&mut scope, it.as_of.unwrap_or_else(today));
    let Scope { project, files, .. } = &scope;
    output::apart(&output::files(&outputs), &project.paths())?;
    let time = started.elapsed();
    let report = report(project, files);
    for Output { format, file } in &outputs {
        let look = if file.is_none() { context.terminal.stdout } else { Look::FILE };
        let text = match format {
            Form::Text(format) => diagnostics::render(&checked(project, files), *format, look),
            Form::Ci(format) => report.render(*format)?,
        };
        output::deliver(&text, file.as_deref())?;
    }
    let is_annotated = |it: &Output<Form>| it.format == Form::Ci(ci::Format::Github);
    report.announce(context, outputs.iter().any(|it| it.file.is_none() && is_annotated(it)));
    if !project.schema_found {
        let why = match (&project.manifest, &context.global.schema) {
            (None, None) => "no tamis.toml found",
            (Some(_), _) | (None, Some(_)) => "no record of the schema can be read",
        };
        context.terminal.note(&format!("note: {why}: names and types are not checked"));
    }
    if it.paths.is_empty()
        && let Some(unnamed) = unnamed(&project.unnamed())
    {
        context.terminal.note(&format!("note: {unnamed}"));
    }
    for it in remarks(project) {
        context.terminal.note(&format!("note: {}", project.placed(&it)));
    }
    let (checked, found) = headline(project, files);
    context.terminal.note(&format!("Checked {checked} in {} ms: {found}", time.as_millis()));
    let exit = exit(&project.diagnostics, it.strict);
    // The process ends: to take thousands of rules apart again would be noticed.
    std::mem::forget(scope);
    Ok(exit)
}

/// What there is to say of data sets.
#[cfg(feature = "engine")]
fn remarks(project: &Project) -> Vec<Remark> {
    crate::run::foreseen::remarks(project)
}

#[cfg(not(feature = "engine"))]
fn remarks(project: &Project) -> Vec<Remark> {
    project.data_remarks()
}

/// What to say of files of rules that `tamis.toml` does not name.
fn unnamed(paths: &[PathBuf]) -> Option<String> {
    let (first, others) = paths.split_first()?;
    let first = first.strip_prefix(".").unwrap_or(first).display();
    let (more, are) = match others.len() {
        0 => (String::new(), "is"),
        count => (format!(" and {}", counted(count, "other file")), "are"),
    };
    Some(format!("`{first}`{more} {are} named nowhere in tamis.toml, and not read"))
}

/// `3 files, 3 rules`, and `2 errors, 0 warnings`
fn headline(project: &Project, files: &[FileId]) -> (String, String) {
    let (errors, warnings) = diagnostics::count(&project.diagnostics);
    let rules = checked(project, files).rules;
    (
        format!("{}, {}", counted(files.len(), "file"), counted(rules, "rule")),
        format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    )
}

fn report(project: &Project, files: &[FileId]) -> ci::Report {
    let annotations = annotation::of(&project.sources, &project.diagnostics);
    // tamis.toml is told of where there is something to tell.
    let at_fault = |it: &FileId| project.diagnostics.iter().any(|other| other.span().file == *it);
    let config = project.config().filter(at_fault);
    let all = config.iter().chain(files);
    let paths: Vec<String> = all.map(|it| project.sources.get(*it).path.clone()).collect();
    let suites = junit::suites(&paths, &annotations);
    let (checked, found) = headline(project, files);
    ci::Report::new("tamis check", format!("{found} in {checked}"), annotations, suites)
}

/// Some files of a project, and what was said of them.
pub fn checked<'a>(project: &'a Project, files: &[FileId]) -> Checked<'a> {
    let blocks = project.files.iter().filter(|it| files.contains(&it.id)).flat_map(|it| &it.blocks);
    Checked {
        sources: &project.sources,
        diagnostics: &project.diagnostics,
        files: files.len(),
        rules: blocks.filter(|it| matches!(it.head, ast::Head::Rule { .. })).count(),
    }
}

/// `1 file`, `2 files`
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The one place that turns diagnostics into an exit code.
pub fn exit(diagnostics: &[Diagnostic], strict: bool) -> Exit {
    if diagnostics.iter().any(|it| it.code.is_unreadable()) {
        return Exit::Usage;
    }
    let findings = diagnostics.iter().any(|it| it.is_error() || strict);
    if findings { Exit::Findings } else { Exit::Ok }
}
