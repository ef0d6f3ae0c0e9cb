//! What is said of tables, in plain words.

use super::source::lines_of;
use super::{Inherited, columns_text, on_error_text, state_of};
use crate::hir::{Feed, Program, Query, Table};
use millstream_ir::flow::{Breaker, Flow, Load, Node, NodeKind, Reading};
use millstream_ir::text::format_duration;
use std::collections::BTreeSet;

/// What is kept of a row beside its columns: since when and until when it stands, and its place among those of
/// its key. Of all rows up to half are those that nobody asks for any more.
const ENTRY: usize = 40;
/// What is kept of a key: its slot, in a table that is half full, and its last row.
const KEY: usize = 64;

/// A table with an input of its own.
pub fn explain_loaded(table: &Table, flow: &Flow) -> Option<String> {
    let Feed::Source(source) = &table.feed else { return None };
    let loaded = source.load.map(|Load { refresh }| match refresh {
        None => "loaded: before the first event; nothing else is read until that is done".to_string(),
        Some(every) => format!(
            "loaded: before the first event, and nothing else is read until that is done; anew every {}",
            format_duration(every)
        ),
    });
    Some(explain(table, flow, loaded.into_iter().chain(lines_of(source, flow)).collect()))
}

/// A table that a query keeps.
pub fn explain_kept(of: (&Program, &Flow), table: &Table, query: &Query, inherited: &Inherited) -> String {
    let state = state_of(of, query, &inherited.sources).into_iter().map(|words| format!("keeps {words}"));
    let failing = format!("rows that fail: {}", on_error_text(&query.on_error, &table.name));
    explain(table, of.1, state.chain([failing]).collect())
}

fn explain(table: &Table, flow: &Flow, further: Vec<String>) -> String {
    let reading = match table.reading {
        Reading::AsItStands => "as it stands when a row comes".to_string(),
        Reading::AsOf => {
            format!(
                "as of the time of the row that asks, which waits until the watermark of {} has passed it",
                table.name
            )
        }
    };
    let lines =
        [format!("columns: {}", columns_text(&table.schema)), keyed(table), format!("read: {reading}")];
    let kept = kept(table, flow).into_iter().map(|words| format!("keeps {words}"));
    let lines: String =
        lines.into_iter().chain(kept).chain(further).map(|line| format!("  {line}\n")).collect();
    format!("table {}\n{lines}\n", table.name)
}

/// Which row of a table replaces which.
pub fn keyed(table: &Table) -> String {
    format!("key: {}; a row replaces the one before of its key", key_text(table))
}

/// What a table keeps of its rows.
pub fn kept(table: &Table, flow: &Flow) -> Vec<String> {
    let key = key_text(table);
    let bytes = (bytes_read(table, flow) + ENTRY) * 3 / 2 + KEY;
    match table.reading {
        Reading::AsItStands => vec![format!("the row of each {key}, {bytes} bytes, as long as it stands")],
        Reading::AsOf => vec![
            format!(
                "the row of each {key}, {bytes} bytes, as long as it stands, and those before it that rows still to come can ask for"
            ),
            format!(
                "its rows until its watermark has passed them, {} bytes each",
                table.schema.bytes_of_row()
            ),
        ],
    }
}

fn key_text(table: &Table) -> String {
    let name = |key: &usize| table.schema.columns.get(*key).map_or("?", |c| &c.name).to_string();
    table.key.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The bytes of the columns of a row that are kept: the key, and what joins read.
fn bytes_read(table: &Table, flow: &Flow) -> usize {
    let is_it = |node: &&Node| {
        *node.name == *table.name
            && matches!(&node.kind, NodeKind::Breaker(breaker) if matches!(**breaker, Breaker::Table(_)))
    };
    let Some(place) = flow.nodes.iter().position(|node| is_it(&node)) else {
        return table.schema.bytes_of_row();
    };
    let node = &flow.nodes[place];
    let NodeKind::Breaker(breaker) = &node.kind else { return 0 };
    let mut read: BTreeSet<usize> = breaker.keys().iter().copied().collect();
    for reader in &flow.nodes {
        if let (NodeKind::Join(join), [left, right]) = (&reader.kind, &reader.inputs[..])
            && right.0 as usize == place
        {
            read.extend(
                join.reads_of_table(flow.node(*left).schema.columns.len(), node.schema.columns.len()),
            );
        }
    }
    read.iter().filter_map(|column| node.schema.columns.get(*column)).map(|column| column.ty.bytes()).sum()
}
