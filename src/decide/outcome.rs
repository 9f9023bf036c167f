//! What became of declarations that waited, on its way back to their decisions.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::UInt32Array;
use arrow::array::UInt64Array;
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;

use crate::decide::queue::Room;
use crate::decide::waiting::Waiting;
use crate::decide::words;
use crate::ir::Policy;
use crate::sort::Order;
use crate::sort::Sorter;
use crate::sort::merge::Merge;
use crate::trouble::Trouble;

/// How a declaration fared in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Found a place.
    Place,
    /// Found a place that is kept for draws.
    Kept,
    /// Found none.
    Full,
    /// So many of the same value stand before it.
    Most,
}

pub struct Outcomes<'a> {
    policy: &'a Policy,
    schema: SchemaRef,
    sorter: Sorter,
    pending: Vec<Row>,
}

struct Row {
    number: u64,
    step: u32,
    channel: u32,
    reason: Option<&'static str>,
    rank: Option<String>,
    words: String,
}

const TOGETHER: usize = 1_024;

impl<'a> Outcomes<'a> {
    pub fn new(policy: &'a Policy, room: &Room) -> Outcomes<'a> {
        let field = |name: &str, ty: DataType| Field::new(name, ty, true);
        let schema = Arc::new(Schema::new(vec![
            field("number", DataType::UInt64),
            field("step", DataType::UInt32),
            field("channel", DataType::UInt32),
            field("reason", DataType::Utf8),
            field("rank", DataType::Utf8),
            field("words", DataType::Utf8),
        ]));
        let options = SortOptions { descending: false, nulls_first: true };
        let order = Order::new(&schema, vec![(0, options), (1, options)], Vec::new());
        let sorter = Sorter::new(&Arc::new(order), room.0, &room.1);
        Outcomes { policy, schema, sorter, pending: Vec::new() }
    }

    /// Errors: a disk that refuses.
    pub fn in_line(
        &mut self,
        at: usize,
        it: &mut Waiting,
        rank: u32,
        standing: Standing,
    ) -> Result<(), Trouble> {
        let group = &it.claims[at].written;
        let words = words::in_line(self.policy, (at, group), rank, standing, it.channel);
        let reason = match standing {
            Standing::Place | Standing::Kept => None,
            Standing::Full | Standing::Most => Some(words::CAPACITY),
        };
        let rank = format!("{rank} of {}", self.policy.capacities[at].places);
        self.push(it, reason, Some(rank), words)
    }

    /// Errors: a disk that refuses.
    pub fn together(&mut self, it: &mut Waiting, first: &[Arc<str>]) -> Result<(), Trouble> {
        let words = words::together(self.policy, first, it.channel);
        self.push(it, Some(words::TOGETHER), None, words)
    }

    fn push(
        &mut self,
        it: &mut Waiting,
        reason: Option<&'static str>,
        rank: Option<String>,
        words: String,
    ) -> Result<(), Trouble> {
        let channel = u32::try_from(it.channel.0).unwrap_or(u32::MAX);
        let (number, step) = (it.number, it.steps);
        it.steps += 1;
        self.pending.push(Row { number, step, channel, reason, rank, words });
        if TOGETHER <= self.pending.len() { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), Trouble> {
        let all = std::mem::take(&mut self.pending);
        if all.is_empty() {
            return Ok(());
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(all.iter().map(|it| Some(it.number)).collect::<UInt64Array>()),
            Arc::new(all.iter().map(|it| Some(it.step)).collect::<UInt32Array>()),
            Arc::new(all.iter().map(|it| Some(it.channel)).collect::<UInt32Array>()),
            Arc::new(all.iter().map(|it| it.reason).collect::<StringArray>()),
            Arc::new(all.iter().map(|it| it.rank.clone()).collect::<StringArray>()),
            Arc::new(all.iter().map(|it| Some(it.words.as_str())).collect::<StringArray>()),
        ];
        let batch = RecordBatch::try_new(self.schema.clone(), columns);
        self.sorter.push(batch.map_err(|_| Trouble::bug("outcomes of lines cannot be kept"))?)
    }

    /// In the order of numbers and steps.
    ///
    /// Errors: a disk that refuses.
    pub fn sorted(mut self) -> Result<Merge, Trouble> {
        self.send()?;
        self.sorter.sorted()
    }
}
