//! The lines of a run, once as they were written and once as they are found again.

pub mod beside;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::StringArray;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_reader::RowSelection;

use crate::disk;
use crate::hit::Outcome;
use crate::interpret::explain;
use crate::ir::RuleSet;
use crate::run::decisions;
use crate::run::lines;
use crate::run::lines::Line;
use crate::run::lines::Lines;
use crate::run::one::Declaration;
use crate::schema::FieldId;
use crate::trouble::Trouble;
use crate::value::text;
use crate::value::text::Form;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Lines,
    Decisions,
}

/// Lines by what they are about: the keys of the row, and the rule; decisions by their keys.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    what: What,
    lines: BTreeMap<(Vec<String>, String), Vec<Words>>,
    count: usize,
}

/// The declaration that alone is asked for: its keys as they are written now, and their forms. A
/// run of other rules, which read other files, may have written them otherwise.
#[derive(Debug, Clone)]
pub struct Only {
    keys: Vec<String>,
    forms: Vec<Form>,
}

impl Only {
    /// Errors: none but a fault of ours.
    pub fn of(set: &RuleSet, it: &Declaration) -> Result<Only, Trouble> {
        let Some(first) = it.rows.first() else {
            return Err(Trouble::bug("a declaration without rows"));
        };
        let outermost = set.schema.lineage(first.level).pop().unwrap_or(first.level);
        let fields = set.schema.key_fields(outermost);
        let key = |it: &FieldId| explain::plain_text(&first.row.get(*it)).unwrap_or_default();
        let forms = fields.iter().map(|it| set.schema.field(*it).ty.form()).collect();
        Ok(Only { keys: fields.iter().map(key).collect(), forms })
    }

    fn is(&self, at: usize, key: &str) -> bool {
        text::formed(&self.keys[at], self.forms[at]) == text::formed(key, self.forms[at])
    }
}

/// Columns of decisions in which others who ask for the same places have a say.
const OF_OTHERS: [&str; 5] = ["channel", "reason", "rank", "steps", "why"];

/// By the columns after the keys.
type Words = Vec<Option<String>>;

impl What {
    fn columns(self) -> &'static [&'static str] {
        match self {
            What::Lines => &lines::COLUMNS,
            What::Decisions => &decisions::COLUMNS,
        }
    }

    /// The column that says it in a word: the outcome, the channel.
    fn word(self) -> usize {
        match self {
            What::Lines => 1,
            What::Decisions => 0,
        }
    }
}

/// One thing said differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `10681065`, `D1/3`
    pub keys: String,
    /// Empty for a decision.
    pub rule: String,
    /// `hit, undecided`: of several rows with one key, all.
    pub recorded: String,
    pub replayed: String,
    /// Where only words differ: in which columns.
    pub columns: Vec<&'static str>,
}

impl Difference {
    /// Whether a line is found of which the run recorded none.
    pub fn is_new(&self) -> bool {
        !self.rule.is_empty() && self.recorded == Outcome::NoHit.words()
    }
}

impl Said {
    pub fn new(what: What) -> Said {
        Said { what, lines: BTreeMap::new(), count: 0 }
    }

    /// Takes in lines of the declaration that is asked for, or all.
    ///
    /// Errors: a batch that holds no lines.
    pub fn add(&mut self, batch: &RecordBatch, only: Option<&Only>) -> Result<(), Trouble> {
        let (schema, columns) = (batch.schema(), self.what.columns());
        let is_text = schema.fields().iter().all(|it| *it.data_type() == DataType::Utf8);
        let names: Vec<&str> = schema.fields().iter().map(|it| it.name().as_str()).collect();
        if !is_text || !names.ends_with(columns) {
            return Err(Trouble::data("an output of the run has other columns than it should"));
        }
        let keys = names.len() - columns.len();
        for row in 0..batch.num_rows() {
            let text = |at: usize| {
                let column = batch.column(at).as_string::<i32>();
                column.is_valid(row).then(|| column.value(row).to_owned())
            };
            let mut key: Vec<String> = (0..keys).map(|at| text(at).unwrap_or_default()).collect();
            if let Some(only) = only {
                let count = only.keys.len().min(keys);
                if (0..count).any(|at| !only.is(at, &key[at])) {
                    continue;
                }
                key[..count].clone_from_slice(&only.keys[..count]);
            }
            let words: Words = (keys..batch.num_columns()).map(text).collect();
            let rule = match self.what {
                What::Lines => words[0].clone().unwrap_or_default(),
                What::Decisions => String::new(),
            };
            self.lines.entry((key, rule)).or_default().push(words);
            self.count += 1;
        }
        Ok(())
    }

