//! The tree of one file: lines in one spelling, a span on every node, every comment kept.

use crate::source::FileId;
use crate::source::Span;
pub use crate::syntax::policy::PolicyLine;
pub use crate::syntax::test_block::TestLine;
pub use crate::syntax::test_block::TestSubject;

#[derive(Debug, Clone)]
pub struct File {
    pub id: FileId,
    pub blocks: Vec<Block>,
    /// Comments after the last block.
    pub end_comments: Vec<Comment>,
    /// `# allow T4101: reason`, wherever they stand.
    pub suppressions: Vec<Suppression>,
}

#[derive(Debug, Clone)]
pub struct Block {
    pub head: Head,
    /// Of the head line.
    pub span: Span,
    pub leading: Vec<Comment>,
    pub trailing: Option<Comment>,
    pub lines: Vec<Line>,
    /// A line of the block could not be read: it is formatted as it stands and not lowered.
    pub broken: bool,
}

/// `text` is without the `#`, trimmed.
#[derive(Debug, Clone)]
pub struct Comment {
    pub text: String,
    pub span: Span,
    pub blank_before: bool,
}

#[derive(Debug, Clone)]
pub struct Suppression {
    /// As written: `T4101`.
    pub code: String,
    pub reason: String,
    pub span: Span,
    /// Its own line, and the next one when it stands alone; above a head the whole block.
    pub covers: Span,
}

#[derive(Debug, Clone)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Text {
    pub text: String,
    pub span: Span,
}

