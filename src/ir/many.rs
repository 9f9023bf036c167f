//! What is said of many rows: statistics, quantifiers, relations, and how long something is known.
//!
//! Each becomes a [`Fact`], or a few of them joined by ordinary expressions; a fact that several
//! rules need is one fact.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::Reach;
use crate::ir::Statistic;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::print;
use crate::ir::typing;
use crate::schema::FieldId;
use crate::schema::Number;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::value::Duration;
use crate::value::Value;
use crate::value::calendar;
use crate::value::decimal::SCALE_MAX;

/// Rows, before it is said what is asked of them.
#[derive(Clone)]
pub struct Source {
    pub fact: Fact,
    /// The instants of rows and judged rows, where both have one.
    pub instants: Option<(E, E)>,
    pub scope: Scope,
}

impl Lowering<'_> {
    /// `count of past declarations with same importer_id in last 7 days`
    pub fn aggregate(&mut self, it: &ast::Aggregate, scope: &Scope, span: Span) -> E {
        if let Some(at) = self.inside_many(scope, span) {
            return at;
        }
        let written = ast::ExprKind::Aggregate(Box::new(it.clone()));
        let words = self.words(&ast::Expr { kind: written, span });
        let Some(source) = self.source(&it.rows, scope, &words) else {
            return self.error(span);
        };
        self.written_twice(it, scope, span);
        self.statistic(it.statistic, it.measure.as_ref(), &it.rows, &source, span)
    }

    pub fn inside_many(&mut self, scope: &Scope, span: Span) -> Option<E> {
        scope.judged.as_ref()?;
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
                self.push(
                    it.label(first, "here first").help("name it: a `profile`, or a `define`"),
                );
            }
            Some(_) => {}
            None => {
                self.written.insert(key, span);
            }
        }
    }

    /// Which rows: their record, time, keys and condition; `words` are what readers are told.
    pub fn source(&mut self, rows: &ast::Rows, scope: &Scope, words: &str) -> Option<Source> {
        let record = self.record_of_rows(&rows.record)?;
        let judged = Some(Arc::new(scope.clone()));
        let inner = Scope { record, arguments: BTreeMap::new(), judged, valid: scope.valid };
        let mut fact = Fact {
            words: Arc::from(words),
            rows: record,
            reach: Reach::All,
            filter: None,
            needed: Vec::new(),
            keys: Vec::new(),
            others: None,
            statistic: Statistic::Count,
            value: None,
            weight: None,
            dates: None,
            instants: None,
            known_from: None,
            own: Vec::new(),
            results_from: Vec::new(),
            complete_since: None,
            complete_until: None,
            ty: Type::Whole,
        };
        let same_day = matches!(rows.window, Some(ast::Window::SameDay));
        let mut instants = None;
        if rows.past || same_day {
            instants = self.in_time(rows, &mut fact, scope)?;
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
            self.narrow(&mut fact, it);
        }
        if let Some(filter) = fact.filter.clone() {
            self.pair_by_pair(&fact, &filter);
        }
        if rows.past && fact.keys.is_empty() {
            let it = Diagnostic::new(Code::T8002, rows.span, "past rows of everyone");
            self.push(it.help("say whose: `with same importer_id`, or allow it with a reason"));
        }
        Some(Source { fact, instants, scope: inner })
    }

    /// The record of `items`, `item`, `past declarations`.
    pub fn record_of_rows(&mut self, name: &ast::Name) -> Option<RecordId> {
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
        if theirs.ty == Type::Error || ours.ty == Type::Error || self.measured(&theirs) {
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

    /// Says the instants of both sides, where they have them.
    fn in_time(
        &mut self,
        rows: &ast::Rows,
        fact: &mut Fact,
        scope: &Scope,
    ) -> Option<Option<(E, E)>> {
        let span = rows.span;
        let field = |it: FieldId, ty: Type| Arc::new(Expr { kind: Kind::Field(it), ty, span });
        let (theirs, ours) =
            (self.schema.acceptance(fact.rows), self.schema.acceptance(scope.record));
        let Some(theirs) = theirs else {
            let name = &self.schema.record(fact.rows).name;
            let message = format!("`{name}` has no history: no row of it has a date");
            let it = Diagnostic::new(Code::T5106, span, message);
            self.push(it.help("say in its record of the schema which day: `history date …`"));
            return None;
        };
        let Some(ours) = ours else {
            self.acceptance(scope, span);
            return None;
        };
        fact.dates = Some((field(theirs, Type::Date), field(ours, Type::Date)));
        let happened = self.schema.instant(fact.rows);
        let instants = happened.zip(self.schema.instant(scope.record));
        let instants = instants.map(|(a, b)| (field(a, Type::DateTime), field(b, Type::DateTime)));
        fact.reach = match &rows.window {
            Some(ast::Window::SameDay) => Reach::SameDay,
            None => Reach::Before,
            Some(ast::Window::Last(length)) => self.reach(length, instants.is_some(), scope)?,
        };
        if fact.reach == Reach::Before {
            let it = Diagnostic::new(Code::T8001, span, "all the past on record is read");
            self.push(it.help("say how far back: `in last 24 months`, or allow it with a reason"));
        }
        // A row is known when it happens, unless the schema says another time.
        let known = self.schema.known_from(fact.rows);
        let mut timed = matches!(fact.reach, Reach::Time(_));
        if let Some(known) = known.filter(|it| *it != theirs && Some(*it) != happened) {
            let ty = self.schema.field(known).ty.clone();
            timed |= ty == Type::DateTime;
            fact.known_from = Some(field(known, ty));
            if fact.reach == Reach::SameDay {
                fact.own = self.own_declaration(fact.rows, scope.record, span);
            }
        }
        // A day is enough where no hour is asked for.
        fact.instants = instants.clone().filter(|_| timed);
        let windowed = matches!(fact.reach, Reach::Days(_) | Reach::Time(_));
        if windowed && !rows.partial {
            fact.complete_since = self.schema.complete_since(fact.rows);
            self.reaches_too_far(fact, scope, span);
        }
        if !rows.partial {
            fact.complete_until = self.schema.complete_until(fact.rows);
        }
        Some(instants)
    }

    /// `in last 90 days`, `in last 24 hours`
    fn reach(&mut self, length: &ast::Expr, timed: bool, scope: &Scope) -> Option<Reach> {
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
        if !timed {
            let it =
                Diagnostic::new(Code::T5104, span, "only dates are known here, no time of day");
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
        if value.iter().chain(&weight).any(|it| self.measured(it)) {
            return self.error(span);
        }
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
        self.fact_of(fact, source, span)
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
            return wrong(
                self,
                "only an average is weighted",
                "write `average of … weighted by …`",
            );
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

    /// The fact of this meaning in these words, new or known: a rule names it as it says it itself.
    pub fn fact(&mut self, fact: Fact, span: Span) -> E {
        let key = key_in_words(&fact);
        let ty = fact.ty.clone();
        let facts = &mut self.facts;
        let id = *self.fact_ids.entry(key).or_insert_with(|| {
            facts.push(fact);
            FactId(facts.len() - 1)
        });
        Arc::new(Expr { kind: Kind::Fact(id), ty, span })
    }
}

/// What makes two facts one in a rule set.
pub fn key_in_words(it: &Fact) -> String {
    format!("{} {}", key(it), it.words)
}

/// What two facts share that have the same answers.
pub fn key(it: &Fact) -> String {
    let text = print::identity;
    let one = |it: &Option<E>| it.as_ref().map(text).unwrap_or_default();
    let pairs = it.keys.iter().map(|(a, b)| format!("{}={}", text(a), text(b)));
    let pairs: Vec<String> = pairs.collect();
    let others = it.others.iter().map(|(a, b)| format!("{}={}", text(a), text(b)));
    let dates = it.dates.iter().map(|(a, b)| format!("{}={}", text(a), text(b)));
    let others: String = others.chain(dates).collect();
    let needed: Vec<String> = it.needed.iter().map(text).collect();
    let results: Vec<String> = it.results_from.iter().map(text).collect();
    format!(
        "{} {:?} {:?} {:?} {:?} [{}] [{}] [{}] [{}] [{}] [{}] [{}] [{}] {:?}",
        it.rows.0,
        it.reach,
        it.statistic,
        it.complete_since,
        it.complete_until,
        pairs.join(";"),
        others,
        one(&it.filter),
        one(&it.value),
        one(&it.weight),
        one(&it.known_from),
        results.join(";"),
        needed.join(";"),
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
