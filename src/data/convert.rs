//! Text to canonical values: once, at the border.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BooleanBuilder;
use arrow::array::Date32Builder;
use arrow::array::Decimal128Builder;
use arrow::array::Int64Builder;
use arrow::array::StringBuilder;
use arrow::array::TimestampMicrosecondBuilder;
use arrow::datatypes::DataType;
use arrow::datatypes::TimeUnit;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::is_nfc;

use crate::schema::Field;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::calendar;
use crate::value::decimal;
use crate::value::unit;

/// The Arrow type in which a type is held.
pub fn data_type(ty: &Type) -> DataType {
    match ty {
        Type::Truth => DataType::Boolean,
        Type::Whole | Type::Duration => DataType::Int64,
        Type::Number(it) => DataType::Decimal128(38, i8::try_from(it.scale).unwrap_or(9)),
        Type::Date => DataType::Date32,
        Type::DateTime => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Text(_) | Type::Code(_) | Type::Choice(_) => DataType::Utf8,
        Type::Country | Type::Currency | Type::Error => DataType::Utf8,
    }
}

/// How the column of a field is written in a data set.
#[derive(Debug, Clone)]
pub struct Reading {
    pub ty: Type,
    /// `strftime`; ISO when absent.
    pub date_format: Option<String>,
    pub decimal_mark: char,
    /// Numbers are multiplied and divided by these: units, percentages.
    pub factor: Option<(Decimal, Decimal)>,
    pub nulls: Vec<String>,
}

impl Reading {
    pub fn new(field: &Field) -> Reading {
        let one = Decimal::new(1, 0);
        let factor = match &field.ty {
            Type::Number(it) if it.percent => Some((one, Decimal::new(100, 0))),
            _ => field
                .unit
                .as_ref()
                .and_then(|it| unit::parse(it))
                .map(|(_, factor, divisor)| (factor, divisor))
                .filter(|it| *it != (one, one)),
        };
        Reading {
            ty: field.ty.clone(),
            date_format: None,
            decimal_mark: '.',
            factor,
            nulls: Vec::new(),
        }
    }
}

/// Collects the values of one column.
pub enum Column {
    Truth(BooleanBuilder),
    Whole(Int64Builder),
    Number(Decimal128Builder),
    Date(Date32Builder),
    DateTime(TimestampMicrosecondBuilder),
    Text(StringBuilder),
}

/// What became of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    Given,
    Missing,
    NotReadable,
    OutOfRange,
}

impl Column {
    pub fn new(ty: &Type) -> Column {
        match ty {
            Type::Truth => Column::Truth(BooleanBuilder::new()),
            Type::Whole | Type::Duration => Column::Whole(Int64Builder::new()),
            Type::Number(_) => {
                Column::Number(Decimal128Builder::new().with_data_type(data_type(ty)))
            }
            Type::Date => Column::Date(Date32Builder::new()),
            Type::DateTime => Column::DateTime(TimestampMicrosecondBuilder::new()),
            Type::Text(_) | Type::Code(_) | Type::Choice(_) => Column::Text(StringBuilder::new()),
            Type::Country | Type::Currency | Type::Error => Column::Text(StringBuilder::new()),
        }
    }

    pub fn missing(&mut self) {
        match self {
            Column::Truth(it) => it.append_null(),
            Column::Whole(it) => it.append_null(),
            Column::Number(it) => it.append_null(),
            Column::Date(it) => it.append_null(),
            Column::DateTime(it) => it.append_null(),
            Column::Text(it) => it.append_null(),
        }
    }

    pub fn finish(self) -> ArrayRef {
        match self {
            Column::Truth(mut it) => Arc::new(it.finish()),
            Column::Whole(mut it) => Arc::new(it.finish()),
            Column::Number(mut it) => Arc::new(it.finish()),
            Column::Date(mut it) => Arc::new(it.finish()),
            Column::DateTime(mut it) => Arc::new(it.finish()),
            Column::Text(mut it) => Arc::new(it.finish()),
        }
    }

    /// Appends one cell, missing when it cannot be read.
    pub fn read(&mut self, text: &str, reading: &Reading) -> Cell {
        let text = text.trim();
        if text.is_empty() || reading.nulls.iter().any(|it| it == text) {
            self.missing();
            return Cell::Missing;
        }
        match self.append(text, reading) {
            Ok(()) => Cell::Given,
            Err(cell) => {
                self.missing();
                cell
            }
        }
    }

    fn append(&mut self, text: &str, reading: &Reading) -> Result<(), Cell> {
        match self {
            Column::Truth(it) => it.append_value(truth(text).ok_or(Cell::NotReadable)?),
            Column::Whole(it) => {
                let number = number(text, reading)?;
                let whole = number.normalised();
                if whole.scale != 0 {
                    return Err(Cell::NotReadable);
                }
                it.append_value(i64::try_from(whole.unscaled).map_err(|_| Cell::OutOfRange)?);
            }
            Column::Number(it) => {
                let Type::Number(ty) = &reading.ty else { return Err(Cell::NotReadable) };
                it.append_value(scaled(number(text, reading)?, reading, ty.scale)?);
            }
            Column::Date(it) => it.append_value(date(text, reading)?),
            Column::DateTime(it) => it.append_value(date_time(text, reading)?),
            Column::Text(it) => textual(it, text, &reading.ty)?,
        }
        Ok(())
    }
}

