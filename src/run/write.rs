//! The lines of a run as Parquet, Arrow, CSV or JSON lines, whole or not at all.

mod alike;

use std::fs;
use std::fs::File;
use std::io::BufWriter;
use std::io::Error;
use std::io::ErrorKind;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringArray;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::EnabledStatistics;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde_json::Map;
use serde_json::Value as Json;

use crate::disk;
use crate::disk::place;
use crate::disk::place::Place;
pub use crate::disk::place::folder;
use crate::disk::temporary::TemporaryFile;
use crate::disk::whole;
use crate::disk::whole::Fault;
use crate::disk::whole::Stepped;
use crate::run::decisions;
use crate::run::lines;
use crate::shown;
use crate::trouble::Trouble;

/// Writes beside the path under another name and renames at the end: a reader sees all of it or
/// nothing. Pipes and devices are written as lines come.
pub struct Writer {
    path: PathBuf,
    to: To,
    form: Form,
    fault: Fault,
    /// Lines that may still be written.
    left: usize,
    written: u64,
}

enum To {
    /// What is written, and where it goes.
    File(TemporaryFile, PathBuf),
    Stream,
}

/// Bytes of a row group, which is held until it is whole.
const GROUP: usize = 64 << 20;

enum Form {
    Csv(Box<arrow::csv::Writer<BufWriter<Stepped>>>),
    Parquet(Box<ArrowWriter<BufWriter<Stepped>>>),
    /// Parquet of decisions, which are mostly alike.
    Alike(Box<alike::Writer<BufWriter<Stepped>>>),
    Arrow(Box<arrow::ipc::writer::FileWriter<BufWriter<Stepped>>>),
    JsonLines(BufWriter<Stepped>),
}

impl Writer {
    /// For at most `limit` lines of the schema, of whose columns so many of the last mostly hold
    /// the same in many lines after each other.
    ///
    /// Errors: an extension that is none of `.parquet`, `.arrow`, `.csv`, `.jsonl`; a link that
    /// leads nowhere, or to a terminal where the format is no text; a disk that refuses.
    pub fn create(
        path: &Path,
        (schema, alike): (&SchemaRef, usize),
        limit: usize,
    ) -> Result<Writer, Trouble> {
        check_ending(path)?;
        let refused = |it: &Error| place::refused(path, it);
        let place = Place::of(path)?;
        let (to, file) = match (place::stream(&place), place) {
            (Some(stream), _) => (To::Stream, stream.map_err(|it| refused(&it))?),
            (None, Place::Stream(target) | Place::File(target)) => temporary(path, target)?,
            (None, Place::Stdout) => return Err(refused(&ErrorKind::Unsupported.into())),
        };
        if file.is_terminal() && matches!(ending(path).as_str(), "parquet" | "arrow") {
            let message = format!("{}: a terminal shows text only", path.display());
            return Err(Trouble::usage(message).help("name a file, or write .csv or .jsonl"));
        }
        let (out, fault) = Stepped::new(file);
        let out = BufWriter::new(out);
        let form = match ending(path).as_str() {
            "parquet" if schema.fields().len() > alike && 0 < alike => {
                let keys = schema.fields().len() - alike;
                // Columns of runs have no index of their pages, so no column has.
                let properties = properties(schema)
                    .into_builder()
                    .set_statistics_enabled(EnabledStatistics::Chunk)
                    .set_offset_index_disabled(true)
                    .build();
                let it = alike::Writer::new(out, schema, keys, properties);
                Form::Alike(Box::new(it.map_err(|_| refused(&fault.take()))?))
            }
            "parquet" => {
                let it = ArrowWriter::try_new(out, schema.clone(), Some(properties(schema)));
                Form::Parquet(Box::new(it.map_err(|_| refused(&fault.take()))?))
            }
            "arrow" => {
                let it = arrow::ipc::writer::FileWriter::try_new(out, schema);
                Form::Arrow(Box::new(it.map_err(|_| refused(&fault.take()))?))
            }
            "jsonl" => Form::JsonLines(out),
            // A stream that says no format gets this one.
            _ => {
                let mut it = arrow::csv::Writer::new(out);
                // The header, also when no line follows.
                it.write(&RecordBatch::new_empty(schema.clone()))
                    .map_err(|_| refused(&fault.take()))?;
                Form::Csv(Box::new(it))
            }
        };
        Ok(Writer { path: path.to_path_buf(), to, form, fault, left: limit, written: 0 })
    }

    /// Errors: a disk that refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Trouble> {
        let batch = batch.slice(0, self.left.min(batch.num_rows()));
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.left -= batch.num_rows();
        self.written += batch.num_rows() as u64;
        let done = match &mut self.form {
            Form::Csv(it) => it.write(&for_spreadsheets(&batch)).is_ok(),
            Form::Parquet(it) => it.write(&batch).is_ok(),
            Form::Alike(it) => it.write(&batch).is_ok(),
            Form::Arrow(it) => it.write(&batch).is_ok(),
            Form::JsonLines(it) => json_lines(it, &batch).is_ok(),
        };
        if done { Ok(()) } else { Err(self.to.refused(&self.path, &self.fault.take())) }
    }

    /// Puts the file in its place; says how many lines it has.
    ///
    /// Errors: a disk that refuses.
    pub fn finish(self) -> Result<u64, Trouble> {
        let done = match self.form {
            Form::Csv(it) => it.into_inner().flush().is_ok(),
            Form::Parquet(it) => it.close().is_ok(),
            Form::Alike(it) => it.close().is_ok(),
            Form::Arrow(mut it) => it.finish().is_ok(),
            Form::JsonLines(mut it) => it.flush().is_ok(),
        };
        let to = self.to;
        if !done {
            return Err(to.refused(&self.path, &self.fault.take()));
        }
        if let To::File(file, target) = to {
            let refused = |it: Error| place::refused(&self.path, &it);
            whole::sync(file.file()).map_err(refused)?;
            whole::step();
            file.persist(&target).map_err(refused)?;
        }
        Ok(self.written)
    }
}

