//! A number against a fixed multiple of another: compared without computing the multiple.

use crate::ir::Arithmetic;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Kind;
use crate::plan::number;
use crate::plan::number::Numbers;
use crate::schema::Type;
use crate::value::Decimal;
use crate::value::Value;
use crate::value::decimal;

/// `left op factor · right`, the product rounded as every product is.
#[derive(Debug, Clone, Copy)]
pub struct Multiple {
    op: Comparison,
    factor: Decimal,
    left: u8,
    right: u8,
    narrow: Option<Narrow>,
}

/// With *y* = `factor` · right / `divisor`, a product before it is rounded: left · `widened`
/// against it.
#[derive(Debug, Clone, Copy)]
struct Narrow {
    factor: i128,
    divisor: i128,
    widened: i128,
}

/// The factor and what is multiplied, where an expression is a fixed multiple.
pub fn parts(expr: &E) -> Option<(Decimal, &E)> {
    let expr = plain(expr);
    let Kind::Arithmetic(Arithmetic::Multiply, left, right) = &expr.kind else { return None };
    let Type::Number(_) = &expr.ty else { return None };
    match (literal(left), literal(right)) {
        (Some(it), None) => Some((it, right)),
        (None, Some(it)) => Some((it, left)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// What a name or a change of type stands for.
fn plain(expr: &E) -> &E {
    match &expr.kind {
        Kind::Named(_, it) | Kind::Widen(it) => plain(it),
        _ => expr,
    }
}

/// The number that an expression is in every row.
pub fn literal(expr: &E) -> Option<Decimal> {
    match &plain(expr).kind {
        Kind::Literal(Value::Decimal(it)) => {
            Some(it.normalised()).filter(|it| it.scale <= decimal::SCALE_MAX)
        }
        Kind::Literal(Value::Whole(it)) => Some(Decimal::new(i128::from(*it), 0)),
        _ => None,
    }
}

impl Multiple {
    /// Of columns of these scales.
    pub fn new(op: Comparison, left: u8, factor: Decimal, right: u8) -> Multiple {
        let scale = decimal::product_scale(factor.scale, right);
        let power = |it: u8| 10_i128.pow(u32::from(it));
        let narrow = || {
            Some(Narrow {
                factor: i128::from(i64::try_from(factor.unscaled).ok()?),
                divisor: power(factor.scale + right - scale),
                widened: power(scale.checked_sub(left)?),
            })
        };
        Multiple { op, factor, left, right, narrow: narrow() }
    }

    /// `None` where the product is out of range.
    pub fn holds(&self, left: i128, right: i128) -> Option<bool> {
        let product = decimal::multiply(self.factor, Decimal::new(right, self.right))?;
        Some(number::holds(self.op, Decimal::new(left, self.left).cmp(&product)))
    }

    /// Bits of the rows where it holds, missing ones to be taken out; false where values need a
    /// closer look. Nothing is out of range: both factors have 64 bits at most.
    pub fn all(&self, left: &Numbers, right: &Numbers, out: &mut [u64]) -> bool {
        let (Numbers::Narrow(left), Numbers::Narrow(right)) = (left, right) else { return false };
        let Some(it) = self.narrow else { return false };
        let rows: (&[i64], &[i64]) = (left, right);
        match self.op {
            Comparison::Less => number::pairs(rows.0, rows.1, out, |a, b| it.is_above(a, 0, b)),
            Comparison::GreaterOrEqual => {
                number::pairs(rows.0, rows.1, out, |a, b| !it.is_above(a, 0, b))
            }
            Comparison::LessOrEqual => {
                number::pairs(rows.0, rows.1, out, |a, b| it.is_above(a, 1, b))
            }
            Comparison::Greater => number::pairs(rows.0, rows.1, out, |a, b| !it.is_above(a, 1, b)),
            Comparison::Equal => {
                number::pairs(rows.0, rows.1, out, |a, b| {
                    it.is_above(a, 1, b) && !it.is_above(a, 0, b)
                });
            }
        }
        true
    }
}

impl Narrow {
    /// Whether the rounded product is above left, less so many of its last digit: from half a
    /// digit above it, which rounds away from zero.
    fn is_above(self, left: i64, less: i128, right: i64) -> bool {
        let bound = i128::from(left) * self.widened - less;
        let (product, half) = (self.factor * i128::from(right), (2 * bound + 1) * self.divisor);
        if 0 <= bound { half <= 2 * product } else { half < 2 * product }
    }
}
