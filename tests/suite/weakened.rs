//! The sample rules keep their tests, and these catch whoever weakens a rule.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use libtest_mimic::Trial;
use serde_json::Value as Json;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("sample rules pass their tests, by both engines", || passes("rules")),
        Trial::test("made sample rules pass their tests, by both engines", || passes("rules-made")),
        Trial::test("a weakened threshold of each of 26 sample rules is caught", caught),
    ]
}

/// One threshold of each rule, by the last digit that is written, or the sign beside it.
const WEAKENED: [(&str, &str, &str); 26] = [
    ("prohibitions/P004", "net_mass < 100 kg", "net_mass < 101 kg"),
    ("prohibitions/P006", "net_mass < 5 kg", "net_mass <= 5 kg"),
    ("prohibitions/P007", "0 kg and 20 kg", "0 kg and 19 kg"),
    ("valuation/V103", "net_mass >= 50 kg", "net_mass > 50 kg"),
    ("valuation/V104", "between 90 %", "between 91 %"),
    ("valuation/V106", "item_price < 20_000 KRW", "item_price < 19_999 KRW"),
    ("valuation/V107", "duty >= duty_at_stake", "duty > duty_at_stake"),
    ("valuation/V108", "item_price >= 1_000_000 KRW", "item_price >= 1_000_001 KRW"),
    ("data_quality/D303", "tax_rate > 100 %", "tax_rate > 101 %"),
    ("data_quality/D304", "> 1_000 *", "> 1_001 *"),
    ("data_quality/D305", "length(declarant_id) > 7", "length(declarant_id) > 8"),
    ("data_quality/D306", "unit_value > 1_000_000 KRW/kg", "unit_value > 1_000_001 KRW/kg"),
    ("operations/W401", "net_mass > 20 t", "net_mass > 21 t"),
    ("operations/W402", "2 days) <= 2", "2 days) < 2"),
    ("operations/W404", "item_price > 10_000 KRW", "item_price > 10_001 KRW"),
    ("origin/O206", "at least 2 of", "at least 3 of"),
    ("procedure/C501", "duty > 50 %", "duty > 51 %"),
    ("procedure/C502", "net_mass > 500 kg", "net_mass > 501 kg"),
    ("procedure/C503", "tax_rate > 0 %", "tax_rate > 1 %"),
    ("history/H601", "chapter_count >= 10", "chapter_count >= 11"),
    ("history/H603", "importer_results.share >= 50 %", "importer_results.share >= 51 %"),
    ("history/H604", "3 * national_rate", "4 * national_rate"),
    ("history/H605", "unit_value < 50 %", "unit_value < 49 %"),
    ("history/H606", "5 * (count", "6 * (count"),
    ("history/H609", "less than 90 days", "less than 89 days"),
    ("history/H614", "net_mass > 10 *", "net_mass > 11 *"),
];

fn tested(folder: &Path) -> Result<Json, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    let output = command.arg("-C").arg(folder).args(["test", "--output", "json"]).output()?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned().into())
}

/// The rules of which a case failed.
fn failed(report: &Json) -> Result<BTreeSet<String>, Failed> {
    let tests = report["tests"].as_array().ok_or("no tests")?;
    let bad = tests.iter().filter(|it| it["passed"] != true || !it["engines_disagree"].is_null());
    Ok(bad.filter_map(|it| Some(it["subject"].as_str()?.to_owned())).collect())
}

fn passes(folder: &str) -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let report = tested(&folder)?;
    let failed = failed(&report)?;
    if !failed.is_empty() {
        return Err(format!("failed: {failed:?}").into());
    }
    let tests = report["tests"].as_array().ok_or("no tests")?;
    let about: BTreeSet<&str> = tests.iter().filter_map(|it| it["subject"].as_str()).collect();
    match untested(&folder, &about)? {
        it if it.is_empty() => Ok(()),
        it => Err(format!("without a test: {it:?}").into()),
    }
}

/// Rules of the files below a folder that no test is about.
fn untested(folder: &Path, about: &BTreeSet<&str>) -> io::Result<Vec<String>> {
    let mut res = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            res.extend(untested(&path, about)?);
        }
        if path.extension().is_none_or(|it| it != "tamis") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let heads = text.lines().filter_map(|it| it.strip_prefix("rule "));
        let ids = heads.filter_map(|it| it.split_whitespace().next());
        res.extend(ids.filter(|it| !about.contains(it)).map(str::to_owned));
    }
    Ok(res)
}

fn caught() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rules"), folder.path())?;
    for (rule, from, to) in WEAKENED {
        let path = folder.path().join(format!("{rule}.tamis"));
        let text = fs::read_to_string(&path)?;
        if !text.contains(from) {
            return Err(format!("{rule} does not say `{from}`").into());
        }
        fs::write(&path, text.replacen(from, to, 1))?;
    }
    let failed = failed(&tested(folder.path())?)?;
    let rules = WEAKENED.iter().filter_map(|it| it.0.split('/').nth(1));
    let missed: Vec<&str> = rules.filter(|it| !failed.contains(*it)).collect();
    if !missed.is_empty() {
        return Err(format!("weakened, and no test of theirs fails: {missed:?}").into());
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
