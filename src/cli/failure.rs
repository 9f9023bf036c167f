//! Why there is no product: for people on stderr, and where JSON was asked for as JSON on stdout.

use std::ffi::OsString;

use clap::Parser;
use serde_json::Value as Json;
use serde_json::json;

use crate::cli::Args;
use crate::cli::Context;
use crate::cli::output;
use crate::report;
use crate::report::Look;
use crate::report::diagnostics;
use crate::report::diagnostics::Checked;
use crate::report::diagnostics::Format;
use crate::shown::shown;
use crate::shown::visible;
use crate::trouble::Exit;
use crate::trouble::Trouble;

/// Tells of a trouble.
pub fn trouble(it: &Trouble, json: bool) {
    output::error(&format!("error: {it}"));
    if json {
        say(it.exit, &it.message, &it.details, it.help.as_deref(), &[]);
    }
}

/// Tells of errors in rules: nothing runs.
pub fn errors(checked: &Checked, exit: Exit, context: &Context) {
    let text = diagnostics::render(checked, Format::Full, context.terminal.stderr);
    output::error(text.trim_end());
    if context.json {
        let all: Vec<Json> = diagnostics::list(checked.sources, checked.diagnostics);
        say(exit, "the rules have errors", &[], Some("`tamis check` shows them"), &all);
    }
}

/// Tells of rules that cannot run because others of their project are wrong.
pub fn elsewhere(message: &str, context: &Context) {
    output::error(message);
    if context.json {
        say(Exit::Findings, message, &[], None, &[]);
    }
}

/// `tamis.error/1`
fn say(exit: Exit, message: &str, details: &[String], help: Option<&str>, diagnostics: &[Json]) {
    let it = json!({
        "schema": "tamis.error/1", "exit": exit as u8, "message": message, "details": details,
        "help": help, "diagnostics": diagnostics,
    });
    // Who reads it may have gone.
    output::product(&report::json(&it)).ok();
}

/// Tells what is wrong with the command line, and says how the command ends. What it repeats of
/// the arguments is fit for display.
pub fn arguments(error: &clap::Error, look: Look) -> Exit {
    if !error.use_stderr() {
        error.print().ok();
        return Exit::Ok;
    }
    let given: Vec<OsString> = std::env::args_os().collect();
    let safe = |it: &OsString| OsString::from(shown(&it.to_string_lossy()).into_owned());
    let all: Vec<OsString> = given.iter().map(safe).collect();
    let again = Args::try_parse_from(&all).err();
    let error = again.as_ref().unwrap_or(error);
    let plain = error.render().to_string();
    let clean = plain.chars().all(|it| it == '\n' || visible(it) == it);
    if look.colour && clean {
        error.print().ok();
    } else {
        let kept = |it: char| if it == '\n' { it } else { visible(it) };
        let text: String = plain.chars().map(kept).collect();
        output::error(text.trim_end());
    }
    if wants_json(&all) {
        let mut lines = plain.lines().map(|it| shown(it.trim()).into_owned());
        let first = lines.next().unwrap_or_default();
        let details: Vec<String> = lines.filter(|it| !it.is_empty()).collect();
        let message = first.strip_prefix("error: ").unwrap_or(&first);
        say(Exit::Usage, message, &details, None, &[]);
    }
    Exit::Usage
}

/// Whether arguments that cannot be read ask for JSON on stdout.
fn wants_json(all: &[OsString]) -> bool {
    let pairs = all.windows(2).any(|it| it[0] == "--output" && it[1] == "json");
    let known = std::env::var_os("TAMIS_OUTPUT").is_some_and(|it| it == "json");
    let named = all.iter().any(|it| it == "--output" || it.to_string_lossy().contains("--output="));
    pairs || all.iter().any(|it| it == "--output=json") || (known && !named)
}
