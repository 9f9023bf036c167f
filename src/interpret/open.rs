//! What leaves a condition open: the smallest sets of fields that could decide it.

use std::collections::BTreeSet;

use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::explain;
use crate::interpret::truth;
use crate::ir::E;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::RuleSet;
use crate::schema::FieldId;
use crate::value::Value;

/// Sets of fields, none of which holds another.
type Sets = Vec<BTreeSet<String>>;

/// What would have to be given for an open condition to be true, and for it to be false.
struct Ways {
    yes: Sets,
    no: Sets,
}

/// The most sets that are followed, the smallest first: the number of sets may double with each
/// part of a condition.
const FOLLOWED: usize = 64;

/// The fields of the smallest sets that could make an open condition true or false, in order.
/// Nothing where it is known.
pub fn fields(set: &RuleSet, expr: &E, row: &Row) -> Vec<String> {
    let Some(Ways { yes, no }) = ways(set, expr, row) else { return Vec::new() };
    let all: Sets = yes.into_iter().chain(no).filter(|it| !it.is_empty()).collect();
    let least = all.iter().map(BTreeSet::len).min();
    let smallest = all.into_iter().filter(|it| Some(it.len()) == least);
    smallest.flatten().collect::<BTreeSet<String>>().into_iter().collect()
}

/// `None` where the condition is known.
fn ways(set: &RuleSet, expr: &E, row: &Row) -> Option<Ways> {
    if truth(&eval(set, expr, row)).is_some() {
        return None;
    }
    let open = |parts: &[E]| parts.iter().filter_map(|it| ways(set, it, row)).collect::<Vec<_>>();
    Some(match &expr.kind {
        Kind::And(parts) => {
            let open = open(parts);
            joined(&open, open.len())
        }
        Kind::Or(parts) => joined(&open(parts), 1),
        Kind::AtLeast(n, parts) => {
            let sure = parts.iter().filter(|it| truth(&eval(set, it, row)) == Some(true)).count();
            joined(&open(parts), n.saturating_sub(sure))
        }
        Kind::Not(it) => {
            let Ways { yes, no } = ways(set, it, row)?;
            Ways { yes: no, no: yes }
        }
        Kind::Named(_, it) => ways(set, it, row)?,
        Kind::Hit(rule) => ways(set, &set.rules[rule.0].outcome, row)?,
        Kind::Open(names, rows) => {
            let names = first_row(set, rows, row).unwrap_or_else(|| names.to_vec());
            let each: Sets = names.into_iter().map(|it| BTreeSet::from([it])).collect();
            Ways { yes: each.clone(), no: each }
        }
        _ => {
            let mut lacking = BTreeSet::new();
            explain::lacking(set, expr, row, &mut lacking);
            Ways { yes: vec![lacking.clone()], no: vec![lacking] }
        }
    })
}

/// Open parts of which `n` make the whole true; so many false ones that fewer are left, false.
fn joined(open: &[Ways], n: usize) -> Ways {
    let against = (open.len() + 1).saturating_sub(n);
    Ways {
        yes: chosen(open.iter().map(|it| &it.yes), n),
        no: chosen(open.iter().map(|it| &it.no), against),
    }
}

/// The sets for any `n` of the parts together.
fn chosen<'a>(parts: impl Iterator<Item = &'a Sets>, n: usize) -> Sets {
    let mut by_count: Vec<Sets> = vec![Vec::new(); n + 1];
    by_count[0].push(BTreeSet::new());
    for part in parts {
        for count in (0..n).rev() {
            let both = by_count[count].iter().flat_map(|a| part.iter().map(move |b| a | b));
            let both: Sets = both.chain(by_count[count + 1].iter().cloned()).collect();
            by_count[count + 1] = smallest(both);
        }
    }
    by_count.pop().unwrap_or_default()
}

fn smallest(mut all: Sets) -> Sets {
    all.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    let mut kept: Sets = Vec::new();
    for it in all {
        if kept.len() < FOLLOWED && !kept.iter().any(|less| less.is_subset(&it)) {
            kept.push(it);
        }
    }
    kept
}

/// `document 1: kind`: what the first row that stays open lacks, where facts tell which it is.
fn first_row(set: &RuleSet, rows: &[(FactId, FieldId)], row: &Row) -> Option<Vec<String>> {
    let key = |fact: FactId| match row.fact(fact) {
        Value::Whole(it) => Some(it),
        _ => None,
    };
    let first = rows.iter().filter_map(|it| key(it.0)).min()?;
    let lacking = rows.iter().filter(|it| key(it.0) == Some(first));
    let name = |(_, id): &(FactId, FieldId)| {
        let record = &set.schema.record(id.record).name;
        format!("{record} {first}: {}", set.schema.field(*id).name)
    };
    Some(lacking.map(name).collect())
}
