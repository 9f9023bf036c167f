//! What data, lists, arguments and file names hold cannot leave its line in any output.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use serde_json::Value as Json;

/// What harm is made of. `FORGED` begins a line only where a line break was let through.
const PIECES: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    "\nFORGED",
    "\r\nFORGED",
    "\n::error::FORGED",
    "::stop-commands::x",
    "##[group]",
    "##vso[task.setvariable]",
    "\u{1b}[2J",
    "\u{1b}]0;owned\u{7}",
    "\u{9b}2K",
    "\u{202e}",
    "\u{2066}",
    "\u{200f}",
    "\u{2028}FORGED",
    "\u{2029}",
    "\u{85}FORGED",
    "\u{ad}",
    "\u{200b}",
    "\u{e0041}",
    "\u{fe0f}",
    "\u{3164}",
    "\u{61c}",
    "\u{206a}",
    "\u{7f}",
    "\u{8}",
    "<img src=x>",
    "``<img src=x>",
    "`",
    "|",
    "[a](http://x)",
    "=1+1",
    "@SUM(1)",
    "-2+3",
    "\t=1",
    "\u{ff1d}1",
    "%0A",
    "&lt;",
    "plain",
    "é",
    " ",
    "'",
    "\"",
    ",",
    "\\",
];

const SCHEMA: &str = "\
record declaration
  key id
  field id : text
  field lodged_on : date
  field importer : name
  field note : text
  field value : money in EUR
  history date lodged_on
";

const RULES: &str = "\
list watched file \"l.csv\"
  column code : text, key
  column share : percent

rule R1 \"a title that is longer than any terminal is wide, and nobody may cut it when it is piped\"
  when note is \"nobody\" or value > 5 EUR
  because \"{importer} wrote {note}\"

rule R2
  when lookup(watched, note).share > 3 % or value < 5 EUR

rule R3
  when importer contains \"a\" and count of past declarations with same importer in last 9 days >= 0
";

pub fn trials() -> Vec<Trial> {
    let seeds = std::env::var("TAMIS_DISPLAY").ok().and_then(|it| it.parse().ok()).unwrap_or(6);
    (0..seeds)
        .map(|seed| Trial::test(format!("display {seed}"), move || all(seed)))
        .chain([Trial::test("display JSON also when a command fails", json_of_failures)])
        .collect()
}

/// Pieces in a row, by a linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(self.0 >> 33).unwrap_or(0) % n
    }

    fn text(&mut self) -> String {
        let length = 1 + self.below(5);
        (0..length).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }
}

struct Project {
    folder: tempfile::TempDir,
    ids: Vec<String>,
}

fn project(seed: u64) -> Result<Project, Failed> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9) + 7);
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let mut rows = csv::Writer::from_path(at("d.csv"))?;
    rows.write_record(["id", "lodged_on", "importer", "note", "value"])?;
    let mut ids = Vec::new();
    for row in 0..8 {
        let id = format!("{}{row}", random.text().replace('"', "")).trim().to_owned();
        let value = ["9", "1", ""][row % 3];
        rows.write_record([&id, "2026-03-01", &random.text(), &random.text(), value])?;
        ids.push(id);
    }
    rows.flush()?;
    let mut bad = csv::Writer::from_path(at("bad.csv"))?;
    bad.write_record(["id", "lodged_on", "importer", "note", "value"])?;
    bad.write_record(["1", &random.text(), "a", "b", &random.text()])?;
    bad.flush()?;
    let mut list = csv::Writer::from_path(at("good-list.csv"))?;
    list.write_record(["code", "share"])?;
    for row in 0..3 {
        list.write_record([format!("{}{row}", random.text()), "2".to_owned()])?;
    }
    list.flush()?;
    let mut list = csv::Writer::from_path(at("bad-list.csv"))?;
    list.write_record(["code", "share"])?;
    for _ in 0..3 {
        list.write_record([random.text(), format!("x{}", random.text())])?;
    }
    list.flush()?;
    fs::write(at("schema.tamis"), SCHEMA)?;
    fs::write(at("r.tamis"), RULES)?;
    fs::copy(at("good-list.csv"), at("l.csv"))?;
    let toml = "[project]\nrules = [\"r.tamis\"]\n[schema]\nd = \"schema.tamis\"\n";
    fs::write(at("tamis.toml"), toml)?;
    Ok(Project { folder, ids })
}

