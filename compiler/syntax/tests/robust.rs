//! The parser never panics, never hangs, and loses no more of a program than what is broken.

use millstream_base::{Diagnostic, Diagnostics, FileId, Span};
use millstream_syntax::ast::{Item, ItemKind, Program};
use millstream_syntax::dump::{self, Spans};
use millstream_syntax::{lexer, parse, token};
use proptest::prelude::*;

fn corpus() -> Vec<(String, String)> {
    let files = std::fs::read_dir("tests/corpus/valid").unwrap().map(|e| e.unwrap().path());
    let mut programs: Vec<_> =
        files.map(|p| (p.display().to_string(), std::fs::read_to_string(p).unwrap())).collect();
    programs.sort();
    programs
}

fn parsed(text: &str) -> (Vec<Item>, Vec<Diagnostic>) {
    let mut diagnostics = Diagnostics::default();
    let program = parse(FileId(0), text, &mut diagnostics);
    (program.items, diagnostics.into_sorted())
}

/// An item as text, without its place.
fn shown(item: &Item) -> String {
    let program = Program { items: vec![item.clone()], span: item.span };
    dump::dump(&program, Spans::Hidden)
}

#[derive(Default)]
struct Tally {
    mutants: usize,
    rejected: usize,
    on_line: usize,
    intact: usize,
    others: usize,
    findings: usize,
}

impl Tally {
    /// Parses a program that was changed between two bytes, in one of its items.
    fn mutant(&mut self, original: &[Item], mutant: &str, edited: usize, changed: usize) {
        let (items, findings) = parsed(mutant);
        self.mutants += 1;
        if findings.is_empty() {
            return;
        }
        self.rejected += 1;
        self.findings += findings.len();
        let line = |at: usize| mutant.get(..at.min(mutant.len())).unwrap_or("").matches('\n').count();
        let places = |d: &Diagnostic| {
            std::iter::once(&d.primary).chain(&d.secondary).map(|l| l.span.start).collect::<Vec<_>>()
        };
        if places(&findings[0]).iter().any(|at| line(*at as usize) == line(changed)) {
            self.on_line += 1;
        }
        let kept: Vec<String> = items.iter().map(shown).collect();
        for (_, item) in original.iter().enumerate().filter(|(i, _)| *i != edited) {
            self.others += 1;
            self.intact += usize::from(kept.contains(&shown(item)));
        }
    }
}

/// A line cut behind each of its tokens, and each closing bracket dropped: what people do while they type.
#[test]
fn half_typed_programs_keep_their_other_items() {
    let mut tally = Tally::default();
    for (name, text) in corpus() {
        let (items, findings) = parsed(&text);
        assert!(findings.is_empty(), "{name}");
        let lexed = lexer::lex(FileId(0), &text);
        for token in &lexed.tokens {
            let Some(edited) = items.iter().position(|i| i.span.contains(token.start as usize)) else {
                continue;
            };
            let end = token.end as usize;
            let line_end = text[end..].find('\n').map_or(text.len(), |n| end + n);
            if !text[end..line_end].trim().is_empty() {
                let cut = format!("{}{}", &text[..end], &text[line_end..]);
                tally.mutant(&items, &cut, edited, end);
            }
            if token.kind.closes() {
                let dropped = format!("{}{}", &text[..token.start as usize], &text[end..]);
                tally.mutant(&items, &dropped, edited, token.start as usize);
            }
        }
    }
    let share = |n: usize, of: usize| n as f64 / of as f64;
    let report = format!(
        "{} mutants: {:.1} % rejected, {:.1} % on the line, {:.1} % of other items intact, {:.2} findings each",
        tally.mutants,
        100.0 * share(tally.rejected, tally.mutants),
        100.0 * share(tally.on_line, tally.rejected),
        100.0 * share(tally.intact, tally.others),
        share(tally.findings, tally.rejected)
    );
    println!("{report}");
    assert!(share(tally.intact, tally.others) >= 0.97, "{report}");
    assert!(share(tally.on_line, tally.rejected) >= 0.95, "{report}");
    assert!(share(tally.findings, tally.rejected) <= 1.1, "{report}");
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let deep = 10_000;
    let nested = [
        format!("param x: int = {}1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("param x: json = {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("param x: json = {}1{}", "{a:".repeat(deep), "}".repeat(deep)),
        format!("param x: int = {}1", "- ".repeat(deep)),
        format!("param x: bool = {}true", "not ".repeat(deep)),
        format!("param x: int = 1{}", " + 1".repeat(100_000)),
        format!("param x: int = a{}", ".b".repeat(100_000)),
        format!("param x: int = a{}", "[0]".repeat(100_000)),
        format!("param x: int = {}1{}", "if a then 1 else ".repeat(deep), ""),
        format!("param x: int = {}1{}", "f(".repeat(deep), ")".repeat(deep)),
        format!("type t = {}int{}", "list<".repeat(deep), ">".repeat(deep)),
        format!("type t = {}int{}", "{ a: ".repeat(deep), "}".repeat(deep)),
        format!("type t = int{}", " ?".repeat(deep)),
        format!("stream a = match {}a: s{} within 5m", "(".repeat(deep), ")".repeat(deep)),
        format!("param x: string = {}1{}", "f\"{".repeat(deep), "}\"".repeat(deep)),
    ];
    for text in nested {
        let (_, findings) = parsed(&text);
        let codes: Vec<&str> = findings.iter().map(|d| d.code.name()).collect();
        let expected: &[&str] = if text.contains("((((1") { &[] } else { &["E0102"] };
        assert_eq!(codes, expected, "{}", &text[..40]);
    }
    // Without their ends the brackets are another fault, and no overflow either.
    for open in ["(", "[", "{a:", "f\"{", "f(", "if a then "] {
        let (_, findings) = parsed(&format!("param x: int = {}", open.repeat(deep)));
        assert!(!findings.is_empty());
    }
}

#[test]
fn chains_for_which_no_order_matters_may_be_of_any_length() {
    for operator in ["and", "or", "??", "++"] {
        let text = format!("fn f(x: bool) -> bool = x{}", format!(" {operator} x").repeat(100_000));
        let (_, findings) = parsed(&text);
        assert!(findings.is_empty(), "{findings:?}");
    }
    // The order of the operands is kept, and so are brackets.
    let text = (0..1_000).map(|n| format!("(a or b{n})")).collect::<Vec<_>>().join(" or ");
    let formatted = millstream_syntax::format(FileId(0), &format!("fn f(x: int) -> bool = {text}\n"))
        .expect("nothing is wrong");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&formatted), format!("fn f(x: int) -> bool = {text}"));
    assert_eq!(millstream_syntax::format(FileId(0), &formatted).as_deref(), Ok(formatted.as_str()));
}

