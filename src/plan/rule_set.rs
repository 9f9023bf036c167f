//! The rules of a level as one network: distinct tests, and what combines them, each once.

use std::collections::BTreeMap;

use crate::ir::E;
use crate::ir::Kind;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::plan::cell::Shape;
use crate::plan::dictionary::Tests;
use crate::plan::fact::Operand;
use crate::plan::fact::Values;
use crate::plan::test::Test;

/// A node of a network, by its place. Parts come before wholes.
pub type NodeId = u32;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    Constant(Option<bool>),
    /// Its place in [`Network::tests`].
    Test(usize),
    Not(NodeId),
    And(Vec<NodeId>),
    Or(Vec<NodeId>),
    AtLeast(usize, Vec<NodeId>),
    /// True when true, else false.
    Established(NodeId),
    /// True when unknown, else false.
    Unknown(NodeId),
    /// The first, or the second where the first is unknown.
    OrElse(NodeId, NodeId),
}

impl Node {
    pub fn parts(&self) -> Vec<NodeId> {
        match self {
            Node::Constant(_) | Node::Test(_) => Vec::new(),
            Node::Not(it) | Node::Established(it) | Node::Unknown(it) => vec![*it],
            Node::And(parts) | Node::Or(parts) | Node::AtLeast(_, parts) => parts.clone(),
            Node::OrElse(left, right) => vec![*left, *right],
        }
    }
}

/// A column that tests look at.
#[derive(Debug)]
pub struct Column {
    pub name: String,
    pub shape: Shape,
    /// The tests of its words, when it is text.
    pub words: Tests,
}

/// Compiled once for a level, shared by all partitions.
#[derive(Debug, Default)]
pub struct Network {
    pub columns: Vec<Column>,
    pub tests: Vec<Test>,
    pub nodes: Vec<Node>,
    /// How many wholes and rules ask for each node.
    pub uses: Vec<u32>,
    /// In the order of the rules asked for.
    pub roots: Vec<(RuleId, NodeId)>,
}

/// Makes a network, and the values that it needs.
pub struct Compiler<'a> {
    pub set: &'a RuleSet,
    values: Values<'a>,
    network: Network,
    columns: BTreeMap<String, usize>,
    /// By the address of the shared tree.
    places: BTreeMap<usize, NodeId>,
    nodes: BTreeMap<Node, NodeId>,
    tests: BTreeMap<String, NodeId>,
    rules: BTreeMap<RuleId, NodeId>,
}

