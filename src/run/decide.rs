//! A run that ends in decisions: lines of one declaration after the other, then capacity.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::datatypes::SchemaRef;
use arrow::datatypes::UInt32Type;

use crate::decide;
use crate::decide::Decision;
use crate::decide::Found;
use crate::decide::among::Among;
use crate::decide::count::Counted;
use crate::decide::operand;
use crate::decide::secret::Secrets;
use crate::hit::Outcome;
use crate::interpret::Row;
use crate::ir::Policy;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::run::Done;
use crate::run::Opened;
use crate::run::Options;
use crate::run::Receiver;
use crate::run::carried::Carried;
use crate::run::decisions;
use crate::run::decisions::Alike;
use crate::run::decisions::Cursor;
use crate::run::decisions::Rows;
use crate::run::decisions::Settling;
use crate::run::lines;
use crate::run::lines::COLUMNS;
use crate::run::sink;
use crate::sort::merge::Merge;
use crate::sort::run::Writer;
use crate::trouble::Trouble;
use crate::value::Decimal;

/// The rule set and the rules as a run needs them that decides; as they are without a policy.
pub fn prepared(set: &RuleSet, rules: &[RuleId]) -> (RuleSet, Vec<RuleId>) {
    let (set, last) = operand::with(set);
    (set, rules.iter().copied().chain(last).collect())
}

/// Says in every decision that there were no rules but those named.
pub fn only(set: &mut RuleSet, named: &[String]) {
    if let Some(policy) = &mut set.policy {
        policy.only = named.iter().map(|it| std::sync::Arc::from(it.as_str())).collect();
    }
}

impl Opened {
    /// As `run`, over a rule set that [`prepared`] has made: `out` gets the lines that readers
    /// see, `decided` the decisions as [`decisions::schema`] has them, in the order of their keys,
    /// capacity settled.
    ///
    /// Errors: as `run`.
    pub fn decide(
        &self,
        set: &RuleSet,
        secrets: &Secrets,
        out: Option<Receiver>,
        decided: Option<Receiver>,
        options: &Options,
    ) -> Result<(Done, Counted), Trouble> {
        let set = self.carried_by_rows(set);
        let (Some(policy), Some(carried)) = (&set.policy, Carried::of(&set)) else {
            return Err(Trouble::bug("a rule set without a policy decides nothing"));
        };
        let (done, sink) = self.found(&set, true, options)?;
        let Some((found, Some(rest))) = sink.map(sink::Sink::sorted).transpose()? else {
            return Err(Trouble::bug("nothing was found to be decided on"));
        };
        let keys = self.keys.len();
        let mut decider = Decider::new(&set, policy, secrets, &carried, decided, options)?;
        let own = carried.keys();
        let mut found = Lines { rows: Head::new(found, own), keys, own, out };
        let mut rest = Head::new(rest, own);
        found.load()?;
        rest.load()?;
        loop {
            if decider.quiet.is_some() {
                let alike = rest.before(&found.rows);
                if 0 < alike {
                    decider.alike(&rest.keys, rest.row..rest.row + alike)?;
                    rest.skip(alike)?;
                    continue;
                }
            }
            let Some(keys) = next_keys(&found.rows, &rest) else { break };
            let mut row = Row::default();
            while let Some(batch) = rest.at(&keys) {
                carried.read(batch, rest.row, &mut row);
                rest.advance()?;
            }
            let found = found.take(&keys)?;
            // Some lines are of a record that stands in no declaration.
            if keys.first().is_none_or(|it| !it.is_empty()) {
                decider.decide(keys, &row, found)?;
            }
        }
        Ok((done, decider.finish()?))
    }

    /// Where each row is of one declaration, and the policy looks at stored fields only, each row
    /// carries them itself: nothing has to be brought together before it is judged.
    fn carried_by_rows<'s>(&self, set: &'s RuleSet) -> Cow<'s, RuleSet> {
        let (Some(policy), Some(operands)) = (&set.policy, operand::of(set)) else {
            return Cow::Borrowed(set);
        };
        let below = set.schema.lineage(self.inner);
        let mut below = below.into_iter().take_while(|it| *it != policy.level);
        let nothing_needed = below.all(|it| {
            let it = set.schema.record(it);
            it.key.is_empty() && it.fields.iter().all(|it| !it.required)
        });
        if !self.is_flat() || !nothing_needed || !operands.facts().is_empty() {
            return Cow::Borrowed(set);
        }
        let mut set = set.clone();
        set.rules[operands.rule.0].level = self.inner;
        Cow::Owned(set)
    }
}

/// Rows in order, and where reading is.
struct Head {
    rows: Merge,
    /// How many of the first columns are the keys of the declaration.
    own: usize,
    batch: Option<RecordBatch>,
    /// Of the batch.
    keys: Vec<StringArray>,
    row: usize,
}

