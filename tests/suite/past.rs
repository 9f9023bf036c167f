//! History at random: statistics, profiles, quantifiers and relations over random archives.
//!
//! The interpreter looks at every row for every row; the engine must say the same, however it is
//! cut. `TAMIS_ARCHIVES=2500` for a million pairs of rule and row.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use tamis::probe;
use tamis::probe::By;
use tamis::probe::Project;
use tamis::probe::Said;

use crate::agree;
use crate::agree::difference;
use crate::archive::HEADER;
use crate::archive::operators;
use crate::archive::written;
use crate::judged;
use crate::seed::Random;

pub const ARCHIVES: u64 = 120;
pub const GROUP: u64 = 10;
const RULES: usize = 8;

static PAIRS: AtomicU64 = AtomicU64::new(0);

pub fn trials() -> Vec<Trial> {
    groups("past", compare)
}

/// A test for every ten archives.
pub fn groups(what: &str, run: fn(u64) -> Result<(), Failed>) -> Vec<Trial> {
    let most = std::env::var("TAMIS_ARCHIVES").ok().and_then(|it| it.parse().ok());
    let most: u64 = most.unwrap_or(ARCHIVES);
    let group = |first: u64| {
        let last = (first + GROUP).min(most);
        let name = format!("{what} archives {first} to {}", last - 1);
        Trial::test(name, move || (first..last).try_for_each(run))
    };
    (0..most).step_by(10).map(group).collect()
}

/// How much was compared.
pub fn report() {
    let pairs = PAIRS.load(Ordering::Relaxed);
    if pairs != 0 {
        println!("past: {pairs} pairs of rule and row agree\n");
    }
}

fn schema(random: &mut Random) -> String {
    let complete = random.one(&["", ", complete since 2024-01-20"]);
    let event = random.one(&["event accepted_at, ", ""]);
    let known = random.one(&["", " known from told_on"]);
    let event = if complete.is_empty() { "event accepted_at, " } else { event };
    let until = random.one(&["", "", "", ", complete until 2024-03-30"]);
    let stored = random.one(&["", "", ", known from stored_on", ", known from stored_at"]);
    format!(
        "\
codes HS levels 2, 4, 6
choice verdict clean, offence
choice risk low, high ordered

record declaration
  key declaration_id
  field declaration_id : text required
  field accepted_date : date
  field accepted_at : date-time
  field importer_id : text
  field office : text
  refers importer by importer_id to operator as of accepted_date
  field stored_on : date
  field stored_at : date-time
  history {event}date accepted_date{stored}{complete}{until}

record item in declaration
  key item_number
  field item_number : whole number required
  field hs : code of HS
  field origin : country
  field value : money in EUR
  field net_mass : mass in kg
  field fraud : truth{known}
  field told_on : date
  derived unit_value : value / net_mass in EUR/kg

record control
  key control_id
  field control_id : text required
  field control_date : date
  field recorded_on : date
  field importer_id : text
  field result : verdict
  field amount : money in EUR
  history event control_date, known from recorded_on

record operator
  key operator_id
  field operator_id : text required
  field registered_on : date
  field level : risk
  field country : country
  history event registered_on
"
    )
}

pub const DAYS: [&str; 14] = [
    "2024-01-05",
    "2024-01-19",
    "2024-01-20",
    "2024-01-30",
    "2024-01-31",
    "2024-02-01",
    "2024-02-28",
    "2024-02-29",
    "2024-03-01",
    "2024-03-30",
    "2024-03-31",
    "2024-04-01",
    "2024-04-30",
    "",
];

pub fn day(random: &mut Random, from: usize) -> &'static str {
    DAYS[from + random.below(DAYS.len() - from)]
}

/// Rows of declarations of one to three items; `name` keeps declarations apart.
pub fn rows(random: &mut Random, name: &str, count: usize, from: usize) -> Vec<String> {
    let mut all = Vec::new();
    for at in 0..count {
        let date = day(random, from);
        let hour = random.one(&["08:00", "08:30", "23:59"]);
        let untimed = date.is_empty() || random.one_in(8);
        let time = if untimed { String::new() } else { format!("{date}T{hour}:00") };
        // Mostly known the same day.
        let stored = if random.one_in(3) { day(random, from) } else { date };
        let hour = random.one(&["08:00", "08:30", "23:59"]);
        let moment = if stored.is_empty() { String::new() } else { format!("{stored}T{hour}:00") };
        let importer = random.one(&["A", "a", "B", "C", ""]);
        let office = random.one(&["X", "Y", "Z", ""]);
        for item in 0..1 + random.below(3) {
            let hs = random.one(&["851713", "851762", "640399", "640391", "220421", ""]);
            let origin = random.one(&["CN", "VN", "FR", ""]);
            let value = random.one(&["10", "20", "20.5", "100", "250.1234", "0", ""]);
            let mass = random.one(&["1", "2", "2.5", "10", "0", ""]);
            let fraud = random.one(&["true", "false", "false", ""]);
            all.push(format!(
                "{name}{at},{date},{time},{importer},{office},{item},{hs},{origin},{value},{mass},\
                 {fraud},{},{stored},{moment}",
                day(random, from)
            ));
        }
    }
    all
}

