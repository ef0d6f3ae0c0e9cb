//! What is told of the name, word or expression under the cursor, as Markdown.

use super::library::{self, Declared};
use super::{Analysis, words};
use millstream_base::{FileId, Span};
use millstream_core::facts::{Definition, DefinitionKind, Given, Role, Target, Visible};
use millstream_syntax::ast;
use millstream_syntax::token::TokenKind;

#[derive(Clone, PartialEq, Debug)]
pub struct Hover {
    /// What it is told of.
    pub span: Span,
    pub markdown: String,
}

pub fn hover(analysis: &Analysis, file: FileId, offset: usize) -> Option<Hover> {
    let facts = &analysis.compilation.facts;
    let mut uses: Vec<_> = facts.uses_at(file, offset).collect();
    uses.reverse();
    if let Some(first) = uses.first() {
        let told = uses.iter().filter(|u| u.span == first.span).filter_map(|u| match &u.target {
            Target::Defined(span) => {
                Some(definition_text(analysis, facts.definition(*span)?, Some(first.span)))
            }
            Target::Given(given, name) => given_text(*given, name),
            Target::File(file) => Some(format!("the file `{}`", analysis.files.file(*file).name)),
        });
        let told: Vec<String> = told.collect();
        if !told.is_empty() {
            return Some(Hover { span: first.span, markdown: told.join("\n\n---\n\n") });
        }
    }
    if let Some(definition) = facts.definition_at(file, offset) {
        return Some(Hover { span: definition.span, markdown: definition_text(analysis, definition, None) });
    }
    word(analysis, file, offset).or_else(|| {
        let (span, ty) = facts.type_at(file, offset).filter(|(_, ty)| !ty.is_error())?;
        Some(Hover { span: *span, markdown: code(&ty.to_string()) })
    })
}

/// A word of the language, in its place.
fn word(analysis: &Analysis, file: FileId, offset: usize) -> Option<Hover> {
    let text = &analysis.files.file(file).text;
    let tokens = millstream_syntax::lexer::lex(file, text).tokens;
    let behind = tokens.partition_point(|t| t.start as usize <= offset);
    let token = tokens.get(behind.checked_sub(1)?).filter(|t| offset < t.end as usize)?;
    if token.kind == TokenKind::Identifier {
        return None;
    }
    let help = words::help(token.kind.shown())?;
    let span = Span::new(file, token.start as usize, token.end as usize);
    let mut markdown = format!("`{}`: {help}", token.kind.shown());
    if let Some(scope) = analysis.compilation.facts.clause_at(span) {
        let column = |c: &Visible| match &c.qualifier {
            Some(qualifier) if c.qualified_only => format!("- `{qualifier}.{}`: `{}`\n", c.name, c.ty),
            _ => format!("- `{}`: `{}`\n", c.name, c.ty),
        };
        let columns: String = scope.columns.iter().map(column).collect();
        markdown += &format!("\n\nIt sees\n\n{}", columns.trim_end());
    }
    Some(Hover { span, markdown })
}

