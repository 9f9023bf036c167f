//! Rows as compact columns: one cell a row and expression, texts as numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::datatypes::UInt64Type;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::LogicalPlanBuilder;

use crate::data::ROW;
use crate::ir::E;
use crate::ir::RuleSet;
use crate::ir::print::identity;
use crate::plan;
use crate::plan::fact::Operand;
use crate::plan::fact::Values;
use crate::plan::past::Map;
use crate::value::text;
use crate::value::text::Form;

/// No value.
pub const NONE: i128 = i128::MIN;

/// Values as numbers: truths, days, microseconds, unscaled decimals, numbers of texts. Each kind as
/// narrow as its values allow.
#[derive(Debug, Clone)]
pub enum Cells {
    Narrow(Vec<i32>),
    Long(Vec<i64>),
    Wide(Vec<i128>),
}

impl Cells {
    pub fn get(&self, at: usize) -> i128 {
        match self {
            Cells::Narrow(it) if it[at] == i32::MIN => NONE,
            Cells::Narrow(it) => i128::from(it[at]),
            Cells::Long(it) if it[at] == i64::MIN => NONE,
            Cells::Long(it) => i128::from(it[at]),
            Cells::Wide(it) => it[at],
        }
    }

    pub fn is_given(&self, at: usize) -> bool {
        match self {
            Cells::Narrow(it) => it[at] != i32::MIN,
            Cells::Long(it) => it[at] != i64::MIN,
            Cells::Wide(it) => it[at] != NONE,
        }
    }

    pub fn is_true(&self, at: usize) -> bool {
        match self {
            Cells::Narrow(it) => it[at] == 1,
            _ => self.get(at) == 1,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Cells::Narrow(it) => it.len(),
            Cells::Long(it) => it.len(),
            Cells::Wide(it) => it.len(),
        }
    }

    pub fn push(&mut self, cell: i128) {
        loop {
            match self {
                Cells::Narrow(it) => {
                    let narrow =
                        if cell == NONE { Some(i32::MIN) } else { i32::try_from(cell).ok() };
                    if let Some(narrow) = narrow.filter(|it| cell == NONE || *it != i32::MIN) {
                        it.push(narrow);
                        return;
                    }
                }
                Cells::Long(it) => {
                    let long = if cell == NONE { Some(i64::MIN) } else { i64::try_from(cell).ok() };
                    if let Some(long) = long.filter(|it| cell == NONE || *it != i64::MIN) {
                        it.push(long);
                        return;
                    }
                }
                Cells::Wide(it) => {
                    it.push(cell);
                    return;
                }
            }
            self.widen();
        }
    }

    fn widen(&mut self) {
        let all = (0..self.len()).map(|at| self.get(at));
        *self = match self {
            Cells::Narrow(it) => {
                let wide = |it: &i32| if *it == i32::MIN { i64::MIN } else { i64::from(*it) };
                Cells::Long(it.iter().map(wide).collect())
            }
            Cells::Long(_) | Cells::Wide(_) => Cells::Wide(all.collect()),
        };
    }

    /// The cells of another, behind these.
    pub fn append(&mut self, other: &Cells) {
        match (&mut *self, other) {
            (Cells::Narrow(a), Cells::Narrow(b)) => a.extend(b),
            (Cells::Long(a), Cells::Long(b)) => a.extend(b),
            _ => (0..other.len()).for_each(|at| self.push(other.get(at))),
        }
    }
}

/// An expression of the rows of a frame; texts in the form in which they are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnKey {
    identity: String,
    form: Form,
}

/// What to gather of rows: the plan, and which of its columns are which expressions.
pub struct Request<'a> {
    set: &'a RuleSet,
    columns: BTreeMap<ColumnKey, usize>,
    expressions: Vec<(E, Form)>,
}

