//! The text of `tamis.toml` to a [`Manifest`]: every table and key is known, or told.

use std::collections::BTreeMap;

use toml::de::DeTable;
use toml::de::DeValue;

use crate::data::manifest::DataSet;
use crate::data::manifest::ListEntry;
use crate::data::manifest::Manifest;
use crate::data::manifest::Placed;
use crate::data::manifest::Places;
use crate::data::manifest::RunOptions;
use crate::data::manifest::lint;
use crate::data::manifest::table::Entry;
use crate::data::manifest::table::Table;
use crate::data::manifest::value;
use crate::data::manifest::value::Refused;
use crate::data::walk;
use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::source::Span;
use crate::trouble::Trouble;
use crate::value::amount;

const TABLES: [&str; 6] = ["project", "schema", "data", "lists", "lint", "run"];

/// Keys of a data set or of one of its records.
pub const DATA: [&str; 14] = [
    "path",
    "within",
    "format",
    "key",
    "time",
    "label",
    "columns",
    "separator",
    "encoding",
    "decimal",
    "nulls",
    "dates",
    "ratios",
    "optional",
];

/// Those that say how the rows of files are read.
const READING: [&str; 9] = [
    "format",
    "columns",
    "separator",
    "encoding",
    "decimal",
    "nulls",
    "dates",
    "ratios",
    "optional",
];

/// Fills in what the text says.
pub fn read(text: &str, empty: Manifest, faults: &mut Vec<Diagnostic>) -> Manifest {
    let file = empty.file;
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for it in errors {
            let place = it.span().unwrap_or_default();
            let message = it.message().lines().next().unwrap_or_default().to_owned();
            let fault =
                Diagnostic::new(Code::T9101, Span::new(file, place.start, place.end), message);
            faults.push(fault.help("`tamis help project` shows how tables and keys are written"));
        }
        return empty;
    }
    let mut top = Table::new("", Span::file(file), root.get_ref(), faults);
    tables(&mut top);
    let mut res = Manifest { broken: false, ..empty };
    if let Some(mut it) = table(&mut top, "project") {
        it.only(&["name", "edition", "rules", "exclude", "folders"], |_| false);
        it.text("name");
        if let Some(edition) = it.text("edition") {
            refuse(&mut it, &edition, value::edition(&edition.text));
        }
        res.rules = patterns(&mut it, "rules");
        res.exclude = patterns(&mut it, "exclude");
        res.folders = it.texts("folders");
        if it.get("rules").is_none() {
            it.push(no_rules(it.span));
        }
    } else if !top.has("project") {
        top.push(no_rules(Span::file(file)));
    }
    if let Some(mut it) = table(&mut top, "schema") {
        let keys: Vec<String> = it.entries().map(|it| it.0.get_ref().to_string()).collect();
        res.schema = keys.iter().flat_map(|key| it.texts(key)).collect();
    }
    if let Some(it) = table(&mut top, "data") {
        res.data = data(it);
    }
    if let Some(it) = table(&mut top, "lists") {
        res.lists = lists(it);
    }
    if let Some(it) = table(&mut top, "lint") {
        res.lint = lint::read(it);
    }
    if let Some(it) = table(&mut top, "run") {
        res.run = run(it);
    }
    res
}

/// Files of rules that nobody has named would be a guess.
fn no_rules(span: Span) -> Diagnostic {
    let it = Diagnostic::new(Code::T9103, span, "[project] needs `rules`");
    it.help("name their files: `rules = [\"rules/**/*.tamis\"]`")
}

/// Refuses tables that are none of ours.
fn tables(top: &mut Table) {
    for (key, _) in top.entries() {
        let name = key.get_ref();
        if TABLES.contains(&&**name) {
            continue;
        }
        let help = did_you_mean(name, TABLES)
            .unwrap_or_else(|| format!("the tables are {}", TABLES.join(", ")));
        let message = format!("tamis.toml has no table `{name}`");
        let it = Diagnostic::new(Code::T9102, top.at(key), message);
        top.push(it.help(help));
    }
}

fn table<'t, 'a>(top: &'a mut Table<'t, '_>, name: &str) -> Option<Table<'t, 'a>> {
    let entry = top.get(name)?;
    let mut res = top.inner(entry)?;
    res.name = name.to_owned();
    Some(res)
}

