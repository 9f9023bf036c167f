//! What is odd about a policy: routes nobody takes, tags nobody has, rules that change nothing.

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir::Comparison;
use crate::ir::Kind;
use crate::ir::Rule;
use crate::ir::judged::total_in;
use crate::ir::lower::Lowering;
use crate::ir::lower::fold;
use crate::ir::policy::Merge;
use crate::ir::policy::Named;
use crate::ir::policy::Policy;
use crate::ir::policy::Status;
use crate::ir::policy::Total;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::PolicyLine;
use crate::value::Decimal;

impl Lowering<'_> {
    pub fn check_policy(&mut self, policy: &Policy, block: &ast::Block, rules: &[Rule]) {
        self.every_declaration(policy, block);
        self.known_too_late(policy.expressions());
        self.counted_by_then(policy);
        self.reachable(policy, block);
        self.within_the_cap(policy);
        self.one_capacity_each(block);
        self.known_tags(block, rules);
        self.idle_rules(policy, rules);
    }

    fn every_declaration(&mut self, policy: &Policy, block: &ast::Block) {
        let written = |it: &ast::Line| {
            matches!(it.kind, ast::LineKind::Policy(PolicyLine::Route { when: None, .. }))
        };
        if !block.lines.iter().any(written) {
            let first = &policy.channels.values[0];
            let message = "no route is for the declarations that are left";
            let it = Diagnostic::new(Code::T6002, block.span, message);
            self.push(it.help(format!("end the routes with `route to {first} otherwise`")));
        }
    }

    /// A threshold that is not below an earlier one of the same total lets nobody through.
    fn reachable(&mut self, policy: &Policy, block: &ast::Block) {
        let spans = block.lines.iter().filter_map(|line| match &line.kind {
            ast::LineKind::Policy(PolicyLine::Route { .. }) => Some(line.span),
            _ => None,
        });
        let routes: Vec<(Span, Option<&Named>)> =
            spans.zip(policy.routes.iter().map(|it| it.when.as_ref())).collect();
        for (at, (span, when)) in routes.iter().enumerate() {
            let hidden = |earlier: Option<&Named>| match (earlier, when) {
                (None, _) => true,
                (Some(earlier), Some(when)) => match (threshold(earlier), threshold(when)) {
                    (Some((a, least)), Some((b, asked))) => a == b && least <= asked,
                    _ => false,
                },
                (Some(_), None) => false,
            };
            let Some((first, _)) = routes[..at].iter().find(|it| hidden(it.1)) else { continue };
            let message = "no declaration gets here: the first route that fits is taken";
            let it = Diagnostic::new(Code::T6003, *span, message);
            self.push(
                it.label(*first, "this one takes them")
                    .help("write the highest threshold first and `otherwise` last"),
            );
        }
    }

    /// Exemptions come first: what rules score is counted once it is known which of them count.
    fn counted_by_then(&mut self, policy: &Policy) {
        for it in &policy.exemptions {
            let Some(total) = total_in(&it.when.value) else { continue };
            let name = total.words();
            let message = format!("`{name}` is not known yet: exemptions come before it");
            let field = self.schema.find_field(policy.level, name);
            let help = match field {
                Some(_) => format!("for the field write `{}.{name}`", self.level_name(policy)),
                None => "ask for fields, definitions, lists or statistics".to_owned(),
            };
            self.push(Diagnostic::new(Code::T6009, it.when.value.span, message).help(help));
        }
    }

    fn level_name(&self, policy: &Policy) -> String {
        self.schema.record(policy.level).name.clone()
    }

    /// A total is never above its cap.
    fn within_the_cap(&mut self, policy: &Policy) {
        let Some(cap) = policy.whole.cap else { return };
        let routes = policy.routes.iter().chain(&policy.undecided);
        for it in routes.filter_map(|it| it.when.as_ref()) {
            let Kind::Compare(op, left, right) = &it.value.kind else { continue };
            let Kind::Total(total) = left.kind else { continue };
            let Some(asked) = fold(right).and_then(|it| it.as_decimal()) else { continue };
            let reached = match op {
                Comparison::GreaterOrEqual | Comparison::Equal => asked <= cap,
                Comparison::Greater => asked < cap,
                Comparison::Less | Comparison::LessOrEqual => true,
            };
            if !reached {
                let message = format!(
                    "no declaration gets here: `combine` caps `{}` at {cap}",
                    total.words()
                );
                let found = Diagnostic::new(Code::T6003, it.value.span, message);
                self.push(found.help("ask for less, or raise the cap"));
            }
        }
    }

    fn one_capacity_each(&mut self, block: &ast::Block) {
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for line in &block.lines {
            let ast::LineKind::Policy(PolicyLine::Capacity(it)) = &line.kind else { continue };
            let channel = it.channel.text.as_str();
            if let Some((_, first)) = seen.iter().find(|it| it.0 == channel) {
                let message = format!("a second `capacity` for {channel}");
                let it = Diagnostic::new(Code::T1107, line.span, message);
                self.push(it.label(*first, "the first one").help("keep one of them"));
            }
            seen.push((channel, line.span));
        }
    }

    fn known_tags(&mut self, block: &ast::Block, rules: &[Rule]) {
        let known = || rules.iter().flat_map(|it| &it.tags).map(String::as_str);
        for line in &block.lines {
            let ast::LineKind::Policy(PolicyLine::Exempt { tags, .. }) = &line.kind else {
                continue;
            };
            for tag in tags.iter().filter(|it| !known().any(|known| known == it.text)) {
                let message = format!("no rule has the tag `{}`", tag.text);
                let help = did_you_mean(&tag.text, known())
                    .unwrap_or_else(|| format!("add `tags {}` to the rules meant", tag.text));
                self.push(Diagnostic::new(Code::T6007, tag.span, message).help(help));
            }
        }
    }

    fn idle_rules(&mut self, policy: &Policy, rules: &[Rule]) {
        for rule in rules {
            let counts = match rule.status {
                None | Some(Status::Experimental | Status::Stable | Status::Deprecated) => true,
                Some(Status::Draft | Status::Silent | Status::Retired) => false,
            };
            let own = rule.channel.is_some() && (policy.overrides || rule.mandatory);
            if !counts || own || !self.schema.lineage(rule.level).contains(&policy.level) {
                continue;
            }
            let Some(why) = idle(policy, rule) else { continue };
            let message = format!("rule {} can never change a channel: {why}", rule.id);
            let it = Diagnostic::new(Code::T6006, rule.span, message);
            self.push(it.help("give it a score or a channel, or `status silent`"));
        }
    }
}

