//! The corpus of programs.
use millstream_base::{Diagnostics, FileId};

#[test]
fn valid_programs_parse_without_a_word() {
    let mut bad = vec![];
    let mut paths: Vec<_> =
        std::fs::read_dir("tests/corpus/valid").unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut diagnostics = Diagnostics::default();
        millstream_syntax::parse(FileId(0), &text, &mut diagnostics);
        for d in diagnostics.into_sorted() {
            let (s, e) = (d.primary.span.start as usize, text.len().min(d.primary.span.start as usize + 40));
            bad.push(format!(
                "{}: {} {:?} {} {:?}",
                path.display(),
                d.code,
                d.headline,
                text.get(s..e).unwrap_or(""),
                d.notes
            ));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// The trees of the valid programs, to be read: what each construct means.
#[test]
fn valid_programs_give_the_intended_trees() {
    let mut paths: Vec<_> =
        std::fs::read_dir("tests/corpus/valid").unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut diagnostics = Diagnostics::default();
        let program = millstream_syntax::parse(FileId(0), &text, &mut diagnostics);
        let name = path.file_stem().unwrap().to_string_lossy().to_string();
        let shown = millstream_syntax::dump::dump(&program, millstream_syntax::dump::Spans::Hidden);
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "corpus/trees" }, {
            insta::assert_snapshot!(name, shown);
        });
    }
}

/// Every broken program (they are separated by `####`) with what is said about it and what is kept.
#[test]
fn broken_programs_are_explained() {
    let mut paths: Vec<_> =
        std::fs::read_dir("tests/corpus/broken").unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let programs = std::fs::read_to_string(&path).unwrap();
        let mut shown = String::new();
        for text in programs.split("####\n") {
            let mut sources = millstream_base::SourceMap::default();
            let file = sources.add("p", text);
            let mut diagnostics = Diagnostics::default();
            let program = millstream_syntax::parse(file, text, &mut diagnostics);
            shown.push_str(text);
            for d in diagnostics.into_sorted() {
                shown.push_str(&format!("-- {}: {} {}", sources.place(d.primary.span), d.code, d.headline));
                if let Some(fix) = d.fixes.first() {
                    shown.push_str(&format!(" | {}", fix.title));
                }
                shown.push('\n');
            }
            shown.push_str(&millstream_syntax::dump::dump(&program, millstream_syntax::dump::Spans::Hidden));
            shown.push('\n');
        }
        let name = path.file_stem().unwrap().to_string_lossy().to_string();
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "corpus/findings" }, {
            insta::assert_snapshot!(name, shown);
        });
    }
}

/// The value of a parameter on the command line is an expression and nothing else.
#[test]
fn expressions_parse_alone() {
    let parsed = |text: &str| {
        let mut diagnostics = Diagnostics::default();
        let e = millstream_syntax::parse_expression(FileId(0), text, &mut diagnostics);
        let headlines: Vec<String> = diagnostics.into_sorted().into_iter().map(|d| d.headline).collect();
        (millstream_syntax::dump::dump_expr(&e, millstream_syntax::dump::Spans::Hidden), headlines.join("; "))
    };
    assert_eq!(parsed("2 * (1h30m + x)"), ("(* 2 (+ 1h30m x))".to_string(), String::new()));
    assert_eq!(parsed("1 2"), ("(error)".to_string(), "expected an operator, found `2`".to_string()));
    assert_eq!(
        parsed(""),
        ("(error)".to_string(), "expected an expression, found the end of the file".to_string())
    );
}

/// A query without a stream, and what other languages begin with.
#[test]
fn a_query_without_a_name_is_told_where_names_stand() {
    let found = |text: &str| {
        let mut diagnostics = Diagnostics::default();
        millstream_syntax::parse(FileId(0), text, &mut diagnostics);
        diagnostics.into_sorted()
    };
    let helps = |text: &str| -> Vec<String> { found(text).into_iter().flat_map(|d| d.helps).collect() };
    let source = "source s: { a: int } from file(\"x\") format json\n";
    let fixes = |text: &str| -> Vec<String> {
        found(text).into_iter().flat_map(|d| d.fixes).map(|f| f.edits[0].text.clone()).collect()
    };
    for query in ["from s select a", "match a: s then b: s within 5m"] {
        for before in ["", source] {
            assert_eq!(fixes(&format!("{before}{query}")), ["stream result =\n  "], "{query}");
        }
    }
    for query in ["select a from s", "SELECT a\nFROM s"] {
        assert_eq!(fixes(query), ["stream result =\n  from s\n  select a"], "{query}");
        let taken = format!("param result: int = 1\n{query}");
        assert!(fixes(&taken).iter().any(|fix| fix.starts_with("stream result_2 =")), "{query}");
    }
    assert_eq!(helps("where a > 1"), ["a query belongs to a stream: write `stream NAME = from …`"]);
    for query in ["select a, b", "insert into t", "WITH x AS (select a from s)"] {
        let whole = "a query says from top to bottom what is done: `stream NAME = from … where … group by … select …`";
        assert_eq!(helps(&format!("{source}{query}")).first().map(String::as_str), Some(whole), "{query}");
    }
    for other in ["foo", "stream a = from s\nselect a\nfrom b", "stream a = from s select a from b"] {
        assert_eq!(helps(other), [""; 0], "{other}");
    }
}
