//! Lines of a policy to what they mean: channels, tags, and expressions over a declaration.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir::Expr;
use crate::ir::Kind;
use crate::ir::Rule;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::fold;
use crate::ir::policy;
use crate::ir::policy::Capacity;
use crate::ir::policy::ChannelId;
use crate::ir::policy::Draw;
use crate::ir::policy::Exemption;
use crate::ir::policy::Key;
use crate::ir::policy::Merge;
use crate::ir::policy::Merged;
use crate::ir::policy::Named;
use crate::ir::policy::Policy;
use crate::ir::policy::Route;
use crate::ir::policy::Status;
use crate::ir::policy::Total;
use crate::ir::typing;
use crate::schema::Number;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::syntax::ast;
use crate::syntax::ast::PolicyLine;
use crate::syntax::policy as line;
use crate::value::Decimal;
use crate::value::decimal;

/// Nothing is merged but by addition, nothing is cut.
const SUM: Merged = Merged { merge: Merge::Sum, cap: None };
/// Of a share, in millionths.
const WHOLE: u32 = 1_000_000;

impl<'a> Lowering<'a> {
    /// The policy of the rule set, if it has one.
    pub fn policy(&mut self, files: &'a [ast::File], rules: &[Rule]) -> Option<Policy> {
        let mut blocks = files.iter().flat_map(|it| &it.blocks).filter_map(|it| match &it.head {
            ast::Head::Policy { name } => Some((name, it)),
            _ => None,
        });
        let (name, block) = blocks.next()?;
        for (other, _) in blocks {
            let message = "a second policy: a declaration would get two channels";
            let it = Diagnostic::new(Code::T6001, other.span, message);
            self.push(it.label(name.span, "the first one").help("take one of them out"));
        }
        if block.broken {
            return None;
        }
        let level = self.policy_level(block)?;
        if self.schema.record(level).key.is_empty() {
            let record = self.schema.record(level).name.clone();
            let message = format!("`{record}` has no key: its rows cannot be told apart");
            let it = Diagnostic::new(Code::T6008, name.span, message);
            self.push(it.help("add a line such as `key declaration_id` to the record"));
        }
        let mut policy = Policy {
            name: Arc::from(name.text.as_str()),
            level,
            channels: policy::channels(&self.schema),
            parts: SUM,
            whole: SUM,
            routes: Vec::new(),
            undecided: Vec::new(),
            overrides: false,
            exemptions: Vec::new(),
            draws: Vec::new(),
            capacities: Vec::new(),
            together: Vec::new(),
            only: Vec::new(),
            span: block.span,
        };
        self.unordered_channels(name);
        let scope = self.policy_scope(level, name);
        self.negated.clear();
        self.expanded = 0;
        self.in_policy = true;
        for line in &block.lines {
            if let ast::LineKind::Policy(it) = &line.kind {
                self.policy_line(it, &scope, &mut policy);
            }
        }
        self.in_policy = false;
        self.negated.clear();
        self.check_policy(&policy, block, rules);
        policy.capacities.sort_by_key(|it| std::cmp::Reverse(it.channel));
        Some(policy)
    }

    pub fn policy_level(&mut self, block: &ast::Block) -> Option<RecordId> {
        let named = block.lines.iter().find_map(|line| match &line.kind {
            ast::LineKind::For { record, .. } => Some(record),
            _ => None,
        });
        match named {
            Some(name) => self.record(name),
            None => self.schema.lineage(self.deepest()?).pop(),
        }
    }

    fn unordered_channels(&mut self, name: &ast::Name) {
        if self.schema.choices.get("channel").is_some_and(|it| !it.ordered) {
            let message = "the channels of the schema have no order";
            let it = Diagnostic::new(Code::T3007, name.span, message);
            self.push(it.help("end `choice channel …` with `ordered`, the least strict first"));
        }
    }

    /// In a policy the totals have names, and so has the day.
    pub fn policy_scope(&mut self, level: RecordId, name: &ast::Name) -> Scope {
        let mut arguments = BTreeMap::new();
        for total in [Total::Score, Total::PotentialScore] {
            let ty = Type::Number(Number::pure(decimal::SCALE_MAX));
            let it = Expr { kind: Kind::Total(total), ty, span: name.span };
            arguments.insert(total.words().to_owned(), Arc::new(it));
        }
        if self.schema.find_field(level, DAY).is_none()
            && let Some(id) = self.schema.acceptance(level)
        {
            let it = Expr { kind: Kind::Field(id), ty: Type::Date, span: name.span };
            arguments.insert(DAY.to_owned(), Arc::new(it));
        }
        Scope { record: level, arguments, judged: None, valid: (None, None) }
    }

