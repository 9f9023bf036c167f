//! Names: fields, derived fields, parameters, definitions, functions, words of choices.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::Function;
use crate::ir::Kind;
use crate::ir::Lookup;
use crate::ir::function;
use crate::ir::function::Takes;
use crate::ir::literal::literal;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::ir::typing;
use crate::schema::Choice;
use crate::schema::Number;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::value::Value;
use crate::value::calendar;
use crate::value::country;
use crate::value::unit;

/// `monday` to `sunday`, in this order.
pub fn weekdays() -> Type {
    Type::Choice(Arc::new(Choice {
        name: "weekday".to_owned(),
        values: calendar::WEEKDAYS.iter().map(|it| (*it).to_owned()).collect(),
        ordered: true,
    }))
}

impl Lowering<'_> {
    pub fn path(
        &mut self,
        path: &[ast::Name],
        expected: Option<&Type>,
        scope: &Scope,
        span: Span,
    ) -> E {
        match path {
            [name] => self.single(name, expected, scope),
            [record, name] => self.qualified(record, name, scope, span),
            _ => {
                let message = "a name has at most two parts here";
                let help = "write `record.field`, `relation.field` or `profile.statistic`";
                self.push(Diagnostic::new(Code::T2101, span, message).help(help));
                self.error(span)
            }
        }
    }

    fn qualified(&mut self, record: &ast::Name, name: &ast::Name, scope: &Scope, span: Span) -> E {
        if record.text == "this" {
            return self.this(name, scope, span);
        }
        if let Some(block) = self.profiles.get(record.text.as_str()).copied() {
            return self.profile(block, record, name, scope, span);
        }
        if let Some(it) = self.relation(record, name, scope, span) {
            return it;
        }
        let Some(id) = self.schema.find_record(&record.text) else {
            return self.unknown_qualifier(record, scope);
        };
        if !self.schema.lineage(scope.record).contains(&id) {
            return self.wrong_level(name, id, scope);
        }
        match self.own_field(id, name, span) {
            Some(it) => it,
            None => self.unknown(name, None, scope),
        }
    }

    pub fn single(&mut self, name: &ast::Name, expected: Option<&Type>, scope: &Scope) -> E {
        if let Some(it) = scope.arguments.get(&name.text) {
            return it.clone();
        }
        let outer = scope.judged.as_ref().and_then(|it| it.arguments.get(&name.text));
        if let Some(it) = outer.cloned() {
            return self.seen(it, name.span);
        }
        if let Some(it) = self.around_twice(name, scope) {
            return it;
        }
        let word = expected.and_then(|it| self.word(name, it));
        let field = self
            .schema
            .lineage(scope.record)
            .into_iter()
            .find_map(|record| self.own_field(record, name, name.span));
        match (word, field) {
            (Some(_), Some(_)) => {
                let message = format!("`{}` is a value here, and a field", name.text);
                let record = self.schema.record(scope.record).name.clone();
                self.push(
                    Diagnostic::new(Code::T2103, name.span, message)
                        .help(format!("for the field, write `{record}.{}`", name.text)),
                );
                self.error(name.span)
            }
            (Some(it), None) | (None, Some(it)) => it,
            (None, None) => self.shared(name, expected, scope),
        }
    }

    /// A parameter or a definition without arguments.
    fn shared(&mut self, name: &ast::Name, expected: Option<&Type>, scope: &Scope) -> E {
        if let Some(at) = self.parameters.iter().position(|it| *it.name == name.text) {
            let ty = self.parameters[at].ty.clone();
            let dated = self.parameters[at].values.iter().any(|it| it.0.is_some());
            let date = if dated { self.acceptance(scope, name.span) } else { None };
            if dated && date.is_none() {
                return self.error(name.span);
            }
            return Arc::new(Expr { kind: Kind::Parameter(at, date), ty, span: name.span });
        }
        if let Some(block) = self.defines.get(name.text.as_str()).copied() {
            return self.define(name, &[], block, scope, name.span);
        }
        if let Some(record) = self.elsewhere(name, scope) {
            return self.wrong_level(name, record, scope);
        }
        self.unknown(name, expected, scope)
    }

    /// A stored or derived field of this very record.
    pub fn own_field(&mut self, record: RecordId, name: &ast::Name, span: Span) -> Option<E> {
        if let Some(id) = self.schema.find_field(record, &name.text) {
            let ty = self.schema.field(id).ty.clone();
            return Some(Arc::new(Expr { kind: Kind::Field(id), ty, span }));
        }
        let derived = *self.derived.get(&(record, name.text.as_str()))?;
        let key = derived.mark();
        if self.open.contains(&key) {
            let message = format!("`{}` needs itself", name.text);
            let it = Diagnostic::new(Code::T2105, derived.name.span, message);
            self.push(it.help("take one of the derived fields of the circle out"));
            return Some(self.error(span));
        }
        if self.too_large(span) {
            return Some(self.error(span));
        }
        self.open.push(key);
        let scope = Scope { record, arguments: BTreeMap::new(), judged: None, valid: (None, None) };
        let negated = std::mem::take(&mut self.negated);
        let it = self.either(&derived.value, &scope);
        self.negated = negated;
        self.open.pop();
        if self.too_heavy(&it, span) {
            return Some(self.error(span));
        }
        if let Some(unit) = &derived.unit {
            self.check_unit(&it, unit);
        }
        let kind = Kind::Named(Arc::from(name.text.as_str()), it.clone());
        Some(Arc::new(Expr { kind, ty: it.ty.clone(), span }))
    }

    fn check_unit(&mut self, it: &E, unit: &ast::Text) {
        if it.ty == Type::Error {
            return;
        }
        let declared = unit::parse(&unit.text).map(|it| it.0);
        let found = typing::number(&it.ty).dimension;
        if declared.as_ref() != Some(&found) {
            let message = format!("this is {}, not {}", found.words(), unit.text);
            let it = Diagnostic::new(Code::T3001, unit.span, message);
            self.push(it.help(format!("write `in {}`", found.unit_text())));
        }
    }

    /// The country, currency or choice that a bare name is where one is expected.
    pub fn word(&mut self, name: &ast::Name, expected: &Type) -> Option<E> {
        let known = match expected {
            Type::Country => country::is_country(&name.text),
            Type::Currency => country::is_currency(&name.text),
            Type::Choice(choice) => choice.rank(&name.text).is_some(),
            _ => false,
        };
        known.then(|| literal(Value::text(&name.text), expected.clone(), name.span))
    }

    fn elsewhere(&self, name: &ast::Name, scope: &Scope) -> Option<RecordId> {
        let visible = self.schema.lineage(scope.record);
        (0..self.schema.records.len()).map(RecordId).filter(|it| !visible.contains(it)).find(|it| {
            self.schema.find_field(*it, &name.text).is_some()
                || self.derived.contains_key(&(*it, name.text.as_str()))
        })
    }

    fn wrong_level(&mut self, name: &ast::Name, record: RecordId, scope: &Scope) -> E {
        let there = self.schema.record(record).name.clone();
        let here = self.schema.record(scope.record).name.clone();
        let message = format!("`{}` belongs to {there}, this rule judges each {here}", name.text);
        let inside = self.schema.lineage(record).contains(&scope.record);
        let help = if inside {
            format!("write `any {there} has ({} …)`, or `for each {there}` in the rule", name.text)
        } else {
            format!("write `for each {there}` in the rule, or count `past {there}s`")
        };
        self.push(Diagnostic::new(Code::T2109, name.span, message).help(help));
        self.error(name.span)
    }

    pub fn call(
        &mut self,
        name: &ast::Name,
        arguments: &[ast::Expr],
        scope: &Scope,
        span: Span,
    ) -> E {
        if let Some(block) = self.defines.get(name.text.as_str()).copied() {
            return self.define(name, arguments, block, scope, span);
        }
        if name.text == "hit" {
            return self.hit(arguments, scope, span);
        }
        if name.text == "lookup" {
            let message = "a lookup gives a whole entry: name the column";
            let help = "write `lookup(list, key).column`";
            self.push(Diagnostic::new(Code::T2106, span, message).help(help));
            return self.error(span);
        }
        let Some(row) = function::find(&name.text) else {
            let names = function::FUNCTIONS.iter().map(|it| it.name).chain(["hit", "lookup"]);
            let names = names.chain(self.defines.keys().copied());
            let help = did_you_mean(&name.text, names)
                .unwrap_or_else(|| "name the idea with a `define` block".into());
            let message = format!("unknown function `{}`", name.text);
            self.push(Diagnostic::new(Code::T2110, name.span, message).help(help));
            return self.error(span);
        };
        self.builtin(row, arguments, scope, span)
    }

    fn builtin(
        &mut self,
        row: &'static function::Row,
        arguments: &[ast::Expr],
        scope: &Scope,
        span: Span,
    ) -> E {
        let (least, most) = row.arguments;
        if arguments.len() < least || most < arguments.len() {
            let message = format!("`{}` is {}", row.name, row.summary);
            let count =
                if least == most { least.to_string() } else { format!("{least} to {most}") };
            self.push(
                Diagnostic::new(Code::T2106, span, message)
                    .help(format!("give it {count} values in parentheses")),
            );
            return self.error(span);
        }
        let given: Vec<E> = arguments.iter().map(|it| self.value(it, None, scope)).collect();
        if given.iter().any(|it| it.ty == Type::Error) {
            return self.error(span);
        }
        if let Some(problem) = self.misfit(row, &given) {
            self.push(problem);
            return self.error(span);
        }
        let ty = self.result(row.function, &given);
        let given = match row.function {
            Function::Min | Function::Max => {
                given.into_iter().map(|it| self.widen(it, &ty)).collect()
            }
            _ => given,
        };
        Arc::new(Expr { kind: Kind::Call(row.function, given), ty, span })
    }

    fn misfit(&self, row: &function::Row, given: &[E]) -> Option<Diagnostic> {
        let wrong = |it: &E, wanted: &str| {
            let message = format!("`{}` takes {wanted}, not {}", row.name, it.ty.words());
            let help = format!("`{}` is {}", row.name, row.summary);
            Some(Diagnostic::new(Code::T2106, it.span, message).help(help))
        };
        let first = &given[0];
        match row.takes {
            Takes::Number => {
                if let Some(it) = given.iter().find(|it| !it.ty.is_numeric()) {
                    return wrong(it, "numbers");
                }
                given[1..].iter().find_map(|it| typing::same_dimension(first, it, "compared"))
            }
            Takes::NumberAndDigits if !first.ty.is_numeric() => wrong(first, "a number"),
            Takes::NumberAndDigits => match &given[1].kind {
                Kind::Literal(Value::Whole(0..=9)) => None,
                _ => wrong(&given[1], "0 to 9 decimals"),
            },
            Takes::Date if first.ty != Type::Date => wrong(first, "a date"),
            Takes::DateTime if first.ty != Type::DateTime => wrong(first, "a date-time"),
            Takes::Text if !matches!(first.ty, Type::Text(_)) => wrong(first, "text"),
            Takes::Date | Takes::DateTime | Takes::Text => None,
        }
    }

    fn result(&self, function: Function, given: &[E]) -> Type {
        match function {
            Function::Abs => given[0].ty.clone(),
            Function::Round => match (&given[0].ty, &given[1].kind) {
                (Type::Number(it), Kind::Literal(Value::Whole(n))) => {
                    let decimals = u8::try_from(*n).unwrap_or(it.scale);
                    Type::Number(Number { scale: it.scale.min(decimals), ..it.clone() })
                }
                (ty, _) => ty.clone(),
            },
            Function::Min | Function::Max => {
                let first = given[0].ty.clone();
                given[1..].iter().fold(first, |ty, it| self.common(&ty, &it.ty))
            }
            Function::Year | Function::Month | Function::Day => Type::Whole,
            Function::Hour | Function::Minute | Function::Length => Type::Whole,
            Function::Weekday => weekdays(),
            Function::DateOf => Type::Date,
        }
    }

    /// `hit(R0201)`
    fn hit(&mut self, arguments: &[ast::Expr], scope: &Scope, span: Span) -> E {
        if scope.judged.is_some() {
            let it = Diagnostic::new(Code::T1109, span, "outcomes of past rows are not kept");
            self.push(it.help("write the condition itself"));
            return self.error(span);
        }
        let name = match arguments {
            [ast::Expr { kind: ast::ExprKind::Path(path), .. }] if path.len() == 1 => &path[0],
            _ => {
                let message = "`hit` takes the identifier of one rule";
                let it = Diagnostic::new(Code::T2106, span, message);
                self.push(it.help("write `hit(R0201)`"));
                return self.error(span);
            }
        };
        let Some(id) = self.rule_ids.get(&name.text).copied() else {
            let message = format!("unknown rule `{}`", name.text);
            let help = did_you_mean(&name.text, self.rule_ids.keys().map(String::as_str))
                .unwrap_or_else(|| "use the identifier after `rule`".into());
            self.push(Diagnostic::new(Code::T2101, name.span, message).help(help));
            return self.error(span);
        };
        let Some(level) = self.levels[id.0] else { return self.error(span) };
        if !self.schema.lineage(scope.record).contains(&level) {
            if self.schema.lineage(level).contains(&scope.record) {
                let name = name.clone();
                return self.hit_inside(id, &name, scope, span);
            }
            let message =
                format!("rule {} judges each {}", name.text, self.schema.record(level).name);
            let it = Diagnostic::new(Code::T2109, span, message);
            self.push(it.help("ask about a rule of this level, or of one inside or around it"));
            return self.error(span);
        }
        Arc::new(Expr { kind: Kind::Hit(id), ty: Type::Truth, span })
    }

    /// `lookup(reference_prices, hs).price`
    pub fn member(&mut self, base: &ast::Expr, name: &ast::Name, scope: &Scope, span: Span) -> E {
        let (call, arguments) = match &base.kind {
            ast::ExprKind::Call { name, arguments } if name.text == "lookup" => (name, arguments),
            _ => {
                let message = "only a record, a relation, a profile or a lookup has parts";
                let help = "write `lookup(list, key).column`, or `profile.statistic`";
                self.push(Diagnostic::new(Code::T2101, span, message).help(help));
                return self.error(span);
            }
        };
        let list_name = match arguments.first().map(|it| &it.kind) {
            Some(ast::ExprKind::Path(path)) if path.len() == 1 => path[0].clone(),
            Some(ast::ExprKind::List(name)) => name.clone(),
            _ => {
                let it = Diagnostic::new(Code::T2106, call.span, "`lookup` begins with a list");
                self.push(it.help("write `lookup(list, key).column`"));
                return self.error(span);
            }
        };
        let Some(list) = self.find_list(&list_name) else { return self.error(span) };
        let Some(column) = self.lists[list].columns.iter().position(|it| it.name == name.text)
        else {
            let names = self.lists[list].columns.iter().map(|it| it.name.as_str());
            let help = did_you_mean(&name.text, names)
                .unwrap_or_else(|| "name a column that the list declares".into());
            let message = format!("list `{}` has no column `{}`", list_name.text, name.text);
            self.push(Diagnostic::new(Code::T2101, name.span, message).help(help));
            return self.error(span);
        };
        let Some(keys) = self.lookup_keys(list, &arguments[1..], scope, span) else {
            return self.error(span);
        };
        let date = if self.lists[list].dated { self.acceptance(scope, span) } else { None };
        self.looked_up(list);
        let ty = self.lists[list].columns[column].ty.clone();
        Arc::new(Expr { kind: Kind::Lookup(Lookup { list, keys, column, date }), ty, span })
    }

    /// Who looks entries up needs each key once: what repeats one is said, once a list.
    pub(in crate::ir) fn looked_up(&mut self, list: usize) {
        if self.lists[list].repeated.is_empty() {
            return;
        }
        let repeated = std::mem::take(&mut Arc::make_mut(&mut self.lists[list]).repeated);
        for (span, message) in repeated {
            let it = Diagnostic::new(Code::T9004, span, message);
            self.push(it.help("keep one of the entries, or part their dates"));
        }
    }

    fn lookup_keys(
        &mut self,
        list: usize,
        arguments: &[ast::Expr],
        scope: &Scope,
        span: Span,
    ) -> Option<Vec<E>> {
        let it = &self.lists[list];
        let columns: Vec<(String, Type)> = it
            .key
            .iter()
            .map(|at| (it.columns[*at].name.clone(), it.columns[*at].ty.clone()))
            .collect();
        if columns.len() != arguments.len() {
            let names: Vec<&str> = columns.iter().map(|it| it.0.as_str()).collect();
            let message = format!("list `{}` has the key {}", it.name, names.join(", "));
            self.push(
                Diagnostic::new(Code::T2106, span, message)
                    .help("give one value for each column of the key, in their order"),
            );
            return None;
        }
        let mut keys = Vec::new();
        for ((_, ty), argument) in columns.iter().zip(arguments) {
            let key = self.value(argument, Some(ty), scope);
            let wanted =
                literal(Value::Missing(crate::value::Reason::NotGiven), ty.clone(), key.span);
            if let Some(problem) = typing::comparable(&self.schema, &key, &wanted) {
                self.push(problem);
                return None;
            }
            if key.ty == Type::Error {
                return None;
            }
            keys.push(key);
        }
        Some(keys)
    }

    pub fn find_list(&mut self, name: &ast::Name) -> Option<usize> {
        let found = self.lists.iter().position(|it| *it.name == name.text);
        if found.is_none() {
            let message = format!("unknown list `{}`", name.text);
            let help = did_you_mean(&name.text, self.lists.iter().map(|it| &*it.name))
                .unwrap_or_else(|| format!("declare it: `list {} file \"…\"`", name.text));
            self.push(Diagnostic::new(Code::T2102, name.span, message).help(help));
        }
        found
    }
}
