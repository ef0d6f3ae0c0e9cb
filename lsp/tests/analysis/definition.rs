//! Where names are defined, and where they are used.

use crate::helper::{Cursor, payments, program_with};
use millstream_lsp::analysis::{definition, references};

fn defined(at: Cursor) -> String {
    at.places(definition(&at.analysis, at.file, at.offset))
}

fn used(at: Cursor) -> String {
    at.places(references(&at.analysis, at.file, at.offset, true))
}

const SHARED: (&str, &str) = (
    "shared.stream",
    "type Click = { user: string, at: timestamp }\nfn short(x: string) -> string = left(x, 3)\n",
);

#[test]
fn a_type_in_another_file() {
    insta::assert_snapshot!(defined(program_with(
        "use \"shared.stream\"\nsource clicks: Cli$0ck from file(\"a\") format json",
        &[SHARED]
    )));
}

#[test]
fn another_file() {
    insta::assert_snapshot!(defined(program_with("use \"sha$0red.stream\"", &[SHARED])));
}

#[test]
fn a_field_through_streams_and_files() {
    let text = "use \"shared.stream\"
source clicks: Click from file(\"a\") format json
stream a = from clicks as c select short(c.us$0er) as name, user
stream b = from a where user == name";
    insta::assert_snapshot!(used(program_with(text, &[SHARED])));
}

#[test]
fn the_key_of_a_pattern_is_a_column_of_each_stream() {
    let text = "source others: { card: string, at: timestamp } from file(\"o\") format json time at
stream a = match by ca$0rd x: payments then y: others within 1h select card, y.card as other";
    insta::assert_snapshot!(defined(payments(text)));
    insta::assert_snapshot!(used(payments(text)));
}

#[test]
fn an_alias_and_a_variable() {
    insta::assert_snapshot!(used(payments(
        "stream a = from payments as p$0 where p.amount > 1.00 select p.*, p.card as c"
    )));
    insta::assert_snapshot!(used(payments(
        "stream a = match by card x$0: payments+ then y: payments[amount > last(x).amount] within 1h
  select count(x) as n, sum(x.amount) as total"
    )));
}

#[test]
fn a_function_of_the_library_is_used_but_not_defined() {
    let text = "stream a = from payments where tri$0m(card) == trim(\"a\")";
    assert_eq!(defined(payments(text)), "");
    insta::assert_snapshot!(used(payments(text)));
}
