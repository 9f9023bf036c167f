//! Facts of many rows: gathered from the data and from history, before rows are judged.

pub mod held;
pub mod parted;
pub mod parting;
pub mod pass;
pub mod side;
pub mod today;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::prelude::SessionContext;

use crate::data::Days;
use crate::data::tally::Tally;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::Reach;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::many;
use crate::ir::print::identity;
use crate::plan::cell::Shape;
use crate::plan::past::frame::Frame;
use crate::plan::past::frame::Words;
use crate::plan::past::keep::Keep;
use crate::plan::past::store;
use crate::plan::past::store::Store;
use crate::run;
use crate::run::Again;
use crate::run::Opened;
use crate::run::Options;
use crate::run::past::held::Held;
use crate::run::past::pass::Gathered;
use crate::run::past::pass::Passed;
use crate::run::past::side::Side;
use crate::run::past::side::Work;
use crate::run::past::today::Today;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::trouble::Trouble;
use crate::value::calendar;
use crate::value::text::Form;

/// The rules of a level, whose facts are wanted.
pub struct Level<'a> {
    pub record: RecordId,
    pub rules: &'a [RuleId],
    /// Where rows are counted when they are read once only, if nothing but counts comes out.
    pub once: Option<Arc<Tally>>,
}

/// What is known of the judged rows of a level.
pub struct Found {
    pub store: Arc<Store>,
    /// The judged rows with the fields that rules need, when they need not be read again.
    pub held: Option<Held>,
}

/// What the process holds besides facts.
const BASE: usize = 64 << 20;
/// Bytes for each row of a pass: its group, its place, its time, its answer.
const SORTED: usize = 36;
/// Fields that are rather read again than held beyond this many.
const FIELDS: usize = 8;

/// The facts that the rules of a level need, for all its rows; nothing where they need none.
///
/// Errors: files that cannot be read, and what the engine cannot do.
pub async fn found(
    set: &RuleSet,
    opened: &Opened,
    level: &Level<'_>,
    context: &SessionContext,
    options: &Options,
) -> Result<Option<Found>, Again> {
    let facts = set.facts_of(level.rules, opened.evidence);
    if facts.is_empty() {
        return Ok(None);
    }
    let work = Work { set, opened, context, options };
    let mut store = Store::default();
    let facts = expected(set, facts, &mut store);
    let budget = options.memory_limit.map(|it| it.saturating_sub(BASE).max(BASE / 2));
    let fits = |size: usize| options.shares.is_none() && budget.is_none_or(|it| size <= it);
    let mut whole = Together::new(set, opened, level.record, &facts);
    let mut fields = level.once.as_ref().and_then(|_| whole.hold(set, level.rules));
    if fields.is_some() && !fits(whole.size(&work)?) {
        whole = Together::new(set, opened, level.record, &facts);
        fields = None;
    }
    let mut today = Today::new();
    if fits(whole.size(&work)?) {
        whole.judged.request.numbered = fields.is_none();
        whole.judged.tally = level.once.clone().filter(|_| fields.is_some());
        let (frame, words) = whole.find(&work, &mut store, &mut today).await?;
        let held = fields.map(|it| Held::new(set, &it, frame, &words));
        return Ok(Some(Found { store: Arc::new(store), held }));
    }
    let room = budget.unwrap_or(usize::MAX / 2);
    for facts in portions(set, &facts) {
        let together = Together::new(set, opened, level.record, &facts);
        parted::find(together, &work, room, &mut store, &mut today).await?;
    }
    Ok(Some(Found { store: Arc::new(store), held: None }))
}

/// Those of the facts that have to be found: of several with the same meaning, one.
fn expected(set: &RuleSet, mut facts: Vec<FactId>, store: &mut Store) -> Vec<FactId> {
    let mut known: BTreeMap<String, FactId> = BTreeMap::new();
    facts.retain(|id| {
        let fact = &set.facts[id.0];
        let first = *known.entry(many::key(fact)).or_insert(*id);
        match first == *id {
            true => store.expect(*id, Shape::typed(fact.ty.clone())),
            false => store.expect_as(*id, first),
        }
        first == *id
    });
    facts
}

/// Facts with the same keys.
fn portions(set: &RuleSet, facts: &[FactId]) -> Vec<Vec<FactId>> {
    let mut by_keys: BTreeMap<(RecordId, Vec<String>), Vec<FactId>> = BTreeMap::new();
    for id in facts {
        let fact = &set.facts[id.0];
        let keys = fact.keys.iter().map(|it| format!("{} {}", identity(&it.0), identity(&it.1)));
        by_keys.entry((fact.rows, keys.collect())).or_default().push(*id);
    }
    by_keys.into_values().collect()
}

/// Bytes of an answer and its reason.
const ANSWER: usize = 9;

/// The days that the windows of these facts reach for judged rows; `given` says the first and the
/// last day of one of their columns.
fn reached<'a>(
    facts: impl Iterator<Item = (&'a Fact, &'a Passed)>,
    given: impl Fn(usize) -> Option<(i32, i32)>,
) -> Option<(Days, usize)> {
    let mut all: Option<(Days, usize)> = None;
    for (fact, passed) in facts {
        let (Kind::Field(field), Some((theirs, ours))) =
            (&fact.dates.as_ref()?.0.kind, passed.days)
        else {
            return None;
        };
        let (first, last) = given(ours)?;
        let first = match fact.reach {
            Reach::Days(length) => calendar::add_to_date(first, calendar::negated(length)?)?,
            Reach::SameDay => first,
            Reach::All | Reach::Time(_) | Reach::Before | Reach::AsOf => return None,
        };
        let (first, last) = match all {
            None => (first, last),
            Some((it, _)) if it.field != *field => return None,
            Some((it, _)) => (it.first.min(first), it.last.max(last)),
        };
        // Columns of a batch begin with the number of the row.
        all = Some((Days { field: *field, first, last }, theirs + 1));
    }
    all
}

