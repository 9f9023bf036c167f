//! A project as JSON: its schema, lists and data sets beside the rules that were written.
//!
//! `docs/dev/ir-json.md` says what stands in it.

use serde_json::Value as Json;
use serde_json::json;

use crate::data::manifest::DataSet;
use crate::data::manifest::ListEntry;
use crate::data::manifest::Manifest;
use crate::ir::from_schema;
use crate::ir::written;
use crate::ir::written::types;
use crate::project::Project;
use crate::schema::Field;
use crate::schema::Group;
use crate::schema::Known;
use crate::schema::Nomenclature;
use crate::schema::Record;
use crate::schema::Schema;
use crate::syntax::ast;

/// The form of the JSON; what is there keeps its meaning as long as this does.
pub const FORM: &str = "tamis.ir/1";

/// Everything that a run of the project goes by, but for the rows themselves.
pub fn typed(project: &Project) -> Json {
    let mut res = written::written(&project.rule_set, &project.files, &project.sources);
    let manifest = project.manifest.as_ref();
    res["schema"] = json!(FORM);
    res["records"] = records(&project.rule_set.schema);
    res["codes"] = nomenclatures(project);
    res["groups"] = groups(project);
    res["lists"] = lists(project);
    res["data"] = manifest.map(data).unwrap_or_default();
    res["root"] = json!(manifest.map(|it| it.root.to_string_lossy().into_owned()));
    res["time"] = json!(manifest.and_then(time));
    res
}

fn records(schema: &Schema) -> Json {
    schema.records.iter().map(|it| record(schema, it)).collect()
}

fn record(schema: &Schema, it: &Record) -> Json {
    let name = |field: usize| it.fields[field].name.as_str();
    let key: Vec<&str> = it.key.iter().map(|it| name(*it)).collect();
    let fields: Vec<Json> = it.fields.iter().map(|field| self::field(it, field)).collect();
    let refers = it
        .refers
        .iter()
        .map(|it| json!({"name": it.name, "by": it.by, "to": schema.record(it.to).name}));
    json!({
        "name": it.name,
        "in": it.parent.map(|it| schema.record(it).name.as_str()),
        "key": key,
        "fields": fields,
        "refers": refers.collect::<Vec<Json>>(),
        "date": it.acceptance.map(name),
        "event": it.instant.map(name),
        "known_from": it.known_from.map(name),
        "complete_since": types::day(it.complete_since),
        "complete_until": types::day(it.complete_until),
    })
}

fn field(record: &Record, it: &Field) -> Json {
    let known = it.known.as_ref().map(|it| match it {
        Known::Later => json!("later"),
        Known::From(field) => json!({"from": record.fields[*field].name}),
    });
    json!({
        "name": it.name, "type": types::ty(&it.ty), "unit": it.unit, "unit_of": it.unit_of,
        "required": it.required, "personal": it.personal, "formerly": it.formerly, "known": known,
    })
}

fn nomenclatures(project: &Project) -> Json {
    let one = |it: &Nomenclature| {
        let file = blocks(project).find_map(|block| match &block.head {
            ast::Head::Codes { name, file, dated, .. } if name.text == it.name => {
                Some(file_of(file.as_ref(), dated.as_ref()))
            }
            _ => None,
        });
        json!({"name": it.name, "levels": it.levels, "extends": it.extends, "file": file})
    };
    project.rule_set.schema.nomenclatures.values().map(one).collect()
}

fn file_of(file: Option<&ast::Text>, dated: Option<&ast::Dated>) -> Json {
    let dated = dated.map(|it| json!([it.from.text, it.to.text]));
    json!({"path": file.map(|it| it.text.as_str()), "dated": dated})
}

/// Members as the schema and the files it names have them; both days are included.
fn groups(project: &Project) -> Json {
    let one = |it: &Group| {
        let member = |it: &crate::schema::Member| {
            let (from, to) = (types::day(it.from), types::day(it.to));
            json!({"country": it.country, "from": from, "to": to})
        };
        let members: Vec<Json> = it.members.iter().map(member).collect();
        json!({"name": it.name, "members": members})
    };
    project.rule_set.schema.groups.values().map(one).collect()
}

fn blocks(project: &Project) -> impl Iterator<Item = &ast::Block> {
    project.files.iter().flat_map(|it| &it.blocks).filter(|it| !it.broken)
}

/// What lists are declared to be; their entries are in their files.
fn lists(project: &Project) -> Json {
    let schema = &project.rule_set.schema;
    let mut res: Vec<Json> = blocks(project).filter_map(|it| list(it, schema)).collect();
    let entries = project.manifest.iter().flat_map(|it| &it.lists);
    res.extend(entries.map(|it| entry(it, project)));
    json!(res)
}

fn list(block: &ast::Block, schema: &Schema) -> Option<Json> {
    let ast::Head::List { name, file } = &block.head else { return None };
    let mut columns = Vec::new();
    let mut dated = None;
    for line in &block.lines {
        match &line.kind {
            ast::LineKind::Column { name, ty, key, .. } => {
                let mut quiet = Vec::new();
                let found = types::ty(&from_schema::ty(ty, schema, &mut quiet));
                let key = match key {
                    ast::ColumnKey::None => Json::Null,
                    ast::ColumnKey::Key => json!("key"),
                    ast::ColumnKey::PrefixKey => json!("prefix"),
                };
                let unit = ty.unit.as_ref().map(|it| it.text.as_str());
                columns.push(json!({
                    "name": name.text, "type": found, "unit": unit, "key": key,
                }));
            }
            ast::LineKind::Dated(it) => dated = Some(json!([it.from.text, it.to.text])),
            _ => {}
        }
    }
    if columns.iter().all(|it| it["key"].is_null())
        && let Some(first) = columns.first_mut()
    {
        first["key"] = json!("key");
    }
    Some(json!({
        "name": name.text, "path": file.as_ref().map(|it| it.text.as_str()), "sheet": Json::Null,
        "columns": columns, "dated": dated,
    }))
}

/// A list of `[lists]`.
fn entry(it: &ListEntry, project: &Project) -> Json {
    let found = project.rule_set.lists.iter().find(|list| *list.name == it.name.text);
    let ty = found.and_then(|it| it.columns.first()).map(|it| types::ty(&it.ty));
    json!({
        "name": it.name.text, "path": it.path.text, "sheet": it.sheet.as_ref().map(|it| &it.text),
        "dated": Json::Null,
        "columns": [{"name": it.column.text, "type": ty, "unit": Json::Null, "key": "key"}],
    })
}

fn time(manifest: &Manifest) -> Option<String> {
    manifest.data.values().find_map(|it| it.time.clone())
}

fn data(manifest: &Manifest) -> Json {
    let sets = manifest.data.iter().map(|(name, it)| (name.clone(), data_set(it)));
    Json::Object(sets.collect())
}

fn data_set(it: &DataSet) -> Json {
    let records = it.records.iter().map(|(name, it)| (name.clone(), data_set(it)));
    let path: Vec<&str> = it.path.iter().map(|it| it.text.as_str()).collect();
    json!({
        "path": path, "within": it.within, "format": it.format, "columns": it.columns,
        "separator": it.separator, "encoding": it.encoding, "decimal": it.decimal,
        "nulls": it.nulls, "dates": it.dates, "ratios": it.ratios, "optional": it.optional,
        "records": Json::Object(records.collect()),
    })
}