    fn policy_line(&mut self, it: &PolicyLine, scope: &Scope, policy: &mut Policy) {
        match it {
            PolicyLine::Combine { parts, whole } => {
                policy.parts = self.merged(parts);
                policy.whole = match whole {
                    Some((whole, over)) => {
                        self.same_record(over, policy.level);
                        self.merged(whole)
                    }
                    // One way for all scores has one cap, on the total.
                    None => {
                        let whole = policy.parts;
                        policy.parts.cap = None;
                        whole
                    }
                };
            }
            PolicyLine::Route { channel, when } => {
                let when = when.as_ref().map(|it| self.condition(it, scope));
                if let Some(channel) = self.channel(channel) {
                    policy.routes.push(Route { channel, when });
                }
            }
            PolicyLine::Undecided { channel, when } => {
                let when = Some(self.condition(when, scope));
                let name = channel;
                if let Some(channel) = self.channel(channel) {
                    self.stricter_than_none(channel, name);
                    policy.undecided.push(Route { channel, when });
                }
            }
            PolicyLine::Override => policy.overrides = true,
            PolicyLine::Exempt { tags, when } => policy.exemptions.push(Exemption {
                tags: tags.iter().map(|it| it.text.clone()).collect(),
                when: self.condition(when, scope),
            }),
            PolicyLine::Random(it) => policy.draws.extend(self.draw(it, scope)),
            PolicyLine::Capacity(it) => policy.capacities.extend(self.capacity(it, scope)),
            PolicyLine::Together(all) => policy.together = self.named(all, scope),
        }
    }

    /// Undecided declarations go to a stricter channel, and nothing is less strict than the first.
    fn stricter_than_none(&mut self, channel: ChannelId, name: &ast::Name) {
        if channel == ChannelId(0) {
            let message =
                format!("nothing is less strict than `{}`: the line means nothing", name.text);
            let it = Diagnostic::new(Code::T6004, name.span, message);
            self.push(it.help("name a stricter channel, or take the line out"));
        }
    }

    fn same_record(&mut self, over: &ast::Name, level: RecordId) {
        let record = self.schema.record(level).name.clone();
        if over.text != record {
            let message = format!("the policy is for `{record}`, not for `{}`", over.text);
            let it = Diagnostic::new(Code::T2108, over.span, message);
            self.push(it.help(format!("write `over {record}`")));
        }
    }

    fn merged(&mut self, it: &line::Merged) -> Merged {
        let merge = match it.merge {
            line::Merge::Highest => Merge::Highest,
            line::Merge::Sum => Merge::Sum,
        };
        Merged { merge, cap: it.cap.as_ref().and_then(|it| self.plain_number(it)) }
    }

    fn plain_number(&mut self, it: &ast::Expr) -> Option<Decimal> {
        let ast::ExprKind::Number(text) = &it.kind else { return None };
        Decimal::parse(&text.replace('_', ""))
    }

    /// A channel of the schema, or one of the usual four.
    pub fn channel(&mut self, name: &ast::Name) -> Option<ChannelId> {
        let all = policy::channels(&self.schema);
        let found = all.rank(&name.text).map(ChannelId);
        if found.is_none() {
            let known = all.values.iter().map(String::as_str);
            let help = did_you_mean(&name.text, known)
                .unwrap_or_else(|| format!("the channels are {}", all.values.join(", ")));
            let message = format!("there is no channel `{}`", name.text);
            self.push(Diagnostic::new(Code::T2107, name.span, message).help(help));
        }
        found
    }

    fn condition(&mut self, it: &ast::Expr, scope: &Scope) -> Named {
        Named { words: Arc::from(self.words(it)), value: self.test(it, scope) }
    }

    fn named(&mut self, all: &[ast::Expr], scope: &Scope) -> Vec<Named> {
        let one = |it: &ast::Expr| {
            let words = Arc::from(self.words(it));
            Named { words, value: self.value(it, None, scope) }
        };
        all.iter().map(one).collect()
    }

