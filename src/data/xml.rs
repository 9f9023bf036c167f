//! Parts of a workbook as events, bounded in length as a whole and one by one.

use std::cell::Cell;
use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::BytesStart;
use quick_xml::events::Event;
use zip::ZipArchive;
use zip::result::ZipError;

/// Of a part, unfolded.
const PART_BYTES: usize = 1 << 28;
/// Of one event: a cell holds 32,767 characters at most.
const EVENT_BYTES: usize = 1 << 20;

/// A part of a workbook.
pub struct Xml<'a> {
    reader: Reader<BufReader<Bounded<'a>>>,
    buffer: Vec<u8>,
    left: Rc<Cell<usize>>,
}

/// Stops a part that is too long, and an event that is.
struct Bounded<'a> {
    inner: Box<dyn Read + 'a>,
    whole: usize,
    left: Rc<Cell<usize>>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.whole == 0 || self.left.get() == 0 {
            return Err(std::io::Error::other("too long"));
        }
        let most = out.len().min(self.whole).min(self.left.get());
        let read = self.inner.read(&mut out[..most])?;
        self.whole -= read;
        self.left.set(self.left.get() - read);
        Ok(read)
    }
}

/// A part by its name; `None` when there is none.
///
/// Errors, in words that follow the name of the file.
pub fn open<'a>(
    archive: &'a mut ZipArchive<BufReader<File>>,
    name: &str,
) -> Result<Option<Xml<'a>>, String> {
    let part = match archive.by_name(name) {
        Ok(it) => it,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(_) => return Err(format!("cannot be read as a workbook: `{name}` is damaged")),
    };
    let left = Rc::new(Cell::new(EVENT_BYTES));
    let bounded = Bounded { inner: Box::new(part), whole: PART_BYTES, left: left.clone() };
    let mut reader = Reader::from_reader(BufReader::with_capacity(1 << 16, bounded));
    reader.config_mut().check_end_names = false;
    Ok(Some(Xml { reader, buffer: Vec::new(), left }))
}

impl Xml<'_> {
    /// The next event; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Event<'_>>, String> {
        self.buffer.clear();
        self.left.set(EVENT_BYTES);
        let ahead = self.reader.get_ref().buffer().len();
        self.left.set(EVENT_BYTES.saturating_sub(ahead).max(1));
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::Eof) => Ok(None),
            Ok(it) => Ok(Some(it)),
            Err(_) => Err("cannot be read as a workbook: it is damaged or too large; save the \
                           sheet as CSV"
                .to_owned()),
        }
    }

    /// The text inside an element that has begun, up to its end; readings of foreign signs are left
    /// out.
    pub fn text(&mut self, name: &str) -> Result<String, String> {
        let mut text = String::new();
        let mut aside = false;
        while let Some(event) = self.next()? {
            match event {
                Event::Text(it) if !aside => text.push_str(&it.xml10_content()),
                Event::CData(it) if !aside => text.push_str(&it),
                Event::GeneralRef(it) if !aside => match it.resolve_char_ref() {
                    Ok(Some(letter)) => text.push(letter),
                    Ok(None) => text.push_str(entity(&it)),
                    Err(_) => {}
                },
                Event::Start(it) => aside |= it.local_name().as_ref() == "rPh",
                Event::End(it) => match it.local_name().as_ref() {
                    "rPh" => aside = false,
                    other if other == name => break,
                    _ => {}
                },
                _ => {}
            }
            if EVENT_BYTES < text.len() {
                return Err("has a cell of more than 1 MiB".to_owned());
            }
        }
        Ok(escaped(&text))
    }
}

fn entity(name: &str) -> &'static str {
    match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        _ => "\u{FFFD}",
    }
}

/// `_x000D_` stands for a sign that XML does not hold; halves of pairs stay as they are written.
fn escaped(text: &str) -> String {
    let mut res = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let (before, after) = rest.split_at(at);
        res.push_str(before);
        let digits = after.get(2..6).filter(|_| after.get(6..7) == Some("_"));
        let letter = digits.and_then(|it| u32::from_str_radix(it, 16).ok());
        match letter.and_then(char::from_u32) {
            Some(letter) => {
                res.push(letter);
                rest = &after[7..];
            }
            None => {
                res.push_str("_x");
                rest = &after[2..];
            }
        }
    }
    res.push_str(rest);
    res
}

/// An attribute by its name without a prefix.
pub fn attribute(start: &BytesStart, name: &str) -> Option<String> {
    let mut all = start.attributes();
    let all = all.with_checks(false).flatten();
    let mut found = all.filter(|it| it.key.local_name().as_ref() == name);
    let value = found.next()?;
    quick_xml::escape::unescape(&value.value).ok().map(|it| it.into_owned())
}
