//! The requests that the server answers, one file each: what is asked becomes a question to the analysis, and its
//! answer a value of the protocol.

pub mod code_action;
pub mod code_lens;
pub mod diagnostics;
pub mod folding_range;
pub mod formatting;
pub mod selection_range;
pub mod synchronize;
pub mod text_document_content;

use crate::address;
use crate::workspace::{Program, Workspace};
use lsp_server::ErrorCode;
use lsp_types::request as methods;
use lsp_types::request::Request;
use serde_json::Value;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Answers one kind of request, whose parameters are given as they came.
pub type Handler = Box<dyn Fn(&mut Workspace, Value) -> Result<Value, Refusal>>;

/// Why there is no answer.
#[derive(Debug)]
pub struct Refusal {
    pub code: ErrorCode,
    pub message: String,
}

impl Refusal {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }
}

/// Every request by its method.
pub fn all() -> BTreeMap<&'static str, Handler> {
    BTreeMap::from([
        handler::<methods::CodeActionRequest>(code_action::answer),
        handler::<methods::CodeLensRequest>(code_lens::answer),
        handler::<methods::FoldingRangeRequest>(folding_range::answer),
        handler::<methods::Formatting>(formatting::whole),
        handler::<methods::RangeFormatting>(formatting::range),
        handler::<methods::SelectionRangeRequest>(selection_range::answer),
        handler::<text_document_content::TextDocumentContent>(text_document_content::answer),
    ])
}

fn handler<R: Request>(
    answer: fn(&mut Workspace, R::Params) -> Result<R::Result, Refusal>,
) -> (&'static str, Handler) {
    let handler = move |workspace: &mut Workspace, params: Value| {
        let wrong = |e: serde_json::Error| Refusal::new(ErrorCode::InvalidParams, e.to_string());
        let params = serde_json::from_value(params).map_err(wrong)?;
        let answer = answer(workspace, params)?;
        serde_json::to_value(answer).map_err(|e| Refusal::new(ErrorCode::InternalError, e.to_string()))
    };
    (R::METHOD, Box::new(handler))
}

/// The program that begins with the file at this address, which has to be open.
fn program(workspace: &mut Workspace, address: &lsp_types::Uri) -> Result<Rc<Program>, Refusal> {
    let name = address::name_of(address.as_str());
    if workspace.documents.get(&name).is_none() {
        return Err(Refusal::new(ErrorCode::InvalidParams, format!("{} is not open", address.as_str())));
    }
    workspace.program(&name).ok_or_else(|| {
        Refusal::new(ErrorCode::InternalError, format!("Millstream failed on {}", address.as_str()))
    })
}
