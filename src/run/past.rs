//! Facts of many rows: gathered from the data and from history, before rows are judged.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::logical_expr as df;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use crate::data::Days;
use crate::interpret::Row;
use crate::interpret::history::World;
use crate::interpret::row;
use crate::ir::E;
use crate::ir::Fact;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::Reach;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::Statistic;
use crate::plan;
use crate::plan::cell::Shape;
use crate::plan::past::frame::Cells;
use crate::plan::past::frame::Frame;
use crate::plan::past::frame::Request;
use crate::plan::past::frame::Words;
use crate::plan::past::group::Groups;
use crate::plan::past::group::Sorted;
use crate::plan::past::store::Store;
use crate::plan::past::sweep;
use crate::plan::past::sweep::Axis;
use crate::plan::past::sweep::Places;
use crate::plan::past::sweep::Sides;
use crate::run;
use crate::run::Input;
use crate::run::Opened;
use crate::run::Options;
use crate::run::engine;
use crate::run::source;
use crate::run::source::Source;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::trouble::Trouble;
use crate::value::Value;
use crate::value::calendar;
use crate::value::text::Form;

/// Files of history are numbered from here: no data set has so many.
const HISTORY: u64 = 1 << 20;

/// The data that a record's past rows come from, with the number of their first file.
pub fn inputs<'a>(
    set: &RuleSet,
    opened: &'a Opened,
    record: RecordId,
) -> Result<Vec<(&'a Input, u64)>, Trouble> {
    let all = std::iter::once((&opened.input, 0))
        .chain(opened.history.iter().map(|it| (it, HISTORY)))
        .filter(|it| source::holds(set, it.0, record))
        .collect::<Vec<_>>();
    if all.is_empty() {
        let name = &set.schema.record(record).name;
        return Err(Trouble::usage(format!("no files are named for the record `{name}`"))
            .help(format!("add `[data.NAME.{name}]` with its `path` to tamis.toml")));
    }
    Ok(all)
}

/// A row of history that stands in the data too is the data's: the key of its declaration.
pub fn replaced_by(set: &RuleSet, opened: &Opened, record: RecordId) -> Vec<FieldId> {
    let outermost = set.schema.lineage(record).pop().unwrap_or(record);
    if opened.history.is_none() || !set.schema.lineage(opened.inner).contains(&outermost) {
        return Vec::new();
    }
    set.schema.key_fields(outermost)
}

/// Every row that the facts of the run look at, for the interpreter.
///
/// Errors: files that cannot be read.
pub fn world(set: &RuleSet, opened: &Opened, options: &Options) -> Result<World, Trouble> {
    let mut world = World::default();
    let facts = set.facts_of(&opened.rules, opened.evidence);
    let records: BTreeSet<RecordId> = facts.iter().map(|it| set.facts[it.0].rows).collect();
    let used = run::fields_in(facts.iter().flat_map(|it| set.facts[it.0].of_rows()));
    for record in records {
        let key = replaced_by(set, opened, record);
        let mut seen: BTreeSet<Vec<Value>> = BTreeSet::new();
        let mut rows: Vec<Row> = Vec::new();
        for (input, _) in inputs(set, opened, record)? {
            let source = source::open(set, input, record, opened.inner, &used)?;
            let own = rows_of(set, &source, record, options)?;
            let of = |row: &Row| key.iter().map(|it| row.get(*it)).collect::<Vec<_>>();
            let before = seen.clone();
            seen.extend(own.iter().map(of));
            rows.extend(own.into_iter().filter(|it| key.is_empty() || !before.contains(&of(it))));
        }
        world.rows.insert(record, rows);
    }
    Ok(world)
}

fn rows_of(
    set: &RuleSet,
    source: &Source,
    record: RecordId,
    options: &Options,
) -> Result<Vec<Row>, Trouble> {
    source.table.prepare()?;
    let columns = row::columns(set, &source.table.arrow);
    let keys = set.schema.key_fields(record);
    let mut all: Vec<Row> = Vec::new();
    let mut places: BTreeMap<Vec<Value>, usize> = BTreeMap::new();
    for batch in source.table.read(options.batch_size) {
        let batch = batch?;
        for at in 0..batch.num_rows() {
            let row = row::row(set, &columns, &batch, at);
            if !source.merged {
                all.push(row);
                continue;
            }
            let key = keys.iter().map(|it| row.get(*it)).collect();
            match places.get(&key) {
                Some(place) => run::agree(set, record, &mut all[*place], &row),
                None => {
                    places.insert(key, all.len());
                    all.push(row);
                }
            }
        }
    }
    Ok(all)
}

