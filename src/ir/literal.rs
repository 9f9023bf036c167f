//! Literals: exact numbers in base units, dates in the calendar, codes in force.

use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::diagnostic::similar;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Kind;
use crate::ir::expression::join;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::schema::Number;
use crate::schema::SCALE_PERCENT;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::value::Decimal;
use crate::value::Duration;
use crate::value::Value;
use crate::value::calendar;
use crate::value::country;
use crate::value::decimal;
use crate::value::text;
use crate::value::text::Form;
use crate::value::unit;

pub fn literal(value: Value, ty: Type, span: Span) -> E {
    Arc::new(Expr { kind: Kind::Literal(value), ty, span })
}

impl Lowering<'_> {
    fn digits(&mut self, written: &str, span: Span) -> Option<Decimal> {
        let it = Decimal::parse(written);
        if it.is_none() {
            let message = "this number has more than 38 digits";
            self.push(Diagnostic::new(Code::T1209, span, message).help("write a smaller number"));
        }
        it
    }

    fn not_exact(&mut self, decimals: u8, span: Span) -> E {
        let message = format!("more than {decimals} decimals cannot be held exactly here");
        let help = format!("write at most {decimals} decimals");
        self.push(Diagnostic::new(Code::T3008, span, message).help(help));
        self.error(span)
    }

    pub fn number(&mut self, written: &str, span: Span) -> E {
        let Some(it) = self.digits(written, span) else { return self.error(span) };
        if it.scale == 0
            && let Ok(whole) = i64::try_from(it.unscaled)
        {
            return literal(Value::Whole(whole), Type::Whole, span);
        }
        let it = if decimal::SCALE_MAX < it.scale { it.normalised() } else { it };
        if decimal::SCALE_MAX < it.scale {
            return self.not_exact(decimal::SCALE_MAX, span);
        }
        literal(Value::Decimal(it), Type::Number(Number::pure(it.scale)), span)
    }

    pub fn quantity(&mut self, written: &str, unit: &ast::Text, span: Span) -> E {
        let Some(number) = self.digits(written, span) else { return self.error(span) };
        let number = number.normalised();
        if unit.text == "%" {
            let ratio = Decimal::new(number.unscaled, number.scale + 2);
            return match ratio.normalised() {
                it if it.scale <= SCALE_PERCENT => {
                    let value = Value::decimal(it.with_scale(SCALE_PERCENT));
                    literal(value, Type::Number(Number::percent()), span)
                }
                _ => self.not_exact(SCALE_PERCENT - 2, span),
            };
        }
        if unit::DURATIONS.contains(&unit.text.as_str()) {
            return self.duration(number, &unit.text, span);
        }
        let Some((dimension, factor, divisor)) = unit::parse(&unit.text) else {
            return self.unknown_unit(unit, span);
        };
        let ty = Number::of(dimension);
        match converted(number, factor, divisor, ty.scale) {
            Some(it) => literal(Value::Decimal(it), Type::Number(ty), span),
            None => self.not_exact(ty.scale, span),
        }
    }

    fn unknown_unit(&mut self, unit: &ast::Text, span: Span) -> E {
        let message = format!("unknown unit `{}`", unit.text);
        let names = unit::names().chain(country::CURRENCIES.iter().copied());
        let help = if self.is_a_name(&unit.text) {
            format!("`and` or `or` seems to be missing before `{}`", unit.text)
        } else {
            did_you_mean(&unit.text, names)
                .unwrap_or_else(|| "units are kg, t, l, m, m2, pieces, kWh, %, days, EUR …".into())
        };
        self.push(Diagnostic::new(Code::T2101, unit.span, message).help(help));
        self.error(span)
    }

    fn is_a_name(&self, text: &str) -> bool {
        let mut fields = self.schema.records.iter().flat_map(|it| &it.fields);
        fields.any(|it| it.name == text)
    }

    fn duration(&mut self, number: Decimal, unit: &str, span: Span) -> E {
        let whole = if number.scale == 0 { i32::try_from(number.unscaled).ok() } else { None };
        let duration = whole.and_then(|n| {
            Some(match unit {
                "day" | "days" => Duration::Days(n),
                "week" | "weeks" => Duration::Days(n.checked_mul(7)?),
                "month" | "months" => Duration::Months(n),
                "year" | "years" => Duration::Months(n.checked_mul(12)?),
                "hour" | "hours" => Duration::Time(i64::from(n) * 3_600_000_000),
                _ => Duration::Time(i64::from(n) * 60_000_000),
            })
        });
        match duration {
            Some(it) => literal(Value::Duration(it), Type::Duration, span),
            None => {
                let message = "a duration is a whole number of days, hours, months …";
                let help = "write it in a smaller unit: `36 hours`";
                self.push(Diagnostic::new(Code::T3008, span, message).help(help));
                self.error(span)
            }
        }
    }

    pub fn date(&mut self, date: jiff::civil::Date, span: Span) -> E {
        match calendar::days(date) {
            Some(it) => literal(Value::Date(it), Type::Date, span),
            None => self.out_of_calendar(span),
        }
    }

    pub fn date_time(&mut self, time: jiff::civil::DateTime, span: Span) -> E {
        match calendar::microseconds(time) {
            Some(it) => literal(Value::DateTime(it), Type::DateTime, span),
            None => self.out_of_calendar(span),
        }
    }

    fn out_of_calendar(&mut self, span: Span) -> E {
        let message = "dates go from 1900-01-01 to 2199-12-31";
        self.push(Diagnostic::new(Code::T1206, span, message).help("write another year"));
        self.error(span)
    }

    pub fn truth_literal(&self, it: bool, span: Span) -> E {
        literal(Value::Truth(it), Type::Truth, span)
    }

    /// In the form in which the other side compares.
    pub fn text(&self, written: &str, expected: Option<&Type>, span: Span) -> E {
        let form = match expected {
            Some(Type::Text(form)) => *form,
            _ => Form::Folded,
        };
        literal(Value::text(&text::form(written, form)), Type::Text(form), span)
    }

    /// The lengths of a nomenclature's codes, or of the one it extends.
    pub fn levels_of(&self, nomenclature: &str) -> Vec<u32> {
        let mut at = self.schema.nomenclatures.get(nomenclature);
        for _ in 0..8 {
            match at {
                Some(it) if !it.levels.is_empty() => return it.levels.clone(),
                Some(it) => {
                    let base = it.extends.as_deref();
                    at = base.and_then(|it| self.schema.nomenclatures.get(it));
                }
                None => break,
            }
        }
        Vec::new()
    }

    pub fn code(&mut self, nomenclature: &str, written: &str, scope: &Scope, span: Span) -> E {
        if !self.schema.nomenclatures.contains_key(nomenclature) {
            let message = format!("unknown nomenclature `{nomenclature}`");
            let names: Vec<&str> = self.schema.nomenclatures.keys().map(String::as_str).collect();
            let help = did_you_mean(nomenclature, names.iter().copied()).unwrap_or_else(|| {
                if names.is_empty() {
                    "declare it in the schema: `codes HS levels 2, 4, 6`".into()
                } else {
                    format!("the schema declares {}", names.join(", "))
                }
            });
            self.push(Diagnostic::new(Code::T2101, span, message).help(help));
            return self.error(span);
        }
        let digits: String = written.chars().filter(|it| *it != '.').collect();
        let levels = self.levels_of(nomenclature);
        let length = u32::try_from(digits.len()).unwrap_or(u32::MAX);
        let longest = levels.last().copied().unwrap_or(u32::MAX);
        if longest < length {
            let message = format!("`{written}` is longer than a code of {nomenclature}");
            let help = format!("write at most {longest} digits");
            self.push(Diagnostic::new(Code::T3302, span, message).help(help));
            return self.error(span);
        }
        if !levels.is_empty() && !levels.contains(&length) {
            let message = format!("`{written}` is not a level of {nomenclature}");
            let near = self.near_codes(nomenclature, &digits, &levels);
            let help = format!("codes of {nomenclature} have {} digits{near}", join(&levels));
            self.push(Diagnostic::new(Code::T3301, span, message).help(help));
            return self.error(span);
        }
        self.in_force(nomenclature, &digits, scope, span);
        literal(Value::text(&digits), Type::Code(Arc::from(nomenclature)), span)
    }

    fn near_codes(&self, nomenclature: &str, digits: &str, levels: &[u32]) -> String {
        let longer = levels.iter().find(|it| digits.len() < **it as usize);
        let Some((codes, longer)) = self.code_file(nomenclature).zip(longer) else {
            return String::new();
        };
        let near: Vec<&str> = codes
            .keys()
            .filter(|it| it.len() == *longer as usize)
            .filter(|it| it.starts_with(digits) || it.trim_start_matches('0') == digits)
            .map(String::as_str)
            .take(3)
            .collect();
        if near.is_empty() { String::new() } else { format!(", such as {}", near.join(", ")) }
    }

    fn code_file(&self, nomenclature: &str) -> Option<&crate::schema::Codes> {
        self.schema.nomenclatures.get(nomenclature)?.codes.as_ref()
    }

    /// T3303: the code, or what its base nomenclature has of it, exists during the validity.
    fn in_force(&mut self, nomenclature: &str, digits: &str, scope: &Scope, span: Span) {
        let mut name = nomenclature.to_owned();
        let mut wanted = digits.to_owned();
        for _ in 0..8 {
            let Some(it) = self.schema.nomenclatures.get(&name) else { return };
            if it.codes.is_some() {
                break;
            }
            let Some(base) = it.extends.clone() else { return };
            let levels = self.levels_of(&base);
            let fits = levels.iter().rev().find(|it| **it as usize <= wanted.len());
            wanted.truncate(fits.map_or(wanted.len(), |it| *it as usize));
            name = base;
        }
        let Some(codes) = self.code_file(&name) else { return };
        let overlaps = |(from, to): &(Option<i32>, Option<i32>)| {
            let starts = scope.valid.1.is_none_or(|last| from.is_none_or(|it| it <= last));
            starts && scope.valid.0.is_none_or(|first| to.is_none_or(|it| first <= it))
        };
        let known = codes.get(&wanted);
        if known.is_some_and(|it| it.iter().any(overlaps)) {
            return;
        }
        let message = match known {
            Some(_) => format!("{name} {wanted} is not in force during the validity of the rule"),
            None => format!("{name} has no code {wanted}"),
        };
        let siblings = codes.keys().filter(|it| it.len() == wanted.len()).map(String::as_str);
        let heading = wanted.get(..wanted.len().saturating_sub(2)).unwrap_or_default();
        let near: Vec<&str> = similar(&wanted, siblings.filter(|it| it.starts_with(heading)));
        let help = match near.as_slice() {
            [] => format!("look the code up in {name}"),
            near => format!("codes near it are {}", near.join(", ")),
        };
        self.push(Diagnostic::new(Code::T3303, span, message).help(help));
    }
}

/// In base units, exactly, or nothing.
fn converted(number: Decimal, factor: Decimal, divisor: Decimal, scale: u8) -> Option<Decimal> {
    let exact = number.scale + factor.scale <= decimal::SCALE_MAX;
    let scaled = exact.then(|| decimal::multiply(number, factor))??;
    let it = decimal::divide(scaled, divisor)?.normalised();
    let back = decimal::multiply(it, divisor)?;
    (back == scaled && it.scale <= scale).then(|| it.with_scale(scale))?
}
