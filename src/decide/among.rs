//! The one step that looks across declarations: places in line, and those that go together.
//!
//! Who waits is sorted by line, each line walked once from its first place, and what becomes of
//! everybody sorted back into the order of keys: never all of them are in memory.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::UInt32Type;
use arrow::datatypes::UInt64Type;

use crate::decide::Decision;
use crate::decide::count::Used;
use crate::decide::outcome::Outcomes;
use crate::decide::outcome::Standing;
use crate::decide::queue;
use crate::decide::queue::Queue;
use crate::decide::waiting::Waiting;
use crate::ir::Policy;
use crate::ir::policy::Capacity;
use crate::sort::merge::Merge;
use crate::trouble::Trouble;

/// Takes declarations in the order of their keys.
pub struct Among<'a> {
    policy: &'a Policy,
    /// By capacity.
    lines: Vec<Queue>,
    /// Of those who were drawn, where places are kept for them; in the order of the draw.
    drawn: Vec<Queue>,
    together: Queue,
    outcomes: Outcomes<'a>,
    used: Vec<Used>,
}

impl<'a> Among<'a> {
    /// Of declarations with so many keys; nothing where the policy looks at each alone.
    pub fn new(
        policy: &'a Policy,
        keys: usize,
        room: Option<usize>,
        place: &Path,
    ) -> Option<Among<'a>> {
        if policy.capacities.is_empty() && policy.together.is_empty() {
            return None;
        }
        let count = 2 * policy.capacities.len() + 2;
        let room = (room.map(|it| it / count), PathBuf::from(place));
        let each = policy.capacities.iter().enumerate();
        Some(Among {
            policy,
            lines: each.clone().map(|it| Queue::line(it.0, it.1, keys, &room)).collect(),
            drawn: each.map(|it| Queue::drawn(it.0, it.1, keys, &room)).collect(),
            together: Queue::together(policy.together.len(), keys, &room),
            outcomes: Outcomes::new(policy, &room),
            used: vec![Used::default(); policy.capacities.len()],
        })
    }

    /// Its number is its place in the order of keys.
    ///
    /// Errors: a disk that refuses.
    pub fn add(&mut self, number: u64, it: &Decision) -> Result<(), Trouble> {
        if it.claims.is_empty() && it.together.is_none() {
            return Ok(());
        }
        self.wait(Waiting::new(number, it), 0)
    }

    /// It stands in the next line for its channel, or waits for those it goes with.
    fn wait(&mut self, it: Waiting, from: usize) -> Result<(), Trouble> {
        let rest = self.policy.capacities.iter().enumerate().skip(from);
        let mut next = rest.filter(|line| line.1.channel == it.channel);
        match next.next() {
            Some((at, capacity)) if at < it.claims.len() => {
                if 0 < capacity.kept && !is_mandatory(&it, capacity) && it.drawn {
                    self.drawn[at].push(it.clone())?;
                }
                self.lines[at].push(it)
            }
            Some(_) | None if it.together.is_some() => self.together.push(it),
            Some(_) | None => Ok(()),
        }
    }

    /// What becomes of whom, in the order of their numbers, and how far capacities were used.
    ///
    /// Errors: a disk that refuses.
    pub fn settle(mut self) -> Result<(Merge, Vec<Used>), Trouble> {
        for at in 0..self.policy.capacities.len() {
            self.line(at)?;
        }
        self.groups()?;
        Ok((self.outcomes.sorted()?, self.used))
    }

    /// Walks all lines of one capacity.
    fn line(&mut self, at: usize) -> Result<(), Trouble> {
        let (lines, drawn) = (self.lines[at].sorted()?, self.drawn[at].sorted()?);
        let mut drawn = Drawn { rows: drawn, batch: None, row: 0 };
        let capacity = &self.policy.capacities[at];
        let mut line: Option<Line> = None;
        for batch in lines {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                let it = queue::waiting(&batch, row)?;
                let group = &it.claims[at].group;
                if line.as_ref().is_none_or(|it| it.group != *group) {
                    self.close(at, line.take());
                    line = Some(Line::new(capacity, group.clone()));
                }
                let Some(line) = &mut line else { continue };
                self.place(at, it, line, &mut drawn)?;
            }
        }
        self.close(at, line);
        Ok(())
    }

    fn close(&mut self, at: usize, line: Option<Line>) {
        let Some(line) = line else { return };
        let used = &mut self.used[at];
        used.lines += 1;
        used.full += u64::from(0 < line.displaced);
        used.longest = used.longest.max(line.placed);
        used.placed += line.placed;
        used.displaced += line.displaced;
    }

    /// Who finds a place, and who goes on to the channel of the overflow.
    fn place(
        &mut self,
        at: usize,
        mut it: Waiting,
        line: &mut Line,
        drawn: &mut Drawn,
    ) -> Result<(), Trouble> {
        let capacity = &self.policy.capacities[at];
        let most = it.claims[at].most.clone();
        line.rank = line.rank.saturating_add(1);
        let standing = if is_mandatory(&it, capacity) {
            // They come first and count; only they can exceed the capacity.
            line.take(most.as_ref());
            Standing::Place
        } else if line.keep(at, capacity, drawn)?.contains(&it.number) {
            Standing::Kept
        } else if line.enough(most.as_ref(), capacity) {
            Standing::Most
        } else if line.free == 0 {
            Standing::Full
        } else {
            line.take(most.as_ref());
            Standing::Place
        };
        match standing {
            Standing::Place | Standing::Kept => line.placed += 1,
            Standing::Most | Standing::Full => {
                line.displaced += 1;
                let to = it.mandatory.map_or(capacity.overflow, |it| it.max(capacity.overflow));
                it.channel = to;
            }
        }
        self.outcomes.in_line(at, &mut it, line.rank, standing)?;
        self.wait(it, at + 1)
    }

    /// All of a group take the strictest channel of any of them; they need no place of their own.
    fn groups(&mut self) -> Result<(), Trouble> {
        let mut first: Option<Waiting> = None;
        for batch in self.together.sorted()? {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                let mut it = queue::waiting(&batch, row)?;
                match &first {
                    Some(first) if first.together == it.together => {
                        if it.channel < first.channel {
                            it.channel = first.channel;
                            self.outcomes.together(&mut it, &first.keys)?;
                        }
                    }
                    Some(_) | None => first = Some(it),
                }
            }
        }
        Ok(())
    }
}

