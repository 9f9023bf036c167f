//! Prints of keys, 64 bits each, by their first bits; many of them wait on disk.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;

use crate::trouble::Trouble;

/// The first bits of a print choose its bucket: a bucket of tens of millions fits into a cache.
const BITS: u32 = 10;
pub const BUCKETS: usize = 1 << BITS;
/// So many numbers are held before they are put on disk: 32 MiB.
const HELD: usize = 1 << 22;
/// Of keys that stand in several tables, which are kept until all of them were read: 4 MiB.
const NOTED: usize = 1 << 19;

/// What a pass saw of every level, outermost first.
#[derive(Debug, Default)]
pub struct Prints {
    pub levels: Vec<Seen>,
    pub rows: u64,
}

/// What a pass saw of a level.
#[derive(Debug)]
pub struct Seen {
    /// Of a level that has a key for each row: the rows. Else one for each run of rows of a key.
    pub keys: Buckets,
    /// Of the first and the last run of a batch, which others may go on: key and values.
    pub edges: Vec<(u64, u64)>,
    /// Keys whose rows, one after the other, differ.
    pub apart: Vec<u64>,
    /// Of a level whose keys stand in other tables too: each run of rows of a key, and how its
    /// texts are written.
    pub noted: Option<Noted>,
}

/// Keys that stand in other tables too.
#[derive(Debug)]
pub struct Noted {
    /// Each with how it is written.
    pub keys: Buckets,
    /// Whether any is written otherwise than in the spelling that sorts first of all.
    pub has_other: bool,
}

impl Default for Noted {
    fn default() -> Noted {
        Noted { keys: Buckets::new(true), has_other: false }
    }
}

impl Prints {
    /// For so many levels; with `paired` each key comes with another number.
    pub fn new(levels: usize, paired: bool) -> Prints {
        let keys = || Buckets::new(paired);
        let seen = || Seen { keys: keys(), edges: Vec::new(), apart: Vec::new(), noted: None };
        Prints { levels: (0..levels).map(|_| seen()).collect(), rows: 0 }
    }

    /// What does not fit into memory goes to disk.
    ///
    /// Errors: a disk that is full.
    pub fn put_away(&mut self, folder: &Path) -> Result<(), Trouble> {
        for it in self.levels.iter_mut().filter(|it| HELD <= it.keys.held) {
            it.keys.put_away(folder)?;
        }
        let noted = self.levels.iter_mut().filter_map(|it| Some(&mut it.noted.as_mut()?.keys));
        noted.filter(|it| NOTED <= it.held).try_for_each(|it| it.put_away(folder))
    }
}

/// Numbers by the first bits of each, or pairs of numbers by those of the first.
#[derive(Debug)]
pub struct Buckets {
    width: usize,
    all: Vec<Vec<u64>>,
    held: usize,
    file: Option<File>,
    /// Of each bucket: where portions of it stand in the file, and how many bytes.
    away: Vec<Vec<(u64, usize)>>,
}

fn full() -> Trouble {
    Trouble::resource("keys cannot be put away on disk").help("make room there, and run again")
}

impl Buckets {
    pub fn new(paired: bool) -> Buckets {
        Buckets {
            width: 1 + usize::from(paired),
            all: vec![Vec::new(); BUCKETS],
            held: 0,
            file: None,
            away: vec![Vec::new(); BUCKETS],
        }
    }

    pub fn add(&mut self, numbers: &[u64]) {
        for it in numbers.chunks_exact(self.width) {
            let at = usize::try_from(it[0] >> (u64::BITS - BITS)).unwrap_or(0);
            self.all[at].extend_from_slice(it);
        }
        self.held += numbers.len();
    }

    fn put_away(&mut self, folder: &Path) -> Result<(), Trouble> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile_in(folder).map_err(|_| full())?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut bytes = Vec::new();
        let mut place = file.seek(SeekFrom::End(0)).map_err(|_| full())?;
        for (bucket, away) in self.all.iter_mut().zip(&mut self.away) {
            bytes.clear();
            bytes.extend(bucket.drain(..).flat_map(u64::to_le_bytes));
            file.write_all(&bytes).map_err(|_| full())?;
            away.push((place, bytes.len()));
            place += bytes.len() as u64;
        }
        self.held = 0;
        Ok(())
    }

    /// The numbers of a bucket; they stay.
    ///
    /// Errors: a file that cannot be read back.
    pub fn bucket(&self, at: usize) -> Result<Vec<u64>, Trouble> {
        let mut all = self.all[at].clone();
        let Some(mut file) = self.file.as_ref() else { return Ok(all) };
        for (place, length) in &self.away[at] {
            let mut bytes = vec![0; *length];
            file.seek(SeekFrom::Start(*place)).map_err(|_| full())?;
            file.read_exact(&mut bytes).map_err(|_| full())?;
            all.extend(bytes.as_chunks::<8>().0.iter().map(|it| u64::from_le_bytes(*it)));
        }
        Ok(all)
    }

    /// Gives each bucket to `with`, and forgets it.
    ///
    /// Errors: a file that cannot be read back, and what `with` says.
    pub fn each(
        &mut self,
        mut with: impl FnMut(&[u64]) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        for at in 0..BUCKETS {
            with(&self.bucket(at)?)?;
            (self.all[at], self.away[at]) = (Vec::new(), Vec::new());
        }
        Ok(())
    }
}

/// Prints that stand more than once among these.
pub fn repeated(all: &[u64], mut with: impl FnMut(u64)) {
    // The first bits are alike: others choose the place.
    let places = (all.len() * 2).next_power_of_two();
    let mut table = vec![0_u64; places];
    for print in all {
        let mut at = usize::try_from(print & (places as u64 - 1)).unwrap_or(0);
        while table[at] != 0 && table[at] != *print {
            at = (at + 1) % places;
        }
        if table[at] == *print {
            with(*print);
        }
        table[at] = *print;
    }
}

impl Seen {
    /// Prints of keys that stand in several runs of rows, whose values nobody compared yet.
    ///
    /// Errors: a file that cannot be read back.
    pub fn is_scattered(&mut self) -> Result<bool, Trouble> {
        let mut edges: HashMap<u64, u64, ahash::RandomState> = HashMap::default();
        for (key, values) in &self.edges {
            if *edges.entry(*key).or_insert(*values) != *values {
                self.apart.push(*key);
            }
        }
        let mut scattered = false;
        self.keys.each(|all| {
            repeated(all, |_| scattered = true);
            scattered = scattered || all.iter().any(|it| edges.contains_key(it));
            Ok(())
        })?;
        Ok(scattered)
    }

    /// Of keys with their values, those that have several.
    ///
    /// Errors: a file that cannot be read back.
    pub fn differing(&mut self) -> Result<HashSet<u64>, Trouble> {
        let mut res: HashSet<u64> = self.apart.drain(..).collect();
        self.keys.each(|all| {
            let mut known: HashMap<u64, u64, ahash::RandomState> = HashMap::default();
            for it in all.as_chunks::<2>().0 {
                if *known.entry(it[0]).or_insert(it[1]) != it[1] {
                    res.insert(it[0]);
                }
            }
            Ok(())
        })?;
        Ok(res)
    }
}
