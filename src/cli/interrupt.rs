//! Ctrl-C and its like: what was begun is taken away, and said so.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGQUIT;
use signal_hook::consts::SIGTERM;
use signal_hook::consts::SIGXCPU;
use signal_hook::consts::SIGXFSZ;
use signal_hook::iterator::Signals;

use crate::cli::output;
use crate::disk::temporary;

/// Begins to wait for signals that end the process. Its exit code is then 128 and the signal's.
pub fn watch() {
    // A file that may not grow further is an error of the write: nobody needs the signal.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).ok();
    let mut wanted = vec![SIGINT, SIGTERM, SIGQUIT, SIGXCPU];
    // `nohup` asks for this one to be ignored.
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let Ok(mut signals) = Signals::new(wanted) else { return };
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            let written = temporary::end();
            output::error(&words(signal, &written));
            std::process::exit(128 + signal);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).ok();
}

fn words(signal: i32, written: &[PathBuf]) -> String {
    let name = match signal {
        SIGINT => "SIGINT",
        SIGTERM => "SIGTERM",
        SIGQUIT => "SIGQUIT",
        SIGXCPU => "SIGXCPU",
        _ => "SIGHUP",
    };
    let kept: Vec<String> = written.iter().map(|it| it.display().to_string()).collect();
    match kept.as_slice() {
        [] => format!("interrupted ({name}): no output was written, nothing is left behind"),
        all => format!("interrupted ({name}): written before that: {}", all.join(", ")),
    }
}

/// Whether whoever started the process had a signal ignored, where the system tells.
fn is_ignored(signal: i32) -> bool {
    let told = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = told.lines().find_map(|it| it.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|it| u64::from_str_radix(it.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
