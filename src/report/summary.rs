//! What a run found, as a table and as JSON.

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets;
use serde_json::json;

use crate::ir::RuleSet;
use crate::run::Done;

/// Digits in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub fn table(set: &RuleSet, done: &Done) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["rule", "title", "hits", "undecided"]);
    for (rule, (hits, undecided)) in set.rules.iter().zip(&done.counts) {
        table.add_row([&*rule.id, &rule.title, &grouped(*hits), &grouped(*undecided)]);
    }
    for at in [2, 3] {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{table}\n\n");
    let hits: u64 = done.counts.iter().map(|it| it.0).sum();
    let undecided: u64 = done.counts.iter().map(|it| it.1).sum();
    text += &format!(
        "{} rows, {} rejected: {} hits, {} undecided, of {} rules\n",
        grouped(done.rows),
        grouped(done.report.rejected),
        grouped(hits),
        grouped(undecided),
        set.rules.len()
    );
    for it in &done.report.faults {
        let column = if it.column.is_empty() { "row" } else { &it.column };
        text += &format!(
            "  {}: {column} {}, {} times, first in row {}\n",
            it.file, it.reason, it.count, it.first_row
        );
    }
    for (field, count) in &done.report.outside {
        let count = grouped(*count);
        text +=
            &format!("  {field}: {count} codes are not in their nomenclature; they were kept\n");
    }
    text
}

/// `tamis.run/1`
pub fn json(set: &RuleSet, done: &Done) -> String {
    let rules: Vec<_> = set
        .rules
        .iter()
        .zip(&done.counts)
        .map(|(rule, (hits, undecided))| {
            json!({"id": &*rule.id, "title": rule.title, "status": rule.status,
                   "hits": hits, "undecided": undecided})
        })
        .collect();
    let faults: Vec<_> = done
        .report
        .faults
        .iter()
        .map(|it| {
            json!({"file": it.file, "column": it.column, "reason": it.reason,
                   "count": it.count, "first_row": it.first_row})
        })
        .collect();
    let outside: serde_json::Map<String, serde_json::Value> =
        done.report.outside.iter().map(|(field, count)| (field.clone(), json!(count))).collect();
    let report = json!({
        "schema": "tamis.run/1", "rows": done.rows, "accepted": done.report.accepted,
        "rejected": done.report.rejected, "faults": faults,
        "outside_nomenclature": outside, "rules": rules,
    });
    format!("{report:#}\n")
}
