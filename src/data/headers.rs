//! Records in files of their own: the outer one by key, for the rows of the inner one.
//!
//! The outer records are held in memory: one row of each key, and the columns in use only. They
//! are found by the print of the key, and by the key itself.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::UInt32Array;
use arrow::array::make_comparator;
use arrow::array::new_null_array;
use arrow::compute::SortOptions;
use arrow::compute::concat_batches;
use arrow::compute::interleave;
use arrow::compute::kernels::cmp::lt;
use arrow::compute::kernels::zip::zip;
use arrow::compute::take_record_batch;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::data::Table;
use crate::data::repeats::Limits;
use crate::data::repeats::printer::NONE;
use crate::data::repeats::printer::Printer;
use crate::trouble::Trouble;
use crate::value::text;
use crate::value::text::Form;

const BATCH: usize = 8_192;
/// Rows, or bytes, that are put together before they are held: buffers of batches have room to
/// spare.
const PORTION: (usize, usize) = (1 << 16, 16 << 20);

/// Outer records by key. Where files repeat them, the rows of a key agree.
pub struct Headers {
    schema: SchemaRef,
    /// Where the columns of the key are, and how they compare.
    keys: Vec<(usize, Form)>,
    portions: Vec<RecordBatch>,
    /// The place of the first row of each portion.
    starts: Vec<u32>,
    index: Index,
}

/// Places of rows by the prints of their keys.
#[derive(Default)]
struct Index {
    /// By place.
    prints: Vec<u64>,
    /// Places, 1 added, where the last bits of their prints say, or after that.
    table: Vec<u32>,
}

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("outer records cannot be found by key")
}

impl Index {
    /// The place with this print for which `is_it` holds.
    fn find(&self, print: u64, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let mask = self.table.len().checked_sub(1)?;
        let mut at = usize::try_from(print & mask as u64).unwrap_or(0);
        while let Some(place) = self.table[at].checked_sub(1) {
            let place = place as usize;
            if self.prints[place] == print && is_it(place) {
                return Some(place);
            }
            at = (at + 1) & mask;
        }
        None
    }

    fn add(&mut self, print: u64) -> Result<(), Trouble> {
        self.prints.push(print);
        if self.table.len() < self.prints.len() * 3 / 2 {
            self.table = vec![0; (self.prints.len() * 2).next_power_of_two()];
            return (0..self.prints.len()).try_for_each(|it| self.enter(it));
        }
        self.enter(self.prints.len() - 1)
    }

    fn enter(&mut self, place: usize) -> Result<(), Trouble> {
        let mask = self.table.len() - 1;
        let mut at = usize::try_from(self.prints[place] & mask as u64).unwrap_or(0);
        while self.table[at] != 0 {
            at = (at + 1) & mask;
        }
        self.table[at] = u32::try_from(place + 1).map_err(broken)?;
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.prints.capacity() * size_of::<u64>() + self.table.capacity() * size_of::<u32>()
    }
}

impl Table {
    /// The same table and tally, which holds no rows of the record around: they are read when it
    /// is prepared.
    pub fn unprepared(&self) -> Table {
        let mut res = Table { tally: self.tally.clone(), ..self.again() };
        if let Some(outer) = &mut res.outer {
            let around = outer.table.unprepared();
            outer.table = Arc::new(Table { headers: Arc::default(), ..around });
        }
        res
    }

    /// Before it is read again: what is counted of it begins again, and of the records around,
    /// where they will be read again too.
    pub fn recount(&self) {
        self.tally.reset();
        let around = self.outer.as_ref().map(|it| &it.table);
        if let Some(table) = around.filter(|it| it.headers.get().is_none()) {
            table.recount();
        }
    }
}

impl Headers {
    /// Reads a table whole; `keys` are names of its columns.
    ///
    /// Errors: what reading it says, and records that need more memory than is allowed.
    pub fn read(table: &Arc<Table>, keys: &[String], limits: &Limits) -> Result<Headers, Trouble> {
        let res = Headers::read_once(table, keys, limits)?;
        if !table.is_to_be_read_again()? {
            return Ok(res);
        }
        drop(res);
        table.tally.reset();
        Headers::read_once(table, keys, limits)
    }

