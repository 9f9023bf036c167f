//! `tamis check`

use std::path::PathBuf;
use std::time::Instant;

use crate::cli::Context;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::scope;
use crate::cli::scope::Scope;
use crate::diagnostic::Diagnostic;
use crate::project::Project;
use crate::report::Look;
use crate::report::diagnostics;
use crate::report::diagnostics::Checked;
use crate::report::diagnostics::Format;
use crate::source::FileId;
use crate::syntax::ast;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis check                                    the project around you
  tamis check rules/origin
  tamis check --output concise --output json=report.json
  tamis check --strict --quiet                   for a pipeline: warnings count

Formats:
  full     drawn, with the lines of the source
  plain    in words only, for screen readers
  concise  one line each
  short    places without paths, as case files hold them
  json     for programs: tamis.check/1";

#[derive(clap::Args)]
pub struct Check {
    /// Files or folders of rules; those of tamis.toml when none is named
    pub paths: Vec<PathBuf>,
    /// full, plain, concise, short or json; FORMAT=FILE writes a file. May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = format)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    output: Vec<Output<Format>>,
    /// Warnings end with code 1 too
    #[arg(long, env = "TAMIS_STRICT", hide_env = true)]
    strict: bool,
}

const FORMATS: [(&str, Format); 5] = [
    ("full", Format::Full),
    ("plain", Format::Plain),
    ("concise", Format::Concise),
    ("short", Format::Short),
    ("json", Format::Json),
];

fn format(text: &str) -> Result<Output<Format>, String> {
    output::parse(text, &FORMATS)
}

pub fn check(it: &Check, context: &Context) -> Result<Exit, Trouble> {
    let outputs = output::destinations(&it.output, Format::Full)?;
    let started = Instant::now();
    let scope = scope::load(context, &it.paths)?;
    let Scope { project, files, .. } = &scope;
    let time = started.elapsed();
    for Output { format, file } in &outputs {
        let look = if file.is_none() { context.terminal.stdout } else { Look::FILE };
        let text = diagnostics::render(&checked(project, files), *format, look);
        output::deliver(&text, file.as_deref())?;
    }
    if !project.schema_found {
        context.terminal.note("note: no tamis.toml found: names and types are not checked");
    }
    let (errors, warnings) = diagnostics::count(&project.diagnostics);
    context.terminal.note(&format!(
        "Checked {}, {} in {} ms: {}, {}",
        counted(files.len(), "file"),
        counted(checked(project, files).rules, "rule"),
        time.as_millis(),
        counted(errors, "error"),
        counted(warnings, "warning"),
    ));
    let exit = exit(&project.diagnostics, it.strict);
    // The process ends: to take thousands of rules apart again would be noticed.
    std::mem::forget(scope);
    Ok(exit)
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
