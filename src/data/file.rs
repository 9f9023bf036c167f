//! One file: its format, and which of its columns feeds which field.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::DataType;
use encoding_rs::Encoding;
use encoding_rs::UTF_8;

use crate::data::DataFile;
use crate::data::Format;
use crate::data::columnar;
use crate::data::manifest::DataSet;
use crate::data::nested::Within;
use crate::data::text;
use crate::diagnostic::did_you_mean;
use crate::disk;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;

/// Why a file cannot be used.
#[derive(Debug)]
pub enum Misfit {
    /// It is not the file that was meant, or cannot be read.
    File(String),
    /// Columns that do not fit, each in words.
    Columns(Vec<String>),
}

/// Opens a file and finds its columns.
///
/// Errors: what is wrong with the file, or each column that does not fit.
pub fn open(
    schema: &Schema,
    (set, within): (&DataSet, Option<&Within>),
    path: &Path,
    declared: &[FieldId],
    columns: &[FieldId],
) -> Result<DataFile, Misfit> {
    let shown = path.strip_prefix(".").unwrap_or(path).display().to_string();
    let fault = |what: &str| Misfit::File(format!("{shown}: {what}"));
    let Begun { format, separator, encoding, header, types, rows, by_dictionary } =
        begin(set, path).map_err(|it| fault(&it))?;
    let opened = within.map(|it| it.open(&header, &types));
    let (header, types, nest) = match opened {
        None => (header, types, None),
        Some(Err(what)) => return Err(Misfit::Columns(vec![format!("{shown}: {what}")])),
        Some(Ok((header, types, nest))) => (header, types, Some(nest)),
    };
    let mut faults = Vec::new();
    let mut places = BTreeMap::new();
    for id in declared.iter().copied() {
        let it = schema.field(id);
        let own = within.map_or(set, |within| within.set_of(id.record));
        let names: Vec<String> = foreign_names(own, it)
            .into_iter()
            .map(|name| within.map_or(name.to_owned(), |it| it.column(id.record, name)))
            .collect();
        // Its own name feeds it too, unless `columns` gives that to another field.
        let plain = within.map_or(it.name.clone(), |within| within.column(id.record, &it.name));
        let feeds = !own.columns.contains_key(&it.name);
        let found: Vec<usize> =
            (0..header.len()).filter(|at| names.contains(&header[*at])).collect();
        match found.as_slice() {
            [at] if feeds && !names.contains(&plain) && header.contains(&plain) => {
                let column = &header[*at];
                faults.push(format!(
                    "{shown}: field `{}` stands twice: as column `{column}`, which `columns` \
                     names, and as column `{plain}`",
                    it.name
                ));
            }
            [at] => {
                let formatted = own.dates.contains_key(&it.name);
                let refusal = |ty| columnar::refusal(ty, &it.ty, formatted);
                let wrong = types.get(*at).and_then(refusal);
                if let Some(found) = wrong {
                    let column = &header[*at];
                    let needed = it.ty.words();
                    faults.push(format!("{shown}: column `{column}` is {found}, not {needed}"));
                }
                places.insert(id, *at);
            }
            [] if own.optional.contains(&it.name) => {}
            [] => {
                let near = did_you_mean(&names[0], header.iter().map(String::as_str));
                let near = near.map(|it| format!("; {it}")).unwrap_or_default();
                let name = &names[0];
                faults.push(format!(
                    "{shown}: column `{name}` is missing (field `{}`){near}",
                    it.name
                ));
            }
            [first, others @ ..] => {
                let other = others.iter().find(|it| header[**it] != header[*first]);
                let besides = other.map(|it| format!(", and as `{}`", header[*it]));
                let besides = besides.unwrap_or_default();
                faults.push(format!("{shown}: column `{}` stands twice{besides}", header[*first]));
            }
        }
    }
    if !faults.is_empty() {
        let unparted = unparted(format, &header, separator);
        return Err(unparted.map_or(Misfit::Columns(faults), |it| fault(&it)));
    }
    let places: Vec<Option<usize>> = columns.iter().map(|it| places.get(it).copied()).collect();
    // How many elements lists have is not known before they are read.
    let rows = if nest.is_some() { Rows::About(rows.total()) } else { rows };
    let by_dictionary = if nest.is_some() { Vec::new() } else { by_dictionary };
    let nest = nest.map(|it| Arc::new(it.only(&header, &places)));
    Ok(DataFile {
        path: path.to_path_buf(),
        shown,
        format,
        separator,
        encoding,
        places,
        header,
        rows,
        by_dictionary,
        nest,
    })
}

