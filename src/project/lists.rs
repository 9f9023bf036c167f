//! The lists of a project: blocks of rule files and entries of `tamis.toml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::data::cell::Reading;
use crate::data::list;
use crate::data::list::ListSpec;
use crate::data::manifest::ListEntry;
use crate::data::manifest::Manifest;
use crate::data::manifest::Placed;
use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir;
use crate::ir::from_schema;
use crate::project::bounds;
use crate::project::bounds::Bounds;
use crate::project::bounds::locate;
use crate::schema::Schema;
use crate::source::Sources;
use crate::source::Span;
use crate::syntax::ast;

/// Where files that a project names are looked for.
pub struct Place<'a> {
    pub root: &'a Path,
    pub sources: &'a Sources,
    pub bounds: &'a Bounds,
}

/// Every list of the project; one that could not be loaded is there without entries.
pub fn lists(
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
    let mut places: BTreeMap<String, Span> = BTreeMap::new();
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
        places.entry(name.text.clone()).or_insert(name.span);
        if res.insert(list.name.clone(), list).is_some() {
            let message = format!("list `{}` is declared twice", name.text);
            let it = Diagnostic::new(Code::T2104, name.span, message);
            diagnostics.push(it.help("give one of them another name"));
        }
    }
    for it in manifest.iter().flat_map(|it| &it.lists) {
        let spec = entry(it, place.root, schema, diagnostics);
        let (list, found) = load(&spec);
        // One column is asked for: the others are nobody's mistake.
        diagnostics.extend(found.into_iter().filter(|it| it.code != Code::T9006));
        let list = list.unwrap_or_else(|| empty_list(&spec));
        match places.get(&it.name.text) {
            Some(other) => {
                let message = format!("list `{}` is declared twice", it.name.text);
                let fault = Diagnostic::new(Code::T2104, it.name.span, message);
                let fault = fault.label(*other, "here as well");
                diagnostics.push(fault.help("give one of them another name"));
            }
            None => {
                res.insert(list.name.clone(), list);
            }
        }
    }
    res.into_values().map(Arc::new).collect()
}

/// One column of a file, which is the key.
fn entry(
    it: &ListEntry,
    root: &Path,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> ListSpec {
    let ty = it.ty.clone().unwrap_or(Placed { text: "text".to_owned(), span: it.name.span });
    let ty = type_of(&ty);
    let unit = ty.unit.as_ref().map(|it| it.text.as_str());
    ListSpec {
        name: it.name.text.clone(),
        path: root.join(&it.path.text),
        shown_path: it.path.text.clone(),
        sheet: it.sheet.as_ref().map(|it| it.text.clone()),
        columns: vec![list::ColumnSpec {
            name: it.column.text.clone(),
            span: it.column.span,
            personal: it.personal,
            reading: Reading::new(schema, &from_schema::ty(&ty, schema, diagnostics), unit),
            is_key: true,
            is_prefix: false,
        }],
        dated: None,
        span: it.path.span,
    }
}

/// A type as a text of `tamis.toml`: `code of HS`, `mass in kg`.
fn type_of(it: &Placed) -> ast::TypeRef {
    let words: Vec<&str> = it.text.split_whitespace().collect();
    let name = |text: &str| ast::Name { text: text.to_owned(), span: it.span };
    let (first, then) = match words.as_slice() {
        ["whole", "number"] => ("whole", None),
        [first, word, rest] => (*first, Some((*word, *rest))),
        [first] => (*first, None),
        _ => (it.text.as_str(), None),
    };
    let after = |wanted: &str| then.filter(|it| it.0 == wanted).map(|it| it.1);
    // What cannot be taken apart is the name of no type.
    let known = then.is_none() || ["of", "in"].iter().any(|it| after(it).is_some());
    ast::TypeRef {
        name: name(if known { first } else { &it.text }),
        of: after("of").map(name),
        unit: after("in").map(|text| ast::Text { text: text.to_owned(), span: it.span }),
        by: None,
        span: it.span,
    }
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
            ast::LineKind::Column { name, ty, personal, key } => columns.push(list::ColumnSpec {
                name: name.text.clone(),
                span: name.span,
                personal: *personal,
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
        prefix: (0..spec.columns.len()).filter(|it| spec.columns[*it].is_prefix).collect(),
        dated: spec.dated.is_some(),
        ..ir::List::default()
    }
}
