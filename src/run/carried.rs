//! What a policy needs of each declaration, on its way from the rows to the decision.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::new_null_array;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;

use crate::decide::operand;
use crate::decide::operand::Operands;
use crate::interpret::Row;
use crate::interpret::explain;
use crate::interpret::row;
use crate::interpret::row::Columns;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::run::lines::ORDER;
use crate::schema::FieldId;
use crate::sort::Order;
use crate::trouble::Trouble;

/// A row for each declaration: its key as lines have it, and its operands as one text.
#[derive(Debug, Clone)]
pub struct Carried {
    set: RuleSet,
    pub operands: Operands,
    keys: Vec<FieldId>,
    schema: SchemaRef,
}

impl Carried {
    /// For a rule set that [`operand::with`] has made; nothing without a policy.
    pub fn of(set: &RuleSet) -> Option<Carried> {
        let (policy, operands) = (set.policy.as_ref()?, operand::of(set)?);
        let keys = set.schema.key_fields(policy.level);
        let names = keys.iter().map(|it| set.schema.field(*it).name.as_str()).chain([CARRIED]);
        let fields: Vec<Field> = names.map(|it| Field::new(it, DataType::Utf8, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        Some(Carried { set: set.clone(), operands, keys, schema })
    }

    /// How many columns of keys there are; what is carried stands after them.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    pub fn rule(&self) -> RuleId {
        self.operands.rule
    }

    pub fn order(&self) -> Arc<Order> {
        let columns = (0..=self.keys.len()).map(|it| (it, ORDER)).collect();
        Arc::new(Order::new(&self.schema, columns, Vec::new()))
    }

    /// Errors: none but a fault of ours.
    pub fn of_rows<'a>(&self, rows: impl Iterator<Item = &'a Row>) -> Result<RecordBatch, Trouble> {
        let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); self.keys.len() + 1];
        for row in rows {
            let keys = self.keys.iter().map(|it| explain::plain_text(&row.get(*it)));
            let carried = (!self.operands.is_empty()).then(|| self.operands.write(row));
            for (column, value) in columns.iter_mut().zip(keys.chain([carried])) {
                column.push(value);
            }
        }
        let arrays = columns.into_iter().map(|it| Arc::new(StringArray::from(it)) as ArrayRef);
        RecordBatch::try_new(self.schema.clone(), arrays.collect()).map_err(broken)
    }

    /// Of rows of the engine. Keys of text are taken as they are.
    ///
    /// Errors: none but a fault of ours.
    pub fn of_batch(&self, columns: &Columns, batch: &RecordBatch) -> Result<RecordBatch, Trouble> {
        if !self.operands.is_empty() {
            let fields: Vec<FieldId> =
                self.keys.iter().chain(self.operands.fields()).copied().collect();
            let columns = columns.only(&fields, self.operands.facts());
            let rows = (0..batch.num_rows()).map(|at| row::row(&self.set, &columns, batch, at));
            let rows: Vec<Row> = rows.collect();
            return self.of_rows(rows.iter());
        }
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for id in &self.keys {
            let name = row::column_name(&self.set.schema, *id);
            let column = batch.column_by_name(&name).ok_or_else(|| broken(()))?;
            arrays.push(match self.set.schema.field(*id).ty.is_textual() {
                true => cast(column, &DataType::Utf8).map_err(broken)?,
                false => {
                    let only = columns.only(&[*id], &[]);
                    let text =
                        |at| explain::plain_text(&row::row(&self.set, &only, batch, at).get(*id));
                    Arc::new((0..batch.num_rows()).map(text).collect::<StringArray>())
                }
            });
        }
        arrays.push(new_null_array(&DataType::Utf8, batch.num_rows()));
        RecordBatch::try_new(self.schema.clone(), arrays).map_err(broken)
    }

    /// Adds what a row carries to what is known of its declaration.
    pub fn read(&self, batch: &RecordBatch, at: usize, row: &mut Row) {
        if !self.operands.is_empty() {
            let text = batch.column(self.keys.len()).as_string::<i32>().value(at);
            self.operands.read(&self.set, text, row);
        }
    }
}

const CARRIED: &str = "tamis.carried";

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("what a policy needs does not fit its own schema")
}
