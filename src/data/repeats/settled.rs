//! Rows of one key as one row: what they agree on, and what is to be told of them.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::UInt32Array;
use arrow::array::make_comparator;
use arrow::compute::SortOptions;
use arrow::compute::cast;
use arrow::compute::concat_batches;
use arrow::compute::filter_record_batch;
use arrow::compute::interleave;
use arrow::compute::sort_to_indices;
use arrow::compute::take;
use arrow::compute::take_record_batch;
use arrow::datatypes::Int32Type;
use arrow::datatypes::UInt64Type;
use arrow::record_batch::RecordBatch;
use arrow::row::RowConverter;
use arrow::row::SortField;

use crate::data::ROW;
use crate::data::ROW_BITS;
use crate::data::Table;
use crate::data::repeats::Level;
use crate::data::repeats::Limits;
use crate::data::repeats::Repeats;
use crate::data::repeats::printer::NONE;
use crate::data::repeats::printer::Printer;
use crate::data::repeats::prints;
use crate::data::repeats::prints::Prints;
use crate::data::repeats::watch::Watcher;
use crate::data::tally;
use crate::data::tally::Report;
use crate::trouble::Trouble;
use crate::value::text;
use crate::value::text::Form;

const BATCH: usize = 8_192;
/// Beyond this many keys that stand twice none is remembered where the run fails anyway.
const MANY: u64 = 1 << 20;
pub const DIFFERS: &str = "differs from another row of its key";
pub const TWICE: &str = "is the key of an earlier row";

/// What is read instead of what stands in the files.
#[derive(Debug, Default)]
pub struct Settled {
    /// By level; nothing where it is all right.
    merged: Vec<Option<Merged>>,
    /// Numbers of rows whose key an earlier row has.
    left_out: HashSet<u64>,
    /// By the number of a row: columns, and what is wrong.
    faults: HashMap<u64, Vec<(String, &'static str)>>,
}

/// Rows of a level, one for each key in question.
#[derive(Debug)]
pub struct Merged {
    pub prints: HashSet<u64, ahash::RandomState>,
    /// Of each key, as it is written in its form.
    pub places: HashMap<Box<[u8]>, usize>,
    /// Columns of the level, and their places in the table.
    pub columns: Vec<(usize, ArrayRef)>,
}

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("rows cannot be found by key")
}

/// What is to be read instead, where that differs from what stands in the files.
///
/// Errors: more faults than are tolerated, and what reading says.
pub fn settled(table: &Table, seen: Prints, limits: &Limits) -> Result<Option<Settled>, Trouble> {
    let levels = &table.repeats.levels;
    let rows = seen.rows;
    let mut asked: Vec<HashSet<u64>> = Vec::new();
    let mut scattered = false;
    for (level, mut seen) in levels.iter().zip(seen.levels) {
        let mut keys: HashSet<u64> = HashSet::new();
        if level.unique {
            let (mut count, mut known) = (0_u64, prints::PrintSet::default());
            seen.keys.each(|_, all| {
                known.fill(all, |print| {
                    count += 1;
                    keys.insert(print);
                });
                if MANY < count && too_many(count, rows, limits) {
                    keys.clear();
                }
                Ok(())
            })?;
            // Few enough are settled, so that everything can be told of them.
            if MANY < count && too_many(count, rows, limits) {
                told_twice(table, limits)?;
            }
        } else {
            scattered |= seen.is_scattered()?;
            keys.extend(seen.apart);
        }
        asked.push(keys);
    }
    if scattered {
        for (keys, mut seen) in asked.iter_mut().zip(paired(table, limits)?.levels) {
            keys.extend(seen.differing()?);
        }
    }
    if asked.iter().all(HashSet::is_empty) {
        return Ok(None);
    }
    merged(table, &asked).map(Some)
}

fn too_many(faulty: u64, rows: u64, limits: &Limits) -> bool {
    faulty.saturating_mul(1_000_000) > rows.saturating_mul(limits.max_rejected)
}

/// The table as its files have it: not watched, not settled, nothing counted.
fn plain(table: &Table) -> Arc<Table> {
    let again = table.again().numbered(0);
    Arc::new(Table { repeats: Arc::new(table.repeats.unwatched()), reached: None, ..again })
}

/// A pass in which the levels that repeat their keys show the values of every run of rows, the
/// other ones nothing.
fn paired(table: &Table, limits: &Limits) -> Result<Prints, Trouble> {
    let mut levels = table.repeats.levels.clone();
    levels.retain(|it| !it.unique);
    levels.iter_mut().for_each(|it| it.noted = false);
    watched(table, levels, true, limits)
}

