//! Trees to text in one canonical layout. What could not be read stays as it was written.

use crate::source::SourceFile;
use crate::syntax::ast;
use crate::syntax::ast::Body;
use crate::syntax::ast::Comment;
use crate::syntax::ast::Head;
use crate::syntax::ast::LineKind;
use crate::syntax::ast::MetaValue;
use crate::syntax::ast::Text;
use crate::syntax::ast::TypeRef;
use crate::syntax::format_expr;
use crate::syntax::format_expr::BREAK;
use crate::syntax::format_expr::Level;
use crate::syntax::scan;
use crate::syntax::test_block;
use crate::syntax::word;

const WIDTH: usize = 100;

/// The file in canonical layout; formatting the result again changes nothing.
pub fn format(file: &ast::File, source: &SourceFile) -> String {
    let mut writer = Writer { out: String::new(), source };
    let heads: Vec<(usize, usize)> = segments(file, source);
    for (at, (start, head)) in heads.iter().enumerate() {
        let end = heads.get(at + 1).map_or_else(|| end_of_blocks(file, source), |it| it.0);
        let block = file.blocks.iter().find(|it| it.span.start as usize == *head);
        let block = block.filter(|it| !it.broken);
        let above = block.map_or(0, |it| writer.last_of_block(&it.leading));
        if !writer.out.is_empty() {
            writer.out.push('\n');
        }
        match block {
            Some(block) => writer.block(block, above),
            None => writer.verbatim(*start, end),
        }
    }
    let inside = writer.last_of_block(&file.end_comments);
    let after = &file.end_comments[inside..];
    if !after.is_empty() {
        writer.blank();
    }
    for (at, comment) in after.iter().enumerate() {
        writer.comment(comment, 0, at == 0);
    }
    writer.out
}

/// Of each block: where its text begins, comments above it included, and where its head does.
fn segments(file: &ast::File, source: &SourceFile) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let lines = scan::scan(file.id, &source.text).lines;
    for (at, line) in lines.iter().enumerate() {
        // A comment inside a continued line leads it too.
        let first = line.leading.first().map_or(line.start, |it| it.span.start as usize);
        let first = first.min(line.start);
        if line.margin {
            found.push((first, line.start));
        } else if at == 0 {
            found.push((first, usize::MAX));
        }
    }
    found
}

fn end_of_blocks(file: &ast::File, source: &SourceFile) -> usize {
    file.end_comments.first().map_or(source.text.len(), |it| it.span.start as usize)
}

struct Writer<'a> {
    out: String,
    source: &'a SourceFile,
}