    /// A percentage in millionths.
    fn millionths(&mut self, it: &ast::Expr, scope: &Scope) -> u32 {
        let value = self.value(it, None, scope);
        let percent = matches!(&value.ty, Type::Number(number) if number.percent);
        let share = fold(&value)
            .and_then(|it| it.as_decimal())
            .and_then(|it| it.with_scale(6))
            .and_then(|it| u32::try_from(it.unscaled).ok());
        if value.ty == Type::Error {
            return 0;
        }
        match share.filter(|it| percent && *it <= WHOLE) {
            Some(it) => it,
            None => {
                let message = format!("`{}` is no share of a whole", self.sources.slice(it.span));
                let it = Diagnostic::new(Code::T6005, it.span, message);
                self.push(it.help("write a percentage from 0 % to 100 %, such as `2 %`"));
                0
            }
        }
    }

    fn draw(&mut self, it: &line::Random, scope: &Scope) -> Option<Draw> {
        let rate = self.millionths(&it.rate, scope);
        let by = self.named(&it.by, scope);
        let halved = it.halved.as_ref().map(|it| self.condition(it, scope));
        let (of, to) = (self.channel(&it.of), self.channel(&it.to));
        let (of, to) = (of?, to?);
        if to <= of {
            let message = format!("`{}` is not stricter than `{}`", it.to.text, it.of.text);
            let found = Diagnostic::new(Code::T6004, it.to.span, message);
            self.push(found.help("a draw goes to a stricter channel"));
        }
        let key = match &it.key {
            line::Key::Text(it) => Key::Text(Arc::from(it.text.as_str())),
            line::Key::Environment(it) => Key::Environment(Arc::from(it.text.as_str())),
        };
        Some(Draw { rate, of, to, by, key, halved })
    }

    fn capacity(&mut self, it: &line::Capacity, scope: &Scope) -> Option<Capacity> {
        let per = self.named(&it.per, scope);
        let (mut most, mut kept, mut order) = (None, 0, Vec::new());
        for part in &it.parts {
            match part {
                line::Part::Most { count, per } => {
                    let per = self.named(std::slice::from_ref(per), scope).pop();
                    most = per.map(|it| (*count, it));
                }
                line::Part::Keep(share) => kept = self.millionths(share, scope),
                line::Part::Order(all) => order = self.order(all, scope),
            }
        }
        if order.is_empty() {
            let total = |it: Total| Named {
                words: Arc::from(it.words()),
                value: scope.arguments[it.words()].clone(),
            };
            order = vec![total(Total::Score), total(Total::PotentialScore)];
        }
        let (channel, overflow) = (self.channel(&it.channel), self.channel(&it.overflow));
        let (channel, overflow) = (channel?, overflow?);
        if channel <= overflow {
            let (full, other) = (&it.channel.text, &it.overflow.text);
            let message = format!("`{other}` is not less strict than `{full}`");
            let found = Diagnostic::new(Code::T6004, it.overflow.span, message);
            self.push(found.help("who finds no place goes to a less strict channel"));
        }
        let places = it.places;
        Some(Capacity { channel, places, per, overflow, most, kept, order })
    }

    fn order(&mut self, all: &[ast::Expr], scope: &Scope) -> Vec<Named> {
        let res = self.named(all, scope);
        for it in &res {
            if let Some(problem) = typing::no_order(&it.value) {
                self.push(problem);
            }
        }
        res
    }

    /// What the author says a rule may do.
    pub fn status(&mut self, block: &ast::Block) -> Option<Status> {
        let mut lines = block.lines.iter().filter_map(|line| match &line.kind {
            ast::LineKind::Meta { key: ast::MetaKey::Status, values } => Some((line, values)),
            _ => None,
        });
        let (line, values) = lines.next()?;
        let word = match values.as_slice() {
            [ast::MetaValue::Name(it)] => it.text.as_str(),
            [ast::MetaValue::Text(it)] => it.text.as_str(),
            _ => "",
        };
        let found = Status::ALL.into_iter().find(|it| it.words() == word);
        let all: Vec<&str> = Status::ALL.iter().map(|it| it.words()).collect();
        if found.is_none() {
            let help = did_you_mean(word, all.iter().copied());
            let help = help.unwrap_or_else(|| format!("write one of {}", all.join(", ")));
            let message = format!("`{word}` is no status");
            self.push(Diagnostic::new(Code::T2107, line.span, message).help(help));
        }
        let is_see =
            |it: &ast::Line| matches!(it.kind, ast::LineKind::Meta { key: ast::MetaKey::See, .. });
        if found == Some(Status::Deprecated) && !block.lines.iter().any(is_see) {
            let message = "a deprecated rule names the one that takes its place";
            let it = Diagnostic::new(Code::T1108, line.span, message);
            self.push(it.help("add a line such as `see R0102`"));
        }
        found
    }
}

const DAY: &str = "day";
