//! A project made from a file checks without a remark and runs over that file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::ipc::writer::FileWriter;
use libtest_mimic::Failed;
use libtest_mimic::Trial;

/// Names that are words of the language, foreign, empty, alike, or hold signs.
const AWKWARD: &str = "\
\u{FEFF}Where;has;Poids (kg);2nd;Données;a b;a_b;\"q\"\"uote\";count;past;date;money;code;é;;any\n\
1;x;1,5;2;;0101;7;é;1;;2024-02-29;1.5;007;1;a;true\n\
2;y;2,5;3;z;0102;8;è;2;;2024-03-01;2.5;008;0;b;false\n";

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for file in ["data/kcs-54k/test.csv", "data/kcs-54k/valid.parquet"] {
        trials.push(Trial::test(format!("init from {file}"), move || runs(Path::new(file))));
    }
    trials.push(Trial::test("init from an awkward file", || {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("awkward.csv");
        fs::write(&file, AWKWARD)?;
        runs(&file)
    }));
    for (name, file, bytes, told) in PLAIN {
        trials.push(Trial::test(format!("init from {name}"), move || {
            let folder = tempfile::tempdir()?;
            let path = folder.path().join(file);
            fs::write(&path, bytes)?;
            made(&path, told)
        }));
    }
    trials.push(Trial::test("init from an Arrow file", || {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("rows.arrow");
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
            ("mass", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
        ];
        let batch = RecordBatch::try_from_iter(columns)?;
        let mut writer = FileWriter::try_new(fs::File::create(&path)?, &batch.schema())?;
        writer.write(&batch)?;
        writer.finish()?;
        made(&path, &["key id", "field mass : whole number"])
    }));
    for (name, text, told) in REFUSED {
        trials.push(Trial::test(format!("init refuses {name}"), move || refused(text, told)));
    }
    trials.push(Trial::test("init shows nothing of persons", personal));
    trials.push(Trial::test("init keeps columns of floats with values that are no number", floats));
    trials.push(Trial::test("init tells of rows that a run will reject", told_of_rows));
    trials.push(Trial::test("init from lists of structs", nested));
    trials.push(Trial::test("init never writes over a project", || {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("schema.tamis"), "mine")?;
        let (exit, said) = tamis(folder.path(), &["init", "--from", "nothing.csv"])?;
        if exit != Some(2) || fs::read_to_string(folder.path().join("schema.tamis"))? != "mine" {
            return Err(said.into());
        }
        Ok(())
    }));
    trials
}

