//! Files and folders that last no longer than a run, whatever ends it.
//!
//! They stand beside what they will be, as `.tamis-PROCESS-XXXXXX`, for their owner alone, and are
//! locked as long as their process lives. Whoever ends or is interrupted takes them away; who is
//! killed cannot, and leaves them without a lock: the next process that works in the same folder
//! takes those away, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tempfile::NamedTempFile;
use tempfile::TempDir;

use crate::disk::whole;

/// A file that takes its place when it is whole.
#[derive(Debug)]
pub struct TemporaryFile {
    file: NamedTempFile,
}

/// A folder of such files.
#[derive(Debug)]
pub struct TemporaryFolder {
    folder: Option<TempDir>,
    path: PathBuf,
    /// Released when it is closed, by whatever end.
    _lock: Option<File>,
}

/// What is to be taken away should the process be interrupted, and what has taken its place.
struct Register {
    paths: BTreeSet<PathBuf>,
    written: Vec<PathBuf>,
    cleared: BTreeSet<PathBuf>,
}

static REGISTER: Mutex<Register> =
    Mutex::new(Register { paths: BTreeSet::new(), written: Vec::new(), cleared: BTreeSet::new() });

/// Whoever panicked while it held the register left it whole.
fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins every name; the number of the process and six letters follow.
const PREFIX: &str = ".tamis-";
const LETTERS: usize = 6;

fn builder(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.rand_bytes(LETTERS);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

fn prefix() -> String {
    format!("{PREFIX}{}-", std::process::id())
}

/// How often a name may be lost to someone who takes it for one that was left behind.
const ATTEMPTS: usize = 8;

fn lost() -> std::io::Error {
    std::io::Error::other("temporary files are taken away as soon as they are made")
}

impl TemporaryFile {
    /// An empty file in the folder.
    ///
    /// Errors: a folder that cannot be written.
    pub fn within(folder: &Path) -> std::io::Result<TemporaryFile> {
        for _ in 0..ATTEMPTS {
            // No interrupt comes between: what is there is known.
            let mut register = register();
            let file = builder(0o600).prefix(&prefix()).tempfile_in(folder)?;
            register.paths.insert(file.path().to_path_buf());
            drop(register);
            let file = TemporaryFile { file };
            if is_held(file.file.as_file(), file.file.path()) {
                clear_left_behind(folder, file.file.as_file());
                return Ok(file);
            }
        }
        Err(lost())
    }

    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    pub fn file_mut(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// A second way into it.
    ///
    /// Errors: a system that has no more.
    pub fn reopen(&self) -> std::io::Result<File> {
        self.file.reopen()
    }

    /// Puts it in its place, in one step.
    ///
    /// Errors: a disk that refuses; what stood there before is as it was.
    pub fn persist(self, place: &Path) -> std::io::Result<()> {
        // Not while an interrupt takes away what is there.
        let mut register = register();
        register.paths.remove(self.file.path());
        self.file.persist(place).map_err(|it| it.error)?;
        register.written.push(place.to_path_buf());
        Ok(())
    }
}

impl TemporaryFolder {
    /// An empty folder in another.
    ///
    /// Errors: a folder that cannot be written.
    pub fn within(folder: &Path) -> std::io::Result<TemporaryFolder> {
        for _ in 0..ATTEMPTS {
            let mut register = register();
            let made = builder(0o700).prefix(&prefix()).tempdir_in(folder)?;
            let path = made.path().to_path_buf();
            register.paths.insert(path.clone());
            drop(register);
            if !cfg!(unix) {
                return Ok(TemporaryFolder { folder: Some(made), path, _lock: None });
            }
            let lock = match File::open(&path) {
                Err(it) if it.kind() == std::io::ErrorKind::NotFound => continue,
                other => other?,
            };
            if is_held(&lock, &path) {
                clear_left_behind(folder, &lock);
                return Ok(TemporaryFolder { folder: Some(made), path, _lock: Some(lock) });
            }
        }
        Err(lost())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Does what puts it in its place; meanwhile nothing is taken away. What stands under its name
    /// afterwards goes as the folder would have gone.
    ///
    /// Errors: those of `put`.
    pub fn publish(
        &self,
        place: &Path,
        put: impl FnOnce() -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let mut register = register();
        put()?;
        register.written.push(place.to_path_buf());
        Ok(())
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What was renamed is not there any more.
        if let Some(folder) = self.folder.take() {
            folder.close().ok();
        }
        forget(&self.path);
    }
}

/// The folder that the temporary files of this process stand in.
pub fn place() -> Option<PathBuf> {
    let register = register();
    let outermost = register.paths.iter().min_by_key(|it| it.components().count())?;
    Some(outermost.parent()?.to_path_buf())
}

/// Adds what else is to be taken away, should the process be interrupted.
pub fn remember(path: &Path) {
    register().paths.insert(path.to_path_buf());
}

/// It is gone, or stays.
pub fn forget(path: &Path) {
    register().paths.remove(path);
}

/// Takes away all that is temporary, for good: whoever makes or moves something from now on waits
/// until the process has ended. Says what stands in its place already.
pub fn end() -> Vec<PathBuf> {
    let register = register();
    for path in &register.paths {
        remove(path);
    }
    let written = register.written.clone();
    std::mem::forget(register);
    written
}

/// Links are taken away, never followed.
fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(it) if it.is_dir() => fs::remove_dir_all(path).ok(),
        Ok(_) => fs::remove_file(path).ok(),
        Err(_) => None,
    };
}

/// Locks a file and makes sure that it still stands at its path.
fn is_held(file: &File, path: &Path) -> bool {
    // Where nothing can be locked nobody takes anything away either.
    match file.try_lock() {
        Ok(()) => is_at(file, path),
        Err(fs::TryLockError::WouldBlock) => false,
        Err(fs::TryLockError::Error(_)) => true,
    }
}

/// Whether the path leads to this file, and is no link.
pub fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |it: fs::Metadata| (it.dev(), it.ino());
        let own = file.metadata().map(identity);
        own.is_ok_and(|own| fs::symlink_metadata(path).map(identity).is_ok_and(|it| it == own))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

/// Takes away what killed processes of the same user left in a folder; once for each folder. `own`
/// is a file of ours.
fn clear_left_behind(folder: &Path, own: &File) {
    if !cfg!(unix) || !register().cleared.insert(folder.to_path_buf()) {
        return;
    }
    let Ok(own) = own.metadata() else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_ours(&entry.file_name().to_string_lossy()) {
            clear_one(&entry.path(), &own);
        }
    }
}

