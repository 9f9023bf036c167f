//! What is said of many rows: statistics, quantifiers, relations, and how long something is known.
//!
//! Each becomes a [`Fact`], or a few of them joined by ordinary expressions; a fact that several
//! rules need is one fact.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir::Arithmetic;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::Reach;
use crate::ir::Statistic;
use crate::ir::literal::literal;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::truth;
use crate::ir::print;
use crate::ir::typing;
use crate::schema::FieldId;
use crate::schema::Number;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::Quantifier;
use crate::value::Duration;
use crate::value::Reason;
use crate::value::Value;
use crate::value::calendar;
use crate::value::decimal::SCALE_MAX;
use crate::value::decimal::product_scale;

/// Rows, before it is said what is asked of them.
#[derive(Clone)]
pub struct Source {
    pub fact: Fact,
    pub scope: Scope,
}

impl Lowering<'_> {
    /// `count of past declarations with same importer_id in last 7 days`
    pub fn aggregate(&mut self, it: &ast::Aggregate, scope: &Scope, span: Span) -> E {
        if let Some(at) = self.inside_many(scope, span) {
            return at;
        }
        let Some(source) = self.source(&it.rows, scope, span) else { return self.error(span) };
        self.written_twice(it, scope, span);
        self.statistic(it.statistic, it.measure.as_ref(), &it.rows, &source, span)
    }

    fn inside_many(&mut self, scope: &Scope, span: Span) -> Option<E> {
        if !scope.many {
            return None;
        }
        let it = Diagnostic::new(Code::T1109, span, "a statistic of statistics");
        self.push(it.help("use fields of the rows themselves"));
        Some(self.error(span))
    }

    /// T8003: the second place where a statistic of past rows is written.
    fn written_twice(&mut self, it: &ast::Aggregate, scope: &Scope, span: Span) {
        let words: Vec<&str> = self.sources.slice(span).split_whitespace().collect();
        let key = format!("{} {}", scope.record.0, words.join(" "));
        match self.written.get(&key) {
            Some(first) if *first != span && it.rows.past => {
                let first = *first;
                let message = "this statistic is written in another place too";
                let it = Diagnostic::new(Code::T8003, span, message);
                self.push(it.label(first, "here first").help("name it: a `profile`, or a `define`"));
            }
            Some(_) => {}
            None => {
                self.written.insert(key, span);
            }
        }
    }

    /// Which rows: their record, time, keys and condition.
    pub fn source(&mut self, rows: &ast::Rows, scope: &Scope, span: Span) -> Option<Source> {
        let record = self.record_of_rows(&rows.record)?;
        let inner = Scope { record, arguments: scope.arguments.clone(), many: true, ..scope.clone() };
        let words: Vec<&str> = self.sources.slice(span).split_whitespace().collect();
        let mut fact = Fact {
            words: Arc::from(words.join(" ")),
            rows: record,
            reach: Reach::All,
            filter: None,
            keys: Vec::new(),
            others: None,
            statistic: Statistic::Count,
            value: None,
            weight: None,
            dates: None,
            instants: None,
            known_from: None,
            complete_since: None,
            ty: Type::Whole,
        };
        let same_day = matches!(rows.window, Some(ast::Window::SameDay));
        if rows.past || same_day {
            self.in_time(rows, &mut fact, scope)?;
        } else {
            self.inside(rows, &mut fact, scope)?;
        }
        for key in &rows.same {
            let key = self.pair(key, &inner, scope)?;
            fact.keys.push(key);
        }
        if let Some(by) = &rows.others {
            let name = by.clone().unwrap_or_else(|| ast::Name {
                text: "importer_id".to_owned(),
                span: rows.record.span,
            });
            let path = ast::Expr { span: name.span, kind: ast::ExprKind::Path(vec![name]) };
            fact.others = Some(self.pair(&path, &inner, scope)?);
        }
        if let Some(filter) = &rows.filter {
            let negated = std::mem::take(&mut self.negated);
            let it = self.test(filter, &inner);
            self.negated = negated;
            if it.ty == Type::Error {
                return None;
            }
            fact.filter = Some(it);
        }
        if rows.past && rows.same.is_empty() {
            let it = Diagnostic::new(Code::T8002, rows.span, "past rows of everyone");
            self.push(it.help("say whose: `with same importer_id`, or allow it with a reason"));
        }
        Some(Source { fact, scope: inner })
    }

    /// The record of `items`, `item`, `past declarations`.
    fn record_of_rows(&mut self, name: &ast::Name) -> Option<RecordId> {
        let text = name.text.as_str();
        let mut names = vec![text.to_owned()];
        names.extend(text.strip_suffix("ies").map(|it| format!("{it}y")));
        names.extend(text.strip_suffix("es").map(str::to_owned));
        names.extend(text.strip_suffix('s').map(str::to_owned));
        match names.iter().find_map(|it| self.schema.find_record(it)) {
            Some(it) => Some(it),
            None => self.record(name),
        }
    }

    /// A key in the eyes of the rows and of the judged row.
    fn pair(&mut self, key: &ast::Expr, inner: &Scope, outer: &Scope) -> Option<(E, E)> {
        let theirs = self.value(key, None, inner);
        let ours = self.value(key, None, outer);
        if theirs.ty == Type::Error || ours.ty == Type::Error {
            return None;
        }
        if let Some(problem) = typing::comparable(&self.schema, &theirs, &ours) {
            self.push(problem);
            return None;
        }
        if typing::number(&theirs.ty).scale != typing::number(&ours.ty).scale {
            let it = Diagnostic::new(Code::T3005, key.span, "a key of two precisions");
            self.push(it.help("use a field that both records hold in one unit"));
            return None;
        }
        Some((theirs, ours))
    }

    fn in_time(&mut self, rows: &ast::Rows, fact: &mut Fact, scope: &Scope) -> Option<()> {
        let span = rows.span;
        let field = |it: FieldId, ty: Type| {
            Arc::new(Expr { kind: Kind::Field(it), ty, span })
        };
        let (theirs, ours) =
            (self.schema.acceptance(fact.rows), self.schema.acceptance(scope.record));
        let Some(theirs) = theirs else {
            let name = &self.schema.record(fact.rows).name;
            let message = format!("`{name}` has no history: no row of it has a date");
            let it = Diagnostic::new(Code::T5106, span, message);
            self.push(it.help("say in its record of the schema: `history event …`"));
            return None;
        };
        let Some(ours) = ours else {
            self.acceptance(scope, span);
            return None;
        };
        fact.dates = Some((field(theirs, Type::Date), field(ours, Type::Date)));
        let instants = (self.schema.instant(fact.rows), self.schema.instant(scope.record));
        if let (Some(a), Some(b)) = instants {
            fact.instants = Some((field(a, Type::DateTime), field(b, Type::DateTime)));
        }
        fact.reach = match &rows.window {
            Some(ast::Window::SameDay) => Reach::SameDay,
            None => Reach::Before,
            Some(ast::Window::Last(length)) => self.reach(length, fact, scope)?,
        };
        if fact.reach == Reach::Before {
            let it = Diagnostic::new(Code::T8001, span, "all the past on record is read");
            self.push(it.help("say how far back: `in last 24 months`, or allow it with a reason"));
        }
        // A row is known when it happens, unless the schema says another time.
        let known = self.schema.known_from(fact.rows);
        if let Some(known) = known.filter(|it| Some(*it) != Some(theirs) && Some(*it) != instants.0) {
            let ty = self.schema.field(known).ty.clone();
            fact.known_from = Some(field(known, ty));
        }
        let windowed = matches!(fact.reach, Reach::Days(_) | Reach::Time(_));
        if windowed && !rows.partial {
            fact.complete_since = self.schema.complete_since(fact.rows);
            self.reaches_too_far(fact, scope, span);
        }
        Some(())
    }

    /// `in last 90 days`, `in last 24 hours`
    pub fn reach(&mut self, length: &ast::Expr, fact: &Fact, scope: &Scope) -> Option<Reach> {
        let span = length.span;
        let it = self.value(length, None, scope);
        let Kind::Literal(Value::Duration(duration)) = it.kind else {
            if it.ty != Type::Error {
                let it = Diagnostic::new(Code::T3005, span, "a window is a duration");
                self.push(it.help("write `in last 90 days`, `24 hours` or `12 months`"));
            }
            return None;
        };
        if !matches!(duration, Duration::Time(_)) {
            return Some(Reach::Days(duration));
        }
        if fact.instants.is_none() {
            let it = Diagnostic::new(Code::T5104, span, "only dates are known here, no time of day");
            self.push(it.help("count days, or name a date-time: `history event accepted_at`"));
            return None;
        }
        Some(Reach::Time(duration))
    }

    /// T5103, where the validity of the rule tells.
    fn reaches_too_far(&mut self, fact: &Fact, scope: &Scope, span: Span) {
        let (Some(since), Some(from)) = (fact.complete_since, scope.valid.0) else { return };
        let Reach::Days(length) = fact.reach else { return };
        let first = calendar::negated(length).and_then(|it| calendar::add_to_date(from, it));
        if first.is_some_and(|it| since <= it) {
            return;
        }
        let name = &self.schema.record(fact.rows).name;
        let message = format!(
            "on {} this window reaches to before {}, when {name} data begin to be complete",
            calendar::date_text(from),
            calendar::date_text(since)
        );
        let it = Diagnostic::new(Code::T5103, span, message);
        self.push(it.help("shorten it, begin `valid` later, or write `allow partial`"));
    }

    /// Rows of the same declaration, or of the same item.
    fn inside(&mut self, rows: &ast::Rows, fact: &mut Fact, scope: &Scope) -> Option<()> {
        let span = rows.span;
        let name = self.schema.record(fact.rows).name.clone();
        if rows.window.is_some() {
            let it = Diagnostic::new(Code::T5105, span, "a window in time is about past rows");
            self.push(it.help(format!("write `past {name}s`")));
            return None;
        }
        let lineage = self.schema.lineage(scope.record);
        let around = self.schema.lineage(fact.rows).into_iter().skip(1);
        let Some(shared) = around.into_iter().find(|it| lineage.contains(it)) else {
            let here = &self.schema.record(scope.record).name;
            let message = format!("`{name}` is not a part of this {here}");
            let it = Diagnostic::new(Code::T5105, span, message);
            self.push(it.help(format!("write `past {name}s with same …`")));
            return None;
        };
        for record in self.schema.lineage(shared).into_iter().rev() {
            for field in self.schema.record(record).key.clone() {
                let id = FieldId { record, field };
                let ty = self.schema.field(id).ty.clone();
                let key = Arc::new(Expr { kind: Kind::Field(id), ty, span });
                fact.keys.push((key.clone(), key));
            }
        }
        Some(())
    }

    fn statistic(
        &mut self,
        statistic: ast::Statistic,
        measure: Option<&ast::Measure>,
        rows: &ast::Rows,
        source: &Source,
        span: Span,
    ) -> E {
        if rows.smoothed.is_some() && statistic != ast::Statistic::Share {
            let it = Diagnostic::new(Code::T2106, span, "only a share is smoothed");
            self.push(it.help("write `share of … over … smoothed by 1 towards 21 %`"));
            return self.error(span);
        }
        if statistic == ast::Statistic::Share {
            return self.share(measure, rows, source, span);
        }
        let (value, weight) = match measure {
            None => (None, None),
            Some(it) => {
                let value = self.value_of(&it.value, source);
                let weight = it.weight.as_ref().map(|it| self.value(it, None, &source.scope));
                let broken = |it: &E| it.ty == Type::Error;
                if broken(&value) || weight.as_ref().is_some_and(broken) {
                    return self.error(span);
                }
                (Some(value), weight)
            }
        };
        self.of_value(statistic, value, weight, source, span)
    }

    /// A value of each row; a condition is one here.
    fn value_of(&mut self, it: &ast::Expr, source: &Source) -> E {
        let negated = std::mem::take(&mut self.negated);
        let it = self.either(it, &source.scope);
        self.negated = negated;
        it
    }

    /// One statistic of a value that is typed already.
    pub fn of_value(
        &mut self,
        statistic: ast::Statistic,
        value: Option<E>,
        weight: Option<E>,
        source: &Source,
        span: Span,
    ) -> E {
        let mut fact = source.fact.clone();
        let Some((own, ty)) = self.result_of(statistic, value.as_ref(), weight.as_ref(), span)
        else {
            return self.error(span);
        };
        let dated = matches!(own, Statistic::FirstDate | Statistic::LastDate);
        if dated && fact.dates.is_none() {
            let it = Diagnostic::new(Code::T5105, span, "only past rows have a date of their own");
            self.push(it.help("write `past`"));
            return self.error(span);
        }
        fact.statistic = own;
        fact.value = value;
        fact.weight = weight;
        fact.ty = ty;
        self.fact(fact, span)
    }

    fn result_of(
        &mut self,
        statistic: ast::Statistic,
        value: Option<&E>,
        weight: Option<&E>,
        span: Span,
    ) -> Option<(Statistic, Type)> {
        let wrong = |this: &mut Self, message: &str, help: &str| {
            let it = Diagnostic::new(Code::T3005, span, message);
            this.push(it.help(help));
            None
        };
        if weight.is_some() && statistic != ast::Statistic::Average {
            return wrong(self, "only an average is weighted", "write `average of … weighted by …`");
        }
        let date = |it| Some((it, Type::Date));
        let needs = "name a value: `of value over items`";
        match (statistic, value) {
            (ast::Statistic::Count, _) => return Some((Statistic::Count, Type::Whole)),
            (ast::Statistic::FirstDate, None) => return date(Statistic::FirstDate),
            (ast::Statistic::LastDate, None) => return date(Statistic::LastDate),
            (ast::Statistic::FirstDate | ast::Statistic::LastDate, Some(_)) => {
                return wrong(self, "the dates of rows need no value", "take `… over` out");
            }
            (_, None) => return wrong(self, "a statistic of nothing", needs),
            (ast::Statistic::DistinctCount, Some(_)) => {
                return Some((Statistic::DistinctCount, Type::Whole));
            }
            _ => {}
        }
        let value = value?;
        let number = typing::number(&value.ty);
        let numeric = value.ty.is_numeric() && weight.is_none_or(|it| it.ty.is_numeric());
        let ordered = value.ty.is_numeric() || matches!(value.ty, Type::Date | Type::DateTime);
        match statistic {
            ast::Statistic::Sum if numeric => Some((Statistic::Sum, value.ty.clone())),
            ast::Statistic::Average if numeric => {
                let ty = Type::Number(Number { scale: SCALE_MAX, ..number });
                Some((Statistic::Average, ty))
            }
            ast::Statistic::Sum | ast::Statistic::Average => {
                let message = format!("{} cannot be added", value.ty.words());
                wrong(self, &message, "take a number, an amount or a quantity")
            }
            ast::Statistic::Percentile(n) if !(1..=100).contains(&n) => {
                wrong(self, "a percentile is from 1 to 100", "write `percentile 95`")
            }
            _ if !ordered => {
                let message = format!("{} has no order here", value.ty.words());
                wrong(self, &message, "take a number or a date")
            }
            ast::Statistic::Percentile(n) => Some((Statistic::Percentile(n), value.ty.clone())),
            ast::Statistic::Smallest => Some((Statistic::Smallest, value.ty.clone())),
            _ => Some((Statistic::Largest, value.ty.clone())),
        }
    }

    /// (true + K · P) / (known + K)
    fn share(
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
        if condition.ty == Type::Error {
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
        let known = self.of_value(ast::Statistic::Count, Some(condition.clone()), None, source, span);
        let sure = self.count_where(condition, source, span);
        let outer = Scope { many: false, ..source.scope.clone() };
        let (by, towards) = match smoothed {
            None => (None, None),
            Some(it) => {
                let by = self.value(&it.by, None, &outer);
                let towards = it.towards.as_ref().map(|it| self.value(it, None, &outer));
                (Some(by), towards)
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
        if let Some(by) = by {
            let pure = typing::number(&by.ty).dimension.is_pure() && by.ty.is_numeric();
            let percent = towards.as_ref().is_none_or(|it| typing::number(&it.ty).percent);
            if !pure || !percent {
                let it = Diagnostic::new(Code::T3005, span, "a share is smoothed by a number");
                self.push(it.help("write `smoothed by 1 towards 21 %`"));
                return self.error(span);
            }
            if let Some(towards) = towards {
                let scale = |it: &E| typing::number(&it.ty).scale;
                let scale = product_scale(scale(&by), scale(&towards));
                let weight = Kind::Arithmetic(Arithmetic::Multiply, by.clone(), towards);
                let weight = node(weight, number(scale));
                top = add(top, weight);
            }
            bottom = add(bottom, by);
        }
        let percent = Number { percent: true, ..Number::pure(SCALE_MAX) };
        let ty = Type::Number(percent);
        let share = node(Kind::Arithmetic(Arithmetic::Divide, top, bottom), ty.clone());
        if smoothed.is_some() {
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
        self.fact(fact, span)
    }

    pub fn at_least_count(&self, count: E, n: u32, span: Span) -> E {
        let limit = literal(Value::Whole(i64::from(n)), Type::Whole, span);
        truth(Kind::Compare(Comparison::GreaterOrEqual, count, limit), span)
    }

    /// The fact of this meaning, new or known.
    pub fn fact(&mut self, fact: Fact, span: Span) -> E {
        let key = key(&fact);
        let ty = fact.ty.clone();
        let facts = &mut self.facts;
        let id = *self.fact_ids.entry(key).or_insert_with(|| {
            facts.push(fact);
            FactId(facts.len() - 1)
        });
        Arc::new(Expr { kind: Kind::Fact(id), ty, span })
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
        let Some(source) = self.source(rows, scope, span) else { return self.error(span) };
        let negated = std::mem::take(&mut self.negated);
        let it = self.test(condition, &source.scope);
        self.negated = negated;
        if it.ty == Type::Error {
            return it;
        }
        let not = |it: E| truth(Kind::Not(it), span);
        match quantifier {
            Quantifier::Any => self.at_least_rows(1, it, &source, span),
            Quantifier::No => not(self.at_least_rows(1, it, &source, span)),
            Quantifier::Every => not(self.at_least_rows(1, not(it), &source, span)),
            Quantifier::AtLeast(n) => self.at_least_rows(n, it, &source, span),
            Quantifier::AtMost(n) => not(self.at_least_rows(n.saturating_add(1), it, &source, span)),
            Quantifier::Exactly(n) => {
                let least = self.at_least_rows(n, it.clone(), &source, span);
                let more = self.at_least_rows(n.saturating_add(1), it, &source, span);
                truth(Kind::And(vec![least, not(more)]), span)
            }
        }
    }

    /// True if `n` are surely true, false if even the unknown ones would not reach `n`.
    fn at_least_rows(&mut self, n: u32, condition: E, source: &Source, span: Span) -> E {
        let record = self.schema.record(source.fact.rows).name.clone();
        let names: std::collections::BTreeSet<String> = fields_of(&condition)
            .into_iter()
            .map(|it| format!("{record}: {}", self.schema.field(it).name))
            .collect();
        let not = |it: E| truth(Kind::Not(it), span);
        let possible = not(truth(Kind::Established(not(condition.clone())), span));
        let sure = self.count_where(condition, source, span);
        let possible = self.count_where(possible, source, span);
        let (sure, possible) =
            (self.at_least_count(sure, n, span), self.at_least_count(possible, n, span));
        let open = truth(Kind::Open(names.into_iter().collect()), span);
        truth(Kind::Or(vec![sure, truth(Kind::And(vec![possible, open]), span)]), span)
    }

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
            let it = Diagnostic::new(Code::T3005, length.span, "known for how many days or months?");
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
        let source = self.source(&rows, scope, span);
        // That it looks at all the past is what is asked for.
        let kept = self.diagnostics.split_off(said);
        self.diagnostics.extend(kept.into_iter().filter(|it| it.is_error()));
        let Some(mut source) = source else { return self.error(span) };
        source.fact.keys = vec![(key.clone(), key.clone())];
        let first = self.of_value(ast::Statistic::FirstDate, None, None, &source, span);
        let node = |kind, ty| Arc::new(Expr { kind, ty, span });
        let first = node(Kind::OrElse(first, date.clone()), Type::Date);
        let given = truth(Kind::Not(truth(Kind::IsMissing(key.clone()), span)), span);
        let limit = node(Kind::Arithmetic(Arithmetic::Subtract, date, length), Type::Date);
        let op = match op {
            ast::TestOp::Less => Comparison::Greater,
            ast::TestOp::LessOrEqual => Comparison::GreaterOrEqual,
            ast::TestOp::GreaterOrEqual => Comparison::LessOrEqual,
            _ => Comparison::Less,
        };
        let test = truth(Kind::Compare(op, first, limit), span);
        truth(Kind::Guard(given, test, Reason::NotGiven), span)
    }

    /// The record whose past tells, and what is looked for in it.
    fn known_of(&mut self, value: &ast::Expr, scope: &Scope) -> Option<(RecordId, E)> {
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
        if let Some(at) = self.inside_many(scope, span) {
            return Some(at);
        }
        let target = refers.to;
        let there = Scope { record: target, arguments: BTreeMap::new(), many: true, ..scope.clone() };
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
        let field = |schema: &crate::schema::Schema, id: FieldId| {
            Arc::new(Expr { kind: Kind::Field(id), ty: schema.field(id).ty.clone(), span })
        };
        let keys = vec![(field(&self.schema, theirs), field(&self.schema, ours))];
        let dates = match (self.schema.acceptance(target), self.schema.acceptance(scope.record)) {
            (Some(a), Some(b)) => Some((field(&self.schema, a), field(&self.schema, b))),
            _ => None,
        };
        let known = self.schema.known_from(target).filter(|it| {
            Some(*it) != self.schema.acceptance(target)
        });
        let known_from = known.map(|it| field(&self.schema, it));
        let instants = match (self.schema.instant(target), self.schema.instant(scope.record)) {
            (Some(a), Some(b)) => Some((field(&self.schema, a), field(&self.schema, b))),
            _ => None,
        };
        let fact = Fact {
            words: Arc::from(format!("{}.{}", relation.text, name.text)),
            rows: there.record,
            reach: if dates.is_some() { Reach::AsOf } else { Reach::All },
            filter: None,
            keys,
            others: None,
            statistic: Statistic::Latest,
            ty: value.ty.clone(),
            value: Some(value),
            weight: None,
            dates,
            instants,
            known_from,
            complete_since: None,
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
        use crate::value::unit::Base;
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
        let list_name = ast::Name { text: "exchange_rates".to_owned(), span };
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
            let help = format!("add `column {} : decimal`: one unit of the key in it", currency.text);
            self.push(Diagnostic::new(Code::T2101, currency.span, message).help(help));
            return self.error(span);
        };
        let date = if self.lists[list].dated { self.acceptance(scope, span) } else { None };
        let ty = self.lists[list].columns[column].ty.clone();
        let lookup = crate::ir::Lookup { list, keys: vec![from.clone()], column, date };
        let node = |kind, ty| Arc::new(Expr { kind, ty, span });
        let rate = node(Kind::Lookup(lookup), ty.clone());
        let scale = product_scale(number.scale, typing::number(&ty).scale);
        let mut dimension = number.dimension.clone();
        dimension.0.retain(|it| it.0 != base);
        let target = crate::value::unit::Dimension::of(Base::Currency(currency.text.clone()));
        let ty = Type::Number(Number { scale, dimension: dimension.times(&target), percent: false });
        let product = node(Kind::Arithmetic(Arithmetic::Multiply, it, rate.clone()), ty.clone());
        let some = truth(Kind::Not(truth(Kind::IsMissing(rate), span)), span);
        let wanted = truth(Kind::Or(vec![some, truth(Kind::IsMissing(from), span)]), span);
        node(Kind::Guard(wanted, product, Reason::NoRate), ty)
    }

    /// An argument of a definition, inside a condition on rows: only what does not change.
    pub fn fixed(&mut self, it: E, span: Span) -> E {
        if fields_of(&it).is_empty() {
            return it;
        }
        let message = "a value of the judged row is not seen from inside the condition on rows";
        let it = Diagnostic::new(Code::T1109, span, message);
        self.push(it.help("compare outside the parentheses, or use `with same`"));
        self.error(span)
    }
}

/// What makes two facts one.
fn key(it: &Fact) -> String {
    let text = print::identity;
    let one = |it: &Option<E>| it.as_ref().map(text).unwrap_or_default();
    let pairs = it.keys.iter().map(|(a, b)| format!("{}={}", text(a), text(b)));
    let pairs: Vec<String> = pairs.collect();
    let others = it.others.iter().map(|(a, b)| format!("{}={}", text(a), text(b)));
    let dates = it.dates.iter().map(|(a, b)| format!("{}={}", text(a), text(b)));
    let others: String = others.chain(dates).collect();
    format!(
        "{} {:?} {:?} {:?} [{}] [{}] [{}] [{}] [{}] {:?}",
        it.rows.0,
        it.reach,
        it.statistic,
        it.complete_since,
        pairs.join(";"),
        others,
        one(&it.filter),
        one(&it.value),
        one(&it.weight),
        it.ty,
    )
}

pub fn fields_of(it: &E) -> Vec<FieldId> {
    let mut res = Vec::new();
    let mut todo = vec![it];
    while let Some(it) = todo.pop() {
        if let Kind::Field(id) = &it.kind {
            res.push(*id);
        }
        todo.extend(it.parts());
    }
    res.sort();
    res.dedup();
    res
}

