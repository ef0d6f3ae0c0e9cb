//! What is wrong with each file, published when it changes.

use crate::convert::{self, Converter};
use crate::workspace::Workspace;
use lsp_server::{Message, Notification};
use lsp_types::PublishDiagnosticsParams;
use lsp_types::notification::{Notification as _, PublishDiagnostics};
use std::collections::BTreeMap;

/// What the editor has been told of each file last.
#[derive(Default)]
pub struct Published {
    by_file: BTreeMap<String, PublishDiagnosticsParams>,
}

impl Published {
    /// An editor that opens a file anew is told anew.
    pub fn forget(&mut self, name: &str) {
        self.by_file.remove(name);
    }

    /// Whether this is news to the editor, which from now on knows it.
    fn is_news(&mut self, name: &str, params: &PublishDiagnosticsParams) -> bool {
        let says_nothing = params.version.is_none() && params.diagnostics.is_empty();
        let told = match says_nothing {
            true => self.by_file.remove(name),
            false => self.by_file.insert(name.to_string(), params.clone()),
        };
        told.map_or(!says_nothing, |told| told != *params)
    }
}

/// What the editor has to be told now.
pub fn changed(workspace: &mut Workspace) -> Vec<Message> {
    let mut messages = vec![];
    for name in workspace.take_touched() {
        let Some(params) = of_file(workspace, &name) else { continue };
        if workspace.published.is_news(&name, &params) {
            messages.push(Notification::new(PublishDiagnostics::METHOD.into(), params).into());
        }
    }
    messages
}

/// What all programs that a file is part of find in it.
fn of_file(workspace: &mut Workspace, name: &str) -> Option<PublishDiagnosticsParams> {
    let mut diagnostics = vec![];
    for program in workspace.all_programs() {
        let converter = Converter::new(workspace, &program);
        for found in program.diagnostics_in(name) {
            let diagnostic = converter.diagnostic(found);
            if !diagnostics.contains(&diagnostic) {
                diagnostics.push(diagnostic);
            }
        }
    }
    let version = workspace.documents.get(name).map(|open| open.version);
    let uri = convert::address_of(&workspace.documents, name)?;
    Some(PublishDiagnosticsParams { uri, diagnostics, version })
}
