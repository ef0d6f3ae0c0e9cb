//! How formatted programs look. To add a case: a program, an empty inline snapshot, `cargo insta review`.

use millstream_base::FileId;

fn formatted(text: &str) -> String {
    millstream_syntax::format(FileId(0), text).unwrap_or_else(|found| panic!("{found:?}"))
}

#[test]
fn items_are_parted_by_one_blank_line() {
    let text = "\n\n\nparam a:int=1\nparam b:int\n\n\nparam c: int
use std.stats
type A={x:int}
type B = {x: int, y: string?}
-- about c

-- and more
stream c=from b
--- doc of d
stream d=from b";
    insta::assert_snapshot!(formatted(text), @"
    param a: int = 1
    param b: int

    param c: int

    use std.stats

    type A = { x: int }

    type B = {
      x: int,
      y: string?,
    }
    -- about c

    -- and more
    stream c =
      from b

    --- doc of d
    stream d =
      from b
    ");
}

#[test]
fn comments_below_an_item_stay_with_it() {
    let text = "stream a =
  from b  -- one
  where x > 1 -- two
  -- where y > 1

  -- not below
-- at the margin
stream c =
  from d
    -- select x
-- the end";
    insta::assert_snapshot!(formatted(text), @"
    stream a =
      from b       -- one
      where x > 1  -- two
      -- where y > 1

    -- not below
    -- at the margin
    stream c =
      from d
      -- select x
    -- the end
    ");
}

#[test]
fn sources_and_sinks_stay_on_one_line_if_they_are() {
    let text = r#"source a: { x: int, at: timestamp } from test time at disorder 5s
source b: B key id
  from kafka(topic: "b") format json(changes: debezium) time at
  on error sideline to file("r.ndjson")
source a_source_that_is_too_long_for_one_line: Payment from kafka(brokers: "localhost:9092", topic: "clicks", group: "demo") format json
  time at disorder 10s idle 30s ahead 1h
table customers: Customer key id from file("customers.csv") format csv refresh 5m
table sessions key user delete when kind=="logout" = from logins select user, host
sink report from spend to postgres(url: env("DATABASE_URL"), table: "spend", mode: upsert) on error retry 5 backoff 100ms .. 10s then sideline to file("report.rejected.ndjson")
sink out from errors(spend) to stdout format json ordered
"#;
    insta::assert_snapshot!(formatted(text), @r#"
    source a: { x: int, at: timestamp } from test time at disorder 5s

    source b: B key id
      from kafka(topic: "b") format json(changes: debezium)
      time at
      on error sideline to file("r.ndjson")

    source a_source_that_is_too_long_for_one_line: Payment
      from kafka(brokers: "localhost:9092", topic: "clicks", group: "demo") format json
      time at disorder 10s idle 30s ahead 1h

    table customers: Customer key id from file("customers.csv") format csv refresh 5m

    table sessions key user delete when kind == "logout" =
      from logins
      select user, host

    sink report from spend
      to postgres(url: env("DATABASE_URL"), table: "spend", mode: upsert)
      on error retry 5 backoff 100ms..10s then sideline to file("report.rejected.ndjson")

    sink out from errors(spend) to stdout format json ordered
    "#);
}

#[test]
fn long_clauses_break_into_their_parts() {
    let text = r#"stream a = from orders as o
  left join shipments_of_the_year as s on s.order_number == o.order_number and s.warehouse == o.warehouse within 0s..4h
  where amount > 1000.00 and (country not in ["US", "CA", "MX"] or merchant_category like "%gambling%") and not known
  let risk = if amount > 1000.00 then 3 else if amount > 100.00 and country == "US" then 2 else 1, x = 2
  select user, count(distinct merchant_category) filter (where merchant_category is not null) as categories, sum(amount)
  top 10 by sum(amount_of_the_order_in_euros) desc, count_of_the_orders_of_that_user asc per country expire 1d
  group by country_of_the_merchant_who_was_paid as country, currency_of_the_payment_in_question until last_payment
  select approx_percentile(amount_of_the_order_in_euros - shipping_cost_of_the_order_in_euros, 0.95 + a) as p
  window tumbling 5m offset 1h lateness 1h fill (n: 0, price: previous) for 1d by a_long_key, another_long_key expire 1d
  emit every 10s
"#;
    insta::assert_snapshot!(formatted(text), @r#"
    stream a =
      from orders as o
      left join shipments_of_the_year as s
        on s.order_number == o.order_number and s.warehouse == o.warehouse
        within 0s..4h
      where amount > 1000.00
        and (country not in ["US", "CA", "MX"] or merchant_category like "%gambling%")
        and not known
      let
        risk = if amount > 1000.00 then 3 else if amount > 100.00 and country == "US" then 2 else 1,
        x = 2
      select
        user,
        count(distinct merchant_category) filter (where merchant_category is not null) as categories,
        sum(amount)
      top 10 by sum(amount_of_the_order_in_euros) desc, count_of_the_orders_of_that_user asc
        per country
        expire 1d
      group by country_of_the_merchant_who_was_paid as country, currency_of_the_payment_in_question
        until last_payment
      select approx_percentile(
        amount_of_the_order_in_euros - shipping_cost_of_the_order_in_euros,
        0.95 + a,
      ) as p
      window tumbling 5m
        offset 1h
        lateness 1h
        fill (n: 0, price: previous) for 1d
        by a_long_key, another_long_key
        expire 1d
      emit every 10s
    "#);
}

#[test]
fn patterns_have_a_line_per_step() {
    let text = r#"stream a = match once per 1d by card a: payments[amount < 5.00 and (count(a) > 0 or merchant_category == "probe" or country != "US")]{3,} adjacent
   then within 5s (b: payments[amount > 500.00] or c: logins[country != first(a).country and device != first(a).device])
   then not x:payments for (a.ttl) max 1d within 10m or timeout reuse a limit 10 select *"#;
    insta::assert_snapshot!(formatted(text), @r#"
    stream a =
      match once per 1d by card
        a: payments[
          amount < 5.00 and (count(a) > 0 or merchant_category == "probe" or country != "US")
        ]{3,} adjacent
        then within 5s (
          b: payments[amount > 500.00]
          or c: logins[country != first(a).country and device != first(a).device]
        )
        then not x: payments for (a.ttl) max 1d
      within 10m or timeout
      reuse a
      limit 10
      select *
    "#);
}

#[test]
fn rows_of_tests_have_a_line_each() {
    let text = r#"test "x" { given a [{x:1,at:+0s},{x:2,at:+1s}] advance to +10m

  expect b [{n:1}] expect b [
    {n:1}] expect c unordered []
  expect d count 3 }"#;
    insta::assert_snapshot!(formatted(text), @r#"
    test "x" {
      given a [
        { x: 1, at: +0s },
        { x: 2, at: +1s },
      ]
      advance to +10m

      expect b [{ n: 1 }]
      expect b [
        { n: 1 },
      ]
      expect c unordered []
      expect d count 3
    }
    "#);
}

#[test]
fn commas_end_broken_lists_only() {
    let text = "fn f(a:int,b:int,)->list<int> = [a,b,]
fn g(a: int) -> int = f(a, -- first
  a) + - - a
type T = {
  a: int -- last
}";
    insta::assert_snapshot!(formatted(text), @"
    fn f(a: int, b: int) -> list<int> = [a, b]

    fn g(a: int) -> int =
      f(
        a,  -- first
        a,
      )
        + - -a

    type T = {
      a: int,  -- last
    }
    ");
}

#[test]
fn backticks_stay_only_where_a_name_could_be_read_as_a_word() {
    let text = "stream `a` =\n  match `by`: s\n  within `day`\n  select `x`, `select`, `größe`, `time`\n";
    insta::assert_snapshot!(formatted(text), @"
    stream a =
      match
        `by`: s
      within `day`
      select x, `select`, `größe`, `time`
    ");
}

#[test]
fn literals_keep_their_spelling() {
    let text = r#"fn f() -> json = [1_000_000, 1e-3, 2.5E+10, @2024-05-01, 1h30m, "\u{e9}", r"\w", f"{ a+b }{{", 0.50]"#;
    insta::assert_snapshot!(formatted(text), @r#"fn f() -> json = [1_000_000, 1e-3, 2.5E+10, @2024-05-01, 1h30m, "\u{e9}", r"\w", f"{ a+b }{{", 0.50]"#);
}

#[test]
fn files_without_items() {
    assert_eq!(formatted(""), "");
    assert_eq!(formatted("\n\n \r\n"), "");
    assert_eq!(formatted("\n  -- only this\n\n\n-- and this"), "-- only this\n\n-- and this\n");
    assert_eq!(formatted("\u{feff}param a: int\n"), "param a: int\n");
}

#[test]
fn wrong_programs_are_not_formatted() {
    let found = millstream_syntax::format(FileId(0), "param a: int = § 1\nparam").expect_err("it is wrong");
    assert!(found.iter().any(|d| d.code.name() == "E0001"));
}

#[test]
fn long_expressions_break_at_their_operators() {
    let text = r#"fn level(amount: decimal(2), country: string?, merchant_category: string?) -> string = if amount > 1000.00 then "high" else if amount > 100.00 and country == "US" then "middle" else "low"
fn label(first_name: string, last_name: string, street: string, city: string) -> string = if first_name == "" and last_name == "" then street ++ ", " ++ city else if last_name == "" then first_name ++ " of " ++ street ++ ", " ++ city ++ ", known by the first name only" else last_name
fn all_of(a: list<{ name: string, values: list<float> }>, limits: map<float>) -> list<{ name: string, over: list<float> }> = [{ name: x.name, over: [v for v in x.values if v > (get(limits, x.name) ?? 1000000.0)] } for x in a if length(x.values) > 0]
fn both(x: int) -> bool = x + 1000000000000000 * 3 > 1000000000000000000 - 4 or x in [1000000000000, 2000000000000, 3000000000000, 4000000000000, 5000000000000, 6000000000000]
"#;
    insta::assert_snapshot!(formatted(text), @r#"
    fn level(amount: decimal(2), country: string?, merchant_category: string?) -> string =
      if amount > 1000.00 then "high"
        else if amount > 100.00 and country == "US" then "middle"
        else "low"

    fn label(first_name: string, last_name: string, street: string, city: string) -> string =
      if first_name == "" and last_name == "" then street ++ ", " ++ city
        else if last_name == ""
          then first_name ++ " of " ++ street ++ ", " ++ city ++ ", known by the first name only"
        else last_name

    fn all_of(a: list<{ name: string, values: list<float> }>, limits: map<float>) -> list<{
      name: string,
      over: list<float>,
    }> =
      [
        { name: x.name, over: [v for v in x.values if v > (get(limits, x.name) ?? 1000000.0)] }
        for x in a
        if length(x.values) > 0
      ]

    fn both(x: int) -> bool =
      x + 1000000000000000 * 3 > 1000000000000000000 - 4
        or x in [
          1000000000000,
          2000000000000,
          3000000000000,
          4000000000000,
          5000000000000,
          6000000000000,
        ]
    "#);
}

#[test]
fn deep_and_long_programs_are_formatted() {
    for (open, close) in
        [("(", ")"), ("[", "]"), ("f(", ")"), ("- ", ""), ("if a then b else ", ""), ("{ a: ", " }")]
    {
        let text = format!("fn f() -> int = {}1{}", open.repeat(200), close.repeat(200));
        let out = formatted(&text);
        assert_eq!(formatted(&out), out);
    }
    let chain = format!("fn f() -> int = 1{}\n", " + 1".repeat(200));
    assert_eq!(formatted(&chain).lines().count(), 202);
}

#[test]
fn lines_end_as_they_do_in_the_file() {
    let unix = "param a: int  -- one\n\n--- Doc.\nstream s =\n  from t\n  where a > 1\n";
    let windows = unix.replace('\n', "\r\n");
    assert_eq!(formatted(unix), unix);
    assert_eq!(formatted(&windows), windows);
    assert_eq!(formatted(&windows.replace("  where", "where").replace("int  --", "int --")), windows);
    assert_eq!(formatted(&unix.replacen('\n', "\r\n", 1)), windows);
}
