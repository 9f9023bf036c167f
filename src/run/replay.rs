//! The lines of a run, once as they were written and once as they are found again.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::hit::Outcome;
use crate::run::lines::COLUMNS;
use crate::trouble::Trouble;

/// Lines by what they are about: the keys of the row, and the rule.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said {
    lines: BTreeMap<(Vec<String>, String), Vec<Words>>,
    count: usize,
}

/// By [`COLUMNS`].
type Words = Vec<Option<String>>;

/// One thing said differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `10681065`, `D1/3`
    pub keys: String,
    pub rule: String,
    /// `hit, undecided`: of several rows with one key, all.
    pub recorded: String,
    pub replayed: String,
    /// Where only words differ: in which columns.
    pub columns: Vec<&'static str>,
}

impl Said {
    /// Takes in lines of the declaration that is asked for, or all.
    ///
    /// Errors: a batch that holds no lines.
    pub fn add(&mut self, batch: &RecordBatch, only: Option<&str>) -> Result<(), Trouble> {
        let schema = batch.schema();
        let Some(keys) = schema.fields().iter().position(|it| it.name() == COLUMNS[0]) else {
            return Err(Trouble::data("the hits of the run have no column `rule`"));
        };
        let is_text = schema.fields().iter().all(|it| *it.data_type() == DataType::Utf8);
        if !is_text || batch.num_columns() != keys + COLUMNS.len() {
            return Err(Trouble::data("the hits of the run have other columns than hits have"));
        }
        for row in 0..batch.num_rows() {
            let text = |at: usize| {
                let column = batch.column(at).as_string::<i32>();
                column.is_valid(row).then(|| column.value(row).to_owned())
            };
            let key: Vec<String> = (0..keys).map(|at| text(at).unwrap_or_default()).collect();
            if only.is_some_and(|it| key.first().is_none_or(|key| key != it)) {
                continue;
            }
            let words: Words = (keys..batch.num_columns()).map(text).collect();
            let rule = words[0].clone().unwrap_or_default();
            self.lines.entry((key, rule)).or_default().push(words);
            self.count += 1;
        }
        Ok(())
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// In the order of keys and rules.
    pub fn differences(&self, replayed: &Said) -> Vec<Difference> {
        let all: BTreeSet<_> = self.lines.keys().chain(replayed.lines.keys()).collect();
        let none = Vec::new();
        let mut res = Vec::new();
        for about in all {
            let one = self.lines.get(about).unwrap_or(&none);
            let other = replayed.lines.get(about).unwrap_or(&none);
            if one == other {
                continue;
            }
            let columns = match one.len() == other.len() && outcomes(one) == outcomes(other) {
                true => differing(one, other),
                false => Vec::new(),
            };
            let keys: Vec<&str> =
                about.0.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
            res.push(Difference {
                keys: keys.join("/"),
                rule: about.1.clone(),
                recorded: outcomes(one),
                replayed: outcomes(other),
                columns,
            });
        }
        res
    }
}

fn outcomes(lines: &[Words]) -> String {
    if lines.is_empty() {
        return Outcome::NoHit.words().to_owned();
    }
    let outcome = |it: &Words| it.get(1).cloned().flatten().unwrap_or_default();
    lines.iter().map(outcome).collect::<Vec<_>>().join(", ")
}

fn differing(one: &[Words], other: &[Words]) -> Vec<&'static str> {
    let differs = |at: usize| one.iter().zip(other).any(|(a, b)| a.get(at) != b.get(at));
    (0..COLUMNS.len()).filter(|at| differs(*at)).map(|at| COLUMNS[at]).collect()
}

/// The lines of a file of hits.
///
/// Errors: a file that cannot be read as such.
pub fn read(path: &Path, only: Option<&str>) -> Result<Said, Trouble> {
    let refused = || {
        Trouble::data(format!("{}: cannot be read as hits", path.display()))
            .help("`tamis verify` says whether it is as it was written")
    };
    let file = File::open(path).map_err(|_| refused())?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|it| it.build())
        .map_err(|_| refused())?;
    let mut said = Said::default();
    for batch in reader {
        said.add(&batch.map_err(|_| refused())?, only)?;
    }
    Ok(said)
}