/// The lexer has no function for each character of a token, whose calls a build without optimizations would stack up.
#[test]
fn a_token_may_be_of_any_length() {
    let letters = "ü".repeat(100_000);
    for (text, codes) in [
        (format!("-- {letters}"), &[] as &[&str]),
        (format!("--- {letters}\ntype t = int"), &[]),
        (format!("// {letters}"), &["E0011"]),
        (format!("param x: string = \"{letters}\""), &[]),
        (format!("param x: string = \"{letters}"), &["E0002"]),
        (format!("param x: string = r\"{letters}\""), &[]),
        (format!("param x: string = '{letters}'"), &["E0007"]),
        (format!("fn f(x: int) -> string = f\"{letters}{{x}}{letters}\""), &[]),
        (format!("param {letters}: int"), &["E0009"]),
        (format!("param `{letters}`: int"), &[]),
        (format!("param {}: int", "a".repeat(100_000)), &[]),
        (format!("param x: int = {}", "1_".repeat(50_000)), &["E0004"]),
    ] {
        let (_, findings) = parsed(&text);
        let found: Vec<&str> = findings.iter().map(|d| d.code.name()).collect();
        assert_eq!(found, codes, "{}", text.get(..30).unwrap_or_default());
    }
}

#[test]
fn long_flat_programs_are_no_deeper_than_short_ones() {
    let columns: Vec<String> = (0..5_000).map(|i| format!("x{i} + 1 as y{i}")).collect();
    let clauses = "where a > 1 ".repeat(5_000);
    let steps: Vec<String> = (0..5_000).map(|i| format!("a{i}: s")).collect();
    for text in [
        format!("stream a = from s select {}", columns.join(", ")),
        format!("stream a = from s {clauses}"),
        format!("stream a = match {} within 5m", steps.join(" then ")),
        format!("type t = {}", vec!["\"a\""; 5_000].join(" | ")),
    ] {
        assert_eq!(parsed(&text).1, []);
    }
}

