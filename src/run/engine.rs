//! DataFusion runs the plan: files as partitions, one Boolean column a rule.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::displayable;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::SessionConfig;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use futures::stream;

use crate::data::Table;
use crate::interpret::row;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::plan;
use crate::run::Done;
use crate::run::Line;
use crate::run::Options;
use crate::run::lines_of;
use crate::schema::RecordId;
use crate::trouble::Trouble;

/// Some files of a table, as one partition of a scan.
struct Files {
    table: Arc<Table>,
    files: Vec<usize>,
    batch_size: usize,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} files", self.files.len())
    }
}

impl PartitionStream for Files {
    fn schema(&self) -> &SchemaRef {
        &self.table.arrow
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (table, batch_size) = (self.table.clone(), self.batch_size);
        let batches =
            self.files.clone().into_iter().flat_map(move |file| table.read(file, batch_size));
        let batches = batches.map(|it| it.map_err(|it| DataFusionError::External(Box::new(it))));
        Box::pin(RecordBatchStreamAdapter::new(self.table.arrow.clone(), stream::iter(batches)))
    }
}

/// Runs the rules of each level: those of the innermost over rows, those of an outer one over one
/// row a key.
pub fn run(
    set: &RuleSet,
    rules: &[RuleId],
    table: &Arc<Table>,
    inner: RecordId,
    with_lines: bool,
    options: &Options,
    done: &mut Done,
) -> Result<(), Trouble> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .thread_stack_size(32 << 20)
        .build()
        .map_err(|_| Trouble::resource("no threads can be started"))?;
    let context = session(options);
    let mut first = true;
    for level in set.schema.lineage(inner) {
        let at_level: Vec<RuleId> =
            rules.iter().copied().filter(|it| set.rules[it.0].level == level).collect();
        // Rows are counted once, also when no rule judges the innermost level.
        if at_level.is_empty() && !(first && level != inner) {
            continue;
        }
        let fresh;
        let table = if first {
            table
        } else {
            fresh = Arc::new(table.again());
            &fresh
        };
        first = false;
        let plan = logical(set, &at_level, table, level, inner, options).map_err(trouble)?;
        runtime.block_on(async {
            let physical = context.state().create_physical_plan(&plan).await.map_err(trouble)?;
            let streams =
                execute_stream_partitioned(physical, context.task_ctx()).map_err(trouble)?;
            let tasks = streams.into_iter().map(|stream| {
                let (set, rules) = (set.clone(), at_level.clone());
                tokio::spawn(async move { consume(&set, &rules, inner, stream, with_lines).await })
            });
            for task in tasks.collect::<Vec<_>>() {
                let part = task.await.map_err(|_| Trouble::bug("a worker stopped"))??;
                for (total, (hits, undecided)) in done.counts.iter_mut().zip(part.counts) {
                    *total = (total.0 + hits, total.1 + undecided);
                }
                done.lines.extend(part.lines);
            }
            Ok::<(), Trouble>(())
        })?;
    }
    Ok(())
}

fn session(options: &Options) -> SessionContext {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.threads.max(1))
        .with_batch_size(options.batch_size)
        .with_collect_statistics(false);
    let optimizer = &mut config.options_mut().optimizer;
    optimizer.enable_dynamic_filter_pushdown = false;
    optimizer.skip_failed_rules = false;
    let mut builder = SessionStateBuilder::new().with_config(config).with_default_features();
    if !options.optimise {
        builder = builder.with_optimizer_rules(Vec::new());
    }
    SessionContext::new_with_state(builder.build())
}

fn logical(
    set: &RuleSet,
    rules: &[RuleId],
    table: &Arc<Table>,
    level: RecordId,
    inner: RecordId,
    options: &Options,
) -> datafusion::error::Result<LogicalPlan> {
    let scan = scan(table, options)?;
    let names = |records: &[RecordId]| -> Vec<String> {
        let visible = table.columns.iter().filter(|it| records.contains(&it.record));
        visible.map(|it| row::column_name(&set.schema, *it)).collect()
    };
    let lineage = set.schema.lineage(level);
    let kept = names(&lineage);
    if level == inner {
        return plan::outcomes(set, rules, scan, &kept);
    }
    let is_key = |name: &&String| {
        lineage.iter().any(|record| {
            let it = set.schema.record(*record);
            it.key.iter().any(|field| **name == format!("{}.{}", it.name, it.fields[*field].name))
        })
    };
    let (keys, others): (Vec<String>, Vec<String>) =
        kept.iter().cloned().partition(|it| is_key(&it));
    let grouped = plan::one_row_each(scan, &keys, &others)?;
    plan::outcomes(set, rules, grouped, &kept)
}