/// A pass over all rows that sees what a first one does.
///
/// Errors: what reading says.
pub fn seen(table: &Table, limits: &Limits) -> Result<Prints, Trouble> {
    watched(table, table.repeats.levels.clone(), false, limits)
}

fn watched(
    table: &Table,
    levels: Vec<Level>,
    paired: bool,
    limits: &Limits,
) -> Result<Prints, Trouble> {
    let into = Arc::new(Mutex::new(Prints::new(levels.len(), paired)));
    let repeats = Arc::new(Repeats { levels, ..Repeats::default() });
    repeats.limit(limits);
    let mut watcher = Watcher::new(&repeats, &into, paired);
    for batch in plain(table).read(BATCH) {
        watcher.see(&batch?)?;
    }
    watcher.move_on()?;
    drop(watcher);
    let taken = into.lock().map(|mut it| std::mem::take(&mut *it));
    taken.map_err(|_| Trouble::bug("a reader stopped"))
}

/// Counts the keys that stand twice, by file.
///
/// Errors: more than are tolerated, and what reading says.
fn told_twice(table: &Table, limits: &Limits) -> Result<(), Trouble> {
    let levels = &table.repeats.levels;
    let mut all = Prints::new(1, true);
    let mut printer = Printer::default();
    let mut rows = 0;
    for batch in plain(table).read(BATCH) {
        let batch = batch?;
        let mut prints = vec![1; batch.num_rows()];
        for level in levels {
            printer.keys(batch.columns(), &level.keys, &mut prints)?;
        }
        let numbers = numbers(&batch)?;
        let given = prints.iter().zip(numbers).filter(|it| *it.0 != NONE);
        let pairs: Vec<u64> = given.flat_map(|it| [*it.0, it.1]).collect();
        rows += batch.num_rows() as u64;
        all.levels[0].keys.add(&pairs);
        all.put_away(&limits.spill)?;
    }
    let mut by_file: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    all.levels[0].keys.each(|_, all| {
        let mut pairs: Vec<[u64; 2]> = all.as_chunks::<2>().0.to_vec();
        pairs.sort_unstable();
        for it in pairs.windows(2).filter(|it| it[0][0] == it[1][0]) {
            let number = it[1][1];
            let entry = by_file.entry(number >> ROW_BITS).or_insert((0, u64::MAX));
            *entry = (entry.0 + 1, entry.1.min(number & ((1 << ROW_BITS) - 1)));
        }
        Ok(())
    })?;
    let column = table.key();
    let faulty = by_file.values().map(|it| it.0).sum();
    let fault = |(file, (count, first_row)): (u64, (u64, u64))| {
        let file = usize::try_from(file).ok().and_then(|it| table.files.get(it));
        let file = file.map(|it| it.shown.clone()).unwrap_or_default();
        tally::Fault {
            file,
            column: column.clone(),
            reason: TWICE,
            count,
            first_row,
            first: tally::First::default(),
        }
    };
    let faults = by_file.into_iter().map(fault).collect();
    let report = Report { read: rows, faulty, rejected: faulty, faults, ..Report::default() };
    report.within(limits.max_rejected)
}

fn numbers(batch: &RecordBatch) -> Result<Vec<u64>, Trouble> {
    let numbers = batch.column_by_name(ROW).and_then(|it| it.as_primitive_opt::<UInt64Type>());
    Ok(numbers.ok_or_else(|| broken(()))?.values().to_vec())
}

/// Reads the rows of the keys in question, in their order, and makes one of those of each key.
fn merged(table: &Table, asked: &[HashSet<u64>]) -> Result<Settled, Trouble> {
    let levels = &table.repeats.levels;
    let plain = plain(table);
    let mut kept: Vec<Vec<RecordBatch>> = vec![Vec::new(); levels.len()];
    let mut printer = Printer::default();
    for batch in plain.read(BATCH) {
        let batch = batch?;
        let mut prints = vec![1; batch.num_rows()];
        for ((level, asked), kept) in levels.iter().zip(asked).zip(&mut kept) {
            printer.keys(batch.columns(), &level.keys, &mut prints)?;
            let wanted: BooleanArray = prints.iter().map(|it| Some(asked.contains(it))).collect();
            if wanted.has_true() {
                kept.push(filter_record_batch(&batch, &wanted).map_err(broken)?);
            }
        }
    }
    let mut res = Settled::default();
    for (at, kept) in kept.iter().enumerate() {
        if kept.is_empty() {
            res.merged.push(None);
            continue;
        }
        let all = concat_batches(&plain.arrow, kept).map_err(broken)?;
        let number = all.column_by_name(ROW).ok_or_else(|| broken(()))?;
        let order = sort_to_indices(number, None, None).map_err(broken)?;
        let all = take_record_batch(&all, &order).map_err(broken)?;
        let level = res.level(table, &levels[..=at], &all)?;
        res.merged.push(Some(Merged { prints: asked[at].iter().copied().collect(), ..level }));
    }
    Ok(res)
}

