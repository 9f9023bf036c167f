//! A rule set over a data set: outcomes by the engine, evidence by the interpreter, lines in order.

pub mod besides;
pub mod carried;
pub mod cases;
pub mod common;
pub mod decide;
pub mod decisions;
pub mod digest;
pub mod directory;
pub mod engine;
pub mod fields;
pub mod foreseen;
mod input;
mod interpreted;
pub mod lines;
pub mod manifest;
pub mod one;
pub mod pace;
pub mod past;
pub mod replay;
pub mod sink;
pub mod source;
pub mod tested;
pub mod verify;
pub mod who;
pub mod world;
pub mod write;

pub use fields::agree;
pub use fields::fields_in;
pub use fields::used;
use fields::with;
pub use input::Input;
pub use input::input;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use arrow::record_batch::RecordBatch;

use crate::data::Table;
use crate::data::repeats::Limits;
use crate::data::repeats::Repeats;
use crate::data::tally::Report;
use crate::diagnostic::did_you_mean;
use crate::disk;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::project::consulted::Consulted;
use crate::project::consulted::Kind;
use crate::run::besides::Besides;
use crate::run::pace::Pace;
use crate::run::sink::Sink;
use crate::run::source::Source;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;

/// Why what was read gives no answer.
#[derive(Debug)]
pub enum Again {
    Trouble(Trouble),
    /// Rows of a key did not agree. They are settled now: the tables are to be read again.
    Settled,
}

impl From<Trouble> for Again {
    fn from(it: Trouble) -> Again {
        Again::Trouble(it)
    }
}

/// How a run is done; none of it changes what comes out.
#[derive(Debug, Clone)]
pub struct Options {
    pub threads: usize,
    pub batch_size: usize,
    /// In bytes: what sorting and grouping may hold before they spill.
    pub memory_limit: Option<usize>,
    /// Where they spill; the system's place when absent.
    pub spill: Option<PathBuf>,
    /// The share of rows with faults above which a run fails, in millionths.
    pub max_rejected: u64,
    pub engine: Engine,
    /// The engine's own optimiser: off only in tests.
    pub optimise: bool,
    /// Facts are found in so many shares of their keys, whatever the memory: only in tests.
    pub shares: Option<u64>,
    /// How far it is.
    pub pace: Arc<Pace>,
}

/// Lines and what decisions need take this part of the memory at most, until they are on disk.
const FOUND: usize = 4;

impl Options {
    /// What may be held while something is put in order, in bytes.
    pub fn room(&self) -> Option<usize> {
        self.memory_limit.map(|it| it / FOUND)
    }

