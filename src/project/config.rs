//! What `tamis.toml` says, held against the files and the schema of the project.

pub mod data;
mod names;

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use crate::data::manifest::Manifest;
use crate::data::manifest::Placed;
use crate::data::walk;
use crate::diagnostic;
use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::project::Project;
use crate::source::FileId;
use crate::source::Span;
use crate::syntax::ast;

/// The files of a pattern; what it does not name is told.
pub fn files(pattern: &Placed, root: &Path, diagnostics: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let text = &pattern.text;
    let fault = |message: String| Diagnostic::new(Code::T9105, pattern.span, message);
    let found = match walk::matching(root, text) {
        Ok(found) => found,
        Err(refusal) => {
            diagnostics.push(fault(format!("`{text}`: {refusal}")));
            return Vec::new();
        }
    };
    if found.is_empty() {
        let help = near(&root.join(text)).unwrap_or_else(|| match root.join(text).exists() {
            true => format!("the signs of a pattern are escaped: `{}`", walk::escaped(text)),
            false => "correct the pattern, or take it out".to_owned(),
        });
        diagnostics.push(fault(format!("no file matches `{text}`")).help(help));
    }
    let (folders, files): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| it.is_dir());
    if files.is_empty() && !folders.is_empty() {
        let all = text.trim_end_matches('/');
        diagnostics.push(
            fault(format!("`{text}` names a folder, and no file"))
                .help(format!("write `{all}/**/*.tamis` for all the files below it")),
        );
    }
    files
}

/// A path that is there and looks like one that is not.
pub fn near(path: &Path) -> Option<String> {
    let is_missing = |it: &&Path| it.symlink_metadata().is_err();
    let missing = path.ancestors().take_while(is_missing).last()?;
    let name = missing.file_name()?.to_str()?;
    let folder = missing.parent().filter(|it| !it.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names: Vec<String> =
        entries.flatten().filter_map(|it| it.file_name().into_string().ok()).collect();
    did_you_mean(name, names.iter().map(String::as_str))
}

/// Adds what is wrong with `tamis.toml` to the diagnostics of the project, and heeds its `[lint]`.
/// `whole` says that the rules are those of `tamis.toml`, `other` that its schema is not used.
pub fn check(project: &mut Project, whole: bool, other: bool) {
    let Some(manifest) = project.manifest.clone() else { return };
    if manifest.broken {
        return;
    }
    let mut found = Vec::new();
    let at_fault = project.diagnostics.iter().any(Diagnostic::is_error);
    let blocks = || project.files.iter().flat_map(|it| &it.blocks);
    let place = manifest.rules.first().map_or(Span::file(manifest.file), |it| it.span);
    let is_rule = |it: &ast::Block| matches!(it.head, ast::Head::Rule { .. });
    if whole && !at_fault && !blocks().any(is_rule) {
        let it = Diagnostic::new(Code::T9105, place, "the files of `rules` hold no rule");
        found.push(it.help("name the files that do: `rules = [\"rules/**/*.tamis\"]`"));
    }
    if !project.schema_found && !at_fault && !other {
        let place = manifest.schema.first().map_or(Span::file(manifest.file), |it| it.span);
        let message = match manifest.schema.as_slice() {
            [] => "tamis.toml names no schema",
            _ => "the schema declares no record",
        };
        let it = Diagnostic::new(Code::T9105, place, message);
        found.push(it.help("write `[schema]` with `declaration = \"schema.tamis\"`"));
    }
    for folder in manifest.folders.iter().filter(|it| !manifest.root.join(&it.text).is_dir()) {
        let message = format!("no folder is called `{}`", folder.text);
        let it = Diagnostic::new(Code::T9105, folder.span, message);
        let help = near(&manifest.root.join(&folder.text));
        found.push(it.help(help.unwrap_or_else(|| "correct it, or take it out".to_owned())));
    }
    if project.schema_found {
        names::check(&manifest, &project.rule_set.schema, &project.files, &mut found);
    }
    project.ignored = manifest.lint.ignore.iter().map(|it| (*it, None)).collect();
    for (pattern, codes) in &manifest.lint.per_file {
        let files = matched(project, pattern, &manifest.root);
        if files.is_empty() && whole {
            let message = format!("no file of the project matches `{}`", pattern.text);
            let it = Diagnostic::new(Code::T9105, pattern.span, message);
            found.push(it.help("correct the pattern, or take it out"));
        }
        project.ignored.extend(codes.iter().map(|it| (*it, Some(files.clone()))));
    }
    project.diagnostics.extend(found);
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    diagnostics.retain(|it| !project.ignores(it));
    diagnostic::sort(&mut diagnostics);
    project.diagnostics = diagnostics;
}

/// The files of the project that a pattern names.
fn matched(project: &Project, pattern: &Placed, root: &Path) -> Vec<FileId> {
    let found = walk::matching(root, &pattern.text).unwrap_or_default();
    let named: Vec<PathBuf> = found.iter().map(|it| walk::canonical(it)).collect();
    let is_named = |path: &str| named.contains(&walk::canonical(Path::new(path)));
    project.sources.iter().filter(|it| is_named(&it.1.path)).map(|it| it.0).collect()
}

/// The `.tamis` files in the folder of `tamis.toml` that nothing in it names, `exclude` neither.
/// Folders with a `tamis.toml` of their own are other projects.
pub fn unnamed(project: &Project, manifest: &Manifest) -> Vec<PathBuf> {
    let read = project.consulted.iter().map(|it| walk::canonical(&it.path));
    let excluded = manifest
        .exclude
        .iter()
        .flat_map(|it| walk::matching(&manifest.root, &it.text).unwrap_or_default());
    let known: BTreeSet<PathBuf> = read.chain(excluded.map(|it| walk::canonical(&it))).collect();
    let of_other = |path: &Path| {
        let inside = path.ancestors().skip(1).take_while(|it| *it != manifest.root);
        inside.into_iter().any(|it| it.join("tamis.toml").is_file())
    };
    // A folder that cannot be opened holds nothing that could be read.
    let all = walk::files(&manifest.root, &["tamis"]).unwrap_or_default();
    all.into_iter().filter(|it| !known.contains(&walk::canonical(it)) && !of_other(it)).collect()
}
