//! `tamis run` and `tamis plan`

use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use crate::cli::Context;
use crate::cli::check;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::scope;
use crate::cli::scope::Scope;
use crate::data::manifest::Manifest;
use crate::decide::Decision;
use crate::decide::secret::Secrets;
use crate::diagnostic;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::Status;
use crate::report::Look;
use crate::report::decided;
use crate::report::diagnostics;
use crate::report::diagnostics::Checked;
use crate::report::diagnostics::Format;
use crate::report::summary;
use crate::report::summary::Summary;
use crate::run;
use crate::run::Done;
use crate::run::Engine;
use crate::run::Opened;
use crate::run::Options;
use crate::run::Receiver;
use crate::run::decisions;
use crate::run::engine;
use crate::run::lines;
use crate::run::lines::Lines;
use crate::run::write;
use crate::run::write::Writer;
use crate::trouble::Exit;
use crate::trouble::Trouble;
use crate::value::Decimal;

pub const EXAMPLES: &str = "\
Examples:
  tamis run archive                         a data set of tamis.toml: the table of rules
  tamis run archive --out hits.parquet      and every hit and undecided row
  tamis run may.csv june.csv --rule V101 --out hits.csv
  tamis run today.csv --history archive     past rows come from the archive too
  tamis run today.csv --decisions decisions.csv     and the channel of each declaration
  tamis run archive --output json=run.json --quiet
  tamis run day.csv --rules rules --schema schema.tamis --fail-on-hits";

pub const PLAN_EXAMPLES: &str = "\
Examples:
  tamis plan
  tamis plan V101
  tamis plan V101 archive      with the files of a data set";

#[derive(clap::Args)]
pub struct Run {
    /// A data set of tamis.toml, or files
    #[arg(required = true)]
    data: Vec<String>,
    /// Where past rows come from besides: a data set or a file. May be repeated
    #[arg(long, value_name = "DATA", env = "TAMIS_HISTORY", hide_env = true)]
    history: Vec<String>,
    /// Files or folders of rules; those of tamis.toml when none is named
    #[arg(long, value_name = "PATH", env = "TAMIS_RULES", hide_env = true)]
    pub rules: Vec<PathBuf>,
    /// Where hits and undecided rows go: .parquet, .csv, .jsonl or .arrow
    #[arg(long, value_name = "FILE", env = "TAMIS_OUT", hide_env = true)]
    out: Option<PathBuf>,
    /// Where the decisions of the policy go, one a declaration: an ending as of `--out`
    #[arg(long, value_name = "FILE", env = "TAMIS_DECISIONS", hide_env = true)]
    decisions: Option<PathBuf>,
    /// table or json; FORMAT=FILE writes a file. May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = report)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    output: Vec<Output<Report>>,
    /// Report and write this rule only. May be repeated
    #[arg(long, value_name = "ID", env = "TAMIS_RULE", hide_env = true)]
    rule: Vec<String>,
    /// Write the first N rows only
    #[arg(long, value_name = "N", env = "TAMIS_LIMIT", hide_env = true)]
    limit: Option<usize>,
    /// Partitions; 0 for one a core
    #[arg(long, value_name = "N", env = "TAMIS_THREADS", hide_env = true)]
    threads: Option<usize>,
    /// Rows a batch [default: 8192]
    #[arg(long, value_name = "N", env = "TAMIS_BATCH_SIZE", hide_env = true)]
    batch_size: Option<usize>,
    /// What sorting may hold before it uses the disk [default: 1 GiB]
    #[arg(long, value_name = "SIZE", env = "TAMIS_MEMORY_LIMIT", hide_env = true)]
    memory_limit: Option<String>,
    /// The share of faulty rows above which the run fails [default: 0.1%]
    #[arg(long, value_name = "SHARE", env = "TAMIS_MAX_REJECTED", hide_env = true)]
    max_rejected: Option<String>,
    /// datafusion, or interpreter: slow, the definition
    #[arg(long, default_value = "datafusion", env = "TAMIS_ENGINE", hide_env = true)]
    engine: Evaluator,
    /// Hits end with code 1
    #[arg(long, env = "TAMIS_FAIL_ON_HITS", hide_env = true)]
    fail_on_hits: bool,
}

#[derive(clap::Args)]
pub struct Plan {
    /// One rule; all of them when none is named
    rule: Option<String>,
    /// A data set of tamis.toml, or files
    data: Vec<String>,
    #[arg(long = "data", value_name = "DATA", hide = true)]
    also: Vec<String>,
    /// Files or folders of rules; those of tamis.toml when none is named
    #[arg(long, value_name = "PATH", env = "TAMIS_RULES", hide_env = true)]
    pub rules: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    Table,
    Json,
}

