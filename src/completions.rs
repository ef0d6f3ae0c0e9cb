//! What shells complete: what may stand in the places of the command line of which its definition cannot say all.
//!
//! The script of a shell asks the binary itself, so that what is completed is what this build takes, and names come
//! out of the program that stands on the command line.

use crate::cli::Arguments;
use crate::manual;
use crate::program::read_text;
use clap::CommandFactory;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};
use millstream_base::{Diagnostics, FileId, codes, explain};
use millstream_syntax::ast::{Item, ItemKind};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The variable in which a shell says which it is when it asks. Those that begin with `MILLSTREAM_` are parameters.
const VARIABLE: &str = "_MILLSTREAM_COMPLETE";

/// Answers a shell that asks, and ends; else does nothing.
pub fn answer_shell() {
    CompleteEnv::with_factory(Arguments::command).var(VARIABLE).complete();
}

/// The script with which a shell completes command lines.
pub fn script(shell: Shell) -> std::io::Result<Vec<u8>> {
    let mut script = vec![];
    if let Some(shell) = Shells::builtins().completer(&shell.to_string()) {
        shell.write_registration(VARIABLE, "millstream", "millstream", "millstream", &mut script)?;
    }
    if shell == Shell::Zsh {
        script.extend_from_slice(AUTOLOADED.as_bytes());
    }
    Ok(script)
}

/// zsh reads the script at the first Tab, which waits for an answer as well.
const AUTOLOADED: &str = "if [ \"$funcstack[1]\" = _millstream ]; then
    _clap_dynamic_completer_millstream
fi
";

/// Programs, and the folders on the way to them.
pub fn programs() -> ArgValueCompleter {
    ArgValueCompleter::new(program_paths)
}

/// Programs and codes.
pub fn subjects() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let begun = typed.to_str().unwrap_or_default();
        let numbers = codes::all().map(|code| (code.name(), explain::heading(code)));
        // Nobody looks for a name in a list of all.
        let names = codes::all().map(|code| (code.slug(), code.name())).filter(|_| !begun.is_empty());
        let fitting = numbers.chain(names).filter(|(value, _)| value.starts_with(begun));
        let codes = fitting.map(|(value, help)| candidate(value, help));
        program_paths(typed).into_iter().chain(codes).collect()
    })
}

/// The commands that have a page of their own.
pub fn commands() -> ArgValueCandidates {
    ArgValueCandidates::new(|| manual::names().into_iter().map(CompletionCandidate::new).collect())
}

/// What has rows in the program of the command line.
pub fn inputs() -> ArgValueCandidates {
    named(&["stream", "source", "table"])
}

/// The streams of the program of the command line.
pub fn streams() -> ArgValueCandidates {
    named(&["stream"])
}

/// What has state that may be lost.
pub fn keepers() -> ArgValueCandidates {
    named(&["stream", "source", "table", "sink"])
}

/// The tests of the programs of the command line, or of those below the present folder if none is named.
pub fn tests() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let begun = typed.to_str().unwrap_or_default();
        let named =
            std::env::args_os().map(PathBuf::from).filter(|word| is_program(word)).collect::<Vec<_>>();
        let Ok(programs) = crate::programs::named(&named, |_| true) else { return vec![] };
        let tests = programs.iter().flat_map(|path| parsed(path)).filter_map(|item| match item.kind {
            ItemKind::Test(test) => Some(test.name.value),
            _ => None,
        });
        let words = tests.map(|name| as_one_word(&name));
        words.filter(|word| word.starts_with(begun)).map(CompletionCandidate::new).collect()
    })
}

/// bash alone takes what is completed as it is, be there blanks in it.
fn as_one_word(text: &str) -> String {
    let is_bash = std::env::var_os(VARIABLE).is_some_and(|shell| shell == "bash");
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:,%+@".contains(c);
    let escaped = |c: char| if is_plain(c) { c.to_string() } else { format!("\\{c}") };
    if is_bash { text.chars().map(escaped).collect() } else { text.to_string() }
}

/// `NAME=` with the parameters of the program of the command line.
pub fn params() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let params = items().into_iter().filter(|(kind, _)| *kind == "param");
        params.map(|(kind, name)| candidate(&format!("{name}="), kind)).collect()
    })
}

/// `NAME=PATH` with the sources of the program of the command line.
pub fn sources() -> ArgValueCompleter {
    bound(&["source", "table"])
}

/// `NAME=PATH` with the sinks of the program of the command line.
pub fn sinks() -> ArgValueCompleter {
    bound(&["sink"])
}

fn named(kinds: &'static [&'static str]) -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let named = items().into_iter().filter(|(kind, _)| kinds.contains(kind));
        named.map(|(kind, name)| candidate(&name, kind)).collect()
    })
}

fn bound(kinds: &'static [&'static str]) -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let begun = typed.to_str().unwrap_or_default();
        if let Some((name, path)) = begun.split_once('=') {
            let paths = PathCompleter::any().complete(OsStr::new(path));
            return paths.into_iter().map(|path| path.add_prefix(format!("{name}="))).collect();
        }
        let names =
            items().into_iter().filter(|(kind, name)| kinds.contains(kind) && name.starts_with(begun));
        names.map(|(kind, name)| candidate(&format!("{name}="), kind)).collect()
    })
}

fn candidate(value: &str, help: &str) -> CompletionCandidate {
    CompletionCandidate::new(value).help(Some(help.to_string().into()))
}

fn program_paths(typed: &OsStr) -> Vec<CompletionCandidate> {
    PathCompleter::any().filter(is_program).complete(typed)
}

fn is_program(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "stream")
}

/// What the program of the command line defines: kinds and names.
fn items() -> Vec<(&'static str, String)> {
    let words = std::env::args_os().map(PathBuf::from);
    let items =
        words.filter(|word| is_program(word)).map(|path| parsed(&path)).find(|items| !items.is_empty());
    let named = |item: &Item| Some((item.kind.word()?, item.kind.name()?.text.clone()));
    items.iter().flatten().filter_map(named).collect()
}

fn parsed(path: &Path) -> Vec<Item> {
    let Ok(text) = read_text(path) else { return vec![] };
    millstream_syntax::parse(FileId(0), &text, &mut Diagnostics::default()).items
}
