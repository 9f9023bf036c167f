//! What a test may give, and values written out for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::Label;
use crate::diagnostic::did_you_mean;
use crate::ir::ListRow;
use crate::ir::cases::Case;
use crate::ir::cases::Place;
use crate::ir::literal::literal;
use crate::ir::lower::Lowering;
use crate::ir::lower::fold;
use crate::ir::print;
use crate::ir::typing;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::test_block::Cell;
use crate::syntax::test_block::Heading;
use crate::syntax::test_block::HeadingKind;
use crate::syntax::word;
use crate::value::Decimal;
use crate::value::Duration;
use crate::value::Reason;
use crate::value::Value;

/// Where a value of a test goes.
#[derive(Debug, Clone)]
pub enum Target {
    /// Of the row of this number.
    Field(RecordId, u32, FieldId),
    Derived(RecordId, u32, Arc<str>, Type),
    Instead(Place, Type),
    Parameter(usize),
}

/// A value, and the units that stand in fields of their own.
pub type Fixed = (Value, BTreeMap<FieldId, Value>);

impl<'a> Lowering<'a> {
    pub fn relations(&self, level: RecordId) -> Vec<String> {
        let lineage = self.schema.lineage(level);
        let all = lineage.iter().flat_map(|it| &self.schema.record(*it).refers);
        all.map(|it| it.name.clone()).collect()
    }

    /// A field, stored or derived, of this very record.
    fn own_target(&mut self, record: RecordId, number: u32, name: &ast::Name) -> Option<Target> {
        if let Some(id) = self.schema.find_field(record, &name.text) {
            return Some(Target::Field(record, number, id));
        }
        let it = self.own_field(record, name, name.span)?;
        Some(Target::Derived(record, number, Arc::from(name.text.as_str()), it.ty.clone()))
    }

    fn field_names(&self, record: RecordId) -> Vec<String> {
        let stored = self.schema.record(record).fields.iter().map(|it| it.name.clone());
        let derived = self.derived.keys().filter(|it| it.0 == record).map(|it| it.1.to_owned());
        stored.chain(derived).collect()
    }

    fn no_field(&mut self, record: RecordId, name: &ast::Name) {
        let of = self.schema.record(record).name.clone();
        let names = self.field_names(record);
        let elsewhere = (0..self.schema.records.len())
            .map(RecordId)
            .find(|it| self.field_names(*it).contains(&name.text));
        let help = match elsewhere {
            Some(it) => format!("it belongs to `{}`", self.schema.record(it).name),
            None => did_you_mean(&name.text, names.iter().map(String::as_str))
                .unwrap_or_else(|| format!("name a field of `{of}`")),
        };
        self.unknown_in_test(name, format!("`{of}` has no field `{}`", name.text), help);
    }

    /// `hs` below `given item 1`
    pub fn row_target(
        &mut self,
        record: RecordId,
        number: u32,
        path: &[ast::Name],
    ) -> Option<Target> {
        let [name] = path else {
            self.too_long(path);
            return None;
        };
        let found = self.own_target(record, number, name);
        if found.is_none() {
            self.no_field(record, name);
        }
        found
    }

    fn too_long(&mut self, path: &[ast::Name]) {
        let Some(first) = path.first() else { return };
        let message = format!("`{}` has too many parts here", word::path(path));
        self.unknown_in_test(first, message, "name the field alone".to_owned());
    }

    /// `risk_class` below `given importer`, `median` below `given peers`
    pub fn part_target(
        &mut self,
        of: &ast::Name,
        path: &[ast::Name],
        level: RecordId,
    ) -> Option<Target> {
        let [name] = path else {
            self.too_long(path);
            return None;
        };
        let words: Arc<str> = Arc::from(format!("{}.{}", of.text, name.text));
        if let Some(block) = self.profiles.get(of.text.as_str()).copied() {
            let it = self.profile(block, of, name, &Self::scope_of(level), name.span);
            let known = it.ty != Type::Error;
            return known.then(|| Target::Instead(Place::Profile(words), it.ty.clone()));
        }
        let lineage = self.schema.lineage(level);
        let refers = lineage
            .iter()
            .flat_map(|it| &self.schema.record(*it).refers)
            .find(|it| it.name == of.text)?;
        let to = refers.to;
        let ty = match self.own_target(to, 1, name) {
            Some(Target::Field(_, _, id)) => self.schema.field(id).ty.clone(),
            Some(Target::Derived(_, _, _, ty)) => ty,
            _ => {
                self.no_field(to, name);
                return None;
            }
        };
        Some(Target::Instead(Place::Relation(words), ty))
    }

