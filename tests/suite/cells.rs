//! One reader of cells: what a cell says does not depend on the format that it stands in, and what
//! cannot be read is counted with the first value.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringArray;
use arrow::record_batch::RecordBatch;
use libtest_mimic::Failed;
use libtest_mimic::Trial;

/// A type, what stands in a cell, and what is read: `Err` says how it is counted.
type Cell = (&'static str, &'static str, Result<&'static str, &'static str>);

const UNREADABLE: Result<&str, &str> = Err("not readable");
const OUTSIDE: Result<&str, &str> = Err("out of range");
const NO_LEVEL: Result<&str, &str> = Err("of no level of its nomenclature");

const CELLS: &[Cell] = &[
    ("country", "CN", Ok("CN")),
    ("country", " cn ", Ok("CN")),
    ("country", "China", Err("not a country")),
    ("country", "CHN", Err("not a country")),
    ("country", "156", Err("not a country")),
    ("country", "XX", Err("not a country")),
    ("country", "XS", Ok("XS")),
    ("country", "YU", Ok("YU")),
    ("country", "ZZ", Ok("ZZ")),
    ("country", "\u{131}t", Err("not a country")),
    ("currency", "usd", Ok("USD")),
    ("currency", "TRY", Ok("TRY")),
    ("currency", "BGN", Ok("BGN")),
    ("currency", "HRK", Ok("HRK")),
    ("currency", "Dollar", Err("not a currency")),
    ("currency", "XXX", Err("not a currency")),
    ("code of HS", "010121", Ok("010121")),
    ("code of HS", "0101.21", Ok("010121")),
    ("code of HS", "01 01 21", Ok("010121")),
    ("code of HS", "10121", NO_LEVEL),
    ("code of HS", "10121.0", NO_LEVEL),
    ("code of HS", "101210.0", NO_LEVEL),
    ("code of HS", "101", NO_LEVEL),
    ("code of HS", ".0101", NO_LEVEL),
    ("code of HS", "1.01E3", NO_LEVEL),
    ("code of HS", "01-01", UNREADABLE),
    ("date", "2026-03-10", Ok("2026-03-10")),
    ("date", "20260310", Ok("2026-03-10")),
    ("date", "2026-03-10T14:30", Ok("2026-03-10")),
    ("date", "2026-03-10 00:00:00.000", Ok("2026-03-10")),
    ("date", "2026-03-10T00:30+02:00", Ok("2026-03-09")),
    ("date", "2026-03-10Z", Ok("2026-03-10")),
    ("date", "2026-03-10ZZ", UNREADABLE),
    ("date", "2026-03-10+01:00", UNREADABLE),
    ("date", "2026-03-10 ...", UNREADABLE),
    ("date", "2026-03-10T", UNREADABLE),
    ("date", "2026-03-101", UNREADABLE),
    ("date", "2026-02-30", UNREADABLE),
    ("date", "202603", UNREADABLE),
    ("date", "1899-12-31", OUTSIDE),
    ("date", "2569-08-20", OUTSIDE),
    ("date", "9999-12-31", OUTSIDE),
    ("date", "+12026-03-10", OUTSIDE),
    ("date-time", "2026-03-10T09:00", Ok("2026-03-10T09:00")),
    ("date-time", "2026-03-10 09:00:00", Ok("2026-03-10T09:00")),
    ("date-time", "2026-03-10T09:00Z", Ok("2026-03-10T09:00")),
    ("date-time", "2026-03-10T09:00+02:00", Ok("2026-03-10T07:00")),
    ("date-time", "2026-03-10T01:00+0530", Ok("2026-03-09T19:30")),
    ("date-time", "2026-03-10 23:00:00-05", Ok("2026-03-11T04:00")),
    ("date-time", "2026-03-10T09:00:00.25", Ok("2026-03-10T09:00:00.250000")),
    ("date-time", "2026-03-10", Ok("2026-03-10T00:00")),
    ("date-time", "2026-03-10T09:00[Europe/Paris]", UNREADABLE),
    ("date-time", "2026-03-10T09:00+25:00", UNREADABLE),
    ("date-time", "2026-03-10T25:00", UNREADABLE),
    ("date-time", "2200-01-01T00:00+14:00", Ok("2199-12-31T10:00")),
    ("percent", "8 %", Ok("8 %")),
    ("percent", "8", Ok("8 %")),
    ("percent", "8 % %", UNREADABLE),
    ("decimal", "8", Ok("8")),
    ("decimal", "8 %", UNREADABLE),
    ("decimal", "1_000", UNREADABLE),
    ("decimal", "1e3", Ok("1000")),
    ("whole number", "12", Ok("12")),
    ("whole number", "12 %", UNREADABLE),
    ("whole number", "1.5", UNREADABLE),
    ("whole number", "99999999999999999999", OUTSIDE),
    ("truth", "TRUE", Ok("true")),
    ("truth", "maybe", UNREADABLE),
    ("text", "a b", Ok("a b")),
    ("text", "a\0", UNREADABLE),
    ("name", "\0", UNREADABLE),
];

