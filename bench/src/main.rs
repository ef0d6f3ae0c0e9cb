//! Measures the engine beside hand-written Rust for the same job, in one process and minute.
//!
//! `cargo run --release -p millstream-bench` runs everything; further words choose subjects by name.

mod data;
mod decode;
mod filter;
mod limits;
mod measure;

/// A subject: its name and what measures it.
type Subject = (&'static str, fn());

const SUBJECTS: &[Subject] = &[("decode", decode::measure), ("filter", filter::measure)];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for (name, measure) in SUBJECTS {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            println!("# {name}");
            measure();
        }
    }
}
