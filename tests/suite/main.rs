//! The one test binary: case files, tidy checks, agreement on random rules, hostile input.

mod case;
mod hostile;
mod random;
mod tidy;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let mut trials = tidy::trials();
    trials.extend(case::trials());
    trials.extend(hostile::trials());
    trials.extend(random::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
