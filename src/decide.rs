//! From what rules say of a declaration to its channel: the policy, step by step.
//!
//! - [`secret::Secrets::of`] looks up the keys of the draws; `recorded` is what a manifest may say.
//! - [`finding`] makes a [`Found`] of a rule and a row, for callers that judge rows themselves.
//! - [`alone`] decides on one declaration, without its neighbours: no capacity, nobody together.
//! - [`among::Among`] then looks at all declarations: capacity, and those that go together. It is
//!   the only step that does; those who wait are sorted on disk, and nobody else is kept.
//! - [`count::Counted`] counts decisions for the summary.
//! - [`words`] says a decision in a sentence, its steps one by one, and the reason in a word.
//!
//! The steps, always in this order: exemptions, score, route, channel of a rule, undecided, draw;
//! then capacity from the strictest channel down, then together. Each step only makes stricter,
//! but for capacity, which never displaces what is mandatory.

pub mod among;
pub mod count;
pub mod operand;
mod outcome;
mod queue;
pub mod secret;
mod waiting;
pub mod words;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use crate::decide::secret::Secrets;
use crate::hit::Outcome;
use crate::interpret;
use crate::interpret::Row;
use crate::interpret::explain;
use crate::ir::Policy;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::Status;
use crate::ir::Total;
use crate::ir::policy::Capacity;
use crate::ir::policy::ChannelId;
use crate::ir::policy::Merge;
use crate::ir::policy::Merged;
use crate::ir::policy::Named;
use crate::ir::policy::Route;
use crate::value::Decimal;
use crate::value::Value;
use crate::value::decimal;
use crate::value::text;

/// What a rule says of a declaration or of a row below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub rule: RuleId,
    /// The keys of the row below the declaration, in words; empty for the declaration itself.
    pub item: Vec<String>,
    /// A hit, or undecided.
    pub outcome: Outcome,
    /// What the hit scores, or would.
    pub score: Option<Decimal>,
    /// Of a hit.
    pub because: String,
    /// What `show` names, as JSON; empty without it.
    pub evidence: String,
    /// The fields that leave it open.
    pub open: String,
}

/// Whether a finding is heeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Counts,
    /// Its rule is silent.
    Silent,
    /// By this exemption of the policy.
    Suppressed(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The key of the declaration, in words.
    pub keys: Vec<String>,
    pub channel: ChannelId,
    pub score: Decimal,
    pub potential_score: Decimal,
    /// What mandatory rules ask for: nothing goes below it.
    pub mandatory: Option<ChannelId>,
    /// In the order given, each with its weight.
    pub found: Vec<(Found, Weight)>,
    pub draws: Vec<Drawn>,
    pub steps: Vec<Step>,
    /// What it needs to stand in line; by capacity of the policy, or empty.
    pub claims: Vec<Claim>,
    /// The values of `together`, when all of them are given.
    pub together: Option<Vec<Arc<str>>>,
    /// Settles ties, after the order of a capacity; of those who stand in line.
    pub hash: u64,
}

/// A draw that was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// Of the policy.
    pub draw: usize,
    /// Below a million.
    pub number: u32,
    /// Drawn when the number is below it.
    pub rate: u32,
}

impl Drawn {
    pub fn is_drawn(self) -> bool {
        self.number < self.rate
    }
}

/// One thing that gave the declaration a channel, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub to: ChannelId,
    pub by: By,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A route of the policy.
    Route(usize),
    /// The channel of a rule: a place in `found`.
    Rule(usize),
    /// A route for undecided declarations.
    Undecided(usize),
    /// A place in `draws`.
    Draw(usize),
}

/// How a declaration stands in line for a capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which places: the values of `per`, in the form in which they compare.
    pub group: Vec<Option<Arc<str>>>,
    /// The same as they are written.
    pub written: Vec<Option<Arc<str>>>,
    /// The largest first; missing after all.
    pub order: Vec<Value>,
    /// The value of which there may be only so many.
    pub most: Option<Arc<str>>,
}