/// What is told of what the program defines. `used` is where its name is used.
pub fn definition_text(analysis: &Analysis, definition: &Definition, used: Option<Span>) -> String {
    let declared = declaration(analysis, definition, used);
    let doc = analysis.doc(definition.span);
    let account = account_text(analysis, definition);
    [Some(code(&declared)), doc.map(doc_text), account].into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// What is defined, as it could be written.
fn declaration(analysis: &Analysis, definition: &Definition, used: Option<Span>) -> String {
    use DefinitionKind::*;
    let name = &definition.name;
    let item = analysis.item_named(definition.span);
    match (definition.kind, item.map(|item| &item.kind)) {
        (Function, Some(ast::ItemKind::Function(function))) => {
            format!("fn {}", signature_text(name, &function.params, &function.result))
        }
        (Aggregate, Some(ast::ItemKind::Aggregate(aggregate))) => {
            format!("aggregate {}", signature_text(name, &aggregate.params, &aggregate.result))
        }
        (Type, Some(ast::ItemKind::Type(definition))) => {
            format!("type {name} = {}", type_in_lines(&definition.ty))
        }
        (Param, Some(ast::ItemKind::Param(param))) => {
            let default = param.default.as_ref().map(|value| analysis.files.text(value.span));
            let default = default.map_or(String::new(), |text| format!(" = {text}"));
            format!("param {name}: {}{default}", library::type_text(&param.ty))
        }
        (Source, Some(ast::ItemKind::Source(source))) => {
            format!("source {name}: {}", library::type_text(&source.ty))
        }
        (kind, _) => {
            // Where it is used, conditions may have ruled null out.
            let narrowed = used.and_then(|span| analysis.compilation.facts.type_of(span));
            let ty = narrowed.or(definition.ty.as_ref()).filter(|ty| !ty.is_error());
            let ty = ty.map_or(String::new(), |ty| format!(": {ty}"));
            format!("{} {name}{ty}", kind.word())
        }
    }
}

/// A record with a field a line.
fn type_in_lines(ty: &ast::Type) -> String {
    let ast::TypeKind::Record(fields) = &ty.kind else { return library::type_text(ty) };
    let field = |field: &ast::Field| format!("  {}: {},\n", field.name.text, library::type_text(&field.ty));
    format!("{{\n{}}}", fields.iter().map(field).collect::<String>())
}

/// `name(x: int, y: int) -> int`
pub fn signature_text(name: &str, params: &[ast::FunctionParam], result: &ast::Type) -> String {
    let param = |p: &ast::FunctionParam| format!("{}: {}", p.name.text, library::type_text(&p.ty));
    let params: Vec<String> = params.iter().map(param).collect();
    format!("{name}({}) -> {}", params.join(", "), library::type_text(result))
}

/// What `explain` says of a stream, or of the rows of a source or table.
fn account_text(analysis: &Analysis, definition: &Definition) -> Option<String> {
    use DefinitionKind::{Source, Stream, Table};
    if !matches!(definition.kind, Source | Stream | Table) {
        return None;
    }
    let input = analysis.input_named(definition.span)?;
    let Some(account) = analysis.account(input) else {
        let schema = analysis.compilation.program.input(input)?.schema();
        let columns: Vec<String> =
            schema.visible().map(|(_, c)| format!("- `{}`: `{}`\n", c.name, c.ty)).collect();
        return Some(columns.concat().trim_end().to_string());
    };
    let state = match &account.state[..] {
        [] => vec!["keeps no state".to_string()],
        state => state.iter().map(|words| format!("keeps {words}")).collect(),
    };
    let columns = format!("columns: `{}`", account.columns);
    let lines = [columns, account.emission].into_iter().chain(state).chain([account.delay]);
    Some(lines.map(|line| format!("- {line}\n")).collect::<String>().trim_end().to_string())
}

/// What is told of what the language or its library gives.
pub fn given_text(given: Given, name: &str) -> Option<String> {
    match given {
        Given::Function | Given::Aggregate | Given::OverRows | Given::Conversion => {
            let told: Vec<String> = library::declared(given, name).map(declared_text).collect();
            (!told.is_empty()).then(|| told.join("\n\n"))
        }
        Given::Connector | Given::Format => {
            let connector = library::connector(given, name)?;
            let ways = [Role::Source, Role::Sink].map(|role| connector.used_as(role));
            let told: Vec<String> = ways.into_iter().flatten().map(use_text).collect();
            Some(format!("{}\n\n{}", code(&format!("{} {name}", given.word())), told.join("\n\n")))
        }
        Given::ConnectorOption | Given::FormatOption => {
            let (connector, option) = name.split_once('.')?;
            let connector = library::connector(given, connector)?;
            let ways = [Role::Source, Role::Sink].map(|role| connector.used_as(role));
            let mut options = ways.into_iter().flatten().flat_map(|way| &way.options);
            options
                .find(|o| o.name == option)
                .map(|option| format!("{}\n\n{}", code(&option_text(option)), doc_text(option.doc)))
        }
        Given::Type => Some(code(name)),
        Given::Module => Some(code(&format!("use {name}"))),
    }
}

/// The signature of a declaration, its documentation and examples.
pub fn declared_text(declared: &Declared) -> String {
    let word = if declared.given == Given::Aggregate { "aggregate" } else { "fn" };
    let signature = code(&format!("{word} {}", declared.signature()));
    let examples = declared.examples.iter().map(|example| format!("\n- `{example}`"));
    format!("{signature}\n\n{}\n{}", doc_text(&declared.doc), examples.collect::<String>())
        .trim_end()
        .to_string()
}

/// `path: string = "a"`
pub fn option_text(option: &library::ConnectorOption) -> String {
    let default = option.default.as_ref().map_or(String::new(), |value| format!(" = {value}"));
    format!("{}: {}{default}", option.name, option.ty)
}

fn use_text(way: &library::Use) -> String {
    let option = |option: &library::ConnectorOption| {
        let doc = option.doc.lines().next().unwrap_or_default();
        format!("\n- `{}`: {doc}", option_text(option))
    };
    format!("{}\n{}", doc_text(way.doc), way.options.iter().map(option).collect::<String>())
}

pub fn code(text: &str) -> String {
    format!("```millstream\n{text}\n```")
}

fn doc_text(doc: &str) -> String {
    let lines: Vec<&str> = doc.lines().map(str::trim).collect();
    lines.join("\n")
}
