//! Cells of compact columns: numbers, each column as narrow as its values allow.

use std::ops::Range;

/// No value.
pub const NONE: i128 = i128::MIN;

/// Values as numbers: truths, days, microseconds, unscaled decimals, numbers of texts. Each kind as
/// narrow as its values allow.
#[derive(Debug, Clone)]
pub enum Cells {
    Narrow(Vec<i32>),
    Long(Vec<i64>),
    Wide(Vec<i128>),
}

impl Cells {
    pub fn get(&self, at: usize) -> i128 {
        match self {
            Cells::Narrow(it) if it[at] == i32::MIN => NONE,
            Cells::Narrow(it) => i128::from(it[at]),
            Cells::Long(it) if it[at] == i64::MIN => NONE,
            Cells::Long(it) => i128::from(it[at]),
            Cells::Wide(it) => it[at],
        }
    }

    pub fn is_given(&self, at: usize) -> bool {
        match self {
            Cells::Narrow(it) => it[at] != i32::MIN,
            Cells::Long(it) => it[at] != i64::MIN,
            Cells::Wide(it) => it[at] != NONE,
        }
    }

    pub fn is_true(&self, at: usize) -> bool {
        match self {
            Cells::Narrow(it) => it[at] == 1,
            _ => self.get(at) == 1,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Cells::Narrow(it) => it.len(),
            Cells::Long(it) => it.len(),
            Cells::Wide(it) => it.len(),
        }
    }

    pub fn push(&mut self, cell: i128) {
        loop {
            match self {
                Cells::Narrow(it) => {
                    if let Some(narrow) = fitting(cell, i32::MIN) {
                        it.push(narrow);
                        return;
                    }
                }
                Cells::Long(it) => {
                    if let Some(long) = fitting(cell, i64::MIN) {
                        it.push(long);
                        return;
                    }
                }
                Cells::Wide(it) => {
                    it.push(cell);
                    return;
                }
            }
            self.widen();
        }
    }

    /// Values that are narrow by their kind; `i32::MIN` is none of them.
    pub fn narrow(&mut self, all: impl Iterator<Item = Option<i32>>) {
        match self {
            Cells::Narrow(it) => it.extend(all.map(|it| it.unwrap_or(i32::MIN))),
            Cells::Long(_) | Cells::Wide(_) => {
                all.for_each(|it| self.push(it.map_or(NONE, i128::from)));
            }
        }
    }

    /// Values of any size: as long as they fit, none needs a look at the kind of the others.
    pub fn extend<T: Into<i128>>(&mut self, all: impl Iterator<Item = Option<T>>) {
        let mut all = all.map(|it| it.map_or(NONE, T::into));
        let mut open = all.next();
        while let Some(cell) = open {
            self.push(cell);
            open = match self {
                Cells::Narrow(into) => pushed(into, &mut all, i32::MIN),
                Cells::Long(into) => pushed(into, &mut all, i64::MIN),
                Cells::Wide(into) => {
                    into.extend(&mut all);
                    None
                }
            };
        }
    }

    /// The next wider kind, with as much room.
    fn widen(&mut self) {
        *self = match self {
            Cells::Narrow(it) => {
                let mut all = Vec::with_capacity(it.capacity());
                all.extend(it.iter().map(|it| longer(*it)));
                Cells::Long(all)
            }
            Cells::Long(it) => {
                let mut all = Vec::with_capacity(it.capacity());
                all.extend(it.iter().map(|it| long(*it)));
                Cells::Wide(all)
            }
            Cells::Wide(it) => Cells::Wide(std::mem::take(it)),
        };
    }

    /// The cells of another, behind these; the other is empty then.
    pub fn take(&mut self, other: &mut Cells) {
        while self.width() < other.width() {
            self.widen();
        }
        match (&mut *self, &mut *other) {
            (Cells::Narrow(a), Cells::Narrow(b)) => a.append(b),
            (Cells::Long(a), Cells::Long(b)) => a.append(b),
            (Cells::Long(a), Cells::Narrow(b)) => a.extend(b.iter().map(|it| longer(*it))),
            _ => (0..other.len()).for_each(|at| self.push(other.get(at))),
        }
        other.truncate(0);
    }

    /// The cells of these rows, behind `into`.
    pub fn copy(&self, rows: Range<usize>, into: &mut Vec<i128>) {
        match self {
            Cells::Narrow(it) => into.extend(it[rows].iter().map(|it| short(*it))),
            Cells::Long(it) => into.extend(it[rows].iter().map(|it| long(*it))),
            Cells::Wide(it) => into.extend(&it[rows]),
        }
    }

    /// In place of the cell there.
    pub fn set(&mut self, at: usize, cell: i128) {
        loop {
            match self {
                Cells::Narrow(it) => {
                    if let Some(narrow) = fitting(cell, i32::MIN) {
                        it[at] = narrow;
                        return;
                    }
                }
                Cells::Long(it) => {
                    if let Some(long) = fitting(cell, i64::MIN) {
                        it[at] = long;
                        return;
                    }
                }
                Cells::Wide(it) => {
                    it[at] = cell;
                    return;
                }
            }
            self.widen();
        }
    }

    /// No value in the cells that are new.
    pub fn resize(&mut self, rows: usize) {
        match self {
            Cells::Narrow(it) => it.resize(rows, i32::MIN),
            Cells::Long(it) => it.resize(rows, i64::MIN),
            Cells::Wide(it) => it.resize(rows, NONE),
        }
    }

    pub fn truncate(&mut self, rows: usize) {
        match self {
            Cells::Narrow(it) => it.truncate(rows),
            Cells::Long(it) => it.truncate(rows),
            Cells::Wide(it) => it.truncate(rows),
        }
    }

    /// Bytes of a cell.
    pub fn width(&self) -> usize {
        match self {
            Cells::Narrow(_) => size_of::<i32>(),
            Cells::Long(_) => size_of::<i64>(),
            Cells::Wide(_) => size_of::<i128>(),
        }
    }

    /// Room for so many more.
    pub fn reserve(&mut self, rows: usize) {
        match self {
            Cells::Narrow(it) => it.reserve_exact(rows),
            Cells::Long(it) => it.reserve_exact(rows),
            Cells::Wide(it) => it.reserve_exact(rows),
        }
    }
}

pub fn short(cell: i32) -> i128 {
    if cell == i32::MIN { NONE } else { i128::from(cell) }
}

pub fn long(cell: i64) -> i128 {
    if cell == i64::MIN { NONE } else { i128::from(cell) }
}

fn longer(cell: i32) -> i64 {
    if cell == i32::MIN { i64::MIN } else { i64::from(cell) }
}

/// The cell in a narrower kind; `none` stands there for no value.
fn fitting<T: TryFrom<i128> + Copy + PartialEq>(cell: i128, none: T) -> Option<T> {
    if cell == NONE {
        return Some(none);
    }
    T::try_from(cell).ok().filter(|it| *it != none)
}

/// Takes cells as long as they fit; the first that does not comes back.
fn pushed<T: TryFrom<i128> + Copy + PartialEq>(
    into: &mut Vec<T>,
    all: &mut impl Iterator<Item = i128>,
    none: T,
) -> Option<i128> {
    for cell in all {
        match fitting(cell, none) {
            Some(it) => into.push(it),
            None => return Some(cell),
        }
    }
    None
}
