//! What can be wrong with rules, schemas and lists, as plain data.
//!
//! A message is made where the problem is found: what is wrong (in the author's words, the author's
//! text in backticks), the words at the span, and what to write instead. `render` draws it.

pub mod code;

pub use code::Code;

use crate::shown::shown;
use crate::source::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// One remark to an author. The first label is the place; a second one says with what it disagrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    pub labels: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
    /// An edit that is safe to apply.
    pub fix: Option<Fix>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// Replace the text at `span`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub span: Span,
    pub replacement: String,
}

impl Diagnostic {
    /// A diagnostic with the severity of its code.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        let labels = vec![Label { span, text: String::new() }];
        let severity = code.severity();
        let message = shown(&message.into()).into_owned();
        Diagnostic { code, severity, message, labels, help: None, fix: None }
    }

    /// The words at the first span.
    pub fn here(mut self, text: impl Into<String>) -> Diagnostic {
        self.labels[0].text = shown(&text.into()).into_owned();
        self
    }

    /// A second place.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        let text = shown(&text.into()).into_owned();
        self.labels.push(Label { span, text });
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(shown(&text.into()).into_owned());
        self
    }

    pub fn fix(mut self, span: Span, replacement: impl Into<String>) -> Diagnostic {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }

    pub fn span(&self) -> Span {
        self.labels[0].span
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// In the order of files and places, each once.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| (a.span(), a.code, &a.message).cmp(&(b.span(), b.code, &b.message)));
    diagnostics.dedup();
}

/// At most three of `candidates` that look like `word`, nearest first: for *did you mean*.
pub fn similar<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let folded = word.to_lowercase();
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .map(|it| (strsim::damerau_levenshtein(&folded, &it.to_lowercase()), it))
        .filter(|(distance, it)| *distance <= limit && *distance < it.chars().count())
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().map(|(_, it)| it).take(3).collect()
}

/// `did you mean `a` or `b`?`, or nothing.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let near = similar(word, candidates);
    let quoted: Vec<String> = near.iter().map(|it| format!("`{it}`")).collect();
    let (last, first) = quoted.split_last()?;
    let list =
        if first.is_empty() { last.clone() } else { format!("{} or {last}", first.join(", ")) };
    Some(format!("did you mean {list}?"))
}
