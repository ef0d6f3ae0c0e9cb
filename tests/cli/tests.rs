//! `millstream test`: what tests see, how differences are shown, which tests run, exit codes.

use crate::support::{Folder, Ran};

const PROGRAM: &str = "\
source clicks: { user: string, n: int, at: timestamp }
  from kafka(topic: \"never asked\", brokers: env(\"NOT_SET\")) format json
  time at disorder 5s

stream totals =
  from clicks
  window tumbling 1m
  group by user
  select user, sum(n) as total, window.start as opened
";

fn test(items: &str) -> Ran {
    let folder = Folder::new();
    folder.write("p.stream", format!("{PROGRAM}\n{items}"));
    folder.run("test p.stream")
}

/// The output without times.
fn shown(ran: Ran, code: i32) -> String {
    let text = ran.code(code).stdout;
    let mut out = String::new();
    for line in text.lines() {
        let line = match line.rfind(" ms") {
            Some(end) => {
                let start = line[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |i| i + 1);
                format!("{}N{}", &line[..start], &line[end..])
            }
            None => line.to_string(),
        };
        out += &format!("{line}\n");
    }
    out
}

/// A test whose expectations all hold.
macro_rules! passes {
    ($($test:ident $steps:literal;)*) => {
        $(#[test]
        fn $test() {
            let shown = shown(test(concat!("test \"t\" {", $steps, "}\n")), 0);
            assert_eq!(shown, "p.stream\n  ok      t  (N ms)\n1 test: 1 passed, 0 failed in N ms\n");
        })*
    };
}

passes! {
    rows_are_compared_in_order_before_the_last_expectations_the_inputs_end r#"
        given clicks [
          { user: "a", n: 1, at: +1s }, { user: "b", n: 2, at: +2s }, { user: "a", n: 3, at: +1m },
        ]
        expect totals [
          { user: "a", total: 1, opened: +0s }, { user: "b", total: 2, opened: +0s },
          { user: "a", total: 3, opened: +1m },
        ]"#;
    columns_left_out_are_not_compared r#"
        given clicks [ { user: "a", n: 1, at: +1s }, { user: "b", n: 2, at: +2s } ]
        expect totals unordered [ { total: 2 }, { user: "a" } ]"#;
    a_row_that_fits_several_expected_ones_is_given_to_the_one_that_needs_it r#"
        given clicks [ { user: "a", n: 1, at: +1s }, { user: "b", n: 1, at: +2s } ]
        expect totals unordered [ { total: 1 }, { user: "a" } ]"#;
    some_of_the_rows_are_enough_for_contains r#"
        given clicks [ { user: "a", n: 1, at: +1s }, { user: "b", n: 2, at: +2s } ]
        expect totals contains [ { user: "b", total: 2 } ]"#;
    nothing_comes_of_nothing r#"
        expect totals empty
        expect totals count 0
        expect totals []"#;
    each_expectation_sees_what_came_since_the_one_before r#"
        given clicks [ { user: "a", n: 1, at: +1s }, { user: "a", n: 2, at: +1m6s } ]
        expect totals [ { total: 1 } ]
        given clicks [ { user: "a", n: 3, at: +2m6s } ]
        expect totals [ { total: 2 } ]
        given clicks [ ]
        expect totals [ { total: 3 } ]
        expect totals empty"#;
    a_stream_keeps_its_rows_until_it_is_asked r#"
        given clicks [ { user: "a", n: 1, at: +1s }, { user: "a", n: 2, at: +1m6s } ]
        expect late(clicks) empty
        given clicks [ { user: "a", n: 3, at: +2m6s } ]
        expect totals count 3"#;
    advance_moves_the_watermark_and_nothing_ends_behind_it r#"
        given clicks [ { user: "a", n: 1, at: +1s }, { user: "a", n: 2, at: +90s } ]
        advance to +59s
        expect totals [ { total: 1 } ]
        advance to +2m
        expect totals [ { total: 2 } ]"#;
    a_window_closes_when_time_reaches_its_end r#"
        given clicks [ { user: "a", n: 1, at: +1s } ]
        advance to +59s
        expect totals empty
        advance to +1m
        expect totals count 1"#;
    rows_behind_an_advance_are_late r#"
        advance to +10s
        given clicks [ { user: "a", n: 1, at: +9s }, { user: "a", n: 2, at: +10s } ]
        expect late(clicks) [ { n: 1 } ]
        expect totals [ { total: 2 } ]"#;
    rows_are_late_by_the_disorder_of_their_source r#"
        given clicks [ { user: "a", n: 1, at: +10s }, { user: "a", n: 2, at: +5s }, { user: "a", n: 4, at: +4s } ]
        expect late(clicks) [ { user: "a", n: 4, at: +4s } ]
        expect errors(clicks) empty
        expect totals [ { total: 3 } ]"#;
    times_can_be_absolute r#"
        given clicks [ { user: "a", n: 1, at: @2024-05-01T00:00:10Z } ]
        expect totals [ { opened: @2024-05-01 } ]"#;
    failed_rows_are_a_stream r#"
        given clicks [ { user: "a", n: 9223372036854775807, at: +1s }, { user: "a", n: 1, at: +2s } ]
        expect errors(totals) count 1
        expect totals empty"#;
}

#[test]
fn differences_are_shown_as_a_table() {
    let steps = |expected: &str| {
        format!(
            "test \"t\" {{\n  given clicks [\n    {{ user: \"a\", n: 1, at: +1s }},\n    {{ user: \"b\", n: 2, at: +2s }},\n    \
             {{ user: \"c\", n: 3, at: +3s }},\n  ]\n  expect totals {expected}\n}}\n"
        )
    };
    let rows = "[\n    { user: \"a\", total: 1 },\n    { user: \"b\", total: 22, opened: +0s },\n    { user: \"x\", total: 9, opened: +9m },\n  ]";
    insta::assert_snapshot!("rows_that_differ", shown(test(&steps(rows)), 3));
    insta::assert_snapshot!(
        "rows_out_of_order",
        shown(test(&steps("[ { user: \"b\" }, { user: \"a\" }, { user: \"c\" } ]")), 3)
    );
    insta::assert_snapshot!(
        "rows_that_are_missing",
        shown(test(&steps("contains [ { user: \"b\" }, { user: \"z\" }, { user: \"a\", total: 5 } ]")), 3)
    );
    insta::assert_snapshot!("rows_where_there_should_be_none", shown(test(&steps("empty")), 3));
    insta::assert_snapshot!("other_number_of_rows", shown(test(&steps("count 4")), 3));
}

#[test]
fn every_expectation_that_fails_is_told() {
    let items = "test \"t\" { given clicks [ { user: \"a\", n: 1, at: +1s } ] expect totals empty expect late(clicks) count 2 }\n";
    let told = test(items).code(3).stdout;
    assert_eq!(told.matches("error[E0810]").count(), 2, "{told}");
}

#[test]
fn rows_come_from_files_too() {
    let folder = Folder::new();
    folder.write(
        "sub/rows.csv",
        "at,n,user\n2000-01-01T00:00:01Z,1,a\n2000-01-01T00:00:02Z,many,a\n2000-01-01T00:00:03Z,3,b\n",
    );
    folder.write("sub/rows.ndjson", "{\"user\":\"a\",\"n\":4,\"at\":\"2000-01-01T00:00:04Z\"}\n");
    let items = "
test \"t\" {
  given clicks from \"rows.csv\"
  given clicks from \"rows.ndjson\"
  expect totals [ { user: \"a\", total: 5 }, { user: \"b\", total: 3 } ]
  expect errors(clicks) [ { place: \"clicks record 2\" } ]
}
test \"no such file\" {
  given clicks from \"nothing.csv\"
  expect totals empty
}
";
    folder.write("sub/p.stream", format!("{PROGRAM}{items}"));
    let told = folder.run("test sub/p.stream").code(3).stdout;
    assert!(told.contains("  ok      t  (") && told.contains("error[E0902]"), "{told}");
}

#[test]
fn a_source_that_stops_at_a_bad_row_fails_the_test() {
    let folder = Folder::new();
    folder.write("rows.ndjson", "nonsense\n");
    let program = PROGRAM.replace("  time at", "  on error fail\n  time at");
    folder.write(
        "p.stream",
        format!("{program}test \"t\" {{ given clicks from \"rows.ndjson\" expect totals empty }}\n"),
    );
    let told = folder.run("test p.stream").code(3).stdout;
    assert!(told.contains("error[E0801]"), "{told}");
}

/// Three programs in two folders: one of two tests, one of a test that fails, one without tests.
fn several() -> Folder {
    let folder = Folder::new();
    let one = |name: &str, expected: &str| {
        format!(
            "test \"{name}\" {{ given clicks [ {{ user: \"a\", n: 1, at: +1s }} ] expect totals {expected} }}\n"
        )
    };
    folder.write(
        "a.stream",
        format!("{PROGRAM}{}{}", one("first of a", "count 1"), one("second of a", "count 1")),
    );
    folder.write("below/b.stream", format!("{PROGRAM}{}", one("first of b <&>", "empty")));
    folder.write("below/none.stream", "stream broken = from nothing\n");
    folder.write(".hidden/c.stream", "test broken\n");
    folder
}

#[test]
fn programs_with_tests_are_found_in_folders() {
    let folder = several();
    let told = folder.run("test").code(3).stdout;
    assert!(told.starts_with("a.stream\n  ok      first of a  ("), "{told}");
    assert!(told.contains("\nbelow/b.stream\n  FAILED  first of b <&>  ("), "{told}");
    assert!(told.contains("\n3 tests: 2 passed, 1 failed in "), "{told}");
    let told = folder.run("test a.stream below --filter first").code(3).stdout;
    assert!(told.contains("\n2 tests: 1 passed, 1 failed in "), "{told}");
    folder.run("test a.stream --filter first").code(0);
    folder.run("test --filter nowhere").code(64).stderr_has("error[E0966]: no test is called `nowhere`");
    let near = folder.shell("$M test --filter 'first of c'").code(64);
    near.stderr_has("the tests are `first of a`, ").stderr_has("│ test --filter 'first of a'");
    folder.run("test missing.stream").code(64).stderr_has("error[E0970]: cannot read `missing.stream`");
    Folder::new().run("test").code(64).stderr_has("error[E0966]: no .stream program below `.` has a test");
}

#[test]
fn the_test_that_is_called_so_runs_alone() {
    let folder = Folder::new();
    let tests = ["x", "x y", "-z", ""].map(|name| format!("test \"{name}\" {{ expect none empty }}\n"));
    let source = "source clicks: { user: string } from file(\"c.ndjson\") format json\n";
    folder.write("p.stream", format!("{source}stream none = from clicks\n{}", tests.concat()));
    for (name, line) in [("x", "  ok      x  ("), ("-z", "  ok      -z  ("), ("", "  ok        (")] {
        let told = folder.shell(&format!("$M test p.stream --exact '--filter={name}'")).code(0).stdout;
        assert!(told.contains(line) && told.contains("\n1 test: 1 passed"), "{told}");
    }
    let near = folder.shell("$M test p.stream --filter X --exact").code(64);
    near.stderr_has("no test is called `X`\n").stderr_has("did you mean `x`?");
    folder.run("test p.stream --exact").code(64).stderr_has("--filter <TEXT>");
}

#[test]
fn a_program_that_is_wrong_is_reported_and_the_others_run() {
    let folder = several();
    let ran = folder.run("test below/none.stream a.stream").code(2).stderr_has("error[E0203]");
    assert!(ran.stdout.contains("2 tests: 2 passed, 0 failed, 1 program wrong in "), "{}", ran.stdout);
}

#[test]
fn tests_of_used_files_belong_to_these() {
    let folder = several();
    let main = "use \"a.stream\"\nstream more = from totals\ntest \"of main\" { given clicks [ { user: \"a\", n: 1, at: +1s } ] expect more count 1 }\n";
    folder.write("main.stream", main);
    let told = folder.run("test main.stream").code(0).stdout;
    assert!(told.contains("1 test: 1 passed"), "{told}");
}

#[test]
fn parameters_can_be_given() {
    let folder = Folder::new();
    let items = "param least: int\nstream big = from clicks where n > least\n\
        test \"t\" { given clicks [ { user: \"a\", n: 5, at: +1s } ] expect big count 1 }\n";
    folder.write("p.stream", format!("{PROGRAM}{items}"));
    folder.run("test p.stream").code(2).stderr_has("error[E0213]");
    folder.run("test p.stream --set least=4").code(0);
    folder.run("test p.stream --set least=5").code(3);
}

#[test]
fn build_servers_get_xml() {
    let folder = several();
    folder.run("test a.stream below/b.stream below/none.stream --junit results.xml").code(2);
    let xml = folder.read("results.xml");
    for part in [
        "<testsuite name=\"a.stream\" tests=\"2\" failures=\"0\" errors=\"0\" time=\"",
        "<testcase classname=\"a.stream\" name=\"first of a\" time=\"",
        "<testcase classname=\"below/b.stream\" name=\"first of b &lt;&amp;&gt;\" time=\"",
        "<failure message=\"error[E0810]: `totals` has 1 row, and the test expects none\">",
        "<testsuite name=\"below/none.stream\" tests=\"1\" failures=\"0\" errors=\"1\"",
    ] {
        assert!(xml.contains(part), "{part} is not in\n{xml}");
    }
    folder
        .run("test a.stream --junit no/such/folder.xml")
        .code(1)
        .stderr_has("error[E0907]: cannot write `no/such/folder.xml`");
}

#[test]
fn thorough_runs_change_nothing() {
    let folder = Folder::new();
    let told = several().run("test a.stream --thorough").code(0).stdout;
    assert!(told.ends_with(", each thoroughly (seed 42)\n"), "{told}");
    let items = "stream big = from clicks where n > 1 select user, n\n\
        test \"t\" { given clicks [ { user: \"a\", n: 1, at: +4s }, { user: \"b\", n: 2, at: +1s }, \
        { user: \"c\", n: 3, at: +2s } ] expect big [ { n: 2 }, { n: 3 } ] }\n";
    folder.write("p.stream", format!("{PROGRAM}{items}"));
    let told = folder.run("test p.stream --thorough --seed 7").code(0).stdout;
    assert!(told.ends_with(", each thoroughly (seed 7)\n"), "{told}");
}

#[test]
fn both_engines_run_tests() {
    several().run("test a.stream --engine reference").code(0);
}
