//! What a declaration looks like: records, fields, types, nomenclatures, choices and groups.
//!
//! A schema is read from `schema.tamis` by `ir::schema`; this is what it becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::value::text::Form;
use crate::value::unit::Base;
use crate::value::unit::Dimension;

/// The type of a field or an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Of something reported already: fits everywhere and is not mentioned again.
    Error,
    Truth,
    /// Int64, checked.
    Whole,
    /// Decimal128(38, scale) in base units.
    Number(Number),
    Date,
    DateTime,
    /// Days, time or months.
    Duration,
    Text(Form),
    /// Digits and letters of the nomenclature of this name.
    Code(Arc<str>),
    Choice(Arc<Choice>),
    /// ISO 3166-1 alpha-2.
    Country,
    /// ISO 4217.
    Currency,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    pub scale: u8,
    pub dimension: Dimension,
    /// Written with `%`; the value is the ratio.
    pub percent: bool,
}

pub const SCALE_MONEY: u8 = 4;
pub const SCALE_QUANTITY: u8 = 6;
pub const SCALE_PERCENT: u8 = 6;

impl Number {
    pub fn pure(scale: u8) -> Number {
        Number { scale, dimension: Dimension::default(), percent: false }
    }

    pub fn percent() -> Number {
        Number { scale: SCALE_PERCENT, dimension: Dimension::default(), percent: true }
    }

    /// With the scale in which fields and literals of this dimension are held.
    pub fn of(dimension: Dimension) -> Number {
        let scale = match dimension.single() {
            Some(Base::Currency(_)) => SCALE_MONEY,
            Some(_) => SCALE_QUANTITY,
            None if matches!(dimension.0.as_slice(), [(Base::Length, 2)]) => SCALE_QUANTITY,
            None => crate::value::decimal::SCALE_MAX,
        };
        Number { scale, dimension, percent: false }
    }
}

impl Type {
    /// In the author's words: `mass in kg`, `code of HS`, `text`.
    pub fn words(&self) -> String {
        match self {
            Type::Error => "something unknown".to_owned(),
            Type::Truth => "a condition".to_owned(),
            Type::Whole => "a whole number".to_owned(),
            Type::Number(it) if it.percent => "a percentage".to_owned(),
            Type::Number(it) => it.dimension.words(),
            Type::Date => "a date".to_owned(),
            Type::DateTime => "a date-time".to_owned(),
            Type::Duration => "a duration".to_owned(),
            Type::Text(Form::Name) => "a name".to_owned(),
            Type::Text(_) => "text".to_owned(),
            Type::Code(nomenclature) => format!("a code of {nomenclature}"),
            Type::Choice(choice) => format!("a choice of {}", choice.name),
            Type::Country => "a country".to_owned(),
            Type::Currency => "a currency".to_owned(),
        }
    }

    /// Whether it is held as text.
    pub fn is_textual(&self) -> bool {
        matches!(
            self,
            Type::Text(_) | Type::Code(_) | Type::Choice(_) | Type::Country | Type::Currency
        )
    }

    pub fn is_numeric(&self) -> bool {
        matches!(self, Type::Whole | Type::Number(_))
    }

    /// How values of it compare when they are text.
    pub fn form(&self) -> Form {
        match self {
            Type::Text(form) => *form,
            _ => Form::Exact,
        }
    }
}

/// A closed list of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub name: String,
    pub values: Vec<String>,
    /// From least to most: `<` and the like are allowed.
    pub ordered: bool,
}

impl Choice {
    pub fn rank(&self, value: &str) -> Option<usize> {
        self.values.iter().position(|it| it == value)
    }
}

/// A set of countries through time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub members: Vec<Member>,
}

/// Days since 1970-01-01, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub country: String,
    pub from: Option<i32>,
    pub to: Option<i32>,
}

/// Codes with their periods of validity, days both included; open ends are `None`.
pub type Codes = BTreeMap<String, Vec<(Option<i32>, Option<i32>)>>;

/// A nomenclature: the lengths its codes may have, and the codes with their validity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nomenclature {
    pub name: String,
    /// Sorted; empty when any length will do.
    pub levels: Vec<u32>,
    pub extends: Option<String>,
    /// Periods of validity by code, days both included; `None` when the schema names no file.
    pub codes: Option<Codes>,
}

/// A record of the schema, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId(pub usize);

/// A field of a record, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldId {
    pub record: RecordId,
    pub field: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub name: String,
    pub label: String,
    pub parent: Option<RecordId>,
    /// Fields that make a row of the record unique within its parent.
    pub key: Vec<usize>,
    pub fields: Vec<Field>,
    /// `history … date F`: the civil date at which the declaration was accepted, or at which what
    /// the record tells happened.
    pub acceptance: Option<usize>,
    /// `history event F`: the instant, where there is one.
    pub instant: Option<usize>,
    /// `known from F`: a row counts from then on; a date or an instant.
    pub known_from: Option<usize>,
    /// Days since 1970-01-01: from then on no row is lacking.
    pub complete_since: Option<i32>,
    /// The last day up to which no row is lacking.
    pub complete_until: Option<i32>,
    pub refers: Vec<Refers>,
}

