//! The words and signs of the language as the formatter writes them, in one place.

use crate::syntax::ast::BinaryOp;
use crate::syntax::ast::Combiner;
use crate::syntax::ast::MetaKey;
use crate::syntax::ast::Name;
use crate::syntax::ast::Quantifier;
use crate::syntax::ast::Statistic;
use crate::syntax::ast::TestOp;

pub fn combiner(it: Combiner) -> String {
    match it {
        Combiner::All => "all of".to_owned(),
        Combiner::Any => "any of".to_owned(),
        Combiner::None => "none of".to_owned(),
        Combiner::AtLeast(count) => format!("at least {count} of"),
    }
}

pub fn meta_key(it: MetaKey) -> &'static str {
    match it {
        MetaKey::Owner => "owner",
        MetaKey::Status => "status",
        MetaKey::Tags => "tags",
        MetaKey::See => "see",
        MetaKey::Note => "note",
        MetaKey::Reviewed => "reviewed",
    }
}

/// From when on a field is known, with a space in front.
pub fn known(it: &Option<Name>) -> String {
    match it {
        None => " known later".to_owned(),
        Some(name) => format!(" known from {}", name.text),
    }
}

pub fn binary(it: BinaryOp) -> &'static str {
    match it {
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Of => "of",
        BinaryOp::OrElse => "or else",
    }
}

pub fn test(it: TestOp) -> &'static str {
    match it {
        TestOp::Less => "<",
        TestOp::LessOrEqual => "<=",
        TestOp::Greater => ">",
        TestOp::GreaterOrEqual => ">=",
        TestOp::Equal => "=",
        TestOp::NotEqual => "!=",
        TestOp::Is => "is",
        TestOp::IsNot => "is not",
        TestOp::IsOneOf => "is one of",
        TestOp::IsNotOneOf => "is not one of",
        TestOp::In => "in",
        TestOp::NotIn => "not in",
        TestOp::Under => "under",
        TestOp::NotUnder => "not under",
        TestOp::StartsWith => "starts with",
        TestOp::EndsWith => "ends with",
        TestOp::Contains => "contains",
    }
}

/// `importer.risk_class`
pub fn path(all: &[Name]) -> String {
    all.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join(".")
}

pub fn statistic(it: Statistic) -> String {
    match it {
        Statistic::Count => "count".to_owned(),
        Statistic::DistinctCount => "distinct count".to_owned(),
        Statistic::Sum => "sum".to_owned(),
        Statistic::Average => "average".to_owned(),
        Statistic::Percentile(50) => "median".to_owned(),
        Statistic::Percentile(n) => format!("percentile {n}"),
        Statistic::Smallest => "smallest".to_owned(),
        Statistic::Largest => "largest".to_owned(),
        Statistic::Share => "share".to_owned(),
        Statistic::FirstDate => "first date".to_owned(),
        Statistic::LastDate => "last date".to_owned(),
    }
}

pub fn quantifier(it: Quantifier) -> String {
    match it {
        Quantifier::Any => "any".to_owned(),
        Quantifier::Every => "every".to_owned(),
        Quantifier::No => "no".to_owned(),
        Quantifier::AtLeast(n) => format!("at least {n}"),
        Quantifier::AtMost(n) => format!("at most {n}"),
        Quantifier::Exactly(n) => format!("exactly {n}"),
    }
}
