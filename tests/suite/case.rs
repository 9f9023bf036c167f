//! Case files: Markdown in which `## ` opens a case and fenced blocks are inputs and expectations.
//!
//! `tamis` rules, `csv` rows, `hits` what both engines must say, `decisions` the channels they lead
//! to, `diagnostics` what `check` must say; without that block there must be no error. `why ID` is
//! what `tamis why` says, with its form or `all` or `what-if field=value` behind the identifier.
//! Prose and blocks of other kinds are for readers.
//! Tests in the language pass, unless a block `tests` says what `tamis test` says of them.
//! `csv record control` is a record in a file of its own beside the rows of `csv`.
//! `schema` stands in for the schema of the suite, `csv lists/goods.csv` is a file of a list.
//!
//! `cargo bless` writes what is said into these blocks. Read the difference.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use tamis::probe::Asked;
use tamis::probe::By;
use tamis::probe::Data;
use tamis::probe::Decided;
use tamis::probe::Files;
use tamis::probe::Form;
use tamis::probe::Line;
use tamis::probe::Project;
use tempfile::TempDir;

use crate::agree;
use crate::tidy;

#[derive(Clone)]
struct Case {
    heading: String,
    blocks: Vec<Block>,
}

#[derive(Clone)]
struct Block {
    kind: String,
    body: String,
    /// The line where the body begins, from 0.
    line: usize,
}

