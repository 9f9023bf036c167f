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
use crate::syntax::scan::LINE_WORDS;
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
            let refused = refusal(Place { id, base, text }, rule, at, &positives);
            diagnostics.push(match pattern(rule) {
                Some(pattern) => shown(refused, pattern),
                None => refused,
            });
            None
        }
    }
}

/// What may stand between two values.
const BETWEEN: &[&str] = &[
    "and", "or", "is", "in", "not", "under", "between", "contains", "starts", "ends", "of", "less",
    "more", "at", "since", "until",
];

/// What may follow in a head.
const AFTER_HEAD: &[&str] = &["dated", "extends", "file", "in", "levels", "ordered"];

struct Place<'a> {
    id: FileId,
    base: usize,
    text: &'a str,
}

impl Place<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.id, self.base + start, self.base + end)
    }

    fn report(&self, start: usize, end: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Code::T1101, self.span(start, end), message)
    }
}

/// What stands at the place where the line cannot be read further, in words.
fn refusal(it: Place, rule: Rule, at: usize, positives: &[Rule]) -> Diagnostic {
    let rest = it.text.get(at..).unwrap_or_default();
    let at = at + rest.len() - rest.trim_start().len();
    let rest = rest.trim_start();
    let before = it.text.get(..at).unwrap_or_default().trim_end();
    let cut = before.rfind(|it: char| it.is_whitespace() || it == '(').map_or(0, |at| {
        at + before.get(at..).and_then(|it| it.chars().next()).map_or(1, char::len_utf8)
    });
    let previous = before.get(cut..).unwrap_or_default();
    if rest.is_empty() {
        if previous.is_empty() {
            return it.report(at, at, "an expression is missing").help(expectation(positives));
        }
        let message = format!("something is missing after `{previous}`");
        return it.report(cut, before.len(), message).help(expectation(positives));
    }
    let word = first_word(rest);
    if word.is_empty() {
        let sign = rest.chars().next().unwrap_or(' ');
        let help = match sign {
            ',' if [" one of ", " in ", " under "].iter().any(|it| before.contains(it)) => {
                "put the values in parentheses: `(CN, HK)`".to_owned()
            }
            '€' | '$' | '£' | '¥' => {
                "write the code of the currency after the number: `1000 EUR`".to_owned()
            }
            ')' if Grammar::parse(rule, before).is_ok() => "no parenthesis is open here".to_owned(),
            _ => expectation(positives),
        };
        let end = at + sign.len_utf8();
        return it.report(at, end, format!("`{sign}` cannot stand here")).help(help);
    }
    let end = at + word.len();
    if word == previous {
        let twice = it
            .report(at, end, format!("`{word}` stands twice"))
            .help(format!("take one `{word}` out"));
        let joins = BETWEEN.contains(&word);
        return if joins { twice.fix(it.span(before.len(), end), "") } else { twice };
    }
    // `score 5 channel red`: the word was taken for a unit.
    if 0 < cut && LINE_WORDS.contains(&previous) {
        return ended(&it, (cut, before.len()), previous);
    }
    // What stands before is whole: here something joins it to the next value, or the line ends.
    if Grammar::parse(rule, before).is_ok() {
        return after_whole(&it, rule, (at, end), word, positives);
    }
    it.report(at, end, format!("`{word}` cannot stand here")).help(expectation(positives))
}

/// Lines of one form, as they are written.
fn pattern(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::expect => "`expect hit`, `expect undecided \"net_mass\"`, `expect score 30`",
        Rule::combine => "`combine highest, capped at 100, then sum over declaration`",
        Rule::route => "`route to red when score >= 70`",
        Rule::undecided_route => "`undecided route to yellow when potential_score >= 70`",
        Rule::override_channel => "`override channel`",
        Rule::exempt => "`exempt financial when importer_id in list trusted_traders`",
        Rule::random => "`random 2 % of green to red by office key from environment DRAW_KEY`",
        Rule::capacity => "`capacity red 20 per office, accepted_date overflow to yellow`",
        Rule::together => "`together by lorry`",
        _ => return None,
    })
}

/// With a line as it should be, after what was expected here; what joins conditions is none.
fn shown(refused: Diagnostic, pattern: &str) -> Diagnostic {
    let help = match refused.help.as_deref() {
        Some(it) if it.starts_with("expected ") => format!("{it}, as in {pattern}"),
        Some(it) if it.starts_with("put each ") || it.starts_with("write `and ") => {
            format!("write it as in {pattern}")
        }
        _ => return refused,
    };
    let message = match refused.message.rsplit_once(" before ") {
        Some((_, word)) => format!("{word} cannot stand here"),
        None => refused.message.clone(),
    };
    Diagnostic { message, help: Some(help), ..refused }
}

