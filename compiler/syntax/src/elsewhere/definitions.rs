//! Definitions: `create stream … as select …`, `create table t (id int primary key, …) with (…)`, `define stream s (id int)`.

use super::select;
use super::statements::{Said, helps};
use super::terms;
use super::tokens::Tokens;
use super::unsaid::unsaid;
use super::words;
use crate::token::{TokenKind, in_backticks};

/// What a definition says.
pub fn said(tokens: Tokens, is_table: &dyn Fn(&str) -> bool) -> Said {
    let at = (1..tokens.all.len()).find(|at| !words::is_kind(&tokens.word(*at))).unwrap_or(tokens.all.len());
    let file = tokens.written(at).trim_matches(['"', '`']).to_string();
    let name = in_backticks(&file);
    let select = tokens.outside().find(|at| tokens.is(*at, "as") && tokens.is(at + 1, "select"));
    if let Some(select) = select {
        let part = tokens.part(select + 1..);
        return match select::query(part, is_table) {
            Some(query) => Said::Stream { name, query },
            None => unsaid(part),
        };
    }
    let is_of = |kind: &str| (1..at).any(|at| tokens.is(at, kind));
    let other = match tokens.is(0, "define") {
        true => words::definition(&tokens.word(1)),
        false => {
            let others =
                ["function", "type", "view", "context", "expression", "variable", "constant", "index"];
            others.into_iter().find(|kind| is_of(kind)).and_then(words::definition)
        }
    };
    if let Some(help) = other {
        return helps([help]);
    }
    let close = tokens.close(at + 1).filter(|_| tokens.kind(at + 1) == Some(TokenKind::LeftParenthesis));
    let mut columns = close.and_then(|close| declared(tokens.part(at + 2..close)));
    if let (Some(columns), Some(close)) = (&mut columns, close) {
        columns.timed_by(tokens.part(close + 1..));
    }
    let Some(columns) = columns else {
        return helps([
            &format!(
                "a source says what it reads, and from where: `source {name}: {{ id: int, … }} from file(\"{file}.ndjson\") format json`"
            ),
            "`millstream infer FILE` writes it from data",
        ]);
    };
    let time = columns.time.map_or(String::new(), |time| format!("\n  time {time}"));
    let fields = columns.fields.join(", ");
    let read = format!("from file(\"{file}.ndjson\") format json{time}");
    match columns.keys.is_empty() {
        true => Said::Item {
            title: "a source says what it reads, and from where: the file is made up",
            text: format!("source {name}: {{ {fields} }}\n  {read}"),
        },
        false => Said::Item {
            title: "a table, to be looked up by its key, says what it reads, and from where: the file is made up",
            text: format!("table {name}: {{ {fields} }}\n  key {}\n  {read}", columns.keys.join(", ")),
        },
    }
}

/// What a definition says of its columns.
#[derive(Default)]
pub struct Columns {
    /// As `name: type`.
    pub fields: Vec<String>,
    /// What stands behind `time`.
    time: Option<String>,
    keys: Vec<String>,
}

impl Columns {
    /// The time that options of ksqlDB name, `WITH (…, TIMESTAMP = 'at')`, in any case of letters. What is no time by
    /// its type counts milliseconds.
    fn timed_by(&mut self, options: Tokens) {
        let Some(at) = (0..options.all.len()).find(|at| options.is(*at, "timestamp")) else { return };
        let column = options.written(at + 2).trim_matches(['\'', '"', '`']);
        for field in &mut self.fields {
            let Some((name, ty)) = field.split_once(": ") else { continue };
            if !name.trim_matches('`').eq_ignore_ascii_case(column) {
                continue;
            }
            self.time = Some(name.to_string());
            *field = match ty {
                "int" => format!("{name}: timestamp as epoch_ms"),
                _ => format!("{name}: timestamp"),
            };
        }
    }
}

/// `id int primary key, name varchar(20), watermark for at as at - interval '5' second`
pub fn declared(tokens: Tokens) -> Option<Columns> {
    let mut columns = Columns::default();
    for part in tokens.parts() {
        let primary = (0..part.all.len()).find(|at| part.is(*at, "primary") && part.is(at + 1, "key"));
        match part.word(0).as_str() {
            "watermark" => {
                let bound = part.outside().find(|at| part.is(*at, "interval"));
                let bound = bound.and_then(|at| terms::duration(part.part(at + 1..)));
                let disorder = bound.map_or(String::new(), |(bound, _)| format!(" disorder {bound}"));
                columns.time = Some(format!("{}{disorder}", part.written(2)));
            }
            "primary" | "constraint" => {
                let open = primary.map_or(0, |at| at + 2);
                let close = part.close(open).filter(|_| part.kind(open) == Some(TokenKind::LeftParenthesis));
                let names = close.map(|close| part.part(open + 1..close).parts()).unwrap_or_default();
                columns.keys.extend(names.iter().map(|name| name_of(*name)));
            }
            "foreign" | "unique" => {}
            _ => {
                columns.fields.push(field(part)?);
                columns.keys.extend(primary.map(|_| name_of(part)));
            }
        }
    }
    (!columns.fields.is_empty()).then_some(columns)
}

fn name_of(column: Tokens) -> String {
    column.written(0).trim_matches('"').to_string()
}

/// `price decimal(10, 2) not null` as a field.
fn field(tokens: Tokens) -> Option<String> {
    let name = name_of(tokens);
    let ty = match terms::type_name(&tokens.word(1))? {
        "decimal" => {
            let close = tokens.close(2).filter(|_| tokens.kind(2) == Some(TokenKind::LeftParenthesis));
            let scale = close.map(|close| tokens.part(3..close).parts());
            let scale = scale.and_then(|sizes| sizes.get(1).map(|scale| scale.written(0)));
            format!("decimal({})", scale.unwrap_or("0"))
        }
        ty => ty.to_string(),
    };
    Some(format!("{name}: {ty}"))
}
