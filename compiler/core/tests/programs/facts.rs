//! What is found out about the places of programs.

use crate::helper::{PAYMENTS, compile_with};
use millstream_core::Overrides;

fn facts(text: &str) -> String {
    let (sources, compilation) = compile_with(text, Overrides::default());
    compilation.facts.to_text(&sources)
}

/// The lines of the facts that begin so, of what follows [`PAYMENTS`].
fn lines_of(kind: &str, rest: &str) -> String {
    let all = facts(&format!("{PAYMENTS}{rest}"));
    all.lines().filter(|line| line.starts_with(kind)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn names_types_and_scopes_of_a_program() {
    insta::assert_snapshot!(facts(
        r#"param least: decimal(2) = 10.00
type Payment = { card: string, amount: decimal(2), place: { city: string }, at: timestamp }
source payments: Payment
  from file("payments.ndjson") format json
  time at disorder 5s
fn large(amount: decimal(2)) -> bool = amount > least
stream cities =
  from payments as p
  where large(p.amount)
  let city = p.place.city
  select card, city as town, amount * 2 as twice
sink out from cities to stdout format json
"#
    ));
}

#[test]
fn columns_keep_their_definition_where_they_keep_their_name() {
    insta::assert_snapshot!(lines_of(
        "use",
        "stream totals =
  from payments
  window tumbling 1h
  group by card
  select card, count(), sum(amount) as total
stream cards =
  from totals
  where count > 3
  select *
stream large = from cards where card == \"a\" and total > 1.00 and count > 5
"
    ));
}

#[test]
fn variables_of_patterns_and_their_events() {
    insta::assert_snapshot!(lines_of(
        "use",
        "stream probes =
  match by card
    probe: payments[amount < 5.00 and amount < (last(probe).amount ?? 9.00)]{3,}
    then burst: payments[amount > first(probe).amount]
  within 10m
  select card, count(probe) as probes, sum(probe.amount) as total, burst.amount, match.start as start
"
    ));
}

#[test]
fn joins_tests_and_options() {
    insta::assert_snapshot!(lines_of(
        "use",
        "table cards: { id: string, limit: decimal(2) } key id from file(path: \"cards.csv\") format csv
stream over = from payments as p join cards as c on c.id == p.card where p.amount > c.limit
  select * except (tags), [t for t in tags if t != card] as others
test \"over\" {
  given cards [{ id: \"a\", limit: 1.00 }]
  given payments [{ card: \"a\", amount: 2.00, country: null, tags: [], at: +0s }]
  expect over [{ card: \"a\" }]
}
"
    ));
}

#[test]
fn what_could_stand_where_a_name_is_unknown() {
    insta::assert_snapshot!(lines_of(
        "gap",
        "stream a = from payments as p where crad == p.amnt
stream b = from paymnts
stream c = match by card x: payments[amount > foo and x.bar > 1] within 1m
stream d = from payments window tumbling 1h group by card select card, sum(amont) as total
sink out from a to fil(\"x\") format json(chages: x)
fn f(x: strng) -> int = y
source other: { at: timestamp, id: int } key ix from file(pth: \"a\") format json time att
"
    ));
}

#[test]
fn each_clause_sees_what_the_one_above_left() {
    insta::assert_snapshot!(lines_of(
        "clause",
        "stream a = from payments as p
  where country is not null
  join nothing as n on n.x == p.card within 1m
  let x = 1
stream b = from payments window tumbling 1h group by card select card, window.start as hour where hour > 0
"
    ));
}
