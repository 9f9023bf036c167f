//! One logical line to its node: heads and lines of blocks, and what to say when pest refuses.

use pest::iterators::Pair;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::source::FileId;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::LineKind;
use crate::syntax::from_pest::Builder;
use crate::syntax::from_pest::Rule;
use crate::syntax::many::parts;
use crate::syntax::policy;
use crate::syntax::refusal::parse;
use crate::syntax::scan::Logical;
use crate::syntax::scan::first_word;

/// The head of a block, or `None` with the reason reported.
pub fn head(id: FileId, it: &Logical, diagnostics: &mut Vec<Diagnostic>) -> Option<ast::Head> {
    let pair = parse(Rule::head, id, it.start, &it.text, diagnostics)?;
    let mut builder = Builder { id, base: it.start, diagnostics, failed: false };
    let inner = pair.into_inner().next()?;
    let head = builder.head(inner);
    if builder.failed { None } else { head }
}

/// A line of a block, or `None` with the reason reported.
pub fn line(id: FileId, it: &Logical, diagnostics: &mut Vec<Diagnostic>) -> Option<LineKind> {
    let text = it.text.trim_start();
    let base = it.start + it.text.len() - text.len();
    let pair = parse(rule_of(text)?, id, base, text, diagnostics)?;
    let mut builder = Builder { id, base, diagnostics, failed: false };
    let kind = builder.line(pair);
    if builder.failed { None } else { kind }
}

/// The rule that reads a line, by its first word.
fn rule_of(text: &str) -> Option<Rule> {
    Some(match first_word(text) {
        "" => Rule::bullet,
        "owner" | "reviewed" | "status" | "tags" | "see" | "note" => Rule::meta,
        "valid" => Rule::valid,
        "for" => Rule::for_line,
        "when" => Rule::when,
        "unless" => Rule::unless,
        "then" => Rule::then,
        "score" => Rule::score,
        "channel" => Rule::channel,
        "show" => Rule::show,
        "because" => Rule::because,
        "as" => Rule::as_line,
        "column" => Rule::column,
        "dated" => Rule::dated,
        "key" => Rule::key,
        "field" => Rule::field,
        "derived" => Rule::derived,
        "has" => Rule::has,
        "refers" => Rule::refers,
        "history" => Rule::history,
        "of" => Rule::profile_of,
        "by" => Rule::by_line,
        "else" => Rule::otherwise,
        "window" => Rule::window,
        "refresh" => Rule::refresh,
        "require" => Rule::require,
        "gives" => Rule::gives,
        "allow" => Rule::allow,
        word => return policy::rule_of(word),
    })
}

fn inner_of(pair: Pair<Rule>, rule: Rule) -> Option<Pair<Rule>> {
    pair.into_inner().find(|it| it.as_rule() == rule)
}

