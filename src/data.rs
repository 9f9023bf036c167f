//! Declarations from files: CSV, Parquet and Arrow to canonical batches, faults counted.

pub mod canonical;
pub mod cell;
pub mod columnar;
pub mod convert;
pub mod encoded;
pub mod file;
pub mod groups;
pub mod headers;
pub mod instant;
pub mod line;
pub mod list;
pub mod manifest;
pub mod nested;
pub mod nomenclature;
pub mod records;
pub mod repeats;
pub mod scan;
pub mod sieve;
pub mod sheet;
pub mod sound;
pub mod survey;
pub mod table;
pub mod tally;
pub mod text;
pub mod thrift;
pub mod typed;
pub mod walk;
pub mod xml;

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Field as ArrowField;
use arrow::datatypes::Schema as ArrowSchema;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use encoding_rs::Encoding;

use crate::data::cell::Fault;
use crate::data::cell::Reading;
use crate::data::convert::data_type;
pub use crate::data::file::Rows;
use crate::data::groups::Reached;
use crate::data::headers::Headers;
use crate::data::manifest::DataSet;
use crate::data::nested::Nest;
use crate::data::nested::Within;
use crate::data::repeats::Limits;
use crate::data::repeats::Repeats;
use crate::data::sieve::Sieve;
use crate::data::tally::Tally;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::trouble::Trouble;
use crate::value::text::Form;

/// The files of a data set, as rows of `record` and of the records around it.
pub struct Table {
    pub columns: Vec<FieldId>,
    /// `item.hs`, `declaration.declaration_id` …
    pub arrow: SchemaRef,
    pub files: Vec<DataFile>,
    pub tally: Arc<Tally>,
    fields: Arc<Vec<Wanted>>,
    /// The same for files, by number, that are read otherwise.
    otherwise: Arc<BTreeMap<usize, Arc<Vec<Wanted>>>>,
    outer: Option<Outer>,
    /// Its own rows by key, for tables of records inside it.
    headers: Arc<OnceLock<Headers>>,
    /// What is known of rows that share a key.
    repeats: Arc<Repeats>,
    /// Rows come with their numbers, files counted from here.
    numbered: Option<u64>,
    /// The parts of files that are read; nothing for all.
    reached: Option<Arc<Reached>>,
    /// Which columns files hold by dictionary; empty for none.
    encoded: Arc<[bool]>,
    /// Which rows alone are wanted.
    sieve: Option<Arc<Sieve>>,
}

/// Days of a column, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    pub field: FieldId,
    pub first: i32,
    pub last: i32,
}

