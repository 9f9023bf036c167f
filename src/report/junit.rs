//! Results as JUnit XML, which every CI system reads.

use std::time::Duration;

use quick_junit::NonSuccessKind;
use quick_junit::Report;
use quick_junit::TestCase;
use quick_junit::TestCaseStatus;
use quick_junit::TestSuite;

use crate::report::annotation::Annotation;
use crate::shown::visible;
use crate::trouble::Trouble;

pub struct Suite {
    pub name: String,
    pub cases: Vec<Case>,
}

pub struct Case {
    pub name: String,
    /// What the case belongs to: a file, a rule.
    pub class: String,
    pub failure: Option<Failure>,
    pub time: Option<Duration>,
}

pub struct Failure {
    /// Of what kind: `T2101`.
    pub topic: String,
    pub message: String,
    /// All there is to say.
    pub text: String,
}

/// Errors: none but a fault of ours.
pub fn render(name: &str, suites: &[Suite]) -> Result<String, Trouble> {
    let mut report = Report::new(name);
    for it in suites {
        let mut suite = TestSuite::new(it.name.as_str());
        suite.add_test_cases(it.cases.iter().map(case));
        report.add_test_suite(suite);
    }
    let text = report.to_string();
    let text = text.map_err(|_| Trouble::bug("a JUnit report cannot be written"))?;
    let kept = |it: char| if it == '\n' { it } else { visible(it) };
    Ok(text.chars().map(kept).collect())
}

fn case(it: &Case) -> TestCase {
    let status = match &it.failure {
        None => TestCaseStatus::success(),
        Some(failure) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(failure.topic.as_str());
            status.set_message(failure.message.as_str());
            status.set_description(failure.text.as_str());
            status
        }
    };
    let mut case = TestCase::new(it.name.as_str(), status);
    case.set_classname(it.class.as_str());
    if let Some(time) = it.time {
        case.set_time(time);
    }
    case
}

/// A suite for each file, a case for each remark; a file without remarks has one that passes.
pub fn suites(paths: &[String], annotations: &[Annotation]) -> Vec<Suite> {
    let suite = |path: &String| {
        let own = annotations.iter().filter(|it| it.path == *path);
        let mut cases: Vec<Case> = own.map(failed).collect();
        if cases.is_empty() {
            cases.push(Case {
                name: "no remarks".to_owned(),
                class: path.clone(),
                failure: None,
                time: None,
            });
        }
        Suite { name: path.clone(), cases }
    };
    paths.iter().map(suite).collect()
}

fn failed(it: &Annotation) -> Case {
    let start = it.region.start;
    let help = it.help.as_ref().map(|it| format!("\nhelp: {it}")).unwrap_or_default();
    let text = format!("{}:{start}: {}{help}\n  {}", it.path, it.message, it.line.trim());
    Case {
        name: format!("{} at {start}", it.topic.id),
        class: it.path.clone(),
        failure: Some(Failure { topic: it.topic.id.clone(), message: it.message.clone(), text }),
        time: None,
    }
}
