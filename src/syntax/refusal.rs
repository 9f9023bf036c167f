//! Calls pest, and says in words what it could not read and what to write instead.

use pest::Parser;
use pest::error::ErrorVariant;
use pest::error::InputLocation;
use pest::iterators::Pair;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::similar;
use crate::source::FileId;
use crate::source::Span;
use crate::syntax::from_pest::Grammar;
use crate::syntax::from_pest::Rule;
use crate::syntax::scan::first_word;

/// The pairs of one line, or `None` with the reason reported.
pub fn parse<'a>(
    rule: Rule,
    id: FileId,
    base: usize,
    text: &'a str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Pair<'a, Rule>> {
    match Grammar::parse(rule, text) {
        Ok(mut pairs) => pairs.next(),
        Err(error) => {
            let at = match error.location {
                InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
            };
            let positives = match &error.variant {
                ErrorVariant::ParsingError { positives, .. } => positives.clone(),
                ErrorVariant::CustomError { .. } => Vec::new(),
            };
            diagnostics.push(refusal(id, base, text, at, &positives));
            None
        }
    }
}

const TESTS: &[&str] = &["is", "in", "under", "and", "or", "not", "between", "contains", "of"];

/// What stands at the place where the line cannot be read further, in words.
fn refusal(id: FileId, base: usize, text: &str, at: usize, positives: &[Rule]) -> Diagnostic {
    let rest = text.get(at..).unwrap_or_default();
    let skipped = rest.len() - rest.trim_start().len();
    let (at, rest) = (at + skipped, rest.trim_start());
    let before = text.get(..at).unwrap_or_default().trim_end();
    let previous = before.rsplit(|it: char| it.is_whitespace() || it == '(').next().unwrap_or("");
    let word = first_word(rest);
    let length = word.len().max(rest.chars().next().map_or(0, char::len_utf8)).max(1);
    let span = Span::new(id, base + at, base + at + length);
    let make = |message: String, help: String| {
        Diagnostic::new(Code::T1101, span, message).help(help)
    };
    if rest.is_empty() {
        let end = Span::new(id, base + before.len().saturating_sub(previous.len()), base + before.len());
        let message = format!("something is missing after `{previous}`");
        return Diagnostic::new(Code::T1101, end, message).help(expectation(positives));
    }
    if word.is_empty() {
        let sign: String = rest.chars().take(1).collect();
        return make(format!("`{sign}` cannot stand here"), expectation(positives));
    }
    if word == previous {
        return make(format!("`{word}` stands twice"), format!("take one `{word}` out"));
    }
    let wants_operator = positives.contains(&Rule::and) || positives.contains(&Rule::or);
    if wants_operator && let Some(near) = similar(word, TESTS.iter().copied()).first() && *near != word {
        return make(format!("`{word}` is not a test"), format!("did you mean `{near}`?"));
    }
    if wants_operator {
        let help = format!("`and` or `or` seems to be missing before `{word}`");
        return make(format!("`{word}` cannot stand here"), help);
    }
    make(format!("`{word}` cannot stand here"), expectation(positives))
}

fn expectation(positives: &[Rule]) -> String {
    let mut words: Vec<&str> = positives
        .iter()
        .map(|it| match it {
            Rule::and | Rule::or => "`and` or `or`",
            Rule::string => "a text in quotation marks",
            Rule::date => "a date such as `2026-03-10`",
            Rule::int | Rule::int_bound => "a whole number",
            Rule::type_ref | Rule::type_name => "a type such as `mass in kg`",
            Rule::name | Rule::word | Rule::nomenclature => "a name",
            Rule::EOI => "the end of the line",
            _ => "a value",
        })
        .collect();
    words.sort_unstable();
    words.dedup();
    words.truncate(3);
    if words.is_empty() { "write an expression".to_owned() } else { format!("expected here: {}", words.join(", ")) }
}
