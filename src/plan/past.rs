//! What is known of many rows, for every judged row at once.
//!
//! Rows and judged rows are gathered as compact columns ([`frame`]), sorted by group and time by
//! counting ([`group`]), and swept once: every statistic of a group is kept up to date as rows
//! enter and leave the window ([`sweep`]). Facts with the same keys share the sort. Where memory is
//! short, some keys after others are swept ([`keep`] tells which), and rows that nobody tells apart
//! are one ([`summed`]). What was found is a column that plans look into by row ([`store`]).

pub mod answers;
pub mod apart;
pub mod array;
pub mod cells;
pub mod frame;
pub mod group;
pub mod keep;
pub mod others;
pub mod pair;
pub mod places;
pub mod scattered;
pub mod statistic;
pub mod store;
pub mod summed;
pub mod sweep;
pub mod tree;

/// Only looked up, never walked through: no order of it is seen.
pub type Map<K, V> = std::collections::HashMap<K, V, ahash::RandomState>;
