//! Three-valued vectors as two bitmaps of 64-bit words: *true*, and *not false*.

use arrow::buffer::BooleanBuffer;

/// One truth a row. `yes` is within `maybe`; a row in `maybe` only is unknown. Bits beyond the
/// number of rows are zero.
#[derive(Debug, Clone, Default)]
pub struct Bits {
    pub yes: Vec<u64>,
    pub maybe: Vec<u64>,
}

impl Bits {
    /// False everywhere.
    pub fn clear(&mut self, words: usize) {
        for it in [&mut self.yes, &mut self.maybe] {
            it.clear();
            it.resize(words, 0);
        }
    }

    /// The same truth for every row of the mask.
    pub fn set_all(&mut self, truth: Option<bool>, mask: &[u64]) {
        self.clear(mask.len());
        if truth == Some(true) {
            self.yes.copy_from_slice(mask);
        }
        if truth != Some(false) {
            self.maybe.copy_from_slice(mask);
        }
    }

    /// The other bits on the rows of the mask, false elsewhere.
    pub fn copy_within(&mut self, other: &Bits, mask: &[u64]) {
        self.clear(mask.len());
        for (at, mask) in mask.iter().enumerate() {
            self.yes[at] = other.yes[at] & mask;
            self.maybe[at] = other.maybe[at] & mask;
        }
    }
}

pub fn words(rows: usize) -> usize {
    rows.div_ceil(64)
}

/// One bit for each row.
pub fn full(rows: usize) -> Vec<u64> {
    let mut res = vec![u64::MAX; words(rows)];
    if let Some(last) = res.last_mut()
        && !rows.is_multiple_of(64)
    {
        *last = (1 << (rows % 64)) - 1;
    }
    res
}

pub fn count(mask: &[u64]) -> usize {
    mask.iter().map(|it| it.count_ones() as usize).sum()
}

pub fn get(mask: &[u64], at: usize) -> bool {
    mask.get(at / 64).is_some_and(|it| it >> (at % 64) & 1 == 1)
}

pub fn set(mask: &mut [u64], at: usize) {
    mask[at / 64] |= 1 << (at % 64);
}

/// Sets a bit of a mask that grows.
pub fn grow(mask: &mut Vec<u64>, at: usize) {
    if mask.len() <= at / 64 {
        mask.resize(at / 64 + 1, 0);
    }
    set(mask, at);
}

/// The rows of the mask, ascending.
pub fn each(mask: &[u64], mut row: impl FnMut(usize)) {
    for (at, word) in mask.iter().enumerate() {
        let mut word = *word;
        while word != 0 {
            row(at * 64 + word.trailing_zeros() as usize);
            word &= word - 1;
        }
    }
}

/// A bit for each value that passes.
pub fn fill<T: Copy>(words: &mut [u64], values: &[T], test: impl Fn(T) -> bool) {
    for (word, values) in words.iter_mut().zip(values.chunks(64)) {
        let mut bits = 0;
        for (at, value) in values.iter().enumerate() {
            bits |= u64::from(test(*value)) << at;
        }
        *word = bits;
    }
}

pub fn of_buffer(buffer: &BooleanBuffer) -> Vec<u64> {
    let mut res: Vec<u64> = buffer.bit_chunks().iter_padded().collect();
    res.truncate(words(buffer.len()));
    res
}
