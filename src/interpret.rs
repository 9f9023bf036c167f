//! What rules mean, one row at a time: this file, with `interpret/`, defines the language.
//!
//! Total, pure, slow on purpose: every part is evaluated, nothing is cached, nothing can fail. An
//! unknown truth is a missing value.

pub mod explain;
pub mod function;
pub mod history;
pub mod list;
pub mod open;
pub mod row;
pub mod tally;
pub mod why;

use std::cmp::Ordering;

use crate::hit::Outcome;
use crate::ir::Arithmetic;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::TextTest;
use crate::ir::Total;
use crate::schema::FieldId;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Duration;
use crate::value::Reason;
use crate::value::Value;
use crate::value::calendar;
use crate::value::decimal;
use crate::value::text;

/// The values of one row: of its own record and of those around it.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// In the order of fields.
    values: Vec<(FieldId, Value)>,
    disputed: std::collections::BTreeSet<FieldId>,
    facts: std::collections::BTreeMap<FactId, Value>,
    /// Where the row is one of many: the one that is judged.
    judged: Option<std::sync::Arc<Row>>,
    totals: std::collections::BTreeMap<Total, Decimal>,
}

impl Row {
    pub fn set(&mut self, field: FieldId, value: Value) {
        match self.place(field) {
            Ok(at) => self.values[at].1 = value,
            Err(at) => self.values.insert(at, (field, value)),
        }
    }

    /// Where a field stands, or is to be put.
    fn place(&self, field: FieldId) -> Result<usize, usize> {
        match self.values.last() {
            // Fields come in order, nearly always.
            Some(last) if last.0 < field => Err(self.values.len()),
            _ => self.values.binary_search_by(|it| it.0.cmp(&field)),
        }
    }

    /// A value that another row of the same declaration gives too: a different one takes it away.
    pub fn agree(&mut self, field: FieldId, value: Value) {
        let known = self.get(field);
        if known.is_missing() && !self.disputed.contains(&field) {
            self.set(field, value);
        } else if !value.is_missing() && known != value {
            self.disputed.insert(field);
            self.set(field, NOT_GIVEN);
        }
    }

    /// What other rows of the same key were found to share.
    pub fn absorb(&mut self, other: &Row) {
        for field in &other.disputed {
            self.disputed.insert(*field);
            self.set(*field, NOT_GIVEN);
        }
        for (field, value) in &other.values {
            self.agree(*field, value.clone());
        }
    }

    /// What is known of many rows, for this one.
    pub fn know(&mut self, fact: FactId, value: Value) {
        self.facts.insert(fact, value);
    }

    /// What its findings come to.
    pub fn sum_up(&mut self, total: Total, value: Decimal) {
        self.totals.insert(total, value);
    }

    fn total(&self, total: Total) -> Value {
        self.totals.get(&total).map_or(NOT_GIVEN, |it| Value::Decimal(*it))
    }

    pub fn fact(&self, fact: FactId) -> Value {
        self.facts.get(&fact).cloned().unwrap_or(NOT_GIVEN)
    }

    /// The row in the eyes of the judged one.
    pub fn seen_from(&self, judged: &std::sync::Arc<Row>) -> Row {
        Row { judged: Some(judged.clone()), ..self.clone() }
    }

    pub fn get(&self, field: FieldId) -> Value {
        self.place(field).map_or(NOT_GIVEN, |at| self.values[at].1.clone())
    }
}

pub const NOT_GIVEN: Value = Value::Missing(Reason::NotGiven);

/// The answer of a rule for a row of its level, or of a level inside it.
pub fn outcome(set: &RuleSet, rule: RuleId, row: &Row) -> Outcome {
    Outcome::of(truth(&eval(set, &set.rules[rule.0].outcome, row)))
}

/// `None` is unknown.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Truth(it) => Some(*it),
        _ => None,
    }
}

fn of_truth(truth: Option<bool>) -> Value {
    truth.map_or(NOT_GIVEN, Value::Truth)
}

