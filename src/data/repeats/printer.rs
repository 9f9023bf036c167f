//! Prints of keys, 64 bits each: the same for what is the same key, in every reader of this
//! process, and other ones in the next, so that nobody makes data whose keys have one print.

use std::collections::HashMap;
use std::sync::LazyLock;

use ahash::RandomState;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimestampMicrosecondType;

use crate::data::encoded;
use crate::trouble::Trouble;
use crate::value::text;
use crate::value::text::Form;

/// A row without a key.
pub const NONE: u64 = 0;
/// What a cell without a value adds.
const MISSING: u64 = 0x5851_F42D_4C95_7F2D;

static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
    let state = RandomState::new();
    Seeds([1, 2, 3].map(|it: u64| state.hash_one(it)))
});

#[derive(Clone, Copy)]
struct Seeds([u64; 3]);

/// Both halves of the product: each bit of both numbers moves bits of it.
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

const EACH: u64 = 0x0101_0101_0101_0101;

/// Eight letters of ASCII, small.
fn lower(letters: u64) -> u64 {
    let from_a = letters + EACH * u64::from(0x80 - b'A');
    let after_z = letters + EACH * u64::from(0x7F - b'Z');
    letters | ((from_a & !after_z & (EACH * 0x80)) >> 2)
}

/// At most sixteen bytes as two numbers, which with their count tell them.
fn two(bytes: &[u8]) -> (u64, u64) {
    let eight = |at: usize| bytes[at..].first_chunk().map_or(0, |it| u64::from_le_bytes(*it));
    let four = |at: usize| bytes[at..].first_chunk().map_or(0, |it| u32::from_le_bytes(*it));
    match bytes.len() {
        0 => (0, 0),
        it @ 1..=3 => (bytes[0].into(), u64::from(bytes[it / 2]) | (u64::from(bytes[it - 1]) << 8)),
        it @ 4..=7 => (four(0).into(), four(it - 4).into()),
        it => (eight(0), eight(it - 8)),
    }
}

impl Seeds {
    /// Of bytes; with `small` of letters of ASCII as if all were small, and of no others.
    fn bytes(self, bytes: &[u8], small: bool) -> Option<u64> {
        let Seeds([first, second, _]) = self;
        let mut res = bytes.len() as u64;
        for part in bytes.chunks(16) {
            let (mut a, mut b) = two(part);
            if small {
                if (a | b) & (EACH * 0x80) != 0 {
                    return None;
                }
                (a, b) = (lower(a), lower(b));
            }
            res = folded(res ^ a ^ first, b ^ second);
        }
        Some(res)
    }

    /// Of a text in its form.
    fn text(self, bytes: &[u8], form: Form) -> u64 {
        let quick = match form {
            Form::Exact => self.bytes(bytes, false),
            Form::Folded => self.bytes(bytes, true),
            Form::Name => None,
        };
        let whole = || {
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            self.bytes(text::formed(text, form).as_bytes(), false)
        };
        quick.or_else(whole).unwrap_or(MISSING)
    }

    fn number(self, it: i64) -> u64 {
        folded(it.cast_unsigned() ^ self.0[0], self.0[1])
    }

    fn wide(self, it: i128) -> u64 {
        let it = it.cast_unsigned();
        folded(it as u64 ^ self.0[0], (it >> 64) as u64 ^ self.0[1])
    }

    /// Adds cells to prints; those of rows without a key stay.
    fn add(self, prints: &mut [u64], cells: impl Iterator<Item = Option<u64>>) {
        for (print, cell) in prints.iter_mut().zip(cells).filter(|it| *it.0 != NONE) {
            let cell = cell.unwrap_or(MISSING);
            *print = folded(*print ^ self.0[1], cell ^ self.0[2]).max(1);
        }
    }

