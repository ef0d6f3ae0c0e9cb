//! What is told of what is under the cursor.

use crate::helper::{Cursor, payments, program};
use millstream_lsp::analysis::hover;

fn shown(at: Cursor) -> String {
    match hover(&at.analysis, at.file, at.offset) {
        Some(found) => format!("{}\n\n{}", at.place(found.span), found.markdown),
        None => "nothing".to_string(),
    }
}

#[test]
fn a_field_with_its_documentation_through_streams() {
    insta::assert_snapshot!(shown(payments(
        "stream a = from payments select card, amount\nstream b = from a where ca$0rd == \"x\""
    )));
}

#[test]
fn a_column_that_is_no_longer_null() {
    insta::assert_snapshot!(shown(payments(
        "stream a = from payments where country is not null select coun$0try"
    )));
}

#[test]
fn a_stream_with_what_it_keeps() {
    insta::assert_snapshot!(shown(payments(
        "--- Spend per card.
stream spend = from payments window tumbling 5m group by card select card, sum(amount) as total
sink out from spe$0nd to stdout format json"
    )));
}

#[test]
fn an_updating_stream_in_a_program_with_errors() {
    insta::assert_snapshot!(shown(payments(
        "stream tot$0als = from payments group by card forever select card, count() as n
stream wrong = from payments where amuont > 1"
    )));
}

#[test]
fn a_source() {
    insta::assert_snapshot!(shown(payments("stream a = from pay$0ments")));
}

#[test]
fn a_function_of_the_program() {
    insta::assert_snapshot!(shown(program(
        "--- Whether it is much.\nfn large(x: int, least: int) -> bool = x > least\nfn f(x: int) -> bool = lar$0ge(x, 2)"
    )));
}

#[test]
fn a_function_of_the_library() {
    insta::assert_snapshot!(shown(payments("stream a = from payments where tri$0m(card) == \"\"")));
}

#[test]
fn an_aggregate() {
    insta::assert_snapshot!(shown(payments(
        "stream a = from payments window tumbling 1h group by () select su$0m(amount) as total"
    )));
}

#[test]
fn a_connector_and_an_option() {
    insta::assert_snapshot!(shown(program("source a: { at: timestamp } from fi$0le(\"a\") format json")));
    insta::assert_snapshot!(shown(program(
        "source a: { at: timestamp } from file(pa$0th: \"a\") format json"
    )));
}

#[test]
fn a_word_and_an_expression() {
    insta::assert_snapshot!(shown(payments("stream a = from payments window tum$0bling 1h")));
    insta::assert_snapshot!(shown(payments("stream a = from payments select amount $0* 2 as twice")));
}

#[test]
fn a_clause_with_what_it_sees() {
    insta::assert_snapshot!(shown(payments(
        "stream a = from payments window tumbling 1h group by card select card, count() as n whe$0re n > 1"
    )));
}

#[test]
fn a_variable_of_a_pattern() {
    insta::assert_snapshot!(shown(payments(
        "stream a = match by card x: payments then y: payments[amount > x.amount] within 1h select x$0.amount"
    )));
}

#[test]
fn nothing_in_a_comment() {
    assert_eq!(shown(payments("-- pay$0ments\nstream a = from payments")), "nothing");
}

#[test]
fn a_function_without_the_type_of_its_result() {
    insta::assert_snapshot!(shown(program("fn large$0(x: int) = x > 9\nfn f(x: int) -> bool = large(x)")));
}
