//! `run`, `why`, `replay` and `replay ID` give one answer on small projects of many shapes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use serde_json::Value;

/// A project: its name, what it is made of, and the keys of its declarations.
struct Project {
    name: &'static str,
    schema: &'static str,
    rules: &'static str,
    /// Tables of `tamis.toml` after `[data.a]`.
    data: &'static str,
    files: &'static [(&'static str, &'static str)],
    history: &'static [&'static str],
    ids: &'static [&'static str],
    /// The lines of the run, without its head.
    lines: &'static str,
}

const BRANCHES: Project = Project {
    name: "two records side by side, with the same numbers",
    schema: "\
record declaration
  key declaration_id
  field declaration_id : text required

record item in declaration
  key item_number
  field item_number : whole number required
  field value : money in EUR

record document in declaration
  key document_number
  field document_number : whole number required
  field kind : text
",
    rules: "\
policy p
  for declaration
  route to red when score >= 10
  route to green otherwise

rule R1
  for each item
  when value > 1 EUR
  then
    score 5

rule R2
  for each document
  when kind is \"N380\"
  then
    score 3
",
    data: "path = \"flat.csv\"\n[data.a.document]\npath = \"documents.csv\"\n",
    files: &[
        ("flat.csv", "declaration_id,item_number,value\nA,1,10\nA,2,5\nB,1,\n"),
        ("documents.csv", "declaration_id,document_number,kind\nA,1,N380\nA,2,\nA,3,N380\n"),
    ],
    history: &[],
    ids: &["A", "B"],
    lines: "\
A,,1,R2,hit,3,,,,
A,,2,R2,undecided,,,,,kind
A,,3,R2,hit,3,,,,
A,1,,R1,hit,5,,,,
A,2,,R1,hit,5,,,,
B,1,,R1,undecided,,,,,value
",
};

/// `H1` stands in both histories: in the second one it is repeated. The first has no controls.
const HISTORIES: Project = Project {
    name: "two histories",
    schema: "\
record declaration
  key declaration_id
  field declaration_id : text required
  field accepted_date : date required
  field importer_id : text
  field value : money in EUR
  history date accepted_date

record control
  key control_id
  field control_id : text required
  field importer_id : text
  field control_date : date
  history date control_date
",
    rules: "\
rule R1
  for declaration
  when count of past declarations with same importer_id in last 30 days >= 1
  then
    because \"{sum of value over past declarations with same importer_id in last 30 days}\"

rule R2
  for declaration
  when count of past controls with same importer_id in last 30 days >= 2
",
    data: "\
[data.a.declaration]
path = \"today.csv\"
[data.y2025.declaration]
path = \"y2025.csv\"
[data.y2026.declaration]
path = \"y2026.csv\"
[data.y2026.control]
path = \"controls.csv\"
",
    files: &[
        ("today.csv", "declaration_id,accepted_date,importer_id,value\nD1,2026-03-10,A,1\n"),
        (
            "y2025.csv",
            "declaration_id,accepted_date,importer_id,value\nH1,2026-03-01,A,5\n\
             d1,2026-03-01,A,90\n",
        ),
        (
            "y2026.csv",
            "declaration_id,accepted_date,importer_id,value\n\
             h1,2026-03-01,A,5\nH2,2026-03-02,A,7\n",
        ),
        ("controls.csv", "control_id,importer_id,control_date\nK1,A,2026-03-01\nK2,A,2026-03-02\n"),
    ],
    history: &["y2025", "y2026"],
    ids: &["D1"],
    lines: "\
D1,R1,hit,,,12 EUR,,
D1,R2,hit,,,,,
",
};

const PROJECTS: &[Project] = &[BRANCHES, HISTORIES];

pub fn trials() -> Vec<Trial> {
    let trial = |it: &'static Project| {
        Trial::test(format!("everywhere one answer: {}", it.name), move || one_answer(it))
    };
    PROJECTS.iter().map(trial).collect()
}

fn made(it: &Project) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    fs::write(path.join("schema.tamis"), it.schema)?;
    fs::write(path.join("rules.tamis"), it.rules)?;
    for (name, text) in it.files {
        fs::write(path.join(name), text)?;
    }
    let toml = "[project]\nrules = [\"rules.tamis\"]\n[schema]\ndeclaration = \"schema.tamis\"\n";
    fs::write(path.join("tamis.toml"), format!("{toml}[data.a]\n{}", it.data))?;
    Ok(folder)
}

fn one_answer(it: &Project) -> Result<(), Failed> {
    let folder = made(it)?;
    let path = folder.path();
    let with_history = |arguments: &[&'static str]| -> Vec<&'static str> {
        let histories = it.history.iter().flat_map(|it| ["--history", it]);
        arguments.iter().copied().chain(histories).collect()
    };
    for engine in ["interpreter", "datafusion"] {
        let run = ["run", "a", "--out", "hits.csv", "--max-rejected", "100%", "--engine", engine];
        said(path, &with_history(&run))?;
        let hits = fs::read_to_string(path.join("hits.csv"))?;
        let lines = hits.split_once('\n').map_or("", |it| it.1);
        if lines != it.lines {
            return Err(format!("{engine}:\n{lines}wanted:\n{}", it.lines).into());
        }
    }
    said(path, &with_history(&["run", "a", "--out", "record", "--max-rejected", "100%"]))?;
    said(path, &["replay", "record"])?;
    for id in it.ids {
        said(path, &["replay", "record", id])?;
        let why = said(path, &with_history(&["why", id, "a", "--output", "json"]))?;
        let (why, run) = (by_why(&why)?, by_run(it.lines, id));
        if why != run {
            return Err(format!("why {id}: {why:?}, run: {run:?}").into());
        }
    }
    Ok(())
}

fn said(folder: &Path, arguments: &[&str]) -> Result<String, Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .args(arguments)
        .arg("--quiet")
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(text),
        false => {
            let errors = String::from_utf8_lossy(&output.stderr);
            Err(format!("{arguments:?} ends with {}: {text}{errors}", output.status).into())
        }
    }
}

/// Keys, rule and outcome: `A/1 R1 hit`.
fn by_run(lines: &str, id: &str) -> BTreeSet<String> {
    let own = lines.lines().filter(|it| it.split(',').next() == Some(id));
    let words = |it: &str| {
        let cells: Vec<&str> = it.split(',').collect();
        let (keys, rest) = cells.split_at(cells.len() - 7);
        let keys: Vec<&str> = keys.iter().copied().filter(|it| !it.is_empty()).collect();
        format!("{} {} {}", keys.join("/"), rest[0], rest[1])
    };
    own.map(words).collect()
}

fn by_why(text: &str) -> Result<BTreeSet<String>, Failed> {
    let all: Value = serde_json::from_str(text)?;
    let mut res = BTreeSet::new();
    for row in all["rows"].as_array().into_iter().flatten() {
        let keys = row["key"].as_object().into_iter().flatten().map(|it| match it.1 {
            Value::String(it) => it.clone(),
            other => other.to_string(),
        });
        let keys: Vec<String> = keys.collect();
        for rule in row["rules"].as_array().into_iter().flatten() {
            let (name, outcome) = (rule["rule"].as_str(), rule["outcome"].as_str());
            if let (Some(name), Some(outcome)) = (name, outcome.filter(|it| *it != "no hit")) {
                res.insert(format!("{} {name} {outcome}", keys.join("/")));
            }
        }
    }
    Ok(res)
}
