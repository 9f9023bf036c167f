//! Sorting of more rows than memory holds: sorted runs on disk, merged a few at a time.
//!
//! What is held is counted here, by the bytes of its buffers, and no sort waits for memory that
//! another one holds: so a run that fits once fits every time.

pub mod merge;
pub mod run;

use std::cmp::Ordering;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::compute::SortOptions;
use arrow::compute::concat_batches;
use arrow::compute::interleave_record_batch;
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
/// Bytes for each row besides its own: what it is compared by, and its place.
const PLACED: usize = 96;
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

    fn converter(&self) -> Result<RowConverter, Trouble> {
        let field = |(at, options): &(usize, SortOptions)| {
            SortField::new_with_options(self.schema.field(*at).data_type().clone(), *options)
        };
        RowConverter::new(self.columns.iter().map(field).collect()).map_err(broken)
    }
}

/// A batch, and its rows as bytes that compare as they are ordered.
struct Keyed {
    batch: RecordBatch,
    rows: Rows,
}

impl Keyed {
    fn new(order: &Order, by: &RowConverter, batch: RecordBatch) -> Result<Keyed, Trouble> {
        let columns: Vec<ArrayRef> =
            order.columns.iter().map(|it| batch.column(it.0).clone()).collect();
        let rows = by.convert_columns(&columns).map_err(broken)?;
        Ok(Keyed { batch, rows })
    }

    fn compare(&self, order: &Order, row: usize, other: &Keyed, at: usize) -> Ordering {
        self.rows.row(row).cmp(&other.rows.row(at)).then_with(|| {
            let tie = |column: &usize| {
                text(&self.batch, *column, row).cmp(&text(&other.batch, *column, at))
            };
            order.ties.iter().map(tie).find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
        })
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
        self.bytes += batch.get_array_memory_size() + PLACED * batch.num_rows();
        self.held.push(batch);
        if self.room < self.bytes { self.spill() } else { Ok(()) }
    }

    /// Writes what is held as a run.
    fn spill(&mut self) -> Result<(), Trouble> {
        let mut writer = Writer::create(&self.place, &self.order.schema)?;
        let held = std::mem::take(&mut self.held);
        portions(&self.order, held, self.portion(), &mut |it| writer.write(&it))?;
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
        let mut ready = Vec::new();
        portions(&self.order, held, self.portion(), &mut |it| {
            ready.push(it);
            Ok(())
        })?;
        self.bytes = 0;
        if !ready.is_empty() {
            self.ready.push(ready);
        }
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
        for ready in std::mem::take(&mut self.ready) {
            sources.push(Box::new(ready.into_iter().map(Ok)));
        }
        Merge::new(self.order.clone(), sources, ROWS)
    }
}

/// Rows in a portion, of about so many bytes each.
fn rows_of(portion: usize, bytes: usize) -> usize {
    (portion / bytes.max(1)).clamp(16, ROWS)
}

/// Rows in order, a portion after the other.
fn portions(
    order: &Order,
    held: Vec<RecordBatch>,
    portion: usize,
    out: &mut dyn FnMut(RecordBatch) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let rows: usize = held.iter().map(RecordBatch::num_rows).sum();
    if rows == 0 {
        return Ok(());
    }
    let bytes: usize = held.iter().map(RecordBatch::get_array_memory_size).sum();
    let by = order.converter()?;
    let keyed = held.into_iter().map(|it| Keyed::new(order, &by, it));
    let keyed = keyed.collect::<Result<Vec<Keyed>, _>>()?;
    let places = in_order(order, &keyed, rows)?;
    let batches: Vec<&RecordBatch> = keyed.iter().map(|it| &it.batch).collect();
    for some in places.chunks(rows_of(portion, bytes / rows)) {
        let some: Vec<(usize, usize)> =
            some.iter().map(|it| (it.1 as usize, it.2 as usize)).collect();
        out(interleave_record_batch(&batches, &some).map_err(broken)?)?;
    }
    Ok(())
}

/// The first bytes of a row, its batch, and its place there.
type Place = (u128, u32, u32);

fn in_order(order: &Order, keyed: &[Keyed], rows: usize) -> Result<Vec<Place>, Trouble> {
    let mut places: Vec<Place> = Vec::with_capacity(rows);
    for (batch, it) in keyed.iter().enumerate() {
        let batch = u32::try_from(batch).map_err(broken)?;
        for (row, key) in it.rows.iter().enumerate() {
            let row = u32::try_from(row).map_err(broken)?;
            places.push((prefix(key.data()), batch, row));
        }
    }
    let compare = |a: &Place, b: &Place| {
        a.0.cmp(&b.0).then_with(|| {
            let (one, other) = (&keyed[a.1 as usize], &keyed[b.1 as usize]);
            one.compare(order, a.2 as usize, other, b.2 as usize)
        })
    };
    // Files are mostly in the order of their keys.
    if !places.is_sorted_by(|a, b| compare(a, b).is_le()) {
        places.sort_unstable_by(compare);
    }
    Ok(places)
}

/// In the order of the bytes.
fn prefix(bytes: &[u8]) -> u128 {
    let mut res = [0; 16];
    let length = bytes.len().min(16);
    res[..length].copy_from_slice(&bytes[..length]);
    u128::from_be_bytes(res)
}
