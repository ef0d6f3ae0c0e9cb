//! Answers entries, one after the other.

use super::ask::Subject;
use super::commands::{self, Command};
use super::expression::{self, NoValue};
use super::interrupts::Interrupts;
use super::run::{Ended, Manner, Runner};
use super::session::{Defined, ENTRY, Findings, Session, TYPED, Typed};
use super::{errors, help, save};
use crate::cli::Bindings;
use crate::command_line::{cannot_create, said};
use crate::program::{Problem, read_text, show};
use crate::unread::Unread;
use crate::{FAILED, FINE, WRONG_PROGRAM, WRONG_USAGE, terminal};
use millstream_base::codes::Code;
use millstream_base::{Diagnostic, Diagnostics, Severity, SourceMap, Span, explain};
use millstream_core::errors::connectors::unknown_override;
use millstream_syntax::ast::{self, Name};
use millstream_syntax::entry::{Entry, parse_entry};
use std::path::Path;

/// A session, and what of it is remembered from entry to entry.
pub struct Repl {
    pub(super) session: Session,
    runner: Runner,
    manner: Manner,
    /// What `:plan` and the like ask about.
    pub(super) last: Option<Subject>,
    last_error: Option<Code>,
}

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Fine,
    Wrong(u8),
    Interrupted,
    Quit,
}

impl Answer {
    pub fn code(self) -> u8 {
        match self {
            Answer::Wrong(code) => code,
            _ => FINE,
        }
    }
}

/// How many rows of a query are shown.
const LIMIT: usize = 20;

