//! Kernels: our own scalar functions for the engine, each total and exact.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::OnceLock;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::ScalarFunctionArgs;
use datafusion::logical_expr::ScalarUDFImpl;
use datafusion::logical_expr::Signature;
use datafusion::logical_expr::Volatility;

use crate::ir::Arithmetic;
use crate::ir::Comparison;
use crate::ir::Function;
use crate::ir::Index;
use crate::ir::Matching;
use crate::ir::Parameter;
use crate::ir::TextTest;
use crate::plan::cell::MISSING;
use crate::plan::cell::Shape;
use crate::plan::listed::Listed;
use crate::schema::Group;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Duration;
use crate::value::Value;
use crate::value::calendar;
use crate::value::decimal;
use crate::value::text;
use crate::value::text::Form;

/// What a kernel computes from its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Whether an acceptance date is given.
    Parameter(Parameter, bool),
    Negate,
    Arithmetic(Arithmetic),
    Widen,
    Call(Function),
    OrElse,
    /// The value where the test is true.
    Guard,
    AtDigits(u32),
    Lookup {
        list: Listed,
        column: usize,
    },
    Compare(Comparison),
    Member(Arc<[Arc<str>]>),
    OneOf(Arc<[Value]>),
    Under(Arc<[Arc<str>]>),
    InGroup(Arc<Group>),
    InList {
        list: Listed,
        matching: Matching,
    },
    TextTest(TextTest),
    Established,
    AtLeast(usize),
}

impl Op {
    fn name(&self) -> &'static str {
        match self {
            Op::Parameter(..) => "parameter",
            Op::Negate => "negate",
            Op::Arithmetic(_) => "arithmetic",
            Op::Widen => "widen",
            Op::Call(_) => "call",
            Op::OrElse => "or_else",
            Op::Guard => "guard",
            Op::AtDigits(_) => "at_digits",
            Op::Lookup { .. } => "lookup",
            Op::Compare(_) => "compare",
            Op::Member(_) => "member",
            Op::OneOf(_) => "one_of",
            Op::Under(_) => "under",
            Op::InGroup(_) => "in_group",
            Op::InList { .. } => "in_list",
            Op::TextTest(_) => "text_test",
            Op::Established => "established",
            Op::AtLeast(_) => "at_least",
        }
    }
}

#[derive(Debug)]
pub struct Kernel {
    /// Unique for what it computes: columns of plans are named after it.
    name: String,
    pub(in crate::plan) op: Op,
    pub(in crate::plan) arguments: Vec<Shape>,
    pub(in crate::plan) result: Shape,
    signature: Signature,
    pub(in crate::plan) index: Option<Arc<Index>>,
    /// The column of the list that is looked up, once it was.
    pub(in crate::plan) looked_up: OnceLock<ArrayRef>,
}

impl Kernel {
    pub fn new(op: Op, arguments: Vec<Shape>, result: Shape) -> Kernel {
        let print = blake3::hash(format!("{op:?} {arguments:?} {result:?}").as_bytes());
        let name = format!("{}_{}", op.name(), &print.to_hex()[..8]);
        let types = arguments.iter().map(Shape::data_type).collect::<Vec<_>>();
        let signature = if types.is_empty() {
            Signature::nullary(Volatility::Immutable)
        } else {
            Signature::exact(types, Volatility::Immutable)
        };
        let index = op.index(&arguments);
        let looked_up = OnceLock::new();
        Kernel { name, op, arguments, result, signature, index, looked_up }
    }
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Kernel) -> bool {
        self.op == other.op && self.arguments == other.arguments && self.result == other.result
    }
}

impl Eq for Kernel {}

impl Hash for Kernel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Kernel {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result.data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays: Vec<ArrayRef> =
            args.args.iter().map(|it| it.to_array(rows)).collect::<Result<_>>()?;
        if let Some(array) = self.on_text(&arrays, rows) {
            return Ok(ColumnarValue::Array(array));
        }
        if let Some(array) = self.on_keys(&arrays, rows) {
            return Ok(ColumnarValue::Array(array));
        }
        if let Some(array) = self.on_columns(&arrays) {
            return Ok(ColumnarValue::Array(array));
        }
        let mut values = Vec::with_capacity(rows);
        let mut row: Vec<Value> = Vec::with_capacity(arrays.len());
        for at in 0..rows {
            row.clear();
            let cells = self.arguments.iter().zip(&arrays);
            row.extend(cells.map(|(shape, array)| shape.value(array.as_ref(), at)));
            values.push(self.compute(&row));
        }
        Ok(ColumnarValue::Array(self.result.array(values)))
    }
}

