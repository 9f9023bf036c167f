//! `tamis ls`

use comfy_table::Table;
use comfy_table::presets;
use serde_json::Value as Json;
use serde_json::json;

use crate::cli::Context;
use crate::cli::check;
use crate::cli::failure;
use crate::cli::output;
use crate::cli::output::Output;
use crate::cli::scope;
use crate::ir::RuleSet;
use crate::ir::cases::Subject;
use crate::ir::cases::Test;
use crate::project::Project;
use crate::report;
use crate::report::diagnostics::Checked;
use crate::shown;
use crate::shown::shown;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::ast::Head;
use crate::syntax::ast::LineKind;
use crate::syntax::ast::MetaKey;
use crate::syntax::ast::MetaValue;
use crate::trouble::Exit;
use crate::trouble::Trouble;

pub const EXAMPLES: &str = "\
Examples:
  tamis ls                              everything that authors have named
  tamis ls rules --status experimental
  tamis ls rules lists --owner \"Valuation unit\"
  tamis ls rules --tag transit --output csv=rules.csv";

#[derive(clap::Args)]
pub struct Ls {
    /// rules, lists, parameters, profiles, definitions; all when none is named
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// With this tag only
    #[arg(long, value_name = "TAG", env = "TAMIS_TAG", hide_env = true)]
    tag: Option<String>,
    /// Of this status only
    #[arg(long, value_name = "STATUS", env = "TAMIS_STATUS", hide_env = true)]
    status: Option<String>,
    /// Of this owner only
    #[arg(long, value_name = "OWNER", env = "TAMIS_OWNER", hide_env = true)]
    owner: Option<String>,
    /// table, json or csv; FORMAT=FILE writes a file. May be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = form)]
    #[arg(env = "TAMIS_OUTPUT", hide_env = true)]
    output: Vec<Output<Form>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Kind {
    Rules,
    Lists,
    Parameters,
    Profiles,
    Definitions,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Rules => "rule",
            Kind::Lists => "list",
            Kind::Parameters => "parameter",
            Kind::Profiles => "profile",
            Kind::Definitions => "definition",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Json,
    Csv,
}

// The words of `check` do as well: TAMIS_OUTPUT is for both.
const FORMS: [(&str, Form); 6] = [
    ("table", Form::Table),
    ("json", Form::Json),
    ("csv", Form::Csv),
    ("full", Form::Table),
    ("plain", Form::Table),
    ("concise", Form::Table),
];

fn form(text: &str) -> Result<Output<Form>, String> {
    output::parse(text, &FORMS)
}

/// Something with a name.
struct Item {
    kind: Kind,
    name: String,
    title: String,
    owner: Vec<String>,
    status: String,
    from: Option<String>,
    to: Option<String>,
    channel: String,
    tags: Vec<String>,
    /// Rows of a list, values of a parameter.
    entries: Option<usize>,
    /// Cases of the tests of a rule or profile.
    tests: Option<usize>,
    /// `rules/R0101.tamis:3`
    place: String,
}

const COLUMNS: [&str; 12] = [
    "kind", "name", "title", "owner", "status", "from", "to", "channel", "tags", "entries",
    "tests", "place",
];

impl Item {
    fn cells(&self) -> [String; 12] {
        let given = |it: &Option<String>| it.clone().unwrap_or_default();
        let number = |it: Option<usize>| it.map(|it| it.to_string()).unwrap_or_default();
        [
            self.kind.word().to_owned(),
            self.name.clone(),
            self.title.clone(),
            self.owner.join(", "),
            self.status.clone(),
            given(&self.from),
            given(&self.to),
            self.channel.clone(),
            self.tags.join(", "),
            number(self.entries),
            number(self.tests),
            self.place.clone(),
        ]
    }

    fn json(&self) -> Json {
        let given = |it: &str| if it.is_empty() { Json::Null } else { json!(it) };
        json!({
            "kind": self.kind.word(), "name": self.name, "title": given(&self.title),
            "owner": self.owner, "status": given(&self.status), "from": self.from, "to": self.to,
            "channel": given(&self.channel), "tags": self.tags, "entries": self.entries,
            "tests": self.tests, "place": self.place,
        })
    }

