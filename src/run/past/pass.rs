//! Facts over gathered rows: those with the same keys share their groups, along one axis of time
//! also their order.

use std::collections::BTreeMap;

use crate::ir::E;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::RuleSet;
use crate::ir::Statistic;
use crate::plan::past::frame::Frame;
use crate::plan::past::frame::Request;
use crate::plan::past::frame::Words;
use crate::plan::past::group::Groups;
use crate::plan::past::group::Sorted;
use crate::plan::past::pair::Condition;
use crate::plan::past::pair::Held;
use crate::plan::past::places;
use crate::plan::past::places::Axis;
use crate::plan::past::places::Known;
use crate::plan::past::places::Places;
use crate::plan::past::places::Sides;
use crate::plan::past::statistic::Totals;
use crate::plan::past::store::Judged;
use crate::plan::past::store::Store;
use crate::plan::past::summed;
use crate::plan::past::summed::Summed;
use crate::plan::past::sweep;
use crate::trouble::Trouble;
use crate::value::text::Form;

/// Where a fact's expressions stand among the columns.
pub struct Passed {
    pub keys: Vec<(usize, usize)>,
    /// In which texts of the keys are compared.
    pub forms: Vec<Form>,
    filter: Option<usize>,
    value: Option<usize>,
    weight: Option<usize>,
    known: Vec<Known>,
    /// Columns that tell the declaration of a row and of a judged row.
    own: Vec<Pair>,
    others: Option<(usize, usize)>,
    pub days: Option<(usize, usize)>,
    instants: Option<(usize, usize)>,
    needed: Vec<usize>,
    held: Option<Compared>,
}

/// A condition on both sides, and the columns of what it needs of each.
struct Compared {
    condition: Condition,
    theirs: Vec<usize>,
    ours: Vec<usize>,
}

impl Passed {
    /// `rows` is nothing where rows and judged rows share their columns.
    pub fn of<'a>(
        set: &RuleSet,
        fact: &Fact,
        rows: Option<&mut Request<'a>>,
        judged: &mut Request<'a>,
    ) -> Passed {
        let form = |(theirs, ours): &(E, E)| theirs.ty.form().max(ours.ty.form());
        let ours = |judged: &mut Request, it: &(E, E)| judged.column(&it.1, form(it));
        let keys: Vec<usize> = fact.keys.iter().map(|it| ours(judged, it)).collect();
        let others = fact.others.as_ref().map(|it| ours(judged, it));
        let days = fact.dates.as_ref().map(|it| ours(judged, it));
        let instants = fact.instants.as_ref().map(|it| ours(judged, it));
        let own_keys: Vec<usize> = fact.own.iter().map(|it| ours(judged, it)).collect();
        let exact = |it: &E, side: &mut Request<'a>| side.column(it, Form::Exact);
        let own: Vec<usize> = fact.needed.iter().map(|it| exact(it, judged)).collect();
        let needed = others.into_iter().chain(days).chain(instants).chain(own).collect();
        let condition = fact.filter.as_ref().and_then(|it| Condition::of(set, it));
        let of_ours = |it: &Condition| it.ours.iter().map(|it| exact(it, judged)).collect();
        let compared: Option<Vec<usize>> = condition.as_ref().map(of_ours);
        let rows = rows.unwrap_or(judged);
        let theirs = |rows: &mut Request, it: &(E, E)| rows.column(&it.0, form(it));
        let of_value = match fact.statistic {
            Statistic::DistinctCount => fact.value.as_ref().map_or(Form::Exact, |it| it.ty.form()),
            _ => Form::Exact,
        };
        let mut plain = |it: &Option<E>, form| it.as_ref().map(|it| rows.column(it, form));
        let alone = fact.filter.clone().filter(|_| condition.is_none());
        let filter = plain(&alone, Form::Exact);
        let value = plain(&fact.value, of_value);
        let weight = plain(&fact.weight, Form::Exact);
        let mut known = Vec::new();
        if let Some(it) = &fact.known_from {
            let column = rows.column(it, Form::Exact);
            known.push(Known::of(fact, &it.ty, column, !fact.own.is_empty()));
        }
        for it in &fact.results_from {
            known.push(Known::of(fact, &it.ty, rows.column(it, Form::Exact), false));
        }
        let their_keys: Vec<usize> = fact.keys.iter().map(|it| theirs(rows, it)).collect();
        Passed {
            keys: their_keys.into_iter().zip(keys).collect(),
            forms: fact.keys.iter().map(form).collect(),
            filter,
            value,
            weight,
            known,
            own: fact.own.iter().map(|it| theirs(rows, it)).zip(own_keys).collect(),
            others: fact.others.as_ref().map(|it| theirs(rows, it)).zip(others),
            days: fact.dates.as_ref().map(|it| theirs(rows, it)).zip(days),
            instants: fact.instants.as_ref().map(|it| theirs(rows, it)).zip(instants),
            needed,
            held: condition.zip(compared).map(|(condition, ours)| {
                let theirs = condition.theirs.iter().map(|it| exact(it, rows)).collect();
                Compared { condition, theirs, ours }
            }),
        }
    }

    /// Where they stand, without what both sides are asked about together.
    fn places<'a>(&self, fact: &'a Fact) -> Places<'a> {
        Places {
            fact,
            filter: self.filter,
            value: self.value,
            weight: self.weight,
            known: self.known.clone(),
            own: None,
            others: self.others,
            days: self.days,
            instants: self.instants,
            needed: self.needed.clone(),
            held: None,
            totals: None,
        }
    }

    /// Whether rows may be added up before they are looked at.
    pub fn is_summed(&self, fact: &Fact) -> bool {
        self.held.is_none() && summed::is_summed(fact)
    }
}

