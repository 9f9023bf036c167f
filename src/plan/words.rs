//! Tests of one text: what each says of a distinct value, before any row is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ir::Comparison;
use crate::ir::Index;
use crate::ir::List;
use crate::ir::Matching;
use crate::ir::TextTest;
use crate::plan::listed::Listed;
use crate::plan::number;
use crate::schema::Choice;
use crate::schema::Group;
use crate::value::Value;
use crate::value::text::Form;

/// First and last days, both included, sorted and apart.
pub type Spans = Vec<(i32, i32)>;

pub const ALWAYS: (i32, i32) = (i32::MIN, i32::MAX);

/// At which date validities are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// No date matters.
    Any,
    Fixed(i32),
    /// The date is in a column.
    Column(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    No,
    Yes,
    Unknown,
    /// Yes on these days.
    Within(Arc<[(i32, i32)]>),
}

/// A test of a text in a form. Literals are in the form already.
#[derive(Debug)]
pub struct WordTest {
    pub form: Form,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    Member(Arc<[Arc<str>]>),
    Under(Arc<[Arc<str>]>),
    Compare(Comparison, String),
    /// By place in an ordered choice.
    Rank(Comparison, usize, Arc<Choice>),
    Part(TextTest, String),
    /// The text is a part of the literal.
    PartOf(TextTest, String),
    /// A member of a group, on these days.
    Grouped(BTreeMap<String, Spans>),
    /// The key of an entry of a list.
    Entry {
        list: Listed,
        index: Arc<Index>,
        /// Entries are prefixes of the value.
        prefix: bool,
        day: Day,
    },
}

impl WordTest {
    /// What it says of a text in its form.
    pub fn answer(&self, word: &str) -> Answer {
        let yes = |it: bool| if it { Answer::Yes } else { Answer::No };
        match &self.what {
            What::Member(words) => yes(words.iter().any(|it| **it == *word)),
            What::Under(prefixes) => yes(prefixes.iter().any(|it| word.starts_with(&**it))),
            What::Compare(op, other) => yes(number::holds(*op, word.cmp(other.as_str()))),
            What::Rank(op, rank, choice) => match choice.rank(word) {
                Some(it) => yes(number::holds(*op, it.cmp(rank))),
                None => Answer::Unknown,
            },
            What::Part(op, other) => yes(part(*op, word, other)),
            What::PartOf(op, other) => yes(part(*op, other, word)),
            What::Grouped(entries) => match entries.get(word) {
                Some(spans) => within(spans.clone()),
                None => Answer::No,
            },
            What::Entry { list, index, prefix, day } => {
                let found = index.of_word(word, *prefix);
                let rows = found.into_iter().flatten().map(|it| &list.0.rows[*it as usize]);
                within(rows.filter_map(|it| span(*day, it.from, it.to)).collect())
            }
        }
    }
}

pub fn part(op: TextTest, whole: &str, part: &str) -> bool {
    match op {
        TextTest::StartsWith => whole.starts_with(part),
        TextTest::EndsWith => whole.ends_with(part),
        TextTest::Contains => whole.contains(part),
    }
}

/// Every beginning of a word, nothing and all of it included.
pub fn prefixes(word: &str) -> impl Iterator<Item = &str> {
    let ends = word.char_indices().map(|it| it.0).chain(std::iter::once(word.len()));
    ends.filter_map(|end| word.get(..end))
}

pub fn within(spans: Spans) -> Answer {
    let spans = merged(spans);
    match spans.as_slice() {
        [] => Answer::No,
        [ALWAYS] => Answer::Yes,
        _ => Answer::Within(Arc::from(spans)),
    }
}

pub fn merged(mut spans: Spans) -> Spans {
    spans.sort_unstable();
    let mut res: Spans = Vec::with_capacity(spans.len());
    for (from, to) in spans.into_iter().filter(|it| it.0 <= it.1) {
        match res.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => res.push((from, to)),
        }
    }
    res
}

pub fn covered(spans: &[(i32, i32)], day: i32) -> bool {
    let after = spans.partition_point(|it| it.0 <= day);
    0 < after && day <= spans[after - 1].1
}

/// The days of an entry as seen from `day`: all or none, unless the day is in a column.
fn span(day: Day, from: Option<i32>, to: Option<i32>) -> Option<(i32, i32)> {
    let span = (from.unwrap_or(i32::MIN), to.unwrap_or(i32::MAX));
    match day {
        Day::Any => Some(ALWAYS),
        Day::Fixed(day) => (span.0 <= day && day <= span.1).then_some(ALWAYS),
        Day::Column(_) => Some(span),
    }
}

/// Without a date a group is as it stands: its members that have not left it.
pub fn in_group(group: &Group, day: Day) -> What {
    let mut entries: BTreeMap<String, Spans> = BTreeMap::new();
    for it in &group.members {
        if day == Day::Any && it.to.is_some() {
            continue;
        }
        if let Some(span) = span(day, it.from, it.to) {
            entries.entry(it.country.clone()).or_default().push(span);
        }
    }
    What::Grouped(entries)
}

pub fn in_list(list: &Arc<List>, matching: Matching, day: Day, form: Form) -> What {
    let index = list.index_of_first(form);
    What::Entry { list: Listed(list.clone()), index, prefix: matching == Matching::Prefix, day }
}

/// The entries of a list whose key is a number or a date, by value.
pub fn in_values(list: &List, day: Day) -> Vec<(Value, Spans)> {
    let column = list.key.first().copied().unwrap_or(0);
    let mut res: Vec<(Value, Spans)> = Vec::new();
    for it in &list.rows {
        if let Some(span) = span(day, it.from, it.to) {
            res.push((it.values[column].clone(), vec![span]));
        }
    }
    res
}
