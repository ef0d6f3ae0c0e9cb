//! What is written in other languages (SQL, Flink, ksqlDB, Siddhi, Esper, those of programming) and how it is said
//! here: the one place that knows their words. Looked at when a text is wrong, so that nothing that is right means
//! anything else.

pub(crate) mod definitions;
pub(crate) mod granted;
mod patterns;
pub(crate) mod select;
pub(crate) mod statements;
pub(crate) mod terms;
pub(crate) mod tokens;
pub(crate) mod unsaid;
pub(crate) mod windows;
pub mod words;

pub use select::Query;
pub use statements::Said;

use crate::lexer::lex;
use millstream_base::FileId;
use tokens::Tokens;

/// What a text says that is a statement of another language, in each of its readings; none if it begins with no such.
/// `program`: what declares the columns.
pub fn statement(text: &str, is_table: &dyn Fn(&str) -> bool, program: &str) -> Vec<Said> {
    let (lexed, declared) = (lex(FileId::default(), text), lex(FileId::default(), program));
    let tokens = Tokens { text, all: &lexed.tokens };
    let said = statements::begins(tokens, false).then(|| statements::said(tokens, is_table)).flatten();
    let program = Tokens { text: program, all: &declared.tokens };
    said.map_or(vec![], |said| statements::readings(tokens, said, is_table, program))
}
