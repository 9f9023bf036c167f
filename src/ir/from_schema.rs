//! Trees of schema files to a [`Schema`]: records, fields, types, nomenclatures, choices, groups.
//!
//! Files that the schema names (nomenclatures, groups) are asked for, not read: see [`Wanted`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir::schema_check;
use crate::schema::Choice;
use crate::schema::Field;
use crate::schema::FieldId;
use crate::schema::Group;
use crate::schema::Known;
use crate::schema::Member;
use crate::schema::Nomenclature;
use crate::schema::Number;
use crate::schema::Record;
use crate::schema::RecordId;
use crate::schema::Refers;
use crate::schema::Schema;
use crate::schema::Type;
use crate::syntax::ast;
use crate::value::calendar;
use crate::value::country;
use crate::value::text::Form;
use crate::value::unit;
use crate::value::unit::Base;
use crate::value::unit::Dimension;

/// A schema, and what remains to be done with it.
#[derive(Debug, Default)]
pub struct Parts {
    pub schema: Schema,
    pub derived: Vec<Derived>,
    pub wanted: Vec<Wanted>,
}

/// A derived field: lowered where it is used.
#[derive(Debug, Clone)]
pub struct Derived {
    pub record: RecordId,
    pub name: ast::Name,
    pub value: ast::Expr,
    pub unit: Option<ast::Text>,
}

impl Derived {
    /// A name that is its own, among those of definitions.
    pub fn mark(&self) -> String {
        format!("derived {} {}", self.record.0, self.name.text)
    }
}

/// A file to be read before rules are lowered.
#[derive(Debug)]
pub struct Wanted {
    pub kind: WantedKind,
    pub name: String,
    pub file: ast::Text,
    pub dated: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedKind {
    Codes,
    Group,
}

/// The schema of all the files together; rule blocks are passed over.
pub fn schema(files: &[ast::File], diagnostics: &mut Vec<Diagnostic>) -> Parts {
    let mut parts = Parts::default();
    let blocks = || files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken);
    parts.schema.groups.insert("EU".to_owned(), european_union());
    for block in blocks() {
        vocabulary(block, &mut parts, diagnostics);
    }
    for block in blocks() {
        if let ast::Head::Record { name, label, parent } = &block.head {
            declare(name, label.as_ref(), parent.as_ref(), &mut parts.schema, diagnostics);
        }
    }
    for block in blocks() {
        if let ast::Head::Record { name, .. } = &block.head
            && let Some(id) = parts.schema.find_record(&name.text)
        {
            fields(id, block, &mut parts, diagnostics);
            keys(id, block, &mut parts.schema, diagnostics);
        }
    }
    schema_check::check(files, &parts.schema, diagnostics);
    parts
}

fn european_union() -> Group {
    let day = |text: &str| text.parse().ok().and_then(calendar::days);
    let member = |(country, from, to): &(&str, &str, &str)| Member {
        country: (*country).to_owned(),
        from: day(from),
        to: day(to),
    };
    Group { name: "EU".to_owned(), members: country::EU.iter().map(member).collect() }
}

fn vocabulary(block: &ast::Block, parts: &mut Parts, diagnostics: &mut Vec<Diagnostic>) {
    let schema = &mut parts.schema;
    match &block.head {
        ast::Head::Codes { name, levels, extends, file, dated } => {
            let mut levels = levels.clone();
            levels.sort_unstable();
            let nomenclature = Nomenclature {
                name: name.text.clone(),
                levels,
                extends: extends.as_ref().map(|it| it.text.clone()),
                codes: None,
            };
            if schema.nomenclatures.insert(name.text.clone(), nomenclature).is_some() {
                diagnostics.push(twice(name));
            }
            parts.wanted.extend(wanted(WantedKind::Codes, name, file.as_ref(), dated.as_ref()));
        }
        ast::Head::Choice { name, values, ordered } => {
            let values = values.iter().map(|it| it.text.clone()).collect();
            let choice = Choice { name: name.text.clone(), values, ordered: *ordered };
            if schema.choices.insert(name.text.clone(), Arc::new(choice)).is_some() {
                diagnostics.push(twice(name));
            }
        }
        ast::Head::Group { name, members, file, dated, .. } => {
            let group = group(name, members, block, diagnostics);
            schema.groups.insert(name.text.clone(), group);
            parts.wanted.extend(wanted(WantedKind::Group, name, file.as_ref(), dated.as_ref()));
        }
        ast::Head::Record { .. }
        | ast::Head::Rule { .. }
        | ast::Head::Define { .. }
        | ast::Head::Parameter { .. }
        | ast::Head::List { .. }
        | ast::Head::Policy { .. }
        | ast::Head::Profile { .. }
        | ast::Head::Test { .. } => {}
    }
}

