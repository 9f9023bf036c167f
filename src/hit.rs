//! What a run yields: for each rule and row one of three outcomes, and for hits and undecided rows
//! what an officer needs to know.

use crate::value::Decimal;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    NoHit,
    Hit,
    Undecided,
}

impl Outcome {
    pub fn words(self) -> &'static str {
        match self {
            Outcome::NoHit => "no hit",
            Outcome::Hit => "hit",
            Outcome::Undecided => "undecided",
        }
    }

    /// `None` is unknown.
    pub fn of(truth: Option<bool>) -> Outcome {
        match truth {
            Some(true) => Outcome::Hit,
            Some(false) => Outcome::NoHit,
            None => Outcome::Undecided,
        }
    }
}

/// One outcome with its evidence, for one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub outcome: Outcome,
    /// Of a hit of a rule that has one.
    pub score: Option<Decimal>,
    /// What `show` names: as written, and the value as text, `(no value)` when missing.
    pub evidence: Vec<(String, String)>,
    /// The text of `because`, values filled in.
    pub because: String,
    /// The fields that leave it open, each with its reason when it is not simply missing:
    /// `origin`, `net_mass (division by zero)`. Empty unless undecided.
    pub open: Vec<String>,
}
