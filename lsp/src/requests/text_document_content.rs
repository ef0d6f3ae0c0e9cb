//! Texts that are in no file: the pages that explain codes, and the declarations of the standard library.

use super::Refusal;
use crate::workspace::{Workspace, library};
use lsp_server::ErrorCode;
use lsp_types::TextDocumentIdentifier;
use lsp_types::request::Request;
use millstream_base::Code;
use serde_json::{Value, json};

/// Of version 3.18 of the protocol, which the types do not have.
pub enum TextDocumentContent {}

impl Request for TextDocumentContent {
    type Params = TextDocumentIdentifier;
    type Result = Value;
    const METHOD: &'static str = "workspace/textDocumentContent";
}

pub fn address_of_code(code: Code) -> String {
    format!("{}codes/{code}.md", library::SCHEME)
}

pub fn answer(_: &mut Workspace, params: TextDocumentIdentifier) -> Result<Value, Refusal> {
    let address = params.uri.as_str();
    let nothing = || Refusal::new(ErrorCode::InvalidParams, format!("there is no {address}"));
    text(address).map(|text| json!({ "text": text })).ok_or_else(nothing)
}

fn text(address: &str) -> Option<&'static str> {
    let code = address.strip_prefix(library::SCHEME).and_then(|path| path.strip_prefix("codes/"));
    let code = code.and_then(|name| name.strip_suffix(".md")).and_then(Code::find);
    code.map(|code| code.info().page).or_else(|| library::text_at(address))
}