/// What is to be said of a CSV whose first line is not parted into columns.
fn unparted(format: Format, header: &[String], separator: u8) -> Option<String> {
    let [line] = header else { return None };
    if format != Format::Csv {
        return None;
    }
    if line.to_ascii_lowercase().starts_with("sep=") {
        return Some(format!("its first line is `{line}`, which names no columns: take it out"));
    }
    let count = |it: char| line.matches(it).count();
    let other = [';', ',', '\t', '|'].into_iter().filter(|it| *it != char::from(separator));
    let other = other.max_by_key(|it| count(*it)).filter(|it| 0 < count(*it))?;
    let other = other.escape_default();
    Some(format!(
        "its header is one column, `{line}`: is `separator = \"{other}\"` missing in tamis.toml?"
    ))
}

/// What looks like a file, and shows the state of a process or of the machine.
fn is_of_the_system(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    ["/proc", "/sys", "/dev"].iter().any(|it| path.starts_with(it)) && !path.starts_with("/dev/shm")
}

/// The begin of a file: how it is read, and its columns.
pub struct Begun {
    pub format: Format,
    pub separator: u8,
    pub encoding: &'static Encoding,
    pub header: Vec<String>,
    /// Of typed files.
    pub types: Vec<DataType>,
    pub rows: Rows,
    /// Which columns are held by dictionary.
    pub by_dictionary: Vec<bool>,
}

/// Opens a file as its data set says.
///
/// Errors: what is wrong with it, in words.
pub fn begin(set: &DataSet, path: &Path) -> Result<Begun, String> {
    let format = format(set, path).ok_or("is neither .csv, .parquet nor .arrow")?;
    let metadata = disk::open(path).and_then(|it| it.metadata());
    let metadata = metadata.map_err(|it| disk::reason(&it))?;
    if is_of_the_system(path) {
        return Err("is no file of data".to_owned());
    }
    if metadata.len() == 0 {
        return Err("is empty".to_owned());
    }
    let separator = set.separator.as_ref().and_then(|it| it.bytes().next()).unwrap_or(b',');
    let encoding = match &set.encoding {
        None => UTF_8,
        Some(label) => Encoding::for_label(label.as_bytes())
            .ok_or_else(|| format!("no encoding is called `{label}`"))?,
    };
    let (header, types, rows, by_dictionary) = match format {
        Format::Csv => {
            let header = text::header(path, separator, encoding)?;
            if header.is_empty() {
                return Err("is empty".to_owned());
            }
            (header, Vec::new(), Rows::About(text::rows(path, metadata.len())), Vec::new())
        }
        Format::Parquet | Format::Arrow => {
            let (it, rows, held) = columnar::open(path, format)?;
            let names = it.fields().iter().map(|it| it.name().clone()).collect();
            (names, it.fields().iter().map(|it| it.data_type().clone()).collect(), rows, held)
        }
    };
    Ok(Begun { format, separator, encoding, header, types, rows, by_dictionary })
}

/// What to do about files that do not fit. Of a flat extract `flat` is the record that it has a row
/// of.
pub fn remedy(
    schema: &Schema,
    (set, files): (&DataSet, &[PathBuf]),
    flat: Option<RecordId>,
    misfits: bool,
) -> String {
    if !misfits {
        return "name files of data that can be read, and say in tamis.toml how they are written"
            .to_owned();
    }
    let headers = || files.iter().filter_map(|it| Some(begin(set.of(it), it).ok()?.header));
    let names = |it: RecordId| {
        let fields = &schema.record(it).fields;
        fields.iter().flat_map(|it| foreign_names(set, it)).collect::<Vec<&str>>()
    };
    // A name that a record around has too says nothing.
    let holds = |it: RecordId| {
        let around = schema.lineage(it).into_iter().skip(1);
        let around: Vec<&str> = around.flat_map(names).collect();
        let own: Vec<&str> = names(it).into_iter().filter(|it| !around.contains(it)).collect();
        headers().any(|header| header.iter().any(|it| own.contains(&it.as_str())))
    };
    // Rows of the record around, which the extract cannot be of as long as the schema has others
    // inside it.
    if let Some(inner) = flat.filter(|it| !holds(*it))
        && let Some(outer) = schema.lineage(inner).into_iter().find(|it| holds(*it))
    {
        let (inner, outer) = (&schema.record(inner).name, &schema.record(outer).name);
        return format!(
            "they have no column of `{inner}`: say in tamis.toml that they are the files of \
             `{outer}` alone, `[data.NAME.{outer}]` with their `path`"
        );
    }
    "correct the files, map their names in `columns` of tamis.toml, or list a field that may be \
     absent in `optional`"
        .to_owned()
}

