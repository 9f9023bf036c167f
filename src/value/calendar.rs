//! Dates and times of the calendar, from 1900-01-01 to 2199-12-31, as days and microseconds.

use jiff::Span;
use jiff::civil::Date;
use jiff::civil::DateTime;
use jiff::civil::Weekday;
use jiff::civil::date;

use crate::value::Duration;

pub const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;
pub const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

const EPOCH: Date = date(1970, 1, 1);
/// 1900-01-01 and 2199-12-31 in days since 1970-01-01.
pub const FIRST_DAY: i32 = -25_567;
pub const LAST_DAY: i32 = 84_005;

/// Days since 1970-01-01, when in range.
pub fn days(date: Date) -> Option<i32> {
    let days = date.since(EPOCH).ok()?.get_days();
    in_range(i64::from(days))
}

pub fn to_date(days: i32) -> Date {
    let span = Span::new().try_days(days);
    span.and_then(|it| EPOCH.checked_add(it)).unwrap_or(EPOCH)
}

/// Microseconds since 1970-01-01T00:00 of a time in UTC, when in range.
pub fn microseconds(time: DateTime) -> Option<i64> {
    let day = i64::from(days(time.date())?) * MICROSECONDS_PER_DAY;
    let time = time.time();
    let seconds =
        (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    Some(day + seconds * 1_000_000 + i64::from(time.subsec_nanosecond()) / 1_000)
}

fn in_range(days: i64) -> Option<i32> {
    i32::try_from(days).ok().filter(|it| (FIRST_DAY..=LAST_DAY).contains(it))
}

/// A date moved by days or months; months are clamped to the end of the month. No value outside the
/// range, nor by a time of hours and minutes.
pub fn add_to_date(days: i32, duration: Duration) -> Option<i32> {
    match duration {
        Duration::Days(n) => in_range(i64::from(days) + i64::from(n)),
        Duration::Months(n) => {
            let months = Span::new().try_months(n).ok()?;
            self::days(to_date(days).checked_add(months).ok()?)
        }
        Duration::Time(_) => None,
    }
}

/// An instant moved by any duration; days are 24 hours.
pub fn add_to_time(time: i64, duration: Duration) -> Option<i64> {
    let day = i32::try_from(time.div_euclid(MICROSECONDS_PER_DAY)).ok()?;
    let rest = time.rem_euclid(MICROSECONDS_PER_DAY);
    match duration {
        Duration::Days(_) | Duration::Months(_) => {
            Some(i64::from(add_to_date(day, duration)?) * MICROSECONDS_PER_DAY + rest)
        }
        Duration::Time(n) => {
            let moved = time.checked_add(n)?;
            in_range(moved.div_euclid(MICROSECONDS_PER_DAY)).map(|_| moved)
        }
    }
}

pub fn negated(duration: Duration) -> Option<Duration> {
    Some(match duration {
        Duration::Days(n) => Duration::Days(n.checked_neg()?),
        Duration::Time(n) => Duration::Time(n.checked_neg()?),
        Duration::Months(n) => Duration::Months(n.checked_neg()?),
    })
}

/// 0 for Monday.
pub fn weekday(days: i32) -> usize {
    match to_date(days).weekday() {
        Weekday::Monday => 0,
        Weekday::Tuesday => 1,
        Weekday::Wednesday => 2,
        Weekday::Thursday => 3,
        Weekday::Friday => 4,
        Weekday::Saturday => 5,
        Weekday::Sunday => 6,
    }
}

pub fn day_of_time(time: i64) -> i32 {
    i32::try_from(time.div_euclid(MICROSECONDS_PER_DAY)).unwrap_or(0)
}

pub fn hour(time: i64) -> i64 {
    time.rem_euclid(MICROSECONDS_PER_DAY) / 3_600_000_000
}

pub fn minute(time: i64) -> i64 {
    time.rem_euclid(3_600_000_000) / 60_000_000
}

/// `2026-03-10`
pub fn date_text(days: i32) -> String {
    to_date(days).to_string()
}

/// `2026-03-10T14:30`, with seconds and their parts only when there are some.
pub fn time_text(time: i64) -> String {
    let rest = time.rem_euclid(MICROSECONDS_PER_DAY);
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let mut text =
        format!("{}T{:02}:{:02}", date_text(day_of_time(time)), seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 || micros != 0 {
        text += &format!(":{:02}", seconds % 60);
    }
    if micros != 0 {
        text += &format!(".{micros:06}");
    }
    text
}
