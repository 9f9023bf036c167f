//! Typed columns say what the same values say as text.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::DictionaryArray;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::array::StringArray;
use arrow::array::TimestampNanosecondArray;
use arrow::datatypes::Int8Type;
use arrow::record_batch::RecordBatch;
use libtest_mimic::Failed;
use libtest_mimic::Trial;

const SCHEMA: &str = "\
codes HS levels 2, 4, 6
record item
  key id
  field id : text required
  field hs : code of HS
  field origin : country
  field mass : mass in t
  field value : money in EUR
  field rate : percent
  field packages : whole number
  field lodged_on : date
  field seen_at : date-time
  field controlled : truth
";

const RULES: &str = "\
rule R1
  when mass > 1.5 kg
  then
    show mass, value, rate, packages, lodged_on, seen_at, hs, origin, controlled

rule R2
  when not (value > 2 EUR or packages < 4 or controlled or lodged_on < 1990-01-01)
  then
    show mass, value, rate, packages, lodged_on, seen_at, hs, origin, controlled
";

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("typed columns that fit", || agree(&fitting())),
        Trial::test("typed columns with faults", || agree(&faulty())),
        Trial::test("texts that fit, by dictionary", || agree(&texts(fitting()))),
        Trial::test("texts with faults, by dictionary", || agree(&texts(faulty()))),
    ]
}

fn fitting() -> Vec<Held> {
    let dictionary: DictionaryArray<Int8Type> = vec!["CN", "FR", "CN", "GB"].into_iter().collect();
    vec![
        ("id", Arc::new(StringArray::from(vec!["a", "b", "c", "d"])), vec!["a", "b", "c", "d"]),
        (
            "hs",
            Arc::new(StringArray::from(vec![Some("851713"), None, Some("010121"), Some("64")])),
            vec!["851713", "", "010121", "64"],
        ),
        ("origin", Arc::new(dictionary), vec!["CN", "FR", "CN", "GB"]),
        (
            "mass",
            Arc::new(Float64Array::from(vec![Some(0.0015), Some(1e-7), None, Some(12345.678)])),
            vec!["0.0015", "0.0000001", "", "12345.678"],
        ),
        (
            "value",
            Arc::new(
                Decimal128Array::from(vec![Some(200), Some(-1), Some(0), None])
                    .with_precision_and_scale(12, 2)
                    .expect("it fits"),
            ),
            vec!["2.00", "-0.01", "0", ""],
        ),
        (
            "rate",
            Arc::new(Float64Array::from(vec![8.0, 2.5, 0.1, 1.0 / 3.0])),
            vec!["8", "2.5", "0.1", "0.3333333333333333"],
        ),
        (
            "packages",
            Arc::new(Int64Array::from(vec![Some(4), Some(i64::MAX), None, Some(-3)])),
            vec!["4", "9223372036854775807", "", "-3"],
        ),
        (
            "lodged_on",
            Arc::new(Date32Array::from(vec![Some(0), Some(20_000), None, Some(-1)])),
            vec!["1970-01-01", "2024-10-04", "", "1969-12-31"],
        ),
        (
            "seen_at",
            Arc::new(TimestampNanosecondArray::from(vec![
                Some(0),
                Some(1_500_000_000),
                None,
                Some(-1_000),
            ])),
            vec!["1970-01-01T00:00", "1970-01-01T00:00:01.5", "", "1969-12-31T23:59:59.999999"],
        ),
        (
            "controlled",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(false)])),
            vec!["true", "false", "", "false"],
        ),
    ]
}

/// Values out of range, not finite, not tidy, with decimals that are too many.
fn faulty() -> Vec<Held> {
    let mut columns = fitting();
    columns[1].1 = Arc::new(StringArray::from(vec![" 8517.13", "85-17", "010121", ""]));
    columns[1].2 = vec![" 8517.13", "85-17", "010121", ""];
    columns[3].1 = Arc::new(Float64Array::from(vec![f64::NAN, 1e300, f64::INFINITY, 0.1 + 0.2]));
    columns[3].2 = vec!["NaN", "1e300", "inf", "0.30000000000000004"];
    columns[6].1 = Arc::new(Float64Array::from(vec![4.0, 4.5, 1e19, -0.0]));
    columns[6].2 = vec!["4", "4.5", "1e19", "0"];
    columns[7].1 = Arc::new(Date32Array::from(vec![-800_000, 20_000, 90_000, -25_567]));
    columns[7].2 = vec!["-0221-08-27", "2024-10-04", "2216-05-31", "1900-01-01"];
    columns
}

/// The same columns as texts, of which a Parquet file holds each once; what is blank is nothing.
fn texts(columns: Vec<Held>) -> Vec<Held> {
    let text = |(name, _, texts): Held| {
        let given = |it: &&'static str| Some(*it).filter(|it| !it.is_empty());
        let array: StringArray = texts.iter().map(given).collect();
        (name, Arc::new(array) as ArrayRef, texts)
    };
    columns.into_iter().map(text).collect()
}

/// A column with a type, and its values as text.
type Held = (&'static str, ArrayRef, Vec<&'static str>);

fn agree(columns: &[Held]) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("schema.tamis"), SCHEMA)?;
    fs::write(folder.path().join("rules.tamis"), RULES)?;
    let batch = RecordBatch::try_from_iter(columns.iter().map(|it| (it.0, it.1.clone())))?;
    let file = fs::File::create(folder.path().join("typed.parquet"))?;
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    let names: Vec<&str> = columns.iter().map(|it| it.0).collect();
    let mut text = names.join(",") + "\n";
    for row in 0..batch.num_rows() {
        let cells: Vec<&str> = columns.iter().map(|it| it.2[row]).collect();
        text += &(cells.join(",") + "\n");
    }
    fs::write(folder.path().join("text.csv"), text)?;
    let typed = said(folder.path(), "typed.parquet")?;
    let text = said(folder.path(), "text.csv")?;
    if typed == text && typed.0.lines().count() > 1 {
        return Ok(());
    }
    Err(format!("typed\n{}{}\ntext\n{}{}", typed.0, typed.1, text.0, text.1).into())
}

/// Lines, and faults by column without their file.
fn said(folder: &Path, data: &str) -> Result<(String, String), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .args(["run", data, "--rules", "rules.tamis", "--schema", "schema.tamis"])
        .args(["--out", "hits.csv", "--max-rejected", "100%", "--output", "json"])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let mut summary: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    // Typed columns have no lines, and values of their own forms.
    for it in summary["faults"].as_array_mut().into_iter().flatten() {
        it["first_line"].take();
        it["first_value"].take();
    }
    let faults = summary["faults"].to_string().replace(data, "");
    Ok((fs::read_to_string(folder.join("hits.csv"))?, faults))
}
