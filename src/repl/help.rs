//! What `:help` tells: of the session, of a command, a function, a connector, a sign or word of the language, a code.

use super::commands::COMMANDS;
use super::{errors, operators};
use millstream_base::codes::{self, Code};
use millstream_base::{Diagnostic, did_you_mean, explain};
use millstream_lsp::analysis::library::{self, Connector, Declared};
use millstream_lsp::analysis::words;
use millstream_syntax::ast::Name;
use millstream_syntax::elsewhere::words as elsewhere;
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

/// The types that are part of the language.
const TYPES: &[(&str, &str)] = &[
    ("bool", "`true` or `false`"),
    ("int", "a whole number of 64 bits"),
    ("float", "a number with a fraction, of 64 bits, not exact: `1.5`"),
    ("decimal", "an exact number with so many digits behind the point: `decimal(2)`"),
    ("string", "text: `\"a\"`"),
    ("bytes", "bytes, in JSON as base64"),
    ("timestamp", "a moment, to the microsecond: `@2024-05-01T12:00:00Z`"),
    ("duration", "a length of time: `5m`, `1h30m`"),
    ("json", "any value of JSON, whose members are `x.name`"),
    ("list", "values of one type: `list<int>`, written `[1, 2]`; the first is `xs[0]`"),
    ("map", "values by text: `map<int>`, made by `map_of([\"a\"], [1])`; that of a key is `m[\"a\"]`"),
    (
        "secret",
        "of a parameter: text that is never shown, taken from the environment: `param password: secret`",
    ),
];

/// Words that stand together.
const PHRASES: &[(&str, &str)] = &[
    (
        "group by",
        "splits the rows by keys for the aggregating `select` below: `group by card select card, count()`",
    ),
    (
        "order by",
        "the rows of one window in order, `order by total desc`; the best so far are `top 10 by total forever`",
    ),
    ("is null", "`x is null` asks for null; `x == null` is null itself"),
    ("is not null", "`x is not null` asks for a value; below a `where` with it x is known to be none"),
    ("not in", "`x not in [1, 2]`: none of these; of a table, `x not in t`"),
    ("not like", "`x not like \"a%\"`: not of this form"),
    (
        "as of",
        "of a table with `time`, the row that stood at a time: `join rates on rates.k == a.k as of a.at`",
    ),
    ("union all", "`union other` adds the rows of another stream; it keeps all of them by itself"),
    ("stdin", "rows from standard input: `source s: { … } from stdin format json`"),
    ("stdout", "rows to standard output: `sink s from rows to stdout format json`"),
];

/// What other systems read from or write to.
const CONNECTORS_ELSEWHERE: &[&str] = &[
    "mqtt",
    "pulsar",
    "kinesis",
    "rabbitmq",
    "amqp",
    "nats",
    "redis",
    "mysql",
    "jdbc",
    "websocket",
    "elasticsearch",
    "cassandra",
    "mongodb",
    "pubsub",
    "s3",
    "parquet",
    "avro",
    "protobuf",
];

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
    let ty = TYPES.iter().find(|(known, _)| *known == text);
    let ty = ty.map(|(name, help)| format!("{name}, a type\n  {help}\n"));
    let phrase = PHRASES.iter().find(|(known, _)| known.eq_ignore_ascii_case(text));
    let phrase = phrase.map(|(phrase, help)| format!("{phrase}, words of the language\n  {help}\n"));
    let told: Vec<String> = operator
        .into_iter()
        .chain(ty)
        .chain(phrase)
        .chain(declared)
        .chain(connectors)
        .chain(word)
        .chain(command)
        .collect();
    if !told.is_empty() {
        return Ok(told.join("\n"));
    }
    if let Some(help) = elsewhere::written_here(text).or_else(|| elsewhere::clause(text, true)) {
        return Ok(format!("{text}, a word of other languages\n  {help}\n"));
    }
    if let Some(ty) = elsewhere::type_here(text) {
        return Ok(format!("{text}, a type of other languages\n  it is called `{ty}`\n"));
    }
    if CONNECTORS_ELSEWHERE.contains(&text.to_ascii_lowercase().as_str()) {
        let known: Vec<String> =
            library::connectors().iter().filter(|c| !c.is_format).map(|c| format!("`{}`", c.name)).collect();
        return Ok(format!(
            "{text}, no connector of this version\n  there are {}; what another program prints is read `from stdin`\n",
            known.join(", ")
        ));
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
