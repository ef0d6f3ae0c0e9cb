//! The surface of the language: text becomes tokens, tokens become a syntax tree.
//!
//! [`parse`] never fails: it returns a tree for any text and reports what is wrong with it. The
//! grammar itself is `grammar/millstream.lalrpop` at the top of the repository.

mod around;
pub mod ast;
mod builder;
pub mod cursor;
mod cut;
pub mod dump;
pub mod elsewhere;
pub mod entry;
mod error;
mod expected;
mod format;
pub mod lexer;
pub mod literal;
mod parser;
mod proposals;
mod recover;
mod report;
mod spelling;
pub mod token;

pub use around::parse_around;
pub use format::{format, format_declarations};

use ast::ItemKind;
use builder::Parsed;
use cut::Tokens;
use millstream_base::{Diagnostic, Diagnostics, FileId, Span};
use parser::{Input, Stuck};
use recover::Recovered;
use std::collections::HashSet;
use token::TokenKind;

/// Parses one file. What can't be parsed becomes error nodes and diagnostics.
pub fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> ast::Program {
    let program = parse_declarations(file, text, diagnostics);
    for item in &program.items {
        match &item.kind {
            ItemKind::Function(f) if f.body.is_none() => {
                diagnostics.push(error::missing_body(item.span, &f.name.text, "function"));
            }
            ItemKind::Aggregate(a) if a.members.is_none() => {
                diagnostics.push(error::missing_body(item.span, &a.name.text, "aggregate"));
            }
            _ => {}
        }
    }
    program
}

/// As [`parse`], but `fn` and `aggregate` may lack a body: declarations of what the engine implements.
pub fn parse_declarations(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> ast::Program {
    let lexed = lexer::lex(file, text);
    let (items, findings) = read_program(Input { file, text, lexed: &lexed });
    diagnostics.extend(proposals::of_program(Tokens { text, all: &lexed.tokens }, findings));
    ast::Program { items, span: Span::new(file, 0, text.len()) }
}

fn findings_of_program(file: FileId, text: &str) -> Vec<Diagnostic> {
    read_program(Input { file, text, lexed: &lexer::lex(file, text) }).1
}

fn read_program(input: Input) -> (Vec<ast::Item>, Vec<Diagnostic>) {
    let Input { file, lexed, .. } = input;
    let mut findings = lexed.diagnostics.clone();
    let items = match parser::run(input, TokenKind::StartProgram, &lexed.tokens) {
        Ok(success) => {
            findings.extend(success.diagnostics);
            let used: HashSet<u32> = success.used_docs.into_iter().collect();
            let stray = lexed.docs.iter().filter(|doc| !used.contains(&doc.start)).take(lexer::MAX_FINDINGS);
            findings
                .extend(stray.map(|d| error::stray_doc(Span::new(file, d.start as usize, d.end as usize))));
            match success.tree {
                Parsed::Program(items) => items,
                _ => vec![],
            }
        }
        Err(stuck) => {
            let recovered = recover::program(input, stuck);
            join(&mut findings, recovered)
        }
    };
    (items, findings)
}

/// Takes what recovery has found to what the lexer has, but for what is answered by it.
fn join<T>(findings: &mut Vec<Diagnostic>, recovered: recover::Recovered<T>) -> T {
    let Recovered { tree, findings: more, answered } = recovered;
    findings
        .retain(|found| !answered.iter().any(|place| place.contains(&(found.primary.span.start as usize))));
    findings.extend(more);
    tree
}

/// Parses one query and nothing else.
pub fn parse_query(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> ast::Query {
    let (query, findings) = read_query(file, text);
    diagnostics.extend(proposals::of_whole(text, |file, text| read_query(file, text).1, findings));
    query
}

fn read_query(file: FileId, text: &str) -> (ast::Query, Vec<Diagnostic>) {
    let lexed = lexer::lex(file, text);
    let mut findings = lexed.diagnostics.clone();
    let input = Input { file, text, lexed: &lexed };
    let stuck = match parser::run(input, TokenKind::StartQuery, &lexed.tokens) {
        Ok(success) => {
            findings.extend(success.diagnostics);
            match success.tree {
                Parsed::Query(query) => return (query, findings),
                _ => Stuck::default(),
            }
        }
        Err(stuck) => stuck,
    };
    let query = join(&mut findings, recover::query(input, stuck));
    (query, findings)
}

/// Parses one expression and nothing else, such as the value of a parameter on the command line.
pub fn parse_expression(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> ast::Expr {
    let (expression, findings) = read_expression(file, text);
    diagnostics.extend(proposals::of_whole(text, |file, text| read_expression(file, text).1, findings));
    expression
}

fn read_expression(file: FileId, text: &str) -> (ast::Expr, Vec<Diagnostic>) {
    let lexed = lexer::lex(file, text);
    let mut findings = lexed.diagnostics.clone();
    let input = Input { file, text, lexed: &lexed };
    match parser::run(input, TokenKind::StartExpr, &lexed.tokens) {
        Ok(success) => {
            findings.extend(success.diagnostics);
            if let Parsed::Expr(e) = success.tree {
                return (e, findings);
            }
        }
        Err(stuck) => {
            findings.extend(report::stuck(input, TokenKind::StartExpr, 0..lexed.tokens.len(), stuck.at));
        }
    }
    (ast::Expr::new(ast::ExprKind::Error, Span::new(file, 0, text.len())), findings)
}

/// The text form of the tokens, one a line: what `emit tokens` prints.
pub fn tokens(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> String {
    let lexed = lexer::lex(file, text);
    diagnostics.extend(lexed.diagnostics.iter().cloned());
    dump::tokens(&lexed.tokens, text)
}
