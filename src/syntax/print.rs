//! The tree as text for people who look into it, and for comparing trees: no spans, no comments.

use std::fmt::Write;

use crate::syntax::ast;
use crate::syntax::ast::Body;
use crate::syntax::ast::Expr;
use crate::syntax::ast::ExprKind;
use crate::syntax::ast::Head;
use crate::syntax::ast::LineKind;
use crate::syntax::ast::MetaValue;
use crate::syntax::ast::Name;
use crate::syntax::ast::Piece;
use crate::syntax::ast::Text;
use crate::syntax::ast::TypeRef;
use crate::syntax::word;

/// Each block as `(rule R1 …`, each line of it below, two spaces deeper.
pub fn print(file: &ast::File) -> String {
    let mut out = String::new();
    for block in &file.blocks {
        let broken = if block.broken { " broken" } else { "" };
        let _ = write!(out, "({}{broken}", head(&block.head));
        for line in &block.lines {
            let _ = write!(out, "\n  ({})", line_kind(&line.kind));
        }
        out.push_str(")\n");
    }
    for it in &file.suppressions {
        let _ = writeln!(out, "(allow {} {:?})", it.code, it.reason);
    }
    out
}

fn quoted(it: &Text) -> String {
    format!("{:?}", it.text)
}

/// ` key value`, or nothing.
fn optional(key: &str, value: Option<String>) -> String {
    value.map(|it| format!(" ({key} {it})")).unwrap_or_default()
}

fn name_of(it: Option<&Name>) -> Option<String> {
    it.map(|it| it.text.clone())
}

fn names(all: &[Name]) -> String {
    all.iter().map(|it| format!(" {}", it.text)).collect()
}

fn dated(it: Option<&ast::Dated>) -> String {
    optional("dated", it.map(|it| format!("{} {}", it.from.text, it.to.text)))
}

fn ty(it: &TypeRef) -> String {
    let of = optional("of", name_of(it.of.as_ref()));
    let unit = optional("in", it.unit.as_ref().map(|it| it.text.clone()));
    let by = optional("by", name_of(it.by.as_ref()));
    format!("(type {}{of}{unit}{by})", it.name.text)
}

fn head(it: &Head) -> String {
    match it {
        Head::Rule { name, title } => {
            format!("rule {}{}", name.text, optional("title", title.as_ref().map(quoted)))
        }
        Head::Policy { name } => format!("policy {}", name.text),
        Head::Define { name, formals } => {
            let all: String =
                formals.iter().map(|it| format!(" ({} {})", it.name.text, ty(&it.ty))).collect();
            format!("define {}{all}", name.text)
        }
        Head::Parameter { name, ty: it } => format!("parameter {} {}", name.text, ty(it)),
        Head::List { name, file } => {
            format!("list {}{}", name.text, optional("file", file.as_ref().map(quoted)))
        }
        Head::Codes { name, levels, extends, file, dated: period } => {
            let levels: String = levels.iter().map(|it| format!(" {it}")).collect();
            let extends = optional("extends", name_of(extends.as_ref()));
            let file = optional("file", file.as_ref().map(quoted));
            format!("codes {}{levels}{extends}{file}{}", name.text, dated(period.as_ref()))
        }
        Head::Choice { name, values, ordered } => {
            let ordered = if *ordered { " ordered" } else { "" };
            format!("choice {}{}{ordered}", name.text, names(values))
        }
        Head::Group { name, title, members, file, dated: period } => {
            let title = optional("title", title.as_ref().map(quoted));
            let file = optional("file", file.as_ref().map(quoted));
            let period = dated(period.as_ref());
            format!("group {}{title}{}{file}{period}", name.text, names(members))
        }
        Head::Profile { name, title } => {
            format!("profile {}{}", name.text, optional("title", title.as_ref().map(quoted)))
        }
        Head::Test { subject, title } => {
            format!("test {}{}", subject.words(), optional("title", title.as_ref().map(quoted)))
        }
        Head::Record { name, label, parent } => {
            let label = optional("label", label.as_ref().map(quoted));
            format!("record {}{label}{}", name.text, optional("in", name_of(parent.as_ref())))
        }
    }
}

fn date(it: Option<&ast::Date>) -> Option<String> {
    it.map(|it| it.date.to_string())
}

fn body(it: &Body) -> String {
    match it {
        Body::Combiner(it, _) => format!("<{}>", word::combiner(*it)),
        Body::Expr(it) => expr(it),
    }
}

