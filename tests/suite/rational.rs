//! Arithmetic judged by an evaluator that shares nothing with tamis: big rationals, rounded as
//! the language says. Random expressions over rows; the interpreter prints their values, both
//! engines compare them.

use std::collections::BTreeMap;
use std::fs;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::One;
use num_traits::Signed;
use num_traits::ToPrimitive;
use num_traits::Zero;
use tamis::probe::By;
use tamis::probe::Project;

use crate::agree;
use crate::seed::Random;

const SCHEMA: &str = "\
record declaration
  key id
  field id : whole number required
  field a : decimal
  field b : decimal
  field n : whole number
  field m : whole number
";

const EXPRESSIONS: usize = 24;
const ROWS: usize = 24;

pub fn trials() -> Vec<Trial> {
    let trial = |seed: u64| Trial::test(format!("rational seed {seed}"), move || compare(seed));
    (0..20).map(trial).collect()
}

/// An expression: its text is what tamis reads, its shape what is computed here.
enum Expr {
    Field(usize),
    Literal(&'static str),
    Negate(Box<Expr>),
    Binary(char, Box<Expr>, Box<Expr>),
    Round(Box<Expr>, u32),
    Abs(Box<Expr>),
    Choose(&'static str, Box<Expr>, Box<Expr>),
    OrElse(Box<Expr>, Box<Expr>),
}

const FIELDS: [&str; 4] = ["a", "b", "n", "m"];
const LITERALS: &[&str] = &["0", "1", "3", "0.5", "0.000000001", "7", "2.25", "1000000007"];

/// A whole number, or a decimal of this many places.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Whole,
    Decimal(u32),
}

impl Type {
    fn scale(self) -> u32 {
        match self {
            Type::Whole => 0,
            Type::Decimal(scale) => scale,
        }
    }

    fn common(self, other: Type) -> Type {
        match (self, other) {
            (Type::Whole, Type::Whole) => Type::Whole,
            _ => Type::Decimal(self.scale().max(other.scale())),
        }
    }

    /// The value, when a column of this type can hold it.
    fn holds(self, value: BigRational) -> Option<BigRational> {
        let fits = match self {
            Type::Whole => value.to_integer().to_i64().is_some(),
            Type::Decimal(scale) => {
                (value.clone() * ten(scale)).abs() < BigRational::from(BigInt::from(10).pow(38))
            }
        };
        fits.then_some(value)
    }
}

fn ten(power: u32) -> BigRational {
    BigRational::from(BigInt::from(10).pow(power))
}

/// Half away from zero.
fn rounded(value: &BigRational, scale: u32) -> BigRational {
    let half = BigRational::new(BigInt::one(), BigInt::from(2));
    let size = (value.abs() * ten(scale) + half).floor() / ten(scale);
    if value.is_negative() { -size } else { size }
}

impl Expr {
    fn random(random: &mut Random, depth: usize) -> Expr {
        let mut inner = || Box::new(Expr::random(random, depth.saturating_sub(1)));
        if depth == 0 {
            return match random.below(3) {
                0 => Expr::Literal(LITERALS[random.below(LITERALS.len())]),
                _ => Expr::Field(random.below(FIELDS.len())),
            };
        }
        let (left, right) = (inner(), inner());
        match random.below(12) {
            0 | 1 => Expr::Binary('+', left, right),
            2 | 3 => Expr::Binary('-', left, right),
            4 | 5 => Expr::Binary('*', left, right),
            6 | 7 => Expr::Binary('/', left, right),
            8 => Expr::Round(left, u32::try_from(random.below(10)).unwrap_or(0)),
            9 => Expr::Choose(if random.one_in(2) { "min" } else { "max" }, left, right),
            10 => Expr::OrElse(left, right),
            _ if random.one_in(2) => Expr::Abs(left),
            _ => Expr::Negate(left),
        }
    }

