//! Several runs as one, in order.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::compute::interleave_record_batch;
use arrow::row::RowConverter;

use crate::sort::Keyed;
use crate::sort::Order;
use crate::sort::broken;
use crate::trouble::Trouble;

/// Batches whose rows are in order.
pub type Source = Box<dyn Iterator<Item = Result<RecordBatch, Trouble>> + Send>;

/// All rows of some runs, in order.
pub struct Merge {
    order: Arc<Order>,
    by: Option<RowConverter>,
    /// Runs that have rows left.
    heads: Vec<Head>,
    /// Places among them: none is before the one at half its place.
    heap: Vec<usize>,
    /// Rows in a batch.
    rows: usize,
}

struct Head {
    source: Source,
    now: Arc<Keyed>,
    at: usize,
}

/// Rows that leave together, and the batches they stand in.
#[derive(Default)]
struct Leaving {
    batches: Vec<Arc<Keyed>>,
    /// By run, which of the batches it is at.
    open: Vec<Option<usize>>,
    /// Rows that stand side by side: their batch, and where they are in it.
    parts: Vec<(usize, Range<usize>)>,
    rows: usize,
}

impl Merge {
    /// Errors: a disk that refuses.
    pub fn new(order: Arc<Order>, sources: Vec<Source>, rows: usize) -> Result<Merge, Trouble> {
        let by = order.converter()?;
        let mut heads = Vec::new();
        for mut source in sources {
            if let Some(now) = following(&order, by.as_ref(), &mut source)? {
                heads.push(Head { source, now, at: 0 });
            }
        }
        let heap = (0..heads.len()).collect();
        let mut res = Merge { order, by, heads, heap, rows };
        for at in (0..res.heap.len() / 2).rev() {
            res.sink(at);
        }
        Ok(res)
    }

    /// Equal rows leave in the order of their runs.
    fn compare(&self, a: usize, b: usize) -> Ordering {
        let (one, other) = (&self.heads[a], &self.heads[b]);
        one.now.compare(&self.order, one.at, &other.now, other.at).then(a.cmp(&b))
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let below = [2 * at + 1, 2 * at + 2].into_iter().filter(|it| *it < self.heap.len());
            let least = below.min_by(|a, b| self.compare(self.heap[*a], self.heap[*b]));
            let Some(least) = least else { return };
            if self.compare(self.heap[at], self.heap[least]).is_le() {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }

    /// How many rows of the first run leave before those of all others, at most so many.
    fn ahead(&self, most: usize) -> usize {
        let first = self.heap[0];
        let head = &self.heads[first];
        let left = most.min(head.now.batch.num_rows() - head.at);
        let others = [1, 2].into_iter().filter_map(|it| self.heap.get(it).copied());
        let Some(next) = others.min_by(|a, b| self.compare(*a, *b)) else { return left };
        let next = (next, &self.heads[next]);
        let before = |row: usize| {
            let it = head.now.compare(&self.order, row, &next.1.now, next.1.at);
            it.then(first.cmp(&next.0)).is_lt()
        };
        // The first row is; after it, twice as many as long as they are.
        let (mut known, mut step) = (1, 1);
        while known < left {
            let tried = left.min(known + step);
            if !before(head.at + tried - 1) {
                let (mut low, mut high) = (known, tried - 1);
                while low < high {
                    let middle = low.midpoint(high);
                    if before(head.at + middle) { low = middle + 1 } else { high = middle }
                }
                return low;
            }
            (known, step) = (tried, step * 2);
        }
        left
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>, Trouble> {
        let mut leaving = Leaving { open: vec![None; self.heads.len()], ..Leaving::default() };
        while let Some(first) = self.heap.first().copied()
            && leaving.rows < self.rows
        {
            let rows = self.ahead(self.rows - leaving.rows);
            let Head { source, now, at } = &mut self.heads[first];
            leaving.add(first, now, *at..*at + rows);
            *at += rows;
            if *at == now.batch.num_rows() {
                leaving.open[first] = None;
                match following(&self.order, self.by.as_ref(), source)? {
                    Some(it) => (*now, *at) = (it, 0),
                    None => {
                        self.heap.swap_remove(0);
                    }
                }
            }
            self.sink(0);
        }
        leaving.batch()
    }
}

/// Where so many rows or more stand side by side, they are copied together.
const LONG: usize = 16;

impl Leaving {
    fn add(&mut self, run: usize, now: &Arc<Keyed>, rows: Range<usize>) {
        let batches = &mut self.batches;
        let batch = *self.open[run].get_or_insert_with(|| {
            batches.push(now.clone());
            batches.len() - 1
        });
        self.rows += rows.len();
        match self.parts.last_mut() {
            Some(last) if last.0 == batch && last.1.end == rows.start => last.1.end = rows.end,
            Some(_) | None => self.parts.push((batch, rows)),
        }
    }

    fn batch(self) -> Result<Option<RecordBatch>, Trouble> {
        let slice =
            |it: &(usize, Range<usize>)| self.batches[it.0].batch.slice(it.1.start, it.1.len());
        match self.parts.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(slice(only))),
            parts if parts.len() * LONG <= self.rows => {
                let parts: Vec<RecordBatch> = parts.iter().map(slice).collect();
                concat_batches(parts[0].schema_ref(), &parts).map(Some).map_err(broken)
            }
            parts => {
                let batches: Vec<&RecordBatch> = self.batches.iter().map(|it| &it.batch).collect();
                let places = parts.iter().flat_map(|it| it.1.clone().map(|row| (it.0, row)));
                let places: Vec<(usize, usize)> = places.collect();
                interleave_record_batch(&batches, &places).map(Some).map_err(broken)
            }
        }
    }
}

/// The next rows of a run.
fn following(
    order: &Order,
    by: Option<&RowConverter>,
    source: &mut Source,
) -> Result<Option<Arc<Keyed>>, Trouble> {
    for batch in source {
        let batch = batch?;
        if 0 < batch.num_rows() {
            return Keyed::new(order, by, batch).map(|it| Some(Arc::new(it)));
        }
    }
    Ok(None)
}

impl Iterator for Merge {
    type Item = Result<RecordBatch, Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
