//! Input that means harm or mischief: always a named error, never a panic, on a small stack.

use std::fs;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    let rule = |condition: &str| format!("rule R1\n  when {condition}\n").into_bytes();
    let deep = |n: usize| rule(&format!("{}a{}", "(".repeat(n), ")".repeat(n)));
    let inputs: Vec<(&str, &str, Vec<u8>)> = vec![
        ("nesting of 10,000", "T1005", deep(10_000)),
        ("nesting of 1,000,000", "T1006", deep(1_000_000)),
        ("a chain of 100,000 terms", "T1006", rule(&vec!["a"; 100_000].join(" + "))),
        ("a chain of 5,000 terms", "T1005", rule(&vec!["a"; 5_000].join(" + "))),
        ("a line of 10 MB", "T1006", rule(&"x".repeat(10_000_000))),
        ("no UTF-8", "T1002", b"rule R1\n  when \xff\n".to_vec()),
        ("NUL", "T1003", rule("a \0")),
        ("a bidirectional mark", "T1003", rule("a \u{202E}b")),
        ("an Arabic letter mark", "T1003", rule("a \u{61C}b")),
        ("a soft hyphen", "T1003", rule("a is \"x\u{AD}y\"")),
        ("a filler as a name", "T1003", rule("\u{3164} > 1")),
        ("a blank of Braille", "T1003", rule("a is \"x\u{2800}y\"")),
        ("what is no character", "T1003", rule("a is \"x\u{FFFF}\"")),
        ("a tag", "T1003", rule("a is \"x\u{E0041}\"")),
        ("a variation selector", "T1003", rule("a is \"x\u{FE0F}\"")),
        ("a line separator", "T1003", rule("a is \"x\u{2028}\"")),
        ("an empty file", "T1004", Vec::new()),
    ];
    let mut trials: Vec<Trial> = inputs
        .into_iter()
        .map(|(name, code, bytes)| {
            Trial::test(format!("hostile {name}"), move || {
                let folder = tempfile::tempdir()?;
                let path = folder.path().join("rules.tamis");
                fs::write(&path, &bytes)?;
                refused(&path.to_string_lossy(), code)
            })
        })
        .collect();
    trials.push(Trial::test("hostile a folder", || {
        let folder = tempfile::tempdir()?;
        refused(&folder.path().to_string_lossy(), "T1001")
    }));
    trials.push(Trial::test("hostile a missing file", || refused("nowhere.tamis", "T1001")));
    trials.push(Trial::test("bad data is counted and refused", bad_data));
    trials
}

fn refused(path: &str, code: &str) -> Result<(), Failed> {
    let command = format!(
        "ulimit -s 2048; exec '{}' check --output concise '{path}'",
        env!("CARGO_BIN_EXE_tamis")
    );
    let output = Command::new("sh").args(["-c", &command]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(2) && said.contains(code) {
        return Ok(());
    }
    let said: String = said.chars().take(400).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{:?}, expected {code}: {said} {errors}", output.status).into())
}

/// Messages name file, column and row; what a personal field holds never shows.
fn bad_data() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    fs::write(
        at("schema.tamis"),
        "record declaration\n  key id\n  field id : text required\n  field mass : mass in kg \
         personal\n",
    )?;
    fs::write(at("rules.tamis"), "rule R1\n  when mass > 5 kg\n")?;
    let cases = [
        ("id,mass\n1,secret\n", 3, "`mass` not readable, 1 time, first in row 1"),
        ("id,mass\n1,7\n2\n", 3, "ragged row, 1 time, first in row 2"),
        ("id,weight\n1,7\n", 3, "column `mass` is missing"),
        ("", 3, "is empty"),
        ("mass,id\n7,1\n", 0, ""),
    ];
    for (csv, code, words) in cases {
        fs::write(at("data.csv"), csv)?;
        let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
            .current_dir(folder.path())
            .args(["run", "data.csv", "--rules", "rules.tamis", "--schema", "schema.tamis"])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let shown = said.contains("secret");
        if output.status.code() != Some(code) || !said.contains(words) || shown {
            return Err(format!("{csv:?}: {:?} {said}", output.status).into());
        }
    }
    Ok(())
}
