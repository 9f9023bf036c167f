//! `tamis fmt` and `tamis dump`

use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use similar::TextDiff;

use crate::cli::note;
use crate::cli::product;
use crate::project;
use crate::report::diagnostics;
use crate::report::diagnostics::Format;
use crate::source::Sources;
use crate::source::Span;
use crate::syntax;
use crate::trouble::Exit;
use crate::trouble::Trouble;

#[derive(clap::Args)]
pub struct Fmt {
    /// Files or folders; `-` formats standard input to standard output.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Only name the files that are not formatted; ends with code 1 when there are some.
    #[arg(long)]
    check: bool,
    /// Show what would change.
    #[arg(long)]
    diff: bool,
}

#[derive(clap::Args)]
pub struct Dump {
    path: PathBuf,
    /// ast
    #[arg(long, default_value = "ast")]
    stage: String,
}

pub fn fmt(it: &Fmt) -> Result<Exit, Trouble> {
    if it.paths == [PathBuf::from("-")] {
        let mut bytes = Vec::new();
        let failed = |_| Trouble::usage("standard input cannot be read");
        std::io::stdin().read_to_end(&mut bytes).map_err(failed)?;
        let (text, exit) = formatted("-", &bytes);
        product(&text.unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned()));
        return Ok(exit);
    }
    let mut worst = Exit::Ok;
    let files = it.paths.iter().flat_map(|path| match path.is_dir() {
        true => project::tamis_files(path),
        false => vec![path.clone()],
    });
    for path in files {
        let shown = path.display().to_string();
        let bytes = std::fs::read(&path)
            .map_err(|error| Trouble::usage(format!("{shown}: {}", project::reason(&error))))?;
        let (text, exit) = formatted(&shown, &bytes);
        worst = worst.max(exit);
        let Some(text) = text.filter(|text| text.as_bytes() != bytes) else { continue };
        if it.diff {
            let before = String::from_utf8_lossy(&bytes).into_owned();
            let diff = TextDiff::from_lines(before.as_str(), text.as_str());
            product(&diff.unified_diff().header(&shown, &shown).to_string());
        }
        if it.check {
            product(&format!("{shown}\n"));
        }
        if it.check || it.diff {
            worst = worst.max(Exit::Findings);
        } else {
            replace(&path, &text)?;
        }
    }
    Ok(worst)
}

/// The text in its one layout, unless the file cannot be read or its meaning would change.
fn formatted(shown: &str, bytes: &[u8]) -> (Option<String>, Exit) {
    let mut sources = Sources::default();
    let (file, found) = syntax::read(shown, bytes, &mut sources);
    let errors: Vec<_> = found.into_iter().filter(|it| it.is_error()).collect();
    if !errors.is_empty() {
        note(&diagnostics::render(&sources, &errors, Format::Concise, false));
    }
    if errors.iter().any(|it| it.code.is_unreadable()) {
        return (None, Exit::Usage);
    }
    let text = syntax::format::format(&file, sources.get(file.id));
    let (again, _) = syntax::read(shown, text.as_bytes(), &mut sources);
    if syntax::print::print(&file) != syntax::print::print(&again) {
        note(&format!("{shown}: left as it is: formatting would change its meaning"));
        return (None, Exit::Bug);
    }
    (Some(text), if errors.is_empty() { Exit::Ok } else { Exit::Findings })
}

/// A reader sees the old text or the new one, never a part.
fn replace(path: &Path, text: &str) -> Result<(), Trouble> {
    let refused = |_| Trouble::resource(format!("{}: cannot be written", path.display()));
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(refused)?;
    file.write_all(text.as_bytes()).map_err(refused)?;
    if let Ok(metadata) = std::fs::metadata(path) {
        file.as_file().set_permissions(metadata.permissions()).map_err(refused)?;
    }
    file.persist(path).map_err(|it| refused(it.error))?;
    Ok(())
}

pub fn dump(it: &Dump) -> Result<Exit, Trouble> {
    if it.stage != "ast" {
        return Err(Trouble::usage(format!("--stage {}: there is no such stage", it.stage))
            .help("write ast; `tamis plan` shows the plans"));
    }
    let shown = it.path.display().to_string();
    let bytes = std::fs::read(&it.path)
        .map_err(|error| Trouble::usage(format!("{shown}: {}", project::reason(&error))))?;
    let mut sources = Sources::default();
    let (file, found) = syntax::read(&shown, &bytes, &mut sources);
    product(&syntax::print::print(&file));
    note(&diagnostics::render(&sources, &found, Format::Concise, false));
    let place = Span::file(file.id);
    let broken = found.iter().any(|it| it.is_error() && it.span().file == place.file);
    Ok(if broken { Exit::Findings } else { Exit::Ok })
}
