//! `tamis explain`, `tamis help` and `tamis topics`: everything offline, in the binary.

use clap::CommandFactory;

use crate::cli::Args;
use crate::cli::output;
use crate::diagnostic::Code;
use crate::diagnostic::did_you_mean;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis explain              all the codes
  tamis explain T4101
  tamis explain bare-number  a name does as well";

#[derive(clap::Args)]
pub struct Explain {
    /// Such as T3001; without it, all the codes
    code: Option<String>,
}

struct Topic {
    name: &'static str,
    summary: &'static str,
    page: &'static str,
}

const TOPICS: &[Topic] = &[
    Topic {
        name: "exit-codes",
        summary: "how a command ends, for scripts",
        page: include_str!("../../docs/exit-codes.md"),
    },
    Topic {
        name: "missing-values",
        summary: "hit, no hit, undecided: what happens when a value is missing",
        page: include_str!("../../docs/help/missing-values.md"),
    },
    Topic {
        name: "outputs",
        summary: "streams, formats, files, colours",
        page: include_str!("../../docs/help/outputs.md"),
    },
    Topic {
        name: "tests",
        summary: "tests of rules, in the words of rules",
        page: include_str!("../../docs/help/tests.md"),
    },
    Topic {
        name: "project",
        summary: "tamis.toml, and how it is found",
        page: include_str!("../../docs/help/project.md"),
    },
    Topic {
        name: "runs",
        summary: "runs on record: folder, manifest, verify, replay",
        page: include_str!("../../docs/help/runs.md"),
    },
    Topic {
        name: "explanations",
        summary: "tamis why: lines, values, and what would turn an answer",
        page: include_str!("../../docs/help/why.md"),
    },
];

pub fn explain(it: &Explain) -> Result<Exit, Trouble> {
    let Some(wanted) = &it.code else {
        let line = |it: &Code| format!("{it}  {:22} {}\n", it.name(), it.summary());
        output::product(&Code::ALL.iter().map(line).collect::<String>())?;
        return Ok(Exit::Ok);
    };
    let named = |wanted: &str| Code::ALL.iter().copied().find(|it| it.name() == wanted);
    let Some(code) = Code::parse(wanted).or_else(|| named(wanted)) else {
        let near = did_you_mean(wanted, Code::ALL.iter().map(|it| it.name()));
        let help = near.unwrap_or_else(|| "`tamis explain` lists them".to_owned());
        return Err(Trouble::usage(format!("no diagnostic is called `{wanted}`")).help(help));
    };
    output::product(code.page())?;
    Ok(Exit::Ok)
}

pub fn topics(name: Option<&str>) -> Result<Exit, Trouble> {
    let Some(name) = name else {
        output::product(&list())?;
        return Ok(Exit::Ok);
    };
    let Some(topic) = TOPICS.iter().find(|it| it.name == name) else {
        return Err(unknown(name));
    };
    output::product(topic.page)?;
    Ok(Exit::Ok)
}

fn list() -> String {
    TOPICS.iter().map(|it| format!("{:16} {}\n", it.name, it.summary)).collect()
}

/// `tamis help run`, `tamis help exit-codes`, `tamis help T4101`.
pub fn help(wanted: &[String]) -> Result<Exit, Trouble> {
    let mut command = Args::command();
    command.build();
    let [name] = wanted else {
        let text = format!("{}\n\nTopics of `tamis help`:\n", command.render_long_help());
        output::product(&(text + &list()))?;
        return Ok(Exit::Ok);
    };
    if TOPICS.iter().any(|it| it.name == name) {
        return topics(Some(name));
    }
    if let Some(found) = command.find_subcommand_mut(name) {
        output::product(&format!("{}\n", found.render_long_help()))?;
        return Ok(Exit::Ok);
    }
    match Code::parse(name) {
        Some(code) => output::product(code.page())?,
        None => return topics(Some(name)),
    }
    Ok(Exit::Ok)
}

fn unknown(name: &str) -> Trouble {
    let near = did_you_mean(name, TOPICS.iter().map(|it| it.name));
    let help = near.unwrap_or_else(|| "`tamis topics` lists them".to_owned());
    Trouble::usage(format!("there is no help on `{name}`")).help(help)
}