impl<'a> Request<'a> {
    pub fn new(set: &'a RuleSet) -> Request<'a> {
        Request { set, columns: BTreeMap::new(), expressions: Vec::new() }
    }

    /// The place of an expression among the columns; asked for twice it is one column.
    pub fn column(&mut self, it: &E, form: Form) -> usize {
        let key = ColumnKey { identity: identity(it), form };
        let expressions = &mut self.expressions;
        *self.columns.entry(key).or_insert_with(|| {
            expressions.push((it.clone(), form));
            expressions.len() - 1
        })
    }

    /// The expressions over `input`, after the number of the row.
    ///
    /// Errors: columns that the input does not have.
    pub fn plan(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        let mut values = Values::new(self.set);
        let mut columns = vec![plan::column(ROW)];
        for (at, (it, _)) in self.expressions.iter().enumerate() {
            let expression = match values.operand(it) {
                Operand::Column { name, .. } => plan::column(&name),
                Operand::Literal(value) => plan::literal(&value, &it.ty),
            };
            columns.push(expression.alias(format!("c{at}")));
        }
        LogicalPlanBuilder::from(values.plan(input)?).project(columns)?.build()
    }

    pub fn frame(&self) -> Frame {
        let cells = self.expressions.iter().map(|_| Cells::Narrow(Vec::new())).collect();
        Frame { rows: Vec::new(), cells }
    }

    /// Rows of one partition, with words of their own.
    pub fn part(&self) -> Part {
        let forms = self.expressions.iter().map(|it| it.1).collect();
        Part { frame: self.frame(), forms, words: Words::default() }
    }

    /// Which columns hold numbers of texts.
    pub fn texts(&self) -> Vec<bool> {
        self.expressions.iter().map(|it| it.0.ty.is_textual()).collect()
    }
}

/// Texts by number.
#[derive(Debug, Default)]
pub struct Words {
    numbers: Map<Arc<str>, i32>,
    pub all: Vec<Arc<str>>,
}

impl Words {
    pub fn number(&mut self, word: &str) -> i32 {
        if let Some(it) = self.numbers.get(word) {
            return *it;
        }
        let number = i32::try_from(self.all.len()).unwrap_or(i32::MAX);
        let word: Arc<str> = Arc::from(word);
        self.all.push(word.clone());
        self.numbers.insert(word, number);
        number
    }
}

/// Gathered rows.
#[derive(Debug)]
pub struct Frame {
    /// The number of each row in its table.
    pub rows: Vec<u64>,
    pub cells: Vec<Cells>,
}

/// Rows on their way into a frame.
#[derive(Debug)]
pub struct Part {
    frame: Frame,
    forms: Vec<Form>,
    words: Words,
}

impl Part {
    /// Adds the rows of a batch of [`Request::plan`].
    ///
    /// Errors: columns that are not as planned.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(rows) = batch.column(0).as_primitive_opt::<UInt64Type>() else {
            return internal_err!("rows have no numbers");
        };
        self.frame.rows.extend(rows.values());
        for (at, cells) in self.frame.cells.iter_mut().enumerate() {
            let array = batch.column(at + 1).as_ref();
            gather(cells, array, self.forms[at], &mut self.words)?;
        }
        Ok(())
    }
}

impl Frame {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Only the rows that are marked.
    pub fn retain(&mut self, keep: &[bool]) {
        let mut marks = keep.iter();
        self.rows.retain(|_| marks.next() == Some(&true));
        for cells in &mut self.cells {
            let mut marks = keep.iter();
            match cells {
                Cells::Narrow(it) => it.retain(|_| marks.next() == Some(&true)),
                Cells::Long(it) => it.retain(|_| marks.next() == Some(&true)),
                Cells::Wide(it) => it.retain(|_| marks.next() == Some(&true)),
            }
        }
    }

    /// Adds a part; its texts get the numbers of `words`.
    pub fn append(&mut self, part: Part, words: &mut Words, texts: &[bool]) {
        let own: Vec<i32> = part.words.all.iter().map(|it| words.number(it)).collect();
        self.rows.extend(part.frame.rows);
        for (at, cells) in part.frame.cells.into_iter().enumerate() {
            match (texts[at], &mut self.cells[at], cells) {
                (true, Cells::Narrow(into), Cells::Narrow(from)) => {
                    let number = |it: i32| usize::try_from(it).ok().map_or(i32::MIN, |it| own[it]);
                    into.extend(from.into_iter().map(number));
                }
                (_, into, from) if into.len() == 0 => *into = from,
                (_, into, from) => into.append(&from),
            }
        }
    }
}

fn gather(cells: &mut Cells, array: &dyn Array, form: Form, words: &mut Words) -> Result<()> {
    let narrow = |cells: &mut Cells, all: &mut dyn Iterator<Item = Option<i32>>| match cells {
        Cells::Narrow(it) => it.extend(all.map(|it| it.unwrap_or(i32::MIN))),
        other => all.for_each(|it| other.push(it.map_or(NONE, i128::from))),
    };
    match array.data_type() {
        DataType::Utf8 => {
            let mut last: Option<(&str, i32)> = None;
            let all = array.as_string::<i32>();
            let mut numbers = all.iter().map(|it| {
                let it = it?;
                if let Some((word, number)) = last
                    && word == it
                {
                    return Some(number);
                }
                let number = match form {
                    Form::Exact => words.number(it),
                    _ => words.number(&text::form(it, form)),
                };
                last = Some((it, number));
                Some(number)
            });
            narrow(cells, &mut numbers);
        }
        DataType::Boolean => {
            narrow(cells, &mut array.as_boolean().iter().map(|it| it.map(i32::from)));
        }
        DataType::Date32 => narrow(cells, &mut array.as_primitive::<Date32Type>().iter()),
        DataType::Int64 => {
            let all = array.as_primitive::<Int64Type>().iter();
            all.for_each(|it| cells.push(it.map_or(NONE, i128::from)));
        }
        DataType::Timestamp(..) => {
            let all = array.as_primitive::<TimestampMicrosecondType>().iter();
            all.for_each(|it| cells.push(it.map_or(NONE, i128::from)));
        }
        DataType::Decimal128(..) => {
            let all = array.as_primitive::<Decimal128Type>().iter();
            all.for_each(|it| cells.push(it.unwrap_or(NONE)));
        }
        DataType::Null => (0..array.len()).for_each(|_| cells.push(NONE)),
        other => return internal_err!("a column of type {other} cannot be gathered"),
    }
    Ok(())
}
