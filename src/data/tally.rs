//! What was read, what was refused, and where: counted by file, column and reason.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::collections::btree_map::Entry;
use std::sync::Mutex;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::datatypes::Int32Type;

use crate::data::encoded;
use crate::shown::grouped;
use crate::trouble::Trouble;

/// Shared by all the readers of a run.
#[derive(Debug, Default)]
pub struct Tally {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    read: u64,
    rejected: u64,
    faulty: u64,
    /// By file, column and reason.
    faults: BTreeMap<(String, String, &'static str), Counted>,
    outside: BTreeMap<String, u64>,
}

/// How often, and where first.
#[derive(Debug, Clone)]
struct Counted {
    count: u64,
    first_row: u64,
    first: First,
}

/// The first cell of a kind of fault, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct First {
    /// Of a CSV, from 1.
    pub line: Option<u64>,
    /// What stands there, cut.
    pub value: Option<String>,
    /// The schema says `personal`: the value is not told.
    pub masked: bool,
    /// What cells of the column look like.
    pub expected: Option<String>,
}

/// One kind of fault in one column of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub file: String,
    /// Empty when the whole row is at fault.
    pub column: String,
    pub reason: &'static str,
    pub count: u64,
    /// From 1, the header not counted.
    pub first_row: u64,
    pub first: First,
}

impl Fault {
    /// `may.csv: `mass` not readable, 3 times, first in row 7, line 8: `x`; expected a number …`
    pub fn words(&self) -> String {
        let column =
            if self.column.is_empty() { String::new() } else { format!("`{}` ", self.column) };
        let times =
            if self.count == 1 { "1 time" } else { &format!("{} times", grouped(self.count)) };
        let (file, reason, row) = (&self.file, self.reason, grouped(self.first_row));
        let mut text = format!("{file}: {column}{reason}, {times}, first in row {row}");
        if let Some(line) = self.first.line {
            text += &format!(", line {}", grouped(line));
        }
        match &self.first.value {
            _ if self.first.masked => text += ": a value that is personal",
            Some(value) if self.column.is_empty() => text += &format!(": {value}"),
            Some(value) => text += &format!(": `{value}`"),
            None => {}
        }
        if let Some(expected) = self.first.expected.as_ref().filter(|it| !it.is_empty()) {
            text += &format!("; expected {expected}");
        }
        text
    }
}

/// What was read besides the judged rows: past rows, registers, records around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    pub record: String,
    /// Of `--history`, not of the data.
    pub history: bool,
    pub read: u64,
    pub rejected: u64,
    pub faulty: u64,
}

/// In a fixed order, whatever the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub read: u64,
    pub accepted: u64,
    pub rejected: u64,
    /// Rows with at least one fault, rejected or not.
    pub faulty: u64,
    pub faults: Vec<Fault>,
    /// Codes that are not in their nomenclature, by field: kept and counted.
    pub outside: Vec<(String, u64)>,
    /// What else was read. Its faults stand among the others.
    pub besides: Vec<Beside>,
}

/// What a reader gathers for one batch before it is added.
#[derive(Debug, Default)]
pub struct Batch {
    pub read: u64,
    pub rejected: u64,
    pub faulty: u64,
    /// By column and reason.
    faults: BTreeMap<(String, &'static str), Counted>,
    pub outside: BTreeMap<String, u64>,
}

impl Batch {
    pub fn of(read: u64) -> Batch {
        Batch { read, ..Batch::default() }
    }

    /// Counts a fault of a row, which `first` tells of if it is the first of its kind.
    pub fn blame(
        &mut self,
        column: String,
        reason: &'static str,
        row: u64,
        first: impl FnOnce() -> First,
    ) {
        match self.faults.entry((column, reason)) {
            Entry::Vacant(it) => {
                it.insert(Counted { count: 1, first_row: row, first: first() });
            }
            Entry::Occupied(mut it) => {
                let it = it.get_mut();
                it.count += 1;
                if row < it.first_row {
                    (it.first_row, it.first) = (row, first());
                }
            }
        }
    }
}

impl Report {
    /// Of both.
    pub fn with(mut self, other: Report) -> Report {
        self.read += other.read;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.faulty += other.faulty;
        self.faults.extend(other.faults);
        self.outside.extend(other.outside);
        self.besides.extend(other.besides);
        self.sort();
        self
    }

    /// Takes in the faults of another reading, which may be of the same files: what both count is
    /// told once.
    pub fn take(&mut self, faults: Vec<Fault>) {
        for it in faults {
            let same = |known: &&mut Fault| {
                (&known.file, &known.column, known.reason) == (&it.file, &it.column, it.reason)
            };
            match self.faults.iter_mut().find(same) {
                Some(known) if known.count < it.count => *known = it,
                Some(_) => {}
                None => self.faults.push(it),
            }
        }
        self.sort();
    }

