//! Keys that files spell differently are one key, in every layout, and draw the same; rows without
//! a record around are told whether or not rules look at it.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Fields;
use arrow::datatypes::Schema;
use arrow::json::ReaderBuilder;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use parquet::arrow::ArrowWriter;

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
  field doc : text required
  field kind : text
";

const POLICY: &str = "\
policy made
  for declaration
  route to red when score >= 60
  route to yellow when score >= 30
  route to green otherwise

rule D
  for each declaration
  when importer_id is \"A\"
  then
    score 30

rule K
  for each document
  when KIND
  then
    score 30
    because \"{id}\"
";

/// What the rule on documents asks: its own field, or one of the declaration too.
const KINDS: [&str; 2] = ["kind is \"X\"", "kind is \"X\" and not (importer_id is \"B\")"];

const TOML: &str = "\
[project]
rules = [\"rules.tamis\"]
[schema]
declaration = \"schema.tamis\"
[data.flat]
path = \"flat*.csv\"
[data.flat.document]
path = \"documents*.csv\"
[data.apart.declaration]
path = \"declarations.csv\"
[data.apart.item]
path = \"items.csv\"
[data.apart.document]
path = \"documents*.csv\"
[data.lists]
path = \"rows.parquet\"
[data.lists.item]
within = \"items\"
[data.lists.document]
path = \"documents*.csv\"
";

const LAYOUTS: [&str; 3] = ["flat", "apart", "lists"];

const FILES: [(&str, &str); 6] = [
    (
        "flat-1.csv",
        "id,accepted_date,importer_id,line,value\nab1,2026-03-10,A,1,5\ncd2,2026-03-10,A,1,5\n\
         EF3,2026-03-10,A,1,5\n",
    ),
    (
        "flat-2.csv",
        "id,accepted_date,importer_id,line,value\naB1,2026-03-10,A,2,5\ngh4,2026-03-10,A,1,5\n",
    ),
    (
        "declarations.csv",
        "id,accepted_date,importer_id\nab1,2026-03-10,A\ncd2,2026-03-10,A\nEF3,2026-03-10,A\n\
         gh4,2026-03-10,A\n",
    ),
    ("items.csv", "id,line,value\naB1,1,5\naB1,2,5\ncd2,1,5\nEF3,1,5\ngh4,1,5\n"),
    ("documents-1.csv", "id,line,doc,kind\nAb1,1,a,X\nEF3,1,a,X\nCD2,9,a,X\n"),
    ("documents-2.csv", "id,line,doc,kind\nef3,1,B,Y\nzz9,1,b,X\nZZ9,1,A,X\ngh4,1,a,Y\n"),
];

const ROWS: &str = r#"
{"id": "ab1", "accepted_date": "2026-03-10", "importer_id": "A", "items": [{"line": 1}]}
{"id": "aB1", "accepted_date": "2026-03-10", "importer_id": "A", "items": [{"line": 2}]}
{"id": "cd2", "accepted_date": "2026-03-10", "importer_id": "A", "items": [{"line": 1}]}
{"id": "EF3", "accepted_date": "2026-03-10", "importer_id": "A", "items": [{"line": 1}]}
{"id": "gh4", "accepted_date": "2026-03-10", "importer_id": "A", "items": [{"line": 1}]}
"#;

pub fn trials() -> Vec<Trial> {
    let named = |layout: &'static str, inside: &'static str| {
        let name = format!("spelling: one declaration, {layout}, documents in the {inside}");
        Trial::test(name, move || one(layout, inside))
    };
    let mut all: Vec<Trial> = LAYOUTS
        .into_iter()
        .flat_map(|layout| ["item", "declaration"].map(|inside| named(layout, inside)))
        .collect();
    all.push(Trial::test("spelling: orphans are told in every layout", orphans));
    all.push(Trial::test("spelling: orphans of rows that facts look at", facts));
    all.push(Trial::test("spelling: keys by dictionary, a row a file", encoded));
    all.push(Trial::test("spelling: draws are the same", draws));
    all.push(Trial::test("spelling: a run of other rules", others));
    all
}

fn project(rules: &str, inside: &str) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    for (name, text) in FILES {
        let without = |line: &str| {
            let mut cells: Vec<&str> = line.split(',').collect();
            if name.starts_with("documents") && inside == "declaration" {
                cells.remove(1);
            }
            cells.join(",")
        };
        let text: Vec<String> = text.lines().map(without).collect();
        fs::write(path.join(name), text.join("\n") + "\n")?;
    }
    let schema = SCHEMA.replace("document in item", &format!("document in {inside}"));
    fs::write(path.join("schema.tamis"), schema)?;
    fs::write(path.join("rules.tamis"), rules)?;
    fs::write(path.join("tamis.toml"), TOML)?;
    write_rows(&path.join("rows.parquet"))?;
    Ok(folder)
}

