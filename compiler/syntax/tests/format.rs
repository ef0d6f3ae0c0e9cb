//! Formatting changes blanks, line breaks and trailing commas, and nothing else.

use millstream_base::{Diagnostics, FileId};
use millstream_syntax::lexer::lex;
use millstream_syntax::{format, format_declarations, parse};
use std::path::PathBuf;

/// Formats, and checks on the way that meaning and comments stay and that formatting again changes nothing.
fn formatted(text: &str) -> String {
    let out = match format(FileId(0), text) {
        Ok(out) => out,
        Err(diagnostics) => panic!("not formatted: {:?}\n{text}", diagnostics[0]),
    };
    assert_eq!(tree(text), tree(&out), "the meaning changed:\n{text}\n---\n{out}");
    assert_eq!(comments(text), comments(&out), "comments changed:\n{text}\n---\n{out}");
    match format(FileId(0), &out) {
        Ok(again) => assert_eq!(out, again, "not idempotent:\n{text}"),
        Err(diagnostics) => panic!("no longer a program: {:?}\n{text}\n---\n{out}", diagnostics[0]),
    }
    assert!(!out.lines().any(|line| line.ends_with(' ')), "blanks at the end of a line:\n{out}");
    out
}

/// The syntax tree without places.
fn tree(text: &str) -> String {
    let program = parse(FileId(0), text, &mut Diagnostics::default());
    let debug = format!("{:?}", program.items);
    // A span is shown as `file:start..end`.
    let is_span = |word: &str| {
        word.strip_prefix("0:").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    };
    debug.split([' ', ',', ')', '}', '(']).filter(|word| !is_span(word)).collect::<Vec<_>>().join(" ")
}

fn comments(text: &str) -> Vec<String> {
    let comments = lex(FileId(0), text).comments;
    comments.iter().map(|c| text[c.start as usize..c.end as usize].trim_end().to_string()).collect()
}

fn corpus() -> Vec<(PathBuf, String)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/valid");
    let entries = std::fs::read_dir(directory).expect("the corpus");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a program").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).expect("text"))).collect()
}

#[test]
fn corpus_keeps_its_meaning_and_comments() {
    for (_, text) in corpus() {
        formatted(&text);
    }
}

#[test]
fn corrected_programs_of_the_pages_on_codes_can_be_formatted() {
    let mut n_programs = 0;
    for code in millstream_base::codes::all() {
        let Some((_, right)) = code.info().page.split_once("## Right") else { continue };
        // A fault of data or of a command line has no program on its page.
        let Some((_, program)) = right.split_once("```stream\n") else { continue };
        let (program, _) = program.split_once("```").expect("its end");
        formatted(program);
        n_programs += 1;
    }
    assert!(n_programs > 30);
}

#[test]
fn programs_of_the_repository_can_be_formatted() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut directories = vec![root.join("examples"), root.join("tests"), root.join("docs")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "stream") {
                let text = std::fs::read_to_string(&path).expect("a program");
                // Programs that are wrong on purpose are not formatted.
                if format(FileId(0), &text).is_ok() {
                    formatted(&text);
                }
            }
        }
    }
}

#[test]
fn declarations_without_a_body_can_be_formatted() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../stdlib");
    let mut directories = vec![directory];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "stream") {
                let text = std::fs::read_to_string(&path).expect("a program");
                let out = format_declarations(FileId(0), &text).expect("a right program");
                assert_eq!(comments(&text), comments(&out));
                assert_eq!(format_declarations(FileId(0), &out).as_ref(), Ok(&out));
            }
        }
    }
    let text = "--- Rounds.\nfn round(x: float, digits:int=0)->float\naggregate last(x: json) -> json";
    let out = format_declarations(FileId(0), text).expect("a right program");
    assert_eq!(
        out,
        "--- Rounds.\nfn round(x: float, digits: int = 0) -> float\n\naggregate last(x: json) -> json\n"
    );
}

