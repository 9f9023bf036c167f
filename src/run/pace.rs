//! How far a run is: what it does, and how many rows of how many it has read for it.

use std::sync::Arc;
use std::sync::Mutex;

use crate::data::tally::Tally;

/// What a run is at; whoever shows it asks from time to time.
#[derive(Debug, Default)]
pub struct Pace {
    stage: Mutex<Option<Stage>>,
}

#[derive(Debug)]
struct Stage {
    what: &'static str,
    total: u64,
    tally: Arc<Tally>,
}

/// What is done, the rows that are read, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub what: &'static str,
    pub rows: u64,
    pub total: u64,
}

impl Pace {
    /// Rows of a table, counted by this tally, are read from now on.
    pub fn enter(&self, what: &'static str, total: u64, tally: &Arc<Tally>) {
        if let Ok(mut stage) = self.stage.lock() {
            *stage = Some(Stage { what, total, tally: tally.clone() });
        }
    }

    /// Before the first row is asked for, files are being opened.
    pub fn step(&self) -> Step {
        let stage = self.stage.lock().ok();
        match stage.as_ref().and_then(|it| it.as_ref()) {
            None => Step { what: "opening files", rows: 0, total: 0 },
            Some(it) => Step { what: it.what, rows: it.tally.read(), total: it.total },
        }
    }
}
