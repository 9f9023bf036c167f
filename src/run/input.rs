//! What is named to be read: data sets of `tamis.toml`, or files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::data::manifest::DataSet;
use crate::data::manifest::Manifest;
use crate::data::walk;
use crate::data::walk::Refusal;
use crate::disk;
use crate::trouble::Trouble;

/// Files, and how they are read; or those of each record.
#[derive(Debug, Clone, Default)]
pub struct Input {
    pub set: DataSet,
    pub files: Vec<PathBuf>,
    pub records: BTreeMap<String, Input>,
}

impl Input {
    /// Files as their names and columns are.
    pub fn of(files: &[PathBuf]) -> Input {
        Input { files: files.to_vec(), ..Input::default() }
    }

    /// The files of a data set, those of its records included.
    pub fn all_files(&self) -> Vec<PathBuf> {
        let mut res = self.files.clone();
        res.extend(self.records.values().flat_map(Input::all_files));
        res
    }

    fn of_set(manifest: &Manifest, name: &str, set: &DataSet) -> Result<Input, Trouble> {
        let mut files = Vec::new();
        for pattern in &set.path {
            let found = walk::matching(&manifest.root, &pattern.text).map_err(Refusal::trouble)?;
            if found.is_empty() {
                let message = format!("data set `{name}`: no file matches `{}`", pattern.text);
                return Err(Trouble::usage(message).help("correct `path` in tamis.toml"));
            }
            files.extend(found);
        }
        let files = disk::once(walk::once(files));
        let mut records = BTreeMap::new();
        for (record, set) in &set.records {
            let input = Input::of_set(manifest, &format!("{name}.{record}"), set)?;
            records.insert(record.clone(), input);
        }
        let set = DataSet { whole: true, ..set.clone() };
        Ok(Input { set, files, records })
    }

    /// Whether both have the same records in files of their own, in lists, and in flat extracts.
    /// Where every record has files of its own, one of them may lack some.
    fn is_laid_out_as(&self, other: &Input) -> bool {
        let is_apart = |it: &Input| it.files.is_empty() && !it.has_lists();
        let may_lack = is_apart(self) && is_apart(other);
        let same = |(name, own): (&String, &Input)| match other.records.get(name) {
            Some(it) => own.is_laid_out_as(it),
            None => may_lack,
        };
        self.files.is_empty() == other.files.is_empty()
            && self.set.within == other.set.within
            && (may_lack || self.records.len() == other.records.len())
            && self.records.iter().all(same)
    }

    fn has_lists(&self) -> bool {
        self.set.within.is_some() || self.records.values().any(Input::has_lists)
    }

    /// The files of both, each read as its own data set says.
    fn with(mut self, other: Input) -> Input {
        let set = Arc::new(other.set);
        for file in other.files {
            if !self.files.contains(&file) {
                if !set.is_read_as(&self.set) {
                    self.set.otherwise.insert(file.clone(), set.clone());
                }
                self.files.push(file);
            }
        }
        self.files = disk::once(walk::once(self.files));
        for (name, own) in other.records {
            let both = match self.records.remove(&name) {
                Some(before) => before.with(own),
                None => own,
            };
            self.records.insert(name, both);
        }
        self
    }

    /// Whether all files of both are read alike.
    fn is_read_as(&self, other: &Input) -> bool {
        let alike = |(name, own): (&String, &Input)| {
            other.records.get(name).is_none_or(|it| own.is_read_as(it))
        };
        self.set.is_read_as(&other.set) && self.records.iter().all(alike)
    }
}

/// Data sets of the manifest, or files named directly: all of them together.
///
/// Errors: a name that is neither, data sets that cannot be read as one.
pub fn input(manifest: Option<&Manifest>, named: &[String]) -> Result<Input, Trouble> {
    let mut all: Vec<(&str, Input)> = Vec::new();
    let mut files = Vec::new();
    for name in named {
        match manifest.and_then(|it| Some((it, it.data.get(name)?))) {
            Some((manifest, set)) => all.push((name, Input::of_set(manifest, name, set)?)),
            None => files.push(name.clone()),
        }
    }
    if let Some(first) = files.first() {
        all.push((first, of_files(manifest, &files)?));
    }
    let mut all = all.into_iter();
    let Some((first, mut res)) = all.next() else { return Ok(Input::default()) };
    for (name, it) in all {
        let lists = res.has_lists() && !res.is_read_as(&it);
        if lists || !res.is_laid_out_as(&it) {
            let message = match lists {
                true => format!("`{first}` and `{name}` have rows in lists, written otherwise"),
                false => format!("`{first}` and `{name}` hold their records in other places"),
            };
            return Err(Trouble::usage(message).help(
                "name data sets together that have the same records in files of their own, in \
                 lists or in one extract",
            ));
        }
        res = res.with(it);
    }
    Ok(res)
}

/// Files as the only data set says, where that is about one extract.
fn of_files(manifest: Option<&Manifest>, named: &[String]) -> Result<Input, Trouble> {
    let files: Vec<PathBuf> = named.iter().map(PathBuf::from).collect();
    if let Some(missing) = files.iter().find(|it| !it.exists()) {
        let known: Vec<&str> =
            manifest.iter().flat_map(|it| it.data.keys()).map(String::as_str).collect();
        let message = format!("`{}` is neither a data set nor a file", missing.display());
        let help = format!("data sets of this project: {}", known.join(", "));
        return Err(Trouble::usage(message).help(help));
    }
    let is_none = |it: &&PathBuf| !it.is_file() && !it.is_dir();
    if let Some(other) = files.iter().find(is_none) {
        let message = format!("`{}` is not a regular file", other.display());
        return Err(Trouble::usage(message).help("files are read more than once: make it one"));
    }
    let files = disk::once(walk::once(files));
    let only = manifest.filter(|it| it.data.len() == 1).and_then(|it| it.data.values().next());
    let set = only.filter(|it| it.records.is_empty()).cloned().unwrap_or_default();
    Ok(Input { set, files, records: BTreeMap::new() })
}
