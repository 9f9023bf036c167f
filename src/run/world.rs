//! Every row that facts look at, for the interpreter.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;

use crate::data::repeats::settled;
use crate::interpret::Row;
use crate::interpret::history;
use crate::interpret::history::World;
use crate::interpret::row;
use crate::ir::RuleSet;
use crate::run;
use crate::run::Again;
use crate::run::Opened;
use crate::run::Options;
use crate::run::lines::ORDER;
use crate::run::past::side::inputs;
use crate::run::past::today;
use crate::run::past::today::replaced_by;
use crate::run::source::Source;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::sort::Order;
use crate::sort::Sorter;
use crate::sort::merge::Merge;
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
        for source in today::tables(set, opened, &key)? {
            seen.extend(rows_of(set, &source, source.rows, options)?.iter().map(of));
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

/// Reads the rows of a record, one after the other; of a flat extract those of each key as one, in
/// the order of keys.
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
    if !source.merged {
        for batch in source.table.read(options.batch_size) {
            let batch = batch?;
            let mut rows = (0..batch.num_rows()).map(|at| row::row(set, &columns, &batch, at));
            rows.try_for_each(&mut *with)?;
        }
        return Ok(());
    }
    let keys = set.schema.key_fields(record);
    let mut open: Option<(Vec<Value>, Row)> = None;
    for batch in by_key(set, source, &keys, options)? {
        let batch = batch?;
        for at in 0..batch.num_rows() {
            let row = row::row(set, &columns, &batch, at);
            let key = keys_of(set, &keys, &row);
            match &mut open {
                Some((known, all)) if *known == key => run::agree(set, record, all, &row),
                _ => {
                    let whole = open.replace((key, row));
                    whole.map_or(Ok(()), |it| with(it.1))?;
                }
            }
        }
    }
    open.map_or(Ok(()), |it| with(it.1))
}

/// The rows of a table in the order of these keys, which stand in their forms after its columns.
fn by_key(
    set: &RuleSet,
    source: &Source,
    keys: &[FieldId],
    options: &Options,
) -> Result<Merge, Trouble> {
    let broken = |_| Trouble::bug("rows have no keys");
    let table = &source.table;
    let mut places = Vec::new();
    let mut fields = table.arrow.fields().to_vec();
    for id in keys {
        let name = row::column_name(&set.schema, *id);
        let at = table.arrow.index_of(&name).map_err(broken)?;
        let form = set.schema.field(*id).ty.form();
        places.push((at, form));
        let ty = table.arrow.field(at).data_type().clone();
        fields.push(Arc::new(Field::new(format!("{name} as a key"), ty, true)));
    }
    let own = table.arrow.fields().len();
    let schema = Arc::new(Schema::new(fields));
    let order = (own..own + keys.len()).map(|it| (it, ORDER)).collect();
    let order = Arc::new(Order::new(&schema, order, Vec::new()));
    let mut sorter = Sorter::new(&order, options.room(), &options.place());
    for batch in table.read(options.batch_size) {
        let batch = batch?;
        let mut arrays = batch.columns().to_vec();
        for (at, form) in &places {
            arrays.push(settled::formed(batch.column(*at), *form)?);
        }
        sorter.push(RecordBatch::try_new(schema.clone(), arrays).map_err(broken)?)?;
    }
    sorter.sorted()
}
