//! tamis turns targeting rules into query plans and says which declarations they select, and why.
//!
//! ```text
//! text ──syntax──▶ ast ──ir──▶ typed rules ──plan──▶ DataFusion ───┐
//!                                  └───────interpret (oracle)──────┴─▶ hits ──report──▶ text, JSON
//! ```
//!
//! The modules are declared in that order. A module may use only those above it;
//! `tests/suite/tidy.rs` makes sure.

// Without the engine nothing runs, and what only runs need is idle.
#![cfg_attr(not(feature = "engine"), allow(dead_code, unused_imports))]

// What we talk about.
mod shown; // text of others, fit for display
mod source; // rule text, files, spans
mod diagnostic; // what can be wrong with a rule, as data
mod trouble; // what can be wrong with the world, and the exit codes
mod disk; // files: opened safely, put in their place whole, taken away at any end
mod value; // decimals, dates, units, text: exact, ordered, printable
mod schema; // what a declaration looks like: records, fields, types

// From text to meaning.
mod syntax; // text → ast (never fails); ast → text (fmt)
mod ir; // ast → typed rules, or diagnostics

// From meaning to hits.
mod data; // CSV, Parquet and Arrow → batches that fit the schema; lists; tamis.toml
mod project; // a project on disk: schema, rules and lists, read and lowered together
mod sort; // more rows than memory holds: in order, or by the part they belong to
mod hit; // outcome, finding
mod interpret; // typed rules, one row at a time → outcome: the definition of the language
mod decide; // findings of a declaration → its channel, by the policy
mod testing; // tests in the language: their cases, judged by the interpreter
#[cfg(feature = "engine")]
mod plan; // typed rules → facts as a DataFusion plan, the rule set as one operator over them
#[cfg(feature = "engine")]
mod run; // plan + data → hits, sorted, written

// To people.
mod report; // diagnostics and summaries → text, JSON
pub mod cli; // the pipeline, for the terminal
#[cfg(feature = "engine")]
pub mod probe; // the pipeline, for the tests
