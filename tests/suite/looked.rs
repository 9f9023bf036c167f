//! One declaration is read among many: whichever files hold them and however their keys are made,
//! what is said of it alone is what a run over all of them says.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringArray;
use arrow::record_batch::RecordBatch;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

/// Kinds of keys: what the schema says of them, and their columns.
const KEYS: [(&str, &str, &str); 3] = [
    (
        "of two parts",
        "  key office, number\n  field office : text required\n  \
         field number : whole number required\n",
        "office,number",
    ),
    (
        "of a number and a text",
        "  key number, office\n  field office : text required\n  \
         field number : whole number required\n",
        "number,office",
    ),
    ("of a text", "  key id\n  field id : text required\n", "id"),
];

const FIELDS: &str = "  field accepted_date : date required
  field importer : text
  history date accepted_date

record item in declaration
  key line
  field line : whole number required
  field hs : text
  field value : money in EUR
";

const RULES: &str = "\
rule R1
  for each item
  when count of past items with same importer in last 60 days >= 0
  then
    because \"{count of past items with same importer in last 60 days}\"
rule R2
  for each item
  when count of past items in last 60 days >= 0
  then
    because \"{count of past items in last 60 days}\"
rule R3
  for declaration
  when count of past declarations with same importer in last 60 days >= 0
  then
    because \"{count of past declarations with same importer in last 60 days}\"
rule R4
  for declaration
  when count of past declarations in last 60 days >= 0
  then
    because \"{count of past declarations in last 60 days}\"
rule R5
  for each item
  when sum of value over past items with same hs, line in last 60 days > 0 EUR
  then
    because \"{sum of value over past items with same hs, line in last 60 days}\"
rule R6
  for declaration
  when count of items >= 0
  then
    because \"{count of items}; {sum of value over items}\"
rule R7
  for each item
  when percentile 50 of value over past items of others by importer in last 60 days > 0 EUR
";

