//! One fact over all its groups: rows enter when they happen and are known, and leave the window.

use crate::ir::Fact;
use crate::ir::Reach;
use crate::plan::past::Map;
use crate::plan::past::cells::Cells;
use crate::plan::past::cells::NONE;
use crate::plan::past::frame::Frame;
use crate::plan::past::group::Sorted;
use crate::plan::past::pair::Held;
use crate::plan::past::statistic::Answer;
use crate::plan::past::statistic::Members;
use crate::plan::past::statistic::State;
use crate::schema::Type;
use crate::value::Reason;
use crate::value::calendar;

/// A fact, and where its expressions stand among the columns of rows and judged rows.
pub struct Places<'a> {
    pub fact: &'a Fact,
    pub filter: Option<usize>,
    pub value: Option<usize>,
    pub weight: Option<usize>,
    pub known: Option<usize>,
    /// Of the rows, of the judged rows.
    pub others: Option<(usize, usize)>,
    pub days: Option<(usize, usize)>,
    pub instants: Option<(usize, usize)>,
    /// Columns of the judged rows without which there is no value, besides its keys.
    pub needed: Vec<usize>,
    /// A condition that each judged row asks of each row of its group.
    pub held: Option<Held<'a>>,
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
struct Window {
    low: i64,
    high: i64,
}

fn as_long(cell: i128) -> i64 {
    i64::try_from(cell).unwrap_or(i64::MIN)
}

impl Places<'_> {
    fn window(&self, time: i64) -> Window {
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

    fn time_columns(&self) -> Option<(usize, usize)> {
        match axis(self.fact) {
            Axis::None => None,
            Axis::Days => self.days,
            Axis::Instants => self.instants,
        }
    }

    /// Along which axis it is told from when on a row is known.
    fn known_axis(&self) -> Axis {
        match &self.fact.known_from {
            None => Axis::None,
            Some(it) if it.ty == Type::DateTime && self.instants.is_some() => Axis::Instants,
            Some(_) => Axis::Days,
        }
    }

    fn known_at(&self, cell: i128) -> i64 {
        let instant = self.fact.known_from.as_ref().is_some_and(|it| it.ty == Type::DateTime);
        if instant && self.known_axis() == Axis::Days {
            return i64::from(calendar::day_of_time(as_long(cell)));
        }
        as_long(cell)
    }

    fn incomplete(&self, window: Window) -> bool {
        let Some(since) = self.fact.complete_since else { return false };
        let first = match self.fact.reach {
            Reach::Time(_) if window.low != i64::MIN => {
                i64::from(calendar::day_of_time(window.low))
            }
            _ => window.low,
        };
        first < i64::from(since)
    }
}

/// Groups in one thread's share.
const THREADS_FROM: usize = 20_000;