/// Name, file, content, and lines of what is made.
type Plain = (&'static str, &'static str, &'static [u8], &'static [&'static str]);

const PLAIN: [Plain; 17] = [
    (
        "a file whose first column has gaps",
        "gaps.csv",
        b"ref,office,mass\n,X,1\nR1,Y,2\nR1,Z,2\n",
        &["key office", "field ref : text \""],
    ),
    (
        "a file without a complete column",
        "holes.csv",
        b"ref,mass\n,1\nR1,\n",
        &["No column can be the key", "field ref : text \""],
    ),
    (
        "a file that is not UTF-8",
        "latin.csv",
        b"id,Donn\xE9es\n1,caf\xE9\n2,th\xE9\n",
        &["encoding = \"windows-1252\"", "field donn\u{E9}es : text"],
    ),
    (
        "a file in UTF-16",
        "wide.csv",
        b"\xFF\xFEi\0d\0;\0k\0g\0\n\0a\0;\0\x31\0\n\0b\0;\0\x32\0\n\0",
        &["encoding = \"utf-16le\"", "separator = \";\"", "field kg : whole number"],
    ),
    (
        "dates as people write them",
        "dates.csv",
        b"id,made,sent,seen\na,14-Aug-14,31/12/2024,20240131\nb,4-Jun-13,01/02/2025,20240201\n\
          c,28-DEC-16,05/06/2025,20250131\n",
        &["made = \"%d-%b-%y\"", "sent = \"%d/%m/%Y\"", "seen = \"%Y%m%d\"", "field seen : date"],
    ),
    (
        "months",
        "months.csv",
        b"id,sold,bought,period,number\na,2026-01,01/2026,202601,202601\n\
          b,2026-12,12/2026,202612,2\n",
        &["sold = \"%Y-%m\"", "bought = \"%m/%Y\"", "period = \"%Y%m\"", "number : whole number"],
    ),
    (
        "codes that lost a zero",
        "codes.csv",
        b"id,hs8\na,1012100\nb,85171300\n",
        &["field hs8 : whole number", "lost a zero in front"],
    ),
    (
        "names with line breaks",
        "names.csv",
        b"id,\"x\ny\"\na,1\nb,2\n",
        &["\"x\\ny\" = \"x_y\"", "field x_y : whole number"],
    ),
    (
        "decimal commas",
        "commas.csv",
        b"id;kg;eur;n\na;0,226;1,234;7\nb;58,626;5,678;9\nc;7;1,5;8\n",
        &["decimal = \",\"", "field kg : decimal", "field eur : decimal", "field n : whole number"],
    ),
    (
        "decimal commas or thousands",
        "either.csv",
        b"id;kg\na;1,234\nb;5,678\n",
        &["field kg : text", "Is `1,234` a thousand?"],
    ),
    (
        "thousands set apart",
        "thousands.csv",
        "id;a;b;c\nx;1.234,5;1'000;12\u{A0}000,5\ny;20,25;2'000;1,5\n".as_bytes(),
        &["field a : text", "field b : text", "field c : text", "thousands set apart"],
    ),
    (
        "amounts with signs",
        "money.csv",
        "id;usd\na;$1,234.50\nb;USD 12\nc;(45.00)\nd;45.00-\ne;\u{20AC} 3\n".as_bytes(),
        &["field usd : text", "Amounts with signs"],
    ),
    (
        "words for missing",
        "nulls.csv",
        b"id,kg,day\na,1,N/A\nb,-0-,2024-01-01\nc,NULL,2024-01-02\n",
        &["nulls = [\"-0-\", \"N/A\", \"NULL\"]", "field kg : whole number", "field day : date"],
    ),
    (
        "a flat extract with lines",
        "lines.csv",
        b"decl_id,line_no,day,hs6,duty_rate,fx_rate,value,paid\n\
          D1,1,2026-01-01,851713,5,118.1,100.5,True\nD1,2,2026-01-01,640399,20,118.1,99.25,False\n\
          D2,1,2026-01-02,640399,20,118.1,50.75,False\nD2,2,2026-01-02,010121,0,118.1,10,False\n",
        &[
            "record item in declaration",
            "key decl_id",
            "key line_no",
            "key  = \"decl_id\"",
            "field paid : truth",
            "history date day",
        ],
    ),
    (
        "columns of one name, and none",
        "twice.csv",
        b"id;kg;kg;\na;1;2;\nb;3;4;\n",
        &["Column `kg` stands twice", "field id : text"],
    ),
    ("a file of keys alone", "keys.csv", b"id\na\nb\n", &["key id"]),
    ("a file without rows", "none.csv", b"id,kg\n", &["field id : text", "field kg : text"]),
];

/// Name, file, content, and what is said instead of a project.
type Refused = (&'static str, &'static str, &'static [&'static str]);

const REFUSED: [Refused; 9] = [
    ("title lines", ";;;\n;;DATA;\n;;;\nID;ORIGIN;KG;USD\n1;CN;10;5\n2;IN;20;5\n", &[":4:"]),
    ("a title", "Export of 2025-10-31\nID;ORIGIN;KG\n1;CN;10\n2;IN;20\n", &[":2:", "take line 1"]),
    ("no names", "36,AERO,-0- ,CUBA\n173,ANGLO,-0- ,CUBA\n", &[":1:", "names of the columns are"]),
    ("a note", "sep=;\nID;KG\n1;10\n", &[":1:", "note for spreadsheets"]),
    ("two lines of names", "id;kg\nno;weight\n1;10\n2;20\n", &[":2:", "keep one line"]),
    ("rows that are wider", "ID|KG\n1|10|\n2|20|\n", &["no row has as many cells"]),
    ("nothing", "", &["is empty"]),
    ("a mark alone", "\u{FEFF}", &["is empty"]),
    ("blank lines", "\n\r\n\n", &["is empty"]),
];

/// What looks as if it were of persons is written nowhere.
const PERSONAL: &str = "\
id,importer_name,birth,phone,x,nom,geb,note,vat,kg\n\
1,CANARY ONE,1971-03-04,33612345678,Canary Two,CANARY,canary@example.org,canary,BE0123456789,5\n\
2,CANARY ONE,1982-03-04,33612345679,Canary Two,CANARY,canary@example.org,canary,BE0123456789,7\n";

fn personal() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("canary.csv"), PERSONAL)?;
    let (exit, said) = tamis(folder.path(), &["init", "made", "--from", "canary.csv"])?;
    let mut all = said;
    for file in ["schema.tamis", "tamis.toml", "rules/example.tamis"] {
        all += &fs::read_to_string(folder.path().join("made").join(file))?;
    }
    for (field, is_personal) in [
        ("importer_name", true),
        ("birth", true),
        ("phone", true),
        ("nom", true),
        ("geb", true),
        ("vat", true),
        ("id", false),
        ("kg", false),
    ] {
        let line = all.lines().find(|it| it.trim_start().starts_with(&format!("field {field} :")));
        if line.is_none_or(|it| it.contains(" personal ") != is_personal) {
            return Err(format!("{field}: {line:?}").into());
        }
    }
    let all = all.replace("canary.csv", "").to_lowercase();
    let told = ["canary", "1971", "1982", "3361234567", "be0123"];
    match told.iter().find(|it| all.contains(**it)) {
        None if exit == Some(0) => Ok(()),
        found => Err(format!("{exit:?} {found:?}\n{all}").into()),
    }
}

