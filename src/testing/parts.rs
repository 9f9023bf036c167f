//! The parts of a condition and their values, for tests that fail.

use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::explain;
use crate::interpret::truth;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::schema::Type;
use crate::source::Sources;
use crate::source::Span;

/// One line of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub depth: usize,
    /// Nothing is unknown.
    pub truth: Option<bool>,
    /// As written.
    pub words: String,
    /// `10 EUR/kg < 12.50 EUR/kg`, `origin: CN`
    pub values: String,
}

/// Every line of a rule, for a row: its period, its condition, its exceptions.
pub fn parts(set: &RuleSet, sources: &Sources, rule: RuleId, row: &Row) -> Vec<Part> {
    let it = &set.rules[rule.0];
    let mut writer = Writer { set, sources, row, parts: Vec::new() };
    if !std::sync::Arc::ptr_eq(&it.outcome, &it.condition)
        && let Kind::And(all) = &it.outcome.kind
        && let Some(first) = all.first()
        && !std::sync::Arc::ptr_eq(first, &it.condition)
    {
        writer.line(0, first, "in force");
    }
    writer.condition(0, &it.condition);
    for exception in &it.exceptions {
        let words = writer.words(exception.condition.span);
        writer.line(0, &exception.condition, &format!("unless {words}"));
    }
    writer.parts
}

struct Writer<'a> {
    set: &'a RuleSet,
    sources: &'a Sources,
    row: &'a Row,
    parts: Vec<Part>,
}

impl Writer<'_> {
    fn words(&self, span: Span) -> String {
        let words: Vec<&str> = self.sources.slice(span).split_whitespace().collect();
        words.join(" ")
    }

    fn condition(&mut self, depth: usize, it: &E) {
        let words = self.words(it.span);
        match &it.kind {
            Kind::And(parts) | Kind::Or(parts) | Kind::AtLeast(_, parts) => {
                self.line(depth, it, &words);
                for part in parts {
                    self.condition(depth + 1, part);
                }
            }
            Kind::Not(inner) if inner.span == it.span && matches!(inner.kind, Kind::Or(_)) => {
                self.line(depth, it, &words);
                for part in inner.parts() {
                    self.condition(depth + 1, part);
                }
            }
            _ => self.line(depth, it, &words),
        }
    }

    fn line(&mut self, depth: usize, it: &E, words: &str) {
        let truth = truth(&eval(self.set, it, self.row));
        let values = self.values(it);
        self.parts.push(Part { depth, truth, words: words.to_owned(), values });
    }

    fn value(&self, it: &E) -> String {
        explain::words_of(self.set, it, self.row)
    }

    fn values(&self, it: &E) -> String {
        match &it.kind {
            Kind::And(_) | Kind::Or(_) | Kind::AtLeast(..) => String::new(),
            Kind::Compare(op, left, right) => {
                format!("{} {} {}", self.value(left), sign(*op), self.value(right))
            }
            Kind::Not(inner) | Kind::Established(inner) => self.values(inner),
            Kind::Guard(_, test, _) if test.ty == Type::Truth => self.values(test),
            Kind::Named(_, inner) if inner.ty == Type::Truth => self.values(inner),
            _ => {
                let mut all: Vec<String> = Vec::new();
                for (name, it) in self.operands(it) {
                    let text = format!("{name}: {}", self.value(&it));
                    if !all.contains(&text) {
                        all.push(text);
                    }
                }
                all.join(", ")
            }
        }
    }

    /// What a test looks at, by name.
    fn operands(&self, it: &E) -> Vec<(String, E)> {
        let one = |name: &str| vec![(name.to_owned(), it.clone())];
        match &it.kind {
            Kind::Field(id) => one(&self.set.schema.field(*id).name),
            Kind::Named(name, _) => one(name),
            Kind::Fact(id) => one(&self.set.facts[id.0].words),
            Kind::Parameter(at, _) => one(&self.set.parameters[*at].name),
            _ => it.parts().into_iter().flat_map(|it| self.operands(it)).collect(),
        }
    }
}

fn sign(op: Comparison) -> &'static str {
    match op {
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::Equal => "=",
    }
}
