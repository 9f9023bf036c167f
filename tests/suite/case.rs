//! Case files: Markdown in which `## ` opens a case and fenced blocks are inputs and expectations.
//!
//! `tamis` rules, `csv` rows, `hits` what both engines must say, `diagnostics` what `check` must
//! say; without that block there must be no error.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use tamis::probe::By;
use tamis::probe::Line;
use tamis::probe::Project;

use crate::tidy;

struct Case {
    heading: String,
    blocks: Vec<(String, String)>,
}

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for path in tidy::files("tests/cases", "md") {
        let text = fs::read_to_string(&path).expect("a listed file is readable");
        for case in cases(&text) {
            let name = format!("{} {}", path.display(), case.heading);
            trials.push(Trial::test(name, move || run(&case)));
        }
    }
    for path in tidy::files("docs/diagnostics", "md") {
        let name = format!("page {}", path.display());
        trials.push(Trial::test(name, move || page(&path)));
    }
    for path in tidy::files("rules", "md") {
        if path.with_extension("tamis").is_file() {
            let name = format!("rule {}", path.display());
            trials.push(Trial::test(name, move || rule(&path)));
        }
    }
    trials
}

/// What a page calls wrong raises its code; what it calls right raises nothing.
fn page(path: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(path)?;
    let schema = fs::read_to_string("tests/schema.tamis")?;
    let code = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default().to_owned();
    for case in cases(&text) {
        for (_, body) in case.blocks.iter().filter(|it| it.0 == "tamis") {
            let said = remarks(&project(&schema, body));
            let raised = said.contains(&format!("[{code}]"));
            match case.heading.as_str() {
                "Wrong" if !raised => return Err(format!("{body}says {said}").into()),
                "Right" if !said.is_empty() => return Err(format!("{body}says {said}").into()),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The rows of a rule's page say what the page says, by both engines.
fn rule(path: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(path)?;
    let schema = fs::read_to_string("rules/schema.tamis")?;
    let project = Project::load(Path::new("rules"))?;
    let id = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default().to_owned();
    let mut headings = Vec::new();
    for case in cases(&text) {
        let block = |kind: &str| case.blocks.iter().find(|it| it.0 == kind).map(|it| it.1.clone());
        let (Some(csv), Some(wanted)) = (block("csv"), block("hits")) else { continue };
        headings.push(case.heading.clone());
        let folder = tempfile::tempdir()?;
        let rows = folder.path().join("rows.csv");
        fs::write(&rows, completed(&schema, &csv))?;
        for by in [By::Interpreter, PLAN] {
            let said = project.run(std::slice::from_ref(&rows), by)?;
            let said =
                said.lines.iter().filter(|it| it.rule == id).map(of_rule).collect::<String>();
            same(&format!("{} by {by:?}", case.heading), &wanted, &said)?;
        }
    }
    let wanted = ["It hits", "It does not hit", "It stays undecided"];
    if wanted.iter().any(|it| !headings.iter().any(|heading| heading == it)) {
        return Err(format!("a page needs the cases {wanted:?}").into());
    }
    Ok(())
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut shared: Vec<(String, String)> = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match open.take() {
            Some(block) if line == "```" => match cases.last_mut() {
                Some(case) => case.blocks.push(block),
                None => shared.push(block),
            },
            Some((kind, body)) => open = Some((kind, format!("{body}{line}\n"))),
            None => {
                if let Some(kind) = line.strip_prefix("```") {
                    open = Some((kind.to_owned(), String::new()));
                } else if let Some(heading) = line.strip_prefix("## ") {
                    cases.push(Case { heading: heading.to_owned(), blocks: shared.clone() });
                }
            }
        }
    }
    cases
}

fn run(case: &Case) -> Result<(), Failed> {
    let all = |kind: &str| -> String {
        case.blocks.iter().filter(|it| it.0 == kind).map(|it| it.1.as_str()).collect()
    };
    let schema = fs::read_to_string("tests/suite/schema.tamis")?;
    let project = project(&schema, &all("tamis"));
    let said = remarks(&project);
    let wanted = case.blocks.iter().find(|it| it.0 == "diagnostics");
    match wanted {
        Some((_, wanted)) => same("diagnostics", wanted, &said)?,
        None if said.contains("error[") => return Err(said.into()),
        None => {}
    }
    for (kind, body) in &case.blocks {
        match kind.as_str() {
            "tamis" | "csv" | "diagnostics" => {}
            "hits" => hits(&project, &schema, &all("csv"), body)?,
            unknown => return Err(format!("no block is called `{unknown}`").into()),
        }
    }
    Ok(())
}

/// What every engine must say, one line for each hit and undecided row.
fn hits(project: &Project, schema: &str, csv: &str, wanted: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.csv");
    fs::write(&path, completed(schema, csv))?;
    for by in ALL {
        let said = project.run(std::slice::from_ref(&path), by)?;
        let said = said.lines.iter().map(of_any_rule).collect::<String>();
        same(&format!("hits by {by:?}"), wanted, &said)?;
    }
    Ok(())
}

const PLAN: By = By::DataFusion { partitions: 2, batch_size: 7, optimise: true };

const ALL: [By; 3] = [
    By::Interpreter,
    By::DataFusion { partitions: 1, batch_size: 8192, optimise: true },
    By::DataFusion { partitions: 4, batch_size: 1, optimise: false },
];

fn project(schema: &str, rules: &str) -> Project {
    Project::of(&[("rules.tamis", rules), ("schema.tamis", schema)], Path::new("tests"))
}

fn remarks(project: &Project) -> String {
    project.remarks().into_iter().map(|it| it.text).collect()
}

fn of_rule(it: &Line) -> String {
    let words = if it.words.is_empty() { "-" } else { &it.words };
    let score = it.score.as_deref().unwrap_or("-");
    format!("{}  {}  {score}  {words}\n", it.keys[0], it.outcome)
}

fn of_any_rule(it: &Line) -> String {
    let (keys, score) = (it.keys.join("/"), it.score.as_deref().unwrap_or("-"));
    let text = format!("{keys}  {}  {}  {score}  {}", it.rule, it.outcome, it.words);
    format!("{}\n", text.trim_end())
}

/// Columns that a case does not give are added, empty.
pub fn completed(schema: &str, csv: &str) -> String {
    let fields: Vec<&str> = schema
        .lines()
        .filter_map(|it| it.trim().strip_prefix("field "))
        .filter_map(|it| it.split_whitespace().next())
        .collect();
    let mut lines = csv.lines();
    let header = lines.next().unwrap_or_default();
    let given: Vec<&str> = header.split(',').collect();
    let absent: Vec<&str> = fields.into_iter().filter(|it| !given.contains(it)).collect();
    let mut text =
        format!("{header}{}\n", absent.iter().map(|it| format!(",{it}")).collect::<String>());
    for (at, line) in lines.enumerate() {
        let filled: String = absent
            .iter()
            .map(|it| match *it {
                "accepted_date" => ",2026-03-10".to_owned(),
                "item_number" => format!(",{}", at + 1),
                _ => ",".to_owned(),
            })
            .collect();
        text += &format!("{line}{filled}\n");
    }
    text
}

fn same(what: &str, wanted: &str, said: &str) -> Result<(), Failed> {
    if wanted == said {
        return Ok(());
    }
    Err(format!("{what}: expected\n{wanted}said\n{said}").into())
}
