//! Expressions as the formatter writes them: signs for tests, the parentheses that the
//! tree needs, and those of the author that say what belongs together.

use crate::source::SourceFile;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::BinaryOp;
use crate::syntax::ast::Expr;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::TestOp;
use crate::syntax::word;

/// Where a long line may be broken. No file holds it: control characters are refused.
pub const BREAK: char = '\u{1}';

/// How tightly an expression holds together, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Or,
    And,
    Not,
    Test,
    OrElse,
    Sum,
    Product,
    Of,
    Sign,
    Postfix,
    Atom,
}

fn level(it: &Expr) -> Level {
    match &it.kind {
        ExprKind::Or(_) => Level::Or,
        ExprKind::And(_) => Level::And,
        ExprKind::Not(_) => Level::Not,
        ExprKind::Test { .. } | ExprKind::Between { .. } => Level::Test,
        ExprKind::IsMissing(_) | ExprKind::IsGiven(_) => Level::Test,
        ExprKind::Binary { op, .. } => binary_level(*op),
        ExprKind::Negate(_) => Level::Sign,
        ExprKind::KnownFor { .. } => Level::Test,
        ExprKind::AtDigits { .. } | ExprKind::Member { .. } | ExprKind::Converted { .. } => {
            Level::Postfix
        }
        // What follows their rows would be taken for a part of these.
        ExprKind::Aggregate(_) => Level::Sign,
        ExprKind::Quantified { .. } => Level::Test,
        _ => Level::Atom,
    }
}

fn binary_level(op: BinaryOp) -> Level {
    match op {
        BinaryOp::OrElse => Level::OrElse,
        BinaryOp::Add | BinaryOp::Subtract => Level::Sum,
        BinaryOp::Multiply | BinaryOp::Divide => Level::Product,
        BinaryOp::Of => Level::Of,
    }
}

fn tighter(it: Level) -> Level {
    match it {
        Level::OrElse => Level::Sum,
        Level::Sum => Level::Product,
        Level::Product => Level::Of,
        _ => Level::Sign,
    }
}

/// `it` in a place that takes what is at least as tight as `least`.
pub fn expr(it: &Expr, least: Level, source: &SourceFile) -> String {
    let text = bare(it, source);
    let own = level(it);
    // The author's parentheses stay where they say what belongs together.
    let kept = Level::Or < least && own < Level::Atom && is_enclosed(source.slice(it.span));
    if own < least || kept { format!("({text})") } else { text }
}

