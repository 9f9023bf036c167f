//! Rules as they were written, with every name resolved and a type on every part: for programs,
//! as JSON. `docs/dev/ir-json.md` says what stands in it.
//!
//! The facts, guards and counts that lowering makes of profiles and quantifiers are not told: who
//! reads this computes what the manual says of what the author wrote.

mod block;
mod policy;
mod rows;
pub mod types;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use serde_json::json;

use crate::ir::E;
use crate::ir::Kind;
use crate::ir::RuleSet;
use crate::ir::from_schema;
use crate::ir::from_schema::Derived;
use crate::ir::lower::Context;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Sources;
use crate::source::Span;
use crate::syntax::ast;

/// More nodes than anybody writes: definitions of definitions end here.
const NODES_MAX: usize = 500_000;

/// Where an expression stands, and what the arguments of the definition around it are.
#[derive(Clone)]
struct Place {
    scope: Scope,
    arguments: BTreeMap<String, Json>,
    /// Of the row that is judged, inside a condition on others.
    judged: Option<Arc<Place>>,
}

impl Place {
    fn of(record: RecordId) -> Place {
        let scope = Scope { record, arguments: BTreeMap::new(), judged: None, valid: (None, None) };
        Place { scope, arguments: BTreeMap::new(), judged: None }
    }
}

struct Writer<'a> {
    lowering: Lowering<'a>,
    nodes: usize,
}

/// Rules, derived fields, parameters and the policy of files that were lowered to `set`.
pub fn written(set: &RuleSet, files: &[ast::File], sources: &Sources) -> Json {
    let mut quiet = Vec::new();
    let derived = from_schema::schema(files, &mut quiet).derived;
    let mut writer = Writer::new(set, files, sources, &derived);
    let blocks = || files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken);
    let rules: Vec<Json> = blocks().filter_map(|it| writer.rule(it)).collect();
    let policy = blocks().find_map(|it| writer.policy(it));
    let fields: Vec<Json> = derived.iter().map(|it| writer.derived_field(it)).collect();
    let parameter = |it: &crate::ir::Parameter| {
        let since = |it: &(Option<i32>, crate::value::Value)| {
            let (since, value) = (types::day(it.0), types::value(&it.1));
            json!({"since": since, "value": value})
        };
        let values: Vec<Json> = it.values.iter().map(since).collect();
        json!({"name": &*it.name, "type": types::ty(&it.ty), "values": values})
    };
    let parameters: Vec<Json> = set.parameters.iter().map(parameter).collect();
    json!({"rules": rules, "policy": policy, "derived": fields, "parameters": parameters})
}

