//! An editor: the client's side of the protocol, over a connection in memory to the real loop.
//!
//! It keeps its own copies of the texts and counts lines and columns in its own way, so that it notices when the
//! server's differ.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod shown;
pub mod texts;

use lsp_server::{Connection, Message, Notification, Request, RequestId};
use millstream_lsp::{Ended, serve};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::thread::JoinHandle;
use texts::Encoding;

pub struct Editor {
    connection: Connection,
    server: Option<JoinHandle<Ended>>,
    next_id: i32,
    encoding: Encoding,
    folder: tempfile::TempDir,
    open: BTreeMap<String, Open>,
    /// What was published last, by address.
    published: BTreeMap<String, Value>,
    /// What the server wrote into the log.
    pub log: Vec<String>,
    pub capabilities: Value,
}

struct Open {
    version: i32,
    text: String,
}

impl Editor {
    /// An editor that can do all that the server makes use of.
    pub fn new() -> Editor {
        Editor::counting(Encoding::Utf16)
    }

    pub fn counting(encoding: Encoding) -> Editor {
        Editor::with(
            encoding,
            json!({
                "general": { "positionEncodings": [encoding.name()] },
                "workspace": {
                    "workspaceEdit": { "documentChanges": true },
                    "textDocumentContent": {},
                },
                "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } },
            }),
        )
    }

    pub fn with(encoding: Encoding, capabilities: Value) -> Editor {
        let (connection, server) = Connection::memory();
        // As large as that of the main thread, on which the server runs otherwise.
        let thread = std::thread::Builder::new().stack_size(8 << 20);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let caches = folder.path().join(".caches");
        let server = thread.spawn(move || serve(&server, Some(&caches))).expect("threads can be started");
        let mut editor = Editor {
            connection,
            server: Some(server),
            next_id: 0,
            encoding,
            folder,
            open: BTreeMap::new(),
            published: BTreeMap::new(),
            log: vec![],
            capabilities: Value::Null,
        };
        let root = editor.address("");
        let params = json!({ "capabilities": capabilities, "rootUri": root.trim_end_matches('/') });
        editor.capabilities =
            editor.request("initialize", params).expect("the server starts")["capabilities"].clone();
        editor.notify("initialized", json!({}));
        editor
    }

    /// The address of a file in the editor's folder.
    pub fn address(&self, name: &str) -> String {
        if name.contains(':') {
            return name.to_string();
        }
        format!("file://{}/{}", self.folder.path().display(), name.replace(' ', "%20"))
    }

