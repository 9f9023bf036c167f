//! Typed rules as one DataFusion plan: facts once each, then the rule set as one operator.
//!
//! Built by API, never from SQL text. Facts are kernels of ours, total and exact. The rule set is a
//! network of tests over them ([`rule_set`]), judged batch by batch ([`evaluate`]).

pub mod bits;
pub mod cell;
pub mod columns;
pub mod dictionary;
pub mod encoded;
pub mod evaluate;
pub mod fact;
pub mod kernel;
pub mod leaf;
pub mod listed;
pub mod loaded;
pub mod multiple;
pub mod number;
pub mod operator;
pub mod past;
pub mod rule_set;
pub mod session;
pub mod test;
pub mod words;

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::ScalarValue;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::functions_aggregate::min_max::max;
use datafusion::functions_aggregate::min_max::min;
use datafusion::logical_expr as df;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::ScalarUDF;

use crate::data::ROW;
use crate::data::convert::data_type;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::plan::cell::Shape;
use crate::plan::kernel::Kernel;
use crate::plan::kernel::Op;
use crate::plan::listed::Listed;
use crate::plan::rule_set::Compiler;
use crate::plan::rule_set::Network;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::value::Value;

/// A column by its exact name, dots and all.
pub fn column(name: &str) -> df::Expr {
    df::Expr::Column(Column::new_unqualified(name))
}

/// One row a key: each other column its one given value, or missing where rows disagree.
pub fn one_row_each(input: LogicalPlan, keys: &[String], others: &[String]) -> Result<LogicalPlan> {
    let group: Vec<df::Expr> = keys.iter().map(|it| column(it)).collect();
    let mut aggregates = Vec::new();
    for name in others {
        aggregates.push(min(column(name)).alias(format!("least {name}")));
        aggregates.push(max(column(name)).alias(format!("greatest {name}")));
    }
    let numbered = input.schema().has_column_with_unqualified_name(ROW);
    let mut columns = group.clone();
    if numbered {
        aggregates.push(min(column(ROW)).alias(ROW));
        columns.push(column(ROW));
    }
    for name in others {
        let (least, greatest) =
            (column(&format!("least {name}")), column(&format!("greatest {name}")));
        let agreed = df::when(least.clone().eq(greatest), least).end()?;
        columns.push(agreed.alias(name));
    }
    LogicalPlanBuilder::from(input).aggregate(group, aggregates)?.project(columns)?.build()
}

/// A plan of facts, and the rules as a network over its columns.
pub struct Facts {
    pub plan: LogicalPlan,
    pub network: Arc<Network>,
}

/// Adds to `input`, which has a column for each stored field used, those of the values that the
/// conditions of `rules` need, each computed once. The rules judge rows of `level`.
///
/// Errors: a rule of another level, and columns that are not there.
pub fn facts(
    set: &RuleSet,
    level: RecordId,
    rules: &[RuleId],
    input: LogicalPlan,
) -> Result<Facts> {
    if let Some(other) = rules.iter().find(|it| set.rules[it.0].level != level) {
        return plan_err!("rule {} is of another level", set.rules[other.0].id);
    }
    let (network, values) = Compiler::new(set).compile(rules);
    let plan = values.plan(input)?;
    Ok(Facts { plan, network: Arc::new(network) })
}

/// The column of a stored field: `item.hs`.
pub fn field_column(set: &RuleSet, id: FieldId) -> String {
    format!("{}.{}", set.schema.record(id.record).name, set.schema.field(id).name)
}

fn translate(set: &RuleSet, expr: &E) -> df::Expr {
    let part = |it: &E| translate(set, it);
    match &expr.kind {
        Kind::Literal(value) => literal(value, &expr.ty),
        Kind::Field(id) => column(&field_column(set, *id)),
        Kind::Named(_, it) => part(it),
        Kind::Hit(rule) => translate(set, &set.rules[rule.0].outcome),
        Kind::Not(it) => df::not(part(it)),
        Kind::And(parts) => balanced(parts.iter().map(part).collect(), df::and, true),
        Kind::Or(parts) => balanced(parts.iter().map(part).collect(), df::or, false),
        Kind::IsMissing(it) => part(it).is_null(),
        Kind::Fact(id) => column(&id.value_column()),
        Kind::Open(..) | Kind::Judged(_) | Kind::Total(_) => df::lit(ScalarValue::Boolean(None)),
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
        | Kind::AtLeast(..) => call(set, expr),
    }
}

