//! Which types go together, and what to say when they do not.

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::E;
use crate::ir::Kind;
use crate::schema::Number;
use crate::schema::Schema;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Duration;
use crate::value::Value;
use crate::value::calendar::MICROSECONDS_PER_DAY;
use crate::value::decimal;
use crate::value::unit::Base;

/// What is wrong with comparing the two, if anything.
pub fn comparable(schema: &Schema, left: &E, right: &E) -> Option<Diagnostic> {
    match (&left.ty, &right.ty) {
        (Type::Error, _) | (_, Type::Error) => None,
        (a, b) if a.is_numeric() && b.is_numeric() => same_dimension(left, right, "compared"),
        (Type::Code(a), Type::Code(b)) if schema.related(a, b) => None,
        (Type::Code(a), Type::Code(b)) => Some(other_nomenclature(left, right, a, b)),
        (Type::Code(nomenclature), b) if b.is_numeric() => {
            Some(number_for_code(right, nomenclature))
        }
        (a, Type::Code(nomenclature)) if a.is_numeric() => {
            Some(number_for_code(left, nomenclature))
        }
        (Type::Choice(a), Type::Choice(b)) if a.name == b.name => None,
        (Type::Text(_), Type::Text(_)) => None,
        (Type::Duration, Type::Duration) => same_kind_of_duration(left, right),
        (a, b) if a == b => None,
        (a, b) => Some(mismatch(left, right, a, b)),
    }
}

fn mismatch(left: &E, right: &E, a: &Type, b: &Type) -> Diagnostic {
    let message = format!("{} cannot be compared with {}", a.words(), b.words());
    let it = Diagnostic::new(Code::T3005, left.span, message)
        .here(a.words())
        .label(right.span, b.words());
    match (a, b, &right.kind) {
        (
            Type::Country | Type::Choice(_) | Type::Currency | Type::Code(_),
            Type::Text(_),
            Kind::Literal(Value::Text(text)),
        ) => it.help(format!("write it without quotation marks: `{}`", text.to_uppercase())),
        (Type::DateTime, Type::Date, _) => it.help("compare its date: `date(…)`"),
        (Type::Date, Type::DateTime, _) => {
            it.help("compare dates: put `date(…)` around the instant")
        }
        _ => it.help("compare two values of one kind"),
    }
}

fn other_nomenclature(left: &E, right: &E, a: &str, b: &str) -> Diagnostic {
    let message = format!("codes of {a} and of {b} cannot be compared");
    Diagnostic::new(Code::T3305, left.span, message)
        .here(format!("a code of {a}"))
        .label(right.span, format!("a code of {b}"))
        .help(format!("write a code of {a}"))
}

pub fn number_for_code(number: &E, nomenclature: &str) -> Diagnostic {
    let message = format!("a number cannot be compared with a code of {nomenclature}");
    let it = Diagnostic::new(Code::T3304, number.span, message).here("a number");
    match &number.kind {
        Kind::Literal(Value::Whole(digits)) => {
            // `07` was read as the number 7: codes have an even number of digits.
            let digits = digits.to_string();
            let zero = if digits.len().is_multiple_of(2) { "" } else { "0" };
            let code = format!("{nomenclature} {zero}{digits}");
            it.help(format!("write the code: `{code}`")).fix(number.span, code)
        }
        _ => it.help(format!("write a code, such as `{nomenclature} 8517`")),
    }
}

/// For `verb` "compared" or "added": both have one dimension, and no number lacks its unit.
pub fn same_dimension(left: &E, right: &E, verb: &str) -> Option<Diagnostic> {
    let (a, b) = (number(&left.ty), number(&right.ty));
    if a.dimension == b.dimension {
        return match verb {
            "compared" => bare_percent(left, right, &a, &b),
            _ => None,
        };
    }
    for (one, number, other, measure) in [(left, &a, right, &b), (right, &b, left, &a)] {
        if number.dimension.is_pure() && number.percent {
            return Some(percent_of_what(one, other, measure));
        }
        if number.dimension.is_pure() && is_literal(one) {
            return Some(bare_number(one, measure));
        }
    }
    Some(different(left, right, &a, &b, verb))
}

