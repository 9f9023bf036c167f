//! Rules lowered once more, as others would write them: against the same lists, parameters, facts.

use crate::ir::Rule;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::from_schema;
use crate::ir::lower::Context;
use crate::ir::lower::Lowering;
use crate::ir::many;
use crate::schema::Type;
use crate::source::Sources;
use crate::syntax::ast;

/// Each block in the place of its rule; those that do not lower are left out. The facts of the
/// rule set grow by what they need.
pub fn relower(
    set: &mut RuleSet,
    files: &[ast::File],
    sources: &Sources,
    blocks: &[(RuleId, ast::Block)],
) -> Vec<Option<Rule>> {
    let mut quiet = Vec::new();
    let derived = from_schema::schema(files, &mut quiet).derived;
    let context = Context {
        sources,
        schema: set.schema.clone(),
        derived: &derived,
        lists: std::mem::take(&mut set.lists),
    };
    let mut lowering = Lowering::new(files, context);
    lowering.parameters = std::mem::take(&mut set.parameters);
    lowering.facts = std::mem::take(&mut set.facts);
    for (at, fact) in lowering.facts.iter().enumerate() {
        lowering.fact_ids.insert(many::key_in_words(fact), crate::ir::FactId(at));
    }
    for (at, rule) in set.rules.iter().enumerate() {
        lowering.rule_ids.insert(rule.id.to_string(), RuleId(at));
        lowering.levels.push(Some(rule.level));
    }
    let mut res = Vec::new();
    for (_, block) in blocks {
        let ast::Head::Rule { name, .. } = &block.head else {
            res.push(None);
            continue;
        };
        let said = lowering.diagnostics.len();
        let rule = lowering.rule(name, block);
        let broken = lowering.diagnostics[said..].iter().any(|it| it.is_error());
        let whole = !broken && rule.outcome.ty != Type::Error;
        res.push(whole.then_some(rule));
    }
    set.lists = lowering.lists;
    set.parameters = lowering.parameters;
    set.facts = lowering.facts;
    res
}
