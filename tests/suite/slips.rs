//! Slips of people who write `tamis.toml`: letters, signs, lines, values, keys, tables.

use crate::seed::Random;

/// A text with one slip, the line it is in, and what was done.
pub struct Slip {
    pub text: String,
    pub line: usize,
    pub what: String,
}

/// Words of a line: keys, texts, tables.
fn words(line: &str) -> Vec<(usize, usize)> {
    let mut res = Vec::new();
    let mut begin = None;
    for (at, it) in line.char_indices().chain([(line.len(), ' ')]) {
        let inside = it.is_alphanumeric() || "-_/%*.".contains(it);
        match begin {
            None if inside => begin = Some(at),
            Some(from) if !inside => {
                res.push((from, at));
                begin = None;
            }
            _ => {}
        }
    }
    res
}

/// A slip in a text whose tables have one line a key.
pub fn slip(text: &str, random: &mut Random) -> Option<Slip> {
    let lines: Vec<&str> = text.lines().collect();
    let at = random.below(lines.len());
    let line = lines[at];
    if line.is_empty() {
        return None;
    }
    let (new, what) = match random.below(2) {
        0 => in_value(&lines, at, random)?,
        _ => in_letters(line, random)?,
    };
    if new == line {
        return None;
    }
    let before = lines[..at].iter().map(|it| format!("{it}\n"));
    let after = lines[at + 1..].iter().map(|it| format!("{it}\n"));
    let text = before.chain([format!("{new}\n")]).chain(after).collect();
    Some(Slip { text, line: at + 1, what: format!("{what} `{line}` -> `{new}`") })
}

/// Letters and signs of one line.
fn in_letters(line: &str, random: &mut Random) -> Option<(String, &'static str)> {
    let all = words(line);
    let (from, to) = all[random.below(all.len())];
    let word = &line[from..to];
    let letter = from + random.below(to - from);
    let with = |new: String| format!("{}{new}{}", &line[..from], &line[to..]);
    Some(match random.below(9) {
        0 | 1 => (format!("{}{}", &line[..letter], &line[letter + 1..]), "drops"),
        2 => (format!("{}{}", &line[..=letter], &line[letter..]), "doubles"),
        3 if letter + 1 < to => {
            let (a, b) = (&line[letter..=letter], &line[letter + 1..letter + 2]);
            (format!("{}{b}{a}{}", &line[..letter], &line[letter + 2..]), "swaps")
        }
        4 => (with(format!("{word}x")), "lengthens"),
        5 => (with(word.to_uppercase()), "raises"),
        6 => (format!("{line}\n{line}"), "repeats"),
        7 => match random.below(2) {
            0 => (String::new(), "deletes"),
            _ => (format!("# {line}"), "deletes"),
        },
        _ => {
            let sign = line.find(['"', '[', ']', '=', '{', '}', ','])?;
            (format!("{}{}", &line[..sign], &line[sign + 1..]), "takes a sign of")
        }
    })
}

/// What is said where: another value, another key, another table.
fn in_value(lines: &[&str], at: usize, random: &mut Random) -> Option<(String, &'static str)> {
    let line = lines[at];
    let Some((key, value)) = line.split_once('=') else { return in_table(lines, at, random) };
    let (bare, value) = (key.trim(), value.trim());
    let other = || lines.iter().filter_map(|it| it.split_once('='));
    let others: Vec<(&str, &str)> = other().map(|it| (it.0.trim(), it.1.trim())).collect();
    let (other_key, other_value) = others[random.below(others.len())];
    Some(match random.below(12) {
        0 => {
            let kinds =
                ["7", "true", "[]", "{}", "\"\"", "\" \"", "2026-01-01", "[1]", "-1", "1.5"];
            (format!("{bare} = {}", random.one(&kinds)), "retypes")
        }
        1 => (format!("{bare} = {other_value}"), "gives another value to"),
        2 => (format!("{other_key} = {value}"), "gives another key to"),
        3 => (
            format!(
                "{bare} = {}",
                random.one(&[&*format!("[{value}]"), &format!("{{ a = {value} }}")])
            ),
            "nests",
        ),
        4 => (format!("\"\" = {value}"), "takes the key of"),
        5 => (format!("{bare}.{bare} = {value}"), "deepens"),
        _ => {
            let known = KNOWN.iter().find(|it| it.0 == bare)?;
            (format!("{bare} = {}", random.one(known.1)), "mistakes")
        }
    })
}

