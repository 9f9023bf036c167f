//! Lines of `test` blocks: what is given, tables, what is expected.
//!
//! `given`, `expect` and `table` open a part; every other line belongs to the part above it. A line
//! whose second word is `is` gives a value, whatever its first word.

use pest::iterators::Pair;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::source::FileId;
use crate::source::Span;
use crate::syntax::ast::Expr;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::Head;
use crate::syntax::ast::Line;
use crate::syntax::ast::LineKind;
use crate::syntax::ast::Name;
use crate::syntax::ast::Text;
use crate::syntax::from_pest::Builder;
use crate::syntax::from_pest::Rule;
use crate::syntax::many::parts;
use crate::syntax::refusal::parse;
use crate::syntax::scan::Logical;
use crate::syntax::scan::first_word;
use crate::syntax::word;

/// What a test is about.
#[derive(Debug, Clone)]
pub enum TestSubject {
    Rule(Name),
    Profile(Name),
}

#[derive(Debug, Clone)]
pub enum TestLine {
    /// `given declaration`, `given item 2`, `given importer`, `given peers`
    Rows {
        past: bool,
        name: Name,
        number: Option<u32>,
    },
    List(Name),
    /// `given parameter low_ratio is 45 %`
    Parameter(Name, Expr),
    /// `given rule R0102 is hit`
    Hit(Name, Outcome),
    /// `given importer known for 30 days`
    KnownFor(Expr, Expr),
    /// `net_mass is 100 kg`
    Value(Vec<Name>, Expr),
    Table,
    /// The first row of a table.
    Headings(Vec<Heading>),
    Cells(Vec<Cell>),
    Expect(Expectation),
}

#[derive(Debug, Clone)]
pub enum Outcome {
    Hit,
    NoHit,
    /// Because of these fields, among others.
    Undecided(Vec<Text>),
}

#[derive(Debug, Clone)]
pub enum Expectation {
    Outcome(Outcome, Span),
    Score(Expr),
    Channel(Name),
    /// `median is 25 EUR/kg`
    Value(Vec<Name>, Expr),
}

