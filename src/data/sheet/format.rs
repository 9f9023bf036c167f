//! What formats of a workbook make of its numbers: percentages, dates, digits with zeros in front.

use std::sync::Arc;

use crate::data::sheet::Cell;
use crate::data::sheet::Kind;

/// How numbers of a style are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Plain,
    Date,
    Percent,
    Dressed,
}

/// What a format that every workbook has makes of a number.
pub fn built_in(format: u32) -> Shown {
    match format {
        9 | 10 => Shown::Percent,
        14..=22 | 27..=36 | 50..=58 => Shown::Date,
        45..=47 => Shown::Dressed,
        _ => Shown::Plain,
    }
}

/// What a format of its own makes of a number.
pub fn shown(code: &str) -> Shown {
    let mut bare = String::new();
    let mut letters = code.chars();
    let mut elapsed = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' => letters.by_ref().take_while(|it| *it != '"').for_each(drop),
            '\\' | '_' | '*' => drop(letters.next()),
            '[' => {
                let inside: String = letters.by_ref().take_while(|it| *it != ']').collect();
                elapsed |= inside.starts_with(['h', 'H', 'm', 'M', 's', 'S']);
            }
            ';' => break,
            _ => bare.push(letter.to_ascii_lowercase()),
        }
    }
    if bare == "general" || bare == "@" {
        return Shown::Plain;
    }
    if bare.contains('%') {
        return Shown::Percent;
    }
    if elapsed {
        return Shown::Dressed;
    }
    if bare.contains(['y', 'd', 'm', 'h']) {
        return Shown::Date;
    }
    let whole = bare.split(['.', 'e']).next().unwrap_or_default();
    if whole.contains("00") || whole.contains('-') { Shown::Dressed } else { Shown::Plain }
}

/// A number as it is shown: the shortest decimal that is the same float. `None` for a date that no
/// sheet has.
pub fn number(text: &str, shown: Shown, from_1904: bool) -> Option<Cell> {
    let cell = |text: String, kind| Cell { text: Arc::from(text), kind };
    let Some(value) = text.parse::<f64>().ok().filter(|it| it.is_finite()) else {
        return Some(cell(text.to_owned(), Kind::Text));
    };
    let plain = || format!("{value}");
    Some(match shown {
        Shown::Plain => cell(plain(), Kind::Number),
        Shown::Dressed => cell(plain(), Kind::Dressed),
        Shown::Percent => cell(format!("{}%", hundredfold(&plain())), Kind::Number),
        Shown::Date => cell(moment(value, from_1904)?, Kind::Text),
    })
}

/// A decimal with its point two places further right.
fn hundredfold(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |it| ("-", it));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let padded = format!("{decimals:0<2}");
    let (moved, rest) = padded.split_at(2);
    let whole = format!("{whole}{moved}");
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// Days are counted from 1904-01-01, or as if 1900 had had a 29 February; the rest is the time,
/// to the second.
fn moment(serial: f64, from_1904: bool) -> Option<String> {
    let mut day = serial.floor();
    let mut seconds = ((serial - day) * 86_400.0).round();
    if 86_400.0 <= seconds {
        (day, seconds) = (day + 1.0, 0.0);
    }
    if !(0.0..=2_958_465.0).contains(&day) {
        return None;
    }
    let day = day as i32;
    let days = match from_1904 {
        true => day + 1_462 - 25_569,
        false if day < 60 => day - 25_568,
        false if day == 60 => return None,
        false => day - 25_569,
    };
    let date = crate::value::calendar::to_date(days);
    let seconds = seconds as i32;
    if seconds == 0 {
        return Some(date.to_string());
    }
    Some(format!("{date}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
}
