//! Decisions counted: by channel, by reason, what was drawn, how far capacities were used.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets;
use serde_json::Value as Json;
use serde_json::json;

use crate::decide::By;
use crate::decide::Decision;
use crate::decide::words;
use crate::ir::Policy;
use crate::ir::RuleSet;
use crate::report::grouped;

/// What all the decisions of a run come to.
#[derive(Debug, Clone, Default)]
pub struct Decided {
    pub declarations: u64,
    /// By channel, the strictest first: how many, and why.
    pub channels: Vec<(String, BTreeMap<&'static str, u64>)>,
    /// By draw of the policy.
    pub draws: Vec<Draw>,
    /// By capacity, the strictest channel first.
    pub capacities: Vec<Capacity>,
}

#[derive(Debug, Clone, Default)]
pub struct Draw {
    pub of: String,
    pub to: String,
    /// As it may be written down.
    pub key: String,
    pub held: u64,
    pub drawn: u64,
}

#[derive(Debug, Clone, Default)]
pub struct Capacity {
    pub channel: String,
    pub places: u32,
    /// Lines, those where somebody found no place, and the longest of those who found one.
    pub lines: u64,
    pub full: u64,
    pub longest: u64,
    pub placed: u64,
    pub displaced: u64,
}

/// `keys` are those of the draws, as they may be written down.
pub fn count(set: &RuleSet, policy: &Policy, all: &[Decision], keys: Vec<String>) -> Decided {
    let words = policy.channels.values.iter().rev();
    let channels: Vec<_> = words.map(|it| (it.clone(), BTreeMap::new())).collect();
    let mut res = Decided { declarations: all.len() as u64, channels, ..Decided::default() };
    res.draws.extend(policy.draws.iter().zip(keys).map(|(it, key)| Draw {
        of: policy.word(it.of).to_owned(),
        to: policy.word(it.to).to_owned(),
        key,
        ..Draw::default()
    }));
    let strictest = policy.channels.values.len() - 1;
    for it in all {
        let reasons = &mut res.channels[strictest - it.channel.0].1;
        *reasons.entry(words::reason(set, policy, it)).or_default() += 1;
        for drawn in &it.draws {
            let draw = &mut res.draws[drawn.draw];
            draw.held += 1;
            draw.drawn += u64::from(drawn.is_drawn());
        }
    }
    res.capacities = (0..policy.capacities.len()).map(|at| used(policy, at, all)).collect();
    res
}

fn used(policy: &Policy, at: usize, all: &[Decision]) -> Capacity {
    let it = &policy.capacities[at];
    let mut lines: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for decision in all {
        for step in &decision.steps {
            let (capacity, place) = match step.by {
                By::Place { capacity, .. } | By::Kept { capacity, .. } => (capacity, true),
                By::Full { capacity, .. } | By::Most { capacity, .. } => (capacity, false),
                By::Route(_) | By::Rule(_) | By::Undecided(_) | By::Draw(_) | By::Together(_) => {
                    continue;
                }
            };
            if capacity == at {
                let line = lines.entry(&decision.claims[at].group).or_default();
                if place { line.0 += 1 } else { line.1 += 1 }
            }
        }
    }
    Capacity {
        channel: policy.word(it.channel).to_owned(),
        places: it.places,
        lines: lines.len() as u64,
        full: lines.values().filter(|it| 0 < it.1).count() as u64,
        longest: lines.values().map(|it| it.0).max().unwrap_or(0),
        placed: lines.values().map(|it| it.0).sum(),
        displaced: lines.values().map(|it| it.1).sum(),
    }
}

pub fn table(it: &Decided) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["channel", "declarations", "because"]);
    for (channel, reasons) in &it.channels {
        let mut all: Vec<(&str, u64)> = reasons.iter().map(|it| (*it.0, *it.1)).collect();
        all.sort_by_key(|it| (std::cmp::Reverse(it.1), it.0));
        let why = all.iter().map(|(why, count)| format!("{why} {}", grouped(*count)));
        let total: u64 = all.iter().map(|it| it.1).sum();
        table.add_row([channel.clone(), grouped(total), why.collect::<Vec<_>>().join(", ")]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text: String = table.lines().map(|it| format!("{}\n", it.trim_end())).collect();
    for it in &it.draws {
        let (of, to, drawn, held) = (&it.of, &it.to, grouped(it.drawn), grouped(it.held));
        let _ = writeln!(text, "random: {drawn} of {held} {of} to {to}");
    }
    for it in &it.capacities {
        let (placed, displaced) = (grouped(it.placed), grouped(it.displaced));
        let (lines, full) = (grouped(it.lines), grouped(it.full));
        let _ = writeln!(
            text,
            "capacity {}: {placed} placed, {displaced} displaced; {full} of {lines} lines full, \
             at most {} in one with {} places",
            it.channel, it.longest, it.places
        );
    }
    text
}

pub fn json(it: &Decided) -> Json {
    let channel = |(channel, reasons): &(String, BTreeMap<&'static str, u64>)| {
        json!({"channel": channel, "declarations": reasons.values().sum::<u64>(),
               "reasons": reasons})
    };
    let draw = |it: &Draw| {
        json!({"of": it.of, "to": it.to, "key": it.key, "held": it.held,
               "drawn": it.drawn})
    };
    let capacity = |it: &Capacity| {
        json!({"channel": it.channel, "places": it.places, "lines": it.lines, "full": it.full,
               "longest": it.longest, "placed": it.placed, "displaced": it.displaced})
    };
    json!({
        "declarations": it.declarations,
        "channels": it.channels.iter().map(channel).collect::<Vec<_>>(),
        "draws": it.draws.iter().map(draw).collect::<Vec<_>>(),
        "capacities": it.capacities.iter().map(capacity).collect::<Vec<_>>(),
    })
}
