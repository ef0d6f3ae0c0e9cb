//! The `millstream` binary: the command line, and the only place where a catalog, a compiler,
//! an engine and a job meet.

mod clauses;
mod cli;
mod command_line;
mod commands;
mod completions;
mod graph;
mod infer;
mod manual;
mod new;
mod preview;
mod program;
mod programs;
mod repl;
mod replay;
mod stores;
mod terminal;
mod testing;
mod unread;
mod usage;
mod why;
mod written;

use clap::Parser;
use cli::{Arguments, Command};
use std::process::ExitCode;

/// 0 fine.
pub const FINE: u8 = 0;
/// The run failed.
pub const FAILED: u8 = 1;
/// The program is wrong.
pub const WRONG_PROGRAM: u8 = 2;
/// Tests failed, or `fmt --check` found a difference.
pub const DIFFERENT: u8 = 3;
/// The command line is wrong (`EX_USAGE` of sysexits.h).
pub const WRONG_USAGE: u8 = 64;

fn main() -> ExitCode {
    completions::answer_shell();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(usage::tell(&error)),
    };
    let code = match arguments.command.unwrap_or_else(|| Command::Repl(Default::default())) {
        Command::Run(run) => commands::run::run(run),
        Command::Test(test) => commands::test::test(test),
        Command::Why(why) => commands::why::why(why),
        Command::New(new) => commands::new::new(new),
        Command::Infer(infer) => commands::infer::infer(infer),
        Command::Check(check) => commands::check::check(check),
        Command::State(state) => commands::state::state(state),
        Command::Fmt(fmt) => commands::fmt::fmt(fmt),
        Command::Explain(explain) => commands::explain::explain(explain),
        Command::Preview(preview) => commands::preview::preview(preview),
        Command::Graph(graph) => commands::graph::graph(graph),
        Command::Emit(emit) => commands::emit::emit(emit),
        Command::Completions(completions) => commands::completions::completions(completions),
        Command::Man(man) => commands::man::man(man),
        Command::Lsp => commands::lsp::lsp(),
        Command::Repl(repl) => commands::repl::repl(repl),
    };
    ExitCode::from(code)
}
