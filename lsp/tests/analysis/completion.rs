//! What may be written under the cursor.

use crate::helper::PAYMENTS;
use millstream_lsp::analysis::{Insert, completion};

/// The first so many answers at `$0` of what follows [`PAYMENTS`].
fn first(n: usize, rest: &str) -> String {
    let marked = format!("{PAYMENTS}{rest}");
    let offset = marked.find("$0").expect("a cursor");
    let text = marked.replace("$0", "");
    let found = completion("main.stream", &text, offset, &mut |_, _| Err("no files".to_string()));
    let mut shown = format!("replaces {:?}\n", text.get(found.replace).unwrap_or("?"));
    for item in found.items.iter().take(n) {
        let insert = match &item.insert {
            Insert::Text(text) if *text == item.label => String::new(),
            Insert::Text(text) => format!(" → {text:?}"),
            Insert::Snippet(text) => format!(" → snippet {text:?}"),
        };
        shown += &format!("{:?} {} · {}{insert}\n", item.kind, item.label, item.detail);
    }
    shown
}

fn labels(rest: &str) -> String {
    let all = first(usize::MAX, rest);
    let label = |line: &str| Some(line.split_once(' ')?.1.split_once(" · ")?.0.to_string());
    all.lines().skip(1).filter_map(label).collect::<Vec<_>>().join(" ")
}

#[test]
fn types_between_their_signs_and_how_times_are_written() {
    for marked in ["type T = { a: list<$0> }", "type T = { a: map<$0> }"] {
        assert_eq!(
            labels(marked),
            "Payment T bool int float decimal string bytes timestamp duration json list map"
        );
    }
    assert_eq!(labels("type T = { a: timestamp as $0 }"), "epoch_s epoch_ms epoch_us epoch_ns");
    assert_eq!(labels("type T = { a: timestamp? as epoch_m$0 }"), "epoch_ms");
}

#[test]
fn fields_of_records_in_given_rows() {
    assert_eq!(labels("test \"t\" { given payments [{ card: \"a\", place: { $0 } }] }"), "city zip");
    assert_eq!(labels("test \"t\" { given payments [{ place: { city: \"b\", $0 } }] }"), "city zip");
}

#[test]
fn the_value_of_a_parameter_is_not_made_of_itself() {
    assert!(!labels("param most: int = 3\nparam least: int = $0").contains("least"));
}

#[test]
fn columns_in_scope_first() {
    insta::assert_snapshot!(first(14, "stream a = from payments as p where $0"));
}

#[test]
fn columns_of_the_right_type_first() {
    insta::assert_snapshot!(first(4, "stream a = from payments let n = 1 where card == $0"));
}

#[test]
fn texts_of_a_union() {
    insta::assert_snapshot!(first(3, "stream a = from payments where status == $0"));
    insta::assert_snapshot!(first(3, "stream a = from payments where status == \"o$0\""));
}

#[test]
fn names_behind_a_point() {
    insta::assert_snapshot!(first(20, "stream a = from payments as p where p.$0\n  select card"));
    insta::assert_snapshot!(first(20, "stream a = from payments where place.$0"));
    insta::assert_snapshot!(first(
        20,
        "stream a = from payments window tumbling 1h group by card select window.$0"
    ));
}

#[test]
fn variables_of_a_pattern() {
    insta::assert_snapshot!(first(
        5,
        "stream a = match by card first_one: payments then other: payments[amount > fir$0"
    ));
}

#[test]
fn columns_below_an_aggregating_select() {
    assert_eq!(
        labels(
            "stream a = from payments window tumbling 1h group by card select card, count() as num where nu$0"
        ),
        "num null_if_empty null format_number minute unique geohash_longitude"
    );
}

#[test]
fn aggregates_in_a_select() {
    insta::assert_snapshot!(first(
        3,
        "stream a = from payments window tumbling 1h group by card select card, su$0"
    ));
    insta::assert_snapshot!(first(
        3,
        "stream a = from payments window tumbling 1h group by card select sum(am$0"
    ));
}

