//! Files that come and go, on the disk and in the editor, and programs of several files.

mod support;

use serde_json::{Value, json};
use support::Editor;
use support::texts::{ENCODINGS, Encoding};

const MAIN: &str =
    "use \"shared/types.stream\"\n\nsource clicks: Click from file(\"clicks.csv\") format csv\n";
const TYPES: &str = "type Click = { user: string }\n";

/// The codes of what was found, with places.
fn found(editor: &Editor, diagnostics: &[Value]) -> String {
    let line = |d: &Value| {
        let range = editor.shown(&d["range"]);
        format!("{range} {} {}", d["code"].as_str().unwrap_or("?"), d["message"].as_str().unwrap_or("?"))
            .replace(&editor.address("").replace("file://", ""), "")
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn used_files_are_read_from_the_disk_and_when_they_change() {
    let mut editor = Editor::new();
    editor.open("main.stream", MAIN);
    let missing = editor.diagnostics("main.stream");
    insta::assert_snapshot!(found(&editor, &missing));

    editor.write("shared/types.stream", TYPES);
    editor.changed_on_disk("shared/types.stream");
    assert_eq!(editor.last_diagnostics("main.stream"), Vec::<Value>::new());

    editor.remove("shared/types.stream");
    editor.changed_on_disk("shared/types.stream");
    assert_eq!(editor.last_diagnostics("main.stream"), missing);
}

#[test]
fn unsaved_used_files_count_as_they_stand_in_the_editor() {
    let mut editor = Editor::new();
    editor.write("shared/types.stream", TYPES);
    editor.open("main.stream", MAIN);
    assert_eq!(editor.diagnostics("main.stream"), Vec::<Value>::new());

    editor.open("shared/types.stream", TYPES);
    editor.replace("shared/types.stream", "type Clock = { user: string }\n");
    let unknown = editor.last_diagnostics("main.stream");
    insta::assert_snapshot!(found(&editor, &unknown));
    assert_eq!(editor.diagnostics("shared/types.stream"), Vec::<Value>::new());

    // What the editor has not saved is gone when it closes the file.
    editor.close("shared/types.stream");
    assert_eq!(editor.last_diagnostics("main.stream"), Vec::<Value>::new());
}

#[test]
fn a_file_has_one_name_however_it_is_used() {
    let mut editor = Editor::new();
    editor.write("shared/types.stream", "broken");
    editor.open("shared/types.stream", TYPES);
    editor.open("deep/main.stream", &MAIN.replace("shared/", "../shared/./"));
    assert_eq!(editor.diagnostics("deep/main.stream"), Vec::<Value>::new());
}

#[test]
fn what_is_wrong_in_a_used_file_is_shown_there_until_nobody_uses_it() {
    let mut editor = Editor::new();
    editor.write("shared/types.stream", "type Click = { user: strong }\n");
    editor.open("main.stream", MAIN);
    assert_eq!(editor.last_diagnostics("main.stream"), Vec::<Value>::new());
    let wrong = editor.last_diagnostics("shared/types.stream");
    insta::assert_snapshot!(found(&editor, &wrong));

    // Shown once, though it is found by two programs.
    editor.open("shared/types.stream", "type Click = { user: strong }\n");
    assert_eq!(editor.diagnostics("shared/types.stream"), wrong);
    editor.close("shared/types.stream");
    assert_eq!(editor.last_diagnostics("shared/types.stream"), wrong);

    editor.close("main.stream");
    assert_eq!(editor.last_diagnostics("shared/types.stream"), Vec::<Value>::new());
}

#[test]
fn what_was_wrong_goes_with_the_file() {
    let mut editor = Editor::new();
    editor.open("a.stream", "stream s = from nothing");
    assert_eq!(editor.diagnostics("a.stream").len(), 1);
    editor.close("a.stream");
    assert_eq!(editor.last_diagnostics("a.stream"), Vec::<Value>::new());
}

#[test]
fn texts_that_were_never_saved_are_programs_that_use_no_files() {
    let mut editor = Editor::new();
    editor.open("untitled:Untitled-1", MAIN);
    let diagnostics = editor.diagnostics("untitled:Untitled-1");
    insta::assert_snapshot!(found(&editor, &diagnostics));
}

#[test]
fn names_of_files_may_hold_anything() {
    let mut editor = Editor::new();
    editor.write("my types/größe 🎉.stream", TYPES);
    editor.open("my program.stream", &MAIN.replace("shared/types", "my types/größe 🎉"));
    assert_eq!(editor.diagnostics("my program.stream"), Vec::<Value>::new());
}

#[test]
fn columns_are_counted_as_was_agreed_on() {
    for encoding in ENCODINGS {
        let mut editor = Editor::counting(encoding);
        assert_eq!(editor.capabilities["positionEncoding"], encoding.name());
        let (before, name) = ("-- 🎉\r\nparam `größe🎉`: int = ", "nothing");
        editor.open("a.stream", &format!("{before}{name}\r\n"));
        let diagnostics = editor.diagnostics("a.stream");
        let place = support::texts::span(editor.text("a.stream"), &diagnostics[0]["range"], encoding);
        assert_eq!(place, before.len()..before.len() + name.len(), "{encoding:?}");
        // The second edit is of the text that the first one left, on the same line.
        let at = before.find("größe").expect("it stands there");
        let end = before.len() + name.len() - "ö".len();
        editor.edit_all("a.stream", &[(at..at + "größe".len(), "gr"), (end - 5..end + 1 - 5 + 1, "🎉")]);
        let edited = editor.text("a.stream").to_string();
        let diagnostics = editor.diagnostics("a.stream");
        let mut fresh = Editor::counting(encoding);
        fresh.open("a.stream", &edited);
        assert_eq!(diagnostics, fresh.diagnostics("a.stream"), "{encoding:?} {edited:?}");
    }
    let mut editor = Editor::with(Encoding::Utf16, json!({}));
    assert_eq!(editor.capabilities["positionEncoding"], "utf-16");
    editor.open("a.stream", "param `🎉`: int = nothing");
    assert_eq!(editor.diagnostics("a.stream")[0]["range"]["start"]["character"], 18);
}
