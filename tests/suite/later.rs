//! Nothing that comes later changes what was said: rows and results are added behind a day, and
//! every outcome up to that day must stay. `TAMIS_ARCHIVES=10000` for as many archives.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use tamis::probe::By;
use tamis::probe::Said;

use crate::past;
use crate::past::DAYS;
use crate::past::controls;
use crate::past::rows;
use crate::past::said;
use crate::past::sample;

static LATER: AtomicU64 = AtomicU64::new(0);

pub fn trials() -> Vec<Trial> {
    past::groups("later", nothing_leaks)
}

/// How much was compared.
pub fn report() {
    let later = LATER.load(Ordering::Relaxed);
    if later != 0 {
        println!("later: {later} archives did not leak\n");
    }
}

/// The day up to which the archive is fixed: what comes after is added.
const CUT: usize = 8;

fn nothing_leaks(seed: u64) -> Result<(), Failed> {
    let (mut it, mut random) = sample(seed);
    let by = By::DataFusion { partitions: 2, batch_size: 8192, optimise: true };
    let before = said(&it, by)?;
    let last = DAYS[CUT];
    let settled: Vec<String> = it
        .today
        .iter()
        .filter_map(|row| {
            let mut cells = row.split(',');
            let id = cells.next()?;
            cells.next().filter(|day| !day.is_empty() && *day <= last).map(|_| id.to_owned())
        })
        .collect();
    it.today.extend(rows(&mut random, "L", 15, CUT + 1));
    it.controls.extend(controls(&mut random, "L", 15, CUT + 1));
    let after = said(&it, by)?;
    let of = |said: &Said| -> Vec<String> {
        let lines = said.lines.iter().filter(|it| settled.contains(&it.keys[0]));
        lines.map(|it| format!("{it:?}")).collect()
    };
    let (before, after) = (of(&before), of(&after));
    if before != after {
        let changed: Vec<&String> = before.iter().filter(|it| !after.contains(it)).collect();
        return Err(format!(
            "seed {seed}: later rows change {changed:?}\n{}\n{}\n{}",
            it.rules.concat(),
            it.today.join("\n"),
            it.controls.join("\n")
        )
        .into());
    }
    LATER.fetch_add(1, Ordering::Relaxed);
    Ok(())
}
