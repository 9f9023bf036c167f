//! The oracle: random well-typed rules over rows rich in missing values, zeros and limits; the
//! interpreter and the plan must say the same. `TAMIS_SEEDS=1000` for long runs.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use tamis::probe;
use tamis::probe::By;

use crate::case::completed;

pub fn trials() -> Vec<Trial> {
    let seeds = std::env::var("TAMIS_SEEDS").ok().and_then(|it| it.parse().ok()).unwrap_or(40_u64);
    (0..seeds).map(|seed| Trial::test(format!("random seed {seed}"), move || agree(seed))).collect()
}

/// A small generator of its own: the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap_or(0)
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

fn agree(seed: u64) -> Result<(), Failed> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..8 {
        random.next();
    }
    let rules: String = (0..8).map(|at| rule(&mut random, at)).collect();
    let rows: String = (0..60).map(|at| row(&mut random, at)).collect();
    let schema = fs::read_to_string("tests/suite/schema.tamis")?;
    let root = Path::new("tests");
    let said = probe::check(&schema, &rules, root);
    if said.contains("error[") {
        return Err(format!("not well-typed:\n{said}\n{rules}").into());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.csv");
    let header = "declaration_id,accepted_date,importer_id,importer_name,risk,hs,origin,dispatch,\
                  description,value,price_usd,net_mass,packages,tax_rate,controlled,total_value";
    fs::write(&path, completed(&schema, &format!("{header}\n{rows}")))?;
    let files = [path];
    let wanted = probe::outcomes(&schema, &rules, root, &files, By::Interpreter)?;
    let (threads, batch) = (1 + random.below(16), [1, 7, 8192][random.below(3)]);
    for by in [By::DataFusion(threads, batch, true), By::DataFusion(1, 8192, false)] {
        let said = probe::outcomes(&schema, &rules, root, &files, by)?;
        if said != wanted {
            let differs: Vec<&str> =
                said.lines().filter(|it| !wanted.contains(it)).take(5).collect();
            return Err(format!("seed {seed}, {by:?}\n{rules}\n{differs:?}\n{rows}").into());
        }
    }
    Ok(())
}

fn rule(random: &mut Random, at: usize) -> String {
    let combiner = random.one(&["all of", "any of", "none of", "at least 2 of"]);
    let mut text = format!("rule R{at}\n");
    if random.below(4) == 0 {
        text += "  valid from 2026-01-15 to 2026-06-30\n";
    }
    text += &format!("  for each item\n  when {combiner}\n");
    for _ in 0..2 + random.below(3) {
        if random.below(6) == 0 {
            let inner = random.one(&["any of", "all of", "none of"]);
            text +=
                &format!("    - {inner}\n      -- {}\n      -- {}\n", test(random), test(random));
        } else if 0 < at && random.below(8) == 0 {
            text += &format!("    - hit(R{})\n", random.below(at));
        } else {
            text += &format!("    - {}\n", condition(random));
        }
    }
    if random.below(3) == 0 {
        let until = random.one(&["", " until 2026-03-10", " since 2026-03-11"]);
        text += &format!("  unless any of\n    - \"x\": {}{until}\n", test(random));
    }
    text + "  then\n    score 5 + min(packages or else 1, 10)\n    because \"{unit_value}\"\n"
}

fn condition(random: &mut Random) -> String {
    match random.below(5) {
        0 => format!("not ({})", test(random)),
        1 => format!("({}) and ({})", test(random), test(random)),
        2 => format!("({}) or ({})", test(random), test(random)),
        _ => test(random),
    }
}

fn test(random: &mut Random) -> String {
    let compare = random.one(&["<", "<=", ">", ">=", "=", "!="]);
    match random.below(16) {
        0 => format!("{} {compare} {}", money(random), money(random)),
        1 => format!("net_mass {compare} {}", random.one(&["0 kg", "1 t", "12.5 kg", "999 g"])),
        2 => {
            format!("unit_value {compare} {}", random.one(&["0 EUR/kg", "2.5 EUR/kg", "500 EUR/t"]))
        }
        3 => format!(
            "packages {compare} {}",
            random.one(&["0", "3", "-1", "packages + 1", "packages * packages"])
        ),
        4 => format!(
            "hs {} {}",
            random.one(&["under", "not under"]),
            random.one(&["HS 85", "HS 8517", "(HS 01, HS 8517.13)"])
        ),
        5 => format!("origin {} (CN, HK, GB)", random.one(&["is one of", "is not one of"])),
        6 => {
            format!("{} {} EU", random.one(&["origin", "dispatch"]), random.one(&["in", "not in"]))
        }
        7 => format!("origin {} dispatch", random.one(&["is", "is not"])),
        8 => format!("description {} \"É\"", random.one(&["starts with", "ends with", "contains"])),
        9 => format!(
            "{} is {}",
            random.one(&["origin", "net_mass", "unit_value", "hs"]),
            random.one(&["missing", "given"])
        ),
        10 => format!("importer_name {} \"Łódź & fils\"", random.one(&["is", "is not"])),
        11 => format!("risk {} medium", random.one(&["<", ">=", "is", "is not"])),
        12 => format!(
            "accepted_date {} {compare} 2026-03-10",
            random.one(&["", "+ 1 month", "- 30 days"])
        ),
        13 => format!("tax_rate {}between 2 % and 8 %", random.one(&["", "not "])),
        14 => random
            .one(&["controlled", "controlled is false", "weekday(accepted_date) is friday"])
            .to_owned(),
        _ => format!("hs at 4 digits is {}", random.one(&["HS 8517", "HS 0101"])),
    }
}

fn money(random: &mut Random) -> String {
    let inner = random.one(&[
        "value",
        "total_value",
        "(value or else 0 EUR)",
        "50 % of value",
        "unit_value * net_mass",
    ]);
    match random.below(6) {
        0 => format!("{inner} + total_value"),
        1 => format!("round({inner}, 2)"),
        2 => format!("max({inner}, 100 EUR)"),
        3 => format!("-{inner}").replace("-50", "50").replace("-unit", "unit"),
        4 => format!("{inner} / 3"),
        _ => inner.to_owned(),
    }
}

fn row(random: &mut Random, at: usize) -> String {
    let number = |random: &mut Random| {
        random
            .one(&["", "0", "1", "-3", "2.5", "12.5", "1000", "999999999999999999", "0.0001"])
            .to_owned()
    };
    let cells = [
        format!("D{at:03}"),
        random
            .one(&["2026-03-10", "2026-03-11", "2026-01-31", "2020-12-31", "2021-01-01"])
            .to_owned(),
        random.one(&["", "FR1", "fr1"]).to_owned(),
        random.one(&["", "lodz ET FILS", "ŁÓDŹ  &  Fils", "x"]).to_owned(),
        random.one(&["", "low", "medium", "high"]).to_owned(),
        random.one(&["", "851713", "8517", "85", "010121", "01"]).to_owned(),
        random.one(&["", "CN", "GB", "FR", "ZZ", "NA"]).to_owned(),
        random.one(&["", "CN", "GB", "FR"]).to_owned(),
        random.one(&["", "école", "ÉCOLE é", "x"]).to_owned(),
        number(random),
        number(random),
        number(random),
        random.one(&["", "0", "3", "9223372036854775807", "-9223372036854775808"]).to_owned(),
        random.one(&["", "0", "2", "8", "8.0001"]).to_owned(),
        random.one(&["", "0", "1"]).to_owned(),
        number(random),
    ];
    format!("{}\n", cells.join(","))
}
