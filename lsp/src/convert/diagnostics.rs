//! Diagnostics as editors show them, and their fixes as code actions.

use super::Converter;
use super::edits::Edits;
use crate::workspace::Workspace;
use crate::workspace::own_texts::OwnTexts;
use lsp_server::{Message, Notification, Request};
use lsp_types::notification::{Notification as _, PublishDiagnostics};
use lsp_types::request::{Request as _, WorkspaceDiagnosticRefresh};
use lsp_types::{
    CodeAction, CodeActionKind, CodeDescription, DiagnosticRelatedInformation, DiagnosticSeverity,
    DiagnosticTag, DocumentDiagnosticReport, DocumentDiagnosticReportResult, FullDocumentDiagnosticReport,
    NumberOrString, PublishDiagnosticsParams, RelatedFullDocumentDiagnosticReport, Uri,
};
use millstream_base::diagnostic::{Fix, Label, Tag};
use millstream_base::{Code, Diagnostic, Severity};
use std::str::FromStr;

/// The kind of what mends a whole file.
pub const FIX_ALL: &str = "source.fixAll.millstream";

impl Converter<'_> {
    pub fn diagnostic(&self, diagnostic: &Diagnostic) -> lsp_types::Diagnostic {
        let severity = match diagnostic.severity {
            Severity::Error | Severity::Bug => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        };
        let related: Vec<_> = diagnostic.secondary.iter().filter_map(|label| self.related(label)).collect();
        let tags: Vec<_> = diagnostic.tags.iter().map(|t| tag(*t)).collect();
        lsp_types::Diagnostic {
            range: self.range(diagnostic.primary.span),
            severity: Some(severity),
            code: Some(NumberOrString::String(diagnostic.code.name().into())),
            code_description: code_description(self.own_texts, diagnostic.code),
            source: Some("millstream".into()),
            message: message(diagnostic),
            related_information: (!related.is_empty()).then_some(related),
            tags: (!tags.is_empty()).then_some(tags),
            data: None,
        }
    }

    fn related(&self, label: &Label) -> Option<DiagnosticRelatedInformation> {
        Some(DiagnosticRelatedInformation {
            location: self.location(label.span)?,
            message: label.text.clone(),
        })
    }

    /// Several fixes as one.
    pub fn fix_all(&self, workspace: &Workspace, fixes: &[&Fix]) -> CodeAction {
        let mut edits = Edits::default();
        let all = fixes.iter().flat_map(|fix| &fix.edits);
        all.for_each(|edit| edits.add(self, edit.span, &edit.text));
        CodeAction {
            title: "write all as the language does".into(),
            kind: Some(CodeActionKind::new(FIX_ALL)),
            edit: Some(edits.finish(workspace)),
            ..CodeAction::default()
        }
    }

    /// A fix of a diagnostic. One that has no rival is preferred.
    pub fn quick_fix(&self, workspace: &Workspace, diagnostic: &Diagnostic, fix: &Fix) -> CodeAction {
        let mut edits = Edits::default();
        fix.edits.iter().for_each(|edit| edits.add(self, edit.span, &edit.text));
        CodeAction {
            title: title(fix),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![self.diagnostic(diagnostic)]),
            edit: Some(edits.finish(workspace)),
            is_preferred: (diagnostic.fixes.len() == 1).then_some(true),
            ..CodeAction::default()
        }
    }
}

pub fn published(params: PublishDiagnosticsParams) -> Message {
    Notification::new(PublishDiagnostics::METHOD.into(), params).into()
}

/// All that is wrong with a file, for an editor that asked.
pub fn report(items: Vec<lsp_types::Diagnostic>) -> DocumentDiagnosticReportResult {
    let full = FullDocumentDiagnosticReport { result_id: None, items };
    let report = RelatedFullDocumentDiagnosticReport {
        related_documents: None,
        full_document_diagnostic_report: full,
    };
    DocumentDiagnosticReport::Full(report).into()
}

/// Tells an editor that asks to ask again.
pub fn refresh(number: usize) -> Message {
    let id = format!("diagnostics {number}");
    Request::new(id.into(), WorkspaceDiagnosticRefresh::METHOD.into(), ()).into()
}

/// What a fix does. A question is one to its reader, and an action to who chooses it from a list.
fn title(fix: &Fix) -> String {
    match &fix.edits[..] {
        [edit] if fix.title.ends_with('?') => format!("change to `{}`", edit.text.trim_matches('`')),
        _ => fix.title.clone(),
    }
}

/// The headline, then what is said beside the place, then facts, then advice.
fn message(diagnostic: &Diagnostic) -> String {
    let label = Some(&diagnostic.primary.text).filter(|text| !text.is_empty()).cloned();
    let notes = diagnostic.notes.iter().map(|note| format!("note: {note}"));
    let helps = diagnostic.helps.iter().map(|help| format!("help: {help}"));
    let lines = [diagnostic.headline.clone()].into_iter().chain(label).chain(notes).chain(helps);
    lines.collect::<Vec<_>>().join("\n")
}

/// The page of a code.
fn code_description(own_texts: &OwnTexts, code: Code) -> Option<CodeDescription> {
    let href = Uri::from_str(&own_texts.address_of_code(code)?).ok()?;
    Some(CodeDescription { href })
}

fn tag(tag: Tag) -> DiagnosticTag {
    match tag {
        Tag::Unnecessary => DiagnosticTag::UNNECESSARY,
        Tag::Deprecated => DiagnosticTag::DEPRECATED,
    }
}
