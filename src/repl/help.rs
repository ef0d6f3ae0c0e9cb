//! What `:help` tells: of the session, of a command, a function, a word of the language, a code.

use super::commands::COMMANDS;
use super::errors;
use millstream_base::codes::{self, Code};
use millstream_base::{Diagnostic, did_you_mean, explain};
use millstream_core::Library;
use millstream_syntax::ast::Name;

/// What can be typed.
pub fn overview() -> String {
    let mut text = String::from(
        "An expression shows its value:    1 + 2
A query shows its rows:           from payments where amount > 10
A definition is kept:             stream large = from payments where amount > 10

An entry ends with its line where it is complete. One of several lines that could go on ends with an empty line.
Ctrl-C stops a query, Ctrl-D ends the session, Tab completes.

",
    );
    let spelled = |name: &str, takes: &str| format!(":{name} {takes}");
    let width =
        COMMANDS.iter().map(|command| spelled(command.name, command.takes).len()).max().unwrap_or_default();
    for command in COMMANDS {
        text += &format!("{:width$}  {}\n", spelled(command.name, command.takes), command.does);
    }
    text
}

/// What is known of a topic.
pub fn topic(library: &Library, topic: &Name) -> Result<String, Box<Diagnostic>> {
    let text = topic.text.as_str();
    if let Some(code) = Code::find(text) {
        return Ok(explain::page(code.name()).unwrap_or_default());
    }
    let name = text.trim_start_matches(':');
    if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
        return Ok(format!(
            "{}\n  {}\n",
            format!(":{} {}", command.name, command.takes).trim_end(),
            command.does
        ));
    }
    let functions: Vec<&str> =
        library.functions().map(|(_, function, _)| function.name.text.as_str()).collect();
    let fixed: Vec<&str> =
        COMMANDS.iter().map(|command| command.name).chain(codes::all().map(Code::slug)).collect();
    let known = functions.into_iter().chain(fixed);
    Err(Box::new(errors::nothing_known(topic.span, text, did_you_mean(text, known))))
}
