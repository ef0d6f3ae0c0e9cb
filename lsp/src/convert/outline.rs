//! What editors show in, beside or around the text: folds, selections that grow, lenses, places of a name.

use super::Converter;
use crate::analysis::Highlight;
use crate::requests::folding_range::{Fold, FoldKind};
use lsp_types::{
    CodeLens, Command, DocumentHighlight, DocumentHighlightKind, FoldingRange, FoldingRangeKind,
    SelectionRange,
};
use millstream_base::Span;
use serde_json::json;

impl Converter<'_> {
    pub fn folding_range(&self, fold: &Fold) -> FoldingRange {
        let range = self.range(fold.span);
        FoldingRange {
            start_line: range.start.line,
            end_line: range.end.line,
            kind: match fold.kind {
                FoldKind::Node => None,
                FoldKind::Comment => Some(FoldingRangeKind::Comment),
                FoldKind::Uses => Some(FoldingRangeKind::Imports),
            },
            ..FoldingRange::default()
        }
    }

    /// From the outermost span to the innermost, each in the one before.
    pub fn selection_range(&self, spans: &[Span]) -> Option<SelectionRange> {
        spans.iter().fold(None, |parent, span| {
            Some(SelectionRange { range: self.range(*span), parent: parent.map(Box::new) })
        })
    }

    pub fn highlight(&self, highlight: &Highlight) -> DocumentHighlight {
        let kind = match highlight.is_definition {
            true => DocumentHighlightKind::WRITE,
            false => DocumentHighlightKind::READ,
        };
        DocumentHighlight { range: self.range(highlight.span), kind: Some(kind) }
    }

    /// A command of the editor's for what is called `name` in this file.
    pub fn lens(&self, at: Span, title: &str, command: &str, name: &str) -> Option<CodeLens> {
        let (source, _) = self.program.text(at.file)?;
        let uri = self.address(&source.name)?;
        let arguments = vec![json!({ "uri": uri, "name": name })];
        let command = Command { title: title.into(), command: command.into(), arguments: Some(arguments) };
        Some(CodeLens { range: self.range(at), command: Some(command), data: None })
    }
}
