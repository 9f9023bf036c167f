//! Statistics that rows enter and leave, one at a time.

use crate::ir::E;
use crate::ir::Fact;
use crate::ir::Statistic;
use crate::ir::typing;
use crate::plan::past::Map;
use crate::plan::past::cells::Cells;
use crate::plan::past::cells::NONE;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Reason;
use crate::value::decimal;
use crate::value::decimal::Sum;

/// A cell, or why there is none.
pub type Answer = Result<i128, Reason>;

/// The rows of one group that the condition of a fact lets through, by position.
pub struct Members<'a> {
    pub fact: &'a Fact,
    /// The places of the rows in their frame, in the order of time.
    pub rows: &'a [u32],
    pub values: Option<&'a Cells>,
    pub weights: Option<&'a Cells>,
    /// The day of each row of the frame.
    pub days: Option<&'a Cells>,
}

impl Members<'_> {
    fn value(&self, at: usize) -> i128 {
        self.values.map_or(0, |it| it.get(self.rows[at] as usize))
    }

    fn day(&self, at: usize) -> i128 {
        self.days.map_or(NONE, |it| it.get(self.rows[at] as usize))
    }

    fn decimal(&self, at: usize) -> Option<Decimal> {
        let value = self.value(at);
        (value != NONE).then(|| Decimal::new(value, scale(self.fact.value.as_ref())))
    }

    /// Value times weight, as far as that is in range, and the weight.
    fn weighted(&self, at: usize) -> Option<(Option<Decimal>, Decimal)> {
        let weight = self.weights?.get(self.rows[at] as usize);
        let value = self.decimal(at).filter(|_| weight != NONE)?;
        let weight = Decimal::new(weight, scale(self.fact.weight.as_ref()));
        Some((decimal::multiply(value, weight), weight))
    }
}

fn scale(it: Option<&E>) -> u8 {
    it.map_or(0, |it| typing::number(&it.ty).scale)
}

/// What statistics add up.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    given: i64,
    sum: Sum,
    weights: Sum,
    /// Products that are out of range.
    beyond: i64,
}

impl Totals {
    fn enter(&mut self, members: &Members, at: usize) {
        if members.weights.is_none() {
            if let Some(value) = members.decimal(at) {
                self.given += 1;
                self.sum.add(value);
            }
            return;
        }
        let Some((product, weight)) = members.weighted(at) else { return };
        self.given += 1;
        self.weights.add(weight);
        match product {
            Some(it) => self.sum.add(it),
            None => self.beyond += 1,
        }
    }

    fn leave(&mut self, members: &Members, at: usize) {
        if members.weights.is_none() {
            if let Some(value) = members.decimal(at) {
                self.given -= 1;
                self.sum.subtract(value);
            }
            return;
        }
        let Some((product, weight)) = members.weighted(at) else { return };
        self.given -= 1;
        self.weights.subtract(weight);
        match product {
            Some(it) => self.sum.subtract(it),
            None => self.beyond -= 1,
        }
    }
}

/// Counts by place, and the place of the n-th (Fenwick's tree).
#[derive(Debug, Default)]
struct Tree {
    counts: Vec<u32>,
    total: u32,
}

impl Tree {
    fn new(places: usize) -> Tree {
        Tree { counts: vec![0; places + 1], total: 0 }
    }

    fn change(&mut self, place: usize, by: i32) {
        let mut at = place + 1;
        while at < self.counts.len() {
            self.counts[at] = self.counts[at].wrapping_add_signed(by);
            at += at & at.wrapping_neg();
        }
        self.total = self.total.wrapping_add_signed(by);
    }

    /// How many are at `place` or before.
    fn up_to(&self, place: usize) -> u32 {
        let mut at = (place + 1).min(self.counts.len() - 1);
        let mut sum = 0;
        while 0 < at {
            sum += self.counts[at];
            at &= at - 1;
        }
        sum
    }

    /// The place of the n-th, from 1.
    fn nth(&self, n: u32) -> usize {
        let mut rest = n;
        let mut at = 0;
        let mut step = self.counts.len().next_power_of_two();
        while 0 < step {
            let next = at + step;
            if next < self.counts.len() && self.counts[next] < rest {
                rest -= self.counts[next];
                at = next;
            }
            step >>= 1;
        }
        at
    }
}