fn tamis(folder: &Path, args: &[&str]) -> Result<Output, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    Ok(command.current_dir(folder).env("NO_COLOR", "1").args(args).output()?)
}

fn all(seed: u64) -> Result<(), Failed> {
    let project = project(seed)?;
    let folder = project.folder.path();
    for format in ["full", "plain", "sentences", "json"] {
        for id in project.ids.iter().take(3) {
            safe(folder, &["why", id, "d.csv", "--all", "--output", format])?;
        }
        safe(folder, &["why", &Random(seed).text(), "d.csv", "--output", format])?;
    }
    for format in ["table", "json"] {
        safe(folder, &["run", "d.csv", "--output", format])?;
        safe(folder, &["run", "bad.csv", "--output", format])?;
        safe(folder, &["run", "d.csv", "--history", "bad.csv", "--output", format])?;
        let text = Random(seed + 1).text();
        for flag in ["--rule", "--max-rejected", "--output", "--history", "--no-such-flag"] {
            safe(folder, &["run", "d.csv", flag, &text])?;
        }
        safe(folder, &["run", &text])?;
    }
    let named = format!("{}.csv", Random(seed + 2).text().replace('/', ""));
    fs::copy(folder.join("bad.csv"), folder.join(&named))?;
    safe(folder, &["run", "d.csv", &named])?;
    spreadsheets(folder, &project.ids)?;
    fs::copy(folder.join("bad-list.csv"), folder.join("l.csv"))?;
    for format in ["full", "plain", "concise", "short", "json", "sarif", "junit", "github", "md"] {
        safe(folder, &["check", "--output", format])?;
    }
    for format in ["human", "json", "junit", "github", "md"] {
        safe(folder, &["test", "--output", format])?;
    }
    Ok(())
}

/// Nothing that leaves holds a character that nobody sees, a line that begins as data say, or
/// markup.
fn safe(folder: &Path, args: &[&str]) -> Result<(), Failed> {
    let output = tamis(folder, args)?;
    let markdown = args.ends_with(&["md"]);
    for bytes in [&output.stdout, &output.stderr] {
        let text = std::str::from_utf8(bytes)?;
        let unseen = text.chars().find(|it| hides(*it));
        let forged = text.lines().map(str::trim_start).find(|line| {
            let ours = ["::error title=tamis", "::warning title=tamis"];
            let command = line.starts_with("::") && !ours.iter().any(|it| line.starts_with(it));
            let others = ["##[", "##vso["].iter().any(|it| line.contains(it));
            command || others || line.starts_with("FORGED")
        });
        let page = markdown && std::ptr::eq(bytes, &output.stdout);
        let markup = page && (text.contains("<img") || text.contains("](http"));
        if unseen.is_some() || forged.is_some() || markup {
            return Err(format!("{args:?}: {unseen:?} {forged:?} {markup}\n{text:?}").into());
        }
    }
    if output.status.code().is_none_or(|it| it == 101) {
        return Err(format!("{args:?}: {:?}", output.status).into());
    }
    Ok(())
}

fn hides(it: char) -> bool {
    let marks = "\u{ad}\u{200b}\u{200f}\u{202e}\u{2028}\u{2029}\u{2066}\u{206a}\u{61c}\u{3164}";
    (it.is_control() && it != '\n') || marks.contains(it) || matches!(it, '\u{fe0f}' | '\u{e0041}')
}

/// A text as CSV has it, but for an apostrophe in front.
fn written_out(text: &str) -> String {
    let marks = "\u{61c}\u{200f}\u{202e}\u{2028}\u{2029}\u{2066}";
    let sign = |it: char| match it {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        it if it.is_control() || marks.contains(it) => format!("\\u{{{:x}}}", u32::from(it)),
        it => it.to_string(),
    };
    text.chars().map(sign).collect()
}

