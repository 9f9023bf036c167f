//! ISO dates and times as data files write them, read to the last character.

use jiff::civil::DateTime;
use jiff::civil::Time;
use jiff::tz::Offset;

use crate::data::cell::Fault;
use crate::data::cell::Moment;

/// `2026-03-10`, `20260310`, with or without a time after `T` or a blank, with or without `Z` or
/// an offset such as `+02:00`; a day alone may have `Z`.
///
/// Errors: anything else is not readable; a year that the calendar here does not have is out of
/// range.
pub fn parse(text: &str) -> Result<Moment, Fault> {
    let (year, rest) = year(text)?;
    let (month, day, rest) = match rest.strip_prefix('-') {
        Some(rest) => {
            let (month, rest) = two(rest)?;
            let (day, rest) = two(rest.strip_prefix('-').ok_or(Fault::NotReadable)?)?;
            (month, day, rest)
        }
        None => {
            let (month, rest) = two(rest)?;
            let (day, rest) = two(rest)?;
            (month, day, rest)
        }
    };
    let (time, offset) = match rest.strip_prefix(['T', 't', ' ']) {
        None if rest.is_empty() => (Time::midnight(), None),
        // As XML writes a day.
        None if rest == "Z" => (Time::midnight(), Some(Offset::UTC)),
        None => return Err(Fault::NotReadable),
        Some(rest) => time(rest.trim_start())?,
    };
    // A year of more than four digits is checked as a leap year before it is refused.
    let known = year.filter(|it| (1..=9999).contains(it));
    let civil = jiff::civil::Date::new(known.unwrap_or(2000), month, day)
        .map_err(|_| Fault::NotReadable)?;
    match known {
        Some(_) => Ok(Moment { civil: DateTime::from_parts(civil, time), offset }),
        None => Err(Fault::OutOfRange),
    }
}

/// Four digits; `None` for the years of more digits, or before Christ, that some libraries write
/// with a sign.
fn year(text: &str) -> Result<(Option<i16>, &str), Fault> {
    let signed = text.strip_prefix(['+', '-']);
    let digits = signed.unwrap_or(text);
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    if signed.is_some() || (4 < length && length != 8) {
        let rest = &digits[length..];
        return if 4 <= length && rest.starts_with('-') {
            Ok((None, rest))
        } else {
            Err(Fault::NotReadable)
        };
    }
    let (year, rest) = digits.split_at_checked(4).ok_or(Fault::NotReadable)?;
    let year = year.parse::<u16>().ok().and_then(|it| i16::try_from(it).ok());
    year.map(|it| (Some(it), rest)).ok_or(Fault::NotReadable)
}

/// Two digits and what follows them.
fn two(text: &str) -> Result<(i8, &str), Fault> {
    let (digits, rest) = text.split_at_checked(2).ok_or(Fault::NotReadable)?;
    if !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Err(Fault::NotReadable);
    }
    digits.parse().map(|it| (it, rest)).map_err(|_| Fault::NotReadable)
}

/// `14:30`, `14:30:00`, `1430`, with parts of a second and an offset.
fn time(text: &str) -> Result<(Time, Option<Offset>), Fault> {
    let (hour, rest) = two(text)?;
    let extended = rest.starts_with(':');
    let next = |rest: &'_ str| -> Result<Option<(i8, usize)>, Fault> {
        let digits = if extended { rest.strip_prefix(':') } else { Some(rest) };
        match digits {
            Some(it) if extended || it.starts_with(|it: char| it.is_ascii_digit()) => {
                Ok(Some((two(it)?.0, rest.len() - it.len() + 2)))
            }
            Some(_) | None => Ok(None),
        }
    };
    let (minute, length) = next(rest)?.ok_or(Fault::NotReadable)?;
    let rest = &rest[length..];
    let (second, length) = next(rest)?.unwrap_or((0, 0));
    let (nanoseconds, rest) = fraction(&rest[length..])?;
    let time = Time::new(hour, minute, second, nanoseconds).map_err(|_| Fault::NotReadable)?;
    Ok((time, offset(rest.trim_start())?))
}

/// Parts of a second after a point or comma, cut after the ninth digit.
fn fraction(text: &str) -> Result<(i32, &str), Fault> {
    let Some(after) = text.strip_prefix(['.', ',']) else { return Ok((0, text)) };
    let length = after.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return Err(Fault::NotReadable);
    }
    let (digits, rest) = after.split_at(length);
    let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
    nine.parse().map(|it| (it, rest)).map_err(|_| Fault::NotReadable)
}

/// `Z`, `+02`, `+02:00`, `+0200`; nothing for nothing.
fn offset(text: &str) -> Result<Option<Offset>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.eq_ignore_ascii_case("z") {
        return Ok(Some(Offset::UTC));
    }
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (None, Some(rest)) => (-1, rest),
        (None, None) => return Err(Fault::NotReadable),
    };
    let (hours, rest) = two(rest)?;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = if rest.is_empty() { (0, rest) } else { two(rest)? };
    if !rest.is_empty() || 18 < hours || 59 < minutes {
        return Err(Fault::NotReadable);
    }
    let seconds = sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60);
    Offset::from_seconds(seconds).map(Some).map_err(|_| Fault::NotReadable)
}
