//! Logical lines to blocks: heads, their lines, comments, what a block needs and may have once.

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::source::FileId;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::LineKind;
use crate::syntax::line;
use crate::syntax::lookalike;
use crate::syntax::policy;
use crate::syntax::scan::Logical;
use crate::syntax::scan::Scanned;
use crate::syntax::scan::first_word;
use crate::syntax::test_block;

const BLOCKS: &[&str] = &[
    "choice",
    "codes",
    "define",
    "group",
    "list",
    "parameter",
    "policy",
    "profile",
    "record",
    "rule",
    "test",
];
const META: &[&str] = &["owner", "status", "reviewed", "tags", "see", "note"];

/// The words that may begin a line of this kind of block.
fn line_words(block: &str) -> Vec<&'static str> {
    let own: &[&str] = match block {
        "rule" => {
            &["valid", "for", "when", "unless", "then", "score", "channel", "show", "because"]
        }
        "define" => &["for", "as"],
        "list" => &["column", "dated"],
        "profile" => &["of", "by", "else", "window", "refresh", "require", "gives", "allow"],
        "policy" => policy::WORDS,
        "record" => &["key", "field", "derived", "has", "refers", "history"],
        _ => &[],
    };
    let meta: &[&str] = if block == "record" { &["note"] } else { META };
    own.iter().chain(meta).copied().collect()
}

pub fn file(id: FileId, scanned: Scanned) -> (ast::File, Vec<Diagnostic>) {
    let Scanned { lines, end_comments, diagnostics } = scanned;
    let mut all = Reader { diagnostics, ..Reader::new(id) };
    if let Some(first) = lines.first().and_then(|it| it.leading.first()) {
        all.language(first);
    }
    for part in read(id, lines) {
        all.diagnostics.extend(part.diagnostics);
        all.blocks.extend(part.blocks);
        all.passed_over.extend(part.passed_over);
        all.suppressions.extend(part.suppressions);
    }
    let passed_over = std::mem::take(&mut all.passed_over);
    all.diagnostics.retain(|it| {
        let at = it.span().start;
        let after = passed_over.partition_point(|it| it.start <= at);
        let inside = after.checked_sub(1).is_some_and(|before| at < passed_over[before].end);
        it.code < Code::T1101 || !inside
    });
    for comment in &end_comments {
        all.suppression(comment, comment.span);
    }
    all.cover_blocks();
    let Reader { blocks, suppressions, diagnostics, .. } = all;
    (ast::File { id, blocks, end_comments, suppressions }, diagnostics)
}

/// Below this a thread is not worth its start.
const LINES_MIN: usize = 2_000;

/// Blocks have nothing to do with each other: those of a long file are read side by side.
fn read(id: FileId, mut lines: Vec<Logical>) -> Vec<Reader> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let size = lines.len().div_ceil(cores).max(LINES_MIN);
    let mut parts = Vec::new();
    while let Some(at) = (size..lines.len()).find(|it| lines[*it].margin) {
        let rest = lines.split_off(at);
        parts.push(std::mem::replace(&mut lines, rest));
    }
    std::thread::scope(|scope| {
        let spawn = |part| scope.spawn(move || Reader::of(id, part));
        let workers: Vec<_> = parts.into_iter().map(spawn).collect();
        let last = Reader::of(id, lines);
        let mut all: Vec<Reader> = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(it) => all.push(it),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all.push(last);
        all
    })
}

struct Reader {
    id: FileId,
    diagnostics: Vec<Diagnostic>,
    blocks: Vec<ast::Block>,
    /// The key word of the block at hand.
    word: String,
    /// The block at hand is unknown or of a later version: its lines are passed over.
    skipping: bool,
    /// Lines of such blocks: what the scanner says about them is of no use.
    passed_over: Vec<Span>,
    suppressions: Vec<ast::Suppression>,
    /// The line before is a row of a table.
    headed: bool,
}

