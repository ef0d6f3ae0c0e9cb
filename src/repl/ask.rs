//! What is asked about the session and about what was typed last: types, definitions, plans, layers.

use super::answer::{Answer, Repl, done};
use super::errors;
use super::session::{Asked, Findings, TYPED, Typed, as_program};
use crate::cli::Layer;
use crate::commands::emit;
use crate::commands::explain::part_about;
use crate::program::Problem;
use crate::terminal;
use millstream_base::{Diagnostic, Diagnostics, codes};
use millstream_core::explain::{emission_text, keyed};
use millstream_core::hir::Input;
use millstream_ir::flow::Schema;
use millstream_lsp::analysis::library;
use millstream_syntax::ast::Name;
use millstream_syntax::dump::{Spans, dump};
use millstream_syntax::entry::{Entry, parse_entry};

/// Something that has rows.
#[derive(Clone)]
pub enum Subject {
    /// The text of a query.
    Query(String),
    Named(String),
}

impl Repl {
    /// `entry` is an expression, a query, or a name.
    pub(super) fn type_of(&mut self, typed: Typed, entry: &Name) -> Answer {
        if let Some(told) = self.type_of_name(typed, &entry.text) {
            return done(terminal::out(told));
        }
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
            Err(found) if is_unknown_name(&found, entry) => self.unknown(typed, entry, "definition"),
            Err(found) => self.refused(found),
        }
    }

    /// What stands behind a name that is no value.
    fn type_of_name(&self, typed: Typed, name: &str) -> Option<String> {
        let mut declared = library::all().iter().filter(|declared| declared.name == name).peekable();
        match self.session.definitions().iter().find(|known| known.name == name) {
            Some(_) if self.has_rows(name) => {
                self.session.named(typed, name).ok().map(|asked| columns(&asked))
            }
            Some(known) if matches!(known.kind, "type" | "fn" | "aggregate") => {
                Some(format!("{}\n", known.text()))
            }
            None if declared.peek().is_some() => {
                Some(declared.map(|declared| format!("{}\n", declared.signature())).collect())
            }
            _ => None,
        }
    }

    pub(super) fn list(&mut self, typed: Typed) -> Answer {
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

    pub(super) fn definition(&mut self, typed: Typed, name: &Name) -> Answer {
        let named = self.session.definitions().iter().filter(|known| known.name == name.text);
        let text: Vec<String> = named.map(|known| format!("{}\n", known.text())).collect();
        match &text[..] {
            [] => self.unknown(typed, name, "definition"),
            text => done(terminal::out(text.join("\n"))),
        }
    }

    pub(super) fn explain(&mut self, typed: Typed, name: Name) -> Answer {
        self.show_subject(typed, Some(name), |asked| {
            let told = millstream_core::explain::explain(&asked.compilation.program, &asked.assembled.flow);
            Ok(part_about(&told, &asked.name))
        })
    }

    pub(super) fn plan(&mut self, typed: Typed, name: Option<Name>) -> Answer {
        self.show_subject(typed, name, |asked| Ok(asked.assembled.optimized.to_string()))
    }

    pub(super) fn emit(&mut self, typed: Typed, layer: Layer, name: Option<Name>) -> Answer {
        if !matches!(layer, Layer::Tokens | Layer::Ast) {
            return self.show_subject(typed, name, |asked| match layer {
                Layer::Hir => Ok(part_about(&asked.compilation.program.to_string(), &asked.name)),
                Layer::Plan => Ok(asked.assembled.plan.to_string()),
                layer => match emit::of_flow(layer, &asked.assembled.flow)? {
                    text if text.is_empty() => Ok("it has no pattern\n".to_string()),
                    text => Ok(text),
                },
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
            (_, Entry::Query(query)) => dump(&as_program(query), Spans::Hidden),
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
}

fn schema(asked: &Asked) -> Schema {
    let input = asked.compilation.program.find(&asked.name);
    input
        .and_then(|id| asked.compilation.program.input(id))
        .map(|input| input.schema().clone())
        .unwrap_or_default()
}

/// A column a line, and whether rows are final or which replaces which.
fn columns(asked: &Asked) -> String {
    let schema = schema(asked);
    let lines = schema.visible().map(|(_, column)| format!("{}: {}\n", column.name, column.ty));
    let program = &asked.compilation.program;
    let rows = match program.find(&asked.name).and_then(|id| program.input(id)) {
        Some(Input::Table(table)) => keyed(table),
        _ => emission_text(&schema),
    };
    lines.collect::<String>() + &format!("{rows}\n")
}

fn one_line(schema: &Schema) -> String {
    let columns: Vec<String> =
        schema.visible().map(|(_, column)| format!("{}: {}", column.name, column.ty)).collect();
    format!("{}{}", columns.join(", "), if schema.sign.is_some() { " (updating)" } else { "" })
}

/// Whether all that is wrong with an entry is that it is a name which stands for nothing.
fn is_unknown_name(found: &Findings, entry: &Name) -> bool {
    let is_it = |fault: &Diagnostic| {
        fault.code == codes::E0201 && fault.primary.span == entry.span && fault.fixes.is_empty()
    };
    found.diagnostics.iter().all(is_it)
}
