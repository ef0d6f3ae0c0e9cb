//! What the author need not write and may want to read: types of columns, what streams keep.

use super::Analysis;
use millstream_base::FileId;
use millstream_core::facts::{Definition, DefinitionKind};
use std::ops::Range;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InlayHint {
    /// Behind what it stands.
    pub offset: usize,
    pub label: String,
    pub kind: HintKind,
    /// More of it, as Markdown.
    pub tooltip: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HintKind {
    Type,
    State,
}

/// Longer types are told by hovering.
const LONGEST: usize = 40;

/// The hints of a part of a file, in their order.
pub fn inlay_hints(analysis: &Analysis, file: FileId, range: Range<usize>) -> Vec<InlayHint> {
    let definitions = &analysis.compilation.facts.definitions;
    let start = definitions.partition_point(|d| (d.span.file, d.span.end as usize) < (file, range.start));
    let inside = definitions.get(start..).unwrap_or_default().iter();
    let inside = inside.take_while(|d| d.span.file == file && d.span.start as usize <= range.end);
    inside.filter_map(|definition| hint(analysis, definition)).collect()
}

fn hint(analysis: &Analysis, definition: &Definition) -> Option<InlayHint> {
    let offset = definition.span.end as usize;
    match definition.kind {
        DefinitionKind::Column => {
            let ty = definition.ty.as_ref().filter(|ty| !ty.is_error())?.to_string();
            let is_named = analysis.files.text(definition.span).trim_matches('`') == &*definition.name;
            (is_named && ty.len() <= LONGEST).then(|| InlayHint {
                offset,
                label: format!(": {ty}"),
                kind: HintKind::Type,
                tooltip: None,
            })
        }
        DefinitionKind::Stream => {
            let input = analysis.input_named(definition.span)?;
            let account = analysis.account(input)?;
            let first = account.state.first()?;
            let label = first.split(';').next().unwrap_or(first);
            let more = account.state.iter().map(|words| format!("- keeps {words}\n"));
            let tooltip = Some(more.chain([format!("- {}", account.delay)]).collect());
            Some(InlayHint { offset, label: format!("keeps {label}"), kind: HintKind::State, tooltip })
        }
        _ => None,
    }
}
