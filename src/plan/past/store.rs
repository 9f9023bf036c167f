//! What was found, looked up by the number of the row.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::array::UInt8Array;
use arrow::array::UInt64Array;
use arrow::datatypes::DataType;
use arrow::datatypes::UInt64Type;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr as df;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::ScalarFunctionArgs;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::ScalarUDFImpl;
use datafusion::logical_expr::Signature;
use datafusion::logical_expr::Volatility;

use crate::data::ROW;
use crate::data::ROW_BITS;
use crate::ir::FactId;
use crate::plan;
use crate::plan::cell::MISSING;
use crate::plan::cell::Shape;
use crate::plan::past::frame::Cells;
use crate::plan::past::frame::NONE;
use crate::plan::past::pair;
use crate::value::Reason;
use crate::value::Value;

/// The facts of the judged rows of a level.
#[derive(Debug, Default)]
pub struct Store {
    /// Place among the judged rows, by file and row.
    places: BTreeMap<u64, Vec<u32>>,
    facts: BTreeMap<FactId, Known>,
    pub words: Arc<[Arc<str>]>,
}

#[derive(Debug)]
struct Known {
    shape: Shape,
    cells: Cells,
    reasons: Vec<u8>,
}

impl Store {
    pub fn new(rows: &[u64]) -> Store {
        let mut places: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        let mut last: Option<(u64, &mut Vec<u32>)> = None;
        let mask = (1_u64 << ROW_BITS) - 1;
        let mut files: BTreeMap<u64, u64> = BTreeMap::new();
        for part in rows.chunk_by(|a, b| a >> ROW_BITS == b >> ROW_BITS) {
            let most = part.iter().map(|it| it & mask).max().unwrap_or(0);
            let known = files.entry(part[0] >> ROW_BITS).or_default();
            *known = most.max(*known);
        }
        for (file, most) in files {
            let length = usize::try_from(most).unwrap_or(0) + 1;
            places.insert(file, vec![u32::MAX; length]);
        }
        for (place, row) in rows.iter().enumerate() {
            let file = row >> ROW_BITS;
            if last.as_ref().is_none_or(|it| it.0 != file) {
                last = places.get_mut(&file).map(|it| (file, it));
            }
            if let Some((_, own)) = &mut last {
                let at = usize::try_from(row & mask).unwrap_or(0);
                own[at] = u32::try_from(place).unwrap_or(u32::MAX);
            }
        }
        Store { places, facts: BTreeMap::new(), words: Arc::from(Vec::new()) }
    }

    /// `order` are the judged rows that the cells are of; others have no value.
    pub fn know(
        &mut self,
        id: FactId,
        shape: Shape,
        rows: usize,
        order: &[u32],
        (cells, reasons): (Cells, Vec<u8>),
    ) {
        let mut all = vec![Reason::NotGiven.number(); rows];
        for (place, reason) in order.iter().zip(reasons) {
            all[*place as usize] = reason;
        }
        let place = |it: &u32| *it as usize;
        let cells = match cells {
            Cells::Narrow(it) => {
                let mut all = vec![i32::MIN; rows];
                order.iter().map(place).zip(it).for_each(|(at, it)| all[at] = it);
                Cells::Narrow(all)
            }
            Cells::Long(it) => {
                let mut all = vec![i64::MIN; rows];
                order.iter().map(place).zip(it).for_each(|(at, it)| all[at] = it);
                Cells::Long(all)
            }
            Cells::Wide(it) => {
                let mut all = vec![NONE; rows];
                order.iter().map(place).zip(it).for_each(|(at, it)| all[at] = it);
                Cells::Wide(all)
            }
        };
        self.facts.insert(id, Known { shape, cells, reasons: all });
    }

    fn place(&self, row: u64) -> Option<usize> {
        let at = usize::try_from(row & ((1 << ROW_BITS) - 1)).ok()?;
        let place = *self.places.get(&(row >> ROW_BITS))?.get(at)?;
        (place != u32::MAX).then_some(place as usize)
    }

    /// The columns of every fact, for a plan that has [`ROW`].
    pub fn columns(self: &Arc<Store>) -> Vec<df::Expr> {
        let mut all = Vec::new();
        for (id, known) in &self.facts {
            let look = |reason: bool| {
                let it = Look {
                    store: self.clone(),
                    id: *id,
                    reason,
                    name: format!("past_{}_{reason}", id.0),
                    signature: Signature::exact(vec![DataType::UInt64], Volatility::Immutable),
                    result: if reason { DataType::UInt8 } else { known.shape.data_type() },
                };
                ScalarUDF::new_from_impl(it).call(vec![plan::column(ROW)])
            };
            all.push(look(false).alias(id.value_column()));
            all.push(look(true).alias(id.reason_column()));
        }
        all
    }
}

/// Finds a fact of a row.
#[derive(Debug)]
struct Look {
    store: Arc<Store>,
    id: FactId,
    reason: bool,
    name: String,
    signature: Signature,
    result: DataType,
}

impl PartialEq for Look {
    fn eq(&self, other: &Look) -> bool {
        Arc::ptr_eq(&self.store, &other.store) && self.id == other.id && self.reason == other.reason
    }
}

impl Eq for Look {}

impl Hash for Look {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Look {
    fn value(&self, known: &Known, row: Option<u64>) -> Value {
        let Some(at) = row.and_then(|it| self.store.place(it)) else { return MISSING };
        pair::value(known.cells.get(at), &known.shape.ty, &self.store.words)
    }
}

impl ScalarUDFImpl for Look {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(known) = self.store.facts.get(&self.id) else {
            return internal_err!("a fact was not gathered");
        };
        let rows: &UInt64Array = arrays[0].as_primitive::<UInt64Type>();
        if self.reason {
            let reason = |row: Option<u64>| {
                let at = row.and_then(|it| self.store.place(it));
                at.map_or(Reason::NotGiven.number(), |at| known.reasons[at])
            };
            let all = UInt8Array::from_iter_values(rows.iter().map(reason));
            return Ok(ColumnarValue::Array(Arc::new(all)));
        }
        let values = rows.iter().map(|row| self.value(known, row)).collect();
        Ok(ColumnarValue::Array(known.shape.array(values)))
    }
}
