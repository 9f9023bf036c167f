//! Tests of columns: comparisons, membership, text; what they say of one row, or of a batch.

use std::collections::BTreeMap;

use crate::ir::Comparison;
use crate::ir::TextTest;
use crate::plan::multiple::Multiple;
use crate::plan::number::Measure;
use crate::plan::words::Spans;
use crate::value::text::Form;

/// Columns are places in [`crate::plan::rule_set::Network::columns`]. Unknown for a row where a
/// column is missing.
#[derive(Debug)]
pub enum Test {
    /// A truth.
    Truth(usize),
    /// Never unknown.
    Missing(usize),
    /// The same answer for every value.
    Given(usize, bool),
    Number(usize, Comparison, i128),
    OneOf(usize, Vec<i128>),
    Numbers(Comparison, Side, Side),
    /// A column against a multiple of another.
    Multiple(Multiple, usize, usize),
    /// Numbers and dates that a list holds; for a list with dates, the column of the date.
    Listed(usize, BTreeMap<i128, Spans>, Option<usize>),
    /// A test of the dictionary of the column; for a list or group with dates, the column of the
    /// date.
    Word(usize, usize, Option<usize>),
    /// Two texts.
    Words(Pair, Form, usize, usize),
}

#[derive(Debug, Clone, Copy)]
pub struct Side {
    pub column: usize,
    pub measure: Measure,
}

#[derive(Debug)]
pub enum Pair {
    Compare(Comparison),
    /// By place in the choice; words that are not in it are unknown.
    Rank(Comparison, std::sync::Arc<crate::schema::Choice>),
    Part(TextTest),
}

impl Test {
    /// The columns whose missing rows are unknown.
    pub fn columns(&self) -> [Option<usize>; 2] {
        match self {
            Test::Truth(it) | Test::Given(it, _) | Test::Number(it, ..) | Test::OneOf(it, _) => {
                [Some(*it), None]
            }
            Test::Missing(_) => [None, None],
            Test::Numbers(_, left, right) => [Some(left.column), Some(right.column)],
            Test::Listed(it, _, date) | Test::Word(it, _, date) => [Some(*it), *date],
            Test::Words(_, _, left, right) | Test::Multiple(_, left, right) => {
                [Some(*left), Some(*right)]
            }
        }
    }

    /// Roughly how long a row takes: what decides between parts of equal effect.
    pub fn cost(&self) -> u64 {
        match self {
            Test::Truth(_) | Test::Missing(_) | Test::Given(..) => 1,
            Test::Word(_, _, None) | Test::Number(..) => 2,
            Test::Word(_, _, Some(_)) | Test::OneOf(..) | Test::Numbers(..) => 4,
            Test::Listed(..) | Test::Words(..) | Test::Multiple(..) => 8,
        }
    }
}
