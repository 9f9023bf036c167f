//! The same expression with other parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ir::E;
use crate::ir::Expr;
use crate::ir::InList;
use crate::ir::Kind;
use crate::ir::Lookup;
use crate::ir::OpenRows;

impl Expr {
    /// Its parts, in the order of [`Expr::parts`], each replaced.
    fn with_parts(&self, make: &mut dyn FnMut(&E) -> E) -> Kind {
        let mut all = |parts: &[E]| parts.iter().map(&mut *make).collect::<Vec<E>>();
        match &self.kind {
            Kind::Literal(_) | Kind::Field(_) | Kind::Hit(_) | Kind::Fact(_) | Kind::Total(_) => {
                self.kind.clone()
            }
            Kind::Open(it) => {
                let judged = it.judged.iter().map(make).collect();
                Kind::Open(Arc::new(OpenRows { judged, ..(**it).clone() }))
            }
            Kind::Judged(it) => Kind::Judged(make(it)),
            Kind::Guard(test, value, reason) => Kind::Guard(make(test), make(value), *reason),
            Kind::Named(name, it) => Kind::Named(name.clone(), make(it)),
            Kind::Negate(it) => Kind::Negate(make(it)),
            Kind::Widen(it) => Kind::Widen(make(it)),
            Kind::AtDigits(it, digits) => Kind::AtDigits(make(it), *digits),
            Kind::Member(it, words) => Kind::Member(make(it), words.clone()),
            Kind::OneOf(it, values) => Kind::OneOf(make(it), values.clone()),
            Kind::Under(it, prefixes) => Kind::Under(make(it), prefixes.clone()),
            Kind::IsMissing(it) => Kind::IsMissing(make(it)),
            Kind::Established(it) => Kind::Established(make(it)),
            Kind::Not(it) => Kind::Not(make(it)),
            Kind::Parameter(at, date) => Kind::Parameter(*at, date.as_ref().map(make)),
            Kind::Arithmetic(op, a, b) => Kind::Arithmetic(*op, make(a), make(b)),
            Kind::OrElse(a, b) => Kind::OrElse(make(a), make(b)),
            Kind::Compare(op, a, b) => Kind::Compare(*op, make(a), make(b)),
            Kind::TextTest(op, a, b) => Kind::TextTest(*op, make(a), make(b)),
            Kind::Call(function, parts) => Kind::Call(*function, all(parts)),
            Kind::And(parts) => Kind::And(all(parts)),
            Kind::Or(parts) => Kind::Or(all(parts)),
            Kind::AtLeast(n, parts) => Kind::AtLeast(*n, all(parts)),
            Kind::Lookup(it) => {
                let keys = all(&it.keys);
                Kind::Lookup(Lookup { keys, date: it.date.as_ref().map(make), ..it.clone() })
            }
            Kind::InGroup(it, name, date) => {
                Kind::InGroup(make(it), name.clone(), date.as_ref().map(make))
            }
            Kind::InList(it) => {
                let key = make(&it.key);
                Kind::InList(InList { key, date: it.date.as_ref().map(make), ..it.clone() })
            }
        }
    }
}

/// Replaces what `change` has an answer for, everywhere in an expression. What is shared stays
/// shared, and what does not change stays the same tree.
pub struct Rewriter<F: Fn(&E) -> Option<E>> {
    change: F,
    done: BTreeMap<usize, E>,
}

impl<F: Fn(&E) -> Option<E>> Rewriter<F> {
    pub fn new(change: F) -> Rewriter<F> {
        Rewriter { change, done: BTreeMap::new() }
    }

    pub fn rewrite(&mut self, it: &E) -> E {
        let place = Arc::as_ptr(it) as usize;
        if let Some(done) = self.done.get(&place) {
            return done.clone();
        }
        let new = (self.change)(it).unwrap_or_else(|| {
            let kind = it.with_parts(&mut |part| self.rewrite(part));
            let new = Arc::new(Expr { kind, ty: it.ty.clone(), span: it.span });
            let same = match (&it.kind, &new.kind) {
                // What is of another row is no part.
                (Kind::Judged(a), Kind::Judged(b)) => Arc::ptr_eq(a, b),
                _ => it.parts().iter().zip(new.parts()).all(|(a, b)| Arc::ptr_eq(a, b)),
            };
            if same { it.clone() } else { new }
        });
        self.done.insert(place, new.clone());
        new
    }
}
