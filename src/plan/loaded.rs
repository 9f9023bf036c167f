//! The columns of a batch as tests need them, each made ready when the first test asks.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;

use crate::ir::Comparison;
use crate::plan::bits;
use crate::plan::bits::Bits;
use crate::plan::dictionary::Dictionary;
use crate::plan::number;
use crate::plan::number::Measure;
use crate::plan::number::Numbers;
use crate::plan::rule_set::Column;
use crate::plan::rule_set::Network;
use crate::plan::test::Pair;
use crate::plan::test::Test;
use crate::plan::words::covered;
use crate::plan::words::part;
use crate::value::text::Form;

/// A column of a partition: what is kept between batches, and the batch at hand.
#[derive(Default)]
pub struct Loaded {
    array: Option<ArrayRef>,
    /// Rows without a value.
    missing: Option<Vec<u64>>,
    truths: Option<Vec<u64>>,
    numbers: Option<Numbers>,
    words: Dictionary,
    words_ready: bool,
}

impl Loaded {
    pub fn set(&mut self, array: ArrayRef) {
        self.array = Some(array);
        self.missing = None;
        self.truths = None;
        self.numbers = None;
        self.words_ready = false;
    }

    fn ready(&mut self, column: &Column, wanted: Wanted) {
        let Some(array) = &self.array else { return };
        if self.missing.is_none() {
            let missing = match array.logical_nulls() {
                Some(nulls) => bits::of_buffer(&!nulls.inner()),
                None => vec![0; bits::words(array.len())],
            };
            self.missing = Some(missing);
        }
        match wanted {
            Wanted::Missing => {}
            Wanted::Truths if self.truths.is_none() => {
                self.truths = array.as_boolean_opt().map(|it| bits::of_buffer(it.values()));
            }
            Wanted::Numbers if self.numbers.is_none() => {
                let measure = Measure::of(&column.shape);
                self.numbers = measure.and_then(|it| Numbers::of(array.as_ref(), it));
            }
            Wanted::Words if !self.words_ready => {
                self.words.load(&column.words, array.as_ref());
                self.words_ready = true;
            }
            Wanted::Truths | Wanted::Numbers | Wanted::Words => {}
        }
    }

    fn missing(&self) -> &[u64] {
        self.missing.as_deref().unwrap_or_default()
    }

    fn number(&self, at: usize) -> i128 {
        self.numbers.as_ref().map_or(0, |it| it.at(at))
    }

    fn day(&self, at: usize) -> Option<i32> {
        let given = !bits::get(self.missing(), at);
        if given { i32::try_from(self.number(at)).ok() } else { None }
    }
}

#[derive(Clone, Copy)]
enum Wanted {
    Missing,
    Truths,
    Numbers,
    Words,
}

/// Every column that a network asks for.
#[derive(Default)]
pub struct Columns {
    all: Vec<Loaded>,
}

impl Columns {
    pub fn load(&mut self, arrays: impl Iterator<Item = ArrayRef>) {
        for (at, array) in arrays.enumerate() {
            if self.all.len() <= at {
                self.all.push(Loaded::default());
            }
            self.all[at].set(array);
        }
    }

    fn ready(&mut self, network: &Network, test: &Test) {
        let mut ready = |at: usize, wanted| self.all[at].ready(&network.columns[at], wanted);
        match test {
            Test::Truth(it) => ready(*it, Wanted::Truths),
            Test::Missing(it) | Test::Given(it, _) => ready(*it, Wanted::Missing),
            Test::Number(it, ..) | Test::OneOf(it, _) => ready(*it, Wanted::Numbers),
            Test::Numbers(_, left, right) => {
                ready(left.column, Wanted::Numbers);
                ready(right.column, Wanted::Numbers);
            }
            Test::Multiple(_, left, right) => {
                ready(*left, Wanted::Numbers);
                ready(*right, Wanted::Numbers);
            }
            Test::Listed(it, _, date) => {
                ready(*it, Wanted::Numbers);
                date.iter().for_each(|it| ready(*it, Wanted::Numbers));
            }
            Test::Word(it, _, date) => {
                ready(*it, Wanted::Words);
                date.iter().for_each(|it| ready(*it, Wanted::Numbers));
            }
            Test::Words(_, form, left, right) => {
                for at in [*left, *right] {
                    ready(at, Wanted::Words);
                }
                for at in [*left, *right] {
                    self.all[at].words.make_formed(*form);
                }
            }
        }
    }