impl Repl {
    pub fn new(bindings: Bindings, is_interactive: bool) -> Result<Repl, Problem> {
        let manner = Manner { limit: LIMIT, tells_time: false, is_interactive };
        Ok(Repl {
            session: Session::new(bindings),
            runner: Runner::new(is_interactive)?,
            manner,
            last: None,
            last_error: None,
        })
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What interrupts concern.
    pub fn interrupts(&self) -> &Interrupts {
        &self.runner.interrupts
    }

    /// What the command line gives values or inputs must be there.
    pub fn check_bindings(&mut self) -> Answer {
        let Bindings { set, source, .. } = &self.session.bindings;
        let params = set.iter().map(|(name, _)| (("--set", "parameter"), &["param"][..], name));
        let sources = source.iter().map(|(name, _)| (("--source", "source"), &["source", "table"][..], name));
        for (flag, kinds, name) in params.chain(sources) {
            let known = self.session.definitions().iter().filter(|known| kinds.contains(&known.kind));
            let known: Vec<&str> = known.map(|known| known.name.as_str()).collect();
            if !known.contains(&name.as_str()) {
                let mut files = SourceMap::default();
                let said = said(&["repl", flag.0, name], &mut files);
                let fault = unknown_override(said[2].span, flag, name, &known);
                self.refused(Findings { files, diagnostics: vec![fault] });
                return Answer::Wrong(WRONG_USAGE);
            }
        }
        Answer::Fine
    }

    /// Answers an entry.
    pub fn answer(&mut self, text: &str) -> Answer {
        let typed = Typed { text, file: ENTRY, folder: Path::new("") };
        if text.trim_start().starts_with(':') {
            return match commands::parse(text) {
                Ok(command) => self.obey(typed, command),
                Err(fault) => self.wrong(typed, *fault),
            };
        }
        let mut parsed = Diagnostics::default();
        match parse_entry(TYPED, text, &mut parsed) {
            Entry::Items(items) => self.define(typed, items, parsed),
            Entry::Query(query) => self.query(typed, query, parsed),
            Entry::Expression(expr) => match self.session.expression(typed, &expr, parsed) {
                Ok((found, checked)) => {
                    match expression::evaluate(&checked, self.runner.interrupts.asked()) {
                        Ok(value) => done(terminal::out(format_args!("{value}\n"))),
                        Err(NoValue::Fails(fault)) => {
                            self.refused(Findings { diagnostics: vec![*fault], ..found })
                        }
                        Err(NoValue::Interrupted) => self.stopped(),
                        Err(NoValue::NotCompiled(problem)) => Answer::Wrong(problem.tell()),
                    }
                }
                Err(found) => self.refused(found),
            },
        }
    }

    fn stopped(&self) -> Answer {
        if self.manner.is_interactive {
            // The terminal has shown the key.
            terminal::err("\r\x1b[2K");
        }
        match terminal::out("stopped\n") {
            FINE => Answer::Interrupted,
            code => Answer::Wrong(code),
        }
    }

    fn define(&mut self, typed: Typed, items: ast::Program, parsed: Diagnostics) -> Answer {
        match self.session.define(typed, items, parsed) {
            Ok((found, defined)) => {
                show(&found.files, &found.diagnostics);
                if let Some(stream) = defined.iter().rev().find(|defined| defined.kind == "stream") {
                    self.last = Some(Subject::Named(stream.name.clone()));
                }
                done(terminal::out(defined_text(&defined)))
            }
            Err(found) => self.refused(found),
        }
    }

    fn query(&mut self, typed: Typed, query: ast::Query, parsed: Diagnostics) -> Answer {
        match self.session.query(typed, query, parsed) {
            Ok(asked) => {
                self.last = Some(Subject::Query(typed.text.to_string()));
                show(&asked.found.files, &asked.found.diagnostics);
                match self.runner.run(&asked, self.manner) {
                    Ended::Fine => Answer::Fine,
                    Ended::Interrupted => Answer::Interrupted,
                    Ended::Failed => Answer::Wrong(FAILED),
                }
            }
            Err(found) => self.refused(found),
        }
    }

    fn obey(&mut self, typed: Typed, command: Command) -> Answer {
        match command {
            Command::Help(None) => done(terminal::out(help::overview())),
            Command::Help(Some(name)) if self.session.defines(&name.text) => self.definition(typed, &name),
            Command::Help(Some(topic)) => match help::topic(&topic) {
                Ok(text) => done(terminal::out(text)),
                Err(fault) => self.wrong(typed, *fault),
            },
            Command::Type(entry) => self.type_of(typed, &entry),
            Command::Explain(None) => match self.last_error {
                Some(code) => done(explain::page(code.name()).map_or(FINE, terminal::out)),
                None => done(terminal::out("there was no error\n")),
            },
            Command::Explain(Some(name)) => match Code::find(&name.text) {
                Some(code) => done(explain::page(code.name()).map_or(FINE, terminal::out)),
                None => self.explain(typed, name),
            },
            Command::Plan(name) => self.plan(typed, name),
            Command::Emit(layer, name) => self.emit(typed, layer, name),
            Command::List(None) => self.list(typed),
            Command::List(Some(name)) => self.definition(typed, &name),
            Command::Drop(name) if !self.session.defines(&name.text) => {
                self.unknown(typed, &name, "definition")
            }
            Command::Drop(name) => match self.session.drop(typed, &name) {
                Ok(()) => done(terminal::out(format_args!("dropped {}\n", name.text))),
                Err(found) => self.refused(found),
            },
            Command::Load(path) => self.load(Path::new(&path.text), typed, path.span),
            Command::Save(path) => self.save(Path::new(&path.text), typed, path.span),
            Command::Source { name, path } => {
                let mut known = self.session.definitions().iter();
                if !known.any(|known| known.name == name.text && matches!(known.kind, "source" | "table")) {
                    return self.unknown(typed, &name, "source");
                }
                if path.text == "-" {
                    let unread = Unread::Entries;
                    self.wrong(typed, unread.fault(path.span, Path::new("-")));
                    return Answer::Wrong(unread.code());
                }
                let bound = &mut self.session.bindings.source;
                bound.retain(|(other, _)| *other != name.text);
                bound.push((name.text, path.text));
                Answer::Fine
            }
            Command::Limit(rows) => {
                self.manner.limit = rows;
                Answer::Fine
            }
            Command::Time => {
                self.manner.tells_time = !self.manner.tells_time;
                let state = if self.manner.tells_time { "on" } else { "off" };
                done(terminal::out(format_args!("time is {state}\n")))
            }
            Command::Quit => Answer::Quit,
        }
    }

    /// Takes over the definitions of the program that the command line names.
    pub fn begin_with(&mut self, path: &Path) -> Answer {
        let mut files = SourceMap::default();
        let said = said(&["repl", &path.display().to_string()], &mut files);
        let (file, span) = (files.file(said[1].span.file), said[1].span);
        self.load(path, Typed { text: &file.text, file: &file.name, folder: Path::new("") }, span)
    }

    /// Takes over the definitions of a program that is named in what was typed.
    fn load(&mut self, path: &Path, typed: Typed, named: Span) -> Answer {
        let read = if path == Path::new("-") { Err(Unread::Entries) } else { read_text(path) };
        let text = match read {
            Ok(text) => text,
            Err(unread) => {
                self.wrong(typed, unread.fault(named, path));
                return Answer::Wrong(unread.code());
            }
        };
        let name = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut parsed = Diagnostics::default();
        let items = millstream_syntax::parse(TYPED, &text, &mut parsed);
        self.define(Typed { text: &text, file: &name, folder }, items, parsed)
    }

    fn save(&mut self, path: &Path, typed: Typed, named: Span) -> Answer {
        let text = save::program(&self.session, path.parent().unwrap_or(Path::new("")));
        match std::fs::write(path, text) {
            Ok(()) => done(terminal::out(format_args!(
                "{} written to {}\n",
                counted(self.session.definitions().len(), "definition"),
                path.display()
            ))),
            Err(error) => {
                self.wrong(typed, cannot_create(named, path, &error));
                Answer::Wrong(FAILED)
            }
        }
    }

    pub(super) fn unknown(&mut self, typed: Typed, name: &Name, what: &str) -> Answer {
        let fits = |kind: &str| match what {
            "source" => matches!(kind, "source" | "table"),
            "stream" => matches!(kind, "source" | "table" | "stream"),
            _ => true,
        };
        let known = self.session.definitions().iter().filter(|known| fits(known.kind));
        let known: Vec<&str> = known.map(|known| known.name.as_str()).collect();
        let fault = errors::nothing_called(name.span, &name.text, what, &known);
        self.wrong(typed, fault)
    }

    pub(super) fn wrong(&mut self, typed: Typed, fault: Diagnostic) -> Answer {
        let mut files = SourceMap::default();
        files.add(typed.file, typed.text);
        self.refused(Findings { files, diagnostics: vec![fault] })
    }

    pub(super) fn refused(&mut self, found: Findings) -> Answer {
        show(&found.files, &found.diagnostics);
        let is_error = |diagnostic: &&Diagnostic| diagnostic.severity != Severity::Warning;
        self.last_error = found.diagnostics.iter().find(is_error).map(|fault| fault.code);
        Answer::Wrong(WRONG_PROGRAM)
    }
}

pub(super) fn done(code: u8) -> Answer {
    match code {
        FINE => Answer::Fine,
        code => Answer::Wrong(code),
    }
}

/// `defined source payments, stream spend`
fn defined_text(defined: &[Defined]) -> String {
    let listed = |is_replaced: bool| {
        let such = defined.iter().filter(|defined| defined.is_replaced == is_replaced);
        let names: Vec<String> = such.map(|defined| format!("{} {}", defined.kind, defined.name)).collect();
        let verb = if is_replaced { "replaced" } else { "defined" };
        if names.is_empty() { String::new() } else { format!("{verb} {}\n", names.join(", ")) }
    };
    listed(false) + &listed(true)
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
