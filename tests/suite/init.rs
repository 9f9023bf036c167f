//! A project made from a file checks without a remark and runs over that file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::ArrayRef;
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

const PLAIN: [Plain; 3] = [
    (
        "a file whose first column has gaps",
        "gaps.csv",
        b"ref,office,mass\n,X,1\nR1,Y,2\nR1,Y,2\n",
        &["key office", "field ref : text \""],
    ),
    (
        "a file without a complete column",
        "holes.csv",
        b"ref,mass\n,1\nR1,\n",
        &["there is no key yet", "field ref : text \""],
    ),
    (
        "a file that is not UTF-8",
        "latin.csv",
        b"id,Donn\xE9es\n1,caf\xE9\n2,th\xE9\n",
        &["encoding = \"windows-1252\"", "field donn\u{E9}es : text"],
    ),
];

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
    let steps: [&[&str]; 4] = [
        &["init", "made", "--from", &file],
        &["check", "-C", "made", "--strict"],
        &["fmt", "--check", "made"],
        &["run", "archive", "-C", "made", "--max-rejected", "0%"],
    ];
    for step in steps {
        let (exit, said) = tamis(folder.path(), step)?;
        if exit != Some(0) {
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
