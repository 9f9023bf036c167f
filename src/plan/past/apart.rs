//! Where a judged row asks of each row what no order of time tells: all that its window may hold
//! are looked at.

use crate::plan::past::places::Axis;
use crate::plan::past::places::Known;
use crate::plan::past::places::Places;
use crate::plan::past::places::Sides;
use crate::plan::past::places::as_long;
use crate::plan::past::places::axis;
use crate::plan::past::statistic::Answer;
use crate::plan::past::statistic::Members;
use crate::plan::past::statistic::State;
use crate::value::Reason;

/// The answer for a judged row over rows of its group, which stand in the order of their times.
pub fn apart(places: &Places, sides: &Sides, rows: &[u32], times: &[i64], judged: u32) -> Answer {
    if !places.is_asked(sides.judged, judged) {
        return Err(Reason::NotGiven);
    }
    let now = |axis: Axis| {
        let at = places.columns(axis)?.1;
        Some(as_long(sides.judged.cells[at].get(judged as usize)))
    };
    let of_fact = axis(places.fact);
    let window = places.window(now(of_fact).unwrap_or(0));
    if places.incomplete(window) {
        return Err(Reason::HistoryIncomplete);
    }
    let rows = match of_fact {
        Axis::None => rows,
        Axis::Days | Axis::Instants => {
            let first = times.partition_point(|it| *it < window.low);
            let last = times.partition_point(|it| *it < window.high);
            &rows[first..last.max(first)]
        }
    };
    let counts = |row: &u32| {
        let own = places.own.is_some_and(|it| it.0[*row as usize] == it.1[judged as usize]);
        let known = |it: &Known| {
            it.not_own && own || now(it.axis).is_some_and(|now| it.from(sides.rows, *row) <= now)
        };
        let other = places.others.is_none_or(|(theirs, ours)| {
            let theirs = sides.rows.cells[theirs].get(*row as usize);
            theirs != sides.judged.cells[ours].get(judged as usize)
        });
        let held = places.held.as_ref();
        other
            && places.known.iter().all(known)
            && held.is_none_or(|it| it.holds(sides.rows, *row, sides.judged, judged))
    };
    let seen: Vec<u32> = rows.iter().copied().filter(counts).collect();
    let mut state = State::new(Members::of(places, sides.rows, &seen), None);
    (0..seen.len()).for_each(|at| state.enter(at));
    state.answer(None)
}
