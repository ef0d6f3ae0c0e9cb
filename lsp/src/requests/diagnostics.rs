//! What is wrong with each file: published when it changes, or told when the editor asks.
//!
//! An editor that asks does so for the files that are open in it, whenever they change there. Where such a file has
//! not changed, but what is wrong with it has, as with one that it uses, the editor is told to ask again. What is wrong with other
//! files is published in any case.

use super::{Refusal, program};
use crate::address;
use crate::convert::{self, Converter, diagnostics as values};
use crate::workspace::Workspace;
use lsp_server::Message;
use lsp_types::{DocumentDiagnosticParams, DocumentDiagnosticReportResult, PublishDiagnosticsParams};
use std::collections::BTreeMap;

/// What the editor has been told of each file last.
#[derive(Default)]
pub struct Told {
    by_file: BTreeMap<String, PublishDiagnosticsParams>,
    /// How often it has been told to ask again.
    n_refreshes: usize,
}

impl Told {
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

    /// Whether the editor, which asks for itself when it changes this file, has been told something else of its
    /// present state.
    fn is_outdated(&self, name: &str, params: &PublishDiagnosticsParams) -> bool {
        let told = self.by_file.get(name).filter(|told| told.version == params.version);
        told.is_some_and(|told| told.diagnostics != params.diagnostics)
    }

    /// Whether something was published of a file that was not open then.
    fn is_published(&self, name: &str) -> bool {
        self.by_file.get(name).is_some_and(|told| told.version.is_none())
    }
}

/// What is wrong with an open file.
pub fn answer(
    workspace: &mut Workspace,
    params: DocumentDiagnosticParams,
) -> Result<DocumentDiagnosticReportResult, Refusal> {
    let uri = &params.text_document.uri;
    program(workspace, uri)?;
    let name = address::name_of(uri.as_str());
    let found = of_file(workspace, &name).ok_or_else(|| Refusal::not_open(uri))?;
    workspace.told.is_news(&name, &found);
    Ok(values::report(found.diagnostics))
}

/// What the editor has to be told now.
pub fn changed(workspace: &mut Workspace) -> Vec<Message> {
    let mut messages = vec![];
    let mut is_outdated = false;
    for name in workspace.take_touched() {
        let Some(params) = of_file(workspace, &name) else { continue };
        if !workspace.client.pulls_diagnostics || params.version.is_none() {
            if workspace.told.is_news(&name, &params) {
                messages.push(values::published(params));
            }
        } else if workspace.told.is_published(&name) {
            // From here on it asks.
            workspace.told.forget(&name);
            messages.push(values::published(PublishDiagnosticsParams { diagnostics: vec![], ..params }));
        } else {
            is_outdated |= workspace.told.is_outdated(&name, &params);
        }
    }
    if is_outdated {
        workspace.told.n_refreshes += 1;
        messages.insert(0, values::refresh(workspace.told.n_refreshes));
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
