//! What the benchmarks run on: the sample repeated, and rules of every usual kind.

#![allow(dead_code)] // each benchmark uses a part of it

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringArray;
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::common::Column;
use datafusion::functions::string::expr_fn::starts_with;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::cast;
use datafusion::logical_expr::lit;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/kcs-54k");
const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
const KEY: &str = "Declaration ID";

/// The 54,000 declarations as one batch.
fn sample() -> Result<RecordBatch> {
    let mut batches = Vec::new();
    for name in ["train.parquet", "valid.parquet"] {
        let file = File::open(Path::new(SAMPLE).join(name))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.build()?;
        batches.extend(reader.collect::<std::result::Result<Vec<_>, _>>()?);
    }
    let schema = batches.first().ok_or("no sample")?.schema();
    let file = File::open(Path::new(SAMPLE).join("test.csv"))?;
    let reader = arrow::csv::ReaderBuilder::new(schema.clone()).with_header(true).build(file)?;
    batches.extend(reader.collect::<std::result::Result<Vec<_>, _>>()?);
    Ok(concat_batches(&schema, &batches)?)
}

/// So many rows of the sample, repeated, each with a key of its own.
pub fn archive(folder: &Path, rows: usize) -> Result<PathBuf> {
    let path = folder.join(format!("{rows}.parquet"));
    if path.exists() {
        return Ok(path);
    }
    let sample = sample()?;
    let partial = folder.join("partial");
    let mut writer = writer(&partial, &sample)?;
    let mut left = rows;
    let mut round = 0;
    while 0 < left {
        let part = sample.slice(0, left.min(sample.num_rows()));
        writer.write(&renamed(&part, round)?)?;
        left -= part.num_rows();
        round += 1;
    }
    writer.close()?;
    fs::rename(partial, &path)?;
    Ok(path)
}

/// The columns of an archive without a row.
pub fn empty(folder: &Path, data: &Path) -> Result<PathBuf> {
    let path = folder.join("empty.parquet");
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(data)?)?;
    let batch = RecordBatch::new_empty(reader.schema().clone());
    writer(&path, &batch)?.close()?;
    Ok(path)
}

fn writer(path: &Path, like: &RecordBatch) -> Result<ArrowWriter<File>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(131_072))
        .build();
    Ok(ArrowWriter::try_new(File::create(path)?, like.schema(), Some(properties))?)
}

fn renamed(batch: &RecordBatch, round: usize) -> Result<RecordBatch> {
    let at = batch.schema().index_of(KEY)?;
    let keys = batch.column(at).as_string::<i32>();
    let keys: StringArray = keys.iter().map(|it| it.map(|it| format!("{it}-{round}"))).collect();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[at] = Arc::new(keys);
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}

/// The same conditions in three languages; the first as a project in the folder.
#[derive(Clone)]
pub struct Made {
    pub conditions: Vec<Expr>,
    pub sql: Vec<String>,
    /// The columns that they use.
    pub columns: Vec<String>,
}

struct Condition {
    text: String,
    expr: Expr,
    sql: String,
    column: &'static str,
}

pub fn rules(folder: &Path, count: usize) -> Result<Made> {
    let mut source = Source { values: values()?, state: 0x9E37_79B9_7F4A_7C15 };
    let mut text = String::new();
    let mut made = Made { conditions: Vec::new(), sql: Vec::new(), columns: Vec::new() };
    let mut columns = BTreeSet::new();
    for at in 0..count {
        let conditions: Vec<Condition> =
            (0..3 + source.below(3)).map(|_| source.condition()).collect();
        text += &format!(
            "rule B{at:05} \"Number {at}\"\n  for each item of declaration\n  when all of\n"
        );
        for it in &conditions {
            text += &format!("    - {}\n", it.text);
            columns.insert(it.column);
        }
        text.push('\n');
        let sql: Vec<String> = conditions.iter().map(|it| it.sql.clone()).collect();
        made.sql.push(format!("({})", sql.join(" and ")));
        let all = conditions.into_iter().map(|it| it.expr).reduce(Expr::and);
        made.conditions.push(all.ok_or("a rule without conditions")?);
    }
    made.columns = columns.into_iter().map(str::to_owned).collect();
    project(folder, &text)?;
    Ok(made)
}

/// A project of the sample's schema with these rules.
pub fn project(folder: &Path, text: &str) -> Result<()> {
    fs::write(folder.join("rules.tamis"), text)?;
    fs::create_dir_all(folder.join("nomenclature"))?;
    fs::copy(format!("{PROJECT}/nomenclature/hs.csv"), folder.join("nomenclature/hs.csv"))?;
    fs::copy(format!("{PROJECT}/schema.tamis"), folder.join("schema.tamis"))?;
    let toml = fs::read_to_string(format!("{PROJECT}/tamis.toml"))?;
    let own = |line: &str| match line.starts_with("rules ") {
        true => "rules = [\"rules.tamis\"]\n".to_owned(),
        false => format!("{line}\n"),
    };
    fs::write(folder.join("tamis.toml"), toml.lines().map(own).collect::<String>())?;
    Ok(())
}

/// The values of text columns, as often as they stand in the sample.
fn values() -> Result<BTreeMap<&'static str, Vec<String>>> {
    let sample = sample()?;
    let known: BTreeSet<String> = csv::Reader::from_path(format!("{PROJECT}/nomenclature/hs.csv"))?
        .records()
        .filter_map(|it| it.ok()?.get(0).map(str::to_owned))
        .collect();
    let mut res = BTreeMap::new();
    for (column, _) in TEXTS.iter().chain(&[(HS, "")]) {
        let array = sample.column_by_name(column).ok_or("no such column")?.as_string::<i32>();
        let mut all: Vec<String> = array.iter().flatten().map(str::to_owned).collect();
        match *column {
            HS => all.retain(|it| known.contains(it)),
            ORIGIN | DEPARTURE => all.retain(|it| {
                it.len() == 2 && !matches!(it.as_str(), "XX" | "ZZ" | "IS" | "IN" | "NO")
            }),
            _ => {}
        }
        res.insert(*column, all);
    }
    Ok(res)
}

