//! A project on disk: `tamis.toml`, schema, rules and lists, read and lowered together.

pub mod bounds;
mod config;
pub mod consulted;
mod lists;
pub mod typed;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::data::cell::Reading;
use crate::data::manifest;
use crate::data::manifest::Manifest;
use crate::data::nomenclature;
use crate::data::walk;
use crate::data::walk::Refusal;
use crate::diagnostic;
use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::disk;
use crate::disk::reason;
use crate::ir;
use crate::ir::from_schema;
use crate::ir::from_schema::Parts;
use crate::ir::from_schema::Wanted;
use crate::ir::from_schema::WantedKind;
use crate::ir::lower;
use crate::project::bounds::Bounds;
use crate::project::bounds::locate;
pub use crate::project::config::data::LOOKED_AT;
pub use crate::project::config::data::Remark;
use crate::project::consulted::Consulted;
use crate::project::consulted::Kind;
use crate::schema::Schema;
use crate::schema::Type;
use crate::source::FileId;
use crate::source::SourceFile;
use crate::source::Sources;
use crate::source::Span;
use crate::syntax;
use crate::syntax::ast;
use crate::trouble::Trouble;

/// What to load: everything from `tamis.toml` unless rules or a schema are named.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `--config`
    pub config: Option<PathBuf>,
    /// Files or folders; empty for those of the manifest.
    pub rules: Vec<PathBuf>,
    /// `--schema`
    pub schema: Option<PathBuf>,
    /// `-C`: where to look for `tamis.toml`.
    pub dir: PathBuf,
}

pub struct Project {
    pub sources: Sources,
    /// Sorted; suppressed ones left out.
    pub diagnostics: Vec<Diagnostic>,
    pub rule_set: ir::RuleSet,
    pub files: Vec<ast::File>,
    pub manifest: Option<Manifest>,
    /// Every file it was read from.
    pub consulted: Vec<Consulted>,
    /// Without a schema only the syntax is checked.
    pub schema_found: bool,
    /// Warnings that `[lint]` leaves out, and of which files; of all where none is named.
    ignored: Vec<(Code, Option<Vec<FileId>>)>,
}

impl Project {
    /// Every file it was read from.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.consulted.iter().map(|it| it.path.clone()).collect()
    }

    /// `tamis.toml`, as a file of the sources.
    pub fn config(&self) -> Option<FileId> {
        self.manifest.as_ref().map(|it| it.file)
    }

    /// What there is to say of data sets as far as they are at hand, without reading their rows.
    pub fn data_remarks(&self) -> Vec<Remark> {
        let manifest = self.manifest.iter().filter(|it| !it.broken);
        manifest.flat_map(|it| config::data::remarks(it, &self.rule_set)).collect()
    }

    /// A remark behind its file and place.
    pub fn placed(&self, it: &Remark) -> String {
        let file = &self.sources.get(it.span.file).path;
        format!("{file}:{}: {}", self.sources.place(it.span), it.text)
    }

    /// The `.tamis` files in the folder of `tamis.toml` that nothing in it names.
    pub fn unnamed(&self) -> Vec<PathBuf> {
        let manifest = self.manifest.iter().filter(|it| !it.broken);
        manifest.flat_map(|it| config::unnamed(self, it)).collect()
    }

    /// Whether `[lint]` leaves a warning out.
    pub fn ignores(&self, it: &Diagnostic) -> bool {
        let here = |files: &Option<Vec<FileId>>| {
            files.as_ref().is_none_or(|files| files.contains(&it.span().file))
        };
        !it.is_error() && self.ignored.iter().any(|(code, files)| *code == it.code && here(files))
    }
}

/// Reads and checks a project. Faults in `tamis.toml` and in rules are diagnostics of it.
///
/// Errors: a `tamis.toml` that is not there.
pub fn load(request: &Request) -> Result<Project, Trouble> {
    let mut reader = Reader::default();
    let manifest = find_manifest(request, &mut reader)?;
    let root = manifest.as_ref().map_or_else(|| request.dir.clone(), |it| it.root.clone());
    reader.bounds = Bounds::of(manifest.as_ref(), &root);
    // What the user names is read wherever it stands, and so is what stands beside it.
    for path in request.rules.iter().chain(&request.schema) {
        reader.bounds.add_beside(path);
    }
    let config = manifest.as_ref().map(|it| Consulted::now(Kind::Project, &it.path));
    reader.consulted.extend(config);
    for path in rule_paths(request, manifest.as_ref(), &root, &mut reader.diagnostics)? {
        reader.read(&path, Kind::Rules);
    }
    for path in schema_paths(request, manifest.as_ref(), &root, &mut reader.diagnostics)? {
        reader.read(&path, Kind::Schema);
    }
    let whole = request.rules.is_empty();
    let mut project = assemble(reader, manifest, &root);
    config::check(&mut project, whole, request.schema.is_some());
    Ok(project)
}