/// No cell of CSV is a formula or leaves its line, and taking the apostrophe off gives the key
/// again.
fn spreadsheets(folder: &Path, ids: &[String]) -> Result<(), Failed> {
    tamis(folder, &["run", "d.csv", "--out", "h.csv"])?;
    tamis(folder, &["run", "d.csv", "--out", "h.jsonl"])?;
    let signs = ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}'];
    let mut keys = Vec::new();
    for record in csv::Reader::from_path(folder.join("h.csv"))?.records() {
        let record = record?;
        let is_number = |it: &str| it.parse::<f64>().is_ok();
        if let Some(cell) = record.iter().find(|it| it.starts_with(signs) && !is_number(it)) {
            return Err(format!("a formula: {cell:?}").into());
        }
        let undecided = record.iter().any(|it| it == "undecided");
        if undecided && !record[4].is_empty() {
            return Err(format!("a channel on an undecided row: {record:?}").into());
        }
        let moved = |it: &str| it != written_out(it) || it.starts_with("::");
        if let Some(cell) = record.iter().find(|it| moved(it)) {
            return Err(format!("leaves its line: {cell:?}").into());
        }
        if serde_json::from_str::<Json>(&record[6]).is_err() && !record[6].is_empty() {
            return Err(format!("evidence that is no JSON: {record:?}").into());
        }
        keys.push(record[0].to_owned());
    }
    let lines = fs::read_to_string(folder.join("h.jsonl"))?;
    for line in lines.lines() {
        let it: Json = serde_json::from_str(line)?;
        let id = it["id"].as_str().unwrap_or_default();
        let text = written_out(id);
        let found = |it: &String| *it == text || it.strip_prefix('\'') == Some(text.as_str());
        if !ids.iter().any(|it| it == id) || !keys.iter().any(found) {
            return Err(format!("{id:?} is no key").into());
        }
    }
    if lines.is_empty() { Err("no lines".into()) } else { Ok(()) }
}

fn json_of_failures() -> Result<(), Failed> {
    let project = project(0)?;
    let folder = project.folder.path();
    fs::write(folder.join("wrong.tamis"), "rule R1\n  when nothing_known > 5\n")?;
    fs::create_dir(folder.join("norun"))?;
    let cases: &[(&[&str], i32)] = &[
        (&["run", "nowhere.csv", "--output", "json"], 2),
        (&["run", "bad.csv", "--output", "json"], 3),
        (&["run", "d.csv", "--rules", "wrong.tamis", "--output", "json"], 1),
        (&["run", "d.csv", "--output=json", "--no-such-flag"], 2),
        (&["run", "d.csv", "--rule", "R9", "--output", "json"], 2),
        (&["why", "nobody", "d.csv", "--output", "json"], 2),
        (&["why", "nobody", "d.csv", "--rules", "wrong.tamis", "--output", "json"], 1),
        (&["check", "nowhere.tamis", "--config", "nowhere.toml", "--output", "json"], 2),
        (&["test", "R9", "--output", "json"], 2),
        (&["test", "--rules", "wrong.tamis", "--output", "json"], 1),
        (&["verify", "norun", "--output", "json"], 3),
        (&["replay", "norun", "--output", "json"], 3),
        (&["ls", "--config", "nowhere.toml", "--output", "json"], 2),
    ];
    for (args, exit) in cases {
        let output = tamis(folder, args)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let it: Json = serde_json::from_str(&said)
            .map_err(|error| format!("{args:?}: {error}: {said} {:?}", output.status))?;
        let told = it["exit"].as_i64() == Some(i64::from(*exit)) && it["message"].is_string();
        if output.status.code() != Some(*exit) || it["schema"] != "tamis.error/1" || !told {
            return Err(format!("{args:?}: {:?}: {said}", output.status).into());
        }
    }
    Ok(())
}