/// The value of an expression for a row.
pub fn eval(set: &RuleSet, expr: &Expr, row: &Row) -> Value {
    let value = |it: &E| eval(set, it, row);
    let test = |it: &E| truth(&eval(set, it, row));
    match &expr.kind {
        Kind::Literal(it) => it.clone(),
        Kind::Field(it) => row.get(*it),
        Kind::Named(_, it) => value(it),
        Kind::Parameter(at, date) => {
            list::parameter(&set.parameters[*at], date.as_ref().map(value))
        }
        Kind::Negate(it) => negate(value(it)),
        Kind::Arithmetic(op, left, right) => arithmetic(*op, value(left), value(right)),
        Kind::Widen(it) => widen(value(it), &expr.ty),
        Kind::Call(it, arguments) => {
            function::call(*it, &arguments.iter().map(value).collect::<Vec<_>>())
        }
        Kind::OrElse(left, right) => match value(left) {
            Value::Missing(_) => value(right),
            it => it,
        },
        Kind::AtDigits(it, digits) => at_digits(value(it), *digits),
        Kind::Lookup(it) => {
            let keys: Vec<Value> = it.keys.iter().map(value).collect();
            let forms: Vec<Type> = it.keys.iter().map(|it| it.ty.clone()).collect();
            list::lookup(&set.lists[it.list], &keys, &forms, it.column, it.date.as_ref().map(value))
        }
        Kind::Compare(op, left, right) => {
            let form = left.ty.form().max(right.ty.form());
            of_truth(compare(*op, &value(left), &value(right), &left.ty, form))
        }
        Kind::Member(it, words) => {
            on_text(value(it), it.ty.form(), |text| words.iter().any(|word| **word == *text))
        }
        Kind::OneOf(it, values) => match value(it) {
            it if it.is_missing() => it,
            it => Value::Truth(values.iter().any(|other| equal(&it, other))),
        },
        Kind::Under(it, prefixes) => on_text(value(it), it.ty.form(), |text| {
            prefixes.iter().any(|it| text.starts_with(&**it))
        }),
        Kind::InGroup(it, name, date) => {
            list::in_group(&set.schema.groups[&**name], &value(it), date.as_ref().map(value))
        }
        Kind::InList(it) => {
            let date = it.date.as_ref().map(value);
            list::in_list(&set.lists[it.list], &value(&it.key), it.key.ty.form(), it.matching, date)
        }
        Kind::TextTest(op, left, right) => {
            let form = left.ty.form().max(right.ty.form());
            text_test(*op, &value(left), &value(right), form)
        }
        Kind::IsMissing(it) => Value::Truth(value(it).is_missing()),
        Kind::Established(it) => Value::Truth(test(it) == Some(true)),
        Kind::Not(it) => of_truth(test(it).map(|it| !it)),
        Kind::And(parts) => of_truth(all(parts.iter().map(test))),
        Kind::Or(parts) => {
            of_truth(all(parts.iter().map(|it| test(it).map(|it| !it))).map(|it| !it))
        }
        Kind::AtLeast(n, parts) => of_truth(at_least(*n, parts.iter().map(test))),
        Kind::Hit(rule) => value(&set.rules[rule.0].outcome),
        Kind::Fact(id) => row.fact(*id),
        Kind::Judged(it) => row.judged.as_ref().map_or(NOT_GIVEN, |row| eval(set, it, row)),
        Kind::Guard(condition, it, reason) => match test(condition) {
            Some(true) => value(it),
            Some(false) => Value::Missing(*reason),
            None => NOT_GIVEN,
        },
        Kind::Open(..) => NOT_GIVEN,
        Kind::Total(it) => row.total(*it),
    }
}

/// Kleene's *and*: false if one is false, else unknown if one is unknown, else true.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let parts: Vec<Option<bool>> = parts.collect();
    if parts.contains(&Some(false)) {
        return Some(false);
    }
    if parts.contains(&None) { None } else { Some(true) }
}

/// True if `n` are surely true, false if even the unknown ones would not reach `n`.
fn at_least(n: usize, parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let parts: Vec<Option<bool>> = parts.collect();
    let sure = parts.iter().filter(|it| **it == Some(true)).count();
    let possible = sure + parts.iter().filter(|it| it.is_none()).count();
    match () {
        () if n <= sure => Some(true),
        () if possible < n => Some(false),
        () => None,
    }
}

fn negate(value: Value) -> Value {
    match value {
        Value::Whole(it) => it.checked_neg().map_or(OUT_OF_RANGE, Value::Whole),
        Value::Decimal(it) => Value::Decimal(it.negated()),
        Value::Duration(it) => calendar::negated(it).map_or(OUT_OF_RANGE, Value::Duration),
        other => other,
    }
}

const OUT_OF_RANGE: Value = Value::Missing(Reason::OutOfRange);

