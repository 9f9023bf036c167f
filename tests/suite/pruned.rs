//! Parts of Parquet files are left unread only where no reader would find a day in them, and
//! instants of 96 bits are what they are.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Date32Array;
use arrow::array::Int32Array;
use arrow::array::StringArray;
use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::Date32Type;
use arrow::record_batch::RecordBatch;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use parquet::data_type::ByteArrayType;
use parquet::data_type::Int96;
use parquet::data_type::Int96Type;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

const SCHEMA: &str = "\
record declaration
  key id
  field id : text required
  field day : date
  field at : date-time
  history event at, date day
";

const RULES: &str = "\
rule R1
  when count of past declarations in last 30 days >= 1
  then
    because \"{count of past declarations in last 30 days}\"

rule R2
  when at is given
  then
    because \"{at}\"
";

/// Days of a row group as text, and how many are in the window before 2026-03-10.
const GROUPS: &[(&str, &[&str], usize)] = &[
    ("in order", &["2026-03-01", "2026-03-05"], 2),
    ("elsewhere", &["2025-01-01", "2025-12-31"], 0),
    ("with blanks before", &["2019-01-01", " 2026-03-01", "2019-05-05"], 1),
    ("with a tab before", &["2019-01-01", "\t2026-03-01"], 1),
    ("of another form", &["2019-01-01", "20260301", "2020-01-01"], 1),
    ("of two forms in a year", &["2026-03-02", "20260301", "2026-04-01"], 2),
    ("with an offset", &["2026-02-28T23:00-05:00", "2026-02-27"], 2),
    ("with an offset over a year", &["2019-01-01", "2020-12-31"], 0),
    ("with nothing", &["2019-01-01", "", "2026-03-01"], 1),
];

pub fn trials() -> Vec<Trial> {
    let groups = GROUPS.iter().map(|(name, days, wanted)| {
        Trial::test(format!("days {name} in row groups"), move || pruned(days, *wanted))
    });
    let others = [
        Trial::test("instants of 96 bits", wide),
        Trial::test("days of one key in several row groups", || scattered(&APART)),
        Trial::test("days of one key, spelt in two ways", || scattered(&SPELT)),
        Trial::test("days of one key with a blank behind it", || scattered(&BLANK)),
    ];
    groups.chain(others).collect()
}

const FLAT: &str = "\
record declaration
  key id
  field id : text required
  field day : date
  history date day
record item in declaration
  key line
  field line : whole number required
";

const COUNTED: &str = "\
rule R1
  for each item
  when count of past items in last 30 days >= 0
  then
    because \"{count of past items in last 30 days}\"
";

/// Keys and days. Row groups that a window reaches show nothing of what is wrong.
type Days = [(&'static str, &'static str); 4];

const APART: Days = [
    ("apart", "2019-01-01"),
    ("fine", "2026-03-01"),
    ("apart", "2026-03-02"),
    ("old", "2018-01-01"),
];

const SPELT: Days =
    [("DE1X", "2019-01-01"), ("DE0", "2026-03-01"), ("DE1x", "2026-03-02"), ("DE2", "2018-01-01")];

/// By their statistics alone no key stands on both sides: a reader takes the blank off.
const BLANK: Days = [
    ("20\u{a0}", "2019-01-01"),
    ("20", "2026-03-01"),
    ("2000", "2026-03-02"),
    ("2001", "2018-01-01"),
];

/// Rows of a key in row groups of their own: where they disagree on the day they do so whether or
/// not a window reaches all of them, as in a CSV.
fn scattered(rows: &Days) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let ids: StringArray = rows.iter().map(|it| Some(it.0)).collect();
    let days: Date32Array = rows.iter().map(|it| Date32Type::parse(it.1)).collect();
    let lines: Int32Array = (1..).take(rows.len()).map(Some).collect();
    let columns: [(&str, ArrayRef); 3] =
        [("id", Arc::new(ids)), ("day", Arc::new(days)), ("line", Arc::new(lines))];
    let batch = RecordBatch::try_from_iter(columns)?;
    let file = fs::File::create(folder.path().join("past.parquet"))?;
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None)?;
    for row in 0..rows.len() {
        writer.write(&batch.slice(row, 1))?;
        writer.flush()?;
    }
    writer.close()?;
    let lines = (1..).zip(rows).map(|(line, it)| format!("{},{},{line}\n", it.0, it.1));
    let past = format!("id,day,line\n{}", lines.collect::<String>());
    fs::write(folder.path().join("past.csv"), past)?;
    fs::write(folder.path().join("d.csv"), "id,day,line\nnow,2026-03-10,1\n")?;
    fs::write(folder.path().join("schema.tamis"), FLAT)?;
    fs::write(folder.path().join("r.tamis"), COUNTED)?;
    let hits =
        |past, engine| run_there(folder.path(), &["d.csv", "--history", past, "--engine", engine]);
    let wanted = hits("past.csv", "interpreter")?;
    if !wanted.contains("now,1,R1,hit,,,1,") {
        return Err(wanted.into());
    }
    for (past, engine) in [("past.csv", "datafusion"), ("past.parquet", "datafusion")] {
        let found = hits(past, engine)?;
        if found != wanted {
            return Err(format!("{past}, {engine}:\n{found}wanted\n{wanted}").into());
        }
    }
    Ok(())
}

