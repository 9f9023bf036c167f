//! `tamis run --out FOLDER`: a run with its summary and its manifest, all of it or nothing.

use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::cli::Context;
use crate::cli::run::Asked;
use crate::decide::count::Counted;
use crate::decide::secret::Secrets;
use crate::project::Project;
use crate::project::consulted::Consulted;
use crate::project::consulted::Kind;
use crate::report::Look;
use crate::report::decided;
use crate::report::summary;
use crate::report::summary::Summary;
use crate::run::Done;
use crate::run::Engine;
use crate::run::Opened;
use crate::run::Options;
use crate::run::decisions;
use crate::run::digest;
use crate::run::digest::Content;
use crate::run::directory::Directory;
use crate::run::manifest;
use crate::run::manifest::Manifest;
use crate::run::manifest::relative;
use crate::run::who;
use crate::run::write::Writer;
use crate::trouble::Trouble;

/// The hits of a run directory.
pub const HITS: &str = "hits.parquet";
/// One row a declaration, where there is a policy.
pub const DECISIONS: &str = "decisions.parquet";
const SUMMARY: &str = "summary.json";
const TABLE: &str = "summary.txt";

/// Evaluates into the folder, which holds the whole run when this ends well, and else what it held
/// before. Decisions go to the writers as well.
pub fn evaluate(
    asked: &Asked,
    folder: &Path,
    decided: &mut Vec<Writer>,
    options: &Options,
    context: &Context,
) -> Result<(Done, u64, Option<Counted>), Trouble> {
    let (began, started) = (Instant::now(), who::now());
    let directory = Directory::claim(folder, &who::holder())?;
    let root = root(asked.project);
    let mut read = asked.project.consulted.clone();
    read.extend(asked.opened.read.iter().cloned());
    let own = Options { spill: Some(directory.spill()?), ..options.clone() };
    let hits = directory.file(HITS);
    if let Some(policy) = &asked.set().policy {
        let schema = decisions::schema(asked.whole, policy);
        let file = directory.file(DECISIONS);
        decided.push(Writer::create(&file, (&schema, decisions::COLUMNS.len()), usize::MAX)?);
    }
    let stop = AtomicBool::new(false);
    let paths: Vec<PathBuf> = read.iter().map(|it| it.path.clone()).collect();
    // Files are read for their hashes while the engine reads them for their rows.
    let (result, contents) = std::thread::scope(|scope| {
        let hashing = scope.spawn(|| digest::of_files(&paths, options.threads, &stop));
        let result = asked.evaluate(Some(&hits), decided, &own, context);
        stop.store(result.is_err(), Ordering::Relaxed);
        (result, hashing.join().unwrap_or_default())
    });
    let (done, written, counted) = result?;
    let inputs = inputs(&root, &read, contents)?;
    let mut summed = None;
    if let (Some(policy), Some(counted)) = (&asked.whole.policy, &counted) {
        if let Some(own) = decided.pop() {
            own.finish()?;
        }
        let of_all = decided::decided(policy, counted, Secrets::named(policy));
        summed = Some((of_all, Some(DECISIONS.to_owned())));
    }
    let summary = Summary {
        set: asked.set(),
        done: &done,
        rules: asked.rules.to_vec(),
        out: None,
        written,
        decided: summed,
        time: began.elapsed(),
    };
    let name = |shown: &str| relative(&root, Path::new(shown));
    directory.write(SUMMARY, summary::record(&summary, name).as_bytes())?;
    directory.write(TABLE, summary::table(&summary, Look::FILE, name).as_bytes())?;
    let run = describe(asked, &root, &done, inputs, outputs(&directory)?)?;
    let facts = manifest::Facts {
        user: who::user(),
        host: who::host(),
        purpose: asked.purpose.map(str::to_owned),
        started,
        ended: who::now(),
        milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        command: std::env::args_os().map(|it| it.to_string_lossy().into_owned()).collect(),
        folder: root.display().to_string(),
        engine: engine(options.engine).to_owned(),
        threads: options.threads as u64,
        batch_size: options.batch_size as u64,
        memory_limit: options.memory_limit.map(|it| it as u64),
        max_rejected: options.max_rejected,
    };
    let text = Manifest::new(run, facts)?.text()?;
    directory.write(manifest::FILE, text.as_bytes())?;
    directory.write(manifest::CHECKSUM, manifest::checksum(text.as_bytes()).as_bytes())?;
    directory.publish()?;
    Ok((done, written, counted))
}

