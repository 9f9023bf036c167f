//! `tamis demo`: a project with data, out of the binary, run at once.

use std::path::Path;
use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::check;
use crate::cli::output;
use crate::cli::output::Readers;
use crate::cli::run;
use crate::cli::scope::Scope;
use crate::disk;
use crate::disk::temporary;
use crate::project;
use crate::project::Request;
use crate::report::Look;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis demo             into ./tamis-demo
  tamis demo somewhere

The data: 54,000 synthetic import declarations (KCS, MIT licence), which travel in the binary.";

#[derive(clap::Args)]
pub struct Demo {
    /// A folder that does not exist yet
    #[arg(default_value = "tamis-demo")]
    dir: PathBuf,
}

/// A part of the sample project, for people who begin.
const FILES: &[(&str, &[u8])] = &[
    ("tamis.toml", include_bytes!("../../rules/tamis.toml")),
    ("schema.tamis", include_bytes!("../../rules/schema.tamis")),
    ("shared.tamis", include_bytes!("../../rules/shared.tamis")),
    ("policy.tamis", include_bytes!("../../rules/policy.tamis")),
    ("nomenclature/hs.csv", include_bytes!("../../rules/nomenclature/hs.csv")),
    ("lists/agreements.csv", include_bytes!("../../rules/lists/agreements.csv")),
    ("lists/courier_offices.csv", include_bytes!("../../rules/lists/courier_offices.csv")),
    ("lists/dual_use.csv", include_bytes!("../../rules/lists/dual_use.csv")),
    ("lists/embargo.csv", include_bytes!("../../rules/lists/embargo.csv")),
    ("lists/known_countries.csv", include_bytes!("../../rules/lists/known_countries.csv")),
    ("lists/measures.csv", include_bytes!("../../rules/lists/measures.csv")),
    ("lists/sensitive_goods.csv", include_bytes!("../../rules/lists/sensitive_goods.csv")),
    ("lists/transhipment_hubs.csv", include_bytes!("../../rules/lists/transhipment_hubs.csv")),
    ("lists/trusted_traders.csv", include_bytes!("../../rules/lists/trusted_traders.csv")),
    ("lists/value_control.csv", include_bytes!("../../rules/lists/value_control.csv")),
    ("lists/value_control_all.csv", include_bytes!("../../rules/lists/value_control_all.csv")),
    ("lists/veterinary_goods.csv", include_bytes!("../../rules/lists/veterinary_goods.csv")),
    ("prohibitions/P002.tamis", include_bytes!("../../rules/prohibitions/P002.tamis")),
    ("valuation/V103.tamis", include_bytes!("../../rules/valuation/V103.tamis")),
    ("valuation/V107.tamis", include_bytes!("../../rules/valuation/V107.tamis")),
    ("origin/O205.tamis", include_bytes!("../../rules/origin/O205.tamis")),
    ("data_quality/D301.tamis", include_bytes!("../../rules/data_quality/D301.tamis")),
    ("data/kcs-54k/LICENSE", include_bytes!("../../data/kcs-54k/LICENSE")),
    ("data/kcs-54k/NOTE.md", include_bytes!("../../data/kcs-54k/NOTE.md")),
    ("data/kcs-54k/train.parquet", include_bytes!("../../data/kcs-54k/train.parquet")),
    ("data/kcs-54k/valid.parquet", include_bytes!("../../data/kcs-54k/valid.parquet")),
    ("data/kcs-54k/test.csv", include_bytes!("../../data/kcs-54k/test.csv")),
];

pub fn demo(it: &Demo, context: &Context) -> Result<Exit, Trouble> {
    let dir = it.dir.strip_prefix(".").unwrap_or(&it.dir);
    if dir.exists() {
        let message = format!("`{}` is there already", dir.display());
        return Err(Trouble::usage(message).help("name another folder: `tamis demo elsewhere`"));
    }
    let look = context.terminal.stdout;
    let dots = if look.unicode { "·" } else { "-" };
    output::product(&format!(
        "tamis {} {dots} demo: 54,000 synthetic import declarations (KCS, MIT licence)\n\n",
        env!("CARGO_PKG_VERSION")
    ))?;
    // The folder is ours alone: an end in between leaves nothing of it.
    temporary::remember(dir);
    let unpacked = unpack(dir);
    if unpacked.is_err() {
        std::fs::remove_dir_all(dir).ok();
    }
    temporary::forget(dir);
    unpacked?;
    // The settings of the user's own project do not reach in here.
    let config = Some(dir.join("tamis.toml"));
    let request = Request { config, rules: Vec::new(), schema: None, dir: dir.to_path_buf() };
    let scope = Scope::whole(project::load(&request)?);
    let scope = match run::ready(scope, context)? {
        Ok(scope) => scope,
        Err(exit) => return Ok(exit),
    };
    let rules = check::counted(scope.project.rule_set.rules.len(), "rule");
    output::product(&format!("Checked {rules}: no errors\n"))?;
    let table = run::table_of(&scope, "kcs", &dir.join("hits.csv"), context)?;
    output::product(&format!("{table}\n{}", next(dir, look)))?;
    Ok(Exit::Ok)
}

fn unpack(dir: &Path) -> Result<(), Trouble> {
    for (name, bytes) in FILES {
        let path = dir.join(name);
        let folder = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(folder).map_err(|it| {
            let (folder, reason) = (folder.display(), disk::reason(&it));
            Trouble::resource(format!("{folder}: cannot be made: {reason}"))
        })?;
        // In the repository the data stands beside the project, here it is inside.
        let manifest = String::from_utf8_lossy(bytes).replace("\"../data/", "\"data/");
        let bytes = if *name == "tamis.toml" { manifest.as_bytes() } else { bytes };
        output::write_whole(&path, bytes, Readers::Usual)?;
    }
    Ok(())
}

fn next(dir: &Path, look: Look) -> String {
    let (dir, dash) = (dir.display(), if look.unicode { "—" } else { "-" });
    format!(
        "Files are in {dir} {dash} now try
  cd {dir}
  tamis check                              change a rule, and see
  tamis run kcs --out hits.parquet         every hit with its reason
  tamis run kcs --rule V103 --output json
  tamis plan V103                          what DataFusion makes of it
  tamis explain T4101                      what a warning means
"
    )
}
