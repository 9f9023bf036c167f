//! The answers of one fact while they are found: those of some rows after those of others, in any
//! order, on disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::disk;
use crate::plan::past::answers::Answers;
use crate::plan::past::answers::Away;
use crate::plan::past::cells::Cells;
use crate::plan::past::cells::NONE;
use crate::plan::past::cells::long;
use crate::plan::past::cells::short;
use crate::trouble::Trouble;
use crate::value::Reason;

/// Rows that are put in their places at once.
const BLOCK: usize = 1 << 20;

/// Answers by blocks of rows. Files are without a name: the system takes them away with the run.
#[derive(Debug)]
pub struct Scattered {
    file: File,
    folder: PathBuf,
    end: u64,
    /// By file and block of rows.
    chunks: BTreeMap<(usize, usize), Vec<Chunk>>,
    /// For each file, one more than its last row with an answer.
    lengths: Vec<usize>,
    /// The widest of the cells, in bytes.
    width: usize,
}

/// Where answers stand: the places of rows in their block, then cells, then reasons.
#[derive(Debug)]
struct Chunk {
    at: u64,
    rows: usize,
    width: usize,
}

fn refused(folder: &Path, error: &std::io::Error) -> Trouble {
    let (folder, reason) = (folder.display(), disk::reason(error));
    Trouble::resource(format!("{folder}: facts cannot be put away there: {reason}"))
        .help("make room there, or allow more memory with `--memory-limit`")
}

impl Scattered {
    /// Errors: a folder that cannot be written to.
    pub fn create(folder: &Path) -> Result<Scattered, Trouble> {
        let file = tempfile::tempfile_in(folder).map_err(|it| refused(folder, &it))?;
        Ok(Scattered {
            file,
            folder: folder.to_path_buf(),
            end: 0,
            chunks: BTreeMap::new(),
            lengths: Vec::new(),
            width: size_of::<i32>(),
        })
    }

    /// Adds the answers of these rows, each a file and the number of a row in it.
    ///
    /// Errors: a disk that refuses.
    pub fn add(
        &mut self,
        rows: impl Iterator<Item = (usize, usize)>,
        cells: &Cells,
        reasons: &[u8],
    ) -> Result<(), Trouble> {
        let mut blocks: BTreeMap<(usize, usize), Vec<(u32, u32)>> = BTreeMap::new();
        for (at, (file, row)) in (0_u32..).zip(rows) {
            if self.lengths.len() <= file {
                self.lengths.resize(file + 1, 0);
            }
            self.lengths[file] = self.lengths[file].max(row + 1);
            let place = u32::try_from(row % BLOCK).unwrap_or(0);
            blocks.entry((file, row / BLOCK)).or_default().push((place, at));
        }
        let width = cells.width();
        self.width = self.width.max(width);
        let mut bytes = Vec::new();
        for (block, places) in blocks {
            bytes.clear();
            places.iter().for_each(|it| bytes.extend(it.0.to_le_bytes()));
            for (_, at) in &places {
                push(&mut bytes, width, cells.get(*at as usize));
            }
            bytes.extend(places.iter().map(|it| reasons[it.1 as usize]));
            self.file.write_all(&bytes).map_err(|it| refused(&self.folder, &it))?;
            let chunk = Chunk { at: self.end, rows: places.len(), width };
            self.chunks.entry(block).or_default().push(chunk);
            self.end += bytes.len() as u64;
        }
        Ok(())
    }

    /// The answers by file, in the order of rows; rows that none was added for have no value.
    ///
    /// Errors: a disk that refuses.
    pub fn settle(mut self) -> Result<Vec<Answers>, Trouble> {
        let mut all = Vec::new();
        for (file, rows) in std::mem::take(&mut self.lengths).into_iter().enumerate() {
            all.push(Answers::Away(self.in_order(file, rows)?));
        }
        Ok(all)
    }

    fn in_order(&mut self, file: usize, rows: usize) -> Result<Away, Trouble> {
        let folder = self.folder.clone();
        let failed = |it: std::io::Error| refused(&folder, &it);
        let width = self.width;
        let mut into = tempfile::tempfile_in(&self.folder).map_err(failed)?;
        let (mut cells, mut bytes, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
        for first in (0..rows).step_by(BLOCK) {
            let own = BLOCK.min(rows - first);
            cells.clear();
            (0..own).for_each(|_| push(&mut cells, width, NONE));
            reasons.clear();
            reasons.resize(own, Reason::NotGiven.number());
            for it in self.chunks.remove(&(file, first / BLOCK)).into_iter().flatten() {
                bytes.resize(it.rows * (size_of::<u32>() + it.width + 1), 0);
                self.file.seek(SeekFrom::Start(it.at)).map_err(failed)?;
                self.file.read_exact(&mut bytes).map_err(failed)?;
                let (places, answers) = bytes.split_at(it.rows * size_of::<u32>());
                let (found, why) = answers.split_at(it.rows * it.width);
                let places = places.as_chunks::<4>().0.iter().map(|it| u32::from_le_bytes(*it));
                for (at, place) in places.enumerate() {
                    let place = place as usize;
                    let cell = &found[at * it.width..(at + 1) * it.width];
                    let to = &mut cells[place * width..(place + 1) * width];
                    match it.width == width {
                        true => to.copy_from_slice(cell),
                        false => put(to, read(cell)),
                    }
                    reasons[place] = why[at];
                }
            }
            into.seek(SeekFrom::Start((first * width) as u64)).map_err(failed)?;
            into.write_all(&cells).map_err(failed)?;
            into.seek(SeekFrom::Start((rows * width + first) as u64)).map_err(failed)?;
            into.write_all(&reasons).map_err(failed)?;
        }
        Ok(Away { file: Mutex::new(into), rows, width })
    }
}

fn push(bytes: &mut Vec<u8>, width: usize, cell: i128) {
    let first = bytes.len();
    bytes.resize(first + width, 0);
    put(&mut bytes[first..], cell);
}

/// Writes a cell in as many bytes as there are; no value is the least number of each width.
fn put(bytes: &mut [u8], cell: i128) {
    match bytes.len() {
        4 => bytes.copy_from_slice(&i32::try_from(cell).unwrap_or(i32::MIN).to_le_bytes()),
        8 => bytes.copy_from_slice(&i64::try_from(cell).unwrap_or(i64::MIN).to_le_bytes()),
        _ => bytes.copy_from_slice(&cell.to_le_bytes()),
    }
}

/// The cell in these bytes.
fn read(bytes: &[u8]) -> i128 {
    if let Ok(it) = <[u8; 4]>::try_from(bytes) {
        return short(i32::from_le_bytes(it));
    }
    if let Ok(it) = <[u8; 8]>::try_from(bytes) {
        return long(i64::from_le_bytes(it));
    }
    <[u8; 16]>::try_from(bytes).map_or(NONE, i128::from_le_bytes)
}
