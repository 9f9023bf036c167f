//! The index of a list finds what looking at every entry finds.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

use crate::seed::Random;

/// As it is written, in the form of `text`, in the form of `name`.
const WORDS: [(&str, &str, &str); 10] = [
    ("a", "a", "A"),
    ("A", "a", "A"),
    ("ab", "ab", "AB"),
    ("É", "é", "E"),
    ("e\u{301}", "é", "E"),
    ("ß", "ß", "SS"),
    ("ss", "ss", "SS"),
    ("b-c", "b-c", "B C"),
    ("B c", "b c", "B C"),
    ("x", "x", "X"),
];

const CODES: [&str; 7] = ["01", "0101", "010121", "02", "0202", "0101.22", "010129"];

const SCHEMA: &str = "\
codes HS levels 2, 4, 6
record item
  key id
  field id : text required
  field day : date required
  field t : text
  field n : name
  field hs : code of HS
  field made : code of HS
  history date day
";

const RULES: &str = "\
list words file \"words.csv\"
  column w : text, key
  column v : whole number
  dated from, to

list goods file \"goods.csv\"
  column hs : code of HS, prefix key
  column v : whole number
  dated from, to

list both file \"both.csv\"
  column w : text, key
  column hs : code of HS, prefix key
  column v : whole number

list turned file \"turned.csv\"
  column hs : code of HS, prefix key
  column w : text, key
  column v : whole number

list two file \"two.csv\"
  column hs : code of HS, prefix key
  column made : code of HS, prefix key
  column v : whole number

rule T
  when t in list words

rule N
  when n in list words

rule U
  when hs under list goods

rule X
  when hs in list goods

rule L
  when lookup(goods, hs).v is given
  then
    because \"{lookup(goods, hs).v}\"

rule B
  when lookup(both, t, hs).v is given
  then
    because \"{lookup(both, t, hs).v}\"

rule R
  when lookup(turned, hs, t).v is given
  then
    because \"{lookup(turned, hs, t).v}\"

rule W
  when lookup(two, hs, made).v is given
  then
    because \"{lookup(two, hs, made).v}\"
";

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("lists by index and entry by entry", || (0..6).try_for_each(compared))]
}

struct Entry {
    word: usize,
    code: usize,
    value: usize,
    from: usize,
    to: usize,
}

fn bare(code: usize) -> String {
    CODES[code].replace('.', "")
}

/// Entries of one code do not overlap: the periods are of one day each.
fn entries(seed: &mut Random, count: usize) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    for value in 0..count {
        let from = 10 + seed.below(6);
        let code = seed.below(CODES.len());
        let entry = Entry { word: seed.below(WORDS.len()), code, value, from, to: from };
        if all.iter().all(|it| it.code != code || it.from != from) {
            all.push(entry);
        }
    }
    all
}

/// Pairs of codes, each once, with a value.
fn two(seed: &mut Random) -> Vec<(String, String, usize)> {
    let mut all: Vec<(String, String, usize)> = Vec::new();
    for value in 0..15 {
        let pair = (bare(seed.below(CODES.len())), bare(seed.below(CODES.len())), value);
        if all.iter().all(|it| it.0 != pair.0 || it.1 != pair.1) {
            all.push(pair);
        }
    }
    all
}

/// The longest first code wins, then the longest second one.
fn longest_of_two(all: &[(String, String, usize)], first: &str, second: &str) -> Option<usize> {
    let begins = all.iter().filter(|it| first.starts_with(&it.0) && second.starts_with(&it.1));
    begins.max_by_key(|it| (it.0.len(), it.1.len())).map(|it| it.2)
}

