//! `millstream graph`: the dataflow of a program as text and as a drawing.

use crate::support::{Folder, programs_below};
use std::path::Path;

/// Sources, tables, joins, windows, side streams and several sinks.
const SHOP: &str = r#"type Order = { id: int, customer: int, total: decimal(2), at: timestamp }
source orders: Order from file("orders.ndjson") format json time at disorder 10s
source shipments: { order: int, at: timestamp } from file("shipments.csv") format csv time at disorder 1m
table customers: { id: int, name: string, country: string? } key id from file("customers.csv") format csv

stream named =
  from orders as o
  left join customers as c on c.id == o.customer
  select o.id, o.total, c.country, o.at

stream shipped =
  from orders as o
  left join shipments as s on s.order == o.id within 0s..4h
  select o.id, s.at as shipped

stream hourly =
  from named
  window tumbling 1h
  group by country
  select country, sum(total) as revenue
  where revenue > 0.00

sink revenue from hourly to stdout format json
sink missing from shipped to file("missing.ndjson") format json
sink too_late from late(orders) to file("late.ndjson") format json
sink broken from errors(named) to file("errors.ndjson") format json
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("shop.stream", SHOP);
    folder
}

#[test]
fn a_dataflow_is_drawn_as_text() {
    insta::assert_snapshot!(folder().run("graph shop.stream").code(0).stdout);
}

#[test]
fn a_dataflow_is_drawn_as_svg() {
    let folder = folder();
    assert_eq!(folder.run("graph shop.stream --svg shop.svg").code(0).stdout, "");
    let drawn = folder.read("shop.svg");
    assert_eq!(folder.run("graph shop.stream --svg -").code(0).stdout, drawn);
    insta::assert_snapshot!(drawn);
}

#[test]
fn any_text_of_a_program_can_be_drawn() {
    let folder = Folder::new();
    let program = "source `größe 価格 <&>`: { `a\"b`: string } from file(\"a&<b>.csv\") format csv
stream s = from `größe 価格 <&>` where `a\"b` == \"<![CDATA[\\u{1}&amp;\" select length(`a\"b`) as n\n";
    folder.write("p.stream", program);
    insta::assert_snapshot!(folder.run("graph p.stream").code(0).stdout);
    let drawn = folder.run("graph p.stream --svg -").code(0).stdout;
    let plain = drawn.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
    assert!(!plain.contains('&') && !drawn.contains("<!["), "{drawn}");
}

#[test]
fn all_examples_can_be_drawn() {
    let folder = Folder::new();
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"));
    for program in programs_below(examples).iter().filter(|path| !path.ends_with("events.stream")) {
        let drawn = folder.run(&format!("graph {}", program.display())).code(0).stdout;
        assert!(drawn.contains("│ source ") && drawn.contains('▼'), "{}\n{drawn}", program.display());
    }
}

#[test]
fn a_slip_replaces_no_program() {
    let folder = folder();
    folder.write("wrong.stream", "stream s = from nothing\n").write("empty.stream", "-- nothing yet\n");
    for (arguments, code, said) in [
        ("graph shop.stream --svg shop.stream", 64, "error[E0964]: `shop.stream` is no name of a picture"),
        ("graph shop.stream --svg none/shop.svg", 64, "error[E0907]: cannot write `none/shop.svg`"),
        ("graph wrong.stream", 2, "error[E0203]"),
        ("graph empty.stream", 2, "error[E0971]: the program declares no source, table or stream"),
        ("graph none.stream", 64, "error[E0970]: cannot read `none.stream`"),
    ] {
        folder.run(arguments).code(code).stderr_has(said);
    }
    assert_eq!(folder.read("shop.stream"), SHOP);
}

#[test]
fn wide_programs_are_drawn_in_the_width_of_a_page() {
    let folder = Folder::new();
    let source =
        |n: usize| format!("source rows{n}: {{ a: int }} from file(\"rows{n}.ndjson\") format json\n");
    let stream = |n: usize| format!("stream large{n} =\n  from rows{n}\n  where a > {n} and a < {n}000000\n");
    let sources: String = (0..7).map(source).collect();
    let streams: String = (0..7).map(stream).collect();
    folder.write("wide.stream", format!("{sources}{streams}stream all =\n  from large0\n  union large1, large2, large3, large4, large5, large6\n"));
    let drawn = folder.run("graph wide.stream").code(0).stdout;
    let width = drawn.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    assert!((90..=120).contains(&width), "{width}\n{drawn}");
    assert_eq!(drawn.matches("│ stream ").count(), 8, "{drawn}");
}
