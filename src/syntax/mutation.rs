//! Small mistakes put into a rule, one at a time: what its tests should notice.

use jiff::ToSpan;

use crate::source::Span;
use crate::syntax::ast::Block;
use crate::syntax::ast::Body;
use crate::syntax::ast::Combiner;
use crate::syntax::ast::Expr;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::LineKind;
use crate::syntax::ast::Quantifier;
use crate::syntax::ast::TestOp;

/// A rule with one mistake.
#[derive(Debug, Clone)]
pub struct Mutation {
    pub block: Block,
    pub span: Span,
    /// `60 % instead of 50 %`, `<= instead of <`
    pub words: String,
    /// What a test should do to notice it.
    pub lacking: &'static str,
}

const LIMIT: &str = "a test at the limit, and one just beyond it";
const AT_LIMIT: &str = "a test at the limit";
const LINE: &str = "a test in which only this line decides";
const EXCEPTION: &str = "a test in which only this exception decides";

/// Every mistake of a kind, in the order of the text.
pub fn mutations(block: &Block) -> Vec<Mutation> {
    let mut res = Vec::new();
    let mut excepted = false;
    for (at, line) in block.lines.iter().enumerate() {
        let body = match &line.kind {
            LineKind::When(body) => body,
            LineKind::Unless(body) => {
                excepted = true;
                body
            }
            LineKind::Bullet(bullet) => &bullet.body,
            _ => continue,
        };
        let dropped = matches!(line.kind, LineKind::Bullet(_))
            || (matches!(line.kind, LineKind::Unless(_)) && matches!(body, Body::Expr(_)));
        if dropped && has_others(block, at) {
            let mut block = block.clone();
            remove(&mut block, at);
            let lacking = if excepted { EXCEPTION } else { LINE };
            let words = "this line left out".to_owned();
            res.push(Mutation { block, span: line.span, words, lacking });
        }
        if let Body::Combiner(Combiner::AtLeast(n), span) = body {
            for other in [n.checked_add(1), n.checked_sub(1)].into_iter().flatten() {
                let mut block = block.clone();
                if let Some(Body::Combiner(it, _)) = body_mut(&mut block, at) {
                    *it = Combiner::AtLeast(other);
                }
                let words = format!("at least {other} instead of {n}");
                res.push(Mutation { block, span: *span, words, lacking: LIMIT });
            }
        }
        if let Body::Expr(expr) = body {
            let mut places = Places { wanted: usize::MAX, seen: 0, done: None };
            places.expr(&mut expr.clone());
            for wanted in 0..places.seen {
                let mut block = block.clone();
                let mut places = Places { wanted, seen: 0, done: None };
                if let Some(Body::Expr(expr)) = body_mut(&mut block, at) {
                    places.expr(expr);
                }
                let Some((span, words, lacking)) = places.done else { continue };
                res.push(Mutation { block, span, words, lacking });
            }
        }
    }
    res
}

fn body_mut(block: &mut Block, at: usize) -> Option<&mut Body> {
    match &mut block.lines[at].kind {
        LineKind::When(body) | LineKind::Unless(body) => Some(body),
        LineKind::Bullet(bullet) => Some(&mut bullet.body),
        _ => None,
    }
}

fn depth(kind: &LineKind) -> Option<u8> {
    match kind {
        LineKind::Bullet(it) => Some(it.depth),
        _ => None,
    }
}

/// Whether the combiner of a bullet keeps another one.
fn has_others(block: &Block, at: usize) -> bool {
    let Some(own) = depth(&block.lines[at].kind) else { return true };
    let same = |it: &&crate::syntax::ast::Line| depth(&it.kind) == Some(own);
    let inside = |it: &&crate::syntax::ast::Line| depth(&it.kind).is_some_and(|it| own <= it);
    let after = block.lines[at + 1..].iter().take_while(inside).any(|it| same(&it));
    after || block.lines[..at].iter().rev().take_while(inside).any(|it| same(&it))
}

/// A line, and the bullets below it.
fn remove(block: &mut Block, at: usize) {
    let own = depth(&block.lines[at].kind).unwrap_or(0);
    let below = block.lines[at + 1..]
        .iter()
        .take_while(|it| depth(&it.kind).is_some_and(|it| own < it))
        .count();
    block.lines.drain(at..=at + below);
}

/// Counts the places for mistakes, and makes the wanted one.
struct Places {
    wanted: usize,
    seen: usize,
    done: Option<(Span, String, &'static str)>,
}

impl Places {
    fn here(&mut self) -> bool {
        self.seen += 1;
        self.seen - 1 == self.wanted
    }

    fn expr(&mut self, it: &mut Expr) {
        let span = it.span;
        match &mut it.kind {
            ExprKind::Test { op, left, right } => {
                self.op(op, span);
                let limits = is_limit(*op);
                for side in [left, right] {
                    if limits {
                        self.limit(side);
                    }
                    self.expr(side);
                }
            }
            ExprKind::KnownFor { op, duration, .. } => {
                self.op(op, span);
                self.limit(duration);
            }
            ExprKind::Between { negated, value, low, high } => {
                if self.here() {
                    *negated = !*negated;
                    self.done = Some((span, "the opposite".to_owned(), LINE));
                }
                self.limit(low);
                self.limit(high);
                self.expr(value);
            }
            ExprKind::IsMissing(inner) if self.here() => {
                it.kind = ExprKind::IsGiven(inner.clone());
                self.done = Some((span, "is given instead of is missing".to_owned(), LINE));
            }
            ExprKind::IsGiven(inner) if self.here() => {
                it.kind = ExprKind::IsMissing(inner.clone());
                self.done = Some((span, "is missing instead of is given".to_owned(), LINE));
            }
            ExprKind::Quantified { quantifier, condition, .. } => {
                self.quantifier(quantifier, span);
                self.expr(condition);
            }
            ExprKind::Not(inner) => self.expr(inner),
            ExprKind::And(parts) | ExprKind::Or(parts) => {
                parts.iter_mut().for_each(|it| self.expr(it));
            }
            ExprKind::Call { arguments, .. } => {
                arguments.iter_mut().for_each(|it| self.limit(it));
            }
            ExprKind::Aggregate(it) => {
                if let Some(filter) = &mut it.rows.filter {
                    self.expr(filter);
                }
            }
            _ => {}
        }
    }