#[test]
fn streams_behind_from() {
    insta::assert_snapshot!(first(
        6,
        "stream first = from payments\nstream second = from $0\nstream third = from first"
    ));
}

#[test]
fn clauses_that_may_follow() {
    insta::assert_snapshot!(labels("stream a = from payments\n  $0"));
    insta::assert_snapshot!(labels(
        "stream a = from payments as p left join payments as q on p.card == q.card $0"
    ));
    insta::assert_snapshot!(labels("stream a = from payments window $0"));
}

#[test]
fn items_at_the_end() {
    insta::assert_snapshot!(first(3, "stream a = from payments\n\nsin$0"));
}

#[test]
fn types() {
    insta::assert_snapshot!(labels("fn f(x: $0"));
    assert_eq!(labels("param p: sec$0"), "secret");
    assert_eq!(labels("param p: list<sec$0"), "");
}

#[test]
fn connectors_formats_and_options() {
    insta::assert_snapshot!(first(9, "stream a = from payments\nsink out from a to $0"));
    insta::assert_snapshot!(first(9, "stream a = from payments\nsink out from a to stdout format $0"));
    insta::assert_snapshot!(first(9, "source b: Payment from kafka($0"));
    insta::assert_snapshot!(first(9, "source b: Payment from file(\"a\", fol$0"));
}

#[test]
fn columns_where_only_one_may_stand() {
    assert_eq!(
        labels("source b: Payment from file(\"a\") format json time $0"),
        "card amount country status tags place at"
    );
    assert_eq!(labels("stream a = from payments select * except (ca$0"), "card");
}

#[test]
fn columns_by_which_clauses_go() {
    for clause in [
        "from payments dedupe by ca$0 within 1h",
        "from payments dedupe by ca$0",
        "from payments throttle 3 per 1m by ca$0",
        "from payments changes of ca$0",
        "match by ca$0\n  a: payments then b: payments\n  within 1h\n  select a.card",
    ] {
        let found = labels(&format!("stream a = {clause}"));
        assert_eq!(found.split(' ').next(), Some("card"), "{clause}: {found}");
    }
    for clause in [
        "from payments dedupe by $0",
        "from payments dedupe by $0 within 1h",
        "from payments unnest $0",
        "from payments unnest $0 as tag",
        "match by $0\n  a: payments then b: payments\n  within 1h\n  select a.card",
    ] {
        let found = labels(&format!("stream a = {clause}"));
        assert!(found.contains("card amount country status tags place at"), "{clause}: {found}");
    }
    for clause in ["from payments unnest ta$0", "from payments unnest ta$0 as tag"] {
        let found = labels(&format!("stream a = {clause}"));
        assert_eq!(found.split(' ').next(), Some("tags"), "{clause}: {found}");
    }
}

#[test]
fn columns_of_what_must_not_come() {
    for pattern in ["not n: payments[n.$0] then b: payments within 1h", "not n: payments[n.$0"] {
        let found = labels(&format!("stream a = match by card a: payments then {pattern}"));
        assert_eq!(found, "card amount country status tags place at");
    }
}

#[test]
fn units_of_time() {
    insta::assert_snapshot!(first(9, "stream a = from payments window tumbling 5$0"));
}

