//! Rows by group and time: counting sorts over the numbers of keys.

use std::collections::HashMap;

use crate::plan::past::frame::Cells;

/// The group of a row without a key.
pub const NO_GROUP: u32 = u32::MAX;

/// Numbers for the distinct tuples of the columns; rows and judged rows share them.
#[derive(Debug, Default)]
pub struct Groups {
    /// For each column after the first: a pair of the number so far and the cell.
    steps: Vec<HashMap<(u32, i128), u32>>,
    count: u32,
}

impl Groups {
    /// The group of every row. Without columns all rows are one group.
    pub fn of(&mut self, columns: &[&Cells], rows: usize) -> Vec<u32> {
        let mut groups = vec![0_u32; rows];
        self.count = self.count.max(1);
        for (step, column) in columns.iter().enumerate() {
            if self.steps.len() <= step {
                self.steps.push(HashMap::new());
            }
            let known = &mut self.steps[step];
            let mut last: Option<((u32, i128), u32)> = None;
            for (at, group) in groups.iter_mut().enumerate() {
                if *group == NO_GROUP || !column.is_given(at) {
                    *group = NO_GROUP;
                    continue;
                }
                let key = (*group, column.get(at));
                if let Some((before, number)) = last
                    && before == key
                {
                    *group = number;
                    continue;
                }
                let next = u32::try_from(known.len()).unwrap_or(NO_GROUP - 1);
                *group = *known.entry(key).or_insert(next);
                last = Some((key, *group));
            }
            self.count = u32::try_from(known.len()).unwrap_or(NO_GROUP - 1);
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
    pub starts: Vec<usize>,
}

impl Sorted {
    /// `times` are `None` where time does not matter.
    pub fn new(groups: &[u32], count: usize, times: Option<&[i64]>) -> Sorted {
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
        if let Some(times) = times {
            // Times too far apart to be counted are compared.
            for it in starts.windows(2) {
                let own = &mut order[it[0]..it[1]];
                if !own.is_sorted_by_key(|row| times[*row as usize]) {
                    own.sort_by_key(|row| times[*row as usize]);
                }
            }
        }
        Sorted { order, starts }
    }

    pub fn group(&self, at: usize) -> &[u32] {
        &self.order[self.starts[at]..self.starts[at + 1]]
    }
}

/// All rows by time, where times are few.
fn by_time(times: &[i64]) -> Option<Vec<u32>> {
    let (low, high) = (times.iter().min()?, times.iter().max()?);
    let range = usize::try_from(high.checked_sub(*low)?).ok()?.checked_add(1)?;
    if times.len().checked_mul(4)?.max(1 << 16) < range {
        return None;
    }
    let place = |time: i64| usize::try_from(time - low).unwrap_or(0);
    let mut next = vec![0_usize; range + 1];
    for time in times {
        next[place(*time) + 1] += 1;
    }
    for at in 0..range {
        next[at + 1] += next[at];
    }
    let mut order = vec![0_u32; times.len()];
    for (row, time) in times.iter().enumerate() {
        let at = &mut next[place(*time)];
        order[*at] = u32::try_from(row).unwrap_or(u32::MAX);
        *at += 1;
    }
    Some(order)
}
