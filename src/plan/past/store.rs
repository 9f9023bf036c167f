//! What was found, looked up by the number of the row.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::hash::Hasher;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringArray;
use arrow::array::UInt8Array;
use arrow::datatypes::DataType;
use arrow::datatypes::UInt64Type;
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
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
use crate::plan::cell::Shape;
use crate::plan::past::answers::Answers;
use crate::plan::past::array;
use crate::plan::past::cells::Cells;
use crate::plan::past::cells::NONE;
use crate::plan::past::frame::Words;
use crate::plan::past::scattered::Scattered;
use crate::trouble::Trouble;

/// The facts of the judged rows of a level.
#[derive(Debug, Default)]
pub struct Store {
    facts: BTreeMap<FactId, Known>,
    /// Facts of the same meaning in other words: they are found once.
    same: Vec<(FactId, FactId)>,
    words: Words,
}

#[derive(Debug)]
struct Known {
    shape: Shape,
    /// By the number of the file.
    files: Vec<Answers>,
    /// While it is found for some rows after others.
    scattered: Option<Scattered>,
}

/// The judged rows that answers are for.
pub struct Judged<'a> {
    /// Places among the gathered rows, in the order of the answers.
    pub order: &'a [u32],
    /// The number of each gathered row; without them, its place is its number.
    pub rows: Option<&'a [u64]>,
    /// How far the rows of each file reach.
    pub lengths: &'a [usize],
}

const IN_FILE: u64 = (1 << ROW_BITS) - 1;

fn file(row: u64) -> usize {
    usize::try_from(row >> ROW_BITS).unwrap_or(usize::MAX)
}

/// For each file, one more than the largest number of these rows.
pub fn lengths(rows: &[u64]) -> Vec<usize> {
    let mut all = Vec::new();
    for row in rows {
        let file = file(*row);
        if all.len() <= file {
            all.resize(file + 1, 0);
        }
        all[file] = all[file].max(in_file(*row) + 1);
    }
    all
}

fn in_file(row: u64) -> usize {
    usize::try_from(row & IN_FILE).unwrap_or(usize::MAX)
}

impl Store {
    /// A fact that may have answers or none.
    pub fn expect(&mut self, id: FactId, shape: Shape) {
        self.facts.entry(id).or_insert_with(|| Known { shape, files: Vec::new(), scattered: None });
    }

    /// A fact that has the answers of another one.
    pub fn expect_as(&mut self, id: FactId, known: FactId) {
        self.same.push((id, known));
    }

    /// Rows without an answer have no value. Texts are numbers of `words`.
    ///
    /// Errors: a disk that refuses, where answers are put away.
    pub fn know(
        &mut self,
        id: FactId,
        judged: &Judged,
        found: (Cells, Vec<u8>),
        words: &Words,
    ) -> Result<(), Trouble> {
        let Some(known) = self.facts.get_mut(&id) else { return Ok(()) };
        let (mut cells, reasons) = found;
        if known.shape.ty.is_textual() {
            let mut own = Cells::Narrow(Vec::new());
            for at in 0..cells.len() {
                let word = usize::try_from(cells.get(at)).ok().and_then(|it| words.all.get(it));
                own.push(word.map_or(NONE, |it| i128::from(self.words.number(it))));
            }
            cells = own;
        }
        if let (Some(scattered), Some(rows)) = (&mut known.scattered, judged.rows) {
            let rows = judged.order.iter().map(|it| rows[*it as usize]);
            return scattered.add(rows.map(|it| (file(it), in_file(it))), &cells, &reasons);
        }
        known.take(judged, cells, reasons);
        Ok(())
    }

    /// From here on what is found of these facts is put on disk, until [`Store::settle`].
    ///
    /// Errors: a folder that cannot be written to.
    pub fn put_away(&mut self, facts: &[FactId], folder: &Path) -> Result<(), Trouble> {
        for it in facts {
            if let Some(known) = self.facts.get_mut(it) {
                known.scattered = Some(Scattered::create(folder)?);
            }
        }
        Ok(())
    }

    /// What was found of these facts can be looked up.
    ///
    /// Errors: a disk that refuses.
    pub fn settle(&mut self, facts: &[FactId]) -> Result<(), Trouble> {
        for it in facts {
            if let Some(known) = self.facts.get_mut(it)
                && let Some(scattered) = known.scattered.take()
            {
                known.files = scattered.settle()?;
            }
        }
        Ok(())
    }

