//! Rows that hold lists, for the elements in them: rows of one key are one row for all elements,
//! also where some of those rows hold no element at all.

use std::sync::Arc;
use std::sync::Mutex;

use arrow::array::ArrayRef;

use crate::data::Table;
use crate::data::repeats::Level;
use crate::data::repeats::Limits;
use crate::schema::FieldId;
use crate::trouble::Trouble;
use crate::value::text::Form;

const BATCH: usize = 8_192;

/// The rows around elements, in the same files.
pub struct Holder {
    pub table: Arc<Table>,
    is_read: Mutex<bool>,
}

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Holder").field("files", &self.table.files).finish_non_exhaustive()
    }
}

impl Holder {
    /// For the rows of this table, which others may read too, with keys that they know themselves.
    pub fn new(table: &Table) -> Holder {
        let repeats = Arc::new(table.repeats.unknown());
        let table = Arc::new(Table { repeats, ..table.again() });
        Holder { table, is_read: Mutex::new(false) }
    }

    /// Reads all rows, once, before any element.
    ///
    /// Errors: what reading says.
    pub fn prepare(&self, limits: &Limits) -> Result<(), Trouble> {
        let mut is_read = self.is_read.lock().map_err(|_| Trouble::bug("a reader stopped"))?;
        if *is_read {
            return Ok(());
        }
        self.table.prepare(limits)?;
        self.table.read(BATCH).try_for_each(|it| it.map(|_| ()))?;
        if self.table.is_to_be_read_again()? {
            // What differs is counted now.
            self.table.tally.reset();
            self.table.read(BATCH).try_for_each(|it| it.map(|_| ()))?;
        }
        *is_read = true;
        Ok(())
    }

    /// Whether some of the rows share a key.
    pub fn is_settled(&self) -> bool {
        let around = self.table.repeats.holder.as_ref();
        self.table.repeats.settled().is_some() || around.is_some_and(|it| it.is_settled())
    }

    /// What stands around elements, as all rows of a key have it; `columns` are those of elements.
    ///
    /// Errors: none but a fault of ours.
    pub fn apply(&self, columns: &[FieldId], arrays: &mut [ArrayRef]) -> Result<(), Trouble> {
        if let Some(around) = &self.table.repeats.holder {
            around.apply(columns, arrays)?;
        }
        let Some(settled) = self.table.repeats.settled() else { return Ok(()) };
        let place = |at: usize| {
            let found = columns.iter().position(|it| *it == self.table.columns[at]);
            found.ok_or_else(|| Trouble::bug("elements lack a column of the rows around them"))
        };
        let moved = |all: &[(usize, Form)]| {
            all.iter().map(|(at, form)| Ok((place(*at)?, *form))).collect::<Result<Vec<_>, _>>()
        };
        let level = |it: &Level| {
            let (keys, values) = (moved(&it.keys)?, moved(&it.values)?);
            Ok(Level { keys, values, ..it.clone() })
        };
        let levels = self.table.repeats.levels.iter().map(level);
        let levels = levels.collect::<Result<Vec<_>, Trouble>>()?;
        settled.merge(&levels, &place, arrays)
    }
}