/// Rows of one fact that are added up while they are read.
pub struct Sum<'a> {
    pub fact: &'a (FactId, Passed),
    places: Places<'a>,
    summed: Summed,
}

impl<'a> Sum<'a> {
    /// `frame` has no rows and all columns of the rows.
    pub fn new(set: &'a RuleSet, fact: &'a (FactId, Passed), frame: Frame) -> Sum<'a> {
        let places = fact.1.places(&set.facts[fact.0.0]);
        let keys = fact.1.keys.iter().map(|it| it.0);
        let summed = Summed::new(&places, keys, frame);
        Sum { fact, places, summed }
    }

    pub fn add(&mut self, rows: &Frame) {
        self.summed.add(&self.places, rows);
    }

    /// How many rows are left.
    pub fn rows(&self) -> usize {
        self.summed.totals.len()
    }

    /// Finds the fact for some judged rows.
    ///
    /// Errors: as [`passes`].
    pub fn find(
        &self,
        set: &RuleSet,
        (judged, words): (&Frame, &Words),
        store: &mut Store,
        threads: usize,
    ) -> Result<(), Trouble> {
        let gathered = Gathered {
            rows: &self.summed.frame,
            judged,
            words,
            lengths: &[],
            in_place: false,
            totals: Some(&self.summed.totals),
        };
        passes(set, std::iter::once(self.fact), &gathered, store, threads)
    }
}

/// A column of the rows and one of the judged rows.
type Pair = (usize, usize);

type Asked<'a> = Vec<&'a (FactId, Passed)>;

/// Gathered rows, and the judged rows: the same frame where they are the same.
pub struct Gathered<'a> {
    pub rows: &'a Frame,
    pub judged: &'a Frame,
    pub words: &'a Words,
    /// How far the judged rows of each file reach.
    pub lengths: &'a [usize],
    /// Judged rows are known by their places in the frame, not by their numbers.
    pub in_place: bool,
    /// What each row adds up to, where rows stand for several.
    pub totals: Option<&'a [Totals]>,
}

/// Numbers for the declarations of rows and judged rows, told by these columns.
fn declarations(own: &[Pair], rows: &Frame, judged: &Frame) -> Option<(Vec<u32>, Vec<u32>)> {
    if own.is_empty() {
        return None;
    }
    let mut groups = Groups::default();
    let theirs: Vec<_> = own.iter().map(|it| &rows.cells[it.0]).collect();
    let of_rows = groups.of(&theirs, rows.len());
    let ours: Vec<_> = own.iter().map(|it| &judged.cells[it.1]).collect();
    Some((of_rows, groups.of(&ours, judged.len())))
}

/// Finds the facts, into the store.
///
/// Errors: a disk that refuses, where answers are put away.
pub fn passes<'a>(
    set: &RuleSet,
    facts: impl Iterator<Item = &'a (FactId, Passed)>,
    gathered: &Gathered,
    store: &mut Store,
    threads: usize,
) -> Result<(), Trouble> {
    let Gathered { rows, judged, .. } = gathered;
    let mut by_keys: BTreeMap<&[Pair], Asked> = BTreeMap::new();
    for it in facts {
        by_keys.entry(&it.1.keys).or_default().push(it);
    }
    let same = std::ptr::eq(*rows, *judged);
    for (keys, facts) in by_keys {
        let mut groups = Groups::default();
        let theirs: Vec<_> = keys.iter().map(|it| &rows.cells[it.0]).collect();
        let of_rows = groups.of(&theirs, rows.len());
        let own_groups = if same && keys.iter().all(|it| it.0 == it.1) {
            None
        } else {
            let ours: Vec<_> = keys.iter().map(|it| &judged.cells[it.1]).collect();
            Some(groups.of(&ours, judged.len()))
        };
        let mut by_time: BTreeMap<(Axis, Option<Pair>), Asked> = BTreeMap::new();
        for it in facts {
            let axis = places::axis(&set.facts[it.0.0]);
            let columns = match axis {
                Axis::None => None,
                Axis::Days => it.1.days,
                Axis::Instants => it.1.instants,
            };
            by_time.entry((axis, columns)).or_default().push(it);
        }
        for ((_, columns), facts) in by_time {
            let times = columns.map(|it| &rows.cells[it.0]);
            let sorted_rows = Sorted::new(&of_rows, groups.count(), times);
            let own_judged = match &own_groups {
                None if columns.is_none_or(|it| it.0 == it.1) => None,
                own => {
                    let times = columns.map(|it| &judged.cells[it.1]);
                    let of_judged = own.as_ref().unwrap_or(&of_rows);
                    Some(Sorted::new(of_judged, groups.count(), times))
                }
            };
            let sorted_judged = own_judged.as_ref().unwrap_or(&sorted_rows);
            let sides = Sides { rows, judged, sorted_rows: &sorted_rows, sorted_judged };
            for (id, it) in facts {
                let own = declarations(&it.own, rows, judged);
                let places = Places {
                    own: own.as_ref().map(|it| (it.0.as_slice(), it.1.as_slice())),
                    held: it.held.as_ref().map(|it| Held {
                        condition: &it.condition,
                        theirs: &it.theirs,
                        ours: &it.ours,
                        words: &gathered.words.all,
                    }),
                    totals: gathered.totals,
                    ..it.places(&set.facts[id.0])
                };
                let found = sweep::sweep(&places, &sides, threads);
                let known = Judged {
                    order: &sorted_judged.order,
                    rows: (!gathered.in_place).then_some(judged.rows.as_slice()),
                    lengths: gathered.lengths,
                };
                store.know(*id, &known, found, gathered.words)?;
            }
        }
    }
    Ok(())
}
