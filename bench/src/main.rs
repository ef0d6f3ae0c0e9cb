//! Measures the engine beside hand-written Rust for the same job, in one process and minute.
//!
//! `cargo run --release -p millstream-bench` runs everything but what takes an hour; further words choose subjects by name,
//! and `--quick` makes the jobs so small that their times mean nothing and only their answers count.

mod chain;
mod checkpoint;
mod compile;
mod data;
mod decode;
mod disorder;
mod edit;
mod end_to_end;
mod filter;
mod history;
mod join;
mod limits;
mod look_up;
mod measure;
mod memory;
mod nexmark;
mod order;
mod pattern;
mod ranked;
mod single;
mod sliding;
mod soak;
mod startup;
mod steady;
mod tumbling;
mod windows;
mod workers;

use measure::Effort;

/// A subject: its name and what measures it.
type Subject = (&'static str, fn(&Effort));

const SUBJECTS: &[Subject] = &[
    ("filter", filter::measure),
    ("tumbling", tumbling::measure),
    ("workers", workers::measure),
    ("windows", windows::measure),
    ("disorder", disorder::measure),
    ("sliding", sliding::measure),
    ("history", history::measure),
    ("ranked", ranked::measure),
    ("look_up", look_up::measure),
    ("order", order::measure),
    ("join", join::measure),
    ("chain", chain::measure),
    ("pattern", pattern::measure),
    ("choices", pattern::choices),
    ("absence", pattern::absence),
    ("rules", pattern::rules),
    ("decode", decode::measure),
    ("end_to_end", end_to_end::measure),
    ("compile", compile::measure),
    ("edit", edit::measure),
    ("startup", startup::measure),
    ("memory", memory::measure),
    ("checkpoint", checkpoint::measure),
    ("nexmark", nexmark::measure),
];

/// What takes an hour, and is measured only when it is named.
const LONG: &[Subject] = &[("soak", soak::measure)];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (options, wanted): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.starts_with('-'));
    let names: Vec<&str> = SUBJECTS.iter().chain(LONG).map(|(name, _)| *name).collect();
    if options.iter().any(|o| o != "--quick") || wanted.iter().any(|w| !names.contains(&w.as_str())) {
        eprintln!("usage: millstream-bench [--quick] [SUBJECT...]; subjects: {}", names.join(" "));
        std::process::exit(64);
    }
    let effort = if options.is_empty() { Effort::full() } else { Effort::quick() };
    let is_wanted = |(name, _): &&Subject| wanted.iter().any(|w| w == name);
    let all = if wanted.is_empty() { SUBJECTS } else { &[] };
    for (name, measure) in all.iter().chain(SUBJECTS.iter().chain(LONG).filter(is_wanted)) {
        println!("# {name}");
        measure(&effort);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The engine's answers must be those of the hand-written code, or `compare` panics.
    #[test]
    fn all_subjects_run_and_give_the_answers_of_their_limits() {
        for (_, measure) in SUBJECTS {
            measure(&Effort::quick());
        }
    }
}
