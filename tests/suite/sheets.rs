//! Lists in workbooks: what a sheet shows is what is read, and a hostile one costs nothing.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use zip::write::SimpleFileOptions;

const SCHEMA: &str = "\
codes HS levels 2, 4, 6
record item
  key id
  field id : text required
  field lodged_on : date
  history date lodged_on
";

const RULES: &str = "\
list l file \"l.xlsx\"
  column id : text, key
  column day : date
  column rate : percent
  column hs : code of HS

rule R1
  when lookup(l, id).day is given or lookup(l, id).rate is given
  then
    because \"{lookup(l, id).day} {lookup(l, id).rate} {lookup(l, id).hs}\"
";

const HEADER: &str = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>id</t></is></c><c r=\"B1\" \
                      t=\"inlineStr\"><is><t>day</t></is></c><c r=\"C1\" t=\"inlineStr\"><is>\
                      <t>rate</t></is></c><c r=\"D1\" t=\"s\"><v>0</v></c></row>";

/// Styles: general, date, percent, five digits, a date with a time.
const STYLES: &str = "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"00000\"/><numFmt \
                      numFmtId=\"165\" formatCode=\"dd/mm/yyyy\\ hh:mm\"/></numFmts><cellXfs>\
                      <xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"10\"/>\
                      <xf numFmtId=\"164\"/><xf numFmtId=\"165\"/></cellXfs></styleSheet>";

/// Name, cells of the second row, whether days count from 1904, what the rule says.
const READ: &[(&str, &str, bool, &str)] = &[
    ("a date", "<c r=\"B2\" s=\"1\"><v>46091</v></c>", false, "2026-03-10 (no value) (no value)"),
    ("a date at noon", "<c r=\"B2\" s=\"4\"><v>46091.5</v></c>", false, "2026-03-10 "),
    ("a date in the evening", "<c r=\"B2\" s=\"4\"><v>46091.99</v></c>", false, "2026-03-10 "),
    ("a date since 1904", "<c r=\"B2\" s=\"1\"><v>44629</v></c>", true, "2026-03-10 "),
    ("an early date", "<c r=\"B2\" s=\"1\"><v>59</v></c>", false, "1900-02-28 "),
    ("a date in March 1900", "<c r=\"B2\" s=\"1\"><v>61</v></c>", false, "1900-03-01 "),
    ("a date as text", "<c r=\"B2\" t=\"str\"><v>2026-03-10</v></c>", false, "2026-03-10 "),
    ("a percentage", "<c r=\"C2\" s=\"2\"><v>8.2000000000000003E-2</v></c>", false, " 8.2 % "),
    ("a whole percentage", "<c r=\"C2\" s=\"2\"><v>1</v></c>", false, " 100 % "),
    ("a number of percent", "<c r=\"C2\"><v>8</v></c>", false, " 8 % "),
    ("a formula", "<c r=\"C2\" s=\"2\"><f>4/100</f><v>0.04</v></c>", false, " 4 % "),
    (
        "a shared text",
        "<c r=\"C2\"><v>8</v></c><c r=\"D2\" t=\"s\"><v>1</v></c>",
        false,
        " 8 % 010121",
    ),
];

/// Name, the rows of the sheet, what `check` says.
const REFUSED: &[(&str, &str, &str)] = &[
    ("a code as a number", "<c r=\"D2\"><v>10121</v></c>", "leading zeros are lost"),
    ("an error", "<c r=\"C2\" t=\"e\"><v>#N/A</v></c>", "is an error of the sheet"),
    ("a formula that nobody computed", "<c r=\"C2\"><f>4/100</f></c>", "without a value"),
    (
        "merged cells",
        "<c r=\"C2\"><v>8</v></c></row><row r=\"3\"><c r=\"A3\" t=\"str\"><v>m</v></c></row>\
         </sheetData><mergeCells><mergeCell ref=\"C2:C3\"/></mergeCells><sheetData><row r=\"4\">",
        "row 3 of the sheet in `l.xlsx`: `merged` in column `rate` is merged with others",
    ),
    (
        "cells merged far and wide",
        "</row></sheetData><mergeCells><mergeCell ref=\"A1:XFD1048577\"/></mergeCells><row>",
        "is damaged",
    ),
    ("a number beyond dates", "<c r=\"B2\" s=\"1\"><v>2958466</v></c>", "date out of range"),
    ("a number before dates", "<c r=\"B2\" s=\"1\"><v>-99999999</v></c>", "date out of range"),
    ("29 February 1900", "<c r=\"B2\" s=\"1\"><v>60</v></c>", "date out of range"),
    ("a cell far away", "<c r=\"XFD2\"><v>1</v></c>", "in a column without a name"),
    ("a cell beyond the sheet", "<c r=\"ZZZZZZZ2\"><v>1</v></c>", "is damaged"),
    ("half a pair", "<c r=\"D2\" t=\"str\"><v>_xD800_</v></c>", "is not a code"),
    ("a shared text that is not there", "<c r=\"D2\" t=\"s\"><v>9</v></c>", "is damaged"),
];

