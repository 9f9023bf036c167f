//! Text to trees, and back. Parsing never fails: what cannot be read becomes a diagnostic.

pub mod ast;
pub mod format;
pub mod format_expr;
mod from_pest;
mod line;
mod literal;
mod lookalike;
mod many;
pub mod mutation;
pub mod policy;
pub mod print;
mod refusal;
mod scan;
mod structure;
pub mod test_block;
pub mod word;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::shown::is_unseen;
use crate::source::FileId;
use crate::source::SourceFile;
use crate::source::Sources;
use crate::source::Span;

/// Adds a file to `sources`, checks that it is text, and parses it.
pub fn read(path: &str, bytes: &[u8], sources: &mut Sources) -> (ast::File, Vec<Diagnostic>) {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let id = sources.add(SourceFile::new(path, ""));
            let line =
                1 + bytes.iter().take(error.valid_up_to()).filter(|it| **it == b'\n').count();
            let message = format!("line {line} of `{path}` is not UTF-8 text");
            let it = Diagnostic::new(Code::T1002, Span::file(id), message);
            return (empty(id), vec![it.help("save the file as UTF-8")]);
        }
    };
    let id = sources.add(SourceFile::new(path, text));
    let file = sources.get(id);
    if let Some(it) = forbidden(id, &file.text) {
        return (empty(id), vec![it]);
    }
    if file.text.trim().is_empty() {
        let it = Diagnostic::new(Code::T1004, Span::file(id), format!("`{path}` is empty"));
        return (empty(id), vec![it.help("write a rule, or take the file away")]);
    }
    parse(id, file)
}

pub fn parse(id: FileId, file: &SourceFile) -> (ast::File, Vec<Diagnostic>) {
    structure::file(id, scan::scan(id, &file.text))
}

fn empty(id: FileId) -> ast::File {
    ast::File { id, blocks: Vec::new(), end_comments: Vec::new(), suppressions: Vec::new() }
}

/// The first character that has no place in a rule file: it could hide what the text says.
fn forbidden(id: FileId, text: &str) -> Option<Diagnostic> {
    let bad = |it: char| is_unseen(it) && !matches!(it, '\n' | '\r' | '\t');
    let (at, letter) = text.char_indices().find(|it| bad(it.1))?;
    let name = match letter {
        '\0' => "a NUL character".to_owned(),
        it if it.is_control() => format!("the control character U+{:04X}", u32::from(it)),
        it => format!("the invisible character U+{:04X}", u32::from(it)),
    };
    let span = Span::new(id, at, at + letter.len_utf8());
    let it = Diagnostic::new(Code::T1003, span, format!("{name} has no place in a rule file"));
    Some(it.help("delete it; text copied from elsewhere may hold some"))
}
