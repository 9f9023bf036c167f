//! Statistics and quantifiers: what is said of many rows.

use pest::iterators::Pair;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::Quantifier;
use crate::syntax::ast::Statistic;
use crate::syntax::from_pest::Builder;
use crate::syntax::from_pest::Node;
use crate::syntax::from_pest::Rule;
use crate::syntax::from_pest::is_part;
use crate::syntax::from_pest::node;

/// The parts of a pair that are no key words.
pub fn parts(pair: Pair<Rule>) -> Vec<Pair<Rule>> {
    pair.into_inner().filter(is_part).collect()
}

impl Builder<'_> {
    pub fn aggregate(&mut self, pair: Pair<Rule>, span: Span) -> Node {
        let mut all = parts(pair).into_iter();
        let Some(statistic) = all.next().and_then(statistic) else {
            return node(ExprKind::Error, span);
        };
        let mut below = 0;
        let mut rest: Vec<Pair<Rule>> = all.collect();
        let mut measure = None;
        if rest.first().is_some_and(|it| it.as_rule() == Rule::measure) {
            measure = self.measure(rest.remove(0), &mut below);
        }
        let Some(rows) = self.rows(rest, &mut below, span) else {
            return node(ExprKind::Error, span);
        };
        let it = ast::Aggregate { statistic, measure, rows };
        self.above(below, ExprKind::Aggregate(Box::new(it)), span)
    }

    pub fn quantified(&mut self, pair: Pair<Rule>, span: Span) -> Node {
        let mut all = parts(pair);
        let quantifier = quantifier(&all.remove(0));
        let mut below = 0;
        let group = all.iter().position(|it| it.as_rule() == Rule::group).map(|at| all.remove(at));
        let condition = group.map(|it| self.in_parentheses(it, &mut below));
        let (Some(quantifier), Some(condition), Some(rows)) =
            (quantifier, condition, self.rows(all, &mut below, span))
        else {
            return node(ExprKind::Error, span);
        };
        let (condition, rows) = (Box::new(condition), Box::new(rows));
        self.above(below, ExprKind::Quantified { quantifier, condition, rows }, span)
    }

    pub fn measure(&mut self, pair: Pair<Rule>, below: &mut u16) -> Option<ast::Measure> {
        let mut all = parts(pair).into_iter();
        let value = self.deeper(all.next()?, below);
        let weight = all.next().map(|it| self.deeper(it, below));
        Some(ast::Measure { value, weight })
    }

    fn deeper(&mut self, pair: Pair<Rule>, below: &mut u16) -> ast::Expr {
        let it = self.tree(pair);
        *below = (*below).max(it.depth);
        it.expr
    }

    fn in_parentheses(&mut self, group: Pair<Rule>, below: &mut u16) -> ast::Expr {
        let span = self.span(&group);
        let mut all = group.into_inner();
        match (all.next(), all.next()) {
            (Some(only), None) => ast::Expr { span, ..self.deeper(only, below) },
            _ => {
                let it = Diagnostic::new(Code::T1101, span, "one condition stands here");
                self.fail(it.help("join the conditions with `and` or `or`"));
                ast::Expr { kind: ExprKind::Error, span }
            }
        }
    }

    /// `rows` and the parts after it.
    pub fn rows(
        &mut self,
        pairs: Vec<Pair<Rule>>,
        below: &mut u16,
        span: Span,
    ) -> Option<ast::Rows> {
        let mut all = pairs.into_iter();
        let head = all.next()?;
        let mut rows = ast::Rows {
            past: false,
            record: ast::Name { text: String::new(), span },
            others: None,
            filter: None,
            same: Vec::new(),
            window: None,
            partial: false,
            smoothed: None,
            span: self.span(&head),
        };
        for part in parts(head) {
            match part.as_rule() {
                Rule::past => rows.past = true,
                Rule::name => rows.record = self.name(&part),
                _ => {
                    let by = parts(part).into_iter().find(|it| it.as_rule() == Rule::name);
                    rows.others = Some(by.map(|it| self.name(&it)));
                }
            }
        }
        for part in all {
            let place = self.span(&part);
            rows.span = rows.span.to(place);
            let rule = part.as_rule();
            let mut inner = parts(part).into_iter();
            let twice = match rule {
                Rule::where_part => {
                    let condition = self.in_parentheses(inner.next()?, below);
                    rows.filter.replace(condition).is_some()
                }
                Rule::same_part => {
                    let again = !rows.same.is_empty();
                    rows.same = inner.map(|it| self.same_key(it)).collect();
                    again
                }
                Rule::last_part => {
                    let length = self.quantity_of(inner.next()?);
                    rows.window.replace(ast::Window::Last(length)).is_some()
                }
                Rule::day_part => rows.window.replace(ast::Window::SameDay).is_some(),
                Rule::smoothed_part => {
                    let by = self.quantity_of(inner.next()?);
                    let towards = inner.next().map(|it| self.towards(it, below));
                    rows.smoothed.replace(ast::Smoothed { by, towards }).is_some()
                }
                _ => std::mem::replace(&mut rows.partial, true),
            };
            if twice {
                let it = Diagnostic::new(Code::T1107, place, "this stands twice");
                self.fail(it.help("keep one of the two"));
            }
        }
        Some(rows)
    }

    /// `21 %`, a name, or something in parentheses.
    fn towards(&mut self, pair: Pair<Rule>, below: &mut u16) -> ast::Expr {
        match pair.as_rule() {
            Rule::quantity => self.quantity_of(pair),
            Rule::group => self.in_parentheses(pair, below),
            _ => self.path_of(&pair),
        }
    }

    pub fn path_of(&self, pair: &Pair<Rule>) -> ast::Expr {
        let names = pair.clone().into_inner().map(|it| self.name(&it)).collect();
        ast::Expr { kind: ExprKind::Path(names), span: self.span(pair) }
    }

    /// `hs at 6 digits`
    pub fn same_key(&mut self, pair: Pair<Rule>) -> ast::Expr {
        let span = self.span(&pair);
        let mut all = parts(pair).into_iter();
        let Some(path) = all.next() else { return ast::Expr { kind: ExprKind::Error, span } };
        let path = self.path_of(&path);
        let Some(at) = all.next() else { return path };
        let digits = parts(at).first().and_then(|it| it.as_str().trim().parse().ok()).unwrap_or(0);
        ast::Expr { kind: ExprKind::AtDigits { value: Box::new(path), digits }, span }
    }

    /// A number or a quantity as it stands.
    pub fn quantity_of(&mut self, pair: Pair<Rule>) -> ast::Expr {
        let span = self.span(&pair);
        self.number(pair, span).expr
    }

    /// `30`, `7 days`
    pub fn count_of(pair: &Pair<Rule>) -> Option<u32> {
        pair.as_str().trim().parse().ok()
    }
}

