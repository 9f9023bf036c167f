//! Kernels over whole columns, where no value needs a look at its kind.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Decimal128Array;
use arrow::buffer::NullBuffer;
use arrow::compute::is_not_null;
use arrow::compute::kernels::zip::zip;
use arrow::compute::not;
use arrow::compute::nullif;
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Int64Type;

use crate::ir::Arithmetic;
use crate::plan::kernel::Kernel;
use crate::plan::kernel::Op;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::decimal;

impl Kernel {
    /// Whole columns at once, where the values need no look at their kind.
    pub fn on_columns(&self, arrays: &[ArrayRef]) -> Option<ArrayRef> {
        match (&self.op, arrays) {
            (Op::Guard, [test, value]) => {
                let test = test.as_boolean_opt()?;
                let sure = match test.null_count() {
                    0 => test.clone(),
                    _ => prep_null_mask_filter(test),
                };
                nullif(value, &not(&sure).ok()?).ok()
            }
            (Op::OrElse, [first, second]) if first.data_type() == second.data_type() => {
                zip(&is_not_null(first).ok()?, first, second).ok()
            }
            (Op::Arithmetic(op), [left, right]) => self.numbers(*op, left, right),
            _ => None,
        }
    }

    fn numbers(&self, op: Arithmetic, left: &ArrayRef, right: &ArrayRef) -> Option<ArrayRef> {
        let Type::Number(result) = &self.result.ty else { return None };
        let scale = |at: usize| match &self.arguments.get(at)?.ty {
            Type::Number(it) => Some(it.scale),
            Type::Whole => Some(0),
            _ => None,
        };
        let (left_scale, right_scale) = (scale(0)?, scale(1)?);
        let (a, b) = (unscaled(left)?, unscaled(right)?);
        // `50 %` is 0.5 as well as 0.500000: fewer digits to multiply and to round away.
        let constant = match &a {
            Unscaled::Decimal([first, rest @ ..]) if rest.iter().all(|it| it == first) => {
                Some(Decimal::new(*first, left_scale).normalised())
            }
            _ => None,
        };
        let compute = |a: i128, b: i128| {
            let a = constant.unwrap_or(Decimal::new(a, left_scale));
            let b = Decimal::new(b, right_scale);
            let it = match op {
                Arithmetic::Add => decimal::add(a, b),
                Arithmetic::Subtract => decimal::subtract(a, b),
                Arithmetic::Multiply => decimal::multiply(a, b),
                Arithmetic::Divide if b.is_zero() => None,
                Arithmetic::Divide => decimal::divide(a, b),
            };
            it?.with_scale(result.scale).map(|it| it.unscaled)
        };
        let nulls = NullBuffer::union(left.nulls(), right.nulls());
        let given = |at: usize| nulls.as_ref().is_none_or(|it| it.is_valid(at));
        let rows = left.len().min(right.len());
        let mut valid = Vec::with_capacity(rows);
        let held: Vec<i128> = (0..rows)
            .map(|at| {
                let it = if given(at) { compute(a.at(at), b.at(at)) } else { None };
                valid.push(it.is_some());
                it.unwrap_or(0)
            })
            .collect();
        let held = Decimal128Array::new(held.into(), Some(NullBuffer::from(valid)));
        Some(Arc::new(held.with_data_type(self.result.data_type())))
    }
}

/// Whole numbers or unscaled decimals, null or not.
enum Unscaled<'a> {
    Whole(&'a [i64]),
    Decimal(&'a [i128]),
}

impl Unscaled<'_> {
    fn at(&self, row: usize) -> i128 {
        match self {
            Unscaled::Whole(it) => i128::from(it[row]),
            Unscaled::Decimal(it) => it[row],
        }
    }
}

fn unscaled(array: &ArrayRef) -> Option<Unscaled<'_>> {
    if let Some(it) = array.as_primitive_opt::<Decimal128Type>() {
        return Some(Unscaled::Decimal(it.values()));
    }
    array.as_primitive_opt::<Int64Type>().map(|it| Unscaled::Whole(it.values()))
}
