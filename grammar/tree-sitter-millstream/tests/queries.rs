//! The queries, over a program that has some of everything: what editors color, fold and indent.

use std::fmt::Write;
use tree_sitter::{Language, Parser, Query, QueryCursor, StreamingIterator};

const PROGRAM: &str = r#"--- Payments.
source payments: { id: int, amount: decimal(2)?, where: "a" | "b", at: timestamp as epoch_s }
  from file("payments.csv") format csv
  time at disorder 5s
param limit: int = 10
fn net(amount: decimal(2), rate: float = 1e-3) -> float = amount * (1.0 - rate) -- less the fee
stream time = match by card
    first: payments[amount > limit and name matches r"^a\d+"]
    then within 5m payments
  within 1h
  select f"{first.id} of {{all}}\n" as text, net(first.amount, rate: 0.5) as to, first.where is null
  left join cards as c on c.id == 1
  window tumbling day
test "a" {
  given payments [{ id: 1, at: +0s }]
  expect time empty
}
"#;

/// Each capture of a query, in the order of the text and of the query: of two for the same text, the last counts.
fn captures(query: &str) -> String {
    let language = Language::from(tree_sitter_millstream::LANGUAGE);
    let mut parser = Parser::new();
    parser.set_language(&language).expect("a grammar of this library's version");
    let tree = parser.parse(PROGRAM, None).expect("it was not told to stop");
    assert!(!tree.root_node().has_error());
    let query = Query::new(&language, query).expect("a query over nodes of the grammar");
    let mut cursor = QueryCursor::new();
    let mut found = vec![];
    let mut captures = cursor.captures(&query, tree.root_node(), PROGRAM.as_bytes());
    while let Some((matched, i)) = captures.next() {
        let capture = matched.captures()[*i];
        found.push((
            capture.node.start_byte(),
            capture.node.end_byte(),
            matched.pattern_index,
            capture.index,
        ));
    }
    found.sort();
    let mut shown = String::new();
    for (i, (start, end, _, name)) in found.iter().enumerate() {
        let is_last = found.get(i + 1).is_none_or(|next| (next.0, next.1) != (*start, *end));
        if is_last {
            let text = PROGRAM[*start..*end].lines().next().unwrap_or("");
            let _ = writeln!(shown, "{:22} {text}", query.capture_names()[*name as usize]);
        }
    }
    shown
}

#[test]
fn names_words_and_literals_are_told_apart() {
    insta::assert_snapshot!(captures(tree_sitter_millstream::HIGHLIGHTS));
}

#[test]
fn items_and_brackets_fold() {
    insta::assert_snapshot!(captures(tree_sitter_millstream::FOLDS));
}

#[test]
fn lines_are_indented_below_items_and_in_brackets() {
    insta::assert_snapshot!(captures(tree_sitter_millstream::INDENTS));
}

#[test]
fn regular_expressions_and_comments_are_other_languages() {
    insta::assert_snapshot!(captures(tree_sitter_millstream::INJECTIONS));
}

#[test]
fn names_have_scopes() {
    insta::assert_snapshot!(captures(tree_sitter_millstream::LOCALS));
}