impl Kernel {
    /// Membership and prefixes of exact text, without a value a cell.
    fn on_text(&self, arrays: &[ArrayRef], rows: usize) -> Option<ArrayRef> {
        let first = self.arguments.first()?;
        if !first.ty.is_textual() || first.ty.form() != Form::Exact {
            return None;
        }
        let test: Box<dyn Fn(&str) -> bool> = match &self.op {
            Op::Member(words) => {
                Box::new(|it| words.binary_search_by(|word| (**word).cmp(it)).is_ok())
            }
            Op::Under(prefixes) => {
                Box::new(|it| prefixes.iter().any(|prefix| it.starts_with(&**prefix)))
            }
            _ => return None,
        };
        let texts = arrays[0].as_string::<i32>();
        let cells = (0..rows).map(|at| match texts.is_null(at) {
            true => None,
            false => Some(test(texts.value(at))),
        });
        Some(Arc::new(cells.collect::<BooleanArray>()))
    }

    pub(in crate::plan) fn form(&self, at: usize) -> Form {
        self.arguments.get(at).map_or(Form::Exact, |it| it.ty.form())
    }

    /// The result for the values of one row.
    pub fn compute(&self, row: &[Value]) -> Value {
        match &self.op {
            Op::OrElse => row.iter().find(|it| !it.is_missing()).cloned().unwrap_or(MISSING),
            Op::Guard if row.first() == Some(&Value::Truth(true)) => {
                row.get(1).cloned().unwrap_or(MISSING)
            }
            Op::Guard => MISSING,
            Op::Established => Value::Truth(row.first() == Some(&Value::Truth(true))),
            Op::AtLeast(n) => at_least(*n, row),
            _ if row.iter().any(Value::is_missing) => MISSING,
            Op::Parameter(it, dated) => parameter(it, *dated, row),
            Op::Negate => negate(&row[0]),
            Op::Arithmetic(op) => arithmetic(*op, &row[0], &row[1]).unwrap_or(MISSING),
            Op::Widen => row[0].as_decimal().map_or(MISSING, Value::Decimal),
            Op::Call(it) => call(*it, row).unwrap_or(MISSING),
            Op::AtDigits(digits) => on(&row[0], |it| {
                let wanted = *digits as usize;
                match it.char_indices().nth(wanted) {
                    Some((end, _)) => Value::text(&it[..end]),
                    None if it.chars().count() == wanted => Value::text(it),
                    None => MISSING,
                }
            }),
            Op::Lookup { list, column } => self.lookup(&list.0, *column, row),
            Op::Compare(op) => self.compare(*op, &row[0], &row[1]),
            Op::Member(words) => on(&row[0], |it| {
                let it = text::form(it, self.form(0));
                Value::Truth(words.iter().any(|word| **word == *it))
            }),
            Op::OneOf(values) => {
                let same = |it: &Value| compare(&row[0], it) == Some(Ordering::Equal);
                Value::Truth(values.iter().any(same))
            }
            Op::Under(prefixes) => on(&row[0], |it| {
                Value::Truth(prefixes.iter().any(|prefix| it.starts_with(&**prefix)))
            }),
            Op::InGroup(group) => in_group(group, row),
            Op::InList { list, matching } => self.in_list(&list.0, *matching, row),
            Op::TextTest(op) => self.text_test(*op, &row[0], &row[1]),
        }
    }

    fn compare(&self, op: Comparison, left: &Value, right: &Value) -> Value {
        let order = match (left, right, &self.arguments[0].ty) {
            (Value::Text(a), Value::Text(b), Type::Choice(choice)) => {
                choice.rank(a).zip(choice.rank(b)).map(|(a, b)| a.cmp(&b))
            }
            (Value::Text(a), Value::Text(b), _) => {
                let form = self.form(0).max(self.form(1));
                Some(text::form(a, form).cmp(&text::form(b, form)))
            }
            _ => compare(left, right),
        };
        let Some(order) = order else { return MISSING };
        Value::Truth(match op {
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
            Comparison::Equal => order.is_eq(),
        })
    }

    fn text_test(&self, op: TextTest, left: &Value, right: &Value) -> Value {
        let form = self.form(0).max(self.form(1));
        let (Value::Text(a), Value::Text(b)) = (left, right) else { return MISSING };
        let (a, b) = (text::form(a, form), text::form(b, form));
        Value::Truth(match op {
            TextTest::StartsWith => a.starts_with(&b),
            TextTest::EndsWith => a.ends_with(&b),
            TextTest::Contains => a.contains(&b),
        })
    }
}

fn on(value: &Value, then: impl Fn(&str) -> Value) -> Value {
    match value {
        Value::Text(it) => then(it),
        _ => MISSING,
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
        (Value::Duration(Duration::Days(a)), Value::Duration(Duration::Days(b))) => Some(a.cmp(b)),
        (Value::Duration(Duration::Months(a)), Value::Duration(Duration::Months(b))) => {
            Some(a.cmp(b))
        }
        (Value::Duration(Duration::Time(a)), Value::Duration(Duration::Time(b))) => Some(a.cmp(b)),
        _ => Some(left.as_decimal()?.cmp(&right.as_decimal()?)),
    }
}