/// A form of `dates`, what stands in a cell, and the day, if any.
const FORMS: &[(&str, &str, Option<&str>)] = &[
    ("%d%m%Y", "01112024", Some("2024-11-01")),
    ("%d%m%Y", "1112024", None),
    ("%d%m%y", "11124", None),
    ("%Y%m%d", "2024111", None),
    ("%Y%m", "202403", Some("2024-03-01")),
    ("%Y%m", "20243", None),
    ("%d/%m/%Y", "1/2/2024", Some("2024-02-01")),
    ("%d/%m/%Y %H%M", "1/2/2024 930", None),
    ("%d/%m/%Y %H%M", "1/2/2024 0930", Some("2024-02-01")),
    ("%d%b%Y", "1Mar2024", Some("2024-03-01")),
    ("20%y%m%d", "20240301", Some("2024-03-01")),
];

pub fn trials() -> Vec<Trial> {
    let mut types: Vec<&str> = CELLS.iter().map(|it| it.0).collect();
    types.dedup();
    let cells = types
        .into_iter()
        .map(|ty| Trial::test(format!("cells of {ty} in data and lists"), move || of_type(ty)));
    cells.chain([Trial::test("cells of dates in forms of their own", forms)]).collect()
}

/// What may be two days, since digits lack, is none.
fn forms() -> Result<(), Failed> {
    for (form, text, day) in FORMS {
        let folder = project("date", "id,x\nk,\n")?;
        let path = |name: &str| folder.path().join(name);
        fs::write(path("d.csv"), format!("id,x\nk,{text}\n"))?;
        let toml = format!(
            "[project]\nrules = [\"r.tamis\"]\n[schema]\nd = \"schema.tamis\"\n[data.d]\n\
             path = \"d.csv\"\ndates = {{ x = \"{form}\" }}\n"
        );
        fs::write(path("tamis.toml"), toml)?;
        let args = ["run", "d", "--out", "h.csv", "--max-rejected", "100%"];
        let (exit, said) = tamis(folder.path(), &args)?;
        let hits = fs::read_to_string(path("h.csv")).unwrap_or_default();
        let shown = day.is_none_or(|it| hits.contains(it));
        if exit != Some(0) || !shown || hits.contains("k,R1,hit") != day.is_some() {
            return Err(format!("{form} {text}: {exit:?} {said} {hits}").into());
        }
    }
    Ok(())
}

/// A project with a field and a column of a list of a type.
fn project(ty: &str, list: &str) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let schema = format!(
        "codes HS levels 2, 4, 6\nrecord item\n  key id\n  field id : text required\n  \
         field x : {ty}\n"
    );
    fs::write(folder.path().join("schema.tamis"), schema)?;
    // A condition is no value that a reason quotes.
    let said = if ty == "truth" { "show x" } else { "because \"{lookup(l, id).x}\"" };
    let rules = format!(
        "list l file \"l.csv\"\n  column id : text, key\n  column x : {ty}\n\nrule R1\n  \
         when x is given\n  then\n    show x\n\nrule R2\n  \
         when lookup(l, id).x is given\n  then\n    {said}\n"
    );
    fs::write(folder.path().join("r.tamis"), rules)?;
    fs::write(folder.path().join("l.csv"), list)?;
    Ok(folder)
}