/// Keys as bytes, texts in their forms; of the rows that are wanted.
///
/// Errors: none but a fault of ours.
pub fn written(
    columns: &[ArrayRef],
    levels: &[Level],
    rows: impl Fn(usize) -> bool,
) -> Result<Vec<Option<Box<[u8]>>>, Trouble> {
    let count = columns.first().map_or(0, |it| it.len());
    let wanted: UInt32Array =
        (0..u32::try_from(count).map_err(broken)?).filter(|it| rows(*it as usize)).collect();
    let mut keys = Vec::new();
    for (at, form) in levels.iter().flat_map(|it| &it.keys) {
        let column = take(&columns[*at], &wanted, None).map_err(broken)?;
        keys.push(formed(&column, *form)?);
    }
    let fields = keys.iter().map(|it| SortField::new(it.data_type().clone()));
    let converter = RowConverter::new(fields.collect()).map_err(broken)?;
    let encoded = converter.convert_columns(&keys).map_err(broken)?;
    let mut res = vec![None; count];
    for (row, key) in wanted.values().iter().zip(encoded.iter()) {
        res[*row as usize] = Some(Box::from(key.as_ref()));
    }
    Ok(res)
}

/// A column of keys in the form in which they are compared; texts as they are, not by dictionary.
///
/// Errors: none but a fault of ours.
pub fn formed(column: &ArrayRef, form: Form) -> Result<ArrayRef, Trouble> {
    let plain = match column.as_dictionary_opt::<Int32Type>() {
        Some(it) => cast(column, it.values().data_type()).map_err(broken)?,
        None => column.clone(),
    };
    let Some(texts) = plain.as_string_opt::<i32>().filter(|_| form != Form::Exact) else {
        return Ok(plain);
    };
    let all = texts.iter().map(|it| it.map(|it| text::formed(it, form)));
    Ok(Arc::new(all.collect::<arrow::array::StringArray>()))
}

impl Settled {
    /// One row for each key of the last of the levels, from all rows of these keys.
    fn level(
        &mut self,
        table: &Table,
        levels: &[Level],
        rows: &RecordBatch,
    ) -> Result<Merged, Trouble> {
        let Some(level) = levels.last() else { return Err(broken(())) };
        let numbers = numbers(rows)?;
        let mut places: HashMap<Box<[u8]>, usize> = HashMap::new();
        let mut members: Vec<Vec<u32>> = Vec::new();
        for (row, key) in written(rows.columns(), levels, |_| true)?.into_iter().enumerate() {
            let Some(key) = key else { continue };
            let place = *places.entry(key).or_insert(members.len());
            if place == members.len() {
                members.push(Vec::new());
            }
            members[place].push(u32::try_from(row).map_err(broken)?);
        }
        if level.unique {
            let key = table.key();
            for row in members.iter().flat_map(|it| &it[1..]) {
                let number = numbers[*row as usize];
                self.left_out.insert(number);
                self.faults.entry(number).or_default().push((key.clone(), TWICE));
            }
        }
        let mut columns = Vec::new();
        for (at, form) in level.values.iter().chain(&level.keys) {
            let column = rows.column(*at);
            let agreed = Agreed::new(column, *form)?;
            let mut kept = Vec::with_capacity(members.len());
            for rows in &members {
                kept.push(agreed.of(rows));
                for row in agreed.others(rows) {
                    let faults = self.faults.entry(numbers[row as usize]).or_default();
                    faults.push((table.fields[*at].name.clone(), DIFFERS));
                }
            }
            let kept = UInt32Array::from(kept);
            columns.push((*at, take(column, &kept, None).map_err(broken)?));
        }
        Ok(Merged { prints: HashSet::default(), places, columns })
    }

