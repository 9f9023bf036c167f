//! Fields that are known only after the declaration is accepted: results of controls.

use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Fact;
use crate::ir::Kind;
use crate::ir::Reach;
use crate::ir::lower::Lowering;
use crate::ir::many::Source;
use crate::ir::many::fields_of;
use crate::schema::FieldId;
use crate::schema::Known;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;

impl Lowering<'_> {
    /// The fact, its rows counted from when on all results that it reads are known.
    pub fn fact_of(&mut self, mut fact: Fact, source: &Source, span: Span) -> E {
        let read = [&fact.filter, &fact.value, &fact.weight].into_iter().flatten();
        let mut from: Vec<FieldId> =
            read.flat_map(fields_of).filter_map(|it| self.known_from(it)).collect();
        from.sort();
        from.dedup();
        if fact.dates.is_some() {
            for id in from {
                let ty = self.schema.field(id).ty.clone();
                if ty == Type::DateTime {
                    fact.instants.clone_from(&source.instants);
                }
                fact.results_from.push(Arc::new(Expr { kind: Kind::Field(id), ty, span }));
            }
        }
        self.fact(fact, span)
    }

    /// What tells the rows of the judged row's declaration, where both are parts of one.
    pub fn own_declaration(&self, rows: RecordId, judged: RecordId, span: Span) -> Vec<(E, E)> {
        let outermost = |it: RecordId| self.schema.lineage(it).pop();
        let Some(root) = outermost(rows).filter(|it| Some(*it) == outermost(judged)) else {
            return Vec::new();
        };
        let field = |id: FieldId| {
            Arc::new(Expr { kind: Kind::Field(id), ty: self.schema.field(id).ty.clone(), span })
        };
        let key = self.schema.key_fields(root).into_iter().map(field);
        key.map(|it| (it.clone(), it)).collect()
    }

    fn known_from(&self, id: FieldId) -> Option<FieldId> {
        match self.schema.field(id).known {
            Some(Known::From(field)) => Some(FieldId { field, ..id }),
            Some(Known::Later) | None => None,
        }
    }

    /// T5107: what conditions, scores and lines of a policy read, and nobody knows when the
    /// declaration is accepted. What is shown and said may: nothing depends on it.
    pub fn known_too_late<'e>(&mut self, asked: impl IntoIterator<Item = &'e E>) {
        let mut found: Vec<(Span, FieldId)> = Vec::new();
        for it in asked {
            self.results_in(it, &mut found);
        }
        found.sort();
        found.dedup_by_key(|it| it.0);
        for (span, field) in found {
            let name = &self.schema.field(field).name;
            let record = &self.schema.record(field.record).name;
            let message = format!("`{name}` is not known when the declaration is accepted");
            let help = format!("ask for results of the past: `… over past {record}s …`");
            self.push(Diagnostic::new(Code::T5107, span, message).help(help));
        }
    }

    fn results_in(&self, it: &E, found: &mut Vec<(Span, FieldId)>) {
        let late = |it: &E| {
            let mut all = fields_of(it).into_iter();
            all.find(|it| self.schema.field(*it).known.is_some())
        };
        match &it.kind {
            Kind::Field(_) => found.extend(late(it).map(|field| (it.span, field))),
            // What a derived field reads is written in the schema: the rule only names it.
            Kind::Named(_, inner) if inner.span.file != it.span.file => {
                let mut inside = Vec::new();
                self.results_in(inner, &mut inside);
                found.extend(inside.into_iter().map(|(_, field)| (it.span, field)));
            }
            Kind::Fact(id) => {
                let fact = &self.facts[id.0];
                let own = fact.judged().into_iter().find_map(late);
                let field = own.or_else(|| match (&fact.dates, fact.reach) {
                    (None, _) => fact.of_rows().into_iter().find_map(late),
                    (Some(_), Reach::SameDay) if fact.results_from.is_empty() => {
                        fact.of_rows().into_iter().find_map(late)
                    }
                    _ => None,
                });
                found.extend(field.map(|field| (it.span, field)));
            }
            _ => it.parts().into_iter().for_each(|it| self.results_in(it, found)),
        }
    }
}
