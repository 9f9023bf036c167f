//! Sorting of more rows than memory holds: sorted runs on disk, merged a few at a time.
//!
//! What is held is counted here, by the bytes of its buffers, and no sort waits for memory that
//! another one holds: so a run that fits once fits every time.

pub mod merge;
pub mod parted;
pub mod run;

use std::cmp::Ordering;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::UInt32Array;
use arrow::compute::SortOptions;
use arrow::compute::concat_batches;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::DataType;
use arrow::datatypes::SchemaRef;
use arrow::row::RowConverter;
use arrow::row::Rows;
use arrow::row::SortField;

use crate::sort::merge::Merge;
use crate::sort::merge::Source;
use crate::sort::run::Run;
use crate::sort::run::Writer;
use crate::trouble::Trouble;

/// Runs that are merged at once: each has a part of it in memory.
const FAN_IN: usize = 32;
/// About so many bytes of a run are read at once, less where there is little room.
const PORTION: std::ops::RangeInclusive<usize> = 16 << 10..=256 << 10;
/// Batches with fewer rows are put together first.
const FEW: usize = 512;
/// Bytes for each row besides its own: where it stands, and how its key begins.
const PLACED: usize = 40;
/// Bytes for each row that is compared by bytes made of it.
const MADE: usize = 56;
/// At most so many rows are.
const ROWS: usize = 8_192;

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("rows cannot be put in order")
}

/// By which columns rows are ordered.
#[derive(Debug, Clone)]
pub struct Order {
    schema: SchemaRef,
    columns: Vec<(usize, SortOptions)>,
    /// Columns of text that are looked at only where all the others are equal.
    ties: Vec<usize>,
}

impl Order {
    pub fn new(schema: &SchemaRef, columns: Vec<(usize, SortOptions)>, ties: Vec<usize>) -> Order {
        Order { schema: schema.clone(), columns, ties }
    }

    /// Whether columns are compared as they are.
    fn is_plain(&self) -> bool {
        const SMALL_FIRST: SortOptions = SortOptions { descending: false, nulls_first: true };
        let ty = |at: usize| self.schema.field(at).data_type();
        let is_plain = |it: &(usize, SortOptions)| {
            it.1 == SMALL_FIRST && matches!(ty(it.0), DataType::Utf8 | DataType::UInt32)
        };
        self.columns.iter().all(is_plain)
    }

    /// What makes bytes of rows; nothing where columns are compared as they are, which is faster
    /// where the first of them mostly differ.
    fn converter(&self) -> Result<Option<RowConverter>, Trouble> {
        if self.is_plain() {
            return Ok(None);
        }
        let ty = |at: usize| self.schema.field(at).data_type();
        let field = |it: &(usize, SortOptions)| SortField::new_with_options(ty(it.0).clone(), it.1);
        let fields = self.columns.iter().map(field).collect();
        RowConverter::new(fields).map(Some).map_err(broken)
    }
}

/// A batch whose rows can be compared.
struct Keyed {
    batch: RecordBatch,
    by: By,
}

/// By what rows are compared.
enum By {
    /// Column by column.
    Columns(Vec<Column>),
    /// Bytes that compare as rows are ordered.
    Bytes(Rows),
}

/// The missing first, then the small.
enum Column {
    Text(StringArray),
    Number(UInt32Array),
}

impl Keyed {
    fn new(
        order: &Order,
        converter: Option<&RowConverter>,
        batch: RecordBatch,
    ) -> Result<Keyed, Trouble> {
        let columns = order.columns.iter().map(|it| batch.column(it.0));
        let by = match converter {
            Some(it) => {
                let columns: Vec<ArrayRef> = columns.cloned().collect();
                By::Bytes(it.convert_columns(&columns).map_err(broken)?)
            }
            None => By::Columns(columns.map(Column::of).collect::<Result<_, _>>()?),
        };
        Ok(Keyed { batch, by })
    }

