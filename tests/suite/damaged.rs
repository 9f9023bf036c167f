//! Damaged files: whatever stands in them, a command ends, says whose fault it is, and holds no
//! more memory than it may.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::array::ListArray;
use arrow::array::StringArray;
use arrow::array::StructArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::ipc::CompressionType;
use arrow::ipc::writer::FileWriter;
use arrow::ipc::writer::IpcWriteOptions;
use arrow::record_batch::RecordBatch;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::basic::ZstdLevel;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;

use crate::memory::watched;
use crate::mutators;
use crate::mutators::Parts;
use crate::runs::expect;
use crate::seed::Random;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ends damaged files are faults of theirs", damaged),
        Trial::test("ends small files that unpack to much are refused", bombs),
    ]
}

const SCHEMA: &str = "codes HS levels 2, 4, 6

record declaration
  key declaration_id
  field declaration_id : text required
  field sent_on : date
  field importer : name
  history date sent_on

record item in declaration
  key item_number
  field item_number : whole number required
  field note : text
  field packages : whole number
  field paid : money in EUR
  field rate : percent
  field stored_at : date-time
  field flag : truth
  field hs : code of HS
";

const RULES: &str = "list known file \"known.xlsx\"
  column hs : code of HS, key
  column day : date
  column rate : percent
  column note : text

list words file \"words.csv\"
  column note : text, key
  column most : whole number

rule R1
  for each item
  when any of
    - packages > 2
    - paid > 3 EUR and rate < 5 %
    - stored_at > 2026-01-03T00:00
    - flag
  then
    because \"{note}\"

rule R2
  for declaration
  when count of past items where (packages > 1) with same importer in last 30 days > 2

rule R3
  for each item
  when hs in list known or lookup(words, note).most > packages
";

const CONFIG: &str = "[project]
rules = [\"r.tamis\"]
[schema]
declaration = \"schema.tamis\"
[data.parquet]
path = \"damaged-nested.parquet\"
[data.parquet.item]
within = \"items\"
[data.arrow]
path = \"damaged-nested.arrow\"
[data.arrow.item]
within = \"items\"
";

const ROWS: i64 = 300;

/// The columns of a declaration, and those of its items.
fn columns() -> Result<(RecordBatch, RecordBatch), Failed> {
    let every = || 0..ROWS;
    let ids: Vec<String> = every().map(|it| format!("D{:03}", it / 3)).collect();
    let importers: Vec<String> = every().map(|it| format!("Name {}", it / 3 % 9)).collect();
    let days = every().map(|it| 20_500 + i32::try_from(it / 9).unwrap_or(0));
    let outer: Vec<(&str, ArrayRef)> = vec![
        ("declaration_id", Arc::new(StringArray::from(ids))),
        ("sent_on", Arc::new(Date32Array::from_iter_values(days))),
        ("importer", Arc::new(StringArray::from(importers))),
    ];
    let notes = every().map(|it| (it % 7 != 0).then(|| format!("note {}", it % 20)));
    let paid: Decimal128Array = every().map(|it| Some(i128::from(it) * 1234)).collect();
    let stored = every().map(|it| 1_767_225_600_000_000 + it * 7_200_000_000);
    let flags = every().map(|it| (it % 5 != 0).then_some(it % 2 == 0));
    let codes = StringArray::from_iter_values(
        every().map(|it| ["851713", "6403", "85"][(it % 3) as usize]),
    );
    let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let inner: Vec<(&str, ArrayRef)> = vec![
        ("item_number", Arc::new(Int64Array::from_iter_values(every().map(|it| it % 3)))),
        ("note", Arc::new(notes.collect::<StringArray>())),
        ("packages", Arc::new(Int64Array::from_iter_values(every().map(|it| it % 5)))),
        ("paid", Arc::new(paid.with_precision_and_scale(18, 4)?)),
        (
            "rate",
            Arc::new(Float64Array::from_iter_values(every().map(|it| f64::from(it as i32) / 8.0))),
        ),
        ("stored_at", Arc::new(TimestampMicrosecondArray::from_iter_values(stored))),
        ("flag", Arc::new(flags.collect::<BooleanArray>())),
        ("hs", cast(&codes, &coded)?),
    ];
    Ok((RecordBatch::try_from_iter(outer)?, RecordBatch::try_from_iter(inner)?))
}

fn flat() -> Result<RecordBatch, Failed> {
    let (outer, inner) = columns()?;
    let fields =
        outer.schema().fields().iter().chain(inner.schema().fields()).cloned().collect::<Vec<_>>();
    let columns = [outer.columns(), inner.columns()].concat();
    Ok(RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), columns)?)
}

