//! Row groups of Parquet files, as their statistics tell: which hold the days that are wanted, and
//! whether keys of those stand in others too.

use std::ops::RangeInclusive;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Int64Type;
use jiff::civil::Date;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;

use crate::data::DataFile;
use crate::data::Days;
use crate::data::Format;
use crate::data::Rows;
use crate::data::Table;
use crate::data::columnar;
use crate::data::sound;
use crate::data::typed;
use crate::schema::Type;
use crate::value::calendar;
use crate::value::text::Form;

/// What of the files of a table some days reach.
#[derive(Debug)]
pub struct Reached {
    /// Of each file, whether a row group may hold one of the days; nothing where all of it is read.
    pub groups: Vec<Option<Vec<bool>>>,
    /// Whether keys of these row groups stand in no other one.
    pub apart: Option<Apart>,
}

/// Keys of row groups that are read stand in no other one, unless one of them is very short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart {
    /// The column of the key.
    pub column: usize,
    /// Bytes of the shortest text of which that is known.
    pub least: usize,
}

/// The least and the greatest value of a column in a row group, as they stand in the file.
#[derive(Debug, Clone)]
enum Ends {
    Numbers(i64, i64),
    Texts(String, String),
}

/// The values of a row group, and whether it is read.
type Range = (Ends, bool);

impl Table {
    /// What these days reach; nothing where that is all there is.
    pub fn reached(&self, days: Days) -> Option<Reached> {
        let at = self.columns.iter().position(|it| *it == days.field)?;
        let keys = self.repeats.levels.first().map_or(&[][..], |it| &it.keys);
        let mut groups = Vec::with_capacity(self.files.len());
        let mut ranges: Vec<Option<Vec<Range>>> = vec![Some(Vec::new()); keys.len()];
        for (number, file) in self.files.iter().enumerate() {
            let footer = in_groups(file).and_then(|_| columnar::footer(file).ok());
            let iso = self.fields_of(number)[at].reading.date_format.is_none();
            let reached = footer.as_ref().zip(file.places[at]).and_then(|(footer, place)| {
                let days = days.first..=days.last;
                sound::contained(|| reaching(footer, &file.header[place], days, iso))?
            });
            for (range, (key, form)) in ranges.iter_mut().zip(keys) {
                let text = match &self.fields_of(number)[*key].reading.ty {
                    Type::Text(_) if *form != Form::Name => Some(true),
                    Type::Whole => Some(false),
                    _ => None,
                };
                let found = footer.as_ref().zip(file.places[*key]).zip(text);
                let found = found.and_then(|((footer, place), text)| {
                    sound::contained(|| ends(footer, &file.header[place], text))?
                });
                let rows = in_groups(file).unwrap_or_default();
                match (&mut *range, found.and_then(|it| known(it, rows, reached.as_ref()))) {
                    (Some(all), Some(more)) => all.extend(more),
                    (all, _) => *all = None,
                }
            }
            groups.push(reached);
        }
        if !groups.iter().flatten().flatten().any(|it| !it) {
            return None;
        }
        let apart = ranges.into_iter().zip(keys).find_map(|(ranges, (column, _))| {
            least(ranges?).map(|least| Apart { column: *column, least })
        });
        Some(Reached { groups, apart })
    }
}

/// The rows of each row group, where they are read one by one.
fn in_groups(file: &DataFile) -> Option<&[u64]> {
    match &file.rows {
        Rows::Groups(rows) if file.format == Format::Parquet => Some(rows),
        Rows::Groups(_) | Rows::About(_) => None,
    }
}

/// The values of row groups that have rows, all known or none, and which of them are read.
fn known(ends: Vec<Option<Ends>>, rows: &[u64], reached: Option<&Vec<bool>>) -> Option<Vec<Range>> {
    if ends.len() != rows.len() {
        return None;
    }
    let with_rows = ends.into_iter().enumerate().filter(|it| 0 < rows[it.0]);
    let range = |(group, it): (usize, Option<Ends>)| {
        Some((it?, reached.is_none_or(|it| it.get(group) != Some(&false))))
    };
    with_rows.map(range).collect()
}

/// The least and greatest values of each row group.
fn ends(footer: &ArrowReaderMetadata, name: &str, text: bool) -> Option<Vec<Option<Ends>>> {
    let groups = footer.metadata().row_groups();
    let told = StatisticsConverter::try_new(name, footer.schema(), footer.parquet_schema()).ok()?;
    let (least, most) = (told.row_group_mins(groups).ok()?, told.row_group_maxes(groups).ok()?);
    if least.data_type().is_integer() {
        let whole = |it: &ArrayRef| cast(it, &DataType::Int64).ok();
        let (least, most) = (whole(&least)?, whole(&most)?);
        let all = least.as_primitive::<Int64Type>().iter().zip(most.as_primitive::<Int64Type>());
        return Some(all.map(|it| Some(Ends::Numbers(it.0?, it.1?))).collect());
    }
    // Signed bytes, of which old statistics are, have another order.
    let place = told.parquet_column_index()?;
    let mut all = groups.iter().filter_map(|it| it.column(place).statistics());
    let is_old = all.any(|it| it.is_min_max_deprecated());
    if !text || is_old || !typed::is_text(least.data_type()) {
        return None;
    }
    let texts = |it: &ArrayRef| cast(it, &DataType::Utf8).ok();
    let (least, most) = (texts(&least)?, texts(&most)?);
    let all = least.as_string::<i32>().iter().zip(most.as_string::<i32>());
    Some(all.map(|it| Some(Ends::Texts(it.0?.to_owned(), it.1?.to_owned()))).collect())
}