pub fn controls(random: &mut Random, name: &str, count: usize, from: usize) -> Vec<String> {
    let one = |(at, random): (usize, &mut Random)| {
        let known = day(random, from);
        // What is recorded later may have happened at any time.
        let date = day(random, 0);
        let importer = random.one(&["A", "B", "C", ""]);
        let result = random.one(&["clean", "offence", "offence", ""]);
        let amount = random.one(&["5", "15", "150", ""]);
        format!("{name}{at},{date},{known},{importer},{result},{amount}")
    };
    (0..count).map(|at| one((at, random))).collect()
}

/// A random rule set over history.
fn rules(random: &mut Random, timed: bool) -> Vec<String> {
    let mut all =
        vec![profile(random, "peers"), profile(random, "usual"), judged::AT_MOST.to_owned()];
    for at in 0..RULES {
        let level = random.one(&["item", "item", "declaration"]);
        let lines = 1 + random.below(3);
        let how = random.one(&["all of", "any of", "none of", "at least 1 of"]);
        let mut text = format!("rule R{at}\n  for each {level}\n  when {how}\n");
        for _ in 0..lines {
            text += &format!("    - {}\n", test(random, level, timed));
        }
        if random.one_in(2) {
            let shown = if level == "item" { "peers.median, peers.level" } else { "office" };
            text += &format!(
                "  then\n    show {shown}, (count of past declarations with same importer_id)\n"
            );
        }
        all.push(text);
    }
    all
}

fn profile(random: &mut Random, name: &str) -> String {
    let of = random.one(&["unit_value", "value", "net_mass"]);
    let others = random.one(&["", " of others", " of others by office"]);
    let filter = random.one(&["", " where (value > 0 EUR)", " where (fraud is false)"]);
    let by = random.one(&["hs at 6 digits, origin", "hs, importer_id", "origin"]);
    let rest = random.one(&["", "  else by hs at 4 digits\n", "  else by office\n"]);
    let last = random.one(&["", "  else by hs at 2 digits\n"]);
    let window = random.one(&["", "  window 30 days\n", "  window 2 months\n"]);
    let least = 1 + random.below(3);
    let support = random.one(&["", " from at least 2 importer_id"]);
    let require = if random.one_in(4) {
        String::new()
    } else {
        format!("  require at least {least} values{support}\n")
    };
    let partial = random.one(&["", "  allow partial\n"]);
    format!(
        "profile {name}\n  of {of} over past items{others}{filter}\n  by {by}\n{rest}{last}{window}\
         {require}  gives median, p5, p95, average, sum, smallest, largest, distinct, count\n\
         {partial}"
    )
}

fn window(random: &mut Random, timed: bool) -> &'static str {
    let all = [
        "",
        " in last 1 days",
        " in last 2 weeks",
        " in last 30 days",
        " in last 1 months",
        " in last 3 months",
        " in last 1 years",
        " on same day",
        " in last 24 hours",
        " in last 90 minutes",
    ];
    all[random.below(if timed { all.len() } else { all.len() - 2 })]
}

fn of_rows(random: &mut Random, level: &str, timed: bool) -> String {
    let partial = random.one(&["", " allow partial"]);
    let window = window(random, timed);
    let past = if window == " on same day" { random.one(&["", "past "]) } else { "past " };
    let others = random.one(&["", "", " of others"]);
    if random.one_in(3) {
        let filter = random.one(&["", " where (office is \"X\")"]);
        let key = random.one(&["", " with same importer_id", " with same office"]);
        return format!("{past}declarations{others}{filter}{key}{window}{partial}");
    }
    if level == "declaration" {
        let filter = random.one(&["", " where (origin is CN)"]);
        let key = random.one(&["", " with same importer_id", " with same office"]);
        return format!("{past}items{others}{filter}{key}{window}{partial}");
    }
    let filter = random.one(&["", " where (origin is not FR)", " where (value > 15 EUR)"]);
    let key = random.one(&[
        "",
        " with same hs",
        " with same hs at 4 digits, origin",
        " with same importer_id, hs",
        " with same value",
        " with same origin",
    ]);
    format!("{past}items{others}{filter}{key}{window}{partial}")
}