/// `score >= 70` as the total and the least that passes.
fn threshold(it: &Named) -> Option<(Total, Decimal)> {
    let Kind::Compare(Comparison::GreaterOrEqual, left, right) = &it.value.kind else {
        return None;
    };
    let Kind::Total(total) = left.kind else { return None };
    Some((total, fold(right)?.as_decimal()?))
}

/// Why the score of a rule moves no declaration, if it is certain.
fn idle(policy: &Policy, rule: &Rule) -> Option<String> {
    let Some(score) = &rule.score else {
        return Some(match &rule.channel {
            Some(_) => "the policy has no `override channel`".to_owned(),
            None => "it has neither score nor channel".to_owned(),
        });
    };
    let score = fold(score)?.as_decimal()?;
    if score <= Decimal::new(0, 0) {
        return Some("its score adds nothing".to_owned());
    }
    // Where scores add up, small ones matter together.
    let alone = policy.parts.merge == Merge::Highest && policy.whole.merge == Merge::Highest;
    let asked = policy.routes.iter().chain(&policy.undecided).filter_map(|it| it.when.as_ref());
    let asked: Option<Vec<(Total, Decimal)>> = asked.map(threshold).collect();
    let least = asked?.into_iter().map(|it| it.1).min()?;
    (alone && score < least).then(|| format!("no route asks for less than {least}"))
}
