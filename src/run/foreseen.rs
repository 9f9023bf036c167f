//! What a run over a data set would stop at, found without reading its rows.

use crate::data::manifest::DataSet;
use crate::data::manifest::Manifest;
use crate::diagnostic::Diagnostic;
use crate::ir::RuleId;
use crate::project::Project;
use crate::project::Remark;
use crate::project::config::data::FILES;
use crate::run;
use crate::run::source;
use crate::trouble::Trouble;

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
    let told = open(project, manifest, name).err()?;
    let what = told.details.first().unwrap_or(&told.message);
    let text = format!("`tamis run {name}` would stop: {what}");
    Some(Remark { name: name.to_owned(), span: set.places.table()?, text })
}

/// Opens the files for all rules on records that they hold.
fn open(project: &Project, manifest: &Manifest, name: &str) -> Result<(), Trouble> {
    let set = &project.rule_set;
    let input = run::input(Some(manifest), &[name.to_owned()])?;
    if FILES < input.all_files().len() {
        return Ok(());
    }
    let is_held = |it: &RuleId| {
        let around = set.schema.lineage(set.rules[it.0].level);
        around.into_iter().all(|it| source::holds(set, &input, it))
    };
    let rules: Vec<RuleId> = (0..set.rules.len()).map(RuleId).filter(is_held).collect();
    run::open(set, &rules, &input, None, true).map(|_| ())
}
