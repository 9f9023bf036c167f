//! `tamis plan`

use crate::cli::Context;
use crate::cli::output;
use crate::cli::run::Plan;
use crate::cli::run::here;
use crate::cli::run::named;
use crate::cli::run::ready;
use crate::cli::run::usual;
use crate::cli::scope;
use crate::cli::scope::Scope;
use crate::run;
use crate::run::Options;
use crate::run::engine;
use crate::shown::shown;
use crate::trouble::Exit;
use crate::trouble::Trouble;

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
    for it in opened.levels.iter().filter(|it| !it.rules.is_empty()) {
        let (here, level) = (&it.rules, it.record);
        let name = &set.schema.record(level).name;
        let plans = engine::print(set, here, level, &opened, &options)?;
        text += &format!("rules of `{name}`: {}\n\n", here.len());
        // Values of lists and names of files stand in plans.
        text.extend(plans.trim_end().lines().map(|it| format!("{}\n", shown(it))));
    }
    Ok(text)
}
