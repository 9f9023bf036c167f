//! `tamis run` and `tamis plan`

mod evaluate;
pub mod planned;
pub mod recorded;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::cli::Context;
use crate::cli::check;
use crate::cli::failure;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::run::evaluate::evaluate;
use crate::cli::scope;
use crate::cli::scope::Scope;
use crate::data::manifest::Manifest;
use crate::decide::count::Counted;
use crate::decide::secret::Secrets;
use crate::diagnostic;
use crate::disk::place;
use crate::disk::place::Place;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::Status;
use crate::project::Project;
use crate::report::Look;
use crate::report::decided;
use crate::report::diagnostics;
use crate::report::diagnostics::Checked;
use crate::report::summary;
use crate::report::summary::Summary;
use crate::run;
use crate::run::Done;
use crate::run::Engine;
use crate::run::Opened;
use crate::run::Options;
use crate::run::decisions;
use crate::run::write;
use crate::run::write::Writer;
use crate::trouble::Exit;
use crate::trouble::Trouble;
use crate::value::amount;

pub const EXAMPLES: &str = "\
Examples:
  tamis run archive                         a data set of tamis.toml: the table of rules
  tamis run archive --out hits.parquet      and every hit and undecided row
  tamis run archive --out out --purpose \"weekly\"
                                            a folder: hits, summary, manifest
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
    /// Data sets of tamis.toml, or files
    #[arg(required = true)]
    data: Vec<String>,
    /// Where past rows come from besides: data sets or files. May be repeated
    #[arg(long, value_name = "DATA", env = "TAMIS_HISTORY", hide_env = true)]
    history: Vec<String>,
    /// Files or folders of rules; those of tamis.toml when none is named
    #[arg(long, value_name = "PATH", env = "TAMIS_RULES", hide_env = true)]
    pub rules: Vec<PathBuf>,
    /// Where hits and undecided rows go: .parquet, .csv, .jsonl or .arrow; `-` is stdout, as CSV;
    /// or a folder, for them with a summary and a manifest
    #[arg(long, value_name = "PATH", env = "TAMIS_OUT", hide_env = true)]
    out: Option<PathBuf>,
    /// What the run is for: recorded in the manifest of its folder
    #[arg(long, value_name = "TEXT", env = "TAMIS_PURPOSE", hide_env = true)]
    purpose: Option<String>,
    /// Where the decisions of the policy go, one a declaration: an ending as of `--out`
    #[arg(long, value_name = "FILE", env = "TAMIS_DECISIONS", hide_env = true)]
    decisions: Option<PathBuf>,
    /// table or json; FORMAT=FILE writes a file. May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = report)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    pub output: Vec<Output<Report>>,
    /// Report and write this rule only. May be repeated
    #[arg(long, value_name = "ID", env = "TAMIS_RULE", hide_env = true)]
    rule: Vec<String>,
    /// Write the first N rows only
    #[arg(long, value_name = "N", env = "TAMIS_LIMIT", hide_env = true)]
    limit: Option<usize>,
    /// Partitions, at most 256; 0 for one a core
    #[arg(long, value_name = "N", env = "TAMIS_THREADS", hide_env = true)]
    threads: Option<usize>,
    /// Rows a batch [default: 8192]
    #[arg(long, value_name = "N", env = "TAMIS_BATCH_SIZE", hide_env = true)]
    batch_size: Option<usize>,
    /// What sorting and facts may hold before they use the disk; 150 MiB is the least [default: 1
    /// GiB]
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
    /// Data sets of tamis.toml, or files
    data: Vec<String>,
    #[arg(long = "data", value_name = "DATA", hide = true)]
    also: Vec<String>,
    /// Files or folders of rules; those of tamis.toml when none is named
    #[arg(long, value_name = "PATH", env = "TAMIS_RULES", hide_env = true)]
    pub rules: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
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
    let scope = match ready(scope::load(context, &it.rules)?, context)? {
        Ok(scope) => scope,
        Err(exit) => return Ok(exit),
    };
    let project = &scope.project;
    let manifest = project.manifest.as_ref();
    let out = it.out.clone().or_else(|| usual_out(manifest));
    let outputs = outputs(it, out.as_deref())?;
    let folder = out.as_deref().filter(|it| write::is_folder(it));
    let file = out.as_ref().filter(|_| folder.is_none());
    for it in file.into_iter().chain(&it.decisions) {
        write::check_ending(it)?;
    }
    if it.purpose.is_some() && folder.is_none() {
        context.terminal.note("note: a purpose is recorded in a folder only: `--out FOLDER`");
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
    let (mut whole, judging) = run::decide::prepared(set, &rules);
    run::decide::only(&mut whole, &it.rule);
    let opened = run::open(&whole, &judging, &input, history.as_ref(), evidence)?;
    let written: Vec<&Path> = out
        .as_deref()
        .into_iter()
        .chain(it.decisions.as_deref())
        .chain(output::files(&outputs))
        .collect();
    output::apart(&written, &recorded::read(project, &opened))?;
    let limit = it.limit.unwrap_or(usize::MAX);
    let asked = Asked {
        project,
        whole: &whole,
        opened: &opened,
        rules: &rules,
        limit,
        secrets: secrets.as_ref(),
        purpose: it.purpose.as_deref(),
        schema: context.global.schema.as_ref(),
        paths: &it.rules,
        data: &it.data,
        history: &it.history,
        rule: &it.rule,
    };
    let mut decided = Vec::new();
    if let (Some(path), Some(policy)) = (&it.decisions, &set.policy) {
        let schema = decisions::schema(&whole, policy);
        decided.push(Writer::create(path, (&schema, decisions::COLUMNS.len()), usize::MAX)?);
    }
    let (done, written, counted) = match folder {
        Some(folder) => recorded::evaluate(&asked, folder, &mut decided, &options, context)?,
        None => {
            let beside = out.as_ref().or(it.decisions.as_ref());
            let spill = match beside.map(|it| Place::of(it)).transpose()? {
                Some(Place::File(it)) => Some(write::folder(&it).to_path_buf()),
                Some(Place::Stream(_) | Place::Stdout) | None => None,
            };
            let options = Options { spill, ..options.clone() };
            asked.evaluate(out.as_deref(), &mut decided, &options, context)?
        }
    };
    for it in decided {
        it.finish()?;
    }
    let shown = |it: &PathBuf| it.display().to_string();
    let decided = match (&whole.policy, counted) {
        (Some(policy), Some(counted)) => {
            let recorded = folder.map(|it| it.join(recorded::DECISIONS));
            let keys = Secrets::named(policy);
            let of_all = decided::decided(policy, &counted, keys);
            Some((of_all, it.decisions.clone().or(recorded).as_ref().map(shown)))
        }
        _ => None,
    };
    let summary = Summary {
        set,
        done: &done,
        rules,
        out: out.as_ref().map(shown),
        written,
        decided,
        time: started.elapsed(),
    };
    for Output { format, file } in &outputs {
        let look = if file.is_none() { context.terminal.stdout } else { Look::FILE };
        let text = match format {
            Report::Table => summary::table(&summary, look, str::to_owned),
            Report::Json => summary::json(&summary),
        };
        output::deliver(&text, file.as_deref())?;
    }
    if outputs.is_empty() {
        // Lines take the place of the table, which tells faults otherwise.
        let faults = summary::faults(&summary, str::to_owned);
        faults.lines().for_each(output::error);
    }
    context.terminal.note(&summary::headline(&summary));
    let failed = it.fail_on_hits && 0 < summary.hits();
    Ok(if failed { Exit::Findings } else { Exit::Ok })
}

