//! Memory that does not grow with the rows, and the same bytes however little there is of it.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use parquet::arrow::ArrowWriter;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("memory: lines and decisions are the same however little there is", spilled),
        Trial::test("memory: the least limit is named", least),
        Trial::test("memory: outer records that do not fit name a limit that does", headers),
    ]
}

const SCHEMA: &str = "record declaration
  key declaration_id
  field declaration_id : text required
  field accepted_date : date required
  field office : text
  field importer_name : name
  field note : text
  history date accepted_date

record item in declaration
  key item_number
  field item_number : whole number required
  field value : money in EUR
  field packages : whole number
";

const RULES: &str = "rule R1
  for each item
  when packages > 0
  then
    score 5
    show importer_name, note
    because \"{importer_name} {note}\"

rule R2
  for declaration
  when office = \"B\"
  then
    score 40

policy p
  for declaration
  combine sum
  route to red when score >= 40
  route to green otherwise
  random 5 % of green to red key \"k\"
  capacity red 30 per office, day overflow to yellow, at most 2 per importer_name, \
keep 10 % for random
  together by note
";

/// So that they are more than what may be held at once.
const ROWS: usize = 40_000;

fn project(folder: &Path) -> Result<(), Failed> {
    fs::write(folder.join("schema.tamis"), SCHEMA)?;
    fs::write(folder.join("r.tamis"), RULES)?;
    let mut text = "declaration_id,item_number,accepted_date,office,importer_name,note,value,\
                    packages\n"
        .to_owned();
    for at in 0..ROWS {
        // In no order of keys; two rows a declaration.
        let row = at * 7_919 % ROWS;
        let (id, item, day) = (row / 2, row % 2 + 1, row / 2 % 28 + 1);
        let office = ["A", "B", "C"][id / 7 % 3];
        let (name, note) = (id % 50, "a long note that a line repeats ".repeat(2));
        writeln!(
            text,
            "{id},{item},2026-03-{day:02},{office},NAME {name},{note}{},10,{}",
            id / 2,
            row % 5
        )?;
    }
    fs::write(folder.join("d.csv"), text)?;
    Ok(())
}

/// How a process ends, and the most memory that was resident, in KiB, where the system tells; no
/// end where it takes too long.
pub fn watched(mut child: Child, longest: Duration) -> Result<(Option<ExitStatus>, u64), Failed> {
    let (begun, mut most) = (Instant::now(), 0);
    loop {
        let told = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = told.lines().find_map(|it| it.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|it| it.trim().trim_end_matches(" kB").parse().ok());
        most = most.max(peak.unwrap_or(0));
        match child.try_wait()? {
            Some(it) => return Ok((Some(it), most)),
            None if longest < begun.elapsed() => {
                child.kill()?;
                child.wait()?;
                return Ok((None, most));
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// Hits, decisions, and the most memory that was resident, in KiB, where the system tells.
fn run(folder: &Path, limit: &str, threads: &str) -> Result<(Vec<u8>, Vec<u8>, u64), Failed> {
    let child = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .args(["run", "d.csv", "--rules", "r.tamis", "--schema", "schema.tamis", "--quiet"])
        .args(["--out", "h.csv", "--decisions", "c.csv"])
        .args(["--memory-limit", limit, "--threads", threads])
        .stdout(Stdio::null())
        .spawn()?;
    let (status, most) = watched(child, Duration::from_secs(600))?;
    let is_right = status.is_some_and(|it| it.success());
    if !is_right {
        return Err(format!("{limit}, {threads} threads: {status:?}").into());
    }
    Ok((fs::read(folder.join("h.csv"))?, fs::read(folder.join("c.csv"))?, most))
}

fn spilled() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    project(folder.path())?;
    let (hits, decisions, _) = run(folder.path(), "4 GiB", "2")?;
    for word in ["place kept for random", "at most 2 per importer_name", "together with"] {
        if !String::from_utf8_lossy(&decisions).contains(word) {
            return Err(format!("no decision says `{word}`").into());
        }
    }
    for threads in ["3", "16"] {
        let (other_hits, other_decisions, most) = run(folder.path(), "150 MiB", threads)?;
        if other_hits != hits || other_decisions != decisions {
            return Err(format!("150 MiB, {threads} threads: other bytes").into());
        }
        let bound = 150 * 1024 * 5 / 4 + 150 * 1024;
        if bound < most {
            return Err(format!("150 MiB, {threads} threads: {most} KiB resident").into());
        }
    }
    let left: Vec<_> = fs::read_dir(folder.path())?.flatten().map(|it| it.file_name()).collect();
    match left.len() {
        5 => Ok(()),
        _ => Err(format!("files are left: {left:?}").into()),
    }
}

fn least() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("d.csv"), "declaration_id\n1\n")?;
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(["run", "d.csv", "--rules", "rules/valuation/V101.tamis", "-C", "rules"])
        .args(["--memory-limit", "10 MiB"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let help = Command::new(env!("CARGO_BIN_EXE_tamis")).args(["run", "--help"]).output()?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    if !said.contains("150 MiB is the least") || !help.contains("150 MiB is the least") {
        return Err(format!("the least is not named: {said}").into());
    }
    Ok(())
}

const APART: &str = "[schema]
declaration = \"schema.tamis\"

[data.d.declaration]
path = \"declarations.parquet\"
[data.d.item]
path = \"items.csv\"
";

/// Long texts in files of their own: more than may be held at the least limit.
fn long_headers(folder: &Path) -> Result<(), Failed> {
    const ROWS: usize = 60_000;
    fs::write(folder.join("schema.tamis"), SCHEMA)?;
    fs::write(folder.join("r.tamis"), RULES.split("rule R2").next().unwrap_or_default())?;
    fs::write(folder.join("tamis.toml"), format!("[project]\nrules = [\"r.tamis\"]\n{APART}"))?;
    fs::write(folder.join("items.csv"), "declaration_id,item_number,value,packages\n7,1,1,1\n")?;
    let ids: StringArray = (0..ROWS).map(|it| Some(it.to_string())).collect();
    let text = |it: &str| Arc::new(StringArray::from(vec![it; ROWS])) as ArrayRef;
    let note = "a long note ".repeat(256);
    let batch = RecordBatch::try_from_iter([
        ("declaration_id", Arc::new(ids) as ArrayRef),
        ("accepted_date", text("2026-03-01")),
        ("office", text("A")),
        ("importer_name", text("NAME")),
        ("note", text(&note)),
    ])?;
    let file = fs::File::create(folder.join("declarations.parquet"))?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}

fn headers() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    long_headers(folder.path())?;
    let run = |limit: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
        command.current_dir(folder.path()).args(["run", "d", "--out", "h.csv", "--quiet"]);
        command.args(["--memory-limit", limit]).output()
    };
    let said = run("150 MiB")?;
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    let named = text.split("about ").nth(1).and_then(|it| it.split(" will").next());
    let Some(named) = named.filter(|_| said.status.code() == Some(4)) else {
        return Err(format!("{}: {text}", said.status).into());
    };
    let again = run(named)?;
    match again.status.success() && fs::read_to_string(folder.path().join("h.csv"))?.contains("R1")
    {
        true => Ok(()),
        false => Err(format!("{named}: {}", String::from_utf8_lossy(&again.stderr)).into()),
    }
}
