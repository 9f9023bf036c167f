//! `tamis why`

use std::path::Path;
use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::replay;
use crate::cli::run::chosen;
use crate::cli::run::in_effect;
use crate::cli::run::ready;
use crate::cli::run::recorded::DECISIONS;
use crate::cli::run::recorded::HITS;
use crate::cli::run::recorded::read as recorded_files;
use crate::cli::run::usual;
use crate::cli::scope;
use crate::cli::scope::Scope;
use crate::cli::verify;
use crate::data::manifest::Manifest;
use crate::data::repeats::settled::TWICE;
use crate::data::tally::Fault;
use crate::decide::secret::Secrets;
use crate::hit::Outcome;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::report::Look;
use crate::report::why::Recorded;
use crate::report::why::Told;
use crate::report::why::json;
use crate::report::why::sentences;
use crate::report::why::text;
use crate::report::why::text::Marks;
use crate::run;
use crate::run::Input;
use crate::run::Opened;
use crate::run::manifest;
use crate::run::one;
use crate::run::one::Declaration;
use crate::run::one::Question;
use crate::run::one::what_if;
use crate::run::pace::Step;
use crate::run::replay as said;
use crate::run::replay::Difference;
use crate::run::replay::Only;
use crate::run::replay::Said;
use crate::run::replay::What;
use crate::run::source;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::shown::shown;
use crate::trouble::Exit;
use crate::trouble::Trouble;
use crate::value::amount;

pub const EXAMPLES: &str = "\
Examples:
  tamis why 10681065                           the only data set of tamis.toml
  tamis why 10681065 archive --rule V104       one rule, whatever it says
  tamis why 10681065 today.csv --history archive
  tamis why 10681065 --all                     rules that do not hit as well
  tamis why 10681065 --what-if net_mass=3      and what turns
  tamis why 10681065 --what-if item.2.origin=CN --item 2
  tamis why 10681065 --output sentences        for people who do not read rules
  tamis why 10681065 --output json=why.json
  tamis why 10681065 --run out                 as a run has it, places in line too";

#[derive(clap::Args)]
pub struct Why {
    /// The key of the declaration, as the data have it
    id: String,
    /// A data set of tamis.toml, or files; the only data set when none is named
    data: Vec<String>,
    /// Where past rows come from besides: data sets or files. May be repeated
    #[arg(long, value_name = "DATA", env = "TAMIS_HISTORY", hide_env = true)]
    history: Vec<String>,
    /// Files or folders of rules; those of tamis.toml when none is named
    #[arg(long, value_name = "PATH", env = "TAMIS_RULES", hide_env = true)]
    rules: Vec<PathBuf>,
    /// The folder of a run: its rules and data, and what it has on record
    #[arg(long, value_name = "RUN", env = "TAMIS_RUN", hide_env = true)]
    #[arg(conflicts_with_all = ["data", "history", "rules"])]
    run: Option<PathBuf>,
    /// This rule only, whatever it says. May be repeated
    #[arg(long, value_name = "ID", env = "TAMIS_RULE", hide_env = true)]
    rule: Vec<String>,
    /// The rules of this item only, and of the declaration
    #[arg(long, value_name = "KEY", env = "TAMIS_ITEM", hide_env = true)]
    item: Option<String>,
    /// Rules that do not hit as well
    #[arg(long, env = "TAMIS_ALL", hide_env = true)]
    all: bool,
    /// Suppose that a field holds this: `net_mass=3`, `item.2.origin=CN`. May be repeated
    #[arg(long, value_name = "FIELD=VALUE", env = "TAMIS_WHAT_IF", hide_env = true)]
    what_if: Vec<String>,
    /// full, plain, sentences or json; FORMAT=FILE writes a file. May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = report)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    output: Vec<Output<Report>>,
    /// Partitions that read side by side; 0 for one a core
    #[arg(long, value_name = "N", env = "TAMIS_THREADS", hide_env = true)]
    threads: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    Full,
    Plain,
    Sentences,
    Json,
}

// The words of other commands do as well: TAMIS_OUTPUT is for all.
const REPORTS: [(&str, Report); 6] = [
    ("full", Report::Full),
    ("plain", Report::Plain),
    ("sentences", Report::Sentences),
    ("json", Report::Json),
    ("table", Report::Full),
    ("concise", Report::Full),
];

fn report(text: &str) -> Result<Output<Report>, String> {
    output::parse(text, &REPORTS)
}

/// Where declaration and rules come from.
struct Place {
    scope: Scope,
    rules: Vec<RuleId>,
    /// Whether these are all the rules, so that the policy is asked too.
    whole: bool,
    input: Input,
    history: Option<Input>,
    /// Of a run: the key fields that its lines begin with.
    lines: Option<Vec<FieldId>>,
}

impl Why {
    pub fn is_json(&self) -> bool {
        output::is_json(&self.output, &Report::Json)
    }
}

