//! What is told of patterns whose runs have one way each: whether runs that look at the same values are one, and what would
//! let them be.

use crate::patterns::explained;
use insta::assert_snapshot;

/// What is told of how runs of `a then b` are kept, if b is asked this.
fn kept(condition: &str) -> String {
    let program = format!(
        "stream s = match overlapping by card a: payments[amount < 5.00] then b: payments[{condition}] within 10m \
           select card
         sink o from s to stdout"
    );
    let told = explained(&program, "s");
    let lines = told.lines().map(str::trim);
    let of_runs = ["pattern:", "kept by itself:", "to make"];
    lines.filter(|line| of_runs.iter().any(|start| line.starts_with(start))).collect::<Vec<_>>().join("\n")
}

#[test]
fn runs_are_one_where_columns_stand_to_values_of_events_before() {
    let one = "pattern: per live run, of which each has one way; runs of a key that look at the same values are one";
    for condition in [
        "amount > a.amount",
        "a.amount < amount and amount > 500.00",
        "amount between a.amount and 900.00",
        "at > a.at",
    ] {
        assert_eq!(kept(condition), one, "{condition}");
    }
}

#[test]
fn a_condition_that_asks_more_is_told() {
    assert_snapshot!(kept("amount > a.amount + 100.00 and amount > 500.00"), @"
    pattern: per live run, of which each has one way and is kept by itself
    kept by itself: `b: payments[amount > a.amount + 100.00 and amount > 500.00]` asks more than how a column stands to a value of an event before
    to make runs one that look at the same values, compute what is compared in a `let` in front of the pattern, and compare one column with another
    ");
    for condition in [
        "not (amount <= a.amount)",
        "at - a.at > 2s",
        "amount > 1 * a.amount",
        "amount > a.amount or card == a.card",
    ] {
        assert!(kept(condition).contains("is kept by itself\nkept by itself: `b: payments["), "{condition}");
    }
}