#[derive(Debug, Clone)]
pub struct Heading {
    pub kind: HeadingKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum HeadingKind {
    /// `hs`, `item.hs`, `item 2.hs`
    Field {
        path: Vec<Name>,
        number: Option<u32>,
    },
    KnownFor(Expr),
    Outcome,
    Score,
    Channel,
    Expected(Vec<Name>),
}

#[derive(Debug, Clone)]
pub struct Cell {
    pub kind: CellKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum CellKind {
    Outcome(Outcome),
    Value(Expr),
}

const OPENERS: [&str; 3] = ["given", "expect", "table"];

/// A line of a test, or `None` with the reason reported. `headed`: the line before is a row.
pub fn line(
    id: FileId,
    it: &Logical,
    headed: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<TestLine> {
    let text = it.text.trim_start();
    let base = it.start + it.text.len() - text.len();
    if text.starts_with('|') {
        return row(id, base, text, headed, diagnostics);
    }
    let rule = match first_word(text) {
        _ if gives_value(text) => Rule::given_value,
        "given" => Rule::given,
        "expect" => Rule::expect,
        "table" => Rule::table,
        other => {
            let span = Span::new(id, base, base + other.len().max(1));
            let message = format!("`{other}` begins no line of a test");
            let help = did_you_mean(other, OPENERS).unwrap_or_else(|| {
                "write `given …`, `field is value`, `table`, `| … |` or `expect …`".to_owned()
            });
            diagnostics.push(Diagnostic::new(Code::T1103, span, message).help(help));
            return None;
        }
    };
    let pair = parse(rule, id, base, text, diagnostics)?;
    let mut builder = Builder { id, base, diagnostics, failed: false };
    let line = builder.test_line(pair);
    if builder.failed { None } else { line }
}

/// Whether the second word is `is`.
fn gives_value(text: &str) -> bool {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let first = text.get(..end).unwrap_or_default();
    let named = first.chars().all(|it| it.is_alphanumeric() || it == '_' || it == '.');
    named && first_word(text.get(end..).unwrap_or_default().trim_start()) == "is"
}

fn row(
    id: FileId,
    base: usize,
    text: &str,
    headed: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<TestLine> {
    let whole = text.trim_end();
    let span = Span::new(id, base, base + whole.len());
    let Some(inner) = whole.strip_prefix('|').and_then(|it| it.strip_suffix('|')) else {
        let it = Diagnostic::new(Code::T1101, span, "this row is not closed");
        diagnostics.push(it.help("end it with `|`"));
        return None;
    };
    let (mut headings, mut cells) = (Vec::new(), Vec::new());
    let mut broken = false;
    for (at, part) in split(inner) {
        let start = base + 1 + at + part.len() - part.trim_start().len();
        let part = part.trim();
        if part.is_empty() {
            let place = Span::new(id, start, start + 1);
            let it = Diagnostic::new(Code::T1101, place, "an empty cell");
            diagnostics.push(it.help("write `missing` for no value"));
            broken = true;
            continue;
        }
        let rule = if headed { Rule::cell } else { Rule::heading };
        let Some(pair) = parse(rule, id, start, part, diagnostics) else {
            broken = true;
            continue;
        };
        let mut builder = Builder { id, base: start, diagnostics, failed: false };
        let span = builder.span(&pair);
        if headed {
            cells.extend(builder.cell(pair).map(|kind| Cell { kind, span }));
        } else {
            headings.extend(builder.heading(pair).map(|kind| Heading { kind, span }));
        }
        broken |= builder.failed;
    }
    match (broken, headed) {
        (true, _) => None,
        (false, true) => Some(TestLine::Cells(cells)),
        (false, false) => Some(TestLine::Headings(headings)),
    }
}

/// What stands between bars that are in no text, each with its place.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut all = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, it) in text.char_indices() {
        quoted ^= matches!(it, '"' | '\u{201C}' | '\u{201D}' | '\u{AB}' | '\u{BB}');
        if it == '|' && !quoted {
            all.push((start, text.get(start..at).unwrap_or_default()));
            start = at + 1;
        }
    }
    all.push((start, text.get(start..).unwrap_or_default()));
    all
}

impl Builder<'_> {
    pub fn test_head(&mut self, pairs: &[Pair<Rule>]) -> Option<Head> {
        let first = pairs.first()?;
        let subject = match first.as_rule() {
            Rule::test_profile => {
                let name = parts(first.clone()).into_iter().next()?;
                TestSubject::Profile(self.name(&name))
            }
            _ => TestSubject::Rule(self.name(first)),
        };
        Some(Head::Test { subject, title: self.string_of(pairs) })
    }

    fn test_line(&mut self, pair: Pair<Rule>) -> Option<TestLine> {
        let rule = pair.as_rule();
        let mut all = parts(pair).into_iter();
        match rule {
            Rule::table => return Some(TestLine::Table),
            Rule::given_value => {
                let path = self.test_path(&all.next()?);
                return Some(TestLine::Value(path, self.test_value(all.next()?)));
            }
            _ => {}
        }
        let inner = all.next()?;
        let span = self.span(&inner);
        let rule = inner.as_rule();
        if rule == Rule::outcome {
            return Some(TestLine::Expect(Expectation::Outcome(self.outcome(inner)?, span)));
        }
        let pairs = parts(inner);
        let mut all = pairs.iter().cloned();
        Some(match rule {
            Rule::given_list => TestLine::List(self.name(&all.next()?)),
            Rule::given_parameter => {
                let name = self.name(&all.next()?);
                TestLine::Parameter(name, self.test_value(all.next()?))
            }
            Rule::given_rule => {
                let name = self.name(&all.next()?);
                TestLine::Hit(name, self.outcome(all.next()?)?)
            }
            Rule::given_known => {
                let whom = self.path_of(&all.next()?);
                TestLine::KnownFor(whom, self.test_value(all.next()?))
            }
            Rule::given_rows => {
                let past = Self::part(&pairs, Rule::past).is_some();
                let name = self.name(&Self::part(&pairs, Rule::name)?);
                let number = Self::part(&pairs, Rule::int).as_ref().and_then(Self::count_of);
                TestLine::Rows { past, name, number }
            }
            Rule::expect_score => TestLine::Expect(Expectation::Score(self.expr(all.next()?))),
            Rule::expect_channel => TestLine::Expect(Expectation::Channel(self.name(&all.next()?))),
            _ => {
                let path = self.test_path(&all.next()?);
                TestLine::Expect(Expectation::Value(path, self.test_value(all.next()?)))
            }
        })
    }

