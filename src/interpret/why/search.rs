//! The nearest number at which a test changes: outwards in doubling steps, then in between.

/// Where a search ends: values both included.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub first: i128,
    pub last: i128,
}

/// The values nearest to `from` for which the test holds, one upwards and one downwards; the nearer
/// one first. For a test that changes once on the way it is exact.
pub fn nearest(from: i128, range: Range, holds: &mut dyn FnMut(i128) -> bool) -> Vec<i128> {
    if holds(from) {
        return vec![from];
    }
    let up = towards(from, range.last, holds);
    let down = towards(from, range.first, holds);
    let mut found: Vec<i128> = up.into_iter().chain(down).collect();
    found.sort_by_key(|it| (it - from).abs());
    found
}

fn towards(from: i128, end: i128, holds: &mut dyn FnMut(i128) -> bool) -> Option<i128> {
    let sign = if from <= end { 1 } else { -1 };
    let most = (end - from).abs();
    let (mut outside, mut step) = (0, 1);
    while outside < most {
        let at = step.min(most);
        if holds(from + sign * at) {
            return Some(from + sign * between(outside, at, &mut |it| holds(from + sign * it)));
        }
        outside = at;
        step *= 2;
    }
    None
}

/// It does not hold at `outside`, and holds at `inside`: the first place where it does.
fn between(mut outside: i128, mut inside: i128, holds: &mut dyn FnMut(i128) -> bool) -> i128 {
    while 1 < inside - outside {
        let middle = outside + (inside - outside) / 2;
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    inside
}
