//! A schema and `tamis.toml` from what a file holds.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use crate::data::survey::Guess;
use crate::data::survey::Seen;
use crate::data::survey::Survey;
use crate::report::grouped;

/// Values that a comment names.
const NAMED: usize = 8;

/// Words that cannot be names.
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
];

/// A column and the field that it feeds.
pub struct Column<'a> {
    seen: &'a Seen,
    field: String,
}

/// Names for fields: lower case, joined by `_`, no two alike.
pub fn columns(all: &[Seen]) -> Vec<Column<'_>> {
    let mut res: Vec<Column> = Vec::new();
    for seen in all {
        let mut field = name(&seen.name);
        while res.iter().any(|it| it.field == field) {
            field += "_2";
        }
        res.push(Column { seen, field });
    }
    res
}

fn name(column: &str) -> String {
    let mut res = String::new();
    for it in column.chars() {
        if it.is_alphanumeric() {
            res.extend(it.to_lowercase());
        } else if !res.is_empty() && !res.ends_with('_') {
            res.push('_');
        }
    }
    let mut res = res.trim_end_matches('_').to_owned();
    if !res.starts_with(char::is_alphabetic) {
        res.insert_str(0, "column_");
    }
    if RESERVED.contains(&res.as_str()) {
        res += "_field";
    }
    res
}

/// The column whose values are all there and all different.
fn key<'a>(columns: &'a [Column]) -> Option<&'a Column<'a>> {
    columns.iter().find(|it| it.seen.is_key)
}

/// Of the complete columns the one that tells most rows apart.
fn complete<'a>(columns: &'a [Column]) -> Option<&'a Column<'a>> {
    let apart = |it: &&Column| it.seen.values.as_ref().map_or(usize::MAX, BTreeSet::len);
    let complete = columns.iter().filter(|it| it.seen.missing == 0 && 0 < it.seen.rows);
    complete.rev().max_by_key(apart)
}

fn history<'a>(columns: &'a [Column]) -> Option<&'a Column<'a>> {
    columns.iter().find(|it| it.seen.guess == Guess::Date && it.seen.missing == 0)
}

pub fn schema(columns: &[Column], file: &Path) -> String {
    let shown = file.file_name().map(|it| it.to_string_lossy()).unwrap_or_default();
    let rows = columns.first().map_or(0, |it| it.seen.rows);
    let mut text = format!(
        "# What a declaration looks like, as far as {} rows of {shown} tell.\n\
         # Read it line by line: units, currencies and what must be given are for you to say.\n\n",
        grouped(rows)
    );
    if columns.iter().any(|it| it.seen.guess == Guess::Code) {
        text +=
            "# Add `file \"hs.csv\"` to have codes checked.\ncodes HS levels 2, 4, 6, 8, 10\n\n";
    }
    text += "record declaration \"Declaration\"\n";
    let chosen = key(columns).or(complete(columns));
    if key(columns).is_none() {
        text += "  # No column has another value in every row: choose the key, or add one.\n";
    }
    if chosen.is_none() {
        text +=
            "  # None is complete either, so there is no key yet: lines of a run name no row.\n";
    }
    if let Some(it) = chosen {
        let _ = writeln!(text, "  key {}", it.field);
    }
    for column in columns {
        let seen = column.seen;
        let _ = writeln!(text, "\n  # {}: {}", one_line(&seen.name), said(seen));
        if let Some(hint) = hint(seen) {
            let _ = writeln!(text, "  # {hint}");
        }
        let is_key = chosen.is_some_and(|it| it.field == column.field);
        let is_history = history(columns).is_some_and(|it| it.field == column.field);
        let required = if is_key || is_history { " required" } else { "" };
        let label = one_line(&seen.name).replace(['"', '\\'], "'");
        let _ = writeln!(text, "  field {} : {}{required} \"{label}\"", column.field, ty(seen));
    }
    if let Some(it) = history(columns) {
        let _ = writeln!(text, "\n  # The date of acceptance: is it this one?");
        let _ = writeln!(text, "  history date {}", it.field);
    }
    text
}

