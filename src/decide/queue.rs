//! Declarations that wait, in the order in which their line is walked.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryArray;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::UInt32Array;
use arrow::array::UInt64Array;
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;

use crate::decide::waiting::Waiting;
use crate::ir::policy::Capacity;
use crate::ir::policy::ChannelId;
use crate::sort::Order;
use crate::sort::Sorter;
use crate::sort::merge::Merge;
use crate::trouble::Trouble;

/// What may be held in memory, and where the rest goes.
pub type Room = (Option<usize>, PathBuf);

/// Declarations that are put in batches together.
const TOGETHER: usize = 1_024;

const SMALL_FIRST: SortOptions = SortOptions { descending: false, nulls_first: true };
const LARGE_FIRST: SortOptions = SortOptions { descending: true, nulls_first: false };

pub struct Queue {
    by: By,
    keys: usize,
    schema: SchemaRef,
    order: Arc<Order>,
    room: Room,
    sorter: Sorter,
    pending: Vec<Waiting>,
}

/// What comes before the hash and the keys, which settle ties.
#[derive(Clone, Copy)]
enum By {
    /// Of this capacity: its groups, mandatory ones first, then the order of the line.
    Line { capacity: usize, channel: ChannelId, groups: usize, orders: usize },
    /// The groups of this capacity alone.
    Drawn { capacity: usize, groups: usize },
    /// Those that go together: the strictest first, then by key.
    Together { groups: usize },
}

impl Queue {
    pub fn line(at: usize, it: &Capacity, keys: usize, room: &Room) -> Queue {
        let (groups, orders) = (it.per.len(), it.order.len());
        Queue::new(By::Line { capacity: at, channel: it.channel, groups, orders }, keys, room)
    }

    pub fn drawn(at: usize, it: &Capacity, keys: usize, room: &Room) -> Queue {
        Queue::new(By::Drawn { capacity: at, groups: it.per.len() }, keys, room)
    }

    pub fn together(groups: usize, keys: usize, room: &Room) -> Queue {
        Queue::new(By::Together { groups }, keys, room)
    }

    fn new(by: By, keys: usize, room: &Room) -> Queue {
        let mut columns = Vec::new();
        let some = |n: usize, ty: DataType, options| vec![(ty, options); n];
        match by {
            By::Line { groups, orders, .. } => {
                columns.extend(some(groups, DataType::Utf8, SMALL_FIRST));
                columns.extend(some(1, DataType::UInt32, SMALL_FIRST));
                columns.extend(some(orders, DataType::Binary, LARGE_FIRST));
                columns.extend(some(1, DataType::UInt64, SMALL_FIRST));
            }
            By::Drawn { groups, .. } => {
                columns.extend(some(groups, DataType::Utf8, SMALL_FIRST));
                columns.extend(some(1, DataType::UInt64, SMALL_FIRST));
            }
            By::Together { groups } => {
                columns.extend(some(groups, DataType::Utf8, SMALL_FIRST));
                columns.extend(some(1, DataType::UInt32, LARGE_FIRST));
            }
        }
        columns.extend(some(keys, DataType::Utf8, SMALL_FIRST));
        let field = |(at, ty): (usize, &DataType)| Field::new(at.to_string(), ty.clone(), true);
        let mut fields: Vec<Field> =
            columns.iter().map(|it| &it.0).enumerate().map(field).collect();
        fields.push(Field::new("waiting", DataType::Binary, false));
        let schema = Arc::new(Schema::new(fields));
        let by_which = columns.iter().enumerate().map(|(at, it)| (at, it.1)).collect();
        let order = Arc::new(Order::new(&schema, by_which, Vec::new()));
        let sorter = Sorter::new(&order, room.0, &room.1);
        Queue { by, keys, schema, order, room: room.clone(), sorter, pending: Vec::new() }
    }

    /// Errors: a disk that refuses.
    pub fn push(&mut self, it: Waiting) -> Result<(), Trouble> {
        self.pending.push(it);
        if TOGETHER <= self.pending.len() { self.send() } else { Ok(()) }
    }

    /// All that wait, in order; afterwards nobody does.
    ///
    /// Errors: a disk that refuses.
    pub fn sorted(&mut self) -> Result<Merge, Trouble> {
        self.send()?;
        let empty = Sorter::new(&self.order, self.room.0, &self.room.1);
        std::mem::replace(&mut self.sorter, empty).sorted()
    }

    fn send(&mut self) -> Result<(), Trouble> {
        let all = std::mem::take(&mut self.pending);
        if all.is_empty() {
            return Ok(());
        }
        let mut columns = self.before(&all);
        for at in 0..self.keys {
            let key = |it: &Waiting| it.keys.get(at).map(ToString::to_string);
            columns.push(Arc::new(all.iter().map(key).collect::<StringArray>()));
        }
        let bytes = all.iter().map(|it| Some(it.write()));
        columns.push(Arc::new(bytes.collect::<BinaryArray>()));
        let batch = RecordBatch::try_new(self.schema.clone(), columns).map_err(broken)?;
        self.sorter.push(batch)
    }

    fn before(&self, all: &[Waiting]) -> Vec<ArrayRef> {
        let text = |it: &Option<Arc<str>>| it.as_ref().map(ToString::to_string);
        let groups = |capacity: usize, groups: usize| {
            let group = move |at: usize| {
                let of = |it: &Waiting| text(&it.claims[capacity].group[at]);
                Arc::new(all.iter().map(of).collect::<StringArray>()) as ArrayRef
            };
            (0..groups).map(group)
        };
        let hash = || Arc::new(all.iter().map(|it| Some(it.hash)).collect::<UInt64Array>());
        match self.by {
            By::Line { capacity, channel, groups: count, orders } => {
                let mut res: Vec<ArrayRef> = groups(capacity, count).collect();
                let later = |it: &Waiting| Some(u32::from(Some(channel) > it.mandatory));
                res.push(Arc::new(all.iter().map(later).collect::<UInt32Array>()));
                for at in 0..orders {
                    let of = |it: &Waiting| it.claims[capacity].order[at].clone();
                    res.push(Arc::new(all.iter().map(of).collect::<BinaryArray>()));
                }
                res.push(hash());
                res
            }
            By::Drawn { capacity, groups: count } => {
                let mut res: Vec<ArrayRef> = groups(capacity, count).collect();
                res.push(hash());
                res
            }
            By::Together { groups: count } => {
                let mut res: Vec<ArrayRef> = Vec::new();
                for at in 0..count {
                    let of = |it: &Waiting| Some(it.together.as_ref()?.get(at)?.to_string());
                    res.push(Arc::new(all.iter().map(of).collect::<StringArray>()));
                }
                let channel = |it: &Waiting| u32::try_from(it.channel.0).ok();
                res.push(Arc::new(all.iter().map(channel).collect::<UInt32Array>()));
                res
            }
        }
    }
}

/// Who waits in this row.
///
/// Errors: none but a fault of ours.
pub fn waiting(batch: &RecordBatch, row: usize) -> Result<Waiting, Trouble> {
    let bytes = batch.columns().last().and_then(|it| it.as_binary_opt::<i32>());
    bytes.and_then(|it| Waiting::read(it.value(row))).ok_or_else(|| broken(()))
}

fn broken<E>(_: E) -> Trouble {
    Trouble::bug("lines of declarations cannot be kept")
}
