//! Typed columns to canonical ones without a way through text, where nothing can differ.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::Decimal128Array;
use arrow::array::Int64Array;
use arrow::array::StringArray;
use arrow::compute::CastOptions;
use arrow::compute::cast;
use arrow::compute::cast_with_options;
use arrow::datatypes::DataType;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimeUnit;
use arrow::datatypes::TimestampMicrosecondType;
use unicode_normalization::is_nfc;

use crate::data::Converted;
use crate::data::cell::Fault;
use crate::data::cell::Held;
use crate::data::cell::Reading;
use crate::data::convert::Column;
use crate::data::convert::data_type;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::calendar;
use crate::value::country;

const DAYS: std::ops::RangeInclusive<i32> = calendar::FIRST_DAY..=calendar::LAST_DAY;
const DAY: i64 = 86_400_000_000;

pub fn is_text(ty: &DataType) -> bool {
    match ty {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// `None` when some value needs a closer look: a fault, a rounding, text to be tidied.
pub fn converted(column: &ArrayRef, reading: &Reading) -> Option<ArrayRef> {
    let found = column.data_type();
    if is_text(found) {
        return texts(column, reading);
    }
    if !reading.nulls.is_empty() {
        return None;
    }
    match (&reading.ty, found) {
        (Type::Truth, DataType::Boolean) => Some(column.clone()),
        (Type::Truth, it) if it.is_integer() => truths(column),
        (Type::Whole, it) if it.is_integer() => whole(column),
        (Type::Number(it), _) => numbers(column, reading, it.scale),
        (Type::Date, DataType::Date32) => days(column),
        (Type::DateTime, DataType::Timestamp(TimeUnit::Microsecond, _)) => instants(column),
        _ => None,
    }
}

/// The same values in another type, or none at all.
fn exactly(column: &ArrayRef, ty: &DataType) -> Option<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(column, ty, &options).ok()
}

fn whole(column: &ArrayRef) -> Option<ArrayRef> {
    exactly(column, &DataType::Int64)
}

fn truths(column: &ArrayRef) -> Option<ArrayRef> {
    let numbers = whole(column)?;
    let numbers = numbers.as_primitive::<Int64Type>();
    if numbers.iter().flatten().any(|it| it != 0 && it != 1) {
        return None;
    }
    Some(Arc::new(BooleanArray::from_iter(numbers.iter().map(|it| it.map(|it| it == 1)))))
}

fn days(column: &ArrayRef) -> Option<ArrayRef> {
    let days = column.as_primitive_opt::<Date32Type>()?;
    days.iter().flatten().all(|it| DAYS.contains(&it)).then(|| column.clone())
}

fn instants(column: &ArrayRef) -> Option<ArrayRef> {
    let first = i64::from(*DAYS.start()) * DAY;
    let last = (i64::from(*DAYS.end()) + 1) * DAY;
    let all = column.as_primitive_opt::<TimestampMicrosecondType>()?;
    let fits = all.iter().flatten().all(|it| first <= it && it < last);
    fits.then(|| Arc::new(all.clone().with_timezone_opt(None::<Arc<str>>)) as ArrayRef)
}

/// Days and instants as days or microseconds: a day is that of the instant in UTC, and parts of a
/// microsecond are cut. `None` for other columns.
pub fn moments(column: &ArrayRef, reading: &Reading) -> Option<Converted> {
    let of_days = matches!(reading.ty, Type::Date);
    if !of_days && !matches!(reading.ty, Type::DateTime) {
        return None;
    }
    let (numbers, unit) = counted(column)?;
    let mut held = Column::new(&reading.ty);
    let mut faults = Vec::new();
    for (row, number) in numbers.iter().enumerate() {
        let Some(number) = number else {
            held.missing();
            continue;
        };
        let (day, rest) = (number.div_euclid(unit), number.rem_euclid(unit));
        let day = i32::try_from(day).ok().filter(|it| DAYS.contains(it));
        let part = i128::from(rest) * i128::from(DAY) / i128::from(unit);
        let part = i64::try_from(part).unwrap_or(0);
        match day {
            Some(day) if is_null(day, part, reading) => held.missing(),
            Some(day) if of_days => held.append(Held::Date(day)),
            Some(day) => held.append(Held::DateTime(i64::from(day) * DAY + part)),
            None => {
                held.missing();
                faults.push((row, Fault::OutOfRange));
            }
        }
    }
    Some(Converted { array: held.finish(), faults })
}

/// Whether a moment is written like one of the words for *missing*.
fn is_null(day: i32, part: i64, reading: &Reading) -> bool {
    if reading.nulls.is_empty() {
        return false;
    }
    let time = calendar::time_text(i64::from(day) * DAY + part);
    let with_seconds = format!("{time}:00");
    let written = [time.as_str(), with_seconds.as_str()];
    let is_day = |it: &str| part == 0 && it == calendar::date_text(day);
    reading
        .nulls
        .iter()
        .any(|it| is_day(it) || written.contains(&it.replacen(' ', "T", 1).as_str()))
}

/// Days or instants as numbers, and how many of them are a day.
fn counted(column: &ArrayRef) -> Option<(Int64Array, i64)> {
    let unit = match column.data_type() {
        DataType::Date32 => 1,
        DataType::Date64 => 86_400_000,
        DataType::Timestamp(TimeUnit::Second, _) => 86_400,
        DataType::Timestamp(TimeUnit::Millisecond, _) => 86_400_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => DAY,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 86_400_000_000_000,
        _ => return None,
    };
    let numbers = exactly(column, &DataType::Int64)?;
    Some((numbers.as_primitive_opt::<Int64Type>()?.clone(), unit))
}

/// A fraction by which integers of one scale become those of another.
struct Ratio {
    top: i128,
    bottom: i128,
    limit: i128,
}

impl Ratio {
    /// From a scale, through the factor of the unit, to a scale; at most 18 digits before the
    /// point.
    fn new(from: u8, reading: &Reading, to: u8) -> Option<Ratio> {
        let one = Decimal::new(1, 0);
        let (factor, divisor) = reading.factor.unwrap_or((one, one));
        if reading.factor.is_some() && 9 < from {
            return None;
        }
        let power = |it: u8| 10_i128.checked_pow(u32::from(it));
        let top = factor.unscaled.checked_mul(power(to.checked_add(divisor.scale)?)?)?;
        let bottom = divisor.unscaled.checked_mul(power(from.checked_add(factor.scale)?)?)?;
        let (mut a, mut b) = (top, bottom);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        if top <= 0 || bottom <= 0 {
            return None;
        }
        Some(Ratio { top: top / a, bottom: bottom / a, limit: power(to + 18)? })
    }

    /// `None` when it is not exact or too large.
    fn of(&self, it: i128) -> Option<i128> {
        let it = it.checked_mul(self.top)?;
        let it = if self.bottom == 1 {
            it
        } else if it % self.bottom == 0 {
            it / self.bottom
        } else {
            return None;
        };
        (-self.limit < it && it < self.limit).then_some(it)
    }
}

fn numbers(column: &ArrayRef, reading: &Reading, scale: u8) -> Option<ArrayRef> {
    let rows = 0..column.len();
    let given = |at: usize| !column.is_null(at);
    let mut held: Vec<i128> = Vec::with_capacity(column.len());
    match column.data_type() {
        it if it.is_integer() => {
            let ratio = Ratio::new(0, reading, scale)?;
            let all = whole(column)?;
            let all = all.as_primitive::<Int64Type>();
            for at in rows {
                held.push(if given(at) { ratio.of(i128::from(all.value(at)))? } else { 0 });
            }
        }
        DataType::Decimal128(_, from) => {
            let ratio = Ratio::new(u8::try_from(*from).ok()?, reading, scale)?;
            let all = column.as_primitive::<Decimal128Type>();
            for at in rows {
                held.push(if given(at) { ratio.of(all.value(at))? } else { 0 });
            }
        }
        DataType::Float64 => {
            let ratios: Vec<Ratio> =
                (0..=DECIMALS).map(|it| Ratio::new(it, reading, scale)).collect::<Option<_>>()?;
            let all = column.as_primitive::<Float64Type>();
            for at in rows {
                let number = |it| {
                    let (unscaled, scale) = shortest(it)?;
                    ratios.get(usize::from(scale))?.of(i128::from(unscaled))
                };
                held.push(if given(at) { number(all.value(at))? } else { 0 });
            }
        }
        _ => return None,
    }
    let array = Decimal128Array::new(held.into(), column.nulls().cloned());
    Some(Arc::new(array.with_data_type(data_type(&reading.ty))))
}

/// Decimals of a float that are looked for without writing it out.
const DECIMALS: u8 = 6;

/// The decimal that a float is written as, when it has few digits: below 10^15 only one decimal
/// reads back as the same float.
fn shortest(it: f64) -> Option<(i64, u8)> {
    let mut power = 1.0;
    for scale in 0..=DECIMALS {
        let raised = it * power;
        if raised.is_nan() || 1e15 <= raised.abs() {
            return None;
        }
        // The nearest whole number, without a call.
        let whole = (raised + 0.5_f64.copysign(raised)) as i64;
        if whole as f64 / power == it {
            return Some((whole, scale));
        }
        power *= 10.0;
    }
    None
}

/// Text that is as it should be already.
fn texts(column: &ArrayRef, reading: &Reading) -> Option<ArrayRef> {
    if !reading.ty.is_textual() {
        return None;
    }
    let column = match column.data_type() {
        DataType::Utf8 => column.clone(),
        _ => cast(column, &DataType::Utf8).ok()?,
    };
    let all: &StringArray = column.as_string::<i32>();
    if matches!(reading.ty, Type::Text(_)) && reading.nulls.is_empty() && is_plain(all) {
        return Some(column);
    }
    let nulls = |it: &str| reading.nulls.iter().any(|null| null == it);
    let tidy = |it: &str| is_tidy(it, reading) && !nulls(it);
    all.iter().flatten().all(tidy).then_some(column)
}

/// Whether all texts are given, of letters, digits and signs of ASCII without blanks.
fn is_plain(texts: &StringArray) -> bool {
    let is_given = |it: &[i32]| it[0] < it[1];
    texts.value_data().iter().all(|it| (b'!'..=b'~').contains(it))
        && texts.value_offsets().windows(2).all(is_given)
}

fn is_tidy(text: &str, reading: &Reading) -> bool {
    if text.is_empty() || text.trim().len() != text.len() {
        return false;
    }
    let bytes = text.as_bytes();
    match &reading.ty {
        Type::Code(_) => {
            let plain = bytes.iter().all(|it| it.is_ascii_digit() || it.is_ascii_uppercase());
            plain && reading.is_level(bytes.len())
        }
        Type::Country => country::is_country(text),
        Type::Currency => country::is_currency(text),
        Type::Choice(choice) => choice.rank(text).is_some(),
        _ => !text.contains('\0') && (text.is_ascii() || is_nfc(text)),
    }
}
