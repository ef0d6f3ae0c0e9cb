//! Other names, and why some are refused.

use crate::helper::{Cursor, payments, program, program_with};
use millstream_lsp::analysis::rename;

/// The edits, or the reason why there are none.
fn renamed(at: Cursor, name: &str) -> String {
    match rename(&at.analysis, at.file, at.offset, name) {
        Ok(edits) => edits.iter().map(|e| format!("{} → {}\n", at.place(e.span), e.text)).collect(),
        Err(reason) => reason,
    }
}

#[test]
fn a_stream_wherever_it_is_named() {
    insta::assert_snapshot!(renamed(
        payments(
            "stream big$0 = from payments where amount > 9.00
stream cards = from big where big.card != \"\"
sink out from big to stdout
test \"t\" { expect errors(big) empty }"
        ),
        "large"
    ));
}

#[test]
fn a_field_keeps_what_the_input_calls_it() {
    insta::assert_snapshot!(renamed(
        payments(
            "stream a = from payments as p where p.card$0 != \"\" select card, amount
stream b = from a where card == \"x\"
test \"t\" { given payments [{ card: \"x\" }] expect b empty }"
        ),
        "number"
    ));
}

#[test]
fn a_column_that_is_called_as_its_value() {
    insta::assert_snapshot!(renamed(
        payments(
            "stream a = from payments window tumbling 1h group by card select card, count()
stream b = from a where cou$0nt > 1"
        ),
        "n"
    ));
}

#[test]
fn a_field_of_a_record_that_is_written() {
    let program = |cursor: &str| {
        let text = "stream most = from payments window tumbling 1h group by ()
  select max(amount) as most, collect({ card: card, paid: amount }) as all
stream best = from most unnest all as item where item.paid == most select item.card, item.paid
test \"t\" { given payments [] expect best [{ card: \"x\", paid: 1.00 }] }";
        payments(&text.replacen(cursor, &format!("{cursor}$0"), 1))
    };
    insta::assert_snapshot!(renamed(program("select item.card, item.pa"), "spent"));
    insta::assert_snapshot!(renamed(program("card: card, pa"), "spent"));
}

#[test]
fn a_column_that_is_called_as_a_member_of_its_value() {
    let json = "source logs: { body: json, at: timestamp } from file(\"l\") format json time at
stream a = from logs select body.user$0
stream b = from a where user is not null";
    insta::assert_snapshot!(renamed(program(json), "who"));
    insta::assert_snapshot!(renamed(
        payments("stream a = from errors(payments) select reaso$0n\nstream b = from a where reason != \"\""),
        "why"
    ));
}

#[test]
fn a_name_in_another_file_that_needs_backticks() {
    let shared = ("shared.stream", "fn short(x: string) -> string = left(x, 3)\n");
    insta::assert_snapshot!(renamed(
        program_with("use \"shared.stream\" (short)\nfn f(x: string) -> string = sho$0rt(x)", &[shared]),
        "in short"
    ));
}

#[test]
fn names_that_are_taken() {
    insta::assert_snapshot!(renamed(payments("stream a$0 = from payments\nstream b = from a"), "payments"));
    insta::assert_snapshot!(renamed(payments("stream a = from payments let x$0 = 1 where x > 0"), "card"));
}

#[test]
fn a_name_that_would_be_captured() {
    let text = "param least$0: int = 1
source s: { n: int, at: timestamp } from file(\"s\") format json
stream a = from s where n > least";
    insta::assert_snapshot!(renamed(program(text), "n"));
}

#[test]
fn a_name_in_what_cannot_be_read() {
    let text = |rest: &str| {
        format!(
            "source p: {{ card: string, total$0: int, at: timestamp }} from file(\"p\") format json time at\nstream a = from p where total > 1\n{rest}"
        )
    };
    let broken = "stream b = match by card x: p then y: p{2,}[total > x.total] within 5m";
    assert_eq!(
        renamed(program(&text(broken)), "sum"),
        "what stands at main.stream:3:45 may name it too, and cannot be read: mend its item first"
    );
    // What is broken elsewhere is no reason.
    assert!(renamed(program(&text("stream b = match by card x: p then")), "amount").contains("→ amount"));
}

#[test]
fn what_is_not_the_programs() {
    insta::assert_snapshot!(renamed(
        payments("stream a = from payments where tri$0m(card) == \"\""),
        "strip"
    ));
    insta::assert_snapshot!(renamed(payments("stream a = from payments whe$0re card == \"\""), "x"));
    insta::assert_snapshot!(renamed(payments("test \"a$0 test\" { expect payments empty }"), "x"));
    insta::assert_snapshot!(renamed(payments("stream a$0 = from payments"), " "));
}

#[test]
fn a_function_that_is_defined_as_elsewhere() {
    insta::assert_snapshot!(renamed(
        program("fn twice$0(n: int) = 2 * n\nfn f(n: int): int = twice(n) + twice(1)"),
        "double"
    ));
}
