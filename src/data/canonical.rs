//! Portions of files as canonical batches: what does not fit is counted, what cannot be judged left
//! out.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::UInt64Array;
use arrow::record_batch::RecordBatch;

use crate::data::Converted;
use crate::data::DataFile;
use crate::data::ROW_BITS;
use crate::data::Table;
use crate::data::Wanted;
use crate::data::cell::Fault;
use crate::data::columnar;
use crate::data::encoded::Memory;
use crate::data::repeats::settled;
use crate::data::scan;
use crate::data::tally;
use crate::data::tally::Batch;
use crate::data::tally::First;
use crate::data::text;
use crate::trouble::Trouble;

impl Table {
    /// A portion of a file as a canonical batch.
    ///
    /// Errors: columns that cannot be converted at all.
    pub fn canonical(
        &self,
        number: usize,
        raw: &scan::Raw,
        memory: &mut Memory,
    ) -> Result<RecordBatch, Trouble> {
        let file = &self.files[number];
        let (columns, ragged) = match &raw.rows {
            scan::RawRows::Text(records) => text::columns(file, self.fields_of(number), records),
            scan::RawRows::Columns(batch) => {
                let encoded = &self.encoded;
                let columns =
                    columnar::columns(file, self.fields_of(number), encoded, batch, memory)?;
                (columns, vec![false; batch.num_rows()])
            }
        };
        self.batch(number, raw, columns, &ragged)
    }

    /// How the columns of a file are read.
    pub fn fields_of(&self, number: usize) -> &[Wanted] {
        self.otherwise.get(&number).unwrap_or(&self.fields)
    }

    /// Where a row stands, and its key around.
    fn key_of(&self, keys: &[String], raw: &scan::Raw, file: &DataFile, row: usize) -> First {
        let fields = self.fields.iter().zip(self.arrow.fields());
        let of_key = fields.filter(|it| keys.contains(it.1.name()));
        let names: Vec<&str> = of_key.map(|it| it.0.name.as_str()).collect();
        self.cells_of(&names, raw, file, row)
    }

    /// Where a row stands, and what it has in some columns.
    fn cells_of(&self, names: &[&str], raw: &scan::Raw, file: &DataFile, row: usize) -> First {
        let fields = self.fields.iter().zip(&file.places);
        let wanted = fields.filter(|it| names.contains(&it.0.name.as_str()));
        let cells: Vec<First> =
            wanted.map(|(it, place)| raw.first(file, *place, row, it.personal)).collect();
        let values: Vec<&str> = cells.iter().filter_map(|it| it.value.as_deref()).collect();
        let masked = cells.iter().any(|it| it.masked);
        let value = (!masked).then(|| values.join(", "));
        First { line: raw.line(row), value, masked, expected: None }
    }

    /// Counts rows whose record around is nowhere.
    fn blame_orphans(
        &self,
        (file, raw): (&DataFile, &scan::Raw),
        keys: &[String],
        rows: &[usize],
        (tally, faulty): (&mut Batch, &mut [bool]),
    ) {
        let key = keys.join(", ");
        for row in rows {
            let place = raw.row_of_file(*row);
            let first = || self.key_of(keys, raw, file, *row);
            tally.blame(key.clone(), "no outer record of this key", place, first);
            faulty[*row] = true;
        }
    }