    fn is_wanted(&self, it: &Ls) -> bool {
        let is = |wanted: &Option<String>, known: &[String]| {
            wanted.as_ref().is_none_or(|it| known.iter().any(|known| known == it))
        };
        (it.kinds.is_empty() || it.kinds.contains(&self.kind))
            && is(&it.tag, &self.tags)
            && is(&it.status, std::slice::from_ref(&self.status))
            && is(&it.owner, &self.owner)
    }
}

impl Ls {
    pub fn is_json(&self) -> bool {
        output::is_json(&self.output, &Form::Json)
    }
}

pub fn ls(it: &Ls, context: &Context) -> Result<Exit, Trouble> {
    let outputs = output::destinations(&it.output, Form::Table)?;
    let scope = scope::load(context, &[])?;
    let project = &scope.project;
    output::apart(&output::files(&outputs), &project.paths())?;
    let errors: Vec<_> = project.diagnostics.iter().filter(|it| it.is_error()).cloned().collect();
    if !errors.is_empty() {
        // Half a list would be taken for a whole one.
        let all = Checked { diagnostics: &errors, ..check::checked(project, &scope.files) };
        let exit = check::exit(&errors, false);
        failure::errors(&all, exit, context);
        return Ok(exit);
    }
    let mut items: Vec<Item> = items(project).into_iter().filter(|one| one.is_wanted(it)).collect();
    items.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    for Output { format, file } in &outputs {
        let text = match format {
            Form::Table => table(&items),
            Form::Json => {
                let all: Vec<Json> = items.iter().map(Item::json).collect();
                report::json(&json!({"schema": "tamis.ls/1", "items": all}))
            }
            Form::Csv => csv(&items)?,
        };
        output::deliver(&text, file.as_deref())?;
    }
    context.terminal.note(&check::counted(items.len(), "name"));
    Ok(Exit::Ok)
}

fn items(project: &Project) -> Vec<Item> {
    let blocks = project.files.iter().flat_map(|it| &it.blocks);
    let mut res: Vec<Item> = blocks.filter_map(|it| item(project, it)).collect();
    // Lists of tamis.toml are in no block.
    let manifest = project.manifest.iter();
    for entry in manifest.flat_map(|it| &it.lists) {
        if res.iter().any(|it| it.kind == Kind::Lists && it.name == entry.name.text) {
            continue;
        }
        let entries = entries(&project.rule_set, Kind::Lists, &entry.name.text);
        let place = "tamis.toml".to_owned();
        res.push(Item { entries, ..blank(Kind::Lists, entry.name.text.clone(), place) });
    }
    res
}

fn blank(kind: Kind, name: String, place: String) -> Item {
    Item {
        kind,
        name,
        title: String::new(),
        owner: Vec::new(),
        status: String::new(),
        from: None,
        to: None,
        channel: String::new(),
        tags: Vec::new(),
        entries: None,
        tests: None,
        place,
    }
}

fn item(project: &Project, block: &ast::Block) -> Option<Item> {
    let (kind, name, title) = match &block.head {
        Head::Rule { name, title } => (Kind::Rules, name, title.as_ref()),
        Head::Profile { name, title } => (Kind::Profiles, name, title.as_ref()),
        Head::Define { name, .. } => (Kind::Definitions, name, None),
        Head::Parameter { name, .. } => (Kind::Parameters, name, None),
        Head::List { name, .. } => (Kind::Lists, name, None),
        _ => return None,
    };
    let mut item = blank(kind, name.text.clone(), place(project, block.span));
    item.title = title.map(|it| it.text.clone()).unwrap_or_default();
    item.entries = entries(&project.rule_set, kind, &name.text);
    item.tests = tests(&project.rule_set, kind, &name.text);
    for line in &block.lines {
        match &line.kind {
            LineKind::Meta { key: MetaKey::Owner, values } => item.owner.extend(words(values)),
            LineKind::Meta { key: MetaKey::Status, values } => {
                item.status = words(values).collect::<Vec<_>>().join(", ");
            }
            LineKind::Meta { key: MetaKey::Tags, values } => item.tags.extend(words(values)),
            LineKind::Valid { from, to } => {
                let day = |it: &Option<ast::Date>| it.as_ref().map(|it| it.date.to_string());
                (item.from, item.to) = (day(from), day(to));
            }
            LineKind::Channel { name, .. } => item.channel = name.text.clone(),
            _ => {}
        }
    }
    Some(item)
}

fn words(values: &[MetaValue]) -> impl Iterator<Item = String> {
    values.iter().map(|it| match it {
        MetaValue::Text(it) => it.text.clone(),
        MetaValue::Date(it) => it.date.to_string(),
        MetaValue::Name(it) => it.text.clone(),
    })
}

fn place(project: &Project, span: Span) -> String {
    format!("{}:{}", project.sources.get(span.file).path, project.sources.place(span).line)
}

fn entries(set: &RuleSet, kind: Kind, name: &str) -> Option<usize> {
    match kind {
        Kind::Lists => set.lists.iter().find(|it| &*it.name == name).map(|it| it.rows.len()),
        Kind::Parameters => {
            set.parameters.iter().find(|it| &*it.name == name).map(|it| it.values.len())
        }
        Kind::Rules | Kind::Profiles | Kind::Definitions => None,
    }
}

fn tests(set: &RuleSet, kind: Kind, name: &str) -> Option<usize> {
    let tested = |it: &&Test| match &it.subject {
        Subject::Rule(id) => kind == Kind::Rules && &*set.rules[id.0].id == name,
        Subject::Profile(it) => kind == Kind::Profiles && &**it == name,
    };
    let tests = || set.tests.iter().filter(tested).map(|it| it.cases.len()).sum();
    matches!(kind, Kind::Rules | Kind::Profiles).then(tests)
}

/// Columns that nothing fills are left out.
fn table(items: &[Item]) -> String {
    let rows: Vec<[String; 12]> = items.iter().map(Item::cells).collect();
    let filled: Vec<usize> = (0..COLUMNS.len())
        .filter(|at| *at < 2 || rows.iter().any(|it| !it[*at].is_empty()))
        .collect();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(filled.iter().map(|at| COLUMNS[*at]));
    for row in &rows {
        table.add_row(filled.iter().map(|at| shown(&row[*at])));
    }
    table.lines().map(|it| format!("{}\n", it.trim_end())).collect()
}

fn csv(items: &[Item]) -> Result<String, Trouble> {
    let fault = || Trouble::bug("a table cannot be written as CSV");
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(|_| fault())?;
    for it in items {
        let cells = it.cells().map(|it| shown::cell(&it).into_owned());
        writer.write_record(cells).map_err(|_| fault())?;
    }
    let bytes = writer.into_inner().map_err(|_| fault())?;
    String::from_utf8(bytes).map_err(|_| fault())
}