/// A project whose files are given as texts: lists and nomenclatures are looked for in `root`.
pub fn from_texts(files: &[(&str, &str)], root: &Path) -> Project {
    let mut reader = Reader { bounds: Bounds::of(None, root), ..Reader::default() };
    for (path, text) in files {
        reader.parse(path, text.as_bytes());
    }
    assemble(reader, None, root)
}

fn find_manifest(request: &Request, reader: &mut Reader) -> Result<Option<Manifest>, Trouble> {
    let from = request.rules.first().unwrap_or(&request.dir);
    let found = || manifest::discover(&request.dir).or_else(|| manifest::discover(from));
    match request.config.clone().or_else(found) {
        Some(path) => manifest::load(&path, &mut reader.sources, &mut reader.diagnostics).map(Some),
        None => Ok(None),
    }
}

#[derive(Default)]
struct Reader {
    sources: Sources,
    files: Vec<ast::File>,
    diagnostics: Vec<Diagnostic>,
    read: Vec<PathBuf>,
    consulted: Vec<Consulted>,
    bounds: Bounds,
}

impl Reader {
    fn read(&mut self, path: &Path, kind: Kind) {
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if self.read.contains(&canonical) {
            return;
        }
        self.read.push(canonical);
        self.consulted.push(Consulted::now(kind, path));
        let shown = path.to_string_lossy().replace('\\', "/");
        let shown = shown.strip_prefix("./").unwrap_or(&shown).to_owned();
        let bytes = disk::read(path, disk::MOST_TEXT);
        let bytes = bytes.map_err(|it| format!("`{shown}` cannot be read: {}", reason(&it)));
        let (refused, help) = match (self.bounds.check(path), bytes) {
            (Ok(()), Ok(bytes)) => return self.parse(&shown, &bytes),
            (Err(message), _) => (message, bounds::REMEDY),
            (Ok(()), Err(message)) => {
                (message, "name a file of rules, or a folder that holds some")
            }
        };
        let id = self.sources.add(SourceFile::new(shown, ""));
        let it = Diagnostic::new(Code::T1001, Span::file(id), refused).help(help);
        self.diagnostics.push(it);
    }

    fn parse(&mut self, shown: &str, bytes: &[u8]) {
        let (file, diagnostics) = syntax::read(shown, bytes, &mut self.sources);
        self.files.push(file);
        self.diagnostics.extend(diagnostics);
    }
}

/// The `.tamis` files of a folder and its folders, sorted; hidden ones left out.
///
/// Errors: a folder that cannot be read.
pub fn tamis_files(dir: &Path) -> Result<Vec<PathBuf>, Trouble> {
    walk::files(dir, &["tamis"]).map_err(Refusal::trouble)
}

