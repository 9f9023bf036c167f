//! What a policy asks of a declaration travels with its findings, as one more line.
//!
//! A rule that is always true, at the level of the policy, has a line for every declaration; its
//! evidence holds the values that the policy needs, so that a decision needs nothing but the
//! lines.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::interpret::Row;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::Rule;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::schema::FieldId;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Reason;
use crate::value::Value;

/// The rule set with that rule, and its place; as it is without a policy.
pub fn with(set: &RuleSet) -> (RuleSet, Option<RuleId>) {
    let mut set = set.clone();
    let Some(policy) = &set.policy else { return (set, None) };
    let always = Arc::new(Expr {
        kind: Kind::Literal(Value::Truth(true)),
        ty: Type::Truth,
        span: policy.span,
    });
    let asked = policy.expressions().into_iter().map(|it| (String::new(), it.clone()));
    set.rules.push(Rule {
        id: Arc::from(""),
        title: String::new(),
        owner: String::new(),
        status: None,
        reviewed: None,
        tags: Vec::new(),
        see: Vec::new(),
        channel: None,
        mandatory: false,
        level: policy.level,
        outcome: always.clone(),
        condition: always,
        exceptions: Vec::new(),
        score: None,
        show: asked.collect(),
        because: Vec::new(),
        span: policy.span,
    });
    let last = RuleId(set.rules.len() - 1);
    (set, Some(last))
}

/// The values that travel, in their order.
#[derive(Debug, Clone)]
pub struct Operands {
    /// The rule that carries them.
    pub rule: RuleId,
    fields: Vec<FieldId>,
    facts: Vec<FactId>,
}

/// Of a rule set that [`with`] has made.
pub fn of(set: &RuleSet) -> Option<Operands> {
    let rule = RuleId(set.rules.len().checked_sub(1)?);
    if !set.rules[rule.0].id.is_empty() {
        return None;
    }
    let (fields, facts) = asked(set, set.rules[rule.0].show.iter().map(|it| &it.1));
    let (fields, facts) = (fields.into_iter().collect(), facts.into_iter().collect());
    Some(Operands { rule, fields, facts })
}

/// The fields and facts that expressions ask for, also by what rules say.
pub fn asked<'a>(
    set: &'a RuleSet,
    expressions: impl Iterator<Item = &'a E>,
) -> (BTreeSet<FieldId>, BTreeSet<FactId>) {
    let (mut fields, mut facts) = (BTreeSet::new(), BTreeSet::new());
    let mut todo: Vec<&E> = expressions.collect();
    let mut seen = BTreeSet::new();
    while let Some(it) = todo.pop() {
        match &it.kind {
            Kind::Field(id) => {
                fields.insert(*id);
            }
            Kind::Fact(id) => {
                facts.insert(*id);
            }
            Kind::Hit(other) if seen.insert(*other) => todo.push(&set.rules[other.0].outcome),
            _ => todo.extend(it.parts()),
        }
    }
    (fields, facts)
}

impl Operands {
    /// Whether the policy looks at nothing but findings.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.facts.is_empty()
    }

    pub fn fields(&self) -> &[FieldId] {
        &self.fields
    }

    pub fn facts(&self) -> &[FactId] {
        &self.facts
    }

    /// The values of a row as one text.
    pub fn write(&self, row: &Row) -> String {
        let fields = self.fields.iter().map(|it| row.get(*it));
        let all: Vec<Json> =
            fields.chain(self.facts.iter().map(|it| row.fact(*it))).map(json).collect();
        Json::Array(all).to_string()
    }

    /// Takes what `write` wrote up into a row. A value that two rows of one declaration do not
    /// share is missing.
    pub fn read(&self, set: &RuleSet, text: &str, row: &mut Row) {
        let all: Vec<Json> = serde_json::from_str(text).unwrap_or_default();
        let mut all = all.iter();
        for id in &self.fields {
            let Some(it) = all.next() else { return };
            row.agree(*id, value(it, &set.schema.field(*id).ty));
        }
        for id in &self.facts {
            let Some(it) = all.next() else { return };
            row.know(*id, value(it, &set.facts[id.0].ty));
        }
    }
}

/// Without loss: the type says how to read it.
fn json(it: Value) -> Json {
    match it {
        Value::Missing(reason) => Json::from(reason.number()),
        Value::Truth(it) => Json::from(it),
        Value::Whole(it) => Json::from(it.to_string()),
        Value::Decimal(it) => Json::from(it.to_string()),
        Value::Date(it) => Json::from(it.to_string()),
        Value::DateTime(it) => Json::from(it.to_string()),
        Value::Duration(_) => Json::from(Reason::NotGiven.number()),
        Value::Text(it) => Json::from(&*it),
    }
}

fn value(it: &Json, ty: &Type) -> Value {
    let missing = Value::Missing(Reason::NotGiven);
    match it {
        Json::Bool(it) => Value::Truth(*it),
        Json::Number(it) => {
            let number = it.as_u64().and_then(|it| u8::try_from(it).ok());
            number.and_then(Reason::of_number).map_or(missing, Value::Missing)
        }
        Json::String(text) => match ty {
            Type::Whole => text.parse().map_or(missing, Value::Whole),
            Type::Number(_) => Decimal::parse(text).map_or(missing, Value::Decimal),
            Type::Date => text.parse().map_or(missing, Value::Date),
            Type::DateTime => text.parse().map_or(missing, Value::DateTime),
            Type::Text(_) | Type::Code(_) | Type::Choice(_) | Type::Country | Type::Currency => {
                Value::text(text)
            }
            Type::Truth | Type::Duration | Type::Error => missing,
        },
        Json::Null | Json::Array(_) | Json::Object(_) => missing,
    }
}