    /// `importer known for`
    pub fn known_target(&mut self, whom: &ast::Expr, level: RecordId) -> Option<Target> {
        let (_, key) = self.known_of(whom, &Self::scope_of(level))?;
        let words = format!("{} known for", self.sources.slice(whom.span).trim());
        let place = Place::KnownFor(Arc::from(words), Arc::from(print::identity(&key)));
        Some(Target::Instead(place, Type::Duration))
    }

    pub fn parameter_target(&mut self, name: &ast::Name) -> Option<Target> {
        if let Some(at) = self.parameters.iter().position(|it| *it.name == name.text) {
            return Some(Target::Parameter(at));
        }
        let near = did_you_mean(&name.text, self.parameters.iter().map(|it| &*it.name));
        let help = near.unwrap_or_else(|| "declare it with a `parameter` block".to_owned());
        self.unknown_in_test(name, format!("unknown parameter `{}`", name.text), help);
        None
    }

    /// Of a column: `item 2.hs`, `peers.median`, `importer.risk_class`, `hs`, a parameter.
    pub fn heading_target(
        &mut self,
        path: &[ast::Name],
        number: Option<u32>,
        level: RecordId,
    ) -> Option<Target> {
        match path {
            [name] => {
                for record in self.schema.lineage(level) {
                    if let Some(it) = self.own_target(record, 1, name) {
                        return Some(it);
                    }
                }
                if self.parameters.iter().any(|it| *it.name == name.text) {
                    return self.parameter_target(name);
                }
                self.no_field(level, name);
                None
            }
            [of, name] => {
                let root = |it: RecordId| self.schema.lineage(it).last().copied();
                if let Some(record) = self.schema.find_record(&of.text)
                    && root(record) == root(level)
                {
                    return self.row_target(
                        record,
                        number.unwrap_or(1),
                        std::slice::from_ref(name),
                    );
                }
                let known = self.relations(level).contains(&of.text);
                if known || self.profiles.contains_key(of.text.as_str()) {
                    return self.part_target(of, std::slice::from_ref(name), level);
                }
                let records = self.schema.records.iter().map(|it| it.name.clone());
                let names: Vec<String> = records
                    .chain(self.relations(level))
                    .chain(self.profiles.keys().map(|it| (*it).to_owned()))
                    .collect();
                let help = did_you_mean(&of.text, names.iter().map(String::as_str))
                    .unwrap_or_else(|| "write `record.field` or `profile.statistic`".to_owned());
                self.unknown_in_test(of, format!("nothing is called `{}`", of.text), help);
                None
            }
            _ => {
                self.too_long(path);
                None
            }
        }
    }

    /// A column of past rows: of their record, or of one around it.
    pub fn past_target(&mut self, record: RecordId, path: &[ast::Name]) -> Option<Target> {
        let lineage = self.schema.lineage(record);
        let (records, name) = match path {
            [name] => (lineage, name),
            [of, name] => {
                let named = self.schema.find_record(&of.text);
                (lineage.into_iter().filter(|it| Some(*it) == named).collect(), name)
            }
            _ => {
                self.too_long(path);
                return None;
            }
        };
        for it in &records {
            if let Some(target) = self.own_target(*it, 1, name) {
                return Some(target);
            }
        }
        self.no_field(record, name);
        None
    }

    fn type_of(&self, target: &Target) -> Type {
        match target {
            Target::Field(_, _, id) => self.schema.field(*id).ty.clone(),
            Target::Derived(_, _, _, ty) | Target::Instead(_, ty) => ty.clone(),
            Target::Parameter(at) => self.parameters[*at].ty.clone(),
        }
    }

    fn target_words(&self, target: &Target) -> String {
        match target {
            Target::Field(_, _, id) => self.schema.field(*id).name.clone(),
            Target::Derived(_, _, name, _) => name.to_string(),
            Target::Instead(place, _) => place.words().to_string(),
            Target::Parameter(at) => self.parameters[*at].name.to_string(),
        }
    }

