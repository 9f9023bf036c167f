//! The files that a project is read from, and what each was when it was read.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;

use crate::data::manifest::Manifest;
use crate::source::Sources;
use crate::syntax::ast;

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
    stamp: Option<(u64, SystemTime)>,
}

impl Consulted {
    pub fn now(kind: Kind, path: &Path) -> Consulted {
        Consulted { kind, path: path.to_path_buf(), stamp: stamp(path) }
    }

    /// Whether the file is as it was.
    pub fn is_unchanged(&self) -> bool {
        self.stamp == stamp(&self.path)
    }
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
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
    let mut res: Vec<Consulted> = named
        .map(|(kind, file)| Consulted::now(kind, &super::locate(file, root, sources)))
        .collect();
    let entries = manifest.iter().flat_map(|it| &it.lists);
    res.extend(entries.map(|it| Consulted::now(Kind::List, &root.join(&it.path))));
    res
}
