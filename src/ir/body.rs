//! Bullet lists, definitions and periods: how lines become one condition.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Kind;
use crate::ir::from_schema;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::truth;
use crate::ir::typing;
use crate::schema::FieldId;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::format_expr;
use crate::value::Value;
use crate::value::calendar;

impl Lowering<'_> {
    /// One expression, or the bullets of `depth` at the start of `lines` combined.
    pub fn body(&mut self, body: &ast::Body, lines: &[ast::Line], depth: u8, scope: &Scope) -> E {
        let (combiner, span) = match body {
            ast::Body::Expr(expr) => return self.test(expr, scope),
            ast::Body::Combiner(combiner, span) => (*combiner, *span),
        };
        let parts: Vec<E> =
            self.bullets(lines, depth, scope).into_iter().map(|(_, it)| it).collect();
        if parts.iter().any(|it| it.ty == Type::Error) {
            return self.error(span);
        }
        match combiner {
            ast::Combiner::All => truth(Kind::And(parts), span),
            ast::Combiner::Any => truth(Kind::Or(parts), span),
            ast::Combiner::None => truth(Kind::Not(truth(Kind::Or(parts), span)), span),
            ast::Combiner::AtLeast(n) => truth(Kind::AtLeast(n as usize, parts), span),
        }
    }

    /// The bullets of `depth`, each with its name and its dates taken into account.
    pub fn bullets(&mut self, lines: &[ast::Line], depth: u8, scope: &Scope) -> Vec<(String, E)> {
        let mut res = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let ast::LineKind::Bullet(bullet) = &line.kind else { break };
            if bullet.depth < depth {
                break;
            }
            if depth < bullet.depth {
                continue;
            }
            let condition = self.body(&bullet.body, &lines[at + 1..], depth + 1, scope);
            let day = |it: &Option<ast::Date>| it.as_ref().and_then(|it| calendar::days(it.date));
            let period = self.period(day(&bullet.since), day(&bullet.until), scope, line.span);
            let name = bullet.name.as_ref().map(|it| it.text.clone()).unwrap_or_default();
            let condition = match period {
                Some(period) if condition.ty != Type::Error => {
                    truth(Kind::And(vec![period, condition]), line.span)
                }
                _ => condition,
            };
            res.push((name, condition));
        }
        res
    }

    /// `from <= acceptance date <= to`, both included; nothing when both are open.
    pub fn period(
        &mut self,
        from: Option<i32>,
        to: Option<i32>,
        scope: &Scope,
        span: Span,
    ) -> Option<E> {
        if from.is_none() && to.is_none() {
            return None;
        }
        let date = self.acceptance(scope, span)?;
        let day =
            |it: i32| Arc::new(Expr { kind: Kind::Literal(Value::Date(it)), ty: Type::Date, span });
        let bound = |op: Comparison, it: Option<i32>| {
            it.map(|it| truth(Kind::Compare(op, date.clone(), day(it)), span))
        };
        let mut all: Vec<E> = bound(Comparison::GreaterOrEqual, from).into_iter().collect();
        all.extend(bound(Comparison::LessOrEqual, to));
        Some(if all.len() == 1 { all.remove(0) } else { truth(Kind::And(all), span) })
    }

    /// The acceptance date of the declaration; reported when the schema has none.
    pub fn acceptance(&mut self, scope: &Scope, span: Span) -> Option<E> {
        let found = self.schema.acceptance(scope.record);
        if found.is_none() {
            let message = "something dated needs the acceptance date of the declaration";
            self.push(
                Diagnostic::new(Code::T5101, span, message)
                    .help("say in the record of the schema which field it is: `history date …`"),
            );
        }
        found.map(|id| Arc::new(Expr { kind: Kind::Field(id), ty: Type::Date, span }))
    }

    /// An expression as the formatter writes it: the same however the author has laid it out.
    pub fn words(&self, it: &ast::Expr) -> String {
        let source = self.sources.get(it.span.file);
        let text = format_expr::expr(it, format_expr::Level::Or, source);
        text.replace(format_expr::BREAK, " ")
    }

    /// What a definition says, for a row of the scope.
    pub fn definition_body(&mut self, block: &ast::Block, scope: &Scope) -> E {
        for (at, line) in block.lines.iter().enumerate() {
            let ast::LineKind::As(body) = &line.kind else { continue };
            return match body {
                ast::Body::Expr(expr) => self.either(expr, scope),
                ast::Body::Combiner(..) => self.body(body, &block.lines[at + 1..], 1, scope),
            };
        }
        self.error(block.span)
    }

    /// `cheap(50 %)`: the definition with its arguments put in.
    pub fn define(
        &mut self,
        name: &ast::Name,
        arguments: &[ast::Expr],
        block: &ast::Block,
        scope: &Scope,
        span: Span,
    ) -> E {
        let ast::Head::Define { formals, .. } = &block.head else { return self.error(span) };
        self.mark_used(&name.text);
        if self.too_large(span) {
            return self.error(span);
        }
        if formals.len() != arguments.len() {
            let wanted: Vec<&str> = formals.iter().map(|it| it.name.text.as_str()).collect();
            let message =
                format!("`{}` takes {} values, not {}", name.text, wanted.len(), arguments.len());
            self.push(Diagnostic::new(Code::T2106, span, message).help(format!(
                "write `{}({})`",
                name.text,
                wanted.join(", ")
            )));
            return self.error(span);
        }
        let key = format!("define {}", name.text);
        if self.open.contains(&key) {
            let message = format!("`{}` needs itself", name.text);
            self.push(
                Diagnostic::new(Code::T2105, block.span, message)
                    .help("take one of the definitions of the circle out"),
            );
            return self.error(span);
        }
        let Some(record) = self.definition_level(name, block, scope, span) else {
            return self.error(span);
        };
        let mut given = BTreeMap::new();
        for (formal, argument) in formals.iter().zip(arguments) {
            let argument = self.argument(formal, argument, scope);
            if self.too_heavy(&argument, span) {
                return self.error(span);
            }
            given.insert(formal.name.text.clone(), argument);
        }
        self.open.push(key);
        // The names of the judged row's own arguments end here.
        let bare =
            |it: &Arc<Scope>| Arc::new(Scope { arguments: BTreeMap::new(), ..(**it).clone() });
        let judged = scope.judged.as_ref().map(bare);
        let inner = Scope { record, arguments: given, judged, valid: scope.valid };
        let it = self.definition_body(block, &inner);
        self.open.pop();
        if self.too_heavy(&it, span) {
            return self.error(span);
        }
        let kind = Kind::Named(Arc::from(name.text.as_str()), it.clone());
        Arc::new(Expr { kind, ty: it.ty.clone(), span })
    }

    fn argument(&mut self, formal: &ast::Formal, argument: &ast::Expr, scope: &Scope) -> E {
        let mut quiet = Vec::new();
        let ty = from_schema::ty(&formal.ty, &self.schema.clone(), &mut quiet);
        self.diagnostics.extend(quiet);
        let it = if ty == Type::Truth {
            self.test(argument, scope)
        } else {
            self.value(argument, Some(&ty), scope)
        };
        let wanted = Arc::new(Expr {
            kind: Kind::Field(FieldId { record: scope.record, field: 0 }),
            ty: ty.clone(),
            span: formal.name.span,
        });
        let Some(problem) = typing::comparable(&self.schema, &it, &wanted) else { return it };
        let message = format!("`{}` is {}, not {}", formal.name.text, ty.words(), it.ty.words());
        self.push(Diagnostic { message, ..problem });
        self.error(argument.span)
    }

    fn definition_level(
        &mut self,
        name: &ast::Name,
        block: &ast::Block,
        scope: &Scope,
        span: Span,
    ) -> Option<crate::schema::RecordId> {
        let level = block.lines.iter().find_map(|line| match &line.kind {
            ast::LineKind::For { record, .. } => Some(record),
            _ => None,
        });
        let Some(level) = level else { return Some(scope.record) };
        let record = self.record(level)?;
        if self.schema.lineage(scope.record).contains(&record) {
            return Some(record);
        }
        let here = &self.schema.record(scope.record).name;
        let message = format!("`{}` is about {}, this rule about {here}", name.text, level.text);
        self.push(
            Diagnostic::new(Code::T2109, span, message)
                .help(format!("write `for each {}` in the rule", level.text)),
        );
        None
    }

    /// T4101 for negated tests whose fields the condition does not ask to be given or missing.
    pub fn warn_negated(&mut self, condition: &E) {
        let asked = asked_about(condition);
        for (tested, span) in std::mem::take(&mut self.negated) {
            let optional = optional_fields(&tested)
                .into_iter()
                .filter(|it| !self.schema.field(*it).required && !asked.contains(it));
            let Some(field) = optional.into_iter().next() else { continue };
            let name = self.schema.field(field).name.clone();
            let text = self.sources.slice(span);
            let help =
                format!("to hit when {name} is missing, write `{text} or {name} is missing`");
            self.push(
                Diagnostic::new(
                    Code::T4101,
                    span,
                    format!("without {name} this line is undecided"),
                )
                .help(help),
            );
        }
    }
}

/// Fields that an `is missing`, `is given` or `or else` of the condition takes care of.
fn asked_about(condition: &E) -> BTreeSet<FieldId> {
    let mut res = BTreeSet::new();
    let mut todo = vec![condition];
    while let Some(it) = todo.pop() {
        if let Kind::IsMissing(inner) = &it.kind {
            res.extend(optional_fields(inner));
        }
        todo.extend(it.parts());
    }
    res
}

/// Fields whose absence makes the value missing.
fn optional_fields(it: &E) -> Vec<FieldId> {
    match &it.kind {
        Kind::Field(id) => vec![*id],
        Kind::OrElse(_, right) => optional_fields(right),
        Kind::IsMissing(_) | Kind::Established(_) => Vec::new(),
        _ => it.parts().into_iter().flat_map(optional_fields).collect(),
    }
}
