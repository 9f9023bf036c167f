//! One side of a pass: which rows are read, from which files, and what is asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use crate::data::Days;
use crate::data::Table;
use crate::data::groups::Reached;
use crate::data::tally::Tally;
use crate::ir::Expr;
use crate::ir::Kind;
use crate::ir::RuleSet;
use crate::plan::past::frame::Frame;
use crate::plan::past::frame::Part;
use crate::plan::past::frame::Request;
use crate::plan::past::frame::Words;
use crate::plan::past::keep::Keep;
use crate::run::Again;
use crate::run::Input;
use crate::run::Opened;
use crate::run::Options;
use crate::run::engine;
use crate::run::source;
use crate::run::source::Source;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::source::FileId;
use crate::source::Span;
use crate::trouble::Trouble;
use crate::value::text::Form;

/// Files of history are numbered from here: no data set has so many.
const HISTORY: u64 = 1 << 20;

/// The data that a record's past rows come from, with the number of their first file.
///
/// Errors: there are none, or none of a record around it.
pub fn inputs<'a>(
    set: &RuleSet,
    opened: &'a Opened,
    record: RecordId,
) -> Result<Vec<(&'a Input, u64)>, Trouble> {
    let all = std::iter::once((&opened.input, 0))
        .chain(opened.history.iter().map(|it| (it, HISTORY)))
        .filter(|it| source::holds(set, it.0, record))
        .collect::<Vec<_>>();
    let lacking = || {
        let lineage = set.schema.lineage(record).into_iter();
        lineage.rev().find(|outer| !all.iter().all(|it| source::holds(set, it.0, *outer)))
    };
    match if all.is_empty() { Some(record) } else { lacking() } {
        None => Ok(all),
        Some(it) => Err(source::none(&set.schema.record(it).name)),
    }
}

/// A stored field as an expression.
pub fn field(set: &RuleSet, id: FieldId) -> Arc<Expr> {
    let ty = set.schema.field(id).ty.clone();
    Arc::new(Expr { kind: Kind::Field(id), ty, span: Span::new(FileId(0), 0, 0) })
}

pub struct Side<'a> {
    pub request: Request<'a>,
    pub record: RecordId,
    pub fields: Vec<FieldId>,
    /// What windows reach, when all of them end, and the place of the day in a batch.
    pub days: Option<(Days, usize)>,
    /// Where rows are counted, when they are read only here.
    pub tally: Option<Arc<Tally>>,
    /// What was opened before, by its fields and the number of its first file: records around are
    /// read once, however often these rows are.
    known: Mutex<BTreeMap<(Vec<FieldId>, u64), Source>>,
}

/// What gathering needs besides the side.
pub struct Work<'a> {
    pub set: &'a RuleSet,
    pub opened: &'a Opened,
    pub context: &'a SessionContext,
    pub options: &'a Options,
}

