//! The grammar for editors accepts just what the parser accepts: all programs of the repository, right and wrong
//! ones, and random changes of their tokens.
//!
//! What the parser finds in a program that parses, no grammar of this kind can say, and editors leave to the
//! language server ([`IS_NO_SYNTAX`]). And literals whose shape is right may have no value: numbers that are too
//! large, days that do not exist. Programs with a bad literal say nothing here; [`literals_of_good_shape_are_accepted_and_no_others`] does.

use millstream_base::{Diagnostics, FileId, Severity};
use millstream_syntax::{lexer, parse, token};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Trees that are too deep, what is given twice, arguments out of order, functions without a body.
const IS_NO_SYNTAX: [&str; 4] = ["E0102", "E0103", "E0104", "E0105"];

/// Bad escapes, numbers, durations, timestamps: of bad shape or without a value.
const ARE_BAD_LITERALS: [&str; 4] = ["E0003", "E0004", "E0005", "E0006"];

/// What the norm says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Accepted,
    Rejected,
    /// It has a bad literal.
    Open,
}

fn norm(text: &str) -> Verdict {
    let mut diagnostics = Diagnostics::default();
    parse(FileId(0), text, &mut diagnostics);
    let findings = diagnostics.into_sorted();
    let errors = findings.iter().filter(|d| d.severity == Severity::Error).map(|d| d.code.name());
    let codes: Vec<&str> = errors.filter(|code| !IS_NO_SYNTAX.contains(code)).collect();
    if codes.is_empty() {
        Verdict::Accepted
    } else if codes.iter().any(|code| ARE_BAD_LITERALS.contains(code)) {
        Verdict::Open
    } else {
        Verdict::Rejected
    }
}

fn tree(text: &str) -> tree_sitter::Tree {
    let mut parser = tree_sitter::Parser::new();
    parser
        .set_language(&tree_sitter_millstream::LANGUAGE.into())
        .expect("a grammar of this library's version");
    parser.parse(text, None).expect("it was not told to stop")
}

fn accepts(text: &str) -> bool {
    !tree(text).root_node().has_error()
}

/// How a program is judged differently, if it is.
fn difference(text: &str) -> Option<String> {
    let tree = tree(text);
    let accepted = !tree.root_node().has_error();
    let differs = match norm(text) {
        Verdict::Accepted => !accepted,
        Verdict::Rejected => accepted,
        Verdict::Open => false,
    };
    differs.then(|| format!("accepted by this grammar: {accepted}\n{text}\n{}", tree.root_node().to_sexp()))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|e| e.path()) {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "stream" || e == "md") {
            found.push(path);
        }
    }
}

/// What stands in blocks marked `stream`, in a page.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = vec![];
    let mut open: Option<(&str, String)> = None;
    for line in page.split_inclusive('\n') {
        match &mut open {
            Some((fence, _)) if line.trim_end() == *fence => blocks.extend(open.take().map(|(_, text)| text)),
            Some((_, text)) => text.push_str(line),
            None => {
                let fence = &line[..line.len() - line.trim_start_matches('`').len()];
                if fence.len() >= 3 && line[fence.len()..].trim_start().starts_with("stream") {
                    open = Some((fence, String::new()));
                }
            }
        }
    }
    blocks
}

/// Every program of the repository, right or wrong: files, and blocks of pages.
static PROGRAMS: LazyLock<Vec<(PathBuf, String)>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = vec![];
    files(&root, &mut paths);
    paths.sort();
    let mut programs = vec![];
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a file of the repository");
        let texts = if path.extension().is_some_and(|e| e == "md") {
            blocks(&text)
        } else {
            // Where a file holds many, as those of broken programs do.
            text.split("####\n").map(str::to_string).collect()
        };
        programs.extend(texts.into_iter().map(|text| (path.clone(), text)));
    }
    programs
});

#[test]
fn programs_of_the_repository_are_judged_alike() {
    let mut counts = [0; 3];
    let mut differences = vec![];
    for (path, text) in PROGRAMS.iter() {
        counts[norm(text) as usize] += 1;
        differences.extend(difference(text).map(|d| format!("{}: {d}", path.display())));
    }
    let [accepted, rejected, open] = counts;
    println!("{accepted} accepted, {rejected} rejected, {open} with a bad literal");
    assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n"));
    assert!(accepted > 900 && rejected > 100, "programs were not found");
}

