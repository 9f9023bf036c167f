//! Keys that stand in several tables: one spelling for all, and those of no record around.
//!
//! Every table notes the prints of its keys and of how they are written while it is read. Nothing
//! else is held, unless two tables write a key differently: then those keys are, with the spelling
//! that sorts first.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::OnceLock;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringArray;

use crate::data::Table;
use crate::data::repeats::Level;
use crate::data::repeats::Repeats;
use crate::data::repeats::printer::Printer;
use crate::data::repeats::prints::BUCKETS;
use crate::data::repeats::prints::Noted;
use crate::data::repeats::prints::Prints;
use crate::data::repeats::settled::Merged;
use crate::data::repeats::settled::formed;
use crate::data::repeats::settled::written;
use crate::schema::RecordId;
use crate::trouble::Trouble;
use crate::value::text::Form;

const BATCH: usize = 8_192;

/// The keys of rows, by record.
pub type ByRecord = BTreeMap<RecordId, Noted>;

/// What the tables of some data have in common.
#[derive(Debug, Default)]
pub struct Common {
    /// Records whose keys stand in files of several tables.
    pub records: BTreeSet<RecordId>,
    /// The spelling of keys that are written in several ways, once all tables were read.
    spelt: OnceLock<BTreeMap<RecordId, Merged>>,
}

fn stopped<E>(_: E) -> Trouble {
    Trouble::bug("a reader stopped")
}

impl Repeats {
    /// Keeps what a pass, over all rows or not, has noted for other tables.
    ///
    /// Errors: none but a fault of ours.
    pub fn note(&self, prints: &mut Prints, whole: bool) -> Result<(), Trouble> {
        if whole {
            self.noted_all.set(()).ok();
        }
        let mut noted = self.noted.lock().map_err(stopped)?;
        for (level, seen) in self.levels.iter().zip(&mut prints.levels) {
            if let Some(it) = seen.noted.take() {
                noted.insert(level.record, it);
            }
        }
        Ok(())
    }

    /// Whether a pass has noted keys of the record.
    pub fn has_noted(&self, record: RecordId) -> bool {
        self.noted.lock().is_ok_and(|it| it.contains_key(&record))
    }

    /// Whether a pass has noted all keys of the record that there are.
    pub fn has_noted_all(&self, record: RecordId) -> bool {
        let is_level = |it: &Level| it.record == record && it.noted;
        self.noted_all.get().is_some() && self.levels.iter().any(is_level)
    }

    /// Rows with a key that the record around does not have, and the columns of that key.
    ///
    /// Errors: none but a fault of ours.
    pub fn orphaned(&self, columns: &[ArrayRef]) -> Result<(Vec<usize>, Vec<usize>), Trouble> {
        let around = self.levels.iter().position(|it| Some(it.record) == self.around);
        let (Some(orphans), Some(around)) = (self.orphans.get(), around) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let mut prints = vec![1; columns.first().map_or(0, |it| it.len())];
        let mut printer = Printer::default();
        let levels = &self.levels[..=around];
        for level in levels {
            printer.keys(columns, &level.keys, &mut prints)?;
        }
        let rows = (0..prints.len()).filter(|row| orphans.contains(&prints[*row])).collect();
        Ok((rows, levels.iter().flat_map(|it| &it.keys).map(|it| it.0).collect()))
    }

    /// Finds the keys of `record` that this table has and the other one lacks, as prints.
    ///
    /// Errors: a file that cannot be read back.
    pub fn lacking(&self, other: &Repeats, record: RecordId) -> Result<HashSet<u64>, Trouble> {
        let mut res = HashSet::new();
        if std::ptr::eq(self, other) {
            return Ok(res);
        }
        let (own, others) =
            (self.noted.lock().map_err(stopped)?, other.noted.lock().map_err(stopped)?);
        let Some(own) = own.get(&record) else { return Ok(res) };
        for at in 0..BUCKETS {
            let own = own.keys.bucket(at)?;
            if own.is_empty() {
                continue;
            }
            let known = others.get(&record).map(|it| it.keys.bucket(at)).transpose()?;
            let known: HashSet<u64, ahash::RandomState> =
                known.unwrap_or_default().as_chunks::<2>().0.iter().map(|it| it[0]).collect();
            res.extend(
                own.as_chunks::<2>().0.iter().map(|it| it[0]).filter(|it| !known.contains(it)),
            );
        }
        Ok(res)
    }
}

impl Common {
    pub fn new(records: BTreeSet<RecordId>) -> Common {
        Common { records, spelt: OnceLock::new() }
    }

    /// Whether all these tables, which were read, write every key alike. They do when they are read
    /// again.
    ///
    /// Errors: what reading says.
    pub fn is_alike(&self, tables: &[Arc<Table>]) -> Result<bool, Trouble> {
        if self.spelt.get().is_some() {
            return Ok(true);
        }
        let mut asked = BTreeMap::new();
        for record in &self.records {
            let keys = differing(tables, *record)?;
            if !keys.is_empty() {
                asked.insert(*record, keys);
            }
        }
        if asked.is_empty() {
            return Ok(true);
        }
        self.spelt.set(spelt(tables, asked)?).ok();
        Ok(false)
    }

