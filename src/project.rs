//! A project on disk: `tamis.toml`, schema, rules and lists, read and lowered together.

pub mod bounds;
pub mod consulted;
pub mod typed;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::data::cell::Reading;
use crate::data::list;
use crate::data::list::ListSpec;
use crate::data::manifest;
use crate::data::manifest::Manifest;
use crate::data::nomenclature;
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
use crate::project::consulted::Consulted;
use crate::project::consulted::Kind;
use crate::schema::Number;
use crate::schema::Schema;
use crate::schema::Type;
use crate::source::SourceFile;
use crate::source::Sources;
use crate::source::Span;
use crate::syntax;
use crate::syntax::ast;
use crate::trouble::Trouble;
use crate::value::text::Form;

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
}

impl Project {
    /// Every file it was read from.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.consulted.iter().map(|it| it.path.clone()).collect()
    }
}

/// Reads and checks a project. Faults in rules are diagnostics of it; a missing or unreadable
/// `tamis.toml` is trouble.
pub fn load(request: &Request) -> Result<Project, Trouble> {
    let manifest = find_manifest(request)?;
    let root = manifest.as_ref().map_or_else(|| request.dir.clone(), |it| it.root.clone());
    let mut reader = Reader { bounds: Bounds::of(manifest.as_ref(), &root), ..Reader::default() };
    // What the user names is read wherever it stands, and so is what stands beside it.
    for path in request.rules.iter().chain(&request.schema) {
        reader.bounds.add_beside(path);
    }
    let config = manifest.as_ref().map(|it| Consulted::now(Kind::Project, &it.path));
    reader.consulted.extend(config);
    for path in rule_paths(request, manifest.as_ref(), &root)? {
        reader.read(&path, Kind::Rules);
    }
    for path in schema_paths(request, manifest.as_ref(), &root)? {
        reader.read(&path, Kind::Schema);
    }
    Ok(assemble(reader, manifest, &root))
}

/// A project whose files are given as texts: lists and nomenclatures are looked for in `root`.
pub fn from_texts(files: &[(&str, &str)], root: &Path) -> Project {
    let mut reader = Reader { bounds: Bounds::of(None, root), ..Reader::default() };
    for (path, text) in files {
        reader.parse(path, text.as_bytes());
    }
    assemble(reader, None, root)
}

fn find_manifest(request: &Request) -> Result<Option<Manifest>, Trouble> {
    if let Some(path) = &request.config {
        return manifest::load(path).map(Some);
    }
    let from = request.rules.first().unwrap_or(&request.dir);
    match manifest::discover(&request.dir).or_else(|| manifest::discover(from)) {
        Some(path) => manifest::load(&path).map(Some),
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
pub fn tamis_files(dir: &Path) -> Vec<PathBuf> {
    let mut res = Vec::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if hidden {
                continue;
            }
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|it| it == "tamis") {
                res.push(path);
            }
        }
    }
    res.sort();
    res
}

fn rule_paths(
    request: &Request,
    manifest: Option<&Manifest>,
    root: &Path,
) -> Result<Vec<PathBuf>, Trouble> {
    if !request.rules.is_empty() {
        let expand = |path: &PathBuf| match path.is_dir() {
            true => {
                let files = tamis_files(path);
                if files.is_empty() { vec![path.clone()] } else { files }
            }
            false => vec![path.clone()],
        };
        return Ok(request.rules.iter().flat_map(expand).collect());
    }
    let Some(manifest) = manifest else {
        let message = format!("no tamis.toml in `{}` or above it", request.dir.display());
        return Err(Trouble::usage(message)
            .help("name files of rules, or make a project with `tamis init`"));
    };
    let mut paths = globbed(root, &manifest.rules)?;
    let excluded = globbed(root, &manifest.exclude)?;
    paths.retain(|it| !excluded.contains(it));
    Ok(paths)
}

fn globbed(root: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, Trouble> {
    let mut res = Vec::new();
    for pattern in patterns {
        let full = root.join(pattern);
        let found = glob::glob(&full.to_string_lossy()).map_err(|it| {
            Trouble::usage(format!("`{pattern}` is not a pattern of paths: {}", it.msg))
        })?;
        res.extend(found.flatten());
    }
    res.sort();
    res.dedup();
    Ok(res)
}

fn schema_paths(
    request: &Request,
    manifest: Option<&Manifest>,
    root: &Path,
) -> Result<Vec<PathBuf>, Trouble> {
    if let Some(path) = &request.schema {
        if let Err(error) = disk::open(path) {
            let (path, reason) = (path.display(), reason(&error));
            return Err(Trouble::usage(format!("the schema `{path}` cannot be read: {reason}"))
                .help("correct `--schema`"));
        }
        return Ok(vec![path.clone()]);
    }
    let named: Vec<PathBuf> =
        manifest.iter().flat_map(|it| &it.schema).map(|it| root.join(it)).collect();
    if let Some(missing) = named.iter().find(|it| !it.is_file()) {
        let message = format!("the schema `{}` cannot be read", missing.display());
        return Err(Trouble::usage(message).help("correct `[schema]` in tamis.toml"));
    }
    Ok(named)
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
        let place = Place { root, sources: &sources, bounds: &bounds };
        let lists = lists(&files, &schema, manifest.as_ref(), &place, &mut diagnostics);
        let context = lower::Context { sources: &sources, schema, derived: &derived, lists };
        let (lowered, found) = lower::lower(&files, context);
        rule_set = lowered;
        diagnostics.extend(found);
    }
    let mut diagnostics = suppressed(diagnostics, &files);
    diagnostic::sort(&mut diagnostics);
    Project { sources, diagnostics, rule_set, files, manifest, consulted, schema_found }
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

/// Where files that a project names are looked for.
struct Place<'a> {
    root: &'a Path,
    sources: &'a Sources,
    bounds: &'a Bounds,
}

