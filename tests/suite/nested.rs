//! Records in lists of structs say what the same records say in files of their own.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Fields;
use arrow::datatypes::Schema;
use arrow::ipc::writer::FileWriter;
use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

const SCHEMA: &str = "\
record declaration
  key id
  field id : text required
  field office : text
  field lodged_on : date required

record item in declaration
  key number
  field number : whole number required
  field origin : country
  field value : money in EUR personal

record document in item
  key document
  field document : text required
  field kind : text
";

const RULES: &str = "\
rule D1
  for each declaration
  when office is \"X\"
  then
    show (count of items), (sum of value over items)

rule D2
  for each declaration
  when any item has (value > 5 EUR)

rule D3
  for each declaration
  when no document has (kind is \"U045\")

rule I1
  for each item
  when all of
    - value > 5 EUR
    - office is not \"Y\"
  then
    show office, (count of documents)

rule I2
  for each item
  when no document has (kind is \"U045\")
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
[data.lists]
path = \"rows/*\"
[data.lists.item]
within = \"goods.items\"
columns = { \"from\" = \"origin\" }
[data.lists.document]
within = \"documents\"
";

const DECLARATIONS: &str = "id,office,lodged_on\nA,X,2026-03-10\nB,Y,2026-03-10\n\
                            C,,2026-03-11\nD,X,2026-03-11\nE,X,2026-03-11\n";

const ITEMS: &str = "id,number,origin,value\nA,1,CN,6\nA,2,FR,\nB,1,CN,7\nB,2,,1\nC,1,CN,9\n";

const DOCUMENTS: &str = "id,number,document,kind\nA,1,a,U045\nA,1,b,\nA,2,a,N954\nC,1,a,\n";

/// The same rows; of D the list is empty, of E it is null.
const ROWS: &str = r#"
{"id": "A", "office": "X", "lodged_on": "2026-03-10", "goods": {"items": [
  {"number": 1, "from": "CN", "value": "6", "documents": [
    {"document": "a", "kind": "U045"}, {"document": "b", "kind": null}]},
  {"number": 2, "from": "FR", "value": null, "documents": [{"document": "a", "kind": "N954"}]}]}}
{"id": "B", "office": "Y", "lodged_on": "2026-03-10", "goods": {"items": [
  {"number": 1, "from": "CN", "value": "7", "documents": []},
  {"number": 2, "from": null, "value": "1", "documents": null}]}}
{"id": "C", "office": null, "lodged_on": "2026-03-11", "goods": {"items": [
  {"number": 1, "from": "CN", "value": "9", "documents": [{"document": "a", "kind": null}]}]}}
{"id": "D", "office": "X", "lodged_on": "2026-03-11", "goods": {"items": []}}
{"id": "E", "office": "X", "lodged_on": "2026-03-11", "goods": null}
"#;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("lists of structs say what files apart say", || alike("rows.parquet")),
        Trial::test("lists of structs in an Arrow file", || alike("rows.arrow")),
        Trial::test("lists of structs: the same bytes however they are cut", cut),
        Trial::test("lists of structs: rules on the innermost record", innermost),
        Trial::test("lists of structs: a value that cannot be read", unreadable),
        Trial::test("lists of structs: an element without its key", keyless),
        Trial::test("lists of structs: a declaration twice, once without items", childless),
        Trial::test("lists of structs: every file is checked", checked),
        Trial::test("lists of structs: what tamis.toml may not say", refused),
    ]
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn list(name: &str, fields: Vec<Field>) -> Field {
    let element = Field::new("element", DataType::Struct(Fields::from(fields)), true);
    Field::new(name, DataType::List(Arc::new(element)), true)
}

/// The columns of `ROWS`; those of an item as given.
fn columns(item: Vec<Field>) -> Schema {
    let goods = DataType::Struct(Fields::from(vec![list("items", item)]));
    let rest = [text("id"), text("office"), Field::new("lodged_on", DataType::Date32, true)];
    Schema::new([rest.to_vec(), vec![Field::new("goods", goods, true)]].concat())
}

fn item() -> Vec<Field> {
    vec![
        Field::new("number", DataType::Int64, true),
        text("from"),
        text("value"),
        list("documents", vec![text("document"), text("kind")]),
    ]
}

fn batch(schema: Schema, rows: &str) -> Result<RecordBatch, Failed> {
    let schema = Arc::new(schema);
    let mut decoder = ReaderBuilder::new(schema).build_decoder()?;
    decoder.decode(rows.as_bytes())?;
    decoder.flush()?.ok_or_else(|| "no rows".into())
}

fn write(path: &Path, batch: &RecordBatch, group: usize) -> Result<(), Failed> {
    let file = File::create(path)?;
    if path.extension().is_some_and(|it| it == "arrow") {
        let mut writer = FileWriter::try_new(file, &batch.schema())?;
        writer.write(&batch.slice(0, 2))?;
        writer.write(&batch.slice(2, batch.num_rows() - 2))?;
        writer.finish()?;
        return Ok(());
    }
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
    writer.write(batch)?;
    writer.close()?;
    Ok(())
}

fn project(rules: &str, toml: &str) -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    fs::create_dir(path.join("rows"))?;
    let texts = [
        ("schema.tamis", SCHEMA),
        ("rules.tamis", rules),
        ("tamis.toml", toml),
        ("declarations.csv", DECLARATIONS),
        ("items.csv", ITEMS),
        ("documents.csv", DOCUMENTS),
    ];
    texts.iter().try_for_each(|(name, text)| fs::write(path.join(name), text))?;
    Ok(folder)
}

fn once(folder: &Path, arguments: &[&str], exit: i32) -> Result<(String, String), Failed> {
    fs::remove_file(folder.join("hits.csv")).ok();
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .args(["run", "--out", "hits.csv"])
        .args(arguments)
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    let errors = String::from_utf8_lossy(&said).into_owned();
    if output.status.code() != Some(exit) {
        return Err(format!("{arguments:?} {:?}: {errors}", output.status).into());
    }
    Ok((fs::read_to_string(folder.join("hits.csv")).unwrap_or_default(), errors))
}

/// The lines of a run, the same from both engines, and what is said besides.
fn said(folder: &Path, data: &str, exit: i32) -> Result<(String, String), Failed> {
    let one = once(folder, &[data, "--engine", "interpreter"], exit)?;
    let two = once(folder, &[data, "--engine", "datafusion"], exit)?;
    if one.0 != two.0 {
        return Err(format!("interpreter\n{}datafusion\n{}", one.0, two.0).into());
    }
    Ok(two)
}

fn tells(errors: &str, words: &[&str]) -> Result<(), Failed> {
    if errors.contains("Zorro") {
        return Err(format!("shows a value: {errors}").into());
    }
    match words.iter().find(|it| !errors.contains(**it)) {
        Some(lacking) => Err(format!("lacks {lacking}: {errors}").into()),
        None => Ok(()),
    }
}

fn alike(name: &str) -> Result<(), Failed> {
    let folder = project(RULES, TOML)?;
    write(&folder.path().join("rows").join(name), &batch(columns(item()), ROWS)?, 2)?;
    let (apart, _) = said(folder.path(), "apart", 0)?;
    let (lists, _) = said(folder.path(), "lists", 0)?;
    if apart != lists || lists.lines().count() < 12 {
        return Err(format!("apart\n{apart}lists\n{lists}").into());
    }
    Ok(())
}

fn cut() -> Result<(), Failed> {
    let folder = project(RULES, TOML)?;
    let all = batch(columns(item()), ROWS)?;
    let mut lines: Vec<String> = Vec::new();
    for (group, files) in [(100, [0..5, 5..5]), (1, [0..2, 2..5]), (2, [2..5, 0..2])] {
        fs::remove_dir_all(folder.path().join("rows"))?;
        fs::create_dir(folder.path().join("rows"))?;
        for (at, rows) in files.into_iter().enumerate() {
            let part = all.slice(rows.start, rows.len());
            write(&folder.path().join(format!("rows/{at}.parquet")), &part, group)?;
        }
        for (threads, size) in [("1", "8192"), ("5", "1"), ("16", "3")] {
            let how = ["lists", "--threads", threads, "--batch-size", size];
            lines.push(once(folder.path(), &how, 0)?.0);
        }
    }
    match lines.iter().find(|it| **it != lines[0]) {
        Some(other) => Err(format!("once\n{}then\n{other}", lines[0]).into()),
        None => Ok(()),
    }
}

fn innermost() -> Result<(), Failed> {
    let rules = "rule K1\n  for each document\n  when kind is \"U045\" and value > 5 EUR\n\n\
                 rule K2\n  for each item\n  when value > 5 EUR\n";
    let folder = project(rules, TOML)?;
    write(&folder.path().join("rows/a.parquet"), &batch(columns(item()), ROWS)?, 2)?;
    let (lines, _) = said(folder.path(), "lists", 0)?;
    for wanted in ["A,1,a,K1,hit", "A,1,b,K1,undecided", "A,1,,K2,hit", "B,1,,K2,hit"] {
        if !lines.lines().any(|it| it.starts_with(wanted)) {
            return Err(format!("lacks {wanted}\n{lines}").into());
        }
    }
    Ok(())
}

fn unreadable() -> Result<(), Failed> {
    let folder = project(RULES, TOML)?;
    let rows = ROWS.replace("\"value\": \"7\"", "\"value\": \"Zorro\"");
    write(&folder.path().join("rows/a.parquet"), &batch(columns(item()), &rows)?, 2)?;
    let (_, errors) = said(folder.path(), "lists", 3)?;
    tells(&errors, &["a.parquet", "`goods.items.value` not readable", "1 time", "row 2"])
}

fn keyless() -> Result<(), Failed> {
    let folder = project(RULES, &format!("{TOML}[run]\nmax-rejected = \"50%\"\n"))?;
    let rows = ROWS.replace("{\"number\": 2, \"from\": \"FR\"", "{\"from\": \"FR\"");
    write(&folder.path().join("rows/a.parquet"), &batch(columns(item()), &rows)?, 2)?;
    let (lines, errors) = said(folder.path(), "lists", 0)?;
    tells(&errors, &["goods.items.number", "missing"])?;
    if lines.contains("A,2,") || !lines.contains("A,1,I1") {
        return Err(lines.into());
    }
    Ok(())
}

/// A and C stand twice with other values, once without an item; B is filled by a row without one;
/// the second row of item 1 of D has no documents.
const CHILDLESS: &str = r#"
{"id": "A", "office": "X", "lodged_on": "2026-03-10", "goods": {"items": [
  {"number": 1, "from": "CN", "value": "6", "documents": [{"document": "a", "kind": "U045"}]}]}}
{"id": "A", "office": "Y", "lodged_on": "2026-03-10", "goods": {"items": []}}
{"id": "B", "office": null, "lodged_on": "2026-03-10", "goods": {"items": [
  {"number": 1, "from": "CN", "value": "7", "documents": [{"document": "a", "kind": "U045"}]}]}}
{"id": "B", "office": "X", "lodged_on": "2026-03-10", "goods": null}
{"id": "C", "office": "Y", "lodged_on": "2026-03-10", "goods": {"items": null}}
{"id": "C", "office": "X", "lodged_on": "2026-03-10", "goods": {"items": [
  {"number": 1, "from": "CN", "value": "7", "documents": [{"document": "a", "kind": "U045"}]}]}}
{"id": "D", "office": "X", "lodged_on": "2026-03-10", "goods": {"items": [
  {"number": 1, "from": "CN", "value": "7", "documents": [{"document": "a", "kind": "U045"}]},
  {"number": 1, "from": "FR", "value": "7", "documents": []}]}}
{"id": "E", "office": "Z", "lodged_on": "2026-03-11", "goods": {"items": []}}
"#;

/// Writes the rows of `CHILDLESS`, and the same as files apart.
fn write_childless(folder: &Path) -> Result<(), Failed> {
    write(&folder.join("rows/a.parquet"), &batch(columns(item()), CHILDLESS)?, 2)?;
    let texts = [
        (
            "declarations.csv",
            "id,office,lodged_on\nA,X,2026-03-10\nA,Y,2026-03-10\nB,,2026-03-10\n\
             B,X,2026-03-10\nC,Y,2026-03-10\nC,X,2026-03-10\nD,X,2026-03-10\nE,Z,2026-03-11\n",
        ),
        ("items.csv", "id,number,origin,value\nA,1,CN,6\nB,1,CN,7\nC,1,CN,7\nD,1,CN,7\nD,1,FR,7\n"),
        (
            "documents.csv",
            "id,number,document,kind\nA,1,a,U045\nB,1,a,U045\nC,1,a,U045\nD,1,a,U045\n",
        ),
    ];
    Ok(texts.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))?)
}

