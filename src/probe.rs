//! What the tests see: the pipeline over texts and files.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use crate::decide::Decision;
use crate::decide::secret::Secrets;
use crate::decide::words;
use crate::ir::RuleId;
use crate::ir::Status;
use crate::project;
use crate::report::diagnostics;
use crate::run;
use crate::run::Engine;
use crate::run::Input;
use crate::run::Options;
use crate::run::lines::COLUMNS;
use crate::source::Sources;
use crate::syntax;
use crate::syntax::format;
use crate::syntax::print;

/// Schema and rules, read once.
pub struct Project(project::Project);

/// A diagnostic in short form.
#[derive(Debug, Clone)]
pub struct Remark {
    pub code: String,
    pub is_error: bool,
    pub text: String,
}

/// How the outcomes are computed.
#[derive(Debug, Clone, Copy)]
pub enum By {
    Interpreter,
    DataFusion {
        partitions: usize,
        batch_size: usize,
        /// Whether the engine's own optimiser runs.
        optimise: bool,
    },
}

/// The files of a run.
#[derive(Debug, Clone, Default)]
pub struct Files {
    pub data: Vec<PathBuf>,
    pub history: Vec<PathBuf>,
    /// Records in files of their own.
    pub records: BTreeMap<String, Vec<PathBuf>>,
}

/// What a run says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub lines: Vec<Line>,
    /// Hits and undecided of each rule.
    pub counts: Vec<(u64, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `-` where there is none.
    pub keys: Vec<String>,
    pub rule: String,
    pub outcome: String,
    pub score: Option<String>,
    /// `because` of a hit, the fields that leave an undecided row open.
    pub words: String,
    /// As JSON.
    pub evidence: Option<String>,
}

impl Project {
    /// Of texts with their names; lists and nomenclatures are looked for in `root`.
    pub fn of(files: &[(&str, &str)], root: &Path) -> Project {
        Project(project::from_texts(files, root))
    }

    /// The project of a folder with a `tamis.toml`.
    ///
    /// Errors: what `tamis check` could not read.
    pub fn load(dir: &Path) -> Result<Project, String> {
        let request = project::Request { dir: dir.to_path_buf(), ..Default::default() };
        project::load(&request).map(Project).map_err(|it| it.to_string())
    }

    /// What `check` says.
    pub fn remarks(&self) -> Vec<Remark> {
        let Project(it) = self;
        let remark = |found: &crate::diagnostic::Diagnostic| Remark {
            code: found.code.number().to_owned(),
            is_error: found.is_error(),
            text: diagnostics::short(&it.sources, found),
        };
        it.diagnostics.iter().map(remark).collect()
    }

    /// Every rule over rows of files.
    ///
    /// Errors: what `tamis run` would stop at.
    pub fn run(&self, files: &[PathBuf], by: By) -> Result<Said, String> {
        self.run_input(&Input::of(files), None, by)
    }

    /// As `run`, with past rows from files of their own besides, and records in files of theirs.
    ///
    /// Errors: what `tamis run` would stop at.
    pub fn run_files(&self, files: &Files, by: By) -> Result<Said, String> {
        let history = Input::of(&files.history);
        let mut input = Input::of(&files.data);
        let own = |(name, files): (&String, &Vec<PathBuf>)| (name.clone(), Input::of(files));
        input.records = files.records.iter().map(own).collect();
        self.run_input(&input, Some(&history).filter(|it| !it.files.is_empty()), by)
    }

    /// What the policy makes of rows of files: key, channel, and why, a line each.
    ///
    /// Errors: what `tamis run` would stop at.
    pub fn decide(&self, files: &[PathBuf], by: By) -> Result<Vec<String>, String> {
        let set = &self.0.rule_set;
        let policy = set.policy.as_ref().ok_or("there is no policy")?;
        let rules = (0..set.rules.len()).map(RuleId);
        let rules: Vec<RuleId> =
            rules.filter(|it| set.rules[it.0].status.is_none_or(Status::runs)).collect();
        let secrets = Secrets::of(policy).map_err(|it| it.to_string())?;
        let (set, rules) = run::decide::prepared(set, &rules);
        let input = Input::of(files);
        let opened = run::open(&set, &rules, &input, None, true).map_err(|it| it.to_string())?;
        let done = opened.decide(&set, &secrets, None, &options(by));
        let (_, decisions) = done.map_err(|it| it.to_string())?;
        let line = |it: &Decision| {
            let (keys, channel) = (it.keys.join("/"), policy.word(it.channel));
            format!("{keys}  {channel}  {}\n", words::sentence(&set, policy, it))
        };
        Ok(decisions.iter().map(line).collect())
    }

    fn run_input(&self, input: &Input, history: Option<&Input>, by: By) -> Result<Said, String> {
        let set = &self.0.rule_set;
        let rules: Vec<RuleId> = (0..set.rules.len()).map(RuleId).collect();
        let opened = run::open(set, &rules, input, history, true).map_err(|it| it.to_string())?;
        let mut lines = Vec::new();
        let mut receive = |batch: &RecordBatch| {
            lines.extend((0..batch.num_rows()).map(|row| line(batch, row)));
            Ok(())
        };
        let done = opened.run(set, Some(&mut receive), &options(by));
        let counts = done.map_err(|it| it.to_string())?.counts;
        Ok(Said { lines, counts })
    }
}

fn line(batch: &RecordBatch, row: usize) -> Line {
    let keys = batch.num_columns() - COLUMNS.len();
    let text = |at: usize| {
        let column = batch.column(at).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let named =
        |name: &str| COLUMNS.iter().position(|it| *it == name).and_then(|it| text(keys + it));
    Line {
        keys: (0..keys).map(|at| text(at).unwrap_or_else(|| "-".to_owned())).collect(),
        rule: named("rule").unwrap_or_default(),
        outcome: named("outcome").unwrap_or_default(),
        score: named("score"),
        words: named("undecided_because").or(named("because")).unwrap_or_default(),
        evidence: named("evidence"),
    }
}

fn options(by: By) -> Options {
    let (engine, threads, batch_size, optimise) = match by {
        By::Interpreter => (Engine::Interpreter, 1, 8192, true),
        By::DataFusion { partitions, batch_size, optimise } => {
            (Engine::DataFusion, partitions, batch_size, optimise)
        }
    };
    Options {
        threads,
        batch_size,
        memory_limit: None,
        spill: None,
        max_rejected: 1_000_000,
        engine,
        optimise,
    }
}

/// What `tamis fmt` makes of a text.
pub fn formatted(text: &str) -> String {
    let mut sources = Sources::default();
    let (file, _) = syntax::read("rules.tamis", text.as_bytes(), &mut sources);
    format::format(&file, sources.get(file.id))
}

/// The tree of a text: no spans, no comments.
pub fn tree(text: &str) -> String {
    let mut sources = Sources::default();
    let (file, _) = syntax::read("rules.tamis", text.as_bytes(), &mut sources);
    print::print(&file)
}
