//! What each rule of the optimizer does: the plan before and after.

use crate::helper::payments;
use insta::assert_snapshot;

/// The plan as written and after the rules; then which rules changed something.
fn plans(rest: &str) -> String {
    let done = payments(rest);
    let mut rules: Vec<&str> = done.trace.steps.iter().map(|s| s.rule).collect();
    rules.dedup();
    format!("{}\n{}\n{}", done.plan, done.optimized, rules.join(", "))
}

#[test]
fn constants_are_folded() {
    assert_snapshot!(
        plans("stream s = from payments where 1 + 1 == 2 and amount > 2 * 5.00 select *"),
        @r#"
Emit s [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
└─ Project [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
   └─ Filter { 1 + 1 == 2 and amount > 2 * 5.00 }
      └─ Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]

Emit s [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
└─ Filter { amount > 10.00 }
   └─ Watermark { on: at, disorder: 5s }
      └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]

constant_folding
"#
    );
}

#[test]
fn what_fails_is_not_folded() {
    assert_snapshot!(plans("stream s = from payments select 7 % 0 as rest"), @r#"
Emit s [rest: int, (time): timestamp]
└─ Project [rest: int = 7 % 0, (time): timestamp = at]
   └─ Watermark { on: at, disorder: 5s }
      └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]

Emit s [rest: int, (time): timestamp]
└─ Project [rest: int = 7 % 0, (time): timestamp = at]
   └─ Watermark { on: at, disorder: 5s }
      └─ Scan payments [at: timestamp]

projection_pushdown
"#);
}

#[test]
fn filters_move_below_what_cannot_fail() {
    assert_snapshot!(
        plans("stream s = from payments let known = country ?? \"??\" where card != \"test\" unnest tags as tag where known == \"US\" select card, tag"),
        @r#"
Emit s [card: string, tag: string, (time): timestamp]
└─ Project [card: string, tag: string, (time): timestamp = at]
   └─ Filter { known == "US" }
      └─ Unnest { tag: tags }
         └─ Filter { card != "test" }
            └─ Let { known = country ?? "??" }
               └─ Watermark { on: at, disorder: 5s }
                  └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]

Emit s [card: string, tag: string, (time): timestamp]
└─ Project [card: string, tag: string, (time): timestamp = at]
   └─ Unnest { tag: tags }
      └─ Project [card: string, tags: list<string>, at: timestamp]
         └─ Filter { known == "US" }
            └─ Let { known = country ?? "??" }
               └─ Filter { card != "test" }
                  └─ Watermark { on: at, disorder: 5s }
                     └─ Scan payments [card: string, country: string?, tags: list<string>, at: timestamp]

filter_pushdown, projection_pushdown
"#
    );
}

#[test]
fn filters_on_keys_move_below_the_window() {
    assert_snapshot!(
        plans("stream s = from payments window tumbling 1m group by card select card, count() as n where card == \"x\""),
        @r#"
Emit s [card: string, n: int, (time): timestamp, (window.start): timestamp, (window.end): timestamp]
└─ Filter { card == "x" }
   └─ Project [card: string, n: int = count, (time): timestamp, (window.start): timestamp, (window.end): timestamp]
      └─ WindowAgg { window: tumbling(1m), key: [card], aggs: [count()] }
         └─ Watermark { on: at, disorder: 5s }
            └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]

Emit s [card: string, n: int, (time): timestamp]
└─ Project [card: string, n: int = count, (time): timestamp]
   └─ WindowAgg { window: tumbling(1m), key: [card], aggs: [count()] }
      └─ Filter { card == "x" }
         └─ Watermark { on: at, disorder: 5s }
            └─ Scan payments [card: string, at: timestamp]

filter_pushdown, projection_pushdown
"#
    );
}

#[test]
fn filters_stay_above_what_can_fail() {
    assert_snapshot!(
        plans("stream s = from payments let twice = amount * 2 where card == \"x\" select card, twice"),
        @r#"
Emit s [card: string, twice: decimal(2), (time): timestamp]
└─ Project [card: string, twice: decimal(2), (time): timestamp = at]
   └─ Filter { card == "x" }
      └─ Let { twice = amount * 2 }
         └─ Watermark { on: at, disorder: 5s }
            └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]

Emit s [card: string, twice: decimal(2), (time): timestamp]
└─ Project [card: string, twice: decimal(2), (time): timestamp = at]
   └─ Filter { card == "x" }
      └─ Let { twice = amount * 2 }
         └─ Watermark { on: at, disorder: 5s }
            └─ Scan payments [card: string, amount: decimal(2), at: timestamp]

projection_pushdown
"#
    );
}

