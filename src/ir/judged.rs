//! `this.`: the judged row, as it is seen from inside a condition on rows.

use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Fact;
use crate::ir::Kind;
use crate::ir::Total;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::truth;
use crate::ir::many::fields_of;
use crate::ir::typing;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::value::unit::Base;

impl Lowering<'_> {
    /// `this.value`: outside a condition on rows that is the row itself.
    pub fn this(&mut self, name: &ast::Name, scope: &Scope, span: Span) -> E {
        let Some(judged) = scope.judged.clone() else { return self.single(name, None, scope) };
        let it = self.single(name, None, &judged);
        self.seen(it, span)
    }

    /// A value of the judged row in the eyes of the rows; what does not change stays what it is.
    pub fn seen(&mut self, it: E, span: Span) -> E {
        if it.ty == Type::Error {
            return it;
        }
        if let Some(total) = total_in(&it) {
            let message = format!("rows are looked at before `{}` is known", total.words());
            let it = Diagnostic::new(Code::T6009, span, message);
            self.push(
                it.help("compare it outside of the parentheses, with a statistic of the rows"),
            );
            return self.error(span);
        }
        if of_many(&it) {
            let message = "a statistic of the judged row is not seen from inside the condition";
            let it = Diagnostic::new(Code::T1109, span, message);
            self.push(it.help("compare outside the parentheses, or use fields of the row"));
            return self.error(span);
        }
        let units = &typing::number(&it.ty).dimension.0;
        if units.iter().any(|it| matches!(it.0, Base::UnitOf(_))) {
            let message = "amounts of two rows may be in different units";
            let it = Diagnostic::new(Code::T1109, span, message);
            self.push(it.help("compare values in one currency or unit: `… converted to EUR`"));
            return self.error(span);
        }
        if fields_of(&it).is_empty() {
            return it;
        }
        Arc::new(Expr { ty: it.ty.clone(), kind: Kind::Judged(it), span })
    }

    /// T2103: a name that the row itself does not have, and two of the records around it do.
    pub fn around_twice(&mut self, name: &ast::Name, scope: &Scope) -> Option<E> {
        scope.judged.as_ref()?;
        let has = |it: &RecordId| {
            let derived = self.derived.contains_key(&(*it, name.text.as_str()));
            derived || self.schema.find_field(*it, &name.text).is_some()
        };
        let lineage = self.schema.lineage(scope.record);
        let found: Vec<RecordId> = lineage.iter().copied().filter(has).collect();
        let [first, second, ..] = found.as_slice() else { return None };
        if *first == scope.record {
            return None;
        }
        let full = |it: &RecordId| format!("`{}.{}`", self.schema.record(*it).name, name.text);
        let message = format!("`{}` is {} or {}", name.text, full(first), full(second));
        let it = Diagnostic::new(Code::T2103, name.span, message);
        self.push(it.help("write which of the two"));
        Some(self.error(name.span))
    }

    /// Whether a value of each row, or a key of the rows, looks at the judged row: reported.
    pub fn measured(&mut self, it: &E) -> bool {
        let Some(found) = judged_in(it).first().map(|it| it.span) else { return false };
        let message = "a value of the judged row stands in a condition on rows only";
        let it = Diagnostic::new(Code::T1109, found, message);
        self.push(it.help("write it inside `where (…)` or `has (…)`"));
        true
    }

    /// Takes a condition on the rows. What it says of equality is a key: rows are found by it.
    pub fn narrow(&mut self, fact: &mut Fact, filter: E) {
        if judged_in(&filter).is_empty() {
            fact.filter = Some(filter);
            return;
        }
        let span = filter.span;
        let mut rest = Vec::new();
        for part in conjuncts(&filter) {
            match equality(&part) {
                Some(pair) => fact.keys.push(pair),
                None => rest.push(part),
            }
        }
        fact.needed.extend(rest.iter().flat_map(judged_in).cloned());
        fact.filter = match rest.len() {
            0 | 1 => rest.pop(),
            _ => Some(truth(Kind::And(rest), span)),
        };
    }

    /// T8004: without a key every judged row is held against every row.
    pub fn pair_by_pair(&mut self, fact: &Fact, condition: &E) {
        if !fact.keys.is_empty() || judged_in(condition).is_empty() {
            return;
        }
        let message = "every row is compared with every past row";
        let it = Diagnostic::new(Code::T8004, condition.span, message);
        self.push(it.help("say which rows: `with same hs`, or `hs is this.hs` in `where (…)`"));
    }

    /// The fields of the judged row that a condition on rows looks at.
    pub fn judged_names(&self, condition: &E) -> Vec<String> {
        let fields = judged_in(condition).into_iter().flat_map(fields_of);
        fields.map(|it| self.schema.field(it).name.clone()).collect()
    }
}

/// The values of the judged row in a condition on rows.
pub fn judged_in(it: &E) -> Vec<&E> {
    let mut res = Vec::new();
    let mut todo = vec![it];
    while let Some(it) = todo.pop() {
        if let Kind::Judged(inner) = &it.kind {
            res.push(inner);
        }
        todo.extend(it.parts());
    }
    res
}

/// The total of a declaration that an expression asks for.
pub fn total_in(it: &E) -> Option<Total> {
    match it.kind {
        Kind::Total(total) => Some(total),
        _ => it.parts().into_iter().find_map(total_in),
    }
}

fn of_many(it: &E) -> bool {
    matches!(it.kind, Kind::Fact(_) | Kind::Hit(_) | Kind::Open(..))
        || it.parts().into_iter().any(of_many)
}

fn conjuncts(it: &E) -> Vec<E> {
    match &it.kind {
        Kind::And(parts) => parts.iter().flat_map(conjuncts).collect(),
        _ => vec![it.clone()],
    }
}

/// `hs is this.hs`, with the side of the rows first.
fn equality(it: &E) -> Option<(E, E)> {
    let Kind::Compare(Comparison::Equal, left, right) = &it.kind else { return None };
    if typing::number(&left.ty).scale != typing::number(&right.ty).scale {
        return None;
    }
    match (of_judged(left), of_judged(right)) {
        (None, Some(ours)) if judged_in(left).is_empty() => Some((left.clone(), ours)),
        (Some(ours), None) if judged_in(right).is_empty() => Some((right.clone(), ours)),
        _ => None,
    }
}

/// The value as the judged row sees it, when it looks at nothing else.
fn of_judged(it: &E) -> Option<E> {
    match &it.kind {
        Kind::Judged(inner) => Some(inner.clone()),
        Kind::AtDigits(inner, digits) => {
            let kind = Kind::AtDigits(of_judged(inner)?, *digits);
            Some(Arc::new(Expr { kind, ty: it.ty.clone(), span: it.span }))
        }
        _ => None,
    }
}
