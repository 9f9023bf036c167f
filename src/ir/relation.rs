//! What is looked up elsewhere: since when somebody is known, the row that is referred to, rates.

use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir::Arithmetic;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Fact;
use crate::ir::Kind;
use crate::ir::Lookup;
use crate::ir::RATES;
use crate::ir::Reach;
use crate::ir::RuleSet;
use crate::ir::Statistic;
use crate::ir::literal::literal;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::truth;
use crate::ir::many::fields_of;
use crate::ir::typing;
use crate::schema::FieldId;
use crate::schema::Number;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::value::Decimal;
use crate::value::Reason;
use crate::value::Value;
use crate::value::decimal::product_scale;
use crate::value::unit::Base;
use crate::value::unit::Dimension;

impl Lowering<'_> {
    /// `importer_id known for less than 90 days`: from the first row before, this one included.
    pub fn known_for(
        &mut self,
        value: &ast::Expr,
        op: ast::TestOp,
        duration: &ast::Expr,
        scope: &Scope,
        span: Span,
    ) -> E {
        if let Some(at) = self.inside_many(scope, span) {
            return at;
        }
        let Some((record, key)) = self.known_of(value, scope) else { return self.error(span) };
        let length = self.value(duration, None, scope);
        if key.ty == Type::Error || length.ty == Type::Error {
            return self.error(span);
        }
        let kind = typing::duration_kind(&length);
        if length.ty != Type::Duration || kind == Some(typing::DurationKind::Time) {
            let it =
                Diagnostic::new(Code::T3005, length.span, "known for how many days or months?");
            self.push(it.help("write `known for less than 90 days`"));
            return self.error(span);
        }
        let Some(date) = self.acceptance(scope, span) else { return self.error(span) };
        let name = ast::Name { text: self.schema.record(record).name.clone(), span };
        let rows = ast::Rows {
            past: true,
            record: name,
            others: None,
            filter: None,
            same: Vec::new(),
            window: None,
            partial: true,
            smoothed: None,
            span,
        };
        let said = self.diagnostics.len();
        let words = format!("{} known for", self.words(value));
        let source = self.source(&rows, scope, &words);
        // That it looks at all the past is what is asked for.
        let kept = self.diagnostics.split_off(said);
        self.diagnostics.extend(kept.into_iter().filter(|it| it.is_error()));
        let Some(mut source) = source else { return self.error(span) };
        source.fact.keys = vec![(key.clone(), key.clone())];
        // Without its instant nobody can tell which rows were known.
        let instant = source.fact.instants.as_ref().map(|it| it.1.clone());
        let first = self.of_value(ast::Statistic::FirstDate, None, None, &source, span);
        let node = |kind, ty| Arc::new(Expr { kind, ty, span });
        let first = node(Kind::OrElse(first, date.clone()), Type::Date);
        let given = |it: E| truth(Kind::Not(truth(Kind::IsMissing(it), span)), span);
        let known = match instant {
            None => given(key.clone()),
            Some(instant) => truth(Kind::And(vec![given(key.clone()), given(instant)]), span),
        };
        let limit = node(Kind::Arithmetic(Arithmetic::Subtract, date, length), Type::Date);
        let op = match op {
            ast::TestOp::Less => Comparison::Greater,
            ast::TestOp::LessOrEqual => Comparison::GreaterOrEqual,
            ast::TestOp::GreaterOrEqual => Comparison::LessOrEqual,
            _ => Comparison::Less,
        };
        let test = truth(Kind::Compare(op, first.clone(), limit.clone()), span);
        let test = self.complete_for(test, record, op, (first, limit), span);
        truth(Kind::Guard(known, test, Reason::NotGiven), span)
    }

    /// A sighting that is old enough decides. That there is none is told only where the data are
    /// complete at the limit.
    fn complete_for(
        &self,
        test: E,
        record: RecordId,
        op: Comparison,
        (first, limit): (E, E),
        span: Span,
    ) -> E {
        let compare = |op, a: &E, b: E| truth(Kind::Compare(op, a.clone(), b), span);
        let day = |it: i32| literal(Value::Date(it), Type::Date, span);
        // The limit itself counts as old enough, or it does not.
        let (seen, later) = match op {
            Comparison::Greater | Comparison::LessOrEqual => (Comparison::LessOrEqual, 0),
            Comparison::GreaterOrEqual | Comparison::Less | Comparison::Equal => {
                (Comparison::Less, 1)
            }
        };
        let since = self.schema.complete_since(record);
        let since = since.map(|it| compare(Comparison::GreaterOrEqual, &limit, day(it)));
        let until = self.schema.complete_until(record);
        let until =
            until.map(|it| compare(Comparison::LessOrEqual, &limit, day(it.saturating_add(later))));
        let complete: Vec<E> = since.into_iter().chain(until).collect();
        if complete.is_empty() {
            return test;
        }
        let old = compare(seen, &first, limit);
        let told = truth(Kind::Or(vec![old, truth(Kind::And(complete), span)]), span);
        truth(Kind::Guard(told, test, Reason::HistoryIncomplete), span)
    }

    /// The record whose past tells, and what is looked for in it.
    pub fn known_of(&mut self, value: &ast::Expr, scope: &Scope) -> Option<(RecordId, E)> {
        let lineage = self.schema.lineage(scope.record);
        let named = match &value.kind {
            ast::ExprKind::Path(path) if path.len() == 1 => {
                let refers = lineage.iter().flat_map(|it| &self.schema.record(*it).refers);
                refers.into_iter().find(|it| it.name == path[0].text).map(|it| it.by.clone())
            }
            _ => None,
        };
        let key = match named {
            Some(by) => {
                let name = ast::Name { text: by, span: value.span };
                let kind = ast::ExprKind::Path(vec![name]);
                self.value(&ast::Expr { kind, span: value.span }, None, scope)
            }
            None => self.value(value, None, scope),
        };
        let mut records: Vec<RecordId> = fields_of(&key).into_iter().map(|it| it.record).collect();
        records.sort_by_key(|it| self.schema.lineage(*it).len());
        match records.pop() {
            Some(record) => Some((record, key)),
            None => {
                if key.ty != Type::Error {
                    let it = Diagnostic::new(Code::T3005, value.span, "known by which field?");
                    self.push(it.help("write `importer_id known for less than 90 days`"));
                }
                None
            }
        }
    }

    /// `importer.risk_class`: the field of the row that the schema refers to.
    pub fn relation(
        &mut self,
        relation: &ast::Name,
        name: &ast::Name,
        scope: &Scope,
        span: Span,
    ) -> Option<E> {
        let lineage = self.schema.lineage(scope.record);
        let found = lineage.iter().find_map(|record| {
            let all = &self.schema.record(*record).refers;
            all.iter().find(|it| it.name == relation.text).map(|it| (*record, it.clone()))
        });
        let (record, refers) = found?;
        if scope.judged.is_some() {
            let message = format!("`{}.{}` is not known of other rows", relation.text, name.text);
            let it = Diagnostic::new(Code::T1109, span, message);
            self.push(it.help(
                "use a field of the rows themselves: a register is asked only for the judged row",
            ));
            return Some(self.error(span));
        }
        let target = refers.to;
        let Some(value) = self.own_field(target, name, span) else {
            let names = self.schema.record(target).fields.iter().map(|it| it.name.as_str());
            let help = did_you_mean(&name.text, names)
                .unwrap_or_else(|| "name a field of the record it refers to".to_owned());
            let message = format!("`{}` has no field `{}`", relation.text, name.text);
            self.push(Diagnostic::new(Code::T2101, name.span, message).help(help));
            return Some(self.error(span));
        };
        let key = self.schema.record(target).key.clone();
        let [key] = key.as_slice() else {
            let message = "a record is referred to by one key field";
            let it = Diagnostic::new(Code::T2108, relation.span, message);
            self.push(it.help("give the record one `key` in the schema"));
            return Some(self.error(span));
        };
        let theirs = FieldId { record: target, field: *key };
        let ours = self.schema.find_field(record, &refers.by)?;
        let field = |schema: &Schema, id: FieldId| {
            Arc::new(Expr { kind: Kind::Field(id), ty: schema.field(id).ty.clone(), span })
        };
        let keys = vec![(field(&self.schema, theirs), field(&self.schema, ours))];
        let dates = match (self.schema.acceptance(target), self.schema.acceptance(scope.record)) {
            (Some(a), Some(b)) => Some((field(&self.schema, a), field(&self.schema, b))),
            _ => None,
        };
        let known =
            self.schema.known_from(target).filter(|it| Some(*it) != self.schema.acceptance(target));
        let known_from = known.map(|it| field(&self.schema, it));
        let timed = known_from.as_ref().is_some_and(|it| it.ty == Type::DateTime);
        let instants = match (self.schema.instant(target), self.schema.instant(scope.record)) {
            (Some(a), Some(b)) if timed => Some((field(&self.schema, a), field(&self.schema, b))),
            _ => None,
        };
        let fact = Fact {
            words: Arc::from(format!("{}.{}", relation.text, name.text)),
            rows: target,
            reach: if dates.is_some() { Reach::AsOf } else { Reach::All },
            filter: None,
            needed: Vec::new(),
            keys,
            others: None,
            statistic: Statistic::Latest,
            ty: value.ty.clone(),
            value: Some(value),
            weight: None,
            dates,
            instants,
            known_from,
            own: Vec::new(),
            results_from: Vec::new(),
            complete_since: None,
            complete_until: None,
        };
        Some(self.fact(fact, span))
    }

    /// `item_price converted to EUR`: by the list `exchange_rates`, at the acceptance date.
    pub fn converted(
        &mut self,
        value: &ast::Expr,
        currency: &ast::Name,
        scope: &Scope,
        span: Span,
    ) -> E {
        let it = self.value(value, None, scope);
        if it.ty == Type::Error {
            return it;
        }
        let number = typing::number(&it.ty);
        let money = number.dimension.0.iter().find_map(|(base, power)| match base {
            Base::Currency(name) if *power == 1 => {
                Some((base.clone(), literal(Value::text(name), Type::Currency, span)))
            }
            Base::UnitOf(field) if *power == 1 => {
                let lineage = self.schema.lineage(scope.record);
                let id = lineage.iter().find_map(|it| self.schema.find_field(*it, field))?;
                let ty = self.schema.field(id).ty.clone();
                let is_currency = ty == Type::Currency;
                let key = Arc::new(Expr { kind: Kind::Field(id), ty, span });
                is_currency.then_some((base.clone(), key))
            }
            _ => None,
        });
        let Some((base, from)) = money else {
            let message = format!("{} has no currency to convert", it.ty.words());
            let it = Diagnostic::new(Code::T3002, span, message);
            self.push(it.help("convert an amount: `item_price converted to EUR`"));
            return self.error(span);
        };
        // An amount in the currency itself needs no rate.
        if base == Base::Currency(currency.text.clone()) {
            return it;
        }
        let list_name = ast::Name { text: RATES.to_owned(), span };
        if !self.lists.iter().any(|it| *it.name == list_name.text) {
            let message = "there are no rates of exchange";
            let help = "declare `list exchange_rates file \"…\"` with `column currency : currency, \
                        key` and one column a target: `column EUR : decimal`";
            self.push(Diagnostic::new(Code::T2102, span, message).help(help));
            return self.error(span);
        }
        let Some(list) = self.find_list(&list_name) else { return self.error(span) };
        let column = self.lists[list].columns.iter().position(|it| it.name == currency.text);
        let fits = column.is_some_and(|at| self.lists[list].columns[at].ty.is_numeric())
            && self.lists[list].key.len() == 1;
        let Some(column) = column.filter(|_| fits) else {
            let message = format!("the list `exchange_rates` has no rates to {}", currency.text);
            let help =
                format!("add `column {} : decimal`: one unit of the key in it", currency.text);
            self.push(Diagnostic::new(Code::T2101, currency.span, message).help(help));
            return self.error(span);
        };
        let date = if self.lists[list].dated { self.acceptance(scope, span) } else { None };
        let ty = self.lists[list].columns[column].ty.clone();
        self.looked_up(list);
        let lookup = Lookup { list, keys: vec![from.clone()], column, date: date.clone() };
        let node = |kind, ty| Arc::new(Expr { kind, ty, span });
        let rate = node(Kind::Lookup(lookup), ty.clone());
        let rate = match &from.kind {
            Kind::Field(_) => self.or_one(rate, &from, currency, span),
            _ => rate,
        };
        let scale = product_scale(number.scale, typing::number(&ty).scale);
        let mut dimension = number.dimension.clone();
        dimension.0.retain(|it| it.0 != base);
        let target = Dimension::of(Base::Currency(currency.text.clone()));
        let ty =
            Type::Number(Number { scale, dimension: dimension.times(&target), percent: false });
        let product = node(Kind::Arithmetic(Arithmetic::Multiply, it, rate.clone()), ty.clone());
        let some = truth(Kind::Not(truth(Kind::IsMissing(rate), span)), span);
        // That a rate is wanting can be told only where what it is looked up by is given.
        let missing = std::iter::once(from).chain(date);
        let missing = missing.map(|it| truth(Kind::IsMissing(it), span));
        let wanted = truth(Kind::Or(std::iter::once(some).chain(missing).collect()), span);
        node(Kind::Guard(wanted, product, Reason::NoRate), ty)
    }

    /// The rate, or one where the currency of the amount is the one that is wanted.
    fn or_one(&self, rate: E, from: &E, currency: &ast::Name, span: Span) -> E {
        let ty = rate.ty.clone();
        let node = |kind| Arc::new(Expr { kind, ty: ty.clone(), span });
        let one = match &ty {
            Type::Number(number) => Decimal::new(1, 0).with_scale(number.scale).map(Value::Decimal),
            _ => Some(Value::Whole(1)),
        };
        let Some(one) = one else { return rate };
        let words: Arc<[Arc<str>]> = Arc::from([Arc::from(currency.text.as_str())]);
        let same = truth(Kind::Member(from.clone(), words), span);
        let one = Kind::Guard(same, node(Kind::Literal(one)), Reason::NoRate);
        node(Kind::OrElse(node(one), rate))
    }
}

/// Of what [`Lowering::known_for`] makes: who is known, and how the first day compares with which.
pub fn known_parts<'a>(set: &RuleSet, it: &'a E) -> Option<(&'a E, Comparison, &'a E)> {
    let Kind::Guard(given, test, Reason::NotGiven) = &it.kind else { return None };
    let given = match &given.kind {
        Kind::And(parts) => parts.first()?,
        _ => given,
    };
    let test = match &test.kind {
        Kind::Guard(_, inner, Reason::HistoryIncomplete) => inner,
        _ => test,
    };
    let Kind::Not(missing) = &given.kind else { return None };
    let (Kind::IsMissing(key), Kind::Compare(op, first, limit)) = (&missing.kind, &test.kind)
    else {
        return None;
    };
    let Kind::OrElse(fact, _) = &first.kind else { return None };
    let Kind::Fact(id) = &fact.kind else { return None };
    (set.facts[id.0].statistic == Statistic::FirstDate).then_some((key, *op, limit))
}
