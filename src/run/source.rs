//! Where the rows of a record are: in a flat extract, in files of their own, in history.

use std::sync::Arc;

use crate::data;
use crate::data::Around;
use crate::data::Table;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::run::Input;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;

/// Files with the rows of a record, or of one inside it.
#[derive(Clone)]
pub struct Source {
    pub table: Arc<Table>,
    /// Rows of one key are one row of the wanted record.
    pub merged: bool,
    /// The record around, when it stands in files of its own.
    pub outer: Option<Arc<Table>>,
}

fn apart(set: &RuleSet, input: &Input, record: RecordId) -> bool {
    input.records.contains_key(&set.schema.record(record).name)
}

/// The record whose rows the run reads: of a flat extract the innermost, of files for each record
/// the innermost that rules judge.
///
/// Errors: records without files.
pub fn innermost(set: &RuleSet, rules: &[RuleId], input: &Input) -> Result<RecordId, Trouble> {
    let schema = &set.schema;
    let depth = |it: &RecordId| (schema.lineage(*it).len(), std::cmp::Reverse(it.0));
    if input.records.is_empty() || !input.files.is_empty() {
        return Ok(innermost_of_flat(set, input));
    }
    let judged = rules.iter().map(|it| set.rules[it.0].level).max_by_key(depth);
    let named = (0..schema.records.len()).map(RecordId).filter(|it| apart(set, input, *it));
    let whole = |it: &RecordId| schema.lineage(*it).iter().all(|it| apart(set, input, *it));
    let Some(inner) = judged.or(named.max_by_key(depth)) else { return Ok(RecordId(0)) };
    if let Some(lacking) = schema.lineage(inner).into_iter().find(|it| !apart(set, input, *it)) {
        let name = &schema.record(lacking).name;
        return Err(Trouble::usage(format!("no files are named for the record `{name}`"))
            .help("add them to the data set in tamis.toml"));
    }
    // Rules on declarations alone still read what the two-level data sets are about.
    let below = (0..schema.records.len())
        .map(RecordId)
        .filter(|it| schema.record(*it).parent == Some(inner) && whole(it));
    let below: Vec<RecordId> = below.collect();
    Ok(match below.as_slice() {
        [only] if schema.lineage(inner).len() == 1 && input.records.len() == 2 => *only,
        _ => inner,
    })
}

fn innermost_of_flat(set: &RuleSet, input: &Input) -> RecordId {
    let schema = &set.schema;
    (0..schema.records.len())
        .map(RecordId)
        .filter(|it| !schema.lineage(*it).iter().any(|it| apart(set, input, *it)))
        .max_by_key(|it| (schema.lineage(*it).len(), std::cmp::Reverse(it.0)))
        .unwrap_or(RecordId(0))
}

/// The files that have the rows of `record`; `inner` is what the run reads.
///
/// Errors: there are none, or they do not fit the schema.
pub fn open(
    set: &RuleSet,
    input: &Input,
    record: RecordId,
    inner: RecordId,
    used: &[FieldId],
) -> Result<Source, Trouble> {
    let schema = &set.schema;
    let name = &schema.record(record).name;
    if let Some(own) = input.records.get(name) {
        let parent = schema.record(record).parent;
        let around = match parent {
            Some(it) if apart(set, input, it) => Some(open(set, input, it, inner, used)?.table),
            _ => None,
        };
        let held = match (&around, parent) {
            (Some(it), _) => Around::Table(it),
            (None, Some(_)) => Around::Keys,
            (None, None) => Around::All,
        };
        let table = data::open(schema, &own.set, &own.files, record, used, held)?;
        let merged = record != inner && schema.lineage(inner).contains(&record);
        return Ok(Source { table: Arc::new(table), merged, outer: around });
    }
    if input.files.is_empty() {
        return Err(Trouble::usage(format!("no files are named for the record `{name}`"))
            .help(format!("add `[data.NAME.{name}]` with its `path` to tamis.toml")));
    }
    let flat = innermost_of_flat(set, input);
    if !schema.lineage(flat).contains(&record) {
        return Err(Trouble::usage(format!("no files are named for the record `{name}`"))
            .help(format!("add `[data.NAME.{name}]` with its `path` to tamis.toml")));
    }
    let table = data::open(schema, &input.set, &input.files, flat, used, Around::All)?;
    let merged = record != flat;
    Ok(Source { table: Arc::new(table), merged, outer: None })
}

/// Whether the data hold rows of the record at all.
pub fn holds(set: &RuleSet, input: &Input, record: RecordId) -> bool {
    let flat = || set.schema.lineage(innermost_of_flat(set, input)).contains(&record);
    apart(set, input, record) || (!input.files.is_empty() && flat())
}
