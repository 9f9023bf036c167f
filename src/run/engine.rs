//! DataFusion runs the plan: facts and the rule set; what is found goes into sinks of ours.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use futures::stream;

use crate::data::Table;
use crate::data::scan::Scan;
use crate::disk;
use crate::disk::temporary;
use crate::interpret::row;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::plan;
use crate::plan::Facts;
use crate::plan::operator;
use crate::plan::operator::Counts;
use crate::plan::operator::RuleSetExec;
use crate::plan::session;
use crate::run::Again;
use crate::run::Counted;
use crate::run::Level;
use crate::run::Opened;
use crate::run::Options;
use crate::run::past;
use crate::run::past::Found;
use crate::run::past::held::Held;
use crate::run::sink::Sink;
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

fn column<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> datafusion::error::Result<&'a arrow::array::ArrayRef> {
    batch
        .column_by_name(name)
        .ok_or_else(|| DataFusionError::Internal(format!("there is no column {name}")))
}

/// Of a thread that evaluates.
const STACK: usize = 32 << 20;

/// Whether the system lets so many threads be at once: where one cannot be started, those that were
/// would wait for ever.
///
/// Errors: how many there can be.
fn can_start(threads: usize) -> Result<(), Trouble> {
    let gate = Mutex::new(());
    let closed = gate.lock();
    let started = std::thread::scope(|scope| {
        let start = |_: &usize| {
            let thread = std::thread::Builder::new().stack_size(STACK);
            thread.spawn_scoped(scope, || drop(gate.lock())).is_ok()
        };
        let started = (0..threads).take_while(start).count();
        drop(closed);
        started
    });
    if started == threads {
        return Ok(());
    }
    let message = format!("only {started} of {threads} threads can be started");
    Err(Trouble::resource(message).help("name fewer with `--threads`, or allow the process more"))
}

/// Runs the rules of each level over the rows of its own record. Says hits and undecided by rule,
/// judged rows by level, and with lines what was found.
pub fn run(
    set: &RuleSet,
    opened: &Opened,
    with_lines: bool,
    options: &Options,
) -> Result<Counted, Again> {
    can_start(options.threads.max(1))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .thread_stack_size(STACK)
        .build()
        .map_err(|_| Trouble::resource("no threads can be started"))?;
    let context = session(options)?;
    let counts = Arc::new(Counts::new(set.rules.len()));
    let mut sink = with_lines.then(|| Sink::new(set, &opened.keys, options, 1));
    let mut rows = BTreeMap::new();
    runtime.block_on(async {
        for Level { record, rules, source } in opened.judged(set) {
            let table = &source.table;
            // Rows that are counted here already are counted nowhere else.
            let once = (!with_lines).then(|| table.tally.clone());
            let wanted = past::Level { record, rules: &rules, once };
            let found = past::found(set, opened, &wanted, &context, options).await?;
            options.pace.enter("evaluating", table.rows(), &table.tally);
            let judged = Judged { source: &source, found: found.as_ref() };
            let Facts { plan, network } =
                logical(set, &rules, &judged, record, !with_lines, options).map_err(trouble)?;
            let facts = context.state().create_physical_plan(&plan).await.map_err(trouble)?;
            let findings = RuleSetExec::try_new(facts, network, counts.clone(), !with_lines);
            let findings = Arc::new(findings.map_err(trouble)?);
            // Levels one after the other: what one of them holds is gone before the next.
            match &mut sink {
                None => counted(findings.clone(), &context).await?,
                Some(sink) => {
                    gathered(set, opened, findings.clone(), &context, options, sink).await?;
                }
            }
            source.holds()?;
            rows.insert(record, findings.judged());
        }
        Ok::<_, Again>(())
    })?;
    Ok(Counted { rules: counts.totals(), rows, found: sink })
}

async fn counted(findings: Arc<RuleSetExec>, context: &SessionContext) -> Result<(), Trouble> {
    let streams = execute_stream_partitioned(findings, context.task_ctx()).map_err(trouble)?;
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
    Ok(())
}