/// One side of a pass: what is asked of the rows, and how they are read.
struct Side<'a> {
    request: Request<'a>,
    record: RecordId,
    fields: Vec<FieldId>,
    /// What windows reach, when all of them end.
    days: Option<Days>,
}

fn of_days(set: &RuleSet, rows: LogicalPlan, days: Days) -> datafusion::error::Result<LogicalPlan> {
    let day = |it: i32| df::lit(ScalarValue::Date32(Some(it)));
    let column = || plan::column(&row::column_name(&set.schema, days.field));
    let wanted = column().gt_eq(day(days.first)).and(column().lt_eq(day(days.last)));
    LogicalPlanBuilder::from(rows).filter(wanted)?.build()
}

/// The days that the windows of these facts reach for these judged rows.
fn reached<'a>(
    facts: impl Iterator<Item = (&'a Fact, &'a Passed)>,
    judged: &Frame,
) -> Option<Days> {
    let mut all: Option<Days> = None;
    for (fact, passed) in facts {
        let (Kind::Field(field), Some((_, at))) = (&fact.dates.as_ref()?.0.kind, passed.days)
        else {
            return None;
        };
        let given = || (0..judged.len()).map(|row| judged.cells[at].get(row));
        let given = || given().filter_map(|it| i32::try_from(it).ok());
        let (first, last) = (given().min()?, given().max()?);
        let first = match fact.reach {
            Reach::Days(length) => calendar::add_to_date(first, calendar::negated(length)?)?,
            Reach::SameDay => first,
            Reach::All | Reach::Time(_) | Reach::Before | Reach::AsOf => return None,
        };
        all = Some(match all {
            None => Days { field: *field, first, last },
            Some(it) if it.field != *field => return None,
            Some(it) => Days { first: it.first.min(first), last: it.last.max(last), ..it },
        });
    }
    all
}

impl Side<'_> {
    fn logical(
        &self,
        set: &RuleSet,
        opened: &Opened,
        (input, first): (&Input, u64),
        options: &Options,
    ) -> Result<LogicalPlan, Trouble> {
        let source = source::open(set, input, self.record, opened.inner, &self.fields)?;
        source.table.prepare()?;
        // Rows that are merged may disagree on the day: all of them are read.
        let days = self.days.filter(|_| !source.merged);
        let mut table = source.table.numbered(first);
        if let Some(days) = days {
            table = table.within(days);
        }
        let numbered = Source { table: Arc::new(table), ..source };
        let rows =
            engine::rows_of(set, &numbered, self.record, options).map_err(engine::trouble)?;
        let rows = match days {
            Some(days) => of_days(set, rows, days).map_err(engine::trouble)?,
            None => rows,
        };
        self.request.plan(rows).map_err(engine::trouble)
    }
}

async fn gather(
    request: &Request<'_>,
    plan: &LogicalPlan,
    context: &SessionContext,
    words: &mut Words,
    frame: &mut Frame,
) -> Result<(), Trouble> {
    let plan = context.state().create_physical_plan(plan).await.map_err(engine::trouble)?;
    let streams = execute_stream_partitioned(plan, context.task_ctx()).map_err(engine::trouble)?;
    let texts = request.texts();
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            let mut part = request.part();
            tokio::spawn(async move {
                while let Some(batch) = stream.try_next().await? {
                    part.add(&batch)?;
                }
                Ok::<_, DataFusionError>(part)
            })
        })
        .collect();
    for task in tasks {
        let part = task.await.map_err(|_| Trouble::bug("a worker stopped"))?;
        frame.append(part.map_err(engine::trouble)?, words, &texts);
    }
    Ok(())
}