impl Reader {
    fn new(id: FileId) -> Reader {
        Reader {
            id,
            diagnostics: Vec::new(),
            blocks: Vec::new(),
            word: String::new(),
            skipping: false,
            passed_over: Vec::new(),
            suppressions: Vec::new(),
            headed: false,
        }
    }

    fn of(id: FileId, lines: Vec<Logical>) -> Reader {
        let mut reader = Reader::new(id);
        for logical in lines {
            reader.comments(&logical);
            if !logical.broken && !logical.text.is_ascii() {
                reader.confusable(&logical);
            }
            if logical.margin { reader.head(logical) } else { reader.line(logical) }
        }
        reader.complete();
        reader
    }

    fn span(&self, logical: &Logical) -> Span {
        let indent = logical.text.len() - logical.text.trim_start().len();
        let start = logical.start + indent;
        Span::new(self.id, start, logical.start + logical.text.len())
    }

    fn first_word_span(&self, logical: &Logical, word: &str) -> Span {
        let span = self.span(logical);
        let first = logical.text.trim_start().chars().next().map_or(0, char::len_utf8);
        let length = word.len().max(first);
        Span { end: span.start + u32::try_from(length).unwrap_or(1), ..span }
    }

    fn comments(&mut self, logical: &Logical) {
        let covers = self.span(logical);
        for comment in logical.leading.iter().chain(&logical.trailing) {
            self.suppression(comment, covers);
        }
    }

    /// `#lang fr` in the first line is kept for other sets of key words.
    fn language(&mut self, first: &ast::Comment) {
        let language = first.text.strip_prefix("lang ").map_or("", str::trim);
        let short = language.len() == 2 && language.bytes().all(|it| it.is_ascii_lowercase());
        if first.span.start == 0 && short && language != "en" {
            let message = format!("key words in `{language}` are not in this version yet");
            let it = Diagnostic::new(Code::T1109, first.span, message);
            self.diagnostics.push(it.help("write the rules with English key words"));
        }
    }

    /// A letter of another script in a word of Latin letters, or a word of such letters alone that
    /// all look Latin, looks right and is another name.
    fn confusable(&mut self, logical: &Logical) {
        let mut outside = true;
        let mut at = logical.start;
        for word in logical.text.split_inclusive(|it: char| !it.is_alphanumeric() && it != '_') {
            if outside && let Some((offset, letter)) = lookalike::find(word) {
                let span = Span::new(self.id, at + offset, at + offset + letter.len_utf8());
                let code = u32::from(letter);
                let message = format!("`{letter}` (U+{code:04X}) is not a Latin letter");
                let it = Diagnostic::new(Code::T1303, span, message);
                self.diagnostics.push(it.help("type the word again with Latin letters"));
            }
            outside ^= word.ends_with(['"', '\u{201C}', '\u{201D}', '\u{AB}', '\u{BB}']);
            at += word.len();
        }
    }

    /// `# allow T4101: reason`
    fn suppression(&mut self, comment: &ast::Comment, covers: Span) {
        let Some(rest) = comment.text.strip_prefix("allow ") else { return };
        let (code, reason) = rest.split_once([':', ' ']).unwrap_or((rest, ""));
        let reason = reason.trim_start_matches([':', ' ']);
        if Code::parse(code.trim()).is_none() {
            return;
        }
        if reason.trim().is_empty() {
            let it = Diagnostic::new(Code::T1301, comment.span, "a suppression needs a reason");
            self.diagnostics.push(it.help(format!("write `# allow {}: why`", code.trim())));
            return;
        }
        self.suppressions.push(ast::Suppression {
            code: code.trim().to_uppercase(),
            reason: reason.trim().to_owned(),
            span: comment.span,
            covers: Span { start: covers.start.min(comment.span.start), ..covers },
        });
    }

    /// A suppression above the head of a block covers the block.
    fn cover_blocks(&mut self) {
        for block in &self.blocks {
            let end = block.lines.last().map_or(block.span.end, |it| it.span.end);
            for it in &mut self.suppressions {
                if it.covers.end == block.span.end {
                    it.covers.end = end;
                }
            }
        }
    }