fn arithmetic(op: Arithmetic, left: Value, right: Value) -> Value {
    if left.is_missing() {
        return left;
    }
    match (left, right) {
        (_, Value::Missing(reason)) => Value::Missing(reason),
        (Value::Whole(a), Value::Whole(b)) if op != Arithmetic::Divide => whole(op, a, b),
        (Value::Date(a), Value::Date(b)) => {
            a.checked_sub(b).map_or(OUT_OF_RANGE, |it| Value::Duration(Duration::Days(it)))
        }
        (Value::DateTime(a), Value::DateTime(b)) => {
            a.checked_sub(b).map_or(OUT_OF_RANGE, |it| Value::Duration(Duration::Time(it)))
        }
        (Value::Date(date), Value::Duration(it)) => signed(op, it)
            .and_then(|it| calendar::add_to_date(date, it))
            .map_or(OUT_OF_RANGE, Value::Date),
        (Value::DateTime(time), Value::Duration(it)) => signed(op, it)
            .and_then(|it| calendar::add_to_time(time, it))
            .map_or(OUT_OF_RANGE, Value::DateTime),
        (left, right) => match (left.as_decimal(), right.as_decimal()) {
            (Some(left), Some(right)) => decimals(op, left, right),
            _ => NOT_GIVEN,
        },
    }
}

fn signed(op: Arithmetic, duration: Duration) -> Option<Duration> {
    if op == Arithmetic::Subtract { calendar::negated(duration) } else { Some(duration) }
}

fn whole(op: Arithmetic, a: i64, b: i64) -> Value {
    let it = match op {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide => None,
    };
    it.map_or(OUT_OF_RANGE, Value::Whole)
}

fn decimals(op: Arithmetic, left: Decimal, right: Decimal) -> Value {
    match op {
        Arithmetic::Add => Value::decimal(decimal::add(left, right)),
        Arithmetic::Subtract => Value::decimal(decimal::subtract(left, right)),
        Arithmetic::Multiply => Value::decimal(decimal::multiply(left, right)),
        Arithmetic::Divide if right.is_zero() => Value::Missing(Reason::DivisionByZero),
        Arithmetic::Divide => Value::decimal(decimal::divide(left, right)),
    }
}

fn widen(value: Value, ty: &Type) -> Value {
    match (value.as_decimal(), ty) {
        (Some(it), Type::Number(number)) => Value::decimal(it.with_scale(number.scale)),
        _ => value,
    }
}

fn at_digits(value: Value, digits: u32) -> Value {
    match &value {
        Value::Text(text) => {
            let first: String = text.chars().take(digits as usize).collect();
            if first.chars().count() < digits as usize {
                return Value::Missing(Reason::CodeTooShort);
            }
            Value::text(&first)
        }
        _ => value,
    }
}

fn compare(
    op: Comparison,
    left: &Value,
    right: &Value,
    ty: &Type,
    form: text::Form,
) -> Option<bool> {
    let order = order(left, right, ty, form)?;
    Some(match op {
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
        Comparison::Equal => order == Ordering::Equal,
    })
}

fn order(left: &Value, right: &Value, ty: &Type, form: text::Form) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (left.as_decimal(), right.as_decimal()) {
        return Some(a.cmp(&b));
    }
    match (left, right) {
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
        (Value::Duration(Duration::Days(a)), Value::Duration(Duration::Days(b))) => Some(a.cmp(b)),
        (Value::Duration(Duration::Time(a)), Value::Duration(Duration::Time(b))) => Some(a.cmp(b)),
        (Value::Duration(Duration::Months(a)), Value::Duration(Duration::Months(b))) => {
            Some(a.cmp(b))
        }
        (Value::Text(a), Value::Text(b)) => match ty {
            Type::Choice(choice) => Some(choice.rank(a)?.cmp(&choice.rank(b)?)),
            _ => Some(text::form(a, form).cmp(&text::form(b, form))),
        },
        _ => None,
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left.as_decimal(), right.as_decimal()) {
        (Some(a), Some(b)) => a == b,
        _ => left == right,
    }
}

fn on_text(value: Value, form: text::Form, test: impl Fn(&str) -> bool) -> Value {
    match &value {
        Value::Text(text) => Value::Truth(test(&text::form(text, form))),
        _ => value,
    }
}

fn text_test(op: TextTest, left: &Value, right: &Value, form: text::Form) -> Value {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => {
            let (a, b) = (text::form(a, form), text::form(b, form));
            Value::Truth(match op {
                TextTest::StartsWith => a.starts_with(&b),
                TextTest::EndsWith => a.ends_with(&b),
                TextTest::Contains => a.contains(&b),
            })
        }
        _ => NOT_GIVEN,
    }
}
