//! Where the rows of a record are: in a flat extract, in files of their own, in history.

use std::sync::Arc;

use crate::data;
use crate::data::Around;
use crate::data::Table;
use crate::data::nested::Level;
use crate::data::nested::Within;
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
    let judged = rules.iter().map(|it| set.rules[it.0].level).max_by_key(depth);
    if input.records.is_empty() || !input.files.is_empty() {
        let flat = innermost_of_flat(set, input);
        return Ok(innermost_within(set, input, flat, judged).unwrap_or(flat));
    }
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

/// Whether rows of the record are elements of lists in rows of another.
fn within(set: &RuleSet, input: &Input, record: RecordId) -> bool {
    let own = input.records.get(&set.schema.record(record).name);
    own.is_some_and(|it| it.set.within.is_some())
}

/// The record in lists of a flat extract that rules judge; where they judge none of them, the only
/// one, so that lines have the same keys whichever rules run.
fn innermost_within(
    set: &RuleSet,
    input: &Input,
    flat: RecordId,
    judged: Option<RecordId>,
) -> Option<RecordId> {
    let schema = &set.schema;
    let inside = |it: &RecordId| {
        let lineage = schema.lineage(*it);
        let around = lineage.iter().take_while(|it| **it != flat);
        lineage.contains(&flat) && *it != flat && around.copied().all(|it| within(set, input, it))
    };
    if let Some(it) = judged.filter(inside) {
        return Some(it);
    }
    let all = (0..schema.records.len()).map(RecordId).filter(inside);
    let below: Vec<RecordId> = all.filter(|it| schema.record(*it).parent == Some(flat)).collect();
    match below.as_slice() {
        [only] if schema.lineage(flat).len() == 1 => Some(*only),
        _ => None,
    }
}

fn innermost_of_flat(set: &RuleSet, input: &Input) -> RecordId {
    let schema = &set.schema;
    let depth = |it: &RecordId| (schema.lineage(*it).len(), std::cmp::Reverse(it.0));
    // Rows with lists are those of the record around the elements.
    let holders = (0..schema.records.len())
        .map(RecordId)
        .filter(|it| within(set, input, *it))
        .filter_map(|it| schema.record(it).parent)
        .filter(|it| !apart(set, input, *it));
    if let Some(it) = holders.max_by_key(depth) {
        return it;
    }
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
    if within(set, input, record) {
        return elements(set, input, record, inner, used);
    }
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
    // Where rows of lists are judged, those around them are judged once a key.
    let merged = record != flat || (record != inner && schema.lineage(inner).contains(&record));
    Ok(Source { table: Arc::new(table), merged, outer: None })
}

/// Rows that are elements of lists, and the table of the record around them.
fn elements(
    set: &RuleSet,
    input: &Input,
    record: RecordId,
    inner: RecordId,
    used: &[FieldId],
) -> Result<Source, Trouble> {
    let schema = &set.schema;
    let mut levels = Vec::new();
    let mut holder = record;
    while within(set, input, holder) {
        let it = schema.record(holder);
        let own = &input.records[&it.name].set;
        let path = own.within.iter().flat_map(|it| it.split('.')).map(str::to_owned).collect();
        levels.push(Level { record: holder, name: it.name.clone(), set: own.clone(), path });
        let Some(parent) = it.parent else {
            let message = format!("`{}` stands in no other record: `within` has no row", it.name);
            return Err(Trouble::usage(message).help(format!(
                "name its files with `path`, or declare `record {} in …`",
                it.name
            )));
        };
        holder = parent;
    }
    levels.reverse();
    let around = open(set, input, schema.record(record).parent.unwrap_or(holder), inner, used)?;
    let own = input.records.get(&schema.record(holder).name);
    let beside = match own {
        Some(_) => vec![holder],
        None => schema.lineage(holder),
    };
    let headers = match (own, schema.record(holder).parent) {
        (Some(_), Some(_)) => open(set, input, holder, inner, used)?.outer,
        _ => None,
    };
    let (base, files) = own.map_or((&input.set, &input.files), |it| (&it.set, &it.files));
    let it = Within { base: base.clone(), beside, levels, around: headers };
    let table = data::open(schema, base, files, record, used, Around::Within(&it))?;
    let merged = record != inner && schema.lineage(inner).contains(&record);
    Ok(Source { table: Arc::new(table), merged, outer: Some(around.table) })
}

/// Whether the data hold rows of the record at all.
pub fn holds(set: &RuleSet, input: &Input, record: RecordId) -> bool {
    let flat = || set.schema.lineage(innermost_of_flat(set, input)).contains(&record);
    apart(set, input, record) || (!input.files.is_empty() && flat())
}
