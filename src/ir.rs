//! Typed rules: every name resolved, every expression with a type, every literal exact.
//!
//! `lower` makes them from trees; `interpret` and `plan` give them the same meaning.

pub mod body;
pub mod expression;
pub mod from_schema;
pub mod function;
pub mod literal;
pub mod lower;
pub mod name;
pub mod print;
pub mod rule;
pub mod test;
pub mod typing;

use std::sync::Arc;

use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::source::Span;
use crate::value::Value;

/// Everything compiled together.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    pub schema: Arc<Schema>,
    /// In the order of their identifiers.
    pub rules: Vec<Rule>,
    pub lists: Vec<List>,
    pub parameters: Vec<Parameter>,
}

/// A rule, by its place in the rule set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(pub usize);

#[derive(Debug, Clone)]
pub struct Rule {
    /// `R0101`: permanent.
    pub id: Arc<str>,
    pub title: String,
    pub owner: String,
    pub status: String,
    pub tags: Vec<String>,
    pub channel: Option<String>,
    /// The record whose rows it judges.
    pub level: RecordId,
    /// In force, and the condition, and no established exception: true is a hit, unknown undecided.
    pub outcome: E,
    /// What `when` says.
    pub condition: E,
    pub exceptions: Vec<Exception>,
    /// Never missing.
    pub score: Option<E>,
    /// Evidence: as written, and its value.
    pub show: Vec<(String, E)>,
    pub because: Vec<Piece>,
    /// The file and block it was written in.
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Exception {
    pub name: String,
    /// Its dates included.
    pub condition: E,
}

#[derive(Debug, Clone)]
pub enum Piece {
    Text(String),
    Value(E),
}

/// A reference list: rows of values with a validity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    pub name: Arc<str>,
    pub columns: Vec<Column>,
    /// Columns of the key, in order.
    pub key: Vec<usize>,
    /// The last column of the key matches by prefix, the longest first.
    pub prefix: bool,
    pub dated: bool,
    /// Sorted by key, then validity.
    pub rows: Vec<ListRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub ty: Type,
}

/// Days both included; `None` is open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListRow {
    pub values: Vec<Value>,
    pub from: Option<i32>,
    pub to: Option<i32>,
}

/// Values by the first day of each, sorted; `None` has always been so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: Arc<str>,
    pub ty: Type,
    pub values: Vec<(Option<i32>, Value)>,
}

/// Expressions are shared: a definition used twice is one tree.
pub type E = Arc<Expr>;

#[derive(Debug, Clone)]
pub struct Expr {
    pub kind: Kind,
    pub ty: Type,
    pub span: Span,
}

/// Tests and combinations are of type `Truth`. Numbers of a test share a dimension, not a scale.
#[derive(Debug, Clone)]
pub enum Kind {
    Literal(Value),
    Field(FieldId),
    /// A derived field of the schema or a definition: its name and what it stands for.
    Named(Arc<str>, E),
    /// The value at the acceptance date, the second part.
    Parameter(usize, Option<E>),
    Negate(E),
    /// Numbers, and dates with durations.
    Arithmetic(Arithmetic, E, E),
    /// A whole number or decimal as decimal of the scale of the type.
    Widen(E),
    Call(Function, Vec<E>),
    OrElse(E, E),
    /// The first digits of a code.
    AtDigits(E, u32),
    Lookup(Lookup),
    // Tests: unknown when an operand is missing.
    Compare(Comparison, E, E),
    /// Text or code is one of these, in the form of the type. Sorted.
    Member(E, Arc<[Arc<str>]>),
    /// A number, date or instant is one of these.
    OneOf(E, Arc<[Value]>),
    /// The code begins with one of these. Sorted.
    Under(E, Arc<[Arc<str>]>),
    /// The country belongs to the group (by name) at the date.
    InGroup(E, Arc<str>, Option<E>),
    /// The list has an entry in force for the key.
    InList(InList),
    TextTest(TextTest, E, E),
    // Never unknown.
    IsMissing(E),
    /// True when the condition is true, else false.
    Established(E),
    // Kleene.
    Not(E),
    And(Vec<E>),
    Or(Vec<E>),
    AtLeast(usize, Vec<E>),
    /// The outcome of another rule of the same level.
    Hit(RuleId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

/// The builtin functions; `function` has their names, types and pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    Abs,
    /// The second argument is a literal whole number.
    Round,
    Min,
    Max,
    Year,
    Month,
    Day,
    Weekday,
    Hour,
    Minute,
    /// The civil date of an instant.
    DateOf,
    /// Characters of a text.
    Length,
}

/// The value of a column in the entry in force for the keys; the longest prefix for a prefix key.
#[derive(Debug, Clone)]
pub struct Lookup {
    pub list: usize,
    pub keys: Vec<E>,
    pub column: usize,
    pub date: Option<E>,
}

#[derive(Debug, Clone)]
pub struct InList {
    pub list: usize,
    pub key: E,
    pub matching: Matching,
    pub date: Option<E>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matching {
    /// `in list`
    Exact,
    /// `under list`
    Prefix,
}

impl Expr {
    /// The direct parts.
    pub fn parts(&self) -> Vec<&E> {
        match &self.kind {
            Kind::Literal(_) | Kind::Field(_) | Kind::Hit(_) => Vec::new(),
            Kind::Named(_, it)
            | Kind::Negate(it)
            | Kind::Widen(it)
            | Kind::AtDigits(it, _)
            | Kind::Member(it, _)
            | Kind::OneOf(it, _)
            | Kind::Under(it, _)
            | Kind::IsMissing(it)
            | Kind::Established(it)
            | Kind::Not(it) => vec![it],
            Kind::Parameter(_, date) => date.iter().collect(),
            Kind::Arithmetic(_, left, right)
            | Kind::OrElse(left, right)
            | Kind::Compare(_, left, right)
            | Kind::TextTest(_, left, right) => vec![left, right],
            Kind::Call(_, parts) | Kind::And(parts) | Kind::Or(parts) | Kind::AtLeast(_, parts) => {
                parts.iter().collect()
            }
            Kind::Lookup(it) => it.keys.iter().chain(&it.date).collect(),
            Kind::InGroup(it, _, date) => std::iter::once(it).chain(date).collect(),
            Kind::InList(it) => std::iter::once(&it.key).chain(&it.date).collect(),
        }
    }
}
