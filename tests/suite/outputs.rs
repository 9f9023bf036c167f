//! Outputs: none is written over what is read, nor two into one place.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

use crate::runs::expect;
use crate::runs::project;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("outputs nothing that is read is written over", nothing_read),
        Trial::test("outputs each has a place of its own", one_place_each),
    ]
}

/// Refused, and everything as it was.
fn refused(root: &Path, arguments: &[&str], told: &str) -> Result<(), Failed> {
    let before = contents(root)?;
    let said = expect(root, arguments, 2)?;
    if !said.contains(told) || !said.contains("help: ") {
        return Err(format!("{arguments:?}: {said}").into());
    }
    if contents(root)? != before {
        return Err(format!("{arguments:?}: something was written").into());
    }
    Ok(())
}

/// Locks aside: they are empty, and nobody reads them.
fn contents(root: &Path) -> Result<Vec<(String, Vec<u8>)>, Failed> {
    let mut res = Vec::new();
    for pattern in ["*", "*/*", "*/*/*"] {
        for path in glob::glob(&root.join(pattern).to_string_lossy())? {
            let path = path?;
            if path.is_file() && !path.to_string_lossy().ends_with(".lock") {
                res.push((path.to_string_lossy().into_owned(), fs::read(&path)?));
            }
        }
    }
    Ok(res)
}

fn nothing_read() -> Result<(), Failed> {
    let folder = project(3, 20)?;
    let root = folder.path();
    expect(root, &["run", "all", "--out", "out"], 0)?;
    for place in ["data/0.csv", "./rules/../data/1.csv", "lists/goods.csv"] {
        if root.join(place).exists() {
            refused(root, &["run", "all", "--out", place], "is read here")?;
        }
    }
    for place in ["json=tamis.toml", "json=schema.tamis", "table=rules/0.tamis", "json=data/0.csv"]
    {
        refused(root, &["run", "all", "--output", place], "is read here")?;
    }
    for command in ["check", "test", "ls"] {
        refused(root, &[command, "--output", "json=rules/0.tamis"], "is read here")?;
    }
    for command in ["verify", "replay"] {
        let arguments = [command, "out", "--output", "json=out/hits.parquet"];
        refused(root, &arguments, "is read here")?;
    }
    let text = fs::read_to_string(root.join("data/0.csv"))?;
    let id = text.lines().nth(1).and_then(|it| it.split(',').next()).unwrap_or_default();
    refused(root, &["why", id, "all", "--output", "json=data/0.csv"], "is read here")?;
    let of_run = ["why", id, "--run", "out", "--output", "json=out/why.json"];
    refused(root, &of_run, "is read here")
}

fn one_place_each() -> Result<(), Failed> {
    let folder = project(3, 20)?;
    let root = folder.path();
    let twice = ["run", "all", "--out", "new.csv", "--output", "json=new.csv"];
    refused(root, &twice, "by another output")?;
    let inside = ["run", "all", "--out", "new", "--output", "json=new/summary.json"];
    refused(root, &inside, "by another output")?;
    // Nothing is kept of a device.
    expect(root, &["run", "all", "--output", "json=/dev/null", "--output", "table=/dev/null"], 0)?;
    Ok(())
}
