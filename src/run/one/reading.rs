//! Reads the rows of files that facts of a few rows look at: those of declarations that clues point
//! at, and all of them for facts without a clue.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;

use crate::data::Table;
use crate::data::sieve;
use crate::data::sieve::Prints;
use crate::data::sieve::Sieve;
use crate::data::sieve::Wanted;
use crate::interpret::Row;
use crate::interpret::row;
use crate::interpret::row::Columns;
use crate::interpret::why::past::Gathering;
use crate::interpret::why::past::Told as Asked;
use crate::ir::FactId;
use crate::ir::RuleSet;
use crate::run;
use crate::run::Again;
use crate::run::Input;
use crate::run::Opened;
use crate::run::Options;
use crate::run::one::alike::Alike;
use crate::run::one::each;
use crate::run::one::gather::Keys;
use crate::run::one::gather::fields;
use crate::run::one::kept::Today;
use crate::run::one::told;
use crate::run::one::told::Room;
use crate::run::one::told::Told;
use crate::run::past::today::tables;
use crate::run::source;
use crate::run::source::Source;
use crate::run::world;
use crate::run::world::keys_of;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;
use crate::value::Value;

/// Declarations that are told from others by their keys; more are read with all the others.
pub const TOLD: usize = 1_000_000;

/// Reads the rows of some records that facts look at, in files that hold all these records.
pub struct Reader<'a, 'b> {
    pub set: &'a RuleSet,
    pub opened: &'b Opened,
    /// With the number of the first file.
    pub input: (&'b Input, u64),
    pub records: &'b BTreeSet<RecordId>,
    /// By which rows of history are told that stand in the data too.
    pub key: &'b [FieldId],
    pub question: &'b Gathering<'a>,
    pub options: &'b Options,
}

pub struct Read<'a> {
    /// Rows that may have to go again, each with the facts that look at it.
    pub rows: Vec<(Vec<FactId>, Row)>,
    pub gathered: Gathering<'a>,
    /// Of the keys asked for, those that are there.
    pub known: Keys,
    /// Where all of them were looked for, by the record that the table has one row of.
    pub looked: Option<RecordId>,
}

/// What one reader has read.
struct Part<'a> {
    read: Read<'a>,
    /// Rows of records around, of which several rows are one.
    merged: BTreeMap<(RecordId, Vec<Value>), Row>,
    room: Room,
    alike: Alike,
    /// Of history: what the data have. Nothing where nobody has looked.
    today: Option<Arc<Today<'a>>>,
}

/// The declarations that clues point at.
struct Pointed {
    prints: Prints,
    /// How many rows each fact points at.
    counts: Vec<usize>,
}

