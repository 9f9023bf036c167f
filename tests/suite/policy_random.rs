//! Random policies over random rows: what must hold whatever a policy says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use tamis::probe::By;
use tamis::probe::Decided;
use tamis::probe::Project;

use crate::seed::Random;

const SEEDS: u64 = 60;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("policies at random keep their promises", || {
            let one = |seed| promises(seed).map_err(|it| format!("{seed}: {it}").into());
            (0..SEEDS).try_for_each(one)
        }),
        Trial::test("the number of a draw is computed as the manual says", || Ok(recomputed()?)),
    ]
}

/// As `docs/language/policy.md` says it, and by nothing else.
fn recomputed() -> Result<(), String> {
    let text = "policy p\n  route to red when score >= 9\n  route to green otherwise\n  \
                random 50 % of green to red by office key \"2026-é\"\n";
    let folder = tempfile::tempdir().map_err(|it| it.to_string())?;
    let project = Project::of(&[("rules.tamis", text), ("schema.tamis", SCHEMA)], folder.path());
    let rows: Vec<String> = [("D1", "a"), ("D2", ""), ("D3", "b c"), ("É4", "a")]
        .iter()
        .map(|(id, office)| format!("{id},2026-03-10,{office},,,,1,1,1"))
        .collect();
    let said = decided(&project, folder.path(), &rows, By::Interpreter)?;
    let key = blake3::derive_key("tamis 2026 draw", "2026-é".as_bytes());
    for one in &said {
        let row = rows.iter().find(|it| it.starts_with(&format!("{},", one["declaration_id"])));
        let office = row.and_then(|it| it.split(',').nth(2)).filter(|it| !it.is_empty());
        // Keys and offices are hashed in capital letters.
        let office = office.map(str::to_uppercase);
        let id = one["declaration_id"].to_uppercase();
        let mut input = Vec::new();
        for it in [Some("green"), Some("red"), office.as_deref(), Some(&id)] {
            let length = it.map_or([0xFF; 8], |it| (it.len() as u64).to_le_bytes());
            input.extend_from_slice(&length);
            input.extend_from_slice(it.unwrap_or_default().as_bytes());
        }
        let hash = blake3::keyed_hash(&key, &input);
        let first = hash.as_bytes().iter().take(8).rev();
        let number = first.fold(0_u64, |sum, it| sum << 8 | u64::from(*it)) % 1_000_000;
        let draws: serde_json::Value =
            serde_json::from_str(&one["draws"]).map_err(|it| it.to_string())?;
        if draws[0]["number"] != number {
            return Err(format!("{one:?}: the manual says {number}"));
        }
    }
    Ok(())
}

const SCHEMA: &str = "record declaration\n  key declaration_id\n  \
    field declaration_id : text required\n  field accepted_date : date required\n  \
    field office : text\n  field importer_id : text\n  field lorry : text\n  \
    field trusted : truth\n  history date accepted_date\n\n\
    record item in declaration\n  key item_number\n  \
    field item_number : whole number required\n  field packages : whole number\n  \
    field weight : mass in kg\n";

const CHANNELS: [&str; 4] = ["green", "blue", "yellow", "red"];

struct Sample {
    text: String,
    places: BTreeMap<usize, u32>,
    most: u32,
    overrides: bool,
    /// Channels for undecided declarations, and from which potential score on.
    undecided: Vec<(usize, u32)>,
    /// All scores are added, up to this.
    cap: Option<u32>,
    /// Of each rule: its channel, and whether that is mandatory.
    rules: Vec<(Option<usize>, bool)>,
}

