//! Who runs, where, and when: facts of a run, never part of what it finds.

use std::fs;

use jiff::Timestamp;
use jiff::Unit;

/// As the system knows who runs this; what the environment says is for where it does not.
pub fn user() -> String {
    let named = || ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(given);
    account().or_else(named).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(target_os = "linux")]
fn account() -> Option<String> {
    use std::os::linux::fs::MetadataExt;
    let id = fs::metadata("/proc/self").ok()?.st_uid().to_string();
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let mut accounts = accounts.lines().map(|it| it.split(':'));
    accounts.find_map(|mut it| {
        let name = it.next()?;
        (it.nth(1)? == id).then(|| name.to_owned())
    })
}

#[cfg(not(target_os = "linux"))]
fn account() -> Option<String> {
    None
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

/// How every [`holder`] begins.
pub const HOLDER: &str = "a run of ";

/// What another process is told that wants to write in the same place.
pub fn holder() -> String {
    let process = std::process::id();
    format!("{HOLDER}{} on {}, process {process}, since {},", user(), host(), now())
}
