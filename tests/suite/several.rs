//! Several data sets named together: each file is read as its own says, and a key that stands in
//! two of them is told as if they were one.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

const SCHEMA: &str = "\
record declaration
  key id
  field id : text required
  field day : date required
  field who : text
  field value : money in EUR
  field rate : percent
  history date day
";

const RULES: &str = "\
rule R1
  for declaration
  when count of past declarations with same who in last 90 days >= 1
  then
    because \"{count of past declarations with same who in last 90 days}: \
{sum of value over past declarations with same who in last 90 days}, \
{largest of rate over past declarations with same who in last 90 days}\"
";

/// The same fields, written in three ways.
const TOML: &str = "\
[project]
rules = [\"r.tamis\"]

[schema]
d = \"schema.tamis\"

[data.now]
path = \"now.csv\"

[data.old]
path = \"old.csv\"
separator = \";\"
decimal = \",\"
dates = { day = \"%d/%m/%Y\" }
ratios = [\"rate\"]
nulls = [\"-\"]
columns = { Nr = \"id\", Wert = \"value\" }

[data.older]
path = \"older.csv\"
encoding = \"windows-1252\"
dates = { day = \"%Y%m%d\" }

[data.apart.declaration]
path = \"older.csv\"
";

const FILES: [(&str, &[u8]); 6] = [
    ("schema.tamis", SCHEMA.as_bytes()),
    ("r.tamis", RULES.as_bytes()),
    ("tamis.toml", TOML.as_bytes()),
    ("now.csv", b"id,day,who,value,rate\n1,2026-03-10,M\xc3\xa9,5,1\n2,2026-03-10,B,5,1\n"),
    (
        "old.csv",
        "Nr;day;who;Wert;rate\nA;01/03/2026;M\u{e9};1,5;0,08\nB;02/03/2026;M\u{e9};-;-\n"
            .as_bytes(),
    ),
    ("older.csv", b"id,day,who,value,rate\nC,20260215,M\xe9,2.25,5\nD,20260216,B,1,1\n"),
];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("several data sets as history, each read as it says", history),
        Trial::test("several data sets with a key in two of them", repeated),
        Trial::test("several records, and an extract of the outer one alone", outer_alone),
        Trial::test("several records, of which rules judge the outer one alone", outer_judged),
        Trial::test("several data sets of two layouts are refused", refused),
    ]
}

fn project() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    for (name, bytes) in FILES {
        fs::write(folder.path().join(name), bytes)?;
    }
    Ok(folder)
}

/// The exit code and all that was said.
fn tamis(folder: &Path, arguments: &[&str]) -> Result<(Option<i32>, String), Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    let it = command.current_dir(folder).args(arguments).output()?;
    let said = [it.stdout, it.stderr].concat();
    Ok((it.status.code(), String::from_utf8_lossy(&said).into_owned()))
}

fn expect(folder: &Path, arguments: &[&str], exit: i32, told: &[&str]) -> Result<(), Failed> {
    let (code, said) = tamis(folder, arguments)?;
    match told.iter().find(|it| !said.contains(**it)) {
        None if code == Some(exit) => Ok(()),
        lacking => Err(format!("{arguments:?}: {code:?}, lacks {lacking:?}: {said}").into()),
    }
}

const MIA: &str = "3: 3.75 EUR, 8 %";

fn history() -> Result<(), Failed> {
    let folder = project()?;
    let folder = folder.path();
    let both = ["--history", "old", "--history", "older"];
    for engine in ["datafusion", "interpreter"] {
        let run = ["run", "now", "--out", "-", "--engine", engine];
        expect(folder, &[&run[..], &both].concat(), 0, &[MIA, "1: 1 EUR, 1 %"])?;
    }
    expect(folder, &[&["why", "1", "now"][..], &both].concat(), 0, &[MIA])?;
    let file = ["run", "now", "--out", "-", "--history", "old", "--history", "now.csv"];
    expect(folder, &file, 0, &["2: 1.5 EUR, 8 %"])?;
    // As data: the judged rows of three ways of writing.
    let all = ["run", "now", "old", "older", "--out", "-"];
    expect(folder, &all, 0, &[MIA, "1: 2.25 EUR, 5 %"])?;
    expect(folder, &[&["run", "now", "--out", "kept"][..], &both].concat(), 0, &[])?;
    expect(folder, &["replay", "kept"], 0, &[])?;
    expect(folder, &["why", "1", "--run", "kept"], 0, &[MIA])?;
    expect(folder, &["verify", "kept"], 0, &[])
}

/// The second row of a key is a fault of its file, whichever data set that is of; the same file
/// is read once.
fn repeated() -> Result<(), Failed> {
    let folder = project()?;
    let folder = folder.path();
    let twice = ["run", "now", "--out", "-", "--history", "older", "--history", "older.csv"];
    expect(folder, &twice, 0, &["1: 2.25 EUR, 5 %"])?;
    fs::write(folder.join("old.csv"), "Nr;day;who;Wert;rate\nc;15/02/2026;M\u{e9};2,25;0,05\n")?;
    let both = ["run", "now", "--out", "-", "--history", "old", "--history", "older"];
    expect(folder, &both, 3, &["older.csv", "--max-rejected"])?;
    expect(folder, &[&both[..], &["--max-rejected", "50%"]].concat(), 0, &["1: 2.25 EUR, 5 %"])
}

fn refused() -> Result<(), Failed> {
    let folder = project()?;
    let both = ["run", "now", "--history", "old", "--history", "apart"];
    expect(folder.path(), &both, 2, &["hold their records in other places"])
}

/// An extract without a column of the innermost record is refused with the table that helps.
fn outer_alone() -> Result<(), Failed> {
    let folder = project()?;
    let folder = folder.path();
    let item = "\nrecord item in declaration\n  key number\n  \
                field number : whole number required\n  field who : text\n";
    fs::write(folder.join("schema.tamis"), format!("{SCHEMA}{item}"))?;
    let toml = |table: &str| {
        format!(
            "[project]\nrules = [\"r.tamis\"]\n[schema]\nd = \"schema.tamis\"\n{table}\n\
             path = \"now.csv\"\n"
        )
    };
    fs::write(folder.join("tamis.toml"), toml("[data.now]"))?;
    let told = ["column `number` is missing", "no column of `item`", "[data.NAME.declaration]"];
    expect(folder, &["run", "now"], 3, &told)?;
    fs::write(folder.join("tamis.toml"), toml("[data.now.declaration]"))?;
    expect(folder, &["run", "now"], 0, &["2 rows read"])
}

/// Items are named and no rule is about them: the declarations are counted all the same, and what
/// does not fit in them is told.
fn outer_judged() -> Result<(), Failed> {
    let folder = project()?;
    let folder = folder.path();
    let item =
        "\nrecord item in declaration\n  key number\n  field number : whole number required\n";
    fs::write(folder.join("schema.tamis"), format!("{SCHEMA}{item}"))?;
    let toml = "[project]\nrules = [\"r.tamis\"]\n[schema]\nd = \"schema.tamis\"\n\
                [data.both.declaration]\npath = \"now.csv\"\n\
                [data.both.item]\npath = \"items.csv\"\n";
    fs::write(folder.join("tamis.toml"), toml)?;
    fs::write(folder.join("items.csv"), "id,number\n1,1\n2,1\n")?;
    let run = ["run", "both", "--engine", "interpreter"];
    for arguments in [&run[..2], &run] {
        expect(folder, arguments, 0, &["2 rows read"])?;
    }
    fs::write(folder.join("now.csv"), "id,day,who,value,rate\n1,2026-99-10,A,5,1\n")?;
    for arguments in [&run[..2], &run] {
        expect(folder, arguments, 3, &["now.csv", "2026-99-10"])?;
    }
    Ok(())
}
