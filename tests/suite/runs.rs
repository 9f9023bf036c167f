//! Runs on record: whole or not at all, whatever kills them; and every change of them is found.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

use crate::generate;
use crate::rows;
use crate::seed::Random;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("runs same rules and data, same bytes", same_bytes),
        Trial::test("runs manifest is checked by sha256sum", checksum),
        Trial::test("runs every mutation is found", mutations),
        Trial::test("runs additional rules and data are found", additional),
        Trial::test("runs killed at every write", killed_at_every_write),
        Trial::test("runs killed at random moments", killed_at_random),
        Trial::test("runs two at once", two_at_once),
        Trial::test("runs replace runs only", replace_runs_only),
        Trial::test("runs replayed", replayed),
        Trial::test("runs with decisions", decided),
        Trial::test("runs no run at all", no_run),
    ]
}

const MANIFEST: &str = "[project]\nrules = [\"rules/*.tamis\"]\n\n[schema]\n\
    declaration = \"schema.tamis\"\n\n[data.all]\npath = \"data/*.csv\"\n\n\
    [run]\nmax-rejected = \"100%\"\n";

/// A project of random rules and rows.
pub fn project(rules: usize, rows: usize) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let mut random = Random::new(20_261_125);
    generate::lists(root)?;
    for name in ["rules", "data"] {
        fs::create_dir(root.join(name))?;
    }
    fs::write(root.join("tamis.toml"), MANIFEST)?;
    fs::write(root.join("schema.tamis"), generate::SCHEMA)?;
    for (at, text) in generate::rules(&mut random, rules).iter().enumerate() {
        fs::write(root.join(format!("rules/{at}.tamis")), text)?;
    }
    for at in 0..2 {
        let text = format!("{}\n{}\n", generate::HEADER, rows::rows(&mut random, rows).join("\n"));
        fs::write(root.join(format!("data/{at}.csv")), text)?;
    }
    Ok(folder)
}

pub fn tamis(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    command.current_dir(root).args(arguments);
    command
}

fn said(it: &Output) -> String {
    let all = [it.stdout.as_slice(), it.stderr.as_slice()].concat();
    String::from_utf8_lossy(&all).into_owned()
}

pub fn expect(root: &Path, arguments: &[&str], exit: i32) -> Result<String, Failed> {
    let output = tamis(root, arguments).output()?;
    let said = said(&output);
    if output.status.code() != Some(exit) {
        return Err(format!("{arguments:?}: {:?}, not {exit}\n{said}", output.status).into());
    }
    Ok(said)
}

fn run_id(folder: &Path) -> Result<String, Failed> {
    let text = fs::read_to_string(folder.join("manifest.json"))?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    Ok(json["run_id"].as_str().ok_or("no run_id")?.to_owned())
}

/// Of a setting.
fn count(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(usual)
}

/// The names beside the run, but for the project's own.
fn beside(root: &Path) -> Result<Vec<String>, Failed> {
    let mut res = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.contains("out") || name.starts_with(".tamis") {
            res.push(name);
        }
    }
    res.sort();
    Ok(res)
}

fn same_bytes() -> Result<(), Failed> {
    let folder = project(6, 150)?;
    let root = folder.path();
    let settings: [&[&str]; 4] = [
        &["--threads", "1"],
        &["--threads", "16", "--batch-size", "7"],
        &["--engine", "interpreter"],
        &["--purpose", "again", "-C", "."],
    ];
    let mut wanted: Option<(String, Vec<u8>)> = None;
    for setting in settings {
        let arguments = [&["run", "all", "--out", "out"], setting].concat();
        expect(root, &arguments, 0)?;
        let said = (run_id(&root.join("out"))?, fs::read(root.join("out/hits.parquet"))?);
        if wanted.get_or_insert_with(|| said.clone()) != &said {
            return Err(format!("{setting:?} gives another run").into());
        }
        expect(root, &["verify", "out"], 0)?;
    }
    // From elsewhere it is the same run.
    let there = tempfile::tempdir()?;
    let out = there.path().join("deep/out");
    let (from, to) = (root.display().to_string(), out.display().to_string());
    expect(there.path(), &["run", "all", "-C", &from, "--out", &to], 0)?;
    if Some(run_id(&out)?) != wanted.map(|it| it.0) {
        return Err("another run from another folder".into());
    }
    Ok(())
}