    fn add_texts(self, prints: &mut [u64], texts: &StringArray, form: Form) {
        if 0 < texts.null_count() {
            let cell = |it: &str| self.text(it.as_bytes(), form);
            return self.add(prints, texts.iter().map(|it| it.map(cell)));
        }
        let bytes = texts.value_data();
        let place = |it: i32| usize::try_from(it).unwrap_or(0);
        let cells = texts.value_offsets().windows(2);
        let cell = |it: &[i32]| self.text(&bytes[place(it[0])..place(it[1])], form);
        self.add(prints, cells.map(|it| Some(cell(it))));
    }
}

/// For each column and form: the last dictionary, and the prints of its texts.
type Known = HashMap<(usize, Form), (ArrayRef, Vec<u64>)>;

/// Prints cells. The same cell has the same print in every reader.
pub struct Printer {
    seeds: Seeds,
    known: Known,
}

impl Default for Printer {
    fn default() -> Printer {
        Printer { seeds: *SEEDS, known: Known::new() }
    }
}

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("keys cannot be read")
}

impl Printer {
    /// The prints of keys, from those of the keys around them.
    ///
    /// Errors: a column of a type that has none.
    pub fn keys(
        &mut self,
        columns: &[ArrayRef],
        keys: &[(usize, Form)],
        prints: &mut [u64],
    ) -> Result<(), Trouble> {
        for (at, form) in keys {
            let null = columns[*at].null_count() != 0;
            self.cells(&columns[*at], *at, *form, prints)?;
            if null {
                let lacking = prints.iter_mut().enumerate();
                lacking.filter(|it| columns[*at].is_null(it.0)).for_each(|it| *it.1 = NONE);
            }
        }
        Ok(())
    }

    /// Adds the cells of a column to the prints of rows; those that are none stay so.
    ///
    /// Errors: a column of a type that has no print.
    pub fn cells(
        &mut self,
        column: &ArrayRef,
        at: usize,
        form: Form,
        prints: &mut [u64],
    ) -> Result<(), Trouble> {
        let seeds = self.seeds;
        if let Some(texts) = column.as_string_opt::<i32>() {
            seeds.add_texts(prints, texts, form);
            return Ok(());
        }
        if let Some(texts) = column.as_dictionary_opt::<Int32Type>() {
            let known = self.known.get(&(at, form));
            if known.is_none_or(|it| !encoded::is_same(&it.0, texts.values())) {
                let values = texts.values().as_string_opt::<i32>().ok_or_else(|| broken(()))?;
                let cell = |it: &str| seeds.text(it.as_bytes(), form);
                let all = values.iter().map(|it| it.map_or(MISSING, cell)).collect();
                self.known.insert((at, form), (texts.values().clone(), all));
            }
            let hashes = self.known.get(&(at, form)).map_or(&[][..], |it| &it.1);
            let hash = |key: Option<i32>| hashes.get(usize::try_from(key?).ok()?).copied();
            seeds.add(prints, texts.keys().iter().map(hash));
            return Ok(());
        }
        let number = |it: i64| seeds.number(it);
        match column.data_type() {
            DataType::Boolean => {
                let all = column.as_boolean().iter();
                seeds.add(prints, all.map(|it| it.map(|it| number(it.into()))));
            }
            DataType::Date32 => {
                let all = column.as_primitive::<Date32Type>().iter();
                seeds.add(prints, all.map(|it| it.map(|it| number(it.into()))));
            }
            DataType::Int64 => {
                let all = column.as_primitive::<Int64Type>().iter();
                seeds.add(prints, all.map(|it| it.map(number)));
            }
            DataType::Timestamp(..) => {
                let all = column.as_primitive::<TimestampMicrosecondType>().iter();
                seeds.add(prints, all.map(|it| it.map(number)));
            }
            DataType::Decimal128(..) => {
                let all = column.as_primitive::<Decimal128Type>().iter();
                seeds.add(prints, all.map(|it| it.map(|it| seeds.wide(it))));
            }
            _ => return Err(broken(())),
        }
        Ok(())
    }
}
