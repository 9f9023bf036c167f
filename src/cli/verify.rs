//! `tamis verify`

use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;
use serde_json::json;

use crate::cli;
use crate::cli::Context;
use crate::cli::check;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::scope;
use crate::data;
use crate::project::Request;
use crate::project::consulted::Kind;
use crate::report;
use crate::run;
use crate::run::Input;
use crate::run::manifest;
use crate::run::manifest::Manifest;
use crate::run::verify;
use crate::run::verify::Difference;
use crate::shown::shown;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis verify out                       the folder that `tamis run --out out` wrote
  tamis verify out -C /srv/rules         its project stands elsewhere now
  tamis verify out --output json

Every file that differs from what the manifest says, is missing or is additional is named, and
the command ends with 1: outputs, rules, schema, lists, nomenclatures, tamis.toml, data.
A run whose manifest cannot be read ends with 3. To keep a run from being rewritten together with
its manifest, note the hash in manifest.sha256 elsewhere.";

#[derive(clap::Args)]
pub struct Verify {
    /// The folder of a run
    run: PathBuf,
    /// table or json; FORMAT=FILE writes a file. May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = form)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    output: Vec<Output<Form>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Table,
    Json,
}

// The words of `check` do as well: TAMIS_OUTPUT is for both.
const FORMS: [(&str, Form); 5] = [
    ("table", Form::Table),
    ("json", Form::Json),
    ("full", Form::Table),
    ("plain", Form::Table),
    ("concise", Form::Table),
];

pub fn form(text: &str) -> Result<Output<Form>, String> {
    output::parse(text, &FORMS)
}

impl Verify {
    pub fn is_json(&self) -> bool {
        output::is_json(&self.output, &Form::Json)
    }
}

pub fn verify(it: &Verify, context: &Context) -> Result<Exit, Trouble> {
    let outputs = output::destinations(&it.output, Form::Table)?;
    let manifest = manifest::read(&it.run)?;
    output::apart(&output::files(&outputs), std::slice::from_ref(&it.run))?;
    let root = root(&manifest, context);
    let mut found = verify::outputs(&it.run, &manifest)?;
    found.extend(inputs(&manifest, &root));
    for Output { format, file } in &outputs {
        let text = match format {
            Form::Table => found.iter().map(line).collect(),
            Form::Json => json(&manifest, &found),
        };
        output::deliver(&text, file.as_deref())?;
    }
    let files = manifest.names().len() + manifest.run.files.len() + manifest.run.data.len();
    let files = check::counted(files, "file");
    let said = match found.len() {
        0 => "all as recorded".to_owned(),
        _ => format!("{} not as recorded", found.len()),
    };
    context.terminal.note(&format!("Verified {files} of run {}: {said}", short(&manifest)));
    Ok(if found.is_empty() { Exit::Ok } else { Exit::Findings })
}

/// The first digits of a run's hash: enough for people.
pub fn short(manifest: &Manifest) -> &str {
    manifest.run_id.get(..12).unwrap_or(&manifest.run_id)
}

fn line(it: &Difference) -> String {
    format!("{:10}  {:12}  {}\n", it.what.word(), it.of, shown(&it.path))
}

fn json(manifest: &Manifest, found: &[Difference]) -> String {
    let all: Vec<Json> = found
        .iter()
        .map(|it| json!({"what": it.what.word(), "of": it.of, "path": it.path}))
        .collect();
    let report = json!({
        "schema": "tamis.verify/1", "run_id": manifest.run_id, "differences": all,
    });
    report::json(&report)
}

/// What the run read and does not find again as it was.
pub fn inputs(manifest: &Manifest, root: &Path) -> Vec<Difference> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    verify::inputs(root, manifest, now(manifest, root).as_deref(), threads)
}

/// The folder of the project: as recorded, unless `-C` says where it is now.
pub fn root(manifest: &Manifest, context: &Context) -> PathBuf {
    let dir = &context.global.dir;
    if dir == Path::new(".") {
        let seen = cli::from_here(Path::new(&manifest.facts.folder));
        return if seen.as_os_str().is_empty() { dir.clone() } else { seen };
    }
    let found = data::manifest::discover(dir).and_then(|it| Some(it.parent()?.to_path_buf()));
    let found = found.unwrap_or_else(|| dir.clone());
    found.canonicalize().unwrap_or(found)
}

/// What the run asked for, as it would be asked for today.
pub fn request(manifest: &Manifest, root: &Path) -> Request {
    let options = &manifest.run.options;
    let path = |it: &String| root.join(it);
    Request {
        config: options.config.as_ref().map(path),
        rules: options.rules.iter().map(path).collect(),
        schema: options.schema.as_ref().map(path),
        dir: root.to_path_buf(),
    }
}

/// Data sets of the project, or files of it.
///
/// Errors: files that are no longer there.
pub fn data_of(
    named: &[String],
    project: Option<&data::manifest::Manifest>,
    root: &Path,
) -> Result<Input, Trouble> {
    let is_set = |name: &String| project.is_some_and(|it| it.data.contains_key(name));
    let here = |name: &String| match is_set(name) {
        true => name.clone(),
        false => root.join(name).to_string_lossy().into_owned(),
    };
    let all: Vec<String> = named.iter().map(here).collect();
    run::input(project, &all)
}

/// The files that the same run would read today; nothing when its project cannot be read.
fn now(manifest: &Manifest, root: &Path) -> Option<Vec<(Kind, PathBuf)>> {
    let (project, _) = scope::open(&request(manifest, root)).ok()?;
    let mut res: Vec<(Kind, PathBuf)> =
        project.consulted.iter().map(|it| (it.kind, it.path.clone())).collect();
    let options = &manifest.run.options;
    for (kind, named) in [(Kind::Data, &options.data), (Kind::History, &options.history)] {
        if let Ok(input) = data_of(named, project.manifest.as_ref(), root) {
            res.extend(input.all_files().into_iter().map(|it| (kind, it)));
        }
    }
    Some(res)
}
