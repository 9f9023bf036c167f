//! `tamis.toml` and lists with slips in them: each is told at `check`, or changes nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use tamis::probe::By;
use tamis::probe::Project;
use tamis::probe::Remark;
use tamis::probe::Said;

use crate::runs;
use crate::seed::Random;
use crate::slips;

const TOML: &str = r#"[project]
name = "mutated"
edition = "2026"
rules = ["rules/*.tamis", "shared.tamis"]
exclude = ["rules/old.tamis"]

[schema]
declaration = "schema.tamis"

[data.flat]
path = ["flat/a.csv", "flat/b*.csv"]
key = "id"
time = "lodged_on"
label = "fraud"
separator = ";"
encoding = "windows-1252"
decimal = ","
nulls = ["N/A"]
ratios = ["rate"]
optional = ["office", "note"]
dates = { lodged_on = "%d/%m/%Y" }

[data.flat.columns]
"Net Mass" = "net_mass"
"Poids" = "value"

[data.apart.declaration]
path = "apart/declarations.csv"
format = "csv"
columns = { "Day" = "lodged_on" }

[data.apart.item]
path = "apart/items.csv"
optional = ["rate"]

[lists]
watched = { path = "lists/watched.csv", column = "who", type = "text" }
places = { path = "lists/places.csv", column = "country", type = "country" }

[lint]
ignore = ["T4101"]
per-file-ignores = { "rules/second.tamis" = ["T4103"] }

[run]
memory-limit = "512 MiB"
threads = 2
batch-size = 4096
max-rejected = "0.1%"
out = "hits.csv"
"#;

const SCHEMA: &str = "\
record declaration
  key id
  field id : text required
  field lodged_on : date required
  field importer : text
  field office : text
  field fraud : truth
  history date lodged_on

record item in declaration
  key number
  field number : whole number required
  field origin : country
  field net_mass : mass in kg
  field value : money in EUR
  field rate : percent
  field note : text
";

const FIRST: &str = "\
rule R1
  for each item
  when any of
    - rate > 7 %
    - value / net_mass < 2 EUR/kg
";

const SECOND: &str = "\
rule R2
  for each item
  when all of
    - not importer in list watched
    - origin in list places
";

const FILES: [(&str, &str); 11] = [
    ("schema.tamis", SCHEMA),
    ("rules/first.tamis", FIRST),
    ("rules/second.tamis", SECOND),
    ("rules/old.tamis", "rule R1\n  for each item\n  when origin is FR\n"),
    (
        "shared.tamis",
        "rule R3\n  for each declaration\n  when lodged_on <= 2026-03-11 and not fraud\n",
    ),
    (
        "flat/a.csv",
        "id;lodged_on;importer;fraud;number;origin;Net Mass;Poids;rate\n\
         A;10/03/2026;I1;0;1;CN;10,5;20,25;0,08\nA;10/03/2026;I1;0;2;FR;3;N/A;0,05\n",
    ),
    (
        "flat/b1.csv",
        "id;lodged_on;importer;fraud;number;origin;Net Mass;Poids;rate;office\n\
         B;28/04/2026;I2;1;1;CN;7,25;9,5;0,2;X\n",
    ),
    (
        "apart/declarations.csv",
        "id,Day,importer,office,fraud\nA,2026-03-10,I1,X,0\nB,2026-04-11,I2,,1\n",
    ),
    (
        "apart/items.csv",
        "id,number,origin,net_mass,value,note\nA,1,CN,10,5,\nA,2,FR,1,70,\nB,1,DE,1,1,x\n",
    ),
    ("lists/watched.csv", "who\nI1\nI9\n"),
    ("lists/places.csv", "country\nCN\nDE\n"),
];

pub fn trials() -> Vec<Trial> {
    let count = std::env::var("TAMIS_CONFIGS").ok().and_then(|it| it.parse().ok()).unwrap_or(250);
    vec![
        Trial::test("config what is right is told nothing of", valid),
        Trial::test("config every slip is told or means nothing", move || slips(count)),
        Trial::test("config lists with slips", move || list_slips(count)),
        Trial::test("config a format of months", months),
        Trial::test("config what nothing names", unnamed),
        Trial::test("config values that cannot be", refused),
        Trial::test("config lists without rows, of persons, of another encoding", lists),
    ]
}

