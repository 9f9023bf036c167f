//! A few declarations of a data set: their rows, the past rows that rules look at, and why.
//!
//! Nothing else of the data is kept: rows are told apart while they are read.

pub mod what_if;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use crate::data::Table;
use crate::data::scan::Scan;
use crate::diagnostic::similar;
use crate::hit::Outcome;
use crate::interpret;
use crate::interpret::Row;
use crate::interpret::row;
use crate::interpret::why::Answer;
use crate::interpret::why::Bench;
use crate::interpret::why::change;
use crate::interpret::why::change::Change;
use crate::interpret::why::flip::Together;
use crate::interpret::why::past::Clue;
use crate::interpret::why::past::Gathering;
use crate::interpret::why::past::Past;
use crate::ir::FactId;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::run;
use crate::run::Opened;
use crate::run::Options;
use crate::run::one::what_if::WhatIf;
use crate::run::past::inputs;
use crate::run::past::replaced_by;
use crate::run::source;
use crate::run::source::Source;
use crate::schema::RecordId;
use crate::source::Sources;
use crate::trouble::Trouble;
use crate::value::Value;
use crate::value::text;

/// What is asked.
pub struct Question<'a> {
    pub ids: &'a [String],
    pub rules: &'a [RuleId],
    pub what_if: &'a [WhatIf],
    /// Say what would turn the answers of these outcomes.
    pub flips: &'a [Outcome],
}

/// A declaration, and its rows that rules judge: the outermost first, then by key.
#[derive(Debug, Clone)]
pub struct Declaration {
    pub id: String,
    pub rows: Vec<Judged>,
    /// Every change of a what-if, as `(record and key, field, before, after)`.
    pub changes: Vec<Change>,
}

/// A row of a level, and what its rules say of it.
#[derive(Debug, Clone)]
pub struct Judged {
    pub level: RecordId,
    pub row: Row,
    pub answers: Vec<Answer>,
    /// What the same rules said before a what-if; empty without one.
    pub before: Vec<Outcome>,
}

/// Every answer about these declarations, in the order of the question.
///
/// Errors: data that cannot be read, and declarations that they do not hold.
pub fn explain(
    set: &RuleSet,
    sources: &Sources,
    opened: &Opened,
    question: &Question,
    options: &Options,
) -> Result<Vec<Declaration>, Trouble> {
    let mut all = find(set, opened, question, options)?;
    let facts: BTreeSet<FactId> = set.facts_of(question.rules, true).into_iter().collect();
    for it in &mut all {
        it.changes = what_if::changes(set, question.what_if, it)?;
    }
    let mut asked: Vec<Row> = all.iter().flat_map(|it| &it.rows).map(|it| it.row.clone()).collect();
    for it in all.iter().filter(|it| !it.changes.is_empty()) {
        let changed = |row: &Judged| change::applied(&set.schema, &row.row, row.level, &it.changes);
        asked.extend(it.rows.iter().map(changed));
    }
    let mut past = gather(set, opened, &facts, &asked, options)?;
    for it in &mut all {
        if it.changes.is_empty() {
            continue;
        }
        let bench = Bench { set, sources, past: &past };
        for judged in &mut it.rows {
            let row = bench.informed(&judged.row, &facts, &[]);
            let rules = at_level(set, question.rules, judged.level);
            judged.before = rules.map(|rule| interpret::outcome(set, rule, &row)).collect();
            judged.row = change::applied(&set.schema, &judged.row, judged.level, &it.changes);
        }
        past = past.changed(set, &it.changes);
    }
    let bench = Bench { set, sources, past: &past };
    for judged in all.iter_mut().flat_map(|it| &mut it.rows) {
        judged.row = bench.informed(&judged.row, &facts, &[]);
        let rules = at_level(set, question.rules, judged.level);
        judged.answers = rules.map(|rule| bench.answer(rule, &judged.row)).collect();
    }
    if !question.flips.is_empty() {
        turn(&mut all, &bench, opened, question, options)?;
    }
    Ok(all)
}

fn at_level<'a>(
    set: &'a RuleSet,
    rules: &'a [RuleId],
    level: RecordId,
) -> impl Iterator<Item = RuleId> + 'a {
    rules.iter().copied().filter(move |it| set.rules[it.0].level == level)
}

