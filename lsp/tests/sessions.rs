//! Real sessions: programs of the repository are typed, pasted, cut, undone and edited at random. After each step
//! what the server has published has to be what a fresh analysis of the text finds, and at the end of each session
//! the server has to answer everything as one that has seen nothing but the outcome.
//!
//! `MILLSTREAM_CASES=full` types every program, more of them by character, and makes ten times as many random edits; `MILLSTREAM_SEED` makes
//! others.

#[path = "../../tests/fuzz/src/bounded.rs"]
mod bounded;
#[path = "../../tests/fuzz/src/draw.rs"]
mod draw;
mod support;

use draw::Draw;
use millstream_base::{Diagnostic, codes};
use millstream_core::SourceText;
use millstream_lsp::analysis::Analysis;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::Range;
use support::Editor;
use support::texts::{self, ENCODINGS, Encoding};

const NAME: &str = "program.stream";

/// What the programs of Nexmark use.
const USED: &str = "events.stream";

fn used() -> &'static str {
    include_str!("../../examples/nexmark/events.stream")
}

/// A finding as both sides can tell it.
type Finding = (String, Range<usize>, String);

/// A server that has seen all edits, and the texts that it should know.
struct Session {
    editor: Editor,
    encoding: Encoding,
    /// What the text was before each edit.
    before: Vec<String>,
}

impl Session {
    fn new(text: &str, encoding: Encoding) -> Session {
        let mut editor = Editor::counting(encoding);
        editor.write(USED, used());
        editor.open(NAME, text);
        let mut session = Session { editor, encoding, before: vec![] };
        session.compare();
        session
    }

    fn text(&self) -> &str {
        self.editor.text(NAME)
    }

    fn edit(&mut self, range: Range<usize>, text: &str) {
        self.before.push(self.text().to_string());
        self.editor.edit(NAME, range, text);
        self.compare();
    }