/// Values that somebody might write, right elsewhere or nowhere.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "separator",
        &[
            "\",\"",
            "\"|\"",
            "\" \"",
            "\".\"",
            "\"\\u0000\"",
            "\"\\u001f\"",
            "\";;\"",
            "'\"'",
            "\"\\n\"",
        ],
    ),
    ("decimal", &["\".\"", "\";\"", "\",,\"", "\"\\u00a0\"", "\"'\""]),
    (
        "encoding",
        &["\"utf-16le\"", "\"shift_jis\"", "\"windows-1251\"", "\"latin-12\"", "\"utf8\""],
    ),
    ("format", &["\"parquet\"", "\"arrow\"", "\"CSV\"", "\"xlsx\"", "\"json\""]),
    (
        "dates",
        &[
            "{ lodged_on = \"%Y-%m-%d\" }",
            "{ lodged_on = \"%d/%m/%y\" }",
            "{ lodged_on = \"%m/%d/%Y\" }",
            "{ lodged_on = \"%d/%Y/%Y\" }",
            "{ lodged_on = \"%d/%M/%Y\" }",
            "{ lodged_on = \"%m/%Y\" }",
            "{ lodged_on = \"%d/%m\" }",
            "{ lodged_on = \"dd/mm/yyyy\" }",
            "{ fraud = \"%d/%m/%Y\" }",
            "{ lodged_on = \"%d/%m/%Y %I:%M\" }",
        ],
    ),
    (
        "columns",
        &[
            "{ \"Day\" = \"net_mass\" }",
            "{ \"day\" = \"lodged_on\" }",
            "{ \"\" = \"lodged_on\" }",
            "{ lodged_on = \"Day\" }",
        ],
    ),
    ("\"Net Mass\"", &["\"value\"", "\"Net Mass\"", "\"lodged_on\"", "\"net_mass \""]),
    ("key", &["\"number\"", "\"importer\"", "\"ID\""]),
    ("time", &["\"id\"", "\"lodged\"", "\"fraud\""]),
    ("ratios", &["[\"value\"]", "[\"Rate\"]", "[\"rate\", \"rate\"]", "\"rate\""]),
    ("optional", &["[\"id\"]", "[\"lodged_on\"]", "[\"number\"]", "[\"Office\"]"]),
    (
        "path",
        &["\"Flat/a.csv\"", "\"flat\"", "\"flat/*\"", "\"flat/a.csv,flat/b1.csv\"", "\"*.tamis\""],
    ),
    (
        "rules",
        &[
            "[\"rules\"]",
            "[\"rules/*\", \"shared.tamis\"]",
            "[\"*.tamis\"]",
            "[\"rules/*.tami\"]",
            "[\"schema.tamis\"]",
        ],
    ),
    ("declaration", &["\"rules/first.tamis\"", "\"schema\"", "\"flat/a.csv\"", "\"Schema.tamis\""]),
    (
        "watched",
        &[
            "{ path = \"lists/watched.csv\", column = \"who\", type = \"mass in kgg\" }",
            "{ path = \"lists/watched.csv\", column = \"who\", type = \"code of XX\" }",
            "{ path = \"lists/watched.csv\", column = \"who\", type = \"country\" }",
            "{ path = \"lists/watched.csv\", column = \"who\", sheet = \"1\" }",
            "{ path = \"lists/watched.csv\", column = \"who\", personal = \"yes\" }",
            "{ path = \"lists/places.csv\", column = \"who\" }",
            "\"lists/watched.csv\"",
        ],
    ),
    ("memory-limit", &["\"512\"", "\"512 MO\"", "\"1 MiB\"", "\"-1 GiB\"", "512"]),
    ("threads", &["-1", "\"2\"", "100000", "2.0"]),
    ("batch-size", &["0", "-8", "\"4096\"", "99999999999999999999"]),
    ("max-rejected", &["\"101%\"", "\"-1%\"", "0.1", "\"0,1%\"", "\"a tenth\""]),
    ("out", &["\"hits.cvs\"", "\"hits.xlsx\"", "[\"a.csv\", \"b.csv\"]"]),
    ("ignore", &["[\"T4102\"]", "[\"T9999\"]", "[\"4101\"]", "[\"negated-optional\"]"]),
];

/// The head of a table.
fn in_table(lines: &[&str], at: usize, random: &mut Random) -> Option<(String, &'static str)> {
    let line = lines[at];
    let name = line.trim_matches(['[', ']']);
    let last = name.rsplit('.').next()?;
    let heads: Vec<&str> = lines.iter().filter(|it| it.starts_with('[')).copied().collect();
    let own: Vec<&str> = lines[at..].iter().take_while(|it| !it.is_empty()).copied().collect();
    Some(match random.below(6) {
        0 => (format!("[{last}]"), "shortens"),
        1 => (format!("[{name}.{last}]"), "deepens"),
        2 => (format!("[data.{name}]"), "nests"),
        3 => (format!("[{line}]"), "makes a list of"),
        4 => (heads[random.below(heads.len())].to_owned(), "calls otherwise"),
        _ => (format!("{}\n\n{line}", own.join("\n")), "repeats the table"),
    })
}
