//! What tests say: for people, and as JSON.

use std::fmt::Write;

use anstyle::AnsiColor;
use anstyle::Style;
use serde_json::Value as Json;
use serde_json::json;

use crate::diagnostic::Severity;
use crate::report::Look;
use crate::report::annotation::Annotation;
use crate::report::annotation::Region;
use crate::report::annotation::Topic;
use crate::report::junit::Case;
use crate::report::junit::Failure;
use crate::report::junit::Suite;
use crate::run::cases::Judged;
use crate::shown::shown;
use crate::source::Sources;

/// `R0101 › "the limits", row 3`
pub fn name(it: &Judged, look: Look) -> String {
    let arrow = if look.unicode { "›" } else { ">" };
    let row = it.row.map(|it| format!(", row {it}")).unwrap_or_default();
    if it.title.is_empty() {
        return format!("{} {arrow} line {}{row}", it.subject, it.line);
    }
    format!("{} {arrow} \"{}\"{row}", it.subject, it.title)
}

fn paint(look: Look, colour: AnsiColor, text: &str) -> String {
    if !look.colour {
        return text.to_owned();
    }
    let style = Style::new().bold().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}

/// One line for each file and subject, then each failure, then the totals; with `verbose` every
/// case by name.
pub fn human(all: &[Judged], verbose: bool, look: Look) -> String {
    let mut text = String::new();
    for part in all.chunk_by(|a, b| (&a.file, &a.subject) == (&b.file, &b.subject)) {
        let failed = part.iter().filter(|it| !it.passed()).count();
        let passed = part.len() - failed;
        let mut line = format!("  {}   {}   {passed} passed", part[0].file, part[0].subject);
        if 0 < failed {
            line += &format!(", {}", paint(look, AnsiColor::Red, &format!("{failed} FAILED")));
        }
        let _ = writeln!(text, "{line}");
        if verbose {
            for it in part {
                let word = match it.passed() {
                    true => paint(look, AnsiColor::Green, "ok  "),
                    false => paint(look, AnsiColor::Red, "FAIL"),
                };
                let _ = writeln!(text, "    {word}  {}", name(it, look));
            }
        }
    }
    let failed: Vec<&Judged> = all.iter().filter(|it| !it.passed()).collect();
    for it in &failed {
        text += &failure(it, look);
    }
    if 1 < failed.len() {
        text.push('\n');
        for it in &failed {
            let word = paint(look, AnsiColor::Red, "FAIL");
            let _ = writeln!(text, "{word}  {}   {}", name(it, look), it.place());
        }
    }
    let _ = writeln!(text, "\n{}", headline(all));
    text
}

/// `12 passed, 1 failed`
pub fn headline(all: &[Judged]) -> String {
    let failed = all.iter().filter(|it| !it.passed()).count();
    format!("{} passed, {failed} failed", all.len() - failed)
}

/// A suite for each file, a case for each case.
pub fn suites(all: &[Judged]) -> Vec<Suite> {
    let case = |it: &Judged| Case {
        name: name(it, Look::FILE),
        class: it.subject.clone(),
        failure: (!it.passed()).then(|| Failure {
            topic: "failed-test".to_owned(),
            message: it.message(),
            text: failure(it, Look::FILE),
        }),
        time: None,
    };
    let suite = |part: &[Judged]| Suite {
        name: part[0].file.clone(),
        cases: part.iter().map(case).collect(),
    };
    all.chunk_by(|a, b| a.file == b.file).map(suite).collect()
}

/// Each failure beside its line.
pub fn annotations(all: &[Judged], sources: &Sources) -> Vec<Annotation> {
    let topic = || Topic {
        id: "test".to_owned(),
        name: "failed-test".to_owned(),
        summary: "a test that fails".to_owned(),
        page: "A case of a test does not say what it expects.".to_owned(),
        severity: Severity::Error,
    };
    let annotation = |it: &Judged| {
        let (_, file) = sources.iter().find(|other| other.1.path == it.file)?;
        let line = file.line(it.line).to_owned();
        Some(Annotation {
            topic: topic(),
            severity: Severity::Error,
            message: format!("{}: {}", name(it, Look::FILE), it.message()),
            help: None,
            path: it.file.clone(),
            region: Region::line(it.line, &line),
            line,
            edit: None,
        })
    };
    all.iter().filter(|it| !it.passed()).filter_map(annotation).collect()
}

fn failure(it: &Judged, look: Look) -> String {
    let word = paint(look, AnsiColor::Red, "FAIL");
    let mut text = format!("\n{word}  {}   {}\n", name(it, look), it.place());
    for answer in it.answers.iter().filter(|it| !it.passed) {
        let _ = writeln!(text, "  expected  {}", shown(&answer.expected));
        let _ = writeln!(text, "  got       {}", shown(&answer.got));
    }
    if let Some(other) = &it.fault {
        let _ = writeln!(text, "  a fault of tamis: the engines disagree, please report it");
        let _ = writeln!(text, "  DataFusion says  {other}");
    }
    if it.parts.is_empty() {
        return text;
    }
    text.push('\n');
    let width = it.parts.iter().map(|it| 2 * it.depth + it.words.chars().count()).max();
    let width = width.unwrap_or(0).min(60);
    for part in &it.parts {
        let (word, colour) = match part.truth {
            Some(true) => ("true   ", AnsiColor::Green),
            Some(false) => ("false  ", AnsiColor::Red),
            None => ("unknown", AnsiColor::Yellow),
        };
        let words = format!("{}{}", "  ".repeat(part.depth), part.words);
        let line =
            format!("    {}  {words:width$}  {}", paint(look, colour, word), shown(&part.values));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// `tamis.test/1`
pub fn json(all: &[Judged]) -> Json {
    let tests: Vec<Json> = all.iter().map(one).collect();
    let failed = all.iter().filter(|it| !it.passed()).count();
    json!({"schema": "tamis.test/1", "passed": all.len() - failed, "failed": failed,
           "tests": tests})
}

fn one(it: &Judged) -> Json {
    let answers: Vec<Json> = it
        .answers
        .iter()
        .map(|it| json!({"expected": it.expected, "got": it.got, "passed": it.passed}))
        .collect();
    let parts: Vec<Json> = it
        .parts
        .iter()
        .map(|it| {
            let truth = match it.truth {
                Some(truth) => json!(truth),
                None => Json::Null,
            };
            json!({"depth": it.depth, "truth": truth, "words": it.words, "values": it.values})
        })
        .collect();
    json!({"subject": it.subject, "title": it.title, "row": it.row, "file": it.file,
           "line": it.line, "passed": it.passed(), "expectations": answers, "parts": parts,
           "engines_disagree": it.fault})
}
