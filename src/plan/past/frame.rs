//! Rows as compact columns: one cell a row and expression, texts as numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::DictionaryArray;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::datatypes::UInt64Type;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::LogicalPlanBuilder;

use crate::data::ROW;
use crate::data::encoded;
use crate::ir::E;
use crate::ir::RuleSet;
use crate::ir::print::identity;
use crate::plan;
use crate::plan::fact::Operand;
use crate::plan::fact::Values;
use crate::plan::past::Map;
use crate::plan::past::cells::Cells;
use crate::plan::past::cells::NONE;
use crate::plan::past::keep::Keep;
use crate::schema::Type;
use crate::value::text;
use crate::value::text::Form;

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
    asked: Vec<Asked>,
    /// Rows with their numbers.
    pub numbered: bool,
}

struct Asked {
    expression: E,
    form: Form,
    /// Else it is looked at and let go.
    held: bool,
}

impl<'a> Request<'a> {
    pub fn new(set: &'a RuleSet) -> Request<'a> {
        Request { set, columns: BTreeMap::new(), asked: Vec::new(), numbered: false }
    }

    /// The place of an expression among the columns; asked for twice it is one column.
    pub fn column(&mut self, it: &E, form: Form) -> usize {
        let at = self.place(it, form);
        self.asked[at].held = true;
        at
    }

    /// The place, among the columns of a batch, of one that only tells which rows are wanted.
    pub fn looked_at(&mut self, it: &E, form: Form) -> usize {
        self.place(it, form) + 1
    }

    fn place(&mut self, it: &E, form: Form) -> usize {
        let key = ColumnKey { identity: identity(it), form };
        let asked = &mut self.asked;
        *self.columns.entry(key).or_insert_with(|| {
            asked.push(Asked { expression: it.clone(), form, held: false });
            asked.len() - 1
        })
    }

    /// The expressions over `input`, after the number of the row.
    ///
    /// Errors: columns that the input does not have.
    pub fn plan(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        let mut values = Values::new(self.set);
        let mut columns = vec![plan::column(ROW)];
        for (at, it) in self.asked.iter().enumerate() {
            let expression = match values.operand(&it.expression) {
                Operand::Column { name, .. } => plan::column(&name),
                Operand::Literal(value) => plan::literal(&value, &it.expression.ty),
            };
            columns.push(expression.alias(format!("c{at}")));
        }
        LogicalPlanBuilder::from(values.plan(input)?).project(columns)?.build()
    }

    /// Room for about so many rows.
    pub fn frame(&self, rows: usize) -> Frame {
        let mut frame = self.empty();
        frame.texts = self.asked.iter().map(|it| it.expression.ty.is_textual()).collect();
        if self.numbered {
            frame.rows.reserve_exact(rows);
        }
        let held = frame.cells.iter_mut().zip(&self.asked).filter(|it| it.1.held);
        held.for_each(|it| it.0.reserve(rows));
        frame
    }

    fn empty(&self) -> Frame {
        let cells = self.asked.iter().map(|_| Cells::Narrow(Vec::new())).collect();
        Frame { length: 0, rows: Vec::new(), cells, texts: Vec::new() }
    }

    /// Rows of one partition, with words of their own.
    pub fn part(&self, keep: Keep) -> Part {
        Part {
            frame: self.empty(),
            forms: self.asked.iter().map(|it| it.held.then_some(it.form)).collect(),
            numbered: self.numbered,
            words: Words::default(),
            encoded: self.asked.iter().map(|_| None).collect(),
            keep,
            numbers: Vec::new(),
        }
    }

    /// For each column, whether it is held.
    pub fn held(&self) -> Vec<bool> {
        self.asked.iter().map(|it| it.held).collect()
    }

    /// About how many bytes a row takes.
    pub fn width(&self) -> usize {
        let of = |it: &Asked| match (&it.expression.ty, it.held) {
            (_, false) => 0,
            (Type::Number(_) | Type::Whole | Type::DateTime, true) => size_of::<i64>(),
            (_, true) => size_of::<i32>(),
        };
        let number = if self.numbered { size_of::<u64>() } else { 0 };
        self.asked.iter().map(of).sum::<usize>() + number
    }
}

/// Texts by number.
#[derive(Debug, Default)]
pub struct Words {
    numbers: Map<Arc<str>, i32>,
    pub all: Vec<Arc<str>>,
}

impl Words {
    /// The number of a text in the form in which it is compared.
    fn formed(&mut self, text: &str, form: Form) -> i32 {
        self.number(&text::formed(text, form))
    }

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
    length: usize,
    /// The number of each row in its table, where it was asked for.
    pub rows: Vec<u64>,
    pub cells: Vec<Cells>,
    /// Which columns hold numbers of texts.
    texts: Vec<bool>,
}

/// Rows on their way into a frame.
#[derive(Debug)]
pub struct Part {
    frame: Frame,
    /// Of the columns that are held.
    forms: Vec<Option<Form>>,
    numbered: bool,
    words: Words,
    /// For each column that comes by dictionary: the last one, and the numbers of its texts.
    encoded: Vec<Option<(ArrayRef, Vec<i32>)>>,
    keep: Keep,
    /// The numbers that its words have in the frame.
    numbers: Vec<i32>,
}

impl Part {
    /// Adds the rows of a batch of [`Request::plan`].
    ///
    /// Errors: columns that are not as planned.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = self.keep.filtered(batch)?;
        if self.numbered {
            let Some(rows) = batch.column(0).as_primitive_opt::<UInt64Type>() else {
                return internal_err!("rows have no numbers");
            };
            self.frame.rows.extend(rows.values());
        }
        self.frame.length += batch.num_rows();
        for (at, cells) in self.frame.cells.iter_mut().enumerate() {
            let Some(form) = self.forms[at] else { continue };
            let array = batch.column(at + 1).as_ref();
            let words = &mut self.words;
            match array.as_dictionary_opt::<Int32Type>() {
                Some(it) => gather_encoded(cells, it, form, words, &mut self.encoded[at])?,
                None => gather(cells, array, form, words)?,
            }
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.frame.length
    }
}

impl Frame {
    pub fn len(&self) -> usize {
        self.length
    }

