//! Rows of one key that disagree: registers with two entries at one date, headers lodged twice.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::array::make_comparator;
use arrow::compute::SortOptions;
use arrow::compute::concat_batches;
use arrow::datatypes::UInt64Type;
use arrow::row::RowConverter;
use arrow::row::SortField;
use arrow::util::display::array_value_to_string;

use crate::data::ROW;
use crate::data::ROW_BITS;
use crate::data::Table;
use crate::data::tally::Batch;
use crate::data::tally::First;
use crate::trouble::Trouble;

const BATCH: usize = 8_192;
const REASON: &str = "differs from another row of its key";

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("rows cannot be found by key")
}

/// Reads a table once more, and counts in its tally the rows whose key, all of it given, an earlier
/// row has with another value. `keys` are names of columns.
///
/// Errors: what reading says.
pub fn count(table: &Arc<Table>, keys: &[String]) -> Result<(), Trouble> {
    let again = Arc::new(table.again().numbered(0));
    again.prepare()?;
    let batches = again.read(BATCH).collect::<Result<Vec<_>, _>>()?;
    let batch = concat_batches(&again.arrow, &batches).map_err(broken)?;
    count_in(table, &batch, keys)
}

/// The same for rows that are at hand, with their numbers.
///
/// Errors: none but a fault of ours.
pub fn count_in(table: &Table, batch: &RecordBatch, keys: &[String]) -> Result<(), Trouble> {
    let column = |name: &str| batch.column_by_name(name).cloned().ok_or_else(|| broken(()));
    let columns = keys.iter().map(|it| column(it)).collect::<Result<Vec<_>, _>>()?;
    let fields = columns.iter().map(|it| SortField::new(it.data_type().clone()));
    let converter = RowConverter::new(fields.collect()).map_err(broken)?;
    let encoded = converter.convert_columns(&columns).map_err(broken)?;
    let mut members: HashMap<Box<[u8]>, Vec<usize>> = HashMap::new();
    for (at, key) in encoded.iter().enumerate() {
        if columns.iter().all(|it| it.is_valid(at)) {
            members.entry(Box::from(key.as_ref())).or_default().push(at);
        }
    }
    let numbers = column(ROW)?;
    let numbers = numbers.as_primitive_opt::<UInt64Type>().ok_or_else(|| broken(()))?;
    let mut found: BTreeMap<usize, Batch> = BTreeMap::new();
    let mut faulty: BTreeSet<u64> = BTreeSet::new();
    for (id, name, personal) in table.names() {
        if keys.contains(&name) {
            continue;
        }
        let column = column(&name)?;
        let compare = make_comparator(&column, &column, SortOptions::default()).map_err(broken)?;
        for rows in members.values().filter(|it| 1 < it.len()) {
            let mut given = rows.iter().copied().filter(|it| column.is_valid(*it));
            let Some(first) = given.next() else { continue };
            for row in given.filter(|it| compare(first, *it) != Ordering::Equal) {
                let number = numbers.value(row);
                let file = usize::try_from(number >> ROW_BITS).map_err(broken)?;
                let place = number & ((1 << ROW_BITS) - 1);
                let of_file = found.entry(file).or_default();
                let value = || array_value_to_string(&column, row).ok().filter(|_| !personal);
                of_file.blame(id.clone(), REASON, place, || First {
                    value: value(),
                    masked: personal,
                    expected: Some("what the rows before say".to_owned()),
                    line: None,
                });
                of_file.faulty += u64::from(faulty.insert(number));
            }
        }
    }
    for (file, batch) in found {
        table.tally.add(&table.files[file].shown, batch);
    }
    Ok(())
}
