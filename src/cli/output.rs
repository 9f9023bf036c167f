//! Streams: the product on stdout, everything else on stderr, files whole or not at all.

use std::fs;
use std::io::Error;
use std::io::ErrorKind;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anstream::AutoStream;
use anstream::ColorChoice;

use crate::cli::When;
use crate::disk;
use crate::disk::place;
use crate::disk::place::Place;
use crate::disk::temporary::TemporaryFile;
use crate::report::Look;
use crate::shown::shown;
use crate::trouble::Trouble;

/// What the streams can show, and whether notes are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    pub stdout: Look,
    pub stderr: Look,
    pub quiet: bool,
}

impl Terminal {
    pub fn new(color: When, quiet: bool) -> Terminal {
        match color {
            When::Auto => ColorChoice::Auto,
            When::Always => ColorChoice::Always,
            When::Never => ColorChoice::Never,
        }
        .write_global();
        let allowed = |it: ColorChoice| it != ColorChoice::Never;
        let unicode = unicode();
        let look = |colour, terminal| {
            // Whoever reads a pipe wants all of it.
            let width = if terminal { width() } else { usize::MAX };
            Look { colour, unicode, width }
        };
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        Terminal {
            stdout: look(allowed(AutoStream::choice(&stdout)), stdout.is_terminal()),
            stderr: look(allowed(AutoStream::choice(&stderr)), stderr.is_terminal()),
            quiet,
        }
    }

    /// A remark on stderr, unless `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            error(&shown(text));
        }
    }
}

/// Only a terminal that says that it has nothing but ASCII is believed.
fn unicode() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    let plain = locale.is_some_and(|it| it == "C" || it == "POSIX");
    !plain && set("TERM").is_none_or(|it| it != "dumb")
}

/// Shells know the width and seldom tell.
fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
    told.unwrap_or(100).clamp(40, 200)
}

/// A destination of a report: `FORMAT` is stdout, `FORMAT=FILE` a file.
#[derive(Debug, Clone)]
pub struct Output<T> {
    pub format: T,
    pub file: Option<PathBuf>,
}

/// `concise=report.txt`: what stands on the left must be one of `formats`.
pub fn parse<T: Copy>(text: &str, formats: &[(&str, T)]) -> Result<Output<T>, String> {
    let (name, file) = match text.split_once('=') {
        Some((_, "")) => return Err("a file is missing after `=`".to_owned()),
        Some((name, "-")) => (name, None),
        Some((name, file)) => (name, Some(PathBuf::from(file))),
        None => (text, None),
    };
    match formats.iter().find(|it| it.0 == name) {
        Some((_, format)) => Ok(Output { format: *format, file }),
        None => {
            let names: Vec<&str> = formats.iter().map(|it| it.0).collect();
            Err(format!("no such format; write {}, or FORMAT=FILE", names.join(", ")))
        }
    }
}

/// The destinations asked for, or `usual` on stdout. Two on stdout could not be told apart.
pub fn destinations<T: Copy>(asked: &[Output<T>], usual: T) -> Result<Vec<Output<T>>, Trouble> {
    if asked.is_empty() {
        return Ok(vec![Output { format: usual, file: None }]);
    }
    if 1 < asked.iter().filter(|it| it.file.is_none()).count() {
        return Err(Trouble::usage("two outputs would be mixed on stdout")
            .help("give one of them a file: `--output json=report.json`"));
    }
    Ok(asked.to_vec())
}

/// Whether stdout is to hold JSON.
pub fn is_json<T: PartialEq>(asked: &[Output<T>], json: &T) -> bool {
    asked.iter().any(|it| it.file.is_none() && it.format == *json)
}

