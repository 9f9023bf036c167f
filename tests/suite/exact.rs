//! The same rules and data give the same bytes, whatever partitions, batches and order of files.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

use crate::generate;
use crate::rows;
use crate::seed::Random;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("exact 1 to 16 partitions", || {
            agree((1..=16).map(|it| vec!["--threads".to_owned(), it.to_string()]).collect())
        }),
        Trial::test("exact batches of 1, 7 and 8192 rows", || {
            let sizes = [1, 7, 64, 8192];
            agree(sizes.iter().map(|it| vec!["--batch-size".to_owned(), it.to_string()]).collect())
        }),
        Trial::test("exact interpreter and DataFusion", || {
            let engines = ["datafusion", "interpreter"];
            agree(engines.iter().map(|it| vec!["--engine".to_owned(), (*it).to_owned()]).collect())
        }),
        Trial::test("exact order and number of files", order_of_files),
        Trial::test("exact Parquet in, any kind of file out", parquet),
    ]
}

/// A project of random rules with five files of rows.
fn project() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let mut random = Random::new(20_260_310);
    generate::lists(folder.path())?;
    fs::write(folder.path().join("schema.tamis"), generate::SCHEMA)?;
    fs::write(folder.path().join("rules.tamis"), generate::rules(&mut random, 12).concat())?;
    let rows = rows::rows(&mut random, 400);
    for (at, part) in rows.chunks(90).enumerate() {
        let text = format!("{}\n{}\n", generate::HEADER, part.join("\n"));
        fs::write(folder.path().join(format!("{at}.csv")), text)?;
    }
    fs::write(
        folder.path().join("all.csv"),
        format!("{}\n{}\n", generate::HEADER, rows.join("\n")),
    )?;
    Ok(folder)
}

fn agree(settings: Vec<Vec<String>>) -> Result<(), Failed> {
    let folder = project()?;
    let files = ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv"];
    let mut wanted: Option<Vec<u8>> = None;
    for setting in settings {
        let said = bytes(folder.path(), &files, &setting)?;
        if wanted.get_or_insert_with(|| said.clone()) != &said {
            return Err(format!("{setting:?} gives other bytes").into());
        }
    }
    Ok(())
}

fn order_of_files() -> Result<(), Failed> {
    let folder = project()?;
    let wanted = bytes(folder.path(), &["0.csv", "1.csv", "2.csv", "3.csv", "4.csv"], &[])?;
    let orders: [&[&str]; 3] = [
        &["4.csv", "3.csv", "2.csv", "1.csv", "0.csv"],
        &["2.csv", "0.csv", "4.csv", "1.csv", "3.csv"],
        &["all.csv"],
    ];
    for order in orders {
        if bytes(folder.path(), order, &[])? != wanted {
            return Err(format!("{order:?} gives other bytes").into());
        }
    }
    Ok(())
}

/// The sample's own rules and archive, by settings that divide it differently.
fn parquet() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let settings: [&[&str]; 3] =
        [&["--threads", "1"], &["--threads", "16"], &["--threads", "7", "--batch-size", "500"]];
    let [small, large] = ["data/kcs-54k/valid.parquet", "data/kcs-54k/train.parquet"];
    let orders = [
        ("csv", [vec![small, large], vec![large, small], vec![small, large]]),
        ("parquet", [vec![small], vec![small], vec![small]]),
        ("jsonl", [vec![small], vec![small], vec![small]]),
        ("arrow", [vec![small], vec![small], vec![small]]),
    ];
    for (kind, orders) in orders {
        let mut wanted: Option<Vec<u8>> = None;
        for (files, setting) in orders.iter().zip(settings) {
            let out = folder.path().join(format!("hits.{kind}"));
            let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
                .args(["run", "-C", "rules", "--max-rejected", "100%", "--out"])
                .arg(&out)
                .args(files)
                .args(setting)
                .output()?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
            }
            let said = fs::read(&out)?;
            if wanted.get_or_insert_with(|| said.clone()) != &said {
                return Err(format!("{kind}: {files:?} {setting:?} gives other bytes").into());
            }
        }
    }
    Ok(())
}

fn bytes(folder: &Path, files: &[&str], settings: &[String]) -> Result<Vec<u8>, Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .arg("run")
        .args(files)
        .args(["--rules", "rules.tamis", "--schema", "schema.tamis", "--out", "hits.csv"])
        .args(["--max-rejected", "100%"])
        .args(settings)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let said = fs::read(folder.join("hits.csv"))?;
    if said.len() < 1000 {
        return Err("the rules hit next to nothing".into());
    }
    Ok(said)
}
