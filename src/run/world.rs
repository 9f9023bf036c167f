//! Every row that facts look at, for the interpreter.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::interpret::Row;
use crate::interpret::history;
use crate::interpret::history::World;
use crate::interpret::row;
use crate::ir::RuleSet;
use crate::run;
use crate::run::Again;
use crate::run::Opened;
use crate::run::Options;
use crate::run::past::side::inputs;
use crate::run::past::side::replaced_by;
use crate::run::source::Source;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;
use crate::value::Value;

/// Every row that the facts of the run look at, for the interpreter.
///
/// Errors: files that cannot be read.
pub fn world(set: &RuleSet, opened: &Opened, options: &Options) -> Result<World, Again> {
    let mut world = World::default();
    let facts = set.facts_of(&opened.rules, opened.evidence);
    let records: BTreeSet<RecordId> = facts.iter().map(|it| set.facts[it.0].rows).collect();
    let used = run::fields_in(facts.iter().flat_map(|it| set.facts[it.0].of_rows()));
    for record in records {
        let key = replaced_by(set, opened, record);
        let of = |row: &Row| keys_of(set, &key, row);
        let mut seen: BTreeSet<Vec<Value>> = BTreeSet::new();
        if let Some(declared) = key.first() {
            let today = (&opened.input, 0);
            let source = opened.source(set, today, declared.record, &key)?;
            seen.extend(rows_of(set, &source, declared.record, options)?.iter().map(of));
            source.holds()?;
        }
        let mut rows: Vec<Row> = Vec::new();
        for (input, first) in inputs(set, opened, record)? {
            let source = opened.source(set, (input, first), record, &used)?;
            opened.beside(set, record, first, &source);
            let own = rows_of(set, &source, record, options)?;
            source.holds()?;
            let replaced = |it: &Row| first != 0 && !key.is_empty() && seen.contains(&of(it));
            rows.extend(own.into_iter().filter(|it| !replaced(it)));
        }
        world.rows.insert(record, rows);
    }
    Ok(world)
}

/// The values of key fields, in the forms in which they compare.
pub fn keys_of(set: &RuleSet, keys: &[FieldId], row: &Row) -> Vec<Value> {
    let value = |it: &FieldId| history::formed(row.get(*it), set.schema.field(*it).ty.form());
    keys.iter().map(value).collect()
}

fn rows_of(
    set: &RuleSet,
    source: &Source,
    record: RecordId,
    options: &Options,
) -> Result<Vec<Row>, Trouble> {
    let mut all = Vec::new();
    each_row(set, source, record, options, &mut |row| {
        all.push(row);
        Ok(())
    })?;
    Ok(all)
}

/// Reads the rows of a record, one after the other; of a flat extract those of each key as one.
///
/// Errors: files that cannot be read, and what `with` says.
pub fn each_row(
    set: &RuleSet,
    source: &Source,
    record: RecordId,
    options: &Options,
    with: &mut dyn FnMut(Row) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    source.table.prepare(&options.limits())?;
    let columns = row::columns(set, &source.table.arrow);
    let keys = set.schema.key_fields(record);
    let mut all: Vec<Row> = Vec::new();
    let mut places: BTreeMap<Vec<Value>, usize> = BTreeMap::new();
    for batch in source.table.read(options.batch_size) {
        let batch = batch?;
        for at in 0..batch.num_rows() {
            let row = row::row(set, &columns, &batch, at);
            if !source.merged {
                with(row)?;
                continue;
            }
            let key = keys_of(set, &keys, &row);
            match places.get(&key) {
                Some(place) => run::agree(set, record, &mut all[*place], &row),
                None => {
                    places.insert(key, all.len());
                    all.push(row);
                }
            }
        }
    }
    all.into_iter().try_for_each(with)
}