    /// Without its rows; columns are as narrow as they were.
    pub fn clear(&mut self) {
        self.length = 0;
        self.rows.clear();
        self.cells.iter_mut().for_each(|it| it.truncate(0));
    }

    /// Adds a row without a number, of these cells by column; the other columns stay short.
    pub fn push(&mut self, cells: impl Iterator<Item = (usize, i128)>) {
        self.length += 1;
        cells.for_each(|(at, cell)| self.cells[at].push(cell));
    }

    /// Adds the rows of a part, which is without rows then; texts get the numbers of `words`.
    pub fn take(&mut self, part: &mut Part, words: &mut Words) {
        for word in &part.words.all[part.numbers.len()..] {
            part.numbers.push(words.number(word));
        }
        self.length += std::mem::take(&mut part.frame.length);
        self.rows.append(&mut part.frame.rows);
        for (at, from) in part.frame.cells.iter_mut().enumerate() {
            match (self.texts[at], &mut self.cells[at], from) {
                (true, Cells::Narrow(into), Cells::Narrow(from)) => {
                    let number = |it: i32| match usize::try_from(it) {
                        Ok(it) => part.numbers[it],
                        Err(_) => i32::MIN,
                    };
                    into.extend(from.drain(..).map(number));
                }
                (_, into, from) => into.take(from),
            }
        }
    }
}

const UNKNOWN: i32 = -1;

fn gather_encoded(
    cells: &mut Cells,
    array: &DictionaryArray<Int32Type>,
    form: Form,
    words: &mut Words,
    known: &mut Option<(ArrayRef, Vec<i32>)>,
) -> Result<()> {
    let Some(values) = array.values().as_string_opt::<i32>() else {
        return internal_err!("a dictionary holds no texts");
    };
    let numbers = match known {
        Some((held, numbers)) if encoded::is_same(held, array.values()) => numbers,
        _ => &mut known.insert((array.values().clone(), vec![UNKNOWN; values.len()])).1,
    };
    // Only texts of rows that are wanted get a number.
    let number = |key: Option<i32>| {
        let key = usize::try_from(key?).ok()?;
        if numbers[key] == UNKNOWN {
            numbers[key] = words.formed(values.value(key), form);
        }
        Some(numbers[key])
    };
    cells.narrow(array.keys().iter().map(number));
    Ok(())
}

fn gather(cells: &mut Cells, array: &dyn Array, form: Form, words: &mut Words) -> Result<()> {
    match array.data_type() {
        DataType::Utf8 => {
            let mut last: Option<(&str, i32)> = None;
            cells.narrow(array.as_string::<i32>().iter().map(|it| {
                let it = it?;
                if let Some((word, number)) = last
                    && word == it
                {
                    return Some(number);
                }
                let number = words.formed(it, form);
                last = Some((it, number));
                Some(number)
            }));
        }
        DataType::Boolean => {
            cells.narrow(array.as_boolean().iter().map(|it| it.map(i32::from)));
        }
        DataType::Date32 => cells.narrow(array.as_primitive::<Date32Type>().iter()),
        DataType::Int64 => cells.extend(array.as_primitive::<Int64Type>().iter()),
        DataType::Timestamp(..) => {
            cells.extend(array.as_primitive::<TimestampMicrosecondType>().iter());
        }
        DataType::Decimal128(..) => cells.extend(array.as_primitive::<Decimal128Type>().iter()),
        DataType::Null => (0..array.len()).for_each(|_| cells.push(NONE)),
        other => return internal_err!("a column of type {other} cannot be gathered"),
    }
    Ok(())
}