#[test]
fn every_word_is_a_name_where_the_norm_takes_it_as_one() {
    for word in token::CONTEXTUAL.iter().chain(token::RESERVED).chain(&["left", "join", "x"]) {
        for text in [
            format!("type t = {{ {word}: int }}"),
            format!("type {word} = int"),
            format!("stream a = from {word}"),
            format!("stream a = from s as {word} select {word}.a"),
            format!("stream a = from s select s.{word}, f({word}: 1), {{ {word}: 1 }}.{word}"),
            format!("stream a = from s select {word}\nwhere {word} > 1"),
            format!("stream a = from s select 1 as {word}, {word}(2)"),
            format!("stream a = from s select a.{word} join b on a.x == b.x"),
            format!("stream a = from s let {word} = {word} + 1"),
            format!("stream a = from s group by {word} select {word}"),
            format!("stream a = from s window tumbling {word} group by ()"),
            format!("stream a = from s window tumbling 5m by {word}"),
            format!("stream a = match {word}: s within 5m"),
            format!("stream a = match a: {word} within 5m"),
            format!("stream a = match all {word} within 5m"),
            format!("stream a = match by {word} x: s within {word}"),
            format!("stream a = from s changes of {word} by {word}"),
            format!("fn f({word}: int) -> int = {word}"),
            format!("source s: T key {word} from {word}({word}: 1) time {word} disorder {word}"),
        ] {
            assert_eq!(difference(&text), None);
        }
    }
}

/// Of good shape, one a line.
const GOOD_LITERALS: &str = r##"1
1_000
1.5
1.5_0
1e5
1.5e-3
1e+3
1.e
1 .e
[0, 1][0]
1e-3and true
5m
1h30m
250ms
1w2d3h4m5s6ms7us
5m-3m
@2024-05-01
@2024-05-01-5m
@2024-05-01T12:00
@2024-05-01T12:00-5m
@2024-05-01T12:00:00Z
@2024-05-01T12:00:00.5-0330
@2024-05-01T12:00:00+02:00 - 5m
""
"a\n\t\r\0\\\"b"
"\u{e9}"
"-- no comment"
r""
r"\d+ -- no comment"
f""
f"a{b}c"
f"{{a}}{ {x: 1}.x }"
f"caf\u{e9} \\u{a}"
f"{f"{f"{1}"}"}"
f"{"\"}"}"
f"-- {1}"
`a b`
a -- b
a - -b"##;

