//! Each diagnostic in its three faces, side by side.

use millstream_base::diagnostic::{Edit, Safety};
use millstream_base::render::{self, Color};
use millstream_base::{Diagnostic, FileId, SourceMap, Span, codes};

/// The faces of one diagnostic on `text`, whose places are given as parts of the text: `at(text, "part")`.
/// To add a case: a text, a diagnostic, an empty inline snapshot, `cargo insta review`.
fn faces(text: &str, diagnostic: Diagnostic) -> String {
    let mut sources = SourceMap::default();
    sources.add("a.stream", text);
    all_faces(&sources, diagnostic)
}

fn all_faces(sources: &SourceMap, diagnostic: Diagnostic) -> String {
    let diagnostics = [diagnostic];
    let full = render::full(sources, &diagnostics, Color::Off, None);
    let concise = render::concise(sources, &diagnostics);
    let json = render::json(sources, &diagnostics);
    format!("{full}\n{concise}\n{json}")
}

fn at(text: &str, part: &str) -> Span {
    let start = text.find(part).expect("the part is in the text");
    Span::new(FileId(0), start, start + part.len())
}

fn mismatch(span: Span) -> Diagnostic {
    Diagnostic::new(codes::E0001, span, "`amount` is an int, not a string")
}

#[test]
fn labels_notes_helps_and_fixes() {
    let text = "stream big =\n  from payments\n  where amount == \"5\"\n";
    let diagnostic = mismatch(at(text, "\"5\""))
        .label("string")
        .also(at(text, "amount"), "int")
        .note("both sides of `==` have one type")
        .help("convert one side")
        .fix("compare with a number", at(text, "\"5\""), "5");
    insta::assert_snapshot!(faces(text, diagnostic), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:3:19 ]
       │
     3 │   where amount == "5"
       │         ───┬──    ─┬─
       │            ╰─────────── int
       │                    │
       │                    ╰─── string
    ───╯
      note: both sides of `==` have one type
      help: convert one side
      help: compare with a number
            3 │   where amount == 5

    a.stream:3:19: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":3,"column":19,"end_line":3,"end_column":22,"message":"`amount` is an int, not a string\nstring\na.stream:3:9: int\nnote: both sides of `==` have one type","help":["convert one side"],"fixes":[{"title":"compare with a number","edits":[{"file":"a.stream","line":3,"column":19,"end_line":3,"end_column":22,"text":"5"}],"safe":false}]}
    "#);
}

#[test]
fn multi_byte_characters_and_tabs() {
    let text = "param grüße: string =\t\"日本語\" ++ x -- ünd\n";
    let diagnostic = mismatch(at(text, "x")).label("unknown").also(at(text, "\"日本語\""), "text");
    insta::assert_snapshot!(faces(text, diagnostic), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:1:32 ]
       │
     1 │ param grüße: string =   "日本語" ++ x -- ünd
       │                         ───┬────    ┬
       │                            ╰─────────── text
       │                                     │
       │                                     ╰── unknown
    ───╯

    a.stream:1:32: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":1,"column":32,"end_line":1,"end_column":33,"message":"`amount` is an int, not a string\nunknown\na.stream:1:23: text","help":[],"fixes":[]}
    "#);
}

#[test]
fn windows_line_ends() {
    let text = "param a: int = 1\r\nparam b: int = x\r\n";
    let diagnostic = mismatch(at(text, "x")).label("unknown").fix("write a number", at(text, "x"), "1");
    insta::assert_snapshot!(faces(text, diagnostic), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:2:16 ]
       │
     2 │ param b: int = x
       │                ┬
       │                ╰── unknown
    ───╯
      help: write a number
            2 │ param b: int = 1

    a.stream:2:16: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":2,"column":16,"end_line":2,"end_column":17,"message":"`amount` is an int, not a string\nunknown","help":[],"fixes":[{"title":"write a number","edits":[{"file":"a.stream","line":2,"column":16,"end_line":2,"end_column":17,"text":"1"}],"safe":false}]}
    "#);
}

