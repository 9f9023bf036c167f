//! Expressions: values and tests, typed from the inside out.

use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::Arithmetic;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Kind;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::truth;
use crate::ir::typing;
use crate::schema::Number;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::value::decimal;

impl Lowering<'_> {
    /// A value; `expected` lets `CN` or `high` be read as what it is compared with.
    pub fn value(&mut self, expr: &ast::Expr, expected: Option<&Type>, scope: &Scope) -> E {
        let it = self.either_expected(expr, expected, scope);
        if it.ty == Type::Truth
            && !matches!(
                it.kind,
                Kind::Field(_)
                    | Kind::Literal(_)
                    | Kind::Named(..)
                    | Kind::OrElse(..)
                    | Kind::Fact(_)
            )
        {
            self.push(
                Diagnostic::new(Code::T3006, expr.span, "a value is needed here, not a condition")
                    .help("move the condition to a line of its own"),
            );
            return self.error(expr.span);
        }
        it
    }

    /// A condition.
    pub fn test(&mut self, expr: &ast::Expr, scope: &Scope) -> E {
        let it = self.either(expr, scope);
        if it.ty == Type::Truth || it.ty == Type::Error {
            return it;
        }
        let message = format!("a condition is needed here, not {}", it.ty.words());
        let text = self.sources.slice(expr.span);
        self.push(
            Diagnostic::new(Code::T3006, expr.span, message)
                .here(it.ty.words())
                .help(format!("compare it: `{text} > …`, `{text} is …`, `{text} is missing`")),
        );
        self.error(expr.span)
    }

    /// A value or a condition.
    pub fn either(&mut self, expr: &ast::Expr, scope: &Scope) -> E {
        self.either_expected(expr, None, scope)
    }

    pub fn either_expected(
        &mut self,
        expr: &ast::Expr,
        expected: Option<&Type>,
        scope: &Scope,
    ) -> E {
        let span = expr.span;
        match &expr.kind {
            ast::ExprKind::Number(text) => self.number(text, span),
            ast::ExprKind::Quantity { number, unit } => self.quantity(number, unit, span),
            ast::ExprKind::Date(date) => self.date(*date, span),
            ast::ExprKind::DateTime(time) => self.date_time(*time, span),
            ast::ExprKind::Text(text) => self.text(text, expected, span),
            ast::ExprKind::Code { nomenclature, code } => {
                self.code(nomenclature, code, scope, span)
            }
            ast::ExprKind::Truth(it) => self.truth_literal(*it, span),
            ast::ExprKind::Missing => self.stray(span, "`missing` stands after `is`"),
            ast::ExprKind::Path(path) => self.path(path, expected, scope, span),
            ast::ExprKind::List(_) => self.stray(span, "a list stands after `in` or `under`"),
            ast::ExprKind::Set(_) => self.stray(span, "a set stands after `is one of` or `in`"),
            ast::ExprKind::Call { name, arguments } => self.call(name, arguments, scope, span),
            ast::ExprKind::Member { base, name } => self.member(base, name, scope, span),
            ast::ExprKind::AtDigits { value, digits } => {
                self.at_digits(value, *digits, scope, span)
            }
            ast::ExprKind::Not(it) => self.not(it, scope, span),
            ast::ExprKind::Negate(it) => self.negate(it, expected, scope, span),
            ast::ExprKind::And(parts) => self.combined(parts, Kind::And, scope, span),
            ast::ExprKind::Or(parts) => self.combined(parts, Kind::Or, scope, span),
            ast::ExprKind::Binary { op: ast::BinaryOp::OrElse, left, right } => {
                self.or_else(left, right, expected, scope, span)
            }
            ast::ExprKind::Binary { op, left, right } => {
                self.arithmetic(*op, (left, right), scope, span)
            }
            ast::ExprKind::Test { op, left, right } => {
                self.comparison(*op, (left, right), scope, span)
            }
            ast::ExprKind::IsMissing(it) => self.is_missing(it, scope, span),
            ast::ExprKind::IsGiven(it) => {
                let missing = self.is_missing(it, scope, span);
                self.negation(missing, span)
            }
            ast::ExprKind::Between { negated, value, low, high } => {
                self.between(*negated, value, (low, high), scope, span)
            }
            ast::ExprKind::Aggregate(it) => self.aggregate(it, scope, span),
            ast::ExprKind::Quantified { quantifier, condition, rows } => {
                self.quantified(*quantifier, condition, rows, scope, span)
            }
            ast::ExprKind::KnownFor { value, op, duration } => {
                self.known_for(value, *op, duration, scope, span)
            }
            ast::ExprKind::Converted { value, currency } => {
                self.converted(value, currency, scope, span)
            }
            ast::ExprKind::Error => self.error(span),
        }
    }

    fn stray(&mut self, span: Span, message: &str) -> E {
        let help = "write the field first, then the test, then what it is tested against";
        self.push(Diagnostic::new(Code::T3005, span, message).help(help));
        self.error(span)
    }

    pub fn negation(&mut self, it: E, span: Span) -> E {
        if it.ty == Type::Error { it } else { truth(Kind::Not(it), span) }
    }

    fn not(&mut self, inner: &ast::Expr, scope: &Scope, span: Span) -> E {
        let it = self.test(inner, scope);
        self.negation(it, span)
    }

    fn negate(
        &mut self,
        inner: &ast::Expr,
        expected: Option<&Type>,
        scope: &Scope,
        span: Span,
    ) -> E {
        let it = self.value(inner, expected, scope);
        match it.ty {
            Type::Error => it,
            Type::Whole | Type::Number(_) | Type::Duration => {
                let ty = it.ty.clone();
                Arc::new(Expr { kind: Kind::Negate(it), ty, span })
            }
            _ => {
                let message = format!("`-` cannot stand before {}", it.ty.words());
                self.push(Diagnostic::new(Code::T3005, span, message).help("take the sign away"));
                self.error(span)
            }
        }
    }

    fn combined(
        &mut self,
        parts: &[ast::Expr],
        kind: fn(Vec<E>) -> Kind,
        scope: &Scope,
        span: Span,
    ) -> E {
        let parts: Vec<E> = parts.iter().map(|it| self.test(it, scope)).collect();
        if parts.iter().any(|it| it.ty == Type::Error) {
            return self.error(span);
        }
        truth(kind(parts), span)
    }

    fn is_missing(&mut self, inner: &ast::Expr, scope: &Scope, span: Span) -> E {
        let it = self.either(inner, scope);
        if it.ty == Type::Error {
            return it;
        }
        if let Kind::Field(id) = &it.kind
            && self.schema.field(*id).required
        {
            let name = self.schema.field(*id).name.clone();
            let message = format!("`{name}` is never missing: the schema says `required`");
            self.push(Diagnostic::new(Code::T4103, span, message).help("take this test out"));
        }
        truth(Kind::IsMissing(it), span)
    }

    fn or_else(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        expected: Option<&Type>,
        scope: &Scope,
        span: Span,
    ) -> E {
        let left = self.either_expected(left, expected, scope);
        let hint = if left.ty == Type::Error { expected.cloned() } else { Some(left.ty.clone()) };
        let right = self.either_expected(right, hint.as_ref(), scope);
        if left.ty == Type::Error || right.ty == Type::Error {
            return self.error(span);
        }
        if let Some(problem) = typing::comparable(&self.schema, &left, &right) {
            self.push(problem);
            return self.error(span);
        }
        if !typing::may_be_missing(&self.schema, &left) {
            let text = self.sources.slice(left.span);
            let message = format!("`{text}` is never missing");
            self.push(Diagnostic::new(Code::T4103, span, message).help("take `or else …` out"));
        }
        let ty = self.common(&left.ty, &right.ty);
        let (left, right) = (self.widen(left, &ty), self.widen(right, &ty));
        let of = left.clone();
        let replaced = Arc::new(Expr { kind: Kind::OrElse(left, right), ty, span });
        self.where_told(replaced, &of, scope.record, span)
    }

    /// One type for both: of numbers the larger scale; whole only when both are.
    pub fn common(&self, left: &Type, right: &Type) -> Type {
        match (left, right) {
            (Type::Whole, Type::Whole) => Type::Whole,
            (a, b) if a.is_numeric() && b.is_numeric() => {
                let (a, b) = (typing::number(a), typing::number(b));
                let percent = a.percent || b.percent;
                Type::Number(Number { scale: a.scale.max(b.scale), percent, ..a })
            }
            (a, _) => a.clone(),
        }
    }

    /// As a decimal of the scale of `ty`, when it is not one already.
    pub fn widen(&self, it: E, ty: &Type) -> E {
        let Type::Number(wanted) = ty else { return it };
        if typing::number(&it.ty).scale == wanted.scale && matches!(it.ty, Type::Number(_)) {
            return it;
        }
        let span = it.span;
        Arc::new(Expr { kind: Kind::Widen(it), ty: ty.clone(), span })
    }

    fn arithmetic(
        &mut self,
        op: ast::BinaryOp,
        (left, right): (&ast::Expr, &ast::Expr),
        scope: &Scope,
        span: Span,
    ) -> E {
        let left = self.value(left, None, scope);
        let right = self.value(right, None, scope);
        if left.ty == Type::Error || right.ty == Type::Error {
            return self.error(span);
        }
        let op = match op {
            ast::BinaryOp::Add => Arithmetic::Add,
            ast::BinaryOp::Subtract => Arithmetic::Subtract,
            ast::BinaryOp::Divide => Arithmetic::Divide,
            ast::BinaryOp::Multiply | ast::BinaryOp::Of | ast::BinaryOp::OrElse => {
                Arithmetic::Multiply
            }
        };
        match arithmetic_type(op, &left, &right) {
            Ok(ty) => Arc::new(Expr { kind: Kind::Arithmetic(op, left, right), ty, span }),
            Err(problem) => {
                self.push(*problem);
                self.error(span)
            }
        }
    }

    fn at_digits(&mut self, value: &ast::Expr, digits: u32, scope: &Scope, span: Span) -> E {
        let it = self.value(value, None, scope);
        let Type::Code(nomenclature) = &it.ty else {
            if it.ty != Type::Error {
                let message = format!("digits are taken from a code, not from {}", it.ty.words());
                self.push(Diagnostic::new(Code::T3005, span, message).help("take a code field"));
            }
            return self.error(span);
        };
        let levels = self.levels_of(nomenclature);
        if !levels.is_empty() && !levels.contains(&digits) {
            let message = format!("codes of {nomenclature} have no level of {digits} digits");
            let help = format!("its levels are {}", join(&levels));
            self.push(Diagnostic::new(Code::T3301, span, message).help(help));
            return self.error(span);
        }
        let ty = it.ty.clone();
        Arc::new(Expr { kind: Kind::AtDigits(it, digits), ty, span })
    }
}

