//! What each request is answered, as transcripts. A place is marked with `‸` in the program.

mod support;

use serde_json::{Value, json};
use support::Editor;
use support::texts::{Encoding, edited, marked};

const NAME: &str = "spend.stream";

const PROGRAM: &str = r#"--- One card payment.
type Payment = {
  card: string,
  amount: decimal(2),
  state: "open" | "closed",
  at: timestamp,
}

source payments: Payment
  from file("payments.ndjson") format json
  time at disorder 5s

--- Spend per card.
stream spend =
  from payments
  where amount > 1.00
  window tumbling 5m
  group by card
  select card, sum(amount) as total

-- Two lines
-- of comment
stream large =
  from spend
  where total > 100

test "one payment" {
  given payments [
    { card: "🎉", amount: 200.00, state: "open", at: +0s },
  ]
  expect large count 1
}
"#;

/// An editor with this program open, and the first marked place.
fn editor(program: &str) -> (Editor, usize) {
    let (text, places) = marked(program);
    let mut editor = Editor::new();
    editor.open(NAME, &text);
    (editor, places.first().copied().unwrap_or_default())
}

/// The program with a mark in front of the nth occurrence of a word.
fn at(word: &str, n: usize) -> String {
    let (place, _) = PROGRAM.match_indices(word).nth(n).unwrap_or_else(|| panic!("{word} stands there"));
    format!("{}‸{}", &PROGRAM[..place], &PROGRAM[place..])
}

fn told_at(method: &str, program: &str) -> String {
    let (mut editor, offset) = editor(program);
    let answer = editor.ask_at(method, NAME, offset).unwrap_or_else(|refusal| refusal);
    editor.shown(&answer)
}

fn told(method: &str, others: Value) -> String {
    let (mut editor, _) = editor(PROGRAM);
    let answer = editor.ask(method, NAME, others).expect("an answer");
    editor.shown(&answer)
}

#[test]
fn diagnostics_have_all_that_the_terminal_shows() {
    let (mut editor, _) = editor(&PROGRAM.replace("amount > 1.00", "amuont > 1.00").replace("+0s", "+0"));
    let diagnostics = editor.diagnostics(NAME);
    insta::assert_snapshot!(editor.shown(&diagnostics.into()));
}

#[test]
fn related_places_are_links() {
    let (mut editor, _) = editor("param a: int = 1\nparam a: int = 2\n");
    let diagnostics = editor.diagnostics(NAME);
    insta::assert_snapshot!(editor.shown(&diagnostics.into()));
}

#[test]
fn codes_have_links_to_their_pages() {
    let begins_well = |page: &str| assert!(page.starts_with("# E0203: "), "{page}");
    let link_from = |editor: &mut Editor| {
        editor.open(NAME, "stream a = from nothing");
        editor.diagnostics(NAME)[0]["codeDescription"]["href"].as_str().expect("a link").to_string()
    };
    let mut able = Editor::new();
    let link = link_from(&mut able);
    assert_eq!(link, "millstream:/codes/E0203.md");
    let page = able.request("workspace/textDocumentContent", json!({ "uri": link })).expect("a page");
    begins_well(page["text"].as_str().expect("text"));
    // An editor to which such addresses mean nothing opens a file.
    let mut unable = Editor::with(Encoding::Utf16, json!({}));
    let link = link_from(&mut unable);
    begins_well(&std::fs::read_to_string(link.trim_start_matches("file://")).expect("a page"));
}

#[test]
fn fixes_of_what_is_wrong_at_a_place() {
    let wrong = PROGRAM.replace("amount > 1.00", "amuont > 1.00");
    let place = wrong.find("amuont").expect("it stands there");
    let (mut editor, _) = editor(&wrong);
    let mut actions_at = |place: usize, only: Value| {
        let position = editor.position(NAME, place);
        let context = json!({ "diagnostics": [], "only": only });
        let range = json!({ "start": position, "end": position });
        editor.ask("codeAction", NAME, json!({ "range": range, "context": context })).expect("actions")
    };
    // An editor shows a mark at the line and asks for where the cursor is on it.
    let at_the_name = actions_at(place + 2, json!(["quickfix"]));
    let (line, end) = (wrong[..place].rfind('\n').expect("a line") + 1, place + "amuont > 1.00".len());
    for elsewhere in [line, line + 1, end] {
        assert_eq!(actions_at(elsewhere, json!(["quickfix"])), at_the_name);
    }
    assert_eq!(
        [line - 1, end + 1].map(|place| actions_at(place, json!(["quickfix"]))),
        [json!([]), json!([])]
    );
    let mut actions = |only: Value| actions_at(place + 2, only);
    assert_eq!(actions(json!(["refactor"])), json!([]));
    assert_eq!(actions(json!(["source"])), json!([]), "no safe one");
    let actions = actions(json!(["quickfix"]));
    insta::assert_snapshot!(editor.shown(&actions));
}

