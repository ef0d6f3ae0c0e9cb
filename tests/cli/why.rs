//! `millstream why`: questions that are answered, and those that go wrong.

use crate::support::Folder;

const PAYMENTS: &str = r#"source payments: { country: string, card: int?, amount: decimal(2), at: timestamp }
  from file("payments.ndjson") format json
  time at disorder 5s
"#;

/// Card, amount and seconds.
fn payments(rows: &[(&str, f64, u32)]) -> String {
    let line = |(card, amount, second): &(&str, f64, u32)| {
        let (minute, second) = (second / 60, second % 60);
        format!(
            "{{\"country\":\"DE\",\"card\":{card},\"amount\":{amount:.2},\"at\":\"2024-05-01T12:{minute:02}:{second:02}Z\"}}\n"
        )
    };
    rows.iter().map(line).collect()
}

fn folder(pattern: &str, rows: &[(&str, f64, u32)]) -> Folder {
    let folder = Folder::new();
    folder.write("p.stream", format!("{PAYMENTS}\n{pattern}")).write("payments.ndjson", payments(rows));
    folder
}

fn why(folder: &Folder, question: &str) -> String {
    folder.run(&format!("why p.stream {question}")).code(0).stdout
}

const RISING: &str = "stream rising =
  match by country, card
    a: payments
    then b: payments[amount > a.amount]
    then not refund: payments[amount < 0.00]
    then c: payments[amount > b.amount and amount > 100.00]
  within 1m
  select card, a.amount as a, b.amount as b, c.amount as c
";