/// Where no value of a row group that is read is one of another: from how many bytes on that holds,
/// for texts.
fn least(ranges: Vec<Range>) -> Option<usize> {
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for (ends, read) in &ranges {
        match ends {
            Ends::Numbers(least, most) => numbers.push((*least, *most, *read)),
            Ends::Texts(least, most) => texts.push((least.as_bytes(), most.as_bytes(), *read)),
        }
    }
    match (numbers.is_empty(), texts.is_empty()) {
        (false, true) => swept(numbers, |before, next| (before < next).then_some(0)),
        (true, false) => {
            let lowest = texts.iter().map(|it| it.0).min()?;
            let highest = texts.iter().map(|it| it.1).max()?;
            // No text begins with a blank, which readers take off.
            if *lowest.first()? <= b' ' || !highest.first()?.is_ascii() {
                return None;
            }
            let same = lowest.iter().zip(highest).take_while(|it| it.0 == it.1 && it.0.is_ascii());
            let same = same.count();
            swept(texts, |before, next| told_apart(before, next, same))
        }
        (true, true) | (false, false) => None,
    }
}

/// Goes through ranges in their order, and holds those of one kind against those of the other that
/// begin before them.
fn swept<T: Ord + Copy>(
    mut ranges: Vec<(T, T, bool)>,
    apart: impl Fn(T, T) -> Option<usize>,
) -> Option<usize> {
    ranges.sort_unstable();
    let mut greatest: [Option<T>; 2] = [None; 2];
    let mut res = 0;
    for (least, most, read) in ranges {
        if let Some(before) = greatest[usize::from(!read)] {
            res = res.max(apart(before, least)?);
        }
        let own = &mut greatest[usize::from(read)];
        *own = (*own).max(Some(most));
    }
    Some(res)
}

/// Whether no text up to `before` is the same key as one from `next` on, where all texts have the
/// first `same` bytes in common: so it is, in whatever spelling, where the first byte in which both
/// differ and those before it are digits or signs that sort before digits. Texts that end before
/// that byte, and may have had blanks behind, are shorter than the length that is given.
fn told_apart(before: &[u8], next: &[u8], same: usize) -> Option<usize> {
    let at = before.iter().zip(next).position(|it| it.0 != it.1)?;
    let plain = before.get(same..=at)?.iter().all(|it| (b'!'..=b'9').contains(it));
    (before[at] < next[at] && plain).then_some(at + 1)
}

/// Which row groups may hold these days; nothing where nothing is told. Days written as text tell
/// their years when they are `iso`.
fn reaching(
    footer: &ArrowReaderMetadata,
    name: &str,
    days: RangeInclusive<i32>,
    iso: bool,
) -> Option<Vec<bool>> {
    let groups = footer.metadata().row_groups();
    let told = StatisticsConverter::try_new(name, footer.schema(), footer.parquet_schema()).ok()?;
    let (least, most) = (told.row_group_mins(groups).ok()?, told.row_group_maxes(groups).ok()?);
    let ranges = ranges(&least, &most, iso)?;
    let may = |range: Option<(i32, i32)>| {
        range.is_none_or(|(least, most)| least <= *days.end() && *days.start() <= most)
    };
    Some(ranges.into_iter().map(may).collect())
}

/// The first and last day that each row group may hold, both told or none.
fn ranges(least: &ArrayRef, most: &ArrayRef, iso: bool) -> Option<Vec<Option<(i32, i32)>>> {
    if let (Some(least), Some(most)) =
        (least.as_primitive_opt::<Date32Type>(), most.as_primitive_opt::<Date32Type>())
    {
        return Some(least.iter().zip(most).map(|(least, most)| least.zip(most)).collect());
    }
    let least = least.as_string_opt::<i32>().filter(|_| iso)?;
    let most = most.as_string_opt::<i32>()?;
    Some(least.iter().zip(most).map(|(least, most)| years(least?, most?)).collect())
}

/// The days of texts between two of them. All that a reader takes for a date and that lies between
/// texts of four digits begins with a year between theirs: blanks and signs come before digits,
/// and of `20260310` and `2026-03-11` only the year has the order of the texts. An offset may move
/// a day into the next.
fn years(least: &str, most: &str) -> Option<(i32, i32)> {
    let year = |it: &str| it.get(..4)?.parse::<u16>().ok().and_then(|it| i16::try_from(it).ok());
    let digits = |it: &str| it.bytes().take(4).filter(u8::is_ascii_digit).count() == 4;
    if !digits(least) || !digits(most) {
        return None;
    }
    let first = calendar::days(Date::new(year(least)?, 1, 1).ok()?)?;
    let last = calendar::days(Date::new(year(most)?, 12, 31).ok()?)?;
    Some((first - 1, last + 1))
}
