//! A few declarations of a data set: their rows, the past rows that rules look at, and why.
//!
//! Nothing else of the data is kept: rows are told apart while they are read.

pub mod alike;
pub mod gather;
pub mod kept;
pub mod reading;
pub mod told;
pub mod what_if;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use crate::data::Table;
use crate::data::scan::Scan;
use crate::decide;
use crate::decide::Decision;
use crate::decide::secret::Secrets;
use crate::diagnostic::similar;
use crate::hit::Outcome;
use crate::interpret;
use crate::interpret::Row;
use crate::interpret::explain;
use crate::interpret::row;
use crate::interpret::why::Answer;
use crate::interpret::why::Bench;
use crate::interpret::why::Known;
use crate::interpret::why::change;
use crate::interpret::why::change::Change;
use crate::interpret::why::flip::Together;
use crate::ir::FactId;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::run;
use crate::run::Again;
use crate::run::Opened;
use crate::run::Options;
use crate::run::one::gather::gather;
use crate::run::one::what_if::WhatIf;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::source::Sources;
use crate::trouble::Trouble;
use crate::value::Value;
use crate::value::text::Form;
use crate::value::text::form;
use crate::value::text::formed;

/// What is asked.
pub struct Question<'a> {
    pub ids: &'a [String],
    pub rules: &'a [RuleId],
    pub what_if: &'a [WhatIf],
    /// Of the draws, where the policy is asked for what it decides.
    pub secrets: Option<&'a Secrets>,
    /// Say what would turn the answers of these outcomes.
    pub flips: &'a [Outcome],
}

/// A declaration, and its rows that rules judge: the outermost first, then by key.
#[derive(Debug, Clone)]
pub struct Declaration {
    pub id: String,
    pub rows: Vec<Judged>,
    /// What is supposed of it.
    pub changes: Vec<Change>,
    /// What the policy makes of it, its neighbours aside.
    pub decision: Option<Decision>,
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
    opened.settled(|| explained(set, sources, opened, question, options))
}

fn explained(
    set: &RuleSet,
    sources: &Sources,
    opened: &Opened,
    question: &Question,
    options: &Options,
) -> Result<Vec<Declaration>, Again> {
    let mut all = find(set, opened, question, options)?;
    let facts: BTreeSet<FactId> = set.facts_of(&opened.rules, true).into_iter().collect();
    let lineage = set.schema.lineage(opened.inner);
    let (own, within): (Vec<_>, Vec<_>) =
        question.what_if.iter().partition(|it| lineage.contains(&it.field.record));
    for it in &mut all {
        let rows: Vec<_> = it.rows.iter().map(|it| (it.level, &it.row)).collect();
        it.changes = what_if::changes(&set.schema, &own, &rows)?;
    }
    let mut asked: Vec<Row> = all.iter().flat_map(|it| &it.rows).map(|it| it.row.clone()).collect();
    for it in all.iter().filter(|it| !it.changes.is_empty()) {
        let changed = |row: &Judged| change::applied(&set.schema, &row.row, row.level, &it.changes);
        asked.extend(it.rows.iter().map(changed));
    }
    let mut past = gather(set, opened, &facts, &asked, options)?;
    for it in &mut all {
        let outermost = outermost(set, opened);
        let id = in_form(set, outermost, &it.id);
        let rows = past.within(set, |row| key_of(set, outermost, row) == id);
        it.changes.extend(what_if::changes(&set.schema, &within, &rows)?);
    }
    for it in &mut all {
        if it.changes.is_empty() {
            continue;
        }
        let bench = Bench { set, sources, past: &past };
        let mut known = Known::new();
        for judged in &mut it.rows {
            let facts = facts_at(set, opened, judged.level);
            let row = bench.informed(&judged.row, &facts, &mut known);
            let rules = at_level(set, question.rules, judged.level);
            judged.before = rules.map(|rule| interpret::outcome(set, rule, &row)).collect();
            judged.row = change::applied(&set.schema, &judged.row, judged.level, &it.changes);
        }
        past = past.changed(set, &it.changes);
    }
    let bench = Bench { set, sources, past: &past };
    let mut known = Known::new();
    for judged in all.iter_mut().flat_map(|it| &mut it.rows) {
        let facts = facts_at(set, opened, judged.level);
        judged.row = bench.informed(&judged.row, &facts, &mut known);
        let rules = at_level(set, question.rules, judged.level);
        judged.answers = rules.map(|rule| bench.answer(rule, &judged.row)).collect();
    }
    opened.unchanged()?;
    if let Some(secrets) = question.secrets {
        all.iter_mut().for_each(|it| it.decision = decide(set, secrets, it));
    }
    if !question.flips.is_empty() {
        turn(&mut all, &bench, opened, question, options)?;
    }
    Ok(all)
}

