//! What a run found, as a table and as JSON.

use std::fmt::Write;
use std::time::Duration;

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets;
use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use crate::data::tally::Fault;
use crate::ir::Rule;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::Status;
use crate::report;
use crate::report::Look;
use crate::report::decided;
use crate::report::decided::Decided;
use crate::report::grouped;
use crate::run::Done;
use crate::shown::shown;

/// A finished run, and what the report says besides.
pub struct Summary<'a> {
    pub set: &'a RuleSet,
    pub done: &'a Done,
    /// Of which rules the report speaks.
    pub rules: Vec<RuleId>,
    /// The file of hits.
    pub out: Option<String>,
    /// What was written to it.
    pub written: u64,
    /// With a policy: what the decisions come to, and where they went.
    pub decided: Option<(Decided, Option<String>)>,
    pub time: Duration,
}

impl Summary<'_> {
    fn counts(&self) -> impl Iterator<Item = (&Rule, u64, u64)> {
        self.rules.iter().map(|it| {
            let (hits, undecided) = self.done.counts[it.0];
            (&self.set.rules[it.0], hits, undecided)
        })
    }

    /// How many rows a rule was asked about.
    fn judged(&self, rule: &Rule) -> u64 {
        self.done.judged.get(&rule.level).copied().unwrap_or(0)
    }

    pub fn hits(&self) -> u64 {
        self.counts().map(|it| it.1).sum()
    }

    pub fn undecided(&self) -> u64 {
        self.counts().map(|it| it.2).sum()
    }
}

/// `4.0 s`, `180 ms`
pub fn time(it: Duration) -> String {
    let millis = it.as_millis();
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis / 1000 % 60),
    }
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// `Evaluated 54,000 rows with 25 rules in 180 ms (300,000 rows/s)`
pub fn headline(it: &Summary) -> String {
    let rows = plural(it.done.rows, "row", "rows");
    let rules = plural(it.rules.len() as u64, "rule", "rules");
    let millis = it.time.as_millis().max(1);
    let rate = u64::try_from(u128::from(it.done.rows) * 1000 / millis).unwrap_or(u64::MAX);
    format!("Evaluated {rows} with {rules} in {} ({} rows/s)", time(it.time), grouped(rate))
}

/// The summary for people; `name` says how files of faults are called.
pub fn table(it: &Summary, look: Look, name: impl Fn(&str) -> String) -> String {
    let mut text = rules(it, look);
    let _ = writeln!(
        text,
        "\n{}, {}; {} read, {} rejected",
        plural(it.hits(), "hit", "hits"),
        plural(it.undecided(), "undecided", "undecided"),
        plural(it.done.report.read, "row", "rows"),
        grouped(it.done.report.rejected),
    );
    if 0 < it.undecided() {
        text += "undecided: a needed value is missing (`tamis help missing-values`)\n";
    }
    text += &faults(it, name);
    let arrow = if look.unicode { "→" } else { "->" };
    if let Some((decided, file)) = &it.decided {
        let _ = write!(text, "\n{}", decided::table(decided));
        if let Some(file) = file {
            let file = shown(file);
            let count = plural(decided.declarations, "declaration", "declarations");
            let _ = writeln!(text, "{arrow} {file} ({count})");
        }
    }
    if let Some(out) = &it.out {
        let out = shown(out);
        let _ = writeln!(text, "{arrow} {out} ({})", plural(it.written, "row", "rows"));
    }
    text
}

/// What was wrong with what was read, a line each; `name` says how files are called.
pub fn faults(it: &Summary, name: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for beside in it.done.report.besides.iter().filter(|it| 0 < it.faulty) {
        let what = if beside.history { " of history" } else { "" };
        let rows = plural(beside.read, "row", "rows");
        let _ = writeln!(
            text,
            "{}{what}: {rows} read, {} rejected",
            beside.record,
            grouped(beside.rejected)
        );
    }
    for fault in &it.done.report.faults {
        let fault = Fault { file: name(&fault.file), ..fault.clone() };
        let _ = writeln!(text, "  {}", shown(&fault.words()));
    }
    for (field, count) in &it.done.report.outside {
        let codes = plural(*count, "code is", "codes are");
        let _ = writeln!(text, "  `{field}`: {codes} not in the nomenclature; kept");
    }
    text
}

const BAR: u64 = 15;

