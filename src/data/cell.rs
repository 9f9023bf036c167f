//! The one reader of cells: text to a value of a type, for data, lists, nomenclatures, groups,
//! sheets and suppositions alike.

use std::borrow::Cow;

use jiff::civil::Date;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::Offset;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::is_nfc;

use crate::data::instant;
use crate::schema::Schema;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::calendar;
use crate::value::country;
use crate::value::decimal;
use crate::value::unit;

/// How the cells of a column are written.
#[derive(Debug, Clone)]
pub struct Reading {
    pub ty: Type,
    /// `strftime`; ISO when absent.
    pub date_format: Option<String>,
    pub decimal_mark: char,
    /// Numbers are multiplied and divided by these: units, percentages.
    pub factor: Option<(Decimal, Decimal)>,
    /// Words that mean *missing*, besides blank.
    pub nulls: Vec<String>,
    /// Of a code: the lengths that its nomenclature has; empty when any will do.
    pub levels: Vec<u32>,
}

/// A value in the form in which a column holds it.
#[derive(Debug, PartialEq, Eq)]
pub enum Held<'a> {
    Truth(bool),
    Whole(i64),
    /// At the scale of the type, in base units.
    Number(i128),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01, UTC.
    DateTime(i64),
    Text(Cow<'a, str>),
}

/// Why a cell has no value although something stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    NotReadable,
    /// Bytes that are no text.
    NoText,
    /// More than any cell may hold.
    TooLong,
    /// It begins with a quote that does not end.
    StrayQuote,
    OutOfRange,
    NoCountry,
    NoCurrency,
    /// A code of a length that its nomenclature does not have.
    NoLevel,
}

impl Fault {
    /// What is expected instead, where that is not what the column says.
    pub fn expected(self) -> Option<String> {
        match self {
            Fault::StrayQuote => Some("a quote at both ends, two for one between".to_owned()),
            Fault::NoText => Some("text in the encoding of the file, without NUL".to_owned()),
            Fault::TooLong => Some("at most 64 KiB".to_owned()),
            Fault::NotReadable
            | Fault::OutOfRange
            | Fault::NoCountry
            | Fault::NoCurrency
            | Fault::NoLevel => None,
        }
    }

    /// As it is counted.
    pub fn reason(self) -> &'static str {
        match self {
            Fault::NotReadable | Fault::NoText => "not readable",
            Fault::TooLong => "too long",
            Fault::StrayQuote => "stray quote",
            Fault::OutOfRange => "out of range",
            Fault::NoCountry => "not a country",
            Fault::NoCurrency => "not a currency",
            Fault::NoLevel => "of no level of its nomenclature",
        }
    }
}

