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

pub use crate::shown::grouped;

/// A report as JSON, fit for display.
pub fn json(it: &serde_json::Value) -> String {
    crate::shown::json(&format!("{it:#}\n")).into_owned()
}

/// What a terminal or file can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub colour: bool,
    /// Lines and dots of drawings; else ASCII.
    pub unicode: bool,
    /// Columns; the greatest number where nothing is cut.
    pub width: usize,
}

impl Look {
    /// Of files: no colour, nothing is cut.
    pub const FILE: Look = Look { colour: false, unicode: true, width: usize::MAX };
}
