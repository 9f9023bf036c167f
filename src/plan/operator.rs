//! The rule set as an operator of the engine: rows of facts in, hits and undecided rows out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use arrow::array::UInt8Array;
use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::DisplayAs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::PlanProperties;
use datafusion::physical_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use futures::stream;

use crate::ir::RuleId;
use crate::plan::bits;
use crate::plan::evaluate::Evaluator;
use crate::plan::evaluate::RuleBits;
use crate::plan::rule_set::Network;

/// The rule, as its place in the rule set.
pub const RULE: &str = "tamis.rule";
/// [`HIT`] or [`UNDECIDED`].
pub const OUTCOME: &str = "tamis.outcome";
pub const HIT: u8 = 1;
pub const UNDECIDED: u8 = 2;

/// At most so many rows in a batch that leaves.
const ROWS_OUT: usize = 8_192;

/// Hits and undecided rows of each rule of the rule set, over all partitions.
#[derive(Debug, Default)]
pub struct Counts {
    rules: Vec<[AtomicU64; 2]>,
}

impl Counts {
    /// For a rule set of so many rules.
    pub fn new(rules: usize) -> Counts {
        let mut all = Vec::new();
        all.resize_with(rules, Default::default);
        Counts { rules: all }
    }

    /// Hits and undecided rows by rule.
    pub fn totals(&self) -> Vec<(u64, u64)> {
        let total =
            |it: &[AtomicU64; 2]| (it[0].load(Ordering::Relaxed), it[1].load(Ordering::Relaxed));
        self.rules.iter().map(total).collect()
    }

    fn add(&self, all: &[RuleBits]) {
        for it in all {
            let Some(totals) = self.rules.get(it.rule.0) else { continue };
            for (total, mask) in totals.iter().zip([&it.hit, &it.undecided]) {
                total.fetch_add(bits::count(mask) as u64, Ordering::Relaxed);
            }
        }
    }
}

/// One row out for each row in and rule that hits or is undecided: batches as they came in for
/// rules that hit everywhere, then those of the others, by row, then by rule.
#[derive(Debug)]
pub struct RuleSetExec {
    input: Arc<dyn ExecutionPlan>,
    network: Arc<Network>,
    counts: Arc<Counts>,
    judged: Arc<AtomicU64>,
    count_only: bool,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl RuleSetExec {
    /// Over a physical plan of facts. With `count_only` no row leaves.
    ///
    /// Errors: columns of the network that the input does not have.
    pub fn try_new(
        input: Arc<dyn ExecutionPlan>,
        network: Arc<Network>,
        counts: Arc<Counts>,
        count_only: bool,
    ) -> Result<RuleSetExec> {
        Evaluator::new(network.clone(), &input.schema())?;
        let mut fields: Vec<Arc<Field>> = input.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(RULE, DataType::UInt32, false)));
        fields.push(Arc::new(Field::new(OUTCOME, DataType::UInt8, false)));
        let schema = Arc::new(Schema::new(fields));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            datafusion::physical_plan::Partitioning::UnknownPartitioning(
                input.output_partitioning().partition_count(),
            ),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        let properties = Arc::new(properties);
        let judged = Arc::default();
        Ok(RuleSetExec { input, network, counts, judged, count_only, schema, properties })
    }
}

impl RuleSetExec {
    /// How many rows came in so far.
    pub fn judged(&self) -> u64 {
        self.judged.load(Ordering::Relaxed)
    }
}

impl DisplayAs for RuleSetExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = &self.network;
        write!(
            f,
            "RuleSetExec: rules={}, tests={}, nodes={}, columns={}",
            it.roots.len(),
            it.tests.len(),
            it.nodes.len(),
            it.columns.len()
        )?;
        if self.count_only { write!(f, ", counts only") } else { Ok(()) }
    }
}

