//! `[lint]`: warnings that a project does not want to see.

use crate::data::manifest::Placed;
use crate::data::manifest::table::Table;
use crate::data::walk;
use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::Severity;
use crate::diagnostic::did_you_mean;

/// Warnings that are left out: everywhere, and in files that patterns name.
#[derive(Debug, Clone, Default)]
pub struct Lint {
    pub ignore: Vec<Code>,
    pub per_file: Vec<(Placed, Vec<Code>)>,
}

pub fn read(mut table: Table) -> Lint {
    table.only(&["ignore", "per-file-ignores"], |_| false);
    let named = table.texts("ignore");
    let ignore = codes(&mut table, named);
    let mut per_file = Vec::new();
    if let Some(entry) = table.get("per-file-ignores")
        && let Some(mut inner) = table.inner(entry)
    {
        for (key, _) in inner.entries() {
            let pattern = Placed { text: key.get_ref().to_string(), span: inner.at(key) };
            if let Some(what) = walk::fault(&pattern.text) {
                let message = format!("`{}` {what}", pattern.text);
                inner.push(Diagnostic::new(Code::T9103, pattern.span, message));
                continue;
            }
            let named = inner.texts(key.get_ref());
            per_file.push((pattern, codes(&mut inner, named)));
        }
    }
    Lint { ignore, per_file }
}

fn codes(table: &mut Table, named: Vec<Placed>) -> Vec<Code> {
    let mut res = Vec::new();
    for it in named {
        match Code::parse(&it.text) {
            Some(code) if code.severity() == Severity::Warning => res.push(code),
            Some(code) => {
                let message = format!("{code} is an error: it cannot be left out");
                let fault = Diagnostic::new(Code::T9103, it.span, message);
                table.push(fault.help("correct what it is about"));
            }
            None => {
                let warnings = Code::ALL.iter().filter(|it| it.severity() == Severity::Warning);
                let help = did_you_mean(&it.text, warnings.map(|it| it.number()))
                    .unwrap_or_else(|| "`tamis explain` lists all codes".to_owned());
                let message = format!("no diagnostic has the code `{}`", it.text);
                table.push(Diagnostic::new(Code::T9103, it.span, message).help(help));
            }
        }
    }
    res
}
