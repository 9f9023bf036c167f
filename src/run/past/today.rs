//! Which declarations the data have, so that history says nothing of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::BooleanArray;
use arrow::array::RecordBatch;
use arrow::compute::filter_record_batch;
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::or;
use datafusion::error::Result as Engine;
use futures::TryStreamExt;

use crate::ir::RuleSet;
use crate::plan::past::keep;
use crate::plan::past::keep::KeyColumns;
use crate::plan::past::keep::Seen;
use crate::run::Again;
use crate::run::Opened;
use crate::run::engine;
use crate::run::past::side;
use crate::run::past::side::Side;
use crate::run::past::side::Work;
use crate::run::source;
use crate::run::source::Source;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;
use crate::value::text::Form;

/// A row of history that stands in the data too is the data's: what tells its declaration, or
/// itself where it stands in none, from others. Nothing where the data have no rows of those.
pub fn replaced_by(set: &RuleSet, opened: &Opened, record: RecordId) -> Vec<FieldId> {
    let outermost = set.schema.lineage(record).pop().unwrap_or(record);
    let key = set.schema.identity(outermost);
    if opened.history.is_none() || with_key(set, opened, &key).is_empty() {
        return Vec::new();
    }
    key
}

/// The tables of the data whose rows have this key of an outermost record, by the record that each
/// has one row of. A declaration of which items alone are there is the data's too. The date of an
/// entry of a register stands in no other table.
pub fn with_key(set: &RuleSet, opened: &Opened, key: &[FieldId]) -> Vec<RecordId> {
    let Some(outermost) = key.first().map(|it| it.record) else { return Vec::new() };
    let whole = set.schema.key_fields(outermost).len() == key.len();
    let own = own(set, opened, outermost);
    let tables = source::with_key(set, &opened.input, outermost);
    tables.into_iter().filter(|it| whole || Some(*it) == own).collect()
}

/// The table of the data that has the rows of an outermost record.
fn own(set: &RuleSet, opened: &Opened, outermost: RecordId) -> Option<RecordId> {
    let input = &opened.input;
    source::holds(set, input, outermost).then(|| source::rows_of(set, input, outermost))
}

/// The same, opened. Of those of records inside nothing but the key is looked at: whether keys
/// repeat and what stands around rows says nothing here.
///
/// Errors: files that do not fit the schema.
pub fn tables(set: &RuleSet, opened: &Opened, key: &[FieldId]) -> Result<Vec<Source>, Trouble> {
    let own = key.first().and_then(|it| own(set, opened, it.record));
    let open = |rows: RecordId| {
        let source = opened.source(set, (&opened.input, 0), rows, key)?;
        let table = match own == Some(rows) {
            true => source.table,
            false => Arc::new(source.table.alone()),
        };
        let source = Source { table, merged: false, rows };
        opened.beside(set, rows, 0, &source);
        Ok(source)
    };
    with_key(set, opened, key).into_iter().map(open).collect()
}

/// The keys of today's declarations, which history may hold too; by record, once.
pub type Today = BTreeMap<RecordId, Arc<Seen>>;

/// Which rows of history others stand in for.
///
/// Errors: files that cannot be read.
pub async fn replaced(
    work: &Work<'_>,
    side: &mut Side<'_>,
    today: &mut Today,
) -> Result<Option<(KeyColumns, Arc<Seen>)>, Again> {
    let (set, opened) = (work.set, work.opened);
    let key = replaced_by(set, opened, side.record);
    let Some(outermost) = key.first().map(|it| it.record) else { return Ok(None) };
    let places = looked_at(set, side, &key);
    if let Some(seen) = today.get(&outermost) {
        return Ok(Some((places, seen.clone())));
    }
    let mut seen = Seen::with_hasher(ahash::RandomState::new());
    for source in tables(set, opened, &key)? {
        source.table.prepare(&work.options.limits())?;
        let source = Source { table: Arc::new(source.table.numbered(0)), ..source };
        let mut own = Side::new(set, source.rows);
        let columns = looked_at(set, &mut own, &key);
        let plan = own.plan(work, &source)?;
        side::watch(work, &source.table);
        for mut stream in side::streams(work, &plan).await? {
            while let Some(batch) = stream.try_next().await.map_err(engine::trouble)? {
                let keys = first_of_each(&batch, &columns).and_then(|it| keep::keys(&it, &columns));
                seen.extend(keys.map_err(engine::trouble)?);
            }
        }
        source.holds()?;
    }
    let seen = Arc::new(seen);
    today.insert(outermost, seen.clone());
    Ok(Some((places, seen)))
}

/// The rows whose key is written otherwise than that of the row before: rows of a declaration
/// mostly follow each other.
fn first_of_each(batch: &RecordBatch, key: &KeyColumns) -> Engine<RecordBatch> {
    let Some(last) = batch.num_rows().checked_sub(1) else { return Ok(batch.clone()) };
    let mut first = BooleanArray::from(vec![false; last]);
    for (at, _) in key {
        let column = batch.column(*at);
        first = or(&first, &distinct(&column.slice(0, last), &column.slice(1, last))?)?;
    }
    let wanted = std::iter::once(true).chain(first.values().iter());
    Ok(filter_record_batch(batch, &BooleanArray::from(wanted.collect::<Vec<bool>>()))?)
}

/// Asks for the fields of a key, to be looked at only: where they stand.
fn looked_at(set: &RuleSet, side: &mut Side, key: &[FieldId]) -> KeyColumns {
    let place = |id: &FieldId| {
        side.fields.push(*id);
        let at = side.request.looked_at(&side::field(set, *id), Form::Exact);
        (at, set.schema.field(*id).ty.form())
    };
    key.iter().map(place).collect()
}