fn write_rows(path: &Path) -> Result<(), Failed> {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let item = Fields::from(vec![Field::new("line", DataType::Int64, true), text("value")]);
    let element = Field::new("element", DataType::Struct(item), true);
    let items = Field::new("items", DataType::List(Arc::new(element)), true);
    let schema = Schema::new(vec![text("id"), text("accepted_date"), text("importer_id"), items]);
    let mut decoder = ReaderBuilder::new(Arc::new(schema)).build_decoder()?;
    decoder.decode(ROWS.as_bytes())?;
    let batch = decoder.flush()?.ok_or("no rows")?;
    let mut writer = ArrowWriter::try_new(File::create(path)?, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}

fn tamis(folder: &Path, arguments: &[&str], exit: i32) -> Result<String, Failed> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_tamis")).current_dir(folder).args(arguments).output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    match output.status.code() == Some(exit) {
        true => Ok(said),
        false => Err(format!("{arguments:?}: {:?}: {said}", output.status).into()),
    }
}

/// Hits, decisions as far as the score, and what is said besides; the same from both engines.
fn run(folder: &Path, data: &str) -> Result<(Vec<String>, Vec<String>, String), Failed> {
    let mut all = Vec::new();
    for engine in ["interpreter", "datafusion"] {
        let common = ["run", data, "--max-rejected", "100%", "--engine", engine];
        let told =
            tamis(folder, &[&common[..], &["--out", "h.csv", "--decisions", "d.csv"]].concat(), 0)?;
        let lines = |name: &str, cells: usize| -> Result<Vec<String>, Failed> {
            let text = fs::read_to_string(folder.join(name))?;
            let cut = |it: &str| it.split(',').take(cells).collect::<Vec<_>>().join(",");
            Ok(text.lines().skip(1).map(cut).collect())
        };
        all.push((lines("h.csv", 99)?, lines("d.csv", 4)?, told));
    }
    let (other, own) = (all.pop().ok_or("no run")?, all.pop().ok_or("no run")?);
    if (&own.0, &own.1) != (&other.0, &other.1) {
        return Err(format!("interpreter {own:#?}\ndatafusion {other:#?}").into());
    }
    Ok(other)
}

fn expect(found: &[String], wanted: &[&str]) -> Result<(), Failed> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("expected {wanted:#?}\nsaid {found:#?}").into())
}

const ORPHANS: [&str; 2] = [
    "documents-1.csv: `declaration.id, item.line` no outer record of this key, 1 time, first in \
     row 3, line 4: `CD2, 9`",
    "documents-2.csv: `declaration.id, item.line` no outer record of this key, 2 times, first in \
     row 2, line 3: `zz9, 1`",
];

/// One decision for each declaration, spelled as the spelling that sorts first; `why` and `replay`
/// find it under any.
fn one(layout: &str, inside: &str) -> Result<(), Failed> {
    for kind in KINDS {
        let folder = project(&POLICY.replace("KIND", kind), inside)?;
        let path = folder.path();
        let (hits, decisions, told) = run(path, layout)?;
        // What the declaration would say is missing where the item is.
        let joined = kind != KINDS[0];
        let lacking = joined && inside == "item";
        let wanted = [
            "Ab1,red,score,60",
            if lacking { "CD2,yellow,score,30" } else { "CD2,red,score,60" },
            "EF3,red,score,60",
            if joined { "ZZ9,green,otherwise,0" } else { "ZZ9,red,score,60" },
            "gh4,yellow,score,30",
        ];
        expect(&decisions, &wanted).map_err(|it| format!("{kind}: {it:?}"))?;
        let spelt = |it: &&String| it.starts_with("ZZ9") == it.to_lowercase().starts_with("zz9");
        if !hits.iter().all(|it| spelt(&it)) || !hits.iter().any(|it| it.contains(",Ab1,")) {
            return Err(format!("{kind}: {hits:#?}").into());
        }
        if inside == "item" && ORPHANS.iter().any(|it| !told.contains(it)) {
            return Err(format!("{kind}: orphans are not told: {told}").into());
        }
        tamis(path, &["run", layout, "--max-rejected", "100%", "--out", "out"], 0)?;
        tamis(path, &["replay", "out"], 0)?;
        for id in ["ab1", "AB1", "cd2", "ef3", "zz9"] {
            tamis(path, &["replay", "out", id], 0)?;
        }
        let why = tamis(path, &["why", "AB1", layout, "--output", "json"], 0)?;
        if !why.contains("\"Ab1\"") || !why.contains("\"K\"") {
            return Err(format!("{kind}: {why}").into());
        }
        tamis(path, &["why", "cd2", "--run", "out", "--rule", "D"], 0)?;
    }
    Ok(())
}

/// Whether documents alone are judged or all, and whether a field around is read: the same faults.
fn orphans() -> Result<(), Failed> {
    for kind in KINDS {
        let rules = POLICY.replace("KIND", kind);
        let alone = rules.split_once("rule K").map_or("", |it| it.1);
        for rules in [&rules, &format!("rule K{alone}")] {
            let folder = project(rules, "item")?;
            for layout in LAYOUTS {
                let told = tamis(folder.path(), &["run", layout, "--out", "h.csv"], 3)?;
                if let Some(lacking) = ORPHANS.iter().find(|it| !told.contains(**it)) {
                    return Err(format!("{layout}, {rules}: lacks {lacking}: {told}").into());
                }
            }
        }
    }
    Ok(())
}

