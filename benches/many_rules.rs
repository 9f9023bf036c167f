//! Many rules over a million rows: tamis, plain DataFusion Boolean columns, the scan alone, DuckDB.

mod made;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use arrow::array::AsArray;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::prelude::DataFrame;
use datafusion::prelude::ParquetReadOptions;
use datafusion::prelude::SessionConfig;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use crate::made::Made;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const ROUNDS: usize = 3;

fn main() -> Result<()> {
    let rows = setting("TAMIS_BENCH_ROWS").and_then(|it| it.parse().ok()).unwrap_or(1_000_000);
    let rules = setting("TAMIS_BENCH_RULES").unwrap_or_else(|| "10,100,1000".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("many_rules");
    fs::create_dir_all(&folder)?;
    let data = made::archive(&folder, rows)?;
    println!("{rows} rows, {cores} cores, median of {ROUNDS} rounds, seconds\n");
    println!(
        "{:>6} {:>7} {:>16} {:>18} {:>8} {:>12} {:>12} {:>12}",
        "rules",
        "scan",
        "tamis (plan)",
        "columns (plan)",
        "DuckDB",
        "columns/",
        "DuckDB/",
        "tamis/"
    );
    println!(
        "{:>6} {:>7} {:>16} {:>18} {:>8} {:>12} {:>12} {:>12}",
        "", "", "", "", "", "tamis", "tamis", "scan"
    );
    for count in rules.split(',').filter_map(|it| it.trim().parse().ok()) {
        let made = made::rules(&folder, count)?;
        line(&folder, &data, &made, cores)?;
    }
    Ok(())
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn median(&self) -> f64 {
        let mut all = self.0.clone();
        all.sort();
        all.get(all.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
    }
}

fn line(folder: &Path, data: &Path, made: &Made, cores: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .thread_stack_size(64 << 20)
        .enable_all()
        .build()?;
    let empty = made::empty(folder, data)?;
    let mut scan = Times::default();
    let (mut tamis, mut planned) = (Times::default(), Times::default());
    let (mut columns, mut columns_planned) = (Times::default(), Times::default());
    let mut duckdb = Times::default();
    for _ in 0..ROUNDS {
        scan.0.push(runtime.block_on(scanned(data, made, cores))?);
        let (hits, time) = by_tamis(folder, data)?;
        tamis.0.push(time);
        planned.0.push(by_tamis(folder, &empty)?.1);
        // On a thread of the runtime: a wide plan needs the stack.
        let (data_again, made_again) = (data.to_path_buf(), made.clone());
        let peer = runtime.spawn(async move { by_columns(&data_again, &made_again, cores).await });
        let (peer_hits, planning, time) = runtime.block_on(peer)??;
        columns_planned.0.push(planning);
        columns.0.push(time);
        same("DataFusion", &hits, &peer_hits)?;
        if let Some((peer_hits, time)) = by_duckdb(folder, data, made, cores)? {
            duckdb.0.push(time);
            same("DuckDB", &hits, &peer_hits)?;
        }
    }
    println!(
        "{:>6} {:>7.2} {:>7.2} ({:>6.2}) {:>9.2} ({:>6.2}) {:>8.2} {:>12.2} {:>12.2} {:>12.2}",
        made.conditions.len(),
        scan.median(),
        tamis.median(),
        planned.median(),
        columns.median(),
        columns_planned.median(),
        duckdb.median(),
        columns.median() / tamis.median(),
        duckdb.median() / tamis.median(),
        tamis.median() / scan.median(),
    );
    Ok(())
}

fn same(peer: &str, hits: &[u64], others: &[u64]) -> Result<()> {
    let differs = hits.iter().zip(others).position(|it| it.0 != it.1);
    match differs {
        Some(at) => Err(format!("rule {at}: {} hits, {peer} says {}", hits[at], others[at]).into()),
        None if hits.len() != others.len() => Err(format!("{peer} has other rules").into()),
        None => Ok(()),
    }
}

/// The command from start to end, without a file of hits.
fn by_tamis(folder: &Path, data: &Path) -> Result<(Vec<u64>, Duration)> {
    let summary = folder.join("summary.json");
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .arg("run")
        .arg(data)
        .args(["--quiet", "--output", &format!("json={}", summary.display())])
        .output()?;
    let time = started.elapsed();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(summary)?)?;
    let rules = summary["rules"].as_array().ok_or("the summary has no rules")?;
    Ok((rules.iter().filter_map(|it| it["hits"].as_u64()).collect(), time))
}

fn context(cores: usize) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(cores).with_collect_statistics(false);
    SessionContext::new_with_config(config)
}