fn wanted(
    kind: WantedKind,
    name: &ast::Name,
    file: Option<&ast::Text>,
    dated: Option<&ast::Dated>,
) -> Option<Wanted> {
    Some(Wanted {
        kind,
        name: name.text.clone(),
        file: file?.clone(),
        dated: dated.map(|it| (it.from.text.clone(), it.to.text.clone())),
    })
}

/// Members in the head, and one a bullet with its dates.
fn group(
    name: &ast::Name,
    members: &[ast::Name],
    block: &ast::Block,
    diagnostics: &mut Vec<Diagnostic>,
) -> Group {
    let mut res = Group { name: name.text.clone(), members: Vec::new() };
    let mut named: Vec<(&ast::Name, Option<i32>, Option<i32>)> =
        members.iter().map(|it| (it, None, None)).collect();
    for line in &block.lines {
        let ast::LineKind::Bullet(bullet) = &line.kind else { continue };
        let day = |it: &Option<ast::Date>| it.as_ref().and_then(|it| calendar::days(it.date));
        let ast::Body::Expr(expr) = &bullet.body else { continue };
        let names = match &expr.kind {
            ast::ExprKind::Path(path) if path.len() == 1 => Some(&path[0]),
            _ => None,
        };
        match names {
            Some(name) => named.push((name, day(&bullet.since), day(&bullet.until))),
            None => diagnostics.push(
                Diagnostic::new(Code::T2107, expr.span, "a member of a group is a country")
                    .help("write `- FR`"),
            ),
        }
    }
    for (name, from, to) in named {
        if !country::is_country(&name.text) {
            diagnostics.push(unknown_country(name));
        }
        res.members.push(Member { country: name.text.clone(), from, to });
    }
    res
}

pub fn unknown_country(name: &ast::Name) -> Diagnostic {
    let message = format!("unknown country `{}`", name.text);
    let near = did_you_mean(&name.text, country::COUNTRIES.iter().copied());
    let help = near.unwrap_or_else(|| "write the two letters of ISO 3166-1, such as `FR`".into());
    Diagnostic::new(Code::T2107, name.span, message).help(help)
}

fn twice(name: &ast::Name) -> Diagnostic {
    Diagnostic::new(Code::T2104, name.span, format!("`{}` is declared twice", name.text))
        .help("give one of them another name")
}

fn declare(
    name: &ast::Name,
    label: Option<&ast::Text>,
    parent: Option<&ast::Name>,
    schema: &mut Schema,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if schema.find_record(&name.text).is_some() {
        diagnostics.push(twice(name));
        return;
    }
    let parent_id = parent.and_then(|it| schema.find_record(&it.text));
    if let (Some(parent), None) = (parent, parent_id) {
        let message = format!("unknown record `{}`", parent.text);
        let help = "declare the outer record above this one";
        diagnostics.push(Diagnostic::new(Code::T2108, parent.span, message).help(help));
    }
    schema.records.push(Record {
        name: name.text.clone(),
        label: label.map(|it| it.text.clone()).unwrap_or_default(),
        parent: parent_id,
        key: Vec::new(),
        fields: Vec::new(),
        acceptance: None,
        instant: None,
        known_from: None,
        complete_since: None,
        complete_until: None,
        refers: Vec::new(),
    });
}

