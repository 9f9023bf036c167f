//! Pairs of the grammar to expressions.

use std::sync::LazyLock;

use pest::iterators::Pair;
use pest::iterators::Pairs;
use pest::pratt_parser::Assoc;
use pest::pratt_parser::Op;
use pest::pratt_parser::PrattParser;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::source::FileId;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::BinaryOp;
use crate::syntax::ast::Expr;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::TestOp;

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/tamis.pest"]
pub struct Grammar;

static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    let tests = [
        Rule::is_one_of,
        Rule::is_not,
        Rule::is,
        Rule::not_under,
        Rule::under,
        Rule::not_in,
        Rule::in_,
        Rule::starts_with,
        Rule::ends_with,
        Rule::contains,
        Rule::bad_op,
        Rule::le,
        Rule::ge,
        Rule::ne,
        Rule::lt,
        Rule::gt,
        Rule::eq,
    ];
    let tests = tests.into_iter().fold(left(Rule::is_not_one_of), |all, it| all | left(it));
    let after = Op::postfix(Rule::is_missing)
        | Op::postfix(Rule::is_given)
        | Op::postfix(Rule::between)
        | Op::postfix(Rule::not_between)
        | Op::postfix(Rule::known_for);
    PrattParser::new()
        .op(left(Rule::or))
        .op(left(Rule::and))
        .op(Op::prefix(Rule::not))
        .op(tests | after)
        .op(left(Rule::or_else))
        .op(left(Rule::add) | left(Rule::subtract))
        .op(left(Rule::multiply) | left(Rule::divide))
        .op(left(Rule::of))
        .op(Op::prefix(Rule::negative))
        .op(Op::postfix(Rule::member) | Op::postfix(Rule::at_digits) | Op::postfix(Rule::converted))
});

const DEPTH_MAX: u16 = 256;
const PREFIXES_MAX: usize = 16;

/// Builds the nodes of one logical line.
pub struct Builder<'a> {
    pub id: FileId,
    /// Where the parsed text starts in the file.
    pub base: usize,
    pub diagnostics: &'a mut Vec<Diagnostic>,
    /// Something was reported as an error: the block is not lowered.
    pub failed: bool,
}

/// An expression, whether it stood in parentheses of its own, and how many nodes lie above a leaf.
pub struct Node {
    pub expr: Expr,
    parentheses: bool,
    pub depth: u16,
}

/// A leaf of the tree.
pub fn node(kind: ExprKind, span: Span) -> Node {
    Node { expr: Expr { kind, span }, parentheses: false, depth: 1 }
}

