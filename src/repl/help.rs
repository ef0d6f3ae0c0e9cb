//! What `:help` tells: of the session, of a command, a function, a word of the language, a code.

use super::commands::COMMANDS;
use super::errors;
use millstream_base::codes::{self, Code};
use millstream_base::{Diagnostic, did_you_mean, explain};
use millstream_core::Library;
use millstream_syntax::ast::{self, Name};

/// What can be typed.
pub fn overview() -> String {
    let mut text = String::from(
        "An expression shows its value:    1 + 2
A query shows its rows:           from payments where amount > 10
A definition is kept:             stream large = from payments where amount > 10

An entry ends with its line where it is complete. One of several lines that could go on ends with an empty line.
Alt-Enter begins a line, the arrow keys bring back what was typed.
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
    let functions: Vec<String> = library
        .functions()
        .filter(|(_, function, _)| function.name.text == text)
        .map(|(module, function, doc)| described(module, function, doc))
        .collect();
    if !functions.is_empty() {
        return Ok(functions.join("\n"));
    }
    let functions: Vec<&str> =
        library.functions().map(|(_, function, _)| function.name.text.as_str()).collect();
    let fixed: Vec<&str> =
        COMMANDS.iter().map(|command| command.name).chain(codes::all().map(Code::slug)).collect();
    let known = functions.into_iter().chain(fixed);
    Err(Box::new(errors::nothing_known(topic.span, text, did_you_mean(text, known))))
}

/// The signature of a function of the library, and what it is for.
fn described(module: &str, function: &ast::Function, doc: Option<&str>) -> String {
    let declared = millstream_stdlib::catalog().modules.iter().find(|known| known.name == module);
    let range = function.name.span.start as usize..function.result.span.end as usize;
    let signature = declared.and_then(|declared| declared.text.get(range)).unwrap_or(&function.name.text);
    let doc: String = doc.into_iter().flat_map(str::lines).map(|line| format!("  {line}\n")).collect();
    format!("{signature}\n{doc}")
}