fn fields(id: RecordId, block: &ast::Block, parts: &mut Parts, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<String, ()> = BTreeMap::new();
    for line in &block.lines {
        match &line.kind {
            ast::LineKind::Field { name, ty, required, personal, formerly, label, .. } => {
                if seen.insert(name.text.clone(), ()).is_some() {
                    diagnostics.push(twice(name));
                    continue;
                }
                let field = Field {
                    name: name.text.clone(),
                    label: label.as_ref().map(|it| it.text.clone()).unwrap_or_default(),
                    ty: self::ty(ty, &parts.schema, diagnostics),
                    unit_of: ty.by.as_ref().map(|it| it.text.clone()),
                    unit: ty.unit.as_ref().map(|it| it.text.clone()),
                    required: *required,
                    personal: *personal,
                    formerly: formerly.as_ref().map(|it| it.text.clone()),
                    known: None,
                };
                parts.schema.records[id.0].fields.push(field);
            }
            ast::LineKind::Derived { name, value, unit, .. } => {
                if seen.insert(name.text.clone(), ()).is_some() {
                    diagnostics.push(twice(name));
                    continue;
                }
                parts.derived.push(Derived {
                    record: id,
                    name: name.clone(),
                    value: value.clone(),
                    unit: unit.clone(),
                });
            }
            _ => {}
        }
    }
}

/// The key and the acceptance date, once all the fields are known. A key without a `field` line is
/// required text; so `key declaration_id` alone declares the field.
fn keys(id: RecordId, block: &ast::Block, schema: &mut Schema, diagnostics: &mut Vec<Diagnostic>) {
    for line in &block.lines {
        match &line.kind {
            ast::LineKind::Key(names) => {
                for name in names {
                    let field = find_or_declare(id, name, schema);
                    schema.records[id.0].key.push(field);
                }
            }
            ast::LineKind::History { event, date, known_from, complete_since, complete_until } => {
                let mut find = |it: &Option<ast::Name>| {
                    it.as_ref().and_then(|it| known_field(id, it, schema, diagnostics))
                };
                let (event_field, day, known) = (find(event), find(date), find(known_from));
                let is =
                    |it: Option<FieldId>, ty: &Type| it.filter(|it| schema.field(*it).ty == *ty);
                let acceptance = is(day, &Type::Date).or(is(event_field, &Type::Date));
                let instant = is(event_field, &Type::DateTime);
                let moment =
                    |it: &FieldId| matches!(schema.field(*it).ty, Type::Date | Type::DateTime);
                let wrong = [
                    (date, day.filter(|it| schema.field(*it).ty != Type::Date)),
                    (event, event_field.filter(|it| !moment(it))),
                    (known_from, known.filter(|it| !moment(it))),
                ];
                for (name, field) in wrong {
                    if let (Some(name), Some(_)) = (name, field) {
                        let message = format!("`{}` is no date", name.text);
                        let it = Diagnostic::new(Code::T3005, name.span, message);
                        diagnostics.push(it.help(format!("declare `field {} : date`", name.text)));
                    }
                }
                let known = known.filter(moment);
                let record = &mut schema.records[id.0];
                record.acceptance = acceptance.map(|it| it.field);
                record.instant = instant.map(|it| it.field);
                record.known_from = known.map(|it| it.field);
                let day =
                    |it: &Option<ast::Date>| it.as_ref().and_then(|it| calendar::days(it.date));
                record.complete_since = day(complete_since);
                record.complete_until = day(complete_until);
            }
            ast::LineKind::Field { name, known: Some(known), .. } => {
                known_later(id, name, known.as_ref(), schema, diagnostics);
            }
            ast::LineKind::Refers { name, by, to, .. } => {
                let Some(target) = schema.find_record(&to.text) else {
                    let message = format!("unknown record `{}`", to.text);
                    let names = schema.records.iter().map(|it| it.name.as_str());
                    let help = did_you_mean(&to.text, names)
                        .unwrap_or_else(|| format!("declare it: `record {}`", to.text));
                    diagnostics.push(Diagnostic::new(Code::T2108, to.span, message).help(help));
                    continue;
                };
                if known_field(id, by, schema, diagnostics).is_some() {
                    let it = Refers { name: name.text.clone(), by: by.text.clone(), to: target };
                    schema.records[id.0].refers.push(it);
                }
            }
            _ => {}
        }
    }
    if schema.records[id.0].acceptance.is_none()
        && let Some(it) = schema.find_field(id, "accepted_date")
        && schema.field(it).ty == Type::Date
    {
        schema.records[id.0].acceptance = Some(it.field);
    }
}