fn of_type(ty: &str) -> Result<(), Failed> {
    let cells: Vec<&Cell> = CELLS.iter().filter(|it| it.0 == ty).collect();
    let ids: Vec<String> = (0..cells.len()).map(|it| format!("k{it}")).collect();
    let texts: Vec<&str> = cells.iter().map(|it| it.1).collect();
    let row = |it: usize| format!("{},\"{}\"\n", ids[it], texts[it]);
    let csv: String = (0..cells.len()).map(row).collect();
    let good = (0..cells.len()).filter(|it| cells[*it].2.is_ok());
    let list: String = good.map(row).collect();
    let folder = project(ty, &format!("id,x\n{list}"))?;
    fs::write(folder.path().join("d.csv"), format!("id,x\n{csv}"))?;
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(StringArray::from(ids.clone()))),
        ("x", Arc::new(StringArray::from(texts.clone()))),
    ];
    let batch = RecordBatch::try_from_iter(columns)?;
    let file = fs::File::create(folder.path().join("d.parquet"))?;
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    let file = fs::File::create(folder.path().join("d.arrow"))?;
    let mut writer = arrow::ipc::writer::FileWriter::try_new(file, &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    for data in ["d.csv", "d.parquet", "d.arrow"] {
        for engine in ["datafusion", "interpreter"] {
            judged(folder.path(), data, engine, &cells)?;
        }
    }
    // Each cell that cannot be read is an error of a list, with its row.
    for (at, cell) in cells.iter().enumerate().filter(|it| it.1.2.is_err()) {
        fs::write(folder.path().join("l.csv"), format!("id,x\nok,\n{}", row(at)))?;
        let (exit, said) = tamis(folder.path(), &["check", "--output", "concise", "r.tamis"])?;
        if exit != Some(1) || !said.contains("T9005") || !said.contains("row 2 of `l.csv`, line 3")
        {
            return Err(format!("list with {cell:?}: {exit:?} {said}").into());
        }
    }
    Ok(())
}

fn judged(folder: &Path, data: &str, engine: &str, cells: &[&Cell]) -> Result<(), Failed> {
    let (exit, said) = tamis(
        folder,
        &["run", data, "--engine", engine, "--out", "hits.csv", "--max-rejected", "100%"],
    )?;
    if exit != Some(0) {
        return Err(format!("{data}: {exit:?} {said}").into());
    }
    let hits = fs::read_to_string(folder.join("hits.csv"))?;
    for (at, cell) in cells.iter().enumerate() {
        let of = |rule: &str| {
            let line = hits.lines().find(|it| it.starts_with(&format!("k{at},{rule},")));
            line.map(str::to_owned)
        };
        let (shown, looked_up) = (of("R1"), of("R2"));
        let fits = match cell.2 {
            Ok(value) => [&shown, &looked_up]
                .iter()
                .all(|it| it.as_ref().is_some_and(|it| it.contains(value))),
            Err(_) => shown.is_none(),
        };
        if !fits {
            return Err(format!("{data}, {engine}: {cell:?}: {shown:?} {looked_up:?}").into());
        }
    }
    let summary: serde_json::Value = serde_json::from_str(&said)?;
    for reason in ["not readable", "out of range", "not a country", "not a currency"] {
        let wanted = cells.iter().filter(|it| it.2 == Err(reason)).count() as u64;
        let faults = summary["faults"].as_array().ok_or("no faults")?;
        let of_reason = faults.iter().filter(|it| it["reason"] == reason);
        let found: u64 = of_reason.filter_map(|it| it["count"].as_u64()).sum();
        if found != wanted {
            return Err(format!("{data}: {reason}: {found} instead of {wanted}\n{said}").into());
        }
    }
    Ok(())
}

fn tamis(folder: &Path, arguments: &[&str]) -> Result<(Option<i32>, String), Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    command.current_dir(folder).args(arguments).args(["--schema", "schema.tamis"]);
    if arguments[0] == "run" {
        command.args(["--rules", "r.tamis", "--output", "json"]);
    }
    let output = command.output()?;
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Ok((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
}