    fn head(&mut self, logical: Logical) {
        self.complete();
        let word = first_word(logical.text.trim_start()).to_owned();
        let span = self.span(&logical);
        self.skipping = true;
        self.headed = false;
        self.word = word.clone();
        if !BLOCKS.contains(&word.as_str()) {
            if logical.broken {
                return;
            }
            let place = self.first_word_span(&logical, &word);
            let help = did_you_mean(&word, BLOCKS.iter().copied())
                .unwrap_or_else(|| format!("a block begins with {}", BLOCKS.join(", ")));
            let message = if word.is_empty() {
                "no block begins like this".to_owned()
            } else {
                format!("`{word}` begins no block")
            };
            self.diagnostics.push(Diagnostic::new(Code::T1102, place, message).help(help));
            return;
        }
        let head = if logical.broken {
            None
        } else {
            line::head(self.id, &logical, &mut self.diagnostics)
        };
        let Some(head) = head else { return };
        self.skipping = false;
        self.blocks.push(ast::Block {
            head,
            span,
            leading: logical.leading,
            trailing: logical.trailing,
            lines: Vec::new(),
            broken: false,
        });
    }

    fn line(&mut self, logical: Logical) {
        if self.word.is_empty() && self.blocks.is_empty() && !self.skipping {
            if !logical.broken {
                let span = self.span(&logical);
                let it = Diagnostic::new(Code::T1104, span, "this line belongs to no block");
                self.diagnostics.push(it.help("begin the file with a block, such as `rule R1`"));
            }
            self.skipping = true;
            return;
        }
        if self.skipping {
            if logical.broken {
                self.passed_over.push(self.span(&logical));
            }
            return;
        }
        let kind = if logical.broken { None } else { self.line_kind(&logical) };
        let span = self.span(&logical);
        let Some(block) = self.blocks.last_mut() else { return };
        match kind {
            Some(kind) => block.lines.push(ast::Line {
                kind,
                span,
                leading: logical.leading,
                trailing: logical.trailing,
                blank_before: logical.blank_before,
            }),
            None => block.broken = true,
        }
    }

    fn line_kind(&mut self, logical: &Logical) -> Option<LineKind> {
        let text = logical.text.trim_start();
        if self.word == "test" {
            let line = test_block::line(self.id, logical, self.headed, &mut self.diagnostics);
            self.headed = text.starts_with('|');
            return line.map(LineKind::Test);
        }
        if !text.starts_with('-') {
            let word = first_word(text);
            let words = line_words(&self.word);
            if !words.contains(&word) {
                let message = if word.is_empty() {
                    "this line begins with no key word".to_owned()
                } else {
                    format!("`{word}` begins no line of a {}", self.word)
                };
                let help = did_you_mean(word, words.iter().copied())
                    .unwrap_or_else(|| format!("a line begins with {}, or `- `", words.join(", ")));
                let span = self.first_word_span(logical, word);
                self.diagnostics.push(Diagnostic::new(Code::T1103, span, message).help(help));
                return None;
            }
        }
        line::line(self.id, logical, &mut self.diagnostics)
    }

    /// Once all the lines of a block are known.
    fn complete(&mut self) {
        if self.skipping {
            return;
        }
        let Some(block) = self.blocks.last_mut().filter(|it| !it.broken) else { return };
        let mut found = Vec::new();
        repeated(block, &mut found);
        needed(block, &mut found);
        if found.is_empty() {
            bullets(block, &mut found);
        }
        block.broken = !found.is_empty();
        self.diagnostics.append(&mut found);
        self.skipping = true;
    }
}