/// From when on a field is known, once all the fields are.
fn known_later(
    id: RecordId,
    name: &ast::Name,
    known: Option<&ast::Name>,
    schema: &mut Schema,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let known = match known {
        None => Known::Later,
        Some(from) => {
            let Some(field) = known_field(id, from, schema, diagnostics) else { return };
            if !matches!(schema.field(field).ty, Type::Date | Type::DateTime) {
                let message = format!("`{}` is no date", from.text);
                let it = Diagnostic::new(Code::T3005, from.span, message);
                diagnostics.push(it.help(format!("declare `field {} : date`", from.text)));
                return;
            }
            Known::From(field.field)
        }
    };
    if let Some(it) = schema.find_field(id, &name.text) {
        schema.records[id.0].fields[it.field].known = Some(known);
    }
}

/// A field of this record; reported when there is none.
fn known_field(
    id: RecordId,
    name: &ast::Name,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<FieldId> {
    let found = schema.find_field(id, &name.text);
    if found.is_none() {
        let message = format!("unknown field `{}`", name.text);
        let names = schema.record(id).fields.iter().map(|it| it.name.as_str());
        let help = did_you_mean(&name.text, names)
            .unwrap_or_else(|| "declare it with a `field` line of this record".to_owned());
        diagnostics.push(Diagnostic::new(Code::T2101, name.span, message).help(help));
    }
    found
}

fn find_or_declare(id: RecordId, name: &ast::Name, schema: &mut Schema) -> usize {
    if let Some(it) = schema.find_field(id, &name.text) {
        return it.field;
    }
    schema.records[id.0].fields.push(Field {
        name: name.text.clone(),
        label: String::new(),
        ty: Type::Text(Form::Folded),
        unit_of: None,
        unit: None,
        required: true,
        personal: false,
        formerly: None,
        known: None,
    });
    schema.records[id.0].fields.len() - 1
}

/// The type that is written `money in EUR`, `code of HS`, `risk_class` …
pub fn ty(it: &ast::TypeRef, schema: &Schema, diagnostics: &mut Vec<Diagnostic>) -> Type {
    let measured = |base: Base| match (&it.unit, &it.by) {
        (_, Some(by)) => Some(Dimension::of(Base::UnitOf(by.text.clone()))),
        (Some(unit), None) => unit::parse(&unit.text).map(|(dimension, _, _)| dimension),
        (None, None) => Some(Dimension::of(base)),
    };
    let number = |base: Base| measured(base).map(|it| Type::Number(Number::of(it)));
    let found = match it.name.text.as_str() {
        "truth" => Some(Type::Truth),
        "whole" => Some(Type::Whole),
        "decimal" if it.unit.is_none() => Some(Type::Number(Number::pure(9))),
        "percent" => Some(Type::Number(Number::percent())),
        "money" if it.unit.is_none() && it.by.is_none() => None,
        "money" | "quantity" | "ratio" | "decimal" => number(Base::Count),
        "mass" => number(Base::Mass),
        "volume" => number(Base::Volume),
        "length" => number(Base::Length),
        "area" => Some(Type::Number(Number::of(Dimension(vec![(Base::Length, 2)])))),
        "count" => number(Base::Count),
        "energy" => number(Base::Energy),
        "date" => Some(Type::Date),
        "date-time" | "datetime" => Some(Type::DateTime),
        "duration" => Some(Type::Duration),
        "text" => Some(Type::Text(Form::Folded)),
        "name" => Some(Type::Text(Form::Name)),
        "country" => Some(Type::Country),
        "currency" => Some(Type::Currency),
        "code" => return code_type(it, schema, diagnostics),
        other => schema.choices.get(other).map(|it| Type::Choice(it.clone())),
    };
    found.unwrap_or_else(|| {
        diagnostics.push(schema_check::unknown_type(it, schema));
        Type::Error
    })
}

fn code_type(it: &ast::TypeRef, schema: &Schema, diagnostics: &mut Vec<Diagnostic>) -> Type {
    let Some(of) = &it.of else {
        let message = "a code belongs to a nomenclature";
        diagnostics.push(Diagnostic::new(Code::T3005, it.span, message).help("write `code of HS`"));
        return Type::Error;
    };
    if !schema.nomenclatures.contains_key(&of.text) {
        let message = format!("unknown nomenclature `{}`", of.text);
        let names = schema.nomenclatures.keys().map(String::as_str);
        let help = did_you_mean(&of.text, names)
            .unwrap_or_else(|| format!("declare it in the schema: `codes {} levels …`", of.text));
        diagnostics.push(Diagnostic::new(Code::T2101, of.span, message).help(help));
        return Type::Error;
    }
    Type::Code(Arc::from(of.text.as_str()))
}
