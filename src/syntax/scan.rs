//! Cuts a file into logical lines: margin, continuation, comments, the limits of hostile input.

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::source::FileId;
use crate::source::Span;
use crate::syntax::ast::Comment;

pub const LINE_BYTES_MAX: usize = 65_536;
const NESTING_MAX: usize = 32;

/// A line as it is parsed: several physical lines where an expression continues.
#[derive(Debug)]
pub struct Logical {
    /// The byte at which `text` starts in the file.
    pub start: usize,
    /// With comments blanked, so that offsets stay true.
    pub text: String,
    /// It begins at the margin: a block.
    pub margin: bool,
    pub leading: Vec<Comment>,
    pub trailing: Option<Comment>,
    pub blank_before: bool,
    /// Reported already: not to be parsed.
    pub broken: bool,
    open: Vec<usize>,
}

pub struct Scanned {
    pub lines: Vec<Logical>,
    pub end_comments: Vec<Comment>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Words that begin a line of a block: an open parenthesis does not swallow them.
pub const LINE_WORDS: &[&str] = &[
    "as", "because", "channel", "column", "dated", "derived", "field", "for", "has", "history",
    "key", "note", "owner", "refers", "reviewed", "score", "see", "show", "status", "tags", "then",
    "unless", "valid", "when",
];

pub fn scan(id: FileId, text: &str) -> Scanned {
    let mut scanner = Scanner {
        id,
        lines: Vec::new(),
        pending: Vec::new(),
        blank: false,
        diagnostics: Vec::new(),
    };
    let mut start = 0;
    for physical in text.split_inclusive('\n') {
        scanner.physical(start, physical.trim_end_matches(['\n', '\r']));
        start += physical.len();
    }
    scanner.close();
    Scanned {
        lines: scanner.lines,
        end_comments: scanner.pending,
        diagnostics: scanner.diagnostics,
    }
}

struct Scanner {
    id: FileId,
    lines: Vec<Logical>,
    pending: Vec<Comment>,
    blank: bool,
    diagnostics: Vec<Diagnostic>,
}

impl Scanner {
    fn physical(&mut self, start: usize, line: &str) {
        if LINE_BYTES_MAX < line.len() {
            return self.unreadable(start, line);
        }
        let comment_at = comment_start(line);
        let content = line.get(..comment_at).unwrap_or(line).trim_end();
        let comment = line.get(comment_at..).filter(|it| !it.is_empty()).map(|it| Comment {
            text: it.trim_start_matches('#').trim().to_owned(),
            span: Span::new(self.id, start + comment_at, start + line.len()),
            blank_before: self.blank,
        });
        if content.trim().is_empty() {
            match comment {
                Some(comment) => {
                    self.pending.push(comment);
                    self.blank = false;
                }
                None => self.blank = true,
            }
            return;
        }
        let margin = is_margin(content);
        if !margin && self.continues(content.trim_start()) {
            self.join(start, content, comment);
        } else {
            self.begin(start, content, comment);
            self.count(start, content);
        }
        self.blank = false;
    }

    fn begin(&mut self, start: usize, content: &str, trailing: Option<Comment>) {
        self.close();
        self.lines.push(Logical {
            start,
            text: content.to_owned(),
            margin: is_margin(content),
            leading: std::mem::take(&mut self.pending),
            trailing,
            blank_before: self.blank,
            broken: false,
            open: Vec::new(),
        });
    }

    /// A physical line that is too long: only its first word is kept, for the kind of the block.
    fn unreadable(&mut self, start: usize, line: &str) {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        let kept = line.get(..indent + first_word(content).len()).unwrap_or_default();
        let kept = if LINE_BYTES_MAX < kept.len() { "" } else { kept };
        self.begin(start, kept, None);
        self.blank = false;
        self.too_long(start + indent, line.len());
    }

    fn continues(&self, content: &str) -> bool {
        let Some(last) = self.lines.last() else { return false };
        let bullet = content.starts_with("- ") || content.starts_with("--");
        let bullet = bullet || content.starts_with('|');
        let word = first_word(content);
        let signs = [')', '<', '>', '=', '+', '*', '/', '≤', '≥', '≠', '×'];
        if ["and", "or"].contains(&word) || content.starts_with(signs) {
            return true;
        }
        if bullet || LINE_WORDS.contains(&word) {
            return false;
        }
        let end = last.text.trim_end();
        !last.open.is_empty() || end.ends_with(',') || ["and", "or"].contains(&last_word(end))
    }

