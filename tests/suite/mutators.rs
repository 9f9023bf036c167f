//! Damage to files: of bytes anywhere, and of what readers of a format believe.

use std::io::Write;

use libtest_mimic::Failed;
use zip::write::SimpleFileOptions;

use crate::seed::Random;

/// What a length, a count or an offset should never be.
const EXTREMES: [u64; 12] = [
    0,
    1,
    2,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFF_FFFF_FFFF,
];

fn extreme(random: &mut Random) -> u64 {
    let it = EXTREMES[random.below(EXTREMES.len())];
    if random.one_in(4) { it.wrapping_add(1) } else { it }
}

/// A few bytes other than they were, taken out, put in or repeated; or the end missing.
pub fn bytes(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let mut res = whole.to_vec();
    for _ in 0..=random.below(3) {
        let length = res.len();
        if length < 16 {
            break;
        }
        // The end is what readers believe: half of all damage is there.
        let from = if random.below(2) == 0 { length - length / 4 } else { 0 };
        let at = from + random.below(length - from);
        match random.below(6) {
            0 => res[at] ^= 1 << random.below(8),
            1 => res[at] = 0xFF,
            2 => res[at] = 0,
            3 => res.truncate(at),
            4 => {
                res.remove(at);
            }
            _ => {
                let end = (at + 8).min(length);
                res[at..end].fill(0x7F);
            }
        }
    }
    res
}

/// Writes a little-endian number of a width over what stands there.
fn put(whole: &mut [u8], at: usize, width: usize, value: u64) {
    for (own, new) in whole.iter_mut().skip(at).take(width).zip(value.to_le_bytes()) {
        *own = new;
    }
}

fn varint(mut it: u64) -> Vec<u8> {
    let mut res = Vec::new();
    while 0x7F < it {
        res.push(u8::try_from(it & 0x7F).unwrap_or(0) | 0x80);
        it >>= 7;
    }
    res.push(u8::try_from(it).unwrap_or(0));
    res
}

/// The footer of a Parquet file, its length, the heads of its pages, or what is in them; `pages`
/// are the places where pages begin.
pub fn parquet(whole: &[u8], pages: &[usize], random: &mut Random) -> Vec<u8> {
    let mut res = whole.to_vec();
    let size = res.len();
    let length = u32::from_le_bytes([res[size - 8], res[size - 7], res[size - 6], res[size - 5]]);
    let length = usize::try_from(length).unwrap_or(0).min(size - 12);
    let footer = size - 8 - length;
    match random.below(6) {
        0 => put(&mut res, size - 8, 4, extreme(random)),
        1 | 2 => {
            let at = footer + random.below(length);
            let new = varint(extreme(random));
            let end = if random.one_in(2) { at } else { (at + new.len()).min(size - 8) };
            res.splice(at..end, new);
            mend_footer(&mut res, footer);
        }
        3 => {
            let at = footer + random.below(length);
            let end = (at + 1 + random.below(20)).min(size - 8);
            let part = res[at..end].to_vec();
            if random.one_in(2) {
                res.drain(at..end);
            } else {
                let to = footer + random.below(length);
                res.splice(to..to, part);
            }
            mend_footer(&mut res, footer);
        }
        4 => {
            let at = pages[random.below(pages.len())] + random.below(24);
            let new = varint(extreme(random));
            let end = (at + new.len()).min(footer);
            if at < end {
                res.splice(at..end, new.into_iter().take(end - at));
            }
        }
        _ => {
            // Levels, widths of bits, numbers of texts in the dictionary.
            let at = pages[random.below(pages.len())] + 8 + random.below(120);
            put(&mut res[..footer], at, 1 << random.below(4), extreme(random));
        }
    }
    res
}

/// The length of a footer that was changed, so that it is read.
fn mend_footer(whole: &mut [u8], footer: usize) {
    let length = whole.len().saturating_sub(8 + footer);
    let at = whole.len() - 8;
    put(whole, at, 4, u64::try_from(length).unwrap_or(0));
}

/// Words of an Arrow file: lengths of messages, offsets of tables and buffers.
pub fn arrow(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let mut res = whole.to_vec();
    for _ in 0..=random.below(2) {
        let size = res.len();
        let from = if random.below(3) == 0 { 0 } else { size - size / 3 };
        let at = (from + random.below(size - from)) & !3;
        let width = [2, 4, 4, 8][random.below(4)];
        let value = match random.below(3) {
            0 => u64::try_from(size).unwrap_or(0).wrapping_sub(extreme(random)),
            _ => extreme(random),
        };
        put(&mut res, at, width, value);
    }
    res
}

