//! What `:help` tells: of the session, of a command, a function, a connector, a sign or word of the language, a code.

use super::commands::COMMANDS;
use super::{errors, operators};
use millstream_base::codes::{self, Code};
use millstream_base::{Diagnostic, did_you_mean, explain};
use millstream_lsp::analysis::library::{self, Connector, Declared};
use millstream_lsp::analysis::words;
use millstream_syntax::ast::Name;
use millstream_syntax::token::{CONTEXTUAL, RESERVED};

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
pub fn topic(topic: &Name) -> Result<String, Box<Diagnostic>> {
    let text = topic.text.as_str();
    if let Some(code) = Code::find(text) {
        return Ok(explain::page(code.name()).unwrap_or_default());
    }
    let operator = operators::help(text).map(|help| format!("{text}, a sign of the language\n  {help}\n"));
    let connectors = library::connectors().iter().filter(|known| known.name == text).map(described_connector);
    let declared = library::all().iter().filter(|declared| declared.name == text).map(described);
    let word = words::help(text).map(|help| format!("{text}, a word of the language\n  {help}\n"));
    let name = text.trim_start_matches(':').trim_end_matches('!');
    let command = COMMANDS.iter().find(|command| command.name == name);
    let command = command.map(|command| {
        format!("{}\n  {}\n", format!(":{} {}", command.name, command.takes).trim_end(), command.does)
    });
    let told: Vec<String> =
        operator.into_iter().chain(declared).chain(connectors).chain(word).chain(command).collect();
    if !told.is_empty() {
        return Ok(told.join("\n"));
    }
    let functions = library::all().iter().map(|declared| declared.name);
    let connectors = library::connectors().iter().map(|connector| connector.name);
    let known = functions.chain(connectors).chain(RESERVED.iter().chain(CONTEXTUAL).copied());
    let near = match did_you_mean(text, known.chain(codes::all().map(Code::slug))) {
        Some(nearest) => vec![nearest],
        None => explain::page(text).err().map(|unknown| unknown.near).unwrap_or_default(),
    };
    Err(Box::new(errors::nothing_known(topic.span, text, &near)))
}

/// What a connector or format is for, as what it can be used, and its options.
fn described_connector(connector: &Connector) -> String {
    let what = if connector.is_format { "format" } else { "connector" };
    let mut text = format!("{}, a {what}\n", connector.name);
    for (role, used) in [("source", &connector.source), ("sink", &connector.sink)] {
        let Some(used) = used else { continue };
        text += &format!("  of a {role}: {}\n", used.doc.replace('\n', " "));
        for option in &used.options {
            let default = option.default.as_ref().map_or(String::new(), |default| format!(" = {default}"));
            text += &format!("    {}: {}{default}  {}\n", option.name, option.ty, option.doc);
        }
    }
    text
}

/// The signature of a function or an aggregate, and what it is for.
fn described(declared: &Declared) -> String {
    let doc = declared.doc.lines().map(str::to_string);
    let examples = declared.examples.iter().map(|example| format!("Example: `{example}`"));
    let lines: String = doc.chain(examples).map(|line| format!("  {line}\n")).collect();
    format!("{}\n{lines}", declared.signature())
}