/// The state of one fact over one group.
pub struct State<'a> {
    members: Members<'a>,
    totals: Totals,
    /// Values of the group, small before large, each once; and the rank of each row.
    ranked: Vec<i128>,
    ranks: Vec<u32>,
    tree: Tree,
    /// How many of each rank, and how many ranks there are.
    held: Vec<u32>,
    distinct: i64,
    /// Whether the days of the rows stand in the order of their times: by instants they may not.
    in_order: bool,
}

impl<'a> State<'a> {
    pub fn new(members: Members<'a>) -> State<'a> {
        let mut state = State {
            totals: Totals::default(),
            ranked: Vec::new(),
            ranks: Vec::new(),
            tree: Tree::default(),
            held: Vec::new(),
            distinct: 0,
            in_order: true,
            members,
        };
        match state.members.fact.statistic {
            Statistic::Percentile(_) | Statistic::Smallest | Statistic::Largest => {
                state.rank();
                state.tree = Tree::new(state.ranked.len());
            }
            Statistic::DistinctCount => {
                state.rank();
                state.held = vec![0; state.ranked.len()];
            }
            Statistic::FirstDate | Statistic::LastDate | Statistic::Latest => {
                let rows = state.members.rows.len();
                state.tree = Tree::new(rows);
                let in_order = |at: usize| state.members.day(at - 1) <= state.members.day(at);
                state.in_order = (1..rows).all(in_order);
            }
            Statistic::Count | Statistic::Sum | Statistic::Average => {}
        }
        state
    }

    fn rank(&mut self) {
        let count = self.members.rows.len();
        let mut sorted: Vec<(i128, u32)> = (0..count)
            .filter_map(|at| {
                let value = self.members.value(at);
                (value != NONE).then_some((value, u32::try_from(at).unwrap_or(u32::MAX)))
            })
            .collect();
        sorted.sort_unstable();
        self.ranks = vec![u32::MAX; count];
        for (value, at) in sorted {
            if self.ranked.last() != Some(&value) {
                self.ranked.push(value);
            }
            self.ranks[at as usize] = u32::try_from(self.ranked.len() - 1).unwrap_or(u32::MAX);
        }
    }

    /// The places of the rows in their frame.
    pub fn rows(&self) -> &'a [u32] {
        self.members.rows
    }

    pub fn enter(&mut self, at: usize) {
        self.change(at, 1);
    }

    pub fn leave(&mut self, at: usize) {
        self.change(at, -1);
    }

    fn change(&mut self, at: usize, by: i32) {
        match self.members.fact.statistic {
            Statistic::Count => {
                let row = self.members.rows[at] as usize;
                if self.members.values.is_none_or(|it| it.is_given(row)) {
                    self.totals.given += i64::from(by);
                }
            }
            Statistic::Sum | Statistic::Average if by < 0 => self.totals.leave(&self.members, at),
            Statistic::Sum | Statistic::Average => self.totals.enter(&self.members, at),
            Statistic::DistinctCount => {
                let rank = self.ranks[at];
                if let Some(held) = self.held.get_mut(rank as usize) {
                    let before = *held;
                    *held = held.wrapping_add_signed(by);
                    self.distinct += i64::from(before == 0) - i64::from(*held == 0);
                }
            }
            Statistic::Percentile(_) | Statistic::Smallest | Statistic::Largest => {
                if let Some(rank) = self.ranks.get(at).filter(|it| **it != u32::MAX) {
                    self.tree.change(*rank as usize, by);
                }
            }
            Statistic::FirstDate | Statistic::LastDate | Statistic::Latest => {
                self.tree.change(at, by);
            }
        }
    }

    pub fn answer(&self) -> Answer {
        self.without(&[])
    }

    /// The answer as if the rows at these positions had not entered.
    pub fn without(&self, absent: &[u32]) -> Answer {
        let fact = self.members.fact;
        match fact.statistic {
            Statistic::Count => {
                let given = |at: &&u32| {
                    self.members.values.is_none() || self.members.value(**at as usize) != NONE
                };
                let absent = absent.iter().filter(given).count();
                Ok(i128::from(self.totals.given) - absent as i128)
            }
            Statistic::DistinctCount => Ok(self.distinct_without(absent)),
            Statistic::Sum => self.sum_without(absent),
            Statistic::Average => self.average_without(absent),
            Statistic::Percentile(n) => self.nth_without(n, absent),
            Statistic::Smallest => self.nth_without(0, absent),
            Statistic::Largest => self.nth_without(100, absent),
            Statistic::FirstDate | Statistic::LastDate => self.date_without(absent),
            Statistic::Latest => self.latest(absent),
        }
    }

