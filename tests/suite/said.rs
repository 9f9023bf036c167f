//! Words that commands say of small projects: what they must hold, and what they must not.

use std::fs;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;

const SCHEMA: &str = "\
record declaration
  key mrn
  field mrn : text required
  field accepted_date : date
  field price : money in USD
  field value : money by cur
  field cur : currency
  field note : text
  history date accepted_date

record item in declaration
  key number
  field number : whole number required
  field mass : whole number
";

const RULES: &str = "\
list exchange_rates file \"rates.csv\"
  column currency : currency, key
  column EUR : decimal
  dated valid_from, valid_to

rule C1
  for declaration
  when price converted to EUR > 5 EUR

rule C2
  for declaration
  when value converted to EUR > 5 EUR

rule N1
  for declaration
  when note is \"x\"

rule P1
  for declaration
  when price > 5 USD

rule M1
  for each item
  when mass > 5
";

const RATES: &str = "currency,EUR,valid_from,valid_to\nUSD,0.9,2026-03-01,\n";

/// The data, what `tamis.toml` says of them besides, the command, and its words.
struct Case {
    name: &'static str,
    data: &'static str,
    set: &'static str,
    args: &'static [&'static str],
    said: &'static [&'static str],
    unsaid: &'static [&'static str],
}

const OPTIONAL: &str =
    "optional = [\"accepted_date\", \"price\", \"value\", \"cur\", \"note\", \"mass\"]\n";

const CASES: &[Case] = &[
    Case {
        name: "the date of a rate is missing",
        data: "mrn,accepted_date,price,number\nA,,10,1\n",
        set: "",
        args: &["run", "d", "--rule", "C1", "--out", "-", "-q"],
        said: &["A,,C1,undecided,,,,,accepted_date\n"],
        unsaid: &["no rate"],
    },
    Case {
        name: "the date of a rate is missing, by the interpreter",
        data: "mrn,accepted_date,value,cur,number\nA,,10,USD,1\n",
        set: "",
        args: &["run", "d", "--rule", "C2", "--engine", "interpreter", "--out", "-", "-q"],
        said: &["A,,C2,undecided,,,,,accepted_date\n"],
        unsaid: &["no rate"],
    },
    Case {
        name: "the date and the amount of a rate are missing",
        data: "mrn,accepted_date,value,cur,number\nA,,,USD,1\n",
        set: "",
        args: &["run", "d", "--rule", "C2", "--out", "-", "-q"],
        said: &["\"accepted_date, value\"\n"],
        unsaid: &["no rate"],
    },
    Case {
        name: "no rate at a date",
        data: "mrn,accepted_date,value,cur,number\nA,2026-02-01,10,USD,1\n",
        set: "",
        args: &["run", "d", "--rule", "C2", "--out", "-", "-q"],
        said: &["A,,C2,undecided,,,,,value (no rate)\n"],
        unsaid: &[],
    },
    Case {
        name: "a stray quote beside another fault",
        data: "mrn,price,note,number\nA,x,\"stray,1\nB,1,y,1\n",
        set: "",
        args: &["run", "d", "--rule", "P1", "--max-rejected", "100%", "-q"],
        said: &[
            "`price` not readable, 1 time",
            "`note` stray quote, 1 time, first in row 1, line 2",
        ],
        unsaid: &["\u{FFFD}"],
    },
    Case {
        name: "a stray quote in a column that is read",
        data: "mrn,price,note,number\nA,1,\"stray,1\nB,1,y,1\n",
        set: "",
        args: &["run", "d", "--rule", "N1", "--max-rejected", "100%", "-q"],
        said: &["`note` stray quote, 1 time", "`\"stray`; expected a quote at both ends"],
        unsaid: &["\u{FFFD}", "not readable"],
    },
    Case {
        name: "a stray quote in the header",
        data: "mrn,price,\"note,number\nA,1,x,1\n",
        set: "",
        args: &["run", "d", "--rule", "N1", "-q"],
        said: &["its header has a stray quote in column 3"],
        unsaid: &["UTF-8"],
    },
    Case {
        name: "a stray quote in the header, windows-1252",
        data: "\"mrn\" ,price,note,number\nA,1,x,1\n",
        set: "encoding = \"windows-1252\"\n",
        args: &["run", "d", "--rule", "N1", "-q"],
        said: &["its header has a stray quote in column 1"],
        unsaid: &["UTF-8"],
    },
    Case {
        name: "a mapped column beside one of the name of the field",
        data: "MRN,mrn,price,number\nA,Z,10,1\n",
        set: "columns = { \"MRN\" = \"mrn\" }\n",
        args: &["run", "d", "--rule", "P1", "-q"],
        said: &["field `mrn` stands twice: as column `MRN`", "and as column `mrn`"],
        unsaid: &[],
    },
    Case {
        name: "columns that change places",
        data: "note,mrn,price,number\nA,Z,10,1\n",
        set: "columns = { \"note\" = \"mrn\", \"mrn\" = \"note\" }\n",
        args: &["run", "d", "--rule", "P1", "--out", "-", "-q"],
        said: &["A,,P1,hit"],
        unsaid: &[],
    },
    Case {
        name: "why of a declaration in another case",
        data: "mrn,accepted_date,price,number\nAB1,2026-03-10,10,1\n",
        set: "",
        args: &["why", "ab1", "d", "--rule", "P1", "-q"],
        said: &["declaration AB1, accepted 2026-03-10: 1 answer, 1 hit"],
        unsaid: &["no value"],
    },
    Case {
        name: "a date with its day first",
        data: "mrn,accepted_date,price,number\nA,10/03/2026,10,1\nB,,1,1\n",
        set: "",
        args: &["run", "d", "--rule", "C1", "--max-rejected", "100%", "-q"],
        said: &["`accepted_date` not readable", "`%d/%m/%Y`"],
        unsaid: &[],
    },
    Case {
        name: "an amount in the wanted currency asks no list",
        data: "mrn,accepted_date,value,cur,number\nA,2026-03-10,10,EUR,1\n",
        set: "",
        args: &["why", "A", "d", "--rule", "C2"],
        said: &["10 EUR > 5 EUR"],
        unsaid: &["exchange_rates", "no value", "no entry"],
    },
    Case {
        name: "an amount that was converted, and its rate",
        data: "mrn,accepted_date,value,cur,number\nA,2026-03-10,10,USD,1\n",
        set: "",
        args: &["why", "A", "d", "--rule", "C2", "--output", "json"],
        said: &["\"9 EUR\"", "\"exchange_rates.EUR\"", "\"0.9\"", "\"10 USD\""],
        unsaid: &[],
    },
    Case {
        name: "an amount without its currency",
        data: "mrn,accepted_date,value,cur,number\nA,2026-03-10,10,,1\n",
        set: "",
        args: &["why", "A", "d", "--rule", "C2"],
        said: &["cur: missing"],
        unsaid: &["EUR: missing", "no rate"],
    },
    Case {
        name: "a share is rounded",
        data: "mrn,accepted_date,price,number\nA,2026-03-10,10,1\nB,2026-03-10,10,1\n\
               C,2026-03-10,1,1\n",
        set: "",
        args: &["run", "d", "--rule", "P1", "--out", "hits.csv"],
        said: &[" 66.67%"],
        unsaid: &[],
    },
];

