//! A summary in Markdown, for the page of a pipeline.

use std::fmt::Write;

use crate::diagnostic::Severity;
use crate::report::annotation;
use crate::report::annotation::Annotation;

/// Nobody reads more, and a page holds a megabyte at most.
const SHOWN_MAX: usize = 100;

/// A heading, what is said in one line, and a table of the remarks.
pub fn render(title: &str, headline: &str, annotations: &[Annotation]) -> String {
    let (errors, _) = annotation::count(annotations);
    let mark = if 0 < errors { "❌" } else { "✅" };
    let mut text = format!("### {mark} {}\n\n{}\n", cell(title), cell(headline));
    if annotations.is_empty() {
        return text;
    }
    text += "\n| | place | code | remark |\n|---|---|---|---|\n";
    for it in annotations.iter().take(SHOWN_MAX) {
        let level = match it.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let help = it.help.as_ref().map(|it| format!("<br>{}", cell(it))).unwrap_or_default();
        let (path, start) = (cell(&it.path), it.region.start);
        let (code, message) = (cell(&it.topic.id), cell(&it.message));
        let _ = writeln!(text, "| {level} | {path}:{start} | {code} | {message}{help} |");
    }
    if SHOWN_MAX < annotations.len() {
        let _ = writeln!(text, "\n… and {} more", annotations.len() - SHOWN_MAX);
    }
    text
}

/// Text as it is meant, in one line of a table.
fn cell(text: &str) -> String {
    let mut res = String::new();
    let mut code = false;
    for it in text.chars() {
        code ^= it == '`';
        match it {
            '|' => res += "\\|",
            '\n' | '\r' => res.push(' '),
            '<' if !code => res += "&lt;",
            '*' | '_' | '[' if !code => res.extend(['\\', it]),
            it => res.push(it),
        }
    }
    res
}
