//! The requests that the server answers, one file each: what is asked becomes a question to the analysis, and its
//! answer a value of the protocol.

pub mod call_hierarchy;
pub mod code_action;
pub mod code_lens;
pub mod completion;
pub mod definition;
pub mod diagnostics;
pub mod document_highlight;
pub mod folding_range;
pub mod formatting;
pub mod hover;
pub mod inlay_hint;
pub mod references;
pub mod rename;
pub mod selection_range;
pub mod semantic_tokens;
pub mod signature_help;
pub mod symbols;
pub mod synchronize;
pub mod text_document_content;

use crate::address;
use crate::analysis::declarations::{self, Mention};
use crate::convert::{self, Converter};
use crate::workspace::{Program, Workspace};
use lsp_server::ErrorCode;
use lsp_types::TextDocumentPositionParams;
use lsp_types::request as methods;
use lsp_types::request::Request;
use millstream_base::FileId;
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

    fn not_open(address: &lsp_types::Uri) -> Refusal {
        Refusal::new(ErrorCode::InvalidParams, format!("{} is not open", address.as_str()))
    }
}

/// Every request by its method.
pub fn all() -> BTreeMap<&'static str, Handler> {
    BTreeMap::from([
        handler::<methods::CallHierarchyPrepare>(call_hierarchy::prepare),
        handler::<methods::CallHierarchyIncomingCalls>(call_hierarchy::incoming),
        handler::<methods::CallHierarchyOutgoingCalls>(call_hierarchy::outgoing),
        handler::<methods::CodeActionRequest>(code_action::answer),
        handler::<methods::CodeLensRequest>(code_lens::answer),
        handler::<methods::Completion>(completion::answer),
        handler::<methods::DocumentDiagnosticRequest>(diagnostics::answer),
        handler::<methods::DocumentHighlightRequest>(document_highlight::answer),
        handler::<methods::DocumentSymbolRequest>(symbols::of_document),
        handler::<methods::FoldingRangeRequest>(folding_range::answer),
        handler::<methods::Formatting>(formatting::whole),
        handler::<methods::RangeFormatting>(formatting::range),
        handler::<methods::GotoDefinition>(definition::answer),
        handler::<methods::HoverRequest>(hover::answer),
        handler::<methods::InlayHintRequest>(inlay_hint::answer),
        handler::<methods::PrepareRenameRequest>(rename::prepare),
        handler::<methods::References>(references::answer),
        handler::<methods::Rename>(rename::answer),
        handler::<methods::SelectionRangeRequest>(selection_range::answer),
        handler::<methods::SemanticTokensFullRequest>(semantic_tokens::whole),
        handler::<methods::SemanticTokensRangeRequest>(semantic_tokens::range),
        handler::<methods::SignatureHelpRequest>(signature_help::answer),
        handler::<methods::WorkspaceSymbolRequest>(symbols::of_workspace),
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
        return Err(Refusal::not_open(address));
    }
    workspace.program(&name).ok_or_else(|| {
        Refusal::new(ErrorCode::InternalError, format!("Millstream failed on {}", address.as_str()))
    })
}

/// The name at a place of the library's declarations, which are no program; none of what programs are.
fn declared(workspace: &Workspace, at: &TextDocumentPositionParams) -> Option<Option<Mention>> {
    let name = address::name_of(at.text_document.uri.as_str());
    let module = workspace.own_texts.module_of(&name)?;
    let offset = convert::offset(workspace.documents.get(&name)?, at.position, workspace.client.encoding);
    Some(declarations::mention(module, offset))
}

/// A place in an open file.
struct Cursor {
    program: Rc<Program>,
    file: FileId,
    offset: usize,
}

fn cursor(workspace: &mut Workspace, at: &TextDocumentPositionParams) -> Result<Cursor, Refusal> {
    let program = program(workspace, &at.text_document.uri)?;
    let file = program.analysis.main;
    let offset = Converter::new(workspace, &program).offset(file, at.position);
    Ok(Cursor { program, file, offset })
}
