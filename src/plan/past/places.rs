//! Where the expressions of a fact stand among gathered columns, and what they say of time.

use crate::ir::Fact;
use crate::ir::Reach;
use crate::plan::past::cells::Cells;
use crate::plan::past::frame::Frame;
use crate::plan::past::group::Sorted;
use crate::plan::past::pair::Held;
use crate::plan::past::statistic::Totals;
use crate::schema::Type;
use crate::value::calendar;

/// A fact, and where its expressions stand among the columns of rows and judged rows.
pub struct Places<'a> {
    pub fact: &'a Fact,
    pub filter: Option<usize>,
    pub value: Option<usize>,
    pub weight: Option<usize>,
    /// From when on a row is known, then its results.
    pub known: Vec<Known>,
    /// Of the rows, of the judged rows.
    pub others: Option<(usize, usize)>,
    pub days: Option<(usize, usize)>,
    pub instants: Option<(usize, usize)>,
    /// Columns of the judged rows without which there is no value, besides its keys.
    pub needed: Vec<usize>,
    /// A condition that each judged row asks of each row of its group.
    pub held: Option<Held<'a>>,
    /// A number for the declaration of each row and of each judged row, where a row of the own
    /// declaration is known whatever else is said.
    pub own: Option<(&'a [u32], &'a [u32])>,
    /// What each row adds up to, where rows stand for several.
    pub totals: Option<&'a [Totals]>,
}

/// A column of rows that tells from when on something is known.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub column: usize,
    pub axis: Axis,
    /// Instants of which only the day is compared.
    pub by_day: bool,
    /// A row of the own declaration need not wait for it.
    pub not_own: bool,
}

/// Both sides of a pass, sorted by group and by the time of the fact.
pub struct Sides<'a> {
    pub rows: &'a Frame,
    pub judged: &'a Frame,
    pub sorted_rows: &'a Sorted,
    pub sorted_judged: &'a Sorted,
}

/// The axis of time a fact is swept along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    None,
    Days,
    Instants,
}

pub fn axis(fact: &Fact) -> Axis {
    match fact.reach {
        Reach::All => Axis::None,
        Reach::Time(_) => Axis::Instants,
        Reach::Days(_) | Reach::SameDay | Reach::Before | Reach::AsOf => Axis::Days,
    }
}

/// Rows of `[low, high)` count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub low: i64,
    pub high: i64,
}

pub fn as_long(cell: i128) -> i64 {
    i64::try_from(cell).unwrap_or(i64::MIN)
}

impl Known {
    /// For a column of this fact.
    pub fn of(fact: &Fact, ty: &Type, column: usize, not_own: bool) -> Known {
        let instant = *ty == Type::DateTime;
        let axis = if instant && fact.instants.is_some() { Axis::Instants } else { Axis::Days };
        Known { column, axis, by_day: instant && axis == Axis::Days, not_own }
    }

    /// From when on, along its axis; never without a value.
    pub fn from(&self, rows: &Frame, row: u32) -> i64 {
        let cells = &rows.cells[self.column];
        if !cells.is_given(row as usize) {
            return i64::MAX;
        }
        let it = as_long(cells.get(row as usize));
        if self.by_day { i64::from(calendar::day_of_time(it)) } else { it }
    }
}

impl Places<'_> {
    pub fn window(&self, time: i64) -> Window {
        let day = i32::try_from(time).unwrap_or(i32::MIN);
        match self.fact.reach {
            Reach::All => Window { low: i64::MIN, high: i64::MAX },
            Reach::Before => Window { low: i64::MIN, high: time },
            Reach::AsOf => Window { low: i64::MIN, high: time.saturating_add(1) },
            Reach::SameDay => Window { low: time, high: time.saturating_add(1) },
            Reach::Days(length) => {
                let low = calendar::negated(length).and_then(|it| calendar::add_to_date(day, it));
                Window { low: low.map_or(i64::MIN, i64::from), high: time }
            }
            Reach::Time(length) => {
                let low = calendar::negated(length).and_then(|it| calendar::add_to_time(time, it));
                Window { low: low.unwrap_or(i64::MIN), high: time }
            }
        }
    }

    /// The columns of an axis, of the rows and of the judged rows.
    pub fn columns(&self, axis: Axis) -> Option<(usize, usize)> {
        match axis {
            Axis::None => None,
            Axis::Days => self.days,
            Axis::Instants => self.instants,
        }
    }

    /// Whether a judged row has all that the fact needs of it.
    pub fn is_asked(&self, judged: &Frame, row: u32) -> bool {
        self.needed.iter().all(|at| judged.cells[*at].is_given(row as usize))
    }

    /// Whether a row may count for anybody.
    pub fn may_count(&self, rows: &Frame, row: u32) -> bool {
        let at = row as usize;
        let cells = |it: usize| &rows.cells[it];
        let given = |it: Option<usize>| it.is_none_or(|it| cells(it).is_given(at));
        let known = |it: &Known| it.not_own && self.own.is_some() || cells(it.column).is_given(at);
        let filter: Option<&Cells> = self.filter.map(cells);
        filter.is_none_or(|it| it.is_true(at))
            && given(self.columns(axis(self.fact)).map(|it| it.0))
            && given(self.others.map(|it| it.0))
            && self.known.iter().all(known)
    }

    /// Whether days on which rows may have happened lie where the data are not complete.
    pub fn incomplete(&self, window: Window) -> bool {
        let day = |it: i64| match self.fact.reach {
            Reach::Time(_) if it != i64::MIN => i64::from(calendar::day_of_time(it)),
            _ => it,
        };
        let lacks_first = |since: i32| day(window.low) < i64::from(since);
        let lacks_last = |until: i32| i64::from(until) < day(window.high.saturating_sub(1));
        self.fact.complete_since.is_some_and(lacks_first)
            || self.fact.complete_until.is_some_and(lacks_last)
    }
}
