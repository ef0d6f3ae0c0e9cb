//! An editor with one program open, which talks to the real loop of the server.

use lsp_server::{Connection, Message, Notification, Request};
use serde_json::{Value, json};
use std::ops::Range;
use std::time::Instant;

const ADDRESS: &str = "file:///bench/program.stream";

pub struct Editor {
    connection: Connection,
    text: String,
    version: i32,
    n_requests: i32,
}

impl Editor {
    /// With its program open, of which it has been told what is wrong.
    pub fn start(connection: Connection, text: &str) -> Editor {
        let mut editor = Editor { connection, text: text.to_string(), version: 1, n_requests: 0 };
        let abilities = json!({ "general": { "positionEncodings": ["utf-8"] } });
        editor.request("initialize", json!({ "capabilities": abilities }));
        editor.notify("initialized", json!({}));
        let document = json!({ "uri": ADDRESS, "languageId": "millstream", "version": 1, "text": text });
        editor.notify("textDocument/didOpen", json!({ "textDocument": document }));
        editor.wait_for_diagnostics();
        editor
    }

    /// Replaces bytes; when the server was told.
    pub fn replace(&mut self, bytes: Range<usize>, text: &str) -> Instant {
        let range = json!({ "start": self.position(bytes.start), "end": self.position(bytes.end) });
        self.text.replace_range(bytes, text);
        self.version += 1;
        let document = json!({ "uri": ADDRESS, "version": self.version });
        let changes = json!([{ "range": range, "text": text }]);
        let now = Instant::now();
        self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
        now
    }

    /// How many there are of the present text, when they have come.
    pub fn wait_for_diagnostics(&mut self) -> usize {
        loop {
            if let Message::Notification(notification) = self.receive()
                && notification.method == "textDocument/publishDiagnostics"
                && notification.params["version"] == self.version
            {
                return notification.params["diagnostics"].as_array().map_or(0, Vec::len);
            }
        }
    }

    /// The first that may be written at a place.
    pub fn completed(&mut self, place: usize) -> Option<String> {
        let document = json!({ "uri": ADDRESS });
        let params = json!({ "textDocument": document, "position": self.position(place) });
        let answer = self.request("textDocument/completion", params);
        answer[0]["label"].as_str().map(str::to_string)
    }

    fn position(&self, place: usize) -> Value {
        let before = &self.text[..place];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        json!({ "line": before.matches('\n').count(), "character": place - line })
    }

    fn request(&mut self, method: &str, params: Value) -> Value {
        self.n_requests += 1;
        self.send(Request::new(self.n_requests.into(), method.into(), params).into());
        loop {
            if let Message::Response(response) = self.receive() {
                return response.response_result.expect("an answer");
            }
        }
    }

    fn notify(&self, method: &str, params: Value) {
        self.send(Notification::new(method.into(), params).into());
    }

    fn send(&self, message: Message) {
        self.connection.sender.send(message).expect("the server listens");
    }

    fn receive(&self) -> Message {
        self.connection.receiver.recv().expect("the server talks")
    }
}
