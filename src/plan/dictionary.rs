//! Text columns as small integers: each distinct value meets each test once.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::DictionaryArray;
use arrow::datatypes::Int32Type;
use datafusion::common::HashMap;

use crate::data::encoded;
use crate::plan::bits;
use crate::plan::bits::Bits;
use crate::plan::words::Answer;
use crate::plan::words::What;
use crate::plan::words::WordTest;
use crate::plan::words::covered;
use crate::plan::words::prefixes;
use crate::value::text;
use crate::value::text::Form;

/// Above this many distinct values a dictionary starts anew with the next batch.
const DISTINCT_MAX: usize = 65_536;
const NO_ID: u32 = u32::MAX;

/// The tests of one column, found by the words they name.
///
/// Hash maps: every distinct value asks them, and their order is never seen.
#[derive(Debug, Default)]
pub struct Tests {
    all: Vec<WordTest>,
    forms: BTreeMap<Form, ByWord>,
}

#[derive(Debug, Default)]
struct ByWord {
    members: HashMap<Arc<str>, Vec<usize>>,
    prefixes: HashMap<Arc<str>, Vec<usize>>,
    /// Those that are asked one by one.
    others: Vec<usize>,
}

impl Tests {
    pub fn add(&mut self, test: WordTest) -> usize {
        let at = self.all.len();
        let it = self.forms.entry(test.form).or_default();
        match &test.what {
            What::Member(words) => {
                for word in words.iter() {
                    it.members.entry(word.clone()).or_default().push(at);
                }
            }
            What::Under(words) => {
                for word in words.iter() {
                    it.prefixes.entry(word.clone()).or_default().push(at);
                }
            }
            What::Compare(..)
            | What::Rank(..)
            | What::Part(..)
            | What::PartOf(..)
            | What::Grouped(_)
            | What::Entry { .. } => it.others.push(at),
        }
        self.all.push(test);
        at
    }

    /// Every test that does not say no.
    fn answers(&self, word: &str, mut found: impl FnMut(usize, Answer)) {
        for (form, it) in &self.forms {
            let formed;
            let word = match form {
                Form::Exact => word,
                Form::Folded | Form::Name => {
                    formed = text::formed(word, *form);
                    &*formed
                }
            };
            for at in it.members.get(word).into_iter().flatten() {
                found(*at, Answer::Yes);
            }
            if !it.prefixes.is_empty() {
                for at in prefixes(word).filter_map(|begin| it.prefixes.get(begin)).flatten() {
                    found(*at, Answer::Yes);
                }
            }
            for at in &it.others {
                match self.all[*at].answer(word) {
                    Answer::No => {}
                    answer => found(*at, answer),
                }
            }
        }
    }
}

/// The values of one column that a partition has met, and the ids of the rows of a batch.
#[derive(Debug, Default)]
pub struct Dictionary {
    ids: HashMap<Arc<str>, u32>,
    /// Of the texts of a column that comes by dictionary, as far as rows have them.
    encoded: Option<(ArrayRef, Vec<u32>)>,
    values: Vec<Arc<str>>,
    answers: Vec<Answers>,
    formed: BTreeMap<Form, Vec<Arc<str>>>,
    /// The id of each row.
    rows: Vec<u32>,
    /// The ids of this batch.
    present: Vec<u64>,
    /// By id, where its rows begin in `order`; said of the ids of this batch only.
    starts: Vec<u32>,
    counts: Vec<u32>,
    order: Vec<u32>,
}

/// What one test says, by id.
#[derive(Debug, Default, Clone)]
struct Answers {
    yes: Vec<u64>,
    unknown: Vec<u64>,
    dated: Vec<u64>,
    spans: HashMap<u32, Arc<[(i32, i32)]>>,
}

/// The date of a row, for tests that ask for it. `None`: missing.
pub type Days<'a> = &'a dyn Fn(usize) -> Option<i32>;

impl Dictionary {
    /// Takes the rows of a batch; a column that is no text has none.
    pub fn load(&mut self, tests: &Tests, array: &dyn Array) {
        if DISTINCT_MAX < self.values.len() {
            *self = Dictionary::default();
        }
        self.answers.resize_with(tests.all.len(), Answers::default);
        self.rows.clear();
        self.present.clear();
        self.order.clear();
        if let Some(encoded) = array.as_dictionary_opt::<Int32Type>() {
            return self.load_encoded(tests, encoded);
        }
        for text in array.as_string_opt::<i32>().into_iter().flatten() {
            match text {
                Some(text) => {
                    let id = self.intern(tests, text);
                    self.push(id);
                }
                None => self.rows.push(NO_ID),
            }
        }
    }

