//! One fact over all its groups: rows enter when they happen and are known, and leave the window.

use crate::ir::Reach;
use crate::plan::past::Map;
use crate::plan::past::apart::apart;
use crate::plan::past::cells::Cells;
use crate::plan::past::cells::NONE;
use crate::plan::past::places::Axis;
use crate::plan::past::places::Known;
use crate::plan::past::places::Places;
use crate::plan::past::places::Sides;
use crate::plan::past::places::Window;
use crate::plan::past::places::as_long;
use crate::plan::past::places::axis;
use crate::plan::past::statistic::Answer;
use crate::plan::past::statistic::Members;
use crate::plan::past::statistic::State;
use crate::value::Reason;

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
    let (all, all_times) = sides.sorted_rows.group(group);
    scratch.rows.clear();
    scratch.times.clear();
    for (row, at) in all.iter().zip(all_times) {
        if places.may_count(sides.rows, *row) {
            scratch.rows.push(*row);
            scratch.times.push(*at);
        }
    }
    let Scratch { rows, times } = scratch;
    let lines =
        if places.held.is_some() { None } else { Lines::of(places, sides, judged, judged_times) };
    let Some(lines) = lines else {
        judged.iter().for_each(|it| out.push(apart(places, sides, rows, times, *it)));
        return;
    };
    let members = Members::of(places, sides.rows, rows);
    let (parts, part_of) = parts(places, sides, rows);
    let mut group = Group::new(places, sides, times, State::new(members, parts), &lines);
    group.part_of = part_of;
    let Some(order) = &lines.order else {
        for (at, (row, time)) in judged.iter().zip(judged_times).enumerate() {
            let answer = group.judge(at, *row, *time);
            out.push(answer);
        }
        return;
    };
    let mut answers = vec![Err(Reason::NotGiven); judged.len()];
    for (at, place) in order.iter().enumerate() {
        let place = *place as usize;
        answers[place] = group.judge(at, judged[place], judged_times[place]);
    }
    answers.into_iter().for_each(|it| out.push(it));
}

/// Numbers of what `of others` compares: of each row, and by value.
fn parts(places: &Places, sides: &Sides, rows: &[u32]) -> (Option<Vec<u32>>, Map<i128, u32>) {
    let mut numbers: Map<i128, u32> = Map::default();
    let Some((theirs, _)) = places.others else { return (None, numbers) };
    let cells = &sides.rows.cells[theirs];
    let number = |row: &u32| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(cells.get(*row as usize)).or_insert(next)
    };
    let parts = rows.iter().map(number).collect();
    (Some(parts), numbers)
}

/// The judged rows of a group in an order in which no time goes back: the axis of the fact, and
/// the other one where something is known along it.
struct Lines {
    /// By place in the order: the place in the group. `None`: as they stand.
    order: Option<Vec<u32>>,
    /// Along the axis of the fact, in that order; of what is asked about only.
    times: Vec<i64>,
    /// Along the other axis.
    others: Vec<i64>,
}

impl Lines {
    /// Nothing where there is no such order.
    fn of(places: &Places, sides: &Sides, judged: &[u32], times: &[i64]) -> Option<Lines> {
        let own = axis(places.fact);
        if places.known.is_empty() {
            return Some(Lines { order: None, times: Vec::new(), others: Vec::new() });
        }
        if own == Axis::None {
            return None;
        }
        let mut crossing = places.known.iter().map(|it| it.axis).filter(|it| *it != own);
        let other = match crossing.next() {
            Some(it) => Some(places.columns(it)?.1),
            None => None,
        };
        let second = |place: &u32| {
            let row = judged[*place as usize] as usize;
            other.map_or(0, |at| as_long(sides.judged.cells[at].get(row)))
        };
        let count = u32::try_from(judged.len()).unwrap_or(u32::MAX);
        let asked = |it: &u32| places.is_asked(sides.judged, judged[*it as usize]);
        let mut order: Vec<u32> = (0..count).filter(asked).collect();
        if other.is_some() {
            order.sort_by_key(|it| (times[*it as usize], second(it)));
        }
        let of_order = |it: &u32| times[*it as usize];
        let lines = Lines {
            times: order.iter().map(of_order).collect(),
            others: other.map_or(Vec::new(), |_| order.iter().map(second).collect()),
            order: Some(order),
        };
        lines.others.is_sorted().then_some(lines)
    }

