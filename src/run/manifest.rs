//! `manifest.json` of a run: what it read, by which rules, and what it wrote, by SHA-256; apart
//! from that, who did it, when and how.
//!
//! `run` is the same for the same rules and data, whoever runs them, wherever and with how many
//! threads; `run_id` is its hash. `manifest.sha256` covers the rest.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::disk;
use crate::project::consulted::Kind;
use crate::run::digest;
use crate::run::digest::Content;
use crate::trouble::Trouble;

pub const FILE: &str = "manifest.json";
/// As `sha256sum manifest.json` writes it.
pub const CHECKSUM: &str = "manifest.sha256";
pub const SCHEMA: &str = "tamis.manifest/1";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub schema: String,
    pub run_id: String,
    pub run: Run,
    pub facts: Facts,
}

/// The same for the same rules and data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    pub versions: Versions,
    /// The hash of `files`: a line `HASH  PATH` each, as `sha256sum` writes them.
    pub rule_set: String,
    /// Rules, schema, lists, nomenclatures, groups, `tamis.toml`.
    pub files: Vec<Input>,
    pub data: Vec<Input>,
    pub options: Options,
    /// The key of each draw of the policy; of a secret one a slow hash.
    pub draws: Vec<String>,
    pub rows: Rows,
    pub rules: Vec<Rule>,
    pub outputs: Vec<Output>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    pub tamis: String,
    pub arrow: String,
    pub datafusion: String,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub kind: Kind,
    /// From the folder of the project.
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

/// What can change a result. Paths start at the folder of the project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// `tamis.toml`, or what stood in its place.
    pub config: Option<String>,
    /// `--schema`
    pub schema: Option<String>,
    /// `--rules`
    pub rules: Vec<String>,
    /// A data set, or files.
    pub data: Vec<String>,
    pub history: Vec<String>,
    /// `--rule`
    pub rule: Vec<String>,
    pub limit: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    pub read: u64,
    pub accepted: u64,
    pub rejected: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    pub hits: u64,
    pub undecided: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

/// Of this run alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub user: String,
    pub host: String,
    /// `--purpose`
    pub purpose: Option<String>,
    /// UTC.
    pub started: String,
    pub ended: String,
    pub milliseconds: u64,
    pub command: Vec<String>,
    /// The folder of the project.
    pub folder: String,
    pub engine: String,
    pub threads: u64,
    pub batch_size: u64,
    pub memory_limit: Option<u64>,
    /// In millionths of the rows.
    pub max_rejected: u64,
}

impl Manifest {
    pub fn new(run: Run, facts: Facts) -> Result<Manifest, Trouble> {
        Ok(Manifest { schema: SCHEMA.to_owned(), run_id: run.id()?, run, facts })
    }

    pub fn text(&self) -> Result<String, Trouble> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|_| Trouble::bug("a manifest cannot be written"))?;
        Ok(text + "\n")
    }

    /// The files of the run.
    pub fn names(&self) -> Vec<String> {
        let outputs = self.run.outputs.iter().map(|it| it.path.clone());
        outputs.chain([FILE.to_owned(), CHECKSUM.to_owned()]).collect()
    }
}

impl Run {
    /// Errors: none but a fault of ours.
    pub fn id(&self) -> Result<String, Trouble> {
        let text = serde_json::to_string(self)
            .map_err(|_| Trouble::bug("a manifest cannot be written"))?;
        Ok(digest::of_bytes(text.as_bytes()))
    }
}

impl Input {
    pub fn new(kind: Kind, path: String, content: Content) -> Input {
        Input { kind, path, bytes: content.bytes, sha256: content.sha256 }
    }
}

/// One hash of many files.
pub fn rule_set(files: &[Input]) -> String {
    let lines: String = files.iter().map(|it| format!("{}  {}\n", it.sha256, it.path)).collect();
    digest::of_bytes(lines.as_bytes())
}

/// What `manifest.sha256` says.
pub fn checksum(text: &[u8]) -> String {
    format!("{}  {FILE}\n", digest::of_bytes(text))
}

/// The manifest of the run in a folder.
///
/// Errors: no run, or one whose manifest cannot be read.
pub fn read(folder: &Path) -> Result<Manifest, Trouble> {
    let path = folder.join(FILE);
    let shown = path.display();
    let text = disk::read(&path, disk::MOST_TABLE).map_err(|it| {
        Trouble::data(format!("{shown}: cannot be read: {}", disk::reason(&it)))
            .help("name the folder of a run: what `tamis run --out FOLDER` wrote")
    })?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|it| {
        let place = format!("{shown}:{}:{}", it.line(), it.column());
        Trouble::data(format!("{place}: this is not the manifest of a run, or it is damaged"))
    })?;
    if manifest.schema != SCHEMA {
        return Err(Trouble::data(format!("{shown}: this manifest is not `{SCHEMA}`"))
            .help("use the version of tamis that wrote it"));
    }
    Ok(manifest)
}

/// A path as seen from a folder, with `/`; both with their links followed.
pub fn relative(folder: &Path, path: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let shared = folder.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return slashed(&path);
    }
    let up = folder.components().skip(shared).map(|_| "..".as_ref());
    let down = path.components().skip(shared).map(|it| it.as_os_str());
    slashed(&up.chain(down).collect::<PathBuf>())
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