/// A form of dates without a day is the first of the month, for `check` as for the data.
fn months() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let files = [
        (
            "schema.tamis",
            "record declaration\n  key id\n  field id : text required\n  \
                          field sent : date\n  history date sent\n",
        ),
        ("r.tamis", "rule R1\n  for declaration\n  when sent is 2024-03-01\n"),
        ("d.csv", "id,sent\n1,202403\n2,202404\n"),
        (
            "tamis.toml",
            "[project]\nrules = [\"r.tamis\"]\n[schema]\nd = \"schema.tamis\"\n\
                        [data.d]\npath = \"d.csv\"\ndates = { sent = \"%Y%m\" }\n",
        ),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text)?;
    }
    runs::expect(folder.path(), &["check"], 0)?;
    runs::expect(folder.path(), &["run", "d", "--out", "hits.csv"], 0)?;
    let hits = fs::read_to_string(folder.path().join("hits.csv"))?;
    let keys: Vec<&str> = hits.lines().skip(1).filter_map(|it| it.split(',').next()).collect();
    if keys == ["1"] { Ok(()) } else { Err(hits.into()) }
}

/// A record without files, and a file of rules that no pattern names, are notes of `check`.
fn unnamed() -> Result<(), Failed> {
    let folder = project()?;
    let path = |it: &str| folder.path().join(it);
    fs::create_dir_all(path("other"))?;
    for (name, text) in [
        ("forgotten.tamis", "rule R7\n  for each item\n  when origin is FR\n"),
        ("other/own.tamis", ""),
        ("other/tamis.toml", ""),
    ] {
        fs::write(path(name), text)?;
    }
    fs::write(path("tamis.toml"), TOML.replace("[data.apart.item]", "[data.apat.item]"))?;
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder.path())
        .arg("check")
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    for told in [
        "`forgotten.tamis` is named nowhere in tamis.toml, and not read",
        ": [data.apart] names no files of `item`, which rule R",
        ": [data.apat] names no files of `declaration`, which rule R",
    ] {
        if !said.contains(told) {
            return Err(format!("{told} is not told: {said}").into());
        }
    }
    if said.contains("own.tamis") { Err(said.into_owned().into()) } else { Ok(()) }
}

/// What is wrong by itself is told at its place, whatever the data say.
fn refused() -> Result<(), Failed> {
    let cases = [
        ("rules = [\"rules/*.tamis\", \"shared.tamis\"]", "", "[project] needs `rules`"),
        ("separator = \";\"", "separator = \",\"", "between cells and before decimals"),
        ("separator = \";\"", "separator = \"\\u0000\"", "is a sign that nobody sees"),
        ("separator = \";\"", "separator = \"\\u001f\"", "is a sign that nobody sees"),
        ("separator = \";\"", "separator = '\"'", "stands in cells"),
        ("{ \"Day\" = \"lodged_on\" }", "{ \"\" = \"lodged_on\" }", "is blank"),
        ("%d/%m/%Y", "%d/%Y/%Y", "names the year twice"),
        ("%d/%m/%Y", "%F %d", "names the day twice"),
        ("%d/%m/%Y", "%d/%m/%Y %I:%M", "reads 13:45 as 01:45"),
        ("%d/%m/%Y", "%d/%M/%Y", "says no day and no month"),
        ("type = \"text\"", "personal = \"yes\"", "not true or false"),
        ("type = \"text\"", "type = \"mass in kgg\"", "unknown unit"),
        ("column = \"who\"", "column = \"whom\"", "has no column `whom`"),
    ];
    let folder = project()?;
    for (old, new, told) in cases {
        fs::write(folder.path().join("tamis.toml"), TOML.replace(old, new))?;
        let remarks = Project::load(folder.path())?.remarks();
        let line = TOML.lines().position(|it| it.contains(old)).unwrap_or_default() + 1;
        let line = if new.is_empty() { 1 } else { line };
        let place = format!("tamis.toml:{line}");
        if !remarks.iter().any(|it| it.place.ends_with(&place) && it.text.contains(told)) {
            let all: Vec<String> =
                remarks.into_iter().map(|it| format!("{}: {}", it.place, it.text)).collect();
            return Err(format!("{new}: {told} is not told at {place}: {all:?}").into());
        }
    }
    Ok(())
}

