//! The lines of a policy: how they are read and written.

use pest::iterators::Pair;

use crate::syntax::ast::Expr;
use crate::syntax::ast::Name;
use crate::syntax::ast::Text;
use crate::syntax::from_pest::Builder;
use crate::syntax::from_pest::Rule;
use crate::syntax::many::parts;

#[derive(Debug, Clone)]
pub enum PolicyLine {
    /// `combine highest, capped at 100, then sum over declaration`
    Combine {
        parts: Merged,
        whole: Option<(Merged, Name)>,
    },
    /// `route to red when score >= 70`; without a condition `otherwise`
    Route {
        channel: Name,
        when: Option<Expr>,
    },
    /// `undecided route to yellow when potential_score >= 70`
    Undecided {
        channel: Name,
        when: Expr,
    },
    /// `override channel`
    Override,
    /// `exempt financial when trusted`
    Exempt {
        tags: Vec<Name>,
        when: Expr,
    },
    Random(Box<Random>),
    Capacity(Box<Capacity>),
    /// `together by vehicle_crossing_id`
    Together(Vec<Expr>),
}

/// `highest, capped at 100`
#[derive(Debug, Clone)]
pub struct Merged {
    pub merge: Merge,
    pub cap: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    Highest,
    Sum,
}

/// `random 2 % of green to red by office key "2026-import", halved when trusted`
#[derive(Debug, Clone)]
pub struct Random {
    /// A percentage.
    pub rate: Expr,
    pub of: Name,
    pub to: Name,
    pub by: Vec<Expr>,
    pub key: Key,
    pub halved: Option<Expr>,
}

#[derive(Debug, Clone)]
pub enum Key {
    /// `key "2026-import"`
    Text(Text),
    /// `key from environment NAME`
    Environment(Name),
}

/// `capacity red 120 per office, day overflow to yellow, at most 2 per importer_id`
#[derive(Debug, Clone)]
pub struct Capacity {
    pub channel: Name,
    pub places: u32,
    pub per: Vec<Expr>,
    pub overflow: Name,
    /// As written, each once.
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone)]
pub enum Part {
    /// `at most 2 per importer_id`
    Most { count: u32, per: Expr },
    /// `keep 10 % for random`
    Keep(Expr),
    /// `order score, potential_score`
    Order(Vec<Expr>),
}

/// The words that begin a line of a policy.
pub const WORDS: &[&str] = &[
    "for",
    "combine",
    "route",
    "override",
    "exempt",
    "random",
    "capacity",
    "undecided",
    "together",
];

/// The rule that reads a line of a policy, by its first word.
pub fn rule_of(word: &str) -> Option<Rule> {
    Some(match word {
        "combine" => Rule::combine,
        "route" => Rule::route,
        "override" => Rule::override_channel,
        "exempt" => Rule::exempt,
        "random" => Rule::random,
        "capacity" => Rule::capacity,
        "undecided" => Rule::undecided_route,
        "together" => Rule::together,
        _ => return None,
    })
}

pub fn is_line(rule: Rule) -> bool {
    WORDS.iter().any(|it| rule_of(it) == Some(rule))
}

impl Builder<'_> {
    pub fn policy_line(&mut self, pair: Pair<Rule>) -> Option<PolicyLine> {
        let rule = pair.as_rule();
        let pairs = parts(pair);
        let names = self.names(&pairs);
        let mut name = names.iter().cloned();
        let condition = Self::part(&pairs, Rule::on_condition).and_then(|it| self.inner(it));
        Some(match rule {
            Rule::combine => {
                let whole = Self::part(&pairs, Rule::combine_then).map(parts);
                let whole = whole.and_then(|it| {
                    let over = self.names(&it).into_iter().next()?;
                    Some((self.merged(&it)?, over))
                });
                PolicyLine::Combine { parts: self.merged(&pairs)?, whole }
            }
            Rule::route => PolicyLine::Route { channel: name.next()?, when: condition },
            Rule::undecided_route => {
                PolicyLine::Undecided { channel: name.next()?, when: condition? }
            }
            Rule::override_channel => PolicyLine::Override,
            Rule::exempt => PolicyLine::Exempt { tags: names, when: condition? },
            Rule::random => PolicyLine::Random(Box::new(Random {
                rate: self.quantity_of(Self::part(&pairs, Rule::quantity)?),
                of: name.next()?,
                to: name.next()?,
                by: self.keys_in(&pairs, Rule::random_by),
                key: self.key(Self::part(&pairs, Rule::random_key)?)?,
                halved: Self::part(&pairs, Rule::halved).and_then(|it| self.inner(it)),
            })),
            Rule::capacity => PolicyLine::Capacity(Box::new(Capacity {
                channel: name.next()?,
                places: Self::part(&pairs, Rule::int).and_then(|it| Self::count_of(&it))?,
                per: self.keys_in(&pairs, Rule::per),
                overflow: name.next()?,
                parts: pairs.into_iter().filter_map(|it| self.capacity_part(it)).collect(),
            })),
            _ => PolicyLine::Together(pairs.into_iter().map(|it| self.same_key(it)).collect()),
        })
    }

    /// The expression inside a part.
    fn inner(&mut self, pair: Pair<Rule>) -> Option<Expr> {
        Some(self.expr(parts(pair).into_iter().next()?))
    }

    fn merged(&mut self, pairs: &[Pair<Rule>]) -> Option<Merged> {
        let merge = match Self::part(pairs, Rule::merge)?.as_str().trim() {
            "highest" => Merge::Highest,
            _ => Merge::Sum,
        };
        let cap = Self::part(pairs, Rule::capped).and_then(|it| parts(it).into_iter().next());
        Some(Merged { merge, cap: cap.map(|it| self.quantity_of(it)) })
    }

    fn keys_in(&mut self, pairs: &[Pair<Rule>], rule: Rule) -> Vec<Expr> {
        let found = Self::part(pairs, rule).map(parts).unwrap_or_default();
        found.into_iter().map(|it| self.same_key(it)).collect()
    }

    fn key(&self, pair: Pair<Rule>) -> Option<Key> {
        let pairs = parts(pair);
        match self.string_of(&pairs) {
            Some(text) => Some(Key::Text(text)),
            None => self.names(&pairs).into_iter().next().map(Key::Environment),
        }
    }

    fn capacity_part(&mut self, pair: Pair<Rule>) -> Option<Part> {
        let rule = pair.as_rule();
        let mut all = parts(pair).into_iter();
        Some(match rule {
            Rule::most_per => {
                Part::Most { count: Self::count_of(&all.next()?)?, per: self.same_key(all.next()?) }
            }
            Rule::keep_random => Part::Keep(self.quantity_of(all.next()?)),
            Rule::order_by => Part::Order(all.map(|it| self.same_key(it)).collect()),
            _ => return None,
        })
    }
}

