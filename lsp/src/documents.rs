//! The files that are open in the editor: their texts as they stand there, saved or not.

use crate::line_index::{Encoding, LineIndex, Place};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An open file.
#[derive(Debug)]
pub struct Document {
    /// As the editor writes it, which is not always as we would.
    pub address: String,
    /// The editor's number for the state of the text.
    pub version: i32,
    pub text: Arc<str>,
    pub lines: LineIndex,
}

/// What an editor says has become of a text.
pub enum Change {
    Whole(String),
    /// What stood between two places is replaced.
    Part {
        from: Place,
        to: Place,
        text: String,
    },
}

/// The open files by name.
#[derive(Default, Debug)]
pub struct Documents {
    open: BTreeMap<String, Document>,
}

impl Documents {
    pub fn open(&mut self, name: String, address: String, version: i32, text: String) {
        let lines = LineIndex::new(&text);
        self.open.insert(name, Document { address, version, text: text.into(), lines });
    }

    /// Each change is of the text that the one before left. A file that is not open stays closed.
    pub fn change(&mut self, name: &str, version: i32, changes: Vec<Change>, encoding: Encoding) {
        let Some(document) = self.open.get_mut(name) else { return };
        document.version = version;
        for change in changes {
            document.text = match change {
                Change::Whole(text) => text.into(),
                Change::Part { from, to, text } => document.replaced(from, to, &text, encoding),
            };
            document.lines = LineIndex::new(&document.text);
        }
    }

    pub fn close(&mut self, name: &str) -> Option<Document> {
        self.open.remove(name)
    }

    pub fn get(&self, name: &str) -> Option<&Document> {
        self.open.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.open.iter().map(|(name, document)| (name.as_str(), document))
    }
}

impl Document {
    fn replaced(&self, from: Place, to: Place, text: &str, encoding: Encoding) -> Arc<str> {
        let start = self.lines.offset(&self.text, from, encoding);
        let end = self.lines.offset(&self.text, to, encoding).max(start);
        [&self.text[..start], text, &self.text[end..]].concat().into()
    }
}
