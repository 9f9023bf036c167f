//! `tamis why` against runs: the same answers, and changes that turn them.
//!
//! Every change that is proposed is written into a file, and both engines judge it.
//! `TAMIS_WHY=10000` explains every hit of the sample archive and as many rows that do not hit, and
//! turns as many answers; a small part of that without it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use serde_json::Value as Json;
use tamis::probe::Asked;
use tamis::probe::By;
use tamis::probe::Data;
use tamis::probe::Files;
use tamis::probe::Form;
use tamis::probe::Line;
use tamis::probe::Project;
use tamis::probe::Said;

use crate::archive;
use crate::generate;
use crate::past;
use crate::rows;
use crate::seed::Random;
use crate::tidy;

/// Answers that `why` and a run share, and answers that were turned.
static AGREED: AtomicU64 = AtomicU64::new(0);
static TURNED: AtomicU64 = AtomicU64::new(0);

const PLAN: By = By::DataFusion { partitions: 2, batch_size: 8192, optimise: true };

/// How many answers are wanted, when the full figure is.
fn full() -> Option<usize> {
    std::env::var("TAMIS_WHY").ok().and_then(|it| it.parse().ok())
}

pub fn trials() -> Vec<Trial> {
    let seeds = full().map_or(2, |it| it.div_ceil(500)) as u64;
    let mut trials = vec![
        Trial::test("why agrees with a run of the sample", agrees),
        Trial::test("why turns answers of the sample", sample_turns),
        Trial::test("why at the command line", command_line),
    ];
    for seed in 0..seeds {
        let random = move || random_turns(seed);
        trials.push(Trial::test(format!("why turns random rules, seed {seed}"), random));
        let past = move || past_turns(seed);
        trials.push(Trial::test(format!("why turns rules over the past, seed {seed}"), past));
    }
    trials
}

pub fn report() {
    let (agreed, turned) = (AGREED.load(Ordering::Relaxed), TURNED.load(Ordering::Relaxed));
    if agreed + turned != 0 {
        println!("why: {agreed} answers agree with runs, {turned} changes turn theirs\n");
    }
}

fn asked(ids: Vec<String>, form: Form) -> Asked {
    Asked { ids, what_if: Vec::new(), all: true, turned: form == Form::Json, form }
}

/// Declarations explained in one go.
const AT_ONCE: usize = 400;

