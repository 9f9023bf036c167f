//! The past rows that facts of a few rows look at, told from the others while files are read.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use crate::data::Table;
use crate::data::sieve::Sieve;
use crate::interpret::Row;
use crate::interpret::row;
use crate::interpret::why::past::Clue;
use crate::interpret::why::past::Gathering;
use crate::interpret::why::past::Past;
use crate::ir::FactId;
use crate::ir::RuleSet;
use crate::run;
use crate::run::Again;
use crate::run::Opened;
use crate::run::Options;
use crate::run::one::each;
use crate::run::past::side::inputs;
use crate::run::past::side::replaced_by;
use crate::run::source;
use crate::run::source::Source;
use crate::run::world::keys_of;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::value::Value;
use crate::value::text;

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
    let records: BTreeSet<RecordId> = facts.iter().map(|it| set.facts[it.0].rows).collect();
    for record in records {
        let of_record = facts.iter().filter(|it| set.facts[it.0].rows == record);
        let mut used = run::fields_in(of_record.flat_map(|it| set.facts[it.0].of_rows()));
        used.extend(set.schema.key_fields(record));
        let key = replaced_by(set, opened, record);
        used.extend(&key);
        let mut older: Vec<(Vec<Value>, Row)> = Vec::new();
        // History first: what the data hold themselves replaces it.
        for (input, first) in inputs(set, opened, record)?.into_iter().rev() {
            let source = opened.source(set, (input, first), record, &used)?;
            opened.beside(set, record, first, &source);
            let keys = older.iter().map(|it| it.0.clone()).collect();
            let may_go = 0 < first && !key.is_empty();
            let reader =
                Reader { set, source: &source, record, key: &key, question: &question, options };
            let read = reader.read(&keys, may_go)?;
            let of = |row: &Row| keys_of(set, &key, row);
            let known = match key.first().filter(|_| first == 0 && !older.is_empty()) {
                Some(it) if source::rows_of(set, input, it.record) != source.rows => {
                    today(set, opened, &key, &keys, options)?
                }
                Some(_) | None => read.known,
            };
            older.retain(|it| !known.contains(&it.0));
            older.extend(read.rows.into_iter().map(|it| (of(&it), it)));
            gathered.merge(read.gathered);
        }
        older.iter().for_each(|it| gathered.add(record, &it.1));
    }
    Ok(gathered.finish())
}

type Keys = BTreeSet<Vec<Value>>;

/// Which of these keys the data hold themselves.
fn today(
    set: &RuleSet,
    opened: &Opened,
    key: &[FieldId],
    keys: &Keys,
    options: &Options,
) -> Result<Keys, Again> {
    let Some(declared) = key.first() else { return Ok(Keys::new()) };
    let source = opened.source(set, (&opened.input, 0), declared.record, key)?;
    let columns = row::columns(set, &source.table.arrow);
    let parts = each(&source.table, options, Keys::new, |known, batch| {
        for at in 0..batch.num_rows() {
            let own = keys_of(set, key, &row::row(set, &columns, batch, at));
            if keys.contains(&own) {
                known.insert(own);
            }
        }
        Ok(())
    })?;
    Ok(parts.into_iter().flatten().collect())
}

/// Reads the rows of a record that facts look at.
struct Reader<'a, 'b> {
    set: &'a RuleSet,
    source: &'b Source,
    record: RecordId,
    /// By which rows of history are told that stand in the data too.
    key: &'b [FieldId],
    question: &'b Gathering<'a>,
    options: &'b Options,
}

struct Read<'a> {
    /// Rows that may have to go again.
    rows: Vec<Row>,
    gathered: Gathering<'a>,
    /// Of the declarations asked for, the keys that are there.
    known: Keys,
}

/// Declarations that are told from others by their keys; more are read with all the others.
const TOLD: usize = 200_000;