    /// The columns as they are to be read; of each row, whether it is left out.
    ///
    /// Errors: none but a fault of ours.
    pub fn apply(
        &self,
        repeats: &Repeats,
        columns: &mut [ArrayRef],
        numbers: &[u64],
    ) -> Result<Vec<bool>, Trouble> {
        self.merge(&repeats.levels, &Ok, columns)?;
        Ok(numbers.iter().map(|it| self.left_out.contains(it)).collect())
    }

    /// The columns as they are to be read. `place` says where the columns of the table are among
    /// these, as `levels` have it already.
    ///
    /// Errors: none but a fault of ours.
    pub fn merge(
        &self,
        levels: &[Level],
        place: &dyn Fn(usize) -> Result<usize, Trouble>,
        columns: &mut [ArrayRef],
    ) -> Result<(), Trouble> {
        let mut prints = vec![1; columns.first().map_or(0, |it| it.len())];
        let mut printer = Printer::default();
        let read = columns.to_vec();
        for (at, merged) in self.merged.iter().enumerate() {
            printer.keys(&read, &levels[at].keys, &mut prints)?;
            let Some(merged) = merged else { continue };
            merged.put(&read, &levels[..=at], &prints, place, columns)?;
        }
        Ok(())
    }

    /// What is to be told of a row.
    pub fn faults(&self, number: u64) -> &[(String, &'static str)] {
        self.faults.get(&number).map_or(&[], Vec::as_slice)
    }
}

impl Merged {
    /// Puts the values of the keys in question into the columns; `read` has them as they were read,
    /// with the keys of these levels, of which the last is this one.
    ///
    /// Errors: none but a fault of ours.
    pub fn put(
        &self,
        read: &[ArrayRef],
        levels: &[Level],
        prints: &[u64],
        place: &dyn Fn(usize) -> Result<usize, Trouble>,
        columns: &mut [ArrayRef],
    ) -> Result<(), Trouble> {
        if !prints.iter().any(|it| self.prints.contains(it)) {
            return Ok(());
        }
        let keys = written(read, levels, |row| self.prints.contains(&prints[row]))?;
        // Of many keys in question a batch has few.
        let mut used: Vec<u32> = Vec::new();
        let mut from: Vec<(usize, usize)> = Vec::with_capacity(keys.len());
        for (row, key) in keys.iter().enumerate() {
            match key.as_ref().and_then(|it| self.places.get(it)) {
                Some(place) => {
                    from.push((1, used.len()));
                    used.push(u32::try_from(*place).map_err(broken)?);
                }
                None => from.push((0, row)),
            }
        }
        let used = UInt32Array::from(used);
        for (at, column) in &self.columns {
            let at = place(*at)?;
            let other = take(column, &used, None).map_err(broken)?;
            let other = cast(&other, columns[at].data_type()).map_err(broken)?;
            let both = [columns[at].as_ref(), other.as_ref()];
            columns[at] = interleave(&both, &from).map_err(broken)?;
        }
        Ok(())
    }
}

/// What rows of a key share in a column.
struct Agreed<'a> {
    column: &'a ArrayRef,
    compare: Box<dyn Fn(usize, usize) -> std::cmp::Ordering + Send + Sync + 'a>,
    /// The same in the form in which it compares.
    same: Box<dyn Fn(usize, usize) -> std::cmp::Ordering + Send + Sync + 'a>,
}

impl Agreed<'_> {
    fn new(column: &ArrayRef, form: Form) -> Result<Agreed<'_>, Trouble> {
        let formed = formed(column, form)?;
        let options = SortOptions::default();
        let compare = make_comparator(column, column, options).map_err(broken)?;
        let same = make_comparator(&formed, &formed, options).map_err(broken)?;
        Ok(Agreed { column, compare, same })
    }

    fn given<'b>(&'b self, rows: &'b [u32]) -> impl Iterator<Item = u32> + 'b {
        rows.iter().copied().filter(|it| self.column.is_valid(*it as usize))
    }

    /// Rows that differ from the first one with a value.
    fn others<'b>(&'b self, rows: &'b [u32]) -> impl Iterator<Item = u32> + 'b {
        let first = self.given(rows).next();
        self.given(rows).filter(move |it| {
            first.is_some_and(|first| (self.same)(first as usize, *it as usize).is_ne())
        })
    }

    /// The row whose value all given ones equal; of several spellings the one that sorts first.
    fn of(&self, rows: &[u32]) -> Option<u32> {
        if self.others(rows).next().is_some() {
            return None;
        }
        self.given(rows).min_by(|a, b| (self.compare)(*a as usize, *b as usize))
    }
}
