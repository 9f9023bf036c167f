//! Pairs: a part of a run beside what it should cost no more than. One thread each, so that time
//! is work.

mod made;

use std::error::Error;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use arrow::csv::WriterBuilder;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const ROUNDS: usize = 3;
const ENTRIES: usize = 200_000;

const PLAIN: &str = "rule B1
  for each item
  when all of
    - tax_rate > 10 %
    - net_mass > 5000 kg
  then
    score 50
";

const POLICY: &str = "
policy two
  for declaration
  combine highest
  route to red when score >= 40
  route to green otherwise
";

type Measured<'a> = (&'a str, Box<dyn Fn() -> Result<Duration> + 'a>);

fn main() -> Result<()> {
    let rows = std::env::var("TAMIS_BENCH_ROWS").ok().and_then(|it| it.parse().ok());
    let rows = rows.unwrap_or(1_000_000);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pairs");
    let of = |name: &str| -> Result<PathBuf> {
        let it = folder.join(name);
        fs::create_dir_all(&it)?;
        Ok(it)
    };
    let data = made::archive(&of("data")?, rows)?;
    let text = as_csv(&data)?;
    let (plain, decided) = (of("plain")?, of("decided")?);
    made::project(&plain, PLAIN)?;
    made::project(&decided, &format!("{PLAIN}{POLICY}"))?;
    println!("{rows} rows, one thread, median of {ROUNDS} rounds, seconds\n");
    line([
        ("CSV, a rule", tamis(&plain, &text)),
        ("csv crate, records", Box::new(|| records(&text))),
    ])?;
    line([
        ("Parquet, a rule", tamis(&plain, &data)),
        ("parquet crate", Box::new(|| columns(&data))),
    ])?;
    line([("with a policy", tamis(&decided, &data)), ("without", tamis(&plain, &data))])?;
    for (name, ty) in [("text", "text"), ("name", "name")] {
        let (looked, listed) = (of(&format!("lookup-{name}"))?, of(&format!("list-{name}"))?);
        lists(&looked, ty, "lookup(entries, who).rate > 900")?;
        lists(&listed, ty, "who in list entries")?;
        let rows = looked.join("rows.csv");
        line([
            (&format!("lookup, {name}"), tamis(&looked, &rows)),
            ("in list, text", tamis(&of("list-text")?, &rows)),
        ])?;
        line([
            (&format!("in list, {name}"), tamis(&listed, &rows)),
            ("in list, text", tamis(&of("list-text")?, &rows)),
        ])?;
    }
    Ok(())
}

/// Both in turn, and what the first takes of the second.
fn line(pair: [Measured; 2]) -> Result<()> {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (times, (_, run)) in times.iter_mut().zip(&pair) {
            times.push(run()?);
        }
    }
    let [one, other] = times.map(|mut it| {
        it.sort();
        it[it.len() / 2].as_secs_f64()
    });
    let [(name, _), (peer, _)] = pair;
    println!("{name:>16} {one:>7.2}   {peer:<18} {other:>7.2}   {:>5.2}", one / other);
    Ok(())
}

/// The command from start to end, into the folder of a run.
fn tamis<'a>(project: &'a Path, data: &'a Path) -> Box<dyn Fn() -> Result<Duration> + 'a> {
    Box::new(move || {
        let out = project.join("out");
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        let started = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
            .current_dir(project)
            .args(["run", "--quiet", "--threads", "1", "--out", "out"])
            .arg(data)
            .output()?;
        let time = started.elapsed();
        match output.status.success() {
            true => Ok(time),
            false => Err(String::from_utf8_lossy(&output.stderr).into()),
        }
    })
}

fn records(path: &Path) -> Result<Duration> {
    let started = Instant::now();
    let mut reader = csv::Reader::from_path(path)?;
    let (mut record, mut bytes) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record)? {
        bytes += record.as_slice().len();
    }
    if bytes == 0 { Err("nothing was read".into()) } else { Ok(started.elapsed()) }
}

/// The columns that the rule and its lines need.
fn columns(path: &Path) -> Result<Duration> {
    let started = Instant::now();
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let wanted = ["Declaration ID", "Date", "Tax Rate", "Net Mass"];
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
    let mut rows = 0;
    for batch in builder.with_projection(mask).build()? {
        rows += batch?.num_rows();
    }
    if rows == 0 { Err("nothing was read".into()) } else { Ok(started.elapsed()) }
}

/// The same rows as text.
fn as_csv(data: &Path) -> Result<PathBuf> {
    let path = data.with_extension("csv");
    if path.exists() {
        return Ok(path);
    }
    let partial = data.with_extension("partial");
    let mut writer = WriterBuilder::new().with_header(true).build(File::create(&partial)?);
    for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(data)?)?.build()? {
        writer.write(&batch?)?;
    }
    drop(writer);
    fs::rename(partial, &path)?;
    Ok(path)
}

/// Rows of which every other one has an entry, and a rule that asks for it.
fn lists(folder: &Path, ty: &str, condition: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    let schema = format!("record row\n  key id\n  field id : text required\n  field who : {ty}\n");
    let rule = format!("rule L1\n  for each row\n  when {condition}\n  then\n    score 1\n");
    let list = format!(
        "list entries file \"entries.csv\"\n  column who : {ty}, key\n  \
         column rate : whole number\n\n"
    );
    fs::write(folder.join("schema.tamis"), schema)?;
    fs::write(folder.join("rules.tamis"), list + &rule)?;
    fs::write(
        folder.join("tamis.toml"),
        "[project]\nrules = [\"rules.tamis\"]\n[schema]\nrow = \"schema.tamis\"\n",
    )?;
    let entry = |at: usize| format!("FIRM {at:06},{}\n", at % 1_000);
    let entries: String = (0..ENTRIES).map(entry).collect();
    fs::write(folder.join("entries.csv"), format!("who,rate\n{entries}"))?;
    let row = |at: usize| format!("{at},FIRM {:06}\n", at * 7_919 % (2 * ENTRIES));
    let rows: String = (0..300_000).map(row).collect();
    fs::write(folder.join("rows.csv"), format!("id,who\n{rows}"))?;
    Ok(())
}
