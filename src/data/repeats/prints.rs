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
    /// Of a pass over parts of files: whether keys may stand in other parts too.
    pub doubtful: bool,
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
        Prints { levels: (0..levels).map(|_| seen()).collect(), rows: 0, doubtful: false }
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
    portions: Vec<Portion>,
    held: usize,
    file: Option<File>,
    /// Of each bucket: where portions of it stand in the file, and how many bytes.
    away: Vec<Vec<(u64, usize)>>,
}

/// Numbers in the order of their buckets.
#[derive(Debug)]
struct Portion {
    numbers: Vec<u64>,
    /// Where each bucket begins, and where the last one ends.
    begins: Vec<usize>,
}

fn bucket_of(number: u64) -> usize {
    usize::try_from(number >> (u64::BITS - BITS)).unwrap_or(0)
}

impl Portion {
    /// Counts how many numbers each bucket gets, then puts them there: two passes over a portion
    /// that fits into a cache.
    fn new(numbers: &[u64], width: usize) -> Portion {
        let mut begins = vec![0; BUCKETS + 1];
        for it in numbers.chunks_exact(width) {
            begins[bucket_of(it[0]) + 1] += width;
        }
        for at in 0..BUCKETS {
            begins[at + 1] += begins[at];
        }
        let mut next = begins.clone();
        let mut sorted = vec![0; numbers.len()];
        for it in numbers.chunks_exact(width) {
            let place = &mut next[bucket_of(it[0])];
            sorted[*place..*place + width].copy_from_slice(it);
            *place += width;
        }
        Portion { numbers: sorted, begins }
    }

    fn bucket(&self, at: usize) -> &[u64] {
        &self.numbers[self.begins[at]..self.begins[at + 1]]
    }
}

fn full() -> Trouble {
    Trouble::resource("keys cannot be put away on disk").help("make room there, and run again")
}

impl Buckets {
    pub fn new(paired: bool) -> Buckets {
        let width = 1 + usize::from(paired);
        Buckets { width, portions: Vec::new(), held: 0, file: None, away: Vec::new() }
    }

    pub fn add(&mut self, numbers: &[u64]) {
        if !numbers.is_empty() {
            self.portions.push(Portion::new(numbers, self.width));
            self.held += numbers.len();
        }
    }

    fn put_away(&mut self, folder: &Path) -> Result<(), Trouble> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile_in(folder).map_err(|_| full())?);
            self.away.resize(BUCKETS, Vec::new());
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut bytes = Vec::new();
        let mut place = file.seek(SeekFrom::End(0)).map_err(|_| full())?;
        for (at, away) in self.away.iter_mut().enumerate() {
            bytes.clear();
            let numbers = self.portions.iter().flat_map(|it| it.bucket(at));
            bytes.extend(numbers.flat_map(|it| it.to_le_bytes()));
            file.write_all(&bytes).map_err(|_| full())?;
            away.push((place, bytes.len()));
            place += bytes.len() as u64;
        }
        self.portions.clear();
        self.held = 0;
        Ok(())
    }

    /// Adds the numbers of a bucket to others; they stay.
    ///
    /// Errors: a file that cannot be read back.
    fn read(&self, at: usize, into: &mut Vec<u64>) -> Result<(), Trouble> {
        for it in &self.portions {
            into.extend_from_slice(it.bucket(at));
        }
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        for (place, length) in &self.away[at] {
            let mut bytes = vec![0; *length];
            file.seek(SeekFrom::Start(*place)).map_err(|_| full())?;
            file.read_exact(&mut bytes).map_err(|_| full())?;
            into.extend(bytes.as_chunks::<8>().0.iter().map(|it| u64::from_le_bytes(*it)));
        }
        Ok(())
    }

    /// The numbers of a bucket; they stay.
    ///
    /// Errors: a file that cannot be read back.
    pub fn bucket(&self, at: usize) -> Result<Vec<u64>, Trouble> {
        let mut all = Vec::new();
        self.read(at, &mut all)?;
        Ok(all)
    }

    /// Gives each bucket that is not empty to `with`, with its place, and forgets it.
    ///
    /// Errors: a file that cannot be read back, and what `with` says.
    pub fn each(
        &mut self,
        mut with: impl FnMut(usize, &[u64]) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut all = Vec::new();
        for at in 0..BUCKETS {
            all.clear();
            self.read(at, &mut all)?;
            if !all.is_empty() {
                with(at, &all)?;
            }
        }
        *self = Buckets::new(self.width == 2);
        Ok(())
    }
}

/// The prints of a bucket, to find those that stand more than once.
#[derive(Default)]
pub struct PrintSet {
    places: Vec<u64>,
}

impl PrintSet {
    /// Takes in these prints instead of those before; says each that stands there already.
    pub fn fill(&mut self, all: &[u64], mut again: impl FnMut(u64)) {
        self.places.clear();
        self.places.resize((all.len() * 2).next_power_of_two(), 0);
        for print in all {
            let place = self.place(*print);
            if self.places[place] == *print {
                again(*print);
            }
            self.places[place] = *print;
        }
    }

    /// Where a print stands, or would. The first bits are alike: others choose the place.
    fn place(&self, print: u64) -> usize {
        let last = self.places.len() - 1;
        let mut at = usize::try_from(print & last as u64).unwrap_or(0);
        while self.places[at] != 0 && self.places[at] != print {
            at = (at + 1) & last;
        }
        at
    }

    fn contains(&self, print: u64) -> bool {
        print != 0 && self.places[self.place(print)] == print
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
        let mut edges: Vec<u64> = edges.into_keys().collect();
        edges.sort_unstable();
        let (mut scattered, mut table) = (false, PrintSet::default());
        self.keys.each(|at, all| {
            table.fill(all, |_| scattered = true);
            let first = edges.partition_point(|it| bucket_of(*it) < at);
            let mut own = edges[first..].iter().take_while(|it| bucket_of(**it) == at);
            scattered = scattered || own.any(|it| table.contains(*it));
            Ok(())
        })?;
        Ok(scattered)
    }

    /// Of keys with their values, those that have several.
    ///
    /// Errors: a file that cannot be read back.
    pub fn differing(&mut self) -> Result<HashSet<u64>, Trouble> {
        let mut res: HashSet<u64> = self.apart.drain(..).collect();
        self.keys.each(|_, all| {
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
