//! The past rows that facts of a few rows look at, told from the others while files are read: once
//! for all facts, whichever records they ask about.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::interpret::Row;
use crate::interpret::row;
use crate::interpret::why::past::Gathering;
use crate::interpret::why::past::Past;
use crate::ir::FactId;
use crate::ir::RuleSet;
use crate::run;
use crate::run::Again;
use crate::run::Opened;
use crate::run::Options;
use crate::run::one::each;
use crate::run::one::reading::Reader;
use crate::run::one::told::of_keys;
use crate::run::past::side::inputs;
use crate::run::past::today::replaced_by;
use crate::run::past::today::tables;
use crate::run::past::today::with_key;
use crate::run::source;
use crate::run::world::keys_of;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::value::Value;

pub type Keys = BTreeSet<Vec<Value>>;

/// Records whose rows stand in the same files.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Together {
    /// Of the data and of history: the number of the first file, and the record that the files have
    /// one row of.
    rows: Vec<(u64, RecordId)>,
    /// By which rows of history are told that stand in the data too.
    key: Vec<FieldId>,
}

/// The past rows that these facts of these rows look at.
///
/// Errors: files that cannot be read.
pub fn gather(
    set: &RuleSet,
    opened: &Opened,
    facts: &BTreeSet<FactId>,
    judged: &[Row],
    options: &Options,
) -> Result<Past, Again> {
    let question = Gathering::new(set, facts, judged);
    let mut gathered = question.clone();
    let mut all: BTreeMap<Together, BTreeSet<RecordId>> = BTreeMap::new();
    for record in facts.iter().map(|it| set.facts[it.0].rows) {
        let inputs = inputs(set, opened, record)?;
        let rows = inputs.into_iter().map(|it| (it.1, source::rows_of(set, it.0, record)));
        let together = Together { rows: rows.collect(), key: replaced_by(set, opened, record) };
        all.entry(together).or_default().insert(record);
    }
    for (Together { key, .. }, records) in &all {
        let Some(record) = records.first() else { continue };
        let mut older: Vec<(Vec<Value>, Vec<FactId>, Row)> = Vec::new();
        let (mut known, mut looked) = (Keys::new(), None);
        let with_key = with_key(set, opened, key);
        // History first: what the data hold themselves replaces it.
        for input in inputs(set, opened, *record)?.into_iter().rev() {
            let told = with_key.contains(&source::rows_of(set, input.0, *record));
            let keys: Keys = older.iter().filter(|_| told).map(|it| it.0.clone()).collect();
            let question = &question;
            let reader = Reader { set, opened, input, records, key, question, options };
            let read = reader.read(&keys)?;
            known.extend(read.known);
            looked = looked.or(read.looked.filter(|_| told));
            let of = |it: &Row| keys_of(set, key, it);
            older.extend(read.rows.into_iter().map(|it| (of(&it.1), it.0, it.1)));
            gathered.merge(read.gathered);
        }
        let keys: Keys = older.iter().map(|it| it.0.clone()).collect();
        known.extend(today(set, opened, (key, &keys), looked, options)?);
        for (_, facts, row) in older.iter().filter(|it| !known.contains(&it.0)) {
            facts.iter().for_each(|it| gathered.add_for(*it, row, 1));
        }
    }
    Ok(gathered.finish())
}

/// Which of these keys the data hold themselves, but for the table where somebody has looked.
fn today(
    set: &RuleSet,
    opened: &Opened,
    (key, keys): (&[FieldId], &Keys),
    looked: Option<RecordId>,
    options: &Options,
) -> Result<Keys, Again> {
    let mut found = Keys::new();
    if keys.is_empty() {
        return Ok(found);
    }
    for source in tables(set, opened, key)?.iter().filter(|it| Some(it.rows) != looked) {
        let table = of_keys(&source.table, key, keys.iter());
        let columns = row::columns(set, &table.arrow);
        let parts = each(&table, options, Keys::new, |known, batch| {
            for at in 0..batch.num_rows() {
                let own = keys_of(set, key, &row::row(set, &columns, batch, at));
                if keys.contains(&own) {
                    known.insert(own);
                }
            }
            Ok(())
        })?;
        found.extend(parts.into_iter().flatten());
    }
    Ok(found)
}

/// The fields of rows that some facts look at, with the keys of their records.
pub fn fields(set: &RuleSet, facts: impl Iterator<Item = FactId>, key: &[FieldId]) -> Vec<FieldId> {
    let mut all: Vec<FieldId> = key.to_vec();
    for id in facts {
        let fact = &set.facts[id.0];
        all.extend(run::fields_in(fact.of_rows().into_iter()));
        all.extend(set.schema.key_fields(fact.rows));
    }
    run::fields::with(all, std::iter::empty())
}