/// A row for each declaration, its items in a list.
fn nested() -> Result<RecordBatch, Failed> {
    let (outer, inner) = columns()?;
    let count = outer.num_rows() / 3;
    let items = StructArray::from(inner);
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(3, count));
    let list: ArrayRef = Arc::new(ListArray::new(field, offsets, Arc::new(items), None));
    let third: Int64Array = (0..ROWS / 3).map(|it| Some(it * 3)).collect();
    let names = ["declaration_id", "sent_on", "importer"];
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    for (name, column) in names.iter().zip(outer.columns()) {
        columns.push((name, arrow::compute::take(column, &third, None)?));
    }
    columns.push(("items", list));
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// A file as it is, and where its pages begin, if it is of Parquet.
struct Original {
    bytes: Vec<u8>,
    pages: Vec<usize>,
}

fn parquet_file(
    batch: &RecordBatch,
    compression: Compression,
    dictionary: bool,
) -> Result<Original, Failed> {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_dictionary_enabled(dictionary)
        .set_max_row_group_row_count(Some(120))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))?;
    writer.write(batch)?;
    writer.close()?;
    let mut file = tempfile::tempfile()?;
    file.write_all(&bytes)?;
    let reader = SerializedFileReader::new(file)?;
    let mut pages = Vec::new();
    for group in reader.metadata().row_groups() {
        for column in group.columns() {
            let all = [Some(column.data_page_offset()), column.dictionary_page_offset()];
            pages.extend(all.into_iter().flatten().filter_map(|it| usize::try_from(it).ok()));
        }
    }
    Ok(Original { bytes, pages })
}

fn arrow_file(
    batch: &RecordBatch,
    compression: Option<CompressionType>,
) -> Result<Original, Failed> {
    let options = IpcWriteOptions::default().try_with_compression(compression)?;
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new_with_options(&mut bytes, &batch.schema(), options)?;
    writer.write(&batch.slice(0, batch.num_rows() / 2))?;
    writer.finish()?;
    drop(writer);
    Ok(Original { bytes, pages: Vec::new() })
}

const WORDS: &str = "note,most\nnote 1,2\n\"note, 2\",\nnote 3,5\n";

/// A workbook of one sheet, as other programs write it.
fn workbook() -> Parts {
    let cell = |at: &str, ty: &str, value: &str| format!("<c r=\"{at}\"{ty}><v>{value}</v></c>");
    let head: String = ["A1", "B1", "C1", "D1"]
        .iter()
        .enumerate()
        .map(|(at, it)| cell(it, " t=\"s\"", &at.to_string()))
        .collect();
    let mut rows = format!("<row r=\"1\">{head}</row>");
    for at in 2..12 {
        let cells = [
            cell(&format!("A{at}"), " t=\"str\"", &format!("8517{at:02}")),
            cell(&format!("B{at}"), " s=\"1\"", &format!("{}", 46_000 + at)),
            cell(&format!("C{at}"), " s=\"2\"", "0.08"),
            format!("<c r=\"D{at}\" t=\"inlineStr\"><is><t>text {at}</t></is></c>"),
        ];
        rows += &format!("<row r=\"{at}\">{}</row>", cells.concat());
    }
    let relation = "<Relationships><Relationship Id=\"r1\" Target=\"worksheets/sheet1.xml\"/>\
                    </Relationships>";
    let styles = "<styleSheet><numFmts><numFmt numFmtId=\"165\" formatCode=\"dd/mm/yyyy\"/>\
                  </numFmts><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"165\"/>\
                  <xf numFmtId=\"10\"/></cellXfs></styleSheet>";
    let strings = "<sst count=\"4\" uniqueCount=\"4\"><si><t>hs</t></si><si><t>day</t></si><si><r>\
                   <t>ra</t></r><r><t>te</t></r></si><si><t>note</t></si></sst>";
    let book = "<workbook><workbookPr date1904=\"0\"/><sheets><sheet name=\"a\" r:id=\"r1\"/>\
                </sheets></workbook>";
    vec![
        ("xl/workbook.xml", book.to_owned()),
        ("xl/_rels/workbook.xml.rels", relation.to_owned()),
        ("xl/sharedStrings.xml", strings.to_owned()),
        ("xl/styles.xml", styles.to_owned()),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"),
        ),
    ]
}

