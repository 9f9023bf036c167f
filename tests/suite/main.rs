//! The one test binary: cases, tidy checks, agreement on random rules, bad data, hostile input.

mod agree;
mod alike;
mod archive;
mod bad_data;
mod case;
mod cells;
mod ci;
mod config;
mod console;
mod damaged;
mod display;
mod dump;
mod ends;
mod everywhere;
mod exact;
mod faults;
mod generate;
mod hostile;
mod init;
mod judged;
mod keys;
mod later;
mod layout;
mod list_index;
mod looked;
mod memory;
mod mutation;
mod mutators;
mod nested;
mod outputs;
mod past;
mod pruned;
mod quotes;
mod policy;
mod policy_random;
mod random;
mod rational;
mod reach;
mod records;
mod rows;
mod runs;
mod said;
mod seed;
mod several;
mod sheets;
mod slips;
mod spelling;
mod supposed;
#[cfg(unix)]
mod terminal;
mod tidy;
mod typed;
mod walks;
mod weakened;
mod why;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    if std::env::args().any(|it| it == "--bless") {
        return match case::bless().and_then(|()| console::bless()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(it) => {
                eprintln!("{it:?}");
                ExitCode::FAILURE
            }
        };
    }
    let mut trials = tidy::trials();
    trials.extend(case::trials());
    trials.extend(config::trials());
    trials.extend(console::trials());
    trials.extend(hostile::trials());
    trials.extend(bad_data::trials());
    trials.extend(cells::trials());
    trials.extend(pruned::trials());
    trials.extend(quotes::trials());
    trials.extend(sheets::trials());
    trials.extend(exact::trials());
    trials.extend(display::trials());
    #[cfg(unix)]
    trials.extend(terminal::trials());
    trials.extend(faults::trials());
    trials.extend(init::trials());
    trials.extend(ci::trials());
    trials.extend(runs::trials());
    trials.extend(said::trials());
    trials.extend(outputs::trials());
    trials.extend(dump::trials());
    trials.extend(damaged::trials());
    trials.extend(ends::trials());
    trials.extend(everywhere::trials());
    trials.extend(layout::trials());
    trials.extend(list_index::trials());
    trials.extend(looked::trials());
    trials.extend(alike::trials());
    trials.extend(memory::trials());
    trials.extend(mutation::trials());
    trials.extend(nested::trials());
    trials.extend(reach::trials());
    trials.extend(records::trials());
    trials.extend(several::trials());
    trials.extend(keys::trials());
    trials.extend(spelling::trials());
    trials.extend(typed::trials());
    trials.extend(walks::trials());
    trials.extend(weakened::trials());
    trials.extend(rational::trials());
    trials.extend(random::trials());
    trials.extend(past::trials());
    trials.extend(why::trials());
    trials.extend(supposed::trials());
    trials.extend(later::trials());
    trials.extend(policy::trials());
    trials.extend(policy_random::trials());
    let done = libtest_mimic::run(&Arguments::from_args(), trials);
    random::report();
    past::report();
    why::report();
    later::report();
    done.exit_code()
}
