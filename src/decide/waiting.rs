//! A declaration that stands in line or goes with others, as few bytes.

use std::sync::Arc;

use crate::decide::By;
use crate::decide::Claim;
use crate::decide::Decision;
use crate::ir::policy::ChannelId;
use crate::value::Decimal;
use crate::value::Duration;
use crate::value::Value;

/// What has a say in its place, and nothing else of its decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place among all declarations, in the order of their keys.
    pub number: u64,
    pub keys: Vec<Arc<str>>,
    pub channel: ChannelId,
    pub mandatory: Option<ChannelId>,
    /// It was drawn, into this channel or a stricter one where it found no place.
    pub drawn: bool,
    pub hash: u64,
    /// By capacity of the policy, or empty.
    pub claims: Vec<Stand>,
    pub together: Option<Vec<Arc<str>>>,
    /// How often it was looked at.
    pub steps: u32,
}

/// How it stands in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    pub group: Vec<Option<Arc<str>>>,
    /// As it is written, in words.
    pub written: Vec<Option<Arc<str>>>,
    /// The values that order the line, as bytes that compare as they do.
    pub order: Vec<Option<Vec<u8>>>,
    pub most: Option<Arc<str>>,
}

impl Waiting {
    pub fn new(number: u64, it: &Decision) -> Waiting {
        let stand = |it: &Claim| Stand {
            group: it.group.clone(),
            written: it.written.clone(),
            order: it.order.iter().map(sortable).collect(),
            most: it.most.clone(),
        };
        Waiting {
            number,
            keys: it.keys.iter().map(|it| Arc::from(it.as_str())).collect(),
            channel: it.channel,
            mandatory: it.mandatory,
            drawn: it.steps.iter().any(|it| matches!(it.by, By::Draw(_))),
            hash: it.hash,
            claims: it.claims.iter().map(stand).collect(),
            together: it.together.clone(),
            steps: 0,
        }
    }

    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let channel = |it: Option<ChannelId>| it.map_or(0, |it| it.0 as u64 + 1);
        for it in [self.number, self.hash, u64::from(self.steps)] {
            out.extend(it.to_le_bytes());
        }
        small(&mut out, channel(Some(self.channel)));
        small(&mut out, channel(self.mandatory));
        small(&mut out, u64::from(self.drawn));
        some(&mut out, &self.keys, |out, it| bytes(out, Some(it.as_bytes())));
        some(&mut out, &self.claims, |out, it| {
            for group in [&it.group, &it.written] {
                some(out, group, |out, it| bytes(out, it.as_ref().map(|it| it.as_bytes())));
            }
            some(out, &it.order, |out, it| bytes(out, it.as_deref()));
            bytes(out, it.most.as_ref().map(|it| it.as_bytes()));
        });
        small(&mut out, u64::from(self.together.is_some()));
        let together = self.together.as_deref().unwrap_or_default();
        some(&mut out, together, |out, it| bytes(out, Some(it.as_bytes())));
        out
    }

    /// What `write` wrote.
    pub fn read(text: &[u8]) -> Option<Waiting> {
        let mut from = Reader(text);
        let channel = |it: u64| Some(ChannelId(usize::try_from(it.checked_sub(1)?).ok()?));
        let (number, hash) = (from.number()?, from.number()?);
        let steps = u32::try_from(from.number()?).ok()?;
        Some(Waiting {
            number,
            hash,
            steps,
            channel: channel(from.small()?)?,
            mandatory: channel(from.small()?),
            drawn: from.small()? == 1,
            keys: from.some(|from| from.text()?)?,
            claims: from.some(|from| {
                Some(Stand {
                    group: from.some(Reader::text)?,
                    written: from.some(Reader::text)?,
                    order: from.some(|from| Some(from.bytes()?.map(<[u8]>::to_vec)))?,
                    most: from.text()?,
                })
            })?,
            together: {
                let given = from.small()? == 1;
                let all = from.some(|from| from.text()?)?;
                given.then_some(all)
            },
        })
    }
}

/// Lengths and channels: 32 bits.
fn small(out: &mut Vec<u8>, it: u64) {
    out.extend(u32::try_from(it).unwrap_or(u32::MAX).to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, it: Option<&[u8]>) {
    small(out, it.map_or(0, |it| it.len() as u64 + 1));
    out.extend(it.unwrap_or_default());
}

fn some<T>(out: &mut Vec<u8>, all: &[T], one: impl Fn(&mut Vec<u8>, &T)) {
    small(out, all.len() as u64);
    all.iter().for_each(|it| one(out, it));
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn small(&mut self) -> Option<u64> {
        Some(u64::from(u32::from_le_bytes(self.take(4)?.try_into().ok()?)))
    }

    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        match self.small()?.checked_sub(1) {
            None => Some(None),
            Some(length) => Some(Some(self.take(usize::try_from(length).ok()?)?)),
        }
    }

    fn text(&mut self) -> Option<Option<Arc<str>>> {
        match self.bytes()? {
            None => Some(None),
            Some(it) => Some(Some(Arc::from(std::str::from_utf8(it).ok()?))),
        }
    }

    fn some<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.small()?;
        (0..length).map(|_| one(self)).collect()
    }
}

/// Bytes that compare as values of one type do; nothing for a missing value.
fn sortable(it: &Value) -> Option<Vec<u8>> {
    let signed = |it: i64| {
        let mut bytes = it.to_be_bytes();
        bytes[0] ^= 0x80;
        bytes.to_vec()
    };
    if let Some(it) = it.as_decimal() {
        return Some(decimal(it));
    }
    match it {
        Value::Missing(_) | Value::Whole(_) | Value::Decimal(_) => None,
        Value::Truth(it) => Some(vec![u8::from(*it)]),
        Value::Date(it) => Some(signed(i64::from(*it))),
        Value::DateTime(it) => Some(signed(*it)),
        Value::Text(it) => Some(it.as_bytes().to_vec()),
        Value::Duration(it) => {
            let (kind, length) = match it {
                Duration::Days(it) => (0, i64::from(*it)),
                Duration::Time(it) => (1, *it),
                Duration::Months(it) => (2, i64::from(*it)),
            };
            Some([vec![kind], signed(length)].concat())
        }
    }
}

/// Sign, digits before the point, digits: all of it turned round for what is below zero.
fn decimal(it: Decimal) -> Vec<u8> {
    let it = it.normalised();
    if it.is_zero() {
        return vec![1];
    }
    let digits = it.unscaled.unsigned_abs().to_string();
    // At most 39 digits, at most 255 of them after the point.
    let before = digits.len() + 255 - usize::from(it.scale);
    let mut res = vec![2];
    res.extend(u16::try_from(before).unwrap_or(u16::MAX).to_be_bytes());
    res.extend(digits.trim_end_matches('0').bytes());
    if it.unscaled < 0 {
        res[0] = 0;
        res[1..].iter_mut().for_each(|it| *it = !*it);
        // What has more digits is smaller.
        res.push(u8::MAX);
    }
    res
}
