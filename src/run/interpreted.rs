//! The definition of a run: every row, every rule, one after the other.

use std::collections::BTreeMap;

use crate::hit::Outcome;
use crate::interpret;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::run::Again;
use crate::run::Counted;
use crate::run::Level;
use crate::run::Opened;
use crate::run::Options;
use crate::run::sink::Sink;
use crate::run::world;
use crate::trouble::Trouble;

/// Judges every row of every level.
///
/// Errors: data that cannot be read.
pub fn run(
    set: &RuleSet,
    opened: &Opened,
    with_lines: bool,
    options: &Options,
) -> Result<Counted, Again> {
    let sink = with_lines.then(|| Sink::new(set, &opened.keys, options, 1));
    let mut judge = Judge { set, sink, counts: vec![(0, 0); set.rules.len()] };
    let mut judged = BTreeMap::new();
    let world = world::world(set, opened, options)?;
    for level in opened.judged(set) {
        let Level { record, rules, source } = &level;
        options.pace.enter("evaluating", source.table.rows(), &source.table.tally);
        let facts = set.facts_of(rules, opened.evidence);
        let rows = judged.entry(*record).or_insert(0);
        world::each_row(set, source, *record, options, &mut |mut row| {
            for id in &facts {
                let value = interpret::history::fact(set, &world, *id, &row);
                row.know(*id, value);
            }
            *rows += 1;
            judge.row(rules, &row)
        })?;
        source.holds()?;
    }
    Ok(Counted { rules: judge.counts, rows: judged, found: judge.sink })
}

struct Judge<'a> {
    set: &'a RuleSet,
    sink: Option<Sink>,
    counts: Vec<(u64, u64)>,
}

impl Judge<'_> {
    fn row(&mut self, rules: &[RuleId], row: &interpret::Row) -> Result<(), Trouble> {
        let mut answered = Vec::new();
        for rule in rules {
            let total = &mut self.counts[rule.0];
            match interpret::outcome(self.set, *rule, row) {
                Outcome::NoHit => continue,
                Outcome::Hit => total.0 += 1,
                Outcome::Undecided => total.1 += 1,
            }
            answered.push(*rule);
        }
        match &mut self.sink {
            Some(sink) if !answered.is_empty() => sink.add_row(row, answered),
            Some(_) | None => Ok(()),
        }
    }
}
