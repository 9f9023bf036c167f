//! Everything that a run wrote beside everything that is found again, both in the order of their
//! keys: no more is held than what is at the same keys.

use std::path::Path;
use std::path::PathBuf;

use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use crate::run::replay::Difference;
use crate::run::replay::Said;
use crate::run::replay::What;
use crate::run::replay::opened;
use crate::run::replay::refused;
use crate::trouble::Trouble;

/// A file of a run, and what was not compared yet.
pub struct Beside {
    path: PathBuf,
    recorded: ParquetRecordBatchReader,
    /// How many lines the file has.
    count: usize,
    /// Whether lines that were never recorded may be found.
    is_cut: bool,
    ended: bool,
    then: Said,
    now: Said,
    /// What stands before these keys is compared.
    until: Vec<String>,
    differences: Vec<Difference>,
}

impl Beside {
    /// A file of hits, or of decisions, that ends where it had `limit` lines.
    ///
    /// Errors: a file that cannot be read as such.
    pub fn open(path: &Path, what: What, limit: Option<usize>) -> Result<Beside, Trouble> {
        let builder = opened(path)?;
        let count = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let recorded = builder.build().map_err(|_| refused(path))?;
        Ok(Beside {
            path: path.to_path_buf(),
            recorded,
            count,
            is_cut: limit == Some(count),
            ended: false,
            then: Said::new(what),
            now: Said::new(what),
            until: Vec::new(),
            differences: Vec::new(),
        })
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes in what is found next.
    ///
    /// Errors: a file that cannot be read on, or is not in the order of its keys.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), Trouble> {
        self.now.add(batch, None)?;
        // What follows may be at the last keys too.
        let Some(until) = self.now.last_keys().map(<[String]>::to_vec) else { return Ok(()) };
        while !self.ended && self.then.last_keys().is_none_or(|it| it <= until.as_slice()) {
            self.read()?;
        }
        self.compare(until);
        Ok(())
    }

    fn read(&mut self) -> Result<(), Trouble> {
        let Some(batch) = self.recorded.next() else {
            self.ended = true;
            return Ok(());
        };
        let batch = batch.map_err(|_| refused(&self.path))?;
        self.then.add(&batch, None).map_err(|_| refused(&self.path))?;
        let in_order = self.then.first_keys().is_none_or(|it| self.until.as_slice() <= it);
        if in_order { Ok(()) } else { Err(refused(&self.path)) }
    }

    /// Compares what stands before these keys on both sides, and forgets it.
    fn compare(&mut self, until: Vec<String>) {
        let (then, now) = (self.then.before(&until), self.now.before(&until));
        self.until = until;
        self.tell(&then, &now);
    }

    fn tell(&mut self, then: &Said, now: &Said) {
        let found = then.differences(now).into_iter();
        self.differences.extend(found.filter(|it| !self.is_cut || !it.is_new()));
    }

    /// All differences, in the order of keys and rules.
    ///
    /// Errors: a file that cannot be read on, or is not in the order of its keys.
    pub fn finish(mut self) -> Result<Vec<Difference>, Trouble> {
        while !self.ended {
            self.read()?;
            if let Some(until) = self.then.last_keys().map(<[String]>::to_vec) {
                self.compare(until);
            }
        }
        let (then, now) = (self.then.take(), self.now.take());
        self.tell(&then, &now);
        Ok(self.differences)
    }
}
