//! Statistics that rows enter and leave, one at a time.

use crate::ir::E;
use crate::ir::Fact;
use crate::ir::Statistic;
use crate::ir::typing;
use crate::plan::past::cells::Cells;
use crate::plan::past::cells::NONE;
use crate::plan::past::frame::Frame;
use crate::plan::past::others::Others;
use crate::plan::past::places::Places;
use crate::plan::past::tree::Tree;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Reason;
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
    /// What each row of the frame adds up to, where it stands for several.
    pub totals: Option<&'a [Totals]>,
}

impl<'a> Members<'a> {
    pub fn of(places: &Places<'a>, frame: &'a Frame, rows: &'a [u32]) -> Members<'a> {
        let cells = |at: usize| &frame.cells[at];
        Members {
            fact: places.fact,
            rows,
            values: places.value.map(cells),
            weights: places.weight.map(cells),
            days: places.days.map(|it| cells(it.0)),
            totals: places.totals,
        }
    }

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

    /// The value and its weight, where both are given.
    fn weighted(&self, at: usize) -> Option<(Decimal, Decimal)> {
        let weight = self.weights?.get(self.rows[at] as usize);
        let value = self.decimal(at).filter(|_| weight != NONE)?;
        let weight = Decimal::new(weight, scale(self.fact.weight.as_ref()));
        Some((value, weight))
    }
}

fn scale(it: Option<&E>) -> u8 {
    it.map_or(0, |it| typing::number(&it.ty).scale)
}

/// What statistics add up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    given: i64,
    sum: Sum,
    weights: Sum,
    /// Products that are out of range.
    beyond: i64,
}

impl Totals {
    /// For a count only.
    fn count(&mut self, members: &Members, at: usize, by: i32) {
        let row = members.rows[at] as usize;
        if members.values.is_none_or(|it| it.is_given(row)) {
            self.given += i64::from(by);
        }
    }

    /// A row enters, or leaves where `by` is negative.
    pub fn change(&mut self, members: &Members, at: usize, by: i32) {
        if let Some(all) = members.totals {
            let row = &all[members.rows[at] as usize];
            *self = if by < 0 { self.less(row) } else { self.plus(row) };
            return;
        }
        match members.fact.statistic {
            Statistic::Count => self.count(members, at, by),
            _ if by < 0 => self.leave(members, at),
            _ => self.enter(members, at),
        }
    }

    fn enter(&mut self, members: &Members, at: usize) {
        if members.weights.is_none() {
            if let Some(value) = members.decimal(at) {
                self.given += 1;
                self.sum.add(value);
            }
            return;
        }
        let Some((value, weight)) = members.weighted(at) else { return };
        self.given += 1;
        self.weights.add(weight);
        if !self.sum.add_product(value, weight) {
            self.beyond += 1;
        }
    }

    fn plus(mut self, other: &Totals) -> Totals {
        self.given += other.given;
        self.sum.plus(other.sum);
        self.weights.plus(other.weights);
        self.beyond += other.beyond;
        self
    }

    /// Without those of a part.
    fn less(mut self, other: &Totals) -> Totals {
        self.given -= other.given;
        self.sum.less(other.sum);
        self.weights.less(other.weights);
        self.beyond -= other.beyond;
        self
    }