impl ExecutionPlan for RuleSetExec {
    fn name(&self) -> &str {
        "RuleSetExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = children.as_slice() else {
            return internal_err!("a rule set has one input, not {}", children.len());
        };
        let counts = self.counts.clone();
        let same =
            RuleSetExec::try_new(input.clone(), self.network.clone(), counts, self.count_only)?;
        Ok(Arc::new(RuleSetExec { judged: self.judged.clone(), ..same }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mode = datafusion::physical_plan::ChildrenPropertiesMode::Recompute;
        self.replace_children(children, ReplaceChildrenOptions::new(mode))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let state = State {
            input: self.input.execute(partition, context)?,
            evaluator: Evaluator::new(self.network.clone(), &self.input.schema())?,
            counts: self.counts.clone(),
            judged: self.judged.clone(),
            count_only: self.count_only,
            schema: self.schema.clone(),
            pending: None,
        };
        let batches = stream::try_unfold(state, |mut state| async move {
            Ok(state.next().await?.map(|batch| (batch, state)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches)))
    }
}

/// What one partition is at.
struct State {
    input: SendableRecordBatchStream,
    evaluator: Evaluator,
    counts: Arc<Counts>,
    judged: Arc<AtomicU64>,
    count_only: bool,
    schema: SchemaRef,
    pending: Option<Pending>,
}

/// Findings of a batch that have not all left yet.
struct Pending {
    batch: RecordBatch,
    /// Rules that hit in all rows.
    whole: Vec<RuleId>,
    /// Row, rule and outcome, in order.
    findings: Vec<(u32, u32, u8)>,
    next: usize,
}

impl State {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(pending) = &mut self.pending {
                if let Some(rule) = pending.whole.pop() {
                    return pending.whole(rule, &self.schema).map(Some);
                }
                if pending.next < pending.findings.len() {
                    return pending.leave(&self.schema).map(Some);
                }
                self.pending = None;
            }
            let Some(batch) = self.input.next().await else { return Ok(None) };
            let batch = batch?;
            let all = self.evaluator.evaluate(&batch);
            self.counts.add(&all);
            self.judged.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
            if !self.count_only {
                let rows = batch.num_rows();
                let (whole, rest): (Vec<RuleBits>, _) =
                    all.into_iter().partition(|it| bits::count(&it.hit) == rows);
                let whole = whole.into_iter().map(|it| it.rule).collect();
                self.pending =
                    Some(Pending { batch, whole, findings: findings(rows, &rest), next: 0 });
            }
        }
    }
}

/// The rule as it stands in a column.
fn place(it: RuleId) -> u32 {
    u32::try_from(it.0).unwrap_or(u32::MAX)
}

impl Pending {
    fn whole(&self, rule: RuleId, schema: &SchemaRef) -> Result<RecordBatch> {
        let rows = self.batch.num_rows();
        let mut columns = self.batch.columns().to_vec();
        columns.push(Arc::new(UInt32Array::from_value(place(rule), rows)));
        columns.push(Arc::new(UInt8Array::from_value(HIT, rows)));
        Ok(RecordBatch::try_new(schema.clone(), columns)?)
    }

    fn leave(&mut self, schema: &SchemaRef) -> Result<RecordBatch> {
        let end = self.findings.len().min(self.next + ROWS_OUT);
        let leaving = &self.findings[self.next..end];
        self.next = end;
        let rows = UInt32Array::from_iter_values(leaving.iter().map(|it| it.0));
        let taken = take_record_batch(&self.batch, &rows)?;
        let mut columns = taken.columns().to_vec();
        columns.push(Arc::new(UInt32Array::from_iter_values(leaving.iter().map(|it| it.1))));
        columns.push(Arc::new(UInt8Array::from_iter_values(leaving.iter().map(|it| it.2))));
        Ok(RecordBatch::try_new(schema.clone(), columns)?)
    }
}

/// By row, then by rule: rules come in order, so counting rows sorts them.
fn findings(rows: usize, all: &[RuleBits]) -> Vec<(u32, u32, u8)> {
    let mut starts = vec![0_usize; rows + 1];
    for it in all {
        bits::each(&it.hit, |at| starts[at + 1] += 1);
        bits::each(&it.undecided, |at| starts[at + 1] += 1);
    }
    for at in 0..rows {
        starts[at + 1] += starts[at];
    }
    let mut res = vec![(0, 0, 0); starts[rows]];
    for it in all {
        let rule = place(it.rule);
        for (mask, outcome) in [(&it.hit, HIT), (&it.undecided, UNDECIDED)] {
            bits::each(mask, |at| {
                res[starts[at]] = (u32::try_from(at).unwrap_or(u32::MAX), rule, outcome);
                starts[at] += 1;
            });
        }
    }
    res
}
