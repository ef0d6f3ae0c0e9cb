//! Answers entries, one after the other.

use super::ask::Subject;
use super::commands::{self, Command};
use super::expression::{self, NoValue};
use super::interrupts::Interrupts;
use super::run::{Ended, Manner, Runner};
use super::session::{Defined, ENTRY, Findings, INPUTS, Session, TYPED, Typed};
use super::{elsewhere, errors, help, save};
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
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A session, and what of it is remembered from entry to entry.
pub struct Repl {
    pub(super) session: Session,
    runner: Runner,
    manner: Manner,
    /// What `:plan` and the like ask about.
    pub(super) last: Option<Subject>,
    last_error: Option<Code>,
    /// The programs that the session has read or written: `:save` may write over these.
    own: BTreeSet<PathBuf>,
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
            own: BTreeSet::new(),
        })
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What interrupts concern.
    pub fn interrupts(&self) -> &Interrupts {
        &self.runner.interrupts
    }

    /// No source can read what the entries come from.
    pub fn check_inputs(&mut self) -> Answer {
        let Some((name, path)) = self.session.bindings.source.iter().find(|(_, path)| path == "-") else {
            return Answer::Fine;
        };
        let mut files = SourceMap::default();
        let said = said(&["repl", "--source", &format!("{name}={path}")], &mut files);
        let span = Span { start: said[2].span.end - 1, ..said[2].span };
        let diagnostics = vec![Unread::Entries.fault(span, Path::new(path))];
        self.refused(Findings { files, diagnostics });
        Answer::Wrong(WRONG_USAGE)
    }

    /// What the command line gives values or inputs must be there.
    pub fn check_bindings(&mut self) -> Answer {
        let Bindings { set, source, .. } = &self.session.bindings;
        let params = set.iter().map(|(name, _)| (("--set", "parameter"), &["param"][..], name));
        let sources = source.iter().map(|(name, _)| (("--source", "source"), INPUTS, name));
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
        let typed = Typed::entry(text);
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
                Err(found) => {
                    let mut found = self.or_meant(typed, found);
                    errors::help_with_rows(&mut found.diagnostics, text);
                    errors::help_with_command(&mut found.diagnostics, text);
                    errors::help_with_second(&mut found.diagnostics, text);
                    self.refused(found)
                }
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
            Err(found) => {
                let mut found = self.or_meant(typed, found);
                errors::help_with_command(&mut found.diagnostics, typed.text);
                self.refused(found)
            }
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
            Err(found) => {
                let mut found = self.or_meant(typed, found);
                let mut known = self.session.definitions().iter();
                let read = known.find(|known| INPUTS.contains(&known.kind)).map(|known| known.name.as_str());
                errors::help_with_beginning(&mut found.diagnostics, typed.text, read, self.as_param(typed));
                errors::help_with_limit(&mut found.diagnostics, typed.text);
                errors::help_with_second(&mut found.diagnostics, typed.text);
                self.refused(found)
            }
        }
    }

    /// What is wrong with an entry, or how it is written here.
    fn or_meant(&self, typed: Typed, found: Findings) -> Findings {
        let meant = (typed.file == ENTRY).then(|| elsewhere::meant(&self.session, typed.text)).flatten();
        match meant {
            Some(fault) => Findings { diagnostics: vec![fault], ..found },
            None => found,
        }
    }

    /// What `let x = 1` keeps, as the definition of a parameter.
    fn as_param(&self, typed: Typed) -> Option<String> {
        let (name, value) = typed.text.trim().strip_prefix("let ")?.split_once('=')?;
        let ty = self.session.type_of(value)?;
        Some(format!("param {}: {ty} = {}", name.trim(), value.trim()))
    }

    fn obey(&mut self, typed: Typed, command: Command) -> Answer {
        match command {
            Command::Help(None) => done(terminal::out_words(&help::overview())),
            Command::Help(Some(name)) if self.session.defines(&name.text) => self.definition(typed, &name),
            Command::Help(Some(topic)) => match help::topic(&topic) {
                Ok(text) => done(terminal::out_words(&text)),
                Err(fault) => self.wrong(typed, *fault),
            },
            Command::Type(entry) => self.type_of(typed, &entry),
            Command::Explain(None) => match self.last_error {
                Some(code) => {
                    done(explain::page(code.name()).map_or(FINE, |page| terminal::out_words(&page)))
                }
                None => done(terminal::out("there was no error\n")),
            },
            Command::Explain(Some(name)) => match Code::find(&name.text) {
                Some(code) => {
                    done(explain::page(code.name()).map_or(FINE, |page| terminal::out_words(&page)))
                }
                None => self.explain(typed, name),
            },
            Command::Plan(name) => self.plan(typed, name),
            Command::Emit(layer, name) => self.emit(typed, layer, name),
            Command::List(None) => self.list(typed),
            Command::List(Some(name)) => self.definition(typed, &name),
            Command::Drop { kind, name } => self.drop(typed, kind.as_deref(), &name),
            Command::Load(path) => match self.load(Path::new(&path.text)) {
                Ok(answer) => answer,
                Err(unread) => self.wrong(typed, unread.fault(path.span, Path::new(&path.text))),
            },
            Command::Save { path, is_forced } => self.save(typed, &path, is_forced),
            Command::Source { name, path } => {
                if !self.session.kinds_of(&name.text).iter().any(|kind| INPUTS.contains(kind)) {
                    return self.unknown(typed, &name, "source");
                }
                if path.text == "-" {
                    return self.wrong(typed, Unread::Entries.fault(path.span, Path::new("-")));
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
        match self.load(path) {
            Ok(answer) => answer,
            Err(unread) => {
                let diagnostics = vec![unread.fault(said[1].span, path)];
                self.refused(Findings { files, diagnostics });
                Answer::Wrong(unread.code())
            }
        }
    }

    /// Takes over the definitions of a program.
    fn load(&mut self, path: &Path) -> Result<Answer, Unread> {
        let text = if path == Path::new("-") { Err(Unread::Entries) } else { read_text(path) }?;
        let name = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut parsed = Diagnostics::default();
        let items = millstream_syntax::parse(TYPED, &text, &mut parsed);
        let answer = self.define(Typed { text: &text, file: &name, folder }, items, parsed);
        if answer == Answer::Fine {
            self.own.extend(path.canonicalize());
        }
        Ok(answer)
    }

    fn save(&mut self, typed: Typed, named: &Name, is_forced: bool) -> Answer {
        let path = Path::new(&named.text);
        let is_own = |path: &PathBuf| self.own.contains(path);
        if !is_forced && path.is_file() && !path.canonicalize().is_ok_and(|path| is_own(&path)) {
            return self.wrong(typed, errors::there_already(named));
        }
        let text = save::program(&self.session, path.parent().unwrap_or(Path::new("")));
        match std::fs::write(path, text) {
            Ok(()) => {
                self.own.extend(path.canonicalize());
                let n = counted(self.session.definitions().len(), "definition");
                done(terminal::out(format_args!("{n} written to {}\n", path.display())))
            }
            Err(error) => {
                self.wrong(typed, cannot_create(named.span, path, &error));
                Answer::Wrong(FAILED)
            }
        }
    }

    /// `kind`: what it is, where that has been said.
    fn drop(&mut self, typed: Typed, kind: Option<&str>, name: &Name) -> Answer {
        let mut kinds = self.session.kinds_of(&name.text);
        kinds.retain(|known| kind.is_none_or(|kind| kind == *known));
        match kinds[..] {
            [] => self.unknown(typed, name, kind.unwrap_or("definition")),
            [kind] => match self.session.drop(typed, kind, name) {
                Ok(()) => done(terminal::out(format_args!("dropped {}\n", name.text))),
                Err(found) => self.refused(found),
            },
            _ => self.wrong(typed, errors::several_called(name, &kinds)),
        }
    }

    pub(super) fn unknown(&mut self, typed: Typed, name: &Name, what: &str) -> Answer {
        let fits = |kind: &str| match what {
            "source" => matches!(kind, "source" | "table"),
            "stream" => matches!(kind, "source" | "table" | "stream"),
            "definition" => true,
            what => kind == what,
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

    pub(super) fn refused(&mut self, mut found: Findings) -> Answer {
        found.diagnostics.iter_mut().for_each(errors::in_words_of_session);
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