fn project() -> Result<(tempfile::TempDir, BTreeMap<&'static str, Original>), Failed> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    fs::write(root.join("schema.tamis"), SCHEMA)?;
    fs::write(root.join("r.tamis"), RULES)?;
    fs::write(root.join("tamis.toml"), CONFIG)?;
    fs::write(root.join("words.csv"), WORDS)?;
    fs::write(root.join("known.xlsx"), mutators::zipped(&workbook())?)?;
    let (flat, nested) = (flat()?, nested()?);
    let mut csv = Vec::new();
    arrow::csv::Writer::new(&mut csv).write(&flat)?;
    fs::write(root.join("plain.csv"), &csv)?;
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let files = [
        ("plain.parquet", parquet_file(&flat, Compression::UNCOMPRESSED, false)?),
        ("snappy.parquet", parquet_file(&flat, Compression::SNAPPY, true)?),
        ("nested.parquet", parquet_file(&nested, zstd, true)?),
        ("plain.arrow", arrow_file(&flat, None)?),
        ("packed.arrow", arrow_file(&flat, Some(CompressionType::ZSTD))?),
        ("nested.arrow", arrow_file(&nested, Some(CompressionType::LZ4_FRAME))?),
        ("plain.csv", Original { bytes: csv, pages: Vec::new() }),
        ("words.csv", Original { bytes: WORDS.into(), pages: Vec::new() }),
        ("known.xlsx", Original { bytes: Vec::new(), pages: Vec::new() }),
        (
            "known.xlsx of bytes",
            Original { bytes: mutators::zipped(&workbook())?, pages: Vec::new() },
        ),
    ];
    Ok((folder, files.into()))
}

fn mutated(name: &str, it: &Original, random: &mut Random) -> Result<Vec<u8>, Failed> {
    if name == "known.xlsx" {
        return mutators::xlsx(&workbook(), random);
    }
    if random.one_in(3) || name.ends_with("bytes") {
        return Ok(mutators::bytes(&it.bytes, random));
    }
    Ok(match name.rsplit('.').next() {
        Some("parquet") => mutators::parquet(&it.bytes, &it.pages, random),
        Some("arrow") => mutators::arrow(&it.bytes, random),
        _ => mutators::csv(&it.bytes, random),
    })
}

/// What is done with a damaged file: mostly it is run.
fn command(name: &str, file: &str, random: &mut Random) -> Vec<String> {
    let words = |it: &str| it.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let data = match name {
        "nested.parquet" => "parquet",
        "nested.arrow" => "arrow",
        _ => file,
    };
    let run = "--quiet --out h.csv --max-rejected=100% --memory-limit 150MiB --threads 2";
    let of_list = file == name;
    match random.below(10) {
        0 | 1 if of_list => words("check"),
        _ if of_list => words(&format!("run plain.csv {run}")),
        0 => words(&format!("init made --force --from {file}")),
        1 => words(&format!("run {data} {run} --engine interpreter")),
        2 => words(&format!("run plain.csv --history {data} {run}")),
        _ => words(&format!("run {data} {run}")),
    }
}