/// The findings in the order of a run's lines: by key, then by rule.
fn decide(set: &RuleSet, secrets: &Secrets, it: &Declaration) -> Option<Decision> {
    let level = set.policy.as_ref()?.level;
    let own = it.rows.iter().find(|row| row.level == level);
    // Rows of a declaration that is nowhere know its key, and that alone.
    let (named, row) = match own {
        Some(own) => (&own.row, own.row.clone()),
        None => (&it.rows.first()?.row, Row::default()),
    };
    let text = |row: &Row, record: RecordId| -> Vec<String> {
        let keys = set.schema.key_fields(record);
        keys.into_iter().filter_map(|id| explain::plain_text(&row.get(id))).collect()
    };
    let keys = text(named, level);
    let mut found = Vec::new();
    for judged in &it.rows {
        let item: Vec<String> =
            text(&judged.row, judged.level).into_iter().skip(keys.len()).collect();
        for answer in &judged.answers {
            found.extend(decide::finding(set, answer.rule, item.clone(), &judged.row));
        }
    }
    if own.is_none() && found.is_empty() {
        return None;
    }
    decide::alone(set, secrets, keys, &row, found)
}

/// What the rules of a level need of many rows.
fn facts_at(set: &RuleSet, opened: &Opened, level: RecordId) -> BTreeSet<FactId> {
    let rules: Vec<RuleId> = at_level(set, &opened.rules, level).collect();
    set.facts_of(&rules, true).into_iter().collect()
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
) -> Result<(), Again> {
    let set = bench.set;
    let mut facts = BTreeSet::new();
    let mut asked: Vec<Row> = Vec::new();
    let mut ways: Vec<Vec<Together>> = Vec::new();
    for judged in all.iter().flat_map(|it| &it.rows) {
        for answer in judged.answers.iter().filter(|it| question.flips.contains(&it.outcome)) {
            let found = bench.ways(answer.rule, &judged.row);
            for way in &found {
                // Changes that are not needed are left out: parts of a way are asked about too.
                for plain in change::some_of(way) {
                    let moved = bench.moved(answer.rule, &plain);
                    if !moved.is_empty() {
                        facts.extend(moved);
                        asked.push(change::applied(&set.schema, &judged.row, judged.level, &plain));
                    }
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
pub fn each<T: Send>(
    table: &Arc<Table>,
    options: &Options,
    start: impl Fn() -> T + Sync,
    add: impl Fn(&mut T, &RecordBatch) -> Result<(), Trouble> + Sync,
) -> Result<Vec<T>, Again> {
    table.prepare(&options.limits())?;
    let res = each_once(table, options, &start, &add)?;
    if !table.is_to_be_read_again()? {
        return Ok(res);
    }
    table.tally.reset();
    Ok(each_once(table, options, &start, &add)?)
}

fn each_once<T: Send>(
    table: &Arc<Table>,
    options: &Options,
    start: &(impl Fn() -> T + Sync),
    add: &(impl Fn(&mut T, &RecordBatch) -> Result<(), Trouble> + Sync),
) -> Result<Vec<T>, Trouble> {
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

/// Where a row stands: its declaration, how deep, its record, its key, and which row of that key.
type Place = (String, usize, RecordId, Vec<Value>, usize);

/// The rows of the declarations, those of each level as a run judges them.
fn find(
    set: &RuleSet,
    opened: &Opened,
    question: &Question,
    options: &Options,
) -> Result<Vec<Declaration>, Again> {
    let schema = &set.schema;
    let outermost = outermost(set, opened);
    let wanted: BTreeSet<String> =
        question.ids.iter().map(|it| in_form(set, outermost, it)).collect();
    let mut rows: BTreeMap<Place, Judged> = BTreeMap::new();
    let of_declarations = |it: &&run::Level| schema.lineage(it.record).contains(&outermost);
    let mut read = BTreeSet::new();
    let mut tables = Vec::new();
    for it in opened.levels.iter().filter(of_declarations) {
        // What files of one record say of several is read once.
        if !read.insert(it.source.rows) {
            continue;
        }
        let table = &it.source.table;
        let table = &Arc::new(table.sieved_around(&|it| told::of_ids(set, outermost, it, &wanted)));
        tables.push((it.source.rows, table.clone()));
        let levels = opened.levels.iter().filter(of_declarations);
        let levels: Vec<_> = levels.filter(|other| other.source.rows == it.source.rows).collect();
        for (number, row) in rows_of(set, table, outermost, &wanted, options)?.iter().enumerate() {
            let id = key_of(set, outermost, row);
            for run::Level { record, source, .. } in &levels {
                let key: Vec<Value> =
                    schema.key_fields(*record).into_iter().map(|it| row.get(it)).collect();
                let number = if source.merged { 0 } else { number };
                let depth = schema.lineage(*record).len();
                let place = (id.clone(), depth, *record, key, number);
                rows.entry(place)
                    .and_modify(|known| run::agree(set, *record, &mut known.row, row))
                    .or_insert_with(|| Judged {
                        level: *record,
                        row: row.clone(),
                        answers: Vec::new(),
                        before: Vec::new(),
                    });
            }
        }
    }
    opened.written_alike(set, &tables)?;
    let mut res: Vec<Declaration> = question
        .ids
        .iter()
        .map(|id| Declaration {
            id: id.clone(),
            rows: Vec::new(),
            changes: Vec::new(),
            decision: None,
        })
        .collect();
    for ((id, ..), judged) in rows {
        for it in res.iter_mut().filter(|it| in_form(set, outermost, &it.id) == id) {
            it.rows.push(judged.clone());
        }
    }
    for it in &mut res {
        match it.rows.first() {
            // As the data write it.
            Some(first) => it.id = id_of(set, outermost, &first.row),
            None => return Err(unknown(set, opened, outermost, &it.id, options).into()),
        }
    }
    Ok(res)
}

/// The rows of a table that belong to the declarations, in an order that files and readers have no
/// say in.
fn rows_of(
    set: &RuleSet,
    table: &Arc<Table>,
    outermost: RecordId,
    wanted: &BTreeSet<String>,
    options: &Options,
) -> Result<Vec<Row>, Again> {
    let columns = row::columns(set, &table.arrow);
    let id = Id::new(set, outermost, table);
    let parts = each(table, options, Vec::new, |rows: &mut Vec<Row>, batch| {
        for at in (0..batch.num_rows()).filter(|at| id.may_be(batch, *at, wanted)) {
            rows.push(row::row(set, &columns, batch, at));
        }
        Ok(())
    })?;
    let mut found: Vec<Row> = parts.into_iter().flatten().collect();
    found.retain(|it| wanted.contains(&key_of(set, outermost, it)));
    found.sort_by_cached_key(|it| format!("{it:?}"));
    Ok(found)
}

fn outermost(set: &RuleSet, opened: &Opened) -> RecordId {
    set.schema.lineage(opened.inner).last().copied().unwrap_or(opened.inner)
}

/// How the identifier of a declaration is found in a batch.
struct Id {
    /// The column, where the key is one text.
    column: Option<usize>,
    form: Form,
}

impl Id {
    fn new(set: &RuleSet, outermost: RecordId, table: &Table) -> Id {
        let fields = set.schema.key_fields(outermost);
        let form = fields.first().map_or(Form::Exact, |it| set.schema.field(*it).ty.form());
        let column = match fields.as_slice() {
            [only] if set.schema.field(*only).ty.is_textual() => {
                table.arrow.index_of(&row::column_name(&set.schema, *only)).ok()
            }
            _ => None,
        };
        Id { column, form }
    }

    fn may_be(&self, batch: &RecordBatch, at: usize, wanted: &BTreeSet<String>) -> bool {
        let Some(column) = self.column else { return true };
        let text = batch.column(column).as_string::<i32>();
        text.is_valid(at) && wanted.contains(&*formed(text.value(at), self.form))
    }
}

/// The keys of the outermost record as one text: `10681065`.
fn id_of(set: &RuleSet, outermost: RecordId, row: &Row) -> String {
    let keys = set.schema.key_fields(outermost);
    keys.into_iter().map(|it| row.get(it).to_string()).collect::<Vec<_>>().join("/")
}

/// The same in the form in which keys are equal.
fn key_of(set: &RuleSet, outermost: RecordId, row: &Row) -> String {
    let key = |it: FieldId| form(&row.get(it).to_string(), set.schema.field(it).ty.form());
    set.schema.key_fields(outermost).into_iter().map(key).collect::<Vec<_>>().join("/")
}

/// An identifier, as somebody writes it, in that form.
fn in_form(set: &RuleSet, outermost: RecordId, id: &str) -> String {
    let fields = set.schema.key_fields(outermost);
    let parts: Vec<&str> = if fields.len() == 1 { vec![id] } else { id.split('/').collect() };
    if parts.len() != fields.len() {
        return id.to_owned();
    }
    let key = |(it, part): (&FieldId, &str)| form(part, set.schema.field(*it).ty.form());
    fields.iter().zip(parts).map(key).collect::<Vec<_>>().join("/")
}

fn unknown(
    set: &RuleSet,
    opened: &Opened,
    outermost: RecordId,
    id: &str,
    options: &Options,
) -> Trouble {
    let name = &set.schema.record(outermost).name;
    let Some(level) = opened.levels.last() else { return Trouble::bug("a run of no level") };
    let table = Arc::new(level.source.table.again());
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
    let mut help = match near.as_slice() {
        [] => "name the data set that holds it, and the key as the data have it".to_owned(),
        near => format!("did you mean {}?", near.join(", ")),
    };
    let rejected = table.tally.report().rejected;
    if 0 < rejected {
        let rows = if rejected == 1 { "1 row is" } else { &format!("{rejected} rows are") };
        help += &format!("; {rows} left out as faulty: the summary of `tamis run` says where");
    }
    trouble.help(help)
}
