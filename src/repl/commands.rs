//! The commands that begin with a colon: their names, what they take and what they are for.

use super::errors;
use super::session::TYPED;
use crate::cli::Layer;
use clap::ValueEnum;
use millstream_base::{Diagnostic, Span};
use millstream_syntax::ast::Name;

pub struct CommandInfo {
    pub name: &'static str,
    /// What stands behind it.
    pub takes: &'static str,
    pub does: &'static str,
}

/// In the order in which `:help` lists them.
pub const COMMANDS: &[CommandInfo] = &[
    CommandInfo {
        name: "help",
        takes: "[NAME]",
        does: "tell of a command, function, operator, connector, word or code",
    },
    CommandInfo {
        name: "type",
        takes: "ENTRY",
        does: "tell the type of an expression, the columns of a query or a stream",
    },
    CommandInfo {
        name: "explain",
        takes: "[NAME]",
        does: "tell what a stream keeps and waits for; else of the last error",
    },
    CommandInfo { name: "plan", takes: "[NAME]", does: "show what the last query, or a stream, runs as" },
    CommandInfo {
        name: "emit",
        takes: "LAYER [NAME]",
        does: "show it in a layer: tokens ast hir plan flow nfa clif",
    },
    CommandInfo { name: "list", takes: "[NAME]", does: "list what is defined; show a definition" },
    CommandInfo { name: "drop", takes: "[KIND] NAME", does: "forget a definition" },
    CommandInfo { name: "load", takes: "FILE", does: "take over the definitions of a program" },
    CommandInfo {
        name: "save",
        takes: "FILE",
        does: "write the definitions as a program; `:save!` over any file",
    },
    CommandInfo { name: "source", takes: "NAME=PATH", does: "read a source from another file or pipe" },
    CommandInfo { name: "limit", takes: "ROWS", does: "show at most so many rows" },
    CommandInfo { name: "time", takes: "", does: "tell how long queries take, or no longer" },
    CommandInfo { name: "quit", takes: "", does: "end; so does Ctrl-D" },
];

/// What people are used to type elsewhere, and the command that they mean.
const MEANT: &[(&str, &str)] = &[
    ("exit", "quit"),
    ("q", "quit"),
    ("bye", "quit"),
    ("h", "help"),
    ("?", "help"),
    ("ls", "list"),
    ("tables", "list"),
    ("streams", "list"),
    ("sources", "list"),
    ("show", "list"),
    ("dt", "list"),
    ("describe", "type"),
    ("desc", "type"),
    ("d", "type"),
    ("schema", "type"),
    ("columns", "type"),
    ("open", "load"),
    ("run", "load"),
    ("write", "save"),
    ("set", "limit"),
    ("rows", "limit"),
    ("timing", "time"),
];

/// The kinds of definitions.
const KINDS: &[&str] =
    &["source", "table", "stream", "type", "fn", "aggregate", "sink", "param", "test", "use"];

/// The command that is called so, or that people mean who call it so.
pub fn meant(name: &str) -> Option<&'static str> {
    let meant = MEANT.iter().find(|(known, _)| *known == name).map(|(_, meant)| *meant);
    meant.or_else(|| COMMANDS.iter().map(|command| command.name).find(|known| *known == name))
}

/// A command with what stands behind it. Names come with their places.
pub enum Command {
    Help(Option<Name>),
    Type(Name),
    Explain(Option<Name>),
    Plan(Option<Name>),
    Emit(Layer, Option<Name>),
    List(Option<Name>),
    Drop {
        kind: Option<String>,
        name: Name,
    },
    Load(Name),
    /// `is_forced`: whatever file is there.
    Save {
        path: Name,
        is_forced: bool,
    },
    Source {
        name: Name,
        path: Name,
    },
    Limit(usize),
    Time,
    Quit,
}