/// What files of a record hold of the records around it.
#[derive(Clone, Copy)]
pub enum Around<'a> {
    /// Everything: a flat extract.
    All,
    /// Everything, for each row of a record inside it once more.
    Repeated,
    /// Its key; more is nowhere to be found.
    Keys,
    /// Its key; the rest is in files of its own.
    Table(&'a Arc<Table>),
    /// The rows are elements of lists: what is around them stands beside the list.
    Within(&'a Within),
}

/// The column of the numbers of rows: the file, then, in so many bits, the row.
pub const ROW: &str = "tamis.row";
pub const ROW_BITS: u32 = 40;

/// The record around, when it stands in files of its own.
#[derive(Clone)]
struct Outer {
    table: Arc<Table>,
    /// Its key, as names of columns.
    keys: Vec<String>,
}

/// A file, and where each wanted column stands in it; `None` when it is absent and may be.
#[derive(Debug, Clone)]
pub struct DataFile {
    pub path: PathBuf,
    pub shown: String,
    pub format: Format,
    pub separator: u8,
    pub encoding: &'static Encoding,
    pub places: Vec<Option<usize>>,
    pub header: Vec<String>,
    pub rows: Rows,
    /// Which columns are held by dictionary.
    pub by_dictionary: Vec<bool>,
    /// Where rows are elements of lists.
    pub nest: Option<Arc<Nest>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Parquet,
    Arrow,
}

/// A field to read: how, and what depends on it.
pub struct Wanted {
    pub reading: Reading,
    /// A row without it is rejected.
    pub needed: bool,
    /// What does not fit is counted here, not where the record around is read.
    pub told: bool,
    pub name: String,
    /// Its values are not told.
    pub personal: bool,
    /// The codes that are in the nomenclature.
    pub known: Option<HashSet<String>>,
}

/// A column that fits its field: cells that do not are missing, and listed.
pub struct Converted {
    pub array: ArrayRef,
    pub faults: Vec<(usize, Fault)>,
}

pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, Trouble>> + Send>;

/// Opens and checks every file before anything runs. `used` fields are read, and keys and required
/// fields with them.
///
/// Errors: a file that cannot be read, and columns that are missing, double or of a wrong type; all
/// the faults of all the files together.
pub fn open(
    schema: &Arc<Schema>,
    set: &DataSet,
    files: &[PathBuf],
    record: RecordId,
    used: &[FieldId],
    around: Around,
) -> Result<Table, Trouble> {
    let here = |id: &FieldId| {
        let beside = match around {
            Around::All | Around::Repeated => true,
            Around::Keys | Around::Table(_) => false,
            Around::Within(it) => it.holds(id.record),
        };
        beside || id.record == record || is_key(schema, *id)
    };
    let within = match around {
        Around::Within(it) => Some(it),
        Around::All | Around::Repeated | Around::Keys | Around::Table(_) => None,
    };
    let mut columns = wanted(schema, record, used);
    if matches!(around, Around::Keys) {
        columns.retain(&here);
    }
    let fields_by = |set: &DataSet| {
        let of = |id: &FieldId| {
            let own = within.map_or(set, |it| it.set_of(id.record));
            let mut field = field(schema, own, *id);
            field.needed &= here(id);
            field.told = within.is_none() || id.record == record;
            if let Some(it) = within {
                field.name = it.column(id.record, &field.name);
            }
            if !here(id) || !field.told {
                field.known = None;
            }
            field
        };
        Arc::new(columns.iter().map(of).collect::<Vec<Wanted>>())
    };
    let arrow: Vec<ArrowField> = columns
        .iter()
        .map(|id| {
            let it = schema.field(*id);
            let name = format!("{}.{}", schema.record(id.record).name, it.name);
            ArrowField::new(name, data_type(&it.ty), true)
        })
        .collect();
    let (mut faults, mut unreadable, mut opened) = (Vec::new(), Vec::new(), Vec::new());
    let mut declared = declared(schema, record);
    declared.retain(&here);
    for path in files {
        match file::open(schema, (set.of(path), within), path, &declared, &columns) {
            Ok(file) => opened.push(file),
            Err(file::Misfit::File(what)) => unreadable.push(what),
            Err(file::Misfit::Columns(found)) => faults.extend(found),
        }
    }
    if faults.is_empty() && unreadable.is_empty() {
        faults = file::unfed(schema, (set, within), &opened, &declared);
    }
    let flat = matches!(around, Around::All).then_some(record);
    let help = file::remedy(schema, (set, files), flat, !faults.is_empty());
    let mut faults = unreadable.into_iter().chain(faults);
    if let Some(first) = faults.next() {
        return Err(Trouble::data(first).details(faults).help(help));
    }
    let key = |it: &&FieldId| it.record != record && is_key(schema, **it);
    let headers = match around {
        Around::All | Around::Repeated | Around::Keys => None,
        Around::Table(table) => Some(table),
        Around::Within(it) => it.around.as_ref(),
    };
    let beside = |it: &&FieldId| within.is_none_or(|within| !within.holds(it.record));
    let name =
        |it: &FieldId| format!("{}.{}", schema.record(it.record).name, schema.field(*it).name);
    let outer = headers.map(|table| Outer {
        table: table.clone(),
        keys: columns.iter().filter(key).filter(beside).map(name).collect(),
    });
    let unique = match around {
        Around::Repeated => None,
        Around::All | Around::Keys | Around::Table(_) | Around::Within(_) => Some(record),
    };
    let own = |it: RecordId| match around {
        Around::All | Around::Repeated => true,
        Around::Keys | Around::Table(_) => it == record,
        Around::Within(within) => within.holds(it),
    };
    let (fields, otherwise) = (fields_by(set), file::otherwise(set, &opened, fields_by));
    let repeats = Arc::new(Repeats::new(schema, record, &columns, unique, own));
    Ok(Table {
        columns,
        arrow: Arc::new(ArrowSchema::new(arrow)),
        tally: Arc::new(Tally::default()),
        fields,
        otherwise: Arc::new(otherwise),
        outer,
        headers: Arc::default(),
        files: opened,
        repeats,
        numbered: None,
        reached: None,
        encoded: Arc::default(),
        sieve: None,
    })
}

fn is_key(schema: &Schema, id: FieldId) -> bool {
    schema.record(id.record).key.contains(&id.field)
}

fn is_needed(schema: &Schema, id: FieldId) -> bool {
    schema.field(id).required || is_key(schema, id)
}

fn declared(schema: &Schema, record: RecordId) -> Vec<FieldId> {
    let mut lineage = schema.lineage(record);
    lineage.sort();
    let of = |record: RecordId| {
        (0..schema.record(record).fields.len()).map(move |field| FieldId { record, field })
    };
    lineage.into_iter().flat_map(of).collect()
}

fn wanted(schema: &Schema, record: RecordId, used: &[FieldId]) -> Vec<FieldId> {
    let mut all = declared(schema, record);
    let identity = schema.identity(record);
    all.retain(|it| used.contains(it) || is_needed(schema, *it) || identity.contains(it));
    all
}

fn field(schema: &Arc<Schema>, set: &DataSet, id: FieldId) -> Wanted {
    let it = schema.field(id);
    let mut reading = Reading::new(schema, &it.ty, it.unit.as_deref());
    reading.date_format = set.dates.get(&it.name).cloned();
    reading.decimal_mark = set.decimal.as_ref().and_then(|it| it.chars().next()).unwrap_or('.');
    reading.nulls.clone_from(&set.nulls);
    if set.ratios.contains(&it.name) {
        reading.factor = None;
    }
    let codes = match &it.ty {
        Type::Code(name) => schema.nomenclatures.get(&**name).and_then(|it| it.codes.as_ref()),
        _ => None,
    };
    let known = codes.map(|it| it.keys().map(|it| it.to_string()).collect());
    let (needed, name, personal) = (is_needed(schema, id), it.name.clone(), it.personal);
    Wanted { reading, needed, told: true, name, personal, known }
}

impl Table {
    /// The same files with a tally of its own: to read them a second time counts nothing twice.
    pub fn again(&self) -> Table {
        Table {
            columns: self.columns.clone(),
            arrow: self.arrow.clone(),
            files: self.files.clone(),
            tally: Arc::new(Tally::default()),
            fields: self.fields.clone(),
            otherwise: self.otherwise.clone(),
            outer: self.outer.clone(),
            headers: self.headers.clone(),
            repeats: self.repeats.clone(),
            numbered: self.numbered,
            reached: self.reached.clone(),
            encoded: self.encoded.clone(),
            sieve: self.sieve.clone(),
        }
    }

    /// The same table, whose rows count there.
    pub fn counted_by(&self, tally: &Arc<Tally>) -> Table {
        Table { tally: tally.clone(), ..self.again() }
    }

    /// The same table, of which no other parts are read.
    pub fn within(&self, reached: Reached) -> Table {
        let reached = Some(Arc::new(reached));
        Table { tally: self.tally.clone(), reached, ..self.again() }
    }

    /// Whether all of it is read, whatever the days.
    pub fn is_whole(&self) -> bool {
        self.reached.is_none()
    }

    /// The same table, its rows with their numbers; the first file has number `first`.
    pub fn numbered(&self, first: u64) -> Table {
        let mut fields: Vec<Arc<ArrowField>> = self.arrow.fields().iter().cloned().collect();
        if self.numbered.is_none() {
            fields.push(Arc::new(ArrowField::new(ROW, DataType::UInt64, false)));
        }
        Table {
            arrow: Arc::new(ArrowSchema::new(fields)),
            tally: self.tally.clone(),
            numbered: Some(first),
            ..self.again()
        }
    }

    /// Reads the record around, when it stands in files of its own: once, before any row.
    ///
    /// Errors: what reading it says.
    pub fn prepare(&self, limits: &Limits) -> Result<(), Trouble> {
        self.repeats.limit(limits);
        self.repeats.holder.as_ref().map_or(Ok(()), |it| it.prepare(limits))?;
        if let Some(it) = &self.outer
            && it.table.headers.get().is_none()
        {
            it.table.prepare(limits)?;
            let headers = Headers::read(&it.table, &it.keys, limits)?;
            it.table.headers.set(headers).ok();
        }
        Ok(())
    }

    /// The same table, whose keys are known by others that read the same.
    pub fn sharing(&self, repeats: &Arc<Repeats>) -> Table {
        Table { tally: self.tally.clone(), repeats: repeats.clone(), ..self.again() }
    }

    /// The same files, read without a look at their keys and at files of the record around.
    pub fn alone(&self) -> Table {
        Table { repeats: Arc::new(self.repeats.unwatched()), outer: None, ..self.again() }
    }

    pub fn repeats(&self) -> &Arc<Repeats> {
        &self.repeats
    }

    /// How texts of a column compare.
    fn form(&self, column: usize) -> Form {
        self.fields[column].reading.ty.form()
    }

    /// The key of its rows: `declaration_id, item_number`
    fn key(&self) -> String {
        let keys = self.repeats.levels.iter().flat_map(|it| &it.keys);
        let names: Vec<&str> = keys.map(|it| self.fields[it.0].name.as_str()).collect();
        names.join(", ")
    }

    /// The record around, when it stands in files of its own or holds these rows.
    pub fn around(&self) -> Option<&Arc<Table>> {
        let held = || self.repeats.holder.as_ref().map(|it| &it.table);
        held().or(self.outer.as_ref().map(|it| &it.table))
    }

    /// The canonical batches of all the files, one after the other; rejected rows are left out and
    /// counted.
    pub fn read(self: &Arc<Table>, batch_size: usize) -> Batches {
        Arc::new(scan::Scan::new(self, batch_size, false)).batches(0, 1)
    }

    /// Its fields, the names of their columns, and whether they are personal.
    pub fn names(&self) -> impl Iterator<Item = (String, String, bool)> {
        let fields = self.fields.iter().zip(self.arrow.fields());
        fields.map(|(it, column)| (it.name.clone(), column.name().clone(), it.personal))
    }

    /// Whether rows are elements of lists.
    pub fn is_nested(&self) -> bool {
        self.files.iter().any(|it| it.nest.is_some())
    }

    /// Rows there are, or about as many.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|it| it.rows.total()).sum()
    }
}
