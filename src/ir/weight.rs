//! How large an expression is once everything that it names is put in.
//!
//! Definitions, derived fields, arguments and `hit(…)` are shared: a rule of a few lines may be the
//! root of a graph that doubles with each of them. Who explains or evaluates it walks the tree:
//! what is larger than [`MOST`] is refused when rules are checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::E;
use crate::ir::Fact;
use crate::ir::Kind;
use crate::ir::Rule;
use crate::ir::lower::Lowering;
use crate::source::Span;

/// Parts of a rule, all that it names put in.
pub const MOST: u64 = 20_000;

/// Sizes that are known: of expressions by their place in memory, which is theirs as long as they
/// are held here.
#[derive(Default)]
pub struct Weights {
    expressions: BTreeMap<usize, (E, u64)>,
    /// By rule; of one that is being weighed, nothing.
    rules: BTreeMap<usize, u64>,
}

/// The rules and facts that expressions may name; none while they are being made.
#[derive(Clone, Copy)]
struct Named<'a> {
    rules: &'a [Rule],
    facts: &'a [Fact],
}

impl Weights {
    /// Of an expression whose rules and statistics count as one part each.
    pub fn alone(&mut self, it: &E) -> u64 {
        self.of(it, Named { rules: &[], facts: &[] })
    }

    fn of(&mut self, it: &E, named: Named) -> u64 {
        let place = Arc::as_ptr(it) as usize;
        if let Some((_, known)) = self.expressions.get(&place) {
            return *known;
        }
        let mut res = 1_u64;
        let mut add = |other: u64| res = res.saturating_add(other);
        match &it.kind {
            Kind::Hit(rule) => add(self.rule(rule.0, named)),
            Kind::Fact(id) => {
                let fact = named.facts.get(id.0);
                let all = fact.into_iter().flat_map(|it| [it.of_rows(), it.judged()]).flatten();
                all.for_each(|it| add(self.of(it, named)));
            }
            Kind::Judged(inner) => add(self.of(inner, named)),
            _ => it.parts().into_iter().for_each(|it| add(self.of(it, named))),
        }
        self.expressions.insert(place, (it.clone(), res));
        res
    }

    fn rule(&mut self, at: usize, named: Named) -> u64 {
        if let Some(known) = self.rules.get(&at) {
            return *known;
        }
        let Some(rule) = named.rules.get(at) else { return 0 };
        // A rule that needs itself is another fault.
        self.rules.insert(at, 0);
        let all = rule.expressions(true).into_iter();
        let res = all.fold(0_u64, |sum, it| sum.saturating_add(self.of(it, named)));
        self.rules.insert(at, res);
        res
    }
}

impl Lowering<'_> {
    /// Whether an expression that stands for a name has become too large; says so.
    pub fn too_heavy(&mut self, it: &E, span: Span) -> bool {
        let parts = self.weights.alone(it);
        if MOST < parts {
            self.push(heavy("the definitions used here", parts, span));
        }
        MOST < parts
    }

    /// Refuses rules that are too large once the rules that they ask for are put in.
    pub fn heavy_rules(&mut self, rules: &[Rule]) {
        let mut weights = Weights::default();
        let facts = std::mem::take(&mut self.facts);
        let named = Named { rules, facts: &facts };
        for (at, rule) in rules.iter().enumerate() {
            let parts = weights.rule(at, named);
            if MOST < parts {
                self.push(heavy(&format!("the rules that {} asks for", rule.id), parts, rule.span));
                break;
            }
        }
        self.facts = facts;
    }
}

fn heavy(what: &str, parts: u64, span: Span) -> Diagnostic {
    let parts = if parts == u64::MAX { "countless".to_owned() } else { parts.to_string() };
    let message = format!("{what} expand too far: to {parts} parts, the most are {MOST}");
    Diagnostic::new(Code::T1005, span, message)
        .help("name fewer inside one another, or each of them only once")
}