/// The facts that the rules of a level need, for all its rows; nothing where they need none.
///
/// Errors: files that cannot be read, and what the engine cannot do.
pub async fn store(
    set: &RuleSet,
    opened: &Opened,
    level: RecordId,
    rules: &[RuleId],
    context: &SessionContext,
    options: &Options,
) -> Result<Option<Arc<Store>>, Trouble> {
    let facts = set.facts_of(rules, opened.evidence);
    if facts.is_empty() {
        return Ok(None);
    }
    let mut words = Words::default();
    let fact = |it: &FactId| &set.facts[it.0];
    let records: BTreeSet<RecordId> = facts.iter().map(|it| fact(it).rows).collect();
    let mut judged = Side {
        request: Request::new(set),
        record: level,
        fields: run::fields_in(facts.iter().flat_map(|it| fact(it).judged())),
        days: None,
    };
    // Where rows and judged rows are the same, they are gathered once.
    let shared = opened.history.is_none() && records.contains(&level);
    if shared {
        let own = facts.iter().filter(|it| fact(it).rows == level);
        judged.fields.extend(run::fields_in(own.flat_map(|it| fact(it).of_rows())));
        judged.fields.sort();
        judged.fields.dedup();
    }
    let mut sides: BTreeMap<RecordId, Side> = BTreeMap::new();
    let mut places: Vec<(FactId, Passed)> = Vec::new();
    for id in &facts {
        let it = fact(id);
        let own = shared && it.rows == level;
        let side = sides.entry(it.rows).or_insert_with(|| Side {
            request: Request::new(set),
            record: it.rows,
            fields: Vec::new(),
            days: None,
        });
        let passed = if own {
            Passed::of(it, None, &mut judged.request)
        } else {
            side.fields.extend(run::fields_in(it.of_rows().into_iter()));
            Passed::of(it, Some(&mut side.request), &mut judged.request)
        };
        places.push((*id, passed));
    }
    let mut judged_frame = judged.request.frame();
    let plan = judged.logical(set, opened, (&opened.input, 0), options)?;
    gather(&judged.request, &plan, context, &mut words, &mut judged_frame).await?;
    let mut store = Store::new(&judged_frame.rows);
    for record in records {
        let own = shared && record == level;
        let mut rows_frame = None;
        if !own && let Some(side) = sides.get_mut(&record) {
            let here = places.iter().filter(|it| fact(&it.0).rows == record);
            side.days = reached(here.map(|it| (fact(&it.0), &it.1)), &judged_frame);
            side.fields.sort();
            side.fields.dedup();
            let key: Vec<usize> = replaced_by(set, opened, record)
                .into_iter()
                .map(|id| {
                    let ty = set.schema.field(id).ty.clone();
                    let span = crate::source::Span::new(crate::source::FileId(0), 0, 0);
                    let it =
                        Arc::new(crate::ir::Expr { kind: crate::ir::Kind::Field(id), ty, span });
                    side.fields.push(id);
                    side.request.column(&it, Form::Exact)
                })
                .collect();
            let mut frame = side.request.frame();
            let mut of_today = 0;
            for (input, first) in inputs(set, opened, record)? {
                let plan = side.logical(set, opened, (input, first), options)?;
                gather(&side.request, &plan, context, &mut words, &mut frame).await?;
                if first == 0 {
                    of_today = frame.len();
                }
            }
            if !key.is_empty() {
                frame.retain(&not_replaced(&frame, &key, of_today));
            }
            rows_frame = Some(frame);
        }
        let rows = rows_frame.as_ref().unwrap_or(&judged_frame);
        let mine = places.iter().filter(|it| fact(&it.0).rows == record);
        passes(set, mine, rows, &judged_frame, &mut store, options.threads);
    }
    store.words = Arc::from(words.all);
    Ok(Some(Arc::new(store)))
}

/// Rows of history whose declaration the data do not have.
fn not_replaced(frame: &Frame, key: &[usize], of_today: usize) -> Vec<bool> {
    let columns: Vec<_> = key.iter().map(|it| &frame.cells[*it]).collect();
    let mut groups = Groups::default();
    let of = groups.of(&columns, frame.len());
    let mut today = vec![false; groups.count()];
    for group in &of[..of_today] {
        if let Some(it) = today.get_mut(*group as usize) {
            *it = true;
        }
    }
    let kept = |(at, group): (usize, &u32)| {
        at < of_today || !today.get(*group as usize).copied().unwrap_or(false)
    };
    of.iter().enumerate().map(kept).collect()
}

/// Where a fact's expressions stand among the columns.
struct Passed {
    keys: Vec<(usize, usize)>,
    filter: Option<usize>,
    value: Option<usize>,
    weight: Option<usize>,
    known: Option<usize>,
    others: Option<(usize, usize)>,
    days: Option<(usize, usize)>,
    instants: Option<(usize, usize)>,
    needed: Vec<usize>,
}

