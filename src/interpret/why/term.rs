//! The named values of a test: fields, derived values, parameters, statistics, lookups.

use std::sync::Arc;

use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::explain;
use crate::interpret::why::Bench;
use crate::interpret::why::Term;
use crate::ir::Arithmetic;
use crate::ir::E;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::Lookup;
use crate::ir::Reach;
use crate::ir::Statistic;
use crate::value::Reason;
use crate::value::Value;

impl Bench<'_> {
    /// As written, in one line.
    pub fn words(&self, it: &E) -> String {
        self.sources.slice(it.span).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// A text of a test as the rule has it: comparing folds `N853` to `n853`.
    pub fn as_written(&self, test: &E, text: &str) -> String {
        let words = self.words(test);
        let quoted = format!("\"{}\"", text.to_ascii_lowercase());
        match words.to_ascii_lowercase().find(&quoted) {
            Some(at) => words[at + 1..=at + text.len()].to_owned(),
            None => text.to_owned(),
        }
    }

    pub fn all_as_written(&self, test: &E, all: &[Arc<str>]) -> String {
        all.iter().map(|it| self.as_written(test, it)).collect::<Vec<_>>().join(", ")
    }

    /// The named values of an expression, each once; what has a name is not looked into.
    pub fn terms(&self, it: &E, row: &Row) -> Vec<Term> {
        let mut res: Vec<Term> = Vec::new();
        for leaf in leaves(it) {
            let term = self.term(leaf, row);
            if !res.iter().any(|it| it.name == term.name) {
                res.push(term);
            }
        }
        res
    }

    fn term(&self, it: &E, row: &Row) -> Term {
        let value = eval(self.set, it, row);
        let (name, label) = self.name(it);
        Term {
            name,
            label,
            text: explain::words(self.set, &value, it, row),
            missing: match value {
                Value::Missing(reason) => Some(reason),
                _ => None,
            },
            parts: match (&it.kind, conversion(it)) {
                (_, Some(it)) => self.converted(it, row),
                // The groups of a profile are told of as such.
                (Kind::Named(name, inner), None) if !name.contains('.') => self.terms(inner, row),
                _ => Vec::new(),
            },
        }
    }

    /// What was converted, and its rate where one was wanted.
    fn converted(&self, it: Conversion, row: &Row) -> Vec<Term> {
        if !it.needs_rate(self, row) {
            return self.terms(it.amount, row);
        }
        let list = &self.set.lists[it.lookup.list];
        let name = format!("{}.{}", list.name, list.columns[it.lookup.column].name);
        let rate = Term { name, ..self.term(it.rate, row) };
        let asked = it.asked().into_iter().flat_map(|it| self.terms(it, row));
        asked.chain(std::iter::once(rate)).collect()
    }

    /// A fact as it is written here: rules that ask for the same share it.
    pub fn fact_words(&self, id: FactId, it: &E) -> String {
        let fact = &self.set.facts[id.0];
        match fact.statistic {
            Statistic::FirstDate if fact.reach == Reach::Before => "first past row".to_owned(),
            Statistic::Latest => fact.words.to_string(),
            _ => self.words(it),
        }
    }

    /// The name of a value, and what the schema calls it.
    pub fn name(&self, it: &E) -> (String, String) {
        let schema = &self.set.schema;
        match &it.kind {
            Kind::Field(id) => {
                let field = schema.field(*id);
                (field.name.clone(), field.label.clone())
            }
            Kind::Named(name, _) => {
                let words = self.words(it);
                // With the arguments of the definition, where it has some.
                let with_arguments = words.starts_with(&**name) && words.contains('(');
                (if with_arguments { words } else { name.to_string() }, String::new())
            }
            Kind::Judged(inner) => (self.words(it), self.name(inner).1),
            Kind::Parameter(at, _) => (self.set.parameters[*at].name.to_string(), String::new()),
            Kind::Fact(id) => (self.fact_words(*id, it), String::new()),
            _ if conversion(it).is_some() => {
                let words = self.words(it);
                let bare = words.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
                (bare.unwrap_or(&words).trim().to_owned(), String::new())
            }
            _ => (self.words(it), String::new()),
        }
    }
}

/// The expressions that have a name of their own, in the order in which they are written. Dates at
/// which lists and parameters are read are understood.
pub fn leaves(it: &E) -> Vec<&E> {
    if conversion(it).is_some() {
        return vec![it];
    }
    match &it.kind {
        Kind::Field(_)
        | Kind::Named(..)
        | Kind::Parameter(..)
        | Kind::Fact(_)
        | Kind::Lookup(_)
        | Kind::Total(_)
        | Kind::Judged(_)
        | Kind::Hit(_) => vec![it],
        Kind::InGroup(inner, ..) => leaves(inner),
        Kind::InList(inner) => leaves(&inner.key),
        Kind::Literal(_)
        | Kind::Negate(_)
        | Kind::Arithmetic(..)
        | Kind::Widen(_)
        | Kind::Call(..)
        | Kind::OrElse(..)
        | Kind::AtDigits(..)
        | Kind::Compare(..)
        | Kind::Member(..)
        | Kind::OneOf(..)
        | Kind::Under(..)
        | Kind::TextTest(..)
        | Kind::IsMissing(_)
        | Kind::Established(_)
        | Kind::Not(_)
        | Kind::And(_)
        | Kind::Or(_)
        | Kind::AtLeast(..)
        | Kind::Guard(..)
        | Kind::Open(..) => it.parts().into_iter().flat_map(leaves).collect(),
    }
}

/// `item_price converted to EUR`, taken apart.
#[derive(Clone, Copy)]
pub struct Conversion<'a> {
    pub amount: &'a E,
    /// The rate; one where the amount is in the wanted currency.
    rate: &'a E,
    lookup: &'a Lookup,
}

impl<'a> Conversion<'a> {
    /// The amount, what its rate is looked up by, and the date.
    pub fn asked(self) -> Vec<&'a E> {
        let keys = self.lookup.keys.iter().chain(&self.lookup.date);
        std::iter::once(self.amount).chain(keys).collect()
    }

    /// An amount that is in the wanted currency needs none.
    pub fn needs_rate(self, bench: &Bench, row: &Row) -> bool {
        match &self.rate.kind {
            Kind::OrElse(one, _) => eval(bench.set, one, row).is_missing(),
            _ => true,
        }
    }
}

pub fn conversion(it: &E) -> Option<Conversion<'_>> {
    let Kind::Guard(_, product, Reason::NoRate) = &it.kind else { return None };
    let Kind::Arithmetic(Arithmetic::Multiply, amount, rate) = &product.kind else { return None };
    let looked_up = match &rate.kind {
        Kind::OrElse(_, it) => it,
        _ => rate,
    };
    let Kind::Lookup(lookup) = &looked_up.kind else { return None };
    Some(Conversion { amount, rate, lookup })
}
