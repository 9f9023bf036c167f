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

/// Text as it is meant, in one line of a table: what stands in backticks is code where nothing in
/// it could be taken for an end of it; everywhere else signs stand for themselves.
fn cell(text: &str) -> String {
    let mut res = String::new();
    let parts: Vec<&str> = text.split('`').collect();
    for (at, part) in parts.iter().enumerate() {
        let quoted = at % 2 == 1 && at + 1 < parts.len();
        match (quoted, is_plain(part)) {
            (true, true) => res.extend(["`", part, "`"]),
            (true, false) => res.extend(["&#96;", &escaped(part), "&#96;"]),
            (false, _) => {
                // A sign without its pair.
                if at % 2 == 1 {
                    res += "&#96;";
                }
                res += &escaped(part);
            }
        }
    }
    res
}

/// Of signs that no reader of Markdown or HTML gives a meaning inside of code.
fn is_plain(text: &str) -> bool {
    let plain = |it: char| it.is_alphanumeric() || " _.,:;/%+-=()'\"*#?!".contains(it);
    !text.is_empty() && text.chars().all(plain)
}

/// Every sign stands for itself: no markup, no link, no mention.
fn escaped(text: &str) -> String {
    let mut res = String::new();
    for it in text.chars() {
        match it {
            '\n' | '\r' | '\t' => res.push(' '),
            '<' | '>' | '&' | '|' | '*' | '_' | '[' | ']' | '!' | '@' | '\\' | '~' | '$' | '{'
            | '}' => {
                res += &format!("&#{};", u32::from(it));
            }
            it => res.push(it),
        }
    }
    res.replace("://", "&#58;//").replace("www.", "www&#46;")
}
