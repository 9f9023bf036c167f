//! Random rows for the rules of `generate`: missing values, zeros, limits, ties and extremes.

use crate::seed::Random;

/// Rows under `HEADER`: some declarations have several items, and headers that disagree.
pub fn rows(random: &mut Random, count: usize) -> Vec<String> {
    let mut header = String::new();
    let mut rows = Vec::new();
    let mut declaration = 0;
    for at in 0..count {
        if at == 0 || !random.one_in(4) {
            declaration += 1;
            header = declared(random, declaration);
        } else if random.one_in(4) {
            header = declared(random, declaration);
        }
        rows.push(format!("{header},{},{}", at + 1, goods(random)));
    }
    rows
}

fn declared(random: &mut Random, declaration: usize) -> String {
    let cells = [
        format!("D{declaration:03}"),
        day(random).to_owned(),
        random.one(&["", "2026-03-10T14:30", "2026-03-10T14:30:01", "2020-12-31T00:00"]).to_owned(),
        random.one(&["", "FR1", "fr1", "ÉTAT", "x"]).to_owned(),
        random.one(&["", "lodz et FILS", "ŁÓDŹ  &  Fils", "x"]).to_owned(),
        number(random).to_owned(),
        random.one(&["", "low", "medium", "high"]).to_owned(),
        random.one(&["a", "b"]).to_owned(),
        whole(random).to_owned(),
    ];
    cells.join(",")
}

fn goods(random: &mut Random) -> String {
    let given = ["0", "12.5", "1000", "-3", "100000000000000000"];
    let cells = [
        random.one(&["", "8517130000", "851713", "8517", "85", "010121", "01", "0101290000"]),
        random.one(&["", "CN", "GB", "FR", "NA", "NO"]),
        random.one(&["CN", "GB", "FR"]),
        random.one(&["", "école", "ÉCOLE é", "x", "E\u{301}cole", "ß"]),
        number(random),
        random.one(&given),
        number(random),
        random.one(&["", "0", "3", "12.5"]),
        whole(random),
        random.one(&["0", "3", "-1", "7"]),
        random.one(&["", "0", "2", "2.5", "8", "8.0001", "100"]),
        random.one(&["", "0", "0.5", "2.5", "-0.000000001", "99999999.999999999"]),
        day(random),
        random.one(&["", "true", "false", "0", "1"]),
    ];
    cells.join(",")
}

fn day(random: &mut Random) -> &'static str {
    let edges = [
        "2026-03-10",
        "2026-03-11",
        "2026-03-09",
        "2026-01-31",
        "2024-02-29",
        "2020-12-31",
        "2021-01-01",
        "1900-01-01",
        "2199-12-31",
    ];
    edges[random.below(edges.len())]
}

fn number(random: &mut Random) -> &'static str {
    let edges = [
        "",
        "0",
        "1",
        "-3",
        "2.5",
        "10",
        "12.5",
        "12.4999",
        "1000",
        "0.0001",
        "-0.0001",
        "100000000000000000",
        "999999999999999999",
        "-999999999999999999",
    ];
    edges[random.below(edges.len())]
}

fn whole(random: &mut Random) -> &'static str {
    let edges = ["", "0", "3", "-1", "12", "9223372036854775807", "-9223372036854775808"];
    edges[random.below(edges.len())]
}
