//! Cases of tests by DataFusion: their rows become files, and a run judges them as any others.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;

use crate::data::manifest::DataSet;
use crate::disk::temporary::TemporaryFolder;
use crate::hit::Outcome;
use crate::ir::RuleId;
use crate::plan::cell;
use crate::plan::cell::Shape as Cells;
use crate::run;
use crate::run::Engine;
use crate::run::Input;
use crate::run::Options;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::testing::judge::Got;
use crate::testing::rows::Stored;
use crate::testing::shape::CASE;
use crate::testing::shape::Shape;
use crate::trouble::Trouble;
use crate::value::Decimal;
use crate::value::Value;

/// What every rule says of every case; the rows of a case stand at its number.
///
/// Errors: what a run stops at.
pub fn got(
    shape: &Shape,
    cases: &[Vec<Stored>],
) -> Result<BTreeMap<(usize, RuleId), Got>, Trouble> {
    let folder = TemporaryFolder::within(&std::env::temp_dir()).map_err(|it| refused(&it))?;
    let schema = &shape.set.schema;
    let top = schema.lineage(shape.level).pop();
    let mut input = Input::default();
    let mut history = Input::default();
    for record in (0..schema.records.len()).map(RecordId) {
        let name = &schema.record(record).name;
        if schema.lineage(record).last() == top.as_ref() {
            let path = folder.path().join(format!("{}.arrow", record.0));
            write(shape, record, cases, false, &path)?;
            input.records.insert(name.clone(), of(shape, path));
        }
        let path = folder.path().join(format!("{}.past.arrow", record.0));
        write(shape, record, cases, true, &path)?;
        history.records.insert(name.clone(), of(shape, path));
    }
    let set = &shape.set;
    let mut rules = shape.rules.clone();
    rules.extend(shape.values.values());
    let opened = run::open(set, &rules, &input, Some(&history), true)?;
    let mut res: BTreeMap<(usize, RuleId), Got> = BTreeMap::new();
    for number in 0..cases.len() {
        res.extend(rules.iter().map(|it| ((number, *it), Got::none())));
    }
    let by_name: BTreeMap<&str, RuleId> =
        rules.iter().map(|it| (&*set.rules[it.0].id, *it)).collect();
    let mut receive = |batch: &RecordBatch| {
        (0..batch.num_rows()).for_each(|at| add(batch, at, &by_name, &mut res));
        Ok(())
    };
    let options = Options {
        threads: 1,
        batch_size: 8_192,
        memory_limit: None,
        spill: None,
        max_rejected: 0,
        engine: Engine::DataFusion,
        optimise: true,
        shares: None,
        pace: Arc::default(),
    };
    opened.run(set, Some(&mut receive), &options)?;
    Ok(res)
}

fn refused(error: &std::io::Error) -> Trouble {
    let reason = crate::disk::reason(error);
    Trouble::resource(format!("the rows of tests cannot be written: {reason}"))
}

/// Percentages are ratios in these files.
fn of(shape: &Shape, path: std::path::PathBuf) -> Input {
    let fields = shape.set.schema.records.iter().flat_map(|it| &it.fields);
    let percent = fields.filter(|it| match &it.ty {
        Type::Number(number) => number.percent,
        _ => false,
    });
    let ratios = percent.map(|it| it.name.clone()).collect();
    Input { set: DataSet { ratios, ..DataSet::default() }, ..Input::of(&[path]) }
}

fn write(
    shape: &Shape,
    record: RecordId,
    cases: &[Vec<Stored>],
    past: bool,
    path: &Path,
) -> Result<(), Trouble> {
    let schema = &shape.set.schema;
    let own = (0..schema.record(record).fields.len()).map(|field| FieldId { record, field });
    let around = schema.lineage(record).into_iter().skip(1).flat_map(|record| {
        schema.record(record).key.iter().map(move |field| FieldId { record, field: *field })
    });
    let columns: Vec<FieldId> = own.chain(around).collect();
    let mut values: Vec<Vec<Value>> = vec![Vec::new(); columns.len()];
    for all in cases {
        for (at, row) in all.iter().enumerate() {
            if row.record != record || row.past != past {
                continue;
            }
            for (column, id) in values.iter_mut().zip(&columns) {
                column.push(value(all, at, *id));
            }
        }
    }
    let shapes: Vec<Cells> =
        columns.iter().map(|it| Cells::typed(schema.field(*it).ty.clone())).collect();
    let field = |(id, cells): (&FieldId, &Cells)| {
        Field::new(schema.field(*id).name.as_str(), cells.data_type(), true)
    };
    let fields: Vec<Field> = columns.iter().zip(&shapes).map(field).collect();
    let arrays = shapes.iter().zip(values).map(|(cells, all)| cells.array(all)).collect();
    let arrow = Arc::new(Schema::new(fields));
    let broken = |_| Trouble::bug("the rows of tests do not fit their schema");
    let batch = RecordBatch::try_new(arrow.clone(), arrays).map_err(broken)?;
    let file = File::create(path).map_err(|it| refused(&it))?;
    let mut writer = FileWriter::try_new(file, &arrow).map_err(broken)?;
    writer.write(&batch).and_then(|()| writer.finish()).map_err(broken)
}

/// A field of a row, or of one around it.
fn value(all: &[Stored], at: usize, id: FieldId) -> Value {
    let mut next = Some(at);
    while let Some(at) = next {
        if let Some(it) = all[at].values.get(&id) {
            return it.clone();
        }
        next = all[at].parent;
    }
    cell::MISSING
}

fn add(
    batch: &RecordBatch,
    at: usize,
    rules: &BTreeMap<&str, RuleId>,
    res: &mut BTreeMap<(usize, RuleId), Got>,
) {
    let text = |name: &str| {
        let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(at).then(|| column.value(at).to_owned())
    };
    let number = text(CASE).and_then(|it| it.parse().ok());
    let rule = text("rule").and_then(|it| rules.get(it.as_str()).copied());
    let Some(got) = number.zip(rule).and_then(|it| res.get_mut(&it)) else { return };
    let outcome = match text("outcome").as_deref() {
        Some("hit") => Outcome::Hit,
        _ => Outcome::Undecided,
    };
    let score = text("score").and_then(|it| Decimal::parse(&it));
    // What is said is compared whole; its parts are for those who expect one.
    let said = text("undecided_because").unwrap_or_default();
    got.add(outcome, score, std::slice::from_ref(&said));
    got.open.extend(said.split(", ").map(str::to_owned));
}
