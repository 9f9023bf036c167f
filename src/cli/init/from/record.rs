//! The records that a file describes: a declaration, its items, the lists in them.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::cli::init::from::words;
use crate::cli::init::from::words::one_line;
use crate::data::survey::Survey;
use crate::data::survey::guess::Guess;
use crate::data::survey::levels;
use crate::data::survey::nested::Child;
use crate::data::survey::personal;
use crate::data::survey::seen::Seen;

/// Words that cannot be names of fields, or read badly as such.
const RESERVED: &[&str] = &[
    "and",
    "or",
    "not",
    "is",
    "in",
    "of",
    "any",
    "every",
    "no",
    "under",
    "between",
    "over",
    "past",
    "item",
    "declaration",
    "true",
    "false",
    "missing",
    "given",
    "each",
    "for",
    "all",
    "none",
    "at",
    "list",
    "least",
    "most",
    "exactly",
    "with",
    "same",
    "where",
    "has",
    "last",
    "on",
    "from",
    "to",
    "until",
    "since",
    "else",
    "when",
    "unless",
    "then",
    "key",
    "field",
    "record",
    "group",
    "codes",
    "this",
    "hit",
    "if",
];

/// A column and the field that it feeds.
pub struct Column<'a> {
    pub seen: &'a Seen,
    pub field: String,
}

pub struct Record<'a> {
    pub name: String,
    pub parent: Option<String>,
    /// The list that its rows are elements of.
    pub within: Option<String>,
    pub columns: Vec<Column<'a>>,
    key: Option<usize>,
    /// What is to be known of the key.
    about_key: &'static str,
}

/// The declaration first, and each record after the one around it.
pub fn records(survey: &Survey) -> Vec<Record<'_>> {
    let mut taken = BTreeSet::new();
    let columns: Vec<Column> =
        survey.columns.iter().map(|seen| column(seen, "column", &mut taken)).collect();
    let mut res = match &survey.levels {
        None => {
            let (key, about_key) = choose(&columns, NO_KEY);
            vec![Record { about_key, ..record("declaration", None, columns, key) }]
        }
        Some(levels) => {
            let is_header = |it: &Column| levels.header.contains(&it.seen.name);
            let (header, lines): (Vec<_>, Vec<_>) = columns.into_iter().partition(is_header);
            let named = |all: &[Column], name: &str| all.iter().position(|it| it.seen.name == name);
            let (key, line) = (named(&header, &levels.key), named(&lines, &levels.line));
            let declaration = record("declaration", None, header, key);
            let about_key = "  # Columns that are the same in all lines of a declaration.\n";
            let item = record("item", Some("declaration"), lines, line);
            vec![Record { about_key, ..declaration }, item]
        }
    };
    let mut names: BTreeSet<String> = res.iter().map(|it| it.name.clone()).collect();
    for it in &survey.children {
        child(it, "declaration", &taken, &mut names, &mut res);
    }
    res
}

fn record<'a>(
    name: &str,
    parent: Option<&str>,
    columns: Vec<Column<'a>>,
    key: Option<usize>,
) -> Record<'a> {
    let parent = parent.map(str::to_owned);
    Record { name: name.to_owned(), parent, within: None, columns, key, about_key: "" }
}

/// A list, and the lists in it.
fn child<'a>(
    it: &'a Child,
    parent: &str,
    around: &BTreeSet<String>,
    names: &mut BTreeSet<String>,
    res: &mut Vec<Record<'a>>,
) {
    let last = it.within.rsplit('.').next().unwrap_or_default();
    let mut name = field_name(last, "row");
    if 3 < name.len() && name.ends_with('s') && !name.ends_with("ss") {
        name.pop();
    }
    while !names.insert(name.clone()) {
        name += "_2";
    }
    // A name means one thing in a row and the rows around it.
    let mut taken = around.clone();
    let columns: Vec<Column> =
        it.columns.iter().map(|seen| column(seen, &name, &mut taken)).collect();
    let (key, about_key) = choose(&columns, "  # No column tells the rows of a list apart.\n");
    let mut own = record(&name, Some(parent), columns, key);
    (own.within, own.about_key) = (Some(it.within.clone()), about_key);
    res.push(own);
    for inner in &it.children {
        child(inner, &name, &taken, names, res);
    }
}

fn column<'a>(seen: &'a Seen, prefix: &str, taken: &mut BTreeSet<String>) -> Column<'a> {
    let own = field_name(&seen.name, prefix);
    let mut field = own.clone();
    if taken.contains(&field) {
        field = format!("{prefix}_{own}");
    }
    while !taken.insert(field.clone()) {
        field += "_2";
    }
    Column { seen, field }
}

