//! A decision in words: the reason, one sentence, and its steps.

use std::sync::Arc;

use crate::decide::By;
use crate::decide::Decision;
use crate::decide::Step;
use crate::decide::outcome::Standing;
use crate::ir::Policy;
use crate::ir::RuleSet;
use crate::ir::policy::Capacity;
use crate::ir::policy::ChannelId;

/// The reason of who found no place.
pub const CAPACITY: &str = "capacity";
/// The reason of who has the channel of another one.
pub const TOGETHER: &str = "together";

/// What gave the declaration the channel that it has by itself, in a word.
pub fn reason(set: &RuleSet, policy: &Policy, it: &Decision) -> &'static str {
    match it.steps.last().map(|it| &it.by) {
        None => "otherwise",
        Some(By::Route(at)) if policy.routes[*at].when.is_none() => "otherwise",
        Some(By::Route(_)) => "score",
        Some(By::Rule(at)) if set.rules[it.found[*at].0.rule.0].mandatory => "mandatory",
        Some(By::Rule(_)) => "rule",
        Some(By::Undecided(_)) => "undecided",
        Some(By::Draw(_)) => "random",
    }
}

/// Of steps:
/// `score 74: red by score; 131st of 120 at office FR001, day 2026-03-10 → yellow`
pub fn sentence(it: &Decision, steps: &[String]) -> String {
    format!("score {}: {}", it.score, steps.join("; "))
}

/// One step in words.
pub fn words(set: &RuleSet, policy: &Policy, it: &Decision, step: &Step) -> String {
    let to = policy.word(step.to);
    match &step.by {
        By::Route(at) => {
            let only = policy.only_words().map(|it| format!("{it}: ")).unwrap_or_default();
            match &policy.routes[*at].when {
                Some(when) => format!("{only}{to} by {}", when.words),
                None => format!("{only}{to} otherwise"),
            }
        }
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
    }
}

/// How a declaration fared in the line of a capacity, by its rank there.
pub fn in_line(
    policy: &Policy,
    (at, group): (usize, &[Option<Arc<str>>]),
    rank: u32,
    standing: Standing,
    to: ChannelId,
) -> String {
    let capacity = &policy.capacities[at];
    let to = policy.word(to);
    let places = format!("{} of {}", ordinal(rank), capacity.places);
    let at = match self::group(capacity, group) {
        it if it.is_empty() => places,
        it => format!("{places} at {it}"),
    };
    match standing {
        Standing::Place => {
            let why = if capacity.places < rank { ", mandatory" } else { "" };
            format!("{at}{why}: stays {to}")
        }
        Standing::Kept => format!("{at}, a place kept for random: stays {to}"),
        Standing::Full => format!("{at} → {to}"),
        Standing::Most => {
            let most = capacity.most.as_ref();
            let most = most.map(|(count, it)| format!("at most {count} per {}", it.words));
            format!("{at}, {} → {to}", most.unwrap_or_default())
        }
    }
}

/// The channel of the declaration with these keys.
pub fn together(policy: &Policy, keys: &[Arc<str>], to: ChannelId) -> String {
    format!("{} together with {}", policy.word(to), keys.join("/"))
}

/// `office FR001, day 2026-03-10`
fn group(capacity: &Capacity, values: &[Option<Arc<str>>]) -> String {
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
