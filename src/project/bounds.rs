//! Which files a project may be read from: what stands in its folder, and what the user names.
//!
//! Whoever writes a rule would otherwise have any file of the machine read, and parts of it
//! printed.

use std::path::Path;
use std::path::PathBuf;

use crate::data::manifest::Manifest;
use crate::source::Sources;
use crate::syntax::ast;

/// Folders that files of a project stand in, with their links followed.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    folders: Vec<PathBuf>,
}

impl Bounds {
    /// The folder of the project, and those that its `tamis.toml` names.
    pub fn of(manifest: Option<&Manifest>, root: &Path) -> Bounds {
        let mut res = Bounds::default();
        res.add(root);
        for folder in manifest.iter().flat_map(|it| &it.folders) {
            res.add(&root.join(&folder.text));
        }
        res
    }

    /// A file that the user has named: what stands beside it may be read too.
    pub fn add_beside(&mut self, file: &Path) {
        // A link may lead anywhere: it was the user who named it.
        self.folders.extend(file.canonicalize());
        match file.is_dir() {
            true => self.add(file),
            false => self.add(file.parent().unwrap_or(Path::new("."))),
        }
    }

    fn add(&mut self, folder: &Path) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        self.folders.extend(folder.canonicalize());
    }

    /// Errors, in words: a file that stands elsewhere, or that a link leads to. What does not exist
    /// is nobody's secret.
    pub fn check(&self, path: &Path) -> Result<(), String> {
        let Ok(real) = path.canonicalize() else { return Ok(()) };
        if self.folders.iter().any(|it| real.starts_with(it)) {
            return Ok(());
        }
        let shown = path.display();
        Err(format!("`{shown}` stands outside of the project"))
    }
}

/// What to do about it.
pub const REMEDY: &str = "put it into the folder of tamis.toml, or name its folder there: \
                          `[project]` `folders = [\"…\"]`";

/// A file named in a project: from its root, or beside the file that names it.
pub fn locate(file: &ast::Text, root: &Path, sources: &Sources) -> PathBuf {
    let from_root = root.join(&file.text);
    if from_root.exists() {
        return from_root;
    }
    let beside =
        Path::new(&sources.get(file.span.file).path).parent().map(|it| it.join(&file.text));
    beside.filter(|it| it.exists()).unwrap_or(from_root)
}
