//! Exact decimals: the arithmetic of the language, on unscaled 128-bit integers.
//!
//! `+` and `-` keep the larger scale, `*` rounds to at most 9 decimals, `/` to 9. Rounding is half
//! away from zero. A result of more than 38 digits, or a zero divisor, is no value.

use std::cmp::Ordering;
use std::fmt;

use arrow::datatypes::i256;

/// The largest scale of a value.
pub const SCALE_MAX: u8 = 9;
/// 10^38: every unscaled value is smaller in size.
pub const LIMIT: i128 = 10_i128.pow(38);

/// `unscaled` / 10^`scale`. Equality and order are those of the number: 1.0 = 1.00.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    pub unscaled: i128,
    pub scale: u8,
}

impl Decimal {
    pub fn new(unscaled: i128, scale: u8) -> Decimal {
        Decimal { unscaled, scale }
    }

    /// Reads `-12_000.50`: digits, single underscores between them, one point. The scale is the
    /// number of decimals written. `None` when it is no number or has more than 38 digits.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && decimals.is_empty() {
            return None;
        }
        let mut unscaled: i128 = 0;
        for byte in whole.bytes().chain(decimals.bytes()).filter(|it| *it != b'_') {
            let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
            unscaled = unscaled.checked_mul(10)?.checked_add(digit)?;
        }
        let scale = u8::try_from(decimals.bytes().filter(|it| *it != b'_').count()).ok()?;
        let signed = if negative { -unscaled } else { unscaled };
        (unscaled < LIMIT).then(|| Decimal::new(signed, scale))
    }

    /// Rounded half away from zero, or widened, to `scale` decimals.
    pub fn with_scale(self, scale: u8) -> Option<Decimal> {
        let unscaled = rescale(i256::from_i128(self.unscaled), self.scale, scale)?;
        fit(unscaled, scale)
    }

    /// Without the zeros at the end.
    pub fn normalised(self) -> Decimal {
        let mut it = self;
        while it.scale > 0 && it.unscaled % 10 == 0 {
            it = Decimal::new(it.unscaled / 10, it.scale - 1);
        }
        it
    }

    pub fn negated(self) -> Decimal {
        Decimal::new(-self.unscaled, self.scale)
    }

    pub fn abs(self) -> Decimal {
        Decimal::new(self.unscaled.abs(), self.scale)
    }

    pub fn is_zero(self) -> bool {
        self.unscaled == 0
    }
}

/// The scale of a product.
pub fn product_scale(left: u8, right: u8) -> u8 {
    (left + right).min(SCALE_MAX)
}

pub fn add(left: Decimal, right: Decimal) -> Option<Decimal> {
    let scale = left.scale.max(right.scale);
    if left.scale == right.scale {
        let sum = left.unscaled.checked_add(right.unscaled)?;
        return (sum.unsigned_abs() < LIMIT.unsigned_abs()).then(|| Decimal::new(sum, scale));
    }
    let widened = |it: Decimal| rescale(i256::from_i128(it.unscaled), it.scale, scale);
    fit(widened(left)?.checked_add(widened(right)?)?, scale)
}

pub fn subtract(left: Decimal, right: Decimal) -> Option<Decimal> {
    add(left, right.negated())
}

pub fn multiply(left: Decimal, right: Decimal) -> Option<Decimal> {
    let (exact, scale) = (left.scale + right.scale, product_scale(left.scale, right.scale));
    if let Some(product) = left.unscaled.checked_mul(right.unscaled) {
        let it = rounded(product, exact - scale);
        return (it.unsigned_abs() < LIMIT.unsigned_abs()).then(|| Decimal::new(it, scale));
    }
    let product = i256::from_i128(left.unscaled).checked_mul(i256::from_i128(right.unscaled))?;
    fit(rescale(product, exact, scale)?, scale)
}

/// A product with all its decimals, up to twice nine, and their number; in range where the rounded
/// one is.
fn exact_product(left: Decimal, right: Decimal) -> Option<(i256, u8)> {
    multiply(left, right)?;
    let product = match left.unscaled.checked_mul(right.unscaled) {
        Some(it) => i256::from_i128(it),
        None => i256::from_i128(left.unscaled).checked_mul(i256::from_i128(right.unscaled))?,
    };
    Some((product, left.scale + right.scale))
}

