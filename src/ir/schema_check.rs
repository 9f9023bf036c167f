//! What a schema says and no rule may ever ask: checked all the same.

use std::collections::BTreeSet;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::syntax::ast;
use crate::value::country;
use crate::value::unit;

/// Remarks on the blocks of a schema, once all of them are known.
pub fn check(files: &[ast::File], schema: &Schema, diagnostics: &mut Vec<Diagnostic>) {
    let mut checker = Checker { schema, groups: BTreeSet::new(), diagnostics };
    for block in files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken) {
        if let ast::Head::Codes { name, levels, extends, .. } = &block.head {
            checker.codes(name, levels, extends.as_ref());
        }
        if let ast::Head::Choice { name, values, .. } = &block.head {
            checker.choice(name, values);
        }
        if let ast::Head::Group { name, .. } = &block.head {
            checker.group(name);
        }
        if let ast::Head::Record { name, .. } = &block.head
            && let Some(id) = schema.find_record(&name.text)
        {
            checker.record(id, block);
        }
    }
}

struct Checker<'a> {
    schema: &'a Schema,
    groups: BTreeSet<&'a str>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn push(&mut self, code: Code, name: &ast::Name, message: String, help: String) {
        self.diagnostics.push(Diagnostic::new(code, name.span, message).help(help));
    }

    fn codes(&mut self, name: &ast::Name, levels: &[u32], extends: Option<&ast::Name>) {
        let distinct: BTreeSet<u32> = levels.iter().copied().collect();
        if distinct.contains(&0) || distinct.len() < levels.len() {
            let message = format!("the levels of `{}` are lengths of codes, each once", name.text);
            self.push(Code::T3301, name, message, "write `levels 2, 4, 6`".to_owned());
        }
        let Some(other) = extends else { return };
        if other.text == name.text {
            let message = format!("`{}` extends itself", name.text);
            self.push(Code::T2105, other, message, "name another nomenclature".to_owned());
        } else if !self.schema.nomenclatures.contains_key(&other.text) {
            let names = self.schema.nomenclatures.keys().map(String::as_str);
            let help = did_you_mean(&other.text, names.filter(|it| *it != name.text));
            let help =
                help.unwrap_or_else(|| format!("declare it: `codes {} levels …`", other.text));
            let message = format!("unknown nomenclature `{}`", other.text);
            self.push(Code::T2101, other, message, help);
        }
    }

    fn choice(&mut self, name: &ast::Name, values: &[ast::Name]) {
        if TYPES.contains(&name.text.as_str()) {
            let message = format!("`{}` is a type of the language", name.text);
            self.push(Code::T2104, name, message, "give the choice another name".to_owned());
        }
        for (at, value) in values.iter().enumerate() {
            if values[..at].iter().any(|it| it.text == value.text) {
                let message = format!("`{}` stands twice in `{}`", value.text, name.text);
                self.push(Code::T2104, value, message, "keep one".to_owned());
            }
        }
    }

    fn group(&mut self, name: &'a ast::Name) {
        if !self.groups.insert(&name.text) {
            let message = format!("`{}` is declared twice", name.text);
            self.push(Code::T2104, name, message, "give one of them another name".to_owned());
        }
    }

    fn record(&mut self, id: RecordId, block: &ast::Block) {
        let mut former: Vec<&str> = Vec::new();
        for line in &block.lines {
            match &line.kind {
                ast::LineKind::Field { name, ty, formerly, .. } => {
                    if let Some(by) = &ty.by {
                        self.unit_field(id, name, ty, by);
                    }
                    let Some(old) = formerly else { continue };
                    let taken = self.schema.find_field(id, &old.text).is_some();
                    if taken || former.contains(&old.text.as_str()) {
                        let message = format!("the column `{}` feeds two fields", old.text);
                        let help = "a former name is of one field, and no longer in use".to_owned();
                        self.push(Code::T2104, old, message, help);
                    }
                    former.push(&old.text);
                }
                ast::LineKind::Key(names) => self.key(names),
                ast::LineKind::Has(all) => {
                    for it in all {
                        self.has(id, it);
                    }
                }
                ast::LineKind::Refers { by, to, as_of, .. } => {
                    self.refers(id, by, to);
                    let Some(as_of) = as_of else { continue };
                    self.moment(id, as_of);
                }
                _ => {}
            }
        }
    }

    /// `has item 1..999` names a record that says it is in this one.
    fn has(&mut self, id: RecordId, has: &ast::Has) {
        let (schema, name) = (self.schema, &has.record);
        let own = &schema.record(id).name;
        let head = format!("record {} in {own}", name.text);
        match schema.find_record(&name.text) {
            None => {
                let names = schema.records.iter().map(|it| it.name.as_str());
                let help = did_you_mean(&name.text, names.filter(|it| it != own))
                    .unwrap_or_else(|| format!("declare it: a block that begins `{head}`"));
                let message = format!("unknown record `{}`", name.text);
                self.push(Code::T2108, name, message, help);
            }
            Some(other) if schema.record(other).parent != Some(id) => {
                let message = format!("`{}` is no record in `{own}`", name.text);
                self.push(Code::T2109, name, message, format!("begin its block with `{head}`"));
            }
            Some(_) if has.most < has.least => {
                let message = format!("no number is from {} to {}", has.least, has.most);
                let help = format!("write `{} {}..{}`", name.text, has.most, has.least);
                self.push(Code::T1101, name, message, help);
            }
            Some(_) => {}
        }
    }

    fn key(&mut self, names: &[ast::Name]) {
        for (at, name) in names.iter().enumerate() {
            if names[..at].iter().any(|it| it.text == name.text) {
                let message = format!("`{}` stands twice in the key", name.text);
                self.push(Code::T2104, name, message, "keep one".to_owned());
            }
        }
    }

    /// A field of the record or of one around it.
    fn find(&self, id: RecordId, name: &ast::Name) -> Option<FieldId> {
        self.schema.lineage(id).into_iter().find_map(|it| self.schema.find_field(it, &name.text))
    }

    fn unknown_field(&mut self, id: RecordId, name: &ast::Name) {
        let schema = self.schema;
        let all = schema.lineage(id).into_iter().flat_map(|it| &schema.record(it).fields);
        let help = did_you_mean(&name.text, all.map(|it| it.name.as_str()))
            .unwrap_or_else(|| "declare it with a `field` line".to_owned());
        let message = format!("unknown field `{}`", name.text);
        self.push(Code::T2101, name, message, help);
    }

    /// `money by currency`: the field that holds the unit.
    fn unit_field(&mut self, id: RecordId, name: &ast::Name, ty: &ast::TypeRef, by: &ast::Name) {
        let Some(found) = self.find(id, by) else { return self.unknown_field(id, by) };
        let of = &self.schema.field(found).ty;
        let money = ty.name.text == "money";
        let fits = match of {
            Type::Error => true,
            Type::Currency => money,
            other => !money && other.is_textual(),
        };
        if !fits {
            let wanted = if money { "a currency" } else { "text" };
            let message = format!("the unit of `{}` is {wanted}", name.text);
            let help = format!("`{}` is {}", by.text, of.words());
            self.push(Code::T3005, by, message, help);
        }
    }

    /// The row that is referred to is found by one key, of the same type.
    fn refers(&mut self, id: RecordId, by: &ast::Name, to: &ast::Name) {
        let schema = self.schema;
        let (Some(ours), Some(target)) =
            (schema.find_field(id, &by.text), schema.find_record(&to.text))
        else {
            return;
        };
        let [key] = schema.record(target).key.as_slice() else {
            let message = "a record is referred to by one key field".to_owned();
            let help = format!("give `{}` one `key`", to.text);
            return self.push(Code::T2108, to, message, help);
        };
        let theirs = &schema.record(target).fields[*key];
        let ours = &schema.field(ours).ty;
        let same = match (ours, &theirs.ty) {
            (Type::Error, _) | (_, Type::Error) => true,
            (Type::Text(_), Type::Text(_)) => true,
            (Type::Code(a), Type::Code(b)) => schema.related(a, b),
            (a, b) => a == b,
        };
        if !same {
            let message = format!("`{}` is {}", by.text, ours.words());
            let help = format!("`{}` of `{}` is {}", theirs.name, to.text, theirs.ty.words());
            self.push(Code::T3005, by, message, help);
        }
    }

    fn moment(&mut self, id: RecordId, name: &ast::Name) {
        let Some(found) = self.find(id, name) else { return self.unknown_field(id, name) };
        if !matches!(self.schema.field(found).ty, Type::Date | Type::DateTime | Type::Error) {
            let message = format!("`{}` is no date", name.text);
            let help = "name the date of the row: `as of accepted_date`".to_owned();
            self.push(Code::T3005, name, message, help);
        }
    }
}