    /// Writes keys as all tables do. The levels are those of the columns.
    ///
    /// Errors: none but a fault of ours.
    pub fn apply(&self, levels: &[Level], columns: &mut [ArrayRef]) -> Result<(), Trouble> {
        let Some(spelt) = self.spelt.get() else { return Ok(()) };
        let read = columns.to_vec();
        let mut prints = vec![1; columns.first().map_or(0, |it| it.len())];
        let mut printer = Printer::default();
        for (at, level) in levels.iter().enumerate() {
            printer.keys(&read, &level.keys, &mut prints)?;
            if let Some(merged) = spelt.get(&level.record) {
                let place = |key: usize| Ok(level.keys[key].0);
                merged.put(&read, &levels[..=at], &prints, &place, columns)?;
            }
        }
        Ok(())
    }
}

/// Keys of a record that are written in several ways.
fn differing(tables: &[Arc<Table>], record: RecordId) -> Result<HashSet<u64>, Trouble> {
    let mut res = HashSet::new();
    let noted = tables.iter().map(|it| it.repeats.noted.lock().map_err(stopped));
    let noted = noted.collect::<Result<Vec<_>, _>>()?;
    let noted: Vec<&Noted> = noted.iter().filter_map(|it| it.get(&record)).collect();
    if noted.len() < 2 || !noted.iter().any(|it| it.has_other) {
        return Ok(res);
    }
    for at in 0..BUCKETS {
        let mut known: HashMap<u64, u64, ahash::RandomState> = HashMap::default();
        for it in &noted {
            for pair in it.keys.bucket(at)?.as_chunks::<2>().0 {
                if *known.entry(pair[0]).or_insert(pair[1]) != pair[1] {
                    res.insert(pair[0]);
                }
            }
        }
    }
    Ok(res)
}

/// The spelling that sorts first, of these keys in these tables.
fn spelt(
    tables: &[Arc<Table>],
    asked: BTreeMap<RecordId, HashSet<u64>>,
) -> Result<BTreeMap<RecordId, Merged>, Trouble> {
    let mut all: BTreeMap<RecordId, Least> = BTreeMap::new();
    for table in tables.iter().filter(|it| asked.keys().any(|record| it.repeats.has_noted(*record)))
    {
        let levels = &table.repeats.levels;
        let raw = Arc::new(Table { reached: None, ..table.alone() });
        let mut printer = Printer::default();
        for batch in raw.read(BATCH) {
            let batch = batch?;
            let mut prints = vec![1; batch.num_rows()];
            for (at, level) in levels.iter().enumerate() {
                printer.keys(batch.columns(), &level.keys, &mut prints)?;
                let Some(asked) = asked.get(&level.record) else { continue };
                if !prints.iter().any(|it| asked.contains(it)) {
                    continue;
                }
                let wanted = |row: usize| asked.contains(&prints[row]);
                let keys = written(batch.columns(), &levels[..=at], wanted)?;
                all.entry(level.record).or_default().take(level, batch.columns(), keys)?;
            }
        }
    }
    let merged = all.into_iter().map(|(record, it)| {
        let prints = asked.get(&record).into_iter().flatten().copied().collect();
        (record, it.merged(prints))
    });
    Ok(merged.collect())
}

/// Of each key the least way to write it.
#[derive(Default)]
struct Least {
    places: HashMap<Box<[u8]>, usize>,
    /// By the place of a text in the key.
    texts: BTreeMap<usize, Vec<Option<Box<str>>>>,
}

impl Least {
    fn take(
        &mut self,
        level: &Level,
        columns: &[ArrayRef],
        keys: Vec<Option<Box<[u8]>>>,
    ) -> Result<(), Trouble> {
        let mut written = Vec::new();
        for (key, (at, _)) in level.keys.iter().enumerate().filter(|it| it.1.1 != Form::Exact) {
            written.push((key, formed(&columns[*at], Form::Exact)?));
        }
        for (row, key) in keys.into_iter().enumerate() {
            let Some(key) = key else { continue };
            let count = self.places.len();
            let place = *self.places.entry(key).or_insert(count);
            for (key, column) in &written {
                let Some(column) = column.as_string_opt::<i32>() else { continue };
                let own = column.value(row);
                let texts = self.texts.entry(*key).or_default();
                if texts.len() <= place {
                    texts.resize(place + 1, None);
                }
                if texts[place].as_ref().is_none_or(|it| own < &**it) {
                    texts[place] = Some(Box::from(own));
                }
            }
        }
        Ok(())
    }

    fn merged(self, prints: HashSet<u64, ahash::RandomState>) -> Merged {
        let columns = self.texts.into_iter().map(|(key, texts)| {
            let texts: StringArray = texts.iter().map(|it| it.as_deref()).collect();
            (key, Arc::new(texts) as ArrayRef)
        });
        Merged { prints, places: self.places, columns: columns.collect() }
    }
}