/// What rows without elements say of their key holds for the elements of its other rows: of this
/// data, and of history.
fn childless() -> Result<(), Failed> {
    let rules = [
        "rule D1\n  for each declaration\n  when office is \"X\"\n",
        "rule I1\n  for each item\n  when office is \"X\"\n",
        "rule I2\n  for each item\n  when origin is CN\n",
        "rule K1\n  for each document\n  when office is \"X\"\n",
        "rule K2\n  for each document\n  when origin is CN\n",
        "rule P1\n  for each declaration\n  when count of past items with same office in last 30 \
         days >= 1\n",
        "rule P2\n  for each item\n  when count of past documents with same origin in last 30 \
         days >= 1\n",
    ];
    let lists = TOML.split_once("[data.lists]").map_or("", |it| it.1);
    let old = lists.replace("data.lists", "data.old").replace("rows/", "old/");
    let toml = format!("{TOML}[data.old]{old}[run]\nmax-rejected = \"100%\"\n");
    let schema = SCHEMA.replace("date required\n", "date required\n  history date lodged_on\n");
    // A rule on items in all of them, so that lines have the same keys.
    let some = rules
        .iter()
        .map(|it| if *it == rules[2] { rules[2].into() } else { [it, rules[2]].join("\n") });
    for rules in some.chain([rules.join("\n")]) {
        let folder = project(&rules, &toml)?;
        fs::write(folder.path().join("schema.tamis"), &schema)?;
        write_childless(folder.path())?;
        let (apart, _) = said(folder.path(), "apart", 0)?;
        let (lists, errors) = said(folder.path(), "lists", 0)?;
        if apart != lists {
            return Err(format!("{rules}: apart\n{apart}lists\n{lists}").into());
        }
        let told = errors.matches("`office` differs").count();
        if told != usize::from(rules.contains("office")) {
            return Err(format!("{rules}: not told once: {errors}").into());
        }
        // The same rows as history of one more declaration.
        let new = r#"{"id": "N", "office": "X", "lodged_on": "2026-03-20", "goods": {"items": [
          {"number": 1, "from": "CN", "value": "6", "documents": []}]}}"#;
        let path = folder.path().join("new.parquet");
        write(&path, &batch(columns(item()), new)?, 2)?;
        fs::rename(folder.path().join("rows"), folder.path().join("old"))?;
        fs::create_dir(folder.path().join("rows"))?;
        fs::rename(path, folder.path().join("rows/new.parquet"))?;
        let mut said = Vec::new();
        for engine in ["interpreter", "datafusion"] {
            for history in ["old", "apart"] {
                let how = ["lists", "--history", history, "--engine", engine];
                said.push(once(folder.path(), &how, 0)?.0);
            }
        }
        if let Some(other) = said.iter().find(|it| **it != said[0]) {
            return Err(format!("{rules}: history\n{}and\n{other}", said[0]).into());
        }
    }
    Ok(())
}

