//! The words and signs of the language as the formatter writes them, in one place.

use crate::syntax::ast::BinaryOp;
use crate::syntax::ast::Combiner;
use crate::syntax::ast::MetaKey;
use crate::syntax::ast::Name;
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
