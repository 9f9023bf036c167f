//! Whole projects over the past: the golden figures of the archive, the made data by both engines,
//! and what is read of an archive.

use std::fs;
use std::fs::File;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Date32Array;
use arrow::array::StringArray;
use arrow::record_batch::RecordBatch;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("the golden figures of the archive", golden),
        Trial::test("made data: both engines, any partitions", made),
        Trial::test("of an archive only what windows reach is read", || reach("", 1)),
        Trial::test("of an archive with other keys nothing else is read", || {
            reach("record item in declaration\n", 0)
        }),
    ]
}

fn tamis(folder: &Path, arguments: &[&str]) -> Result<String, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    let command = command.arg("-C").arg(folder).args(arguments);
    let output = command.args(["--output", "json"]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Hits of each rule: `identifier hits`.
fn hits(summary: &str) -> Result<Vec<(String, u64)>, Failed> {
    let summary: serde_json::Value = serde_json::from_str(summary)?;
    let rules = summary["rules"].as_array().ok_or("no rules")?;
    let one = |it: &serde_json::Value| Some((it["id"].as_str()?.to_owned(), it["hits"].as_u64()?));
    Ok(rules.iter().filter_map(one).collect())
}

/// At least so many earlier rows, at least this share, and what it hits in the third file.
const GOLDEN: [(u32, u32, usize, usize); 4] =
    [(2, 50, 1_062, 854), (2, 80, 688, 651), (3, 60, 733, 626), (3, 80, 556, 525)];

fn golden() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir()?;
    let data = root.join("data/kcs-54k");
    let toml = fs::read_to_string(root.join("rules/tamis.toml"))?;
    let toml = toml
        .replace("\"*/**/*.tamis\", \"shared.tamis\", \"policy.tamis\"", "\"rules.tamis\"")
        .replace("../data/kcs-54k", &data.to_string_lossy());
    fs::write(folder.path().join("tamis.toml"), toml)?;
    fs::copy(root.join("rules/schema.tamis"), folder.path().join("schema.tamis"))?;
    fs::create_dir(folder.path().join("nomenclature"))?;
    let codes = "nomenclature/hs.csv";
    fs::copy(root.join("rules").join(codes), folder.path().join(codes))?;
    let keys = "hs, origin, departure, tax_rate, tax_type";
    let mut rules =
        format!("profile results\n  of fraud over past items\n  by {keys}\n  gives share\n\n");
    for (least, share, ..) in GOLDEN {
        rules += &format!(
            "rule G{least}{share}\n  for each item\n  when results.count >= {least} and \
             results.share >= {share} %\n  then\n    show fraud\n\n"
        );
    }
    fs::write(folder.path().join("rules.tamis"), rules)?;
    let out = folder.path().join("hits.csv");
    let [test, train, valid, out] =
        [data.join("test.csv"), data.join("train.parquet"), data.join("valid.parquet"), out]
            .map(|it| it.to_string_lossy().into_owned());
    let arguments =
        ["run", &test, "--history", &train, "--history", &valid, "--out", &out, "--quiet"];
    tamis(folder.path(), &arguments)?;
    let lines = fs::read_to_string(&out)?;
    for (least, share, wanted, irregular) in GOLDEN {
        let rule = format!(",G{least}{share},hit,");
        let own: Vec<&str> = lines.lines().filter(|it| it.contains(&rule)).collect();
        let found = own.iter().filter(|it| it.contains("true")).count();
        if (own.len(), found) != (wanted, irregular) {
            let message = format!("{rule} {} hits, {found} irregular", own.len());
            return Err(message.into());
        }
    }
    Ok(())
}

fn made() -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules-made");
    let out = tempfile::tempdir()?;
    let mut before: Option<(PathBuf, Vec<u8>)> = None;
    let ways: [&[&str]; 4] = [
        &["--engine", "interpreter"],
        &["--threads", "1"],
        &["--threads", "5", "--batch-size", "7"],
        &["--threads", "16", "--batch-size", "1000"],
    ];
    for (at, way) in ways.iter().enumerate() {
        let file = out.path().join(format!("{at}.csv"));
        let name = file.to_string_lossy().into_owned();
        let arguments = [&["run", "made", "--quiet", "--out", &name], *way].concat();
        let all = hits(&tamis(&folder, &arguments)?)?;
        if let Some((rule, _)) = all.iter().find(|it| it.1 == 0) {
            return Err(format!("{rule} hits nothing").into());
        }
        let bytes = fs::read(&file)?;
        if before.as_ref().is_some_and(|it| it.1 != bytes) {
            return Err(format!("{way:?} says something else than {:?}", ways[0]).into());
        }
        before = Some((file, bytes));
    }
    Ok(())
}

const SCHEMA: &str = "\
record declaration
  key declaration_id
  field declaration_id : text required
  field accepted_date : date
  field importer_id : text
  history date accepted_date
";

/// Of the first row group, which no window reaches, a column cannot be read: importers, or keys
/// where rows repeat them and statistics tell that the other row groups have others.
fn reach(inside: &str, unreadable: usize) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("archive.parquet");
    let days = [18_000, 18_001, 19_000, 19_001];
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["D1", "D2", "D3", "D4"]));
    let importers: ArrayRef = Arc::new(StringArray::from(vec!["A", "A", "A", "B"]));
    let dates: ArrayRef = Arc::new(Date32Array::from(days.to_vec()));
    let rows = RecordBatch::try_from_iter([
        ("declaration_id", ids),
        ("importer_id", importers),
        ("accepted_date", dates),
    ])?;
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let mut writer =
        ArrowWriter::try_new(File::create(&archive)?, rows.schema(), Some(properties))?;
    writer.write(&rows)?;
    writer.close()?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&archive)?)?;
    let first = reader.metadata().row_group(0).column(unreadable).clone();
    let (start, length) = first.byte_range();
    let mut file = File::options().write(true).open(&archive)?;
    file.seek(SeekFrom::Start(start))?;
    file.write_all(&vec![0xFF; usize::try_from(length)?])?;
    drop(file);
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
    write("tamis.toml", "[project]\nrules = [\"rules.tamis\"]\n[schema]\nx = \"schema.tamis\"\n")?;
    write("schema.tamis", &format!("{SCHEMA}{inside}"))?;
    let rule = |window: &str| {
        let (each, all) = match inside {
            "" => ("", "declarations"),
            _ => ("  for each item\n", "items"),
        };
        format!("rule R1\n{each}  when count of past {all} with same importer_id {window} = 1\n")
    };
    // 19,005 days after 1970-01-01.
    write("today.csv", "declaration_id,accepted_date,importer_id\n5,2022-01-13,A\n")?;
    let history = ["run", "today.csv", "--history", "archive.parquet", "--quiet"];
    let within = |window: &str| -> Result<String, Failed> {
        write("rules.tamis", &rule(window))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
        let command = command.current_dir(&folder).args(history);
        let output = command.args(["--output", "json"]).output()?;
        Ok(format!("{} {}", output.status.success(), String::from_utf8_lossy(&output.stdout)))
    };
    let said = within("in last 90 days")?;
    let wanted = said.strip_prefix("true ").map(hits).transpose()?;
    if wanted.as_ref().and_then(|it| it.first()).map(|it| it.1) != Some(1) {
        return Err(format!("a window that ends before the damage: {said}").into());
    }
    if within("in last 60 months")?.starts_with("true") {
        return Err("a window over the damage should be an error".into());
    }
    Ok(())
}
