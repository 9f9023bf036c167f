//! Whether a run is as it was written, and what it read as it was read.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::disk;
use crate::project::consulted::Kind;
use crate::run::digest;
use crate::run::digest::Content;
use crate::run::directory;
use crate::run::manifest;
use crate::run::manifest::Input;
use crate::run::manifest::Manifest;
use crate::trouble::Trouble;

/// A file that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// `output`, `rules`, `data` …
    pub of: &'static str,
    pub path: String,
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Differs,
    Missing,
    Unreadable,
    Additional,
}

impl What {
    pub fn word(self) -> &'static str {
        match self {
            What::Differs => "differs",
            What::Missing => "missing",
            What::Unreadable => "unreadable",
            What::Additional => "additional",
        }
    }
}

const OUTPUT: &str = "output";

/// Every byte of the folder: the outputs by the manifest, the manifest by its checksum.
///
/// Errors: a folder that cannot be read.
pub fn outputs(folder: &Path, manifest: &Manifest) -> Result<Vec<Difference>, Trouble> {
    let found = directory::names(folder)
        .map_err(|_| Trouble::data(format!("{}: the folder cannot be read", folder.display())))?;
    let known = manifest.names();
    let mut res = Vec::new();
    let mut differs = |path: &str, what| {
        res.push(Difference { of: OUTPUT, path: path.to_owned(), what });
    };
    for name in found.iter().filter(|it| !known.contains(it)) {
        differs(name, What::Additional);
    }
    for name in known.iter().filter(|it| !found.contains(it)) {
        differs(name, What::Missing);
    }
    let never = AtomicBool::new(false);
    for it in manifest.run.outputs.iter().filter(|it| found.contains(&it.path)) {
        match digest::of_file(&folder.join(&it.path), &never) {
            Ok(content) if content.sha256 == it.sha256 && content.bytes == it.bytes => {}
            Ok(_) => differs(&it.path, What::Differs),
            Err(_) => differs(&it.path, What::Unreadable),
        }
    }
    if found.iter().any(|it| it == manifest::CHECKSUM) && !is_covered(folder, manifest)? {
        differs(manifest::FILE, What::Differs);
    }
    res.sort();
    Ok(res)
}

/// Whether the manifest is what its checksum, and its parts what its own hashes say.
fn is_covered(folder: &Path, manifest: &Manifest) -> Result<bool, Trouble> {
    let read = |name: &str| disk::read(&folder.join(name), disk::MOST_TABLE);
    let (Ok(text), Ok(checksum)) = (read(manifest::FILE), read(manifest::CHECKSUM)) else {
        return Ok(false);
    };
    Ok(checksum == manifest::checksum(&text).as_bytes()
        && manifest.run_id == manifest.run.id()?
        && manifest.run.rule_set == manifest::rule_set(&manifest.run.files))
}

/// What the run read, from the folder of its project. `now` are the files that it would read today,
/// where that can be told.
pub fn inputs(
    root: &Path,
    manifest: &Manifest,
    now: Option<&[(Kind, PathBuf)]>,
    threads: usize,
) -> Vec<Difference> {
    let known: Vec<&Input> = manifest.run.files.iter().chain(&manifest.run.data).collect();
    let paths: Vec<PathBuf> = known.iter().map(|it| root.join(&it.path)).collect();
    let contents = digest::of_files(&paths, threads, &AtomicBool::new(false));
    let mut res = BTreeSet::new();
    for (it, content) in known.iter().zip(contents) {
        let what = match content {
            Ok(content) if content == Content { bytes: it.bytes, sha256: it.sha256.clone() } => {
                continue;
            }
            Ok(_) => What::Differs,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => What::Missing,
            Err(_) => What::Unreadable,
        };
        res.insert(Difference { of: it.kind.words(), path: it.path.clone(), what });
    }
    for (kind, path) in now.into_iter().flatten().filter(|it| it.1.exists()) {
        let path = manifest::relative(root, path);
        if !known.iter().any(|it| it.path == path) {
            res.insert(Difference { of: kind.words(), path, what: What::Additional });
        }
    }
    res.into_iter().collect()
}