fn rules(it: &Summary, look: Look) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let bars = 90 <= look.width;
    let titles = match look.width {
        usize::MAX => usize::MAX,
        width => width.saturating_sub(if bars { 58 } else { 42 }).clamp(12, 50),
    };
    let mut header = vec!["rule", "title", "hits", "share", "undecided"];
    header.extend(bars.then_some(""));
    table.set_header(header);
    let most = it.counts().map(|it| it.1).max().unwrap_or(0);
    for (rule, hits, undecided) in it.counts() {
        let mut row = vec![
            rule.id.to_string(),
            short(&shown(&rule.title), titles),
            grouped(hits),
            share(hits, it.judged(rule)),
            grouped(undecided),
        ];
        let mark = if look.unicode { "█" } else { "#" };
        row.extend(bars.then(|| mark.repeat(bar(hits, most))));
        table.add_row(row);
    }
    for at in [2, 3, 4] {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|it| format!("{}\n", it.trim_end())).collect()
}

/// A rule that hits at all has a bar.
fn bar(hits: u64, most: u64) -> usize {
    let length = hits.saturating_mul(BAR).checked_div(most).unwrap_or(0);
    usize::try_from(if hits == 0 { 0 } else { length.max(1) }).unwrap_or(0)
}

/// `9.95%`, rounded half up. Only no hits at all are 0 %, and only hits everywhere 100 %.
fn share(part: u64, all: u64) -> String {
    let hundredths = (u128::from(part) * 20_000 + u128::from(all)).checked_div(u128::from(all) * 2);
    let Some(it) = hundredths else { return "-".to_owned() };
    let it = match part {
        0 => 0,
        _ if part < all => it.clamp(1, 9_999),
        _ => it,
    };
    format!("{}.{:02}%", it / 100, it % 100)
}

fn short(title: &str, width: usize) -> String {
    if title.chars().count() <= width {
        return title.to_owned();
    }
    let kept: String = title.chars().take(width - 1).collect();
    format!("{}…", kept.trim_end())
}

/// `tamis.run/1`: the same for the same rules and data, but for `seconds`.
pub fn json(it: &Summary) -> String {
    let mut report = object(it, str::to_owned);
    report["out"] = json!(it.out);
    report["seconds"] = json!(it.time.as_secs_f64());
    report::json(&report)
}

/// The same without what differs from run to run; `name` says how files are called.
pub fn record(it: &Summary, name: impl Fn(&str) -> String) -> String {
    report::json(&object(it, name))
}

fn object(it: &Summary, name: impl Fn(&str) -> String) -> Json {
    let rules: Vec<Json> = it
        .counts()
        .map(|(rule, hits, undecided)| {
            json!({"id": &*rule.id, "title": rule.title, "status": rule.status.map(Status::words),
                   "level": it.set.schema.record(rule.level).name,
                   "channel": rule.channel, "judged": it.judged(rule), "hits": hits,
                   "undecided": undecided})
        })
        .collect();
    let of = &it.done.report;
    let faults: Vec<Json> = of
        .faults
        .iter()
        .map(|it| {
            let column = if it.column.is_empty() { Json::Null } else { json!(it.column) };
            let first = &it.first;
            json!({"file": name(&it.file), "column": column, "reason": it.reason,
                   "expected": first.expected, "count": it.count, "first_row": it.first_row,
                   "first_line": first.line, "first_value": first.value,
                   "personal": first.masked})
        })
        .collect();
    let outside: Map<String, Json> =
        of.outside.iter().map(|(field, count)| (field.clone(), json!(count))).collect();
    let besides: Vec<Json> = of
        .besides
        .iter()
        .map(|it| {
            json!({"record": it.record, "history": it.history, "read": it.read,
                   "accepted": it.read - it.rejected, "rejected": it.rejected,
                   "faulty": it.faulty})
        })
        .collect();
    json!({
        "besides": besides,
        "schema": "tamis.run/1", "rows": it.done.rows, "read": of.read, "accepted": of.accepted,
        "rejected": of.rejected, "faulty": of.faulty, "faults": faults,
        "outside_nomenclature": outside, "rules": rules, "hits": it.hits(),
        "undecided": it.undecided(), "written": it.written,
        "decided": it.decided.as_ref().map(|it| decided::json(&it.0)),
    })
}