    fn read_once(table: &Arc<Table>, keys: &[String], limits: &Limits) -> Result<Headers, Trouble> {
        let place = |it: &String| {
            let at = table.arrow.index_of(it).map_err(broken)?;
            Ok((at, table.form(at)))
        };
        let keys = keys.iter().map(place).collect::<Result<Vec<_>, Trouble>>()?;
        let (schema, index) = (table.arrow.clone(), Index::default());
        let mut res = Headers { schema, keys, portions: Vec::new(), starts: Vec::new(), index };
        let (mut waiting, mut rows, mut bytes, mut read) = (Vec::new(), 0, 0, 0);
        for batch in table.read(BATCH) {
            let batch = batch?;
            rows += batch.num_rows();
            bytes += batch.get_array_memory_size();
            read += batch.num_rows();
            waiting.push(batch);
            if PORTION.0 <= rows || PORTION.1 <= bytes {
                res.hold(&std::mem::take(&mut waiting))?;
                (rows, bytes) = (0, 0);
                res.within(limits, table, read)?;
            }
        }
        res.hold(&waiting)?;
        Ok(res)
    }

    /// Errors: more memory is needed than is allowed, when so many rows were read.
    fn within(&self, limits: &Limits, table: &Table, read: usize) -> Result<(), Trouble> {
        let held: usize = self.portions.iter().map(RecordBatch::get_array_memory_size).sum();
        let held = held + self.index.bytes();
        let room = limits.headers().unwrap_or(usize::MAX);
        if held <= room {
            return Ok(());
        }
        // So much for so many rows; twice as much for the index, which grows by leaps.
        let rows = table.rows().max(read as u64);
        let all =
            (held as u128 + self.index.bytes() as u128) * u128::from(rows) / read.max(1) as u128;
        let limit = limits.memory.unwrap_or(room) as u128;
        let least = (all * limit / room as u128).div_ceil(1 << 20);
        let files: Vec<&str> = table.files.iter().map(|it| it.shown.as_str()).collect();
        let message = format!(
            "the memory limit is reached: the records of {} are held for those inside them",
            files.join(", ")
        );
        Err(Trouble::resource(message).help(format!(
            "allow more with `--memory-limit`: about {least} MiB will do; or put both records \
             into one flat extract"
        )))
    }

    /// Holds rows whose key was not there yet.
    fn hold(&mut self, batches: &[RecordBatch]) -> Result<(), Trouble> {
        let rows = concat_batches(&self.schema, batches).map_err(broken)?;
        let prints = self.prints(rows.columns())?;
        let base = self.index.prints.len();
        let mut kept: Vec<u32> = Vec::new();
        {
            let own = self.columns(&rows);
            let same = Same::new(&own, &own, &self.keys)?;
            let before = self.alike(&own)?;
            for (row, print) in prints.iter().enumerate().filter(|it| *it.1 != NONE) {
                let is_it = |place: usize| match place.checked_sub(base) {
                    Some(at) => same.holds(kept[at] as usize, row),
                    None => {
                        let (portion, at) = place_in(&self.starts, place);
                        before[portion].holds(at, row)
                    }
                };
                if self.index.find(*print, is_it).is_none() {
                    self.index.add(*print)?;
                    kept.push(u32::try_from(row).map_err(broken)?);
                }
            }
        }
        if kept.is_empty() {
            return Ok(());
        }
        self.starts.push(u32::try_from(base).map_err(broken)?);
        self.portions.push(match kept.len() == rows.num_rows() {
            true => rows,
            false => take_record_batch(&rows, &UInt32Array::from(kept)).map_err(broken)?,
        });
        Ok(())
    }

    fn columns(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        self.keys.iter().map(|it| batch.column(it.0).clone()).collect()
    }

    /// How rows of each portion compare with rows that have these keys.
    fn alike(&self, own: &[ArrayRef]) -> Result<Vec<Same>, Trouble> {
        let of = |it: &RecordBatch| Same::new(&self.columns(it), own, &self.keys);
        self.portions.iter().map(of).collect()
    }

    fn prints(&self, columns: &[ArrayRef]) -> Result<Vec<u64>, Trouble> {
        let mut prints = vec![1; columns.first().map_or(0, |it| it.len())];
        Printer::default().keys(columns, &self.keys, &mut prints)?;
        Ok(prints)
    }

