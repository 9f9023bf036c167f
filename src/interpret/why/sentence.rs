//! Tests as sentences, with the labels of the schema: for people who do not read rules.

use std::cmp::Ordering;

use crate::interpret;
use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::explain;
use crate::interpret::truth;
use crate::interpret::why::Bench;
use crate::interpret::why::term::conversion;
use crate::interpret::why::term::leaves;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::Matching;
use crate::ir::RuleId;
use crate::ir::TextTest;
use crate::schema::Type;
use crate::value::Reason;
use crate::value::Value;

impl Bench<'_> {
    /// `The commodity code 851713 is under 8517.`: what is so, whatever the rule asks.
    pub fn sentence(&self, whole: &E, row: &Row) -> String {
        let it = within_phrase(whole);
        let so = truth(&eval(self.set, it, row));
        if so.is_none() {
            return self.open(it, row);
        }
        let is = if so == Some(true) { "is" } else { "is not" };
        let text = match &it.kind {
            Kind::Compare(_, left, right) => return self.relation(left, right, row),
            // `between`
            Kind::And(parts) if parts.iter().all(|part| part.span == it.span) => {
                let all: Vec<String> = parts.iter().map(|it| self.sentence(it, row)).collect();
                return all.join(" ");
            }
            Kind::Member(it, words) => {
                let one = if words.len() == 1 { "" } else { "one of " };
                format!("{} {is} {one}{}", self.thing(it, row), self.all_as_written(whole, words))
            }
            Kind::OneOf(it, values) => {
                let all: Vec<String> = values.iter().map(ToString::to_string).collect();
                format!("{} {is} one of {}", self.thing(it, row), all.join(", "))
            }
            Kind::Under(it, words) => {
                format!("{} {is} under {}", self.thing(it, row), words.join(", "))
            }
            Kind::InGroup(it, name, _) => format!("{} {is} in {name}", self.thing(it, row)),
            Kind::InList(it) => {
                let how = match it.matching {
                    Matching::Exact => "in",
                    Matching::Prefix => "under",
                };
                let list = spaced(&self.set.lists[it.list].name);
                format!("{} {is} {how} the list {list}", self.thing(&it.key, row))
            }
            Kind::TextTest(op, left, right) => {
                let (does, does_not) = match op {
                    TextTest::StartsWith => ("begins with", "does not begin with"),
                    TextTest::EndsWith => ("ends with", "does not end with"),
                    TextTest::Contains => ("contains", "does not contain"),
                };
                let does = if so == Some(true) { does } else { does_not };
                format!("{} {does} {}", self.thing(left, row), self.thing(right, row))
            }
            Kind::IsMissing(it) if so == Some(true) => format!("{} is missing", self.label(it)),
            Kind::IsMissing(it) => format!("{} is given", self.label(it)),
            Kind::Field(_) => format!("{} is {}", self.label(it), yes(so)),
            // The words hold the negation too.
            _ => format!("“{}” is {}", self.words(whole), yes(truth(&eval(self.set, whole, row)))),
        };
        capital(&text)
    }

    /// What another rule says.
    pub fn hit_sentence(&self, rule: RuleId, hits: Option<bool>) -> String {
        let it = &self.set.rules[rule.0];
        let says = match hits {
            Some(true) => "selects it",
            Some(false) => "does not select it",
            None => "cannot decide",
        };
        match it.title.is_empty() {
            true => format!("Rule {} {says}.", it.id),
            false => format!("“{}” ({}) {says}.", it.title, it.id),
        }
    }

    fn relation(&self, left: &E, right: &E, row: &Row) -> String {
        let (a, b) = (eval(self.set, left, row), eval(self.set, right, row));
        let form = left.ty.form().max(right.ty.form());
        let how = match interpret::order(&a, &b, &left.ty, form) {
            Some(Ordering::Equal) => "equals",
            Some(Ordering::Less) if matches!(left.ty, Type::Date | Type::DateTime) => "is before",
            Some(Ordering::Greater) if matches!(left.ty, Type::Date | Type::DateTime) => "is after",
            Some(Ordering::Less) if !left.ty.is_textual() => "is less than",
            Some(Ordering::Greater) if !left.ty.is_textual() => "is more than",
            Some(_) | None => "is not the same as",
        };
        let (left, right) = (
            self.named(left, self.side(left, right, row)),
            self.named(right, self.side(right, left, row)),
        );
        capital(&format!("{left} {how} {right}"))
    }

    /// What is not known, each by its label and reason.
    fn open(&self, it: &E, row: &Row) -> String {
        let mut lacking = Vec::new();
        for leaf in leaves(it) {
            let Value::Missing(reason) = eval(self.set, leaf, row) else { continue };
            self.lacking(leaf, reason, row, &mut lacking);
        }
        lacking.dedup();
        match lacking.is_empty() {
            true => capital(&format!("“{}” cannot be told", self.words(it))),
            false => lacking.join(" "),
        }
    }

    fn lacking(&self, it: &E, reason: Reason, row: &Row, all: &mut Vec<String>) {
        let before = all.len();
        if let Kind::Named(name, inner) = &it.kind
            && !name.contains('.')
        {
            for leaf in leaves(inner) {
                if let Value::Missing(reason) = eval(self.set, leaf, row) {
                    self.lacking(leaf, reason, row, all);
                }
            }
        }
        if let (Some(it), Reason::NotGiven) = (conversion(it), reason) {
            for leaf in it.asked().into_iter().flat_map(leaves) {
                if let Value::Missing(reason) = eval(self.set, leaf, row) {
                    self.lacking(leaf, reason, row, all);
                }
            }
        }
        if let (Kind::Fact(id), Reason::NotGiven) = (&it.kind, reason) {
            for part in self.set.facts[id.0].needed() {
                if let Value::Missing(reason) = eval(self.set, part, row) {
                    self.lacking(part, reason, row, all);
                }
            }
        }
        if before == all.len() {
            let why = match reason {
                Reason::NotGiven => "is missing".to_owned(),
                other => format!("has no value ({})", other.words()),
            };
            all.push(capital(&format!("{} {why}", self.label(it))));
        }
    }

    /// A label with its value; a literal alone.
    fn thing(&self, it: &E, row: &Row) -> String {
        self.named(it, explain::words_of(self.set, it, row))
    }

    fn named(&self, it: &E, text: String) -> String {
        match &it.kind {
            Kind::Literal(_) => text,
            _ => format!("{} {text}", self.label(it)),
        }
    }

    fn label(&self, it: &E) -> String {
        let (name, label) = self.name(it);
        match (&it.kind, label.is_empty()) {
            (Kind::Widen(inner), _) => self.label(inner),
            (_, false) => lower_first(&label),
            (Kind::Fact(_), _) => format!("the {}", name.replace('_', " ")),
            (Kind::Field(_) | Kind::Named(..) | Kind::Parameter(..), _) => spaced(&name),
            _ => name.replace('_', " "),
        }
    }
}

/// A negation that belongs to the phrase turns nothing about what is so.
fn within_phrase(it: &E) -> &E {
    match &it.kind {
        Kind::Not(inner) if inner.span == it.span => within_phrase(inner),
        _ => it,
    }
}

fn yes(so: Option<bool>) -> &'static str {
    if so == Some(true) { "true" } else { "not true" }
}

fn spaced(name: &str) -> String {
    name.replace(['_', '.'], " ")
}

/// `Net mass` within a sentence; `HS code` stays.
fn lower_first(label: &str) -> String {
    let mut letters = label.chars();
    let (Some(first), rest) = (letters.next(), letters.as_str()) else { return String::new() };
    match rest.chars().next() {
        Some(second) if second.is_uppercase() => label.to_owned(),
        _ => format!("{}{rest}", first.to_lowercase()),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}