impl<'a> Compiler<'a> {
    pub fn new(set: &'a RuleSet) -> Compiler<'a> {
        Compiler {
            set,
            values: Values::new(set),
            network: Network::default(),
            columns: BTreeMap::new(),
            places: BTreeMap::new(),
            nodes: BTreeMap::new(),
            tests: BTreeMap::new(),
            rules: BTreeMap::new(),
        }
    }

    pub fn compile(mut self, rules: &[RuleId]) -> (Network, Values<'a>) {
        for rule in rules {
            let root = self.rule(*rule);
            self.network.roots.push((*rule, root));
        }
        self.network.uses = vec![0; self.network.nodes.len()];
        let uses = &mut self.network.uses;
        let parts = self.network.nodes.iter().flat_map(Node::parts);
        for it in parts.chain(self.network.roots.iter().map(|it| it.1)) {
            uses[it as usize] += 1;
        }
        (self.network, self.values)
    }

    fn rule(&mut self, rule: RuleId) -> NodeId {
        if let Some(root) = self.rules.get(&rule) {
            return *root;
        }
        let set = self.set;
        let root = self.truth(&set.rules[rule.0].outcome);
        self.rules.insert(rule, root);
        root
    }

    pub fn add(&mut self, node: Node) -> NodeId {
        if let Some(at) = self.nodes.get(&node) {
            return *at;
        }
        let at = u32::try_from(self.network.nodes.len()).unwrap_or(u32::MAX);
        self.network.nodes.push(node.clone());
        self.nodes.insert(node, at);
        at
    }

    /// A test, made only if there is none of that key.
    pub fn add_test(&mut self, key: String, make: impl FnOnce(&mut Network) -> Test) -> NodeId {
        if let Some(at) = self.tests.get(&key) {
            return *at;
        }
        let test = make(&mut self.network);
        let node = Node::Test(self.network.tests.len());
        self.network.tests.push(test);
        let at = self.add(node);
        self.tests.insert(key, at);
        at
    }

    pub fn constant(&mut self, truth: Option<bool>) -> NodeId {
        self.add(Node::Constant(truth))
    }

    pub fn operand(&mut self, expr: &E) -> Operand {
        self.values.operand(expr)
    }

    pub fn column(&mut self, name: String, shape: Shape) -> usize {
        let columns = &mut self.network.columns;
        *self.columns.entry(name.clone()).or_insert_with(|| {
            columns.push(Column { name, shape, words: Tests::default() });
            columns.len() - 1
        })
    }

    pub fn truth(&mut self, expr: &E) -> NodeId {
        let place = std::sync::Arc::as_ptr(expr) as usize;
        if let Some(at) = self.places.get(&place) {
            return *at;
        }
        let at = self.new_truth(expr);
        self.places.insert(place, at);
        at
    }

    fn new_truth(&mut self, expr: &E) -> NodeId {
        match &expr.kind {
            Kind::Named(_, it) => self.truth(it),
            Kind::Hit(rule) => self.rule(*rule),
            Kind::Not(it) => {
                let it = self.truth(it);
                self.not(it)
            }
            Kind::And(parts) => {
                let parts = parts.iter().map(|it| self.truth(it)).collect();
                self.all(parts)
            }
            Kind::Or(parts) => {
                let parts = parts.iter().map(|it| self.truth(it)).collect();
                self.any(parts)
            }
            Kind::AtLeast(n, parts) => {
                let parts = parts.iter().map(|it| self.truth(it)).collect();
                self.at_least(*n, parts)
            }
            Kind::Open(..) | Kind::Judged(_) | Kind::Total(_) => self.constant(None),
            // Or(And(test, value), And(not test, unknown))
            Kind::Guard(test, value, _) if expr.ty == crate::schema::Type::Truth => {
                let (test, value) = (self.truth(test), self.truth(value));
                let sure = self.add(Node::Established(test));
                let unknown = self.constant(None);
                let not = self.not(sure);
                let given = self.all(vec![sure, value]);
                let rest = self.all(vec![not, unknown]);
                self.any(vec![given, rest])
            }
            Kind::Established(it) => {
                let it = self.truth(it);
                match self.known(it) {
                    Some(truth) => self.constant(Some(truth == Some(true))),
                    None => self.add(Node::Established(it)),
                }
            }
            Kind::OrElse(left, right) => {
                let (left, right) = (self.truth(left), self.truth(right));
                match self.known(left) {
                    Some(None) => right,
                    Some(Some(_)) => left,
                    None => self.add(Node::OrElse(left, right)),
                }
            }
            Kind::IsMissing(it) if it.ty == crate::schema::Type::Truth => {
                let it = self.truth(it);
                match self.known(it) {
                    Some(truth) => self.constant(Some(truth.is_none())),
                    None => self.add(Node::Unknown(it)),
                }
            }
            Kind::Literal(_)
            | Kind::Field(_)
            | Kind::Parameter(..)
            | Kind::Negate(_)
            | Kind::Arithmetic(..)
            | Kind::Widen(_)
            | Kind::Call(..)
            | Kind::AtDigits(..)
            | Kind::Lookup(_)
            | Kind::Compare(..)
            | Kind::Member(..)
            | Kind::OneOf(..)
            | Kind::Under(..)
            | Kind::InGroup(..)
            | Kind::InList(_)
            | Kind::TextTest(..)
            | Kind::Fact(_)
            | Kind::Guard(..)
            | Kind::IsMissing(_) => self.test(expr),
        }
    }

    /// What a node says of every row alike, if it does.
    pub fn known(&self, at: NodeId) -> Option<Option<bool>> {
        match &self.network.nodes[at as usize] {
            Node::Constant(truth) => Some(*truth),
            _ => None,
        }
    }

    pub fn not(&mut self, it: NodeId) -> NodeId {
        match &self.network.nodes[it as usize] {
            Node::Constant(truth) => {
                let truth = truth.map(|it| !it);
                self.constant(truth)
            }
            Node::Not(inner) => *inner,
            _ => self.add(Node::Not(it)),
        }
    }

    /// Flat, sorted, each part once; *and* of Kleene minds neither order nor repetition.
    fn all(&mut self, parts: Vec<NodeId>) -> NodeId {
        let mut flat = Vec::with_capacity(parts.len());
        for it in parts {
            match &self.network.nodes[it as usize] {
                Node::And(inner) => flat.extend(inner),
                Node::Constant(Some(true)) => {}
                Node::Constant(Some(false)) => return self.constant(Some(false)),
                _ => flat.push(it),
            }
        }
        self.joined(flat, Some(true), Node::And)
    }

    fn any(&mut self, parts: Vec<NodeId>) -> NodeId {
        let mut flat = Vec::with_capacity(parts.len());
        for it in parts {
            match &self.network.nodes[it as usize] {
                Node::Or(inner) => flat.extend(inner),
                Node::Constant(Some(false)) => {}
                Node::Constant(Some(true)) => return self.constant(Some(true)),
                _ => flat.push(it),
            }
        }
        self.joined(flat, Some(false), Node::Or)
    }

    fn joined(
        &mut self,
        mut parts: Vec<NodeId>,
        neutral: Option<bool>,
        node: fn(Vec<NodeId>) -> Node,
    ) -> NodeId {
        parts.sort_unstable();
        parts.dedup();
        match parts.as_slice() {
            [] => self.constant(neutral),
            [only] => *only,
            _ => self.add(node(parts)),
        }
    }

    fn at_least(&mut self, n: usize, mut parts: Vec<NodeId>) -> NodeId {
        if n == 0 {
            return self.constant(Some(true));
        }
        if parts.len() < n {
            return self.constant(Some(false));
        }
        // Order does not matter; repetition does.
        parts.sort_unstable();
        self.add(Node::AtLeast(n, parts))
    }
}
