//! Levels apart from one another, rows that share a key, and one form in which keys are equal.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

const SCHEMA: &str = "\
record declaration
  key id
  field id : text required
  field accepted_date : date required
  field importer_id : text
  history date accepted_date

record item in declaration
  key line
  field line : whole number required
  field value : money in EUR

record document in item
  key doc
  field doc : whole number required
  field dated_on : date

record control
  key control_id
  field control_id : text required
  field importer_id : text
  field control_date : date
  history event control_date
";

const LEVELS: &str = "\
rule D
  for each declaration
  when count of items >= 0
  then
    because \"{count of items} items; {count of documents} documents\"
rule I
  for each item
  when line > 0
";

const INNER: &str = "\
rule O
  for each document
  when dated_on <= accepted_date
rule C
  for each control
  when importer_id is \"A\"
";

const TOML: &str = "\
[project]
rules = [\"rules.tamis\"]
[schema]
declaration = \"schema.tamis\"
[data.apart.declaration]
path = \"declarations.csv\"
[data.apart.item]
path = \"items.csv\"
[data.apart.document]
path = \"documents.csv\"
[data.apart.control]
path = \"controls.csv\"
[data.papers.document]
path = \"documents.csv\"
[data.papers.control]
path = \"controls.csv\"
[data.loose.item]
path = \"items.csv\"
[data.loose.control]
path = \"controls.csv\"
[data.old.declaration]
path = \"older.csv\"
[data.old.item]
path = \"older_items.csv\"
[data.old.control]
path = \"controls.csv\"
[data.flat]
path = \"flat.csv\"
[data.flat.document]
path = \"documents.csv\"
[data.flat.control]
path = \"controls.csv\"
";

const FILES: [(&str, &str); 7] = [
    (
        "declarations.csv",
        "id,accepted_date,importer_id\nA,2026-03-10,A\nB,2026-03-10,B\nC,2026-03-11,\n\
         D,2026-03-12,A\n",
    ),
    ("older.csv", "id,accepted_date,importer_id\na,2026-02-10,A\n"),
    ("older_items.csv", "id,line,value\na,1,5\n"),
    ("items.csv", "id,line,value\nA,1,5\nA,2,5\nB,1,5\nC,1,5\n"),
    ("documents.csv", "id,line,doc,dated_on\nA,1,1,2026-03-01\nA,1,2,2026-03-20\nC,1,1,\n"),
    ("controls.csv", "control_id,importer_id,control_date\nK1,A,2026-02-01\n"),
    (
        "flat.csv",
        "id,accepted_date,importer_id,line,value\nA,2026-03-10,A,1,5\nA,2026-03-10,A,2,5\n\
         B,2026-03-10,B,1,5\nC,2026-03-11,,1,5\n",
    ),
];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("keys: a level says the same whichever others are judged", levels),
        Trial::test("keys: a flat extract says what files apart say, documents beside", beside),
        Trial::test("keys: headers that disagree are missing for everybody", headers),
        Trial::test("keys: a blank beside a value, a letter in another case", filled),
        Trial::test("keys: a key that stands twice is a fault of its file", twice),
        Trial::test("keys: a file is read once however it is named", once),
        Trial::test("keys: what stands in history too counts once", history),
        Trial::test("keys: a declaration of which parts alone are today's is today's", parts),
        Trial::test("keys: a data set of items names files of declarations", headless),
        Trial::test("keys: case does not part declarations from their items", case),
    ]
}

fn project(rules: &str) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    for (name, text) in FILES {
        fs::write(path.join(name), text)?;
    }
    fs::write(path.join("schema.tamis"), SCHEMA)?;
    fs::write(path.join("rules.tamis"), rules)?;
    fs::write(path.join("tamis.toml"), TOML)?;
    Ok(folder)
}

/// The lines of a run, the same from both engines, and what is said besides.
fn said(folder: &Path, arguments: &[&str], exit: i32) -> Result<(Vec<String>, String), Failed> {
    let mut all: Vec<(Vec<String>, String)> = Vec::new();
    for engine in ["interpreter", "datafusion"] {
        let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
            .current_dir(folder)
            .arg("run")
            .args(arguments)
            .args(["--out", "hits.csv", "--engine", engine])
            .output()?;
        let mut told = String::from_utf8_lossy(&output.stderr).into_owned();
        told += &String::from_utf8_lossy(&output.stdout);
        if output.status.code() != Some(exit) {
            return Err(format!("{arguments:?}: {:?}: {told}", output.status).into());
        }
        let lines = fs::read_to_string(folder.join("hits.csv")).unwrap_or_default();
        all.push((lines.lines().skip(1).map(str::to_owned).collect(), told));
    }
    if all[0].0 != all[1].0 {
        return Err(format!("interpreter {:#?}\ndatafusion {:#?}", all[0].0, all[1].0).into());
    }
    Ok(all.swap_remove(0))
}