/// Whether one pair of parentheses holds all of a text.
fn is_enclosed(text: &str) -> bool {
    let text = text.trim();
    if !text.starts_with('(') || !text.ends_with(')') || text.contains(['#', '\u{201C}', '\u{AB}'])
    {
        return false;
    }
    let (mut depth, mut quoted) = (0_u32, false);
    for (at, it) in text.char_indices() {
        match it {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && at + 1 < text.len() {
            return false;
        }
    }
    true
}

/// A text in `"…"`; one that holds that sign stays as it was written.
pub fn text(it: &str, span: Span, source: &SourceFile) -> String {
    if it.contains('"') { source.slice(span).trim().to_owned() } else { format!("\"{it}\"") }
}

fn joined(all: &[Expr], source: &SourceFile) -> String {
    let all: Vec<String> = all.iter().map(|it| listed(it, source)).collect();
    all.join(&format!(",{BREAK}"))
}

/// One of several, parted by commas: keys have commas of their own.
pub fn listed(it: &Expr, source: &SourceFile) -> String {
    let text = expr(it, Level::Or, source);
    if text.contains(" with same ") { format!("({text})") } else { text }
}

fn bare(it: &Expr, source: &SourceFile) -> String {
    match &it.kind {
        ExprKind::Number(it) => it.clone(),
        ExprKind::Quantity { number, unit } => format!("{number} {}", unit.text),
        ExprKind::Date(it) => it.to_string(),
        ExprKind::DateTime(it) => {
            let long = it.to_string();
            long.strip_suffix(":00").unwrap_or(&long).to_owned()
        }
        ExprKind::Text(text_of) => text(text_of, it.span, source),
        ExprKind::Code { nomenclature, code } => format!("{nomenclature} {code}"),
        ExprKind::Truth(it) => it.to_string(),
        ExprKind::Missing => "missing".to_owned(),
        ExprKind::Path(all) => word::path(all),
        ExprKind::List(it) => format!("list {}", it.text),
        ExprKind::Set(all) => format!("({})", joined(all, source)),
        ExprKind::Call { name, arguments } => {
            let arguments: Vec<String> = arguments.iter().map(|it| listed(it, source)).collect();
            format!("{}({})", name.text, arguments.join(", "))
        }
        ExprKind::Member { base, name } => format!("{}.{}", member_base(base, source), name.text),
        ExprKind::AtDigits { value, digits } => {
            format!("{} at {digits} digits", expr(value, Level::Postfix, source))
        }
        ExprKind::Not(it) => format!("not {}", expr(it, Level::Not, source)),
        ExprKind::Negate(it) => {
            let inner = expr(it, Level::Sign, source);
            if inner.starts_with('-') { format!("- {inner}") } else { format!("-{inner}") }
        }
        ExprKind::And(all) => combined(all, "and", source),
        ExprKind::Or(all) => combined(all, "or", source),
        ExprKind::Binary { op, left, right } => {
            let own = binary_level(*op);
            let right = expr(right, tighter(own), source);
            let gap = if *op == BinaryOp::OrElse { BREAK } else { ' ' };
            format!("{}{gap}{} {right}", expr(left, own, source), word::binary(*op))
        }
        ExprKind::Test { op, left, right } => {
            let left = expr(left, Level::OrElse, source);
            format!("{left} {} {}", word::test(*op), right_side(*op, right, source))
        }
        ExprKind::IsMissing(it) => format!("{} is missing", expr(it, Level::OrElse, source)),
        ExprKind::IsGiven(it) => format!("{} is given", expr(it, Level::OrElse, source)),
        ExprKind::Between { negated, value, low, high } => {
            let not = if *negated { "not " } else { "" };
            let [value, low, high] = [value, low, high].map(|it| expr(it, Level::OrElse, source));
            format!("{value} {not}between {low} and {high}")
        }
        ExprKind::Aggregate(it) => {
            let of = match &it.measure {
                Some(measure) => format!("{} over", self::measure(measure, source)),
                None => String::new(),
            };
            let rows = rows(&it.rows, source);
            format!("{} of {of}{}{rows}", word::statistic(it.statistic), gap(&of))
        }
        ExprKind::Quantified { quantifier, condition, rows: it } => {
            let verb = match quantifier {
                ast::Quantifier::AtLeast(n)
                | ast::Quantifier::AtMost(n)
                | ast::Quantifier::Exactly(n)
                    if *n != 1 =>
                {
                    "have"
                }
                _ => "has",
            };
            let condition = expr(condition, Level::Or, source);
            let head = rows_head(it);
            let parts = row_parts(it, source);
            format!("{} {head} {verb} ({condition}){parts}", word::quantifier(*quantifier))
        }
        ExprKind::KnownFor { value, op, duration } => {
            let words = match op {
                TestOp::Less => "less than",
                TestOp::LessOrEqual => "at most",
                TestOp::GreaterOrEqual => "at least",
                _ => "more than",
            };
            let [value, duration] = [value, duration].map(|it| expr(it, Level::OrElse, source));
            format!("{value} known for {words} {duration}")
        }
        ExprKind::Converted { value, currency } => {
            format!("{} converted to {}", expr(value, Level::Postfix, source), currency.text)
        }
        ExprKind::Error => source.slice(it.span).to_owned(),
    }
}

/// `(a).b` is a member of a value, `a.b` a path.
fn member_base(it: &Expr, source: &SourceFile) -> String {
    let own = matches!(it.kind, ExprKind::Call { .. } | ExprKind::Member { .. });
    if own { bare(it, source) } else { format!("({})", bare(it, source)) }
}

/// After `is`, `missing` and `given` would read as the end of the test.
fn right_side(op: TestOp, it: &Expr, source: &SourceFile) -> String {
    let text = expr(it, Level::OrElse, source);
    let word = text.split(|it: char| !it.is_alphanumeric() && it != '_').next().unwrap_or("");
    let is = matches!(op, TestOp::Is | TestOp::IsNot);
    if is && matches!(word, "missing" | "given" | "one") { format!("({text})") } else { text }
}

fn combined(all: &[Expr], word: &str, source: &SourceFile) -> String {
    let all: Vec<String> = all.iter().map(|it| expr(it, Level::Not, source)).collect();
    all.join(&format!(" {word}{BREAK}"))
}

fn gap(before: &str) -> &'static str {
    if before.is_empty() { "" } else { " " }
}

/// `unit_value weighted by net_mass`
pub fn measure(it: &ast::Measure, source: &SourceFile) -> String {
    let value = expr(&it.value, Level::OrElse, source);
    match &it.weight {
        Some(weight) => format!("{value} weighted by {}", expr(weight, Level::OrElse, source)),
        None => value,
    }
}

/// `past items of others where (…) with same hs in last 90 days`
pub fn rows(it: &ast::Rows, source: &SourceFile) -> String {
    format!("{}{}", rows_head(it), row_parts(it, source))
}

fn rows_head(it: &ast::Rows) -> String {
    let past = if it.past { "past " } else { "" };
    let others = match &it.others {
        None => String::new(),
        Some(None) => " of others".to_owned(),
        Some(Some(by)) => format!(" of others by {}", by.text),
    };
    format!("{past}{}{others}", it.record.text)
}

fn row_parts(it: &ast::Rows, source: &SourceFile) -> String {
    let mut out = String::new();
    if let Some(filter) = &it.filter {
        out += &format!(" where ({})", expr(filter, Level::Or, source));
    }
    if !it.same.is_empty() {
        let keys: Vec<String> = it.same.iter().map(|it| expr(it, Level::Postfix, source)).collect();
        out += &format!(" with same {}", keys.join(", "));
    }
    match &it.window {
        Some(ast::Window::Last(it)) => {
            out += &format!(" in last {}", expr(it, Level::Atom, source));
        }
        Some(ast::Window::SameDay) => out += " on same day",
        None => {}
    }
    if let Some(it) = &it.smoothed {
        out += &format!(" smoothed by {}", expr(&it.by, Level::Atom, source));
        if let Some(towards) = &it.towards {
            out += &format!(" towards {}", expr(towards, Level::Atom, source));
        }
    }
    if it.partial {
        out += " allow partial";
    }
    out
}