    fn join(&mut self, start: usize, content: &str, comment: Option<Comment>) {
        let Some(last) = self.lines.last_mut() else { return };
        let gap = start.saturating_sub(last.start + last.text.len());
        if LINE_BYTES_MAX < last.text.len() + gap + content.len() {
            let length = last.text.len() + gap + content.len();
            if !last.broken {
                last.broken = true;
                let at = last.start + last.text.len() - last.text.trim_start().len();
                self.too_long(at, length);
            }
            return;
        }
        last.text.extend(std::iter::repeat_n(' ', gap));
        last.text.push_str(content);
        // The comment at the end of the line before stands above those in lines of their own.
        last.leading.extend(last.trailing.take());
        last.leading.append(&mut self.pending);
        last.trailing = comment;
        self.count(start, content);
    }

    /// Parentheses opened and closed by a physical line.
    fn count(&mut self, start: usize, content: &str) {
        let Some(last) = self.lines.last_mut() else { return };
        let mut quote = None;
        let mut opened = 0;
        for (at, letter) in content.char_indices() {
            let outside = quote.is_none();
            if in_string(&mut quote, letter) {
                opened = if outside { at } else { opened };
                continue;
            }
            match letter {
                '(' => last.open.push(start + at),
                ')' => {
                    last.open.pop();
                }
                _ => {}
            }
            if NESTING_MAX < last.open.len() && !last.broken {
                last.broken = true;
                let span = Span::new(self.id, start + at, start + at + 1);
                let message = format!("more than {NESTING_MAX} parentheses inside one another");
                self.diagnostics.push(
                    Diagnostic::new(Code::T1005, span, message)
                        .help("name the parts with `define`"),
                );
            }
        }
        if quote.is_some() && !last.broken {
            last.broken = true;
            let span = Span::new(self.id, start + opened, start + content.len());
            self.diagnostics.push(
                Diagnostic::new(Code::T1105, span, "this text is not closed")
                    .help("end it with a quotation mark on the same line"),
            );
        }
    }

    /// The line at hand is complete: every parenthesis must be closed.
    fn close(&mut self) {
        let Some(last) = self.lines.last_mut() else { return };
        let Some(at) = last.open.first().copied() else { return };
        last.open.clear();
        if last.broken {
            return;
        }
        last.broken = true;
        let span = Span::new(self.id, at, at + 1);
        self.diagnostics.push(
            Diagnostic::new(Code::T1105, span, "this parenthesis is not closed")
                .here("opened here")
                .help("add `)` at the end of the expression"),
        );
    }

    fn too_long(&mut self, start: usize, length: usize) {
        let message = format!("a line of {length} bytes; at most {LINE_BYTES_MAX} can be read");
        let span = Span::new(self.id, start, start + 1);
        let it = Diagnostic::new(Code::T1006, span, message);
        self.diagnostics.push(it.help("move long sets to a list, and parts to a `define`"));
        if let Some(last) = self.lines.last_mut() {
            last.broken = true;
        }
    }
}

fn is_margin(content: &str) -> bool {
    !content.starts_with([' ', '\t', '\u{A0}', '\u{202F}'])
}

/// Where the comment of a physical line begins, or its end.
fn comment_start(line: &str) -> usize {
    let mut quote = None;
    for (at, letter) in line.char_indices() {
        if !in_string(&mut quote, letter) && letter == '#' {
            return at;
        }
    }
    line.len()
}

/// Follows quotation marks; true inside a text and on its marks.
fn in_string(quote: &mut Option<char>, letter: char) -> bool {
    match quote {
        Some(end) => {
            if letter == *end {
                *quote = None;
            }
            true
        }
        None => {
            *quote = match letter {
                '"' => Some('"'),
                '\u{201C}' => Some('\u{201D}'),
                '\u{AB}' => Some('\u{BB}'),
                _ => None,
            };
            quote.is_some()
        }
    }
}

pub fn first_word(text: &str) -> &str {
    let end = text.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn last_word(text: &str) -> &str {
    let from = text.rfind(|it: char| !it.is_alphanumeric() && it != '_');
    let from = from.and_then(|at| Some((at, text.get(at..)?.chars().next()?)));
    let from = from.map_or(0, |(at, letter)| at + letter.len_utf8());
    text.get(from..).unwrap_or_default()
}
