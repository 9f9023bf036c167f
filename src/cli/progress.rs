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

/// What is being done, and how far it is.
struct Work {
    what: &'static str,
    started: Instant,
    /// Rows there are, or about as many.
    total: u64,
    rows: Box<dyn Fn() -> u64 + Send>,
}

impl Progress {
    /// `rows` says how many of `total` rows were read.
    pub fn start(
        context: &Context,
        what: &'static str,
        total: u64,
        rows: impl Fn() -> u64 + Send + 'static,
    ) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        let show: fn(&Work, &mpsc::Receiver<()>) = match context.global.progress {
            Mode::Auto if context.terminal.quiet || !terminal => return Progress { worker: None },
            Mode::Never => return Progress { worker: None },
            Mode::Always if !terminal => lines,
            Mode::Auto | Mode::Always => bar,
            Mode::Json => json_lines,
        };
        let (finished, finish) = mpsc::channel();
        let work = Work { what, started: Instant::now(), total, rows: Box::new(rows) };
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
    fn words(&self) -> String {
        let rows = (self.rows)();
        let mut text = format!("{} of {} rows", grouped(rows), grouped(self.total.max(rows)));
        if let Some(rate) = self.rate(rows) {
            text += &format!(", {} rows/s", grouped(rate));
        }
        match self.left(rows) {
            Some(left) => text += &format!(", {left} s left"),
            // Read, and being put in order.
            None if 0 < rows => text += ", sorting",
            None => {}
        }
        text
    }

    fn rate(&self, rows: u64) -> Option<u64> {
        let millis = u64::try_from(self.started.elapsed().as_millis()).ok()?;
        rows.saturating_mul(1000).checked_div(millis).filter(|it| 0 < *it)
    }

    /// Seconds, as long as there is something left to read.
    fn left(&self, rows: u64) -> Option<u64> {
        let left = self.total.checked_sub(rows).filter(|it| 0 < *it)?;
        Some(left.div_ceil(self.rate(rows)?))
    }
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
    let bar = ProgressBar::new(work.total).with_elapsed(work.started.elapsed());
    if let Ok(style) = ProgressStyle::with_template(" {bar:30} {msg}") {
        bar.set_style(style);
    }
    while waits(finish, Duration::from_millis(200)) {
        bar.set_position((work.rows)());
        bar.set_message(work.words());
    }
    bar.finish_and_clear();
}

fn lines(work: &Work, finish: &mpsc::Receiver<()>) {
    while waits(finish, Duration::from_secs(5)) {
        output::error(&format!("{}: {}", work.what, work.words()));
    }
}

fn json_lines(work: &Work, finish: &mpsc::Receiver<()>) {
    while waits(finish, Duration::from_secs(1)) {
        let rows = (work.rows)();
        let it = serde_json::json!({
            "schema": "tamis.progress/1",
            "doing": work.what,
            "seconds": work.started.elapsed().as_secs(),
            "rows": rows,
            "of": work.total.max(rows),
            "rows_per_second": work.rate(rows),
            "seconds_left": work.left(rows),
        });
        output::error(&it.to_string());
    }
}

/// Whether there is more to wait for after this time.
fn waits(finish: &mpsc::Receiver<()>, time: Duration) -> bool {
    finish.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
}
