//! A project made from a file checks without a remark and runs over that file.

use std::fs;
use std::path::Path;
use std::process::Command;

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
