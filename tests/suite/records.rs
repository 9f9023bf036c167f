//! Declarations and items in files of their own say what one flat file says.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

const SCHEMA: &str = "\
record declaration
  key id
  field id : text required
  field office : text
  field total : money in EUR
  field lodged_on : date required

record item in declaration
  key number
  field number : whole number required
  field origin : country
  field value : money in EUR
";

const RULES: &str = "\
rule D1
  for each declaration
  when total > 10 EUR

rule I1
  for each item
  when all of
    - value > 5 EUR
    - office is \"FR1\"

rule I2
  for each item
  when value > total
";

const TOML: &str = "\
[project]
rules = [\"rules.tamis\"]
[schema]
declaration = \"schema.tamis\"
[data.flat]
path = \"flat.csv\"
[data.apart.declaration]
path = \"declarations*.csv\"
columns = { \"Office\" = \"office\" }
[data.apart.item]
path = \"items.csv\"
separator = \";\"
encoding = \"windows-1252\"
";

const FLAT: &str = "\
id,office,total,lodged_on,number,origin,value
A,FR1,20,2026-03-10,1,CN,6
A,FR1,20,2026-03-10,2,FR,30
B,,5,2026-03-10,1,CN,7
B,,5,2026-03-10,2,,
C,FR1,,2026-03-10,1,CN,9
";

const DECLARATIONS: [&str; 2] = [
    "total,Office,id,lodged_on\n20,FR1,A,2026-03-10\n5,,B,2026-03-10\n",
    "id,Office,total,lodged_on\nC,FR1,,2026-03-10\n",
];

const ITEMS: &str = "id;number;origin;value\nA;1;CN;6\nB;1;CN;7\nA;2;FR;30\nC;1;CN;9\nB;2;;\n";

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("records apart say what a flat file says", alike),
        Trial::test("records apart: an item without a declaration", orphan),
        Trial::test("records apart: nothing found before a day that is nowhere", untold),
        Trial::test("records apart: a policy on a declaration that is nowhere", undated),
        Trial::test("records apart: a declaration without items", childless),
        Trial::test("records apart: declarations that disagree", disagree),
        Trial::test("records apart: a record that is not there", unknown),
        Trial::test("records apart: a register that disagrees with itself", register),
    ]
}

fn project(declarations: &[&str], items: &[u8]) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    fs::write(path.join("schema.tamis"), SCHEMA)?;
    fs::write(path.join("rules.tamis"), RULES)?;
    fs::write(path.join("tamis.toml"), TOML)?;
    fs::write(path.join("flat.csv"), FLAT)?;
    for (at, text) in declarations.iter().enumerate() {
        fs::write(path.join(format!("declarations{at}.csv")), text)?;
    }
    fs::write(path.join("items.csv"), items)?;
    Ok(folder)
}

/// The lines of a run, the same from both engines, and what is said on stderr.
fn said(folder: &Path, data: &str, exit: i32) -> Result<(String, String), Failed> {
    let mut all: Vec<(String, String)> = Vec::new();
    for engine in ["interpreter", "datafusion"] {
        let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
            .current_dir(folder)
            .args(["run", data, "--out", "hits.csv", "--engine", engine])
            .output()?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() != Some(exit) {
            return Err(format!("{:?}: {errors}", output.status).into());
        }
        let lines = fs::read_to_string(folder.join("hits.csv")).unwrap_or_default();
        all.push((lines, errors));
    }
    if all[0].0 != all[1].0 {
        return Err(format!("interpreter\n{}datafusion\n{}", all[0].0, all[1].0).into());
    }
    Ok(all.swap_remove(0))
}

fn alike() -> Result<(), Failed> {
    let folder = project(&DECLARATIONS, ITEMS.as_bytes())?;
    let (flat, _) = said(folder.path(), "flat", 0)?;
    let (apart, _) = said(folder.path(), "apart", 0)?;
    if flat != apart || flat.lines().count() < 6 {
        return Err(format!("flat\n{flat}apart\n{apart}").into());
    }
    Ok(())
}