/// Without so many of its last digits, half away from zero; in 64 bits where it fits.
fn rounded(it: i128, digits: u8) -> i128 {
    if digits == 0 {
        return it;
    }
    let divisor = 10_u64.pow(u32::from(digits));
    let size = it.unsigned_abs();
    let quotient = match u64::try_from(size) {
        Ok(size) => u128::from(size / divisor) + u128::from(divisor / 2 <= size % divisor),
        Err(_) => {
            let divisor = u128::from(divisor);
            size / divisor + u128::from(divisor / 2 <= size % divisor)
        }
    };
    // A tenth of a positive number at most.
    let quotient = i128::try_from(quotient).unwrap_or(i128::MAX);
    if it < 0 { -quotient } else { quotient }
}

/// `None` for a zero divisor too: ask [`Decimal::is_zero`] first for the reason.
pub fn divide(left: Decimal, right: Decimal) -> Option<Decimal> {
    if right.is_zero() {
        return None;
    }
    let power = quotient_power(left.scale, right.scale);
    let negative = (left.unscaled < 0) != (right.unscaled < 0);
    let (top, bottom) = (left.unscaled.unsigned_abs(), right.unscaled.unsigned_abs());
    let quotient =
        narrow_division(top, bottom, power).or_else(|| wide_division(top, bottom, power))?;
    Some(Decimal::new(if negative { -quotient } else { quotient }, SCALE_MAX))
}

/// By which power of ten the unscaled dividend grows so that the quotient has nine decimals. A sum
/// of products has at most nine decimals more than the sum of their factors that divides it.
fn quotient_power(top: u8, bottom: u8) -> u32 {
    u32::from((SCALE_MAX + bottom).saturating_sub(top))
}

/// ⌊(2·top·10^power + bottom) / (2·bottom)⌋ where it fits 128 bits.
fn narrow_division(top: u128, bottom: u128, power: u32) -> Option<i128> {
    let scaled = top.checked_mul(10_u128.checked_pow(power)?)?.checked_mul(2)?;
    let quotient = scaled.checked_add(bottom)? / bottom.checked_mul(2)?;
    i128::try_from(quotient).ok().filter(|it| *it < LIMIT)
}

/// The same in 256 bits.
fn wide_division(top: u128, bottom: u128, power: u32) -> Option<i128> {
    let wide = |it: u128| i128::try_from(it).ok().map(i256::from_i128);
    let two = i256::from_i128(2);
    let scaled = wide(top)?.checked_mul(power_of_ten(power)?)?.checked_mul(two)?;
    let doubled = wide(bottom)?.checked_mul(two)?;
    let quotient = scaled.checked_add(wide(bottom)?)?.checked_div(doubled)?;
    quotient.to_i128().filter(|it| *it < LIMIT)
}

/// A sum of decimals: exact however many there are and in whatever order, out of range only when
/// it is itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    unscaled: i256,
    scale: u8,
}

impl Sum {
    pub fn add(&mut self, it: Decimal) {
        let it = self.aligned(i256::from_i128(it.unscaled), it.scale);
        self.unscaled = self.unscaled.wrapping_add(it);
    }

    pub fn subtract(&mut self, it: Decimal) {
        let it = self.aligned(i256::from_i128(it.unscaled), it.scale);
        self.unscaled = self.unscaled.wrapping_sub(it);
    }

    /// Adds the exact product, all its decimals kept: `false` where the product is out of range,
    /// and nothing is added.
    pub fn add_product(&mut self, left: Decimal, right: Decimal) -> bool {
        let Some((product, scale)) = exact_product(left, right) else { return false };
        let product = self.aligned(product, scale);
        self.unscaled = self.unscaled.wrapping_add(product);
        true
    }

    /// Takes away what [`Sum::add_product`] has added.
    pub fn subtract_product(&mut self, left: Decimal, right: Decimal) -> bool {
        let Some((product, scale)) = exact_product(left, right) else { return false };
        let product = self.aligned(product, scale);
        self.unscaled = self.unscaled.wrapping_sub(product);
        true
    }

    /// The same so many times.
    pub fn add_times(&mut self, it: Decimal, times: usize) {
        let mut own = Sum::default();
        own.add(it);
        self.plus(own.times(times));
    }