    fn test_path(&self, pair: &Pair<Rule>) -> Vec<Name> {
        pair.clone().into_inner().map(|it| self.name(&it)).collect()
    }

    /// An expression, or a reserved word that is a value of a choice.
    fn test_value(&mut self, pair: Pair<Rule>) -> Expr {
        let span = self.span(&pair);
        match pair.into_inner().next() {
            Some(it) if it.as_rule() == Rule::expr => self.expr(it),
            Some(it) => Expr { kind: ExprKind::Path(vec![self.name(&it)]), span },
            None => Expr { kind: ExprKind::Error, span },
        }
    }

    fn outcome(&mut self, pair: Pair<Rule>) -> Option<Outcome> {
        let inner = pair.into_inner().next()?;
        Some(match inner.as_rule() {
            Rule::o_no_hit => Outcome::NoHit,
            Rule::o_hit => Outcome::Hit,
            _ => {
                let fields = parts(inner).into_iter().filter(|it| it.as_rule() == Rule::string);
                Outcome::Undecided(fields.map(|it| self.text(it)).collect())
            }
        })
    }

    fn cell(&mut self, pair: Pair<Rule>) -> Option<CellKind> {
        let span = self.span(&pair);
        let inner = pair.into_inner().next()?;
        Some(match inner.as_rule() {
            Rule::outcome => CellKind::Outcome(self.outcome(inner)?),
            Rule::expr => CellKind::Value(self.expr(inner)),
            _ => {
                let kind = ExprKind::Path(vec![self.name(&inner)]);
                CellKind::Value(Expr { kind, span })
            }
        })
    }

    fn heading(&mut self, pair: Pair<Rule>) -> Option<HeadingKind> {
        let inner = pair.into_inner().next()?;
        let text = inner.as_str().trim();
        Some(match inner.as_rule() {
            Rule::heading_known => {
                HeadingKind::KnownFor(self.path_of(&parts(inner).into_iter().next()?))
            }
            Rule::heading_expect => match parts(inner.clone()).into_iter().next() {
                Some(path) => HeadingKind::Expected(self.test_path(&path)),
                None if text.ends_with("score") => HeadingKind::Score,
                None if text.ends_with("channel") => HeadingKind::Channel,
                None => HeadingKind::Outcome,
            },
            Rule::heading_row => {
                let all = parts(inner);
                let number = all.get(1)?.as_str().trim().trim_end_matches('.').parse().ok()?;
                let path = vec![self.name(all.first()?), self.name(all.get(2)?)];
                HeadingKind::Field { path, number: Some(number) }
            }
            Rule::heading_path => {
                let path = self.test_path(&inner.into_inner().next()?);
                HeadingKind::Field { path, number: None }
            }
            _ => HeadingKind::Field { path: vec![self.name(&inner)], number: None },
        })
    }
}

impl TestSubject {
    pub fn name(&self) -> &Name {
        match self {
            TestSubject::Rule(it) | TestSubject::Profile(it) => it,
        }
    }