/// Of a run over the sample archive: hits and undecided rows, and declarations without any.
fn agrees() -> Result<(), Failed> {
    let project = Project::load(Path::new("rules"))?;
    let data = match full() {
        Some(_) => "kcs".to_owned(),
        None => "data/kcs-54k/test.csv".to_owned(),
    };
    let said = project.run_named(std::slice::from_ref(&data), PLAN)?;
    let mut lines: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    let mut in_order: Vec<&Line> = said.lines.iter().collect();
    in_order.sort_by_key(|it| (&it.keys, &it.rule));
    for it in in_order {
        lines.entry(&it.keys[0]).or_default().push(it);
    }
    let mut random = Random::new(54);
    let ids: Vec<&str> = lines.keys().copied().collect();
    let ids: Vec<String> = match full() {
        // Every declaration with a line, and with it the rules that do not hit it.
        Some(_) => ids.into_iter().map(str::to_owned).collect(),
        None => (0..40).map(|_| ids[random.below(ids.len())].to_owned()).collect(),
    };
    let ids: Vec<String> = ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let data = Data::Named(vec![data]);
    let rules = said.counts.len();
    for ids in ids.chunks(AT_ONCE) {
        let mut found = project.why_lines(&data, &asked(ids.to_vec(), Form::Full))?;
        found.sort_by(|a, b| (&a.keys, &a.rule).cmp(&(&b.keys, &b.rule)));
        let mut own: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
        for it in &found {
            own.entry(&it.keys[0]).or_default().push(it);
        }
        for id in ids {
            let (wanted, said) = (&lines[id.as_str()], own.remove(id.as_str()).unwrap_or_default());
            if *wanted != said {
                return Err(format!("{id}: a run says {wanted:?}, why says {said:?}").into());
            }
            AGREED.fetch_add(rules as u64, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// A change of cells, and the answer that it must turn.
struct Turn {
    id: String,
    /// Of the judged row.
    keys: Vec<String>,
    rule: String,
    outcome: String,
    changes: Vec<Json>,
}

/// Everything that is said to turn an answer.
fn turns(said: &str) -> Result<Vec<Turn>, Failed> {
    let report: Json = serde_json::from_str(said)?;
    let text = |it: &Json| it.as_str().unwrap_or_default().to_owned();
    let array = |it: &Json| it.as_array().cloned().unwrap_or_default();
    let mut res = Vec::new();
    for row in array(&report["rows"]) {
        let key = row["key"].as_object().cloned().unwrap_or_default();
        for rule in array(&row["rules"]) {
            for flip in array(&rule["flips"]) {
                let turn = Turn {
                    id: text(&report["id"]),
                    keys: key.values().map(text).collect(),
                    rule: text(&rule["rule"]),
                    outcome: text(&flip["outcome"]),
                    changes: array(&flip["changes"]),
                };
                if turn.outcome == text(&rule["outcome"]) || turn.changes.is_empty() {
                    return Err(format!("{}: {} turns nothing", turn.id, turn.rule).into());
                }
                res.push(turn);
            }
        }
    }
    Ok(res)
}

/// The rows with the cells of a change in place.
fn changed(header: &str, rows: &mut [String], turn: &Turn) -> Result<(), Failed> {
    let names: Vec<&str> = header.split(',').collect();
    let place = |name: &str| names.iter().position(|it| *it == name).ok_or("no such column");
    for change in &turn.changes {
        let at = place(change["field"].as_str().unwrap_or_default())?;
        let key = change["key"].as_object().cloned().unwrap_or_default();
        for row in rows.iter_mut() {
            let mut cells: Vec<&str> = row.split(',').collect();
            let mut same = true;
            for (name, value) in &key {
                same &= cells[place(name)?] == value.as_str().unwrap_or_default();
            }
            if same {
                cells[at] = change["value"].as_str().unwrap_or_default();
                *row = cells.join(",");
            }
        }
    }
    Ok(())
}

/// Whether a run says of the row what was promised.
fn holds(said: &Said, turn: &Turn) -> bool {
    let key = |it: &Line| it.keys.iter().filter(|it| *it != "-").cloned().collect::<Vec<_>>();
    let found = said.lines.iter().find(|it| it.rule == turn.rule && key(it) == turn.keys);
    found.map_or("no hit", |it| it.outcome.as_str()) == turn.outcome
}

fn told(turn: &Turn, by: By) -> Failed {
    let changes: Vec<String> = turn.changes.iter().map(ToString::to_string).collect();
    format!(
        "{by:?}: {} of {:?} is not {} after {}",
        turn.rule,
        turn.keys,
        turn.outcome,
        changes.join(", ")
    )
    .into()
}

/// Judges rows by an engine.
type Run<'a> = &'a dyn Fn(&Project, &[String], By) -> Result<Said, Failed>;

/// Turns answers, one of each declaration at a time, and asks both engines.
fn verify(
    project: &Project,
    header: &str,
    rows: &[String],
    all: Vec<Turn>,
    run: Run,
) -> Result<(), Failed> {
    let mut rounds: Vec<BTreeMap<String, Turn>> = Vec::new();
    for turn in all {
        let free = rounds.iter_mut().find(|it| !it.contains_key(&turn.id));
        match free {
            Some(round) => {
                round.insert(turn.id.clone(), turn);
            }
            None => rounds.push(BTreeMap::from([(turn.id.clone(), turn)])),
        }
    }
    for round in rounds {
        let mut rows = rows.to_vec();
        for turn in round.values() {
            changed(header, &mut rows, turn)?;
        }
        for by in [By::Interpreter, PLAN] {
            let said = run(project, &rows, by)?;
            if let Some(turn) = round.values().find(|it| !holds(&said, it)) {
                return Err(told(turn, by));
            }
        }
        TURNED.fetch_add(round.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// The rules of the sample that ask nothing of the past: rows of others do not matter to them.
fn sample_turns() -> Result<(), Failed> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for path in tidy::files("rules", "tamis") {
        let past = path.starts_with("rules/history") || path.ends_with("policy.tamis");
        if !past {
            texts.push((path.display().to_string(), fs::read_to_string(&path)?));
        }
    }
    let texts: Vec<(&str, &str)> = texts.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
    let project = Project::of(&texts, Path::new("rules"));
    let csv = fs::read_to_string("data/kcs-54k/test.csv")?;
    let header = renamed(csv.lines().next().unwrap_or_default())?;
    let all: Vec<&str> = csv.lines().skip(1).collect();
    let count = full().map_or(20, |it| it / 20);
    let mut random = Random::new(7);
    let rows: BTreeSet<&str> = (0..count).map(|_| all[random.below(all.len())]).collect();
    let rows: Vec<String> = rows.into_iter().map(str::to_owned).collect();
    let ids = rows.iter().filter_map(|it| it.split(',').next()).map(str::to_owned).collect();
    turned(&project, &header, &rows, ids)
}

/// The header of the archive in the names of the schema.
fn renamed(header: &str) -> Result<String, Failed> {
    let manifest = fs::read_to_string("rules/tamis.toml")?;
    let names: BTreeMap<&str, &str> = manifest
        .lines()
        .filter_map(|it| it.split_once(" = "))
        .map(|(foreign, own)| (foreign.trim().trim_matches('"'), own.trim().trim_matches('"')))
        .collect();
    let name = |it: &str| names.get(it).copied().unwrap_or_default().to_owned();
    Ok(header.split(',').map(name).collect::<Vec<_>>().join(","))
}

/// Explains declarations of a flat file by themselves, then turns every answer.
fn turned(
    project: &Project,
    header: &str,
    rows: &[String],
    ids: Vec<String>,
) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.csv");
    fs::write(&path, format!("{header}\n{}\n", rows.join("\n")))?;
    let data = Data::Files(Files { data: vec![path.clone()], ..Files::default() });
    let mut all = Vec::new();
    for said in project.why(&data, &asked(ids, Form::Json))? {
        all.extend(turns(&said)?);
    }
    verify(project, header, rows, all, &|project, rows, by| {
        fs::write(&path, format!("{header}\n{}\n", rows.join("\n")))?;
        Ok(project.run(std::slice::from_ref(&path), by)?)
    })
}

fn random_turns(seed: u64) -> Result<(), Failed> {
    let mut random = Random::new(seed ^ 0x3117);
    let folder = tempfile::tempdir()?;
    generate::lists(folder.path())?;
    let rules = generate::rules(&mut random, 8).concat();
    let rows = rows::rows(&mut random, 40);
    let texts = [("rules.tamis", rules.as_str()), ("schema.tamis", generate::SCHEMA)];
    let project = Project::of(&texts, folder.path());
    let ids: BTreeSet<String> =
        rows.iter().filter_map(|it| it.split(',').next()).map(str::to_owned).collect();
    turned(&project, generate::HEADER, &rows, ids.into_iter().collect())
        .map_err(|it| format!("seed {seed}: {}\n{rules}", it.message().unwrap_or_default()).into())
}

/// Of an archive so many changes are tried, each by itself: rows look at one another.
const TRIED: usize = 12;

fn past_turns(seed: u64) -> Result<(), Failed> {
    let (mut it, _) = past::sample(seed);
    let folder = tempfile::tempdir()?;
    let rules = it.rules.concat();
    let texts = [("rules.tamis", rules.as_str()), ("schema.tamis", it.schema.as_str())];
    let project = Project::of(&texts, folder.path());
    let ids: BTreeSet<String> =
        it.today.iter().filter_map(|it| it.split(',').next()).map(str::to_owned).collect();
    let data = Data::Files(archive::written(&it, folder.path())?);
    let mut all = Vec::new();
    for said in project.why(&data, &asked(ids.into_iter().collect(), Form::Json))? {
        all.extend(turns(&said)?);
    }
    let step = (all.len() / TRIED).max(1);
    let (today, history) = (it.today.clone(), it.history.clone());
    for turn in all.iter().step_by(step) {
        it.today.clone_from(&today);
        it.history.clone_from(&history);
        changed(archive::HEADER, &mut it.today, turn)?;
        changed(archive::HEADER, &mut it.history, turn)?;
        for by in [By::Interpreter, PLAN] {
            if !holds(&past::said(&it, by)?, turn) {
                let why = told(turn, by);
                let why = why.message().unwrap_or_default();
                return Err(format!("seed {seed}: {why}\n{rules}").into());
            }
        }
        TURNED.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

const MANIFEST: &str = "[project]\nrules = [\"rules.tamis\"]\n\n[schema]\n\
    declaration = \"schema.tamis\"\n\n[data.all]\npath = \"rows.csv\"\n\n\
    [run]\nmax-rejected = \"100%\"\n";

const POLICY: &str = "policy control\n  for declaration\n  combine sum\n  \
    route to red when score >= 1\n  route to green otherwise\n  \
    capacity red 2 overflow to yellow\n";

/// Exit codes, what is not known, and a run on record.
fn command_line() -> Result<(), Failed> {
    let mut random = Random::new(11);
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    generate::lists(root)?;
    let rules = generate::rules(&mut random, 8).concat() + POLICY;
    let rows = format!("{}\n{}\n", generate::HEADER, rows::rows(&mut random, 40).join("\n"));
    let files = [
        ("tamis.toml", MANIFEST),
        ("rules.tamis", &rules),
        ("schema.tamis", generate::SCHEMA),
        ("rows.csv", &rows),
    ];
    for (name, text) in files {
        fs::write(root.join(name), text)?;
    }
    let said = |arguments: &[&str], exit: i32| -> Result<String, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
        let output = command.args(arguments).current_dir(root).output()?;
        let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        let text = String::from_utf8_lossy(&all).into_owned();
        if output.status.code() != Some(exit) {
            return Err(format!("{arguments:?}: {:?}\n{text}", output.status).into());
        }
        Ok(text)
    };
    let has = |text: &str, wanted: &str| -> Result<(), Failed> {
        if text.contains(wanted) {
            return Ok(());
        }
        Err(format!("`{wanted}` is not in\n{text}").into())
    };
    has(&said(&["why", "D0001"], 2)?, "did you mean D001")?;
    has(&said(&["why", "D001", "--item", "999"], 2)?, "the declaration has no item `999`")?;
    has(&said(&["why", "D001", "--rule", "R99"], 2)?, "no rule is called `R99`")?;
    has(&said(&["why", "D001", "--what-if", "valeu=3"], 2)?, "did you mean `value`?")?;
    has(&said(&["why", "D001", "--what-if", "value=much"], 2)?, "money in EUR")?;
    has(&said(&["why", "D001", "--what-if", "declaration_id=3"], 2)?, "a key is not changed")?;
    has(&said(&["why", "D001", "--what-if", "office="], 2)?, "this field is required")?;
    let text = said(&["why", "D001", "--all"], 0)?;
    for at in 0..8 {
        has(&text, &format!(" R{at}"))?;
    }
    said(&["run", "all", "--out", "out"], 0)?;
    for id in ["D001", "D002", "D003", "D004", "D005"] {
        let text = said(&["why", id, "--run", "out"], 0)?;
        has(&text, " in the run: ")?;
    }
    Ok(())
}
