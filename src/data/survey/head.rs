//! The begin of a text: its encoding, its separator, and the names of its columns.
//!
//! tamis reads tables whose first line names the columns. What else stands there in extracts
//! (titles, notes of spreadsheets, two lines of names, none at all) is told, with a remedy.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use encoding_rs::Encoding;
use encoding_rs::UTF_8;
use encoding_rs::UTF_16BE;
use encoding_rs::UTF_16LE;
use encoding_rs::WINDOWS_1252;

use crate::data::survey::guess;
use crate::data::text;
use crate::disk;
use crate::trouble::Trouble;

pub struct Head {
    pub separator: u8,
    pub encoding: &'static Encoding,
    pub names: Vec<String>,
}

/// How much of a file is looked at before all of it is read.
const BEGIN: u64 = 1 << 16;
const RECORDS: usize = 50;

/// A record, and the line that it begins in.
type Begun = (u64, StringRecord);

/// Errors: a file that cannot be read, or whose first line does not name its columns.
pub fn read(path: &Path, shown: &str) -> Result<Head, Trouble> {
    let unreadable = |_| Trouble::data(format!("{shown}: cannot be read"));
    let encoding = encoding(path).map_err(unreadable)?;
    let mut begin = Vec::new();
    disk::open(path).and_then(|it| it.take(BEGIN).read_to_end(&mut begin)).map_err(unreadable)?;
    let (content, _, _) = encoding.decode(&begin);
    let content = content.trim_start_matches('\u{FEFF}');
    let refused = |line: u64, what: &str, help: &str| {
        Trouble::data(format!("{shown}:{line}: {what}")).help(help)
    };
    if let Some(it) = content.lines().next().filter(|it| is_note(it)) {
        let what = format!("`{}` is a note for spreadsheets, not the names of columns", it.trim());
        return Err(refused(1, &what, "take this line out, then try again"));
    }
    let separator = separator(content);
    let whole = begin.len() < usize::try_from(BEGIN).unwrap_or(usize::MAX);
    let records = records(content, separator, whole);
    let place = head_of(&records);
    if 0 < place {
        let line = records[place].0;
        let what = "the names of the columns stand here, below what is no table";
        let help = match line {
            2 => "take line 1 out, then try again".to_owned(),
            _ => format!("take lines 1 to {} out, then try again", line - 1),
        };
        return Err(refused(line, what, &help));
    }
    if is_headless(&records) {
        let what = "this line looks like data: the names of the columns are missing";
        return Err(refused(1, what, "put a line with a name for each column on top"));
    }
    if has_second(&records) {
        let line = records[1].0;
        let what = "this line looks like names of columns, as the one above it does";
        return Err(refused(line, what, "keep one line of names, then try again"));
    }
    let names = text::header(path, separator, encoding);
    let names = names.map_err(|it| Trouble::data(format!("{shown}: {it}")))?;
    if names.is_empty() {
        return Err(Trouble::data(format!("{shown}: is empty")));
    }
    Ok(Head { separator, encoding, names })
}

/// `sep=;`
fn is_note(line: &str) -> bool {
    let line = line.trim().trim_matches('"').to_lowercase();
    line.strip_prefix("sep=").is_some_and(|it| it.chars().count() <= 2)
}

/// UTF-8, UTF-16 by its mark; otherwise every byte is a letter of windows-1252, since nothing else
/// can be told from the file.
fn encoding(path: &Path) -> std::io::Result<&'static Encoding> {
    let mut reader = BufReader::new(disk::open(path)?);
    let marked = Encoding::for_bom(reader.fill_buf()?).map(|it| it.0);
    if let Some(it) = marked.filter(|it| *it == UTF_16LE || *it == UTF_16BE) {
        return Ok(it);
    }
    let mut lines = reader.split(b'\n');
    let plain =
        lines.try_fold(true, |all, line| line.map(|it| all && std::str::from_utf8(&it).is_ok()))?;
    Ok(if plain { UTF_8 } else { WINDOWS_1252 })
}

