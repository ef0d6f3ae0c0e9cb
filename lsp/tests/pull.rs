//! An editor that asks for what is wrong with the files that are open in it.

mod support;

use serde_json::{Value, json};
use support::Editor;
use support::texts::Encoding;

const MAIN: &str = "use \"types.stream\"\nsource clicks: Click from file(\"clicks.csv\") format csv\n";
const TYPES: &str = "type Click = { user: string }\n";
const OTHER_TYPES: &str = "type Clock = { user: string }\n";

fn editor() -> Editor {
    Editor::with(
        Encoding::Utf16,
        json!({
            "textDocument": { "diagnostic": {} },
            "workspace": { "diagnostics": { "refreshSupport": true } },
        }),
    )
}

/// The codes of what is wrong.
fn asked(editor: &mut Editor, name: &str) -> Vec<String> {
    let report = editor.ask("diagnostic", name, json!({})).expect("a report");
    assert_eq!(report["kind"], "full");
    codes(report["items"].as_array().expect("a list"))
}

fn codes(diagnostics: &[Value]) -> Vec<String> {
    diagnostics.iter().filter_map(|found| found["code"].as_str().map(str::to_string)).collect()
}

#[test]
fn what_is_wrong_is_told_when_asked_and_not_published() {
    let mut editor = editor();
    assert!(editor.capabilities["diagnosticProvider"].is_object());
    editor.open("a.stream", "stream a = from nothing\n");
    assert_eq!(asked(&mut editor, "a.stream"), ["E0203"]);
    editor.replace("a.stream", "param a: int = 1\n");
    assert_eq!(asked(&mut editor, "a.stream"), [""; 0]);
    editor.replace("a.stream", "param a: int = \"\"\n");
    assert_eq!(editor.last_diagnostics("a.stream"), Vec::<Value>::new());
    assert_eq!(asked(&mut editor, "a.stream"), ["E0301"]);
    assert!(editor.ask("diagnostic", "closed.stream", json!({})).is_err());
    assert_eq!(editor.log, [""; 0], "nothing that it did not know");
}

#[test]
fn who_only_listens_is_not_asked_to_ask() {
    let editor = Editor::with(Encoding::Utf16, json!({ "textDocument": { "diagnostic": {} } }));
    assert_eq!(editor.capabilities["diagnosticProvider"], Value::Null);
}

#[test]
fn an_editor_is_told_to_ask_again_when_a_used_file_changes() {
    let mut editor = editor();
    editor.open("types.stream", TYPES);
    editor.open("main.stream", MAIN);
    assert_eq!(asked(&mut editor, "main.stream"), [""; 0]);
    assert_eq!(asked(&mut editor, "types.stream"), [""; 0]);
    editor.replace("types.stream", OTHER_TYPES);
    let _ = editor.last_diagnostics("main.stream");
    assert_eq!(editor.log, ["asked for workspace/diagnostic/refresh: null"]);
    assert_eq!(asked(&mut editor, "main.stream"), ["E0204"]);
    // It knows now.
    editor.replace("types.stream", &format!("{OTHER_TYPES}\n"));
    let _ = editor.last_diagnostics("main.stream");
    assert_eq!(editor.log.len(), 1);
}

#[test]
fn files_that_are_not_open_are_published_until_they_are() {
    let mut editor = editor();
    editor.write("types.stream", "type Click = { user: strong }\n");
    editor.open("main.stream", MAIN);
    assert_eq!(codes(&editor.last_diagnostics("types.stream")), ["E0204"]);
    editor.open("types.stream", "type Click = { user: strong }\n");
    assert_eq!(editor.last_diagnostics("types.stream"), Vec::<Value>::new());
    assert_eq!(asked(&mut editor, "types.stream"), ["E0204"]);
    editor.close("types.stream");
    assert_eq!(codes(&editor.last_diagnostics("types.stream")), ["E0204"]);
}
