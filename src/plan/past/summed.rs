//! Rows that nobody tells apart, as one row with what they add up to. Of a key that very many rows
//! have, or of no key at all, only so many are left as there are days.

use crate::ir::Fact;
use crate::ir::Statistic;
use crate::plan::past::Map;
use crate::plan::past::frame::Frame;
use crate::plan::past::places;
use crate::plan::past::places::Places;
use crate::plan::past::statistic::Members;
use crate::plan::past::statistic::Totals;

/// The rows of one fact.
pub struct Summed {
    /// Columns stand where they stood; those that tell no rows apart are empty.
    pub frame: Frame,
    pub totals: Vec<Totals>,
    /// The columns that tell rows apart.
    columns: Vec<usize>,
    /// A column that is true in every row.
    filter: Option<usize>,
    known: Map<Vec<i128>, u32>,
}

/// Whether the statistic of many rows follows from what they add up to.
pub fn is_summed(fact: &Fact) -> bool {
    let adds = match fact.statistic {
        Statistic::Count | Statistic::Sum | Statistic::Average => true,
        Statistic::DistinctCount
        | Statistic::Percentile(_)
        | Statistic::Smallest
        | Statistic::Largest
        | Statistic::FirstDate
        | Statistic::LastDate
        | Statistic::Latest => false,
    };
    adds && fact.others.is_none() && fact.own.is_empty()
}

impl Summed {
    /// Without rows. `keys` are the columns of the keys, `frame` has no rows and all columns.
    pub fn new(places: &Places, keys: impl Iterator<Item = usize>, frame: Frame) -> Summed {
        let time = places.columns(places::axis(places.fact)).map(|it| it.0);
        let known = places.known.iter().map(|it| it.column);
        let mut columns: Vec<usize> = keys.chain(time).chain(known).collect();
        columns.sort_unstable();
        columns.dedup();
        let filter = places.filter.filter(|it| !columns.contains(it));
        Summed { frame, totals: Vec::new(), columns, filter, known: Map::default() }
    }

    /// Adds the rows of a frame that count at all.
    pub fn add(&mut self, places: &Places, rows: &Frame) {
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let counted: Vec<u32> = (0..count).filter(|it| places.may_count(rows, *it)).collect();
        let members = Members::of(places, rows, &counted);
        let mut cells = Vec::with_capacity(self.columns.len());
        for (at, row) in counted.iter().enumerate() {
            cells.clear();
            cells.extend(self.columns.iter().map(|it| rows.cells[*it].get(*row as usize)));
            let own = match self.known.get(cells.as_slice()) {
                Some(it) => *it as usize,
                None => self.row(&cells),
            };
            self.totals[own].change(&members, at, 1);
        }
    }

    /// A new row of these cells.
    fn row(&mut self, cells: &[i128]) -> usize {
        let own = self.totals.len();
        self.totals.push(Totals::default());
        self.known.insert(cells.to_vec(), u32::try_from(own).unwrap_or(u32::MAX));
        let told = self.columns.iter().copied().zip(cells.iter().copied());
        self.frame.push(told.chain(self.filter.map(|it| (it, 1))));
        own
    }
}
