//! What CI systems get: SARIF, JUnit, annotations, a summary; what tamis adds in GitHub Actions.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use serde::Deserialize;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ci SARIF has the structure that it should", sarif),
        Trial::test("ci fingerprints outlive other lines", fingerprints),
        Trial::test("ci JUnit", junit),
        Trial::test("ci annotations of GitHub", github),
        Trial::test("ci in GitHub Actions", actions),
        Trial::test("ci fmt --check", layout),
        Trial::test("ci examples are YAML with commands that exist", examples),
        Trial::test("ci ls", ls),
    ]
}

const SCHEMA: &str = "\
record declaration
  key id
  field id : text required
  field mass : mass in kg
  field origin : country
";

/// An unknown field after a sign outside the first plane, a range over two lines, a warning.
const RULES: &str = "\
rule R1 \"Weight: 100 %, or more\"
  owner \"Unit, A\"
  tags weight
  when mass > 5 kg

rule R2 \"🚢 ship\"
  status draft
  when any of
    - \"🚢\": masss > 5 kg
    - not origin is FR
";

fn project(rules: &str) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("rules"))?;
    let manifest =
        "[project]\nrules = [\"rules/*.tamis\"]\n\n[schema]\ndeclaration = \"s.tamis\"\n";
    fs::write(folder.path().join("tamis.toml"), manifest)?;
    fs::write(folder.path().join("s.tamis"), SCHEMA)?;
    fs::write(folder.path().join("rules/a, b: é.tamis"), rules)?;
    Ok(folder)
}

fn tamis(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    command.current_dir(root).args(arguments);
    // The suite itself may run in CI.
    for name in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"] {
        command.env_remove(name);
    }
    command
}

fn ended(output: &Output, exit: i32) -> Result<(String, String), Failed> {
    let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    if output.status.code() == Some(exit) {
        return Ok((stdout, stderr));
    }
    Err(format!("{:?}, not {exit}\n{stdout}\n{stderr}", output.status).into())
}

fn stdout(root: &Path, arguments: &[&str], exit: i32) -> Result<String, Failed> {
    Ok(ended(&tamis(root, arguments).output()?, exit)?.0)
}