/// Reads a line that begins with a colon.
pub fn parse(line: &str) -> Result<Command, Box<Diagnostic>> {
    let line = without_comment(line);
    let words = words(line);
    let end = Span::new(TYPED, line.trim_end().len(), line.trim_end().len());
    let Some((first, rest)) = words.split_first() else {
        return Err(Box::new(errors::unknown_command(end, "")));
    };
    let name = first.text.trim_start_matches(':');
    let at = rest.first().map_or(end, |word| word.span);
    let wrong = |expected: &str, example: &str| Box::new(errors::wrong_argument(at, name, expected, example));
    let none_more = |n: usize| -> Result<(), Box<Diagnostic>> {
        match rest.get(n) {
            Some(word) => {
                Err(Box::new(errors::wrong_argument(word.span, name, "no more than this", &spelled(name))))
            }
            None => Ok(()),
        }
    };
    let optional = || none_more(1).map(|()| rest.first().cloned());
    let needed = |expected: &str, example: &str| match rest.first() {
        Some(word) => none_more(1).map(|()| word.clone()),
        None => Err(wrong(expected, example)),
    };
    // A path, an expression and the name of a test may hold blanks.
    let from = |word: &Name| {
        let span = Span { end: end.start, ..word.span };
        Name::new(&line[span.range()], span)
    };
    let whole =
        |expected: &str, example: &str| rest.first().map(from).ok_or_else(|| wrong(expected, example));
    Ok(match name {
        "help" => Command::Help(rest.first().map(from)),
        "type" => Command::Type(whole("an expression or a query", ":type 1 + 2")?),
        "explain" => Command::Explain(optional()?),
        "plan" => Command::Plan(optional()?),
        "emit" => {
            none_more(2)?;
            let layer = rest.first().and_then(|word| Layer::from_str(&word.text, false).ok());
            let layer = layer
                .ok_or_else(|| wrong("a layer: tokens, ast, hir, plan, flow, nfa or clif", ":emit plan"))?;
            Command::Emit(layer, rest.get(1).cloned())
        }
        "list" => Command::List(rest.first().map(from).map(unquoted)),
        "drop" => match rest {
            [kind, name, ..] if KINDS.contains(&kind.text.as_str()) => {
                Command::Drop { kind: Some(kind.text.clone()), name: unquoted(from(name)) }
            }
            _ => {
                let name = whole("the name of a definition", ":drop spend")?;
                Command::Drop { kind: None, name: unquoted(name) }
            }
        },
        "load" => Command::Load(unquoted(whole("a file", ":load fraud.stream")?)),
        "save" | "save!" => {
            let path = unquoted(whole("a file", ":save session.stream")?);
            Command::Save { path, is_forced: name == "save!" }
        }
        "source" => source(whole("a source and a path", ":source payments=monday.ndjson")?)
            .ok_or_else(|| wrong("a source and a path", ":source payments=monday.ndjson"))?,
        "limit" => {
            let rows = needed("a number of rows", ":limit 100")?.text.parse().ok().filter(|rows| *rows > 0);
            Command::Limit(rows.ok_or_else(|| wrong("a number of rows", ":limit 100"))?)
        }
        "time" => {
            none_more(0)?;
            Command::Time
        }
        "quit" => {
            none_more(0)?;
            Command::Quit
        }
        _ => return Err(Box::new(errors::unknown_command(first.span, name))),
    })
}

/// `NAME=PATH`
fn source(binding: Name) -> Option<Command> {
    let (name, path) = binding.text.split_once('=')?;
    let start = binding.span.start as usize;
    let span = Span::new(TYPED, start, start + name.trim_end().len());
    let end = start + binding.text.trim_end().len();
    let path = unquoted(Name::new(path.trim(), Span::new(TYPED, end - path.trim().len(), end)));
    (!name.is_empty() && !path.text.is_empty())
        .then(|| Command::Source { name: Name::new(name.trim_end(), span), path })
}

fn spelled(name: &str) -> String {
    let takes = COMMANDS.iter().find(|command| command.name == name).map_or("", |command| command.takes);
    format!(":{name} {takes}").trim_end().to_string()
}

/// The line up to a comment, which may hold what the language takes for the beginning of one in quotes alone.
fn without_comment(line: &str) -> &str {
    let mut is_quoted = false;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            '-' if !is_quoted && before.is_whitespace() && line[at..].starts_with("--") => {
                return &line[..at];
            }
            _ => {}
        }
        before = c;
    }
    line
}

/// A name or a path in quotes, without these.
fn unquoted(name: Name) -> Name {
    match name.text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => {
            let span = Span { start: name.span.start + 1, end: name.span.end - 1, ..name.span };
            Name::new(inner, span)
        }
        None => name,
    }
}

/// What stands between blanks, with its places.
fn words(line: &str) -> Vec<Name> {
    let mut words = vec![];
    let mut rest = 0;
    for word in line.split_whitespace() {
        let start = rest + line[rest..].find(word).unwrap_or_default();
        rest = start + word.len();
        words.push(Name::new(word, Span::new(TYPED, start, rest)));
    }
    words
}
