//! The files of data sets, as far as they are at hand: patterns that name none, files that cannot
//! be read, and columns that none of them has. A run would stop there, so here they are no errors.

use std::path::Path;
use std::path::PathBuf;

use arrow::datatypes::DataType;

use crate::data::file;
use crate::data::manifest::DataSet;
use crate::data::manifest::Manifest;
use crate::data::nested;
use crate::data::walk;
use crate::diagnostic::did_you_mean;
use crate::ir::Rule;
use crate::ir::RuleSet;
use crate::schema::RecordId;
use crate::source::Span;

/// So many files of a data set are looked at: an archive has thousands.
pub const LOOKED_AT: usize = 16;

/// What there is to say of a data set, with its place.
pub struct Remark {
    /// The data set.
    pub name: String,
    pub span: Span,
    pub text: String,
}

/// What there is to say of each data set.
pub fn remarks(manifest: &Manifest, rules: &RuleSet) -> Vec<Remark> {
    let of_set = |(name, set): (&String, &DataSet)| {
        let remark = |(span, text)| Remark { name: name.clone(), span, text };
        of_set(manifest, rules, name, set).into_iter().map(remark).collect::<Vec<Remark>>()
    };
    manifest.data.iter().flat_map(of_set).collect()
}

fn of_set(manifest: &Manifest, rules: &RuleSet, name: &str, set: &DataSet) -> Vec<(Span, String)> {
    let mut res: Vec<(Span, String)> = lacking(name, set, rules).into_iter().collect();
    let mut all = vec![(format!("data.{name}"), set)];
    let records = set.records.iter();
    all.extend(records.map(|(record, it)| (format!("data.{name}.{record}"), it)));
    for (table, own) in all {
        let files = files(own, &manifest.root, &mut res);
        // Rows in lists stand in the files of the rows around them.
        let of_lists = own.within.is_some().then(|| lists(set, &manifest.root));
        columns(&table, own, &of_lists.unwrap_or(files), &mut res);
    }
    res
}

/// A record that rules judge, or one around it, of which a data set with files for each record
/// names none: a run over it would stop.
fn lacking(name: &str, set: &DataSet, rules: &RuleSet) -> Option<(Span, String)> {
    let schema = &rules.schema;
    if !set.path.is_empty() || set.records.is_empty() {
        return None;
    }
    let has = |it: RecordId| set.records.contains_key(&schema.record(it).name);
    let around = |it: &Rule| schema.lineage(it.level);
    let begun = rules.rules.iter().filter(|it| around(it).into_iter().any(has));
    let (rule, record) = begun
        .filter_map(|it| Some((it, around(it).into_iter().find(|record| !has(*record))?)))
        .next()?;
    let (record, id) = (&schema.record(record).name, &rule.id);
    let what = format!("[data.{name}] names no files of `{record}`, which rule {id} needs");
    Some((set.places.table()?, what))
}

/// Files that rows with lists may stand in.
fn lists(set: &DataSet, root: &Path) -> Vec<PathBuf> {
    let mut quiet = Vec::new();
    let records = set.records.values();
    std::iter::once(set).chain(records).flat_map(|it| files(it, root, &mut quiet)).collect()
}

fn files(set: &DataSet, root: &Path, res: &mut Vec<(Span, String)>) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for pattern in &set.path {
        let Ok(found) = walk::matching(root, &pattern.text) else { continue };
        if found.is_empty() {
            res.push((pattern.span, format!("no file matches `{}` now", pattern.text)));
        }
        for path in found.iter().take(LOOKED_AT) {
            if let Err(what) = file::begin(set, path) {
                res.push((pattern.span, format!("`{}` {what}", path.display())));
            }
        }
        all.extend(found);
    }
    all.truncate(LOOKED_AT);
    all
}

/// Columns that `columns` names and no file has.
fn columns(table: &str, set: &DataSet, files: &[PathBuf], res: &mut Vec<(Span, String)>) {
    if set.columns.is_empty() || files.is_empty() || files.len() == LOOKED_AT {
        return;
    }
    let mut known: Vec<String> = Vec::new();
    for path in files {
        // What is wrong with a file is said where it is read.
        let Ok(begun) = file::begin(set, path) else { return };
        match &set.within {
            None => known.extend(begun.header),
            Some(within) => {
                let all = begun.header.into_iter().zip(begun.types);
                known.extend(all.flat_map(|(name, ty)| members(&name, &ty, within)));
            }
        }
    }
    if known.is_empty() {
        return;
    }
    for column in set.columns.keys().filter(|it| !known.contains(it)) {
        let Some(span) = set.places.of("columns", column) else { continue };
        let near = did_you_mean(column, known.iter().map(String::as_str));
        let near = near.map(|it| format!("; {it}")).unwrap_or_default();
        res.push((span, format!("no file of [{table}] has the column `{column}`{near}")));
    }
}

/// The columns of a list that this way leads to, or ends in.
fn members(name: &str, ty: &DataType, within: &str) -> Vec<String> {
    let Some(fields) = nested::members(ty, true).or(nested::members(ty, false)) else {
        return Vec::new();
    };
    let is_last = within.rsplit('.').next() == Some(name);
    let names = fields.iter().map(|it| it.name().clone());
    let own: Vec<String> = if is_last { names.collect() } else { Vec::new() };
    let inside = fields.iter().flat_map(|it| members(it.name(), it.data_type(), within));
    own.into_iter().chain(inside).collect()
}