/// The first and the last day in a column.
fn days_in(judged: &Frame, column: usize) -> Option<(i32, i32)> {
    let given = || (0..judged.len()).map(|row| judged.cells[column].get(row));
    let given = || given().filter_map(|it| i32::try_from(it).ok());
    Some((given().min()?, given().max()?))
}

/// Facts that are found in one go, and both sides of their rows.
struct Together<'a> {
    judged: Side<'a>,
    /// Of records whose rows are not the judged ones.
    sides: BTreeMap<RecordId, Side<'a>>,
    places: Vec<(FactId, Passed)>,
}

impl<'a> Together<'a> {
    fn new(set: &'a RuleSet, opened: &Opened, level: RecordId, facts: &[FactId]) -> Together<'a> {
        let mut judged = Side::new(set, level);
        let mut sides: BTreeMap<RecordId, Side> = BTreeMap::new();
        let mut places = Vec::new();
        for id in facts {
            let it = &set.facts[id.0];
            judged.fields.extend(run::fields_in(it.judged().into_iter()));
            let of_rows = run::fields_in(it.of_rows().into_iter());
            // Where rows and judged rows are the same, they are gathered once.
            let passed = if opened.history.is_none() && it.rows == level {
                judged.fields.extend(of_rows);
                Passed::of(set, it, None, &mut judged.request)
            } else {
                let side = sides.entry(it.rows).or_insert_with(|| Side::new(set, it.rows));
                side.fields.extend(of_rows);
                Passed::of(set, it, Some(&mut side.request), &mut judged.request)
            };
            places.push((*id, passed));
        }
        Together { judged, sides, places }
    }

    /// Asks also for the fields that the rules need, when they are few and compact.
    fn hold(&mut self, set: &RuleSet, rules: &[RuleId]) -> Option<Vec<(FieldId, usize)>> {
        let fields = run::used(set, rules, false);
        let ty = |it: &FieldId| &set.schema.field(*it).ty;
        let compact = |it| !ty(it).is_textual() || ty(it).form() == Form::Exact;
        if FIELDS < fields.len() || !fields.iter().all(compact) {
            return None;
        }
        Some(fields.into_iter().map(|it| (it, self.judged.field(set, it))).collect())
    }

    /// About how many bytes all of it takes at once.
    fn size(&self, work: &Work) -> Result<usize, Trouble> {
        let today = self.judged.rows(work, &work.opened.input)?;
        let (mut all, mut most) = (0, today);
        for (record, side) in &self.sides {
            let mut rows = 0;
            for (input, _) in side::inputs(work.set, work.opened, *record)? {
                rows += side.rows(work, input)?;
            }
            all += rows * side.request.width();
            most = most.max(today + rows);
        }
        let answer = |it: &(FactId, Passed)| match &work.set.facts[it.0.0].ty {
            Type::Whole | Type::Date => ANSWER / 2 + 1,
            _ => ANSWER,
        };
        let answers: usize = self.places.iter().map(answer).sum();
        Ok(all + (self.judged.request.width() + answers) * today + SORTED * most)
    }

    /// The records whose rows are looked at.
    fn records(&self, set: &RuleSet) -> BTreeSet<RecordId> {
        self.places.iter().map(|it| set.facts[it.0.0].rows).collect()
    }

    fn of(&self, set: &RuleSet, record: RecordId) -> impl Iterator<Item = &(FactId, Passed)> {
        self.places.iter().filter(move |it| set.facts[it.0.0].rows == record)
    }

    /// Finds the facts for all rows at once; says the judged rows.
    async fn find(
        &mut self,
        work: &Work<'_>,
        store: &mut Store,
        today: &mut Today,
    ) -> Result<(Frame, Words), Again> {
        let (set, opened) = (work.set, work.opened);
        let frame = self.judged.request.frame(self.judged.rows(work, &opened.input)?);
        let (input, keep) = ((&opened.input, 0), Keep::default());
        let gathered = self.judged.frame(work, input, &keep, (frame, Words::default())).await?;
        let (judged, mut words) = gathered;
        let in_place = !self.judged.request.numbered;
        let lengths = if in_place { vec![judged.len()] } else { store::lengths(&judged.rows) };
        for record in self.records(set) {
            if judged.len() == 0 {
                break;
            }
            let mut own = None;
            let facts = self.places.iter().filter(|it| set.facts[it.0.0].rows == record);
            if let Some(side) = self.sides.get_mut(&record) {
                let facts = facts.map(|it| (&set.facts[it.0.0], &it.1));
                side.days = reached(facts, |column| days_in(&judged, column));
                let replaced = today::replaced(work, side, today).await?;
                let mut frame = None;
                for (input, first) in side::inputs(set, opened, record)? {
                    let replaced = replaced.clone().filter(|_| first != 0);
                    let keep = Keep { days: None, replaced };
                    let into = match frame {
                        Some(it) => it,
                        None => side.request.frame(side.rows(work, input)?),
                    };
                    let all = side.frame(work, (input, first), &keep, (into, words)).await?;
                    words = all.1;
                    frame = Some(all.0);
                }
                own = frame;
            }
            let rows = own.as_ref().unwrap_or(&judged);
            let (words, lengths) = (&words, lengths.as_slice());
            let gathered =
                Gathered { rows, judged: &judged, words, lengths, in_place, totals: None };
            pass::passes(set, self.of(set, record), &gathered, store, work.options.threads)?;
        }
        Ok((judged, words))
    }
}
