//! Which rows of history stay, whatever the data have: told by prints of their keys.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::hash::Hasher;
use std::sync::Arc;

use ahash::AHasher;
use ahash::RandomState;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use crate::data::Table;
use crate::data::sieve::Wanted;
use crate::interpret::Row;
use crate::interpret::row;
use crate::interpret::row::Columns;
use crate::ir::RuleSet;
use crate::run::Again;
use crate::run::Options;
use crate::run::one::each;
use crate::run::one::told;
use crate::run::source::Source;
use crate::schema::FieldId;
use crate::value::Value;
use crate::value::text::Form;
use crate::value::text::formed;

type Prints = HashSet<u64, RandomState>;

/// The keys that the data have, by their prints: a row without one of them is no row of the data.
/// One that has one may be, and is looked at closely.
pub struct Today<'a> {
    set: &'a RuleSet,
    key: Vec<(FieldId, Form)>,
    prints: Prints,
}

impl Today<'_> {
    /// The keys of these tables; where fields tell, those that a row of history may have.
    ///
    /// Errors: files that cannot be read.
    pub fn of<'a>(
        set: &'a RuleSet,
        key: &[FieldId],
        tables: &[Source],
        narrow: Option<&Wanted>,
        options: &Options,
    ) -> Result<Today<'a>, Again> {
        let form = |it: &FieldId| (*it, set.schema.field(*it).ty.form());
        let key = key.iter().map(form).collect();
        let mut res = Today { set, key, prints: Prints::default() };
        for source in tables {
            let narrow = narrow.and_then(|it| told::sieved(&source.table, it));
            let table = narrow.unwrap_or_else(|| Arc::new(source.table.again()));
            let columns = res.columns(&table);
            let parts = each(&table, options, Prints::default, |prints, batch| {
                prints.extend((0..batch.num_rows()).map(|at| res.print(&columns, batch, at)));
                Ok(())
            })?;
            res.prints.extend(parts.into_iter().flatten());
        }
        Ok(res)
    }

    /// Whether a row may be one of the data.
    pub fn may_have(&self, row: &Row) -> bool {
        self.prints.contains(&self.of_row(row))
    }

    /// The same of a row of a batch, where its table has the key.
    pub fn may_have_at(&self, columns: &Columns, batch: &RecordBatch, at: usize) -> bool {
        self.prints.contains(&self.print(columns, batch, at))
    }

    fn of_row(&self, row: &Row) -> u64 {
        let mut hasher = state().build_hasher();
        self.key.iter().for_each(|(id, form)| add(&mut hasher, &row.get(*id), *form));
        hasher.finish()
    }

    /// Where a table has the key.
    pub fn columns(&self, table: &Table) -> Columns {
        let fields: Vec<FieldId> = self.key.iter().map(|it| it.0).collect();
        row::columns(self.set, &table.arrow).only(&fields, &[])
    }

    fn print(&self, columns: &Columns, batch: &RecordBatch, at: usize) -> u64 {
        if let ([(_, form)], Some(only)) = (self.key.as_slice(), columns.single())
            && let Some(texts) = batch.column(only).as_string_opt::<i32>()
            && texts.is_valid(at)
        {
            let mut hasher = state().build_hasher();
            add_text(&mut hasher, texts.value(at), *form);
            return hasher.finish();
        }
        self.of_row(&row::row(self.set, columns, batch, at))
    }
}

/// The same for the data and for history; no answer depends on it.
fn state() -> RandomState {
    RandomState::with_seeds(7, 8, 9, 10)
}

fn add(hasher: &mut AHasher, value: &Value, form: Form) {
    match value {
        Value::Text(it) => add_text(hasher, it, form),
        other => {
            hasher.write(other.to_string().as_bytes());
            hasher.write_u8(1);
        }
    }
}

fn add_text(hasher: &mut AHasher, text: &str, form: Form) {
    hasher.write(formed(text, form).as_bytes());
    hasher.write_u8(0);
}