/// `.tamis-4711-a1B2c3`
fn is_ours(name: &str) -> bool {
    let parts = name.strip_prefix(PREFIX).and_then(|it| it.split_once('-'));
    parts.is_some_and(|(process, letters)| {
        let number = !process.is_empty() && process.bytes().all(|it| it.is_ascii_digit());
        let word = letters.bytes().all(|it| it.is_ascii_alphanumeric());
        number && letters.len() == LETTERS && word
    })
}

#[cfg(unix)]
fn clear_one(path: &Path, own: &fs::Metadata) {
    use std::os::unix::fs::MetadataExt;
    let Some(file) = open_itself(path) else { return };
    let same_owner = file.metadata().is_ok_and(|it| it.uid() == own.uid());
    if same_owner && file.try_lock().is_ok() && is_at(&file, path) {
        remove(path);
    }
}

#[cfg(not(unix))]
fn clear_one(_: &Path, _: &fs::Metadata) {}

/// A file or folder, never what a link leads to.
#[cfg(unix)]
fn open_itself(path: &Path) -> Option<File> {
    use rustix::fs::Mode;
    use rustix::fs::OFlags;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let it = file.metadata().ok()?;
    (it.is_file() || it.is_dir()).then_some(file)
}

/// A file beside an output that one process alone holds, and that goes with it.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

/// Why a lock is not to be had.
pub enum Refused {
    /// What its holder wrote into it.
    Held(String),
    /// Something stands there that no process of ours made.
    Foreign(&'static str),
    System(std::io::Error),
    /// There are no locks here.
    None(std::io::Error),
}

impl Lock {
    /// Makes it, or takes it over from a process that was killed. `holder` is what others are told;
    /// every such text begins with `mark`.
    ///
    /// Errors: see [`Refused`].
    pub fn claim(path: &Path, mark: &str, holder: &str) -> Result<Lock, Refused> {
        for _ in 0..ATTEMPTS {
            // No interrupt comes between: a lock that is there is known.
            let mut register = register();
            let mut file = open_lock(path)?;
            match file.try_lock() {
                Ok(()) if !is_at(&file, path) => continue,
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => {
                    let mut told = String::new();
                    file.read_to_string(&mut told).ok();
                    return Err(Refused::Held(told.trim().to_owned()));
                }
                Err(fs::TryLockError::Error(error)) => return Err(Refused::None(error)),
            }
            let mut before = String::new();
            let begin = Read::by_ref(&mut file).take(256).read_to_string(&mut before);
            // A holder that was killed may have written a part.
            if begin.is_err() || !(before.starts_with(mark) || mark.starts_with(&before)) {
                return Err(Refused::Foreign("holds text that tamis did not write"));
            }
            register.paths.insert(path.to_path_buf());
            drop(register);
            whole::step();
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(holder.as_bytes()))
                .map_err(Refused::System)?;
            return Ok(Lock { path: path.to_path_buf(), _file: file });
        }
        Err(Refused::System(lost()))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Held until the file is closed, so that nobody has it under this name meanwhile.
        fs::remove_file(&self.path).ok();
        forget(&self.path);
    }
}

fn open_lock(path: &Path) -> Result<File, Refused> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0)).mode(0o600);
    }
    let link = fs::symlink_metadata(path).is_ok_and(|it| it.is_symlink());
    if link {
        return Err(Refused::Foreign("is a link"));
    }
    let file = options.open(path).map_err(Refused::System)?;
    match file.metadata() {
        Ok(it) if it.is_file() => Ok(file),
        Ok(_) => Err(Refused::Foreign("is not a regular file")),
        Err(error) => Err(Refused::System(error)),
    }
}