/// Signs and lines that a CSV file should not have.
pub fn csv(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let mut res = whole.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(res.len() + 1);
        let many = |it: &str| it.repeat(1 << (1 + at % 17)).into_bytes();
        let new: Vec<u8> = match random.below(14) {
            0 => b"\"".to_vec(),
            1 => vec![0],
            2 => b"\r".to_vec(),
            3 => b"\n\n\r\n".to_vec(),
            4 => "\u{feff}".as_bytes().to_vec(),
            5 => vec![0xFF, 0xFE],
            6 => many("x"),
            7 => many(","),
            8 => many("\""),
            9 => many("\n"),
            10 => b"\"\"\"".to_vec(),
            11 => "\u{202e}\u{1b}[2J".as_bytes().to_vec(),
            12 => vec![0xED, 0xA0, 0x80],
            _ => b"-99999999999999999999999999e99".to_vec(),
        };
        let end = if random.one_in(2) { at } else { (at + random.below(9)).min(res.len()) };
        res.splice(at..end, new);
    }
    if random.one_in(12) {
        res.splice(0..0, [0xFF, 0xFE]);
    }
    res
}

/// Names and contents of the parts of a workbook.
pub type Parts = Vec<(&'static str, String)>;

pub fn zipped(parts: &Parts) -> Result<Vec<u8>, Failed> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, SimpleFileOptions::default())?;
        zip.write_all(content.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

/// A workbook whose parts say something else, or whose directory does.
pub fn xlsx(parts: &Parts, random: &mut Random) -> Result<Vec<u8>, Failed> {
    if random.one_in(3) {
        return Ok(directory(zipped(parts)?, random));
    }
    let mut parts = parts.clone();
    for _ in 0..=random.below(2) {
        let at = random.below(parts.len());
        parts[at].1 = xml(&parts[at].1, random);
    }
    if random.one_in(12) {
        parts.remove(random.below(parts.len()));
    }
    zipped(&parts)
}

/// Fields of the heads of a ZIP archive: sizes, methods, offsets, counts.
fn directory(mut whole: Vec<u8>, random: &mut Random) -> Vec<u8> {
    /// The first bytes of a header, and its numbers: place and width of each.
    type Head = ([u8; 4], &'static [(usize, usize)]);
    const HEADS: [Head; 3] = [
        (*b"PK\x03\x04", &[(6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)]),
        (
            *b"PK\x01\x02",
            &[(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4)],
        ),
        (*b"PK\x05\x06", &[(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]),
    ];
    for _ in 0..=random.below(2) {
        let (sign, fields) = HEADS[random.below(HEADS.len())];
        let found: Vec<usize> =
            (0..whole.len().saturating_sub(3)).filter(|it| whole[*it..*it + 4] == sign).collect();
        if found.is_empty() {
            continue;
        }
        let (at, width) = fields[random.below(fields.len())];
        put(&mut whole, found[random.below(found.len())] + at, width, extreme(random));
    }
    whole
}

/// What a reader of XML should not meet.
fn xml(text: &str, random: &mut Random) -> String {
    let ends: Vec<usize> = text.match_indices('>').map(|(at, _)| at + 1).collect();
    let begins: Vec<usize> = text.match_indices('<').map(|(at, _)| at).collect();
    if ends.is_empty() || begins.is_empty() {
        return text.to_owned();
    }
    let at = ends[random.below(ends.len())];
    let (before, after) = text.split_at(at);
    let numbers: Vec<&str> = text.split(|it: char| !it.is_ascii_alphanumeric()).collect();
    let word = numbers[random.below(numbers.len())];
    match random.below(12) {
        0 => format!("{before}{}{after}", "<a>".repeat(1 << random.below(17))),
        1 => {
            let depth = 1 << random.below(12);
            format!("{before}{}{}{after}", "<row><c>".repeat(depth), "</c></row>".repeat(depth))
        }
        2 => {
            let many: String =
                (0..1 << random.below(12)).map(|it| format!(" a{it}=\"1\"")).collect();
            format!("{before}<c{many}/>{after}")
        }
        3 => format!("<!DOCTYPE a [<!ENTITY b \"{}\">]>{before}&b;{after}", "&b;".repeat(9)),
        4 => format!(
            "{before}{}{after}",
            random.one(&["&#xD800;", "&#0;", "&#x110000;", "&lt", "&;"])
        ),
        5 | 6 if !word.is_empty() => {
            let new = random.one(&[
                "4294967296",
                "-1",
                "1e308",
                "NaN",
                "1048577",
                "XFE1",
                "A0",
                "",
                "99999999999999999999",
                "ZZZZZZZZ9",
                "0",
                "2958466",
                "-1e-400",
                "inf",
                "A1048577",
                "true",
            ]);
            text.replacen(word, new, 1 + random.below(3))
        }
        7 => {
            let from = begins[random.below(begins.len())];
            let end = text[from..].find('>').map_or(text.len(), |it| from + it + 1);
            format!("{}{}", &text[..from], &text[end..])
        }
        8 => {
            let from = begins[random.below(begins.len())];
            let end = text[from..].find('>').map_or(text.len(), |it| from + it + 1);
            let tag = &text[from..end];
            format!("{before}{}{after}", tag.repeat(1 << random.below(8)))
        }
        9 => format!("{before}{}{after}", "long ".repeat(1 << random.below(18))),
        10 => before.to_owned(),
        _ => {
            let kinds = ["s", "str", "inlineStr", "b", "e", "d", "n", "x", ""];
            let (old, new) = (random.one(&kinds), random.one(&kinds));
            text.replace(&format!("t=\"{old}\""), &format!("t=\"{new}\""))
        }
    }
}