impl Found {
    /// What lines are ordered by.
    fn place(&self) -> (&[String], RuleId, &str, [&str; 3]) {
        let said = [self.because.as_str(), &self.evidence, &self.open];
        (&self.item, self.rule, self.outcome.words(), said)
    }
}

/// What a rule says of a row, or nothing.
pub fn finding(set: &RuleSet, rule: RuleId, item: Vec<String>, row: &Row) -> Option<Found> {
    let it = explain::finding(set, rule, row);
    if it.outcome == Outcome::NoHit {
        return None;
    }
    let shown: serde_json::Map<String, serde_json::Value> =
        it.evidence.into_iter().map(|(name, it)| (name, it.into())).collect();
    Some(Found {
        rule,
        item,
        outcome: it.outcome,
        score: it.score.or_else(|| would_score(set, rule, row)),
        because: it.because,
        evidence: match shown.is_empty() {
            true => String::new(),
            false => serde_json::Value::Object(shown).to_string(),
        },
        open: it.open.join(", "),
    })
}

/// What a hit of the rule would score.
pub fn would_score(set: &RuleSet, rule: RuleId, row: &Row) -> Option<Decimal> {
    let score = set.rules[rule.0].score.as_ref()?;
    interpret::eval(set, score, row).as_decimal()
}

/// The decision on one declaration as if it were the only one. `row` is that of the declaration;
/// `None` without a policy. Findings are put in the order of a run's lines, however they were
/// found: by key, then by rule.
pub fn alone(
    set: &RuleSet,
    secrets: &Secrets,
    keys: Vec<String>,
    row: &Row,
    mut found: Vec<Found>,
) -> Option<Decision> {
    let policy = set.policy.as_ref()?;
    found.sort_by(|a, b| a.place().cmp(&b.place()));
    let mut row = row.clone();
    let weigh = |it: Found| {
        let weight = weight(set, policy, &it, &row);
        (it, weight)
    };
    let found: Vec<(Found, Weight)> = found.into_iter().map(weigh).collect();
    let score = total(set, policy, &found, |it| it == Outcome::Hit);
    let potential_score = total(set, policy, &found, |it| it != Outcome::NoHit);
    row.sum_up(Total::Score, score);
    row.sum_up(Total::PotentialScore, potential_score);
    let mut it = Decision {
        channel: ChannelId(0),
        score,
        potential_score,
        mandatory: None,
        found,
        draws: Vec::new(),
        steps: Vec::new(),
        claims: Vec::new(),
        together: forms(set, &policy.together, &row).into_iter().collect(),
        hash: 0,
        keys,
    };
    if policy.together.is_empty() {
        it.together = None;
    }
    let asked = Asked { set, policy, row: &row };
    asked.route(&mut it);
    asked.rules(&mut it);
    asked.undecided(&mut it);
    asked.draw(&mut it, secrets);
    it.claims = asked.claims(it.channel);
    if !it.claims.is_empty() {
        it.hash = secrets.order(&drawn_by(set, policy, &it.keys));
    }
    Some(it)
}

/// What every declaration gets of which nothing was found, where that is the same for all: its
/// keys and fields have no say.
pub fn quiet(set: &RuleSet, secrets: &Secrets) -> Option<Decision> {
    let policy = set.policy.as_ref()?;
    let it = alone(set, secrets, Vec::new(), &Row::default(), Vec::new())?;
    let taken = it.steps.iter().find_map(|it| match it.by {
        By::Route(at) => Some(at),
        By::Rule(_) | By::Undecided(_) | By::Draw(_) => None,
    });
    let looked_at = policy.routes.iter().take(taken.map_or(policy.routes.len(), |it| it + 1));
    let asked = looked_at.filter_map(|it| it.when.as_ref()).map(|it| &it.value);
    let (fields, facts) = operand::asked(set, asked);
    let apart = policy.together.is_empty() && it.draws.is_empty() && it.claims.is_empty();
    (apart && fields.is_empty() && facts.is_empty()).then_some(it)
}

