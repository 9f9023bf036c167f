//! The lines of a policy.

use serde_json::Value as Json;
use serde_json::json;

use crate::ir::written::Place;
use crate::ir::written::Writer;
use crate::syntax::ast;
use crate::syntax::ast::PolicyLine;
use crate::syntax::policy as line;

impl Writer<'_> {
    /// A policy; nothing of other blocks.
    pub fn policy(&mut self, block: &ast::Block) -> Option<Json> {
        let ast::Head::Policy { name } = &block.head else { return None };
        let level = self.lowering.policy_level(block)?;
        let mut at = Place::of(level);
        at.scope = self.lowering.policy_scope(level, name);
        let channels = crate::ir::policy::channels(&self.lowering.schema);
        let mut lines = Vec::new();
        for line in &block.lines {
            let ast::LineKind::Policy(it) = &line.kind else { continue };
            let mut node = self.policy_line(it, &at);
            node["text"] = json!(self.words(line.span));
            node["line"] = json!(self.lowering.sources.place(line.span).line);
            lines.push(node);
        }
        Some(json!({
            "name": name.text, "level": self.record(level), "channels": channels.values,
            "lines": lines,
        }))
    }

    fn policy_line(&mut self, it: &PolicyLine, at: &Place) -> Json {
        match it {
            PolicyLine::Combine { parts, whole } => {
                let whole = whole.as_ref().map(|it| self.merged(&it.0, at));
                json!({"kind": "combine", "parts": self.merged(parts, at), "whole": whole})
            }
            PolicyLine::Route { channel, when } => {
                let when = when.as_ref().map(|it| self.node(it, None, at));
                json!({"kind": "route", "channel": channel.text, "when": when})
            }
            PolicyLine::Undecided { channel, when } => {
                let when = self.node(when, None, at);
                json!({"kind": "undecided", "channel": channel.text, "when": when})
            }
            PolicyLine::Override => json!({"kind": "override"}),
            PolicyLine::Exempt { tags, when } => {
                let tags: Vec<&str> = tags.iter().map(|it| it.text.as_str()).collect();
                json!({"kind": "exempt", "tags": tags, "when": self.node(when, None, at)})
            }
            PolicyLine::Random(it) => self.random(it, at),
            PolicyLine::Capacity(it) => self.capacity(it, at),
            PolicyLine::Together(all) => {
                json!({"kind": "together", "by": self.nodes(all, None, at)})
            }
        }
    }

    fn merged(&mut self, it: &line::Merged, at: &Place) -> Json {
        let merge = match it.merge {
            line::Merge::Highest => "highest",
            line::Merge::Sum => "sum",
        };
        let cap = it.cap.as_ref().map(|it| self.node(it, None, at));
        json!({"merge": merge, "cap": cap})
    }

    fn random(&mut self, it: &line::Random, at: &Place) -> Json {
        let key = match &it.key {
            line::Key::Text(it) => json!({"text": it.text}),
            line::Key::Environment(it) => json!({"environment": it.text}),
        };
        let halved = it.halved.as_ref().map(|it| self.node(it, None, at));
        json!({
            "kind": "random", "rate": self.node(&it.rate, None, at), "of": it.of.text,
            "to": it.to.text, "by": self.nodes(&it.by, None, at), "key": key, "halved": halved,
        })
    }

    fn capacity(&mut self, it: &line::Capacity, at: &Place) -> Json {
        let mut res = json!({
            "kind": "capacity", "channel": it.channel.text, "places": it.places,
            "per": self.nodes(&it.per, None, at), "overflow": it.overflow.text,
            "most": Json::Null, "keep": Json::Null, "order": Json::Null,
        });
        for part in &it.parts {
            match part {
                line::Part::Most { count, per } => {
                    res["most"] = json!({"count": count, "per": self.node(per, None, at)});
                }
                line::Part::Keep(it) => res["keep"] = self.node(it, None, at),
                line::Part::Order(all) => res["order"] = json!(self.nodes(all, None, at)),
            }
        }
        res
    }
}
