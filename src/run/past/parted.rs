//! Facts of more rows than memory holds. Rows are read once and put on disk, parted by key; then as
//! many parts as fit are looked at, one stretch of parts after the other.
//!
//! A key that so many rows have that they do not fit, or no key at all, is one part nevertheless:
//! there rows that nobody tells apart are added up while they are read, where the statistic allows
//! it, and judged rows come some after others.

use std::ops::Range;

use crate::ir::FactId;
use crate::ir::RuleSet;
use crate::plan::past::frame::Frame;
use crate::plan::past::frame::Request;
use crate::plan::past::frame::Words;
use crate::plan::past::keep::Keep;
use crate::plan::past::store::Store;
use crate::run::Again;
use crate::run::engine;
use crate::run::past::ANSWER;
use crate::run::past::SORTED;
use crate::run::past::Together;
use crate::run::past::parting::Parting;
use crate::run::past::parting::Plan;
use crate::run::past::parting::Rows;
use crate::run::past::pass;
use crate::run::past::pass::Gathered;
use crate::run::past::pass::Passed;
use crate::run::past::pass::Sum;
use crate::run::past::reached;
use crate::run::past::side;
use crate::run::past::side::Side;
use crate::run::past::side::Work;
use crate::run::past::today;
use crate::run::past::today::Today;
use crate::sort::parted::Parted;
use crate::trouble::Trouble;

/// So many parts are looked at together, or fewer: keys differ in how many rows they have.
const TOGETHER: usize = 8;
/// Each part has a batch of its own in what is written at once.
const PARTS: usize = 128;
/// Bytes of a text, and of the number that it gets on either side.
const TEXT: usize = 128;
/// Bytes of a row that stands for several, with how it is found.
const SUMMED: usize = 256;
/// At least so many judged rows are looked at together.
const SLICE: usize = 65_536;

/// Finds facts with the same keys, in about so much memory, into the store.
///
/// Errors: files that cannot be read, what the engine cannot do, a disk that refuses.
pub(super) async fn find(
    mut together: Together<'_>,
    work: &Work<'_>,
    room: usize,
    store: &mut Store,
    today: &mut Today,
) -> Result<(), Again> {
    let (set, opened, folder) = (work.set, work.opened, work.options.place());
    together.judged.request.numbered = true;
    let ids: Vec<FactId> = together.places.iter().map(|it| it.0).collect();
    let parts = match work.options.shares {
        _ if together.places.iter().all(|it| it.1.keys.is_empty()) => 1,
        Some(shares) => usize::try_from(shares).unwrap_or(1),
        None => (TOGETHER * together.size(work)? / room.max(1)).clamp(TOGETHER, PARTS),
    };
    store.put_away(&ids, &folder)?;
    let days = together.places.iter().filter_map(|it| Some(it.1.days?.1 + 1)).collect();
    let plan = parting(&together, &together.judged, parts, days, true);
    let rows = Rows::create(&folder, parts)?;
    let (input, keep) = ((&opened.input, 0), Keep::default());
    let taking = |keep| Parting::new(&plan, keep);
    let judged = together.judged.gather(work, input, &keep, taking, rows).await?;
    for record in together.records(set) {
        if judged.is_empty() {
            break;
        }
        let mut own = None;
        if let Some(mut side) = together.sides.remove(&record) {
            let facts = together.of(set, record).map(|it| (&set.facts[it.0.0], &it.1));
            side.days = reached(facts, |column| judged.days.get(&(column + 1)).copied());
            let replaced = today::replaced(work, &mut side, today).await?;
            let plan = parting(&together, &side, parts, Vec::new(), false);
            let mut rows = Rows::create(&folder, parts)?;
            for (input, first) in side::inputs(set, opened, record)? {
                let replaced = replaced.clone().filter(|_| first != 0);
                let keep = Keep { days: None, replaced };
                let taking = |keep| Parting::new(&plan, keep);
                rows = side.gather(work, (input, first), &keep, taking, rows).await?;
            }
            own = Some((side, rows));
        }
        let (side, rows) = own.as_ref().map_or((&together.judged, &judged), |it| (&it.0, &it.1));
        let facts: Vec<&(FactId, Passed)> = together.of(set, record).collect();
        let both = Both {
            set,
            facts,
            judged: (&together.judged.request, &judged.parted),
            rows: (&side.request, &rows.parted),
            is_same: own.is_none(),
            room,
            threads: work.options.threads,
        };
        both.find(parts, work.options.shares.is_some(), store)?;
    }
    Ok(store.settle(&ids)?)
}

/// How the rows of a side are parted by the keys of these facts.
fn parting(together: &Together, side: &Side, parts: usize, days: Vec<usize>, ours: bool) -> Plan {
    let first = together.places.first().map(|it| &it.1);
    let keys = first.into_iter().flat_map(|it| it.keys.iter().zip(&it.forms));
    // Columns of a batch begin with the number of the row.
    let column = |it: &(usize, usize)| 1 + if ours { it.1 } else { it.0 };
    let keys = keys.map(|(columns, form)| (column(columns), *form)).collect();
    Plan { keys, parts, held: side.request.held(), days }
}

