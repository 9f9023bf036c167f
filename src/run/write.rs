//! The lines of a run as Parquet, Arrow, CSV or JSON lines, whole or not at all.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use serde_json::Map;
use serde_json::Value as Json;

use crate::ir::RuleSet;
use crate::run::Done;
use crate::run::Line;
use crate::trouble::Trouble;

const COLUMNS: [&str; 7] =
    ["rule", "outcome", "score", "channel", "because", "evidence", "undecided_because"];

/// Writes beside `path` under another name and renames: a reader sees all of it or nothing.
///
/// Errors: an extension that is none of `.parquet`, `.arrow`, `.csv`, `.jsonl`; a disk that refuses.
pub fn write(set: &RuleSet, done: &Done, path: &Path) -> Result<(), Trouble> {
    let refused = |_| Trouble::resource(format!("{}: cannot be written", path.display()));
    let extension = path.extension().map(|it| it.to_string_lossy().to_lowercase());
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(refused)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(refused)?;
    let broken = || Trouble::resource(format!("{}: cannot be written", path.display()));
    match extension.as_deref() {
        Some("csv") => {
            let batch = batch(set, done)?;
            let mut writer = arrow::csv::Writer::new(&mut file);
            writer.write(&batch).map_err(|_| broken())?;
        }
        Some("parquet") => {
            let batch = batch(set, done)?;
            let mut writer = parquet::arrow::ArrowWriter::try_new(&mut file, batch.schema(), None)
                .map_err(|_| broken())?;
            writer.write(&batch).map_err(|_| broken())?;
            writer.close().map_err(|_| broken())?;
        }
        Some("arrow") => {
            let batch = batch(set, done)?;
            let mut writer = arrow::ipc::writer::FileWriter::try_new(&mut file, &batch.schema())
                .map_err(|_| broken())?;
            writer.write(&batch).map_err(|_| broken())?;
            writer.finish().map_err(|_| broken())?;
        }
        Some("jsonl") => {
            for line in &done.lines {
                let text = Json::Object(json(set, done, line)).to_string();
                writeln!(file, "{text}").map_err(refused)?;
            }
        }
        _ => {
            let message = format!("{}: the ending says no format", path.display());
            return Err(Trouble::usage(message).help("write .parquet, .csv, .jsonl or .arrow"));
        }
    }
    file.as_file().sync_all().map_err(refused)?;
    file.persist(path).map_err(|_| broken())?;
    Ok(())
}

/// Refuses an ending before the run, not after it.
pub fn check_ending(path: &Path) -> Result<(), Trouble> {
    let extension = path.extension().map(|it| it.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("csv" | "parquet" | "arrow" | "jsonl") => Ok(()),
        _ => {
            let message = format!("{}: the ending says no format", path.display());
            Err(Trouble::usage(message).help("write .parquet, .csv, .jsonl or .arrow"))
        }
    }
}

fn json(set: &RuleSet, done: &Done, line: &Line) -> Map<String, Json> {
    let mut object = Map::new();
    let text = |it: Option<String>| it.map_or(Json::Null, Json::String);
    for (name, key) in done.key_names.iter().zip(&line.keys) {
        object.insert(name.clone(), text(key.clone()));
    }
    for (name, value) in COLUMNS.iter().zip(values(set, line)) {
        let value = match *name {
            "evidence" => Json::Object(evidence(line)),
            _ => text(value),
        };
        object.insert((*name).to_owned(), value);
    }
    object
}

fn evidence(line: &Line) -> Map<String, Json> {
    line.finding
        .evidence
        .iter()
        .map(|(name, it)| (name.clone(), Json::String(it.clone())))
        .collect()
}

fn values(set: &RuleSet, line: &Line) -> [Option<String>; 7] {
    let rule = &set.rules[line.rule.0];
    let given = |it: String| if it.is_empty() { None } else { Some(it) };
    let shown = evidence(line);
    [
        Some(rule.id.to_string()),
        Some(line.finding.outcome.words().to_owned()),
        line.finding.score.map(|it| it.to_string()),
        rule.channel.clone(),
        given(line.finding.because.clone()),
        if shown.is_empty() { None } else { Some(Json::Object(shown).to_string()) },
        given(line.finding.open.join(", ")),
    ]
}

fn batch(set: &RuleSet, done: &Done) -> Result<RecordBatch, Trouble> {
    let names = done.key_names.iter().map(String::as_str).chain(COLUMNS);
    let fields: Vec<Field> = names.map(|it| Field::new(it, DataType::Utf8, true)).collect();
    let keys = done.key_names.len();
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); fields.len()];
    for line in &done.lines {
        for (column, key) in columns.iter_mut().zip(&line.keys) {
            column.push(key.clone());
        }
        for (column, value) in columns[keys..].iter_mut().zip(values(set, line)) {
            column.push(value);
        }
    }
    let arrays = columns.into_iter().map(|it| Arc::new(StringArray::from(it)) as ArrayRef);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.collect())
        .map_err(|_| Trouble::bug("the output does not fit its own schema"))
}
