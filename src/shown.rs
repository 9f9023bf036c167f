//! Text of others, fit for display: it stays in its line and shows every character.
//!
//! Cells, arguments, names of files and of columns come from anywhere. Whatever leaves for people
//! goes through [`shown`], line by line; what leaves as JSON through [`json`].

use std::borrow::Cow;
use std::fmt::Write;

/// Characters that nobody sees or that change how others are seen: controls, line separators,
/// marks of direction, default ignorable ones (Unicode 16, `Cc`, `Cf`, `Zl`, `Zp`,
/// `Default_Ignorable_Code_Point`), the blank of Braille, and what is no character.
pub fn is_unseen(it: char) -> bool {
    if it.is_ascii() {
        return it.is_ascii_control();
    }
    let is_none = u32::from(it) & 0xFFFE == 0xFFFE;
    is_none
        || matches!(it,
            '\u{80}'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{600}'..='\u{605}' | '\u{61C}'
            | '\u{6DD}' | '\u{70F}' | '\u{890}'..='\u{891}' | '\u{8E2}' | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FDD0}'..='\u{FDEF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1343F}'
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// One line of text as it may be printed: what nobody sees is written out (`\n`, `\u{1b}`), and
/// no command of a CI system is left in it.
pub fn shown(text: &str) -> Cow<'_, str> {
    let first = text.trim_start();
    let command = first.starts_with("::") || text.contains("##[") || text.contains("##vso[");
    if !command && !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut res = String::with_capacity(text.len() + 16);
    for it in text.chars() {
        if is_unseen(it) { written_out(it, &mut res) } else { res.push(it) }
    }
    let blank = res.len() - res.trim_start().len();
    if res[blank..].starts_with("::") {
        res.insert(blank, '\\');
    }
    Cow::Owned(res.replace("##[", "#\\#[").replace("##vso[", "#\\#vso["))
}

/// A character as a terminal may get it, one for one, so that columns stay.
pub fn visible(it: char) -> char {
    match it {
        '\t' => ' ',
        it if is_unseen(it) => char::REPLACEMENT_CHARACTER,
        it => it,
    }
}

/// JSON as text, with every character that nobody sees, and what begins a command of a CI system,
/// as `\u…`: the same values, safe to print.
pub fn json(text: &str) -> Cow<'_, str> {
    // Outside its strings JSON holds none but blanks; `serde_json` escapes below U+0020 itself.
    let hidden = |it: char| it == '\u{7F}' || (!it.is_ascii() && is_unseen(it));
    if !text.chars().any(hidden) && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut res = String::with_capacity(text.len() + 16);
    for it in text.chars() {
        if hidden(it) || (it == '#' && res.ends_with('#')) {
            for unit in it.encode_utf16(&mut [0; 2]) {
                let _ = write!(res, "\\u{unit:04x}");
            }
        } else {
            res.push(it);
        }
    }
    Cow::Owned(res)
}

/// What makes a spreadsheet take a cell for a formula, at its begin.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A text as a cell of CSV: an apostrophe stands before what a spreadsheet would compute or a CI
/// system take for a command, and before apostrophes that stand before such; numbers stay as they
/// are. Whoever takes one apostrophe off where one of these signs follows has the text again, but
/// for what would move a cursor or end a line: that is written out.
pub fn cell(text: &str) -> Cow<'_, str> {
    let bare = text.trim_start_matches('\'');
    let command = ["::", "##[", "##vso["].iter().any(|it| bare.starts_with(it));
    let marked = command || (bare.starts_with(FORMULA) && !is_number(text));
    if !marked && !text.chars().any(moves) {
        return Cow::Borrowed(text);
    }
    let mut res = String::with_capacity(text.len() + 8);
    if marked {
        res.push('\'');
    }
    for it in text.chars() {
        if moves(it) { written_out(it, &mut res) } else { res.push(it) }
    }
    Cow::Owned(res)
}

/// Characters by which a text leaves its line or its place: controls, line separators, marks of
/// direction.
fn moves(it: char) -> bool {
    it.is_control()
        || matches!(it, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}')
}

/// `\n`, `\u{1b}`
fn written_out(it: char, res: &mut String) {
    match it {
        '\n' => *res += "\\n",
        '\r' => *res += "\\r",
        '\t' => *res += "\\t",
        it => {
            let _ = write!(res, "\\u{{{:x}}}", u32::from(it));
        }
    }
}

/// `-2`, `+0.5`
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    match digits.split_once('.') {
        Some((whole, rest)) => all(whole) && all(rest),
        None => all(digits),
    }
}

/// Digits in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