fn different(left: &E, right: &E, a: &Number, b: &Number, verb: &str) -> Diagnostic {
    if let (Some(Base::Currency(x)), Some(Base::Currency(y))) =
        (a.dimension.single(), b.dimension.single())
    {
        let message = format!("amounts in {x} and in {y} cannot be {verb}");
        return Diagnostic::new(Code::T3002, left.span, message)
            .here(format!("money in {x}"))
            .label(right.span, format!("money in {y}"))
            .help(format!("convert one: `… converted to {x}`"));
    }
    let message = format!("{} and {} cannot be {verb}", short(a), short(b));
    let it = Diagnostic::new(Code::T3001, left.span, message)
        .here(a.dimension.words())
        .label(right.span, b.dimension.words());
    match (a.dimension.single(), b.dimension.single()) {
        (Some(Base::Mass), Some(Base::Currency(c)))
        | (Some(Base::Currency(c)), Some(Base::Mass)) => {
            it.help(format!("did you mean a value by mass, in {c}/kg?"))
        }
        _ => it.help("use one dimension on both sides"),
    }
}

fn short(number: &Number) -> String {
    match number.dimension.single() {
        Some(base) => base.word().to_owned(),
        None => number.dimension.words(),
    }
}

fn bare_number(it: &E, measure: &Number) -> Diagnostic {
    let text = literal_text(it);
    let unit = measure.dimension.unit_text();
    Diagnostic::new(Code::T3003, it.span, format!("{text} what?"))
        .here("a number without a unit")
        .help(format!("write the unit: `{text} {unit}`"))
}

fn percent_of_what(it: &E, other: &E, measure: &Number) -> Diagnostic {
    Diagnostic::new(Code::T3004, it.span, "a percentage of what?")
        .here("a percentage")
        .label(other.span, measure.dimension.words())
        .help("write `50 % of` and the value it is a share of")
}

/// `tax_rate > 8`: eight times, or eight per cent?
fn bare_percent(left: &E, right: &E, a: &Number, b: &Number) -> Option<Diagnostic> {
    let it = match (a.percent, b.percent) {
        (true, false) if is_literal(right) => right,
        (false, true) if is_literal(left) => left,
        _ => return None,
    };
    if matches!(&it.kind, Kind::Literal(value) if value.as_decimal().is_some_and(|it| it.is_zero()))
    {
        return None;
    }
    let text = literal_text(it);
    // Who writes 0.05 where a percentage is wanted means the ratio.
    let ratio = Decimal::parse(&text).filter(|_| text.starts_with("0."));
    let percent = ratio.and_then(|it| decimal::multiply(it, Decimal::new(100, 0)));
    let help = match percent.map(Decimal::normalised) {
        Some(percent) => format!("write `{percent} %`, or `{text} %` if so little is meant"),
        None => format!("write `{text} %`"),
    };
    Some(
        Diagnostic::new(Code::T3003, it.span, format!("{text} what?"))
            .here("a number, where a percentage is compared")
            .help(help),
    )
}

fn literal_text(it: &E) -> String {
    match &it.kind {
        Kind::Literal(value) => value.as_decimal().map(|it| it.to_string()).unwrap_or_default(),
        Kind::Negate(it) => format!("-{}", literal_text(it)),
        _ => String::new(),
    }
}

pub fn is_literal(it: &E) -> bool {
    match &it.kind {
        Kind::Literal(_) => true,
        Kind::Negate(it) => is_literal(it),
        _ => false,
    }
}

