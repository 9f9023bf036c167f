//! `tamis init`: the skeleton of a project, or one for the data at hand.

pub mod from;

use std::path::Path;
use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::output;
use crate::cli::output::Readers;
use crate::data::survey;
use crate::data::walk;
use crate::disk;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis init            here
  tamis init targeting  in a folder of its own
  tamis init targeting --from extract.csv
                        with the columns of a .csv, .parquet or .arrow file";

#[derive(clap::Args)]
pub struct Init {
    /// The folder of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// A file of declarations: its columns become the schema
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

const FILES: [(&str, &str); 3] = [
    (
        "tamis.toml",
        r#"# Where rules, schema and data are. `tamis help project` has more.

[project]
name  = "targeting"
rules = ["rules/**/*.tamis"]

[schema]
declaration = "schema.tamis"

# tamis run sample
[data.sample]
path = "data/*.csv"

# Names of columns that are not names of fields:
# [data.sample.columns]
# "Net Mass" = "net_mass"
"#,
    ),
    (
        "schema.tamis",
        r#"# What a declaration looks like. A field may be missing unless it is `required`.

codes HS levels 2, 4, 6

record declaration "Import declaration"
  key declaration_id
  field declaration_id : text required "Declaration number"
  field accepted_date : date required "Date of acceptance"
  field importer_id : text "Importer"
  history date accepted_date

record item "Goods item" in declaration
  key item_number
  field item_number : whole number required "Item number"
  field hs : code of HS "Commodity code"
  field origin : country "Country of origin"
  field net_mass : mass in kg "Net mass"
  field value : money in EUR "Customs value"
  derived unit_value : value / net_mass in EUR/kg "Value by mass"
"#,
    ),
    (
        "rules/example.tamis",
        r#"rule R001 "Footwear at a very low value"
  owner "Valuation unit"
  for each item
  when all of
    - hs under HS 64
    - unit_value < 2 EUR/kg
  then
    score 40
    show unit_value
    because "Declared {unit_value}."

test R001 "a very low value"
  given item 1
    hs is HS 640399
    value is 10 EUR
    net_mass is 10 kg
  expect hit
"#,
    ),
];

pub fn init(it: &Init, context: &Context) -> Result<Exit, Trouble> {
    let dir = it.dir.strip_prefix(".").unwrap_or(&it.dir);
    // All or nothing: a project is never written over.
    if let Some((name, _)) = FILES.iter().find(|it| dir.join(it.0).exists()) {
        let message = format!("`{}` is there already", dir.join(name).display());
        return Err(Trouble::usage(message).help("name another folder: `tamis init elsewhere`"));
    }
    let files = match &it.from {
        Some(file) => described(file, dir, context)?,
        None => FILES.map(|(_, text)| text.to_owned()),
    };
    for ((name, _), text) in FILES.iter().zip(files) {
        let path = dir.join(name);
        if let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|it| {
                let (folder, reason) = (folder.display(), disk::reason(&it));
                Trouble::resource(format!("{folder}: cannot be made: {reason}"))
            })?;
        }
        output::write_whole(&path, text.as_bytes(), Readers::Usual)?;
        output::product(&format!("{}\n", path.display()))?;
    }
    context.terminal.note(match &it.from {
        Some(_) => "Now read schema.tamis, then `tamis check` and `tamis run archive`",
        None => "Now describe your declarations in schema.tamis, then `tamis check`",
    });
    Ok(Exit::Ok)
}

/// The texts of [`FILES`] for the columns of a file.
fn described(file: &Path, dir: &Path, context: &Context) -> Result<[String; 3], Trouble> {
    let seen = survey::survey(file)?;
    for it in seen.said() {
        context.terminal.note(&format!("note: {it}"));
    }
    let described = from::Described::of(&seen);
    let path = from_project(file, dir);
    Ok([described.manifest(&path), described.schema(file), described.rule()])
}

/// The file as the project will name it: paths of `tamis.toml` start beside it.
fn from_project(file: &Path, dir: &Path) -> String {
    let here = dir.as_os_str().is_empty();
    let path = match file.canonicalize() {
        Ok(full) if !here => full,
        _ => file.to_path_buf(),
    };
    // Brackets and stars would be a pattern.
    walk::escaped(&path.to_string_lossy().replace('\\', "/"))
}
