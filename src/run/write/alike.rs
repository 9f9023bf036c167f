//! Parquet of which most columns say the same for many rows after each other: they are held as
//! runs, and written as such, so that a value costs little more than to see that it is the last
//! one again.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringArray;
use arrow::array::StringBuilder;
use arrow::datatypes::FieldRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowColumnWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::arrow::arrow_writer::compute_leaves;
use parquet::basic::Compression;
use parquet::basic::Encoding;
use parquet::column::page::CompressedPage;
use parquet::column::page::Page;
use parquet::column::page::PageWriter;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::file::writer::SerializedPageWriter;
use parquet::file::writer::TrackedWrite;
use parquet::schema::types::ColumnDescPtr;

/// Rows of a group at most, and bytes after which one ends.
const GROUP: (usize, usize) = (1 << 20, 64 << 20);
/// Rows of a page.
const PAGE: usize = 1 << 16;
/// A column with more different values, bytes of them, or runs in a group is written as any other.
const MOST: (usize, usize, usize) = (4_096, 1 << 20, 1 << 19);
/// Rows of a batch that is made of runs.
const ROWS: usize = 8_192;

/// Writes columns of text.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    /// The first columns are of keys, no two of which are alike.
    keys: usize,
    group: Vec<Column>,
    rows: usize,
}

/// A column of a group: as runs, or as any other.
struct Column {
    field: FieldRef,
    runs: Option<Runs>,
    writer: ArrowColumnWriter,
}

impl<W: Write + Send> Writer<W> {
    /// Errors: a disk that refuses.
    pub fn new(
        out: W,
        schema: &SchemaRef,
        keys: usize,
        properties: WriterProperties,
    ) -> Result<Writer<W>> {
        let it = ArrowWriter::try_new(out, schema.clone(), Some(properties))?;
        let (file, factory) = it.into_serialized_writer()?;
        Ok(Writer { file, factory, schema: schema.clone(), keys, group: Vec::new(), rows: 0 })
    }

    /// Errors: a disk that refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if GROUP.0 < self.rows + batch.num_rows() {
            self.flush()?;
        }
        if self.group.is_empty() {
            let at = self.file.flushed_row_groups().len();
            let writers = self.factory.create_column_writers(at)?;
            let columns = self.schema.fields().iter().zip(writers).enumerate();
            let column = |(at, (field, writer)): (usize, (&FieldRef, ArrowColumnWriter))| Column {
                field: field.clone(),
                runs: (self.keys <= at).then(Runs::default),
                writer,
            };
            self.group = columns.map(column).collect();
        }
        for (column, array) in self.group.iter_mut().zip(batch.columns()) {
            column.write(array)?;
        }
        self.rows += batch.num_rows();
        let bytes: usize = self.group.iter().map(Column::bytes).sum();
        if GROUP.1 <= bytes { self.flush() } else { Ok(()) }
    }

    /// Ends the group.
    fn flush(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let columns = std::mem::take(&mut self.group);
        if rows == 0 {
            return Ok(());
        }
        let described = self.file.schema_descr().columns().to_vec();
        let mut group = self.file.next_row_group()?;
        for (mut column, description) in columns.into_iter().zip(&described) {
            match column.runs.take() {
                Some(runs) if !runs.texts.is_empty() => {
                    let (bytes, close) = runs.chunk(description, rows)?;
                    group.append_column(&reader(bytes), close)?;
                }
                Some(runs) => {
                    runs.give(&column.field, &mut column.writer)?;
                    column.writer.close()?.append_to_row_group(&mut group)?;
                }
                None => column.writer.close()?.append_to_row_group(&mut group)?,
            }
        }
        group.close().map(|_| ())
    }

    /// Errors: a disk that refuses.
    pub fn close(mut self) -> Result<()> {
        self.flush()?;
        self.file.close().map(|_| ())
    }
}

impl Column {
    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        if let (Some(runs), Some(texts)) = (&mut self.runs, array.as_string_opt::<i32>()) {
            runs.add(texts);
            if !runs.are_many() {
                return Ok(());
            }
            return match self.runs.take() {
                Some(runs) => runs.give(&self.field, &mut self.writer),
                None => Ok(()),
            };
        }
        give(&self.field, array, &mut self.writer)
    }

    fn bytes(&self) -> usize {
        match &self.runs {
            Some(it) => it.page.len() + 4 * it.runs.len(),
            None => self.writer.get_estimated_total_bytes(),
        }
    }
}

fn give(field: &FieldRef, array: &ArrayRef, writer: &mut ArrowColumnWriter) -> Result<()> {
    compute_leaves(field, array)?.iter().try_for_each(|it| writer.write(it))
}

/// Values of a column after each other, and how often each stands there.
#[derive(Default)]
struct Runs {
    /// The places of different texts.
    texts: BTreeMap<Arc<str>, u32>,
    /// The same texts by place.
    known: Vec<Arc<str>>,
    /// The same as a page holds them: their lengths, and their bytes.
    page: Vec<u8>,
    runs: Vec<(Option<u32>, usize)>,
}

impl Runs {
    fn add(&mut self, texts: &StringArray) {
        let at = |row: usize| texts.is_valid(row).then(|| texts.value(row));
        let mut first = 0;
        while first < texts.len() {
            let value = at(first);
            let end = match texts.null_count() == texts.len() {
                true => texts.len(),
                false => {
                    (first + 1..texts.len()).find(|it| at(*it) != value).unwrap_or(texts.len())
                }
            };
            let place = value.map(|it| self.place(it));
            match self.runs.last_mut() {
                Some(last) if last.0 == place => last.1 += end - first,
                Some(_) | None => self.runs.push((place, end - first)),
            }
            first = end;
        }
    }

