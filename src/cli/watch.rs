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
use crate::data::walk;

pub const PAUSE: Duration = Duration::from_millis(300);

/// What rules, schemas and lists are written in.
const KINDS: [&str; 4] = ["tamis", "toml", "csv", "xlsx"];

/// When each file was changed last: those of the project around a folder, and those named.
pub fn stamp(dir: &Path, named: &[PathBuf]) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let found = manifest::discover(named.first().map_or(dir, PathBuf::as_path));
    let found = found.or_else(|| manifest::discover(dir));
    let root = found.and_then(|it| it.parent().map(Path::to_path_buf));
    let mut res = BTreeMap::new();
    for path in root.into_iter().chain(named.iter().cloned()) {
        // A folder that cannot be read now may be readable at the next look.
        let inside = if path.is_dir() { walk::files(&path, &KINDS) } else { Ok(vec![path]) };
        for path in inside.unwrap_or_default() {
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