/// The number type of a numeric type; whole numbers have scale 0.
pub fn number(ty: &Type) -> Number {
    match ty {
        Type::Number(it) => it.clone(),
        _ => Number::pure(0),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationKind {
    Days,
    Time,
    Months,
}

/// Days, time or months, where the expression tells.
pub fn duration_kind(it: &E) -> Option<DurationKind> {
    match &it.kind {
        Kind::Literal(Value::Duration(Duration::Days(_))) => Some(DurationKind::Days),
        Kind::Literal(Value::Duration(Duration::Time(_))) => Some(DurationKind::Time),
        Kind::Literal(Value::Duration(Duration::Months(_))) => Some(DurationKind::Months),
        Kind::Arithmetic(_, left, _) if left.ty == Type::Date => Some(DurationKind::Days),
        Kind::Arithmetic(_, left, _) if left.ty == Type::DateTime => Some(DurationKind::Time),
        Kind::Named(_, it) | Kind::Negate(it) => duration_kind(it),
        _ => None,
    }
}

fn same_kind_of_duration(left: &E, right: &E) -> Option<Diagnostic> {
    let (a, b) = (duration_kind(left)?, duration_kind(right)?);
    let literal_days = |it: &E, kind| is_literal(it) && kind == DurationKind::Days;
    let time = DurationKind::Time;
    if a == b || a == time && literal_days(right, b) || b == time && literal_days(left, a) {
        return None;
    }
    let words = |it: DurationKind| match it {
        DurationKind::Days => "days",
        DurationKind::Time => "hours and minutes",
        DurationKind::Months => "months",
    };
    let message = format!("{} cannot be compared with {}", words(a), words(b));
    let help = match (a, b) {
        (DurationKind::Months, _) | (_, DurationKind::Months) => {
            "a month is not a number of days: write `90 days`"
        }
        _ => "write both in one unit",
    };
    Some(
        Diagnostic::new(Code::T3005, left.span, message)
            .here(words(a))
            .label(right.span, words(b))
            .help(help),
    )
}

/// Days as hours, where they are compared with a difference of instants.
pub fn days_as_time(value: &Value) -> Option<Value> {
    match value {
        Value::Duration(Duration::Days(n)) => i64::from(*n)
            .checked_mul(MICROSECONDS_PER_DAY)
            .map(|it| Value::Duration(Duration::Time(it))),
        _ => None,
    }
}

/// Whether the value may be missing in some row, as far as types and the schema tell.
pub fn may_be_missing(schema: &Schema, it: &E) -> bool {
    match &it.kind {
        Kind::Literal(value) => value.is_missing(),
        Kind::Field(id) => !schema.field(*id).required,
        Kind::IsMissing(_) | Kind::Established(_) => false,
        Kind::OrElse(_, right) => may_be_missing(schema, right),
        Kind::Lookup(_) | Kind::AtDigits(..) => true,
        Kind::Arithmetic(crate::ir::Arithmetic::Divide, left, right) => {
            !is_literal(right) || may_be_missing(schema, left)
        }
        Kind::Hit(_) | Kind::Guard(..) | Kind::Open(..) | Kind::Fact(_) => true,
        Kind::Judged(it) => may_be_missing(schema, it),
        _ => it.parts().into_iter().any(|it| may_be_missing(schema, it)),
    }
}

/// Order: what `<` may compare.
pub fn no_order(it: &E) -> Option<Diagnostic> {
    let help = match &it.ty {
        Type::Error
        | Type::Whole
        | Type::Number(_)
        | Type::Date
        | Type::DateTime
        | Type::Duration => return None,
        Type::Choice(choice) if choice.ordered => return None,
        Type::Choice(choice) => format!("add `ordered` to `choice {}`, or use `is`", choice.name),
        Type::Code(_) => "use `under`, or `is one of (…)`".to_owned(),
        Type::Truth | Type::Text(_) | Type::Country | Type::Currency => "use `is`".to_owned(),
    };
    let message = format!("{} has no order", it.ty.words());
    Some(Diagnostic::new(Code::T3007, it.span, message).here(it.ty.words()).help(help))
}