fn statistic(random: &mut Random, level: &str, timed: bool) -> String {
    let rows = of_rows(random, level, timed);
    let declarations = rows.contains("declarations");
    let operator = random.one(&["<", "<=", ">", ">="]);
    let n = random.one(&["0", "1", "2", "3"]);
    if declarations || random.one_in(4) {
        return match random.below(4) {
            0 => format!("distinct count of office over {rows} {operator} {n}"),
            1 => format!("first date of {rows} {operator} 2024-02-10"),
            2 => format!("last date of {rows} {operator} 2024-02-10"),
            _ => format!("count of {rows} {operator} {n}"),
        };
    }
    let amount = random.one(&["10 EUR", "20.5 EUR", "60 EUR", "200 EUR"]);
    match random.below(11) {
        9 => format!("(sum of value over {rows} or else 0 EUR) {operator} {amount}"),
        10 => format!("(count of fraud over {rows} or else 0) {operator} {n}"),
        0 => format!("distinct count of hs at 4 digits over {rows} {operator} {n}"),
        1 => format!("sum of value over {rows} {operator} {amount}"),
        2 => format!("average of value over {rows} {operator} {amount}"),
        3 => format!("average of unit_value weighted by net_mass over {rows} {operator} 10 EUR/kg"),
        4 => format!("median of value over {rows} {operator} {amount}"),
        5 => format!("percentile 90 of unit_value over {rows} {operator} 20 EUR/kg"),
        6 => format!("smallest of value over {rows} {operator} {amount}"),
        7 => {
            let smoothed =
                random.one(&["", " smoothed by 1 towards 21 %", " smoothed by 2 towards 0 %"]);
            format!("(share of fraud over {rows}{smoothed}) {operator} 40 %")
        }
        _ => format!("count of unit_value over {rows} {operator} {n}"),
    }
}

pub fn quantity(random: &mut Random) -> &'static str {
    random.one(&["any", "every", "no", "at least 2", "at most 1", "exactly 1"])
}

fn test(random: &mut Random, level: &str, timed: bool) -> String {
    match random.below(12) {
        10 | 11 => judged::test(random, level),
        0 => {
            let what = random.one(&["importer", "importer_id", "office"]);
            let how = random.one(&["less than", "more than", "at least", "at most"]);
            let length = random.one(&["30 days", "1 months", "0 days"]);
            format!("{what} known for {how} {length}")
        }
        1 => {
            let of = random.one(&["level is high", "country is not CN", "level is missing"]);
            format!("importer.{of}")
        }
        2 => {
            let condition = random.one(&["result is offence", "amount > 10 EUR"]);
            let window = random.one(&["", " in last 24 months", " in last 30 days"]);
            let quantity = quantity(random);
            format!("{quantity} past control has ({condition}) with same importer_id{window}")
        }
        3 => {
            let n = random.below(3);
            format!(
                "count of past controls where (result is offence) with same importer_id in last 2 \
                 months >= {n}"
            )
        }
        4 | 5 if level == "declaration" => {
            let condition = random.one(&["hs under HS 85", "origin is CN", "value > 50 EUR"]);
            format!("{} item has ({condition})", quantity(random))
        }
        4 => "value > sum of value over items where (origin is CN)".to_owned(),
        5 => "sum of value over items > 100 EUR".to_owned(),
        6 if level == "item" => {
            let profile = random.one(&["peers", "usual"]);
            match random.below(6) {
                0 => format!("{profile}.count >= 2"),
                1 => format!("{profile}.distinct > 1"),
                2 => format!("{profile}.count = 0 and {profile}.median is given"),
                3 => format!("({profile}.sum or else {profile}.largest) > {profile}.smallest"),
                4 => format!("{profile}.level is \"origin\""),
                _ => format!("{profile}.median < {profile}.average"),
            }
        }
        _ => statistic(random, level, timed),
    }
}

pub struct Sample {
    pub schema: String,
    pub rules: Vec<String>,
    pub today: Vec<String>,
    pub history: Vec<String>,
    pub controls: Vec<String>,
    pub operators: Vec<String>,
    pub parts: usize,
    /// Declarations stand in Parquet files, texts by dictionary.
    pub parquet: bool,
}

pub fn sample(seed: u64) -> (Sample, Random) {
    let mut random = Random::new(seed ^ 0x7A57);
    let schema = schema(&mut random);
    let timed = schema.contains("event accepted_at");
    let declarations = 8 + random.below(40);
    let history = if random.one_in(2) { Vec::new() } else { rows(&mut random, "H", 20, 0) };
    let mut today = rows(&mut random, "T", declarations, 0);
    // A declaration of history that today's data have too.
    if !history.is_empty() && random.one_in(2) {
        today.push(history[0].clone());
    }
    let it = Sample {
        rules: rules(&mut random, timed),
        today,
        history,
        controls: controls(&mut random, "C", 15, 0),
        operators: operators(&mut random),
        schema,
        parts: 1 + random.below(3),
        parquet: seed % 2 == 1,
    };
    (it, random)
}

