//! Counts by place, and the place of the n-th: Fenwick's tree.

/// Counts of one row of places, or of several rows of places one behind the other.
#[derive(Debug, Default)]
pub struct Tree {
    counts: Vec<u32>,
    total: u32,
}

impl Tree {
    pub fn new(places: usize) -> Tree {
        Tree { counts: vec![0; places], total: 0 }
    }

    pub fn total(&self) -> u32 {
        self.total
    }

    pub fn change(&mut self, place: usize, by: i32) {
        add(&mut self.counts, place, by);
        self.total = self.total.wrapping_add_signed(by);
    }

    /// How many are at the first `places` places.
    pub fn first(&self, places: usize) -> u32 {
        sum(&self.counts, places)
    }

    /// The place of the n-th, from 1.
    pub fn nth(&self, n: u32) -> usize {
        let mut rest = n;
        let mut at = 0;
        let mut step = (self.counts.len() + 1).next_power_of_two();
        while 0 < step {
            let next = at + step;
            if next <= self.counts.len() && self.counts[next - 1] < rest {
                rest -= self.counts[next - 1];
                at = next;
            }
            step >>= 1;
        }
        at
    }
}

/// Changes the count of a place among these.
pub fn add(counts: &mut [u32], place: usize, by: i32) {
    let mut at = place + 1;
    while at <= counts.len() {
        counts[at - 1] = counts[at - 1].wrapping_add_signed(by);
        at += at & at.wrapping_neg();
    }
}

/// How many are at the first `places` places of these.
pub fn sum(counts: &[u32], places: usize) -> u32 {
    let mut at = places.min(counts.len());
    let mut sum = 0;
    while 0 < at {
        sum += counts[at - 1];
        at &= at - 1;
    }
    sum
}