    fn op(&mut self, op: &mut TestOp, span: Span) {
        let (other, words, lacking) = match op {
            TestOp::Less => (TestOp::LessOrEqual, "<= instead of <", AT_LIMIT),
            TestOp::LessOrEqual => (TestOp::Less, "< instead of <=", AT_LIMIT),
            TestOp::Greater => (TestOp::GreaterOrEqual, ">= instead of >", AT_LIMIT),
            TestOp::GreaterOrEqual => (TestOp::Greater, "> instead of >=", AT_LIMIT),
            TestOp::Equal => (TestOp::NotEqual, "!= instead of =", LINE),
            TestOp::NotEqual => (TestOp::Equal, "= instead of !=", LINE),
            TestOp::Is => (TestOp::IsNot, "is not instead of is", LINE),
            TestOp::IsNot => (TestOp::Is, "is instead of is not", LINE),
            TestOp::IsOneOf => (TestOp::IsNotOneOf, "is not one of instead of is one of", LINE),
            TestOp::IsNotOneOf => (TestOp::IsOneOf, "is one of instead of is not one of", LINE),
            TestOp::In => (TestOp::NotIn, "not in instead of in", LINE),
            TestOp::NotIn => (TestOp::In, "in instead of not in", LINE),
            TestOp::Under => (TestOp::NotUnder, "not under instead of under", LINE),
            TestOp::NotUnder => (TestOp::Under, "under instead of not under", LINE),
            TestOp::StartsWith | TestOp::EndsWith | TestOp::Contains => return,
        };
        if self.here() {
            *op = other;
            self.done = Some((span, words.to_owned(), lacking));
        }
    }

    fn quantifier(&mut self, it: &mut Quantifier, span: Span) {
        let make = match it {
            Quantifier::AtLeast(_) => Quantifier::AtLeast,
            Quantifier::AtMost(_) => Quantifier::AtMost,
            Quantifier::Exactly(_) => Quantifier::Exactly,
            Quantifier::Any | Quantifier::Every | Quantifier::No => return,
        };
        let (Quantifier::AtLeast(n) | Quantifier::AtMost(n) | Quantifier::Exactly(n)) = *it else {
            return;
        };
        for other in [n.checked_add(1), n.checked_sub(1)].into_iter().flatten() {
            if self.here() {
                *it = make(other);
                self.done = Some((span, format!("{other} rows instead of {n}"), LIMIT));
            }
        }
    }

    /// Numbers and dates, one unit of the last digit up and down.
    fn limit(&mut self, it: &mut Expr) {
        let span = it.span;
        match &mut it.kind {
            ExprKind::Number(number) => self.number(number, "", span),
            ExprKind::Quantity { number, unit } => self.number(number, &unit.text.clone(), span),
            ExprKind::Date(date) => {
                let was = *date;
                for days in [1, -1] {
                    if self.here()
                        && let Ok(other) = was.checked_add(days.days())
                    {
                        *date = other;
                        self.done = Some((span, format!("{other} instead of {was}"), LIMIT));
                    }
                }
            }
            ExprKind::Negate(inner) => self.limit(inner),
            ExprKind::Binary { left, right, .. } => {
                self.limit(left);
                self.limit(right);
            }
            ExprKind::Call { arguments, .. } => arguments.iter_mut().for_each(|it| self.limit(it)),
            _ => {}
        }
    }

    fn number(&mut self, number: &mut String, unit: &str, span: Span) {
        let was = number.clone();
        for up in [true, false] {
            let Some(other) = shifted(&was, up) else { continue };
            if self.here() {
                let words = format!("{other} {unit} instead of {was} {unit}").replace("  ", " ");
                number.clone_from(&other);
                self.done = Some((span, words.trim().to_owned(), LIMIT));
            }
        }
    }
}

fn is_limit(op: TestOp) -> bool {
    matches!(
        op,
        TestOp::Less
            | TestOp::LessOrEqual
            | TestOp::Greater
            | TestOp::GreaterOrEqual
            | TestOp::Equal
            | TestOp::NotEqual
            | TestOp::Is
            | TestOp::IsNot
    )
}

/// `12_000` and `0.50`, one of the last digit more or less; nothing goes below zero.
fn shifted(number: &str, up: bool) -> Option<String> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let decimals = number.split_once('.').map_or(0, |it| it.1.len());
    let value: u128 = digits.parse().ok()?;
    let other = if up { value.checked_add(1)? } else { value.checked_sub(1)? };
    let text = format!("{other:0>width$}", width = decimals + 1);
    if decimals == 0 {
        return Some(text);
    }
    let (whole, part) = text.split_at(text.len() - decimals);
    Some(format!("{whole}.{part}"))
}