impl Builder<'_> {
    pub fn span(&self, pair: &Pair<Rule>) -> Span {
        let it = pair.as_span();
        let end = it.start() + it.as_str().trim_end().len();
        Span::new(self.id, self.base + it.start(), self.base + end)
    }

    pub fn fail(&mut self, diagnostic: Diagnostic) {
        self.failed |= diagnostic.is_error();
        self.diagnostics.push(diagnostic);
    }

    pub fn name(&self, pair: &Pair<Rule>) -> ast::Name {
        ast::Name { text: pair.as_str().to_owned(), span: self.span(pair) }
    }

    pub fn text(&self, pair: Pair<Rule>) -> ast::Text {
        let span = self.span(&pair);
        let inner = pair.into_inner().next();
        // French marks stand off by a space that is not part of the text.
        let text = inner.map_or("", |it| match it.as_rule() {
            Rule::gtext => it.as_str().trim(),
            _ => it.as_str(),
        });
        ast::Text { text: text.to_owned(), span }
    }

    /// `expr` and `sum`.
    pub fn expr(&mut self, pair: Pair<Rule>) -> Expr {
        self.tree(pair).expr
    }

    pub fn tree(&mut self, pair: Pair<Rule>) -> Node {
        let span = self.span(&pair);
        let pairs = pair.into_inner();
        if PREFIXES_MAX < longest_prefix(pairs.clone()) {
            let message = format!("more than {PREFIXES_MAX} times `not` or `-` in a row");
            let it = Diagnostic::new(Code::T1005, span, message);
            self.fail(it.help("two of them cancel out"));
            return node(ExprKind::Error, span);
        }
        let it = self.pratt(pairs);
        let span = if it.parentheses { span } else { it.expr.span };
        Node { expr: Expr { span, ..it.expr }, ..it }
    }

    /// A node above others of `below` levels. A deeper tree would not fit the stack of its readers.
    pub fn above(&mut self, below: u16, kind: ExprKind, span: Span) -> Node {
        if below < DEPTH_MAX {
            return Node { expr: Expr { kind, span }, parentheses: false, depth: below + 1 };
        }
        if !self.failed {
            let message = format!("an expression of more than {DEPTH_MAX} operations in a row");
            let it = Diagnostic::new(Code::T1005, span, message);
            self.fail(it.help("name the parts with `define`"));
        }
        node(ExprKind::Error, span)
    }

    fn pratt(&mut self, pairs: Pairs<Rule>) -> Node {
        let this = std::cell::RefCell::new(self);
        PRATT
            .map_primary(|it| this.borrow_mut().primary(it))
            .map_prefix(|op, it| this.borrow_mut().prefix(op, it))
            .map_postfix(|it, op| this.borrow_mut().postfix(it, op))
            .map_infix(|left, op, right| this.borrow_mut().infix(left, op, right))
            .parse(pairs)
    }

    fn primary(&mut self, pair: Pair<Rule>) -> Node {
        let span = self.span(&pair);
        match pair.as_rule() {
            Rule::literal => self.literal(pair),
            Rule::string => {
                let text = self.text(pair);
                node(ExprKind::Text(text.text), span)
            }
            Rule::code => {
                let mut parts = pair.into_inner().map(|it| it.as_str().to_owned());
                let nomenclature = parts.next().unwrap_or_default();
                let code = parts.next().unwrap_or_default();
                node(ExprKind::Code { nomenclature, code }, span)
            }
            Rule::list_ref => match pair.into_inner().last() {
                Some(name) => node(ExprKind::List(self.name(&name)), span),
                None => node(ExprKind::Error, span),
            },
            Rule::truth => node(ExprKind::Truth(pair.as_str().starts_with("true")), span),
            Rule::no_value => node(ExprKind::Missing, span),
            Rule::call => self.call(pair, span),
            Rule::path => {
                node(ExprKind::Path(pair.into_inner().map(|it| self.name(&it)).collect()), span)
            }
            Rule::group => self.group(pair, span),
            // Of a set of plain numbers.
            Rule::quantity | Rule::number => self.number(pair, span),
            Rule::aggregate => self.aggregate(pair, span),
            Rule::quantified => self.quantified(pair, span),
            _ => node(ExprKind::Error, span),
        }
    }

    fn call(&mut self, pair: Pair<Rule>, span: Span) -> Node {
        let mut parts = pair.into_inner();
        let Some(name) = parts.next() else { return node(ExprKind::Error, span) };
        let name = self.name(&name);
        let (arguments, below) = self.trees(parts);
        self.above(below, ExprKind::Call { name, arguments }, span)
    }

    fn group(&mut self, pair: Pair<Rule>, span: Span) -> Node {
        let mut parts = pair.into_inner();
        if parts.len() == 1
            && let Some(only) = parts.next()
        {
            let it = self.tree(only);
            return Node { expr: Expr { span, ..it.expr }, parentheses: true, ..it };
        }
        let (parts, below) = self.trees(parts);
        self.above(below, ExprKind::Set(parts), span)
    }

    /// Several expressions, and the depth of the deepest.
    fn trees(&mut self, pairs: Pairs<Rule>) -> (Vec<Expr>, u16) {
        let mut below = 0;
        let mut all = Vec::new();
        for pair in pairs {
            let it = self.tree(pair);
            below = below.max(it.depth);
            all.push(it.expr);
        }
        (all, below)
    }

    fn prefix(&mut self, op: Pair<Rule>, it: Node) -> Node {
        let span = self.span(&op).to(it.expr.span);
        match op.as_rule() {
            Rule::not => self.above(it.depth, ExprKind::Not(Box::new(it.expr)), span),
            _ => self.above(it.depth, ExprKind::Negate(Box::new(it.expr)), span),
        }
    }

    fn postfix(&mut self, it: Node, op: Pair<Rule>) -> Node {
        let op_span = self.span(&op);
        let span = it.expr.span.to(op_span);
        let rule = op.as_rule();
        if !matches!(rule, Rule::member | Rule::at_digits | Rule::converted) {
            self.refuse_chain(&it, span);
        }
        let below = it.depth;
        let value = Box::new(it.expr);
        match rule {
            Rule::member => match op.into_inner().next() {
                Some(name) => {
                    let name = self.name(&name);
                    self.above(below, ExprKind::Member { base: value, name }, span)
                }
                None => node(ExprKind::Error, span),
            },
            Rule::is_missing => self.above(below, ExprKind::IsMissing(value), span),
            Rule::is_given => self.above(below, ExprKind::IsGiven(value), span),
            Rule::between | Rule::not_between => {
                let negated = rule == Rule::not_between;
                let bounds: Vec<Pair<Rule>> =
                    op.into_inner().filter(|it| it.as_rule() == Rule::sum).collect();
                let mut bounds = bounds.into_iter().map(|it| self.tree(it));
                let (Some(low), Some(high)) = (bounds.next(), bounds.next()) else {
                    return node(ExprKind::Error, span);
                };
                drop(bounds);
                let below = below.max(low.depth).max(high.depth);
                let (low, high) = (Box::new(low.expr), Box::new(high.expr));
                self.above(below, ExprKind::Between { negated, value, low, high }, span)
            }
            Rule::at_digits => {
                let digits = op.into_inner().find(|it| it.as_rule() == Rule::int);
                let digits = digits.and_then(|it| it.as_str().parse().ok()).unwrap_or(0);
                self.above(below, ExprKind::AtDigits { value, digits }, span)
            }
            Rule::known_for => {
                let mut parts =
                    op.into_inner().filter(|it| !it.as_str().trim().is_empty() && is_part(it));
                let (Some(op), Some(duration)) = (parts.next(), parts.next()) else {
                    return node(ExprKind::Error, span);
                };
                let duration = self.tree(duration);
                let below = below.max(duration.depth);
                let op = test(op.as_rule());
                let duration = Box::new(duration.expr);
                self.above(below, ExprKind::KnownFor { value, op, duration }, span)
            }
            _ => match op.into_inner().find(|it| it.as_rule() == Rule::word) {
                Some(name) => {
                    let currency = self.name(&name);
                    self.above(below, ExprKind::Converted { value, currency }, span)
                }
                None => node(ExprKind::Error, span),
            },
        }
    }

    fn infix(&mut self, left: Node, op: Pair<Rule>, right: Node) -> Node {
        let span = left.expr.span.to(right.expr.span);
        let rule = op.as_rule();
        let below = left.depth.max(right.depth);
        if let Some(op) = binary(rule) {
            let (left, right) = (Box::new(left.expr), Box::new(right.expr));
            return self.above(below, ExprKind::Binary { op, left, right }, span);
        }
        match rule {
            Rule::and | Rule::or => self.combined(left, &op, right, span),
            Rule::bad_op => self.bad_operator(&op, span),
            _ => {
                self.refuse_chain(&left, span);
                let op = settled(test(rule), &right.expr);
                let (left, right) = (Box::new(left.expr), Box::new(as_set(op, right)));
                self.above(below, ExprKind::Test { op, left, right }, span)
            }
        }
    }

    fn refuse_chain(&mut self, left: &Node, span: Span) {
        let chained = matches!(
            left.expr.kind,
            ExprKind::Test { .. }
                | ExprKind::Between { .. }
                | ExprKind::IsMissing(_)
                | ExprKind::IsGiven(_)
                | ExprKind::KnownFor { .. }
        );
        if chained && !left.parentheses && !self.failed {
            let it = Diagnostic::new(Code::T1207, span, "comparisons cannot be chained");
            self.fail(it.help("write `x between 1 and 5`, or join two comparisons with `and`"));
        }
    }

    /// Flat: `a and b and c` is one node of three.
    fn combined(&mut self, left: Node, op: &Pair<Rule>, right: Node, span: Span) -> Node {
        let is_and = op.as_rule() == Rule::and;
        for side in [&left, &right] {
            let other = matches!(
                (&side.expr.kind, is_and),
                (ExprKind::Or(_), true) | (ExprKind::And(_), false)
            );
            if other && !side.parentheses {
                let place = self.span(op);
                let it = Diagnostic::new(Code::T1208, place, "`and` and `or` are mixed here");
                self.fail(it.help("put parentheses around the part that belongs together"));
            }
        }
        let flat = match (&left.expr.kind, left.parentheses) {
            (ExprKind::And(_), false) => is_and,
            (ExprKind::Or(_), false) => !is_and,
            _ => false,
        };
        let below = right.depth.max(if flat { left.depth - 1 } else { left.depth });
        let mut parts = match left.expr.kind {
            ExprKind::And(parts) | ExprKind::Or(parts) if flat => parts,
            kind => vec![Expr { kind, span: left.expr.span }],
        };
        parts.push(right.expr);
        self.above(below, if is_and { ExprKind::And(parts) } else { ExprKind::Or(parts) }, span)
    }

    fn bad_operator(&mut self, op: &Pair<Rule>, span: Span) -> Node {
        let place = self.span(op);
        let instead = match op.as_str().trim() {
            "==" => "=",
            "&&" => "and",
            "||" => "or",
            _ => "!=",
        };
        let message = format!("`{}` is not an operator of tamis", op.as_str().trim());
        let it = Diagnostic::new(Code::T1201, place, message);
        self.fail(it.help(format!("write `{instead}`")).fix(place, instead));
        node(ExprKind::Error, span)
    }
}

