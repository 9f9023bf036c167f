//! Diagnostics drawn with their source, in one line, in plain words, or as JSON.

use std::fmt;

use miette::GraphicalReportHandler;
use miette::GraphicalTheme;
use miette::LabeledSpan;
use miette::NarratableReportHandler;
use miette::SourceCode;
use serde_json::json;

use crate::diagnostic::Diagnostic;
use crate::diagnostic::Severity;
use crate::source::SourceFile;
use crate::source::Sources;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Full,
    Plain,
    Concise,
    Json,
}

pub fn render(
    sources: &Sources,
    diagnostics: &[Diagnostic],
    format: Format,
    colour: bool,
) -> String {
    match format {
        Format::Full => diagnostics.iter().map(|it| drawn(sources, it, colour)).collect(),
        Format::Plain => diagnostics.iter().map(|it| narrated(sources, it)).collect(),
        Format::Concise => diagnostics.iter().map(|it| concise(sources, it)).collect(),
        Format::Json => json_text(sources, diagnostics),
    }
}

fn severity(it: &Diagnostic) -> &'static str {
    match it.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn concise(sources: &Sources, it: &Diagnostic) -> String {
    let path = &sources.get(it.span().file).path;
    let help = it.help.as_ref().map(|it| format!("; {it}")).unwrap_or_default();
    let place = sources.place(it.span());
    format!("{path}:{place}: {}[{}]: {}{help}\n", severity(it), it.code, it.message)
}

/// `L:C-L:C error[T3001]: message`, a line for each further label, the help. For case files.
pub fn short(sources: &Sources, it: &Diagnostic) -> String {
    let range = |span: crate::source::Span| {
        let file = sources.get(span.file);
        format!("{}-{}", file.line_column(span.start), file.line_column(span.end))
    };
    let mut text = format!("{} {}[{}]: {}\n", range(it.span()), severity(it), it.code, it.message);
    for label in &it.labels[1..] {
        text += &format!("  {} {}\n", range(label.span), label.text);
    }
    if let Some(help) = &it.help {
        text += &format!("  help: {help}\n");
    }
    text
}

fn json_text(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let all: Vec<serde_json::Value> = diagnostics
        .iter()
        .map(|it| {
            let file = sources.get(it.span().file);
            let (start, end) = (file.line_column(it.span().start), file.line_column(it.span().end));
            let labels: Vec<_> = it
                .labels
                .iter()
                .map(|label| {
                    let at = sources.place(label.span);
                    json!({"line": at.line, "column": at.column, "text": label.text})
                })
                .collect();
            json!({
                "code": it.code.number(), "name": it.code.name(), "severity": severity(it),
                "message": it.message, "file": file.path, "line": start.line,
                "column": start.column, "endLine": end.line, "endColumn": end.column,
                "labels": labels, "help": it.help,
                "fix": it.fix.as_ref().map(|it| it.replacement.clone()),
            })
        })
        .collect();
    let errors = diagnostics.iter().filter(|it| it.is_error()).count();
    let report = json!({
        "schema": "tamis.check/1", "diagnostics": all, "files": sources.iter().count(),
        "errors": errors, "warnings": diagnostics.len() - errors,
    });
    format!("{report:#}\n")
}

/// A diagnostic with its source, as miette wants it.
#[derive(Debug)]
struct Drawing<'a> {
    it: &'a Diagnostic,
    source: Excerpt<'a>,
    code: String,
}

/// A file whose long lines are cut when drawn.
#[derive(Debug)]
struct Excerpt<'a> {
    file: &'a SourceFile,
}

impl SourceCode for Excerpt<'_> {
    fn read_span<'b>(
        &'b self,
        span: &miette::SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'b> + 'b>, miette::MietteError> {
        let contents = self.file.text.as_str().read_span(span, before, after)?;
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.file.path.clone(),
            contents.data(),
            *contents.span(),
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}

impl fmt::Display for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.it.message)
    }
}

impl std::error::Error for Drawing<'_> {}

impl miette::Diagnostic for Drawing<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.it.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.it.help.as_ref().map(|it| Box::new(it) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let drawable =
            !self.source.file.text.is_empty() && !has_long_line(self.source.file, self.it);
        drawable.then_some(&self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let here = self.it.span().file;
        let labels = self.it.labels.iter().filter(move |it| it.span.file == here);
        Some(Box::new(labels.map(|it| {
            let text = if it.text.is_empty() { None } else { Some(it.text.clone()) };
            let (start, end) = (it.span.start as usize, it.span.end as usize);
            LabeledSpan::new(text, start, end.saturating_sub(start))
        })))
    }
}

fn has_long_line(file: &SourceFile, it: &Diagnostic) -> bool {
    2_000 < file.line(file.line_column(it.span().start).line).len()
}

fn drawing<'a>(sources: &'a Sources, it: &'a Diagnostic) -> Drawing<'a> {
    let code = format!("{}[{}] {}", severity(it), it.code, it.code.name());
    Drawing { it, source: Excerpt { file: sources.get(it.span().file) }, code }
}

fn drawn(sources: &Sources, it: &Diagnostic, colour: bool) -> String {
    let drawing = drawing(sources, it);
    if miette::Diagnostic::source_code(&drawing).is_none() {
        return concise(sources, it);
    }
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
    if handler.render_report(&mut text, &drawing).is_err() {
        return concise(sources, it);
    }
    text + "\n"
}

fn narrated(sources: &Sources, it: &Diagnostic) -> String {
    let drawing = drawing(sources, it);
    let mut text = String::new();
    if NarratableReportHandler::new().render_report(&mut text, &drawing).is_err() {
        return concise(sources, it);
    }
    text + "\n"
}