impl Head {
    fn new(rows: Merge, own: usize) -> Head {
        Head { rows, own, batch: None, keys: Vec::new(), row: 0 }
    }

    fn load(&mut self) -> Result<(), Trouble> {
        (self.batch, self.row) = (self.rows.next().transpose()?, 0);
        let columns = self.batch.iter().flat_map(|it| it.columns().iter().take(self.own));
        self.keys = columns.filter_map(|it| it.as_string_opt::<i32>()).cloned().collect();
        Ok(())
    }

    fn advance(&mut self) -> Result<(), Trouble> {
        self.skip(1)
    }

    fn skip(&mut self, rows: usize) -> Result<(), Trouble> {
        self.row += rows;
        match &self.batch {
            Some(it) if it.num_rows() <= self.row => self.load(),
            Some(_) | None => Ok(()),
        }
    }

    /// The batch, when the row that reading is at has these keys.
    fn at(&self, keys: &[String]) -> Option<&RecordBatch> {
        let batch = self.batch.as_ref()?;
        let mut both = self.keys.iter().zip(keys);
        both.all(|(column, key)| key_of(column, self.row).unwrap_or_default() == key)
            .then_some(batch)
    }

    /// How a row of the batch stands to that which reading of others is at.
    fn compare(&self, row: usize, other: &Head) -> Ordering {
        let both = self.keys.iter().zip(&other.keys);
        let mut order = both.map(|(a, b)| key_of(a, row).cmp(&key_of(b, other.row)));
        order.find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// How many rows of the batch are left that stand before all others there are.
    fn before(&self, other: &Head) -> usize {
        let Some(batch) = &self.batch else { return 0 };
        let left = batch.num_rows() - self.row;
        if other.batch.is_none() {
            return left;
        }
        let is_before = |rows: usize| self.compare(self.row + rows, other).is_lt();
        // Twice as many as long as they are, then the last of them by halves.
        let (mut low, mut high) = (0, 1);
        while high <= left && is_before(high - 1) {
            (low, high) = (high, high * 2);
        }
        high = high.min(left + 1);
        while low + 1 < high {
            let middle = low.midpoint(high);
            if is_before(middle - 1) { low = middle } else { high = middle }
        }
        low
    }
}

fn key_of(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

/// Those of the first declaration that is left on either side.
fn next_keys(one: &Head, other: &Head) -> Option<Vec<String>> {
    let first = match (&one.batch, &other.batch) {
        (None, None) => return None,
        (Some(_), None) => one,
        (None, Some(_)) => other,
        (Some(_), Some(_)) => {
            if one.compare(one.row, other).is_lt() {
                one
            } else {
                other
            }
        }
    };
    let key = |it: &StringArray| key_of(it, first.row).unwrap_or_default().to_owned();
    Some(first.keys.iter().map(key).collect())
}

/// Lines in order, which go out as they are read.
struct Lines<'a> {
    rows: Head,
    /// How many columns of keys lines have, and how many of them are the declaration's.
    keys: usize,
    own: usize,
    out: Option<Receiver<'a>>,
}

impl Lines<'_> {
    fn load(&mut self) -> Result<(), Trouble> {
        self.rows.load()?;
        if let (Some(out), Some(batch)) = (&mut self.out, &self.rows.batch) {
            out(&lines::seen(batch)?)?;
        }
        Ok(())
    }

    /// What was found of a declaration.
    fn take(&mut self, keys: &[String]) -> Result<Vec<Found>, Trouble> {
        let mut res = Vec::new();
        while let Some(batch) = self.rows.at(keys) {
            let rows = batch.num_rows();
            res.push(self.found(batch)?);
            self.rows.row += 1;
            if rows <= self.rows.row {
                self.load()?;
            }
        }
        Ok(res)
    }

    fn found(&self, batch: &RecordBatch) -> Result<Found, Trouble> {
        let row = self.rows.row;
        let texts = |at: usize| batch.column(at).as_string::<i32>();
        let places = batch.column(self.keys + COLUMNS.len()).as_primitive::<UInt32Type>();
        let text = |it: &StringArray| it.is_valid(row).then(|| it.value(row).to_owned());
        let [_, outcome, score, _, because, evidence, open] =
            std::array::from_fn(|at| texts(self.keys + at));
        let hit = outcome.is_valid(row) && outcome.value(row) == Outcome::Hit.words();
        let score = if hit { score } else { texts(self.keys + COLUMNS.len() + 1) };
        Ok(Found {
            rule: RuleId(places.value(row) as usize),
            item: (self.own..self.keys).filter_map(|at| text(texts(at))).collect(),
            outcome: if hit { Outcome::Hit } else { Outcome::Undecided },
            score: if score.is_valid(row) { Decimal::parse(score.value(row)) } else { None },
            because: text(because).unwrap_or_default(),
            evidence: text(evidence).unwrap_or_default(),
            open: text(open).unwrap_or_default(),
        })
    }
}

