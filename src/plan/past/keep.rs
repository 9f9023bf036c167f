//! Which rows are gathered: some days, none that others stand in for; and which part of the keys a
//! row belongs to.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use ahash::RandomState;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::RecordBatch;
use arrow::compute::filter_record_batch;
use arrow::datatypes::DataType;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::internal_err;
use datafusion::error::Result;

use crate::data::encoded;
use crate::value::text;
use crate::value::text::Form;

/// Rows that other rows stand in for, by their keys.
pub type Seen = HashSet<Vec<u8>, RandomState>;

/// Where the parts of a key stand, and how they are compared.
pub type KeyColumns = Vec<(usize, Form)>;

/// Which rows of a batch are wanted; places are those of columns of the batch.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    /// A column of days, and the first and last of them.
    pub days: Option<(usize, i32, i32)>,
    /// The columns of a key, and keys that are not wanted.
    pub replaced: Option<(KeyColumns, Arc<Seen>)>,
}

/// For each column: the last dictionary, and what its texts hash to.
pub type Hashes = Vec<Option<(ArrayRef, Vec<u64>)>>;

impl Keep {
    /// The wanted rows of a batch.
    ///
    /// Errors: columns of a type that is no key.
    pub fn filtered<'a>(&self, batch: &'a RecordBatch) -> Result<Cow<'a, RecordBatch>> {
        Ok(match self.of(batch)? {
            None => Cow::Borrowed(batch),
            Some(wanted) => Cow::Owned(filter_record_batch(batch, &wanted)?),
        })
    }

    fn of(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let mut wanted: Option<Vec<bool>> = None;
        let mut narrow = |it: Vec<bool>| match &mut wanted {
            None => wanted = Some(it),
            Some(all) => all.iter_mut().zip(it).for_each(|(all, it)| *all &= it),
        };
        if let Some((at, first, last)) = self.days {
            let Some(days) = batch.column(at).as_primitive_opt::<Date32Type>() else {
                return internal_err!("a day is no date");
            };
            let within = |it: Option<i32>| it.is_some_and(|it| first <= it && it <= last);
            narrow(days.iter().map(within).collect());
        }
        if let Some((key, seen)) = &self.replaced {
            let keys = keys(batch, key)?;
            narrow(keys.iter().map(|it| !seen.contains(it)).collect());
        }
        Ok(wanted.map(BooleanArray::from))
    }
}

/// Which of so many parts each row belongs to: rows with the same key belong to the same one, those
/// without a key to none. Without columns all rows belong to one part.
///
/// Errors: columns of a type that is no key.
pub fn parts(
    batch: &RecordBatch,
    keys: &[(usize, Form)],
    of: usize,
    hashes: &mut Hashes,
) -> Result<Vec<Option<u32>>> {
    let mut all = vec![Some(0_u64); batch.num_rows()];
    hashes.resize_with(hashes.len().max(batch.num_columns()), || None);
    for (at, form) in keys {
        let own = hashed(batch.column(*at), *form, &mut hashes[*at])?;
        for (hash, own) in all.iter_mut().zip(own) {
            *hash = hash.zip(own).map(|(hash, own)| hash.rotate_left(17) ^ own);
        }
    }
    // The upper bits: the others choose places of tables.
    let part = |it: u64| u32::try_from((it >> 32) % of.max(1) as u64).unwrap_or(0);
    Ok(all.into_iter().map(|it| it.map(part)).collect())
}

/// The same in every part and on both sides; no answer depends on it.
fn state() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

fn hashed(
    array: &ArrayRef,
    form: Form,
    known: &mut Option<(ArrayRef, Vec<u64>)>,
) -> Result<Vec<Option<u64>>> {
    let state = state();
    let of_text = |it: &str| state.hash_one(&*text::formed(it, form));
    if let Some(texts) = array.as_string_opt::<i32>() {
        return Ok(texts.iter().map(|it| it.map(of_text)).collect());
    }
    if let Some(texts) = array.as_dictionary_opt::<Int32Type>() {
        let Some(values) = texts.values().as_string_opt::<i32>() else {
            return internal_err!("a dictionary holds no texts");
        };
        let hashes = match known {
            Some((held, hashes)) if encoded::is_same(held, texts.values()) => hashes,
            _ => {
                let all = values.iter().map(|it| it.map_or(0, of_text)).collect();
                &mut known.insert((texts.values().clone(), all)).1
            }
        };
        let hash = |key: Option<i32>| usize::try_from(key?).ok().map(|it| hashes[it]);
        return Ok(texts.keys().iter().map(hash).collect());
    }
    let numbers = numbers(array)?;
    Ok(numbers.into_iter().map(|it| it.map(|it| state.hash_one(it))).collect())
}

fn numbers(array: &ArrayRef) -> Result<Vec<Option<i128>>> {
    let wide = |it: Option<i64>| it.map(i128::from);
    Ok(match array.data_type() {
        DataType::Boolean => array.as_boolean().iter().map(|it| it.map(i128::from)).collect(),
        DataType::Date32 => {
            array.as_primitive::<Date32Type>().iter().map(|it| it.map(i128::from)).collect()
        }
        DataType::Int64 => array.as_primitive::<Int64Type>().iter().map(wide).collect(),
        DataType::Timestamp(..) => {
            array.as_primitive::<TimestampMicrosecondType>().iter().map(wide).collect()
        }
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().iter().collect(),
        DataType::Null => vec![None; array.len()],
        other => return internal_err!("a column of type {other} is no key"),
    })
}

/// The key of each row, so written that no two keys look alike.
///
/// Errors: columns of a type that is no key.
pub fn keys(batch: &RecordBatch, columns: &[(usize, Form)]) -> Result<Vec<Vec<u8>>> {
    let mut all = vec![Vec::new(); batch.num_rows()];
    for (at, form) in columns {
        let array = batch.column(*at);
        let written;
        let array = match array.data_type() {
            DataType::Dictionary(..) => {
                written = arrow::compute::cast(array, &DataType::Utf8)?;
                &written
            }
            _ => array,
        };
        if let Some(texts) = array.as_string_opt::<i32>() {
            for (key, text) in all.iter_mut().zip(texts) {
                let text = text::formed(text.unwrap_or_default(), *form);
                key.extend_from_slice(&(text.len() as u64).to_le_bytes());
                key.extend_from_slice(text.as_bytes());
            }
            continue;
        }
        for (key, number) in all.iter_mut().zip(numbers(array)?) {
            key.extend_from_slice(&number.unwrap_or(i128::MIN).to_le_bytes());
        }
    }
    Ok(all)
}
