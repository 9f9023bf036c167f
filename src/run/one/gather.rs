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
use crate::schema::Type;
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
    let table = of_keys(set, &source.table, key, keys);
    let columns = row::columns(set, &table.arrow);
    let parts = each(&table, options, Keys::new, |known, batch| {
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
    room: Room,
}

/// What is said of a row, made anew for each.
#[derive(Default)]
struct Room {
    /// By place, once it was looked at.
    fits: Vec<Option<bool>>,
    /// Facts that may look at the row; none for a key that stands in history too.
    facts: Vec<Option<FactId>>,
}

/// Declarations that are told from others by their keys; more are read with all the others.
const TOLD: usize = 200_000;

impl<'a> Reader<'a, '_> {
    /// The rows of declarations of which the clues point at one: all of them, since what one row
    /// says of a declaration holds for its other rows. Nothing where that cannot be told.
    fn narrowed(&self, clues: &[Clue], first: FieldId) -> Result<Option<Arc<Table>>, Again> {
        let table = &self.source.table;
        let mut keys = BTreeSet::new();
        if !self.pointed_at(table, clues, first, &mut keys)? || TOLD < keys.len() {
            return Ok(None);
        }
        let of_keys = |it: &Table| {
            Sieve::of(it, std::iter::once((first, false, keys.iter().map(String::as_str))))
        };
        Ok(of_keys(table).map(|_| Arc::new(table.sieved_around(&of_keys))))
    }

    /// Adds the keys of declarations that the clues point at; whether they can be told. What
    /// stands in files of the record around is looked for there.
    fn pointed_at(
        &self,
        table: &Arc<Table>,
        clues: &[Clue],
        first: FieldId,
        keys: &mut BTreeSet<String>,
    ) -> Result<bool, Again> {
        let (own, others): (Vec<&Clue>, Vec<&Clue>) =
            clues.iter().partition(|it| table.has(it.field));
        if !others.is_empty() {
            let Some(around) = table.apart() else { return Ok(false) };
            let others: Vec<Clue> = others.into_iter().cloned().collect();
            if !self.pointed_at(around, &others, first, keys)? {
                return Ok(false);
            }
        }
        if own.is_empty() {
            return Ok(true);
        }
        let told = own
            .iter()
            .map(|it| (it.field, it.digits.is_some(), it.texts.iter().map(String::as_str)));
        let Some(sieve) = Sieve::of(table, told) else { return Ok(false) };
        let pointed = Arc::new(table.alone().sieved(Some(sieve)));
        let name = row::column_name(&self.set.schema, first);
        let Ok(column) = pointed.arrow.index_of(&name) else { return Ok(false) };
        let parts =
            each(&pointed, self.options, BTreeSet::new, |keys: &mut BTreeSet<String>, it| {
                let Some(texts) = it.column(column).as_string_opt::<i32>() else { return Ok(()) };
                if keys.len() <= TOLD {
                    keys.extend(texts.iter().flatten().map(str::to_owned));
                }
                Ok(())
            })?;
        keys.extend(parts.into_iter().flatten());
        Ok(true)
    }

    /// Says which of the keys are there too. Rows that may go are not gathered yet.
    fn read(&self, keys: &Keys, may_go: bool) -> Result<Read<'a>, Again> {
        let Reader { set, source, record, key, question, options } = *self;
        let table = &source.table;
        let columns = row::columns(set, &table.arrow);
        let mut clues: Vec<(Option<FactId>, Vec<Clue>)> =
            question.clues(record).into_iter().map(|it| (Some(it.0), it.1)).collect();
        // What stands in history too has to be found, whoever looks at it.
        match clue_of(set, key, keys) {
            Some(None) => {}
            Some(Some(it)) => clues.push((None, vec![it])),
            None => clues.push((None, Vec::new())),
        }
        let best: Option<Vec<Clue>> = clues.iter().map(|it| best(set, &it.1)).collect();
        let outermost = set.schema.lineage(record).pop().unwrap_or(record);
        let narrow = match (&best, set.schema.key_fields(outermost).first()) {
            (Some(clues), Some(first)) => self.narrowed(clues, *first)?,
            _ => None,
        };
        let table = narrow.as_ref().unwrap_or(table);
        let told = Told::new(set, table, clues);
        let start = || Read {
            rows: Vec::new(),
            gathered: question.clone(),
            known: Keys::new(),
            room: Room::default(),
        };
        let keep = source.merged || may_go;
        let parts = each(table, options, start, |read, batch| {
            for at in 0..batch.num_rows() {
                if !told.may(batch, at, &mut read.room) {
                    continue;
                }
                let row = row::row(set, &columns, batch, at);
                if !keys.is_empty() {
                    let key = keys_of(set, key, &row);
                    if keys.contains(&key) {
                        read.known.insert(key);
                    }
                }
                if !keep {
                    let facts = read.room.facts.iter().flatten();
                    facts.for_each(|it| read.gathered.add_for(*it, &row));
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
    let own_key = set.schema.key_fields(record);
    let table = of_keys(set, &source.table, &own_key, keys);
    let columns = row::columns(set, &table.arrow);
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

/// That a row has one of these keys; of no keys nothing is to be told, of others `None`.
fn clue_of(set: &RuleSet, key: &[FieldId], keys: &Keys) -> Option<Option<Clue>> {
    let (Some(field), Some(_)) = (key.first(), keys.first()) else { return Some(None) };
    let text = |it: &Vec<Value>| match it.first() {
        Some(Value::Text(it)) => Some(it.to_string()),
        _ => None,
    };
    let texts = keys.iter().map(text).collect::<Option<BTreeSet<String>>>()?;
    Some(Some(Clue {
        field: *field,
        digits: None,
        form: set.schema.field(*field).ty.form(),
        texts,
    }))
}

/// The table, of which only rows with such keys are read, where those can be told.
fn of_keys(set: &RuleSet, table: &Table, key: &[FieldId], keys: &Keys) -> Arc<Table> {
    let Some(Some(clue)) = clue_of(set, key, keys).filter(|_| keys.len() <= TOLD) else {
        return Arc::new(table.again());
    };
    let sieve = |it: &Table| {
        let texts = clue.texts.iter().map(String::as_str);
        Sieve::of(it, std::iter::once((clue.field, false, texts)))
    };
    match sieve(table) {
        Some(_) => Arc::new(table.sieved_around(&sieve)),
        None => Arc::new(table.again()),
    }
}

/// The clue that tells the most rows from others, by what usually stands in such fields.
fn best(set: &RuleSet, clues: &[Clue]) -> Option<Clue> {
    let rank = |it: &&Clue| match (&set.schema.field(it.field).ty, it.digits) {
        (Type::Country | Type::Currency | Type::Choice(_), _) => 3,
        (_, Some(digits)) if digits <= 2 => 2,
        (_, Some(_)) => 1,
        (_, None) => 0,
    };
    clues.iter().min_by_key(rank).cloned()
}

/// Which facts may look at a row: all the clues of a fact have to fit.
struct Told {
    places: Vec<Place>,
    facts: Vec<(Option<FactId>, Vec<usize>)>,
}

impl Told {
    fn new(set: &RuleSet, table: &Table, clues: Vec<(Option<FactId>, Vec<Clue>)>) -> Told {
        let mut res = Told { places: Vec::new(), facts: Vec::new() };
        for (fact, own) in clues {
            let mut places = Vec::new();
            for clue in own {
                let known = res.places.iter().position(|it| it.clue == clue);
                places.push(known.unwrap_or(res.places.len()));
                if known.is_none() {
                    res.places.push(Place::of(set, table, clue));
                }
            }
            res.facts.push((fact, places));
        }
        res
    }

    /// Whether any may; which, is said in the room.
    fn may(&self, batch: &RecordBatch, at: usize, room: &mut Room) -> bool {
        room.fits.clear();
        room.fits.resize(self.places.len(), None);
        room.facts.clear();
        for (fact, places) in &self.facts {
            let mut fits = |place: &usize| {
                *room.fits[*place].get_or_insert_with(|| self.places[*place].fits(batch, at))
            };
            if places.iter().all(&mut fits) {
                room.facts.push(*fact);
            }
        }
        !room.facts.is_empty()
    }
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
            None => self.clue.texts.contains(&*text::formed(text, self.clue.form)),
        }
    }
}
