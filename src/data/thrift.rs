//! The structures of Parquet files, as far as their lengths go: Thrift in its compact form.

/// The head of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Page {
    pub is_dictionary: bool,
    /// Bytes of the head itself.
    pub head: u64,
    /// Bytes in the file, and in memory.
    pub packed: u64,
    pub unpacked: u64,
    pub values: u64,
}

/// Structures in one another.
const MOST_DEPTH: usize = 40;

/// Whether the bytes begin with a whole structure, none of whose lists has more elements than there
/// are bytes for.
pub fn is_whole(bytes: &[u8]) -> bool {
    Walk { bytes, at: 0, path: Vec::new() }.structure(&mut |_, _| {}).is_some()
}

/// The head of a page that the bytes begin with.
pub fn page(bytes: &[u8]) -> Option<Page> {
    let mut res = Page::default();
    let mut numbers = [None; 3];
    let mut walk = Walk { bytes, at: 0, path: Vec::new() };
    walk.structure(&mut |path, value| match path {
        [at @ 1..=3] => numbers[usize::from(at.unsigned_abs()) - 1] = Some(value),
        // Of a page of data in either form, or of a dictionary.
        [5 | 7 | 8, 1] => res.values = u64::try_from(value).unwrap_or(u64::MAX),
        _ => {}
    })?;
    let [Some(kind), Some(unpacked), Some(packed)] = numbers else { return None };
    res.is_dictionary = kind == 2;
    res.unpacked = u64::try_from(unpacked).ok()?;
    res.packed = u64::try_from(packed).ok()?;
    res.head = walk.at as u64;
    Some(res)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The numbers of the fields that lead here.
    path: Vec<i16>,
}

/// Gets each whole number, and where it stands.
type Seen<'a> = &'a mut dyn FnMut(&[i16], i64);

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let it = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(it)
    }

    fn skip(&mut self, bytes: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(bytes).ok()?)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    fn number(&mut self) -> Option<u64> {
        let mut res = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            res |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(res);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let it = self.number()?;
        Some((it >> 1).cast_signed() ^ -((it & 1).cast_signed()))
    }

    fn structure(&mut self, seen: Seen) -> Option<()> {
        if MOST_DEPTH < self.path.len() {
            return None;
        }
        let mut field = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            field = match head >> 4 {
                0 => i16::try_from(self.signed()?).ok()?,
                step => field.checked_add(i16::from(step))?,
            };
            self.path.push(field);
            self.value(head & 0x0F, seen)?;
            self.path.pop();
        }
    }

    fn value(&mut self, kind: u8, seen: Seen) -> Option<()> {
        match kind {
            // Truth stands in the kind itself.
            1 | 2 => Some(()),
            3 => self.skip(1),
            4..=6 => {
                let it = self.signed()?;
                seen(&self.path, it);
                Some(())
            }
            7 => self.skip(8),
            8 => {
                let length = self.number()?;
                self.skip(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.number()?,
                    few => u64::from(few),
                };
                self.elements(count, &[head & 0x0F], seen)
            }
            11 => match self.number()? {
                0 => Some(()),
                count => {
                    let kinds = self.byte()?;
                    self.elements(count, &[kinds >> 4, kinds & 0x0F], seen)
                }
            },
            12 => self.structure(seen),
            _ => None,
        }
    }

    fn elements(&mut self, count: u64, kinds: &[u8], seen: Seen) -> Option<()> {
        // Each takes a byte at least.
        if ((self.bytes.len() - self.at) as u64) < count || MOST_DEPTH < self.path.len() {
            return None;
        }
        self.path.push(0);
        for _ in 0..count {
            for kind in kinds {
                match kind {
                    1 | 2 => self.skip(1)?,
                    other => self.value(*other, seen)?,
                }
            }
        }
        self.path.pop();
        Some(())
    }
}
