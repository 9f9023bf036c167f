//! `tamis fmt`

use std::io::IsTerminal;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use similar::TextDiff;

use crate::cli::Context;
use crate::cli::check;
use crate::cli::ci;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::output::Readers;
use crate::data::walk;
use crate::diagnostic;
use crate::diagnostic::Diagnostic;
use crate::disk;
use crate::project;
use crate::report::annotation;
use crate::report::annotation::Annotation;
use crate::report::diagnostics;
use crate::report::diagnostics::Checked;
use crate::report::diagnostics::Format;
use crate::report::junit;
use crate::shown;
use crate::source::Sources;
use crate::syntax;
use crate::syntax::format;
use crate::syntax::print;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis fmt                    every .tamis file here and below
  tamis fmt rules/origin.tamis
  tamis fmt --check            name the files that would change, with code 1
  tamis fmt --check --output list --output sarif=fmt.sarif
  tamis fmt --diff             show what would change
  tamis fmt - < draft.tamis    from stdin to stdout, for editors

A block that cannot be read is left as it stands, and reported.";

#[derive(clap::Args)]
pub struct Fmt {
    /// Files or folders; `-` reads stdin and writes stdout
    paths: Vec<PathBuf>,
    /// Write nothing; name the files that would change
    #[arg(long, env = "TAMIS_CHECK", hide_env = true)]
    check: bool,
    /// Write nothing; show what would change
    #[arg(long, env = "TAMIS_DIFF", hide_env = true)]
    diff: bool,
    /// With --check: list, sarif, junit, github or md; FORMAT=FILE writes a file. May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = format_of)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    output: Vec<Output<Form>>,
}

/// Names of files, or what CI systems take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    List,
    Ci(ci::Format),
}

// The words of `check` do as well: TAMIS_OUTPUT is for both.
const LISTS: [&str; 6] = ["list", "full", "plain", "concise", "short", "json"];

fn format_of(text: &str) -> Result<Output<Form>, String> {
    let lists = LISTS.iter().map(|name| (*name, Form::List));
    let all: Vec<_> = lists.chain(ci::FORMATS.iter().map(|it| (it.0, Form::Ci(it.1)))).collect();
    output::parse(text, &all)
}

/// What `--check` found.
#[derive(Default)]
struct Found {
    paths: Vec<String>,
    changed: Vec<String>,
    annotations: Vec<Annotation>,
}

/// A file before and after.
struct Formatted {
    before: String,
    after: String,
}

pub fn fmt(it: &Fmt, context: &Context) -> Result<Exit, Trouble> {
    let stdin = it.paths.iter().any(|it| it.as_os_str() == "-");
    if stdin && 1 < it.paths.len() {
        return Err(Trouble::usage("`-` stands alone").help("name files, or give text on stdin"));
    }
    let outputs = output::destinations(&it.output, Form::List)?;
    let mut found = Found::default();
    let mut exit = Exit::Ok;
    let (mut changed, mut unchanged) = (0, 0);
    for path in if stdin { it.paths.clone() } else { files(it, context)? } {
        let shown = path.to_string_lossy().replace('\\', "/");
        let shown = shown.strip_prefix("./").unwrap_or(&shown);
        let bytes = read(&path, stdin)?;
        found.paths.push(shown.to_owned());
        let (formatted, worst) = formatted(shown, &bytes, context, &mut found);
        exit = exit.max(worst);
        let Some(formatted) = formatted else {
            // A filter gives back what it cannot improve: an editor would lose the text. On a
            // terminal nothing is lost, and it might obey what it is shown.
            if stdin && !it.check && !it.diff && !std::io::stdout().is_terminal() {
                output::product_bytes(&bytes)?;
            }
            continue;
        };
        let differs = formatted.before != formatted.after;
        if differs {
            changed += 1
        } else {
            unchanged += 1
        };
        if it.check || it.diff {
            exit = exit.max(if differs { Exit::Findings } else { Exit::Ok });
            if differs {
                let Formatted { before, after } = &formatted;
                found.changed.push(shown.to_owned());
                found.annotations.push(annotation::unformatted(shown, before, after));
            }
            difference(it, shown, &formatted)?;
        } else if stdin {
            output::product(&formatted.after)?;
        } else if differs {
            output::write_whole(&path, formatted.after.as_bytes(), Readers::Usual)?;
        }
    }
    if it.check || it.diff {
        deliver(it, &outputs, found, context)?;
    }
    let would = if it.check || it.diff { "would be " } else { "" };
    if !stdin {
        context.terminal.note(&format!(
            "{} {would}formatted, {unchanged} left as they are",
            check::counted(changed, "file")
        ));
    }
    Ok(exit)
}