/// A decision and its columns, whoever it is about; `found` is as it was given.
struct Same {
    found: Vec<Found>,
    decision: Decision,
    values: [Option<String>; decisions::COLUMNS.len()],
}

/// So many of them are kept.
const SAME: usize = 16;

/// Decides on one declaration after the other.
struct Decider<'a, 'o> {
    set: &'a RuleSet,
    policy: &'a Policy,
    secrets: &'a Secrets,
    counted: Counted,
    schema: SchemaRef,
    rows: Rows,
    out: Option<Receiver<'o>>,
    /// Where some of them wait for others: these, and all decisions as they are until then.
    waiting: Option<(Among<'a>, Writer)>,
    /// What every declaration gets of which nothing was found, when that is the same for all.
    quiet: Option<(Decision, Alike)>,
    /// The keys of the last of them.
    last: Vec<String>,
    /// Some decisions that others share of which the same was found, where nothing else has a say.
    same: Option<Vec<Same>>,
    number: u64,
}

impl<'a, 'o> Decider<'a, 'o> {
    fn new(
        set: &'a RuleSet,
        policy: &'a Policy,
        secrets: &'a Secrets,
        carried: &Carried,
        out: Option<Receiver<'o>>,
        options: &Options,
    ) -> Result<Decider<'a, 'o>, Trouble> {
        let schema = decisions::schema(set, policy);
        let place = options.place();
        let waiting = match Among::new(policy, carried.keys(), options.room(), &place) {
            Some(it) => Some((it, Writer::create(&place, &schema)?)),
            None => None,
        };
        let quiet = decide::quiet(set, secrets).map(|it| {
            let alike = Alike::new(&decisions::values(set, policy, &it));
            (it, alike)
        });
        let alone = carried.operands.is_empty() && policy.together.is_empty();
        Ok(Decider {
            set,
            policy,
            secrets,
            counted: Counted::new(policy),
            rows: Rows::new(&schema),
            schema,
            out,
            waiting,
            quiet,
            last: Vec::new(),
            same: alone.then(Vec::new),
            number: 0,
        })
    }

    /// Decides on declarations of which nothing was found; some rows are of one declaration.
    fn alike(&mut self, keys: &[StringArray], rows: Range<usize>) -> Result<(), Trouble> {
        let Some((decision, alike)) = self.quiet.take() else { return Ok(()) };
        let mut left = rows;
        let mut added = 0;
        while !left.is_empty() {
            added += self.rows.push_alike(keys, &mut left, &mut self.last, &alike)? as u64;
            if self.rows.is_full() {
                self.send()?;
            }
        }
        self.number += added;
        self.counted.add(self.set, self.policy, &decision, added);
        self.quiet = Some((decision, alike));
        Ok(())
    }

    fn decide(&mut self, keys: Vec<String>, row: &Row, found: Vec<Found>) -> Result<(), Trouble> {
        let number = self.number;
        self.number += 1;
        let known = self.same.iter().flatten().find(|it| it.found == found);
        if let Some(Same { decision, values, .. }) = known {
            self.counted.add(self.set, self.policy, decision, 1);
            self.rows.push(&keys, values);
            return if self.rows.is_full() { self.send() } else { Ok(()) };
        }
        let is_kept = self.same.as_ref().is_some_and(|it| it.len() < SAME);
        let kept = is_kept.then(|| found.clone());
        let Some(it) = decide::alone(self.set, self.secrets, keys, row, found) else {
            return Ok(());
        };
        self.counted.add(self.set, self.policy, &it, 1);
        if let Some((among, _)) = &mut self.waiting {
            among.add(number, &it)?;
        }
        if self.waiting.is_some() || self.out.is_some() {
            let values = decisions::values(self.set, self.policy, &it);
            self.rows.push(&it.keys, &values);
            let apart = it.draws.is_empty() && it.claims.is_empty();
            if let (Some(found), Some(same)) = (kept.filter(|_| apart), &mut self.same) {
                same.push(Same { found, decision: it, values });
            }
        }
        if self.rows.is_full() { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), Trouble> {
        let batch = self.rows.take()?;
        match (&mut self.waiting, &mut self.out) {
            (Some((_, writer)), _) => writer.write(&batch),
            (None, Some(out)) if 0 < batch.num_rows() => out(&batch),
            (None, _) => Ok(()),
        }
    }

    fn finish(mut self) -> Result<Counted, Trouble> {
        self.send()?;
        let Some((among, writer)) = self.waiting else { return Ok(self.counted) };
        let (settled, used) = among.settle()?;
        self.counted.capacities = used;
        let mut settling = Settling {
            policy: self.policy,
            schema: self.schema,
            settled: Cursor::new(settled)?,
            counted: &mut self.counted,
            next: 0,
        };
        for batch in writer.finish()?.read()? {
            let batch = settling.settle(batch?)?;
            if let Some(out) = &mut self.out {
                out(&batch)?;
            }
        }
        Ok(self.counted)
    }
}
