//! Decisions that are mostly alike: written as runs, they are what every other format holds.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use arrow::array::Array;
use arrow::array::AsArray;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("alike: runs of decisions are read as they were made", || same(TWO_LINES)),
        Trial::test("alike: those who stand in line are in none of the runs", || same(CAPACITY)),
    ]
}

const SCHEMA: &str = "record declaration
  key declaration_id
  field declaration_id : text required
  field accepted_date : date required
  field office : text
  history date accepted_date

record item in declaration
  key item_number
  field item_number : whole number required
  field packages : whole number
";

const RULES: &str = "rule R1
  for each item
  when packages > 11
  then
    score 50
    because \"{declaration_id}\"

rule R2
  for each item
  when packages < 1
  then
    score 5

policy p
  for declaration
  combine sum
  route to red when score >= 40
  route to green otherwise
";

const TWO_LINES: &str = "";
const CAPACITY: &str = "  capacity red 40 per office, day overflow to yellow\n";

/// More than a page holds; so many hits that their texts are no longer held as runs.
const ROWS: usize = 70_000;

fn project(folder: &Path, lines: &str) -> Result<(), Failed> {
    fs::write(folder.join("schema.tamis"), SCHEMA)?;
    fs::write(folder.join("r.tamis"), format!("{RULES}{lines}"))?;
    for (name, factor) in [("sorted.csv", 1), ("mixed.csv", 7_919)] {
        let mut text = "declaration_id,item_number,accepted_date,office,packages\n".to_owned();
        for at in 0..ROWS {
            let row = at * factor % ROWS;
            // Some declarations have two rows, one after the other or far from each other.
            let (id, item) = if row % 5 == 4 { (row - 1, 2) } else { (row, 1) };
            let (day, office) = (id % 28 + 1, ["A", "B"][id % 2]);
            writeln!(text, "D{id:06},{item},2026-03-{day:02},{office},{}", row % 13)?;
        }
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

fn run(folder: &Path, data: &str, out: &str, threads: &str) -> Result<Vec<u8>, Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .args(["run", data, "--rules", "r.tamis", "--schema", "schema.tamis", "--quiet"])
        .args(["--out", "h.csv", "--decisions", out, "--threads", threads])
        .output()?;
    match output.status.success() {
        true => Ok(fs::read(folder.join(out))?),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

fn same(lines: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    project(folder, lines)?;
    let known = run(folder, "sorted.csv", "c.parquet", "2")?;
    for (data, threads) in [("sorted.csv", "1"), ("mixed.csv", "3")] {
        if run(folder, data, "d.parquet", threads)? != known {
            return Err(format!("{data}, {threads} threads: other bytes").into());
        }
    }
    let text = run(folder, "mixed.csv", "c.csv", "2")?;
    let mut records = csv::Reader::from_reader(text.as_slice());
    let mut records = records.records();
    let file = fs::File::open(folder.join("c.parquet"))?;
    let mut rows = 0;
    for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            let record = records.next().ok_or("fewer lines than rows")??;
            for (at, column) in batch.columns().iter().enumerate() {
                let column = column.as_string::<i32>();
                let value = if column.is_valid(row) { column.value(row) } else { "" };
                if record.get(at) != Some(value) {
                    return Err(format!("row {rows}: {value} is not {record:?}").into());
                }
            }
            rows += 1;
        }
    }
    let is_right = rows == ROWS - ROWS / 5 && records.next().is_none();
    if is_right { Ok(()) } else { Err(format!("{rows} decisions").into()) }
}
