//! The oracle at work: on random rules and rows the interpreter and the plan must say the same.
//!
//! `TAMIS_SEEDS=100000` for a long night. A disagreement is made small and printed as a case.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use tamis::probe;
use tamis::probe::By;
use tamis::probe::Project;

use crate::agree;
use crate::generate;
use crate::rows;
use crate::seed::Random;

const SEEDS: u64 = 200;
/// Seeds in one test.
const GROUP: u64 = 10;
const RULES: usize = 8;
/// Fewer and more than fill a word of a bitmap.
const ROWS: [usize; 3] = [30, 130, 300];

/// Pairs of rule and row on which both engines gave an answer, and how often a plan ran.
static PAIRS: AtomicU64 = AtomicU64::new(0);
static PLANS: AtomicU64 = AtomicU64::new(0);

pub fn trials() -> Vec<Trial> {
    let seeds = std::env::var("TAMIS_SEEDS").ok().and_then(|it| it.parse().ok()).unwrap_or(SEEDS);
    let groups = (0..seeds).step_by(usize::try_from(GROUP).unwrap_or(1));
    let trial = |first: u64| {
        let last = (first + GROUP).min(seeds);
        let name = format!("random seeds {first} to {}", last - 1);
        Trial::test(name, move || (first..last).try_for_each(compare))
    };
    groups.map(trial).collect()
}

/// How much was compared.
pub fn report() {
    let (pairs, plans) = (PAIRS.load(Ordering::Relaxed), PLANS.load(Ordering::Relaxed));
    if pairs != 0 {
        println!("random: {pairs} pairs of rule and row agree, in {plans} runs of DataFusion\n");
    }
}

/// Rules and rows of one seed, and how the engine shall run them.
#[derive(Clone)]
struct Sample {
    blocks: Vec<String>,
    rows: Vec<String>,
    files: usize,
    by: Vec<By>,
}

fn compare(seed: u64) -> Result<(), Failed> {
    let mut random = Random::new(seed);
    let rows = ROWS[random.below(ROWS.len())];
    let sample = Sample {
        blocks: generate::rules(&mut random, RULES),
        rows: rows::rows(&mut random, rows),
        files: 1 + random.below(5),
        by: vec![
            By::Interpreter,
            By::DataFusion {
                partitions: 1 + random.below(16),
                batch_size: [1, 7, 8192][random.below(3)],
                optimise: true,
            },
            By::DataFusion { partitions: 1, batch_size: 8192, optimise: false },
        ],
    };
    let text = sample.blocks.concat();
    written_again(&text).map_err(|it| format!("seed {seed}: {it}\n{text}"))?;
    match verdict(&sample)? {
        Verdict::Agree => {
            let pairs = u64::try_from(RULES * rows).unwrap_or(0);
            PAIRS.fetch_add(pairs, Ordering::Relaxed);
            PLANS.fetch_add(2, Ordering::Relaxed);
            Ok(())
        }
        Verdict::Refused(why) => {
            Err(format!("seed {seed} is not well-typed\n{why}\n{text}").into())
        }
        Verdict::Differ(_) => Err(told(seed, &shrunk(sample)).into()),
    }
}

/// What is formatted says the same, and is left alone the second time.
fn written_again(text: &str) -> Result<(), String> {
    let once = probe::formatted(text);
    if probe::formatted(&once) != once {
        return Err(format!("formatting is not idempotent\n{once}"));
    }
    if probe::tree(&once) != probe::tree(text) {
        return Err(format!("formatting changes what it says\n{once}"));
    }
    Ok(())
}

enum Verdict {
    Agree,
    Differ(String),
    Refused(String),
}

fn verdict(sample: &Sample) -> Result<Verdict, Failed> {
    let folder = tempfile::tempdir()?;
    generate::lists(folder.path())?;
    let rules = sample.blocks.concat();
    let texts = [("rules.tamis", rules.as_str()), ("schema.tamis", generate::SCHEMA)];
    let project = Project::of(&texts, folder.path());
    let errors: String =
        project.remarks().into_iter().filter(|it| it.is_error).map(|it| it.text).collect();
    if !errors.is_empty() {
        return Ok(Verdict::Refused(errors));
    }
    let files = written(sample, folder.path())?;
    Ok(match agree::agreed(&project, &files, &sample.by) {
        Ok(_) => Verdict::Agree,
        Err(it) => Verdict::Differ(it.message().unwrap_or_default().to_owned()),
    })
}

/// The rows in as many files as the sample says.
fn written(sample: &Sample, folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let size = sample.rows.len().div_ceil(sample.files).max(1);
    let write = |(at, rows): (usize, &[String])| {
        let path = folder.join(format!("{at}.csv"));
        fs::write(&path, format!("{}\n{}\n", generate::HEADER, rows.join("\n")))?;
        Ok(path)
    };
    sample.rows.chunks(size).enumerate().map(write).collect()
}

/// Without the rules, rows, lines and files that do not matter.
fn shrunk(sample: Sample) -> Sample {
    let mut it = sample;
    let differs = |it: &Sample| matches!(verdict(it), Ok(Verdict::Differ(_)));
    for by in it.by.clone().into_iter().skip(1) {
        let simpler = Sample { by: vec![By::Interpreter, by], files: 1, ..it.clone() };
        if differs(&simpler) {
            it = simpler;
            break;
        }
    }
    for at in (1..it.blocks.len()).rev() {
        let mut simpler = it.clone();
        simpler.blocks.remove(at);
        if differs(&simpler) {
            it = simpler;
        }
    }
    let mut size = it.rows.len() / 2;
    while 0 < size {
        let mut from = 0;
        while from < it.rows.len() && 1 < it.rows.len() {
            let mut simpler = it.clone();
            simpler.rows.drain(from..(from + size).min(it.rows.len()));
            if !simpler.rows.is_empty() && differs(&simpler) {
                it = simpler;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    for block in 1..it.blocks.len() {
        let lines = it.blocks[block].lines().count();
        for line in (1..lines).rev() {
            let mut simpler = it.clone();
            let kept = simpler.blocks[block].lines().enumerate().filter(|it| it.0 != line);
            simpler.blocks[block] = kept.map(|it| format!("{}\n", it.1)).collect();
            if differs(&simpler) {
                it = simpler;
            }
        }
    }
    it
}

/// A case for `tests/cases/regressions`, without the columns that hold nothing.
fn told(seed: u64, sample: &Sample) -> String {
    let what = match verdict(sample) {
        Ok(Verdict::Differ(what)) => what,
        _ => "it differs from run to run".to_owned(),
    };
    format!(
        "seed {seed}, {:?}\n{what}\n# What went wrong\n\n```schema\n{}```\n\n\
         ```csv\n{}\n{}\n```\n\n```tamis\n{}```\n\n```hits\n```\n",
        sample.by.last(),
        generate::SCHEMA,
        generate::HEADER,
        sample.rows.join("\n"),
        sample.blocks.concat(),
    )
}