fn number_in(pair: Pair<Rule>) -> Option<u32> {
    parts(pair).into_iter().find(|it| it.as_rule() == Rule::int)?.as_str().trim().parse().ok()
}

fn statistic(pair: Pair<Rule>) -> Option<Statistic> {
    let it = parts(pair).into_iter().next()?;
    Some(match it.as_rule() {
        Rule::s_count => Statistic::Count,
        Rule::s_distinct => Statistic::DistinctCount,
        Rule::s_sum => Statistic::Sum,
        Rule::s_average => Statistic::Average,
        Rule::s_median => Statistic::Percentile(50),
        Rule::s_percentile => Statistic::Percentile(number_in(it)?),
        Rule::s_smallest => Statistic::Smallest,
        Rule::s_largest => Statistic::Largest,
        Rule::s_share => Statistic::Share,
        Rule::s_first => Statistic::FirstDate,
        _ => Statistic::LastDate,
    })
}

fn quantifier(pair: &Pair<Rule>) -> Option<Quantifier> {
    let it = parts(pair.clone()).into_iter().next()?;
    Some(match it.as_rule() {
        Rule::q_any => Quantifier::Any,
        Rule::q_every => Quantifier::Every,
        Rule::q_no => Quantifier::No,
        Rule::q_at_least => Quantifier::AtLeast(number_in(it)?),
        Rule::q_at_most => Quantifier::AtMost(number_in(it)?),
        _ => Quantifier::Exactly(number_in(it)?),
    })
}
