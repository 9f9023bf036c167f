//! `tamis.toml`: where rules, schema, lists and data sets are.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

use crate::diagnostic::did_you_mean;
use crate::disk;
use crate::trouble::Trouble;

#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// `tamis.toml`, or what stands in its place.
    pub path: PathBuf,
    /// The folder of `tamis.toml`: paths start there.
    pub root: PathBuf,
    pub rules: Vec<String>,
    pub exclude: Vec<String>,
    /// Folders outside of the project that rules, schema and lists may stand in.
    pub folders: Vec<String>,
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
    /// Of a record: the column of lists, in the rows of the record around it, that holds its rows.
    pub within: Option<String>,
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
    #[serde(default)]
    folders: Vec<String>,
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
///
/// Errors, with their line: a key that is not known, a value of another type, a record without
/// rows.
fn data_set(text: &str, name: &str, table: toml::Table) -> Result<DataSet, (usize, String)> {
    let is_record = |it: &(String, toml::Value)| it.1.is_table() && !TABLES.contains(&&*it.0);
    let (records, own): (Vec<_>, Vec<_>) = table.into_iter().partition(is_record);
    let own: toml::Table = own.into_iter().collect();
    let mut set: DataSet =
        own.try_into().map_err(|it: toml::de::Error| refused(text, name, it.message()))?;
    for (record, table) in records {
        let toml::Value::Table(table) = table else { continue };
        let path = format!("{name}.{record}");
        let of_record = data_set(text, &path, table)?;
        let wrong = match (of_record.path.all().is_empty(), &of_record.within) {
            (true, None) => {
                let near = did_you_mean(&record, TABLES);
                let near = near.map(|it| format!("; {it}")).unwrap_or_default();
                Some(format!("a record needs `path` or `within`{near}"))
            }
            (false, Some(_)) => Some(
                "the rows are either in files of their own, by `path`, or \
                                      in lists, by `within`"
                    .to_owned(),
            ),
            (true, Some(_)) | (false, None) => None,
        };
        if let Some(it) = wrong {
            return Err((line_of(text, &path, None), format!("[data.{path}]: {it}")));
        }
        set.records.insert(record, of_record);
    }
    Ok(set)
}

/// What is wrong in a table of a data set, and where. A key that is not known may be a slip.
fn refused(text: &str, name: &str, message: &str) -> (usize, String) {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(key) = quoted.next().filter(|_| message.starts_with("unknown field")) else {
        return (line_of(text, name, None), format!("[data.{name}]: {message}"));
    };
    let known: Vec<&str> = quoted.collect();
    let help = did_you_mean(key, known.iter().copied())
        .unwrap_or_else(|| format!("its keys are {}", known.join(", ")));
    (line_of(text, name, Some(key)), format!("[data.{name}] has no key `{key}`; {help}"))
}

/// The line of a key in `[data.NAME]`, or of that head; the first line where neither is found.
fn line_of(text: &str, name: &str, key: Option<&str>) -> usize {
    let bare = |it: &str| it.replace(['"', '\'', ' '], "");
    let wanted = format!("data.{name}");
    let mut head = String::new();
    let mut found = 1;
    for (at, line) in text.lines().enumerate() {
        if let Some(it) = line.trim().strip_prefix('[') {
            head = bare(it.split(']').next().unwrap_or_default());
            let of_key = key.is_some_and(|key| head == format!("{wanted}.{key}"));
            if of_key {
                return at + 1;
            }
            if head == wanted {
                found = at + 1;
            }
        } else if head == wanted
            && key.is_some_and(|key| line.split_once('=').is_some_and(|it| bare(it.0) == key))
        {
            return at + 1;
        }
    }
    found
}

/// Errors: the file cannot be read, is not TOML, or has a key that is not known.
pub fn load(path: &Path) -> Result<Manifest, Trouble> {
    let shown = path.display();
    let refused = |reason: String| {
        Trouble::usage(format!("{shown}: cannot be read: {reason}")).help("name another file")
    };
    let bytes = disk::read(path, disk::MOST_TEXT).map_err(|it| refused(disk::reason(&it)))?;
    let text = String::from_utf8(bytes).map_err(|_| refused("it is not UTF-8 text".to_owned()))?;
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
        let set = data_set(&text, &name, table)
            .map_err(|(line, it)| Trouble::usage(format!("{shown}:{line}: {it}")))?;
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
        folders: file.project.folders,
        schema: file.schema.values().flat_map(OneOrMany::all).collect(),
        data,
        lists: lists.collect(),
        run: file.run,
    })
}
