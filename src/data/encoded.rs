//! Texts that a file holds by dictionary: each distinct value is read once, rows are numbers. Those
//! of text fields stay so; of other fields, such as days, rows take the values that were read.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::DictionaryArray;
use arrow::array::Int32Array;
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Schema;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::basic::Encoding;
use parquet::file::metadata::ColumnChunkMetaData;

use crate::data::Converted;
use crate::data::Format;
use crate::data::Table;
use crate::data::cell::Fault;
use crate::data::columnar;
use crate::trouble::Trouble;

/// How texts stand in a batch that has them by dictionary.
pub fn data_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Whether two arrays are one and the same, not only alike.
pub fn is_same(a: &ArrayRef, b: &ArrayRef) -> bool {
    let (Some(a), Some(b)) = (a.as_string_opt::<i32>(), b.as_string_opt::<i32>()) else {
        return false;
    };
    a.len() == b.len()
        && a.value_offsets().as_ptr() == b.value_offsets().as_ptr()
        && a.value_data().as_ptr() == b.value_data().as_ptr()
}

/// Which columns of the file have all their values in dictionaries.
pub fn columns(footer: &ArrowReaderMetadata) -> Vec<bool> {
    let fields = footer.schema().fields();
    let descriptors = footer.parquet_schema();
    let groups = footer.metadata().row_groups();
    // Of columns that hold columns nothing is read here.
    if descriptors.num_columns() != fields.len() {
        return vec![false; fields.len()];
    }
    let whole = |at: usize| groups.iter().all(|it| is_whole(it.column(at)));
    let is_text = |it: &DataType| matches!(it, DataType::Utf8);
    fields.iter().enumerate().map(|(at, it)| is_text(it.data_type()) && whole(at)).collect()
}

fn is_whole(it: &ColumnChunkMetaData) -> bool {
    let only = |mask: &parquet::basic::EncodingMask| {
        mask.is_only(Encoding::PLAIN_DICTIONARY) || mask.is_only(Encoding::RLE_DICTIONARY)
    };
    it.dictionary_page_offset().is_some() && it.page_encoding_stats_mask().is_some_and(only)
}

/// The same footer, by which the marked columns are read by dictionary; `None` where they cannot
/// be.
pub fn footer(plain: &ArrowReaderMetadata, marked: &[bool]) -> Option<ArrowReaderMetadata> {
    let field = |(at, it): (usize, &Arc<Field>)| match marked.get(at) {
        Some(true) => Arc::new(Field::new(it.name(), data_type(), it.is_nullable())),
        Some(false) | None => it.clone(),
    };
    let fields: Vec<Arc<Field>> = plain.schema().fields().iter().enumerate().map(field).collect();
    let schema = Arc::new(Schema::new(fields));
    let options = ArrowReaderOptions::new().with_schema(schema);
    ArrowReaderMetadata::try_new(plain.metadata().clone(), options).ok()
}

impl Table {
    /// The same table: texts that every file holds by dictionary are read as they are held.
    pub fn encoded(&self) -> Table {
        let same = || Table { tally: self.tally.clone(), ..self.again() };
        let parquet = self.files.iter().all(|it| it.format == Format::Parquet);
        if self.outer.is_some() || !parquet || self.files.is_empty() {
            return same();
        }
        let mut all = vec![true; self.fields.len()];
        for file in &self.files {
            for (it, place) in all.iter_mut().zip(&file.places) {
                *it &= place.is_some_and(|at| file.by_dictionary.get(at) == Some(&true));
            }
        }
        let mut fields: Vec<Arc<Field>> = self.arrow.fields().iter().cloned().collect();
        for ((field, wanted), _) in
            fields.iter_mut().zip(&*self.fields).zip(&all).filter(|it| *it.1)
        {
            if wanted.reading.ty.is_textual() {
                *field = Arc::new(Field::new(field.name(), data_type(), true));
            }
        }
        Table { arrow: Arc::new(Schema::new(fields)), encoded: Arc::from(all), ..same() }
    }

    /// What the end of a Parquet file says, columns by dictionary marked as such.
    ///
    /// Errors: a file that cannot be read any more.
    pub fn footer(&self, number: usize) -> Result<ArrowReaderMetadata, Trouble> {
        let file = &self.files[number];
        let plain = columnar::footer(file)?;
        if !self.encoded.contains(&true) {
            return Ok(plain);
        }
        let mut marked = vec![false; file.header.len()];
        for (place, _) in file.places.iter().zip(self.encoded.iter()).filter(|it| *it.1) {
            place.iter().for_each(|at| marked[*at] = true);
        }
        let refused = || Trouble::data(format!("{}: has changed meanwhile", file.shown));
        footer(&plain, &marked).ok_or_else(|| refused().help("run again"))
    }
}

/// What became of the dictionaries of a reader's columns: they stay the same for many batches.
#[derive(Default)]
pub struct Memory {
    columns: Vec<Option<Known>>,
}

struct Known {
    found: ArrayRef,
    values: ArrayRef,
    faults: Vec<(usize, Fault)>,
}

impl Memory {
    /// The column of a field, whose distinct values `convert` brings into their form.
    pub fn converted(
        &mut self,
        field: usize,
        column: &ArrayRef,
        convert: impl FnOnce(&ArrayRef) -> Option<Converted>,
    ) -> Option<Converted> {
        let texts = column.as_dictionary_opt::<Int32Type>()?;
        if self.columns.len() <= field {
            self.columns.resize_with(field + 1, || None);
        }
        let place = &mut self.columns[field];
        let known = match place {
            Some(it) if is_same(&it.found, texts.values()) => it,
            _ => {
                let Converted { array, faults } = convert(texts.values())?;
                place.insert(Known { found: texts.values().clone(), values: array, faults })
            }
        };
        known.rows(texts.keys())
    }
}

impl Known {
    fn rows(&self, keys: &Int32Array) -> Option<Converted> {
        let made = |keys: Int32Array| -> Option<ArrayRef> {
            if self.values.as_string_opt::<i32>().is_none() {
                return take(&self.values, &keys, None).ok();
            }
            Some(Arc::new(DictionaryArray::try_new(keys, self.values.clone()).ok()?))
        };
        if self.values.null_count() == 0 {
            return Some(Converted { array: made(keys.clone())?, faults: Vec::new() });
        }
        let given = |key: &i32| usize::try_from(*key).is_ok_and(|it| self.values.is_valid(it));
        let mut faults = Vec::new();
        for (row, key) in keys.iter().enumerate() {
            let fault = key.and_then(|key| {
                let at = usize::try_from(key).ok()?;
                let it = self.faults.binary_search_by_key(&at, |it| it.0).ok()?;
                Some(self.faults[it].1)
            });
            faults.extend(fault.map(|it| (row, it)));
        }
        let keys: Int32Array = keys.iter().map(|key| key.filter(&given)).collect();
        Some(Converted { array: made(keys)?, faults })
    }
}

/// How often each value stands in a column.
pub fn counted(column: &DictionaryArray<Int32Type>) -> Vec<u64> {
    let mut counts = vec![0; column.values().len()];
    for key in column.keys().iter().flatten() {
        if let Some(it) = usize::try_from(key).ok().and_then(|it| counts.get_mut(it)) {
            *it += 1;
        }
    }
    counts
}
