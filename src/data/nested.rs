//! Rows that are elements of lists: Parquet and Arrow columns of structs in lists, seen flat.
//!
//! An element is a row; what stands beside its list is repeated for each, as in a flat extract.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::ListArray;
use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::array::UInt32Array;
use arrow::compute::cast;
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Fields;
use arrow::datatypes::Schema;

use crate::data::Table;
use crate::data::manifest::DataSet;
use crate::schema::RecordId;

/// A record, and the way to its list from a row of the record around it.
#[derive(Debug, Clone)]
pub struct Level {
    pub record: RecordId,
    pub name: String,
    pub set: DataSet,
    pub path: Vec<String>,
}

/// Where the rows of a record are in files whose rows are those of a record around it.
pub struct Within {
    /// What is read as it stands in the row of the file: its description, and its records.
    pub base: DataSet,
    pub beside: Vec<RecordId>,
    /// The lists, one in another, outermost first.
    pub levels: Vec<Level>,
    /// The record around the rows of the file, when it stands in files of its own.
    pub around: Option<Arc<Table>>,
}

/// The lists to open, and the columns that are wanted of what they hold.
#[derive(Debug, Clone, Default)]
pub struct Nest {
    paths: Vec<Vec<String>>,
    /// Places of the columns of the file.
    pub roots: Vec<usize>,
    /// The root of each flat column.
    root_of: Vec<usize>,
    wanted: Vec<String>,
}

impl Within {
    /// Whether fields of the record stand in the row of the file, or in its lists.
    pub fn holds(&self, record: RecordId) -> bool {
        self.beside.contains(&record) || self.levels.iter().any(|it| it.record == record)
    }

    /// How the fields of a record are read.
    pub fn set_of(&self, record: RecordId) -> &DataSet {
        self.levels.iter().find(|it| it.record == record).map_or(&self.base, |it| &it.set)
    }

    /// The flat name of a column of a record: `items.net_mass`.
    pub fn column(&self, record: RecordId, name: &str) -> String {
        let Some(last) = self.levels.iter().position(|it| it.record == record) else {
            return name.to_owned();
        };
        let steps = self.levels[..=last].iter().flat_map(|it| &it.path);
        steps.map(String::as_str).chain([name]).collect::<Vec<_>>().join(".")
    }

    /// The flat columns of a file with these columns.
    ///
    /// Errors: a list that is not there, or is none of structs, in words.
    pub fn open(
        &self,
        header: &[String],
        types: &[DataType],
    ) -> Result<(Vec<String>, Vec<DataType>, Nest), String> {
        if header.len() != types.len() {
            return Err("has no lists: `within` is about Parquet and Arrow files".to_owned());
        }
        let mut all: Vec<(String, DataType, usize)> = header
            .iter()
            .zip(types)
            .enumerate()
            .map(|(at, (name, ty))| (name.clone(), ty.clone(), at))
            .collect();
        let mut nest = Nest::default();
        let mut prefix = String::new();
        for level in &self.levels {
            for (at, step) in level.path.iter().enumerate() {
                let name = format!("{prefix}{step}");
                let Some(place) = all.iter().position(|it| it.0 == name) else {
                    let record = &level.name;
                    return Err(format!("column `{name}` is missing (rows of `{record}`)"));
                };
                let (name, ty, root) = all.remove(place);
                let last = at + 1 == level.path.len();
                let Some(members) = members(&ty, last) else {
                    let wanted = if last { "a list of structs" } else { "a struct" };
                    return Err(format!("column `{name}` is not {wanted}"));
                };
                for it in members {
                    all.push((format!("{name}.{}", it.name()), it.data_type().clone(), root));
                }
                prefix = format!("{name}.");
                if last {
                    nest.roots.push(root);
                    nest.wanted.push(name);
                }
            }
            nest.paths.push(level.path.clone());
        }
        nest.root_of = all.iter().map(|it| it.2).collect();
        let names = all.iter().map(|it| it.0.clone()).collect();
        Ok((names, all.into_iter().map(|it| it.1).collect(), nest))
    }
}

/// The fields of a struct, or of the structs of a list.
pub fn members(ty: &DataType, list: bool) -> Option<&Fields> {
    let inner = match ty {
        DataType::List(it) | DataType::LargeList(it) | DataType::FixedSizeList(it, _) if list => {
            it.data_type()
        }
        other if !list => other,
        _ => return None,
    };
    match inner {
        DataType::Struct(fields) => Some(fields),
        _ => None,
    }
}