    /// The columns of every fact, for a plan that has [`ROW`].
    pub fn columns(self: &Arc<Store>) -> Vec<df::Expr> {
        let mut all = Vec::new();
        let own = self.facts.keys().map(|it| (*it, *it));
        for (id, found) in own.chain(self.same.iter().copied()) {
            let Some(known) = self.facts.get(&found) else { continue };
            let look = |reason: bool| {
                let it = Look {
                    store: self.clone(),
                    id: found,
                    reason,
                    name: format!("past_{}_{reason}", found.0),
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

impl Known {
    fn take(&mut self, judged: &Judged, cells: Cells, reasons: Vec<u8>) {
        if self.files.len() < judged.lengths.len() {
            self.files.resize_with(judged.lengths.len(), Answers::default);
        }
        for (answers, length) in self.files.iter_mut().zip(judged.lengths) {
            answers.reach(*length, &cells);
        }
        let Some(rows) = judged.rows else {
            let Some(answers) = self.files.first_mut() else { return };
            return answers.put(judged.order.iter().map(|it| *it as usize), cells, reasons);
        };
        let number = |place: &u32| rows[*place as usize];
        if let [answers] = self.files.as_mut_slice() {
            return answers.put(judged.order.iter().map(|it| in_file(number(it))), cells, reasons);
        }
        for (at, row) in judged.order.iter().map(number).enumerate() {
            self.files[file(row)].set(in_file(row), cells.get(at), reasons[at]);
        }
    }

    /// For each stretch of rows of one file that lie close together: those of it, and where in
    /// it each row is.
    fn each(
        rows: &[u64],
        mut stretch: impl FnMut(usize, Range<usize>) -> Result<(), Trouble>,
        mut row: impl FnMut(usize),
    ) -> Result<(), Trouble> {
        let mut offset = 0;
        for part in rows.chunk_by(|a, b| a >> ROW_BITS == b >> ROW_BITS) {
            let (mut first, mut last) = (usize::MAX, 0);
            for it in part {
                first = first.min(in_file(*it));
                last = last.max(in_file(*it));
            }
            let file = file(part[0]);
            if last - first < SPREAD * part.len() {
                stretch(file, first..last + 1)?;
                part.iter().for_each(|it| row(offset + in_file(*it) - first));
                offset += last + 1 - first;
                continue;
            }
            for it in part {
                let at = in_file(*it);
                stretch(file, at..at + 1)?;
                row(offset);
                offset += 1;
            }
        }
        Ok(())
    }

    fn cells(&self, rows: &[u64]) -> Result<Vec<i128>, Trouble> {
        let (mut all, mut places) = (Vec::with_capacity(rows.len()), Vec::new());
        let stretch = |file: usize, range: Range<usize>| match self.files.get(file) {
            Some(it) => it.cells(range, &mut all),
            None => {
                all.resize(all.len() + range.len(), NONE);
                Ok(())
            }
        };
        Known::each(rows, stretch, |at| places.push(at))?;
        Ok(picked(all, &places))
    }

    fn reasons(&self, rows: &[u64]) -> Result<Vec<u8>, Trouble> {
        let (mut all, mut places) = (Vec::with_capacity(rows.len()), Vec::new());
        let stretch = |file: usize, range: Range<usize>| match self.files.get(file) {
            Some(it) => it.reasons(range, &mut all),
            None => Answers::default().reasons(range, &mut all),
        };
        Known::each(rows, stretch, |at| places.push(at))?;
        Ok(picked(all, &places))
    }
}

/// Rows that are spread wider than this are looked up one by one.
const SPREAD: usize = 4;

fn picked<T: Copy>(all: Vec<T>, places: &[usize]) -> Vec<T> {
    let in_order = all.len() == places.len() && places.iter().enumerate().all(|it| it.0 == *it.1);
    if in_order { all } else { places.iter().map(|it| all[*it]).collect() }
}

impl Look {
    fn array(&self, known: &Known, cells: &[i128]) -> ArrayRef {
        if !known.shape.ty.is_textual() {
            return array::array(&known.shape, cells);
        }
        let word = |it: &i128| {
            let word = usize::try_from(*it).ok()?;
            self.store.words.all.get(word).map(|it| &**it)
        };
        Arc::new(cells.iter().map(word).collect::<StringArray>())
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
        let rows = arrays[0].as_primitive::<UInt64Type>().values();
        let trouble = |it: Trouble| DataFusionError::External(Box::new(it));
        if self.reason {
            let all = UInt8Array::from(known.reasons(rows).map_err(trouble)?);
            return Ok(ColumnarValue::Array(Arc::new(all)));
        }
        let cells = known.cells(rows).map_err(trouble)?;
        Ok(ColumnarValue::Array(self.array(known, &cells)))
    }
}
