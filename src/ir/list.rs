//! Lists that rules consult, and the index by which their entries are found: made once for each way
//! of comparing, shared by all who ask.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;

use ahash::RandomState;

use crate::schema::Type;
use crate::source::Span;
use crate::value::Duration;
use crate::value::Value;
use crate::value::text;
use crate::value::text::Form;

/// A table that rules consult.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    pub name: Arc<str>,
    pub columns: Vec<Column>,
    /// Columns of the key, in order.
    pub key: Vec<usize>,
    /// Columns of the key that match by their beginning: the longest of the first of them first.
    pub prefix: Vec<usize>,
    pub dated: bool,
    /// Sorted by key, then validity; texts of keys in the form of their column.
    pub rows: Vec<ListRow>,
    /// What is said of entries that have the key of another at the same date.
    pub repeated: Vec<(Span, String)>,
    pub indexes: Indexes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub ty: Type,
}

/// Days both included; `None` is open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListRow {
    pub values: Vec<Value>,
    pub from: Option<i32>,
    pub to: Option<i32>,
}

impl ListRow {
    /// Whether the entry is in force on a day; without one, ever.
    pub fn is_in_force(&self, day: Option<i32>) -> bool {
        day.is_none_or(|day| {
            self.from.is_none_or(|it| it <= day) && self.to.is_none_or(|it| day <= it)
        })
    }
}

/// The indexes of a list that were asked for. A list that is copied may be changed: the copy makes
/// its own.
#[derive(Default)]
pub struct Indexes(Mutex<Vec<(Way, Arc<Index>)>>);

/// Which columns are compared, and in which form each.
type Way = Vec<(usize, Form)>;

impl Clone for Indexes {
    fn clone(&self) -> Indexes {
        Indexes::default()
    }
}

impl PartialEq for Indexes {
    fn eq(&self, _: &Indexes) -> bool {
        true
    }
}

impl Eq for Indexes {}

impl fmt::Debug for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Indexes")
    }
}

impl List {
    /// `reference_prices.price`: how a column is told that an entry leaves blank.
    pub fn column_name(&self, column: usize) -> String {
        format!("{}.{}", self.name, self.columns[column].name)
    }

    /// The index of the first column of the key, for texts in a form.
    pub fn index_of_first(&self, form: Form) -> Arc<Index> {
        self.index(&self.key[..self.key.len().min(1)], &[form])
    }

    /// The index of all the columns of the key, for values in these forms.
    pub fn index_of_key(&self, forms: &[Form]) -> Arc<Index> {
        self.index(&self.key, forms)
    }

    /// The same list with other entries.
    pub fn with_rows(&self, rows: Vec<ListRow>) -> List {
        let formed = |mut row: ListRow| {
            for at in &self.key {
                if let Value::Text(it) = &row.values[*at] {
                    row.values[*at] = Value::text(&text::form(it, self.columns[*at].ty.form()));
                }
            }
            row
        };
        let rows = rows.into_iter().map(formed).collect();
        List {
            name: self.name.clone(),
            columns: self.columns.clone(),
            key: self.key.clone(),
            prefix: self.prefix.clone(),
            dated: self.dated,
            rows,
            repeated: Vec::new(),
            indexes: Indexes::default(),
        }
    }

    /// A form that is coarser than that of the column is taken; else the column's.
    fn index(&self, columns: &[usize], forms: &[Form]) -> Arc<Index> {
        let form = |(column, form): (&usize, &Form)| {
            (*column, (*form).max(self.columns[*column].ty.form()))
        };
        let way: Way = columns.iter().zip(forms).map(form).collect();
        let Ok(mut known) = self.indexes.0.lock() else {
            return Arc::new(Index::new(self, &way));
        };
        if let Some((_, it)) = known.iter().find(|it| it.0 == way) {
            return it.clone();
        }
        let made = Arc::new(Index::new(self, &way));
        known.push((way, made.clone()));
        made
    }
}

/// Entries by key.
#[derive(Debug)]
pub struct Index {
    forms: Vec<Form>,
    /// The keys, one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Entries, those of a key together, in the order of the list, and where those of each end.
    entries: Vec<u32>,
    entry_ends: Vec<u32>,
    /// Open addressing: the number of a key and one, or nothing.
    slots: Vec<u32>,
    hasher: RandomState,
    /// Where entries are found by beginnings: the lengths that they have together, the longest of
    /// the first part first.
    shapes: Vec<Shape>,
}

