//! Files that appear whole or not at all.

use std::fs::File;
use std::io::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Writes a new file, for its owner alone, and waits until the disk has it.
///
/// Errors: a disk that refuses.
pub fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let (mut file, _) = Stepped::new(options.open(path)?);
    file.write_all(bytes)?;
    sync(&file.file)
}

/// Waits until the disk has a file, or the names in a folder.
///
/// Errors: a disk that refuses.
pub fn sync(file: &File) -> std::io::Result<()> {
    step();
    file.sync_all()
}

/// Waits until the disk has the names in a folder.
///
/// Errors: a disk that refuses.
pub fn sync_folder(folder: &Path) -> std::io::Result<()> {
    // Elsewhere folders cannot be opened, nor need they be.
    if cfg!(unix) { sync(&File::open(folder)?) } else { Ok(()) }
}

/// A file whose writes are steps, and which remembers why one was refused: writers of formats make
/// words of it.
pub struct Stepped {
    file: File,
    fault: Fault,
}

/// Why a write was refused, if one was.
#[derive(Debug, Clone, Default)]
pub struct Fault(Arc<Mutex<Option<Error>>>);

impl Fault {
    pub fn take(&self) -> Error {
        let told = self.0.lock().ok().and_then(|mut it| it.take());
        told.unwrap_or_else(|| Error::other("it does not take what is written"))
    }

    fn keep(&self, error: &Error) {
        let copy = match error.raw_os_error() {
            Some(number) => Error::from_raw_os_error(number),
            None => error.kind().into(),
        };
        if let Ok(mut it) = self.0.lock() {
            it.get_or_insert(copy);
        }
    }
}

impl Stepped {
    pub fn new(file: File) -> (Stepped, Fault) {
        let fault = Fault::default();
        (Stepped { file, fault: fault.clone() }, fault)
    }
}

impl Write for Stepped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if is_last_step() {
            // As a power cut would leave it.
            self.file.write_all(&bytes[..bytes.len() / 2]).ok();
            std::process::abort();
        }
        let written = self.file.write(bytes);
        written.inspect_err(|it| self.fault.keep(it))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Before each write, sync, rename and removal of an output. With `TAMIS_FAULT_AT=n` the process
/// dies at the n-th one: the tests show that no step leaves half of anything.
pub fn step() {
    if is_last_step() {
        std::process::abort();
    }
}

static STEPS: AtomicU64 = AtomicU64::new(0);
static FAULT_AT: OnceLock<Option<u64>> = OnceLock::new();

fn is_last_step() -> bool {
    let asked = || std::env::var("TAMIS_FAULT_AT").ok().and_then(|it| it.parse().ok());
    let Some(last) = *FAULT_AT.get_or_init(asked) else { return false };
    STEPS.fetch_add(1, Ordering::SeqCst) + 1 == last
}
