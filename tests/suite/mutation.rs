//! Mistakes put into rules: good tests notice all of them, weak ones are told what they lack.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use tamis::probe::Project;

const RULE: &str = "
rule R1 \"Limits\"
  for each item
  when all of
    - unit_value < 20 EUR/kg
    - origin is CN
  unless any of
    - \"Samples\": net_mass <= 0.5 kg
";

const GOOD: &str = "
test R1 \"limits\"
  table
    | item.origin | item.unit_value | item.net_mass | expect |
    | CN          | 19 EUR/kg       | 0.6 kg        | hit    |
    | CN          | 20 EUR/kg       | 0.6 kg        | no hit |
    | FR          | 19 EUR/kg       | 0.6 kg        | no hit |
    | CN          | 19 EUR/kg       | 0.5 kg        | no hit |
";

const WEAK: &str = "
test R1 \"far from limits\"
  table
    | item.origin | item.unit_value | item.net_mass | expect |
    | CN          | 1 EUR/kg        | 9 kg          | hit    |
    | CN          | 90 EUR/kg       | 9 kg          | no hit |
";

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("mutation good tests notice every mistake", good_tests),
        Trial::test("mutation weak tests are told what they lack", weak_tests),
        Trial::test("mutation hundreds of cases take seconds", many_cases),
    ]
}

fn project(tests: &str) -> Result<Project, Failed> {
    let schema = fs::read_to_string("tests/suite/schema.tamis")?;
    let rules = format!("{RULE}{tests}");
    Ok(Project::of(&[("rules.tamis", &rules), ("schema.tamis", &schema)], Path::new("tests")))
}

fn good_tests() -> Result<(), Failed> {
    let (total, survivors) = project(GOOD)?.mutated()?;
    // Two limits three times each, one test turned round, two lines and an exception left out.
    if total < 9 || !survivors.is_empty() {
        return Err(format!("{total} mistakes, not noticed: {survivors:?}").into());
    }
    Ok(())
}

fn weak_tests() -> Result<(), Failed> {
    let (_, survivors) = project(WEAK)?.mutated()?;
    for wanted in ["<= instead of <", "21 EUR/kg instead of 20 EUR/kg", "this line left out"] {
        if !survivors.iter().any(|it| it.contains(wanted)) {
            return Err(format!("`{wanted}` is not among {survivors:?}").into());
        }
    }
    Ok(())
}

/// 500 cases of one shape and 50 of others, by both engines.
fn many_cases() -> Result<(), Failed> {
    let mut tests = String::from("\ntest R1 \"many\"\n  table\n");
    tests += "    | item.origin | item.unit_value | expect |\n";
    for at in 0..500 {
        // Without a mass the exception is not established.
        let (price, outcome) = (at % 40, if at % 40 < 20 { "hit" } else { "no hit" });
        let _ = writeln!(tests, "    | CN | {price} EUR/kg | {outcome} |");
    }
    for at in 0..50 {
        let _ = write!(tests, "\ntest R1 \"{at}\"\n  given item {}\n    origin is FR\n", at + 1);
        tests += "  expect no hit\n";
    }
    let started = Instant::now();
    let (text, passed) = project(&tests)?.tests()?;
    let time = started.elapsed();
    if !passed || 20 < time.as_secs() {
        return Err(format!("{text} in {time:?}").into());
    }
    Ok(())
}
