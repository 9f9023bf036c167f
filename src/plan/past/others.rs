//! What rows of one value of `of others` have in the window, so that they can be left out of an
//! answer without a look at each of them.

use std::ops::Range;

use crate::plan::past::statistic::Totals;
use crate::plan::past::tree;

/// Rows of a group, parted by the value that `of others` compares.
#[derive(Debug, Default)]
pub struct Others {
    /// The part of each row, by position.
    pub parts: Vec<u32>,
    /// By part, where totals are asked for.
    pub totals: Vec<Totals>,
    /// The ranks of part `p` are `ranks[starts[p]..starts[p + 1]]`, small before large, each once.
    starts: Vec<usize>,
    ranks: Vec<u32>,
    /// The place of the rank of each row among those.
    places: Vec<u32>,
    /// How many rows of a part have a rank, as one tree a part.
    counts: Vec<u32>,
    /// How many rows of a part have exactly that rank.
    held: Vec<u32>,
    /// By rank: how many parts have rows of it, and the sum of their numbers.
    holders: Vec<(u32, u64)>,
    /// By part: how many ranks no other part has.
    alone: Vec<i64>,
}

impl Others {
    pub fn new(parts: Vec<u32>) -> Others {
        Others { parts, ..Others::default() }
    }

    fn count(&self) -> usize {
        self.parts.iter().max().map_or(0, |it| *it as usize + 1)
    }

    /// For totals.
    pub fn sum_up(&mut self) {
        self.totals = vec![Totals::default(); self.count()];
    }

    /// For places in an order: the rank of each row, `u32::MAX` where it has none.
    pub fn rank(&mut self, ranks: &[u32]) {
        let count = self.count();
        let mut all: Vec<(u32, u32, u32)> = (0_u32..)
            .zip(ranks)
            .filter(|it| *it.1 != u32::MAX)
            .map(|(at, rank)| (self.parts[at as usize], *rank, at))
            .collect();
        all.sort_unstable();
        self.starts = vec![0; count + 1];
        self.places = vec![u32::MAX; ranks.len()];
        let mut last = None;
        for (part, rank, at) in all {
            if last != Some((part, rank)) {
                self.ranks.push(rank);
                self.starts[part as usize + 1] = self.ranks.len();
                last = Some((part, rank));
            }
            self.places[at as usize] = u32::try_from(self.ranks.len() - 1).unwrap_or(u32::MAX);
        }
        for part in 0..count {
            self.starts[part + 1] = self.starts[part + 1].max(self.starts[part]);
        }
        self.counts = vec![0; self.ranks.len()];
    }

    /// For different values, of so many ranks.
    pub fn tell_apart(&mut self, ranks: &[u32], count: usize) {
        self.rank(ranks);
        self.held = vec![0; self.ranks.len()];
        self.holders = vec![(0, 0); count];
        self.alone = vec![0; self.count()];
    }

    fn range(&self, part: u32) -> Range<usize> {
        self.starts[part as usize]..self.starts[part as usize + 1]
    }

    /// A row with a rank enters or leaves.
    pub fn change(&mut self, at: usize, by: i32) {
        let (part, place) = (self.parts[at], self.places[at]);
        if place == u32::MAX {
            return;
        }
        let range = self.range(part);
        let place = place as usize - range.start;
        tree::add(&mut self.counts[range], place, by);
    }

    /// A row with a rank enters or leaves, where different values are told apart.
    pub fn change_held(&mut self, at: usize, by: i32) {
        let (part, place) = (self.parts[at], self.places[at]);
        if place == u32::MAX {
            return;
        }
        let held = &mut self.held[place as usize];
        let before = *held;
        *held = held.wrapping_add_signed(by);
        if (before == 0) == (*held == 0) {
            return;
        }
        let came = before == 0;
        let (holders, sum) = &mut self.holders[self.ranks[place as usize] as usize];
        if *holders == 1 {
            self.alone[usize::try_from(*sum).unwrap_or(0)] -= 1;
        }
        if came {
            (*holders, *sum) = (*holders + 1, *sum + u64::from(part));
        } else {
            (*holders, *sum) = (*holders - 1, *sum - u64::from(part));
        }
        if *holders == 1 {
            self.alone[usize::try_from(*sum).unwrap_or(0)] += 1;
        }
    }

    /// How many rows of a part there are.
    pub fn total(&self, part: u32) -> u32 {
        let range = self.range(part);
        let places = range.len();
        tree::sum(&self.counts[range], places)
    }

    /// How many rows of a part have this rank or a smaller one.
    pub fn up_to(&self, part: u32, rank: u32) -> u32 {
        let range = self.range(part);
        let places = self.ranks[range.clone()].partition_point(|it| *it <= rank);
        tree::sum(&self.counts[range], places)
    }

    /// How many different values only this part has.
    pub fn alone(&self, part: u32) -> i64 {
        self.alone[part as usize]
    }
}
