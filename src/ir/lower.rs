//! Trees to typed rules: names to ids, and a type for every expression.
//!
//! A rule that cannot be lowered keeps its place with an `Error` condition; the diagnostics say
//! why.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::E;
use crate::ir::Exception;
use crate::ir::Expr;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::List;
use crate::ir::Parameter;
use crate::ir::Rule;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::from_schema;
use crate::ir::from_schema::Derived;
use crate::ir::hits_of;
use crate::ir::typing;
use crate::ir::weight::Weights;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::source::Sources;
use crate::source::Span;
use crate::syntax::ast;
use crate::value::Value;
use crate::value::calendar;

/// What rules are lowered against.
pub struct Context<'a> {
    pub sources: &'a Sources,
    pub schema: Arc<Schema>,
    pub derived: &'a [Derived],
    /// Loaded already, with the names the rules use.
    pub lists: Vec<Arc<List>>,
}

/// Every rule block of `files`, typed.
pub fn lower(files: &[ast::File], context: Context) -> (RuleSet, Vec<Diagnostic>) {
    let mut lowering = Lowering::new(files, context);
    lowering.parameters(files);
    let mut blocks: Vec<(&ast::Name, &ast::Block)> = lowering.rule_blocks(files);
    blocks.sort_by(|a, b| a.0.text.cmp(&b.0.text));
    lowering.rule_ids =
        blocks.iter().enumerate().map(|(at, it)| (it.0.text.clone(), RuleId(at))).collect();
    lowering.levels = blocks.iter().map(|it| lowering.quiet_level(it.1)).collect();
    let rules = lowering.rules(&blocks);
    lowering.unused_definitions(files);
    lowering.unused_derived();
    lowering.unused_profiles(files);
    lowering.hit_cycles(&rules);
    lowering.heavy_rules(&rules);
    let tests = Arc::new(lowering.tests(files, &rules));
    let policy = lowering.policy(files, &rules);
    let rule_set = RuleSet {
        tests,
        schema: lowering.schema.clone(),
        rules,
        lists: lowering.lists,
        parameters: lowering.parameters,
        facts: lowering.facts,
        policy,
    };
    (rule_set, lowering.diagnostics)
}

pub struct Lowering<'a> {
    pub(in crate::ir) sources: &'a Sources,
    pub(in crate::ir) schema: Arc<Schema>,
    pub(in crate::ir) derived: BTreeMap<(RecordId, &'a str), &'a Derived>,
    pub(in crate::ir) lists: Vec<Arc<List>>,
    pub(in crate::ir) parameters: Vec<Parameter>,
    pub(in crate::ir) defines: BTreeMap<&'a str, &'a ast::Block>,
    pub(in crate::ir) profiles: BTreeMap<&'a str, &'a ast::Block>,
    pub(in crate::ir) facts: Vec<Fact>,
    /// By what they say.
    pub(in crate::ir) fact_ids: BTreeMap<String, FactId>,
    /// Statistics by what they say, and where each was written first.
    pub(in crate::ir) written: BTreeMap<String, Span>,
    pub(in crate::ir) rule_ids: BTreeMap<String, RuleId>,
    pub(in crate::ir) levels: Vec<Option<RecordId>>,
    pub(in crate::ir) diagnostics: Vec<Diagnostic>,
    /// Definitions and derived fields being lowered, to find cycles.
    pub(in crate::ir) open: Vec<String>,
    /// Negated tests of the rule at hand: the place, and the words of what is tested.
    pub(in crate::ir) negated: Vec<(E, Span)>,
    /// A score is being lowered: `or else` stands for anything that lacks a value.
    pub(in crate::ir) in_score: bool,
    /// A policy is being lowered: it decides on declarations that stand nowhere, too.
    pub(in crate::ir) in_policy: bool,
    /// The outcomes of rules that are lowered already.
    pub(in crate::ir) done: BTreeMap<RuleId, E>,
    /// How many nodes definitions have expanded to: a limit on doubling.
    pub(in crate::ir) expanded: usize,
    pub(in crate::ir) weights: Weights,
    used: std::collections::BTreeSet<String>,
}

