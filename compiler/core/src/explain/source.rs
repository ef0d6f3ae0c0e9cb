//! What is said of sources, in plain words.

use super::{columns_text, list_text, on_error_text};
use crate::hir::Source;
use crate::program::is_live;
use millstream_ir::flow::{Flow, NodeKind, TimeSpec};
use millstream_ir::text::format_duration;
use millstream_ir::value::Value;

/// What is said of a source.
pub fn explain_source(source: &Source, flow: &Flow) -> String {
    let columns = format!("columns: {}", columns_text(&source.schema));
    let lines = [columns].into_iter().chain(lines_of(source, flow)).map(|line| format!("  {line}\n"));
    format!("source {}\n{}\n", source.name, lines.collect::<String>())
}

/// What is said of where rows come from, of a source and of a table.
pub fn lines_of(source: &Source, flow: &Flow) -> Vec<String> {
    let mut lines = vec![];
    let mut line = |words: String| lines.push(words);
    match &source.time {
        Some(time) => {
            let field = source.fields.get(time.field).map_or("?", |f| &f.name);
            let disorder = format_duration(time.disorder);
            line(format!(
                "time: {field}; the watermark is the greatest {field} of a partition less {disorder}, the least of all partitions"
            ));
            let live = is_live(&source.connector);
            if let Some(idle) = time.idle.or(live.then_some(TimeSpec::LIVE_IDLE)).map(format_duration) {
                line(format!(
                    "idle: a live partition that is silent for {idle} is not waited for until it has rows again"
                ));
            }
            if let Some(ahead) = time.ahead.or(live.then_some(TimeSpec::LIVE_AHEAD)).map(format_duration) {
                line(format!(
                    "ahead: rows more than {ahead} in the future of the clock go to errors({})",
                    source.name
                ));
            }
        }
        None if source.load.is_some() => {}
        None => line("time: each row's arrival; rows are never late".to_string()),
    }
    let read = flow.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Source(spec) if *node.name == *source.name => Some(spec),
        _ => None,
    });
    match read {
        None => line("not opened: nothing that a sink writes reads it".to_string()),
        Some(spec) => {
            let name = |column: &usize| spec.fields.get(*column).map(|f| f.name.to_string());
            let decoded: Vec<String> = spec.columns.iter().filter_map(name).collect();
            let skipped: Vec<String> = (0..spec.fields.len())
                .filter(|c| !spec.columns.contains(c))
                .filter_map(|c| name(&c))
                .collect();
            line(format!("decodes: {}", list_text(&decoded)));
            if !skipped.is_empty() {
                line(format!("skips: {}", skipped.join(", ")));
            }
        }
    }
    if let Some(key) = source.key.as_ref().filter(|_| source.schema.sign.is_some()) {
        let name = |field: &usize| source.fields.get(*field).map_or("?", |f| &f.name).to_string();
        let names: Vec<String> = key.fields.iter().map(name).collect();
        let names = names.join(", ");
        line(format!("updating: one row per {names}, which the next one of its key replaces"));
        // As values, in a table that is two thirds full.
        let bytes = (source.read.columns.len() + key.fields.len() + 3) * size_of::<Value>() * 3 / 2;
        line(format!("keeps the row of each {names}, {bytes} bytes, as long as it stands"));
    }
    line(format!("rows that cannot be read: {}", on_error_text(&source.on_error, &source.name)));
    for reason in unrepeatable(source) {
        line(format!("not repeatable: {reason}"));
    }
    lines
}

fn unrepeatable(source: &Source) -> Vec<&'static str> {
    let text = |name: &str| match source.connector.options.get(name) {
        Some(Value::String(text)) => Some(&**text),
        _ => None,
    };
    let follows = source.connector.options.get("follow") == Some(&Value::Bool(true));
    let mut reasons = vec![];
    if source.load.is_some_and(|load| load.refresh.is_some()) {
        reasons.push("what the table holds when a row comes depends on when it was loaded");
    } else if source.time.is_none() && source.load.is_none() {
        reasons.push("rows are timed by their arrival");
    }
    if text("path") == Some("-") {
        reasons.push("standard input cannot be read again");
    }
    if follows {
        reasons.push("the file grows while it is read");
    }
    if source.time.is_some() && is_live(&source.connector) {
        reasons.push("which partitions are idle, and which rows are ahead, depends on the clock");
    } else if source.time.as_ref().is_some_and(|time| time.ahead.is_some()) {
        reasons.push("which rows are ahead depends on the clock");
    }
    reasons
}