fn line_kind(it: &LineKind) -> String {
    match it {
        LineKind::Meta { key, values } => {
            let values: String = values.iter().map(|it| format!(" {}", meta_value(it))).collect();
            format!("{}{values}", word::meta_key(*key))
        }
        LineKind::Valid { from, to } => {
            let from = optional("from", date(from.as_ref()));
            format!("valid{from}{}", optional("to", date(to.as_ref())))
        }
        LineKind::For { each, record, of } => {
            let each = if *each { " each" } else { "" };
            format!("for{each} {}{}", record.text, optional("of", name_of(of.as_ref())))
        }
        LineKind::When(it) => format!("when {}", body(it)),
        LineKind::Unless(it) => format!("unless {}", body(it)),
        LineKind::As(it) => format!("as {}", body(it)),
        LineKind::Then => "then".to_owned(),
        LineKind::Score(it) => format!("score {}", expr(it)),
        LineKind::Channel { name, mandatory } => {
            format!("channel {}{}", name.text, if *mandatory { " mandatory" } else { "" })
        }
        LineKind::Show(all) => format!("show{}", exprs(all)),
        LineKind::Because(it) => {
            let pieces: String = it.pieces.iter().map(|it| format!(" {}", piece(it))).collect();
            format!("because{pieces}")
        }
        LineKind::Bullet(it) => bullet(it),
        LineKind::Column { .. }
        | LineKind::Dated(_)
        | LineKind::Key(_)
        | LineKind::Field { .. }
        | LineKind::Derived { .. }
        | LineKind::Has(_)
        | LineKind::Refers { .. }
        | LineKind::History { .. } => declaration(it),
        LineKind::Of(measure, it) => format!("of{}{}", self::measure(measure), rows(it)),
        LineKind::By { otherwise, keys } => {
            format!("{}{}", if *otherwise { "else-by" } else { "by" }, exprs(keys))
        }
        LineKind::Window(it) => format!("window {}", expr(it)),
        LineKind::Refresh { exact } => format!("refresh {exact}"),
        LineKind::Require { values, support } => {
            let of = |(count, key): &(u32, Expr)| format!("{count} {}", expr(key));
            format!("require {values}{}", optional("from", support.as_ref().map(of)))
        }
        LineKind::Gives(all) => format!("gives{}", names(all)),
        LineKind::AllowPartial => "allow-partial".to_owned(),
        LineKind::Test(it) => format!("test {}", it.words(expr)),
        LineKind::Policy(it) => it.words(&expr, &quoted, ","),
    }
}

fn measure(it: &ast::Measure) -> String {
    format!(" {}{}", expr(&it.value), optional("weight", it.weight.as_ref().map(expr)))
}

fn rows(it: &ast::Rows) -> String {
    let past = if it.past { " past" } else { "" };
    let others = match &it.others {
        None => String::new(),
        Some(None) => " others".to_owned(),
        Some(Some(by)) => format!(" (others {})", by.text),
    };
    let filter = optional("where", it.filter.as_ref().map(expr));
    let same =
        if it.same.is_empty() { String::new() } else { format!(" (same{})", exprs(&it.same)) };
    let window = match &it.window {
        None => String::new(),
        Some(ast::Window::SameDay) => " same-day".to_owned(),
        Some(ast::Window::Last(it)) => format!(" (last {})", expr(it)),
    };
    let smoothed = it.smoothed.as_ref().map(|it| {
        format!("{}{}", expr(&it.by), optional("towards", it.towards.as_ref().map(expr)))
    });
    let smoothed = optional("smoothed", smoothed);
    let partial = if it.partial { " partial" } else { "" };
    format!("{past} {}{others}{filter}{same}{window}{smoothed}{partial}", it.record.text)
}

/// The lines of lists and records.
fn declaration(it: &LineKind) -> String {
    match it {
        LineKind::Column { name, ty: it, personal, key } => {
            let personal = if *personal { " personal" } else { "" };
            let key = match key {
                ast::ColumnKey::None => "",
                ast::ColumnKey::Key => " key",
                ast::ColumnKey::PrefixKey => " prefix-key",
            };
            format!("column {} {}{personal}{key}", name.text, ty(it))
        }
        LineKind::Dated(it) => format!("dated {} {}", it.from.text, it.to.text),
        LineKind::Key(all) => format!("key{}", names(all)),
        LineKind::Field { name, ty: it, required, personal, formerly, known, label } => {
            let required = if *required { " required" } else { "" };
            let personal = if *personal { " personal" } else { "" };
            let formerly = optional("formerly", name_of(formerly.as_ref()));
            let label = optional("label", label.as_ref().map(quoted));
            let known = known.as_ref().map(word::known).unwrap_or_default();
            format!("field {} {}{required}{personal}{formerly}{known}{label}", name.text, ty(it))
        }
        LineKind::Derived { name, value, unit, label } => {
            let unit = optional("in", unit.as_ref().map(|it| it.text.clone()));
            let label = optional("label", label.as_ref().map(quoted));
            format!("derived {} {}{unit}{label}", name.text, expr(value))
        }
        LineKind::Has(all) => {
            let one = |it: &ast::Has| format!(" ({} {} {})", it.record.text, it.least, it.most);
            format!("has{}", all.iter().map(one).collect::<String>())
        }
        LineKind::Refers { name, by, to, as_of } => {
            let as_of = optional("as-of", name_of(as_of.as_ref()));
            format!("refers {} (by {}) (to {}){as_of}", name.text, by.text, to.text)
        }
        LineKind::History { event, date: day, known_from, complete_since, complete_until } => {
            let event = optional("event", name_of(event.as_ref()));
            let day = optional("date", name_of(day.as_ref()));
            let known = optional("known-from", name_of(known_from.as_ref()));
            let since = optional("complete-since", date(complete_since.as_ref()));
            let until = optional("complete-until", date(complete_until.as_ref()));
            format!("history{event}{day}{known}{since}{until}")
        }
        _ => String::new(),
    }
}

