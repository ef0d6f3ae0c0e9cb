//! The command line as its users meet it: what goes in, what comes out, and what is said of it.

mod support;

#[path = "cli/bad.rs"]
mod bad;
#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/graph.rs"]
mod graph;
#[path = "cli/infer.rs"]
mod infer;
#[path = "cli/inputs.rs"]
mod inputs;
#[path = "cli/live.rs"]
mod live;
#[path = "cli/long.rs"]
mod long;
#[path = "cli/manual.rs"]
mod manual;
#[path = "cli/new.rs"]
mod new;
#[path = "cli/outputs.rs"]
mod outputs;
#[path = "cli/preview.rs"]
mod preview;
#[path = "cli/tests.rs"]
mod tests;
#[path = "cli/why.rs"]
mod why;