fn lists(
    files: &[ast::File],
    schema: &Schema,
    manifest: Option<&Manifest>,
    place: &Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Arc<ir::List>> {
    let load = |spec: &ListSpec| match place.bounds.check(&spec.path) {
        Ok(()) => list::load(spec),
        Err(outside) => {
            let it = Diagnostic::new(Code::T9001, spec.span, outside);
            (None, vec![it.help(bounds::REMEDY)])
        }
    };
    let mut res: BTreeMap<Arc<str>, ir::List> = BTreeMap::new();
    let blocks = files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken);
    for block in blocks {
        let ast::Head::List { name, file } = &block.head else { continue };
        let Some(file) = file else {
            let message = format!("list `{}` names no file", name.text);
            let it = Diagnostic::new(Code::T1108, name.span, message);
            diagnostics.push(it.help(format!("write `list {} file \"…\"`", name.text)));
            continue;
        };
        let path = locate(file, place.root, place.sources);
        let spec = spec(name, file, path, block, schema, diagnostics);
        let (list, found) = load(&spec);
        diagnostics.extend(found);
        let list = list.unwrap_or_else(|| empty_list(&spec));
        if res.insert(list.name.clone(), list).is_some() {
            let message = format!("list `{}` is declared twice", name.text);
            let it = Diagnostic::new(Code::T2104, name.span, message);
            diagnostics.push(it.help("give one of them another name"));
        }
    }
    for it in manifest.iter().flat_map(|it| &it.lists) {
        let span = Span::file(crate::source::FileId(0));
        let Some(ty) = simple_type(&it.ty, schema) else {
            let message = format!("[lists.{}] of tamis.toml: no type is `{}`", it.name, it.ty);
            let help = "write `text`, `name`, `country`, `currency`, `date`, `whole number`, \
                        `code of` a nomenclature of the schema, or one of its choices";
            diagnostics.push(Diagnostic::new(Code::T3005, span, message).help(help));
            continue;
        };
        let spec = ListSpec {
            name: it.name.clone(),
            path: place.root.join(&it.path),
            shown_path: it.path.clone(),
            sheet: it.sheet.clone(),
            columns: vec![list::ColumnSpec {
                name: it.column.clone(),
                reading: Reading::new(schema, &ty, None),
                is_key: true,
                is_prefix: false,
            }],
            dated: None,
            span,
        };
        let (list, found) = load(&spec);
        // One column is asked for: the others are nobody's mistake.
        diagnostics.extend(found.into_iter().filter(|it| it.code != Code::T9006));
        let list = list.unwrap_or_else(|| empty_list(&spec));
        res.entry(list.name.clone()).or_insert(list);
    }
    res.into_values().map(Arc::new).collect()
}

/// A type of `[lists]`; text where none is named.
fn simple_type(name: &str, schema: &Schema) -> Option<Type> {
    if let Some(nomenclature) = name.strip_prefix("code of ") {
        let nomenclature = nomenclature.trim();
        let known = schema.nomenclatures.contains_key(nomenclature);
        return known.then(|| Type::Code(Arc::from(nomenclature)));
    }
    Some(match name {
        "" | "text" => Type::Text(Form::Folded),
        "name" => Type::Text(Form::Name),
        "country" => Type::Country,
        "currency" => Type::Currency,
        "date" => Type::Date,
        "date-time" => Type::DateTime,
        "whole number" => Type::Whole,
        "decimal" => Type::Number(Number::pure(crate::value::decimal::SCALE_MAX)),
        other => Type::Choice(schema.choices.get(other)?.clone()),
    })
}

fn spec(
    name: &ast::Name,
    file: &ast::Text,
    path: PathBuf,
    block: &ast::Block,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> ListSpec {
    let mut columns = Vec::new();
    let mut dated = None;
    for line in &block.lines {
        match &line.kind {
            ast::LineKind::Column { name, ty, key } => columns.push(list::ColumnSpec {
                name: name.text.clone(),
                reading: Reading::new(
                    schema,
                    &from_schema::ty(ty, schema, diagnostics),
                    ty.unit.as_ref().map(|it| it.text.as_str()),
                ),
                is_key: *key != ast::ColumnKey::None,
                is_prefix: *key == ast::ColumnKey::PrefixKey,
            }),
            ast::LineKind::Dated(it) => dated = Some((it.from.text.clone(), it.to.text.clone())),
            _ => {}
        }
    }
    if let Some(first) = columns.first_mut().filter(|_| !block.lines.iter().any(is_key)) {
        first.is_key = true;
    }
    ListSpec {
        name: name.text.clone(),
        path,
        shown_path: file.text.clone(),
        sheet: None,
        columns,
        dated,
        span: file.span,
    }
}

fn is_key(line: &ast::Line) -> bool {
    matches!(&line.kind, ast::LineKind::Column { key, .. } if *key != ast::ColumnKey::None)
}

/// In the place of a list that could not be loaded: the rules that use it are checked all the same.
fn empty_list(spec: &ListSpec) -> ir::List {
    let column =
        |it: &list::ColumnSpec| ir::Column { name: it.name.clone(), ty: it.reading.ty.clone() };
    ir::List {
        name: Arc::from(spec.name.as_str()),
        columns: spec.columns.iter().map(column).collect(),
        key: (0..spec.columns.len()).filter(|it| spec.columns[*it].is_key).collect(),
        prefix: spec.columns.iter().any(|it| it.is_prefix),
        dated: spec.dated.is_some(),
        ..ir::List::default()
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