impl<'a> Writer<'a> {
    fn new(
        set: &RuleSet,
        files: &'a [ast::File],
        sources: &'a Sources,
        derived: &'a [Derived],
    ) -> Writer<'a> {
        let lists = set.lists.clone();
        let context = Context { sources, schema: set.schema.clone(), derived, lists };
        let mut lowering = Lowering::new(files, context);
        lowering.parameters.clone_from(&set.parameters);
        for (at, rule) in set.rules.iter().enumerate() {
            lowering.rule_ids.insert(rule.id.to_string(), crate::ir::RuleId(at));
            lowering.levels.push(Some(rule.level));
            lowering.done.insert(crate::ir::RuleId(at), rule.outcome.clone());
        }
        Writer { lowering, nodes: 0 }
    }

    fn record(&self, id: RecordId) -> &str {
        &self.lowering.schema.record(id).name
    }

    fn words(&self, span: Span) -> String {
        let words: Vec<&str> = self.lowering.sources.slice(span).split_whitespace().collect();
        words.join(" ")
    }

    /// Adds the type, the text and the line.
    fn placed(&self, mut node: Json, ty: &Type, span: Span) -> Json {
        if let Json::Object(it) = &mut node {
            it.insert("type".to_owned(), types::ty(ty));
            it.insert("text".to_owned(), json!(self.words(span)));
            it.insert("line".to_owned(), json!(self.lowering.sources.place(span).line));
        }
        node
    }

    fn typed(&mut self, it: &ast::Expr, expected: Option<&Type>, at: &Place) -> E {
        self.lowering.expanded = 0;
        let typed = self.lowering.either_expected(it, expected, &at.scope);
        self.lowering.negated.clear();
        typed
    }

    fn node(&mut self, it: &ast::Expr, expected: Option<&Type>, at: &Place) -> Json {
        let typed = self.typed(it, expected, at);
        self.nodes += 1;
        if typed.ty == Type::Error || NODES_MAX < self.nodes {
            return self.placed(json!({"kind": "error"}), &Type::Error, it.span);
        }
        let node = self.kind(it, &typed, expected, at);
        let mut node = self.placed(node, &typed.ty, it.span);
        node["text"] = json!(self.lowering.words(it));
        node
    }

    fn nodes(&mut self, all: &[ast::Expr], expected: Option<&Type>, at: &Place) -> Vec<Json> {
        all.iter().map(|it| self.node(it, expected, at)).collect()
    }

    fn kind(&mut self, it: &ast::Expr, typed: &E, expected: Option<&Type>, at: &Place) -> Json {
        match &it.kind {
            ast::ExprKind::Number(_)
            | ast::ExprKind::Quantity { .. }
            | ast::ExprKind::Date(_)
            | ast::ExprKind::DateTime(_)
            | ast::ExprKind::Text(_)
            | ast::ExprKind::Code { .. }
            | ast::ExprKind::Truth(_) => literal(typed),
            ast::ExprKind::Missing
            | ast::ExprKind::List(_)
            | ast::ExprKind::Set(_)
            | ast::ExprKind::Error => json!({"kind": "error"}),
            ast::ExprKind::Path(path) => self.path(path, typed, at),
            ast::ExprKind::Call { name, arguments } => self.call(name, arguments, at),
            ast::ExprKind::Member { base, name } => self.lookup(base, name, at),
            ast::ExprKind::AtDigits { value, digits } => {
                json!({"kind": "at_digits", "value": self.node(value, None, at), "digits": digits})
            }
            ast::ExprKind::Not(it) => json!({"kind": "not", "part": self.node(it, None, at)}),
            ast::ExprKind::Negate(it) => {
                json!({"kind": "negate", "value": self.node(it, expected, at)})
            }
            ast::ExprKind::And(parts) => {
                json!({"kind": "all", "parts": self.nodes(parts, None, at)})
            }
            ast::ExprKind::Or(parts) => {
                json!({"kind": "any", "parts": self.nodes(parts, None, at)})
            }
            ast::ExprKind::Binary { op, left, right } => {
                self.binary(*op, left, right, expected, at)
            }
            ast::ExprKind::Test { op, left, right } => self.test(*op, left, right, at),
            ast::ExprKind::IsMissing(it) => {
                json!({"kind": "is_missing", "value": self.node(it, None, at)})
            }
            ast::ExprKind::IsGiven(it) => {
                json!({"kind": "is_given", "value": self.node(it, None, at)})
            }
            ast::ExprKind::Between { negated, value, low, high } => {
                let ty = self.typed(value, None, at).ty.clone();
                json!({
                    "kind": "between", "negated": negated,
                    "value": self.node(value, None, at),
                    "low": self.node(low, Some(&ty), at),
                    "high": self.node(high, Some(&ty), at),
                })
            }
            ast::ExprKind::Aggregate(it) => self.aggregate(it, at),
            ast::ExprKind::Quantified { quantifier, condition, rows } => {
                self.quantified(*quantifier, condition, rows, at)
            }
            ast::ExprKind::KnownFor { value, op, duration } => {
                self.known_for(value, *op, duration, at)
            }
            ast::ExprKind::Converted { value, currency } => {
                json!({
                    "kind": "converted", "value": self.node(value, None, at),
                    "currency": currency.text, "list": "exchange_rates",
                })
            }
        }
    }

    fn binary(
        &mut self,
        op: ast::BinaryOp,
        left: &ast::Expr,
        right: &ast::Expr,
        expected: Option<&Type>,
        at: &Place,
    ) -> Json {
        if op == ast::BinaryOp::OrElse {
            let ty = self.typed(left, expected, at).ty.clone();
            return json!({
                "kind": "or_else",
                "left": self.node(left, expected, at),
                "right": self.node(right, Some(&ty), at),
            });
        }
        let op = match op {
            ast::BinaryOp::Add => "+",
            ast::BinaryOp::Subtract => "-",
            ast::BinaryOp::Divide => "/",
            ast::BinaryOp::Multiply | ast::BinaryOp::Of | ast::BinaryOp::OrElse => "*",
        };
        json!({
            "kind": "arithmetic", "op": op,
            "left": self.node(left, None, at), "right": self.node(right, None, at),
        })
    }

    fn test(&mut self, op: ast::TestOp, left: &ast::Expr, right: &ast::Expr, at: &Place) -> Json {
        let ty = self.typed(left, None, at).ty.clone();
        let value = self.node(left, None, at);
        let compared = |this: &mut Self, kind: &str, op: &str| {
            let right = this.node(right, Some(&ty), at);
            json!({"kind": kind, "op": op, "left": value, "right": right})
        };
        match op {
            ast::TestOp::Less => compared(self, "compare", "<"),
            ast::TestOp::LessOrEqual => compared(self, "compare", "<="),
            ast::TestOp::Greater => compared(self, "compare", ">"),
            ast::TestOp::GreaterOrEqual => compared(self, "compare", ">="),
            ast::TestOp::Equal | ast::TestOp::Is => compared(self, "compare", "="),
            ast::TestOp::NotEqual | ast::TestOp::IsNot => compared(self, "compare", "!="),
            ast::TestOp::StartsWith => compared(self, "text_test", "starts with"),
            ast::TestOp::EndsWith => compared(self, "text_test", "ends with"),
            ast::TestOp::Contains => compared(self, "text_test", "contains"),
            ast::TestOp::IsOneOf | ast::TestOp::In => {
                self.member("one_of", false, value, &ty, right, at)
            }
            ast::TestOp::IsNotOneOf | ast::TestOp::NotIn => {
                self.member("one_of", true, value, &ty, right, at)
            }
            ast::TestOp::Under => self.member("under", false, value, &ty, right, at),
            ast::TestOp::NotUnder => self.member("under", true, value, &ty, right, at),
        }
    }

    /// Of a set, a list or a group.
    fn member(
        &mut self,
        kind: &str,
        negated: bool,
        value: Json,
        ty: &Type,
        right: &ast::Expr,
        at: &Place,
    ) -> Json {
        let mut node = match &right.kind {
            ast::ExprKind::List(name) => json!({"list": name.text}),
            ast::ExprKind::Set(members) => json!({"values": self.nodes(members, Some(ty), at)}),
            ast::ExprKind::Path(path)
                if path.len() == 1 && self.lowering.schema.groups.contains_key(&path[0].text) =>
            {
                json!({"group": path[0].text})
            }
            _ => json!({"values": [self.node(right, Some(ty), at)]}),
        };
        if let Json::Object(it) = &mut node {
            it.insert("kind".to_owned(), json!(kind));
            it.insert("negated".to_owned(), json!(negated));
            it.insert("value".to_owned(), value);
        }
        node
    }
}

fn literal(it: &E) -> Json {
    match &it.kind {
        Kind::Literal(value) => json!({"kind": "literal", "value": types::value(value)}),
        _ => json!({"kind": "error"}),
    }
}