/// Refuses files that would be written over what is read, or twice, or into what else is written.
/// Devices and pipes may be named as often as one likes.
///
/// Errors: the first such file.
pub fn apart(written: &[&Path], read: &[PathBuf]) -> Result<(), Trouble> {
    let refused = |path: &Path, why: &str| {
        Err(Trouble::usage(format!("{}: {why}", path.display())).help("name another file"))
    };
    let read: Vec<PathBuf> = read.iter().map(|it| place(it)).collect();
    let mut taken: Vec<PathBuf> = Vec::new();
    for path in written.iter().filter(|it| !is_device(it)) {
        let place = place(path);
        if read.iter().any(|it| place.starts_with(it)) {
            return refused(path, "is read here, and would be written over");
        }
        if taken.iter().any(|it| place.starts_with(it) || it.starts_with(&place)) {
            return refused(path, "is written already by another output");
        }
        taken.push(place);
    }
    Ok(())
}

/// The files of outputs.
pub fn files<T>(outputs: &[Output<T>]) -> Vec<&Path> {
    outputs.iter().filter_map(|it| it.file.as_deref()).collect()
}

/// Where a path leads, whether something stands there or not.
fn place(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let known = |it: &Path| Some(it.canonicalize().ok()?.join(path.strip_prefix(it).ok()?));
    path.ancestors().find_map(known).unwrap_or_else(|| path.clone())
}

fn is_device(path: &Path) -> bool {
    Place::of(path).is_ok_and(|it| it.is_streamed())
}

/// What the command is for, on stdout.
///
/// Errors: a full disk, and [`gone`] when the reader has left.
pub fn product(text: &str) -> Result<(), Trouble> {
    product_bytes(text.as_bytes())
}

/// The same for what need not be UTF-8.
pub fn product_bytes(bytes: &[u8]) -> Result<(), Trouble> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(place::gone()),
        Err(error) => {
            let reason = disk::reason(&error);
            Err(Trouble::resource(format!("stdout cannot be written: {reason}")))
        }
    }
}

/// On stderr, whatever `--quiet` says.
pub fn error(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// To a file, or to stdout. A new file is for its owner alone: reports quote data.
pub fn deliver(text: &str, file: Option<&Path>) -> Result<(), Trouble> {
    match file {
        None => product(text),
        Some(path) => write_whole(path, text.as_bytes(), Readers::Owner),
    }
}

/// Who may read a file that was not there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    Owner,
    /// As of any new file.
    Usual,
}

/// Writes beside the file and renames: whoever reads sees the old text or the new one. A link
/// stays a link, a file keeps its permissions. Devices and pipes are written as they are.
pub fn write_whole(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), Trouble> {
    let refused = |it: Error| place::refused(path, &it);
    let place = Place::of(path)?;
    if place == Place::Stdout {
        return product_bytes(bytes);
    }
    if let Some(stream) = place::stream(&place) {
        return match stream.and_then(|mut it| it.write_all(bytes)) {
            Err(it) if it.kind() == ErrorKind::BrokenPipe => Err(place::gone()),
            other => other.map_err(refused),
        };
    }
    let target = match &place {
        Place::File(it) => it,
        Place::Stream(_) | Place::Stdout => path,
    };
    fs::create_dir_all(place::folder(target)).map_err(refused)?;
    let mut file = TemporaryFile::within(place::folder(target)).map_err(refused)?;
    match (fs::metadata(target), readers) {
        (Ok(known), _) => file.file().set_permissions(known.permissions()).map_err(refused)?,
        (Err(_), Readers::Usual) => open_to_others(file.file()).map_err(refused)?,
        (Err(_), Readers::Owner) => {}
    }
    file.file_mut().write_all(bytes).map_err(refused)?;
    file.persist(target).map_err(refused)
}

/// Gives a file the permissions that the system gives to new ones.
#[cfg(unix)]
fn open_to_others(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o666 & !umask()))
}

#[cfg(not(unix))]
fn open_to_others(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}

/// What the user wants no new file to allow. It can be asked for only by setting it: where it is
/// not told otherwise, the usual one is taken.
#[cfg(unix)]
fn umask() -> u32 {
    let told = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = told.lines().find_map(|it| it.strip_prefix("Umask:"));
    line.and_then(|it| u32::from_str_radix(it.trim(), 8).ok()).unwrap_or(0o022)
}
