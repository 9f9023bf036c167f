//! What is said of a column in a comment, and what its name suggests.

use crate::data::survey::guess::Guess;
use crate::data::survey::personal;
use crate::data::survey::seen::Seen;
use crate::shown::is_unseen;

/// Values that a comment names.
const NAMED: usize = 8;

pub fn one_line(name: &str) -> String {
    name.chars().map(|it| if is_unseen(it) { ' ' } else { it }).collect()
}

pub fn ty(seen: &Seen) -> &'static str {
    match seen.guess {
        Guess::Truth => "truth",
        Guess::Whole => "whole number",
        Guess::Decimal => "decimal",
        Guess::Percent => "percent",
        Guess::Date(_) => "date",
        Guess::DateTime(_) => "date-time",
        Guess::Code => "code of HS",
        Guess::Country => "country",
        Guess::Text => "text",
    }
}

/// `12 values, 3.1 % missing; 0 to 20`; of what looks personal, no value.
pub fn said(seen: &Seen) -> String {
    let missing = match seen.missing {
        0 => "none missing".to_owned(),
        all if all == seen.rows => return "always missing".to_owned(),
        some => {
            let tenths = some.saturating_mul(1_000).div_ceil(seen.rows);
            format!("{}.{} % missing", tenths / 10, tenths % 10)
        }
    };
    let count = match &seen.values {
        Some(values) if values.len() == 1 => "1 value".to_owned(),
        Some(values) => format!("{} values", values.len()),
        None if seen.is_key => "a value of its own in every row".to_owned(),
        None => "more than 1,000 values".to_owned(),
    };
    if seen.rows == 0 {
        return "no rows".to_owned();
    }
    if seen.is_personal() {
        return format!("{count}, {missing}; not shown, they may be of persons");
    }
    let which = match (&seen.values, seen.guess) {
        (_, Guess::Whole | Guess::Decimal | Guess::Percent) => {
            seen.range.map(|(least, most)| format!("; {least} to {most}"))
        }
        (_, Guess::Date(None) | Guess::DateTime(None)) => {
            seen.text_range.as_ref().map(|(first, last)| format!("; {first} to {last}"))
        }
        (Some(values), Guess::Truth | Guess::Code | Guess::Country | Guess::Text)
            if values.len() <= NAMED =>
        {
            let all: Vec<String> = values.iter().map(|it| one_line(it)).collect();
            Some(format!("; {}", all.join(", ")))
        }
        _ => None,
    };
    format!("{count}, {missing}{}", which.unwrap_or_default())
}

/// What the words in the name of a column of numbers suggest.
pub fn hint(seen: &Seen) -> Option<&'static str> {
    if !matches!(seen.guess, Guess::Whole | Guess::Decimal) {
        return None;
    }
    let words = personal::words(&seen.name);
    let named = |wanted: &[&str]| words.iter().any(|it| wanted.contains(&it.as_str()));
    let exchange = named(&["fx", "exchange", "currency", "conversion", "exch"]);
    let digits = seen.range.map(|(least, most)| [least, most].map(|it| it.to_string().len()));
    let lost = digits.is_some_and(|it| it.iter().any(|it| matches!(it, 3 | 5 | 7 | 9)));
    let code = named(&["hs", "cn", "cn8", "hs6", "hs8", "hs10", "taric", "hts", "commodity"]);
    if exchange {
        None
    } else if seen.guess == Guess::Whole && lost && code {
        Some("Perhaps codes that lost a zero in front? Have the column written as text.")
    } else if named(&["percent", "percentage", "pct", "share"]) || named(&["rate", "rates"]) {
        Some("Perhaps `percent`: 8.0 in the file is then 8 %.")
    } else if named(&["mass", "weight", "kg"]) {
        Some("Perhaps `mass in kg`?")
    } else if named(&["price", "value", "amount", "duty", "duties", "freight", "insurance"]) {
        Some("Perhaps `money in EUR`? Say the currency.")
    } else {
        None
    }
}