fn compared(number: u64) -> Result<(), Failed> {
    let seed = &mut Random::new(number + 1);
    let all = entries(seed, 60);
    let folder = tempfile::tempdir()?;
    let [mut words, mut goods, mut both, mut turned] =
        ["w,v,from,to\n", "hs,v,from,to\n", "w,hs,v\n", "hs,w,v\n"].map(str::to_owned);
    let mut pairs: Vec<(&str, String, usize)> = Vec::new();
    for Entry { word, code, value, from, to } in &all {
        let (written, folded, _) = WORDS[*word];
        writeln!(words, "{written},{value},2026-03-{from},2026-03-{to}")?;
        writeln!(goods, "{},{value},2026-03-{from},2026-03-{to}", CODES[*code])?;
        if !pairs.iter().any(|it| it.0 == folded && it.1 == bare(*code)) {
            writeln!(both, "{written},{},{value}", CODES[*code])?;
            writeln!(turned, "{},{written},{value}", CODES[*code])?;
            pairs.push((folded, bare(*code), *value));
        }
    }
    let made = two(seed);
    let mut data = "id,day,t,n,hs,made\n".to_owned();
    let mut wanted: Vec<String> = Vec::new();
    for id in 100..300 {
        let (day, t, n) = (10 + seed.below(6), seed.below(WORDS.len()), seed.below(WORDS.len()));
        let code = seed.below(CODES.len());
        let (hs, other) = (bare(code), bare(seed.below(CODES.len())));
        let (text, name) = (WORDS[t].0, WORDS[n].0);
        writeln!(data, "{id},2026-03-{day},{text},{name},{},{other}", CODES[code])?;
        let held = |it: &&Entry| it.from <= day && day <= it.to;
        let mut hit = |rule: &str, said: String| wanted.push(format!("{id},{rule},{said}"));
        let longest = all.iter().filter(held).filter(|it| hs.starts_with(&bare(it.code)));
        let longest = longest.max_by_key(|it| bare(it.code).len());
        let pair = pairs.iter().filter(|it| it.0 == WORDS[t].1 && hs.starts_with(&it.1));
        let pair_found = pair.max_by_key(|it| it.1.len());
        if let Some(it) = pair_found {
            hit("B", it.2.to_string());
        }
        if let Some(it) = longest {
            hit("L", it.value.to_string());
        }
        if all.iter().filter(held).any(|it| WORDS[it.word].2 == WORDS[n].2) {
            hit("N", String::new());
        }
        if let Some(it) = pair_found {
            hit("R", it.2.to_string());
        }
        if all.iter().filter(held).any(|it| WORDS[it.word].1 == WORDS[t].1) {
            hit("T", String::new());
        }
        if longest.is_some() {
            hit("U", String::new());
        }
        if let Some(it) = longest_of_two(&made, &hs, &other) {
            hit("W", it.to_string());
        }
        if all.iter().filter(held).any(|it| bare(it.code) == hs) {
            hit("X", String::new());
        }
    }
    let lines = made.iter().map(|it| format!("{},{},{}\n", it.0, it.1, it.2));
    let two = format!("hs,made,v\n{}", lines.collect::<String>());
    let lists = [("words.csv", words), ("goods.csv", goods), ("both.csv", both)];
    let more = [("turned.csv", turned), ("two.csv", two), ("d.csv", data)];
    for (name, content) in lists.into_iter().chain(more) {
        fs::write(folder.path().join(name), content)?;
    }
    judged(folder, &wanted)
}

/// Both engines say what is wanted.
fn judged(folder: tempfile::TempDir, wanted: &[String]) -> Result<(), Failed> {
    for engine in ["datafusion", "interpreter"] {
        let found = hits(folder.path(), engine)?;
        let differ = found.iter().zip(wanted).find(|it| it.0 != it.1);
        if found != wanted {
            let kept = folder.keep();
            return Err(format!("{engine}: {differ:?} in {}", kept.display()).into());
        }
    }
    Ok(())
}

/// Key, rule and reason of every hit.
fn hits(folder: &Path, engine: &str) -> Result<Vec<String>, Failed> {
    fs::write(folder.join("schema.tamis"), SCHEMA)?;
    fs::write(folder.join("r.tamis"), RULES)?;
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .current_dir(folder)
        .args(["run", "d.csv", "--rules", "r.tamis", "--schema", "schema.tamis"])
        .args(["--engine", engine, "--out", "h.csv"])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let mut reader = csv::Reader::from_path(folder.join("h.csv"))?;
    let mut all = Vec::new();
    for line in reader.records() {
        let line = line?;
        if &line[2] == "hit" {
            all.push(format!("{},{},{}", &line[0], &line[1], &line[5]));
        }
    }
    Ok(all)
}
