//! What tests show of rules: lines that they never put to the test, mistakes that they miss.

use std::fmt::Write;

use serde_json::Value as Json;
use serde_json::json;

use crate::ir::RuleSet;
use crate::report::tests;
use crate::run::cases::Judged;
use crate::source::Sources;
use crate::source::Span;
use crate::testing::coverage::Line;
use crate::testing::mutate::Mutated;

/// Everything that one command found out.
pub struct Tested<'a> {
    pub set: &'a RuleSet,
    pub sources: &'a Sources,
    pub judged: Vec<Judged>,
    pub lines: Option<Vec<Line>>,
    pub mutated: Option<Mutated>,
}

/// Of what can be seen of lines, what was.
pub struct Covered {
    pub seen: usize,
    pub all: usize,
}

impl Covered {
    /// Cut, not rounded: only all is 100 %.
    pub fn percent(&self) -> usize {
        (self.seen * 100).checked_div(self.all).unwrap_or(100)
    }
}

impl Tested<'_> {
    pub fn covered(&self) -> Covered {
        let counts = self.lines.iter().flatten().map(Line::counts);
        counts.fold(Covered { seen: 0, all: 0 }, |sum, it| Covered {
            seen: sum.seen + it.0,
            all: sum.all + it.1,
        })
    }

    fn place(&self, span: Span) -> String {
        let place = self.sources.place(span);
        format!("{}:{}", self.sources.get(span.file).path, place.line)
    }

    fn words(&self, span: Span) -> String {
        self.sources.slice(span).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Coverage and mutations, where they were asked for.
pub fn human(it: &Tested) -> String {
    let mut text = String::new();
    if let Some(lines) = &it.lines {
        let Covered { seen, all } = it.covered();
        let percent = it.covered().percent();
        let _ = writeln!(text, "\ncoverage {percent} % ({seen} of {all})");
        for line in lines.iter().filter(|it| !it.lacking().is_empty()) {
            let (place, words) = (it.place(line.span), it.words(line.span));
            let _ = writeln!(text, "  {place}  `{words}`: {}", line.lacking().join(", "));
        }
    }
    if let Some(found) = &it.mutated {
        let percent = (found.killed * 100).checked_div(found.total).unwrap_or(100);
        let (killed, total) = (found.killed, found.total);
        let _ = writeln!(text, "\nmistakes noticed {percent} % ({killed} of {total})");
        for survivor in &found.survivors {
            let (place, words) = (it.place(survivor.span), it.words(survivor.span));
            let _ = writeln!(text, "  {place}  {}  `{words}`: {}", survivor.rule, survivor.words);
            let _ = writeln!(text, "    lacks {}", survivor.lacking);
        }
    }
    text
}

/// `tamis.test/1`
pub fn json(it: &Tested) -> Json {
    let mut all = tests::json(&it.judged);
    if let Some(lines) = &it.lines {
        let one = |line: &Line| {
            json!({"rule": &*it.set.rules[line.rule.0].id, "place": it.place(line.span),
                   "words": it.words(line.span), "lacking": line.lacking()})
        };
        let lines: Vec<Json> = lines.iter().map(one).collect();
        let Covered { seen, all: of } = it.covered();
        all["coverage"] = json!({"seen": seen, "all": of, "lines": lines});
    }
    if let Some(found) = &it.mutated {
        let one = |other: &crate::testing::mutate::Survivor| {
            json!({"rule": other.rule, "place": it.place(other.span), "change": other.words,
                   "words": it.words(other.span), "lacking": other.lacking})
        };
        let survivors: Vec<Json> = found.survivors.iter().map(one).collect();
        all["mutations"] =
            json!({"total": found.total, "killed": found.killed, "survivors": survivors});
    }
    all
}
