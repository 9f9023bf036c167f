//! Decisions counted: by channel, by reason, what was drawn, how far capacities were used.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets;
use serde_json::Value as Json;
use serde_json::json;

use crate::decide::count::Counted;
use crate::decide::count::Used;
use crate::ir::Policy;
use crate::ir::policy;
use crate::report::grouped;

/// What all the decisions of a run come to.
#[derive(Debug, Clone, Default)]
pub struct Decided {
    pub declarations: u64,
    /// `as if only R1 existed`, where rules were named.
    pub only: Option<String>,
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
    pub used: Used,
}

/// `keys` are those of the draws, as they may be written down.
pub fn decided(policy: &Policy, counted: &Counted, keys: Vec<String>) -> Decided {
    let channels = policy.channels.values.iter().zip(&counted.channels);
    let channels = channels.rev().map(|(word, reasons)| (word.clone(), reasons.clone()));
    let draw = |((it, key), (held, drawn)): ((&policy::Draw, String), &(u64, u64))| Draw {
        of: policy.word(it.of).to_owned(),
        to: policy.word(it.to).to_owned(),
        key,
        held: *held,
        drawn: *drawn,
    };
    let capacity = |(it, used): (&policy::Capacity, &Used)| Capacity {
        channel: policy.word(it.channel).to_owned(),
        places: it.places,
        used: *used,
    };
    Decided {
        declarations: counted.declarations,
        only: policy.only_words(),
        channels: channels.collect(),
        draws: policy.draws.iter().zip(keys).zip(&counted.draws).map(draw).collect(),
        capacities: policy.capacities.iter().zip(&counted.capacities).map(capacity).collect(),
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
    if let Some(only) = &it.only {
        let _ = writeln!(text, "decided {only}");
    }
    for it in &it.draws {
        let (of, to, drawn, held) = (&it.of, &it.to, grouped(it.drawn), grouped(it.held));
        let _ = writeln!(text, "random: {drawn} of {held} {of} to {to}");
    }
    for it in &it.capacities {
        let (placed, displaced) = (grouped(it.used.placed), grouped(it.used.displaced));
        let (lines, full) = (grouped(it.used.lines), grouped(it.used.full));
        let _ = writeln!(
            text,
            "capacity {}: {placed} placed, {displaced} displaced; {full} of {lines} lines full, \
             at most {} in one with {} places",
            it.channel, it.used.longest, it.places
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
        let used = &it.used;
        json!({"channel": it.channel, "places": it.places, "lines": used.lines,
               "full": used.full, "longest": used.longest, "placed": used.placed,
               "displaced": used.displaced})
    };
    json!({
        "declarations": it.declarations,
        "only": it.only,
        "channels": it.channels.iter().map(channel).collect::<Vec<_>>(),
        "draws": it.draws.iter().map(draw).collect::<Vec<_>>(),
        "capacities": it.capacities.iter().map(capacity).collect::<Vec<_>>(),
    })
}
