//! Kernels of lists: entries are found by the index that everybody shares.

use std::fmt;
use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
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
    /// A lookup by one text: each distinct one is looked for once a batch.
    pub(in crate::plan) fn on_keys(&self, arrays: &[ArrayRef], rows: usize) -> Option<ArrayRef> {
        let (Op::Lookup { list, column }, Some(index)) = (&self.op, &self.index) else {
            return None;
        };
        let is_one = list.0.key.len() == 1 && self.arguments.first()?.ty.is_textual();
        let texts = arrays.first()?.as_string_opt::<i32>().filter(|_| is_one)?;
        let form = self.form(0).max(list.0.columns[list.0.key[0]].ty.form());
        let is_prefix = !list.0.prefix.is_empty();
        let mut known: HashMap<&str, Vec<&[u32]>> = HashMap::new();
        let mut values = Vec::with_capacity(rows);
        for at in 0..rows {
            let day = match (self.arguments.get(1), arrays.get(1)) {
                (Some(shape), Some(days)) => shape.value(days.as_ref(), at),
                (_, _) => Value::Truth(true),
            };
            if texts.is_null(at) || day.is_missing() {
                values.push(MISSING);
                continue;
            }
            let text = texts.value(at);
            let found = known.entry(text).or_insert_with(|| match form {
                Form::Exact => index.of_word(text, is_prefix),
                Form::Folded | Form::Name => index.of_word(&text::form(text, form), is_prefix),
            });
            values.push(entry(&list.0, found, *column, Some(&day)));
        }
        Some(self.result.array(values))
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

/// The column of the entry in force among those found, the longest keys first.
fn entry(list: &List, found: &[&[u32]], column: usize, date: Option<&Value>) -> Value {
    let in_force = |entries: &&[u32]| {
        let mut rows = entries.iter().rev().map(|it| &list.rows[*it as usize]);
        rows.find(|it| in_force(it, date)).map(|it| it.values[column].clone())
    };
    found.iter().find_map(in_force).unwrap_or(MISSING)
}

fn in_force(entry: &ListRow, date: Option<&Value>) -> bool {
    let Some(Value::Date(day)) = date else { return true };
    entry.from.is_none_or(|it| it <= *day) && entry.to.is_none_or(|it| *day <= it)
}
