//! What people and programs read: diagnostics and summaries as text and JSON.

pub mod diagnostics;
#[cfg(feature = "engine")]
pub mod summary;