fn expect(lines: &[String], wanted: &[&str]) -> Result<(), Failed> {
    if lines == wanted {
        return Ok(());
    }
    Err(format!("expected {wanted:#?}\nsaid {lines:#?}").into())
}

fn levels() -> Result<(), Failed> {
    let own = project(LEVELS)?;
    let (alone, _) = said(own.path(), &["apart"], 0)?;
    let wanted = [
        "A,,D,hit,,,2 items; 2 documents,,",
        "A,1,I,hit,,,,,",
        "A,2,I,hit,,,,,",
        "B,,D,hit,,,1 items; 0 documents,,",
        "B,1,I,hit,,,,,",
        "C,,D,hit,,,1 items; 1 documents,,",
        "C,1,I,hit,,,,,",
        "D,,D,hit,,,0 items; 0 documents,,",
    ];
    expect(&alone, &wanted)?;
    let all = project(&format!("{LEVELS}{INNER}"))?;
    let (lines, _) = said(all.path(), &["apart"], 0)?;
    let inner = [",,,K1,C,hit,,,,,", "A,1,1,,O,hit,,,,,", "C,1,1,,O,undecided,,,,,dated_on"];
    let (found, outer): (Vec<String>, Vec<String>) =
        lines.into_iter().partition(|it| it.contains(",O,") || it.contains(",C,hit"));
    expect(&found, &inner)?;
    let without: Vec<String> = outer
        .iter()
        .map(|it| it.replacen(",,,,D,", ",,D,", 1).replacen(",,,I,", ",I,", 1))
        .collect();
    expect(&without, &wanted)
}

fn beside() -> Result<(), Failed> {
    let rules = "rule R1\n  for each item\n  when any document has (dated_on <= accepted_date)\n\
                 rule R2\n  for each document\n  when importer_id is \"A\"\n\
                 rule R3\n  for each item\n  when count of past documents with same importer_id \
                 in last 9 days >= 1\n";
    let folder = project(rules)?;
    let (apart, _) = said(folder.path(), &["apart"], 0)?;
    let (flat, _) = said(folder.path(), &["flat"], 0)?;
    expect(&flat, &apart.iter().map(String::as_str).collect::<Vec<_>>())?;
    let wanted = [
        "A,1,,R1,hit,,,,,",
        "A,1,1,R2,hit,,,,,",
        "A,1,2,R2,hit,,,,,",
        "C,1,,R1,undecided,,,,,document 1: dated_on",
        "C,1,,R3,undecided,,,,,importer_id",
        "C,1,1,R2,undecided,,,,,importer_id",
    ];
    expect(&flat, &wanted)
}

