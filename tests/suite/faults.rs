//! What does not fit is told of every table alike: data, history, registers, records around.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use serde_json::Value as Json;

const SCHEMA: &str = "\
record declaration
  key id
  field id : text
  field lodged_on : date
  field importer : text
  field fee : money in EUR personal
  history date lodged_on

record item in declaration
  key number
  field number : whole number
  field mass : mass in kg

record operator
  key operator_id
  field operator_id : text
  field since : date
  field size : whole number
  history date since
";

const RULES: &str = "\
rule R1
  for declaration
  when count of past declarations with same importer in last 3000 days >= 1

rule R2
  for declaration
  when sum of fee over past declarations with same importer in last 3000 days > 1 EUR

rule R3
  for each item
  when mass > 5 kg
";

const TOML: &str = "\
[project]
rules = [\"rules.tamis\"]
[schema]
declaration = \"schema.tamis\"
[data.day]
path = \"day.csv\"
[data.apart.declaration]
path = \"heads.csv\"
[data.apart.item]
path = \"items.csv\"
";

const HEADER: &str = "id,lodged_on,importer,fee,number,mass\n";

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("faults of a history are told", of_history),
        Trial::test("faults of records in files of their own are told", of_records),
        Trial::test("faults of a personal field keep its value", personal),
        Trial::test("faults of a record that only past rows ask are told", of_the_past),
        Trial::test("faults: the limit that is named does", limit),
        Trial::test("faults: rows that were read are accepted or rejected", sums),
    ]
}

fn project() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    fs::write(at("schema.tamis"), SCHEMA)?;
    fs::write(at("rules.tamis"), RULES)?;
    fs::write(at("tamis.toml"), TOML)?;
    fs::write(at("day.csv"), format!("{HEADER}D1,2026-03-01,A,3,1,7\n"))?;
    fs::write(at("heads.csv"), "id,lodged_on,importer,fee\nD1,2026-03-01,A,3\nD2,x9,A,3\n")?;
    fs::write(at("items.csv"), "id,number,mass\nD1,1,7\nD2,1,8\n")?;
    Ok(folder)
}

fn tamis(folder: &Path, args: &[&str]) -> Result<Output, Failed> {
    Ok(Command::new(env!("CARGO_BIN_EXE_tamis")).current_dir(folder).args(args).output()?)
}

fn said(output: &Output, exit: i32, words: &[&str]) -> Result<String, Failed> {
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    let lacking = words.iter().find(|it| !text.contains(**it));
    if output.status.code() != Some(exit) || lacking.is_some() {
        return Err(format!("{:?}, lacks {lacking:?}: {text}", output.status).into());
    }
    Ok(text)
}

const ENGINES: [&str; 2] = ["datafusion", "interpreter"];

fn of_history() -> Result<(), Failed> {
    let cases = [
        (
            "P1,01/02/2026,A,3,1,7\n",
            "`lodged_on` not readable, 1 time, first in row 1, line 2: `01",
        ),
        ("\"P\n1\",2026-02-01,A,3,1,7\nP2,2026-02-01,A,3\n", "first in row 2, line 4: 4 fields;"),
        (",2026-02-01,A,3,1,7\n", "`id` missing, 1 time, first in row 1, line 2"),
    ];
    for (rows, words) in cases {
        let folder = project()?;
        fs::write(folder.path().join("past.csv"), format!("{HEADER}{rows}"))?;
        for engine in ENGINES {
            let args = ["run", "day", "--history", "past.csv", "--engine", engine];
            said(&tamis(folder.path(), &args)?, 3, &["past.csv: ", words, "--max-rejected"])?;
        }
    }
    Ok(())
}

fn of_records() -> Result<(), Failed> {
    let folder = project()?;
    let words = ["heads.csv: `lodged_on` not readable, 1 time, first in row 2, line 3: `x9`"];
    for engine in ENGINES {
        let args = ["run", "apart", "--engine", engine];
        said(&tamis(folder.path(), &args)?, 3, &words)?;
        let args = ["run", "day", "--history", "apart", "--engine", engine];
        said(&tamis(folder.path(), &args)?, 3, &words)?;
    }
    Ok(())
}

fn personal() -> Result<(), Failed> {
    let folder = project()?;
    fs::write(folder.path().join("past.csv"), format!("{HEADER}P,2026-02-01,A,Zorro,1,7\n"))?;
    for args in [["run", "past.csv", "--rule", "R2"], ["run", "day", "--history", "past.csv"]] {
        let text = said(&tamis(folder.path(), &args)?, 3, &["`fee` not readable", "personal"])?;
        if text.contains("Zorro") {
            return Err(text.into());
        }
    }
    Ok(())
}

