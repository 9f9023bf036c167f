//! Walks folders and finds the files that patterns name: hidden entries are left out, every folder
//! and every file is met once, links included.
//!
//! Only what the pattern itself says is a pattern, never the folder that it starts from.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use glob::Pattern;

use crate::disk::reason;
use crate::trouble::Trouble;

/// Why a walk ends early.
#[derive(Debug)]
pub enum Refusal {
    /// What is wrong with the pattern, in words.
    Pattern(String),
    /// A folder that cannot be read: to pass it over would leave rules or data out.
    Folder(PathBuf, io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Pattern(what) => f.write_str(what),
            Refusal::Folder(path, error) => {
                write!(f, "the folder `{}` cannot be read: {}", path.display(), reason(error))
            }
        }
    }
}

impl Refusal {
    /// What stops a command that cannot say the place.
    pub fn trouble(self) -> Trouble {
        Trouble::usage(self.to_string())
    }
}

/// A file or folder, and whether the way to it leads over a link.
struct Found {
    path: PathBuf,
    linked: bool,
}

/// The files of a folder and its folders that have one of these endings, sorted.
pub fn files(dir: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, Refusal> {
    let mut res = Vec::new();
    let start = Found { path: dir.to_path_buf(), linked: false };
    for folder in folders(start, &mut BTreeSet::new())? {
        for (name, it) in entries(&folder)? {
            let ending = Path::new(&name).extension().and_then(|it| it.to_str());
            if ending.is_some_and(|it| endings.contains(&it)) && !it.path.is_dir() {
                res.push(it);
            }
        }
    }
    Ok(each_once(res))
}

/// The files and folders that a pattern names, sorted; `**` stands for any folders, and at its end
/// for any files below.
pub fn matching(root: &Path, pattern: &str) -> Result<Vec<PathBuf>, Refusal> {
    let start = if pattern.starts_with('/') { Path::new("/") } else { root };
    let mut found = vec![Found { path: start.to_path_buf(), linked: false }];
    let steps: Vec<&str> = pattern.split('/').filter(|it| !matches!(*it, "" | ".")).collect();
    for (at, step) in steps.iter().enumerate() {
        let last = at + 1 == steps.len();
        found = match *step {
            "**" => below(found, last)?,
            it if it == ".." || !is_pattern(it) => found
                .into_iter()
                .map(|found| Found { path: found.path.join(it), ..found })
                .filter(|it| it.path.symlink_metadata().is_ok())
                .collect(),
            it => named(found, it)?,
        };
    }
    Ok(each_once(found))
}

/// What is wrong with a pattern, if anything is.
pub fn fault(pattern: &str) -> Option<String> {
    if pattern.trim().is_empty() {
        return Some("is empty".to_owned());
    }
    let wrong = |step: &str| Pattern::new(step).err().map(|it| (step.to_owned(), it.msg));
    let (step, what) = pattern.split('/').find_map(wrong)?;
    Some(format!("is not a pattern of paths: `{step}`: {}", what.to_lowercase()))
}

/// The text as a pattern that names exactly it.
pub fn escaped(path: &str) -> String {
    Pattern::escape(path)
}

/// Whether a step of a path stands for more than itself.
fn is_pattern(step: &str) -> bool {
    step.contains(['*', '?', '['])
}

/// The folders themselves and all below; with `files` what they hold instead.
fn below(found: Vec<Found>, files: bool) -> Result<Vec<Found>, Refusal> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for it in found {
        all.extend(folders(it, &mut seen)?);
    }
    if !files {
        return Ok(all);
    }
    let mut res = Vec::new();
    for folder in &all {
        let inside = entries(folder)?.into_iter().map(|it| it.1);
        res.extend(inside.filter(|it| !it.path.is_dir()));
    }
    Ok(res)
}

/// The entries of these folders that one step of a pattern names.
fn named(found: Vec<Found>, step: &str) -> Result<Vec<Found>, Refusal> {
    let pattern = Pattern::new(step);
    let pattern = pattern.map_err(|it| Refusal::Pattern(it.msg.to_lowercase()))?;
    let mut res = Vec::new();
    for folder in found.iter().filter(|it| is_folder(&it.path)) {
        let all = if step.starts_with('.') { listed(folder)? } else { entries(folder)? };
        res.extend(all.into_iter().filter(|it| pattern.matches(&it.0)).map(|it| it.1));
    }
    Ok(res)
}

/// A folder and all below it, those without links first; none of `seen`, which grows by them.
///
/// A link up to where the walk came from leads nowhere new.
fn folders(start: Found, seen: &mut BTreeSet<PathBuf>) -> Result<Vec<Found>, Refusal> {
    let full = canonical(&start.path);
    seen.extend(full.ancestors().skip(1).map(Path::to_path_buf));
    let (mut plain, mut linked) = (vec![start], VecDeque::new());
    let mut res = Vec::new();
    while let Some(it) = plain.pop().or_else(|| linked.pop_front()) {
        if !is_folder(&it.path) || !seen.insert(canonical(&it.path)) {
            continue;
        }
        for (_, inside) in entries(&it)? {
            if !inside.path.is_dir() {
                continue;
            }
            match inside.linked {
                true => linked.push_back(inside),
                false => plain.push(inside),
            }
        }
        res.push(it);
    }
    Ok(res)
}

/// What a folder holds, hidden entries left out.
fn entries(folder: &Found) -> Result<Vec<(String, Found)>, Refusal> {
    let mut all = listed(folder)?;
    all.retain(|it| !it.0.starts_with('.'));
    Ok(all)
}

fn listed(folder: &Found) -> Result<Vec<(String, Found)>, Refusal> {
    let refused = |it| Refusal::Folder(folder.path.clone(), it);
    let mut res = Vec::new();
    for entry in fs::read_dir(here(&folder.path)).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let is_link = entry.file_type().is_ok_and(|it| it.is_symlink());
        let name = entry.file_name();
        let path = folder.path.join(&name);
        let it = Found { path, linked: folder.linked || is_link };
        res.push((name.to_string_lossy().into_owned(), it));
    }
    res.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(res)
}

/// Each file by one name, the one that leads over no link if there is one; sorted.
fn each_once(mut found: Vec<Found>) -> Vec<PathBuf> {
    found.sort_by(|a, b| (a.linked, &a.path).cmp(&(b.linked, &b.path)));
    let mut seen = BTreeSet::new();
    found.retain(|it| seen.insert(canonical(&it.path)));
    let mut res: Vec<PathBuf> = found.into_iter().map(|it| it.path).collect();
    res.sort();
    res
}

/// The same for paths that were named: a file is read once, however often it is named.
pub fn once(paths: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let is_link = |it: &PathBuf| it.symlink_metadata().is_ok_and(|it| it.is_symlink());
    each_once(paths.into_iter().map(|path| Found { linked: is_link(&path), path }).collect())
}

/// The file or folder itself, whatever links lead to it.
pub fn canonical(path: &Path) -> PathBuf {
    here(path).canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// A path of no letters is the current folder.
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn is_folder(path: &Path) -> bool {
    here(path).is_dir()
}