impl<'a> Reader<'a, '_> {
    /// The rows of declarations of which the clues point at one: all of them, since what one row
    /// says of a declaration holds for its other rows. Nothing where that cannot be told.
    fn narrowed(&self, clues: &[Clue], first: FieldId) -> Result<Option<Arc<Table>>, Again> {
        let table = &self.source.table;
        let told = |it: &'_ Clue| -> (FieldId, bool, Vec<String>) {
            (it.field, it.digits.is_some(), it.texts.iter().cloned().collect())
        };
        let told: Vec<_> = clues.iter().map(told).collect();
        let each_clue = told.iter().map(|it| (it.0, it.1, it.2.iter().map(String::as_str)));
        let Some(sieve) = Sieve::of(table, each_clue) else { return Ok(None) };
        let pointed = Arc::new(table.unwatched().sieved(Some(sieve)));
        let name = row::column_name(&self.set.schema, first);
        let Ok(column) = pointed.arrow.index_of(&name) else { return Ok(None) };
        let parts =
            each(&pointed, self.options, BTreeSet::new, |keys: &mut BTreeSet<String>, it| {
                let Some(texts) = it.column(column).as_string_opt::<i32>() else { return Ok(()) };
                if keys.len() <= TOLD {
                    keys.extend(texts.iter().flatten().map(str::to_owned));
                }
                Ok(())
            })?;
        let keys: BTreeSet<String> = parts.into_iter().flatten().collect();
        if TOLD < keys.len() {
            return Ok(None);
        }
        let of_keys = std::iter::once((first, false, keys.iter().map(String::as_str)));
        Ok(Sieve::of(table, of_keys).map(|it| Arc::new(table.sieved(Some(it)))))
    }

    /// Says which of the keys are there too. Rows that may go are not gathered yet.
    fn read(&self, keys: &Keys, may_go: bool) -> Result<Read<'a>, Again> {
        let Reader { set, source, record, key, question, options } = *self;
        let table = &source.table;
        let columns = row::columns(set, &table.arrow);
        let clues = question.clues(record).filter(|_| keys.is_empty());
        let outermost = set.schema.lineage(record).pop().unwrap_or(record);
        let narrow = match (&clues, set.schema.key_fields(outermost).first()) {
            (Some(clues), Some(first)) => self.narrowed(clues, *first)?,
            _ => None,
        };
        let table = narrow.as_ref().unwrap_or(table);
        let clues: Option<Vec<Place>> =
            clues.map(|it| it.into_iter().map(|it| Place::of(set, table, it)).collect());
        let may = |batch: &RecordBatch, at: usize| {
            clues.as_ref().is_none_or(|all| all.iter().any(|it| it.fits(batch, at)))
        };
        let start = || Read { rows: Vec::new(), gathered: question.clone(), known: Keys::new() };
        let keep = source.merged || may_go;
        let parts = each(table, options, start, |read, batch| {
            for at in (0..batch.num_rows()).filter(|at| may(batch, *at)) {
                let row = row::row(set, &columns, batch, at);
                if !keys.is_empty() {
                    let key = keys_of(set, key, &row);
                    if keys.contains(&key) {
                        read.known.insert(key);
                    }
                }
                if !keep {
                    read.gathered.add(record, &row);
                } else if source.merged || question.wants(record, &row) {
                    read.rows.push(row);
                }
            }
            Ok(())
        })?;
        let mut all = start();
        for part in parts {
            all.rows.extend(part.rows);
            all.known.extend(part.known);
            all.gathered.merge(part.gathered);
        }
        if source.merged {
            // A row that no clue points at may still have a say in what rows of a key share.
            let own = set.schema.key_fields(record);
            let key = |it: &Row| own.iter().map(|id| it.get(*id)).collect();
            let keys: Keys = all.rows.iter().map(key).collect();
            all.rows = merged(set, source, record, &keys, options)?;
            if !may_go {
                let rows = std::mem::take(&mut all.rows);
                rows.iter().for_each(|it| all.gathered.add(record, it));
            }
        }
        Ok(all)
    }
}

/// One row for each of the keys.
fn merged(
    set: &RuleSet,
    source: &Source,
    record: RecordId,
    keys: &Keys,
    options: &Options,
) -> Result<Vec<Row>, Again> {
    let table = Arc::new(source.table.again());
    let columns = row::columns(set, &table.arrow);
    let own_key = set.schema.key_fields(record);
    let names: Vec<usize> = own_key
        .iter()
        .filter_map(|it| table.arrow.index_of(&row::column_name(&set.schema, *it)).ok())
        .collect();
    let texts: Option<BTreeSet<String>> = match (names.as_slice(), keys.first()) {
        ([_], Some(key)) if matches!(key.as_slice(), [Value::Text(_)]) => {
            Some(keys.iter().flatten().map(ToString::to_string).collect())
        }
        _ => None,
    };
    let parts =
        each(&table, options, BTreeMap::new, |rows: &mut BTreeMap<Vec<Value>, Row>, batch| {
            for at in 0..batch.num_rows() {
                if let (Some(texts), [column]) = (&texts, names.as_slice()) {
                    let text = batch.column(*column).as_string::<i32>();
                    if text.is_null(at) || !texts.contains(text.value(at)) {
                        continue;
                    }
                }
                let row = row::row(set, &columns, batch, at);
                let key: Vec<Value> = own_key.iter().map(|it| row.get(*it)).collect();
                if keys.contains(&key) {
                    rows.entry(key)
                        .and_modify(|known| run::agree(set, record, known, &row))
                        .or_insert(row);
                }
            }
            Ok(())
        })?;
    let mut all: BTreeMap<Vec<Value>, Row> = BTreeMap::new();
    for (key, row) in parts.into_iter().flatten() {
        all.entry(key).and_modify(|known| known.absorb(&row)).or_insert(row);
    }
    Ok(all.into_values().collect())
}

/// A clue, and the column where it is to be looked for.
struct Place {
    column: Option<usize>,
    clue: Clue,
}

impl Place {
    fn of(set: &RuleSet, table: &Table, clue: Clue) -> Place {
        let name = row::column_name(&set.schema, clue.field);
        Place { column: table.arrow.index_of(&name).ok(), clue }
    }

    fn fits(&self, batch: &RecordBatch, at: usize) -> bool {
        let Some(texts) = self.column.and_then(|it| batch.column(it).as_string_opt::<i32>()) else {
            return true;
        };
        if texts.is_null(at) {
            return false;
        }
        let text = texts.value(at);
        match self.clue.digits {
            Some(digits) => {
                let end = text.len().min(digits as usize);
                text.get(..end).is_none_or(|it| self.clue.texts.contains(it))
            }
            None if self.clue.form == text::Form::Exact => self.clue.texts.contains(text),
            None => self.clue.texts.contains(&text::form(text, self.clue.form)),
        }
    }
}