#[test]
fn empty_span_at_the_end_of_a_line() {
    let text = "param a: int =\nparam b: int = 1\n";
    let diagnostic =
        mismatch(at(text, "=").at_end()).label("an expression").fix("add 0", at(text, "=").at_end(), " 0");
    insta::assert_snapshot!(faces(text, diagnostic), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:1:15 ]
       │
     1 │ param a: int =
       │               ┬
       │               ╰── an expression
    ───╯
      help: add 0
            1 │ param a: int = 0

    a.stream:1:15: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":1,"column":15,"end_line":1,"end_column":15,"message":"`amount` is an int, not a string\nan expression","help":[],"fixes":[{"title":"add 0","edits":[{"file":"a.stream","line":1,"column":15,"end_line":1,"end_column":15,"text":" 0"}],"safe":false}]}
    "#);
}

#[test]
fn empty_span_at_the_end_of_the_file() {
    let text = "param a: int =\n";
    let end = Span::new(FileId(0), text.len(), text.len());
    insta::assert_snapshot!(faces(text, mismatch(end).label("an expression")), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:2:1 ]
       │
     2 │
       │ ┬
       │ ╰── an expression
    ───╯

    a.stream:2:1: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":2,"column":1,"end_line":2,"end_column":1,"message":"`amount` is an int, not a string\nan expression","help":[],"fixes":[]}
    "#);
    let text = "param a: int =";
    let end = Span::new(FileId(0), text.len(), text.len());
    insta::assert_snapshot!(faces(text, mismatch(end)), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:1:15 ]
       │
     1 │ param a: int =
       │               ┬
       │               ╰──
    ───╯

    a.stream:1:15: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":1,"column":15,"end_line":1,"end_column":15,"message":"`amount` is an int, not a string","help":[],"fixes":[]}
    "#);
}

#[test]
fn file_without_text() {
    insta::assert_snapshot!(faces("", mismatch(Span::default())), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:1:1 ]
       │
     1 │
       │ ┬
       │ ╰──
    ───╯

    a.stream:1:1: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":1,"column":1,"end_line":1,"end_column":1,"message":"`amount` is an int, not a string","help":[],"fixes":[]}
    "#);
}

#[test]
fn span_over_several_lines() {
    let text = "stream a =\n  from b\n  where c\n  select d\n";
    insta::assert_snapshot!(faces(text, mismatch(at(text, "from b\n  where c\n  select")).label("this query")), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:2:3 ]
       │
     2 │ ╭─▶   from b
       ┆ ┆
     4 │ ├─▶   select d
       │ │
       │ ╰──────────────── this query
    ───╯

    a.stream:2:3: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":2,"column":3,"end_line":4,"end_column":9,"message":"`amount` is an int, not a string\nthis query","help":[],"fixes":[]}
    "#);
    // Without words only the first line is drawn; tools get all of it.
    insta::assert_snapshot!(faces(text, mismatch(at(text, "from b\n  where c\n  select"))), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:2:3 ]
       │
     2 │   from b
       │   ───┬──
       │      ╰────
    ───╯

    a.stream:2:3: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":2,"column":3,"end_line":4,"end_column":9,"message":"`amount` is an int, not a string","help":[],"fixes":[]}
    "#);
}