fn is_mandatory(it: &Waiting, capacity: &Capacity) -> bool {
    Some(capacity.channel) <= it.mandatory
}

/// A line that is being walked.
struct Line {
    group: Vec<Option<Arc<str>>>,
    rank: u32,
    free: u32,
    /// How many of one value have a place already.
    taken: BTreeMap<Arc<str>, u32>,
    /// Who has one of the places that are kept; known when the mandatory ones are placed.
    kept: Option<BTreeSet<u64>>,
    placed: u64,
    displaced: u64,
}

impl Line {
    fn new(capacity: &Capacity, group: Vec<Option<Arc<str>>>) -> Line {
        Line {
            group,
            rank: 0,
            free: capacity.places,
            taken: BTreeMap::new(),
            kept: None,
            placed: 0,
            displaced: 0,
        }
    }

    fn take(&mut self, most: Option<&Arc<str>>) {
        self.free = self.free.saturating_sub(1);
        if let Some(it) = most {
            *self.taken.entry(it.clone()).or_default() += 1;
        }
    }

    /// Whether there are as many as there may be. A missing value is like no other.
    fn enough(&self, it: Option<&Arc<str>>, capacity: &Capacity) -> bool {
        let most = capacity.most.as_ref().map_or(u32::MAX, |it| it.0);
        it.and_then(|it| self.taken.get(it)).is_some_and(|count| most <= *count)
    }

    /// Who has one of the places that are kept for draws.
    fn keep(
        &mut self,
        at: usize,
        capacity: &Capacity,
        drawn: &mut Drawn,
    ) -> Result<&BTreeSet<u64>, Trouble> {
        if self.kept.is_none() {
            let share = u64::from(capacity.places) * u64::from(capacity.kept);
            let kept = u32::try_from(share.div_ceil(1_000_000)).unwrap_or(u32::MAX);
            let mut left = kept.min(self.free);
            let mut all = BTreeSet::new();
            while let Some(it) = drawn.of(at, &self.group)? {
                let most = it.claims[at].most.as_ref();
                if 0 < left && !self.enough(most, capacity) {
                    left -= 1;
                    self.take(most);
                    all.insert(it.number);
                }
            }
            self.kept = Some(all);
        }
        Ok(self.kept.get_or_insert_default())
    }
}

/// Those who were drawn, line by line.
struct Drawn {
    rows: Merge,
    batch: Option<RecordBatch>,
    row: usize,
}

impl Drawn {
    /// The next one of this line. Lines come in one order; some have nobody who was drawn.
    fn of(&mut self, at: usize, group: &[Option<Arc<str>>]) -> Result<Option<Waiting>, Trouble> {
        loop {
            if self.batch.as_ref().is_none_or(|it| it.num_rows() <= self.row) {
                (self.batch, self.row) = (self.rows.next().transpose()?, 0);
            }
            let Some(batch) = &self.batch else { return Ok(None) };
            let it = queue::waiting(batch, self.row)?;
            let own = it.claims[at].group.as_slice();
            if own == group {
                self.row += 1;
                return Ok(Some(it));
            }
            if group < own {
                return Ok(None);
            }
            self.row += 1;
        }
    }
}

/// What became of declarations: number, step, and the columns that [`Outcomes`] names.
pub struct Settled<'a> {
    pub number: u64,
    pub channel: u32,
    /// Where the reason is another one now.
    pub reason: Option<&'a str>,
    pub rank: Option<&'a str>,
    pub words: &'a str,
}

/// A row of what [`Among::settle`] gives.
pub fn settled(batch: &RecordBatch, row: usize) -> Settled<'_> {
    let text = |at: usize| {
        let it = batch.column(at).as_string::<i32>();
        use arrow::array::Array;
        it.is_valid(row).then(|| it.value(row))
    };
    Settled {
        number: batch.column(0).as_primitive::<UInt64Type>().value(row),
        channel: batch.column(2).as_primitive::<UInt32Type>().value(row),
        reason: text(3),
        rank: text(4),
        words: text(5).unwrap_or_default(),
    }
}
