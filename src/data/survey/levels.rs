//! A flat extract of declarations with lines: which column names the declaration, which its lines,
//! and which columns a declaration repeats in each of them.

use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use crate::data::DataFile;
use crate::data::survey::each_row;
use crate::data::survey::guess::Guess;
use crate::data::survey::personal;
use crate::data::survey::seen::Seen;
use crate::trouble::Trouble;
use crate::value::Decimal;

/// Two records in one row.
#[derive(Debug, Clone)]
pub struct Levels {
    /// The column that names the declaration.
    pub key: String,
    /// The column that numbers its lines.
    pub line: String,
    /// Columns that have one value in all the lines of a declaration.
    pub header: Vec<String>,
}

/// Columns that may name a declaration, and those that may number lines: more are not tried.
const TRIED: usize = 4;

/// Looks for the two levels where no column tells all rows apart.
///
/// Errors: a file that cannot be read again.
pub fn find(file: &DataFile, columns: &[Seen]) -> Result<Option<Levels>, Trouble> {
    let is_named = |it: &Seen| is_key_name(&it.name) && !is_line_name(&it.name);
    if columns.iter().any(|it| it.is_key && is_name(it) && is_named(it)) {
        return Ok(None);
    }
    let complete = || columns.iter().filter(|it| it.missing == 0 && 1 < it.rows);
    let repeated = |it: &&Seen| is_name(it) && 1 < it.distinct() && !it.is_key;
    let mut keys: Vec<&Seen> = complete().filter(repeated).collect();
    keys.sort_by_key(|it| (!is_key_name(&it.name), std::cmp::Reverse(it.distinct())));
    keys.truncate(TRIED);
    let mut lines: Vec<&Seen> = complete().filter(|it| counts(it)).collect();
    lines.sort_by_key(|it| !is_line_name(&it.name));
    lines.truncate(TRIED);
    if keys.is_empty() || lines.is_empty() {
        return Ok(None);
    }
    let mut pairs = Vec::new();
    for key in &keys {
        let others = lines.iter().filter(|it| it.name != key.name);
        pairs.extend(others.map(|line| Pair::new(&key.name, &line.name)));
    }
    let wanted: Vec<String> = keys.iter().chain(&lines).map(|it| it.name.clone()).collect();
    each_row(file, &wanted, |cells| {
        let cell = |name: &str| wanted.iter().position(|it| it == name).map(|at| &*cells[at]);
        for pair in &mut pairs {
            if let (Some(key), Some(line)) = (cell(&pair.key), cell(&pair.line)) {
                pair.see(key, line);
            }
        }
    })?;
    let found =
        pairs.into_iter().find(|it| it.is_unique && (it.numbers() || is_line_name(&it.line)));
    let Some(pair) = found.filter(|it| it.lines.values().any(|it| 1 < it.0)) else {
        return Ok(None);
    };
    let header = repeated_columns(file, columns, &pair.key)?;
    Ok(Some(Levels { key: pair.key, line: pair.line, header }))
}

/// Whether values of the column can be names of something.
pub fn is_name(it: &Seen) -> bool {
    let held = matches!(it.guess, Guess::Text | Guess::Whole | Guess::Code);
    held && !personal::is_measure(&it.name)
}

/// Whether a column says that it names declarations.
pub fn is_key_name(name: &str) -> bool {
    let wanted =
        ["id", "declaration", "decl", "mrn", "lrn", "entry", "document", "ref", "reference"];
    let words = personal::words(name);
    let begins = |it: &String| it.starts_with("decl");
    words
        .iter()
        .any(|it| wanted.contains(&it.as_str()) || begins(it) || it == "no" || it == "number")
}

fn is_line_name(name: &str) -> bool {
    let wanted = ["line", "item", "seq", "sequence", "position", "pos", "row", "lineno", "itemno"];
    personal::words(name).iter().any(|it| wanted.contains(&it.as_str()))
}

/// Small whole numbers from 0 or 1 on.
fn counts(it: &Seen) -> bool {
    let small = |(least, most): (Decimal, Decimal)| {
        Decimal::new(0, 0) <= least
            && least <= Decimal::new(1, 0)
            && most < Decimal::new(100_000, 0)
    };
    it.guess == Guess::Whole && it.range.is_some_and(small)
}

/// A column that may name declarations, and one that may number their lines.
struct Pair {
    key: String,
    line: String,
    is_unique: bool,
    seen: HashSet<u64>,
    /// Rows and the largest number, by key.
    lines: HashMap<u64, (u32, u32)>,
}

impl Pair {
    fn new(key: &str, line: &str) -> Pair {
        Pair {
            key: key.to_owned(),
            line: line.to_owned(),
            is_unique: true,
            seen: HashSet::new(),
            lines: HashMap::new(),
        }
    }

    fn see(&mut self, key: &str, line: &str) {
        if !self.is_unique {
            return;
        }
        if !self.seen.insert(hash(&(key, line))) {
            (self.is_unique, self.seen, self.lines) = (false, HashSet::new(), HashMap::new());
            return;
        }
        let (rows, most) = self.lines.entry(hash(&key)).or_default();
        *rows += 1;
        *most = (*most).max(line.parse().unwrap_or(u32::MAX));
    }

    /// Whether the lines of each key are numbered without a gap.
    fn numbers(&self) -> bool {
        self.lines.values().all(|(rows, most)| *most == *rows || *most + 1 == *rows)
    }
}

fn hash(it: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    it.hash(&mut hasher);
    hasher.finish()
}

/// Declarations whose rows are compared; of a larger file, a share of them by hash.
const COMPARED: u64 = 100_000;

fn repeated_columns(file: &DataFile, columns: &[Seen], key: &str) -> Result<Vec<String>, Trouble> {
    let names: Vec<String> = columns.iter().map(|it| it.name.clone()).collect();
    let Some(at) = names.iter().position(|it| it == key) else { return Ok(Vec::new()) };
    let share = columns[at].rows.div_ceil(COMPARED).max(1);
    let mut is_same = vec![true; names.len()];
    let mut first: HashMap<u64, Vec<u64>> = HashMap::new();
    each_row(file, &names, |cells| {
        let id = hash(&cells[at]);
        if id % share != 0 {
            return;
        }
        let known = first.entry(id).or_insert_with(|| vec![0; cells.len()]);
        for ((cell, known), same) in cells.iter().zip(known).zip(&mut is_same) {
            // A blank says nothing against another value.
            if cell.is_empty() {
                continue;
            }
            let it = hash(cell).max(1);
            *same &= *known == 0 || *known == it;
            *known = it;
        }
    })?;
    Ok(names.into_iter().zip(is_same).filter(|it| it.1).map(|it| it.0).collect())
}