/// How the files of other data sets are read, by their numbers; what several share, once.
pub fn otherwise<T: Clone>(
    set: &DataSet,
    files: &[DataFile],
    fields_by: impl Fn(&DataSet) -> T,
) -> BTreeMap<usize, T> {
    let mut made: Vec<(&Arc<DataSet>, T)> = Vec::new();
    let mut res = BTreeMap::new();
    for (number, file) in files.iter().enumerate() {
        let Some(own) = set.otherwise.get(&file.path) else { continue };
        let known = made.iter().find(|it| Arc::ptr_eq(it.0, own)).map(|it| it.1.clone());
        let fields = known.unwrap_or_else(|| {
            let it = fields_by(own);
            made.push((own, it.clone()));
            it
        });
        res.insert(number, fields);
    }
    res
}

/// Columns that `columns` of the data set names for fields that may be absent, and that none of its
/// files has: a slip would leave the field missing everywhere.
pub fn unfed(
    schema: &Schema,
    (set, within): (&DataSet, Option<&Within>),
    files: &[DataFile],
    declared: &[FieldId],
) -> Vec<String> {
    let mut sets = vec![set];
    for it in set.otherwise.values().map(|it| &**it) {
        if !sets.iter().any(|known| std::ptr::eq(*known, it)) {
            sets.push(it);
        }
    }
    let of = |own: &DataSet| {
        files.iter().filter(|it| std::ptr::eq(set.of(&it.path), own)).collect::<Vec<_>>()
    };
    let one = |own| unfed_of(schema, (own, within), &of(own), declared);
    sets.into_iter().flat_map(one).collect()
}

/// The same of the files that one data set says how to read.
fn unfed_of(
    schema: &Schema,
    (set, within): (&DataSet, Option<&Within>),
    files: &[&DataFile],
    declared: &[FieldId],
) -> Vec<String> {
    let mut res = Vec::new();
    for id in declared.iter().filter(|_| set.whole && !files.is_empty()) {
        let field = schema.field(*id);
        let own = within.map_or(set, |within| within.set_of(id.record));
        let mapped = own.columns.iter().filter(|it| *it.1 == field.name);
        for (column, _) in mapped.filter(|_| own.optional.contains(&field.name)) {
            let name = within.map_or(column.clone(), |it| it.column(id.record, column));
            if !files.iter().any(|it| it.header.contains(&name)) {
                let near = files
                    .iter()
                    .find_map(|it| did_you_mean(&name, it.header.iter().map(String::as_str)));
                let near = near.map(|it| format!("; {it}")).unwrap_or_default();
                res.push(format!("no file has the column `{name}` (field `{}`){near}", field.name));
            }
        }
    }
    res
}

/// The column names that feed a field: the mapped one, else its own, else its former one.
fn foreign_names<'a>(set: &'a DataSet, field: &'a crate::schema::Field) -> Vec<&'a str> {
    let mapped: Vec<&str> =
        set.columns.iter().filter(|it| *it.1 == field.name).map(|it| it.0.as_str()).collect();
    if !mapped.is_empty() {
        return mapped;
    }
    std::iter::once(field.name.as_str()).chain(field.formerly.as_deref()).collect()
}

/// Formats, by what `format` and the endings of files say.
pub const FORMATS: [(&str, Format); 7] = [
    ("csv", Format::Csv),
    ("tsv", Format::Csv),
    ("txt", Format::Csv),
    ("parquet", Format::Parquet),
    ("arrow", Format::Arrow),
    ("feather", Format::Arrow),
    ("ipc", Format::Arrow),
];

fn format(set: &DataSet, path: &Path) -> Option<Format> {
    let named = set.format.clone();
    let extension = path.extension().map(|it| it.to_string_lossy().to_lowercase());
    let word = named.or(extension)?;
    FORMATS.iter().find(|it| it.0 == word).map(|it| it.1)
}

/// How many rows a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// As its footer says, by row group.
    Groups(Vec<u64>),
    /// By the length of its first rows.
    About(u64),
}

impl Rows {
    pub fn total(&self) -> u64 {
        match self {
            Rows::Groups(rows) => rows.iter().sum(),
            Rows::About(rows) => *rows,
        }
    }
}
