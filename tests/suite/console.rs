//! Pages that are typed at a terminal: every `console` block of a page of the manual, in order, in
//! one folder. A `tamis`, `csv` or `toml` block with a name is that file; `+` before the name adds
//! to the end of it.
//!
//! `…` at the end of a line stands for the rest of it, a line of `…` for any lines.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

use crate::tidy;

const ANY: &str = "…";

pub fn trials() -> Vec<Trial> {
    let page = |path: PathBuf| {
        let name = format!("console {}", path.display());
        Trial::test(name, move || {
            let text = fs::read_to_string(&path)?;
            let (said, differences) = typed(&text)?;
            drop(said);
            if differences.is_empty() { Ok(()) } else { Err(differences.join("\n").into()) }
        })
    };
    pages().into_iter().map(page).collect()
}

fn pages() -> Vec<PathBuf> {
    let typed = |it: &PathBuf| fs::read_to_string(it).is_ok_and(|it| it.contains("\n```console\n"));
    tidy::files("docs/language", "md").into_iter().filter(typed).collect()
}

/// Writes what is said into the blocks that do not match.
pub fn bless() -> Result<(), Failed> {
    for path in pages() {
        let (said, differences) = typed(&fs::read_to_string(&path)?)?;
        if !differences.is_empty() {
            println!("{}", path.display());
            fs::write(&path, said)?;
        }
    }
    Ok(())
}

/// The page as it should read, and where it reads otherwise.
fn typed(page: &str) -> Result<(String, Vec<String>), Failed> {
    let folder = tempfile::tempdir()?;
    let mut here = folder.path().to_path_buf();
    let mut res = String::new();
    let mut differences = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        res += &format!("{line}\n");
        let Some(kind) = line.strip_prefix("```").filter(|it| !it.is_empty()) else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|it| *it != "```").collect();
        if kind == "console" {
            let said = block(&body, &mut here, &mut differences)?;
            res += &said;
        } else {
            res.extend(body.iter().map(|it| format!("{it}\n")));
            if let Some((_, name)) = kind.split_once(' ') {
                write(&here, name, &body)?;
            }
        }
        res += "```\n";
    }
    Ok((res, differences))
}

fn write(here: &Path, name: &str, body: &[&str]) -> Result<(), Failed> {
    let (name, before) = match name.strip_prefix('+') {
        Some(name) => (name, fs::read_to_string(here.join(name))? + "\n"),
        None => (name, String::new()),
    };
    let path = here.join(name);
    fs::create_dir_all(path.parent().unwrap_or(here))?;
    fs::write(path, before + &body.join("\n") + "\n")?;
    Ok(())
}

/// Commands and what they say, where it differs from what is written.
fn block(
    body: &[&str],
    here: &mut PathBuf,
    differences: &mut Vec<String>,
) -> Result<String, Failed> {
    let mut res = String::new();
    let mut rest = body;
    while let Some((first, after)) = rest.split_first() {
        let Some(command) = first.strip_prefix("$ ") else {
            return Err(format!("`{first}`: a command begins with `$ `").into());
        };
        let end = after.iter().position(|it| it.starts_with("$ ")).unwrap_or(after.len());
        let wanted = &after[..end];
        rest = &after[end..];
        let said = run(command, here)?;
        res += &format!("{first}\n");
        let said: Vec<&str> = said.lines().collect();
        if fits(wanted, &said) {
            res.extend(wanted.iter().map(|it| format!("{it}\n")));
        } else {
            let (wanted, said) = (wanted.join("\n"), said.join("\n"));
            differences.push(format!("$ {command}\nexpected\n{wanted}\nsaid\n{said}\n"));
            res += &format!("{said}\n");
        }
    }
    Ok(res)
}

fn fits(wanted: &[&str], said: &[&str]) -> bool {
    match wanted.split_first() {
        None => said.is_empty(),
        Some((it, rest)) if *it == ANY => (0..=said.len()).any(|at| fits(rest, &said[at..])),
        Some((it, rest)) => said.split_first().is_some_and(|(line, others)| {
            let same = match it.split_once(ANY) {
                Some((start, end)) => {
                    line.len() >= start.len() + end.len()
                        && line.starts_with(start)
                        && line.ends_with(end)
                }
                None => line == it,
            };
            same && fits(rest, others)
        }),
    }
}

/// What a command says on both streams, and its exit code when it is not 0.
fn run(command: &str, here: &mut PathBuf) -> Result<String, Failed> {
    let words = words(command);
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["cd", folder] => {
            *here = here.join(folder);
            Ok(String::new())
        }
        ["cat", file] => Ok(fs::read_to_string(here.join(file))?),
        ["head", file] => {
            let text = fs::read_to_string(here.join(file))?;
            Ok(text.lines().take(10).map(|it| format!("{it}\n")).collect())
        }
        ["tamis", arguments @ ..] => tamis(arguments, here),
        _ => Err(format!("`{command}`: only tamis, cd, cat and head are typed here").into()),
    }
}

/// The variables of the terminal that would change what is said.
const UNSET: [&str; 6] =
    ["CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITLAB_CI", "COLUMNS", "CLICOLOR_FORCE"];

fn tamis(arguments: &[&str], here: &Path) -> Result<String, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    command.args(arguments).current_dir(here).env("NO_COLOR", "1").env("LANG", "C.UTF-8");
    // Reviews grow old, the page does not.
    command.env("TAMIS_AS_OF", "2026-12-01");
    for name in UNSET {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars().filter(|it| it.0.starts_with("TAMIS_")) {
        command.env_remove(name);
    }
    let output = command.output()?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said += &String::from_utf8_lossy(&output.stderr);
    if let Some(code) = output.status.code().filter(|it| *it != 0) {
        said += &format!("[exit {code}]\n");
    }
    let trimmed = said.lines().map(|it| format!("{}\n", it.trim_end()));
    Ok(trimmed.collect())
}

/// Words of a command; quotation marks keep spaces.
fn words(command: &str) -> Vec<String> {
    let mut res = vec![String::new()];
    let mut quote = None;
    for it in command.chars() {
        match (quote, it) {
            (Some(open), it) if open == it => quote = None,
            (None, '"' | '\'') => quote = Some(it),
            (None, ' ') => res.push(String::new()),
            (_, it) => res.iter_mut().last().into_iter().for_each(|word| word.push(it)),
        }
    }
    res.retain(|it| !it.is_empty());
    res
}
