//! A run that ends in decisions: lines of one declaration after the other, then capacity.

use std::borrow::Cow;
use std::cmp::Ordering;

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
        let mut found = Lines { rows: Head::new(found), keys, own: carried.keys(), out };
        let mut rest = Head::new(rest);
        found.load()?;
        rest.load()?;
        while let Some(keys) = next_keys(&found.rows, &rest, carried.keys()) {
            // Lines of a record that stands in no declaration.
            if keys.first().is_some_and(String::is_empty) {
                found.take(&keys)?;
                continue;
            }
            let mut row = Row::default();
            while let Some(batch) = rest.at(&keys) {
                carried.read(batch, rest.row, &mut row);
                rest.advance()?;
            }
            decider.decide(keys.clone(), &row, found.take(&keys)?)?;
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
    batch: Option<RecordBatch>,
    row: usize,
}

impl Head {
    fn new(rows: Merge) -> Head {
        Head { rows, batch: None, row: 0 }
    }

    fn load(&mut self) -> Result<(), Trouble> {
        (self.batch, self.row) = (self.rows.next().transpose()?, 0);
        Ok(())
    }

    fn advance(&mut self) -> Result<(), Trouble> {
        self.row += 1;
        match &self.batch {
            Some(it) if it.num_rows() <= self.row => self.load(),
            Some(_) | None => Ok(()),
        }
    }

    fn key(&self, at: usize) -> &str {
        let column = self.batch.as_ref().map(|it| it.column(at).as_string::<i32>());
        column.filter(|it| it.is_valid(self.row)).map_or("", |it| it.value(self.row))
    }

    /// The batch, when the row that reading is at has these keys.
    fn at(&self, keys: &[String]) -> Option<&RecordBatch> {
        let batch = self.batch.as_ref()?;
        keys.iter().enumerate().all(|(at, key)| self.key(at) == key).then_some(batch)
    }
}

/// Those of the first declaration that is left on either side.
fn next_keys(one: &Head, other: &Head, count: usize) -> Option<Vec<String>> {
    let first = match (&one.batch, &other.batch) {
        (None, None) => return None,
        (Some(_), None) => one,
        (None, Some(_)) => other,
        (Some(_), Some(_)) => {
            let order = (0..count).map(|at| one.key(at).cmp(other.key(at)));
            let order = order.into_iter().find(|it| it.is_ne()).unwrap_or(Ordering::Equal);
            if order.is_lt() { one } else { other }
        }
    };
    Some((0..count).map(|at| first.key(at).to_owned()).collect())
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
        let column = |name: &str| {
            let at = COLUMNS.iter().position(|it| *it == name);
            let at = at.ok_or_else(|| Trouble::bug("lines lack a column"))?;
            Ok::<_, Trouble>(text(texts(self.keys + at)).unwrap_or_default())
        };
        let hit = column("outcome")? == Outcome::Hit.words();
        let would_score = || text(texts(self.keys + COLUMNS.len() + 1)).unwrap_or_default();
        let score = if hit { column("score")? } else { would_score() };
        Ok(Found {
            rule: RuleId(places.value(row) as usize),
            item: (self.own..self.keys).filter_map(|at| text(texts(at))).collect(),
            outcome: if hit { Outcome::Hit } else { Outcome::Undecided },
            score: Decimal::parse(&score),
            because: column("because")?,
            evidence: column("evidence")?,
            open: column("undecided_because")?,
        })
    }
}

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
    quiet: Option<(Decision, [Option<String>; COLUMNS_OF_DECISIONS])>,
    number: u64,
}

const COLUMNS_OF_DECISIONS: usize = decisions::COLUMNS.len();

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
        let alone = carried.operands.is_empty() && policy.together.is_empty();
        let quiet =
            alone.then(|| decide::alone(set, secrets, Vec::new(), &Row::default(), Vec::new()));
        let quiet = quiet.flatten().filter(|it| it.draws.is_empty() && it.claims.is_empty());
        let quiet = quiet.map(|it| {
            let values = decisions::values(set, policy, &it);
            (it, values)
        });
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
            number: 0,
        })
    }

    fn decide(&mut self, keys: Vec<String>, row: &Row, found: Vec<Found>) -> Result<(), Trouble> {
        let number = self.number;
        self.number += 1;
        if let Some((it, values)) = self.quiet.as_ref().filter(|_| found.is_empty()) {
            self.counted.add(self.set, self.policy, it, 1);
            self.rows.push(&keys, values);
            return if self.rows.is_full() { self.send() } else { Ok(()) };
        }
        let Some(it) = decide::alone(self.set, self.secrets, keys, row, found) else {
            return Ok(());
        };
        self.counted.add(self.set, self.policy, &it, 1);
        if let Some((among, _)) = &mut self.waiting {
            among.add(number, &it)?;
        }
        if self.waiting.is_some() || self.out.is_some() {
            self.rows.push(&it.keys, &decisions::values(self.set, self.policy, &it));
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
