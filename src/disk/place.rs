//! Where an output goes: to a file, to what a link leads to, into a pipe or a device, to stdout.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;

use crate::disk;
use crate::trouble::Trouble;

/// Where what is written for a path ends up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file, there or not yet. It is replaced whole; a link to it stays a link.
    File(PathBuf),
    /// A pipe or a device: written as it comes.
    Stream(PathBuf),
    /// `-`, `/dev/stdout`
    Stdout,
}

/// Names of this process's own stdout.
const STDOUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

impl Place {
    /// Errors: a link that leads nowhere, a folder.
    pub fn of(path: &Path) -> Result<Place, Trouble> {
        let shown = path.display();
        if is_stdout(path) {
            return Ok(Place::Stdout);
        }
        let Ok(own) = fs::symlink_metadata(path) else {
            return Ok(Place::File(path.to_path_buf()));
        };
        let Ok(it) = fs::metadata(path) else {
            return Err(Trouble::usage(format!("{shown}: is a link that leads nowhere"))
                .help("take the link away, or name the file itself"));
        };
        if it.is_dir() {
            return Err(Trouble::usage(format!("{shown}: is a folder, not a file"))
                .help("name a file in it"));
        }
        let streamed = !it.is_file() || path.starts_with("/dev") || path.starts_with("/proc");
        if streamed {
            return Ok(Place::Stream(path.to_path_buf()));
        }
        let target = match own.is_symlink() {
            true => path.canonicalize().map_err(|it| refused(path, &it))?,
            false => path.to_path_buf(),
        };
        Ok(Place::File(target))
    }

    /// Whether it is written as it comes, and cannot be replaced.
    pub fn is_streamed(&self) -> bool {
        match self {
            Place::File(_) => false,
            Place::Stream(_) | Place::Stdout => true,
        }
    }
}

/// Whether a path means stdout.
pub fn is_stdout(path: &Path) -> bool {
    STDOUT.iter().any(|it| path == Path::new(it))
}

/// A pipe or a device, or stdout, ready to be written: a pipe waits for its reader.
///
/// Errors: what cannot be written.
pub fn stream(place: &Place) -> Option<std::io::Result<File>> {
    match place {
        Place::File(_) => None,
        Place::Stream(path) => Some(File::options().write(true).open(path)),
        Place::Stdout => Some(stdout()),
    }
}

#[cfg(unix)]
fn stdout() -> std::io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(std::io::stdout().as_fd().try_clone_to_owned()?))
}

#[cfg(not(unix))]
fn stdout() -> std::io::Result<File> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// The folder of a file to be written.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What cannot be written: where, why, and what became of what stood there.
pub fn refused(path: &Path, error: &std::io::Error) -> Trouble {
    let reason = disk::reason(error);
    Trouble::resource(format!("{}: cannot be written: {reason}", path.display()))
        .help("nothing is left of what was written; what stood there before is as it was")
}

/// The reader of a stream has left: nothing more to do, nothing to complain about.
pub fn gone() -> Trouble {
    Trouble::resource("the reader of an output is gone")
}