impl<'a> Reader<'a, '_> {
    /// Says which of the keys are there too. Rows of history that the data may hold themselves are
    /// not gathered yet.
    ///
    /// Errors: files that cannot be read.
    pub fn read(&self, keys: &Keys) -> Result<Read<'a>, Again> {
        let mut told = self.question.told();
        told.retain(|it| self.records.contains(&it.record));
        let mut open: Vec<Asked> = Vec::new();
        let rows = self.source(&told)?;
        let narrow = loop {
            let (some, rest): (Vec<Asked>, Vec<Asked>) =
                told.into_iter().partition(|it| !it.clues.is_empty());
            open.extend(rest);
            told = some;
            let outermost = self.set.schema.lineage(rows.rows).pop().unwrap_or(rows.rows);
            let identity = self.set.schema.key_fields(outermost);
            let key: Vec<FieldId> =
                identity.into_iter().filter(|it| Sieve::tells(&rows.table, *it)).collect();
            let mut pointed = Pointed { prints: Wanted::none(), counts: vec![0; told.len()] };
            let all: Vec<usize> = (0..told.len()).collect();
            if key.is_empty() || !self.pointed_at(None, &told, &all, &key, &mut pointed)? {
                break None;
            }
            if pointed.prints.len() <= TOLD {
                break self.narrowed(&rows, key, pointed.prints, keys);
            }
            // The fact that points at the most rows looks at all of them.
            let most = (0..told.len()).max_by_key(|it| pointed.counts[*it]);
            open.extend(most.map(|it| told.remove(it)));
        };
        let mut all = self.part(None);
        let is_narrow = narrow.is_some();
        match narrow {
            Some((table, wanted)) if !told.is_empty() || !keys.is_empty() => {
                self.opened.beside(self.set, rows.rows, self.input.1, &rows);
                all.today = self.today(Some(&wanted))?;
                self.read_told(&table, &told, keys, &mut all)?;
            }
            Some(_) => {}
            None => open.append(&mut told),
        }
        all.read.looked = (is_narrow && self.input.1 == 0).then_some(rows.rows);
        if !open.is_empty() {
            all.today = self.today(None)?;
            self.read_open(&open, &mut all)?;
        }
        Ok(all.read)
    }

    fn part(&self, today: Option<Arc<Today<'a>>>) -> Part<'a> {
        let gathered = self.question.clone();
        Part {
            read: Read { rows: Vec::new(), gathered, known: Keys::new(), looked: None },
            merged: BTreeMap::new(),
            room: Room::default(),
            alike: Alike::default(),
            today,
        }
    }

    /// Whether rows may have to go again.
    fn may_go(&self) -> bool {
        self.input.1 != 0 && !self.key.is_empty()
    }

    /// The files, with the fields that these facts look at.
    fn source(&self, facts: &[Asked]) -> Result<Source, Trouble> {
        let all = facts.iter().flat_map(|it| it.facts.iter().copied());
        let used = fields(self.set, all, self.key);
        self.with_fields(&used)
    }

    fn with_fields(&self, used: &[FieldId]) -> Result<Source, Trouble> {
        let record = self.records.first().copied().unwrap_or(RecordId(0));
        let rows = source::rows_of(self.set, self.input.0, record);
        self.opened.source(self.set, self.input, rows, used)
    }

    /// The rows of declarations with these prints, and of those with the keys: all of them, since
    /// what one row says of a declaration holds for its other rows.
    fn narrowed(
        &self,
        rows: &Source,
        key: Vec<FieldId>,
        mut prints: Prints,
        keys: &Keys,
    ) -> Option<(Arc<Table>, Wanted)> {
        for it in keys {
            let texts: Vec<String> = self
                .key
                .iter()
                .zip(it)
                .filter(|it| key.contains(it.0))
                .map(|it| it.1.to_string())
                .collect();
            prints.extend(sieve::print(texts.iter().map(String::as_str)));
        }
        let wanted = Wanted::keys(key, prints);
        Some((told::sieved(&rows.table, &wanted)?, wanted))
    }

    /// Of history: what the data have, as far as these rows may be theirs.
    fn today(&self, narrow: Option<&Wanted>) -> Result<Option<Arc<Today<'a>>>, Again> {
        if !self.may_go() {
            return Ok(None);
        }
        let tables = tables(self.set, self.opened, self.key)?;
        Ok(Some(Arc::new(Today::of(self.set, self.key, &tables, narrow, self.options)?)))
    }

    /// Adds the declarations that the clues point at, by the prints of their keys; whether they can
    /// be told. What stands in files of the record around is looked for there. `here` are the facts
    /// whose best clue was not found inside.
    fn pointed_at(
        &self,
        around: Option<&Arc<Table>>,
        facts: &[Asked],
        here: &[usize],
        key: &[FieldId],
        into: &mut Pointed,
    ) -> Result<bool, Again> {
        if here.is_empty() {
            return Ok(true);
        }
        let opened;
        let table = match around {
            Some(it) => it,
            None => {
                let clues = facts.iter().flat_map(|it| &it.clues).map(|it| it.field);
                let days = facts.iter().filter_map(|it| it.days).map(|it| it.0);
                let all = key.iter().copied().chain(clues).chain(days);
                opened = self.with_fields(&run::fields::with(Vec::new(), all))?.table;
                &opened
            }
        };
        let clue = |at: &usize| told::best(self.set, &facts[*at].clues);
        let (own, others): (Vec<usize>, Vec<usize>) =
            here.iter().copied().partition(|at| clue(at).is_some_and(|it| table.has(it.field)));
        if !others.is_empty() {
            let Some(around) = table.apart() else { return Ok(false) };
            if !self.pointed_at(Some(around), facts, &others, key, into)? {
                return Ok(false);
            }
        }
        if own.is_empty() {
            return Ok(true);
        }
        let wanted: Vec<Wanted> = own.iter().filter_map(clue).map(told::wanted).collect();
        let Some(sieve) = Sieve::of(table, wanted.iter()) else { return Ok(false) };
        let pointed = Arc::new(table.alone().sieved(Some(sieve)));
        let places = key
            .iter()
            .map(|it| pointed.arrow.index_of(&row::column_name(&self.set.schema, *it)).ok());
        let Some(places) = places.collect::<Option<Vec<usize>>>() else { return Ok(false) };
        let own: Vec<Asked> = own.iter().map(|it| facts[*it].clone()).collect();
        let told = Told::new(self.set, &pointed, &own, true);
        let start = || (Wanted::none(), BTreeMap::new(), Room::default());
        let parts = each(&pointed, self.options, start, |(prints, counts, room), batch| {
            for at in 0..batch.num_rows() {
                if !told.may(batch, at, room) {
                    continue;
                }
                if prints.len() <= TOLD {
                    let texts: Vec<Cow<str>> =
                        places.iter().map(|it| text(batch, *it, at)).collect();
                    prints.extend(sieve::print(texts.iter().map(|it| &**it)));
                }
                room.facts.iter().for_each(|it| *counts.entry(it.0).or_insert(0_usize) += 1);
            }
            Ok(())
        })?;
        for (prints, counts, _) in parts {
            into.prints.extend(prints);
            for (at, it) in facts.iter().enumerate() {
                into.counts[at] += counts.get(&it.fact).copied().unwrap_or(0);
            }
        }
        Ok(true)
    }

    /// Reads the rows of declarations that were pointed at.
    fn read_told(
        &self,
        table: &Arc<Table>,
        facts: &[Asked],
        keys: &Keys,
        into: &mut Part<'a>,
    ) -> Result<(), Again> {
        let set = self.set;
        let told = Told::new(set, table, facts, false);
        let columns = row::columns(set, &table.arrow);
        let key_columns = columns.only(self.key, &[]);
        let parts = each(
            table,
            self.options,
            || self.part(into.today.clone()),
            |part, batch| {
                for at in 0..batch.num_rows() {
                    if !keys.is_empty() {
                        let key = keys_of(set, self.key, &row::row(set, &key_columns, batch, at));
                        if keys.contains(&key) {
                            part.read.known.insert(key);
                        }
                    }
                    if told.may(batch, at, &mut part.room) {
                        self.take(&columns, batch, at, part);
                    }
                }
                Ok(())
            },
        )?;
        let mut merged: BTreeMap<(RecordId, Vec<Value>), Row> = BTreeMap::new();
        for part in parts {
            into.read.rows.extend(part.read.rows);
            into.read.gathered.merge(part.read.gathered);
            into.read.known.extend(part.read.known);
            for (key, row) in part.merged {
                merged.entry(key).and_modify(|known| known.absorb(&row)).or_insert(row);
            }
        }
        for ((record, _), row) in merged {
            let own = facts.iter().filter(|it| it.record == record).map(|it| it.fact);
            self.found(&own.collect::<Vec<FactId>>(), row, into);
        }
        Ok(())
    }

    /// Takes in a row that the facts in the room may look at.
    fn take(&self, columns: &Columns, batch: &RecordBatch, at: usize, part: &mut Part<'a>) {
        let row = row::row(self.set, columns, batch, at);
        let rows = source::rows_of(self.set, self.input.0, self.first());
        let mut records: Vec<RecordId> =
            part.room.facts.iter().map(|it| it.1).filter(|it| *it != rows).collect();
        records.dedup();
        for (at, record) in records.iter().enumerate() {
            if records[..at].contains(record) {
                continue;
            }
            let key = self.set.schema.key_fields(*record).iter().map(|it| row.get(*it)).collect();
            part.merged
                .entry((*record, key))
                .and_modify(|known| run::agree(self.set, *record, known, &row))
                .or_insert_with(|| row.clone());
        }
        let own = part.room.facts.iter().filter(|it| it.1 == rows).map(|it| it.0);
        self.found(&own.collect::<Vec<FactId>>(), row, part);
    }

    fn first(&self) -> RecordId {
        self.records.first().copied().unwrap_or(RecordId(0))
    }

    /// A row that these facts may look at.
    fn found(&self, facts: &[FactId], row: Row, part: &mut Part<'a>) {
        let stays = || part.today.as_ref().is_some_and(|it| !it.may_have(&row));
        if !self.may_go() || stays() {
            facts.iter().for_each(|it| part.read.gathered.add_for(*it, &row, 1));
            return;
        }
        let wanting = self.question.wanting(facts, &row);
        if !wanting.is_empty() {
            part.read.rows.push((wanting, row));
        }
    }

    /// Reads every row, for facts that may look at any.
    fn read_open(&self, facts: &[Asked], into: &mut Part<'a>) -> Result<(), Again> {
        let source = self.source(facts)?;
        self.opened.beside(self.set, source.rows, self.input.1, &source);
        let (own, around): (Vec<Asked>, Vec<Asked>) =
            facts.iter().cloned().partition(|it| it.record == source.rows);
        if !own.is_empty() {
            self.read_all(&source.table, &own, into)?;
        }
        let records: BTreeSet<RecordId> = around.iter().map(|it| it.record).collect();
        for record in records {
            let source = Source { merged: true, ..source.clone() };
            let ids: Vec<FactId> =
                around.iter().filter(|it| it.record == record).map(|it| it.fact).collect();
            self.read_merged(&source, record, &ids, into)?;
        }
        Ok(())
    }

    /// Rows that are the same in the eyes of the facts are looked at once.
    fn read_all(
        &self,
        table: &Arc<Table>,
        facts: &[Asked],
        into: &mut Part<'a>,
    ) -> Result<(), Again> {
        let set = self.set;
        let told = Told::new(set, table, facts, false);
        let ids: Vec<FactId> = facts.iter().map(|it| it.fact).collect();
        let columns = row::columns(set, &table.arrow);
        let key_columns = columns.only(self.key, &[]);
        let looked = Alike::places(set, table, &self.question.fields_of(&ids));
        let parts = each(
            table,
            self.options,
            || self.part(into.today.clone()),
            |part, batch| {
                let today = part.today.clone();
                let goes = |at: &usize| match &today {
                    Some(it) => it.may_have_at(&key_columns, batch, *at),
                    None => self.may_go(),
                };
                for at in (0..batch.num_rows()).filter(|at| self.may_go() && goes(at)) {
                    if told.may(batch, at, &mut part.room) {
                        self.take(&columns, batch, at, part);
                    }
                }
                let row = |at: usize| row::row(set, &columns, batch, at);
                let may = |at: usize| !goes(&at) && told.may(batch, at, &mut part.room);
                part.alike.add(batch, &looked, may, row)?;
                if part.alike.is_full() {
                    part.alike.drain(&ids, &mut part.read.gathered);
                }
                Ok(())
            },
        )?;
        for mut part in parts {
            part.alike.drain(&ids, &mut part.read.gathered);
            into.read.rows.extend(part.read.rows);
            into.read.gathered.merge(part.read.gathered);
        }
        Ok(())
    }

    /// Rows of records around, each once, in the order of their keys.
    fn read_merged(
        &self,
        source: &Source,
        record: RecordId,
        facts: &[FactId],
        into: &mut Part<'a>,
    ) -> Result<(), Again> {
        let found = &mut |row: Row| {
            self.found(facts, row, into);
            Ok(())
        };
        world::each_row(self.set, source, record, self.options, found)?;
        source.holds()?;
        Ok(())
    }
}

/// A cell of a key as text.
fn text(batch: &RecordBatch, column: usize, at: usize) -> Cow<'_, str> {
    let column = batch.column(column);
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return Cow::Owned(numbers.value(at).to_string());
    }
    let texts = column.as_string_opt::<i32>().filter(|it| it.is_valid(at));
    texts.map_or(Cow::Borrowed(""), |it| Cow::Borrowed(it.value(at)))
}