/// The types of fields, by their first word.
const TYPES: &[&str] = &[
    "area",
    "code",
    "count",
    "country",
    "currency",
    "date",
    "date-time",
    "decimal",
    "duration",
    "energy",
    "length",
    "mass",
    "money",
    "name",
    "percent",
    "quantity",
    "text",
    "truth",
    "volume",
    "whole",
];

/// What other languages call the types.
const ELSEWHERE: &[(&str, &str)] = &[
    ("amount", "`money in EUR`"),
    ("bool", "`truth`"),
    ("boolean", "`truth`"),
    ("char", "`text`"),
    ("datetime", "`date-time`"),
    ("double", "`decimal`"),
    ("float", "`decimal`"),
    ("int", "`whole number`"),
    ("integer", "`whole number`"),
    ("number", "`decimal`, or `whole number`"),
    ("numeric", "`decimal`"),
    ("percentage", "`percent`"),
    ("string", "`text`"),
    ("timestamp", "`date-time`"),
    ("varchar", "`text`"),
    ("weight", "`mass in kg`"),
];

/// A type that is none, or lacks its unit.
pub fn unknown_type(it: &ast::TypeRef, schema: &Schema) -> Diagnostic {
    if let Some(unit) = &it.unit
        && unit::parse(&unit.text).is_none()
    {
        let message = format!("unknown unit `{}`", unit.text);
        let names = unit::names().chain(country::CURRENCIES.iter().copied());
        let help = did_you_mean(&unit.text, names)
            .unwrap_or_else(|| "units are kg, t, l, m, m2, pieces, kWh …, or a currency".into());
        return Diagnostic::new(Code::T2101, unit.span, message).help(help);
    }
    if it.name.text == "money" {
        return Diagnostic::new(Code::T3003, it.span, "money in which currency?")
            .help("write `money in EUR`, or `money by` and the field that holds the currency");
    }
    let names = TYPES.iter().copied().chain(schema.choices.keys().map(String::as_str));
    let elsewhere = ELSEWHERE.iter().find(|known| it.name.text.eq_ignore_ascii_case(known.0));
    let help = elsewhere
        .map(|known| format!("write {}", known.1))
        .or_else(|| did_you_mean(&it.name.text, names))
        .unwrap_or_else(|| format!("the types are {}, or a declared choice", TYPES.join(", ")));
    Diagnostic::new(Code::T2101, it.name.span, format!("unknown type `{}`", it.name.text))
        .help(help)
}
