//! What a case gives, as rows: the same for both engines.

use std::collections::BTreeMap;

use crate::interpret::Row;
use crate::interpret::history::World;
use crate::ir::RuleSet;
use crate::ir::cases::Case;
use crate::ir::cases::Place;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::testing::shape::Shape;
use crate::value::Decimal;
use crate::value::Reason;
use crate::value::Value;
use crate::value::calendar;

/// A row of one record; what is around it stands in rows of its own.
#[derive(Debug, Clone)]
pub struct Stored {
    pub record: RecordId,
    pub past: bool,
    /// Of the row around it, among the rows of the case.
    pub parent: Option<usize>,
    pub values: BTreeMap<FieldId, Value>,
}

/// The rows of a case, those around others first. `number` is the case's.
pub fn stored(shape: &Shape, case: &Case, number: usize) -> Vec<Stored> {
    let schema = &shape.set.schema;
    let mut all: Vec<Stored> = Vec::new();
    for row in &case.rows {
        let mut values = row.values.clone();
        for (name, (_, value)) in &row.derived {
            if let Some(id) = shape.derived.get(&(row.record, name.clone())) {
                values.insert(*id, value.clone());
            }
        }
        all.push(Stored { record: row.record, past: false, parent: row.parent, values });
        complete(schema, &mut all, &row.number.to_string(), i64::from(row.number));
    }
    let mut around: BTreeMap<(RecordId, Vec<(FieldId, Value)>), usize> = BTreeMap::new();
    for (at, row) in case.past.iter().enumerate() {
        let mut lineage = schema.lineage(row.record);
        lineage.reverse();
        let mut parent = None;
        let mut keys: Vec<(FieldId, Value)> = Vec::new();
        for record in lineage {
            let mut values: BTreeMap<FieldId, Value> = row
                .values
                .iter()
                .filter(|it| it.0.record == record)
                .map(|it| (*it.0, it.1.clone()))
                .collect();
            let own: Vec<FieldId> = key_fields(schema, record);
            keys.extend(own.iter().filter_map(|it| Some((*it, values.get(it)?.clone()))));
            let named = own.iter().any(|it| values.contains_key(it));
            let known = around.get(&(record, keys.clone())).copied().filter(|_| named);
            if let Some(known) = known.filter(|_| record != row.record) {
                parent = Some(known);
                continue;
            }
            for (name, (_, value)) in &row.derived {
                if let Some(id) = shape.derived.get(&(record, name.clone())) {
                    values.insert(*id, value.clone());
                }
            }
            all.push(Stored { record, past: true, parent, values });
            complete(schema, &mut all, &format!("past {}", at + 1), 1_000_000 + at as i64);
            around.insert((record, keys.clone()), all.len() - 1);
            parent = Some(all.len() - 1);
        }
    }
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    for it in all.iter_mut().filter(|it| it.parent.is_none()) {
        it.values.insert(shape.case[&it.record], Value::Whole(number));
    }
    instead(shape, case, &mut all);
    all
}

fn key_fields(schema: &Schema, record: RecordId) -> Vec<FieldId> {
    let own = &schema.record(record).key;
    own.iter().map(|field| FieldId { record, field: *field }).collect()
}

/// Gives the last row the keys that the test leaves out.
fn complete(schema: &Schema, all: &mut [Stored], text: &str, number: i64) {
    let Some(row) = all.last_mut() else { return };
    for id in key_fields(schema, row.record) {
        let value = match &schema.field(id).ty {
            Type::Whole => Value::Whole(number),
            Type::Number(it) => {
                Value::decimal(Decimal::new(i128::from(number), 0).with_scale(it.scale))
            }
            Type::Text(_) | Type::Code(_) => Value::text(text),
            Type::Truth
            | Type::Date
            | Type::DateTime
            | Type::Duration
            | Type::Choice(_)
            | Type::Country
            | Type::Currency
            | Type::Error => Value::Missing(Reason::NotGiven),
        };
        row.values.entry(id).or_insert(value);
    }
}

/// What is given in the place of statistics and relations, at the outermost judged rows.
fn instead(shape: &Shape, case: &Case, all: &mut [Stored]) {
    let date = shape.set.schema.acceptance(shape.level);
    let accepted = date.and_then(|id| all.iter().find_map(|it| it.values.get(&id).cloned()));
    for (place, id) in &shape.instead {
        let Some((_, value)) = case.instead.get(place) else { continue };
        let value = match (place, value, &accepted) {
            (Place::KnownFor(..), Value::Duration(length), Some(Value::Date(day))) => {
                let back = calendar::negated(*length);
                let since = back.and_then(|it| calendar::add_to_date(*day, it));
                since.map_or(Value::Missing(Reason::OutOfRange), Value::Date)
            }
            (Place::KnownFor(..), _, _) => Value::Missing(Reason::NotGiven),
            (Place::Profile(_) | Place::Relation(_), value, _) => value.clone(),
        };
        for row in all.iter_mut().filter(|it| it.record == id.record && !it.past) {
            row.values.insert(*id, value.clone());
        }
    }
}

/// A row with what is around it.
pub fn whole(all: &[Stored], at: usize) -> Row {
    let mut row = Row::default();
    let mut next = Some(at);
    while let Some(at) = next {
        for (id, value) in &all[at].values {
            row.set(*id, value.clone());
        }
        next = all[at].parent;
    }
    row
}

/// Every row of a case, for its facts.
pub fn world(all: &[Stored]) -> World {
    let mut world = World::default();
    for (at, it) in all.iter().enumerate() {
        world.rows.entry(it.record).or_default().push(whole(all, at));
    }
    world
}

/// The rows that are judged, with the facts of these rules.
pub fn judged(
    set: &RuleSet,
    level: RecordId,
    rules: &[crate::ir::RuleId],
    all: &[Stored],
) -> Vec<Row> {
    let world = world(all);
    let facts = set.facts_of(rules, true);
    let mut res = Vec::new();
    for (at, _) in all.iter().enumerate().filter(|it| it.1.record == level && !it.1.past) {
        let mut row = whole(all, at);
        for id in &facts {
            let value = crate::interpret::history::fact(set, &world, *id, &row);
            row.know(*id, value);
        }
        res.push(row);
    }
    res
}
