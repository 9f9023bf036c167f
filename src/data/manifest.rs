//! `tamis.toml`: where rules, schema, lists and data sets are.

mod lint;
mod read;
mod table;
mod value;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::data::file;
use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::disk;
use crate::source::FileId;
use crate::source::SourceFile;
use crate::source::Sources;
use crate::source::Span;
use crate::trouble::Trouble;

pub use lint::Lint;

/// What `tamis.toml` says, with the places where it says it.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// `tamis.toml`, or what stands in its place.
    pub path: PathBuf,
    /// The folder of `tamis.toml`: paths start there.
    pub root: PathBuf,
    pub file: FileId,
    /// Whether the text is no TOML: then nothing else is known.
    pub broken: bool,
    /// Patterns.
    pub rules: Vec<Placed>,
    pub exclude: Vec<Placed>,
    /// Folders outside of the project that rules, schema and lists may stand in.
    pub folders: Vec<Placed>,
    pub schema: Vec<Placed>,
    pub data: BTreeMap<String, DataSet>,
    pub lists: Vec<ListEntry>,
    pub lint: Lint,
    pub run: RunOptions,
}

impl Manifest {
    /// The begin of the file.
    pub fn file_span(&self) -> Span {
        Span::file(self.file)
    }
}

/// A text, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub text: String,
    pub span: Span,
}

/// `[lists]` entries: one column of a file.
#[derive(Debug, Clone)]
pub struct ListEntry {
    pub name: Placed,
    pub path: Placed,
    pub sheet: Option<Placed>,
    pub column: Placed,
    pub ty: Option<Placed>,
    /// No message tells what it holds.
    pub personal: bool,
}

/// `[data.NAME]`
#[derive(Debug, Clone, Default)]
pub struct DataSet {
    /// Files or patterns.
    pub path: Vec<Placed>,
    /// Of a record: the column of lists, in the rows of the record around it, that holds its rows.
    pub within: Option<String>,
    pub format: Option<String>,
    pub key: Option<String>,
    pub time: Option<String>,
    pub label: Option<String>,
    /// Foreign column name to field.
    pub columns: BTreeMap<String, String>,
    pub separator: Option<String>,
    /// Of text that is not UTF-8: `windows-1252`, `utf-16le` …
    pub encoding: Option<String>,
    /// The sign before decimals, when it is not a point.
    pub decimal: Option<String>,
    /// Words that mean *missing*, besides blank.
    pub nulls: Vec<String>,
    /// `strftime` formats of date columns, by field.
    pub dates: BTreeMap<String, String>,
    /// Percentages written as ratios: 0.08 for 8 %.
    pub ratios: Vec<String>,
    /// Fields whose column may be absent from a file.
    pub optional: Vec<String>,
    /// `[data.NAME.item]`: records in files of their own.
    pub records: BTreeMap<String, DataSet>,
    /// Whether these are all the files of the data set: a column that `columns` names is then in
    /// one of them at least.
    pub whole: bool,
    /// Files that another data set says how to read, where several are read as one.
    pub otherwise: BTreeMap<PathBuf, Arc<DataSet>>,
    pub places: Places,
}

impl DataSet {
    /// How a file is read.
    pub fn of(&self, file: &Path) -> &DataSet {
        self.otherwise.get(file).map_or(self, |it| it)
    }

    /// Whether files are read alike, whichever of the two they belong to.
    pub fn is_read_as(&self, other: &DataSet) -> bool {
        let of_text = |it: &DataSet| {
            (it.separator.clone(), it.encoding.clone(), it.decimal.clone(), it.nulls.clone())
        };
        self.format == other.format
            && self.columns == other.columns
            && self.dates == other.dates
            && self.ratios == other.ratios
            && self.optional == other.optional
            && of_text(self) == of_text(other)
    }
}

/// Where the table of a data set, its keys and what they name stand.
#[derive(Debug, Clone, Default)]
pub struct Places {
    table: Option<Span>,
    /// By key and entry; the entry is blank for the key itself.
    of: BTreeMap<(&'static str, String), Span>,
}

impl Places {
    /// The head of the table.
    pub fn table(&self) -> Option<Span> {
        self.table
    }

    /// A key, or an entry of what it says.
    pub fn of(&self, key: &'static str, entry: &str) -> Option<Span> {
        self.of.get(&(key, entry.to_owned())).copied().or(self.table)
    }
}

#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    pub memory_limit: Option<String>,
    pub threads: Option<usize>,
    pub out: Option<String>,
    pub batch_size: Option<usize>,
    pub max_rejected: Option<String>,
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

/// Reads `tamis.toml` as a file of `sources`; what is wrong with it goes to `diagnostics`.
///
/// Errors: the file cannot be opened.
pub fn load(
    path: &Path,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Manifest, Trouble> {
    let shown = path.to_string_lossy().replace('\\', "/");
    let shown = shown.strip_prefix("./").unwrap_or(&shown).to_owned();
    let bytes = disk::read(path, disk::MOST_TEXT).map_err(|it| {
        Trouble::usage(format!("{shown}: cannot be read: {}", disk::reason(&it)))
            .help("name another file")
    })?;
    let text = String::from_utf8(bytes);
    let file = sources.add(SourceFile::verbatim(shown, text.as_deref().unwrap_or_default()));
    let root = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let empty = Manifest {
        path: path.to_path_buf(),
        root,
        file,
        broken: true,
        rules: Vec::new(),
        exclude: Vec::new(),
        folders: Vec::new(),
        schema: Vec::new(),
        data: BTreeMap::new(),
        lists: Vec::new(),
        lint: Lint::default(),
        run: RunOptions::default(),
    };
    if text.is_err() {
        let it = Diagnostic::new(Code::T9101, Span::file(file), "the file is not UTF-8 text");
        diagnostics.push(it.help("store it as UTF-8"));
        return Ok(empty);
    }
    Ok(read::read(&sources.get(file).text, empty, diagnostics))
}

/// Formats by the words that `format` and endings of files may be.
pub fn formats() -> impl Iterator<Item = &'static str> {
    file::FORMATS.iter().map(|it| it.0)
}
