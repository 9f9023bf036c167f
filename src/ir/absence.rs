//! Nothing found, or nobody can tell: `or else` after a statistic of past rows stands for the
//! first.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ir::Arithmetic;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::Function;
use crate::ir::Kind;
use crate::ir::Reach;
use crate::ir::literal::literal;
use crate::ir::lower::Lowering;
use crate::ir::lower::truth;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::value::Duration;
use crate::value::Reason;
use crate::value::Value;

/// Microseconds.
const A_DAY: i64 = 86_400_000_000;

impl Lowering<'_> {
    /// A replacement, where it can be told that there was nothing: the dates by which rows count
    /// are given, and the data are complete. A score always has a value.
    pub fn where_told(&self, replaced: E, of: &E, judged: RecordId, span: Span) -> E {
        if self.in_score {
            return replaced;
        }
        let (mut given, mut complete) = (Vec::new(), Vec::new());
        for id in facts_in(of) {
            let fact = &self.facts[id.0];
            let dated = match fact.reach {
                Reach::Days(_) | Reach::Time(_) | Reach::SameDay | Reach::Before => true,
                Reach::All | Reach::AsOf => false,
            };
            if !dated {
                continue;
            }
            let ours = fact.dates.iter().chain(&fact.instants).map(|it| &it.1);
            given.extend(ours.filter(|it| self.may_lack(it, judged)).cloned());
            complete.extend(complete_at(fact, span));
        }
        let unlike = |all: Vec<E>| {
            let mut seen = BTreeSet::new();
            let new = all.into_iter().filter(|it| seen.insert(crate::ir::print::identity(it)));
            new.collect::<Vec<E>>()
        };
        let guarded = |it: E, tests: Vec<E>, reason: Reason| {
            if tests.is_empty() {
                return it;
            }
            let ty = it.ty.clone();
            let test = truth(Kind::And(tests), span);
            Arc::new(Expr { kind: Kind::Guard(test, it, reason), ty, span })
        };
        let is_given = |it: E| truth(Kind::Not(truth(Kind::IsMissing(it), span)), span);
        let given = unlike(given).into_iter().map(is_given).collect();
        let told = guarded(replaced, unlike(complete), Reason::HistoryIncomplete);
        guarded(told, given, Reason::NotGiven)
    }

    /// Whether a row that is judged may be without this value. What the schema requires of the
    /// records around it is missing too, where the row stands in no such record; a policy decides
    /// on such records themselves.
    fn may_lack(&self, it: &E, judged: RecordId) -> bool {
        match &it.kind {
            Kind::Field(id) => {
                self.in_policy || id.record != judged || !self.schema.field(*id).required
            }
            _ => true,
        }
    }
}

/// The statistics of a value, each once.
fn facts_in(it: &E) -> BTreeSet<FactId> {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut todo = vec![it];
    while let Some(it) = todo.pop() {
        if !seen.insert(Arc::as_ptr(it)) {
            continue;
        }
        if let Kind::Fact(id) = &it.kind {
            found.insert(*id);
        }
        todo.extend(it.parts());
    }
    found
}

/// What must hold of the judged row's date for the data to be complete where the fact looks.
fn complete_at(fact: &Fact, span: Span) -> Vec<E> {
    let node = |kind, ty| Arc::new(Expr { kind, ty, span });
    let compare = |op, a: E, b: E| truth(Kind::Compare(op, a, b), span);
    let date = |it: i32| literal(Value::Date(it), Type::Date, span);
    let before = |from: &E, length: Duration| {
        let length = literal(Value::Duration(length), Type::Duration, span);
        node(Kind::Arithmetic(Arithmetic::Subtract, from.clone(), length), from.ty.clone())
    };
    let (day, instant) = (fact.dates.as_ref(), fact.instants.as_ref());
    let mut all = Vec::new();
    if let Some(since) = fact.complete_since {
        let first = match (fact.reach, day, instant) {
            (Reach::Days(length), Some((_, day)), _) => Some(before(day, length)),
            (Reach::Time(length), _, Some((_, instant))) => {
                let first = before(instant, length);
                Some(node(Kind::Call(Function::DateOf, vec![first]), Type::Date))
            }
            _ => None,
        };
        all.extend(first.map(|it| compare(Comparison::GreaterOrEqual, it, date(since))));
    }
    if let Some(until) = fact.complete_until {
        let next = until.saturating_add(1);
        let last = match (fact.reach, day, instant) {
            (Reach::Time(_), _, Some((_, instant))) => {
                let midnight = Value::DateTime(i64::from(next).saturating_mul(A_DAY));
                Some((instant.clone(), literal(midnight, Type::DateTime, span)))
            }
            (Reach::SameDay, Some((_, day)), _) => Some((day.clone(), date(until))),
            (_, Some((_, day)), _) => Some((day.clone(), date(next))),
            _ => None,
        };
        all.extend(last.map(|(it, last)| compare(Comparison::LessOrEqual, it, last)));
    }
    all
}
