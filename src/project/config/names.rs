//! The names in `tamis.toml`: records and fields that the schema has, and that may stand there.

use crate::data::manifest::DataSet;
use crate::data::manifest::Manifest;
use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::schema::Field;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::source::Span;
use crate::syntax::ast;

pub fn check(
    manifest: &Manifest,
    schema: &Schema,
    files: &[ast::File],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let lines = files.iter().flat_map(|it| &it.blocks).flat_map(|it| &it.lines);
    let derived = lines.filter_map(|it| match &it.kind {
        ast::LineKind::Derived { name, .. } => Some(name.text.as_str()),
        _ => None,
    });
    let derived = derived.collect();
    let mut names = Names { schema, derived, root: manifest.file_span(), diagnostics };
    for (name, set) in &manifest.data {
        names.data_set(name, set);
    }
}

struct Names<'a> {
    schema: &'a Schema,
    derived: Vec<&'a str>,
    root: Span,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Names<'_> {
    fn data_set(&mut self, name: &str, set: &DataSet) {
        let schema = self.schema;
        let fields = |it: RecordId| {
            (0..schema.record(it).fields.len()).map(move |field| FieldId { record: it, field })
        };
        let flat: Vec<FieldId> = match set.path.is_empty() {
            true => Vec::new(),
            false => schema.lineage(self.flat(set)).into_iter().flat_map(fields).collect(),
        };
        self.fields(name, set, &flat);
        for (record, own) in &set.records {
            let table = format!("{name}.{record}");
            let Some(id) = schema.find_record(record) else {
                self.unknown_record(name, record, own);
                continue;
            };
            let mut known: Vec<FieldId> = fields(id).collect();
            if own.within.is_none() {
                // The rows name those around them by their keys.
                known.extend(schema.key_fields(id).into_iter().filter(|it| it.record != id));
            } else {
                self.around(name, &table, id, set);
            }
            self.fields(&table, own, &known);
        }
        let tables = std::iter::once((name.to_owned(), set));
        let records = set.records.iter().map(|(record, it)| (format!("{name}.{record}"), it));
        for (table, it) in tables.chain(records) {
            self.said_of_all(&table, it);
        }
    }

    /// The record that a flat extract has a row of: the innermost one that has no files of its own.
    fn flat(&self, set: &DataSet) -> RecordId {
        let schema = self.schema;
        let all = || (0..schema.records.len()).map(RecordId);
        let own = |it: RecordId| set.records.get(&schema.record(it).name);
        let depth = |it: &RecordId| (schema.lineage(*it).len(), std::cmp::Reverse(it.0));
        // Rows with lists are those of the record around the elements.
        let in_lists = all().filter(|it| own(*it).is_some_and(|it| it.within.is_some()));
        let holders = in_lists.filter_map(|it| schema.record(it).parent);
        let alone = all().filter(|it| schema.lineage(*it).into_iter().all(|it| own(it).is_none()));
        let holder = holders.filter(|it| own(*it).is_none()).max_by_key(depth);
        holder.or(alone.max_by_key(depth)).unwrap_or(RecordId(0))
    }

    fn unknown_record(&mut self, name: &str, record: &str, own: &DataSet) {
        let schema = self.schema;
        let names = schema.records.iter().map(|it| it.name.as_str());
        let help = did_you_mean(record, names.clone().chain(["columns", "dates"]));
        let help = help
            .unwrap_or_else(|| format!("the records are {}", names.collect::<Vec<_>>().join(", ")));
        let message = format!("`{record}` in [data.{name}] is no record of the schema");
        let place = own.places.table().unwrap_or(self.root);
        self.diagnostics.push(Diagnostic::new(Code::T9104, place, message).help(help));
    }

    /// Rows in lists need rows around them.
    fn around(&mut self, name: &str, table: &str, id: RecordId, set: &DataSet) {
        let schema = self.schema;
        let record = &schema.record(id).name;
        let place = set.records.get(record).and_then(|it| it.places.of("within", ""));
        let place = place.unwrap_or(self.root);
        let Some(parent) = schema.record(id).parent else {
            let message = format!("`{record}` stands in no other record: `within` has no row");
            let help = format!("name its files with `path`, or declare `record {record} in …`");
            self.diagnostics.push(Diagnostic::new(Code::T9104, place, message).help(help));
            return;
        };
        let parent = &schema.record(parent).name;
        if set.path.is_empty() && !set.records.contains_key(parent) {
            let message =
                format!("[data.{table}] is within rows of `{parent}`, and none are named");
            let help = format!("add [data.{name}.{parent}] with its `path`");
            self.diagnostics.push(Diagnostic::new(Code::T9104, place, message).help(help));
        }
    }

    /// Fields by name, where only some may stand.
    fn fields(&mut self, table: &str, set: &DataSet, known: &[FieldId]) {
        for (column, field) in &set.columns {
            self.field(table, set, ("columns", column), field, known);
        }
        for name in set.dates.keys() {
            let is_moment = |it: &Field| matches!(it.ty, Type::Date | Type::DateTime);
            if let Some(id) = self.field(table, set, ("dates", name), name, known) {
                self.fits(set, ("dates", name), id, is_moment, "no date: it needs no format");
            }
        }
        for name in &set.ratios {
            let is_percent = |it: &Field| matches!(&it.ty, Type::Number(it) if it.percent);
            if let Some(id) = self.field(table, set, ("ratios", name), name, known) {
                self.fits(set, ("ratios", name), id, is_percent, "no percentage");
            }
        }
        for name in &set.optional {
            let Some(id) = self.field(table, set, ("optional", name), name, known) else {
                continue;
            };
            let is_key = self.schema.record(id.record).key.contains(&id.field);
            let may = |it: &Field| !it.required && !is_key;
            let what = "in no row missing: it is a key or `required`";
            self.fits(set, ("optional", name), id, may, what);
        }
    }

    /// `key`, `time` and `label` are about any record of the data set.
    fn said_of_all(&mut self, table: &str, set: &DataSet) {
        let schema = self.schema;
        let all: Vec<FieldId> = (0..schema.records.len())
            .map(RecordId)
            .flat_map(|record| {
                let fields = 0..schema.record(record).fields.len();
                fields.map(move |field| FieldId { record, field })
            })
            .collect();
        if let Some(name) = &set.key
            && let Some(id) = self.field(table, set, ("key", ""), name, &all)
        {
            let record = schema.record(id.record);
            let is_key = |_: &Field| record.key.contains(&id.field);
            self.fits(set, ("key", ""), id, is_key, "no key in the schema");
        }
        if let Some(name) = &set.time
            && let Some(id) = self.field(table, set, ("time", ""), name, &all)
        {
            let is_date = |it: &Field| it.ty == Type::Date;
            self.fits(set, ("time", ""), id, is_date, "no date");
            let is_acceptance = |_: &Field| schema.acceptance(id.record) == Some(id);
            if schema.field(id).ty == Type::Date {
                let what = "not the date of acceptance: the schema says another";
                self.fits(set, ("time", ""), id, is_acceptance, what);
            }
        }
        if let Some(name) = &set.label {
            self.field(table, set, ("label", ""), name, &all);
        }
    }

    /// A field that the table may name, or a remark.
    fn field(
        &mut self,
        table: &str,
        set: &DataSet,
        (key, entry): (&'static str, &str),
        name: &str,
        known: &[FieldId],
    ) -> Option<FieldId> {
        let schema = self.schema;
        if let Some(id) = known.iter().find(|it| schema.field(**it).name == name) {
            return Some(*id);
        }
        let elsewhere = schema.records.iter().find(|it| it.fields.iter().any(|it| it.name == name));
        let names = known.iter().map(|it| schema.field(*it).name.as_str());
        let (message, help) = match elsewhere {
            _ if self.derived.contains(&name) => (
                format!("`{name}` is derived: no column feeds it"),
                "name a field of the schema".to_owned(),
            ),
            Some(record) => (
                format!(
                    "`{name}` is a field of `{}`, which [data.{table}] does not hold",
                    record.name
                ),
                "say it in the table of that record".to_owned(),
            ),
            None => (
                format!("the schema has no field `{name}`"),
                did_you_mean(name, names)
                    .unwrap_or_else(|| "correct it, or declare the field".to_owned()),
            ),
        };
        let place = set.places.of(key, entry).unwrap_or(self.root);
        self.diagnostics.push(Diagnostic::new(Code::T9104, place, message).help(help));
        None
    }

    fn fits(
        &mut self,
        set: &DataSet,
        (key, entry): (&'static str, &str),
        id: FieldId,
        fits: impl Fn(&Field) -> bool,
        what: &str,
    ) {
        let field = self.schema.field(id);
        if fits(field) {
            return;
        }
        let place = set.places.of(key, entry).unwrap_or(self.root);
        let message = format!("`{}` of `{key}` is {what}", field.name);
        let record = &self.schema.record(id.record).name;
        let help = format!("`{record}` declares it as {}", field.ty.words());
        self.diagnostics.push(Diagnostic::new(Code::T9104, place, message).help(help));
    }
}
