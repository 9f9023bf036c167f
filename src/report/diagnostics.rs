//! Diagnostics drawn with their source, in one line, in plain words, or as JSON.

mod drawing;

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value as Json;
use serde_json::json;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::Fix;
use crate::diagnostic::Severity;
use crate::report;
use crate::report::Look;
use crate::source::SourceFile;
use crate::source::Sources;
use crate::source::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Drawn with the lines of the source.
    Full,
    /// The same in words only, for screen readers.
    Plain,
    /// One line each.
    Concise,
    /// What case files hold: places without paths.
    Short,
    /// `tamis.check/1`
    Json,
}

/// What a check looked at, and what it said.
pub struct Checked<'a> {
    pub sources: &'a Sources,
    /// Sorted.
    pub diagnostics: &'a [Diagnostic],
    pub files: usize,
    pub rules: usize,
}

/// Nobody reads more at once.
const SHOWN_MAX: usize = 100;

pub fn render(checked: &Checked, format: Format, look: Look) -> String {
    let Checked { sources, diagnostics, .. } = *checked;
    let shown = &diagnostics[..diagnostics.len().min(SHOWN_MAX)];
    let more = match diagnostics.len() - shown.len() {
        0 => String::new(),
        more => format!("… and {more} more: `--output concise` names them all\n\n"),
    };
    match format {
        Format::Full => full(sources, shown, look) + &more,
        Format::Plain => shown.iter().map(|it| plain(sources, it)).collect::<String>() + &more,
        Format::Concise => diagnostics.iter().map(|it| concise(sources, it)).collect(),
        Format::Short => diagnostics.iter().map(|it| short(sources, it)).collect(),
        Format::Json => json_text(checked),
    }
}

/// Errors, then warnings.
pub fn count(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics.iter().filter(|it| it.is_error()).count();
    (errors, diagnostics.len() - errors)
}

fn severity(it: &Diagnostic) -> &'static str {
    match it.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A code is explained once, after the first diagnostic that has it.
fn full(sources: &Sources, diagnostics: &[Diagnostic], look: Look) -> String {
    let mut text = String::new();
    let mut told: BTreeSet<Code> = BTreeSet::new();
    for it in diagnostics {
        text += &drawing::draw(sources, it, look);
        if told.insert(it.code) {
            let _ = writeln!(text, "  note: {}: `tamis explain {}`", it.code.name(), it.code);
        }
        text.push('\n');
    }
    text
}

fn plain(sources: &Sources, it: &Diagnostic) -> String {
    let mut text = format!("{} {}, {}: {}\n", severity(it), it.code, it.code.name(), it.message);
    let mut read = None;
    for label in &it.labels {
        let file = sources.get(label.span.file);
        let (start, end) = ends(file, label.span);
        let columns = match last_column(start.column, end.column) {
            last if last == start.column || end.line != start.line => {
                format!("column {}", start.column)
            }
            last => format!("columns {} to {last}", start.column),
        };
        let _ = write!(text, "  {}, line {}, {columns}", file.path, start.line);
        let _ =
            if label.text.is_empty() { writeln!(text) } else { writeln!(text, ": {}", label.text) };
        let line = drawing::cut(file.line(start.line), start.column - 1).0;
        if !line.trim().is_empty() && read != Some((label.span.file, start.line)) {
            read = Some((label.span.file, start.line));
            let _ = writeln!(text, "  the line reads: {}", line.trim());
        }
    }
    if let Some(help) = &it.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text + "\n"
}

/// People count the last character, spans the one after it.
fn last_column(start: usize, end: usize) -> usize {
    end.saturating_sub(1).max(start)
}

fn concise(sources: &Sources, it: &Diagnostic) -> String {
    let path = &sources.get(it.span().file).path;
    let help = it.help.as_ref().map(|it| format!("; {it}")).unwrap_or_default();
    let place = sources.place(it.span());
    let line = format!("{path}:{place}: {}[{}] {}{help}", severity(it), it.code, it.message);
    line.replace('\n', " ") + "\n"
}

/// `L:C-L:C error[T3001]: message`, a line for each further label, the help. For case files.
pub fn short(sources: &Sources, it: &Diagnostic) -> String {
    let here = it.span();
    let range = |span: Span| {
        let file = sources.get(span.file);
        let (start, end) = ends(file, span);
        let path = if span.file == here.file { String::new() } else { format!("{}:", file.path) };
        format!("{path}{start}-{end}")
    };
    let mut text = format!("{} {}[{}]: {}\n", range(here), severity(it), it.code, it.message);
    for label in &it.labels[1..] {
        let _ = writeln!(text, "  {} {}", range(label.span), label.text);
    }
    if let Some(help) = &it.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

fn ends(file: &SourceFile, span: Span) -> (crate::source::LineColumn, crate::source::LineColumn) {
    (file.line_column(span.start), file.line_column(span.end))
}

/// Each as JSON.
pub fn list(sources: &Sources, diagnostics: &[Diagnostic]) -> Vec<Json> {
    diagnostics.iter().map(|it| json_of(sources, it)).collect()
}

fn json_text(checked: &Checked) -> String {
    let Checked { sources, diagnostics, files, rules } = *checked;
    let all = list(sources, diagnostics);
    let (errors, warnings) = count(diagnostics);
    let report = json!({
        "schema": "tamis.check/1", "diagnostics": all, "files": files, "rules": rules,
        "errors": errors, "warnings": warnings,
    });
    report::json(&report)
}

fn json_of(sources: &Sources, it: &Diagnostic) -> Json {
    let mut object = json_place(sources, it.span());
    let labels: Vec<Json> = it
        .labels
        .iter()
        .map(|label| {
            let mut place = json_place(sources, label.span);
            place["text"] = json!(label.text);
            place
        })
        .collect();
    let fix = |fix: &Fix| {
        let mut place = json_place(sources, fix.span);
        place["replacement"] = json!(fix.replacement);
        place
    };
    object["code"] = json!(it.code.number());
    object["name"] = json!(it.code.name());
    object["severity"] = json!(severity(it));
    object["message"] = json!(it.message);
    object["labels"] = json!(labels);
    object["help"] = json!(it.help);
    object["fix"] = it.fix.as_ref().map_or(Json::Null, fix);
    object
}

fn json_place(sources: &Sources, span: Span) -> Json {
    let file = sources.get(span.file);
    let (start, end) = (file.place_on_disk(span.start), file.place_on_disk(span.end));
    json!({
        "file": file.path, "line": start.line, "column": start.column,
        "endLine": end.line, "endColumn": end.column,
    })
}