const HS: &str = "HS6 Code";
const ORIGIN: &str = "Country of Origin";
const DEPARTURE: &str = "Country of Departure";
const TEXTS: [(&str, &str); 6] = [
    (ORIGIN, "origin"),
    (DEPARTURE, "departure"),
    ("Office ID", "office"),
    ("Importer ID", "importer_id"),
    ("Payment Type", "payment_type"),
    ("Import Use", "import_use"),
];

struct Source {
    values: BTreeMap<&'static str, Vec<String>>,
    state: u64,
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn decimal(name: &str) -> Expr {
    cast(column(name), DataType::Decimal128(30, 6))
}

impl Source {
    fn below(&mut self, n: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize % n.max(1)
    }

    fn some(&mut self, of: &str) -> Vec<String> {
        let count = 1 + self.below(4);
        let all = self.values.get(of).map_or(0, Vec::len);
        let picked: Vec<usize> = (0..count).map(|_| self.below(all)).collect();
        let values = &self.values[of];
        let picked: BTreeSet<&String> = picked.into_iter().map(|it| &values[it]).collect();
        picked.into_iter().cloned().collect()
    }

    fn condition(&mut self) -> Condition {
        match self.below(14) {
            0..3 => self.code(),
            at @ 3..9 => self.text(TEXTS[at - 3]),
            9 => {
                let limit = [100, 500, 1_000, 5_000, 20_000, 100_000][self.below(6)];
                let (sign, less) = self.sign();
                let other = lit(limit) * decimal("Net Mass");
                let price = decimal("Item Price");
                let exact = |it: &str| format!("cast(\"{it}\" as decimal(30, 6))");
                Condition {
                    text: format!("item_price {sign} {limit} KRW/kg * net_mass"),
                    expr: if less { price.lt(other) } else { price.gt_eq(other) },
                    sql: format!("{} {sign} {limit} * {}", exact("Item Price"), exact("Net Mass")),
                    column: "Item Price",
                }
            }
            10 => self.number("Tax Rate", "tax_rate", "%", &[0, 3, 5, 8, 10, 13, 20]),
            11 => self.number("Net Mass", "net_mass", "kg", &[1, 5, 10, 100, 1_000, 5_000]),
            12 => {
                let limits = [1_000, 10_000, 50_000, 200_000, 1_000_000];
                self.number("Item Price", "item_price", "KRW", &limits)
            }
            _ => {
                let days = ["2020-03-01", "2020-06-15", "2020-09-01", "2021-01-01", "2021-03-01"];
                let day = days[self.below(5)];
                let (sign, less) = self.sign();
                let date = column("Date");
                Condition {
                    text: format!("accepted_date {sign} {day}"),
                    // Dates stand as text in the files, and ISO dates compare as text.
                    expr: if less { date.lt(lit(day)) } else { date.gt_eq(lit(day)) },
                    sql: format!("\"Date\" {sign} '{day}'"),
                    column: "Date",
                }
            }
        }
    }

    /// `<` or `>=`, and whether it is the first.
    fn sign(&mut self) -> (&'static str, bool) {
        if self.below(2) == 0 { ("<", true) } else { (">=", false) }
    }

    fn number(&mut self, name: &'static str, field: &str, unit: &str, limits: &[i64]) -> Condition {
        let limit = limits[self.below(limits.len())];
        let (sign, less) = self.sign();
        let (value, bound) = (column(name), lit(limit as f64));
        Condition {
            text: format!("{field} {sign} {limit} {unit}"),
            expr: if less { value.lt(bound) } else { value.gt_eq(bound) },
            sql: format!("\"{name}\" {sign} {limit}"),
            column: name,
        }
    }

    fn code(&mut self) -> Condition {
        let digits = if self.below(2) == 0 { 2 } else { 4 };
        let codes: BTreeSet<String> =
            self.some(HS).into_iter().map(|it| it.get(..digits).unwrap_or("").to_owned()).collect();
        let words: Vec<String> = codes.iter().map(|it| format!("HS {it}")).collect();
        let sql: Vec<String> =
            codes.iter().map(|it| format!("starts_with(\"{HS}\", '{it}')")).collect();
        let tests = codes.iter().map(|it| starts_with(column(HS), lit(it.clone())));
        Condition {
            text: format!("hs under ({})", words.join(", ")),
            expr: tests.reduce(Expr::or).unwrap_or_else(|| lit(false)),
            sql: format!("({})", sql.join(" or ")),
            column: HS,
        }
    }

    fn text(&mut self, (name, field): (&'static str, &str)) -> Condition {
        let values = self.some(name);
        let quote = if matches!(name, ORIGIN | DEPARTURE) { "" } else { "\"" };
        let words: Vec<String> = values.iter().map(|it| format!("{quote}{it}{quote}")).collect();
        let sql: Vec<String> = values.iter().map(|it| format!("'{it}'")).collect();
        Condition {
            text: format!("{field} in ({})", words.join(", ")),
            expr: column(name).in_list(values.into_iter().map(lit).collect(), false),
            sql: format!("\"{name}\" in ({})", sql.join(", ")),
            column: name,
        }
    }
}