#[test]
fn labels_in_two_files() {
    let mut sources = SourceMap::default();
    let first = sources.add("a.stream", "stream a = from b\n");
    let second = sources.add("lib/b.stream", "-- streams\nstream a = from c\n");
    let diagnostic = Diagnostic::new(codes::E0001, Span::new(second, 18, 19), "`a` is defined twice")
        .label("again")
        .also(Span::new(first, 7, 8), "first");
    insta::assert_snapshot!(all_faces(&sources, diagnostic), @r#"
    error[E0001]: `a` is defined twice
       ╭─[ lib/b.stream:2:8 ]
       │
     2 │ stream a = from c
       │        ┬
       │        ╰── again
       │
       ├─[ a.stream:1:8 ]
       │
     1 │ stream a = from b
       │        ┬
       │        ╰── first
    ───╯

    lib/b.stream:2:8: error[E0001]: `a` is defined twice

    {"code":"E0001","severity":"error","file":"lib/b.stream","line":2,"column":8,"end_line":2,"end_column":9,"message":"`a` is defined twice\nagain\na.stream:1:8: first","help":[],"fixes":[]}
    "#);
}

#[test]
fn fix_of_several_lines_is_told_by_its_edits() {
    let text = "stream a = from b\n\n\n\n\n\n\n\nstream c = from b\n";
    let edits = vec![
        Edit { span: at(text, "a"), text: "x".into() },
        Edit { span: at(text, "c"), text: String::new() },
        Edit { span: at(text, "c").at_end(), text: "y".into() },
    ];
    let diagnostic = mismatch(at(text, "a")).fix_edits("rename", edits, Safety::Safe);
    insta::assert_snapshot!(faces(text, diagnostic), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:1:5 ]
       │
     1 │ stream a = from b
       │     ┬
       │     ╰──
    ───╯
      help: rename
            a.stream:1:5: replace with `x`
            a.stream:9:8: remove `c`
            a.stream:9:9: insert `y`

    a.stream:1:5: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":1,"column":5,"end_line":1,"end_column":6,"message":"`amount` is an int, not a string","help":[],"fixes":[{"title":"rename","edits":[{"file":"a.stream","line":1,"column":5,"end_line":1,"end_column":6,"text":"x"},{"file":"a.stream","line":9,"column":8,"end_line":9,"end_column":9,"text":""},{"file":"a.stream","line":9,"column":9,"end_line":9,"end_column":9,"text":"y"}],"safe":true}]}
    "#);
}

#[test]
fn any_span_on_any_text_has_all_faces() {
    for text in [
        "",
        "\n",
        "é",
        "aé日\u{301}\n\r\n\tx\u{2028}y\r\u{85}z\u{b}\u{202e}\n🎉",
        "\u{feff}a\n\n",
        "\r\n\r\n",
    ] {
        for start in 0..=text.len() + 2 {
            for end in start..=text.len() + 2 {
                for words in ["", "here"] {
                    let span = Span::new(FileId(0), start, end);
                    let elsewhere = Span::new(FileId(0), start / 2, end / 2);
                    let diagnostic =
                        mismatch(span).label(words).also(elsewhere, "there").fix("do", span, "x\ny");
                    let faces = faces(text, diagnostic);
                    let place =
                        faces.lines().find(|line| line.starts_with("a.stream:")).expect("the concise face");
                    let place = place.split(": ").next().expect("its place");
                    assert!(
                        faces.contains(&format!("╭─[ {place} ]")),
                        "the faces differ in the place:\n{faces}"
                    );
                    assert!(!faces.contains('\u{2028}') && !faces.contains('\u{b}'), "{faces}");
                }
            }
        }
    }
}

#[test]
fn control_characters_of_a_name_do_not_reach_the_terminal() {
    let text = "param \u{1b}[31m: int\n";
    let diagnostic =
        Diagnostic::new(codes::E0001, at(text, "\u{1b}"), "`\u{1b}[2J` is not a name").label("\u{7}");
    let mut sources = SourceMap::default();
    sources.add("a\u{1b}.stream", text);
    let diagnostics = [diagnostic];
    assert!(!render::full(&sources, &diagnostics, Color::Off, None).contains(['\u{1b}', '\u{7}']));
    assert!(!render::concise(&sources, &diagnostics).contains(['\u{1b}', '\u{7}']));
    assert!(
        render::full(&sources, &diagnostics, Color::On, None).contains("\u{1b}[1;31merror[E0001]\u{1b}[0m: ")
    );
}

#[test]
fn long_lines_are_shown_around_the_place() {
    let filler = "a, ".repeat(200);
    let text = format!("from x\n\tselect {filler}\"日本\" + b, {filler}\n");
    let diagnostic = mismatch(at(&text, "+"))
        .label("no sum")
        .also(at(&text, "\"日本\""), "text")
        .also(at(&text, "select"), "")
        .also(at(&text, &filler), "all of these")
        .fix("leave it out", at(&text, "+"), "");
    insta::assert_snapshot!(faces(&text, diagnostic), @r#"
    error[E0001]: `amount` is an int, not a string
       ╭─[ a.stream:2:614 ]
       │
     2 │ …, a, a, a, a, a, a, a, a, a, a, a, "日本" + b, a, a, a, a, a, a, a, a, a, a, a, a, …
       │                                            ─ no sum
       ├─[ a.stream:2:609 ]
       │
     2 │ … a, a, a, a, a, a, a, a, a, a, a, a, a, "日本" + b, a, a, a, a, a, a, a, a, a, a, a, a…
       │                                          ────── text
       ├─[ a.stream:2:2 ]
       │
     2 │  select a, a, a, a, a, a, a, a, a, a, a, a, a, …
       │  ──────
       ├─[ a.stream:2:9 ]
       │
     2 │  select a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, …
       │         ───────────────────────────────────────────────────────────── all of these
    ───╯
      help: leave it out
            a.stream:2:614: remove `+`

    a.stream:2:614: error[E0001]: `amount` is an int, not a string

    {"code":"E0001","severity":"error","file":"a.stream","line":2,"column":614,"end_line":2,"end_column":615,"message":"`amount` is an int, not a string\nno sum\na.stream:2:609: text\na.stream:2:2: \na.stream:2:9: all of these","help":[],"fixes":[{"title":"leave it out","edits":[{"file":"a.stream","line":2,"column":614,"end_line":2,"end_column":615,"text":""}],"safe":false}]}
    "#);
}

#[test]
fn long_messages_keep_their_beginning_and_end() {
    let number = "9é".repeat(5_000);
    let finding = Diagnostic::new(codes::E0004, Span::default(), format!("`{number}` is no number"));
    assert!(finding.headline.len() < 2_100);
    assert!(finding.headline.starts_with("`9é9é") && finding.headline.ends_with("é` is no number"));
}

#[test]
fn of_very_many_findings_the_first_are_drawn() {
    let text = "x\n".repeat(20_000);
    let mut sources = SourceMap::default();
    sources.add("a.stream", &*text);
    let finding = |line: usize| mismatch(Span::new(FileId(0), 2 * line, 2 * line + 1));
    let findings: Vec<Diagnostic> = (0..20_000).map(finding).collect();
    let drawn = render::full(&sources, &findings, Color::Off, None);
    assert_eq!(drawn.matches("error[E0001]").count(), 100);
    assert!(drawn.ends_with("\n\n… and 19900 more\n"), "{}", &drawn[drawn.len() - 100..]);
    assert_eq!(render::concise(&sources, &findings).lines().count(), 20_000);
}

#[test]
fn words_are_broken_between_them_where_the_terminal_ends() {
    let mut sources = SourceMap::default();
    let file = sources.add("a.stream", "param x: int");
    let diagnostic = Diagnostic::new(codes::E0101, Span::new(file, 6, 7), "expected one thing or another, found `x` instead of it")
        .note("short")
        .help("write this as it is written on all pages: `one two three`, where a grüße grüße\n  keeps its place however long it is, and is not broken");
    let shown = render::full(&sources, &[diagnostic], Color::Off, Some(48));
    let words: Vec<&str> = shown.lines().filter(|line| !line.contains(['│', '╭', '╯'])).collect();
    assert_eq!(
        words.join("\n"),
        "\
error[E0101]: expected one thing or another,
  found `x` instead of it
  note: short
  help: write this as it is written on all
        pages: `one two three`, where a grüße
        grüße
          keeps its place however long it is, and is not broken"
    );
}

#[test]
fn a_text_is_broken_between_words() {
    let text =
        "one two three four five six seven eight\n\n  :name  does this or that, and whatever else it does\n";
    let broken = "one two three four five six seven eight\n\n  :name  does this or that, and whatever\n    else it does\n";
    assert_eq!(render::within(text, Some(42)), broken);
    assert_eq!(render::within(text, None), text);
}