fn orphan() -> Result<(), Failed> {
    let folder = project(&DECLARATIONS, format!("{ITEMS}Z;1;CN;9\n").as_bytes())?;
    let (_, errors) = said(folder.path(), "apart", 3)?;
    let told = ["items.csv", "no outer record of this key", "row 6"];
    match told.iter().find(|it| !errors.contains(**it)) {
        Some(lacking) => Err(format!("lacks {lacking}: {errors}").into()),
        None => Ok(()),
    }
}

/// The date that the schema requires is missing where the declaration is nowhere: what happened
/// before it nobody can tell, and `or else` replaces nothing.
fn untold() -> Result<(), Failed> {
    let folder = project(&DECLARATIONS, format!("{ITEMS}Z;1;CN;9\n").as_bytes())?;
    let path = folder.path();
    let schema = SCHEMA.replace("\nrecord item", "  history date lodged_on\n\nrecord item");
    fs::write(path.join("schema.tamis"), schema)?;
    let asked = "sum of value over past items with same origin in last 30 days";
    let rules = format!(
        "rule I1\n  for each item\n  when (({asked}) or else 0 EUR) < 5 EUR\n\n\
         rule I2\n  for each item\n  when (({asked}) or else 0 EUR) > 5 EUR\n\n\
         rule I3\n  for each item\n  when (({asked}) or else 0 EUR) < 5 EUR\n  \
         then\n    score (({asked}) or else 1 EUR) / 1 EUR or else 0\n\n\
         rule I4\n  for each item\n  when value > 5 EUR\n  then\n    score month(lodged_on)\n"
    );
    fs::write(path.join("rules.tamis"), rules)?;
    let toml = format!("{TOML}\n[run]\nmax-rejected = \"50 %\"\n");
    fs::write(path.join("tamis.toml"), toml)?;
    let (lines, _) = said(path, "apart", 0)?;
    let scores = ["A,1,I1,hit", "A,1,I4,hit,3,", "Z,1,I4,hit,,"];
    for wanted in scores.iter().chain(&["Z,1,I1,undecided", "Z,1,I2,undecided", "Z,1,I3,undecided"])
    {
        let line = lines.lines().find(|it| it.starts_with(wanted));
        if line.is_none_or(|it| wanted.contains("undecided") && !it.ends_with(",lodged_on")) {
            return Err(format!("lacks {wanted}\n{lines}").into());
        }
    }
    Ok(())
}

/// Nobody can tell what happened before a declaration that is nowhere: it is not exempt.
fn undated() -> Result<(), Failed> {
    let folder = project(&DECLARATIONS, format!("{ITEMS}Z;1;CN;9\n").as_bytes())?;
    let path = folder.path();
    let schema = SCHEMA.replace("\nrecord item", "  history date lodged_on\n\nrecord item");
    fs::write(path.join("schema.tamis"), schema)?;
    let rules = "rule I1\n  tags financial\n  for each item\n  when value > 8 EUR\n  \
                 then\n    score 50\n\n\
                 define quiet\n  for declaration\n  as ((sum of value over past items in last \
                 30 days) or else 0 EUR) < 5 EUR\n\n\
                 policy decide\n  for declaration\n  combine sum\n  \
                 route to red when score >= 40\n  route to green otherwise\n  \
                 exempt financial when quiet\n";
    fs::write(path.join("rules.tamis"), rules)?;
    for engine in ["interpreter", "datafusion"] {
        let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
            .current_dir(path)
            .args(["run", "apart", "--out", "hits.csv", "--decisions", "decisions.csv"])
            .args(["--max-rejected", "50 %", "--engine", engine])
            .output()?;
        let decisions = fs::read_to_string(path.join("decisions.csv")).unwrap_or_default();
        for wanted in ["A,green", "C,green", "Z,red"] {
            if !decisions.lines().any(|it| it.starts_with(wanted)) {
                let errors = String::from_utf8_lossy(&output.stderr);
                return Err(format!("{engine} lacks {wanted}\n{decisions}{errors}").into());
            }
        }
    }
    Ok(())
}

