//! Folders, links and patterns: every file once, none that is hidden, and the folder of the project
//! may have any name.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

const SCHEMA: &str = "\
record declaration
  key id
  field id : text required
  field origin : country
";

const RULE: &str = "\
rule R1
  for each declaration
  when origin is CN

test R1 \"from there\"
  given declaration
    origin is CN
  expect hit
";

const TOML: &str = "\
[project]
rules = [\"rules/**/*.tamis\"]
[schema]
declaration = \"schema.tamis\"
[data.d]
path = \"data/**/*.csv\"
";

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("walk every folder and file once, links included", links),
        Trial::test("walk one file by two names is read once", two_names),
        Trial::test("walk hidden files are left out", hidden),
        Trial::test("walk what names nothing is told with code 2", nothing),
        Trial::test("walk warnings that [lint] leaves out", lint),
        Trial::test("walk a schema with an error is told as such", schema),
        Trial::test("walk columns that no file has", columns),
    ];
    for name in ["a [2026] b", "q?x", "st*r", "[!a]", "{x}", "**"] {
        trials.push(Trial::test(format!("walk a project in the folder `{name}`"), move || {
            named(name)
        }));
    }
    trials
}

fn project(root: &Path) -> Result<(), Failed> {
    for folder in ["rules/deep", "data/deep"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::write(root.join("tamis.toml"), TOML)?;
    fs::write(root.join("schema.tamis"), SCHEMA)?;
    fs::write(root.join("rules/deep/r.tamis"), RULE)?;
    fs::write(root.join("data/deep/d.csv"), "id,origin\n1,CN\n2,FR\n")?;
    Ok(())
}

fn tamis(root: &Path, arguments: &[&str], exit: i32, told: &[&str]) -> Result<String, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    for name in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"] {
        command.env_remove(name);
    }
    let output = command.current_dir(root).args(arguments).output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.code() != Some(exit) {
        return Err(format!("{arguments:?}: {:?}, not {exit}\n{said}", output.status).into());
    }
    match told.iter().find(|it| !said.contains(**it)) {
        Some(lacking) => Err(format!("{arguments:?} lacks {lacking}\n{said}").into()),
        None => Ok(said),
    }
}

#[cfg(unix)]
fn link(to: &str, path: &Path) -> Result<(), Failed> {
    Ok(std::os::unix::fs::symlink(to, path)?)
}

#[cfg(not(unix))]
fn link(_: &str, _: &Path) -> Result<(), Failed> {
    Ok(())
}

fn links() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    project(root)?;
    for (to, path) in [
        ("..", "rules/up"),
        (".", "rules/self"),
        (".", "rules/again"),
        ("deep", "rules/deep2"),
        (".", "data/self"),
        ("..", "data/up"),
        ("../deep", "data/deep/down"),
    ] {
        link(to, &root.join(path))?;
    }
    tamis(root, &["check"], 0, &["Checked 2 files, 1 rule"])?;
    tamis(root, &["check", "rules"], 0, &["Checked 1 file, 1 rule"])?;
    tamis(root, &["check", "."], 0, &["Checked 2 files, 1 rule"])?;
    tamis(root, &["fmt", "--check", "."], 0, &["2 left as they are"])?;
    tamis(root, &["test"], 0, &["1 passed"])?;
    tamis(root, &["test", "--rules", "rules/up"], 0, &["1 passed"])?;
    tamis(root, &["run", "d"], 0, &["2 rows read", "1 hit"])?;
    tamis(root, &["ls", "--output", "csv"], 0, &["rules/deep/r.tamis:1"]).map(|_| ())
}

fn two_names() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    project(root)?;
    link("d.csv", &root.join("data/deep/e.csv"))?;
    let toml = TOML.replace("\"data/**/*.csv\"", "[\"data/deep/d.csv\", \"data/*/*.csv\"]");
    fs::write(root.join("tamis.toml"), toml)?;
    tamis(root, &["run", "d"], 0, &["2 rows read"])?;
    let both = ["run", "data/deep/d.csv", "data/deep/../deep/e.csv"];
    tamis(root, &both, 0, &["2 rows read"]).map(|_| ())
}

fn hidden() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    project(root)?;
    link("user@host.1:2", &root.join("rules/deep/.#r.tamis"))?;
    fs::write(root.join("data/deep/._d.csv"), b"\0\x05\x16\x07\xFF")?;
    fs::create_dir(root.join("rules/.git"))?;
    fs::write(root.join("rules/.git/r.tamis"), "nothing of ours")?;
    for arguments in [&["check"][..], &["check", "rules"], &["fmt", "--check"], &["test"]] {
        tamis(root, arguments, 0, &[])?;
    }
    tamis(root, &["run", "d"], 0, &["2 rows read"])?;
    // A pattern that says the point means it.
    fs::write(root.join("tamis.toml"), TOML.replace("**/*.csv", "deep/.*.csv"))?;
    tamis(root, &["run", "d"], 3, &["._d.csv"]).map(|_| ())
}

