//! What the editor tells of its files: opened, changed, closed, and changed outside of it.

use crate::address;
use crate::convert;
use crate::workspace::Workspace;
use lsp_server::Notification;
use lsp_types::notification::{
    DidChangeTextDocument, DidChangeWatchedFiles, DidCloseTextDocument, DidOpenTextDocument,
    Notification as _,
};

/// What it does not tell us of files is let be. An error is of the editor's making.
pub fn note(workspace: &mut Workspace, notification: Notification) -> Result<(), String> {
    let Notification { method, params } = notification;
    match method.as_str() {
        DidOpenTextDocument::METHOD => {
            let opened = read::<DidOpenTextDocument>(params)?.text_document;
            workspace.open(opened.uri.as_str().to_string(), opened.version, opened.text);
        }
        DidChangeTextDocument::METHOD => {
            let changed = read::<DidChangeTextDocument>(params)?;
            let name = address::name_of(changed.text_document.uri.as_str());
            let changes = changed.content_changes.into_iter().map(convert::change).collect();
            workspace.change(&name, changed.text_document.version, changes);
        }
        DidCloseTextDocument::METHOD => {
            let closed = read::<DidCloseTextDocument>(params)?;
            workspace.close(&address::name_of(closed.text_document.uri.as_str()));
        }
        DidChangeWatchedFiles::METHOD => {
            for event in read::<DidChangeWatchedFiles>(params)?.changes {
                workspace.changed_on_disk(&address::name_of(event.uri.as_str()));
            }
        }
        _ => {}
    }
    Ok(())
}

fn read<N: lsp_types::notification::Notification>(params: serde_json::Value) -> Result<N::Params, String> {
    serde_json::from_value(params).map_err(|e| e.to_string())
}