fn after_whole(
    it: &Place,
    rule: Rule,
    (at, end): (usize, usize),
    word: &str,
    positives: &[Rule],
) -> Diagnostic {
    if let Some(refused) = statistic(it, (at, end), word) {
        return refused;
    }
    let candidates = if rule == Rule::head { AFTER_HEAD } else { BETWEEN };
    let near = similar(word, candidates.iter().copied());
    if let Some(first) = near.first().filter(|it| **it != word) {
        let all: Vec<String> = near.iter().map(|it| format!("`{it}`")).collect();
        let refused = it
            .report(at, end, format!("`{word}` cannot stand here"))
            .help(format!("did you mean {}?", all.join(" or ")));
        return if near.len() == 1 { refused.fix(it.span(at, end), *first) } else { refused };
    }
    let begins = rule == Rule::head || LINE_WORDS.contains(&word);
    if !begins && positives.iter().any(|it| is_joint(*it)) {
        let message = format!("`and` or `or` seems to be missing before `{word}`");
        return it.report(at, end, message).help(format!("write `and {word} …` or `or {word} …`"));
    }
    ended(it, (at, end), word)
}

/// A statistic in other words than those of the language.
fn statistic(it: &Place, (at, end): (usize, usize), word: &str) -> Option<Diagnostic> {
    let before = it.text.get(..at)?.trim_end();
    let rest = it.text.get(at..)?;
    let mut back = before.rsplit(|it: char| it.is_whitespace() || it == '(');
    let last = back.next()?;
    let start = before.len() - last.len();
    let help = |name: &str| format!("write `{name} of VALUE over past …`");
    if last == "the" && word == "last" {
        let refused = it.report(start, before.len(), "`the` cannot stand here");
        return Some(refused.help("take it out, as in `in last 30 days`"));
    }
    if let Some(name) = statistic_name(last).filter(|_| rest.contains(" over ")) {
        let message = match name == last {
            true => format!("`of` is missing after `{last}`"),
            false => format!("`{last}` is no statistic"),
        };
        return Some(it.report(start, before.len(), message).help(help(name)));
    }
    if word != "over" {
        return None;
    }
    if ["over the last ", "over last "].iter().any(|it| rest.starts_with(it)) {
        let refused = it.report(at, end, "`over` cannot stand here");
        return Some(refused.help("write a period as in `in last 30 days`"));
    }
    let written = back.nth(1)?;
    let name = statistic_name(written).filter(|it| *it != written)?;
    let start = before.rfind(written)?;
    let refused = it.report(start, start + written.len(), format!("`{written}` is no statistic"));
    Some(refused.help(help(name)))
}

/// The statistic that is meant by a word.
fn statistic_name(word: &str) -> Option<&'static str> {
    Some(match word {
        "average" | "avg" | "mean" => "average",
        "sum" | "total" => "sum",
        "median" => "median",
        "smallest" | "min" | "minimum" | "lowest" => "smallest",
        "largest" | "max" | "maximum" | "highest" => "largest",
        _ => return None,
    })
}

fn ended(it: &Place, (at, end): (usize, usize), word: &str) -> Diagnostic {
    it.report(at, end, format!("the line should end before `{word}`"))
        .help("put each condition and each key word on a line of its own")
}

/// Only where an expression ends can something join it to the next one.
fn is_joint(it: Rule) -> bool {
    !matches!(it, Rule::EOI | Rule::string | Rule::int | Rule::date | Rule::word | Rule::name)
}

fn expectation(positives: &[Rule]) -> String {
    let value = positives.contains(&Rule::name) && positives.contains(&Rule::string);
    let mut words: Vec<String> = match value {
        true => vec!["a value".to_owned()],
        false => positives.iter().map(|it| in_words(*it)).collect(),
    };
    words.sort_unstable();
    words.dedup();
    words.truncate(3);
    match words.as_slice() {
        [] => "expected a value".to_owned(),
        [only] => format!("expected {only}"),
        [first @ .., last] => format!("expected {} or {last}", first.join(", ")),
    }
}

fn in_words(it: Rule) -> String {
    let words = match it {
        Rule::and | Rule::or => "`and` or `or`",
        Rule::string => "a text in quotation marks",
        Rule::date | Rule::from_date | Rule::to_date => "a date such as `2026-03-10`",
        Rule::int => "a whole number",
        Rule::int_bound => "how many, such as `1..999`",
        Rule::type_ref | Rule::type_name => "a type such as `mass in kg`",
        Rule::nomenclature => "a nomenclature such as `HS`",
        Rule::name | Rule::word | Rule::choice_value | Rule::meta_value => "a name",
        Rule::unit | Rule::unit_name => "a unit such as `kg`",
        Rule::EOI => "the end of the line",
        Rule::codes_part => "`levels`, `extends`, `file` or `dated`",
        Rule::history_part => "`event`, `date`, `known from`, `complete since` or `complete until`",
        Rule::has_one => "a record and how many, such as `item 1..999`",
        Rule::outcome => "`hit`, `no hit` or `undecided`",
        Rule::K_key | Rule::random_key => "`key \"…\"`",
        Rule::K_overflow => "`overflow to`",
        Rule::on_condition | Rule::K_when => "`when` and a condition",
        Rule::merge => "`highest` or `sum`",
        other => {
            // A key word is named after itself.
            let name = format!("{other:?}");
            return match name.strip_prefix("K_") {
                Some(word) => format!("`{}`", word.to_lowercase().replace('_', " ")),
                None => "a value".to_owned(),
            };
        }
    };
    words.to_owned()
}
