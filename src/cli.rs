//! The `tamis` command: arguments, streams, exit codes. The only module that prints or exits.

pub mod check;
pub mod ci;
#[cfg(feature = "engine")]
pub mod demo;
pub mod dump;
pub mod explain;
pub mod failure;
pub mod fmt;
pub mod init;
#[cfg(unix)]
pub mod interrupt;
pub mod ls;
pub mod output;
#[cfg(feature = "engine")]
pub mod progress;
#[cfg(feature = "engine")]
pub mod replay;
#[cfg(feature = "engine")]
pub mod run;
pub mod scope;
#[cfg(feature = "engine")]
pub mod test;
#[cfg(feature = "engine")]
pub mod verify;
#[cfg(feature = "engine")]
pub mod watch;
#[cfg(feature = "engine")]
pub mod why;

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;

use crate::cli::output::Terminal;
use crate::data::manifest;
use crate::disk::place;
use crate::project::Request;
use crate::report;
use crate::trouble::Exit;
use crate::trouble::Trouble;

const AFTER: &str = "\
Begin with `tamis demo`. A diagnostic is explained by `tamis explain CODE`, a topic by
`tamis help TOPIC`: `tamis topics` lists them. Every option can be set as TAMIS_OPTION too.";

/// Targeting rules for customs declarations: checked, run, explained.
#[derive(Parser)]
#[command(name = "tamis", version, arg_required_else_help = true, after_help = AFTER)]
#[command(disable_help_subcommand = true)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
#[command(next_help_heading = "For every command")]
pub struct Global {
    /// Look for tamis.toml in this folder and above it
    #[arg(short = 'C', long, value_name = "DIR", global = true, default_value = ".")]
    #[arg(env = "TAMIS_DIR", hide_env = true)]
    dir: PathBuf,
    /// This tamis.toml instead of the nearest one
    #[arg(long, value_name = "FILE", global = true, env = "TAMIS_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    /// This schema instead of the one of tamis.toml
    #[arg(long, value_name = "FILE", global = true, env = "TAMIS_SCHEMA", hide_env = true)]
    schema: Option<PathBuf>,
    /// No notes, no progress: only the product and errors
    #[arg(short, long, global = true, env = "TAMIS_QUIET", hide_env = true)]
    quiet: bool,
    /// More notes
    #[arg(short, long, global = true, env = "TAMIS_VERBOSE", hide_env = true)]
    verbose: bool,
    /// Colours
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    #[arg(env = "TAMIS_COLOR", hide_env = true)]
    color: When,
    /// Progress, on stderr
    #[cfg(feature = "engine")]
    #[arg(long, value_name = "HOW", global = true, default_value = "auto")]
    #[arg(env = "TAMIS_PROGRESS", hide_env = true)]
    progress: progress::Mode,
    /// Nothing besides when it runs in CI: no annotations, no summary
    #[arg(long, global = true, env = "TAMIS_NO_CI", hide_env = true)]
    no_ci: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Unpack a sample project, check it, run it, and say what to type next
    #[cfg(feature = "engine")]
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::Demo),
    /// Make a project: tamis.toml, a schema, a first rule
    #[command(after_help = init::EXAMPLES)]
    Init(init::Init),
    /// Check rules: syntax, names, units, codes, missing values
    #[command(after_help = check::EXAMPLES)]
    Check(check::Check),
    /// Write rules in the one form that all share
    #[command(after_help = fmt::EXAMPLES)]
    Fmt(fmt::Fmt),
    /// Run rules over declarations, and write hits and undecided rows
    #[cfg(feature = "engine")]
    #[command(after_help = run::EXAMPLES)]
    Run(run::Run),
    /// Run the tests of rules and profiles
    #[cfg(feature = "engine")]
    #[command(after_help = test::EXAMPLES)]
    Test(test::Test),
    /// Say whether a run is as it was written, and what it read as it was read
    #[cfg(feature = "engine")]
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Verify),
    /// Evaluate a run once more, by the definition, and compare
    #[cfg(feature = "engine")]
    #[command(after_help = replay::EXAMPLES)]
    Replay(replay::Replay),
    /// List rules, lists, parameters, profiles, definitions
    #[command(after_help = ls::EXAMPLES)]
    Ls(ls::Ls),
    /// Say why a declaration is selected or not, rule by rule, and what would turn the answer
    #[cfg(feature = "engine")]
    #[command(after_help = why::EXAMPLES)]
    Why(why::Why),
    /// Show how DataFusion runs the rules, or one rule
    #[cfg(feature = "engine")]
    #[command(after_help = run::PLAN_EXAMPLES)]
    Plan(run::Plan),
    /// Show what a stage makes of a file
    #[command(after_help = dump::EXAMPLES)]
    Dump(dump::Dump),
    /// Explain a diagnostic
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Explain),
    /// Explain a command or a topic
    #[command(after_help = "Examples:\n  tamis help run\n  tamis help exit-codes")]
    Help { topic: Vec<String> },
    /// List the topics of `tamis help`, or print one
    #[command(after_help = "Examples:\n  tamis topics\n  tamis topics missing-values")]
    Topics { name: Option<String> },
    /// Print the exit codes
    #[command(hide = true)]
    ExitCodes,
    /// Print a completion script for a shell
    #[command(after_help = "Examples:\n  tamis completions bash > tamis.bash")]
    Completions { shell: clap_complete::Shell },
    /// Print the version
    #[command(after_help = "Examples:\n  tamis version --json")]
    Version {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// What every command may ask for.
pub struct Context {
    pub global: Global,
    pub terminal: Terminal,
    /// Whether stdout is to hold JSON, whatever happens.
    pub json: bool,
}

/// Where the program broke, should it break: files and lines of ours only.
static FAULT: Mutex<Option<String>> = Mutex::new(None);

/// Parses the command line, does it, and gives the exit code.
pub fn main() -> ExitCode {
    remember_faults();
    #[cfg(unix)]
    interrupt::watch();
    // Rules and plans are trees: the stack of the first thread may be small.
    let worker = std::thread::Builder::new()
        .stack_size(64 << 20)
        .spawn(|| std::panic::catch_unwind(work).unwrap_or(Exit::Bug));
    let exit = match worker.map(|it| it.join()) {
        Ok(Ok(exit)) => exit,
        Ok(Err(_)) => Exit::Bug,
        Err(_) => {
            output::error("error: no thread can be started");
            Exit::Resource
        }
    };
    if exit == Exit::Bug {
        apologise();
    }
    ExitCode::from(exit as u8)
}

fn work() -> Exit {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let look = Terminal::new(When::Auto, false).stderr;
            return failure::arguments(&error, look);
        }
    };
    let terminal = Terminal::new(args.global.color, args.global.quiet);
    let json = args.command.is_json();
    let context = Context { global: args.global, terminal, json };
    match run_command(&context, &args.command) {
        Ok(exit) => exit,
        // A reader of ours that has seen enough.
        Err(trouble) if trouble == place::gone() => Exit::Ok,
        Err(trouble) => {
            failure::trouble(&trouble, json);
            trouble.exit
        }
    }
}

