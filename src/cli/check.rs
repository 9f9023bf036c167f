//! `tamis check`

use std::path::PathBuf;

use crate::cli::deliver;
use crate::cli::note;
use crate::diagnostic::Diagnostic;
use crate::project;
use crate::project::Project;
use crate::project::Request;
use crate::report::diagnostics;
use crate::report::diagnostics::Format;
use crate::trouble::Exit;
use crate::trouble::Trouble;

#[derive(clap::Args)]
pub struct Check {
    /// Files or folders of rules; those of tamis.toml when none is named.
    pub paths: Vec<PathBuf>,
    /// full, plain, concise or json; `FORMAT=FILE` writes a file. May be repeated.
    #[arg(long, env = "TAMIS_OUTPUT")]
    output: Vec<String>,
    /// Warnings end with code 1 too.
    #[arg(long)]
    strict: bool,
}

pub fn check(it: &Check, request: &Request, colour: bool) -> Result<Exit, Trouble> {
    let project = project::load(request)?;
    let outputs = if it.output.is_empty() { vec!["full".to_owned()] } else { it.output.clone() };
    for output in &outputs {
        let (format, file) = match output.split_once('=') {
            Some((format, file)) => (format, Some(file)),
            None => (output.as_str(), None),
        };
        let text = diagnostics::render(
            &project.sources,
            &project.diagnostics,
            named(format)?,
            colour && file.is_none(),
        );
        deliver(&text, file)?;
    }
    close(&project);
    Ok(exit(&project.diagnostics, it.strict))
}

fn named(format: &str) -> Result<Format, Trouble> {
    match format {
        "full" => Ok(Format::Full),
        "plain" => Ok(Format::Plain),
        "concise" => Ok(Format::Concise),
        "json" => Ok(Format::Json),
        _ => Err(Trouble::usage(format!("--output {format}: there is no such format"))
            .help("write full, plain, concise or json")),
    }
}

fn close(project: &Project) {
    if !project.schema_found {
        note("no schema found: names and types are not checked");
    }
    let errors = project.diagnostics.iter().filter(|it| it.is_error()).count();
    let warnings = project.diagnostics.len() - errors;
    let rules = project.rule_set.rules.len();
    let files = project.files.len();
    note(&format!("Checked {files} files, {rules} rules: {errors} errors, {warnings} warnings"));
}

/// The one place that turns diagnostics into an exit code.
pub fn exit(diagnostics: &[Diagnostic], strict: bool) -> Exit {
    if diagnostics.iter().any(|it| it.code.is_unreadable()) {
        return Exit::Usage;
    }
    let findings = diagnostics.iter().any(|it| it.is_error() || strict);
    if findings { Exit::Findings } else { Exit::Ok }
}