    /// Takes in what is found of a declaration, as a run would write it.
    pub fn add_lines(
        &mut self,
        set: &RuleSet,
        keys: &[FieldId],
        it: &Declaration,
    ) -> Result<(), Trouble> {
        let lines = Lines::new(set, keys);
        for judged in &it.rows {
            let told = judged.answers.iter().filter(|it| it.outcome != Outcome::NoHit);
            let told = told.map(|it| Line { row: &judged.row, rule: it.rule });
            self.add(&lines::seen(&lines.batch(told)?)?, None)?;
        }
        Ok(())
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// What a column holds of the first line.
    pub fn first(&self, column: &str) -> Option<&str> {
        let at = self.what.columns().iter().position(|it| *it == column)?;
        self.lines.values().next()?.first()?.get(at)?.as_deref()
    }

    /// Takes over what a declaration alone cannot tell of its decision.
    pub fn take_places(&mut self, recorded: &Said) {
        let columns = self.what.columns();
        let taken = (0..columns.len()).filter(|at| OF_OTHERS.contains(&columns[*at]));
        for at in taken {
            for (about, lines) in &mut self.lines {
                let theirs = recorded.lines.get(about).into_iter().flatten();
                for (line, theirs) in lines.iter_mut().zip(theirs) {
                    line[at].clone_from(&theirs[at]);
                }
            }
        }
    }

    fn first_keys(&self) -> Option<&[String]> {
        self.lines.first_key_value().map(|it| it.0.0.as_slice())
    }

    fn last_keys(&self) -> Option<&[String]> {
        self.lines.last_key_value().map(|it| it.0.0.as_slice())
    }

    /// What stands before these keys; it stays no longer.
    fn before(&mut self, keys: &[String]) -> Said {
        let rest = self.lines.split_off(&(keys.to_vec(), String::new()));
        Said { what: self.what, lines: std::mem::replace(&mut self.lines, rest), count: 0 }
    }

    /// All of it; nothing stays.
    fn take(&mut self) -> Said {
        std::mem::replace(self, Said::new(self.what))
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
            let columns = match one.len() == other.len() && self.said(one) == self.said(other) {
                true => self.differing(one, other),
                false => Vec::new(),
            };
            let keys: Vec<&str> =
                about.0.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
            res.push(Difference {
                keys: keys.join("/"),
                rule: about.1.clone(),
                recorded: self.said(one),
                replayed: self.said(other),
                columns,
            });
        }
        res
    }

    fn said(&self, lines: &[Words]) -> String {
        if lines.is_empty() {
            return match self.what {
                What::Lines => Outcome::NoHit.words().to_owned(),
                What::Decisions => "nothing".to_owned(),
            };
        }
        let word = |it: &Words| it.get(self.what.word()).cloned().flatten().unwrap_or_default();
        lines.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    fn differing(&self, one: &[Words], other: &[Words]) -> Vec<&'static str> {
        let differs = |at: usize| one.iter().zip(other).any(|(a, b)| a.get(at) != b.get(at));
        let columns = self.what.columns();
        (0..columns.len()).filter(|at| differs(*at)).map(|at| columns[at]).collect()
    }
}

fn refused(path: &Path) -> Trouble {
    Trouble::data(format!("{}: cannot be read as what a run wrote", path.display()))
        .help("`tamis verify` says whether it is as it was written")
}

fn opened(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, Trouble> {
    let file = disk::open(path).map_err(|_| refused(path))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|_| refused(path))
}

/// What a file of hits, or of decisions, says of one declaration.
///
/// Errors: a file that cannot be read as such.
pub fn read(path: &Path, what: What, only: &Only) -> Result<Said, Trouble> {
    let refused = || refused(path);
    let rows = of_one(opened(path)?, only).ok_or_else(refused)?;
    let reader = opened(path)?.with_row_selection(rows).build().map_err(|_| refused())?;
    let mut said = Said::new(what);
    for batch in reader {
        said.add(&batch.map_err(|_| refused())?, Some(only)).map_err(|_| refused())?;
    }
    Ok(said)
}

/// The rows of one declaration, told by their keys before anything else is read.
fn of_one(builder: ParquetRecordBatchReaderBuilder<File>, only: &Only) -> Option<RowSelection> {
    let mask = ProjectionMask::roots(builder.parquet_schema(), 0..only.keys.len());
    let mut all: Vec<BooleanArray> = Vec::new();
    for batch in builder.with_projection(mask).build().ok()? {
        let batch = batch.ok()?;
        let columns = batch.columns().iter().map(|it| it.as_string_opt::<i32>());
        let columns: Vec<&StringArray> = columns.collect::<Option<_>>()?;
        let is_it = |row: usize| {
            let mut columns = columns.iter().enumerate();
            columns.all(|(at, it)| only.is(at, if it.is_valid(row) { it.value(row) } else { "" }))
        };
        all.push((0..batch.num_rows()).map(|row| Some(is_it(row))).collect());
    }
    Some(RowSelection::from_filters(&all))
}
