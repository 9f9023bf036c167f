//! Which facts may look at a row, as its cells tell.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;

use crate::data::Table;
use crate::data::sieve;
use crate::data::sieve::Sieve;
use crate::data::sieve::Wanted;
use crate::interpret::row;
use crate::interpret::why::past;
use crate::interpret::why::past::Clue;
use crate::ir::FactId;
use crate::ir::RuleSet;
use crate::run::one::reading::TOLD;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::value::Value;
use crate::value::text;

/// The facts that may look at a row: all the clues of a fact have to fit.
pub struct Told {
    places: Vec<Place>,
    facts: Vec<Own>,
    /// Whether what a row lacks may stand in another row of its declaration.
    lacking: bool,
}

struct Own {
    fact: FactId,
    record: RecordId,
    places: Vec<usize>,
    /// A column, and the first and the last day.
    days: Option<(usize, i32, i32)>,
}

/// What is said of a row, made anew for each.
#[derive(Default)]
pub struct Room {
    /// By place, once it was looked at.
    fits: Vec<Option<bool>>,
    /// Facts that may look at the row, and their records.
    pub facts: Vec<(FactId, RecordId)>,
}

impl Told {
    pub fn new(set: &RuleSet, table: &Table, facts: &[past::Told], lacking: bool) -> Told {
        let mut res = Told { places: Vec::new(), facts: Vec::new(), lacking };
        for it in facts {
            let mut places = Vec::new();
            for clue in &it.clues {
                let known = res.places.iter().position(|it| it.clue == *clue);
                places.push(known.unwrap_or(res.places.len()));
                if known.is_none() {
                    res.places.push(Place::of(set, table, clue.clone()));
                }
            }
            let days = it
                .days
                .and_then(|(field, first, last)| Some((column(set, table, field)?, first, last)));
            res.facts.push(Own { fact: it.fact, record: it.record, places, days });
        }
        res
    }

    /// Whether any may; which, is said in the room.
    pub fn may(&self, batch: &RecordBatch, at: usize, room: &mut Room) -> bool {
        room.fits.clear();
        room.fits.resize(self.places.len(), None);
        room.facts.clear();
        for own in &self.facts {
            let mut fits = |place: &usize| {
                *room.fits[*place]
                    .get_or_insert_with(|| self.places[*place].fits(batch, at, self.lacking))
            };
            if own.places.iter().all(&mut fits) && self.in_days(own, batch, at) {
                room.facts.push((own.fact, own.record));
            }
        }
        !room.facts.is_empty()
    }

    fn in_days(&self, own: &Own, batch: &RecordBatch, at: usize) -> bool {
        let Some((column, first, last)) = own.days else { return true };
        let Some(days) = batch.column(column).as_primitive_opt::<Date32Type>() else { return true };
        match days.is_valid(at) {
            true => (first..=last).contains(&days.value(at)),
            false => self.lacking,
        }
    }
}

fn column(set: &RuleSet, table: &Table, field: FieldId) -> Option<usize> {
    table.arrow.index_of(&row::column_name(&set.schema, field)).ok()
}

/// A clue, and the column where it is to be looked for.
struct Place {
    column: Option<usize>,
    clue: Clue,
}

impl Place {
    fn of(set: &RuleSet, table: &Table, clue: Clue) -> Place {
        Place { column: column(set, table, clue.field), clue }
    }

    fn fits(&self, batch: &RecordBatch, at: usize, lacking: bool) -> bool {
        let Some(column) = self.column.map(|it| batch.column(it)) else { return true };
        if column.is_null(at) {
            return lacking;
        }
        if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
            return self.clue.texts.contains(&numbers.value(at).to_string());
        }
        let Some(texts) = column.as_string_opt::<i32>() else { return true };
        let text = texts.value(at);
        match self.clue.digits {
            Some(digits) => {
                let end = text.len().min(digits as usize);
                text.get(..end).is_none_or(|it| self.clue.texts.contains(it))
            }
            None if self.clue.form == text::Form::Exact => self.clue.texts.contains(text),
            None => self.clue.texts.contains(&*text::formed(text, self.clue.form)),
        }
    }
}

/// The clue that tells the most rows from others, by what usually stands in such fields.
pub fn best<'a>(set: &RuleSet, clues: &'a [Clue]) -> Option<&'a Clue> {
    let rank = |it: &&Clue| match (&set.schema.field(it.field).ty, it.digits) {
        (Type::Country | Type::Currency | Type::Choice(_), _) => 4,
        (_, Some(digits)) if digits <= 2 => 3,
        (Type::Whole, _) => 2,
        (_, Some(_)) => 1,
        (_, None) => 0,
    };
    clues.iter().min_by_key(rank)
}

/// What rows have that a clue points at.
pub fn wanted(clue: &Clue) -> Wanted {
    Wanted::of(clue.field, clue.digits.is_some(), clue.texts.iter().map(String::as_str))
}

/// The table, of which only rows with such keys are read, where those can be told.
pub fn of_keys<'a>(
    table: &Table,
    key: &[FieldId],
    keys: impl ExactSizeIterator<Item = &'a Vec<Value>>,
) -> Arc<Table> {
    if TOLD < keys.len() {
        return Arc::new(table.again());
    }
    let telling: Vec<usize> = (0..key.len()).filter(|it| Sieve::tells(table, key[*it])).collect();
    let mut prints = Wanted::none();
    for it in keys {
        let texts: Vec<String> = telling.iter().map(|at| it[*at].to_string()).collect();
        prints.extend(sieve::print(texts.iter().map(String::as_str)));
    }
    let fields = telling.iter().map(|it| key[*it]).collect();
    let wanted = Wanted::keys(fields, prints);
    sieved(table, &wanted).unwrap_or_else(|| Arc::new(table.again()))
}

/// The table, of which only rows with these keys are read, and of records around likewise.
pub fn sieved(table: &Table, wanted: &Wanted) -> Option<Arc<Table>> {
    if wanted.fields.is_empty() {
        return None;
    }
    let sieve = |it: &Table| Sieve::of(it, std::iter::once(wanted));
    sieve(table)?;
    Some(Arc::new(table.sieved_around(&sieve)))
}

/// For rows of declarations, by the fields of their keys. Where an identifier may be parted in
/// several ways, by the first one: identifiers begin with it.
pub fn of_ids(
    set: &RuleSet,
    outermost: RecordId,
    table: &Table,
    wanted: &BTreeSet<String>,
) -> Option<Sieve> {
    let fields = set.schema.key_fields(outermost);
    let parts: Vec<Vec<&str>> = wanted.iter().map(|it| it.split('/').collect()).collect();
    if 1 < fields.len() && parts.iter().all(|it| it.len() == fields.len()) {
        let telling: Vec<usize> =
            (0..fields.len()).filter(|it| Sieve::tells(table, fields[*it])).collect();
        let texts = |it: &Vec<&str>| sieve::print(telling.iter().map(|at| it[*at]));
        let mut prints = Wanted::none();
        prints.extend(parts.iter().filter_map(texts));
        let fields: Vec<FieldId> = telling.iter().map(|it| fields[*it]).collect();
        let wanted = Wanted::keys(fields, prints);
        return Sieve::of(table, std::iter::once(&wanted)).filter(|_| !telling.is_empty());
    }
    let ends = |id: &str| -> Vec<usize> {
        id.match_indices('/').map(|it| it.0).chain([id.len()]).collect()
    };
    let texts = wanted.iter().flat_map(|id| ends(id).into_iter().map(|end| &id[..end]));
    let wanted = Wanted::of(*fields.first()?, false, texts);
    Sieve::of(table, std::iter::once(&wanted))
}