    /// The test on the rows of the mask; `dense` when it is most of them.
    pub fn test(
        &mut self,
        network: &Network,
        test: &Test,
        mask: &[u64],
        dense: bool,
        out: &mut Bits,
    ) {
        self.ready(network, test);
        out.clear(mask.len());
        match test {
            Test::Missing(it) => out.yes.copy_from_slice(self.all[*it].missing()),
            Test::Given(_, answer) => out.yes.fill(if *answer { u64::MAX } else { 0 }),
            Test::Truth(it) => {
                out.yes.copy_from_slice(self.all[*it].truths.as_deref().unwrap_or_default());
            }
            Test::Number(it, op, bound) => self.number(*it, *op, *bound, mask, dense, out),
            Test::OneOf(it, values) => {
                let column = &self.all[*it];
                bits::each(mask, |at| {
                    if values.binary_search(&column.number(at)).is_ok() {
                        bits::set(&mut out.yes, at);
                    }
                });
            }
            Test::Numbers(op, left, right) => {
                let (a, b) = (&self.all[left.column], &self.all[right.column]);
                let alike = left.measure == right.measure;
                if dense
                    && alike
                    && let (Some(Numbers::Narrow(a)), Some(Numbers::Narrow(b))) =
                        (&a.numbers, &b.numbers)
                {
                    number::compare_pairs(*op, a, b, &mut out.yes);
                    self.settle(test, mask, out);
                    return;
                }
                bits::each(mask, |at| {
                    let order =
                        number::order(a.number(at), left.measure, b.number(at), right.measure);
                    if number::holds(*op, order) {
                        bits::set(&mut out.yes, at);
                    }
                });
            }
            Test::Multiple(it, left, right) => {
                let (a, b) = (&self.all[*left], &self.all[*right]);
                let numbers = a.numbers.as_ref().zip(b.numbers.as_ref()).filter(|_| dense);
                if numbers.is_none_or(|(a, b)| !it.all(a, b, &mut out.yes)) {
                    bits::each(mask, |at| match it.holds(a.number(at), b.number(at)) {
                        Some(true) => bits::set(&mut out.yes, at),
                        Some(false) => {}
                        None => bits::set(&mut out.maybe, at),
                    });
                }
            }
            Test::Listed(it, entries, date) => {
                let column = &self.all[*it];
                bits::each(mask, |at| {
                    let day = date.map_or(Some(0), |it| self.all[it].day(at));
                    let spans = entries.get(&column.number(at));
                    if day.zip(spans).is_some_and(|(day, spans)| covered(spans, day)) {
                        bits::set(&mut out.yes, at);
                    }
                });
            }
            Test::Word(it, at, date) => self.word(*it, *at, *date, mask, dense, out),
            Test::Words(pair, form, left, right) => {
                let (a, b) = (&self.all[*left].words, &self.all[*right].words);
                bits::each(mask, |at| words(pair, *form, (a, b), at, out));
            }
        }
        self.settle(test, mask, out);
    }

    fn number(
        &self,
        column: usize,
        op: Comparison,
        bound: i128,
        mask: &[u64],
        dense: bool,
        out: &mut Bits,
    ) {
        let column = &self.all[column];
        match &column.numbers {
            Some(numbers) if dense => numbers.compare(op, bound, &mut out.yes),
            _ => bits::each(mask, |at| {
                if number::holds(op, column.number(at).cmp(&bound)) {
                    bits::set(&mut out.yes, at);
                }
            }),
        }
    }

    fn word(
        &mut self,
        column: usize,
        test: usize,
        date: Option<usize>,
        mask: &[u64],
        dense: bool,
        out: &mut Bits,
    ) {
        // Taken out, so that the column of the date can be looked at meanwhile.
        let mut words = std::mem::take(&mut self.all[column].words);
        let day = |at: usize| date.and_then(|it| self.all[it].day(at));
        if dense {
            words.test_all(test, Some(&day), out);
        } else {
            words.test_some(test, Some(&day), mask, out);
        }
        self.all[column].words = words;
    }

    /// Rows where an operand is missing are unknown, and rows outside the mask are not asked.
    fn settle(&self, test: &Test, mask: &[u64], out: &mut Bits) {
        for it in test.columns().into_iter().flatten() {
            for (at, missing) in self.all[it].missing().iter().enumerate() {
                out.yes[at] &= !missing;
                out.maybe[at] |= missing;
            }
        }
        for (at, mask) in mask.iter().enumerate() {
            out.yes[at] &= mask;
            out.maybe[at] = (out.maybe[at] | out.yes[at]) & mask;
        }
    }
}

fn words(
    pair: &Pair,
    form: Form,
    (left, right): (&Dictionary, &Dictionary),
    at: usize,
    out: &mut Bits,
) {
    let (Some(a), Some(b)) = (left.word(form, at), right.word(form, at)) else { return };
    let yes = match pair {
        Pair::Compare(op) => number::holds(*op, a.cmp(b)),
        Pair::Part(op) => part(*op, a, b),
        Pair::Rank(op, choice) => match choice.rank(a).zip(choice.rank(b)) {
            Some((a, b)) => number::holds(*op, a.cmp(&b)),
            None => {
                bits::set(&mut out.maybe, at);
                return;
            }
        },
    };
    if yes {
        bits::set(&mut out.yes, at);
    }
}
