//! SARIF 2.1.0, for code scanning: what of it tamis says.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::diagnostic::Severity;
use crate::report::annotation::Annotation;
use crate::report::annotation::Region as Place;
use crate::report::annotation::Topic;
use crate::shown;
use crate::trouble::Trouble;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Outcome>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: String,
    name: String,
    short_description: Text,
    help: Help,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix {
    description: Text,
    artifact_changes: [Change; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    artifact_location: Artifact,
    replacements: [Replacement; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Text,
}

/// Errors: none but a fault of ours.
pub fn render(annotations: &[Annotation]) -> Result<String, Trouble> {
    let mut topics: Vec<&Topic> = annotations.iter().map(|it| &it.topic).collect();
    topics.sort_by(|a, b| a.id.cmp(&b.id));
    topics.dedup();
    let mut seen = BTreeMap::new();
    let results = annotations.iter().map(|it| outcome(it, &topics, &mut seen)).collect();
    let driver = Driver {
        name: "tamis",
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: topics.iter().map(|it| descriptor(it)).collect(),
    };
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run { tool: Tool { driver }, column_kind: "unicodeCodePoints", results }],
    };
    let text = serde_json::to_string_pretty(&log)
        .map_err(|_| Trouble::bug("a SARIF report cannot be written"))?;
    Ok(shown::json(&text).into_owned() + "\n")
}

fn level(it: Severity) -> &'static str {
    match it {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn descriptor(it: &Topic) -> Descriptor {
    Descriptor {
        id: it.id.clone(),
        name: it.name.clone(),
        short_description: Text { text: it.summary.clone() },
        help: Help { text: it.page.clone(), markdown: it.page.clone() },
        default_configuration: Configuration { level: level(it.severity) },
    }
}

fn outcome(it: &Annotation, topics: &[&Topic], seen: &mut BTreeMap<String, usize>) -> Outcome {
    let help = it.help.as_ref().map(|it| format!(" Help: {it}")).unwrap_or_default();
    let artifact = || Artifact { uri: uri(&it.path) };
    let fixes = it.edit.iter().map(|edit| Fix {
        description: Text { text: it.help.clone().unwrap_or_else(|| "As proposed".to_owned()) },
        artifact_changes: [Change {
            artifact_location: artifact(),
            replacements: [Replacement {
                deleted_region: region(edit.region),
                inserted_content: Text { text: edit.replacement.clone() },
            }],
        }],
    });
    Outcome {
        rule_id: it.topic.id.clone(),
        rule_index: topics.iter().position(|topic| **topic == it.topic).unwrap_or(0),
        level: level(it.severity),
        message: Text { text: format!("{}{help}", it.message) },
        locations: [Location {
            physical_location: Physical {
                artifact_location: artifact(),
                region: region(it.region),
            },
        }],
        partial_fingerprints: BTreeMap::from([("tamis/v1", fingerprint(it, seen))]),
        fixes: fixes.collect(),
    }
}

fn region(it: Place) -> Region {
    Region {
        start_line: it.start.line,
        start_column: it.start.column,
        end_line: it.end.line,
        end_column: it.end.column,
    }
}

/// Of what is said and of the line, not of its number: a remark stays itself when lines above it
/// come and go. Remarks that are alike are counted.
fn fingerprint(it: &Annotation, seen: &mut BTreeMap<String, usize>) -> String {
    let words: Vec<&str> = it.line.split_whitespace().collect();
    let text = [&*it.topic.id, &*it.message, &*words.join(" ")].join("\n");
    let hash = blake3::hash(text.as_bytes()).to_hex()[..32].to_owned();
    let count = seen.entry(format!("{}:{hash}", it.path)).or_insert(0);
    *count += 1;
    format!("{hash}:{count}")
}

/// A path as RFC 3986 has it: relative to what was checked out, or of the machine.
fn uri(path: &str) -> String {
    let mut res = if Path::new(path).is_absolute() { "file://".to_owned() } else { String::new() };
    for it in path.bytes() {
        match it {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                res.push(char::from(it));
            }
            other => res += &format!("%{other:02X}"),
        }
    }
    res
}
