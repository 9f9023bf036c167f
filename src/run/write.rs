//! The lines of a run as Parquet, Arrow, CSV or JSON lines, whole or not at all.

use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::Map;
use serde_json::Value as Json;
use tempfile::NamedTempFile;

use crate::data::whole;
use crate::data::whole::Stepped;
use crate::trouble::Trouble;

/// Writes beside the path under another name and renames at the end: a reader sees all of it or
/// nothing.
pub struct Writer {
    path: PathBuf,
    file: NamedTempFile,
    form: Form,
    /// Lines that may still be written.
    left: usize,
    written: u64,
}

enum Form {
    Csv(Box<arrow::csv::Writer<BufWriter<Stepped>>>),
    Parquet(Box<ArrowWriter<BufWriter<Stepped>>>),
    Arrow(Box<arrow::ipc::writer::FileWriter<BufWriter<Stepped>>>),
    JsonLines(BufWriter<Stepped>),
}

impl Writer {
    /// For at most `limit` lines of the schema.
    ///
    /// Errors: an extension that is none of `.parquet`, `.arrow`, `.csv`, `.jsonl`; a disk that
    /// refuses.
    pub fn create(path: &Path, schema: &SchemaRef, limit: usize) -> Result<Writer, Trouble> {
        check_ending(path)?;
        let refused = || refused(path);
        let folder = folder(path);
        std::fs::create_dir_all(folder).map_err(|_| refused())?;
        let file = whole::temporary(folder).map_err(|_| refused())?;
        let out = BufWriter::new(Stepped(file.reopen().map_err(|_| refused())?));
        let form = match ending(path).as_str() {
            "csv" => {
                let mut it = arrow::csv::Writer::new(out);
                // The header, also when no line follows.
                it.write(&RecordBatch::new_empty(schema.clone())).map_err(|_| refused())?;
                Form::Csv(Box::new(it))
            }
            "parquet" => {
                let properties =
                    WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let it = ArrowWriter::try_new(out, schema.clone(), Some(properties));
                Form::Parquet(Box::new(it.map_err(|_| refused())?))
            }
            "arrow" => {
                let it = arrow::ipc::writer::FileWriter::try_new(out, schema);
                Form::Arrow(Box::new(it.map_err(|_| refused())?))
            }
            _ => Form::JsonLines(out),
        };
        Ok(Writer { path: path.to_path_buf(), file, form, left: limit, written: 0 })
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
            Form::Csv(it) => it.write(&batch).is_ok(),
            Form::Parquet(it) => it.write(&batch).is_ok(),
            Form::Arrow(it) => it.write(&batch).is_ok(),
            Form::JsonLines(it) => json_lines(it, &batch).is_ok(),
        };
        if done { Ok(()) } else { Err(refused(&self.path)) }
    }

    /// Puts the file in its place; says how many lines it has.
    ///
    /// Errors: a disk that refuses.
    pub fn finish(self) -> Result<u64, Trouble> {
        let done = match self.form {
            Form::Csv(it) => it.into_inner().flush().is_ok(),
            Form::Parquet(it) => it.close().is_ok(),
            Form::Arrow(mut it) => it.finish().is_ok(),
            Form::JsonLines(mut it) => it.flush().is_ok(),
        };
        if !done || whole::sync(self.file.as_file()).is_err() {
            return Err(refused(&self.path));
        }
        whole::step();
        self.file.persist(&self.path).map_err(|_| refused(&self.path))?;
        Ok(self.written)
    }
}

/// The folder of a file to be written.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn refused(path: &Path) -> Trouble {
    Trouble::resource(format!("{}: cannot be written", path.display()))
}

fn ending(path: &Path) -> String {
    path.extension().map(|it| it.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Whether a path names a folder: one that is there, or has no ending. `2026.05.03` has none.
pub fn is_folder(path: &Path) -> bool {
    let ending = ending(path);
    let slash = path.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]);
    let is_number = ending.chars().all(|it| it.is_ascii_digit());
    path.is_dir() || slash || is_number
}

/// Refuses an ending before the run, not after it.
///
/// Errors: an ending that says no format.
pub fn check_ending(path: &Path) -> Result<(), Trouble> {
    match ending(path).as_str() {
        "csv" | "parquet" | "arrow" | "jsonl" => Ok(()),
        _ => {
            let message = format!("{}: the ending says no format", path.display());
            Err(Trouble::usage(message)
                .help("write .parquet, .csv, .jsonl or .arrow; a folder has no ending"))
        }
    }
}

fn json_lines(out: &mut impl Write, batch: &RecordBatch) -> std::io::Result<()> {
    let schema = batch.schema();
    for row in 0..batch.num_rows() {
        let mut object = Map::new();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            let column = column.as_string::<i32>();
            let text = if column.is_null(row) { None } else { Some(column.value(row)) };
            let value = match (field.name().as_str(), text) {
                ("evidence", text) => {
                    let shown = text.and_then(|it| serde_json::from_str(it).ok());
                    shown.unwrap_or_else(|| Json::Object(Map::new()))
                }
                ("hits" | "undecided" | "suppressed" | "draws" | "steps", text) => {
                    let all = text.and_then(|it| serde_json::from_str(it).ok());
                    all.unwrap_or_else(|| Json::Array(Vec::new()))
                }
                (_, Some(text)) => Json::String(text.to_owned()),
                (_, None) => Json::Null,
            };
            object.insert(field.name().clone(), value);
        }
        writeln!(out, "{}", Json::Object(object))?;
    }
    Ok(())
}
