//! A table of cases: its columns to what they give or expect, its rows to cases.

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::ir::cases::Case;
use crate::ir::cases::Expect;
use crate::ir::cases::ExpectKind;
use crate::ir::cases::Subject;
use crate::ir::lower::Lowering;
use crate::schema::RecordId;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::test_block::Cell;
use crate::syntax::test_block::CellKind;
use crate::syntax::test_block::Expectation;
use crate::syntax::test_block::Heading;
use crate::syntax::test_block::HeadingKind;
use crate::syntax::test_block::Outcome;

impl Lowering<'_> {
    /// A cell as an expression; words that are outcomes elsewhere are words here.
    pub fn cell(&mut self, cell: &Cell) -> Option<ast::Expr> {
        let word = match &cell.kind {
            CellKind::Value(it) => return Some(it.clone()),
            CellKind::Outcome(Outcome::Hit) => "hit",
            CellKind::Outcome(Outcome::Undecided(all)) if all.is_empty() => "undecided",
            CellKind::Outcome(_) => {
                let it = Diagnostic::new(Code::T7003, cell.span, "an outcome is no value");
                self.push(it.help("outcomes stand in a column called `expect`"));
                return None;
            }
        };
        let name = ast::Name { text: word.to_owned(), span: cell.span };
        Some(ast::Expr { kind: ast::ExprKind::Path(vec![name]), span: cell.span })
    }

    pub fn cases_of(
        &mut self,
        headings: &[&Heading],
        rows: &[(&[Cell], Span)],
        base: &Case,
        subject: &Subject,
        level: RecordId,
    ) -> Vec<Case> {
        let mut targets = Vec::new();
        for heading in headings {
            let target = match &heading.kind {
                HeadingKind::Field { path, number } => {
                    let Some(it) = self.heading_target(path, *number, level) else {
                        return Vec::new();
                    };
                    Some(it)
                }
                HeadingKind::KnownFor(whom) => {
                    let Some(it) = self.known_target(whom, level) else { return Vec::new() };
                    Some(it)
                }
                HeadingKind::Outcome
                | HeadingKind::Score
                | HeadingKind::Channel
                | HeadingKind::Expected(_) => None,
            };
            targets.push(target);
        }
        let mut res = Vec::new();
        for (at, (cells, span)) in rows.iter().enumerate() {
            let mut case = Case { span: *span, row: Some(at + 1), ..base.clone() };
            for ((heading, target), cell) in headings.iter().zip(&targets).zip(*cells) {
                match target {
                    Some(target) => {
                        let Some(expr) = self.cell(cell) else { continue };
                        let value = self.fixed_value(&expr, target, level);
                        if let Some(value) = value {
                            self.apply(&mut case, target.clone(), value, cell.span);
                        }
                    }
                    None => {
                        let kind = self.expected_cell(&heading.kind, cell, subject, level);
                        let span = cell.span;
                        case.expects.extend(kind.map(|kind| Expect { kind, span }));
                    }
                }
            }
            res.push(case);
        }
        res
    }

    fn expected_cell(
        &mut self,
        heading: &HeadingKind,
        cell: &Cell,
        subject: &Subject,
        level: RecordId,
    ) -> Option<ExpectKind> {
        let expectation = match (heading, &cell.kind) {
            (HeadingKind::Outcome, CellKind::Outcome(it)) => {
                Expectation::Outcome(it.clone(), cell.span)
            }
            (HeadingKind::Outcome, CellKind::Value(_)) => {
                let it = Diagnostic::new(Code::T7004, cell.span, "this is no outcome");
                self.push(it.help("write `hit`, `no hit` or `undecided`"));
                return None;
            }
            (HeadingKind::Score, _) => Expectation::Score(self.cell(cell)?),
            (HeadingKind::Channel, _) => match self.cell(cell)?.kind {
                ast::ExprKind::Path(path) if path.len() == 1 => {
                    Expectation::Channel(path[0].clone())
                }
                _ => {
                    let it = Diagnostic::new(Code::T7004, cell.span, "this is no channel");
                    self.push(it.help("write its name, such as `red`"));
                    return None;
                }
            },
            (HeadingKind::Expected(path), _) => Expectation::Value(path.clone(), self.cell(cell)?),
            (HeadingKind::Field { .. } | HeadingKind::KnownFor(_), _) => return None,
        };
        self.expectation(&expectation, subject, level)
    }
}