impl Writer<'_> {
    fn verbatim(&mut self, start: usize, end: usize) {
        let text = self.source.text.get(start..end).unwrap_or_default();
        for line in text.trim_end().lines() {
            self.out.push_str(line.trim_end());
            self.out.push('\n');
        }
    }

    fn comment(&mut self, it: &Comment, indent: usize, first: bool) {
        if it.blank_before && !first {
            self.blank();
        }
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(&self.comment_text(it));
        self.out.push('\n');
    }

    /// `# text`; a row of signs stays, and so does `#lang`.
    fn comment_text(&self, it: &Comment) -> String {
        let written = self.source.slice(it.span).trim_end();
        let rest = written.strip_prefix('#').unwrap_or(written);
        if rest.starts_with(|it: char| it.is_alphanumeric()) && !rest.starts_with("lang ") {
            return format!("# {rest}");
        }
        written.to_owned()
    }

    fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// Comments that stand in, below the last line of a block, stay with it. Says how many.
    fn last_of_block(&mut self, comments: &[Comment]) -> usize {
        if self.out.is_empty() {
            return 0;
        }
        let mut count = 0;
        for it in comments {
            let indent = match self.column(it) {
                0 => break,
                1..4 => 2,
                _ => 4,
            };
            self.comment(it, indent, false);
            count += 1;
        }
        count
    }

    /// How far from the margin a comment stands.
    fn column(&self, it: &Comment) -> usize {
        let before = self.source.text.get(..it.span.start as usize).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        line.chars().count()
    }

    /// Its first `above` comments are written already.
    fn block(&mut self, block: &ast::Block, above: usize) {
        let leading = &block.leading[above..];
        for (at, comment) in leading.iter().enumerate() {
            self.comment(comment, 0, at == 0);
        }
        if let Some(last) = leading.last() {
            let between = (last.span.end as usize)..(block.span.start as usize);
            let between = self.source.text.get(between).unwrap_or_default();
            if between.matches('\n').count() > 1 {
                self.blank();
            }
        }
        self.line(0, &self.head(&block.head), block.trailing.as_ref());
        let flat = matches!(block.head, Head::Parameter { .. } | Head::Group { .. });
        let rows = test_block::aligned(&block.lines, |it| self.expr(it).replace(BREAK, " "));
        let mut then = false;
        for (line, row) in block.lines.iter().zip(rows) {
            then |= matches!(line.kind, LineKind::Then);
            let indent = match &line.kind {
                LineKind::Bullet(it) => 2 + 2 * usize::from(it.depth) - if flat { 2 } else { 0 },
                LineKind::Score(_) | LineKind::Channel { .. } if then => 4,
                LineKind::Show(_) | LineKind::Because(_) if then => 4,
                LineKind::Test(it) if !it.opens() => 4,
                _ => 2,
            };
            for comment in &line.leading {
                self.comment(comment, indent, false);
            }
            if line.blank_before {
                self.blank();
            }
            let text = row.unwrap_or_else(|| self.kind(&line.kind));
            self.line(indent, &text, line.trailing.as_ref());
        }
    }

    /// One logical line, broken where it may be when it is too long.
    fn line(&mut self, indent: usize, text: &str, trailing: Option<&Comment>) {
        // At the limit of what can be read, not a space is added.
        let tight = scan::LINE_BYTES_MAX < indent + text.len();
        let text = if tight { &text.replace(&format!(",{BREAK}"), ",") } else { text };
        let parts: Vec<&str> = text.split(BREAK).collect();
        let width = |it: &str| it.chars().count();
        let total = if text.len() < scan::LINE_BYTES_MAX / 2 { indent + width(text) } else { 0 };
        let mut line = " ".repeat(indent);
        for (at, part) in parts.into_iter().enumerate() {
            // A line may not begin with what the scanner takes for a new one.
            let fixed = part.starts_with('-') || scan::LINE_WORDS.contains(&scan::first_word(part));
            if at > 0 && WIDTH < total && !fixed && WIDTH < width(&line) + 1 + width(part) {
                self.out.push_str(&line);
                self.out.push('\n');
                line = " ".repeat(indent + 4);
            } else if at > 0 {
                line.push(' ');
            }
            line.push_str(part);
        }
        self.out.push_str(&line);
        if let Some(comment) = trailing {
            self.out.push_str("  ");
            self.out.push_str(&self.comment_text(comment));
        }
        self.out.push('\n');
    }

    fn expr(&self, it: &ast::Expr) -> String {
        format_expr::expr(it, Level::Or, self.source)
    }

    fn text(&self, it: &Text) -> String {
        format_expr::text(&it.text, it.span, self.source)
    }

    /// ` word "text"`, or nothing.
    fn text_after(&self, word: &str, it: Option<&Text>) -> String {
        it.map(|it| format!("{word}{}", self.text(it))).unwrap_or_default()
    }

    fn head(&self, it: &Head) -> String {
        match it {
            Head::Rule { name, title } => {
                format!("rule {}{}", name.text, self.text_after(" ", title.as_ref()))
            }
            Head::Policy { name } => format!("policy {}", name.text),
            Head::Define { name, formals } if formals.is_empty() => format!("define {}", name.text),
            Head::Define { name, formals } => {
                let one = |it: &ast::Formal| format!("{}: {}", it.name.text, ty(&it.ty));
                format!("define {}({})", name.text, list(formals, one))
            }
            Head::Parameter { name, ty: it } => format!("parameter {} : {}", name.text, ty(it)),
            Head::List { name, file } => {
                format!("list {}{}", name.text, self.text_after(" file ", file.as_ref()))
            }
            Head::Codes { name, levels, extends, file, dated: period } => {
                let levels = match levels.as_slice() {
                    [] => String::new(),
                    all => format!(" levels {}", list(all, u32::to_string).replace(BREAK, " ")),
                };
                let extends = name_after(" extends ", extends.as_ref());
                let file = self.text_after(" file ", file.as_ref());
                format!("codes {}{levels}{extends}{file}{}", name.text, dated(period.as_ref()))
            }
            Head::Choice { name, values, ordered } => {
                let ordered = if *ordered { " ordered" } else { "" };
                format!("choice {} {}{ordered}", name.text, list(values, |it| it.text.clone()))
            }
            Head::Group { name, title, members, file, dated: period } => {
                let title = self.text_after(" ", title.as_ref());
                let members = match members.as_slice() {
                    [] => String::new(),
                    all => format!(" {}", list(all, |it| it.text.clone())),
                };
                let file = self.text_after(" file ", file.as_ref());
                format!("group {}{title}{members}{file}{}", name.text, dated(period.as_ref()))
            }
            Head::Profile { name, title } => {
                format!("profile {}{}", name.text, self.text_after(" ", title.as_ref()))
            }
            Head::Test { subject, title } => {
                format!("test {}{}", subject.words(), self.text_after(" ", title.as_ref()))
            }
            Head::Record { name, label, parent } => {
                let label = self.text_after(" ", label.as_ref());
                format!("record {}{label}{}", name.text, name_after(" in ", parent.as_ref()))
            }
        }
    }

    fn kind(&self, it: &LineKind) -> String {
        match it {
            LineKind::Meta { key, values } => {
                let value = |it: &MetaValue| match it {
                    MetaValue::Text(it) => self.text(it),
                    MetaValue::Date(it) => it.date.to_string(),
                    MetaValue::Name(it) => it.text.clone(),
                };
                format!("{} {}", word::meta_key(*key), list(values, value))
            }
            LineKind::Valid { from, to } => {
                let from = date_after(" from ", from.as_ref());
                format!("valid{from}{}", date_after(" to ", to.as_ref()))
            }
            LineKind::For { each, record, of } => {
                let each = if *each { "each " } else { "" };
                format!("for {each}{}{}", record.text, name_after(" of ", of.as_ref()))
            }
            LineKind::When(it) => format!("when {}", self.body(it)),
            LineKind::Unless(it) => format!("unless {}", self.body(it)),
            LineKind::As(it) => format!("as {}", self.body(it)),
            LineKind::Then => "then".to_owned(),
            LineKind::Score(it) => format!("score {}", self.expr(it)),
            LineKind::Channel { name, mandatory } => {
                format!("channel {}{}", name.text, if *mandatory { " mandatory" } else { "" })
            }
            LineKind::Show(all) => match all.as_slice() {
                [only] => format!("show {}", self.expr(only)),
                all => {
                    format!("show {}", list(all, |it| format_expr::listed(it, self.source)))
                }
            },
            LineKind::Because(it) => {
                format!("because {}", format_expr::text(&it.raw, it.span, self.source))
            }
            LineKind::Bullet(it) => self.bullet(it),
            LineKind::Policy(it) => {
                it.words(&|it| self.expr(it), &|it| self.text(it), &format!(",{BREAK}"))
            }
            _ => self.declaration(it),
        }
    }

    /// The lines of lists and records.
    fn declaration(&self, it: &LineKind) -> String {
        match it {
            LineKind::Column { name, ty: it, personal, key } => {
                let personal = if *personal { " personal" } else { "" };
                let key = match key {
                    ast::ColumnKey::None => "",
                    ast::ColumnKey::Key => ", key",
                    ast::ColumnKey::PrefixKey => ", prefix key",
                };
                format!("column {} : {}{personal}{key}", name.text, ty(it))
            }
            LineKind::Dated(it) => dated(Some(it)).trim_start().to_owned(),
            LineKind::Key(all) => format!("key {}", list(all, |it| it.text.clone())),
            LineKind::Field { name, ty: it, required, personal, formerly, known, label } => {
                let required = if *required { " required" } else { "" };
                let personal = if *personal { " personal" } else { "" };
                let formerly = name_after(" formerly ", formerly.as_ref());
                let label = self.text_after(" ", label.as_ref());
                let known = known.as_ref().map(word::known).unwrap_or_default();
                format!(
                    "field {} : {}{required}{personal}{formerly}{known}{label}",
                    name.text,
                    ty(it)
                )
            }
            LineKind::Derived { name, value, unit, label } => {
                // Without its parentheses `(hs in EU)` would end in a unit.
                let least = match unit {
                    Some(_) => Level::OrElse,
                    None if matches!(value.kind, ast::ExprKind::Test { .. }) => Level::Atom,
                    None => Level::Or,
                };
                let value = format_expr::expr(value, least, self.source);
                let unit = unit.as_ref().map(|it| format!(" in {}", it.text)).unwrap_or_default();
                let label = self.text_after(" ", label.as_ref());
                format!("derived {} : {value}{unit}{label}", name.text)
            }
            LineKind::Has(all) => {
                let one = |it: &ast::Has| format!("{} {}..{}", it.record.text, it.least, it.most);
                format!("has {}", list(all, one))
            }
            LineKind::Refers { name, by, to, as_of } => {
                let as_of = name_after(" as of ", as_of.as_ref());
                format!("refers {} by {} to {}{as_of}", name.text, by.text, to.text)
            }
            LineKind::History { event, date, known_from, complete_since, complete_until } => {
                let parts = [
                    name_after(" event ", event.as_ref()),
                    name_after(" date ", date.as_ref()),
                    name_after(" known from ", known_from.as_ref()),
                    date_after(" complete since ", complete_since.as_ref()),
                    date_after(" complete until ", complete_until.as_ref()),
                ];
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                let given: Vec<&str> = parts.into_iter().filter(|it| !it.is_empty()).collect();
                format!("history{}", given.join(","))
            }
            _ => self.profile(it),
        }
    }

    /// The lines of profiles.
    fn profile(&self, it: &LineKind) -> String {
        let key = |it: &ast::Expr| format_expr::expr(it, Level::Postfix, self.source);
        match it {
            LineKind::Of(measure, rows) => {
                let measure = format_expr::measure(measure, self.source);
                format!("of {measure} over {}", format_expr::rows(rows, self.source))
            }
            LineKind::By { otherwise, keys } => {
                let word = if *otherwise { "else by" } else { "by" };
                format!("{word} {}", list(keys, key))
            }
            LineKind::Window(it) => format!("window {}", self.expr(it)),
            LineKind::Refresh { exact } => {
                format!("refresh {}", if *exact { "exact" } else { "daily" })
            }
            LineKind::Require { values, support } => {
                let support = support
                    .as_ref()
                    .map(|(count, it)| format!(" from at least {count} {}", key(it)));
                format!("require at least {values} values{}", support.unwrap_or_default())
            }
            LineKind::Gives(all) => format!("gives {}", list(all, |it| it.text.clone())),
            LineKind::AllowPartial => "allow partial".to_owned(),
            LineKind::Test(it) => it.words(|it| self.expr(it).replace(BREAK, " ")),
            _ => String::new(),
        }
    }

    fn body(&self, it: &Body) -> String {
        match it {
            Body::Combiner(it, _) => word::combiner(*it),
            Body::Expr(it) => self.expr(it),
        }
    }

    fn bullet(&self, it: &ast::Bullet) -> String {
        let mark = "-".repeat(usize::from(it.depth));
        let name = it.name.as_ref().map(|it| format!("{}: ", self.text(it))).unwrap_or_default();
        let since = date_after(" since ", it.since.as_ref());
        let until = date_after(" until ", it.until.as_ref());
        format!("{mark} {name}{}{since}{until}", self.body(&it.body))
    }
}

/// With commas, breakable after each.
fn list<T>(all: &[T], one: impl Fn(&T) -> String) -> String {
    all.iter().map(one).collect::<Vec<_>>().join(&format!(",{BREAK}"))
}

fn name_after(word: &str, it: Option<&ast::Name>) -> String {
    it.map(|it| format!("{word}{}", it.text)).unwrap_or_default()
}

fn date_after(word: &str, it: Option<&ast::Date>) -> String {
    it.map(|it| format!("{word}{}", it.date)).unwrap_or_default()
}

fn dated(it: Option<&ast::Dated>) -> String {
    it.map(|it| format!(" dated {}, {}", it.from.text, it.to.text)).unwrap_or_default()
}

fn ty(it: &TypeRef) -> String {
    let name = if it.name.text == "whole" { "whole number" } else { &it.name.text };
    let of = name_after(" of ", it.of.as_ref());
    let unit = it.unit.as_ref().map(|it| format!(" in {}", it.text)).unwrap_or_default();
    format!("{name}{of}{unit}{}", name_after(" by ", it.by.as_ref()))
}
