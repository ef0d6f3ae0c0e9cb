//! Sequence patterns: what they become, and what is said of wrong ones and of those not carried out.

use crate::helper::{faults, payments};
use insta::assert_snapshot;
use millstream_core::explain::explain;

/// The paragraph of an explanation that is about a stream.
fn explained(rest: &str, stream: &str) -> String {
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
    probe: payments[amount#1 < 5.00]{3,}
    burst: payments[amount#1 > get(probe#6, 0).amount]
    within 10m
  filter length(probe#1) < 10 : bool
  select card = card#0 : string, probes = length(probe#1) : int, total = list_sum([$0.amount for $0 in probe#1]) : decimal(2), country = burst#2.country : string?, began = start#3 : timestamp, hidden time = time#5 : timestamp
sink alerts
  from testing
  to stdout(…)
"#);
    assert_snapshot!(done.plan, @r#"
Emit alerts [card: string, probes: int, total: decimal(2), country: string?, began: timestamp, (time): timestamp]
└─ Project [card: string, probes: int = length(probe), total: decimal(2) = list_sum([$0.amount for $0 in probe]), country: string? = burst.country, began: timestamp = start, (time): timestamp]
   └─ Filter { length(probe) < 10 }
      └─ Match { key: [card], steps: probe: payments[amount < 5.00]{3,} then burst: payments[amount > get(probe, 0).amount], within: 10m } [card: string, probe: list<{ card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp }>, burst: { card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp }, (start): timestamp, (end): timestamp]
         └─ Watermark { on: at, disorder: 5s }
            └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
"#);
    assert_snapshot!(done.flow.unwrap_or_default(), @r#"
n0 source payments [card: string, amount: decimal(2), country: string?, at: timestamp] watermark at-5s
n1 match testing key [card] within 10m                                                                  <- n0
   probe: payments[amount < 5.00]{3,}
   then burst: payments[amount > get(probe, 0).amount]
   yield [card, probe, burst, (start)]
n2 segment testing                                                                                      <- n1
   filter length(probe) < 10
   #5 = length(probe) : int
   #6 = list_sum([$0.amount for $0 in probe]) : decimal(2)
   #7 = burst.country : string?
   yield [card, probes = #5, total = #6, country = #7, began = start, (time)]
n3 sink alerts to stdout                                                                                <- n2
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
   yield [card, amount, at, (key) = #4]
n2 segment s                                                                                            <- n0
   filter amount > 100.00
   #4 = country ?? "??" : string
   yield [card, at, home = #4, (key) = #4]
n3 match s key [card, key] within 1h                                                                    <- n1, n2
   payments[amount < 5.00]{2}
   then large: large[home != "US"]
   then large
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
   a: payments[amount * 2 > 5.00]
   then b: payments
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
  keeps events until the watermark of payments passes them, at most 88 bytes each
  keeps the events of each card since the first of a match in progress, at most those of 10m
  keeps at most 5 ways per event that begins a match
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
  keeps events until the watermark of payments passes them, at most 88 bytes each
  keeps the events since the first of a match in progress, at most those of 10m
  keeps at most 50 ways, kept apart by the last of `a`, which the conditions of `a` and `b` look at; what is over fails its event
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
E0627 `*` `*` in a pattern is not carried out yet
match by card a: payments then b: payments? within 5m select card
E0510 `b: payments?` this last step never takes an event: the match is complete before it
E0627 `?` `?` in a pattern is not carried out yet
match by card a: payments next not b: payments then c: payments within 5m select card
E0511 `next` `next` lets nothing lie in between, so that `not` has nothing to rule out
E0633 `not b: payments` `not` in a pattern is not carried out yet
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
fn what_is_not_carried_out() {
    let refused = [
        "match all by card a: payments then b: payments within 5m select card",
        "match by card a: payments then b: payments without x: payments within 5m select card",
        "match by card a: payments then b: payments within 5m or timeout select card",
        "match by card a: payments then within 1m b: payments within 5m select card",
        "match by card a: payments? then b: payments within 5m select card",
        "match by card a: payments+ adjacent then b: payments+ greedy within 5m select card",
        "match by card (a: payments then b: payments){2} within 5m select card",
        "match by card (a: payments and b: payments) within 5m select card",
        "match by card (a: payments or b: payments) within 5m select card",
        "match by card a: payments then not b: payments for 5m within 5m select card",
    ];
    assert_snapshot!(all_faults(&refused), @r#"
match all by card a: payments then b: payments within 5m select card
E0620 `match all by ` `all` in a pattern is not carried out yet
match by card a: payments then b: payments without x: payments within 5m select card
E0621 `x: payments` `without` in a pattern is not carried out yet
match by card a: payments then b: payments within 5m or timeout select card
E0622 `5m` `or timeout` in a pattern is not carried out yet
match by card a: payments then within 1m b: payments within 5m select card
E0626 `1m` `then within` in a pattern is not carried out yet
match by card a: payments? then b: payments within 5m select card
E0627 `?` `?` in a pattern is not carried out yet
match by card a: payments+ adjacent then b: payments+ greedy within 5m select card
E0629 `greedy` `greedy` in a pattern is not carried out yet
match by card (a: payments then b: payments){2} within 5m select card
E0630 `(a: payments then b: payments){2}` the repetition of a group is not carried out yet
match by card (a: payments and b: payments) within 5m select card
E0631 `(a: payments and b: payments)` `and` in a pattern is not carried out yet
match by card (a: payments or b: payments) within 5m select card
E0632 `(a: payments or b: payments)` `or` in a pattern is not carried out yet
match by card a: payments then not b: payments for 5m within 5m select card
E0633 `not b: payments for 5m` `not` in a pattern is not carried out yet
"#);
}

fn all_faults(queries: &[&str]) -> String {
    queries.iter().map(|query| format!("{query}\n{}", faults(&format!("stream s = {query}")))).collect()
}