fn sample(random: &mut Random) -> Sample {
    let mut text = String::new();
    let mut rules = Vec::new();
    for at in 0..5 {
        let level = if random.one_in(3) { "declaration" } else { "each item" };
        let condition = match (level, random.below(3)) {
            ("declaration", 0) => "trusted is false".to_owned(),
            ("declaration", _) => format!("importer_id is \"I{}\"", random.below(4)),
            (_, 0) => format!("weight > {} kg", random.below(100)),
            (_, _) => format!("packages < {}", random.below(100)),
        };
        let channel = (!random.one_in(3)).then(|| 1 + random.below(3));
        let mandatory = channel.is_some() && random.one_in(3);
        text += &format!("rule R{at} \"Rule\"\n  tags t{}\n", random.below(2));
        if random.one_in(6) {
            text += "  status silent\n";
        }
        text += &format!("  for {level}\n  when {condition}\n  then\n");
        text += &format!("    score {}\n", 1 + random.below(60));
        if let Some(channel) = channel {
            let word = if mandatory { " mandatory" } else { "" };
            text += &format!("    channel {}{word}\n", CHANNELS[channel]);
        }
        rules.push((channel, mandatory));
    }
    let merge =
        |random: &mut Random| random.one(&["highest", "sum", "sum, capped at 80"]).to_owned();
    let cap = random.one_in(3).then(|| 80 + u32::try_from(random.below(20)).unwrap_or(0));
    match cap {
        Some(cap) => text += &format!("policy p\n  combine sum, capped at {cap}\n"),
        None => {
            text += &format!("policy p\n  combine {}", merge(random));
            text += &format!(", then {} over declaration\n", random.one(&["highest", "sum"]));
        }
    }
    text += &format!("  route to red when score >= {}\n", 50 + random.below(30));
    text += &format!("  route to yellow when score >= {}\n", 20 + random.below(30));
    text += "  route to green otherwise\n";
    let overrides = !random.one_in(3);
    if overrides {
        text += "  override channel\n";
    }
    if random.one_in(2) {
        text += "  exempt t0 when trusted\n";
    }
    let mut undecided = Vec::new();
    for _ in 0..random.below(4) {
        let (to, least) = (1 + random.below(3), 10 + random.below(60));
        text += &format!("  undecided route to {} when potential_score >= {least}\n", CHANNELS[to]);
        undecided.push((to, u32::try_from(least).unwrap_or(0)));
    }
    for _ in 0..1 + random.below(2) {
        let (rate, to) = (random.below(60), random.one(&["red", "blue", "yellow"]));
        text += &format!("  random {rate} % of green to {to} by office key \"k\"\n");
    }
    let mut places = BTreeMap::new();
    let mut most = u32::MAX;
    for (channel, overflow) in [(3, "yellow"), (2, "blue")] {
        if channel == 2 && random.one_in(2) {
            continue;
        }
        let count = u32::try_from(random.below(6)).unwrap_or(0);
        text += &format!(
            "  capacity {} {count} per office, day overflow to {overflow}",
            CHANNELS[channel]
        );
        if channel == 3 && random.one_in(2) {
            most = 1 + u32::try_from(random.below(2)).unwrap_or(0);
            text += &format!(", at most {most} per importer_id");
        }
        if random.one_in(2) {
            text += ", keep 40 % for random";
        }
        text += "\n";
        places.insert(channel, count);
    }
    if random.one_in(3) {
        text += "  together by lorry\n";
    }
    Sample { text, places, most, overrides, undecided, cap, rules }
}

const HEADER: &str =
    "declaration_id,accepted_date,office,importer_id,lorry,trusted,item_number,packages,weight";

fn rows(random: &mut Random) -> Vec<String> {
    let mut res = Vec::new();
    for id in 0..60 {
        let head = format!(
            "D{id},2026-03-{:02},{},{},{},{}",
            1 + random.below(2),
            random.one(&["A", "B", ""]),
            random.one(&["I0", "I1", "I2", "I3", ""]),
            random.one(&["L0", "L1", "", "", ""]),
            random.one(&["true", "false", ""]),
        );
        for item in 0..=random.below(3) {
            let number = |it: usize| if it < 90 { it.to_string() } else { String::new() };
            let (packages, weight) = (number(random.below(100)), number(random.below(100)));
            res.push(format!("{head},{item},{packages},{weight}"));
        }
    }
    res
}

/// Those that were placed, the mandatory ones of them, and how many each importer has.
type Placed = (u32, u32, BTreeMap<String, u32>);

fn decided(
    project: &Project,
    folder: &Path,
    rows: &[String],
    by: By,
) -> Result<Vec<Decided>, String> {
    let path = folder.join("rows.csv");
    let text = format!("{HEADER}\n{}\n", rows.join("\n"));
    fs::write(&path, text).map_err(|it| it.to_string())?;
    project.decide(&[path], by)
}