impl PolicyLine {
    /// The word of a line that may stand once.
    pub fn once(&self) -> Option<&'static str> {
        match self {
            PolicyLine::Combine { .. } => Some("combine"),
            PolicyLine::Override => Some("override"),
            PolicyLine::Together(_) => Some("together"),
            PolicyLine::Route { .. }
            | PolicyLine::Undecided { .. }
            | PolicyLine::Exempt { .. }
            | PolicyLine::Random(_)
            | PolicyLine::Capacity(_) => None,
        }
    }

    /// The line, its expressions and texts written by others; `comma` stands between parts.
    pub fn words(
        &self,
        expr: &dyn Fn(&Expr) -> String,
        text: &dyn Fn(&Text) -> String,
        comma: &str,
    ) -> String {
        let list = |all: &[Expr]| all.iter().map(expr).collect::<Vec<_>>().join(comma);
        let after = |word: &str, all: &[Expr]| match all {
            [] => String::new(),
            all => format!(" {word} {}", list(all)),
        };
        match self {
            PolicyLine::Combine { parts, whole } => {
                let merged = |it: &Merged| merge(it.merge).to_owned();
                let cap = |it: &Merged| {
                    let cap = it.cap.as_ref().map(|it| format!("{comma}capped at {}", expr(it)));
                    cap.unwrap_or_default()
                };
                let whole = whole.as_ref().map(|(it, over)| {
                    format!("{comma}then {} over {}{}", merged(it), over.text, cap(it))
                });
                format!("combine {}{}{}", merged(parts), cap(parts), whole.unwrap_or_default())
            }
            PolicyLine::Route { channel, when: None } => {
                format!("route to {} otherwise", channel.text)
            }
            PolicyLine::Route { channel, when: Some(it) } => {
                format!("route to {} when {}", channel.text, expr(it))
            }
            PolicyLine::Undecided { channel, when } => {
                format!("undecided route to {} when {}", channel.text, expr(when))
            }
            PolicyLine::Override => "override channel".to_owned(),
            PolicyLine::Exempt { tags, when } => {
                let tags: Vec<&str> = tags.iter().map(|it| it.text.as_str()).collect();
                format!("exempt {} when {}", tags.join(comma), expr(when))
            }
            PolicyLine::Random(it) => {
                let key = match &it.key {
                    Key::Text(it) => text(it),
                    Key::Environment(it) => format!("from environment {}", it.text),
                };
                let (rate, of, to) = (expr(&it.rate), &it.of.text, &it.to.text);
                let halved = it.halved.as_ref();
                let halved = halved.map(|it| format!("{comma}halved when {}", expr(it)));
                let (by, halved) = (after("by", &it.by), halved.unwrap_or_default());
                format!("random {rate} of {of} to {to}{by} key {key}{halved}")
            }
            PolicyLine::Capacity(it) => {
                let part = |it: &Part| match it {
                    Part::Most { count, per } => {
                        format!("{comma}at most {count} per {}", expr(per))
                    }
                    Part::Keep(it) => format!("{comma}keep {} for random", expr(it)),
                    Part::Order(all) => format!("{comma}order {}", list(all)),
                };
                let parts: String = it.parts.iter().map(part).collect();
                let (channel, places, per) = (&it.channel.text, it.places, after("per", &it.per));
                format!("capacity {channel} {places}{per} overflow to {}{parts}", it.overflow.text)
            }
            PolicyLine::Together(all) => format!("together by {}", list(all)),
        }
    }
}

fn merge(it: Merge) -> &'static str {
    match it {
        Merge::Highest => "highest",
        Merge::Sum => "sum",
    }
}
