//! Evaluates a network batch by batch: bitmaps, each shared node at most once, nothing that cannot
//! matter.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use datafusion::common::internal_err;
use datafusion::error::Result;

use crate::ir::RuleId;
use crate::plan::bits;
use crate::plan::bits::Bits;
use crate::plan::encoded;
use crate::plan::loaded::Columns;
use crate::plan::rule_set::Network;
use crate::plan::rule_set::Node;
use crate::plan::rule_set::NodeId;

/// Rows are judged in portions whose bitmaps stay in the cache of a core.
const PORTION: usize = 8_192;
/// Looking at single rows of a mask costs about this many rows of a whole column.
const SINGLE: usize = 4;
/// After this many portions the order of parts is thought over.
const RETHINK: u64 = 32;

/// The rows of a batch where a rule hits, and where it is undecided.
#[derive(Debug, Clone)]
pub struct RuleBits {
    pub rule: RuleId,
    pub hit: Vec<u64>,
    pub undecided: Vec<u64>,
}

/// The state of one partition. What it has learnt changes its speed, never its answers.
pub struct Evaluator {
    network: Arc<Network>,
    /// Where the columns of the network stand in batches.
    places: Vec<usize>,
    columns: Columns,
    full: Arc<Vec<u64>>,
    rows: usize,
    known: Vec<Option<Bits>>,
    filled: Vec<NodeId>,
    /// Rows asked of a shared node in this portion.
    asked: Vec<usize>,
    spare: Vec<Bits>,
    /// For *and*, then for *or*: rows that a part was asked for, and that it left open.
    effects: [Vec<Effect>; 2],
    orders: Vec<Vec<NodeId>>,
    ordered_at: Vec<u64>,
    portions: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Effect {
    asked: u64,
    left: u64,
}

const AND: usize = 0;
const OR: usize = 1;

impl Evaluator {
    /// Errors: a column that batches of this schema do not have, or of another type.
    pub fn new(network: Arc<Network>, schema: &Schema) -> Result<Evaluator> {
        let mut places = Vec::with_capacity(network.columns.len());
        for column in &network.columns {
            let at = schema.index_of(&column.name)?;
            let found = schema.field(at).data_type();
            let by_dictionary = column.shape.ty.is_textual() && encoded::is_encoded(found);
            if *found != column.shape.data_type() && !by_dictionary {
                return internal_err!("column {} is of another type", column.name);
            }
            places.push(at);
        }
        let nodes = network.nodes.len();
        let orders = network.nodes.iter().map(Node::parts).collect();
        Ok(Evaluator {
            network,
            places,
            columns: Columns::default(),
            full: Arc::default(),
            rows: 0,
            known: vec![None; nodes],
            filled: Vec::new(),
            asked: vec![0; nodes],
            spare: Vec::new(),
            effects: [vec![Effect::default(); nodes], vec![Effect::default(); nodes]],
            orders,
            ordered_at: vec![0; nodes],
            portions: 0,
        })
    }

    /// What each rule says of the rows of a batch, in the order of the rules.
    pub fn evaluate(&mut self, batch: &RecordBatch) -> Vec<RuleBits> {
        let network = self.network.clone();
        let empty = |it: &(RuleId, NodeId)| RuleBits {
            rule: it.0,
            hit: Vec::with_capacity(bits::words(batch.num_rows())),
            undecided: Vec::with_capacity(bits::words(batch.num_rows())),
        };
        let mut res: Vec<RuleBits> = network.roots.iter().map(empty).collect();
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = PORTION.min(batch.num_rows() - start);
            self.begin(batch, start, rows);
            let full = self.full.clone();
            let mut out = self.take();
            for ((_, root), res) in network.roots.iter().zip(&mut res) {
                self.node(&network, *root, &full, &mut out);
                res.hit.extend_from_slice(&out.yes);
                let open = out.maybe.iter().zip(&out.yes).map(|(maybe, yes)| maybe & !yes);
                res.undecided.extend(open);
            }
            self.spare.push(out);
            start += rows;
        }
        res
    }

    fn begin(&mut self, batch: &RecordBatch, start: usize, rows: usize) {
        let array = |at: &usize| -> ArrayRef { batch.column(*at).slice(start, rows) };
        self.columns.load(self.places.iter().map(array));
        if self.rows != rows {
            self.full = Arc::new(bits::full(rows));
        }
        self.rows = rows;
        self.portions += 1;
        for at in self.filled.drain(..) {
            self.spare.extend(self.known[at as usize].take());
        }
        self.asked.fill(0);
    }

    fn take(&mut self) -> Bits {
        self.spare.pop().unwrap_or_default()
    }

    /// The node on the rows of the mask; `out` is false on all others.
    fn node(&mut self, network: &Network, node: NodeId, mask: &[u64], out: &mut Bits) {
        let at = node as usize;
        if let Some(known) = &self.known[at] {
            return out.copy_within(known, mask);
        }
        let rows = bits::count(mask);
        if rows == 0 {
            return out.clear(mask.len());
        }
        if network.uses[at] < 2 {
            return self.compute(network, node, mask, rows, out);
        }
        self.asked[at] += rows * SINGLE;
        if self.asked[at] < self.rows {
            return self.compute(network, node, mask, rows, out);
        }
        let full = self.full.clone();
        let mut known = self.take();
        self.compute(network, node, &full, self.rows, &mut known);
        out.copy_within(&known, mask);
        self.known[at] = Some(known);
        self.filled.push(node);
    }