/// The answer for each judged row of `sorted_judged.order`, in that order.
pub fn sweep(places: &Places, sides: &Sides, threads: usize) -> (Cells, Vec<u8>) {
    let groups = sides.sorted_judged.starts.len() - 1;
    let total = sides.sorted_judged.order.len();
    let threads = if total < THREADS_FROM { 1 } else { threads.max(1) };
    let mut bounds = vec![0];
    for part in 1..threads {
        let wanted = total * part / threads;
        bounds.push(sides.sorted_judged.starts.partition_point(|it| *it < wanted).min(groups));
    }
    bounds.push(groups);
    let share = |range: std::ops::Range<usize>| {
        let mut out = Out::default();
        let mut scratch = Scratch::default();
        for group in range {
            one_group(places, sides, group, &mut scratch, &mut out);
        }
        out
    };
    let all: Vec<Out> = std::thread::scope(|scope| {
        let spawn = |it: &[usize]| {
            let range = it[0]..it[1].max(it[0]);
            scope.spawn(move || share(range))
        };
        let workers: Vec<_> = bounds.windows(2).map(spawn).collect();
        workers
            .into_iter()
            .map(|it| match it.join() {
                Ok(it) => it,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    let mut all = all.into_iter();
    let mut whole = all.next().unwrap_or_default();
    for mut it in all {
        whole.cells.take(&mut it.cells);
        whole.reasons.append(&mut it.reasons);
    }
    (whole.cells, whole.reasons)
}

struct Out {
    cells: Cells,
    reasons: Vec<u8>,
}

impl Default for Out {
    fn default() -> Out {
        Out { cells: Cells::Narrow(Vec::new()), reasons: Vec::new() }
    }
}

impl Out {
    fn push(&mut self, answer: Answer) {
        match answer {
            Ok(cell) => {
                self.cells.push(cell);
                self.reasons.push(0);
            }
            Err(reason) => {
                self.cells.push(NONE);
                self.reasons.push(reason.number());
            }
        }
    }
}

/// The rows of a group that count at all, and their times; used again for the next group.
#[derive(Default)]
struct Scratch {
    rows: Vec<u32>,
    times: Vec<i64>,
}

fn one_group(places: &Places, sides: &Sides, group: usize, scratch: &mut Scratch, out: &mut Out) {
    let (judged, judged_times) = sides.sorted_judged.group(group);
    if judged.is_empty() {
        return;
    }
    let cells = |at: usize| &sides.rows.cells[at];
    let time = places.time_columns().map(|it| cells(it.0));
    let known = places.known.map(cells);
    let other = places.others.map(|it| cells(it.0));
    let filter = places.filter.map(cells);
    let (all, all_times) = sides.sorted_rows.group(group);
    scratch.rows.clear();
    scratch.times.clear();
    for (row, at) in all.iter().zip(all_times) {
        let place = *row as usize;
        let given = |it: Option<&Cells>| it.is_none_or(|it| it.is_given(place));
        if filter.is_none_or(|it| it.is_true(place)) && given(time) && given(known) && given(other)
        {
            scratch.rows.push(*row);
            scratch.times.push(*at);
        }
    }
    let members = Members {
        fact: places.fact,
        rows: &scratch.rows,
        values: places.value.map(cells),
        weights: places.weight.map(cells),
        days: places.days.map(|it| cells(it.0)),
    };
    let known_axis = places.known_axis();
    let crossed = known_axis != Axis::None && known_axis != axis(places.fact);
    if crossed || places.held.is_some() {
        apart(places, sides, &scratch.rows, judged, out);
        return;
    }
    let mut group = Group::new(places, sides, &scratch.times, State::new(members));
    for (row, time) in judged.iter().zip(judged_times) {
        let answer = group.judge(*row, *time);
        out.push(answer);
    }
}

/// Rows of a group as they enter and leave.
struct Group<'a> {
    places: &'a Places<'a>,
    sides: &'a Sides<'a>,
    state: State<'a>,
    /// When each row happened, by position.
    times: &'a [i64],
    /// How much later than it happened a row counts.
    later: i64,
    /// Where rows are known later than they happen: positions by the first judged time at which
    /// they count, with that time; and which have entered, and which are gone.
    entering: Vec<(i64, u32)>,
    present: Vec<bool>,
    gone: Vec<bool>,
    entered: usize,
    leaving: usize,
    /// Positions in the window, by the value that `of others` compares.
    by_other: Map<i128, Vec<u32>>,
    window: Option<(i64, Window, bool)>,
    last: Option<(usize, usize, Answer)>,
}

impl<'a> Group<'a> {
    fn new(
        places: &'a Places<'a>,
        sides: &'a Sides<'a>,
        times: &'a [i64],
        state: State<'a>,
    ) -> Group<'a> {
        let later = match places.fact.reach {
            Reach::All | Reach::AsOf | Reach::SameDay => 0,
            Reach::Days(_) | Reach::Time(_) | Reach::Before => 1,
        };
        let mut it = Group {
            places,
            sides,
            state,
            times,
            later,
            entering: Vec::new(),
            present: Vec::new(),
            gone: Vec::new(),
            entered: 0,
            leaving: 0,
            by_other: Map::default(),
            window: None,
            last: None,
        };
        if let Some(known) = places.known {
            let known = &sides.rows.cells[known];
            let from = |(at, row): (usize, &u32)| {
                let known = places.known_at(known.get(*row as usize));
                let happened = times[at].saturating_add(later);
                (happened.max(known), u32::try_from(at).unwrap_or(u32::MAX))
            };
            it.entering = it.state.rows().iter().enumerate().map(from).collect();
            it.entering.sort_unstable();
            it.present = vec![false; times.len()];
            it.gone = vec![false; times.len()];
        }
        it
    }

    /// The next position that counts at this time.
    fn next(&self, time: i64) -> Option<usize> {
        if self.places.known.is_some() {
            let next = self.entering.get(self.entered).filter(|it| it.0 <= time);
            return next.map(|it| it.1 as usize);
        }
        let happened = *self.times.get(self.entered)?;
        (happened.saturating_add(self.later) <= time).then_some(self.entered)
    }

    fn judge(&mut self, row: u32, time: i64) -> Answer {
        let cells = &self.sides.judged.cells;
        if !self.places.needed.iter().all(|at| cells[*at].is_given(row as usize)) {
            return Err(Reason::NotGiven);
        }
        let (window, incomplete) = match self.window {
            Some((at, window, incomplete)) if at == time => (window, incomplete),
            _ => {
                let window = self.places.window(time);
                let incomplete = self.places.incomplete(window);
                self.window = Some((time, window, incomplete));
                (window, incomplete)
            }
        };
        if incomplete {
            return Err(Reason::HistoryIncomplete);
        }
        while let Some(at) = self.next(time) {
            self.enter(at);
            self.entered += 1;
        }
        while self.times.get(self.leaving).is_some_and(|it| *it < window.low) {
            self.leave(self.leaving);
            self.leaving += 1;
        }
        if let Some((_, ours)) = self.places.others {
            let none = Vec::new();
            let absent = self.by_other.get(&cells[ours].get(row as usize)).unwrap_or(&none);
            return self.state.without(absent);
        }
        if let Some((entered, leaving, answer)) = self.last
            && (entered, leaving) == (self.entered, self.leaving)
        {
            return answer;
        }
        let answer = self.state.answer();
        self.last = Some((self.entered, self.leaving, answer));
        answer
    }

    fn other(&self, at: usize) -> Option<i128> {
        let (theirs, _) = self.places.others?;
        Some(self.sides.rows.cells[theirs].get(self.state.rows()[at] as usize))
    }

    fn enter(&mut self, at: usize) {
        if let Some(gone) = self.gone.get(at) {
            if *gone {
                return;
            }
            self.present[at] = true;
        }
        self.state.enter(at);
        if let Some(other) = self.other(at) {
            self.by_other.entry(other).or_default().push(u32::try_from(at).unwrap_or(u32::MAX));
        }
    }

    /// Positions leave in the order of their times; one that is not known yet never enters.
    fn leave(&mut self, at: usize) {
        if let Some(gone) = self.gone.get_mut(at) {
            *gone = true;
            if !self.present[at] {
                return;
            }
        }
        self.state.leave(at);
        if let Some(other) = self.other(at)
            && let Some(all) = self.by_other.get_mut(&other)
        {
            all.retain(|it| *it as usize != at);
        }
    }
}

/// Known along another axis than it happened, or compared with it: each judged row looks at all
/// the rows.
fn apart(places: &Places, sides: &Sides, rows: &[u32], judged: &[u32], out: &mut Out) {
    let cell = |frame: &Frame, at: Option<usize>, row: u32| {
        at.map_or(0, |at| as_long(frame.cells[at].get(row as usize)))
    };
    let time = places.time_columns();
    let known_axis = match places.known_axis() {
        Axis::Instants => places.instants,
        Axis::Days | Axis::None => places.days,
    };
    for row in judged {
        if !places.needed.iter().all(|at| sides.judged.cells[*at].is_given(*row as usize)) {
            out.push(Err(Reason::NotGiven));
            continue;
        }
        let window = places.window(cell(sides.judged, time.map(|it| it.1), *row));
        if places.incomplete(window) {
            out.push(Err(Reason::HistoryIncomplete));
            continue;
        }
        let now = cell(sides.judged, known_axis.map(|it| it.1), *row);
        let ours = places.others.map(|it| sides.judged.cells[it.1].get(*row as usize));
        let seen: Vec<u32> = rows
            .iter()
            .copied()
            .filter(|it| {
                let happened = cell(sides.rows, time.map(|it| it.0), *it);
                let known = places
                    .known
                    .map_or(i64::MIN, |at| places.known_at(sides.rows.cells[at].get(*it as usize)));
                let theirs = places.others.map(|at| sides.rows.cells[at.0].get(*it as usize));
                let reached = time.is_none() || (window.low <= happened && happened < window.high);
                let holds = |held: &Held| held.holds(sides.rows, *it, sides.judged, *row);
                reached
                    && known <= now
                    && (ours.is_none() || theirs != ours)
                    && places.held.as_ref().is_none_or(holds)
            })
            .collect();
        let cells = |at: usize| &sides.rows.cells[at];
        let mut state = State::new(Members {
            fact: places.fact,
            rows: &seen,
            values: places.value.map(cells),
            weights: places.weight.map(cells),
            days: places.days.map(|it| cells(it.0)),
        });
        (0..seen.len()).for_each(|at| state.enter(at));
        out.push(state.answer());
    }
}
