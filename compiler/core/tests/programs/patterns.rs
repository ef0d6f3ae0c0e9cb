//! Sequence patterns: what they become, and what is said of wrong ones and of those not carried out.

use crate::helper::{PAYMENTS, compile_with, faults, payments};
use insta::assert_snapshot;
use millstream_core::Overrides;
use millstream_core::explain::explain;
use millstream_ir::flow::{NodeKind, Schema};

/// The paragraph of an explanation that is about a stream.
/// What is told of a stream.
pub fn explained(rest: &str, stream: &str) -> String {
    let done = payments(rest);
    let text = explain(&done.program, &done.flow.unwrap_or_default());
    let about = |paragraph: &&str| paragraph.starts_with(&format!("stream {stream}\n"));
    text.split("\n\n").find(about).unwrap_or_default().to_string()
}

#[test]
fn a_pattern_through_all_layers() {
    let done = payments(
        "stream testing = match by card
           probe: payments[amount < 5.00]{3,} then burst: payments[amount > first(probe).amount]
         within 10m
         where count(probe) < 10
         select card, count(probe) as probes, sum(probe.amount) as total, burst.country, match.start as began
         sink alerts from testing to stdout format json",
    );
    assert_snapshot!(done.program, @r#"
source payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
  from file(…)
stream testing [card: string, probes: int, total: decimal(2), country: string?, began: timestamp, hidden time: timestamp]
  match
    of payments by [card#0 : string]
    probe: payments[amount < 5.00]{3,} then burst: payments[amount > first(probe).amount]
    within 10m
  filter length(probe#1) < 10 : bool
  select card = card#0 : string, probes = length(probe#1) : int, total = list_sum([$0.amount for $0 in probe#1]) : decimal(2), country = burst#2.country : string?, began = start#3 : timestamp, hidden time = time#6 : timestamp
sink alerts
  from testing
  to stdout(…)
"#);
    assert_snapshot!(done.plan, @r#"
Emit alerts [card: string, probes: int, total: decimal(2), country: string?, began: timestamp, (time): timestamp]
└─ Project [card: string, probes: int = length(probe), total: decimal(2) = list_sum([$0.amount for $0 in probe]), country: string? = burst.country, began: timestamp = start, (time): timestamp]
   └─ Filter { length(probe) < 10 }
      └─ Match { key: [card], pattern: probe: payments[amount < 5.00]{3,} then burst: payments[amount > first(probe).amount], within: 10m } [card: string, probe: list<{ card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp }>, burst: { card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp }, (start): timestamp, (end): timestamp, (timeout): bool]
         └─ Let { amount < 5.00 = amount < 5.00 }
            └─ Watermark { on: at, disorder: 5s }
               └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
"#);
    assert_snapshot!(done.flow.unwrap_or_default(), @r#"
n0 source payments [card: string, amount: decimal(2), country: string?, at: timestamp] watermark at-5s
n1 segment testing                                                                                      <- n0
   #4 = amount < 5.00 : bool
   yield [card, amount, country, at, (amount < 5.00) = #4]
n2 match testing key [card] within 10m                                                                  <- n1
   probe: payments[amount < 5.00]{3,} then burst: payments[amount > first(probe).amount]
   yield [card, probe, burst, (start)]
n3 segment testing                                                                                      <- n2
   filter length(probe) < 10
   #5 = length(probe) : int
   #6 = list_sum([$0.amount for $0 in probe]) : decimal(2)
   #7 = burst.country : string?
   yield [card, probes = #5, total = #6, country = #7, began = start, (time)]
n4 sink alerts to stdout                                                                                <- n3
"#);
}

#[test]
fn keys_and_streams() {
    let done = payments(
        "stream large = from payments where amount > 100.00 let home = country ?? \"??\"
         stream s = match by card, (country ?? \"??\")
           payments[amount < 5.00]{2} then large: large[home != \"US\"] then large
         within 1h
         select card, large.home, match.end as ended
         sink alerts from s to stdout format json",
    );
    assert_snapshot!(done.flow.unwrap_or_default(), @r#"
n0 source payments [card: string, amount: decimal(2), country: string?, at: timestamp] watermark at-5s
n1 segment s                                                                                            <- n0
   #4 = country ?? "??" : string
   #5 = amount < 5.00 : bool
   yield [card, at, (key) = #4, (amount < 5.00) = #5]
n2 segment s                                                                                            <- n0
   filter amount > 100.00
   #4 = country ?? "??" : string
   #5 = #4 != "US" : bool
   yield [card, at, home = #4, (key) = #4, (home != "US") = #5]
n3 match s key [card, key] within 1h                                                                    <- n1, n2
   payments[amount < 5.00]{2} then large: large[home != "US"] then large
   yield [card, large, (end)]
n4 segment s                                                                                            <- n3
   #4 = large.home : string
   yield [card, home = #4, ended = end, (time)]
n5 sink alerts to stdout                                                                                <- n4
"#);
}

#[test]
fn events_that_fail_keep_their_row() {
    let done = payments(
        "stream s = match by card a: payments[amount * 2 > 5.00] then b: payments within 1h select b.amount
         stream f = from errors(s) select reason
         sink alerts from s to stdout format json
         sink failed from f to file(\"f.csv\")",
    );
    assert_snapshot!(done.flow.unwrap_or_default(), @r#"
n0 source payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp] watermark at-5s
n1 match s key [card] within 1h                                                                                             <- n0
   a: payments[amount * 2 > 5.00] then b: payments
   yield [b]
n2 segment s                                                                                                                <- n1
   #2 = b.amount : decimal(2)
   yield [amount = #2, (time)]
n3 sink alerts to stdout                                                                                                    <- n2
n4 errors s of n1
n5 segment f                                                                                                                <- n4
   yield [reason, (time)]
n6 sink failed to file                                                                                                      <- n5
"#);
}

#[test]
fn explanations_say_the_bound_of_the_state() {
    assert_snapshot!(
        explained(
            "stream s = match by card a: payments{2,5} then b: payments[amount > 5.00]+ within 10m select card
             sink o from s to stdout",
            "s"
        ),
        @r#"
stream s
  columns: card: string
  append-only: each row is final
  pattern: constant: the runs of a key are merged into one machine of 7 states
  reported: at the event that completes the match
  automaton:
    state 0
      a: payments -> 1
    state 1
      a: payments -> 2
    state 2
      b: payments[amount > 5.00] -> 3
      a: payments -> 4
    state 3 complete
      b: payments[amount > 5.00] -> 3 (only with `all`)
    state 4
      b: payments[amount > 5.00] -> 3
      a: payments -> 5
    state 5
      b: payments[amount > 5.00] -> 3
      a: payments -> 6
    state 6
      b: payments[amount > 5.00] -> 3
  keeps events until the watermark of payments passes them, at most 88 bytes each
  keeps the events of each card since the first of a match in progress, at most those of 10m
  keeps at most 1 way per event that begins a match
  delay: at most 10m5s of event time between an event and its result (patterns 10m, disorder 5s)
  rows that fail: counted, readable as errors(s)
"#
    );
    assert_snapshot!(
        explained(
            "stream s = match a: payments[amount > (last(a).amount ?? 0.00)]+ then b: payments[amount < last(a).amount]
               within 10m limit 50 select b.card
             stream w = from s window tumbling 1h select count() as n
             sink o from w to stdout",
            "s"
        ),
        @r#"
stream s
  columns: card: string
  append-only: each row is final
  pattern: per live run, with ways that are kept apart: a machine of 3 states for each
  kept apart: `a: payments[amount > (last(a).amount ?? 0.00)]` looks at the last of `a`
  kept apart: `b: payments[amount < last(a).amount]` looks at the last of `a`
  to merge them, look only at `first(a)`, which all ways share, or compare in a `where` behind the pattern
  reported: at the event that completes the match
  automaton:
    state 0
      a: payments[amount > (last(a).amount ?? 0.00)] -> 1
    state 1
      b: payments[amount < last(a).amount] -> 2
      a: payments[amount > (last(a).amount ?? 0.00)] -> 1
    state 2 complete
  keeps events until the watermark of payments passes them, at most 88 bytes each
  keeps the events since the first of a match in progress, at most those of 10m
  keeps at most 50 ways; what is over fails its event
  delay: at most 10m5s of event time between an event and its result (patterns 10m, disorder 5s)
  rows that fail: counted, readable as errors(s)
"#
    );
    assert_snapshot!(
        explained(
            "stream s = match by card a: payments[amount > 500.00] select card
             sink o from s to stdout",
            "s"
        ),
        @r#"
stream s
  columns: card: string
  append-only: each row is final
  pattern: constant: the runs of a key are merged into one machine of 2 states
  reported: at the event that completes the match
  automaton:
    state 0
      a: payments[amount > 500.00] -> 1
    state 1 complete
  keeps events until the watermark of payments passes them, at most 88 bytes each
  delay: at most 5s of event time between an event and its result (disorder 5s)
  rows that fail: counted, readable as errors(s)
"#
    );
    assert_snapshot!(
        explained(
            "stream s = match by card a: payments then b: payments[amount > a.amount] within 10m select card
             stream w = from s window tumbling 1h select count() as n
             sink o from w to stdout",
            "w"
        ),
        @r#"
stream w
  columns: n: int
  append-only: each row is final
  keeps 8 bytes per open window; a window of 1h stays open until the watermark of payments passes its end
  delay: at most 1h10m5s of event time between an event and its result (windows 1h, patterns 10m, disorder 5s)
  rows that fail: counted, readable as errors(w)
"#
    );
}

#[test]
fn wrong_patterns() {
    let wrong = [
        "match by card a: payments then b: payments select a.amount",
        "match by card a: payments then a: payments within 5m select card",
        "match by card card: payments then b: payments within 5m select b.amount",
        "match by card a: payments[amount > b.amount] then b: payments within 5m select card",
        "match by card a: payments[amount > a.amount] within 5m select card",
        "match by card a: payments+ then b: payments[amount > a.amount] within 5m select a.amount",
        "match by card a: payments{0} then b: payments{3,2} within 5m select card",
        "match by crd a: payments then b: payments within 5m select a.card",
        "match by card a: payments+ then b: payments+ within 5m select sum(a.amount + b.amount) as n",
        "match by card a: payments* within 5m select card",
        "match by card a: payments then b: payments? within 5m select card",
        "match by card a: payments next not b: payments then c: payments within 5m select card",
        "match by card a: payments then b: payments within 5m limit 10 select card",
        "match by card a: payments[amount] then b: paymnts within 0s select card",
        "match by card a: payments then bb: payments within 5m reuse b select card",
        "match by card payments then payments within 5m reuse b select card",
        "match once per 0s by card a: payments then b: payments within 5m select card",
        "match overlapping by card a: payments then b: payments within 5m reuse b select card",
        "match by card a: payments{2} within 5m select sum(a.card) as n, count(a, 1) as m, sum(a.amunt) as k, a.amount",
    ];
    assert_snapshot!(all_faults(&wrong), @r#"
match by card a: payments then b: payments select a.amount
E0501 `a: payments then b: payments` this pattern has no bound: what it began could wait for ever
match by card a: payments then a: payments within 5m select card
E0502 `a` `a` is defined twice in this pattern
match by card card: payments then b: payments within 5m select b.amount
E0502 `card` `card` is defined twice in this pattern
match by card a: payments[amount > b.amount] then b: payments within 5m select card
E0503 `b` `b` is not known yet when this condition is checked
match by card a: payments[amount > a.amount] within 5m select card
E0503 `a` `a` is not known yet when this condition is checked
match by card a: payments+ then b: payments[amount > a.amount] within 5m select a.amount
E0504 `a` `a` is repeated, so it is a list of events
match by card a: payments{0} then b: payments{3,2} within 5m select card
E0505 `0` this is not a number of events, from 1 up
E0505 `{3,2}` this repetition ends before it begins
match by crd a: payments then b: payments within 5m select a.card
E0506 `crd` the events of `payments` have no `crd` to be told apart by
match by card a: payments+ then b: payments+ within 5m select sum(a.amount + b.amount) as n
E0508 `a.amount + b.amount` which event of `a` and `b` belongs to which?
match by card a: payments* within 5m select card
E0509 `a: payments*` this pattern would be complete without any event
match by card a: payments then b: payments? within 5m select card
E0510 `b: payments?` this last step never takes an event: the match is complete before it
match by card a: payments next not b: payments then c: payments within 5m select card
E0511 `next` `next` lets nothing lie in between, so that `not` has nothing to rule out
match by card a: payments then b: payments within 5m limit 10 select card
E0512 `10` this pattern has nothing to limit: its ways are always merged
match by card a: payments[amount] then b: paymnts within 0s select card
E0301 `amount` expected `bool?`, found `decimal(2)`
E0203 `paymnts` there is no source, table or stream called `paymnts`
E0319 `0s` this duration must be more than zero
match by card a: payments then bb: payments within 5m reuse b select card
E0550 `b` this pattern has no variable `b`
match by card payments then payments within 5m reuse b select card
E0550 `b` this pattern has no variable `b`
match once per 0s by card a: payments then b: payments within 5m select card
E0319 `0s` this duration must be more than zero
match overlapping by card a: payments then b: payments within 5m reuse b select card
E0551 `b` `overlapping` uses no events up, so all are free
match by card a: payments{2} within 5m select sum(a.card) as n, count(a, 1) as m, sum(a.amunt) as k, a.amount
E0328 `a.card` `sum` is of numbers and durations, not of `string`
E0311 `count(a, 1)` `count` takes 1 argument
E0321 `amunt` the record has no field `amunt`
E0504 `a` `a` is repeated, so it is a list of events
"#);
}

#[test]
fn wrong_groups_and_absences() {
    let wrong = [
        "match by card (a: payments[amount > b.amount] and b: payments) within 5m select card",
        "match by card (a: payments or b: payments[amount > a.amount]) within 5m select card",
        "match by card a: payments then not x: payments within 5m select card",
        "match by card not x: payments then a: payments within 5m select card",
        "match by card a: payments then (b: payments and not x: payments) then c: payments within 5m select card",
        "match by card (a: payments then not x: payments)+ then b: payments within 5m select card",
        "match by card (a: payments then not x: payments)+ within 5m select card",
        "match by card not x: payments for 5m within 5m select card",
        "match by card (not x: payments for 1m or a: payments) then b: payments within 5m select card",
        "match by card (not x: payments for 1m then a: payments){2} within 5m select card",
        "match by card not x: payments for (1s) max 1m then a: payments within 5m select card",
        "match by card a: payments then b: payments+ greedy forever select card",
        "match by card a: payments then b: payments? greedy forever select card",
        "match by card a: payments then (b: payments+ greedy or c: payments) forever select card",
        "match by card a: payments next b: payments+ greedy forever select card",
        "match all by card a: payments then b: payments+ greedy within 5m select card",
        "match by card a: payments then not x: payments for 5m select x.amount",
        "match by card a: payments then not x: payments then b: payments[amount > x.amount] within 5m select card",
        "match by card a: payments then not x: payments then b: payments within 5m select count(x) as n, sum(x.amount) as m",
        "match by card a: payments then not payments: payments for 5m select payments.amount",
        "match by card a: payments then b: payments[count(a) > 1] within 5m select card",
        "match by card a: payments then b: payments within 5m select count(b) as n, sum(a.amount) as m",
        "match by card a: payments then not a: payments then b: payments within 5m select card",
        "match by card a: payments then b: payments without x: payments[amount > b.amount] within 5m select card",
        "match by card a: payments then b: payments within 5m select match.timeout as late",
        "match by card (a: payments then b: payments){3000} within 5m select card",
        "match by card a: payments[amount > 5.00 and amount < 3.00] then b: payments[false] within 5m select card",
        "match by card a: payments[country == \"A\" and country == \"B\"] then b: payments[country is null and country > \"C\"] within 5m select card",
        "match by card a: payments[country == \"A\" and country != \"A\"] then b: payments within 5m select card",
        "match by card a: payments[country in [\"A\", \"B\"] and country not in [\"B\", \"A\", \"C\"]] then b: payments within 5m select card",
        "match by card a: payments[country == \"A\" and (country == \"B\" or country is null)] then b: payments within 5m select card",
        "match by card a: payments[country in [\"A\", \"B\"] and country < \"A\"] then b: payments within 5m select card",
        "match by card a: payments[amount != 5.00 and amount in [5.00, 6.00]] then b: payments within 5m select card",
        "match by card a: payments then not x: payments for (if a.amount > 5.00 then 1h else 2h) within 5m select card",
        "match by card a: payments then not x: payments for (a.card) max 1d within 5m select card",
        "match by card a: payments then not x: payments for (nothing) max 0s within 5m select card",
        "match by card a: payments then within 0s b: paymnts within 5m select card",
        "match by card a: payments then (b: payments or c: payments) within 5m select decimal(b.amount, 3) as n, if a.amount > c.amount then 1 else 0 as m",
    ];
    assert_snapshot!(all_faults(&wrong), @r#"
match by card (a: payments[amount > b.amount] and b: payments) within 5m select card
E0557 `b` `b` may not have come yet when this condition is checked
match by card (a: payments or b: payments[amount > a.amount]) within 5m select card
E0558 `a` where this condition is checked, there is no `a`
match by card a: payments then not x: payments within 5m select card
E0552 `not x: payments` this `not` has no step on one of its sides to end it
match by card not x: payments then a: payments within 5m select card
E0552 `not x: payments` this `not` has no step on one of its sides to end it
match by card a: payments then (b: payments and not x: payments) then c: payments within 5m select card
E0552 `not x: payments` this `not` has no step on one of its sides to end it
match by card (a: payments then not x: payments)+ then b: payments within 5m select card
match by card (a: payments then not x: payments)+ within 5m select card
E0552 `not x: payments` this `not` has no step on one of its sides to end it
match by card not x: payments for 5m within 5m select card
E0509 `not x: payments for 5m` this pattern would be complete without any event
match by card (not x: payments for 1m or a: payments) then b: payments within 5m select card
E0553 `not x: payments for 1m` this time has nothing to run from
match by card (not x: payments for 1m then a: payments){2} within 5m select card
E0553 `not x: payments for 1m` this time has nothing to run from
match by card not x: payments for (1s) max 1m then a: payments within 5m select card
E0554 `for (1s) max 1m` before its first event a pattern has no variables to compute a time from
match by card a: payments then b: payments+ greedy forever select card
E0555 `greedy` this repetition could take more for ever, so the match would never be reported
match by card a: payments then b: payments? greedy forever select card
E0555 `greedy` this repetition could take more for ever, so the match would never be reported
match by card a: payments then (b: payments+ greedy or c: payments) forever select card
E0555 `greedy` this repetition could take more for ever, so the match would never be reported
match by card a: payments next b: payments+ greedy forever select card
match all by card a: payments then b: payments+ greedy within 5m select card
E0556 `greedy` `all` reports every choice of events, so there is none to prefer
match by card a: payments then not x: payments for 5m select x.amount
E0559 `x` nothing is ever called `x`: no such event came
match by card a: payments then not x: payments then b: payments[amount > x.amount] within 5m select card
E0559 `x` nothing is ever called `x`: no such event came
match by card a: payments then not x: payments then b: payments within 5m select count(x) as n, sum(x.amount) as m
E0559 `x` nothing is ever called `x`: no such event came
E0559 `x` nothing is ever called `x`: no such event came
match by card a: payments then not payments: payments for 5m select payments.amount
E0559 `payments` nothing is ever called `payments`: no such event came
match by card a: payments then b: payments[count(a) > 1] within 5m select card
E0410 `count(a)` this is of one event: there are no others to aggregate
match by card a: payments then b: payments within 5m select count(b) as n, sum(a.amount) as m
E0410 `count(b)` this is of one event: there are no others to aggregate
E0410 `sum(a.amount)` this is of one event: there are no others to aggregate
match by card a: payments then not a: payments then b: payments within 5m select card
E0502 `a` `a` is defined twice in this pattern
match by card a: payments then b: payments without x: payments[amount > b.amount] within 5m select card
E0503 `b` `b` is not known yet when this condition is checked
match by card a: payments then b: payments within 5m select match.timeout as late
E0560 `match.timeout` the matches of this pattern are all complete
match by card (a: payments then b: payments){3000} within 5m select card
E0561 `(a: payments then b: payments){3000}` this pattern is too large
match by card a: payments[amount > 5.00 and amount < 3.00] then b: payments[false] within 5m select card
E0562 `amount > 5.00 and amount < 3.00` no event can meet this condition
E0562 `false` no event can meet this condition
match by card a: payments[country == "A" and country == "B"] then b: payments[country is null and country > "C"] within 5m select card
E0562 `country == "A" and country == "B"` no event can meet this condition
E0562 `country is null and country > "C"` no event can meet this condition
match by card a: payments[country == "A" and country != "A"] then b: payments within 5m select card
E0562 `country == "A" and country != "A"` no event can meet this condition
match by card a: payments[country in ["A", "B"] and country not in ["B", "A", "C"]] then b: payments within 5m select card
E0562 `country in ["A", "B"] and country not in ["B", "A", "C"]` no event can meet this condition
match by card a: payments[country == "A" and (country == "B" or country is null)] then b: payments within 5m select card
E0562 `country == "A" and (country == "B" or country is null)` no event can meet this condition
match by card a: payments[country in ["A", "B"] and country < "A"] then b: payments within 5m select card
E0562 `country in ["A", "B"] and country < "A"` no event can meet this condition
match by card a: payments[amount != 5.00 and amount in [5.00, 6.00]] then b: payments within 5m select card
match by card a: payments then not x: payments for (if a.amount > 5.00 then 1h else 2h) within 5m select card
E0563 `(if a.amount > 5.00 then 1h else 2h)` this time depends on `a`, so it could be of any length
match by card a: payments then not x: payments for (a.card) max 1d within 5m select card
E0301 `(a.card)` expected `duration?`, found `string`
match by card a: payments then not x: payments for (nothing) max 0s within 5m select card
E0319 `0s` this duration must be more than zero
match by card a: payments then within 0s b: paymnts within 5m select card
E0319 `0s` this duration must be more than zero
E0203 `paymnts` there is no source, table or stream called `paymnts`
match by card a: payments then (b: payments or c: payments) within 5m select decimal(b.amount, 3) as n, if a.amount > c.amount then 1 else 0 as m
"#);
}

#[test]
fn what_says_nothing_in_a_group() {
    let many = |what: &str, n: usize, word: &str| {
        (0..n).map(|i| what.replace('#', &i.to_string())).collect::<Vec<_>>().join(word)
    };
    let too_large = [
        format!(
            "match by card a: payments then {} within 5m select card",
            many("not x#: payments for 1s", 70, " then ")
        ),
        format!(
            "match by card {} then z: payments within 5m select card",
            many("a#: payments?", 3000, " then ")
        ),
    ];
    let wrong = [
        "match by card a: payments then (b: payments then c: payments?)+ within 5m select card",
        "match by card (a: payments then b: payments?)+ within 5m select card",
        "match by card a: payments next (not x: payments then b: payments) within 5m select card",
        "match by card (a: payments then not x: payments for 1s) next b: payments within 5m select card",
        "match by card a: payments then (b: payments or not x: payments for 1s) next c: payments within 5m select card",
        "match by card a: payments next (b: payments and not x: payments for 1s) within 5m select card",
        "match by card a: payments next ((b: payments then not x: payments for 1s) and c: payments) within 5m select card",
    ];
    assert_snapshot!(all_faults(&wrong), @r#"
match by card a: payments then (b: payments then c: payments?)+ within 5m select card
E0565 `c: payments` this step never takes an event: wherever it could, the match is complete before it
match by card (a: payments then b: payments?)+ within 5m select card
E0565 `b: payments` this step never takes an event: wherever it could, the match is complete before it
match by card a: payments next (not x: payments then b: payments) within 5m select card
E0511 `next` `next` lets nothing lie in between, so that `not` has nothing to rule out
match by card (a: payments then not x: payments for 1s) next b: payments within 5m select card
E0511 `next` `next` lets nothing lie in between, so that `not` has nothing to rule out
match by card a: payments then (b: payments or not x: payments for 1s) next c: payments within 5m select card
E0511 `next` `next` lets nothing lie in between, so that `not` has nothing to rule out
match by card a: payments next (b: payments and not x: payments for 1s) within 5m select card
E0511 `next` `next` lets nothing lie in between, so that `not` has nothing to rule out
match by card a: payments next ((b: payments then not x: payments for 1s) and c: payments) within 5m select card
E0511 `next` `next` lets nothing lie in between, so that `not` has nothing to rule out
"#);
    let right = [
        "match by card (a: payments then b: payments?){2} within 5m select card",
        "match by card (a: payments[amount < 1.00] or (b: payments then c: payments)) within 5m select card",
        "match by card a: payments then (b: payments or not x: payments for 1s) within 5m select card",
        "match by card a: payments next (b: payments and c: payments) then not x: payments for 1s within 5m select card",
        "match by card a: payments{3} next b: payments select card",
        "match by card (a: payments or b: payments) next (c: payments and d: payments) select card",
        "match by card a: payments next b: payments? next c: payments{1,2} greedy select card",
        "match by card a: payments then b: payments then within 5s c: payments within 5m limit 5 select card",
    ];
    for query in right {
        assert_eq!(faults(&format!("stream s = {query}")), "", "{query}");
    }
    for (query, what) in too_large.iter().zip(["more than 64 `not`", "too many ways"]) {
        let (_, compilation) = compile_with(&format!("{PAYMENTS}stream s = {query}"), Overrides::default());
        let fault = format!("{:?}", compilation.diagnostics);
        assert!(fault.contains("E0561") && fault.contains(what), "{fault}");
    }
}

#[test]
fn what_variables_are() {
    let select = |pattern: &str, values: &str| {
        let done = payments(&format!(
            "stream s = match by card {pattern} select {values}
             sink o from s to stdout"
        ));
        let text = done.program.to_string();
        let stream = text.lines().find(|line| line.starts_with("stream s")).unwrap_or_default().to_string();
        format!("{pattern}\n  {stream}\n")
    };
    let all = [
        select("a: payments? then b: payments within 5m", "a.amount as n, b.amount as m"),
        select("a: payments* then b: payments within 5m", "first(a).amount as n, count(a) as m"),
        select("a: payments+ then b: payments within 5m", "first(a).amount as n, count(a) as m"),
        select(
            "(a: payments then b: payments?)+ then c: payments within 5m",
            "last(a).amount as n, last(b).amount as m",
        ),
        select(
            "(a: payments or b: payments{2}) then c: payments within 5m",
            "a.amount as n, first(b).amount as m",
        ),
        select("(a: payments and b: payments?) then c: payments within 5m", "a.amount as n, b.amount as m"),
        select("(a: payments then b: payments)? then c: payments within 5m", "a.amount as n, b.amount as m"),
        select(
            "a: payments{2} then b: payments+ within 5m or timeout",
            "last(a).amount as n, last(b).amount as m, match.timeout as late",
        ),
        select("(a: payments and b: payments) within 5m or timeout", "a.amount as n, b.amount as m"),
        select("a: payments then not x: payments for 5m", "a.amount as n, match.end as m"),
    ];
    assert_snapshot!(all.concat(), @r#"
a: payments? then b: payments within 5m
  stream s [n: decimal(2)?, m: decimal(2), hidden time: timestamp]
a: payments* then b: payments within 5m
  stream s [n: decimal(2)?, m: int, hidden time: timestamp]
a: payments+ then b: payments within 5m
  stream s [n: decimal(2), m: int, hidden time: timestamp]
(a: payments then b: payments?)+ then c: payments within 5m
  stream s [n: decimal(2), m: decimal(2)?, hidden time: timestamp]
(a: payments or b: payments{2}) then c: payments within 5m
  stream s [n: decimal(2)?, m: decimal(2)?, hidden time: timestamp]
(a: payments and b: payments?) then c: payments within 5m
  stream s [n: decimal(2), m: decimal(2)?, hidden time: timestamp]
(a: payments then b: payments)? then c: payments within 5m
  stream s [n: decimal(2)?, m: decimal(2)?, hidden time: timestamp]
a: payments{2} then b: payments+ within 5m or timeout
  stream s [n: decimal(2), m: decimal(2)?, late: bool, hidden time: timestamp]
(a: payments and b: payments) within 5m or timeout
  stream s [n: decimal(2)?, m: decimal(2)?, hidden time: timestamp]
a: payments then not x: payments for 5m
  stream s [n: decimal(2), m: timestamp, hidden time: timestamp]
"#);
}

#[test]
fn all_forms_in_plans() {
    let plan = |pattern: &str| {
        let done = payments(&format!(
            "stream refunds = from payments where amount < 0.00
             stream s = match {pattern} select match.end as ended
             sink o from s to stdout"
        ));
        let flow = done.flow.unwrap_or_default().to_string();
        let of_match = flow.lines().skip_while(|line| !line.contains(" match s"));
        let text: Vec<&str> = of_match.take_while(|line| !line.contains(" yield")).map(str::trim).collect();
        text.join("\n").split("  <-").map(str::trim_end).collect::<Vec<_>>().join(" <-") + "\n"
    };
    let all = [
        plan("by card a: payments then b: payments+ greedy within 5m or timeout"),
        plan("by card a: payments+ next b: payments* next c: payments{2} within 5m"),
        plan(
            "by card a: payments next (b: payments then c: payments+)+ adjacent then within 1m d: payments within 5m",
        ),
        plan(
            "all by card a: payments next (b: payments and c: refunds) then (d: payments or e: refunds) within 5m",
        ),
        plan("by card a: payments then not x: refunds[amount < a.amount] then b: payments within 5m"),
        plan(
            "by card not x: refunds for 1m then a: payments then not (y: refunds or z: payments) for (if a.amount > 5.00 then 1h else 2h) max 1d within 5m",
        ),
        plan(
            "by card (a: payments then b: payments[amount > last(a).amount]){2} without x: refunds[amount < first(a).amount] within 5m",
        ),
        plan(
            "by card (a: payments[amount > (last(b).amount ?? 0.00)] then b: payments[amount > last(a).amount])+ then c: payments within 5m",
        ),
    ];
    assert_snapshot!(all.concat(), @r#"
n1 match s key [card] within 5m or timeout <- n0
a: payments then b: payments+ greedy
n1 match s key [card] within 5m <- n0
a: payments+ adjacent next b: payments* adjacent next c: payments{2} adjacent
n1 match s key [card] within 5m <- n0
a: payments next (b: payments then c: payments+)+ adjacent then within 1m d: payments
n3 match s all key [card] within 5m <- n1, n2
a: payments next (b: payments and c: refunds) then (d: payments or e: refunds)
n2 match s key [card] within 5m <- n0, n1
a: payments then not refunds[amount < a.amount] then b: payments
n2 match s key [card] within 5m <- n1, n0
not refunds for 1m then a: payments then not (refunds or payments) for (if a.amount > 5.00 then 1h else 2h) max 1d
n2 match s key [card] within 5m <- n0, n1
(a: payments then b: payments[amount > last(a).amount]){2} without refunds[amount < first(a).amount]
n1 match s key [card] within 5m <- n0
(a: payments[amount > (last(b).amount ?? 0.00)] then b: payments[amount > last(a).amount])+ then c: payments
"#);
}

fn all_faults(queries: &[&str]) -> String {
    queries.iter().map(|query| format!("{query}\n{}", faults(&format!("stream s = {query}")))).collect()
}

#[test]
fn automata() {
    let automata = |pattern: &str| {
        let done = payments(&format!(
            "stream s = match {pattern} select match.end as ended
             sink o from s to stdout"
        ));
        let flow = done.flow.unwrap_or_default();
        let text = flow.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Match(spec) => {
                let inputs: Vec<&Schema> = node.inputs.iter().map(|i| &flow.node(*i).schema).collect();
                let (lines, dot) = (spec.automaton_text(&inputs), spec.automaton_dot(&node.name, &inputs));
                Some(format!("{lines}{dot}"))
            }
            _ => None,
        });
        text.collect::<String>()
    };
    let pattern = r#"by card not x: payments[card == "x\"y"] for 1m then a: payments+ greedy next b: payments
        then within 30s c: payments[amount > 5.00]? greedy within 5m"#;
    assert_snapshot!(automata(pattern), @r#"
state 0
  a: payments -> 1, no payments[card == "x\"y"] for 1m before
state 1
  a: payments -> 1
  b: payments -> 2, nothing in between
state 2 complete
  c: payments[amount > 5.00] -> 3, within 30s
state 3 complete
digraph "s" {
  rankdir=LR;
  node [shape=circle];
  0 -> 1 [label="a: payments\nno payments[card == \"x\\\"y\"] for 1m before"];
  1 -> 1 [label="a: payments"];
  1 -> 2 [label="b: payments\nnothing in between"];
  2 [shape=doublecircle];
  2 -> 3 [label="c: payments[amount > 5.00]\nwithin 30s"];
  3 [shape=doublecircle];
}
"#);
    assert_snapshot!(automata("a: payments[amount > 5.00] then not b: payments for 5m"), @r#"
state 0
  a: payments[amount > 5.00] -> 1
state 1
  after 5m -> 2, no payments
state 2 complete
digraph "s" {
  rankdir=LR;
  node [shape=circle];
  0 -> 1 [label="a: payments[amount > 5.00]"];
  1 -> 2 [label="after 5m\nno payments"];
  2 [shape=doublecircle];
}
"#);
}

#[test]
fn explanations_of_other_patterns() {
    let explained = |pattern: &str| {
        let text = explained(
            &format!("stream s = match by card {pattern} select card sink o from s to stdout"),
            "s",
        );
        let lines = text.lines().skip_while(|line| !line.starts_with("  pattern:"));
        format!(
            "{pattern}\n{}\n",
            lines.take_while(|l| !l.starts_with("  rows")).collect::<Vec<_>>().join("\n")
        )
    };
    let all = [
        explained("not x: payments for 1h then a: payments then not y: payments[amount < a.amount] for 5m"),
        explained("a: payments then b: payments[amount > a.amount]+ greedy within 5m or timeout"),
        explained("a: payments{20} then not x: payments[amount < last(a).amount] then b: payments within 5m"),
        explained(
            "a: payments then (not x: payments for 1m or b: payments) then not y: payments for (2m) max 3m within 5m",
        ),
        explained("a: payments then b: payments then within 5s c: payments within 5m limit 5"),
        explained(
            "a: payments then (b: payments and not x: payments for 1m) then c: payments within 5m or timeout",
        ),
    ];
    assert_snapshot!(all.concat(), @r#"
not x: payments for 1h then a: payments then not y: payments[amount < a.amount] for 5m
  pattern: per live run: a machine of 3 states for each event that begins a match
  reported: when its time has run down, 5m after an event at most
  automaton:
    state 0
      a: payments -> 1, no payments for 1h before
    state 1
      after 5m -> 2, no payments[amount < a.amount]
    state 2 complete
  keeps events until the watermark of payments passes them, at most 88 bytes each
  keeps when the last payments of each card came, for 1h
  keeps the events of each card since the first of a match in progress, at most those of 5m
  keeps at most 1 way per event that begins a match
  delay: at most 5m5s of event time between an event and its result (patterns 5m, disorder 5s)
a: payments then b: payments[amount > a.amount]+ greedy within 5m or timeout
  pattern: per live run: a machine of 3 states for each event that begins a match
  reported: when `b` can take no more, at most 5m after its first event; or incomplete, 5m after its first event
  automaton:
    state 0
      a: payments -> 1
    state 1
      b: payments[amount > a.amount] -> 2
    state 2 complete
      b: payments[amount > a.amount] -> 2
  keeps events until the watermark of payments passes them, at most 88 bytes each
  keeps the events of each card since the first of a match in progress, at most those of 5m
  keeps at most 2 ways per event that begins a match
  delay: at most 5m5s of event time between an event and its result (patterns 5m, disorder 5s)
a: payments{20} then not x: payments[amount < last(a).amount] then b: payments within 5m
  pattern: per live run, with ways that are kept apart: a machine of 22 states for each
  kept apart: `not payments[amount < last(a).amount]` looks at the last of `a`
  to merge them, look only at `first(a)`, which all ways share, or compare in a `where` behind the pattern
  reported: at the event that completes the match
  automaton: shown by `millstream emit nfa`
  keeps events until the watermark of payments passes them, at most 88 bytes each
  keeps the events of each card since the first of a match in progress, at most those of 5m
  keeps at most 10000 ways of each card; what is over fails its event
  delay: at most 5m5s of event time between an event and its result (patterns 5m, disorder 5s)
a: payments then (not x: payments for 1m or b: payments) then not y: payments for (2m) max 3m within 5m
  pattern: per live run, with ways that are kept apart: a machine of 4 states for each
  kept apart: the time of (2m) max 3m runs from where a way went on last, which may differ
  to merge these, let the time run from the first event, or bound the whole by `within`
  reported: when its time has run down, 4m after an event at most
  automaton:
    state 0
      a: payments -> 1
    state 1
      after 1m -> 2, no payments
      b: payments -> 2
    state 2
      after (2m) max 3m -> 3, no payments
    state 3 complete
  keeps events until the watermark of payments passes them, at most 88 bytes each
  keeps the events of each card since the first of a match in progress, at most those of 9m
  keeps at most 10000 ways of each card; what is over fails its event
  delay: at most 9m5s of event time between an event and its result (patterns 9m, disorder 5s)
a: payments then b: payments then within 5s c: payments within 5m limit 5
  pattern: per live run, with ways that are kept apart: a machine of 4 states for each
  kept apart: the time of 5s runs from where a way went on last, which may differ
  to merge these, let the time run from the first event, or bound the whole by `within`
  reported: at the event that completes the match
  automaton:
    state 0
      a: payments -> 1
    state 1
      b: payments -> 2
    state 2
      c: payments -> 3, within 5s
    state 3 complete
  keeps events until the watermark of payments passes them, at most 88 bytes each
  keeps the events of each card since the first of a match in progress, at most those of 5m
  keeps at most 5 ways of each card; what is over fails its event
  delay: at most 5m5s of event time between an event and its result (patterns 5m, disorder 5s)
a: payments then (b: payments and not x: payments for 1m) then c: payments within 5m or timeout
  pattern: per live run: a machine of 6 states for each event that begins a match
  reported: at the event that completes the match; or incomplete, 5m after its first event
  automaton:
    state 0
      a: payments -> 1
    state 1
      b: payments -> 2
      after 1m -> 3, no payments
    state 2
      after 1m -> 4, no payments
    state 3
      b: payments -> 4
    state 4
      c: payments -> 5
    state 5 complete
  keeps events until the watermark of payments passes them, at most 88 bytes each
  keeps the events of each card since the first of a match in progress, at most those of 6m
  keeps at most 5 ways per event that begins a match
  delay: at most 6m5s of event time between an event and its result (patterns 6m, disorder 5s)
"#);
    let choices = |rest: &str| {
        let done =
            payments(&format!("stream s = match all by card {rest} select card sink o from s to stdout"));
        let text = explain(&done.program, &done.flow.unwrap_or_default());
        let is_shown = |line: &&str| {
            ["pattern:", "kept apart:", "to keep", "keeps at most"]
                .iter()
                .any(|start| line.starts_with(start))
        };
        text.lines().map(str::trim_start).filter(is_shown).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(choices("a: payments then b: payments within 5m limit 7"), @r#"
pattern: enumerating: each choice of events that fits is a match of its own, made when it is complete
keeps at most 1 link per event that is taken, however many choices there are
keeps at most 7 matches while they are made of an event; one with more fails
"#);
    assert_snapshot!(choices("a: payments then within 1m b: payments[amount > a.amount] within 5m limit 7"), @r#"
pattern: enumerating: each choice of events that fits is a match of its own, kept by itself
kept apart: times run from events, which choices have different
kept apart: `b: payments[amount > a.amount]` looks at `a`
to keep choices together, compare in a `where` behind the pattern
keeps at most 7 choices of events of each card; what is over fails its event
"#);
}

#[test]
fn patterns_that_are_looked_up_in_one_pass_are_named() {
    let pattern = |country: &str| {
        format!(
            "stream in_{country} = match by card a: payments[country == \"{country}\"] \
             then b: payments[country == \"{country}\" and amount > a.amount] within 5m select card\n\
             sink of_{country} from in_{country} to stdout\n"
        )
    };
    let told = |n: usize| {
        let countries = ["at", "be", "ch", "de", "es", "fr", "gb", "hu", "it"];
        let text =
            explained(&countries[..n].iter().map(|country| pattern(country)).collect::<String>(), "in_at");
        text.lines().filter(|line| line.contains("one pass")).map(str::to_string).collect::<Vec<_>>()
    };
    let said = "  one pass: each row is looked at once for this pattern and in_be, in_ch, in_de, in_es, in_fr and 3 \
                more, and handed to those alone that it may concern";
    assert_eq!(told(9), [said]);
    assert_eq!(told(2), Vec::<String>::new());
}
