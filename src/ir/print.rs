//! Typed rules as an indented tree, for people who look into them.

use std::fmt::Write;

use crate::ir::Arithmetic;
use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Kind;
use crate::ir::Matching;
use crate::ir::Rule;
use crate::ir::RuleSet;
use crate::ir::TextTest;
use crate::schema::Type;

/// A rule: what hits, then its score and what it shows; parts two spaces deeper than wholes.
pub fn rule(set: &RuleSet, it: &Rule) -> String {
    let level = &set.schema.record(it.level).name;
    let mut out = format!("rule {} {:?} for {level}\n", it.id, it.title);
    tree(set, &it.outcome, 1, &mut out);
    for (word, value) in it.score.iter().map(|it| ("score", it)) {
        let _ = writeln!(out, "  {word}");
        tree(set, value, 2, &mut out);
    }
    for (words, value) in &it.show {
        let _ = writeln!(out, "  show {words}");
        tree(set, value, 2, &mut out);
    }
    out
}

/// What tells two expressions apart, wherever they stand.
pub fn identity(it: &E) -> String {
    let head = match &it.kind {
        Kind::Named(_, inner) => return identity(inner),
        Kind::Literal(value) => format!("{value:?}"),
        Kind::Field(id) => format!("{id:?}"),
        Kind::Parameter(at, _) => format!("parameter {at}"),
        Kind::Negate(_) => "negative".to_owned(),
        Kind::Arithmetic(op, ..) => format!("{op:?}"),
        Kind::Widen(_) => "widen".to_owned(),
        Kind::Call(function, _) => format!("{function:?}"),
        Kind::OrElse(..) => "or else".to_owned(),
        Kind::AtDigits(_, digits) => format!("at {digits}"),
        Kind::Lookup(it) => format!("lookup {} {}", it.list, it.column),
        Kind::Compare(op, ..) => format!("{op:?}"),
        Kind::Member(_, words) => format!("member {words:?}"),
        Kind::OneOf(_, values) => format!("one of {values:?}"),
        Kind::Under(_, prefixes) => format!("under {prefixes:?}"),
        Kind::InGroup(_, name, _) => format!("in {name}"),
        Kind::InList(it) => format!("list {} {:?}", it.list, it.matching),
        Kind::TextTest(op, ..) => format!("{op:?}"),
        Kind::IsMissing(_) => "missing".to_owned(),
        Kind::Established(_) => "established".to_owned(),
        Kind::Not(_) => "not".to_owned(),
        Kind::And(_) => "and".to_owned(),
        Kind::Or(_) => "or".to_owned(),
        Kind::AtLeast(n, _) => format!("at least {n}"),
        Kind::Hit(rule) => format!("hit {}", rule.0),
        Kind::Fact(id) => format!("fact {}", id.0),
        Kind::Judged(it) => format!("judged {}", identity(it)),
        Kind::Guard(_, _, reason) => format!("guard {reason:?}"),
        Kind::Open(it) => format!("open {:?}", it.names),
        Kind::Total(it) => it.words().to_owned(),
    };
    let parts: Vec<String> = it.parts().into_iter().map(identity).collect();
    format!("({head} {:?} {})", it.ty, parts.join(" "))
}

fn tree(set: &RuleSet, it: &E, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let ty = match &it.ty {
        Type::Truth => String::new(),
        ty => format!(" : {}", type_words(ty)),
    };
    let _ = writeln!(out, "{indent}{}{ty}", head(set, it));
    for part in it.parts() {
        tree(set, part, depth + 1, out);
    }
}

fn type_words(ty: &Type) -> String {
    match ty {
        Type::Number(it) => format!("{}, {} decimals", ty.words(), it.scale),
        _ => ty.words(),
    }
}

fn head(set: &RuleSet, it: &E) -> String {
    match &it.kind {
        Kind::Literal(value) => value.to_string(),
        Kind::Field(id) => {
            let record = set.schema.record(id.record);
            format!("field {}.{}", record.name, record.fields[id.field].name)
        }
        Kind::Named(name, _) => format!("named {name}"),
        Kind::Parameter(at, _) => format!("parameter {}", set.parameters[*at].name),
        Kind::Negate(_) => "negative".to_owned(),
        Kind::Arithmetic(it, ..) => match it {
            Arithmetic::Add => "+".to_owned(),
            Arithmetic::Subtract => "-".to_owned(),
            Arithmetic::Multiply => "*".to_owned(),
            Arithmetic::Divide => "/".to_owned(),
        },
        Kind::Widen(_) => "widen".to_owned(),
        Kind::Call(it, _) => format!("call {it:?}").to_lowercase(),
        Kind::OrElse(..) => "or else".to_owned(),
        Kind::AtDigits(_, digits) => format!("at {digits} digits"),
        Kind::Lookup(it) => {
            let list = &set.lists[it.list];
            format!("lookup {}.{}", list.name, list.columns[it.column].name)
        }
        Kind::Compare(it, ..) => match it {
            Comparison::Less => "<".to_owned(),
            Comparison::LessOrEqual => "<=".to_owned(),
            Comparison::Greater => ">".to_owned(),
            Comparison::GreaterOrEqual => ">=".to_owned(),
            Comparison::Equal => "=".to_owned(),
        },
        Kind::Member(_, words) => format!("one of {}", words.join(", ")),
        Kind::OneOf(_, values) => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("one of {}", values.join(", "))
        }
        Kind::Under(_, prefixes) => format!("under {}", prefixes.join(", ")),
        Kind::InGroup(_, name, _) => format!("in {name}"),
        Kind::InList(it) => {
            let word = match it.matching {
                Matching::Exact => "in",
                Matching::Prefix => "under",
            };
            format!("{word} list {}", set.lists[it.list].name)
        }
        Kind::TextTest(it, ..) => match it {
            TextTest::StartsWith => "starts with".to_owned(),
            TextTest::EndsWith => "ends with".to_owned(),
            TextTest::Contains => "contains".to_owned(),
        },
        Kind::IsMissing(_) => "is missing".to_owned(),
        Kind::Established(_) => "established".to_owned(),
        Kind::Not(_) => "not".to_owned(),
        Kind::And(_) => "all of".to_owned(),
        Kind::Or(_) => "any of".to_owned(),
        Kind::AtLeast(n, _) => format!("at least {n} of"),
        Kind::Hit(rule) => format!("hit {}", set.rules[rule.0].id),
        Kind::Fact(id) => format!("fact {}: {}", id.0, set.facts[id.0].words),
        Kind::Judged(_) => "of the judged row".to_owned(),
        Kind::Guard(_, _, reason) => format!("if … else no value ({})", reason.words()),
        Kind::Open(it) => format!("unknown ({})", it.names.join(", ")),
        Kind::Total(it) => it.words().to_owned(),
    }
}