async fn table(context: &SessionContext, data: &Path) -> Result<DataFrame> {
    let path = data.to_string_lossy().into_owned();
    Ok(context.read_parquet(path, ParquetReadOptions::default()).await?)
}

/// Reads the columns that the rules use, and nothing else.
async fn scanned(data: &Path, made: &Made, cores: usize) -> Result<Duration> {
    let context = context(cores);
    let started = Instant::now();
    let columns: Vec<&str> = made.columns.iter().map(String::as_str).collect();
    let plan = table(&context, data).await?.select_columns(&columns)?;
    let plan = plan.create_physical_plan().await?;
    let streams = execute_stream_partitioned(plan, context.task_ctx())?;
    let drain = |mut it: datafusion::execution::SendableRecordBatchStream| {
        tokio::spawn(async move {
            let mut rows = 0;
            while let Some(batch) = it.try_next().await? {
                rows += batch.num_rows();
            }
            Ok::<usize, datafusion::error::DataFusionError>(rows)
        })
    };
    for task in streams.into_iter().map(drain).collect::<Vec<_>>() {
        task.await??;
    }
    Ok(started.elapsed())
}

/// One Boolean column a rule; true values counted. Hits, planning, and all of it.
async fn by_columns(
    data: &Path,
    made: &Made,
    cores: usize,
) -> Result<(Vec<u64>, Duration, Duration)> {
    let context = context(cores);
    let started = Instant::now();
    let columns = made.conditions.iter().enumerate();
    let columns: Vec<_> = columns.map(|(at, it)| it.clone().alias(format!("rule{at}"))).collect();
    let plan = table(&context, data).await?.select(columns)?;
    let plan = plan.create_physical_plan().await?;
    let planning = started.elapsed();
    let rules = plan.schema().fields().len();
    let streams = execute_stream_partitioned(plan, context.task_ctx())?;
    let count = |mut it: datafusion::execution::SendableRecordBatchStream| {
        tokio::spawn(async move {
            let mut hits = vec![0_u64; rules];
            while let Some(batch) = it.try_next().await? {
                for (hits, column) in hits.iter_mut().zip(batch.columns()) {
                    *hits += column.as_boolean().true_count() as u64;
                }
            }
            Ok::<Vec<u64>, datafusion::error::DataFusionError>(hits)
        })
    };
    let mut hits = vec![0; rules];
    for task in streams.into_iter().map(count).collect::<Vec<_>>() {
        for (total, some) in hits.iter_mut().zip(task.await??) {
            *total += some;
        }
    }
    Ok((hits, planning, started.elapsed()))
}

/// One sum a rule, by the Python package, the time it takes without its start; `None` without it.
fn by_duckdb(
    folder: &Path,
    data: &Path,
    made: &Made,
    cores: usize,
) -> Result<Option<(Vec<u64>, Duration)>> {
    let python = setting("TAMIS_BENCH_PYTHON").unwrap_or_else(|| "python3".to_owned());
    let wanted = serde_json::json!({
        "data": data.to_string_lossy(), "threads": cores, "conditions": made.sql,
    });
    let path = folder.join("duckdb.json");
    fs::write(&path, wanted.to_string())?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/duckdb_peer.py");
    let Ok(output) = Command::new(python).arg(script).arg(&path).output() else {
        return Ok(None);
    };
    if output.status.code() == Some(9) {
        return Ok(None);
    }
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let hits = said["hits"].as_array().ok_or("no hits")?;
    let time = Duration::from_secs_f64(said["seconds"].as_f64().ok_or("no time")?);
    Ok(Some((hits.iter().filter_map(serde_json::Value::as_u64).collect(), time)))
}