pub fn join(levels: &[u32]) -> String {
    let words: Vec<String> = levels.iter().map(u32::to_string).collect();
    words.join(", ")
}

/// The type of `left op right`, with the scales of semantics: sums the larger, products at most 9,
/// quotients 9.
fn arithmetic_type(op: Arithmetic, left: &E, right: &E) -> Result<Type, Box<Diagnostic>> {
    match (op, &left.ty, &right.ty) {
        (_, a, b) if a.is_numeric() && b.is_numeric() => numeric_type(op, left, right),
        (Arithmetic::Subtract, Type::Date, Type::Date) => Ok(Type::Duration),
        (Arithmetic::Subtract, Type::DateTime, Type::DateTime) => Ok(Type::Duration),
        (Arithmetic::Add | Arithmetic::Subtract, Type::Date, Type::Duration) => {
            if typing::duration_kind(right) == Some(typing::DurationKind::Time) {
                let message = "hours cannot be added to a date";
                let it = Diagnostic::new(Code::T3005, right.span, message);
                return Err(Box::new(it.help("add days, or use a date-time")));
            }
            Ok(Type::Date)
        }
        (Arithmetic::Add | Arithmetic::Subtract, Type::DateTime, Type::Duration) => {
            Ok(Type::DateTime)
        }
        (_, a, b) => {
            let verb = match op {
                Arithmetic::Add => "added",
                Arithmetic::Subtract => "subtracted",
                Arithmetic::Multiply => "multiplied",
                Arithmetic::Divide => "divided",
            };
            let message = format!("{} and {} cannot be {verb}", a.words(), b.words());
            let it = Diagnostic::new(Code::T3005, left.span, message)
                .here(a.words())
                .label(right.span, b.words())
                .help("compute with numbers, amounts, quantities, or a date and a duration");
            Err(Box::new(it))
        }
    }
}

fn numeric_type(op: Arithmetic, left: &E, right: &E) -> Result<Type, Box<Diagnostic>> {
    let both_whole = left.ty == Type::Whole && right.ty == Type::Whole;
    let (a, b) = (typing::number(&left.ty), typing::number(&right.ty));
    match op {
        Arithmetic::Add | Arithmetic::Subtract => {
            if let Some(problem) = typing::same_dimension(left, right, "added") {
                return Err(Box::new(problem));
            }
            if both_whole {
                return Ok(Type::Whole);
            }
            let percent = a.percent && b.percent;
            Ok(Type::Number(Number { scale: a.scale.max(b.scale), percent, ..a }))
        }
        Arithmetic::Multiply if both_whole => Ok(Type::Whole),
        Arithmetic::Multiply => {
            let scale = decimal::product_scale(a.scale, b.scale);
            let dimension = a.dimension.times(&b.dimension);
            let percent = false;
            Ok(Type::Number(Number { scale, dimension, percent }))
        }
        Arithmetic::Divide => {
            let dimension = a.dimension.over(&b.dimension);
            let percent = false;
            Ok(Type::Number(Number { scale: decimal::SCALE_MAX, dimension, percent }))
        }
    }
}
