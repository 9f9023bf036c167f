//! Outputs for CI systems, and what tamis adds when it runs in one.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::output;
use crate::report::annotation;
use crate::report::annotation::Annotation;
use crate::report::github;
use crate::report::junit;
use crate::report::junit::Suite;
use crate::report::markdown;
use crate::report::sarif;
use crate::trouble::Trouble;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Sarif,
    Junit,
    Github,
    Markdown,
}

/// The names of the formats, for `--output`.
pub const FORMATS: [(&str, Format); 4] = [
    ("sarif", Format::Sarif),
    ("junit", Format::Junit),
    ("github", Format::Github),
    ("md", Format::Markdown),
];

/// What a command found, as CI systems take it.
pub struct Report {
    /// `tamis check`
    pub command: &'static str,
    /// In one line.
    pub headline: String,
    annotations: Vec<Annotation>,
    suites: Vec<Suite>,
}

impl Report {
    /// Paths are told from the folder that was checked out, where it is known.
    pub fn new(
        command: &'static str,
        headline: String,
        mut annotations: Vec<Annotation>,
        suites: Vec<Suite>,
    ) -> Report {
        if let Some(folder) = given("GITHUB_WORKSPACE") {
            annotation::from_folder(&mut annotations, &PathBuf::from(folder));
        }
        Report { command, headline, annotations, suites }
    }

    /// Errors: none but a fault of ours.
    pub fn render(&self, format: Format) -> Result<String, Trouble> {
        match format {
            Format::Sarif => sarif::render(&self.annotations),
            Format::Junit => junit::render(self.command, &self.suites),
            Format::Github => Ok(github::render(&self.annotations)),
            Format::Markdown => Ok(self.markdown()),
        }
    }

    fn markdown(&self) -> String {
        markdown::render(self.command, &self.headline, &self.annotations)
    }

    /// In GitHub Actions: annotations in the log, unless they are there already, and a summary on
    /// the page of the job. On stderr: stdout is for the product.
    pub fn announce(&self, context: &Context, annotated: bool) {
        if context.global.no_ci {
            return;
        }
        if given("GITHUB_ACTIONS").is_some_and(|it| it == "true") && !annotated {
            let text = github::render(&self.annotations);
            if !text.is_empty() {
                output::error(text.trim_end());
            }
        }
        let Some(page) = given("GITHUB_STEP_SUMMARY") else { return };
        let opened = File::options().append(true).create(true).open(&page);
        let written = opened.and_then(|mut it| it.write_all((self.markdown() + "\n").as_bytes()));
        if written.is_err() {
            context.terminal.note("note: the file of GITHUB_STEP_SUMMARY cannot be written");
        }
    }
}

fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.is_empty())
}