fn once(kind: &LineKind) -> Option<&'static str> {
    Some(match kind {
        LineKind::Valid { .. } => "valid",
        LineKind::For { .. } => "for",
        LineKind::When(_) => "when",
        LineKind::Unless(_) => "unless",
        LineKind::Then => "then",
        LineKind::Score(_) => "score",
        LineKind::Channel { .. } => "channel",
        LineKind::Because(_) => "because",
        LineKind::As(_) => "as",
        LineKind::Dated(_) => "dated",
        LineKind::Key(_) => "key",
        LineKind::History { .. } => "history",
        LineKind::Of(..) => "of",
        LineKind::By { otherwise: false, .. } => "by",
        LineKind::Window(_) => "window",
        LineKind::Refresh { .. } => "refresh",
        LineKind::Require { .. } => "require",
        LineKind::AllowPartial => "allow",
        LineKind::Policy(it) => return it.once(),
        _ => return None,
    })
}

fn repeated(block: &ast::Block, found: &mut Vec<Diagnostic>) {
    let mut seen: Vec<(&str, Span)> = Vec::new();
    for line in &block.lines {
        let Some(word) = once(&line.kind) else { continue };
        if let Some((_, first)) = seen.iter().find(|it| it.0 == word) {
            let it = Diagnostic::new(Code::T1107, line.span, format!("a second `{word}`"));
            found.push(it.label(*first, "the first one").help("keep one of them"));
        }
        seen.push((word, line.span));
    }
}

fn needed(block: &ast::Block, found: &mut Vec<Diagnostic>) {
    let has = |word: &str| block.lines.iter().any(|it| once(&it.kind) == Some(word));
    let (missing, help) = match &block.head {
        ast::Head::Rule { .. } if !has("when") => ("when", "add `when` and a condition"),
        ast::Head::Define { .. } if !has("as") => ("as", "add `as` and an expression"),
        ast::Head::Profile { .. } if !has("of") => ("of", "add `of unit_value over past items`"),
        _ => return,
    };
    let message = format!("this block has no `{missing}`");
    found.push(Diagnostic::new(Code::T1108, block.span, message).help(help));
}

/// Bullets stand below a combiner, second-level ones below a first-level combiner.
fn bullets(block: &ast::Block, found: &mut Vec<Diagnostic>) {
    let free = matches!(block.head, ast::Head::Parameter { .. } | ast::Head::Group { .. });
    // What may follow: how many levels of combiner are open, and which of them waits for a bullet.
    let mut depth = u8::from(free);
    let mut waiting: Option<(u8, Span)> = None;
    for line in &block.lines {
        let (body, own) = match &line.kind {
            LineKind::When(body) | LineKind::Unless(body) | LineKind::As(body) => (Some(body), 0),
            LineKind::Bullet(bullet) => (Some(&bullet.body), bullet.depth),
            _ => (None, 0),
        };
        if let Some((wanted, span)) = waiting.take()
            && own < wanted
        {
            let it = Diagnostic::new(Code::T1106, span, "no bullets follow");
            let is_beside = wanted == 2 && own == 1;
            found.push(it.help(match is_beside {
                true => "begin the lines that belong below this bullet with `--`",
                false => "add lines that begin with `-`, or write one expression",
            }));
        }
        if own > 2 || depth < own {
            let message = match own {
                1 => "a bullet needs `all of`, `any of`, `none of` or `at least 2 of` above it",
                2 => "a second-level bullet stands below a bullet such as `- any of`",
                _ => "there is no third level",
            };
            let help = if own > 2 {
                "name the idea with `define`"
            } else {
                "end the line above with `all of`"
            };
            found.push(Diagnostic::new(Code::T1106, line.span, message).help(help));
            return;
        }
        match body {
            Some(ast::Body::Combiner(_, span)) => {
                depth = own + 1;
                waiting = Some((own + 1, *span));
            }
            Some(ast::Body::Expr(_)) if own == 0 => depth = 0,
            Some(ast::Body::Expr(_)) => depth = own,
            None => depth = u8::from(free),
        }
    }
    if let Some((_, span)) = waiting {
        let it = Diagnostic::new(Code::T1106, span, "no bullets follow");
        found.push(it.help("add lines that begin with `-`, or write one expression"));
    }
}
