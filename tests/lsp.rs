//! `millstream lsp` as an editor starts it: messages over its standard input and output.

mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use support::Folder;

struct Server {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Server {
    fn start(folder: &Folder) -> Server {
        Server::of(folder.command("lsp").stderr(Stdio::inherit()).spawn().expect("the server starts"))
    }

    fn of(mut child: Child) -> Server {
        let to = child.stdin.take().expect("it is piped");
        let from = BufReader::new(child.stdout.take().expect("it is piped"));
        Server { child, to, from }
    }

    fn send(&mut self, message: Value) {
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("the server listens");
        self.to.flush().expect("the server listens");
    }

    fn request(&mut self, id: i32, method: &str, params: Value) -> Value {
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.receive_until(|message| message["id"] == id)
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.send(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn receive_until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.receive();
            if wanted(&message) {
                return message;
            }
        }
    }

    fn receive(&mut self) -> Value {
        let mut header = String::new();
        self.from.read_line(&mut header).expect("the server talks");
        let length = header.trim().strip_prefix("Content-Length: ").and_then(|n| n.parse().ok());
        let mut body = vec![0; length.unwrap_or_else(|| panic!("a header: {header:?}"))];
        self.from.read_line(&mut header).expect("an empty line");
        self.from.read_exact(&mut body).expect("the body");
        serde_json::from_slice(&body).expect("JSON")
    }
}

#[test]
fn an_editor_is_served_over_standard_input_and_output() {
    let folder = Folder::new();
    let mut server = Server::start(&folder);
    let started =
        server.request(1, "initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} }));
    assert_eq!(started["result"]["serverInfo"]["name"], "millstream");
    server.notify("initialized", json!({}));
    let uri = format!("file://{}/a.stream", folder.path().display());
    let text = "stream s = from nothing\n";
    let document = json!({ "uri": uri, "languageId": "millstream", "version": 1, "text": text });
    server.notify("textDocument/didOpen", json!({ "textDocument": document }));
    let published = server.receive_until(|message| message["method"] == "textDocument/publishDiagnostics");
    assert_eq!(published["params"]["diagnostics"][0]["code"], "E0203");
    assert_eq!(server.request(2, "shutdown", Value::Null)["result"], Value::Null);
    server.notify("exit", Value::Null);
    assert_eq!(server.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_constant_that_takes_long_is_marked_and_the_editor_goes_on() {
    let folder = Folder::new();
    let mut server = Server::start(&folder);
    server.request(1, "initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} }));
    let uri = format!("file://{}/a.stream", folder.path().display());
    let slow = "length([length([x * y for y in range(0, 200000)]) for x in range(0, 200000)])";
    let text = format!("param most: int = {slow}\n");
    let document = json!({ "uri": uri, "languageId": "millstream", "version": 1, "text": text });
    server.notify("textDocument/didOpen", json!({ "textDocument": document }));
    let published = server.receive_until(|message| message["method"] == "textDocument/publishDiagnostics");
    let told = &published["params"]["diagnostics"][0];
    assert_eq!(told["code"], "E0339", "{published}");
    assert_eq!(told["range"]["start"], json!({ "line": 0, "character": 18 }));
    assert_eq!(told["range"]["end"], json!({ "line": 0, "character": 18 + slow.len() }));
    let position = json!({ "textDocument": { "uri": uri }, "position": { "line": 0, "character": 7 } });
    assert!(server.request(2, "textDocument/hover", position)["result"].is_object());
}

#[test]
fn an_editor_that_goes_away_ends_the_server() {
    let folder = Folder::new();
    for (said, why) in [
        ("", ""),
        ("Content-Length: 2\r\n\r\n", "the input ends in a message"),
        ("nonsense\r\n\r\n", "a header is expected, such as `Content-Length: 100`, found \"nonsense\""),
        ("Content-Length: 18446744073709551615\r\n\r\n{}", "a message of 18446744073709551615 bytes"),
        ("Content-Type: x\r\n\r\n{}", "a message has no `Content-Length`"),
    ] {
        let ran = folder.run_with("lsp", said);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{said:?}: {}", ran.stderr);
        let begins = if why.is_empty() {
            String::new()
        } else {
            format!("error: the editor's messages cannot be read: {why}")
        };
        assert!(
            ran.stderr.starts_with(&begins) && ran.stderr.lines().count() <= 1,
            "{said:?}: {}",
            ran.stderr
        );
    }
}

#[test]
fn what_is_no_message_is_answered_and_the_server_goes_on() {
    let folder = Folder::new();
    let mut server = Server::start(&folder);
    server.request(1, "initialize", json!({ "capabilities": {} }));
    for (body, code) in [("{{{{", -32700), ("\"", -32700), ("[]", -32600), ("{\"jsonrpc\":\"2.0\"}", -32600)]
    {
        write!(server.to, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("the server listens");
        let answer = server.receive();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(code)), "{body}");
    }
    assert_eq!(server.request(2, "shutdown", Value::Null)["result"], Value::Null);
    server.notify("exit", Value::Null);
    assert_eq!(server.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn pages_of_codes_are_files_for_an_editor_that_asks_for_none() {
    let folder = Folder::new();
    let mut command = folder.command("lsp");
    let child = command.env("XDG_CACHE_HOME", folder.path().join("caches")).stderr(Stdio::inherit()).spawn();
    let mut server = Server::of(child.expect("the server starts"));
    server.request(1, "initialize", json!({ "capabilities": {} }));
    let uri = format!("file://{}/a.stream", folder.path().display());
    let document =
        json!({ "uri": uri, "languageId": "millstream", "version": 1, "text": "stream s = from a\n" });
    server.notify("textDocument/didOpen", json!({ "textDocument": document }));
    let published = server.receive_until(|message| message["method"] == "textDocument/publishDiagnostics");
    let link = published["params"]["diagnostics"][0]["codeDescription"]["href"].as_str().expect("a link");
    let path = link.strip_prefix("file://").expect("a file");
    assert!(path.starts_with(&folder.path().display().to_string()), "{path}");
    assert!(std::fs::read_to_string(path).expect("a page").starts_with("# E0203: "));
    server.child.kill().expect("it runs");
    server.child.wait().expect("it ends");
}
