//! A folder of outputs that appears whole or not at all, in the place of the run before.
//!
//! `out` is written as a temporary folder beside it. One rename exchanges the two; then the former
//! run is taken away. `.out.lock` is held meanwhile, and goes with its holder. Whoever is killed
//! leaves both: the next run takes them over or away.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::disk;
use crate::disk::temporary::Lock;
use crate::disk::temporary::Refused;
use crate::disk::temporary::TemporaryFolder;
use crate::disk::whole;
use crate::run::manifest;
use crate::run::who;
use crate::trouble::Trouble;

pub struct Directory {
    /// As the user named it.
    shown: String,
    /// Where the run is to be.
    target: PathBuf,
    /// Where it is until then.
    new: TemporaryFolder,
    /// Goes last.
    _lock: Lock,
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
        let target = match full.canonicalize() {
            Ok(it) => it,
            Err(_) if fs::symlink_metadata(&full).is_ok_and(|it| it.is_symlink()) => {
                return Err(Trouble::usage(format!("{shown}: is a link that leads nowhere"))
                    .help("take the link away, or name the folder itself"));
            }
            Err(_) => full,
        };
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(Trouble::usage(format!("{shown}: is no place for a run"))
                .help("name a folder that may be replaced whole"));
        };
        fs::create_dir_all(parent).map_err(refused)?;
        let lock = locked(&parent.join(lock_of(name)), &shown, holder)?;
        replaceable(&target, &shown)?;
        whole::step();
        let new = TemporaryFolder::within(parent).map_err(refused)?;
        Ok(Directory { shown, target, new, _lock: lock })
    }

    /// A file of the run, where it is to be written.
    pub fn file(&self, name: &str) -> PathBuf {
        self.new.path().join(name)
    }

    /// Where sorting may put what does not fit into memory.
    ///
    /// Errors: a disk that refuses.
    pub fn spill(&self) -> Result<PathBuf, Trouble> {
        let path = self.new.path().join(SPILL);
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
        let mut names = names(self.new.path()).map_err(|it| refused(&self.shown, &it))?;
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
        clear(&self.new.path().join(SPILL))?;
        whole::sync_folder(self.new.path())?;
        whole::step();
        self.new.publish(&self.target, || match self.target.exists() {
            true => exchange(self.new.path(), &self.target),
            false => fs::rename(self.new.path(), &self.target),
        })?;
        whole::sync_folder(self.target.parent().unwrap_or(Path::new(".")))
        // What was there before goes when `self` does.
    }
}

impl Drop for Directory {
    /// The former run after an exchange, an unfinished one after a failure.
    fn drop(&mut self) {
        clear(self.new.path()).ok();
    }
}

const SPILL: &str = ".spill";

fn refused(shown: &str, error: &std::io::Error) -> Trouble {
    let reason = disk::reason(error);
    Trouble::resource(format!("{shown}: cannot be written: {reason}"))
        .help("nothing is left of this run; a run that stood there before is as it was")
}

/// `.out.lock`
fn lock_of(name: &std::ffi::OsStr) -> OsString {
    let mut res = OsString::from(".");
    res.push(name);
    res.push(".lock");
    res
}

fn locked(path: &Path, shown: &str, holder: &str) -> Result<Lock, Trouble> {
    Lock::claim(path, who::HOLDER, holder).map_err(|it| match it {
        Refused::Held(told) => {
            let told = if told.is_empty() { "another run".to_owned() } else { told };
            Trouble::resource(format!("{shown}: {told} writes here"))
                .help("wait until it has ended, or name another folder with `--out`")
        }
        Refused::Foreign(what) => {
            let lock = path.display();
            Trouble::usage(format!("{lock}: {what}, and the lock of {shown} would stand there"))
                .help("take it away, or name another folder with `--out`")
        }
        Refused::System(error) => refused(shown, &error),
        Refused::None(error) => {
            let reason = disk::reason(&error);
            let message = format!("{shown}: cannot be locked: {reason}");
            Trouble::resource(message).help("name a folder on another disk")
        }
    })
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