/// Rules that only count documents, of the data and of history.
fn facts() -> Result<(), Failed> {
    let rules = "rule I\n  for each item\n  when count of documents >= 1\n\
                 rule P\n  for each item\n  when count of past documents with same kind in last 9 \
                 days >= 9\n";
    let rules = rules.replace("with same kind ", "with same id ");
    let folder = project(&rules, "item")?;
    for layout in LAYOUTS {
        for history in ["flat", "apart"] {
            let common = ["run", layout, "--history", history, "--out", "h.csv"];
            for engine in ["interpreter", "datafusion"] {
                let how = [&common[..], &["--engine", engine]].concat();
                let told = tamis(folder.path(), &how, 3)?;
                if let Some(lacking) = ORPHANS.iter().find(|it| !told.contains(**it)) {
                    return Err(format!("{how:?}: lacks {lacking}: {told}").into());
                }
            }
        }
    }
    Ok(())
}

/// Parquet files hold texts by dictionary; each file has one row.
fn encoded() -> Result<(), Failed> {
    let folder = project(&POLICY.replace("KIND", KINDS[0]), "item")?;
    let path = folder.path();
    let toml = TOML.replace("flat*.csv", "flat-*.parquet");
    fs::write(path.join("tamis.toml"), toml)?;
    let names = ["id", "accepted_date", "importer_id", "line", "value"];
    let fields: Vec<Field> = names.map(|it| Field::new(it, DataType::Utf8, true)).to_vec();
    let schema = Arc::new(Schema::new(fields));
    let rows = [["Ab1", "1"], ["AB1", "2"], ["aB1", "3"], ["ef3", "1"]];
    for (at, [id, line]) in rows.iter().enumerate() {
        let cells = [id, "2026-03-10", "A", line, "5"].map(|it| {
            Arc::new(arrow::array::StringArray::from(vec![it])) as arrow::array::ArrayRef
        });
        let batch = arrow::record_batch::RecordBatch::try_new(schema.clone(), cells.to_vec())?;
        let file = File::create(path.join(format!("flat-{at}.parquet")))?;
        let mut writer = ArrowWriter::try_new(file, schema.clone(), None)?;
        writer.write(&batch)?;
        writer.close()?;
    }
    let (_, decisions, _) = run(path, "flat")?;
    let found: Vec<String> =
        decisions.into_iter().filter(|it| it.starts_with(['A', 'E', 'a', 'e'])).collect();
    expect(&found, &["AB1,red,score,60", "EF3,red,score,60"])
}

/// Two files with the same declarations, in other letters: the same numbers, the same places.
fn draws() -> Result<(), Failed> {
    let rules = "policy made\n  for declaration\n  route to yellow when score >= 90\n  \
                 route to green otherwise\n  random 50 % of green to red by importer_id \
                 key \"k\"\n  \
                 capacity red 1 per day overflow to yellow\n\
                 rule D\n  for each declaration\n  when importer_id is missing\n";
    let folder = project(rules, "item")?;
    let path = folder.path();
    let toml = TOML.split("[data.flat]").next().unwrap_or_default();
    fs::write(path.join("tamis.toml"), toml)?;
    let schema = SCHEMA.split("record document").next().unwrap_or_default();
    fs::write(path.join("schema.tamis"), schema)?;
    let head = "id,accepted_date,importer_id,line,value\n";
    let rows: Vec<String> =
        (0..20).map(|it| format!("AB{it},2026-03-10,{},1,5\n", ["É1", "X"][it % 2])).collect();
    let upper = rows.concat();
    let mut said = Vec::new();
    for (name, text) in [("upper.csv", &upper), ("lower.csv", &upper.to_lowercase())] {
        fs::write(path.join(name), format!("{head}{text}"))?;
        tamis(path, &["run", name, "--out", "h.csv", "--decisions", "d.csv"], 0)?;
        let text = fs::read_to_string(path.join("d.csv"))?;
        said.push(text.to_lowercase());
    }
    match said[0] == said[1] && said[0].contains("drawn") {
        true => Ok(()),
        false => Err(format!("{}\n{}", said[0], said[1]).into()),
    }
}

/// What a run of rules on declarations writes as its file does, `why` finds all the same.
fn others() -> Result<(), Failed> {
    let folder = project(&POLICY.replace("KIND", KINDS[0]), "item")?;
    let path = folder.path();
    for layout in ["flat", "apart"] {
        let how = ["run", layout, "--max-rejected", "100%", "--rule", "D", "--out", "out"];
        tamis(path, &how, 0)?;
        tamis(path, &["replay", "out", "CD2"], 0)?;
        // The run did not ask the other rule: that it hits now is a difference, not of this one.
        for (rule, exit) in [(&["--rule", "D"][..], 0), (&["--rule", "K"], 1), (&[], 0)] {
            let said = tamis(path, &[&["why", "CD2", "--run", "out"], rule].concat(), exit)?;
            if said.contains("D, ") {
                return Err(said.into());
            }
        }
        fs::remove_dir_all(path.join("out"))?;
    }
    Ok(())
}