#[test]
fn sizes_of_clauses() {
    insta::assert_snapshot!(first(99, "stream a = from payments window tumbling $0"));
    assert_eq!(labels("stream a = from payments window tumbling d$0"), "day 1d");
    assert_eq!(labels("stream a = from payments window tumbling mo$0"), "month");
    let durations = "least 1s 1m 1h 1d 1w 1ms 1us";
    for sized in [
        "stream a = from payments window session $0",
        "stream a = from payments window sliding $0",
        "stream a = from payments window hopping 1h every $0",
        "stream a = from payments window tumbling 1h offset $0",
        "stream a = from payments window tumbling 1h lateness $0",
        "stream a = from payments group by card expire $0",
        "stream a = from payments window tumbling 1h emit every $0",
        "stream a = from payments join payments as p on p.card == card within $0",
        "stream a = match by card x: payments then y: payments within $0",
        "source b: Payment from file(\"b\") format json time at disorder $0",
    ] {
        let found = labels(&format!("param least: duration = 1h\n{sized}"));
        assert!(found.starts_with(durations), "{sized}: {found}");
    }
    assert_eq!(labels("param most: int = 3\nstream a = from payments top $0"), "most");
    assert_eq!(labels("stream a = from payments top 3$0"), "");
    assert!(labels("stream a = from payments window tumbling (2 * le$0").starts_with("length"));
}

#[test]
fn moments() {
    insta::assert_snapshot!(first(9, "stream a = from payments where at > @$0"));
    assert_eq!(labels("stream a = from payments where at > @20$0"), "@2024-01-01 @2024-01-01T12:00:00Z");
    assert_eq!(labels("stream a = from payments @$0"), "");
    assert_eq!(labels("@$0"), "");
}

#[test]
fn aggregates_where_there_is_a_group() {
    let own = "aggregate sumless(x: int) -> int { state n: int = 0 add n = n + x result n }\n";
    let found = |rest: &str| labels(&format!("{own}{rest}"));
    assert_eq!(found("stream a = from payments where sum$0"), "list_sum");
    assert_eq!(found("stream a = from payments let n = sum$0"), "list_sum");
    assert_eq!(found("stream a = from payments where row_nu$0"), "");
    assert_eq!(
        found("stream a = from payments group by card expire 1h select sum$0"),
        "sumless sum list_sum"
    );
    assert!(found("stream a = match by card x: payments then y: payments[amount > su$0").contains(" sum "));
}

#[test]
fn rows_that_were_set_aside() {
    assert_eq!(labels("stream a = from late($0"), "payments");
    assert_eq!(labels("stream a = from errors(pa$0)"), "payments");
    assert_eq!(labels("stream a = from la$0"), "late");
}

#[test]
fn options_that_are_not_given_yet() {
    assert_eq!(labels("source b: Payment from file(\"a\", $0"), "follow max_line");
    assert_eq!(labels("source b: Payment from file(\"a\", f$0, max_line: 1)"), "follow");
    assert_eq!(labels("source b: Payment from file(follow: true, $0"), "path max_line");
    let of_time = |text: &str| {
        let labels = labels(&format!("source b: Payment from file(\"a\") time at {text}$0"));
        ["disorder", "idle"].map(|word| labels.split(' ').any(|label| label == word))
    };
    assert_eq!(of_time(""), [true, true]);
    assert_eq!(of_time("disorder 5s "), [false, true]);
    assert_eq!(of_time("disorder 5s idle 1m "), [false, false]);
}

#[test]
fn columns_in_rows_of_a_test() {
    assert_eq!(
        labels("test \"t\" {\n  given payments [\n    { card: \"a\", a$0"),
        "amount at card status tags place"
    );
}

#[test]
fn behind_a_broken_clause() {
    insta::assert_snapshot!(first(2, "stream a = from payments\n  where amount > > 2\n  select ca$0"));
}

#[test]
fn nothing_in_a_comment() {
    assert_eq!(labels("-- from pay$0"), "");
}

#[test]
fn a_name_that_needs_backticks() {
    insta::assert_snapshot!(first(
        2,
        "source b: { `select`: int, at: timestamp } from file(\"b\")\nstream a = from b where sel$0"
    ));
}

#[test]
fn names_of_arguments() {
    let of_call = |call: &str| first(6, &format!("stream a = from payments let x = {call}"));
    insta::assert_snapshot!(of_call("prev(amount, $0)"));
    insta::assert_snapshot!(of_call("prev(amount, by: card, $0"));
    insta::assert_snapshot!(of_call("hour(at, zo$0)"));
    insta::assert_snapshot!(of_call("prev(amount, by: ca$0)"));
}

