//! A decision in words: the reason, one sentence, and its steps.

use std::sync::Arc;

use crate::decide::By;
use crate::decide::Decision;
use crate::decide::Step;
use crate::ir::Policy;
use crate::ir::RuleSet;
use crate::ir::policy::Capacity;

/// What gave the declaration the channel that it has, in a word.
pub fn reason(set: &RuleSet, policy: &Policy, it: &Decision) -> &'static str {
    let decisive = it.steps.iter().rev().find(|it| !stays(it));
    decisive.map_or("otherwise", |step| step_reason(set, policy, it, step))
}

fn stays(it: &Step) -> bool {
    matches!(it.by, By::Place { .. } | By::Kept { .. })
}

fn step_reason(set: &RuleSet, policy: &Policy, it: &Decision, step: &Step) -> &'static str {
    match &step.by {
        By::Route(at) if policy.routes[*at].when.is_none() => "otherwise",
        By::Route(_) => "score",
        By::Rule(at) if set.rules[it.found[*at].0.rule.0].mandatory => "mandatory",
        By::Rule(_) => "rule",
        By::Undecided(_) => "undecided",
        By::Draw(_) => "random",
        By::Place { .. } | By::Kept { .. } => "capacity",
        By::Full { .. } | By::Most { .. } => "capacity",
        By::Together(_) => "together",
    }
}

/// `score 74: red by score; 131st of 120 at office FR001, day 2026-03-10 → yellow`
pub fn sentence(set: &RuleSet, policy: &Policy, it: &Decision) -> String {
    let steps: Vec<String> = it.steps.iter().map(|step| words(set, policy, it, step)).collect();
    format!("score {}: {}", it.score, steps.join("; "))
}

/// One step in words.
pub fn words(set: &RuleSet, policy: &Policy, it: &Decision, step: &Step) -> String {
    let to = policy.word(step.to);
    match &step.by {
        By::Route(at) => match &policy.routes[*at].when {
            Some(when) => format!("{to} by {}", when.words),
            None => format!("{to} otherwise"),
        },
        By::Rule(at) => {
            let rule = &set.rules[it.found[*at].0.rule.0];
            let mandatory = if rule.mandatory { ", mandatory" } else { "" };
            format!("{to} by rule {}{mandatory}", rule.id)
        }
        By::Undecided(at) => {
            let when = policy.undecided[*at].when.as_ref();
            let when = when.map(|it| format!(", {}", it.words)).unwrap_or_default();
            format!("{to}, undecided with potential score {}{when}", it.potential_score)
        }
        By::Draw(at) => {
            let drawn = it.draws[*at];
            format!("{to} by random draw, number {} below {}", drawn.number, drawn.rate)
        }
        By::Place { capacity, rank } => {
            let at = in_line(policy, it, *capacity, *rank);
            let places = policy.capacities[*capacity].places;
            let why = if places < *rank { ", mandatory" } else { "" };
            format!("{at}{why}: stays {to}")
        }
        By::Kept { capacity, rank } => {
            let at = in_line(policy, it, *capacity, *rank);
            format!("{at}, a place kept for random: stays {to}")
        }
        By::Full { capacity, rank } => format!("{} → {to}", in_line(policy, it, *capacity, *rank)),
        By::Most { capacity, rank } => {
            let most = policy.capacities[*capacity].most.as_ref();
            let most = most.map(|(count, it)| format!("at most {count} per {}", it.words));
            let at = in_line(policy, it, *capacity, *rank);
            format!("{at}, {} → {to}", most.unwrap_or_default())
        }
        By::Together(keys) => format!("{to} together with {}", keys.join("/")),
    }
}

fn in_line(policy: &Policy, it: &Decision, at: usize, rank: u32) -> String {
    let capacity = &policy.capacities[at];
    let places = format!("{} of {}", ordinal(rank), capacity.places);
    match group(capacity, &it.claims[at].group) {
        it if it.is_empty() => places,
        it => format!("{places} at {it}"),
    }
}

/// `office FR001, day 2026-03-10`
pub fn group(capacity: &Capacity, values: &[Option<Arc<str>>]) -> String {
    let one = |(name, value): (&crate::ir::policy::Named, &Option<Arc<str>>)| {
        format!("{} {}", name.words, value.as_deref().unwrap_or("(missing)"))
    };
    capacity.per.iter().zip(values).map(one).collect::<Vec<_>>().join(", ")
}

/// `131st`
fn ordinal(it: u32) -> String {
    let ending = match (it % 10, it % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{it}{ending}")
}