/// Tells of a value that cannot be.
fn refuse(table: &mut Table, it: &Placed, found: Result<(), Refused>) -> bool {
    let Err((what, help)) = found else { return false };
    let message = format!("`{}` {what}", it.text.escape_debug());
    table.push(Diagnostic::new(Code::T9103, it.span, message).help(help));
    true
}

/// Patterns of paths, those that are none told and left out.
fn patterns(table: &mut Table, key: &str) -> Vec<Placed> {
    let mut res = table.texts(key);
    res.retain(|it| {
        let found = walk::fault(&it.text).map_or(Ok(()), |what| {
            Err((what, "a `[` that is none of a pattern is written `[[]`".to_owned()))
        });
        !refuse(table, it, found)
    });
    res
}

fn data(mut all: Table) -> BTreeMap<String, DataSet> {
    let mut res = BTreeMap::new();
    for entry in all.entries() {
        let name = entry.0.get_ref().to_string();
        let Some(mut table) = all.inner(entry) else { continue };
        let is_record = |it: Entry| it.1.get_ref().is_table() && !DATA.contains(&&**it.0.get_ref());
        table.only(&DATA, is_record);
        let mut set = data_set(&mut table);
        if table.get("within").is_some() {
            let it = Diagnostic::new(
                Code::T9103,
                table.key_span("within"),
                format!("`within` of [{}]: only a record has its rows in lists", table.name),
            );
            let help = format!("say it of the record: [{}.item]", table.name);
            table.push(it.help(help));
        }
        for entry in table.entries().filter(|it| is_record(*it)) {
            let record = entry.0.get_ref().to_string();
            let Some(mut inner) = table.inner(entry) else { continue };
            let own = self::record(&mut inner);
            set.records.insert(record, own);
        }
        placed(&mut table, &set);
        res.insert(name, set);
    }
    res
}

/// A data set says where its rows are, and how they are read only where it does.
fn placed(table: &mut Table, set: &DataSet) {
    if table.get("path").is_some() {
        return;
    }
    if set.records.is_empty() {
        let message = format!("[{}] needs `path`", table.name);
        let it = Diagnostic::new(Code::T9103, table.span, message);
        table.push(it.help("name its files: `path = \"data/*.csv\"`"));
        return;
    }
    let said: Vec<&str> = READING.into_iter().filter(|it| table.get(it).is_some()).collect();
    for key in said {
        let message = format!("`{key}` of [{}] says nothing: it has no `path`", table.name);
        let it = Diagnostic::new(Code::T9103, table.key_span(key), message);
        table.push(it.help("say it in the table of each record that it is about"));
    }
}

fn record(table: &mut Table) -> DataSet {
    let name = table.name.clone();
    for (key, value) in table.entries() {
        if matches!(value.get_ref(), DeValue::Table(_)) && !DATA.contains(&&**key.get_ref()) {
            let near = did_you_mean(key.get_ref(), DATA);
            let beside = name.rsplit_once('.').map_or("", |it| it.0);
            let help = near.unwrap_or_else(|| {
                format!("tables of records stand side by side: [{beside}.{}]", key.get_ref())
            });
            let message = format!("[{name}] has no table `{}`", key.get_ref());
            let it = Diagnostic::new(Code::T9102, table.at(key), message);
            table.push(it.help(help));
        }
    }
    table.only(&DATA, |it| it.1.get_ref().is_table());
    let set = data_set(table);
    let wrong = match (table.get("path").is_some(), table.get("within").is_some()) {
        (false, false) => "a record needs `path` or `within`",
        (true, true) => {
            "the rows are either in files of their own, by `path`, or in lists, by `within`"
        }
        (true, false) | (false, true) => return set,
    };
    let it = Diagnostic::new(Code::T9103, table.span, format!("[{name}]: {wrong}"));
    table.push(it.help("`tamis help project` shows both"));
    set
}