#[test]
fn time_zones() {
    insta::assert_snapshot!(first(3, "stream a = from payments window tumbling day in \"berl$0\""));
    insta::assert_snapshot!(first(3, "stream a = from payments window tumbling day in \"berl$0"));
    insta::assert_snapshot!(first(3, "stream a = from payments let x = hour(at, \"kolk$0\")"));
    insta::assert_snapshot!(first(3, "stream a = from payments let x = hour(at, zone: \"kolk$0\")"));
}

/// The path that is being written, and what goes on with it.
fn paths(rest: &str) -> String {
    let marked = format!("{PAYMENTS}{rest}");
    let offset = marked.find("$0").expect("a cursor");
    let text = marked.replacen("$0", "", 1);
    let mut found = completion("main.stream", &text, offset, &mut |_, _| Err("no files".to_string()));
    let Some(path) = &found.path else { return "no path".to_string() };
    let mut shown =
        format!("{:?} of {}\n", path.folder, if path.is_of_program { "a program" } else { "data" });
    found.add_paths(
        [("types.stream", false), ("tests", true), ("a $.csv", false)].map(|(n, f)| (n.to_string(), f)),
    );
    for item in &found.items {
        shown += &format!("{:?} {} → {:?}\n", item.kind, item.label, item.insert);
    }
    shown + &format!("replaces {}", &text[found.replace])
}

#[test]
fn paths_of_programs_and_data() {
    insta::assert_snapshot!(paths("use \"ty$0\""));
    insta::assert_snapshot!(paths("use \"../shared/t$0\nstream a = from payments"));
    insta::assert_snapshot!(paths("source a: Payment from file(\"$0\") format csv"));
    insta::assert_snapshot!(paths("source a: Payment from file(path: \"a$0\") format csv"));
    insta::assert_snapshot!(paths("test \"t\" { given payments from \"$0\" }"));
    assert_eq!(paths("stream a = from payments where card == \"$0\""), "no path");
}

#[test]
fn keys_and_aggregates_before_what_only_aggregates_can_take() {
    let found = labels("stream a = from payments window tumbling 1h group by card select $0");
    let order = ["card window.start window.end", " count sum avg ", " amount country status ", " lower "];
    let places = order.map(|words| found.find(words).unwrap_or_else(|| panic!("{words}: {found}")));
    assert!(places.is_sorted() && found.starts_with(order[0]), "{found}");
    assert!(!found.contains("payments.card"), "{found}");
    let of_two = "payments as p join payments as q on p.card == q.card within 1h";
    let found = labels(&format!("stream a = from {of_two} group by p.card as c expire 1h select $0"));
    assert!(found.starts_with("c count ") && found.contains(" p.card "), "{found}");
    // In an aggregate they are what is asked for.
    let found = labels("stream a = from payments group by card expire 1h select sum($0");
    assert!(found.starts_with("card amount "), "{found}");
}

#[test]
fn what_no_run_carries_out_comes_last() {
    assert_eq!(labels("stream a = from payments\nsink out from a to $0"), "file stdout kafka postgres http");
    assert_eq!(labels("source b: Payment from $0"), "file nexmark kafka postgres http");
}

#[test]
fn modules_of_the_library() {
    let found = labels("use $0");
    assert!(found.starts_with("std.text ") && found.contains(" std.stats"), "{found}");
    assert!(labels("use std.st$0").starts_with("stats"));
    assert!(labels("use std.stats (zs$0").starts_with("zscore"));
}

#[test]
fn what_a_test_gives_rows_to() {
    let program = "stream a = from payments\ntable t: Payment key card from file(\"t.csv\")\n";
    assert_eq!(labels(&format!("{program}test \"t\" {{ given $0")), "payments t");
    assert_eq!(labels(&format!("{program}test \"t\" {{ expect $0")), "a payments t late errors");
}
