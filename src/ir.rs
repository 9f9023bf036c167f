//! Typed rules: every name resolved, every expression with a type, every literal exact.
//!
//! `lower` makes them from trees; `interpret` and `plan` give them the same meaning.

pub mod absence;
pub mod body;
pub mod case_table;
pub mod cases;
pub mod expected;
pub mod expression;
pub mod from_schema;
pub mod function;
pub mod given;
pub mod inner;
pub mod judged;
pub mod later;
pub mod list;
pub mod literal;
pub mod lower;
pub mod many;
pub mod name;
pub mod open_rows;
mod past_table;
pub mod policy;
mod policy_check;
mod policy_line;
pub mod print;
pub mod profile;
pub mod quantity;
pub mod relation;
pub mod relower;
pub mod rewrite;
pub mod rule;
mod schema_check;
pub mod target;
pub mod test;
pub mod typing;
pub mod unknown;
pub mod weight;
pub mod written;

use std::sync::Arc;

pub use crate::ir::list::Column;
pub use crate::ir::list::Index;
pub use crate::ir::list::List;
pub use crate::ir::list::ListRow;
pub use crate::ir::policy::Policy;
pub use crate::ir::policy::Status;
pub use crate::ir::policy::Total;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::source::Span;
use crate::value::Duration;
use crate::value::Value;

/// The list that amounts are converted by.
pub const RATES: &str = "exchange_rates";

/// Everything compiled together.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    pub schema: Arc<Schema>,
    /// In the order of their identifiers.
    pub rules: Vec<Rule>,
    pub lists: Vec<Arc<List>>,
    pub parameters: Vec<Parameter>,
    /// What is known of many rows, each once.
    pub facts: Vec<Fact>,
    pub tests: Arc<Vec<cases::Test>>,
    /// From scores to channels.
    pub policy: Option<Policy>,
}

/// A fact, by its place in the rule set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FactId(pub usize);

impl FactId {
    /// The column of its values.
    pub fn value_column(self) -> String {
        format!("tamis.past.{}", self.0)
    }

    /// The column of the reasons why it has no value; 0 where it has one.
    pub fn reason_column(self) -> String {
        format!("tamis.why.{}", self.0)
    }
}

/// A statistic over rows of a record, for one row that is judged.
///
/// Expressions of the *rows* see a row of `rows`, those of the *judged* row see that one.
#[derive(Debug, Clone)]
pub struct Fact {
    /// As written: `count of past items with same hs`.
    pub words: Arc<str>,
    pub rows: RecordId,
    pub reach: Reach,
    /// Only rows for which it is true.
    pub filter: Option<E>,
    /// Of the judged row: without them there is no value.
    pub needed: Vec<E>,
    /// Of the rows, and of the judged row: equal, and given.
    pub keys: Vec<(E, E)>,
    /// Rows with the same value as the judged row do not count.
    pub others: Option<(E, E)>,
    pub statistic: Statistic,
    pub value: Option<E>,
    pub weight: Option<E>,
    /// The date of the rows, and of the judged row.
    pub dates: Option<(E, E)>,
    /// The instants of both.
    pub instants: Option<(E, E)>,
    /// From when on a row is known: a date or an instant of the rows.
    pub known_from: Option<E>,
    /// Of the rows, and of the judged row: where all are equal, the row is of the judged row's own
    /// declaration, which is known whatever `known_from` says.
    pub own: Vec<(E, E)>,
    /// From when on the results are known that the fact reads of a row.
    pub results_from: Vec<E>,
    /// The first day from which no row is lacking; `None` asks for nothing.
    pub complete_since: Option<i32>,
    /// The last day up to which no row is lacking.
    pub complete_until: Option<i32>,
    pub ty: Type,
}

/// Which rows, in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whatever their time.
    All,
    /// Whole days, the last one the day before.
    Days(Duration),
    /// Instants strictly before, not before this long ago.
    Time(Duration),
    SameDay,
    /// All on record, up to the day before.
    Before,
    /// At the date or before: the latest is meant.
    AsOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// Of rows, or of given values.
    Count,
    DistinctCount,
    Sum,
    /// By weight, where there is one.
    Average,
    /// Nearest rank.
    Percentile(u32),
    Smallest,
    Largest,
    FirstDate,
    LastDate,
    /// The value of the latest row; of several at one date only one they share.
    Latest,
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
    pub status: Option<Status>,
    /// In days since 1970-01-01.
    pub reviewed: Option<i32>,
    pub tags: Vec<String>,
    /// `see`: the rule that takes its place.
    pub see: Vec<String>,
    /// A word of [`policy::channels`].
    pub channel: Option<String>,
    /// Its channel is outside capacity and exemptions.
    pub mandatory: bool,
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

