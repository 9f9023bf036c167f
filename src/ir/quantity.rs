//! How many rows meet a condition: shares and quantifiers.

use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::Arithmetic;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Kind;
use crate::ir::literal::literal;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::truth;
use crate::ir::many::Source;
use crate::ir::typing;
use crate::schema::Number;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::Quantifier;
use crate::value::Reason;
use crate::value::Value;
use crate::value::decimal::SCALE_MAX;
use crate::value::decimal::product_scale;

impl Lowering<'_> {
    /// (true + K · P) / (known + K)
    pub fn share(
        &mut self,
        measure: Option<&ast::Measure>,
        rows: &ast::Rows,
        source: &Source,
        span: Span,
    ) -> E {
        let Some(measure) = measure else {
            let it = Diagnostic::new(Code::T3005, span, "a share of which condition?");
            self.push(it.help("write `share of fraud over past items …`"));
            return self.error(span);
        };
        let negated = std::mem::take(&mut self.negated);
        let condition = self.test(&measure.value, &source.scope);
        self.negated = negated;
        if condition.ty == Type::Error || self.measured(&condition) {
            return self.error(span);
        }
        self.share_of(condition, rows.smoothed.as_ref(), source, span)
    }

    pub fn share_of(
        &mut self,
        condition: E,
        smoothed: Option<&ast::Smoothed>,
        source: &Source,
        span: Span,
    ) -> E {
        let known =
            self.of_value(ast::Statistic::Count, Some(condition.clone()), None, source, span);
        let sure = self.count_where(condition, source, span);
        let outer = source.scope.judged.as_deref().unwrap_or(&source.scope).clone();
        let smoothed = match smoothed {
            None => None,
            Some(ast::Smoothed { by, towards: Some(towards) }) => {
                Some((self.value(by, None, &outer), self.value(towards, None, &outer)))
            }
            Some(ast::Smoothed { by, towards: None }) => {
                let it = Diagnostic::new(Code::T3005, by.span, "smoothed towards what?");
                self.push(it.help("say the share that is usual: `smoothed by 1 towards 21 %`"));
                return self.error(span);
            }
        };
        let number = |scale| Type::Number(Number::pure(scale));
        let node = |kind, ty| Arc::new(Expr { kind, ty, span });
        let add = |a: E, b: E| {
            let scale = typing::number(&a.ty).scale.max(typing::number(&b.ty).scale);
            let whole = a.ty == Type::Whole && b.ty == Type::Whole;
            let ty = if whole { Type::Whole } else { number(scale) };
            node(Kind::Arithmetic(Arithmetic::Add, a, b), ty)
        };
        let (mut top, mut bottom) = (sure, known.clone());
        let is_smoothed = smoothed.is_some();
        if let Some((by, towards)) = smoothed {
            let pure = typing::number(&by.ty).dimension.is_pure() && by.ty.is_numeric();
            let percent = typing::number(&towards.ty).percent;
            if !pure || !percent {
                let it = Diagnostic::new(Code::T3005, span, "a share is smoothed by a number");
                self.push(it.help("write `smoothed by 1 towards 21 %`"));
                return self.error(span);
            }
            let scale = |it: &E| typing::number(&it.ty).scale;
            let scale = product_scale(scale(&by), scale(&towards));
            let weight = Kind::Arithmetic(Arithmetic::Multiply, by.clone(), towards);
            top = add(top, node(weight, number(scale)));
            bottom = add(bottom, by);
        }
        let percent = Number { percent: true, ..Number::pure(SCALE_MAX) };
        let ty = Type::Number(percent);
        let share = node(Kind::Arithmetic(Arithmetic::Divide, top, bottom), ty.clone());
        if is_smoothed {
            return share;
        }
        let some = self.at_least_count(known, 1, span);
        node(Kind::Guard(some, share, Reason::TooFewValues), ty)
    }

    /// How many of the rows meet one more condition.
    fn count_where(&mut self, condition: E, source: &Source, span: Span) -> E {
        let mut fact = source.fact.clone();
        fact.filter = Some(match fact.filter.take() {
            Some(filter) => truth(Kind::And(vec![filter, condition]), span),
            None => condition,
        });
        self.fact_of(fact, source, span)
    }

    pub fn at_least_count(&self, count: E, n: u32, span: Span) -> E {
        let limit = literal(Value::Whole(i64::from(n)), Type::Whole, span);
        truth(Kind::Compare(Comparison::GreaterOrEqual, count, limit), span)
    }

    /// `any item has (…)`
    pub fn quantified(
        &mut self,
        quantifier: Quantifier,
        condition: &ast::Expr,
        rows: &ast::Rows,
        scope: &Scope,
        span: Span,
    ) -> E {
        if let Some(at) = self.inside_many(scope, span) {
            return at;
        }
        let written = ast::ExprKind::Quantified {
            quantifier,
            condition: Box::new(condition.clone()),
            rows: Box::new(rows.clone()),
        };
        let words = self.words(&ast::Expr { kind: written, span });
        let Some(source) = self.source(rows, scope, &words) else {
            return self.error(span);
        };
        let negated = std::mem::take(&mut self.negated);
        let it = self.test(condition, &source.scope);
        self.negated = negated;
        if it.ty == Type::Error {
            return it;
        }
        self.pair_by_pair(&source.fact, &it);
        self.rows_that(quantifier, it, &source, span)
    }

    /// How many rows meet a condition that is typed already.
    pub fn rows_that(&mut self, quantifier: Quantifier, it: E, source: &Source, span: Span) -> E {
        let not = |it: E| truth(Kind::Not(it), span);
        match quantifier {
            Quantifier::Any => self.at_least_rows(1, it, source, span),
            Quantifier::No => not(self.at_least_rows(1, it, source, span)),
            Quantifier::Every => not(self.at_least_rows(1, not(it), source, span)),
            Quantifier::AtLeast(n) => self.at_least_rows(n, it, source, span),
            Quantifier::AtMost(n) => not(self.at_least_rows(n.saturating_add(1), it, source, span)),
            Quantifier::Exactly(n) => {
                let least = self.at_least_rows(n, it.clone(), source, span);
                let more = self.at_least_rows(n.saturating_add(1), it, source, span);
                truth(Kind::And(vec![least, not(more)]), span)
            }
        }
    }

    /// True if `n` are surely true, false if even the unknown ones would not reach `n`.
    fn at_least_rows(&mut self, n: u32, condition: E, source: &Source, span: Span) -> E {
        let rows = self.open_rows(&condition, source, span);
        let not = |it: E| truth(Kind::Not(it), span);
        let possible = not(truth(Kind::Established(not(condition.clone())), span));
        let sure = self.count_where(condition, source, span);
        let possible = self.count_where(possible, source, span);
        let (sure, possible) =
            (self.at_least_count(sure, n, span), self.at_least_count(possible, n, span));
        let open = truth(Kind::Open(Arc::new(rows)), span);
        truth(Kind::Or(vec![sure, truth(Kind::And(vec![possible, open]), span)]), span)
    }
}
