//! Decisions on the archive of the sample: capacity, draws, and the same bytes however it is cut.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use tempfile::TempDir;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("policy: 20 places an office and day, 2 % random", twenty_places),
        Trial::test("policy: one place an office and day, mandatory ones stay", one_place),
        Trial::test("policy: the same bytes on 1 and 16 partitions and by both engines", bytes),
        Trial::test("policy: days apart are decided as together", days_apart),
        Trial::test("policy: another key, other draws", other_key),
        Trial::test("policy: a key from the environment is not written down", secret_key),
        Trial::test("policy: drafts are left out, silent rules change nothing", statuses),
    ]
}

const RULES: &str = r#"
rule A1 "High duty"
  for each item
  when tax_rate >= 13 %
  then
    score 45

rule A2 "Heavy"
  for each item
  when net_mass > 1_000 kg
  then
    score 30

rule A3 "Dear"
  for each item
  when item_price > 100_000 KRW
  then
    score 35

rule A4 "Pharmaceuticals are looked at"
  for each item
  when hs under HS 30
  then
    channel red mandatory

rule A5 "No seller"
  for declaration
  when seller_id is missing
  then
    score 20
"#;

/// The archive of the sample under rules and a policy of its own.
fn project(lines: &str) -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let here = std::env::current_dir()?;
    let manifest = fs::read_to_string("rules/tamis.toml")?;
    let manifest = manifest
        .replace("../data", &here.join("data").to_string_lossy())
        .replace("\"*/**/*.tamis\", \"shared.tamis\", \"policy.tamis\"", "\"rules.tamis\"");
    fs::write(folder.path().join("tamis.toml"), manifest)?;
    // What a project reads stands in its folder.
    fs::create_dir(folder.path().join("nomenclature"))?;
    for file in ["schema.tamis", "nomenclature/hs.csv"] {
        fs::copy(here.join("rules").join(file), folder.path().join(file))?;
    }
    let policy = format!(
        "policy p\n  for declaration\n  combine sum\n  route to red when score >= 65\n  \
         route to yellow when score >= 40\n  route to green otherwise\n{lines}"
    );
    fs::write(folder.path().join("rules.tamis"), format!("{RULES}\n{policy}"))?;
    Ok(folder)
}

fn capacity(places: u32) -> String {
    format!(
        "  random 2 % of green to red by office key \"2026-import\"\n  \
         capacity red {places} per office, day overflow to yellow\n"
    )
}

/// The summary as JSON, and decisions at `decisions.csv`.
fn run(folder: &Path, data: &str, settings: &[&str]) -> Result<serde_json::Value, Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .args(["run", data, "--output", "json", "--decisions", "decisions.csv"])
        .args(settings)
        .env("TAMIS_TEST_KEY", "only the test knows")
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

type Row = BTreeMap<String, String>;

fn rows(folder: &Path) -> Result<Vec<Row>, Failed> {
    let mut reader = csv::Reader::from_path(folder.join("decisions.csv"))?;
    Ok(reader.deserialize().collect::<Result<Vec<Row>, _>>()?)
}

/// How many found a place, by office and day; and who of them is mandatory.
fn placed(rows: &[Row]) -> BTreeMap<&str, (u32, u32)> {
    let mut lines: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for row in rows.iter().filter(|it| it["channel"] == "red") {
        let why = row["why"].split_once(" at ").map_or("", |it| it.1);
        let end = [": stays", ", mandatory:"].iter().filter_map(|it| why.find(it)).min();
        let line = lines.entry(why.get(..end.unwrap_or(0)).unwrap_or("")).or_default();
        line.0 += 1;
        line.1 += u32::from(!row["mandatory"].is_empty());
    }
    lines
}

fn within(rows: &[Row], places: u32) -> Result<usize, Failed> {
    let lines = placed(rows);
    for (line, (count, mandatory)) in &lines {
        if !line.starts_with("office ") || places.max(*mandatory) < *count {
            return Err(format!("{line}: {count} of {places}, {mandatory} mandatory").into());
        }
    }
    Ok(lines.len())
}

fn twenty_places() -> Result<(), Failed> {
    let folder = project(&capacity(20))?;
    let said = run(folder.path(), "kcs", &[])?;
    let rows = rows(folder.path())?;
    let lines = within(&rows, 20)?;
    if rows.len() != 54_000 || lines < 1_000 {
        return Err(format!("{} decisions, {lines} lines", rows.len()).into());
    }
    let draw = &said["decided"]["draws"][0];
    let (Some(held), Some(drawn)) = (draw["held"].as_f64(), draw["drawn"].as_f64()) else {
        return Err("the summary counts no draws".into());
    };
    let error = (0.02 * 0.98 / held).sqrt();
    if held < 10_000.0 || 3.0 * error < (drawn / held - 0.02).abs() {
        return Err(format!("{drawn} of {held} drawn").into());
    }
    Ok(())
}

fn one_place() -> Result<(), Failed> {
    let folder = project(&capacity(1))?;
    let said = run(folder.path(), "kcs", &[])?;
    let rows = rows(folder.path())?;
    within(&rows, 1)?;
    let mandatory: Vec<&Row> = rows.iter().filter(|it| !it["mandatory"].is_empty()).collect();
    let lost = mandatory.iter().filter(|it| it["channel"] != "red").count();
    let displaced = said["decided"]["capacities"][0]["displaced"].as_u64().unwrap_or(0);
    // Otherwise the trial shows nothing.
    if lost != 0 || mandatory.len() < 100 || displaced < 1_000 {
        let mandatory = mandatory.len();
        return Err(format!("{lost} of {mandatory} mandatory lost, {displaced} displaced").into());
    }
    Ok(())
}