fn weight(set: &RuleSet, policy: &Policy, it: &Found, row: &Row) -> Weight {
    let rule = &set.rules[it.rule.0];
    if rule.status == Some(Status::Silent) {
        return Weight::Silent;
    }
    if rule.mandatory {
        return Weight::Counts;
    }
    let exempt = policy.exemptions.iter().position(|it| {
        it.tags.iter().any(|tag| rule.tags.contains(tag)) && is_true(set, &it.when, row)
    });
    exempt.map_or(Weight::Counts, Weight::Suppressed)
}

/// Unknown is not true: missing data moves nobody and exempts nobody.
fn is_true(set: &RuleSet, it: &Named, row: &Row) -> bool {
    interpret::truth(&interpret::eval(set, &it.value, row)) == Some(true)
}

fn texts(set: &RuleSet, all: &[Named], row: &Row) -> Vec<Option<Arc<str>>> {
    let text = |it: &Named| explain::plain_text(&interpret::eval(set, &it.value, row));
    all.iter().map(|it| text(it).map(Arc::from)).collect()
}

/// The same in the form in which values of their types are equal.
fn forms(set: &RuleSet, all: &[Named], row: &Row) -> Vec<Option<Arc<str>>> {
    let form = |(it, written): (&Named, Option<Arc<str>>)| {
        let written = written?;
        match text::formed(&written, it.value.ty.form()) {
            Cow::Borrowed(_) => Some(written.clone()),
            Cow::Owned(form) => Some(Arc::from(form)),
        }
    };
    all.iter().zip(texts(set, all, row)).map(form).collect()
}

/// Keys in the form that draws hash: the same for each way to write them.
fn drawn_by<'a>(set: &RuleSet, policy: &Policy, keys: &'a [String]) -> Vec<Cow<'a, str>> {
    let fields = set.schema.key_fields(policy.level).into_iter();
    let forms = fields.map(|it| set.schema.field(it).ty.form());
    keys.iter().zip(forms).map(|(key, form)| text::capitals(key, form)).collect()
}

/// The scores of findings that count: those below the level first, then all.
fn total(
    set: &RuleSet,
    policy: &Policy,
    found: &[(Found, Weight)],
    wanted: impl Fn(Outcome) -> bool,
) -> Decimal {
    let (mut all, mut parts) = (Vec::new(), Vec::new());
    for (it, weight) in found {
        let Some(score) = it.score.filter(|_| *weight == Weight::Counts && wanted(it.outcome))
        else {
            continue;
        };
        let own = set.rules[it.rule.0].level == policy.level;
        if own { all.push(score) } else { parts.push(score) }
    }
    if !parts.is_empty() {
        all.push(merged(policy.parts, &parts));
    }
    merged(policy.whole, &all)
}

fn merged(it: Merged, all: &[Decimal]) -> Decimal {
    let nothing = Decimal::new(0, 0);
    let sum = |a: Decimal, b: &Decimal| decimal::add(a, *b).unwrap_or(a.max(*b));
    let value = match it.merge {
        Merge::Highest => all.iter().copied().max().unwrap_or(nothing),
        Merge::Sum => all.iter().fold(nothing, sum),
    };
    it.cap.map_or(value, |cap| value.min(cap)).normalised()
}

/// A declaration with its totals, asked by the lines of the policy.
struct Asked<'a> {
    set: &'a RuleSet,
    policy: &'a Policy,
    row: &'a Row,
}