    /// Counts what does not fit and leaves out rows that are rejected. Ragged rows are rejected
    /// whole.
    fn batch(
        &self,
        number: usize,
        raw: &scan::Raw,
        columns: Vec<Converted>,
        ragged: &[bool],
    ) -> Result<RecordBatch, Trouble> {
        let file = &self.files[number];
        let rows = ragged.len();
        let mut tally = Batch::of(rows as u64);
        let mut rejected: Vec<bool> = ragged.to_vec();
        let mut faulty = rejected.clone();
        for (row, _) in rejected.iter().enumerate().filter(|it| *it.1) {
            let fields = |it| if it == 1 { "1 field".to_owned() } else { format!("{it} fields") };
            tally.blame(String::new(), "ragged row", raw.row_of_file(row), || First {
                line: raw.line(row),
                value: raw.width(row).map(fields),
                expected: Some(fields(file.header.len())),
                masked: false,
            });
        }
        let mut arrays = Vec::with_capacity(columns.len());
        let places = file.places.iter().copied();
        let fields = self.fields_of(number).iter().zip(places);
        for ((field, place), Converted { array, faults }) in fields.zip(columns) {
            let mut blame = |row: usize, reason: &'static str, expected: Option<String>| {
                if field.told {
                    tally.blame(field.name.clone(), reason, raw.row_of_file(row), || First {
                        expected: expected.or_else(|| Some(field.reading.expected())),
                        ..raw.first(file, place, row, field.personal)
                    });
                    faulty[row] = true;
                }
                rejected[row] |= field.needed;
            };
            let mut at_fault = vec![false; if field.needed { rows } else { 0 }];
            for (row, fault) in faults {
                blame(row, fault.reason(), fault.expected());
                if let Some(it) = at_fault.get_mut(row) {
                    *it = true;
                }
            }
            if field.needed && 0 < array.null_count() {
                for row in (0..rows).filter(|it| array.is_null(*it)) {
                    if !at_fault[row] && !ragged[row] {
                        blame(row, "missing", None);
                    }
                }
            }
            if let Some(known) = &field.known {
                let outside = tally::outside(known, &array);
                if 0 < outside {
                    *tally.outside.entry(field.name.clone()).or_default() += outside;
                }
            }
            arrays.push(array);
        }
        if let Some(outer) = &self.outer
            && let Some(headers) = outer.table.headers.get()
        {
            let orphans = headers.fill(&self.arrow, &outer.keys, &mut arrays)?;
            self.blame_orphans((file, raw), &outer.keys, &orphans, (&mut tally, &mut faulty));
        }
        if let Some(holder) = &self.repeats.holder {
            holder.apply(&self.columns, &mut arrays)?;
        }
        let told = self.fields.iter().zip(&file.places).filter(|it| it.0.told);
        let told: Vec<usize> = told.filter_map(|it| *it.1).collect();
        stray_quotes(file, raw, (ragged, &told), &mut faulty, &mut tally);
        let first = ((number as u64) << ROW_BITS) + raw.first;
        if let Some(settled) = self.repeats.settled() {
            // Rows that were sieved have gaps between them; elements of lists are counted.
            let nested = file.nest.is_some();
            let place =
                |row: usize| if nested { raw.first + row as u64 } else { raw.row_of_file(row) };
            let numbers: Vec<u64> =
                (0..rows).map(|row| ((number as u64) << ROW_BITS) + place(row)).collect();
            let left_out = settled.apply(&self.repeats, &mut arrays, &numbers)?;
            for (row, out) in left_out.into_iter().enumerate() {
                rejected[row] |= out;
                for (column, reason) in settled.faults(numbers[row]) {
                    let names: Vec<&str> = column.split(", ").collect();
                    let first = || self.cells_of(&names, raw, file, row);
                    tally.blame(column.clone(), reason, raw.row_of_file(row), first);
                    // Values that differ are missing and told; the row itself fits the schema.
                    faulty[row] |= *reason != settled::DIFFERS;
                }
            }
        }
        self.repeats.common.apply(&self.repeats.levels, &mut arrays)?;
        let (orphans, keys) = self.repeats.orphaned(&arrays)?;
        let keys: Vec<String> =
            keys.into_iter().map(|it| self.arrow.field(it).name().clone()).collect();
        self.blame_orphans((file, raw), &keys, &orphans, (&mut tally, &mut faulty));
        tally.faulty = faulty.iter().filter(|it| **it).count() as u64;
        tally.rejected = rejected.iter().filter(|it| **it).count() as u64;
        let some_rejected = 0 < tally.rejected;
        self.tally.add(&file.shown, tally);
        if let Some(base) = self.numbered {
            let start = (base << ROW_BITS) + first;
            let numbers = (0..rows as u64).map(|it| start + it);
            arrays.push(Arc::new(UInt64Array::from_iter_values(numbers)));
        }
        let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(rows));
        let broken = |_| Trouble::bug("a batch does not fit its own schema");
        let batch = RecordBatch::try_new_with_options(self.arrow.clone(), arrays, &options)
            .map_err(broken)?;
        if !some_rejected {
            return Ok(batch);
        }
        let keep: arrow::array::BooleanArray = rejected.iter().map(|it| Some(!it)).collect();
        arrow::compute::filter_record_batch(&batch, &keep).map_err(broken)
    }
}

/// Counts quotes that do not end, those aside in columns that tell of their cells themselves.
fn stray_quotes(
    file: &DataFile,
    raw: &scan::Raw,
    (ragged, told): (&[bool], &[usize]),
    faulty: &mut [bool],
    tally: &mut Batch,
) {
    let untold = |it: &(usize, usize)| !ragged[it.0] && !told.contains(&it.1);
    for (row, cell) in raw.stray_quotes().into_iter().filter(untold) {
        let fault = Fault::StrayQuote;
        let column = file.header.get(cell).cloned().unwrap_or_default();
        tally.blame(column, fault.reason(), raw.row_of_file(row), || First {
            line: raw.line(row),
            expected: fault.expected(),
            // Nobody reads the column: what it holds may be personal.
            ..First::default()
        });
        faulty[row] = true;
    }
}
