//! Parquet and Arrow IPC: typed columns to canonical ones.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::FieldRef;
use arrow::datatypes::Fields;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use arrow::datatypes::TimeUnit;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;

use crate::data::Converted;
use crate::data::DataFile;
use crate::data::Format;
use crate::data::Rows;
use crate::data::Wanted;
use crate::data::cell::Fault;
use crate::data::cell::Reading;
use crate::data::encoded;
use crate::data::encoded::Memory;
use crate::data::scan::Raw;
use crate::data::scan::RawBatches;
use crate::data::scan::RawRows;
use crate::data::sieve::Fitted;
use crate::data::sound;
use crate::data::text;
use crate::data::typed;
use crate::disk;
use crate::schema::Type;
use crate::trouble::Trouble;

/// The columns of a file, its rows where its footer tells, and which columns it holds by
/// dictionary; errors in words.
pub fn open(path: &Path, format: Format) -> Result<(SchemaRef, Rows, Vec<bool>), String> {
    let file = disk::open(path).map_err(|_| "cannot be opened".to_owned())?;
    if format == Format::Parquet {
        let footer = metadata(&file)
            .ok_or_else(|| "is not a whole Parquet file: it may be truncated".to_owned())?;
        let groups = footer.metadata().row_groups().iter();
        let rows = groups.map(|it| u64::try_from(it.num_rows()).unwrap_or(0)).collect();
        return Ok((footer.schema().clone(), Rows::Groups(rows), encoded::columns(&footer)));
    }
    sound::arrow(&file)?;
    let reader = sound::contained(|| FileReader::try_new(file, None).ok()).flatten();
    let reader =
        reader.ok_or_else(|| "is not a whole Arrow file: it may be truncated".to_owned())?;
    let rows = 8_192 * reader.num_batches() as u64;
    Ok((reader.schema(), Rows::About(rows), Vec::new()))
}

/// What is found, in words, when a column cannot be read as the type. Numbers may be dates where
/// the data set says in which format.
pub fn refusal(found: &DataType, needed: &Type, formatted: bool) -> Option<String> {
    let found = match found {
        DataType::Dictionary(_, values) => values.as_ref(),
        other => other,
    };
    let text = matches!(found, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let whole = found.is_integer();
    let number = whole || found.is_floating() || matches!(found, DataType::Decimal128(..));
    let instant = matches!(found, DataType::Timestamp(..));
    let day = matches!(found, DataType::Date32 | DataType::Date64);
    let fits = match needed {
        Type::Truth => text || whole || *found == DataType::Boolean,
        Type::Whole | Type::Number(_) => text || number,
        Type::Date | Type::DateTime => text || day || instant || (whole && formatted),
        Type::Text(_) => text || whole,
        Type::Code(_) | Type::Choice(_) | Type::Country | Type::Currency => text,
        Type::Duration | Type::Error => false,
    };
    if fits || *found == DataType::Null {
        return None;
    }
    Some(match () {
        () if text => "text".to_owned(),
        () if number => "a number".to_owned(),
        () if day || instant => "a date".to_owned(),
        () => format!("of type {found}"),
    })
}

/// What the end of a Parquet file says: read once for all its row groups.
pub fn footer(file: &DataFile) -> Result<ArrowReaderMetadata, Trouble> {
    let handle = disk::open(&file.path).map_err(|_| broken(file))?;
    metadata(&handle).ok_or_else(|| broken(file))
}

/// What a Parquet file says of itself, as far as it can be believed.
fn metadata(file: &File) -> Option<ArrowReaderMetadata> {
    sound::parquet_footer(file)?;
    sound::contained(|| described(file).ok())?
}

/// Instants of 96 bits are read to the microsecond: in nanoseconds, the readers' own choice, years
/// beyond 2262 come round again as others.
fn described(file: &File) -> Result<ArrowReaderMetadata, ParquetError> {
    let plain = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
    let leaves = plain.parquet_schema().columns();
    let wide: Vec<bool> =
        leaves.iter().map(|it| it.physical_type() == PhysicalType::INT96).collect();
    if !wide.contains(&true) {
        return Ok(plain);
    }
    let mut wide = wide.into_iter();
    let fields: Fields =
        plain.schema().fields().iter().map(|it| to_microseconds(it, &mut wide)).collect();
    let schema = Arc::new(Schema::new(fields));
    let options = ArrowReaderOptions::new().with_schema(schema);
    ArrowReaderMetadata::try_new(plain.metadata().clone(), options)
}

/// The same field; leaves come in the order in which the file has them.
fn to_microseconds(field: &FieldRef, wide: &mut impl Iterator<Item = bool>) -> FieldRef {
    let ty = match field.data_type() {
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|it| to_microseconds(it, wide)).collect())
        }
        DataType::List(it) => DataType::List(to_microseconds(it, wide)),
        DataType::LargeList(it) => DataType::LargeList(to_microseconds(it, wide)),
        DataType::Map(it, sorted) => DataType::Map(to_microseconds(it, wide), *sorted),
        leaf => match wide.next() {
            Some(true) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Some(false) | None => leaf.clone(),
        },
    };
    Arc::new(field.as_ref().clone().with_data_type(ty))
}

