//! Data that does not fit: the file, column and row are told, a row's content never.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Date32Array;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::array::StringArray;
use arrow::record_batch::RecordBatch;
use libtest_mimic::Failed;
use libtest_mimic::Trial;

const SCHEMA: &str = "\
record declaration
  key id
  field id : text required
  field mass : mass in kg personal
  field lodged_on : date personal
  field packages : whole number
";

const RULES: &str = "\
rule R1
  when any of
    - mass > 5 kg
    - lodged_on < 2020-01-01
    - packages > 3
";

/// Written where it must never show: in fields that are personal.
const SECRET: &str = "Zorro";

/// Name, content of `b.csv`, exit code, words of the message.
const FILES: &[(&str, &str, i32, &[&str])] = &[
    ("columns in another order", "packages,mass,id,lodged_on\n1,7,2,2026-03-10\n", 0, &[]),
    ("a column nobody asked for", "id,mass,lodged_on,packages,name\n2,7,,1,Zorro\n", 0, &[]),
    (
        "a number that cannot be read",
        "id,mass,lodged_on,packages\n2,Zorro,,\n",
        3,
        &["b.csv", "`mass` not readable", "1 time", "row 1"],
    ),
    (
        "a date that cannot be read",
        "id,mass,lodged_on,packages\n2,1,,\n3,1,31/12/Zorro,\n",
        3,
        &["b.csv", "`lodged_on` not readable", "row 2"],
    ),
    (
        "a date that is not in the calendar",
        "id,mass,lodged_on,packages\n2,1,2026-02-30,\n",
        3,
        &["b.csv", "`lodged_on`", "row 1"],
    ),
    (
        "a whole number with decimals",
        "id,mass,lodged_on,packages\n2,1,,1.5\n",
        3,
        &["b.csv", "`packages`", "row 1"],
    ),
    (
        "a number out of range",
        "id,mass,lodged_on,packages\n2,1,,99999999999999999999\n",
        3,
        &["b.csv", "`packages`", "row 1"],
    ),
    (
        "a ragged row",
        "id,mass,lodged_on,packages\n2,1,,\nZorro,7\n",
        3,
        &["b.csv", "ragged row", "row 2"],
    ),
    ("a row without its key", "id,mass,lodged_on,packages\n,7,,\n", 3, &["b.csv", "`id`", "row 1"]),
    (
        "a renamed column",
        "id,weight,lodged_on,packages\n2,7,,\n",
        3,
        &["b.csv", "column `mass` is missing"],
    ),
    ("a column twice", "id,mass,mass,lodged_on,packages\n2,7,7,,\n", 3, &["b.csv", "mass"]),
    ("an empty file", "", 3, &["b.csv", "is empty"]),
    ("a header alone", "id,mass,lodged_on,packages\n", 0, &[]),
];

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = FILES
        .iter()
        .map(|(name, csv, exit, words)| {
            Trial::test(format!("bad data {name}"), || {
                let folder = project(csv.as_bytes(), "b.csv")?;
                said(folder.path(), "b.csv", *exit, words)
            })
        })
        .collect();
    trials.push(Trial::test("bad data no UTF-8", || {
        let folder = project(b"id,mass,lodged_on,packages\n\xff,7,,\n", "b.csv")?;
        said(folder.path(), "b.csv", 3, &["b.csv"])
    }));
    trials.push(Trial::test("bad data a missing file", || {
        let folder = project(b"", "b.csv")?;
        said(folder.path(), "c.csv", 2, &["c.csv"])
    }));
    trials.push(Trial::test("bad data a truncated Parquet file", truncated));
    trials.push(Trial::test("bad data a wrong type in one of many Parquet files", wrong_type));
    trials.push(Trial::test("bad data no Parquet at all", || {
        let folder = project(b"Zorro Zorro Zorro Zorro", "b.parquet")?;
        said(folder.path(), "b.parquet", 3, &["b.parquet"])
    }));
    trials
}

fn project(content: &[u8], name: &str) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("schema.tamis"), SCHEMA)?;
    fs::write(folder.path().join("rules.tamis"), RULES)?;
    let good = "id,mass,lodged_on,packages\nA1,7,2026-03-10,1\n";
    fs::write(folder.path().join("a.csv"), good)?;
    fs::write(folder.path().join(name), content)?;
    Ok(folder)
}

/// A good file, then the other one.
fn said(folder: &Path, name: &str, exit: i32, words: &[&str]) -> Result<(), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .args(["run", "a.csv", name, "--rules", "rules.tamis", "--schema", "schema.tamis"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let lacking = words.iter().find(|it| !said.contains(**it));
    if output.status.code() != Some(exit) || lacking.is_some() || said.contains(SECRET) {
        return Err(format!("{:?}, lacks {lacking:?}: {said}", output.status).into());
    }
    Ok(())
}

/// Cut at several places; the sample's own rules.
fn truncated() -> Result<(), Failed> {
    let whole = fs::read("data/kcs-54k/valid.parquet")?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cut.parquet");
    for kept in [0, 3, 4, 12, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, whole.get(..kept).unwrap_or_default())?;
        let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
            .args(["run", "-C", "rules"])
            .arg(&path)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() != Some(3) || !said.contains("cut.parquet") {
            return Err(format!("{kept} bytes: {:?}: {said}", output.status).into());
        }
    }
    Ok(())
}

/// Masses as dates in one of three files: the file and its column are named, nothing is run.
fn wrong_type() -> Result<(), Failed> {
    let folder = project(b"", "unused.csv")?;
    let text = |it: &str| -> ArrayRef { Arc::new(StringArray::from(vec![it])) };
    for (name, mass) in [
        ("x.parquet", Arc::new(Float64Array::from(vec![7.5])) as ArrayRef),
        ("y.parquet", Arc::new(Date32Array::from(vec![18_000])) as ArrayRef),
        ("z.parquet", Arc::new(Int64Array::from(vec![7])) as ArrayRef),
    ] {
        let columns = [
            ("id", text(name)),
            ("mass", mass),
            ("lodged_on", text("2026-03-10")),
            ("packages", text("1")),
        ];
        let batch = RecordBatch::try_from_iter(columns)?;
        let file = fs::File::create(folder.path().join(name))?;
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None)?;
        writer.write(&batch)?;
        writer.close()?;
    }
    said(folder.path(), "y.parquet", 3, &["y.parquet", "column `mass` is a date"])?;
    said(folder.path(), "x.parquet", 0, &[])?;
    said(folder.path(), "z.parquet", 0, &[])
}