/// Both sides on disk, and the facts that they are for.
struct Both<'a> {
    set: &'a RuleSet,
    facts: Vec<&'a (FactId, Passed)>,
    judged: (&'a Request<'a>, &'a Parted),
    /// The same where rows and judged rows are.
    rows: (&'a Request<'a>, &'a Parted),
    is_same: bool,
    room: usize,
    threads: usize,
}

/// How many rows were read, and how many texts they had, each stretch by itself.
#[derive(Default)]
struct Read {
    rows: usize,
    texts: usize,
}

impl Both<'_> {
    /// Finds the facts in stretches of parts; of one part each where they are to be `apart`.
    fn find(&self, parts: usize, apart: bool, store: &mut Store) -> Result<(), Trouble> {
        let (mut first, mut read) = (0, Read::default());
        while first < parts {
            let mut last = first + 1;
            let mut size = self.size(first, &read);
            // The first part tells how many texts there are.
            while !apart && 0 < read.rows && last < parts {
                size += self.size(last, &read);
                if self.room < size {
                    break;
                }
                last += 1;
            }
            let fits = !apart && self.size(first, &read) <= self.room;
            self.stretch(first..last, fits, store, &mut read)?;
            first = last;
        }
        Ok(())
    }

    /// About how many bytes the rows of a part take.
    fn size(&self, part: usize, read: &Read) -> usize {
        let side = |it: (&Request, &Parted)| it.1.rows(part) * (it.0.width() + SORTED);
        let judged = side(self.judged) + self.judged.1.rows(part) * 2 * ANSWER;
        let rows = if self.is_same { 0 } else { side(self.rows) };
        let texts = self.rows_in(part) * TEXT * read.texts / read.rows.max(1);
        judged + rows + texts
    }

    /// Rows on both sides.
    fn rows_in(&self, part: usize) -> usize {
        let rows = if self.is_same { 0 } else { self.rows.1.rows(part) };
        self.judged.1.rows(part) + rows
    }

    fn stretch(
        &self,
        parts: Range<usize>,
        fits: bool,
        store: &mut Store,
        read: &mut Read,
    ) -> Result<(), Trouble> {
        let mut whole = self.facts.clone();
        if !fits {
            let summed: Vec<_> =
                whole.extract_if(.., |it| it.1.is_summed(&self.set.facts[it.0.0])).collect();
            whole.extend(self.summed(parts.clone(), &summed, store)?);
        }
        if whole.is_empty() {
            return Ok(());
        }
        let mut words = Words::default();
        let mut all = |side: (&Request, &Parted)| {
            let mut frame = side.0.frame(parts.clone().map(|it| side.1.rows(it)).sum());
            each(side, parts.clone(), &mut frame, &mut words, |_, _| Ok(()))?;
            Ok::<_, Trouble>(frame)
        };
        let judged = all(self.judged)?;
        if judged.len() == 0 {
            return Ok(());
        }
        let rows = if self.is_same { None } else { Some(all(self.rows)?) };
        let gathered = Gathered {
            rows: rows.as_ref().unwrap_or(&judged),
            judged: &judged,
            words: &words,
            lengths: &[],
            in_place: false,
            totals: None,
        };
        read.rows += parts.map(|it| self.rows_in(it)).sum::<usize>();
        read.texts += words.all.len();
        pass::passes(self.set, whole.into_iter(), &gathered, store, self.threads)
    }

    /// Finds these facts, whose rows are added up while they are read; says which of them have too
    /// many rows even so.
    fn summed<'a>(
        &'a self,
        parts: Range<usize>,
        facts: &[&'a (FactId, Passed)],
        store: &mut Store,
    ) -> Result<Vec<&'a (FactId, Passed)>, Trouble> {
        if facts.is_empty() {
            return Ok(Vec::new());
        }
        let of = |it: &&'a (FactId, Passed)| Sum::new(self.set, it, self.rows.0.frame(0));
        let mut sums: Vec<Sum> = facts.iter().map(of).collect();
        let most = self.room / SUMMED;
        let mut too_many = Vec::new();
        let mut words = Words::default();
        let mut frame = self.rows.0.frame(0);
        each(self.rows, parts.clone(), &mut frame, &mut words, |frame, _| {
            sums.iter_mut().for_each(|it| it.add(frame));
            frame.clear();
            let all: usize = sums.iter().map(Sum::rows).sum();
            let many = sums.extract_if(.., |it| most < all && most / 8 < it.rows());
            too_many.extend(many.map(|it| it.fact));
            Ok(())
        })?;
        if sums.is_empty() {
            return Ok(too_many);
        }
        let slice = (self.room / (2 * (self.judged.0.width() + SORTED))).max(SLICE);
        let mut frame = self.judged.0.frame(0);
        let mut find = |judged: &mut Frame, words: &mut Words| {
            for it in &sums {
                it.find(self.set, (judged, words), store, self.threads)?;
            }
            judged.clear();
            Ok(())
        };
        each(self.judged, parts, &mut frame, &mut words, |judged, words| {
            if slice <= judged.len() { find(judged, words) } else { Ok(()) }
        })?;
        if 0 < frame.len() {
            find(&mut frame, &mut words)?;
        }
        Ok(too_many)
    }
}

/// Adds the rows of these parts to the frame; `with` looks at it after each batch.
fn each(
    (request, rows): (&Request, &Parted),
    parts: Range<usize>,
    frame: &mut Frame,
    words: &mut Words,
    mut with: impl FnMut(&mut Frame, &mut Words) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let mut own = request.part(Keep::default());
    for part in parts {
        for batch in rows.read(part) {
            own.add(&batch?).map_err(engine::trouble)?;
            frame.take(&mut own, words);
            with(frame, words)?;
        }
    }
    Ok(())
}
