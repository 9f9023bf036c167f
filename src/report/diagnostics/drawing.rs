//! One diagnostic over the lines of its source: the one place that knows miette.

use std::fmt;
use std::fmt::Write;

use anstyle::AnsiColor;
use anstyle::Style;
use miette::GraphicalReportHandler;
use miette::GraphicalTheme;
use miette::LabeledSpan;
use miette::SourceCode;
use miette::SourceSpan;

use crate::diagnostic::Diagnostic;
use crate::diagnostic::Label;
use crate::diagnostic::Severity;
use crate::report::Look;
use crate::shown::visible;
use crate::source::LineColumn;
use crate::source::SourceFile;
use crate::source::Sources;
use crate::source::Span;

/// The widest line that is drawn whole, in characters.
const WIDTH: usize = 200;

/// Labels farther from the first one than this are named, not drawn.
const LINES: usize = 12;

pub fn draw(sources: &Sources, it: &Diagnostic, look: Look) -> String {
    let mut text = head(it, look);
    let file = sources.get(it.span().file);
    let excerpt = Excerpt::new(file, it);
    let drawn = match excerpt.text.trim().is_empty() {
        true => None,
        false => snippet(&excerpt, it.severity, look),
    };
    match drawn {
        Some(drawn) => text += &drawn,
        None => text += &place(sources, &it.labels[0]),
    }
    for label in it.labels.iter().skip(1).filter(|it| !excerpt.holds(it)) {
        text += &place(sources, label);
    }
    if let Some(help) = &it.help {
        let style = style(look, Style::new().fg_color(Some(AnsiColor::Cyan.into())));
        let help = help.replace('\n', "\n        ");
        let _ = writeln!(text, "  {style}help:{style:#} {help}");
    }
    text
}

/// Of a label that is not drawn.
fn place(sources: &Sources, label: &Label) -> String {
    let path = &sources.get(label.span.file).path;
    let colon = if label.text.is_empty() { "" } else { ": " };
    format!("  at {path}:{}{colon}{}\n", sources.place(label.span), label.text)
}

fn style(look: Look, style: Style) -> Style {
    if look.colour { style } else { Style::new() }
}

/// `error[T2101]: unknown name`
fn head(it: &Diagnostic, look: Look) -> String {
    let (word, colour) = match it.severity {
        Severity::Error => ("error", AnsiColor::Red),
        Severity::Warning => ("warning", AnsiColor::Yellow),
    };
    let strong = style(look, Style::new().bold());
    let coloured = style(look, Style::new().bold().fg_color(Some(colour.into())));
    let (code, message) = (it.code, &it.message);
    format!("{coloured}{word}[{code}]{coloured:#}{strong}: {message}{strong:#}\n")
}

fn snippet(excerpt: &Excerpt, severity: Severity, look: Look) -> Option<String> {
    let theme = match (look.unicode, look.colour) {
        (true, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, true) => GraphicalTheme::ascii(),
        (false, false) => GraphicalTheme::none(),
    };
    let mut text = String::new();
    GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(WIDTH + 40)
        .with_context_lines(1)
        .without_syntax_highlighting()
        .render_report(&mut text, &Drawing { excerpt, severity })
        .ok()?;
    // The handler begins with the message, which we have written.
    let begins = |it: &str| it.contains('╭') || it.contains(",-");
    let lines = text.lines().skip_while(|it| !begins(it)).map(str::trim_end);
    Some(lines.filter(|it| !it.is_empty()).map(|it| format!("{it}\n")).collect())
}

/// The lines around the labels of one file, long ones cut.
#[derive(Debug)]
struct Excerpt {
    path: String,
    text: String,
    first_line: usize,
    labels: Vec<Drawn>,
}

/// A label in the text of the excerpt, in bytes, and where it is in the file.
#[derive(Debug)]
struct Drawn {
    start: usize,
    end: usize,
    place: LineColumn,
    span: Span,
    text: String,
}

