//! What one engine says, compared with what another does.

use std::path::PathBuf;

use libtest_mimic::Failed;
use tamis::probe::By;
use tamis::probe::Files;
use tamis::probe::Project;
use tamis::probe::Said;

/// The answer of the first engine, which the others must give too.
pub fn agreed(project: &Project, files: &[PathBuf], by: &[By]) -> Result<Said, Failed> {
    agreed_on(project, &Files { data: files.to_vec(), ..Files::default() }, by)
}

/// The same where records have files of their own.
pub fn agreed_on(project: &Project, files: &Files, by: &[By]) -> Result<Said, Failed> {
    let wanted = told(project.run_files(files, by[0])?)?;
    for by in &by[1..] {
        let said = project.run_files(files, *by)?;
        if said != wanted {
            return Err(format!("{by:?} disagrees:\n{}", difference(&wanted, &said)).into());
        }
    }
    Ok(wanted)
}

/// The same, where every undecided row says because of what.
pub fn told(said: Said) -> Result<Said, Failed> {
    match said.lines.iter().find(|it| it.outcome == "undecided" && it.words.is_empty()) {
        None => Ok(said),
        Some(it) => Err(format!("undecided because of nothing: {it:?}").into()),
    }
}

/// The first lines and counts that differ.
pub fn difference(wanted: &Said, said: &Said) -> String {
    let mut text = String::new();
    for (wanted, said) in wanted.counts.iter().zip(&said.counts).filter(|it| it.0 != it.1) {
        text += &format!("counts: expected {wanted:?}, said {said:?}\n");
    }
    for it in wanted.lines.iter().filter(|it| !said.lines.contains(it)).take(3) {
        text += &format!("lacks {it:?}\n");
    }
    for it in said.lines.iter().filter(|it| !wanted.lines.contains(it)).take(3) {
        text += &format!("has {it:?}\n");
    }
    text
}
