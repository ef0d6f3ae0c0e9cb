//! What can be wrong with what a command is told to look at: one constructor per code.

use crate::command_line::Said;
use crate::program::plain;
use millstream_base::{Diagnostic, codes, did_you_mean};
use millstream_runtime::checkpoint::Identity;
use std::path::Path;

/// `near`: what is called nearly so.
pub fn unknown_code(named: &Said, near: &[&str]) -> Diagnostic {
    let headline = format!("there is no code `{}`", named.text);
    let fault = Diagnostic::new(codes::E0954, named.span, headline).label("unknown code");
    let program = format!("{}.stream", named.text);
    let near = if Path::new(&program).exists() { &[program.as_str()] } else { near };
    let all = "`millstream explain --list` shows all";
    match near {
        [nearest] => fault.fix(format!("did you mean `{nearest}`?"), named.span, *nearest),
        [] => fault.help(format!("{all}; a program is named with its ending, such as `fraud.stream`")),
        _ => fault.help(format!("those beside it are `{}`; {all}", near.join("`, `"))),
    }
}

/// An option with its value; `expected`: what it takes, such as `a time`.
pub fn wrong_value(written: &Said, expected: &str, example: &str) -> Diagnostic {
    Diagnostic::new(codes::E0951, written.span, format!("`{}` does not say {expected}", written.text))
        .label(format!("expected {expected}"))
        .help(format!("write it as `{example}`"))
}

/// `known`: the commands that have a page.
pub fn unknown_page(named: &Said, known: &[String]) -> Diagnostic {
    let headline = format!("there is no command `{}`", named.text);
    let fault = Diagnostic::new(codes::E0950, named.span, headline).label("unknown command");
    match did_you_mean(&named.text, known.iter().map(String::as_str)) {
        Some(nearest) => fault.fix(format!("did you mean `{nearest}`?"), named.span, nearest),
        None => fault.help("`millstream --help` lists the commands"),
    }
}

/// A folder of checkpoints that cannot be looked into.
pub fn unread_state(named: &Said, error: &std::io::Error) -> Diagnostic {
    let headline = format!("cannot read the state in `{}`: {}", named.text, plain(error));
    let fault = Diagnostic::new(codes::E0802, named.span, headline).label("named here");
    match nearest_folder(Path::new(&named.text)) {
        Some(nearest) => fault.fix(format!("did you mean `{nearest}`?"), named.span, nearest.clone()),
        None => fault.help("name the folder that `millstream run --state` has been told"),
    }
}

/// A folder without checkpoints, whole or not.
pub fn nothing_kept(named: &Said) -> Diagnostic {
    Diagnostic::new(codes::E0803, named.span, format!("there are no checkpoints in `{}`", named.text))
        .label("named here")
        .help("name the folder that `millstream run --state` has been told")
}

pub fn no_checkpoint(named: &Said) -> Diagnostic {
    let headline = format!("there is no whole checkpoint in `{}`", named.text);
    Diagnostic::new(codes::E0803, named.span, headline)
        .label("named here")
        .help(format!("`millstream state {}` says what is there", named.text))
}

/// What is named there keeps nothing from one batch to the next, or has not kept anything yet.
pub fn no_state_of(named: &Said) -> Diagnostic {
    let headline = format!("the checkpoint holds nothing of `{}`", named.text);
    Diagnostic::new(codes::E0803, named.span, headline)
        .label("keeps no state")
        .help("`millstream state FOLDER` says what the checkpoint holds")
}

/// A state that the program does not explain.
pub fn state_not_of_program(named: &Said, identity: &Identity) -> Diagnostic {
    let headline = format!("the state of {identity} is not that of this program");
    Diagnostic::new(codes::E0804, named.span, headline)
        .label("means something else")
        .help("name the program that the run has been given, with the same `--set`")
}

/// A state whose bytes its operator cannot take over.
pub fn state_unreadable(named: &Said, identity: &Identity) -> Diagnostic {
    Diagnostic::new(codes::E0803, named.span, format!("the state of {identity} cannot be read"))
        .label("damaged, or of another build")
        .help("show it with the build of Millstream that has written it")
}

/// The folder beside it that is called nearly so.
fn nearest_folder(path: &Path) -> Option<String> {
    let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(beside).ok()?.flatten().map(|entry| entry.path());
    let mut names: Vec<String> = entries
        .filter(|entry| entry.is_dir())
        .filter_map(|entry| Some(entry.file_name()?.to_str()?.to_string()))
        .collect();
    names.sort();
    let nearest = did_you_mean(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    path.with_file_name(nearest).to_str().map(str::to_string)
}