/// `refers importer by importer_id to operator as of accepted_date`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refers {
    pub name: String,
    pub by: String,
    pub to: RecordId,
}

/// A field that data files hold. Derived fields are expressions and live in the IR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub label: String,
    pub ty: Type,
    /// For `quantity by stat_unit` and `money by invoice_currency`: the field with the unit.
    pub unit_of: Option<String>,
    /// As the schema writes it: numbers in data files are in this unit.
    pub unit: Option<String>,
    pub required: bool,
    /// What it holds is told in no message about faults of data.
    pub personal: bool,
    pub formerly: Option<String>,
    pub known: Option<Known>,
}

/// When a field of a declaration is known, if not when it is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nobody says when.
    Later,
    /// From the date or instant in this field of the record on.
    From(usize),
}

#[derive(Debug, Clone, Default)]
pub struct Schema {
    pub records: Vec<Record>,
    pub choices: BTreeMap<String, Arc<Choice>>,
    pub groups: BTreeMap<String, Group>,
    pub nomenclatures: BTreeMap<String, Nomenclature>,
}

impl Schema {
    pub fn record(&self, id: RecordId) -> &Record {
        &self.records[id.0]
    }

    pub fn find_record(&self, name: &str) -> Option<RecordId> {
        self.records.iter().position(|it| it.name == name).map(RecordId)
    }

    pub fn field(&self, id: FieldId) -> &Field {
        &self.records[id.record.0].fields[id.field]
    }

    pub fn find_field(&self, record: RecordId, name: &str) -> Option<FieldId> {
        let field = self.record(record).fields.iter().position(|it| it.name == name)?;
        Some(FieldId { record, field })
    }

    /// The record, its parent, the parent's parent …: the levels whose fields a row can see.
    pub fn lineage(&self, record: RecordId) -> Vec<RecordId> {
        let mut res = vec![record];
        while let Some(parent) = self.record(res[res.len() - 1]).parent {
            res.push(parent);
        }
        res
    }

    /// The keys of a record and those around it, outermost first.
    pub fn key_fields(&self, record: RecordId) -> Vec<FieldId> {
        let mut lineage = self.lineage(record);
        lineage.reverse();
        let keys = |record: RecordId| {
            self.record(record).key.iter().map(move |field| FieldId { record, field: *field })
        };
        lineage.into_iter().flat_map(keys).collect()
    }

    /// What tells the rows of a record apart within the record around: its key. An entry of a
    /// register, which relations read as of a date, has its date besides, and when it was known.
    pub fn identity(&self, record: RecordId) -> Vec<FieldId> {
        let it = self.record(record);
        let is_register = self.records.iter().flat_map(|it| &it.refers).any(|it| it.to == record);
        let dates = [it.acceptance, it.known_from].into_iter().flatten();
        let dates = dates.filter(|field| is_register && !it.key.contains(field));
        let dates = dates.filter(|_| !it.key.is_empty());
        let mut all: Vec<usize> = it.key.iter().copied().chain(dates).collect();
        all.dedup();
        all.into_iter().map(|field| FieldId { record, field }).collect()
    }

    /// The acceptance date that holds for a row of this record.
    pub fn acceptance(&self, record: RecordId) -> Option<FieldId> {
        self.lineage(record).into_iter().find_map(|record| {
            let field = self.record(record).acceptance?;
            Some(FieldId { record, field })
        })
    }

    /// The instant of acceptance that holds for a row of this record.
    pub fn instant(&self, record: RecordId) -> Option<FieldId> {
        self.lineage(record).into_iter().find_map(|record| {
            let field = self.record(record).instant?;
            Some(FieldId { record, field })
        })
    }

    /// From when on a row of this record is known.
    pub fn known_from(&self, record: RecordId) -> Option<FieldId> {
        self.lineage(record).into_iter().find_map(|record| {
            let field = self.record(record).known_from?;
            Some(FieldId { record, field })
        })
    }

    pub fn complete_since(&self, record: RecordId) -> Option<i32> {
        self.lineage(record).into_iter().find_map(|it| self.record(it).complete_since)
    }

    pub fn complete_until(&self, record: RecordId) -> Option<i32> {
        self.lineage(record).into_iter().find_map(|it| self.record(it).complete_until)
    }

    /// Whether codes of `left` may be compared with codes of `right`: one extends the other.
    pub fn related(&self, left: &str, right: &str) -> bool {
        self.extends(left, right) || self.extends(right, left)
    }

    fn extends(&self, name: &str, ancestor: &str) -> bool {
        let mut at = Some(name);
        for _ in 0..=self.nomenclatures.len() {
            match at {
                Some(it) if it == ancestor => return true,
                Some(it) => at = self.nomenclatures.get(it).and_then(|it| it.extends.as_deref()),
                None => return false,
            }
        }
        false
    }
}
