//! `tamis fmt`: what it leaves alone, and that it never changes what a text says.

use std::fs;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use tamis::probe;

use crate::generate;
use crate::seed::Random;
use crate::tidy;

/// Texts in canonical layout.
const KEPT: &[(&str, &str)] = &[
    (
        "parentheses that say what belongs together",
        "rule R1\n  when a < (b or else 0 %)\n\nrule R2\n  when not (a is missing)\n\n\
         rule R3\n  when (a and b) or (c and d)\n\nrule R4\n  when (a * b) + c > 0\n",
    ),
    (
        "the lines of a policy",
        "policy p\n  for declaration\n  combine highest, capped at 100, then sum over declaration, \
         capped at 150\n  route to red when score >= 70\n  route to green otherwise\n  \
         override channel\n  exempt fast, cheap when trusted\n  \
         random 2 % of green to red by office, hs at 2 digits key \"k\", halved when trusted\n  \
         random 0.2 % of green to red key from environment KEY\n  \
         capacity red 20 per office, day overflow to yellow, at most 2 per importer_id, \
         order duty, score,\n      keep 10 % for random\n  \
         undecided route to yellow when potential_score >= 70\n  together by lorry_id\n",
    ),
    (
        "comments below the last line of a block",
        "rule R1\n  when a\n  then\n    score 1\n    # ends the actions\n  # ends the rule\n\n\
         # begins the next\nrule R2\n  when b\n  # the last word\n\n# of the file\n",
    ),
    (
        "parentheses without which a name would be an outcome",
        "test R1 \"a\"\n  table\n    | item.packages | expect |\n    | 2             | (hit)  |\n",
    ),
];

/// As it stands, and as it should.
const CHANGED: &[(&str, &str, &str)] = &[
    (
        "the line ends of comments, in their order",
        "rule R1\n  when origin is one of (CN,   # first\n      # second\n      FR)\n",
        "rule R1\n  # first\n  # second\n  when origin is one of (CN, FR)\n",
    ),
    (
        "parentheses that say nothing",
        "rule R1\n  when ((a)) < ((b or else 0 %))\n",
        "rule R1\n  when a < (b or else 0 %)\n",
    ),
    ("around a whole condition", "rule R1\n  when ( a < 1 )\n", "rule R1\n  when a < 1\n"),
];

const SEEDS: u64 = 300;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("fmt leaves the sample rules as they are", samples),
        Trial::test("fmt of random trees in random layouts", random),
    ];
    for (name, text) in KEPT {
        trials.push(Trial::test(format!("fmt keeps {name}"), || same(text, text)));
    }
    for (name, before, after) in CHANGED {
        trials.push(Trial::test(format!("fmt drops {name}"), || same(before, after)));
    }
    trials
}

fn same(before: &str, after: &str) -> Result<(), Failed> {
    let said = probe::formatted(before);
    if said == after { Ok(()) } else { Err(format!("expected\n{after}said\n{said}").into()) }
}

fn samples() -> Result<(), Failed> {
    for path in tidy::files("rules", "tamis") {
        let text = fs::read_to_string(&path)?;
        same(&text, &text).map_err(|it| format!("{}: {it:?}", path.display()))?;
    }
    Ok(())
}

/// What is formatted says the same, and is left alone the second time; no comment is lost.
/// `TAMIS_TREES=100000` for as many rules.
fn random() -> Result<(), Failed> {
    let wanted = std::env::var("TAMIS_TREES").ok().and_then(|it| it.parse().ok());
    let mut rules = 0;
    for seed in 0..wanted.unwrap_or(SEEDS * 8) / 8 {
        let mut random = Random::new(50_000 + seed);
        let blocks = generate::rules(&mut random, 8);
        rules += blocks.len();
        let text: String = blocks.iter().map(|it| disordered(&mut random, it)).collect();
        let once = probe::formatted(&text);
        let told = |what: &str| format!("seed {seed}: {what}\n{text}\nmade\n{once}");
        if probe::tree(&once) != probe::tree(&text) {
            return Err(told("formatting changes what it says").into());
        }
        if probe::formatted(&once) != once {
            return Err(told("formatting is not idempotent").into());
        }
        let comments = |it: &str| it.matches("# note").count();
        if comments(&once) != comments(&text) {
            return Err(told("a comment is lost").into());
        }
        if probe::tree(&text).contains(" broken") {
            return Err(told("the text is not well-formed").into());
        }
    }
    println!("fmt: {rules} blocks");
    Ok(())
}

/// The same lines with other spaces, blank lines and comments.
fn disordered(random: &mut Random, block: &str) -> String {
    let mut text = String::new();
    for line in block.lines() {
        let indent = line.len() - line.trim_start().len();
        if line.trim().is_empty() {
            text.push('\n');
            continue;
        }
        if random.one_in(9) {
            text += &format!("{}# note {}\n", " ".repeat(random.below(6)), random.below(100));
        }
        if 0 < indent && random.one_in(9) {
            text.push('\n');
        }
        text += &" ".repeat(if indent == 0 { 0 } else { indent + random.below(3) });
        let mut quoted = false;
        for it in line.trim_start().chars() {
            quoted ^= it == '"';
            match it {
                ' ' if !quoted && random.one_in(6) => text += "   ",
                '(' | ')' if !quoted && random.one_in(6) => text += &format!(" {it} "),
                _ => text.push(it),
            }
        }
        if random.one_in(12) {
            text += &format!("  # note {}", random.below(100));
        }
        text.push('\n');
    }
    text
}
