//! Where names are defined, and where they are used.

use crate::helper::{Cursor, payments, program_with};
use millstream_lsp::analysis::library::text;
use millstream_lsp::analysis::{definition, highlights, library_definition, references};

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

/// Modules, and the lines that declare what is under the cursor.
fn declared(at: Cursor) -> String {
    let places = library_definition(&at.analysis, at.file, at.offset);
    let line = places.iter().map(|place| {
        let text = text(place.module).expect("a module");
        let line = text[place.range.start..].lines().next().unwrap_or_default();
        let start = text[..place.range.start].rfind('\n').map_or(0, |end| end + 1);
        format!("{}: {}«{line}\n", place.module, &text[start..place.range.start])
    });
    line.collect()
}

#[test]
fn what_the_library_declares() {
    for (what, rest) in [
        ("a function of several forms", "stream a = from payments where tri$0m(card) == \"\""),
        (
            "an aggregate",
            "stream a = from payments window tumbling 1h group by card select card, su$0m(amount)",
        ),
        ("a conversion that may fail", "stream a = from payments where try_in$0t(card) is null"),
        ("a connector", "sink out from payments to fi$0le(\"a\") format json"),
        ("an option", "sink out from payments to file(\"a\", app$0end: true) format json"),
        ("a format", "sink out from payments to stdout format js$0on"),
        ("a module", "use std.te$0xt"),
        ("what the program defines", "stream a$0 = from payments"),
    ] {
        insta::assert_snapshot!(format!("{what} is declared").replace(' ', "_"), declared(payments(rest)));
    }
}

#[test]
fn a_name_in_its_own_file() {
    let at = program_with(
        "use \"shared.stream\"\nsource clicks: Click from file(\"a\") format json\nstream s = from cli$0cks where clicks.user != \"\" let user = lower(user)",
        &[SHARED],
    );
    let shown = |at: &Cursor, offset: usize| -> String {
        let found = highlights(&at.analysis, at.file, offset).into_iter();
        found
            .map(|h| format!("{}{}\n", at.place(h.span), if h.is_definition { " defined" } else { "" }))
            .collect()
    };
    insta::assert_snapshot!(shown(&at, at.offset));
    let of_another_file = at.analysis.text().find("user").expect("it is used");
    insta::assert_snapshot!("a_field_of_another_file", shown(&at, of_another_file));
}