    /// Errors: more faulty rows than are tolerated, in millionths of all; every fault.
    pub fn within(&self, max_rejected: u64) -> Result<(), Trouble> {
        enough(std::slice::from_ref(self), self, max_rejected)
    }

    /// In the order of files, columns and reasons.
    pub fn sort(&mut self) {
        self.faults
            .sort_by(|a, b| (&a.file, &a.column, a.reason).cmp(&(&b.file, &b.column, b.reason)));
        self.outside.sort();
    }
}

impl Tally {
    /// Forgets everything: the rows are read again.
    pub fn reset(&self) {
        if let Ok(mut state) = self.state.lock() {
            *state = State::default();
        }
    }

    pub fn add(&self, file: &str, batch: Batch) {
        let Ok(mut state) = self.state.lock() else { return };
        state.read += batch.read;
        state.rejected += batch.rejected;
        state.faulty += batch.faulty;
        for ((column, reason), counted) in batch.faults {
            match state.faults.entry((file.to_owned(), column, reason)) {
                Entry::Vacant(it) => {
                    it.insert(counted);
                }
                Entry::Occupied(mut it) => {
                    let it = it.get_mut();
                    it.count += counted.count;
                    if counted.first_row < it.first_row {
                        (it.first_row, it.first) = (counted.first_row, counted.first);
                    }
                }
            }
        }
        for (field, count) in batch.outside {
            *state.outside.entry(field).or_default() += count;
        }
    }

    /// Rows so far.
    pub fn read(&self) -> u64 {
        self.state.lock().map_or(0, |it| it.read)
    }

    pub fn report(&self) -> Report {
        let Ok(state) = self.state.lock() else { return Report::default() };
        let fault =
            |((file, column, reason), counted): (&(String, String, &'static str), &Counted)| {
                Fault {
                    file: file.clone(),
                    column: column.clone(),
                    reason,
                    count: counted.count,
                    first_row: counted.first_row,
                    first: counted.first.clone(),
                }
            };
        Report {
            read: state.read,
            accepted: state.read - state.rejected,
            rejected: state.rejected,
            faulty: state.faulty,
            faults: state.faults.iter().map(fault).collect(),
            outside: state.outside.iter().map(|(field, count)| (field.clone(), *count)).collect(),
            besides: Vec::new(),
        }
    }
}

/// Codes outside their nomenclature: kept and counted.
pub fn outside(known: &HashSet<String>, codes: &ArrayRef) -> u64 {
    if let Some(texts) = codes.as_string_opt::<i32>() {
        return texts.iter().flatten().filter(|code| !known.contains(*code)).count() as u64;
    }
    let Some(encoded) = codes.as_dictionary_opt::<Int32Type>() else { return 0 };
    let Some(values) = encoded.values().as_string_opt::<i32>() else { return 0 };
    let counts = encoded::counted(encoded);
    let outside = |it: &(usize, u64)| 0 < it.1 && !known.contains(values.value(it.0));
    counts.into_iter().enumerate().filter(outside).map(|it| it.1).sum()
}

/// Whether tables have few enough rows that do not fit, each alone.
///
/// Errors: those that have more, every fault of `whole`, and the limit that would do.
pub fn enough(each: &[Report], whole: &Report, max_rejected: u64) -> Result<(), Trouble> {
    let over =
        |it: &&Report| it.faulty.saturating_mul(1_000_000) > it.read.saturating_mul(max_rejected);
    let share = |it: &Report| it.faulty as u128 * 1_000_000 / u128::from(it.read.max(1));
    let Some(worst) = each.iter().filter(over).max_by_key(|it| share(it)) else { return Ok(()) };
    let message = format!("{} of {} rows do not fit the schema", worst.faulty, worst.read);
    let limit = would_do(worst.faulty, worst.read);
    Err(Trouble::data(message).details(whole.faults.iter().map(Fault::words)).help(format!(
        "correct the data or its description, or allow more with `--max-rejected {limit}`"
    )))
}

/// The least round share that allows so many rows: `34%`, `0.2%`.
fn would_do(faulty: u64, read: u64) -> String {
    let (faulty, read) = (u128::from(faulty), u128::from(read.max(1)));
    for digits in 0..=4 {
        let steps = (faulty * 100 * 10_u128.pow(digits)).div_ceil(read);
        // Two digits tell enough; where rows are few among many, they stand further behind.
        if 10 <= steps || digits == 4 {
            let (whole, rest) = (steps / 10_u128.pow(digits), steps % 10_u128.pow(digits));
            let text = format!("{whole}.{rest:0width$}", width = digits as usize);
            return format!("{}%", text.trim_end_matches('0').trim_end_matches('.'));
        }
    }
    "100%".to_owned()
}
