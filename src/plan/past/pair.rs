//! A condition on rows that looks at the judged row too: asked of each two of them.
//!
//! What concerns only one of the two is gathered as a column; what is left is computed by the same
//! kernels as anything else.

use std::sync::Arc;

use crate::ir::E;
use crate::ir::Kind;
use crate::ir::RuleSet;
use crate::ir::judged::judged_in;
use crate::plan;
use crate::plan::cell::MISSING;
use crate::plan::kernel::Kernel;
use crate::plan::past::cells::NONE;
use crate::plan::past::frame::Frame;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Value;

/// A condition, and what it needs of each side.
pub struct Condition {
    root: Part,
    pub theirs: Vec<E>,
    pub ours: Vec<E>,
}

enum Part {
    Theirs(usize),
    Ours(usize),
    Literal(Value),
    Not(Box<Part>),
    All(Vec<Part>),
    Any(Vec<Part>),
    Missing(Box<Part>),
    Computed(Box<Kernel>, Vec<Part>),
}

/// Where a condition finds what it needs among gathered columns.
pub struct Held<'a> {
    pub condition: &'a Condition,
    pub theirs: &'a [usize],
    pub ours: &'a [usize],
    pub words: &'a [Arc<str>],
}

impl Condition {
    /// Nothing for a condition on rows alone.
    pub fn of(set: &RuleSet, condition: &E) -> Option<Condition> {
        if judged_in(condition).is_empty() {
            return None;
        }
        let mut res =
            Condition { root: Part::Literal(MISSING), theirs: Vec::new(), ours: Vec::new() };
        res.root = res.part(set, condition, false);
        Some(res)
    }

    fn part(&mut self, set: &RuleSet, it: &E, ours: bool) -> Part {
        // A duration is computed where it is needed: its column would not say of which kind it is.
        if it.ty != Type::Duration && judged_in(it).is_empty() {
            if let Kind::Literal(value) = &it.kind {
                return Part::Literal(value.clone());
            }
            let side = if ours { &mut self.ours } else { &mut self.theirs };
            side.push(it.clone());
            let place = side.len() - 1;
            return if ours { Part::Ours(place) } else { Part::Theirs(place) };
        }
        let mut all = |parts: &[&E]| parts.iter().map(|it| self.part(set, it, ours)).collect();
        match &it.kind {
            Kind::Judged(inner) => self.part(set, inner, true),
            Kind::Named(_, inner) => self.part(set, inner, ours),
            Kind::Literal(value) => Part::Literal(value.clone()),
            Kind::Not(inner) => Part::Not(Box::new(self.part(set, inner, ours))),
            Kind::IsMissing(inner) => Part::Missing(Box::new(self.part(set, inner, ours))),
            Kind::And(_) => Part::All(all(&it.parts())),
            Kind::Or(_) => Part::Any(all(&it.parts())),
            Kind::Field(_) | Kind::Hit(_) | Kind::Fact(_) | Kind::Open(..) | Kind::Total(_) => {
                Part::Literal(MISSING)
            }
            Kind::Parameter(..)
            | Kind::Negate(_)
            | Kind::Arithmetic(..)
            | Kind::Widen(_)
            | Kind::Call(..)
            | Kind::OrElse(..)
            | Kind::Guard(..)
            | Kind::AtDigits(..)
            | Kind::Lookup(_)
            | Kind::Compare(..)
            | Kind::Member(..)
            | Kind::OneOf(..)
            | Kind::Under(..)
            | Kind::InGroup(..)
            | Kind::InList(_)
            | Kind::TextTest(..)
            | Kind::Established(_)
            | Kind::AtLeast(..) => {
                let parts = all(&it.parts());
                Part::Computed(Box::new(plan::kernel(set, it)), parts)
            }
        }
    }
}

impl Held<'_> {
    /// Whether the condition is true of a row, in the eyes of a judged one.
    pub fn holds(&self, rows: &Frame, row: u32, judged: &Frame, own: u32) -> bool {
        let theirs = |at: usize| {
            let cell = rows.cells[self.theirs[at]].get(row as usize);
            value(cell, &self.condition.theirs[at].ty, self.words)
        };
        let ours = |at: usize| {
            let cell = judged.cells[self.ours[at]].get(own as usize);
            value(cell, &self.condition.ours[at].ty, self.words)
        };
        self.condition.root.value(&theirs, &ours) == Value::Truth(true)
    }
}

type Side<'a> = &'a dyn Fn(usize) -> Value;

impl Part {
    fn value(&self, theirs: Side, ours: Side) -> Value {
        let truth = |it: &Part| match it.value(theirs, ours) {
            Value::Truth(it) => Some(it),
            _ => None,
        };
        let of = |it: Option<bool>| it.map_or(MISSING, Value::Truth);
        match self {
            Part::Theirs(at) => theirs(*at),
            Part::Ours(at) => ours(*at),
            Part::Literal(it) => it.clone(),
            Part::Not(it) => of(truth(it).map(|it| !it)),
            Part::All(parts) => of(joined(parts.iter().map(truth), false)),
            Part::Any(parts) => of(joined(parts.iter().map(truth), true)),
            Part::Missing(it) => Value::Truth(it.value(theirs, ours).is_missing()),
            Part::Computed(kernel, parts) => {
                let values: Vec<Value> = parts.iter().map(|it| it.value(theirs, ours)).collect();
                kernel.compute(&values)
            }
        }
    }
}

/// The deciding truth if one part has it, else unknown if one is, else the other.
fn joined(parts: impl Iterator<Item = Option<bool>>, deciding: bool) -> Option<bool> {
    let mut open = false;
    for it in parts {
        match it {
            Some(it) if it == deciding => return Some(deciding),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!deciding)
}

/// A gathered cell as the value that it stands for.
pub fn value(cell: i128, ty: &Type, words: &[Arc<str>]) -> Value {
    if cell == NONE {
        return MISSING;
    }
    let long = i64::try_from(cell).unwrap_or(0);
    match ty {
        Type::Truth => Value::Truth(cell == 1),
        Type::Whole => Value::Whole(long),
        Type::Number(number) => Value::Decimal(Decimal::new(cell, number.scale)),
        Type::Date => Value::Date(i32::try_from(long).unwrap_or(0)),
        Type::DateTime => Value::DateTime(long),
        Type::Duration | Type::Error => MISSING,
        Type::Text(_) | Type::Code(_) | Type::Choice(_) | Type::Country | Type::Currency => {
            let word = usize::try_from(long).ok().and_then(|it| words.get(it));
            word.map_or(MISSING, |it| Value::Text(it.clone()))
        }
    }
}