fn one_line(name: &str) -> String {
    name.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

fn ty(seen: &Seen) -> &'static str {
    match seen.guess {
        Guess::Truth => "truth",
        Guess::Whole => "whole number",
        Guess::Decimal => "decimal",
        Guess::Date => "date",
        Guess::DateTime => "date-time",
        Guess::Code => "code of HS",
        Guess::Country => "country",
        Guess::Text => "text",
    }
}

/// `12 values, 3.1 % missing; 0 to 20`
fn said(seen: &Seen) -> String {
    let missing = match seen.missing {
        0 => "none missing".to_owned(),
        all if all == seen.rows => return "always missing".to_owned(),
        some => {
            let tenths = some.saturating_mul(1_000).div_ceil(seen.rows);
            format!("{}.{} % missing", tenths / 10, tenths % 10)
        }
    };
    let count = match &seen.values {
        Some(values) if values.len() == 1 => "1 value".to_owned(),
        Some(values) => format!("{} values", values.len()),
        None if seen.is_key => "a value of its own in every row".to_owned(),
        None => "more than 1,000 values".to_owned(),
    };
    let which = match (&seen.values, seen.guess) {
        (_, Guess::Whole | Guess::Decimal) => {
            seen.range.map(|(least, most)| format!("; {least} to {most}"))
        }
        (_, Guess::Date | Guess::DateTime) => {
            seen.text_range.as_ref().map(|(first, last)| format!("; {first} to {last}"))
        }
        (Some(values), _) if values.len() <= NAMED => {
            let all: Vec<String> = values.iter().map(|it| one_line(it)).collect();
            Some(format!("; {}", all.join(", ")))
        }
        _ => None,
    };
    format!("{count}, {missing}{}", which.unwrap_or_default())
}

/// What the name of a column of numbers suggests.
fn hint(seen: &Seen) -> Option<&'static str> {
    if !matches!(seen.guess, Guess::Whole | Guess::Decimal) {
        return None;
    }
    let name = seen.name.to_lowercase();
    let names = |words: &[&str]| words.iter().any(|it| name.contains(it));
    if names(&["mass", "weight"]) {
        Some("Perhaps `mass in kg`?")
    } else if names(&["price", "value", "amount", "duty", "freight"]) {
        Some("Perhaps `money in EUR`? Say the currency.")
    } else if names(&["rate", "percent", "share"]) {
        Some("Perhaps `percent`: 8.0 in the file is then 8 %.")
    } else {
        None
    }
}

pub fn manifest(columns: &[Column], file: &str, seen: &Survey) -> String {
    let separator = seen.separator;
    let mut text = format!(
        "# Where rules, schema and data are. `tamis help project` has more.\n\n[project]\n\
         name  = \"targeting\"\nrules = [\"rules/**/*.tamis\"]\n\n[schema]\n\
         declaration = \"schema.tamis\"\n\n# tamis run archive\n[data.archive]\npath = {}\n",
        quoted(file)
    );
    if let Some(it) = key(columns) {
        let _ = writeln!(text, "key  = {}", quoted(&it.field));
    }
    if let Some(it) = history(columns) {
        let _ = writeln!(text, "time = {}", quoted(&it.field));
    }
    if separator != b',' {
        let _ = writeln!(text, "separator = {}", quoted(&char::from(separator).to_string()));
    }
    if let Some(it) = seen.encoding {
        let name = quoted(&it.name().to_lowercase());
        let _ = writeln!(text, "# The file is not UTF-8: is it this?\nencoding = {name}");
    }
    let renamed: Vec<&Column> = columns.iter().filter(|it| it.field != it.seen.name).collect();
    if !renamed.is_empty() {
        text += "\n# Names of columns that are not names of fields\n[data.archive.columns]\n";
        for it in renamed {
            let _ = writeln!(text, "{} = {}", quoted(&it.seen.name), quoted(&it.field));
        }
    }
    text
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A first rule, so that `tamis run` has something to say.
pub fn rule(columns: &[Column]) -> String {
    let gap = columns.iter().find(|it| 0 < it.seen.missing && it.seen.missing < it.seen.rows);
    let field = gap.or(columns.last()).map_or("declaration_id", |it| it.field.as_str());
    format!(
        "rule R001 \"No {field}\"\n  for each declaration\n  when {field} is missing\n  then\n    \
         score 1\n"
    )
}