    fn place(&mut self, text: &str) -> u32 {
        if let Some(it) = self.texts.get(text) {
            return *it;
        }
        let place = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.page.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.page.extend(text.as_bytes());
        let text: Arc<str> = Arc::from(text);
        self.known.push(text.clone());
        self.texts.insert(text, place);
        place
    }

    fn are_many(&self) -> bool {
        MOST.0 < self.known.len() || MOST.1 < self.page.len() || MOST.2 < self.runs.len()
    }

    /// Gives all of them to a writer of any columns.
    fn give(&self, field: &FieldRef, writer: &mut ArrowColumnWriter) -> Result<()> {
        let (mut rows, mut count) = (StringBuilder::new(), 0);
        for (place, length) in &self.runs {
            let text = place.and_then(|it| self.known.get(it as usize));
            let mut left = *length;
            while 0 < left {
                let some = left.min(ROWS - count);
                match text {
                    Some(it) => (0..some).for_each(|_| rows.append_value(it)),
                    None => rows.append_nulls(some),
                }
                (left, count) = (left - some, count + some);
                if count == ROWS {
                    give(field, &(Arc::new(rows.finish()) as ArrayRef), writer)?;
                    count = 0;
                }
            }
        }
        give(field, &(Arc::new(rows.finish()) as ArrayRef), writer)
    }

    /// A column of a group as it stands in the file: the different values, then pages of runs.
    fn chunk(&self, column: &ColumnDescPtr, rows: usize) -> Result<(Vec<u8>, ColumnCloseResult)> {
        let mut out = TrackedWrite::new(Vec::new());
        let length = {
            let mut pages = SerializedPageWriter::new(&mut out);
            let values = Page::DictionaryPage {
                buf: self.page.clone().into(),
                num_values: u32::try_from(self.known.len()).unwrap_or(u32::MAX),
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            let length =
                pages.write_page(CompressedPage::new(values, self.page.len()))?.bytes_written;
            for page in self.pages() {
                let bytes = self.body(&page);
                let size = bytes.len();
                let rows: usize = page.iter().map(|it| it.1).sum();
                let page = Page::DataPage {
                    buf: bytes.into(),
                    num_values: u32::try_from(rows).unwrap_or(u32::MAX),
                    encoding: Encoding::RLE_DICTIONARY,
                    def_level_encoding: Encoding::RLE,
                    rep_level_encoding: Encoding::RLE,
                    statistics: None,
                };
                pages.write_page(CompressedPage::new(page, size))?;
            }
            length
        };
        let bytes = out.into_inner()?;
        let metadata = ColumnChunkMetaData::builder(column.clone())
            .set_compression(Compression::UNCOMPRESSED)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(bytes.len() as i64)
            .set_num_values(rows as i64)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(length as i64)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((bytes, close))
    }

    /// Runs of [`PAGE`] rows together.
    fn pages(&self) -> Vec<Vec<(Option<u32>, usize)>> {
        let (mut all, mut page, mut rows) = (Vec::new(), Vec::new(), 0);
        for (place, length) in &self.runs {
            let mut left = *length;
            while 0 < left {
                let some = left.min(PAGE - rows);
                page.push((*place, some));
                (left, rows) = (left - some, rows + some);
                if rows == PAGE {
                    all.push(std::mem::take(&mut page));
                    rows = 0;
                }
            }
        }
        all.extend(Some(page).filter(|it| !it.is_empty()));
        all
    }

    /// Which rows have a value, then the places of the values.
    fn body(&self, page: &[(Option<u32>, usize)]) -> Vec<u8> {
        let mut given = Vec::new();
        let is_given = page.iter().map(|it| (u32::from(it.0.is_some()), it.1));
        runs(&mut given, is_given, 1);
        let width =
            u32::BITS - u32::try_from(self.known.len() - 1).unwrap_or(u32::MAX).leading_zeros();
        let width = width.max(1);
        let mut res = u32::try_from(given.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        res.extend(given);
        res.push(u8::try_from(width).unwrap_or(u8::MAX));
        let places = page.iter().filter_map(|it| Some((it.0?, it.1)));
        runs(&mut res, places, width.div_ceil(8) as usize);
        res
    }
}

/// Values of so many bytes, each with its count before it: seven bits a byte, and the last bit of
/// the number zero.
fn runs(out: &mut Vec<u8>, all: impl Iterator<Item = (u32, usize)>, bytes: usize) {
    let mut write = |(value, length): (u32, usize)| {
        let mut left = (length as u64) << 1;
        while 0x7f < left {
            out.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
        out.extend(&value.to_le_bytes()[..bytes]);
    };
    let mut open: Option<(u32, usize)> = None;
    for (value, length) in all {
        match &mut open {
            Some(last) if last.0 == value => last.1 += length,
            Some(last) => {
                write(*last);
                *last = (value, length);
            }
            None => open = Some((value, length)),
        }
    }
    open.into_iter().for_each(write);
}

/// Bytes as what a group is read from.
fn reader(bytes: Vec<u8>) -> impl ChunkReader {
    let page = Page::DictionaryPage {
        buf: bytes.into(),
        num_values: 0,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    page.buffer().clone()
}