/// The binary that is tried: `TAMIS_BINARY`, or that of this build.
fn binary() -> String {
    std::env::var("TAMIS_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tamis").to_owned())
}

/// What may be held at most, in KiB: the limit of 150 MiB and 300 MiB more.
const MOST: u64 = 450 * 1024;

fn damaged() -> Result<(), Failed> {
    let (folder, files) = project()?;
    let root = folder.path();
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse().ok());
    let wanted: usize = number("TAMIS_DAMAGED").unwrap_or(200);
    let first: usize = number("TAMIS_DAMAGED_FIRST").unwrap_or(0);
    let names: Vec<&str> = files.keys().copied().collect();
    for data in ["plain.csv", "parquet", "arrow"] {
        for name in ["nested.parquet", "nested.arrow"] {
            fs::write(root.join(format!("damaged-{name}")), &files[name].bytes)?;
        }
        expect(root, &["run", data, "--quiet", "--out", "h.csv"], 0)?;
    }
    let (mut peak, mut ends) = (0, BTreeMap::<_, usize>::new());
    for at in first..first + wanted {
        let name = names[at % names.len()];
        let mut random = Random::new(u64::try_from(at).unwrap_or(0) + 20_261_127);
        let bytes = mutated(name, &files[name], &mut random)?;
        let name = name.trim_end_matches(" of bytes");
        let is_list = name.starts_with("known") || name.starts_with("words");
        let file = if is_list { name.to_owned() } else { format!("damaged-{name}") };
        fs::write(root.join(&file), &bytes)?;
        let arguments = command(name, &file, &mut random);
        let mut command = Command::new(binary());
        command.current_dir(root).args(&arguments).stdout(Stdio::null());
        command.stderr(fs::File::create(root.join("said"))?);
        let (status, most) = watched(command.spawn()?, Duration::from_secs(60))?;
        peak = peak.max(most);
        *ends.entry(status.and_then(|it| it.code())).or_default() += 1;
        let is_right = status.is_some_and(|it| matches!(it.code(), Some(0..=3)));
        if !is_right || MOST < most {
            let kept = std::env::temp_dir().join(format!("tamis-damaged-{at}-{file}"));
            fs::write(&kept, &bytes)?;
            let said = String::from_utf8_lossy(&fs::read(root.join("said"))?).into_owned();
            let kept = kept.display();
            return Err(format!("{kept}: {arguments:?}: {status:?}, {most} KiB: {said}").into());
        }
        if is_list {
            fs::write(root.join("words.csv"), WORDS)?;
            fs::write(root.join("known.xlsx"), &files["known.xlsx of bytes"].bytes)?;
        } else {
            fs::remove_file(root.join(&file))?;
        }
        fs::remove_dir_all(root.join("made")).ok();
    }
    println!("{wanted} damaged files: codes {ends:?}, at most {peak} KiB resident");
    Ok(())
}

fn bombs() -> Result<(), Failed> {
    let (folder, _) = project()?;
    let root = folder.path();
    let batch = flat()?;
    // A dictionary of one text, and a text that is long by itself.
    for (name, length, dictionary) in [("many", 2 << 20, true), ("one", 200 << 20, false)] {
        let long = "A".repeat(length);
        let rows = if dictionary { batch.num_rows() } else { 1 };
        let notes: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..rows).map(|_| long.as_str())));
        let mut columns = batch.slice(0, rows).columns().to_vec();
        columns[batch.schema().index_of("note")?] = notes;
        let bomb = RecordBatch::try_new(batch.schema(), columns)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(dictionary)
            .set_dictionary_page_size_limit(8 << 20)
            .build();
        let path = format!("{name}.parquet");
        let file = fs::File::create(root.join(&path))?;
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
        writer.write(&bomb)?;
        writer.close()?;
        let run = ["run", path.as_str(), "--quiet", "--out", "h.csv", "--max-rejected=100%"];
        let said = expect(Path::new(root), &run, 3)?;
        if !said.contains("column `note`") {
            return Err(format!("{name}: {said}").into());
        }
    }
    Ok(())
}
