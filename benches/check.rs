//! `tamis check` of 5,000 rules, beside a parser that reads the same rules as TOML.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

const RULES: usize = 5_000;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("check");
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    fs::create_dir_all(folder.join("nomenclature"))?;
    for name in ["schema.tamis", "nomenclature/hs.csv"] {
        fs::copy(format!("{project}/{name}"), folder.join(name))?;
    }
    let manifest =
        "[project]\nrules = [\"rules.tamis\"]\n[schema]\ndeclaration = \"schema.tamis\"\n";
    fs::write(folder.join("tamis.toml"), manifest)?;
    let (rules, tables) = made();
    fs::write(folder.join("rules.tamis"), &rules)?;

    let (mut checks, mut parses) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
            .args(["check", "-C"])
            .arg(&folder)
            .output()?;
        checks.push(started.elapsed());
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stdout).into());
        }
        let started = Instant::now();
        let parsed: toml::Table = tables.parse()?;
        parses.push(started.elapsed());
        if parsed.len() != RULES {
            return Err("the peer did not read all rules".into());
        }
    }
    let (check, parse) = (median(&mut checks), median(&mut parses));
    println!("{RULES} rules, median of {ROUNDS} rounds");
    println!("  tamis check, start to end  {:>6.3} s  {} bytes", check.as_secs_f64(), rules.len());
    println!("  toml, parsing only         {:>6.3} s  {} bytes", parse.as_secs_f64(), tables.len());
    println!("  tamis / toml               {:>6.2}", check.as_secs_f64() / parse.as_secs_f64());
    Ok(())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The same rules in both languages.
fn made() -> (String, String) {
    let (mut rules, mut tables) = (String::new(), String::new());
    for at in 0..RULES {
        let chapter = ["84", "85", "61", "62", "64", "94", "39"][at % 7];
        let origin = ["CN", "VN", "TR", "PK", "BD", "US", "DE"][at / 7 % 7];
        let conditions = [
            format!("hs under (HS {chapter}, HS 8517)"),
            format!("origin in ({origin}, KR, JP)"),
            format!("unit_value < {} KRW/kg", 1 + at * 7 % 9_000),
            format!("tax_rate >= {} %", 1 + at % 40),
            format!("net_mass > {} kg", 1 + at % 4_000),
        ];
        rules += &format!(
            "rule G{at:05} \"Generated rule {at}\"\n  owner \"Valuation unit\"\n  \
             for each item of declaration\n  when all of\n"
        );
        tables += &format!(
            "[G{at:05}]\ntitle = \"Generated rule {at}\"\nowner = \"Valuation unit\"\n\
             for = \"each item of declaration\"\nall = [\n"
        );
        for it in &conditions {
            rules += &format!("    - {it}\n");
            tables += &format!("    \"{it}\",\n");
        }
        let (score, small) = (1 + at % 99, 1_000 + at);
        rules += &format!(
            "  unless any of\n    - \"Small\": item_price < {small} KRW\n  then\n    \
             score {score}\n    show unit_value\n\n"
        );
        tables += &format!(
            "]\nscore = {score}\nshow = [\"unit_value\"]\n\
             unless = {{ Small = \"item_price < {small} KRW\" }}\n\n"
        );
    }
    (rules, tables)
}
