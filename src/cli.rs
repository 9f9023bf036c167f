//! The `tamis` command: arguments, streams, exit codes. The only module that prints or exits.

pub mod check;
pub mod fmt;
#[cfg(feature = "engine")]
pub mod run;

use std::io::IsTerminal;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;

use crate::diagnostic::Code;
use crate::project::Request;
use crate::trouble::Exit;
use crate::trouble::Trouble;

/// Targeting rules for customs declarations: checked, run, explained.
#[derive(Parser)]
#[command(name = "tamis", version, arg_required_else_help = true)]
struct Args {
    /// Work in this folder.
    #[arg(short = 'C', long = "dir", global = true, default_value = ".", env = "TAMIS_DIR")]
    dir: PathBuf,
    /// This tamis.toml instead of the nearest one.
    #[arg(long, global = true, env = "TAMIS_CONFIG")]
    config: Option<PathBuf>,
    /// This schema instead of the one of tamis.toml.
    #[arg(long, global = true, env = "TAMIS_SCHEMA")]
    schema: Option<PathBuf>,
    /// auto, always or never.
    #[arg(long, global = true, default_value = "auto", env = "TAMIS_COLOR")]
    color: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check rules: syntax, names, units, codes, missing values.
    #[command(after_help = "Example: tamis check rules --output concise --output json=report.json")]
    Check(check::Check),
    /// Run rules over declarations and write the hits.
    #[cfg(feature = "engine")]
    #[command(after_help = "Example: tamis run archive --rules rules --out hits.parquet")]
    Run(run::Run),
    /// Show how DataFusion runs the rules, or one rule.
    #[cfg(feature = "engine")]
    #[command(after_help = "Example: tamis plan P001 --data kcs")]
    Plan(run::Plan),
    /// Put rule files into their one layout.
    #[command(after_help = "Example: tamis fmt rules --check")]
    Fmt(fmt::Fmt),
    /// Print what a stage makes of a file.
    #[command(after_help = "Example: tamis dump rules/shared.tamis --stage ast")]
    Dump(fmt::Dump),
    /// Explain a diagnostic.
    #[command(after_help = "Example: tamis explain T4101")]
    Explain {
        /// Such as T3001; without it, all the codes.
        code: Option<String>,
    },
    /// Print the exit codes.
    ExitCodes,
    /// Print a completion script.
    #[command(after_help = "Example: tamis completions bash > tamis.bash")]
    Completions { shell: clap_complete::Shell },
}

/// Parses the command line, does it, and gives the exit code.
pub fn main() -> ExitCode {
    // Rules and plans are trees: the stack of the first thread may be small.
    let worker = std::thread::Builder::new().stack_size(64 << 20).spawn(|| {
        let args = match Args::try_parse() {
            Ok(args) => args,
            Err(error) => {
                let code = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
                error.print().ok();
                return code;
            }
        };
        run_command(args).unwrap_or_else(|trouble| {
            note(&format!("error: {trouble}"));
            trouble.exit
        })
    });
    let exit = worker.ok().and_then(|it| it.join().ok()).unwrap_or_else(|| {
        note(&format!("tamis {} has a fault: please report it", env!("CARGO_PKG_VERSION")));
        Exit::Bug
    });
    ExitCode::from(exit as u8)
}

fn run_command(args: Args) -> Result<Exit, Trouble> {
    let colour = colour(&args.color)?;
    let request = |rules: Vec<PathBuf>| Request {
        config: args.config.clone(),
        rules,
        schema: args.schema.clone(),
        dir: args.dir.clone(),
    };
    match &args.command {
        Command::Check(it) => check::check(it, &request(it.paths.clone()), colour),
        #[cfg(feature = "engine")]
        Command::Run(it) => run::run(it, &request(it.rules.clone()), colour),
        #[cfg(feature = "engine")]
        Command::Plan(it) => run::plan(it, &request(it.rules.clone()), colour),
        Command::Fmt(it) => fmt::fmt(it),
        Command::Dump(it) => fmt::dump(it),
        Command::Explain { code } => explain(code.as_deref()),
        Command::ExitCodes => {
            product(EXIT_CODES);
            Ok(Exit::Ok)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "tamis", &mut script);
            product(&String::from_utf8_lossy(&script));
            Ok(Exit::Ok)
        }
    }
}

const EXIT_CODES: &str = "\
0    nothing to report
1    findings: errors in rules
2    usage: a wrong flag, a missing or unreadable file, a wrong configuration
3    data: it does not fit the schema, is damaged, or has too many rejected rows
4    resources: memory, disk
101  a fault of tamis
";

fn colour(wish: &str) -> Result<bool, Trouble> {
    match wish {
        "always" => Ok(true),
        "never" => Ok(false),
        "auto" => Ok(std::io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())),
        _ => Err(Trouble::usage(format!("--color {wish}: write auto, always or never"))),
    }
}

fn explain(code: Option<&str>) -> Result<Exit, Trouble> {
    let Some(wanted) = code else {
        let all: String = Code::ALL
            .iter()
            .map(|it| format!("{it}  {:22} {}\n", it.name(), it.summary()))
            .collect();
        product(&all);
        return Ok(Exit::Ok);
    };
    let Some(code) = Code::parse(wanted) else {
        return Err(Trouble::usage(format!("no diagnostic is called `{wanted}`"))
            .help("`tamis explain` lists them"));
    };
    product(code.page());
    Ok(Exit::Ok)
}

/// What the command is for, on standard output. A reader that left is no error.
pub fn product(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).ok();
}

/// Progress and notes, on standard error.
pub fn note(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// `FORMAT` or `FORMAT=FILE`: where each report goes.
pub fn deliver(text: &str, file: Option<&str>) -> Result<(), Trouble> {
    match file {
        None => {
            product(text);
            Ok(())
        }
        Some(path) => std::fs::write(path, text)
            .map_err(|_| Trouble::resource(format!("{path}: cannot be written"))),
    }
}