    /// The value of an expression that is written out, in the form in which the target holds it.
    pub fn fixed_value(
        &mut self,
        expr: &ast::Expr,
        target: &Target,
        level: RecordId,
    ) -> Option<Fixed> {
        let ty = self.type_of(target);
        let words = self.target_words(target);
        if let Target::Field(_, _, id) = target
            && let Some(by) = self.schema.field(*id).unit_of.clone()
            && let Some(it) = self.of_unit(expr, &ty, *id, &by)
        {
            return Some(it);
        }
        let value = self.fixed_of(expr, &ty, &words, level)?;
        Some((value, BTreeMap::new()))
    }

    /// `100 USD` for `money by currency`: the amount, and the currency in its field.
    fn of_unit(&mut self, expr: &ast::Expr, ty: &Type, id: FieldId, by: &str) -> Option<Fixed> {
        let (number, unit) = match &expr.kind {
            ast::ExprKind::Number(number) => (number, None),
            ast::ExprKind::Quantity { number, unit } => (number, Some(unit)),
            _ => return None,
        };
        let scale = typing::number(ty).scale;
        let held = Decimal::parse(number)?.with_scale(scale)?;
        let mut units = BTreeMap::new();
        if let Some(unit) = unit {
            let lineage = self.schema.lineage(id.record);
            let field = lineage.iter().find_map(|it| self.schema.find_field(*it, by))?;
            units.insert(field, Value::text(&unit.text));
        }
        Some((Value::Decimal(held), units))
    }

    pub fn fixed_of(
        &mut self,
        expr: &ast::Expr,
        ty: &Type,
        words: &str,
        level: RecordId,
    ) -> Option<Value> {
        if *ty == Type::Error {
            return None;
        }
        let scope = Self::scope_of(level);
        let it = match (&expr.kind, ty) {
            (ast::ExprKind::Error, _) => return None,
            (ast::ExprKind::Missing, _) => return Some(Value::Missing(Reason::NotGiven)),
            // Kept as it is written: forms are for comparing.
            (ast::ExprKind::Text(text), Type::Text(_)) => {
                return Some(match text.trim() {
                    "" => Value::Missing(Reason::NotGiven),
                    text => Value::text(text),
                });
            }
            (ast::ExprKind::Path(path), Type::Country | Type::Currency | Type::Choice(_))
                if path.len() == 1 =>
            {
                match self.word(&path[0], ty) {
                    Some(it) => it,
                    None => self.unknown(&path[0], Some(ty), &scope),
                }
            }
            (ast::ExprKind::Path(path), _) => {
                let text = word::path(path);
                let message = format!("`{words}` is {}, and `{text}` is no value", ty.words());
                let help = match ty {
                    Type::Text(_) => format!("write it in quotation marks: `\"{text}\"`"),
                    Type::Code(name) => format!("write a code, such as `{name} 8517`"),
                    _ => "write the value itself, with its unit".to_owned(),
                };
                self.push(Diagnostic::new(Code::T7007, expr.span, message).help(help));
                return None;
            }
            _ => self.value(expr, Some(ty), &scope),
        };
        if it.ty == Type::Error {
            return None;
        }
        let wanted = literal(Value::Missing(Reason::NotGiven), ty.clone(), expr.span);
        if let Some(problem) = typing::comparable(&self.schema, &wanted, &it) {
            let message = format!("`{words}` is {}, not {}", ty.words(), it.ty.words());
            let labels = vec![Label { span: expr.span, text: it.ty.words() }];
            let problem = Diagnostic { message, labels, ..problem };
            // Advice for comparisons of two measures is none for a value.
            self.push(match (ty, problem.code) {
                (Type::Number(number), Code::T3001) => {
                    problem.help(format!("write it in {}", number.dimension.unit_text()))
                }
                _ => problem,
            });
            return None;
        }
        let Some(value) = fold(&it) else {
            let it =
                Diagnostic::new(Code::T7007, expr.span, "a test gives values, it does not compute");
            self.push(it.help("write the value itself"));
            return None;
        };
        self.held(value, ty, words, expr.span)
    }

    /// In the scale of the type.
    fn held(&mut self, value: Value, ty: &Type, words: &str, span: Span) -> Option<Value> {
        let number = match ty {
            Type::Whole if matches!(value, Value::Whole(_)) => return Some(value),
            Type::Number(number) => number,
            Type::Whole => {
                let message = format!("`{words}` is a whole number");
                let it = Diagnostic::new(Code::T7007, span, message);
                self.push(it.help("leave the decimals out"));
                return None;
            }
            _ => return Some(value),
        };
        let held = value.as_decimal().map(Decimal::normalised);
        match held.filter(|it| it.scale <= number.scale).and_then(|it| it.with_scale(number.scale))
        {
            Some(it) => Some(Value::Decimal(it)),
            None => {
                let message = format!("`{words}` has at most {} decimals here", number.scale);
                let it = Diagnostic::new(Code::T3008, span, message);
                self.push(it.help("write fewer decimals"));
                None
            }
        }
    }