fn lists() -> Result<(), Failed> {
    let folder = project()?;
    let toml = TOML.replace("type = \"text\"", "type = \"whole number\", personal = true");
    let list = |text: &str, toml: &str| -> Result<Vec<Remark>, Failed> {
        fs::write(folder.path().join("lists/watched.csv"), text)?;
        fs::write(folder.path().join("tamis.toml"), toml)?;
        Ok(Project::load(folder.path())?.remarks())
    };
    for (text, toml, told, is_error) in [
        ("who\n", TOML, "`lists/watched.csv` has no entry", false),
        ("who\nI\u{0}1\n", TOML, "holds a NUL", true),
        ("who\nMARY\n", &toml, "a value that is personal in column `who`", true),
    ] {
        let remarks = list(text, toml)?;
        if !remarks.iter().any(|it| it.text.contains(told) && it.is_error == is_error) {
            let all: Vec<String> = remarks.into_iter().map(|it| it.text).collect();
            return Err(format!("{told} is not told: {all:?}").into());
        }
        if let Some(it) = remarks.iter().find(|it| it.text.contains("MARY")) {
            return Err(it.text.clone().into());
        }
    }
    Ok(())
}

/// What a project says: its rules over each of its data sets.
#[derive(PartialEq, Eq, Debug)]
enum Meaning {
    Said(Vec<(String, Said)>),
    /// `run` stops at it, with these words.
    Stops(String),
}

fn project() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    for (name, text) in FILES {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        fs::write(path, text)?;
    }
    fs::write(folder.path().join("tamis.toml"), TOML)?;
    Ok(folder)
}

fn meaning(project: &Project) -> Meaning {
    let mut res = Vec::new();
    for name in ["flat", "apart"] {
        match project.run_named(&[name.to_owned()], By::Interpreter) {
            Ok(said) => res.push((name.to_owned(), said)),
            Err(told) => return Meaning::Stops(told),
        }
    }
    Meaning::Said(res)
}