impl Builder<'_> {
    pub(in crate::syntax) fn names(&self, pairs: &[Pair<Rule>]) -> Vec<ast::Name> {
        let is_name = |it: &&Pair<Rule>| matches!(it.as_rule(), Rule::word | Rule::name);
        pairs.iter().filter(is_name).map(|it| self.name(it)).collect()
    }

    pub(in crate::syntax) fn string_of(&self, pairs: &[Pair<Rule>]) -> Option<ast::Text> {
        let it = pairs.iter().find(|it| it.as_rule() == Rule::string)?;
        Some(self.text(it.clone()))
    }

    pub(in crate::syntax) fn part<'i>(
        pairs: &[Pair<'i, Rule>],
        rule: Rule,
    ) -> Option<Pair<'i, Rule>> {
        pairs.iter().find(|it| it.as_rule() == rule).cloned()
    }

    fn line(&mut self, pair: Pair<Rule>) -> Option<LineKind> {
        let rule = pair.as_rule();
        if rule == Rule::bullet {
            return self.bullet(pair).map(LineKind::Bullet);
        }
        if policy::is_line(rule) {
            return self.policy_line(pair).map(LineKind::Policy);
        }
        let pairs = parts(pair);
        let names = self.names(&pairs);
        let mut name = names.iter().cloned();
        let body = |it: &mut Self| Self::part(&pairs, Rule::body).and_then(|pair| it.body(pair));
        Some(match rule {
            Rule::meta => self.meta(&pairs)?,
            Rule::valid => {
                let date = |it: &mut Self, rule| {
                    inner_of(Self::part(&pairs, rule)?, Rule::date).and_then(|pair| it.date(&pair))
                };
                LineKind::Valid { from: date(self, Rule::from_date), to: date(self, Rule::to_date) }
            }
            Rule::for_line => LineKind::For {
                each: Self::part(&pairs, Rule::each).is_some(),
                record: name.next()?,
                of: name.next(),
            },
            Rule::when => LineKind::When(body(self)?),
            Rule::unless => LineKind::Unless(body(self)?),
            Rule::as_line => LineKind::As(body(self)?),
            Rule::then => LineKind::Then,
            Rule::score => LineKind::Score(self.expr(Self::part(&pairs, Rule::expr)?)),
            Rule::channel => LineKind::Channel {
                name: name.next()?,
                mandatory: Self::part(&pairs, Rule::mandatory).is_some(),
            },
            Rule::show => LineKind::Show(pairs.into_iter().map(|it| self.expr(it)).collect()),
            Rule::because => LineKind::Because(self.message(Self::part(&pairs, Rule::string)?)),
            Rule::column => LineKind::Column {
                name: name.next()?,
                ty: self.type_ref(Self::part(&pairs, Rule::type_ref)?)?,
                personal: Self::part(&pairs, Rule::personal).is_some(),
                key: match () {
                    () if Self::part(&pairs, Rule::prefix_key).is_some() => {
                        ast::ColumnKey::PrefixKey
                    }
                    () if Self::part(&pairs, Rule::key_column).is_some() => ast::ColumnKey::Key,
                    () => ast::ColumnKey::None,
                },
            },
            Rule::dated => LineKind::Dated(ast::Dated { from: name.next()?, to: name.next()? }),
            Rule::key => LineKind::Key(names),
            Rule::field => LineKind::Field {
                name: name.next()?,
                ty: self.type_ref(Self::part(&pairs, Rule::type_ref)?)?,
                required: Self::part(&pairs, Rule::required).is_some(),
                personal: Self::part(&pairs, Rule::personal).is_some(),
                formerly: Self::part(&pairs, Rule::formerly)
                    .and_then(|it| inner_of(it, Rule::word))
                    .map(|it| self.name(&it)),
                known: Self::part(&pairs, Rule::known_later)
                    .or(Self::part(&pairs, Rule::known_when))
                    .map(|it| inner_of(it, Rule::word).map(|it| self.name(&it))),
                label: self.string_of(&pairs),
            },
            Rule::derived => LineKind::Derived {
                name: name.next()?,
                value: {
                    let it = Self::part(&pairs, Rule::sum).or(Self::part(&pairs, Rule::expr))?;
                    self.expr(it)
                },
                unit: self.unit(&pairs),
                label: self.string_of(&pairs),
            },
            Rule::has => {
                LineKind::Has(pairs.into_iter().filter_map(|it| self.has_one(it)).collect())
            }
            Rule::refers => LineKind::Refers {
                name: name.next()?,
                by: name.next()?,
                to: name.next()?,
                as_of: name.next(),
            },
            Rule::history => self.history(pairs),
            _ => self.profile_line(rule, pairs)?,
        })
    }

    /// A line of a profile.
    fn profile_line(&mut self, rule: Rule, pairs: Vec<Pair<Rule>>) -> Option<LineKind> {
        let mut depth = 0;
        Some(match rule {
            Rule::profile_of => {
                let mut rest = pairs;
                let span = self.span(rest.first()?);
                let measure = self.measure(rest.remove(0), &mut depth)?;
                LineKind::Of(measure, Box::new(self.rows(rest, &mut depth, span)?))
            }
            Rule::by_line | Rule::otherwise => LineKind::By {
                otherwise: rule == Rule::otherwise,
                keys: pairs.into_iter().map(|it| self.same_key(it)).collect(),
            },
            Rule::window => LineKind::Window(self.quantity_of(pairs.into_iter().next()?)),
            Rule::refresh => LineKind::Refresh { exact: Self::part(&pairs, Rule::exact).is_some() },
            Rule::require => {
                let values = Self::count_of(pairs.first()?)?;
                let support = Self::part(&pairs, Rule::support).and_then(|it| {
                    let all = parts(it);
                    let count = Self::count_of(all.first()?)?;
                    Some((count, self.path_of(all.get(1)?)))
                });
                LineKind::Require { values, support }
            }
            Rule::gives => LineKind::Gives(self.names(&pairs)),
            _ => LineKind::AllowPartial,
        })
    }

    fn unit(&self, pairs: &[Pair<Rule>]) -> Option<ast::Text> {
        let it = Self::part(pairs, Rule::unit)?;
        Some(ast::Text { text: it.as_str().to_owned(), span: self.span(&it) })
    }

    fn has_one(&self, pair: Pair<Rule>) -> Option<ast::Has> {
        let mut parts = pair.into_inner();
        let record = self.name(&parts.next()?);
        let mut bound = || parts.next()?.as_str().parse().ok();
        Some(ast::Has { record, least: bound()?, most: bound()? })
    }

    fn history(&mut self, pairs: Vec<Pair<Rule>>) -> LineKind {
        let (mut event, mut date, mut known_from) = (None, None, None);
        let (mut complete_since, mut complete_until) = (None, None);
        for part in pairs.into_iter().filter_map(|it| it.into_inner().next()) {
            let rule = part.as_rule();
            let Some(value) = parts(part).pop() else { continue };
            match rule {
                Rule::h_event => event = Some(self.name(&value)),
                Rule::h_date => date = Some(self.name(&value)),
                Rule::h_known => known_from = Some(self.name(&value)),
                Rule::h_until => complete_until = self.date(&value),
                _ => complete_since = self.date(&value),
            }
        }
        LineKind::History { event, date, known_from, complete_since, complete_until }
    }

    fn meta(&mut self, pairs: &[Pair<Rule>]) -> Option<LineKind> {
        let key = match pairs.first()?.as_str().trim() {
            "owner" => ast::MetaKey::Owner,
            "status" => ast::MetaKey::Status,
            "tags" => ast::MetaKey::Tags,
            "see" => ast::MetaKey::See,
            "reviewed" => ast::MetaKey::Reviewed,
            _ => ast::MetaKey::Note,
        };
        let mut values = Vec::new();
        for value in &pairs[1..] {
            let inner = value.clone().into_inner().next()?;
            values.push(match inner.as_rule() {
                Rule::string => ast::MetaValue::Text(self.text(inner)),
                Rule::date => ast::MetaValue::Date(self.date(&inner)?),
                _ => ast::MetaValue::Name(self.name(&inner)),
            });
        }
        Some(LineKind::Meta { key, values })
    }

    fn body(&mut self, pair: Pair<Rule>) -> Option<ast::Body> {
        let inner = pair.into_inner().next()?;
        match inner.as_rule() {
            Rule::combiner | Rule::b_combiner => {
                let span = self.span(&inner);
                Some(ast::Body::Combiner(combiner(inner)?, span))
            }
            _ => Some(ast::Body::Expr(self.expr(inner))),
        }
    }

    fn bullet(&mut self, pair: Pair<Rule>) -> Option<ast::Bullet> {
        let pairs = parts(pair);
        let depth = u8::try_from(pairs.first()?.as_str().len()).unwrap_or(u8::MAX);
        let body = self.body(Self::part(&pairs, Rule::bullet_body)?)?;
        let date = |it: &mut Self, rule| {
            inner_of(Self::part(&pairs, rule)?, Rule::date).and_then(|pair| it.date(&pair))
        };
        let since = date(self, Rule::since);
        let until = date(self, Rule::until);
        Some(ast::Bullet { depth, name: self.string_of(&pairs), body, since, until })
    }

    /// The text of `because`, cut at its braces.
    fn message(&mut self, pair: Pair<Rule>) -> ast::Message {
        let span = self.span(&pair);
        let inner = pair.into_inner().next();
        let (raw, at) =
            inner.map_or((String::new(), 0), |it| (it.as_str().to_owned(), it.as_span().start()));
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = raw.as_str();
        while let Some(open) = rest.find(['{', '}']) {
            text += rest.get(..open).unwrap_or_default();
            let brace = rest.get(open..open + 1).unwrap_or_default();
            let after = rest.get(open + 1..).unwrap_or_default();
            if let Some(next) = after.strip_prefix(brace) {
                text += brace;
                rest = next;
                continue;
            }
            let offset = self.base + at + raw.len() - after.len();
            let end = if brace == "{" { after.find('}') } else { None };
            let Some(end) = end else {
                let place = Span::new(self.id, offset - 1, offset);
                let it = Diagnostic::new(Code::T1105, place, "this brace has no partner");
                self.fail(it.help("write `{value}`, or `{{` for the sign itself"));
                break;
            };
            if !text.is_empty() {
                pieces.push(ast::Piece::Text(std::mem::take(&mut text)));
            }
            pieces.extend(self.piece(after.get(..end).unwrap_or_default(), offset));
            rest = after.get(end + 1..).unwrap_or_default();
        }
        text += if rest.contains(['{', '}']) { "" } else { rest };
        if !text.is_empty() {
            pieces.push(ast::Piece::Text(text));
        }
        ast::Message { pieces, raw, span }
    }

    fn piece(&mut self, text: &str, offset: usize) -> Option<ast::Piece> {
        let pair = parse(Rule::one_expr, self.id, offset, text, self.diagnostics);
        let Some(pair) = pair else {
            self.failed = true;
            return None;
        };
        let base = std::mem::replace(&mut self.base, offset);
        let expr = inner_of(pair, Rule::expr).map(|it| self.expr(it));
        self.base = base;
        expr.map(ast::Piece::Value)
    }

    fn type_ref(&mut self, pair: Pair<Rule>) -> Option<ast::TypeRef> {
        let span = self.span(&pair);
        let pairs = parts(pair);
        let mut name = self.name(pairs.first()?);
        if name.text.starts_with("whole") {
            "whole".clone_into(&mut name.text);
        }
        let part = |rule| Self::part(&pairs, rule).map(|it| self.name(&it));
        Some(ast::TypeRef {
            name,
            of: part(Rule::type_of),
            by: part(Rule::type_by),
            unit: self.unit(&pairs),
            span,
        })
    }

    fn head(&mut self, pair: Pair<Rule>) -> Option<ast::Head> {
        let rule = pair.as_rule();
        let pairs = parts(pair);
        let names = self.names(&pairs);
        let mut name = names.iter().cloned();
        let codes_name = Self::part(&pairs, Rule::nomenclature).map(|it| self.name(&it));
        Some(match rule {
            Rule::rule_head => {
                ast::Head::Rule { name: name.next()?, title: self.string_of(&pairs) }
            }
            Rule::policy_head => ast::Head::Policy { name: name.next()? },
            Rule::profile_head => {
                ast::Head::Profile { name: name.next()?, title: self.string_of(&pairs) }
            }
            Rule::define_head => {
                let formals = pairs.iter().filter(|it| it.as_rule() == Rule::formal).cloned();
                let formals = formals.filter_map(|it| self.formal(it)).collect();
                ast::Head::Define { name: name.next()?, formals }
            }
            Rule::parameter_head => {
                let ty = self.type_ref(Self::part(&pairs, Rule::type_ref)?)?;
                ast::Head::Parameter { name: name.next()?, ty }
            }
            Rule::list_head => ast::Head::List { name: name.next()?, file: self.string_of(&pairs) },
            Rule::codes_head => self.codes(codes_name?, pairs),
            Rule::choice_head => ast::Head::Choice {
                name: name.next()?,
                values: pairs
                    .iter()
                    .filter(|it| it.as_rule() == Rule::choice_value)
                    .map(|it| self.name(it))
                    .collect(),
                ordered: Self::part(&pairs, Rule::ordered).is_some(),
            },
            Rule::group_head => ast::Head::Group {
                name: name.next()?,
                title: self.string_of(&pairs),
                members: name.collect(),
                file: Self::part(&pairs, Rule::file)
                    .and_then(|it| inner_of(it, Rule::string))
                    .map(|it| self.text(it)),
                dated: Self::part(&pairs, Rule::head_dated).and_then(|it| self.dated(it)),
            },
            Rule::test_head => self.test_head(&pairs)?,
            _ => ast::Head::Record {
                name: name.next()?,
                label: self.string_of(&pairs),
                parent: Self::part(&pairs, Rule::in_record)
                    .and_then(|it| inner_of(it, Rule::name))
                    .map(|it| self.name(&it)),
            },
        })
    }

    fn formal(&mut self, pair: Pair<Rule>) -> Option<ast::Formal> {
        let mut parts = parts(pair).into_iter();
        let name = self.name(&parts.next()?);
        Some(ast::Formal { name, ty: self.type_ref(parts.next()?)? })
    }

    fn dated(&self, pair: Pair<Rule>) -> Option<ast::Dated> {
        let mut names = self.names(&parts(pair)).into_iter();
        Some(ast::Dated { from: names.next()?, to: names.next()? })
    }

    fn codes(&mut self, name: ast::Name, pairs: Vec<Pair<Rule>>) -> ast::Head {
        let (mut levels, mut extends, mut file, mut dated) = (Vec::new(), None, None, None);
        let all = pairs.into_iter().filter(|it| it.as_rule() == Rule::codes_part);
        for part in all.filter_map(|it| it.into_inner().next()) {
            let rule = part.as_rule();
            let values = parts(part.clone());
            match rule {
                Rule::levels => {
                    levels = values.iter().filter_map(|it| it.as_str().parse().ok()).collect();
                }
                Rule::extends => extends = values.first().map(|it| self.name(it)),
                Rule::file => file = self.string_of(&values),
                _ => dated = self.dated(part),
            }
        }
        ast::Head::Codes { name, levels, extends, file, dated }
    }
}

fn combiner(pair: Pair<Rule>) -> Option<ast::Combiner> {
    let inner = pair.into_inner().next()?;
    Some(match inner.as_rule() {
        Rule::c_all => ast::Combiner::All,
        Rule::c_any => ast::Combiner::Any,
        Rule::c_none => ast::Combiner::None,
        _ => {
            let count = inner_of(inner, Rule::int)?;
            ast::Combiner::AtLeast(count.as_str().parse().ok()?)
        }
    })
}
