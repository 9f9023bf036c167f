//! What leaves a condition open: the smallest sets of fields that could decide it.

use std::collections::BTreeSet;

use crate::interpret::Row;
use crate::interpret::eval;
use crate::interpret::truth;
use crate::ir::E;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::OpenRows;
use crate::ir::RuleSet;
use crate::schema::Type;
use crate::value::Reason;
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
    let mut named: BTreeSet<String> = smallest.flatten().collect();
    // An open condition names something, whatever it is made of.
    if named.is_empty() {
        named = names(set, vec![expr]);
    }
    named.into_iter().collect()
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
        Kind::Open(rows) => {
            let sets = open_rows(set, rows, row);
            Ways { yes: sets.clone(), no: sets }
        }
        _ => {
            let sets = lacking(set, expr, row);
            Ways { yes: sets.clone(), no: sets }
        }
    })
}

/// What an unknown test lacks: sets each of which would do.
fn lacking(set: &RuleSet, expr: &E, row: &Row) -> Sets {
    let Kind::Guard(test, value, reason) = &expr.kind else { return causes(set, expr, row) };
    let mut all = BTreeSet::new();
    let is_refused = truth(&eval(set, test, row)) == Some(false);
    if is_refused {
        all.extend(refused(set, test, value, *reason, row));
    }
    for it in [test, value] {
        // Fields that are missing are told before what the data do not reach back to.
        let untold = is_refused && is_incomplete(set, it, row);
        if truth(&eval(set, it, row)).is_none() && !untold {
            all.extend(fields(set, it, row));
        }
    }
    vec![all]
}

/// Why a value is missing: sets of fields, each of which would do, with a reason where it is
/// another than their absence.
fn causes(set: &RuleSet, expr: &E, row: &Row) -> Sets {
    let Value::Missing(reason) = eval(set, expr, row) else { return vec![BTreeSet::new()] };
    let only = |name: String| vec![BTreeSet::from([name])];
    match &expr.kind {
        Kind::Field(id) => return only(set.schema.field(*id).name.clone()),
        // Either of them is enough. That a rate is wanting is told only where nothing is missing.
        Kind::OrElse(left, right) => {
            let without_rate = Value::Missing(Reason::NoRate);
            let is_told =
                |it: &&E| reason != Reason::NotGiven || eval(set, it, row) != without_rate;
            let told = [left, right].into_iter().filter(is_told);
            return smallest(told.flat_map(|it| causes(set, it, row)).collect());
        }
        Kind::Fact(id) => {
            let fact = &set.facts[id.0];
            if reason != Reason::NotGiven {
                return only(with_reason(&fact.words, reason));
            }
            // Where all that it needs is given, what it found has no value.
            let needed = together(set, fact.needed(), row);
            return if is_nothing(&needed) { only(fact.words.to_string()) } else { needed };
        }
        // A profile is one thing to its readers.
        Kind::Named(name, _) if name.contains('.') && reason != Reason::NotGiven => {
            return only(with_reason(name, reason));
        }
        Kind::Named(name, it) if name.contains('.') => {
            let ending = format!(" ({})", Reason::TooFewValues.words());
            let told = |it: String| match it.ends_with(&ending) {
                true => format!("{name}{ending}"),
                false => it,
            };
            let sets = causes(set, it, row).into_iter();
            return smallest(sets.map(|it| it.into_iter().map(told).collect()).collect());
        }
        Kind::Guard(test, value, reason) if truth(&eval(set, test, row)) == Some(false) => {
            return vec![refused(set, test, value, *reason, row)];
        }
        Kind::Guard(test, value, _) => {
            let parts = std::iter::once(value).chain(test.parts());
            return together(set, parts.collect(), row);
        }
        _ => {}
    }
    let own = together(set, expr.parts(), row);
    if !is_nothing(&own) {
        return own;
    }
    vec![match (&expr.kind, reason) {
        (Kind::Lookup(it), Reason::NotGiven) => {
            BTreeSet::from([set.lists[it.list].column_name(it.column)])
        }
        (_, Reason::NotGiven) => names(set, blamed(expr)),
        _ => blamed_names(set, expr).iter().map(|it| with_reason(it, reason)).collect(),
    }]
}

/// What is told where a rule computes with numbers of its own alone.
const OWN_NUMBERS: &str = "numbers in the rule";

/// What to blame for a value that cannot be computed; never nothing.
fn blamed_names(set: &RuleSet, expr: &E) -> BTreeSet<String> {
    let found = [blamed(expr), expr.parts()].into_iter().map(|it| names(set, it));
    let named = found.into_iter().find(|it| !it.is_empty());
    named.unwrap_or_else(|| BTreeSet::from([OWN_NUMBERS.to_owned()]))
}