    fn compare(&self, order: &Order, row: usize, other: &Keyed, at: usize) -> Ordering {
        let by = match (&self.by, &other.by) {
            (By::Columns(ours), By::Columns(theirs)) => {
                let both = ours.iter().zip(theirs).map(|(a, b)| a.compare(row, b, at));
                first_of(both)
            }
            (By::Bytes(ours), By::Bytes(theirs)) => ours.row(row).cmp(&theirs.row(at)),
            (By::Columns(_), By::Bytes(_)) => Ordering::Less,
            (By::Bytes(_), By::Columns(_)) => Ordering::Greater,
        };
        by.then_with(|| {
            let tie = |column: &usize| {
                text(&self.batch, *column, row).cmp(&text(&other.batch, *column, at))
            };
            first_of(order.ties.iter().map(tie))
        })
    }

    /// A number that compares as rows do, or is the same.
    fn prefix(&self, row: usize) -> u128 {
        match &self.by {
            By::Bytes(it) => prefix(it.row(row).data()),
            By::Columns(all) => match all.first() {
                Some(Column::Text(it)) if it.is_valid(row) => {
                    // One bit says that there is a text at all.
                    1 << 127 | prefix(it.value(row).as_bytes()) >> 1
                }
                Some(Column::Text(_) | Column::Number(_)) | None => 0,
            },
        }
    }
}

fn first_of(mut all: impl Iterator<Item = Ordering>) -> Ordering {
    all.find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
}

impl Column {
    fn of(array: &ArrayRef) -> Result<Column, Trouble> {
        let text = array.as_string_opt().cloned().map(Column::Text);
        let number = || array.as_primitive_opt().cloned().map(Column::Number);
        text.or_else(number).ok_or_else(|| broken(()))
    }

    fn compare(&self, row: usize, other: &Column, at: usize) -> Ordering {
        match (self, other) {
            (Column::Text(ours), Column::Text(theirs)) => {
                let ours = ours.is_valid(row).then(|| ours.value(row));
                ours.cmp(&theirs.is_valid(at).then(|| theirs.value(at)))
            }
            (Column::Number(ours), Column::Number(theirs)) => {
                let ours = ours.is_valid(row).then(|| ours.value(row));
                ours.cmp(&theirs.is_valid(at).then(|| theirs.value(at)))
            }
            (Column::Text(_), Column::Number(_)) => Ordering::Less,
            (Column::Number(_), Column::Text(_)) => Ordering::Greater,
        }
    }
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> Option<&str> {
    let it = batch.column(column).as_string_opt::<i32>()?;
    it.is_valid(row).then(|| it.value(row))
}

/// Takes rows in any order.
pub struct Sorter {
    order: Arc<Order>,
    /// Batches of few rows, and how many rows they have.
    few: Vec<RecordBatch>,
    few_rows: usize,
    held: Vec<RecordBatch>,
    bytes: usize,
    /// How many bytes may be held.
    room: usize,
    /// The folder that runs are written to.
    place: PathBuf,
    /// Runs that were merged so many times.
    runs: Vec<Vec<Run>>,
    /// Rows in memory that are in order already.
    ready: Vec<Vec<RecordBatch>>,
}

impl Sorter {
    /// `room` is what may be held in memory, in bytes; without it everything is.
    pub fn new(order: &Arc<Order>, room: Option<usize>, place: &Path) -> Sorter {
        Sorter {
            order: order.clone(),
            few: Vec::new(),
            few_rows: 0,
            held: Vec::new(),
            bytes: 0,
            room: room.unwrap_or(usize::MAX),
            place: place.to_path_buf(),
            runs: Vec::new(),
            ready: Vec::new(),
        }
    }

    /// Errors: a disk that refuses.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), Trouble> {
        if batch.num_rows() < FEW {
            self.few_rows += batch.num_rows();
            self.few.push(batch);
            return if self.few_rows < FEW { Ok(()) } else { self.gather() };
        }
        self.hold(batch)
    }

    /// Makes one batch of many small ones.
    fn gather(&mut self) -> Result<(), Trouble> {
        self.few_rows = 0;
        let few = std::mem::take(&mut self.few);
        match few.iter().any(|it| 0 < it.num_rows()) {
            true => self.hold(concat_batches(&self.order.schema, &few).map_err(broken)?),
            false => Ok(()),
        }
    }