    /// The first place in the order that comes not before these times.
    fn place(&self, time: i64, other: i64) -> u32 {
        let own = self.times.partition_point(|it| *it < time);
        let other = self.others.partition_point(|it| *it < other);
        u32::try_from(own.max(other)).unwrap_or(u32::MAX)
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
    /// Where rows are known later than they happen: positions by the first place of a judged row
    /// for which they count; and which have entered, and which are gone.
    entering: Vec<(u32, u32)>,
    present: Vec<bool>,
    gone: Vec<bool>,
    entered: usize,
    leaving: usize,
    /// By declaration: its rows, and from which place on they count for itself.
    own: Map<u32, Vec<(u32, u32)>>,
    /// The part of a value that `of others` compares.
    part_of: Map<i128, u32>,
    window: Option<(i64, Window, bool)>,
    last: Option<(usize, usize, Answer)>,
}

impl<'a> Group<'a> {
    fn new(
        places: &'a Places<'a>,
        sides: &'a Sides<'a>,
        times: &'a [i64],
        state: State<'a>,
        lines: &Lines,
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
            own: Map::default(),
            part_of: Map::default(),
            window: None,
            last: None,
        };
        if !places.known.is_empty() {
            it.wait(lines);
        }
        it
    }

    /// When each row enters.
    fn wait(&mut self, lines: &Lines) {
        let (places, rows) = (self.places, self.state.rows());
        let of_fact = axis(places.fact);
        let place = |at: usize, row: u32, for_itself: bool| {
            let (mut own, mut other) = (self.times[at].saturating_add(self.later), i64::MIN);
            let counts = |it: &&Known| !(for_itself && it.not_own);
            for it in places.known.iter().filter(counts) {
                let from = it.from(self.sides.rows, row);
                let along = if it.axis == of_fact { &mut own } else { &mut other };
                *along = from.max(*along);
            }
            lines.place(own, other)
        };
        self.present = vec![false; rows.len()];
        self.gone = vec![false; rows.len()];
        for (at, row) in rows.iter().enumerate() {
            let position = u32::try_from(at).unwrap_or(u32::MAX);
            let entry = place(at, *row, false);
            self.entering.push((entry, position));
            let Some((declarations, _)) = places.own else { continue };
            let own = place(at, *row, true);
            if own < entry {
                let of_one = self.own.entry(declarations[*row as usize]).or_default();
                of_one.push((own, position));
            }
        }
        self.entering.sort_unstable();
    }

    /// The next position that counts for the judged row at this place and time.
    fn next(&self, place: usize, time: i64) -> Option<usize> {
        if self.places.known.is_empty() {
            let happened = *self.times.get(self.entered)?;
            return (happened.saturating_add(self.later) <= time).then_some(self.entered);
        }
        let next = self.entering.get(self.entered).filter(|it| it.0 as usize <= place);
        next.map(|it| it.1 as usize)
    }

    fn judge(&mut self, place: usize, row: u32, time: i64) -> Answer {
        if !self.places.is_asked(self.sides.judged, row) {
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
        while let Some(at) = self.next(place, time) {
            self.enter(at);
            self.entered += 1;
        }
        while self.times.get(self.leaving).is_some_and(|it| *it < window.low) {
            self.leave(self.leaving);
            self.leaving += 1;
        }
        let own = self.of_itself(place, row);
        own.iter().for_each(|at| self.state.enter(*at));
        let answer = self.answer(row, own.is_empty());
        own.iter().for_each(|at| self.state.leave(*at));
        answer
    }

    fn answer(&mut self, row: u32, again: bool) -> Answer {
        if let Some((_, ours)) = self.places.others {
            let ours = self.sides.judged.cells[ours].get(row as usize);
            return self.state.answer(self.part_of.get(&ours).copied());
        }
        if !again {
            return self.state.answer(None);
        }
        if let Some((entered, leaving, answer)) = self.last
            && (entered, leaving) == (self.entered, self.leaving)
        {
            return answer;
        }
        let answer = self.state.answer(None);
        self.last = Some((self.entered, self.leaving, answer));
        answer
    }

    /// Rows of the judged row's own declaration that others do not know yet.
    fn of_itself(&self, place: usize, row: u32) -> Vec<usize> {
        let Some((_, declarations)) = self.places.own else { return Vec::new() };
        let own = self.own.get(&declarations[row as usize]);
        let counts = |it: &&(u32, u32)| {
            let at = it.1 as usize;
            it.0 as usize <= place && !self.present[at] && !self.gone[at]
        };
        own.into_iter().flatten().filter(counts).map(|it| it.1 as usize).collect()
    }

    fn enter(&mut self, at: usize) {
        if let Some(gone) = self.gone.get(at) {
            if *gone {
                return;
            }
            self.present[at] = true;
        }
        self.state.enter(at);
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
    }
}
