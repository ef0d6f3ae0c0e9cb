//! Programs as they look while they are written: the first error is where the author is at work. Its place is
//! marked with `«…»`; nothing else may be reported before it.

mod support;

use millstream_base::codes;
use serde_json::Value;
use std::fmt::Write;
use support::Editor;
use support::texts::{Encoding, offset, span};

#[path = "../../tests/fuzz/src/bounded.rs"]
mod bounded;
#[path = "../../tests/fuzz/src/draw.rs"]
mod draw;

const HEAD: &str = "type Click = { user: string, n: int, at: timestamp }
source clicks: Click from file(\"clicks.ndjson\") format json time at
";

/// What comes below is right, and stays so.
const BELOW: &str = "
param below: int = 1
";

/// The code of the first error, and the program with its place.
const BROKEN: &[(&str, &str)] = &[
    // Half an item.
    ("E0101", "stream«»"),
    ("E0101", "stream s«»"),
    ("E0101", "stream s =«»"),
    ("E0101", "stream s = from«»"),
    ("E0101", "source c«»"),
    ("E0101", "source c:«»"),
    ("E0101", "source c: Click from«»"),
    ("E0109", "type T = {«»"),
    ("E0101", "type T = { a: «}»"),
    ("E0101", "fn f(a:«)»"),
    ("E0105", "«fn f(a: int) -> int»"),
    ("E0101", "sink out from clicks«»"),
    ("E0101", "test \"a\" { expect clicks empty given «}»"),
    ("E0101", "param a:«»"),
    // Half a clause.
    ("E0101", "stream s = from clicks where«»"),
    ("E0101", "stream s = from clicks where n >«»"),
    ("E0101", "stream s = from clicks where n > 1 and«»"),
    ("E0101", "stream s = from clicks select«»"),
    ("E0110", "stream s = from clicks select user«,»"),
    ("E0101", "stream s = from clicks select user as«»"),
    ("E0101", "stream s = from clicks let a =«»"),
    ("E0101", "stream s = from clicks group «user»"),
    ("E0101", "stream s = from clicks group by«»"),
    ("E0402", "stream s = from clicks window tumbling 5m «group by user»"),
    ("E0101", "stream s = from clicks window«»"),
    ("E0101", "stream s = from clicks window tumbling«»"),
    ("E0101", "stream s = from clicks join«»"),
    ("E0101", "stream s = from clicks as a join clicks as b on«»"),
    ("E0480", "stream s = from clicks as a «join clicks as b on a.user == b.user»"),
    // Half a pattern.
    ("E0101", "stream s = match«»"),
    ("E0101", "stream s = match by user a:«»"),
    ("E0101", "stream s = match by user a: clicks[«»"),
    ("E0101", "stream s = match by user a: clicks then«»"),
    ("E0501", "stream s = match by user «a: clicks then b: clicks»"),
    // Brackets, quotes and signs.
    ("E0109", "stream s = from clicks where (n > 1«»"),
    ("E0002", "stream s = from clicks where user == «\"a»"),
    ("E0106", "stream s = from clicks where n «=» 1"),
    ("E0010", "stream s = from clicks where n > 1 «&&» n < 2"),
    ("E0007", "stream s = from clicks where user == «'a'»"),
    ("E0012", "stream s = from clicks«;»"),
    // Names and types.
    ("E0201", "stream s = from clicks where «m» > 1"),
    ("E0203", "stream s = from «click»"),
    ("E0204", "type T = { a: «strong» }"),
    ("E0205", "stream s = from clicks let a = «lowr»(user)"),
    ("E0303", "stream s = from clicks where user «+» 1 > 2"),
    ("E0101", "stream s = from clicks select clicks.«»"),
    ("E0201", "stream s = from clicks as c where c.«m» > 1"),
];

fn diagnostics(program: &str) -> Vec<Value> {
    let mut editor = Editor::new();
    editor.open("program.stream", program);
    editor.diagnostics("program.stream")
}

#[test]
fn the_first_error_is_where_the_author_is_at_work() {
    let mut out = String::new();
    for (code, broken) in BROKEN {
        let start = HEAD.len() + broken.find('«').expect("a mark");
        let end = HEAD.len() + broken.find('»').expect("a mark") - '«'.len_utf8();
        let program = format!("{HEAD}{}{BELOW}", broken.replace(['«', '»'], ""));
        let found = diagnostics(&program);
        let first = found.first().unwrap_or_else(|| panic!("nothing is wrong with\n{program}"));
        let place = span(&program, &first["range"], Encoding::Utf16);
        if first["code"] != *code || place != (start..end) {
            let _ = writeln!(
                out,
                "{broken}\n  {} {place:?} instead of {code} {:?}: {}",
                first["code"],
                start..end,
                first["message"]
            );
        }
    }
    assert_eq!(out, "");
}

/// Each program of the reference of codes, as editors show what is wrong with it.
#[test]
fn every_code_has_its_place_in_editors() {
    let mut out = String::new();
    for code in codes::all() {
        let wrong =
            code.info().page.split("## Wrong").nth(1).and_then(|rest| rest.split("```stream\n").nth(1));
        let Some(program) = wrong.and_then(|rest| rest.split("```").next()) else { continue };
        for found in diagnostics(program).iter().filter(|d| d["code"] == code.name()) {
            let [start, end] =
                ["start", "end"].map(|end| offset(program, &found["range"][end], Encoding::Utf16));
            let line = program[..start].matches('\n').count() + 1;
            let text: String = program[start..end].replace('\n', "⏎").chars().take(60).collect();
            let _ = writeln!(out, "{code} line {line}: {text}");
        }
    }
    insta::assert_snapshot!(out);
}
