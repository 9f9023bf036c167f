//! Tests: comparisons, membership, nomenclature, text, ranges.

use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::InList;
use crate::ir::Kind;
use crate::ir::Matching;
use crate::ir::TextTest;
use crate::ir::literal::literal;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::lower::fold;
use crate::ir::lower::truth;
use crate::ir::typing;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::value::Value;
use crate::value::text;

impl Lowering<'_> {
    pub fn comparison(
        &mut self,
        op: ast::TestOp,
        (left, right): (&ast::Expr, &ast::Expr),
        scope: &Scope,
        span: Span,
    ) -> E {
        let tested = self.either(left, scope);
        if tested.ty == Type::Error {
            self.quietly(right, scope);
            return tested;
        }
        match op {
            ast::TestOp::Less => self.ordered(Comparison::Less, tested, right, scope, span),
            ast::TestOp::LessOrEqual => {
                self.ordered(Comparison::LessOrEqual, tested, right, scope, span)
            }
            ast::TestOp::Greater => self.ordered(Comparison::Greater, tested, right, scope, span),
            ast::TestOp::GreaterOrEqual => {
                self.ordered(Comparison::GreaterOrEqual, tested, right, scope, span)
            }
            ast::TestOp::Equal | ast::TestOp::Is => self.equal(tested, right, scope, span),
            ast::TestOp::NotEqual | ast::TestOp::IsNot => {
                let it = self.equal(tested.clone(), right, scope, span);
                self.negated(tested, it, span)
            }
            ast::TestOp::IsOneOf | ast::TestOp::In => self.within(tested, right, scope, span),
            ast::TestOp::IsNotOneOf | ast::TestOp::NotIn => {
                let it = self.within(tested.clone(), right, scope, span);
                self.negated(tested, it, span)
            }
            ast::TestOp::Under => self.under(tested, right, scope, span),
            ast::TestOp::NotUnder => {
                let it = self.under(tested.clone(), right, scope, span);
                self.negated(tested, it, span)
            }
            ast::TestOp::StartsWith => {
                self.text_test(TextTest::StartsWith, tested, right, scope, span)
            }
            ast::TestOp::EndsWith => self.text_test(TextTest::EndsWith, tested, right, scope, span),
            ast::TestOp::Contains => self.text_test(TextTest::Contains, tested, right, scope, span),
        }
    }

    /// Reports what is wrong on the right although the left is wrong already; bare words are not.
    fn quietly(&mut self, right: &ast::Expr, scope: &Scope) {
        if !matches!(
            right.kind,
            ast::ExprKind::Path(_) | ast::ExprKind::Set(_) | ast::ExprKind::List(_)
        ) {
            self.either(right, scope);
        }
    }

    fn negated(&mut self, tested: E, it: E, span: Span) -> E {
        if it.ty == Type::Error {
            return it;
        }
        self.negated.push((tested, span));
        truth(Kind::Not(it), span)
    }

    fn ordered(
        &mut self,
        op: Comparison,
        left: E,
        right: &ast::Expr,
        scope: &Scope,
        span: Span,
    ) -> E {
        let right = self.value(right, Some(&left.ty), scope);
        let problem = typing::comparable(&self.schema, &left, &right)
            .or_else(|| typing::no_order(&left))
            .or_else(|| typing::no_order(&right));
        if let Some(problem) = problem {
            self.push(problem);
            return self.error(span);
        }
        if right.ty == Type::Error {
            return right;
        }
        let (left, right) = same_duration(left, right);
        truth(Kind::Compare(op, left, right), span)
    }

    fn equal(&mut self, left: E, right: &ast::Expr, scope: &Scope, span: Span) -> E {
        let right = self.either_as(right, &left.ty, scope);
        if right.ty == Type::Error {
            return right;
        }
        if let Some(problem) = typing::comparable(&self.schema, &left, &right) {
            self.push(problem);
            return self.error(span);
        }
        if left.ty == Type::Truth {
            return same_truth(left, right, span);
        }
        if left.ty.is_textual()
            && let Some(Value::Text(word)) = fold(&right)
        {
            let form = left.ty.form().max(right.ty.form());
            let word = Arc::from(text::form(&word, form).as_str());
            return truth(Kind::Member(left, Arc::from([word])), span);
        }
        let (left, right) = same_duration(left, right);
        truth(Kind::Compare(Comparison::Equal, left, right), span)
    }

    fn either_as(&mut self, expr: &ast::Expr, expected: &Type, scope: &Scope) -> E {
        if *expected == Type::Truth {
            self.test(expr, scope)
        } else {
            self.value(expr, Some(expected), scope)
        }
    }

    /// `is one of (…)`, `in (…)`, `in EU`, `in list x`.
    fn within(&mut self, left: E, right: &ast::Expr, scope: &Scope, span: Span) -> E {
        match &right.kind {
            ast::ExprKind::Set(members) => self.one_of(left, members, scope, span),
            ast::ExprKind::List(name) => self.in_list(left, name, Matching::Exact, scope, span),
            ast::ExprKind::Path(path) if path.len() == 1 => {
                if self.schema.groups.contains_key(&path[0].text) {
                    return self.in_group(left, &path[0], scope, span);
                }
                if self.lists.iter().any(|it| *it.name == path[0].text) {
                    let message = format!("`{}` is a list", path[0].text);
                    let help = format!("write `in list {}`", path[0].text);
                    let fix = format!("list {}", path[0].text);
                    let it = Diagnostic::new(Code::T2102, right.span, message);
                    self.push(it.help(help).fix(right.span, fix));
                    return self.error(span);
                }
                if scope.arguments.contains_key(&path[0].text) {
                    return self.one_of(left, std::slice::from_ref(right), scope, span);
                }
                self.unknown_group(left, right, &path[0], scope, span)
            }
            ast::ExprKind::Error => self.error(span),
            _ => self.one_of(left, std::slice::from_ref(right), scope, span),
        }
    }

    /// A single word after `in` is a group; a country or choice alone is a set of one.
    fn unknown_group(
        &mut self,
        left: E,
        right: &ast::Expr,
        name: &ast::Name,
        scope: &Scope,
        span: Span,
    ) -> E {
        let is_word = match &left.ty {
            Type::Country => crate::value::country::is_country(&name.text),
            Type::Choice(choice) => choice.rank(&name.text).is_some(),
            _ => false,
        };
        if is_word {
            return self.one_of(left, std::slice::from_ref(right), scope, span);
        }
        let groups = self.schema.groups.keys().map(String::as_str);
        let names = groups.chain(self.lists.iter().map(|it| &*it.name));
        let help = did_you_mean(&name.text, names)
            .unwrap_or_else(|| format!("for a list, write `in list {}`", name.text));
        let message = format!("unknown group `{}`", name.text);
        self.push(Diagnostic::new(Code::T2102, right.span, message).help(help));
        self.error(span)
    }

    fn one_of(&mut self, left: E, members: &[ast::Expr], scope: &Scope, span: Span) -> E {
        if left.ty == Type::Truth {
            let message = "a condition is not a member of a set";
            self.push(Diagnostic::new(Code::T3006, span, message).help("compare a value"));
            return self.error(span);
        }
        let mut parts = Vec::new();
        for member in members {
            let it = self.value(member, Some(&left.ty), scope);
            if it.ty == Type::Error {
                parts.push(None);
                continue;
            }
            if let Some(problem) = typing::comparable(&self.schema, &left, &it) {
                self.push(problem);
                parts.push(None);
                continue;
            }
            parts.push(Some(it));
        }
        let Some(parts) = parts.into_iter().collect::<Option<Vec<E>>>() else {
            return self.error(span);
        };
        let literals: Option<Vec<Value>> = parts.iter().map(fold).collect();
        match literals {
            Some(values) if left.ty.is_textual() => member(left, &values, span),
            Some(mut values) if left.ty != Type::Duration => {
                values.sort();
                values.dedup();
                truth(Kind::OneOf(left, Arc::from(values)), span)
            }
            _ => {
                let equal = |it: E| {
                    let (left, right) = same_duration(left.clone(), it);
                    truth(Kind::Compare(Comparison::Equal, left, right), span)
                };
                truth(Kind::Or(parts.into_iter().map(equal).collect()), span)
            }
        }
    }

    fn in_group(&mut self, left: E, name: &ast::Name, scope: &Scope, span: Span) -> E {
        if left.ty != Type::Country {
            let message = format!("`{}` is a group of countries", name.text);
            let it = Diagnostic::new(Code::T3005, left.span, message).here(left.ty.words());
            self.push(it.help("test a country field"));
            return self.error(span);
        }
        let dated = self
            .schema
            .groups
            .get(&name.text)
            .is_some_and(|it| it.members.iter().any(|it| it.from.is_some() || it.to.is_some()));
        let date = if dated { self.acceptance(scope, span) } else { None };
        if dated && date.is_none() {
            return self.error(span);
        }
        truth(Kind::InGroup(left, Arc::from(name.text.as_str()), date), span)
    }

    fn in_list(
        &mut self,
        left: E,
        name: &ast::Name,
        matching: Matching,
        scope: &Scope,
        span: Span,
    ) -> E {
        let Some(list) = self.find_list(name) else { return self.error(span) };
        let key = self.lists[list].key.first().copied().unwrap_or(0);
        // A list without columns is told where it stands.
        let column = self.lists[list].columns.get(key);
        let Some(ty) = column.map(|it| it.ty.clone()) else { return self.error(span) };
        let wanted = literal(Value::Missing(crate::value::Reason::NotGiven), ty, left.span);
        if let Some(problem) = typing::comparable(&self.schema, &left, &wanted) {
            let help = format!("the key of list `{}` is {}", name.text, wanted.ty.words());
            self.push(problem.help(help));
            return self.error(span);
        }
        if self.lists[list].key.len() != 1 {
            let message = format!("list `{}` has a key of several columns", name.text);
            let it = Diagnostic::new(Code::T2106, span, message);
            self.push(it.help("ask with `lookup(list, …).column is given`"));
            return self.error(span);
        }
        let date = if self.lists[list].dated { self.acceptance(scope, span) } else { None };
        if self.lists[list].dated && date.is_none() {
            return self.error(span);
        }
        truth(Kind::InList(InList { list, key: left, matching, date }), span)
    }

    fn under(&mut self, left: E, right: &ast::Expr, scope: &Scope, span: Span) -> E {
        let Type::Code(nomenclature) = left.ty.clone() else {
            let message = format!("`under` needs a code on its left, not {}", left.ty.words());
            let it = Diagnostic::new(Code::T3005, left.span, message).here(left.ty.words());
            self.push(it.help("test a field of type `code of …`"));
            return self.error(span);
        };
        let codes = match &right.kind {
            ast::ExprKind::List(name) => {
                return self.in_list(left, name, Matching::Prefix, scope, span);
            }
            ast::ExprKind::Set(members) => members.iter().collect(),
            _ => vec![right],
        };
        let mut prefixes = Vec::new();
        for code in codes {
            let it = self.value(code, Some(&left.ty), scope);
            if it.ty == Type::Error {
                return self.error(span);
            }
            if let Some(problem) = typing::comparable(&self.schema, &left, &it) {
                self.push(problem);
                return self.error(span);
            }
            match fold(&it) {
                Some(Value::Text(text)) => prefixes.push(text),
                _ => {
                    let message = "`under` takes a fixed code";
                    let help = format!("write a code, such as `{nomenclature} 8517`");
                    self.push(Diagnostic::new(Code::T3005, it.span, message).help(help));
                    return self.error(span);
                }
            }
        }
        prefixes.sort();
        prefixes.dedup();
        truth(Kind::Under(left, Arc::from(prefixes)), span)
    }

    fn text_test(
        &mut self,
        op: TextTest,
        left: E,
        right: &ast::Expr,
        scope: &Scope,
        span: Span,
    ) -> E {
        let right = self.value(right, Some(&left.ty), scope);
        if right.ty == Type::Error {
            return right;
        }
        for it in [&left, &right] {
            if !matches!(it.ty, Type::Text(_)) {
                let message = format!("this test is for text, not {}", it.ty.words());
                let help = match it.ty {
                    Type::Code(_) => "use `under`",
                    _ => "use `is`, or `is one of (…)`",
                };
                let it = Diagnostic::new(Code::T3005, it.span, message).here(it.ty.words());
                self.push(it.help(help));
                return self.error(span);
            }
        }
        let form = left.ty.form().max(right.ty.form());
        if let Some(Value::Text(it)) = fold(&right)
            && text::form(&it, form).is_empty()
        {
            let message = "this test is true of every text: nothing is left of what is looked for";
            let it = Diagnostic::new(Code::T6010, right.span, message);
            self.push(it.help("look for letters or digits: in a name signs do not matter"));
        }
        truth(Kind::TextTest(op, left, right), span)
    }

    pub fn between(
        &mut self,
        negated: bool,
        value: &ast::Expr,
        (low, high): (&ast::Expr, &ast::Expr),
        scope: &Scope,
        span: Span,
    ) -> E {
        let it = self.value(value, None, scope);
        if it.ty == Type::Error {
            return it;
        }
        let from = self.ordered(Comparison::GreaterOrEqual, it.clone(), low, scope, span);
        let to = self.ordered(Comparison::LessOrEqual, it.clone(), high, scope, span);
        if from.ty == Type::Error || to.ty == Type::Error {
            return self.error(span);
        }
        let both = truth(Kind::And(vec![from, to]), span);
        if negated { self.negated(it, both, span) } else { both }
    }
}

