//! Texts that are in no file: the pages that explain codes, and the declarations of the standard library.

use super::Refusal;
use crate::workspace::{Workspace, own_texts};
use lsp_server::ErrorCode;
use lsp_types::TextDocumentIdentifier;
use lsp_types::request::Request;
use serde_json::{Value, json};

/// Of version 3.18 of the protocol, which the types do not have.
pub enum TextDocumentContent {}

impl Request for TextDocumentContent {
    type Params = TextDocumentIdentifier;
    type Result = Value;
    const METHOD: &'static str = "workspace/textDocumentContent";
}

pub fn answer(_: &mut Workspace, params: TextDocumentIdentifier) -> Result<Value, Refusal> {
    let address = params.uri.as_str();
    let nothing = || Refusal::new(ErrorCode::InvalidParams, format!("there is no {address}"));
    own_texts::text_at(address).map(|text| json!({ "text": text })).ok_or_else(nothing)
}