    fn load_encoded(&mut self, tests: &Tests, array: &DictionaryArray<Int32Type>) {
        let Some(values) = array.values().as_string_opt::<i32>() else { return };
        let known = self.encoded.take().filter(|it| encoded::is_same(&it.0, array.values()));
        let (held, mut ids) =
            known.unwrap_or_else(|| (array.values().clone(), vec![NO_ID; values.len()]));
        for key in array.keys() {
            let Some(key) = key.and_then(|it| usize::try_from(it).ok()) else {
                self.rows.push(NO_ID);
                continue;
            };
            if ids[key] == NO_ID {
                ids[key] = self.intern(tests, values.value(key));
            }
            self.push(ids[key]);
        }
        self.encoded = Some((held, ids));
    }

    fn push(&mut self, id: u32) {
        let place = id as usize;
        if !bits::get(&self.present, place) {
            bits::grow(&mut self.present, place);
            self.counts[place] = 0;
        }
        self.counts[place] += 1;
        self.rows.push(id);
    }

    fn intern(&mut self, tests: &Tests, value: &str) -> u32 {
        if let Some(id) = self.ids.get(value) {
            return *id;
        }
        let id = u32::try_from(self.values.len()).unwrap_or(NO_ID - 1);
        let value: Arc<str> = Arc::from(value);
        let answers = &mut self.answers;
        tests.answers(&value, |test, answer| {
            let it = &mut answers[test];
            match answer {
                Answer::No => {}
                Answer::Yes => bits::grow(&mut it.yes, id as usize),
                Answer::Unknown => bits::grow(&mut it.unknown, id as usize),
                Answer::Within(spans) => {
                    bits::grow(&mut it.dated, id as usize);
                    it.spans.insert(id, spans);
                }
            }
        });
        self.ids.insert(value.clone(), id);
        self.values.push(value);
        self.starts.push(0);
        self.counts.push(0);
        id
    }

    /// Puts the rows of each id together, once a batch.
    fn sort_rows(&mut self) {
        if self.order.len() == self.rows.len() {
            return;
        }
        let (starts, counts) = (&mut self.starts, &mut self.counts);
        let mut next = 0;
        bits::each(&self.present, |id| {
            starts[id] = next;
            next += counts[id];
            counts[id] = 0;
        });
        // Rows without a value fill the end and are never asked for.
        self.order.resize(self.rows.len(), NO_ID);
        for (at, id) in self.rows.iter().enumerate().filter(|it| *it.1 != NO_ID) {
            let id = *id as usize;
            self.order[(starts[id] + counts[id]) as usize] = u32::try_from(at).unwrap_or(NO_ID);
            counts[id] += 1;
        }
    }

    fn each_row(&self, ids: &[u64], mut row: impl FnMut(usize, u32)) {
        for (at, (word, present)) in ids.iter().zip(&self.present).enumerate() {
            bits::each(&[word & present], |bit| {
                let id = at * 64 + bit;
                let start = self.starts[id] as usize;
                let id = u32::try_from(id).unwrap_or(NO_ID);
                for at in &self.order[start..start + self.counts[id as usize] as usize] {
                    row(*at as usize, id);
                }
            });
        }
    }

    /// A test on every row. Rows without a value, or a date that is needed, are for the caller.
    pub fn test_all(&mut self, test: usize, day: Option<Days>, out: &mut Bits) {
        self.sort_rows();
        let it = &self.answers[test];
        self.each_row(&it.yes, |at, _| bits::set(&mut out.yes, at));
        self.each_row(&it.unknown, |at, _| bits::set(&mut out.maybe, at));
        self.each_row(&it.dated, |at, id| {
            if day.and_then(|day| day(at)).is_some_and(|day| covered(&it.spans[&id], day)) {
                bits::set(&mut out.yes, at);
            }
        });
    }

    /// A test on the rows of a mask, in the same way.
    pub fn test_some(&self, test: usize, day: Option<Days>, mask: &[u64], out: &mut Bits) {
        let it = &self.answers[test];
        bits::each(mask, |at| {
            let id = self.rows[at];
            if id == NO_ID {
                return;
            }
            let place = id as usize;
            let dated = bits::get(&it.dated, place)
                && day.and_then(|day| day(at)).is_some_and(|day| covered(&it.spans[&id], day));
            if dated || bits::get(&it.yes, place) {
                bits::set(&mut out.yes, at);
            } else if bits::get(&it.unknown, place) {
                bits::set(&mut out.maybe, at);
            }
        });
    }

    /// Makes the values known so far ready in a form.
    pub fn make_formed(&mut self, form: Form) {
        let formed = self.formed.entry(form).or_default();
        for value in &self.values[formed.len()..] {
            formed.push(match form {
                Form::Exact => value.clone(),
                Form::Folded | Form::Name => Arc::from(text::form(value, form)),
            });
        }
    }

    /// The value of a row in a form that was made ready.
    pub fn word(&self, form: Form, at: usize) -> Option<&str> {
        let id = self.rows[at];
        self.formed.get(&form)?.get(id as usize).map(|it| &**it)
    }
}
