//! The files that a project is read from, and what each was when it was read.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::data::manifest::Manifest;
use crate::disk;
use crate::disk::Stamp;
use crate::project::bounds::locate;
use crate::source::Sources;
use crate::syntax::ast;
use crate::trouble::Trouble;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `tamis.toml`
    Project,
    Rules,
    Schema,
    List,
    Nomenclature,
    Group,
    Data,
    /// Data that only past rows come from.
    History,
}

impl Kind {
    pub fn words(self) -> &'static str {
        match self {
            Kind::Project => "project",
            Kind::Rules => "rules",
            Kind::Schema => "schema",
            Kind::List => "list",
            Kind::Nomenclature => "nomenclature",
            Kind::Group => "group",
            Kind::Data => "data",
            Kind::History => "history",
        }
    }
}

/// A file, seen before it was read: whether it was the same afterwards can be told.
#[derive(Debug, Clone)]
pub struct Consulted {
    pub kind: Kind,
    pub path: PathBuf,
    stamp: Option<Stamp>,
}

impl Consulted {
    pub fn now(kind: Kind, path: &Path) -> Consulted {
        Consulted { kind, path: path.to_path_buf(), stamp: disk::stamp(path) }
    }

    pub fn stamp(&self) -> Option<&Stamp> {
        self.stamp.as_ref()
    }

    /// Errors: the file is no longer as it was.
    pub fn unchanged(&self) -> Result<(), Trouble> {
        if self.is_unchanged() {
            return Ok(());
        }
        Err(Trouble::data(format!("{}: was changed during the run", self.path.display()))
            .help("run again when it is complete"))
    }

    fn is_unchanged(&self) -> bool {
        self.stamp.is_some() && self.stamp == disk::stamp(&self.path)
    }
}

/// The lists, nomenclatures and groups that files and `tamis.toml` name.
pub fn tables(
    files: &[ast::File],
    manifest: Option<&Manifest>,
    root: &Path,
    sources: &Sources,
) -> Vec<Consulted> {
    let blocks = files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken);
    let named = blocks.filter_map(|block| match &block.head {
        ast::Head::List { file: Some(file), .. } => Some((Kind::List, file)),
        ast::Head::Codes { file: Some(file), .. } => Some((Kind::Nomenclature, file)),
        ast::Head::Group { file: Some(file), .. } => Some((Kind::Group, file)),
        _ => None,
    });
    let mut res: Vec<Consulted> =
        named.map(|(kind, file)| Consulted::now(kind, &locate(file, root, sources))).collect();
    let entries = manifest.iter().flat_map(|it| &it.lists);
    res.extend(entries.map(|it| Consulted::now(Kind::List, &root.join(&it.path.text))));
    res
}