impl Nest {
    /// With the columns that are read, and no others.
    pub fn only(mut self, header: &[String], places: &[Option<usize>]) -> Nest {
        for at in places.iter().flatten() {
            self.roots.push(self.root_of[*at]);
            self.wanted.push(header[*at].clone());
        }
        self.roots.sort_unstable();
        self.roots.dedup();
        self
    }

    /// The elements of the innermost lists as rows, and for each the place of its row in `batch`.
    /// A list that is null has no elements; one that is null among them has no values.
    pub fn elements(&self, batch: &RecordBatch) -> Option<(RecordBatch, Vec<u32>)> {
        let schema = batch.schema();
        let names = schema.fields().iter().map(|it| it.name().clone());
        let mut columns: Vec<(String, ArrayRef)> =
            names.zip(batch.columns().iter().cloned()).collect();
        columns.retain(|it| self.leads_on(&it.0));
        let mut places: Vec<u32> = (0..u32::try_from(batch.num_rows()).ok()?).collect();
        let mut prefix = String::new();
        for path in &self.paths {
            for (at, step) in path.iter().enumerate() {
                let name = format!("{prefix}{step}");
                let place = columns.iter().position(|it| it.0 == name)?;
                let (_, column) = columns.remove(place);
                if at + 1 < path.len() {
                    let rows = 0..u32::try_from(column.len()).ok()?;
                    let given = rows.map(|it| column.is_valid(it as usize).then_some(it));
                    self.spread(&name, &column, &given.collect(), &mut columns)?;
                } else {
                    let list = as_list(&column)?;
                    let (outer, inner) = opened(&list)?;
                    for (_, it) in &mut columns {
                        *it = take(it, &outer, None).ok()?;
                    }
                    places = outer.values().iter().map(|it| places[*it as usize]).collect();
                    self.spread(&name, list.values(), &inner, &mut columns)?;
                }
                prefix = format!("{name}.");
            }
        }
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, it)| Field::new(name, it.data_type().clone(), true))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        let arrays = columns.into_iter().map(|it| it.1).collect();
        let schema = Arc::new(Schema::new(fields));
        Some((RecordBatch::try_new_with_options(schema, arrays, &options).ok()?, places))
    }

    /// The members of a struct as columns, at these rows of it.
    fn spread(
        &self,
        name: &str,
        column: &ArrayRef,
        rows: &UInt32Array,
        columns: &mut Vec<(String, ArrayRef)>,
    ) -> Option<()> {
        let inner = column.as_struct_opt()?;
        for (field, member) in inner.fields().iter().zip(inner.columns()) {
            let name = format!("{name}.{}", field.name());
            if self.leads_on(&name) {
                columns.push((name, take(member, rows, None).ok()?));
            }
        }
        Some(())
    }

    /// Whether a column is wanted, or holds one that is.
    fn leads_on(&self, name: &str) -> bool {
        self.wanted.iter().any(|it| match it.strip_prefix(name) {
            Some(rest) => rest.is_empty() || rest.starts_with('.'),
            None => false,
        })
    }
}

pub fn as_list(column: &ArrayRef) -> Option<ListArray> {
    match column.data_type() {
        DataType::List(_) => column.as_list_opt::<i32>().cloned(),
        DataType::LargeList(it) | DataType::FixedSizeList(it, _) => {
            cast(column, &DataType::List(it.clone())).ok()?.as_list_opt::<i32>().cloned()
        }
        _ => None,
    }
}

/// For each element its row, and its place among the values unless it is null.
pub fn opened(list: &ListArray) -> Option<(UInt32Array, UInt32Array)> {
    let (mut outer, mut inner) = (Vec::new(), Vec::new());
    for row in (0..list.len()).filter(|it| list.is_valid(*it)) {
        let (from, to) = (list.value_offsets()[row], list.value_offsets()[row + 1]);
        for at in u32::try_from(from).ok()?..u32::try_from(to).ok()? {
            outer.push(u32::try_from(row).ok()?);
            inner.push(list.values().is_valid(at as usize).then_some(at));
        }
    }
    Some((UInt32Array::from(outer), UInt32Array::from(inner)))
}
