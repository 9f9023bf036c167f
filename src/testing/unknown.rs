//! Whether a condition can be unknown at all: every choice of missing fields is tried.

use std::collections::BTreeSet;

use crate::ir::Arithmetic;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::RuleSet;
use crate::ir::many::fields_of;
use crate::ir::typing;
use crate::schema::FieldId;
use crate::schema::Type;
use crate::value::Value;

/// What a condition can be, or a value: given is true or false, missing is unknown.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const UNKNOWN: u8 = 4;
const GIVEN: u8 = TRUE | FALSE;

/// With more fields it is taken for possible wherever types allow it.
const FIELDS_MAX: usize = 10;

/// Parts are taken to be independent but for the fields that they share.
pub fn can_be_unknown(set: &RuleSet, it: &E) -> bool {
    if !typing::may_be_missing(&set.schema, it) {
        return false;
    }
    let optional: Vec<FieldId> =
        all_fields(set, it).into_iter().filter(|it| !set.schema.field(*it).required).collect();
    if FIELDS_MAX < optional.len() {
        return true;
    }
    (0..1_usize << optional.len()).any(|chosen| {
        let missing = optional.iter().enumerate().filter(|it| chosen >> it.0 & 1 == 1);
        let missing = missing.map(|it| *it.1).collect();
        mask(set, it, &missing) & UNKNOWN != 0
    })
}

fn all_fields(set: &RuleSet, it: &E) -> BTreeSet<FieldId> {
    let mut res: BTreeSet<FieldId> = fields_of(it).into_iter().collect();
    for rule in crate::ir::hits_of(it) {
        res.extend(all_fields(set, &set.rules[rule.0].outcome));
    }
    res
}

fn mask(set: &RuleSet, it: &E, missing: &BTreeSet<FieldId>) -> u8 {
    let of = |it: &E| mask(set, it, missing);
    match &it.kind {
        Kind::Literal(Value::Missing(_)) | Kind::Open(..) => UNKNOWN,
        Kind::Literal(Value::Truth(true)) => TRUE,
        Kind::Literal(Value::Truth(false)) => FALSE,
        Kind::Literal(_) => GIVEN,
        Kind::Field(id) if missing.contains(id) => UNKNOWN,
        Kind::Field(_) => GIVEN,
        Kind::Named(_, it) => of(it),
        Kind::Hit(rule) => of(&set.rules[rule.0].outcome),
        Kind::Not(it) => negated(of(it)),
        Kind::And(parts) => parts.iter().map(of).fold(TRUE, both),
        Kind::Or(parts) => negated(parts.iter().map(|it| negated(of(it))).fold(TRUE, both)),
        Kind::OrElse(first, second) => match of(first) {
            first if first & UNKNOWN != 0 => first & GIVEN | of(second),
            first => first,
        },
        Kind::IsMissing(it) => answer(of(it), UNKNOWN),
        Kind::Established(it) => answer(of(it), TRUE),
        Kind::Guard(test, value, _) if it.ty == Type::Truth => {
            let test = of(test);
            let sure = if test & TRUE == 0 { 0 } else { of(value) };
            sure | if test & (FALSE | UNKNOWN) == 0 { 0 } else { UNKNOWN }
        }
        Kind::Fact(_) | Kind::Lookup(_) | Kind::Guard(..) => GIVEN | UNKNOWN,
        Kind::Arithmetic(Arithmetic::Divide, ..) => GIVEN | UNKNOWN,
        _ => {
            let parts: Vec<u8> = it.parts().into_iter().map(of).collect();
            match () {
                () if parts.contains(&UNKNOWN) => UNKNOWN,
                () if parts.iter().any(|it| it & UNKNOWN != 0) => GIVEN | UNKNOWN,
                () => GIVEN,
            }
        }
    }
}

fn negated(it: u8) -> u8 {
    let swapped = if it & TRUE == 0 { 0 } else { FALSE };
    swapped | if it & FALSE == 0 { 0 } else { TRUE } | it & UNKNOWN
}

/// Kleene's *and* of everything that both can be.
fn both(a: u8, b: u8) -> u8 {
    let mut res = a & b & TRUE | (a | b) & FALSE;
    if (a & UNKNOWN != 0 && b & (TRUE | UNKNOWN) != 0) || (b & UNKNOWN != 0 && a & TRUE != 0) {
        res |= UNKNOWN;
    }
    res
}

/// True where it is what is asked for, else false.
fn answer(it: u8, asked: u8) -> u8 {
    let yes = if it & asked == 0 { 0 } else { TRUE };
    yes | if it & !asked == 0 { 0 } else { FALSE }
}