impl Asked<'_> {
    fn is_true(&self, it: &Named) -> bool {
        is_true(self.set, it, self.row)
    }

    fn route(&self, it: &mut Decision) {
        let fits = |when: Option<&Named>| when.is_none_or(|it| self.is_true(it));
        let first = self.policy.routes.iter().position(|it| fits(it.when.as_ref()));
        let Some(at) = first else { return };
        it.channel = self.policy.routes[at].channel;
        it.steps.push(Step { to: it.channel, by: By::Route(at) });
    }

    /// The strictest channel of a rule, where that is stricter; of several rules the first.
    fn rules(&self, it: &mut Decision) {
        let mut strictest: Option<(ChannelId, usize)> = None;
        for (at, (found, weight)) in it.found.iter().enumerate() {
            let rule = &self.set.rules[found.rule.0];
            let heeded = self.policy.overrides || rule.mandatory;
            if found.outcome != Outcome::Hit || *weight != Weight::Counts || !heeded {
                continue;
            }
            let Some(to) = rule.channel.as_deref().and_then(|it| self.policy.channel(it)) else {
                continue;
            };
            if rule.mandatory {
                it.mandatory = it.mandatory.max(Some(to));
            }
            if strictest.is_none_or(|it| it.0 < to) {
                strictest = Some((to, at));
            }
        }
        if let Some((to, at)) = strictest
            && it.channel < to
        {
            it.channel = to;
            it.steps.push(Step { to, by: By::Rule(at) });
        }
    }

    fn undecided(&self, it: &mut Decision) {
        let open =
            |it: &(Found, Weight)| it.0.outcome == Outcome::Undecided && it.1 == Weight::Counts;
        if !it.found.iter().any(open) {
            return;
        }
        let fits = |it: &Route| it.when.as_ref().is_none_or(|it| self.is_true(it));
        let all = self.policy.undecided.iter().enumerate().filter(|it| fits(it.1));
        let strictest = all.max_by_key(|it| (it.1.channel, Reverse(it.0)));
        if let Some((at, route)) = strictest.filter(|found| it.channel < found.1.channel) {
            it.channel = route.channel;
            it.steps.push(Step { to: it.channel, by: By::Undecided(at) });
        }
    }

    /// Every draw is held of the channel that the steps before have given; of several that draw
    /// the declaration the strictest counts.
    fn draw(&self, it: &mut Decision, secrets: &Secrets) {
        let before = it.channel;
        let mut strictest: Option<(ChannelId, usize)> = None;
        for (at, draw) in self.policy.draws.iter().enumerate() {
            if before != draw.of {
                continue;
            }
            let strata = texts(self.set, &draw.by, self.row);
            let capitals = |(it, text): (&Named, Option<Arc<str>>)| {
                text.map(|text| Arc::from(&*text::capitals(&text, it.value.ty.form())))
            };
            let strata: Vec<_> = draw.by.iter().zip(strata).map(capitals).collect();
            let (of, to) = (self.policy.word(draw.of), self.policy.word(draw.to));
            let keys = drawn_by(self.set, self.policy, &it.keys);
            let number = secrets.number(at, [of, to], &strata, &keys);
            let halved = draw.halved.as_ref().is_some_and(|it| self.is_true(it));
            let drawn = Drawn { draw: at, number, rate: draw.rate >> u32::from(halved) };
            it.draws.push(drawn);
            if drawn.is_drawn() && strictest.is_none_or(|it| it.0 < draw.to) {
                strictest = Some((draw.to, it.draws.len() - 1));
            }
        }
        if let Some((to, at)) = strictest {
            it.channel = to;
            it.steps.push(Step { to, by: By::Draw(at) });
        }
    }

    /// Those that stand in no line carry nothing for it.
    fn claims(&self, channel: ChannelId) -> Vec<Claim> {
        let lines = &self.policy.capacities;
        if lines.iter().all(|it| channel < it.channel) {
            return Vec::new();
        }
        lines.iter().map(|it| self.claim(it)).collect()
    }

    fn claim(&self, it: &Capacity) -> Claim {
        let most = it.most.as_ref().map(|it| std::slice::from_ref(&it.1)).unwrap_or_default();
        Claim {
            group: forms(self.set, &it.per, self.row),
            written: texts(self.set, &it.per, self.row),
            order: it.order.iter().map(|it| self.value(it)).collect(),
            most: forms(self.set, most, self.row).pop().flatten(),
        }
    }

    fn value(&self, it: &Named) -> Value {
        interpret::eval(self.set, &it.value, self.row)
    }
}
