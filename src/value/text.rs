//! The forms in which text is compared.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How a text field compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// As it stands: codes, choices, countries.
    Exact,
    /// Case ignored, by simple case folding.
    Folded,
    /// Names: accents, case and punctuation ignored. Version 1 of the form.
    Name,
}

pub fn form(text: &str, form: Form) -> String {
    match form {
        Form::Exact => text.to_owned(),
        Form::Folded => folded(text),
        Form::Name => name(text),
    }
}

/// The same, borrowed where the text is in its form already.
pub fn formed(text: &str, form: Form) -> Cow<'_, str> {
    match form {
        Form::Exact => Cow::Borrowed(text),
        Form::Folded if text.bytes().all(|it| it.is_ascii() && !it.is_ascii_uppercase()) => {
            Cow::Borrowed(text)
        }
        Form::Name if is_name(text.as_bytes()) => Cow::Borrowed(text),
        Form::Folded | Form::Name => Cow::Owned(self::form(text, form)),
    }
}

/// The form in capital letters, where a letter has one that is a single letter: draws hash it, so
/// that keys of digits and capitals are hashed as they stand.
pub fn capitals(text: &str, form: Form) -> Cow<'_, str> {
    match form {
        Form::Exact => Cow::Borrowed(text),
        Form::Folded if text.bytes().all(|it| it.is_ascii() && !it.is_ascii_lowercase()) => {
            Cow::Borrowed(text)
        }
        Form::Folded | Form::Name => Cow::Owned(formed(text, form).chars().map(capital).collect()),
    }
}

fn capital(letter: char) -> char {
    let mut all = letter.to_uppercase();
    match (all.next(), all.next()) {
        (Some(it), None) => it,
        _ => letter,
    }
}

fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(fold).collect()
}

fn fold(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    unicode_case_mapping::case_folded(letter)
        .and_then(|it| char::from_u32(it.get()))
        .unwrap_or(letter)
}

/// Whether it is capital letters and digits of ASCII, with single blanks between them.
fn is_name(text: &[u8]) -> bool {
    let mut before = b' ';
    for byte in text {
        let fits = byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if !(fits || (*byte == b' ' && before != b' ')) {
            return false;
        }
        before = *byte;
    }
    text.is_empty() || before != b' '
}

/// NFKD, marks dropped, a fixed table, upper case, every run of other characters one space.
fn name(text: &str) -> String {
    let mut res = String::with_capacity(text.len());
    let mut gap = false;
    let mut push = |letter: char| {
        if !letter.is_alphanumeric() {
            gap = true;
            return;
        }
        if gap && !res.is_empty() {
            res.push(' ');
        }
        gap = false;
        res.push(letter);
    };
    if text.is_ascii() {
        text.bytes().for_each(|it| push(char::from(it.to_ascii_uppercase())));
        return res;
    }
    for letter in text.nfkd() {
        if letter.is_ascii() {
            push(letter.to_ascii_uppercase());
        } else if !is_combining_mark(letter) {
            latin(letter).into_iter().for_each(&mut push);
        }
    }
    res
}

fn latin(letter: char) -> Vec<char> {
    let fixed = match letter {
        'ß' | 'ẞ' => "SS",
        'æ' | 'Æ' => "AE",
        'œ' | 'Œ' => "OE",
        'ø' | 'Ø' => "O",
        'ł' | 'Ł' => "L",
        'đ' | 'Đ' | 'ð' | 'Ð' => "D",
        'þ' | 'Þ' => "TH",
        'ı' => "I",
        other => return other.to_uppercase().collect(),
    };
    fixed.chars().collect()
}