#[test]
fn columns_that_nobody_reads_are_not_decoded() {
    assert_snapshot!(plans("stream s = from payments where amount > 5.00 select card"), @r#"
Emit s [card: string, (time): timestamp]
└─ Project [card: string, (time): timestamp = at]
   └─ Filter { amount > 5.00 }
      └─ Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]

Emit s [card: string, (time): timestamp]
└─ Project [card: string, (time): timestamp = at]
   └─ Filter { amount > 5.00 }
      └─ Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), at: timestamp]

projection_pushdown
"#);
}

#[test]
fn what_can_fail_is_computed_though_nobody_reads_it() {
    assert_snapshot!(
        plans("stream s = from payments let a = amount * 2, b = amount > 1.00 select card"),
        @r#"
Emit s [card: string, (time): timestamp]
└─ Project [card: string, (time): timestamp = at]
   └─ Let { a = amount * 2, b = amount > 1.00 }
      └─ Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]

Emit s [card: string, (time): timestamp]
└─ Project [card: string, (time): timestamp = at]
   └─ Let { a = amount * 2 }
      └─ Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), at: timestamp]

projection_pushdown
"#
    );
}

#[test]
fn rows_stay_whole_where_their_failures_are_read() {
    assert_snapshot!(
        plans("stream s = from payments let a = amount * 2 select card
        sink x from s to stdout
        sink y from errors(s) to file(\"e.ndjson\") format json"),
        @r#"
Emit x [card: string, (time): timestamp]
└─ #2 Project [card: string, (time): timestamp = at]
   └─ Let { a = amount * 2 }
      └─ Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
Emit y [row: json, reason: string, place: string, at: timestamp, (time): timestamp]
└─ Errors s [row: json, reason: string, place: string, at: timestamp, (time): timestamp]
   └─ #2 (above)

Emit x [card: string, (time): timestamp]
└─ #2 Project [card: string, (time): timestamp = at]
   └─ Let { a = amount * 2 }
      └─ Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
Emit y [row: json, reason: string, place: string, at: timestamp, (time): timestamp]
└─ Errors s [row: json, reason: string, place: string, at: timestamp, (time): timestamp]
   └─ #2 (above)
"#
    );
}

#[test]
fn equal_beginnings_are_computed_once() {
    assert_snapshot!(
        plans("stream a = from payments where amount > 1.00 select card
        stream b = from payments where amount > 1.00 select country
        sink x from a to stdout
        sink y from b to file(\"b.csv\")"),
        @r#"
Emit x [card: string, (time): timestamp]
└─ Project [card: string, (time): timestamp = at]
   └─ Filter { amount > 1.00 }
      └─ #0 Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
Emit y [country: string?, (time): timestamp]
└─ Project [country: string?, (time): timestamp = at]
   └─ Filter { amount > 1.00 }
      └─ #0 (above)

Emit x [card: string, (time): timestamp]
└─ Project [card: string, (time): timestamp = at]
   └─ #1 Filter { amount > 1.00 }
      └─ Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), country: string?, at: timestamp]
Emit y [country: string?, (time): timestamp]
└─ Project [country: string?, (time): timestamp = at]
   └─ #1 (above)

share_prefixes, projection_pushdown
"#
    );
}

#[test]
fn beginnings_that_can_fail_stay_apart() {
    assert_snapshot!(
        plans("stream a = from payments where amount * 2 > 1.00 select card
        stream b = from payments where amount * 2 > 1.00 select country
        sink x from a to stdout
        sink y from b to file(\"b.csv\")"),
        @r#"
Emit x [card: string, (time): timestamp]
└─ Project [card: string, (time): timestamp = at]
   └─ Filter { amount * 2 > 1.00 }
      └─ #0 Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
Emit y [country: string?, (time): timestamp]
└─ Project [country: string?, (time): timestamp = at]
   └─ Filter { amount * 2 > 1.00 }
      └─ #0 (above)

Emit x [card: string, (time): timestamp]
└─ Project [card: string, (time): timestamp = at]
   └─ Filter { amount * 2 > 1.00 }
      └─ #0 Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), country: string?, at: timestamp]
Emit y [country: string?, (time): timestamp]
└─ Project [country: string?, (time): timestamp = at]
   └─ Filter { amount * 2 > 1.00 }
      └─ #0 (above)

projection_pushdown
"#
    );
}