/// Adds what would turn each answer. Past rows of keys that a change brings up are read as well.
fn turn(
    all: &mut [Declaration],
    bench: &Bench,
    opened: &Opened,
    question: &Question,
    options: &Options,
) -> Result<(), Trouble> {
    let set = bench.set;
    let mut facts = BTreeSet::new();
    let mut asked: Vec<Row> = Vec::new();
    let mut ways: Vec<Vec<Together>> = Vec::new();
    for judged in all.iter().flat_map(|it| &it.rows) {
        for answer in judged.answers.iter().filter(|it| question.flips.contains(&it.outcome)) {
            let found = bench.ways(answer.rule, &judged.row);
            for way in &found {
                let plain: Vec<Change> = way.iter().map(|it| it.change.clone()).collect();
                let moved = bench.moved(answer.rule, &plain);
                if !moved.is_empty() {
                    facts.extend(moved);
                    asked.push(change::applied(&set.schema, &judged.row, judged.level, &plain));
                }
            }
            ways.push(found);
        }
    }
    let more;
    let bench = if asked.is_empty() {
        Bench { set, sources: bench.sources, past: bench.past }
    } else {
        asked.extend(all.iter().flat_map(|it| &it.rows).map(|it| it.row.clone()));
        let gathered = gather(set, opened, &facts, &asked, options)?;
        let changes = all.iter().flat_map(|it| it.changes.clone()).collect::<Vec<_>>();
        let gathered = if changes.is_empty() { gathered } else { gathered.changed(set, &changes) };
        more = bench.past.with(gathered);
        Bench { set, sources: bench.sources, past: &more }
    };
    let mut ways = ways.into_iter();
    for judged in all.iter_mut().flat_map(|it| &mut it.rows) {
        let row = &judged.row;
        for answer in judged.answers.iter_mut().filter(|it| question.flips.contains(&it.outcome)) {
            let found = ways.next().unwrap_or_default();
            answer.flips = bench.flips(answer.rule, row, &found);
        }
    }
    Ok(())
}

/// Reads a table side by side, each reader into a place of its own.
fn each<T: Send>(
    table: &Arc<Table>,
    options: &Options,
    start: impl Fn() -> T + Sync,
    add: impl Fn(&mut T, &RecordBatch) -> Result<(), Trouble> + Sync,
) -> Result<Vec<T>, Trouble> {
    table.prepare()?;
    let scan = Arc::new(Scan::new(table, options.batch_size, true));
    let parts = options.threads.max(1);
    let read = |part: usize| -> Result<T, Trouble> {
        let mut own = start();
        for batch in scan.clone().batches(part, parts) {
            add(&mut own, &batch?)?;
        }
        Ok(own)
    };
    std::thread::scope(|scope| {
        let read = &read;
        let readers: Vec<_> = (0..parts).map(|part| scope.spawn(move || read(part))).collect();
        let join = |it: std::thread::ScopedJoinHandle<'_, Result<T, Trouble>>| {
            it.join().map_err(|_| Trouble::bug("a reader stopped"))?
        };
        readers.into_iter().map(join).collect()
    })
}

/// The rows of the declarations, merged at outer levels as a run does it.
fn find(
    set: &RuleSet,
    opened: &Opened,
    question: &Question,
    options: &Options,
) -> Result<Vec<Declaration>, Trouble> {
    let schema = &set.schema;
    let lineage = schema.lineage(opened.inner);
    let outermost = lineage.last().copied().unwrap_or(opened.inner);
    let wanted: BTreeSet<&str> = question.ids.iter().map(String::as_str).collect();
    let mut rows: BTreeMap<(String, usize, Vec<Value>, usize), Judged> = BTreeMap::new();
    let own: Option<Arc<Table>> = opened.outer.as_ref().map(|it| Arc::new(it.again()));
    for (table, is_outer) in [(Some(&opened.table), false), (own.as_ref(), true)] {
        let Some(table) = table else { continue };
        let mut found: Vec<Row> = Vec::new();
        let columns = row::columns(set, &table.arrow);
        let id = Id::new(set, outermost, table);
        for part in each(table, options, Vec::new, |rows: &mut Vec<Row>, batch| {
            for at in (0..batch.num_rows()).filter(|at| id.may_be(batch, *at, &wanted)) {
                rows.push(row::row(set, &columns, batch, at));
            }
            Ok(())
        })? {
            found.extend(part);
        }
        found.retain(|it| wanted.contains(id_of(set, outermost, it).as_str()));
        // In an order that files and readers have no say in.
        found.sort_by_cached_key(|it| format!("{it:?}"));
        for (number, row) in found.into_iter().enumerate() {
            let id = id_of(set, outermost, &row);
            for (depth, level) in lineage.iter().rev().enumerate() {
                let inner = *level == opened.inner;
                if inner == is_outer || (own.is_some() && !inner && !is_outer) {
                    continue;
                }
                let key: Vec<Value> =
                    schema.key_fields(*level).into_iter().map(|it| row.get(it)).collect();
                let number = if inner { number } else { 0 };
                let place = (id.clone(), depth, key, number);
                rows.entry(place)
                    .and_modify(|known| run::agree(set, *level, &mut known.row, &row))
                    .or_insert_with(|| Judged {
                        level: *level,
                        row: row.clone(),
                        answers: Vec::new(),
                        before: Vec::new(),
                    });
            }
        }
    }
    let mut res: Vec<Declaration> = question
        .ids
        .iter()
        .map(|id| Declaration { id: id.clone(), rows: Vec::new(), changes: Vec::new() })
        .collect();
    for ((id, ..), judged) in rows {
        for it in res.iter_mut().filter(|it| it.id == id) {
            it.rows.push(judged.clone());
        }
    }
    match res.iter().find(|it| it.rows.is_empty()) {
        Some(it) => Err(unknown(set, opened, outermost, &it.id, options)),
        None => Ok(res),
    }
}

