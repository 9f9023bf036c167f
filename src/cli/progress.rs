//! That a long run is alive: on stderr, never in the way of the product.

use std::io::IsTerminal;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use clap::ValueEnum;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::cli::Context;
use crate::cli::output;
use crate::report::grouped;
use crate::run::pace::Step;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// On a terminal only
    Auto,
    /// Lines where there is no terminal
    Always,
    Never,
    /// A line of JSON a second
    Json,
}

/// Nothing shows before this.
const QUIET: Duration = Duration::from_millis(500);

/// A thread that shows how far the work is until it is finished or dropped.
pub struct Progress {
    worker: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

/// How far the work is.
struct Work {
    started: Instant,
    step: Box<dyn Fn() -> Step + Send>,
}

impl Progress {
    /// `step` says what is being done, and how many rows were read for it.
    pub fn start(context: &Context, step: impl Fn() -> Step + Send + 'static) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        let show: fn(&Work, &mpsc::Receiver<()>) = match context.global.progress {
            Mode::Auto if context.terminal.quiet || !terminal => return Progress { worker: None },
            Mode::Never => return Progress { worker: None },
            Mode::Always if !terminal => lines,
            Mode::Auto | Mode::Always => bar,
            Mode::Json => json_lines,
        };
        let (finished, finish) = mpsc::channel();
        let work = Work { started: Instant::now(), step: Box::new(step) };
        let worker = std::thread::spawn(move || {
            if finish.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                show(&work, &finish);
            }
        });
        Progress { worker: Some((finished, worker)) }
    }
}

impl Work {
    /// `1,200,000 of 4,000,000 rows, 800,000 rows/s, 4 s left`
    fn words(&self, step: Step, since: Instant) -> String {
        let Step { rows, total, .. } = step;
        let mut text = format!("{} of {} rows", grouped(rows), grouped(total.max(rows)));
        if let Some(rate) = rate(rows, since) {
            text += &format!(", {} rows/s", grouped(rate));
        }
        match left(step, since) {
            Some(left) => text += &format!(", {left} s left"),
            // Read, and being put in order.
            None if 0 < rows => text += ", sorting",
            None => {}
        }
        text
    }
}

/// Since when the work is at this step.
struct Since {
    what: &'static str,
    at: Instant,
}

impl Since {
    fn of(&mut self, step: Step) -> Instant {
        if step.what != self.what {
            *self = Since { what: step.what, at: Instant::now() };
        }
        self.at
    }
}

fn rate(rows: u64, since: Instant) -> Option<u64> {
    let millis = u64::try_from(since.elapsed().as_millis()).ok()?;
    rows.saturating_mul(1000).checked_div(millis).filter(|it| 0 < *it)
}

/// Seconds, as long as there is something left to read.
fn left(step: Step, since: Instant) -> Option<u64> {
    let left = step.total.checked_sub(step.rows).filter(|it| 0 < *it)?;
    Some(left.div_ceil(rate(step.rows, since)?))
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((finished, worker)) = self.worker.take() {
            drop(finished);
            worker.join().ok();
        }
    }
}

fn bar(work: &Work, finish: &mpsc::Receiver<()>) {
    let mut since = Since { what: "", at: work.started };
    let bar = ProgressBar::new(0).with_elapsed(work.started.elapsed());
    if let Ok(style) = ProgressStyle::with_template(" {prefix} {bar:30} {msg}") {
        bar.set_style(style);
    }
    while waits(finish, Duration::from_millis(200)) {
        let step = (work.step)();
        bar.set_prefix(step.what);
        bar.set_length(step.total);
        bar.set_position(step.rows);
        bar.set_message(work.words(step, since.of(step)));
    }
    bar.finish_and_clear();
}

fn lines(work: &Work, finish: &mpsc::Receiver<()>) {
    let mut since = Since { what: "", at: work.started };
    while waits(finish, Duration::from_secs(5)) {
        let step = (work.step)();
        output::error(&format!("{}: {}", step.what, work.words(step, since.of(step))));
    }
}

fn json_lines(work: &Work, finish: &mpsc::Receiver<()>) {
    let mut since = Since { what: "", at: work.started };
    while waits(finish, Duration::from_secs(1)) {
        let step = (work.step)();
        let at = since.of(step);
        let it = serde_json::json!({
            "schema": "tamis.progress/1",
            "doing": step.what,
            "seconds": work.started.elapsed().as_secs(),
            "rows": step.rows,
            "of": step.total.max(step.rows),
            "rows_per_second": rate(step.rows, at),
            "seconds_left": left(step, at),
        });
        output::error(&it.to_string());
    }
}

/// Whether there is more to wait for after this time.
fn waits(finish: &mpsc::Receiver<()>, time: Duration) -> bool {
    finish.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
}
