//! Ends: interrupts, leftovers, links, pipes, files that change, full disks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

use crate::runs::expect;
use crate::runs::project;
use crate::runs::tamis;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ends an interrupted run leaves nothing", interrupted),
        Trial::test("ends more threads than there can be are told", threads),
        Trial::test("ends what a killed run left is taken away", killed),
        Trial::test("ends outputs are their owner's alone", private),
        Trial::test("ends links beside outputs are not followed", links),
        Trial::test("ends streams and stdout take lines", streams),
        Trial::test("ends only regular files are read", irregular),
        Trial::test("ends lists stand in the project", outside),
        Trial::test("ends rules that double are refused", doubling),
    ]
}

/// What stands in a folder and has no place there.
fn left(root: &Path) -> Result<Vec<String>, Failed> {
    let mut res = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(".tamis-") || name.ends_with(".lock") {
            res.push(name);
        }
    }
    Ok(res)
}

const SLOW: [&str; 5] = ["run", "all", "--engine", "interpreter", "--quiet"];

fn begun(root: &Path, out: &str) -> Result<std::process::Child, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    command.current_dir(root).args(SLOW).args(["--out", out]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    for _ in 0..1200 {
        if !left(root)?.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    Ok(child)
}

fn interrupted() -> Result<(), Failed> {
    let folder = project(20, 3000)?;
    let root = folder.path();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("QUIT", 131), ("XCPU", 152)] {
        for out in ["out", "hits.csv"] {
            let child = begun(root, out)?;
            let name = format!("-{signal}");
            Command::new("kill").args([name.as_str(), &child.id().to_string()]).status()?;
            let output = child.wait_with_output()?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.code() != Some(code) || !said.contains("interrupted") {
                return Err(format!("{signal} {out}: {:?} {said}", output.status).into());
            }
            if !left(root)?.is_empty() || root.join(out).exists() {
                return Err(format!("{signal} {out}: {:?}", left(root)?).into());
            }
        }
    }
    Ok(())
}

fn threads() -> Result<(), Failed> {
    let folder = project(2, 3)?;
    let run = format!(
        "ulimit -v 3000000; exec '{}' run all --threads 256 --out h.csv",
        env!("CARGO_BIN_EXE_tamis")
    );
    let output = Command::new("sh").current_dir(folder.path()).args(["-c", &run]).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() != Some(4) || !said.contains("of 256 threads can be started") {
        return Err(format!("{:?} {said}", output.status).into());
    }
    Ok(())
}

fn killed() -> Result<(), Failed> {
    let folder = project(20, 3000)?;
    let root = folder.path();
    for out in ["out", "hits.csv"] {
        let mut child = begun(root, out)?;
        child.kill()?;
        child.wait()?;
        if left(root)?.is_empty() {
            return Err("the run was over before it was killed".into());
        }
    }
    // What only looks like a leftover stays.
    let (mine, other) = (root.join(".tamis-1-notes"), root.join(".tamis-notes"));
    fs::write(&mine, "dear")?;
    fs::write(&other, "dear")?;
    expect(root, &["run", "all", "--limit", "1", "--out", "other.csv"], 0)?;
    expect(root, &["run", "all", "--limit", "1", "--out", "out"], 0)?;
    let mut names = left(root)?;
    names.sort();
    if names != [".tamis-1-notes", ".tamis-notes"] {
        return Err(format!("{names:?}").into());
    }
    Ok(())
}

fn private() -> Result<(), Failed> {
    let folder = project(3, 20)?;
    let root = folder.path();
    let mode = |path: &str| -> Result<u32, Failed> {
        Ok(fs::metadata(root.join(path))?.permissions().mode() & 0o777)
    };
    fs::write(root.join("kept.csv"), "")?;
    fs::set_permissions(root.join("kept.csv"), fs::Permissions::from_mode(0o640))?;
    expect(root, &["run", "all", "--out", "out", "--output", "json=report.json"], 0)?;
    expect(root, &["run", "all", "--out", "hits.csv"], 0)?;
    expect(root, &["run", "all", "--out", "kept.csv"], 0)?;
    let wanted = [
        ("out", 0o700),
        ("out/hits.parquet", 0o600),
        ("out/manifest.json", 0o600),
        ("out/summary.txt", 0o600),
        ("hits.csv", 0o600),
        ("report.json", 0o600),
        ("kept.csv", 0o640),
    ];
    for (path, wanted) in wanted {
        if mode(path)? != wanted {
            return Err(format!("{path}: {:o}, not {wanted:o}", mode(path)?).into());
        }
    }
    Ok(())
}

fn links() -> Result<(), Failed> {
    let folder = project(3, 20)?;
    let root = folder.path();
    fs::write(root.join("precious.txt"), "precious")?;
    symlink("precious.txt", root.join(".out.lock"))?;
    let said = expect(root, &["run", "all", "--out", "out"], 2)?;
    if !said.contains("is a link") || fs::read(root.join("precious.txt"))? != b"precious" {
        return Err(said.into());
    }
    // A lock of somebody else is no lock of ours.
    fs::remove_file(root.join(".out.lock"))?;
    fs::write(root.join(".out.lock"), "precious")?;
    let said = expect(root, &["run", "all", "--out", "out"], 2)?;
    if fs::read(root.join(".out.lock"))? != b"precious" {
        return Err(said.into());
    }
    // An output that is a link is written where it leads.
    fs::write(root.join("target.csv"), "")?;
    symlink("target.csv", root.join("link.csv"))?;
    expect(root, &["run", "all", "--out", "link.csv"], 0)?;
    let link = fs::symlink_metadata(root.join("link.csv"))?.is_symlink();
    if !link || fs::read(root.join("target.csv"))?.is_empty() {
        return Err("the link is none any more, or leads to nothing".into());
    }
    symlink("nowhere/at/all.csv", root.join("lost.csv"))?;
    expect(root, &["run", "all", "--out", "lost.csv"], 2)?;
    Ok(())
}