fn pruned(days: &[&str], wanted: usize) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let ids: Vec<String> = (0..days.len()).map(|it| format!("p{it}")).collect();
    let instants = vec![None::<&str>; days.len()];
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(StringArray::from(ids))),
        ("day", Arc::new(StringArray::from(days.to_vec()))),
        ("at", Arc::new(StringArray::from(instants))),
    ];
    let batch = RecordBatch::try_from_iter(columns)?;
    let file = fs::File::create(folder.path().join("past.parquet"))?;
    let properties = WriterProperties::builder().build();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
    // A row group more makes the rest worth leaving out.
    writer.write(&batch)?;
    writer.flush()?;
    writer.write(&batch.slice(0, 0))?;
    writer.close()?;
    fs::write(folder.path().join("d.csv"), "id,day,at\nnow,2026-03-10,\n")?;
    for engine in ["datafusion", "interpreter"] {
        let hits = run(folder.path(), &["d.csv", "--history", "past.parquet", "--engine", engine])?;
        let found = hits.lines().find(|it| it.starts_with("now,R1,hit"));
        let fits = match wanted {
            0 => found.is_none(),
            count => found.is_some_and(|it| it.contains(&format!(",{count},"))),
        };
        if !fits {
            return Err(format!("{engine}: {wanted} wanted\n{hits}").into());
        }
    }
    Ok(())
}

/// Years that nanoseconds of 64 bits do not hold.
fn wide() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let schema = "message m { required binary id (UTF8); required binary day (UTF8); \
                  required int96 at; }";
    let schema = Arc::new(parse_message_type(schema)?);
    let file = fs::File::create(folder.path().join("d.parquet"))?;
    let mut writer = SerializedFileWriter::new(file, schema, Default::default())?;
    let mut group = writer.next_row_group()?;
    for name in ["id", "day"] {
        let texts: [&[u8]; 3] = match name {
            "id" => [b"a", b"b", b"c"],
            _ => [b"2026-03-10", b"2026-03-10", b"2026-03-10"],
        };
        let mut column = group.next_column()?.ok_or("no column")?;
        let texts: Vec<_> = texts.iter().map(|it| it.to_vec().into()).collect();
        column.typed::<ByteArrayType>().write_batch(&texts, None, None)?;
        column.close()?;
    }
    // 2026-03-10T08:00, 2569-03-10T08:00 and 9999-12-31T08:00: Julian days, nanoseconds.
    let instants: Vec<Int96> = [2_461_110_u32, 2_659_437, 5_373_484]
        .into_iter()
        .map(|day| {
            let part: u64 = 8 * 3_600 * 1_000_000_000;
            let (low, high) = (part & 0xFFFF_FFFF, part >> 32);
            let mut it = Int96::new();
            it.set_data(low as u32, high as u32, day);
            it
        })
        .collect();
    let mut column = group.next_column()?.ok_or("no column")?;
    column.typed::<Int96Type>().write_batch(&instants, None, None)?;
    column.close()?;
    group.close()?;
    writer.close()?;
    for engine in ["datafusion", "interpreter"] {
        let hits = run(folder.path(), &["d.parquet", "--engine", engine])?;
        let found: Vec<&str> = hits.lines().filter(|it| it.contains(",R2,hit")).collect();
        if !matches!(found.as_slice(), [one] if one.contains("2026-03-10T08:00")) {
            return Err(format!("{engine}\n{hits}").into());
        }
    }
    Ok(())
}

fn run(folder: &Path, arguments: &[&str]) -> Result<String, Failed> {
    fs::write(folder.join("schema.tamis"), SCHEMA)?;
    fs::write(folder.join("r.tamis"), RULES)?;
    run_there(folder, arguments)
}

fn run_there(folder: &Path, arguments: &[&str]) -> Result<String, Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .arg("run")
        .args(arguments)
        .args(["--rules", "r.tamis", "--schema", "schema.tamis", "--out", "h.csv"])
        .args(["--max-rejected", "100%"])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(fs::read_to_string(folder.join("h.csv"))?)
}