fn at_least(n: usize, row: &[Value]) -> Value {
    let (mut sure, mut open) = (0, 0);
    for it in row {
        match it {
            Value::Truth(true) => sure += 1,
            Value::Truth(false) => {}
            _ => open += 1,
        }
    }
    if n <= sure {
        return Value::Truth(true);
    }
    if n <= sure + open { MISSING } else { Value::Truth(false) }
}

fn parameter(parameter: &Parameter, dated: bool, row: &[Value]) -> Value {
    let day = match row.first() {
        Some(Value::Date(it)) if dated => *it,
        _ => i32::MAX,
    };
    let mut found = MISSING;
    for (since, value) in &parameter.values {
        if since.is_none_or(|it| it <= day) {
            found = value.clone();
        }
    }
    found
}

fn negate(value: &Value) -> Value {
    match value {
        Value::Whole(it) => it.checked_neg().map_or(MISSING, Value::Whole),
        Value::Decimal(it) => Value::Decimal(it.negated()),
        Value::Duration(it) => calendar::negated(*it).map_or(MISSING, Value::Duration),
        _ => MISSING,
    }
}

fn arithmetic(op: Arithmetic, left: &Value, right: &Value) -> Option<Value> {
    let duration = |it: Duration| match op {
        Arithmetic::Subtract => calendar::negated(it),
        _ => Some(it),
    };
    Some(match (left, right) {
        (Value::Whole(a), Value::Whole(b)) if op != Arithmetic::Divide => Value::Whole(match op {
            Arithmetic::Add => a.checked_add(*b)?,
            Arithmetic::Subtract => a.checked_sub(*b)?,
            Arithmetic::Multiply | Arithmetic::Divide => a.checked_mul(*b)?,
        }),
        (Value::Date(a), Value::Date(b)) => Value::Duration(Duration::Days(a.checked_sub(*b)?)),
        (Value::DateTime(a), Value::DateTime(b)) => {
            Value::Duration(Duration::Time(a.checked_sub(*b)?))
        }
        (Value::Date(day), Value::Duration(it)) => {
            Value::Date(calendar::add_to_date(*day, duration(*it)?)?)
        }
        (Value::DateTime(time), Value::Duration(it)) => {
            Value::DateTime(calendar::add_to_time(*time, duration(*it)?)?)
        }
        _ => {
            let (a, b): (Decimal, Decimal) = (left.as_decimal()?, right.as_decimal()?);
            Value::Decimal(match op {
                Arithmetic::Add => decimal::add(a, b)?,
                Arithmetic::Subtract => decimal::subtract(a, b)?,
                Arithmetic::Multiply => decimal::multiply(a, b)?,
                Arithmetic::Divide => decimal::divide(a, b)?,
            })
        }
    })
}

fn call(function: Function, row: &[Value]) -> Option<Value> {
    let date = |it: &Value| match it {
        Value::Date(it) => Some(calendar::to_date(*it)),
        _ => None,
    };
    let time = |it: &Value| match it {
        Value::DateTime(it) => Some(*it),
        _ => None,
    };
    let first = &row[0];
    let extreme = |wanted: Ordering| {
        let mut best = first;
        for it in &row[1..] {
            if it.as_decimal()?.cmp(&best.as_decimal()?) == wanted {
                best = it;
            }
        }
        Some(best.clone())
    };
    Some(match function {
        Function::Abs => match first {
            Value::Whole(it) => Value::Whole(it.checked_abs()?),
            other => Value::Decimal(other.as_decimal()?.abs()),
        },
        Function::Round => match (first, &row[1]) {
            (Value::Decimal(it), Value::Whole(n)) => {
                let scale = u8::try_from(*n).ok()?.min(it.scale);
                Value::Decimal(it.with_scale(scale)?)
            }
            (other, _) => other.clone(),
        },
        Function::Min => extreme(Ordering::Less)?,
        Function::Max => extreme(Ordering::Greater)?,
        Function::Year => Value::Whole(i64::from(date(first)?.year())),
        Function::Month => Value::Whole(i64::from(date(first)?.month())),
        Function::Day => Value::Whole(i64::from(date(first)?.day())),
        Function::Weekday => match first {
            Value::Date(it) => Value::text(calendar::WEEKDAYS[calendar::weekday(*it)]),
            _ => return None,
        },
        Function::Hour => Value::Whole(calendar::hour(time(first)?)),
        Function::Minute => Value::Whole(calendar::minute(time(first)?)),
        Function::DateOf => Value::Date(calendar::day_of_time(time(first)?)),
        Function::Length => match first {
            Value::Text(it) => Value::Whole(i64::try_from(it.chars().count()).ok()?),
            _ => return None,
        },
    })
}

fn in_group(group: &Group, row: &[Value]) -> Value {
    let Value::Text(country) = &row[0] else { return MISSING };
    let belongs =
        group.members.iter().filter(|it| it.country == **country).any(|it| match row.get(1) {
            Some(Value::Date(day)) => {
                it.from.is_none_or(|from| from <= *day) && it.to.is_none_or(|to| *day <= to)
            }
            _ => it.to.is_none(),
        });
    Value::Truth(belongs)
}