    /// As [`Sum::add_product`], so many times.
    pub fn add_products(&mut self, left: Decimal, right: Decimal, times: usize) -> bool {
        let mut own = Sum::default();
        let in_range = own.add_product(left, right);
        self.plus(own.times(times));
        in_range
    }

    fn times(self, times: usize) -> Sum {
        let times = i256::from_i128(times as i128);
        Sum { unscaled: self.unscaled.wrapping_mul(times), scale: self.scale }
    }

    /// With what another sum has.
    pub fn plus(&mut self, other: Sum) {
        let it = self.aligned(other.unscaled, other.scale);
        self.unscaled = self.unscaled.wrapping_add(it);
    }

    /// Without what another sum has.
    pub fn less(&mut self, other: Sum) {
        let it = self.aligned(other.unscaled, other.scale);
        self.unscaled = self.unscaled.wrapping_sub(it);
    }

    /// In the larger scale of both.
    fn aligned(&mut self, unscaled: i256, of: u8) -> i256 {
        let scale = self.scale.max(of);
        let widened = |unscaled: i256, from: u8| match scale - from {
            0 => unscaled,
            digits => unscaled.wrapping_mul(i256::from_i128(10).wrapping_pow(u32::from(digits))),
        };
        self.unscaled = widened(self.unscaled, self.scale);
        self.scale = scale;
        widened(unscaled, of)
    }

    pub fn is_zero(self) -> bool {
        self.unscaled == i256::ZERO
    }

    pub fn value(self) -> Option<Decimal> {
        fit(self.unscaled, self.scale)
    }

    /// As [`divide`].
    pub fn over(self, divisor: Sum) -> Option<Decimal> {
        if let (Some(top), Some(bottom)) = (self.value(), divisor.value()) {
            return divide(top, bottom);
        }
        let negative = (self.unscaled < i256::ZERO) != (divisor.unscaled < i256::ZERO);
        let (top, bottom) = (self.unscaled.wrapping_abs(), divisor.unscaled.wrapping_abs());
        let two = i256::from_i128(2);
        let power = power_of_ten(quotient_power(self.scale, divisor.scale))?;
        let scaled = top.checked_mul(power)?.checked_mul(two)?.checked_add(bottom)?;
        let it = fit(scaled.checked_div(bottom.checked_mul(two)?)?, SCALE_MAX)?;
        Some(if negative { it.negated() } else { it })
    }
}

fn power_of_ten(power: u32) -> Option<i256> {
    i256::from_i128(10).checked_pow(power)
}

fn rescale(unscaled: i256, from: u8, to: u8) -> Option<i256> {
    if from <= to {
        return unscaled.checked_mul(power_of_ten(u32::from(to - from))?);
    }
    let divisor = power_of_ten(u32::from(from - to))?;
    let half = divisor.checked_div(i256::from_i128(2))?;
    let towards = if unscaled < i256::ZERO { half.checked_neg()? } else { half };
    unscaled.checked_add(towards)?.checked_div(divisor)
}

fn fit(unscaled: i256, scale: u8) -> Option<Decimal> {
    let it = unscaled.to_i128()?;
    (it.unsigned_abs() < LIMIT.unsigned_abs()).then(|| Decimal::new(it, scale))
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        if self.scale == other.scale {
            return self.unscaled.cmp(&other.unscaled);
        }
        let scale = self.scale.max(other.scale);
        let narrow = |it: &Decimal| {
            it.unscaled.checked_mul(10_i128.checked_pow(u32::from(scale - it.scale))?)
        };
        if let (Some(a), Some(b)) = (narrow(self), narrow(other)) {
            return a.cmp(&b);
        }
        let wide = |it: &Decimal| rescale(i256::from_i128(it.unscaled), it.scale, scale);
        wide(self).cmp(&wide(other))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

/// Without zeros at the end: `12.5`, `-3`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = self.normalised();
        let sign = if it.unscaled < 0 { "-" } else { "" };
        let digits = it.unscaled.unsigned_abs().to_string();
        let scale = usize::from(it.scale);
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, decimals) = padded.split_at(padded.len() - scale);
        write!(f, "{sign}{whole}.{decimals}")
    }
}