    /// Writes a file to the disk.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders can be made");
        std::fs::write(path, text).expect("files can be written");
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.folder.path().join(name)).expect("files can be removed");
    }

    pub fn open(&mut self, name: &str, text: &str) {
        let item =
            json!({ "uri": self.address(name), "languageId": "millstream", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": item }));
        self.open.insert(name.to_string(), Open { version: 1, text: text.to_string() });
    }

    /// Replaces a range of bytes, which begins and ends between characters.
    pub fn edit(&mut self, name: &str, range: Range<usize>, text: &str) {
        self.edit_all(name, &[(range, text)]);
    }

    /// Several edits in one message, each of the text that the one before left.
    pub fn edit_all(&mut self, name: &str, edits: &[(Range<usize>, &str)]) {
        let address = self.address(name);
        let encoding = self.encoding;
        let open = self.open.get_mut(name).expect("the file is open");
        let changes: Vec<Value> = edits
            .iter()
            .map(|(range, new)| {
                let start = texts::position(&open.text, range.start, encoding);
                let end = texts::position(&open.text, range.end, encoding);
                open.text.replace_range(range.clone(), new);
                json!({ "range": { "start": start, "end": end }, "text": new })
            })
            .collect();
        open.version += 1;
        let document = json!({ "uri": address, "version": open.version });
        self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
    }

    /// Sends the whole text, as editors without incremental changes do.
    pub fn replace(&mut self, name: &str, text: &str) {
        let address = self.address(name);
        let open = self.open.get_mut(name).expect("the file is open");
        open.version += 1;
        open.text = text.to_string();
        let document = json!({ "uri": address, "version": open.version });
        self.notify(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": [{ "text": text }] }),
        );
    }

    pub fn close(&mut self, name: &str) {
        self.open.remove(name);
        let document = json!({ "uri": self.address(name) });
        self.notify("textDocument/didClose", json!({ "textDocument": document }));
    }

    pub fn changed_on_disk(&mut self, name: &str) {
        let changes = json!([{ "uri": self.address(name), "type": 2 }]);
        self.notify("workspace/didChangeWatchedFiles", json!({ "changes": changes }));
    }

    pub fn text(&self, name: &str) -> &str {
        &self.open.get(name).expect("the file is open").text
    }

    /// What was published for the present text of an open file.
    pub fn diagnostics(&mut self, name: &str) -> Vec<Value> {
        let address = self.address(name);
        let version = self.open.get(name).expect("the file is open").version;
        loop {
            if let Some(published) = self.published.get(&address).filter(|p| p["version"] == version) {
                return published["diagnostics"].as_array().expect("a list").clone();
            }
            self.receive();
        }
    }

    /// What was published last for a file that need not be open. All that went before has been dealt with.
    pub fn last_diagnostics(&mut self, name: &str) -> Vec<Value> {
        self.settle();
        let published = self.published.get(&self.address(name)).map(|p| &p["diagnostics"]);
        published.and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Waits until what has been sent so far is published: what is published together comes in the order of the
    /// names, and that of this text is the last.
    fn settle(&mut self) {
        if self.capabilities["diagnosticProvider"].is_object() {
            return self.settle_without_open_files();
        }
        const LAST: &str = "zzz:last";
        self.open(LAST, "");
        let _ = self.diagnostics(LAST);
        self.close(LAST);
        self.published.remove(LAST);
    }

    /// The same where nothing is published of files that are open. What was published already is not published anew,
    /// so it takes another file each time.
    fn settle_without_open_files(&mut self) {
        self.next_id += 1;
        let [used, user] = ["used", "user"].map(|name| format!("zzz/{name}{}.stream", self.next_id));
        self.write(&used, "broken");
        self.open(&user, &format!("use \"used{}.stream\"", self.next_id));
        let address = self.address(&used);
        while !self.published.contains_key(&address) {
            self.receive();
        }
        self.close(&user);
    }

    /// The answer, or the error.
    pub fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.send_request(method, params);
        self.answer(id)
    }

    pub fn send_request(&mut self, method: &str, params: Value) -> RequestId {
        self.next_id += 1;
        let id = RequestId::from(self.next_id);
        self.send(Request::new(id.clone(), method.into(), params));
        id
    }

    /// Waits for the answer to a request; what else comes meanwhile is noted.
    pub fn answer(&mut self, id: RequestId) -> Result<Value, Value> {
        loop {
            if let Some(response) = self.receive() {
                assert_eq!(response.id, id, "answers come in the order of the requests");
                return response
                    .response_result
                    .map_err(|error| json!({ "code": error.code, "message": error.message }));
            }
        }
    }

    /// A request of a document, whose parameters have other members.
    pub fn ask(&mut self, method: &str, name: &str, mut others: Value) -> Result<Value, Value> {
        others["textDocument"] = json!({ "uri": self.address(name) });
        self.request(&format!("textDocument/{method}"), others)
    }

    /// A request of a place in a document.
    pub fn ask_at(&mut self, method: &str, name: &str, offset: usize) -> Result<Value, Value> {
        let position = texts::position(self.text(name), offset, self.encoding);
        self.ask(method, name, json!({ "position": position }))
    }

    pub fn position(&self, name: &str, offset: usize) -> Value {
        texts::position(self.text(name), offset, self.encoding)
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(Notification::new(method.into(), params));
    }

    fn send(&self, message: impl Into<Message>) {
        self.connection.sender.send(message.into()).expect("the server listens");
    }

    /// One message: a response, or something that is noted.
    fn receive(&mut self) -> Option<lsp_server::Response> {
        match self.connection.receiver.recv().expect("the server talks") {
            Message::Response(response) => Some(response),
            Message::Notification(notification) => {
                match notification.method.as_str() {
                    "textDocument/publishDiagnostics" => {
                        let address = notification.params["uri"].as_str().expect("an address").to_string();
                        self.published.insert(address, notification.params);
                    }
                    "window/logMessage" => {
                        let line = notification.params["message"].as_str().expect("a line");
                        self.log.push(line.to_string());
                    }
                    other => panic!("an editor does not know {other}"),
                }
                None
            }
            Message::Request(request) => {
                self.log.push(format!("asked for {}: {}", request.method, request.params));
                None
            }
        }
    }

    /// Ends the conversation as the protocol wants it.
    pub fn finish(mut self) -> Ended {
        self.request("shutdown", Value::Null).expect("the server shuts down");
        self.notify("exit", Value::Null);
        self.server.take().expect("it runs").join().expect("the server does not panic")
    }

    /// Ends it at once.
    pub fn leave(mut self) -> Ended {
        let (nobody, _) = Connection::memory();
        self.connection = nobody;
        self.server.take().expect("it runs").join().expect("the server does not panic")
    }

    /// A value of the protocol as snapshots show it.
    pub fn shown(&self, value: &Value) -> String {
        shown::shown(value, &self.address(""))
    }
}
