//! Files that appear whole or not at all.

use std::fs;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tempfile::NamedTempFile;

/// A file under another name, to be renamed when it is whole: with the permissions of any new
/// file, not the private ones of a temporary one.
///
/// Errors: a folder that cannot be written.
pub fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tamis-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Writes a new file and waits until the disk has it.
///
/// Errors: a disk that refuses.
pub fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = Stepped(File::create_new(path)?);
    file.write_all(bytes)?;
    sync(&file.0)
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

/// A file whose writes are steps.
pub struct Stepped(pub File);

impl Write for Stepped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if is_last_step() {
            // As a power cut would leave it.
            self.0.write_all(&bytes[..bytes.len() / 2]).ok();
            std::process::abort();
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
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
