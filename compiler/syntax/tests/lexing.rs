//! How text is cut into tokens, seen through `tokens`, and what the pages on codes promise.

use insta::assert_snapshot;
use millstream_base::{Diagnostics, FileId, codes};

/// The tokens, then what the lexer has to say. To add a case, call this with a text and accept the snapshot.
fn tokens(text: &str) -> String {
    let mut diagnostics = Diagnostics::default();
    let mut out = millstream_syntax::tokens(FileId(0), text, &mut diagnostics);
    for d in diagnostics.into_sorted() {
        let span = d.primary.span;
        out.push_str(&format!("! {}..{} {} {}\n", span.start, span.end, d.code, d.headline));
    }
    out
}

#[test]
fn words_are_names_unless_reserved() {
    assert_snapshot!(tokens("where window time_ `where` _x1"));
}

#[test]
fn numbers_durations_and_ranges_are_told_apart() {
    assert_snapshot!(tokens("1 1_000 3.14 1e-3 2.5E+10 0s..4h 1..5 1h30m a.b 5m"));
}

#[test]
fn a_date_less_a_duration_is_no_offset() {
    assert_snapshot!(tokens("@2024-05-01-5m @2024-05-01T12:00:00-05:00 @2024-05-01T12:00:00.5Z"));
}

#[test]
fn signs_are_as_long_as_they_can_be() {
    assert_snapshot!(tokens("== = != <= < ++ + ?? ? -> - .. . | >= >"));
}

#[test]
fn joins_with_a_side_are_one_token() {
    assert_snapshot!(tokens("left join x -- c\n left -- c\n join left(a) `left` join a.left\njoin"));
}

#[test]
fn interpolations_hold_any_expression() {
    assert_snapshot!(tokens("f\"{a}: {{ {f\"{ { b: \"}\" }.b }\"}\" f\"\""));
}

#[test]
fn characters_by_number_are_text_between_interpolations_too() {
    assert_snapshot!(tokens("f\"caf\\u{e9} {a}\" f\"\\u{zz}\" f\"\\\\u{b}\" \"\\u{+e9}\""));
}

#[test]
fn open_text_ends_at_the_line_break() {
    assert_snapshot!(tokens("a \"b\r\nc r\"d\n`e\nf\"g {h\ni"));
}

#[test]
fn byte_order_marks_and_carriage_returns_are_blank() {
    assert_snapshot!(tokens("\u{feff}a\r\nb\tc\u{c}d"));
}

#[test]
fn signs_of_other_languages_stand_for_ours() {
    assert_snapshot!(tokens("a && b || !c <> d; 'e' # f\ng // h\n/* i\nj */ k"));
}

#[test]
fn comments_end_with_their_line() {
    assert_snapshot!(tokens("a -- b\n--- c\n----- d\ne --f\n5--3\n5 --3\n5-- 3"));
}

/// The syntax codes' pages: the wrong program raises just that code, the right one nothing.
#[test]
fn pages_on_syntax_show_what_they_say() {
    let mut n_pages = 0;
    for code in codes::all().filter(|c| {
        let name = c.name();
        name.starts_with("E00") || name.starts_with("E01") || matches!(name, "W0001" | "W0002")
    }) {
        let blocks: Vec<&str> =
            code.info().page.split("```stream\n").skip(1).filter_map(|b| b.split("```").next()).collect();
        let [wrong, right] = blocks[..] else { panic!("{code}: two programs") };
        let raised = |text: &str| {
            let mut diagnostics = Diagnostics::default();
            millstream_syntax::parse(FileId(0), text, &mut diagnostics);
            diagnostics.into_sorted().iter().map(|d| d.code).collect::<Vec<_>>()
        };
        assert_eq!(raised(wrong), [code], "{code}");
        assert_eq!(raised(right), [], "{code}");
        n_pages += 1;
    }
    assert!(n_pages > 20);
}

/// Spans are tight: each node's text begins and ends with its own tokens.
#[test]
fn places_of_nodes_hold_just_their_text() {
    let text = "--- doc\nstream a = from s as t   -- comment\n  where (x + 1) > `b c` -- comment\n  window tumbling 5m\n  group by k select k, count() as n\n\n";
    let mut diagnostics = Diagnostics::default();
    let program = millstream_syntax::parse(FileId(0), text, &mut diagnostics);
    let shown = millstream_syntax::dump::dump(&program, millstream_syntax::dump::Spans::Shown);
    assert_snapshot!(shown);
    for place in shown.split('@').skip(1) {
        let (start, rest) = place.split_once("..").unwrap();
        let end: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let node = &text[start.parse().unwrap()..end.parse().unwrap()];
        assert_eq!(node, node.trim(), "{node}");
        assert!(!node.ends_with("comment"), "{node}");
    }
}
