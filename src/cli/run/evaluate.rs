//! A run over files, and where its lines and decisions go.

use std::path::Path;

use crate::cli::Context;
use crate::cli::progress::Progress;
use crate::decide::count::Counted;
use crate::decide::secret::Secrets;
use crate::ir::RuleSet;
use crate::run::Done;
use crate::run::Opened;
use crate::run::Options;
use crate::run::Receiver;
use crate::run::lines;
use crate::run::lines::Lines;
use crate::run::write::Writer;
use crate::trouble::Trouble;

/// Lines go to the file of `out`, at most so many; it is there whole when this ends well, and else
/// as it was before. Decisions go to all the writers.
pub fn evaluate(
    set: &RuleSet,
    opened: &Opened,
    (out, limit): (Option<&Path>, usize),
    policy: Option<(&Secrets, &mut [Writer])>,
    options: &Options,
    context: &Context,
) -> Result<(Done, u64, Option<Counted>), Trouble> {
    let pace = options.pace.clone();
    let _progress = Progress::start(context, move || pace.step());
    let judge = |out: Option<Receiver>| match policy {
        None => Ok((opened.run(set, out, options)?, None)),
        Some((secrets, writers)) => {
            let to_all = &mut |batch: &_| writers.iter_mut().try_for_each(|it| it.write(batch));
            let (done, counted) = opened.decide(set, secrets, out, Some(to_all), options)?;
            Ok((done, Some(counted)))
        }
    };
    let Some(out) = out else {
        let (done, counted) = judge(None)?;
        return Ok((done, 0, counted));
    };
    let schema = lines::seen_schema(&Lines::new(set, &opened.keys));
    let mut writer = Writer::create(out, (&schema, 0), limit)?;
    let (done, counted) = judge(Some(&mut |it| writer.write(it)))?;
    Ok((done, writer.finish()?, counted))
}
