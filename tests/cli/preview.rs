//! `millstream preview`: a program over a sample of its inputs.

use crate::support::Folder;

const VISITS: &str = r#"source visits: { user: string, page: string, seconds: int, at: timestamp as epoch_s }
  from file("visits.csv") format csv
  time at disorder 5s

table pages: { page: string, title: string } key page
  from file("pages.csv") format csv

stream long =
  from visits
  where seconds >= 10
  let minutes = div(60, seconds - 11)
  select user, page, minutes, at

stream titled =
  from long as l
  join pages as p on p.page == l.page
  select l.user, p.title

stream counted =
  from long
  window tumbling 1m
  group by user
  select user, count() as n

sink out from counted to file("out.ndjson") format json
sink names from titled to stdout format json
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("p.stream", VISITS);
    folder.write("pages.csv", "page,title\n/a,Start\n/b,Shop\n");
    folder.write(
        "visits.csv",
        "user,page,seconds,at\nada,/a,12,1714564800\nbob,/b,3,1714564801\nada,/b,11,1714564802\nada,/c,40,1714564803\nbob,/a,x,1714564804\nbob,/a,13,1714564790\n",
    );
    folder
}

const TEST: &str = r#"
test "two long visits" {
  given visits [
    { user: "cleo", page: "/a", seconds: 30, at: +0s },
    { user: "cleo", page: "/b", seconds: 5, at: +1s },
  ]
  given pages [ { page: "/a", title: "Given" } ]
  expect long count 1
}
"#;

#[test]
fn all_clauses_of_all_streams_are_shown() {
    let folder = folder();
    insta::assert_snapshot!(folder.run("preview p.stream --rows 2").code(0).stdout);
    assert!(!folder.path().join("out.ndjson").exists(), "a preview writes nothing");
}

#[test]
fn a_stream_a_source_and_a_table_can_be_named() {
    let folder = folder();
    let of = |name: &str| folder.run(&format!("preview p.stream {name}")).code(0).stdout;
    let counted = of("counted");
    assert!(
        counted.contains("\nstream counted\nfrom long: ") && !counted.contains("stream long"),
        "{counted}"
    );
    assert!(!counted.contains("pages: "), "what it does not read is not read: {counted}");
    assert!(of("visits").contains("source visits\nfrom visits: 5 rows\n"), "{}", of("visits"));
    assert!(of("pages").contains("from pages: 2 rows\n    page  title\n"), "{}", of("pages"));
}

#[test]
fn of_a_source_all_columns_are_shown() {
    let folder = folder();
    let brief = VISITS
        .split("stream titled")
        .next()
        .unwrap_or_default()
        .replace("select user, page,", "select user,");
    folder.write("p.stream", format!("{brief}sink out from long to stdout format json\n"));
    let told = folder.run("preview p.stream visits --rows 1").code(0).stdout;
    assert!(told.contains("    user  page  seconds  at\n"), "{told}");
    let told = folder.run("preview p.stream long --rows 1").code(0).stdout;
    assert!(told.contains("    user  page  seconds  at\n"), "{told}");
}

#[test]
fn where_there_is_no_input_the_rows_of_a_test_are_taken() {
    let folder = folder();
    std::fs::remove_file(folder.path().join("visits.csv")).expect("there is one");
    folder.write("p.stream", format!("{VISITS}{TEST}"));
    let told = folder.run("preview p.stream titled").code(0).stdout;
    assert!(
        told.starts_with("visits: 2 rows given by test \"two long visits\"\npages: 1 row given by"),
        "{told}"
    );
    assert!(told.contains("cleo  Given"), "{told}");
    // What the command line names wins.
    folder.write("other.ndjson", "{\"user\":\"dora\",\"page\":\"/a\",\"seconds\":20,\"at\":1714564800}\n");
    let told = folder.run("preview p.stream titled --source visits=other.ndjson").code(0).stdout;
    assert!(told.contains("other.ndjson") && told.contains("dora  Start"), "{told}");
}