/// Controls of DATA are read for a window of days; and a key that stands twice is told with its
/// line.
fn of_the_past() -> Result<(), Failed> {
    let schema = "
record control
  key control_id
  field control_id : text
  field importer : text
  field day : date
  field found : truth
  history event day
";
    let rule = "
rule R4
  for declaration
  when any past control has (found) with same importer in last 30 days
";
    let cases = [
        (
            "C1,A,2026-02-20,maybe\n",
            "`found` not readable, 1 time, first in row 1, line 2: `maybe`",
        ),
        ("C1,A,2026-13-20,yes\n", "`day` not readable, 1 time, first in row 1, line 2"),
        (
            "C1,A,2026-02-20,yes\nC1,A,2026-02-21,yes\n",
            "`control_id` is the key of an earlier row, 1 time, first in row 2, line 3: `C1`",
        ),
    ];
    for (rows, words) in cases {
        let folder = project()?;
        let at = |name: &str| folder.path().join(name);
        fs::write(at("schema.tamis"), format!("{SCHEMA}{schema}"))?;
        fs::write(at("rules.tamis"), format!("{RULES}{rule}"))?;
        fs::write(at("controls.csv"), format!("control_id,importer,day,found\n{rows}"))?;
        fs::write(at("heads.csv"), "id,lodged_on,importer,fee\nD1,2026-03-01,A,3\n")?;
        fs::write(at("items.csv"), "id,number,mass\nD1,1,7\n")?;
        let toml = format!("{TOML}[data.apart.control]\npath = \"controls.csv\"\n");
        fs::write(at("tamis.toml"), toml)?;
        for engine in ENGINES {
            let args = ["run", "apart", "--engine", engine];
            said(&tamis(folder.path(), &args)?, 3, &["controls.csv: ", words])?;
        }
        let twice = "id,lodged_on,importer,fee\nD1,2026-03-01,A,3\nD1,2026-03-01,A,3\n";
        fs::write(at("heads.csv"), twice)?;
        let words =
            "heads.csv: `id` is the key of an earlier row, 1 time, first in row 2, line 3: `D1`";
        said(&tamis(folder.path(), &["why", "D1", "apart"])?, 0, &[words])?;
    }
    Ok(())
}

fn limit() -> Result<(), Failed> {
    for rows in [1, 2, 7, 99, 2_000] {
        let folder = project()?;
        let good: String =
            (0..rows).map(|at| format!("P{at},2026-02-01,A,3,1,7\n")).collect::<String>();
        fs::write(folder.path().join("past.csv"), format!("{HEADER}{good}Q,x,A,3,1,7\n"))?;
        let args = ["run", "day", "--history", "past.csv", "--max-rejected", "0.01%"];
        let text = said(&tamis(folder.path(), &args)?, 3, &[])?;
        let limit = text.split("`--max-rejected ").nth(1).and_then(|it| it.split('`').next());
        let limit = limit.ok_or("no limit is named")?;
        let args = ["run", "day", "--history", "past.csv", "--max-rejected", limit];
        said(&tamis(folder.path(), &args)?, 0, &["past.csv: `lodged_on` not readable"])?;
    }
    Ok(())
}

fn sums() -> Result<(), Failed> {
    let folder = project()?;
    let rows = "P1,x,A,3,1,7\n,2026-02-01,A,3,1,7\nP3,2026-02-01,A\nP4,2026-02-01,A,3,1,y\n";
    fs::write(folder.path().join("past.csv"), format!("{HEADER}{rows}"))?;
    for engine in ENGINES {
        for data in [["past.csv", "day.csv"], ["day.csv", "past.csv"]] {
            let args = ["run", data[0], "--history", data[1], "--max-rejected", "100%", "--output"];
            let args = [&args[..], &["json", "--engine", engine]].concat();
            let output = tamis(folder.path(), &args)?;
            let report: Json = serde_json::from_slice(&output.stdout)?;
            let number = |of: &Json, name: &str| of[name].as_u64().unwrap_or(u64::MAX / 4);
            let besides = report["besides"].as_array().cloned().unwrap_or_default();
            for it in besides.iter().chain([&report]) {
                if number(it, "read") != number(it, "accepted") + number(it, "rejected") {
                    return Err(report.to_string().into());
                }
            }
            let faults = report["faults"].as_array().map_or(0, Vec::len);
            if faults < 3 || besides.is_empty() {
                return Err(report.to_string().into());
            }
        }
    }
    Ok(())
}