fn scan(table: &Arc<Table>, options: &Options) -> datafusion::error::Result<LogicalPlan> {
    let parts = options.threads.clamp(1, table.files.len().max(1));
    let partitions = (0..parts).map(|part| {
        let files = (0..table.files.len()).filter(|it| it % parts == part).collect();
        let files = Files { table: table.clone(), files, batch_size: options.batch_size };
        Arc::new(files) as Arc<dyn PartitionStream>
    });
    let provider = StreamingTable::try_new(table.arrow.clone(), partitions.collect())?;
    let source = provider_as_source(Arc::new(provider));
    let plan = LogicalPlanBuilder::scan("data", source, None)?;
    // Names of columns hold a dot of their own: take the table's name off them.
    let columns = table.arrow.fields().iter().map(|it| {
        let qualified = datafusion::common::Column::new(Some("data"), it.name());
        datafusion::logical_expr::Expr::Column(qualified).alias(it.name())
    });
    plan.project(columns.collect::<Vec<_>>())?.build()
}

/// The plans of a rule set as text, logical then physical.
pub fn print(
    set: &RuleSet,
    rules: &[RuleId],
    table: &Arc<Table>,
    inner: RecordId,
    options: &Options,
) -> Result<String, Trouble> {
    let context = session(options);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|_| Trouble::resource("no threads can be started"))?;
    let level = rules.first().map_or(inner, |it| set.rules[it.0].level);
    let plan = logical(set, rules, table, level, inner, options).map_err(trouble)?;
    let optimised = context.state().optimize(&plan).map_err(trouble)?;
    let physical: Arc<dyn ExecutionPlan> = runtime
        .block_on(async { context.state().create_physical_plan(&plan).await })
        .map_err(trouble)?;
    Ok(format!(
        "logical plan\n{}\n\nphysical plan\n{}",
        optimised.display_indent(),
        displayable(physical.as_ref()).indent(false)
    ))
}

#[derive(Default)]
struct Part {
    counts: Vec<(u64, u64)>,
    lines: Vec<Line>,
}

async fn consume(
    set: &RuleSet,
    rules: &[RuleId],
    inner: RecordId,
    mut stream: SendableRecordBatchStream,
    with_lines: bool,
) -> Result<Part, Trouble> {
    let mut part = Part { counts: vec![(0, 0); set.rules.len()], lines: Vec::new() };
    while let Some(batch) = stream.next().await {
        outcomes(set, rules, inner, &batch.map_err(trouble)?, with_lines, &mut part)?;
    }
    Ok(part)
}

fn outcomes(
    set: &RuleSet,
    rules: &[RuleId],
    inner: RecordId,
    batch: &RecordBatch,
    with_lines: bool,
    part: &mut Part,
) -> Result<(), Trouble> {
    let columns = row::columns(&set.schema, &batch.schema());
    let mut by_row: Vec<Vec<RuleId>> =
        vec![Vec::new(); if with_lines { batch.num_rows() } else { 0 }];
    for rule in rules {
        let name = plan::outcome_column(set, *rule);
        let column =
            batch.column_by_name(&name).ok_or_else(|| Trouble::bug(format!("no column {name}")))?;
        let outcome = column.as_boolean();
        let hits = outcome.true_count() as u64;
        let undecided = outcome.null_count() as u64;
        let total = &mut part.counts[rule.0];
        *total = (total.0 + hits, total.1 + undecided);
        if !with_lines || hits + undecided == 0 {
            continue;
        }
        for (at, rules) in by_row.iter_mut().enumerate() {
            if outcome.is_null(at) || outcome.value(at) {
                rules.push(*rule);
            }
        }
    }
    for (at, rules) in by_row.iter().enumerate().filter(|it| !it.1.is_empty()) {
        part.lines.extend(lines_of(set, &columns, batch, at, rules, inner));
    }
    Ok(())
}

/// Our own troubles come back from the engine as they went in; its texts are not shown.
fn trouble(error: DataFusionError) -> Trouble {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Trouble>() {
            Ok(it) => *it,
            Err(_) => Trouble::bug("the engine stopped"),
        },
        DataFusionError::Context(_, inner) => trouble(*inner),
        DataFusionError::ResourcesExhausted(_) => Trouble::resource("the memory limit is reached"),
        other => Trouble::bug(format!("the engine refused the plan: {}", other.strip_backtrace())),
    }
}