fn meta_value(it: &MetaValue) -> String {
    match it {
        MetaValue::Text(it) => quoted(it),
        MetaValue::Date(it) => it.date.to_string(),
        MetaValue::Name(it) => it.text.clone(),
    }
}

fn piece(it: &Piece) -> String {
    match it {
        Piece::Text(it) => format!("{it:?}"),
        Piece::Value(it) => expr(it),
    }
}

fn bullet(it: &ast::Bullet) -> String {
    let mark = "-".repeat(usize::from(it.depth));
    let name = optional("name", it.name.as_ref().map(quoted));
    let since = optional("since", date(it.since.as_ref()));
    let until = optional("until", date(it.until.as_ref()));
    format!("{mark}{name} {}{since}{until}", body(&it.body))
}

fn exprs(all: &[Expr]) -> String {
    all.iter().map(|it| format!(" {}", expr(it))).collect()
}

/// `(< unit_value (of 50[%] median))`
fn expr(it: &Expr) -> String {
    match &it.kind {
        ExprKind::Number(it) => it.clone(),
        ExprKind::Quantity { number, unit } => format!("{number}[{}]", unit.text),
        ExprKind::Date(it) => it.to_string(),
        ExprKind::DateTime(it) => it.to_string(),
        ExprKind::Text(it) => format!("{it:?}"),
        ExprKind::Code { nomenclature, code } => format!("{nomenclature}:{code}"),
        ExprKind::Truth(it) => it.to_string(),
        ExprKind::Missing => "missing".to_owned(),
        ExprKind::Path(all) => word::path(all),
        ExprKind::List(it) => format!("(list {})", it.text),
        ExprKind::Set(all) => format!("(set{})", exprs(all)),
        ExprKind::Call { name, arguments } => format!("(call {}{})", name.text, exprs(arguments)),
        ExprKind::Member { base, name } => format!("(member {} {})", expr(base), name.text),
        ExprKind::AtDigits { value, digits } => format!("(at-digits {} {digits})", expr(value)),
        ExprKind::Not(it) => format!("(not {})", expr(it)),
        ExprKind::Negate(it) => format!("(negate {})", expr(it)),
        ExprKind::And(all) => format!("(and{})", exprs(all)),
        ExprKind::Or(all) => format!("(or{})", exprs(all)),
        ExprKind::Binary { op, left, right } => {
            format!("({} {} {})", word::binary(*op), expr(left), expr(right))
        }
        ExprKind::Test { op, left, right } => {
            format!("({} {} {})", word::test(*op).replace(' ', "-"), expr(left), expr(right))
        }
        ExprKind::IsMissing(it) => format!("(is-missing {})", expr(it)),
        ExprKind::IsGiven(it) => format!("(is-given {})", expr(it)),
        ExprKind::Between { negated, value, low, high } => {
            let not = if *negated { "not-" } else { "" };
            format!("({not}between {} {} {})", expr(value), expr(low), expr(high))
        }
        ExprKind::Aggregate(it) => {
            let measure = it.measure.as_ref().map(self::measure).unwrap_or_default();
            format!("({}{measure}{})", word::statistic(it.statistic), rows(&it.rows))
        }
        ExprKind::Quantified { quantifier, condition, rows: it } => {
            format!("({} {}{})", word::quantifier(*quantifier), expr(condition), rows(it))
        }
        ExprKind::KnownFor { value, op, duration } => {
            format!("(known-for {} {} {})", word::test(*op), expr(value), expr(duration))
        }
        ExprKind::Converted { value, currency } => {
            format!("(converted {} {})", expr(value), currency.text)
        }
        ExprKind::Error => "(error)".to_owned(),
    }
}
