//! Declarations from data: `type` and `source` items for files of which nothing is known, with what is unsure about
//! them as comments.
//!
//! [`sample`] reads rows and gathers their [`shape`]: which kinds of values stand where, and which of the readers
//! ([`scalars`]) read all of them. [`guess`] makes a type of a shape, [`declare`] a program of the types.

mod course;
mod declare;
mod digits;
mod errors;
mod guess;
mod names;
mod sample;
mod scalars;
mod shape;

use crate::command_line::Said;
use declare::Declarations;
use millstream_base::Diagnostic;
use millstream_ir::expr::literal_text;
use millstream_ir::types::Type;
use millstream_ir::value::Value;

/// A program that declares these files as sources, told from at most so many rows of each.
pub fn infer(files: &[Said], limit: u64) -> Result<String, Box<Diagnostic>> {
    let mut declarations = Declarations::default();
    for file in files {
        if file.text.ends_with(".stream") {
            return Err(Box::new(errors::program(file.span, &file.text)));
        }
        let sample = sample::read(&file.text, file.span, limit)
            .map_err(|fault| Box::new(errors::in_words_of_command_line(*fault, &file.text)))?;
        declarations.add(&file.text, sample);
    }
    Ok(declarations.text())
}

/// A text as a program writes it.
fn text_literal(text: &str) -> String {
    literal_text(&Value::string(text), &Type::STRING)
}
