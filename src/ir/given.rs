//! Blocks of tests to typed cases.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir::Rule;
use crate::ir::RuleId;
use crate::ir::cases::Case;
use crate::ir::cases::Expect;
use crate::ir::cases::GivenRow;
use crate::ir::cases::Subject;
use crate::ir::cases::Test;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::target::Target;
use crate::schema::RecordId;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::TestLine;
use crate::syntax::ast::TestSubject;
use crate::syntax::test_block::Cell;
use crate::syntax::test_block::Heading;
use crate::syntax::test_block::Outcome;

/// What the lines after a `given` are about.
enum Part<'a> {
    Nothing,
    Row(RecordId, u32),
    Relation(ast::Name),
    Profile(ast::Name),
    List(usize, &'a ast::Name),
    Past(RecordId),
    Table,
    /// Reported: its lines are passed over.
    Wrong,
}

/// Headings, and rows with their places.
type Table<'a> = (Vec<&'a Heading>, Vec<(&'a [Cell], Span)>);

/// A test that is being read.
struct Reading<'a> {
    level: RecordId,
    case: Case,
    part: Part<'a>,
    headings: Vec<&'a Heading>,
    /// The rows of `table`, and its headings.
    table: Option<Table<'a>>,
    wrong: bool,
}

impl<'a> Lowering<'a> {
    /// Every test of the files; one with an error is left out.
    pub fn tests(&mut self, files: &'a [ast::File], rules: &[Rule]) -> Vec<Test> {
        let blocks: Vec<&ast::Block> =
            files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken).collect();
        let mut res = Vec::new();
        for block in blocks {
            let ast::Head::Test { subject, title } = &block.head else { continue };
            let errors = self.diagnostics.iter().filter(|it| it.is_error()).count();
            let Some((subject, level)) = self.subject(subject, rules) else { continue };
            let title = title.as_ref().map(|it| it.text.clone()).unwrap_or_default();
            let cases = self.cases(files, block, &subject, level, rules);
            if errors == self.diagnostics.iter().filter(|it| it.is_error()).count() {
                res.push(Test { subject, title, level, span: block.span, cases });
            }
        }
        res
    }

    fn subject(&mut self, it: &TestSubject, rules: &[Rule]) -> Option<(Subject, RecordId)> {
        match it {
            TestSubject::Rule(name) => {
                if let Some(id) = self.rule_ids.get(&name.text).copied() {
                    return Some((Subject::Rule(id), rules[id.0].level));
                }
                let near = did_you_mean(&name.text, self.rule_ids.keys().map(String::as_str));
                let help = near.unwrap_or_else(|| "name the identifier after `rule`".to_owned());
                let message = format!("a test of rule `{}`, which does not exist", name.text);
                self.push(Diagnostic::new(Code::T7001, name.span, message).help(help));
                None
            }
            TestSubject::Profile(name) => {
                if let Some(block) = self.profiles.get(name.text.as_str()).copied() {
                    let level = self.level_of_profile(block)?;
                    return Some((Subject::Profile(Arc::from(name.text.as_str())), level));
                }
                let near = did_you_mean(&name.text, self.profiles.keys().copied());
                let help = near.unwrap_or_else(|| "name a `profile` block".to_owned());
                let message = format!("a test of profile `{}`, which does not exist", name.text);
                self.push(Diagnostic::new(Code::T7001, name.span, message).help(help));
                None
            }
        }
    }

    /// The rows of a profile are mostly those that it is asked about.
    fn level_of_profile(&mut self, block: &ast::Block) -> Option<RecordId> {
        let deepest = self.deepest()?;
        let rows = block.lines.iter().find_map(|it| match &it.kind {
            ast::LineKind::Of(_, rows) => Some(&rows.record),
            _ => None,
        });
        let named = rows.and_then(|it| self.record_of_rows(it));
        Some(named.filter(|it| self.schema.lineage(deepest).contains(it)).unwrap_or(deepest))
    }

    pub fn scope_of(level: RecordId) -> Scope {
        Scope { record: level, arguments: BTreeMap::new(), judged: None, valid: (None, None) }
    }

    fn cases(
        &mut self,
        files: &'a [ast::File],
        block: &'a ast::Block,
        subject: &Subject,
        level: RecordId,
        rules: &[Rule],
    ) -> Vec<Case> {
        let mut reading = Reading {
            level,
            case: Case::new(block.span),
            part: Part::Nothing,
            headings: Vec::new(),
            table: None,
            wrong: false,
        };
        let errors = |this: &Self| this.diagnostics.iter().filter(|it| it.is_error()).count();
        let before = errors(self);
        let mut expected = Vec::new();
        for line in &block.lines {
            let ast::LineKind::Test(it) = &line.kind else { continue };
            match it {
                TestLine::Expect(it) => expected.push((it, line.span)),
                _ => self.given(files, it, line.span, &mut reading),
            }
        }
        let base = reading.case;
        let mut cases = match reading.table {
            Some((headings, rows)) => self.cases_of(&headings, &rows, &base, subject, level),
            None => vec![base],
        };
        for (it, span) in &expected {
            for case in &mut cases {
                let kind = self.expectation(it, subject, level);
                case.expects.extend(kind.map(|kind| Expect { kind, span: *span }));
            }
        }
        for case in cases.iter_mut().filter(|it| it.rows.iter().all(|row| row.record != level)) {
            self.row(case, level, 1);
        }
        if reading.wrong || before != errors(self) {
            return cases;
        }
        if expected.is_empty() && cases.iter().all(|it| it.expects.is_empty()) {
            let it = Diagnostic::new(Code::T7004, block.span, "this test expects nothing");
            self.push(it.help("add `expect hit`, `expect no hit` or `expect undecided \"field\"`"));
        }
        for case in &cases {
            self.complete(case, subject, level, rules);
        }
        cases
    }

    /// A row of a case, made when it is not there yet, and those around it with it.
    pub fn row(&self, case: &mut Case, record: RecordId, number: u32) -> usize {
        let around = self.schema.record(record).parent;
        let last = around.and_then(|it| case.last(it));
        match case.find(record, number, last) {
            Some(at) => at,
            None => self.new_row(case, record, number),
        }
    }

    /// `given item 2`: a row of the last one given around it.
    fn opened_row(&self, case: &mut Case, record: RecordId, number: u32) {
        let around = self.schema.record(record).parent;
        let last = around.and_then(|it| case.last(it));
        let known = case.find(record, number, last).filter(|at| case.rows[*at].parent == last);
        let at = known.unwrap_or_else(|| self.new_row(case, record, number));
        case.opened.insert(record, at);
    }

    fn new_row(&self, case: &mut Case, record: RecordId, number: u32) -> usize {
        let around = self.schema.record(record).parent;
        let parent = around.map(|it| case.last(it).unwrap_or_else(|| self.row(case, it, 1)));
        case.rows.push(GivenRow {
            record,
            number,
            parent,
            values: BTreeMap::new(),
            derived: BTreeMap::new(),
        });
        case.rows.len() - 1
    }

    fn misplaced(&mut self, reading: &mut Reading, span: Span, message: &str, help: &str) {
        reading.wrong = true;
        self.push(Diagnostic::new(Code::T7003, span, message).help(help));
    }

    fn given(
        &mut self,
        files: &'a [ast::File],
        it: &'a TestLine,
        span: Span,
        reading: &mut Reading<'a>,
    ) {
        let level = reading.level;
        if it.opens() {
            reading.headings.clear();
        }
        match it {
            TestLine::Rows { past, name, number } => {
                reading.part = self.part(*past, name, *number, level);
                if let Part::Row(record, number) = reading.part {
                    self.opened_row(&mut reading.case, record, number);
                }
                reading.wrong |= matches!(reading.part, Part::Wrong);
            }
            TestLine::List(name) => {
                reading.part = match self.find_list(name) {
                    Some(list) => {
                        reading.case.lists.insert(list, Vec::new());
                        Part::List(list, name)
                    }
                    None => Part::Wrong,
                };
                reading.wrong |= matches!(reading.part, Part::Wrong);
            }
            TestLine::Parameter(name, value) => {
                reading.part = Part::Nothing;
                let target = self.parameter_target(name);
                self.put(target, value, span, reading);
            }
            TestLine::Hit(name, outcome) => {
                reading.part = Part::Nothing;
                match self.rule_ids.get(&name.text).copied() {
                    Some(id) => {
                        reading.case.hits.insert(id, truth_of(outcome));
                    }
                    None => {
                        let names = self.rule_ids.keys().map(String::as_str);
                        let help = did_you_mean(&name.text, names)
                            .unwrap_or_else(|| "name the identifier after `rule`".to_owned());
                        self.unknown_in_test(name, format!("unknown rule `{}`", name.text), help);
                        reading.wrong = true;
                    }
                }
            }
            TestLine::KnownFor(whom, value) => {
                reading.part = Part::Nothing;
                let target = self.known_target(whom, level);
                self.put(target, value, span, reading);
            }
            TestLine::Value(path, value) => {
                let target = match &reading.part {
                    Part::Row(record, number) => self.row_target(*record, *number, path),
                    Part::Relation(name) => {
                        let name = name.clone();
                        self.part_target(&name, path, level)
                    }
                    Part::Profile(name) => {
                        let name = name.clone();
                        self.part_target(&name, path, level)
                    }
                    Part::Wrong => return,
                    Part::Nothing | Part::List(..) | Part::Past(_) | Part::Table => {
                        let message = "this value belongs to nothing";
                        let help = "put it below `given declaration`, `given item 1` or another \
                                    `given`; lists and past rows are written as tables";
                        return self.misplaced(reading, span, message, help);
                    }
                };
                self.put(target, value, span, reading);
            }
            TestLine::Table => {
                if reading.table.is_some() {
                    let help = "put all cases into one table, or write a second test";
                    self.misplaced(reading, span, "a second table of cases", help);
                }
                reading.part = Part::Table;
                reading.table = Some((Vec::new(), Vec::new()));
            }
            TestLine::Headings(all) => match reading.part {
                Part::Table if reading.table.as_ref().is_some_and(|it| it.0.is_empty()) => {
                    reading.table = Some((all.iter().collect(), Vec::new()));
                    reading.headings = all.iter().collect();
                }
                Part::List(..) | Part::Past(_) => reading.headings = all.iter().collect(),
                Part::Wrong => {}
                _ => {
                    let help = "put it below `table`, `given list …` or `given past …`";
                    self.misplaced(reading, span, "a table that belongs to nothing", help);
                    reading.part = Part::Wrong;
                }
            },
            TestLine::Cells(cells) => self.cells(files, cells, span, reading),
            TestLine::Expect(_) => {}
        }
    }

    fn put(
        &mut self,
        target: Option<Target>,
        value: &ast::Expr,
        span: Span,
        reading: &mut Reading<'a>,
    ) {
        let done = target.and_then(|it| {
            let value = self.fixed_value(value, &it, reading.level)?;
            self.apply(&mut reading.case, it, value, span)
        });
        reading.wrong |= done.is_none();
    }

    fn cells(
        &mut self,
        files: &'a [ast::File],
        cells: &'a [Cell],
        span: Span,
        reading: &mut Reading<'a>,
    ) {
        let wanted = reading.headings.len();
        if wanted != cells.len() && !matches!(reading.part, Part::Wrong) {
            let message = format!("{} cells below {wanted} headings", cells.len());
            let help = "give each column one cell; `missing` is no value";
            return self.misplaced(reading, span, &message, help);
        }
        match &reading.part {
            Part::Table => {
                if let Some((_, rows)) = &mut reading.table {
                    rows.push((cells, span));
                }
            }
            Part::List(list, name) => {
                let (list, name) = (*list, *name);
                let row = self.list_row(files, list, name, &reading.headings, cells, span);
                match row {
                    Some(row) => {
                        let rows = reading.case.lists.entry(list).or_default();
                        rows.push(row);
                        rows.sort();
                    }
                    None => reading.wrong = true,
                }
            }
            Part::Past(record) => {
                let record = *record;
                match self.past_rows(record, &reading.headings, cells) {
                    Some(rows) => reading.case.past.extend(rows),
                    None => reading.wrong = true,
                }
            }
            Part::Nothing | Part::Row(..) | Part::Relation(_) | Part::Profile(_) | Part::Wrong => {}
        }
    }

    /// What `given NAME` opens.
    fn part(
        &mut self,
        past: bool,
        name: &ast::Name,
        number: Option<u32>,
        level: RecordId,
    ) -> Part<'a> {
        if past {
            return self.record_of_rows(name).map_or(Part::Wrong, Part::Past);
        }
        let root = |it: RecordId| self.schema.lineage(it).last().copied();
        if let Some(record) = self.schema.find_record(&name.text) {
            if root(record) == root(level) {
                return Part::Row(record, number.unwrap_or(1));
            }
            let message = format!("`{}` is no part of what is judged here", name.text);
            let help = format!("write `given past {}s` and a table of its rows", name.text);
            self.unknown_in_test(name, message, help);
            return Part::Wrong;
        }
        if self.relations(level).contains(&name.text) {
            return Part::Relation(name.clone());
        }
        if self.profiles.contains_key(name.text.as_str()) {
            return Part::Profile(name.clone());
        }
        let records = self.schema.records.iter().map(|it| it.name.clone());
        let names: Vec<String> = records
            .chain(self.relations(level))
            .chain(self.profiles.keys().map(|it| (*it).to_owned()))
            .collect();
        let help =
            did_you_mean(&name.text, names.iter().map(String::as_str)).unwrap_or_else(|| {
                "give a record, a relation, a profile, `list …`, `parameter …` or `past …`"
                    .to_owned()
            });
        self.unknown_in_test(name, format!("nothing is called `{}`", name.text), help);
        Part::Wrong
    }

    pub fn unknown_in_test(&mut self, name: &ast::Name, message: String, help: String) {
        self.push(Diagnostic::new(Code::T7002, name.span, message).help(help));
    }
}

pub fn truth_of(it: &Outcome) -> Option<bool> {
    match it {
        Outcome::Hit => Some(true),
        Outcome::NoHit => Some(false),
        Outcome::Undecided(_) => None,
    }
}

/// What a rule and those it asks about say, for what its tests may name.
pub fn with_asked(rule: RuleId, rules: &[Rule]) -> Vec<RuleId> {
    let mut res = Vec::new();
    let mut todo = vec![rule];
    while let Some(id) = todo.pop() {
        if !res.contains(&id) {
            res.push(id);
            todo.extend(crate::ir::hits_of(&rules[id.0].outcome));
        }
    }
    res
}
