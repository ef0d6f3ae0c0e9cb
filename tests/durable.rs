//! Runs with `--state`: killed, interrupted, edited, with damaged checkpoints and changed files.

#![cfg(unix)]

mod support;

#[path = "durable/contents.rs"]
mod contents;
#[path = "durable/crash.rs"]
mod crash;
#[path = "durable/edited_patterns.rs"]
mod edited_patterns;
#[path = "durable/edits.rs"]
mod edits;
#[path = "durable/faults.rs"]
mod faults;
#[path = "durable/faulty_store.rs"]
mod faulty_store;
#[path = "durable/formats.rs"]
mod formats;
#[path = "durable/ids.rs"]
mod ids;
#[path = "durable/mutated.rs"]
mod mutated;
#[path = "durable/resume.rs"]
mod resume;
