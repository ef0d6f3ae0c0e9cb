//! What the server can do, and what it asks of the editor.

use super::diagnostics::FIX_ALL;
use super::tokens;
use crate::client::Client;
use crate::line_index::Encoding;
use lsp_server::{Message, Request};
use lsp_types::notification::{DidChangeWatchedFiles, Notification as _};
use lsp_types::request::{RegisterCapability, Request as _};
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeLensOptions, CompletionOptions, DiagnosticOptions,
    DiagnosticServerCapabilities, DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, GlobPattern,
    InitializeResult, OneOf, PositionEncodingKind, Registration, RegistrationParams, RenameOptions,
    ServerCapabilities, ServerInfo, SignatureHelpOptions, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, WorkDoneProgressOptions,
};
use serde_json::{Value, json};

/// The answer to `initialize`.
pub fn initialized(client: &Client) -> Value {
    let encoding = match client.encoding {
        Encoding::Utf8 => PositionEncodingKind::UTF8,
        Encoding::Utf16 => PositionEncodingKind::UTF16,
        Encoding::Utf32 => PositionEncodingKind::UTF32,
    };
    let synchronization = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::INCREMENTAL),
        ..TextDocumentSyncOptions::default()
    };
    let code_actions = CodeActionOptions {
        code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::new(FIX_ALL)]),
        ..CodeActionOptions::default()
    };
    let completion = CompletionOptions {
        trigger_characters: Some([".", "(", "[", "\"", "`", "/"].map(String::from).to_vec()),
        ..CompletionOptions::default()
    };
    let signatures = SignatureHelpOptions {
        trigger_characters: Some(["(", ","].map(String::from).to_vec()),
        ..SignatureHelpOptions::default()
    };
    let rename = RenameOptions {
        prepare_provider: Some(true),
        work_done_progress_options: WorkDoneProgressOptions::default(),
    };
    let capabilities = ServerCapabilities {
        position_encoding: Some(encoding),
        text_document_sync: Some(TextDocumentSyncCapability::Options(synchronization)),
        call_hierarchy_provider: Some(true.into()),
        code_action_provider: Some(code_actions.into()),
        code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(false) }),
        completion_provider: Some(completion),
        definition_provider: Some(OneOf::Left(true)),
        diagnostic_provider: client.pulls_diagnostics.then(diagnostics),
        document_formatting_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        document_range_formatting_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        folding_range_provider: Some(true.into()),
        hover_provider: Some(true.into()),
        inlay_hint_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(rename)),
        selection_range_provider: Some(true.into()),
        semantic_tokens_provider: Some(tokens::options().into()),
        signature_help_provider: Some(signatures),
        workspace_symbol_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    };
    let info = ServerInfo { name: "millstream".into(), version: Some(env!("CARGO_PKG_VERSION").into()) };
    let result = InitializeResult { capabilities, server_info: Some(info) };
    let mut result = serde_json::to_value(result).unwrap_or_default();
    // Newer than the types.
    result["capabilities"]["workspace"]["textDocumentContent"] = json!({ "schemes": ["millstream"] });
    result
}

/// An editor that asks for what is wrong with a text asks again where a `use`d one has changed.
fn diagnostics() -> DiagnosticServerCapabilities {
    DiagnosticServerCapabilities::Options(DiagnosticOptions {
        identifier: Some("millstream".into()),
        inter_file_dependencies: true,
        workspace_diagnostics: false,
        ..DiagnosticOptions::default()
    })
}

/// Asks to be told of programs that change outside of the editor, if it can.
pub fn watch_files(client: &Client) -> Option<Message> {
    let watcher = FileSystemWatcher { glob_pattern: GlobPattern::String("**/*.stream".into()), kind: None };
    let options = DidChangeWatchedFilesRegistrationOptions { watchers: vec![watcher] };
    let registration = Registration {
        id: "files".into(),
        method: DidChangeWatchedFiles::METHOD.into(),
        register_options: serde_json::to_value(options).ok(),
    };
    let params = RegistrationParams { registrations: vec![registration] };
    let request = Request::new("watch files".to_string().into(), RegisterCapability::METHOD.into(), params);
    client.watches_files.then(|| request.into())
}
