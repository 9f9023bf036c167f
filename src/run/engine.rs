//! DataFusion runs the plan: facts, the rule set, and the lines in their order.

use std::fmt;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::prelude::SessionContext;
use futures::Stream;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream;
use futures::stream::BoxStream;

use crate::data::Table;
use crate::data::scan::Scan;
use crate::interpret::Row;
use crate::interpret::row;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::plan;
use crate::plan::Facts;
use crate::plan::operator;
use crate::plan::operator::Counts;
use crate::plan::operator::RuleSetExec;
use crate::plan::session;
use crate::run::Opened;
use crate::run::Options;
use crate::run::Receiver;
use crate::run::lines;
use crate::run::lines::Line;
use crate::run::lines::Lines;
use crate::run::past;
use crate::run::past::Found;
use crate::run::past::held::Held;
use crate::run::source::Source;
use crate::schema::RecordId;
use crate::trouble::Trouble;

/// One reader of a table.
struct Reader {
    scan: Arc<Scan>,
    schema: SchemaRef,
    part: usize,
    parts: usize,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reader {} of {}", self.part + 1, self.parts)
    }
}

impl PartitionStream for Reader {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = self.scan.clone().batches(self.part, self.parts);
        let batches = batches.map(|it| it.map_err(|it| DataFusionError::External(Box::new(it))));
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream::iter(batches)))
    }
}

/// Lines in a batch on their way through the sort, whatever the size of batches of rows.
const SORTED: usize = 8_192;

/// A partition of findings as lines.
#[derive(Debug)]
struct Explained {
    context: Arc<TaskContext>,
    findings: Arc<RuleSetExec>,
    partition: usize,
    lines: Arc<Lines>,
    set: Arc<RuleSet>,
}

impl PartitionStream for Explained {
    fn schema(&self) -> &SchemaRef {
        self.lines.schema()
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = self.lines.schema().clone();
        let findings = match self.findings.execute(self.partition, self.context.clone()) {
            Ok(it) => it,
            Err(error) => {
                let failed = stream::once(async { Err(error) });
                return Box::pin(RecordBatchStreamAdapter::new(schema, failed));
            }
        };
        let (lines, set) = (self.lines.clone(), self.set.clone());
        let columns = row::columns(&set, &findings.schema());
        let batches = findings.map(move |batch| {
            let batch = batch?;
            let rules = column(&batch, operator::RULE)?;
            let rules = rules.as_primitive::<UInt32Type>();
            let rows: Vec<Row> =
                (0..batch.num_rows()).map(|at| row::row(&set, &columns, &batch, at)).collect();
            let line = |(at, row)| Line { row, rule: RuleId(rules.value(at) as usize) };
            lines
                .batch(rows.iter().enumerate().map(line))
                .map_err(|it| DataFusionError::External(Box::new(it)))
        });
        let batches = coalesced(schema.clone(), Box::pin(batches));
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

/// Batches of a size that sorts well, however few lines each batch of rows gave.
fn coalesced(
    schema: SchemaRef,
    input: BoxStream<'static, datafusion::error::Result<RecordBatch>>,
) -> impl Stream<Item = datafusion::error::Result<RecordBatch>> {
    let state = (BatchCoalescer::new(schema, SORTED), Some(input));
    stream::try_unfold(state, |(mut whole, mut input)| async move {
        loop {
            if let Some(batch) = whole.next_completed_batch() {
                return Ok(Some((batch, (whole, input))));
            }
            let Some(open) = &mut input else { return Ok(None) };
            match open.try_next().await? {
                Some(batch) => whole.push_batch(batch)?,
                None => {
                    whole.finish_buffered_batch()?;
                    input = None;
                }
            }
        }
    })
}

fn column<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> datafusion::error::Result<&'a arrow::array::ArrayRef> {
    batch
        .column_by_name(name)
        .ok_or_else(|| DataFusionError::Internal(format!("there is no column {name}")))
}

/// Runs the rules of each level: those of the innermost over rows, those of an outer one over one
/// row a key. Says hits and undecided by rule; `out` gets the lines in order.
pub fn run(
    set: &RuleSet,
    opened: &Opened,
    out: Option<Receiver>,
    options: &Options,
) -> Result<Vec<(u64, u64)>, Trouble> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .thread_stack_size(32 << 20)
        .build()
        .map_err(|_| Trouble::resource("no threads can be started"))?;
    let context = session(options)?;
    let counts = Arc::new(Counts::new(set.rules.len()));
    let mut levels: Vec<Arc<RuleSetExec>> = Vec::new();
    runtime.block_on(async {
        for (level, rules) in opened.levels(set) {
            let own = opened.outer.as_ref().filter(|_| level != opened.inner);
            let table = match own {
                Some(outer) => Arc::new(outer.again()),
                None if levels.is_empty() => opened.table.clone(),
                None => Arc::new(opened.table.again()),
            };
            // Rows that are counted here already are counted nowhere else.
            let once = out.is_none().then(|| table.tally.clone());
            let wanted = past::Level { record: level, rules: &rules, once };
            let found = past::found(set, opened, &wanted, &context, options).await?;
            options.pace.enter("evaluating", table.rows(), &table.tally);
            let judged = Judged { table, merged: level != opened.inner, found: found.as_ref() };
            let Facts { plan, network } =
                logical(set, &rules, &judged, level, out.is_none(), options).map_err(trouble)?;
            let facts = context.state().create_physical_plan(&plan).await.map_err(trouble)?;
            let findings = RuleSetExec::try_new(facts, network, counts.clone(), out.is_none());
            levels.push(Arc::new(findings.map_err(trouble)?));
        }
        match out {
            None => counted(&levels, &context).await,
            Some(out) => {
                let lines = Arc::new(Lines::new(set, opened.inner));
                let set = Arc::new(set.clone());
                let plan = in_order(&levels, &lines, &set, &context).map_err(trouble)?;
                let config = context.copied_config().with_batch_size(SORTED);
                let sorting = SessionContext::new_with_config_rt(config, context.runtime_env());
                let mut all = execute_stream(plan, sorting.task_ctx()).map_err(trouble)?;
                while let Some(batch) = all.next().await {
                    out(&batch.map_err(trouble)?)?;
                }
                Ok(())
            }
        }
    })?;
    Ok(counts.totals())
}

