//! Quotes that do not end, and bytes that mean nothing: told, and no row is swallowed.

use std::fs;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

const SCHEMA: &str = "\
record item
  key id
  field id : text required
  field origin : country
  field note : text
";

const RULES: &str = "\
rule R1
  when origin is given
  then
    show note
";

/// A CSV, its encoding, the rows that are judged, and the faults as `column reason count row`.
struct File {
    name: &'static str,
    bytes: &'static [u8],
    encoding: &'static str,
    judged: &'static [&'static str],
    faults: &'static [&'static str],
}

const FILES: &[File] = &[
    File {
        name: "a text of several lines",
        bytes: b"id,origin,note\n1,CN,\"a\nb, \"\"c\"\"\"\n2,CN,x\n",
        encoding: "utf-8",
        judged: &["1", "2"],
        faults: &[],
    },
    File {
        name: "a quote that never ends",
        bytes: b"id,origin,note\n1,CN,\"5 inch\n2,CN,x\n3,CN,y\n",
        encoding: "utf-8",
        judged: &["1", "2", "3"],
        faults: &["note stray quote 1 1"],
    },
    File {
        name: "a quote that ends in another row",
        bytes: b"id,origin,note\n1,CN,\"5 inch\n2,CN,x\n3,CN,\"7\"\" tablet\"\n4,CN,y\n",
        encoding: "utf-8",
        judged: &["1", "2", "3", "4"],
        faults: &["note stray quote 1 1"],
    },
    File {
        name: "a quote inside a cell",
        bytes: b"id,origin,note\n1,CN,\"7\" tablet\r\n2,CN,7\" tablet\r\n",
        encoding: "utf-8",
        judged: &["1", "2"],
        faults: &["note stray quote 1 1"],
    },
    File {
        name: "a quote in a column that nobody asks for",
        bytes: b"id,origin,note,more\n1,CN,x,\"y\n2,CN,x,y\n",
        encoding: "utf-8",
        judged: &["1", "2"],
        faults: &["more stray quote 1 1"],
    },
    File {
        name: "all the lines between two quotes",
        bytes: b"id,origin,note\n1,CN,\"a\n2,CN,b\n3,CN,c\n4,CN,d\"\n5,CN,e\n",
        encoding: "utf-8",
        judged: &["1", "2", "3", "4", "5"],
        faults: &["note stray quote 1 1"],
    },
    File {
        name: "a quote that ends in the next line",
        bytes: b"id,origin,note\n1,CN,\"a\n2,FR,b\"\n3,CN,c\n",
        encoding: "utf-8",
        judged: &["1", "2", "3"],
        faults: &["note stray quote 1 1"],
    },
    File {
        name: "a quote that ends in the next line, of an old Macintosh",
        bytes: b"id,origin,note\r1,CN,\"a\r2,FR,b\"\r3,CN,c\r",
        encoding: "utf-8",
        judged: &["1", "2", "3"],
        faults: &["note stray quote 1 1"],
    },
    File {
        name: "an address of two lines",
        bytes: b"id,origin,note\n1,CN,\"Rue X, Paris\nFrance, EU\"\n2,CN,x\n",
        encoding: "utf-8",
        judged: &["1", "2"],
        faults: &[],
    },
    File {
        name: "a NUL in a text",
        bytes: b"id,origin,note\n1,CN,a\0\n2,CN,x\n",
        encoding: "utf-8",
        judged: &["1", "2"],
        faults: &["note not readable 1 1"],
    },
    File {
        name: "bytes that are no windows-1252",
        bytes: b"id,origin,note\n1,CN,\x81\n2,CN,\xE9\x80\n",
        encoding: "windows-1252",
        judged: &["1", "2"],
        faults: &["note not readable 1 1"],
    },
    File {
        name: "half a letter of two bytes",
        bytes: b"i\0d\0,\0o\0r\0i\0g\0i\0n\0,\0n\0o\0t\0e\0\n\x001\0,\0C\0N\0,\0x\0\n\x002",
        encoding: "utf-16le",
        judged: &["1"],
        faults: &[" ragged row 1 2"],
    },
    File {
        name: "half a pair of UTF-16",
        bytes: b"i\0d\0,\0o\0r\0i\0g\0i\0n\0,\0n\0o\0t\0e\0\n\x001\0,\0C\0N\0,\0\0\xD8\n\0",
        encoding: "utf-16le",
        judged: &["1"],
        faults: &["note not readable 1 1"],
    },
    File {
        name: "bytes that are no Shift_JIS",
        bytes: b"id,origin,note\n1,CN,a\xFFb\n2,CN,\x83\n3,CN,\x83\x65\n",
        encoding: "shift_jis",
        judged: &["1", "2", "3"],
        faults: &["note not readable 2 1"],
    },
    File {
        name: "bytes that are no UTF-8",
        bytes: b"id,origin,note\n1,CN,a\xFFb\n",
        encoding: "utf-8",
        judged: &["1"],
        faults: &["note not readable 1 1"],
    },
];

pub fn trials() -> Vec<Trial> {
    FILES.iter().map(|it| Trial::test(format!("CSV with {}", it.name), || read(it))).collect()
}

fn read(it: &File) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    fs::write(path("schema.tamis"), SCHEMA)?;
    fs::write(path("r.tamis"), RULES)?;
    fs::write(path("d.csv"), it.bytes)?;
    let set = format!("[data.d]\npath = \"d.csv\"\nencoding = \"{}\"\n", it.encoding);
    let project = "[project]\nrules = [\"r.tamis\"]\n[schema]\nd = \"schema.tamis\"\n";
    fs::write(path("tamis.toml"), format!("{project}{set}"))?;
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder.path())
        .args(["run", "d", "--out", "h.csv", "--max-rejected", "100%", "--output", "json"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.code() != Some(0) {
        return Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let hits = fs::read_to_string(path("h.csv"))?;
    let judged: Vec<&str> = hits.lines().skip(1).filter_map(|it| it.split(',').next()).collect();
    let summary: serde_json::Value = serde_json::from_str(&said)?;
    let faults = summary["faults"].as_array().ok_or("no faults")?;
    let text = |it: &serde_json::Value, name: &str| it[name].as_str().unwrap_or("").to_owned();
    let fault = |it: &serde_json::Value| {
        let (column, reason) = (text(it, "column"), text(it, "reason"));
        format!("{column} {reason} {} {}", it["count"], it["first_row"])
    };
    let faults: Vec<String> = faults.iter().map(fault).collect();
    if judged == it.judged && faults == it.faults {
        return Ok(());
    }
    Err(format!("{judged:?} {faults:?}").into())
}