#[test]
fn the_condition_that_failed_is_told_with_its_values() {
    let rows = [("7", 40.0, 0), ("7", 100.0, 10), ("8", 1.0, 15), ("7", 40.0, 20), ("7", 300.0, 70)];
    let told = why(&folder(RISING, &rows), "--match rising --key DE,7");
    insta::assert_snapshot!(told, @r##"
    rising, country "DE", card 7: no match in 4 events from 2024-05-01T12:00:00Z to 2024-05-01T12:01:10Z
    match by country, card a: payments then b: payments[amount > a.amount] then not refund: payments[amount < 0.00] then c: payments[amount > b.amount and amount > 100.00] within 1m
    4 runs began: 1 out of time, 3 live at the end of the input
    run 1 came furthest: from 2024-05-01T12:00:00Z it took a, b, then waited for c, or b
      b: `amount > a.amount` did not hold for 1 event, last at 2024-05-01T12:00:20Z: 40.00 > 40.00
      c: `amount > b.amount` did not hold for 1 event, last at 2024-05-01T12:00:20Z: 40.00 > 100.00
      ended: `within 1m` had passed at 2024-05-01T12:01:00Z

    2024-05-01T12:00:00Z  payments { amount: 40.00 }
        run 1: begun with a; waiting for b
    2024-05-01T12:00:10Z  payments { amount: 100.00 }
        run 1: taken as b; waiting for c, or b
        run 2: begun with a; waiting for b
    2024-05-01T12:00:20Z  payments { amount: 40.00 }
        run 1: still waiting for c: `amount > b.amount`: 40.00 > 100.00; b: `amount > a.amount`: 40.00 > 40.00
        run 2: still waiting for b: `amount > a.amount`: 40.00 > 100.00
        run 3: begun with a; waiting for b
    2024-05-01T12:01:10Z  payments { amount: 300.00 }
        run 1: ended: `within 1m` had passed at 2024-05-01T12:01:00Z
        runs 2, 3: taken as b; waiting for c, or b
        run 4: begun with a; waiting for b
    "##);
    // The parts of a key can be given one by one.
    assert_eq!(why(&folder(RISING, &rows), "--match rising --key DE --key 7"), told);
}

#[test]
fn an_event_that_must_not_come_and_the_end_of_the_time_are_told() {
    let rows = [("7", 40.0, 0), ("7", 50.0, 10), ("7", -1.0, 20), ("7", 200.0, 30), ("null", 1.0, 31)];
    insta::assert_snapshot!(why(&folder(RISING, &rows), "--match rising --key DE,7 --at 2024-05-01T12:00:25Z"), @r##"
    rising, country "DE", card 7: no match in 4 events from 2024-05-01T12:00:00Z to 2024-05-01T12:00:30Z
    match by country, card a: payments then b: payments[amount > a.amount] then not refund: payments[amount < 0.00] then c: payments[amount > b.amount and amount > 100.00] within 1m
    4 runs began: 4 live at the end of the input
    run 1 came furthest: from 2024-05-01T12:00:00Z it took a, b, then waited for c, or b
      b: `amount > a.amount` did not hold for 1 event, last at 2024-05-01T12:00:20Z: -1.00 > 40.00
      c: `amount > b.amount` did not hold for 1 event, last at 2024-05-01T12:00:20Z: -1.00 > 50.00
      barred by an event of `not payments[amount < 0.00]`, 1 time, last at 2024-05-01T12:00:20Z
      the input ended before its `within 1m` had passed, at 2024-05-01T12:01:00Z

    2024-05-01T12:00:00Z  payments { amount: 40.00 }
        run 1: begun with a; waiting for b
    2024-05-01T12:00:10Z  payments { amount: 50.00 }
        run 1: taken as b; waiting for c, or b
        run 2: begun with a; waiting for b
    2024-05-01T12:00:20Z  payments { amount: -1.00 }
        run 1: barred from going on where `not payments[amount < 0.00]` stands; still waiting for c: `amount > b.amount`: -1.00 > 50.00; b: `amount > a.amount`: -1.00 > 40.00
        run 2: still waiting for b: `amount > a.amount`: -1.00 > 50.00
        run 3: begun with a; waiting for b
    2024-05-01T12:00:30Z  payments { amount: 200.00 }
        runs 1–3: taken as b; waiting for c, or b
        run 4: begun with a; waiting for b
    "##);
    insta::assert_snapshot!(why(&folder(RISING, &rows), "--match rising --key DE,null"), @r##"
    rising, country "DE", card null: no match in 1 event from 2024-05-01T12:00:31Z to 2024-05-01T12:00:31Z
    match by country, card a: payments then b: payments[amount > a.amount] then not refund: payments[amount < 0.00] then c: payments[amount > b.amount and amount > 100.00] within 1m
    1 run began: 1 live at the end of the input
    run 1 came furthest: from 2024-05-01T12:00:31Z it took a, then waited for b
      no event of the key came after that
      the input ended before its `within 1m` had passed, at 2024-05-01T12:01:31Z

    2024-05-01T12:00:31Z  payments { amount: 1.00 }
        run 1: begun with a; waiting for b
    "##);
}

#[test]
fn timers_matches_and_what_is_behind_the_pattern_are_told() {
    let silent = "stream silent =
  match by card
    last: payments
    then not another: payments for 30s
  select card, last.amount as amount, match.end as at
  where amount > 10.00
";
    let rows = [("7", 40.0, 0), ("7", 5.0, 40), ("8", 1.0, 90), ("7", 9.0, 100)];
    insta::assert_snapshot!(why(&folder(silent, &rows), "--match silent --key 7"), @r##"
    silent, card 7: 3 matches in 3 events from 2024-05-01T12:00:00Z to 2024-05-01T12:01:40Z
    match by card last: payments then not another: payments for 30s
    match 1: run 1, from 2024-05-01T12:00:00Z to 2024-05-01T12:00:30Z: last
      row { card: 7, amount: 40.00, at: @2024-05-01T12:00:30Z }
    match 2: run 2, from 2024-05-01T12:00:40Z to 2024-05-01T12:01:10Z: last
      dropped by the `where` behind the pattern: `amount > 10.00`: 5.00 > 10.00
    match 3: run 3, from 2024-05-01T12:01:40Z to 2024-05-01T12:02:10Z: last
      dropped by the `where` behind the pattern: `amount > 10.00`: 9.00 > 10.00
    3 runs began: 3 matched

    2024-05-01T12:00:00Z  payments { amount: 40.00 }
        run 1: begun with last; waiting for `not payments for 30s` until 2024-05-01T12:00:30Z
    2024-05-01T12:00:30Z  (no event: time passed, known by an event of payments at 2024-05-01T12:00:40Z)
        run 1: `not payments for 30s` holds: match 1
    2024-05-01T12:00:40Z  payments { amount: 5.00 }
        run 2: begun with last; waiting for `not payments for 30s` until 2024-05-01T12:01:10Z
    2024-05-01T12:01:10Z  (no event: time passed, known by an event of payments at 2024-05-01T12:01:30Z)
        run 2: `not payments for 30s` holds: match 2
    2024-05-01T12:01:40Z  payments { amount: 9.00 }
        run 3: begun with last; waiting for `not payments for 30s` until 2024-05-01T12:02:10Z
    2024-05-01T12:02:10Z  (no event: time passed, known by the end of payments)
        run 3: `not payments for 30s` holds: match 3
    "##);
}

#[test]
fn of_many_events_those_are_told_that_matter() {
    let rows: Vec<(&str, f64, u32)> =
        (0..50).map(|n| ("7", f64::from(100 - n), n)).chain([("7", 99.5, 55)]).collect();
    let told = why(&folder(RISING, &rows), "--match rising --key DE,7 --limit 4");
    assert!(told.lines().filter(|line| line.starts_with("2024")).count() == 4, "{told}");
    assert!(told.contains("moments left out") && told.contains("runs 2–"), "{told}");
    // It fits one screen.
    let told = why(&folder(RISING, &rows), "--match rising --key DE,7");
    assert!(told.lines().count() < 80, "{told}");
}

#[test]
fn whether_a_table_has_a_key_is_told_of_the_clause_that_asks() {
    let program = "table known: { card: int, since: int } key card from file(\"known.ndjson\")
stream spent =
  from payments
  where amount > 1.00 and card in known
  select amount
stream others = from payments where card not in known select amount
";
    let rows = [("7", 41.0, 0), ("null", 9.0, 20), ("7", 0.5, 30), ("8", 42.0, 40), ("9", 43.0, 50)];
    let folder = folder(program, &rows);
    folder.write("known.ndjson", "{\"card\":7,\"since\":1}\n");
    insta::assert_snapshot!(why(&folder, "--stream spent"), @r##"
    spent: 1 row
    read from payments: 5 rows
    read from known: 1 row
    from payments: 5 rows
    where amount > 1.00 and card in known
      5 in, 1 out, 4 dropped
      `card in known` did not hold for 3 rows, last of { card: 9, amount: 43.00 }: card is 9
      `amount > 1.00` did not hold for 1 row, last of { card: 7, amount: 0.50 }: 0.50 > 1.00
    select amount
      1 in, 1 out
    its rows:
      { amount: 41.00 }
    "##);
    insta::assert_snapshot!(why(&folder, "--stream others"), @r##"
    others: 2 rows
    read from payments: 5 rows
    read from known: 1 row
    from payments: 5 rows
    where card not in known
      5 in, 2 out, 3 dropped
      `card not in known` did not hold for 3 rows, last of { card: 7, amount: 0.50 }: card is 7
    select amount
      2 in, 2 out
    its rows:
      { amount: 42.00 }
      { amount: 43.00 }
    "##);
    insta::assert_snapshot!(folder.run("preview p.stream spent").code(0).stdout, @r##"
    payments: 5 rows of payments.ndjson
    known: 1 row of known.ndjson

    stream spent
    from payments: 5 rows
        country  card  amount  at
        ───────  ────  ──────  ────────────────────
        DE          7   41.00  2024-05-01T12:00:00Z
        DE       null    9.00  2024-05-01T12:00:20Z
        DE          7    0.50  2024-05-01T12:00:30Z
        DE          8   42.00  2024-05-01T12:00:40Z
        DE          9   43.00  2024-05-01T12:00:50Z
    where amount > 1.00 and card in known
      5 in, 1 out, 4 dropped
      `card in known` did not hold for 3 rows, last of { country: "DE", card: 9, amount: 43.00, at: @2024-05-01T12:00:50Z }: card is 9
      `amount > 1.00` did not hold for 1 row, last of { country: "DE", card: 7, amount: 0.50, at: @2024-05-01T12:00:30Z }: 0.50 > 1.00
        country  card  amount  at
        ───────  ────  ──────  ────────────────────
        DE          7   41.00  2024-05-01T12:00:00Z
    select amount
      1 in, 1 out
        amount
        ──────
         41.00
    "##);
}

#[test]
fn clauses_tell_what_they_dropped_and_what_is_waited_for() {
    let program = "stream spent =
  from payments
  where amount > 1.00 and card is not null
  let share = 100.00 / (amount - 40.00)
  window tumbling 1m
  group by card
  select card, count() as n, max(share) as share
";
    let rows = [
        ("7", 41.0, 0),
        ("7", 40.0, 10),
        ("null", 9.0, 20),
        ("7", 0.5, 70),
        ("8", 42.0, 80),
        ("7", 43.0, 50),
    ];
    let folder = folder(program, &rows);
    insta::assert_snapshot!(why(&folder, "--stream spent"), @r##"
    spent: 2 rows
    read from payments: 6 rows, 1 late
    from payments: 6 rows
    where amount > 1.00 and card is not null
      6 in, 4 out, 2 dropped
      `amount > 1.00` did not hold for 1 row, last of { card: 7, amount: 0.50 }: 0.50 > 1.00
      `card is not null` did not hold for 1 row, last of { card: null, amount: 9.00 }: card is null
    let share = 100.00 / (amount - 40.00)
      4 in, 3 out, 1 failed
      1 × p.stream:8:15: division by zero, first of {"card":7,"amount":40.00,"at":"2024-05-01T12:00:10Z"}
    window tumbling 1m
      3 in, 3 out
    group by card
    select card, count() as n, max(share) as share
      3 in, 2 out, 1 left out as late
    its rows:
      { card: 7, n: 1, share: 100.00000000 }
      { card: 8, n: 1, share: 50.00000000 }
    when the last row had been read, before the input ended, there waited:
      1 window of `select card, count() as n, max(share) as share`, the first until the watermark reaches 2024-05-01T12:02:00Z
        they wait for payments (payments.ndjson): its watermark is 2024-05-01T12:01:15Z, the greatest time that came less its disorder of 5s
    the end of the input let go of it
    "##);
    insta::assert_snapshot!(why(&folder, "--stream spent --key 8 --at 2024-05-01T12:01:20Z"), @r##"
    spent, card 8: 0 rows, as of 2024-05-01T12:01:20Z
    read from payments: 6 rows, 1 late
    from payments: 1 row
    where amount > 1.00 and card is not null
      1 in, 1 out
    let share = 100.00 / (amount - 40.00)
      1 in, 1 out, 1 failed
      1 × p.stream:8:15: division by zero, first of {"card":7,"amount":40.00,"at":"2024-05-01T12:00:10Z"}
    window tumbling 1m
      1 in, 1 out
    group by card
    select card, count() as n, max(share) as share
      1 in, 0 out, 1 left out as late
    what waits:
      1 window of `select card, count() as n, max(share) as share`, the first until the watermark reaches 2024-05-01T12:02:00Z
        they wait for payments (payments.ndjson): its watermark is 2024-05-01T12:01:15Z, the greatest time that came less its disorder of 5s
    "##);
}

#[test]
fn joins_tell_why_there_is_no_partner() {
    let program = "stream paid =
  from payments as p
  join refunds as r on r.card == p.card within 0s..10s
  select p.card as card, p.amount as amount, r.why as why

source refunds: { card: int, why: string, at: timestamp }
  from file(\"refunds.ndjson\") format json
  time at
";
    let folder = folder(program, &[("7", 41.0, 0), ("8", 42.0, 1), ("null", 43.0, 2), ("9", 44.0, 3)]);
    let refund = |card: u32, second: u32| {
        format!("{{\"card\":{card},\"why\":\"x\",\"at\":\"2024-05-01T12:00:{second:02}Z\"}}\n")
    };
    folder.write("refunds.ndjson", [refund(7, 5), refund(8, 30)].concat());
    insta::assert_snapshot!(why(&folder, "--stream paid"), @r##"
    paid: 1 row
    read from payments: 4 rows
    read from refunds: 2 rows
    from payments: 4 rows
    join refunds as r on r.card == p.card within 0s..10s
      4 in, 1 out
      on the other side 2 rows
      1 row with the key null, which equals nothing, last { card: null, amount: 43.00 }
      1 row whose key never came on the other side, last 9 of { card: 9, amount: 44.00 }
      1 row whose partners came outside of 0s..10s, last { card: 8, amount: 42.00 } at 2024-05-01T12:00:01Z: the nearest came 29s after
    select p.card as card, p.amount as amount, r.why as why
      1 in, 1 out
    its rows:
      { card: 7, amount: 41.00, why: "x" }
    "##);
}

#[test]
fn look_ups_tell_why_there_is_nothing_in_the_table() {
    let program = "table known: { card: int, limit: decimal(2) } key card from file(\"known.ndjson\")
table rates: { card: int, rate: int, since: timestamp } key card from file(\"rates.ndjson\") time since
stream spent =
  from payments as p
  join known as k on k.card == p.card and p.amount < k.limit
  select p.card as card, p.amount as amount
stream rated =
  from payments as p
  left join rates as r on r.card == p.card as of p.at - 1s within 10s
  select p.card as card, r.rate as rate
stream unknown =
  from payments as p
  anti join known as k on k.card == p.card
  select card, amount
";
    let rows = [("7", 41.0, 0), ("null", 9.0, 20), ("7", 0.5, 30), ("8", 42.0, 40), ("9", 43.0, 50)];
    let folder = folder(program, &rows);
    folder.write("known.ndjson", "{\"card\":7,\"limit\":20.00}\n{\"card\":8,\"limit\":50.00}\n").write(
        "rates.ndjson",
        "{\"card\":7,\"rate\":1,\"since\":\"2024-05-01T11:59:55Z\"}\n{\"card\":8,\"rate\":2,\"since\":\"2024-05-01T12:02:00Z\"}\n",
    );
    insta::assert_snapshot!(why(&folder, "--stream spent"), @r##"
    spent: 2 rows
    read from payments: 5 rows
    read from known: 2 rows
    from payments: 5 rows
    join known as k on k.card == p.card and p.amount < k.limit
      5 in, 2 out
      1 row with the key null, which equals nothing, last { card: null, amount: 9.00 }
      1 row whose key was not in known when it came, last 9 of { card: 9, amount: 43.00 }
      `p.amount < k.limit` did not hold for 1 pair, last of { card: 7, amount: 41.00 }: 41.00 < 20.00
    select p.card as card, p.amount as amount
      2 in, 2 out
    its rows:
      { card: 7, amount: 0.50 }
      { card: 8, amount: 42.00 }
    "##);
    insta::assert_snapshot!(why(&folder, "--stream spent --key 7"), @r##"
    spent, card 7: 1 row
    read from payments: 5 rows
    read from known: 2 rows
    from payments: 2 rows
    join known as k on k.card == p.card and p.amount < k.limit
      2 in, 1 out
      `p.amount < k.limit` did not hold for 1 pair, last of { card: 7, amount: 41.00 }: 41.00 < 20.00
    select p.card as card, p.amount as amount
      1 in, 1 out
    its rows:
      { card: 7, amount: 0.50 }
    "##);
    insta::assert_snapshot!(why(&folder, "--stream rated"), @r##"
    rated: 5 rows
    read from payments: 5 rows
    read from rates: 2 rows
    from payments: 5 rows
    left join rates as r on r.card == p.card as of p.at - 1s within 10s
      5 in, 5 out
      1 row with the key null, which equals nothing, last { card: null, at: @2024-05-01T12:00:20Z }
      1 row whose key is not in rates, last 9 at 2024-05-01T12:00:49Z of { card: 9, at: @2024-05-01T12:00:50Z }
      1 row whose key was not in rates at the time asked for, as it is at the end, last 8 at 2024-05-01T12:00:39Z of { card: 8, at: @2024-05-01T12:00:40Z }
      1 row of whose key the version in rates was older than 10s, last 7 at 2024-05-01T12:00:29Z of { card: 7, at: @2024-05-01T12:00:30Z }: that is of 2024-05-01T11:59:55Z
    select p.card as card, r.rate as rate
      5 in, 5 out
    the last rows:
      { card: 7, rate: null }
      { card: 8, rate: null }
      { card: 9, rate: null }
    "##);
    insta::assert_snapshot!(why(&folder, "--stream rated --at 2024-05-01T12:00:45Z"), @r##"
    rated: 0 rows, as of 2024-05-01T12:00:45Z
    read from payments: 4 rows
    read from rates: 1 row
    from payments: 4 rows
    left join rates as r on r.card == p.card as of p.at - 1s within 10s
      4 in, 0 out
    select p.card as card, r.rate as rate
      0 in, 0 out
    what waits:
      4 rows of `left join rates as r on r.card == p.card as of p.at - 1s within 10s`, the first until the watermark reaches 2024-05-01T11:59:59Z
        they wait for rates (rates.ndjson): its watermark is 2024-05-01T11:59:55Z, the greatest time that came
    "##);
    insta::assert_snapshot!(why(&folder, "--stream unknown"), @r##"
    unknown: 2 rows
    read from payments: 5 rows
    read from known: 2 rows
    from payments: 5 rows
    anti join known as k on k.card == p.card
      5 in, 2 out
      3 rows found in known, last { card: 8, amount: 42.00, at: @2024-05-01T12:00:40Z }
    select card, amount
      2 in, 2 out
    its rows:
      { card: null, amount: 9.00 }
      { card: 9, amount: 43.00 }
    "##);
}

#[test]
fn look_ups_are_told_of_rows_and_keys() {
    let program = "table t: { card: int, shop: string } key card from file(\"t.ndjson\")
table v: { card: int, low: decimal(2), since: timestamp } key card from file(\"v.ndjson\") time since
stream new = from payments as p anti join t on t.shop == p.country select p.card as card
stream one = from payments as p left join t on t.card == p.card select p.amount as amount
stream two = from payments as p join t on t.card == p.card semi join v on v.card == p.card select p.amount as amount
stream none = from payments as p semi join v on v.low > p.amount select p.amount as amount
";
    let rows = [("7", 41.0, 0), ("8", 42.0, 10), ("7", 43.0, 20)];
    let folder = folder(program, &rows);
    folder.write("t.ndjson", "{\"card\":7,\"shop\":\"DE\"}\n{\"card\":8,\"shop\":\"DE\"}\n");
    folder.write("v.ndjson", "{\"card\":8,\"low\":1.00,\"since\":\"2024-05-01T12:01:00Z\"}\n");
    let lines = |question: &str, about: &str| -> Vec<String> {
        let told = why(&folder, question);
        told.lines().filter(|line| line.contains(about)).map(|line| line.trim().to_string()).collect()
    };
    // Each has two rows of its country there.
    let found = lines("--stream new", "found in t");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("3 rows found in t, last {"), "{found:?}");
    // Behind the join nothing reads the card.
    assert_eq!(lines("--stream one --key 7", " out"), ["2 in, 2 out", "2 in, 3 out of all keys"]);
    let missing = lines("--stream two --key 7", "whose key");
    assert!(missing[0].starts_with("2 rows whose key is not in v, last 7 at "), "{missing:?}");
    let missing = lines("--stream two --key 8", "whose key");
    assert!(
        missing[0].starts_with("1 row whose key was not in v at the time asked for, as it is"),
        "{missing:?}"
    );
    let missing = lines("--stream none", "rows that");
    assert!(missing[0].starts_with("3 rows that found no row in v, last {"), "{missing:?}");
}

/// A field that nothing reads cannot make a record unreadable, neither in a run nor here.
#[test]
fn what_nothing_reads_is_not_looked_at() {
    let folder = folder(
        "stream two =
  match by card
    a: payments then b: payments
  within 1m
  select card, b.amount as amount
",
        &[("7", 41.0, 0)],
    );
    // No `country`, and a number that is none.
    let lines = "{\"card\":7,\"amount\":1.00,\"at\":\"2024-05-01T12:00:05Z\"}\n";
    folder.write("payments.ndjson", payments(&[("7", 41.0, 0)]) + lines);
    assert_eq!(folder.run("run -q p.stream").code(0).stdout, "{\"card\":7,\"amount\":1.00}\n");
    let told = why(&folder, "--match two --key 7");
    assert!(
        told.contains("two, card 7: 1 match in 2 events") && !told.contains("could not be read"),
        "{told}"
    );
    let told = why(&folder, "--stream two");
    assert!(told.contains("two: 1 row\nread from payments: 2 rows\n"), "{told}");
}

#[test]
fn no_event_of_the_key_is_no_error() {
    let told = why(&folder(RISING, &[("7", 41.0, 0), ("71", 41.0, 0)]), "--match rising --key DE,8");
    insta::assert_snapshot!(told, @r##"
    rising, country "DE", card 8: no match, as no event came
    there are events of DE,7
    "##);
    // Nor is an input without any row.
    let told = why(&folder(RISING, &[]), "--match rising --key DE,8");
    assert_eq!(
        told,
        "rising, country \"DE\", card 8: no match, as no event came\nno event came of any key\n"
    );
    assert!(why(&folder(RISING, &[]), "--stream rising").starts_with("rising: 0 rows\n"));
}

#[test]
fn questions_that_cannot_be_answered_say_why() {
    let folder = folder(RISING, &[("7", 41.0, 0)]);
    folder.write(
        "q.stream",
        format!("{PAYMENTS}\nstream all_of = from payments where amount > 1.00\n{RISING}"),
    );
    let wrong = |question: &str| folder.run(&format!("why {question}")).code(64).stderr;
    assert!(wrong("q.stream --match rissing --key 7").contains("ask for `rising`"));
    assert!(wrong("q.stream --match all_of").contains("`--stream all_of`"));
    assert!(wrong("q.stream --match payments").contains("is a source without a pattern"));
    assert!(wrong("q.stream --match rising").contains("say which: `--key DE,7`"));
    assert!(wrong("q.stream --match rising --key DE").contains("the key has 2 parts, and 1 is given"));
    assert!(wrong("q.stream --match rising --key DE,seven").contains("`seven` is no int, as `card` is"));
    assert!(wrong("q.stream --stream all_of --key 7").contains("leave `--key` out"));
    assert!(wrong("q.stream --stream al_of").contains("ask for `all_of`"));
    assert!(wrong("q.stream --match rising --key DE,7 --at noon").contains("--at noon: expected a time"));
    assert!(wrong("q.stream").contains("--match"));
    assert!(wrong("q.stream --match rising --stream all_of").contains("cannot be used with"));
    assert!(wrong("q.stream --match rising --source paiments=x.ndjson").contains("error[E0926]"));
    folder
        .run("why q.stream --match rising --key DE,7 --source payments=none.ndjson")
        .code(1)
        .stderr_has("E0902");
    folder
        .run_with("why q.stream --match rising --key DE,7 --source payments=-", payments(&[("7", 1.0, 0)]))
        .code(0);
    folder.write("wrong.stream", "stream a = from nowhere");
    folder.run("why wrong.stream --stream a").code(2).stderr_has("E0203");
}