impl Excerpt {
    fn new(file: &SourceFile, it: &Diagnostic) -> Excerpt {
        let here = file.line_column(it.span().start).line;
        let near: Vec<(&Label, LineColumn)> = it
            .labels
            .iter()
            .filter(|label| label.span.file == it.span().file)
            .map(|label| (label, file.line_column(label.span.start)))
            .filter(|(_, place)| place.line.abs_diff(here) <= LINES)
            .collect();
        let lines = || near.iter().map(|it| it.1.line);
        let first_line = lines().min().unwrap_or(here).saturating_sub(1).max(1);
        let last_line = lines().max().unwrap_or(here) + 1;
        let mut excerpt = Excerpt {
            path: file.path.clone(),
            text: String::new(),
            first_line,
            labels: Vec::new(),
        };
        let all = file.text.lines().enumerate().skip(first_line - 1);
        for (at, line) in all.take(last_line + 1 - first_line) {
            let on_line: Vec<_> = near.iter().filter(|it| it.1.line == at + 1).collect();
            excerpt.line(file, line, &on_line);
        }
        // In the order of the diagnostic: the first label gives the place above the drawing.
        excerpt.labels.sort_by_key(|it| near.iter().position(|(label, _)| label.span == it.span));
        excerpt
    }

    fn line(&mut self, file: &SourceFile, line: &str, labels: &[&(&Label, LineColumn)]) {
        let middle = labels.first().map_or(0, |it| it.1.column - 1);
        let (shown, skipped, before) = cut(line, middle);
        let start = self.text.len();
        // Where a character of the line stands in the excerpt.
        let at = |column: usize| {
            let column = (column - 1).saturating_sub(skipped) + before;
            start + shown.char_indices().nth(column).map_or(shown.len(), |it| it.0)
        };
        for (label, place) in labels {
            let end = file.line_column(label.span.end);
            let end = if end.line == place.line { at(end.column) } else { start + shown.len() };
            let begin = at(place.column).min(end);
            let (text, place) = (label.text.clone(), *place);
            self.labels.push(Drawn { start: begin, end, place, span: label.span, text });
        }
        self.text += &shown;
        self.text.push('\n');
    }

    fn holds(&self, label: &Label) -> bool {
        self.labels.iter().any(|it| it.span == label.span)
    }
}

/// At most `WIDTH` characters of a line around a place; the number of characters left out before
/// them, and of those put in their place.
pub fn cut(line: &str, middle: usize) -> (String, usize, usize) {
    // Columns stay: each character for one.
    let clean: String = line.trim_end_matches('\r').chars().map(visible).collect();
    let length = clean.chars().count();
    if length <= WIDTH {
        return (clean, 0, 0);
    }
    let skipped = middle.saturating_sub(WIDTH / 2).min(length - WIDTH);
    let kept: String = clean.chars().skip(skipped).take(WIDTH).collect();
    let before = if skipped == 0 { "" } else { "… " };
    let after = if skipped + WIDTH < length { " …" } else { "" };
    (format!("{before}{kept}{after}"), skipped, before.chars().count())
}

impl SourceCode for Excerpt {
    /// Lines and columns are those of the file, not of the excerpt.
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'b> + 'b>, miette::MietteError> {
        let contents = self.text.as_str().read_span(span, before, after)?;
        let mut line = contents.line() + self.first_line - 1;
        let mut column = contents.column();
        let label = self.labels.iter().find(|it| it.start == span.offset());
        if let Some(label) = label.filter(|_| before == 0 && after == 0) {
            (line, column) = (label.place.line - 1, label.place.column - 1);
        }
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.path.clone(),
            contents.data(),
            *contents.span(),
            line,
            column,
            contents.line_count(),
        )))
    }
}

/// A diagnostic without words: its snippet only.
#[derive(Debug)]
struct Drawing<'a> {
    excerpt: &'a Excerpt,
    severity: Severity,
}

impl fmt::Display for Drawing<'_> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Drawing<'_> {}

impl miette::Diagnostic for Drawing<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.excerpt.labels.iter().enumerate().map(|(at, it)| {
            let text = if it.text.is_empty() { None } else { Some(it.text.clone()) };
            let length = it.end - it.start;
            if at == 0 {
                let span = SourceSpan::new(it.start.into(), length);
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new(text, it.start, length)
            }
        });
        Some(Box::new(labels))
    }
}
