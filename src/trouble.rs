//! What can go wrong in the world: files, disks, data, the engine. Rules have diagnostics instead.

use std::fmt;

use crate::shown::shown;

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
    /// One line: file and place first, then what is wrong.
    pub message: String,
    /// What belongs to it, a line each: one fault after the other.
    pub details: Vec<String>,
    pub help: Option<String>,
}

/// Names, arguments and cells in the words come from outside: all of them are fit for display.
impl Trouble {
    fn new(exit: Exit, message: impl Into<String>) -> Trouble {
        let message = shown(&message.into()).into_owned();
        Trouble { exit, message, details: Vec::new(), help: None }
    }

    pub fn usage(message: impl Into<String>) -> Trouble {
        Trouble::new(Exit::Usage, message)
    }

    pub fn data(message: impl Into<String>) -> Trouble {
        Trouble::new(Exit::Data, message)
    }

    pub fn resource(message: impl Into<String>) -> Trouble {
        Trouble::new(Exit::Resource, message)
    }

    pub fn bug(message: impl Into<String>) -> Trouble {
        Trouble::new(Exit::Bug, message)
    }

    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Trouble {
        self.details.extend(lines.into_iter().map(|it| shown(&it).into_owned()));
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Trouble {
        self.help = Some(shown(&help.into()).into_owned());
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.details.iter().try_for_each(|it| write!(f, "\n  {it}"))?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Trouble {}