/// The portions of a file, or of a row group whose first row has the number given with it. The
/// footer is that of a Parquet file.
pub fn read(
    file: &DataFile,
    footer: Option<ArrowReaderMetadata>,
    group: Option<(usize, u64)>,
    batch_size: usize,
) -> Result<RawBatches, Trouble> {
    let handle = disk::open(&file.path).map_err(|_| broken(file))?;
    let shown = file.clone();
    let nest = file.nest.clone();
    let mut next_row = group.map_or(1, |it| it.1);
    let mut next_element = 1;
    let raw = move |batch: Result<RecordBatch, ArrowError>| {
        let batch = batch.map_err(|_| broken(&shown))?;
        let row = next_row;
        next_row += batch.num_rows() as u64;
        let Some(nest) = &nest else {
            return Ok(Raw { first: row, around: None, rows: RawRows::Columns(batch) });
        };
        let (batch, places) = nest.elements(&batch).ok_or_else(|| broken(&shown))?;
        let first = next_element;
        next_element += batch.num_rows() as u64;
        let around = places.into_iter().map(|it| row + u64::from(it)).collect();
        Ok(Raw { first, around: Some(around), rows: RawRows::Columns(batch) })
    };
    if file.format == Format::Parquet {
        let footer = match footer {
            Some(it) => it,
            None => self::footer(file)?,
        };
        let roots = match &file.nest {
            Some(nest) => nest.roots.clone(),
            None => file.places.iter().flatten().copied().collect(),
        };
        let reader = parquet(file, &footer, group.map(|it| it.0), roots, batch_size, None)?;
        return Ok(each(reader, file, raw));
    }
    let reader = sound::contained(|| FileReader::try_new(handle, None).ok()).flatten();
    Ok(each(reader.ok_or_else(|| broken(file))?, file, raw))
}

/// The batches of these columns of a Parquet file, or of a row group of it; of some rows where they
/// are chosen.
fn parquet(
    file: &DataFile,
    footer: &ArrowReaderMetadata,
    group: Option<usize>,
    roots: Vec<usize>,
    batch_size: usize,
    chosen: Option<RowSelection>,
) -> Result<ParquetRecordBatchReader, Trouble> {
    let handle = disk::open(&file.path).map_err(|_| broken(file))?;
    let own = handle.try_clone().map_err(|_| broken(file))?;
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, footer.clone());
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let groups = match group {
        Some(group) => group..group + 1,
        None => 0..builder.metadata().num_row_groups(),
    };
    let refused = |it| Trouble::data(format!("{}: {it}", file.shown)).help("check the file");
    let mut rows = batch_size;
    for group in groups {
        rows = sound::parquet_rows(&own, footer, group, &mask, rows).map_err(refused)?;
    }
    if let Some(group) = group {
        builder = builder.with_row_groups(vec![group]);
    }
    if let Some(rows) = chosen {
        builder = builder.with_row_selection(rows);
    }
    let reader =
        sound::contained(|| builder.with_projection(mask).with_batch_size(rows).build().ok());
    reader.flatten().ok_or_else(|| broken(file))
}

/// The rows of a Parquet file, or of a row group of it, that pass, with their numbers: the columns
/// that tell are read before the others.
pub fn sifted(
    file: &DataFile,
    footer: &ArrowReaderMetadata,
    group: Option<(usize, u64)>,
    batch_size: usize,
    mut sieve: Fitted,
) -> Result<RawBatches, Trouble> {
    let places = sieve.places();
    let held = encoded::columns(footer);
    let marked: Vec<bool> = (0..file.header.len())
        .map(|at| places.contains(&at) && held.get(at) == Some(&true))
        .collect();
    let telling = match marked.contains(&true) {
        true => encoded::footer(footer, &marked).ok_or_else(|| broken(file))?,
        false => footer.clone(),
    };
    let roots = places.into_iter().collect();
    let (group, first) = (group.map(|it| it.0), group.map_or(1, |it| it.1));
    let mut reader = parquet(file, &telling, group, roots, batch_size, None)?;
    let mut filters: Vec<BooleanArray> = Vec::new();
    let mut keep = |batch: Result<RecordBatch, ArrowError>| {
        sieve.of_columns(&batch.ok()?).map(BooleanArray::from)
    };
    while let Some(keep) =
        sound::contained(|| reader.next().map(&mut keep)).ok_or_else(|| broken(file))?
    {
        filters.push(keep.ok_or_else(|| broken(file))?);
    }
    if !filters.iter().any(BooleanArray::has_true) {
        return Ok(Box::new(std::iter::empty()));
    }
    let chosen = RowSelection::from_filters(&filters);
    let all = filters.iter().flat_map(|it| it.values().iter());
    let mut numbers: VecDeque<u64> = (first..).zip(all).filter(|it| it.1).map(|it| it.0).collect();
    let roots = file.places.iter().flatten().copied().collect();
    let reader = parquet(file, footer, group, roots, batch_size, Some(chosen))?;
    let shown = file.clone();
    let raw = move |batch: Result<RecordBatch, ArrowError>| {
        let batch = batch.map_err(|_| broken(&shown))?;
        let around: Vec<u64> = numbers.drain(..batch.num_rows().min(numbers.len())).collect();
        let first = around.first().copied().unwrap_or(first);
        Ok(Raw { first, around: Some(around), rows: RawRows::Columns(batch) })
    };
    Ok(each(reader, file, raw))
}

