//! The files of random archives: CSV, or Parquet with texts by dictionary.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use libtest_mimic::Failed;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tamis::probe::Files;

use crate::past::Sample;
use crate::past::day;
use crate::seed::Random;

pub const HEADER: &str = "declaration_id,accepted_date,accepted_at,importer_id,office,\
    item_number,hs,origin,value,net_mass,fraud,told_on,stored_on,stored_at";
const CONTROLS: &str = "control_id,control_date,recorded_on,importer_id,result,amount";
const OPERATORS: &str = "operator_id,registered_on,level,country";

fn write(folder: &Path, name: &str, header: &str, rows: &[String]) -> std::io::Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, format!("{header}\n{}\n", rows.join("\n")))?;
    Ok(path)
}

fn cell(row: &str, at: usize) -> Option<&str> {
    row.split(',').nth(at).filter(|it| !it.is_empty())
}

/// The same cells in a Parquet file, as texts.
fn write_parquet(folder: &Path, name: &str, rows: &[String]) -> Result<PathBuf, Failed> {
    let column = |(at, name): (usize, &'static str)| {
        let cells: StringArray = rows.iter().map(|row| cell(row, at).map(str::to_owned)).collect();
        (name, Arc::new(cells) as ArrayRef)
    };
    let names = HEADER.split(',').map(str::trim);
    let batch = RecordBatch::try_from_iter(names.enumerate().map(column))?;
    let path = folder.join(name);
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(16)).build();
    let mut writer =
        ArrowWriter::try_new(fs::File::create(&path)?, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(path)
}

/// The files of a sample.
pub fn written(it: &Sample, folder: &Path) -> Result<Files, Failed> {
    let mut files = Files::default();
    let declarations = |name: String, rows: &[String]| -> Result<PathBuf, Failed> {
        match it.parquet {
            true => write_parquet(folder, &format!("{name}.parquet"), rows),
            false => Ok(write(folder, &format!("{name}.csv"), HEADER, rows)?),
        }
    };
    for (at, rows) in it.today.chunks(it.today.len().div_ceil(it.parts).max(1)).enumerate() {
        files.data.push(declarations(format!("today{at}"), rows)?);
    }
    if !it.history.is_empty() {
        files.history.push(declarations("history".to_owned(), &it.history)?);
    }
    let controls = write(folder, "controls.csv", CONTROLS, &it.controls)?;
    let operators = write(folder, "operators.csv", OPERATORS, &it.operators)?;
    let own = [("control", controls), ("operator", operators)];
    files.records =
        own.into_iter().map(|it| (it.0.to_owned(), vec![it.1])).collect::<BTreeMap<_, _>>();
    Ok(files)
}

/// A register with several entries of some, at random.
pub fn operators(random: &mut Random) -> Vec<String> {
    let mut all = Vec::new();
    for id in ["A", "B", "C"] {
        for _ in 0..random.below(3) {
            let level = random.one(&["low", "high", ""]);
            let country = random.one(&["FR", "CN", ""]);
            all.push(format!("{id},{},{level},{country}", day(random, 0)));
        }
    }
    all
}
