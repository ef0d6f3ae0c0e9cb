//! What programs become: typed tree, plan, dataflow, explanation.

use crate::helper::payments;
use insta::assert_snapshot;
use millstream_core::explain::explain;
use millstream_ir::flow::{Flow, NodeKind};

#[test]
fn filter_and_select() {
    let done =
        payments("stream large = from payments where amount > 10.00 select card, amount * 2 as double");
    assert_snapshot!(done.program, @r#"
source payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
  from file(…)
stream large [card: string, double: decimal(2), hidden time: timestamp]
  from payments
  filter amount#1 > 10.00 : bool
  select card = card#0 : string, double = amount#1 * 2 : decimal(2), hidden time = at#4 : timestamp
sink large
  from large
  to stdout(…)
"#);
    assert_snapshot!(done.plan, @r#"
Emit large [card: string, double: decimal(2), (time): timestamp]
└─ Project [card: string, double: decimal(2) = amount * 2, (time): timestamp = at]
   └─ Filter { amount > 10.00 }
      └─ Watermark { on: at, disorder: 5s }
         └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
"#);
    assert_snapshot!(done.flow.unwrap_or_default(), @r#"
n0 source payments [card: string, amount: decimal(2), at: timestamp] watermark at-5s
n1 segment large                                                                      <- n0
   filter amount > 10.00
   #3 = amount * 2 : decimal(2)
   yield [card, double = #3, (time) = at]
n2 sink large to stdout                                                               <- n1
"#);
}

#[test]
fn windows() {
    let done = payments(
        "stream spend = from payments where country is not null window tumbling 5m offset 1m
         let large = amount > 5.00 group by card, lower_country(country), window.start as w
         select card, lower_country(country) as c, w, count() filter (where large) as n, avg(amount) + 1 as mean, window.end as end
         where n >= 3
         fn lower_country(c: string) -> string = c ++ \"!\"",
    );
    assert_snapshot!(done.program, @r#"
source payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
  from file(…)
stream spend [card: string, c: string, w: timestamp, n: int, mean: decimal(8), end: timestamp, hidden time: timestamp]
  from payments
  filter country#2 is not null : bool
  window tumbling(5m, offset: 1m)
  let large#5 = amount#1 > 5.00 : bool
  aggregate tumbling(5m, offset: 1m) key [card#0 : string, country#2 ++ "!" : string] calls [count() filter (where large#5) : int, avg(amount#1) : decimal(8)]
  select card = card#0 : string, c = lower_country#1 : string, w = window.start#4 : timestamp, n = count#2 : int, mean = avg#3 + 1.00000000 : decimal(8), end = window.end#5 : timestamp, hidden time = time#6 : timestamp
  filter n#3 >= 3 : bool
sink spend
  from spend
  to stdout(…)
"#);
    assert_snapshot!(done.flow.unwrap_or_default(), @r#"
n0 source payments [card: string, amount: decimal(2), country: string?, at: timestamp] watermark at-5s
n1 segment spend                                                                                                          <- n0
   filter country is not null
   #4 = amount > 5.00 : bool
   #5 = country ++ "!" : string
   yield [card, amount, at, large = #4, (lower_country) = #5]
n2 window_agg window tumbling(5m, offset: 1m) key [card, lower_country] aggs [count() filter (where large), avg(amount)]  <- n1
n3 segment spend                                                                                                          <- n2
   #7 = avg + 1.00000000 : decimal(8)
   filter count >= 3
   yield [card, c = lower_country, w = window.start, n = count, mean = #7, end = window.end, (time)]
n4 sink spend to stdout                                                                                                   <- n3
"#);
}

#[test]
fn side_streams_times_and_unions() {
    let done = payments(
        "stream a = from payments time at - 1m disorder 2s
         stream failed = from errors(payments) select reason as card, at
         stream b = from a select card, at union failed
         stream l = from late(a)
         sink x from b to stdout format json
         sink y from l to file(\"y.csv\")
         sink z from errors(a) to file(\"z.csv\")",
    );
    assert_snapshot!(done.plan, @r#"
Emit x [card: string, at: timestamp, (time): timestamp]
└─ Union
   ├─ Project [card: string, at: timestamp, (time): timestamp]
   │  └─ #2 Watermark { on: time, disorder: 2s }
   │     └─ Let { time = at - 1m }
   │        └─ #0 Watermark { on: at, disorder: 5s }
   │           └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
   └─ Project [card: string = reason, at: timestamp, (time): timestamp]
      └─ Errors payments [row: json, reason: string, place: string, at: timestamp, (time): timestamp]
         └─ #0 (above)
Emit y [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp, (time): timestamp, (time): timestamp]
└─ Late a [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp, (time): timestamp, (time): timestamp]
   └─ #2 (above)
Emit z [row: json, reason: string, place: string, at: timestamp, (time): timestamp]
└─ Errors a [row: json, reason: string, place: string, at: timestamp, (time): timestamp]
   └─ #2 (above)
"#);
    assert_snapshot!(done.flow.unwrap_or_default(), @r#"
n0 source payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp] watermark at-5s
n1 segment a                                                                                                                <- n0
   #5 = at - 1m : timestamp
   yield [card, amount, country, tags, at, (time) = #5]
n2 watermark time-2s                                                                                                        <- n1
n3 segment b                                                                                                                <- n2
   yield [card, at, (time)]
n4 errors payments of n0
n5 segment failed                                                                                                           <- n4
   yield [card = reason, at, (time)]
n6 union b                                                                                                                  <- n3, n5
n7 sink x to stdout                                                                                                         <- n6
n8 late a                                                                                                                   <- n2
n9 sink y to file                                                                                                           <- n8
n10 errors a of n1
n11 sink z to file                                                                                                          <- n10
"#);
}

#[test]
fn records_spread_and_lists_unnest() {
    let done = crate::helper::compiled(
        "source a: { id: int, from_: { x: int, y: string? }?, lines: list<{ sku: string, n: int }> } from file(\"a.json\")
         stream s = from a as q unnest lines as line select q.id, line.*, from_.* ",
    );
    assert_snapshot!(done.program, @r#"
source a [id: int, from_: { x: int, y: string? }?, lines: list<{ sku: string, n: int }>, hidden time: timestamp]
  from file(…)
stream s [id: int, sku: string, n: int, x: int?, y: string?, hidden time: timestamp]
  from a
  unnest lines#2 : list<{ sku: string, n: int }> as line
  select id = id#0 : int, sku = line#4.sku : string, n = line#4.n : int, x = from_#1.x : int?, y = from_#1.y : string?, hidden time = time#3 : timestamp
sink s
  from s
  to stdout(…)
"#);
}

#[test]
fn explained_in_words() {
    let done = payments(
        "stream spend = from payments window tumbling 5m group by card select card, count() as n, max(country) as c
         stream hourly = from spend window tumbling 1h select sum(n) as n on error fail",
    );
    assert_snapshot!(explain(&done.program, &done.flow.unwrap_or_default()), @r#"
source payments
  columns: card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp
  time: at; the watermark is the greatest at of a partition less 5s, the least of all partitions
  decodes: card, country, at
  skips: amount, tags
  rows that cannot be read: counted, readable as errors(payments)

stream spend
  columns: card: string, n: int, c: string?
  append-only: each row is final
  keeps 96 bytes per card and open window, and beside it what `max` keeps; a window of 5m stays open until the watermark of payments passes its end
  delay: at most 5m5s of event time between an event and its result (windows 5m, disorder 5s)
  rows that fail: counted, readable as errors(spend)

stream hourly
  columns: n: int
  append-only: each row is final
  keeps 24 bytes per open window; a window of 1h stays open until the watermark of payments passes its end
  delay: at most 1h5m5s of event time between an event and its result (windows 1h5m, disorder 5s)
  rows that fail: stop the program

sink hourly writes hourly to stdout
  is at least once: a row that comes again looks like another, unless its format says `id`
  from payments, when killed and run on with --state: at least once, as standard output cannot be cut off at the last checkpoint

how it runs
  n0: reads payments from file
  n1: aggregates of spend in tumbling(5m), a hash table per open window, from n0
  n2: picks columns for spend, from n1
  n3: aggregates of hourly in tumbling(1h), one group per open window, from n2
  n4: picks columns for hourly, from n3
  n5: writes hourly to stdout, from n4
  several workers share the reading of files, the batches of n1 and n3, the writing of sinks; one does the rest
  where --memory is too small, the groups of n1 and n3 go to the folder of --state; all else stays in memory
"#);
}

#[test]
fn the_last_stream_that_nothing_reads_is_printed() {
    let done = payments(
        "stream a = from payments stream b = from a stream c = from payments where true stream d = from c",
    );
    let sinks: Vec<&str> = done.program.sinks.iter().map(|s| &*s.name).collect();
    assert_eq!(sinks, ["d"]);
}

#[test]
fn long_programs_compile() {
    let mut text = "stream s0 = from payments where amount > 1.00\n".to_string();
    for i in 1..2_000 {
        text += &format!("stream s{i} = from s{} where amount > {i}.00 where card != \"{i}\"\n", i - 1);
    }
    let done = payments(&text);
    let flow = done.flow.unwrap_or_default();
    assert_eq!(flow.nodes.len(), 3, "one segment between source and sink");
    assert!(explain(&done.program, &flow).contains("stream s1999"));
    assert!(done.plan.to_string().lines().count() > 3_900);
}

#[test]
fn a_query_has_an_end() {
    let text = format!("stream s = from payments {}", "where amount > 1.00 ".repeat(251));
    assert_snapshot!(crate::helper::faults(&text), @r#"
E0617 `where amount > 1.00` this query has 251 clauses; at most 250 are carried out
"#);
}

/// What updating streams keep, how they are keyed and how late their results can be.
#[test]
fn updating_streams_are_explained() {
    let done = payments(
        "stream spend = from payments group by card forever select card, sum(amount) as total
         stream best = from spend top 3 by total desc forever
         stream latest = from payments dedupe by card keep last expire 1h
         stream early = from payments window tumbling 5m group by card select card, count() as n, window.end as end emit every 10s
         stream sorted = from payments window tumbling 5m order by amount desc",
    );
    let text = explain(&done.program, &done.flow.unwrap_or_default());
    for words in [
        "updating: one row per card, which is replaced when it changes\n  keeps 152 bytes per card, for ever\n  delay: none",
        "keeps all rows that stand, 120 bytes each, for ever\n  delay: none",
        "to bring them into the order of their times\n  keeps one row per card, 280 bytes, until 1h after the last event\n  delay: at most 5s",
        "updating: one row per card, end, which is replaced when it changes",
        "keeps the rows that have come since the last multiple of 10s, 104 bytes each\n  delay: at most 15s of event time",
        "append-only: each row is final\n  keeps the rows of each open window, 104 bytes each; they leave when the watermark of payments passes its end\n  delay: at most 5m5s",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
}

const TABLES: &str = "
source rows: { country: string, rate: int, note: string, at: timestamp } from file(\"rows.ndjson\") format json time at
table rates key country = from rows
table names: { code: string, name: string, note: string } key code from file(\"names.csv\") format csv
";

fn optimized(rest: &str) -> String {
    payments(&format!("{TABLES}{rest}")).optimized.to_string()
}

/// A filter is asked as early as it may be; of each side what is read later is kept, of a table only that leaves.
#[test]
fn filters_and_columns_through_look_ups() {
    assert_snapshot!(optimized(
        "stream s = from payments as p left join names as n on n.code == p.card and n.note != p.card
           where p.country == \"nl\" and n.name is not null select p.amount, n.name"
    ), @r#"
Emit s [amount: decimal(2), name: string, (time): timestamp]
└─ Project [amount: decimal(2), name: string, (time): timestamp]
   └─ Filter { name is not null }
      └─ LeftJoin { key: [card = code], rows: as it stands, if: note != card, gives: [name] }
         ├─ Project [card: string, amount: decimal(2), at: timestamp]
         │  └─ Filter { country == "nl" }
         │     └─ Watermark { on: at, disorder: 5s }
         │        └─ Scan payments [card: string, amount: decimal(2), country: string?, at: timestamp]
         └─ Table { key: [code], read: as it stands }
            └─ Scan names [code: string, name: string, note: string, (time): timestamp]
"#);
    // What is looked up by is no longer null behind an inner join; in front of it, it may be.
    assert_snapshot!(optimized(
        "stream s = from payments as p join rates as r on r.country == p.country
           where p.country != \"nl\" select p.amount, r.rate"
    ), @r#"
Emit s [amount: decimal(2), rate: int, (time): timestamp]
└─ Project [amount: decimal(2), rate: int, (time): timestamp]
   └─ Join { key: [country = country], rows: as of time, gives: [rate] }
      ├─ Filter { country is not null and country != "nl" }
      │  └─ Watermark { on: at, disorder: 5s }
      │     └─ Scan payments [amount: decimal(2), country: string?, at: timestamp]
      └─ Table { key: [country], read: as of }
         └─ Watermark { on: at }
            └─ Scan rows [country: string, rate: int, at: timestamp]
"#);
    assert_snapshot!(optimized("stream s = from payments where card in names and amount > 5.00 select amount"), @r#"
Emit s [amount: decimal(2), (time): timestamp]
└─ Project [amount: decimal(2), (time): timestamp]
   └─ Filter { time is not null }
      └─ LeftJoin { key: [card = code], rows: as it stands, gives: [time] }
         ├─ Filter { amount > 5.00 }
         │  └─ Watermark { on: at, disorder: 5s }
         │     └─ Scan payments [card: string, amount: decimal(2), at: timestamp]
         └─ Table { key: [code], read: as it stands }
            └─ Scan names [code: string, (time): timestamp]
"#);
}

#[test]
fn filters_and_columns_through_joins() {
    assert_snapshot!(optimized(
        "stream s = from payments as p join rows as r on r.country == p.country within 1h
           where p.amount > 5.00 and r.rate > 2 and r.rate > length(p.tags) select p.card, r.note"
    ), @r#"
Emit s [card: string, note: string, (time): timestamp]
└─ Project [card: string, note: string, (time): timestamp]
   └─ Filter { rate > length(tags) }
      └─ Join { key: [country = country], within: -1h..1h, gives: [card, tags, rate, note] }
         ├─ Project [card: string, country: string?, tags: list<string>, at: timestamp]
         │  └─ Filter { amount > 5.00 }
         │     └─ Watermark { on: at, disorder: 5s }
         │        └─ Scan payments [card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp]
         └─ Filter { rate > 2 }
            └─ Watermark { on: at }
               └─ Scan rows [country: string, rate: int, note: string, at: timestamp]
"#);
    assert_snapshot!(optimized(
        "stream s = from payments as p left join rows as r on r.country == p.country within 1h
           where p.amount > 5.00 and (r.rate ?? 0) > 2 select p.card"
    ), @r#"
Emit s [card: string, (time): timestamp]
└─ Project [card: string, (time): timestamp]
   └─ Filter { (rate ?? 0) > 2 }
      └─ LeftJoin { key: [country = country], within: -1h..1h, gives: [card, rate] }
         ├─ Project [card: string, country: string?, at: timestamp]
         │  └─ Filter { amount > 5.00 }
         │     └─ Watermark { on: at, disorder: 5s }
         │        └─ Scan payments [card: string, amount: decimal(2), country: string?, at: timestamp]
         └─ Watermark { on: at }
            └─ Scan rows [country: string, rate: int, at: timestamp]
"#);
}

/// Of a stream that others read too, a join of streams keeps what it reads itself, and passes on what is read of that.
#[test]
fn columns_of_streams_that_others_read() {
    assert_snapshot!(optimized(
        "stream s = from payments as p semi join payments as q on q.card == p.card forever select p.amount"
    ), @r#"
Emit s [amount: decimal(2), (time): timestamp]
└─ SemiJoin { key: [card = card], within: forever, gives: [amount] }
   ├─ #0 Watermark { on: at, disorder: 5s }
   │  └─ Scan payments [card: string, amount: decimal(2), at: timestamp]
   └─ Project [card: string, at: timestamp]
      └─ #0 (above)
"#);
}

/// Where the filter stays: rows without a partner have nulls; a row that fails in the join is told, whatever the filter
/// says of it; a filter that fails tells of the row as the join makes it; two read the join.
#[test]
fn filters_that_stay_behind_joins() {
    for rest in [
        "stream s = from payments as p full join rows as r on r.country == p.country within 1h where p.amount > 5.00 select p.card, p.amount",
        "stream s = from payments as p join rows as r on r.country == p.country and r.rate % int(p.amount) > 0 within 1h where p.card == \"x\" select p.card, p.amount",
        "stream s = from payments as p join rows as r on r.country == p.country within 1h where 1.0 / float(p.amount) > 0.5 and int(p.amount) % int(p.amount) == 0 select p.card, p.amount",
        "stream j = from payments as p join rates as r on r.country == p.country select p.card, r.rate
          stream s = from j where card == \"x\"
          stream t = from j where card == \"y\"
          sink s from s to stdout
          sink t from t to stdout",
    ] {
        let plan = optimized(rest);
        let filter = plan.find("Filter").unwrap_or(usize::MAX);
        let join = plan.find("oin {").expect("a join");
        assert!(filter < join, "{rest}\n{plan}");
    }
}

/// Of many rules each names what it looks for: a row is handed to those that it concerns.
#[test]
fn rules_that_look_for_values() {
    let filters: String = (0..6)
        .map(|n| format!("stream f{n} = from payments where card == \"{n}\" select amount, at\n"))
        .collect();
    let done = payments(&format!(
        "{filters}
         stream home = from payments where country == \"B\" select card, at sink m from home to stdout
         stream away = from payments where country == \"C\" select card, at sink n from away to stdout
         stream either = from payments where country == \"A\" or card in [\"0\", \"9\"] select amount, at
         stream computed = from payments where card ++ \"!\" == \"X!\" and amount > 1.00 select amount, at
         stream elsewhere = from payments where country == \"D\" and card == \"D\" select amount, at
         stream failing = from payments where country == \"A\" and 1 / amount > 2.00 select amount, at
         sink a from f0 to stdout sink b from f1 to stdout sink c from f2 to stdout sink d from f3 to stdout
         sink e from f4 to stdout sink f from either to stdout sink g from computed to stdout
         sink h from f5 to stdout sink k from failing to stdout sink l from elsewhere to stdout"
    ));
    assert_snapshot!(heads(done.flow));
}

/// So do patterns. Their events are brought into order once for all of them, and what many compute is computed once; a
/// condition joined by `and` looks for the value that fewest others share.
#[test]
fn patterns_that_look_for_values() {
    let patterns: String = (0..8)
        .map(|n| {
            format!(
                "stream p{n} = match by card a: payments[country == \"A\" and card == \"{n}\" and amount > 5.00]
                   then b: payments[card == \"{n}\" and amount > a.amount] within 5m select a.amount as x
                 sink p{n} from p{n} to stdout\n",
            )
        })
        .collect();
    let done = payments(&format!(
        "{patterns}
         stream any = match by card a: payments[country == \"A\"] then b: payments within 5m select a.amount as x
         sink any from any to stdout"
    ));
    let flow = done.flow.unwrap_or_default().to_string();
    let first: Vec<&str> = flow.split_inclusive('\n').take_while(|line| !line.contains("p1")).collect();
    assert_snapshot!(first.concat());
}

/// The rules of two sources, one from each in turn.
#[test]
fn rules_of_two_sources_read_their_own() {
    let rules: String = (0..8)
        .map(|n| {
            format!(
                "stream p{n} = from payments where card == \"{n}\" select amount sink p{n} from p{n} to stdout
                 stream r{n} = from rows where country == \"{n}\" select rate sink r{n} from r{n} to stdout\n"
            )
        })
        .collect();
    let rows = "source rows: { country: string, rate: int, at: timestamp } from file(\"rows\") format json time at\n";
    let flow = payments(&format!("{rows}{rules}")).flow.unwrap_or_default();
    for id in flow.ids().filter(|id| matches!(flow.node(*id).kind, NodeKind::Sink(_))) {
        let mut at = id;
        while let Some(input) = flow.node(at).inputs.first() {
            at = *input;
        }
        let expected = if flow.node(id).name.starts_with('p') { "payments" } else { "rows" };
        assert_eq!(&*flow.node(at).name, expected, "{flow}");
    }
    let n_dispatched = flow.nodes.iter().filter(|node| matches!(node.kind, NodeKind::Dispatch(_))).count();
    assert_eq!(n_dispatched, 2);
}

fn heads(flow: Option<Flow>) -> String {
    let flow = flow.unwrap_or_default().to_string();
    flow.lines().filter(|line| line.starts_with('n')).collect::<Vec<_>>().join("\n")
}