fn engine(it: Engine) -> &'static str {
    match it {
        Engine::DataFusion => "datafusion",
        Engine::Interpreter => "interpreter",
    }
}

/// The folder that paths of a manifest start at.
fn root(project: &Project) -> PathBuf {
    let root = project.manifest.as_ref().map(|it| it.root.clone()).unwrap_or_default();
    let root = if root.as_os_str().is_empty() { PathBuf::from(".") } else { root };
    root.canonicalize().unwrap_or(root)
}

/// Errors: a file that cannot be read, or that was another one after the run than before it.
fn inputs(
    root: &Path,
    read: &[Consulted],
    contents: Vec<std::io::Result<Content>>,
) -> Result<Vec<manifest::Input>, Trouble> {
    if contents.len() != read.len() {
        return Err(Trouble::bug("files were read that nobody has hashed"));
    }
    let mut res = Vec::new();
    for (it, content) in read.iter().zip(contents) {
        let shown = it.path.display();
        let content = content.map_err(|_| Trouble::data(format!("{shown}: cannot be read")))?;
        it.unchanged()?;
        res.push(manifest::Input::new(it.kind, relative(root, &it.path), content));
    }
    res.sort();
    res.dedup();
    Ok(res)
}

fn outputs(directory: &Directory) -> Result<Vec<manifest::Output>, Trouble> {
    let never = AtomicBool::new(false);
    let mut res = Vec::new();
    for name in directory.names()? {
        let content = digest::of_file(&directory.file(&name), &never)
            .map_err(|_| Trouble::resource(format!("{name}: cannot be read back")))?;
        res.push(manifest::Output { path: name, bytes: content.bytes, sha256: content.sha256 });
    }
    Ok(res)
}

fn describe(
    asked: &Asked,
    root: &Path,
    done: &Done,
    inputs: Vec<manifest::Input>,
    outputs: Vec<manifest::Output>,
) -> Result<manifest::Run, Trouble> {
    let is_data = |it: &manifest::Input| matches!(it.kind, Kind::Data | Kind::History);
    let (data, files): (Vec<_>, Vec<_>) = inputs.into_iter().partition(is_data);
    let count = |id: &crate::ir::RuleId| {
        let (hits, undecided) = done.counts[id.0];
        manifest::Rule { id: asked.set().rules[id.0].id.to_string(), hits, undecided }
    };
    let policy = asked.set().policy.as_ref();
    let run = manifest::rule_set(&data) + &manifest::rule_set(&files);
    Ok(manifest::Run {
        versions: manifest::Versions {
            tamis: env!("CARGO_PKG_VERSION").to_owned(),
            arrow: arrow::ARROW_VERSION.to_owned(),
            datafusion: datafusion::DATAFUSION_VERSION.to_owned(),
        },
        rule_set: manifest::rule_set(&files),
        files,
        data,
        options: manifest_options(asked, root),
        draws: policy.map(|it| Secrets::recorded(it, &run)).transpose()?.unwrap_or_default(),
        rows: manifest::Rows {
            read: done.report.read,
            accepted: done.report.accepted,
            rejected: done.report.rejected,
        },
        rules: asked.rules.iter().map(count).collect(),
        outputs,
    })
}

fn manifest_options(asked: &Asked, root: &Path) -> manifest::Options {
    let project = asked.project;
    let path = |it: &PathBuf| relative(root, it);
    let sets = project.manifest.as_ref().map(|it| &it.data);
    // Names of data sets stay; files are told from the folder of the project, in one order.
    let named = |all: &[String]| {
        if let [name] = all
            && sets.is_some_and(|it| it.contains_key(name))
        {
            return vec![name.clone()];
        }
        let mut files: Vec<String> = all.iter().map(|it| relative(root, Path::new(it))).collect();
        files.sort();
        files.dedup();
        files
    };
    let mut rule = asked.rule.to_vec();
    rule.sort();
    rule.dedup();
    manifest::Options {
        config: project.manifest.as_ref().map(|it| path(&it.path)),
        schema: asked.schema.map(path),
        rules: asked.paths.iter().map(path).collect(),
        data: named(asked.data),
        history: named(asked.history),
        rule,
        limit: (asked.limit != usize::MAX).then_some(asked.limit as u64),
    }
}

/// Every file that a run reads.
pub fn read(project: &Project, opened: &Opened) -> Vec<PathBuf> {
    let mut res: Vec<PathBuf> = opened.read.iter().map(|it| it.path.clone()).collect();
    res.extend(project.paths());
    res
}
