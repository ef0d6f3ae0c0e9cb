//! Answers entries, one after the other.

use super::commands::{self, Command};
use super::expression::{self, NoValue};
use super::run::{Ended, Manner, Runner};
use super::session::{Asked, Defined, Findings, Session, TYPED, Typed};
use super::{errors, help};
use crate::cli::{Bindings, Layer};
use crate::commands::emit;
use crate::program::{Problem, plain, read_text, show};
use crate::{FAILED, FINE, WRONG_PROGRAM, WRONG_USAGE, terminal};
use millstream_base::codes::Code;
use millstream_base::{Diagnostic, Diagnostics, Severity, SourceMap, explain};
use millstream_ir::flow::Schema;
use millstream_syntax::ast::{self, Name};
use millstream_syntax::dump::{Spans, dump};
use millstream_syntax::entry::{Entry, parse_entry};
use std::path::Path;

/// A session, and what of it is remembered from entry to entry.
pub struct Repl {
    session: Session,
    runner: Runner,
    manner: Manner,
    /// What `:plan` and the like ask about.
    last: Option<Subject>,
    last_error: Option<Code>,
}

/// Something that has rows.
#[derive(Clone)]
enum Subject {
    /// The text of a query.
    Query(String),
    Named(String),
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

/// What messages call what was typed.
const NAME: &str = "repl";

impl Repl {
    pub fn new(bindings: Bindings, is_interactive: bool) -> Result<Repl, Problem> {
        let manner = Manner { limit: LIMIT, tells_time: false, is_interactive };
        Ok(Repl {
            session: Session::new(bindings),
            runner: Runner::new()?,
            manner,
            last: None,
            last_error: None,
        })
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What the command line gives values or inputs must be there.
    pub fn check_bindings(&self) -> Result<(), Problem> {
        let Bindings { set, source, .. } = &self.session.bindings;
        let named = set
            .iter()
            .map(|(name, _)| ("param", name))
            .chain(source.iter().map(|(name, _)| ("source", name)));
        for (kind, name) in named {
            let fits = |known: &str| known == kind || kind == "source" && known == "table";
            if !self.session.definitions().iter().any(|known| fits(known.kind) && known.name == *name) {
                let message = format!("the program has no {kind} called `{name}`");
                return Err(Problem { message, code: WRONG_USAGE });
            }
        }
        Ok(())
    }

    /// Answers an entry.
    pub fn answer(&mut self, text: &str) -> Answer {
        let typed = Typed { text, file: NAME, folder: Path::new("") };
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
                Ok((found, checked)) => match expression::evaluate(&checked) {
                    Ok(value) => done(terminal::out(format_args!("{value}\n"))),
                    Err(NoValue::Fails(fault)) => {
                        self.refused(Findings { diagnostics: vec![*fault], ..found })
                    }
                    Err(NoValue::NotCompiled(problem)) => Answer::Wrong(problem.tell()),
                },
                Err(found) => self.refused(found),
            },
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
            Command::Help(Some(topic)) => match help::topic(&topic) {
                Ok(text) => done(terminal::out(text)),
                Err(fault) => self.wrong(typed, *fault),
            },
            Command::Type(entry) => self.type_of(typed, &entry),
            Command::Explain(None) => match self.last_error {
                Some(code) => done(explain::page(code.name()).map_or(FINE, terminal::out)),
                None => done(terminal::out("there was no error\n")),
            },
            Command::Explain(Some(name)) => self.show_subject(typed, Some(name), |asked| {
                let told =
                    millstream_core::explain::explain(&asked.compilation.program, &asked.assembled.flow);
                Ok(part_about(&told, &asked.name))
            }),
            Command::Plan(name) => {
                self.show_subject(typed, name, |asked| Ok(asked.assembled.optimized.to_string()))
            }
            Command::Emit(layer, name) => self.emit(typed, layer, name),
            Command::List(None) => self.list(typed),
            Command::List(Some(name)) => {
                let named = self.session.definitions().iter().filter(|known| known.name == name.text);
                let text: Vec<String> = named.map(|known| format!("{}\n", known.text())).collect();
                match &text[..] {
                    [] => self.unknown(typed, &name, "definition"),
                    text => done(terminal::out(text.join("\n"))),
                }
            }
            Command::Drop(name) if !self.session.defines(&name.text) => {
                self.unknown(typed, &name, "definition")
            }
            Command::Drop(name) => match self.session.drop(typed, &name) {
                Ok(()) => done(terminal::out(format_args!("dropped {}\n", name.text))),
                Err(found) => self.refused(found),
            },
            Command::Load(path) => self.load(&path),
            Command::Save(path) => self.save(&path),
            Command::Source { name, path } => {
                let mut known = self.session.definitions().iter();
                if !known.any(|known| known.name == name.text && matches!(known.kind, "source" | "table")) {
                    return self.unknown(typed, &name, "source");
                }
                let bound = &mut self.session.bindings.source;
                bound.retain(|(other, _)| *other != name.text);
                bound.push((name.text, path));
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

    /// Takes over the definitions of a program.
    pub fn load(&mut self, path: &Path) -> Answer {
        let name = path.display().to_string();
        if path == Path::new("-") {
            let message = "cannot read a program from standard input, which is what is typed".into();
            return Answer::Wrong(Problem { message, code: WRONG_USAGE }.tell());
        }
        let text = match read_text(path, &name) {
            Ok(text) => text,
            Err(problem) => return Answer::Wrong(problem.tell()),
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut parsed = Diagnostics::default();
        let items = millstream_syntax::parse(TYPED, &text, &mut parsed);
        self.define(Typed { text: &text, file: &name, folder }, items, parsed)
    }

    fn save(&self, path: &Path) -> Answer {
        let text = self.session.text();
        let text = millstream_syntax::format(TYPED, &text).unwrap_or(text);
        match std::fs::write(path, text) {
            Ok(()) => done(terminal::out(format_args!(
                "{} written to {}\n",
                counted(self.session.definitions().len(), "definition"),
                path.display()
            ))),
            Err(error) => {
                let message = format!("cannot write {}: {}", path.display(), plain(&error));
                Answer::Wrong(Problem { message, code: FAILED }.tell())
            }
        }
    }

    /// `entry` is an expression or a query.
    fn type_of(&mut self, typed: Typed, entry: &Name) -> Answer {
        let blanks = " ".repeat(entry.span.start as usize);
        let mut parsed = Diagnostics::default();
        let told = match parse_entry(TYPED, &format!("{blanks}{}", entry.text), &mut parsed) {
            Entry::Expression(expr) => {
                self.session.expression(typed, &expr, parsed).map(|(_, checked)| format!("{}\n", checked.ty))
            }
            Entry::Query(query) => self.session.query(typed, query, parsed).map(|asked| columns(&asked)),
            Entry::Items(_) => {
                let example = ":type 1 + 2";
                return self.wrong(
                    typed,
                    errors::wrong_argument(entry.span, "type", "an expression or a query", example),
                );
            }
        };
        match told {
            Ok(text) => done(terminal::out(text)),
            Err(found) => self.refused(found),
        }
    }

    fn list(&mut self, typed: Typed) -> Answer {
        let definitions = self.session.definitions();
        let width = definitions.iter().map(|known| known.name.chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for known in definitions {
            let columns = match known.kind {
                "source" | "table" | "stream" => self
                    .session
                    .named(typed, &known.name)
                    .map_or(String::new(), |asked| one_line(&schema(&asked))),
                _ => String::new(),
            };
            let line = format!("{:9} {:width$}  {columns}", known.kind, known.name);
            text += line.trim_end();
            text.push('\n');
        }
        if definitions.is_empty() {
            text = "nothing is defined\n".into();
        }
        done(terminal::out(text))
    }

    fn emit(&mut self, typed: Typed, layer: Layer, name: Option<Name>) -> Answer {
        if !matches!(layer, Layer::Tokens | Layer::Ast) {
            return self.show_subject(typed, name, |asked| match layer {
                Layer::Hir => Ok(part_about(&asked.compilation.program.to_string(), &asked.name)),
                Layer::Plan => Ok(asked.assembled.plan.to_string()),
                layer => emit::of_flow(layer, &asked.assembled.flow),
            });
        }
        let text = match self.subject(name) {
            Some(Subject::Query(text)) => text,
            Some(Subject::Named(name)) => {
                let definition = self.session.definitions().iter().find(|known| known.name == name);
                definition.map(|known| known.text().to_string()).unwrap_or_default()
            }
            None => return self.nothing_asked(),
        };
        let mut found = Diagnostics::default();
        done(terminal::out(match (layer, parse_entry(TYPED, &text, &mut found)) {
            (Layer::Tokens, _) => millstream_syntax::tokens(TYPED, &text, &mut found),
            (_, Entry::Items(items)) => dump(&items, Spans::Hidden),
            (_, Entry::Query(query)) => dump(&super::session::as_program(query), Spans::Hidden),
            (_, Entry::Expression(_)) => String::new(),
        }))
    }

    fn subject(&self, name: Option<Name>) -> Option<Subject> {
        name.map(|name| Subject::Named(name.text)).or_else(|| self.last.clone())
    }

    fn show_subject(
        &mut self,
        typed: Typed,
        name: Option<Name>,
        text: impl FnOnce(&Asked) -> Result<String, Problem>,
    ) -> Answer {
        if let Some(name) = name.as_ref().filter(|name| !self.has_rows(&name.text)) {
            return self.unknown(typed, name, "stream");
        }
        let asked = match self.subject(name) {
            Some(Subject::Named(name)) => self.session.named(typed, &name),
            Some(Subject::Query(text)) => {
                let mut parsed = Diagnostics::default();
                let query = millstream_syntax::parse_query(TYPED, &text, &mut parsed);
                self.session.query(Typed { text: &text, ..typed }, query, parsed)
            }
            None => return self.nothing_asked(),
        };
        match asked {
            Ok(asked) => match text(&asked) {
                Ok(text) => done(terminal::out(text)),
                Err(problem) => Answer::Wrong(problem.tell()),
            },
            Err(found) => self.refused(found),
        }
    }

    fn has_rows(&self, name: &str) -> bool {
        let mut known = self.session.definitions().iter();
        known.any(|known| known.name == name && matches!(known.kind, "source" | "table" | "stream"))
    }

    fn nothing_asked(&self) -> Answer {
        done(terminal::out("there was no query yet\n"))
    }

    fn unknown(&mut self, typed: Typed, name: &Name, what: &str) -> Answer {
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

    fn wrong(&mut self, typed: Typed, fault: Diagnostic) -> Answer {
        let mut files = SourceMap::default();
        files.add(typed.file, typed.text);
        self.refused(Findings { files, diagnostics: vec![fault] })
    }

    fn refused(&mut self, found: Findings) -> Answer {
        show(&found.files, &found.diagnostics);
        let is_error = |diagnostic: &&Diagnostic| diagnostic.severity != Severity::Warning;
        self.last_error = found.diagnostics.iter().find(is_error).map(|fault| fault.code);
        Answer::Wrong(WRONG_PROGRAM)
    }
}

fn done(code: u8) -> Answer {
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

fn schema(asked: &Asked) -> Schema {
    let input = asked.compilation.program.find(&asked.name);
    input
        .and_then(|id| asked.compilation.program.input(id))
        .map(|input| input.schema().clone())
        .unwrap_or_default()
}

/// A column a line, and whether rows are final.
fn columns(asked: &Asked) -> String {
    let schema = schema(asked);
    let lines = schema.visible().map(|(_, column)| format!("{}: {}\n", column.name, column.ty));
    let updating = if schema.sign.is_some() { "updating\n" } else { "" };
    lines.collect::<String>() + updating
}

fn one_line(schema: &Schema) -> String {
    let columns: Vec<String> =
        schema.visible().map(|(_, column)| format!("{}: {}", column.name, column.ty)).collect();
    format!("{}{}", columns.join(", "), if schema.sign.is_some() { " (updating)" } else { "" })
}

/// The heading about a source, table or stream, and what is indented below it.
fn part_about(told: &str, name: &str) -> String {
    let is_about = |line: &str| {
        let named = ["source ", "table ", "stream "].iter().find_map(|kind| line.strip_prefix(kind));
        let behind = named.and_then(|named| named.strip_prefix(name));
        behind.is_some_and(|behind| behind.is_empty() || behind.starts_with([' ', ':']))
    };
    let mut lines = told.lines().skip_while(|line| !is_about(line));
    let heading = lines.next();
    let part = heading.into_iter().chain(lines.take_while(|line| line.starts_with(' ')));
    part.map(|line| format!("{line}\n")).collect()
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
