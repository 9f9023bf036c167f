//! What cells look like: figures and their marks, dates and their formats, words for *missing*.

use jiff::civil::Date;

use crate::data::cell;
use crate::data::survey::seen::Seen;

/// What all the values of a column can be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    Truth,
    Whole,
    Decimal,
    Percent,
    /// With the format, unless it is ISO.
    Date(Option<&'static str>),
    DateTime(Option<&'static str>),
    /// Digits in pairs, 4 to 10 of them.
    Code,
    Country,
    Text,
}

/// Formats of dates that extracts have, besides ISO; where two fit, the first is taken and told.
pub const DATES: [&str; 24] = [
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d-%m-%y",
    "%d-%b-%y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d%b%Y",
    "%Y-%m",
    "%Y/%m",
    "%m/%Y",
    "%m.%Y",
    "%Y%m",
];

pub const MOMENTS: [&str; 12] = [
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d-%b-%Y %H:%M:%S",
    "%Y%m%d %H:%M:%S",
];

/// Whether the text is a date of this format, in the years that declarations are of.
pub fn is_date(text: &str, format: &str) -> bool {
    let years = 1900..2100;
    // `%d` reads one digit as well; where digits follow each other it must not.
    let fixed = match format {
        "%Y%m%d" => text.len() == 8,
        "%Y%m" => text.len() == 6,
        _ => true,
    };
    let date = || cell::formatted(format, text).map(|it| it.civil.date());
    fixed && date().is_ok_and(|it| years.contains(&it.year()))
}

/// Words that extracts write where there is nothing.
pub fn is_null(cell: &str) -> bool {
    const WORDS: [&str; 14] = [
        "NULL", "null", "(null)", "N/A", "n/a", "#N/A", "NaN", "nan", "None", "-", "--", "-0-",
        "\\N", "#VALUE!",
    ];
    WORDS.contains(&cell.trim())
}

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Plain,
    /// One sign, which stands before decimals.
    Mark(char),
    /// One sign before three digits: a thousand, or decimals.
    Either(char),
    /// Thousands are set apart; with the sign before decimals.
    Grouped(Option<char>),
}

/// The shape of a figure; nothing where the text is none.
pub fn shape(text: &str) -> Option<Shape> {
    let text = text.strip_suffix('%').map_or(text, str::trim_end);
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_sign = |it: char| matches!(it, ',' | '.' | ' ' | '\u{A0}' | '\u{202F}' | '\'' | '’');
    let groups: Vec<&str> = text.split(is_sign).collect();
    let signs: Vec<char> = text.chars().filter(|it| is_sign(*it)).collect();
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let (first, last) = (*groups.first()?, *groups.last()?);
    if !groups.iter().all(|it| digits(it)) {
        return None;
    }
    let grouped = |groups: &[&str]| groups.iter().all(|it| it.len() == 3) && first.len() <= 3;
    let is_mark = |it: char| matches!(it, ',' | '.');
    match signs.as_slice() {
        [] => Some(Shape::Plain),
        [one] if last.len() == 3 && first.len() <= 3 && first != "0" => match is_mark(*one) {
            true => Some(Shape::Either(*one)),
            false => Some(Shape::Grouped(None)),
        },
        [one] => is_mark(*one).then_some(Shape::Mark(*one)),
        [group, rest @ ..] if rest.iter().all(|it| it == group) => {
            grouped(&groups[1..]).then_some(Shape::Grouped(None))
        }
        [group, between @ .., mark] => {
            let same = between.iter().all(|it| it == group);
            let fits = same && is_mark(*mark) && grouped(&groups[1..groups.len() - 1]);
            fits.then_some(Shape::Grouped(Some(*mark)))
        }
    }
}

/// Whether a text is a figure once signs of currencies and brackets are taken off.
pub fn is_money(text: &str) -> bool {
    let code = |it: &str| it.len() == 3 && it.bytes().all(|it| it.is_ascii_uppercase());
    let inner = text.trim_matches(|it: char| "()$€£¥₤₹ \u{A0}".contains(it));
    let inner = inner.strip_suffix(['-', '+']).unwrap_or(inner);
    let words: Vec<&str> = inner.split(' ').filter(|it| !code(it)).collect();
    shape(words.join(" ").trim_matches(|it: char| "()$€£¥₤₹ -".contains(it))).is_some()
}

/// A number or a date, as any extract may write it.
pub fn is_figure(text: &str) -> bool {
    let text = text.trim();
    shape(text).is_some() || text.get(..10).is_some_and(|it| it.parse::<Date>().is_ok()) || {
        DATES.iter().any(|it| is_date(text, it))
    }
}

/// Marks that all columns of a file share.
#[derive(Debug, Clone)]
pub struct Marks {
    pub decimal: char,
    pub nulls: Vec<String>,
}

impl Marks {
    /// Those of typed files: nothing is written in its own way.
    pub fn plain() -> Marks {
        Marks { decimal: '.', nulls: Vec::new() }
    }

    pub fn remarks(&self) -> Vec<String> {
        let mut res = Vec::new();
        if !self.nulls.is_empty() {
            let all: Vec<String> = self.nulls.iter().map(|it| format!("`{it}`")).collect();
            res.push(format!("{} is read as missing: `nulls` of tamis.toml.", all.join(", ")));
        }
        res
    }
}

/// What the columns say together.
pub fn marks(columns: &[Seen]) -> Marks {
    let with = |mark: char| columns.iter().filter(|it| it.figures.is_marked(mark)).count();
    let decimal = if 0 < with(',') && with('.') <= with(',') { ',' } else { '.' };
    let mut nulls: Vec<String> = columns.iter().flat_map(|it| it.nulls.iter().cloned()).collect();
    nulls.sort();
    nulls.dedup();
    Marks { decimal, nulls }
}
