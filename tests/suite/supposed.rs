//! `tamis why` over records within records: what it proposes can be supposed by `--what-if`, and
//! turns the answer; sentences say what is so.

use std::path::Path;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use serde_json::Value as Json;
use tamis::probe::Asked;
use tamis::probe::Data;
use tamis::probe::Form;
use tamis::probe::Project;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("supposed changes of items and documents turn answers", turned),
        Trial::test("supposed sentences say what is so", sentences),
    ]
}

const IDS: [&str; 4] = ["M00002", "M00817", "M01000", "M01400"];

fn made() -> Result<(Project, Data), Failed> {
    Ok((Project::load(Path::new("rules-made"))?, Data::Named(vec!["made".to_owned()])))
}

fn asked(id: &str, what_if: Vec<String>) -> Asked {
    let turned = what_if.is_empty();
    Asked { ids: vec![id.to_owned()], what_if, all: true, turned, form: Form::Json }
}

fn array(it: &Json) -> Vec<Json> {
    it.as_array().cloned().unwrap_or_default()
}

/// `item.2.document.1.kind=N853`
fn what_if(change: &Json) -> String {
    let mut res = String::new();
    let records = [
        ("item_number", "item"),
        ("document_number", "document"),
        ("reference_number", "fiscal_reference"),
    ];
    for (name, record) in records {
        if let Some(key) = change["key"][name].as_str() {
            res += &format!("{record}.{key}.");
        }
    }
    let text = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
    format!("{res}{}={}", text("field"), text("value"))
}

/// What a report says of each row and rule, in order.
fn outcomes(report: &Json) -> Vec<(Json, Json, Json)> {
    let mut res = Vec::new();
    for row in array(&report["rows"]) {
        for rule in array(&row["rules"]) {
            res.push((row["key"].clone(), rule["rule"].clone(), rule["outcome"].clone()));
        }
    }
    res
}

fn turned() -> Result<(), Failed> {
    let (project, data) = made()?;
    let mut records = std::collections::BTreeSet::new();
    for id in IDS {
        let report: Json =
            serde_json::from_str(&project.why(&data, &asked(id, Vec::new()))?.concat())?;
        for row in array(&report["rows"]) {
            for rule in array(&row["rules"]) {
                for flip in array(&rule["flips"]) {
                    let changes = array(&flip["changes"]);
                    let all: Vec<String> = changes.iter().map(what_if).collect();
                    records.extend(changes.iter().map(|it| it["record"].to_string()));
                    let said = project.why(&data, &asked(id, all.clone()))?.concat();
                    let after = (row["key"].clone(), rule["rule"].clone(), flip["outcome"].clone());
                    if !outcomes(&serde_json::from_str(&said)?).contains(&after) {
                        return Err(format!("{id}: not {after:?} with {all:?}").into());
                    }
                }
            }
        }
    }
    match records.len() {
        4.. => Ok(()),
        _ => Err(format!("changes in {records:?} only").into()),
    }
}

fn sentences() -> Result<(), Failed> {
    let (project, data) = made()?;
    let mut seen = [0, 0];
    for id in IDS {
        let report: Json =
            serde_json::from_str(&project.why(&data, &asked(id, Vec::new()))?.concat())?;
        for rule in array(&report["rows"]).iter().flat_map(|it| array(&it["rules"])) {
            told(&rule["condition"], &mut seen)?;
        }
    }
    if seen.contains(&0) {
        return Err(format!("{seen:?} sentences of what is so and what is not").into());
    }
    Ok(())
}

/// `“no document has (…)” is not true.`
fn told(line: &Json, seen: &mut [usize; 2]) -> Result<(), Failed> {
    array(&line["parts"]).iter().try_for_each(|it| told(it, seen))?;
    let sentence = line["sentence"].as_str().unwrap_or_default();
    let said = match sentence {
        it if !it.starts_with('“') => return Ok(()),
        it if it.ends_with(" is not true.") => false,
        it if it.ends_with(" is true.") => true,
        _ => return Ok(()),
    };
    seen[usize::from(said)] += 1;
    if line["truth"] != Json::Bool(said) {
        return Err(format!("{sentence} {}", line["truth"]).into());
    }
    Ok(())
}