/// What a reader gives, one after the other; where it panics the file is damaged.
fn each<T: Send + 'static>(
    mut reader: impl Iterator<Item = T> + Send + 'static,
    file: &DataFile,
    mut raw: impl FnMut(T) -> Result<Raw, Trouble> + Send + 'static,
) -> RawBatches {
    let file = file.clone();
    Box::new(std::iter::from_fn(move || {
        let next = sound::contained(|| reader.next().map(&mut raw));
        next.unwrap_or_else(|| Some(Err(broken(&file))))
    }))
}

fn broken(file: &DataFile) -> Trouble {
    Trouble::data(format!("{}: cannot be read: it is damaged", file.shown)).help("check the file")
}

/// The wanted columns of a batch.
///
/// Errors: a column of a type that has no text.
pub fn columns(
    file: &DataFile,
    fields: &[Wanted],
    encoded: &[bool],
    batch: &RecordBatch,
    memory: &mut Memory,
) -> Result<Vec<Converted>, Trouble> {
    let made = || converted_columns(file, fields, encoded, batch, memory);
    sound::contained(made).unwrap_or_else(|| Err(broken(file)))
}

fn converted_columns(
    file: &DataFile,
    fields: &[Wanted],
    encoded: &[bool],
    batch: &RecordBatch,
    memory: &mut Memory,
) -> Result<Vec<Converted>, Trouble> {
    let mut all = Vec::with_capacity(fields.len());
    for (at, (field, place)) in fields.iter().zip(&file.places).enumerate() {
        let found = place.and_then(|at| batch.column_by_name(&file.header[at]));
        let made = match found {
            None => Some(text::column(batch.num_rows(), &field.reading, |_| Ok(None))),
            Some(column) if encoded.get(at) == Some(&true) => {
                memory.converted(at, column, |values| converted(values, &field.reading))
            }
            Some(column) => converted(column, &field.reading),
        };
        all.push(made.ok_or_else(|| broken(file))?);
    }
    Ok(all)
}

/// Where a value needs a closer look, its column goes through text as a CSV would: one set of rules
/// for every format.
fn converted(column: &ArrayRef, reading: &Reading) -> Option<Converted> {
    let long = is_too_long(column);
    if !long && let Some(array) = typed::converted(column, reading) {
        return Some(Converted { array, faults: Vec::new() });
    }
    if let Some(it) = typed::moments(column, reading) {
        return Some(it);
    }
    let plain;
    let reading = if typed::is_text(column.data_type()) {
        reading
    } else {
        // How decimals are written does not concern typed columns, nor do formats of dates but for
        // numbers such as 20260310.
        let format = reading.date_format.clone().filter(|_| column.data_type().is_integer());
        plain = Reading { date_format: format, decimal_mark: '.', ..reading.clone() };
        &plain
    };
    let texts = as_text(column)?;
    let texts = texts.as_string::<i32>();
    let cell = |row: usize| match texts.is_valid(row).then(|| texts.value(row)) {
        Some(text) if sound::MOST_CELL < text.len() => Err(Fault::TooLong),
        other => Ok(other),
    };
    Some(text::column(texts.len(), reading, cell))
}

/// Whether a text is longer than any cell may be.
fn is_too_long(column: &ArrayRef) -> bool {
    let Some(texts) = column.as_string_opt::<i32>() else { return false };
    let longest = || texts.offsets().windows(2).map(|it| it[1] - it[0]).max().unwrap_or(0);
    sound::MOST_CELL < texts.value_data().len()
        && usize::try_from(longest()).is_ok_and(|it| sound::MOST_CELL < it)
}

/// The values as text; `None` for a type that has none.
pub fn as_text(column: &ArrayRef) -> Option<ArrayRef> {
    match column.data_type() {
        DataType::Utf8 => Some(Arc::clone(column)),
        DataType::Timestamp(unit, Some(_)) => {
            let plain = cast(column, &DataType::Timestamp(*unit, None)).ok()?;
            cast(&plain, &DataType::Utf8).ok()
        }
        _ => cast(column, &DataType::Utf8).ok(),
    }
}