#[test]
fn safe_fixes_at_once() {
    let wrong = "-- a\nstream a = from b where x && y; // why\nparam größe: duration = 5min\n";
    let (mut editor, _) = editor(wrong);
    let start = json!({ "line": 0, "character": 0 });
    for (only, n) in
        [("source.fixAll", 1), ("source", 1), ("source.fixAll.millstream", 1), ("source.organize", 0)]
    {
        let context = json!({ "diagnostics": [], "only": [only] });
        let params = json!({ "range": { "start": start, "end": start }, "context": context });
        let actions = editor.ask("codeAction", NAME, params).expect("actions");
        assert_eq!(actions.as_array().map(Vec::len), Some(n), "{only}");
        if n == 1 {
            let edits = &actions[0]["edit"]["documentChanges"][0]["edits"];
            let mended = "-- a\nstream a = from b where x and y -- why\nparam `größe`: duration = 5m\n";
            assert_eq!(edited(wrong, edits, Encoding::Utf16), mended);
        }
    }
}

#[test]
fn hovers() {
    for (name, program) in [
        ("column", at("amount > 1", 0)),
        ("stream", at("spend", 1)),
        ("function", at("sum", 0)),
        ("word", at("disorder", 0)),
    ] {
        insta::assert_snapshot!(format!("hover_over_a_{name}"), told_at("hover", &program));
    }
}

#[test]
fn definitions() {
    insta::assert_snapshot!(told_at("definition", &at("total > ", 0)));
    insta::assert_snapshot!("definition_in_the_library", told_at("definition", &at("sum", 0)));
    insta::assert_snapshot!("highlights", told_at("documentHighlight", &at("spend", 1)));
}

#[test]
fn the_library_can_be_read_and_nothing_is_wrong_with_it() {
    let mut editor = Editor::new();
    let address = "millstream:/std/text.stream";
    let content = editor.request("workspace/textDocumentContent", json!({ "uri": address })).expect("a text");
    let text = content["text"].as_str().expect("a text");
    assert!(text.contains("fn lower(text: string) -> string"));
    editor.open(address, text);
    assert_eq!(editor.diagnostics(address), Vec::<Value>::new());
}

