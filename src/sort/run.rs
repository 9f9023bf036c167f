//! Rows in order on disk: written once, read once, and gone when nobody holds them any more.

use std::fs::File;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::Seek;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::IpcWriteOptions;
use arrow::ipc::writer::StreamWriter;

use crate::disk;
use crate::sort::merge::Source;
use crate::trouble::Trouble;

/// Bytes that are read or written at once.
const BUFFER: usize = 64 << 10;

/// A run to be.
pub struct Writer {
    out: StreamWriter<BufWriter<File>>,
    place: PathBuf,
    rows: usize,
    bytes: usize,
}

/// A file without a name: it goes with the process, however that ends.
pub struct Run {
    file: File,
    place: PathBuf,
    rows: usize,
    bytes: usize,
}

impl Writer {
    /// Errors: a disk that refuses.
    pub fn create(place: &Path, schema: &SchemaRef) -> Result<Writer, Trouble> {
        let file = tempfile::tempfile_in(place).map_err(|it| refused(place, &it))?;
        let file = BufWriter::with_capacity(BUFFER, file);
        let out = writer(file, schema).map_err(|it| failed(place, &it))?;
        Ok(Writer { out, place: place.to_path_buf(), rows: 0, bytes: 0 })
    }

    /// Errors: a disk that refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Trouble> {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.out.write(batch).map_err(|it| failed(&self.place, &it))
    }

    /// Errors: a disk that refuses.
    pub fn finish(self) -> Result<Run, Trouble> {
        let Writer { out, place, rows, bytes } = self;
        let buffer = out.into_inner().map_err(|it| failed(&place, &it))?;
        let mut file = buffer.into_inner().map_err(|it| refused(&place, it.error()))?;
        file.rewind().map_err(|it| refused(&place, &it))?;
        Ok(Run { file, place, rows, bytes })
    }
}

impl Run {
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn bytes_a_row(&self) -> usize {
        self.bytes / self.rows.max(1)
    }

    /// Errors: a disk that refuses.
    pub fn read(self) -> Result<Source, Trouble> {
        let Run { file, place, .. } = self;
        let file = BufReader::with_capacity(BUFFER, file);
        let reader = StreamReader::try_new(file, None).map_err(|it| failed(&place, &it))?;
        Ok(Box::new(reader.map(move |it| it.map_err(|it| failed(&place, &it)))))
    }
}

/// Writes batches in the form in which they stand on disk.
pub fn writer<W: Write>(into: W, schema: &SchemaRef) -> Result<StreamWriter<W>, ArrowError> {
    let compressed = Some(CompressionType::LZ4_FRAME);
    let options = IpcWriteOptions::default().try_with_compression(compressed)?;
    StreamWriter::try_new_with_options(into, schema, options)
}

pub fn refused(place: &Path, error: &std::io::Error) -> Trouble {
    let (place, reason) = (place.display(), disk::reason(error));
    Trouble::resource(format!("{place}: what memory cannot hold cannot be put there: {reason}"))
        .help(
            "make room there, or write to another disk with `--out`; more `--memory-limit` needs \
             less disk",
        )
}

pub fn failed(place: &Path, error: &ArrowError) -> Trouble {
    match error {
        ArrowError::IoError(_, it) => refused(place, it),
        _ => Trouble::bug("rows on disk cannot be read again"),
    }
}