/// The first and the last value are noted of columns by which somebody may look for rows.
fn properties(schema: &SchemaRef) -> WriterProperties {
    let mut it = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_bytes(Some(GROUP));
    for field in schema.fields().iter().filter(|it| !is_looked_for(it.name())) {
        let column = ColumnPath::from(field.name().as_str());
        it = it.set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    it.build()
}

/// What somebody may look for, of the columns after the keys: the others hold sentences, lists, and
/// numbers as texts.
const LOOKED_FOR: [&str; 3] = ["rule", "outcome", "channel"];

fn is_looked_for(name: &str) -> bool {
    let told = lines::COLUMNS.contains(&name) || decisions::COLUMNS.contains(&name);
    !told || LOOKED_FOR.contains(&name)
}

impl To {
    fn refused(&self, path: &Path, error: &Error) -> Trouble {
        match self {
            To::File(..) => place::refused(path, error),
            To::Stream if error.kind() == ErrorKind::BrokenPipe => place::gone(),
            To::Stream => {
                let reason = disk::reason(error);
                Trouble::resource(format!("{}: cannot be written: {reason}", path.display()))
                    .help("what was written before that has left already")
            }
        }
    }
}

/// A new file for its owner alone; one that stood there before keeps its permissions.
fn temporary(path: &Path, target: PathBuf) -> Result<(To, File), Trouble> {
    let refused = |it: Error| place::refused(path, &it);
    let within = folder(&target);
    fs::create_dir_all(within).map_err(refused)?;
    let file = TemporaryFile::within(within).map_err(refused)?;
    if let Ok(known) = fs::metadata(&target) {
        file.file().set_permissions(known.permissions()).map_err(refused)?;
    }
    let handle = file.reopen().map_err(refused)?;
    Ok((To::File(file, target), handle))
}

fn ending(path: &Path) -> String {
    path.extension().map(|it| it.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Whether a path names a folder: one that is there, or has no ending. `2026.05.03` has none.
pub fn is_folder(path: &Path) -> bool {
    let ending = ending(path);
    let slash = path.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]);
    let is_number = ending.chars().all(|it| it.is_ascii_digit());
    path.is_dir() || (!is_streamed(path) && (slash || is_number))
}

/// Whether a path leads to stdout, a pipe or a device: lines are written as they come.
fn is_streamed(path: &Path) -> bool {
    Place::of(path).is_ok_and(|it| it.is_streamed())
}

/// Refuses an ending before the run, not after it.
///
/// Errors: an ending that says no format.
pub fn check_ending(path: &Path) -> Result<(), Trouble> {
    match ending(path).as_str() {
        "csv" | "parquet" | "arrow" | "jsonl" => Ok(()),
        _ if is_streamed(path) => Ok(()),
        _ => {
            let message = format!("{}: the ending says no format", path.display());
            Err(Trouble::usage(message)
                .help("write .parquet, .csv, .jsonl or .arrow; a folder has no ending"))
        }
    }
}

/// Columns that hold JSON: objects, lists.
const OBJECTS: [&str; 1] = ["evidence"];
const LISTS: [&str; 5] = ["hits", "undecided", "suppressed", "draws", "steps"];

/// The same lines, no cell of which a spreadsheet takes for a formula, or leaves its line.
fn for_spreadsheets(batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, column)| match column.as_string_opt::<i32>() {
        Some(texts) => {
            let name = field.name().as_str();
            let is_json = OBJECTS.contains(&name) || LISTS.contains(&name);
            let written = |it| if is_json { shown::json(it) } else { shown::cell(it) };
            let cells = texts.iter().map(|it| it.map(written));
            Arc::new(cells.collect::<StringArray>()) as ArrayRef
        }
        None => column.clone(),
    });
    // The same schema, the same rows: nothing can be refused.
    RecordBatch::try_new(batch.schema(), columns.collect()).unwrap_or_else(|_| batch.clone())
}

fn json_lines(out: &mut impl Write, batch: &RecordBatch) -> std::io::Result<()> {
    let schema = batch.schema();
    for row in 0..batch.num_rows() {
        let mut object = Map::new();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            let column = column.as_string::<i32>();
            let text = if column.is_null(row) { None } else { Some(column.value(row)) };
            let value = match (field.name().as_str(), text) {
                (name, text) if OBJECTS.contains(&name) => {
                    let shown = text.and_then(|it| serde_json::from_str(it).ok());
                    shown.unwrap_or_else(|| Json::Object(Map::new()))
                }
                (name, text) if LISTS.contains(&name) => {
                    let all = text.and_then(|it| serde_json::from_str(it).ok());
                    all.unwrap_or_else(|| Json::Array(Vec::new()))
                }
                (_, Some(text)) => Json::String(text.to_owned()),
                (_, None) => Json::Null,
            };
            object.insert(field.name().clone(), value);
        }
        writeln!(out, "{}", shown::json(&Json::Object(object).to_string()))?;
    }
    Ok(())
}