async fn counted(levels: &[Arc<RuleSetExec>], context: &SessionContext) -> Result<(), Trouble> {
    for level in levels {
        let level: Arc<dyn ExecutionPlan> = level.clone();
        let streams = execute_stream_partitioned(level, context.task_ctx()).map_err(trouble)?;
        let drain = |mut it: SendableRecordBatchStream| {
            tokio::spawn(async move {
                while it.try_next().await?.is_some() {}
                Ok(())
            })
        };
        let tasks: Vec<_> = streams.into_iter().map(drain).collect();
        for task in tasks {
            task.await.map_err(|_| Trouble::bug("a worker stopped"))?.map_err(trouble)?;
        }
    }
    Ok(())
}

/// All partitions of all levels, sorted apart and merged; what does not fit into memory is spilled.
fn in_order(
    levels: &[Arc<RuleSetExec>],
    lines: &Arc<Lines>,
    set: &Arc<RuleSet>,
    context: &SessionContext,
) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    let mut partitions: Vec<Arc<dyn PartitionStream>> = Vec::new();
    for findings in levels {
        for partition in 0..findings.properties().partitioning.partition_count() {
            partitions.push(Arc::new(Explained {
                context: context.task_ctx(),
                findings: findings.clone(),
                partition,
                lines: lines.clone(),
                set: set.clone(),
            }));
        }
    }
    let schema = lines.schema().clone();
    let input = StreamingTableExec::try_new(schema.clone(), partitions, None, [], false, None)?;
    let by = |at: usize| {
        let column = Arc::new(Column::new(schema.field(at).name(), at));
        PhysicalSortExpr::new(column, lines::ORDER)
    };
    let Some(order) = LexOrdering::new(lines.order().into_iter().map(by)) else {
        return Err(DataFusionError::Internal("lines have no order".to_owned()));
    };
    let sorted = SortExec::new(order.clone(), Arc::new(input)).with_preserve_partitioning(true);
    Ok(Arc::new(SortPreservingMergeExec::new(order, Arc::new(sorted))))
}

fn session(options: &Options) -> Result<SessionContext, Trouble> {
    let options = session::Options {
        partitions: options.threads,
        batch_size: options.batch_size,
        memory_limit: options.memory_limit,
        spill: options.spill.clone(),
        optimise: options.optimise,
    };
    session::session(&options).map_err(trouble)
}

/// The rows that rules judge, and what is known of them.
struct Judged<'a> {
    table: Arc<Table>,
    merged: bool,
    found: Option<&'a Found>,
}

fn logical(
    set: &RuleSet,
    rules: &[RuleId],
    judged: &Judged,
    level: RecordId,
    counted: bool,
    options: &Options,
) -> datafusion::error::Result<Facts> {
    let rows = match judged.found {
        None => rows_of(set, &judged.source(false), level, options)?,
        Some(Found { store, held }) => {
            let rows = match held {
                Some(held) => held_rows(held, options)?,
                None => rows_of(set, &judged.source(true), level, options)?,
            };
            let stored = rows.schema().iter().map(|it| {
                datafusion::logical_expr::Expr::Column(datafusion::common::Column::from(it))
            });
            let columns: Vec<_> = stored.chain(store.columns()).collect();
            LogicalPlanBuilder::from(rows).project(columns)?.build()?
        }
    };
    let Facts { plan, network } = plan::facts(set, level, rules, rows)?;
    // Where rows are only counted, nothing explains them.
    if !counted || network.columns.is_empty() {
        return Ok(Facts { plan, network });
    }
    let needed: Vec<_> = network.columns.iter().map(|it| plan::column(&it.name)).collect();
    let plan = LogicalPlanBuilder::from(plan).project(needed)?.build()?;
    Ok(Facts { plan, network })
}

