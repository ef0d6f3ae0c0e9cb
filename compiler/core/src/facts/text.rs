//! What is known of a program's places as text, a line for each.

use super::{ClauseScope, Facts, Gap, Target, Visible, Wanted};
use millstream_base::{SourceMap, Span};
use std::fmt::Write;

impl Facts {
    /// Without what files that are not in `sources` say.
    pub fn to_text(&self, sources: &SourceMap) -> String {
        let mut text = String::new();
        let mut line = |words: String| {
            let _ = writeln!(text, "{words}");
        };
        for definition in &self.definitions {
            let ty = definition.ty.as_ref().map_or(String::new(), |ty| format!(": {ty}"));
            let (word, name) = (definition.kind.word(), &definition.name);
            line(format!("define {} {word} {name}{ty}", place(sources, definition.span)));
        }
        for found in &self.uses {
            let target = match &found.target {
                Target::Defined(span) => {
                    let kind = self.definition(*span).map_or("?", |d| d.kind.word());
                    format!("{kind} {}", place(sources, *span))
                }
                Target::File(file) => format!("file {}", sources.file(*file).name),
                Target::Given(given, name) => format!("{} {name}", given.word()),
            };
            line(format!("use {} {} -> {target}", place(sources, found.span), sources.text(found.span)));
        }
        for (span, ty) in &self.types {
            line(format!("type {} {}: {ty}", place(sources, *span), one_line(sources.text(*span))));
        }
        for ClauseScope { span, columns } in &self.clauses {
            line(format!("clause {} sees {}", place(sources, *span), columns_text(columns)));
        }
        for Gap { span, wanted, expected } in &self.gaps {
            let wanted = match wanted {
                Wanted::Value(columns) => format!("a value: {}", columns_text(columns)),
                Wanted::Column(columns) => format!("a column: {}", columns_text(columns)),
                Wanted::Field(ty) => format!("a field of {ty}"),
                Wanted::Rows { .. } => "a source, stream or table".to_string(),
                Wanted::Input => "a source or table".to_string(),
                Wanted::Type => "a type".to_string(),
                Wanted::Connector(role) => format!("a connector of a {}", role.word()),
                Wanted::Format(role) => format!("a format of a {}", role.word()),
                Wanted::Option { given, of, role, .. } => {
                    format!("{} of {of} as a {}", given.word(), role.word())
                }
                Wanted::Word(words) => words.join(" "),
            };
            let ty = expected.as_ref().map_or(String::new(), |ty| format!(" of type {ty}"));
            line(format!("gap {} {} wants {wanted}{ty}", place(sources, *span), sources.text(*span)));
        }
        text
    }
}

fn place(sources: &SourceMap, span: Span) -> String {
    let at = sources.file(span.file).line_column(span.start as usize);
    match span.file.0 {
        0 => format!("{}:{}", at.line, at.column),
        _ => format!("{}:{}:{}", sources.file(span.file).name, at.line, at.column),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn columns_text(columns: &[Visible]) -> String {
    let column = |c: &Visible| {
        let qualifier = match &c.qualifier {
            Some(qualifier) if c.qualified_only => format!("{qualifier}."),
            Some(qualifier) => format!("[{qualifier}.]"),
            None => String::new(),
        };
        format!("{qualifier}{}: {}", c.name, c.ty)
    };
    columns.iter().map(column).collect::<Vec<_>>().join(", ")
}
