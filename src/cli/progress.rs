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

/// A thread that shows the time until it is finished or dropped.
pub struct Progress {
    worker: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    pub fn start(context: &Context, what: &'static str) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        let show: fn(&str, Instant, &mpsc::Receiver<()>) = match context.global.progress {
            Mode::Auto if context.terminal.quiet || !terminal => return Progress { worker: None },
            Mode::Never => return Progress { worker: None },
            Mode::Always if !terminal => lines,
            Mode::Auto | Mode::Always => spinner,
            Mode::Json => json_lines,
        };
        let (finished, finish) = mpsc::channel();
        let started = Instant::now();
        let worker = std::thread::spawn(move || {
            if finish.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                show(what, started, &finish);
            }
        });
        Progress { worker: Some((finished, worker)) }
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

fn spinner(what: &str, started: Instant, finish: &mpsc::Receiver<()>) {
    let bar = ProgressBar::new_spinner().with_elapsed(started.elapsed());
    if let Ok(style) = ProgressStyle::with_template(" {spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    while waits(finish, Duration::from_millis(200)) {
        bar.tick();
    }
    bar.finish_and_clear();
}

fn lines(what: &str, started: Instant, finish: &mpsc::Receiver<()>) {
    while waits(finish, Duration::from_secs(5)) {
        output::error(&format!("{what}: {} s", started.elapsed().as_secs()));
    }
}

fn json_lines(what: &str, started: Instant, finish: &mpsc::Receiver<()>) {
    while waits(finish, Duration::from_secs(1)) {
        let it = serde_json::json!({
            "schema": "tamis.progress/1", "doing": what, "seconds": started.elapsed().as_secs(),
        });
        output::error(&it.to_string());
    }
}

/// Whether there is more to wait for after this time.
fn waits(finish: &mpsc::Receiver<()>, time: Duration) -> bool {
    finish.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
}
