//! The engine's settings: everything off that could change a result or hide a failure.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::memory_pool::TrackConsumersPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::displayable;
use datafusion::prelude::SessionConfig;
use datafusion::prelude::SessionContext;

use crate::disk;
use crate::disk::temporary::TemporaryFolder;
use crate::trouble::Trouble;

/// None of it changes what comes out.
#[derive(Debug, Clone)]
pub struct Options {
    pub partitions: usize,
    pub batch_size: usize,
    /// In bytes.
    pub memory_limit: Option<usize>,
    /// Where a folder is made for what does not fit; in the system's place when absent.
    pub spill: Option<PathBuf>,
    /// Without it plans run as they were written: for tests.
    pub optimise: bool,
}

/// How many consumers of memory an error names.
const NAMED: NonZeroUsize = NonZeroUsize::new(5).expect("five is not zero");

/// A fresh session, with an environment of its own.
///
/// Errors: a place for spilling that cannot be used.
pub fn session(options: &Options) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.partitions.max(1))
        .with_batch_size(options.batch_size.max(1))
        .with_collect_statistics(false);
    let all = config.options_mut();
    all.execution.parquet.schema_force_view_types = false;
    all.sql_parser.map_string_types_to_utf8view = false;
    let optimizer = &mut all.optimizer;
    optimizer.enable_dynamic_filter_pushdown = false;
    optimizer.enable_topk_dynamic_filter_pushdown = false;
    optimizer.enable_join_dynamic_filter_pushdown = false;
    optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    optimizer.skip_failed_rules = false;
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(limit) = options.memory_limit {
        let pool = TrackConsumersPool::new(FairSpillPool::new(limit), NAMED);
        runtime = runtime.with_memory_pool(Arc::new(pool));
    }
    if options.memory_limit.is_some() {
        let beside = options.spill.clone().unwrap_or_else(std::env::temp_dir);
        let folder = TemporaryFolder::within(&beside).map_err(|it| {
            let reason = disk::reason(&it);
            let message = format!("{}: cannot be written: {reason}", beside.display());
            let trouble = Trouble::resource(message)
                .help("sorting needs room there: name another place with `--out` or TMPDIR");
            DataFusionError::External(Box::new(trouble))
        })?;
        runtime = runtime.with_temp_file_path(folder.path());
        // It goes with the session.
        config = config.with_extension(Arc::new(folder));
    }
    let mut builder = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime.build_arc()?)
        .with_default_features();
    if !options.optimise {
        // Physical rules stay: they put in the sorts and exchanges that operators require.
        builder = builder.with_optimizer_rules(Vec::new());
    }
    Ok(SessionContext::new_with_state(builder.build()))
}

/// Both plans as text.
///
/// Errors: a plan that the optimiser refuses.
pub fn print(
    context: &SessionContext,
    logical: &LogicalPlan,
    physical: &dyn ExecutionPlan,
) -> Result<String> {
    let optimised = context.state().optimize(logical)?;
    Ok(format!(
        "logical plan\n{}\n\nphysical plan\n{}",
        optimised.display_indent(),
        displayable(physical).indent(false)
    ))
}