fn streams() -> Result<(), Failed> {
    let folder = project(3, 20)?;
    let root = folder.path();
    expect(root, &["run", "all", "--out", "hits.csv", "--quiet"], 0)?;
    let file = fs::read_to_string(root.join("hits.csv"))?;
    for out in ["-", "/dev/stdout"] {
        // Faults are told on stderr, where no table tells them.
        let output = tamis(root, &["run", "all", "--out", out, "--quiet"]).output()?;
        if String::from_utf8_lossy(&output.stdout) != file {
            return Err(format!("{out}: other lines than in a file").into());
        }
    }
    expect(root, &["run", "all", "--out", "-", "--output", "json", "--quiet"], 2)?;
    expect(root, &["run", "all", "--out", "/dev/null", "--quiet"], 0)?;
    let said = expect(root, &["run", "all", "--out", "/dev/full", "--quiet"], 4)?;
    if !said.contains("the disk is full") {
        return Err(said.into());
    }
    Command::new("mkfifo").arg(root.join("pipe.csv")).status()?;
    let reader = Command::new("cat").arg(root.join("pipe.csv")).stdout(Stdio::piped()).spawn()?;
    expect(root, &["run", "all", "--out", "pipe.csv", "--quiet"], 0)?;
    let read = String::from_utf8_lossy(&reader.wait_with_output()?.stdout).into_owned();
    if read != file { Err("a pipe gets other lines than a file".into()) } else { Ok(()) }
}

fn irregular() -> Result<(), Failed> {
    let folder = project(3, 20)?;
    let root = folder.path();
    for name in ["pipe.tamis", "pipe.csv", "pipe.toml"] {
        Command::new("mkfifo").arg(root.join(name)).status()?;
    }
    symlink("/dev/zero", root.join("zero.tamis"))?;
    let told = [
        (vec!["check", "pipe.tamis"], 2),
        (vec!["check", "zero.tamis"], 2),
        (vec!["check", "--schema", "pipe.tamis"], 2),
        (vec!["--config", "pipe.toml", "check"], 2),
        (vec!["fmt", "--check", "pipe.tamis"], 2),
        (vec!["run", "pipe.csv"], 2),
        (vec!["run", "all", "--history", "pipe.csv"], 2),
    ];
    for (arguments, exit) in told {
        let said = expect(root, &arguments, exit)?;
        if !said.contains("not a regular file") {
            return Err(format!("{arguments:?}: {said}").into());
        }
    }
    let said = expect(root, &["run", "all", "--threads", "100000"], 2)?;
    if said.contains("the most are 256") { Ok(()) } else { Err(said.into()) }
}

const LIST: &str = "list secrets file \"FILE\"\n  column name : text, key\n";

fn outside() -> Result<(), Failed> {
    let folder = project(3, 20)?;
    let root = folder.path();
    let others = tempfile::tempdir()?;
    fs::write(others.path().join("names.csv"), "name\nCANARY\n")?;
    fs::create_dir_all(root.join("lists"))?;
    symlink(others.path().join("names.csv"), root.join("lists/inside.csv"))?;
    let beyond = others.path().join("names.csv");
    for file in ["/proc/self/environ", &beyond.to_string_lossy(), "lists/inside.csv"] {
        fs::write(root.join("rules/list.tamis"), LIST.replace("FILE", file))?;
        let said = expect(root, &["check"], 1)?;
        if !said.contains("outside of the project") || said.contains("CANARY") {
            return Err(format!("{file}: {said}").into());
        }
    }
    // Named in tamis.toml it may be read.
    let text = fs::read_to_string(root.join("tamis.toml"))?;
    let named = format!("[project]\nfolders = [{:?}]\n", others.path().to_string_lossy());
    fs::write(root.join("tamis.toml"), text.replace("[project]\n", &named))?;
    expect(root, &["check"], 0)?;
    Ok(())
}

fn doubling() -> Result<(), Failed> {
    let folder = project(1, 5)?;
    let root = folder.path();
    let record = "item";
    let mut text = format!("rule Q00\n  for each {record}\n  when boxes = 1\n\n");
    for at in 1..40 {
        let before = format!("hit(Q{:02})", at - 1);
        let when = format!("when {before} and not {before}");
        text += &format!("rule Q{at:02}\n  for each {record}\n  {when}\n\n");
    }
    fs::write(root.join("rules/doubling.tamis"), &text)?;
    let said = expect(root, &["check", "rules/doubling.tamis", "--output", "concise"], 2)?;
    if !said.contains("T1005") || !said.contains("the most are 20000") {
        return Err(said.into());
    }
    let mut text = format!("define d0(x: whole number)\n  for {record}\n  as x + x\n\n");
    for at in 1..60 {
        let before = at - 1;
        let head = format!("define d{at}(x: whole number)");
        text += &format!("{head}\n  for {record}\n  as d{before}(x + x)\n\n");
    }
    text += &format!("rule D1\n  for each {record}\n  when d59(1) > 5\n");
    fs::write(root.join("rules/doubling.tamis"), &text)?;
    let said = expect(root, &["check", "rules/doubling.tamis", "--output", "concise"], 2)?;
    if said.contains("T1005") { Ok(()) } else { Err(said.into()) }
}
