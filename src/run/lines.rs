//! What a run says, as lines: a batch of keys, rule, outcome and reasons, and the order of lines.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringArray;
use arrow::array::UInt32Array;
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::decide;
use crate::decide::Found;
use crate::hit::Outcome;
use crate::interpret::Row;
use crate::interpret::explain;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::schema::FieldId;
use crate::sort::Order;
use crate::trouble::Trouble;

/// The columns after the keys.
pub const COLUMNS: [&str; 7] =
    ["rule", "outcome", "score", "channel", "because", "evidence", "undecided_because"];

/// The place of the rule in the rule set: lines are ordered by it, no reader sees it.
const PLACE: &str = "tamis.place";

/// What an undecided rule would score; no reader sees it either.
const WOULD_SCORE: &str = "tamis.would_score";

/// The columns that no reader sees stand last.
const HIDDEN: usize = 2;

/// Nothing before something, small before large.
pub const ORDER: SortOptions = SortOptions { descending: false, nulls_first: true };

/// How lines are made for a rule set; they begin with these key fields.
#[derive(Debug, Clone)]
pub struct Lines {
    set: RuleSet,
    /// The keys of the declaration, then of the records inside it.
    keys: Vec<FieldId>,
    /// Then the place of the rule, and what it would score.
    schema: SchemaRef,
}

/// One line to be: row and rule.
pub struct Line<'a> {
    pub row: &'a Row,
    pub rule: RuleId,
}

impl Lines {
    pub fn new(set: &RuleSet, keys: &[FieldId]) -> Lines {
        let keys = keys.to_vec();
        let names = keys.iter().map(|it| set.schema.field(*it).name.as_str()).chain(COLUMNS);
        let text = |it| Field::new(it, DataType::Utf8, true);
        let mut fields: Vec<Field> = names.map(text).collect();
        fields.push(Field::new(PLACE, DataType::UInt32, false));
        fields.push(Field::new(WOULD_SCORE, DataType::Utf8, true));
        let schema = Arc::new(Schema::new(fields));
        Lines { set: set.clone(), keys, schema }
    }

    /// By key, then by rule; where rows share a key, by what is said of them.
    pub fn order(&self) -> Arc<Order> {
        let keys = self.keys.len();
        let place = keys + COLUMNS.len();
        let said =
            ["outcome", "because", "evidence", "undecided_because", "score", "channel"].iter();
        let said = said.filter_map(|name| COLUMNS.iter().position(|it| it == name));
        let ties = said.map(|it| keys + it).chain([place + 1]).collect();
        let columns = (0..keys).chain([place]).map(|it| (it, ORDER)).collect();
        Arc::new(Order::new(&self.schema, columns, ties))
    }

    /// Errors: none but a fault of ours.
    pub fn batch<'a>(&self, lines: impl Iterator<Item = Line<'a>>) -> Result<RecordBatch, Trouble> {
        let mut columns: Vec<Vec<Option<String>>> =
            vec![Vec::new(); self.keys.len() + COLUMNS.len()];
        let (mut places, mut would_score) = (Vec::new(), Vec::<Option<String>>::new());
        for Line { row, rule } in lines {
            let level = self.set.schema.lineage(self.set.rules[rule.0].level);
            let (keys, others) = columns.split_at_mut(self.keys.len());
            for (column, id) in keys.iter_mut().zip(&self.keys) {
                let seen = level.contains(&id.record);
                column.push(if seen { explain::plain_text(&row.get(*id)) } else { None });
            }
            let Some(found) = decide::finding(&self.set, rule, Vec::new(), row) else {
                return Err(Trouble::bug("a line for a row that is no hit"));
            };
            let score = found.score.filter(|_| found.outcome == Outcome::Undecided);
            would_score.push(score.map(|it| it.to_string()));
            let values = self.values(found);
            for (column, value) in others.iter_mut().zip(values) {
                column.push(value);
            }
            places.push(u32::try_from(rule.0).unwrap_or(u32::MAX));
        }
        let mut arrays: Vec<ArrayRef> =
            columns.into_iter().map(|it| Arc::new(StringArray::from(it)) as ArrayRef).collect();
        arrays.push(Arc::new(UInt32Array::from(places)));
        arrays.push(Arc::new(StringArray::from(would_score)));
        RecordBatch::try_new(self.schema.clone(), arrays)
            .map_err(|_| Trouble::bug("lines do not fit their own schema"))
    }

    fn values(&self, found: Found) -> [Option<String>; 7] {
        let rule = &self.set.rules[found.rule.0];
        let given = |it: String| if it.is_empty() { None } else { Some(it) };
        // What is not known to hit scores nothing and goes nowhere.
        let hit = found.outcome == Outcome::Hit;
        let score = found.score.filter(|_| hit);
        [
            Some(rule.id.to_string()),
            Some(found.outcome.words().to_owned()),
            score.map(|it| it.to_string()),
            rule.channel.clone().filter(|_| hit),
            given(found.because),
            given(found.evidence),
            given(found.open),
        ]
    }
}

/// The columns that a reader sees.
///
/// Errors: none but a fault of ours.
pub fn seen(batch: &RecordBatch) -> Result<RecordBatch, Trouble> {
    let columns: Vec<usize> = (0..batch.num_columns().saturating_sub(HIDDEN)).collect();
    batch.project(&columns).map_err(|_| Trouble::bug("lines have no columns"))
}

/// The schema of [`seen`] batches.
pub fn seen_schema(lines: &Lines) -> SchemaRef {
    let fields = lines.schema.fields();
    Arc::new(Schema::new(fields[..fields.len().saturating_sub(HIDDEN)].to_vec()))
}
