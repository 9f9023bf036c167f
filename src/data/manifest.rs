//! `tamis.toml`: where rules, schema, lists and data sets are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

use crate::trouble::Trouble;

#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// `tamis.toml`, or what stands in its place.
    pub path: PathBuf,
    /// The folder of `tamis.toml`: paths start there.
    pub root: PathBuf,
    pub rules: Vec<String>,
    pub exclude: Vec<String>,
    pub schema: Vec<String>,
    pub data: BTreeMap<String, DataSet>,
    pub lists: Vec<ListEntry>,
    pub run: RunOptions,
}

/// `[lists]` entries: one column of a file.
#[derive(Debug, Clone)]
pub struct ListEntry {
    pub name: String,
    pub path: String,
    pub sheet: Option<String>,
    pub column: String,
    pub ty: String,
}

/// `[data.NAME]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataSet {
    /// Files or patterns.
    #[serde(default)]
    pub path: OneOrMany,
    pub format: Option<String>,
    pub key: Option<String>,
    pub time: Option<String>,
    pub label: Option<String>,
    /// Foreign column name to field.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    pub separator: Option<String>,
    /// Of text that is not UTF-8: `windows-1252`, `utf-16le` …
    pub encoding: Option<String>,
    /// The sign before decimals, when it is not a point.
    pub decimal: Option<String>,
    /// Words that mean *missing*, besides blank.
    #[serde(default)]
    pub nulls: Vec<String>,
    /// `strftime` formats of date columns, by field.
    #[serde(default)]
    pub dates: BTreeMap<String, String>,
    /// Percentages written as ratios: 0.08 for 8 %.
    #[serde(default)]
    pub ratios: Vec<String>,
    /// Fields whose column may be absent from a file.
    #[serde(default)]
    pub optional: Vec<String>,
    /// `[data.NAME.item]`: records in files of their own.
    #[serde(skip)]
    pub records: BTreeMap<String, DataSet>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn all(&self) -> Vec<String> {
        match self {
            OneOrMany::None => Vec::new(),
            OneOrMany::One(it) => vec![it.clone()],
            OneOrMany::Many(all) => all.clone(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunOptions {
    pub memory_limit: Option<String>,
    pub threads: Option<usize>,
    pub out: Option<String>,
    pub batch_size: Option<usize>,
    pub max_rejected: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    project: Project,
    #[serde(default)]
    schema: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    data: BTreeMap<String, toml::Table>,
    #[serde(default)]
    lists: BTreeMap<String, ListFile>,
    #[serde(default)]
    run: RunOptions,
    // Sections of later versions.
    #[serde(default, rename = "baseline")]
    _baseline: toml::Table,
    #[serde(default, rename = "lint")]
    _lint: toml::Table,
    #[serde(default, rename = "backtest")]
    _backtest: toml::Table,
    #[serde(default, rename = "cluster")]
    _cluster: toml::Table,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Project {
    #[serde(default, rename = "name")]
    _name: String,
    #[serde(default, rename = "edition")]
    _edition: String,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFile {
    path: String,
    sheet: Option<String>,
    column: String,
    #[serde(default, rename = "type")]
    ty: String,
}

/// The nearest `tamis.toml`, in `from` or above it.
pub fn discover(from: &Path) -> Option<PathBuf> {
    // Kept as the user wrote it where it is at hand, so that messages name short paths.
    if from.join("tamis.toml").is_file() {
        return Some(from.join("tamis.toml"));
    }
    let from = from.canonicalize().ok()?;
    from.ancestors().map(|it| it.join("tamis.toml")).find(|it| it.is_file())
}

/// Tables of a data set that are not of a record.
const TABLES: [&str; 2] = ["columns", "dates"];

/// A data set, and those of its records.
fn data_set(name: &str, table: toml::Table) -> Result<DataSet, String> {
    let is_record = |it: &(String, toml::Value)| it.1.is_table() && !TABLES.contains(&&*it.0);
    let (records, own): (Vec<_>, Vec<_>) = table.into_iter().partition(is_record);
    let own: toml::Table = own.into_iter().collect();
    let mut set: DataSet =
        own.try_into().map_err(|it: toml::de::Error| format!("[data.{name}]: {}", it.message()))?;
    for (record, table) in records {
        let toml::Value::Table(table) = table else { continue };
        let of_record = data_set(&format!("{name}.{record}"), table)?;
        set.records.insert(record, of_record);
    }
    Ok(set)
}

/// Errors: the file cannot be read, is not TOML, or has a key that is not known.
pub fn load(path: &Path) -> Result<Manifest, Trouble> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|_| {
        Trouble::usage(format!("{shown}: cannot be read")).help("name another file")
    })?;
    let file: File = toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |it| 1 + text.get(..it.start).unwrap_or_default().matches('\n').count());
        Trouble::usage(format!("{shown}:{line}: {}", error.message()))
    })?;
    let lists = file.lists.into_iter().map(|(name, it)| ListEntry {
        name,
        path: it.path,
        sheet: it.sheet,
        column: it.column,
        ty: it.ty,
    });
    let mut data = BTreeMap::new();
    for (name, table) in file.data {
        let set = data_set(&name, table).map_err(|it| Trouble::usage(format!("{shown}: {it}")))?;
        data.insert(name, set);
    }
    let rules = if file.project.rules.is_empty() {
        vec!["rules/**/*.tamis".to_owned()]
    } else {
        file.project.rules
    };
    Ok(Manifest {
        path: path.to_path_buf(),
        root: path.parent().map(Path::to_path_buf).unwrap_or_default(),
        rules,
        exclude: file.project.exclude,
        schema: file.schema.values().flat_map(OneOrMany::all).collect(),
        data,
        lists: lists.collect(),
        run: file.run,
    })
}
