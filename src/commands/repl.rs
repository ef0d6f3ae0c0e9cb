//! `millstream repl`: expressions, queries and definitions, one by one, from a terminal or a script.

use crate::cli::{self, Bindings};
use crate::repl::{Answer, Repl, prompt, script};
use crate::{FINE, WRONG_USAGE};
use std::io::IsTerminal;

pub fn repl(arguments: cli::Repl) -> u8 {
    let is_interactive = std::io::stdin().is_terminal();
    let bindings = Bindings { set: arguments.set, source: arguments.source, sink: vec![] };
    let mut repl = match Repl::new(bindings, is_interactive) {
        Ok(repl) => repl,
        Err(problem) => return problem.tell(),
    };
    if let Answer::Wrong(code) = repl.check_inputs() {
        return code;
    }
    let loaded = arguments.file.as_deref().map_or(FINE, |file| repl.begin_with(file).code());
    // What a script asks for makes no sense without its definitions; a person can mend them.
    if loaded != FINE && (!is_interactive || loaded == WRONG_USAGE) {
        return loaded;
    }
    if let Answer::Wrong(code) = repl.check_bindings() {
        return code;
    }
    if is_interactive { prompt::run(repl) } else { script::run(repl, std::io::stdin().lock()) }
}