fn rule_paths(
    request: &Request,
    manifest: Option<&Manifest>,
    root: &Path,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<PathBuf>, Trouble> {
    if !request.rules.is_empty() {
        let mut res = Vec::new();
        for path in &request.rules {
            let files = if path.is_dir() { tamis_files(path)? } else { Vec::new() };
            if files.is_empty() { res.push(path.clone()) } else { res.extend(files) }
        }
        return Ok(res);
    }
    let Some(manifest) = manifest else {
        let message = format!("no tamis.toml in `{}` or above it", request.dir.display());
        return Err(Trouble::usage(message)
            .help("name files of rules, or make a project with `tamis init`"));
    };
    let mut paths = Vec::new();
    for pattern in &manifest.rules {
        paths.extend(config::files(pattern, root, diagnostics));
    }
    let mut paths = walk::once(paths);
    for pattern in &manifest.exclude {
        let excluded = config::files(pattern, root, diagnostics);
        let before = paths.len();
        paths.retain(|it| !excluded.contains(it));
        if paths.len() == before && !excluded.is_empty() {
            let message = format!("`{}` excludes none of the files of `rules`", pattern.text);
            let it = Diagnostic::new(Code::T9105, pattern.span, message);
            diagnostics.push(it.help("correct the pattern, or take it out"));
        }
    }
    Ok(paths)
}

fn schema_paths(
    request: &Request,
    manifest: Option<&Manifest>,
    root: &Path,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<PathBuf>, Trouble> {
    if let Some(path) = &request.schema {
        if let Err(error) = disk::open(path) {
            let (path, reason) = (path.display(), reason(&error));
            return Err(Trouble::usage(format!("the schema `{path}` cannot be read: {reason}"))
                .help("correct `--schema`"));
        }
        return Ok(vec![path.clone()]);
    }
    let mut res = Vec::new();
    for it in manifest.iter().flat_map(|it| &it.schema) {
        let path = root.join(&it.text);
        if path.is_file() {
            res.push(path);
            continue;
        }
        let what = if path.is_dir() { "is a folder" } else { "there is no such file" };
        let message = format!("the schema `{}` cannot be read: {what}", it.text);
        let fault = Diagnostic::new(Code::T9105, it.span, message);
        diagnostics.push(fault.help(config::near(&path).unwrap_or_else(|| {
            "name the file of the schema, from the folder of tamis.toml".to_owned()
        })));
    }
    Ok(res)
}

fn assemble(reader: Reader, manifest: Option<Manifest>, root: &Path) -> Project {
    let Reader { sources, files, mut diagnostics, mut consulted, bounds, .. } = reader;
    consulted.extend(consulted::tables(&files, manifest.as_ref(), root, &sources));
    let Parts { mut schema, derived, wanted } = from_schema::schema(&files, &mut diagnostics);
    for it in &wanted {
        let path = locate(&it.file, root, &sources);
        match bounds.check(&path) {
            Ok(()) => read_wanted(it, &path, &mut schema, &mut diagnostics),
            Err(outside) => {
                let it = Diagnostic::new(Code::T9001, it.file.span, outside);
                diagnostics.push(it.help(bounds::REMEDY));
            }
        }
    }
    acceptance_from_manifest(&mut schema, manifest.as_ref());
    let schema = Arc::new(schema);
    let schema_found = !schema.records.is_empty();
    let mut rule_set = ir::RuleSet { schema: schema.clone(), ..Default::default() };
    if schema_found {
        let place = lists::Place { root, sources: &sources, bounds: &bounds };
        let lists = lists::lists(&files, &schema, manifest.as_ref(), &place, &mut diagnostics);
        let context = lower::Context { sources: &sources, schema, derived: &derived, lists };
        let (lowered, found) = lower::lower(&files, context);
        rule_set = lowered;
        diagnostics.extend(found);
    }
    let mut diagnostics = suppressed(diagnostics, &files);
    diagnostic::sort(&mut diagnostics);
    let ignored = Vec::new();
    Project { sources, diagnostics, rule_set, files, manifest, consulted, schema_found, ignored }
}

fn read_wanted(it: &Wanted, path: &Path, schema: &mut Schema, diagnostics: &mut Vec<Diagnostic>) {
    let ty = match it.kind {
        WantedKind::Codes => Type::Code(Arc::from(it.name.as_str())),
        WantedKind::Group => Type::Country,
    };
    let reading = Reading::new(schema, &ty, None);
    let (dated, span) = (it.dated.as_ref(), it.file.span);
    let spec = nomenclature::Spec { path, shown_path: &it.file.text, dated, reading, span };
    match it.kind {
        WantedKind::Codes => {
            let (codes, found) = nomenclature::codes(&spec);
            if let Some(nomenclature) = schema.nomenclatures.get_mut(&it.name)
                && !codes.is_empty()
            {
                nomenclature.codes = Some(codes);
            }
            diagnostics.extend(found);
        }
        WantedKind::Group => {
            let (members, found) = nomenclature::group(&spec);
            if let Some(group) = schema.groups.get_mut(&it.name) {
                group.members.extend(members);
            }
            diagnostics.extend(found);
        }
    }
}

/// `time = "accepted_date"` of a data set, where the schema does not say.
fn acceptance_from_manifest(schema: &mut Schema, manifest: Option<&Manifest>) {
    let times: Vec<&str> = manifest
        .iter()
        .flat_map(|it| it.data.values())
        .filter_map(|it| it.time.as_deref())
        .collect();
    for record in &mut schema.records {
        if record.acceptance.is_none() {
            record.acceptance = record
                .fields
                .iter()
                .position(|it| it.ty == Type::Date && times.contains(&it.name.as_str()));
        }
    }
}

/// Leaves out what `# allow` covers, and reports suppressions that cover nothing.
fn suppressed(diagnostics: Vec<Diagnostic>, files: &[ast::File]) -> Vec<Diagnostic> {
    let all: Vec<&ast::Suppression> = files.iter().flat_map(|it| &it.suppressions).collect();
    let covers = |it: &ast::Suppression, other: &Diagnostic| {
        let span = other.span();
        it.code == other.code.number()
            && it.covers.file == span.file
            && it.covers.start <= span.start
            && span.start <= it.covers.end
    };
    let mut unused: Vec<Diagnostic> = all
        .iter()
        .filter(|it| !diagnostics.iter().any(|other| covers(it, other)))
        .map(|it| {
            let message = format!("nothing here raises {}", it.code);
            Diagnostic::new(Code::T1302, it.span, message).help("take this comment out")
        })
        .collect();
    let mut res: Vec<Diagnostic> = diagnostics
        .into_iter()
        .filter(|it| it.is_error() || !all.iter().any(|other| covers(other, it)))
        .collect();
    res.append(&mut unused);
    res
}