/// Where an expression stands.
#[derive(Clone)]
pub struct Scope {
    pub record: RecordId,
    pub arguments: BTreeMap<String, E>,
    /// The row stands for many, seen from here: names of this scope are reached by `this.`.
    pub judged: Option<Arc<Scope>>,
    /// Days, both included: codes must be in force then.
    pub valid: (Option<i32>, Option<i32>),
}

const EXPANSION_LIMIT: usize = 20_000;

impl<'a> Lowering<'a> {
    pub fn new(files: &'a [ast::File], context: Context<'a>) -> Lowering<'a> {
        let derived = context.derived.iter().map(|it| ((it.record, it.name.text.as_str()), it));
        let mut lowering = Lowering {
            sources: context.sources,
            schema: context.schema,
            derived: derived.collect(),
            lists: context.lists,
            parameters: Vec::new(),
            defines: BTreeMap::new(),
            profiles: BTreeMap::new(),
            facts: Vec::new(),
            fact_ids: BTreeMap::new(),
            written: BTreeMap::new(),
            rule_ids: BTreeMap::new(),
            levels: Vec::new(),
            diagnostics: Vec::new(),
            open: Vec::new(),
            negated: Vec::new(),
            in_score: false,
            in_policy: false,
            done: BTreeMap::new(),
            expanded: 0,
            weights: Weights::default(),
            used: std::collections::BTreeSet::new(),
        };
        for block in files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken) {
            if let ast::Head::Define { name, .. } = &block.head
                && lowering.defines.insert(&name.text, block).is_some()
            {
                lowering.twice(name);
            }
            if let ast::Head::Profile { name, .. } = &block.head
                && lowering.profiles.insert(&name.text, block).is_some()
            {
                lowering.twice(name);
            }
        }
        lowering
    }

    fn twice(&mut self, name: &ast::Name) {
        let message = format!("`{}` is declared twice", name.text);
        self.diagnostics.push(
            Diagnostic::new(Code::T2104, name.span, message).help("give one of them another name"),
        );
    }

    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// In the order of the blocks; those of inner levels are lowered first, for others may ask
    /// about them.
    fn rules(&mut self, blocks: &[(&'a ast::Name, &'a ast::Block)]) -> Vec<Rule> {
        let depth = |at: &usize| self.levels[*at].map_or(0, |it| self.schema.lineage(it).len());
        let mut order: Vec<usize> = (0..blocks.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(depth(at)));
        let mut rules = BTreeMap::new();
        for at in order {
            let rule = self.rule(blocks[at].0, blocks[at].1);
            self.known_too_late(std::iter::once(&rule.outcome).chain(&rule.score));
            self.done.insert(RuleId(at), rule.outcome.clone());
            rules.insert(at, rule);
        }
        rules.into_values().collect()
    }

    fn rule_blocks(&mut self, files: &'a [ast::File]) -> Vec<(&'a ast::Name, &'a ast::Block)> {
        let mut seen: BTreeMap<&str, ()> = BTreeMap::new();
        let mut res = Vec::new();
        for block in files.iter().flat_map(|it| &it.blocks) {
            let ast::Head::Rule { name, .. } = &block.head else { continue };
            if seen.insert(&name.text, ()).is_some() {
                self.twice(name);
            } else if !block.broken {
                res.push((name, block));
            }
        }
        res
    }

    /// The level of a rule, without remarks: `rule` makes them.
    fn quiet_level(&self, block: &ast::Block) -> Option<RecordId> {
        let named = block.lines.iter().find_map(|line| match &line.kind {
            ast::LineKind::For { record, .. } => Some(self.schema.find_record(&record.text)),
            _ => None,
        });
        match named {
            Some(found) => found,
            None if self.schema.records.len() == 1 => Some(RecordId(0)),
            None => None,
        }
    }

    pub fn level(&mut self, name: &ast::Name, block: &ast::Block) -> Option<RecordId> {
        for line in &block.lines {
            let ast::LineKind::For { record, of, .. } = &line.kind else { continue };
            let id = self.record(record)?;
            if let Some(of) = of {
                let outer = self.record(of)?;
                if self.schema.record(id).parent != Some(outer) {
                    let message = format!("`{}` is not a part of `{}`", record.text, of.text);
                    self.push(
                        Diagnostic::new(Code::T2108, of.span, message)
                            .help("name the record that the schema puts around it"),
                    );
                }
            }
            return Some(id);
        }
        if self.schema.records.len() == 1 {
            return Some(RecordId(0));
        }
        let names: Vec<String> =
            self.schema.records.iter().map(|it| format!("`for each {}`", it.name)).collect();
        let message = format!("rule {} does not say what it judges", name.text);
        self.push(
            Diagnostic::new(Code::T1108, name.span, message)
                .help(format!("add one of {}", names.join(", "))),
        );
        None
    }

    pub fn record(&mut self, name: &ast::Name) -> Option<RecordId> {
        let found = self.schema.find_record(&name.text);
        if found.is_none() {
            let names: Vec<&str> = self.schema.records.iter().map(|it| it.name.as_str()).collect();
            let help = crate::diagnostic::did_you_mean(&name.text, names.iter().copied())
                .unwrap_or_else(|| format!("the schema declares {}", names.join(", ")));
            let message = format!("unknown record `{}`", name.text);
            self.push(Diagnostic::new(Code::T2108, name.span, message).help(help));
        }
        found
    }

    fn parameters(&mut self, files: &'a [ast::File]) {
        let mut seen: BTreeMap<&str, ()> = BTreeMap::new();
        for block in files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken) {
            let ast::Head::Parameter { name, ty } = &block.head else { continue };
            if seen.insert(&name.text, ()).is_some() {
                self.twice(name);
                continue;
            }
            let ty = from_schema::ty(ty, &self.schema.clone(), &mut self.diagnostics);
            let mut values = Vec::new();
            for line in &block.lines {
                let ast::LineKind::Bullet(bullet) = &line.kind else { continue };
                let ast::Body::Expr(expr) = &bullet.body else { continue };
                let since = bullet.since.as_ref().and_then(|it| calendar::days(it.date));
                if let Some(value) = self.constant(expr, &ty) {
                    values.push((since, value));
                }
            }
            values.sort_by_key(|it| it.0);
            if values.is_empty() {
                let message = format!("parameter {} has no value", name.text);
                self.push(
                    Diagnostic::new(Code::T1108, name.span, message)
                        .help("add a line such as `- 50 % since 2026-01-01`"),
                );
            }
            if let Some(pair) = values.windows(2).find(|it| it[0].0 == it[1].0) {
                let day = pair[0].0.map_or("every date".to_owned(), calendar::date_text);
                let message = format!("parameter {} has two values since {day}", name.text);
                self.push(Diagnostic::new(Code::T2104, name.span, message).help("keep one"));
            }
            self.parameters.push(Parameter { name: Arc::from(name.text.as_str()), ty, values });
        }
    }

    /// The value of a literal of a type.
    fn constant(&mut self, expr: &ast::Expr, ty: &Type) -> Option<Value> {
        let scope = Scope {
            record: RecordId(0),
            arguments: BTreeMap::new(),
            judged: None,
            valid: (None, None),
        };
        let it = self.value(expr, Some(ty), &scope);
        if it.ty == Type::Error || *ty == Type::Error {
            return None;
        }
        let typed = Arc::new(Expr {
            kind: Kind::Literal(Value::Missing(crate::value::Reason::NotGiven)),
            ty: ty.clone(),
            span: expr.span,
        });
        if let Some(problem) = typing::comparable(&self.schema, &typed, &it) {
            let message = format!("a value of this parameter is {}", ty.words());
            self.push(Diagnostic {
                labels: vec![crate::diagnostic::Label { span: expr.span, text: it.ty.words() }],
                message,
                ..problem
            });
            return None;
        }
        match fold(&it) {
            Some(value) => Some(value),
            None => {
                let message = "a parameter has a fixed value";
                self.push(Diagnostic::new(Code::T3005, expr.span, message).help("write a literal"));
                None
            }
        }
    }

    /// Only a cycle through `hit(…)` is possible here: definitions report theirs when expanded.
    fn hit_cycles(&mut self, rules: &[Rule]) {
        let hits: Vec<Vec<RuleId>> = rules.iter().map(|it| hits_of(&it.outcome)).collect();
        let mut state = vec![0_u8; rules.len()];
        for start in 0..rules.len() {
            let mut path = vec![(start, 0_usize)];
            while let Some((at, next)) = path.pop() {
                if next == 0 {
                    if state[at] == 2 {
                        continue;
                    }
                    state[at] = 1;
                }
                let Some(target) = hits[at].get(next) else {
                    state[at] = 2;
                    continue;
                };
                path.push((at, next + 1));
                match state[target.0] {
                    0 => path.push((target.0, 0)),
                    1 => {
                        let message = format!("rule {} needs its own outcome", rules[at].id);
                        let it = Diagnostic::new(Code::T2105, rules[at].span, message)
                            .help("take one `hit(…)` of the circle out");
                        self.push(it);
                        return;
                    }
                    _ => {}
                }
            }
        }
    }

    pub fn is_used(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    pub fn mark_used(&mut self, name: &str) {
        self.used.insert(name.to_owned());
    }

    /// A definition that no rule uses is checked all the same.
    fn unused_definitions(&mut self, files: &'a [ast::File]) {
        let blocks = files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken);
        for block in blocks {
            let ast::Head::Define { name, formals } = &block.head else { continue };
            if self.used.contains(&name.text) {
                continue;
            }
            let Some(record) = self.quiet_level(block).or(self.deepest()) else { continue };
            let mut arguments = BTreeMap::new();
            for formal in formals {
                let ty = from_schema::ty(&formal.ty, &self.schema.clone(), &mut self.diagnostics);
                let kind = Kind::Literal(Value::Missing(crate::value::Reason::NotGiven));
                let it = Expr { kind, ty, span: formal.name.span };
                arguments.insert(formal.name.text.clone(), Arc::new(it));
            }
            let scope = Scope { record, arguments, judged: None, valid: (None, None) };
            self.expanded = 0;
            self.definition_body(block, &scope);
        }
    }

    /// A derived field that no rule uses is checked all the same.
    fn unused_derived(&mut self) {
        let all: Vec<&Derived> = self.derived.values().copied().collect();
        for it in all {
            // One that is used by another is checked with it.
            if self.used.contains(&it.mark()) {
                continue;
            }
            self.expanded = 0;
            self.own_field(it.record, &it.name, it.name.span);
        }
    }

    pub fn deepest(&self) -> Option<RecordId> {
        (0..self.schema.records.len())
            .map(RecordId)
            .max_by_key(|it| (self.schema.lineage(*it).len(), std::cmp::Reverse(it.0)))
    }

    /// Whether expansion has gone too far; says so once.
    pub fn too_large(&mut self, span: Span) -> bool {
        self.expanded += 1;
        if self.expanded == EXPANSION_LIMIT {
            self.push(
                Diagnostic::new(Code::T1005, span, "the definitions used here expand too far")
                    .help("name fewer definitions inside one another"),
            );
        }
        EXPANSION_LIMIT <= self.expanded
    }

    pub fn error(&self, span: Span) -> E {
        Arc::new(Expr {
            kind: Kind::Literal(Value::Missing(crate::value::Reason::NotGiven)),
            ty: Type::Error,
            span,
        })
    }

    pub fn exceptions(
        &mut self,
        body: &ast::Body,
        lines: &[ast::Line],
        scope: &Scope,
    ) -> Vec<Exception> {
        match body {
            ast::Body::Combiner(ast::Combiner::Any, _) => self
                .bullets(lines, 1, scope)
                .into_iter()
                .map(|(name, condition)| Exception { name, condition })
                .collect(),
            _ => {
                vec![Exception { name: String::new(), condition: self.body(body, lines, 1, scope) }]
            }
        }
    }
}

pub fn truth(kind: Kind, span: Span) -> E {
    Arc::new(Expr { kind, ty: Type::Truth, span })
}

/// The value of a literal, negated or not.
pub fn fold(it: &E) -> Option<Value> {
    match &it.kind {
        Kind::Literal(value) => Some(value.clone()),
        Kind::Widen(inner) => fold(inner),
        Kind::Negate(inner) => match fold(inner)? {
            Value::Whole(n) => n.checked_neg().map(Value::Whole),
            Value::Decimal(n) => Some(Value::Decimal(n.negated())),
            Value::Duration(n) => calendar::negated(n).map(Value::Duration),
            _ => None,
        },
        _ => None,
    }
}