/// Where the table of rules goes. Lines on stdout leave no room for it there.
fn outputs(it: &Run, out: Option<&Path>) -> Result<Vec<Output<Report>>, Trouble> {
    let lines = out.into_iter().chain(it.decisions.as_deref());
    let lines = lines.filter(|it| place::is_stdout(it)).count();
    if lines == 0 {
        return output::destinations(&it.output, Report::Table);
    }
    if 1 < lines + it.output.iter().filter(|it| it.file.is_none()).count() {
        return Err(Trouble::usage("two outputs would be mixed on stdout")
            .help("give one of them a file: `--output json=report.json`"));
    }
    Ok(it.output.clone())
}

/// A run, as it was asked for.
pub struct Asked<'a> {
    project: &'a Project,
    /// Its rules, as a run needs them that decides.
    whole: &'a RuleSet,
    opened: &'a Opened,
    rules: &'a [RuleId],
    limit: usize,
    secrets: Option<&'a Secrets>,
    purpose: Option<&'a str>,
    schema: Option<&'a PathBuf>,
    paths: &'a [PathBuf],
    data: &'a [String],
    history: &'a [String],
    rule: &'a [String],
}

impl Asked<'_> {
    fn set(&self) -> &RuleSet {
        &self.project.rule_set
    }

    fn evaluate(
        &self,
        out: Option<&Path>,
        decided: &mut [Writer],
        options: &Options,
        context: &Context,
    ) -> Result<(Done, u64, Option<Counted>), Trouble> {
        let out = (out, self.limit);
        let policy = self.secrets.map(|it| (it, decided));
        evaluate(self.whole, self.opened, out, policy, options, context)
    }
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
pub fn in_effect(scope: &Scope, context: &Context) -> Vec<RuleId> {
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

/// `out = "hits.parquet"` of `[run]`, or a folder.
fn usual_out(manifest: Option<&Manifest>) -> Option<PathBuf> {
    let manifest = manifest?;
    Some(manifest.root.join(manifest.run.out.as_ref()?))
}

/// The same, or the exit code when its rules have errors.
pub fn ready(scope: Scope, context: &Context) -> Result<Result<Scope, Exit>, Trouble> {
    let Scope { project, files, elsewhere } = &scope;
    let (errors, warnings) = diagnostics::count(&project.diagnostics);
    if 0 < errors {
        let only: Vec<_> = project.diagnostics.iter().filter(|it| it.is_error()).cloned().collect();
        let all = Checked { diagnostics: &only, ..check::checked(project, files) };
        let exit = check::exit(&only, false);
        failure::errors(&all, exit, context);
        return Ok(Err(exit));
    }
    if 0 < *elsewhere {
        let message = "these rules belong to a project with errors: `tamis check` shows them";
        failure::elsewhere(message, context);
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
pub fn here(scope: &Scope) -> Vec<RuleId> {
    let rules = scope.project.rule_set.rules.iter().enumerate();
    let mine = rules.filter(|it| scope.files.contains(&it.1.span.file));
    mine.map(|it| RuleId(it.0)).collect()
}

/// How a run is done when nobody says otherwise.
pub fn usual() -> Options {
    Options {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        batch_size: 8192,
        memory_limit: Some(amount::MEMORY_LIMIT),
        spill: None,
        max_rejected: 1000,
        engine: Engine::DataFusion,
        optimise: true,
        shares: None,
        pace: Arc::default(),
    }
}

fn options(it: &Run, manifest: Option<&Manifest>) -> Result<Options, Trouble> {
    let from_file = manifest.map(|it| it.run.clone()).unwrap_or_default();
    let mut options = usual();
    if let Some(threads) = it.threads.or(from_file.threads).filter(|it| *it != 0) {
        options.threads = amount::threads(threads)?;
    }
    if let Some(rows) = it.batch_size.or(from_file.batch_size) {
        options.batch_size = amount::batch(rows)?;
    }
    if let Some(text) = it.max_rejected.as_ref().or(from_file.max_rejected.as_ref()) {
        options.max_rejected = amount::share("--max-rejected", text)?;
    }
    if let Some(text) = it.memory_limit.as_ref().or(from_file.memory_limit.as_ref()) {
        options.memory_limit = Some(amount::bytes("--memory-limit", text)?);
    }
    options.engine = match it.engine {
        Evaluator::DataFusion => Engine::DataFusion,
        Evaluator::Interpreter => Engine::Interpreter,
    };
    Ok(options)
}

pub fn chosen(set: &RuleSet, wanted: &[String]) -> Result<Vec<RuleId>, Trouble> {
    let mut res = wanted.iter().map(|id| named(set, id)).collect::<Result<Vec<_>, _>>()?;
    res.sort();
    res.dedup();
    Ok(res)
}

pub fn named(set: &RuleSet, wanted: &str) -> Result<RuleId, Trouble> {
    let found = set.rules.iter().position(|rule| &*rule.id == wanted).map(RuleId);
    found.ok_or_else(|| {
        let near = diagnostic::did_you_mean(wanted, set.rules.iter().map(|it| &*it.id));
        let trouble = Trouble::usage(format!("no rule is called `{wanted}`"));
        trouble.help(near.unwrap_or_else(|| "`tamis check` reads the same rules".to_owned()))
    })
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
    let options = Options { spill: Some(write::folder(out).to_path_buf()), ..usual() };
    let (done, written, _) = evaluate(set, &opened, to, None, &options, context)?;
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
        summary::table(&summary, context.terminal.stdout, str::to_owned)
    ))
}