impl<'a> Side<'a> {
    pub fn new(set: &'a RuleSet, record: RecordId) -> Side<'a> {
        let (fields, days, tally, known) = (Vec::new(), None, None, Mutex::default());
        Side { request: Request::new(set), record, fields, days, tally, known }
    }

    /// Asks for a stored field itself.
    pub fn field(&mut self, set: &RuleSet, id: FieldId) -> usize {
        self.fields.push(id);
        self.request.column(&field(set, id), Form::Exact)
    }

    fn source(&self, work: &Work, input: (&Input, u64)) -> Result<Source, Trouble> {
        let mut fields = self.fields.clone();
        fields.sort();
        fields.dedup();
        work.opened.source(work.set, input, self.record, &fields)
    }

    /// Rows there are in these data, or about as many.
    ///
    /// Errors: files that do not fit the schema.
    pub fn rows(&self, work: &Work, input: &Input) -> Result<usize, Trouble> {
        let rows = self.source(work, (input, 0))?.table.rows();
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    /// Opened, and ready to be read; what is counted is counted apart each time.
    fn prepared(&self, work: &Work, (input, first): (&Input, u64)) -> Result<Source, Trouble> {
        let mut known = self.known.lock().map_err(|_| Trouble::bug("a reader stopped"))?;
        let mut fields = self.fields.clone();
        fields.sort();
        fields.dedup();
        if let Some(it) = known.get(&(fields.clone(), first)) {
            return Ok(Source { table: Arc::new(it.table.again()), ..it.clone() });
        }
        let source = self.source(work, (input, first))?;
        source.table.prepare(&work.options.limits())?;
        known.insert((fields, first), source.clone());
        Ok(source)
    }

    fn open(&self, work: &Work, (input, first): (&Input, u64)) -> Result<Source, Trouble> {
        let source = self.prepared(work, (input, first))?;
        let mut table = source.table.numbered(first);
        if let Some((days, _)) = self.days
            && let Some(it) = self.parts(work, (input, first), &source, days)?
        {
            table = table.within(it);
        }
        if let Some(tally) = &self.tally {
            table = table.counted_by(tally);
        }
        let source = Source { table: Arc::new(table), ..source };
        work.opened.beside(work.set, self.record, first, &source);
        Ok(source)
    }

    /// The parts of files that have these days, where the others may stay unread. Rows of a key may
    /// disagree on the day: where statistics do not tell that no key stands on both sides, or where
    /// keys that stand twice are to be told, a pass over keys and days alone does.
    ///
    /// Errors: what that pass says.
    fn parts(
        &self,
        work: &Work,
        input: (&Input, u64),
        source: &Source,
        days: Days,
    ) -> Result<Option<Reached>, Trouble> {
        if source.merged || source.table.is_settled_around() {
            return Ok(None);
        }
        let Some(reached) = source.table.reached(days) else { return Ok(None) };
        if source.table.is_apart(&reached) {
            return Ok(Some(reached));
        }
        let narrow = work.opened.source(work.set, input, self.record, &[days.field])?;
        narrow.table.prepare(&work.options.limits())?;
        let readers = work.options.threads.max(1);
        let alike = narrow.table.is_alike(work.options.batch_size, readers)?;
        Ok(alike.then_some(Reached { apart: None, ..reached }))
    }

    /// What is asked, over the rows of these files.
    ///
    /// Errors: what the engine cannot do.
    pub fn plan(&self, work: &Work, source: &Source) -> Result<LogicalPlan, Trouble> {
        let rows = engine::rows_of(work.set, source, self.record, work.options);
        let rows = rows.map_err(engine::trouble)?;
        self.request.plan(rows).map_err(engine::trouble)
    }

    /// Moves the wanted rows of these data into `whole`; `taking` makes what takes those of a
    /// reader.
    ///
    /// Errors: files that cannot be read, what the engine cannot do, a disk that refuses.
    pub async fn gather<T: Taking>(
        &self,
        work: &Work<'_>,
        input: (&Input, u64),
        keep: &Keep,
        taking: impl Fn(Keep) -> T,
        whole: T::Whole,
    ) -> Result<T::Whole, Again> {
        let source = self.open(work, input)?;
        let plan = self.plan(work, &source)?;
        let mut keep = keep.clone();
        let days = self.days.filter(|_| !source.merged);
        keep.days = days.map(|(it, at)| (at, it.first, it.last));
        watch(work, &source.table);
        let whole = Arc::new(Mutex::new(whole));
        let tasks: Vec<_> = streams(work, &plan)
            .await?
            .into_iter()
            .map(|mut stream| {
                let mut taking = taking(keep.clone());
                let whole = whole.clone();
                tokio::spawn(async move {
                    let mut done = false;
                    while !done {
                        match stream.try_next().await? {
                            Some(batch) => taking.add(&batch)?,
                            None => done = true,
                        }
                        if (done || T::AT_ONCE <= taking.len())
                            && let Ok(mut whole) = whole.lock()
                        {
                            taking.move_to(&mut whole)?;
                        }
                    }
                    Ok::<_, DataFusionError>(())
                })
            })
            .collect();
        for task in tasks {
            task.await.map_err(|_| Trouble::bug("a worker stopped"))?.map_err(engine::trouble)?;
        }
        source.holds()?;
        let whole = Arc::try_unwrap(whole).map_err(|_| Trouble::bug("a worker goes on"))?;
        whole.into_inner().map_err(|_| Trouble::bug("a worker stopped").into())
    }

    /// Adds the wanted rows of these data to the frame.
    ///
    /// Errors: as [`Side::gather`].
    pub async fn frame(
        &self,
        work: &Work<'_>,
        input: (&Input, u64),
        keep: &Keep,
        into: (Frame, Words),
    ) -> Result<(Frame, Words), Again> {
        self.gather(work, input, keep, |keep| self.request.part(keep), into).await
    }
}

/// Takes the rows of one reader, and moves them on now and then.
pub trait Taking: Send + 'static {
    type Whole: Send + 'static;
    /// So many rows are moved on together.
    const AT_ONCE: usize;

    /// Errors: columns that are not as planned.
    fn add(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError>;

    /// Rows that were not moved on.
    fn len(&self) -> usize;

    /// Errors: a disk that refuses.
    fn move_to(&mut self, whole: &mut Self::Whole) -> Result<(), DataFusionError>;
}

impl Taking for Part {
    type Whole = (Frame, Words);
    const AT_ONCE: usize = 65_536;

    fn add(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError> {
        Part::add(self, batch)
    }

    fn len(&self) -> usize {
        Part::len(self)
    }

    fn move_to(&mut self, whole: &mut (Frame, Words)) -> Result<(), DataFusionError> {
        whole.0.take(self, &mut whole.1);
        Ok(())
    }
}

/// Says how far the reading of a table has come.
pub fn watch(work: &Work, table: &Table) {
    work.options.pace.enter("gathering facts", table.rows(), &table.tally);
}

/// The rows of a plan, a stream for each reader.
///
/// Errors: what the engine cannot do.
pub async fn streams(
    work: &Work<'_>,
    plan: &LogicalPlan,
) -> Result<Vec<SendableRecordBatchStream>, Trouble> {
    let context = work.context;
    let plan = context.state().create_physical_plan(plan).await.map_err(engine::trouble)?;
    execute_stream_partitioned(plan, context.task_ctx()).map_err(engine::trouble)
}
