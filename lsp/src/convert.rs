//! Values of the protocol: the only place where they are built, and where places in them are read.
//!
//! What the editor counts in lines and columns the rest of the server counts in bytes.

pub mod capabilities;
pub mod diagnostics;
pub mod edits;
pub mod outline;
mod symbols;
pub mod tokens;
pub mod words;

use crate::address;
use crate::analysis::library;
use crate::client::Client;
use crate::documents::{Change, Document, Documents};
use crate::line_index::{self, Encoding, LineIndex};
use crate::workspace::own_texts::OwnTexts;
use crate::workspace::{Program, Workspace};
use lsp_server::{Message, Notification};
use lsp_types::notification::{LogMessage, Notification as _};
use lsp_types::{
    Location, LogMessageParams, MessageType, Position, Range, TextDocumentContentChangeEvent, Uri,
};
use millstream_base::{FileId, Span};
use std::str::FromStr;

/// Between places in the files of one program and what the editor calls them.
#[derive(Clone, Copy)]
pub struct Converter<'w> {
    client: &'w Client,
    documents: &'w Documents,
    own_texts: &'w OwnTexts,
    program: &'w Program,
}

impl<'w> Converter<'w> {
    pub fn new(workspace: &'w Workspace, program: &'w Program) -> Converter<'w> {
        let Workspace { client, documents, own_texts, .. } = workspace;
        Converter { client, documents, own_texts, program }
    }

    /// The byte that a position names, or the nearest before it.
    pub fn offset(&self, file: FileId, position: Position) -> usize {
        let Some((source, lines)) = self.program.text(file) else { return 0 };
        lines.offset(&source.text, place(position), self.client.encoding)
    }

    /// From the first to the second position of a range.
    pub fn span(&self, file: FileId, range: Range) -> Span {
        Span::new(file, self.offset(file, range.start), self.offset(file, range.end))
    }

    /// The lines that a range touches, from their beginning to their end.
    pub fn lines(&self, file: FileId, range: Range) -> Span {
        let (first, last) = (Position::new(range.start.line, 0), Position::new(range.end.line, u32::MAX));
        self.span(file, Range::new(first, last))
    }

    pub fn range(&self, span: Span) -> Range {
        let Some((source, lines)) = self.program.text(span.file) else { return Range::default() };
        let position = |offset| position(lines, &source.text, offset, self.client.encoding);
        Range::new(position(span.start as usize), position(span.end as usize))
    }

    /// Where the editor finds a span; none if it is in no file that it can open.
    pub fn location(&self, span: Span) -> Option<Location> {
        let (source, _) = self.program.text(span.file)?;
        Some(Location::new(self.address(&source.name)?, self.range(span)))
    }

    fn address(&self, name: &str) -> Option<Uri> {
        address_of(self.documents, name)
    }
}

/// The editor's own address of a file that is open in it.
pub fn address_of(documents: &Documents, name: &str) -> Option<Uri> {
    let address = documents.get(name).map_or_else(|| address::address_of(name), |open| open.address.clone());
    Uri::from_str(&address).ok()
}

/// Where the editor finds a declaration of the standard library.
pub fn declared(workspace: &Workspace, place: &library::Place) -> Option<Location> {
    let text = library::text(place.module)?;
    let lines = LineIndex::new(text);
    let position = |offset| position(&lines, text, offset, workspace.client.encoding);
    let range = Range::new(position(place.range.start), position(place.range.end));
    let address = workspace.own_texts.address_of_module(place.module)?;
    Some(Location::new(Uri::from_str(&address).ok()?, range))
}

/// The byte of an open file that a position names.
pub fn offset(document: &Document, position: Position, encoding: Encoding) -> usize {
    document.lines.offset(&document.text, place(position), encoding)
}

fn position(lines: &LineIndex, text: &str, offset: usize, encoding: Encoding) -> Position {
    let place = lines.place(text, offset, encoding);
    Position::new(place.line as u32, place.column as u32)
}

fn place(position: Position) -> line_index::Place {
    line_index::Place { line: position.line as usize, column: position.character as usize }
}

/// What has become of a text.
pub fn change(event: TextDocumentContentChangeEvent) -> Change {
    match event.range {
        Some(range) => Change::Part { from: place(range.start), to: place(range.end), text: event.text },
        None => Change::Whole(event.text),
    }
}

/// A line for the editor's log, of something that went wrong with us.
pub fn log_message(message: &str) -> Message {
    let params = LogMessageParams { typ: MessageType::ERROR, message: message.to_string() };
    Notification::new(LogMessage::METHOD.into(), params).into()
}