fn bytes() -> Result<(), Failed> {
    let folder = project(&capacity(2))?;
    let small = std::env::current_dir()?.join("data/kcs-54k/test.csv");
    let small = small.to_string_lossy().into_owned();
    let settings: [&[&str]; 4] = [
        &["--threads", "1"],
        &["--threads", "16"],
        &["--threads", "5", "--batch-size", "97"],
        &["--engine", "interpreter"],
    ];
    let mut wanted: Option<Vec<u8>> = None;
    for setting in settings {
        run(folder.path(), &small, setting)?;
        let said = fs::read(folder.path().join("decisions.csv"))?;
        if wanted.get_or_insert_with(|| said.clone()) != &said {
            return Err(format!("{setting:?} gives other bytes").into());
        }
    }
    Ok(())
}

fn days_apart() -> Result<(), Failed> {
    let folder = project(&format!("{}  together by declarant_id, day\n", capacity(1)))?;
    let text = fs::read_to_string("data/kcs-54k/test.csv")?;
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let mut parts: BTreeMap<u32, String> = BTreeMap::new();
    for line in lines {
        let day = line.split(',').nth(1).and_then(|it| it.get(8..)).unwrap_or("0");
        let part = parts.entry(day.parse::<u32>()? % 4).or_insert_with(|| format!("{header}\n"));
        *part += &format!("{line}\n");
    }
    fs::write(folder.path().join("all.csv"), &text)?;
    run(folder.path(), "all.csv", &[])?;
    let whole = rows(folder.path())?;
    let mut apart = Vec::new();
    for part in parts.values() {
        fs::write(folder.path().join("part.csv"), part)?;
        run(folder.path(), "part.csv", &[])?;
        apart.extend(rows(folder.path())?);
    }
    apart.sort_by(|a, b| a["declaration_id"].cmp(&b["declaration_id"]));
    let changed = whole.iter().filter(|it| it["reason"] == "together").count();
    let displaced = whole.iter().filter(|it| it["reason"] == "capacity").count();
    if whole != apart || changed < 10 || displaced < 10 {
        return Err(format!("{changed} together, {displaced} displaced, or not the same").into());
    }
    Ok(())
}

fn drawn(lines: &str) -> Result<(Vec<String>, serde_json::Value), Failed> {
    let folder = project(lines)?;
    let small = std::env::current_dir()?.join("data/kcs-54k/test.csv");
    let said = run(folder.path(), &small.to_string_lossy(), &[])?;
    let rows = rows(folder.path())?;
    let drawn = rows.into_iter().filter(|it| it["reason"] == "random");
    Ok((drawn.map(|it| it["declaration_id"].clone()).collect(), said))
}

fn other_key() -> Result<(), Failed> {
    let of = |key: &str| drawn(&format!("  random 10 % of green to red key \"{key}\"\n"));
    let (one, again, other) = (of("2026")?.0, of("2026")?.0, of("2027")?.0);
    if one != again {
        return Err("one key gives two draws".into());
    }
    // Of two tenths about a tenth is common.
    let common = one.iter().filter(|it| other.contains(it)).count();
    if one.len() < 100 || one.len() < 5 * common {
        return Err(format!("{common} of {} drawn by both keys", one.len()).into());
    }
    Ok(())
}

fn secret_key() -> Result<(), Failed> {
    let text = drawn("  random 10 % of green to red key \"only the test knows\"\n")?.0;
    let (secret, said) =
        drawn("  random 10 % of green to red key from environment TAMIS_TEST_KEY\n")?;
    let record = said["decided"]["draws"][0]["key"].as_str().unwrap_or_default().to_owned();
    let hidden = record.ends_with("TAMIS_TEST_KEY") && !record.contains("only");
    if text != secret || !hidden {
        return Err(format!("the key is recorded as `{record}`").into());
    }
    let folder = project("  random 10 % of green to red key from environment TAMIS_NO_KEY\n")?;
    match run(folder.path(), "kcs", &[]) {
        Err(it) if format!("{it:?}").contains("`TAMIS_NO_KEY`, which is not set") => Ok(()),
        other => Err(format!("without the key: {other:?}").into()),
    }
}

fn statuses() -> Result<(), Failed> {
    let small = std::env::current_dir()?.join("data/kcs-54k/test.csv");
    let small = small.to_string_lossy().into_owned();
    let with = |status: &str| -> Result<(Vec<Row>, serde_json::Value), Failed> {
        let folder = project("  override channel\n")?;
        let path = folder.path().join("rules.tamis");
        let rule = format!(
            "\nrule A9 \"All\"\n  status {status}\n  for declaration\n  when office is given\n  \
             then\n    score 90\n    channel red\n"
        );
        fs::write(&path, fs::read_to_string(&path)? + &rule)?;
        let said = run(folder.path(), &small, &[])?;
        Ok((rows(folder.path())?, said))
    };
    let channels = |rows: &[Row]| -> Vec<(String, String)> {
        rows.iter().map(|it| (it["channel"].clone(), it["score"].clone())).collect()
    };
    let (draft, said) = with("draft")?;
    let (silent, said_silent) = with("silent")?;
    let (experimental, _) = with("experimental")?;
    let rules = |it: &serde_json::Value| it["rules"].as_array().map_or(0, Vec::len);
    if rules(&said) != 5 || rules(&said_silent) != 6 {
        return Err(format!("{} and {} rules", rules(&said), rules(&said_silent)).into());
    }
    if channels(&draft) != channels(&silent) || !silent[0]["hits"].contains("A9") {
        return Err("a silent rule has an effect, or is not recorded".into());
    }
    let flagged = |it: &Row| it["channel"] == "red" && it["hits"].contains("\"experimental\"");
    if !experimental.iter().all(flagged) {
        return Err("an experimental rule has no effect, or no flag".into());
    }
    Ok(())
}
