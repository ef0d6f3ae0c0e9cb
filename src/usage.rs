//! What is meant by a command line that cannot be taken: what the tools of other languages call their commands and
//! flags, and a file in the place of a command.

use crate::cli::Arguments;
use clap::CommandFactory;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use std::path::Path;

/// What others call the commands.
const COMMANDS: &[(&str, &[&str])] = &[
    ("run", &["start", "exec", "execute", "submit", "deploy"]),
    ("check", &["build", "compile", "lint", "validate", "verify"]),
    ("fmt", &["format", "pretty", "prettify"]),
    ("new", &["init", "create", "generate", "scaffold"]),
    ("repl", &["shell", "sql", "console", "cli", "query", "interactive"]),
    ("graph", &["dot", "visualize", "draw", "topology", "dag"]),
    ("lsp", &["language-server", "langserver", "server"]),
    ("preview", &["head", "show", "peek"]),
    ("infer", &["import", "schema"]),
    ("--version", &["version"]),
];

/// What others call the flags, with what stands behind ours.
const FLAGS: &[(&str, &str, &[&str])] = &[
    ("set", "--set NAME=VALUE", &["--param", "--var", "--define", "--arg", "-p", "-D", "-P", "-v"]),
    ("source", "--source NAME=PATH", &["--input", "--in", "--data", "--file", "-i", "-f"]),
    ("svg", "--svg FILE", &["--out", "--output", "-o"]),
    ("sink", "--sink NAME=PATH", &["--out", "--output", "-o"]),
    ("filter", "--filter TEXT", &["--name", "--only", "--test", "--grep", "-k", "-t", "-n"]),
    ("rows", "--rows ROWS", &["--limit", "--head", "-n"]),
    ("format", "--format json", &["--json"]),
    ("check", "--check", &["--dry-run", "--diff", "--verify", "-c"]),
    ("quiet", "--quiet", &["--silent", "-s"]),
    ("workers", "--workers N", &["--threads", "--parallelism", "--jobs", "-j"]),
    ("engine", "--engine reference", &["--interpret", "--no-jit"]),
];

/// The error with what was meant, if that is known; `words` are those of the command line behind the program's name.
pub fn with_tip(mut error: Error, words: &[String]) -> Error {
    let tip = match error.kind() {
        ErrorKind::InvalidSubcommand => of_command(words),
        ErrorKind::UnknownArgument | ErrorKind::MissingRequiredArgument => of_arguments(&error, words),
        _ => None,
    };
    if let Some(tip) = tip {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

fn of_command(words: &[String]) -> Option<String> {
    let word = words.first()?;
    let path = Path::new(word);
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if extension == "stream" {
        return Some(format!("to run a program: 'millstream run {word}'"));
    }
    if path.is_file() {
        return Some(format!("to read data, declare it: 'millstream infer {word}'"));
    }
    let (known, _) = COMMANDS.iter().find(|(_, others)| others.contains(&word.to_lowercase().as_str()))?;
    Some(format!("this is 'millstream {known}'"))
}

fn of_arguments(error: &Error, words: &[String]) -> Option<String> {
    let (name, rest) = words.split_first()?;
    let unknown = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(unknown)) => unknown.split('=').next().unwrap_or_default(),
        _ => "",
    };
    let has_subject = rest.iter().any(|word| word.starts_with("--stream") || word.starts_with("--match"));
    if name == "why" && !has_subject && !unknown.starts_with('-') {
        let subject = if unknown.is_empty() { "NAME" } else { unknown };
        return Some(format!(
            "'--stream {subject}' asks what its clauses dropped, '--match {subject}' what its pattern did"
        ));
    }
    let command = Arguments::command();
    let command = command.find_subcommand(name)?;
    let has = |flag: &str| command.get_arguments().any(|known| known.get_long() == Some(flag));
    let meant = FLAGS.iter().find(|(flag, _, others)| has(flag) && others.contains(&unknown))?;
    Some(format!("this is '{}'", meant.1))
}
