//! Changes to texts.

use super::{Converter, address_of};
use crate::workspace::Workspace;
use lsp_types::{
    DocumentChanges, OneOf, OptionalVersionedTextDocumentIdentifier, TextDocumentEdit, TextEdit,
    WorkspaceEdit,
};
use millstream_base::Span;
use std::collections::BTreeMap;

impl Converter<'_> {
    pub fn text_edit(&self, span: Span, text: String) -> TextEdit {
        TextEdit::new(self.range(span), text)
    }
}

/// Edits of several files, each edit once.
#[derive(Default)]
pub struct Edits {
    by_file: BTreeMap<String, Vec<TextEdit>>,
}

impl Edits {
    pub fn add(&mut self, converter: &Converter, span: Span, text: &str) {
        let Some((source, _)) = converter.program.text(span.file) else { return };
        let edits = self.by_file.entry(source.name.clone()).or_default();
        let edit = converter.text_edit(span, text.to_string());
        if !edits.contains(&edit) {
            edits.push(edit);
        }
    }

    /// As the editor can take it; edits of an open file are for its present state.
    #[allow(clippy::mutable_key_type, reason = "the type of the protocol; addresses are not changed")]
    pub fn finish(self, workspace: &Workspace) -> WorkspaceEdit {
        let address = |name: &str| address_of(&workspace.documents, name);
        if !workspace.client.has_versioned_edits {
            let files = self.by_file.into_iter().filter_map(|(name, edits)| Some((address(&name)?, edits)));
            return WorkspaceEdit::new(files.collect());
        }
        let files = self.by_file.into_iter().filter_map(|(name, edits)| {
            let version = workspace.documents.get(&name).map(|open| open.version);
            let text_document = OptionalVersionedTextDocumentIdentifier { uri: address(&name)?, version };
            Some(TextDocumentEdit { text_document, edits: edits.into_iter().map(OneOf::Left).collect() })
        });
        let changes = DocumentChanges::Edits(files.collect());
        WorkspaceEdit { document_changes: Some(changes), ..WorkspaceEdit::default() }
    }
}