    /// `R0101`, `profile peers`
    pub fn words(&self) -> String {
        match self {
            TestSubject::Rule(it) => it.text.clone(),
            TestSubject::Profile(it) => format!("profile {}", it.text),
        }
    }
}

impl Outcome {
    fn words(&self) -> String {
        match self {
            Outcome::Hit => "hit".to_owned(),
            Outcome::NoHit => "no hit".to_owned(),
            Outcome::Undecided(fields) => {
                let all: Vec<String> = fields.iter().map(|it| quoted(&it.text)).collect();
                format!("undecided {}", all.join(", ")).trim_end().to_owned()
            }
        }
    }
}

/// In marks that the text does not hold.
fn quoted(text: &str) -> String {
    match text {
        _ if !text.contains('"') => format!("\"{text}\""),
        _ if !text.contains('\u{201D}') => format!("\u{201C}{text}\u{201D}"),
        _ => format!("\u{AB}{text}\u{BB}"),
    }
}

impl Cell {
    fn words(&self, expr: impl Fn(&Expr) -> String) -> String {
        match &self.kind {
            CellKind::Outcome(it) => it.words(),
            // Without its parentheses a name could be taken for an outcome.
            CellKind::Value(it) => match expr(it) {
                text if matches!(text.as_str(), "hit" | "undecided") => format!("({text})"),
                text => text,
            },
        }
    }
}

impl Heading {
    fn words(&self, expr: impl Fn(&Expr) -> String) -> String {
        match &self.kind {
            HeadingKind::Field { path, number: Some(number) } => {
                let field = path.get(1).map(|it| it.text.as_str()).unwrap_or_default();
                let record = path.first().map(|it| it.text.as_str()).unwrap_or_default();
                format!("{record} {number}.{field}")
            }
            HeadingKind::Field { path, number: None } => word::path(path),
            HeadingKind::KnownFor(it) => format!("{} known for", expr(it)),
            HeadingKind::Outcome => "expect".to_owned(),
            HeadingKind::Score => "expect score".to_owned(),
            HeadingKind::Channel => "expect channel".to_owned(),
            HeadingKind::Expected(path) => format!("expect {}", word::path(path)),
        }
    }
}

impl TestLine {
    /// A line as it is written, tables not aligned.
    pub fn words(&self, expr: impl Fn(&Expr) -> String) -> String {
        match self {
            TestLine::Rows { past, name, number } => {
                let past = if *past { "past " } else { "" };
                let number = number.map(|it| format!(" {it}")).unwrap_or_default();
                format!("given {past}{}{number}", name.text)
            }
            TestLine::List(name) => format!("given list {}", name.text),
            TestLine::Parameter(name, it) => {
                format!("given parameter {} is {}", name.text, expr(it))
            }
            TestLine::Hit(name, it) => format!("given rule {} is {}", name.text, it.words()),
            TestLine::KnownFor(whom, it) => format!("given {} known for {}", expr(whom), expr(it)),
            TestLine::Value(path, it) => format!("{} is {}", word::path(path), expr(it)),
            TestLine::Table => "table".to_owned(),
            TestLine::Headings(_) | TestLine::Cells(_) => {
                format!("| {} |", self.cells(expr).join(" | "))
            }
            TestLine::Expect(it) => match it {
                Expectation::Outcome(it, _) => format!("expect {}", it.words()),
                Expectation::Score(it) => format!("expect score {}", expr(it)),
                Expectation::Channel(it) => format!("expect channel {}", it.text),
                Expectation::Value(path, it) => {
                    format!("expect {} is {}", word::path(path), expr(it))
                }
            },
        }
    }

    fn cells(&self, expr: impl Fn(&Expr) -> String) -> Vec<String> {
        match self {
            TestLine::Headings(all) => all.iter().map(|it| it.words(&expr)).collect(),
            TestLine::Cells(all) => all.iter().map(|it| it.words(&expr)).collect(),
            _ => Vec::new(),
        }
    }

    pub fn is_row(&self) -> bool {
        matches!(self, TestLine::Headings(_) | TestLine::Cells(_))
    }

    pub fn opens(&self) -> bool {
        !self.is_row() && !matches!(self, TestLine::Value(..))
    }
}

/// The rows of the tables of a block, columns one below the other; nothing for other lines.
pub fn aligned(lines: &[Line], expr: impl Fn(&Expr) -> String) -> Vec<Option<String>> {
    let cells: Vec<Option<Vec<String>>> = lines
        .iter()
        .map(|it| match &it.kind {
            LineKind::Test(it) if it.is_row() => Some(it.cells(&expr)),
            _ => None,
        })
        .collect();
    let mut res = vec![None; lines.len()];
    let mut at = 0;
    for table in cells.chunk_by(|a, b| a.is_some() == b.is_some()) {
        let columns = table.iter().flatten().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let all = table.iter().flatten().filter_map(|it| it.get(column));
            all.map(|it| it.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in table {
            let padded = |(cell, width): (&String, &usize)| format!("{cell:width$}");
            res[at] = row.as_ref().map(|row| {
                let all: Vec<String> = row.iter().zip(&widths).map(padded).collect();
                format!("| {} |", all.join(" | "))
            });
            at += 1;
        }
    }
    res
}