impl Reading {
    /// How cells of a type are written where nothing else is said; a unit, if any, as the schema
    /// names it.
    pub fn new(schema: &Schema, ty: &Type, unit: Option<&str>) -> Reading {
        let one = Decimal::new(1, 0);
        let factor = match ty {
            Type::Number(it) if it.percent => Some((one, Decimal::new(100, 0))),
            _ => unit
                .and_then(unit::parse)
                .map(|(_, factor, divisor)| (factor, divisor))
                .filter(|it| *it != (one, one)),
        };
        let levels = match ty {
            Type::Code(name) => {
                schema.nomenclatures.get(&**name).map(|it| it.levels.clone()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        Reading {
            ty: ty.clone(),
            date_format: None,
            decimal_mark: '.',
            factor,
            nulls: Vec::new(),
            levels,
        }
    }

    /// The value of a cell; `None` for one that is blank or a word for *missing*.
    ///
    /// Errors: what stands there is no value of the type.
    pub fn read<'a>(&self, text: &'a str) -> Result<Option<Held<'a>>, Fault> {
        let text = text.trim();
        if text.is_empty() || self.nulls.iter().any(|it| it == text) {
            return Ok(None);
        }
        self.held(text).map(Some)
    }

    fn held<'a>(&self, text: &'a str) -> Result<Held<'a>, Fault> {
        Ok(match &self.ty {
            Type::Truth => Held::Truth(truth(text).ok_or(Fault::NotReadable)?),
            Type::Whole | Type::Duration => Held::Whole(self.whole(text)?),
            Type::Number(ty) => Held::Number(self.number(text, ty.scale, ty.percent)?),
            Type::Date => match self.plain_day(text) {
                Some(day) => Held::Date(day),
                None => Held::Date(self.moment(text)?.day()?),
            },
            Type::DateTime => Held::DateTime(self.moment(text)?.microseconds()?),
            Type::Code(_) => Held::Text(self.code(text)?),
            Type::Country => Held::Text(
                capitals(text).filter(|it| country::is_country(it)).ok_or(Fault::NoCountry)?,
            ),
            Type::Currency => Held::Text(
                capitals(text).filter(|it| country::is_currency(it)).ok_or(Fault::NoCurrency)?,
            ),
            Type::Choice(choice) => {
                choice.rank(text).ok_or(Fault::NotReadable)?;
                Held::Text(Cow::Borrowed(text))
            }
            Type::Text(_) | Type::Error if text.contains('\0') => return Err(Fault::NoText),
            Type::Text(_) | Type::Error if is_nfc(text) => Held::Text(Cow::Borrowed(text)),
            Type::Text(_) | Type::Error => Held::Text(Cow::Owned(text.nfc().collect())),
        })
    }

    /// What cells of the column look like, for those who have to mend them.
    pub fn expected(&self) -> String {
        match &self.ty {
            Type::Truth => "true or false, yes or no, 1 or 0".to_owned(),
            Type::Whole | Type::Duration => "a whole number such as 12".to_owned(),
            Type::Number(it) if it.percent => {
                format!("a percentage such as 2{}5 or 2{0}5 %", self.decimal_mark)
            }
            Type::Number(_) => format!("a number such as 1234{}5", self.decimal_mark),
            Type::Date => match &self.date_format {
                Some(format) => format!("a date as `{format}` says"),
                None => "a date such as 2026-03-10, or as `dates` of tamis.toml says: `%d/%m/%Y`, \
                         `%Y%m` for a month"
                    .to_owned(),
            },
            Type::DateTime => match &self.date_format {
                Some(format) => format!("a date-time as `{format}` says"),
                None => "a date-time such as 2026-03-10T14:30".to_owned(),
            },
            Type::Code(name) => match self.lengths() {
                None => format!("a code of {name}"),
                Some(lengths) => format!("a code of {name}: {lengths} digits or letters"),
            },
            Type::Choice(choice) => format!("one of {}", choice.values.join(", ")),
            Type::Country => "a country of ISO 3166 such as CN".to_owned(),
            Type::Currency => "a currency of ISO 4217 such as EUR".to_owned(),
            Type::Text(_) | Type::Error => "text".to_owned(),
        }
    }

    /// `2, 4 or 6`
    pub fn lengths(&self) -> Option<String> {
        let all: Vec<String> = self.levels.iter().map(u32::to_string).collect();
        let (last, rest) = all.split_last()?;
        Some(if rest.is_empty() { last.clone() } else { format!("{} or {last}", rest.join(", ")) })
    }

    /// Whether a code has a length of its nomenclature.
    pub fn is_level(&self, characters: usize) -> bool {
        self.levels.is_empty()
            || u32::try_from(characters).is_ok_and(|it| self.levels.contains(&it))
    }

    /// Letters and digits; dots and blanks between them are for the eye. One that stands elsewhere
    /// than after a pair or a level is what a spreadsheet or a float made of a code: `10121.0`.
    fn code<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, Fault> {
        let plain = |it: &u8| it.is_ascii_digit() || it.is_ascii_uppercase();
        if text.bytes().all(|it| plain(&it)) {
            return if self.is_level(text.len()) {
                Ok(Cow::Borrowed(text))
            } else {
                Err(Fault::NoLevel)
            };
        }
        let mut code = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                '.' | ' '
                    if (!code.is_empty() && code.len().is_multiple_of(2))
                        || self.levels.contains(&(code.len() as u32)) => {}
                '.' | ' ' => return Err(Fault::NoLevel),
                _ if letter.is_ascii_alphanumeric() => code.push(letter.to_ascii_uppercase()),
                _ => return Err(Fault::NotReadable),
            }
        }
        if self.is_level(code.len()) { Ok(Cow::Owned(code)) } else { Err(Fault::NoLevel) }
    }

    fn whole(&self, text: &str) -> Result<i64, Fault> {
        let whole = self.decimal(text)?.normalised();
        if whole.scale != 0 {
            return Err(Fault::NotReadable);
        }
        i64::try_from(whole.unscaled).map_err(|_| Fault::OutOfRange)
    }

    /// At `scale`, in base units. A percent sign says itself that hundredths are meant; anything
    /// but a percentage has none.
    fn number(&self, text: &str, scale: u8, percent: bool) -> Result<i128, Fault> {
        match text.strip_suffix('%') {
            None => scaled(self.decimal(text)?, self.factor, scale),
            Some(before) if percent => {
                let hundredths = Some((Decimal::new(1, 0), Decimal::new(100, 0)));
                scaled(self.decimal(before.trim_end())?, hundredths, scale)
            }
            Some(_) => Err(Fault::NotReadable),
        }
    }

    fn decimal(&self, text: &str) -> Result<Decimal, Fault> {
        let replaced = if self.decimal_mark == '.' {
            Cow::Borrowed(text)
        } else if text.contains('.') {
            return Err(Fault::NotReadable);
        } else {
            Cow::Owned(text.replace(self.decimal_mark, "."))
        };
        if replaced.contains('_') {
            return Err(Fault::NotReadable);
        }
        let (digits, exponent) = match replaced.split_once(['e', 'E']) {
            Some((digits, exponent)) => {
                (digits, exponent.parse::<i32>().map_err(|_| Fault::NotReadable)?)
            }
            None => (&*replaced, 0),
        };
        let parsed = Decimal::parse(digits).ok_or_else(|| {
            let plain = digits.bytes().all(|it| it.is_ascii_digit() || b"+-.".contains(&it));
            if plain && 38 < digits.len() { Fault::OutOfRange } else { Fault::NotReadable }
        })?;
        shifted(parsed, exponent).ok_or(Fault::OutOfRange)
    }

    /// The day of `2026-03-10`, as nearly all days are written; nothing of any other text.
    fn plain_day(&self, text: &str) -> Option<i32> {
        let [a, b, c, d, b'-', e, f, b'-', g, h] = text.as_bytes() else { return None };
        let digits = [a, b, c, d, e, f, g, h];
        if self.date_format.is_some() || !digits.iter().all(|it| it.is_ascii_digit()) {
            return None;
        }
        let number = |all: &[&u8]| all.iter().fold(0, |sum, it| sum * 10 + i16::from(**it - b'0'));
        let (month, day) = (number(&[e, f]) as i8, number(&[g, h]) as i8);
        calendar::days(Date::new(number(&[a, b, c, d]), month, day).ok()?)
    }

    fn moment(&self, text: &str) -> Result<Moment, Fault> {
        match &self.date_format {
            None => instant::parse(text),
            Some(format) => formatted(format, text),
        }
    }
}

