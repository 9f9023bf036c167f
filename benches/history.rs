//! Statistics of past rows: tamis from start to end of the command, DuckDB's window functions.

mod made;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const ROUNDS: usize = 3;
const KEYS: &str = "hs, origin, departure, tax_rate, tax_type";
const COLUMNS: &str = "\"HS6 Code\", \"Country of Origin\", \"Country of Departure\", \
                       \"Tax Rate\", \"Tax Type\"";

/// A question in both languages.
struct Question {
    name: &'static str,
    rule: String,
    sql: String,
}

fn before(days: u32) -> String {
    format!("range between interval {days} days preceding and interval 1 days preceding")
}

const ALL: &str = "range between unbounded preceding and interval 1 days preceding";

fn over(keys: &str, frame: &str) -> String {
    format!("over (partition by {keys} order by cast(\"Date\" as date) {frame})")
}

fn hits(facts: &str, test: &str) -> String {
    format!("select count(*) filter (where {test}) from (select *, {facts} from DATA)")
}

fn questions() -> Vec<Question> {
    let unit = "(\"Item Price\" / nullif(\"Net Mass\", 0))";
    let median = |name, keys: &str, columns: &str| Question {
        name,
        rule: format!(
            "unit_value < 50 % of (median of unit_value over past items with same {keys} in last \
             365 days)"
        ),
        sql: hits(
            &format!(
                "{unit} as unit, quantile_disc({unit}, 0.5) {} as peers",
                over(columns, &before(365))
            ),
            "unit < 0.5 * peers",
        ),
    };
    let importer = "\"Importer ID\"";
    vec![
        median(
            "median, 365 days, HS6 and origin",
            "hs, origin",
            "\"HS6 Code\", \"Country of Origin\"",
        ),
        median("median, 365 days, origin", "origin", "\"Country of Origin\""),
        Question {
            name: "count, 30 days, importer",
            rule: "count of past items with same importer_id in last 30 days >= 20".to_owned(),
            sql: hits(
                &format!("count(*) {} as n", over(importer, &before(30))),
                "n >= 20 and \"Importer ID\" is not null",
            ),
        },
        Question {
            name: "distinct HS6, 90 days, importer",
            rule: "distinct count of hs over past items with same importer_id in last 90 days >= 5"
                .to_owned(),
            sql: hits(
                &format!("count(distinct \"HS6 Code\") {} as n", over(importer, &before(90))),
                "n >= 5 and \"Importer ID\" is not null",
            ),
        },
        Question {
            name: "share, all the past, five keys",
            rule: format!("share of fraud over past items with same {KEYS} >= 60 %"),
            sql: hits(
                &format!(
                    "sum(\"Fraud\") {0} as bad, count(\"Fraud\") {0} as known",
                    over(COLUMNS, ALL)
                ),
                "bad >= 0.6 * known and known > 0",
            ),
        },
    ]
}

