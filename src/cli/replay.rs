//! `tamis replay`

use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;
use serde_json::json;

use crate::cli::Context;
use crate::cli::check;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::run as cli_run;
use crate::cli::run::recorded;
use crate::cli::scope;
use crate::cli::verify;
use crate::cli::verify::Form;
use crate::decide::Decision;
use crate::decide::secret::Secrets;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::report;
use crate::run;
use crate::run::Done;
use crate::run::Engine;
use crate::run::Opened;
use crate::run::Options;
use crate::run::decisions;
use crate::run::manifest;
use crate::run::manifest::Manifest;
use crate::run::one;
use crate::run::one::Question;
use crate::run::replay;
use crate::run::replay::Difference;
use crate::run::replay::Only;
use crate::run::replay::Said;
use crate::run::replay::What;
use crate::run::replay::beside::Beside;
use crate::shown::shown;
use crate::source::Sources;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis replay out               every declaration, by the interpreter: slow, the definition
  tamis replay out 10681065      one declaration
  tamis replay out --output json

Rules and data are read where the run read them, or in the project of -C. What is not found again
as it was is named first, as `tamis verify` does.";

#[derive(clap::Args)]
pub struct Replay {
    /// The folder of a run
    run: PathBuf,
    /// The key of one declaration; all of them when none is named
    declaration: Option<String>,
    /// table or json; FORMAT=FILE writes a file. May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = verify::form)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    output: Vec<Output<Form>>,
}

/// Hits and undecided.
type Counts = (u64, u64);

/// What was compared, and what came out otherwise.
struct Compared {
    lines: usize,
    differences: Vec<Difference>,
    /// Of rules: identifier, hits and undecided as recorded, and as replayed.
    counts: Vec<(String, Counts, Counts)>,
}

impl Replay {
    pub fn is_json(&self) -> bool {
        output::is_json(&self.output, &Form::Json)
    }
}

pub fn replay(it: &Replay, context: &Context) -> Result<Exit, Trouble> {
    let outputs = output::destinations(&it.output, Form::Table)?;
    let manifest = manifest::read(&it.run)?;
    output::apart(&output::files(&outputs), std::slice::from_ref(&it.run))?;
    let root = verify::root(&manifest, context);
    let inputs = verify::inputs(&manifest, &root);
    let request = verify::request(&manifest, &root);
    let scope = match cli_run::ready(scope::load_request(context, &request)?, context)? {
        Ok(scope) => scope,
        Err(exit) => return Ok(exit),
    };
    let set = &scope.project.rule_set;
    let asked = &manifest.run.options;
    let project = scope.project.manifest.as_ref();
    let input = verify::data_of(&asked.data, project, &root)?;
    let history = match asked.history.as_slice() {
        [] => None,
        named => Some(verify::data_of(named, project, &root)?),
    };
    let rules = rules(set, &manifest)?;
    let (mut whole, judging) = run::decide::prepared(set, &rules);
    run::decide::only(&mut whole, &asked.rule);
    let secrets = whole.policy.as_ref().map(Secrets::of).transpose()?;
    let foreign = match &whole.policy {
        Some(policy) => Secrets::foreign(policy, &manifest.run.draws)?,
        None => Vec::new(),
    };
    for name in &foreign {
        context.terminal.note(&format!("note: the key in `{name}` is not the one of the run"));
    }
    let opened = run::open(&whole, &judging, &input, history.as_ref(), true)?;
    let asked = Asked {
        set: &whole,
        sources: &scope.project.sources,
        rules: &rules,
        opened: &opened,
        secrets: secrets.as_ref(),
    };
    let compared = match &it.declaration {
        Some(id) => asked.one(&it.run, &manifest, id)?,
        None => asked.all(&it.run, &manifest)?,
    };
    for Output { format, file } in &outputs {
        let text = match format {
            Form::Table => table(&inputs, &compared),
            Form::Json => json(&manifest, &inputs, &compared),
        };
        output::deliver(&text, file.as_deref())?;
    }
    let same = compared.differences.is_empty() && compared.counts.is_empty() && foreign.is_empty();
    context.terminal.note(&format!(
        "Replayed {} of run {}: {}",
        check::counted(compared.lines, "line"),
        verify::short(&manifest),
        if same { "all as recorded" } else { "not as recorded" },
    ));
    Ok(if same && inputs.is_empty() { Exit::Ok } else { Exit::Findings })
}

/// What is asked again: the rules of a run over its data.
struct Asked<'a> {
    set: &'a RuleSet,
    sources: &'a Sources,
    rules: &'a [RuleId],
    opened: &'a Opened,
    /// Where the run has a policy.
    secrets: Option<&'a Secrets>,
}

