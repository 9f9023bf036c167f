//! What is written to a terminal cannot move its cursor or begin a line of its own.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

const HARM: &str = "\u{1b}[2J\u{1b}[1;1HGONE\u{202e}abc\u{9b}31m\u{7}";

const SCHEMA: &str = "\
record declaration
  key id
  field id : text required
  field day : date required
  field office : text
  field who : text
  history date day
";

const RULES: &str = "\
rule R1 \"Title\"
  for declaration
  when who in list watched or office is \"x\"
  then
    show who, office
    score 30
    because \"{who} at {office}\"

policy p
  for declaration
  route to red when score >= 10
  route to green otherwise
  capacity red 1 per office, day overflow to green
  together by who
";

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("terminal: no cell moves the cursor", shown)]
}

fn project() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
    write("schema.tamis", SCHEMA)?;
    write("r.tamis", RULES)?;
    write(
        "tamis.toml",
        "[project]\nrules = [\"r.tamis\"]\n[schema]\nd = \"schema.tamis\"\n[data.d]\n\
         path = \"d.csv\"\n[lists]\nwatched = { path = \"l.csv\", column = \"who\" }\n",
    )?;
    write("l.csv", &format!("who,x{HARM}\na{HARM},1\n"))?;
    let rows = [
        format!("id,day,office,who,x{HARM}"),
        format!("\"1{HARM}\nFORGED\",2026-03-01,o{HARM},a{HARM},"),
        format!("2,2026-03-01{HARM},o,a{HARM},"),
        format!("3,2026-03-01,o{HARM},a{HARM},"),
        format!("4,2026-03-01,o{HARM},,"),
    ];
    write("d.csv", &(rows.join("\n") + "\n"))?;
    Ok(folder)
}

/// What a terminal gets of a command.
fn on_terminal(folder: &Path, arguments: &[&str]) -> Result<String, Failed> {
    const SPAWN: &str = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let mut command = Command::new("python3");
    command.args(["-c", SPAWN, env!("CARGO_BIN_EXE_tamis")]).args(arguments);
    let output = command.current_dir(folder).stdin(Stdio::null()).output()?;
    let text = String::from_utf8(output.stdout)?;
    match text.is_empty() {
        true => Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into()),
        false => Ok(text.replace("\r\n", "\n")),
    }
}

fn shown() -> Result<(), Failed> {
    let folder = project()?;
    let folder = folder.path();
    let most = ["--max-rejected", "90%", "--color", "never"];
    for arguments in [
        &["run", "d"][..],
        &["run", "d", "--out", "-"],
        &["run", "d", "--out", "/dev/stdout"],
        &["run", "d", "--out", "/dev/tty"],
        &["run", "d", "--decisions", "-"],
        &["run", "d", "--engine", "interpreter", "--out", "-"],
        &["why", "4", "d", "--color", "never"],
        &["dump", "r.tamis", "--stage", "ir", "--format", "json"],
        &["plan", "d"],
        &["ls", "--output", "csv"],
        &["ls"],
        &["init", "made", "--from", "d.csv", "--color", "never"],
    ] {
        let more = if arguments[0] == "run" { &most[..] } else { &[] };
        let said = on_terminal(folder, &[arguments, more].concat())?;
        let harm = |it: char| (it != '\n' && it.is_control()) || "\u{202e}".contains(it);
        if said.contains(harm) || said.lines().any(|it| it.starts_with("FORGED")) {
            return Err(format!("{arguments:?}: {said:?}").into());
        }
    }
    let file = folder.join("binary.parquet");
    std::os::unix::fs::symlink("/dev/tty", file)?;
    let said = on_terminal(folder, &["run", "d", "--out", "binary.parquet", "--color", "never"])?;
    if said.contains("a terminal shows text only") { Ok(()) } else { Err(said.into()) }
}
