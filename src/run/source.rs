//! Where the rows of a record are: in a flat extract, in files of their own, in history.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::data;
use crate::data::Around;
use crate::data::Table;
use crate::data::nested::Level;
use crate::data::nested::Within;
use crate::data::repeats::common::Common;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::run::Again;
use crate::run::Input;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;

/// Files with the rows of a record, or of one inside it.
#[derive(Clone)]
pub struct Source {
    pub table: Arc<Table>,
    /// The record that the files have one row of: of a flat extract the innermost.
    pub rows: RecordId,
    /// Rows of one key are one row of the wanted record.
    pub merged: bool,
}

impl Source {
    /// To be asked when all rows were read: whether rows of a key agree.
    ///
    /// Errors: they did not, and are to be read again.
    pub fn holds(&self) -> Result<(), Again> {
        if self.table.is_to_be_read_again()? { Err(Again::Settled) } else { Ok(()) }
    }
}

/// The data of some records: files of several records are opened once.
pub struct Files<'a> {
    set: &'a RuleSet,
    input: &'a Input,
    /// The fields that any of the records needs.
    used: Vec<FieldId>,
    /// What all these tables have in common.
    common: Arc<Common>,
    /// By the record that the files have one row of.
    pub tables: BTreeMap<RecordId, Arc<Table>>,
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
        let beside = |it: &RecordId| *it != flat && schema.lineage(*it).contains(&flat);
        let beside = judged.filter(beside).filter(|it| holds(set, input, *it));
        let within = || innermost_within(set, input, flat, judged);
        let root = |it: RecordId| schema.lineage(it).pop();
        let apart = rules.iter().all(|it| root(set.rules[it.0].level) != root(flat));
        let other = judged.filter(|it| apart && holds(set, input, *it));
        return Ok(beside.or(other).or_else(within).unwrap_or(flat));
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

/// The record of which each row of a flat extract is one.
pub fn innermost_of_flat(set: &RuleSet, input: &Input) -> RecordId {
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

/// The key fields that lines begin with: of `inner` and of every level that rules judge, outer
/// records first.
pub fn keys(set: &RuleSet, rules: &[RuleId], inner: RecordId) -> Vec<FieldId> {
    let schema = &set.schema;
    let judged = rules.iter().map(|it| set.rules[it.0].level);
    let mut records: Vec<RecordId> =
        std::iter::once(inner).chain(judged).flat_map(|it| schema.lineage(it)).collect();
    let root = |it: RecordId| schema.lineage(it).pop().unwrap_or(it);
    let place =
        |it: &RecordId| (root(*it) != root(inner), root(*it), schema.lineage(*it).len(), *it);
    records.sort_by_key(place);
    records.dedup();
    let own = |record: RecordId| {
        schema.record(record).key.iter().map(move |field| FieldId { record, field: *field })
    };
    records.into_iter().flat_map(own).collect()
}

/// The record that the files with the rows of `record` have one row of.
pub fn rows_of(set: &RuleSet, input: &Input, record: RecordId) -> RecordId {
    if apart(set, input, record) { record } else { innermost_of_flat(set, input) }
}

/// No files have the rows of a record.
pub fn none(name: &str) -> Trouble {
    Trouble::usage(format!("no files are named for the record `{name}`"))
        .help(format!("add `[data.NAME.{name}]` with its `path` to tamis.toml"))
}

/// The files that have the rows of one record.
///
/// Errors: there are none, or they do not fit the schema.
pub fn open(
    set: &RuleSet,
    input: &Input,
    record: RecordId,
    used: &[FieldId],
) -> Result<Source, Trouble> {
    Files::new(set, input, used).open(record, used)
}

impl<'a> Files<'a> {
    pub fn new(set: &'a RuleSet, input: &'a Input, used: &[FieldId]) -> Files<'a> {
        let common = Arc::new(Common::new(shared(set, input)));
        Files { set, input, used: used.to_vec(), common, tables: BTreeMap::new() }
    }

    /// The files that have the rows of `record`, of which these fields are needed.
    ///
    /// Errors: there are none, or they do not fit the schema.
    pub fn open(&mut self, record: RecordId, needed: &[FieldId]) -> Result<Source, Trouble> {
        let (set, input) = (self.set, self.input);
        let rows = rows_of(set, input, record);
        if !holds(set, input, record) {
            return Err(none(&set.schema.record(record).name));
        }
        let table = match self.tables.get(&rows) {
            Some(it) => it.clone(),
            None => {
                let it = Arc::new(self.table(rows, needed)?);
                self.tables.insert(rows, it.clone());
                it
            }
        };
        Ok(Source { table, rows, merged: rows != record })
    }

    fn table(&mut self, record: RecordId, needed: &[FieldId]) -> Result<Table, Trouble> {
        let (set, input) = (self.set, self.input);
        let schema = &set.schema;
        if within(set, input, record) {
            return self.elements(record, needed);
        }
        let Some(own) = input.records.get(&schema.record(record).name) else {
            let (base, files) = (&input.set, &input.files);
            let it = data::open(schema, base, files, record, &self.used, Around::All)?;
            return Ok(it.beside(&self.common, None));
        };
        let parent = schema.record(record).parent;
        let around = match parent {
            Some(it) if apart(set, input, it) => Some(self.open(it, needed)?.table),
            Some(it) if holds(set, input, it) && around_used(set, it, needed) => {
                let flat = &input.files;
                let it =
                    data::open(schema, &input.set, flat, it, &self.used, repeated(set, input, it))?;
                Some(Arc::new(it.beside(&self.common, None)))
            }
            Some(_) | None => None,
        };
        let held = match (&around, parent) {
            (Some(it), _) => Around::Table(it),
            (None, Some(_)) => Around::Keys,
            (None, None) => Around::All,
        };
        let keys = parent.filter(|it| around.is_none() && holds(set, input, *it));
        let it = data::open(schema, &own.set, &own.files, record, &self.used, held)?;
        Ok(it.beside(&self.common, keys))
    }

    /// Rows that are elements of lists.
    fn elements(&mut self, record: RecordId, needed: &[FieldId]) -> Result<Table, Trouble> {
        let (set, input) = (self.set, self.input);
        let schema = &set.schema;
        let mut levels = Vec::new();
        let mut holder = record;
        while within(set, input, holder) {
            let it = schema.record(holder);
            let own = &input.records[&it.name].set;
            let path = own.within.iter().flat_map(|it| it.split('.')).map(str::to_owned).collect();
            levels.push(Level { record: holder, name: it.name.clone(), set: own.clone(), path });
            let Some(parent) = it.parent else {
                let message =
                    format!("`{}` stands in no other record: `within` has no row", it.name);
                return Err(Trouble::usage(message).help(format!(
                    "name its files with `path`, or declare `record {} in …`",
                    it.name
                )));
            };
            holder = parent;
        }
        levels.reverse();
        let parent = self.open(schema.record(record).parent.unwrap_or(holder), needed)?.table;
        let own = input.records.get(&schema.record(holder).name);
        let beside = match own {
            Some(_) => vec![holder],
            None => schema.lineage(holder),
        };
        let headers = match (own, schema.record(holder).parent) {
            (Some(_), Some(_)) => self.open(holder, needed)?.table.around().cloned(),
            _ => None,
        };
        let (base, files) = own.map_or((&input.set, &input.files), |it| (&it.set, &it.files));
        let it = Within { base: base.clone(), beside, levels, around: headers };
        let elements = data::open(schema, base, files, record, &self.used, Around::Within(&it))?;
        Ok(elements.beside(&self.common, None).held_by(&parent))
    }
}

