//! What the tests of a rule show of each of its lines.

use std::sync::Arc;

use crate::interpret;
use crate::interpret::Row;
use crate::interpret::truth;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Kind;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::cases::Test;
use crate::ir::rewrite::Rewriter;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::testing;
use crate::testing::rows;
use crate::testing::unknown;
use crate::value::Value;

/// A line of a condition: an expression of its own.
#[derive(Debug, Clone)]
pub struct Line {
    pub rule: RuleId,
    pub span: Span,
    pub seen_true: bool,
    pub seen_false: bool,
    pub seen_unknown: bool,
    pub can_be_unknown: bool,
    /// Once the outcome hung on it.
    pub decided: bool,
}

impl Line {
    fn new(set: &RuleSet, rule: RuleId, span: Span) -> Line {
        let own = &set.rules[rule.0];
        let conditions = std::iter::once(&own.condition);
        let exceptions = own.exceptions.iter().map(|it| &it.condition);
        let found = conditions.chain(exceptions).find_map(|it| find(it, span));
        let can_be_unknown = found.is_some_and(|it| unknown::can_be_unknown(set, it));
        let (seen_true, seen_false, seen_unknown, decided) = (false, false, false, false);
        Line { rule, span, seen_true, seen_false, seen_unknown, can_be_unknown, decided }
    }

    /// What was seen of what can be seen.
    pub fn counts(&self) -> (usize, usize) {
        let own = [self.seen_true, self.seen_false, self.decided];
        let open = self.can_be_unknown.then_some(self.seen_unknown);
        let all: Vec<bool> = own.into_iter().chain(open).collect();
        (all.iter().filter(|it| **it).count(), all.len())
    }

    /// `never false, never decisive`
    pub fn lacking(&self) -> Vec<&'static str> {
        let mut res = Vec::new();
        res.extend((!self.seen_true).then_some("never true"));
        res.extend((!self.seen_false).then_some("never false"));
        res.extend((self.can_be_unknown && !self.seen_unknown).then_some("never unknown"));
        res.extend((!self.decided).then_some("never decisive"));
        res
    }
}

/// Every line of every rule with wanted tests, in the order of the files.
pub fn coverage(set: &RuleSet, files: &[ast::File], wanted: &dyn Fn(&Test) -> bool) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let groups = testing::groups(set, wanted);
    for block in files.iter().flat_map(|it| &it.blocks) {
        let ast::Head::Rule { name, .. } = &block.head else { continue };
        let tested = groups.iter().flat_map(|it| &it.shape.rules);
        let mut tested = tested.filter(|it| *set.rules[it.0].id == name.text);
        let Some(rule) = tested.next() else { continue };
        lines.extend(spans(block).into_iter().map(|span| Line::new(set, *rule, span)));
    }
    for group in &groups {
        let shape = &group.shape;
        for (at, id) in group.cases.iter().enumerate() {
            let Some(rule) = testing::rule_of(set, *id) else { continue };
            let stored = rows::stored(shape, testing::test(set, *id).1, at);
            let judged = rows::judged(&shape.set, shape.level, &[rule], &stored);
            for line in lines.iter_mut().filter(|it| it.rule == rule) {
                judged.iter().for_each(|row| see(&shape.set, line, row));
            }
        }
    }
    lines
}

/// Of `when`, `unless` and the bullets below them, where an expression stands.
fn spans(block: &ast::Block) -> Vec<Span> {
    let of = |it: &ast::Line| match &it.kind {
        ast::LineKind::When(ast::Body::Expr(it)) | ast::LineKind::Unless(ast::Body::Expr(it)) => {
            Some(it.span)
        }
        ast::LineKind::Bullet(it) => match &it.body {
            ast::Body::Expr(it) => Some(it.span),
            ast::Body::Combiner(..) => None,
        },
        _ => None,
    };
    block.lines.iter().filter_map(of).collect()
}

/// The outermost condition of this place.
fn find(it: &E, span: Span) -> Option<&E> {
    if it.span == span && it.ty == Type::Truth {
        return Some(it);
    }
    it.parts().into_iter().find_map(|it| find(it, span))
}

fn see(set: &RuleSet, line: &mut Line, row: &Row) {
    let rule = &set.rules[line.rule.0];
    let Some(own) = find(&rule.outcome, line.span).cloned() else { return };
    match truth(&interpret::eval(set, &own, row)) {
        Some(true) => line.seen_true = true,
        Some(false) => line.seen_false = true,
        None => line.seen_unknown = true,
    }
    if line.decided {
        return;
    }
    let with = |answer: bool| {
        let kind = Kind::Literal(Value::Truth(answer));
        let literal = Arc::new(Expr { kind, ty: Type::Truth, span: line.span });
        let change = |it: &E| Arc::ptr_eq(it, &own).then(|| literal.clone());
        interpret::eval(set, &Rewriter::new(change).rewrite(&rule.outcome), row)
    };
    line.decided = truth(&with(true)) != truth(&with(false));
}