fn nothing() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    project(root)?;
    let with = |old: &str, new: &str| fs::write(root.join("tamis.toml"), TOML.replace(old, new));
    for (old, new, told) in [
        ("rules/**", "ruels/**", "did you mean `rules`"),
        ("\"rules/**/*.tamis\"", "\"rules/**/*.tamis\", \"policy.tamis\"", "`policy.tamis`"),
        ("[schema]", "exclude = [\"rules/old/*\"]\n[schema]", "`rules/old/*`"),
        ("[schema]", "exclude = [\"data/**\"]\n[schema]", "excludes none"),
        ("schema.tamis", "shcema.tamis", "did you mean `schema.tamis`"),
        ("rules/**/*.tamis", "rules", "names a folder"),
        ("rules/**/*.tamis", "rules/[", "is not a pattern"),
        ("[schema]", "[lint]\nper-file-ignores = { \"x\" = [\"T4101\"] }\n[schema]", "matches `x`"),
    ] {
        with(old, new)?;
        for command in [&["check"][..], &["test"], &["run", "d"], &["ls"]] {
            let exit = if command == ["ls"] { continue } else { 2 };
            tamis(root, command, exit, &["tamis.toml:", told])?;
        }
    }
    with("data/**", "date/**")?;
    tamis(root, &["check"], 0, &["tamis.toml:6:8: no file matches"])?;
    tamis(root, &["run", "d"], 2, &["no file matches"])?;
    with("", "")?;
    fs::write(root.join("rules/deep/r.tamis"), "define far\n  as origin is CN\n")?;
    tamis(root, &["check"], 2, &["hold no rule"])?;
    fs::write(root.join("rules/deep/r.tamis"), RULE.split("\ntest").next().unwrap_or_default())?;
    tamis(root, &["test"], 2, &["there is no test"]).map(|_| ())
}

fn lint() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    project(root)?;
    fs::write(
        root.join("rules/deep/r.tamis"),
        RULE.replace("when origin is CN", "when origin is not CN"),
    )?;
    tamis(root, &["check", "--strict"], 1, &["T4101"])?;
    for lint in ["ignore = [\"T4101\"]", "per-file-ignores = { \"rules/**\" = [\"T4101\"] }"] {
        fs::write(root.join("tamis.toml"), format!("{TOML}[lint]\n{lint}\n"))?;
        tamis(root, &["check", "--strict"], 0, &["0 warnings"])?;
    }
    for (code, told) in
        [("T2101", "is an error"), ("T4111", "did you mean"), ("x", "no diagnostic")]
    {
        fs::write(root.join("tamis.toml"), format!("{TOML}[lint]\nignore = [\"{code}\"]\n"))?;
        tamis(root, &["check"], 2, &["tamis.toml:8:11", told])?;
    }
    Ok(())
}

fn schema() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    project(root)?;
    fs::write(root.join("schema.tamis"), SCHEMA.replace("field origin", "feild origin"))?;
    let said = tamis(root, &["check"], 1, &["schema.tamis:4", "did you mean `field`"])?;
    if said.contains("no tamis.toml") {
        return Err(said.into());
    }
    fs::write(root.join("schema.tamis"), "choice a b, c\n")?;
    tamis(root, &["check"], 2, &["declares no record"])?;
    fs::write(root.join("tamis.toml"), "[project]\nrules = [\"rules/**\"]\n")?;
    tamis(root, &["check"], 2, &["names no schema"]).map(|_| ())
}

/// A column that is mapped and in no file: of a field that may be absent it would be missing in
/// every row.
fn columns() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    project(root)?;
    let more = "optional = [\"origin\"]\ncolumns = { \"Orign\" = \"origin\" }\n";
    fs::write(root.join("tamis.toml"), format!("{TOML}{more}"))?;
    fs::write(root.join("data/deep/d.csv"), "id,Origin\n1,CN\n")?;
    tamis(
        root,
        &["check"],
        0,
        &["tamis.toml:8", "has the column `Orign`; did you mean `Origin`?"],
    )?;
    tamis(root, &["run", "d"], 3, &["no file has the column `Orign`", "did you mean `Origin`"])?;
    // One file of many may lack it.
    fs::write(root.join("data/deep/e.csv"), "id,Orign\n2,CN\n")?;
    tamis(root, &["run", "d"], 0, &["1 hit"]).map(|_| ())
}

/// Nothing but what stands in `tamis.toml` is a pattern.
fn named(name: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let own = root.join(name);
    project(&own)?;
    // What the name would match, were it a pattern.
    for other in ["a 2 b", "qax", "stir", "b", "x", "y"] {
        project(&root.join(other))?;
        fs::write(root.join(other).join("rules/deep/r.tamis"), "nothing of ours")?;
    }
    for arguments in [
        &["check", "-C", name][..],
        &["check", "--config", &format!("{name}/tamis.toml")],
        &["check", name],
        &["test", "-C", name],
        &["fmt", "--check", name],
    ] {
        tamis(root, arguments, 0, &[])?;
    }
    tamis(root, &["run", "d", "-C", name], 0, &["2 rows read", "1 hit"])?;
    tamis(&own, &["check"], 0, &["1 rule"])?;
    tamis(&own, &["run", "d"], 0, &["1 hit"])?;
    tamis(root, &["init", "made", "--from", &format!("{name}/data/deep/d.csv")], 0, &[])?;
    tamis(root, &["run", "archive", "-C", "made"], 0, &["2 rows read"]).map(|_| ())
}
