//! One JSON object a line, for tools. Lines and columns are from 1; columns count characters.

use super::clamped;
use crate::diagnostic::{Diagnostic, Edit, Fix, Safety};
use crate::span::{SourceMap, Span};
use serde_json::{Map, Value, json};

/// One object per diagnostic and line, with the keys `code severity file line column end_line end_column
/// message help fixes`.
pub fn json(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| format!("{}\n", json_object(sources, diagnostic))).collect()
}

/// The object of one diagnostic.
pub fn json_object(sources: &SourceMap, diagnostic: &Diagnostic) -> Value {
    let mut object = Map::new();
    object.insert("code".into(), diagnostic.code.name().into());
    object.insert("severity".into(), diagnostic.severity.word().into());
    insert_place(&mut object, sources, diagnostic.primary.span);
    object.insert("message".into(), message(sources, diagnostic).into());
    object.insert("help".into(), diagnostic.helps.clone().into());
    object.insert("fixes".into(), diagnostic.fixes.iter().map(|fix| fix_object(sources, fix)).collect());
    Value::Object(object)
}

fn insert_place(object: &mut Map<String, Value>, sources: &SourceMap, span: Span) {
    let span = clamped(sources, span);
    let file = sources.file(span.file);
    let start = file.line_column(span.start as usize);
    let end = file.line_column(span.end as usize);
    object.insert("file".into(), file.name.as_str().into());
    object.insert("line".into(), start.line.into());
    object.insert("column".into(), start.column.into());
    object.insert("end_line".into(), end.line.into());
    object.insert("end_column".into(), end.column.into());
}

/// The headline on the first line; then the words of the primary place, each further place and each note.
fn message(sources: &SourceMap, diagnostic: &Diagnostic) -> String {
    let mut lines = vec![diagnostic.headline.clone()];
    if !diagnostic.primary.text.is_empty() {
        lines.push(diagnostic.primary.text.clone());
    }
    for label in &diagnostic.secondary {
        lines.push(format!("{}: {}", sources.place(clamped(sources, label.span)), label.text));
    }
    lines.extend(diagnostic.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

fn fix_object(sources: &SourceMap, fix: &Fix) -> Value {
    let edits: Vec<Value> = fix.edits.iter().map(|edit| edit_object(sources, edit)).collect();
    json!({ "title": fix.title, "edits": edits, "safe": fix.safety == Safety::Safe })
}

fn edit_object(sources: &SourceMap, edit: &Edit) -> Value {
    let mut object = Map::new();
    insert_place(&mut object, sources, edit.span);
    object.insert("text".into(), edit.text.as_str().into());
    Value::Object(object)
}
