//! A folder of outputs that appears whole or not at all, in the place of the run before.
//!
//! `out` is written as `.out.new` beside it. One rename exchanges the two; then the former run is
//! taken away. `.out.lock` is held meanwhile: it goes with its holder, however that ends. Whoever
//! is killed leaves `.out.new`, which the next run on `out` takes away.

use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::data::whole;
use crate::project;
use crate::run::manifest;
use crate::trouble::Trouble;

pub struct Directory {
    /// As the user named it.
    shown: String,
    /// Where the run is to be.
    target: PathBuf,
    /// Where it is until then.
    new: PathBuf,
    /// Released when it is closed, by whatever end.
    _lock: File,
}

impl Directory {
    /// Makes sure that this process alone writes there, and that nothing but a run is replaced.
    /// `holder` is what another process is told: who, and since when.
    ///
    /// Errors: another run writes there; the folder holds what no run wrote; a disk that refuses.
    pub fn claim(path: &Path, holder: &str) -> Result<Directory, Trouble> {
        let shown = path.display().to_string();
        let refused = |it: std::io::Error| refused(&shown, &it);
        // A link stays a link: what it leads to is replaced.
        let full = std::path::absolute(path).map_err(refused)?;
        let target = full.canonicalize().unwrap_or(full);
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(Trouble::usage(format!("{shown}: is no place for a run"))
                .help("name a folder that may be replaced whole"));
        };
        fs::create_dir_all(parent).map_err(refused)?;
        let lock = locked(&parent.join(beside(name, ".lock")), &shown, holder)?;
        replaceable(&target, &shown)?;
        let new = parent.join(beside(name, ".new"));
        clear(&new).map_err(refused)?;
        whole::step();
        fs::create_dir(&new).map_err(refused)?;
        Ok(Directory { shown, target, new, _lock: lock })
    }

    /// A file of the run, where it is to be written.
    pub fn file(&self, name: &str) -> PathBuf {
        self.new.join(name)
    }

    /// Where sorting may put what does not fit into memory.
    ///
    /// Errors: a disk that refuses.
    pub fn spill(&self) -> Result<PathBuf, Trouble> {
        let path = self.new.join(SPILL);
        fs::create_dir_all(&path).map_err(|it| refused(&self.shown, &it))?;
        Ok(path)
    }

    /// Errors: a disk that refuses.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Trouble> {
        whole::write(&self.file(name), bytes).map_err(|it| refused(&self.shown, &it))
    }

    /// The names of the files written so far, sorted.
    ///
    /// Errors: a disk that refuses.
    pub fn names(&self) -> Result<Vec<String>, Trouble> {
        let mut names = names(&self.new).map_err(|it| refused(&self.shown, &it))?;
        names.retain(|it| it != SPILL);
        Ok(names)
    }

    /// Puts the run in its place.
    ///
    /// Errors: a disk that refuses; then the run before is as it was.
    pub fn publish(self) -> Result<(), Trouble> {
        self.put().map_err(|it| match it.kind() {
            std::io::ErrorKind::Unsupported | std::io::ErrorKind::InvalidInput => {
                let message = format!("{}: a run cannot be replaced here in one step", self.shown);
                Trouble::resource(message).help("name a folder that does not exist yet")
            }
            _ => refused(&self.shown, &it),
        })
    }

    fn put(&self) -> std::io::Result<()> {
        clear(&self.new.join(SPILL))?;
        whole::sync_folder(&self.new)?;
        whole::step();
        if self.target.exists() {
            exchange(&self.new, &self.target)?;
        } else {
            fs::rename(&self.new, &self.target)?;
        }
        whole::sync_folder(self.target.parent().unwrap_or(Path::new(".")))
        // What was there before goes when `self` does.
    }
}

impl Drop for Directory {
    /// The former run after an exchange, an unfinished one after a failure.
    fn drop(&mut self) {
        clear(&self.new).ok();
    }
}

const SPILL: &str = ".spill";

fn refused(shown: &str, error: &std::io::Error) -> Trouble {
    Trouble::resource(format!("{shown}: cannot be written: {}", project::reason(error)))
}

/// `.out.new`, `.out.lock`
fn beside(name: &std::ffi::OsStr, ending: &str) -> OsString {
    let mut res = OsString::from(".");
    res.push(name);
    res.push(ending);
    res
}

fn locked(path: &Path, shown: &str, holder: &str) -> Result<File, Trouble> {
    let refused = |it: std::io::Error| refused(shown, &it);
    let mut options = File::options();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(path).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut told = String::new();
            file.read_to_string(&mut told).ok();
            let told = if told.trim().is_empty() { "another run" } else { told.trim() };
            return Err(Trouble::resource(format!("{shown}: {told} writes here"))
                .help("wait until it has ended, or name another folder with `--out`"));
        }
        Err(TryLockError::Error(error)) => {
            let reason = project::reason(&error);
            let message = format!("{shown}: cannot be locked: {reason}");
            return Err(Trouble::resource(message).help("name a folder on another disk"));
        }
    }
    whole::step();
    file.set_len(0).and_then(|()| file.write_all(holder.as_bytes())).map_err(refused)?;
    Ok(file)
}

/// Nothing, an empty folder, or a run and nothing else: only these are replaced.
fn replaceable(target: &Path, shown: &str) -> Result<(), Trouble> {
    if !target.exists() {
        return Ok(());
    }
    if !target.is_dir() {
        return Err(Trouble::usage(format!("{shown}: is a file, not a folder"))
            .help("write its ending (.parquet, .csv, .jsonl, .arrow), or name another folder"));
    }
    let names = names(target).map_err(|it| refused(shown, &it))?;
    if names.is_empty() {
        return Ok(());
    }
    let foreign = |name: &String, known: &[String]| !known.contains(name);
    let Ok(run) = manifest::read(target) else {
        let message = format!("{shown}: holds files, and no run that could be replaced");
        return Err(Trouble::usage(message).help("name another folder, or move the files away"));
    };
    let known = run.names();
    match names.iter().find(|it| foreign(it, &known)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("{shown}: `{name}` is not of the run there, and would be lost");
            Err(Trouble::usage(message).help("move it away, or name another folder"))
        }
    }
}

/// The names in a folder, sorted.
///
/// Errors: a folder that cannot be read.
pub fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut res = Vec::new();
    for entry in fs::read_dir(folder)? {
        res.push(entry?.file_name().to_string_lossy().into_owned());
    }
    res.sort();
    Ok(res)
}

/// Takes a folder away, if it is there, file by file: a kill in between is made up for later.
fn clear(folder: &Path) -> std::io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    whole::step();
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.path().is_file() {
            whole::step();
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir_all(folder)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(one: &Path, other: &Path) -> std::io::Result<()> {
    use rustix::fs::CWD;
    use rustix::fs::RenameFlags;
    Ok(rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
