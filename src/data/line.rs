//! Lines of a CSV: where they end, how they look, and where cells of those without quotes stand.

use memchr::memchr_iter;

const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
const WORD: usize = 8;

/// Where some cells of lines stand.
#[derive(Debug)]
pub struct Cells {
    separator: u8,
    /// The cells that are looked for, counted from the first.
    places: Vec<usize>,
    /// Begin and end of each of them in the last line.
    found: Vec<(usize, usize)>,
}

impl Cells {
    pub fn new(separator: u8, places: Vec<usize>) -> Cells {
        let found = vec![(0, 0); places.len()];
        Cells { separator, places, found }
    }

    /// Finds the cells of a line; says how many it has.
    pub fn find(&mut self, line: &[u8]) -> usize {
        let (mut count, mut next, mut begin, mut at) = (0, 0, 0, 0);
        while at < line.len() && next < self.places.len() {
            let mut mask = separators(line, at, self.separator);
            // One after the other.
            while mask != 0 {
                let end = at + mask.trailing_zeros() as usize / 8;
                mask &= mask - 1;
                if self.places.get(next) == Some(&count) {
                    self.found[next] = (begin, end);
                    next += 1;
                }
                begin = end + 1;
                count += 1;
            }
            at += WORD;
        }
        // Of the others only the number matters.
        count += line.get(at..).map_or(0, |rest| memchr_iter(self.separator, rest).count());
        if next < self.places.len() && self.places[next] == count {
            self.found[next] = (begin, line.len());
            next += 1;
        }
        self.found[next..].fill((line.len(), line.len()));
        count + 1
    }

    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// Begin and end of each of the cells of the last line; of one that it lacks, nothing.
    pub fn found(&self) -> &[(usize, usize)] {
        &self.found
    }

    /// The cell at one of the places, of the line that was looked at.
    pub fn cell<'a>(&self, line: &'a [u8], place: usize) -> Option<&'a [u8]> {
        let at = self.places.binary_search(&place).ok()?;
        let (begin, end) = self.found[at];
        line.get(begin..end)
    }
}

/// The highest bit of every byte of a word that is a separator.
fn separators(line: &[u8], at: usize, separator: u8) -> u64 {
    let mask = equal(word(line, at), separator);
    match line.len() - at {
        left if left < WORD => mask & ((1 << (8 * left)) - 1),
        _ => mask,
    }
}

/// Eight bytes, the first one lowest; zeros after the last.
fn word(line: &[u8], at: usize) -> u64 {
    let rest = &line[at..];
    if let Some(bytes) = rest.first_chunk::<WORD>() {
        return u64::from_le_bytes(*bytes);
    }
    let mut bytes = [0; WORD];
    bytes[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(bytes)
}

/// The highest bit of every byte that equals another one.
fn equal(word: u64, byte: u8) -> u64 {
    let other = word ^ u64::from_le_bytes([byte; WORD]);
    !(((other & LOW) + LOW) | other | LOW)
}

/// Whether a byte ends a line.
pub fn is_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// How many ends of lines stand in some bytes.
pub fn ends(bytes: &[u8]) -> u64 {
    let next = bytes.iter().skip(1).map(Some).chain([None]);
    let end = |it: &(&u8, Option<&u8>)| *it.0 == b'\n' || *it.0 == b'\r' && it.1 != Some(&b'\n');
    bytes.iter().zip(next).filter(end).count() as u64
}

/// How many lines end in some bytes; the last needs no end.
pub fn lines(bytes: &[u8]) -> u64 {
    ends(bytes) + u64::from(bytes.last().is_some_and(|it| !is_end(*it)))
}

/// Whether two cells have the same signs, but for letters and the digits of numbers: `D10`, `E9`.
pub fn is_alike(a: &[u8], b: &[u8]) -> bool {
    let form = |cell: &[u8]| {
        let class = |it: &u8| match it {
            b'0'..=b'9' => b'0',
            it if it.is_ascii_alphabetic() => b'a',
            it => *it,
        };
        let mut form: Vec<u8> = cell.trim_ascii().iter().map(class).collect();
        form.dedup_by(|a, b| *a == b'0' && *b == b'0');
        form
    };
    form(a) == form(b)
}

#[cfg(test)]
mod tests {
    use super::Cells;

    #[test]
    fn cells_stand_between_separators() {
        let lines = [
            "",
            ",",
            "a",
            "a,b,c",
            ",,",
            "1234567,x",
            "12345678,y",
            "a,,,,,,,,,,z,",
            "100000777,2020-01-08,20,B,11,21,11,10,4LPEVXF,5LFEMS3,V72W7CB,,902710,GB,GB",
            "\u{e9},b,\u{20ac}",
        ];
        for line in lines {
            let wanted: Vec<&str> = line.split(',').collect();
            let places: Vec<usize> = vec![0, 2, 3, 9, 12];
            let mut cells = Cells::new(b',', places.clone());
            assert_eq!(cells.find(line.as_bytes()), wanted.len(), "{line}");
            for it in places.iter().filter(|it| **it < wanted.len()) {
                assert_eq!(
                    cells.cell(line.as_bytes(), *it),
                    Some(wanted[*it].as_bytes()),
                    "{line}"
                );
            }
        }
    }
}
