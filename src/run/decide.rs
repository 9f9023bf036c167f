//! A run that ends in decisions: lines of one declaration after the other, then capacity.

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;

use crate::decide;
use crate::decide::Decision;
use crate::decide::Found;
use crate::decide::among;
use crate::decide::operand;
use crate::decide::operand::Operands;
use crate::decide::secret::Secrets;
use crate::hit::Outcome;
use crate::interpret::Row;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::run::Done;
use crate::run::Opened;
use crate::run::Options;
use crate::run::Receiver;
use crate::run::lines;
use crate::run::lines::COLUMNS;
use crate::trouble::Trouble;
use crate::value::Decimal;

/// The rule set and the rules as a run needs them that decides; as they are without a policy.
pub fn prepared(set: &RuleSet, rules: &[RuleId]) -> (RuleSet, Vec<RuleId>) {
    let (set, last) = operand::with(set);
    (set, rules.iter().copied().chain(last).collect())
}

impl Opened {
    /// As `run`, over a rule set that [`prepared`] has made: `out` gets the lines that readers
    /// see. Decisions are in the order of their keys, capacity settled.
    ///
    /// Errors: as `run`.
    pub fn decide(
        &self,
        set: &RuleSet,
        secrets: &Secrets,
        mut out: Option<Receiver>,
        options: &Options,
    ) -> Result<(Done, Vec<Decision>), Trouble> {
        let (Some(policy), Some(operands)) = (&set.policy, operand::of(set)) else {
            return Err(Trouble::bug("a rule set without a policy decides nothing"));
        };
        let keys = set.schema.key_fields(self.inner).len();
        let own = set.schema.key_fields(policy.level).len();
        let rule = operands.rule;
        let mut all = Collector { set, secrets, operands, keys, own, open: None, done: Vec::new() };
        let mut receive = |batch: &RecordBatch| {
            all.take(batch)?;
            let Some(out) = &mut out else { return Ok(()) };
            out(&lines::seen(&without(batch, keys, rule)?)?)
        };
        let done = self.whole_lines(set, Some(&mut receive), options)?;
        all.close();
        let mut decisions = all.done;
        among::settle(policy, &mut decisions);
        Ok((done, decisions))
    }
}

/// Without the lines that only carry values.
fn without(batch: &RecordBatch, keys: usize, rule: RuleId) -> Result<RecordBatch, Trouble> {
    let places = batch.column(keys + COLUMNS.len()).as_primitive::<UInt32Type>();
    let others = places.values().iter().map(|it| *it as usize != rule.0);
    let others: BooleanArray = others.map(Some).collect();
    filter_record_batch(batch, &others).map_err(|_| Trouble::bug("lines cannot be taken apart"))
}

/// Gathers the lines of one declaration, which follow one another.
struct Collector<'a> {
    set: &'a RuleSet,
    secrets: &'a Secrets,
    operands: Operands,
    /// How many columns of keys lines have, and how many of them are the declaration's.
    keys: usize,
    own: usize,
    open: Option<Open>,
    done: Vec<Decision>,
}

struct Open {
    keys: Vec<String>,
    row: Row,
    found: Vec<Found>,
}

impl Collector<'_> {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), Trouble> {
        let texts = |at: usize| batch.column(at).as_string::<i32>();
        let places = batch.column(self.keys + COLUMNS.len()).as_primitive::<UInt32Type>();
        let would_score = texts(self.keys + COLUMNS.len() + 1);
        let column = |name: &str| {
            let at = COLUMNS.iter().position(|it| *it == name);
            at.map(|at| texts(self.keys + at)).ok_or_else(|| Trouble::bug("lines lack a column"))
        };
        let (outcome, score, because) = (column("outcome")?, column("score")?, column("because")?);
        let (evidence, open) = (column("evidence")?, column("undecided_because")?);
        for row in 0..batch.num_rows() {
            let key = |at: usize| {
                let it = texts(at);
                it.is_valid(row).then(|| it.value(row))
            };
            self.declaration((0..self.own).map(|at| key(at).unwrap_or_default()));
            let Some(declaration) = &mut self.open else { continue };
            let rule = RuleId(places.value(row) as usize);
            if rule == self.operands.rule {
                self.operands.read(self.set, evidence.value(row), &mut declaration.row);
                continue;
            }
            let hit = outcome.value(row) == Outcome::Hit.words();
            let score = if hit { score } else { would_score };
            let given = |it: &arrow::array::StringArray| {
                if it.is_valid(row) { it.value(row).to_owned() } else { String::new() }
            };
            declaration.found.push(Found {
                rule,
                item: (self.own..self.keys).filter_map(key).map(str::to_owned).collect(),
                outcome: if hit { Outcome::Hit } else { Outcome::Undecided },
                score: Decimal::parse(&given(score)),
                because: given(because),
                evidence: given(evidence),
                open: given(open),
            });
        }
        Ok(())
    }

    /// The declaration of this key is the one at hand.
    fn declaration<'k>(&mut self, keys: impl Iterator<Item = &'k str> + Clone) {
        if self.open.as_ref().is_some_and(|it| it.keys.iter().map(String::as_str).eq(keys.clone()))
        {
            return;
        }
        self.close();
        let keys = keys.map(str::to_owned).collect();
        self.open = Some(Open { keys, row: Row::default(), found: Vec::new() });
    }

    fn close(&mut self) {
        let Some(Open { keys, row, found }) = self.open.take() else { return };
        self.done.extend(decide::alone(self.set, self.secrets, keys, &row, found));
    }
}