    fn text(&self) -> String {
        match self {
            Expr::Field(at) => FIELDS[*at].to_owned(),
            Expr::Literal(it) => (*it).to_owned(),
            Expr::Negate(it) => format!("(-{})", it.text()),
            Expr::Binary(op, left, right) => format!("({} {op} {})", left.text(), right.text()),
            Expr::Round(it, digits) => format!("round({}, {digits})", it.text()),
            Expr::Abs(it) => format!("abs({})", it.text()),
            Expr::Choose(name, left, right) => format!("{name}({}, {})", left.text(), right.text()),
            Expr::OrElse(left, right) => format!("({} or else {})", left.text(), right.text()),
        }
    }

    fn ty(&self) -> Type {
        match self {
            Expr::Field(0 | 1) => Type::Decimal(9),
            Expr::Field(_) => Type::Whole,
            Expr::Literal(it) => match it.split_once('.') {
                Some((_, decimals)) => Type::Decimal(u32::try_from(decimals.len()).unwrap_or(9)),
                None => Type::Whole,
            },
            Expr::Negate(it) | Expr::Abs(it) => it.ty(),
            Expr::Binary('/', ..) => Type::Decimal(9),
            Expr::Binary('*', left, right) => match (left.ty(), right.ty()) {
                (Type::Whole, Type::Whole) => Type::Whole,
                (a, b) => Type::Decimal((a.scale() + b.scale()).min(9)),
            },
            Expr::Binary(_, left, right) => left.ty().common(right.ty()),
            Expr::Round(it, digits) => match it.ty() {
                Type::Whole => Type::Whole,
                Type::Decimal(scale) => Type::Decimal(scale.min(*digits)),
            },
            Expr::Choose(_, left, right) | Expr::OrElse(left, right) => {
                left.ty().common(right.ty())
            }
        }
    }