/// Of bad shape.
const BAD_LITERALS: &str = r##"5min
1.5h
1e
1e5x
5m30
5_x
5ums
0x10
1.2.3
a.5
@
@2024-5-1
@2024-05-01T
@2024-05-011
@2024-05-01and true
@2024-05-01T12:00:00Zand true
@2024-05-01T12:00:00.
"a
"\q"
"\u{}"
"\u{1234567}"
f"a
f"a}b"
f"\q"
f"\u{zz}"
f"\u{}"
"\u{+e9}"
f"{a
'a'
``
`a
größe
a && b
a || b
!a
a <> b
a; b
a /* b */
a // b
# a"##;

/// Of good shape and without a value.
const WITHOUT_VALUE: &str = r##"1__0
1_
99999999999999999999999999999999999999999
1e999
30m1h
1m1m
99999999999w
@2024-13-01
@2024-05-01T24:00:00Z
@2024-05-01T12:00:00.1234567Z
"\u{d800}""##;

/// Text ends on its line; only some blanks are blank.
const BROKEN_LINES: [&str; 7] =
    ["\"a\nb\"", "r\"a\nb\"", "f\"a\nb\"", "f\"{a\n}\"", "f\"{\na}\"", "f\"{a\r}\"", "a\u{a0}+\u{b}b"];

#[test]
fn literals_of_good_shape_are_accepted_and_no_others() {
    let judged = |literal: &str| {
        let text = format!("param x: int = {literal}");
        (norm(&text), accepts(&text))
    };
    for literal in GOOD_LITERALS.lines() {
        assert_eq!(judged(literal), (Verdict::Accepted, true), "{literal}");
    }
    for literal in BAD_LITERALS.lines().chain(BROKEN_LINES) {
        let (norm, accepted) = judged(literal);
        assert!(norm != Verdict::Accepted && !accepted, "{literal}");
    }
    for literal in WITHOUT_VALUE.lines() {
        assert_eq!(judged(literal), (Verdict::Open, true), "{literal}");
    }
}

/// Signs are as long as they can be, whether they fit or not.
#[test]
fn signs_and_joins_are_cut_alike() {
    for text in [
        "type t = int??",
        "type t = int? ?",
        "param x: list<int>= [1]",
        "param x: list<int> = [1]",
        "param x: list<list<int>> = [1]",
        "param x: list<> = [1]",
        "stream a = match x: s?? within 5m",
        "stream a = match x: s++ within 5m",
        "stream a = from s select left join b on true",
        "stream a = from s select left(a, 1) left -- here\n join b on true",
        "stream a = from s select a.left join b on true",
        "stream a = from s select a.left left join b on true",
        "stream a = from s select `left` join b on true",
        "stream a = from s select left joined",
        "stream a = from s where 1 ++5m",
        "stream a = from s where 1 + +5m",
        "\u{feff}stream a = from s",
        "stream a = from s\r\n\twhere a\x0c > 1\rselect a",
        "--- doc\n---- rule\n-- comment\nstream a = from s -- end",
        "",
        "-- only a comment",
    ] {
        assert_eq!(difference(text), None);
    }
}

/// A change of one token of a program.
#[derive(Clone, Debug)]
enum Change {
    Delete,
    Duplicate,
    SwapWithNext,
    Replace(String),
    Insert(String),
}

fn any_token() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = token::RESERVED.iter().chain(token::CONTEXTUAL).copied().collect();
    let others = "( ) [ ] { } , . .. : = == != < <= > >= + ++ - * / % ? ?? | -> a `b` left left\tjoin 1 1.5 5m \
        @2024-01-01 \"x\" r\"x\" f\"{a}\" f\" \" --x\n";
    prop_oneof![prop::sample::select(words), prop::sample::select(others.split(' ').collect::<Vec<_>>())]
        .prop_map(str::to_string)
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Delete),
        Just(Change::Duplicate),
        Just(Change::SwapWithNext),
        any_token().prop_map(Change::Replace),
        any_token().prop_map(Change::Insert),
    ]
}

/// The program with the token that stands there changed.
fn changed(text: &str, at: prop::sample::Index, change: &Change) -> String {
    let tokens = lexer::lex(FileId(0), text).tokens;
    let Some(i) = (!tokens.is_empty()).then(|| at.index(tokens.len())) else { return text.to_string() };
    let place = |i: usize| tokens.get(i).map(|t: &token::Token| t.start as usize..t.end as usize);
    let here = place(i).expect("one of the tokens");
    let (before, itself, after) = (&text[..here.start], &text[here.clone()], &text[here.end..]);
    match (change, place(i + 1)) {
        (Change::Delete, _) => format!("{before}{after}"),
        (Change::Duplicate, _) => format!("{before}{itself} {itself}{after}"),
        (Change::SwapWithNext, Some(next)) => {
            let (between, behind) = (&text[here.end..next.start], &text[next.end..]);
            format!("{before}{}{between}{itself}{behind}", &text[next])
        }
        (Change::SwapWithNext, None) => text.to_string(),
        (Change::Replace(other), _) => format!("{before}{other}{after}"),
        (Change::Insert(other), _) => format!("{before}{other} {itself}{after}"),
    }
}

fn cases() -> u32 {
    if std::env::var("MILLSTREAM_CASES").is_ok_and(|v| v == "full") { 20_000 } else { 2_000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_programs_are_judged_alike(
        program in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), change()), 1..3),
    ) {
        let (path, text) = program.get(&PROGRAMS);
        let text = changes.iter().fold(text.clone(), |text, (at, change)| changed(&text, *at, change));
        let difference = difference(&text);
        prop_assert!(difference.is_none(), "{}: {}", path.display(), difference.unwrap_or_default());
    }
}