pub fn trials() -> Vec<Trial> {
    let read = READ.iter().map(|(name, cells, since, said)| {
        Trial::test(format!("sheet with {name}"), move || reads(cells, *since, said))
    });
    let refused = REFUSED.iter().map(|(name, cells, said)| {
        Trial::test(format!("sheet with {name}"), move || {
            let row = format!("<row r=\"2\"><c r=\"A2\" t=\"str\"><v>k</v></c>{cells}</row>");
            refuses(&format!("{HEADER}{row}"), said)
        })
    });
    let bomb = Trial::test("sheet that unfolds", || {
        let row = format!("<c r=\"A2\" t=\"str\"><v>{}</v></c>", "a".repeat(1 << 28));
        refuses(&format!("{HEADER}<row r=\"2\">{row}</row>"), "too large")
    });
    read.chain(refused).chain([bomb]).collect()
}

fn project(rows: &str, from_1904: bool) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("schema.tamis"), SCHEMA)?;
    fs::write(folder.path().join("r.tamis"), RULES)?;
    fs::write(folder.path().join("d.csv"), "id,lodged_on\nk,2026-03-10\n")?;
    let since = if from_1904 { "<workbookPr date1904=\"1\"/>" } else { "" };
    // A sheet that is hidden and a chart stand before the one that is read.
    let workbook = format!(
        "<workbook>{since}<sheets><sheet name=\"h\" state=\"hidden\" r:id=\"r3\"/><sheet \
         name=\"c\" r:id=\"r2\"/><sheet name=\"a\" r:id=\"r1\"/></sheets></workbook>"
    );
    let relations = "<Relationships><Relationship Id=\"r1\" Target=\"worksheets/sheet1.xml\"/>\
                     <Relationship Id=\"r2\" Type=\"x/chartsheet\" Target=\"c.xml\"/>\
                     <Relationship Id=\"r3\" Target=\"h.xml\"/></Relationships>";
    let strings = "<sst uniqueCount=\"4000000000\"><si><t>hs</t></si><si><r><t>0101</t></r><r>\
                   <t>21</t></r><rPh><t>x</t></rPh></si></sst>";
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let mut zip = zip::ZipWriter::new(fs::File::create(folder.path().join("l.xlsx"))?);
    for (name, content) in [
        ("xl/workbook.xml", workbook.as_str()),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/sharedStrings.xml", strings),
        ("xl/styles.xml", STYLES),
        ("xl/worksheets/sheet1.xml", &sheet),
    ] {
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(content.as_bytes())?;
    }
    zip.finish()?;
    Ok(folder)
}

fn reads(cells: &str, from_1904: bool, said: &str) -> Result<(), Failed> {
    let row = format!("<row r=\"2\"><c r=\"A2\" t=\"str\"><v>k</v></c>{cells}</row>");
    let folder = project(&format!("{HEADER}{row}"), from_1904)?;
    let (exit, output) =
        tamis(folder.path(), &["run", "d.csv", "--rules", "r.tamis", "--out", "h.csv"])?;
    let hits = fs::read_to_string(folder.path().join("h.csv")).unwrap_or_default();
    if exit == Some(0) && hits.contains(said) {
        return Ok(());
    }
    Err(format!("{exit:?} {output}\n{hits}").into())
}

fn refuses(rows: &str, said: &str) -> Result<(), Failed> {
    let folder = project(rows, false)?;
    let (exit, output) = tamis(folder.path(), &["check", "r.tamis", "--output", "concise"])?;
    if exit == Some(1) && output.contains(said) {
        return Ok(());
    }
    Err(format!("{exit:?} {output}").into())
}

fn tamis(folder: &Path, arguments: &[&str]) -> Result<(Option<i32>, String), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .args(arguments)
        .args(["--schema", "schema.tamis"])
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
}
