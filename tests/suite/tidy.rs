//! Checks of the code itself: what review should never have to say twice.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("tidy dependencies follow lib.rs", dependencies_follow_lib),
        Trial::test("tidy files are short and narrow", files_are_short_and_narrow),
        Trial::test("tidy modules say what they are", modules_say_what_they_are),
        Trial::test("tidy interpret and plan do not meet", back_ends_do_not_meet),
    ]
}

/// A module may use only the modules declared above it in `lib.rs`.
fn dependencies_follow_lib() -> Result<(), Failed> {
    let lib = fs::read_to_string("src/lib.rs")?;
    let layers: Vec<&str> = lib.lines().filter_map(declared_module).collect();
    let layer = |name: &str| layers.iter().position(|it| *it == name);
    each_file(|path, text| {
        let own = layer(top_module(path))?;
        let mut used = text.split("crate::").skip(1).map(leading_name);
        let bad = used.find(|it| layer(it).is_some_and(|it| own < it))?;
        Some(format!("`{}` may not use `{bad}`, declared below it", layers[own]))
    })
}

const LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 100;

fn files_are_short_and_narrow() -> Result<(), Failed> {
    let mut all = files("src", "rs");
    all.extend(files("tests", "rs"));
    all.extend(files("benches", "rs"));
    let mut failure = String::new();
    for path in all {
        let text = fs::read_to_string(&path)?;
        let lines = text.lines().count();
        if LINES_MAX < lines {
            failure += &format!("{}: {lines} lines\n", path.display());
        }
        // The table of codes has one row a line.
        let is_row = |it: &str| it.trim_start().starts_with('T') && it.ends_with("\";");
        let wide = |it: &str| COLUMNS_MAX < it.chars().count() && !is_row(it);
        let wide = text.lines().position(wide);
        if let Some(at) = wide {
            failure += &format!("{}:{}: too wide\n", path.display(), at + 1);
        }
    }
    if failure.is_empty() { Ok(()) } else { Err(failure.into()) }
}

fn modules_say_what_they_are() -> Result<(), Failed> {
    each_file(|_, text| (!text.starts_with("//! ")).then(|| "no `//!` at the top".to_owned()))
}

/// Otherwise the interpreter is no oracle.
fn back_ends_do_not_meet() -> Result<(), Failed> {
    each_file(|path, text| {
        let other = match top_module(path) {
            "plan" => "crate::interpret",
            "interpret" => "crate::plan",
            _ => return None,
        };
        text.contains(other).then(|| format!("uses {other}"))
    })
}

fn each_file(check: impl Fn(&Path, &str) -> Option<String>) -> Result<(), Failed> {
    let mut failure = Vec::new();
    for path in files("src", "rs") {
        if let Some(problem) = check(&path, &fs::read_to_string(&path)?) {
            failure.push(format!("{}: {problem}", path.display()));
        }
    }
    if failure.is_empty() { Ok(()) } else { Err(failure.join("\n").into()) }
}

/// Every file below `dir` with this extension, in a stable order.
pub fn files(dir: &str, extension: &str) -> Vec<PathBuf> {
    let mut res = Vec::new();
    let mut todo = vec![PathBuf::from(dir)];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                res.push(path);
            }
        }
    }
    res.sort();
    res
}

/// `mod plan; // why` and `pub mod plan;` both declare `plan`.
fn declared_module(line: &str) -> Option<&str> {
    line.trim_start_matches("pub ").strip_prefix("mod ")?.split(';').next()
}

/// `src/plan/kernel.rs` and `src/plan.rs` both belong to `plan`.
fn top_module(path: &Path) -> &str {
    let first = path.components().nth(1).and_then(|it| it.as_os_str().to_str());
    first.unwrap_or_default().trim_end_matches(".rs")
}

fn leading_name(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}
