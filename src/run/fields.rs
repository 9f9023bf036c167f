//! The stored fields that rules need, and what rows of one key share of them.

use std::collections::BTreeSet;

use crate::interpret;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::schema::FieldId;
use crate::schema::RecordId;

/// The stored fields that the rules need; with evidence also those that explain.
pub fn used(set: &RuleSet, rules: &[RuleId], evidence: bool) -> Vec<FieldId> {
    let mut all: Vec<&crate::ir::E> = Vec::new();
    let mut open: Vec<RuleId> = rules.to_vec();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            let own = set.rules[id.0].expressions(evidence);
            open.extend(own.iter().flat_map(|it| crate::ir::hits_of(it)));
            all.extend(own);
        }
    }
    // Without them it could not be said why a fact is missing.
    let facts = if evidence { set.facts_of(rules, true) } else { Vec::new() };
    let judged = facts.iter().flat_map(|it| set.facts[it.0].judged());
    let found = fields_in(all.into_iter().chain(judged));
    if !evidence {
        return found;
    }
    let units: Vec<FieldId> = found.iter().filter_map(|it| unit_of(set, *it)).collect();
    with(found, units.into_iter())
}

/// The field that holds the unit of another one, which messages tell.
fn unit_of(set: &RuleSet, id: FieldId) -> Option<FieldId> {
    let by = set.schema.field(id).unit_of.as_deref()?;
    set.schema.lineage(id.record).into_iter().find_map(|it| set.schema.find_field(it, by))
}

/// These fields and others, each once.
pub fn with(mut fields: Vec<FieldId>, others: impl Iterator<Item = FieldId>) -> Vec<FieldId> {
    fields.extend(others);
    fields.sort();
    fields.dedup();
    fields
}

/// The stored fields in expressions.
pub fn fields_in<'a>(all: impl Iterator<Item = &'a crate::ir::E>) -> Vec<FieldId> {
    let mut res: Vec<FieldId> = all.flat_map(crate::ir::many::fields_of).collect();
    res.sort();
    res.dedup();
    res
}

/// Header values that the rows of a declaration do not share are missing; a given one wins over
/// none.
pub fn agree(set: &RuleSet, level: RecordId, known: &mut interpret::Row, row: &interpret::Row) {
    for record in set.schema.lineage(level) {
        for field in 0..set.schema.record(record).fields.len() {
            let id = FieldId { record, field };
            known.agree(id, row.get(id));
        }
    }
}
