//! Cells as arrays again.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::Int64Array;
use arrow::array::TimestampMicrosecondArray;

use crate::plan::cell::MISSING;
use crate::plan::cell::Shape;
use crate::plan::past::cells::NONE;
use crate::schema::Type;

/// Of anything but texts: of those there is none.
pub fn array(shape: &Shape, cells: &[i128]) -> ArrayRef {
    let given = |it: &i128| (*it != NONE).then_some(*it);
    let long = |it: &i128| i64::try_from(*it).ok();
    match &shape.ty {
        Type::Truth => {
            let all = cells.iter().map(|it| given(it).map(|it| it == 1));
            Arc::new(all.collect::<BooleanArray>())
        }
        Type::Whole => Arc::new(cells.iter().map(long).collect::<Int64Array>()),
        Type::Number(_) => {
            let all = cells.iter().map(given).collect::<Decimal128Array>();
            Arc::new(all.with_data_type(shape.data_type()))
        }
        Type::Date => {
            Arc::new(cells.iter().map(|it| i32::try_from(*it).ok()).collect::<Date32Array>())
        }
        Type::DateTime => Arc::new(cells.iter().map(long).collect::<TimestampMicrosecondArray>()),
        Type::Duration
        | Type::Error
        | Type::Text(_)
        | Type::Code(_)
        | Type::Choice(_)
        | Type::Country
        | Type::Currency => shape.array(vec![MISSING; cells.len()]),
    }
}
