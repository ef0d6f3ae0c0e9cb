//! Where the name under the cursor is used, in all programs that know it: also those that are not open.

use super::{Cursor, Refusal, cursor, declared};
use crate::analysis::declarations::{self, Mention, Named};
use crate::analysis::{definition, references};
use crate::convert::{self, Converter};
use crate::workspace::{Program, Workspace};
use lsp_types::{Location, ReferenceParams};
use millstream_base::Span;
use millstream_core::facts::Target;
use std::rc::Rc;

pub fn answer(workspace: &mut Workspace, params: ReferenceParams) -> Result<Option<Vec<Location>>, Refusal> {
    let with_definition = params.context.include_declaration;
    if let Some(mention) = declared(workspace, &params.text_document_position) {
        return Ok(mention.map(|mention| of_declared(workspace, &mention, with_definition)));
    }
    let cursor = cursor(workspace, &params.text_document_position)?;
    let mut locations = vec![];
    for (program, name) in names(workspace, &cursor) {
        let found = references(&program.analysis, name.file, name.start as usize, with_definition);
        let new = Converter::new(workspace, &program).locations(found);
        locations
            .extend(new.into_iter().filter(|location| !locations.contains(location)).collect::<Vec<_>>());
    }
    Ok(Some(locations))
}

/// Where a name of the library's declarations is used: in these, and in the programs that are open.
fn of_declared(workspace: &mut Workspace, mention: &Mention, with_definition: bool) -> Vec<Location> {
    let declared = declarations::references(mention, with_definition);
    let mut locations: Vec<Location> =
        declared.iter().filter_map(|place| convert::declared(workspace, place)).collect();
    let Named::Given(given, name) = &mention.of else { return locations };
    let meant = Target::Given(*given, name.as_str().into());
    for program in workspace.all_programs() {
        let uses = program.analysis.compilation.facts.uses.iter().filter(|found| found.target == meant);
        locations.extend(Converter::new(workspace, &program).locations(uses.map(|found| found.span)));
    }
    locations
}

/// The definition of what is under the cursor in each program that its file is part of; else the cursor itself.
pub(super) fn names(workspace: &mut Workspace, cursor: &Cursor) -> Vec<(Rc<Program>, Span)> {
    let defined = definition(&cursor.program.analysis, cursor.file, cursor.offset);
    match defined.first() {
        Some(defined) if !defined.is_empty() => workspace.sharing(&cursor.program, *defined),
        _ => vec![(cursor.program.clone(), Span::new(cursor.file, cursor.offset, cursor.offset))],
    }
}