/// Text among fixed words, in the form of the tested side.
fn member(left: E, values: &[Value], span: Span) -> E {
    let form = left.ty.form();
    let mut words: Vec<Arc<str>> = values
        .iter()
        .filter_map(|it| match it {
            Value::Text(word) => Some(Arc::from(text::form(word, form).as_str())),
            _ => None,
        })
        .collect();
    words.sort();
    words.dedup();
    truth(Kind::Member(left, Arc::from(words)), span)
}

/// Days beside a difference of instants are 24 hours each.
fn same_duration(left: E, right: E) -> (E, E) {
    let time = |it: &E| typing::duration_kind(it) == Some(typing::DurationKind::Time);
    let as_time = |it: &E| {
        let value = typing::days_as_time(&fold(it)?)?;
        Some(Arc::new(Expr { kind: Kind::Literal(value), ty: Type::Duration, span: it.span }))
    };
    let (a, b) = (time(&left), time(&right));
    match (a, b) {
        (true, false) => (left.clone(), as_time(&right).unwrap_or(right)),
        (false, true) => (as_time(&left).unwrap_or(left), right),
        _ => (left, right),
    }
}

/// Both true or both false; a literal leaves the other side, or its negation.
fn same_truth(left: E, right: E, span: Span) -> E {
    match fold(&right) {
        Some(Value::Truth(true)) => left,
        Some(Value::Truth(false)) => truth(Kind::Not(left), span),
        _ => {
            let not = |it: &E| truth(Kind::Not(it.clone()), span);
            let both = truth(Kind::And(vec![left.clone(), right.clone()]), span);
            let neither = truth(Kind::And(vec![not(&left), not(&right)]), span);
            truth(Kind::Or(vec![both, neither]), span)
        }
    }
}