impl Passed {
    /// `rows` is nothing where rows and judged rows share their columns.
    fn of<'a>(fact: &Fact, rows: Option<&mut Request<'a>>, judged: &mut Request<'a>) -> Passed {
        let form = |(theirs, ours): &(E, E)| theirs.ty.form().max(ours.ty.form());
        let ours = |judged: &mut Request, it: &(E, E)| judged.column(&it.1, form(it));
        let keys: Vec<usize> = fact.keys.iter().map(|it| ours(judged, it)).collect();
        let others = fact.others.as_ref().map(|it| ours(judged, it));
        let days = fact.dates.as_ref().map(|it| ours(judged, it));
        let instants = fact.instants.as_ref().map(|it| ours(judged, it));
        let needed = others.into_iter().chain(days).chain(instants).collect();
        let rows = rows.unwrap_or(judged);
        let theirs = |rows: &mut Request, it: &(E, E)| rows.column(&it.0, form(it));
        let of_value = match fact.statistic {
            Statistic::DistinctCount => fact.value.as_ref().map_or(Form::Exact, |it| it.ty.form()),
            _ => Form::Exact,
        };
        let mut plain = |it: &Option<E>, form| it.as_ref().map(|it| rows.column(it, form));
        let filter = plain(&fact.filter, Form::Exact);
        let value = plain(&fact.value, of_value);
        let weight = plain(&fact.weight, Form::Exact);
        let known = plain(&fact.known_from, Form::Exact);
        let their_keys: Vec<usize> = fact.keys.iter().map(|it| theirs(rows, it)).collect();
        Passed {
            keys: their_keys.into_iter().zip(keys).collect(),
            filter,
            value,
            weight,
            known,
            others: fact.others.as_ref().map(|it| theirs(rows, it)).zip(others),
            days: fact.dates.as_ref().map(|it| theirs(rows, it)).zip(days),
            instants: fact.instants.as_ref().map(|it| theirs(rows, it)).zip(instants),
            needed,
        }
    }
}

/// A column of the rows and one of the judged rows.
type Pair = (usize, usize);

type Asked<'a> = Vec<&'a (FactId, Passed)>;

/// Facts with the same keys share their groups, and those along one axis of time their order.
fn passes<'a>(
    set: &RuleSet,
    facts: impl Iterator<Item = &'a (FactId, Passed)>,
    rows: &Frame,
    judged: &Frame,
    store: &mut Store,
    threads: usize,
) {
    let mut by_keys: BTreeMap<&[Pair], Asked> = BTreeMap::new();
    for it in facts {
        by_keys.entry(&it.1.keys).or_default().push(it);
    }
    let same = std::ptr::eq(rows, judged);
    for (keys, facts) in by_keys {
        let mut groups = Groups::default();
        let theirs: Vec<_> = keys.iter().map(|it| &rows.cells[it.0]).collect();
        let of_rows = groups.of(&theirs, rows.len());
        let of_judged = if same && keys.iter().all(|it| it.0 == it.1) {
            of_rows.clone()
        } else {
            let ours: Vec<_> = keys.iter().map(|it| &judged.cells[it.1]).collect();
            groups.of(&ours, judged.len())
        };
        let mut by_time: BTreeMap<(Axis, Option<Pair>), Asked> = BTreeMap::new();
        for it in facts {
            let axis = sweep::axis(&set.facts[it.0.0]);
            let columns = match axis {
                Axis::None => None,
                Axis::Days => it.1.days,
                Axis::Instants => it.1.instants,
            };
            by_time.entry((axis, columns)).or_default().push(it);
        }
        for ((_, columns), facts) in by_time {
            let times = |frame: &Frame, at: usize| -> Vec<i64> {
                let cells = &frame.cells[at];
                match cells {
                    // Rows without a time stand anywhere: they do not count.
                    Cells::Narrow(all) => {
                        let time = |it: &i32| if *it == i32::MIN { 0 } else { i64::from(*it) };
                        all.iter().map(time).collect()
                    }
                    Cells::Long(all) => {
                        all.iter().map(|it| if *it == i64::MIN { 0 } else { *it }).collect()
                    }
                    Cells::Wide(_) => vec![0; cells.len()],
                }
            };
            let row_times = columns.map(|it| times(rows, it.0));
            let sorted_rows = Sorted::new(&of_rows, groups.count(), row_times.as_deref());
            let alike = same && of_rows == of_judged && columns.is_none_or(|it| it.0 == it.1);
            let own_judged = if alike {
                None
            } else {
                let times = columns.map(|it| times(judged, it.1));
                Some(Sorted::new(&of_judged, groups.count(), times.as_deref()))
            };
            let sorted_judged = own_judged.as_ref().unwrap_or(&sorted_rows);
            let sides = Sides { rows, judged, sorted_rows: &sorted_rows, sorted_judged };
            for (id, it) in facts {
                let fact = &set.facts[id.0];
                let places = Places {
                    fact,
                    filter: it.filter,
                    value: it.value,
                    weight: it.weight,
                    known: it.known,
                    others: it.others,
                    days: it.days,
                    instants: it.instants,
                    needed: it.needed.clone(),
                };
                let found = sweep::sweep(&places, &sides, threads);
                let shape = Shape::typed(fact.ty.clone());
                store.know(*id, shape, judged.len(), &sorted_judged.order, found);
            }
        }
    }
}