    fn compute(
        &mut self,
        network: &Network,
        node: NodeId,
        mask: &[u64],
        rows: usize,
        out: &mut Bits,
    ) {
        match &network.nodes[node as usize] {
            Node::Constant(truth) => out.set_all(*truth, mask),
            Node::Test(at) => {
                let dense = self.rows <= rows * SINGLE;
                self.columns.test(network, &network.tests[*at], mask, dense, out);
            }
            Node::And(_) => self.all(network, node, mask, rows, out),
            Node::Or(_) => self.any(network, node, mask, rows, out),
            Node::AtLeast(n, parts) => self.at_least(network, *n, parts, mask, out),
            Node::Not(it) => {
                self.node(network, *it, mask, out);
                for (at, mask) in mask.iter().enumerate() {
                    (out.yes[at], out.maybe[at]) = (mask & !out.maybe[at], mask & !out.yes[at]);
                }
            }
            Node::Established(it) => {
                self.node(network, *it, mask, out);
                out.maybe.clone_from(&out.yes);
            }
            Node::Unknown(it) => {
                self.node(network, *it, mask, out);
                for (yes, maybe) in out.yes.iter_mut().zip(&mut out.maybe) {
                    *maybe &= !*yes;
                    *yes = *maybe;
                }
            }
            Node::OrElse(left, right) => {
                self.node(network, *left, mask, out);
                let mut second = self.take();
                let unknown: Vec<u64> =
                    out.maybe.iter().zip(&out.yes).map(|(maybe, yes)| maybe & !yes).collect();
                self.node(network, *right, &unknown, &mut second);
                for (at, unknown) in unknown.iter().enumerate() {
                    out.yes[at] |= second.yes[at];
                    out.maybe[at] = (out.maybe[at] & !unknown) | second.maybe[at];
                }
                self.spare.push(second);
            }
        }
    }

    /// Only rows where no part was false yet are asked of the next.
    fn all(
        &mut self,
        network: &Network,
        node: NodeId,
        mask: &[u64],
        mut rows: usize,
        out: &mut Bits,
    ) {
        out.set_all(Some(true), mask);
        let order = self.order(network, node, AND);
        let mut part = self.take();
        for it in &order {
            self.node(network, *it, &out.maybe, &mut part);
            let mut left = 0;
            for at in 0..mask.len() {
                out.yes[at] &= part.yes[at];
                out.maybe[at] &= part.maybe[at];
                left += out.maybe[at].count_ones() as usize;
            }
            self.effects[AND][*it as usize].add(rows, left);
            rows = left;
            if rows == 0 {
                break;
            }
        }
        self.spare.push(part);
        self.orders[node as usize] = order;
    }

    /// Only rows where no part was true yet are asked of the next.
    fn any(
        &mut self,
        network: &Network,
        node: NodeId,
        mask: &[u64],
        mut rows: usize,
        out: &mut Bits,
    ) {
        out.clear(mask.len());
        let order = self.order(network, node, OR);
        let (mut part, mut rest) = (self.take(), self.take());
        rest.set_all(Some(true), mask);
        for it in &order {
            self.node(network, *it, &rest.yes, &mut part);
            let mut left = 0;
            for at in 0..mask.len() {
                out.yes[at] |= part.yes[at];
                out.maybe[at] |= part.maybe[at];
                rest.yes[at] &= !part.yes[at];
                left += rest.yes[at].count_ones() as usize;
            }
            self.effects[OR][*it as usize].add(rows, left);
            rows = left;
            if rows == 0 {
                break;
            }
        }
        self.spare.extend([part, rest]);
        self.orders[node as usize] = order;
    }

    /// `reached[n]`: at least *n* of the parts so far.
    fn at_least(
        &mut self,
        network: &Network,
        n: usize,
        parts: &[NodeId],
        mask: &[u64],
        out: &mut Bits,
    ) {
        let mut reached: Vec<Bits> = (0..=n).map(|_| self.take()).collect();
        for (count, it) in reached.iter_mut().enumerate() {
            it.set_all(Some(count == 0), mask);
        }
        for it in parts {
            self.node(network, *it, mask, out);
            for count in (1..=n).rev() {
                let (below, above) = reached.split_at_mut(count);
                let (below, above) = (&below[count - 1], &mut above[0]);
                for at in 0..mask.len() {
                    above.yes[at] |= below.yes[at] & out.yes[at];
                    above.maybe[at] |= below.maybe[at] & out.maybe[at];
                }
            }
        }
        out.copy_within(&reached[n], mask);
        self.spare.extend(reached);
    }

    /// The parts, those first that leave least open for what they cost.
    fn order(&mut self, network: &Network, node: NodeId, kind: usize) -> Vec<NodeId> {
        let at = node as usize;
        let mut order = std::mem::take(&mut self.orders[at]);
        let young = self.portions < RETHINK && self.portions.is_power_of_two();
        let due = young || self.portions.is_multiple_of(RETHINK);
        if due && self.ordered_at[at] != self.portions {
            self.ordered_at[at] = self.portions;
            let effects = &self.effects[kind];
            order.sort_by_key(|it| (effects[*it as usize].weight(cost(network, *it, 3)), *it));
        }
        order
    }
}

impl Effect {
    fn add(&mut self, asked: usize, left: usize) {
        self.asked += asked as u64;
        self.left += left as u64;
    }

    /// Cost by row that is settled; half of the rows as long as nothing is known.
    fn weight(self, cost: u64) -> u64 {
        let settled = self.asked - self.left + 1;
        cost.saturating_mul(1_000).saturating_mul(self.asked + 2) / settled
    }
}

/// Roughly, and not too deep.
fn cost(network: &Network, node: NodeId, depth: usize) -> u64 {
    match &network.nodes[node as usize] {
        Node::Test(at) => network.tests[*at].cost(),
        it if depth == 0 => it.parts().len() as u64,
        it => it.parts().iter().map(|it| cost(network, *it, depth - 1)).sum::<u64>() + 1,
    }
}