#[test]
fn a_program_without_streams_shows_its_sources() {
    let folder = folder();
    let declared = VISITS.split("\ntable").next().unwrap_or_default();
    folder.write("p.stream", declared);
    let told = folder.run("preview p.stream --rows 1").code(0).stdout;
    insta::assert_snapshot!(told, @r#"
    visits: 6 rows of visits.csv, 1 late, 1 unreadable
      1 × visits.csv record 5: field `seconds`: expected int, found "x", first of bob,/a,x,1714564804

    source visits
    from visits: 5 rows
        user  page  seconds  at
        ────  ────  ───────  ────────────────────
        ada   /a         12  2024-05-01T12:00:00Z
        … 4 rows more
    "#);
}

#[test]
fn of_large_inputs_the_beginning_is_read() {
    let folder = folder();
    let rows: String = (0..12_000).map(|n| format!("ada,/a,{n},{}\n", 1_714_564_800 + n)).collect();
    folder.write("visits.csv", format!("user,page,seconds,at\n{rows}"));
    let told = folder.run("preview p.stream long").code(0).stdout;
    assert!(told.starts_with("visits: the first 10,000 rows of "), "{told}");
}

#[test]
fn what_cannot_be_shown_is_said() {
    let folder = folder();
    folder.write("wrong.stream", "stream s = from nothing\n").write("empty.stream", "-- nothing yet\n");
    folder.write("far.stream", VISITS.replace("visits.csv", "far.csv"));
    for (arguments, code, said) in [
        ("preview p.stream longs", 64, "ask for `long`"),
        ("preview far.stream", 1, "error[E0965]: there are no rows to preview `visits` with"),
        ("preview far.stream", 1, "cannot read"),
        ("preview wrong.stream", 2, "error[E0203]"),
        ("preview empty.stream", 2, "error[E0971]: the program declares no source, table or stream"),
        ("preview none.stream", 64, "error[E0970]: cannot read `none.stream`"),
        ("preview p.stream --rows 0", 64, "--rows"),
        ("preview p.stream --source visit=visits.csv", 64, "error[E0926]"),
    ] {
        folder.run(arguments).code(code).stderr_has(said);
    }
}

const SALES: &str = r#"source sales: { shop: string, amount: int, note: string, at: timestamp as epoch_s }
  from file("sales.ndjson") format json
  time at disorder 5s

stream large = from sales where amount > 1

stream by_shop = from large where amount < 100 select shop, amount

sink out from by_shop to stdout format json
"#;

#[test]
fn a_bad_field_drops_a_row_only_where_it_is_needed() {
    let folder = Folder::new();
    folder.write("p.stream", SALES);
    let (good, bad) =
        (r#"{"shop":"a","amount":5,"note":"x","at":1}"#, r#"{"shop":"b","amount":6,"note":7,"at":2}"#);
    folder.write("sales.ndjson", format!("{good}\n"));
    let shown = folder.run("preview p.stream by_shop").code(0).stdout;
    assert!(shown.contains("shop  amount  note  at"), "all columns of what is read: {shown}");
    folder.write("sales.ndjson", format!("{good}\n{bad}\n"));
    assert_eq!(folder.run("run p.stream").code(0).stdout.lines().count(), 2, "a run keeps both rows");
    insta::assert_snapshot!(folder.run("preview p.stream").code(0).stdout);
}

#[test]
fn columns_of_one_name_are_told_apart() {
    let folder = Folder::new();
    folder
        .write("a.ndjson", "{\"id\":1,\"card\":\"x\",\"at\":\"2024-05-01T12:00:00Z\"}\n")
        .write("b.ndjson", "{\"id\":2,\"card\":\"x\",\"at\":\"2024-05-01T12:00:10Z\"}\n")
        .write(
            "p.stream",
            "type Card = { id: int, card: string, at: timestamp }
source a: Card from file(\"a.ndjson\") format json time at
source b: Card from file(\"b.ndjson\") format json time at
stream both =
  from a
  semi join b as other on other.card == a.card within 1m
  join b as later on later.card == a.card within 1m
  where later.id > a.id
  where later.id < 2
  select a.id, later.id as next
",
        );
    insta::assert_snapshot!(folder.run("preview p.stream both").code(0).stdout);
}
