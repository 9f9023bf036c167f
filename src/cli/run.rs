//! `tamis run` and `tamis plan`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use indicatif::ProgressBar;

use crate::cli::check;
use crate::cli::deliver;
use crate::cli::note;
use crate::cli::product;
use crate::data;
use crate::ir::RuleId;
use crate::project;
use crate::project::Project;
use crate::project::Request;
use crate::report::diagnostics;
use crate::report::diagnostics::Format;
use crate::report::summary;
use crate::run;
use crate::run::Engine;
use crate::run::Options;
use crate::run::engine;
use crate::run::write;
use crate::trouble::Exit;
use crate::trouble::Trouble;

#[derive(clap::Args)]
pub struct Run {
    /// A data set of tamis.toml, or files.
    #[arg(required = true)]
    data: Vec<String>,
    /// Files or folders of rules; those of tamis.toml when none is named.
    #[arg(long)]
    pub rules: Vec<PathBuf>,
    /// Where hits and undecided rows go: .parquet, .csv, .jsonl or .arrow.
    #[arg(long, env = "TAMIS_OUT")]
    out: Option<PathBuf>,
    /// table or json; `json=FILE` writes a file. May be repeated.
    #[arg(long)]
    output: Vec<String>,
    /// Partitions; 0 for one a core.
    #[arg(long, default_value_t = 0, env = "TAMIS_THREADS")]
    threads: usize,
    #[arg(long, default_value_t = 8192, env = "TAMIS_BATCH_SIZE")]
    batch_size: usize,
    /// The share of rows with faults above which the run fails.
    #[arg(long, default_value = "0.1%", env = "TAMIS_MAX_REJECTED")]
    max_rejected: String,
    /// datafusion, or interpreter: slow, the definition.
    #[arg(long, default_value = "datafusion")]
    engine: String,
    /// Hits end with code 1.
    #[arg(long)]
    fail_on_hits: bool,
}

#[derive(clap::Args)]
pub struct Plan {
    /// One rule; all of them when none is named.
    rule: Option<String>,
    /// A data set of tamis.toml, or a file.
    #[arg(long, required = true)]
    data: Vec<String>,
    #[arg(long)]
    pub rules: Vec<PathBuf>,
}

pub fn run(it: &Run, request: &Request, colour: bool) -> Result<Exit, Trouble> {
    if let Some(out) = &it.out {
        write::check_ending(out)?;
    }
    let options = options(it)?;
    let project = match ready(request, colour)? {
        Ok(project) => project,
        Err(exit) => return Ok(exit),
    };
    let (set, files) = run::files(project.manifest.as_ref(), &it.data)?;
    let started = Instant::now();
    let bar = ProgressBar::new_spinner().with_message("evaluating");
    bar.enable_steady_tick(Duration::from_millis(500));
    let done = run::run(&project.rule_set, &set, &files, it.out.is_some(), &options);
    bar.finish_and_clear();
    let done = done?;
    if let Some(out) = &it.out {
        write::write(&project.rule_set, &done, out)?;
    }
    let outputs = if it.output.is_empty() { vec!["table".to_owned()] } else { it.output.clone() };
    for output in &outputs {
        let (format, file) = match output.split_once('=') {
            Some((format, file)) => (format, Some(file)),
            None => (output.as_str(), None),
        };
        let text = match format {
            "table" => summary::table(&project.rule_set, &done),
            "json" => summary::json(&project.rule_set, &done),
            _ => {
                let message = format!("--output {format}: there is no such format");
                return Err(Trouble::usage(message).help("write table or json"));
            }
        };
        deliver(&text, file)?;
    }
    note(&format!("{} files in {:.1} s", files.len(), started.elapsed().as_secs_f32()));
    let any = done.counts.iter().any(|it| 0 < it.0);
    Ok(if it.fail_on_hits && any { Exit::Findings } else { Exit::Ok })
}

/// The project, or the exit code when its rules have errors.
fn ready(request: &Request, colour: bool) -> Result<Result<Project, Exit>, Trouble> {
    let project = project::load(request)?;
    let errors: Vec<_> = project.diagnostics.iter().filter(|it| it.is_error()).cloned().collect();
    if !errors.is_empty() {
        note(&diagnostics::render(&project.sources, &errors, Format::Full, colour));
        return Ok(Err(check::exit(&errors, false)));
    }
    if !project.schema_found {
        return Err(Trouble::usage("no schema was found")
            .help("name one with `--schema`, or in `[schema]` of tamis.toml"));
    }
    if project.rule_set.rules.is_empty() {
        return Err(Trouble::usage("no rule was found").help("name files with `--rules`"));
    }
    Ok(Ok(project))
}

fn options(it: &Run) -> Result<Options, Trouble> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let engine = match it.engine.as_str() {
        "datafusion" => Engine::DataFusion,
        "interpreter" => Engine::Interpreter,
        other => {
            let message = format!("--engine {other}: there is no such engine");
            return Err(Trouble::usage(message).help("write datafusion or interpreter"));
        }
    };
    Ok(Options {
        threads: if it.threads == 0 { cores } else { it.threads },
        batch_size: it.batch_size.max(1),
        max_rejected: share(&it.max_rejected)?,
        engine,
        optimise: true,
    })
}

/// `0.1%` in millionths.
fn share(text: &str) -> Result<u64, Trouble> {
    let digits = text.trim().trim_end_matches('%').trim();
    let parsed = crate::value::Decimal::parse(digits)
        .and_then(|it| it.with_scale(4))
        .and_then(|it| u64::try_from(it.unscaled).ok());
    parsed.ok_or_else(|| {
        Trouble::usage(format!("--max-rejected {text}: not a percentage")).help("write `0.1%`")
    })
}

pub fn plan(it: &Plan, request: &Request, colour: bool) -> Result<Exit, Trouble> {
    let project = match ready(request, colour)? {
        Ok(project) => project,
        Err(exit) => return Ok(exit),
    };
    let set = &project.rule_set;
    let named = |wanted: &String| {
        let found = set.rules.iter().position(|rule| *rule.id == **wanted).map(RuleId);
        found.ok_or_else(|| Trouble::usage(format!("no rule is called `{wanted}`")))
    };
    let inner = run::innermost(set);
    let rules = match &it.rule {
        Some(wanted) => vec![named(wanted)?],
        None => {
            let all = (0..set.rules.len()).map(RuleId);
            let first = set.rules[0].level;
            all.filter(|it| set.rules[it.0].level == first).collect()
        }
    };
    let (data_set, files) = run::files(project.manifest.as_ref(), &it.data)?;
    let used = run::used(set, &rules);
    let table = Arc::new(data::open(&set.schema, &data_set, &files, inner, &used)?);
    let options = Options {
        threads: 2,
        batch_size: 8192,
        max_rejected: 1000,
        engine: Engine::DataFusion,
        optimise: true,
    };
    product(&engine::print(set, &rules, &table, inner, &options)?);
    Ok(Exit::Ok)
}