fn is_incomplete(set: &RuleSet, it: &E, row: &Row) -> bool {
    match &it.kind {
        Kind::Guard(told, _, Reason::HistoryIncomplete) => {
            truth(&eval(set, told, row)) == Some(false)
        }
        _ => false,
    }
}

/// Why a guard lets nothing through: fields, statistics, with the reason.
fn refused(set: &RuleSet, test: &E, value: &E, reason: Reason, row: &Row) -> BTreeSet<String> {
    let told = |all: BTreeSet<String>| {
        let with_reason = |it: String| match reason {
            Reason::NotGiven => it,
            _ => format!("{it} ({})", reason.words()),
        };
        all.into_iter().map(with_reason).collect::<BTreeSet<String>>()
    };
    if reason == Reason::HistoryIncomplete {
        let mut found = BTreeSet::new();
        let mut todo = vec![value];
        while let Some(it) = todo.pop() {
            if let Kind::Fact(id) = &it.kind {
                found.insert(set.facts[id.0].words.to_string());
            }
            todo.extend(it.parts());
        }
        return told(found);
    }
    let blamed = match (&value.kind, &test.kind, reason) {
        (Kind::Arithmetic(_, amount, _), _, Reason::NoRate) => vec![amount],
        (_, Kind::And(parts), _) => {
            parts.iter().filter(|it| truth(&eval(set, it, row)) == Some(false)).collect()
        }
        _ => test.parts(),
    };
    told(names(set, blamed))
}

/// What all of these lack together.
fn together(set: &RuleSet, parts: Vec<&E>, row: &Row) -> Sets {
    let mut all = vec![BTreeSet::new()];
    for part in parts {
        let own = causes(set, part, row);
        if !is_nothing(&own) {
            all = smallest(all.iter().flat_map(|a| own.iter().map(move |b| a | b)).collect());
        }
    }
    all
}

fn is_nothing(sets: &Sets) -> bool {
    sets.iter().all(BTreeSet::is_empty)
}

/// `importer_id (not in the list)`
fn with_reason(name: &str, reason: Reason) -> String {
    format!("{name} ({})", reason.words())
}

/// Of a division the divisor, else every part.
fn blamed(expr: &E) -> Vec<&E> {
    match &expr.kind {
        Kind::Arithmetic(crate::ir::Arithmetic::Divide, _, divisor) => vec![divisor],
        Kind::Parameter(..) => vec![expr],
        Kind::Lookup(it) => it.keys.iter().collect(),
        _ => expr.parts(),
    }
}

/// The fields, parameters and statistics in expressions.
fn names(set: &RuleSet, parts: Vec<&E>) -> BTreeSet<String> {
    let mut res = BTreeSet::new();
    let mut todo = parts;
    while let Some(it) = todo.pop() {
        match &it.kind {
            Kind::Field(id) => {
                res.insert(set.schema.field(*id).name.clone());
            }
            Kind::Parameter(at, _) => {
                res.insert(set.parameters[*at].name.to_string());
            }
            Kind::Fact(id) => {
                res.insert(set.facts[id.0].words.to_string());
            }
            _ => todo.extend(it.parts()),
        }
    }
    res
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

/// What the open rows of a quantifier lack, and what the judged row does: sets of fields, each of
/// which could decide.
fn open_rows(set: &RuleSet, rows: &OpenRows, row: &Row) -> Sets {
    let is_some = |it: FactId| !matches!(row.fact(it), Value::Whole(0) | Value::Missing(_));
    let some = rows.some.iter().filter(|it| is_some(it.0)).flat_map(|it| &it.1);
    let some = some.map(|it| format!("{}: {it}", rows.record));
    let own = rows.asked.iter().cloned().chain(first_row(rows, row)).chain(some);
    let mut all: Sets = own.map(|it| BTreeSet::from([it])).collect();
    for it in &rows.judged {
        all.extend(match it.ty {
            Type::Truth => {
                ways(set, it, row).map(|it| [it.yes, it.no].concat()).unwrap_or_default()
            }
            _ => causes(set, it, row),
        });
    }
    all.retain(|it| !it.is_empty());
    if all.is_empty() {
        let asked = if rows.own.is_empty() { &rows.names } else { &rows.own };
        all.extend(asked.iter().map(|it| BTreeSet::from([it.clone()])));
    }
    smallest(all)
}

/// `document 1: kind`: what the first row that stays open lacks, where facts tell which it is.
fn first_row(rows: &OpenRows, row: &Row) -> Vec<String> {
    let key = |fact: FactId| match row.fact(fact) {
        Value::Whole(it) => Some(it),
        _ => None,
    };
    let Some(first) = rows.first.iter().filter_map(|it| key(it.0)).min() else {
        return Vec::new();
    };
    let lacking = rows.first.iter().filter(|it| key(it.0) == Some(first)).flat_map(|it| &it.1);
    lacking.map(|it| format!("{} {first}: {it}", rows.record)).collect()
}