#[test]
fn what_the_library_declares_can_be_asked_about_there() {
    let mut editor = Editor::new();
    editor.open(NAME, "fn small(x: string) -> string = lower(x)");
    let mut told = vec![];
    for (module, around, words) in [
        ("std/text", "fn lower(text: string)", &["lower", "text"][..]),
        ("std/hashing", "= mod(hash(value), count)", &["mod", "hash(", "count"]),
        ("connectors/file", "  follow: bool = false", &["follow"]),
        ("connectors/file", "type sink", &["sink"]),
        ("language", "aggregate avg", &["avg"]),
    ] {
        let address = format!("millstream:/{module}.stream");
        let content =
            editor.request("workspace/textDocumentContent", json!({ "uri": address })).expect("a text");
        let text = content["text"].as_str().expect("a text");
        editor.open(&address, text);
        for word in words {
            let place = text.find(around).expect("it stands there");
            let place = place + text[place..].find(word).expect("it stands there");
            told.push(format!("==== {module} {word}"));
            for (method, others) in [
                ("hover", json!({})),
                ("definition", json!({})),
                ("references", json!({ "context": { "includeDeclaration": true } })),
            ] {
                let mut params = others;
                params["position"] = editor.position(&address, place);
                let answer = editor.ask(method, &address, params).expect("an answer");
                told.push(format!("-- {method}\n{}", editor.shown(&answer)));
            }
        }
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn symbols_of_a_file() {
    insta::assert_snapshot!(told("documentSymbol", json!({})));
}

#[test]
fn completions_replace_what_was_typed() {
    let program = PROGRAM.replace("total > 100", "tot‸");
    insta::assert_snapshot!(told_at("completion", &program));
    let program = PROGRAM.replace("sum(amount)", "approx_disti‸");
    insta::assert_snapshot!("completions_are_snippets", told_at("completion", &program));
    let mut editor = Editor::with(Encoding::Utf16, json!({}));
    let (text, places) = marked(&program);
    editor.open(NAME, &text);
    let plain = editor.ask_at("completion", NAME, places[0]).expect("completions");
    assert_eq!(plain[0]["textEdit"]["newText"], "approx_distinct(x)");
    assert_eq!(plain[0]["insertTextFormat"], 1);
}

#[test]
fn signatures() {
    insta::assert_snapshot!(told_at("signatureHelp", &PROGRAM.replace("sum(amount)", "substr(card, ‸)")));
    assert_eq!(told_at("signatureHelp", &at("payments", 2)), "null");
}

#[test]
fn tokens_are_counted_from_one_to_the_next() {
    let (mut editor, _) = editor("stream a = from b\nleft -- far away\n  join c on 🎉 == \"é\"\n");
    let tokens = editor.ask("semanticTokens/full", NAME, json!({})).expect("tokens");
    let numbers: Vec<u64> =
        tokens["data"].as_array().expect("numbers").iter().filter_map(Value::as_u64).collect();
    let lines: Vec<String> = numbers.chunks(5).map(|token| format!("{token:?}")).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn hints() {
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    insta::assert_snapshot!(told("inlayHint", json!({ "range": range })));
}

#[test]
fn lenses_run_tests_and_preview_streams() {
    insta::assert_snapshot!(told("codeLens", json!({})));
}

#[test]
fn folds() {
    let program = "use \"a.stream\"\nuse \"b.stream\"\n\n".to_string() + PROGRAM;
    let (mut editor, _) = editor(&program);
    let folds = editor.ask("foldingRange", NAME, json!({})).expect("folds");
    insta::assert_snapshot!(editor.shown(&folds));
}

#[test]
fn selections_grow_from_a_name_to_the_file() {
    let (mut editor, offset) = editor(&at("amount) as total", 0));
    let positions = json!([editor.position(NAME, offset + 1)]);
    let ranges = editor.ask("selectionRange", NAME, json!({ "positions": positions })).expect("ranges");
    let mut texts = vec![];
    let mut range = &ranges[0];
    while range.is_object() {
        let span = support::texts::span(editor.text(NAME), &range["range"], Encoding::Utf16);
        let text = &editor.text(NAME)[span];
        texts.push(text.lines().next().unwrap_or_default().to_string());
        range = &range["parent"];
    }
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn layout_is_given_as_small_edits() {
    let untidy =
        PROGRAM.replace("  where amount > 1.00", " where amount>1.00").replace("from spend", "from   spend");
    for line_break in ["\n", "\r\n"] {
        let untidy = untidy.replace('\n', line_break);
        let (mut editor, _) = editor(&untidy);
        let options = json!({ "tabSize": 2, "insertSpaces": true });
        let edits = editor.ask("formatting", NAME, json!({ "options": options })).expect("edits");
        if line_break == "\n" {
            insta::assert_snapshot!(editor.shown(&edits));
        }
        assert_eq!(edited(&untidy, &edits, Encoding::Utf16), PROGRAM.replace('\n', line_break));
        // Of one item, and of none.
        let position = editor.position(NAME, untidy.find("from   spend").expect("it stands there"));
        let range = json!({ "start": position, "end": position });
        let edits = editor.ask("rangeFormatting", NAME, json!({ "range": range, "options": options }));
        let edits = edits.expect("edits");
        assert_eq!(edited(&untidy, &edits, Encoding::Utf16), untidy.replace("from   spend", "from spend"));
    }
}

#[test]
fn programs_with_errors_have_no_layout() {
    let (mut editor, _) = editor("stream s =   from\n");
    let options = json!({ "options": { "tabSize": 2, "insertSpaces": true } });
    assert_eq!(editor.ask("formatting", NAME, options).expect("an answer"), Value::Null);
}

mod across_files {
    use super::*;

    const SHARED: &str = "type Click = { user: string, at: timestamp }\n\nsource clicks: Click from stdin format json time at\n";
    const FIRST: &str = "use \"shared.stream\"\n\nstream named = from clicks where user != \"\"\n";
    const SECOND: &str = "use \"shared.stream\"\n\nstream all_users = from clicks select user\n";

    #[test]
    fn paths_are_completed_by_what_is_there() {
        let mut editor = editor();
        editor.write("clicks.ndjson", "");
        let text = "use \"\"\nsource s: Click from file(\"deep/../\") format json";
        editor.open("new.stream", text);
        for (name, place) in [("programs", text.find("\"\"")), ("data", text.find("\") format"))] {
            let offset = place.expect("it is there") + usize::from(name == "programs");
            let found = editor.ask_at("completion", "new.stream", offset).expect("paths");
            insta::assert_snapshot!(format!("paths_of_{name}"), editor.shown(&found));
        }
    }

    /// One program is open, the other is not.
    fn editor() -> Editor {
        let mut editor = Editor::new();
        editor.write("shared.stream", SHARED);
        editor.write("first.stream", FIRST);
        editor.write("deep/.hidden/third.stream", FIRST);
        editor.write("second.stream", SECOND);
        editor.open("first.stream", FIRST);
        assert_eq!(editor.diagnostics("first.stream"), Vec::<Value>::new());
        editor
    }

    fn place(text: &str, word: &str) -> usize {
        text.find(word).expect("it stands there")
    }

    #[test]
    fn a_definition_may_be_in_another_file() {
        let mut editor = editor();
        let found = editor.ask_at("definition", "first.stream", place(FIRST, "user")).expect("a place");
        insta::assert_snapshot!(editor.shown(&found));
    }

    #[test]
    fn references_are_found_in_programs_that_are_not_open() {
        let mut editor = editor();
        let position = editor.position("first.stream", place(FIRST, "clicks"));
        let params = json!({ "position": position, "context": { "includeDeclaration": true } });
        let found = editor.ask("references", "first.stream", params).expect("places");
        insta::assert_snapshot!(editor.shown(&found));
    }

    #[test]
    fn names_change_in_programs_that_are_not_open() {
        let mut editor = editor();
        let offset = place(FIRST, "clicks");
        let prepared = editor.ask_at("prepareRename", "first.stream", offset).expect("a name");
        assert_eq!(prepared["placeholder"], "clicks");
        let position = editor.position("first.stream", offset);
        let renamed = json!({ "position": position, "newName": "visits" });
        let edit = editor.ask("rename", "first.stream", renamed).expect("an edit");
        insta::assert_snapshot!(editor.shown(&edit));
        let taken = json!({ "position": editor.position("first.stream", offset), "newName": "named" });
        let refusal = editor.ask("rename", "first.stream", taken).expect_err("another thing is called so");
        insta::assert_snapshot!("a_name_that_is_taken", editor.shown(&refusal));
    }

    #[test]
    fn symbols_are_found_by_some_of_their_letters() {
        let mut editor = editor();
        let found = editor.request("workspace/symbol", json!({ "query": "us" })).expect("symbols");
        insta::assert_snapshot!(editor.shown(&found));
    }

    #[test]
    fn readers_of_a_source_may_be_in_programs_that_are_not_open() {
        let mut editor = editor();
        let items =
            editor.ask_at("prepareCallHierarchy", "first.stream", place(FIRST, "clicks")).expect("items");
        insta::assert_snapshot!("the_source", editor.shown(&items));
        let readers =
            editor.request("callHierarchy/incomingCalls", json!({ "item": items[0] })).expect("readers");
        insta::assert_snapshot!("its_readers", editor.shown(&readers));
        let feeds = editor
            .request("callHierarchy/outgoingCalls", json!({ "item": readers[0]["from"] }))
            .expect("feeds");
        insta::assert_snapshot!("what_feeds_a_reader", editor.shown(&feeds));
    }
}
