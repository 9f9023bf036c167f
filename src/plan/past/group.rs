//! Rows by group and time: counting sorts over the numbers of keys.

use crate::plan::past::Map;
use crate::plan::past::cells::Cells;
use crate::plan::past::cells::NONE;
use crate::plan::past::cells::long;
use crate::plan::past::cells::short;

/// The group of a row without a key.
pub const NO_GROUP: u32 = u32::MAX;

/// Numbers for the distinct tuples of the columns; rows and judged rows share them.
#[derive(Debug, Default)]
pub struct Groups {
    /// For each column: a number for each pair of the number so far and the cell.
    steps: Vec<Step>,
    count: u32,
}

/// Pairs that have a number already: in a table where cells are few, else by hash.
#[derive(Debug, Default)]
struct Step {
    /// Wide as the largest cell plus one; `NO_GROUP` where there is none yet.
    table: Vec<u32>,
    width: usize,
    known: Map<(u32, i128), u32>,
    count: u32,
}

/// The most places of a table, and so many for each row.
const TABLE: usize = 1 << 22;
const A_ROW: usize = 2;

impl Step {
    /// A table for so many groups and cells of a column, when it is small enough.
    fn prepare(&mut self, groups: usize, cells: &Cells) {
        if self.width != 0 || !self.known.is_empty() {
            return;
        }
        let Cells::Narrow(all) = cells else { return };
        let Some(most) = all.iter().copied().max().and_then(|it| usize::try_from(it).ok()) else {
            return;
        };
        let least = all.iter().copied().filter(|it| *it != i32::MIN).min().unwrap_or(0);
        let places = groups.checked_mul(most + 1).filter(|it| *it <= TABLE.min(A_ROW * all.len()));
        if let (Some(places), true) = (places, 0 <= least) {
            self.table = vec![NO_GROUP; places];
            self.width = most + 1;
        }
    }

    /// From the group so far to that with the cell.
    fn all(&mut self, groups: &mut [u32], cells: impl Iterator<Item = i128>) {
        for (group, cell) in groups.iter_mut().zip(cells) {
            *group = match cell {
                NONE => NO_GROUP,
                _ if *group == NO_GROUP => NO_GROUP,
                cell => self.number(*group, cell),
            };
        }
    }

    fn number(&mut self, group: u32, cell: i128) -> u32 {
        let place = usize::try_from(cell).ok().filter(|it| *it < self.width);
        let place = place.map(|it| group as usize * self.width + it);
        let next = self.count;
        let number = match place.and_then(|it| self.table.get_mut(it)) {
            Some(it) if *it == NO_GROUP => {
                *it = next;
                next
            }
            Some(it) => *it,
            None => *self.known.entry((group, cell)).or_insert(next),
        };
        self.count += u32::from(number == next);
        number
    }
}

impl Groups {
    /// The group of every row. Without columns all rows are one group.
    pub fn of(&mut self, columns: &[&Cells], rows: usize) -> Vec<u32> {
        let mut groups = vec![0_u32; rows];
        self.count = self.count.max(1);
        let mut before = 1;
        for (at, column) in columns.iter().enumerate() {
            if self.steps.len() <= at {
                self.steps.push(Step::default());
            }
            let step = &mut self.steps[at];
            step.prepare(before, column);
            match column {
                Cells::Narrow(all) => step.all(&mut groups, all.iter().map(|it| short(*it))),
                Cells::Long(all) => step.all(&mut groups, all.iter().map(|it| long(*it))),
                Cells::Wide(all) => step.all(&mut groups, all.iter().copied()),
            }
            before = step.count as usize;
            self.count = step.count;
        }
        groups
    }

    pub fn count(&self) -> usize {
        self.count as usize
    }
}

/// Places of rows, group after group, each in the order of its times; rows without a group left
/// out. `starts[g]..starts[g + 1]` are those of a group.
pub struct Sorted {
    pub order: Vec<u32>,
    /// The time of each row of `order`; 0 where time does not matter.
    pub times: Vec<i64>,
    pub starts: Vec<usize>,
}

impl Sorted {
    /// `times` are `None` where time does not matter.
    pub fn new(groups: &[u32], count: usize, times: Option<&Cells>) -> Sorted {
        let mut starts = vec![0_usize; count + 1];
        for group in groups.iter().filter(|it| **it != NO_GROUP) {
            starts[*group as usize + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut order = vec![0_u32; starts[count]];
        let mut place = |row: u32| {
            let group = groups[row as usize];
            if group != NO_GROUP {
                order[next[group as usize]] = row;
                next[group as usize] += 1;
            }
        };
        let rows = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        match times.and_then(by_time) {
            Some(rows) => rows.into_iter().for_each(&mut place),
            None => (0..rows).for_each(&mut place),
        }
        let Some(times) = times else {
            let times = vec![0; order.len()];
            return Sorted { order, times, starts };
        };
        // Times too far apart to be counted are compared.
        for it in starts.windows(2) {
            let own = &mut order[it[0]..it[1]];
            if !own.is_sorted_by_key(|row| time(times, *row)) {
                own.sort_by_key(|row| time(times, *row));
            }
        }
        let times = order.iter().map(|row| time(times, *row)).collect();
        Sorted { order, times, starts }
    }

    /// The rows of a group, and their times.
    pub fn group(&self, at: usize) -> (&[u32], &[i64]) {
        let range = self.starts[at]..self.starts[at + 1];
        (&self.order[range.clone()], &self.times[range])
    }
}

/// When a row happened. Rows without a time stand anywhere: they do not count.
fn time(times: &Cells, row: u32) -> i64 {
    match times {
        Cells::Narrow(all) => match all[row as usize] {
            i32::MIN => 0,
            it => i64::from(it),
        },
        Cells::Long(all) => match all[row as usize] {
            i64::MIN => 0,
            it => it,
        },
        Cells::Wide(_) => 0,
    }
}

/// All rows by time, where times are few.
fn by_time(times: &Cells) -> Option<Vec<u32>> {
    let rows = u32::try_from(times.len()).ok()?;
    let all = || (0..rows).map(|row| time(times, row));
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for it in all() {
        low = low.min(it);
        high = high.max(it);
    }
    let range = usize::try_from(high.checked_sub(low)?).ok()?.checked_add(1)?;
    if times.len().checked_mul(4)?.max(1 << 16) < range {
        return None;
    }
    let place = |time: i64| usize::try_from(time - low).unwrap_or(0);
    let mut next = vec![0_u32; range + 1];
    for time in all() {
        next[place(time) + 1] += 1;
    }
    for at in 0..range {
        next[at + 1] += next[at];
    }
    let mut order = vec![0_u32; times.len()];
    for (row, time) in all().enumerate() {
        let at = &mut next[place(time)];
        order[*at as usize] = u32::try_from(row).unwrap_or(u32::MAX);
        *at += 1;
    }
    Some(order)
}
