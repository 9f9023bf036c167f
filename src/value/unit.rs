//! Units and currencies: what they measure, and how many base units one of them is.

use crate::value::decimal::Decimal;

/// What is measured. An area is a length times a length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    Mass,
    Volume,
    Length,
    Count,
    Energy,
    /// An ISO 4217 code.
    Currency(String),
    /// The unit or currency stands in another field of the row.
    UnitOf(String),
}

impl Base {
    pub fn word(&self) -> &str {
        match self {
            Base::Mass => "mass",
            Base::Volume => "volume",
            Base::Length => "length",
            Base::Count => "count",
            Base::Energy => "energy",
            Base::Currency(_) => "money",
            Base::UnitOf(_) => "quantity",
        }
    }

    /// The base unit as it is written.
    pub fn unit(&self) -> &str {
        match self {
            Base::Mass => "kg",
            Base::Volume => "l",
            Base::Length => "m",
            Base::Count => "pieces",
            Base::Energy => "kWh",
            Base::Currency(code) => code,
            Base::UnitOf(field) => field,
        }
    }
}

/// A product of powers of bases, sorted, without zero powers. Empty: a pure number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Dimension(pub Vec<(Base, i8)>);

impl Dimension {
    pub fn of(base: Base) -> Dimension {
        Dimension(vec![(base, 1)])
    }

    pub fn is_pure(&self) -> bool {
        self.0.is_empty()
    }

    pub fn times(&self, other: &Dimension) -> Dimension {
        self.combine(other, 1)
    }

    pub fn over(&self, other: &Dimension) -> Dimension {
        self.combine(other, -1)
    }

    fn combine(&self, other: &Dimension, sign: i8) -> Dimension {
        let mut powers = self.0.clone();
        for (base, power) in &other.0 {
            match powers.iter_mut().find(|(it, _)| it == base) {
                Some((_, it)) => *it = it.saturating_add(power.saturating_mul(sign)),
                None => powers.push((base.clone(), power.saturating_mul(sign))),
            }
        }
        powers.retain(|(_, power)| *power != 0);
        powers.sort();
        Dimension(powers)
    }

    /// The only base with power one: mass, money …
    pub fn single(&self) -> Option<&Base> {
        match self.0.as_slice() {
            [(base, 1)] => Some(base),
            _ => None,
        }
    }

    /// `kg`, `EUR/kg`, `m2`; empty for a pure number.
    pub fn unit_text(&self) -> String {
        let part = |positive: bool| {
            let powers = self.0.iter().filter(|(_, power)| (*power > 0) == positive);
            let words: Vec<String> = powers
                .map(|(base, power)| match power.unsigned_abs() {
                    1 => base.unit().to_owned(),
                    n => format!("{}{n}", base.unit()),
                })
                .collect();
            words.join("·")
        };
        match (part(true), part(false)) {
            (top, bottom) if bottom.is_empty() => top,
            (top, bottom) if top.is_empty() => format!("1/{bottom}"),
            (top, bottom) => format!("{top}/{bottom}"),
        }
    }

    /// `mass in kg`, `money in EUR`, `EUR/kg`, `number`.
    pub fn words(&self) -> String {
        match self.0.as_slice() {
            [] => "a number".to_owned(),
            [(base, 1)] => format!("{} in {}", base.word(), base.unit()),
            [(Base::Length, 2)] => "area in m2".to_owned(),
            _ => self.unit_text(),
        }
    }
}

/// A unit that may be written: `1 name` is `factor` base units.
struct Unit {
    name: &'static str,
    base: Base,
    power: i8,
    factor: Decimal,
}

const fn unit(name: &'static str, base: Base, power: i8, unscaled: i128, scale: u8) -> Unit {
    Unit { name, base, power, factor: Decimal { unscaled, scale } }
}

/// Every conversion is exact. Tonnes of oil equivalent, joules and dozens are not: they are absent.
static UNITS: &[Unit] = &[
    unit("kg", Base::Mass, 1, 1, 0),
    unit("g", Base::Mass, 1, 1, 3),
    unit("mg", Base::Mass, 1, 1, 6),
    unit("t", Base::Mass, 1, 1_000, 0),
    unit("kt", Base::Mass, 1, 1_000_000, 0),
    unit("l", Base::Volume, 1, 1, 0),
    unit("ml", Base::Volume, 1, 1, 3),
    unit("cl", Base::Volume, 1, 1, 2),
    unit("dl", Base::Volume, 1, 1, 1),
    unit("hl", Base::Volume, 1, 100, 0),
    unit("m3", Base::Volume, 1, 1_000, 0),
    unit("m", Base::Length, 1, 1, 0),
    unit("mm", Base::Length, 1, 1, 3),
    unit("cm", Base::Length, 1, 1, 2),
    unit("km", Base::Length, 1, 1_000, 0),
    unit("m2", Base::Length, 2, 1, 0),
    unit("cm2", Base::Length, 2, 1, 4),
    unit("ha", Base::Length, 2, 10_000, 0),
    unit("km2", Base::Length, 2, 1_000_000, 0),
    unit("pieces", Base::Count, 1, 1, 0),
    unit("piece", Base::Count, 1, 1, 0),
    unit("pairs", Base::Count, 1, 2, 0),
    unit("pair", Base::Count, 1, 2, 0),
    unit("kWh", Base::Energy, 1, 1, 0),
    unit("Wh", Base::Energy, 1, 1, 3),
    unit("MWh", Base::Energy, 1, 1_000, 0),
    unit("GWh", Base::Energy, 1, 1_000_000, 0),
];

/// The words that end a duration.
pub static DURATIONS: &[&str] = &[
    "day", "days", "week", "weeks", "month", "months", "year", "years", "hour", "hours", "minute",
    "minutes",
];

/// The dimension of `kg`, `EUR`, `EUR/kg`, and how many base units one is.
pub fn parse(text: &str) -> Option<(Dimension, Decimal, Decimal)> {
    let one = Decimal::new(1, 0);
    match text.split_once('/') {
        None => single(text.trim()).map(|(dimension, factor)| (dimension, factor, one)),
        Some((top, bottom)) => {
            let (top, factor) = single(top.trim())?;
            let (bottom, divisor) = single(bottom.trim())?;
            Some((top.over(&bottom), factor, divisor))
        }
    }
}

fn single(name: &str) -> Option<(Dimension, Decimal)> {
    if let Some(unit) = UNITS.iter().find(|it| it.name == name) {
        return Some((Dimension(vec![(unit.base.clone(), unit.power)]), unit.factor));
    }
    let currency = crate::value::country::is_currency(name);
    currency.then(|| (Dimension::of(Base::Currency(name.to_owned())), Decimal::new(1, 0)))
}

/// Everything that may follow a number, for *did you mean*.
pub fn names() -> impl Iterator<Item = &'static str> {
    UNITS.iter().map(|it| it.name).chain(DURATIONS.iter().copied())
}