pub fn trials() -> Vec<Trial> {
    let trial = |it: &'static Case| Trial::test(format!("said: {}", it.name), || case(it));
    let mut all: Vec<Trial> = CASES.iter().map(trial).collect();
    all.push(Trial::test("said: replay of a declaration in another case", replayed));
    all
}

fn project(data: &str, set: &str) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    fs::write(at("schema.tamis"), SCHEMA)?;
    fs::write(at("rules.tamis"), RULES)?;
    fs::write(at("rates.csv"), RATES)?;
    fs::write(at("d.csv"), data)?;
    let project = "[project]\nrules = [\"rules.tamis\"]\n[schema]\nd = \"schema.tamis\"\n";
    let text = format!("{project}[data.d]\npath = \"d.csv\"\n{OPTIONAL}{set}");
    fs::write(at("tamis.toml"), text)?;
    Ok(folder)
}

/// The exit status, and all that is said.
fn tamis(folder: &tempfile::TempDir, args: &[&str]) -> Result<(Option<i32>, String), Failed> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_tamis")).current_dir(folder.path()).args(args).output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
}

fn case(it: &Case) -> Result<(), Failed> {
    let folder = project(it.data, it.set)?;
    let (_, said) = tamis(&folder, it.args)?;
    let missing = it.said.iter().find(|words| !said.contains(**words));
    let wrong = it.unsaid.iter().find(|words| said.contains(**words));
    match (missing, wrong) {
        (None, None) => Ok(()),
        (Some(words), _) => Err(format!("does not say {words:?}: {said}").into()),
        (None, Some(words)) => Err(format!("says {words:?}: {said}").into()),
    }
}

fn replayed() -> Result<(), Failed> {
    let data = "mrn,accepted_date,price,number\nAB1,2026-03-10,10,1\nC2,2026-03-10,10,1\n";
    let folder = project(data, "")?;
    for args in [&["run", "d", "--rule", "P1", "--out", "out"][..], &["replay", "out", "ab1"]] {
        let (code, said) = tamis(&folder, args)?;
        if code != Some(0) {
            return Err(format!("{args:?}: {said}").into());
        }
    }
    Ok(())
}
