//! What a run over a data set would stop at, found from its first rows.

use std::path::PathBuf;
use std::sync::Arc;

use crate::data::manifest::DataSet;
use crate::data::manifest::Manifest;
use crate::data::repeats::Limits;
use crate::data::scan::Scan;
use crate::diagnostic::Diagnostic;
use crate::ir::RuleId;
use crate::project::LOOKED_AT;
use crate::project::Project;
use crate::project::Remark;
use crate::run;
use crate::run::Opened;
use crate::run::source;
use crate::trouble::Trouble;

/// So many rows of a table are looked at.
const ROWS: usize = 1000;
/// One faulty row among so many is no sign of a wrong description.
const LEAST: u64 = 20;
/// Files of so many bytes are read whole where that is needed.
const SMALL: u64 = 4 << 20;

/// What there is to say of the data sets of a project. Of those of which nothing is said otherwise
/// the files are opened as a run would open them, unless there are many.
pub fn remarks(project: &Project) -> Vec<Remark> {
    let mut res = project.data_remarks();
    let sets = project.manifest.iter().flat_map(|it| it.data.iter().map(move |set| (it, set)));
    let others = sets.filter(|(_, (name, _))| res.iter().all(|it| it.name != **name));
    let found = others.filter_map(|(manifest, (name, set))| remark(project, manifest, name, set));
    let found: Vec<Remark> = found.collect();
    res.extend(found);
    res
}

fn remark(project: &Project, manifest: &Manifest, name: &str, set: &DataSet) -> Option<Remark> {
    if project.diagnostics.iter().any(Diagnostic::is_error) {
        return None;
    }
    let text = match open(project, manifest, name) {
        Ok(None) => return None,
        Ok(Some(opened)) => format!("`tamis run {name}` may stop: {}", misfits(&opened)?),
        Err(told) => {
            let what = told.details.first().unwrap_or(&told.message);
            format!("`tamis run {name}` would stop: {what}")
        }
    };
    Some(Remark { name: name.to_owned(), span: set.places.table()?, text })
}

/// Opens the files for all rules on records that they hold; nothing where there are many.
fn open(project: &Project, manifest: &Manifest, name: &str) -> Result<Option<Opened>, Trouble> {
    let set = &project.rule_set;
    let input = run::input(Some(manifest), &[name.to_owned()])?;
    if LOOKED_AT < input.all_files().len() {
        return Ok(None);
    }
    let is_held = |it: &RuleId| {
        let around = set.schema.lineage(set.rules[it.0].level);
        around.into_iter().all(|it| source::holds(set, &input, it))
    };
    let rules: Vec<RuleId> = (0..set.rules.len()).map(RuleId).filter(is_held).collect();
    run::open(set, &rules, &input, None, true).map(Some)
}

/// What does not fit the schema in the first rows of a table, where it is more than a single fault:
/// dates or decimals may be written otherwise than tamis.toml says. Rows inside others are looked
/// at in small files only, as the rows around them have to be read whole.
fn misfits(opened: &Opened) -> Option<String> {
    let length = |it: &PathBuf| it.metadata().map_or(u64::MAX, |it| it.len());
    let all: u64 = opened.input.all_files().iter().map(length).fold(0, u64::saturating_add);
    let limits = Limits { max_rejected: 1_000_000, spill: std::env::temp_dir(), memory: None };
    for table in opened.tables.values() {
        if SMALL < all && table.around().is_some() {
            continue;
        }
        // What cannot be read at all is told by the run; a table without rows has no faults.
        table.prepare(&limits).ok()?;
        let scan = Arc::new(Scan::new(table, ROWS, true));
        scan.batches(0, 1).next().transpose().ok()?;
        let report = table.tally.report();
        if report.faulty * LEAST <= report.read {
            continue;
        }
        let most = report.faults.iter().max_by_key(|it| it.count)?;
        let (faulty, read) = (report.faulty, report.read);
        return Some(format!(
            "{faulty} of its first {read} rows do not fit the schema: {}",
            most.words()
        ));
    }
    None
}
