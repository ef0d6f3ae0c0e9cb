//! Runs with `--state`: killed, interrupted, edited, with damaged checkpoints and changed files.

mod support;

#[path = "durable/crash.rs"]
mod crash;
#[path = "durable/resume.rs"]
mod resume;