// What the standard says of these parts: names, and nothing besides.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    #[serde(rename = "$schema")]
    schema: String,
    version: String,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: String,
    results: Vec<Found>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    driver: Driver,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Driver {
    name: String,
    semantic_version: String,
    rules: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Descriptor {
    id: String,
    name: String,
    short_description: Text,
    help: Help,
    default_configuration: Configuration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    level: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Found {
    rule_id: String,
    rule_index: usize,
    level: String,
    message: Text,
    locations: Vec<Location>,
    partial_fingerprints: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    fixes: Vec<Fix>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Artifact {
    uri: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Fix {
    description: Text,
    artifact_changes: Vec<Change>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Change {
    artifact_location: Artifact,
    replacements: Vec<Replacement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Text,
}

fn log(root: &Path, arguments: &[&str], exit: i32) -> Result<Run, Failed> {
    let log: Log = serde_json::from_str(&stdout(root, arguments, exit)?)?;
    let mut runs = log.runs;
    let Some(run) = runs.pop().filter(|_| runs.is_empty() && log.version == "2.1.0") else {
        return Err("not one run of version 2.1.0".into());
    };
    let driver = &run.tool.driver;
    let named = driver.name == "tamis" && !driver.semantic_version.is_empty();
    if !named || !log.schema.ends_with("sarif-2.1.0.json") || run.column_kind != "unicodeCodePoints"
    {
        return Err("a wrong head".into());
    }
    for it in &run.results {
        let Some(rule) = driver.rules.get(it.rule_index) else { return Err("no rule".into()) };
        let said = [&rule.name, &rule.short_description.text, &rule.help.text, &it.message.text];
        let level = ["error", "warning"].contains(&&*it.level)
            && ["error", "warning"].contains(&&*rule.default_configuration.level);
        let one = it.locations.len() == 1 && it.partial_fingerprints.len() == 1;
        if rule.id != it.rule_id || said.iter().any(|it| it.is_empty()) || !level || !one {
            return Err(format!("{} is not whole", it.rule_id).into());
        }
        let Physical { artifact_location, region } = &it.locations[0].physical_location;
        let forwards =
            (region.start_line, region.start_column) <= (region.end_line, region.end_column);
        let plain = |it: char| it.is_ascii_alphanumeric() || "-._~/%".contains(it);
        if !forwards || !artifact_location.uri.chars().all(plain) || rule.help.markdown.is_empty() {
            return Err(format!("{}: a wrong place", it.rule_id).into());
        }
    }
    Ok(run)
}

fn sarif() -> Result<(), Failed> {
    let folder = project(RULES)?;
    let run = log(folder.path(), &["check", "--output", "sarif"], 1)?;
    let Some(it) = run.results.iter().find(|it| it.message.text.contains("masss")) else {
        return Err("the unknown field is not there".into());
    };
    let Physical { artifact_location, region } = &it.locations[0].physical_location;
    if artifact_location.uri != "rules/a%2C%20b%3A%20%C3%A9.tamis" || it.level != "error" {
        return Err(artifact_location.uri.clone().into());
    }
    // `    - "🚢": masss`: characters, whatever they take as UTF-8 or UTF-16.
    let place = (region.start_line, region.start_column, region.end_line, region.end_column);
    if place != (9, 12, 9, 17) {
        return Err(format!("{place:?}").into());
    }
    // Nothing to say is a report too.
    let clean = project("rule R1\n  when mass > 5 kg\n")?;
    let run = log(clean.path(), &["check", "--output", "sarif"], 0)?;
    if !run.results.is_empty() || !run.tool.driver.rules.is_empty() {
        return Err("a clean project has results".into());
    }
    Ok(())
}

fn fingerprints() -> Result<(), Failed> {
    let prints = |rules: &str| -> Result<Vec<String>, Failed> {
        let folder = project(rules)?;
        let run = log(folder.path(), &["check", "--output", "sarif"], 1)?;
        Ok(run.results.iter().flat_map(|it| it.partial_fingerprints.values().cloned()).collect())
    };
    let twice = RULES.replace("not origin is FR", "masss > 5 kg");
    let one = prints(&twice)?;
    let moved = prints(&format!("# a line more\n\n{}", twice.replace("    - ", "      - ")))?;
    let mut distinct = one.clone();
    distinct.sort();
    distinct.dedup();
    if one != moved || distinct.len() != one.len() || one.len() < 2 {
        return Err(format!("{one:?}\n{moved:?}").into());
    }
    Ok(())
}

fn junit() -> Result<(), Failed> {
    let folder = project(RULES)?;
    let said = stdout(folder.path(), &["check", "--output", "junit"], 1)?;
    let wanted = [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
        "<testsuites name=\"tamis check\"",
        "<testsuite name=\"rules/a, b: é.tamis\"",
        "<testcase name=\"no remarks\" classname=\"s.tamis\"",
        "<failure message=\"",
        "type=\"T2101\"",
    ];
    match wanted.iter().find(|it| !said.contains(**it)) {
        Some(it) => Err(format!("no {it}\n{said}").into()),
        None => Ok(()),
    }
}

fn github() -> Result<(), Failed> {
    let folder = project(RULES)?;
    let said = stdout(folder.path(), &["check", "--output", "github"], 1)?;
    let start = "::error title=tamis (T2101),file=rules/a%2C b%3A é.tamis,\
                 line=9,col=12,endLine=9,endColumn=17::";
    let Some(line) = said.lines().find(|it| it.starts_with(start)) else {
        return Err(said.into());
    };
    // The help is a line of its own.
    if !line.contains("%0A") || said.lines().any(|it| !it.starts_with("::")) {
        return Err(said.into());
    }
    Ok(())
}

fn actions() -> Result<(), Failed> {
    let folder = project(RULES)?;
    let page = folder.path().join("page.md");
    fs::write(&page, "before\n")?;
    let run = |arguments: &[&str]| -> Result<(String, String), Failed> {
        let mut command = tamis(folder.path(), arguments);
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &page);
        ended(&command.env("GITHUB_WORKSPACE", folder.path()).output()?, 1)
    };
    let (stdout, stderr) = run(&["check", "--output", "json"])?;
    let json: serde_json::Value = serde_json::from_str(&stdout)?;
    if json["schema"] != "tamis.check/1"
        || !stderr.contains("\n::error ") && !stderr.starts_with("::")
    {
        return Err(stderr.into());
    }
    let text = fs::read_to_string(&page)?;
    let wanted = ["before\n", "### ❌ tamis check", "1 error", "| T2101 |", "a, b: é.tamis:9:12"];
    if let Some(it) = wanted.iter().find(|it| !text.contains(**it)) {
        return Err(format!("no {it}\n{text}").into());
    }
    // Once is enough, and none when none is wanted.
    let (_, stderr) = run(&["check", "--output", "github"])?;
    let (_, quiet) = run(&["check", "--no-ci"])?;
    if stderr.contains("::error") || quiet.contains("::error") {
        return Err("annotations that nobody asked for".into());
    }
    let again = fs::read_to_string(&page)?;
    if again.matches("### ").count() != 2 {
        return Err(again.into());
    }
    // From a folder below, paths are still those of what was checked out.
    let mut below = tamis(&folder.path().join("rules"), &["check", "--output", "github"]);
    let output = below.env("GITHUB_WORKSPACE", folder.path()).output()?;
    let (stdout, _) = ended(&output, 1)?;
    if !stdout.contains("file=rules/a%2C b%3A é.tamis,") {
        return Err(stdout.into());
    }
    Ok(())
}

fn layout() -> Result<(), Failed> {
    let folder = project("rule R1\n  when   mass > 5 kg\n")?;
    let root = folder.path();
    let run = log(root, &["fmt", "--check", "rules", "--output", "sarif"], 1)?;
    let [it] = run.results.as_slice() else { return Err("not one result".into()) };
    let [Fix { description, artifact_changes }] = it.fixes.as_slice() else {
        return Err("no fix".into());
    };
    let Change { artifact_location, replacements } = &artifact_changes[0];
    let Replacement { deleted_region, inserted_content } = &replacements[0];
    let place = it.locations[0].physical_location.region.start_line;
    if it.rule_id != "unformatted"
        || place != 2
        || description.text.is_empty()
        || artifact_location.uri.is_empty()
        || deleted_region.start_line != 1
        || inserted_content.text != "rule R1\n  when mass > 5 kg\n"
    {
        return Err(inserted_content.text.clone().into());
    }
    let names = stdout(root, &["fmt", "--check", "rules"], 1)?;
    if names != "rules/a, b: é.tamis\n" {
        return Err(names.into());
    }
    stdout(root, &["fmt", "rules"], 0)?;
    let said = stdout(root, &["fmt", "--check", "rules", "--output", "md"], 0)?;
    if !said.starts_with("### ✅ tamis fmt --check\n\n0 of 1 file would be formatted") {
        return Err(said.into());
    }
    Ok(())
}

/// Every `tamis …` line of the examples is understood, flags included.
const TESTED: &str = "\
rule R1
  when mass > 5 kg

test R1 \"heavy\"
  given declaration
    mass is 6 kg
  expect hit
";

fn examples() -> Result<(), Failed> {
    let mut commands = 0;
    for name in ["github-workflow.yml", "gitlab-ci.yml", "pre-commit-hooks.yaml"] {
        let text = fs::read_to_string(Path::new("examples/ci").join(name))?;
        if text.contains('\t') {
            return Err(format!("{name}: a tab").into());
        }
        for line in text.lines().filter(|it| !it.trim_start().starts_with('#')) {
            let starts = ["run: tamis ", "- tamis ", "entry: tamis "];
            let found = starts.iter().find_map(|it| line.split_once(it));
            let Some((_, arguments)) = found else { continue };
            let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
            // What it would do is not the point here.
            arguments.push("--help");
            ended(&tamis(Path::new("."), &arguments).output()?, 0)?;
            arguments.pop();
            let folder = project(TESTED)?;
            arguments.iter_mut().filter(|it| **it == "rules").for_each(|it| *it = ".");
            ended(&tamis(folder.path(), &arguments).output()?, 0)?;
            commands += 1;
        }
    }
    if commands == 9 { Ok(()) } else { Err(format!("{commands} commands").into()) }
}

fn ls() -> Result<(), Failed> {
    let folder = project(&RULES.replace("masss", "mass"))?;
    let root = folder.path();
    let csv = stdout(root, &["ls", "--output", "csv"], 0)?;
    let lines: Vec<&str> = csv.lines().collect();
    let head = "kind,name,title,owner,status,from,to,channel,tags,";
    if lines.len() != 3
        || !lines[0].starts_with(head)
        || !lines[1].starts_with("rule,R1,\"Weight: 100 %, or more\",\"Unit, A\",,,,,weight,")
        || !lines[1].ends_with("\"rules/a, b: é.tamis:1\"")
    {
        return Err(csv.into());
    }
    let one = |filter: &[&str]| -> Result<Vec<String>, Failed> {
        let arguments = [&["ls", "--output", "json", "--quiet"], filter].concat();
        let json: serde_json::Value = serde_json::from_str(&stdout(root, &arguments, 0)?)?;
        let all = json["items"].as_array().ok_or("no items")?;
        Ok(all.iter().filter_map(|it| it["name"].as_str().map(str::to_owned)).collect())
    };
    for (filter, wanted) in [
        (&["--tag", "weight"][..], &["R1"][..]),
        (&["--status", "draft"], &["R2"]),
        (&["--owner", "Unit, A", "rules"], &["R1"]),
        (&["lists"], &[]),
        (&["rules"], &["R1", "R2"]),
    ] {
        let found = one(filter)?;
        if found != wanted {
            return Err(format!("{filter:?}: {found:?}").into());
        }
    }
    let broken = project("rule R1\n  when masss > 5 kg\n")?;
    stdout(broken.path(), &["ls"], 1)?;
    // The sample: lists, parameters and definitions too.
    let json = stdout(Path::new("."), &["ls", "-C", "rules", "--output", "json", "--quiet"], 0)?;
    let json: serde_json::Value = serde_json::from_str(&json)?;
    let kinds = |kind: &str| {
        let all = json["items"].as_array().into_iter().flatten();
        all.filter(|it| it["kind"] == kind).count()
    };
    let all = json["items"].as_array().into_iter().flatten();
    let untested =
        all.filter(|it| it["kind"] == "rule" && it["tests"].as_u64().is_none_or(|it| it < 3));
    let untested: Vec<_> = untested.map(|it| &it["name"]).collect();
    if !untested.is_empty() {
        return Err(format!("fewer than three tests: {untested:?}").into());
    }
    if kinds("rule") < 54 || kinds("list") == 0 || kinds("parameter") == 0 {
        return Err(format!("{json}").into());
    }
    Ok(())
}