impl Command {
    /// Whether stdout is to hold JSON.
    fn is_json(&self) -> bool {
        match self {
            #[cfg(feature = "engine")]
            Command::Run(it) => output::is_json(&it.output, &run::Report::Json),
            #[cfg(feature = "engine")]
            Command::Test(it) => it.is_json(),
            #[cfg(feature = "engine")]
            Command::Verify(it) => it.is_json(),
            #[cfg(feature = "engine")]
            Command::Replay(it) => it.is_json(),
            #[cfg(feature = "engine")]
            Command::Why(it) => it.is_json(),
            Command::Check(it) => it.is_json(),
            Command::Ls(it) => it.is_json(),
            _ => false,
        }
    }
}

fn run_command(context: &Context, command: &Command) -> Result<Exit, Trouble> {
    match command {
        #[cfg(feature = "engine")]
        Command::Demo(it) => demo::demo(it, context),
        Command::Init(it) => init::init(it, context),
        Command::Check(it) => check::check(it, context),
        Command::Fmt(it) => fmt::fmt(it, context),
        #[cfg(feature = "engine")]
        Command::Run(it) => run::run(it, context),
        #[cfg(feature = "engine")]
        Command::Test(it) => test::test(it, context),
        #[cfg(feature = "engine")]
        Command::Verify(it) => verify::verify(it, context),
        #[cfg(feature = "engine")]
        Command::Replay(it) => replay::replay(it, context),
        Command::Ls(it) => ls::ls(it, context),
        #[cfg(feature = "engine")]
        Command::Why(it) => why::why(it, context),
        #[cfg(feature = "engine")]
        Command::Plan(it) => run::planned::plan(it, context),
        Command::Dump(it) => dump::dump(it, context),
        Command::Explain(it) => explain::explain(it),
        Command::Help { topic } => explain::help(topic),
        Command::Topics { name } => explain::topics(name.as_deref()),
        Command::ExitCodes => explain::topics(Some("exit-codes")),
        Command::Completions { shell } => completions(*shell),
        Command::Version { json } => version(*json),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "tamis", &mut script);
    output::product(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn version(json: bool) -> Result<Exit, Trouble> {
    let text = if json {
        let it = serde_json::json!({
            "schema": "tamis.version/1", "version": VERSION, "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH, "engine": cfg!(feature = "engine"),
        });
        report::json(&it)
    } else {
        format!("tamis {VERSION}\n")
    };
    output::product(&text)?;
    Ok(Exit::Ok)
}

impl Context {
    /// Rules of these paths, or those of the project. The project is found here, so that its
    /// paths are shown from where the user stands.
    pub fn request(&self, rules: Vec<PathBuf>) -> Request {
        let dir = &self.global.dir;
        let from = rules.first().unwrap_or(dir);
        // The nearest one to the files, unless a folder was asked for.
        let (first, then) = if dir == Path::new(".") { (from, dir) } else { (dir, from) };
        let found = || manifest::discover(first).or_else(|| manifest::discover(then));
        let config = self.global.config.clone().or_else(|| found().map(|it| from_here(&it)));
        if let Some(config) = config.as_ref().filter(|_| self.global.verbose) {
            self.terminal.note(&format!("note: the project of {}", config.display()));
        }
        let schema = self.global.schema.clone();
        Request { config, rules, schema, dir: dir.clone() }
    }
}

/// An absolute path as seen from the current folder.
pub fn from_here(path: &Path) -> PathBuf {
    let Ok(here) = std::env::current_dir().and_then(|it| it.canonicalize()) else {
        return path.to_path_buf();
    };
    let shared = here.ancestors().position(|it| path.starts_with(it));
    let (Some(up), false) = (shared, path.is_relative()) else { return path.to_path_buf() };
    // Nothing but the root in common: the whole path reads better.
    let Some(ancestor) = here.ancestors().nth(up).filter(|it| it.parent().is_some()) else {
        return path.to_path_buf();
    };
    let rest = path.strip_prefix(ancestor).unwrap_or(path);
    std::iter::repeat_n("..", up).collect::<PathBuf>().join(rest)
}

/// Keeps the place of a fault for the message; the trace only for those who ask for it.
fn remember_faults() {
    let asked = std::env::var("RUST_BACKTRACE").is_ok_and(|it| it == "full");
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |fault| {
        // The message of a fault may quote data: only its place is told.
        let place = fault.location().map(|it| format!("{}:{}", it.file(), it.line()));
        if let Ok(mut known) = FAULT.lock() {
            *known = known.take().or(place);
        }
        if asked {
            usual(fault);
        }
    }));
}

fn apologise() {
    let place = FAULT.lock().ok().and_then(|it| it.clone());
    let place = place.map(|it| format!(" at {it}")).unwrap_or_default();
    output::error(&format!(
        "tamis {VERSION} has a fault{place}: this is not your mistake, please report it\n  \
         help: RUST_BACKTRACE=full shows where; look before you share it, it may quote data"
    ));
}
