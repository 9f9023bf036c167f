//! `hit(R)` where R judges the rows inside the judged one: whether it hits any of them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Kind;
use crate::ir::RuleId;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::rewrite::Rewriter;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::Quantifier;

impl Lowering<'_> {
    /// A rule of an inner level: any row of it that the rule hits. Rules of inner levels are
    /// lowered first.
    pub fn hit_inside(&mut self, rule: RuleId, name: &ast::Name, scope: &Scope, span: Span) -> E {
        let Some(level) = self.levels[rule.0] else { return self.error(span) };
        let Some(said) = self.said(rule, &mut Vec::new()) else {
            let message = format!("rule {} needs statistics or rules of its own", name.text);
            let it = Diagnostic::new(Code::T1109, span, message);
            let record = self.schema.record(level).name.clone();
            self.push(it.help(format!(
                "write the condition itself, `any {record} has (…)`, or give {} a score or a \
                 channel: what it needs is found for each {record} alone",
                name.text
            )));
            return self.error(span);
        };
        let said = Kind::Named(Arc::from(format!("hit({})", name.text)), said);
        let said = Arc::new(Expr { kind: said, ty: Type::Truth, span });
        let rows = self.rows_inside(level, span);
        let words = format!("hit({})", name.text);
        let Some(source) = self.source(&rows, scope, &words) else {
            return self.error(span);
        };
        self.rows_that(Quantifier::Any, said, &source, span)
    }

    fn rows_inside(&self, record: RecordId, span: Span) -> ast::Rows {
        ast::Rows {
            past: false,
            record: ast::Name { text: self.schema.record(record).name.clone(), span },
            others: None,
            filter: None,
            same: Vec::new(),
            window: None,
            partial: false,
            smoothed: None,
            span,
        }
    }

    /// What a rule says, in fields alone; nothing where that cannot be.
    fn said(&self, rule: RuleId, open: &mut Vec<RuleId>) -> Option<E> {
        if open.contains(&rule) {
            return None;
        }
        let outcome = self.done.get(&rule)?;
        open.push(rule);
        let mut asked: BTreeMap<RuleId, E> = BTreeMap::new();
        for id in crate::ir::hits_of(outcome) {
            if let Entry::Vacant(place) = asked.entry(id) {
                place.insert(self.said(id, open)?);
            }
        }
        open.pop();
        let it = Rewriter::new(|it: &E| match &it.kind {
            Kind::Hit(id) => asked.get(id).cloned(),
            _ => None,
        })
        .rewrite(outcome);
        (!needs_more(&it)).then_some(it)
    }
}

/// Statistics of a row are not known while rows are counted.
fn needs_more(it: &E) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let mut todo = vec![it];
    while let Some(it) = todo.pop() {
        if matches!(it.kind, Kind::Fact(_) | Kind::Open(..) | Kind::Hit(_) | Kind::Total(_)) {
            return true;
        }
        if it.ty == Type::Error {
            return true;
        }
        if seen.insert(Arc::as_ptr(it)) {
            todo.extend(it.parts());
        }
    }
    false
}