impl Asked<'_> {
    fn all(&self, run: &Path, manifest: &Manifest) -> Result<Compared, Trouble> {
        let options = Options {
            engine: Engine::Interpreter,
            max_rejected: manifest.facts.max_rejected,
            ..cli_run::usual()
        };
        let mut hits = Beside::open(&run.join(recorded::HITS), What::Lines, limit(manifest))?;
        let lines = hits.count();
        let receive: run::Receiver = &mut |batch| hits.add(batch);
        let mut decisions = Vec::new();
        let done = match self.secrets {
            Some(secrets) => {
                let path = run.join(recorded::DECISIONS);
                let mut all = Beside::open(&path, What::Decisions, None)?;
                let decided: run::Receiver = &mut |batch| all.add(batch);
                let (receive, decided) = (Some(receive), Some(decided));
                let (done, _) =
                    self.opened.decide(self.set, secrets, receive, decided, &options)?;
                decisions = all.finish()?;
                done
            }
            None => self.opened.run(self.set, Some(receive), &options)?,
        };
        let mut differences = hits.finish()?;
        differences.append(&mut decisions);
        Ok(Compared { lines, differences, counts: counts(manifest, &done, self.set) })
    }

    /// One declaration. Which place it gets depends on all who ask for one: that is not replayed.
    fn one(&self, run: &Path, manifest: &Manifest, id: &str) -> Result<Compared, Trouble> {
        let ids = [id.to_owned()];
        let question = Question {
            ids: &ids,
            rules: self.rules,
            what_if: &[],
            secrets: self.secrets,
            flips: &[],
        };
        let options = cli_run::usual();
        let found = one::explain(self.set, self.sources, self.opened, &question, &options)?;
        let Some(first) = found.first() else { return Err(Trouble::bug("a replay of nothing")) };
        let only = &Only::of(self.set, first)?;
        let mut again = Said::new(What::Lines);
        for it in &found {
            again.add_lines(self.set, &self.opened.keys, it)?;
        }
        let hits = replay::read(&run.join(recorded::HITS), What::Lines, only)?;
        let mut differences = hits.differences(&again);
        // What the limit cut off was never recorded.
        if limit(manifest).is_some() {
            differences.retain(|it| !it.is_new());
        }
        let mut res = Compared { lines: hits.count(), differences, counts: Vec::new() };
        let decided: Vec<Decision> = found.into_iter().filter_map(|it| it.decision).collect();
        if let Some(mut again) = self.decisions(&decided)? {
            let path = run.join(recorded::DECISIONS);
            let recorded = replay::read(&path, What::Decisions, only)?;
            again.take_places(&recorded);
            res.differences.extend(recorded.differences(&again));
        }
        Ok(res)
    }

    fn decisions(&self, all: &[Decision]) -> Result<Option<Said>, Trouble> {
        let Some(policy) = &self.set.policy else { return Ok(None) };
        let mut again = Said::new(What::Decisions);
        again.add(&decisions::batch(self.set, policy, all)?, None)?;
        Ok(Some(again))
    }
}

/// The rules of the run.
///
/// Errors: one that is no longer there.
pub fn rules(set: &RuleSet, manifest: &Manifest) -> Result<Vec<RuleId>, Trouble> {
    let find = |it: &manifest::Rule| {
        let found = set.rules.iter().position(|rule| *rule.id == *it.id).map(RuleId);
        found.ok_or_else(|| {
            Trouble::data(format!("rule {} of the run is no longer there", it.id))
                .help("`tamis verify` names what has changed; check out the rules of that time")
        })
    };
    manifest.run.rules.iter().map(find).collect()
}

/// How many lines the run was to write at most.
fn limit(manifest: &Manifest) -> Option<usize> {
    manifest.run.options.limit.and_then(|it| usize::try_from(it).ok())
}

/// Rules that hit more or fewer rows than in the run.
fn counts(manifest: &Manifest, done: &Done, set: &RuleSet) -> Vec<(String, Counts, Counts)> {
    let mut res = Vec::new();
    for (at, rule) in set.rules.iter().enumerate() {
        let Some(then) = manifest.run.rules.iter().find(|it| *it.id == *rule.id) else { continue };
        let (then, now) = ((then.hits, then.undecided), done.counts[at]);
        if then != now {
            res.push((rule.id.to_string(), then, now));
        }
    }
    res
}

fn table(inputs: &[crate::run::verify::Difference], compared: &Compared) -> String {
    let mut text = String::new();
    for it in inputs {
        text += &format!("{} since the run: {}\n", it.what.word(), shown(&it.path));
    }
    for it in &compared.differences {
        let of = if it.rule.is_empty() { "decision" } else { &it.rule };
        let said = match it.columns.as_slice() {
            [] => format!("recorded {}, replayed {}", it.recorded, it.replayed),
            columns => format!("{} in both; differs in {}", it.recorded, columns.join(", ")),
        };
        text += &shown(&format!("{}  {of}: {said}", it.keys));
        text.push('\n');
    }
    for (rule, then, now) in &compared.counts {
        text += &format!(
            "{rule}: recorded {} hits and {} undecided, replayed {} and {}\n",
            then.0, then.1, now.0, now.1
        );
    }
    text
}

fn json(
    manifest: &Manifest,
    inputs: &[crate::run::verify::Difference],
    compared: &Compared,
) -> String {
    let input = |it: &crate::run::verify::Difference| {
        let (what, of) = (it.what.word(), &it.of);
        json!({"what": what, "of": of, "path": it.path})
    };
    let line = |it: &Difference| {
        json!({"keys": it.keys, "rule": it.rule, "recorded": it.recorded,
               "replayed": it.replayed, "columns": it.columns})
    };
    let count = |it: &(String, Counts, Counts)| {
        let both = |it: Counts| json!({"hits": it.0, "undecided": it.1});
        json!({"rule": it.0, "recorded": both(it.1), "replayed": both(it.2)})
    };
    let report = json!({
        "schema": "tamis.replay/1", "run_id": manifest.run_id, "lines": compared.lines,
        "inputs": inputs.iter().map(input).collect::<Vec<Json>>(),
        "differences": compared.differences.iter().map(line).collect::<Vec<Json>>(),
        "counts": compared.counts.iter().map(count).collect::<Vec<Json>>(),
    });
    report::json(&report)
}
