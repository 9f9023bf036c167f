//! What a test expects, and whether it gives what its rule cannot do without.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::Rule;
use crate::ir::Statistic;
use crate::ir::cases::Case;
use crate::ir::cases::ExpectKind;
use crate::ir::cases::Place;
use crate::ir::cases::Subject;
use crate::ir::given::truth_of;
use crate::ir::given::with_asked;
use crate::ir::lower::Lowering;
use crate::ir::lower::truth;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::test_block::Expectation;
use crate::syntax::test_block::Outcome;
use crate::syntax::word;
use crate::value::Value;

impl Lowering<'_> {
    pub fn expectation(
        &mut self,
        it: &Expectation,
        subject: &Subject,
        level: RecordId,
    ) -> Option<ExpectKind> {
        let refuse = |this: &mut Self, span: Span, message: &str| {
            let it = Diagnostic::new(Code::T7004, span, message);
            this.push(it.help("expect a value: `expect median is 25 EUR/kg`"));
            None
        };
        let of_profile = matches!(subject, Subject::Profile(_));
        match it {
            Expectation::Outcome(_, span) if of_profile => {
                refuse(self, *span, "a profile has no outcome")
            }
            Expectation::Outcome(it, _) => {
                let fields = match it {
                    Outcome::Undecided(all) => all.iter().map(|it| it.text.clone()).collect(),
                    Outcome::Hit | Outcome::NoHit => Vec::new(),
                };
                Some(ExpectKind::Outcome(truth_of(it), fields))
            }
            Expectation::Score(expr) if of_profile => {
                refuse(self, expr.span, "a profile has no score")
            }
            Expectation::Score(expr) => {
                if matches!(expr.kind, ast::ExprKind::Missing) {
                    return Some(ExpectKind::Score(None));
                }
                let ty = Type::Number(crate::schema::Number::pure(6));
                let it = self.fixed_of(expr, &ty, "score", level)?;
                Some(ExpectKind::Score(it.as_decimal()))
            }
            Expectation::Channel(name) if of_profile => {
                refuse(self, name.span, "a profile has no channel")
            }
            Expectation::Channel(name) => {
                let known = crate::ir::policy::channels(&self.schema);
                if known.rank(&name.text).is_none() {
                    let help = did_you_mean(&name.text, known.values.iter().map(String::as_str))
                        .unwrap_or_else(|| format!("channels are {}", known.values.join(", ")));
                    let message = format!("unknown channel `{}`", name.text);
                    self.push(Diagnostic::new(Code::T7004, name.span, message).help(help));
                    return None;
                }
                Some(ExpectKind::Channel(name.text.clone()))
            }
            Expectation::Value(path, expr) => self.expected_value(path, expr, subject, level),
        }
    }

    /// The condition that a name has a value, in the words of rules.
    fn expected_value(
        &mut self,
        path: &[ast::Name],
        expr: &ast::Expr,
        subject: &Subject,
        level: RecordId,
    ) -> Option<ExpectKind> {
        let first = path.first()?;
        let whole = match subject {
            Subject::Profile(profile) if path.len() == 1 => {
                let profile = ast::Name { text: profile.to_string(), span: first.span };
                vec![profile, first.clone()]
            }
            Subject::Profile(_) | Subject::Rule(_) => path.to_vec(),
        };
        let span = first.span.to(path.last()?.span);
        let scope = Self::scope_of(level);
        let value = self.path(&whole, None, &scope, span);
        if value.ty == Type::Error {
            return None;
        }
        let words = word::path(path);
        let wanted = self.fixed_of(expr, &value.ty.clone(), &words, level)?;
        let written = self.sources.slice(expr.span).trim().to_owned();
        let condition = match &wanted {
            Value::Missing(_) => truth(Kind::IsMissing(value.clone()), span),
            Value::Truth(true) => value.clone(),
            Value::Truth(false) => truth(Kind::Not(value.clone()), span),
            Value::Text(text) if matches!(value.ty, Type::Text(_)) => {
                let text = self.text(text, Some(&value.ty), expr.span);
                truth(Kind::Compare(crate::ir::Comparison::Equal, value.clone(), text), span)
            }
            Value::Text(text) => {
                let words: Arc<[Arc<str>]> = Arc::from(vec![text.clone()]);
                truth(Kind::Member(value.clone(), words), span)
            }
            Value::Whole(_)
            | Value::Decimal(_)
            | Value::Date(_)
            | Value::DateTime(_)
            | Value::Duration(_) => {
                let right = crate::ir::literal::literal(wanted, value.ty.clone(), expr.span);
                truth(Kind::Compare(crate::ir::Comparison::Equal, value.clone(), right), span)
            }
        };
        Some(ExpectKind::Value { words, wanted: written, condition, value })
    }

    /// What a case lacks, or names in vain.
    pub fn complete(&mut self, case: &Case, subject: &Subject, level: RecordId, rules: &[Rule]) {
        let mut roots: Vec<E> = Vec::new();
        if let Subject::Rule(id) = subject {
            let asked = with_asked(*id, rules);
            let real = asked.iter().filter(|it| !case.hits.contains_key(it));
            roots.extend(real.map(|it| rules[it.0].outcome.clone()));
        }
        for it in &case.expects {
            match &it.kind {
                ExpectKind::Value { condition, .. } => roots.push(condition.clone()),
                ExpectKind::Outcome(_, fields) => {
                    if let Subject::Rule(id) = subject {
                        self.named_fields(fields, *id, it.span, rules);
                    }
                }
                ExpectKind::Score(_) | ExpectKind::Channel(_) => {}
            }
        }
        let Some(date) = self.schema.acceptance(level) else { return };
        let given = case.rows.iter().any(|it| it.values.contains_key(&date));
        if given || !roots.iter().any(|it| self.needs(it, date, case)) {
            return;
        }
        let name = self.schema.field(date).name.clone();
        let record = self.schema.record(date.record).name.clone();
        let message = format!("`{name}` is not given, and a validity, window or list needs it");
        let help = format!(
            "add `{name} is 2026-03-10` below `given {record}`, or `{name} is missing` if so meant"
        );
        self.push(Diagnostic::new(Code::T7006, case.span, message).help(help));
    }

    /// Whether a date is needed, by anything but the membership of a group.
    fn needs(&self, root: &E, date: FieldId, case: &Case) -> bool {
        let derived = |name: &str| case.rows.iter().any(|it| it.derived.contains_key(name));
        let mut todo = vec![root.clone()];
        while let Some(it) = todo.pop() {
            match &it.kind {
                Kind::Field(id) if *id == date => return true,
                Kind::Named(name, _) if derived(name) => {}
                Kind::Named(name, _)
                    if case.instead.contains_key(&Place::Profile(name.clone())) => {}
                Kind::Parameter(at, _) if case.parameters.contains_key(at) => {}
                Kind::InGroup(country, _, _) => todo.push(country.clone()),
                Kind::Fact(id) => {
                    let fact = &self.facts[id.0];
                    let place = Place::Relation(fact.words.clone());
                    let given = fact.statistic == Statistic::Latest;
                    if !(given && case.instead.contains_key(&place)) {
                        todo.extend(fact.judged().into_iter().cloned());
                    }
                }
                _ => todo.extend(it.parts().into_iter().cloned()),
            }
        }
        false
    }

    /// Fields that leave a rule open must be something that it looks at.
    fn named_fields(
        &mut self,
        fields: &[String],
        id: crate::ir::RuleId,
        span: Span,
        rules: &[Rule],
    ) {
        if fields.is_empty() {
            return;
        }
        let mut known = BTreeSet::new();
        let id_of = |it: &crate::ir::RuleId| rules[it.0].id.to_string();
        for id in with_asked(id, rules) {
            known.extend(crate::ir::hits_of(&rules[id.0].outcome).iter().map(id_of));
            self.names_in(&rules[id.0].outcome, &mut known);
        }
        for field in fields {
            if known.iter().any(|it| same_reason(field, it)) {
                continue;
            }
            let near = did_you_mean(field, known.iter().map(String::as_str));
            let help = near.unwrap_or_else(|| {
                let all: Vec<&str> = known.iter().map(String::as_str).take(8).collect();
                format!("it looks at {}", all.join(", "))
            });
            let message = format!("rule {} does not look at `{field}`", rules[id.0].id);
            self.push(Diagnostic::new(Code::T7002, span, message).help(help));
        }
    }

    fn names_in(&self, root: &E, known: &mut BTreeSet<String>) {
        let mut todo = vec![root.clone()];
        while let Some(it) = todo.pop() {
            match &it.kind {
                Kind::Field(id) => {
                    known.insert(self.schema.field(*id).name.clone());
                }
                Kind::Parameter(at, _) => {
                    known.insert(self.parameters[*at].name.to_string());
                }
                Kind::Named(name, _) => {
                    known.insert(name.to_string());
                }
                Kind::Lookup(it) => {
                    known.insert(self.lists[it.list].column_name(it.column));
                }
                Kind::Open(it) => known.extend(it.names.iter().cloned()),
                Kind::Fact(id) => {
                    let fact = &self.facts[id.0];
                    known.insert(fact.words.to_string());
                    todo.extend(fact.judged().into_iter().cloned());
                }
                _ => {}
            }
            todo.extend(it.parts().into_iter().cloned());
        }
    }
}

/// Whether a test names what leaves a rule open: `net_mass` is `net_mass (division by zero)` too,
/// and `document 1: kind` is `document: kind`.
pub fn same_reason(named: &str, open: &str) -> bool {
    let bare = |it: &str| it.split(" (").next().unwrap_or_default().to_owned();
    let unnumbered = |it: &str| match it.split_once(": ") {
        Some((row, field)) => {
            let record = row.trim_end_matches(|it: char| it.is_ascii_digit()).trim_end();
            format!("{record}: {field}")
        }
        None => it.to_owned(),
    };
    named == open || named == bare(open) || unnumbered(named) == unnumbered(&bare(open))
}