    /// Takes the last edit back, as an editor does: by the one edit that leads there.
    fn undo(&mut self) {
        let Some(before) = self.before.pop() else { return };
        let now = self.text().to_string();
        let same = |(a, b): &(char, char)| a == b;
        let start: usize = now.chars().zip(before.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
        let (rest, wanted) = (&now[start..], &before[start..]);
        let end: usize =
            rest.chars().rev().zip(wanted.chars().rev()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
        let new = wanted[..wanted.len() - end].to_string();
        self.editor.edit(NAME, start..now.len() - end, &new);
        assert_eq!(self.text(), before);
        self.compare();
    }

    fn compare(&mut self) {
        let published = self.editor.diagnostics(NAME);
        let text = self.text();
        let told: Vec<Finding> = published.iter().map(|d| told(d, text, self.encoding)).collect();
        assert_eq!(told, fresh(text), "the server lost its way in\n{text}");
    }

    /// Everything that can be asked, of this server and of a fresh one.
    fn finish(mut self) {
        let text = self.text().to_string();
        let mut fresh = Editor::counting(self.encoding);
        fresh.write(USED, used());
        fresh.open(NAME, &text);
        let (ours, theirs) = (self.editor.diagnostics(NAME), fresh.diagnostics(NAME));
        assert_eq!(self.editor.shown(&ours.into()), fresh.shown(&theirs.into()), "{text}");
        for method in ["documentSymbol", "foldingRange", "codeLens", "semanticTokens/full", "formatting"] {
            let ask = |editor: &mut Editor| {
                let answer =
                    editor.ask(method, NAME, json!({ "options": { "tabSize": 2, "insertSpaces": true } }));
                answer.unwrap_or_else(|refusal| panic!("{method}: {refusal}"))
            };
            let (ours, theirs) = (ask(&mut self.editor), ask(&mut fresh));
            assert_eq!(self.editor.shown(&ours), fresh.shown(&theirs), "{method} of\n{text}");
        }
        assert_eq!(self.editor.log, Vec::<String>::new());
    }
}

fn told(diagnostic: &Value, text: &str, encoding: Encoding) -> Finding {
    let code = diagnostic["code"].as_str().expect("a code").to_string();
    let message = diagnostic["message"].as_str().expect("a message");
    let headline = headline(&code, message);
    (code, texts::span(text, &diagnostic["range"], encoding), headline)
}

fn fresh(text: &str) -> Vec<Finding> {
    let mut load = |_: &str, path: &str| match path {
        USED => Ok(SourceText { name: path.to_string(), text: used().to_string() }),
        _ => Err("it is not there".to_string()),
    };
    let analysis = Analysis::new(NAME, text, &mut load);
    // Parameters get their values when a program is run.
    let in_text = |d: &&Diagnostic| d.primary.span.file == analysis.main && d.code != codes::E0213;
    let finding =
        |d: &Diagnostic| (d.code.to_string(), d.primary.span.range(), headline(d.code.name(), &d.headline));
    let found = analysis.diagnostics().iter().filter(in_text);
    let mut findings: Vec<Finding> = found.map(finding).collect();
    findings.dedup();
    findings
}

/// Why a file cannot be read is said by who cannot read it.
fn headline(code: &str, message: &str) -> String {
    let headline = message.lines().next().unwrap_or_default();
    if code == "E0220" { String::new() } else { headline.to_string() }
}

fn examples() -> Vec<String> {
    let folders = ["examples", "examples/fraud", "examples/iot", "examples/logistics", "examples/markets"];
    let more = ["examples/security", "examples/nexmark", "compiler/syntax/tests/corpus/valid"];
    let files = bounded::files(&[&folders[..], &more[..]].concat(), "stream");
    files.into_iter().map(|file| String::from_utf8(file).expect("programs are UTF-8")).collect()
}

fn is_full() -> bool {
    std::env::var("MILLSTREAM_CASES").is_ok_and(|cases| cases == "full")
}

fn draw() -> Draw {
    let seed = std::env::var("MILLSTREAM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("MILLSTREAM_SEED={seed}");
    Draw::new(seed)
}

/// The length of the next step of typing: a character, or in long sessions a word.
fn step(rest: &str, by_word: bool) -> usize {
    let mut chars = rest.char_indices();
    let first = chars.next().map_or(0, |(_, c)| c.len_utf8());
    match by_word {
        true => rest.find(char::is_whitespace).map_or(rest.len(), |end| end + 1).max(first),
        false => first,
    }
}

#[test]
fn programs_are_typed_from_their_first_character_to_their_last() {
    for (n, program) in examples().iter().enumerate().filter(|(n, _)| is_full() || n % 8 == 1) {
        // Some by character, the others by word.
        let by_word = n % if is_full() { 5 } else { 40 } != 1;
        let mut session = Session::new("", ENCODINGS[n % 3]);
        let mut at = 0;
        while at < program.len() {
            let end = (at + step(&program[at..], by_word)).min(program.len());
            session.edit(at..at, &program[at..end]);
            at = end;
        }
        assert_eq!(session.text(), program);
        session.finish();
    }
}

#[test]
fn programs_are_pasted_cut_line_by_line_and_undone() {
    for (n, program) in examples().iter().enumerate().filter(|(n, _)| is_full() || n % 10 == 0) {
        let mut session = Session::new("", ENCODINGS[n % 3]);
        session.edit(0..0, program);
        let lines: Vec<usize> = program.match_indices('\n').map(|(at, _)| at + 1).collect();
        for pair in lines.windows(2).step_by(if is_full() { 1 } else { 8 }) {
            let line = pair[0].min(session.text().len())..pair[1].min(session.text().len());
            session.edit(line, "");
            session.undo();
        }
        session.edit(0..session.text().len(), "");
        session.undo();
        assert_eq!(session.text(), program);
        session.finish();
    }
}

#[test]
fn programs_are_changed_at_random() {
    let mut draw = draw();
    let programs = examples();
    let words = [
        "🎉",
        "\r\n",
        "\r",
        "\n",
        "é",
        "\"",
        "`",
        "from",
        " where ",
        "(",
        ")",
        "{",
        "}",
        "--",
        "価格",
        "within 5m",
    ];
    for n in 0..if is_full() { 100 } else { 10 } {
        let mut session = Session::new(&programs[draw.below(programs.len())], ENCODINGS[n % 3]);
        for _ in 0..20 {
            let at = boundary(session.text(), draw.below(session.text().len() + 1));
            let longest = if draw.below(3) == 0 { 40 } else { 3 };
            let end = boundary(session.text(), at + draw.below(longest));
            match draw.below(5) {
                0 => session.undo(),
                1 => session.edit(at..end, ""),
                2 => {
                    let again = session.text()[at..end].to_string();
                    session.edit(end..end, &again);
                }
                _ => session.edit(at..end, words[draw.below(words.len())]),
            }
        }
        session.finish();
    }
}

/// The nearest place between characters that an editor can name: none is inside of `\r\n`.
fn boundary(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    let is_inside = text[..at].ends_with('\r') && text[at..].starts_with('\n');
    if is_inside { at - 1 } else { at }
}

/// Everything is asked at places of broken programs; nothing may fail.
#[test]
fn whatever_is_asked_wherever_is_answered() {
    let mut draw = draw();
    let programs = examples();
    for n in 0..if is_full() { 60 } else { 6 } {
        let program = &programs[draw.below(programs.len())];
        let mut session = Session::new(&program.replace('\n', "\r\n"), ENCODINGS[n % 3]);
        for _ in 0..8 {
            let at = boundary(session.text(), draw.below(session.text().len() + 1));
            let end = boundary(session.text(), at + draw.below(20));
            session.edit(at..end, ["", ".", "🎉", "(", "\""][draw.below(5)]);
            ask_everything(&mut session.editor, &mut draw);
        }
        assert_eq!(session.editor.log, Vec::<String>::new());
        session.finish();
    }
}

/// Refusals are answers, faults of ours are not.
fn ask_everything(editor: &mut Editor, draw: &mut Draw) {
    let length = editor.text(NAME).len();
    let at = boundary(editor.text(NAME), draw.below(length + 1));
    for method in
        ["hover", "definition", "completion", "signatureHelp", "prepareRename", "prepareCallHierarchy"]
    {
        check(editor, method, json!({ "position": editor.position(NAME, at) }));
    }
    let references =
        json!({ "position": editor.position(NAME, at), "context": { "includeDeclaration": true } });
    check(editor, "references", references);
    check(editor, "rename", json!({ "position": editor.position(NAME, at), "newName": "other" }));
    let selection = json!({ "positions": [editor.position(NAME, at)] });
    check(editor, "selectionRange", selection);
    let range = json!({ "start": editor.position(NAME, at), "end": editor.position(NAME, length) });
    for method in ["inlayHint", "semanticTokens/range"] {
        check(editor, method, json!({ "range": range }));
    }
    check(editor, "codeAction", json!({ "range": range, "context": { "diagnostics": [] } }));
    let options = json!({ "tabSize": 2, "insertSpaces": true });
    check(editor, "rangeFormatting", json!({ "range": range, "options": options }));
}

fn check(editor: &mut Editor, method: &str, params: Value) {
    let text = editor.text(NAME).to_string();
    if let Err(refusal) = editor.ask(method, NAME, params.clone()) {
        assert_eq!(refusal["code"], -32803, "{method} {params} of\n{text}\n{refusal}");
    }
}

#[test]
fn fixes_lead_to_programs_that_are_less_wrong_or_wrong_otherwise() {
    let mut fixed = 0;
    let mut titles = BTreeSet::new();
    for page in bounded::blocks(&["compiler/base/codes"]) {
        let program = String::from_utf8(page).expect("pages are UTF-8");
        let mut editor = Editor::with(Encoding::Utf16, json!({}));
        editor.open(NAME, &program);
        let before = editor.diagnostics(NAME);
        let end = editor.position(NAME, program.len());
        let range = json!({ "start": { "line": 0, "character": 0 }, "end": end });
        let params = json!({ "range": range, "context": { "diagnostics": [] } });
        let actions = editor.ask("codeAction", NAME, params).expect("actions");
        for action in actions.as_array().expect("a list") {
            let edits = &action["edit"]["changes"][editor.address(NAME)];
            let outcome = texts::edited(&program, edits, Encoding::Utf16);
            let still = |findings: &[Finding]| {
                let code = action["diagnostics"][0]["code"].as_str().expect("a code").to_string();
                findings.iter().filter(|(c, ..)| *c == code).count()
            };
            let was: Vec<Finding> = before.iter().map(|d| told(d, &program, Encoding::Utf16)).collect();
            assert!(
                still(&fresh(&outcome)) < still(&was),
                "{} does not mend\n{program}\nbut makes\n{outcome}",
                action["title"]
            );
            titles.insert(action["title"].as_str().expect("a title").to_string());
            fixed += 1;
        }
    }
    assert!(fixed > 50, "{fixed} fixes");
    // Each says what it does, as an order; a question would be one to its reader.
    insta::assert_snapshot!(titles.into_iter().collect::<Vec<_>>().join("\n"));
}