/// How the identifier of a declaration is found in a batch.
struct Id {
    /// The column, where the key is one text.
    column: Option<usize>,
}

impl Id {
    fn new(set: &RuleSet, outermost: RecordId, table: &Table) -> Id {
        let fields = set.schema.key_fields(outermost);
        let column = match fields.as_slice() {
            [only] if set.schema.field(*only).ty.is_textual() => {
                table.arrow.index_of(&row::column_name(&set.schema, *only)).ok()
            }
            _ => None,
        };
        Id { column }
    }

    fn may_be(&self, batch: &RecordBatch, at: usize, wanted: &BTreeSet<&str>) -> bool {
        let Some(column) = self.column else { return true };
        let text = batch.column(column).as_string::<i32>();
        text.is_valid(at) && wanted.contains(text.value(at))
    }
}

/// The keys of the outermost record as one text: `10681065`.
fn id_of(set: &RuleSet, outermost: RecordId, row: &Row) -> String {
    let keys = set.schema.key_fields(outermost);
    keys.into_iter().map(|it| row.get(it).to_string()).collect::<Vec<_>>().join("/")
}

fn unknown(
    set: &RuleSet,
    opened: &Opened,
    outermost: RecordId,
    id: &str,
    options: &Options,
) -> Trouble {
    let name = &set.schema.record(outermost).name;
    let table = Arc::new(opened.table.again());
    let columns = row::columns(set, &table.arrow);
    let begins: String = id.chars().take(2).collect();
    let known = each(&table, options, BTreeSet::new, |known, batch| {
        for at in 0..batch.num_rows() {
            let other = id_of(set, outermost, &row::row(set, &columns, batch, at));
            if other.starts_with(&begins) && other.len().abs_diff(id.len()) <= 1 {
                known.insert(other);
            }
        }
        Ok(())
    });
    let known: BTreeSet<String> = known.into_iter().flatten().flatten().collect();
    let near = similar(id, known.iter().map(String::as_str));
    let trouble = Trouble::usage(format!("the data hold no {name} `{id}`"));
    trouble.help(match near.as_slice() {
        [] => "name the data set that holds it, and the key as the data have it".to_owned(),
        near => format!("did you mean {}?", near.join(", ")),
    })
}

/// The past rows that these facts of these rows look at.
///
/// Errors: files that cannot be read.
fn gather(
    set: &RuleSet,
    opened: &Opened,
    facts: &BTreeSet<FactId>,
    judged: &[Row],
    options: &Options,
) -> Result<Past, Trouble> {
    let question = Gathering::new(set, facts, judged);
    let mut gathered = question.clone();
    let records: BTreeSet<RecordId> = facts.iter().map(|it| set.facts[it.0].rows).collect();
    for record in records {
        let of_record = facts.iter().filter(|it| set.facts[it.0].rows == record);
        let mut used = run::fields_in(of_record.flat_map(|it| set.facts[it.0].of_rows()));
        used.extend(set.schema.key_fields(record));
        let key = replaced_by(set, opened, record);
        let mut older: Vec<(Vec<Value>, Row)> = Vec::new();
        // History first: what the data hold themselves replaces it.
        for (input, first) in inputs(set, opened, record)?.into_iter().rev() {
            let source = source::open(set, input, record, opened.inner, &used)?;
            let keys = older.iter().map(|it| it.0.clone()).collect();
            let may_go = 0 < first && !key.is_empty();
            let reader = Reader { set, source: &source, record, question: &question, options };
            let read = reader.read(&keys, may_go)?;
            let of = |row: &Row| key.iter().map(|it| row.get(*it)).collect::<Vec<_>>();
            older.retain(|it| !read.known.contains(&it.0));
            older.extend(read.rows.into_iter().map(|it| (of(&it), it)));
            gathered.merge(read.gathered);
        }
        older.iter().for_each(|it| gathered.add(record, &it.1));
    }
    Ok(gathered.finish())
}

type Keys = BTreeSet<Vec<Value>>;

/// Reads the rows of a record that facts look at.
struct Reader<'a, 'b> {
    set: &'a RuleSet,
    source: &'b Source,
    record: RecordId,
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

impl<'a> Reader<'a, '_> {
    /// Says which of the keys are there too. Rows that may go are not gathered yet.
    fn read(&self, keys: &Keys, may_go: bool) -> Result<Read<'a>, Trouble> {
        let Reader { set, source, record, question, options } = *self;
        let table = &source.table;
        let columns = row::columns(set, &table.arrow);
        let outermost = set.schema.lineage(record).pop().unwrap_or(record);
        let key = set.schema.key_fields(outermost);
        let clues = question.clues(record).filter(|_| keys.is_empty());
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
                    let key: Vec<Value> = key.iter().map(|it| row.get(*it)).collect();
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
) -> Result<Vec<Row>, Trouble> {
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