/// Office and number of a declaration, its date and importer, and the line of an item, with what it
/// is and its value. Rows of one declaration may differ in what they say of it.
type Row = (&'static str, u32, &'static str, &'static str, u32, &'static str, &'static str);
type Rows = &'static [Row];

const OLD: Rows = &[
    ("a", 1, "2026-01-02", "I", 1, "x", "5"),
    ("a", 1, "2026-01-02", "I", 2, "y", "7"),
    ("a", 2, "2026-01-03", "Ém", 1, "x", "11"),
    // Nobody knows whose it is, nor when the next one was.
    ("b", 1, "2026-01-04", "I", 1, "x", "13"),
    ("b", 1, "2026-01-04", "Ém", 2, "x", "17"),
    ("b", 3, "2026-01-05", "I", 1, "x", "19"),
    ("b", 3, "2026-01-06", "I", 2, "x", "23"),
    // The importer stands in one row alone.
    ("c", 1, "2026-01-07", "", 1, "x", "29"),
    ("c", 1, "2026-01-07", "I", 2, "z", "31"),
    // A row twice.
    ("c", 2, "2026-01-08", "I", 1, "x", "37"),
    ("c", 2, "2026-01-08", "I", 1, "x", "37"),
    // The data have it themselves.
    ("D", 1, "2026-01-09", "I", 1, "x", "41"),
    ("e", 10, "2025-01-09", "I", 1, "x", "43"),
    ("e", 1, "2026-01-10", "i", 1, "x", "53"),
    ("a", 1, "2026-01-02", "I", 3, "z", "47"),
];

const TODAY: Rows = &[
    ("d", 1, "2026-01-20", "I", 1, "x", "2"),
    ("d", 1, "2026-01-20", "I", 2, "y", "3"),
    ("d", 11, "2026-01-21", "Ém", 1, "x", "4"),
    ("E", 2, "2026-01-22", "I", 1, "x", "6"),
    ("E", 2, "2026-01-22", "Ém", 2, "y", "8"),
    ("éf", 3, "2026-01-23", "", 1, "x", "9"),
    ("éf", 4, "2026-01-24", "I", 1, "x", "10"),
    ("éf", 4, "2026-01-24", "I", 1, "x", "10"),
    ("d", 1, "2026-01-20", "", 3, "z", "12"),
];

pub fn trials() -> Vec<Trial> {
    let all = KEYS.iter().flat_map(|key| ["csv", "parquet"].map(|format| (key, format)));
    all.map(|(key, format)| {
        let name = format!("looked up alone: keys {}, {format}", key.0);
        Trial::test(name, move || alone(key.1, key.2, format))
    })
    .collect()
}

/// The cells of the columns of a row; a key of one part is both parts together.
fn cells(row: usize, rows: Rows, columns: &str) -> Vec<String> {
    let (office, number, date, importer, line, hs, value) = rows[row];
    let cell = |it: &str| match it {
        "office" => office.to_owned(),
        "number" => number.to_string(),
        "id" => format!("{office}-{number:03}"),
        "accepted_date" => date.to_owned(),
        "importer" => importer.to_owned(),
        "line" => line.to_string(),
        "hs" => hs.to_owned(),
        _ => value.to_owned(),
    };
    columns.split(',').map(cell).collect()
}

/// Writes a table; of a Parquet file each row group has two rows.
fn write(to: &Path, columns: &str, rows: &[Vec<String>]) -> Result<(), Failed> {
    if to.extension().is_some_and(|it| it == "csv") {
        let lines: Vec<String> = rows.iter().map(|it| it.join(",")).collect();
        fs::write(to, format!("{columns}\n{}\n", lines.join("\n")))?;
        return Ok(());
    }
    let column = |(at, name): (usize, &str)| {
        let cells = rows.iter().map(|it| Some(it[at].as_str()).filter(|it| !it.is_empty()));
        (name.to_owned(), Arc::new(cells.collect::<StringArray>()) as ArrayRef)
    };
    let batch = RecordBatch::try_from_iter(columns.split(',').enumerate().map(column))?;
    let small = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let mut writer = ArrowWriter::try_new(fs::File::create(to)?, batch.schema(), Some(small))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}

fn tamis(folder: &Path, args: &[&str]) -> Result<Output, Failed> {
    Ok(Command::new(env!("CARGO_BIN_EXE_tamis")).args(args).current_dir(folder).output()?)
}

fn alone(schema: &str, key: &str, format: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    fs::write(folder.join("schema.tamis"), format!("record declaration\n{schema}{FIELDS}"))?;
    fs::write(folder.join("r.tamis"), RULES)?;
    let mut toml =
        "[project]\nrules = [\"r.tamis\"]\n[schema]\ndeclaration = \"schema.tamis\"\n".to_owned();
    let (header, inner) = (format!("{key},accepted_date,importer"), format!("{key},line,hs,value"));
    let flat = format!("{header},line,hs,value");
    for (name, rows) in [("today", TODAY), ("old", OLD)] {
        let all = |columns: &str| -> Vec<Vec<String>> {
            (0..rows.len()).map(|it| cells(it, rows, columns)).collect()
        };
        write(&folder.join(format!("{name}.{format}")), &flat, &all(&flat))?;
        let mut headers = all(&header);
        headers.dedup();
        write(&folder.join(format!("{name}_h.{format}")), &header, &headers)?;
        write(&folder.join(format!("{name}_i.{format}")), &inner, &all(&inner))?;
        toml += &format!(
            "[data.{name}]\npath = \"{name}.{format}\"\n[data.{name}_own.declaration]\n\
             path = \"{name}_h.{format}\"\n[data.{name}_own.item]\npath = \"{name}_i.{format}\"\n"
        );
    }
    fs::write(folder.join("tamis.toml"), toml)?;
    let with = [
        ("today", None),
        ("today", Some("old")),
        ("today_own", Some("old_own")),
        ("today", Some("old_own")),
        ("today_own", Some("old")),
    ];
    for (at, (data, history)) in with.into_iter().enumerate() {
        let out = format!("out{at}");
        let mut args = vec!["run", data, "--out", &out, "-q", "--max-rejected", "100%"];
        args.extend(history.iter().flat_map(|it| ["--history", it]));
        let ran = tamis(folder, &args)?;
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        if ran.status.code().is_none_or(|it| 1 < it) {
            return Err(format!("{args:?}: {said}").into());
        }
        let mut ids: Vec<String> =
            (0..TODAY.len()).map(|it| cells(it, TODAY, key).join("/")).collect();
        ids.sort();
        ids.dedup();
        for id in ids {
            let again = tamis(folder, &["replay", &out, &id])?;
            if again.status.code() != Some(0) {
                let said = String::from_utf8_lossy(&again.stdout).into_owned();
                let told = String::from_utf8_lossy(&again.stderr).into_owned();
                return Err(format!("{data}, {history:?}, {id}: {said}{told}").into());
            }
        }
    }
    Ok(())
}