pub fn why(it: &Why, context: &Context) -> Result<Exit, Trouble> {
    let outputs = output::destinations(&it.output, Report::Full)?;
    let place = match &it.run {
        None => of_project(it, context)?,
        Some(run) => of_run(it, run, context)?,
    };
    let place = match place {
        Ok(place) => place,
        Err(exit) => return Ok(exit),
    };
    let project = &place.scope.project;
    let policy = project.rule_set.policy.as_ref().filter(|_| place.whole);
    let secrets = policy.map(Secrets::of).transpose()?;
    let (set, asked) = match &secrets {
        Some(_) => run::decide::prepared(&project.rule_set, &place.rules),
        None => (project.rule_set.clone(), place.rules.clone()),
    };
    let inner = innermost(&set, &asked, &place.input)?;
    let history = place.history.as_ref();
    let accepted = set.schema.acceptance(inner);
    let told: Vec<FieldId> =
        accepted.into_iter().filter(|it| source::holds(&set, &place.input, it.record)).collect();
    let opened = run::open_at(&set, &asked, (inner, &told), &place.input, history, true)?;
    let mut read = recorded_files(project, &opened);
    read.extend(it.run.clone());
    output::apart(&output::files(&outputs), &read)?;
    let parse = |text: &String| what_if::parse(&set, opened.inner, text);
    let what_if = it.what_if.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let all = it.all || !it.rule.is_empty();
    let ids = [it.id.clone()];
    let question = Question {
        ids: &ids,
        rules: &place.rules,
        what_if: &what_if,
        secrets: secrets.as_ref(),
        flips: if all { &TURNED } else { &TURNED[..2] },
    };
    let mut options = usual();
    if let Some(threads) = it.threads.filter(|it| *it != 0) {
        options.threads = amount::threads(threads)?;
    }
    let table = opened.table().cloned();
    let progress = Progress::start(context, move || Step {
        what: "looking",
        rows: table.as_ref().map_or(0, |it| it.tally.read()),
        total: table.as_ref().map_or(0, |it| it.rows()),
    });
    let found = one::explain(&set, &project.sources, &opened, &question, &options)?;
    drop(progress);
    let Some(declaration) = found.first() else { return Ok(Exit::Ok) };
    let recorded = match (&it.run, &place.lines) {
        (Some(run), Some(lines)) if what_if.is_empty() => {
            Some(recorded(it, run, &set, lines, declaration)?)
        }
        _ => None,
    };
    let told = Told {
        set: &set,
        sources: &project.sources,
        declaration,
        recorded: recorded.as_ref(),
        all,
        verbose: context.global.verbose,
        item: it.item.as_deref(),
    };
    known_item(&told)?;
    for Output { format, file } in &outputs {
        let look = if file.is_none() { context.terminal.stdout } else { Look::FILE };
        let text = match format {
            Report::Full => text::text(&told, Marks::Drawn, look),
            Report::Plain => text::text(&told, Marks::Spoken, look),
            Report::Sentences => sentences::sentences(&told),
            Report::Json => json::json(&told),
        };
        output::deliver(&text, file.as_deref())?;
    }
    left_out(&told, context);
    unreadable(&told, &opened, context)?;
    let same = recorded.is_none_or(|it| it.differences.is_empty());
    Ok(if same { Exit::Ok } else { Exit::Findings })
}

/// The level at which all rules of the project read the data, where the data have it: items and
/// their fields can be named whichever rules are asked.
fn innermost(set: &RuleSet, asked: &[RuleId], input: &Input) -> Result<RecordId, Trouble> {
    let every: Vec<RuleId> = (0..set.rules.len()).map(RuleId).collect();
    let own = source::innermost(set, asked, input)?;
    let wide = source::innermost(set, &every, input).unwrap_or(own);
    Ok(if set.schema.lineage(wide).contains(&own) { wide } else { own })
}

/// The rules and data that are named, or those of the project.
fn of_project(it: &Why, context: &Context) -> Result<Result<Place, Exit>, Trouble> {
    let scope = match ready(scope::load(context, &it.rules)?, context)? {
        Ok(scope) => scope,
        Err(exit) => return Ok(Err(exit)),
    };
    let manifest = scope.project.manifest.as_ref();
    let rules = match it.rule.as_slice() {
        [] => in_effect(&scope, context),
        named => chosen(&scope.project.rule_set, named)?,
    };
    let input = run::input(manifest, &named(it, manifest)?)?;
    let history = match it.history.as_slice() {
        [] => None,
        named => Some(run::input(manifest, named)?),
    };
    Ok(Ok(Place { rules, whole: it.rule.is_empty(), input, history, lines: None, scope }))
}

