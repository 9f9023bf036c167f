//! Parquet and Arrow IPC: typed columns to canonical ones.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::new_null_array;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::FileReader;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::data::Assembler;
use crate::data::Batches;
use crate::data::DataFile;
use crate::data::Format;
use crate::schema::Type;
use crate::trouble::Trouble;

pub fn schema(path: &Path, format: Format) -> Result<SchemaRef, String> {
    let file = File::open(path).map_err(|_| "cannot be opened".to_owned())?;
    match format {
        Format::Parquet => ParquetRecordBatchReaderBuilder::try_new(file)
            .map(|it| it.schema().clone())
            .map_err(|_| "is not a whole Parquet file: it may be truncated".to_owned()),
        Format::Arrow | Format::Csv => FileReader::try_new(file, None)
            .map(|it| it.schema())
            .map_err(|_| "is not a whole Arrow file: it may be truncated".to_owned()),
    }
}

/// What is found, in words, when a column cannot be read as the type.
pub fn refusal(found: &DataType, needed: &Type) -> Option<String> {
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
        Type::Date => text || day || instant,
        Type::DateTime => text || day || instant,
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

pub fn read(file: DataFile, assembler: Assembler, batch_size: usize) -> Batches {
    match open(&file, batch_size) {
        Err(trouble) => Box::new(std::iter::once(Err(trouble))),
        Ok(batches) => {
            let mut next_row = 1;
            Box::new(batches.map(move |batch| {
                let batch = batch?;
                let first = next_row;
                next_row += batch.num_rows() as u64;
                canonical(&file, &assembler, &batch, first)
            }))
        }
    }
}

fn broken(file: &DataFile) -> Trouble {
    Trouble::data(format!("{}: cannot be read: it is damaged", file.shown)).help("check the file")
}

fn open(file: &DataFile, batch_size: usize) -> Result<Batches, Trouble> {
    let handle = File::open(&file.path).map_err(|_| broken(file))?;
    let shown = file.clone();
    if file.format == Format::Parquet {
        let builder = ParquetRecordBatchReaderBuilder::try_new(handle).map_err(|_| broken(file))?;
        let roots = file.places.iter().flatten().copied();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = builder.with_projection(mask).with_batch_size(batch_size).build();
        let reader = reader.map_err(|_| broken(file))?;
        return Ok(Box::new(reader.map(move |it| it.map_err(|_| broken(&shown)))));
    }
    let reader = FileReader::try_new(handle, None).map_err(|_| broken(file))?;
    Ok(Box::new(reader.map(move |it| it.map_err(|_| broken(&shown)))))
}

/// Through text, as a CSV would be read: one set of rules for every format.
fn canonical(
    file: &DataFile,
    assembler: &Assembler,
    batch: &RecordBatch,
    first: u64,
) -> Result<RecordBatch, Trouble> {
    let rows = batch.num_rows();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for place in &file.places {
        let found = place.and_then(|at| batch.column_by_name(&file.header[at]));
        columns.push(match found {
            None => new_null_array(&DataType::Utf8, rows),
            Some(column) => as_text(column).ok_or_else(|| broken(file))?,
        });
    }
    let texts: Vec<_> = columns.iter().map(|it| it.as_string::<i32>()).collect();
    let cell = |row: usize, column: usize| {
        let it = texts[column];
        Ok(if it.is_null(row) { None } else { Some(it.value(row)) })
    };
    assembler.batch(rows, first, cell, |_| false)
}

fn as_text(column: &ArrayRef) -> Option<ArrayRef> {
    match column.data_type() {
        DataType::Utf8 => Some(Arc::clone(column)),
        DataType::Timestamp(unit, Some(_)) => {
            let plain = cast(column, &DataType::Timestamp(*unit, None)).ok()?;
            cast(&plain, &DataType::Utf8).ok()
        }
        _ => cast(column, &DataType::Utf8).ok(),
    }
}
