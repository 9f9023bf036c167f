//! Decisions counted while they are made.

use std::collections::BTreeMap;

use crate::decide::Decision;
use crate::decide::words;
use crate::ir::Policy;
use crate::ir::RuleSet;
use crate::ir::policy::ChannelId;

/// What all the decisions of a run come to.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    pub declarations: u64,
    /// By channel, then by reason.
    pub channels: Vec<BTreeMap<&'static str, u64>>,
    /// By draw of the policy: how many were held, and how many drawn.
    pub draws: Vec<(u64, u64)>,
    /// By capacity of the policy.
    pub capacities: Vec<Used>,
}

/// How far a capacity was used: lines, those where somebody found no place, and the longest of
/// those who found one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    pub lines: u64,
    pub full: u64,
    pub longest: u64,
    pub placed: u64,
    pub displaced: u64,
}

impl Counted {
    pub fn new(policy: &Policy) -> Counted {
        Counted {
            declarations: 0,
            channels: vec![BTreeMap::new(); policy.channels.values.len()],
            draws: vec![(0, 0); policy.draws.len()],
            capacities: vec![Used::default(); policy.capacities.len()],
        }
    }

    /// So many decisions that are alike.
    pub fn add(&mut self, set: &RuleSet, policy: &Policy, it: &Decision, times: u64) {
        self.declarations += times;
        if let Some(reasons) = self.channels.get_mut(it.channel.0) {
            *reasons.entry(words::reason(set, policy, it)).or_default() += times;
        }
        for drawn in &it.draws {
            let (held, of_them) = &mut self.draws[drawn.draw];
            *held += times;
            *of_them += times * u64::from(drawn.is_drawn());
        }
    }

    /// One that was counted has another channel in the end, and another reason if one is given.
    pub fn turn(&mut self, from: (ChannelId, &str), to: ChannelId, reason: Option<&'static str>) {
        let Some(reasons) = self.channels.get_mut(from.0.0) else { return };
        let Some((known, _)) = reasons.get_key_value(from.1) else { return };
        let known = *known;
        match reasons.get_mut(known) {
            Some(1) => {
                reasons.remove(known);
            }
            Some(count) => *count -= 1,
            None => return,
        }
        if let Some(reasons) = self.channels.get_mut(to.0) {
            *reasons.entry(reason.unwrap_or(known)).or_default() += 1;
        }
    }
}
