//! Changes of stored fields of one declaration.

use crate::hit::Outcome;
use crate::interpret::Row;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::value::Value;

/// One field of one row gets another value, or none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub field: FieldId,
    /// Of the row: the keys of its record and those around it, outermost first.
    pub keys: Vec<Value>,
    pub value: Value,
}

/// A change in words too: `item_price >= 240.4 KRW`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proposed {
    pub change: Change,
    pub words: String,
    /// What the field holds now, with its unit.
    pub before: String,
    /// What it would hold.
    pub after: String,
}

/// Changes that together turn the answer; none of them can be left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flip {
    pub after: Outcome,
    pub changes: Vec<Proposed>,
}

/// The change, where the row is the one it speaks of, or stands inside it.
fn concerns(schema: &Schema, row: &Row, record: RecordId, change: &Change) -> bool {
    schema.lineage(record).contains(&change.field.record)
        && schema
            .key_fields(change.field.record)
            .iter()
            .zip(&change.keys)
            .all(|(field, value)| row.get(*field) == *value)
}

/// The row of a record after the changes that concern it.
pub fn applied(schema: &Schema, row: &Row, record: RecordId, changes: &[Change]) -> Row {
    let mut res = row.clone();
    for change in changes.iter().filter(|it| concerns(schema, row, record, it)) {
        res.set(change.field, change.value.clone());
    }
    res
}

/// The keys of the row that has a field; nothing when one of them is missing.
pub fn keys(schema: &Schema, row: &Row, record: RecordId) -> Option<Vec<Value>> {
    let given = |it: FieldId| Some(row.get(it)).filter(|it| !it.is_missing());
    schema.key_fields(record).into_iter().map(given).collect()
}

/// Some of these changes, or all: each choice once. A way has four changes at most.
pub fn some_of(way: &[Proposed]) -> Vec<Vec<Change>> {
    let mut all: Vec<Vec<Change>> = vec![Vec::new()];
    for it in way {
        let with =
            |before: &Vec<Change>| [before.as_slice(), std::slice::from_ref(&it.change)].concat();
        let more: Vec<Vec<Change>> = all.iter().map(with).collect();
        all.extend(more);
    }
    all.retain(|it| !it.is_empty());
    all
}

/// Whether a declarant could have written something else there: keys and dates of the history stay.
pub fn may_change(schema: &Schema, id: FieldId) -> bool {
    let record = schema.record(id.record);
    let fixed = [record.acceptance, record.instant, record.known_from];
    !record.key.contains(&id.field) && !fixed.contains(&Some(id.field))
}
