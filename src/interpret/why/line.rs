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
use crate::interpret::why::quantifier::quantifier;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::RuleId;
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
            Kind::Hit(rule) => (Shape::Hit, self.of_rule(*rule, row)),
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
        let truth = truth(&eval(self.set, it, row));
        let sentence = match &it.kind {
            Kind::Hit(rule) => self.hit_sentence(*rule, truth),
            _ => String::new(),
        };
        Line {
            words,
            shape,
            truth,
            said: String::new(),
            sentence,
            terms: Vec::new(),
            notes: Vec::new(),
            parts,
        }
    }

    /// What makes another rule hit: when it is in force, its condition, and no exception.
    fn of_rule(&self, rule: RuleId, row: &Row) -> Vec<Line> {
        let it = &self.set.rules[rule.0];
        let mut parts: Vec<Line> =
            self.valid(rule).map(|it| self.line(it, row)).into_iter().collect();
        let condition = self.line(&it.condition, row);
        match condition.shape {
            Shape::All => parts.extend(condition.parts),
            _ => parts.push(condition),
        }
        for exception in &it.exceptions {
            let inner = self.line(&exception.condition, row);
            parts.push(Line {
                words: match exception.name.is_empty() {
                    true => "unless".to_owned(),
                    false => format!("unless \"{}\"", exception.name),
                },
                shape: Shape::Not,
                // An exception that is not established excepts nothing.
                truth: Some(inner.truth != Some(true)),
                said: String::new(),
                sentence: String::new(),
                terms: Vec::new(),
                notes: Vec::new(),
                parts: vec![inner],
            });
        }
        parts
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
        if let Kind::And(parts) = &it.kind
            && parts.iter().all(|part| is_period(part, it))
        {
            return parts.iter().map(|it| self.test_words(it)).collect::<Vec<_>>().join(", ");
        }
        let Kind::Compare(op, left, right) = &it.kind else { return self.words(it) };
        let Kind::Literal(limit) = &right.kind else { return self.words(it) };
        if !is_period(it, it) {
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
        format!("{} {sign} {}", self.side(left, right, row), self.side(right, left, row))
    }

    /// A side of a comparison: in percent where the other one is.
    pub fn side(&self, it: &E, other: &E, row: &Row) -> String {
        let percent = |it: &E| matches!(&it.ty, Type::Number(it) if it.percent);
        let typed = if percent(other) && it.ty.is_numeric() { other } else { it };
        explain::words(self.set, &eval(self.set, it, row), typed, row)
    }
}

/// A comparison that the dates of `whole` stand for.
fn is_period(it: &E, whole: &E) -> bool {
    let same = |it: &E| it.span == whole.span;
    matches!(&it.kind, Kind::Compare(_, left, right) if same(it) && same(left) && same(right))
}

/// Without the negations that belong to the phrase: `is not`, `no item has`.
fn positive(it: &E) -> &E {
    match &it.kind {
        Kind::Not(inner) if inner.span == it.span => positive(inner),
        _ => it,
    }
}
