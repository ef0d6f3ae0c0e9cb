//! The surface of the language: text becomes tokens, tokens become a syntax tree.
//!
//! [`parse`] never fails: it returns a tree for any text and reports what is wrong with it. The
//! grammar itself is `grammar/millstream.lalrpop` at the top of the repository.

pub mod ast;
mod builder;
pub mod dump;
mod error;
mod format;
pub mod lexer;
pub mod literal;
mod parser;
pub mod token;

pub use format::{format, format_declarations};

use builder::Parsed;
use millstream_base::{Diagnostics, FileId, Span};
use parser::Input;
use token::TokenKind;

/// Parses one file. What can't be parsed becomes error nodes and diagnostics.
pub fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> ast::Program {
    parse_declarations(file, text, diagnostics)
}

/// As [`parse`], but `fn` and `aggregate` may lack a body: declarations of what the engine implements.
pub fn parse_declarations(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> ast::Program {
    let lexed = lexer::lex(file, text);
    diagnostics.extend(lexed.diagnostics.iter().cloned());
    let input = Input { file, text, lexed: &lexed };
    let span = Span::new(file, 0, text.len());
    let items = match parser::run(input, TokenKind::StartProgram, &lexed.tokens) {
        Ok(success) => {
            diagnostics.extend(success.diagnostics);
            match success.tree {
                Parsed::Program(items) => items,
                _ => vec![],
            }
        }
        Err(stuck) => {
            let at = lexed.tokens.get(stuck.at).map_or(text.len(), |t| t.start as usize);
            diagnostics.push(error::unexpected(Span::new(file, at, at), "this", &stuck.expected.join(" ")));
            vec![]
        }
    };
    ast::Program { items, span }
}

/// The text form of the tokens, one a line: what `emit tokens` prints.
pub fn tokens(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> String {
    let lexed = lexer::lex(file, text);
    diagnostics.extend(lexed.diagnostics.iter().cloned());
    let mut out = String::new();
    for token in &lexed.tokens {
        let (start, end) = (token.start, token.end);
        let text = token.text(text);
        let name = format!("{:?}", token.kind);
        out.push_str(&format!("{start}..{end} {name} {text}\n"));
    }
    out
}
