//! Where the name under the cursor is used, in all programs that know it: also those that are not open.

use super::{Cursor, Refusal, cursor};
use crate::analysis::{definition, references};
use crate::convert::Converter;
use crate::workspace::{Program, Workspace};
use lsp_types::{Location, ReferenceParams};
use millstream_base::Span;
use std::rc::Rc;

pub fn answer(workspace: &mut Workspace, params: ReferenceParams) -> Result<Option<Vec<Location>>, Refusal> {
    let cursor = cursor(workspace, &params.text_document_position)?;
    let with_definition = params.context.include_declaration;
    let mut locations = vec![];
    for (program, name) in names(workspace, &cursor) {
        let found = references(&program.analysis, name.file, name.start as usize, with_definition);
        let new = Converter::new(workspace, &program).locations(found);
        locations
            .extend(new.into_iter().filter(|location| !locations.contains(location)).collect::<Vec<_>>());
    }
    Ok(Some(locations))
}

/// The definition of what is under the cursor in each program that its file is part of; else the cursor itself.
pub(super) fn names(workspace: &mut Workspace, cursor: &Cursor) -> Vec<(Rc<Program>, Span)> {
    let defined = definition(&cursor.program.analysis, cursor.file, cursor.offset);
    match defined.first() {
        Some(defined) if !defined.is_empty() => workspace.sharing(&cursor.program, *defined),
        _ => vec![(cursor.program.clone(), Span::new(cursor.file, cursor.offset, cursor.offset))],
    }
}
