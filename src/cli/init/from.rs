//! A schema, `tamis.toml` and a first rule from what a file holds.

mod record;
mod words;

use std::fmt::Write;
use std::path::Path;

use crate::cli::init::from::record::Column;
use crate::cli::init::from::record::Record;
use crate::cli::init::from::words::one_line;
use crate::data::survey::Survey;
use crate::data::survey::guess::Guess;
use crate::report::grouped;

/// The records of a file, and how their rows are read.
pub struct Described<'a> {
    survey: &'a Survey,
    records: Vec<Record<'a>>,
}

impl<'a> Described<'a> {
    pub fn of(survey: &'a Survey) -> Described<'a> {
        Described { survey, records: record::records(survey) }
    }

    /// `schema.tamis`
    pub fn schema(&self, file: &Path) -> String {
        let shown = file.file_name().map(|it| it.to_string_lossy()).unwrap_or_default();
        let rows = self.survey.columns.first().map_or(0, |it| it.rows);
        let mut text = format!(
            "# What a declaration looks like, as far as {} rows of {} tell.\n# Read it line by \
             line: units, currencies and what must be given are for you to say.\n",
            grouped(rows),
            one_line(&shown)
        );
        for it in &self.survey.remarks {
            let _ = writeln!(text, "# {}", one_line(it));
        }
        text += "\n";
        let has_codes = |it: &Record| it.columns.iter().any(|it| it.seen.guess == Guess::Code);
        if self.records.iter().any(has_codes) {
            text += "# Add `file \"hs.csv\"` to have codes checked.\n\
                     codes HS levels 2, 4, 6, 8, 10\n\n";
        }
        let all: Vec<String> = self.records.iter().map(Record::text).collect();
        text + &all.join("\n")
    }

    /// `tamis.toml`, where the file is known by this path.
    pub fn manifest(&self, file: &str) -> String {
        let mut text = format!(
            "# Where rules, schema and data are. `tamis help project` has more.\n\n[project]\n\
             name  = \"targeting\"\nrules = [\"rules/**/*.tamis\"]\n\n[schema]\n\
             declaration = \"schema.tamis\"\n\n# tamis run archive\n[data.archive]\npath = {}\n",
            quoted(file)
        );
        let flat: Vec<&Record> = self.records.iter().filter(|it| it.within.is_none()).collect();
        if let Some(it) = flat.first().and_then(|it| it.key()) {
            let _ = writeln!(text, "key  = {}", quoted(&it.field));
        }
        if let Some(it) = flat.first().and_then(|it| it.history()) {
            let _ = writeln!(text, "time = {}", quoted(&it.field));
        }
        text += &self.reading();
        let columns: Vec<&Column> = flat.iter().flat_map(|it| &it.columns).collect();
        text += &dates(&columns);
        text += &renamed("data.archive", &columns);
        for it in &self.records {
            let Some(within) = &it.within else { continue };
            let table = format!("data.archive.{}", it.name);
            let columns: Vec<&Column> = it.columns.iter().collect();
            let _ = write!(text, "\n[{table}]\nwithin = {}\n", quoted(within));
            text += &dates(&columns);
            text += &renamed(&table, &columns);
        }
        text
    }

    /// How the text of the file is written.
    fn reading(&self) -> String {
        let Survey { separator, encoding, decimal, nulls, .. } = self.survey;
        let mut text = String::new();
        if *separator != b',' {
            let separator = char::from(*separator).to_string();
            let _ = writeln!(text, "separator = {}", quoted(&separator));
        }
        if let Some(it) = encoding {
            let name = quoted(&it.name().to_lowercase());
            let _ = writeln!(text, "# The file is not UTF-8: is it this?\nencoding = {name}");
        }
        if *decimal != '.' {
            let _ = writeln!(text, "decimal = {}", quoted(&decimal.to_string()));
        }
        if !nulls.is_empty() {
            let all: Vec<String> = nulls.iter().map(|it| quoted(it)).collect();
            let _ = writeln!(text, "nulls = [{}]", all.join(", "));
        }
        text
    }

    /// A first rule, so that `tamis run` has something to say.
    pub fn rule(&self) -> String {
        record::rule(&self.records)
    }
}

/// Formats of dates that are not ISO.
fn dates(columns: &[&Column]) -> String {
    let format = |it: &&Column| match it.seen.guess {
        Guess::Date(Some(format)) | Guess::DateTime(Some(format)) => {
            Some(format!("{} = {}", key(&it.field), quoted(format)))
        }
        _ => None,
    };
    let all: Vec<String> = columns.iter().filter_map(format).collect();
    match all.as_slice() {
        [] => String::new(),
        all => format!("dates = {{ {} }}\n", all.join(", ")),
    }
}

/// Names of columns that are not names of fields.
fn renamed(table: &str, columns: &[&Column]) -> String {
    let all: Vec<&&Column> = columns.iter().filter(|it| it.field != it.seen.name).collect();
    if all.is_empty() {
        return String::new();
    }
    let mut text =
        format!("\n# Names of columns that are not names of fields\n[{table}.columns]\n");
    for it in all {
        let _ = writeln!(text, "{} = {}", quoted(&it.seen.name), quoted(&it.field));
    }
    text
}

/// A key of TOML: bare where it may be.
fn key(field: &str) -> String {
    let bare = field.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    if bare { field.to_owned() } else { quoted(field) }
}

/// A string of TOML, on one line: as JSON has it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