    fn hold(&mut self, batch: RecordBatch) -> Result<(), Trouble> {
        let placed = if self.order.is_plain() { PLACED } else { PLACED + MADE };
        self.bytes += batch.get_array_memory_size() + placed * batch.num_rows();
        self.held.push(batch);
        if self.room < self.bytes { self.spill() } else { Ok(()) }
    }

    /// Writes what is held as a run.
    fn spill(&mut self) -> Result<(), Trouble> {
        let mut writer = Writer::create(&self.place, &self.order.schema)?;
        let held = std::mem::take(&mut self.held);
        let parts = in_order(&self.order, held, self.portion())?;
        if let [only] = parts.as_slice() {
            only.iter().try_for_each(|it| writer.write(it))?;
        } else {
            let bytes = self.bytes / rows_in(&parts).max(1);
            let sources = parts.into_iter().map(held_as).collect();
            for it in Merge::new(self.order.clone(), sources, rows_of(self.portion(), bytes))? {
                writer.write(&it?)?;
            }
        }
        self.bytes = 0;
        self.add(0, writer.finish()?)
    }

    fn add(&mut self, times: usize, run: Run) -> Result<(), Trouble> {
        if self.runs.len() <= times {
            self.runs.resize_with(times + 1, Vec::new);
        }
        self.runs[times].push(run);
        if self.runs[times].len() < FAN_IN {
            return Ok(());
        }
        let runs = std::mem::take(&mut self.runs[times]);
        let merged = self.merged(runs)?;
        self.add(times + 1, merged)
    }

    fn portion(&self) -> usize {
        (self.room / (2 * FAN_IN)).clamp(*PORTION.start(), *PORTION.end())
    }

    fn merged(&self, runs: Vec<Run>) -> Result<Run, Trouble> {
        let mut writer = Writer::create(&self.place, &self.order.schema)?;
        let bytes = runs.iter().map(Run::bytes_a_row).max().unwrap_or(1);
        let sources = runs.into_iter().map(Run::read).collect::<Result<Vec<Source>, _>>()?;
        for batch in Merge::new(self.order.clone(), sources, rows_of(self.portion(), bytes))? {
            writer.write(&batch?)?;
        }
        writer.finish()
    }

    /// Takes what another sorter of the same order has; the room of both is one.
    ///
    /// Errors: a disk that refuses.
    pub fn absorb(&mut self, mut other: Sorter) -> Result<(), Trouble> {
        other.close()?;
        self.ready.append(&mut other.ready);
        for (times, runs) in std::mem::take(&mut other.runs).into_iter().enumerate() {
            for run in runs {
                self.add(times, run)?;
            }
        }
        Ok(())
    }

    /// Puts what is held in order where it is.
    fn close(&mut self) -> Result<(), Trouble> {
        self.gather()?;
        let held = std::mem::take(&mut self.held);
        self.ready.extend(in_order(&self.order, held, self.portion())?);
        self.bytes = 0;
        Ok(())
    }

    /// All rows in order, in batches of [`ROWS`] rows but for the last.
    ///
    /// Errors: a disk that refuses.
    pub fn sorted(mut self) -> Result<Merge, Trouble> {
        self.close()?;
        let mut runs: Vec<Run> = std::mem::take(&mut self.runs).into_iter().flatten().collect();
        while FAN_IN < runs.len() {
            // The shortest first: what is long is copied as seldom as can be.
            runs.sort_by_key(|it| std::cmp::Reverse(it.rows()));
            let some = FAN_IN.min(runs.len() - FAN_IN + 1);
            let some = runs.split_off(runs.len() - some);
            runs.push(self.merged(some)?);
        }
        let mut sources = runs.into_iter().map(Run::read).collect::<Result<Vec<Source>, _>>()?;
        sources.extend(std::mem::take(&mut self.ready).into_iter().map(held_as));
        Merge::new(self.order.clone(), sources, ROWS)
    }
}

/// Rows in a portion, of about so many bytes each.
fn rows_of(portion: usize, bytes: usize) -> usize {
    (portion / bytes.max(1)).clamp(16, ROWS)
}

fn held_as(batches: Vec<RecordBatch>) -> Source {
    Box::new(batches.into_iter().map(Ok))
}

