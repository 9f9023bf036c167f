//! Every row that facts look at, for the interpreter.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::interpret::Row;
use crate::interpret::history::World;
use crate::interpret::row;
use crate::ir::RuleSet;
use crate::run;
use crate::run::Opened;
use crate::run::Options;
use crate::run::past::side::inputs;
use crate::run::past::side::replaced_by;
use crate::run::source;
use crate::run::source::Source;
use crate::schema::RecordId;
use crate::trouble::Trouble;
use crate::value::Value;

/// Every row that the facts of the run look at, for the interpreter.
///
/// Errors: files that cannot be read.
pub fn world(set: &RuleSet, opened: &Opened, options: &Options) -> Result<World, Trouble> {
    let mut world = World::default();
    let facts = set.facts_of(&opened.rules, opened.evidence);
    let records: BTreeSet<RecordId> = facts.iter().map(|it| set.facts[it.0].rows).collect();
    let used = run::fields_in(facts.iter().flat_map(|it| set.facts[it.0].of_rows()));
    for record in records {
        let key = replaced_by(set, opened, record);
        let mut seen: BTreeSet<Vec<Value>> = BTreeSet::new();
        let mut rows: Vec<Row> = Vec::new();
        for (input, first) in inputs(set, opened, record)? {
            let source = source::open(set, input, record, opened.inner, &used)?;
            opened.beside(set, record, first, &source);
            let own = rows_of(set, &source, record, options)?;
            let of = |row: &Row| key.iter().map(|it| row.get(*it)).collect::<Vec<_>>();
            let before = seen.clone();
            seen.extend(own.iter().map(of));
            rows.extend(own.into_iter().filter(|it| key.is_empty() || !before.contains(&of(it))));
        }
        world.rows.insert(record, rows);
    }
    Ok(world)
}

fn rows_of(
    set: &RuleSet,
    source: &Source,
    record: RecordId,
    options: &Options,
) -> Result<Vec<Row>, Trouble> {
    source.table.prepare()?;
    let columns = row::columns(set, &source.table.arrow);
    let keys = set.schema.key_fields(record);
    let mut all: Vec<Row> = Vec::new();
    let mut places: BTreeMap<Vec<Value>, usize> = BTreeMap::new();
    for batch in source.table.read(options.batch_size) {
        let batch = batch?;
        for at in 0..batch.num_rows() {
            let row = row::row(set, &columns, &batch, at);
            if !source.merged {
                all.push(row);
                continue;
            }
            let key = keys.iter().map(|it| row.get(*it)).collect();
            match places.get(&key) {
                Some(place) => run::agree(set, record, &mut all[*place], &row),
                None => {
                    places.insert(key, all.len());
                    all.push(row);
                }
            }
        }
    }
    Ok(all)
}
