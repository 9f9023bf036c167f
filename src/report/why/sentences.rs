//! For people who do not read rules: sentences with the labels of the schema.

use crate::hit::Outcome;
use crate::interpret::why::Answer;
use crate::interpret::why::Line;
use crate::interpret::why::Shape;
use crate::interpret::why::change::Proposed;
use crate::interpret::why::note::Note;
use crate::interpret::why::quantifier::Seen;
use crate::report::why::Told;
use crate::report::why::note;
use crate::report::why::period;
use crate::report::why::some_of;
use crate::report::why::with_values;
use crate::shown::shown;

pub fn sentences(told: &Told) -> String {
    let mut out = String::new();
    let counts = told.counts();
    let hit = match counts.hits {
        0 => "No rule selects it".to_owned(),
        1 => "One rule selects it".to_owned(),
        n => format!("{n} rules select it"),
    };
    let open = match counts.undecided {
        0 => String::new(),
        1 => ", and one rule cannot decide".to_owned(),
        n => format!(", and {n} rules cannot decide"),
    };
    say(&mut out, &format!("Declaration {}. {hit}{open}.", told.declaration.id));
    for judged in told.rows() {
        let name = told.name(judged);
        for answer in told.answers(judged) {
            out.push('\n');
            say(&mut out, &head(told, answer, &name));
            body(told, answer, &mut out);
        }
    }
    let steps = told.steps();
    if let Some((first, others)) = steps.split_first() {
        out.push('\n');
        say(&mut out, &format!("The decision: {first}."));
        others.iter().for_each(|it| say(&mut out, &format!("- {it}")));
    }
    out
}

/// A line, whatever the data hold.
fn say(out: &mut String, text: &str) {
    *out += &shown(text);
    out.push('\n');
}

fn head(told: &Told, it: &Answer, row: &str) -> String {
    let rule = &told.set.rules[it.rule.0];
    let title = if rule.title.is_empty() { rule.id.to_string() } else { rule.title.clone() };
    let said = match it.outcome {
        Outcome::Hit => "selects",
        Outcome::NoHit => "does not select",
        Outcome::Undecided => "cannot decide on",
    };
    format!("“{title}” ({}) {said} {row}:", rule.id)
}

fn body(told: &Told, it: &Answer, out: &mut String) {
    if let Some(valid) = it.valid.as_ref().filter(|it| it.truth != Some(true)) {
        say(out, &format!("- The rule is not in force: {}", said(valid).join(" ")));
    }
    line(&it.condition, 0, out);
    for (name, exception) in &it.exceptions {
        let state = match exception.truth {
            Some(true) => "applies",
            Some(false) => "does not apply",
            None => "is not established",
        };
        let name = if name.is_empty() { "An exception" } else { name };
        say(out, &format!("- {name} {state}. {}", said(exception).join(" ")));
    }
    if !it.finding.because.is_empty() {
        say(out, &format!("- {}", it.finding.because));
    }
    for flip in &it.flips {
        let all: Vec<String> = flip.changes.iter().map(|it| change(told, it)).collect();
        let word = match flip.after {
            Outcome::Hit => "It would be selected",
            Outcome::NoHit => "It would not be selected",
            Outcome::Undecided => "It could not be decided",
        };
        say(out, &format!("- {word} if {}.", all.join(" and ")));
    }
}

/// With the label of the field in place of its name.
fn change(told: &Told, it: &Proposed) -> String {
    let field = told.set.schema.field(it.change.field);
    let rest = it.words.strip_prefix(field.name.as_str()).unwrap_or_default();
    let rest = rest.replace(">=", "is at least").replace("<=", "is at most").replace(" = ", " is ");
    let at = told.at(&it.change);
    let of = if at.is_empty() { at } else { format!(" of {}", at.trim_end_matches(": ")) };
    match field.label.is_empty() {
        true => format!("{}{of}{rest}", field.name.replace('_', " ")),
        false => format!("“{}”{of}{rest}", field.label),
    }
}

fn line(it: &Line, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let head = match it.shape {
        Shape::All if depth == 0 => None,
        Shape::Test => {
            say(out, &format!("{indent}- {}", said(it).join(" ")));
            return;
        }
        Shape::All => Some("All of this has to be so".to_owned()),
        Shape::Any => Some("One of this has to be so".to_owned()),
        Shape::None => Some("None of this may be so".to_owned()),
        Shape::Not => Some("This may not be so".to_owned()),
        Shape::AtLeast(n) => Some(format!("At least {n} of this have to be so")),
        Shape::Named => Some(it.words.replace('_', " ")),
        Shape::Hit => Some(it.sentence.trim_end_matches('.').to_owned()),
    };
    let deeper = usize::from(head.is_some());
    if let Some(head) = head {
        let answer = match it.truth {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known",
        };
        // Of another rule it is said what it says.
        let answer = if it.shape == Shape::Hit { String::new() } else { format!(" ({answer})") };
        say(out, &format!("{indent}- {head}{answer}:"));
    }
    it.parts.iter().for_each(|it| line(it, depth + deeper, out));
}

/// The sentences of a line, or of its parts.
fn said(it: &Line) -> Vec<String> {
    if it.sentence.is_empty() {
        return it.parts.iter().flat_map(said).collect();
    }
    let mut all = vec![it.sentence.clone()];
    let told = it.notes.iter().filter(|it| match it {
        Note::AtLimit
        | Note::Share { .. }
        | Note::Window { .. }
        | Note::Level { .. }
        | Note::TooFew { .. }
        | Note::AsOf { .. }
        | Note::Entry { .. }
        | Note::NoEntry { .. }
        | Note::Parameter { .. }
        | Note::Member { .. }
        | Note::Rows { .. } => true,
        Note::Missing { .. } => false,
    });
    let words = |it: &Note| match it {
        Note::Window { first, last, rows, .. } => {
            let rows =
                if *rows == 1 { "1 past row".to_owned() } else { format!("{rows} past rows") };
            format!("{rows}, {}", period(first.as_ref(), last.as_ref()))
        }
        Note::Rows { record, passed, failed, unknown } => {
            let kinds = [("so for", passed), ("not so for", failed), ("not known for", unknown)];
            let some = kinds.into_iter().filter(|it| !it.1.is_empty());
            let record = record.replace('_', " ");
            let said = some.map(|(word, keys)| {
                // A row without a key of its own is known by its values.
                let name = |it: &Seen| match it.key.is_empty() {
                    true => with_values(it),
                    false => it.key.clone(),
                };
                format!("{word} {record} {}", some_of(keys, &name))
            });
            let said = said.collect::<Vec<_>>().join("; ");
            if said.is_empty() { format!("there is no {record}") } else { said }
        }
        other => note(other),
    };
    let notes: Vec<String> = told.map(words).collect();
    if !notes.is_empty() {
        all.push(format!("({})", notes.join("; ")));
    }
    all
}
