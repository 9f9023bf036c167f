//! Rows that share a key: watched while a table is read, settled where they do not agree.
//!
//! The rows of a key are one row. Of the record that a file has a row of, a key that stands twice
//! is a fault; of the records around it, which a flat extract repeats, values must agree. Reading
//! costs a hash a row; only where something is found are the rows in question read once more
//! ([`settled`]), and the table is then read as if they had been one row from the start. Keys that
//! stand in several tables are held against one another when all of them were read ([`common`]).

pub mod common;
pub mod holder;
pub mod printer;
pub mod prints;
pub mod settled;
pub mod watch;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use crate::data::Table;
use crate::data::groups::Reached;
use crate::data::repeats::common::ByRecord;
use crate::data::repeats::common::Common;
use crate::data::repeats::holder::Holder;
use crate::data::repeats::prints::Prints;
use crate::data::repeats::settled::Settled;
use crate::data::scan::Scan;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::trouble::Trouble;
use crate::value::text::Form;

/// How far faults are tolerated, and where to put what does not fit into memory.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The share of rows with faults above which a run fails, in millionths.
    pub max_rejected: u64,
    pub spill: PathBuf,
    /// In bytes, of the whole run.
    pub memory: Option<usize>,
}

impl Limits {
    /// What outer records may take that are held for those inside them, in bytes.
    pub fn headers(&self) -> Option<usize> {
        self.memory.map(|it| it / 4 * 3)
    }
}

/// A record of the rows: its key, and what rows of one key have to agree on.
#[derive(Debug, Clone)]
pub struct Level {
    pub record: RecordId,
    /// Columns of the key after those of the level before, and the form of each.
    pub keys: Vec<(usize, Form)>,
    /// Columns of its own values, and how texts of them compare.
    pub values: Vec<(usize, Form)>,
    /// Whether each row has a key of its own; else rows repeat it.
    pub unique: bool,
    /// Whether its keys stand in other tables too.
    pub noted: bool,
}

/// What is known of the keys of a table; its copies share it.
#[derive(Debug, Default)]
pub struct Repeats {
    /// Outermost first.
    pub levels: Vec<Level>,
    /// Of elements of lists, the rows that hold them.
    pub holder: Option<Arc<Holder>>,
    /// What is known of keys that stand in other tables too.
    pub common: Arc<Common>,
    /// The record around, in other files, of which these rows have the key and nothing is read.
    pub around: Option<RecordId>,
    /// Prints of keys that the record around does not have.
    pub orphans: OnceLock<HashSet<u64>>,
    /// The keys of rows that stand in other tables too.
    pub noted: Mutex<ByRecord>,
    /// Whether all rows were noted.
    noted_all: OnceLock<()>,
    limits: OnceLock<Limits>,
    /// Whether keys of a part of the files may stand in others, against what statistics say.
    doubtful: OnceLock<()>,
    found: Mutex<Found>,
}

#[derive(Debug, Default, Clone)]
enum Found {
    #[default]
    Nothing,
    /// By the first pass over the rows, and whether it was over all of them.
    Seen(Arc<Mutex<Prints>>, bool),
    /// Every key stands once, and what is repeated agrees.
    Alike,
    Settled(Arc<Settled>),
}

impl Repeats {
    /// For rows of `record` with these columns, which are told apart by the key of `unique`; `own`
    /// says of which records values stand in the files themselves.
    pub fn new(
        schema: &Schema,
        record: RecordId,
        columns: &[FieldId],
        unique: Option<RecordId>,
        own: impl Fn(RecordId) -> bool,
    ) -> Repeats {
        let place = |id: &FieldId| columns.iter().position(|it| it == id);
        let column = |id: &FieldId| place(id).map(|at| (at, schema.field(*id).ty.form()));
        let mut lineage = schema.lineage(record);
        lineage.reverse();
        let mut levels = Vec::new();
        for level in lineage {
            let identity = schema.identity(level);
            let keys: Vec<_> = identity.iter().filter_map(column).collect();
            // Without a key nothing tells its rows apart, nor those inside it.
            if keys.is_empty() || keys.len() < identity.len() {
                break;
            }
            let of_level = |it: &&FieldId| it.record == level && !identity.contains(it);
            let values = columns.iter().filter(of_level).filter_map(column).collect();
            let values = if own(level) { values } else { Vec::new() };
            let unique = unique == Some(level);
            levels.push(Level { record: level, keys, values, unique, noted: false });
        }
        Repeats { levels, ..Repeats::default() }
    }

    /// The same, nothing known of it yet.
    pub fn unknown(&self) -> Repeats {
        Repeats {
            levels: self.levels.clone(),
            holder: self.holder.clone(),
            common: self.common.clone(),
            around: self.around,
            ..Repeats::default()
        }
    }

    /// For rows whose keys nobody asks for.
    pub fn unwatched(&self) -> Repeats {
        Repeats { holder: self.holder.clone(), ..Repeats::default() }
    }

    pub fn limit(&self, limits: &Limits) {
        self.limits.set(limits.clone()).ok();
    }

