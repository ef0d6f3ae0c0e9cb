//! What can be run where it stands: tests, and previews of streams. The editor carries the commands out.

use super::{Refusal, program};
use crate::convert::Converter;
use crate::workspace::Workspace;
use lsp_types::{CodeLens, CodeLensParams};
use millstream_syntax::ast::ItemKind;

pub fn answer(workspace: &mut Workspace, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>, Refusal> {
    let program = program(workspace, &params.text_document.uri)?;
    let converter = Converter::new(workspace, &program);
    let items = program.analysis.items(program.analysis.main);
    let lenses = items.iter().filter_map(|item| match &item.kind {
        ItemKind::Test(test) => {
            converter.lens(test.name.span, "Run test", "millstream.runTest", &test.name.value)
        }
        ItemKind::Stream(stream) => {
            converter.lens(stream.name.span, "Preview", "millstream.preview", &stream.name.text)
        }
        _ => None,
    });
    Ok(Some(lenses.collect()))
}
