//! Judged rows that were gathered with all that their rules need: no file is read again.

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::DictionaryArray;
use arrow::array::Int32Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::UInt64Array;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream;

use crate::data::ROW;
use crate::data::encoded;
use crate::interpret::row;
use crate::ir::RuleSet;
use crate::plan::cell::Shape;
use crate::plan::past::array;
use crate::plan::past::frame::Frame;
use crate::plan::past::frame::Words;
use crate::schema::FieldId;

/// Rows of a frame as a table: the fields, and the place of each row as its number.
#[derive(Clone)]
pub struct Held {
    frame: Arc<Frame>,
    columns: Arc<[(usize, Shape)]>,
    words: ArrayRef,
    schema: SchemaRef,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} gathered rows", self.frame.len())
    }
}

impl Held {
    /// Fields stand in the columns of the frame that are named with them.
    pub fn new(set: &RuleSet, fields: &[(FieldId, usize)], frame: Frame, words: &Words) -> Held {
        let shape = |it: &FieldId| Shape::typed(set.schema.field(*it).ty.clone());
        let column = |(id, _): &(FieldId, usize)| {
            let shape = shape(id);
            let textual = shape.ty.is_textual();
            let ty = if textual { encoded::data_type() } else { shape.data_type() };
            Field::new(row::column_name(&set.schema, *id), ty, true)
        };
        let mut columns: Vec<Field> = fields.iter().map(column).collect();
        columns.push(Field::new(ROW, DataType::UInt64, false));
        let some_text = fields.iter().any(|it| set.schema.field(it.0).ty.is_textual());
        let words = words.all.iter().filter(|_| some_text).map(|it| Some(&**it));
        Held {
            frame: Arc::new(frame),
            columns: fields.iter().map(|it| (it.1, shape(&it.0))).collect(),
            words: Arc::new(words.collect::<StringArray>()),
            schema: Arc::new(Schema::new(columns)),
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Reader `part` of `parts`, in batches of so many rows.
    pub fn reader(&self, part: usize, parts: usize, batch_size: usize) -> HeldReader {
        let bound = |part: usize| self.frame.len() * part / parts.max(1);
        HeldReader { held: self.clone(), first: bound(part), last: bound(part + 1), batch_size }
    }

    fn batch(&self, first: usize, last: usize) -> Result<RecordBatch> {
        let mut cells = Vec::with_capacity(last - first);
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len() + 1);
        for (at, shape) in self.columns.iter() {
            cells.clear();
            self.frame.cells[*at].copy(first..last, &mut cells);
            if shape.ty.is_textual() {
                let keys: Int32Array = cells.iter().map(|it| i32::try_from(*it).ok()).collect();
                arrays.push(Arc::new(DictionaryArray::try_new(keys, self.words.clone())?));
            } else {
                arrays.push(array::array(shape, &cells));
            }
        }
        arrays.push(Arc::new(UInt64Array::from_iter_values(first as u64..last as u64)));
        Ok(RecordBatch::try_new(self.schema.clone(), arrays)?)
    }
}

#[derive(Debug)]
pub struct HeldReader {
    held: Held,
    first: usize,
    last: usize,
    batch_size: usize,
}

impl PartitionStream for HeldReader {
    fn schema(&self) -> &SchemaRef {
        &self.held.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (held, last, size) = (self.held.clone(), self.last, self.batch_size.max(1));
        let starts = (self.first..self.last).step_by(size);
        let batches = starts.map(move |it| held.batch(it, last.min(it + size)));
        Box::pin(RecordBatchStreamAdapter::new(self.held.schema.clone(), stream::iter(batches)))
    }
}