    fn value(&self, row: &[Option<BigRational>]) -> Option<BigRational> {
        let ty = self.ty();
        match self {
            Expr::Field(at) => row[*at].clone(),
            Expr::Literal(it) => Some(read(it)),
            Expr::Negate(it) => ty.holds(-it.value(row)?),
            Expr::Abs(it) => ty.holds(it.value(row)?.abs()),
            Expr::Binary(op, left, right) => {
                let (left, right) = (left.value(row)?, right.value(row)?);
                ty.holds(match op {
                    '+' => left + right,
                    '-' => left - right,
                    '*' => rounded(&(left * right), ty.scale()),
                    _ if right.is_zero() => return None,
                    _ => rounded(&(left / right), 9),
                })
            }
            Expr::Round(it, _) => ty.holds(rounded(&it.value(row)?, ty.scale())),
            Expr::Choose(name, left, right) => {
                let (left, right) = (ty.holds(left.value(row)?)?, ty.holds(right.value(row)?)?);
                Some(if *name == "min" { left.min(right) } else { left.max(right) })
            }
            // What cannot be widened is missing, and so replaced.
            Expr::OrElse(left, right) => left
                .value(row)
                .and_then(|it| ty.holds(it))
                .or_else(|| right.value(row).and_then(|it| ty.holds(it))),
        }
    }
}

fn read(text: &str) -> BigRational {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let all: BigInt = format!("{whole}{decimals}").parse().expect("the samples are numbers");
    BigRational::new(all * sign, BigInt::from(10).pow(u32::try_from(decimals.len()).unwrap_or(0)))
}

fn only_value(evidence: &str) -> Option<String> {
    let shown: BTreeMap<String, String> = serde_json::from_str(evidence).ok()?;
    shown.into_values().next()
}

/// As tamis prints it: no zeros at the end.
fn shown(value: Option<&BigRational>) -> String {
    let Some(value) = value else { return "(no value)".to_owned() };
    let unscaled = (value.abs() * ten(9)).to_integer().to_string();
    let padded = format!("{unscaled:0>10}");
    let (whole, decimals) = padded.split_at(padded.len() - 9);
    let text = format!("{whole}.{decimals}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if value.is_negative() { format!("-{text}") } else { text.to_owned() }
}

fn cells(random: &mut Random) -> Vec<String> {
    let decimals = [
        "",
        "0",
        "1",
        "-1",
        "2.5",
        "0.000000001",
        "-0.000000005",
        "3.333333333",
        "12345.678901234",
        "100000000000000000",
        "-999999999999999999.999999999",
        "0.1",
        "7",
    ];
    let wholes =
        ["", "0", "1", "-1", "2", "7", "1000000007", "9223372036854775807", "-9223372036854775808"];
    let decimal = |random: &mut Random| random.one(&decimals).to_owned();
    let mut row = vec![decimal(random), decimal(random)];
    row.extend((0..2).map(|_| random.one(&wholes).to_owned()));
    row
}

fn compare(seed: u64) -> Result<(), Failed> {
    let mut random = Random::new(1_000 + seed);
    let rows: Vec<Vec<String>> = (0..ROWS).map(|_| cells(&mut random)).collect();
    let values: Vec<Vec<Option<BigRational>>> = rows
        .iter()
        .map(|row| row.iter().map(|it| (!it.is_empty()).then(|| read(it))).collect())
        .collect();
    let depth = |at: usize| 1 + at % 3;
    let exprs: Vec<Expr> =
        (0..EXPRESSIONS).map(|at| Expr::random(&mut random, depth(at))).collect();

    let mut rules = String::new();
    let mut limits = Vec::new();
    for (at, expr) in exprs.iter().enumerate() {
        let text = expr.text();
        // The value of some row, so that equality and limits are met.
        let known = values.iter().cycle().skip(at).take(ROWS).find_map(|row| expr.value(row));
        let limit = shown(Some(&known.unwrap_or_else(BigRational::zero)));
        let plain = limit.trim_start_matches('-').replace('.', "").len() <= 37;
        let limit = if plain { limit } else { "0".to_owned() };
        rules += &format!("rule S{at}\n  when id >= 0\n  then\n    show {text}\n");
        rules += &format!("rule E{at}\n  when {text} = {limit}\n");
        rules += &format!("rule L{at}\n  when {text} < {limit}\n");
        limits.push(read(&limit));
    }
    let texts = [("rules.tamis", rules.as_str()), ("schema.tamis", SCHEMA)];
    let folder = tempfile::tempdir()?;
    let project = Project::of(&texts, folder.path());
    if let Some(it) = project.remarks().iter().find(|it| it.is_error) {
        return Err(format!("{}\n{rules}", it.text).into());
    }
    let line = |(at, row): (usize, &Vec<String>)| format!("{at},{}\n", row.join(","));
    let path = folder.path().join("rows.csv");
    fs::write(
        &path,
        format!("id,a,b,n,m\n{}", rows.iter().enumerate().map(line).collect::<String>()),
    )?;
    let plan = By::DataFusion { partitions: 1, batch_size: 7, optimise: true };
    let said = agree::agreed(&project, &[path], &[By::Interpreter, plan])?;

    let mut wrong = String::new();
    for (at, expr) in exprs.iter().enumerate() {
        for (row, cells) in values.iter().enumerate() {
            let value = expr.value(cells);
            let find = |rule: char| {
                let (rule, key) = (format!("{rule}{at}"), row.to_string());
                said.lines.iter().find(|it| it.rule == rule && it.keys.first() == Some(&key))
            };
            let outcome = |rule| find(rule).map_or("no hit", |it| it.outcome.as_str());
            let wanted = |holds: Option<bool>| match holds {
                Some(true) => "hit",
                Some(false) => "no hit",
                None => "undecided",
            };
            let printed = find('S').and_then(|it| only_value(it.evidence.as_deref()?));
            let equal = wanted(value.as_ref().map(|it| *it == limits[at]));
            let less = wanted(value.as_ref().map(|it| *it < limits[at]));
            if printed != Some(shown(value.as_ref()))
                || outcome('E') != equal
                || outcome('L') != less
            {
                wrong += &format!(
                    "{} of {:?}: expected {}, said {printed:?}; = {} {equal}; < {} {less}\n",
                    expr.text(),
                    rows[row],
                    shown(value.as_ref()),
                    outcome('E'),
                    outcome('L'),
                );
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}