fn checksum() -> Result<(), Failed> {
    let folder = project(2, 20)?;
    let root = folder.path();
    expect(root, &["run", "all", "--out", "out", "--purpose", "a trial"], 0)?;
    let mut command = Command::new("sha256sum");
    let output = command.arg("-c").arg("manifest.sha256").current_dir(root.join("out")).output()?;
    if !output.status.success() {
        return Err(said(&output).into());
    }
    let text = fs::read_to_string(root.join("out/manifest.json"))?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    let facts = &json["facts"];
    for name in ["user", "host", "started", "ended"] {
        if facts[name].as_str().is_none_or(str::is_empty) {
            return Err(format!("no `{name}` in {facts}").into());
        }
    }
    let kinds = |of: &str| {
        let all = json["run"][of].as_array().into_iter().flatten();
        all.filter_map(|it| it["kind"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    for kind in ["project", "rules", "schema", "list"] {
        if !kinds("files").iter().any(|it| it == kind) {
            return Err(format!("no file of kind `{kind}`: {:?}", kinds("files")).into());
        }
    }
    if kinds("data") != ["data", "data"] || facts["purpose"] != "a trial" {
        return Err(text.into());
    }
    Ok(())
}

/// The files that a run stands for: of its folder, and of its project.
fn covered(root: &Path) -> Result<Vec<PathBuf>, Failed> {
    let text = fs::read_to_string(root.join("out/manifest.json"))?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    let inputs = ["files", "data"].iter().flat_map(|it| json["run"][*it].as_array());
    let mut res: Vec<PathBuf> =
        inputs.flatten().filter_map(|it| Some(root.join(it["path"].as_str()?))).collect();
    let inputs = res.len();
    for entry in fs::read_dir(root.join("out"))? {
        res.push(entry?.path());
    }
    res.sort();
    // tamis.toml, the schema, four rules and what they share, two files of data, lists.
    if inputs < 10 || res.len() != inputs + 5 {
        return Err(format!("{res:?}").into());
    }
    Ok(res)
}

/// Changes a file in a way that nobody may miss.
fn mutate(random: &mut Random, path: &Path) -> Result<String, Failed> {
    let mut bytes = fs::read(path)?;
    let what = match random.below(if bytes.is_empty() { 3 } else { 6 }) {
        0 => {
            fs::remove_file(path)?;
            return Ok("delete".to_owned());
        }
        1 => {
            let mut name = path.as_os_str().to_owned();
            name.push("x");
            fs::rename(path, name)?;
            return Ok("rename".to_owned());
        }
        2 => {
            let more = u8::try_from(random.below(256)).unwrap_or(0);
            bytes.push(more);
            "append".to_owned()
        }
        3 => {
            bytes.truncate(random.below(bytes.len()));
            "truncate".to_owned()
        }
        _ => {
            let (at, bit) = (random.below(bytes.len()), random.below(8));
            bytes[at] ^= 1 << bit;
            format!("flip bit {bit} of byte {at}")
        }
    };
    fs::write(path, bytes)?;
    Ok(what)
}

fn mutations() -> Result<(), Failed> {
    let folder = project(4, 40)?;
    let root = folder.path();
    expect(root, &["run", "all", "--out", "out"], 0)?;
    let files = covered(root)?;
    let kept: Vec<Vec<u8>> = files.iter().map(fs::read).collect::<Result<_, _>>()?;
    let mut random = Random::new(7);
    for trial in 0..count("TAMIS_MUTATIONS", 300) {
        let at = random.below(files.len());
        let what = mutate(&mut random, &files[at])?;
        let output = tamis(root, &["verify", "out"]).output()?;
        let said = said(&output);
        let name = files[at].file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A damaged checksum is told of the manifest that it is for.
        let named =
            said.contains(&name) || (name == "manifest.sha256" && said.contains("manifest"));
        if !matches!(output.status.code(), Some(1 | 3)) || !named {
            let path = files[at].display();
            return Err(format!("{trial}: {what} of {path}: {:?}\n{said}", output.status).into());
        }
        let mut renamed = files[at].as_os_str().to_owned();
        renamed.push("x");
        fs::remove_file(renamed).ok();
        fs::write(&files[at], &kept[at])?;
    }
    expect(root, &["verify", "out"], 0)?;
    Ok(())
}

fn additional() -> Result<(), Failed> {
    let folder = project(2, 20)?;
    let root = folder.path();
    expect(root, &["run", "all", "--out", "out"], 0)?;
    for (path, of) in [
        ("out/notes.txt", "output"),
        ("out/.hidden", "output"),
        ("rules/later.tamis", "rules"),
        ("data/9.csv", "data"),
    ] {
        fs::write(root.join(path), format!("{}\n", generate::HEADER))?;
        let said = expect(root, &["verify", "out", "--output", "json", "--quiet"], 1)?;
        let json: serde_json::Value = serde_json::from_str(&said)?;
        let all = json["differences"].as_array().ok_or("no differences")?;
        let name = path.trim_start_matches("out/");
        let is = |it: &serde_json::Value| {
            it["what"] == "additional" && it["of"] == of && it["path"] == name
        };
        if all.len() != 1 || !is(&all[0]) {
            return Err(format!("{path}: {said}").into());
        }
        fs::remove_file(root.join(path))?;
    }
    expect(root, &["verify", "out"], 0)?;
    Ok(())
}

/// The run that is there is whole; says which.
fn whole(root: &Path) -> Result<String, Failed> {
    expect(root, &["verify", "out"], 0)?;
    run_id(&root.join("out"))
}

fn killed_at_every_write() -> Result<(), Failed> {
    let folder = project(2, 20)?;
    let root = folder.path();
    let run = ["run", "all", "--out", "out", "--quiet"];
    // Without a run before: nothing, or the whole of it.
    for at in [1, 4, 9] {
        let killed =
            !tamis(root, &run).env("TAMIS_FAULT_AT", at.to_string()).output()?.status.success();
        if !killed || root.join("out").exists() {
            return Err(format!("step {at}: something is visible").into());
        }
    }
    expect(root, &run, 0)?;
    let first = whole(root)?;
    let limited = [&run[..], &["--limit", "3"]].concat();
    let (mut steps, mut before, mut after) = (0, 0, 0);
    for at in 1.. {
        let output = tamis(root, &limited).env("TAMIS_FAULT_AT", at.to_string()).output()?;
        let now = whole(root)?;
        if output.status.success() {
            steps = at - 1;
            if now == first {
                return Err("the last run is not the one that is there".into());
            }
            break;
        }
        if now == first {
            before += 1
        } else {
            after += 1
        }
        // The next run succeeds, takes away what was left, and gives the first one again.
        expect(root, &run, 0)?;
        if whole(root)? != first || beside(root)? != ["out"] {
            return Err(format!("step {at}: {:?} after the next run", beside(root)?).into());
        }
    }
    if steps < 15 || before == 0 || after == 0 {
        return Err(format!("{steps} steps, {before} before and {after} after the rename").into());
    }
    Ok(())
}

fn killed_at_random() -> Result<(), Failed> {
    let folder = project(12, 1500)?;
    let root = folder.path();
    let run = ["run", "all", "--out", "out", "--quiet"];
    let started = std::time::Instant::now();
    expect(root, &run, 0)?;
    let time = started.elapsed();
    let first = whole(root)?;
    let limited = [&run[..], &["--limit", "1000"]].concat();
    let mut random = Random::new(11);
    let mut killed = 0;
    for trial in 0..count("TAMIS_KILLS", 6) {
        let mut child =
            tamis(root, &limited).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let share = u32::try_from(random.below(1100)).unwrap_or(0);
        std::thread::sleep(time * share / 1000);
        child.kill()?;
        killed += usize::from(!child.wait()?.success());
        let now = whole(root)?;
        expect(root, if now == first { &limited } else { &run }, 0)?;
        if whole(root)? == now || beside(root)? != ["out"] {
            return Err(format!("{trial}: the next run did not take its place").into());
        }
        expect(root, &run, 0)?;
    }
    if killed == 0 { Err("every run was over before it was killed".into()) } else { Ok(()) }
}

/// Ends a process that a failing trial would leave behind.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn two_at_once() -> Result<(), Failed> {
    let folder = project(20, 3000)?;
    let root = folder.path();
    let run = ["run", "all", "--out", "out", "--engine", "interpreter", "--quiet"];
    let first = Ended(tamis(root, &run).stdout(Stdio::null()).spawn()?);
    let lock = root.join(".out.lock");
    for _ in 0..600 {
        if lock.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let said = expect(root, &["run", "all", "--out", "out"], 4)?;
    let process = format!("process {}", first.0.id());
    if !said.contains(&process) || !said.contains("since 2") {
        return Err(said.into());
    }
    // Its lock dies with it.
    drop(first);
    expect(root, &["run", "all", "--out", "out"], 0)?;
    whole(root)?;
    Ok(())
}

fn replace_runs_only() -> Result<(), Failed> {
    let folder = project(2, 20)?;
    let root = folder.path();
    fs::create_dir(root.join("mine"))?;
    fs::write(root.join("mine/letters.txt"), "dear")?;
    let said = expect(root, &["run", "all", "--out", "mine"], 2)?;
    if !said.contains("no run") || !root.join("mine/letters.txt").exists() {
        return Err(said.into());
    }
    expect(root, &["run", "all", "--out", "out"], 0)?;
    fs::write(root.join("out/letters.txt"), "dear")?;
    let said = expect(root, &["run", "all", "--out", "out"], 2)?;
    if !said.contains("letters.txt") || !root.join("out/letters.txt").exists() {
        return Err(said.into());
    }
    for wrong in ["hits.xlsx", "schema.tamis/out"] {
        let output = tamis(root, &["run", "all", "--out", wrong]).output()?;
        if !matches!(output.status.code(), Some(2 | 4)) {
            return Err(format!("{wrong}: {:?}", output.status).into());
        }
    }
    Ok(())
}

fn replayed() -> Result<(), Failed> {
    let folder = project(6, 100)?;
    let root = folder.path();
    expect(root, &["run", "all", "--out", "out"], 0)?;
    let said = expect(root, &["replay", "out"], 0)?;
    if !said.contains("all as recorded") {
        return Err(said.into());
    }
    expect(root, &["run", "all", "--out", "part", "--limit", "20"], 0)?;
    expect(root, &["replay", "part"], 0)?;
    // Other data give other lines, and the declaration is named.
    let path = root.join("data/0.csv");
    let text = fs::read_to_string(&path)?;
    let mut lines: Vec<&str> = text.lines().collect();
    let gone = lines.remove(7);
    fs::write(&path, lines.join("\n") + "\n")?;
    let key = gone.split(',').next().unwrap_or_default();
    let said = expect(root, &["replay", "out"], 1)?;
    if !said.contains("differs since the run: data/0.csv") || !said.contains(key) {
        return Err(format!("{key}: {said}").into());
    }
    Ok(())
}

const POLICY: &str = "policy import_control
  for declaration
  combine highest, capped at 100, then sum over declaration
  route to red when score >= 70
  route to yellow when score >= 10
  route to green otherwise
  random 20 % of green to red by office key from environment DRAW_KEY
  capacity red 2 per office, accepted_date overflow to yellow
";

fn decided() -> Result<(), Failed> {
    let folder = project(6, 100)?;
    let root = folder.path();
    fs::write(root.join("rules/policy.tamis"), POLICY)?;
    let keyed = |arguments: &[&str], key: &str, exit: i32| -> Result<String, Failed> {
        let output = tamis(root, arguments).env("DRAW_KEY", key).output()?;
        let said = said(&output);
        if output.status.code() != Some(exit) {
            return Err(format!("{arguments:?}: {:?}, not {exit}\n{said}", output.status).into());
        }
        Ok(said)
    };
    keyed(&["run", "all", "--out", "out"], "Zorro", 0)?;
    let first = run_id(&root.join("out"))?;
    keyed(&["run", "all", "--out", "out", "--threads", "16"], "Zorro", 0)?;
    let text = fs::read_to_string(root.join("out/manifest.json"))?;
    if run_id(&root.join("out"))? != first || text.contains("Zorro") {
        return Err("another run, or a key that is told".into());
    }
    if !text.contains("key from environment DRAW_KEY") || !text.contains("decisions.parquet") {
        return Err(text.into());
    }
    expect(root, &["verify", "out"], 0)?;
    keyed(&["replay", "out"], "Zorro", 0)?;
    for id in ["D001", "D002", "D003", "D004", "D005"] {
        keyed(&["replay", "out", id], "Zorro", 0)?;
    }
    keyed(&["replay", "out", "D0001"], "Zorro", 2)?;
    keyed(&["replay", "out", ""], "Zorro", 2)?;
    let said = keyed(&["replay", "out"], "another", 1)?;
    if !said.contains("decision: ") {
        return Err(said.into());
    }
    // Of one declaration too: another score, and no decision at all.
    fs::write(root.join("rules/policy.tamis"), POLICY.replace("capped at 100", "capped at 1"))?;
    if !(1..30).map(|it| format!("D{it:03}")).any(|id| {
        keyed(&["replay", "out", &id], "Zorro", 1).is_ok_and(|it| it.contains("differs in score"))
    }) {
        return Err("another score is not noticed".into());
    }
    fs::copy(root.join("out/hits.parquet"), root.join("out/decisions.parquet"))?;
    let said = keyed(&["replay", "out", "D001"], "Zorro", 3)?;
    if !said.contains("decisions.parquet") {
        return Err(said.into());
    }
    Ok(())
}

fn no_run() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    for command in ["verify", "replay"] {
        let said = expect(folder.path(), &[command, "nothing"], 3)?;
        if !said.contains("manifest.json") || !said.contains("help") {
            return Err(said.into());
        }
    }
    Ok(())
}
