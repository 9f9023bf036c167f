//! Whether a file of the project has changed.

use std::collections::BTreeMap;
use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

use crate::cli::Context;
use crate::cli::output;
use crate::data::manifest;

pub const PAUSE: Duration = Duration::from_millis(300);

/// What rules, schemas and lists are written in.
const KINDS: [&str; 4] = ["tamis", "toml", "csv", "xlsx"];

/// When each file was changed last: those of the project around a folder, and those named.
pub fn stamp(dir: &Path, named: &[PathBuf]) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let found = manifest::discover(named.first().map_or(dir, PathBuf::as_path));
    let found = found.or_else(|| manifest::discover(dir));
    let root = found.and_then(|it| it.parent().map(Path::to_path_buf));
    let mut todo: Vec<PathBuf> = root.into_iter().chain(named.iter().cloned()).collect();
    let mut res = BTreeMap::new();
    while let Some(path) = todo.pop() {
        let hidden = path.file_name().is_some_and(|it| it.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            if !hidden {
                let inside = fs::read_dir(&path).into_iter().flatten().flatten();
                todo.extend(inside.map(|it| it.path()));
            }
        } else if path.extension().is_some_and(|it| KINDS.iter().any(|kind| it == *kind)) {
            let changed = fs::metadata(&path).and_then(|it| it.modified()).ok();
            res.insert(path, changed);
        }
    }
    res
}

/// Clears the screen, where there is one.
pub fn clear(context: &Context) {
    if !context.global.quiet && std::io::stdout().is_terminal() {
        output::product("\u{1b}[2J\u{1b}[H").ok();
    }
}
