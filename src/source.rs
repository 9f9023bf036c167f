//! Rule text: files, spans, and the way from a byte to a line and a column.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::is_nfc;

use crate::shown::shown;

/// A file of [`Sources`], by its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A range of bytes in the text of one file: `start` included, `end` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        let narrow = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        Span { file, start: narrow(start), end: narrow(end) }
    }

    /// From the start of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start, end: other.end.max(self.start) }
    }

    /// The empty span at the start of a file.
    pub fn file(file: FileId) -> Span {
        Span { file, start: 0, end: 0 }
    }
}

/// A place as people count it: both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A file of rules or a schema, in Unicode normal form C, without byte order mark.
///
/// Spans count bytes of `text`, that is, after normalisation. Normalising moves nothing across
/// lines, and columns count characters as they are displayed, so places stay true for people.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// As the user named it, with `/` between folders.
    pub path: String,
    pub text: String,
    /// As it was read, where that is not in normal form C.
    original: Option<String>,
    line_starts: Vec<u32>,
}

impl SourceFile {
    pub fn new(path: impl Into<String>, text: &str) -> SourceFile {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        if is_nfc(text) {
            return SourceFile::verbatim(path, text);
        }
        let composed: String = text.nfc().collect();
        let original = Some(text.to_owned());
        SourceFile { original, ..SourceFile::verbatim(path, &composed) }
    }

    /// A file whose text names things outside it, such as columns: letters stay as they are.
    pub fn verbatim(path: impl Into<String>, text: &str) -> SourceFile {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text).to_owned();
        let original = None;
        let mut line_starts = vec![0];
        let ends = text.bytes().enumerate().filter(|(_, it)| *it == b'\n');
        line_starts.extend(ends.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)));
        let path = shown(&path.into()).into_owned();
        SourceFile { path, text, original, line_starts }
    }

    /// The line and column of a byte; past the end it is the end.
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let line = self.line_starts.partition_point(|it| *it <= offset).max(1);
        let start = self.line_starts[line - 1] as usize;
        let end = (offset as usize).min(self.text.len());
        let before = self.text.get(start..end).unwrap_or_default();
        LineColumn { line, column: before.chars().count() + 1 }
    }

    /// The same in the characters of the file as it stands on the disk: for programs that edit it.
    pub fn place_on_disk(&self, offset: u32) -> LineColumn {
        let place = self.line_column(offset);
        let line = self.original.as_ref().and_then(|it| it.split('\n').nth(place.line - 1));
        let Some(line) = line.filter(|it| !is_nfc(it)) else { return place };
        let ends: Vec<usize> = line.char_indices().map(|it| it.0).chain([line.len()]).collect();
        // Composing never makes a beginning longer than a longer one.
        let fits = |end: &usize| line[..*end].nfc().count() < place.column;
        LineColumn { column: ends.partition_point(fits).max(1), ..place }
    }

    /// The text of a line, counted from 1, without its line break.
    pub fn line(&self, line: usize) -> &str {
        self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default()
    }

    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// All the files of one check or run, in the order in which they were read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    pub fn add(&mut self, file: SourceFile) -> FileId {
        self.files.push(file);
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    pub fn get(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0..).map(FileId).zip(&self.files)
    }

    pub fn slice(&self, span: Span) -> &str {
        self.get(span.file).slice(span)
    }

    pub fn place(&self, span: Span) -> LineColumn {
        self.get(span.file).line_column(span.start)
    }
}