/// A data set without its records.
fn data_set(table: &mut Table) -> DataSet {
    let mut places = Places { table: Some(table.span), of: BTreeMap::new() };
    for key in DATA {
        places.of.insert((key, String::new()), table.key_span(key));
    }
    let mut text =
        |table: &mut Table, key: &'static str, check: fn(&str) -> Result<(), Refused>| {
            let it = table.text(key)?;
            places.of.insert((key, String::new()), it.span);
            (!refuse(table, &it, check(&it.text))).then_some(it.text)
        };
    let any = |_: &str| Ok(());
    let mut set = DataSet {
        within: text(table, "within", value::within),
        format: text(table, "format", value::format),
        key: text(table, "key", any),
        time: text(table, "time", any),
        label: text(table, "label", any),
        separator: text(table, "separator", value::separator),
        encoding: text(table, "encoding", value::encoding),
        decimal: text(table, "decimal", value::decimal),
        path: patterns(table, "path"),
        ..DataSet::default()
    };
    let mut named = |table: &mut Table, key: &'static str| -> Vec<String> {
        let all = table.texts(key);
        places.of.extend(all.iter().map(|it| ((key, it.text.clone()), it.span)));
        all.into_iter().map(|it| it.text).collect()
    };
    apart(table, &set);
    set.nulls = named(table, "nulls");
    set.ratios = named(table, "ratios");
    set.optional = named(table, "optional");
    for (column, field) in table.pairs("columns") {
        places.of.insert(("columns", column.text.clone()), field.span);
        set.columns.insert(column.text, field.text);
    }
    for (field, format) in table.pairs("dates") {
        places.of.insert(("dates", field.text.clone()), field.span);
        if !refuse(table, &format, value::date_format(&format.text)) {
            set.dates.insert(field.text, format.text);
        }
    }
    set.places = places;
    set
}

/// A sign between cells that is also one of a number would cut it.
fn apart(table: &mut Table, set: &DataSet) {
    if set.separator.is_none() || set.separator != set.decimal {
        return;
    }
    let sign = set.separator.as_deref().unwrap_or_default();
    let message = format!("`{sign}` of [{}] stands between cells and before decimals", table.name);
    let it = Diagnostic::new(Code::T9103, table.key_span("separator"), message);
    table.push(
        it.help("correct one of the two; where numbers stand in quotes, take `separator` out"),
    );
}

fn lists(mut all: Table) -> Vec<ListEntry> {
    let mut res = Vec::new();
    for entry in all.entries() {
        let name = Placed { text: entry.0.get_ref().to_string(), span: all.at(entry.0) };
        let Some(mut table) = all.inner(entry) else { continue };
        table.only(&["path", "sheet", "column", "type", "personal"], |_| false);
        let (path, column) = (table.text("path"), table.text("column"));
        for (key, it) in [("path", &path), ("column", &column)] {
            if it.is_none() && table.get(key).is_none() {
                let message = format!("[{}] needs `{key}`", table.name);
                let fault = Diagnostic::new(Code::T9103, table.span, message);
                table.push(fault.help("write `NAME = { path = \"…\", column = \"…\" }`"));
            }
        }
        let (sheet, ty) = (table.text("sheet"), table.text("type"));
        let personal = table.flag("personal");
        if let (Some(path), Some(column)) = (path, column) {
            res.push(ListEntry { name, path, sheet, column, ty, personal });
        }
    }
    res
}

fn run(mut table: Table) -> RunOptions {
    const KEYS: [&str; 5] = ["memory-limit", "threads", "out", "batch-size", "max-rejected"];
    table.only(&KEYS, |_| false);
    let refused = |it: Trouble| (it.message, it.help.unwrap_or_default());
    let mut amount = |key: &str, check: fn(&str, &str) -> Result<(), Trouble>| {
        let it = table.text(key)?;
        let Err((message, help)) = check(key, &it.text).map_err(refused) else {
            return Some(it.text);
        };
        table.push(Diagnostic::new(Code::T9103, it.span, message).help(help));
        None
    };
    let memory_limit = amount("memory-limit", |key, text| amount::bytes(key, text).map(|_| ()));
    let max_rejected = amount("max-rejected", |key, text| amount::share(key, text).map(|_| ()));
    let out = table.text("out");
    let out = out.filter(|it| !refuse(&mut table, it, value::out(&it.text)));
    let batch_size = table.number("batch-size");
    if let Some((0, span)) = batch_size {
        let it = Diagnostic::new(Code::T9103, span, "a batch of no rows");
        table.push(it.help("write `batch-size = 8192`, or take the key out"));
    }
    let threads = table.number("threads");
    let rows = batch_size.map(|(it, span)| (amount::batch(it).map(|_| ()), span));
    let many = threads.map(|(it, span)| (amount::threads(it).map(|_| ()), span));
    for (found, span) in [rows, many].into_iter().flatten() {
        if let Err((message, help)) = found.map_err(refused) {
            table.push(Diagnostic::new(Code::T9103, span, message).help(help));
        }
    }
    RunOptions {
        memory_limit,
        threads: threads.map(|it| it.0),
        out: out.map(|it| it.text),
        batch_size: batch_size.map(|it| it.0),
        max_rejected,
    }
}
