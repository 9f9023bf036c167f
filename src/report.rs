//! What people and programs read: diagnostics and summaries as text and JSON.

pub mod annotation;
pub mod decided;
pub mod diagnostics;
pub mod github;
pub mod junit;
pub mod markdown;
pub mod sarif;
#[cfg(feature = "engine")]
pub mod summary;
#[cfg(feature = "engine")]
pub mod tested;
#[cfg(feature = "engine")]
pub mod tests;
#[cfg(feature = "engine")]
pub mod why;

/// What a terminal or file can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub colour: bool,
    /// Lines and dots of drawings; else ASCII.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
}

impl Look {
    /// Of files: no colour, wide enough for anything.
    pub const FILE: Look = Look { colour: false, unicode: true, width: 120 };
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
