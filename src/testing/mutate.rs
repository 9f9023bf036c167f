//! Whether the tests of a rule notice mistakes in it.

use std::collections::BTreeSet;

use crate::ir::Rule;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::cases::Subject;
use crate::ir::cases::Test;
use crate::ir::given::with_asked;
use crate::ir::relower;
use crate::source::Sources;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::mutation;
use crate::syntax::mutation::Mutation;
use crate::testing;
use crate::testing::CaseId;
use crate::testing::judge;
use crate::testing::rows;
use crate::trouble::Trouble;

/// A mistake that no test noticed.
#[derive(Debug, Clone)]
pub struct Survivor {
    pub rule: String,
    pub span: Span,
    pub words: String,
    pub lacking: &'static str,
}

#[derive(Debug, Clone, Default)]
pub struct Mutated {
    pub total: usize,
    pub killed: usize,
    pub survivors: Vec<Survivor>,
}

/// Every mistake in the rules that the wanted tests are about.
///
/// Errors: none but a fault of ours.
pub fn mutate(
    set: &RuleSet,
    files: &[ast::File],
    sources: &Sources,
    wanted: &dyn Fn(&Test) -> bool,
) -> Result<Mutated, Trouble> {
    let about = |it: &Test| match it.subject {
        Subject::Rule(it) => Some(it),
        Subject::Profile(_) => None,
    };
    let rules: BTreeSet<RuleId> =
        set.tests.iter().filter(|it| wanted(it)).filter_map(about).collect();
    let mut all: Vec<(RuleId, Mutation)> = Vec::new();
    for block in files.iter().flat_map(|it| &it.blocks) {
        let ast::Head::Rule { name, .. } = &block.head else { continue };
        let Some(at) = rules.iter().find(|it| *set.rules[it.0].id == name.text) else { continue };
        all.extend(mutation::mutations(block).into_iter().map(|it| (*at, it)));
    }
    let blocks: Vec<(RuleId, ast::Block)> =
        all.iter().map(|(id, it)| (*id, it.block.clone())).collect();
    let mut own = set.clone();
    let lowered = relower::relower(&mut own, files, sources, &blocks);
    let passing: BTreeSet<CaseId> = passing(&own, &|it| wanted(it), None)?;
    let mut res = Mutated::default();
    for ((id, mutation), rule) in all.into_iter().zip(lowered) {
        let Some(rule) = rule else { continue };
        res.total += 1;
        if noticed(&mut own, id, rule, &passing)? {
            res.killed += 1;
            continue;
        }
        res.survivors.push(Survivor {
            rule: set.rules[id.0].id.to_string(),
            span: mutation.span,
            words: mutation.words,
            lacking: mutation.lacking,
        });
    }
    Ok(res)
}

/// Whether a case that passes would fail.
fn noticed(
    set: &mut RuleSet,
    id: RuleId,
    mut rule: Rule,
    passing: &BTreeSet<CaseId>,
) -> Result<bool, Trouble> {
    std::mem::swap(&mut set.rules[id.0], &mut rule);
    let asks = |test: &Test| match test.subject {
        Subject::Rule(it) => with_asked(it, &set.rules).contains(&id),
        Subject::Profile(_) => false,
    };
    let still = self::passing(set, &asks, Some(passing))?;
    let asked = passing.iter().filter(|it| asks(&set.tests[it.test]));
    let noticed = asked.into_iter().any(|it| !still.contains(it));
    std::mem::swap(&mut set.rules[id.0], &mut rule);
    Ok(noticed)
}

/// The cases that pass; of those of `among` until one of them fails.
fn passing(
    set: &RuleSet,
    wanted: &dyn Fn(&Test) -> bool,
    among: Option<&BTreeSet<CaseId>>,
) -> Result<BTreeSet<CaseId>, Trouble> {
    let mut res = BTreeSet::new();
    for group in testing::groups(set, wanted) {
        for (at, id) in group.cases.iter().enumerate() {
            if among.is_some_and(|it| !it.contains(id)) {
                continue;
            }
            let stored = rows::stored(&group.shape, testing::test(set, *id).1, at);
            if judge::passes(set, &group.shape, *id, &stored)? {
                res.insert(*id);
            } else if among.is_some() {
                return Ok(res);
            }
        }
    }
    Ok(res)
}