/// The one that cuts most lines into as many cells as each other.
fn separator(content: &str) -> u8 {
    let rank = |it: u8| {
        let records = records(content, it, false);
        let widths: Vec<usize> = records.iter().map(|it| it.1.len()).collect();
        let alike = |width: usize| widths.iter().filter(|it| **it == width).count();
        let best = widths.iter().copied().filter(|it| 1 < *it).max_by_key(|it| (alike(*it), *it));
        best.map_or((0, 0), |it| (alike(it), it))
    };
    let mut res = b',';
    for it in [b';', b'\t', b'|'] {
        if rank(res) < rank(it) {
            res = it;
        }
    }
    res
}

/// The first records; the last one of a part may be cut and is left out.
fn records(content: &str, separator: u8, whole: bool) -> Vec<Begun> {
    let mut builder = csv::ReaderBuilder::new();
    let builder = builder.has_headers(false).flexible(true).delimiter(separator);
    let mut reader = builder.from_reader(content.as_bytes());
    let mut res: Vec<Begun> = Vec::new();
    for it in reader.records().take(RECORDS).flatten() {
        res.push((it.position().map_or(1, csv::Position::line), it));
    }
    if !whole && 1 < res.len() && res.len() < RECORDS {
        res.pop();
    }
    res
}

fn given(record: &StringRecord) -> usize {
    record.iter().filter(|it| !it.trim().is_empty()).count()
}

/// The first record that is as wide as most, and names most of its columns.
fn head_of(records: &[Begun]) -> usize {
    let widths: Vec<usize> = records.iter().map(|it| it.1.len()).collect();
    let alike = |width: usize| widths.iter().filter(|it| **it == width).count();
    let usual = widths.iter().copied().max_by_key(|it| (alike(*it), *it)).unwrap_or(0);
    let is_head = |it: &Begun| usual <= it.1.len() + 1 && it.1.len() <= 2 * given(&it.1);
    let found = records.iter().position(is_head).unwrap_or(0);
    // One line and another: nothing says that the first is a title.
    if records.len() < found + 2 { 0 } else { found }
}

/// Whether the first line is of the kind of those below it.
fn is_headless(records: &[Begun]) -> bool {
    let Some(((_, first), rest)) = records.split_first() else { return false };
    let is_year = |it: &str| it.trim().parse::<u16>().is_ok_and(|it| (1900..2100).contains(&it));
    let figures = |it: &&str| guess::is_figure(it) && !is_year(it);
    if rest.is_empty() {
        return first.iter().filter(figures).count() * 2 >= first.len().max(1);
    }
    let kind = |it: &str| guess::is_figure(it);
    let like_below = |at: usize, cell: &str| {
        rest.iter()
            .filter_map(|it| it.1.get(at))
            .all(|it| it.trim().is_empty() || kind(it) == kind(cell))
    };
    first.iter().any(|it| figures(&it))
        && first.iter().enumerate().all(|(at, it)| it.trim().is_empty() || like_below(at, it))
}

/// Whether the second line has words where all lines below it have figures.
fn has_second(records: &[Begun]) -> bool {
    let [_, (_, second), rest @ ..] = records else { return false };
    let figures = |at: usize| {
        let mut below =
            rest.iter().filter_map(|it| it.1.get(at)).filter(|it| !it.trim().is_empty());
        below.clone().next().is_some() && below.all(guess::is_figure)
    };
    let columns: Vec<&str> =
        second.iter().enumerate().filter(|it| figures(it.0)).map(|it| it.1.trim()).collect();
    let is_word = |it: &&&str| {
        !it.chars().any(|it| it.is_ascii_digit()) && !guess::is_null(it) && !it.is_empty()
    };
    let words = columns.iter().filter(is_word).count();
    !columns.is_empty() && words == columns.len() && second.len() == given(second)
}

/// Whether the first cell of a row says that it sums up.
pub fn is_total(cell: &str) -> bool {
    const WORDS: [&str; 12] = [
        "total",
        "totals",
        "sum",
        "summe",
        "gesamt",
        "insgesamt",
        "somme",
        "totaal",
        "totale",
        "suma",
        "subtotal",
        "итого",
    ];
    let folded = cell.trim().to_lowercase();
    let first = folded.split(|it: char| !it.is_alphabetic()).find(|it| !it.is_empty());
    let second = folded.starts_with("grand total");
    second || first.is_some_and(|it| WORDS.contains(&it))
}
