//! `tamis dump`

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::Context;
use crate::cli::check;
use crate::cli::output;
use crate::project;
use crate::project::Project;
use crate::report::diagnostics;
use crate::report::diagnostics::Format;
use crate::syntax::print;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis dump rules/origin.tamis              the tree of a file
  tamis dump rules/origin.tamis --stage ir   typed rules";

#[derive(clap::Args)]
pub struct Dump {
    file: PathBuf,
    /// What to show
    #[arg(long, default_value = "ast")]
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// The tree of the text
    Ast,
    /// Rules with names resolved and types
    Ir,
    /// The plan of DataFusion
    #[cfg(feature = "engine")]
    Plan,
}

pub fn dump(it: &Dump, context: &Context) -> Result<Exit, Trouble> {
    let project = project::load(&context.request(vec![it.file.clone()]))?;
    if !project.diagnostics.is_empty() {
        let all = check::checked(&project);
        let text = diagnostics::render(&all, Format::Full, context.terminal.stderr);
        output::error(text.trim_end());
    }
    match it.stage {
        // Rules come first, the schema of the project after them.
        Stage::Ast => {
            output::product(&project.files.first().map(print::print).unwrap_or_default())?
        }
        Stage::Ir => output::product(&rules(&project))?,
        #[cfg(feature = "engine")]
        Stage::Plan if project.rule_set.rules.is_empty() => {}
        #[cfg(feature = "engine")]
        Stage::Plan => output::product(&crate::cli::run::plan_of(&project, None, &[])?)?,
    }
    Ok(check::exit(&project.diagnostics, false))
}

fn rules(project: &Project) -> String {
    let all = project.rule_set.rules.iter();
    all.map(|it| format!("{} {:?}\n{:#?}\n", it.id, it.title, it.outcome)).collect()
}
