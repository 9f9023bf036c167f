//! Profiles: statistics of comparable rows, with groups to fall back on.
//!
//! `peers.median` is the median of the first group that has enough values; a [`Kind::Guard`] for
//! each group, one after the other.

use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Kind;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::truth;
use crate::ir::many::Source;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::Statistic;
use crate::syntax::format_expr;
use crate::value::Reason;
use crate::value::Value;
use crate::value::text::Form;

/// What a profile always gives.
const ALWAYS: [&str; 2] = ["count", "level"];

/// The lines of a profile block.
struct Lines<'a> {
    measure: &'a ast::Measure,
    rows: &'a ast::Rows,
    /// Groups in order, each with the words of its keys.
    groups: Vec<&'a [ast::Expr]>,
    window: Option<&'a ast::Expr>,
    exact: bool,
    partial: bool,
    require: Option<(u32, Option<&'a (u32, ast::Expr)>)>,
    gives: Vec<&'a ast::Name>,
}

fn lines(block: &ast::Block) -> Option<Lines<'_>> {
    let of = block.lines.iter().find_map(|it| match &it.kind {
        ast::LineKind::Of(measure, rows) => Some((measure, &**rows)),
        _ => None,
    });
    let (measure, rows) = of?;
    let mut res = Lines {
        measure,
        rows,
        groups: Vec::new(),
        window: None,
        exact: false,
        partial: rows.partial,
        require: None,
        gives: Vec::new(),
    };
    for line in &block.lines {
        match &line.kind {
            ast::LineKind::By { keys, .. } => res.groups.push(keys),
            ast::LineKind::Window(it) => res.window = Some(it),
            ast::LineKind::Refresh { exact } => res.exact = *exact,
            ast::LineKind::AllowPartial => res.partial = true,
            ast::LineKind::Require { values, support } => {
                res.require = Some((*values, support.as_ref()));
            }
            ast::LineKind::Gives(all) => res.gives.extend(all),
            _ => {}
        }
    }
    Some(res)
}

