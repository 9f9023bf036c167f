//! How many rows meet a condition: shares and quantifiers.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::Arithmetic;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::OpenRows;
use crate::ir::Statistic;
use crate::ir::judged::judged_in;
use crate::ir::literal::literal;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::truth;
use crate::ir::many::Source;
use crate::ir::many::fields_of;
use crate::ir::typing;
use crate::schema::FieldId;
use crate::schema::Number;
use crate::schema::RecordId;
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

    /// What may leave the rows open: fields of theirs, and what the judged row has a say in.
    fn open_rows(&mut self, condition: &E, source: &Source, span: Span) -> OpenRows {
        let judged = judged_in(condition).into_iter().cloned().collect();
        let mut res = OpenRows { judged, ..OpenRows::default() };
        let record = source.fact.rows;
        let is_inside = source.fact.dates.is_none();
        let judged = source.scope.judged.as_ref().map(|it| it.record).filter(|_| is_inside);
        let around = judged.map(|it| self.schema.lineage(it)).unwrap_or_default();
        // A record around both has one row for both.
        let own = self.schema.lineage(record).into_iter().skip(1);
        let shared: Vec<RecordId> = own.filter(|it| around.contains(it)).collect();
        res.judged.extend(in_common(condition, &shared));
        let number = self.number_of(record, judged);
        // Past rows count by their date: it is given.
        let day = source.fact.dates.as_ref().map(|it| fields_of(&it.0)).unwrap_or_default();
        let mut names: BTreeSet<String> = self.judged_names(condition).into_iter().collect();
        for id in self.leaving_open(condition) {
            let field = self.schema.field(id);
            let required = field.required;
            if shared.contains(&id.record) {
                names.insert(field.name.clone());
                continue;
            }
            let name = format!("{}: {}", self.schema.record(record).name, field.name);
            names.insert(name.clone());
            if required || day.contains(&id) {
                continue;
            }
            res.own.push(name.clone());
            match number.filter(|_| id.record == record) {
                Some(number) => {
                    res.first.extend(self.of_open(condition, id, Some(number), source, span));
                }
                None if is_inside => {
                    let count = self.of_open(condition, id, None, source, span);
                    res.some.extend(count.map(|it| (it.0, name)));
                }
                None => res.asked.push(name),
            }
        }
        res.names = names.into_iter().collect();
        res
    }

    /// The fields of a condition that can leave it open: neither `is missing` nor a replacement
    /// that is always given does.
    fn leaving_open(&self, condition: &E) -> BTreeSet<FieldId> {
        let (mut res, mut todo) = (BTreeSet::new(), vec![condition]);
        while let Some(it) = todo.pop() {
            match &it.kind {
                Kind::IsMissing(_) | Kind::Established(_) => {}
                Kind::OrElse(_, right) if !typing::may_be_missing(&self.schema, right) => {}
                Kind::Field(id) => {
                    res.insert(*id);
                }
                _ => todo.extend(it.parts()),
            }
        }
        res
    }

    /// The one whole number that tells rows right inside the judged one apart.
    fn number_of(&self, record: RecordId, judged: Option<RecordId>) -> Option<FieldId> {
        let it = self.schema.record(record);
        let ([field], true) = (it.key.as_slice(), judged.is_some() && it.parent == judged) else {
            return None;
        };
        let key = FieldId { record, field: *field };
        (self.schema.field(key).ty == Type::Whole).then_some(key)
    }

    /// Of the rows that stay open and lack a field, the first one's number, or how many they are.
    fn of_open(
        &mut self,
        condition: &E,
        id: FieldId,
        number: Option<FieldId>,
        source: &Source,
        span: Span,
    ) -> Option<(FactId, FieldId)> {
        let field_of = |id: FieldId, ty: Type| Arc::new(Expr { kind: Kind::Field(id), ty, span });
        let lacks = field_of(id, self.schema.field(id).ty.clone());
        let open = [condition.clone(), lacks].map(|it| truth(Kind::IsMissing(it), span));
        let mut fact = source.fact.clone();
        fact.filter = Some(truth(Kind::And(fact.filter.into_iter().chain(open).collect()), span));
        fact.ty = Type::Whole;
        fact.statistic = if number.is_some() { Statistic::Smallest } else { Statistic::Count };
        fact.value = number.map(|it| field_of(it, Type::Whole));
        match self.fact(fact, span).kind {
            Kind::Fact(fact) => Some((fact, id)),
            _ => None,
        }
    }
}

/// The largest parts of a condition on rows that ask nothing of the rows themselves: their values
/// are those of the judged row, which shares the records around.
fn in_common(condition: &E, shared: &[RecordId]) -> Vec<E> {
    let (mut res, mut todo) = (Vec::new(), vec![condition]);
    while let Some(it) = todo.pop() {
        let own = fields_of(it).iter().any(|id| !shared.contains(&id.record));
        match it.kind {
            Kind::Literal(_) | Kind::IsMissing(_) | Kind::Established(_) => {}
            _ if own || !judged_in(it).is_empty() => todo.extend(it.parts()),
            _ => res.push(it.clone()),
        }
    }
    res
}
