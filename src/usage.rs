//! What is wrong with a command line that cannot be taken, and what is meant by it: what the tools of other languages
//! call their commands and flags, and a file in the place of a command.

use crate::cli::Arguments;
use crate::command_line::said;
use crate::program::show;
use crate::{FINE, WRONG_USAGE};
use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use millstream_base::{Diagnostic, SourceMap, Span, codes, did_you_mean};
use std::error::Error as _;
use std::num::ParseIntError;
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

/// Says what is wrong with the command line, or shows the help that it asks for; what the process ends with.
pub fn tell(error: &Error) -> u8 {
    if !error.use_stderr() {
        let _ = error.print();
        return FINE;
    }
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let (files, fault) = Line::new(error, &words).fault();
    show(&files, &[fault]);
    WRONG_USAGE
}

/// A command line that clap refuses.
struct Line<'l> {
    error: &'l Error,
    /// Behind the program's name.
    words: &'l [String],
    command: Option<clap::Command>,
}

impl<'l> Line<'l> {
    fn new(error: &'l Error, words: &'l [String]) -> Line<'l> {
        let all = Arguments::command();
        let command = words.first().and_then(|name| all.find_subcommand(name)).cloned();
        Line { error, words, command }
    }

    fn fault(&self) -> (SourceMap, Diagnostic) {
        let mut files = SourceMap::default();
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let spans: Vec<Span> = said(&words, &mut files).iter().map(|word| word.span).collect();
        let line =
            spans.first().zip(spans.last()).map_or_else(Span::default, |(first, last)| first.to(*last));
        let span = self.place().and_then(|at| spans.get(at).copied()).unwrap_or(line);
        let code = match self.error.kind() {
            ErrorKind::InvalidSubcommand => codes::E0950,
            _ => codes::E0951,
        };
        let span = if self.error.kind() == ErrorKind::MissingRequiredArgument { span.at_end() } else { span };
        let (headline, label) = self.headline();
        let fault = Diagnostic::new(code, span, headline).label(label);
        (files, self.helped(fault, span))
    }

    /// What the error tells of itself.
    fn told(&self, what: ContextKind) -> &[String] {
        match self.error.get(what) {
            Some(ContextValue::String(one)) => std::slice::from_ref(one),
            Some(ContextValue::Strings(all)) => all,
            _ => &[],
        }
    }

    fn argument(&self) -> &str {
        let argument = self.told(ContextKind::InvalidArg).first().map_or("", String::as_str);
        argument.split([' ', '=']).next().unwrap_or_default()
    }

    fn value(&self) -> &str {
        self.told(ContextKind::InvalidValue).first().map_or("", String::as_str)
    }

    /// The number of the word that is wrong.
    fn place(&self) -> Option<usize> {
        let (argument, value) = (self.argument(), self.value());
        let is = |word: &String, wrong: &str| !wrong.is_empty() && word == wrong;
        let begins = |word: &String| {
            argument.starts_with('-') && word.split('=').next().is_some_and(|flag| flag == argument)
        };
        match self.error.kind() {
            ErrorKind::InvalidSubcommand => Some(0),
            ErrorKind::MissingRequiredArgument => self.words.len().checked_sub(1),
            _ => {
                let of_value = self.words.iter().rposition(|word| is(word, value));
                let of_flag = || self.words.iter().rposition(begins);
                of_value.or_else(of_flag).or_else(|| self.words.iter().rposition(|word| is(word, argument)))
            }
        }
    }

    /// The headline, and what stands at the place.
    fn headline(&self) -> (String, &'static str) {
        let name = self.command.as_ref().map_or("millstream", |command| command.get_name());
        let (argument, value) = (self.argument(), self.value());
        match self.error.kind() {
            ErrorKind::InvalidSubcommand => {
                let word = self.words.first().map_or("", String::as_str);
                (format!("there is no command `{word}`"), "unknown command")
            }
            ErrorKind::UnknownArgument if argument.starts_with('-') => {
                (format!("`{name}` has no option `{argument}`"), "unknown option")
            }
            ErrorKind::UnknownArgument => (format!("`{name}` does not take `{argument}`"), "one too many"),
            ErrorKind::MissingRequiredArgument => {
                let bare = |missing: &str| {
                    let missing = missing.trim_end_matches("...");
                    let name = missing.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
                    format!("`{}`", name.unwrap_or(missing))
                };
                let missing: Vec<String> =
                    self.told(ContextKind::InvalidArg).iter().map(|missing| bare(missing)).collect();
                (format!("`{name}` needs {}", missing.join(" and ")), "not said")
            }
            ErrorKind::InvalidValue if value.is_empty() => {
                let whole = self.told(ContextKind::InvalidArg).first().map_or("", String::as_str);
                (format!("`{argument}` needs a value: `{whole}`"), "no value")
            }
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                let why = match self.error.source() {
                    Some(why) if why.is::<ParseIntError>() => ": a whole number is expected".to_string(),
                    Some(why) => format!(": {why}"),
                    None => String::new(),
                };
                (format!("`{argument}` does not take `{value}`{why}"), "wrong value")
            }
            _ => {
                let told = self.error.to_string();
                let first = told.lines().next().unwrap_or_default();
                (first.strip_prefix("error: ").unwrap_or(first).replace('\'', "`"), "this cannot be taken")
            }
        }
    }

    /// With what was meant, if that is known, and how the command is written.
    fn helped(&self, fault: Diagnostic, span: Span) -> Diagnostic {
        let nearest = match self.error.kind() {
            ErrorKind::InvalidSubcommand => self.nearest_command(),
            ErrorKind::UnknownArgument => self.nearest_option(),
            ErrorKind::InvalidValue => {
                let values = self.told(ContextKind::ValidValue);
                did_you_mean(self.value(), values.iter().map(String::as_str)).map(str::to_string)
            }
            _ => None,
        };
        let fault = match (self.meant(), nearest) {
            (Some(meant), _) => fault.help(meant),
            (None, Some(nearest)) => fault.fix(format!("did you mean `{nearest}`?"), span, nearest),
            (None, None) => fault,
        };
        let fault = match self.told(ContextKind::ValidValue) {
            [] => fault,
            values => fault.help(format!("it takes `{}`", values.join("`, `"))),
        };
        match &self.command {
            Some(command) => {
                let usage = command.clone().bin_name(format!("millstream {}", command.get_name()));
                let usage = usage.clone().render_usage().to_string();
                let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_string();
                fault
                    .help(format!("write `{usage}`; `millstream {} --help` has examples", command.get_name()))
            }
            None => fault.help("`millstream --help` lists the commands"),
        }
    }

    fn nearest_command(&self) -> Option<String> {
        let all = Arguments::command();
        let names: Vec<&str> = all.get_subcommands().map(clap::Command::get_name).collect();
        did_you_mean(self.words.first()?, names).map(str::to_string)
    }

    fn nearest_option(&self) -> Option<String> {
        let options = self.command.as_ref()?.get_arguments().filter_map(|known| known.get_long());
        let options: Vec<String> = options.map(|option| format!("--{option}")).collect();
        did_you_mean(self.argument(), options.iter().map(String::as_str)).map(str::to_string)
    }

    fn meant(&self) -> Option<String> {
        match self.error.kind() {
            ErrorKind::InvalidSubcommand => self.meant_command(),
            ErrorKind::UnknownArgument | ErrorKind::MissingRequiredArgument => self.meant_arguments(),
            _ => None,
        }
    }

    fn meant_command(&self) -> Option<String> {
        let word = self.words.first()?;
        let path = Path::new(word);
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if extension == "stream" {
            return Some(format!("to run a program: `millstream run {word}`"));
        }
        if path.is_file() {
            return Some(format!("to read data, declare it: `millstream infer {word}`"));
        }
        let (known, _) =
            COMMANDS.iter().find(|(_, others)| others.contains(&word.to_lowercase().as_str()))?;
        Some(format!("this is `millstream {known}`"))
    }

    fn meant_arguments(&self) -> Option<String> {
        let command = self.command.as_ref()?;
        let unknown = match self.error.kind() {
            ErrorKind::UnknownArgument => self.argument(),
            _ => "",
        };
        let has_subject =
            self.words.iter().any(|word| word.starts_with("--stream") || word.starts_with("--match"));
        if command.get_name() == "why" && !has_subject && !unknown.starts_with('-') {
            let subject = if unknown.is_empty() { "NAME" } else { unknown };
            return Some(format!(
                "`--stream {subject}` asks what its clauses dropped, `--match {subject}` what its pattern did"
            ));
        }
        let has = |flag: &str| command.get_arguments().any(|known| known.get_long() == Some(flag));
        let meant = FLAGS.iter().find(|(flag, _, others)| has(flag) && others.contains(&unknown))?;
        Some(format!("this is `{}`", meant.1))
    }
}