/// The rules and data of a run, where it read them.
fn of_run(it: &Why, run: &Path, context: &Context) -> Result<Result<Place, Exit>, Trouble> {
    let manifest = manifest::read(run)?;
    let root = verify::root(&manifest, context);
    for it in verify::inputs(&manifest, &root) {
        let path = shown(&it.path);
        output::error(&format!("note: {} since the run: {path}", it.what.word()));
    }
    let request = verify::request(&manifest, &root);
    let scope = match ready(scope::load_request(context, &request)?, context)? {
        Ok(scope) => scope,
        Err(exit) => return Ok(Err(exit)),
    };
    let set = &scope.project.rule_set;
    let asked = &manifest.run.options;
    let project = scope.project.manifest.as_ref();
    let input = verify::data_of(&asked.data, project, &root)?;
    let history = match asked.history.as_slice() {
        [] => None,
        named => Some(verify::data_of(named, project, &root)?),
    };
    let of_run = replay::rules(set, &manifest)?;
    let (whole, judging) = run::decide::prepared(set, &of_run);
    let inner = source::innermost(&whole, &judging, &input)?;
    let lines = Some(source::keys(&whole, &judging, inner));
    let rules = match it.rule.as_slice() {
        [] => of_run,
        named => chosen(set, named)?,
    };
    Ok(Ok(Place { rules, whole: it.rule.is_empty(), input, history, lines, scope }))
}

/// What the run has on record, and where that is not what is found now.
fn recorded(
    it: &Why,
    run: &Path,
    set: &RuleSet,
    lines: &[FieldId],
    declaration: &Declaration,
) -> Result<Recorded, Trouble> {
    let only = &Only::of(set, declaration)?;
    let mut again = Said::new(What::Lines);
    again.add_lines(set, lines, declaration)?;
    let hits = said::read(&run.join(HITS), What::Lines, only)?;
    let mut res = Recorded::default();
    for found in hits.differences(&again) {
        if it.rule.is_empty() || it.rule.contains(&found.rule) {
            let Difference { rule, keys, recorded, replayed, .. } = found;
            res.differences.push(format!("{rule}, {keys}: {recorded} in the run, {replayed} now"));
        }
    }
    let path = run.join(DECISIONS);
    if path.is_file() {
        let all = said::read(&path, What::Decisions, only)?;
        res.channel = all.first("channel").map(str::to_owned);
        res.steps = all.first("why").map(str::to_owned);
    }
    Ok(res)
}

const TURNED: [Outcome; 3] = [Outcome::Hit, Outcome::Undecided, Outcome::NoHit];

/// The data that are named, or the only data set.
fn named(it: &Why, manifest: Option<&Manifest>) -> Result<Vec<String>, Trouble> {
    if !it.data.is_empty() {
        return Ok(it.data.clone());
    }
    let known: Vec<&String> = manifest.iter().flat_map(|it| it.data.keys()).collect();
    match known.as_slice() {
        [only] => Ok(vec![(*only).clone()]),
        [] => Err(Trouble::usage("which data?").help("name a file: `tamis why ID today.csv`")),
        all => {
            let names = all.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
            Err(Trouble::usage("which data?").help(format!("name one of {names}")))
        }
    }
}

fn known_item(told: &Told) -> Result<(), Trouble> {
    let Some(wanted) = told.item else { return Ok(()) };
    let inner =
        told.declaration.rows.iter().filter(|it| told.set.schema.record(it.level).parent.is_some());
    let keys: Vec<String> = inner.map(|it| told.key(it)).collect();
    if keys.iter().any(|it| it == wanted) {
        return Ok(());
    }
    Err(Trouble::usage(format!("the declaration has no item `{wanted}`"))
        .help(format!("its items are {}", keys.join(", "))))
}

/// How many answers are not shown, and how to see them.
fn left_out(told: &Told, context: &Context) {
    let counts = told.counts();
    let others = counts.rules - counts.hits - counts.undecided;
    if !told.all && 0 < others {
        let answers = if others == 1 { "1 answer is" } else { &format!("{others} answers are") };
        let text = format!("note: {answers} no hit: `--all` or `--rule ID` shows them");
        context.terminal.note(&text);
    }
}

/// Rows that stand twice, and cells that cannot be read: of the judged rows those of fields that
/// are missing here, which may be one of them; and all that stand in what else was looked at.
fn unreadable(told: &Told, opened: &Opened, context: &Context) -> Result<(), Trouble> {
    let schema = &told.set.schema;
    let lacks = |name: &str| {
        told.declaration.rows.iter().any(|it| {
            let found = schema.find_field(it.level, name);
            found.is_some_and(|id| it.row.get(id).is_missing())
        })
    };
    let own = opened.tables.values().flat_map(|it| it.tally.report().faults);
    let own: Vec<Fault> = own.collect();
    for it in opened.read(told.set).0.faults {
        if it.reason == TWICE {
            context.terminal.note(&format!("note: {}", it.words()));
        } else if lacks(&it.column) || !own.contains(&it) {
            context.terminal.note(&format!("note: missing values: {}", it.words()));
        }
    }
    Ok(())
}