/// What may leave a quantifier open.
#[derive(Debug, Clone, Default)]
pub struct OpenRows {
    /// All that may be named.
    pub names: Vec<String>,
    /// Named together where nothing is missing, and yet there is no value: the fields of the rows
    /// by whose values a computation may have none, or those that may be missing.
    pub own: Vec<String>,
    /// The record of the rows.
    pub record: String,
    /// Of rows that a number tells apart, the number of the first one that stays open and lacks
    /// what is named.
    pub first: Vec<(FactId, Vec<String>)>,
    /// Of other rows of the same declaration, how many stay open and lack it.
    pub some: Vec<(FactId, Vec<String>)>,
    /// Fields of rows of which that is not counted.
    pub asked: Vec<String>,
    /// What the judged row itself has a say in.
    pub judged: Vec<E>,
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
    // Of many rows.
    Fact(FactId),
    /// A value of the judged row, in the filter of a fact.
    Judged(E),
    /// The value where the test is true, else none for this reason.
    Guard(E, E, crate::value::Reason),
    /// Unknown, because of what rows lack.
    Open(Arc<OpenRows>),
    /// Of a declaration, in a policy.
    Total(Total),
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
            Kind::Literal(_) | Kind::Field(_) | Kind::Hit(_) | Kind::Fact(_) => Vec::new(),
            // What is of another row is no part: who walks over fields would mix the two up.
            Kind::Judged(_) | Kind::Total(_) => Vec::new(),
            Kind::Open(it) => it.judged.iter().collect(),
            Kind::Guard(test, value, _) => vec![test, value],
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

impl Fact {
    /// What a judged row must have: without one of these there is no value.
    pub fn needed(&self) -> Vec<&E> {
        let pairs = self.keys.iter().chain(&self.others).chain(&self.dates).chain(&self.instants);
        pairs.map(|it| &it.1).chain(&self.needed).collect()
    }

    /// All that is asked of a judged row.
    pub fn judged(&self) -> Vec<&E> {
        let seen = self.filter.iter().flat_map(judged::judged_in);
        let own = self.own.iter().map(|it| &it.1);
        self.needed().into_iter().chain(seen).chain(own).collect()
    }

    /// What the rows must have.
    pub fn of_rows(&self) -> Vec<&E> {
        let pairs = self.keys.iter().chain(&self.others).chain(&self.dates).chain(&self.instants);
        let single = [&self.filter, &self.value, &self.weight, &self.known_from];
        let known = self.own.iter().map(|it| &it.0).chain(&self.results_from);
        pairs.map(|it| &it.0).chain(single.into_iter().flatten()).chain(known).collect()
    }
}

impl RuleSet {
    /// The facts that these rules need, in order; those of evidence only where it is wanted.
    pub fn facts_of(&self, rules: &[RuleId], evidence: bool) -> Vec<FactId> {
        let mut res = std::collections::BTreeSet::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut open: Vec<RuleId> = rules.to_vec();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let mut todo = self.rules[id.0].expressions(evidence);
            while let Some(it) = todo.pop() {
                match &it.kind {
                    Kind::Fact(id) => {
                        res.insert(*id);
                    }
                    Kind::Hit(other) => open.push(*other),
                    Kind::Open(rows) if evidence => {
                        res.extend(rows.first.iter().map(|it| it.0));
                        res.extend(rows.some.iter().map(|it| it.0));
                    }
                    _ => {}
                }
                todo.extend(it.parts());
            }
        }
        res.into_iter().collect()
    }
}

impl Rule {
    /// The outcome, and with evidence the score, what is shown and the message.
    pub fn expressions(&self, evidence: bool) -> Vec<&E> {
        let mut all = vec![&self.outcome];
        if !evidence {
            return all;
        }
        all.extend(&self.score);
        all.extend(self.show.iter().map(|it| &it.1));
        all.extend(self.because.iter().filter_map(|it| match it {
            Piece::Value(it) => Some(it),
            Piece::Text(_) => None,
        }));
        all
    }
}

/// The rules whose outcomes an expression asks for.
pub fn hits_of(it: &E) -> Vec<RuleId> {
    let mut res = Vec::new();
    let mut todo = vec![it];
    while let Some(it) = todo.pop() {
        if let Kind::Hit(rule) = &it.kind {
            res.push(*rule);
        }
        todo.extend(it.parts());
    }
    res
}
