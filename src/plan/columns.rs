//! Kernels over whole columns, where no value needs a look at its kind.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Decimal128Array;
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
        let [left, right] = [(0, left), (1, right)].map(|(at, array)| {
            let scale = match &self.arguments.get(at)?.ty {
                Type::Number(it) => it.scale,
                Type::Whole => 0,
                _ => return None,
            };
            Some((numbers_of(array)?, scale))
        });
        let ((left, left_scale), (right, right_scale)) = (left?, right?);
        let compute = |(a, b): (Option<i128>, Option<i128>)| {
            let (a, b) = (Decimal::new(a?, left_scale), Decimal::new(b?, right_scale));
            let it = match op {
                Arithmetic::Add => decimal::add(a, b),
                Arithmetic::Subtract => decimal::subtract(a, b),
                Arithmetic::Multiply => decimal::multiply(a, b),
                Arithmetic::Divide if b.is_zero() => None,
                Arithmetic::Divide => decimal::divide(a, b),
            };
            it?.with_scale(result.scale).map(|it| it.unscaled)
        };
        let held: Decimal128Array = left.into_iter().zip(right).map(compute).collect();
        Some(Arc::new(held.with_data_type(self.result.data_type())))
    }
}

/// Whole numbers and unscaled decimals.
fn numbers_of(array: &ArrayRef) -> Option<Vec<Option<i128>>> {
    if let Some(it) = array.as_primitive_opt::<Decimal128Type>() {
        return Some(it.iter().collect());
    }
    let whole = array.as_primitive_opt::<Int64Type>()?;
    Some(whole.iter().map(|it| it.map(i128::from)).collect())
}
