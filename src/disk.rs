//! Files on disk: opened without waiting, and only where they are files; what went wrong, in words.

pub mod place;
pub mod temporary;
pub mod whole;

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::io::Error;
use std::io::ErrorKind;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// The system's reason in our words.
pub fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        ErrorKind::QuotaExceeded => "the quota of the user is used up".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the disk is read-only".to_owned(),
        ErrorKind::FileTooLarge => "files may not become that large".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::NotADirectory => "what should be a folder is none".to_owned(),
        _ if error.raw_os_error().is_none() => match told_inside(error) {
            Some(inner) => reason(&inner),
            None => error.to_string(),
        },
        // Without the number that the system puts behind it.
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_lowercase()
        }
    }
}

/// The error of the system that a library has put into words of its own.
fn told_inside(error: &Error) -> Option<Error> {
    let text = error.to_string();
    let number = text.split_once("(os error ")?.1.split(')').next()?;
    Some(Error::from_raw_os_error(number.parse().ok()?))
}

/// Opens a file for reading. Whatever is none, such as a pipe that nobody writes or a device that
/// never ends, is refused at once.
///
/// Errors: what the system says, or that it is no regular file.
pub fn open(path: &Path) -> std::io::Result<File> {
    // Some devices act when they are opened.
    check_regular(&fs::metadata(path)?)?;
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(nonblocking());
    }
    let file = options.open(path)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

#[cfg(unix)]
fn nonblocking() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0)
}

fn check_regular(it: &fs::Metadata) -> std::io::Result<()> {
    if it.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if it.is_file() { Ok(()) } else { Err(Error::other("it is not a regular file")) }
}

/// The largest file of rules or of a schema, in bytes.
pub const MOST_TEXT: u64 = 16 << 20;
/// The largest list, nomenclature or group, in bytes.
pub const MOST_TABLE: u64 = 512 << 20;

/// Reads a regular file of at most so many bytes.
///
/// Errors: as those of [`open`], and a file that is larger.
pub fn read(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if most < bytes.len() as u64 {
        let most = most >> 20;
        return Err(Error::other(format!("it is larger than {most} MiB")));
    }
    Ok(bytes)
}

/// Which file stands at a path, and in what state: whoever changes it changes this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: Option<std::time::SystemTime>,
    /// Device, number, and the time of the last change of whatever kind, which nobody can set.
    #[cfg(unix)]
    identity: (u64, u64, i64, i64),
}

/// `None` where nothing can be found out.
pub fn stamp(path: &Path) -> Option<Stamp> {
    let it = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt;
        (it.dev(), it.ino(), it.ctime(), it.ctime_nsec())
    };
    Some(Stamp {
        length: it.len(),
        modified: it.modified().ok(),
        #[cfg(unix)]
        identity,
    })
}

/// Clocks of file systems tick so often, in milliseconds.
const TICK: i128 = 10;

/// Waits until a change from now on would get another time than the last one of these.
pub fn settle<'a>(stamps: impl Iterator<Item = &'a Stamp>) {
    #[cfg(unix)]
    {
        use std::time::Duration;
        use std::time::SystemTime;
        use std::time::UNIX_EPOCH;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis());
        let now = i128::try_from(since).unwrap_or(0);
        let of =
            |it: &Stamp| i128::from(it.identity.2) * 1000 + i128::from(it.identity.3) / 1_000_000;
        let last = stamps.map(of).filter(|it| *it <= now).max().unwrap_or(0);
        if now - last <= TICK {
            std::thread::sleep(Duration::from_millis(2 * TICK.unsigned_abs() as u64));
        }
    }
    #[cfg(not(unix))]
    drop(stamps);
}

/// In order; a file that has several names by the first of them.
pub fn once(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.sort();
    let mut known = BTreeSet::new();
    files.retain(|it| known.insert(it.canonicalize().unwrap_or_else(|_| it.clone())));
    let mut known = BTreeSet::new();
    files.retain(|it| file_number(it).is_none_or(|it| known.insert(it)));
    files
}

/// The device and the number of a file, which all its names share.
#[cfg(unix)]
fn file_number(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let it = path.metadata().ok()?;
    Some((it.dev(), it.ino()))
}

#[cfg(not(unix))]
fn file_number(_: &Path) -> Option<(u64, u64)> {
    None
}