impl Lowering<'_> {
    /// `peers.median`
    pub fn profile(
        &mut self,
        block: &ast::Block,
        profile: &ast::Name,
        name: &ast::Name,
        scope: &Scope,
        span: Span,
    ) -> E {
        self.mark_used(&format!("profile {}", profile.text));
        if scope.judged.is_some() {
            let it = Diagnostic::new(Code::T1109, span, "a profile inside a condition on rows");
            self.push(it.help("compare outside the parentheses"));
            return self.error(span);
        }
        let Some(lines) = lines(block) else { return self.error(span) };
        let known = || lines.gives.iter().map(|it| it.text.as_str()).chain(ALWAYS);
        if !known().any(|it| it == name.text) {
            let help = did_you_mean(&name.text, known())
                .unwrap_or_else(|| format!("add it to `gives` of profile {}", profile.text));
            let message = format!("profile {} does not give `{}`", profile.text, name.text);
            self.push(Diagnostic::new(Code::T2101, name.span, message).help(help));
            return self.error(span);
        }
        let mut levels = Vec::new();
        for (at, keys) in lines.groups.iter().enumerate() {
            let is_last = at + 1 == lines.groups.len();
            let Some(it) = self.group(&lines, (keys, is_last), name, scope, span) else {
                return self.error(span);
            };
            levels.push(it);
        }
        let Some(last) = levels.pop() else {
            let message = format!("profile {} has no group", profile.text);
            let it = Diagnostic::new(Code::T1108, block.span, message);
            self.push(it.help("add a line such as `by hs at 6 digits, origin`"));
            return self.error(span);
        };
        let ty = last.ty.clone();
        let node = |kind| Arc::new(Expr { kind, ty: ty.clone(), span });
        let chained = levels.into_iter().rev().fold(last, |rest, it| {
            // A group with enough values answers, even where its values give no answer.
            let rest = match &it.kind {
                Kind::Guard(enough, statistic, reason) if may_fail(self, statistic) => {
                    let enough = truth(Kind::Established(enough.clone()), span);
                    node(Kind::Guard(truth(Kind::Not(enough), span), rest, *reason))
                }
                _ => rest,
            };
            node(Kind::OrElse(it, rest))
        });
        let words = format!("{}.{}", profile.text, name.text);
        Arc::new(Expr { kind: Kind::Named(Arc::from(words), chained), ty, span })
    }

    /// One statistic of one group, where the group has enough values: without `require` one is
    /// enough, and the last group stands for those that have none.
    fn group(
        &mut self,
        lines: &Lines,
        (keys, is_last): (&[ast::Expr], bool),
        name: &ast::Name,
        scope: &Scope,
        span: Span,
    ) -> Option<E> {
        let mut rows = lines.rows.clone();
        rows.same = keys.to_vec();
        rows.partial = lines.partial;
        if let Some(window) = lines.window {
            rows.window = Some(ast::Window::Last(window.clone()));
        }
        let words = format_expr::rows(lines.rows, self.sources.get(rows.span.file));
        let mut source = self.source(&rows, scope, &words)?;
        if lines.exact {
            self.until_instant(&mut source, rows.span)?;
        }
        let negated = std::mem::take(&mut self.negated);
        let value = self.either(&lines.measure.value, &source.scope);
        let weight = lines.measure.weight.as_ref().map(|it| self.value(it, None, &source.scope));
        self.negated = negated;
        if value.ty == Type::Error || weight.as_ref().is_some_and(|it| it.ty == Type::Error) {
            return None;
        }
        let at = name.span;
        let given = value.clone();
        let count = self.of_value(Statistic::Count, Some(value.clone()), None, &source, at);
        let statistic = match name.text.as_str() {
            "count" => count.clone(),
            "level" => {
                let words: Vec<String> = keys.iter().map(|it| self.words(it)).collect();
                let text = Value::text(&words.join(", "));
                Arc::new(Expr { kind: Kind::Literal(text), ty: Type::Text(Form::Folded), span: at })
            }
            "share" => self.share_of(value, rows.smoothed.as_ref(), &source, at),
            other => {
                let Some(statistic) = statistic(other) else {
                    let message = format!("`{other}` is no statistic");
                    let help = "a profile gives count, sum, average, median, p5, p95, smallest, \
                                largest, distinct, share, first_date, last_date, level";
                    self.push(Diagnostic::new(Code::T2101, at, message).help(help));
                    return None;
                };
                let dated = matches!(statistic, Statistic::FirstDate | Statistic::LastDate);
                let weight = weight.filter(|_| statistic == Statistic::Average);
                let value = if dated { None } else { Some(value) };
                self.of_value(statistic, value, weight, &source, at)
            }
        };
        if statistic.ty == Type::Error {
            return None;
        }
        let (least, support) = match lines.require {
            Some(it) => it,
            // Where nobody can tell how many values the group has, it is not told as the one used.
            None if is_last && name.text == "level" => (0, None),
            None if is_last => return Some(statistic),
            None => (1, None),
        };
        let mut tests = vec![self.at_least_count(count, least, span)];
        if let Some((least, key)) = support {
            let key = self.value(key, None, &source.scope);
            if key.ty == Type::Error {
                return None;
            }
            // Only rows that give a value support the statistic.
            let missing = truth(Kind::IsMissing(given), span);
            let mut given = source.clone();
            let own = given.fact.filter.take().into_iter();
            let both = own.chain([truth(Kind::Not(missing), span)]).collect();
            given.fact.filter = Some(truth(Kind::And(both), span));
            let distinct = self.of_value(Statistic::DistinctCount, Some(key), None, &given, at);
            tests.push(self.at_least_count(distinct, *least, span));
        }
        let test = truth(Kind::And(tests), span);
        let ty = statistic.ty.clone();
        Some(Arc::new(Expr { kind: Kind::Guard(test, statistic, Reason::TooFewValues), ty, span }))
    }

    /// `refresh exact`: up to the instant of acceptance, of the same day too.
    fn until_instant(&mut self, source: &mut Source, span: Span) -> Option<()> {
        use crate::ir::Reach;
        let Reach::Days(length) = source.fact.reach else { return Some(()) };
        if source.instants.is_none() {
            let message = "`refresh exact` needs the time of day";
            let it = Diagnostic::new(Code::T5104, span, message);
            self.push(it.help("name a date-time: `history event accepted_at`, or refresh daily"));
            return None;
        }
        source.fact.reach = Reach::Time(length);
        source.fact.instants.clone_from(&source.instants);
        Some(())
    }

    /// A profile that no rule uses is checked all the same.
    pub fn unused_profiles(&mut self, files: &[ast::File]) {
        let blocks: Vec<&ast::Block> =
            files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken).collect();
        for block in blocks {
            let ast::Head::Profile { name, .. } = &block.head else { continue };
            if self.is_used(&format!("profile {}", name.text)) {
                continue;
            }
            let Some(record) = self.deepest() else { continue };
            let arguments = std::collections::BTreeMap::new();
            let scope = Scope { record, arguments, judged: None, valid: (None, None) };
            let Some(lines) = lines(block) else { continue };
            let before = self.facts.len();
            for given in lines.gives {
                self.profile(block, name, given, &scope, given.span);
            }
            self.facts.truncate(before);
            self.fact_ids.retain(|_, it| it.0 < before);
        }
    }
}

/// Whether a statistic may lack a value although the group has values: out of range, or without
/// weights.
fn may_fail(lowering: &Lowering, it: &E) -> bool {
    match &it.kind {
        Kind::Fact(id) => match lowering.facts[id.0].statistic {
            ir::Statistic::Sum | ir::Statistic::Average => true,
            ir::Statistic::Count
            | ir::Statistic::DistinctCount
            | ir::Statistic::Percentile(_)
            | ir::Statistic::Smallest
            | ir::Statistic::Largest
            | ir::Statistic::FirstDate
            | ir::Statistic::LastDate
            | ir::Statistic::Latest => false,
        },
        _ => false,
    }
}

fn statistic(name: &str) -> Option<Statistic> {
    Some(match name {
        "sum" => Statistic::Sum,
        "average" => Statistic::Average,
        "median" => Statistic::Percentile(50),
        "smallest" => Statistic::Smallest,
        "largest" => Statistic::Largest,
        "distinct" => Statistic::DistinctCount,
        "first_date" => Statistic::FirstDate,
        "last_date" => Statistic::LastDate,
        other => Statistic::Percentile(other.strip_prefix('p')?.parse().ok()?),
    })
}