/// The second file lacks something, or has it of another type.
fn checked() -> Result<(), Failed> {
    let whole = |name: &str| Field::new(name, DataType::Int64, true);
    let documents = || list("documents", vec![text("document"), text("kind")]);
    let cases = [
        (vec![whole("number"), text("from"), documents()], "column `goods.items.value` is missing"),
        (
            vec![whole("number"), text("from"), text("value")],
            "column `goods.items.documents` is missing (rows of `document`)",
        ),
        (
            vec![whole("number"), text("from"), text("value"), text("documents")],
            "column `goods.items.documents` is not a list of structs",
        ),
        (
            vec![whole("number"), whole("from"), text("value"), documents()],
            "column `goods.items.from` is a number, not a country",
        ),
    ];
    for (fields, told) in cases {
        let folder = project(RULES, TOML)?;
        write(&folder.path().join("rows/a.parquet"), &batch(columns(item()), ROWS)?, 2)?;
        let none = "{\"id\": \"F\", \"lodged_on\": \"2026-03-11\"}";
        write(&folder.path().join("rows/b.parquet"), &batch(columns(fields), none)?, 2)?;
        let (_, errors) = said(folder.path(), "lists", 3)?;
        tells(&errors, &["b.parquet", told])?;
    }
    let toml =
        TOML.replace("[data.lists.document]", "optional = [\"value\"]\n[data.lists.document]");
    let folder = project(RULES, &toml)?;
    let fields = vec![whole("number"), text("from"), documents()];
    write(&folder.path().join("rows/a.parquet"), &batch(columns(fields), ROWS)?, 2)?;
    said(folder.path(), "lists", 0).map(|_| ())
}

fn refused() -> Result<(), Failed> {
    let both = TOML.replace("within = \"documents\"", "within = \"documents\"\npath = \"x\"");
    let none = TOML.replace("within = \"documents\"\n", "");
    let table = format!("{TOML}[data.lists.colums]\n\"a\" = \"id\"\n");
    let inline = TOML.replace("path = \"rows/*\"\n", "path = \"rows/*\"\ncolums.a = \"id\"\n");
    let cases = [
        (both, "by `path`, or in lists, by `within`", 2),
        (none, "[data.lists.document]: a record needs `path` or `within`", 2),
        (table, "[data.lists.colums] has no key `a`", 2),
        (inline, "did you mean `columns`", 2),
        (TOML.replace("rows/*", "declarations.csv"), "`within` is about Parquet and Arrow", 3),
    ];
    for (toml, told, exit) in cases {
        let folder = project(RULES, &toml)?;
        write(&folder.path().join("rows/a.parquet"), &batch(columns(item()), ROWS)?, 2)?;
        let (_, errors) = said(folder.path(), "lists", exit)?;
        tells(&errors, &[told])?;
    }
    Ok(())
}