    fn distinct_without(&self, absent: &[u32]) -> i128 {
        let mut gone: Map<u32, u32> = Map::default();
        for at in absent {
            let rank = self.ranks[*at as usize];
            if rank != u32::MAX {
                *gone.entry(rank).or_default() += 1;
            }
        }
        let all_gone = gone.iter().filter(|(rank, n)| self.held[**rank as usize] == **n).count();
        i128::from(self.distinct) - all_gone as i128
    }

    /// Without some; no value where none is left.
    fn rest(&self, absent: &[u32]) -> Result<Totals, Reason> {
        let mut totals = self.totals;
        absent.iter().for_each(|at| totals.leave(&self.members, *at as usize));
        if totals.given == 0 { Err(Reason::TooFewValues) } else { Ok(totals) }
    }

    fn sum_without(&self, absent: &[u32]) -> Answer {
        let it = self.rest(absent)?.sum.value().ok_or(Reason::OutOfRange)?.unscaled;
        if self.members.fact.ty == Type::Whole && i64::try_from(it).is_err() {
            return Err(Reason::OutOfRange);
        }
        Ok(it)
    }

    fn average_without(&self, absent: &[u32]) -> Answer {
        let Totals { given, sum, mut weights, beyond } = self.rest(absent)?;
        if self.members.weights.is_none() {
            weights.add(Decimal::new(i128::from(given), 0));
        }
        if weights.is_zero() {
            return Err(Reason::DivisionByZero);
        }
        let quotient = if beyond == 0 { sum.over(weights) } else { None };
        quotient.map(|it| it.unscaled).ok_or(Reason::OutOfRange)
    }

    /// The smallest value with at least `n` % of the values at or below it.
    fn nth_without(&self, n: u32, absent: &[u32]) -> Answer {
        let mut gone: Vec<u32> =
            absent.iter().map(|at| self.ranks[*at as usize]).filter(|it| *it != u32::MAX).collect();
        gone.sort_unstable();
        let left = u64::from(self.tree.total) - gone.len() as u64;
        if left == 0 {
            return Err(Reason::TooFewValues);
        }
        let wanted = u32::try_from((left * u64::from(n)).div_ceil(100).max(1)).unwrap_or(u32::MAX);
        if gone.is_empty() {
            return Ok(self.ranked[self.tree.nth(wanted)]);
        }
        let (mut low, mut high) = (0, self.ranked.len() - 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            let without = gone.partition_point(|it| *it as usize <= middle);
            if wanted as usize + without <= self.tree.up_to(middle) as usize {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(self.ranked[low])
    }

    /// Positions in the window, from the first or from the last.
    fn present(&self, absent: &[u32], from_the_end: bool) -> impl Iterator<Item = usize> {
        let mut gone = absent.to_vec();
        gone.sort_unstable();
        let total = self.tree.total;
        (1..=total)
            .map(move |n| self.tree.nth(if from_the_end { total + 1 - n } else { n }))
            .filter(move |at| gone.binary_search(&u32::try_from(*at).unwrap_or(u32::MAX)).is_err())
    }

    fn date_without(&self, absent: &[u32]) -> Answer {
        let last = self.members.fact.statistic == Statistic::LastDate;
        if self.in_order {
            let at = self.present(absent, last).next().ok_or(Reason::TooFewValues)?;
            return Ok(self.members.day(at));
        }
        let all = self.present(absent, false).map(|at| self.members.day(at));
        if last { all.max() } else { all.min() }.ok_or(Reason::TooFewValues)
    }

    /// Of the rows at the latest date the value that all given ones share.
    fn latest(&self, absent: &[u32]) -> Answer {
        let mut all = self.present(absent, true).peekable();
        let Some(first) = all.peek() else { return Err(Reason::NoSuchRecord) };
        let day = self.members.day(*first);
        let mut shared = NONE;
        for at in all.take_while(|at| self.members.day(*at) == day) {
            let value = self.members.value(at);
            if value == NONE {
                continue;
            }
            if shared != NONE && shared != value {
                return Err(Reason::NotGiven);
            }
            shared = value;
        }
        if shared == NONE { Err(Reason::NotGiven) } else { Ok(shared) }
    }
}