fn valid() -> Result<(), Failed> {
    let folder = project()?;
    let project = Project::load(folder.path())?;
    let told: Vec<String> = project.remarks().into_iter().map(|it| it.text).collect();
    let remarks = project.data_remarks();
    if !told.is_empty() || !remarks.is_empty() {
        return Err(format!("{told:?} {remarks:?}").into());
    }
    match meaning(&project) {
        Meaning::Said(all) if all.iter().all(|it| !it.1.lines.is_empty()) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// Whether `tamis run` ends with an error for one of the data sets.
fn stops(root: &Path) -> Result<bool, Failed> {
    for name in ["flat", "apart"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
        if !command.current_dir(root).args(["run", name, "--quiet"]).output()?.status.success() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn slips(count: u64) -> Result<(), Failed> {
    let folder = project()?;
    let path = folder.path().join("tamis.toml");
    let right = meaning(&Project::load(folder.path())?);
    let mut failure = String::new();
    let (mut told, mut same, mut stopped) = (0, 0, 0);
    for seed in 0..count {
        let Some(slip) = slips::slip(TOML, &mut Random::new(seed)) else { continue };
        fs::write(&path, &slip.text)?;
        let project = Project::load(folder.path()).map_err(|it| format!("{}: {it}", slip.what))?;
        let remarks = project.remarks();
        let line = TOML.lines().nth(slip.line - 1).unwrap_or_default();
        let lines = [slip.line - 1, slip.line, slip.line + 1];
        let here = lines.map(|it| format!("tamis.toml:{it}"));
        let names = |it: &Remark| it.is_error && here.iter().any(|here| it.place.ends_with(here));
        // A list without its name, or a schema that is none, is missed where rules use it.
        let is_list = line.contains("column = ") || line.starts_with("declaration =");
        // What is said of a data set is said at its table: nothing is, where all is right.
        let is_told = remarks.iter().any(|it| names(it) || (is_list && it.is_error))
            || !project.data_remarks().is_empty();
        // What a table or a line no longer says is missed elsewhere.
        let is_missed = line.starts_with('[')
            || ["deletes", "gives another key", "takes the key"]
                .iter()
                .any(|it| slip.what.starts_with(it));
        let errors: Vec<&str> =
            remarks.iter().filter(|it| it.is_error).map(|it| it.place.as_str()).collect();
        if is_told || (is_missed && !errors.is_empty()) {
            told += 1;
            continue;
        }
        if !errors.is_empty() {
            failure += &format!("{} (seed {seed}): told at {errors:?}\n", slip.what);
            continue;
        }
        match meaning(&project) {
            it if it == right => same += 1,
            _ if stops(folder.path())? => {
                stopped += 1;
                println!("stops a run: {} (seed {seed})", slip.what);
            }
            it => failure += &format!("{} (seed {seed}): {it:?}\n", slip.what),
        }
    }
    if !failure.is_empty() {
        return Err(failure.into());
    }
    println!("slips of tamis.toml: {told} told, {same} mean the same, {stopped} stop a run");
    Ok(())
}

const LIST: &str = "\
code,rate,since,until,country,kind
010121,5,2020-01-01,2021-12-31,FR,low
010129,7.5,2020-01-01,,DE,high
020110,0,2019-05-01,2020-04-30,CN,low
";

const LISTED: &str = "\
list tariff file \"lists/tariff.csv\"
  dated since, until
  column code : code of HS, key
  column rate : percent
  column country : country
  column kind : level

rule R9
  for each item
  when rate > lookup(tariff, HS 010121).rate
";

/// Slips that a list can have and nobody could mean.
fn list_slip(random: &mut Random) -> (String, String) {
    let mut rows: Vec<Vec<String>> =
        LIST.lines().map(|it| it.split(',').map(str::to_owned).collect()).collect();
    let row = random.below(rows.len() - 1) + 1;
    let column = random.below(6);
    let what = match random.below(6) {
        0 => {
            rows[0][column].pop();
            format!("a letter of the head of column {column}")
        }
        1 => {
            let bad = ["01012", "x%", "2020-13-01", "2020-02-30", "9,9", "lwo"][column];
            bad.clone_into(&mut rows[row][column]);
            format!("`{bad}` in row {row}")
        }
        2 => {
            rows[row].remove(column);
            format!("a cell of row {row}")
        }
        3 => {
            rows[row].push("9".to_owned());
            format!("a cell too many in row {row}")
        }
        4 => {
            rows[row][0].clear();
            format!("no key in row {row}")
        }
        _ => {
            let mut again = rows[row].clone();
            "9".clone_into(&mut again[1]);
            rows.push(again);
            format!("the key of row {row} twice")
        }
    };
    let text = rows.iter().map(|it| it.join(",") + "\n").collect();
    (text, what)
}

fn list_slips(count: u64) -> Result<(), Failed> {
    let folder = project()?;
    let schema = format!("codes HS levels 2, 4, 6\nchoice level low, high\n\n{SCHEMA}");
    fs::write(folder.path().join("schema.tamis"), schema)?;
    fs::write(folder.path().join("rules/listed.tamis"), LISTED)?;
    let list = folder.path().join("lists/tariff.csv");
    let told = |text: &str| -> Result<Vec<String>, Failed> {
        fs::write(&list, text)?;
        let remarks = Project::load(Path::new(folder.path()))?.remarks();
        Ok(remarks.into_iter().filter(|it| it.is_error).map(|it| it.text).collect())
    };
    let right = told(LIST)?;
    if !right.is_empty() {
        return Err(format!("{right:?}").into());
    }
    let mut failure = String::new();
    for seed in 0..count {
        let (text, what) = list_slip(&mut Random::new(seed));
        if told(&text)?.is_empty() {
            failure += &format!("{what} (seed {seed}) is not told\n");
        }
    }
    if failure.is_empty() { Ok(()) } else { Err(failure.into()) }
}
