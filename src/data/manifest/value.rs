//! Values of `tamis.toml` that can be wrong by themselves: each says what, and what to write.

use encoding_rs::Encoding;
use encoding_rs::REPLACEMENT;
use jiff::civil::date;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;

use crate::data::cell;
use crate::data::manifest::formats;
use crate::diagnostic::did_you_mean;

/// What is wrong, in words that follow the value, and what to write instead.
pub type Refused = (String, String);

/// Names of encodings that are worth a guess; every label of the Encoding Standard is known.
const ENCODINGS: [&str; 18] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1257",
    "windows-1258",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-15",
    "koi8-r",
    "gb18030",
    "big5",
    "shift_jis",
    "euc-kr",
];

/// The sign between cells: one byte, and none that cells are made of.
pub fn separator(text: &str) -> Result<(), Refused> {
    let help = || "write one sign, such as `;`, `|` or `\\t`".to_owned();
    let mut signs = text.chars();
    match (signs.next(), signs.next()) {
        (Some(it), None) if it.is_control() && it != '\t' => {
            Err(("is a sign that nobody sees".to_owned(), help()))
        }
        (Some(it), None) if !it.is_ascii() => Err(("is no sign of ASCII".to_owned(), help())),
        (Some(it), None) if it.is_ascii_alphanumeric() || matches!(it, '"' | '.' | '-' | '_') => {
            Err(("stands in cells".to_owned(), help()))
        }
        (Some(_), None) => Ok(()),
        _ => Err(("is more than one sign".to_owned(), help())),
    }
}

pub fn encoding(text: &str) -> Result<(), Refused> {
    match Encoding::for_label(text.as_bytes()) {
        Some(it) if it != REPLACEMENT => Ok(()),
        _ => {
            let help = did_you_mean(text, ENCODINGS)
                .unwrap_or_else(|| "write its name, such as `windows-1252`".to_owned());
            Err(("is no encoding that can be read".to_owned(), help))
        }
    }
}

pub fn decimal(text: &str) -> Result<(), Refused> {
    match text {
        "." | "," => Ok(()),
        _ => Err(("stands before no decimals".to_owned(), "write `,` or `.`".to_owned())),
    }
}

pub fn format(text: &str) -> Result<(), Refused> {
    if formats().any(|it| it == text) {
        return Ok(());
    }
    let all: Vec<&str> = formats().collect();
    let help = did_you_mean(text, formats());
    let help = help.unwrap_or_else(|| format!("the formats are {}", all.join(", ")));
    Err(("is no format of files".to_owned(), help))
}

/// A format of dates: what it writes of a day it reads back as that day, or as the first of its
/// month where it names no day.
pub fn date_format(text: &str) -> Result<(), Refused> {
    let help = || "write one such as `%d/%m/%Y`: % and a letter for each part".to_owned();
    if let Some(part) = named_twice(text) {
        return Err((format!("names the {part} twice"), help()));
    }
    for day in [date(2026, 3, 28), date(1999, 12, 5)] {
        let mut moment = BrokenDownTime::from(day.at(13, 45, 56, 0));
        moment.set_offset(Some(Offset::UTC));
        let written = moment
            .to_string(text)
            .map_err(|it| (format!("is no format of dates: {it}"), help()))?;
        let read = cell::formatted(text, &written)
            .map_err(|_| ("says no day and no month".to_owned(), help()))?;
        let (read, time) = (read.civil.date(), read.civil.time());
        let cut = [(13, 45, 56), (13, 45, 0), (13, 0, 0), (0, 0, 0)];
        if !cut.contains(&(time.hour(), time.minute(), time.second())) {
            return Err((format!("reads 13:45 as {time}"), help()));
        }
        if read != day && read != day.first_of_month() {
            return Err((format!("reads {day} as {read}"), help()));
        }
    }
    Ok(())
}

/// A part of a moment that a format names more than once: one of the two is meant otherwise.
fn named_twice(text: &str) -> Option<&'static str> {
    let mut seen: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        // Between the sign and the letter may stand flags, a width, a point or colons.
        let from = after.find(|it: char| it.is_ascii_alphabetic() || it == '%')?;
        let letter = after[from..].chars().next()?;
        rest = &after[from + letter.len_utf8()..];
        let parts: &[&str] = match letter {
            'Y' | 'y' => &["year"],
            'm' | 'b' | 'B' | 'h' => &["month"],
            'd' | 'e' => &["day"],
            'H' | 'k' | 'I' | 'l' => &["hour"],
            'M' => &["minute"],
            'S' => &["second"],
            'F' | 'D' => &["year", "month", "day"],
            'T' => &["hour", "minute", "second"],
            'R' => &["hour", "minute"],
            _ => &[],
        };
        for part in parts {
            if seen.contains(part) {
                return Some(part);
            }
            seen.push(part);
        }
    }
    None
}

/// The way to a list through structs.
pub fn within(text: &str) -> Result<(), Refused> {
    if text.split('.').all(|it| !it.trim().is_empty()) {
        return Ok(());
    }
    let help = "write the names of columns with points between them: `goods.items`".to_owned();
    Err(("has a step without a name".to_owned(), help))
}

/// Editions of the language.
const EDITIONS: [&str; 1] = ["2026"];

pub fn edition(text: &str) -> Result<(), Refused> {
    if EDITIONS.contains(&text) {
        return Ok(());
    }
    let help = format!("this version knows {}", EDITIONS.join(", "));
    Err(("is no edition of the language".to_owned(), help))
}

/// Where a run writes: a folder, or a file whose ending says its format.
pub fn out(text: &str) -> Result<(), Refused> {
    const ENDINGS: [&str; 4] = ["parquet", "csv", "jsonl", "arrow"];
    let name = text.rsplit('/').next().unwrap_or_default();
    let Some((_, ending)) = name.rsplit_once('.').filter(|it| !it.0.is_empty()) else {
        return Ok(());
    };
    if ENDINGS.contains(&ending.to_lowercase().as_str())
        || ending.chars().all(|it| it.is_ascii_digit())
    {
        return Ok(());
    }
    let help = did_you_mean(ending, ENDINGS).unwrap_or_else(|| {
        "write .parquet, .csv, .jsonl or .arrow; a folder has no ending".to_owned()
    });
    Err(("has an ending that says no format".to_owned(), help))
}
