//! A rule: its lines, what it scores and says, when it is in force, and its outcome.

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::Piece;
use crate::ir::Rule;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::truth;
use crate::ir::typing;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::value::calendar;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Lowering<'_> {
    pub fn rule(&mut self, name: &ast::Name, block: &ast::Block) -> Rule {
        let error = self.error(name.span);
        let mut rule = Rule {
            id: Arc::from(name.text.as_str()),
            title: match &block.head {
                ast::Head::Rule { title: Some(title), .. } => title.text.clone(),
                _ => String::new(),
            },
            owner: meta(block, ast::MetaKey::Owner).join(", "),
            status: self.status(block),
            reviewed: reviewed(block),
            tags: meta(block, ast::MetaKey::Tags),
            see: meta(block, ast::MetaKey::See),
            channel: None,
            mandatory: false,
            level: RecordId(0),
            outcome: error.clone(),
            condition: error,
            exceptions: Vec::new(),
            score: None,
            show: Vec::new(),
            because: Vec::new(),
            span: block.span,
        };
        let Some(level) = self.level(name, block) else { return rule };
        rule.level = level;
        let valid = self.validity(block);
        let scope = Scope { record: level, arguments: BTreeMap::new(), judged: None, valid };
        self.negated.clear();
        self.expanded = 0;
        self.rule_lines(block, &scope, &mut rule);
        self.warn_negated(&rule.condition);
        rule.outcome = self.outcome(&rule, &scope, name.span);
        rule
    }

    fn rule_lines(&mut self, block: &ast::Block, scope: &Scope, rule: &mut Rule) {
        for (at, line) in block.lines.iter().enumerate() {
            let bullets = &block.lines[at + 1..];
            match &line.kind {
                ast::LineKind::When(body) => rule.condition = self.body(body, bullets, 1, scope),
                ast::LineKind::Unless(body) => {
                    let negated = std::mem::take(&mut self.negated);
                    rule.exceptions = self.exceptions(body, bullets, scope);
                    self.negated = negated;
                }
                ast::LineKind::Score(expr) => rule.score = self.score(expr, scope),
                ast::LineKind::Channel { name, mandatory } => {
                    rule.channel = self.channel(name).map(|_| name.text.clone());
                    rule.mandatory = *mandatory;
                }
                ast::LineKind::Show(shown) => {
                    for expr in shown {
                        let value = self.value(expr, None, scope);
                        rule.show.push((self.words(expr), value));
                    }
                }
                ast::LineKind::Because(message) => rule.because = self.message(message, scope),
                _ => {}
            }
        }
    }

    fn message(&mut self, message: &ast::Message, scope: &Scope) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for piece in &message.pieces {
            pieces.push(match piece {
                ast::Piece::Text(text) => Piece::Text(text.clone()),
                ast::Piece::Value(expr) => Piece::Value(self.value(expr, None, scope)),
            });
        }
        pieces
    }

    fn score(&mut self, expr: &ast::Expr, scope: &Scope) -> Option<E> {
        self.in_score = true;
        let it = self.value(expr, None, scope);
        self.in_score = false;
        if it.ty == Type::Error {
            return None;
        }
        let number = typing::number(&it.ty);
        if !it.ty.is_numeric() || !number.dimension.is_pure() || number.percent {
            let message = format!("a score is a number, not {}", it.ty.words());
            self.push(Diagnostic::new(Code::T3005, it.span, message).help("write `score 60`"));
            return None;
        }
        if typing::may_be_missing(&self.schema, &it) {
            self.push(
                Diagnostic::new(Code::T4102, it.span, "this score may have no value")
                    .help("say what counts then: `… or else 0`"),
            );
        }
        Some(it)
    }

    fn validity(&mut self, block: &ast::Block) -> (Option<i32>, Option<i32>) {
        for line in &block.lines {
            let ast::LineKind::Valid { from, to } = &line.kind else { continue };
            let day = |it: &Option<ast::Date>| it.as_ref().and_then(|it| calendar::days(it.date));
            let (first, last) = (day(from), day(to));
            if let (Some(a), Some(b)) = (first, last)
                && b < a
            {
                self.push(
                    Diagnostic::new(Code::T5102, line.span, "this period ends before it begins")
                        .help("exchange the two dates"),
                );
            }
            return (first, last);
        }
        (None, None)
    }

    /// In force, and the condition, and no established exception.
    fn outcome(&mut self, rule: &Rule, scope: &Scope, span: Span) -> E {
        let mut all = Vec::new();
        all.extend(self.period(scope.valid.0, scope.valid.1, scope, span));
        all.push(rule.condition.clone());
        if !rule.exceptions.is_empty() {
            let exceptions: Vec<E> =
                rule.exceptions.iter().map(|it| it.condition.clone()).collect();
            let any = truth(Kind::Or(exceptions), span);
            all.push(truth(Kind::Not(truth(Kind::Established(any), span)), span));
        }
        if all.len() == 1 { all.remove(0) } else { truth(Kind::And(all), span) }
    }
}

/// `reviewed 2026-05-01`
fn reviewed(block: &ast::Block) -> Option<i32> {
    block.lines.iter().find_map(|line| match &line.kind {
        ast::LineKind::Meta { key: ast::MetaKey::Reviewed, values } => match values.as_slice() {
            [ast::MetaValue::Date(it)] => calendar::days(it.date),
            _ => None,
        },
        _ => None,
    })
}

fn meta(block: &ast::Block, wanted: ast::MetaKey) -> Vec<String> {
    let values = block.lines.iter().filter_map(|line| match &line.kind {
        ast::LineKind::Meta { key, values } if *key == wanted => Some(values),
        _ => None,
    });
    values
        .flatten()
        .map(|it| match it {
            ast::MetaValue::Text(it) => it.text.clone(),
            ast::MetaValue::Date(it) => it.date.to_string(),
            ast::MetaValue::Name(it) => it.text.clone(),
        })
        .collect()
}
