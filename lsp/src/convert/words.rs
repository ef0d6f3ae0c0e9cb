//! What is told of a place, and what may be written there.

use super::{Converter, position};
use crate::analysis::library::Place;
use crate::analysis::{
    Completion, CompletionKind, Completions, HintKind, Hover, InlayHint, Insert, SignatureHelp,
};
use crate::client::Client;
use crate::documents::Document;
use crate::workspace::Workspace;
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionResponse, CompletionTextEdit, Documentation, HoverContents,
    InlayHintKind, InlayHintLabel, InlayHintTooltip, InsertTextFormat, MarkupContent, MarkupKind,
    ParameterInformation, ParameterLabel, PrepareRenameResponse, Range, SignatureInformation, TextEdit,
};
use millstream_base::{FileId, Span};

fn markdown(text: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value: text }
}

/// What is told of a name in the declarations of the library.
pub fn told_of_declaration(workspace: &Workspace, place: &Place, told: String) -> lsp_types::Hover {
    let range = super::declared(workspace, place).map(|location| location.range);
    lsp_types::Hover { contents: HoverContents::Markup(markdown(told)), range }
}

impl Converter<'_> {
    pub fn hover(&self, hover: Hover) -> lsp_types::Hover {
        let range = Some(self.range(hover.span));
        lsp_types::Hover { contents: HoverContents::Markup(markdown(hover.markdown)), range }
    }

    pub fn prepared_rename(&self, span: Span, placeholder: String) -> PrepareRenameResponse {
        PrepareRenameResponse::RangeWithPlaceholder { range: self.range(span), placeholder }
    }

    pub fn inlay_hint(&self, file: FileId, hint: InlayHint) -> lsp_types::InlayHint {
        let is_type = hint.kind == HintKind::Type;
        lsp_types::InlayHint {
            position: self.range(Span::new(file, hint.offset, hint.offset)).start,
            label: InlayHintLabel::String(hint.label),
            kind: is_type.then_some(InlayHintKind::TYPE),
            text_edits: None,
            tooltip: hint.tooltip.map(|text| InlayHintTooltip::MarkupContent(markdown(text))),
            padding_left: (!is_type).then_some(true),
            padding_right: None,
            data: None,
        }
    }
}

/// What may be written into an open file.
pub fn completions(document: &Document, client: &Client, completions: Completions) -> CompletionResponse {
    let position = |offset| position(&document.lines, &document.text, offset, client.encoding);
    let range = Range::new(position(completions.replace.start), position(completions.replace.end));
    let items = completions.items.into_iter().enumerate();
    CompletionResponse::Array(items.map(|(rank, item)| completion(item, rank, range, client)).collect())
}

fn completion(completion: Completion, rank: usize, range: Range, client: &Client) -> CompletionItem {
    let (text, format) = match completion.insert {
        Insert::Snippet(snippet) if client.has_snippets => (snippet, InsertTextFormat::SNIPPET),
        Insert::Snippet(snippet) => (without_places(&snippet), InsertTextFormat::PLAIN_TEXT),
        Insert::Text(text) => (text, InsertTextFormat::PLAIN_TEXT),
    };
    CompletionItem {
        label: completion.label,
        kind: Some(completion_kind(completion.kind)),
        detail: Some(completion.detail).filter(|detail| !detail.is_empty()),
        documentation: completion.documentation.map(|text| Documentation::MarkupContent(markdown(text))),
        sort_text: Some(format!("{rank:04}")),
        insert_text_format: Some(format),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(range, text))),
        ..CompletionItem::default()
    }
}

/// A snippet for editors that have none: `${1:name}` is `name`, `$0` nothing.
fn without_places(snippet: &str) -> String {
    let mut out = String::new();
    let mut rest = snippet;
    while let Some((before, place)) = rest.split_once('$') {
        out += before;
        rest = match place.strip_prefix('{').and_then(|place| place.split_once('}')) {
            Some((place, behind)) => {
                out += place.split_once(':').map_or("", |(_, text)| text);
                behind
            }
            None => place.trim_start_matches(|c: char| c.is_ascii_digit()),
        };
    }
    out + rest
}

fn completion_kind(kind: CompletionKind) -> CompletionItemKind {
    match kind {
        CompletionKind::Word => CompletionItemKind::KEYWORD,
        CompletionKind::Column | CompletionKind::Field => CompletionItemKind::FIELD,
        CompletionKind::Variable | CompletionKind::Alias => CompletionItemKind::VARIABLE,
        CompletionKind::Param => CompletionItemKind::CONSTANT,
        CompletionKind::Function | CompletionKind::Aggregate => CompletionItemKind::FUNCTION,
        CompletionKind::Source | CompletionKind::Table | CompletionKind::Stream => CompletionItemKind::CLASS,
        CompletionKind::Type => CompletionItemKind::STRUCT,
        CompletionKind::Connector | CompletionKind::Format | CompletionKind::Module => {
            CompletionItemKind::MODULE
        }
        CompletionKind::Option => CompletionItemKind::PROPERTY,
        CompletionKind::Choice => CompletionItemKind::ENUM_MEMBER,
        CompletionKind::File => CompletionItemKind::FILE,
        CompletionKind::Folder => CompletionItemKind::FOLDER,
        CompletionKind::Unit => CompletionItemKind::UNIT,
    }
}

pub fn signature_help(help: SignatureHelp) -> lsp_types::SignatureHelp {
    let active_parameter = help.signatures.get(help.active).and_then(|signature| signature.active_param);
    let signatures = help.signatures.into_iter().map(|signature| SignatureInformation {
        label: signature.label,
        documentation: signature.documentation.map(|text| Documentation::MarkupContent(markdown(text))),
        parameters: Some(signature.params.into_iter().map(parameter).collect()),
        active_parameter: signature.active_param.map(|n| n as u32),
    });
    lsp_types::SignatureHelp {
        signatures: signatures.collect(),
        active_signature: Some(help.active as u32),
        active_parameter: active_parameter.map(|n| n as u32),
    }
}

fn parameter(label: String) -> ParameterInformation {
    ParameterInformation { label: ParameterLabel::Simple(label), documentation: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_are_plain_text_without_their_places() {
        assert_eq!(without_places("fn ${1:name}(${2:x}: ${3:int}) = $0"), "fn name(x: int) = ");
        assert_eq!(without_places("plain"), "plain");
        assert_eq!(without_places("add $5 = $5 + 1"), "add  =  + 1");
    }
}