/// How many bytes of each part of a key are compared; `None` is all of them.
type Shape = Vec<Option<usize>>;

/// Ends a text that another part follows: no byte of UTF-8.
const END: u8 = 0xFF;

impl Index {
    fn new(list: &List, way: &Way) -> Index {
        let forms: Vec<Form> = way.iter().map(|it| it.1).collect();
        let mut bytes: Vec<u8> = Vec::new();
        let mut keys: Vec<(usize, usize, u32)> = Vec::with_capacity(list.rows.len());
        let mut shapes = BTreeSet::new();
        // `under` asks for the first column alone, however the list is looked up.
        let is_prefix = |column: &usize| way.len() == 1 || list.prefix.contains(column);
        for (row, number) in list.rows.iter().zip(0_u32..) {
            let begin = bytes.len();
            let mut is_whole = true;
            let mut shape = Shape::with_capacity(way.len());
            for (at, (column, form)) in way.iter().enumerate() {
                let start = bytes.len();
                // Keys are held in the form of their column.
                let held = list.columns[*column].ty.form() == *form;
                let form = if held { Form::Exact } else { *form };
                let value = &row.values[*column];
                let is_last = at + 1 == way.len();
                is_whole &= write(&mut bytes, value, form, is_last);
                let is_begun = is_prefix(column) && matches!(value, Value::Text(_));
                shape.push(is_begun.then(|| text_of(&bytes[start..], is_last).len()));
            }
            if is_whole {
                shapes.insert(shape);
                keys.push((begin, bytes.len(), number));
            } else {
                bytes.truncate(begin);
            }
        }
        keys.sort_by(|a, b| (&bytes[a.0..a.1], a.2).cmp(&(&bytes[b.0..b.1], b.2)));
        let mut index = Index {
            forms,
            bytes: Vec::with_capacity(bytes.len()),
            ends: Vec::new(),
            entries: Vec::with_capacity(keys.len()),
            entry_ends: Vec::new(),
            slots: Vec::new(),
            hasher: RandomState::with_seeds(1, 2, 3, 4),
            shapes: shapes.into_iter().rev().collect(),
        };
        for same in keys.chunk_by(|a, b| bytes[a.0..a.1] == bytes[b.0..b.1]) {
            index.bytes.extend_from_slice(&bytes[same[0].0..same[0].1]);
            index.ends.push(index.bytes.len());
            index.entries.extend(same.iter().map(|it| it.2));
            index.entry_ends.push(u32::try_from(index.entries.len()).unwrap_or(u32::MAX));
        }
        index.hash();
        index
    }

    fn hash(&mut self) {
        let room = (self.ends.len() * 2).next_power_of_two().max(2);
        self.slots = vec![0; room];
        for (key, number) in (0..self.ends.len()).zip(1_u32..) {
            let mut at = self.place(self.key(key));
            while self.slots[at] != 0 {
                at = (at + 1) & (room - 1);
            }
            self.slots[at] = number;
        }
    }

    fn place(&self, key: &[u8]) -> usize {
        (self.hasher.hash_one(key) as usize) & (self.slots.len() - 1)
    }

    fn key(&self, number: usize) -> &[u8] {
        let begin = number.checked_sub(1).map_or(0, |it| self.ends[it]);
        &self.bytes[begin..self.ends[number]]
    }

    fn find(&self, key: &[u8]) -> &[u32] {
        let mut at = self.place(key);
        while let Some(number) = (self.slots[at] as usize).checked_sub(1) {
            if self.key(number) == key {
                let begin = number.checked_sub(1).map_or(0, |it| self.entry_ends[it]);
                return &self.entries[begin as usize..self.entry_ends[number] as usize];
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        &[]
    }

    /// The entries of a key, or of those whose parts it begins with, the longest first.
    pub fn of_values<'a>(&'a self, key: &[Value], prefix: bool) -> Vec<&'a [u32]> {
        let mut bytes = Vec::with_capacity(32);
        let mut ends = Vec::with_capacity(key.len());
        for (at, (value, form)) in key.iter().zip(&self.forms).enumerate() {
            if !write(&mut bytes, value, *form, at + 1 == key.len()) {
                return Vec::new();
            }
            ends.push(bytes.len());
        }
        self.of_bytes(&bytes, &ends, prefix)
    }

