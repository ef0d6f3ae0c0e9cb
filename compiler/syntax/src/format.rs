//! The formatter: one way to write each program.
//!
//! The tree decides where lines may break, the tokens are copied: the writer can only put blanks,
//! line breaks and commas between them, so that the meaning stays, comments are kept, and literals
//! keep their spelling. A program with errors is not formatted.
//!
//! Style
//! - Items are separated by one blank line; one-line items of a kind may stand directly below each other.
//! - Each clause stands on a line of its own, indented by two; so does each step of a pattern, by two more.
//! - What fits in 100 columns stays on one line; of what does not, the outermost list or chain is broken
//!   first, with one part on each line and a trailing comma where the language has one.
//! - A `type` with several fields has one on each line; so has a test with several rows.
//! - A source, table or sink stays on one line if it was on one and fits.
//! - At most one blank line is kept between items, clauses, fields, members and steps.
//! - Lines end as they do in the file, with `\r\n` if one of them does.
//! - Comments stay where they are; those at the ends of successive lines are aligned.
//!
//! `writer` copies tokens and comments into a list of things to lay out, `layout` decides which lines
//! break; the other modules walk the tree, one per part of the language.

mod expr;
mod item;
mod layout;
mod pattern;
mod query;
mod types;
mod writer;

use crate::ast::Program;
use millstream_base::{Diagnostic, Diagnostics, FileId, Severity};

/// The program as it should be written, or what is wrong with it.
pub fn format(file: FileId, text: &str) -> Result<String, Vec<Diagnostic>> {
    format_parsed(file, text, crate::parse)
}

/// As [`format()`], for files in which `fn` and `aggregate` may lack a body.
pub fn format_declarations(file: FileId, text: &str) -> Result<String, Vec<Diagnostic>> {
    format_parsed(file, text, crate::parse_declarations)
}

type Parse = fn(FileId, &str, &mut Diagnostics) -> Program;

fn format_parsed(file: FileId, text: &str, parse: Parse) -> Result<String, Vec<Diagnostic>> {
    let mut diagnostics = Diagnostics::default();
    let program = parse(file, text, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics
            .into_sorted()
            .into_iter()
            .filter(|d| d.severity != Severity::Warning)
            .collect());
    }
    let lexed = crate::lexer::lex(file, text);
    let mut writer = writer::Writer::new(text, &lexed);
    writer.program(&program);
    let formatted = layout::lay_out(&writer.finish());
    // The layout's line breaks are the file's.
    Ok(if text.contains("\r\n") { formatted.replace('\n', "\r\n") } else { formatted })
}