    /// The folder for what does not fit.
    pub fn place(&self) -> PathBuf {
        self.spill.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// What readers need to know of it.
    pub fn limits(&self) -> Limits {
        let (max_rejected, memory) = (self.max_rejected, self.memory_limit);
        Limits { max_rejected, spill: self.place(), memory }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    DataFusion,
    Interpreter,
}

/// Gets lines, in order.
pub type Receiver<'a> = &'a mut dyn FnMut(&RecordBatch) -> Result<(), Trouble>;

/// What was found, lines aside.
pub struct Done {
    pub rows: u64,
    /// Rows that rules judged, by level.
    pub judged: BTreeMap<RecordId, u64>,
    pub report: Report,
    /// Hits and undecided, by rule of the rule set.
    pub counts: Vec<(u64, u64)>,
}

/// Files that fit the schema, and the rules that will judge their rows.
pub struct Opened {
    /// Every level that the data hold of `inner` and that rules judge, innermost first.
    pub levels: Vec<Level>,
    /// What is opened, by the record that the files have one row of.
    pub tables: BTreeMap<RecordId, Arc<Table>>,
    pub rules: Vec<RuleId>,
    /// The innermost record of those that the run is about.
    pub inner: RecordId,
    /// The key fields that lines begin with.
    pub keys: Vec<FieldId>,
    pub input: Input,
    pub history: Option<Input>,
    /// Every file of data, as it was before any was read.
    pub read: Vec<Consulted>,
    /// Whether what was found is explained; without it rows are only counted.
    pub evidence: bool,
    besides: Besides,
    known: Known,
}

/// What is known of the keys of tables that facts read: by the number of their first file, their
/// rows and columns.
type Known = Mutex<BTreeMap<(u64, RecordId, Vec<FieldId>), Arc<Repeats>>>;

/// The rows of a record, and the rules that judge them.
#[derive(Clone)]
pub struct Level {
    pub record: RecordId,
    pub rules: Vec<RuleId>,
    pub source: Source,
}

/// Opens and checks every file. Nothing but what the rules use is read later. `history` are the
/// data that past rows come from besides these. Without `evidence` hits are only counted.
///
/// Errors: files that do not fit the schema.
pub fn open(
    set: &RuleSet,
    rules: &[RuleId],
    input: &Input,
    history: Option<&Input>,
    evidence: bool,
) -> Result<Opened, Trouble> {
    known_records(set, input)?;
    let inner = source::innermost(set, rules, input)?;
    open_at(set, rules, (inner, &[]), input, history, evidence)
}

/// The same, with a row of this record or of one around it whatever the rules judge, and with
/// fields that are told whatever the rules ask.
pub fn open_at(
    set: &RuleSet,
    rules: &[RuleId],
    (inner, told): (RecordId, &[FieldId]),
    input: &Input,
    history: Option<&Input>,
    evidence: bool,
) -> Result<Opened, Trouble> {
    for given in [Some(input), history].into_iter().flatten() {
        known_records(set, given)?;
    }
    let read = seen(input, history);
    let judged = |it: &&RuleId| set.rules[it.0].level;
    if let Some(other) = rules.iter().find(|it| !source::holds(set, input, judged(it))) {
        let rule = &set.rules[other.0];
        let level = &set.schema.record(rule.level).name;
        let who = if rule.id.is_empty() { "the policy" } else { &format!("rule {}", rule.id) };
        let message = format!("{who} judges each {level}, and the data hold none");
        let flat = set.schema.record(source::innermost_of_flat(set, input)).name.clone();
        let help = match input.records.is_empty() && flat != *level {
            true => format!(
                "the files are read as rows of `{flat}`, as its `record` comes first in the \
                 schema: put it after `record {level}`, or name the files of each record in \
                 tamis.toml"
            ),
            false => "leave it out with `--rule`, or name its files".to_owned(),
        };
        return Err(Trouble::usage(message).help(help));
    }
    let schema = &set.schema;
    let mut records: Vec<RecordId> = rules.iter().map(|it| set.rules[it.0].level).collect();
    records.extend(schema.lineage(inner).into_iter().filter(|it| source::holds(set, input, *it)));
    records.sort_by_key(|it| (std::cmp::Reverse(schema.lineage(*it).len()), *it));
    records.dedup();
    let all = with(used(set, rules, evidence), told.iter().copied());
    let mut files = source::Files::new(set, input, &all);
    let mut levels = Vec::new();
    for record in records {
        let here = rules.iter().copied().filter(|it| set.rules[it.0].level == record);
        let here: Vec<RuleId> = here.collect();
        let around = schema.lineage(record);
        let told = told.iter().copied().filter(|it| around.contains(&it.record));
        let source = files.open(record, &with(used(set, &here, evidence), told))?;
        levels.push(Level { record, rules: here, source });
    }
    Ok(Opened {
        levels,
        tables: files.tables,
        rules: rules.to_vec(),
        inner,
        keys: source::keys(set, rules, inner),
        input: input.clone(),
        history: history.cloned(),
        read,
        evidence,
        besides: Besides::default(),
        known: Known::default(),
    })
}

/// The files of data and of history as they are now: a change from now on is noticed.
fn seen(input: &Input, history: Option<&Input>) -> Vec<Consulted> {
    let all = [(Kind::Data, Some(input)), (Kind::History, history)];
    let of = |(kind, input): (Kind, Option<&Input>)| {
        let files = input.map(Input::all_files).unwrap_or_default();
        files.into_iter().map(move |it| Consulted::now(kind, &it))
    };
    let read: Vec<Consulted> = all.into_iter().flat_map(of).collect();
    disk::settle(read.iter().filter_map(Consulted::stamp));
    read
}

fn known_records(set: &RuleSet, input: &Input) -> Result<(), Trouble> {
    let all = || set.schema.records.iter().map(|it| it.name.as_str());
    for given in input.records.keys() {
        if !all().any(|it| it == given) {
            let near = did_you_mean(given, all());
            let message = format!("the schema has no record `{given}` to be read from files");
            return Err(Trouble::usage(message).help(near.unwrap_or_default()));
        }
    }
    Ok(())
}

impl Opened {
    /// The levels with rules, innermost first; without rules the innermost. What is not read
    /// elsewhere is counted by the table of the level, everything else is counted already.
    fn judged(&self, set: &RuleSet) -> Vec<Level> {
        let rules = |record: RecordId| -> Vec<RuleId> {
            self.rules.iter().copied().filter(|it| set.rules[it.0].level == record).collect()
        };
        let level = |it: &Level| Level { rules: rules(it.record), ..it.clone() };
        let mut all: Vec<Level> = self.levels.iter().map(level).collect();
        all.retain(|it| !it.rules.is_empty());
        if all.is_empty() {
            all.extend(self.levels.iter().find(|it| it.record == self.inner).cloned());
        }
        let mut counted = self.held();
        for it in &mut all {
            if !counted.insert(it.source.rows) {
                it.source.table = Arc::new(it.source.table.again());
            }
        }
        all
    }

    /// The records whose rows are held for those inside them, where these are read.
    fn held(&self) -> BTreeSet<RecordId> {
        let none = self.levels.iter().all(|it| it.rules.is_empty());
        let is_read = |it: &&Level| !it.rules.is_empty() || (none && it.record == self.inner);
        let mut around: Vec<&Arc<Table>> = Vec::new();
        for level in self.levels.iter().filter(is_read) {
            let mut next = level.source.table.around();
            while let Some(it) = next {
                around.push(it);
                next = it.around();
            }
        }
        let is_held = |table: &Arc<Table>| around.iter().any(|it| Arc::ptr_eq(it, table));
        self.tables.iter().filter(|it| is_held(it.1)).map(|it| *it.0).collect()
    }

    /// The records whose rows the run counts.
    pub fn counted(&self, set: &RuleSet) -> BTreeSet<RecordId> {
        let judged = self.judged(set).into_iter().map(|it| it.source.rows);
        judged.chain(self.held()).collect()
    }

    /// Whether all records stand in the rows of one flat extract.
    fn is_flat(&self) -> bool {
        let alone = |it: &Arc<Table>| it.around().is_none() && !it.is_nested();
        self.tables.len() == 1 && self.tables.values().all(alone)
    }

    /// The rows that most is said of: those of the innermost record.
    pub fn table(&self) -> Option<&Arc<Table>> {
        self.levels.first().map(|it| &it.source.table)
    }

    /// Judges every row by every rule. What `out` was given holds only if this ends well.
    ///
    /// Errors: data that cannot be read, too many faulty rows, and what the engine cannot do.
    pub fn run(
        &self,
        set: &RuleSet,
        out: Option<Receiver>,
        options: &Options,
    ) -> Result<Done, Trouble> {
        let (done, found) = self.found(set, out.is_some(), options)?;
        if let (Some(out), Some(found)) = (out, found) {
            for batch in found.sorted()?.0 {
                out(&lines::seen(&batch?)?)?;
            }
        }
        Ok(done)
    }

    /// Errors: a file of data that is no longer as it was before it was read.
    pub fn unchanged(&self) -> Result<(), Trouble> {
        self.read.iter().try_for_each(Consulted::unchanged)
    }

    /// The files with the rows of a record that facts look at; `first` is the number of the first
    /// one. What an earlier reading found of their keys holds.
    ///
    /// Errors: files that do not fit the schema.
    pub fn source(
        &self,
        set: &RuleSet,
        (input, first): (&Input, u64),
        record: RecordId,
        used: &[FieldId],
    ) -> Result<Source, Trouble> {
        let source = source::open(set, input, record, used)?;
        let place = (first, source.rows, source.table.columns.clone());
        let mut known = self.known.lock().map_err(|_| Trouble::bug("a reader stopped"))?;
        let repeats = known.entry(place).or_insert_with(|| source.table.repeats().clone());
        Ok(Source { table: Arc::new(source.table.sharing(repeats)), ..source })
    }

    /// Does what reads tables, and does it again where what was read does not hold.
    ///
    /// Errors: what `work` says.
    pub fn settled<T>(&self, mut work: impl FnMut() -> Result<T, Again>) -> Result<T, Trouble> {
        loop {
            match work() {
                Ok(it) => return Ok(it),
                Err(Again::Trouble(trouble)) => return Err(trouble),
                Err(Again::Settled) => self.forget(),
            }
        }
    }

    /// What was counted so far; rows that are held are not read again.
    fn forget(&self) {
        let held = self.held();
        for (_, table) in self.tables.iter().filter(|it| !held.contains(it.0)) {
            table.tally.reset();
        }
        if let Ok(mut all) = self.besides.lock() {
            all.clear();
        }
    }

    /// As `run`, with what was found where it was put.
    fn found(
        &self,
        set: &RuleSet,
        with_lines: bool,
        options: &Options,
    ) -> Result<(Done, Option<Sink>), Trouble> {
        let found = self.judged_rows(set, with_lines, options);
        // Whatever was found in files that change means nothing, faults included.
        self.unchanged()?;
        found
    }

    fn judged_rows(
        &self,
        set: &RuleSet,
        with_lines: bool,
        options: &Options,
    ) -> Result<(Done, Option<Sink>), Trouble> {
        let counted = self.settled(|| {
            for it in self.judged(set) {
                it.source.table.prepare(&options.limits())?;
            }
            self.count_around(set, options)?;
            let counted = match options.engine {
                Engine::DataFusion => engine::run(set, self, with_lines, options),
                Engine::Interpreter => interpreted::run(set, self, with_lines, options),
            }?;
            self.hold_together(set, with_lines, options)?;
            Ok(counted)
        })?;
        let report = self.told(set, options)?;
        let Counted { rules: counts, rows: judged, found } = counted;
        Ok((Done { rows: report.read, judged, report, counts }, found))
    }
}

/// What a run comes to.
pub struct Counted {
    /// Hits and undecided, by rule.
    rules: Vec<(u64, u64)>,
    /// Judged rows, by level.
    rows: BTreeMap<RecordId, u64>,
    /// With lines.
    found: Option<Sink>,
}
