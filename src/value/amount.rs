//! Amounts as flags and `[run]` write them.

use crate::trouble::Trouble;
use crate::value::Decimal;

/// What sorting may hold when nobody says otherwise.
pub const MEMORY_LIMIT: usize = 1 << 30;
/// Below this rows of one key cannot be put together.
const MEMORY_FLOOR: usize = 150 << 20;

/// `8 GiB`, `500 MiB`, `2 GB`
///
/// Errors: no amount, or too little; in the name of the flag or key.
pub fn bytes(name: &str, text: &str) -> Result<usize, Trouble> {
    let refused = || {
        Trouble::usage(format!("{name} {text}: not an amount of memory"))
            .help("write `8 GiB` or `500 MiB`")
    };
    let digits = text.trim().trim_end_matches(|it: char| it.is_alphabetic() || it == ' ');
    let unit = text.trim()[digits.len()..].trim().to_ascii_lowercase();
    let unit = match unit.as_str() {
        "gib" | "g" => 1 << 30,
        "mib" | "m" => 1 << 20,
        "gb" => 1_000_000_000,
        "mb" => 1_000_000,
        _ => return Err(refused()),
    };
    let amount: usize = digits.parse().map_err(|_| refused())?;
    let bytes = amount.checked_mul(unit).ok_or_else(refused)?;
    if bytes < MEMORY_FLOOR {
        return Err(Trouble::usage(format!("{name} {text}: too little"))
            .help("150 MiB is the least that works"));
    }
    Ok(bytes)
}

/// `0.1%` in millionths.
///
/// Errors: no percentage, or more than all; in the name of the flag or key.
pub fn share(name: &str, text: &str) -> Result<u64, Trouble> {
    let digits = text.trim().strip_suffix('%').map(str::trim);
    let parsed = digits
        .and_then(Decimal::parse)
        .and_then(|it| it.with_scale(4))
        .and_then(|it| u64::try_from(it.unscaled).ok())
        .filter(|it| *it <= 1_000_000);
    parsed.ok_or_else(|| {
        Trouble::usage(format!("{name} {text}: not a percentage")).help("write `0.1%`")
    })
}

/// Errors: more threads than any machine has a use for.
pub fn threads(threads: usize) -> Result<usize, Trouble> {
    if threads <= MOST_THREADS {
        return Ok(threads);
    }
    Err(Trouble::usage(format!("{threads} threads are too many: the most are {MOST_THREADS}"))
        .help("`--threads 0` takes one for each core"))
}

/// Errors: batches of more rows than memory should hold at once.
pub fn batch(rows: usize) -> Result<usize, Trouble> {
    if rows <= MOST_ROWS {
        return Ok(rows.max(1));
    }
    Err(Trouble::usage(format!("{rows} rows a batch are too many: the most are {MOST_ROWS}"))
        .help("leave `--batch-size` out: 8192 rows do"))
}

const MOST_ROWS: usize = 1 << 20;

/// Each holds a share of the memory limit.
const MOST_THREADS: usize = 256;
