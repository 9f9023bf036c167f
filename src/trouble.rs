//! What can go wrong in the world: files, disks, data, the engine. Rules have diagnostics instead.

use std::fmt;

/// How the command ends. `tamis help exit-codes` prints the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    Ok = 0,
    /// Errors in rules, unformatted files, runs that are not as recorded.
    Findings = 1,
    /// A wrong flag, a missing file, a configuration or schema that cannot be read.
    Usage = 2,
    /// Data that does not fit the schema, a corrupted file, too many rejected rows.
    Data = 3,
    /// Memory, disk, a folder that another run writes.
    Resource = 4,
    /// A fault of tamis itself.
    Bug = 101,
}

/// One thing that stops a command: what, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub exit: Exit,
    /// File and place first, then what is wrong. Never the content of a row.
    pub message: String,
    pub help: Option<String>,
}

impl Trouble {
    pub fn usage(message: impl Into<String>) -> Trouble {
        Trouble { exit: Exit::Usage, message: message.into(), help: None }
    }

    pub fn data(message: impl Into<String>) -> Trouble {
        Trouble { exit: Exit::Data, message: message.into(), help: None }
    }

    pub fn resource(message: impl Into<String>) -> Trouble {
        Trouble { exit: Exit::Resource, message: message.into(), help: None }
    }

    pub fn bug(message: impl Into<String>) -> Trouble {
        Trouble { exit: Exit::Bug, message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Trouble {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Trouble {}