/// Whether a pair is no key word: these stand at the end of the grammar, from `K_and` on.
pub fn is_part(it: &Pair<Rule>) -> bool {
    it.as_rule() != Rule::EOI && it.as_rule() < Rule::K_and
}

fn longest_prefix(pairs: Pairs<Rule>) -> usize {
    let (mut run, mut longest) = (0, 0);
    for pair in pairs {
        run = if matches!(pair.as_rule(), Rule::not | Rule::negative) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn binary(rule: Rule) -> Option<BinaryOp> {
    Some(match rule {
        Rule::or_else => BinaryOp::OrElse,
        Rule::add => BinaryOp::Add,
        Rule::subtract => BinaryOp::Subtract,
        Rule::multiply => BinaryOp::Multiply,
        Rule::divide => BinaryOp::Divide,
        Rule::of => BinaryOp::Of,
        _ => return None,
    })
}

fn test(rule: Rule) -> TestOp {
    match rule {
        Rule::lt => TestOp::Less,
        Rule::le => TestOp::LessOrEqual,
        Rule::gt => TestOp::Greater,
        Rule::ge => TestOp::GreaterOrEqual,
        Rule::ne => TestOp::NotEqual,
        Rule::is => TestOp::Is,
        Rule::is_not => TestOp::IsNot,
        Rule::is_one_of => TestOp::IsOneOf,
        Rule::is_not_one_of => TestOp::IsNotOneOf,
        Rule::in_ => TestOp::In,
        Rule::not_in => TestOp::NotIn,
        Rule::under => TestOp::Under,
        Rule::not_under => TestOp::NotUnder,
        Rule::starts_with => TestOp::StartsWith,
        Rule::ends_with => TestOp::EndsWith,
        Rule::contains => TestOp::Contains,
        _ => TestOp::Equal,
    }
}

/// `is` beside codes, words, dates and texts, `=` beside numbers; else as written.
pub fn settled(op: TestOp, right: &Expr) -> TestOp {
    let quantity = match &right.kind {
        ExprKind::Number(_) | ExprKind::Quantity { .. } => Some(true),
        ExprKind::Text(_) | ExprKind::Code { .. } | ExprKind::Truth(_) => Some(false),
        ExprKind::Date(_) | ExprKind::DateTime(_) => Some(false),
        ExprKind::Path(path) if path.len() == 1 && is_capital(&path[0].text) => Some(false),
        _ => None,
    };
    match (op, quantity) {
        (TestOp::Is, Some(true)) => TestOp::Equal,
        (TestOp::IsNot, Some(true)) => TestOp::NotEqual,
        (TestOp::Equal, Some(false)) => TestOp::Is,
        (TestOp::NotEqual, Some(false)) => TestOp::IsNot,
        (op, _) => op,
    }
}

fn is_capital(word: &str) -> bool {
    word.starts_with(|it: char| it.is_ascii_uppercase())
        && word.chars().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit())
}

/// The right side of `is one of` is a set, also of one.
fn as_set(op: TestOp, right: Node) -> Expr {
    let set = matches!(op, TestOp::IsOneOf | TestOp::IsNotOneOf);
    if !set || matches!(right.expr.kind, ExprKind::Set(_)) {
        return right.expr;
    }
    let span = right.expr.span;
    Expr { kind: ExprKind::Set(vec![right.expr]), span }
}