/// A day and a time, with the offset from UTC where one is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub civil: DateTime,
    pub offset: Option<Offset>,
}

impl Moment {
    /// In UTC where an offset says so, else as it is written.
    fn utc(self) -> Result<DateTime, Fault> {
        let Some(offset) = self.offset else { return Ok(self.civil) };
        let instant = offset.to_timestamp(self.civil).map_err(|_| Fault::OutOfRange)?;
        Ok(Offset::UTC.to_datetime(instant))
    }

    fn day(self) -> Result<i32, Fault> {
        calendar::days(self.utc()?.date()).ok_or(Fault::OutOfRange)
    }

    fn microseconds(self) -> Result<i64, Fault> {
        calendar::microseconds(self.utc()?).ok_or(Fault::OutOfRange)
    }
}

/// The day of a validity; of years that data do not have, the day next to those that they have.
///
/// Errors: what is no date at all.
pub fn day(text: &str) -> Result<Option<i32>, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let date = instant::parse(text)?.utc()?.date();
    Ok(Some(calendar::days(date).unwrap_or(if date.year() < 1900 {
        calendar::FIRST_DAY - 1
    } else {
        calendar::LAST_DAY + 1
    })))
}

/// Reads a moment by a format; one that names a month and no day means the first of the month.
///
/// Errors: a text that is not as the format says.
pub fn formatted(format: &str, text: &str) -> Result<Moment, Fault> {
    if !has_all_places(format, text) {
        return Err(Fault::NotReadable);
    }
    let mut parts = strtime::parse(format, text).map_err(|_| Fault::NotReadable)?;
    if let Some(instant) = parts.timestamp() {
        return Ok(Moment { civil: Offset::UTC.to_datetime(instant), offset: Some(Offset::UTC) });
    }
    let a_day = [
        parts.day().is_some(),
        parts.day_of_year().is_some(),
        parts.iso_week().is_some(),
        parts.sunday_based_week().is_some(),
        parts.monday_based_week().is_some(),
    ];
    if parts.month().is_some() && !a_day.contains(&true) {
        parts.set_day(Some(1)).map_err(|_| Fault::NotReadable)?;
    }
    let date: Date = parts.to_date().map_err(|_| Fault::NotReadable)?;
    let time = parts.to_time().map_err(|_| Fault::NotReadable)?;
    Ok(Moment { civil: date.to_datetime(time), offset: parts.offset() })
}

