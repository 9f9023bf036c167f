//! What CI systems show beside a line: one form for diagnostics, unformatted files, failed tests.

use std::path::Path;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::Severity;
use crate::source::LineColumn;
use crate::source::SourceFile;
use crate::source::Sources;
use crate::source::Span;

/// A remark on a place of a file.
#[derive(Debug, Clone)]
pub struct Annotation {
    pub topic: Topic,
    pub severity: Severity,
    pub message: String,
    pub help: Option<String>,
    /// With `/` between folders.
    pub path: String,
    pub region: Region,
    /// The first line of the region, as it stands there.
    pub line: String,
    pub edit: Option<Edit>,
}

/// What a remark is about: the same for all of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// `T2101`
    pub id: String,
    /// `unknown-field`
    pub name: String,
    pub summary: String,
    /// In Markdown.
    pub page: String,
    pub severity: Severity,
}

/// Lines and columns from 1, in characters of the file as it stands on the disk; the end is the
/// column after the last character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub start: LineColumn,
    pub end: LineColumn,
}

/// Replace what stands there.
#[derive(Debug, Clone)]
pub struct Edit {
    pub region: Region,
    pub replacement: String,
}

impl Topic {
    fn of(code: Code) -> Topic {
        Topic {
            id: code.number().to_owned(),
            name: code.name().to_owned(),
            summary: code.summary().to_owned(),
            page: code.page().to_owned(),
            severity: code.severity(),
        }
    }
}

impl Region {
    pub fn of(file: &SourceFile, span: Span) -> Region {
        Region { start: file.place_on_disk(span.start), end: file.place_on_disk(span.end) }
    }

    /// A line as a whole.
    pub fn line(line: usize, text: &str) -> Region {
        let end = LineColumn { line, column: text.chars().count() + 1 };
        Region { start: LineColumn { line, column: 1 }, end }
    }
}

/// The remarks of a check.
pub fn of(sources: &Sources, diagnostics: &[Diagnostic]) -> Vec<Annotation> {
    diagnostics.iter().map(|it| of_diagnostic(sources, it)).collect()
}

fn of_diagnostic(sources: &Sources, it: &Diagnostic) -> Annotation {
    let file = sources.get(it.span().file);
    let region = Region::of(file, it.span());
    // An edit elsewhere could not be shown beside this place.
    let edit = it.fix.as_ref().filter(|fix| fix.span.file == it.span().file).map(|fix| Edit {
        region: Region::of(file, fix.span),
        replacement: fix.replacement.clone(),
    });
    Annotation {
        topic: Topic::of(it.code),
        severity: it.severity,
        message: it.message.clone(),
        help: it.help.clone(),
        path: file.path.clone(),
        region,
        line: file.line(region.start.line).to_owned(),
        edit,
    }
}

/// A file that `tamis fmt` would write in another way.
pub fn unformatted(path: &str, before: &str, after: &str) -> Annotation {
    let differs = before.lines().zip(after.lines()).position(|(a, b)| a != b);
    let first = differs.unwrap_or_else(|| before.lines().count().min(after.lines().count()));
    let line = before.lines().nth(first).unwrap_or_default();
    let whole = SourceFile::new(path, before);
    let end = whole.line_column(u32::MAX);
    Annotation {
        topic: Topic {
            id: "unformatted".to_owned(),
            name: "unformatted".to_owned(),
            summary: "a file in another layout than the one that all share".to_owned(),
            page: "`tamis fmt` writes it; `tamis fmt --diff` shows what it would change.\n"
                .to_owned(),
            severity: Severity::Error,
        },
        severity: Severity::Error,
        message: "this file is not in the layout that all share".to_owned(),
        help: Some(format!("run `tamis fmt {path}`")),
        path: path.to_owned(),
        region: Region::line(first + 1, line),
        line: line.to_owned(),
        edit: Some(Edit {
            region: Region { start: LineColumn { line: 1, column: 1 }, end },
            replacement: after.to_owned(),
        }),
    }
}

/// Paths as seen from `folder`, the one that was checked out, for those below it.
pub fn from_folder(annotations: &mut [Annotation], folder: &Path) {
    let Ok(folder) = folder.canonicalize() else { return };
    for it in annotations {
        let Ok(full) = Path::new(&it.path).canonicalize() else { continue };
        if let Ok(below) = full.strip_prefix(&folder) {
            it.path = below.to_string_lossy().replace('\\', "/");
        }
    }
}

/// Errors, then warnings.
pub fn count(annotations: &[Annotation]) -> (usize, usize) {
    let errors = annotations.iter().filter(|it| it.severity == Severity::Error).count();
    (errors, annotations.len() - errors)
}
