//! For those who read rules: every rule with its lines, values and what would turn it.

use anstyle::AnsiColor;
use anstyle::Style;

use crate::hit::Outcome;
use crate::interpret::why::Answer;
use crate::interpret::why::Line;
use crate::interpret::why::Shape;
use crate::interpret::why::Term;
use crate::interpret::why::change::Flip;
use crate::interpret::why::note::Note;
use crate::report::Look;
use crate::report::why::Told;
use crate::report::why::note;
use crate::run::one::Judged;
use crate::shown::shown;

/// How an answer is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    Drawn,
    /// In words: for those who listen.
    Spoken,
}

/// Words of lines are this wide, then come values.
const WORDS: usize = 46;

pub fn text(told: &Told, marks: Marks, look: Look) -> String {
    let mut page = Page { told, marks, look, out: String::new() };
    page.head();
    for judged in told.rows() {
        page.row(judged);
    }
    page.decision();
    page.out
}

struct Page<'a> {
    told: &'a Told<'a>,
    marks: Marks,
    look: Look,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        self.out += &"  ".repeat(depth);
        self.out += &shown(text.trim_end());
        self.out.push('\n');
    }

    /// A line that begins with a mark: only the mark may have a colour.
    fn marked(&mut self, depth: usize, truth: Option<bool>, text: &str) {
        self.out += &"  ".repeat(depth);
        self.out += &self.mark(truth);
        self.out.push(' ');
        self.out += &shown(text.trim_end());
        self.out.push('\n');
    }

    fn mark(&self, truth: Option<bool>) -> String {
        let (drawn, ascii, spoken, colour) = match truth {
            Some(true) => ("✔", "+", "yes:", AnsiColor::Green),
            Some(false) => ("✘", "-", "no:", AnsiColor::Red),
            None => ("?", "?", "unknown:", AnsiColor::Yellow),
        };
        let text = match self.marks {
            Marks::Spoken => return spoken.to_owned(),
            Marks::Drawn if self.look.unicode => drawn,
            Marks::Drawn => ascii,
        };
        if !self.look.colour {
            return text.to_owned();
        }
        let style = Style::new().fg_color(Some(colour.into()));
        format!("{style}{text}{style:#}")
    }

    fn head(&mut self) {
        let counts = self.told.counts();
        let schema = &self.told.set.schema;
        let Some(first) = self.told.declaration.rows.first() else { return };
        let outermost = schema.lineage(first.level).pop().unwrap_or(first.level);
        let name = &schema.record(outermost).name;
        let date = schema.acceptance(first.level).map(|it| first.row.get(it).to_string());
        let date = date.map(|it| format!(", accepted {it}")).unwrap_or_default();
        let answers = if counts.rules == 1 { "answer" } else { "answers" };
        let text = format!(
            "{name} {}{date}: {} {answers}, {} hit, {} undecided",
            self.told.declaration.id, counts.rules, counts.hits, counts.undecided
        );
        self.line(0, &text);
        for it in self.told.recorded.iter().flat_map(|it| &it.differences) {
            self.line(1, it);
        }
        if self.told.declaration.changes.is_empty() {
            return;
        }
        for it in &self.told.declaration.changes {
            let (field, value) = (&schema.field(it.field).name, self.told.value(it));
            self.line(1, &format!("what if: {}{field} = {value}", self.told.at(it)));
        }
        let turned: Vec<String> = self
            .told
            .turned()
            .into_iter()
            .map(|(row, answer, before)| {
                let id = &self.told.set.rules[answer.rule.0].id;
                let arrow = if self.look.unicode { "→" } else { "->" };
                let row = self.told.name(row);
                format!("{id}, {row}: {} {arrow} {}", before.words(), answer.outcome.words())
            })
            .collect();
        if turned.is_empty() {
            self.line(1, "no answer turns");
        }
        turned.iter().for_each(|it| self.line(1, it));
    }

    fn decision(&mut self) {
        let steps = self.told.steps();
        let Some((first, others)) = steps.split_first() else { return };
        self.line(0, "");
        self.line(0, first);
        others.iter().for_each(|it| self.line(1, it));
    }

    fn row(&mut self, judged: &Judged) {
        let answers: Vec<&Answer> = self.told.answers(judged).collect();
        if answers.is_empty() {
            return;
        }
        let name = self.told.name(judged);
        self.line(0, "");
        self.line(0, &name);
        for it in answers {
            self.answer(it);
        }
    }

    fn answer(&mut self, it: &Answer) {
        let rule = &self.told.set.rules[it.rule.0];
        let file = self.told.sources.get(rule.span.file);
        let place = format!("{}:{}", file.path, self.told.sources.place(rule.span).line);
        let truth = match it.outcome {
            Outcome::Hit => Some(true),
            Outcome::NoHit => Some(false),
            Outcome::Undecided => None,
        };
        let title = format!("{} {}", rule.id, rule.title);
        let head = format!("{:WORDS$}  {place}", title.trim());
        self.marked(1, truth, &head);
        if let Some(valid) = &it.valid {
            self.condition(valid, 2, "valid: ");
        }
        match it.condition.shape {
            Shape::All => it.condition.parts.iter().for_each(|part| self.condition(part, 2, "")),
            _ => self.condition(&it.condition, 2, ""),
        }
        for (name, line) in &it.exceptions {
            let quoted = if name.is_empty() { String::new() } else { format!("\"{name}\": ") };
            self.condition(line, 2, &format!("unless {quoted}"));
        }
        if let Some(score) = it.finding.score {
            self.line(2, &format!("score {score}"));
        }
        if !it.finding.because.is_empty() {
            self.line(2, &it.finding.because.clone());
        }
        for (words, value) in &it.finding.evidence {
            self.line(2, &format!("{words}: {value}"));
        }
        if !it.finding.open.is_empty() {
            self.line(2, &format!("undecided because of {}", it.finding.open.join(", ")));
        }
        it.flips.iter().for_each(|it| self.flip(it));
    }

    fn condition(&mut self, it: &Line, depth: usize, before: &str) {
        let inline = |it: &&Note| matches!(it, Note::AtLimit | Note::Share { .. });
        let mut values: Vec<String> = vec![it.said.clone()];
        values.extend(it.notes.iter().filter(inline).map(note));
        values.retain(|it| !it.is_empty());
        let words = format!("{before}{}", it.words);
        let said = values.join(", ");
        let said = if self.look.unicode { said } else { said.replace('≠', "!=") };
        let text = match (self.marks, said.is_empty()) {
            (_, true) => words,
            (Marks::Spoken, false) => format!("{words}; {said}"),
            (Marks::Drawn, false) => format!("{words:WORDS$}  {said}"),
        };
        self.marked(depth, it.truth, &text);
        let values = match it.terms.as_slice() {
            [only] => only.parts.iter().collect::<Vec<_>>(),
            all => all.iter().collect(),
        };
        self.terms(it, &values, depth + 2);
        for it in it.notes.iter().filter(|it| !inline(it)) {
            self.line(depth + 2, &note(it));
        }
        let folded = matches!(it.shape, Shape::Named | Shape::Hit) && !self.told.verbose;
        if folded {
            let mut lacking = Vec::new();
            missing(it, &mut lacking);
            lacking.iter().for_each(|it| self.line(depth + 2, it));
            return;
        }
        it.parts.iter().for_each(|it| self.condition(it, depth + 1, ""));
    }

    /// Values that the comparison itself does not show.
    fn terms(&mut self, line: &Line, all: &[&Term], depth: usize) {
        let single = all.len() == 1 && line.said.starts_with(&all[0].text);
        if !single {
            let text: Vec<String> =
                all.iter().map(|it| format!("{} = {}", it.name, it.text)).collect();
            if !text.is_empty() {
                self.line(depth, &text.join(", "));
            }
        }
        if self.told.verbose {
            for it in all.iter().filter(|it| !it.parts.is_empty()) {
                let parts: Vec<&Term> = it.parts.iter().collect();
                self.terms(line, &parts, depth + 1);
            }
        }
    }

    fn flip(&mut self, it: &Flip) {
        let change = |it: &crate::interpret::why::change::Proposed| {
            let now = if it.before == "(no value)" {
                String::new()
            } else {
                format!(" (now {})", it.before)
            };
            format!("{}{}{now}", self.told.at(&it.change), it.words)
        };
        let all: Vec<String> = it.changes.iter().map(change).collect();
        let text = format!("{} if {}", it.after.words(), all.join(" and "));
        self.line(2, &text);
    }
}

/// Why a folded line is not known.
fn missing(it: &Line, res: &mut Vec<String>) {
    for part in &it.parts {
        for found in part.notes.iter().filter(|it| matches!(it, Note::Missing { .. })) {
            let text = note(found);
            if !res.contains(&text) {
                res.push(text);
            }
        }
        missing(part, res);
    }
}