fn truth(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|it| it.eq_ignore_ascii_case(text));
    if is(&["1", "true", "yes", "y", "1.0"]) {
        return Some(true);
    }
    is(&["0", "false", "no", "n", "0.0"]).then_some(false)
}

fn number(text: &str, reading: &Reading) -> Result<Decimal, Cell> {
    let text = text.strip_suffix('%').map_or(text, str::trim_end);
    let replaced = if reading.decimal_mark == '.' {
        std::borrow::Cow::Borrowed(text)
    } else if text.contains('.') {
        return Err(Cell::NotReadable);
    } else {
        std::borrow::Cow::Owned(text.replace(reading.decimal_mark, "."))
    };
    if replaced.contains('_') {
        return Err(Cell::NotReadable);
    }
    let (digits, exponent) = match replaced.split_once(['e', 'E']) {
        Some((digits, exponent)) => {
            (digits, exponent.parse::<i32>().map_err(|_| Cell::NotReadable)?)
        }
        None => (&*replaced, 0),
    };
    let parsed = Decimal::parse(digits).ok_or_else(|| {
        let plain = digits.bytes().all(|it| it.is_ascii_digit() || b"+-.".contains(&it));
        if plain && 38 < digits.len() { Cell::OutOfRange } else { Cell::NotReadable }
    })?;
    shifted(parsed, exponent).ok_or(Cell::OutOfRange)
}

fn shifted(it: Decimal, exponent: i32) -> Option<Decimal> {
    if exponent == 0 {
        return Some(it);
    }
    let scale = i32::from(it.scale).checked_sub(exponent)?;
    if scale < 0 {
        let power = 10_i128.checked_pow(scale.unsigned_abs())?;
        return Some(Decimal::new(it.unscaled.checked_mul(power)?, 0));
    }
    match u8::try_from(scale) {
        Ok(scale) if scale <= 76 => Some(Decimal::new(it.unscaled, scale)),
        _ => Some(Decimal::new(0, 0)),
    }
}

/// In base units at `scale`, rounded half away from zero; at most 18 digits before the point.
fn scaled(number: Decimal, reading: &Reading, scale: u8) -> Result<i128, Cell> {
    let converted = match reading.factor {
        None => number,
        Some((factor, divisor)) => {
            let top = decimal::multiply(
                number.with_scale(number.scale.min(9)).ok_or(Cell::OutOfRange)?,
                factor,
            );
            decimal::divide(top.ok_or(Cell::OutOfRange)?, divisor).ok_or(Cell::OutOfRange)?
        }
    };
    let it = converted.with_scale(scale).ok_or(Cell::OutOfRange)?;
    let limit = 10_i128.pow(18 + u32::from(scale));
    if it.unscaled.abs() < limit { Ok(it.unscaled) } else { Err(Cell::OutOfRange) }
}

fn date(text: &str, reading: &Reading) -> Result<i32, Cell> {
    let parsed = match &reading.date_format {
        Some(format) => jiff::civil::Date::strptime(format, text).ok(),
        None => {
            let day = text.get(..10).unwrap_or(text);
            let rest = text.get(10..).unwrap_or_default();
            let midnight = rest.trim_matches(|it: char| " T:.0Z".contains(it)).is_empty();
            if midnight { day.parse().ok() } else { None }
        }
    };
    parsed.ok_or(Cell::NotReadable).and_then(|it| calendar::days(it).ok_or(Cell::OutOfRange))
}

fn date_time(text: &str, reading: &Reading) -> Result<i64, Cell> {
    let parsed = match &reading.date_format {
        Some(format) => jiff::civil::DateTime::strptime(format, text).ok(),
        None => text.strip_suffix('Z').unwrap_or(text).parse().ok(),
    };
    parsed
        .ok_or(Cell::NotReadable)
        .and_then(|it| calendar::microseconds(it).ok_or(Cell::OutOfRange))
}

fn textual(builder: &mut StringBuilder, text: &str, ty: &Type) -> Result<(), Cell> {
    match ty {
        Type::Code(_) => {
            let code: String = text
                .chars()
                .filter(|it| !matches!(it, '.' | ' '))
                .map(|it| it.to_ascii_uppercase())
                .collect();
            if code.contains(['+', ',', '-']) || !code.bytes().all(|it| it.is_ascii_alphanumeric())
            {
                return Err(Cell::NotReadable);
            }
            builder.append_value(code);
        }
        Type::Country | Type::Currency => builder.append_value(text.to_uppercase()),
        Type::Choice(choice) => {
            choice.rank(text).ok_or(Cell::NotReadable)?;
            builder.append_value(text);
        }
        _ if is_nfc(text) => builder.append_value(text),
        _ => builder.append_value(text.nfc().collect::<String>()),
    }
    Ok(())
}
