//! Who runs, where, and when: facts of a run, never part of what it finds.

use std::fs;

use jiff::Timestamp;
use jiff::Unit;

pub fn user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(given);
    named.unwrap_or_else(|| "unknown".to_owned())
}

pub fn host() -> String {
    let told = ["/proc/sys/kernel/hostname", "/etc/hostname"].into_iter().find_map(|it| {
        let text = fs::read_to_string(it).ok()?;
        Some(text.trim().to_owned()).filter(|it| !it.is_empty())
    });
    told.or_else(|| ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(given))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.is_empty())
}

/// In UTC, to the second.
pub fn now() -> String {
    let now = Timestamp::now();
    now.round(Unit::Second).unwrap_or(now).to_string()
}

/// What another process is told that wants to write in the same place.
pub fn holder() -> String {
    let process = std::process::id();
    format!("a run of {} on {}, process {process}, since {},", user(), host(), now())
}
