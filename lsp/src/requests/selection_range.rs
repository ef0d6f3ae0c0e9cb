//! Selections that grow: from a name to the expression around it, its clause, its item, the file.

use super::{Refusal, program};
use crate::convert::Converter;
use crate::tree;
use crate::workspace::Workspace;
use lsp_types::{SelectionRange, SelectionRangeParams};
use millstream_base::Span;

pub fn answer(
    workspace: &mut Workspace,
    params: SelectionRangeParams,
) -> Result<Option<Vec<SelectionRange>>, Refusal> {
    let program = program(workspace, &params.text_document.uri)?;
    let converter = Converter::new(workspace, &program);
    let spans = program.tree(program.analysis.main).map(tree::spans).unwrap_or_default();
    let ranges = params.positions.iter().map(|position| {
        let offset = converter.offset(program.analysis.main, *position);
        converter.selection_range(&around(&spans, offset as u32))
    });
    Ok(ranges.collect())
}

/// The spans around an offset, each in the one before. Where two meet there, it is in the second.
fn around(spans: &[Span], offset: u32) -> Vec<Span> {
    let mut around: Vec<Span> = vec![];
    for span in spans.iter().filter(|span| span.start <= offset && offset <= span.end) {
        while around.pop_if(|outer| span.start < outer.start || outer.end < span.end).is_some() {}
        if around.last() != Some(span) {
            around.push(*span);
        }
    }
    around
}