/// All findings of a level, each partition into a place of its own.
async fn gathered(
    set: &RuleSet,
    opened: &Opened,
    findings: Arc<RuleSetExec>,
    context: &SessionContext,
    options: &Options,
    sink: &mut Sink,
) -> Result<(), Trouble> {
    let columns = row::columns(set, &findings.schema());
    let streams = execute_stream_partitioned(findings, context.task_ctx()).map_err(trouble)?;
    let parts = streams.len();
    let gather = |mut it: SendableRecordBatchStream| {
        let mut own = Sink::new(set, &opened.keys, options, parts);
        let columns = columns.clone();
        tokio::spawn(async move {
            while let Some(batch) = it.try_next().await.map_err(trouble)? {
                let rules = column(&batch, operator::RULE).map_err(trouble)?;
                own.add(&columns, &batch, rules)?;
            }
            Ok::<_, Trouble>(own)
        })
    };
    let tasks: Vec<_> = streams.into_iter().map(gather).collect();
    for task in tasks {
        sink.absorb(task.await.map_err(|_| Trouble::bug("a worker stopped"))??)?;
    }
    Ok(())
}

fn session(options: &Options) -> Result<SessionContext, Trouble> {
    let options = session::Options {
        partitions: options.threads,
        batch_size: options.batch_size,
        memory_limit: options.memory_limit.map(|it| it / 2),
        spill: options.spill.clone(),
        optimise: options.optimise,
    };
    session::session(&options).map_err(trouble)
}

/// The rows that rules judge, and what is known of them.
struct Judged<'a> {
    source: &'a Source,
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
        None => rows_of(set, judged.source, level, options)?,
        Some(Found { store, held }) => {
            let rows = match held {
                Some(held) => held_rows(held, options)?,
                None => rows_of(set, &judged.numbered(), level, options)?,
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
    fn numbered(&self) -> Source {
        Source { table: Arc::new(self.source.table.numbered(0)), ..self.source.clone() }
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
        return scan(&Arc::new(table.encoded()), options);
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
    let Some(own) = opened.levels.iter().find(|it| it.record == level) else {
        return Err(Trouble::bug("a level without rows"));
    };
    let wanted = past::Level { record: level, rules, once: None };
    let found =
        runtime.block_on(async { past::found(set, opened, &wanted, &context, options).await });
    let found = found.or_else(|it| match it {
        Again::Settled => Ok(None),
        Again::Trouble(it) => Err(it),
    })?;
    let judged = Judged { source: &own.source, found: found.as_ref() };
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
        DataFusionError::ResourcesExhausted(_) => {
            Trouble::resource("the memory limit is reached while rows of one key are put together")
                .help("allow more with `--memory-limit`: the rules of outer records need it")
        }
        DataFusionError::Shared(inner) => match Arc::try_unwrap(inner) {
            Ok(inner) => trouble(inner),
            Err(_) => Trouble::bug("the engine stopped"),
        },
        other => match system_reason(&other) {
            Some(reason) => disk_trouble(&reason),
            None => {
                Trouble::bug(format!("the engine refused the plan: {}", other.strip_backtrace()))
            }
        },
    }
}

/// What the system said, wherever libraries have put it. Files of data have troubles of their own.
fn system_reason(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(it) = next {
        let system = it.downcast_ref::<std::io::Error>();
        let system = system.or_else(|| match it.downcast_ref::<ArrowError>() {
            Some(ArrowError::IoError(_, it)) => Some(it),
            _ => None,
        });
        let system = system.or_else(|| match it.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::IoError(it)) => Some(it),
            _ => None,
        });
        if let Some(it) = system {
            return Some(disk::reason(it));
        }
        let inner = match it.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::ArrowError(it, _)) => {
                Some(it.as_ref() as &(dyn std::error::Error + 'static))
            }
            _ => None,
        };
        next = inner.or_else(|| it.source());
    }
    None
}

/// Rows that are sorted do not find room on disk.
fn disk_trouble(reason: &str) -> Trouble {
    let place = temporary::place().map(|it| format!("{}: ", it.display())).unwrap_or_default();
    Trouble::resource(format!("{place}rows to be sorted cannot be put there: {reason}")).help(
        "make room there, or allow more memory with `--memory-limit`; no output was written, what \
         stood there before is as it was",
    )
}
