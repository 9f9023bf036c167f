//! Conditions as lines: what is written, what became of it, and its parts.

use std::cmp::Ordering;

use crate::interpret;
use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::explain;
use crate::interpret::truth;
use crate::interpret::why::Bench;
use crate::interpret::why::Line;
use crate::interpret::why::Shape;
use crate::interpret::why::note::quantifier;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Kind;
use crate::schema::Type;

impl Bench<'_> {
    /// A condition and its parts, each evaluated whatever the others say.
    pub fn line(&self, it: &E, row: &Row) -> Line {
        let parts = |all: &[E]| all.iter().map(|it| self.line(it, row)).collect::<Vec<_>>();
        // What one phrase stands for, such as `between`, has no lines of its own.
        let one_phrase = |all: &[E]| all.iter().all(|part| part.span == it.span);
        let (shape, parts) = match &it.kind {
            Kind::And(all) if !one_phrase(all) => (Shape::All, parts(all)),
            Kind::Or(all) if !one_phrase(all) => (Shape::Any, parts(all)),
            Kind::AtLeast(n, all) => (Shape::AtLeast(*n), parts(all)),
            Kind::Named(_, inner) => (Shape::Named, vec![self.line(inner, row)]),
            Kind::Hit(rule) => (Shape::Hit, vec![self.line(&self.set.rules[rule.0].outcome, row)]),
            Kind::Not(inner) => match &inner.kind {
                Kind::Or(all) if inner.span == it.span && !one_phrase(all) => {
                    (Shape::None, parts(all))
                }
                _ if inner.span != it.span => (Shape::Not, vec![self.line(inner, row)]),
                _ => return self.test(it, row),
            },
            Kind::Established(inner) => return self.line(inner, row),
            _ => return self.test(it, row),
        };
        // Of a line with dates: what it asks, without its name and bullet.
        let words =
            match parts.iter().zip(it.parts()).partition::<Vec<_>, _>(|at| at.1.span == it.span) {
                (dates, others) if !dates.is_empty() && !others.is_empty() => {
                    let all = others.into_iter().chain(dates);
                    all.map(|it| it.0.words.as_str()).collect::<Vec<_>>().join(", ")
                }
                _ => self.words(it),
            };
        Line {
            words,
            shape,
            truth: truth(&eval(self.set, it, row)),
            said: String::new(),
            sentence: String::new(),
            terms: Vec::new(),
            notes: Vec::new(),
            parts,
        }
    }

    fn test(&self, it: &E, row: &Row) -> Line {
        let tested = positive(it);
        let terms = match quantifier(tested) {
            Some(_) => Vec::new(),
            None => self.terms(tested, row),
        };
        let said = match &tested.kind {
            Kind::Compare(_, left, right) if left.span != it.span || right.span != it.span => {
                self.compared(left, right, row)
            }
            _ => match terms.as_slice() {
                [only] => only.text.clone(),
                _ => String::new(),
            },
        };
        Line {
            words: self.test_words(it),
            shape: Shape::Test,
            truth: truth(&eval(self.set, it, row)),
            said,
            sentence: self.sentence(it, row),
            notes: self.notes(tested, row),
            terms,
            parts: Vec::new(),
        }
    }

    /// A period that goes without saying: `accepted_date >= 2026-01-01`.
    fn test_words(&self, it: &E) -> String {
        let Kind::Compare(op, left, right) = &it.kind else { return self.words(it) };
        let Kind::Literal(limit) = &right.kind else { return self.words(it) };
        if left.span != it.span || right.span != it.span {
            return self.words(it);
        }
        let sign = match op {
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Equal => "=",
        };
        format!("{} {sign} {limit}", self.name(left).0)
    }

    /// `25.8 KRW/kg < 120.2 KRW/kg`: as it is, not as it is asked.
    fn compared(&self, left: &E, right: &E, row: &Row) -> String {
        let (a, b) = (eval(self.set, left, row), eval(self.set, right, row));
        let form = left.ty.form().max(right.ty.form());
        let ordered = !matches!(left.ty, Type::Text(_) | Type::Code(_) | Type::Country);
        let sign = match interpret::order(&a, &b, &left.ty, form) {
            Some(Ordering::Equal) => "=",
            Some(Ordering::Less) if ordered => "<",
            Some(Ordering::Greater) if ordered => ">",
            Some(_) => "≠",
            None => "?",
        };
        let text = |value, it| explain::words(self.set, value, it, row);
        format!("{} {sign} {}", text(&a, left), text(&b, right))
    }
}

/// Without the negations that belong to the phrase: `is not`, `no item has`.
fn positive(it: &E) -> &E {
    match &it.kind {
        Kind::Not(inner) if inner.span == it.span => positive(inner),
        _ => it,
    }
}
