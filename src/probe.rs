//! What the tests see: the pipeline over texts and files.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use crate::decide::secret::Secrets;
use crate::diagnostic;
use crate::hit::Outcome;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::Status;
use crate::project;
use crate::report::Look;
use crate::report::diagnostics;
use crate::report::tests;
use crate::report::why;
use crate::report::why::text::Marks;
use crate::run;
use crate::run::Engine;
use crate::run::Input;
use crate::run::Options;
use crate::run::cases;
use crate::run::foreseen;
use crate::run::lines;
use crate::run::lines::COLUMNS;
use crate::run::lines::Lines;
use crate::run::one;
use crate::run::one::Declaration;
use crate::run::one::Question;
use crate::run::one::what_if;
use crate::source::Sources;
use crate::syntax;
use crate::syntax::format;
use crate::syntax::print;
use crate::testing::demands;
use crate::testing::mutate;
use crate::trouble::Trouble;
use crate::value::calendar;

/// On this day reviews are due.
const TODAY: jiff::civil::Date = jiff::civil::date(2026, 6, 1);

/// Schema and rules, read once.
pub struct Project(project::Project);

/// A diagnostic in short form.
#[derive(Debug, Clone)]
pub struct Remark {
    pub code: String,
    pub is_error: bool,
    /// File and line.
    pub place: String,
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
    /// Facts are found in shares of their keys, as where memory is short.
    InShares {
        partitions: usize,
        shares: u64,
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

/// Where declarations are looked for.
pub enum Data {
    /// A data set of the project, or files as its only data set says.
    Named(Vec<String>),
    Files(Files),
}

/// What `tamis why` is asked.
pub struct Asked {
    pub ids: Vec<String>,
    pub what_if: Vec<String>,
    /// Rules that do not hit as well.
    pub all: bool,
    /// Whether it is said what would turn the answers.
    pub turned: bool,
    pub form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Full,
    Plain,
    Sentences,
    Json,
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

/// A decision by the names of its columns; what is not there is not given.
pub type Decided = BTreeMap<String, String>;

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
        let mut all = it.diagnostics.clone();
        if !all.iter().any(diagnostic::Diagnostic::is_error) {
            let today = calendar::days(TODAY);
            all.extend(demands::demands(&it.rule_set, &it.sources, today));
            diagnostic::sort(&mut all);
        }
        let remark = |found: &crate::diagnostic::Diagnostic| Remark {
            code: found.code.number().to_owned(),
            is_error: found.is_error(),
            place: {
                let (file, place) = (it.sources.get(found.span().file), found.span());
                format!("{}:{}", file.path, file.line_column(place.start).line)
            },
            text: diagnostics::short(&it.sources, found),
        };
        all.iter().map(remark).collect()
    }

    /// What `check` says of the files of data sets.
    pub fn data_remarks(&self) -> Vec<String> {
        foreseen::remarks(&self.0).iter().map(|it| self.0.placed(it)).collect()
    }

    /// The names of the data sets of `tamis.toml`.
    pub fn data_sets(&self) -> Vec<String> {
        self.0.manifest.iter().flat_map(|it| it.data.keys().cloned()).collect()
    }

    /// What `tamis test` says of all tests, and whether all of them pass.
    ///
    /// Errors: what it would stop at.
    pub fn tests(&self) -> Result<(String, bool), String> {
        let Project(it) = self;
        let judged = cases::judge(&it.rule_set, &it.sources, &|_| true, cases::Backend::Both);
        let judged = judged.map_err(|it| it.to_string())?;
        let passed = judged.iter().all(cases::Judged::passed);
        Ok((tests::human(&judged, false, Look::FILE), passed))
    }

    /// How many mistakes there are to be made in the rules with tests, and which of them no test
    /// notices.
    ///
    /// Errors: none but a fault of ours.
    pub fn mutated(&self) -> Result<(usize, Vec<String>), String> {
        let Project(it) = self;
        let found = mutate::mutate(&it.rule_set, &it.files, &it.sources, &|_| true);
        let found = found.map_err(|it| it.to_string())?;
        let words = |it: &mutate::Survivor| format!("{}: {}", it.rule, it.words);
        Ok((found.total, found.survivors.iter().map(words).collect()))
    }

    /// Whether there is any test.
    pub fn has_tests(&self) -> bool {
        !self.0.rule_set.tests.is_empty()
    }

    /// Every rule over rows of files.
    ///
    /// Errors: what `tamis run` would stop at.
    pub fn run(&self, files: &[PathBuf], by: By) -> Result<Said, String> {
        self.run_input(&Input::of(files), None, &self.every(), by)
    }

    /// As `run`, of the rule of this name alone.
    ///
    /// Errors: what `tamis run --rule` would stop at.
    pub fn run_rule(&self, files: &[PathBuf], id: &str, by: By) -> Result<Said, String> {
        let is_it = |it: &RuleId| self.0.rule_set.rules[it.0].id.as_ref() == id;
        let rules: Vec<RuleId> = self.every().into_iter().filter(is_it).collect();
        self.run_input(&Input::of(files), None, &rules, by)
    }

    fn every(&self) -> Vec<RuleId> {
        (0..self.0.rule_set.rules.len()).map(RuleId).collect()
    }

    /// As `run`, with past rows from files of their own besides, and records in files of theirs.
    ///
    /// Errors: what `tamis run` would stop at.
    pub fn run_files(&self, files: &Files, by: By) -> Result<Said, String> {
        let (input, history) = inputs(files);
        let history = Some(&history).filter(|it| !it.files.is_empty());
        self.run_input(&input, history, &self.every(), by)
    }

    /// Hits and undecided of each rule, where nothing but counts is asked for.
    ///
    /// Errors: what `tamis run` would stop at.
    pub fn counts(&self, files: &Files, by: By) -> Result<Vec<(u64, u64)>, String> {
        let set = &self.0.rule_set;
        let rules = self.every();
        let (input, history) = inputs(files);
        let history = Some(&history).filter(|it| !it.files.is_empty());
        let opened = run::open(set, &rules, &input, history, false).map_err(|it| it.to_string())?;
        Ok(opened.run(set, None, &options(by)).map_err(|it| it.to_string())?.counts)
    }

    /// What the policy makes of rows of files, as `--decisions` writes it, by the name of the
    /// column.
    ///
    /// Errors: what `tamis run` would stop at.
    pub fn decide(&self, files: &[PathBuf], by: By) -> Result<Vec<Decided>, String> {
        let set = &self.0.rule_set;
        let policy = set.policy.as_ref().ok_or("there is no policy")?;
        let rules = (0..set.rules.len()).map(RuleId);
        let rules: Vec<RuleId> =
            rules.filter(|it| set.rules[it.0].status.is_none_or(Status::runs)).collect();
        let secrets = Secrets::of(policy).map_err(|it| it.to_string())?;
        let (set, rules) = run::decide::prepared(set, &rules);
        let input = Input::of(files);
        let opened = run::open(&set, &rules, &input, None, true).map_err(|it| it.to_string())?;
        let mut all = Vec::new();
        let mut receive = |batch: &RecordBatch| {
            let schema = batch.schema();
            let row = |row: usize| -> Decided {
                let given =
                    schema.fields().iter().zip(batch.columns()).filter_map(|(field, it)| {
                        let it = it.as_string::<i32>();
                        it.is_valid(row).then(|| (field.name().clone(), it.value(row).to_owned()))
                    });
                given.collect()
            };
            all.extend((0..batch.num_rows()).map(row));
            Ok(())
        };
        let done = opened.decide(&set, &secrets, None, Some(&mut receive), &options(by));
        done.map_err(|it| it.to_string())?;
        Ok(all)
    }

    /// As `run`, of a data set of the project or of files as its only data set says.
    ///
    /// Errors: what `tamis run` would stop at.
    pub fn run_named(&self, data: &[String], by: By) -> Result<Said, String> {
        let input = run::input(self.0.manifest.as_ref(), data).map_err(|it| it.to_string())?;
        self.run_input(&input, None, &self.every(), by)
    }

    /// What `tamis why` says of declarations, each by itself.
    ///
    /// Errors: what `tamis why` would stop at.
    pub fn why(&self, data: &Data, asked: &Asked) -> Result<Vec<String>, String> {
        self.explained(data, asked).map_err(|it| it.to_string())
    }

    fn explained(&self, data: &Data, asked: &Asked) -> Result<Vec<String>, Trouble> {
        let (set, found) = self.answers(data, asked)?;
        let sources = &self.0.sources;
        let told = |declaration| {
            let all = asked.all;
            let told = why::Told {
                set: &set,
                sources,
                declaration,
                recorded: None,
                all,
                verbose: false,
                item: None,
            };
            match asked.form {
                Form::Full => why::text::text(&told, Marks::Drawn, Look::FILE),
                Form::Plain => why::text::text(&told, Marks::Spoken, Look::FILE),
                Form::Sentences => why::sentences::sentences(&told),
                Form::Json => why::json::json(&told),
            }
        };
        Ok(found.iter().map(told).collect())
    }

    /// The lines that a run would write of these declarations, as `tamis why` finds them.
    ///
    /// Errors: what `tamis why` would stop at.
    pub fn why_lines(&self, data: &Data, asked: &Asked) -> Result<Vec<Line>, String> {
        let lines = || -> Result<Vec<Line>, Trouble> {
            let (set, found) = self.answers(data, asked)?;
            let input = self.input(data)?;
            let rules: Vec<RuleId> = (0..self.0.rule_set.rules.len()).map(RuleId).collect();
            let keys = run::open(&set, &rules, &input, None, true)?.keys;
            let lines = Lines::new(&set, &keys);
            let mut res = Vec::new();
            for judged in found.iter().flat_map(|it| &it.rows) {
                let told = judged.answers.iter().filter(|it| it.outcome != Outcome::NoHit);
                let told = told.map(|it| lines::Line { row: &judged.row, rule: it.rule });
                let batch = lines::seen(&lines.batch(told)?)?;
                res.extend((0..batch.num_rows()).map(|row| line(&batch, row)));
            }
            Ok(res)
        };
        lines().map_err(|it| it.to_string())
    }

    fn input(&self, data: &Data) -> Result<Input, Trouble> {
        match data {
            Data::Named(names) => run::input(self.0.manifest.as_ref(), names),
            Data::Files(files) => {
                let own =
                    |(name, files): (&String, &Vec<PathBuf>)| (name.clone(), Input::of(files));
                let records = files.records.iter().map(own).collect();
                Ok(Input { records, ..Input::of(&files.data) })
            }
        }
    }

    fn answers(&self, data: &Data, asked: &Asked) -> Result<(RuleSet, Vec<Declaration>), Trouble> {
        let set = &self.0.rule_set;
        let rules: Vec<RuleId> = (0..set.rules.len()).map(RuleId).collect();
        let secrets = set.policy.as_ref().map(Secrets::of).transpose()?;
        let (set, all) = run::decide::prepared(set, &rules);
        let input = self.input(data)?;
        let history = match data {
            Data::Files(files) if !files.history.is_empty() => Some(Input::of(&files.history)),
            Data::Files(_) | Data::Named(_) => None,
        };
        let opened = run::open(&set, &all, &input, history.as_ref(), true)?;
        let parse = |it: &String| what_if::parse(&set, opened.inner, it);
        let what_if = asked.what_if.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let flips = [Outcome::Hit, Outcome::Undecided, Outcome::NoHit];
        let question = Question {
            ids: &asked.ids,
            rules: &rules,
            what_if: &what_if,
            secrets: secrets.as_ref(),
            flips: if asked.turned { &flips } else { &[] },
        };
        let by = By::DataFusion { partitions: 2, batch_size: 8192, optimise: true };
        let found = one::explain(&set, &self.0.sources, &opened, &question, &options(by))?;
        Ok((set, found))
    }

    fn run_input(
        &self,
        input: &Input,
        history: Option<&Input>,
        rules: &[RuleId],
        by: By,
    ) -> Result<Said, String> {
        let set = &self.0.rule_set;
        let opened = run::open(set, rules, input, history, true).map_err(|it| it.to_string())?;
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

fn inputs(files: &Files) -> (Input, Input) {
    let mut input = Input::of(&files.data);
    let own = |(name, files): (&String, &Vec<PathBuf>)| (name.clone(), Input::of(files));
    input.records = files.records.iter().map(own).collect();
    (input, Input::of(&files.history))
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
        By::InShares { partitions, .. } => (Engine::DataFusion, partitions, 8192, true),
    };
    let shares = match by {
        By::InShares { shares, .. } => Some(shares),
        By::Interpreter | By::DataFusion { .. } => None,
    };
    Options {
        threads,
        batch_size,
        memory_limit: None,
        spill: None,
        max_rejected: 1_000_000,
        engine,
        optimise,
        shares,
        pace: Arc::default(),
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