/// A balanced tree: a long chain would be as deep as it is long.
fn balanced(
    mut parts: Vec<df::Expr>,
    join: fn(df::Expr, df::Expr) -> df::Expr,
    neutral: bool,
) -> df::Expr {
    while 1 < parts.len() {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(left) = rest.next() {
            next.push(match rest.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
        parts = next;
    }
    parts.pop().unwrap_or_else(|| df::lit(neutral))
}

fn call(set: &RuleSet, expr: &E) -> df::Expr {
    let arguments = expr.parts().into_iter().map(|it| translate(set, it)).collect();
    ScalarUDF::new_from_impl(kernel(set, expr)).call(arguments)
}

/// What computes an expression from its parts.
fn kernel(set: &RuleSet, expr: &E) -> Kernel {
    let shapes = expr.parts().into_iter().map(|it| Shape::of(set, it)).collect();
    Kernel::new(op(set, expr), shapes, Shape::of(set, expr))
}

fn op(set: &RuleSet, expr: &E) -> Op {
    match &expr.kind {
        Kind::Parameter(at, date) => Op::Parameter(set.parameters[*at].clone(), date.is_some()),
        Kind::Negate(_) => Op::Negate,
        Kind::Arithmetic(it, ..) => Op::Arithmetic(*it),
        Kind::Widen(_) => Op::Widen,
        Kind::Call(it, _) => Op::Call(*it),
        Kind::OrElse(..) => Op::OrElse,
        Kind::Guard(..) => Op::Guard,
        Kind::AtDigits(_, digits) => Op::AtDigits(*digits),
        Kind::Lookup(it) => {
            Op::Lookup { list: Listed(set.lists[it.list].clone()), column: it.column }
        }
        Kind::Compare(it, ..) => Op::Compare(*it),
        Kind::Member(_, words) => Op::Member(words.clone()),
        Kind::OneOf(_, values) => Op::OneOf(values.clone()),
        Kind::Under(_, prefixes) => Op::Under(prefixes.clone()),
        Kind::InGroup(_, name, _) => Op::InGroup(Arc::new(set.schema.groups[&**name].clone())),
        Kind::InList(it) => {
            Op::InList { list: Listed(set.lists[it.list].clone()), matching: it.matching }
        }
        Kind::TextTest(it, ..) => Op::TextTest(*it),
        Kind::Established(_) => Op::Established,
        Kind::AtLeast(n, _) => Op::AtLeast(*n),
        Kind::Literal(_)
        | Kind::Field(_)
        | Kind::Named(..)
        | Kind::Hit(_)
        | Kind::Not(_)
        | Kind::And(_)
        | Kind::Or(_)
        | Kind::IsMissing(_)
        | Kind::Fact(_)
        | Kind::Judged(_)
        | Kind::Open(..)
        | Kind::Total(_) => Op::OrElse,
    }
}

fn literal(value: &Value, ty: &Type) -> df::Expr {
    let scalar = match (value, ty) {
        (Value::Truth(it), _) => ScalarValue::Boolean(Some(*it)),
        (Value::Whole(it), _) => ScalarValue::Int64(Some(*it)),
        (Value::Decimal(it), Type::Number(number)) => {
            let held = it.with_scale(number.scale).map(|it| it.unscaled);
            ScalarValue::Decimal128(held, 38, i8::try_from(number.scale).unwrap_or(9))
        }
        (Value::Date(it), _) => ScalarValue::Date32(Some(*it)),
        (Value::DateTime(it), _) => ScalarValue::TimestampMicrosecond(Some(*it), None),
        (Value::Duration(it), _) => ScalarValue::Int64(Some(cell::duration_number(*it))),
        (Value::Text(it), _) => ScalarValue::Utf8(Some(it.to_string())),
        (Value::Missing(_) | Value::Decimal(_), ty) => {
            ScalarValue::try_from(&data_type(ty)).unwrap_or(ScalarValue::Null)
        }
    };
    df::Expr::Literal(scalar, None)
}