/// A name for a field: lower case, joined by `_`.
fn field_name(column: &str, prefix: &str) -> String {
    let mut res = String::new();
    for it in column.chars() {
        if it.is_alphanumeric() {
            res.extend(it.to_lowercase().filter(|it| it.is_alphanumeric()));
        } else if !res.is_empty() && !res.ends_with('_') {
            res.push('_');
        }
    }
    let mut res = res.trim_end_matches('_').to_owned();
    if !res.starts_with(char::is_alphabetic) {
        res.insert_str(0, &format!("{prefix}_"));
    }
    if RESERVED.contains(&res.as_str()) {
        res += "_field";
    }
    res
}

const NO_KEY: &str = "  # No column has another value in every row: choose the key, or add one.\n";
const NONE_COMPLETE: &str =
    "  # No column can be the key: none is complete, or tells rows apart.\n";

/// The column that tells rows apart; else of the complete ones the one that tells most apart.
fn choose(columns: &[Column], lacking: &'static str) -> (Option<usize>, &'static str) {
    // Numbers may differ by chance: what names rows stands first, or says so.
    let fits = |at: usize| {
        let it = columns[at].seen;
        let is_number = it.guess == Guess::Whole;
        levels::is_name(it) && (!is_number || at == 0 || levels::is_key_name(&it.name))
    };
    let rank = |at: &usize| {
        let it = &columns[*at].seen;
        (it.is_key, levels::is_key_name(&it.name), it.distinct(), std::cmp::Reverse(*at))
    };
    let complete = |it: &usize| columns[*it].seen.missing == 0 && 0 < columns[*it].seen.rows;
    let names = (0..columns.len()).filter(|it| complete(it) && fits(*it));
    let found = names.max_by_key(rank);
    match found {
        Some(at) if columns[at].seen.is_key => (found, ""),
        Some(_) => (found, lacking),
        None => (None, NONE_COMPLETE),
    }
}

impl Record<'_> {
    /// Only a key that tells every row apart is worth a word in `tamis.toml`.
    pub fn key(&self) -> Option<&Column<'_>> {
        self.key.map(|at| &self.columns[at]).filter(|_| self.about_key != NO_KEY)
    }

    /// The first date that is always given.
    pub fn history(&self) -> Option<&Column<'_>> {
        let is_date = |it: &&Column| {
            matches!(it.seen.guess, Guess::Date(_)) && !personal::is_personal_name(&it.seen.name)
        };
        self.columns.iter().filter(is_date).find(|it| it.seen.missing == 0 && 0 < it.seen.rows)
    }

    pub fn text(&self) -> String {
        let mut text = match &self.parent {
            None => format!("record {} \"Declaration\"\n", self.name),
            Some(parent) => format!("record {} in {parent}\n", self.name),
        };
        text += self.about_key;
        if let Some(at) = self.key {
            let _ = writeln!(text, "  key {}", self.columns[at].field);
        }
        let history = self.history().filter(|_| self.parent.is_none()).map(|it| &it.field);
        for (at, column) in self.columns.iter().enumerate() {
            let seen = column.seen;
            let gap = if at == 0 && self.key.is_none() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}  # {}: {}", one_line(&seen.name), words::said(seen));
            let remark = seen.remark.as_deref().or(words::hint(seen));
            if let Some(it) = remark {
                let _ = writeln!(text, "  # {it}");
            }
            let is_needed = self.key == Some(at) || history == Some(&column.field);
            let required = if is_needed { " required" } else { "" };
            let personal = if seen.is_of_persons() { " personal" } else { "" };
            let label = one_line(&seen.name).replace(['"', '\\'], "'");
            let (field, ty) = (&column.field, words::ty(seen));
            let _ = writeln!(text, "  field {field} : {ty}{required}{personal} \"{label}\"");
        }
        if let Some(it) = history {
            let _ = write!(
                text,
                "\n  # The date of acceptance: is it this one?\n  history date {it}\n"
            );
        }
        text
    }
}

/// A first rule: about a field with gaps, or else any that may have some.
pub fn rule(records: &[Record]) -> String {
    let fields = || {
        records.iter().flat_map(|it| {
            let history = it.history().map(|it| it.field.clone());
            let may = move |at: usize, column: &Column| {
                it.key != Some(at) && history.as_ref() != Some(&column.field)
            };
            it.columns
                .iter()
                .enumerate()
                .filter(move |(at, column)| may(*at, column))
                .map(move |(_, column)| (it.name.as_str(), column))
        })
    };
    let gap = fields().find(|(_, it)| 0 < it.seen.missing && it.seen.missing < it.seen.rows);
    let last = fields().next_back();
    match gap.or(last) {
        Some((level, column)) => {
            let field = &column.field;
            let head = format!("rule R001 \"No {field}\"\n  for each {level}\n");
            let number = if level == "declaration" { "" } else { " 1" };
            let test = format!(
                "\ntest R001 \"no {field}\"\n  given {level}{number}\n    {field} is missing\n"
            );
            head + &format!("  when {field} is missing\n  then\n    score 1\n{test}  expect hit\n")
        }
        // All there is are keys: they are always given.
        None => {
            "rule R001 \"Every declaration\"\n  for each declaration\n  when 1 = 1\n  then\n    \
                 score 1\n"
                .to_owned()
        }
    }
}