impl Judged<'_> {
    fn source(&self, numbered: bool) -> Source {
        let table = &self.table;
        let table = if numbered { Arc::new(table.numbered(0)) } else { table.clone() };
        Source { table, merged: self.merged, outer: None }
    }
}

fn held_rows(held: &Held, options: &Options) -> datafusion::error::Result<LogicalPlan> {
    let parts = options.threads.max(1);
    let reader = |part| Arc::new(held.reader(part, parts, options.batch_size)) as Partition;
    streamed(held.schema(), (0..parts).map(reader).collect())
}

/// The rows of a record: those of its files, or one for each key of a flat extract.
pub fn rows_of(
    set: &RuleSet,
    source: &Source,
    record: RecordId,
    options: &Options,
) -> datafusion::error::Result<LogicalPlan> {
    let table = &source.table;
    if !source.merged {
        let encoded = table.encoded().map_err(|it| DataFusionError::External(Box::new(it)))?;
        return scan(&Arc::new(encoded), options);
    }
    let scan = scan(table, options)?;
    let lineage = set.schema.lineage(record);
    let is_key = |name: &&String| {
        lineage.iter().any(|record| {
            let it = set.schema.record(*record);
            it.key.iter().any(|field| **name == format!("{}.{}", it.name, it.fields[*field].name))
        })
    };
    let visible = table.columns.iter().filter(|it| lineage.contains(&it.record));
    let kept: Vec<String> = visible.map(|it| row::column_name(&set.schema, *it)).collect();
    let (keys, others): (Vec<String>, Vec<String>) = kept.into_iter().partition(|it| is_key(&it));
    plan::one_row_each(scan, &keys, &others)
}

type Partition = Arc<dyn PartitionStream>;

fn scan(table: &Arc<Table>, options: &Options) -> datafusion::error::Result<LogicalPlan> {
    let parts = options.threads.max(1);
    let scan = Arc::new(Scan::new(table, options.batch_size, true));
    let partitions = (0..parts).map(|part| {
        let reader = Reader { scan: scan.clone(), schema: table.arrow.clone(), part, parts };
        Arc::new(reader) as Partition
    });
    streamed(&table.arrow, partitions.collect())
}

fn streamed(
    schema: &SchemaRef,
    partitions: Vec<Partition>,
) -> datafusion::error::Result<LogicalPlan> {
    let provider = StreamingTable::try_new(schema.clone(), partitions)?;
    let source = provider_as_source(Arc::new(provider));
    let plan = LogicalPlanBuilder::scan("data", source, None)?;
    // Names of columns hold a dot of their own: take the table's name off them.
    let columns = schema.fields().iter().map(|it| {
        let qualified = datafusion::common::Column::new(Some("data"), it.name());
        datafusion::logical_expr::Expr::Column(qualified).alias(it.name())
    });
    plan.project(columns.collect::<Vec<_>>())?.build()
}

/// The plans of a rule set as text, logical then physical.
///
/// Errors: a plan that the engine refuses.
pub fn print(
    set: &RuleSet,
    rules: &[RuleId],
    level: RecordId,
    opened: &Opened,
    options: &Options,
) -> Result<String, Trouble> {
    let context = session(options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|_| Trouble::resource("no threads can be started"))?;
    let own = opened.outer.as_ref().filter(|_| level != opened.inner);
    let table = own.unwrap_or(&opened.table).clone();
    let wanted = past::Level { record: level, rules, once: None };
    let found =
        runtime.block_on(async { past::found(set, opened, &wanted, &context, options).await })?;
    let judged = Judged { table, merged: level != opened.inner, found: found.as_ref() };
    let Facts { plan, network } =
        logical(set, rules, &judged, level, false, options).map_err(trouble)?;
    let facts: Arc<dyn ExecutionPlan> = runtime
        .block_on(async { context.state().create_physical_plan(&plan).await })
        .map_err(trouble)?;
    let counts = Arc::new(Counts::new(set.rules.len()));
    let findings = RuleSetExec::try_new(facts, network, counts, false).map_err(trouble)?;
    session::print(&context, &plan, &findings).map_err(trouble)
}

/// Our own troubles come back from the engine as they went in; its texts are not shown.
pub fn trouble(error: DataFusionError) -> Trouble {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Trouble>() {
            Ok(it) => *it,
            Err(_) => Trouble::bug("the engine stopped"),
        },
        DataFusionError::Context(_, inner) => trouble(*inner),
        DataFusionError::ResourcesExhausted(_) => Trouble::resource("the memory limit is reached")
            .help("allow more with `--memory-limit`, or take fewer `--threads`"),
        DataFusionError::Shared(inner) => match Arc::try_unwrap(inner) {
            Ok(inner) => trouble(inner),
            Err(_) => Trouble::bug("the engine stopped"),
        },
        other => Trouble::bug(format!("the engine refused the plan: {}", other.strip_backtrace())),
    }
}
