//! The one step that looks across declarations: places in line, and those that go together.

use std::cmp::Ordering;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::decide::By;
use crate::decide::Decision;
use crate::decide::Step;
use crate::ir::Policy;
use crate::ir::policy::Capacity;
use crate::ir::policy::ChannelId;
use crate::value::Value;

/// Settles what [`crate::decide::alone`] left open. What it says of a declaration does not depend
/// on the order of `all`.
pub fn settle(policy: &Policy, all: &mut [Decision]) {
    for (at, capacity) in policy.capacities.iter().enumerate() {
        for line in lines(at, capacity, all) {
            places(at, capacity, &line, all);
        }
    }
    if !policy.together.is_empty() {
        together(all);
    }
}

/// Who stands in line for the same places, first in line first.
fn lines(at: usize, capacity: &Capacity, all: &[Decision]) -> Vec<Vec<usize>> {
    let mut lines: BTreeMap<&[Option<Arc<str>>], Vec<usize>> = BTreeMap::new();
    for (place, it) in all.iter().enumerate() {
        if it.channel == capacity.channel
            && let Some(claim) = it.claims.get(at)
        {
            lines.entry(&claim.group).or_default().push(place);
        }
    }
    let mut res: Vec<Vec<usize>> = lines.into_values().collect();
    for line in &mut res {
        line.sort_by(|a, b| before(at, capacity, &all[*a], &all[*b]));
    }
    res
}

fn is_mandatory(it: &Decision, capacity: &Capacity) -> bool {
    Some(capacity.channel) <= it.mandatory
}

/// Mandatory ones first, then by the order of the capacity, then by the keyed hash.
fn before(at: usize, capacity: &Capacity, a: &Decision, b: &Decision) -> Ordering {
    let rank = |it: &Decision| Reverse(is_mandatory(it, capacity));
    let by_order = || {
        let pairs = a.claims[at].order.iter().zip(&b.claims[at].order);
        pairs.map(|(a, b)| larger(a, b)).find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
    };
    let last = || (a.hash, &a.keys).cmp(&(b.hash, &b.keys));
    rank(a).cmp(&rank(b)).then_with(by_order).then_with(last)
}

/// The larger first, missing last.
fn larger(a: &Value, b: &Value) -> Ordering {
    match (a.is_missing(), b.is_missing()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => match (a.as_decimal(), b.as_decimal()) {
            (Some(a), Some(b)) => b.cmp(&a),
            _ => b.cmp(a),
        },
    }
}

/// How many of one value have a place already.
#[derive(Default)]
struct Taken(BTreeMap<Arc<str>, u32>);

impl Taken {
    fn add(&mut self, it: Option<&Arc<str>>) {
        if let Some(it) = it {
            *self.0.entry(it.clone()).or_default() += 1;
        }
    }

    /// Whether there are as many as there may be. A missing value is like no other.
    fn enough(&self, it: Option<&Arc<str>>, most: u32) -> bool {
        it.and_then(|it| self.0.get(it)).is_some_and(|count| most <= *count)
    }
}

/// How a place was found.
#[derive(Clone, Copy)]
enum Found {
    InLine,
    Kept,
}

/// Who finds a place, and who goes on to the channel of the overflow.
fn places(at: usize, capacity: &Capacity, line: &[usize], all: &mut [Decision]) {
    let most = capacity.most.as_ref().map_or(u32::MAX, |it| it.0);
    let mut taken = Taken::default();
    let mut free = capacity.places;
    let mut placed: Vec<Option<Found>> = vec![None; line.len()];
    let value = |it: &Decision| it.claims[at].most.clone();
    for (rank, place) in line.iter().enumerate() {
        if is_mandatory(&all[*place], capacity) {
            // They come first and count; only they can exceed the capacity.
            placed[rank] = Some(Found::InLine);
            free = free.saturating_sub(1);
            taken.add(value(&all[*place]).as_ref());
        }
    }
    let share = u64::from(capacity.places) * u64::from(capacity.kept);
    let kept = u32::try_from(share.div_ceil(1_000_000)).unwrap_or(u32::MAX);
    let mut kept = kept.min(free);
    let mut drawn: Vec<usize> = (0..line.len())
        .filter(|it| placed[*it].is_none() && is_drawn(&all[line[*it]], capacity.channel))
        .collect();
    drawn.sort_by_key(|it| (all[line[*it]].hash, &all[line[*it]].keys));
    for rank in drawn {
        let own = value(&all[line[rank]]);
        if 0 < kept && !taken.enough(own.as_ref(), most) {
            (kept, free) = (kept - 1, free - 1);
            placed[rank] = Some(Found::Kept);
            taken.add(own.as_ref());
        }
    }
    for (rank, place) in line.iter().enumerate() {
        let it = &mut all[*place];
        let own = value(it);
        let in_line = u32::try_from(rank).unwrap_or(u32::MAX).saturating_add(1);
        if placed[rank].is_none() {
            let many = taken.enough(own.as_ref(), most);
            if many || free == 0 {
                displace(at, capacity, it, in_line, many);
                continue;
            }
            free -= 1;
            taken.add(own.as_ref());
        }
        let by = match placed[rank] {
            Some(Found::Kept) => By::Kept { capacity: at, rank: in_line },
            Some(Found::InLine) | None => By::Place { capacity: at, rank: in_line },
        };
        it.steps.push(Step { to: capacity.channel, by });
    }
}

/// Drawn into this channel.
fn is_drawn(it: &Decision, channel: ChannelId) -> bool {
    it.steps.iter().any(|it| it.to == channel && matches!(it.by, By::Draw(_)))
}

fn displace(at: usize, capacity: &Capacity, it: &mut Decision, rank: u32, many: bool) {
    let to = it.mandatory.map_or(capacity.overflow, |least| least.max(capacity.overflow));
    it.channel = to;
    let by = match many {
        true => By::Most { capacity: at, rank },
        false => By::Full { capacity: at, rank },
    };
    it.steps.push(Step { to, by });
}

/// All of a group take the strictest channel of any of them; they need no place of their own.
fn together(all: &mut [Decision]) {
    let mut groups: BTreeMap<Vec<Arc<str>>, Vec<usize>> = BTreeMap::new();
    for (at, it) in all.iter().enumerate() {
        if let Some(group) = &it.together {
            groups.entry(group.clone()).or_default().push(at);
        }
    }
    for members in groups.into_values() {
        let first = members
            .iter()
            .map(|it| &all[*it])
            .min_by_key(|it| (Reverse(it.channel), it.keys.as_slice()));
        let Some((to, keys)) = first.map(|it| (it.channel, it.keys.clone())) else { continue };
        for at in members {
            let it = &mut all[at];
            if it.channel < to {
                it.channel = to;
                it.steps.push(Step { to, by: By::Together(keys.clone()) });
            }
        }
    }
}