/// A megabyte of nonsense takes no longer than a megabyte, and a bounded number of words.
#[test]
fn garbage_is_answered_briefly() {
    let line_of = |line: &str| line.repeat(1_000_000 / line.len());
    for text in [
        line_of("("),
        line_of("}"),
        line_of("§"),
        line_of("\"\n"),
        line_of("f\"{\n"),
        line_of("stream a = (\n"),
        line_of("stream a = from s where\n"),
        line_of("  where (\n"),
        format!("stream a = from s\n{}", line_of("  where x = \n")),
        format!("stream a = from s where x = 1{}", line_of(" or x = 1")),
        format!("type t = {{\n{}", line_of("  a int,\n")),
        format!("test \"x\" {{\n{}", line_of("  expect a [ {\n")),
        line_of("--- doc\n"),
        line_of("--- doc\n\n"),
        line_of("a b c\n"),
        line_of("`"),
        line_of("@"),
        line_of("left join "),
        line_of("select \"a\" from a: where \"b\" = null;\n"),
        format!("select {} from s", line_of("\"a\" as \"b\", a: ")),
        format!("from every a=s{}", line_of(" -> b=s")),
        format!("select a from s join t on a = b{}", line_of(" + interval '5' minute")),
        line_of("\u{0}"),
    ] {
        let (_, findings) = parsed(&text);
        assert!(
            findings.len() <= 2 * lexer::MAX_FINDINGS,
            "{} findings for {:?}…",
            findings.len(),
            &text[..9]
        );
    }
}

#[test]
fn every_word_that_is_not_reserved_names_a_column() {
    for word in token::CONTEXTUAL {
        let text = format!(
            "type t = {{ {word}: int }}\nstream a = from s where {word} > 1 and s.{word} < 2 let {word} = {word} + 1 select {word} as {word}, f({word}) group by {word} select {word}"
        );
        assert_eq!(parsed(&text).1, [], "{word}");
    }
    for word in token::RESERVED {
        let text = format!(
            "type t = {{ {word}: int }}\nstream a = from s select s.{word}, f({word}: 1), {{ {word}: 1 }}.{word}, `{word}`"
        );
        assert_eq!(parsed(&text).1, [], "{word}");
    }
}

fn any_token() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = token::RESERVED.iter().chain(token::CONTEXTUAL).copied().collect();
    let signs = vec![
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        "..",
        ":",
        "=",
        "==",
        "!=",
        "<",
        ">",
        "+",
        "-",
        "*",
        "?",
        "??",
        "|",
        "->",
        "\n",
        "f\"",
        "\"",
        "r\"",
        "`",
        "1",
        "5m",
        "@2024-01-01",
        "1.5",
        "\"x\"",
        "--",
        "---",
        "a",
        "b",
        "é",
        "'",
        "/*",
        "#",
    ];
    prop_oneof![
        proptest::sample::select(words).prop_map(str::to_string),
        proptest::sample::select(signs).prop_map(str::to_string),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_a_tree(text in "\\PC{0,200}") {
        parsed(&text);
    }

    #[test]
    fn any_bytes_give_a_tree(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        parsed(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_tokens_give_a_tree_or_a_finding(tokens in proptest::collection::vec(any_token(), 0..60), glue in "[ \n]?") {
        let text = tokens.join(&glue);
        let (items, findings) = parsed(&text);
        let has_error_item = items.iter().any(|i| matches!(i.kind, ItemKind::Error(_)));
        prop_assert!(!has_error_item || !findings.is_empty());
        for finding in &findings {
            prop_assert!(text.get(finding.primary.span.range()).is_some(), "{finding:?}");
        }
    }

    #[test]
    fn any_clause_words_give_a_tree_or_a_finding(tokens in proptest::collection::vec(any_token(), 0..40)) {
        let text = format!("stream a = from s\n  {}\nstream b = from t", tokens.join(" "));
        let (items, findings) = parsed(&text);
        let words = dump::dump(&Program { span: Span::default(), items }, Spans::Hidden);
        prop_assert!(!words.contains("(error)") || !findings.is_empty());
    }
}

/// The words are written down twice, in the tokens and in the grammar, and must be the same.
#[test]
fn words_of_the_grammar_are_those_of_the_tokens() {
    let grammar = std::fs::read_to_string("../../grammar/millstream.lalrpop").unwrap();
    let words_of = |rule: &str| {
        let body =
            grammar.split(&format!("{rule}: &'input str = {{")).nth(1).unwrap().split("};").next().unwrap();
        let mut words: Vec<String> = body.split('"').skip(1).step_by(2).map(str::to_string).collect();
        words.sort();
        words
    };
    let mut names = [words_of("\nPatternNameWord"), words_of("\nNameWord")].concat();
    names.sort();
    assert_eq!(names, token::CONTEXTUAL);
    let mut reserved = token::RESERVED.to_vec();
    reserved.sort();
    assert_eq!(words_of("\nAnyWord"), reserved);
    let readme = std::fs::read_to_string("../../grammar/README.md").unwrap();
    assert!(
        readme.contains(&token::RESERVED[..10].join(" "))
            && readme.contains(&token::RESERVED[10..].join(" "))
    );
}