/// Whether digits of parts that follow each other without a sign between them have all their
/// places: `1112024` may be the first of November or the eleventh of January.
fn has_all_places(format: &str, text: &str) -> bool {
    let mut digits = text.split(|it: char| !it.is_ascii_digit()).filter(|it| !it.is_empty());
    let (mut parts, mut places) = (0, 0);
    let mut letters = format.bytes().peekable();
    while let Some(letter) = letters.next() {
        let width = match (letter, letters.peek()) {
            (b'%', Some(b'Y')) => 4,
            (b'%', Some(b'm' | b'd' | b'y' | b'H' | b'M' | b'S')) => 2,
            // Other parts, and digits of the form itself: nothing is known of places.
            (b'%', Some(_)) | (b'0'..=b'9', _) => return true,
            _ => 0,
        };
        if width != 0 {
            letters.next();
            (parts, places) = (parts + 1, places + width);
        }
        let ends = width == 0 || letters.peek() != Some(&b'%');
        if ends && 0 < parts {
            let found = digits.next().map(str::len);
            if 1 < parts && found != Some(places) {
                return false;
            }
            (parts, places) = (0, 0);
        }
    }
    true
}

fn truth(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|it| it.eq_ignore_ascii_case(text));
    if is(&["1", "true", "yes", "y", "1.0"]) {
        return Some(true);
    }
    is(&["0", "false", "no", "n", "0.0"]).then_some(false)
}

/// A code of capital letters, of which `None` is made where there are others than ASCII.
fn capitals(text: &str) -> Option<Cow<'_, str>> {
    if text.bytes().all(|it| it.is_ascii_uppercase()) {
        return Some(Cow::Borrowed(text));
    }
    text.is_ascii().then(|| Cow::Owned(text.to_ascii_uppercase()))
}

fn shifted(it: Decimal, exponent: i32) -> Option<Decimal> {
    if exponent == 0 {
        return Some(it);
    }
    let scale = i32::from(it.scale).checked_sub(exponent)?;
    if scale < 0 {
        if it.unscaled == 0 {
            return Some(Decimal::new(0, 0));
        }
        let power = 10_i128.checked_pow(scale.unsigned_abs())?;
        return Some(Decimal::new(it.unscaled.checked_mul(power)?, 0));
    }
    match u8::try_from(scale) {
        Ok(scale) if scale <= 76 => Some(Decimal::new(it.unscaled, scale)),
        _ => Some(Decimal::new(0, 0)),
    }
}

/// In base units at `scale`, rounded half away from zero; at most 18 digits before the point.
fn scaled(number: Decimal, factor: Option<(Decimal, Decimal)>, scale: u8) -> Result<i128, Fault> {
    let converted = match factor {
        None => number,
        Some((factor, divisor)) => {
            let top = decimal::multiply(
                number.with_scale(number.scale.min(9)).ok_or(Fault::OutOfRange)?,
                factor,
            );
            decimal::divide(top.ok_or(Fault::OutOfRange)?, divisor).ok_or(Fault::OutOfRange)?
        }
    };
    let it = converted.with_scale(scale).ok_or(Fault::OutOfRange)?;
    let limit = 10_i128.pow(18 + u32::from(scale));
    if it.unscaled.abs() < limit { Ok(it.unscaled) } else { Err(Fault::OutOfRange) }
}
