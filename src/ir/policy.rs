//! A policy: how the scores of a declaration become a channel.

use std::sync::Arc;

use crate::ir::E;
use crate::schema::Choice;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::source::Span;
use crate::value::Decimal;

/// A channel, by its place: the greater, the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelId(pub usize);

/// What the findings of a declaration come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Total {
    /// Of the hits.
    Score,
    /// What the score would be if every undecided rule hit.
    PotentialScore,
}

impl Total {
    pub fn words(self) -> &'static str {
        match self {
            Total::Score => "score",
            Total::PotentialScore => "potential_score",
        }
    }
}

/// What a rule may do. Without one it does all it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Judged only when it is named.
    Draft,
    /// Judged and recorded; neither score nor channel heed it.
    Silent,
    /// In effect, and flagged.
    Experimental,
    Stable,
    /// In effect; another rule takes its place.
    Deprecated,
    /// Judged only when it is named: kept for replays.
    Retired,
}

impl Status {
    pub const ALL: [Status; 6] = [
        Status::Draft,
        Status::Silent,
        Status::Experimental,
        Status::Stable,
        Status::Deprecated,
        Status::Retired,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Status::Draft => "draft",
            Status::Silent => "silent",
            Status::Experimental => "experimental",
            Status::Stable => "stable",
            Status::Deprecated => "deprecated",
            Status::Retired => "retired",
        }
    }

    /// Whether a run judges such rules without being asked.
    pub fn runs(self) -> bool {
        match self {
            Status::Draft | Status::Retired => false,
            Status::Silent | Status::Experimental | Status::Stable | Status::Deprecated => true,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Policy {
    pub name: Arc<str>,
    /// The record that gets a channel.
    pub level: RecordId,
    pub channels: Arc<Choice>,
    /// Of the rules below the level.
    pub parts: Merged,
    /// Of that and of the rules of the level.
    pub whole: Merged,
    /// The first whose condition is true counts.
    pub routes: Vec<Route>,
    /// For declarations with undecided rules.
    pub undecided: Vec<Route>,
    /// The channel of a rule wins where it is stricter.
    pub overrides: bool,
    pub exemptions: Vec<Exemption>,
    pub draws: Vec<Draw>,
    /// The strictest channel first.
    pub capacities: Vec<Capacity>,
    /// Declarations that share these values share the strictest channel of any of them.
    pub together: Vec<Named>,
    /// The rules that were named: it is decided as if there were no others. Else empty.
    pub only: Vec<Arc<str>>,
    pub span: Span,
}

/// An expression and its words.
#[derive(Debug, Clone)]
pub struct Named {
    pub words: Arc<str>,
    pub value: E,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    Highest,
    Sum,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    pub merge: Merge,
    pub cap: Option<Decimal>,
}

#[derive(Debug, Clone)]
pub struct Route {
    pub channel: ChannelId,
    /// `None` is `otherwise`.
    pub when: Option<Named>,
}

/// Rules with one of the tags do not count where it is true.
#[derive(Debug, Clone)]
pub struct Exemption {
    pub tags: Vec<String>,
    pub when: Named,
}

#[derive(Debug, Clone)]
pub struct Draw {
    /// In millionths.
    pub rate: u32,
    pub of: ChannelId,
    pub to: ChannelId,
    /// Strata, each drawn apart.
    pub by: Vec<Named>,
    pub key: Key,
    pub halved: Option<Named>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Text(Arc<str>),
    /// The name of a variable of the environment.
    Environment(Arc<str>),
}

#[derive(Debug, Clone)]
pub struct Capacity {
    pub channel: ChannelId,
    pub places: u32,
    pub per: Vec<Named>,
    pub overflow: ChannelId,
    /// At most so many of one value.
    pub most: Option<(u32, Named)>,
    /// The share of places for drawn declarations, in millionths.
    pub kept: u32,
    /// The largest first.
    pub order: Vec<Named>,
}

impl Policy {
    pub fn channel(&self, word: &str) -> Option<ChannelId> {
        self.channels.rank(word).map(ChannelId)
    }

    /// `as if only R1, R2 existed`, where that is so.
    pub fn only_words(&self) -> Option<String> {
        (!self.only.is_empty()).then(|| format!("as if only {} existed", self.only.join(", ")))
    }

    pub fn word(&self, channel: ChannelId) -> &str {
        &self.channels.values[channel.0]
    }

    /// All that is asked of a declaration.
    pub fn expressions(&self) -> Vec<&E> {
        let routes = self.routes.iter().chain(&self.undecided);
        let mut all: Vec<&Named> = routes.filter_map(|it| it.when.as_ref()).collect();
        all.extend(self.exemptions.iter().map(|it| &it.when));
        all.extend(self.draws.iter().flat_map(|it| it.by.iter().chain(&it.halved)));
        for it in &self.capacities {
            all.extend(it.per.iter().chain(&it.order).chain(it.most.iter().map(|it| &it.1)));
        }
        all.extend(&self.together);
        all.into_iter().map(|it| &it.value).collect()
    }
}

/// The channels, least strict first: `choice channel … ordered` of the schema, or the usual four.
pub fn channels(schema: &Schema) -> Arc<Choice> {
    let declared = schema.choices.get(CHANNEL).filter(|it| it.ordered);
    declared.cloned().unwrap_or_else(|| {
        let values = ["green", "blue", "yellow", "red"];
        let values = values.iter().map(|it| (*it).to_owned()).collect();
        Arc::new(Choice { name: CHANNEL.to_owned(), values, ordered: true })
    })
}

const CHANNEL: &str = "channel";