    /// The entries of a text, brought into this form; `room` is to work in.
    pub fn of_text(&self, word: &str, form: Form, room: &mut Vec<u8>) -> &[u32] {
        room.clear();
        room.push(TEXT);
        room.extend_from_slice(text::formed(word, form).as_bytes());
        self.find(room)
    }

    /// The entries of a text in the form of the index, or of those that it begins with.
    pub fn of_word<'a>(&'a self, word: &str, prefix: bool) -> Vec<&'a [u32]> {
        let mut bytes = Vec::with_capacity(1 + word.len());
        bytes.push(TEXT);
        bytes.extend_from_slice(word.as_bytes());
        self.of_bytes(&bytes, &[bytes.len()], prefix)
    }

    /// `ends` are those of the parts.
    fn of_bytes(&self, bytes: &[u8], ends: &[usize], prefix: bool) -> Vec<&[u32]> {
        if !prefix {
            let found = self.find(bytes);
            return if found.is_empty() { Vec::new() } else { vec![found] };
        }
        let mut all = Vec::new();
        let mut begun = Vec::with_capacity(bytes.len());
        for shape in &self.shapes {
            begun.clear();
            if !cut(&mut begun, bytes, ends, shape) {
                continue;
            }
            let found = self.find(&begun);
            if !found.is_empty() {
                all.push(found);
            }
        }
        all
    }
}

/// The beginnings of the parts of a key; false where one of them is shorter.
fn cut(begun: &mut Vec<u8>, bytes: &[u8], ends: &[usize], shape: &Shape) -> bool {
    let mut start = 0;
    for (at, (end, length)) in ends.iter().zip(shape).enumerate() {
        let part = &bytes[start..*end];
        start = *end;
        let is_last = at + 1 == ends.len();
        match length {
            None => begun.extend_from_slice(part),
            Some(length) => {
                let text = text_of(part, is_last);
                if part.first() != Some(&TEXT) || text.len() < *length {
                    return false;
                }
                begun.push(TEXT);
                begun.extend_from_slice(&text[..*length]);
                if !is_last {
                    begun.push(END);
                }
            }
        }
    }
    true
}

/// The text in what `write` made of it.
fn text_of(part: &[u8], is_last: bool) -> &[u8] {
    let end = part.len() - usize::from(!is_last);
    part.get(1..end).unwrap_or_default()
}

const TEXT: u8 = b't';

/// A value as bytes, so that equal values have equal bytes; no value has none.
fn write(bytes: &mut Vec<u8>, value: &Value, form: Form, is_last: bool) -> bool {
    if let Some(number) = value.as_decimal() {
        let number = number.normalised();
        bytes.push(b'n');
        bytes.extend_from_slice(&number.unscaled.to_be_bytes());
        bytes.push(number.scale);
        return true;
    }
    match value {
        Value::Text(it) => {
            bytes.push(TEXT);
            match form {
                Form::Exact => bytes.extend_from_slice(it.as_bytes()),
                Form::Folded | Form::Name => {
                    bytes.extend_from_slice(text::form(it, form).as_bytes());
                }
            }
            if !is_last {
                bytes.push(END);
            }
        }
        Value::Truth(it) => bytes.extend_from_slice(&[b'b', u8::from(*it)]),
        Value::Date(it) => numbered(bytes, b'd', i64::from(*it)),
        Value::DateTime(it) => numbered(bytes, b'i', *it),
        Value::Duration(Duration::Days(it)) => numbered(bytes, b'D', i64::from(*it)),
        Value::Duration(Duration::Months(it)) => numbered(bytes, b'M', i64::from(*it)),
        Value::Duration(Duration::Time(it)) => numbered(bytes, b'T', *it),
        Value::Missing(_) | Value::Whole(_) | Value::Decimal(_) => return false,
    }
    true
}

fn numbered(bytes: &mut Vec<u8>, kind: u8, number: i64) {
    bytes.push(kind);
    bytes.extend_from_slice(&number.to_be_bytes());
}
