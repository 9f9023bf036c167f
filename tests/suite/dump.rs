//! Typed rules as JSON keep what their author wrote.

use std::fs;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use serde_json::Value as Json;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("dump of typed rules as JSON keeps what was written", written),
        Trial::test("dump as JSON is of typed rules only", rules_only),
    ]
}

const SCHEMA: &str = "\
record declaration
  key declaration_id
  field declaration_id : text required
  field accepted_date : date required
  field importer_id : text
  history date accepted_date, complete since 2024-01-01

record item in declaration
  key item_number
  field item_number : whole number required
  field value : money in EUR
  field net_mass : mass in kg
  derived unit_value : value / net_mass in EUR/kg
";

const RULES: &str = "\
profile peers
  of unit_value over past items of others
  by importer_id
  window 12 months
  require at least 2 values from at least 3 importer_id
  gives median

define cheap(limit: money in EUR/kg)
  for item
  as unit_value < limit

rule R1
  for each item
  when all of
    - cheap(2 EUR/t)
    - unit_value < peers.median
    - importer_id known for less than 90 days

rule R2
  for declaration
  when every item has (value > 5 EUR)
";

fn dumped(arguments: &[&str]) -> Result<(Option<i32>, String, String), Failed> {
    let folder = tempfile::tempdir()?;
    let here = folder.path();
    fs::create_dir(here.join("rules"))?;
    fs::write(here.join("schema.tamis"), SCHEMA)?;
    fs::write(here.join("rules/r.tamis"), RULES)?;
    let project = "[project]\nrules = [\"rules/*.tamis\"]\n[schema]\nd = \"schema.tamis\"\n";
    fs::write(here.join("tamis.toml"), project)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    let output = command.current_dir(here).arg("dump").args(arguments).output()?;
    let text = |it: Vec<u8>| String::from_utf8_lossy(&it).into_owned();
    Ok((output.status.code(), text(output.stdout), text(output.stderr)))
}

fn expect(found: &Json, wanted: &Json, what: &str) -> Result<(), Failed> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found}, not {wanted}").into()) }
}

fn written() -> Result<(), Failed> {
    let (exit, out, err) = dumped(&["--stage", "ir", "--format", "json"])?;
    if exit != Some(0) {
        return Err(err.into());
    }
    let all: Json = serde_json::from_str(&out)?;
    expect(&all["schema"], &"tamis.ir/1".into(), "form")?;
    expect(&all["records"][0]["complete_since"], &"2024-01-01".into(), "complete since")?;
    let [cheap, median, known] = [0, 1, 2].map(|it| &all["rules"][0]["when"]["parts"][it]);
    expect(&cheap["kind"], &"definition".into(), "a definition")?;
    expect(&cheap["value"]["right"]["value"], &"0.002".into(), "its argument")?;
    expect(&cheap["value"]["left"]["value"]["op"], &"/".into(), "a derived field")?;
    let peers = &median["right"];
    expect(&peers["kind"], &"profile".into(), "a profile")?;
    expect(&peers["require"]["support"]["values"], &3.into(), "its support")?;
    expect(&peers["rows"]["others"]["rows"]["field"], &"importer_id".into(), "of others")?;
    expect(&peers["type"]["scale"], &9.into(), "its scale")?;
    expect(&known["duration"]["value"]["days"], &90.into(), "known for")?;
    let every = &all["rules"][1]["when"];
    expect(&every["quantifier"], &"every".into(), "a quantifier")?;
    expect(&every["condition"]["left"]["record"], &"item".into(), "its rows")
}

fn rules_only() -> Result<(), Failed> {
    let (exit, _, err) = dumped(&["--stage", "ast", "--format", "json"])?;
    match (exit, err.contains("--stage ir --format json")) {
        (Some(2), true) => Ok(()),
        _ => Err(format!("{exit:?}: {err}").into()),
    }
}