fn main() -> Result<()> {
    let sizes = setting("TAMIS_BENCH_SIZES").unwrap_or_else(|| "1000000,5000000".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("history");
    fs::create_dir_all(&folder)?;
    println!("{cores} cores, median of {ROUNDS} rounds, seconds and peak MB\n");
    println!(
        "{:<34} {:>9} {:>7} {:>6} {:>8} {:>6} {:>8}",
        "", "rows", "tamis", "MB", "DuckDB", "MB", "tamis/"
    );
    for rows in sizes.split(',').filter_map(|it| it.trim().parse().ok()) {
        let data = made::archive(&folder, rows)?;
        for question in wanted(questions()) {
            line(&folder, &data, rows, &question, cores)?;
        }
    }
    shared(&folder)?;
    bounded(&folder)
}

/// Those whose numbers `TAMIS_BENCH_QUESTIONS` names, from 1.
fn wanted(all: Vec<Question>) -> Vec<Question> {
    let Some(named) = setting("TAMIS_BENCH_QUESTIONS") else { return all };
    let is_named = |at: usize| named.split(',').any(|it| it.trim() == (at + 1).to_string());
    all.into_iter().enumerate().filter(|it| is_named(it.0)).map(|it| it.1).collect()
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[derive(Default)]
struct Measured {
    times: Vec<Duration>,
    memory: u64,
}

impl Measured {
    fn add(&mut self, time: Duration, memory: u64) {
        self.times.push(time);
        self.memory = self.memory.max(memory);
    }

    fn median(&self) -> f64 {
        let mut all = self.times.clone();
        all.sort();
        all.get(all.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
    }
}

fn rule(id: &str, condition: &str) -> String {
    format!("rule {id}\n  for each item\n  when {condition}\n\n")
}

fn line(folder: &Path, data: &Path, rows: usize, it: &Question, cores: usize) -> Result<()> {
    made::project(folder, &rule("B1", &it.rule))?;
    let (mut tamis, mut duckdb) = (Measured::default(), Measured::default());
    for _ in 0..ROUNDS {
        let (hits, time, memory) = by_tamis(folder, data, None)?;
        tamis.add(time, memory);
        if let Some((peer, time, memory)) = by_duckdb(folder, data, &it.sql, cores)? {
            duckdb.add(time, memory);
            if hits != peer {
                return Err(format!("{}: {hits:?} hits, DuckDB says {peer:?}", it.name).into());
            }
        }
    }
    println!(
        "{:<34} {rows:>9} {:>7.2} {:>6} {:>8.2} {:>6} {:>8.2}",
        it.name,
        tamis.median(),
        tamis.memory,
        duckdb.median(),
        duckdb.memory,
        tamis.median() / duckdb.median(),
    );
    Ok(())
}

/// Twenty rules that share three profiles, against one rule with the three.
fn shared(folder: &Path) -> Result<()> {
    let data = made::archive(folder, 1_000_000)?;
    let profile = |name: &str, keys: &str| {
        format!(
            "profile {name}\n  of unit_value over past items\n  by {keys}\n  window 365 days\n  \
             require at least 30 values\n  gives median, p5, count\n\n"
        )
    };
    let profiles = profile("near", "hs, origin")
        + &profile("wide", "hs at 4 digits, origin")
        + &profile("far", "origin");
    let all = "unit_value < 50 % of near.median and unit_value < 60 % of wide.median and \
               unit_value < 70 % of far.median";
    let one = format!("{profiles}{}", rule("S00", all));
    let mut twenty = one.clone();
    for at in 1..20 {
        let which = ["near", "wide", "far"][at % 3];
        twenty += &rule(&format!("S{at:02}"), &format!("unit_value < {at} % of {which}.median"));
    }
    let (mut few, mut many) = (Measured::default(), Measured::default());
    for _ in 0..ROUNDS {
        made::project(folder, &one)?;
        let (_, time, memory) = by_tamis(folder, &data, None)?;
        few.add(time, memory);
        made::project(folder, &twenty)?;
        let (_, time, memory) = by_tamis(folder, &data, None)?;
        many.add(time, memory);
    }
    println!(
        "\nthree profiles, 1000000 rows: one rule {:.2} s, twenty rules {:.2} s: {:.2} times",
        few.median(),
        many.median(),
        many.median() / few.median()
    );
    Ok(())
}

/// The same hits in little memory: keys in shares.
fn bounded(folder: &Path) -> Result<()> {
    let rows = 10_000_000;
    let data = made::archive(folder, rows)?;
    println!();
    for question in wanted(questions()) {
        made::project(folder, &rule("B1", &question.rule))?;
        let (hits, time, memory) = by_tamis(folder, &data, None)?;
        let (bounded, longer, less) = by_tamis(folder, &data, Some("150 MiB"))?;
        if hits != bounded {
            return Err(
                format!("{}: {bounded:?} hits in 150 MiB, not {hits:?}", question.name).into()
            );
        }
        println!(
            "{:<34} {rows:>9} rows: {:.2} s in {memory} MB; limit 150 MiB: {:.2} s in {less} MB",
            question.name,
            time.as_secs_f64(),
            longer.as_secs_f64()
        );
    }
    Ok(())
}

/// Waits for a command and follows its resident memory, in MB; 0 where the system does not tell.
fn watched(command: &mut Command) -> Result<(std::process::Output, Duration, u64)> {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|it| it.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|it| it.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) / 1024);
        if child.try_wait()?.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let time = started.elapsed();
    Ok((child.wait_with_output()?, time, peak))
}

/// The command from start to end, without a file of hits.
fn by_tamis(folder: &Path, data: &Path, limit: Option<&str>) -> Result<(Vec<u64>, Duration, u64)> {
    let summary = folder.join("summary.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    let command = command.current_dir(folder).arg("run").arg(data);
    let report = format!("json={}", summary.display());
    let command = command.args(["--quiet", "--output", &report]);
    if let Some(limit) = limit {
        command.args(["--memory-limit", limit]);
    }
    let (output, time, memory) = watched(command)?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(summary)?)?;
    let rules = summary["rules"].as_array().ok_or("the summary has no rules")?;
    Ok((rules.iter().filter_map(|it| it["hits"].as_u64()).collect(), time, memory))
}

/// By the Python package, the time of the query alone; `None` without it.
fn by_duckdb(
    folder: &Path,
    data: &Path,
    sql: &str,
    cores: usize,
) -> Result<Option<(Vec<u64>, Duration, u64)>> {
    let python = setting("TAMIS_BENCH_PYTHON").unwrap_or_else(|| "python3".to_owned());
    let wanted =
        serde_json::json!({ "data": data.to_string_lossy(), "threads": cores, "sql": sql });
    let path = folder.join("duckdb.json");
    fs::write(&path, wanted.to_string())?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/history_peer.py");
    let mut command = Command::new(python);
    let Ok((output, _, memory)) = watched(command.arg(script).arg(&path)) else { return Ok(None) };
    if output.status.code() == Some(9) {
        return Ok(None);
    }
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let hits = said["hits"].as_array().ok_or("no hits")?;
    let time = Duration::from_secs_f64(said["seconds"].as_f64().ok_or("no time")?);
    Ok(Some((hits.iter().filter_map(serde_json::Value::as_u64).collect(), time, memory)))
}