/// Where a token of the text starts; f-strings count as one.
fn token_starts(text: &str) -> Vec<usize> {
    use millstream_syntax::token::TokenKind;
    let mut starts = vec![];
    let mut n_open = 0_usize;
    for token in lex(FileId(0), text).tokens {
        if n_open == 0 {
            starts.push(token.start as usize);
        }
        match token.kind {
            TokenKind::TemplateStart => n_open += 1,
            TokenKind::TemplateEnd => n_open -= 1,
            _ => {}
        }
    }
    starts
}

/// The text with `comment(i)` before the tokens that `chosen` picks.
fn with_comments(text: &str, chosen: impl Fn(usize) -> bool, comment: impl Fn(usize) -> String) -> String {
    let mut out = String::new();
    let mut at = 0;
    for (i, start) in token_starts(text).into_iter().enumerate() {
        if chosen(i) {
            out += &text[at..start];
            out += &comment(i);
            at = start;
        }
    }
    out + &text[at..]
}

#[test]
fn comment_between_any_two_tokens_stays() {
    for (_, text) in corpus() {
        for item in parse(FileId(0), &text, &mut Diagnostics::default()).items {
            let text = &text[item.span.range()];
            for i in 0..token_starts(text).len() {
                formatted(&with_comments(text, |j| i == j, |_| "\n-- own line\n".into()));
                formatted(&with_comments(text, |j| i == j, |_| " -- end of line\n".into()));
                formatted(&with_comments(text, |j| i == j, |_| " --- one\n--- two\n\n--- three\n".into()));
            }
        }
    }
}

#[test]
fn doc_comments_behind_code_stay_there() {
    let above = "param n: int = 1 --- behind n\n--- above b\nstream b = from s\n  where x\n";
    assert!(formatted(above).starts_with("param n: int = 1  --- behind n\n\n--- above b\n"));
    formatted("type t = { a: int, --- behind a\n  --- above b\n  b: int --- behind b\n}\n");
    formatted("type t = {\n  a: int -- one\n  , --- behind the comma\n  b: int\n}\n");
    formatted("type t = {\n  a: int --- one\n  , --- behind the comma\n  b: int, --- three\n --- four\n}\n");
    formatted("stream a = from s where x --- x\n --- y\n select f(x, --- x\n  y) as z --- z\n");
}

#[test]
fn many_comments_stay() {
    for (_, text) in corpus() {
        formatted(&with_comments(&text, |_| true, |i| format!(" -- {i}\n\n  -- and {i}\n\n\n")));
        formatted(&with_comments(&text, |_| true, |i| format!("\n    -- {i}\n")));
        formatted(&with_comments(&text, |i| i % 3 == 0, |i| format!(" -- {i}\r\n")));
    }
}

#[test]
fn any_layout_of_the_author_becomes_a_program_of_the_style() {
    let without_comments = |text: &str, between: &str| {
        let mut out = String::new();
        for (start, end) in
            token_starts(text).into_iter().zip(token_starts(text).into_iter().skip(1).chain([text.len()]))
        {
            let mut token = text[start..end].to_string();
            for comment in comments(&text[start..end]) {
                token = token.replace(&comment, " ");
            }
            out += token.trim();
            out += between;
        }
        out
    };
    for (_, text) in corpus() {
        formatted(&without_comments(&text, " "));
        formatted(&without_comments(&text, "\n"));
        formatted(&without_comments(&text, "\r\n\r\n\r\n\t"));
    }
}

#[test]
fn names_too_long_for_any_line_break_every_list() {
    use millstream_syntax::token::TokenKind;
    for (_, text) in corpus() {
        let mut long = String::new();
        let mut at = 0;
        for token in lex(FileId(0), &text).tokens {
            let is_name =
                token.kind == TokenKind::Identifier && !text[token.start as usize..].starts_with('`');
            if is_name {
                long += &text[at..token.end as usize];
                long += "_that_is_long_enough_to_break_most_of_the_lines_in_which_it_stands";
                at = token.end as usize;
            }
        }
        formatted(&(long + &text[at..]));
    }
}