    /// The places of rows with these keys.
    fn found(&self, own: &[ArrayRef]) -> Result<Vec<Option<usize>>, Trouble> {
        let mut prints = vec![1; own.first().map_or(0, |it| it.len())];
        let keys: Vec<(usize, Form)> = self.keys.iter().map(|it| it.1).enumerate().collect();
        Printer::default().keys(own, &keys, &mut prints)?;
        let alike = self.alike(own)?;
        let place = |(row, print): (usize, &u64)| {
            let is_it = |place: usize| {
                let (portion, at) = place_in(&self.starts, place);
                alike[portion].holds(at, row)
            };
            if *print == NONE { None } else { self.index.find(*print, is_it) }
        };
        Ok(prints.iter().enumerate().map(place).collect())
    }

    /// Fills the columns of the outer record, found by the key columns among `arrays`. Says which
    /// rows have a key that no outer record has.
    ///
    /// Errors: none but a fault of ours.
    pub fn fill(
        &self,
        schema: &Schema,
        keys: &[String],
        arrays: &mut [ArrayRef],
    ) -> Result<Vec<usize>, Trouble> {
        let own = |key: &String| Ok(arrays[schema.index_of(key).map_err(broken)?].clone());
        let own = keys.iter().map(own).collect::<Result<Vec<ArrayRef>, Trouble>>()?;
        let found = self.found(&own)?;
        let nothing = (self.portions.len(), 0);
        let place = |it: &Option<usize>| it.map_or(nothing, |it| place_in(&self.starts, it));
        let places: Vec<(usize, usize)> = found.iter().map(place).collect();
        for (at, field) in schema.fields().iter().enumerate() {
            let Ok(column) = self.schema.index_of(field.name()) else { continue };
            let form = keys.iter().position(|it| it == field.name()).map(|it| self.keys[it].1);
            if form == Some(Form::Exact) {
                continue;
            }
            let none = new_null_array(self.schema.field(column).data_type(), 1);
            let held = self.portions.iter().map(|it| it.column(column).as_ref());
            let held: Vec<&dyn Array> = held.chain([none.as_ref()]).collect();
            let filled = interleave(&held, &places).map_err(broken)?;
            // The key as the outer record writes it, unless its own spelling sorts first.
            arrays[at] = match form {
                Some(_) => {
                    let first = lt(&filled, &arrays[at]).map_err(broken)?;
                    zip(&first, &filled, &arrays[at]).map_err(broken)?
                }
                None => filled,
            };
        }
        let given = |row: &usize| own.iter().all(|it| it.is_valid(*row));
        Ok((0..found.len()).filter(|row| found[*row].is_none() && given(row)).collect())
    }
}

/// The portion of a place, and the row in it.
fn place_in(starts: &[u32], place: usize) -> (usize, usize) {
    let portion = starts.partition_point(|it| *it as usize <= place).saturating_sub(1);
    (portion, place - starts[portion] as usize)
}

type Compare = Box<dyn Fn(usize, usize) -> bool + Send + Sync>;

/// Whether a row of some columns has the key of a row of others.
struct Same(Vec<Compare>);

impl Same {
    fn new(one: &[ArrayRef], other: &[ArrayRef], keys: &[(usize, Form)]) -> Result<Same, Trouble> {
        let columns = one.iter().zip(other).zip(keys);
        Ok(Same(columns.map(|((a, b), key)| same(a, b, key.1)).collect::<Result<_, _>>()?))
    }

    fn holds(&self, row: usize, other: usize) -> bool {
        self.0.iter().all(|it| it(row, other))
    }
}

fn same(a: &ArrayRef, b: &ArrayRef, form: Form) -> Result<Compare, Trouble> {
    if let (Some(a), Some(b)) = (a.as_string_opt::<i32>(), b.as_string_opt::<i32>()) {
        let (a, b) = (a.clone(), b.clone());
        return Ok(Box::new(move |row, other| {
            let (a, b) = (a.value(row), b.value(other));
            a == b || (form != Form::Exact && text::formed(a, form) == text::formed(b, form))
        }));
    }
    let compare = make_comparator(a, b, SortOptions::default()).map_err(broken)?;
    Ok(Box::new(move |row, other| compare(row, other).is_eq()))
}
