//! Numbers and dates of the grammar to nodes, and the spellings of other systems.

use pest::iterators::Pair;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::ExprKind;
use crate::syntax::from_pest::Builder;
use crate::syntax::from_pest::Node;
use crate::syntax::from_pest::Rule;
use crate::syntax::from_pest::node;

const DIGITS_MAX: usize = 38;

impl Builder<'_> {
    pub fn literal(&mut self, pair: Pair<Rule>) -> Node {
        let span = self.span(&pair);
        let mut parts = pair.into_inner();
        let Some(first) = parts.next() else { return node(ExprKind::Error, span) };
        let written = first.as_str();
        match first.as_rule() {
            Rule::number | Rule::quantity => self.number(first, span),
            Rule::date => self.date_literal(written, span),
            Rule::bad_group => {
                let fixed = grouped(written);
                self.bad(Code::T1202, "write groups of digits with `_`", fixed, &first)
            }
            Rule::bad_comma if may_be_thousands(written) => {
                let place = self.span(&first);
                let it = Diagnostic::new(Code::T1203, place, "thousands, or decimals?");
                let (thousands, decimals) = (written.replace(',', "_"), written.replace(',', "."));
                self.fail(it.help(format!("write `{thousands}`, or `{decimals}` for decimals")));
                node(ExprKind::Error, place)
            }
            Rule::bad_comma => {
                let fixed = written.replace(',', ".");
                self.bad(Code::T1203, "write decimals with a point", fixed, &first)
            }
            Rule::bad_space => {
                let fixed: String = written.split_whitespace().collect::<Vec<_>>().join("_");
                self.bad(Code::T1202, "write groups of digits with `_`", fixed, &first)
            }
            Rule::bad_date => {
                let parts: Vec<&str> = written.split(['/', '.']).collect();
                let fixed = match parts.as_slice() {
                    [day, month, year] => format!("{year}-{month:0>2}-{day:0>2}"),
                    _ => "2026-12-31".to_owned(),
                };
                let it = Diagnostic::new(Code::T1204, span, "write dates as year-month-day");
                self.fail(it.help(format!("if the day stands first, write `{fixed}`")));
                node(ExprKind::Error, span)
            }
            _ => {
                let it = Diagnostic::new(Code::T1205, span, "a code of which nomenclature?");
                self.fail(it.help(format!("write the nomenclature before it: `HS {written}`")));
                node(ExprKind::Error, span)
            }
        }
    }

    /// `12_000`, `100 kg`
    pub fn number(&mut self, pair: Pair<Rule>, span: Span) -> Node {
        let is_number = pair.as_rule() == Rule::number;
        let mut parts = pair.clone().into_inner();
        let number = if is_number { Some(pair) } else { parts.next() };
        let number = number.map(|it| it.as_str().to_owned()).unwrap_or_default();
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        if DIGITS_MAX < digits {
            let message = format!("a number of {digits} digits; at most {DIGITS_MAX} can be held");
            self.fail(Diagnostic::new(Code::T1209, span, message).help("write fewer digits"));
            return node(ExprKind::Error, span);
        }
        let unit = parts.next().map(|it| {
            let text = it.as_str().to_owned();
            ast::Text { text, span: self.span(&it) }
        });
        match unit {
            Some(unit) => node(ExprKind::Quantity { number, unit }, span),
            None => node(ExprKind::Number(number), span),
        }
    }

    fn bad(&mut self, code: Code, message: &str, fixed: String, at: &Pair<Rule>) -> Node {
        let place = self.span(at);
        let it = Diagnostic::new(code, place, message).here(format!("`{fixed}`"));
        self.fail(it.help(format!("write `{fixed}`")).fix(place, fixed));
        node(ExprKind::Error, place)
    }

    fn date_literal(&mut self, written: &str, span: Span) -> Node {
        let found = if written.contains('T') {
            written.parse().ok().map(ExprKind::DateTime)
        } else {
            written.parse().ok().map(ExprKind::Date)
        };
        match found {
            Some(kind) => node(kind, span),
            None => {
                self.impossible_date(written, span);
                node(ExprKind::Error, span)
            }
        }
    }

    fn impossible_date(&mut self, written: &str, span: Span) {
        let message = format!("`{written}` is not in the calendar");
        let it = Diagnostic::new(Code::T1206, span, message);
        self.fail(it.help("correct the month or the day"));
    }

    /// A civil date of a line such as `valid` or `until`.
    pub fn date(&mut self, pair: &Pair<Rule>) -> Option<ast::Date> {
        let span = self.span(pair);
        let date = pair.as_str().trim().parse().ok();
        if date.is_none() {
            self.impossible_date(pair.as_str().trim(), span);
        }
        date.map(|date| ast::Date { date, span })
    }
}

/// `1,200` is twelve hundred to some, and a bit more than one to others.
fn may_be_thousands(written: &str) -> bool {
    let parts = written.split_once(',');
    parts.is_some_and(|(whole, rest)| rest.len() == 3 && whole.len() <= 3 && whole != "0")
}

/// `1.000,50` as `1_000.50`: where both signs stand, the last is before the decimals.
fn grouped(written: &str) -> String {
    let last = written.rfind(['.', ',']).unwrap_or_default();
    let (whole, decimals) = written.split_at(last);
    match whole.contains(&decimals[..decimals.len().min(1)]) {
        true => written.replace(['.', ','], "_"),
        false => format!("{}.{}", whole.replace(['.', ','], "_"), &decimals[1..]),
    }
}