/// The names of the files, unless their differences were shown; and what CI systems take.
fn deliver(
    it: &Fmt,
    outputs: &[Output<Form>],
    found: Found,
    context: &Context,
) -> Result<(), Trouble> {
    let Found { paths, changed, annotations } = found;
    let files = check::counted(paths.len(), "file");
    let headline = format!("{} of {files} would be formatted", changed.len());
    let suites = junit::suites(&paths, &annotations);
    let report = ci::Report::new("tamis fmt --check", headline, annotations, suites);
    let names: String = changed.iter().map(|it| format!("{}\n", shown::shown(it))).collect();
    for Output { format, file } in outputs {
        let text = match format {
            Form::List if it.diff && file.is_none() => continue,
            Form::List => names.clone(),
            Form::Ci(format) => report.render(*format)?,
        };
        output::deliver(&text, file.as_deref())?;
    }
    let is_annotated = |it: &Output<Form>| it.format == Form::Ci(ci::Format::Github);
    report.announce(context, outputs.iter().any(|it| it.file.is_none() && is_annotated(it)));
    Ok(())
}

fn files(it: &Fmt, context: &Context) -> Result<Vec<PathBuf>, Trouble> {
    let named =
        if it.paths.is_empty() { vec![context.global.dir.clone()] } else { it.paths.clone() };
    let mut res = Vec::new();
    for path in named {
        if !path.is_dir() {
            res.push(path);
            continue;
        }
        let found = project::tamis_files(&path)?;
        if found.is_empty() {
            let message = format!("`{}` has no .tamis file", path.display());
            return Err(Trouble::usage(message).help("name files, or a folder that holds some"));
        }
        res.extend(found);
    }
    Ok(walk::once(res))
}

fn read(path: &Path, stdin: bool) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    let result = if stdin {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        disk::read(path, disk::MOST_TEXT).map(|it| bytes = it)
    };
    match result {
        Ok(()) => Ok(bytes),
        Err(error) => {
            let (path, reason) = (path.display(), disk::reason(&error));
            Err(Trouble::usage(format!("`{path}` cannot be read: {reason}")))
        }
    }
}

/// The file before and after, and how bad it is. Nothing when it cannot be read, or when the
/// formatter would change what it says, which it never may.
fn formatted(
    path: &str,
    bytes: &[u8],
    context: &Context,
    found: &mut Found,
) -> (Option<Formatted>, Exit) {
    let mut sources = Sources::default();
    let (file, mut faults) = syntax::read(path, bytes, &mut sources);
    diagnostic::sort(&mut faults);
    faults.retain(Diagnostic::is_error);
    let exit = check::exit(&faults, false);
    if !faults.is_empty() {
        found.annotations.extend(annotation::of(&sources, &faults));
        let all = Checked { sources: &sources, diagnostics: &faults, files: 1, rules: 0 };
        let text = diagnostics::render(&all, Format::Full, context.terminal.stderr);
        output::error(text.trim_end());
    }
    if exit == Exit::Usage {
        return (None, exit);
    }
    let after = format::format(&file, sources.get(file.id));
    let mut again = Sources::default();
    let (reread, _) = syntax::read(path, after.as_bytes(), &mut again);
    if print::print(&file) != print::print(&reread) {
        output::error(&format!(
            "error: {}: left alone: formatting would change what it says",
            shown::shown(path)
        ));
        return (None, Exit::Bug);
    }
    // Not the text of the source: a byte order mark is taken off there.
    let before = String::from_utf8_lossy(bytes).into_owned();
    (Some(Formatted { before, after }), exit)
}

fn difference(it: &Fmt, shown: &str, formatted: &Formatted) -> Result<(), Trouble> {
    if !it.diff || formatted.before == formatted.after {
        return Ok(());
    }
    let diff = TextDiff::from_lines(&formatted.before, &formatted.after);
    let (old, new) = (format!("a/{shown}"), format!("b/{shown}"));
    output::product(&diff.unified_diff().header(&old, &new).to_string())
}