const HEADERS: &str = "\
rule R1
  for each declaration
  when importer_id is one of (\"A\", \"C\")
rule R2
  for each item
  when importer_id is one of (\"A\", \"C\")
rule R3
  for each item
  when count of past items with same importer_id in last 30 days >= 1
";

fn flat(folder: &Path, rows: &str) -> Result<(), Failed> {
    let text = format!("id,accepted_date,importer_id,line,value\n{rows}");
    fs::write(folder.join("flat.csv"), text)?;
    fs::write(folder.join("documents.csv"), "id,line,doc,dated_on\n")?;
    Ok(())
}

fn headers() -> Result<(), Failed> {
    let folder = project(HEADERS)?;
    let rows = "D1,2026-03-10,A,1,10\nD2,2026-03-11,A,1,10\nD1,2026-03-10,B,2,10\n\
                D3,2026-03-12,B,1,10\n";
    flat(folder.path(), rows)?;
    let wanted = "flat.csv: `importer_id` differs from another row of its key, 1 time, first in \
                  row 3";
    let (lines, told) = said(folder.path(), &["flat"], 0)?;
    if !told.contains(wanted) {
        return Err(told.into());
    }
    let wanted = [
        "D1,,R1,undecided,,,,,importer_id",
        "D1,1,R2,undecided,,,,,importer_id",
        "D1,1,R3,undecided,,,,,importer_id",
        "D1,2,R2,undecided,,,,,importer_id",
        "D1,2,R3,undecided,,,,,importer_id",
        "D2,,R1,hit,,,,,",
        "D2,1,R2,hit,,,,,",
    ];
    expect(&lines, &wanted)?;
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder.path())
        .args(["why", "D1", "flat", "--output", "plain"])
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    match told.matches("undecided because of importer_id").count() {
        5 => Ok(()),
        _ => Err(told.into_owned().into()),
    }
}

fn filled() -> Result<(), Failed> {
    let folder = project(HEADERS)?;
    flat(folder.path(), "d4,2026-03-13,,1,10\nD4,2026-03-13,C,2,10\nD4,2026-03-13,c,3,10\n")?;
    let (lines, _) = said(folder.path(), &["flat"], 0)?;
    let wanted = ["D4,,R1,hit,,,,,", "D4,1,R2,hit,,,,,", "D4,2,R2,hit,,,,,", "D4,3,R2,hit,,,,,"];
    expect(&lines, &wanted)
}

fn twice() -> Result<(), Failed> {
    let rules = "rule R1\n  for each declaration\n  when sum of value over items > 10 EUR\n\
                 rule R2\n  for each item\n  when value > 1 EUR\n";
    let folder = project(rules)?;
    let path = folder.path();
    flat(path, "D1,2026-03-10,A,1,8\nD2,2026-03-10,A,1,8\nD1,2026-03-10,A,1,8\n")?;
    let told = |arguments: &[&str], wanted: &str| -> Result<(), Failed> {
        let (_, told) = said(path, arguments, 3)?;
        if told.contains(wanted) { Ok(()) } else { Err(told.into()) }
    };
    told(&["flat"], "flat.csv: `id, line` is the key of an earlier row, 1 time, first in row 3")?;
    let (lines, _) = said(path, &["flat", "--max-rejected", "50%"], 0)?;
    expect(&lines, &["D1,1,R2,hit,,,,,", "D2,1,R2,hit,,,,,"])?;
    fs::write(path.join("items.csv"), "id,line,value\nA,1,8\na,1,9\nB,1,20\nB,1,20\n")?;
    told(
        &["apart"],
        "items.csv: `id, line` is the key of an earlier row, 2 times, first in row 2",
    )?;
    let (lines, _) = said(path, &["apart", "--max-rejected", "50%"], 0)?;
    let wanted = ["A,,R1,undecided,,,,,", "A,1,R2,undecided,,,,,value", "B,,R1,hit,,,,,"];
    let of = |it: &&String| it.starts_with("A,") || it.starts_with("B,,");
    let found: Vec<String> = lines.iter().filter(of).cloned().collect();
    expect(&found[1..2], &wanted[1..2])?;
    expect(&found[2..], &wanted[2..])
}

fn once() -> Result<(), Failed> {
    let folder = project("rule R\n  for each item\n  when value > 1 EUR\n")?;
    let path = folder.path();
    let toml = TOML.split("[data.apart").next().unwrap_or_default();
    fs::write(path.join("tamis.toml"), toml)?;
    let schema = SCHEMA.split("record document").next().unwrap_or_default();
    fs::write(path.join("schema.tamis"), schema)?;
    fs::hard_link(path.join("flat.csv"), path.join("link.csv"))?;
    let (one, _) = said(path, &["flat.csv"], 0)?;
    let (same, _) = said(path, &["flat.csv", "./flat.csv", "link.csv"], 0)?;
    expect(&same, &one.iter().map(String::as_str).collect::<Vec<_>>())?;
    fs::copy(path.join("flat.csv"), path.join("copy.csv"))?;
    let (_, told) = said(path, &["copy.csv", "flat.csv"], 3)?;
    if told.contains("flat.csv: `id, line` is the key of an earlier row, 4 times, first in row 1") {
        return Ok(());
    }
    Err(told.into())
}

fn history() -> Result<(), Failed> {
    let rules = "rule R1\n  for each declaration\n  when count of past controls with same \
                 importer_id in last 24 months >= 1\n  then\n    because \"{count of past controls \
                 with same importer_id in last 24 months}\"\n\
                 rule R2\n  for each declaration\n  when count of past items with same importer_id \
                 in last 60 days >= 1\n";
    let folder = project(rules)?;
    let (lines, _) = said(folder.path(), &["apart", "--history", "old"], 0)?;
    let wanted = [
        "A,R1,hit,,1,,",
        "C,R1,undecided,,,,importer_id",
        "C,R2,undecided,,,,importer_id",
        "D,R1,hit,,1,,",
        "D,R2,hit,,,,",
    ];
    let short: Vec<String> = lines.iter().map(|it| it.replacen(",,", ",", 1)).collect();
    expect(&short, &wanted)
}

/// Of declarations E and F today's files have an item and documents, and nothing else.
const PARTS: [(&str, &str); 7] = [
    ("declarations.csv", "id,accepted_date,importer_id\nA,2026-03-10,A\nD,2026-03-12,A\n"),
    ("items.csv", "id,line,value\nA,1,5\nE,1,5\n"),
    (
        "flat.csv",
        "id,accepted_date,importer_id,line,value\nA,2026-03-10,A,1,5\nD,2026-03-12,A,1,5\n",
    ),
    ("documents.csv", "id,line,doc,dated_on\nA,1,1,\nE,1,1,\nF,1,1,\n"),
    ("controls.csv", "control_id,importer_id,control_date\nK1,A,2026-03-20\n"),
    (
        "older.csv",
        "id,accepted_date,importer_id\na,2026-02-10,A\ne,2026-02-10,A\nf,2026-02-10,A\n\
         g,2026-02-10,A\n",
    ),
    ("older_items.csv", "id,line,value\na,1,100\ne,1,10\ne,2,20\nf,1,40\ng,1,80\n"),
];

fn parts() -> Result<(), Failed> {
    let rules = "rule R1\n  for each declaration\n  when count of past declarations >= 0\n  \
                 then\n    because \"{count of past declarations in last 60 days}, {sum of \
                 value over past items in last 60 days}\"\n\
                 rule R2\n  for each item\n  when sum of value over items > 6 EUR\n";
    let folder = project(rules)?;
    for (name, text) in PARTS {
        fs::write(folder.path().join(name), text)?;
    }
    // Of G alone history may speak.
    let wanted = ["A,,R1,hit,,,\"1, 80 EUR\",,", "D,,R1,hit,,,\"2, 85 EUR\",,"];
    for data in ["apart", "flat"] {
        let arguments = [data, "--history", "old", "--max-rejected", "100%"];
        expect(&said(folder.path(), &arguments, 0)?.0, &wanted)?;
        let why = ["why", "D", data, "--history", "old", "--output", "plain"];
        let told = told(folder.path(), &why, 0)?;
        if !told.contains("2, 85 EUR") {
            return Err(told.into());
        }
    }
    // Rules on another record read none of these files but for their keys.
    let rules = "rule R1\n  for each control\n  when count of past items >= 0\n  then\n    because \
                 \"{count of past items in last 60 days} item\"\n";
    fs::write(folder.path().join("rules.tamis"), rules)?;
    expect(&said(folder.path(), &["papers", "--history", "old"], 0)?.0, &["K1,R1,hit,,,1 item,,"])?;
    let why = ["why", "K1", "papers", "--history", "old", "--output", "plain"];
    let told = told(folder.path(), &why, 0)?;
    if told.contains("1 item") { Ok(()) } else { Err(told.into()) }
}

fn headless() -> Result<(), Failed> {
    let rules =
        "rule R1\n  for each control\n  when count of past items with same importer_id >= 1\n";
    let folder = project(rules)?;
    let (_, told) = said(folder.path(), &["loose"], 2)?;
    let wanted = "no files are named for the record `declaration`";
    if told.contains(wanted) { Ok(()) } else { Err(told.into()) }
}

fn told(folder: &Path, arguments: &[&str], exit: i32) -> Result<String, Failed> {
    let tamis = Command::new(env!("CARGO_BIN_EXE_tamis"));
    let output = { tamis }.current_dir(folder).args(arguments).output()?;
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.code() == Some(exit) { Ok(told) } else { Err(told.into()) }
}

fn case() -> Result<(), Failed> {
    let rules = "rule R1\n  for each declaration\n  when sum of value over items > 8 EUR\n\
                 rule R2\n  for each item\n  when importer_id is \"A\"\n";
    let folder = project(rules)?;
    let items = "id,line,value\na,1,5\nA,2,5\n";
    fs::write(folder.path().join("items.csv"), items)?;
    fs::write(folder.path().join("documents.csv"), "id,line,doc,dated_on\n")?;
    let (lines, _) = said(folder.path(), &["apart"], 0)?;
    let found: Vec<String> = lines.into_iter().filter(|it| it.starts_with(['A', 'a'])).collect();
    expect(&found, &["A,,R1,hit,,,,,", "A,1,R2,hit,,,,,", "A,2,R2,hit,,,,,"])
}
