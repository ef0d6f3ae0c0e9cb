//! How a conversation begins, goes wrong, and ends.

mod support;

use lsp_server::{Connection, Message, Notification, Request};
use millstream_lsp::{Ended, serve};
use serde_json::{Value, json};
use support::Editor;

const PROGRAM: &str = "param least: int = 3\n";

#[test]
fn the_server_says_what_it_can_do() {
    let editor = Editor::new();
    insta::assert_snapshot!(editor.shown(&editor.capabilities));
    assert_eq!(editor.finish(), Ended::AsAgreed);
}

#[test]
fn an_editor_may_leave_at_any_time() {
    assert_eq!(Editor::new().leave(), Ended::Early);
    let mut editor = Editor::new();
    editor.open("a.stream", PROGRAM);
    editor.notify("exit", Value::Null);
    assert_eq!(editor.leave(), Ended::Early);
}

#[test]
fn nothing_comes_before_the_beginning_or_after_the_end() {
    let (editor, server) = Connection::memory();
    let messages: Vec<Message> = vec![
        Request::new(1.into(), "textDocument/hover".into(), json!({})).into(),
        Notification::new("textDocument/didOpen".into(), json!({})).into(),
        Request::new(2.into(), "initialize".into(), json!({ "capabilities": {} })).into(),
        Notification::new("initialized".into(), json!({})).into(),
        Request::new(3.into(), "shutdown".into(), Value::Null).into(),
        Request::new(4.into(), "textDocument/hover".into(), json!({})).into(),
        Notification::new("exit".into(), Value::Null).into(),
    ];
    messages.into_iter().for_each(|message| editor.sender.send(message).expect("it is kept"));
    assert_eq!(serve(&server, None), Ended::AsAgreed);
    drop(server);
    let answers = editor.receiver.iter().filter_map(|message| match message {
        Message::Response(response) => Some(match response.response_result {
            Ok(_) => format!("{}: fine", response.id),
            Err(error) => format!("{}: {} {}", response.id, error.code, error.message),
        }),
        _ => None,
    });
    insta::assert_snapshot!(answers.collect::<Vec<_>>().join("\n"), @r"
    1: -32002 the conversation begins with `initialize`
    2: fine
    3: fine
    4: -32600 the server has been shut down
    ");
}

#[test]
fn what_cannot_be_answered_is_refused_and_the_server_goes_on() {
    let mut editor = Editor::new();
    editor.open("a.stream", PROGRAM);
    let refusals = [
        editor.request("textDocument/foldEverything", json!({})),
        editor.request("textDocument/foldingRange", json!({ "textDocument": 7 })),
        editor.request("textDocument/foldingRange", Value::Null),
        editor.request("textDocument/foldingRange", json!({ "textDocument": { "uri": "not an address" } })),
        editor.ask("foldingRange", "closed.stream", json!({})),
        editor.request("workspace/textDocumentContent", json!({ "uri": "millstream:/codes/E9999.md" })),
    ];
    let shown = refusals.map(|refusal| editor.shown(&refusal.expect_err("nothing to answer"))).join("\n\n");
    insta::assert_snapshot!(shown);
    assert!(editor.ask("foldingRange", "a.stream", json!({})).is_ok());
}

#[test]
fn notifications_that_make_no_sense_are_logged_or_let_be() {
    let mut editor = Editor::new();
    editor.notify("$/setTrace", json!({ "value": "verbose" }));
    editor.notify("workspace/didChangeConfiguration", json!({ "settings": null }));
    editor.notify("something/else", json!([1, 2]));
    editor.notify("textDocument/didOpen", json!({ "textDocument": {} }));
    editor.notify("textDocument/didChange", Value::Null);
    let closed = json!({ "uri": "file:///nowhere.stream", "version": 2 });
    editor.notify(
        "textDocument/didChange",
        json!({ "textDocument": closed, "contentChanges": [{ "text": "" }] }),
    );
    editor.notify("textDocument/didClose", json!({ "textDocument": { "uri": "file:///nowhere.stream" } }));
    editor.open("a.stream", PROGRAM);
    assert_eq!(editor.diagnostics("a.stream"), Vec::<Value>::new());
    insta::assert_snapshot!(editor.log.join("\n"), @r"
    textDocument/didOpen: missing field `uri`
    textDocument/didChange: invalid type: null, expected struct DidChangeTextDocumentParams
    ");
}

#[test]
fn places_that_are_nowhere_are_the_nearest_there_is() {
    let mut editor = Editor::new();
    editor.open("a.stream", "param `größe🎉`: int = 3");
    let far = json!({ "line": 0, "character": 999 });
    let below = json!({ "line": 4_000_000_000_u32, "character": 4_000_000_000_u32 });
    let inside = json!({ "line": 0, "character": 13 });
    let selected = editor.ask("selectionRange", "a.stream", json!({ "positions": [far, below, inside] }));
    insta::assert_snapshot!(editor.shown(&selected.expect("an answer")));
    for (line, character) in [(-1, 0), (0, 4_294_967_296_i64)] {
        let position = json!({ "line": line, "character": character });
        let refused = editor.ask("selectionRange", "a.stream", json!({ "positions": [position] }));
        assert_eq!(refused.expect_err("no number of a line or column")["code"], -32602);
    }
}

/// Each request has one answer, whether it was cancelled in time or not; how a request that still waits is
/// cancelled is shown beside the inbox.
#[test]
fn cancelled_requests_are_answered_once() {
    let mut editor = Editor::new();
    let long = "stream s = from t where a > 1\n".repeat(300);
    editor.open("a.stream", &long);
    let document = json!({ "textDocument": { "uri": editor.address("a.stream") } });
    let ids: Vec<_> =
        (0..20).map(|_| editor.send_request("textDocument/foldingRange", document.clone())).collect();
    for id in &ids {
        editor.notify("$/cancelRequest", json!({ "id": id }));
    }
    editor.notify("$/cancelRequest", json!({ "id": "never sent" }));
    for id in ids {
        if let Err(refusal) = editor.answer(id) {
            assert_eq!(refusal["code"], -32800);
        }
    }
    assert!(editor.ask("foldingRange", "a.stream", json!({})).is_ok());
}
