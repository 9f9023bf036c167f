//! Rows on disk by the part that they belong to: written in any order, read a part at a time.

use std::fs::File;
use std::io::Cursor;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;

use crate::sort::run;
use crate::trouble::Trouble;

/// A file without a name: it goes with the process, however that ends.
pub struct Parted {
    file: File,
    place: PathBuf,
    end: u64,
    parts: Vec<Part>,
}

#[derive(Default, Clone)]
struct Part {
    /// Where batches begin, and how many bytes they take.
    chunks: Vec<(u64, usize)>,
    rows: usize,
}

impl Parted {
    /// Errors: a disk that refuses.
    pub fn create(place: &Path, parts: usize) -> Result<Parted, Trouble> {
        let file = tempfile::tempfile_in(place).map_err(|it| run::refused(place, &it))?;
        let (place, parts) = (place.to_path_buf(), vec![Part::default(); parts]);
        Ok(Parted { file, place, end: 0, parts })
    }

    /// Errors: a disk that refuses.
    pub fn write(&mut self, part: usize, batch: &RecordBatch) -> Result<(), Trouble> {
        let mut bytes = Vec::new();
        let written = run::writer(&mut bytes, &batch.schema())
            .and_then(|mut it| it.write(batch).and_then(|()| it.finish()));
        written.map_err(|it| run::failed(&self.place, &it))?;
        self.file.write_all(&bytes).map_err(|it| run::refused(&self.place, &it))?;
        let own = &mut self.parts[part];
        own.rows += batch.num_rows();
        own.chunks.push((self.end, bytes.len()));
        self.end += bytes.len() as u64;
        Ok(())
    }

    pub fn rows(&self, part: usize) -> usize {
        self.parts[part].rows
    }

    /// The batches of a part, in the order in which they were written.
    pub fn read(&self, part: usize) -> impl Iterator<Item = Result<RecordBatch, Trouble>> {
        self.parts[part].chunks.iter().map(|(at, length)| {
            let refused = |it: std::io::Error| run::refused(&self.place, &it);
            let failed = |it| run::failed(&self.place, &it);
            let mut bytes = vec![0; *length];
            let mut file = &self.file;
            file.seek(SeekFrom::Start(*at)).map_err(refused)?;
            file.read_exact(&mut bytes).map_err(refused)?;
            let mut reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(failed)?;
            let lost = || Trouble::bug("rows on disk cannot be read again");
            reader.next().ok_or_else(lost)?.map_err(failed)
        })
    }
}