fn promises(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let it = sample(&mut random);
    let folder = tempfile::tempdir().map_err(|it| it.to_string())?;
    let files = [("rules.tamis", it.text.as_str()), ("schema.tamis", SCHEMA)];
    let project = Project::of(&files, folder.path());
    if let Some(error) = project.remarks().into_iter().find(|it| it.is_error) {
        return Err(format!("{}\n{}", error.text, it.text));
    }
    let mut rows = rows(&mut random);
    let said = decided(&project, folder.path(), &rows, By::Interpreter)?;
    if said.len() != 60 {
        return Err(format!("{} declarations", said.len()));
    }
    // Order of rows, and the engine.
    for at in (1..rows.len()).rev() {
        rows.swap(at, random.below(at + 1));
    }
    let by = By::DataFusion { partitions: 3, batch_size: 11, optimise: true };
    if decided(&project, folder.path(), &rows, by)? != said {
        return Err(format!("another order or engine decides otherwise\n{}", it.text));
    }
    let mut placed: BTreeMap<(usize, String), Placed> = BTreeMap::new();
    let importer = |id: &str| {
        let row = rows.iter().find(|it| it.starts_with(&format!("{id},")));
        row.and_then(|it| it.split(',').nth(3)).unwrap_or_default().to_owned()
    };
    for one in &said {
        strictest_wins(&it, one)?;
        undecided_wins(&it, one)?;
        let (channel, why) = (rank(&one["channel"]), &one["why"]);
        let Some((_, line)) = why.rsplit_once(" at ").filter(|_| one["reason"] != "together")
        else {
            continue;
        };
        let Some((line, _)) = line.split_once(": stays") else { continue };
        let line = line.split(", a place").next().and_then(|it| it.split(", mandatory").next());
        let entry = placed.entry((channel, line.unwrap_or_default().to_owned())).or_default();
        let mandatory = one.get("mandatory").is_some_and(|it| channel <= rank(it));
        entry.0 += 1;
        entry.1 += u32::from(mandatory);
        if !mandatory {
            *entry.2.entry(importer(&one["declaration_id"])).or_default() += 1;
        }
    }
    for ((channel, line), (count, mandatory, importers)) in placed {
        let places = it.places.get(&channel).copied().unwrap_or(0);
        if places.max(mandatory) < count {
            return Err(format!("{line}: {count} in {places} places\n{}", it.text));
        }
        let many = importers.iter().any(|(id, count)| !id.is_empty() && it.most < *count);
        if channel == 3 && many {
            return Err(format!("{line}: too many of one importer\n{}", it.text));
        }
    }
    Ok(())
}

fn rank(channel: &str) -> usize {
    CHANNELS.iter().position(|it| *it == channel).unwrap_or(0)
}

/// The strictest line for undecided declarations that fits counts, whatever their order; one cap
/// is on the total.
fn undecided_wins(it: &Sample, one: &Decided) -> Result<(), String> {
    let list = |name: &str| -> serde_json::Value {
        serde_json::from_str(one.get(name).map_or("[]", String::as_str)).unwrap_or_default()
    };
    let counted = |name: &str| -> Vec<serde_json::Value> {
        let all = list(name).as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|it| it["counts"] == true).collect()
    };
    let number = |it: &str| it.parse::<u32>().unwrap_or(0);
    if let Some(cap) = it.cap {
        let score = |it: &serde_json::Value| it["score"].as_str().map_or(0, number);
        let total: u32 = counted("hits").iter().map(score).sum();
        if number(&one["score"]) != total.min(cap) {
            return Err(format!("{one:?} does not score {total} up to {cap}\n{}", it.text));
        }
    }
    if counted("undecided").is_empty() || one["why"].contains("→") {
        return Ok(());
    }
    let potential = number(&one["potential_score"]);
    for (to, least) in &it.undecided {
        if *least <= potential && rank(&one["channel"]) < *to {
            return Err(format!("{one:?} is below {}\n{}", CHANNELS[*to], it.text));
        }
    }
    Ok(())
}

/// No declaration is below what its rules ask for, unless capacity says so; never below what is
/// mandatory.
fn strictest_wins(it: &Sample, one: &Decided) -> Result<(), String> {
    let channel = rank(&one["channel"]);
    let displaced = one["why"].contains("→");
    let hits: serde_json::Value =
        serde_json::from_str(one.get("hits").map_or("[]", String::as_str)).unwrap_or_default();
    for hit in hits.as_array().into_iter().flatten().filter(|it| it["counts"] == true) {
        let at: usize = hit["rule"].as_str().and_then(|it| it.get(1..)?.parse().ok()).unwrap_or(0);
        let (Some(asked), mandatory) = it.rules[at] else { continue };
        let below = channel < asked;
        if below && (mandatory || (it.overrides && !displaced)) {
            return Err(format!("{one:?} is below R{at}\n{}", it.text));
        }
    }
    Ok(())
}