/// Shown to readers, of no concern to the tests.
const PROSE: &[&str] = &["", "text", "toml", "sh", "console"];

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for path in pages() {
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

/// Files whose cases stand on the schema of the suite.
fn pages() -> Vec<PathBuf> {
    let mut pages = tidy::files("tests/cases", "md");
    pages.extend(tidy::files("docs/language", "md"));
    pages.push(PathBuf::from("README.md"));
    pages
}

/// Writes into expectations what is said now.
pub fn bless() -> Result<(), Failed> {
    if std::env::var_os("CI").is_some() {
        return Err("nothing is blessed where CI is set".into());
    }
    for path in pages() {
        let text = fs::read_to_string(&path)?;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut said: Vec<(Block, String)> = Vec::new();
        for case in cases(&text) {
            let told = |it: Failed| format!("{} {}: {it:?}", path.display(), case.heading);
            said.extend(expectations(&case).map_err(told)?);
        }
        // From the last one up, so that lines above stay where they are.
        said.sort_by_key(|it| std::cmp::Reverse(it.0.line));
        for (block, said) in said.iter().filter(|it| it.0.body != it.1) {
            let old = block.line..block.line + block.body.lines().count();
            lines.splice(old, said.lines().map(str::to_owned));
            println!("{}:{}", path.display(), block.line);
        }
        fs::write(&path, lines.join("\n") + "\n")?;
    }
    Ok(())
}

/// What a page calls wrong raises its code; what it calls right raises nothing.
fn page(path: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(path)?;
    let schema = fs::read_to_string("tests/schema.tamis")?;
    let code = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default().to_owned();
    for case in cases(&text) {
        for Block { kind, body, .. } in &case.blocks {
            let said = match kind.as_str() {
                "tamis" => remarks(&project(&schema, body, Path::new("tests"))),
                "toml" => configured(&schema, body)?,
                _ => continue,
            };
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

/// What is said of a `tamis.toml` beside a schema, a rule and a file of data.
fn configured(schema: &str, toml: &str) -> Result<String, Failed> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("rules"))?;
    fs::copy("tests/hs.csv", path("hs.csv"))?;
    fs::write(path("data.csv"), "declaration_id\n")?;
    fs::write(path("schema.tamis"), schema)?;
    let rule = "rule R1\n  for each item\n  when origin is CN\n";
    fs::write(path("rules/r.tamis"), rule)?;
    fs::write(path("tamis.toml"), toml)?;
    Ok(remarks(&Project::load(folder.path())?))
}

/// The rows of a rule's page say what the page says, by both engines.
fn rule(path: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(path)?;
    let schema = fs::read_to_string("rules/schema.tamis")?;
    let project = Project::load(Path::new("rules"))?;
    let id = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default().to_owned();
    let mut headings = Vec::new();
    for case in cases(&text) {
        let block =
            |kind: &str| case.blocks.iter().find(|it| it.kind == kind).map(|it| it.body.clone());
        let (Some(csv), Some(wanted)) = (block("csv"), block("hits")) else { continue };
        headings.push(case.heading.clone());
        let folder = tempfile::tempdir()?;
        let rows = folder.path().join("rows.csv");
        fs::write(&rows, completed(&schema, &csv))?;
        for by in [By::Interpreter, PLAN] {
            let said = project.run_rule(std::slice::from_ref(&rows), &id, by)?;
            let said = said.lines.iter().map(of_rule).collect::<String>();
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
    let mut shared: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in text.lines().enumerate() {
        match open.take() {
            Some(block) if line == "```" => match cases.last_mut() {
                Some(case) => case.blocks.push(block),
                None => shared.push(block),
            },
            Some(block) => open = Some(Block { body: format!("{}{line}\n", block.body), ..block }),
            None => {
                if let Some(kind) = line.strip_prefix("```") {
                    open = Some(Block { kind: kind.to_owned(), body: String::new(), line: at + 1 });
                } else if let Some(heading) = line.strip_prefix("## ") {
                    cases.push(Case { heading: heading.to_owned(), blocks: shared.clone() });
                }
            }
        }
    }
    cases
}

fn run(case: &Case) -> Result<(), Failed> {
    for (block, said) in expectations(case)? {
        same(&block.kind, &block.body, &said)?;
    }
    Ok(())
}

/// What is said where the case expects something.
fn expectations(case: &Case) -> Result<Vec<(Block, String)>, Failed> {
    let all = |kind: &str| -> String {
        case.blocks.iter().filter(|it| it.kind == kind).map(|it| it.body.as_str()).collect()
    };
    let last = |kind: &str| {
        case.blocks.iter().rfind(|it| it.kind == kind).map_or("", |it| it.body.as_str())
    };
    let rules = all("tamis");
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let schema = match last("schema") {
        "" => fs::read_to_string("tests/suite/schema.tamis")?,
        own => own.to_owned(),
    };
    let own_files = own_files(case)?;
    let root = own_files.as_ref().map_or(Path::new("tests"), TempDir::path);
    let project = project(&schema, &rules, root);
    let remarks = remarks(&project);
    if remarks.contains("error[") && !case.blocks.iter().any(|it| it.kind == "diagnostics") {
        return Err(remarks.into());
    }
    let reported = case.blocks.iter().any(|it| it.kind == "tests" || it.kind == "diagnostics");
    if project.has_tests() && !reported {
        let (text, passed) = project.tests()?;
        if !passed {
            return Err(text.into());
        }
    }
    let mut res = Vec::new();
    for block in &case.blocks {
        let said = match block.kind.as_str() {
            "tamis" | "csv" | "schema" => continue,
            kind if kind.starts_with(OWN_FILE) => continue,
            "diagnostics" => remarks.clone(),
            "tests" => project.tests()?.0,
            "hits" => hits(&project, case, &schema, last("csv"))?,
            "decisions" => decisions(&project, &schema, last("csv"))?,
            kind if kind.starts_with(WHY) => why(&project, &schema, last("csv"), kind)?,
            kind if PROSE.contains(&kind) => continue,
            unknown => return Err(format!("no block is called `{unknown}`").into()),
        };
        res.push((block.clone(), said));
    }
    Ok(res)
}

/// A block with what `tamis why` says: ` ```why 3 sentences`.
const WHY: &str = "why ";

fn why(project: &Project, schema: &str, csv: &str, kind: &str) -> Result<String, Failed> {
    let mut words = kind.split(' ').skip(1);
    let id = words.next().unwrap_or_default().to_owned();
    let (what_if, all, form) = (Vec::new(), false, Form::Full);
    let mut asked = Asked { ids: vec![id], what_if, all, turned: true, form };
    while let Some(word) = words.next() {
        match word {
            "all" => asked.all = true,
            "plain" => asked.form = Form::Plain,
            "sentences" => asked.form = Form::Sentences,
            "what-if" => asked.what_if.extend(words.next().map(str::to_owned)),
            unknown => return Err(format!("`{unknown}`: not a word of `why`").into()),
        }
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.csv");
    fs::write(&path, completed(schema, csv))?;
    let data = Data::Files(Files { data: vec![path], ..Files::default() });
    Ok(project.why(&data, &asked)?.concat())
}

/// A block that is a file: ` ```csv lists/goods.csv`.
const OWN_FILE: &str = "csv ";

/// A folder with the files that the case shows; without any, lists are those of `tests`.
fn own_files(case: &Case) -> Result<Option<TempDir>, Failed> {
    let files = named(case, OWN_FILE).filter(|it| !it.0.starts_with("record "));
    let files: Vec<(String, String)> = files.collect();
    if files.is_empty() {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    for (name, body) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        fs::write(path, body)?;
    }
    Ok(Some(folder))
}

/// The blocks whose kind begins so, with the rest of it.
fn named<'a>(case: &'a Case, prefix: &'a str) -> impl Iterator<Item = (String, String)> + 'a {
    let of = move |it: &Block| Some((it.kind.strip_prefix(prefix)?.to_owned(), it.body.clone()));
    case.blocks.iter().filter_map(of)
}

/// A record in a file of its own: ` ```csv record control`.
const OWN_RECORD: &str = "csv record ";

/// What every engine says, one line for each hit and undecided row.
fn hits(project: &Project, case: &Case, schema: &str, csv: &str) -> Result<String, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.csv");
    let mut files = Files { data: vec![path.clone()], ..Files::default() };
    for (record, body) in named(case, OWN_RECORD) {
        let own = folder.path().join(format!("{record}.csv"));
        fs::write(&own, body)?;
        files.records.insert(record, vec![own]);
    }
    let text = if files.records.is_empty() { completed(schema, csv) } else { csv.to_owned() };
    fs::write(&path, text)?;
    let said = agree::agreed_on(project, &files, &ALL)?;
    Ok(said.lines.iter().map(of_any_rule).collect())
}

/// What the policy decides, by every engine.
fn decisions(project: &Project, schema: &str, csv: &str) -> Result<String, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.csv");
    fs::write(&path, completed(schema, csv))?;
    let line = |it: &Decided| {
        let text = |name: &str| it.get(name).map_or("", String::as_str);
        format!("{}  {}  {}\n", text("declaration_id"), text("channel"), text("why"))
    };
    let said = |by: By| -> Result<String, String> {
        Ok(project.decide(std::slice::from_ref(&path), by)?.iter().map(line).collect())
    };
    let wanted = said(By::Interpreter)?;
    for by in ALL {
        same(&format!("decisions by {by:?}"), &wanted, &said(by)?)?;
    }
    Ok(wanted)
}

const PLAN: By = By::DataFusion { partitions: 2, batch_size: 7, optimise: true };

const ALL: [By; 3] = [
    By::Interpreter,
    By::DataFusion { partitions: 1, batch_size: 8192, optimise: true },
    By::DataFusion { partitions: 4, batch_size: 1, optimise: false },
];

fn project(schema: &str, rules: &str, root: &Path) -> Project {
    Project::of(&[("rules.tamis", rules), ("schema.tamis", schema)], root)
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