    pub fn limits(&self) -> Limits {
        let none = || Limits { max_rejected: 1_000_000, spill: std::env::temp_dir(), memory: None };
        self.limits.get().cloned().unwrap_or_else(none)
    }

    /// Where a pass, over all rows or not, puts what it sees: the first one only, none after one
    /// over all rows.
    pub fn watch(&self, whole: bool) -> Option<Arc<Mutex<Prints>>> {
        let mut found = self.found.lock().ok()?;
        match &*found {
            Found::Nothing if !self.levels.is_empty() => {
                let prints = Arc::new(Mutex::new(Prints::new(self.levels.len(), false)));
                *found = Found::Seen(prints.clone(), whole);
                Some(prints)
            }
            Found::Nothing | Found::Seen(..) | Found::Alike | Found::Settled(_) => None,
        }
    }

    pub fn settled(&self) -> Option<Arc<Settled>> {
        match &*self.found.lock().ok()? {
            Found::Settled(it) => Some(it.clone()),
            Found::Nothing | Found::Seen(..) | Found::Alike => None,
        }
    }

    fn know(&self, it: Found) {
        if let Ok(mut found) = self.found.lock() {
            *found = it;
        }
    }
}

impl Table {
    /// The same table of elements; these rows hold them.
    pub fn held_by(self, table: &Table) -> Table {
        let holder = Some(Arc::new(Holder::new(table)));
        let repeats = Repeats { holder, ..self.repeats.unknown() };
        Table { repeats: Arc::new(repeats), ..self }
    }

    /// The same table: keys of some records stand in others too. Of the record `around`, where
    /// there is one, nothing else is read.
    pub fn beside(self, common: &Arc<Common>, around: Option<RecordId>) -> Table {
        let mut repeats = Repeats { around, common: common.clone(), ..self.repeats.unknown() };
        for level in &mut repeats.levels {
            level.noted = common.records.contains(&level.record);
        }
        Table { repeats: Arc::new(repeats), ..self }
    }

    /// Whether a row may have another value than its file says, since rows around it share a key.
    pub fn is_settled_around(&self) -> bool {
        self.repeats.holder.as_ref().is_some_and(|it| it.is_settled())
    }

    /// Whether rows of a key agree on every column of this table, and no key stands twice. All of
    /// it is read for that, once, by so many readers.
    ///
    /// Errors: more faults than are tolerated, and what reading says.
    pub fn is_alike(&self, batch_size: usize, readers: usize) -> Result<bool, Trouble> {
        let is_known = |it: &Found| !matches!(it, Found::Nothing);
        if !self.repeats.found.lock().is_ok_and(|it| is_known(&it)) {
            let scan = Arc::new(Scan::new(&Arc::new(self.again().encoded()), batch_size, true));
            let read = |part| scan.clone().batches(part, readers).try_for_each(|it| it.map(|_| ()));
            std::thread::scope(|scope| {
                let read = &read;
                let all: Vec<_> =
                    (0..readers).map(|part| scope.spawn(move || read(part))).collect();
                let stopped = |_| Trouble::bug("a reader stopped");
                all.into_iter().try_for_each(|it| it.join().map_err(stopped)?)
            })?;
        }
        Ok(!self.is_to_be_read_again()? && self.repeats.settled().is_none())
    }

    /// Whether parts of the files may stay unread as far as keys are concerned: nothing is to be
    /// told of keys there, and none of them stands in the other parts.
    pub fn is_apart(&self, reached: &Reached) -> bool {
        let levels = &self.repeats.levels;
        let told = levels.iter().any(|it| it.unique || it.noted);
        let doubtful = self.repeats.doubtful.get().is_some();
        levels.is_empty() || (reached.apart.is_some() && !told && !doubtful)
    }

    /// Whether what a pass has read does not hold: rows of a key do not agree, or a key stands
    /// twice. They are settled then, and the table is to be read again.
    ///
    /// Errors: more faults than are tolerated, and what reading says.
    pub fn is_to_be_read_again(&self) -> Result<bool, Trouble> {
        let found = self.repeats.found.lock().map(|it| it.clone()).unwrap_or_default();
        let Found::Seen(prints, whole) = found else { return Ok(false) };
        let taken = prints.lock().map(|mut it| std::mem::take(&mut *it));
        let mut taken = taken.map_err(|_| Trouble::bug("a reader stopped"))?;
        let limits = self.repeats.limits();
        if taken.doubtful {
            self.repeats.doubtful.set(()).ok();
            self.repeats.know(Found::Nothing);
            return Ok(true);
        }
        self.repeats.note(&mut taken, whole)?;
        let mut settled = settled::settled(self, taken, &limits)?;
        if settled.is_some() && !whole {
            // Nobody looks at the other rows once some are settled.
            let mut all = settled::seen(self, &limits)?;
            self.repeats.note(&mut all, true)?;
            settled = settled::settled(self, all, &limits)?;
        }
        match settled {
            None => {
                // Others may read more of it.
                self.repeats.know(if whole { Found::Alike } else { Found::Nothing });
                Ok(false)
            }
            Some(it) => {
                self.repeats.know(Found::Settled(Arc::new(it)));
                Ok(true)
            }
        }
    }
}
