//! `millstream fmt`: the standard layout.

use crate::cli::Fmt;
use crate::program::{Program, show};
use crate::programs;
use crate::terminal;
use crate::{DIFFERENT, FAILED, FINE, WRONG_PROGRAM};
use std::path::{Path, PathBuf};

pub fn fmt(arguments: Fmt) -> u8 {
    let standard_input = [PathBuf::from("-")];
    let named = if arguments.files.is_empty() { &standard_input[..] } else { &arguments.files };
    let files = match programs::named(named, |_| true) {
        Ok(files) => files,
        Err(empty) => return empty.tell("fmt"),
    };
    // The worst of all files is the answer: a program that cannot be read counts most.
    files.iter().map(|path| one(path, arguments.check)).max_by_key(|code| severity(*code)).unwrap_or(FINE)
}

fn severity(code: u8) -> u8 {
    match code {
        FINE => 0,
        DIFFERENT => 1,
        _ => 2,
    }
}

fn one(path: &Path, check: bool) -> u8 {
    let program = match Program::read("fmt", path) {
        Ok(program) => program,
        Err(refused) => return refused.tell(),
    };
    let formatted = match millstream_syntax::format(program.root, program.text()) {
        Ok(formatted) => formatted,
        Err(diagnostics) => {
            show(&program.files, &diagnostics);
            return WRONG_PROGRAM;
        }
    };
    if check {
        if formatted == program.text() {
            return FINE;
        }
        terminal::err(format_args!(
            "{} is not in the standard layout\n",
            program.files.file(program.root).name
        ));
        return DIFFERENT;
    }
    if path == Path::new("-") {
        return terminal::out(formatted);
    }
    if formatted != program.text()
        && let Err(error) = std::fs::write(path, formatted)
    {
        terminal::err(format_args!("error: cannot write {}: {error}\n", path.display()));
        return FAILED;
    }
    FINE
}
