//! Kernels of lists: entries are found by the index that everybody shares.

use std::fmt;
use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::UInt32Array;
use arrow::compute::take;
use datafusion::common::HashMap;

use crate::ir::Index;
use crate::ir::List;
use crate::ir::ListRow;
use crate::ir::Matching;
use crate::plan::cell::MISSING;
use crate::plan::cell::Shape;
use crate::plan::kernel::Kernel;
use crate::plan::kernel::Op;
use crate::value::Value;
use crate::value::text;
use crate::value::text::Form;

/// A list of the rule set: one and the same where it is shared, told apart by its name.
#[derive(Clone)]
pub struct Listed(pub Arc<List>);

impl PartialEq for Listed {
    fn eq(&self, other: &Listed) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Listed {}

impl Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}

impl Op {
    /// By which entries of a list are found, for arguments of these forms.
    pub(in crate::plan) fn index(&self, arguments: &[Shape]) -> Option<Arc<Index>> {
        let forms = || arguments.iter().map(|it| it.ty.form()).collect::<Vec<Form>>();
        match self {
            Op::Lookup { list, .. } => Some(list.0.index_of_key(&forms())),
            Op::InList { list, .. } => {
                let form = arguments.first().map_or(Form::Exact, |it| it.ty.form());
                Some(list.0.index_of_first(form))
            }
            Op::Parameter(..)
            | Op::Negate
            | Op::Arithmetic(_)
            | Op::Widen
            | Op::Call(_)
            | Op::OrElse
            | Op::Guard
            | Op::AtDigits(_)
            | Op::Compare(_)
            | Op::Member(_)
            | Op::OneOf(_)
            | Op::Under(_)
            | Op::InGroup(_)
            | Op::TextTest(_)
            | Op::Established
            | Op::AtLeast(_) => None,
        }
    }
}

impl Kernel {
    /// A lookup by one text: an entry is found for each row, and its column taken.
    pub(in crate::plan) fn on_keys(&self, arrays: &[ArrayRef], rows: usize) -> Option<ArrayRef> {
        let (Op::Lookup { list, column }, Some(index)) = (&self.op, &self.index) else {
            return None;
        };
        let list = &list.0;
        let is_one = list.key.len() == 1 && self.arguments.first()?.ty.is_textual();
        let texts = arrays.first()?.as_string_opt::<i32>().filter(|_| is_one)?;
        let form = self.form(0).max(list.columns[list.key[0]].ty.form());
        let mut room = Vec::new();
        // Where looking is long, each distinct text is looked for once a batch.
        let mut known: HashMap<&str, Vec<&[u32]>> = HashMap::new();
        let mut places: Vec<Option<u32>> = Vec::with_capacity(rows);
        for at in 0..rows {
            let day = match (self.arguments.get(1), arrays.get(1)) {
                (Some(shape), Some(days)) => Some(shape.value(days.as_ref(), at)),
                (_, _) => None,
            };
            if texts.is_null(at) || day.as_ref().is_some_and(Value::is_missing) {
                places.push(None);
                continue;
            }
            let text = texts.value(at);
            places.push(match !list.prefix.is_empty() {
                false => place(list, &[index.of_text(text, form, &mut room)], day.as_ref()),
                true => {
                    let found = || index.of_word(&text::formed(text, form), true);
                    place(list, known.entry(text).or_insert_with(found), day.as_ref())
                }
            });
        }
        let held = self.looked_up.get_or_init(|| {
            self.result.array(list.rows.iter().map(|it| it.values[*column].clone()).collect())
        });
        take(held, &UInt32Array::from(places), None).ok()
    }

    /// The arguments are the key and, for a dated list, the acceptance date.
    pub(in crate::plan) fn in_list(&self, list: &List, matching: Matching, row: &[Value]) -> Value {
        let Some(index) = &self.index else { return MISSING };
        let found = index.of_values(&row[..1], matching == Matching::Prefix);
        let mut entries = found.into_iter().flatten().map(|it| &list.rows[*it as usize]);
        Value::Truth(entries.any(|it| in_force(it, row.get(1))))
    }

    pub(in crate::plan) fn lookup(&self, list: &List, column: usize, row: &[Value]) -> Value {
        let Some(index) = &self.index else { return MISSING };
        let keys = list.key.len().min(row.len());
        let found = index.of_values(&row[..keys], !list.prefix.is_empty());
        entry(list, &found, column, row.get(keys))
    }
}

/// The entry in force among those found, the longest keys first.
fn place(list: &List, found: &[&[u32]], date: Option<&Value>) -> Option<u32> {
    let is_it = |it: &&u32| in_force(&list.rows[**it as usize], date);
    found.iter().find_map(|entries| entries.iter().rev().find(is_it).copied())
}

/// The column of the entry in force among those found, the longest keys first.
fn entry(list: &List, found: &[&[u32]], column: usize, date: Option<&Value>) -> Value {
    let found = place(list, found, date);
    found.map_or(MISSING, |it| list.rows[it as usize].values[column].clone())
}

fn in_force(entry: &ListRow, date: Option<&Value>) -> bool {
    let Some(Value::Date(day)) = date else { return true };
    entry.from.is_none_or(|it| it <= *day) && entry.to.is_none_or(|it| *day <= it)
}