    /// Puts a value into a case; nothing when it was given already.
    pub fn apply(
        &mut self,
        case: &mut Case,
        target: Target,
        (value, units): Fixed,
        span: Span,
    ) -> Option<()> {
        let words = self.target_words(&target);
        let before = match target {
            Target::Field(record, number, id) => {
                let at = self.row(case, record, number);
                for (unit, value) in units {
                    let at = self.row(case, unit.record, number);
                    case.rows[at].values.entry(unit).or_insert(value);
                }
                case.rows[at].values.insert(id, value).is_some()
            }
            Target::Derived(record, number, name, ty) => {
                let at = self.row(case, record, number);
                case.rows[at].derived.insert(name, (ty, value)).is_some()
            }
            Target::Instead(Place::KnownFor(..), _) if is_time(&value) => {
                let it = Diagnostic::new(Code::T3005, span, "known for how many days or months?");
                self.push(it.help("write `known for 30 days`"));
                return None;
            }
            Target::Instead(place, ty) => case.instead.insert(place, (ty, value)).is_some(),
            Target::Parameter(at) => case.parameters.insert(at, value).is_some(),
        };
        if before {
            let it = Diagnostic::new(Code::T7005, span, format!("`{words}` is given twice"));
            self.push(it.help("keep one of them"));
            return None;
        }
        Some(())
    }

    /// An entry of a list that a test gives.
    pub fn list_row(
        &mut self,
        files: &[ast::File],
        list: usize,
        name: &ast::Name,
        headings: &[&Heading],
        cells: &[Cell],
        span: Span,
    ) -> Option<ListRow> {
        let columns: Vec<(String, Type)> =
            self.lists[list].columns.iter().map(|it| (it.name.clone(), it.ty.clone())).collect();
        let dated = dated(files, &name.text);
        let mut row = ListRow {
            values: vec![Value::Missing(Reason::NotGiven); columns.len()],
            from: None,
            to: None,
        };
        for (heading, cell) in headings.iter().zip(cells) {
            let named = match &heading.kind {
                HeadingKind::Field { path, number: None } if path.len() == 1 => Some(&path[0]),
                _ => None,
            };
            let text = named.map_or("", |it| it.text.as_str());
            let expr = self.cell(cell)?;
            if let Some((from, to)) = &dated
                && [from, to].contains(&&text.to_owned())
            {
                let value = self.fixed_of(&expr, &Type::Date, text, RecordId(0))?;
                let day = match value {
                    Value::Date(it) => Some(it),
                    _ => None,
                };
                if text == from {
                    row.from = day
                } else {
                    row.to = day
                }
                continue;
            }
            let Some(at) = columns.iter().position(|it| it.0 == text) else {
                let known = columns.iter().map(|it| it.0.as_str());
                let help = did_you_mean(text, known)
                    .unwrap_or_else(|| "name a column that the list declares".to_owned());
                let message = format!("list `{}` has no column `{text}`", name.text);
                self.push(Diagnostic::new(Code::T7002, heading.span, message).help(help));
                return None;
            };
            row.values[at] = self.fixed_of(&expr, &columns[at].1, text, RecordId(0))?;
        }
        if self.lists[list].key.iter().any(|it| row.values[*it].is_missing()) {
            let it = Diagnostic::new(Code::T7003, span, "an entry of a list without its key");
            self.push(it.help("give every column of the key a value"));
            return None;
        }
        Some(row)
    }
}

fn is_time(value: &Value) -> bool {
    matches!(value, Value::Duration(Duration::Time(_)))
}

/// The columns of the validity of a list.
fn dated(files: &[ast::File], list: &str) -> Option<(String, String)> {
    let mut blocks = files.iter().flat_map(|it| &it.blocks);
    let block = blocks.find(|it| match &it.head {
        ast::Head::List { name, .. } => name.text == list,
        _ => false,
    })?;
    block.lines.iter().find_map(|it| match &it.kind {
        ast::LineKind::Dated(it) => Some((it.from.text.clone(), it.to.text.clone())),
        _ => None,
    })
}