/// The tables whose rows have the key of a record, by the record that each has one row of. Elements
/// of lists stand in those of the rows around them.
pub fn with_key(set: &RuleSet, input: &Input, record: RecordId) -> BTreeSet<RecordId> {
    let base = |it: RecordId| {
        let lineage = set.schema.lineage(it);
        let holder = lineage.iter().copied().find(|it| !within(set, input, *it));
        rows_of(set, input, holder.unwrap_or(it))
    };
    let inside = |it: &RecordId| set.schema.lineage(*it).contains(&record);
    let all = (0..set.schema.records.len()).map(RecordId).filter(inside);
    all.filter(|it| holds(set, input, *it)).map(base).collect()
}

/// Records whose keys stand in the files of several tables.
fn shared(set: &RuleSet, input: &Input) -> BTreeSet<RecordId> {
    let all = (0..set.schema.records.len()).map(RecordId);
    all.filter(|it| 1 < with_key(set, input, *it).len()).collect()
}

/// How a flat extract has the rows of a record.
fn repeated<'a>(set: &RuleSet, input: &Input, record: RecordId) -> Around<'a> {
    if rows_of(set, input, record) == record { Around::All } else { Around::Repeated }
}

/// Whether more than keys is needed of a record or of those around it.
fn around_used(set: &RuleSet, record: RecordId, needed: &[FieldId]) -> bool {
    let lineage = set.schema.lineage(record);
    let is_key = |it: &FieldId| set.schema.record(it.record).key.contains(&it.field);
    needed.iter().any(|it| lineage.contains(&it.record) && !is_key(it))
}

/// Whether the data hold rows of the record at all.
pub fn holds(set: &RuleSet, input: &Input, record: RecordId) -> bool {
    let flat = || set.schema.lineage(innermost_of_flat(set, input)).contains(&record);
    apart(set, input, record) || (!input.files.is_empty() && flat())
}
