//! Facts: every distinct value that conditions need, computed once, as columns of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::error::Result;
use datafusion::logical_expr as df;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::ScalarUDF;

use crate::ir::E;
use crate::ir::Kind;
use crate::ir::RuleSet;
use crate::plan;
use crate::plan::cell::Shape;
use crate::plan::encoded;
use crate::plan::kernel::Kernel;
use crate::value::Value;

/// Distinct values, parts before wholes.
pub struct Values<'a> {
    set: &'a RuleSet,
    /// By the address of the shared tree: a definition is looked at once.
    by_place: BTreeMap<usize, usize>,
    by_key: BTreeMap<String, usize>,
    nodes: Vec<Node>,
}

struct Node {
    what: What,
    shape: Shape,
    /// How many other values need it.
    uses: usize,
    /// A condition needs it.
    wanted: bool,
}

enum What {
    Literal(Value),
    Input(String),
    Computed(Arc<ScalarUDF>, Vec<usize>),
    /// A condition as a value: the engine's own *and*, *or*, *not*.
    Condition(df::Expr),
}

/// What a test looks at.
pub enum Operand {
    Literal(Value),
    Column { name: String, shape: Shape },
}

impl<'a> Values<'a> {
    pub fn new(set: &'a RuleSet) -> Values<'a> {
        Values { set, by_place: BTreeMap::new(), by_key: BTreeMap::new(), nodes: Vec::new() }
    }

    /// The value as a literal or as a column of the finished plan.
    pub fn operand(&mut self, expr: &E) -> Operand {
        let at = self.intern(expr);
        let node = &mut self.nodes[at];
        node.wanted = true;
        match &node.what {
            What::Literal(it) => Operand::Literal(it.clone()),
            What::Input(name) => Operand::Column { name: name.clone(), shape: node.shape.clone() },
            What::Computed(..) | What::Condition(_) => {
                Operand::Column { name: fact_column(at), shape: node.shape.clone() }
            }
        }
    }

    fn intern(&mut self, expr: &E) -> usize {
        let place = Arc::as_ptr(expr) as usize;
        if let Some(at) = self.by_place.get(&place) {
            return *at;
        }
        let at = self.intern_new(expr);
        self.by_place.insert(place, at);
        at
    }

    fn intern_new(&mut self, expr: &E) -> usize {
        let shape = Shape::of(self.set, expr);
        let head = match &expr.kind {
            Kind::Named(_, it) => return self.intern(it),
            Kind::Literal(value) => {
                let key = format!("literal {:?} {value:?}", expr.ty);
                return self.add(key, shape, |_| What::Literal(value.clone()));
            }
            Kind::Field(id) => {
                let name = plan::field_column(self.set, *id);
                return self.add(format!("field {name}"), shape, |_| What::Input(name));
            }
            Kind::Fact(id) => {
                let name = id.value_column();
                return self.add(format!("past {name}"), shape, |_| What::Input(name));
            }
            Kind::Guard(..) => "guard".to_owned(),
            Kind::Parameter(at, _) => format!("parameter {at}"),
            Kind::Negate(_) => "negate".to_owned(),
            Kind::Arithmetic(op, ..) => format!("{op:?}"),
            Kind::Widen(_) => "widen".to_owned(),
            Kind::Call(function, _) => format!("{function:?}"),
            Kind::OrElse(..) => "or else".to_owned(),
            Kind::AtDigits(_, digits) => format!("at {digits} digits"),
            Kind::Lookup(it) => format!("lookup {} {}", it.list, it.column),
            Kind::Compare(..)
            | Kind::Member(..)
            | Kind::OneOf(..)
            | Kind::Under(..)
            | Kind::InGroup(..)
            | Kind::InList(_)
            | Kind::TextTest(..)
            | Kind::IsMissing(_)
            | Kind::Established(_)
            | Kind::Not(_)
            | Kind::And(_)
            | Kind::Or(_)
            | Kind::AtLeast(..)
            | Kind::Judged(_)
            | Kind::Open(..)
            | Kind::Total(_)
            | Kind::Hit(_) => {
                let it = plan::translate(self.set, expr);
                let key = format!("condition {it:?}");
                return self.add(key, shape, |_| What::Condition(it));
            }
        };
        let parts: Vec<usize> = expr.parts().into_iter().map(|it| self.intern(it)).collect();
        let key = format!("{head} {parts:?} {:?}", expr.ty);
        self.add(key, shape.clone(), |it| it.computed(expr, parts, shape))
    }

    fn add(
        &mut self,
        key: String,
        shape: Shape,
        make: impl FnOnce(&mut Values<'a>) -> What,
    ) -> usize {
        if let Some(at) = self.by_key.get(&key) {
            return *at;
        }
        let what = make(self);
        if let What::Computed(_, parts) = &what {
            for part in parts {
                self.nodes[*part].uses += 1;
            }
        }
        let at = self.nodes.len();
        self.nodes.push(Node { what, shape, uses: 0, wanted: false });
        self.by_key.insert(key, at);
        at
    }

    /// A value of literals only is a literal.
    fn computed(&self, expr: &E, parts: Vec<usize>, shape: Shape) -> What {
        let shapes = parts.iter().map(|it| self.nodes[*it].shape.clone()).collect();
        let kernel = Kernel::new(plan::op(self.set, expr), shapes, shape);
        let literals = parts.iter().map(|it| match &self.nodes[*it].what {
            What::Literal(value) => Some(value.clone()),
            What::Input(_) | What::Computed(..) | What::Condition(_) => None,
        });
        match literals.collect::<Option<Vec<Value>>>() {
            Some(row) => What::Literal(kernel.compute(&row)),
            None => What::Computed(Arc::new(ScalarUDF::new_from_impl(kernel)), parts),
        }
    }

    /// The columns of `input` and those of the facts; one projection for each level of sharing.
    pub fn plan(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        let depths = self.depths();
        let deepest = depths.iter().copied().max().unwrap_or(0);
        let mut plan = input;
        for depth in 1..=deepest {
            let stored = plan.schema().iter().map(|it| df::Expr::Column(Column::from(it)));
            let mut columns: Vec<df::Expr> = stored.collect();
            for (at, _) in depths.iter().enumerate().filter(|it| *it.1 == depth) {
                if self.is_column(at) {
                    let computed = encoded::over(self.inside(at), plan.schema())?;
                    columns.push(computed.alias(fact_column(at)));
                }
            }
            plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
        }
        Ok(plan)
    }

    /// The projection in which a value can be computed; 0 for what is there from the start.
    fn depths(&self) -> Vec<usize> {
        let mut depths: Vec<usize> = Vec::with_capacity(self.nodes.len());
        for (at, node) in self.nodes.iter().enumerate() {
            let below = match &node.what {
                What::Literal(_) | What::Input(_) | What::Condition(_) => 0,
                What::Computed(_, parts) => parts.iter().map(|it| depths[*it]).max().unwrap_or(0),
            };
            depths.push(below + usize::from(self.is_column(at)));
        }
        depths
    }

    fn is_column(&self, at: usize) -> bool {
        let node = &self.nodes[at];
        match &node.what {
            What::Literal(_) | What::Input(_) => false,
            What::Computed(..) | What::Condition(_) => node.wanted || 1 < node.uses,
        }
    }

    fn expression(&self, at: usize) -> df::Expr {
        if self.is_column(at) { plan::column(&fact_column(at)) } else { self.inside(at) }
    }

    fn inside(&self, at: usize) -> df::Expr {
        let node = &self.nodes[at];
        match &node.what {
            What::Literal(value) => plan::literal(value, &node.shape.ty),
            What::Input(name) => plan::column(name),
            What::Condition(it) => it.clone(),
            What::Computed(function, parts) => {
                let parts = parts.iter().map(|it| self.expression(*it)).collect();
                df::Expr::ScalarFunction(df::expr::ScalarFunction::new_udf(function.clone(), parts))
            }
        }
    }
}

fn fact_column(at: usize) -> String {
    format!("tamis.fact.{at}")
}