fn childless() -> Result<(), Failed> {
    let declarations = format!("{}E,FR1,50,2026-03-10\n", DECLARATIONS[1]);
    let folder = project(&[DECLARATIONS[0], &declarations], ITEMS.as_bytes())?;
    let (lines, _) = said(folder.path(), "apart", 0)?;
    let own: Vec<&str> = lines.lines().filter(|it| it.starts_with("E,")).collect();
    match own.as_slice() {
        [line] if line.starts_with("E,,D1,hit") => Ok(()),
        _ => Err(lines.into()),
    }
}

/// Two totals make none; an office that only one of them has is known.
fn disagree() -> Result<(), Failed> {
    let declarations = format!("{}A,,21,2026-03-10\n", DECLARATIONS[1]);
    let folder = project(&[DECLARATIONS[0], &declarations], ITEMS.as_bytes())?;
    let (_, errors) = said(folder.path(), "apart", 3)?;
    let told = ["declarations1.csv", "`total` differs from another row of its key", "row 2"];
    if let Some(lacking) = told.iter().find(|it| !errors.contains(**it)) {
        return Err(format!("lacks {lacking}: {errors}").into());
    }
    let toml = format!("{TOML}\n[run]\nmax-rejected = \"50 %\"\n");
    fs::write(folder.path().join("tamis.toml"), toml)?;
    let (lines, _) = said(folder.path(), "apart", 0)?;
    for wanted in ["A,,D1,undecided", "A,1,I1,hit", "A,2,I2,undecided"] {
        if !lines.lines().any(|it| it.starts_with(wanted)) {
            return Err(format!("lacks {wanted}\n{lines}").into());
        }
    }
    Ok(())
}

fn unknown() -> Result<(), Failed> {
    let folder = project(&DECLARATIONS, ITEMS.as_bytes())?;
    let slip = TOML.replace("separator = \";\"", "seperator = \";\"");
    fs::write(folder.path().join("tamis.toml"), slip)?;
    let (_, errors) = said(folder.path(), "apart", 2)?;
    for wanted in ["tamis.toml:12", "no key `seperator`", "did you mean `separator`"] {
        if !errors.contains(wanted) {
            return Err(format!("lacks {wanted}: {errors}").into());
        }
    }
    let toml = TOML.replace("apart.item", "apart.itme");
    fs::write(folder.path().join("tamis.toml"), toml)?;
    let (_, errors) = said(folder.path(), "apart", 2)?;
    if errors.contains("itme") && errors.contains("did you mean `item`") {
        return Ok(());
    }
    Err(errors.into())
}

/// Two entries of one date: told by file and row, and what they disagree on is missing.
fn register() -> Result<(), Failed> {
    let folder = project(&DECLARATIONS, ITEMS.as_bytes())?;
    let path = folder.path();
    let record = "\nrecord customs_office\n  key office_id\n  field office_id : text required\n  \
                  field since : date required\n  field sea : truth\n  history event since\n";
    let refers =
        "  history date lodged_on\n  refers place by office to customs_office as of lodged_on\n";
    let declared = "  field lodged_on : date required\n";
    let schema = SCHEMA.replace(declared, &format!("{declared}{refers}")) + record;
    fs::write(path.join("schema.tamis"), schema)?;
    fs::write(path.join("rules.tamis"), "rule D1\n  for each declaration\n  when place.sea\n")?;
    let offices = "office_id,since,sea\nFR1,2020-01-01,false\nFR1,2024-01-01,true\n\
                   FR2,2024-01-01,true\nFR1,2024-01-01,false\n";
    fs::write(path.join("offices.csv"), offices)?;
    let toml = format!("{TOML}[data.apart.customs_office]\npath = \"offices.csv\"\n");
    fs::write(path.join("tamis.toml"), &toml)?;
    let (_, errors) = said(path, "apart", 3)?;
    for wanted in ["offices.csv", "`sea` differs from another row of its key, 1 time", "row 4"] {
        if !errors.contains(wanted) {
            return Err(format!("lacks {wanted}: {errors}").into());
        }
    }
    fs::write(path.join("tamis.toml"), format!("{toml}[run]\nmax-rejected = \"50%\"\n"))?;
    let (lines, _) = said(path, "apart", 0)?;
    if lines.lines().filter(|it| it.contains("D1,undecided")).count() != 3 {
        return Err(lines.into());
    }
    Ok(())
}