// The words of `check` do as well: TAMIS_OUTPUT is for both.
const REPORTS: [(&str, Report); 5] = [
    ("table", Report::Table),
    ("json", Report::Json),
    ("full", Report::Table),
    ("plain", Report::Table),
    ("concise", Report::Table),
];

fn report(text: &str) -> Result<Output<Report>, String> {
    output::parse(text, &REPORTS)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Evaluator {
    #[value(name = "datafusion")]
    DataFusion,
    Interpreter,
}

pub fn run(it: &Run, context: &Context) -> Result<Exit, Trouble> {
    let outputs = output::destinations(&it.output, Report::Table)?;
    let scope = match ready(scope::load(context, &it.rules)?, context)? {
        Ok(scope) => scope,
        Err(exit) => return Ok(exit),
    };
    let project = &scope.project;
    let manifest = project.manifest.as_ref();
    let out = it.out.clone().or_else(|| usual_out(manifest));
    for it in out.iter().chain(&it.decisions) {
        write::check_ending(it)?;
    }
    let options = options(it, manifest)?;
    let set = &project.rule_set;
    let secrets = secrets(set, it.decisions.as_deref())?;
    let rules = match it.rule.as_slice() {
        [] => in_effect(&scope, context),
        named => chosen(set, named)?,
    };
    if secrets.is_some() && !it.rule.is_empty() {
        context.terminal.note("note: channels heed the rules named by `--rule` only");
    }
    let input = run::input(manifest, &it.data)?;
    let history = match it.history.as_slice() {
        [] => None,
        named => Some(run::input(manifest, named)?),
    };
    let explained = out.is_some() || secrets.is_some();
    let evidence = explained || options.engine == Engine::Interpreter;
    let started = Instant::now();
    let (whole, asked) = run::decide::prepared(set, &rules);
    let opened = run::open(&whole, &asked, &input, history.as_ref(), evidence)?;
    let limit = it.limit.unwrap_or(usize::MAX);
    let out_to = (out.as_deref(), limit);
    let (done, written, decisions) =
        evaluate(&whole, &opened, out_to, secrets.as_ref(), &options, context)?;
    let shown = |it: &PathBuf| it.display().to_string();
    let mut counted = None;
    if let Some(policy) = &set.policy {
        if let Some(path) = &it.decisions {
            decisions::write(path, &whole, policy, &decisions)?;
        }
        let of_all = decided::count(&whole, policy, &decisions);
        counted = Some((of_all, it.decisions.as_ref().map(shown)));
    }
    let summary = Summary {
        set,
        done: &done,
        rules,
        out: out.as_ref().map(shown),
        written,
        decided: counted,
        time: started.elapsed(),
    };
    for Output { format, file } in &outputs {
        let look = if file.is_none() { context.terminal.stdout } else { Look::FILE };
        let text = match format {
            Report::Table => summary::table(&summary, look),
            Report::Json => summary::json(&summary),
        };
        output::deliver(&text, file.as_deref())?;
    }
    context.terminal.note(&summary::headline(&summary));
    let failed = it.fail_on_hits && 0 < summary.hits();
    Ok(if failed { Exit::Findings } else { Exit::Ok })
}

/// What the draws of the policy need, if there is one.
fn secrets(set: &RuleSet, decisions: Option<&Path>) -> Result<Option<Secrets>, Trouble> {
    match &set.policy {
        Some(policy) => Secrets::of(policy).map(Some),
        None if decisions.is_some() => Err(Trouble::usage("no policy decides in this rule set")
            .help("write a block `policy NAME`, or leave `--decisions` out")),
        None => Ok(None),
    }
}

/// The rules here but for drafts and retired ones; a note says which are left out.
fn in_effect(scope: &Scope, context: &Context) -> Vec<RuleId> {
    let set = &scope.project.rule_set;
    let runs = |it: &RuleId| set.rules[it.0].status.is_none_or(Status::runs);
    let (rules, left): (Vec<RuleId>, Vec<RuleId>) = here(scope).into_iter().partition(runs);
    if !left.is_empty() {
        let ids: Vec<&str> = left.iter().map(|it| &*set.rules[it.0].id).collect();
        let message = format!(
            "note: draft and retired rules are left out: {}; `--rule ID` asks for one",
            ids.join(", ")
        );
        context.terminal.note(&message);
    }
    rules
}

/// Lines go to the file of `out`, at most so many; it is there whole when this ends well, and else
/// as it was before.
fn evaluate(
    set: &RuleSet,
    opened: &Opened,
    (out, limit): (Option<&Path>, usize),
    secrets: Option<&Secrets>,
    options: &Options,
    context: &Context,
) -> Result<(Done, u64, Vec<Decision>), Trouble> {
    let table = opened.table.clone();
    let rows = table.rows();
    let _progress = Progress::start(context, "evaluating", rows, move || table.tally.read());
    let judge = |out: Option<Receiver>, options: &Options| match secrets {
        Some(secrets) => opened.decide(set, secrets, out, options),
        None => Ok((opened.run(set, out, options)?, Vec::new())),
    };
    let Some(out) = out else {
        let (done, decisions) = judge(None, options)?;
        return Ok((done, 0, decisions));
    };
    let schema = lines::seen_schema(&Lines::new(set, opened.inner));
    let mut writer = Writer::create(out, &schema, limit)?;
    let options = Options { spill: Some(write::folder(out).to_path_buf()), ..options.clone() };
    let (done, decisions) = judge(Some(&mut |it| writer.write(it)), &options)?;
    Ok((done, writer.finish()?, decisions))
}

/// `out = "hits.parquet"` of `[run]`; a folder gets a file of that name.
fn usual_out(manifest: Option<&Manifest>) -> Option<PathBuf> {
    let manifest = manifest?;
    let path = manifest.root.join(manifest.run.out.as_ref()?);
    Some(if path.extension().is_none() { path.join("hits.parquet") } else { path })
}

/// The same, or the exit code when its rules have errors.
pub fn ready(scope: Scope, context: &Context) -> Result<Result<Scope, Exit>, Trouble> {
    let Scope { project, files, elsewhere } = &scope;
    let (errors, warnings) = diagnostics::count(&project.diagnostics);
    if 0 < errors {
        let only: Vec<_> = project.diagnostics.iter().filter(|it| it.is_error()).cloned().collect();
        let all = Checked { diagnostics: &only, ..check::checked(project, files) };
        let text = diagnostics::render(&all, Format::Full, context.terminal.stderr);
        output::error(text.trim_end());
        return Ok(Err(check::exit(&only, false)));
    }
    if 0 < *elsewhere {
        output::error("these rules belong to a project with errors: `tamis check` shows them");
        return Ok(Err(Exit::Findings));
    }
    if !project.schema_found {
        return Err(Trouble::usage("no schema was found")
            .help("name one with `--schema`, or in `[schema]` of tamis.toml"));
    }
    if here(&scope).is_empty() {
        return Err(Trouble::usage("no rule was found").help("name files with `--rules`"));
    }
    if 0 < warnings {
        let warnings = check::counted(warnings, "warning");
        context.terminal.note(&format!("note: {warnings} in the rules: `tamis check` shows them"));
    }
    Ok(Ok(scope))
}

/// The rules of the files that the user speaks of.
fn here(scope: &Scope) -> Vec<RuleId> {
    let rules = scope.project.rule_set.rules.iter().enumerate();
    let mine = rules.filter(|it| scope.files.contains(&it.1.span.file));
    mine.map(|it| RuleId(it.0)).collect()
}

fn usual() -> Options {
    Options {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        batch_size: 8192,
        memory_limit: Some(MEMORY_LIMIT),
        spill: None,
        max_rejected: 1000,
        engine: Engine::DataFusion,
        optimise: true,
    }
}

fn options(it: &Run, manifest: Option<&Manifest>) -> Result<Options, Trouble> {
    let from_file = manifest.map(|it| it.run.clone()).unwrap_or_default();
    let mut options = usual();
    if let Some(threads) = it.threads.or(from_file.threads).filter(|it| *it != 0) {
        options.threads = threads;
    }
    if let Some(rows) = it.batch_size.or(from_file.batch_size) {
        options.batch_size = rows.max(1);
    }
    if let Some(text) = it.max_rejected.as_ref().or(from_file.max_rejected.as_ref()) {
        options.max_rejected = share(text)?;
    }
    if let Some(text) = it.memory_limit.as_ref().or(from_file.memory_limit.as_ref()) {
        options.memory_limit = Some(bytes(text)?);
    }
    options.engine = match it.engine {
        Evaluator::DataFusion => Engine::DataFusion,
        Evaluator::Interpreter => Engine::Interpreter,
    };
    Ok(options)
}

/// What sorting may hold when nobody says otherwise.
const MEMORY_LIMIT: usize = 1 << 30;
/// Below this the engine's sort cannot work.
const MEMORY_FLOOR: usize = 150 << 20;

/// `8 GiB`, `500 MiB`, `2 GB`
fn bytes(text: &str) -> Result<usize, Trouble> {
    let refused = || {
        Trouble::usage(format!("--memory-limit {text}: not an amount of memory"))
            .help("write `8 GiB` or `500 MiB`")
    };
    let digits = text.trim().trim_end_matches(|it: char| it.is_alphabetic() || it == ' ');
    let unit = text.trim()[digits.len()..].trim().to_ascii_lowercase();
    let unit = match unit.as_str() {
        "gib" | "g" => 1 << 30,
        "mib" | "m" => 1 << 20,
        "gb" => 1_000_000_000,
        "mb" => 1_000_000,
        _ => return Err(refused()),
    };
    let amount: usize = digits.parse().map_err(|_| refused())?;
    let bytes = amount.checked_mul(unit).ok_or_else(refused)?;
    if bytes < MEMORY_FLOOR {
        return Err(Trouble::usage(format!("--memory-limit {text}: too little"))
            .help("150 MiB is the least that works"));
    }
    Ok(bytes)
}

/// `0.1%` in millionths.
fn share(text: &str) -> Result<u64, Trouble> {
    let digits = text.trim().strip_suffix('%').map(str::trim);
    let parsed = digits
        .and_then(Decimal::parse)
        .and_then(|it| it.with_scale(4))
        .and_then(|it| u64::try_from(it.unscaled).ok())
        .filter(|it| *it <= 1_000_000);
    parsed.ok_or_else(|| {
        Trouble::usage(format!("--max-rejected {text}: not a percentage")).help("write `0.1%`")
    })
}

fn chosen(set: &RuleSet, wanted: &[String]) -> Result<Vec<RuleId>, Trouble> {
    let mut res = wanted.iter().map(|id| named(set, id)).collect::<Result<Vec<_>, _>>()?;
    res.sort();
    res.dedup();
    Ok(res)
}

fn named(set: &RuleSet, wanted: &str) -> Result<RuleId, Trouble> {
    let found = set.rules.iter().position(|rule| &*rule.id == wanted).map(RuleId);
    found.ok_or_else(|| {
        let near = diagnostic::did_you_mean(wanted, set.rules.iter().map(|it| &*it.id));
        let trouble = Trouble::usage(format!("no rule is called `{wanted}`"));
        trouble.help(near.unwrap_or_else(|| "`tamis check` reads the same rules".to_owned()))
    })
}

pub fn plan(it: &Plan, context: &Context) -> Result<Exit, Trouble> {
    let scope = match ready(scope::load(context, &it.rules)?, context)? {
        Ok(scope) => scope,
        Err(exit) => return Ok(exit),
    };
    let data: Vec<String> = it.data.iter().chain(&it.also).cloned().collect();
    output::product(&plan_of(&scope, it.rule.as_deref(), &data)?)?;
    Ok(Exit::Ok)
}

/// The plans of one rule, or of all the rules of each level; of no file when no data is named.
pub fn plan_of(scope: &Scope, rule: Option<&str>, data: &[String]) -> Result<String, Trouble> {
    let project = &scope.project;
    let set = &project.rule_set;
    let rules = match rule {
        Some(wanted) => vec![named(set, wanted)?],
        None => here(scope),
    };
    let input = run::input(project.manifest.as_ref(), data)?;
    let opened = run::open(set, &rules, &input, None, true)?;
    let options = Options { threads: 2, ..usual() };
    let mut text = String::new();
    for level in set.schema.lineage(opened.inner) {
        let here: Vec<RuleId> =
            rules.iter().copied().filter(|it| set.rules[it.0].level == level).collect();
        if here.is_empty() {
            continue;
        }
        let name = &set.schema.record(level).name;
        let plans = engine::print(set, &here, level, &opened, &options)?;
        text += &format!("rules of `{name}`: {}\n\n{}\n", here.len(), plans.trim_end());
    }
    Ok(text)
}

/// Runs a data set as `tamis run` does, for the demonstration.
pub fn table_of(
    scope: &Scope,
    data: &str,
    out: &Path,
    context: &Context,
) -> Result<String, Trouble> {
    let set = &scope.project.rule_set;
    let started = Instant::now();
    let manifest = scope.project.manifest.as_ref();
    let input = run::input(manifest, &[data.to_owned()])?;
    let rules = in_effect(scope, context);
    let opened = run::open(set, &rules, &input, None, true)?;
    let to = (Some(out), usize::MAX);
    let (done, written, _) = evaluate(set, &opened, to, None, &usual(), context)?;
    let summary = Summary {
        set,
        done: &done,
        rules,
        out: Some(out.display().to_string()),
        written,
        decided: None,
        time: started.elapsed(),
    };
    Ok(format!(
        "{}\n\n{}",
        summary::headline(&summary),
        summary::table(&summary, context.terminal.stdout)
    ))
}
