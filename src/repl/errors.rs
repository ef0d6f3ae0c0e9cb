//! What can be wrong with an entry beside the program that it is: one constructor per code.

use super::commands::COMMANDS;
use millstream_base::codes;
use millstream_base::{Diagnostic, Span, did_you_mean};
use millstream_syntax::ast::Name;

pub fn unknown_command(span: Span, name: &str) -> Diagnostic {
    let fault = Diagnostic::new(codes::E0950, span, format!("there is no command `:{name}`"))
        .label("unknown command");
    let begun = COMMANDS.iter().map(|command| command.name).find(|known| known.starts_with(name));
    let nearest = did_you_mean(name, COMMANDS.iter().map(|command| command.name));
    match nearest.or(begun.filter(|_| !name.is_empty())) {
        Some(nearest) => fault.fix(format!("did you mean `:{nearest}`?"), span, format!(":{nearest}")),
        None => fault.help("`:help` lists the commands"),
    }
}

/// Adds what helps in a session, where an expression was typed. `alone`: it is no more than a name.
pub fn help_in_session(fault: &mut Diagnostic, name: &str, alone: bool) {
    if fault.code == codes::E0217 {
        let help = match fault.primary.text.as_str() {
            "a stream" => {
                fault.helps.clear();
                format!("`from {name}` shows its rows, `:type {name}` its columns")
            }
            "a type" => format!("`:help {name}` shows what it is"),
            _ => format!("`:help {name}` tells more"),
        };
        fault.helps.push(help);
    }
    let meant = if name == "exit" { "quit" } else { name };
    if alone && fault.code == codes::E0201 && COMMANDS.iter().any(|command| command.name == meant) {
        fault.helps.push(format!("commands begin with a colon: `:{meant}`"));
    }
}

/// `expected`: what the command takes, such as `a number of rows`.
pub fn wrong_argument(span: Span, command: &str, expected: &str, example: &str) -> Diagnostic {
    Diagnostic::new(codes::E0951, span, format!("`:{command}` takes {expected}"))
        .label("expected here")
        .help(format!("write it as `{example}`"))
}

/// `what`: what could have been named, such as `source`.
pub fn nothing_called(span: Span, name: &str, what: &str, known: &[&str]) -> Diagnostic {
    let fault = Diagnostic::new(codes::E0952, span, format!("the session has no {what} called `{name}`"))
        .label(format!("unknown {what}"));
    match did_you_mean(name, known.iter().copied()) {
        Some(nearest) => fault.fix(format!("did you mean `{nearest}`?"), span, nearest),
        None if known.is_empty() => fault.note(format!("it has no {what} yet")),
        None => fault.note(format!("it has {}", listed(known))),
    }
}

/// `done`: `replaced` or `dropped`. `broken`: what would be wrong without it.
pub fn still_used(name: &Name, done: &str, broken: Vec<String>) -> Vec<Diagnostic> {
    let broken: Vec<&str> = broken.iter().map(String::as_str).collect();
    let users = listed(&broken);
    let headline = match name.text.as_str() {
        "" => format!("nothing is defined, as {users} would be wrong"),
        name => format!("`{name}` is not {done}, as {users} would be wrong"),
    };
    let help = match done {
        "dropped" => format!("drop {users} first"),
        _ => format!("enter it together with new definitions of {users}, or drop these first"),
    };
    vec![Diagnostic::new(codes::E0953, name.span, headline).label("others depend on it").help(help)]
}

pub fn nothing_known(span: Span, topic: &str, nearest: Option<&str>) -> Diagnostic {
    let fault =
        Diagnostic::new(codes::E0954, span, format!("nothing is known of `{topic}`")).label("unknown");
    match nearest {
        Some(nearest) => fault.fix(format!("did you mean `{nearest}`?"), span, nearest),
        None => {
            fault.help("`:help` takes a command, a function, a word of the language, or a code such as E0201")
        }
    }
}

/// `a`, `b` and `c`
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [] => "others".to_string(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