fn rows_in(parts: &[Vec<RecordBatch>]) -> usize {
    parts.iter().flatten().map(RecordBatch::num_rows).sum()
}

/// Rows in order as one part, in portions, or where they stand in order for long as several parts
/// of them: files are mostly in the order of their keys.
fn in_order(
    order: &Order,
    held: Vec<RecordBatch>,
    portion: usize,
) -> Result<Vec<Vec<RecordBatch>>, Trouble> {
    let rows: usize = held.iter().map(RecordBatch::num_rows).sum();
    if rows == 0 {
        return Ok(Vec::new());
    }
    let bytes: usize = held.iter().map(RecordBatch::get_array_memory_size).sum();
    let at_once = rows_of(portion, bytes / rows);
    let by = order.converter()?;
    let keyed = held.into_iter().map(|it| Keyed::new(order, by.as_ref(), it));
    let keyed = keyed.collect::<Result<Vec<Keyed>, _>>()?;
    if let Some(parts) = ascending(order, &keyed, 1 + rows / LONG, at_once) {
        return Ok(parts);
    }
    let places = places(order, &keyed, rows)?;
    let batches: Vec<&RecordBatch> = keyed.iter().map(|it| &it.batch).collect();
    let portion = |some: &[Place]| {
        let some: Vec<(usize, usize)> =
            some.iter().map(|it| (it.1 as usize, it.2 as usize)).collect();
        interleave_record_batch(&batches, &some).map_err(broken)
    };
    Ok(vec![places.chunks(at_once).map(portion).collect::<Result<_, _>>()?])
}

/// Rows that stand in order this long on average are not sorted, only merged.
const LONG: usize = 2_048;

/// The rows as they stand, a new part where one comes before the last; nothing where that would be
/// more parts than `most`.
fn ascending(
    order: &Order,
    keyed: &[Keyed],
    most: usize,
    at_once: usize,
) -> Option<Vec<Vec<RecordBatch>>> {
    let mut parts: Vec<Vec<RecordBatch>> = Vec::new();
    let mut before: Option<(&Keyed, usize)> = None;
    for it in keyed {
        let rows = it.batch.num_rows();
        let mut first = 0;
        for row in 0..rows {
            let ascends = before.is_some_and(|last| last.0.compare(order, last.1, it, row).is_le());
            if !ascends {
                if parts.len() == most {
                    return None;
                }
                cut(&mut parts, &it.batch, first..row, at_once);
                parts.push(Vec::new());
                first = row;
            }
            before = Some((it, row));
        }
        cut(&mut parts, &it.batch, first..rows, at_once);
    }
    Some(parts)
}

/// Adds these rows to the last part.
fn cut(
    parts: &mut [Vec<RecordBatch>],
    batch: &RecordBatch,
    rows: std::ops::Range<usize>,
    at_once: usize,
) {
    let Some(part) = parts.last_mut() else { return };
    for first in rows.clone().step_by(at_once) {
        part.push(batch.slice(first, at_once.min(rows.end - first)));
    }
}

/// The first bytes of a row, its batch, and its place there.
type Place = (u128, u32, u32);

/// Of all rows, in order.
fn places(order: &Order, keyed: &[Keyed], rows: usize) -> Result<Vec<Place>, Trouble> {
    let mut places: Vec<Place> = Vec::with_capacity(rows);
    for (batch, it) in keyed.iter().enumerate() {
        let batch = u32::try_from(batch).map_err(broken)?;
        for row in 0..it.batch.num_rows() {
            places.push((it.prefix(row), batch, u32::try_from(row).map_err(broken)?));
        }
    }
    places.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0).then_with(|| {
            let (one, other) = (&keyed[a.1 as usize], &keyed[b.1 as usize]);
            one.compare(order, a.2 as usize, other, b.2 as usize)
        })
    });
    Ok(places)
}

/// In the order of the bytes.
fn prefix(bytes: &[u8]) -> u128 {
    let mut res = [0; 16];
    let length = bytes.len().min(16);
    res[..length].copy_from_slice(&bytes[..length]);
    u128::from_be_bytes(res)
}