/// A value that is no number, or none at all, leaves a column of floats what it is.
fn floats() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.arrow");
    let texts = StringArray::from(vec!["A1", "A2", "A3"]);
    let some = Float64Array::from(vec![1.5, f64::NAN, 2.0]);
    let none = Float64Array::from(vec![None, None, None]);
    let large = Float64Array::from(vec![Some(f64::INFINITY), None, Some(-1.0)]);
    let batch = RecordBatch::try_from_iter([
        ("id", Arc::new(texts) as ArrayRef),
        ("some", Arc::new(some)),
        ("blank", Arc::new(none)),
        ("large", Arc::new(large)),
    ])?;
    let mut writer = FileWriter::try_new(fs::File::create(&path)?, &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    let (exit, said) = tamis(folder.path(), &["init", "made", "--from", "rows.arrow"])?;
    let schema = fs::read_to_string(folder.path().join("made/schema.tamis"))?;
    let fields = ["field some : decimal", "field blank : decimal", "field large : decimal"];
    let told = "Column `some`: 1 of 3 values are no number";
    match fields.iter().find(|it| !schema.contains(**it)) {
        None if exit == Some(0) && said.contains(told) => Ok(()),
        lacking => Err(format!("{exit:?}, lacks {lacking:?}: {said}\n{schema}").into()),
    }
}

fn refused(text: &str, told: &[&str]) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("rows.csv"), text)?;
    let (exit, said) = tamis(folder.path(), &["init", "made", "--from", "rows.csv"])?;
    let made = folder.path().join("made").exists();
    match told.iter().find(|it| !said.contains(**it)) {
        None if exit == Some(3) && !made => Ok(()),
        lacking => Err(format!("{exit:?}, lacks {lacking:?}: {said}").into()),
    }
}

/// A row that is too short, and a line of totals: the project is made, and what a run will say is
/// said.
fn told_of_rows() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    for (text, told) in [
        ("no,kg\nA1,5\nA2,6\nA3\n", "1 of 3 rows"),
        ("no,kg\nA1,5\nA2,6\nTotal,11\n", "line of totals"),
    ] {
        fs::write(folder.path().join("rows.csv"), text)?;
        let (exit, said) = tamis(folder.path(), &["init", told, "--from", "rows.csv"])?;
        if exit != Some(0) || !said.contains(told) {
            return Err(format!("{exit:?}, lacks {told}: {said}").into());
        }
    }
    Ok(())
}

/// Lists of structs in a row are records of their own.
fn nested() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.arrow");
    let rows = "{\"mrn\": \"M1\", \"goods\": {\"items\": [{\"no\": 1, \"cn\": \"85171300\", \
                \"docs\": [{\"kind\": \"N935\"}]}, {\"no\": 2, \"cn\": \"64039900\"}]}}\n\
                {\"mrn\": \"M2\", \"goods\": {\"items\": [{\"no\": 1, \"cn\": \"87032319\"}]}}\n";
    let schema = arrow::json::reader::infer_json_schema(rows.as_bytes(), None)?.0;
    let reader = arrow::json::ReaderBuilder::new(Arc::new(schema)).build(rows.as_bytes())?;
    let batches = reader.collect::<Result<Vec<RecordBatch>, _>>()?;
    let mut writer = FileWriter::try_new(fs::File::create(&path)?, &batches[0].schema())?;
    batches.iter().try_for_each(|it| writer.write(it))?;
    writer.finish()?;
    made(
        &path,
        &[
            "record item in declaration",
            "record doc in item",
            "within = \"goods.items\"",
            "within = \"docs\"",
            "key no_field",
            "field cn : code of HS",
        ],
    )
}

/// Runs, and says these lines in its schema or `tamis.toml`.
fn made(file: &Path, told: &[&str]) -> Result<(), Failed> {
    runs(file)?;
    let folder = tempfile::tempdir()?;
    let file = file.canonicalize()?.display().to_string();
    tamis(folder.path(), &["init", "made", "--from", &file])?;
    let texts = ["schema.tamis", "tamis.toml"]
        .iter()
        .map(|it| fs::read_to_string(folder.path().join("made").join(it)))
        .collect::<Result<String, _>>()?;
    match told.iter().find(|it| !texts.contains(**it)) {
        Some(lacking) => Err(format!("lacks {lacking}:\n{texts}").into()),
        None => Ok(()),
    }
}

fn runs(file: &Path) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let file = file.canonicalize()?.display().to_string();
    let steps: [&[&str]; 5] = [
        &["init", "made", "--from", &file],
        &["check", "-C", "made", "--strict"],
        &["fmt", "--check", "made"],
        &["run", "archive", "-C", "made", "--max-rejected", "0%"],
        &["test", "-C", "made"],
    ];
    for step in steps {
        let (exit, said) = tamis(folder.path(), step)?;
        // Of keys alone nothing can be missing.
        if exit != Some(0) && !said.contains("there is no test") {
            let schema = fs::read_to_string(folder.path().join("made/schema.tamis"));
            return Err(format!("{step:?}: {exit:?}\n{said}\n{schema:?}").into());
        }
    }
    Ok(())
}

fn tamis(folder: &Path, arguments: &[&str]) -> Result<(Option<i32>, String), Failed> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_tamis")).current_dir(folder).args(arguments).output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
}