    fn leave(&mut self, members: &Members, at: usize) {
        if members.weights.is_none() {
            if let Some(value) = members.decimal(at) {
                self.given -= 1;
                self.sum.subtract(value);
            }
            return;
        }
        let Some((value, weight)) = members.weighted(at) else { return };
        self.given -= 1;
        self.weights.subtract(weight);
        if !self.sum.subtract_product(value, weight) {
            self.beyond -= 1;
        }
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
    /// The rows parted by what `of others` compares.
    others: Option<Others>,
}

impl<'a> State<'a> {
    /// `parts`: for each row a number of the value that `of others` compares.
    pub fn new(members: Members<'a>, parts: Option<Vec<u32>>) -> State<'a> {
        let mut state = State {
            totals: Totals::default(),
            ranked: Vec::new(),
            ranks: Vec::new(),
            tree: Tree::default(),
            held: Vec::new(),
            distinct: 0,
            others: parts.map(Others::new),
            members,
        };
        match state.members.fact.statistic {
            Statistic::Percentile(_) | Statistic::Smallest | Statistic::Largest => {
                state.rank(Members::value);
                state.order();
            }
            Statistic::FirstDate | Statistic::LastDate => {
                state.rank(Members::day);
                state.order();
            }
            Statistic::DistinctCount => {
                state.rank(Members::value);
                state.held = vec![0; state.ranked.len()];
                if let Some(others) = &mut state.others {
                    others.tell_apart(&state.ranks, state.ranked.len());
                }
            }
            Statistic::Latest => state.tree = Tree::new(state.members.rows.len()),
            Statistic::Count | Statistic::Sum | Statistic::Average => {
                if let Some(others) = &mut state.others {
                    others.sum_up();
                }
            }
        }
        state
    }

    fn order(&mut self) {
        self.tree = Tree::new(self.ranked.len());
        if let Some(others) = &mut self.others {
            others.rank(&self.ranks);
        }
    }

    /// Ranks the rows by a value; dates mostly stand in their order.
    fn rank(&mut self, value: fn(&Members<'a>, usize) -> i128) {
        let count = self.members.rows.len();
        let in_order = |at: usize| {
            let (before, it) = (value(&self.members, at - 1), value(&self.members, at));
            before != NONE && it != NONE && before <= it
        };
        let sorted: Option<Vec<(i128, u32)>> = (!(1..count).all(in_order)).then(|| {
            let mut all: Vec<(i128, u32)> = (0..count)
                .map(|at| (value(&self.members, at), u32::try_from(at).unwrap_or(u32::MAX)))
                .filter(|it| it.0 != NONE)
                .collect();
            all.sort_unstable();
            all
        });
        self.ranks = vec![u32::MAX; count];
        let mut next = |ranked: &mut Vec<i128>, value: i128, at: usize| {
            if ranked.last() != Some(&value) {
                ranked.push(value);
            }
            self.ranks[at] = u32::try_from(ranked.len() - 1).unwrap_or(u32::MAX);
        };
        match sorted {
            Some(all) => {
                all.into_iter().for_each(|(it, at)| next(&mut self.ranked, it, at as usize));
            }
            None => {
                for at in 0..count {
                    let it = value(&self.members, at);
                    if it != NONE {
                        next(&mut self.ranked, it, at);
                    }
                }
            }
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
            Statistic::Count | Statistic::Sum | Statistic::Average => {
                self.totals.change(&self.members, at, by);
                if let Some(others) = &mut self.others {
                    let part = others.parts[at] as usize;
                    others.totals[part].change(&self.members, at, by);
                }
            }
            Statistic::DistinctCount => {
                let rank = self.ranks[at];
                if let Some(held) = self.held.get_mut(rank as usize) {
                    let before = *held;
                    *held = held.wrapping_add_signed(by);
                    self.distinct += i64::from(before == 0) - i64::from(*held == 0);
                }
                if let Some(others) = &mut self.others {
                    others.change_held(at, by);
                }
            }
            Statistic::Percentile(_)
            | Statistic::Smallest
            | Statistic::Largest
            | Statistic::FirstDate
            | Statistic::LastDate => {
                let rank = self.ranks[at];
                if rank != u32::MAX {
                    self.tree.change(rank as usize, by);
                }
                if let Some(others) = &mut self.others {
                    others.change(at, by);
                }
            }
            Statistic::Latest => self.tree.change(at, by),
        }
    }

    /// The answer, as if the rows of a part of `of others` had not entered.
    pub fn answer(&self, without: Option<u32>) -> Answer {
        match self.members.fact.statistic {
            Statistic::Count => Ok(i128::from(self.rest(without).given)),
            Statistic::DistinctCount => {
                let apart = self.others.as_ref().zip(without);
                let alone = apart.map_or(0, |(others, part)| others.alone(part));
                Ok(i128::from(self.distinct - alone))
            }
            Statistic::Sum => self.sum(&self.rest(without)),
            Statistic::Average => self.average(self.rest(without)),
            Statistic::Percentile(n) => self.nth(n, without),
            Statistic::Smallest | Statistic::FirstDate => self.nth(0, without),
            Statistic::Largest | Statistic::LastDate => self.nth(100, without),
            Statistic::Latest => self.latest(),
        }
    }

    fn rest(&self, without: Option<u32>) -> Totals {
        match (&self.others, without) {
            (Some(others), Some(part)) => self.totals.less(&others.totals[part as usize]),
            _ => self.totals,
        }
    }

    fn sum(&self, totals: &Totals) -> Answer {
        if totals.given == 0 {
            return Err(Reason::TooFewValues);
        }
        let it = totals.sum.value().ok_or(Reason::OutOfRange)?.unscaled;
        if self.members.fact.ty == Type::Whole && i64::try_from(it).is_err() {
            return Err(Reason::OutOfRange);
        }
        Ok(it)
    }

    fn average(&self, totals: Totals) -> Answer {
        let Totals { given, sum, mut weights, beyond } = totals;
        if given == 0 {
            return Err(Reason::TooFewValues);
        }
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
    fn nth(&self, n: u32, without: Option<u32>) -> Answer {
        let apart = self.others.as_ref().zip(without);
        let absent = apart.map_or(0, |(others, part)| others.total(part));
        let left = u64::from(self.tree.total() - absent);
        if left == 0 {
            return Err(Reason::TooFewValues);
        }
        let wanted = u32::try_from((left * u64::from(n)).div_ceil(100).max(1)).unwrap_or(u32::MAX);
        let Some((others, part)) = apart.filter(|_| absent != 0) else {
            return Ok(self.ranked[self.tree.nth(wanted)]);
        };
        let (mut low, mut high) = (0, self.ranked.len() - 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            let rank = u32::try_from(middle).unwrap_or(u32::MAX);
            if wanted <= self.tree.first(middle + 1) - others.up_to(part, rank) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(self.ranked[low])
    }

    /// Of the rows at the latest date the value that all given ones share.
    fn latest(&self) -> Answer {
        let total = self.tree.total();
        let mut all = (1..=total).rev().map(|n| self.tree.nth(n)).peekable();
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
