//! Whether Parquet and Arrow files can be read within bounds, before anything of them is decoded.
//!
//! Libraries believe what a file says of itself: a damaged one makes them panic, or ask for more
//! memory than there is, which ends the process; a small one may unpack to gigabytes. What they
//! would believe is read here first.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use arrow::ipc;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Type as Physical;
use parquet::file::metadata::ColumnChunkMetaData;

use crate::data::thrift;
use crate::data::thrift::Page;

/// The longest text of a cell, in bytes.
pub const MOST_CELL: usize = 64 << 10;
/// What a part of a file that is read at once may unpack to, in bytes.
const MOST_AT_ONCE: u64 = 128 << 20;
/// Beyond this, what is compressed may be no more than so many times as large as it is in the file.
const MOST_RATIO: u64 = 100;
const MOST_BATCH: u64 = 256 << 20;
/// Elements of lists in one row group.
const MOST_ELEMENTS: u64 = 32 << 20;

const DAMAGED: &str = "cannot be read: it is damaged";

/// What a reader of a library gives, or nothing where it panics: its fault is the file's.
pub fn contained<T>(read: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()
}

fn at(file: &mut File, from: u64, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from)).ok()?;
    file.take(length).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Whether the end of a Parquet file is one.
pub fn parquet_footer(file: &File) -> Option<()> {
    let mut file = file.try_clone().ok()?;
    let length = file.metadata().ok()?.len();
    let tail = at(&mut file, length.checked_sub(8)?, 8)?;
    let (size, magic) = tail.split_first_chunk::<4>()?;
    let size = u64::from(u32::from_le_bytes(*size));
    let start = length.checked_sub(8)?.checked_sub(size)?;
    if magic != b"PAR1" {
        return None;
    }
    thrift::is_whole(&at(&mut file, start, size)?).then_some(())
}

/// How many rows of a row group may be read at once, at most `rows`.
///
/// Errors, in words: pages that are not where they should be, or unpack to too much.
pub fn parquet_rows(
    file: &File,
    footer: &ArrowReaderMetadata,
    group: usize,
    mask: &ProjectionMask,
    rows: usize,
) -> Result<usize, String> {
    let damaged = || DAMAGED.to_owned();
    let mut file = file.try_clone().map_err(|_| damaged())?;
    let length = file.metadata().map_err(|_| damaged())?.len();
    let group = footer.metadata().row_groups().get(group).ok_or_else(damaged)?;
    let count = u64::try_from(group.num_rows()).map_err(|_| damaged())?;
    let (mut at_once, mut dense, mut elements) = (0, 0, 0);
    for (_, chunk) in group.columns().iter().enumerate().filter(|it| mask.leaf_included(it.0)) {
        let name = chunk.column_path().string();
        let pages = pages(&mut file, length, chunk).ok_or_else(damaged)?;
        let largest = pages.iter().map(|it| it.unpacked).max().unwrap_or(0);
        at_once += largest;
        if MOST_AT_ONCE < at_once {
            return Err(format!(
                "a part of column `{name}` takes {} MiB once it is unpacked, and with the parts \
                 beside it no more than {} MiB are read at once",
                largest >> 20,
                MOST_AT_ONCE >> 20
            ));
        }
        let data = pages.iter().filter(|it| !it.is_dictionary);
        dense += data.map(|it| it.unpacked / it.values.max(1)).max().unwrap_or(0);
        if pages.iter().any(|it| it.is_dictionary) && is_text(chunk) {
            let longest = longest(&mut file, footer, chunk).ok_or_else(damaged)?;
            if MOST_CELL < longest {
                return Err(too_long(&name, longest));
            }
            dense += longest as u64;
        }
        if chunk.column_descr().max_rep_level() != 0 {
            elements = elements.max(pages.iter().map(|it| it.values).sum());
        }
    }
    if MOST_ELEMENTS < elements {
        return Err(format!(
            "its lists have {elements} elements in {count} rows: too many at once"
        ));
    }
    let mut res = rows;
    if let Some(most) = MOST_AT_ONCE.checked_div(dense) {
        res = res.min(usize::try_from(most).unwrap_or(usize::MAX));
    }
    if let Some(most) = (MOST_ELEMENTS / 32).saturating_mul(count).checked_div(elements) {
        res = res.min(usize::try_from(most).unwrap_or(usize::MAX));
    }
    Ok(res.max(1))
}

fn too_long(column: &str, bytes: usize) -> String {
    format!(
        "column `{column}` holds a text of {bytes} bytes: the longest is {} KiB",
        MOST_CELL >> 10
    )
}

fn is_text(chunk: &ColumnChunkMetaData) -> bool {
    chunk.column_type() == Physical::BYTE_ARRAY
}

/// Where a column of a row group stands in its file.
fn range(length: u64, chunk: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    let start = u64::try_from(start.min(chunk.data_page_offset())).ok()?;
    let end = start.checked_add(u64::try_from(chunk.compressed_size()).ok()?)?;
    (end <= length).then_some((start, end))
}