/// What is counted where nothing else is asked for: rows need not be read twice then.
fn counted(it: &Sample, by: By) -> Result<Vec<(u64, u64)>, Failed> {
    let folder = tempfile::tempdir()?;
    let rules = it.rules.concat();
    let texts = [("rules.tamis", rules.as_str()), ("schema.tamis", it.schema.as_str())];
    Ok(Project::of(&texts, folder.path()).counts(&written(it, folder.path())?, by)?)
}

pub fn said(it: &Sample, by: By) -> Result<Said, Failed> {
    let folder = tempfile::tempdir()?;
    let rules = it.rules.concat();
    let texts = [("rules.tamis", rules.as_str()), ("schema.tamis", it.schema.as_str())];
    let project = Project::of(&texts, folder.path());
    let errors: String =
        project.remarks().into_iter().filter(|it| it.is_error).map(|it| it.text).collect();
    if !errors.is_empty() {
        return Err(format!("not well-typed\n{errors}\n{rules}").into());
    }
    agree::told(project.run_files(&written(it, folder.path())?, by)?)
}

fn compare(seed: u64) -> Result<(), Failed> {
    let (it, mut random) = sample(seed);
    let text = it.rules.concat();
    let once = probe::formatted(&text);
    if probe::formatted(&once) != once || probe::tree(&once) != probe::tree(&text) {
        return Err(format!("seed {seed}: formatting changes\n{text}\n{once}").into());
    }
    let failed = |it: Failed| Failed::from(format!("seed {seed}: {}", it.message().unwrap_or("")));
    let wanted = said(&it, By::Interpreter).map_err(failed)?;
    let plans = [
        By::DataFusion {
            partitions: 1 + random.below(16),
            batch_size: [1, 7, 8192][random.below(3)],
            optimise: true,
        },
        By::DataFusion { partitions: 2, batch_size: 8192, optimise: false },
        By::InShares { partitions: 2, shares: 2 + random.below(6) as u64 },
    ];
    for by in plans {
        let got = said(&it, by).map_err(failed)?;
        if got != wanted {
            return Err(told(seed, &shrunk(it, by), by).into());
        }
        let counts = counted(&it, by)?;
        if counts != wanted.counts {
            let (counts, wanted) = (format!("{counts:?}"), format!("{:?}", wanted.counts));
            return Err(format!("seed {seed}, {by:?}: counts {counts}, lines {wanted}").into());
        }
    }
    let rows = it.today.len() as u64;
    PAIRS.fetch_add(RULES as u64 * rows, Ordering::Relaxed);
    Ok(())
}

fn differs(it: &Sample, by: By) -> bool {
    matches!((said(it, By::Interpreter), said(it, by)), (Ok(a), Ok(b)) if a != b)
}

/// Without the rules, lines and rows that do not matter.
fn shrunk(mut it: Sample, by: By) -> Sample {
    for at in (0..it.rules.len()).rev() {
        let gone = it.rules.remove(at);
        if !differs(&it, by) {
            it.rules.insert(at, gone);
        }
    }
    for at in 0..it.rules.len() {
        for line in (1..it.rules[at].lines().count()).rev() {
            let before = it.rules[at].clone();
            let kept = before.lines().enumerate().filter(|it| it.0 != line);
            it.rules[at] = kept.map(|it| format!("{}\n", it.1)).collect();
            if !differs(&it, by) {
                it.rules[at] = before;
            }
        }
    }
    let parts: [fn(&mut Sample) -> &mut Vec<String>; 4] =
        [|it| &mut it.today, |it| &mut it.history, |it| &mut it.controls, |it| &mut it.operators];
    for part in parts {
        for at in (0..part(&mut it).len()).rev() {
            if it.today.len() == 1 && part(&mut it).len() == 1 {
                continue;
            }
            let gone = part(&mut it).remove(at);
            if !differs(&it, by) {
                part(&mut it).insert(at, gone);
            }
        }
    }
    it
}

fn told(seed: u64, it: &Sample, by: By) -> String {
    let what = match (said(it, By::Interpreter), said(it, by)) {
        (Ok(wanted), Ok(got)) => difference(&wanted, &got),
        _ => "it differs from run to run".to_owned(),
    };
    format!(
        "seed {seed}, {by:?}\n{what}\n{}\n{}\ntoday\n{HEADER}\n{}\nhistory\n{}\ncontrols\n{}\n\
         operators\n{}\n",
        it.schema,
        it.rules.concat(),
        it.today.join("\n"),
        it.history.join("\n"),
        it.controls.join("\n"),
        it.operators.join("\n"),
    )
}
