//! Annotations as GitHub Actions reads them from a log: `::error file=…,line=…::message`.

use std::fmt::Write;

use crate::diagnostic::Severity;
use crate::report::annotation::Annotation;

pub fn render(annotations: &[Annotation]) -> String {
    annotations.iter().map(line).collect()
}

fn line(it: &Annotation) -> String {
    let level = match it.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let (start, end) = (it.region.start, it.region.end);
    let title = property(&format!("tamis ({})", it.topic.id));
    let mut text = format!("::{level} title={title},file={}", property(&it.path));
    let _ = write!(text, ",line={}", start.line);
    // GitHub drops an annotation that has columns on several lines.
    if start.line == end.line {
        let _ = write!(text, ",col={}", start.column);
    }
    let _ = write!(text, ",endLine={}", end.line);
    if start.line == end.line {
        let _ = write!(text, ",endColumn={}", end.column.max(start.column));
    }
    let help = it.help.as_ref().map(|it| format!("\n{it}")).unwrap_or_default();
    let _ = writeln!(text, "::{}", message(&format!("{}{help}", it.message)));
    text
}

fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