/// The heads of all pages of a column: each lies within it.
fn pages(file: &mut File, length: u64, chunk: &ColumnChunkMetaData) -> Option<Vec<Page>> {
    let (mut next, end) = range(length, chunk)?;
    let wanted = u64::try_from(chunk.num_values()).ok()?;
    let (mut res, mut values) = (Vec::new(), 0);
    while next < end && values < wanted {
        let left = end - next;
        let head = |size: u64| thrift::page(&at(file, next, size.min(left))?);
        // Most heads are short; those with long statistics are read again.
        let page = [256, 64 << 10, 8 << 20].into_iter().find_map(head)?;
        next = next.checked_add(page.head)?.checked_add(page.packed)?;
        if end < next {
            return None;
        }
        if !page.is_dictionary {
            values += page.values;
        }
        res.push(page);
    }
    Some(res)
}

/// The longest text of a dictionary, in bytes.
fn longest(
    file: &mut File,
    footer: &ArrowReaderMetadata,
    chunk: &ColumnChunkMetaData,
) -> Option<usize> {
    use parquet::column::page::PageReader;
    use parquet::file::serialized_reader::SerializedPageReader;
    let file = std::sync::Arc::new(file.try_clone().ok()?);
    let rows = footer.metadata().file_metadata().num_rows();
    let reader = SerializedPageReader::new(file, chunk, usize::try_from(rows).ok()?, None);
    let page = contained(|| reader.ok()?.get_next_page().ok()?)??;
    let (mut rest, mut res) = (page.buffer().as_ref(), 0);
    // Plain: the length of each text, then the text.
    while let Some((length, others)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        rest = others.get(length..)?;
        res = res.max(length);
    }
    Some(res)
}

/// Whether the parts of an Arrow file stand in it, and unpack to no more than they should.
///
/// Errors, in words.
pub fn arrow(file: &File) -> Result<(), String> {
    match contained(|| arrow_blocks(file)) {
        Some(Some(checked)) => checked,
        Some(None) | None => Err(DAMAGED.to_owned()),
    }
}

fn arrow_blocks(file: &File) -> Option<Result<(), String>> {
    let mut file = file.try_clone().ok()?;
    let length = file.metadata().ok()?.len();
    let tail = at(&mut file, length.checked_sub(10)?, 10)?;
    let (size, magic) = tail.split_first_chunk::<4>()?;
    let size = u64::try_from(i32::from_le_bytes(*size)).ok()?;
    if magic != b"ARROW1" {
        return None;
    }
    let bytes = at(&mut file, length.checked_sub(10)?.checked_sub(size)?, size)?;
    let footer = ipc::root_as_footer(&bytes).ok()?;
    let blocks = footer.recordBatches().into_iter().flatten();
    for block in blocks.chain(footer.dictionaries().into_iter().flatten()) {
        let from = u64::try_from(block.offset()).ok()?;
        let head = u64::try_from(block.metaDataLength()).ok()?;
        let body = u64::try_from(block.bodyLength()).ok()?;
        let start = from.checked_add(head)?;
        if length < start.checked_add(body)? {
            return None;
        }
        let packed = packed_buffers(&at(&mut file, from, head)?)?;
        let mut unpacked = 0_u64;
        for (place, size) in packed {
            if body < place.checked_add(size)? {
                return None;
            }
            // Each begins with the length that it unpacks to; -1 says that it is not packed.
            let told = at(&mut file, start + place, size.min(8))?;
            let Some((told, _)) = told.split_first_chunk::<8>() else { continue };
            unpacked = match i64::from_le_bytes(*told) {
                -1 => unpacked,
                told => unpacked.checked_add(u64::try_from(told).ok()?)?,
            };
        }
        if MOST_BATCH.max(body.saturating_mul(MOST_RATIO)) < unpacked {
            let (unpacked, body) = (unpacked >> 20, body >> 10);
            return Some(Err(format!(
                "{body} KiB of it take {unpacked} MiB once they are unpacked"
            )));
        }
    }
    Some(Ok(()))
}

/// Where the packed buffers of a message stand in its body, and their lengths.
fn packed_buffers(head: &[u8]) -> Option<Vec<(u64, u64)>> {
    // A mark, then the length; old files have the length alone.
    let message = match head.strip_prefix(&[0xFF; 4]) {
        Some(rest) => rest.get(4..)?,
        None => head.get(4..)?,
    };
    let message = ipc::root_as_message(message).ok()?;
    let batch = match message.header_as_dictionary_batch() {
        Some(it) => it.data()?,
        None => message.header_as_record_batch()?,
    };
    if batch.compression().is_none() {
        return Some(Vec::new());
    }
    let place = |it: &ipc::Buffer| {
        Some((u64::try_from(it.offset()).ok()?, u64::try_from(it.length()).ok()?))
    };
    batch.buffers()?.iter().map(place).collect()
}