/// A date as written, known to be in the calendar.
#[derive(Debug, Clone)]
pub struct Date {
    pub date: jiff::civil::Date,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum Head {
    /// `rule R0101 "title"`
    Rule { name: Name, title: Option<Text> },
    /// `policy import_control`
    Policy { name: Name },
    /// `profile peers "title"`
    Profile { name: Name, title: Option<Text> },
    /// `define cheap(ratio: percent)`
    Define { name: Name, formals: Vec<Formal> },
    /// `parameter low_value_ratio : percent`
    Parameter { name: Name, ty: TypeRef },
    /// `list sensitive_goods file "lists/sensitive_goods.csv"`
    List { name: Name, file: Option<Text> },
    /// `codes HS levels 2, 4, 6 extends X file "hs.csv" dated valid_from, valid_to`
    Codes {
        name: Name,
        levels: Vec<u32>,
        extends: Option<Name>,
        file: Option<Text>,
        dated: Option<Dated>,
    },
    /// `choice risk_class low, medium, high ordered`
    Choice { name: Name, values: Vec<Name>, ordered: bool },
    /// `group EU "title" file "eu.csv" dated a, b`, `group G7 CA, FR, DE`, or bullets below it.
    Group {
        name: Name,
        title: Option<Text>,
        members: Vec<Name>,
        file: Option<Text>,
        dated: Option<Dated>,
    },
    /// `record item "Goods item" in declaration`
    Record { name: Name, label: Option<Text>, parent: Option<Name> },
    /// `test R0101 "title"`
    Test { subject: TestSubject, title: Option<Text> },
}

#[derive(Debug, Clone)]
pub struct Formal {
    pub name: Name,
    pub ty: TypeRef,
}

#[derive(Debug, Clone)]
pub struct Dated {
    pub from: Name,
    pub to: Name,
}

/// `money in EUR/kg`, `code of HS`, `quantity by stat_unit`, `percent`, `risk_class`
#[derive(Debug, Clone)]
pub struct TypeRef {
    pub name: Name,
    pub of: Option<Name>,
    pub unit: Option<Text>,
    pub by: Option<Name>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub kind: LineKind,
    pub span: Span,
    pub leading: Vec<Comment>,
    pub trailing: Option<Comment>,
    pub blank_before: bool,
}

#[derive(Debug, Clone)]
pub enum LineKind {
    // rule, define, parameter, list
    Meta {
        key: MetaKey,
        values: Vec<MetaValue>,
    },
    Valid {
        from: Option<Date>,
        to: Option<Date>,
    },
    /// `for each item of declaration`, `for declaration`
    For {
        each: bool,
        record: Name,
        of: Option<Name>,
    },
    When(Body),
    Unless(Body),
    Then,
    Score(Expr),
    /// `channel red`, `channel red mandatory`
    Channel {
        name: Name,
        mandatory: bool,
    },
    Show(Vec<Expr>),
    Because(Message),
    /// The value of a definition.
    As(Body),
    Bullet(Bullet),
    /// `column importer_id : text personal, key`
    Column {
        name: Name,
        ty: TypeRef,
        personal: bool,
        key: ColumnKey,
    },
    Dated(Dated),
    /// Of a profile: `of unit_value over past items`
    Of(Measure, Box<Rows>),
    /// `by hs at 6 digits, origin`, `else by hs at 6 digits`
    By {
        otherwise: bool,
        keys: Vec<Expr>,
    },
    /// `window 12 months`: a quantity.
    Window(Expr),
    Refresh {
        exact: bool,
    },
    /// `require at least 30 values from at least 5 importer_id`
    Require {
        values: u32,
        support: Option<(u32, Expr)>,
    },
    Gives(Vec<Name>),
    AllowPartial,
    Policy(PolicyLine),
    Test(TestLine),
    // record
    Key(Vec<Name>),
    /// `field hs : code of HS required personal formerly hs_code known later "Commodity code"`
    Field {
        name: Name,
        ty: TypeRef,
        required: bool,
        personal: bool,
        formerly: Option<Name>,
        known: Option<Option<Name>>,
        label: Option<Text>,
    },
    /// `derived unit_value : value / net_mass in EUR/kg "Unit value"`
    Derived {
        name: Name,
        value: Expr,
        unit: Option<Text>,
        label: Option<Text>,
    },
    /// `has item 1..999, document 0..99`
    Has(Vec<Has>),
    /// `refers importer by importer_id to operator as of accepted_date`
    Refers {
        name: Name,
        by: Name,
        to: Name,
        as_of: Option<Name>,
    },
    /// `history event accepted_at, date a, known from b, complete since …, complete until …`
    History {
        event: Option<Name>,
        date: Option<Name>,
        known_from: Option<Name>,
        complete_since: Option<Date>,
        complete_until: Option<Date>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaKey {
    Owner,
    Status,
    Tags,
    See,
    Note,
    Reviewed,
}

#[derive(Debug, Clone)]
pub enum MetaValue {
    Text(Text),
    Date(Date),
    Name(Name),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKey {
    None,
    Key,
    PrefixKey,
}

#[derive(Debug, Clone)]
pub struct Has {
    pub record: Name,
    pub least: u32,
    pub most: u32,
}

/// Bullets follow, or one expression stands here.
#[derive(Debug, Clone)]
pub enum Body {
    Combiner(Combiner, Span),
    Expr(Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combiner {
    All,
    Any,
    None,
    AtLeast(u32),
}

/// `- "AEO pilot": importer_id in list aeo_pilot until 2026-06-30`, `- 50 % since …`
#[derive(Debug, Clone)]
pub struct Bullet {
    /// 1 for `-`, 2 for `--`.
    pub depth: u8,
    pub name: Option<Text>,
    pub body: Body,
    pub since: Option<Date>,
    pub until: Option<Date>,
}

/// The text of `because`, cut at its braces. `raw` is what stands between the quotation marks.
#[derive(Debug, Clone)]
pub struct Message {
    pub pieces: Vec<Piece>,
    pub raw: String,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum Piece {
    Text(String),
    Value(Expr),
}

#[derive(Debug, Clone)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum ExprKind {
    Number(String),
    /// `100 kg`, `50 %`, `20 EUR/kg`, `90 days`: the number as written and the unit.
    Quantity {
        number: String,
        unit: Text,
    },
    Date(jiff::civil::Date),
    DateTime(jiff::civil::DateTime),
    Text(String),
    /// `HS 8517.13`: the nomenclature and the code as written.
    Code {
        nomenclature: String,
        code: String,
    },
    Truth(bool),
    Missing,
    /// `origin`, `importer.risk_class`, `CN`.
    Path(Vec<Name>),
    /// `list sensitive_goods`
    List(Name),
    /// `(CN, HK)`; of one element only after `is one of`.
    Set(Vec<Expr>),
    /// `weekday(accepted_date)`, `cheap(50 %)`, `hit(R0201)`, `lookup(prices, hs)`
    Call {
        name: Name,
        arguments: Vec<Expr>,
    },
    /// `lookup(prices, hs).price`
    Member {
        base: Box<Expr>,
        name: Name,
    },
    /// `hs at 6 digits`
    AtDigits {
        value: Box<Expr>,
        digits: u32,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    /// Two or more, none of them an `And` itself unless parenthesised in the text.
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Test {
        op: TestOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `x is missing`, `x is given`
    IsMissing(Box<Expr>),
    IsGiven(Box<Expr>),
    Between {
        negated: bool,
        value: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
    },
    /// `count of past declarations with same importer_id in last 7 days`
    Aggregate(Box<Aggregate>),
    /// `any item has (hs under HS 24)`
    Quantified {
        quantifier: Quantifier,
        condition: Box<Expr>,
        rows: Box<Rows>,
    },
    /// `importer_id known for less than 90 days`
    KnownFor {
        value: Box<Expr>,
        op: TestOp,
        duration: Box<Expr>,
    },
    /// `item_price converted to EUR`
    Converted {
        value: Box<Expr>,
        currency: Name,
    },
    /// Reported already: silences what would follow from it.
    Error,
}

#[derive(Debug, Clone)]
pub struct Aggregate {
    pub statistic: Statistic,
    /// Of a value of each row; without it of the rows.
    pub measure: Option<Measure>,
    pub rows: Rows,
}

/// `unit_value weighted by net_mass`
#[derive(Debug, Clone)]
pub struct Measure {
    pub value: Expr,
    pub weight: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    Count,
    DistinctCount,
    Sum,
    Average,
    /// Nearest rank; the median is the 50th.
    Percentile(u32),
    Smallest,
    Largest,
    Share,
    FirstDate,
    LastDate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    Any,
    Every,
    No,
    AtLeast(u32),
    AtMost(u32),
    Exactly(u32),
}

/// `past items of others where (origin is CN) with same hs in last 90 days`
#[derive(Debug, Clone)]
pub struct Rows {
    pub past: bool,
    /// As written, in the singular or the plural.
    pub record: Name,
    /// Without those of the same value: `of others`, `of others by seller_id`.
    pub others: Option<Option<Name>>,
    pub filter: Option<Expr>,
    pub same: Vec<Expr>,
    pub window: Option<Window>,
    pub partial: bool,
    pub smoothed: Option<Smoothed>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum Window {
    /// `in last 90 days`: a quantity.
    Last(Expr),
    SameDay,
}

/// `smoothed by 1 towards 21 %`
#[derive(Debug, Clone)]
pub struct Smoothed {
    pub by: Expr,
    pub towards: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `50 % of x`
    Of,
    OrElse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestOp {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `=`, `!=`: as `Is`, `IsNot`; the formatter keeps what it cannot settle.
    Equal,
    NotEqual,
    Is,
    IsNot,
    /// The right side is a `Set`.
    IsOneOf,
    IsNotOneOf,
    In,
    NotIn,
    Under,
    NotUnder,
    StartsWith,
    EndsWith,
    Contains,
}
