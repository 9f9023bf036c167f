//! Files named on the command line, seen within their project: what they use may stand elsewhere.

use std::path::Path;
use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::check;
use crate::data::walk;
use crate::project;
use crate::project::Project;
use crate::project::Request;
use crate::report::diagnostics;
use crate::source::FileId;
use crate::trouble::Trouble;

/// A project, and the files of it that the user speaks of.
pub struct Scope {
    /// Its diagnostics are those of `files`.
    pub project: Project,
    pub files: Vec<FileId>,
    /// Errors in other files of the project.
    pub elsewhere: usize,
}

impl Scope {
    /// All of a project.
    pub fn whole(project: Project) -> Scope {
        let config = project.config();
        let files = project.sources.iter().map(|it| it.0).filter(|it| Some(*it) != config);
        let files = files.collect();
        Scope { project, files, elsewhere: 0 }
    }
}

/// Paths that belong to the project are read with all of it; others stand alone.
pub fn load(context: &Context, paths: &[PathBuf]) -> Result<Scope, Trouble> {
    load_request(context, &context.request(paths.to_vec()))
}

/// The same for what was asked for before.
pub fn load_request(context: &Context, request: &Request) -> Result<Scope, Trouble> {
    Ok(match open(request)? {
        (project, Some(files)) => narrowed(context, project, files),
        (project, None) => Scope::whole(project),
    })
}

/// A project, and those of its files that were named, when it has more.
pub fn open(request: &Request) -> Result<(Project, Option<Vec<FileId>>), Trouble> {
    if !request.rules.is_empty() && request.config.is_some() {
        let whole = Request { rules: Vec::new(), ..request.clone() };
        let project = project::load(&whole)?;
        if let Some(files) = members(&project, &request.rules)? {
            return Ok((project, Some(files)));
        }
    }
    Ok((project::load(request)?, None))
}

fn narrowed(context: &Context, mut project: Project, files: Vec<FileId>) -> Scope {
    // What tamis.toml says holds for every file.
    let config = project.config();
    let is_here = |it: &FileId| files.contains(it) || Some(*it) == config;
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        project.diagnostics.into_iter().partition(|it| is_here(&it.span().file));
    let (errors, _) = diagnostics::count(&elsewhere);
    if 0 < errors {
        let errors = check::counted(errors, "error");
        context.terminal.note(&format!("note: {errors} in other files of the project"));
    }
    project.diagnostics = here;
    Scope { project, files, elsewhere: errors }
}

/// The files of the project that the paths name; nothing when one of them is not in it.
///
/// Errors: a folder that cannot be read.
fn members(project: &Project, paths: &[PathBuf]) -> Result<Option<Vec<FileId>>, Trouble> {
    let known: Vec<(FileId, PathBuf)> = project
        .sources
        .iter()
        .filter_map(|(id, it)| Some((id, Path::new(&it.path).canonicalize().ok()?)))
        .collect();
    let mut res = Vec::new();
    for path in paths {
        let files = if path.is_dir() { project::tamis_files(path)? } else { vec![path.clone()] };
        if files.is_empty() {
            return Ok(None);
        }
        for file in files {
            let file = walk::canonical(&file);
            let Some((id, _)) = known.iter().find(|it| it.1 == file) else { return Ok(None) };
            res.push(*id);
        }
    }
    res.sort();
    res.dedup();
    Ok(Some(res))
}
