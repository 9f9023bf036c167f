//! SHA-256 of files, as `sha256sum` prints it; many files at once.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use sha2::Digest;
use sha2::Sha256;

use crate::disk;

/// What a file holds, told shortly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub bytes: u64,
    pub sha256: String,
}

pub fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

/// Errors: a file that cannot be read; `stop`, once it is set.
pub fn of_file(path: &Path, stop: &AtomicBool) -> std::io::Result<Content> {
    let mut file = disk::open(path)?;
    let mut state = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                bytes += read as u64;
                state.update(&buffer[..read]);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Content { bytes, sha256: hexadecimal(&state.finalize()) })
}

/// Of each file, in their order, by this many threads.
pub fn of_files(
    paths: &[PathBuf],
    threads: usize,
    stop: &AtomicBool,
) -> Vec<std::io::Result<Content>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(at) else { return done };
            done.push((at, of_file(path, stop)));
        }
    };
    let mut all: BTreeMap<usize, std::io::Result<Content>> = std::thread::scope(|scope| {
        let count = threads.clamp(1, paths.len().max(1));
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|it| it.join().unwrap_or_default()).collect()
    });
    // Whatever became of a thread, no file is passed over.
    let lost = || Err(std::io::ErrorKind::Other.into());
    (0..paths.len()).map(|at| all.remove(&at).unwrap_or_else(lost)).collect()
}
